//! Subscriptions of homes on one machine: partitions are dealt by number, no group has to agree.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::error::LogError;
use crate::log::{Event, Member, Subscription};
use crate::position::{Offset, PartitionId};

/// Bytes read ahead per partition; a frame is not split, so it may be more.
const READ_AHEAD: usize = 256 << 10;

/// What such a home offers.
pub(crate) trait Store: Send + Sync {
    fn name(&self) -> &str;
    fn partitions(&self) -> u32;
    fn bounds(&self, partition: PartitionId) -> Result<(Offset, Offset), LogError>;
    fn read(&self, partition: PartitionId, from: Offset, max_bytes: usize) -> Result<Vec<(Offset, Bytes)>, LogError>;
    /// A number that changes whenever something became readable.
    fn version(&self) -> u64;
    /// Returns when the version is no longer the one seen, or at the deadline.
    fn wait(&self, seen: u64, deadline: Instant);

    /// Checks that reading can start at `from`.
    fn check_start(&self, partition: PartitionId, from: Offset) -> Result<(), LogError> {
        let (start, end) = self.bounds(partition)?;
        check_start(self.name(), partition, from, start, end)
    }
}

/// Checks that `from` lies within what a partition holds.
pub(crate) fn check_start(
    log: &str,
    partition: PartitionId,
    from: Offset,
    start: Offset,
    end: Offset,
) -> Result<(), LogError> {
    if from < start {
        return Err(LogError::Trimmed { log: log.to_owned(), partition, start, asked: from });
    }
    if from > end {
        return Err(LogError::Regressed { log: log.to_owned(), partition, end, reached: from });
    }
    Ok(())
}

/// Where a subscription stands in one partition.
#[derive(Default)]
struct Place {
    partition: PartitionId,
    next: Option<u64>,
    ahead: VecDeque<(Offset, Bytes)>,
    paused: bool,
    end_said: bool,
}

/// A subscription to a store.
pub(crate) struct Dealt<S> {
    store: Arc<S>,
    places: Vec<Place>,
    announce: VecDeque<PartitionId>,
    turn: usize,
}

impl<S: Store> Dealt<S> {
    pub(crate) fn new(store: Arc<S>, member: &Member<'_>) -> Dealt<S> {
        let count = member.count.max(1);
        let dealt = (0..store.partitions()).filter(|partition| partition % count == member.index).map(PartitionId);
        let announce: VecDeque<PartitionId> = dealt.collect();
        let places = announce.iter().map(|&partition| Place { partition, ..Place::default() }).collect();
        Dealt { store, places, announce, turn: 0 }
    }

    fn place(&mut self, partition: PartitionId) -> Result<&mut Place, LogError> {
        let place = self.places.iter_mut().find(|place| place.partition == partition);
        place.ok_or_else(|| LogError::NotAssigned { log: self.store.name().to_owned(), partition })
    }

    /// The next event of the partition whose turn it is; it stays its turn while read-ahead frames are left.
    fn turn(&mut self) -> Result<Option<Event>, LogError> {
        let place = &mut self.places[self.turn];
        let (Some(next), false) = (place.next, place.paused) else { return Ok(None) };
        let partition = place.partition;
        if place.ahead.is_empty() {
            place.ahead.extend(self.store.read(partition, Offset(next), READ_AHEAD)?);
        }
        if let Some((offset, bytes)) = place.ahead.pop_front() {
            place.next = Some(offset.0 + 1);
            place.end_said = false;
            return Ok(Some(Event::Frame { partition, offset, bytes }));
        }
        if place.end_said {
            return Ok(None);
        }
        place.end_said = true;
        Ok(Some(Event::AtEnd { partition, end: Offset(next) }))
    }
}

impl<S: Store> Subscription for Dealt<S> {
    fn next(&mut self, wait: Duration) -> Result<Event, LogError> {
        if let Some(partition) = self.announce.pop_front() {
            return Ok(Event::Assigned(partition));
        }
        let deadline = Instant::now() + wait;
        loop {
            let seen = self.store.version();
            for _ in 0..self.places.len() {
                if let Some(event) = self.turn()? {
                    return Ok(event);
                }
                self.turn = (self.turn + 1) % self.places.len();
            }
            if Instant::now() >= deadline {
                return Ok(Event::Idle);
            }
            self.store.wait(seen, deadline);
        }
    }

