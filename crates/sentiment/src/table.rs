//! A table of weights: three columns of int8 per bucket, and how it is stored.
//!
//! Stored: `CTWT`, bits u8, 3 zero bytes, scale f32, temperature f32, three biases f32, xxh3-64 of what follows, a bitmap of
//! the buckets that are not all zero, then their three bytes each (weight plus 128). All little-endian.

use crate::Scratch;
use crate::calibrate::{Calibration, softmax};
use crate::error::ModelError;
use crate::features::{self, Sink};
use crate::lexicon::Lexicon;
use crate::memo::{self, Memo, Window, WordSums};
use crate::symbol::Symbol;
use crate::token::Token;
use crate::words::Spelling;
use xxhash_rust::xxh3::xxh3_64;

const MAGIC: &[u8; 4] = b"CTWT";
const HEADER: usize = 4 + 4 + 4 + 4 + 12 + 8;

/// A bucket of three zero weights.
const EMPTY: u32 = 0x80_8080;
/// A lane of 21 bits holds 2^21 / 255 weights; one feature adds at most 64, a remembered word at most 400.
const LANE_LIMIT: u64 = 7_600;

/// Weights of a three-class linear model over 2^bits buckets.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// One word per bucket: three weights, each plus 128, in the lower three bytes.
    buckets: Vec<u32>,
    bits: u32,
    /// What one unit of weight is worth in logits.
    scale: f32,
    /// Logits are divided by this before the softmax. Fitted on validation texts.
    temperature: f32,
    bias: [f32; 3],
}

/// The sums of one text before calibration. Feed hashes in any order.
#[derive(Debug)]
pub struct Sums<'a> {
    table: &'a Table,
    /// Three lanes of 21 bits, each the sum of weights plus 128 times the weights' count.
    lanes: u64,
    times: u64,
    columns: [i64; 3],
    feature_count: u32,
}

impl Sums<'_> {
    /// Adds one feature `times` times (at most 64).
    #[inline(always)]
    pub fn add(&mut self, hash: u64, times: u32) {
        let word = u64::from(self.table.buckets[(hash >> (64 - self.table.bits)) as usize]);
        let times = u64::from(times);
        self.lanes += ((word & 0xFF) | (word & 0xFF00) << 13 | (word & 0xFF_0000) << 26) * times;
        self.times += times;
        self.feature_count += 1;
        if self.times >= LANE_LIMIT {
            self.spill();
        }
    }

    /// Adds what a memo knows of a word.
    #[inline(always)]
    pub(crate) fn add_word(&mut self, word: &WordSums) {
        self.lanes += word.lanes;
        self.times += u64::from(word.times);
        self.feature_count += u32::from(word.count);
        if self.times >= LANE_LIMIT {
            self.spill();
        }
    }

    /// The sums so far, of few features, as a memo keeps them.
    pub(crate) fn remembered(&self, valence: i32) -> WordSums {
        WordSums {
            lanes: self.lanes,
            times: self.times as u32,
            count: self.feature_count as u16,
            valence: valence as i16,
            ..WordSums::default()
        }
    }

    /// Empties the lanes into the columns before they overflow.
    #[cold]
    fn spill(&mut self) {
        for (lane, column) in self.columns.iter_mut().enumerate() {
            *column += ((self.lanes >> (21 * lane)) & 0x1F_FFFF) as i64 - 128 * self.times as i64;
        }
        self.lanes = 0;
        self.times = 0;
    }

    /// Calibrated probabilities of the three classes; they add up to one.
    pub fn probabilities(&mut self) -> [f32; 3] {
        self.spill();
        let norm = self.table.scale * length_norm(self.feature_count) / self.table.temperature;
        let logits = std::array::from_fn(|class| {
            self.columns[class] as f32 * norm + self.table.bias[class] / self.table.temperature
        });
        softmax(logits)
    }
}

/// Takes the features of a text with the help of what the thread remembers.
struct Recall<'a, 't> {
    sums: Sums<'t>,
    symbols: &'a [Symbol],
    lexicon: &'a Lexicon,
    places: &'a mut [WordSums],
    windows: &'a mut Vec<Window>,
}

impl Sink for Recall<'_, '_> {
    #[inline(always)]
    fn feature(&mut self, hash: u64, times: u32) {
        self.sums.add(hash, times);
    }

    #[inline]
    fn word(&mut self, token: &Token) -> i32 {
        let table = self.sums.table;
        let known = memo::recall(self.places, token.hash, || table.learn(token, self.symbols, self.lexicon));
        self.sums.add_word(known);
        i32::from(known.valence)
    }

