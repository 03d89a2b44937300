//! Anonymous touchpoints as they were passed on, kept until nothing can move them any more.
//!
//! One after the other in chunks, each pointing to the one its visitor left before: no list per visitor, and what is too
//! old goes by whole chunks. A full chunk is packed, for it is only read when somebody makes known who they are.
//!
//! ```text
//! place of the one before u64 (0: none) · event time i64 · length u32 · bytes
//! ```

use crumbtrail_events::EventTime;
use crumbtrail_events::wire::{Reader, WireError, put_bytes, put_varint};
use std::collections::VecDeque;

/// Bytes at which a chunk is full.
const CHUNK: usize = 64 << 10;
/// Bytes before a touchpoint's.
const HEADER: usize = 8 + 8 + 4;

#[derive(Debug)]
struct Chunk {
    /// Packed with LZ4, but for the last chunk.
    bytes: Vec<u8>,
    is_packed: bool,
    newest: EventTime,
}

/// The touchpoints kept. A place is a chunk's number and a byte in it, plus one; 0 is none.
#[derive(Debug, Default)]
pub(crate) struct Ring {
    chunks: VecDeque<Chunk>,
    /// Number of the first chunk.
    first: u64,
    bytes: usize,
}

impl Ring {
    /// Keeps a touchpoint of a visitor whose one before stands at `before`; gives its place.
    pub(crate) fn push(&mut self, before: u64, at: EventTime, passed: &[u8]) -> u64 {
        let full = self.chunks.back().is_none_or(|last| {
            last.is_packed || (!last.bytes.is_empty() && last.bytes.len() + HEADER + passed.len() > CHUNK)
        });
        if full {
            self.pack_last();
            self.chunks.push_back(Chunk { bytes: Vec::new(), is_packed: false, newest: EventTime::MIN });
        }
        let number = self.first + self.chunks.len() as u64 - 1;
        let Some(chunk) = self.chunks.back_mut() else { return 0 };
        let capacity = chunk.bytes.capacity();
        let place = (number << 32 | chunk.bytes.len() as u64) + 1;
        chunk.bytes.extend_from_slice(&before.to_le_bytes());
        chunk.bytes.extend_from_slice(&at.0.to_le_bytes());
        chunk.bytes.extend_from_slice(&(passed.len() as u32).to_le_bytes());
        chunk.bytes.extend_from_slice(passed);
        chunk.newest = chunk.newest.max(at);
        self.bytes += chunk.bytes.capacity() - capacity;
        place
    }

    fn pack_last(&mut self) {
        if let Some(last) = self.chunks.back_mut().filter(|last| !last.is_packed) {
            self.bytes -= last.bytes.capacity();
            last.bytes = lz4_flex::compress_prepend_size(&last.bytes);
            last.bytes.shrink_to_fit();
            last.is_packed = true;
            self.bytes += last.bytes.capacity();
        }
    }

    /// Hands over what one visitor left, the youngest first, beginning with the one at `place`.
    pub(crate) fn walk(&self, mut place: u64, mut visit: impl FnMut(EventTime, &[u8])) {
        let mut unpacked: Option<(u64, Vec<u8>)> = None;
        while let Some((number, at)) = place.checked_sub(1).map(|place| (place >> 32, (place & 0xFFFF_FFFF) as usize)) {
            let Some(chunk) = number.checked_sub(self.first).and_then(|index| self.chunks.get(index as usize)) else {
                return; // It has gone, and so has all before it.
            };
            if chunk.is_packed && unpacked.as_ref().is_none_or(|(known, _)| *known != number) {
                unpacked = lz4_flex::decompress_size_prepended(&chunk.bytes).ok().map(|bytes| (number, bytes));
            }
            let bytes = if chunk.is_packed { unpacked.as_ref().map(|(_, bytes)| bytes) } else { Some(&chunk.bytes) };
            let entry = bytes.and_then(|bytes| bytes.get(at..)).and_then(|entry| Entry::read(entry).ok());
            let Some(entry) = entry else { return };
            visit(entry.at, entry.passed);
            place = entry.before;
        }
    }

    /// Whether what stands at `place` is gone.
    pub(crate) fn is_gone(&self, place: u64) -> bool {
        place == 0 || (place - 1) >> 32 < self.first
    }