    fn start(&mut self, partition: PartitionId, from: Offset) -> Result<(), LogError> {
        self.store.check_start(partition, from)?;
        let place = self.place(partition)?;
        place.next = Some(from.0);
        place.ahead.clear();
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

    fn deals_another(&self) -> bool {
        !self.announce.is_empty()
    }

    fn lag(&self, partition: PartitionId) -> Option<u64> {
        let place = self.places.iter().find(|place| place.partition == partition)?;
        let (_, end) = self.store.bounds(partition).ok()?;
        Some(end.0.saturating_sub(place.next?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::Log;
    use crate::memory::MemoryLog;

    const P0: PartitionId = PartitionId(0);
    const P1: PartitionId = PartitionId(1);

    fn member(index: u32, count: u32) -> Member<'static> {
        Member { group: "g", index, count, instance: "i".to_owned() }
    }

    #[test]
    fn every_partition_is_dealt_to_exactly_one_member() {
        let log = MemoryLog::new("x", 5);
        let mut dealt = Vec::new();
        for index in 0..3 {
            let mut subscription = log.subscribe(member(index, 3)).unwrap();
            while let Event::Assigned(partition) = subscription.next(Duration::ZERO).unwrap() {
                dealt.push(partition.0);
            }
        }
        dealt.sort_unstable();
        assert_eq!(dealt, [0, 1, 2, 3, 4]);
    }

    #[test]
    fn frames_come_in_order_then_the_end_then_nothing() {
        let log = MemoryLog::new("x", 2);
        for n in 0..3 {
            log.append(P1, vec![n]).unwrap();
        }
        let mut subscription = log.subscribe(member(0, 1)).unwrap();
        assert_eq!(subscription.next(Duration::ZERO).unwrap(), Event::Assigned(P0));
        assert!(subscription.deals_another());
        assert_eq!(subscription.next(Duration::ZERO).unwrap(), Event::Assigned(P1));
        assert!(!subscription.deals_another());
        assert_eq!(subscription.next(Duration::ZERO).unwrap(), Event::Idle, "nothing before a start");
        subscription.start(P1, Offset(1)).unwrap();
        assert_eq!(subscription.lag(P1), Some(2));
        for n in 1..3 {
            let bytes = Bytes::from(vec![n]);
            let frame = Event::Frame { partition: P1, offset: Offset(u64::from(n)), bytes };
            assert_eq!(subscription.next(Duration::ZERO).unwrap(), frame);
        }
        assert_eq!(subscription.next(Duration::ZERO).unwrap(), Event::AtEnd { partition: P1, end: Offset(3) });
        assert_eq!(subscription.next(Duration::ZERO).unwrap(), Event::Idle);
        subscription.pause(P1).unwrap();
        log.append(P1, vec![3]).unwrap();
        assert_eq!(subscription.next(Duration::ZERO).unwrap(), Event::Idle);
        subscription.resume(P1).unwrap();
        let seen = subscription.next(Duration::ZERO).unwrap();
        assert!(matches!(seen, Event::Frame { offset: Offset(3), .. }));
    }

    #[test]
    fn a_start_outside_the_log_is_refused() {
        let log = MemoryLog::new("x", 1);
        for n in 0..3 {
            log.append(P0, vec![n]).unwrap();
        }
        log.trim(P0, Offset(2)).unwrap();
        let mut subscription = log.subscribe(member(0, 1)).unwrap();
        assert_eq!(subscription.start(P0, Offset(1)).unwrap_err().kind(), "trimmed");
        assert_eq!(subscription.start(P0, Offset(4)).unwrap_err().kind(), "regressed");
        assert_eq!(subscription.start(P1, Offset(0)).unwrap_err().kind(), "no_partition");
        subscription.start(P0, Offset(3)).unwrap();
    }

    #[test]
    fn a_waiting_subscription_wakes_when_something_arrives() {
        let log = MemoryLog::new("x", 1);
        let mut subscription = log.subscribe(member(0, 1)).unwrap();
        subscription.start(P0, Offset(0)).unwrap();
        while subscription.next(Duration::ZERO).unwrap() != Event::Idle {}
        let writer = log.clone();
        let thread = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(30));
            writer.append(P0, vec![1]).unwrap();
        });
        let seen = subscription.next(Duration::from_secs(60)).unwrap();
        assert!(matches!(seen, Event::Frame { .. }));
        thread.join().unwrap();
    }
}
