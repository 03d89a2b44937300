//! Carries the touchpoints of one epoch into the log of another, which may have another number of partitions.
//!
//! ```text
//! touchpoints-e1/0 ─┐  every record once, routed anew    ┌─► touchpoints-e2/0
//! touchpoints-e1/1 ─┼──────────────────────────────────► ┼─► touchpoints-e2/1
//!                   └  at the end: how far each source   └─► touchpoints-e2/2
//! ```
//!
//! Each old partition is an origin in the new log, and a record's position there is its offset in the old one: a run that was
//! killed goes on at the lowest frontier read back, and what it says twice is a repeat. Only what a tick of the old log covers
//! is carried. The last word repeats what the old log knew of its own origins, so that intake and imports go on from there.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use bytes::Bytes;
use crumbtrail_events::touchpoint::{Head, Role, To};
use crumbtrail_events::{Outcome, Touchpoint};
use crumbtrail_log::control::Control;
use crumbtrail_log::frame::peek_kind;
use crumbtrail_log::tick::NO_WATERMARK;
use crumbtrail_log::{
    Epoch, FrameView, Generation, Inbox, Log, Offset, OriginId, Outbox, PartitionId, Position, Verdict,
};
use crumbtrail_runtime::accepted_gap;
use crumbtrail_runtime::intake::IMPORT_ORIGIN;
use crumbtrail_steps::Told;

use super::since::{Kept, Since};

/// Bytes read of a partition at once.
const READ_BYTES: usize = 4 << 20;
const FLUSH_DEADLINE: Duration = Duration::from_secs(60);
/// The watermark of an origin that is finished: it holds nothing back.
const FINISHED: i64 = i64::MAX;

/// Which epochs, and under which configuration the new one is written.
#[derive(Clone, Copy, Debug)]
pub struct Epochs {
    /// The old one.
    pub from: Epoch,
    /// The new one.
    pub to: Epoch,
    /// Generation of the new one's records.
    pub generation: Generation,
}

/// A carriage under way.
pub struct Carry<'a> {
    epochs: Epochs,
    old: &'a dyn Log,
    new: &'a dyn Log,
    outbox: Outbox,
    lanes: Vec<Lane>,
    /// Origins whose records are operators' decisions: nobody says frontiers of them.
    decisions: HashSet<OriginId>,
    scratch: Vec<u8>,
    /// The latest event time of all records, ms.
    latest: i64,
    records: u64,
    unsaid: u64,
    /// An earlier run has said the last word already: only that is repeated.
    was_finished: bool,
    /// What of the history is carried; all of it without.
    since: Option<&'a Since>,
    claim: Vec<u8>,
}

/// One partition of the old log.
struct Lane {
    partition: PartitionId,
    origin: OriginId,
    name: String,
    inbox: Inbox,
    /// Where the log begins.
    first: Offset,
    /// Frames read and not taken.
    ahead: VecDeque<(Offset, Bytes)>,
    /// Of these, those up to the last tick.
    ready: usize,
    read_to: Offset,
    /// Where the log ends, or where an earlier run said its last word.
    end: Offset,
    /// Everything below is in the new log since an earlier run.
    carried: Offset,
    /// Everything below is taken.
    taken: Offset,
    wall_ms: i64,
    /// What was taken of what all partitions are told.
    told: HashSet<Box<[u8]>>,
}

/// What the old log knew of one of its origins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// The origin.
    pub origin: OriginId,
    /// Its name, where the log tells it.
    pub name: String,
    /// Everything below was carried, nothing from there on.
    pub frontier: u64,
    /// Watermark that holds from there on.
    pub watermark: i64,
    /// Whether the watermark of partitions waits for it.
    pub is_declared: bool,
}

