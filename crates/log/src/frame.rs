//! Frames: many records of one destination partition, and at most one tick, as one log record.
//!
//! ```text
//! 0       version (1)
//! 1       kind: bit 0 has records, bit 1 ends with a tick
//! 2       flags: bit 0 the records are LZ4 (a u32 of their raw length goes first)
//! 3       epoch
//! 4..8    generation, little endian
//! 8..12   length of the tick at the end, little endian
//! 12..20  XXH3-64 of everything else
//! 20..    records, then the tick
//! ```
//!
//! A record is a control byte, then what it announces, then payload length and payload. Every origin in a frame keeps
//! its last position; a record stores the way from there, so its `previous` costs nothing.
//!
//! ```text
//! bit 0     the origin changes: its number in this frame follows; the next unused number brings
//!           the origin's id (8 bytes) and the position it comes from (offset, sequence)
//! bit 1     the sequence number follows; else it is 1 at a new offset, one more at the same
//! bits 2–7  steps of the offset; 63 = 63 and what follows
//! ```

use smallvec::SmallVec;
use twox_hash::XxHash3_64;

use crate::position::{Epoch, Generation, OriginId, Position};
use crate::tick::Tick;
use crate::wire::{Malformed, Reader, put_varint};

/// Largest payload of one record in bytes: sources carry at most 1 MiB, what we make of it stays below this.
pub const MAX_PAYLOAD: usize = 3 << 20;

const VERSION: u8 = 1;
const HEADER: usize = 20;
const KIND_RECORDS: u8 = 1;
const KIND_TICK: u8 = 2;
const FLAG_LZ4: u8 = 1;
const SWITCH: u8 = 1;
const SEQ: u8 = 2;
const MAX_STEP: u64 = 63;
/// No frame unpacks to more: a cut plus one record of the largest size, with room.
const MAX_RAW: usize = 16 << 20;

/// Why bytes are not a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Shorter than a header, or empty.
    #[error("frame of {len} bytes is too short")]
    TooShort {
        /// Its length in bytes.
        len: usize,
    },
    /// Made by a later version of this program.
    #[error("frame version {version} is not known here: a newer version wrote it")]
    UnknownVersion {
        /// The version it claims.
        version: u8,
    },
    /// The bytes changed since they were written.
    #[error("frame checksum differs")]
    Checksum,
    /// The checksum holds but the content makes no sense.
    #[error("frame content is malformed")]
    Malformed,
}

impl From<Malformed> for FrameError {
    fn from(_: Malformed) -> FrameError {
        FrameError::Malformed
    }
}

/// What a frame holds, from its header alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameKind {
    /// Has at least one record.
    pub records: bool,
    /// Ends with a tick.
    pub tick: bool,
}

/// Reads what a frame holds without checking the rest of it.
///
/// # Errors
/// [`FrameError::TooShort`] or [`FrameError::UnknownVersion`].
pub fn peek_kind(bytes: &[u8]) -> Result<FrameKind, FrameError> {
    let header = header(bytes)?;
    Ok(FrameKind { records: header[1] & KIND_RECORDS != 0, tick: header[1] & KIND_TICK != 0 })
}

/// The tick at a frame's end, if it has one; frames without one are not even checked.
///
/// # Errors
/// When the frame cannot be read.
pub fn parse_tick(bytes: &[u8]) -> Result<Option<Tick>, FrameError> {
    if !peek_kind(bytes)?.tick {
        return Ok(None);
    }
    let (_, tick) = checked_parts(bytes)?;
    Ok(Some(Tick::decode(tick)?))
}

fn header(bytes: &[u8]) -> Result<&[u8; HEADER], FrameError> {
    let header = bytes.first_chunk::<HEADER>().ok_or(FrameError::TooShort { len: bytes.len() })?;
    if header[0] != VERSION {
        return Err(FrameError::UnknownVersion { version: header[0] });
    }
    Ok(header)
}

