//! Where a batch ends: decided by log content alone (rows so far, and the wall time written in ticks), so that a
//! replay cuts the same batches and the ledger's ranges never overlap.

use crumbtrail_events::wire::{Reader, WireError, put_signed, put_varint};
use crumbtrail_log::position::Offset;

/// When to cut and when to snapshot.
#[derive(Clone, Copy, Debug)]
pub struct CutRules {
    /// Cut at a tick once this much tick wall time has passed since the last cut, ms.
    pub interval_ms: i64,
    /// Cut at any frame once this many encoded bytes wait.
    pub max_bytes: usize,
    /// Snapshot at a cut once this much tick wall time has passed since the last snapshot, ms.
    pub snapshot_interval_ms: i64,
    /// Cut at a tick even without rows once this much tick wall time has passed, ms: the snapshot of a quiet partition
    /// moves on too, so that the log behind it can be forgotten.
    pub quiet_ms: i64,
    /// Keys of the state saved between two frames: a snapshot must not hold a partition up.
    pub save_at_once: usize,
}

impl Default for CutRules {
    fn default() -> CutRules {
        CutRules {
            interval_ms: 1_000,
            max_bytes: 8 << 20,
            snapshot_interval_ms: 30_000,
            quiet_ms: 3_600_000,
            save_at_once: 2_048,
        }
    }
}

/// What to do after a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// End the batch before the next frame.
    pub cut: bool,
    /// Snapshot the state at this cut.
    pub snapshot: bool,
}

/// The cutter's state: part of the snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cutter {
    from: Offset,
    last_cut_ms: i64,
    last_snapshot_ms: i64,
}

impl Cutter {
    /// A cutter for a partition read from `from`.
    #[must_use]
    pub fn new(from: Offset) -> Cutter {
        Cutter { from, last_cut_ms: i64::MIN, last_snapshot_ms: i64::MIN }
    }

    /// First offset of the open batch.
    #[must_use]
    pub fn from(&self) -> Offset {
        self.from
    }

    /// Decides after the frame at `next - 1`: `waiting` encoded bytes and `records` accepted records wait, `tick` is the
    /// wall time of the frame's tick, if it had one, and whether it was a closing one: then everything is due.
    pub fn after_frame(
        &mut self,
        rules: &CutRules,
        next: Offset,
        waiting: usize,
        records: u64,
        tick: Option<(i64, bool)>,
    ) -> Decision {
        if let Some((wall, _)) = tick {
            // The first tick starts the clocks.
            if self.last_cut_ms == i64::MIN {
                self.last_cut_ms = wall;
                self.last_snapshot_ms = wall;
            }
        }
        let due =
            tick.is_some_and(|(wall, closing)| closing || wall.saturating_sub(self.last_cut_ms) >= rules.interval_ms);
        let quiet = tick.is_some_and(|(wall, _)| wall.saturating_sub(self.last_cut_ms) >= rules.quiet_ms);
        if waiting < rules.max_bytes && !quiet && !(due && (waiting > 0 || records > 0)) {
            return Decision { cut: false, snapshot: false };
        }
        self.from = next;
        let mut snapshot = false;
        if let Some((wall, closing)) = tick {
            self.last_cut_ms = wall;
            snapshot = closing || wall.saturating_sub(self.last_snapshot_ms) >= rules.snapshot_interval_ms;
            if snapshot {
                self.last_snapshot_ms = wall;
            }
        }
        Decision { cut: true, snapshot }
    }

    /// Appends the state.
    pub fn save(&self, out: &mut Vec<u8>) {
        put_varint(out, self.from.0);
        put_signed(out, self.last_cut_ms);
        put_signed(out, self.last_snapshot_ms);
    }

    /// Reads a state saved before.
    ///
    /// # Errors
    /// Bytes cut short.
    pub fn load(reader: &mut Reader<'_>) -> Result<Cutter, WireError> {
        Ok(Cutter { from: Offset(reader.varint()?), last_cut_ms: reader.signed()?, last_snapshot_ms: reader.signed()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: CutRules =
        CutRules { interval_ms: 1_000, max_bytes: 100, snapshot_interval_ms: 3_000, quiet_ms: 60_000, save_at_once: 1 };

    #[test]
    fn cuts_at_ticks_by_time_and_at_frames_by_bytes() {
        let mut cutter = Cutter::new(Offset(0));
        let mut at = |next, waiting, records, tick: Option<i64>| {
            cutter.after_frame(&RULES, Offset(next), waiting, records, tick.map(|wall| (wall, false)))
        };
        assert!(!at(1, 10, 1, Some(5_000)).cut, "the first tick starts the clock");
        assert!(!at(2, 10, 1, Some(5_999)).cut);
        assert!(at(3, 10, 1, Some(6_000)).cut);
        assert!(!at(4, 0, 0, Some(9_000)).cut, "nothing to write");
        assert_eq!(at(5, 100, 1, None), Decision { cut: true, snapshot: false });
        assert_eq!(at(6, 1, 1, Some(9_000)), Decision { cut: true, snapshot: true });
    }

    #[test]
    fn a_closing_tick_cuts_and_snapshots_even_as_the_first() {
        let mut cutter = Cutter::new(Offset(0));
        let decision = cutter.after_frame(&RULES, Offset(1), 5, 1, Some((7_000, true)));
        assert_eq!(decision, Decision { cut: true, snapshot: true });
        assert!(!cutter.after_frame(&RULES, Offset(2), 0, 0, Some((9_000, true))).cut, "nothing to write");
    }

    #[test]
    fn a_quiet_partition_is_cut_and_snapshotted_now_and_then() {
        let mut cutter = Cutter::new(Offset(0));
        let cuts = (0..300).filter(|second| {
            let decision = cutter.after_frame(&RULES, Offset(second + 1), 0, 0, Some((*second as i64 * 1_000, false)));
            assert_eq!(decision.cut, decision.snapshot);
            decision.cut
        });
        assert_eq!(cuts.collect::<Vec<_>>(), [60, 120, 180, 240]);
    }

    #[test]
    fn a_replay_from_a_saved_state_cuts_the_same() {
        let frames: Vec<(usize, Option<i64>)> =
            (0..200).map(|i| (7 * (i % 13), (i % 3 == 0).then_some(i as i64 * 400))).collect();
        let run = |mut cutter: Cutter, from: usize| {
            let mut cuts = Vec::new();
            for (i, (bytes, tick)) in frames.iter().enumerate().skip(from) {
                if cutter.after_frame(&RULES, Offset(i as u64 + 1), *bytes, 1, tick.map(|wall| (wall, false))).cut {
                    cuts.push((i, cutter));
                }
            }
            cuts
        };
        let all = run(Cutter::new(Offset(0)), 0);
        for (i, cutter) in &all {
            let mut bytes = Vec::new();
            cutter.save(&mut bytes);
            let loaded = Cutter::load(&mut Reader::new(&bytes)).unwrap();
            let rest: Vec<_> = all.iter().filter(|(j, _)| j > i).copied().collect();
            assert_eq!(run(loaded, i + 1), rest);
        }
    }
}
