//! The memory home: for tests, the simulation and the bench. Bounded by [`Log::trim`].

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::{Condvar, Mutex};

use crate::error::LogError;
use crate::log::{Event, Log, Member, Subscription};
use crate::position::{Offset, PartitionId};

/// A log in memory; its clones are the same log.
#[derive(Clone)]
pub struct MemoryLog {
    shared: Arc<Shared>,
}

struct Shared {
    name: String,
    inner: Mutex<Inner>,
    grew: Condvar,
}

struct Inner {
    partitions: Vec<Partition>,
    faults: Faults,
}

#[derive(Default)]
struct Partition {
    start: u64,
    frames: VecDeque<Bytes>,
    /// Appended but not yet durable, while acknowledgements are held back.
    pending: VecDeque<Vec<u8>>,
}

impl Partition {
    fn end(&self) -> u64 {
        self.start + self.frames.len() as u64
    }
}

#[derive(Default)]
struct Faults {
    drop_next: Vec<PartitionId>,
    duplicate_next: Vec<PartitionId>,
    hold: bool,
}

impl MemoryLog {
    /// An empty log.
    #[must_use]
    pub fn new(name: &str, partitions: u32) -> MemoryLog {
        let partitions = (0..partitions).map(|_| Partition::default()).collect();
        let inner = Mutex::new(Inner { partitions, faults: Faults::default() });
        MemoryLog { shared: Arc::new(Shared { name: name.to_owned(), inner, grew: Condvar::new() }) }
    }

    /// Fault: the next frame appended to a partition is acknowledged and lost.
    pub fn drop_next(&self, partition: PartitionId) {
        self.shared.inner.lock().faults.drop_next.push(partition);
    }

    /// Fault: the next frame appended to a partition is stored twice.
    pub fn duplicate_next(&self, partition: PartitionId) {
        self.shared.inner.lock().faults.duplicate_next.push(partition);
    }

    /// Fault: from now on nothing becomes durable and every flush times out, until [`MemoryLog::release`].
    pub fn hold(&self) {
        self.shared.inner.lock().faults.hold = true;
    }

    /// Ends [`MemoryLog::hold`]: what was appended meanwhile becomes durable, or is lost as by a crash.
    pub fn release(&self, keep: bool) {
        let mut inner = self.shared.inner.lock();
        inner.faults.hold = false;
        for partition in &mut inner.partitions {
            let pending = std::mem::take(&mut partition.pending);
            if keep {
                partition.frames.extend(pending.into_iter().map(Bytes::from));
            }
        }
        self.shared.grew.notify_all();
    }
}

impl Shared {
    fn check(&self, inner: &Inner, partition: PartitionId) -> Result<usize, LogError> {
        let partitions = inner.partitions.len();
        let index = partition.0 as usize;
        if index >= partitions {
            return Err(LogError::NoPartition { log: self.name.clone(), partition, partitions: partitions as u32 });
        }
        Ok(index)
    }

    /// Index of the frame at `from`, which may be the end.
    fn place(&self, inner: &Inner, partition: PartitionId, from: Offset) -> Result<usize, LogError> {
        let held = &inner.partitions[self.check(inner, partition)?];
        if from.0 < held.start {
            let start = Offset(held.start);
            return Err(LogError::Trimmed { log: self.name.clone(), partition, start, asked: from });
        }
        if from.0 > held.end() {
            let end = Offset(held.end());
            return Err(LogError::Regressed { log: self.name.clone(), partition, end, reached: from });
        }
        Ok((from.0 - held.start) as usize)
    }
}

impl Log for MemoryLog {
    fn name(&self) -> &str {
        &self.shared.name
    }

    fn partitions(&self) -> u32 {
        self.shared.inner.lock().partitions.len() as u32
    }

    fn append(&self, partition: PartitionId, frame: Vec<u8>) -> Result<(), LogError> {
        let mut inner = self.shared.inner.lock();
        let index = self.shared.check(&inner, partition)?;
        let Inner { partitions, faults } = &mut *inner;
        if let Some(at) = faults.drop_next.iter().position(|&next| next == partition) {
            faults.drop_next.swap_remove(at);
            return Ok(());
        }
        let twice = faults.duplicate_next.iter().position(|&next| next == partition);
        if let Some(at) = twice {
            faults.duplicate_next.swap_remove(at);
        }
        let held = &mut partitions[index];
        if faults.hold {
            held.pending.push_back(frame);
            return Ok(());
        }
        let frame = Bytes::from(frame);
        if twice.is_some() {
            held.frames.push_back(frame.clone());
        }
        held.frames.push_back(frame);
        drop(inner);
        self.shared.grew.notify_all();
        Ok(())
    }

