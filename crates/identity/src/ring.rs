//! Touchpoints as they were passed on, kept until nothing can move them any more.
//!
//! One after the other in [chunks](crate::chunk), each pointing to the one kept under its key before: no list per key, and what
//! is too old goes by whole blocks of chunks. A full block is immutable: it may be moved to disk, and snapshots share it.

use crate::chunk::{self, Chunks};
use crumbtrail_events::wire::{Reader, WireError, put_bytes, put_varint};
use crumbtrail_events::{EventTime, Key};
use crumbtrail_scratch::{Block, Scratch};
use std::collections::VecDeque;
use std::io;

/// How the state lies in memory and on disk; what is decided does not depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packing {
    /// Bytes at which a chunk is full.
    pub chunk_bytes: usize,
    /// Chunks of a block.
    pub block_chunks: usize,
    /// Maps that what is known is spread over: as one changes that is still to be saved, it is copied.
    pub maps: usize,
}

impl Default for Packing {
    /// Chunks of 32 KiB: one is read for a touchpoint. 6 to a block, some 190 KB. 1,024 maps: of a million visitors, 30 KB each.
    fn default() -> Packing {
        Packing { chunk_bytes: 32 << 10, block_chunks: 6, maps: 1 << 10 }
    }
}

/// A full block.
#[derive(Debug)]
struct Full {
    /// Chunks, back to back.
    block: Block,
    /// Where each chunk ends.
    ends: Box<[u32]>,
    newest: EventTime,
}

/// The block that is being filled.
#[derive(Debug)]
struct Open {
    chunks: Chunks,
    /// Where each chunk ends but the last.
    ends: Vec<u32>,
    newest: EventTime,
}

impl Open {
    fn new() -> Open {
        Open { chunks: Chunks::new(), ends: Vec::new(), newest: EventTime::MIN }
    }

    fn is_empty(&self) -> bool {
        self.chunks.bytes().is_empty()
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
    /// Room of a block that went to disk, for the next: else the allocator would hold what many of them had.
    room: Vec<u8>,
}

impl Ring {
    pub(crate) fn new(packing: Packing) -> Ring {
        Ring { packing, full: VecDeque::new(), open: Open::new(), first: 0, room: Vec::new() }
    }

    /// Keeps a touchpoint under a key whose one before stands at `before`; gives its place.
    pub(crate) fn push(&mut self, before: u64, key: Key, at: EventTime, passed: &[u8]) -> u64 {
        if self.open.chunks.is_full(passed.len(), self.packing.chunk_bytes) {
            self.end_chunk();
        }
        let place = self.next();
        let Open { chunks, newest, .. } = &mut self.open;
        chunks.push(if before == 0 { 0 } else { place - before }, key, at, passed);
        *newest = at.max(*newest);
        place
    }

    /// The place of the next one, were it put into the last chunk: behind every other.
    pub(crate) fn next(&self) -> u64 {
        let block = self.first + self.full.len() as u64;
        let chunk = block * self.packing.block_chunks as u64 + self.open.ends.len() as u64;
        (chunk << 32 | self.open.chunks.next() as u64) + 1
    }

    /// Ends the last chunk, and the block that is full with it.
    fn end_chunk(&mut self) {
        let Open { chunks, ends, newest } = &mut self.open;
        ends.push(chunks.begin() as u32);
        if ends.len() == self.packing.block_chunks {
            let ends = std::mem::take(ends).into_boxed_slice();
            let mut room = std::mem::take(&mut self.room);
            room.reserve(self.packing.block_chunks * self.packing.chunk_bytes);
            self.full.push_back(Full { block: Block::new(chunks.take(room)), ends, newest: *newest });
            *newest = EventTime::MIN;
        }
    }

    /// Hands over what was kept under a key, the youngest first, beginning with the one at `place`.
    ///
    /// # Errors
    /// What was moved to disk cannot be read.
    pub(crate) fn walk(&self, mut place: u64, key: Key, mut visit: impl FnMut(EventTime, &[u8])) -> io::Result<()> {
        let (mut buffer, mut buffered, mut passed) = (Vec::new(), u64::MAX, Vec::new());
        while let Some((chunk, at)) = place.checked_sub(1).map(|place| (place >> 32, (place & 0xFFFF_FFFF) as usize)) {
            let per_block = self.packing.block_chunks as u64;
            let Some(index) = (chunk / per_block).checked_sub(self.first) else {
                return Ok(()); // It has gone, and so has all before it.
            };
            let number = (chunk % per_block) as usize;
            let bytes = match self.full.get(index as usize) {
                None => {
                    let all = self.open.chunks.bytes();
                    all.get(range(&self.open.ends, number, all.len())).unwrap_or_default()
                }
                Some(Full { block, ends, .. }) if block.resident_bytes() > 0 => {
                    block.read(range(ends, number, block.len()), &mut buffer)?
                }
                Some(Full { block, ends, .. }) => {
                    if buffered != chunk {
                        block.read(range(ends, number, block.len()), &mut buffer)?;
                        buffered = chunk;
                    }
                    &buffer
                }
            };
            let (back, time) = chunk::read(bytes, at, key, &mut passed).map_err(damaged)?;
            visit(time, &passed);
            place = if back == 0 { 0 } else { place.checked_sub(back).ok_or_else(|| damaged(WireError::Truncated))? };
        }
        Ok(())
    }

