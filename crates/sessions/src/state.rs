//! The state of one partition: a pure function of the touchpoints and ticks it was given, in their order.

use crate::attributes::{CUSTOMER, Reading};
use crate::away::Packs;
use crate::chain::{Chain, Class};
use crate::emit::{Context, Scratch, emit};
use crate::error::SessionsError;
use crate::event::{Event, Order};
use crate::fields::Click;
use crate::intern::Interner;
use crate::names::Names;
use crate::queue::Queue;
use crate::rows::Out;
use crate::rules::{Limits, RuleBook, Rules};
use crate::saving::Saving;
use crate::session::session_id;
use crate::slots::{Slot, Slots};
use crate::{stale, window};
use crumbtrail_events::touchpoint::{Head, Touchpoint};
use crumbtrail_events::wire::WireError;
use crumbtrail_events::{EventTime, Key, Outcome};
use smallvec::SmallVec;
use std::io;

/// What became of one touchpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judged {
    /// Its outcome.
    pub outcome: Outcome,
    /// Id of the session it belongs to as far as known now (a session is rolled over at ticks, and an earlier event may
    /// still change the id); 0 if none: support entries, what was not counted, messages before a session.
    pub session: u64,
}

/// A site and its rules.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) name: Box<str>,
    pub(crate) rules: Rules,
}

/// The state of one partition.
///
/// Rows come out at ticks only: a first one at the first tick [`RuleBook::first_row_ms`] after the one before the first
/// event, corrections at most every [`RuleBook::correction_ms`] of the ticks' wall time per key, and a final one when the watermark has passed the end by
/// gap and lateness; then the memory is freed. Within one tick a session has at most one row. A row that merging or an
/// earlier event made untrue is taken back by a `deleted` one before the row that takes its place.
#[derive(Debug)]
pub struct Sessions {
    pub(crate) rules: RuleBook,
    pub(crate) watermark: EventTime,
    /// Wall time of the last tick, ms.
    pub(crate) wall_ms: i64,
    /// Watermark when a gap grew last; see `change.rs`.
    pub(crate) grown_at: EventTime,
    pub(crate) sites: Vec<Site>,
    pub(crate) slots: Slots,
    pub(crate) names: Names,
    pub(crate) interner: Interner,
    reading: Reading,
    /// Slots by the watermark at which a chain of theirs closes.
    pub(crate) timers: Queue,
    /// Slots with rows to emit, by the wall time from which they may be.
    pub(crate) dirty: Queue,
    scratch: Scratch,
    batch: Vec<(Key, u32)>,
    pub(crate) open_sessions: usize,
    pub(crate) open_conversations: usize,
    pub(crate) heap_bytes: usize,
    pub(crate) saving: Option<Box<Saving>>,
    pub(crate) packs: Packs,
    /// Chains whose events are on disk.
    pub(crate) away: usize,
    /// The slot that was looked at last to find what may go to disk.
    pub(crate) hand: usize,
}

const NOT_TEXT: WireError = WireError::Malformed("string is not UTF-8");

/// Milliseconds of a timer bucket, as a power of two.
pub(crate) const BUCKET: u32 = 12;

impl Sessions {
    /// An empty state.
    #[must_use]
    pub fn new(rules: RuleBook) -> Sessions {
        Sessions {
            rules,
            watermark: EventTime::MIN,
            wall_ms: i64::MIN,
            grown_at: EventTime::MIN,
            sites: Vec::new(),
            slots: Slots::default(),
            names: Names::default(),
            interner: Interner::new(),
            reading: Reading::default(),
            timers: Queue::default(),
            dirty: Queue::default(),
            scratch: Scratch::default(),
            batch: Vec::new(),
            open_sessions: 0,
            open_conversations: 0,
            heap_bytes: 0,
            saving: None,
            packs: Packs::default(),
            away: 0,
            hand: 0,
        }
    }

