//! Chunks of touchpoints as they were passed on. What several have in common stands in a chunk once.
//!
//! Most of a touchpoint (its place, its device, its channel, its page) has been said of another one just before: a piece is
//! looked for among those of its chunk, and named by where it stands there.
//!
//! ```text
//! chunk := time of the first i64 · entries
//! entry := before varint · length varint << 1 | usual · time, after the chunk's, zigzag varint
//!          · if usual: what stands before the sections, without key and time · pieces, to the length
//! piece := length varint << 1 | 0 · bytes
//!        | length varint << 1 | 1 · offset u16          the bytes that stand there
//! ```

use crumbtrail_events::touchpoint::{KEY, Pieces, SECTIONS, TIME};
use crumbtrail_events::wire::{Reader, WireError, put_signed, put_varint};
use crumbtrail_events::{EventTime, Key};
use std::ops::Range;
use xxhash_rust::xxh3::xxh3_64;

/// Pieces that are found again, at most: the last of each slot.
const SLOTS: usize = 1 << 10;
/// Pieces of so many bytes are said again: where they stand would take as much.
const SHORT: usize = 3;
/// Bytes of an entry beside the touchpoint's, as a rule at most.
const BESIDE: usize = 48;
/// Bytes before the entries.
const TIME_BYTES: usize = 8;
/// Between key and time.
const BETWEEN: Range<usize> = KEY.end..TIME.start;

/// Chunks back to back, the last of which is being written.
#[derive(Debug)]
pub(crate) struct Chunks {
    bytes: Vec<u8>,
    /// Where the last one begins.
    start: usize,
    /// Where in it a piece may stand already, by its hash.
    seen: Box<[u16; SLOTS]>,
}

impl Chunks {
    pub(crate) fn new() -> Chunks {
        Chunks { bytes: Vec::new(), start: 0, seen: Box::new([0; SLOTS]) }
    }

    /// Chunks whose last one begins at `start`, to be gone on with as if they had never been interrupted.
    ///
    /// # Errors
    /// Bytes cut short.
    pub(crate) fn load(bytes: &[u8], start: usize) -> Result<Chunks, WireError> {
        let mut chunks = Chunks { bytes: bytes.to_vec(), start, ..Chunks::new() };
        let chunk = bytes.get(start..).ok_or(WireError::Truncated)?;
        let mut reader = Reader::new(chunk.get(TIME_BYTES..).unwrap_or_default());
        while !reader.is_empty() {
            let entry = Entry::read(&mut reader, EventTime(0))?;
            entry.pieces(&mut reader, chunk, |piece, said_at| {
                if let Some(at) = said_at.filter(|_| entry.is_usual && may_come_again(piece)) {
                    note(&mut chunks.seen[slot(piece)], at);
                }
            })?;
        }
        Ok(chunks)
    }

