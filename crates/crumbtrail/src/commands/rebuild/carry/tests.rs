use std::collections::BTreeSet;

use crumbtrail_events::touchpoint::To;
use crumbtrail_events::{EventTime, Key, Kind};
use crumbtrail_log::memory::MemoryLog;

use super::*;

const EPOCHS: Epochs = Epochs { from: Epoch(1), to: Epoch(2), generation: Generation(1) };
const CLICKS: &str = "kafka:clicks/0";
const FILE: &str = "file:1";

fn touchpoint(id: u64, role: Role) -> Vec<u8> {
    let outcome = if role == Role::Whole { Outcome::Counted } else { Outcome::Aside };
    let key = Key::visitor("shop", &format!("v{id}"));
    let head = Head { outcome, kind: Kind::PageView, key, id, occurred_at: EventTime(id as i64) };
    let mut bytes = Vec::new();
    Touchpoint { head, role, ..Touchpoint::default() }.encode(&mut bytes);
    bytes
}

/// An old log of three partitions and its writer: intake of one topic.
struct Old {
    log: MemoryLog,
    outbox: Outbox,
}

impl Old {
    fn new() -> Old {
        let mut outbox = Outbox::new(EPOCHS.from, Generation(1), 3);
        outbox.start(OriginId::of(CLICKS), CLICKS, Position::default());
        outbox.start(OriginId::of(FILE), FILE, Position::default());
        Old { log: MemoryLog::new("touchpoints-e1", 3), outbox }
    }

    fn send(&mut self, origin: &str, ids: std::ops::Range<u64>) {
        for id in ids {
            let payload = touchpoint(id, Role::Whole);
            let to = PartitionId(Head::peek(&payload).unwrap().key.partition(3));
            self.outbox.push(OriginId::of(origin), Position { offset: id, seq: 1 }, to, &payload);
            let watermark = if origin == FILE { i64::MAX } else { id as i64 };
            self.outbox.decided(OriginId::of(origin), id + 1, watermark);
        }
    }

    fn tick(&mut self) {
        self.outbox.tick(1, &[(OriginId::of(CLICKS), CLICKS.to_owned())]);
        self.append();
    }

    fn append(&mut self) {
        self.outbox.cut_all();
        self.outbox.drain().for_each(|(partition, frame)| self.log.append(partition, frame).unwrap());
    }
}

struct New {
    log: MemoryLog,
    control: MemoryLog,
}

impl New {
    fn empty(partitions: u32) -> New {
        New { log: MemoryLog::new("touchpoints-e2", partitions), control: MemoryLog::new("control-e2", 1) }
    }

    fn begin<'a>(&'a self, old: &'a Old) -> Carry<'a> {
        Carry::begin(&old.log, &self.log, &self.control, EPOCHS, None).unwrap()
    }

    fn carry(&self, old: &Old) -> Result<Vec<Known>> {
        let mut carry = self.begin(old);
        while carry.step()? {
            carry.tick(2)?;
        }
        let known = carry.known(1_000)?;
        carry.finish(&known, 3)?;
        Ok(known)
    }

    /// What readers take of it: ids of all partitions, and their watermarks. Each once, in the partition its key says.
    fn read(&self) -> (BTreeSet<u64>, Vec<Option<i64>>) {
        let (mut ids, mut watermarks) = (BTreeSet::new(), Vec::new());
        for partition in 0..self.log.partitions() {
            let (mut inbox, mut scratch) = (Inbox::new(), Vec::new());
            for (_, bytes) in self.log.read(PartitionId(partition), Offset(0), usize::MAX).unwrap() {
                let view = FrameView::parse(&bytes, &mut scratch).unwrap();
                assert_eq!(view.epoch(), Epoch(2));
                for record in view.records() {
                    let taken = inbox.judge(view.generation(), record.origin, record.position, record.previous);
                    assert!(!matches!(taken, Verdict::Gap { .. }));
                    let head = Head::peek(record.payload).unwrap();
                    assert_eq!(head.key.partition(self.log.partitions()), partition);
                    assert!(taken != Verdict::Accept || ids.insert(head.id), "{} twice", head.id);
                }
                if let Some(tick) = view.tick().unwrap() {
                    assert_eq!(inbox.tick(&tick).gaps, []);
                }
            }
            watermarks.push(inbox.watermark());
        }
        (ids, watermarks)
    }
}

