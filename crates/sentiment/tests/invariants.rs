//! What holds for any input: determinism, independence of history and order, bounds, no panic.
#![allow(clippy::unwrap_used, reason = "a test panics to fail")]

use crumbtrail_sentiment::{Language, Scorer, Scratch};
use proptest::prelude::*;
use std::sync::OnceLock;

fn scorer() -> &'static Scorer {
    static SCORER: OnceLock<Scorer> = OnceLock::new();
    SCORER.get_or_init(|| Scorer::embedded().unwrap())
}

#[test]
fn empty_huge_and_odd_texts_are_read() {
    let mut scratch = Scratch::new();
    let empty = scorer().read("", None, &mut scratch);
    assert_eq!((empty.characters, empty.score, empty.confidence), (0, 0.0, 0.0));
    assert_eq!(empty.language, Language::Und);
    let huge = "terrible service ".repeat(70_000);
    assert_eq!(scorer().read(&huge, None, &mut scratch).characters, 1_190_000);
    let replaced = String::from_utf8_lossy(b"bad \xff\xfe\xc3 service");
    for text in ["\0\0\0", "\u{202e}evil", &"ก".repeat(100_000), &"a".repeat(100_000), &"😀".repeat(9_000), &replaced]
    {
        let reading = scorer().read(text, None, &mut scratch);
        assert!(reading.score.is_finite() && reading.confidence <= 1.0);
    }
}

#[test]
fn order_of_texts_and_of_clauses_does_not_matter() {
    let texts = ["great shop", "ไม่ดีเลย", "barang rusak", "", "charged twice 😡"];
    let fresh: Vec<_> = texts.iter().map(|text| scorer().read(text, None, &mut Scratch::new())).collect();
    let mut scratch = Scratch::new();
    for _ in 0..2 {
        for at in (0..texts.len()).rev() {
            assert_eq!(scorer().read(texts[at], None, &mut scratch), fresh[at]);
        }
    }
    let forward = scorer().read("great shop. bad parking.", None, &mut scratch);
    let backward = scorer().read("bad parking. great shop.", None, &mut scratch);
    assert_eq!((forward.label, forward.topics), (backward.label, backward.topics));
}

#[test]
fn threads_agree() {
    let expected = scorer().read("I never received my parcel", None, &mut Scratch::new());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut scratch = Scratch::new();
                for _ in 0..100 {
                    assert_eq!(scorer().read("I never received my parcel", None, &mut scratch), expected);
                }
            });
        }
    });
}

#[test]
fn the_version_is_stable_and_names_the_tables() {
    let again = Scorer::embedded().unwrap();
    assert_eq!(scorer().model_version(), again.model_version());
    assert!(again.model_version().starts_with("linear-2-"));
}

proptest! {
    #[test]
    fn any_text_gives_a_bounded_reading(text in "\\PC{0,200}") {
        let reading = scorer().read(&text, None, &mut Scratch::new());
        prop_assert!((-1.0..=1.0).contains(&reading.score));
        prop_assert!((0.0..=1.0).contains(&reading.confidence));
        prop_assert_eq!(reading.characters as usize, text.chars().count());
        prop_assert_eq!(reading, scorer().read(&text, None, &mut Scratch::new()));
    }

    #[test]
    fn any_mix_of_the_three_languages_gives_a_bounded_reading(text in "[a-zกขเแไม่ดี😀😡'?!. @:5]{0,80}") {
        let reading = scorer().read(&text, Some(Language::Th), &mut Scratch::new());
        prop_assert!((-1.0..=1.0).contains(&reading.score));
        // What the tables store as sets agrees with what they store as one value.
        prop_assert_eq!((reading.likes.0 | reading.dislikes.0) & !reading.topics.0, 0);
        prop_assert_eq!(reading.friction_kind.is_some(), reading.friction);
        prop_assert_eq!(reading.frictions.0 != 0, reading.friction);
        prop_assert!(reading.friction_kind.is_none_or(|kind| reading.frictions.contains(kind)));
    }
}
