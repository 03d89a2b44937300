//! Events on disk: which go, and what becomes of them when the disk fails. That no row is another, `order.rs`, `parts.rs` and `saving.rs` tell.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use crumbtrail_events::ids::id_hash;
use crumbtrail_events::touchpoint::{Head, Touchpoint};
use crumbtrail_events::{EventTime, Key, Kind, Outcome};
use crumbtrail_scratch::Scratch;
use crumbtrail_sessions::rows::{ConversationRow, SessionRow};
use crumbtrail_sessions::{Budget, Limits, Out, RuleBook, Rules, Sessions, SessionsError};
use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;

const MINUTE: i64 = 60_000;
const DAY: i64 = 1_440 * MINUTE;
const VISITORS: i64 = 4_000;
const EVENTS: i64 = 20;

#[derive(Default)]
struct Tables {
    rows: Vec<String>,
}

impl Out for Tables {
    fn session(&mut self, row: &SessionRow<'_>) {
        self.rows.push(format!("{row:?}"));
    }
    fn conversation(&mut self, _: &ConversationRow<'_>) {}
}

/// A shop to whose visitors two days of lateness are given.
struct Shop {
    state: Sessions,
    tables: Tables,
    scratch: Scratch,
    wall: i64,
}

impl Shop {
    /// One that each visitor has been at for twenty minutes.
    fn visited(scratch: Scratch) -> Shop {
        let limits = Limits { lateness_ms: 2 * DAY, ..Limits::default() };
        let book = RuleBook { default: Rules { limits, ..Rules::default() }, ..RuleBook::default() };
        let mut shop = Shop { state: Sessions::new(book), tables: Tables::default(), scratch, wall: 0 };
        for n in 0..EVENTS {
            (0..VISITORS).for_each(|visitor| assert_eq!(shop.view(visitor, n * MINUTE).unwrap(), Outcome::Counted));
        }
        shop.tick(EVENTS * MINUTE).unwrap();
        shop
    }

    fn view(&mut self, visitor: i64, at: i64) -> Result<Outcome, SessionsError> {
        let (visitor, id, page) = (format!("v-{visitor}"), format!("e-{visitor}-{at}"), format!("/page/{visitor}"));
        let key = Key::visitor("shop", &visitor);
        let head =
            Head { outcome: Outcome::Counted, kind: Kind::PageView, key, id: id_hash(&id), occurred_at: EventTime(at) };
        let touchpoint =
            Touchpoint { head, event_id: &id, site: "shop", visitor: &visitor, page: &page, ..Touchpoint::default() };
        let customer = if at % (3 * MINUTE) == 0 { "customer" } else { "" };
        let mut bytes = Vec::new();
        Touchpoint { customer, ..touchpoint }.encode(&mut bytes);
        self.state.touchpoint(&bytes, EventTime::MIN, &mut self.tables).map(|judged| judged.outcome)
    }

    fn tick(&mut self, watermark: i64) -> std::io::Result<()> {
        self.wall += 10_000;
        self.state.tick(EventTime(watermark), self.wall, &mut self.tables)
    }

    /// Has events go to disk that need more than so many bytes.
    fn spill(&mut self, most_resident: usize) -> std::io::Result<()> {
        self.state.spill(&mut self.scratch, Budget::of(most_resident))
    }

    /// Lets time pass, so that rows could be corrected.
    fn quiet(mut self) -> Shop {
        self.tick(EVENTS * MINUTE).unwrap();
        self
    }

    fn saved(&self) -> std::io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.state.save(&mut bytes).map(|()| bytes)
    }
}

fn temporary() -> Scratch {
    Scratch::new(std::env::temp_dir())
}

