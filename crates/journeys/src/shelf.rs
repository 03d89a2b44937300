//! Packed touchpoints of all people, in immutable blocks that need not stay in memory.
//!
//! [Segments](crate::segment) stand one after the other in the order they were packed in, which is about that of time: what is
//! forgotten together lies together, so that one read serves many. A block goes when nobody's touchpoints are in it any more, the
//! oldest first. What stands where follows from what was packed and released alone; where a block lies decides nothing.
//!
//! ```text
//! block := segments · the numbers of all strings they name, ascending, each as the difference to the one before, varint
//! ```

use std::collections::VecDeque;
use std::io;
use std::ops::Range;

use crumbtrail_events::wire::{Reader, WireError, put_bytes, put_varint};
use crumbtrail_scratch::{Block, Scratch};

use crate::packed::Segment;
use crate::pending::Pending;
use crate::segment;
use crate::strings::Sym;

/// Bytes at which a block is full.
pub(crate) const BLOCK: usize = 192 << 10;
/// Room for the segment that crosses that, and the numbers of strings.
const SLACK: usize = 32 << 10;
/// Bytes read from disk at once.
const WINDOW: usize = 8 << 10;
/// So many of what was read last are kept: what one tick forgets was packed by a few, and is asked for by turns.
const WINDOWS: usize = 4;

/// The blocks.
#[derive(Debug)]
pub(crate) struct Shelf {
    block_bytes: usize,
    full: VecDeque<Full>,
    /// The block that is being filled.
    open: Vec<u8>,
    /// Segments in it that are somebody's.
    open_live: u32,
    /// Number of the first block.
    first: u32,
    /// How many of the full blocks, the first, were moved to disk.
    moved: usize,
    windows: [Window; WINDOWS],
    /// What was read last, unpacked.
    read: Pending,
    reads: u64,
    /// Room of a block that went to disk, for the next.
    room: Vec<u8>,
}

/// A full block.
#[derive(Debug)]
struct Full {
    block: Block,
    /// Bytes of segments in it.
    content: usize,
    /// Segments in it that are somebody's.
    live: u32,
}

/// Bytes of a block that were read from disk.
#[derive(Debug, Default)]
struct Window {
    block: u32,
    at: usize,
    bytes: Vec<u8>,
}

impl Window {
    fn shows(&self, number: u32, range: &Range<usize>) -> bool {
        self.block == number && self.at <= range.start && range.end <= self.at + self.bytes.len()
    }

    fn open(&mut self, block: &Block, number: u32, range: Range<usize>) -> io::Result<()> {
        (self.block, self.at) = (number, range.start);
        let read = block.read(range, &mut self.bytes).map(drop);
        if read.is_err() {
            self.bytes.clear();
        }
        read
    }
}

impl Shelf {
    pub(crate) fn new(block_bytes: usize) -> Shelf {
        Shelf {
            block_bytes,
            full: VecDeque::new(),
            open: Vec::new(),
            open_live: 0,
            first: 0,
            moved: 0,
            windows: Default::default(),
            read: Pending::default(),
            reads: 0,
            room: Vec::new(),
        }
    }

    /// Packs those in `range` of what is pending; tells where they lie.
    ///
    /// # Errors
    /// The block that is full with them does not read back: a bug, or memory is damaged.
    pub(crate) fn push(&mut self, pending: &Pending, range: Range<usize>) -> io::Result<Segment> {
        if self.open.len() >= self.block_bytes {
            self.close()?;
        }
        let at = self.open.len();
        let (newest, count) = (pending.points[range.end - 1].at, range.len() as u32);
        segment::put(pending, range, &mut self.open);
        self.open_live += 1;
        Ok(Segment { newest, block: self.open_number(), at: at as u32, length: (self.open.len() - at) as u32, count })
    }

    /// Ends the open block.
    fn close(&mut self) -> io::Result<()> {
        let (content, mut names) = (self.open.len(), Vec::new());
        mark(&self.open, &mut |sym| names.push(sym.0)).map_err(damaged)?;
        names.sort_unstable();
        names.dedup();
        let mut before = 0;
        for name in names {
            put_varint(&mut self.open, u64::from(name - before));
            before = name;
        }
        let mut room = std::mem::take(&mut self.room);
        room.reserve(self.block_bytes + SLACK);
        let block = Block::new(std::mem::replace(&mut self.open, room));
        self.full.push_back(Full { block, content, live: std::mem::take(&mut self.open_live) });
        Ok(())
    }

