//! The whole sessionize step with its sessions' events on disk: snapshots and rows are as without, and a file that is lost halts it.

use std::fs::{self, File};

use crumbtrail_events::touchpoint::Head;
use crumbtrail_events::{EventTime, Key, Kind, Outcome, Touchpoint};
use crumbtrail_runtime::step::{Effects, StepError};
use crumbtrail_runtime::{Context, Step as _};
use crumbtrail_scratch::Scratch;
use crumbtrail_sessions::{Limits, RuleBook, Rules};
use crumbtrail_steps::{Place, Ruling, Sessionize};

const MINUTE: i64 = 60_000;
const DAY: i64 = 1_440 * MINUTE;
const EVENTS: i64 = 10;

fn click(visitor: i64, at: i64) -> Vec<u8> {
    let name = format!("v-{visitor}");
    let (key, id) = (Key::visitor("shop", &name), (visitor * DAY + at) as u64 + 1);
    let head = Head { outcome: Outcome::Counted, kind: Kind::Click, key, id, occurred_at: EventTime(at) };
    let mut payload = Vec::new();
    Touchpoint { head, site: "shop", visitor: &name, ..Touchpoint::default() }.encode(&mut payload);
    payload
}

fn tick(step: &mut Sessionize, watermark: i64, wall_ms: i64, effects: &mut Effects) -> Result<(), StepError> {
    step.tick(Context { version: 1, watermark: EventTime(watermark), wall_ms }, effects)
}

/// A step that 30 visitors have been seen by, of whose events no more than so many bytes stay in memory.
fn visited(most_resident: usize, scratch: &mut Scratch) -> (Sessionize, Effects) {
    let limits = Limits { lateness_ms: 2 * DAY, ..Limits::default() };
    let book = RuleBook { default: Rules { limits, ..Rules::default() }, ..RuleBook::default() };
    let identity = crumbtrail_identity::Rules::default();
    let step = Sessionize::new(Ruling::fixed(book), identity, false, Place { partition: 0, of: 1 });
    let mut step = step.holding(most_resident);
    let mut effects = Effects::new(step.tables());
    for n in 0..30 * EVENTS {
        let context = Context { version: 1, watermark: EventTime::MIN, wall_ms: 0 };
        step.record(&click(n % 30, n / 30 * MINUTE), context, &mut effects).unwrap();
    }
    for wall_ms in [0, MINUTE] {
        tick(&mut step, EVENTS * MINUTE, wall_ms, &mut effects).unwrap();
        step.spill(scratch).unwrap();
    }
    (step, effects)
}

#[test]
fn snapshots_and_rows_are_the_same_wherever_events_lie() {
    let mut scratch = Scratch::new(std::env::temp_dir());
    let [in_memory, on_disk] = [usize::MAX, 0].map(|most_resident| {
        let (mut step, mut effects) = visited(most_resident, &mut scratch);
        let on_disk = step.gauges().bytes_on_disk;
        step.begin_save();
        let saved = step.save_on(usize::MAX).unwrap().concat();
        tick(&mut step, 4 * DAY, 2 * MINUTE, &mut effects).unwrap();
        assert_eq!((step.closed_sessions(), step.gauges().bytes_on_disk), (30, 0));
        let rows: Vec<Vec<u8>> = effects.tables.iter().map(|table| table.pieces.concat()).collect();
        (on_disk, (saved, rows))
    });
    assert!(in_memory.0 == 0 && on_disk.0 > 30 * EVENTS as usize * 32, "{} on disk", on_disk.0);
    assert!(in_memory.1 == on_disk.1);
}

/// Empties the only scratch file in a folder, which has no name: by the way of the process's own open files.
fn lose(folder: &tempfile::TempDir) {
    let of_folder = |path: &fs::DirEntry| {
        let target = fs::read_link(path.path()).unwrap_or_default();
        target.starts_with(folder.path()).then(|| path.path())
    };
    let files: Vec<_> = fs::read_dir("/proc/self/fd").unwrap().filter_map(|entry| of_folder(&entry.unwrap())).collect();
    assert_eq!(files.len(), 1);
    File::options().write(true).open(&files[0]).unwrap().set_len(0).unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn a_lost_file_halts_the_step_and_no_snapshot_is_whole_without_it() {
    let is_scratch = |told: Result<(), StepError>| matches!(told, Err(StepError::Scratch(_)));
    for at_a_save in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let (mut step, mut effects) = visited(0, &mut Scratch::new(folder.path().to_owned()));
        lose(&folder);
        let before = effects.tables[1].rows;
        if at_a_save {
            step.begin_save();
            assert!((0..9).all(|_| step.save_on(usize::MAX).is_none()));
            assert!(is_scratch(tick(&mut step, EVENTS * MINUTE, 2 * MINUTE, &mut effects)));
        } else {
            let context = Context { version: 1, watermark: EventTime::MIN, wall_ms: 0 };
            assert!(is_scratch(step.record(&click(3, EVENTS * MINUTE), context, &mut effects)));
            assert!(is_scratch(tick(&mut step, 4 * DAY, 2 * MINUTE, &mut effects)));
        }
        assert_eq!(effects.tables[1].rows, before);
    }
}
