//! Every distinct string and attribute tuple once, named by a 32-bit symbol.
//!
//! A *leaf* is bytes. A *tuple* begins with up to 7 symbols of other values. Nobody counts references: the owner of
//! the state marks what it holds and sweeps the rest, when as much was added as there was left after the last sweep.
//! Symbols never reach rows or snapshots, so it does not matter which value got which.

use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64;

/// The name of an interned value; [`Symbol::NONE`] names nothing (the empty string).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Symbol(pub(crate) u32);

impl Symbol {
    /// Nothing.
    pub(crate) const NONE: Symbol = Symbol(0);

    /// Whether it names nothing.
    pub(crate) fn is_none(self) -> bool {
        self.0 == 0
    }
}

/// Bytes of one chunk of the arena.
const CHUNK: usize = 64 << 10;

/// Where a value lies: chunk, begin, length, and how many symbols it begins with.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    chunk: u32,
    begin: u32,
    len: u32,
    symbols: u8,
}

/// A free entry, in the place of a number of symbols.
const FREE: u8 = u8::MAX;

/// The table of values.
#[derive(Debug)]
pub(crate) struct Interner {
    places: Vec<Place>,
    chunks: Vec<Vec<u8>>,
    index: HashTable<u32>,
    free: Vec<u32>,
    added: usize,
    kept: usize,
    marks: Vec<u64>,
}

impl Interner {
    /// Fewest additions between two sweeps.
    const FEWEST: usize = 4096;

    /// A table with nothing in it.
    pub(crate) fn new() -> Interner {
        Interner {
            places: vec![Place::default()],
            chunks: Vec::new(),
            index: HashTable::new(),
            free: Vec::new(),
            added: 0,
            kept: 0,
            marks: Vec::new(),
        }
    }

    /// The symbol of a string.
    pub(crate) fn text(&mut self, text: &str) -> Symbol {
        if text.is_empty() { Symbol::NONE } else { self.value(text.as_bytes(), 0) }
    }

    /// The symbol of a string's bytes.
    pub(crate) fn bytes_of(&mut self, text: &[u8]) -> Symbol {
        if text.is_empty() { Symbol::NONE } else { self.value(text, 0) }
    }

    /// The symbol of a value that begins with `symbols` symbols, 4 little-endian bytes each.
    pub(crate) fn value(&mut self, bytes: &[u8], symbols: u8) -> Symbol {
        let hash = xxh3_64(bytes);
        let (places, chunks) = (&self.places, &self.chunks);
        let is_it = |&n: &u32| {
            let place = places[n as usize];
            place.len as usize == bytes.len() && place.symbols == symbols && read(chunks, place) == bytes
        };
        if let Some(&n) = self.index.find(hash, is_it) {
            return Symbol(n);
        }
        let n = self.add(bytes, symbols);
        let (places, chunks) = (&self.places, &self.chunks);
        self.index.insert_unique(hash, n, |&n| xxh3_64(read(chunks, places[n as usize])));
        Symbol(n)
    }

    fn add(&mut self, bytes: &[u8], symbols: u8) -> u32 {
        let place = append(&mut self.chunks, bytes, symbols);
        self.added += 1;
        if let Some(n) = self.free.pop() {
            self.places[n as usize] = place;
            return n;
        }
        self.places.push(place);
        (self.places.len() - 1) as u32
    }

    /// The bytes of a value; empty for [`Symbol::NONE`].
    pub(crate) fn bytes(&self, symbol: Symbol) -> &[u8] {
        if symbol.is_none() { &[] } else { read(&self.chunks, self.places[symbol.0 as usize]) }
    }

    /// The string a symbol names; empty for [`Symbol::NONE`] and for what is no string.
    pub(crate) fn str(&self, symbol: Symbol) -> &str {
        std::str::from_utf8(self.bytes(symbol)).unwrap_or_default()
    }

    /// How many symbols a value begins with.
    pub(crate) fn symbols(&self, symbol: Symbol) -> u8 {
        match self.places[symbol.0 as usize].symbols {
            FREE => 0,
            symbols => symbols,
        }
    }

    /// The `n`-th symbol a tuple begins with.
    pub(crate) fn part(&self, symbol: Symbol, n: usize) -> Symbol {
        let bytes = self.bytes(symbol);
        match bytes.get(4 * n..4 * n + 4).and_then(|part| part.first_chunk::<4>()) {
            Some(part) => Symbol(u32::from_le_bytes(*part)),
            None => Symbol::NONE,
        }
    }

