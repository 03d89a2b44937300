//! What a log may forget: what lies behind every snapshot kept and is older than it is to be kept.

use crumbtrail_log::{Log, LogError, Offset, PartitionId, frame};

/// Bytes read at once while looking for a tick.
const READ_BYTES: usize = 64 << 10;

/// Forgets the frames of a partition before `needed` that were written before `oldest_ms`, as the wall time of ticks
/// tells it. Says where the log begins then. The one place a log is trimmed behind its readers.
///
/// # Errors
/// The log fails, or a frame in it cannot be read.
pub fn forget(log: &dyn Log, partition: PartitionId, needed: Offset, oldest_ms: i64) -> Result<Offset, LogError> {
    let (start, end) = log.bounds(partition)?;
    let (mut old, mut young) = (start, needed.min(end));
    while old < young {
        // The first look is at the start itself: mostly nothing has aged since the last time.
        let middle = if old == start { start } else { Offset(old.0.midpoint(young.0)) };
        match first_tick(log, partition, middle, young)? {
            Some((at, wall_ms)) if wall_ms < oldest_ms => old = Offset(at.0 + 1),
            _ => young = middle,
        }
    }
    if old > start {
        log.trim(partition, old)?;
    }
    Ok(old)
}

/// The first tick in a range: its offset and wall time.
fn first_tick(
    log: &dyn Log,
    partition: PartitionId,
    from: Offset,
    to: Offset,
) -> Result<Option<(Offset, i64)>, LogError> {
    let mut next = from;
    while next < to {
        let frames = log.read(partition, next, READ_BYTES)?;
        let Some(&(last, _)) = frames.last() else { break };
        for (offset, bytes) in frames.into_iter().take_while(|(offset, _)| *offset < to) {
            let tick = frame::parse_tick(&bytes).map_err(|source| LogError::Frame {
                log: log.name().to_owned(),
                partition,
                offset,
                source,
            })?;
            if let Some(tick) = tick {
                return Ok(Some((offset, tick.wall_ms)));
            }
        }
        next = Offset(last.0 + 1);
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crumbtrail_log::memory::MemoryLog;
    use crumbtrail_log::{Epoch, Generation, OriginId, Outbox, Position};

    const P0: PartitionId = PartitionId(0);

    /// Frames 0 to 99; every fifth one, from 4 on, has a tick whose wall time is its offset.
    fn log() -> MemoryLog {
        let log = MemoryLog::new("x", 1);
        let mut outbox = Outbox::new(Epoch(1), Generation(1), 1);
        outbox.start(OriginId(1), "a", Position::default());
        for n in 0..100 {
            outbox.push(OriginId(1), Position { offset: n, seq: 1 }, P0, b"x");
            if n % 5 == 4 {
                outbox.tick(n as i64, &[]);
            } else {
                outbox.cut_all();
            }
        }
        for (partition, frame) in outbox.drain() {
            log.append(partition, frame).unwrap();
        }
        log
    }

    fn forgotten(needed: u64, oldest_ms: i64) -> u64 {
        let log = log();
        let begin = forget(&log, P0, Offset(needed), oldest_ms).unwrap();
        assert_eq!(log.bounds(P0).unwrap(), (begin, Offset(100)));
        begin.0
    }

    #[test]
    fn what_is_old_and_not_needed_is_forgotten() {
        assert_eq!(forgotten(100, 50), 50, "by age");
        assert_eq!(forgotten(100, 52), 50, "a frame is as old as the next tick");
        assert_eq!(forgotten(30, 50), 30, "by need");
        assert_eq!(forgotten(33, 50), 30);
        assert_eq!((forgotten(0, 50), forgotten(100, 0), forgotten(3, 50)), (0, 0, 0));
        assert_eq!((forgotten(100, 1_000), forgotten(1_000, 1_000)), (100, 100));
    }

    #[test]
    fn forgetting_again_forgets_what_has_aged_since() {
        let log = log();
        for oldest_ms in 0..100 {
            let begin = forget(&log, P0, Offset(100), oldest_ms).unwrap();
            assert_eq!(begin.0, oldest_ms as u64 / 5 * 5);
        }
    }
}