    #[inline]
    fn thai_window(&mut self, key: u64, window: &[Symbol]) {
        let table = self.sums.table;
        let lanes = memo::recall_window(self.windows, key, || {
            let mut sums = table.sums();
            features::of_thai_window(window, &mut |hash| sums.add(hash, 1));
            sums.lanes
        });
        let count = window.len() as u32;
        self.sums.add_word(&WordSums { lanes, times: count, count: count as u16, ..WordSums::default() });
    }
}

/// What a text's features are multiplied with: long texts repeat themselves.
#[inline]
pub fn length_norm(feature_count: u32) -> f32 {
    1.0 / (feature_count.max(1) as f32 + 20.0).sqrt()
}

impl Table {
    /// Quantises float weights (bucket-major, three columns) by their greatest magnitude.
    ///
    /// # Panics
    /// If `weights` is not 3 · 2^bits long.
    pub fn quantise(bits: u32, weights: &[f32], bias: [f32; 3]) -> Self {
        assert_eq!(weights.len(), 3 << bits, "three weights a bucket");
        let greatest = weights.iter().fold(1e-9f32, |greatest, weight| greatest.max(weight.abs()));
        let scale = greatest / 127.0;
        let buckets = weights
            .chunks_exact(3)
            .map(|row| {
                let byte = |weight: f32| ((weight / scale).round() + 128.0) as u8;
                u32::from_le_bytes([byte(row[0]), byte(row[1]), byte(row[2]), 0])
            })
            .collect();
        Self { buckets, bits, scale, temperature: 1.0, bias }
    }

    /// Sets the temperature.
    pub fn with_temperature(mut self, temperature: f32) -> Self {
        self.temperature = temperature;
        self
    }

    /// Makes the probabilities those that `calibration` would make of them.
    pub(crate) fn recalibrate(&mut self, calibration: &Calibration) {
        self.temperature *= calibration.temperature;
        for (bias, offset) in self.bias.iter_mut().zip(calibration.offset) {
            *bias += offset * self.temperature;
        }
    }

    /// The temperature in use.
    pub fn temperature(&self) -> f32 {
        self.temperature
    }

    /// Buckets that carry any weight.
    pub fn used_bucket_count(&self) -> usize {
        self.buckets.iter().filter(|bucket| **bucket != EMPTY).count()
    }

