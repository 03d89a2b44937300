//! The feature hash: one rotate, one xor, one multiply per symbol, good in its upper bits.

/// Odd constant of Fibonacci hashing (2^64 / golden ratio).
const MULTIPLIER: u64 = 0x9E37_79B9_7F4A_7C15;

/// Folds one symbol into a running hash.
#[inline(always)]
pub(crate) const fn fold(hash: u64, symbol: u32) -> u64 {
    (hash.rotate_left(5) ^ symbol as u64).wrapping_mul(MULTIPLIER)
}

/// Combines two finished hashes, order matters.
#[inline(always)]
pub(crate) const fn pair(left: u64, right: u64) -> u64 {
    (left.rotate_left(23) ^ right).wrapping_mul(MULTIPLIER)
}

/// Hash of a lower-case ASCII word, usable in constants. Equals folding its symbols one by one from `seed`.
pub(crate) const fn ascii(seed: u64, word: &str) -> u64 {
    let bytes = word.as_bytes();
    let mut hash = seed;
    let mut at = 0;
    while at < bytes.len() {
        hash = fold(hash, bytes[at] as u32);
        at += 1;
    }
    hash
}

/// A small constant set of words, asked once per word of text: a 256-slot filter in front of a linear search.
pub(crate) struct WordSet<const N: usize> {
    hashes: [u64; N],
    filter: [bool; 256],
}

impl<const N: usize> WordSet<N> {
    /// Builds the set of lower-case ASCII words, hashed from `seed`.
    pub(crate) const fn new(seed: u64, words: [&str; N]) -> Self {
        let mut set = Self { hashes: [0; N], filter: [false; 256] };
        let mut at = 0;
        while at < N {
            let hash = ascii(seed, words[at]);
            set.hashes[at] = hash;
            set.filter[(hash >> 56) as usize] = true;
            at += 1;
        }
        set
    }

    /// True if a word with this hash is in the set.
    #[inline]
    pub(crate) fn contains(&self, hash: u64) -> bool {
        self.filter[(hash >> 56) as usize] && self.hashes.contains(&hash)
    }
}

/// Hashes to anything, built once: open addressing, at most half full.
#[derive(Debug, Clone)]
pub(crate) struct HashTable<T> {
    places: Vec<(u64, T)>,
}

impl<T: Default + Clone> HashTable<T> {
    /// From hashes, none of them 0, each at most once, and what they map to.
    pub(crate) fn new(entries: impl IntoIterator<Item = (u64, T)>) -> Self {
        let entries: Vec<_> = entries.into_iter().collect();
        let mut places = vec![(0, T::default()); (entries.len() * 2).next_power_of_two().max(2)];
        let mask = places.len() - 1;
        for (hash, value) in entries {
            let mut at = Self::first(hash, mask);
            while places[at].0 != 0 {
                at = (at + 1) & mask;
            }
            places[at] = (hash, value);
        }
        Self { places }
    }

    /// What this hash maps to.
    #[inline]
    pub(crate) fn get(&self, hash: u64) -> Option<&T> {
        let mask = self.places.len() - 1;
        let mut at = Self::first(hash, mask);
        loop {
            let (found, value) = &self.places[at];
            if *found == hash {
                return Some(value);
            }
            if *found == 0 {
                return None;
            }
            at = (at + 1) & mask;
        }
    }

    #[inline]
    fn first(hash: u64, mask: usize) -> usize {
        (hash >> 32) as usize & mask
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constant_word_hashes_like_its_symbols() {
        let folded = "not".chars().fold(7, |hash, symbol| fold(hash, symbol as u32));
        assert_eq!(ascii(7, "not"), folded);
    }

    #[test]
    fn a_table_finds_what_was_put_in() {
        let table = HashTable::new((1..100u64).map(|n| (n << 60 | n << 32 | 1, n)));
        assert!((1..100u64).all(|n| table.get(n << 60 | n << 32 | 1) == Some(&n)));
        assert_eq!(table.get(7), None);
        assert_eq!(HashTable::<u8>::new([]).get(7), None);
    }

    #[test]
    fn a_word_set_knows_its_words_only() {
        static SET: WordSet<2> = WordSet::new(1, ["not", "never"]);
        assert!(SET.contains(ascii(1, "never")));
        assert!(!SET.contains(ascii(1, "ever")));
    }
}
