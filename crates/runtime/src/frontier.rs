//! The highest frontier ever said of an origin: what is true of it, however far behind the last one to speak was.

use crumbtrail_log::{Generation, Log, LogError, OriginId, PartitionId, frame};

/// Bytes read at once.
const READ_BYTES: usize = 8 << 20;

/// The highest frontier said of an origin in a partition, and the highest configuration it was said under; `None` if nothing
/// was. Reads all the partition still holds: for the rare start that has no other way.
///
/// # Errors
/// The log fails, or a frame in it cannot be read.
pub fn highest(log: &dyn Log, partition: PartitionId, origin: OriginId) -> Result<Option<(u64, Generation)>, LogError> {
    let (mut next, end) = log.bounds(partition)?;
    let mut highest: Option<(u64, Generation)> = None;
    while next < end {
        let frames = log.read(partition, next, READ_BYTES)?;
        let Some(&(last, _)) = frames.last() else { break };
        for (offset, bytes) in frames {
            let tick = frame::parse_tick(&bytes).map_err(|source| LogError::Frame {
                log: log.name().to_owned(),
                partition,
                offset,
                source,
            })?;
            for said in tick.iter().flat_map(|tick| &tick.origins).filter(|said| said.origin == origin) {
                let (frontier, generation) = highest.unwrap_or_default();
                highest = Some((frontier.max(said.frontier), generation.max(said.generation)));
            }
        }
        next.0 = last.0 + 1;
    }
    Ok(highest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crumbtrail_log::memory::MemoryLog;
    use crumbtrail_log::{Epoch, Outbox, Position};

    #[test]
    fn one_who_repeats_lowers_nothing() {
        let log = MemoryLog::new("x", 1);
        let (a, b) = (OriginId(1), OriginId(2));
        for (generation, frontier) in [(1, 7), (2, 40), (2, 5)] {
            let mut outbox = Outbox::new(Epoch(1), Generation(generation), 1);
            outbox.start(a, "a", Position::default());
            outbox.decided(a, frontier, 0);
            outbox.tick(0, &[]);
            outbox.drain().for_each(|(partition, frame)| log.append(partition, frame).unwrap());
        }
        assert_eq!(log.read_back(PartitionId(0), a).unwrap().map(|back| back.frontier), Some(5), "the last word");
        assert_eq!(highest(&log, PartitionId(0), a).unwrap(), Some((40, Generation(2))));
        assert_eq!(highest(&log, PartitionId(0), b).unwrap(), None);
    }
}
