//! Imports: files as origins, interleaved by time, exact event time, closed at the end.
//!
//! A first pass learns each file's identity (a hash of its content) and, per chunk of records, the earliest event time
//! still to come. The second pass always takes the chunk that lies earliest, so the watermark is a fact and no event of
//! an import is late, however a file is ordered. Where more is to follow, event time does not move at all. Positions make repetition harmless: a file imported before is known by
//! its content and passed over; an import that was killed goes on where the log's ticks say.

use crumbtrail_events::EventTime;
use crumbtrail_events::clock::Times;
use crumbtrail_log::{LogError, OriginId, SourceRecord};
use crumbtrail_telemetry::{Metrics, catalogue};
use xxhash_rust::xxh3::Xxh3;

use crate::clock::Clock;
use crate::intake::{IMPORT_ORIGIN, IntakeError, Judge, Judgement, Writer};

/// Records per chunk: what is merged by time, and how exact the watermark is.
pub const CHUNK: usize = 1024;
/// A tick after so many records, however fast they came: sessions close at ticks only, and until then are held in memory.
pub const TICK_RECORDS: u64 = 32 << 10;

/// Why an import ends.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A file cannot be read.
    #[error("{file}: {detail}")]
    File {
        /// Path as given.
        file: String,
        /// What is wrong and what to do.
        detail: String,
    },
    /// A file cannot be read to its end; the first pass found it, before anything was written.
    #[error(
        "{file}: {detail}, after {records} whole records: nothing of this import was taken; import again with the whole file, it \
         counts once"
    )]
    Broken {
        /// Path as given.
        file: String,
        /// What is wrong.
        detail: String,
        /// Records before.
        records: u64,
    },
    /// A file changed between the two passes.
    #[error("{file} changed while it was imported: import it again when it is complete; nothing is lost or doubled")]
    Changed {
        /// Path as given.
        file: String,
    },
    /// Intake failed.
    #[error("{0}")]
    Intake(#[from] IntakeError),
    /// A record cannot be decided (the registry is away).
    #[error("import stopped: {0}; run the same import again, it goes on from here")]
    Held(String),
}

impl From<LogError> for ImportError {
    fn from(error: LogError) -> ImportError {
        ImportError::Intake(IntakeError::Log(error))
    }
}

/// Records of an opened file, one after the other.
pub trait Records {
    /// The next record, borrowed until the next call; `None` at the end.
    ///
    /// # Errors
    /// The file cannot be read on (a damaged gzip stream, a directory).
    fn next(&mut self) -> Result<Option<FileRecord<'_>>, String>;

    /// The bytes that the next record begins, where finding its end means reading it: whoever reads it anyway tells its
    /// length to [`Records::pass`], or else takes [`Records::next`]. `None` where that is not so, or at the end.
    ///
    /// # Errors
    /// As [`Records::next`].
    fn ahead(&mut self) -> Result<Option<&[u8]>, String> {
        Ok(None)
    }

    /// Passes over a record: the first `length` bytes of what [`Records::ahead`] gave.
    fn pass(&mut self, _length: usize) {}
}

/// One record of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileRecord<'a> {
    /// Its bytes.
    pub bytes: &'a [u8],
    /// Its times, where finding its end has told them.
    pub times: Option<Times>,
}

impl<'a> FileRecord<'a> {
    /// A record whose end is found without reading its times.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> FileRecord<'a> {
        FileRecord { bytes, times: None }
    }
}

/// A file that can be read twice.
pub trait ImportFile {
    /// Its name: the touchpoints' topic.
    fn name(&self) -> &str;
    /// Where it is, as it was given: for messages.
    fn place(&self) -> &str;
    /// Opens it at its first record.
    ///
    /// # Errors
    /// What is wrong and what to do.
    fn open(&self) -> Result<Box<dyn Records + '_>, String>;
}

/// Tells event times ahead of the import.
pub trait Scout {
    /// Event time of a record; `None` if it has none. A dead record may be given one: it only delays what waits for time.
    ///
    /// # Errors
    /// Why it cannot be told now.
    fn event_time(&mut self, record: &SourceRecord<'_>) -> Result<Option<EventTime>, String>;

    /// The same, where the record's times are read already.
    fn judge(&self, times: Times) -> Option<EventTime>;
}

/// What the first pass learnt of a file.
#[derive(Clone, Debug)]
pub struct Survey {
    /// Name as given.
    pub name: String,
    /// Content hash, 32 hexadecimal digits: the file's identity.
    pub identity: String,
    /// Records in it.
    pub records: u64,
    /// Latest event time in it.
    pub last: EventTime,
    /// Per chunk: the earliest event time in it or after it.
    earliest: Vec<EventTime>,
}

impl Survey {
    /// The origin of this file.
    #[must_use]
    pub fn origin_name(&self) -> String {
        format!("file:{}", self.identity)
    }