#[test]
fn what_is_quiet_goes_to_disk_while_there_is_too_much_of_it_and_is_final_all_the_same() {
    let (mut shop, mut other) = (Shop::visited(temporary()), Shop::visited(temporary()).quiet());
    let all = (VISITORS * EVENTS * 32) as usize;
    let before = shop.state.resident_bytes();
    shop.spill(0).unwrap();
    assert_eq!(shop.state.bytes_on_disk(), 0, "rows were said just now");
    let mut shop = shop.quiet();
    shop.spill(usize::MAX).unwrap();
    assert_eq!(shop.state.bytes_on_disk(), 0, "there is room in memory");
    let expected = shop.saved().unwrap();
    shop.spill(0).unwrap();
    let on_disk = shop.state.bytes_on_disk();
    assert!((all..all + all / 20).contains(&on_disk), "{on_disk} of {all}");
    let after = shop.state.resident_bytes();
    assert!(after + all / 2 < before, "{after} after {before}");
    shop.spill(0).unwrap();
    assert_eq!(shop.state.bytes_on_disk(), on_disk, "they go once");
    assert!(shop.saved().unwrap() == expected);
    // All come back, and go again until what is left is little enough.
    (0..VISITORS).for_each(|visitor| assert_eq!(shop.view(visitor, 0).unwrap(), Outcome::Duplicate));
    let (back, left) = (shop.state.resident_bytes() - after, shop.state.bytes_on_disk());
    assert!(left == 0 && back > all * 3 / 4, "{back} of {all} came back, {left} are left");
    let some = all / 2 - 1;
    shop.spill(some).unwrap();
    let gone = shop.state.bytes_on_disk();
    assert!((all / 2..all * 3 / 4).contains(&gone), "{gone} of {all}");
    shop.spill(0).unwrap();
    assert_eq!(shop.state.bytes_on_disk(), on_disk);
    // One who comes back has theirs in memory, until the next rows have been said.
    assert_eq!(shop.view(7, 0).unwrap(), Outcome::Duplicate);
    assert_eq!(shop.view(8, EVENTS * MINUTE).unwrap(), Outcome::Counted);
    assert!(shop.state.resident_bytes() > after);
    assert_eq!(other.view(8, EVENTS * MINUTE).unwrap(), Outcome::Counted);
    let mut named = Vec::new();
    let times = (EventTime(5 * MINUTE), EventTime(12 * MINUTE));
    let each = |at: EventTime, _, customer: &str| named.push((at.0 / MINUTE, customer.to_owned()));
    shop.state.named(Key::visitor("shop", "v-9"), times.0, times.1, each).unwrap();
    assert_eq!(named, [6, 9, 12].map(|at| (at, "customer".to_owned())));
    for shop in [&mut shop, &mut other] {
        // So many others that values are swept, and their symbols used again, while events on disk name some.
        (0..2_000).for_each(|n| assert_eq!(shop.view(VISITORS + n, 0).unwrap(), Outcome::Counted));
        shop.tick(EVENTS * MINUTE).unwrap();
        (2_000..4_000).for_each(|n| assert_eq!(shop.view(VISITORS + n, 0).unwrap(), Outcome::Counted));
        shop.tick(4 * DAY).unwrap();
    }
    assert_eq!((shop.state.open_sessions(), shop.state.bytes_on_disk()), (0, 0));
    shop.tables.rows.sort_unstable();
    other.tables.rows.sort_unstable();
    assert!(shop.tables.rows == other.tables.rows && shop.tables.rows.len() > 3 * VISITORS as usize);
}

#[test]
fn without_room_on_disk_events_stay_in_memory() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), b"").unwrap();
    let mut shop = Shop::visited(Scratch::new(folder.path().join("file/in/a/file"))).quiet();
    let expected = shop.saved().unwrap();
    let before = shop.state.resident_bytes();
    assert!(shop.spill(0).is_err());
    assert_eq!((shop.state.bytes_on_disk(), shop.state.resident_bytes()), (0, before));
    assert!(shop.saved().unwrap() == expected);
    shop.scratch = temporary();
    shop.spill(0).unwrap();
    assert!(shop.state.bytes_on_disk() > 0, "once there is room, they go");
}

/// Changes the only scratch file in a folder, which has no name: by the way of the process's own open files.
fn damage(folder: &tempfile::TempDir, change: impl Fn(&File)) {
    let of_folder = |path: &fs::DirEntry| {
        let target = fs::read_link(path.path()).unwrap_or_default();
        target.starts_with(folder.path()).then(|| path.path())
    };
    let files: Vec<_> = fs::read_dir("/proc/self/fd").unwrap().filter_map(|entry| of_folder(&entry.unwrap())).collect();
    assert_eq!(files.len(), 1);
    change(&File::options().read(true).write(true).open(&files[0]).unwrap());
}

#[cfg(target_os = "linux")]
#[test]
fn a_damaged_or_lost_file_is_an_error_and_never_other_rows() {
    let flip = |file: &File| {
        for at in (0..file.metadata().unwrap().len()).step_by(640) {
            let mut byte = [0];
            file.read_exact_at(&mut byte, at).unwrap();
            file.write_all_at(&[!byte[0]], at).unwrap();
        }
    };
    let lose = |file: &File| file.set_len(0).unwrap();
    for (change, why) in [(&flip as &dyn Fn(&File), "damaged"), (&lose, "failed to fill whole buffer")] {
        let folder = tempfile::tempdir().unwrap();
        let mut shop = Shop::visited(Scratch::new(folder.path().to_owned())).quiet();
        shop.spill(0).unwrap();
        let said = shop.tables.rows.len();
        damage(&folder, change);
        let error = shop.view(3, EVENTS * MINUTE).unwrap_err();
        assert!(matches!(&error, SessionsError::Scratch(_)) && error.to_string().contains(why), "{error}");
        assert!(shop.saved().unwrap_err().to_string().contains(why));
        shop.state.begin_save();
        assert!(shop.state.save_on(usize::MAX).unwrap_err().to_string().contains(why));
        let key = Key::visitor("shop", "v-5");
        let named = shop.state.named(key, EventTime(0), EventTime(DAY), |_, _, _| {});
        assert!(named.unwrap_err().to_string().contains(why));
        assert!(shop.tick(4 * DAY).unwrap_err().to_string().contains(why));
        assert_eq!(shop.tables.rows.len(), said);
    }
}