    /// The first `N` symbols a tuple begins with.
    pub(crate) fn parts<const N: usize>(&self, symbol: Symbol) -> [Symbol; N] {
        let (parts, _) = self.bytes(symbol).as_chunks::<4>();
        std::array::from_fn(|n| parts.get(n).map_or(Symbol::NONE, |part| Symbol(u32::from_le_bytes(*part))))
    }

    /// Whether it is time to mark and sweep.
    pub(crate) fn wants_sweep(&self) -> bool {
        self.added > self.kept.max(Interner::FEWEST)
    }

    /// Marks a value and what it begins with as in use.
    pub(crate) fn mark(&mut self, symbol: Symbol) {
        self.marks.resize(self.places.len().div_ceil(64), 0);
        let (word, bit) = (symbol.0 as usize / 64, 1u64 << (symbol.0 % 64));
        if symbol.is_none() || self.marks[word] & bit != 0 {
            return;
        }
        self.marks[word] |= bit;
        for n in 0..usize::from(self.symbols(symbol)) {
            self.mark(self.part(symbol, n));
        }
    }

    /// Frees what is not marked, moves the rest together, and clears the marks.
    pub(crate) fn sweep(&mut self) {
        self.marks.resize(self.places.len().div_ceil(64), 0);
        let old = std::mem::take(&mut self.chunks);
        self.index.clear();
        self.free.clear();
        self.kept = 0;
        for n in 1..self.places.len() {
            let place = self.places[n];
            if self.marks[n / 64] & (1 << (n % 64)) == 0 || place.symbols == FREE {
                self.places[n].symbols = FREE;
                self.free.push(n as u32);
                continue;
            }
            self.places[n] = append(&mut self.chunks, read(&old, place), place.symbols);
            self.kept += 1;
        }
        let (places, chunks) = (&self.places, &self.chunks);
        let hash = |n: u32| xxh3_64(read(chunks, places[n as usize]));
        for n in (1..places.len() as u32).filter(|&n| places[n as usize].symbols != FREE) {
            self.index.insert_unique(hash(n), n, |&n| hash(n));
        }
        self.marks.clear();
        self.added = 0;
    }

    /// One more than the highest symbol.
    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    /// Bytes of memory, by capacity.
    pub(crate) fn resident_bytes(&self) -> usize {
        self.places.capacity() * size_of::<Place>()
            + self.chunks.iter().map(|chunk| chunk.capacity()).sum::<usize>()
            + self.index.allocation_size()
            + self.free.capacity() * 4
            + self.marks.capacity() * 8
    }
}

fn read(chunks: &[Vec<u8>], place: Place) -> &[u8] {
    &chunks[place.chunk as usize][place.begin as usize..(place.begin + place.len) as usize]
}

fn append(chunks: &mut Vec<Vec<u8>>, bytes: &[u8], symbols: u8) -> Place {
    if chunks.last().is_none_or(|chunk| chunk.capacity() - chunk.len() < bytes.len()) {
        chunks.push(Vec::with_capacity(bytes.len().max(CHUNK)));
    }
    let n = chunks.len() - 1;
    let chunk = &mut chunks[n];
    let place = Place { chunk: n as u32, begin: chunk.len() as u32, len: bytes.len() as u32, symbols };
    chunk.extend_from_slice(bytes);
    place
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_have_one_symbol_and_sweeping_keeps_what_is_marked() {
        let mut interner = Interner::new();
        let a = interner.text("Bangkok");
        let b = interner.text("Jakarta");
        assert_eq!(interner.text("Bangkok"), a);
        assert_eq!(interner.text(""), Symbol::NONE);
        let tuple = interner.value(&[a.0.to_le_bytes(), [9; 4]].concat(), 1);
        assert_eq!(interner.part(tuple, 0), a);
        interner.mark(tuple);
        interner.sweep();
        assert_eq!(interner.str(a), "Bangkok");
        let c = interner.text("Surabaya");
        assert_eq!((c, interner.str(c)), (b, "Surabaya"), "the freed symbol is used again");
        assert_eq!(interner.text("Bangkok"), a);
        assert_eq!(interner.str(Symbol::NONE), "");
    }

    #[test]
    fn values_larger_than_a_chunk_fit() {
        let mut interner = Interner::new();
        let long = "x".repeat(3 * CHUNK);
        let small = interner.text("s");
        let symbol = interner.text(&long);
        assert_eq!(interner.str(symbol), long);
        assert_eq!(interner.str(small), "s");
    }
}