/// By an implementation that takes the widest registers this processor has.
fn checksum(bytes: &[u8]) -> u64 {
    XxHash3_64::oneshot_with_seed(XxHash3_64::oneshot(&bytes[..12]), &bytes[HEADER..])
}

/// Records and tick of a frame whose checksum holds.
fn checked_parts(bytes: &[u8]) -> Result<(&[u8], &[u8]), FrameError> {
    let header = header(bytes)?;
    let mut numbers = Reader::new(&header[8..]);
    let tick = numbers.u32()? as usize;
    if numbers.u64()? != checksum(bytes) {
        return Err(FrameError::Checksum);
    }
    let body = &bytes[HEADER..];
    let records = body.len().checked_sub(tick).ok_or(FrameError::Malformed)?;
    Ok(body.split_at(records))
}

/// One record in a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Who made it.
    pub origin: OriginId,
    /// Where it stands in its origin.
    pub position: Position,
    /// The position this origin sent to this partition before it.
    pub previous: Position,
    /// Its bytes.
    pub payload: &'a [u8],
}

/// A frame whose checksum and structure hold.
#[derive(Clone, Copy, Debug)]
pub struct FrameView<'a> {
    epoch: Epoch,
    generation: Generation,
    records: &'a [u8],
    count: usize,
    tick: &'a [u8],
}

impl<'a> FrameView<'a> {
    /// Reads a frame; `scratch` takes the unpacked records where they are packed and is worth keeping between calls.
    ///
    /// # Errors
    /// When the bytes are not a whole, unchanged frame of a known version.
    pub fn parse(bytes: &'a [u8], scratch: &'a mut Vec<u8>) -> Result<FrameView<'a>, FrameError> {
        let (mut records, tick) = checked_parts(bytes)?;
        let generation = Generation(Reader::new(&bytes[4..8]).u32()?);
        if bytes[2] & FLAG_LZ4 != 0 {
            let mut packed = Reader::new(records);
            let raw = packed.u32()? as usize;
            if raw > MAX_RAW || raw / 255 > packed.len() {
                return Err(FrameError::Malformed);
            }
            scratch.clear();
            scratch.resize(raw, 0);
            let written = lz4_flex::block::decompress_into(packed.bytes(packed.len())?, scratch)
                .map_err(|_| FrameError::Malformed)?;
            records = scratch.get(..written).ok_or(FrameError::Malformed)?;
        }
        let mut walk = Records::new(records);
        let mut count = 0;
        while walk.step()?.is_some() {
            count += 1;
        }
        Ok(FrameView { epoch: Epoch(bytes[3]), generation, records, count, tick })
    }

    /// Routing epoch of its writer.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Configuration generation of its records.
    #[must_use]
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// Number of records.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether it has no record.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Its records in the order they were pushed.
    #[must_use]
    pub fn records(&self) -> Records<'a> {
        Records::new(self.records)
    }

    /// The tick it ends with, to be taken after its records.
    ///
    /// # Errors
    /// [`FrameError::Malformed`].
    pub fn tick(&self) -> Result<Option<Tick>, FrameError> {
        if self.tick.is_empty() {
            return Ok(None);
        }
        Ok(Some(Tick::decode(self.tick)?))
    }
}

/// Iterator over a frame's records; allocates only beyond eight origins in a frame.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    reader: Reader<'a>,
    origins: SmallVec<[(OriginId, Position); 8]>,
    current: usize,
}

