//! Anonymous touchpoints as they were passed on, kept until nothing can move them any more.
//!
//! One after the other in chunks, each pointing to the one its visitor left before: no list per visitor, and what is too
//! old goes by whole blocks of chunks. A full chunk is packed, for it is only read when somebody makes known who they are;
//! a full block is immutable: it may be moved to disk, and snapshots share it.
//!
//! ```text
//! place of the one before u64 (0: none) · event time i64 · length u32 · bytes
//! ```

use crumbtrail_events::EventTime;
use crumbtrail_events::wire::{Reader, WireError, put_bytes, put_varint};
use crumbtrail_scratch::{Block, Scratch};
use std::collections::VecDeque;
use std::io;

/// How kept touchpoints are packed; what is decided does not depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packing {
    /// Bytes at which a chunk is full.
    pub chunk_bytes: usize,
    /// Chunks of a block.
    pub block_chunks: usize,
}

impl Default for Packing {
    /// Chunks of 32 KiB: one is unpacked for a touchpoint. 32 to a block, some 200 KB packed.
    fn default() -> Packing {
        Packing { chunk_bytes: 32 << 10, block_chunks: 32 }
    }
}

/// Bytes before a touchpoint's.
const HEADER: usize = 8 + 8 + 4;

/// A full block.
#[derive(Debug)]
struct Full {
    /// Chunks packed with LZ4, back to back.
    block: Block,
    /// Where each chunk ends.
    ends: Box<[u32]>,
    newest: EventTime,
}

/// The block that is being filled.
#[derive(Debug)]
struct Open {
    packed: Vec<u8>,
    ends: Vec<u32>,
    /// The last chunk, not packed yet.
    last: Vec<u8>,
    newest: EventTime,
}

impl Open {
    const EMPTY: Open = Open { packed: Vec::new(), ends: Vec::new(), last: Vec::new(), newest: EventTime::MIN };

    fn is_empty(&self) -> bool {
        self.ends.is_empty() && self.last.is_empty()
    }
}

/// The touchpoints kept. A place is a chunk's number and a byte in it, plus one; 0 is none.
#[derive(Debug)]
pub(crate) struct Ring {
    packing: Packing,
    full: VecDeque<Full>,
    open: Open,
    /// Number of the first block.
    first: u64,
    /// Of the full blocks, those in memory.
    resident: usize,
}

impl Ring {
    pub(crate) fn new(packing: Packing) -> Ring {
        Ring { packing, full: VecDeque::new(), open: Open::EMPTY, first: 0, resident: 0 }
    }

    /// Keeps a touchpoint of a visitor whose one before stands at `before`; gives its place.
    pub(crate) fn push(&mut self, before: u64, at: EventTime, passed: &[u8]) -> u64 {
        let last = self.open.last.len();
        if last > 0 && last + HEADER + passed.len() > self.packing.chunk_bytes {
            self.pack();
        }
        let block = self.first + self.full.len() as u64;
        let Open { ends, last, newest, .. } = &mut self.open;
        let chunk = block * self.packing.block_chunks as u64 + ends.len() as u64;
        let place = (chunk << 32 | last.len() as u64) + 1;
        last.extend_from_slice(&before.to_le_bytes());
        last.extend_from_slice(&at.0.to_le_bytes());
        last.extend_from_slice(&(passed.len() as u32).to_le_bytes());
        last.extend_from_slice(passed);
        *newest = at.max(*newest);
        place
    }

    /// Packs the last chunk; a block that is full with it is begun no more.
    fn pack(&mut self) {
        let Open { packed, ends, last, newest } = &mut self.open;
        packed.extend_from_slice(&lz4_flex::compress_prepend_size(last));
        ends.push(packed.len() as u32);
        last.clear();
        if ends.len() == self.packing.block_chunks {
            let block = Block::new(packed.clone());
            self.resident += block.resident_bytes();
            self.full.push_back(Full { block, ends: ends.as_slice().into(), newest: *newest });
            packed.clear();
            ends.clear();
            *newest = EventTime::MIN;
        }
    }

