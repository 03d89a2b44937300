//! Sentences of our own, in the manner of reviews, complaints, chats and news, that no table was fitted on.

use crumbtrail_sentiment::{Label, Language, Scorer, Scratch};

/// Share of right labels and macro-F1; what was wrong goes to standard error.
fn quality(file: &str, language: Language) -> (f64, f64) {
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
    assert!(right_language / count >= 0.98, "language right in {right_language} of {count}");
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
