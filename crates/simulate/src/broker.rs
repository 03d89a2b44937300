//! Logs on a broker that loses, doubles and delays, as the schedule wants it.
//!
//! A writer's frames wait in its client until the scheduler delivers them or the writer flushes; those of one partition keep
//! their order. A killed writer's frames may still arrive, long after somebody else has taken over.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use crumbtrail_log::control::{Control, GoBack};
use crumbtrail_log::{
    Event, FrameView, Log, LogError, Member, Offset, OriginId, PartitionId, Position, ReadBack, Subscription,
};
use parking_lot::Mutex;

use crate::dice::Dice;
use crate::mishaps::Faults;
use crate::mutation::{Mutation, Rewriter, is_on};

/// Offsets as members reported them, by origin. Nobody starts from them.
pub type Committed = Arc<Mutex<BTreeMap<OriginId, u64>>>;

/// One log, as the broker has it.
pub struct Topic {
    name: String,
    partitions: Mutex<Vec<Stored>>,
    faults: Arc<Faults>,
}

#[derive(Default)]
struct Stored {
    start: u64,
    next: u64,
    frames: VecDeque<(u64, Bytes)>,
}

impl Topic {
    /// An empty log.
    #[must_use]
    pub fn new(name: &str, partitions: u32, faults: Arc<Faults>) -> Arc<Topic> {
        let partitions = (0..partitions).map(|_| Stored::default()).collect();
        Arc::new(Topic { name: name.to_owned(), partitions: Mutex::new(partitions), faults })
    }

    /// How many partitions it has.
    #[must_use]
    pub fn partitions(&self) -> usize {
        self.partitions.lock().len()
    }

    /// Where a partition ends.
    #[must_use]
    pub fn end(&self, partition: usize) -> u64 {
        self.partitions.lock()[partition].next
    }

    /// Where a partition begins.
    #[must_use]
    pub fn start(&self, partition: usize) -> u64 {
        self.partitions.lock()[partition].start
    }

    /// What writers were asked, of the control log.
    #[must_use]
    pub fn asks(&self) -> Vec<GoBack> {
        let partitions = self.partitions.lock();
        let frames = partitions.iter().flat_map(|stored| &stored.frames);
        let asks = frames.filter_map(|(_, frame)| match Control::decode(frame) {
            Ok(Control::GoBack(ask)) => Some(ask),
            _ => None,
        });
        asks.collect()
    }

    /// Behind a partition's last frame.
    #[must_use]
    pub fn last(&self, partition: usize) -> u64 {
        self.partitions.lock()[partition].frames.back().map_or(0, |(offset, _)| offset + 1)
    }

    /// Takes one frame from a client. Whether the log can heal decides whether it may be lost.
    fn store(&self, partition: usize, frame: Vec<u8>) {
        let heals = self.name == "touchpoints" || self.name == "people";
        if heals && self.faults.loses() {
            self.faults.say(|| format!("lost on {}/{partition}: {}", self.name, describe(&frame)));
            return;
        }
        if self.name == "control" && is_on(Mutation::NobodyIsAsked) {
            return;
        }
        if self.name == "control" {
            self.faults.asked();
            self.faults.say(|| format!("{:?}", Control::decode(&frame)));
        }
        let times = if self.faults.happens(|plan| plan.doubled) { 2 } else { 1 };
        let frame = Bytes::from(frame);
        self.faults.note(self.name.as_bytes());
        self.faults.note(&frame);
        let mut partitions = self.partitions.lock();
        let stored = &mut partitions[partition];
        for _ in 0..times {
            if self.faults.happens(|plan| plan.holes) {
                stored.next += 1 + self.faults.dice.below(2);
            }
            stored.frames.push_back((stored.next, frame.clone()));
            stored.next += 1;
        }
    }

    fn regressed(&self, partition: PartitionId, end: u64, reached: Offset) -> LogError {
        LogError::Regressed { log: self.name.clone(), partition, end: Offset(end), reached }
    }

    fn read(&self, partition: PartitionId, from: Offset, most: usize) -> Result<Vec<(Offset, Bytes)>, LogError> {
        let partitions = self.partitions.lock();
        let stored = &partitions[partition.0 as usize];
        if from.0 < stored.start {
            let (log, start) = (self.name.clone(), Offset(stored.start));
            return Err(LogError::Trimmed { log, partition, start, asked: from });
        }
        if from.0 > stored.next {
            return Err(self.regressed(partition, stored.next, from));
        }
        let at = stored.frames.partition_point(|(offset, _)| *offset < from.0);
        Ok(stored.frames.range(at..).take(most).map(|(offset, bytes)| (Offset(*offset), bytes.clone())).collect())
    }
}

/// Whose records a frame has, from where to where, and what its tick says.
fn describe(frame: &[u8]) -> String {
    let mut scratch = Vec::new();
    let Ok(view) = FrameView::parse(frame, &mut scratch) else { return "no frame".to_owned() };
    let place = |position: Position| format!("{}.{}", position.offset, position.seq);
    let mut words: Vec<String> = view
        .records()
        .map(|record| format!("{:04x}:{}<{}", record.origin.0 >> 48, place(record.previous), place(record.position)))
        .collect();
    if let Ok(Some(tick)) = view.tick() {
        words.extend(tick.origins.iter().map(|said| {
            format!("tick {:04x}: frontier {} last {}", said.origin.0 >> 48, said.frontier, place(said.last))
        }));
    }
    format!("generation {}, {}", view.generation().0, words.join(" "))
}