    /// Takes one touchpoint, bytes as in the log; `watermark` is that of the last tick. A touchpoint that intake judged
    /// out comes back with intake's outcome. Rows wait for the next tick, so `_out` is not used yet.
    ///
    /// # Errors
    /// Bytes that are no touchpoint, or events on disk that cannot be read.
    pub fn touchpoint(
        &mut self,
        bytes: &[u8],
        watermark: EventTime,
        _out: &mut impl Out,
    ) -> Result<Judged, SessionsError> {
        let head = Head::peek(bytes)?;
        if head.outcome != Outcome::Counted {
            return Ok(Judged { outcome: head.outcome, session: 0 });
        }
        self.watermark = self.watermark.max(watermark);
        let mut click = Click::find(bytes)?;
        let entry = if head.kind.is_support() { Some(Touchpoint::decode(bytes)?) } else { None };
        let class = match &entry {
            Some(entry) if entry.conversation.is_empty() => Class::talk(entry.channel),
            Some(_) => Class::CASE,
            None if !click.is_bot() => Class::PERSON,
            None => Class::ROBOT,
        };
        let slot = self.slots.find(head.key);
        let site = match slot {
            Some(slot) => self.slots.get(slot).site,
            None => self.site(std::str::from_utf8(click.site).map_err(|_| NOT_TEXT)?),
        };
        let limits = self.sites[usize::from(site)].rules.limits;
        click.heed_client_session(limits.client_sessions);
        let horizon = window::horizon(self.watermark, &limits);
        let at = Event::bounded(head.occurred_at);
        let skew = entry.as_ref().map_or(click.skew, |entry| Event::distance(entry.device_at, at));
        let order = Order { at, skew, id: head.id };
        let mut touched = SmallVec::<[usize; 2]>::new();
        let mut merged_end = at;
        let (mut is_behind, mut known) = (false, None);
        if let Some(slot) = slot {
            self.recall(slot, |_| true)?;
            for (n, chain) in self.slots.get(slot).chains.iter().enumerate() {
                if chain.knows(head.id) {
                    known = Some(n);
                }
                let (start, end) = chain.span();
                let gap = class.gap_ms(&limits);
                let is_near = at >= start.plus(-gap) && at <= end.plus(gap);
                if chain.class == class && is_near && !window::is_closed(end, gap, horizon) {
                    touched.push(n);
                    merged_end = merged_end.max(end);
                    is_behind |= chain.is_folded_past(order);
                }
            }
        }
        let is_late = is_behind || at < self.floor(&limits) || window::is_late(merged_end, horizon);
        if is_late && known.is_none() {
            return Ok(Judged { outcome: Outcome::Late, session: 0 });
        }
        let slot = match slot {
            Some(slot) => slot,
            None => {
                let visitor = self.names.add(click.visitor);
                self.slots.insert(Slot::new(head.key, visitor, site))
            }
        };
        let event = match &entry {
            Some(entry) => self.reading.entry(entry, click.place, &mut self.interner),
            None => {
                let known = self.slots.get_mut(slot);
                if known.attributes.is_none() || known.hash != click.hash {
                    known.attributes = self.reading.attributes(&click, &mut self.interner);
                    known.hash = click.hash;
                }
                self.reading.click(&head, &click, known.attributes, &mut self.interner)
            }
        };
        if let Some(known) = known {
            if !is_late {
                self.replace(slot, known, event, class, &limits);
            }
            return Ok(Judged { outcome: Outcome::Duplicate, session: 0 });
        }
        Ok(self.add(slot, event, class, &touched, &limits))
    }

    /// Adds an event that is neither late nor a repeat to the chains it touches, which it joins.
    pub(crate) fn add(&mut self, n: u32, event: Event, class: Class, touched: &[usize], limits: &Limits) -> Judged {
        let slot = self.slots.get_mut(n);
        let before: usize = touched.iter().map(|&i| slot.chains[i].heap_bytes()).sum();
        let (is_new, key) = (touched.is_empty(), slot.key());
        let at = match touched {
            [] => {
                slot.chains.push(Chain::new(class));
                *count_of(&mut self.open_sessions, &mut self.open_conversations, class) += 1;
                slot.chains.len() - 1
            }
            [first, rest @ ..] => {
                for &other in rest.iter().rev() {
                    let other = slot.chains.remove(other);
                    let joined = &mut slot.chains[*first];
                    // A conversation that has settled is not among the open ones; what they become is.
                    let open_before = usize::from(!joined.is_settled) + usize::from(!other.is_settled);
                    joined.absorb(other);
                    let open = count_of(&mut self.open_sessions, &mut self.open_conversations, class);
                    *open = *open + 1 - open_before;
                }
                *first
            }
        };
        let chain = &mut slot.chains[at];
        chain.insert(event);
        if std::mem::take(&mut chain.is_settled) {
            self.open_conversations += 1;
        }
        chain.is_dirty = true;
        self.heap_bytes = self.heap_bytes + chain.heap_bytes() - before;
        let session = match chain.head_of(event.order()) {
            Some(first) if class.is_session() => session_id(key, first.id),
            _ => 0,
        };
        let closes_at = chain.closes_at(limits);
        if is_new {
            let first = self.wall_ms.saturating_add(self.rules.first_row_ms);
            if slot.chains.len() == 1 || first < slot.due {
                slot.due = first;
                slot.is_dirty = false;
            }
        }
        if !std::mem::replace(&mut slot.is_dirty, true) {
            self.dirty.push(slot.due, n);
        }
        arm(&mut self.timers, slot, n, closes_at);
        Judged { outcome: Outcome::Counted, session }
    }

