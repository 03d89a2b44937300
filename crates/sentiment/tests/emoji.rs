//! Emoji and stars that say less, or more, than their picture.

use crumbtrail_sentiment::Label::{Negative, Neutral, Positive};
use crumbtrail_sentiment::{Label, Scorer, Scratch};

fn label(text: &str) -> Label {
    thread_local!(static SCORER: Scorer = Scorer::embedded().unwrap());
    SCORER.with(|scorer| scorer.read(text, None, &mut Scratch::new())).label
}

#[test]
fn folded_hands_and_a_thin_smile_take_no_side() {
    for text in ["🙏", "🙂", "🙏🙏"] {
        assert_eq!(label(text), Neutral, "{text}");
    }
    for text in ["please help 🙏🙏", "waiting for 3 weeks 🙂"] {
        assert_ne!(label(text), Positive, "{text}");
    }
    for text in [":)", ":-)", "ok :)"] {
        assert_eq!(label(text), Positive, "{text}");
    }
}

#[test]
fn stars_are_counted() {
    for (text, meant) in [
        ("★★★★★", Positive),
        ("★★★★☆", Positive),
        ("★★★☆☆", Neutral),
        ("★★☆☆☆", Negative),
        ("★☆☆☆☆", Negative),
        ("⭐☆☆☆☆", Negative),
        ("⭐⭐⭐⭐⭐", Positive),
        ("☆☆☆☆☆", Negative),
        ("★ sale ★", Neutral),
    ] {
        assert_eq!(label(text), meant, "{text}");
    }
}