    /// Hands over what one visitor left, the youngest first, beginning with the one at `place`.
    ///
    /// # Errors
    /// What was moved to disk cannot be read.
    pub(crate) fn walk(&self, mut place: u64, mut visit: impl FnMut(EventTime, &[u8])) -> io::Result<()> {
        let mut unpacked: Option<(u64, Vec<u8>)> = None;
        let mut buffer = Vec::new();
        while let Some((chunk, at)) = place.checked_sub(1).map(|place| (place >> 32, (place & 0xFFFF_FFFF) as usize)) {
            let per_block = self.packing.block_chunks as u64;
            let Some(index) = (chunk / per_block).checked_sub(self.first) else {
                return Ok(()); // It has gone, and so has all before it.
            };
            let number = (chunk % per_block) as usize;
            let is_last = index == self.full.len() as u64 && number == self.open.ends.len();
            if !is_last && unpacked.as_ref().is_none_or(|(known, _)| *known != chunk) {
                let packed = match self.full.get(index as usize) {
                    Some(full) => full.block.read(range(&full.ends, number), &mut buffer)?,
                    None => self.open.packed.get(range(&self.open.ends, number)).unwrap_or_default(),
                };
                unpacked = Some((chunk, lz4_flex::decompress_size_prepended(packed).map_err(damaged)?));
            }
            let bytes = unpacked.as_ref().filter(|_| !is_last).map_or(&self.open.last, |(_, bytes)| bytes);
            let entry = bytes.get(at..).map_or(Err(WireError::Truncated), Entry::read).map_err(damaged)?;
            visit(entry.at, entry.passed);
            place = entry.before;
        }
        Ok(())
    }

    /// Forgets blocks with nothing at or after `horizon`.
    pub(crate) fn forget(&mut self, horizon: EventTime) {
        while let Some(full) = self.full.front().filter(|full| full.newest < horizon) {
            self.resident -= full.block.resident_bytes();
            self.full.pop_front();
            self.first += 1;
        }
        if self.full.is_empty() && !self.open.is_empty() && self.open.newest < horizon {
            self.open = Open::EMPTY;
            self.first += 1;
        }
    }

    /// Moves full blocks out of memory, the oldest first.
    pub(crate) fn spill(&mut self, scratch: &mut Scratch) -> io::Result<()> {
        let spilled = self.full.iter().rposition(|full| full.block.resident_bytes() == 0).map_or(0, |last| last + 1);
        for full in self.full.range_mut(spilled..) {
            scratch.spill(&mut full.block)?;
            self.resident -= full.block.len();
        }
        Ok(())
    }

    /// The full blocks and their numbers.
    pub(crate) fn blocks(&self) -> impl Iterator<Item = (u64, &Block)> {
        (self.first..).zip(self.full.iter().map(|full| &full.block))
    }

    pub(crate) fn resident_bytes(&self) -> usize {
        let ends: usize = self.full.iter().map(|full| size_of_val(&*full.ends)).sum();
        let open = self.open.packed.capacity() + self.open.last.capacity() + 4 * self.open.ends.capacity();
        self.resident + ends + open + self.full.capacity() * size_of::<Full>()
    }

    /// Appends all but the blocks' bytes.
    pub(crate) fn save(&self, out: &mut Vec<u8>) {
        put_varint(out, self.packing.chunk_bytes as u64);
        put_varint(out, self.packing.block_chunks as u64);
        put_varint(out, self.first);
        put_varint(out, self.full.len() as u64);
        for Full { block, ends, newest } in &self.full {
            out.extend_from_slice(&newest.0.to_le_bytes());
            out.extend_from_slice(&block.hash().to_le_bytes());
            put_ends(out, ends);
        }
        let Open { packed, ends, last, newest } = &self.open;
        out.extend_from_slice(&newest.0.to_le_bytes());
        put_ends(out, ends);
        put_bytes(out, packed);
        put_bytes(out, last);
    }

    /// The ring saved, with its blocks in order. What was packed otherwise goes on as it was.
    pub(crate) fn load(reader: &mut Reader<'_>, blocks: &[Block]) -> Result<Ring, WireError> {
        let packing = Packing { chunk_bytes: reader.varint()? as usize, block_chunks: reader.varint()? as usize };
        let mut ring = Ring { first: reader.varint()?, ..Ring::new(packing) };
        if packing.block_chunks == 0 || reader.varint()? != blocks.len() as u64 {
            return Err(WireError::Malformed("blocks of touchpoints kept for identity are missing"));
        }
        for block in blocks {
            let newest = time(reader)?;
            let hash = u128::from_le_bytes(reader.array()?);
            let ends = ends(reader)?.into_boxed_slice();
            if hash != block.hash() || ends.last().is_none_or(|end| *end as usize != block.len()) {
                return Err(WireError::Malformed("a block of touchpoints kept for identity is another"));
            }
            ring.resident += block.resident_bytes();
            ring.full.push_back(Full { block: block.clone(), ends, newest });
        }
        let newest = time(reader)?;
        let ends = ends(reader)?;
        let (packed, last) = (reader.bytes()?.to_vec(), reader.bytes()?.to_vec());
        ring.open = Open { packed, ends, last, newest };
        Ok(ring)
    }
}

