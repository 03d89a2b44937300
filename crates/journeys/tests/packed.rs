//! What is packed away: found again when it has to be, gone when nobody needs it, and never passed over when it is damaged.

mod world;

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;

use crumbtrail_events::touchpoint::{Role, hand_over};
use crumbtrail_events::{EventTime, Kind};
use crumbtrail_journeys::{JourneyRules, Journeys, JourneysError};
use crumbtrail_scratch::{Block, Scratch};
use world::{DAY, Event, HOUR, MINUTE, Tables};

const NOON: i64 = 1_800_000_000_000;

struct Shop {
    journeys: Journeys,
    tables: Tables,
    scratch: Scratch,
    wall_ms: i64,
}

impl Shop {
    /// Files in a folder of its own.
    fn in_folder(folder: &tempfile::TempDir) -> Shop {
        let journeys = Journeys::new(JourneyRules::default()).in_blocks_of(1 << 10);
        Shop { journeys, tables: Tables::default(), scratch: Scratch::new(folder.path().to_owned()), wall_ms: 0 }
    }

    fn take(&mut self, event: &Event, watermark: i64) -> Result<(), JourneysError> {
        self.journeys.touchpoint(&event.encode(), EventTime(watermark))
    }

    fn tick(&mut self, watermark: i64) {
        self.wall_ms += 10_000;
        self.tables.tick(&mut self.journeys, watermark, self.wall_ms);
        self.journeys.spill(&mut self.scratch, 0).unwrap();
    }

    /// A hundred people with ten touchpoints each, and all of it packed.
    fn filled(folder: &tempfile::TempDir) -> Shop {
        let mut shop = Shop::in_folder(folder);
        for n in 0..1_000 {
            shop.take(&view(n), NOON).unwrap();
        }
        shop.tick(NOON + HOUR);
        assert_eq!(shop.journeys.blocks().count(), 0, "what may still be joined is not packed");
        shop.tick(NOON + 2 * DAY);
        shop
    }

    fn count(&self, person: u8) -> u32 {
        self.tables.stages[&Event { person, ..Event::new(Kind::PageView, 0) }.key()].2
    }
}

/// Ids are hashes.
fn id(n: u64) -> u64 {
    (n + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

fn view(n: i64) -> Event {
    Event { person: (n / 10) as u8, id: id(n as u64), ..Event::new(Kind::PageView, NOON + n * 1000) }
}

fn handed(event: &Event, role: Role) -> Vec<u8> {
    let mut bytes = Vec::new();
    hand_over(&event.encode(), event.key(), role, event.customer(), &mut bytes).unwrap();
    bytes
}

#[test]
fn what_is_idle_lies_on_disk_and_is_read_when_something_belongs_among_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut shop = Shop::filled(&folder);
    let on_disk = shop.journeys.bytes_on_disk();
    assert!((10_000..20_000).contains(&on_disk), "{on_disk} on disk");
    let later = NOON + 2 * DAY;
    for person in 0..100 {
        let back = Event { person, id: id(5_000 + u64::from(person)), ..Event::new(Kind::PageView, later + 1) };
        shop.take(&back, later).unwrap();
    }
    shop.tick(later + MINUTE);
    assert_eq!((shop.journeys.reads(), shop.count(3)), (0, 11), "who comes back is not read");
    shop.take(&Event { at: later + 5 * MINUTE, ..view(31) }, later).unwrap();
    shop.tick(later + 10 * MINUTE);
    assert_eq!((shop.journeys.reads(), shop.count(3)), (1, 11), "an id that is packed is no new touchpoint");
    shop.journeys.touchpoint(&handed(&view(942), Role::Taken), EventTime(later)).unwrap();
    shop.journeys.touchpoint(&handed(&Event { person: 5, ..view(942) }, Role::Given), EventTime(later)).unwrap();
    shop.tick(later + 20 * MINUTE);
    assert_eq!((shop.count(94), shop.count(5)), (10, 12));
    assert_eq!((shop.journeys.met().repeated, shop.journeys.met().missed), (1, 0));
    assert_eq!(shop.journeys.reads(), 2, "one of them was near what had been read");
}

#[test]
fn room_is_given_back_when_nobody_s_touchpoints_are_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut shop = Shop::filled(&folder);
    let all = shop.journeys.bytes_on_disk();
    // Half of them go to somebody else, who is not packed for a while.
    for n in 0..500 {
        shop.journeys.touchpoint(&handed(&view(n), Role::Taken), EventTime(NOON + 2 * DAY)).unwrap();
    }
    shop.tick(NOON + 2 * DAY + MINUTE);
    let half = shop.journeys.bytes_on_disk();
    assert!((all * 2 / 5..all * 3 / 5).contains(&half), "{half} of {all}");
    assert_eq!((shop.journeys.people(), shop.journeys.blocks().next().unwrap().0 > 3), (50, true));
    shop.tick(NOON + 32 * DAY);
    assert_eq!(
        (shop.journeys.bytes_on_disk(), shop.journeys.blocks().count()),
        (0, 0),
        "nothing changes hands any more"
    );
    assert_eq!(shop.count(99), 10);
}

/// Writes over the only scratch file in a folder, which has no name: by the way of the process's own open files.
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
        for at in 0..file.metadata().unwrap().len() {
            let mut byte = [0];
            file.read_exact_at(&mut byte, at).unwrap();
            file.write_all_at(&[!byte[0]], at).unwrap();
        }
    };
    let lose = |file: &File| file.set_len(0).unwrap();
    for (change, why) in [(&flip as &dyn Fn(&File), "damaged"), (&lose, "failed to fill whole buffer")] {
        let folder = tempfile::tempdir().unwrap();
        let mut shop = Shop::filled(&folder);
        damage(&folder, change);
        let error = shop.take(&Event { id: 1, ..view(0) }, NOON + 2 * DAY).unwrap_err();
        assert!(matches!(&error, JourneysError::Scratch(_)) && error.to_string().contains(why), "{error}");
        let folder = tempfile::tempdir().unwrap();
        let mut shop = Shop::filled(&folder);
        damage(&folder, change);
        let error = shop.journeys.tick(EventTime(NOON + 40 * DAY), 1_000_000, &mut shop.tables).unwrap_err();
        assert!(error.to_string().contains(why), "{error}");
    }
}

#[test]
fn a_state_is_restored_with_its_own_blocks_only() {
    let folder = tempfile::tempdir().unwrap();
    let shop = Shop::filled(&folder);
    let mut bytes = Vec::new();
    shop.journeys.save(&mut bytes);
    let blocks: Vec<Block> = shop.journeys.blocks().map(|(_, block)| Block::new(block.to_vec().unwrap())).collect();
    let load = |blocks: &[Block]| Journeys::load(JourneyRules::default(), &bytes, blocks);
    let mut restored = load(&blocks).unwrap();
    let mut again = Tables::default();
    again.tick(&mut restored, NOON + 40 * DAY, 1_000_000);
    assert!(again.rows.len() > 90 && restored.blocks().count() == 0);
    let mut others = blocks.clone();
    others.swap(0, 1);
    assert!(load(&others).is_err() && load(&blocks[1..]).is_err() && load(&[]).is_err());
}
