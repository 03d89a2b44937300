//! The work of `bench sessions` without what makes it exact: no provenance, no ticks in a log, no checksums, no batches to tell
//! apart, no snapshots. What a record becomes goes from judge to step in plain buffers. For the ratio alone: killed, it would
//! lose and double.

use anyhow::{Result, anyhow};
use crumbtrail_events::outcome::Counts;
use crumbtrail_events::touchpoint::Asides;
use crumbtrail_events::{EventTime, Key};
use crumbtrail_log::{OriginId, SourceRecord};
use crumbtrail_runtime::Step as _;
use crumbtrail_runtime::import::{CHUNK, ImportFile, Records, Survey, TICK_RECORDS};
use crumbtrail_runtime::intake::{Judge, Judgement};
use crumbtrail_runtime::step::{Context, Effects};
use crumbtrail_scratch::Scratch;
use crumbtrail_steps::sessionize::Sessionize;

/// Bytes that wait for a step, as many as a frame has.
const FULL: usize = crumbtrail_log::DEFAULT_CUT_BYTES;

/// Records back to back, each behind its length.
#[derive(Default)]
struct Buffer(Vec<u8>);

impl Buffer {
    fn push(&mut self, record: &[u8]) {
        self.0.extend_from_slice(&(record.len() as u32).to_le_bytes());
        self.0.extend_from_slice(record);
    }

    fn records(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = &self.0[..];
        std::iter::from_fn(move || {
            let (length, after) = rest.split_first_chunk()?;
            let (record, after) = after.split_at_checked(u32::from_le_bytes(*length) as usize)?;
            rest = after;
            Some(record)
        })
    }
}

/// One partition.
struct Partition {
    step: Sessionize,
    effects: Effects,
    waiting: Buffer,
    /// Its version counts records: nothing is compared with them.
    version: u64,
}

/// All of them, and what they pass on.
pub(super) struct Bare {
    partitions: Vec<Partition>,
    onward: Vec<Buffer>,
    scratch: Scratch,
    counts: Counts,
    /// As of the last tick.
    watermark: EventTime,
    wall_ms: i64,
}

impl Bare {
    pub(super) fn new(steps: Vec<Sessionize>, scratch: Scratch) -> Bare {
        let partition = |step: Sessionize| {
            let effects = Effects::new(step.tables());
            Partition { step, effects, waiting: Buffer::default(), version: 0 }
        };
        let partitions: Vec<Partition> = steps.into_iter().map(partition).collect();
        let onward = partitions.iter().map(|_| Buffer::default()).collect();
        Bare { partitions, onward, scratch, counts: Counts::default(), watermark: EventTime::MIN, wall_ms: 0 }
    }

    /// Reads the files one after the other; `wall_ms` passes with every [`CHUNK`] of records.
    pub(super) fn run(
        &mut self,
        files: &[(&dyn ImportFile, Survey)],
        judge: &mut dyn Judge,
        wall_ms: i64,
        close_after_ms: i64,
    ) -> Result<()> {
        let (mut touchpoint, mut asides, mut letter) = (Vec::new(), Asides::default(), Vec::new());
        let (mut read, mut last) = (0u64, EventTime::MIN);
        for (file, survey) in files {
            let origin = OriginId::of(&survey.origin_name());
            let mut records = file.open().map_err(anyhow::Error::msg)?;
            for at in 0..survey.records {
                touchpoint.clear();
                asides.clear();
                letter.clear();
                let place = SourceRecord {
                    origin,
                    topic: &survey.name,
                    partition: 0,
                    offset: at,
                    payload: None,
                    key: None,
                    timestamp_ms: 0,
                };
                let judged = next(&mut *records, place, judge, &mut touchpoint, &mut asides, &mut letter)?;
                self.push(judged.key, &touchpoint)?;
                for (to, aside) in asides.iter() {
                    for to in to.partitions(self.partitions.len() as u32) {
                        self.partitions[to as usize].waiting.push(aside);
                    }
                }
                read += 1;
                if read.is_multiple_of(CHUNK as u64) {
                    self.wall_ms += wall_ms;
                }
                if read.is_multiple_of(TICK_RECORDS) {
                    self.tick(survey.earliest_from(at + 1).plus(-1))?;
                }
            }
            last = last.max(survey.last);
        }
        self.tick(last.plus(close_after_ms))
    }

    /// Records that the steps have taken.
    pub(super) fn records(&self) -> u64 {
        self.counts.total()
    }

    /// Sessions closed for good.
    pub(super) fn closed_sessions(&self) -> u64 {
        self.partitions.iter().map(|partition| partition.step.closed_sessions()).sum()
    }

    fn push(&mut self, key: Key, touchpoint: &[u8]) -> Result<()> {
        let to = key.partition(self.partitions.len() as u32) as usize;
        self.partitions[to].waiting.push(touchpoint);
        if self.partitions[to].waiting.0.len() >= FULL { self.take(to) } else { Ok(()) }
    }

    /// Hands a partition's step what waits for it.
    fn take(&mut self, partition: usize) -> Result<()> {
        let Partition { step, effects, waiting, version } = &mut self.partitions[partition];
        for record in waiting.records() {
            *version += 1;
            let context = Context { version: *version, watermark: self.watermark, wall_ms: self.wall_ms };
            step.record(record, context, effects)?;
            pass_on(effects, &mut self.onward);
        }
        waiting.0.clear();
        Ok(())
    }

    fn tick(&mut self, watermark: EventTime) -> Result<()> {
        for n in 0..self.partitions.len() {
            self.take(n)?;
            let Partition { step, effects, version, .. } = &mut self.partitions[n];
            step.tick(Context { version: *version, watermark, wall_ms: self.wall_ms }, effects)?;
            step.spill(&mut self.scratch)?;
            pass_on(effects, &mut self.onward);
            let full = std::mem::replace(effects, Effects::new(step.tables()));
            self.counts.join(&full.counts);
        }
        self.onward.iter_mut().for_each(|buffer| buffer.0.clear());
        self.watermark = watermark;
        Ok(())
    }
}

fn pass_on(effects: &mut Effects, onward: &mut [Buffer]) {
    for (to, range) in effects.passed.drain(..) {
        for to in to.partitions(onward.len() as u32) {
            onward[to as usize].push(&effects.passed_bytes[range.clone()]);
        }
    }
    effects.passed_bytes.clear();
}

/// Judges the next record of a file, which stands at this place.
fn next(
    records: &mut dyn Records,
    place: SourceRecord<'_>,
    judge: &mut dyn Judge,
    touchpoint: &mut Vec<u8>,
    asides: &mut Asides,
    letter: &mut Vec<u8>,
) -> Result<Judgement> {
    if let Some(bytes) = records.ahead().map_err(anyhow::Error::msg)? {
        let record = SourceRecord { payload: Some(bytes), ..place };
        if let Some((judgement, length)) = judge.judge_first(&record, touchpoint, asides).map_err(anyhow::Error::msg)? {
            records.pass(length);
            return Ok(judgement);
        }
    }
    let found = records.next().map_err(anyhow::Error::msg)?.ok_or_else(|| anyhow!("the file has changed"))?;
    let record = SourceRecord { payload: Some(found.bytes), ..place };
    judge.judge(&record, touchpoint, asides, letter).map_err(anyhow::Error::msg)
}
