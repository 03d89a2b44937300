//! An operator's decision as a record of our log: what a step must know, written into the partition it concerns by an origin
//! of its own, so that a replay decides alike.

use crumbtrail_events::touchpoint::To;
use crumbtrail_log::{Epoch, Generation, Log, LogError, OriginId, Outbox, PartitionId, Position};

use crate::clock::FLUSH_DEADLINE;

/// Writes one decision to the partition or partitions it concerns and returns once it is durable. `name` is its own, and
/// stands in the log: said again under the same name it is a repeat and dropped. It holds no watermark back and is never late.
///
/// # Errors
/// The log refuses.
pub fn decide(
    log: &dyn Log,
    (epoch, generation): (Epoch, Generation),
    name: &str,
    to: To,
    payload: &[u8],
) -> Result<(), LogError> {
    let mut outbox = Outbox::new(epoch, generation, log.partitions()).with_lz4(log.wants_lz4());
    let origin = OriginId::of(name);
    outbox.start(origin, name, Position::default());
    for partition in to.partitions(log.partitions()) {
        outbox.push(origin, Position { offset: 1, seq: 1 }, PartitionId(partition), payload);
    }
    outbox.cut_all();
    outbox.drain().try_for_each(|(partition, frame)| log.append(partition, frame))?;
    log.flush(FLUSH_DEADLINE)
}

/// Asks the readers of a log to do at once what waits for wall time: where nobody else ticks.
///
/// # Errors
/// The log refuses.
pub fn close(log: &dyn Log, (epoch, generation): (Epoch, Generation), wall_ms: i64) -> Result<(), LogError> {
    let mut outbox = Outbox::new(epoch, generation, log.partitions());
    outbox.closing_tick(wall_ms, &[]);
    outbox.drain().try_for_each(|(partition, frame)| log.append(partition, frame))?;
    log.flush(FLUSH_DEADLINE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crumbtrail_events::Key;
    use crumbtrail_log::memory::MemoryLog;
    use crumbtrail_log::{FrameView, Inbox, Offset, Verdict};

    #[test]
    fn a_decision_said_twice_is_taken_once_and_another_one_too() {
        let log = MemoryLog::new("touchpoints", 3);
        let key = Key::visitor("shop", "v");
        for name in ["link 1", "link 1", "link 2"] {
            decide(&log, (Epoch(1), Generation(1)), name, To::Key(key), name.as_bytes()).unwrap();
        }
        decide(&log, (Epoch(1), Generation(1)), "for all", To::All, b"for all").unwrap();
        assert!((0..3).all(|partition| log.bounds(PartitionId(partition)).unwrap().1 > Offset(0)));
        let (mut inbox, mut scratch, mut taken) = (Inbox::new(), Vec::new(), Vec::new());
        for (_, bytes) in log.read(PartitionId(key.partition(3)), Offset(0), 1 << 20).unwrap() {
            let view = FrameView::parse(&bytes, &mut scratch).unwrap();
            for record in view.records() {
                if inbox.judge(view.generation(), record.origin, record.position, record.previous) == Verdict::Accept {
                    taken.push(record.payload.to_vec());
                }
            }
        }
        assert_eq!(taken, [&b"link 1"[..], b"link 2", b"for all"]);
    }
}
