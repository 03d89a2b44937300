//! Which language a text is in: Thai by its script, English and Indonesian by a small table, else `Und`.

use crate::features;
use crate::language::Language;
use crate::memo;
use crate::normalise::Scratch;
use crate::short;
use crate::table::Table;

/// Below this probability the table's answer is not believed.
const SURE_ENOUGH: f32 = 0.60;
/// From this probability of neither language on, no word of a short text says otherwise.
const CLEARLY_OTHER: f32 = 0.70;
/// A hint adds this much probability to its language before the comparison.
const HINT_WEIGHT: f32 = 0.35;

/// A Thai text with more than one Latin letter to this many Thai ones may be half in English.
const MIXED_THAI: u32 = 4;
/// From this probability of the other language on, a Latin text is read in both.
const MIXED_LATIN: f32 = 0.10;
/// A mixed text may have at most this much of neither.
const MIXED_OTHER: f32 = 0.15;

/// Columns of the language table.
pub const COLUMNS: [Language; 3] = [Language::En, Language::Id, Language::Und];

/// The language table's place in a memo.
pub(crate) const LANGUAGE_PLACE: usize = 3;

/// The languages of one text.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Mixture {
    /// The main language.
    pub first: Language,
    /// Another one that words of the text are in; `Und` for none.
    pub second: Language,
    /// The other one's share in the reading, below one half.
    pub share: f32,
}

impl Mixture {
    const fn only(first: Language) -> Self {
        Self { first, second: Language::Und, share: 0.0 }
    }
}

/// The languages of a text that the rules have been through. `hint` (from the record) decides where the text itself is not
/// clear.
pub fn identify(text: &mut Scratch, table: &Table, hint: Option<Language>) -> Mixture {
    let (thai, latin, foreign) = (text.thai_count, text.latin_count, text.foreign_count);
    let is_thai = thai > 0 && thai * 5 >= latin && thai >= foreign;
    if is_thai && latin * MIXED_THAI < thai {
        return Mixture::only(Language::Th);
    }
    if foreign > latin {
        return Mixture::only(if is_thai { Language::Th } else { Language::Und });
    }
    if latin == 0 {
        return Mixture::only(hint.unwrap_or_default());
    }
    let mut memo = std::mem::take(&mut text.memo);
    let places = memo.sums(LANGUAGE_PLACE).0;
    let mut sums = table.sums();
    for token in features::language_words(text) {
        sums.add_word(memo::recall(places, token.hash, || {
            let mut word = table.sums();
            features::of_word_language(token.of(&text.symbols), token.hash, &mut |hash| word.add(hash, 1));
            word.remembered(0)
        }));
    }
    text.memo = memo;
    let mut probabilities = sums.probabilities();
    if is_thai {
        let english = probabilities[0] > SURE_ENOUGH && features::language_words(text).nth(1).is_some();
        let share = if english { 0.5 * latin as f32 / (latin + thai) as f32 } else { 0.0 };
        return Mixture { first: Language::Th, second: Language::En, share };
    }
    let told = short::language(text).filter(|_| text.foreign_count == 0 && probabilities[2] < CLEARLY_OTHER);
    if told == Some(Language::Id) {
        // English as its other words may be.
        return Mixture::only(Language::Id);
    }
    for (probability, language) in probabilities.iter_mut().zip(COLUMNS) {
        if hint == Some(language) && language != Language::Und {
            *probability += HINT_WEIGHT;
        }
    }
    let best = (0..3).max_by(|&a, &b| probabilities[a].total_cmp(&probabilities[b])).unwrap_or(2);
    // English and Indonesian mixed are sure to be neither of the others, though neither alone may be sure enough.
    let [english, indonesian, other] = probabilities;
    if probabilities[best] < SURE_ENOUGH && (COLUMNS[best] == Language::Und || other > MIXED_OTHER) {
        return Mixture::only(told.unwrap_or_default());
    }
    let (second, share) = match COLUMNS[best] {
        Language::En => (Language::Id, indonesian),
        Language::Id => (Language::En, english),
        _ => return Mixture::only(told.unwrap_or_default()),
    };
    Mixture { first: COLUMNS[best], second, share: if share >= MIXED_LATIN { share.min(0.5) } else { 0.0 } }
}
