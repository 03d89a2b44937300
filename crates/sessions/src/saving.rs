//! A snapshot under way.

use crate::intern::{Interner, Symbol};
use crumbtrail_events::Pieces;
use crumbtrail_events::wire::{put_bytes, put_varint};

/// Numbers symbols in the order of their first use, and writes their values down.
#[derive(Debug)]
pub(crate) struct Numbers {
    numbers: Vec<u32>,
    pub(crate) count: u32,
    pub(crate) values: Vec<u8>,
}

impl Numbers {
    pub(crate) fn new(interner: &Interner) -> Numbers {
        Numbers { numbers: vec![0; interner.len()], count: 0, values: Vec::new() }
    }

    pub(crate) fn of(&mut self, symbol: Symbol, interner: &Interner) -> Symbol {
        if symbol.is_none() {
            return symbol;
        }
        let at = symbol.0 as usize;
        if self.numbers[at] == 0 {
            let parts = interner.symbols(symbol);
            let numbered: Vec<Symbol> =
                (0..usize::from(parts)).map(|n| self.of(interner.part(symbol, n), interner)).collect();
            self.values.push(parts);
            numbered.iter().for_each(|part| put_varint(&mut self.values, u64::from(part.0)));
            put_bytes(&mut self.values, &interner.bytes(symbol)[4 * usize::from(parts)..]);
            self.count += 1;
            self.numbers[at] = self.count;
        }
        Symbol(self.numbers[at])
    }
}

/// A save under way: of the state as it was when it began.
#[derive(Debug)]
pub(crate) struct Saving {
    pub(crate) times: [i64; 3],
    pub(crate) numbers: Numbers,
    pub(crate) keys: u64,
    /// The keys' bytes.
    pub(crate) pieces: Pieces,
}