impl<'a> Records<'a> {
    fn new(records: &'a [u8]) -> Records<'a> {
        Records { reader: Reader::new(records), origins: SmallVec::new(), current: 0 }
    }

    #[inline]
    fn step(&mut self) -> Result<Option<Record<'a>>, Malformed> {
        if self.reader.is_empty() {
            return Ok(None);
        }
        let control = self.reader.u8()?;
        if control & SWITCH != 0 {
            self.switch()?;
        }
        let (origin, previous) = self.origins.get(self.current).copied().ok_or(Malformed)?;
        let mut step = u64::from(control >> 2);
        if step == MAX_STEP {
            step = MAX_STEP.checked_add(self.reader.varint()?).ok_or(Malformed)?;
        }
        let offset = previous.offset.checked_add(step).ok_or(Malformed)?;
        let seq = if control & SEQ != 0 {
            self.reader.varint_u32()?
        } else if step > 0 {
            1
        } else {
            previous.seq.checked_add(1).ok_or(Malformed)?
        };
        let position = Position { offset, seq };
        if position <= previous {
            return Err(Malformed);
        }
        let len = usize::try_from(self.reader.varint()?).map_err(|_| Malformed)?;
        let payload = self.reader.bytes(len)?;
        self.origins[self.current].1 = position;
        Ok(Some(Record { origin, position, previous, payload }))
    }

    #[cold]
    fn switch(&mut self) -> Result<(), Malformed> {
        self.current = self.reader.varint_u32()? as usize;
        if self.current == self.origins.len() {
            let origin = OriginId(self.reader.u64()?);
            let from = Position { offset: self.reader.varint()?, seq: self.reader.varint_u32()? };
            self.origins.push((origin, from));
        }
        Ok(())
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    #[inline]
    fn next(&mut self) -> Option<Record<'a>> {
        // the whole frame was walked when it was parsed, so a malformed record cannot turn up here
        self.step().ok().flatten()
    }
}

/// An origin's place in an open frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Slot {
    /// Which open frame, counted per destination; 0 is none.
    pub(crate) frame: u32,
    /// Number of the origin in it.
    pub(crate) number: u32,
}

/// A frame being filled.
#[derive(Debug)]
pub(crate) struct FrameWriter {
    bytes: Vec<u8>,
    serial: u32,
    origins: u32,
    current: u32,
}

