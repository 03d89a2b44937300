//! Customers with more than one id: which id is another one's alias, and whose journey follows from that.
//!
//! ```text
//!  A ──► B ──► C ◄── D        A, B and D are C's: an arrow is the claim in force of its id, of which there is one at most
//!  └─ ─► E                    rival: of A's claims the least in (event time, event id) holds
//!        C ─ ─► A             circle: the arrows stand already
//! ```
//! Claims are gone through from the least, an operator's first; one in whose way an earlier one stands is passed over. What
//! comes out depends on what was said alone, not on the order it was said in, and every partition is told everything.

use std::collections::BTreeMap;

use crumbtrail_events::{EventTime, Key};
use smallvec::SmallVec;

use crate::How;
use crate::rows::Standing;
use crate::rules::Rules;
use crate::shards::Keyed;

/// Claims of one id that are kept: the earliest. An id that is said to be more customers' is nobody's.
const MOST_RIVALS: usize = 8;
/// Ids of which it is kept that they are one customer's: the earliest. Far more than a person may have.
const MOST_CLAIMED: usize = 400;
/// Ids one person may have: what claims another one stands as [`Standing::OverLimit`].
pub(crate) const MOST_IDS: usize = 50;

/// What says that a customer id is, or is not, another id of a customer.
#[derive(Clone, Copy, Debug)]
pub struct AliasEvidence<'a> {
    /// Site of both.
    pub site: &'a str,
    /// The id that is another one's alias.
    pub alias: &'a str,
    /// Its key.
    pub alias_key: Key,
    /// The customer.
    pub customer: &'a str,
    /// The customer's key.
    pub person: Key,
    /// Event time.
    pub at: EventTime,
    /// Hash of the event id.
    pub event: u64,
    /// Said by an operator: the last of their words on the two ids holds, before all claims.
    pub is_operator: bool,
    /// It is so; only an operator says that it is not.
    pub is_so: bool,
    /// Rows of this alias are this partition's to write.
    pub is_home: bool,
}

/// When and by what something was said.
type Said = (EventTime, u64);

/// All that was said of two ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AliasClaim {
    pub(crate) of: Key,
    /// The earliest call.
    pub(crate) said: Option<Said>,
    /// An operator's last word, and whether it links.
    pub(crate) word: Option<(Said, bool)>,
    pub(crate) standing: Standing,
}

/// The lesser wins; the keys make it total.
type Rank = (bool, Said, Key, Key);

impl AliasClaim {
    fn rank(&self, alias: Key) -> Option<Rank> {
        match (self.word, self.said) {
            (Some((_, false)), _) | (None, None) => None,
            (Some((said, true)), _) => Some((false, said, alias, self.of)),
            (None, Some(said)) => Some((true, said, alias, self.of)),
        }
    }

    fn take(&mut self, evidence: &AliasEvidence<'_>) -> bool {
        let said = (evidence.at, evidence.event);
        if evidence.is_operator {
            let is_news = self.word.is_none_or(|(last, _)| last < said);
            if is_news {
                self.word = Some((said, evidence.is_so));
            }
            return is_news;
        }
        let is_news = self.said.is_none_or(|first| said < first);
        if is_news {
            self.said = Some(said);
        }
        is_news
    }

    pub(crate) fn how(&self) -> How {
        match (self.word, self.said) {
            (Some((_, true)), _) | (_, None) => How::Operator,
            _ => How::Alias,
        }
    }

    /// When and by what event it was said, as far as it is said; of one that was only ever undone, when never.
    pub(crate) fn evidence(&self) -> (Option<EventTime>, u64) {
        match (self.word, self.said) {
            (Some(((at, id), true)), _) | (_, Some((at, id))) => (Some(at), id),
            (word, None) => (None, word.map_or(0, |((_, id), _)| id)),
        }
    }

    /// The event time from which the alias's touchpoints are the customer's, if it holds.
    pub(crate) fn reaches_from(&self, rules: &Rules) -> EventTime {
        match (self.word, self.said) {
            (Some((_, true)), _) | (_, None) => EventTime::MIN,
            (_, Some((at, _))) => at.plus(-rules.look_back_ms),
        }
    }
}

/// One arrow in force: from this event time on what is the alias's is the customer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hop {
    from: EventTime,
    to: Key,
}

/// Where the arrows lead from one id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Path(SmallVec<[Hop; 2]>);

impl Path {
    /// Whose a touchpoint at `at` is that is `customer`'s, whose path this is.
    pub(crate) fn follow(&self, customer: Key, at: EventTime) -> Key {
        self.0.iter().take_while(|hop| at >= hop.from).last().map_or(customer, |hop| hop.to)
    }
}

/// A customer whose path is another now.
#[derive(Debug)]
pub(crate) struct Moved {
    pub(crate) customer: Key,
    pub(crate) before: Path,
    pub(crate) after: Path,
}

