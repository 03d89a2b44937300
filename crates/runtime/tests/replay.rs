//! An owner that is killed and recovered at any point says the same as one that was left alone: same batches, same rows,
//! same records passed on.

use std::collections::BTreeMap;
use std::time::Duration;

use crumbtrail_events::wire::{Reader, put_signed, put_varint};
use crumbtrail_events::{Key, Outcome};
use crumbtrail_log::memory::MemoryLog;
use crumbtrail_log::{Epoch, Generation, Inbox, Log, Offset, OriginId, Outbox, PartitionId, Position, Verdict};
use crumbtrail_runtime::cutter::CutRules;
use crumbtrail_runtime::owner::Start;
use crumbtrail_runtime::snapshot::Snapshot;
use crumbtrail_runtime::step::{Effects, StepError, StepGauges};
use crumbtrail_runtime::{Batch, Context, Owner, Step};
use crumbtrail_scratch::Block;
use proptest::prelude::*;

const EPOCH: Epoch = Epoch(1);

/// Adds up what it is given, per key; a row per dirty key at every tick; passes every record on.
#[derive(Default)]
struct Adder {
    sums: BTreeMap<u64, i64>,
    dirty: Vec<u64>,
}

impl Step for Adder {
    fn name(&self) -> &'static str {
        "adder"
    }

    fn tables(&self) -> usize {
        1
    }

    fn record(&mut self, payload: &[u8], _: Context, effects: &mut Effects) -> Result<(), StepError> {
        let mut reader = Reader::new(payload);
        let (key, value) = (reader.varint()?, reader.signed()?);
        *self.sums.entry(key).or_default() += value;
        self.dirty.push(key);
        effects.outcome(Outcome::Counted);
        effects.pass(Key(u128::from(key) << 100), |out| out.extend_from_slice(payload));
        Ok(())
    }

    fn tick(&mut self, context: Context, effects: &mut Effects) -> Result<(), StepError> {
        self.dirty.sort_unstable();
        self.dirty.dedup();
        for key in std::mem::take(&mut self.dirty) {
            let sum = self.sums[&key];
            effects.row(0, |out| {
                put_varint(out, key);
                put_signed(out, sum);
                put_varint(out, context.version);
            });
        }
        Ok(())
    }

    fn save(&self, out: &mut Vec<u8>) {
        put_varint(out, self.sums.len() as u64);
        for (key, sum) in &self.sums {
            put_varint(out, *key);
            put_signed(out, *sum);
        }
        put_varint(out, self.dirty.len() as u64);
        for key in &self.dirty {
            put_varint(out, *key);
        }
    }

    fn load(&mut self, bytes: &[u8], _: &[Block]) -> Result<(), StepError> {
        let mut reader = Reader::new(bytes);
        self.sums.clear();
        for _ in 0..reader.varint()? {
            let key = reader.varint()?;
            self.sums.insert(key, reader.signed()?);
        }
        self.dirty = (0..reader.varint()?).map(|_| reader.varint()).collect::<Result<_, _>>()?;
        Ok(())
    }

    fn gauges(&self) -> StepGauges {
        StepGauges { open: self.sums.len(), ..StepGauges::default() }
    }
}

/// A log of one partition with `records` records of one origin, a tick every `per_tick`, 300 ms of wall time apart.
fn input(records: &[(u64, i64)], per_tick: usize) -> MemoryLog {
    let log = MemoryLog::new("in", 1);
    let origin = OriginId::of("kafka:clicks/0");
    let declared = [(origin, "kafka:clicks/0".to_owned())];
    let mut outbox = Outbox::new(EPOCH, Generation(1), 1);
    outbox.start(origin, "kafka:clicks/0", Position::before(0));
    for (i, (key, value)) in records.iter().enumerate() {
        let mut payload = Vec::new();
        put_varint(&mut payload, *key);
        put_signed(&mut payload, *value);
        outbox.push(origin, Position { offset: i as u64, seq: 1 }, PartitionId(0), &payload);
        outbox.decided(origin, i as u64 + 1, i as i64);
        if (i + 1).is_multiple_of(per_tick) || i + 1 == records.len() {
            outbox.tick((i as i64) * 300, &declared);
            outbox.cut_all();
        }
        for (partition, frame) in outbox.drain() {
            log.append(partition, frame).unwrap();
        }
    }
    log.flush(Duration::from_secs(1)).unwrap();
    log
}

