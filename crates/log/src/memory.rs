//! The memory home: for tests, the simulation and the bench. Bounded by [`Log::trim`].

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::{Condvar, Mutex, MutexGuard};

use crate::dealt::{Dealt, Store, check_start};
use crate::error::LogError;
use crate::log::{Log, Member, Subscription};
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
    version: u64,
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
        let inner = Mutex::new(Inner { partitions, version: 0, faults: Faults::default() });
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
        self.shared.grown(inner);
    }
}

impl Shared {
    fn index(&self, inner: &Inner, partition: PartitionId) -> Result<usize, LogError> {
        let partitions = inner.partitions.len();
        let index = partition.0 as usize;
        if index >= partitions {
            return Err(LogError::NoPartition { log: self.name.clone(), partition, partitions: partitions as u32 });
        }
        Ok(index)
    }

    fn grown(&self, mut inner: MutexGuard<'_, Inner>) {
        inner.version += 1;
        drop(inner);
        self.grew.notify_all();
    }
}

impl Store for Shared {
    fn name(&self) -> &str {
        &self.name
    }

    fn partitions(&self) -> u32 {
        self.inner.lock().partitions.len() as u32
    }

    fn bounds(&self, partition: PartitionId) -> Result<(Offset, Offset), LogError> {
        let inner = self.inner.lock();
        let held = &inner.partitions[self.index(&inner, partition)?];
        Ok((Offset(held.start), Offset(held.end())))
    }

    fn read(&self, partition: PartitionId, from: Offset, max_bytes: usize) -> Result<Vec<(Offset, Bytes)>, LogError> {
        let inner = self.inner.lock();
        let held = &inner.partitions[self.index(&inner, partition)?];
        check_start(&self.name, partition, from, Offset(held.start), Offset(held.end()))?;
        let mut bytes = 0;
        let mut frames = Vec::new();
        for (frame, offset) in held.frames.iter().skip((from.0 - held.start) as usize).zip(from.0..) {
            bytes += frame.len();
            if bytes > max_bytes && !frames.is_empty() {
                break;
            }
            frames.push((Offset(offset), frame.clone()));
        }
        Ok(frames)
    }

    fn version(&self) -> u64 {
        self.inner.lock().version
    }

    fn wait(&self, seen: u64, deadline: Instant) {
        let mut inner = self.inner.lock();
        while inner.version == seen && !self.grew.wait_until(&mut inner, deadline).timed_out() {}
    }
}

impl Log for MemoryLog {
    fn name(&self) -> &str {
        &self.shared.name
    }

    fn partitions(&self) -> u32 {
        self.shared.partitions()
    }

    fn append(&self, partition: PartitionId, frame: Vec<u8>) -> Result<(), LogError> {
        let mut inner = self.shared.inner.lock();
        let index = self.shared.index(&inner, partition)?;
        let Inner { partitions, faults, .. } = &mut *inner;
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
        self.shared.grown(inner);
        Ok(())
    }

    fn flush(&self, deadline: Duration) -> Result<(), LogError> {
        if self.shared.inner.lock().faults.hold {
            return Err(LogError::TimedOut { what: format!("flush of {}", self.shared.name), after: deadline });
        }
        Ok(())
    }

    fn bounds(&self, partition: PartitionId) -> Result<(Offset, Offset), LogError> {
        self.shared.bounds(partition)
    }

    fn read(&self, partition: PartitionId, from: Offset, max_bytes: usize) -> Result<Vec<(Offset, Bytes)>, LogError> {
        self.shared.read(partition, from, max_bytes)
    }

    fn trim(&self, partition: PartitionId, before: Offset) -> Result<(), LogError> {
        let mut inner = self.shared.inner.lock();
        let index = self.shared.index(&inner, partition)?;
        let held = &mut inner.partitions[index];
        let gone = before.0.min(held.end()).saturating_sub(held.start);
        held.frames.drain(..gone as usize);
        held.start += gone;
        Ok(())
    }

    fn subscribe(&self, member: Member<'_>) -> Result<Box<dyn Subscription>, LogError> {
        Ok(Box::new(Dealt::new(Arc::clone(&self.shared), &member)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::position::{Epoch, Generation, OriginId, Position};
    use crate::{Outbox, ReadBack};

    const P0: PartitionId = PartitionId(0);
    const P1: PartitionId = PartitionId(1);

    fn frames(log: &MemoryLog) -> Vec<Vec<u8>> {
        let (start, _) = log.bounds(P0).unwrap();
        log.read(P0, start, usize::MAX).unwrap().into_iter().map(|(_, bytes)| bytes.to_vec()).collect()
    }

    #[test]
    fn faults_drop_double_and_hold() {
        let log = MemoryLog::new("x", 2);
        log.drop_next(P0);
        log.duplicate_next(P0);
        for n in 0..3 {
            log.append(P0, vec![n]).unwrap();
        }
        assert_eq!(frames(&log), [[1], [1], [2]]);
        log.hold();
        log.append(P0, vec![3]).unwrap();
        assert_eq!(log.flush(Duration::ZERO).unwrap_err().kind(), "timed_out");
        assert_eq!(frames(&log).len(), 3);
        log.release(true);
        log.flush(Duration::ZERO).unwrap();
        assert_eq!(frames(&log).len(), 4);
    }

    #[test]
    fn trimmed_frames_are_gone_and_offsets_stay() {
        let log = MemoryLog::new("x", 1);
        for n in 0..4 {
            log.append(P0, vec![n]).unwrap();
        }
        log.trim(P0, Offset(3)).unwrap();
        assert_eq!(log.bounds(P0).unwrap(), (Offset(3), Offset(4)));
        assert_eq!(log.read(P0, Offset(2), 9).unwrap_err().kind(), "trimmed");
        assert_eq!(log.append(P1, vec![]).unwrap_err().kind(), "no_partition");
    }

    #[test]
    fn read_back_finds_the_newest_tick_of_each_origin_however_far_back() {
        let log = MemoryLog::new("x", 1);
        let [a, b, c] = [OriginId(1), OriginId(2), OriginId(3)];
        let mut outbox = Outbox::new(Epoch(1), Generation(4), 1);
        outbox.start(a, "a", Position::default());
        outbox.decided(a, 7, 70);
        outbox.tick(0, &[]);
        outbox.stop(a);
        outbox.start(b, "b", Position::default());
        for n in 1..100 {
            outbox.push(b, Position { offset: n, seq: 1 }, P0, b"x");
            outbox.decided(b, n + 1, 0);
            outbox.cut_all();
            if n % 10 == 0 {
                outbox.tick(0, &[]);
            }
        }
        for (partition, frame) in outbox.drain() {
            log.append(partition, frame).unwrap();
        }
        let found = log.read_back_many(P0, &[a, b, c]).unwrap();
        let generation = Generation(4);
        let last = Position { offset: 90, seq: 1 };
        assert_eq!(found[0], Some(ReadBack { frontier: 7, last: Position::default(), watermark: 70, generation }));
        assert_eq!(found[1], Some(ReadBack { frontier: 91, last, watermark: 0, generation }));
        assert_eq!(found[2], None);
        assert_eq!(log.read_back(P0, b).unwrap(), found[1]);
    }
}