    /// The touchpoints of a segment.
    ///
    /// # Errors
    /// They were moved to disk and cannot be read, or are damaged.
    pub(crate) fn read(&mut self, segment: &Segment) -> io::Result<&Pending> {
        self.read.clear();
        let range = segment.at as usize..segment.at as usize + segment.length as usize;
        let bytes = match self.full.get(segment.block.wrapping_sub(self.first) as usize) {
            None => self.open.get(range).ok_or_else(|| damaged(WireError::Truncated))?,
            Some(Full { block, .. }) if block.resident_bytes() > 0 => block.read(range, &mut self.windows[0].bytes)?,
            Some(Full { block, content, .. }) => {
                let there = self.windows.iter().position(|window| window.shows(segment.block, &range));
                let window = &mut self.windows[there.unwrap_or(self.reads as usize % WINDOWS)];
                if there.is_none() {
                    self.reads += 1;
                    window.open(
                        block,
                        segment.block,
                        range.start..range.end.max((range.start + WINDOW).min(*content)),
                    )?;
                }
                &window.bytes[range.start - window.at..][..range.len()]
            }
        };
        segment::get(bytes, &mut self.read).map_err(damaged)?;
        Ok(&self.read)
    }

    /// A segment is nobody's any more.
    pub(crate) fn release(&mut self, segment: &Segment) {
        match self.full.get_mut(segment.block.wrapping_sub(self.first) as usize) {
            Some(full) => full.live -= 1,
            None => {
                self.open_live -= 1;
                if self.open_live == 0 {
                    self.open.clear();
                }
            }
        }
        while self.full.front().is_some_and(|full| full.live == 0) {
            self.full.pop_front();
            self.first = self.first.wrapping_add(1);
            self.moved = self.moved.saturating_sub(1);
        }
    }

    /// Names the strings that segments name.
    ///
    /// # Errors
    /// As [`Shelf::read`].
    pub(crate) fn mark(&self, keep: &mut dyn FnMut(Sym)) -> io::Result<()> {
        let mut buffer = Vec::new();
        for Full { block, content, .. } in &self.full {
            let mut reader = Reader::new(block.read(*content..block.len(), &mut buffer)?);
            let mut name = 0;
            while !reader.is_empty() {
                name = reader.varint_u32().map_err(damaged)?.wrapping_add(name);
                keep(Sym(name));
            }
        }
        mark(&self.open, keep).map_err(damaged)
    }

    /// Moves full blocks out of memory, the oldest first, until no more than so many bytes of them are left in it.
    pub(crate) fn spill(&mut self, scratch: &mut Scratch, most_resident: usize) -> io::Result<()> {
        let mut resident: usize = self.full.range(self.moved..).map(|full| full.block.resident_bytes()).sum();
        while let Some(full) = self.full.get_mut(self.moved).filter(|_| resident > most_resident) {
            resident -= full.block.resident_bytes();
            if let Some(room) = scratch.spill(&mut full.block)? {
                self.room = room;
            }
            self.moved += 1;
        }
        Ok(())
    }

    /// The full blocks and their numbers.
    pub(crate) fn blocks(&self) -> impl Iterator<Item = (u64, &Block)> {
        (u64::from(self.first)..).zip(self.full.iter().map(|full| &full.block))
    }

    /// How often something was read from disk since this was made; not stored.
    pub(crate) fn reads(&self) -> u64 {
        self.reads
    }

    /// Bytes that lie on disk.
    pub(crate) fn bytes_on_disk(&self) -> usize {
        self.full.iter().map(|full| full.block.len() - full.block.resident_bytes()).sum()
    }

    pub(crate) fn resident_bytes(&self) -> usize {
        let full: usize = self.full.iter().map(|full| full.block.resident_bytes()).sum();
        let buffers = self.open.capacity()
            + self.room.capacity()
            + self.windows.iter().map(|window| window.bytes.capacity()).sum::<usize>();
        full + buffers + self.read.resident_bytes() + self.full.capacity() * size_of::<Full>()
    }

    /// Appends all but the blocks' bytes.
    pub(crate) fn save(&self, out: &mut Vec<u8>) {
        put_varint(out, self.block_bytes as u64);
        put_varint(out, u64::from(self.first));
        put_varint(out, self.full.len() as u64);
        for Full { block, content, .. } in &self.full {
            put_varint(out, *content as u64);
            out.extend_from_slice(&block.hash().to_le_bytes());
        }
        put_bytes(out, &self.open);
    }

