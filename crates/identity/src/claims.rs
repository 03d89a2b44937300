//! Rival claims to one id, and which of them holds.

use crate::rows::Standing;
use crate::rules::Rules;
use crumbtrail_events::{EventTime, Key};

/// What said that an id is a customer's. Codes are stored in snapshots: append only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum How {
    /// A touchpoint that carried both ids.
    Seen = 0,
    /// A login, an identify or alias call.
    Login = 1,
    /// A support entry that carried both ids.
    Support = 2,
    /// An operator.
    Operator = 3,
    /// An alias call that names two customer ids.
    Alias = 4,
}

const ALL: [How; 5] = [How::Seen, How::Login, How::Support, How::Operator, How::Alias];

impl How {
    /// The word in the table.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            How::Seen => "seen",
            How::Login => "login",
            How::Support => "support",
            How::Operator => "operator",
            How::Alias => "alias",
        }
    }

    /// The value with this code.
    #[must_use]
    pub fn from_code(code: u8) -> Option<How> {
        ALL.get(usize::from(code)).copied()
    }
}

/// One customer's claim: the earliest of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    pub(crate) customer: Box<str>,
    pub(crate) person: Key,
    /// Event time; [`EventTime::MAX`] if it was only ever undone.
    pub(crate) at: EventTime,
    /// Hash of the event id.
    pub(crate) id: u64,
    pub(crate) how: How,
    /// An operator took it back.
    pub(crate) is_undone: bool,
}

impl Claim {
    /// The lesser wins: what an operator says, else what came first.
    fn rank(&self) -> (bool, EventTime, u64, Key) {
        (self.how != How::Operator, self.at, self.id, self.person)
    }

    /// The event time from which anonymous touchpoints are this customer's.
    pub(crate) fn reaches_from(&self, rules: &Rules) -> EventTime {
        if self.how == How::Operator { EventTime::MIN } else { self.at.plus(-rules.look_back_ms) }
    }
}

/// Customers whose claims to one id are kept: the earliest. Nobody shares a device with more, and a public one is nobody's.
const MOST: usize = 8;

/// The claims to one id, one per customer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Claims(pub(crate) Vec<Claim>);

/// Who holds an id, and since when its anonymous touchpoints are theirs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Holder {
    pub(crate) person: Key,
    from: EventTime,
}

impl Holder {
    /// Whose an anonymous touchpoint of `key` is.
    pub(crate) fn whose(holder: Option<Holder>, key: Key, at: EventTime) -> Key {
        holder.filter(|holder| at >= holder.from).map_or(key, |holder| holder.person)
    }
}

impl Claims {
    fn winner(&self) -> Option<&Claim> {
        self.0.iter().filter(|claim| !claim.is_undone).min_by_key(|claim| claim.rank())
    }

    /// Who holds the id.
    pub(crate) fn holder(&self, rules: &Rules) -> Option<Holder> {
        self.winner().map(|claim| Holder { person: claim.person, from: claim.reaches_from(rules) })
    }

    /// How this claim stands beside its rivals.
    pub(crate) fn standing(&self, claim: &Claim) -> Standing {
        match self.winner() {
            _ if claim.is_undone => Standing::Undone,
            Some(winner) if winner.person == claim.person => Standing::Linked,
            _ => Standing::Rival,
        }
    }

    /// The claim of this person.
    pub(crate) fn of(&self, person: Key) -> Option<&Claim> {
        self.0.iter().find(|claim| claim.person == person)
    }

    /// Takes a claim; whether it changed anything.
    pub(crate) fn take(&mut self, customer: &str, person: Key, at: EventTime, id: u64, how: How) -> bool {
        let is_operator = how == How::Operator;
        if let Some(known) = self.0.iter_mut().find(|claim| claim.person == person) {
            let is_earlier = (at, id) < (known.at, known.id);
            let is_news = if is_operator { known.how != how || known.is_undone } else { is_earlier };
            if !is_news || (known.how == How::Operator && !is_operator) {
                return false;
            }
            (known.at, known.id, known.how) = (at, id, how);
            known.is_undone &= !is_operator;
            return true;
        }
        let claim = Claim { customer: customer.into(), person, at, id, how, is_undone: false };
        if self.0.len() >= MOST {
            let rival = |(_, claim): &(usize, &Claim)| !claim.is_undone;
            let last = self.0.iter().enumerate().filter(rival).max_by_key(|(_, claim)| claim.rank());
            match last.map(|(place, last)| (place, last.rank() > claim.rank())) {
                Some((place, true)) => drop(self.0.remove(place)),
                _ => return false,
            }
        }
        self.0.push(claim);
        self.0.sort_by_key(|claim| claim.person);
        true
    }

