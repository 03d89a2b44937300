//! Rival claims to one id, and which of them holds; on a device with several customers, until another takes their turn
//! (`turns.rs`).

use crate::crowd;
use crate::rows::{IdKind, Standing};
use crate::rules::Rules;
use crate::turns::{self, Mark, Said, Turn};
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
    /// What is claimed with is a click on the device that named the customer.
    pub(crate) is_mark: bool,
    /// The first such click, if it came later; only what else said so first has it.
    pub(crate) marked_at: Option<Box<Said>>,
}

impl Claim {
    /// The first click on the device that named the customer.
    pub(crate) fn mark(&self) -> Option<Mark> {
        let said = if self.is_mark { Some((self.at, self.id)) } else { self.marked_at.as_deref().copied() };
        said.map(|(at, id)| (at, id, self.person))
    }

    fn set_mark(&mut self, mark: Option<Mark>) {
        let said = mark.map(|(at, id, _)| (at, id));
        self.is_mark = said == Some((self.at, self.id));
        self.marked_at = said.filter(|_| !self.is_mark).map(Box::new);
    }

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
    /// Whose turn it was; none before clicks have named more than one customer.
    pub(crate) turns: Vec<Turn>,
}

/// A claim that changed something.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct News {
    /// The last of too many customers' claims, which made room.
    pub(crate) evicted: Option<Claim>,
    /// A claim changed, not turns alone.
    pub(crate) is_claim: bool,
}

impl News {
    const CLAIM: Option<News> = Some(News { evicted: None, is_claim: true });
    const TURN: Option<News> = Some(News { evicted: None, is_claim: false });
}

/// Who holds an id, and since when its anonymous touchpoints are theirs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Holder {
    pub(crate) person: Key,
    from: EventTime,
}

/// Whose the anonymous touchpoints of an id are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Holding {
    /// Whose claim holds.
    pub(crate) holder: Option<Holder>,
    /// From when on they are whose instead: see `turns.rs`.
    shares: Vec<(EventTime, Key)>,
}

impl Holding {
    /// Whose one of `key` is.
    pub(crate) fn whose(&self, key: Key, at: EventTime) -> Key {
        let shares = self.shares.partition_point(|(from, _)| *from <= at);
        let held = || self.holder.filter(|holder| at >= holder.from).map_or(key, |holder| holder.person);
        shares.checked_sub(1).map_or_else(held, |last| self.shares[last].1)
    }
}

impl Claims {
    fn winner(&self) -> Option<&Claim> {
        self.all.iter().filter(|claim| claim.may_hold()).min_by_key(|claim| claim.rank())
    }

    /// Whose the anonymous touchpoints of the id `key` are.
    pub(crate) fn holding(&self, key: Key, rules: &Rules) -> Holding {
        let Some(winner) = self.winner() else { return Holding::default() };
        let mut shares = Vec::new();
        self.shares(winner, key, rules, |from, person| shares.push((from, person)));
        Holding { holder: Some(Holder { person: winner.person, from: winner.reaches_from(rules) }), shares }
    }

    /// Whose one of `key` is: as [`Claims::holding`] says, of one alone.
    pub(crate) fn whose(&self, key: Key, at: EventTime, rules: &Rules) -> Key {
        let Some(winner) = self.winner() else { return key };
        let mut whose = if at >= winner.reaches_from(rules) { winner.person } else { key };
        self.shares(winner, key, rules, |from, person| {
            if from <= at {
                whose = person;
            }
        });
        whose
    }

    /// Tells from when on they are whose instead of the winner's. An operator's word is said of all of them.
    fn shares(&self, winner: &Claim, key: Key, rules: &Rules, each: impl FnMut(EventTime, Key)) {
        let before_login_ms = rules.before_login_ms.min(rules.look_back_ms);
        let whose = |person: Key| match self.of(person) {
            Some(claim) => claim.may_hold().then_some(person),
            // One customer more than are remembered.
            None => Some(key),
        };
        if winner.how == How::Operator || (self.turns.is_empty() && winner.mark().is_some()) {
            return;
        }
        if self.turns.is_empty() {
            turns::shares(&turns::of(self.marks().collect()), before_login_ms, whose, each);
        } else {
            turns::shares(&self.turns, before_login_ms, whose, each);
        }
    }

