//! One partition's identity: claims in, hand-overs out.

use crate::aliases::{AliasEvidence, Aliases, Moved};
use crate::claims::{Claim, Claims, Holding, How, News};
use crate::crowd::{Flip, Settled};
use crate::ids::Ids;
use crate::ring::Ring;
use crate::rows::{IdKind, LinkRow, Standing};
use crate::rules::Rules;
use crate::saving::Saving;
use crate::shards::Shards;
use crate::turns::Mark;
use crumbtrail_events::{EventTime, Key};
use crumbtrail_scratch::{Block, Scratch};
use std::hint::black_box;
use std::{io, iter};

/// Where decisions go.
pub trait Out {
    /// One version of a link.
    fn link(&mut self, row: &LinkRow<'_>);
    /// A touchpoint, as it was [kept](Identity::keep), goes from one person to another: to the customer with the id
    /// `customer`; that is empty if it goes back to its visitor or contact.
    fn hand_over(&mut self, passed: &[u8], from: Key, to: Key, customer: &str);
}

/// A customer to whom what was done under another key goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Customer<'a> {
    /// Their key.
    pub person: Key,
    /// Their id.
    pub id: &'a str,
}

/// What says that an id is, or is not, a customer's.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// Site.
    pub site: &'a str,
    /// Kind of the id.
    pub id_kind: IdKind,
    /// Visitor id or contact hash.
    pub id: &'a str,
    /// The id's key.
    pub key: Key,
    /// Customer.
    pub customer: &'a str,
    /// The customer's key.
    pub person: Key,
    /// Event time.
    pub at: EventTime,
    /// Hash of the event id.
    pub event: u64,
    /// What it is.
    pub how: How,
}

/// What is known of one visitor or contact, most of them anonymous and many; of a customer, which touchpoints named them.
/// Claims, if any, stand apart.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Known {
    /// Place of the touchpoint kept last; 0 if none.
    pub(crate) newest: u64,
    /// Event time of its youngest touchpoint or claim, in seconds, rounded up.
    pub(crate) seen_s: u32,
    /// Touchpoints kept since it was last away for the whole look-back.
    pub(crate) kept: u16,
    /// Somebody has claimed it.
    pub(crate) is_claimed: bool,
}

impl Known {
    /// Not before it was seen last, and less than a second after.
    fn seen(self) -> EventTime {
        EventTime(i64::from(self.seen_s) * 1000)
    }

    fn see(&mut self, at: EventTime) {
        let seconds = at.0.max(0).unsigned_abs().div_ceil(1000);
        self.seen_s = self.seen_s.max(u32::try_from(seconds).unwrap_or(u32::MAX));
    }
}

/// Identity of one partition.
///
/// Whose an anonymous touchpoint is follows from the claims known, and whose a customer's from the aliases; when they change,
/// what changes hands is told. A pure function of what it was handed and the watermarks that came with it.
#[derive(Debug)]
pub struct Identity {
    pub(crate) rules: Rules,
    pub(crate) watermark: EventTime,
    pub(crate) known: Shards<Known>,
    pub(crate) claims: Shards<Claims>,
    pub(crate) ring: Ring,
    pub(crate) aliases: Aliases,
    /// By customer, the visitors and contacts that were claimed for them.
    pub(crate) ids: Ids,
    /// How many were known after the last sweep.
    pub(crate) swept: usize,
    claims_bytes: usize,
    pub(crate) saving: Option<Box<Saving>>,
}

/// Fewer than that are not swept.
const FEW: usize = 1024;
/// Of so many ids, what is known does not lie in the nearest caches.
const MANY: usize = 1_000;

impl Identity {
    /// An empty state.
    #[must_use]
    pub fn new(rules: Rules) -> Identity {
        Identity {
            rules,
            watermark: EventTime::MIN,
            known: Shards::new(rules.packing.maps),
            claims: Shards::new(rules.packing.maps),
            ring: Ring::new(rules.packing),
            aliases: Aliases::default(),
            ids: Ids::default(),
            swept: 0,
            claims_bytes: 0,
            saving: None,
        }
    }

