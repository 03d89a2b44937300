//! Rival claims to one id, and which of them holds.

use crate::crowd;
use crate::rows::{IdKind, Standing};
use crate::rules::Rules;
use crumbtrail_events::{EventTime, Key};
use std::cmp::Reverse;

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

/// One customer's claim: the earliest of them; of an operator's the latest.
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
    /// Why it does not link, if the customer has too many ids. Not stored: it follows from the claims of all.
    pub(crate) cut: Option<Standing>,
}

impl Claim {
    /// Its place among the claims of `key` and other ids for its customer; an operator's has none, nor what is undone.
    pub(crate) fn rank_in_crowd(&self, key: Key) -> Option<crowd::Rank> {
        (self.how != How::Operator && !self.is_undone).then_some((self.at, self.id, key))
    }

    fn may_hold(&self) -> bool {
        !self.is_undone && (self.cut.is_none() || self.how == How::Operator)
    }

    /// The lesser wins: what an operator said last, else what came first.
    fn rank(&self) -> Rank {
        let (at, id) = (self.at, self.id);
        if self.how == How::Operator { Rank::Operator(Reverse((at, id))) } else { Rank::Other(at, id, self.person) }
    }

    /// The event time from which anonymous touchpoints are this customer's.
    pub(crate) fn reaches_from(&self, rules: &Rules) -> EventTime {
        if self.how == How::Operator { EventTime::MIN } else { self.at.plus(-rules.look_back_ms) }
    }
}

/// See [`Claim::rank`].
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Operator(Reverse<(EventTime, u64)>),
    Other(EventTime, u64, Key),
}

/// Customers whose claims to one id are kept, beside what was undone: those who would hold it first. Nobody shares a device with more, and
/// a public one is nobody's.
const MOST: usize = 8;

/// The claims to one id, one per customer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Claims {
    pub(crate) all: Vec<Claim>,
    /// The id itself, for the rows of what another id's claim decides; empty if nothing is bounded.
    pub(crate) name: Box<str>,
    pub(crate) kind: IdKind,
}

/// A claim that changed something.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct News {
    /// The last of too many customers' claims, which made room.
    pub(crate) evicted: Option<Claim>,
}

