//! The language of a text of a few words, whose letters alone say too little.

use crate::features;
use crate::hash::WordSet;
use crate::language::Language;
use crate::normalise::Scratch;
use crate::token::WORD;

/// Longer texts are left to the table.
const MOST_WORDS: usize = 5;

/// The language that words of a short text are surely of: one Indonesian word, or English words for half of the text.
/// `None` for a longer text, and where none is sure.
pub(crate) fn language(text: &Scratch) -> Option<Language> {
    if features::language_words(text).nth(MOST_WORDS).is_some() {
        return None;
    }
    let (mut words, mut english) = (0, 0);
    for word in features::language_words(text) {
        if INDONESIAN.contains(word.canonical) {
            return Some(Language::Id);
        }
        words += 1;
        english += usize::from(ENGLISH.contains(word.canonical));
    }
    (english > 0 && english * 2 >= words).then_some(Language::En)
}

/// Words of short complaints and praise that are of no other language written in Latin letters, or rarely.
#[rustfmt::skip]
static ENGLISH: WordSet<72> = WordSet::new(WORD, [
    "rude", "bad", "broken", "missing", "lost", "wrong", "slow", "dirty", "cold", "great", "good", "awful", "worst", "poor",
    "damaged", "delayed", "cracked", "overpriced", "helpful", "unhelpful", "friendly", "waiting", "received", "stolen",
    "leaking", "cancelled", "charged", "thanks", "thank", "please", "my", "your", "the", "this", "never", "always", "expensive",
    "cheap", "order", "package", "parcel", "delivery", "staff", "driver", "doesn't", "don't", "didn't", "isn't", "can't",
    "won't", "still", "too", "very", "when", "where", "why", "how", "with", "without", "not", "and", "stopped", "working",
    "failed", "empty", "useless", "quality", "nobody", "everything", "nothing", "love", "nice",
]);

/// Words that Indonesian customers put into texts of otherwise English words. Malay has many of them, too.
#[rustfmt::skip]
static INDONESIAN: WordSet<33> = WordSet::new(WORD, [
    "dong", "kak", "kakak", "sih", "nih", "deh", "kok", "banget", "gan", "respon", "responnya", "barang", "barangnya", "belum",
    "tidak", "sudah", "bisa", "yang", "saya", "dengan", "rusak", "jelek", "bagus", "penjual", "pengiriman", "pesanan", "terus",
    "tolong", "kapan", "gimana", "mantap", "kurir", "palsu",
]);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TopicRules;

    fn of(text: &str) -> Option<Language> {
        let mut scratch = Scratch::new();
        scratch.normalise(text);
        TopicRules::parse(&[], 1).unwrap().read(&mut scratch);
        language(&scratch)
    }

    #[test]
    fn half_of_the_words_or_one_indonesian_word_decide() {
        assert_eq!(of("bad service"), Some(Language::En));
        assert_eq!(of("refund dong"), Some(Language::Id));
        assert_eq!(of("bad Ware kaputt"), None);
        assert_eq!(of("bad bad bad bad bad bad"), None, "long enough for the table");
        assert_eq!(of(""), None);
    }
}