    /// The shelf saved, with its blocks in order, and nobody's yet: whose segments are in it is told by [`Shelf::claim`].
    pub(crate) fn load(reader: &mut Reader<'_>, blocks: &[Block]) -> Result<Shelf, WireError> {
        let mut shelf = Shelf::new(usize::try_from(reader.varint()?).map_err(|_| WireError::Truncated)?);
        shelf.first = reader.varint_u32()?;
        if reader.varint()? != blocks.len() as u64 {
            return Err(WireError::Malformed("blocks of packed touchpoints are missing"));
        }
        for block in blocks {
            let content = usize::try_from(reader.varint()?).unwrap_or(usize::MAX);
            if u128::from_le_bytes(reader.array()?) != block.hash() || content > block.len() {
                return Err(WireError::Malformed("a block of packed touchpoints is another"));
            }
            shelf.full.push_back(Full { block: block.clone(), content, live: 0 });
        }
        shelf.open.extend_from_slice(reader.bytes()?);
        Ok(shelf)
    }

    /// Somebody's segment is here; whether it can be.
    pub(crate) fn claim(&mut self, segment: &Segment) -> bool {
        let open = self.open_number();
        let (live, content) = match self.full.get_mut(segment.block.wrapping_sub(self.first) as usize) {
            Some(Full { live, content, .. }) => (live, *content),
            None if segment.block == open => (&mut self.open_live, self.open.len()),
            None => return false,
        };
        *live += 1;
        u64::from(segment.at) + u64::from(segment.length) <= content as u64
    }

    /// Whether nothing is kept that is nobody's; when all is claimed.
    pub(crate) fn is_sound(&self) -> bool {
        self.full.front().is_none_or(|full| full.live > 0) && (self.open.is_empty() == (self.open_live == 0))
    }

    fn open_number(&self) -> u32 {
        self.first.wrapping_add(self.full.len() as u32)
    }
}

/// Names the strings that segments name which stand one after the other.
fn mark(segments: &[u8], keep: &mut dyn FnMut(Sym)) -> Result<(), WireError> {
    let mut pending = Pending::default();
    segment::each(segments, |segment| {
        pending.clear();
        segment::get(segment, &mut pending)?;
        pending.mark(keep);
        Ok(())
    })
}

fn damaged(error: WireError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::strings::Strings;
    use crumbtrail_events::touchpoint::Head;
    use crumbtrail_events::{EventTime, Touchpoint};
    use std::collections::BTreeSet;

    /// A touchpoint in a city of its own.
    fn pending(n: i64, strings: &mut Strings) -> Pending {
        let (city, mut pending) = (format!("city {n}"), Pending::default());
        let head = Head { occurred_at: EventTime(n), id: n as u64, ..Head::default() };
        pending.insert(&Touchpoint { head, city: &city, ..Touchpoint::default() }, false, strings);
        pending
    }

    #[test]
    fn strings_of_what_is_packed_are_named_wherever_it_lies() {
        let folder = tempfile::tempdir().unwrap();
        let (mut strings, mut shelf) = (Strings::new(), Shelf::new(200));
        let segments: Vec<Segment> = (0..100).map(|n| shelf.push(&pending(n, &mut strings), 0..1).unwrap()).collect();
        let all: BTreeSet<u32> = (0..=100).collect();
        let named = |shelf: &Shelf| {
            let mut named = BTreeSet::new();
            shelf.mark(&mut |sym| _ = named.insert(sym.0)).unwrap();
            named
        };
        assert!(shelf.full.len() > 5 && !shelf.open.is_empty());
        assert_eq!(named(&shelf), all);
        shelf.spill(&mut Scratch::new(folder.path().to_owned()), 1_000).unwrap();
        assert!(shelf.full.iter().map(|full| full.block.resident_bytes()).sum::<usize>() <= 1_000);
        assert!(shelf.full.back().is_some_and(|newest| newest.block.resident_bytes() > 0));
        assert!(shelf.bytes_on_disk() > 1_500);
        assert_eq!(named(&shelf), all);
        // One read serves those of a block, in order.
        for (n, segment) in segments.iter().enumerate() {
            assert_eq!(shelf.read(segment).unwrap().points[0].id, n as u64);
        }
        assert_eq!(shelf.reads(), shelf.moved as u64);
        segments[..50].iter().for_each(|segment| shelf.release(segment));
        assert!(named(&shelf).len() < 61 && named(&shelf).contains(&100) && !named(&shelf).contains(&30));
        segments[50..].iter().for_each(|segment| shelf.release(segment));
        assert_eq!((shelf.full.len(), shelf.open.len(), shelf.moved), (0, 0, 0));
    }
}