impl FrameWriter {
    pub(crate) fn new() -> FrameWriter {
        FrameWriter { bytes: Vec::new(), serial: 1, origins: 0, current: u32::MAX }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.len() <= HEADER
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Adds a record. `slot` is the origin's place, kept by the caller between calls; reset it to the default to make
    /// `previous` explicit again.
    #[inline]
    pub(crate) fn push(
        &mut self,
        slot: &mut Slot,
        origin: OriginId,
        previous: Position,
        position: Position,
        payload: &[u8],
    ) {
        if self.bytes.is_empty() {
            self.bytes.resize(HEADER, 0);
        }
        self.bytes.reserve(payload.len() + 64);
        let step = position.offset - previous.offset;
        let expected = if step > 0 { 1 } else { previous.seq.wrapping_add(1) };
        let mut control = (step.min(MAX_STEP) as u8) << 2;
        if position.seq != expected {
            control |= SEQ;
        }
        let fresh = slot.frame != self.serial;
        if fresh || slot.number != self.current {
            if fresh {
                *slot = Slot { frame: self.serial, number: self.origins };
                self.origins += 1;
            }
            self.current = slot.number;
            self.bytes.push(control | SWITCH);
            put_varint(&mut self.bytes, u64::from(slot.number));
            if fresh {
                self.bytes.extend_from_slice(&origin.0.to_le_bytes());
                put_varint(&mut self.bytes, previous.offset);
                put_varint(&mut self.bytes, u64::from(previous.seq));
            }
        } else {
            self.bytes.push(control);
        }
        if step >= MAX_STEP {
            put_varint(&mut self.bytes, step - MAX_STEP);
        }
        if position.seq != expected {
            put_varint(&mut self.bytes, u64::from(position.seq));
        }
        put_varint(&mut self.bytes, payload.len() as u64);
        self.bytes.extend_from_slice(payload);
    }

    /// Ends the frame, with a tick written by `tick` if there is one, and starts the next in `spare`.
    pub(crate) fn finish(
        &mut self,
        epoch: Epoch,
        generation: Generation,
        lz4: bool,
        tick: impl FnOnce(&mut Vec<u8>) -> bool,
        spare: Vec<u8>,
    ) -> Vec<u8> {
        let mut bytes = std::mem::replace(&mut self.bytes, spare);
        self.bytes.clear();
        // The next frame will be about as long as this one.
        self.bytes.reserve(bytes.len() + bytes.len() / 8);
        self.serial = self.serial.wrapping_add(1).max(1);
        self.origins = 0;
        self.current = u32::MAX;
        if bytes.is_empty() {
            bytes.resize(HEADER, 0);
        }
        let records = bytes.len() - HEADER;
        let mut flags = 0;
        if lz4 && records > 0 {
            let bound = lz4_flex::block::get_maximum_output_size(records);
            let mut packed = vec![0; HEADER + 4 + bound];
            let written = lz4_flex::block::compress_into(&bytes[HEADER..], &mut packed[HEADER + 4..]);
            if let Ok(written) = written
                && written + 4 < records
            {
                packed[HEADER..HEADER + 4].copy_from_slice(&(records as u32).to_le_bytes());
                packed.truncate(HEADER + 4 + written);
                flags = FLAG_LZ4;
                bytes.clear();
                self.bytes = std::mem::replace(&mut bytes, packed);
            }
        }
        if self.bytes.capacity() == 0 {
            // The next frame is likely to be as long as this one: it need not grow there step by step.
            self.bytes.reserve(HEADER + records);
        }
        let before = bytes.len();
        let has_tick = tick(&mut bytes);
        let tick = bytes.len() - before;
        bytes[0] = VERSION;
        bytes[1] = if records > 0 { KIND_RECORDS } else { 0 } | if has_tick { KIND_TICK } else { 0 };
        bytes[2] = flags;
        bytes[3] = epoch.0;
        bytes[4..8].copy_from_slice(&generation.0.to_le_bytes());
        bytes[8..12].copy_from_slice(&(tick as u32).to_le_bytes());
        let sum = checksum(&bytes);
        bytes[12..20].copy_from_slice(&sum.to_le_bytes());
        bytes
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::outbox::Outbox;
    use crate::position::PartitionId;

    const A: OriginId = OriginId(0xa);
    const B: OriginId = OriginId(0xb);

    fn at(offset: u64, seq: u32) -> Position {
        Position { offset, seq }
    }

    /// One frame with a record of each encoding: same offset, small step, long step, jumped sequence, two origins.
    fn sample(lz4: bool) -> Vec<u8> {
        let mut outbox = Outbox::new(Epoch(3), Generation(7), 1).with_lz4(lz4);
        outbox.start(A, "a", at(100, 0));
        outbox.start(B, "b", at(5, 2));
        let pushes = [
            (A, at(100, 1), "one"),
            (A, at(100, 2), "two"),
            (A, at(101, 1), "three, and so on and on and on and on and on"),
            (B, at(5, 3), "four"),
            (A, at(101, 9), "five, and so on and on and on and on and on"),
            (A, at(1 << 40, 3), ""),
            (B, at(68, 1), "seven"),
        ];
        for (origin, position, payload) in pushes {
            outbox.push(origin, position, PartitionId(0), payload.as_bytes());
        }
        outbox.decided(A, (1 << 40) + 1, 5_000);
        outbox.tick(77, &[(A, "a".to_owned()), (B, "b".to_owned())]);
        let (_, frame) = outbox.drain().next().unwrap();
        frame
    }

    #[test]
    fn the_checksum_is_xxh3_as_others_compute_it() {
        use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};
        let bytes: Vec<u8> = (0..70_000u32).map(|n| (n.wrapping_mul(n) >> 3) as u8).collect();
        for length in [20, 21, 36, 150, 250, 300, 5_000, 70_000] {
            let expected = xxh3_64_with_seed(&bytes[HEADER..length], xxh3_64(&bytes[..12]));
            assert_eq!(checksum(&bytes[..length]), expected, "{length}");
        }
    }

    #[test]
    fn records_keep_position_previous_and_payload() {
        for lz4 in [false, true] {
            let (bytes, mut scratch) = (sample(lz4), Vec::new());
            let frame = FrameView::parse(&bytes, &mut scratch).unwrap();
            assert_eq!((frame.epoch(), frame.generation(), frame.len()), (Epoch(3), Generation(7), 7));
            let seen: Vec<_> = frame.records().map(|r| (r.origin, r.previous, r.position, r.payload.len())).collect();
            let expected = vec![
                (A, at(100, 0), at(100, 1), 3),
                (A, at(100, 1), at(100, 2), 3),
                (A, at(100, 2), at(101, 1), 44),
                (B, at(5, 2), at(5, 3), 4),
                (A, at(101, 1), at(101, 9), 43),
                (A, at(101, 9), at(1 << 40, 3), 0),
                (B, at(5, 3), at(68, 1), 5),
            ];
            assert_eq!(seen, expected);
            let tick = frame.tick().unwrap().unwrap();
            assert_eq!(tick.wall_ms, 77);
            assert_eq!(tick.origins[0].frontier, (1 << 40) + 1);
            assert_eq!(tick.origins[1].last, at(68, 1));
            assert_eq!(parse_tick(&bytes), Ok(Some(tick)));
            assert_eq!(peek_kind(&bytes), Ok(FrameKind { records: true, tick: true }));
        }
        assert!(sample(true).len() < sample(false).len());
    }

    #[test]
    fn no_changed_or_cut_frame_is_read() {
        for lz4 in [false, true] {
            let whole = sample(lz4);
            let mut scratch = Vec::new();
            for len in 0..whole.len() {
                assert!(FrameView::parse(&whole[..len], &mut scratch).is_err(), "cut at {len}");
            }
            for at in 0..whole.len() {
                for bit in 0..8 {
                    let mut changed = whole.clone();
                    changed[at] ^= 1 << bit;
                    assert!(FrameView::parse(&changed, &mut scratch).is_err(), "bit {bit} of byte {at}");
                }
            }
        }
    }

    #[test]
    fn a_later_version_is_named() {
        let mut bytes = sample(false);
        bytes[0] = 9;
        assert_eq!(peek_kind(&bytes), Err(FrameError::UnknownVersion { version: 9 }));
    }

    #[test]
    fn a_packed_frame_cannot_claim_more_than_it_packs() {
        let mut bytes = sample(true);
        bytes[HEADER..HEADER + 4].copy_from_slice(&(15_u32 << 20).to_le_bytes());
        let sum = checksum(&bytes);
        bytes[12..20].copy_from_slice(&sum.to_le_bytes());
        assert_eq!(FrameView::parse(&bytes, &mut Vec::new()).map(|frame| frame.len()), Err(FrameError::Malformed));
    }

    proptest! {
        /// Bytes under a right checksum, but otherwise arbitrary, never panic and never read outside.
        #[test]
        fn arbitrary_content_is_refused_or_read(
            content in prop::collection::vec(any::<u8>(), 0..200),
            kind in 0u8..4,
            flags in 0u8..2,
            tick in 0u32..220,
        ) {
            let mut bytes = vec![VERSION, kind, flags, 0, 0, 0, 0, 0];
            bytes.extend_from_slice(&tick.to_le_bytes());
            bytes.extend_from_slice(&[0; 8]);
            bytes.extend_from_slice(&content);
            let sum = checksum(&bytes);
            bytes[12..20].copy_from_slice(&sum.to_le_bytes());
            let mut scratch = Vec::new();
            if let Ok(frame) = FrameView::parse(&bytes, &mut scratch) {
                prop_assert_eq!(frame.records().count(), frame.len());
                let _ = frame.tick();
            }
        }
    }
}