impl<'a> Carry<'a> {
    /// Begins, or goes on where an earlier run of the same carriage ended.
    ///
    /// # Errors
    /// A log cannot be read; the old one has forgotten its begin, though all of it is to be carried.
    pub fn begin(
        old: &'a dyn Log,
        new: &'a dyn Log,
        control: &dyn Log,
        epochs: Epochs,
        since: Option<&'a Since>,
    ) -> Result<Carry<'a>> {
        let mut outbox = Outbox::new(epochs.to, epochs.generation, new.partitions()).with_lz4(new.wants_lz4());
        let asked = asked_again(control, new.name())?;
        let (mut lanes, mut was_finished) = (Vec::new(), false);
        for partition in (0..old.partitions()).map(PartitionId) {
            let (first, end) = old.bounds(partition)?;
            if first > Offset(0) && since.is_none() {
                bail!("{} has forgotten its begin: rebuild --since TIME takes over what lies before", old.name());
            }
            let name = format!("carried:{}/{}", old.name(), partition.0);
            let origin = OriginId::of(&name);
            let (mut lowest, mut finished_at) = (u64::MAX, None);
            for to in (0..new.partitions()).map(PartitionId) {
                let back = new.read_back(to, origin)?;
                lowest = lowest.min(back.map_or(0, |back| back.frontier));
                finished_at = finished_at.max(back.filter(|b| b.watermark == FINISHED).map(|b| b.frontier));
            }
            was_finished |= finished_at.is_some();
            let carried = Offset(asked.get(&origin).map_or(lowest, |asked| lowest.min(*asked)));
            outbox.start(origin, &name, Position::before(carried.0));
            lanes.push(Lane {
                partition,
                origin,
                name,
                inbox: if first > Offset(0) { Inbox::adopting() } else { Inbox::new() },
                first,
                ahead: VecDeque::new(),
                ready: 0,
                read_to: first,
                end: finished_at.map_or(end, Offset),
                carried,
                taken: first,
                wall_ms: i64::MIN,
                told: HashSet::new(),
            });
        }
        let (decisions, scratch, claim) = (HashSet::new(), Vec::new(), Vec::new());
        Ok(Carry {
            epochs,
            old,
            new,
            outbox,
            lanes,
            decisions,
            scratch,
            latest: i64::MIN,
            records: 0,
            unsaid: 0,
            was_finished,
            since,
            claim,
        })
    }

    /// Looks whether the old log has grown; what came is carried, too.
    ///
    /// # Errors
    /// The old log cannot be asked.
    pub fn look(&mut self) -> Result<bool> {
        let mut has_grown = false;
        for lane in self.lanes.iter_mut().filter(|_| !self.was_finished) {
            let (_, end) = self.old.bounds(lane.partition)?;
            has_grown |= end > lane.end;
            lane.end = lane.end.max(end);
        }
        Ok(has_grown)
    }

    /// Frames taken, and all there are.
    pub fn progress(&self) -> (u64, u64) {
        let of = |lane: &Lane| (lane.taken.0 - lane.first.0, lane.end.0 - lane.first.0);
        self.lanes.iter().map(of).fold((0, 0), |sum, lane| (sum.0 + lane.0, sum.1 + lane.1))
    }

    /// Records carried by this run.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// Records carried since the last tick.
    pub fn unsaid(&self) -> u64 {
        self.unsaid
    }

    /// Carries frames up to the next tick of the partition that is furthest back in time. False at the end of the old log, as
    /// far as ticks cover it.
    ///
    /// # Errors
    /// A log fails; a frame cannot be read.
    pub fn step(&mut self) -> Result<bool> {
        for lane in self.lanes.iter_mut().filter(|lane| lane.ready == 0) {
            lane.read(self.old)?;
        }
        let next =
            self.lanes.iter_mut().filter(|lane| lane.ready > 0).min_by_key(|lane| (lane.wall_ms, lane.partition));
        let Some(lane) = next else { return Ok(false) };
        let mut scratch = std::mem::take(&mut self.scratch);
        while let Some((offset, bytes)) = lane.ahead.pop_front() {
            lane.ready -= 1;
            let view =
                FrameView::parse(&bytes, &mut scratch).map_err(|error| unreadable(self.old, lane, offset, error))?;
            if view.epoch() != self.epochs.from {
                bail!("{} has frames of epoch {}", self.old.name(), view.epoch().0);
            }
            for (record, seq) in view.records().zip(1..) {
                let verdict = lane.inbox.judge(view.generation(), record.origin, record.position, record.previous);
                if verdict != Verdict::Accept {
                    continue;
                }
                let head = Head::peek(record.payload).with_context(|| lane.place(self.old, offset))?;
                // The new epoch is computed by rules of its own.
                if Told::is_in(record.payload)? {
                    self.decisions.insert(record.origin);
                    continue;
                }
                if lane.inbox.frontier(record.origin) == Some(0) && is_decision(self.old, head, record.payload)? {
                    self.decisions.insert(record.origin);
                }
                if !matches!(head.outcome, Outcome::Aside | Outcome::Dead) {
                    self.latest = self.latest.max(head.occurred_at.0);
                }
                // Of what all are told every old partition has a copy, or had one: each is carried, lest the only one left is not.
                // Who hears it again learns nothing new. But the copies of a rebuild before are not multiplied by this one.
                if told_to(head, record.payload)? == To::All && !lane.told.insert(record.payload.into()) {
                    continue;
                }
                if offset < lane.carried {
                    continue;
                }
                self.claim.clear();
                let kept = match self.since {
                    None => Kept::Whole,
                    Some(since) => {
                        let kept = since.of(&head, record.payload, &mut self.claim);
                        kept.with_context(|| lane.place(self.old, offset))?
                    }
                };
                let payload = match kept {
                    Kept::Whole => record.payload,
                    Kept::Claim => &self.claim,
                    Kept::Nothing => continue,
                };
                let to = told_to(head, payload)?;
                for to in to.partitions(self.outbox.partitions()) {
                    self.outbox.push(lane.origin, Position { offset: offset.0, seq }, PartitionId(to), payload);
                }
                self.records += 1;
                self.unsaid += 1;
            }
            let tick = view.tick().map_err(|error| unreadable(self.old, lane, offset, error))?;
            lane.taken = Offset(offset.0 + 1);
            if let Some(tick) = &tick {
                lane.inbox.tick(tick);
                lane.wall_ms = lane.wall_ms.max(tick.wall_ms);
            }
            if lane.taken > lane.carried {
                let watermark = lane.inbox.watermark().unwrap_or(NO_WATERMARK);
                self.outbox.decided(lane.origin, lane.taken.0, watermark);
            }
            if tick.is_some() {
                break;
            }
        }
        self.scratch = scratch;
        append(&mut self.outbox, self.new)?;
        Ok(true)
    }

    /// Says how far it is, and returns once that is durable.
    ///
    /// # Errors
    /// The new log refuses.
    pub fn tick(&mut self, wall_ms: i64) -> Result<()> {
        // Until the old log has said whom its watermark waits for, the new one must not have one either.
        let is_begun = self.lanes.iter().all(|lane| lane.inbox.origins().any(|origin| origin.declared));
        let declared = if is_begun { self.names() } else { Vec::new() };
        self.outbox.tick(wall_ms, &declared);
        self.unsaid = 0;
        append(&mut self.outbox, self.new)?;
        Ok(self.new.flush(FLUSH_DEADLINE)?)
    }

    fn names(&self) -> Vec<(OriginId, String)> {
        self.lanes.iter().map(|lane| (lane.origin, lane.name.clone())).collect()
    }

    /// What the old log knew of its origins, once all of it is carried: the ground of the last word. An import that had closed
    /// event time behind its last record closes it `close_after_ms` behind it, as it would now.
    ///
    /// # Errors
    /// It is not whole: records are missing from it, or its last writer was cut off in the middle of a word.
    pub fn known(&self, close_after_ms: i64) -> Result<Vec<Known>> {
        let mend = "start what wrote it last once more under the old configuration (`run`, stopped by SIGTERM, or the same \
                    import or redrive), so that it ends what it had begun, and run this again";
        for lane in &self.lanes {
            if lane.inbox.gaps().next().is_some() {
                bail!("records are missing from {} partition {}: {mend}", self.old.name(), lane.partition.0);
            }
            self.check_tail(lane, mend)?;
        }
        let mut known: BTreeMap<OriginId, (Known, usize)> = BTreeMap::new();
        for state in self.lanes.iter().flat_map(|lane| lane.inbox.origins()) {
            let fresh = || Known {
                origin: state.origin,
                name: String::new(),
                frontier: u64::MAX,
                watermark: i64::MAX,
                is_declared: false,
            };
            let (known, heard_in) = known.entry(state.origin).or_insert_with(|| (fresh(), 0));
            *heard_in += 1;
            known.frontier = known.frontier.min(state.frontier);
            known.watermark = known.watermark.min(state.watermark);
            known.is_declared |= state.declared;
            if let Some(name) = &state.name {
                known.name.clone_from(name);
            }
        }
        let mut whole = Vec::new();
        for (mut known, heard_in) in known.into_values() {
            if self.decisions.contains(&known.origin) {
                continue;
            }
            if heard_in < self.lanes.len() {
                (known.frontier, known.watermark) = (0, NO_WATERMARK);
            }
            let states = self.lanes.iter().flat_map(|lane| lane.inbox.origins());
            let is_ahead = |record: Position| record != Position::default() && record.offset >= known.frontier;
            if states.filter(|state| state.origin == known.origin).any(|state| is_ahead(state.record)) {
                bail!("not every partition of {} has heard what the others have: {mend}", self.old.name());
            }
            if known.origin == OriginId::of(IMPORT_ORIGIN) && known.watermark > self.latest {
                known.watermark = known.watermark.max(self.latest.saturating_add(close_after_ms));
            }
            whole.push(known);
        }
        Ok(whole)
    }

    /// What lies behind the last tick is left to its sources, which send it again; so there must be sources.
    fn check_tail(&self, lane: &Lane, mend: &str) -> Result<()> {
        let (_, end) = self.old.bounds(lane.partition)?;
        let mut at = lane.taken;
        let mut scratch = Vec::new();
        while at < end {
            let frames = self.old.read(lane.partition, at, READ_BYTES)?;
            for (offset, bytes) in &frames {
                let view = FrameView::parse(bytes, &mut scratch)
                    .map_err(|error| unreadable(self.old, lane, *offset, error))?;
                for record in view.records() {
                    let head = Head::peek(record.payload).with_context(|| lane.place(self.old, *offset))?;
                    if !self.was_finished && is_decision(self.old, head, record.payload)? {
                        bail!("a decision stands behind the last tick of {}: {mend}", self.old.name());
                    }
                    let is_of_source = lane.inbox.origins().any(|o| o.origin == record.origin && o.declared);
                    if self.was_finished && !is_of_source {
                        bail!(
                            "epoch {} has gone on since this rebuild had read it to its end: begin anew with --afresh",
                            self.epochs.from.0
                        );
                    }
                }
            }
            let Some((last, _)) = frames.last() else { break };
            at = Offset(last.0 + 1);
        }
        Ok(())
    }

    /// Where the old log ends now, to be looked at again before the views are exchanged.
    ///
    /// # Errors
    /// It cannot be asked.
    pub fn tail(&self) -> Result<Tail> {
        let end = |lane: &Lane| Ok((lane.partition, self.old.bounds(lane.partition)?.1));
        let origins = self.lanes.iter().flat_map(|lane| lane.inbox.origins());
        Ok(Tail {
            from: self.epochs.from,
            ends: self.lanes.iter().map(end).collect::<Result<_>>()?,
            sources: origins.filter(|origin| origin.declared).map(|origin| origin.origin).collect(),
        })
    }

    /// The last word: everything is carried, and the log's own origins go on from what was known of them. Asks readers to do
    /// at once what waits for time.
    ///
    /// # Errors
    /// The new log refuses.
    pub fn finish(&mut self, known: &[Known], wall_ms: i64) -> Result<()> {
        let sources = known.iter().filter(|known| known.is_declared);
        let mut declared: Vec<_> = sources.map(|known| (known.origin, known.name.clone())).collect();
        if !declared.is_empty() {
            declared.extend(self.names());
            for lane in &self.lanes {
                self.outbox.decided(lane.origin, lane.taken.max(lane.carried).0, FINISHED);
            }
        }
        say(&mut self.outbox, known);
        self.outbox.closing_tick(wall_ms, &declared);
        append(&mut self.outbox, self.new)?;
        Ok(self.new.flush(FLUSH_DEADLINE)?)
    }
}

