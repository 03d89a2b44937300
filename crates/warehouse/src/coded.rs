//! A low-cardinality column as the server keeps it: its distinct strings once, and a number for every row.
//!
//! Format: ClickHouse's `SerializationLowCardinality` with additional keys alone, as the Native format carries it: the
//! version, then a word with the width of the numbers, the count of strings, the strings, the count of rows, the numbers.

use crumbtrail_events::wire::put_bytes;
use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64;

/// Shared dictionaries with additional keys: the only version there is.
const VERSION: u64 = 1;
/// Flags: there are additional keys, and the server's dictionary takes them in.
const FLAGS: u64 = 1 << 9 | 1 << 10;

/// The values of a column so far.
#[derive(Debug, Default)]
pub(crate) struct Coded {
    /// The strings, lengths before them.
    keys: Vec<u8>,
    /// Where each string's bytes lie in `keys`.
    spans: Vec<(u32, u32)>,
    index: HashTable<u32>,
    numbers: Vec<u32>,
    /// The last value's number and where its bytes lie, and how often in a row it stands behind `numbers`.
    last: u32,
    span: (usize, usize),
    run: usize,
}

impl Coded {
    /// Appends a value.
    #[inline]
    pub(crate) fn push(&mut self, text: &[u8]) {
        // Rows beside each other mostly say the same.
        let (begin, end) = self.span;
        let is_same = text.len() == end - begin && (text.is_empty() || self.keys.get(begin..end) == Some(text));
        if is_same && self.run > 0 {
            self.run += 1;
            return;
        }
        self.end_run();
        self.last = self.find(text);
        let (begin, end) = self.spans[self.last as usize];
        (self.span, self.run) = ((begin as usize, end as usize), 1);
    }

    fn end_run(&mut self) {
        match self.run {
            0 => {}
            1 => self.numbers.push(self.last),
            more => self.numbers.resize(self.numbers.len() + more, self.last),
        }
        self.run = 0;
    }

    fn key(&self, number: u32) -> Option<&[u8]> {
        let &(begin, end) = self.spans.get(number as usize)?;
        self.keys.get(begin as usize..end as usize)
    }

    fn find(&mut self, text: &[u8]) -> u32 {
        let hash = xxh3_64(text);
        if let Some(&number) = self.index.find(hash, |&number| self.key(number) == Some(text)) {
            return number;
        }
        let number = self.spans.len() as u32;
        put_bytes(&mut self.keys, text);
        let end = self.keys.len();
        self.spans.push(((end - text.len()) as u32, end as u32));
        let Coded { keys, spans, index, .. } = self;
        index.insert_unique(hash, number, |&number| {
            let (begin, end) = spans[number as usize];
            xxh3_64(&keys[begin as usize..end as usize])
        });
        number
    }

    /// Whether every value is the empty string.
    pub(crate) fn says_nothing(&self) -> bool {
        self.keys.iter().all(|byte| *byte == 0) && self.spans.len() <= 1
    }

    /// Makes room for so many more values.
    pub(crate) fn reserve(&mut self, more: usize) {
        self.numbers.reserve(more);
    }

    /// Values so far.
    pub(crate) fn len(&self) -> usize {
        self.numbers.len() + self.run
    }

    /// The column's bytes.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.end_run();
        let (width, code) = match self.spans.len() {
            0..=0x100 => (1, 0),
            0x101..=0x1_0000 => (2, 1),
            _ => (4, 2),
        };
        let mut out = Vec::with_capacity(40 + self.keys.len() + width * self.numbers.len());
        if self.numbers.is_empty() {
            return out;
        }
        for word in [VERSION, FLAGS | code, self.spans.len() as u64] {
            out.extend_from_slice(&word.to_le_bytes());
        }
        out.extend_from_slice(&self.keys);
        out.extend_from_slice(&(self.numbers.len() as u64).to_le_bytes());
        match width {
            1 => out.extend(self.numbers.iter().map(|number| *number as u8)),
            2 => self.numbers.iter().for_each(|number| out.extend_from_slice(&(*number as u16).to_le_bytes())),
            _ => self.numbers.iter().for_each(|number| out.extend_from_slice(&number.to_le_bytes())),
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_stand_once_and_rows_by_number() {
        let mut coded = Coded::default();
        for text in ["th", "th", "", "id", "th", ""] {
            coded.push(text.as_bytes());
        }
        assert_eq!((coded.says_nothing(), coded.len()), (false, 6));
        let mut expected = [1u64, 0x600, 3].map(u64::to_le_bytes).concat();
        expected.extend(b"\x02th\x00\x02id");
        expected.extend(6u64.to_le_bytes());
        expected.extend([0, 0, 1, 2, 0, 1]);
        assert_eq!(coded.finish(), expected);
    }

    #[test]
    fn many_strings_take_wider_numbers() {
        for (count, width) in [(256, 1), (257, 2), (65_536, 2), (65_537, 4)] {
            let mut coded = Coded::default();
            (0..count).for_each(|n: u32| coded.push(&n.to_le_bytes()));
            assert_eq!(coded.finish().len() as u32, 32 + count * 5 + count * width);
        }
    }

    #[test]
    fn empty_strings_say_nothing() {
        let mut coded = Coded::default();
        assert!(coded.says_nothing());
        coded.push(b"");
        coded.push(b"");
        assert!(coded.says_nothing());
        coded.push(b"\0");
        assert!(!coded.says_nothing());
        assert!(Coded::default().finish().is_empty());
    }
}