    /// Forgets blocks with nothing at or after `horizon`.
    pub(crate) fn forget(&mut self, horizon: EventTime) {
        while self.full.front().is_some_and(|full| full.newest < horizon) {
            self.full.pop_front();
            self.first += 1;
        }
        if self.full.is_empty() && !self.open.is_empty() && self.open.newest < horizon {
            self.open = Open::new();
            self.first += 1;
        }
    }

    /// Moves full blocks out of memory, the oldest first.
    pub(crate) fn spill(&mut self, scratch: &mut Scratch) -> io::Result<()> {
        let spilled = self.full.iter().rposition(|full| full.block.resident_bytes() == 0).map_or(0, |last| last + 1);
        for full in self.full.range_mut(spilled..) {
            if let Some(room) = scratch.spill(&mut full.block)? {
                self.room = room;
            }
        }
        Ok(())
    }

    /// The full blocks and their numbers.
    pub(crate) fn blocks(&self) -> impl Iterator<Item = (u64, &Block)> {
        (self.first..).zip(self.full.iter().map(|full| &full.block))
    }

    pub(crate) fn resident_bytes(&self) -> usize {
        let full: usize = self.full.iter().map(|full| full.block.resident_bytes() + size_of_val(&*full.ends)).sum();
        let open = self.open.chunks.resident_bytes() + 4 * self.open.ends.capacity();
        full + open + self.room.capacity() + self.full.capacity() * size_of::<Full>()
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
        let Open { chunks, ends, newest } = &self.open;
        out.extend_from_slice(&newest.0.to_le_bytes());
        put_ends(out, ends);
        put_bytes(out, chunks.bytes());
    }