    /// All chunks.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The last one.
    pub(crate) fn last(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    /// Ends the last one and begins another; tells where.
    pub(crate) fn begin(&mut self) -> usize {
        self.start = self.bytes.len();
        self.seen.fill(0);
        self.start
    }

    /// Takes all chunks, and begins the next after none, in `room`, which is empty.
    pub(crate) fn take(&mut self, room: Vec<u8>) -> Vec<u8> {
        let bytes = std::mem::replace(&mut self.bytes, room);
        self.begin();
        bytes
    }

    /// Where in the last one the next touchpoint will stand.
    pub(crate) fn next(&self) -> usize {
        self.last().len().max(TIME_BYTES)
    }

    /// Whether a touchpoint of so many bytes may make the last one longer than `most`.
    pub(crate) fn is_full(&self, length: usize, most: usize) -> bool {
        let last = self.last().len();
        last > 0 && last + BESIDE + length > most
    }

    /// Appends a touchpoint kept under `key`; `before` says where the one before stands.
    pub(crate) fn push(&mut self, before: u64, key: Key, at: EventTime, passed: &[u8]) {
        let Chunks { bytes, start, seen } = self;
        bytes.reserve(TIME_BYTES + BESIDE + passed.len());
        if bytes.len() == *start {
            bytes.extend_from_slice(&at.0.to_le_bytes());
        }
        let is_usual =
            passed.len() >= SECTIONS && passed[KEY] == key.0.to_le_bytes() && passed[TIME] == at.0.to_le_bytes();
        put_varint(bytes, before);
        put_varint(bytes, (passed.len() as u64) << 1 | u64::from(is_usual));
        put_signed(bytes, at.0.wrapping_sub(first(&bytes[*start..]).0));
        if !is_usual {
            return say(bytes, passed);
        }
        for part in [0..KEY.start, BETWEEN, TIME.end..SECTIONS] {
            bytes.extend_from_slice(&passed[part]);
        }
        for piece in Pieces::of(&passed[SECTIONS..]) {
            if !may_come_again(piece) {
                say(bytes, piece);
                continue;
            }
            let place = &mut seen[slot(piece)];
            if bytes.get(*start + usize::from(*place)..).is_some_and(|there| there.starts_with(piece)) {
                put_varint(bytes, (piece.len() as u64) << 1 | 1);
                bytes.extend_from_slice(&place.to_le_bytes());
            } else {
                say(bytes, piece);
                note(place, bytes.len() - piece.len() - *start);
            }
        }
    }

    pub(crate) fn resident_bytes(&self) -> usize {
        self.bytes.capacity() + size_of_val(&*self.seen)
    }
}

/// Reads the touchpoint that begins at `at` in a chunk, kept under `key`, into `passed`. Returns what `before` said, and its
/// time.
///
/// # Errors
/// Bytes cut short.
pub(crate) fn read(chunk: &[u8], at: usize, key: Key, passed: &mut Vec<u8>) -> Result<(u64, EventTime), WireError> {
    let mut reader = Reader::new(chunk.get(at..).ok_or(WireError::Truncated)?);
    let entry = Entry::read(&mut reader, first(chunk))?;
    passed.clear();
    if entry.is_usual {
        let (start, rest) = entry.fixed.split_at(KEY.start);
        let (between, count) = rest.split_at(BETWEEN.len());
        for part in [start, &key.0.to_le_bytes(), between, &entry.at.0.to_le_bytes(), count] {
            passed.extend_from_slice(part);
        }
    }
    entry.pieces(&mut reader, chunk, |piece, _| passed.extend_from_slice(piece))?;
    Ok((entry.before, entry.at))
}

/// The time that a chunk's times are told by: that of its first touchpoint.
fn first(chunk: &[u8]) -> EventTime {
    EventTime(chunk.first_chunk().map_or(0, |bytes| i64::from_le_bytes(*bytes)))
}

/// What stands before an entry's pieces.
struct Entry<'a> {
    before: u64,
    at: EventTime,
    /// A touchpoint under the key it is kept under, and of the time it is kept with.
    is_usual: bool,
    /// What it has before its sections, without key and time.
    fixed: &'a [u8],
    /// Bytes of its pieces.
    length: usize,
}

impl<'a> Entry<'a> {
    fn read(reader: &mut Reader<'a>, first: EventTime) -> Result<Entry<'a>, WireError> {
        let before = reader.varint()?;
        let length = reader.varint()?;
        let at = EventTime(first.0.wrapping_add(reader.signed()?));
        let is_usual = length & 1 == 1;
        let (before_pieces, fixed) = if is_usual { (SECTIONS, SECTIONS - KEY.len() - TIME.len()) } else { (0, 0) };
        let fixed = reader.take(fixed)?;
        let length = ((length >> 1) as usize).checked_sub(before_pieces).ok_or(WireError::Truncated)?;
        Ok(Entry { before, at, is_usual, fixed, length })
    }

    /// Hands over its pieces, and where in the chunk they stand if they stand here; `reader` ends where the chunk ends.
    fn pieces(
        &self,
        reader: &mut Reader<'a>,
        chunk: &'a [u8],
        mut visit: impl FnMut(&'a [u8], Option<usize>),
    ) -> Result<(), WireError> {
        let mut left = self.length;
        while left > 0 {
            let word = reader.varint()?;
            let length = (word >> 1) as usize;
            if word & 1 == 0 {
                let piece = reader.take(length)?;
                visit(piece, Some(chunk.len() - reader.rest().len() - length));
            } else {
                let at = usize::from(u16::from_le_bytes(reader.array()?));
                let there = chunk.get(at..).and_then(|there| there.get(..length));
                visit(there.ok_or(WireError::Truncated)?, None);
            }
            // No piece is empty, so that this ends.
            left = left.checked_sub(length.max(1)).ok_or(WireError::Truncated)?;
        }
        Ok(())
    }
}

fn say(bytes: &mut Vec<u8>, piece: &[u8]) {
    if !piece.is_empty() {
        put_varint(bytes, (piece.len() as u64) << 1);
        bytes.extend_from_slice(piece);
    }
}

/// Whether it is worth knowing where a piece stands.
#[inline]
fn may_come_again(piece: &[u8]) -> bool {
    piece.len() > SHORT && !Pieces::is_own(piece)
}

/// Notes where a piece stands, if it can be said.
fn note(place: &mut u16, at: usize) {
    *place = u16::try_from(at).unwrap_or(*place);
}

fn slot(piece: &[u8]) -> usize {
    xxh3_64(piece) as usize % SLOTS
}