    /// The first mark of every customer.
    fn marks(&self) -> impl Iterator<Item = Mark> + '_ {
        self.all.iter().filter_map(Claim::mark)
    }

    /// Whether the customer of a mark has claimed the device before it, also by a mark. Beside an operator's word nothing is said.
    pub(crate) fn is_marked(&self, mark: Mark) -> bool {
        let (at, id, person) = mark;
        self.of(person).is_some_and(|claim| {
            let is_marked = claim.mark().is_some_and(|first| first <= mark);
            claim.how == How::Operator || ((claim.at, claim.id) <= (at, id) && is_marked)
        })
    }

    /// Whether a mark is within a turn of its customer, or goes on with the last one.
    pub(crate) fn goes_on(&mut self, mark: Mark) -> bool {
        turns::goes_on(&mut self.turns, mark)
    }

    /// Takes a click that named a customer, if it changed something; `known` gives those that are known and lie between two.
    pub(crate) fn take_mark(
        &mut self,
        mark: Mark,
        horizon: EventTime,
        known: impl FnOnce(Mark, Mark) -> Vec<Mark>,
    ) -> Option<News> {
        let is_news = if self.turns.is_empty() {
            let mut marks: Vec<Mark> = self.marks().chain([mark]).collect();
            let is_shared = marks.iter().any(|other| other.2 != mark.2);
            if is_shared {
                marks.extend(known(turns::FIRST, turns::LAST));
                self.turns = turns::of(marks);
            }
            is_shared
        } else {
            let is_news = turns::take(&mut self.turns, mark, known);
            turns::bound(&mut self.turns, horizon);
            is_news
        };
        if is_news { News::TURN } else { None }
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

    /// Takes a claim, which may be a click's on the device; `None` if it changed nothing.
    pub(crate) fn take(
        &mut self,
        customer: &str,
        person: Key,
        (at, id): Said,
        how: How,
        is_mark: bool,
    ) -> Option<News> {
        let is_operator = how == How::Operator;
        let mark = is_mark.then_some((at, id, person));
        if let Some(known) = self.all.iter_mut().find(|claim| claim.person == person) {
            if known.how == How::Operator && !is_operator {
                return None;
            }
            let (said, before) = ((at, id), (known.at, known.id));
            let is_news = match is_operator {
                true => known.how != how || known.is_undone || said > before,
                false => said < before,
            };
            let (marked, first) = (known.mark(), known.mark().into_iter().chain(mark).min());
            if !is_news && marked == first {
                return None;
            }
            if is_news {
                (known.at, known.id, known.how) = (at, id, how);
                known.is_undone &= !is_operator;
            }
            known.set_mark(first);
            return Some(News { evicted: None, is_claim: is_news });
        }
        let claim = Claim {
            customer: customer.into(),
            person,
            at,
            id,
            how,
            is_undone: false,
            cut: None,
            is_mark,
            marked_at: None,
        };
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
        Some(News { evicted, is_claim: true })
    }

    /// An operator says that the id is not this customer's, now or later; `None` if that changed nothing.
    pub(crate) fn undo(&mut self, customer: &str, person: Key, id: u64) -> Option<News> {
        match self.all.iter_mut().find(|claim| claim.person == person) {
            Some(claim) if claim.is_undone => None,
            Some(claim) => {
                claim.is_undone = true;
                News::CLAIM
            }
            None => {
                let at = EventTime::MAX;
                let (customer, how) = (customer.into(), How::Operator);
                self.all.push(Claim {
                    customer,
                    person,
                    at,
                    id,
                    how,
                    is_undone: true,
                    cut: None,
                    is_mark: false,
                    marked_at: None,
                });
                self.all.sort_by_key(|claim| claim.person);
                News::CLAIM
            }
        }
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        let customers: usize = self.all.iter().map(|claim| claim.customer.len()).sum();
        let marks = self.all.iter().filter(|claim| claim.marked_at.is_some()).count() * size_of::<Said>();
        let turns = self.turns.capacity() * size_of::<Turn>();
        self.all.capacity() * size_of::<Claim>() + customers + self.name.len() + marks + turns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(customer: &str) -> Key {
        Key::customer("shop", customer)
    }

    fn held(claims: &Claims) -> Option<Key> {
        claims.holding(Key(0), &Rules::default()).holder.map(|holder| holder.person)
    }

    #[test]
    fn the_least_in_time_and_id_wins_whatever_comes_first() {
        let said = [("b", 20, 1), ("a", 10, 2), ("c", 10, 3), ("a", 30, 0)];
        for turn in 0..said.len() {
            let mut claims = Claims::default();
            for (customer, at, id) in said.iter().cycle().skip(turn).take(said.len()) {
                claims.take(customer, key(customer), (EventTime(*at), *id), How::Seen, false);
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
        assert!(claims.take("a", key("a"), (EventTime(10), 1), How::Login, false).is_some());
        assert!(claims.undo("a", key("a"), 9).is_some() && claims.undo("a", key("a"), 9).is_none());
        assert_eq!(held(&claims), None);
        assert!(claims.take("a", key("a"), (EventTime(5), 1), How::Login, false).is_some(), "an earlier time is noted");
        assert_eq!(held(&claims), None);
        assert!(claims.take("b", key("b"), (EventTime(50), 2), How::Seen, false).is_some());
        assert_eq!(held(&claims), Some(key("b")));
        assert!(claims.take("c", key("c"), (EventTime(99), 3), How::Operator, false).is_some());
        assert_eq!(held(&claims), Some(key("c")));
        assert!(claims.take("a", key("a"), (EventTime(100), 4), How::Operator, false).is_some());
        assert_eq!(claims.of(key("a")).map(|claim| claim.is_undone), Some(false));
        assert_eq!(held(&claims), Some(key("a")), "the last word holds");
        assert!(
            claims.take("c", key("c"), (EventTime(98), 6), How::Operator, false).is_none(),
            "an older word says nothing new"
        );
        assert!(claims.take("c", key("c"), (EventTime(101), 7), How::Operator, false).is_some());
        assert_eq!(held(&claims), Some(key("c")), "said again, later");
        assert!(
            claims.take("a", key("a"), (EventTime(1), 5), How::Seen, false).is_none(),
            "nothing is said beside an operator"
        );
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
            assert!(claims.take(&customer, key(&customer), (EventTime(n as i64), 0), How::Seen, false).is_some());
        }
        assert!(claims.take("late", key("late"), (EventTime(1_000), 0), How::Seen, false).is_none());
        let news = claims.take("said", key("said"), (EventTime(1_000), 0), How::Operator, false);
        assert_eq!(news.and_then(|news| news.evicted).map(|claim| claim.person), Some(key(&format!("c{}", MOST - 1))));
        assert_eq!(held(&claims), Some(key("said")));
    }

    #[test]
    fn the_earliest_are_kept_of_too_many_in_any_order() {
        let said: Vec<(String, i64)> = (0..20).map(|n| (format!("c{n}"), 7 * n % 20)).collect();
        let kept = |order: &mut dyn Iterator<Item = &(String, i64)>| {
            let mut claims = Claims::default();
            order.for_each(|(c, at)| {
                claims.take(c, key(c), (EventTime(*at), 0), How::Seen, false);
            });
            claims
        };
        let (forth, back) = (kept(&mut said.iter()), kept(&mut said.iter().rev()));
        assert_eq!(forth, back);
        assert_eq!(forth.all.len(), MOST);
        assert!(forth.all.iter().all(|claim| claim.at.0 < MOST as i64));
    }
}