fn owner(start: Start, onward: u32) -> Owner<Adder> {
    let rules = CutRules {
        interval_ms: 1_000,
        max_bytes: 1 << 20,
        snapshot_interval_ms: 2_000,
        quiet_ms: 60_000,
        save_at_once: 1,
    };
    let outbox = Outbox::new(EPOCH, Generation(1), onward);
    Owner::new(Adder::default(), EPOCH, PartitionId(0), start, rules, Some((outbox, "log:in/0".to_owned()))).unwrap()
}

#[derive(Default)]
struct Seen {
    batches: BTreeMap<u64, (u64, Vec<u8>, u64)>,
    snapshots: Vec<Snapshot>,
}

impl Seen {
    fn take(&mut self, batch: Batch) {
        let said = (batch.to.0, batch.tables[0].pieces.concat(), batch.position_checksum);
        if let Some(before) = self.batches.insert(batch.from.0, said.clone()) {
            assert_eq!(before, said, "a replay cuts the same batch");
        }
    }
}

/// Reads on until the end or `most` frames.
fn drive(owner: &mut Owner<Adder>, log: &MemoryLog, out: &MemoryLog, seen: &mut Seen, most: usize) {
    for (offset, bytes) in log.read(PartitionId(0), owner.next(), usize::MAX).unwrap().into_iter().take(most) {
        let report = owner.frame(offset, &bytes, |partition, frame| out.append(partition, frame).unwrap()).unwrap();
        assert_eq!((report.gaps, report.repeats), (0, 0));
        if let Some(batch) = report.batch {
            seen.take(batch);
        }
        if report.snapshot_is_due {
            owner.begin_save();
        }
        if let Some((offset, saved)) = owner.save_on(1) {
            seen.snapshots.push(Snapshot { offset, state: saved.into() });
        }
    }
    out.flush(Duration::from_secs(1)).unwrap();
}

/// What a reader of the onward log accepts, in order.
fn accepted(out: &MemoryLog) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for partition in 0..out.partitions() {
        let mut inbox = Inbox::new();
        let (start, _) = out.bounds(PartitionId(partition)).unwrap();
        for (_, bytes) in out.read(PartitionId(partition), start, usize::MAX).unwrap() {
            let mut scratch = Vec::new();
            let view = crumbtrail_log::FrameView::parse(&bytes, &mut scratch).unwrap();
            for record in view.records() {
                match inbox.judge(view.generation(), record.origin, record.position, record.previous) {
                    Verdict::Accept => all.push(record.payload.to_vec()),
                    Verdict::Repeat => {}
                    other => panic!("{other:?}"),
                }
            }
            if let Some(tick) = view.tick().unwrap() {
                assert!(inbox.tick(&tick).gaps.is_empty());
            }
        }
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn killed_and_recovered_says_the_same(
        records in prop::collection::vec((0u64..20, -50i64..50), 1..300),
        per_tick in 1usize..8,
        kills in prop::collection::vec(1usize..40, 0..6),
    ) {
        let log = input(&records, per_tick);
        let calm_out = MemoryLog::new("out", 3);
        let mut calm = Seen::default();
        drive(&mut owner(Start::Empty(Offset(0)), 3), &log, &calm_out, &mut calm, usize::MAX);

        let out = MemoryLog::new("out", 3);
        let mut shaken = Seen::default();
        for frames in kills {
            // A kill loses the owner; whichever snapshot was published last is where it goes on.
            let start = shaken.snapshots.last().cloned().map_or(Start::Empty(Offset(0)), Start::Snapshot);
            drive(&mut owner(start, 3), &log, &out, &mut shaken, frames);
        }
        let start = shaken.snapshots.last().cloned().map_or(Start::Empty(Offset(0)), Start::Snapshot);
        drive(&mut owner(start, 3), &log, &out, &mut shaken, usize::MAX);

        prop_assert_eq!(&shaken.batches, &calm.batches);
        prop_assert_eq!(accepted(&out), accepted(&calm_out));
        // The ledger's ranges follow each other without hole or overlap.
        let mut at = 0;
        for (from, (to, _, _)) in &calm.batches {
            prop_assert_eq!(*from, at);
            at = *to;
        }
    }
}
