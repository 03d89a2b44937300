//! What a larger model says of texts, labelled ones and such as nobody labelled; `scripts/sentiment-teacher.py` wrote it,
//! `teacher/` keeps it.
//!
//! A file holds, at bytes 2n and 2n + 1, p(negative) and p(positive) of a corpus' line n, in 255ths; 0 where the teacher was
//! not asked.

use super::data::{self, Outcome, Sample};
use std::path::Path;

const TEACHER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/teacher");
/// Corpora and the weight of what the teacher says of them; chosen on held-out domains.
const TEXTS: [(&str, f32); 6] = [
    ("vader_tweets", 1.0),
    ("vader_amazon", 1.0),
    ("vader_nyt", 1.0),
    ("huliu", 1.0),
    ("banking77.train", 0.6),
    ("clinc.train", 0.6),
];

/// Texts with the teacher's probabilities. Of the texts in `unseen`, a domain's corpora, nothing: and a teacher speaks who
/// has not seen them either.
pub(crate) fn texts(folder: &Path, domain: &str, unseen: &[&str]) -> Outcome<Vec<Sample>> {
    let without = Path::new(TEACHER).join(format!("without-{domain}"));
    let teacher = if without.is_dir() { &without } else { Path::new(TEACHER) };
    let mut samples = Vec::new();
    for (name, weight) in TEXTS.into_iter().filter(|(name, _)| !unseen.contains(name)) {
        let path = teacher.join(format!("{name}.bin"));
        let told = std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let rows = data::raw(folder, name)?;
        if rows.len() * 2 != told.len() {
            return Err(format!("{name} has {} lines, the teacher knows {}", rows.len(), told.len() / 2));
        }
        for ((text, _), told) in rows.into_iter().zip(told.chunks_exact(2)).filter(|(_, told)| told[0] > 0) {
            let [negative, positive] = [told[0], told[1]].map(|part| f32::from(part) / 255.0);
            let neutral = (1.0 - negative - positive).max(0.0);
            samples.push(Sample::taught(text, [negative, neutral, positive], weight));
        }
    }
    Ok(samples)
}
