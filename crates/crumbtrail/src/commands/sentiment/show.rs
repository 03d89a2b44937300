//! One reading as a page for a person.

use std::fmt::Write as _;

use crumbtrail_sentiment::{Explanation, TopicSet};

/// The strongest words shown.
const MOST_WORDS: usize = 8;

/// What was read of a text and why.
pub(super) fn page(text: &str, explanation: &Explanation, model: &str) -> String {
    let reading = &explanation.reading;
    let mut page = String::new();
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(page, "{name:<10}{value}");
    };
    line(
        "feeling",
        &format!("{} {:+.2} (confidence {:.2})", reading.label.as_str(), reading.score, reading.confidence),
    );
    line("language", reading.language.as_str());
    line("kind", reading.kind.as_str());
    line("topics", &names(reading.topics));
    line("likes", &names(reading.likes));
    line("dislikes", &names(reading.dislikes));
    let friction = match reading.friction_kind {
        None => "none".to_owned(),
        Some(kind) => {
            let says = format!("friction:{}", kind.as_str());
            let hit = explanation.rules.iter().find(|hit| hit.says == says);
            format!("{}: \"{}\"", kind.as_str(), hit.map_or("", |hit| &text[hit.place.clone()]))
        }
    };
    line("friction", &friction);
    let words: Vec<String> = explanation
        .contributions
        .iter()
        .take(MOST_WORDS)
        .map(|word| format!("{:+.2} \"{}\"", word.effect, &text[word.place.clone()]))
        .collect();
    line("because", if words.is_empty() { "no word moves the score" } else { "" });
    for word in &words {
        line("", word);
    }
    let rules = explanation.rules.iter().filter(|hit| hit.says != "contrast");
    for (at, hit) in rules.enumerate() {
        line(if at == 0 { "rules" } else { "" }, &format!("{}: \"{}\"", hit.says, &text[hit.place.clone()]));
    }
    line("model", model);
    page
}

fn names(topics: TopicSet) -> String {
    if topics.is_empty() { "none".to_owned() } else { topics.iter().collect::<Vec<_>>().join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crumbtrail_sentiment::{Scorer, Scratch};

    #[test]
    fn a_page_names_the_words_and_the_evidence() {
        let scorer = Scorer::embedded().unwrap();
        let text = "Terrible! My parcel never arrived";
        let page = page(text, &scorer.explain(text, None, &mut Scratch::new()), scorer.model_version());
        assert!(page.starts_with("feeling   negative -"), "{page}");
        assert!(page.contains("friction  not_received: \"never arrived\""), "{page}");
        assert!(page.contains("\"Terrible\"") && page.contains("delivery: \"parcel\""), "{page}");
    }
}