    /// A tick: the watermark and the wall time (ms since the epoch) it carries. Neither ever goes back.
    ///
    /// # Errors
    /// Events that were moved to disk cannot be read: the state is not to be used any more.
    pub fn tick(&mut self, watermark: EventTime, wall_ms: i64, out: &mut impl Out) -> io::Result<()> {
        self.watermark = self.watermark.max(watermark);
        self.wall_ms = self.wall_ms.max(wall_ms);
        let mut batch = std::mem::take(&mut self.batch);
        let slots = &mut self.slots;
        self.timers.take(self.watermark.0 >> BUCKET, |bucket, n| {
            let slot = slots.get_mut(n);
            if i64::from(slot.armed) == bucket {
                slot.armed = i32::MAX;
                batch.push((slot.key(), n));
            }
        });
        self.dirty.take(wall_ms, |due, n| {
            let slot = slots.get(n);
            if slot.is_dirty && slot.due == due {
                batch.push((slot.key(), n));
            }
        });
        // Rows come in the order of their keys, so that a restored state gives them the same versions.
        batch.sort_unstable();
        batch.dedup();
        for some in batch.chunks(Sessions::AHEAD) {
            self.rows_ahead(some.iter().map(|&(_, n)| n));
            some.iter().try_for_each(|&(_, n)| self.visit(n, wall_ms, out))?;
        }
        batch.clear();
        self.batch = batch;
        // What is being saved still names values by their symbols.
        if self.interner.wants_sweep() && self.saving.is_none() {
            self.sweep();
        }
        Ok(())
    }

    /// Emits what is due of one slot, closes what the watermark has passed, and arms its timer anew.
    pub(crate) fn visit(&mut self, n: u32, wall_ms: i64, out: &mut impl Out) -> io::Result<()> {
        self.recall_due(n)?;
        let slot = self.slots.get_mut(n);
        let site = &self.sites[usize::from(slot.site)];
        let of = Context {
            key: slot.key(),
            site: &site.name,
            visitor: self.names.str(slot.visitor),
            rules: &site.rules,
            horizon: window::horizon(self.watermark, &site.rules.limits),
            interner: &self.interner,
            at_once: self.rules.events_a_tick.max(Chain::SCANNED),
        };
        let is_due = slot.is_dirty && slot.due <= wall_ms;
        if slot.chains.len() > 1 {
            slot.chains.sort_by_key(|chain| (chain.class, chain.span()));
            self.heap_bytes = self.heap_bytes.wrapping_add_signed(stale::sort(&mut slot.chains));
        }
        let mut next = EventTime::MAX;
        let watermark = self.watermark;
        let (scratch, heap_bytes) = (&mut self.scratch, &mut self.heap_bytes);
        let (sessions, conversations) = (&mut self.open_sessions, &mut self.open_conversations);
        slot.chains.retain(|chain| {
            *heap_bytes -= chain.heap_bytes();
            while chain.closes_at(&of.rules.limits) < watermark {
                if chain.is_settled {
                    return false;
                }
                emit(chain, true, of, scratch, out);
                *count_of(sessions, conversations, chain.class) -= 1;
                if chain.class != Class::CASE {
                    return false;
                }
                chain.fold(chain.live.len(), of.rules, of.interner);
                chain.settle();
            }
            if chain.is_dirty && is_due {
                emit(chain, false, of, scratch, out);
            }
            next = next.min(chain.closes_at(&of.rules.limits));
            *heap_bytes += chain.heap_bytes();
            true
        });
        if slot.chains.is_empty() {
            self.names.remove(slot.visitor);
            self.slots.remove(n);
            return Ok(());
        }
        if is_due {
            // What is half said goes on at the next tick.
            let is_half_said = slot.chains.iter().any(Chain::is_half_said);
            slot.due = wall_ms.saturating_add(if is_half_said { 0 } else { self.rules.correction_ms });
            slot.is_dirty = slot.chains.iter().any(|chain| chain.is_dirty);
            if slot.is_dirty {
                self.dirty.push(slot.due, n);
            }
        }
        arm(&mut self.timers, slot, n, next);
        Ok(())
    }