/// What a claim changed.
#[derive(Debug, Default)]
pub(crate) struct Change {
    pub(crate) moved: Vec<Moved>,
    /// Claims, by alias and customer, that stand otherwise now and whose rows are this partition's.
    pub(crate) told: Vec<(Key, Key)>,
}

/// What is said of one id.
#[derive(Debug, Default)]
pub(crate) struct Alias {
    pub(crate) claims: Vec<AliasClaim>,
    pub(crate) is_home: bool,
    next: Option<Hop>,
}

/// The aliases of every customer.
#[derive(Debug, Default)]
pub(crate) struct Aliases {
    of: Keyed<Alias>,
    /// By customer, which ids are claimed to be theirs.
    claimed: Keyed<Vec<Key>>,
    names: Keyed<Box<str>>,
}

impl Aliases {
    /// Whose a touchpoint at `at` is that is `customer`'s.
    #[inline]
    pub(crate) fn follow(&self, customer: Key, at: EventTime) -> Key {
        if self.of.is_empty() { customer } else { self.path(customer).follow(customer, at) }
    }

    /// The id of a customer that is, or has, an alias; else empty.
    pub(crate) fn name(&self, customer: Key) -> &str {
        self.names.get(&customer).map_or("", |name| name)
    }

    pub(crate) fn claim(&self, alias: Key, of: Key) -> Option<&AliasClaim> {
        self.of.get(&alias)?.claims.iter().find(|claim| claim.of == of)
    }

    /// Takes a claim or an operator's word; what it changed, or `None`.
    pub(crate) fn take(&mut self, evidence: &AliasEvidence<'_>, rules: &Rules) -> Option<Change> {
        let AliasEvidence { alias_key, person, .. } = *evidence;
        if alias_key == person || !self.note(evidence) {
            return None;
        }
        let members = self.members(alias_key);
        self.bound(alias_key, person);
        let before: Vec<Path> = members.iter().map(|member| self.path(*member)).collect();
        let mut told = self.decide(&members, rules);
        if self.of.get(&alias_key).is_some_and(|alias| alias.is_home) && !told.contains(&(alias_key, person)) {
            told.push((alias_key, person));
        }
        let moved = members.into_iter().zip(before);
        let moved = moved.map(|(customer, before)| Moved { customer, before, after: self.path(customer) });
        Some(Change { moved: moved.filter(|moved| moved.before != moved.after).collect(), told })
    }

    /// Writes down what was said; whether it is news.
    fn note(&mut self, evidence: &AliasEvidence<'_>) -> bool {
        let AliasEvidence { alias_key, person, .. } = *evidence;
        let alias = self.of.entry(alias_key).or_default();
        alias.is_home = evidence.is_home;
        let place = alias.claims.binary_search_by_key(&person, |claim| claim.of).unwrap_or_else(|place| {
            alias.claims.insert(place, AliasClaim { of: person, said: None, word: None, standing: Standing::Undone });
            place
        });
        let is_news = alias.claims[place].take(evidence);
        self.list(alias_key, person);
        for (key, name) in [(alias_key, evidence.alias), (person, evidence.customer)] {
            self.names.entry(key).or_insert_with(|| name.into());
        }
        is_news
    }

    fn list(&mut self, alias: Key, of: Key) {
        let claimed = self.claimed.entry(of).or_default();
        if let Err(place) = claimed.binary_search(&alias) {
            claimed.insert(place, alias);
        }
    }

    /// Forgets the last of too many claims: those of one id, and those to one customer.
    fn bound(&mut self, alias: Key, of: Key) {
        let own = self.of.get(&alias).into_iter().flat_map(|own| own.claims.iter().map(|claim| (alias, claim.of)));
        let claimed = self.claimed.get(&of).into_iter().flatten().map(|alias| (*alias, of));
        for (alias, of) in [self.beyond(own, MOST_RIVALS), self.beyond(claimed, MOST_CLAIMED)].into_iter().flatten() {
            if let Some(alias) = self.of.get_mut(&alias) {
                alias.claims.retain(|claim| claim.of != of);
            }
            if let Some(claimed) = self.claimed.get_mut(&of) {
                claimed.retain(|key| *key != alias);
            }
        }
    }

    /// The claim behind the first `most`, an operator's apart.
    fn beyond(&self, claims: impl Iterator<Item = (Key, Key)>, most: usize) -> Option<(Key, Key)> {
        let plain =
            claims.filter_map(|(alias, of)| self.claim(alias, of).filter(|claim| claim.word.is_none())?.rank(alias));
        let mut ranks: Vec<Rank> = plain.collect();
        ranks.sort_unstable();
        ranks.get(most).map(|(.., alias, of)| (*alias, *of))
    }

