//! Every string of the state once, as a number: states become plain values that copy fast.

use crumbtrail_events::Pieces;
use crumbtrail_events::wire::{Reader, WireError, put_bytes, put_varint};
use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64;

/// A string of [`Strings`]. The default is the empty string.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Sym(pub(crate) u32);

impl Sym {
    /// Whether it is the empty string.
    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// This string, or `other` if this one is empty.
    pub(crate) fn or(self, other: Sym) -> Sym {
        if self.is_empty() { other } else { self }
    }
}

#[derive(Clone, Copy, Debug)]
struct Span {
    start: u64,
    len: u32,
}

const FREE: u32 = u32::MAX;
/// Below this many strings a sweep is not worth its time.
const SWEEP_FLOOR: usize = 1 << 16;

/// The strings in use. Numbers are stable; a sweep frees those that nobody names any more.
#[derive(Debug)]
pub(crate) struct Strings {
    text: String,
    spans: Vec<Span>,
    table: HashTable<u32>,
    /// Free numbers, descending, so that the least is taken first (and a loaded snapshot goes on alike).
    free: Vec<u32>,
    sweep_at: usize,
    saving: Option<Box<Saving>>,
}

/// A save under way: of the strings there were when it began. They stay where they are; a number that was free then is saved as
/// free, whatever it has become.
#[derive(Debug)]
struct Saving {
    /// Numbers there were, and the next to be saved.
    count: u32,
    next: u32,
    /// Those that were free and are still to be saved, descending.
    free: Vec<u32>,
    pieces: Pieces,
}

impl Strings {
    pub(crate) fn new() -> Strings {
        Strings {
            text: String::new(),
            spans: vec![Span { start: 0, len: 0 }],
            table: HashTable::new(),
            free: Vec::new(),
            sweep_at: SWEEP_FLOOR,
            saving: None,
        }
    }

    /// The string of `sym`; one that was swept reads as empty.
    #[inline]
    pub(crate) fn get(&self, sym: Sym) -> &str {
        of(&self.text, &self.spans, sym)
    }

    /// The number of `string`, new if need be.
    #[inline]
    pub(crate) fn intern(&mut self, string: &str) -> Sym {
        if string.is_empty() {
            return Sym(0);
        }
        let hash = xxh3_64(string.as_bytes());
        let (text, spans) = (&self.text, &self.spans);
        let same = |&i: &u32| {
            let span = spans[i as usize];
            span.len as usize == string.len()
                && &text.as_bytes()[span.start as usize..][..string.len()] == string.as_bytes()
        };
        if let Some(&found) = self.table.find(hash, same) {
            return Sym(found);
        }
        self.insert(hash, string)
    }

    #[cold]
    fn insert(&mut self, hash: u64, string: &str) -> Sym {
        let span = Span { start: self.text.len() as u64, len: string.len() as u32 };
        self.text.push_str(string);
        let number = match self.free.pop() {
            Some(number) => {
                self.spans[number as usize] = span;
                number
            }
            None => {
                self.spans.push(span);
                (self.spans.len() - 1) as u32
            }
        };
        let (text, spans) = (&self.text, &self.spans);
        self.table.insert_unique(hash, number, |&i| rehash(text, spans, i));
        Sym(number)
    }

    /// Whether so many strings were added since the last sweep that another one pays.
    pub(crate) fn wants_sweep(&self) -> bool {
        self.table.len() >= self.sweep_at
    }

    /// Frees every string but those `mark` names.
    pub(crate) fn sweep(&mut self, mark: impl FnOnce(&mut dyn FnMut(Sym))) {
        // Numbers stay what they are, so what is still to be saved of others goes on.
        self.save_on(usize::MAX);
        let mut used = vec![false; self.spans.len()];
        mark(&mut |sym| {
            if let Some(slot) = used.get_mut(sym.0 as usize) {
                *slot = true;
            }
        });
        let mut text = String::new();
        for (i, span) in self.spans.iter_mut().enumerate().skip(1) {
            if span.len == FREE {
                continue;
            }
            if used[i] {
                let start = text.len() as u64;
                text.push_str(&self.text[span.start as usize..][..span.len as usize]);
                span.start = start;
            } else {
                *span = Span { start: 0, len: FREE };
            }
        }
        self.text = text;
        self.index();
        self.sweep_at = (self.table.len() * 2).max(SWEEP_FLOOR);
    }

