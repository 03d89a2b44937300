//! The language of texts of a few words: theirs where a word is surely of it, `und` for languages that are not scored.

use crumbtrail_sentiment::{Language, Scorer, Scratch};

/// Fails with all texts read in another language.
fn are(language: Language, texts: &[&str]) {
    let scorer = Scorer::embedded().unwrap();
    let mut scratch = Scratch::new();
    let wrong: Vec<String> = texts
        .iter()
        .map(|text| (text, scorer.read(text, None, &mut scratch).language))
        .filter(|(_, read)| *read != language)
        .map(|(text, read)| format!("{text}: {}", read.as_str()))
        .collect();
    assert!(wrong.is_empty(), "{} are not {}:\n{}", wrong.len(), language.as_str(), wrong.join("\n"));
}

#[test]
fn english_of_a_few_words() {
    are(
        Language::En,
        &["Driver was rude", "bad service", "broken item", "package is missing", "courier lost parcel", "rude staff"],
    );
}

#[test]
#[cfg(feature = "indonesian")]
fn indonesian_of_a_few_words() {
    are(
        Language::Id,
        &["refund dong", "slow respon", "barang rusak", "seller ramah", "kurir kasar", "admin slow respon"],
    );
}

#[test]
fn other_languages_are_undetermined() {
    are(
        Language::Und,
        &[
            "bonjour, où est ma commande?",
            "où est mon colis",
            "très bon service",
            "hola, donde esta mi pedido",
            "mi pedido no ha llegado",
            "Wo ist meine Bestellung?",
            "das Paket ist nicht angekommen",
            "super Service",
            "Ware defekt",
            "der Service war gut",
            "xin chào, đơn hàng của tôi đâu",
            "giao hang cham",
            "dov'è il mio ordine",
            "waar is mijn pakket",
            "onde está meu pedido",
            "quero cancelar",
            "siparişim nerede",
            "gdzie jest moje zamówienie",
            "hvor er min pakke",
        ],
    );
}