    /// Empty sums over this table.
    #[inline]
    pub fn sums(&self) -> Sums<'_> {
        Sums { table: self, lanes: 0, times: 0, columns: [0; 3], feature_count: 0 }
    }

    /// Probabilities of a text that the rules have been through, by the definition of the features.
    pub fn probabilities(&self, text: &Scratch, lexicon: &Lexicon, with_thai: bool) -> [f32; 3] {
        let mut sums = self.sums();
        features::extract(text, Some(lexicon), with_thai, |hash, times| sums.add(hash, times));
        sums.probabilities()
    }

    /// The same with what the thread remembers of words. `place` is this table's among the memo's; only one table knows
    /// Thai.
    #[inline]
    pub(crate) fn recall(&self, text: &mut Scratch, lexicon: &Lexicon, place: usize, with_thai: bool) -> Sums<'_> {
        let mut memo = std::mem::take(&mut text.memo);
        let (places, windows) = memo.sums(place);
        let mut sink = Recall { sums: self.sums(), symbols: &text.symbols, lexicon, places, windows };
        features::in_context(text, true, with_thai, &mut sink);
        let sums = sink.sums;
        text.memo = memo;
        sums
    }

    /// A word's valence in the lexicon.
    pub(crate) fn valence(
        &self,
        memo: &mut Memo,
        token: &Token,
        symbols: &[Symbol],
        lexicon: &Lexicon,
        place: usize,
    ) -> i32 {
        i32::from(memo::recall(memo.sums(place).0, token.hash, || self.learn(token, symbols, lexicon)).valence)
    }

    /// Sums of a word's own features.
    #[cold]
    fn learn(&self, token: &Token, symbols: &[Symbol], lexicon: &Lexicon) -> WordSums {
        let word = token.of(symbols);
        let spelling = Spelling::of(word);
        let mut sums = self.sums();
        features::of_word(word, token.class, &spelling, &mut |hash, times| sums.add(hash, times));
        sums.remembered(lexicon.of_spelling(&spelling, token.hash))
    }

    /// The stored form.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut body = vec![0u8; self.buckets.len() / 8];
        for (at, bucket) in self.buckets.iter().enumerate() {
            if *bucket != EMPTY {
                body[at / 8] |= 1 << (at % 8);
            }
        }
        for bucket in &self.buckets {
            if *bucket != EMPTY {
                body.extend_from_slice(&bucket.to_le_bytes()[..3]);
            }
        }
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&[self.bits as u8, 0, 0, 0]);
        for value in [self.scale, self.temperature].iter().chain(&self.bias) {
            bytes.extend_from_slice(&value.to_le_bytes());
        }
        bytes.extend_from_slice(&xxh3_64(&body).to_le_bytes());
        bytes.extend_from_slice(&body);
        bytes
    }

    /// Reads the stored form.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ModelError> {
        if !bytes.starts_with(MAGIC) {
            return Err(ModelError::Magic);
        }
        if bytes.len() < HEADER {
            return Err(ModelError::Truncated);
        }
        let bits = u32::from(bytes[4]);
        if !(3..=24).contains(&bits) {
            return Err(ModelError::Magic);
        }
        let float = |at: usize| f32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let mut stored_sum = [0; 8];
        stored_sum.copy_from_slice(&bytes[HEADER - 8..HEADER]);
        let body = &bytes[HEADER..];
        if xxh3_64(body) != u64::from_le_bytes(stored_sum) {
            return Err(ModelError::Checksum);
        }
        let bucket_count = 1usize << bits;
        if body.len() < bucket_count / 8 {
            return Err(ModelError::Truncated);
        }
        let (bitmap, mut rows) = body.split_at(bucket_count / 8);
        let mut buckets = vec![EMPTY; bucket_count];
        for (at, bucket) in buckets.iter_mut().enumerate() {
            if bitmap[at / 8] & (1 << (at % 8)) != 0 {
                let Some((row, rest)) = rows.split_first_chunk::<3>() else {
                    return Err(ModelError::Truncated);
                };
                *bucket = u32::from_le_bytes([row[0], row[1], row[2], 0]);
                rows = rest;
            }
        }
        if !rows.is_empty() {
            return Err(ModelError::Truncated);
        }
        Ok(Self { buckets, bits, scale: float(8), temperature: float(12), bias: [float(16), float(20), float(24)] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut weights = vec![0.0; 3 << 4];
        weights[3] = 1.0;
        weights[4] = -0.5;
        weights[47] = 0.25;
        Table::quantise(4, &weights, [0.1, 0.0, -0.1]).with_temperature(1.5)
    }

    #[test]
    fn the_stored_form_comes_back() {
        let bytes = table().to_bytes();
        assert_eq!(Table::from_bytes(&bytes).unwrap(), table());
        assert_eq!(bytes.len(), HEADER + 2 + 2 * 3);
    }

    #[test]
    fn damage_is_noticed() {
        let bytes = table().to_bytes();
        let mut flipped = bytes.clone();
        flipped[HEADER + 3] ^= 1;
        assert_eq!(Table::from_bytes(&flipped).unwrap_err().kind(), "checksum");
        assert_eq!(Table::from_bytes(&bytes[..10]).unwrap_err().kind(), "truncated");
        assert_eq!(Table::from_bytes(b"PNG").unwrap_err().kind(), "magic");
        for end in 0..bytes.len() {
            assert!(Table::from_bytes(&bytes[..end]).is_err());
        }
    }

    #[test]
    fn a_recalibrated_table_says_what_the_calibration_makes_of_it() {
        let calibration = Calibration { temperature: 1.7, offset: [0.4, -0.6, 0.2] };
        let mut changed = table();
        changed.recalibrate(&calibration);
        let probabilities = |table: &Table| {
            let mut sums = table.sums();
            (0..16u64).for_each(|bucket| sums.add(bucket << 60, 3));
            sums.probabilities()
        };
        let expected = calibration.apply(probabilities(&table()));
        assert!(probabilities(&changed).iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-5));
    }

    #[test]
    fn sums_do_not_depend_on_order() {
        let table = table();
        let hashes: Vec<u64> = (0..16u64).map(|bucket| bucket << 60).collect();
        let (mut forward, mut backward) = (table.sums(), table.sums());
        hashes.iter().for_each(|&hash| forward.add(hash, 1));
        hashes.iter().rev().for_each(|&hash| backward.add(hash, 1));
        assert_eq!(forward.probabilities(), backward.probabilities());
        // More weights than a lane can hold at once.
        (0..20_000).for_each(|_| forward.add(0, 64));
        assert!((forward.probabilities().iter().sum::<f32>() - 1.0).abs() < 1e-6);
    }
}
