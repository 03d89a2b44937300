//! Which language a text is in: Thai by its script, English and Indonesian by a small table, else `Und`.

use crate::features;
use crate::normalise::Scratch;
use crate::table::Table;

/// The languages that are scored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Language {
    /// English.
    En,
    /// Thai.
    Th,
    /// Indonesian.
    Id,
    /// Undetermined, or none of the above.
    #[default]
    Und,
}

impl Language {
    /// The BCP 47 tag, lower-case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Language::En => "en",
            Language::Th => "th",
            Language::Id => "id",
            Language::Und => "und",
        }
    }

    /// The language of a BCP 47 tag by its primary subtag, whatever its case: `en-GB`, `TH`, `id_ID`, `in` (old code of
    /// Indonesian). `None` for a language this crate does not score.
    pub fn from_tag(tag: &str) -> Option<Language> {
        let primary = tag.trim().split(['-', '_']).next().unwrap_or_default();
        [
            ("en", Language::En),
            ("eng", Language::En),
            ("th", Language::Th),
            ("tha", Language::Th),
            ("id", Language::Id),
            ("in", Language::Id),
            ("ind", Language::Id),
            ("und", Language::Und),
        ]
        .into_iter()
        .find(|(code, _)| primary.eq_ignore_ascii_case(code))
        .map(|(_, language)| language)
    }
}

/// Below this probability the table's answer is not believed.
const SURE_ENOUGH: f32 = 0.60;
/// A hint adds this much probability to its language before the comparison.
const HINT_WEIGHT: f32 = 0.35;

/// Columns of the language table.
pub const COLUMNS: [Language; 3] = [Language::En, Language::Id, Language::Und];

/// The language of a normalised text. `hint` (from the record) decides where the text itself is not clear.
pub fn identify(text: &Scratch, table: &Table, hint: Option<Language>) -> Language {
    let (thai, latin, foreign) = (text.thai_count, text.latin_count, text.foreign_count);
    if thai > 0 && thai * 5 >= latin && thai >= foreign {
        return Language::Th;
    }
    if foreign > latin {
        return Language::Und;
    }
    if latin == 0 {
        return hint.unwrap_or_default();
    }
    let mut sums = table.sums();
    features::extract_language(text, |hash| sums.add(hash, 1));
    let mut probabilities = sums.probabilities();
    for (probability, language) in probabilities.iter_mut().zip(COLUMNS) {
        if hint == Some(language) && language != Language::Und {
            *probability += HINT_WEIGHT;
        }
    }
    let best = (0..3).max_by(|&a, &b| probabilities[a].total_cmp(&probabilities[b])).unwrap_or(2);
    if probabilities[best] < SURE_ENOUGH { Language::Und } else { COLUMNS[best] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_read_by_their_primary_subtag() {
        assert_eq!(Language::from_tag("en-GB"), Some(Language::En));
        assert_eq!(Language::from_tag("TH"), Some(Language::Th));
        assert_eq!(Language::from_tag("id_ID"), Some(Language::Id));
        assert_eq!(Language::from_tag("fr"), None);
        assert_eq!(Language::from_tag(""), None);
    }
}