    fn flush(&self, deadline: Duration) -> Result<(), LogError> {
        if self.shared.inner.lock().faults.hold {
            return Err(LogError::TimedOut { what: format!("flush of {}", self.shared.name), after: deadline });
        }
        Ok(())
    }

    fn bounds(&self, partition: PartitionId) -> Result<(Offset, Offset), LogError> {
        let inner = self.shared.inner.lock();
        let held = &inner.partitions[self.shared.check(&inner, partition)?];
        Ok((Offset(held.start), Offset(held.end())))
    }

    fn read(&self, partition: PartitionId, from: Offset, max_bytes: usize) -> Result<Vec<(Offset, Bytes)>, LogError> {
        let inner = self.shared.inner.lock();
        let place = self.shared.place(&inner, partition, from)?;
        let held = &inner.partitions[partition.0 as usize];
        let mut bytes = 0;
        let mut frames = Vec::new();
        for (frame, offset) in held.frames.iter().skip(place).zip(from.0..) {
            bytes += frame.len();
            if bytes > max_bytes && !frames.is_empty() {
                break;
            }
            frames.push((Offset(offset), frame.clone()));
        }
        Ok(frames)
    }

    fn trim(&self, partition: PartitionId, before: Offset) -> Result<(), LogError> {
        let mut inner = self.shared.inner.lock();
        let index = self.shared.check(&inner, partition)?;
        let held = &mut inner.partitions[index];
        let gone = before.0.min(held.end()).saturating_sub(held.start);
        held.frames.drain(..gone as usize);
        held.start += gone;
        Ok(())
    }

    fn subscribe(&self, member: Member<'_>) -> Result<Box<dyn Subscription>, LogError> {
        let count = member.count.max(1);
        let dealt = (0..self.partitions()).filter(|partition| partition % count == member.index).map(PartitionId);
        let dealt: Vec<Place> = dealt.map(|partition| Place { partition, ..Place::default() }).collect();
        let announce = (0..dealt.len()).collect();
        Ok(Box::new(MemorySubscription { shared: Arc::clone(&self.shared), dealt, announce, turn: 0 }))
    }
}

/// Where a subscription stands in one partition.
#[derive(Default)]
struct Place {
    partition: PartitionId,
    next: Option<u64>,
    paused: bool,
    end_said: bool,
}

struct MemorySubscription {
    shared: Arc<Shared>,
    dealt: Vec<Place>,
    announce: VecDeque<usize>,
    turn: usize,
}

impl MemorySubscription {
    fn place(&mut self, partition: PartitionId) -> Result<&mut Place, LogError> {
        let place = self.dealt.iter_mut().find(|place| place.partition == partition);
        place.ok_or_else(|| LogError::NotAssigned { log: self.shared.name.clone(), partition })
    }
}

impl Subscription for MemorySubscription {
    fn next(&mut self, wait: Duration) -> Result<Event, LogError> {
        if let Some(index) = self.announce.pop_front() {
            return Ok(Event::Assigned(self.dealt[index].partition));
        }
        let deadline = Instant::now() + wait;
        let shared = Arc::clone(&self.shared);
        let mut inner = shared.inner.lock();
        loop {
            for _ in 0..self.dealt.len() {
                self.turn = (self.turn + 1) % self.dealt.len();
                let place = &mut self.dealt[self.turn];
                let Some(next) = place.next else { continue };
                if place.paused {
                    continue;
                }
                let partition = place.partition;
                let at = shared.place(&inner, partition, Offset(next))?;
                if let Some(frame) = inner.partitions[partition.0 as usize].frames.get(at) {
                    place.next = Some(next + 1);
                    place.end_said = false;
                    return Ok(Event::Frame { partition, offset: Offset(next), bytes: frame.clone() });
                }
                if !place.end_said {
                    place.end_said = true;
                    return Ok(Event::AtEnd { partition, end: Offset(next) });
                }
            }
            if shared.grew.wait_until(&mut inner, deadline).timed_out() {
                return Ok(Event::Idle);
            }
        }
    }

    fn start(&mut self, partition: PartitionId, from: Offset) -> Result<(), LogError> {
        self.shared.place(&self.shared.inner.lock(), partition, from)?;
        let place = self.place(partition)?;
        place.next = Some(from.0);
        place.end_said = false;
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

    fn report(&mut self, partition: PartitionId, _processed: Offset) -> Result<(), LogError> {
        self.place(partition).map(|_| ())
    }

    fn lag(&self, partition: PartitionId) -> Option<u64> {
        let place = self.dealt.iter().find(|place| place.partition == partition)?;
        let inner = self.shared.inner.lock();
        Some(inner.partitions[partition.0 as usize].end().saturating_sub(place.next?))
    }
}