#[test]
fn every_record_is_carried_once_into_any_number_of_partitions() {
    for partitions in [1, 3, 5] {
        let (mut old, new) = (Old::new(), New::empty(partitions));
        for round in 0..10 {
            old.send(CLICKS, round * 20..round * 20 + 20);
            old.tick();
        }
        // A writer that begins again repeats what it had sent.
        old.outbox.start(OriginId::of(CLICKS), CLICKS, Position::before(150));
        old.send(CLICKS, 150..250);
        old.send(FILE, 1_000..1_020);
        old.tick();
        let known = new.carry(&old).unwrap();
        let (ids, watermarks) = new.read();
        assert!(ids.into_iter().eq((0..250).chain(1_000..1_020)));
        assert_eq!(
            watermarks,
            vec![Some(249); partitions as usize],
            "as the old log's, and no longer that of the carriage"
        );
        let told: Vec<_> = known.iter().map(|k| (k.name.as_str(), k.frontier, k.is_declared)).collect();
        assert!(told.contains(&(CLICKS, 250, true)) && told.contains(&("", 1_020, false)), "{told:?}");
        for partition in (0..partitions).map(PartitionId) {
            let back = new.log.read_back(partition, OriginId::of(CLICKS)).unwrap().unwrap();
            assert_eq!((back.frontier, back.watermark), (250, 249), "where intake goes on");
        }
    }
}

#[test]
fn what_was_killed_goes_on_and_nothing_is_doubled() {
    let (mut old, new) = (Old::new(), New::empty(2));
    for round in 0..30 {
        old.send(CLICKS, round * 10..round * 10 + 10);
        old.tick();
    }
    for steps in [1, 7, 20, 2, 40] {
        let mut carry = new.begin(&old);
        for step in 0..steps {
            carry.step().unwrap();
            if step % 3 == 0 {
                carry.tick(2).unwrap();
            }
        }
    }
    let carry = new.begin(&old);
    assert!(!carry.was_finished);
    new.carry(&old).unwrap();
    assert!(new.read().0.into_iter().eq(0..300));
    // Killed after the last word: it is said again.
    assert!(new.begin(&old).was_finished);
    new.carry(&old).unwrap();
    assert!(new.read().0.into_iter().eq(0..300));
}

#[test]
fn a_reader_that_misses_a_frame_gets_it_again() {
    let (mut old, new) = (Old::new(), New::empty(1));
    old.send(CLICKS, 0..50);
    old.tick();
    let mut carry = new.begin(&old);
    while carry.step().unwrap() {
        new.log.drop_next(PartitionId(0));
        carry.tick(2).unwrap();
    }
    let ask = crumbtrail_log::control::GoBack {
        log: "touchpoints-e2".to_owned(),
        partition: PartitionId(0),
        origin: OriginId::of("carried:touchpoints-e1/0"),
        position: Position::default(),
    };
    new.control.append(PartitionId(0), Control::GoBack(ask).encode()).unwrap();
    let carry = new.begin(&old);
    assert_eq!(carry.lanes[0].carried, Offset(0));
}

#[test]
fn an_import_that_was_closed_is_closed_as_it_would_be_now() {
    let import = OriginId::of(IMPORT_ORIGIN);
    for (said, expected) in [(49 + 10, 49 + 1_000), (48, 48), (i64::MAX, i64::MAX)] {
        let (mut old, new) = (Old::new(), New::empty(2));
        old.send(FILE, 0..50);
        old.outbox.start(import, IMPORT_ORIGIN, Position::default());
        old.outbox.decided(import, 0, said);
        old.outbox.closing_tick(1, &[(import, IMPORT_ORIGIN.to_owned())]);
        old.append();
        new.carry(&old).unwrap();
        assert_eq!(new.read().1, [Some(expected); 2]);
    }
}

#[test]
fn what_its_writer_had_not_said_to_the_end_is_left_to_it() {
    let (mut old, new) = (Old::new(), New::empty(2));
    old.send(CLICKS, 0..50);
    old.tick();
    old.send(CLICKS, 50..90);
    old.append();
    let known = new.carry(&old).unwrap();
    assert!(new.read().0.into_iter().eq(0..50));
    assert_eq!(known.iter().map(|known| known.frontier).max(), Some(50));
    // The old epoch went on meanwhile: its sources are read again from there, whatever it made of them.
    old.tick();
    new.carry(&old).unwrap();
    assert!(new.read().0.into_iter().eq(0..50));
    // But a file is not.
    old.send(FILE, 1_000..1_001);
    old.tick();
    let error = new.carry(&old).unwrap_err().to_string();
    assert!(error.contains("--afresh"), "{error}");
}

