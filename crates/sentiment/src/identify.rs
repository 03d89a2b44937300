//! Which language a text is in: Thai by its script, English and Indonesian by a small table, else `Und`.

use crate::features;
use crate::language::Language;
use crate::memo;
use crate::normalise::Scratch;
use crate::short::{self, Votes};
use crate::table::Table;

/// Below this probability the table's answer is not believed.
const SURE_ENOUGH: f32 = 0.60;
/// A hint is overruled by a language whose probability is this much greater than that of its own.
const HINT_WEIGHT: f32 = 0.35;
/// In a short text, by this much.
const SHORT_HINT_WEIGHT: f32 = 0.80;
/// Letters of so few words say little, and overrule no hint.
const FEW_WORDS: usize = 2;
/// So few words are less often of a language that is not scored than their letters say.
const FEW_ARE_OTHER: f32 = 0.35;
/// What a word that is surely of one language adds to its log odds, in a short text; chosen on validation texts.
const ENGLISH_WORD: f32 = 2.0;
/// Indonesian customers use English words more than English ones use Indonesian.
const INDONESIAN_WORD: f32 = 4.0;
const OTHER_WORD: f32 = 2.0;

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
    let probabilities = sums.probabilities();
    if is_thai {
        let english = probabilities[0] > SURE_ENOUGH && features::language_words(text).nth(1).is_some();
        let share = if english { 0.5 * latin as f32 / (latin + thai) as f32 } else { 0.0 };
        return Mixture { first: Language::Th, second: Language::En, share };
    }
    let votes = if text.foreign_count == 0 { short::votes(features::language_words(text)) } else { None };
    let own = of_latin(probabilities, votes);
    match hint {
        Some(hint)
            if hint != own.first && hint != Language::Und && !speaks_against(hint, own, votes, probabilities) =>
        {
            Mixture::only(hint)
        }
        _ => own,
    }
}

/// Of a Latin text without a hint: what the table says, and in a short text its words.
fn of_latin(table_says: [f32; 3], votes: Option<Votes>) -> Mixture {
    let probabilities = votes.map_or(table_says, |votes| weigh(table_says, votes));
    let best = (0..3).max_by(|&a, &b| probabilities[a].total_cmp(&probabilities[b])).unwrap_or(2);
    // English and Indonesian mixed are sure to be neither of the others, though neither alone may be sure enough.
    if probabilities[best] < SURE_ENOUGH && (COLUMNS[best] == Language::Und || probabilities[2] > MIXED_OTHER) {
        return Mixture::only(Language::Und);
    }
    let [english, indonesian, _] = table_says;
    let (second, share) = match COLUMNS[best] {
        // English as its other words may be.
        Language::Id if votes.is_some_and(|votes| votes.indonesian > 0) => return Mixture::only(Language::Id),
        Language::En => (Language::Id, indonesian),
        Language::Id => (Language::En, english),
        other => return Mixture::only(other),
    };
    Mixture { first: COLUMNS[best], second, share: if share >= MIXED_LATIN { share.min(0.5) } else { 0.0 } }
}

/// What the table says, moved by what words are surely of.
fn weigh(mut probabilities: [f32; 3], votes: Votes) -> [f32; 3] {
    let strength = [
        votes.english as f32 * ENGLISH_WORD,
        votes.indonesian as f32 * INDONESIAN_WORD,
        votes.other as f32 * OTHER_WORD,
    ];
    for (probability, strength) in probabilities.iter_mut().zip(strength) {
        *probability = probability.max(1e-4) * strength.exp();
    }
    if votes.words <= FEW_WORDS && votes.other == 0 {
        probabilities[2] *= FEW_ARE_OTHER;
    }
    let sum: f32 = probabilities.iter().sum();
    probabilities.map(|probability| probability / sum)
}

/// True if a Latin text is clearly in another language than a hint says.
fn speaks_against(hint: Language, own: Mixture, votes: Option<Votes>, table_says: [f32; 3]) -> bool {
    let of = |language: Language| COLUMNS.iter().position(|column| *column == language);
    let margin = of(own.first).map_or(0.0, |at| table_says[at]) - of(hint).map_or(0.0, |at| table_says[at]);
    let Some(votes) = votes else { return margin > HINT_WEIGHT };
    let voted = |language| match language {
        Language::En => votes.english,
        Language::Id => votes.indonesian,
        Language::Und => votes.other,
        Language::Th => 0,
    };
    let (for_own, for_hint) = (voted(own.first), voted(hint));
    for_own > for_hint || for_own == for_hint && votes.words > FEW_WORDS && margin > SHORT_HINT_WEIGHT
}