    /// Whose an anonymous touchpoint of `key` is, as far as is known now; `None` if it is nobody else's. It is to be passed on
    /// under that customer's key and id, or its own key and none, and then [kept](Identity::keep).
    pub fn person(&mut self, key: Key, at: EventTime, watermark: EventTime) -> Option<Customer<'_>> {
        let known = self.meet(key, at, watermark);
        let claims = self.claims(key, known)?;
        let person = self.aliases.follow(claims.whose(key, at, &self.rules), at);
        (person != key).then(|| Customer { person, id: self.name(person, Some(claims)) })
    }

    /// Whose a touchpoint is that names a customer, if their id is another one's alias; `None` if it is their own. As
    /// [`Identity::person`].
    pub fn customer(&mut self, customer: Key, at: EventTime, watermark: EventTime) -> Option<Customer<'_>> {
        self.meet(customer, at, watermark);
        let person = self.aliases.follow(customer, at);
        (person != customer).then(|| Customer { person, id: self.name(person, None) })
    }

    /// The id of the customer that this person is, out of the claims that lead there or the aliases; empty if they are none.
    fn name<'a>(&'a self, person: Key, claims: Option<&'a Claims>) -> &'a str {
        let claim = claims.and_then(|claims| claims.of(person));
        claim.map_or_else(|| self.aliases.name(person), |claim| &claim.customer)
    }

    /// Keeps the touchpoint that [`Identity::person`] or [`Identity::customer`] was just asked about, as it is under its own
    /// key: of nobody if it is anonymous, else of the customer it names, whosever alias that is.
    pub fn keep(&mut self, key: Key, at: EventTime, passed: &[u8]) {
        if self.rules.look_back_ms == 0 || !self.may_move(at) {
            return;
        }
        if let Some(known) = self.known.get_mut(&key).filter(|known| known.kept < self.rules.most_kept) {
            known.newest = self.ring.push(known.newest, key, at, passed);
            known.kept += 1;
        }
    }

    /// Asks for what is known of these keys: the memory it lies in comes for all of them together, before one is needed. Decides
    /// nothing, and may be left out.
    pub fn look_ahead(&self, keys: &[Key]) {
        if self.known.len() >= MANY {
            let places = keys.iter().filter_map(|key| self.known.get(key)).map(|known| known.newest);
            black_box(places.fold(0, |sum, place| sum ^ place));
        }
    }

    /// Whether `person` has claimed the id of `key` as early as this.
    pub fn is_claimed(&mut self, key: Key, (at, event, person): Mark, watermark: EventTime) -> bool {
        let known = self.meet(key, at, watermark);
        let claim = self.claims(key, known).and_then(|claims| claims.of(person));
        claim.is_some_and(|claim| (claim.at, claim.id) <= (at, event))
    }

    /// Whether a click of `key` that names `person` says what is known: most of a customer's do. Else it is
    /// [named](Identity::named) by it.
    #[inline]
    pub fn is_known(&mut self, key: Key, mark: Mark, watermark: EventTime) -> bool {
        let known = self.meet(key, mark.0, watermark);
        let Some(claims) = self.claims(key, known).filter(|claims| claims.is_marked(mark)) else { return false };
        claims.turns.is_empty() || self.claims.get_mut(&key).is_some_and(|claims| claims.goes_on(mark))
    }

    /// The claims to an id of which this is known: of most there are none to look for.
    pub(crate) fn claims(&self, key: Key, known: Known) -> Option<&Claims> {
        if known.is_claimed { self.claims.get(&key) } else { None }
    }

    /// Takes a claim.
    ///
    /// # Errors
    /// Kept touchpoints that were moved to disk cannot be read: the state is not to be used any more.
    pub fn claim(&mut self, evidence: &Evidence<'_>, watermark: EventTime, out: &mut impl Out) -> io::Result<()> {
        let Evidence { customer, person, at, event, how, .. } = *evidence;
        self.meet(evidence.key, at, watermark);
        self.change(evidence, |claims| claims.take(customer, person, (at, event), how, false), out)
    }

    /// Takes a click that names a customer on the device it is of: a claim, and their turn from then on. `known` gives all such
    /// clicks that are still known and lie between two; more do no harm.
    ///
    /// # Errors
    /// As [`Identity::claim`].
    pub fn named(
        &mut self,
        evidence: &Evidence<'_>,
        watermark: EventTime,
        known: impl FnOnce(Mark, Mark) -> Vec<Mark>,
        out: &mut impl Out,
    ) -> io::Result<()> {
        let Evidence { customer, person, at, event, how, .. } = *evidence;
        self.meet(evidence.key, at, watermark);
        let horizon = self.horizon();
        let change = |claims: &mut Claims| {
            let claimed = claims.take(customer, person, (at, event), how, true);
            let marked = claims.take_mark((at, event, person), horizon, known);
            claimed.or(marked)
        };
        self.change(evidence, change, out)
    }

    /// Takes an operator's word that an id is not a customer's.
    ///
    /// # Errors
    /// As [`Identity::claim`].
    pub fn undo(&mut self, evidence: &Evidence<'_>, watermark: EventTime, out: &mut impl Out) -> io::Result<()> {
        let Evidence { customer, person, event, .. } = *evidence;
        self.meet(evidence.key, watermark, watermark);
        self.change(evidence, |claims| claims.undo(customer, person, event), out)
    }

    /// Takes what was said of two customer ids; every partition must be told.
    ///
    /// # Errors
    /// As [`Identity::claim`].
    #[cold]
    pub fn alias(&mut self, evidence: &AliasEvidence<'_>, watermark: EventTime, out: &mut impl Out) -> io::Result<()> {
        self.watermark = self.watermark.max(watermark);
        let Some(change) = self.aliases.take(evidence, &self.rules) else { return Ok(()) };
        let mut moved_count = 0;
        for moved in &change.moved {
            moved_count += self.move_customer(moved, out)?;
        }
        for (alias, of) in change.told {
            let Some(claim) = self.aliases.claim(alias, of) else { continue };
            let (claimed_at, claim_event) = claim.evidence();
            out.link(&LinkRow {
                site: evidence.site,
                id_kind: IdKind::Customer,
                id: self.aliases.name(alias),
                customer: self.aliases.name(of),
                person: of,
                standing: claim.standing,
                how: claim.how(),
                claimed_at,
                reaches_from: Some(claim.reaches_from(&self.rules)).filter(|_| claim.standing == Standing::Linked),
                claim_event,
                moved_count,
            });
        }
        Ok(())
    }

    /// Hands over what is a customer's, by name or by what holds a visitor or contact, and somebody else's now; how many
    /// touchpoints that are.
    fn move_customer(&self, moved: &Moved, out: &mut impl Out) -> io::Result<u32> {
        let Moved { customer, before, after } = moved;
        let horizon = self.horizon();
        let mut moved_count = 0;
        for key in iter::once(*customer).chain(self.ids.of(*customer)) {
            let Some(known) = self.known.get(&key).copied() else { continue };
            let holding = self.claims(key, known).map(|claims| claims.holding(key, &self.rules)).unwrap_or_default();
            self.ring.walk(known.newest, key, |at, passed| {
                let (from, to) = (before.follow(*customer, at), after.follow(*customer, at));
                if from != to && at >= horizon && holding.whose(key, at) == *customer {
                    moved_count += 1;
                    out.hand_over(passed, from, to, self.name(to, None));
                }
            })?;
        }
        Ok(moved_count)
    }

    #[cold]
    #[inline(never)]
    fn change(
        &mut self,
        evidence: &Evidence<'_>,
        change: impl FnOnce(&mut Claims) -> Option<News>,
        out: &mut impl Out,
    ) -> io::Result<()> {
        let Evidence { site, key, person, .. } = *evidence;
        let Some(known) = self.known.get_mut(&key) else { return Ok(()) };
        let claims = self.claims.or_default(key);
        let before = claims.holding(key, &self.rules);
        let rank_before = claims.of(person).and_then(|claim| claim.rank_in_crowd(key));
        let bytes = claims.heap_bytes();
        known.is_claimed = true;
        let Some(news) = change(claims) else { return Ok(()) };
        if self.rules.is_bounded() && claims.name.is_empty() {
            (claims.name, claims.kind) = (evidence.id.into(), evidence.id_kind);
        }
        self.claims_bytes = (self.claims_bytes + claims.heap_bytes()).saturating_sub(bytes);
        let rank = claims.of(person).and_then(|claim| claim.rank_in_crowd(key));
        let all = &self.claims;
        let of_listed = |id| all.get(&id)?.of(person)?.rank_in_crowd(id);
        let (cut, flips) = self.ids.change(person, key, (rank_before, rank), &self.rules, of_listed);
        if let Some(claims) = self.claims.get_mut(&key) {
            claims.cut(person, cut);
        }
        self.tell(evidence, &before, news.is_claim, out)?;
        self.flip(site, person, flips, out)?;
        if let Some(evicted) = news.evicted {
            let flips = self.ids.remove(evicted.person, key, evicted.rank_in_crowd(key), &self.rules);
            self.flip(site, evicted.person, flips, out)?;
        }
        Ok(())
    }

    /// Ids whose claims for `person` stand otherwise because another id's came or went.
    fn flip(&mut self, site: &str, person: Key, flips: Vec<Flip>, out: &mut impl Out) -> io::Result<()> {
        for (key, cut) in flips {
            let Some(claims) = self.claims.get_mut(&key) else { continue };
            let before = claims.holding(key, &self.rules);
            claims.cut(person, cut);
            let Some(claims) = self.claims.get(&key) else { continue };
            let Some(Claim { customer, at, id: event, how, .. }) = claims.of(person) else { continue };
            let (id, id_kind, customer) = (&*claims.name, claims.kind, &**customer);
            let (at, event, how) = (*at, *event, *how);
            self.tell(&Evidence { site, id_kind, id, key, customer, person, at, event, how }, &before, true, out)?;
        }
        Ok(())
    }

    /// Hands over what is another's now than `before`, and tells how the id's claims stand, if one changed or something was handed over.
    fn tell(&self, evidence: &Evidence<'_>, before: &Holding, is_claim: bool, out: &mut impl Out) -> io::Result<()> {
        let Evidence { key, person, .. } = *evidence;
        let (Some(claims), Some(known)) = (self.claims.get(&key), self.known.get(&key)) else { return Ok(()) };
        let after = &claims.holding(key, &self.rules);
        let (aliases, horizon) = (&self.aliases, self.horizon());
        let mut moved_count = 0;
        if before != after {
            self.ring.walk(known.newest, key, |at, passed| {
                let whose = |holding: &Holding| aliases.follow(holding.whose(key, at), at);
                let (from, to) = (whose(before), whose(after));
                if from != to && at >= horizon {
                    moved_count += 1;
                    out.hand_over(passed, from, to, self.name(to, Some(claims)));
                }
            })?;
        }
        if !is_claim && moved_count == 0 {
            return Ok(());
        }
        let mut tell = |claim: &Claim| out.link(&row(evidence, claim, claims, &self.rules, moved_count));
        let concerned =
            [Some(person), before.holder.map(|holder| holder.person), after.holder.map(|holder| holder.person)];
        for (n, person) in concerned.into_iter().enumerate() {
            if !concerned[..n].contains(&person) {
                person.and_then(|person| claims.of(person)).into_iter().for_each(&mut tell);
            }
        }
        Ok(())
    }

    /// Lets go of what nothing can move any more.
    pub fn tick(&mut self, watermark: EventTime) {
        self.watermark = self.watermark.max(watermark);
        self.ring.forget(self.horizon());
        if self.known.len() > FEW.max(2 * self.swept) {
            let horizon = self.horizon();
            let forgotten = self.watermark.plus(-self.rules.remember_ms);
            let Identity { known, claims, claims_bytes, ids, rules, .. } = self;
            known.retain(|key, known| {
                let stays = known.seen() >= if known.is_claimed { forgotten.min(horizon) } else { horizon };
                if !stays
                    && known.is_claimed
                    && let Some(claims) = claims.remove(key)
                {
                    *claims_bytes = claims_bytes.saturating_sub(claims.heap_bytes());
                    claims
                        .all
                        .iter()
                        .for_each(|claim| ids.forget(claim.person, *key, claim.rank_in_crowd(*key), rules));
                }
                stays
            });
            self.swept = self.known.len();
        }
    }

    /// Moves what is kept and full out of memory.
    ///
    /// # Errors
    /// It cannot be written: it stays in memory.
    pub fn spill(&mut self, scratch: &mut Scratch) -> io::Result<()> {
        self.ring.spill(scratch)
    }

    /// The blocks that [saved](Identity::save) bytes refer to, numbered in order; a number always names the same one.
    pub fn blocks(&self) -> impl Iterator<Item = (u64, &Block)> {
        self.ring.blocks()
    }

    /// Visitors and contacts known.
    #[must_use]
    pub fn known(&self) -> usize {
        self.known.len()
    }

    /// Bytes of memory the state holds, by capacity.
    #[must_use]
    pub fn resident_bytes(&self) -> usize {
        let claims = self.claims.resident_bytes() + self.claims_bytes;
        self.known.resident_bytes()
            + claims
            + self.ids.resident_bytes()
            + self.aliases.resident_bytes()
            + self.ring.resident_bytes()
    }

    pub(crate) fn restore(&mut self, key: Key, known: Known, claims: Claims) {
        if known.is_claimed {
            self.claims_bytes += claims.heap_bytes();
            claims.all.iter().for_each(|claim| self.ids.list(claim.person, key));
            self.claims.insert(key, claims);
        }
        self.known.insert(key, known);
    }

    /// When all is [restored](Identity::restore): which claims do not link for their number.
    pub(crate) fn decide(&mut self, settled: &[(Key, Settled)]) {
        let all = &self.claims;
        let rank = |id, person| all.get(&id)?.of(person)?.rank_in_crowd(id);
        for (person, (key, cut)) in self.ids.decide(settled, &self.rules, rank) {
            if let Some(claims) = self.claims.get_mut(&key) {
                claims.cut(person, cut);
            }
        }
    }

    /// Touchpoints before it change hands no more.
    fn horizon(&self) -> EventTime {
        self.watermark.plus(-self.rules.kept_ms())
    }

    /// What is known of a key, met at `at`. Memory may hold what the rules have forgotten: then it is forgotten here.
    fn meet(&mut self, key: Key, at: EventTime, watermark: EventTime) -> Known {
        self.watermark = self.watermark.max(watermark);
        let (horizon, forgotten) = (self.horizon(), self.watermark.plus(-self.rules.remember_ms));
        let known = self.known.or_default(key);
        if known.seen() < horizon {
            (known.newest, known.kept) = (0, 0);
            if known.seen() < forgotten && known.is_claimed {
                known.is_claimed = false;
                let claims = self.claims.remove(&key).unwrap_or_default();
                self.claims_bytes = self.claims_bytes.saturating_sub(claims.heap_bytes());
                for claim in &claims.all {
                    self.ids.forget(claim.person, key, claim.rank_in_crowd(key), &self.rules);
                }
            }
        }
        known.see(at);
        *known
    }

    /// Whether a touchpoint at `at` may still change hands.
    #[must_use]
    pub fn may_move(&self, at: EventTime) -> bool {
        at >= self.horizon()
    }
}

fn row<'a>(evidence: &Evidence<'a>, claim: &'a Claim, claims: &Claims, rules: &Rules, moved_count: u32) -> LinkRow<'a> {
    LinkRow {
        site: evidence.site,
        id_kind: evidence.id_kind,
        id: evidence.id,
        customer: &claim.customer,
        person: claim.person,
        standing: claims.standing(claim),
        how: claim.how,
        claimed_at: Some(claim.at).filter(|at| *at != EventTime::MAX),
        reaches_from: Some(claim.reaches_from(rules)).filter(|_| claims.standing(claim) == Standing::Linked),
        claim_event: claim.id,
        moved_count,
    }
}
