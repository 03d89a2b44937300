//! Events of quiet visitors, on disk: with a lateness of days nearly all that is kept waits for a late event that rarely comes.
//!
//! Those of many chains lie back to back in one pack. A chain keeps its ends in memory, which say when it closes and whether an event is
//! near; for all else its events come back first. `spill.rs` says which go, and when they return.
//!
//! ```text
//!  memory   chain ●──────●    chain ●────●    chain ●──────────●
//!                 └──┐   └────────┐ └──┐
//!  pack        │●●●●●●●●●●●●│●●●●●●●●●●●●●●●●●●│●●●●●●●●●●●●│ …
//! ```

use crate::event::Event;
use crate::intern::{Interner, Symbol};
use crumbtrail_scratch::{Block, Scratch};
use std::io;
use std::sync::{Arc, Weak};
use xxhash_rust::xxh3::xxh3_64;

/// Behind the events of a chain stands their hash.
const HASH: usize = size_of::<u64>();

/// Events of many chains. Its symbols are this process's, so it is no part of a snapshot.
#[derive(Debug)]
pub(crate) struct Pack {
    block: Block,
    /// What its events name, each once: a sweep need not read them.
    symbols: Box<[Symbol]>,
}

/// Where the events of a chain lie; a clone shares them.
#[derive(Clone, Debug)]
pub(crate) struct Away {
    /// The first one.
    pub(crate) first: Event,
    /// The last one.
    pub(crate) last: Event,
    pack: Arc<Pack>,
    at: u32,
    len: u32,
}

impl Away {
    /// So many events that were put into a pack at `at`, by their ends.
    pub(crate) fn new(pack: &Arc<Pack>, at: u32, (first, last): (Event, Event), len: usize) -> Away {
        Away { first, last, pack: pack.clone(), at, len: len as u32 }
    }

    /// How many they are.
    pub(crate) fn len(&self) -> usize {
        self.len as usize
    }

    /// Reads them.
    ///
    /// # Errors
    /// The scratch file cannot be read.
    pub(crate) fn read(&self) -> io::Result<Vec<Event>> {
        let mut buffer = Vec::new();
        let (begin, length) = (self.at as usize, self.len() * Event::BYTES);
        let bytes = self.pack.block.read(begin..begin + length + HASH, &mut buffer)?;
        let (bytes, hash) = bytes.split_at(length);
        let damaged = || io::Error::new(io::ErrorKind::InvalidData, "events in a scratch file are damaged");
        if xxh3_64(bytes).to_le_bytes() != *hash {
            return Err(damaged());
        }
        // Room for as many and no more.
        let mut events = Vec::with_capacity(self.len());
        for packed in bytes.as_chunks().0 {
            events.push(Event::unpacked(packed).ok_or_else(damaged)?);
        }
        Ok(events)
    }
}

/// A pack that is being filled.
#[derive(Debug)]
pub(crate) struct Filling {
    bytes: Vec<u8>,
    symbols: Vec<Symbol>,
}

impl Filling {
    /// Bytes at which a pack is full.
    pub(crate) const FULL: usize = 512 << 10;

    /// Whether nothing more is to be put in.
    pub(crate) fn is_full(&self) -> bool {
        self.bytes.len() >= Filling::FULL
    }

    /// Puts the events of a chain in; gives the place of the first.
    pub(crate) fn put<'a>(&mut self, events: impl Iterator<Item = &'a Event>) -> u32 {
        let at = self.bytes.len();
        for event in events {
            self.bytes.extend_from_slice(&event.packed());
            self.symbols.extend(event.symbols());
        }
        let hash = xxh3_64(&self.bytes[at..]);
        self.bytes.extend_from_slice(&hash.to_le_bytes());
        at as u32
    }
}

/// All packs of a state.
#[derive(Debug, Default)]
pub(crate) struct Packs {
    /// Those of which a chain needs something, and some of which none does any more.
    packs: Vec<Weak<Pack>>,
    /// Room of a pack that went to disk, for the next.
    room: Vec<u8>,
}

impl Packs {
    /// Begins a pack.
    pub(crate) fn begin(&mut self) -> Filling {
        Filling { bytes: std::mem::take(&mut self.room), symbols: Vec::new() }
    }

    /// Writes a pack to disk.
    ///
    /// # Errors
    /// It cannot be written; the events are where they were.
    pub(crate) fn end(&mut self, filling: Filling, scratch: &mut Scratch) -> io::Result<Arc<Pack>> {
        let Filling { bytes, mut symbols } = filling;
        symbols.sort_unstable();
        symbols.dedup();
        let mut block = Block::new(bytes);
        self.room = scratch.spill(&mut block)?.unwrap_or_default();
        let pack = Arc::new(Pack { block, symbols: symbols.into_boxed_slice() });
        self.packs.retain(|pack| pack.strong_count() > 0);
        self.packs.push(Arc::downgrade(&pack));
        Ok(pack)
    }

    /// Marks the symbols that packs hold.
    pub(crate) fn mark(&self, interner: &mut Interner) {
        for pack in self.packs.iter().filter_map(Weak::upgrade) {
            pack.symbols.iter().for_each(|&symbol| interner.mark(symbol));
        }
    }

    /// Bytes on disk.
    pub(crate) fn bytes_on_disk(&self) -> usize {
        self.packs.iter().filter_map(Weak::upgrade).map(|pack| pack.block.len()).sum()
    }

    /// Bytes of memory.
    pub(crate) fn resident_bytes(&self) -> usize {
        let symbols: usize = self.packs.iter().filter_map(Weak::upgrade).map(|pack| size_of_val(&*pack.symbols)).sum();
        symbols + self.packs.len() * (size_of::<Pack>() + size_of::<Weak<Pack>>()) + self.room.capacity()
    }
}