    /// The earliest event time at or after record `index`.
    #[must_use]
    pub fn earliest_from(&self, index: u64) -> EventTime {
        let chunk = usize::try_from(index).unwrap_or(usize::MAX) / CHUNK;
        self.earliest.get(chunk).copied().unwrap_or(EventTime::MAX)
    }
}

/// Reads a file once: identity, number of records, event times. `seen` is told of progress in records.
///
/// # Errors
/// The file cannot be read, or the registry is away.
pub fn survey(file: &dyn ImportFile, scout: &mut dyn Scout, mut seen: impl FnMut(u64)) -> Result<Survey, ImportError> {
    let mut records = open(file)?;
    let mut hash = Xxh3::new();
    let mut earliest: Vec<EventTime> = Vec::new();
    let (mut count, mut last) = (0u64, EventTime::MIN);
    let broken = |detail, records| ImportError::Broken { file: file.place().to_owned(), detail, records };
    while let Some(FileRecord { bytes, times }) = records.next().map_err(|detail| broken(detail, count))? {
        hash.update(&(bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
        if count.is_multiple_of(CHUNK as u64) {
            earliest.push(EventTime::MAX);
            seen(count);
        }
        let time = match times {
            Some(times) => scout.judge(times),
            None => {
                let record = source_record(OriginId(0), file.name(), count, bytes);
                scout.event_time(&record).map_err(ImportError::Held)?
            }
        };
        if let Some(time) = time {
            last = last.max(time);
            if let Some(chunk) = earliest.last_mut() {
                *chunk = (*chunk).min(time);
            }
        }
        count += 1;
    }
    for i in (1..earliest.len()).rev() {
        earliest[i - 1] = earliest[i - 1].min(earliest[i]);
    }
    let identity = format!("{:032x}", hash.digest128());
    Ok(Survey { name: file.name().to_owned(), identity, records: count, last, earliest })
}

fn source_record<'a>(origin: OriginId, topic: &'a str, offset: u64, bytes: &'a [u8]) -> SourceRecord<'a> {
    SourceRecord { origin, topic, partition: 0, offset, payload: Some(bytes), key: None, timestamp_ms: 0 }
}

/// What an import did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Records in the files.
    pub read: u64,
    /// Of these, written by this run.
    pub new: u64,
    /// Of these, already decided by an earlier run.
    pub known: u64,
    /// Event time up to which everything is final, if it was closed.
    pub closed_at: Option<EventTime>,
}

/// How an import runs and ends.
#[derive(Clone, Copy, Debug)]
pub struct ImportRules {
    /// A tick at least this often, ms of wall time.
    pub tick_ms: i64,
    /// Event time goes with the events, and at the end is moved this far past the last that is not dead, ms; `None` keeps it open,
    /// where it was.
    pub close_after_ms: Option<i64>,
    /// Event time never moves past this: a device's clock that is years ahead would make everything late that comes after it.
    pub believed_to: EventTime,
}

/// Runs the second pass over surveyed files.
///
/// # Errors
/// A file cannot be read or has changed, a log refuses, the registry is away.
pub fn import(
    files: &[(&dyn ImportFile, Survey)],
    writer: &mut Writer,
    judge: &mut dyn Judge,
    rules: ImportRules,
    clock: &Clock,
    metrics: &Metrics,
    mut seen: impl FnMut(u64),
) -> Result<Imported, ImportError> {
    let clock_origin = OriginId::of(IMPORT_ORIGIN);
    let declared = [(clock_origin, IMPORT_ORIGIN.to_owned())];
    let origins: Vec<OriginId> = files.iter().map(|(_, survey)| OriginId::of(&survey.origin_name())).collect();
    let frontiers: Vec<u64> = writer.read_back(&origins)?.into_iter().map(Option::unwrap_or_default).collect();
    let mut result = Imported::default();
    let mut lanes = Vec::new();
    // Event time is what living records say: a dead one, sent again after a fix, is to be in time.
    let mut alive = EventTime::MIN;
    // Dead letters of each file; only where an earlier run began one is there something to be dead.
    let dead = if frontiers.iter().any(|frontier| *frontier > 0) {
        writer.letters_of(&origins)?
    } else {
        vec![0; origins.len()]
    };
    writer.start(clock_origin, IMPORT_ORIGIN, 0);
    for (index, (((file, survey), origin), frontier)) in files.iter().zip(&origins).zip(frontiers).enumerate() {
        result.read += survey.records;
        if origins[..index].contains(origin) {
            // The same content once more: the file before it is this one.
            result.known += survey.records;
            continue;
        }
        result.known += frontier.min(survey.records);
        if dead[index] < frontier.min(survey.records) {
            alive = alive.max(survey.last);
        }
        writer.start(*origin, &survey.origin_name(), frontier);
        // A finished origin holds no watermark back; event time is the import's own origin's.
        writer.decided(*origin, frontier, EventTime::MAX);
        if frontier < survey.records {
            let mut records = open(*file)?;
            for _ in 0..frontier {
                next(*file, records.as_mut())?;
            }
            lanes.push(Lane { file: *file, survey, origin: *origin, records, at: frontier });
        }
    }
    let mut wall = clock.now_ms();
    let mut ticked_at = 0;
    let mut outcomes = [0u64; crumbtrail_events::Outcome::ALL.len()];
    while let Some(index) = earliest_lane(&lanes) {
        let watermark = lanes.iter().map(|lane| lane.survey.earliest_from(lane.at)).min().unwrap_or(EventTime::MAX);
        // Kept open it stays where it is: the files to follow may begin before this one ends.
        if rules.close_after_ms.is_some() && alive > EventTime::MIN && watermark <= rules.believed_to {
            // One millisecond less: events at the watermark itself may still come.
            writer.decided(clock_origin, 0, watermark.min(alive).plus(-1));
        }
        let lane = &mut lanes[index];
        let mut ended = false;
        for _ in 0..CHUNK {
            let Some(judgement) = lane.write(writer, judge)? else {
                ended = true;
                break;
            };
            outcomes[judgement.outcome as usize] += 1;
            alive = alive.max(judgement.occurred_at.unwrap_or(EventTime::MIN));
            if let Some(reason) = judgement.reason {
                metrics.add(&catalogue::DEAD_LETTERS, &[reason], 1);
            }
            lane.at += 1;
            result.new += 1;
        }
        writer.decided(lane.origin, lane.at, EventTime::MAX);
        let complete = lane.at == lane.survey.records;
        if lane.at > lane.survey.records || (ended && !complete) {
            return Err(ImportError::Changed { file: lane.file.place().to_owned() });
        }
        if complete {
            let mut lane = lanes.swap_remove(index);
            if next(lane.file, lane.records.as_mut())?.is_some() {
                return Err(ImportError::Changed { file: lane.file.place().to_owned() });
            }
        }
        writer.append(false)?;
        seen(result.new);
        let now = clock.now_ms();
        if now - wall >= rules.tick_ms || result.new - ticked_at >= TICK_RECORDS {
            wall = now;
            ticked_at = result.new;
            writer.tick(wall, &declared)?;
        }
    }
    judge.judged();
    for (outcome, count) in crumbtrail_events::Outcome::ALL.into_iter().zip(outcomes) {
        metrics.add(&catalogue::INTAKE_RECORDS, &[outcome.as_str()], count);
    }
    if let Some(after) = rules.close_after_ms
        && alive > EventTime::MIN
        && alive <= rules.believed_to
    {
        let closed = alive.plus(after);
        writer.decided(clock_origin, 0, closed);
        result.closed_at = Some(closed);
    }
    writer.close(clock.now_ms(), &declared)?;
    Ok(result)
}

struct Lane<'a> {
    file: &'a dyn ImportFile,
    survey: &'a Survey,
    origin: OriginId,
    records: Box<dyn Records + 'a>,
    at: u64,
}

impl Lane<'_> {
    /// Judges and writes the next record; `None` at the end.
    fn write(&mut self, writer: &mut Writer, judge: &mut dyn Judge) -> Result<Option<Judgement>, ImportError> {
        let Lane { file, survey, origin, records, at } = self;
        let ahead = records.ahead().map_err(|detail| changed(*file, &detail))?;
        if let Some(bytes) = ahead {
            let record = source_record(*origin, &survey.name, *at, bytes);
            if let Some((judgement, length)) = writer.write_first(judge, &record).map_err(ImportError::Held)? {
                records.pass(length);
                return Ok(Some(judgement));
            }
        }
        let Some(bytes) = next(*file, records.as_mut())? else { return Ok(None) };
        let record = source_record(*origin, &survey.name, *at, bytes);
        writer.write(judge, &record).map(Some).map_err(ImportError::Held)
    }
}

fn earliest_lane(lanes: &[Lane<'_>]) -> Option<usize> {
    (0..lanes.len()).min_by_key(|i| lanes[*i].survey.earliest_from(lanes[*i].at))
}

fn open<'a>(file: &'a dyn ImportFile) -> Result<Box<dyn Records + 'a>, ImportError> {
    file.open().map_err(|detail| ImportError::File { file: file.place().to_owned(), detail })
}

/// A file that the first pass read to its end.
fn changed(file: &dyn ImportFile, detail: &str) -> ImportError {
    let detail = format!(
        "{detail}, though it could be read a moment ago: import it again, what came before is kept and counts once"
    );
    ImportError::File { file: file.place().to_owned(), detail }
}

fn next<'a>(file: &dyn ImportFile, records: &'a mut (dyn Records + '_)) -> Result<Option<&'a [u8]>, ImportError> {
    let record = records.next();
    record.map(|record| record.map(|record| record.bytes)).map_err(|detail| changed(file, &detail))
}