    /// An operator says that the id is not this customer's, now or later; whether it changed anything.
    pub(crate) fn undo(&mut self, customer: &str, person: Key, id: u64) -> bool {
        match self.0.iter_mut().find(|claim| claim.person == person) {
            Some(claim) if claim.is_undone => false,
            Some(claim) => {
                claim.is_undone = true;
                true
            }
            None => {
                let at = EventTime::MAX;
                self.0.push(Claim { customer: customer.into(), person, at, id, how: How::Operator, is_undone: true });
                self.0.sort_by_key(|claim| claim.person);
                true
            }
        }
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.0.capacity() * size_of::<Claim>() + self.0.iter().map(|claim| claim.customer.len()).sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(customer: &str) -> Key {
        Key::customer("shop", customer)
    }

    fn held(claims: &Claims) -> Option<Key> {
        claims.holder(&Rules::default()).map(|holder| holder.person)
    }

    #[test]
    fn the_least_in_time_and_id_wins_whatever_comes_first() {
        let said = [("b", 20, 1), ("a", 10, 2), ("c", 10, 3), ("a", 30, 0)];
        for turn in 0..said.len() {
            let mut claims = Claims::default();
            for (customer, at, id) in said.iter().cycle().skip(turn).take(said.len()) {
                claims.take(customer, key(customer), EventTime(*at), *id, How::Seen);
            }
            assert_eq!(held(&claims), Some(key("a")));
            let claim = claims.of(key("a")).unwrap();
            assert_eq!((claim.at, claim.id), (EventTime(10), 2));
            assert_eq!(claims.standing(claims.of(key("c")).unwrap()), Standing::Rival);
        }
    }

    #[test]
    fn what_an_operator_says_holds_and_what_they_undid_stays_undone() {
        let mut claims = Claims::default();
        assert!(claims.take("a", key("a"), EventTime(10), 1, How::Login));
        assert!(claims.undo("a", key("a"), 9) && !claims.undo("a", key("a"), 9));
        assert_eq!(held(&claims), None);
        assert!(claims.take("a", key("a"), EventTime(5), 1, How::Login), "an earlier time is noted");
        assert_eq!(held(&claims), None);
        assert!(claims.take("b", key("b"), EventTime(50), 2, How::Seen));
        assert_eq!(held(&claims), Some(key("b")));
        assert!(claims.take("c", key("c"), EventTime(99), 3, How::Operator));
        assert_eq!(held(&claims), Some(key("c")));
        assert!(claims.take("a", key("a"), EventTime(100), 4, How::Operator));
        assert_eq!(claims.of(key("a")).map(|claim| claim.is_undone), Some(false));
        assert!(!claims.take("a", key("a"), EventTime(1), 5, How::Seen), "nothing is said beside an operator");
    }

    #[test]
    fn the_earliest_are_kept_of_too_many_in_any_order() {
        let said: Vec<(String, i64)> = (0..20).map(|n| (format!("c{n}"), 7 * n % 20)).collect();
        let kept = |order: &mut dyn Iterator<Item = &(String, i64)>| {
            let mut claims = Claims::default();
            order.for_each(|(c, at)| {
                claims.take(c, key(c), EventTime(*at), 0, How::Seen);
            });
            claims
        };
        let (forth, back) = (kept(&mut said.iter()), kept(&mut said.iter().rev()));
        assert_eq!(forth, back);
        assert_eq!(forth.0.len(), MOST);
        assert!(forth.0.iter().all(|claim| claim.at.0 < MOST as i64));
    }
}