/// Where the old log ended when all of it was carried.
pub struct Tail {
    from: Epoch,
    ends: Vec<(PartitionId, Offset)>,
    /// Origins that send again what comes behind.
    sources: HashSet<OriginId>,
}

impl Tail {
    /// Makes sure that nothing has come to it since which nobody sends again: files, decisions.
    ///
    /// # Errors
    /// Something has, or it cannot be read.
    pub fn check(&self, old: &dyn Log) -> Result<()> {
        for (partition, end) in &self.ends {
            let (_, now) = old.bounds(*partition)?;
            crumbtrail_log::walk(old, *partition, *end..now, |_, view| {
                if view.records().any(|record| !self.sources.contains(&record.origin)) {
                    bail!(
                        "epoch {} has gone on since this rebuild had read it to its end (an import, a link, other rules?), and the new epoch has \
                         nothing of it: the views are as before, begin anew with --afresh",
                        self.from.0
                    );
                }
                Ok(())
            })?;
        }
        Ok(())
    }
}

/// States of origins how far they are, as if they had been read to there.
pub(super) fn say(outbox: &mut Outbox, known: &[Known]) {
    for Known { origin, name, frontier, watermark, .. } in known {
        // From the very beginning: nobody holds anything of them here, and what is below was carried.
        outbox.start(*origin, name, Position::default());
        outbox.decided(*origin, *frontier, *watermark);
    }
}