    /// Forgets chunks with nothing at or after `horizon`.
    pub(crate) fn forget(&mut self, horizon: EventTime) {
        while let Some(chunk) = self.chunks.front().filter(|chunk| chunk.newest < horizon) {
            self.bytes -= chunk.bytes.capacity();
            self.chunks.pop_front();
            self.first += 1;
        }
    }

    pub(crate) fn resident_bytes(&self) -> usize {
        self.bytes + self.chunks.capacity() * size_of::<Chunk>()
    }

    pub(crate) fn save(&self, out: &mut Vec<u8>) {
        put_varint(out, self.first);
        put_varint(out, self.chunks.len() as u64);
        for chunk in &self.chunks {
            out.push(u8::from(chunk.is_packed));
            out.extend_from_slice(&chunk.newest.0.to_le_bytes());
            put_bytes(out, &chunk.bytes);
        }
    }

    pub(crate) fn load(reader: &mut Reader<'_>) -> Result<Ring, WireError> {
        let mut ring = Ring { first: reader.varint()?, ..Ring::default() };
        for _ in 0..reader.varint()? {
            let is_packed = reader.u8()? != 0;
            let newest = EventTime(i64::from_le_bytes(reader.array()?));
            let bytes = reader.bytes()?.to_vec();
            if is_packed && lz4_flex::decompress_size_prepended(&bytes).is_err() {
                return Err(WireError::Malformed("touchpoints kept for identity cannot be unpacked"));
            }
            ring.bytes += bytes.capacity();
            ring.chunks.push_back(Chunk { bytes, is_packed, newest });
        }
        Ok(ring)
    }
}

struct Entry<'a> {
    before: u64,
    at: EventTime,
    passed: &'a [u8],
}

impl<'a> Entry<'a> {
    fn read(bytes: &'a [u8]) -> Result<Entry<'a>, WireError> {
        let mut reader = Reader::new(bytes);
        let before = u64::from_le_bytes(reader.array()?);
        let at = EventTime(i64::from_le_bytes(reader.array()?));
        let length = u32::from_le_bytes(reader.array()?);
        Ok(Entry { before, at, passed: reader.take(length as usize)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(ring: &Ring, place: u64) -> Vec<(i64, Vec<u8>)> {
        let mut seen = Vec::new();
        ring.walk(place, |at, passed| seen.push((at.0, passed.to_vec())));
        seen
    }

    #[test]
    fn visitors_find_their_own_over_packed_chunks_and_after_a_restart() {
        let mut ring = Ring::default();
        let mut places = [0u64; 3];
        let mut expected: [Vec<(i64, Vec<u8>)>; 3] = Default::default();
        for n in 0..5_000u32 {
            let visitor = (n * 7 % 3) as usize;
            let passed = format!("touchpoint {n} of {visitor}").into_bytes();
            places[visitor] = ring.push(places[visitor], EventTime(i64::from(n)), &passed);
            expected[visitor].insert(0, (i64::from(n), passed));
        }
        assert!(ring.chunks.len() > 2 && ring.chunks.iter().rev().skip(1).all(|chunk| chunk.is_packed));
        assert!(ring.resident_bytes() < 5_000 * (HEADER + 20));
        let mut bytes = Vec::new();
        ring.save(&mut bytes);
        let loaded = Ring::load(&mut Reader::new(&bytes)).unwrap();
        for ring in [&ring, &loaded] {
            for visitor in 0..3 {
                assert_eq!(of(ring, places[visitor]), expected[visitor]);
            }
        }
        ring.forget(EventTime(4_000));
        let left = of(&ring, places[0]);
        assert!(left.len() < expected[0].len() && left.iter().filter(|(at, _)| *at >= 4_000).count() == 333);
        assert_eq!(left[..], expected[0][..left.len()]);
        ring.forget(EventTime::MAX);
        assert!(of(&ring, places[1]).is_empty() && ring.is_gone(places[1]) && ring.resident_bytes() < 1_000);
    }

    #[test]
    fn a_touchpoint_larger_than_a_chunk_has_one_to_itself() {
        let mut ring = Ring::default();
        let first = ring.push(0, EventTime(1), b"small");
        let second = ring.push(first, EventTime(2), &vec![7; 3 * CHUNK]);
        let third = ring.push(second, EventTime(3), b"small again");
        let lengths: Vec<usize> = of(&ring, third).iter().map(|(_, passed)| passed.len()).collect();
        assert_eq!((lengths, ring.chunks.len()), (vec![11, 3 * CHUNK, 5], 3));
    }
}