    fn index(&mut self) {
        self.table = HashTable::with_capacity(self.spans.len());
        self.free.clear();
        let (text, spans) = (&self.text, &self.spans);
        for i in (1..spans.len() as u32).rev() {
            if spans[i as usize].len == FREE {
                self.free.push(i);
            } else {
                self.table.insert_unique(rehash(text, spans, i), i, |&i| rehash(text, spans, i));
            }
        }
    }

    pub(crate) fn resident_bytes(&self) -> usize {
        self.text.capacity()
            + self.spans.capacity() * size_of::<Span>()
            + self.table.capacity() * 5
            + self.free.capacity() * 4
    }

    /// Begins to save the strings as they are now, in the bytes of [`Strings::put`].
    pub(crate) fn begin_save(&mut self) {
        let mut begin = Vec::new();
        self.put_begin(&mut begin);
        let count = self.spans.len() as u32;
        let pieces = Pieces::beginning(begin);
        self.saving = Some(Box::new(Saving { count, next: 1, free: self.free.clone(), pieces }));
    }

    /// Saves about so many bytes more, and tells how many it did: 0 when all are saved.
    pub(crate) fn save_on(&mut self, most: usize) -> usize {
        let Strings { text, spans, saving: Some(saving), .. } = self else { return 0 };
        let Saving { count, next, free, pieces } = &mut **saving;
        let mut saved = 0;
        while saved < most && next < count {
            let is_free = free.pop_if(|free| free == next).is_some();
            let string = if is_free { "" } else { of(text, spans, Sym(*next)) };
            put_bytes(pieces.open(), string.as_bytes());
            saved += string.len() + 1;
            *next += 1;
        }
        saved
    }

    /// What was saved.
    pub(crate) fn saved(&mut self) -> Pieces {
        self.save_on(usize::MAX);
        self.saving.take().map(|saving| saving.pieces).unwrap_or_default()
    }

    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        self.put_begin(out);
        // A free number is stored as an empty string: the empty string itself is never interned.
        for i in 1..self.spans.len() as u32 {
            put_bytes(out, self.get(Sym(i)).as_bytes());
        }
    }

    fn put_begin(&self, out: &mut Vec<u8>) {
        put_varint(out, self.sweep_at as u64);
        put_varint(out, self.spans.len() as u64 - 1);
    }

    pub(crate) fn load(reader: &mut Reader<'_>) -> Result<Strings, WireError> {
        let mut strings = Strings::new();
        strings.sweep_at = reader.varint()? as usize;
        for _ in 0..reader.varint()? {
            let string = reader.str()?;
            let len = if string.is_empty() { FREE } else { string.len() as u32 };
            strings.spans.push(Span { start: strings.text.len() as u64, len });
            strings.text.push_str(string);
        }
        strings.index();
        Ok(strings)
    }
}

fn rehash(text: &str, spans: &[Span], number: u32) -> u64 {
    let span = spans[number as usize];
    xxh3_64(&text.as_bytes()[span.start as usize..][..span.len as usize])
}

#[inline]
fn of<'a>(text: &'a str, spans: &[Span], sym: Sym) -> &'a str {
    match spans.get(sym.0 as usize) {
        Some(span) if span.len != FREE => &text[span.start as usize..][..span.len as usize],
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_strings_share_a_number_and_a_sweep_frees_the_unnamed() {
        let mut strings = Strings::new();
        let (a, b, c) = (strings.intern("Bangkok"), strings.intern("Jakarta"), strings.intern("ขอนแก่น"));
        assert_eq!(strings.intern("Bangkok"), a);
        assert_eq!(strings.intern(""), Sym::default());
        strings.sweep(|keep| {
            keep(a);
            keep(c);
        });
        assert_eq!((strings.get(a), strings.get(b), strings.get(c)), ("Bangkok", "", "ขอนแก่น"));
        assert_eq!(strings.intern("Surabaya"), b, "the freed number is used again");
        assert_eq!(strings.intern("ขอนแก่น"), c);
    }

    #[test]
    fn a_loaded_table_gives_the_same_numbers() {
        let mut strings = Strings::new();
        let kept: Vec<Sym> = (0..50).map(|i| strings.intern(&format!("s{i}"))).collect();
        strings.sweep(|keep| kept.iter().step_by(2).for_each(|&s| keep(s)));
        let mut bytes = Vec::new();
        strings.put(&mut bytes);
        let mut loaded = Strings::load(&mut Reader::new(&bytes)).unwrap();
        for i in 0..80 {
            let string = format!("t{i}");
            assert_eq!(strings.intern(&string), loaded.intern(&string));
        }
        assert_eq!(loaded.get(kept[48]), "s48");
    }
}