/// A process's client of one topic: what it appended waits here.
pub struct Client {
    topic: Arc<Topic>,
    queues: Mutex<Vec<VecDeque<Vec<u8>>>>,
    dice: Dice,
    mail: PartitionMail,
    /// Offsets reported to the source's group.
    committed: Committed,
    rewriter: Mutex<Rewriter>,
}

/// What the coordinator tells a member of a log's group.
pub type PartitionMail = Arc<Mutex<VecDeque<Event>>>;

impl Client {
    /// A client with nothing to send.
    #[must_use]
    pub fn new(topic: &Arc<Topic>, dice: Dice, mail: PartitionMail, committed: Committed) -> Arc<Client> {
        let queues = Mutex::new(topic.partitions.lock().iter().map(|_| VecDeque::new()).collect());
        let topic = topic.clone();
        Arc::new(Client { topic, queues, dice, mail, committed, rewriter: Mutex::default() })
    }

    /// Delivers some of what waits, partition by partition as chance wants it.
    pub fn deliver_some(&self) {
        let mut queues = self.queues.lock();
        for (partition, queue) in queues.iter_mut().enumerate() {
            if queue.is_empty() {
                continue;
            }
            for _ in 0..self.dice.below(queue.len() as u64 + 1) {
                if let Some(frame) = queue.pop_front() {
                    self.topic.store(partition, frame);
                }
            }
        }
    }

    /// Delivers everything that waits.
    pub fn deliver_all(&self) {
        for (partition, queue) in self.queues.lock().iter_mut().enumerate() {
            for frame in queue.drain(..) {
                self.topic.store(partition, frame);
            }
        }
    }

    /// Loses everything that waits.
    pub fn lose_all(&self) {
        self.queues.lock().iter_mut().for_each(VecDeque::clear);
    }

    /// Whether something waits.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.queues.lock().iter().any(|queue| !queue.is_empty())
    }
}

impl Log for Client {
    fn name(&self) -> &str {
        &self.topic.name
    }

    fn partitions(&self) -> u32 {
        self.queues.lock().len() as u32
    }

    fn append(&self, partition: PartitionId, frame: Vec<u8>) -> Result<(), LogError> {
        let frame = match self.topic.name.as_str() {
            "touchpoints" | "people" => self.rewriter.lock().rewrite(partition, frame),
            _ => frame,
        };
        self.queues.lock()[partition.0 as usize].push_back(frame);
        Ok(())
    }

    fn flush(&self, deadline: Duration) -> Result<(), LogError> {
        if is_on(Mutation::CommitBeforeAck) && self.topic.name == "touchpoints" {
            return Ok(());
        }
        if self.topic.faults.happens(|plan| plan.flush_fails) {
            // Half of the time all of it arrived, and only the word of it is lost.
            if self.dice.chance(500) {
                self.deliver_all();
            } else {
                self.deliver_some();
            }
            return Err(LogError::TimedOut { what: format!("flush of {}", self.topic.name), after: deadline });
        }
        self.deliver_all();
        self.rewriter.lock().flushed();
        Ok(())
    }

    fn bounds(&self, partition: PartitionId) -> Result<(Offset, Offset), LogError> {
        let partitions = self.topic.partitions.lock();
        let stored = &partitions[partition.0 as usize];
        Ok((Offset(stored.start), Offset(stored.next)))
    }

    fn read(&self, partition: PartitionId, from: Offset, _: usize) -> Result<Vec<(Offset, Bytes)>, LogError> {
        self.topic.read(partition, from, 64)
    }

    fn read_back_many(&self, partition: PartitionId, origins: &[OriginId]) -> Result<Vec<Option<ReadBack>>, LogError> {
        let real = |partition| Honest(self).read_back_many(partition, origins);
        let mut found = real(partition)?;
        if is_on(Mutation::ReadBackHighest) {
            for other in 0..self.partitions() {
                for (found, other) in found.iter_mut().zip(real(PartitionId(other))?) {
                    *found = (*found).max_by_frontier(other);
                }
            }
        }
        if is_on(Mutation::CommitBeforeAck) {
            let committed = self.committed.lock();
            for (found, origin) in found.iter_mut().zip(origins) {
                if let Some(frontier) = committed.get(origin) {
                    let none = ReadBack {
                        frontier: 0,
                        last: Default::default(),
                        watermark: i64::MIN,
                        generation: Default::default(),
                    };
                    *found = Some(ReadBack { frontier: *frontier, ..found.unwrap_or(none) });
                }
            }
        }
        if is_on(Mutation::FrontiersIgnored) && self.topic.name == "people" {
            found.iter_mut().flatten().for_each(|found| found.frontier = u64::MAX);
        }
        Ok(found)
    }