impl News {
    const PLAIN: Option<News> = Some(News { evicted: None });
}

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
        self.all.iter().filter(|claim| claim.may_hold()).min_by_key(|claim| claim.rank())
    }

    /// Who holds the id.
    pub(crate) fn holder(&self, rules: &Rules) -> Option<Holder> {
        self.winner().map(|claim| Holder { person: claim.person, from: claim.reaches_from(rules) })
    }

    /// How this claim stands beside its rivals.
    pub(crate) fn standing(&self, claim: &Claim) -> Standing {
        match (self.winner(), claim.cut) {
            _ if claim.is_undone => Standing::Undone,
            (Some(winner), _) if winner.person == claim.person => Standing::Linked,
            (_, Some(cut)) if claim.how != How::Operator => cut,
            _ => Standing::Rival,
        }
    }

    /// The claim of this person.
    pub(crate) fn of(&self, person: Key) -> Option<&Claim> {
        self.all.iter().find(|claim| claim.person == person)
    }

    /// Why the claim of this person does not link, if it does not for the number of them.
    pub(crate) fn cut(&mut self, person: Key, cut: Option<Standing>) {
        if let Some(claim) = self.all.iter_mut().find(|claim| claim.person == person) {
            claim.cut = cut;
        }
    }

    /// Takes a claim; `None` if it changed nothing.
    pub(crate) fn take(&mut self, customer: &str, person: Key, at: EventTime, id: u64, how: How) -> Option<News> {
        let is_operator = how == How::Operator;
        if let Some(known) = self.all.iter_mut().find(|claim| claim.person == person) {
            let (said, before) = ((at, id), (known.at, known.id));
            let is_news = match is_operator {
                true => known.how != how || known.is_undone || said > before,
                false => said < before,
            };
            if !is_news || (known.how == How::Operator && !is_operator) {
                return None;
            }
            (known.at, known.id, known.how) = (at, id, how);
            known.is_undone &= !is_operator;
            return News::PLAIN;
        }
        let claim = Claim { customer: customer.into(), person, at, id, how, is_undone: false, cut: None };
        let mut evicted = None;
        let standing = || self.all.iter().enumerate().filter(|(_, claim)| !claim.is_undone);
        if standing().count() >= MOST {
            let last = standing().max_by_key(|(_, claim)| claim.rank());
            match last.map(|(place, last)| (place, last.rank() > claim.rank())) {
                Some((place, true)) => evicted = Some(self.all.remove(place)),
                _ => return None,
            }
        }
        self.all.push(claim);
        self.all.sort_by_key(|claim| claim.person);
        Some(News { evicted })
    }

    /// An operator says that the id is not this customer's, now or later; `None` if that changed nothing.
    pub(crate) fn undo(&mut self, customer: &str, person: Key, id: u64) -> Option<News> {
        match self.all.iter_mut().find(|claim| claim.person == person) {
            Some(claim) if claim.is_undone => None,
            Some(claim) => {
                claim.is_undone = true;
                News::PLAIN
            }
            None => {
                let at = EventTime::MAX;
                let (customer, how) = (customer.into(), How::Operator);
                self.all.push(Claim { customer, person, at, id, how, is_undone: true, cut: None });
                self.all.sort_by_key(|claim| claim.person);
                News::PLAIN
            }
        }
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        let customers: usize = self.all.iter().map(|claim| claim.customer.len()).sum();
        self.all.capacity() * size_of::<Claim>() + customers + self.name.len()
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
        assert!(claims.take("a", key("a"), EventTime(10), 1, How::Login).is_some());
        assert!(claims.undo("a", key("a"), 9).is_some() && claims.undo("a", key("a"), 9).is_none());
        assert_eq!(held(&claims), None);
        assert!(claims.take("a", key("a"), EventTime(5), 1, How::Login).is_some(), "an earlier time is noted");
        assert_eq!(held(&claims), None);
        assert!(claims.take("b", key("b"), EventTime(50), 2, How::Seen).is_some());
        assert_eq!(held(&claims), Some(key("b")));
        assert!(claims.take("c", key("c"), EventTime(99), 3, How::Operator).is_some());
        assert_eq!(held(&claims), Some(key("c")));
        assert!(claims.take("a", key("a"), EventTime(100), 4, How::Operator).is_some());
        assert_eq!(claims.of(key("a")).map(|claim| claim.is_undone), Some(false));
        assert_eq!(held(&claims), Some(key("a")), "the last word holds");
        assert!(
            claims.take("c", key("c"), EventTime(98), 6, How::Operator).is_none(),
            "an older word says nothing new"
        );
        assert!(claims.take("c", key("c"), EventTime(101), 7, How::Operator).is_some());
        assert_eq!(held(&claims), Some(key("c")), "said again, later");
        assert!(claims.take("a", key("a"), EventTime(1), 5, How::Seen).is_none(), "nothing is said beside an operator");
    }

    #[test]
    fn what_was_undone_takes_nobody_s_place_and_an_operator_finds_one() {
        let mut claims = Claims::default();
        for n in 0..2 * MOST {
            let customer = format!("undone{n}");
            claims.undo(&customer, key(&customer), n as u64);
        }
        for n in 0..MOST {
            let customer = format!("c{n}");
            assert!(claims.take(&customer, key(&customer), EventTime(n as i64), 0, How::Seen).is_some());
        }
        assert!(claims.take("late", key("late"), EventTime(1_000), 0, How::Seen).is_none());
        let news = claims.take("said", key("said"), EventTime(1_000), 0, How::Operator);
        assert_eq!(news.and_then(|news| news.evicted).map(|claim| claim.person), Some(key(&format!("c{}", MOST - 1))));
        assert_eq!(held(&claims), Some(key("said")));
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
        assert_eq!(forth.all.len(), MOST);
        assert!(forth.all.iter().all(|claim| claim.at.0 < MOST as i64));
    }
}
