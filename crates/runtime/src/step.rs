//! What a processor does to one record and at one tick: a synchronous function of its state and its log.

use crumbtrail_events::outcome::Counts;
use crumbtrail_events::touchpoint::To;
use crumbtrail_events::wire::WireError;
use crumbtrail_events::{EventTime, Key, Outcome};
use crumbtrail_scratch::{Block, Scratch};
use std::io;

/// Why a step cannot go on. Its partition halts: passing over what it cannot read would lose it.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// A record of our own log is damaged or of a newer version.
    #[error("a record of our log cannot be read ({0}); was the log written by a newer version?")]
    Record(#[from] WireError),
    /// State that was moved to disk cannot be read.
    #[error("scratch space: {0}; the state is restored from a snapshot at the next start")]
    Scratch(#[from] io::Error),
    /// A record of our own log tells rules that this build does not understand.
    #[error("the rules that our log tells cannot be read ({0}); were they written by a newer version?")]
    Rules(String),
}

/// Bytes at which a piece of rows is closed and the next begun: what is copied to grow stays small.
const PIECE: usize = 256 << 10;
/// Room the first piece begins with: most tables of most batches have few rows. Later pieces have all of theirs at once.
const FIRST: usize = 4 << 10;
/// Room for the row that crosses [`PIECE`]: nearly all are shorter.
const SLACK: usize = 4 << 10;

/// Rows of one table, encoded, waiting for the cut.
#[derive(Clone, Debug, Default)]
pub struct TableRows {
    /// Rows, encoded back to back; every piece whole rows.
    pub pieces: Vec<Vec<u8>>,
    /// How many rows.
    pub rows: u64,
    /// Sum over the rows of a hash of what identifies each, where they were written with one.
    pub checksum: u64,
    /// Bytes in all pieces but the last.
    closed_bytes: usize,
}

impl TableRows {
    /// Encoded bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.closed_bytes + self.pieces.last().map_or(0, Vec::len)
    }

    /// The piece the next row goes to.
    #[inline]
    fn open(&mut self) -> &mut Vec<u8> {
        if self.pieces.last().is_none_or(|piece| piece.len() >= PIECE) {
            self.begin();
        }
        let last = self.pieces.len() - 1;
        &mut self.pieces[last]
    }

    #[cold]
    fn begin(&mut self) {
        self.closed_bytes = self.bytes();
        let room = if self.pieces.is_empty() { FIRST } else { PIECE + SLACK };
        self.pieces.push(Vec::with_capacity(room));
    }
}

impl PartialEq for TableRows {
    fn eq(&self, other: &TableRows) -> bool {
        (self.rows, self.checksum) == (other.rows, other.checksum)
            && self.pieces.iter().flatten().eq(other.pieces.iter().flatten())
    }
}

impl Eq for TableRows {}

/// What a step may do with a record or a tick: write rows and pass records on. Plain data, so tests compare it.
#[derive(Debug, Default)]
pub struct Effects {
    /// Rows by table, indexed by the step's own table numbers.
    pub tables: Vec<TableRows>,
    /// Records for the next log: where they go and the range of their bytes in `passed_bytes`.
    pub passed: Vec<(To, std::ops::Range<usize>)>,
    /// The bytes of the records passed on.
    pub passed_bytes: Vec<u8>,
    /// Outcomes of the records so far.
    pub counts: Counts,
    /// Records that were asides: no records of their own, see [`Outcome::Aside`].
    pub asides: u64,
}

impl Effects {
    /// Effects with room for `tables` tables.
    #[must_use]
    pub fn new(tables: usize) -> Effects {
        Effects { tables: vec![TableRows::default(); tables], ..Effects::default() }
    }

    /// Writes one row of table `table` through `encode`.
    #[inline]
    pub fn row(&mut self, table: usize, encode: impl FnOnce(&mut Vec<u8>)) {
        let rows = &mut self.tables[table];
        encode(rows.open());
        rows.rows += 1;
    }

    /// Writes one row of table `table` that stands for one record, which `hash` identifies.
    #[inline]
    pub fn row_of_record(&mut self, table: usize, hash: u64, encode: impl FnOnce(&mut Vec<u8>)) {
        let rows = &mut self.tables[table];
        rows.checksum = rows.checksum.wrapping_add(hash);
        self.row(table, encode);
    }