    /// The ring saved, with its blocks in order. What was packed otherwise goes on as it was.
    pub(crate) fn load(reader: &mut Reader<'_>, blocks: &[Block]) -> Result<Ring, WireError> {
        let (chunk_bytes, block_chunks) = (reader.varint()? as usize, reader.varint()? as usize);
        let packing = Packing { chunk_bytes, block_chunks, ..Packing::default() };
        let mut ring = Ring { first: reader.varint()?, ..Ring::new(packing) };
        if packing.block_chunks == 0 || reader.varint()? != blocks.len() as u64 {
            return Err(WireError::Malformed("blocks of touchpoints kept for identity are missing"));
        }
        // Places have 32 bits for the number of a chunk.
        let blocks_begun = ring.first.checked_add(blocks.len() as u64 + 1);
        let chunks_begun = blocks_begun.and_then(|blocks| blocks.checked_mul(block_chunks as u64));
        if chunks_begun.is_none_or(|chunks| chunks > u64::from(u32::MAX)) {
            return Err(WireError::Malformed("more touchpoints kept for identity than have a place"));
        }
        for block in blocks {
            let newest = time(reader)?;
            let hash = u128::from_le_bytes(reader.array()?);
            let ends = ends(reader)?.into_boxed_slice();
            if hash != block.hash() || ends.last().is_none_or(|end| *end as usize != block.len()) {
                return Err(WireError::Malformed("a block of touchpoints kept for identity is another"));
            }
            ring.full.push_back(Full { block: block.clone(), ends, newest });
        }
        let newest = time(reader)?;
        let ends = ends(reader)?;
        if ends.len() > block_chunks {
            return Err(WireError::Malformed("an open block of touchpoints kept for identity is full"));
        }
        let chunks = Chunks::load(reader.bytes()?, ends.last().map_or(0, |end| *end as usize))?;
        ring.open = Open { chunks, ends, newest };
        Ok(ring)
    }
}

/// Where the chunk of this number lies: the last one to the end of all.
fn range(ends: &[u32], number: usize, end: usize) -> std::ops::Range<usize> {
    let ended = |number: usize| ends.get(number).map(|end| *end as usize);
    number.checked_sub(1).and_then(ended).unwrap_or(0)..ended(number).unwrap_or(end)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crumbtrail_events::Touchpoint;
    use crumbtrail_events::touchpoint::Head;

    const KEY: Key = Key(7);
    const SMALL: Packing = Packing { chunk_bytes: 1 << 10, block_chunks: 4, maps: 1 };

    fn of(ring: &Ring, place: u64) -> Vec<(i64, Vec<u8>)> {
        let mut seen = Vec::new();
        ring.walk(place, KEY, |at, passed| seen.push((at.0, passed.to_vec()))).unwrap();
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
        if let [first, _, ..] = &blocks[..] {
            assert!(Ring::load(&mut Reader::new(&bytes), &blocks[1..]).is_err());
            assert!(Ring::load(&mut Reader::new(&bytes), &vec![first.clone(); blocks.len()]).is_err());
        }
        loaded
    }

    /// A touchpoint as it is passed on; of some the key is another's.
    fn passed(n: u32, visitor: usize) -> Vec<u8> {
        let head = Head {
            key: Key(KEY.0 + u128::from(n.is_multiple_of(50))),
            id: u64::from(n) * 0x9E37_79B9_7F4A_7C15,
            occurred_at: EventTime(i64::from(n)),
            ..Head::default()
        };
        let (event_id, visitor, page) = (format!("e-{n}"), format!("v-{visitor}"), format!("/page/{}", n / 7 % 5));
        let touchpoint =
            Touchpoint { head, event_id: &event_id, site: "shop", visitor: &visitor, ..Touchpoint::default() };
        let mut bytes = Vec::new();
        Touchpoint { page: &page, country: "TH", city: "Bangkok", browser: "Firefox", ..touchpoint }.encode(&mut bytes);
        bytes
    }

    #[test]
    fn visitors_find_their_own_in_memory_on_disk_and_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let mut scratch = Scratch::new(folder.path().to_owned());
        let mut ring = Ring::new(SMALL);
        let mut places = [0u64; 3];
        let mut bytes = 0;
        let mut expected: [Vec<(i64, Vec<u8>)>; 3] = Default::default();
        for n in 0..5_000u32 {
            let visitor = (n * 7 % 3) as usize;
            let passed = passed(n, visitor);
            places[visitor] = ring.push(places[visitor], KEY, EventTime(i64::from(n)), &passed);
            bytes += passed.len();
            expected[visitor].insert(0, (i64::from(n), passed));
        }
        let held: usize = ring.blocks().map(|(_, block)| block.len()).sum();
        assert!(held * 2 < bytes, "{held} of {bytes}");
        assert!(ring.full.len() > 40 && ring.open.ends.len() > 1 && !ring.open.chunks.last().is_empty());
        let loaded = restored(&ring);
        let before = ring.resident_bytes();
        ring.spill(&mut scratch).unwrap();
        assert!(ring.resident_bytes() < before / 4 && ring.blocks().all(|(_, block)| block.resident_bytes() == 0));
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
        let place = ring.push(places[1], KEY, EventTime(9_000), b"and on");
        assert_eq!(of(&ring, place), [(9_000, b"and on".to_vec())]);
    }

    #[test]
    fn a_ring_restored_goes_on_as_if_it_had_never_been_interrupted() {
        let mut rings = [Ring::new(SMALL), Ring::new(SMALL)];
        for n in 0..400 {
            let [one, other] = rings.each_mut().map(|ring| ring.push(0, KEY, EventTime(i64::from(n)), &passed(n, 1)));
            assert_eq!(one, other);
            rings[1] = restored(&rings[1]);
        }
        let [one, other] = rings.each_ref().map(|ring| {
            let mut bytes = Vec::new();
            ring.save(&mut bytes);
            bytes
        });
        assert!(one == other && rings[0].blocks().eq(rings[1].blocks()));
    }

    #[test]
    fn a_touchpoint_larger_than_a_chunk_has_one_to_itself() {
        let mut ring = Ring::new(SMALL);
        let first = ring.push(0, KEY, EventTime(1), b"small");
        let second = ring.push(first, KEY, EventTime(2), &[7; 3 << 10]);
        let third = ring.push(second, KEY, EventTime(3), b"small again");
        let lengths: Vec<usize> = of(&ring, third).iter().map(|(_, passed)| passed.len()).collect();
        assert_eq!((lengths, ring.open.ends.len()), (vec![11, 3 << 10, 5], 2));
    }
}