    fn trim(&self, partition: PartitionId, before: Offset) -> Result<(), LogError> {
        let mut partitions = self.topic.partitions.lock();
        let stored = &mut partitions[partition.0 as usize];
        let before = if is_on(Mutation::TrimsTooFar) { stored.next.min(before.0 + 40) } else { before.0 };
        let gone = stored.frames.partition_point(|(offset, _)| *offset < before);
        stored.frames.drain(..gone);
        stored.start = stored.start.max(before);
        self.topic.faults.say(|| format!("{}/{} forgets what lies before {before}", self.topic.name, partition.0));
        Ok(())
    }

    fn subscribe(&self, _: Member<'_>) -> Result<Box<dyn Subscription>, LogError> {
        let (topic, mail, dice) = (self.topic.clone(), self.mail.clone(), self.dice.clone());
        Ok(Box::new(Reader { topic, mail, dice, places: BTreeMap::new() }))
    }
}

/// The client without its own `read_back_many`: the trait's.
struct Honest<'a>(&'a Client);

impl Log for Honest<'_> {
    fn name(&self) -> &str {
        self.0.name()
    }
    fn partitions(&self) -> u32 {
        self.0.partitions()
    }
    fn append(&self, partition: PartitionId, frame: Vec<u8>) -> Result<(), LogError> {
        self.0.append(partition, frame)
    }
    fn flush(&self, deadline: Duration) -> Result<(), LogError> {
        self.0.flush(deadline)
    }
    fn bounds(&self, partition: PartitionId) -> Result<(Offset, Offset), LogError> {
        self.0.bounds(partition)
    }
    fn read(&self, partition: PartitionId, from: Offset, max_bytes: usize) -> Result<Vec<(Offset, Bytes)>, LogError> {
        self.0.read(partition, from, max_bytes)
    }
    fn trim(&self, partition: PartitionId, before: Offset) -> Result<(), LogError> {
        self.0.trim(partition, before)
    }
    fn subscribe(&self, member: Member<'_>) -> Result<Box<dyn Subscription>, LogError> {
        self.0.subscribe(member)
    }
}

trait MaxByFrontier {
    fn max_by_frontier(self, other: Self) -> Self;
}

impl MaxByFrontier for Option<ReadBack> {
    fn max_by_frontier(self, other: Self) -> Self {
        [self, other].into_iter().max_by_key(|back| back.map_or(0, |back| back.frontier)).flatten()
    }
}

/// One member's view of a log, partitions as the coordinator mails them.
struct Reader {
    topic: Arc<Topic>,
    mail: PartitionMail,
    dice: Dice,
    places: BTreeMap<u32, Reading>,
}

#[derive(Default)]
struct Reading {
    next: Option<u64>,
    paused: bool,
}

impl Reader {
    fn place(&mut self, partition: PartitionId) -> Result<&mut Reading, LogError> {
        let log = || self.topic.name.clone();
        self.places.get_mut(&partition.0).ok_or_else(|| LogError::NotAssigned { log: log(), partition })
    }
}

impl Subscription for Reader {
    fn next(&mut self, _: Duration) -> Result<Event, LogError> {
        if let Some(event) = self.mail.lock().pop_front() {
            match event {
                Event::Assigned(partition) => {
                    self.places.insert(partition.0, Reading::default());
                }
                Event::Revoked(partition) => {
                    self.places.remove(&partition.0);
                }
                _ => {}
            }
            return Ok(event);
        }
        let ready = |(partition, place): (&u32, &Reading)| {
            let next = place.next.filter(|_| !place.paused)?;
            (next < self.topic.end(*partition as usize)).then_some((PartitionId(*partition), next))
        };
        let ready: Vec<(PartitionId, u64)> = self.places.iter().filter_map(ready).collect();
        if ready.is_empty() {
            return Ok(Event::Idle);
        }
        let (partition, next) = self.dice.pick(&ready);
        let frame = self.topic.read(partition, Offset(next), 1)?.pop();
        // Offsets passed over at the very end.
        let Some((offset, bytes)) = frame else { return Ok(Event::Idle) };
        self.place(partition)?.next = Some(offset.0 + 1);
        Ok(Event::Frame { partition, offset, bytes })
    }

    fn start(&mut self, partition: PartitionId, from: Offset) -> Result<(), LogError> {
        let end = self.topic.end(partition.0 as usize);
        if from.0 > end {
            return Err(self.topic.regressed(partition, end, from));
        }
        self.topic.read(partition, from, 0)?;
        self.place(partition)?.next = Some(from.0);
        Ok(())
    }

    fn pause(&mut self, partition: PartitionId) -> Result<(), LogError> {
        self.place(partition)?.paused = true;
        Ok(())
    }

    fn resume(&mut self, partition: PartitionId) -> Result<(), LogError> {
        self.place(partition)?.paused = false;
        Ok(())
    }

    fn report(&mut self, partition: PartitionId, _: Offset) -> Result<(), LogError> {
        self.place(partition).map(|_| ())
    }

    fn lag(&self, partition: PartitionId) -> Option<u64> {
        Some(self.topic.end(partition.0 as usize) - self.places.get(&partition.0)?.next?)
    }
}
