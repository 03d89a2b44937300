//! Sentences of our own, in the manner of reviews, complaints, chats and news, that no table was fitted on.

use crumbtrail_sentiment::{Label, Language, Scorer, Scratch};

/// Share of right labels and macro-F1; what was wrong goes to standard error.
fn quality(file: &str, language: Language) -> (f64, f64) {
    quality_in(file, language, 0.98)
}

/// As [`quality`], where at least this share of texts is read in the language.
fn quality_in(file: &str, language: Language, least: f64) -> (f64, f64) {
    let scorer = Scorer::embedded().unwrap();
    let mut scratch = Scratch::new();
    let mut table = [[0.0f64; 3]; 3];
    let mut right_language = 0.0;
    for line in file.lines() {
        let (label, text) = line.split_once('\t').unwrap();
        let truth = Label::from_name(label).unwrap();
        let reading = scorer.read(text, None, &mut scratch);
        right_language += f64::from(u8::from(reading.language == language));
        if reading.label != truth {
            eprintln!("{label} read as {} ({:+.2}): {text}", reading.label.as_str(), reading.score);
        }
        table[truth as usize][reading.label as usize] += 1.0;
    }
    let right: f64 = (0..3).map(|class| table[class][class]).sum();
    let count = file.lines().count() as f64;
    assert!(right_language / count >= least, "language right in {right_language} of {count}");
    let f1 = |class: usize| {
        let sums = table[class].iter().sum::<f64>() + table.iter().map(|row| row[class]).sum::<f64>();
        2.0 * table[class][class] / sums
    };
    (right / count, (0..3).map(f1).sum::<f64>() / 3.0)
}

#[test]
fn english_sentences_of_our_own() {
    let (accuracy, f1) = quality(include_str!("own/en.tsv"), Language::En);
    assert!(f1 > 0.70, "accuracy {accuracy:.3}, macro-F1 {f1:.3}");
}

#[test]
fn thai_sentences_of_our_own() {
    let (accuracy, f1) = quality(include_str!("own/th.tsv"), Language::Th);
    assert!(f1 > 0.73, "accuracy {accuracy:.3}, macro-F1 {f1:.3}");
}

#[test]
#[cfg(feature = "indonesian")]
fn indonesian_sentences_of_our_own() {
    let (accuracy, f1) = quality(include_str!("own/id.tsv"), Language::Id);
    assert!(f1 > 0.75, "accuracy {accuracy:.3}, macro-F1 {f1:.3}");
}

/// Reviews and posts that were looked at when the English recipe was chosen.
#[test]
fn reviews_and_posts_are_read() {
    let (accuracy, f1) = quality(include_str!("own/posts-en.tsv"), Language::En);
    assert!(accuracy >= 0.82 && f1 >= 0.82, "{accuracy:.3} {f1:.3}");
}

/// Support texts: facts, denials, two languages in one, emoji, chat. Rules were widened with their misreadings in view.
#[test]
fn support_texts_are_read() {
    let mut sets = vec![
        (include_str!("own/support-en.tsv"), Language::En, 0.68),
        (include_str!("own/support-th.tsv"), Language::Th, 0.86),
    ];
    if cfg!(feature = "indonesian") {
        sets.push((include_str!("own/support-id.tsv"), Language::Id, 0.82));
    }
    for (texts, language, floor) in sets {
        // A few are in two languages at once.
        let (accuracy, f1) = quality_in(texts, language, 0.94);
        assert!(accuracy >= floor, "{}: {accuracy:.3} {f1:.3}", language.as_str());
    }
}