    /// Everyone a claim joins with `customer`, in the order of their keys.
    fn members(&self, customer: Key) -> Vec<Key> {
        let mut members = BTreeMap::from([(customer, ())]);
        let mut next = vec![customer];
        while let Some(member) = next.pop() {
            let onward = self.of.get(&member).into_iter().flat_map(|alias| &alias.claims).map(|claim| claim.of);
            let back = self.claimed.get(&member).into_iter().flatten().copied();
            for key in onward.chain(back) {
                if members.insert(key, ()).is_none() {
                    next.push(key);
                }
            }
        }
        members.into_keys().collect()
    }

    /// Goes through the claims of `members`, the least first, and lets those stand in whose way none stands. Gives the
    /// claims that stand otherwise than before, of those whose rows are told here.
    fn decide(&mut self, members: &[Key], rules: &Rules) -> Vec<(Key, Key)> {
        let mut ranks: Vec<Rank> = Vec::new();
        for member in members {
            let Some(alias) = self.of.get_mut(member) else { continue };
            alias.next = None;
            ranks.extend(alias.claims.iter().filter_map(|claim| claim.rank(*member)));
        }
        ranks.sort_unstable();
        let mut standings: BTreeMap<(Key, Key), Standing> = BTreeMap::new();
        let mut sizes: BTreeMap<Key, usize> = BTreeMap::new();
        for (.., alias, of) in ranks {
            let root = self.path(of).0.last().map_or(of, |hop| hop.to);
            let size = sizes.get(&alias).unwrap_or(&1) + sizes.get(&root).unwrap_or(&1);
            let standing = match self.of.get(&alias) {
                Some(known) if known.next.is_some() => Standing::Rival,
                _ if root == alias => Standing::Circle,
                _ if size > MOST_IDS => Standing::OverLimit,
                _ => Standing::Linked,
            };
            standings.insert((alias, of), standing);
            if standing == Standing::Linked {
                sizes.insert(root, size);
                let from = self.claim(alias, of).map(|claim| claim.reaches_from(rules));
                if let Some(known) = self.of.get_mut(&alias) {
                    known.next = from.map(|from| Hop { from, to: of });
                }
            }
        }
        let mut told = Vec::new();
        for member in members {
            let Some(alias) = self.of.get_mut(member) else { continue };
            for claim in &mut alias.claims {
                let standing = standings.get(&(*member, claim.of)).copied().unwrap_or(Standing::Undone);
                if std::mem::replace(&mut claim.standing, standing) != standing && alias.is_home {
                    told.push((*member, claim.of));
                }
            }
        }
        told
    }

    /// Where the arrows lead from `customer`: never in a circle, for [`Aliases::decide`] closes none.
    fn path(&self, customer: Key) -> Path {
        let mut path = Path::default();
        let mut at = customer;
        while let Some(hop) = self.of.get(&at).and_then(|alias| alias.next) {
            path.0.push(hop);
            at = hop.to;
        }
        path
    }

    /// Every alias, in the order of their keys, with its id.
    pub(crate) fn all(&self) -> Vec<(Key, &Alias)> {
        let mut all: Vec<(Key, &Alias)> = self.of.iter().map(|(key, alias)| (*key, alias)).collect();
        all.sort_unstable_by_key(|(key, _)| *key);
        all
    }

    /// Every customer's id that is kept, in the order of their keys.
    pub(crate) fn names(&self) -> Vec<(Key, &str)> {
        let mut names: Vec<(Key, &str)> = self.names.iter().map(|(key, name)| (*key, &**name)).collect();
        names.sort_unstable_by_key(|(key, _)| *key);
        names
    }

    /// The aliases of a snapshot.
    pub(crate) fn load(all: Vec<(Key, bool, Vec<AliasClaim>)>, names: Vec<(Key, Box<str>)>, rules: &Rules) -> Aliases {
        let mut aliases = Aliases { names: names.into_iter().collect(), ..Aliases::default() };
        let mut members = Vec::new();
        for (key, is_home, claims) in all {
            claims.iter().for_each(|claim| aliases.list(key, claim.of));
            aliases.of.insert(key, Alias { claims, is_home, next: None });
            members.push(key);
        }
        // What does not meet does not stand in each other's way: all at once come out as one by one.
        aliases.decide(&members, rules);
        aliases
    }

    pub(crate) fn resident_bytes(&self) -> usize {
        let claims: usize = self.of.values().map(|alias| alias.claims.capacity() * size_of::<AliasClaim>()).sum();
        let names: usize = self.names.values().map(|name| name.len() + size_of::<(Key, Box<str>)>()).sum();
        let keyed =
            self.of.capacity() * size_of::<(Key, Alias)>() + self.claimed.capacity() * size_of::<(Key, Vec<Key>)>();
        claims + names + keyed
    }
}
