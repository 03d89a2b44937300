//! What a larger model says of texts and words nobody labelled; `scripts/sentiment-teacher.py` wrote it, `teacher/` keeps it.

use super::data::{self, Outcome, Sample};
use std::path::Path;

/// Bytes 2n and 2n + 1: p(negative) and p(positive) of a corpus' line n, in 255ths; 0 where the teacher was not asked.
const TEXTS: [(&str, &[u8]); 2] = [
    ("banking77.train", include_bytes!("../../../teacher/banking77.train.bin")),
    ("clinc.train", include_bytes!("../../../teacher/clinc.train.bin")),
];
const WORDS: &str = include_str!("../../../teacher/words-en.tsv");
/// What a word's p(positive) − p(negative) is worth on the lexicon's scale of −4 to 4.
const VALENCE: f32 = 1.2;

/// Support texts with the teacher's probabilities.
pub(crate) fn texts(folder: &Path) -> Outcome<Vec<Sample>> {
    let mut samples = Vec::new();
    for (name, told) in TEXTS {
        let rows = data::raw(folder, name)?;
        if rows.len() * 2 != told.len() {
            return Err(format!("{name} has {} lines, the teacher knows {}", rows.len(), told.len() / 2));
        }
        for ((text, _), told) in rows.into_iter().zip(told.chunks_exact(2)).filter(|(_, told)| told[0] > 0) {
            let [negative, positive] = [told[0], told[1]].map(|part| f32::from(part) / 255.0);
            let neutral = (1.0 - negative - positive).max(0.0);
            samples.push(Sample::taught(text, [negative, neutral, positive], 1.0));
        }
    }
    Ok(samples)
}

/// Words that the hand-made lexicon does not list, with their valence.
pub(crate) fn words() -> Vec<(&'static str, f32)> {
    let lines = WORDS.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('\t'));
    lines.filter_map(|(side, word)| Some((word, side.parse::<f32>().ok()? * VALENCE))).collect()
}