#[test]
fn a_decision_behind_the_last_tick_or_half_a_tick_is_mended_first() {
    let decide = |old: &Old, id: u64| {
        let payload = touchpoint(id, Role::Linked);
        let key = Head::peek(&payload).unwrap().key;
        let name = format!("identity:{id}");
        crumbtrail_runtime::decision::decide(&old.log, (Epoch(1), Generation(1)), &name, To::Key(key), &payload)
            .unwrap();
    };
    let (mut old, new) = (Old::new(), New::empty(2));
    old.send(CLICKS, 0..50);
    old.tick();
    decide(&old, 2_000);
    assert!(new.carry(&old).unwrap_err().to_string().contains("decision"));
    old.tick();
    old.send(CLICKS, 50..60);
    old.outbox.tick(1, &[(OriginId::of(CLICKS), CLICKS.to_owned())]);
    let frames: Vec<_> = old.outbox.drain().collect();
    let append = |is_meant: fn(u32) -> bool| {
        let meant = frames.iter().filter(|(partition, _)| is_meant(partition.0));
        meant.for_each(|(partition, frame)| old.log.append(*partition, frame.clone()).unwrap());
    };
    append(|partition| partition == 0);
    assert!(new.carry(&old).unwrap_err().to_string().contains("not every partition"));
    append(|partition| partition != 0);
    new.carry(&old).unwrap();
    assert!(new.read().0.into_iter().eq((0..60).chain([2_000])));
}

#[test]
fn what_all_partitions_are_told_is_carried_to_every_one_from_whoever_has_it() {
    for partitions in [1, 2, 5] {
        let (mut old, new) = (Old::new(), New::empty(partitions));
        old.send(CLICKS, 0..20);
        let told = [(20, Role::Alias), (21, Role::Alias)].map(|(id, role)| (id, touchpoint(id, role)));
        for (id, payload) in &told {
            let at = Position { offset: *id, seq: 1 };
            // The partition of its key has forgotten the first.
            let own = Head::peek(payload).unwrap().key.partition(3);
            let has = |to: &u32| *id != 20 || *to != own;
            (0..3).filter(has).for_each(|to| old.outbox.push(OriginId::of(CLICKS), at, PartitionId(to), payload));
            old.outbox.decided(OriginId::of(CLICKS), id + 1, *id as i64);
        }
        // As a rebuild before has left them: one from every partition there was.
        for seq in 1..=3 {
            let at = Position { offset: 22, seq };
            (0..3).for_each(|to| {
                old.outbox.push(OriginId::of(CLICKS), at, PartitionId(to), &touchpoint(22, Role::Alias))
            });
        }
        old.outbox.decided(OriginId::of(CLICKS), 23, 22);
        old.append();
        for (id, role) in [(30, Role::AliasLinked), (31, Role::AliasUnlinked)] {
            let (name, payload) = (format!("identity:{id}"), touchpoint(id, role));
            crumbtrail_runtime::decision::decide(&old.log, (Epoch(1), Generation(1)), &name, To::All, &payload)
                .unwrap();
        }
        // Rules are those of the epoch alone.
        let (told, mut payload) = (Told { since: (EventTime(1), 40), text: "{}".to_owned() }, Vec::new());
        told.encode("rules:1", &mut payload);
        crumbtrail_runtime::decision::decide(&old.log, (Epoch(1), Generation(1)), "rules:1", To::All, &payload)
            .unwrap();
        old.tick();
        let known = new.carry(&old).unwrap();
        assert!(known.iter().all(|known| !known.name.starts_with("identity:")), "nobody goes on with a decision");
        for partition in (0..partitions).map(PartitionId) {
            let (mut inbox, mut ids, mut scratch) = (Inbox::new(), Vec::new(), Vec::new());
            for (_, bytes) in new.log.read(partition, Offset(0), usize::MAX).unwrap() {
                let view = FrameView::parse(&bytes, &mut scratch).unwrap();
                for record in view.records() {
                    let verdict = inbox.judge(view.generation(), record.origin, record.position, record.previous);
                    assert_eq!(verdict, Verdict::Accept);
                    ids.push(Head::peek(record.payload).unwrap().id);
                }
            }
            ids.retain(|id| *id >= 20);
            ids.sort_unstable();
            // As many as there are old partitions that have it.
            assert_eq!(
                ids,
                [20, 20, 21, 21, 21, 22, 22, 22, 30, 30, 30, 31, 31, 31],
                "partition {} of {partitions}",
                partition.0
            );
        }
    }
}

#[test]
fn what_comes_behind_the_last_word_is_noticed_unless_its_source_sends_it_again() {
    let (mut old, new) = (Old::new(), New::empty(3));
    old.send(CLICKS, 0..20);
    old.send(FILE, 20..40);
    old.tick();
    let tail = {
        let mut carry = new.begin(&old);
        while carry.step().unwrap() {}
        carry.known(1_000).unwrap();
        carry.tail().unwrap()
    };
    tail.check(&old.log).unwrap();
    old.send(CLICKS, 40..60);
    old.tick();
    tail.check(&old.log).unwrap();
    old.send(FILE, 60..61);
    old.tick();
    assert!(tail.check(&old.log).unwrap_err().to_string().contains("--afresh"));
}