fn append(outbox: &mut Outbox, log: &dyn Log) -> Result<()> {
    outbox.drain().try_for_each(|(partition, frame)| log.append(partition, frame))?;
    Ok(())
}

/// Per origin, the lowest offset that a reader of a log has asked for again.
fn asked_again(control: &dyn Log, log: &str) -> Result<BTreeMap<OriginId, u64>> {
    let (mut at, end) = control.bounds(PartitionId(0))?;
    let mut asked = BTreeMap::new();
    while at < end {
        let messages = control.read(PartitionId(0), at, READ_BYTES)?;
        let Some((last, _)) = messages.last() else { break };
        at = Offset(last.0 + 1);
        for (_, bytes) in &messages {
            if let Ok(Control::GoBack(ask)) = Control::decode(bytes)
                && ask.log == log
            {
                let lowest = asked.entry(ask.origin).or_insert(u64::MAX);
                *lowest = ask.position.offset.min(*lowest);
            }
        }
    }
    Ok(asked)
}

/// Whether a record is an operator's decision: a link, or that what the log itself had forgotten is lost.
fn is_decision(log: &dyn Log, head: Head, payload: &[u8]) -> Result<bool> {
    if !matches!(head.outcome, Outcome::Aside | Outcome::Dead) {
        return Ok(false);
    }
    let touchpoint = Touchpoint::decode(payload)?;
    let is_of_log = touchpoint.reason == accepted_gap::REASON && touchpoint.topic == log.name();
    Ok(is_of_log || matches!(touchpoint.role, Role::Linked | Role::Unlinked | Role::AliasLinked | Role::AliasUnlinked))
}