    /// Passes a record on to the next log, to the partition of `key`.
    #[inline]
    pub fn pass(&mut self, key: Key, encode: impl FnOnce(&mut Vec<u8>)) {
        let start = self.passed_bytes.len();
        encode(&mut self.passed_bytes);
        self.passed.push((To::Key(key), start..self.passed_bytes.len()));
    }

    /// Passes a record on to every partition of the next log: what is rare, and each has to know.
    pub fn pass_to_all(&mut self, record: &[u8]) {
        let start = self.passed_bytes.len();
        self.passed_bytes.extend_from_slice(record);
        self.passed.push((To::All, start..self.passed_bytes.len()));
    }

    /// Says what became of the record.
    #[inline]
    pub fn outcome(&mut self, outcome: Outcome) {
        self.counts.add(outcome);
        self.asides += u64::from(outcome == Outcome::Aside);
    }

    /// Encoded bytes waiting for the cut.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.tables.iter().map(TableRows::bytes).sum()
    }
}

/// What a step may know beside its state and the record.
#[derive(Clone, Copy, Debug)]
pub struct Context {
    /// Version of every row made now: epoch(8) | log offset(40) | index in the frame(16).
    pub version: u64,
    /// The partition's watermark.
    pub watermark: EventTime,
    /// Wall time as ticks tell it, ms: never goes back, and jumps at closing ticks. For throttling only.
    pub wall_ms: i64,
}

/// A processor's pure function over one partition.
pub trait Step: Send {
    /// Processor name: consumer group, metric label, ledger key.
    fn name(&self) -> &'static str;
    /// How many tables it writes.
    fn tables(&self) -> usize;
    /// These records come next, if they are no repeats: a chance to ask for memory for all of them at once. Changes nothing.
    fn look_ahead(&self, _payloads: &mut dyn Iterator<Item = &[u8]>) {}
    /// One record, in log order, each exactly once. Must say exactly one outcome.
    ///
    /// # Errors
    /// The record cannot be read.
    fn record(&mut self, payload: &[u8], context: Context, effects: &mut Effects) -> Result<(), StepError>;
    /// In place of a record at which processes crashed: says that it is dead, and where that can be looked up.
    fn set_aside(&mut self, _context: Context, effects: &mut Effects) {
        effects.outcome(Outcome::Dead);
    }
    /// A tick: the watermark may have moved.
    ///
    /// # Errors
    /// State that was moved to disk cannot be read.
    fn tick(&mut self, context: Context, effects: &mut Effects) -> Result<(), StepError>;
    /// Appends the state (versioned, deterministic) but the bytes of its blocks.
    fn save(&self, out: &mut Vec<u8>);
    /// Begins to save the state as it is now, in parts; what happens from here on is not in it. As it stands, nothing is
    /// done here and the first [`Step::save_on`] saves all: right where that is called before the next record, as the processor does.
    fn begin_save(&mut self) {}
    /// Saves some more, about `most` keys. When all is saved, gives the pieces: back to back a state as [`Step::load`] reads it.
    fn save_on(&mut self, _most: usize) -> Option<Vec<Vec<u8>>> {
        let mut out = Vec::new();
        self.save(&mut out);
        Some(vec![out])
    }
    /// The blocks of the state, by growing numbers; a number always names the same block.
    fn blocks(&self) -> Vec<(u64, Block)> {
        Vec::new()
    }
    /// Moves blocks out of memory.
    ///
    /// # Errors
    /// They cannot be written, and stay in memory.
    fn spill(&mut self, _scratch: &mut Scratch) -> io::Result<()> {
        Ok(())
    }
    /// Replaces the state by one saved before, with its blocks.
    ///
    /// # Errors
    /// Damaged bytes, other blocks or a newer version.
    fn load(&mut self, bytes: &[u8], blocks: &[Block]) -> Result<(), StepError>;
    /// An operator accepts that what the log said before here is lost: what is known of it elsewhere is taken from there.
    ///
    /// # Errors
    /// It cannot be read.
    fn adopted(&mut self) -> Result<(), StepError> {
        Ok(())
    }
    /// Figures for the metrics: (open things, resident bytes).
    fn gauges(&self) -> StepGauges;
}

/// Figures a step reports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StepGauges {
    /// Open sessions, or people.
    pub open: usize,
    /// Open conversations (sessionize).
    pub conversations: usize,
    /// Resident bytes of the state.
    pub resident_bytes: usize,
    /// Bytes of the state that lie on disk.
    pub bytes_on_disk: usize,
}