/// Where the chunk of this number lies.
fn range(ends: &[u32], number: usize) -> std::ops::Range<usize> {
    let end = |number: Option<usize>| number.and_then(|number| ends.get(number)).map_or(0, |end| *end as usize);
    end(number.checked_sub(1))..end(Some(number))
}

fn damaged(error: impl std::error::Error + Send + Sync + 'static) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

fn put_ends(out: &mut Vec<u8>, ends: &[u32]) {
    put_varint(out, ends.len() as u64);
    for end in ends {
        put_varint(out, u64::from(*end));
    }
}

fn ends(reader: &mut Reader<'_>) -> Result<Vec<u32>, WireError> {
    (0..reader.varint()?).map(|_| reader.varint_u32()).collect()
}

pub(crate) fn time(reader: &mut Reader<'_>) -> Result<EventTime, WireError> {
    Ok(EventTime(i64::from_le_bytes(reader.array()?)))
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

    const SMALL: Packing = Packing { chunk_bytes: 1 << 10, block_chunks: 4 };

    fn of(ring: &Ring, place: u64) -> Vec<(i64, Vec<u8>)> {
        let mut seen = Vec::new();
        ring.walk(place, |at, passed| seen.push((at.0, passed.to_vec()))).unwrap();
        seen
    }

    /// As a snapshot gives it back.
    fn restored(ring: &Ring) -> Ring {
        let mut bytes = Vec::new();
        ring.save(&mut bytes);
        let blocks: Vec<Block> = ring.blocks().map(|(_, block)| Block::new(block.to_vec().unwrap())).collect();
        let loaded = Ring::load(&mut Reader::new(&bytes), &blocks).unwrap();
        let mut again = Vec::new();
        loaded.save(&mut again);
        assert_eq!(again, bytes);
        assert!(Ring::load(&mut Reader::new(&bytes), &blocks[1..]).is_err());
        assert!(Ring::load(&mut Reader::new(&bytes), &vec![blocks[0].clone(); blocks.len()]).is_err());
        loaded
    }

    #[test]
    fn visitors_find_their_own_in_memory_on_disk_and_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let mut scratch = Scratch::new(folder.path().to_owned());
        let mut ring = Ring::new(SMALL);
        let mut places = [0u64; 3];
        let mut expected: [Vec<(i64, Vec<u8>)>; 3] = Default::default();
        for n in 0..5_000u32 {
            let visitor = (n * 7 % 3) as usize;
            let passed = format!("touchpoint {n} of {visitor}").into_bytes();
            places[visitor] = ring.push(places[visitor], EventTime(i64::from(n)), &passed);
            expected[visitor].insert(0, (i64::from(n), passed));
        }
        assert!(ring.full.len() > 40 && ring.open.ends.len() > 1 && !ring.open.last.is_empty());
        let loaded = restored(&ring);
        let before = ring.resident_bytes();
        ring.spill(&mut scratch).unwrap();
        assert!(ring.resident_bytes() < before / 4 && ring.resident == 0);
        for ring in [&ring, &loaded, &restored(&ring)] {
            for visitor in 0..3 {
                assert_eq!(of(ring, places[visitor]), expected[visitor]);
            }
        }
        ring.forget(EventTime(4_000));
        let left = of(&ring, places[0]);
        assert!(left.len() < expected[0].len() && left.iter().filter(|(at, _)| *at >= 4_000).count() == 333);
        assert_eq!(left[..], expected[0][..left.len()]);
        assert!(ring.blocks().next().unwrap().0 > 30);
        ring.forget(EventTime::MAX);
        assert!(of(&ring, places[1]).is_empty() && ring.open.is_empty() && ring.full.is_empty());
        let place = ring.push(places[1], EventTime(9_000), b"and on");
        assert_eq!(of(&ring, place), [(9_000, b"and on".to_vec())]);
    }

    #[test]
    fn a_touchpoint_larger_than_a_chunk_has_one_to_itself() {
        let mut ring = Ring::new(SMALL);
        let first = ring.push(0, EventTime(1), b"small");
        let second = ring.push(first, EventTime(2), &[7; 3 << 10]);
        let third = ring.push(second, EventTime(3), b"small again");
        let lengths: Vec<usize> = of(&ring, third).iter().map(|(_, passed)| passed.len()).collect();
        assert_eq!((lengths, ring.open.ends.len()), (vec![11, 3 << 10, 5], 2));
    }
}