    /// The number of a site.
    pub(crate) fn site(&mut self, name: &str) -> u16 {
        if let Some(n) = self.sites.iter().position(|site| &*site.name == name) {
            return n as u16;
        }
        self.sites.push(Site { name: name.into(), rules: self.rules.of(name).clone() });
        (self.sites.len() - 1) as u16
    }

    /// Puts a restored slot in.
    pub(crate) fn restore(&mut self, slot: Slot) {
        let limits = self.sites[usize::from(slot.site)].rules.limits;
        let next = slot.chains.iter().map(|chain| chain.closes_at(&limits)).min().unwrap_or(EventTime::MAX);
        for chain in &slot.chains {
            self.heap_bytes += chain.heap_bytes();
            if !chain.is_settled {
                *count_of(&mut self.open_sessions, &mut self.open_conversations, chain.class) += 1;
            }
        }
        let n = self.slots.insert(slot);
        let slot = self.slots.get_mut(n);
        if slot.is_dirty {
            self.dirty.push(slot.due, n);
        }
        arm(&mut self.timers, slot, n, next);
    }

    /// The clicks of a visitor that named a customer, of those at these times that are kept one by one: when, hash of the event id,
    /// customer. In no order.
    ///
    /// # Errors
    /// Events that were moved to disk cannot be read.
    pub fn named(
        &self,
        key: Key,
        from: EventTime,
        to: EventTime,
        mut each: impl FnMut(EventTime, u64, &str),
    ) -> io::Result<()> {
        let Some(slot) = self.slots.find(key) else { return Ok(()) };
        for chain in self.slots.get(slot).chains.iter().filter(|chain| chain.class == Class::PERSON) {
            for event in
                chain.live.whole()?.since(from).take_while(|event| event.at() <= to).filter(|event| event.may_start())
            {
                let customer = self.interner.part(event.attributes, CUSTOMER);
                if !customer.is_none() {
                    each(event.at(), event.id, self.interner.str(customer));
                }
            }
        }
        Ok(())
    }

    fn sweep(&mut self) {
        for n in self.slots.numbers() {
            let slot = self.slots.get(n);
            self.interner.mark(slot.attributes);
            slot.chains.iter().for_each(|chain| chain.mark(&mut self.interner));
        }
        self.packs.mark(&mut self.interner);
        self.interner.sweep();
    }

    /// Chains of sessions that can still change; a chain is what the gap connects, sessions rolled over included.
    #[must_use]
    pub fn open_sessions(&self) -> usize {
        self.open_sessions
    }

    /// Conversations that have not settled.
    #[must_use]
    pub fn open_conversations(&self) -> usize {
        self.open_conversations
    }

    /// Bytes of memory the state holds, by capacity (the allocator's own share comes on top).
    #[must_use]
    pub fn resident_bytes(&self) -> usize {
        self.heap_bytes
            + self.slots.resident_bytes()
            + self.names.resident_bytes()
            + self.interner.resident_bytes()
            + self.timers.resident_bytes()
            + self.dirty.resident_bytes()
            + self.batch.capacity() * size_of::<(Key, u32)>()
            + self.packs.resident_bytes()
    }
}

/// The count of open chains that a class belongs to.
pub(crate) fn count_of<'a>(sessions: &'a mut usize, conversations: &'a mut usize, class: Class) -> &'a mut usize {
    if class.is_session() { sessions } else { conversations }
}

/// Arms a slot's one timer if it would ring too late. It is never moved back: when it rings too early, it is armed anew.
pub(crate) fn arm(timers: &mut Queue, slot: &mut Slot, n: u32, closes_at: EventTime) {
    // Buckets of 4 s reach from 1690 to 2248; what would close later never does by itself.
    let bucket = (closes_at.0 >> BUCKET).clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32;
    if bucket < slot.armed {
        slot.armed = bucket;
        timers.push(i64::from(bucket), n);
    }
}
