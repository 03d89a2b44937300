//! What is liked is what is praised: who asks for a thing, or names it, does not like it.

use crumbtrail_sentiment::{Scorer, Scratch, TopicSet};
use std::io::Read;

fn names(topics: TopicSet) -> String {
    topics.iter().collect::<Vec<_>>().join(",")
}

fn sides(text: &str) -> (String, String) {
    thread_local!(static SCORER: Scorer = Scorer::embedded().unwrap());
    let reading = SCORER.with(|scorer| scorer.read(text, None, &mut Scratch::new()));
    (names(reading.likes), names(reading.dislikes))
}

#[test]
fn asking_for_a_thing_is_not_liking_it() {
    for text in [
        "Where can my card be delivered?",
        "Can I change the delivery address in your store?",
        "Could the customer see his transactions?",
        "I would like to cancel my transfer",
        "Please help me with a refund",
        "I need help changing the name on my account",
        "I paid by credit card",
        "How long does free delivery take?",
    ] {
        assert_eq!(sides(text).0, "", "{text}");
    }
}

#[test]
fn praise_and_blame_keep_their_topic() {
    for (text, likes, dislikes) in [
        ("fast delivery, friendly staff", "delivery,staff_service", ""),
        ("Slow delivery and a rude cashier", "", "delivery,staff_service"),
        ("I love the quality, but your app is terrible", "product_quality", "website_checkout"),
        ("The delivery was not slow", "delivery", ""),
        ("The app works well, the price is too high", "website_checkout", "price"),
    ] {
        assert_eq!(sides(text), (likes.to_owned(), dislikes.to_owned()), "{text}");
    }
}

/// A complaint tells its feeling in another clause than the thing; where it speaks of two things it is not known which.
#[test]
fn who_complains_of_one_thing_dislikes_it_whatever_the_clause() {
    for (text, dislikes) in [
        ("The price went up overnight, that feels dishonest.", "price"),
        ("Harga naik tanpa pemberitahuan, kecewa.", "price"),
        ("The courier left my package in the rain and the box was soaked. Very disappointed.", "delivery"),
        ("Good price, but I am so disappointed.", ""),
        ("How do I change the price? I am so disappointed.", ""),
        ("The price went up and the cashier told me so. I am so disappointed.", ""),
    ] {
        assert_eq!(sides(text).1, dislikes, "{text}");
    }
}

#[test]
fn a_clause_with_friction_likes_nothing() {
    let (likes, dislikes) = sides("your lovely courier lost my parcel");
    assert!(likes.is_empty() && dislikes.contains("delivery"), "{likes} {dislikes}");
}

/// Banking77's test texts ask; hardly any praises. Needs `CRUMBTRAIL_DATA`.
#[test]
fn few_questions_of_banking_customers_like_anything() {
    let Some(folder) = std::env::var_os("CRUMBTRAIL_DATA").map(std::path::PathBuf::from) else {
        eprintln!("not run: few_questions_of_banking_customers_like_anything: CRUMBTRAIL_DATA is not set");
        return;
    };
    let file = std::fs::File::open(folder.join("sentiment/banking77.test.jsonl.gz")).unwrap();
    let mut lines = String::new();
    flate2::read::GzDecoder::new(file).read_to_string(&mut lines).unwrap();
    let text = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["t"].as_str().unwrap().to_owned();
    let liking: Vec<String> = lines.lines().map(text).filter(|text| !sides(text).0.is_empty()).collect();
    let share = liking.len() as f64 / lines.lines().count() as f64;
    assert!(share <= 0.03, "{share:.3} of the texts like something:\n{}", liking.join("\n"));
}
