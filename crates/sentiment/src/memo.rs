//! What one thread remembers of words it has met, because words come again: their rules, and the sums of those of their
//! features that do not depend on the words around them.
//!
//! A memo changes the speed and never the result: an entry is a function of the word and of its owner's tables, and is
//! found by the word's whole 64-bit hash. Its size is fixed when it is first used; a newer word takes an older one's place.

/// Words remembered, a power of two.
const PLACES: usize = 16_384;
/// Thai windows remembered, a power of two.
const WINDOWS: usize = 16_384;

/// What the rules know of a word.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Word {
    pub(crate) key: u64,
    /// Hash of the word as it should be spelled.
    pub(crate) canonical: u64,
    /// Rules of this very word, 0 for none.
    pub(crate) rules: [u16; 4],
    /// Phrases that begin with this word, 0 for none.
    pub(crate) group: u16,
    /// See [`crate::words`].
    pub(crate) flags: u8,
}

/// Sums of a word's own features over one table.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct WordSums {
    pub(crate) key: u64,
    /// As in [`crate::table::Sums`].
    pub(crate) lanes: u64,
    /// Weights added.
    pub(crate) times: u32,
    /// Features.
    pub(crate) count: u16,
    /// Of the word in the language's lexicon, in hundredths.
    pub(crate) valence: i16,
}

/// The sum of the n-grams that begin at one Thai symbol, over the Thai table. The key is the six symbols themselves.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Window {
    key: u64,
    lanes: u64,
}

/// The tables a memo keeps sums for.
pub(crate) const TABLES: usize = 4;

/// Fixed places, direct-mapped by a word's hash.
#[derive(Debug, Default, Clone)]
pub(crate) struct Memo {
    owner: u64,
    words: Vec<Word>,
    sums: [Vec<WordSums>; TABLES],
    windows: Vec<Window>,
}

impl Memo {
    /// Empties the memo unless it was filled under the same owner.
    #[inline]
    pub(crate) fn belong_to(&mut self, owner: u64) {
        if self.owner != owner || self.words.is_empty() {
            self.owner = owner;
            self.words.clear();
            self.words.resize(PLACES, Word::default());
            self.sums.iter_mut().for_each(Vec::clear);
            self.windows.clear();
        }
    }

    /// What is known of the word with this hash.
    #[inline]
    pub(crate) fn word(&mut self, key: u64, make: impl FnOnce() -> Word) -> &Word {
        let place = &mut self.words[place(key)];
        if place.key != key {
            *place = Word { key, ..make() };
        }
        place
    }

    /// The places of one table, and those of Thai windows.
    #[inline]
    pub(crate) fn sums(&mut self, table: usize) -> (&mut [WordSums], &mut Vec<Window>) {
        let sums = &mut self.sums[table];
        if sums.is_empty() {
            sums.resize(PLACES, WordSums::default());
        }
        (sums, &mut self.windows)
    }
}

/// The lanes of a Thai window; `key` is never 0.
#[inline]
pub(crate) fn recall_window(windows: &mut Vec<Window>, key: u64, make: impl FnOnce() -> u64) -> u64 {
    if windows.is_empty() {
        windows.resize(WINDOWS, Window::default());
    }
    let at = key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (64 - WINDOWS.trailing_zeros());
    let place = &mut windows[at as usize & (WINDOWS - 1)];
    if place.key != key {
        *place = Window { key, lanes: make() };
    }
    place.lanes
}

/// A word's sums in one table's places.
#[inline]
pub(crate) fn recall(places: &mut [WordSums], key: u64, make: impl FnOnce() -> WordSums) -> &WordSums {
    let place = &mut places[place(key)];
    if place.key != key {
        *place = WordSums { key, ..make() };
    }
    place
}

#[inline]
fn place(key: u64) -> usize {
    (key >> (64 - PLACES.trailing_zeros())) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_memo_recalls_replaces_and_forgets_with_its_owner() {
        let mut memo = Memo::default();
        memo.belong_to(1);
        assert_eq!(memo.word(5, || Word { group: 7, ..Word::default() }).group, 7);
        assert_eq!(memo.word(5, || unreachable!("remembered")).group, 7);
        assert_eq!(memo.word(6, || Word { group: 8, ..Word::default() }).group, 8, "same place, another word");
        memo.belong_to(2);
        assert_eq!(memo.word(6, || Word { group: 9, ..Word::default() }).group, 9);
        let (places, windows) = memo.sums(0);
        assert_eq!(recall(places, 5, || WordSums { count: 3, ..WordSums::default() }).count, 3);
        assert_eq!(recall(places, 5, || unreachable!("remembered")).count, 3);
        assert_eq!(recall_window(windows, 5, || 3), 3);
        assert_eq!(recall_window(windows, 5, || unreachable!("remembered")), 3);
    }
}