/// Where a record goes: to the partition of its key, or, what is said of aliases, to every one.
fn told_to(head: Head, payload: &[u8]) -> Result<To> {
    if head.outcome != Outcome::Aside {
        return Ok(To::Key(head.key));
    }
    let is_of_all = matches!(Touchpoint::decode(payload)?.role, Role::Alias | Role::AliasLinked | Role::AliasUnlinked);
    Ok(if is_of_all { To::All } else { To::Key(head.key) })
}

fn unreadable(log: &dyn Log, lane: &Lane, offset: Offset, error: impl std::fmt::Display) -> anyhow::Error {
    anyhow!("{}: {error}", lane.place(log, offset))
}

impl Lane {
    fn place(&self, log: &dyn Log, offset: Offset) -> String {
        format!("{} partition {} offset {}", log.name(), self.partition.0, offset.0)
    }

    /// Reads ahead until there is a tick, or the end.
    fn read(&mut self, log: &dyn Log) -> Result<()> {
        while self.ready == 0 && self.read_to < self.end {
            let frames = log.read(self.partition, self.read_to, READ_BYTES)?;
            let Some((last, _)) = frames.last() else { return Ok(()) };
            self.read_to = Offset(last.0 + 1).min(self.end);
            for (offset, bytes) in frames.into_iter().take_while(|(offset, _)| *offset < self.end) {
                let is_tick = peek_kind(&bytes).map_err(|error| unreadable(log, self, offset, error))?.tick;
                self.ahead.push_back((offset, bytes));
                if is_tick {
                    self.ready = self.ahead.len();
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
