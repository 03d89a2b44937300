//! Valence of words: for English those of the VADER lexicon (MIT, see models/NOTICE.md) as hashes with one byte each, for
//! Indonesian our own list, for Thai the phrases of feeling among the rules; and what their sums say to the model.

use crate::error::ModelError;
use crate::flags;
use crate::hash::fold;
use crate::token::WORD;
use crate::words::Spelling;

const MAGIC: &[u8; 4] = b"CTLX";
/// A negated word counts for this much of its valence, in percent.
const NEGATED_PERCENT: i32 = -74;
/// What a booster adds, in hundredths.
const BOOST: i32 = 29;

/// Word hash → mean valence in hundredths, open addressing.
#[derive(Debug, Clone)]
pub struct Lexicon {
    slots: Vec<(u32, i16)>,
}

impl Lexicon {
    /// Builds the lexicon from words and their mean valence in [−4, 4].
    pub fn from_words<'a>(words: impl Iterator<Item = (&'a str, f32)>) -> Self {
        let entries: Vec<(u32, i8)> = words
            .map(|(word, valence)| {
                let hash = word.chars().fold(WORD, |hash, symbol| fold(hash, symbol as u32));
                (tag(hash), (valence * 31.0).round().clamp(-127.0, 127.0) as i8)
            })
            .collect();
        Self::from_entries(&entries)
    }

    /// Reads our own list: valence in [−4, 4], tab, word.
    pub fn from_list(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('\t'));
        Self::from_words(lines.filter_map(|(valence, word)| Some((word.trim(), valence.trim().parse().ok()?))))
    }

    /// Valence of a word in hundredths, drawn out or not; 0 if unknown.
    pub(crate) fn of_spelling(&self, spelling: &Spelling, given: u64) -> i32 {
        [given, spelling.doubled, spelling.hash]
            .into_iter()
            .map(|hash| self.valence(hash))
            .find(|valence| *valence != 0)
            .unwrap_or(0)
    }

    fn from_entries(entries: &[(u32, i8)]) -> Self {
        let size = (entries.len() * 2).next_power_of_two().max(2);
        let mut slots = vec![(0, 0); size];
        for &(tag, valence) in entries {
            let mut at = tag as usize & (size - 1);
            while slots[at].0 != 0 && slots[at].0 != tag {
                at = (at + 1) & (size - 1);
            }
            slots[at] = (tag, (i32::from(valence) * 100 / 31) as i16);
        }
        Self { slots }
    }

    /// The stored form: magic, then five bytes a word.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        let mut entries: Vec<_> = self.slots.iter().filter(|slot| slot.0 != 0).collect();
        entries.sort_unstable();
        for (tag, hundredths) in entries {
            bytes.extend_from_slice(&tag.to_le_bytes());
            bytes.push((f32::from(*hundredths) * 0.31).round() as i8 as u8);
        }
        bytes
    }

    /// Reads the stored form.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ModelError> {
        let body = bytes.strip_prefix(MAGIC).ok_or(ModelError::Magic)?;
        if body.len() % 5 != 0 {
            return Err(ModelError::Truncated);
        }
        let entries: Vec<_> = body
            .chunks_exact(5)
            .map(|entry| (u32::from_le_bytes([entry[0], entry[1], entry[2], entry[3]]), entry[4] as i8))
            .collect();
        Ok(Self::from_entries(&entries))
    }

    /// Valence of the word with this hash in hundredths; 0 if unknown.
    #[inline]
    fn valence(&self, hash: u64) -> i32 {
        let tag = tag(hash);
        let mask = self.slots.len() - 1;
        let mut at = tag as usize & mask;
        loop {
            let slot = self.slots[at];
            if slot.0 == tag {
                return i32::from(slot.1);
            }
            if slot.0 == 0 {
                return 0;
            }
            at = (at + 1) & mask;
        }
    }
}

#[inline]
fn tag(hash: u64) -> u32 {
    (hash >> 32) as u32 | 1
}

/// Running sums over the words of one text, in hundredths.
#[derive(Debug, Default)]
pub(crate) struct Valence {
    positive: i32,
    negative: i32,
    after_but: i32,
    boost: i32,
    seen_but: bool,
    word_count: u32,
}

impl Valence {
    /// A word and its valence in the lexicon.
    #[inline]
    pub(crate) fn word(&mut self, mut valence: i32, flags: u8, negated: bool) {
        self.word_count += 1;
        if valence != 0 {
            valence += valence.signum() * self.boost;
            if negated {
                valence = valence * NEGATED_PERCENT / 100;
            }
            self.phrase(valence);
        }
        self.boost = if flags & flags::BOOSTER != 0 {
            BOOST
        } else if flags & flags::DAMPENER != 0 {
            -BOOST
        } else {
            0
        };
        if flags & flags::CONTRAST != 0 {
            self.after_but = 0;
            self.seen_but = true;
        }
    }

    /// A phrase of feeling among the rules.
    #[inline]
    pub(crate) fn phrase(&mut self, valence: i32) {
        self.positive += valence.max(0);
        self.negative += valence.min(0);
        self.after_but += valence;
    }

    /// An emoji of −2 to 2 counts like a word.
    #[inline]
    pub(crate) fn emoji(&mut self, side: i32) {
        self.phrase(side * 130);
    }

    /// Thermometers: one feature per threshold passed, so that neighbouring sums share what they learn.
    pub(crate) fn emit(&self, mut emit: impl FnMut(u32)) {
        const STEPS: [i32; 12] = [30, 80, 130, 180, 230, 280, 340, 420, 520, 650, 850, 1100];
        let total = self.positive + self.negative;
        let mean = total * 10 / (10 + self.word_count as i32);
        if self.positive == 0 && self.negative == 0 {
            emit(0);
            return;
        }
        for (step, &threshold) in STEPS.iter().enumerate() {
            let step = step as u32;
            for (kind, sum) in [(1, total), (2, self.positive), (3, mean * 2)] {
                if sum > threshold {
                    emit(kind * 100 + step);
                }
            }
            for (kind, sum) in [(4, total), (5, self.negative), (6, mean * 2)] {
                if sum < -threshold {
                    emit(kind * 100 + step);
                }
            }
        }
        if self.positive > 0 && self.negative < 0 {
            emit(1);
        }
        if self.seen_but {
            emit(2 + (self.after_but.signum() + 1) as u32);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stored_form_comes_back() {
        let lexicon = Lexicon::from_words([("good", 1.9), ("bad", -2.5)].into_iter());
        let again = Lexicon::from_bytes(&lexicon.to_bytes()).unwrap();
        assert_eq!(again.to_bytes(), lexicon.to_bytes());
        let good = crate::hash::ascii(WORD, "good");
        assert!((again.valence(good) - 190).abs() < 4);
        assert_eq!(again.valence(crate::hash::ascii(WORD, "table")), 0);
    }

    #[test]
    fn damaged_bytes_are_refused() {
        assert_eq!(Lexicon::from_bytes(b"nope").unwrap_err().kind(), "magic");
        assert_eq!(Lexicon::from_bytes(b"CTLX1").unwrap_err().kind(), "truncated");
    }
}
