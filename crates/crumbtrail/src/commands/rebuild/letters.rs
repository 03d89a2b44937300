//! Dead letters with their bytes, carried over so that they can be redriven in the new epoch. Both logs have one partition, so
//! each record keeps its origin and position, and one that is there already is known by them.

use std::collections::HashSet;

use anyhow::{Result, bail};
use crumbtrail_log::{FrameView, Inbox, Log, Offset, OriginId, Outbox, PartitionId, Position, Verdict, walk};
use crumbtrail_runtime::redrive::plan::{PLANS_ORIGIN, Plans, Word};

use super::carry::{Epochs, Known, say};

const P0: PartitionId = PartitionId(0);
const FLUSH_DEADLINE: std::time::Duration = std::time::Duration::from_secs(60);

/// Carries the letters that were not redriven, and ends with what is known of the log's origins. Returns how many it carried.
///
/// # Errors
/// A log fails; a redrive was cut off and is to be ended first.
pub fn carry(old: &dyn Log, new: &dyn Log, epochs: Epochs, known: &[Known], wall_ms: i64) -> Result<u64> {
    let plans_origin = OriginId::of(PLANS_ORIGIN);
    let mut plans = Plans::default();
    frames(old, |offset, view| {
        for record in view.records().filter(|record| record.origin == plans_origin) {
            plans.take(offset, Word::decode(record.payload)?);
        }
        Ok(())
    })?;
    if plans.all().iter().any(|plan| !plan.is_done) {
        bail!("a redrive was cut off: run `crumbtrail redrive` once more under the old configuration, and this again");
    }
    // A plan names one copy of a letter; what it says is so of all.
    let mut redriven: HashSet<(OriginId, Position)> = HashSet::new();
    frames(old, |offset, view| {
        for (record, seq) in view.records().zip(1..) {
            if plans.has(Position { offset: offset.0 + 1, seq }) {
                redriven.insert((record.origin, record.position));
            }
        }
        Ok(())
    })?;
    let mut there = Inbox::new();
    frames(new, |_, view| {
        for record in view.records() {
            there.judge(view.generation(), record.origin, record.position, record.previous);
        }
        Ok(())
    })?;
    let held: std::collections::HashMap<OriginId, Position> =
        there.origins().map(|state| (state.origin, state.record)).collect();
    let frontier =
        |origin: OriginId| known.iter().find(|known| known.origin == origin).map_or(0, |known| known.frontier);

    let mut outbox = Outbox::new(epochs.to, epochs.generation, 1).with_lz4(new.wants_lz4());
    let (mut inbox, mut started, mut carried) = (Inbox::new(), HashSet::new(), 0);
    frames(old, |_, view| {
        for record in view.records().filter(|record| record.origin != plans_origin) {
            let (origin, position) = (record.origin, record.position);
            let verdict = inbox.judge(view.generation(), origin, position, record.previous);
            let is_new = verdict == Verdict::Accept && held.get(&origin).is_none_or(|held| position > *held);
            // What lies beyond is sent again by its source.
            if !is_new || redriven.contains(&(origin, position)) || position.offset >= frontier(origin) {
                continue;
            }
            if started.insert(origin) {
                outbox.start(origin, "", held.get(&origin).copied().unwrap_or_default());
            }
            outbox.push(origin, position, P0, record.payload);
            carried += 1;
        }
        if let Some(tick) = view.tick()? {
            inbox.tick(&tick);
        }
        outbox.drain().try_for_each(|(partition, frame)| new.append(partition, frame))?;
        Ok(())
    })?;
    outbox.cut_all();
    say(&mut outbox, known);
    outbox.closing_tick(wall_ms, &[]);
    outbox.drain().try_for_each(|(partition, frame)| new.append(partition, frame))?;
    new.flush(FLUSH_DEADLINE)?;
    Ok(carried)
}

fn frames(log: &dyn Log, visit: impl FnMut(Offset, &FrameView<'_>) -> Result<()>) -> Result<()> {
    let (begin, end) = log.bounds(P0)?;
    walk(log, P0, begin..end, visit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crumbtrail_log::memory::MemoryLog;
    use crumbtrail_log::{Epoch, Generation};

    const EPOCHS: Epochs = Epochs { from: Epoch(1), to: Epoch(2), generation: Generation(1) };

    fn letters(log: &MemoryLog) -> Vec<u64> {
        let mut found = Vec::new();
        frames(log, |_, view| {
            found.extend(view.records().map(|record| record.position.offset));
            Ok(())
        })
        .unwrap();
        found
    }

    #[test]
    fn letters_are_carried_once_and_those_that_were_redriven_not_at_all() {
        let (old, new) = (MemoryLog::new("dead-letters-e1", 1), MemoryLog::new("dead-letters-e2", 1));
        let mut outbox = Outbox::new(Epoch(1), Generation(1), 1);
        let (source, plans) = (OriginId(1), OriginId::of(PLANS_ORIGIN));
        outbox.start(source, "a", Position::default());
        outbox.start(plans, PLANS_ORIGIN, Position::default());
        for offset in 0..6 {
            outbox.push(source, Position { offset, seq: 1 }, P0, &[offset as u8]);
        }
        outbox.cut_all();
        // The letters of offsets 1 and 3 are the second and fourth record of frame 0.
        let planned = [2, 4].map(|seq| Position { offset: 1, seq });
        let plan = Word::Plan { reading: String::new(), letters: planned.to_vec() };
        outbox.push(plans, Position { offset: 1, seq: 1 }, P0, &plan.encode());
        outbox.cut_all();
        outbox.drain().for_each(|(partition, frame)| old.append(partition, frame).unwrap());
        let known = [Known { origin: source, name: String::new(), frontier: 5, watermark: 7, is_declared: true }];
        let error = carry(&old, &new, EPOCHS, &known, 1).unwrap_err();
        assert!(error.to_string().contains("redrive"), "{error}");
        outbox.push(plans, Position { offset: 2, seq: 1 }, P0, &Word::Done(Offset(1)).encode());
        outbox.cut_all();
        outbox.drain().for_each(|(partition, frame)| old.append(partition, frame).unwrap());
        assert_eq!(carry(&old, &new, EPOCHS, &known, 1).unwrap(), 3);
        assert_eq!(letters(&new), [0, 2, 4], "and the last is left to its source");
        assert_eq!(carry(&old, &new, EPOCHS, &known, 1).unwrap(), 0, "again");
        assert_eq!(letters(&new), [0, 2, 4]);
        assert_eq!(new.read_back(P0, source).unwrap().map(|back| back.frontier), Some(5));
    }
}
