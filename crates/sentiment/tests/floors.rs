//! How good the shipped tables are on published test sets: floors a change may not fall through. Needs `CRUMBTRAIL_DATA`.
#![allow(clippy::unwrap_used, reason = "a test panics to fail")]

use crumbtrail_sentiment::{Label, Language, Scorer, Scratch};
use std::io::Read;
use std::path::PathBuf;

#[derive(serde::Deserialize)]
struct Line {
    t: String,
    y: String,
}

fn data(test: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("CRUMBTRAIL_DATA").map(PathBuf::from);
    if folder.is_none() {
        eprintln!("not run: {test}: CRUMBTRAIL_DATA is not set");
    }
    folder
}

fn lines(folder: &std::path::Path, name: &str) -> Vec<Line> {
    let file = std::fs::File::open(folder.join(format!("sentiment/{name}.jsonl.gz"))).unwrap();
    let mut text = String::new();
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Accuracy and macro-F1 over three classes, the language given as a hint as a record would.
fn quality(lines: &[Line], hint: Language) -> (f64, f64) {
    let scorer = Scorer::embedded().unwrap();
    let mut scratch = Scratch::new();
    let mut table = [[0.0f64; 3]; 3];
    for line in lines {
        let truth = match line.y.as_str() {
            "neg" => Label::Negative,
            "pos" => Label::Positive,
            _ => Label::Neutral,
        };
        table[truth as usize][scorer.read(&line.t, Some(hint), &mut scratch).label as usize] += 1.0;
    }
    let right: f64 = (0..3).map(|class| table[class][class]).sum();
    let f1: f64 = (0..3)
        .map(|class| {
            let sums = table[class].iter().sum::<f64>() + table.iter().map(|row| row[class]).sum::<f64>();
            2.0 * table[class][class] / sums
        })
        .sum();
    (right / lines.len() as f64, f1 / 3.0)
}

#[test]
fn thai_beats_its_light_peer_on_wisesight() {
    let Some(folder) = data("thai_beats_its_light_peer_on_wisesight") else { return };
    let (accuracy, macro_f1) = quality(&lines(&folder, "wisesight.test"), Language::Th);
    assert!(accuracy > 0.73 && macro_f1 > 0.68, "accuracy {accuracy:.3}, macro-F1 {macro_f1:.3}");
}

#[test]
#[cfg(feature = "indonesian")]
fn indonesian_beats_its_light_peer_on_smsa() {
    let Some(folder) = data("indonesian_beats_its_light_peer_on_smsa") else { return };
    let (accuracy, macro_f1) = quality(&lines(&folder, "smsa.test"), Language::Id);
    assert!(accuracy > 0.82 && macro_f1 > 0.79, "accuracy {accuracy:.3}, macro-F1 {macro_f1:.3}");
}

/// The trainer's held-out blocks (blocks of 50, number 7 of ten), which no table was fitted on.
#[test]
fn english_beats_the_lexicon_on_held_out_tweets_and_reviews() {
    let Some(folder) = data("english_beats_the_lexicon_on_held_out_tweets_and_reviews") else { return };
    for (name, floor) in [("vader_tweets", 0.66), ("vader_movie", 0.50), ("vader_amazon", 0.58), ("vader_nyt", 0.52)] {
        let all = lines(&folder, name);
        let held_out: Vec<Line> =
            all.into_iter().enumerate().filter(|(at, _)| at / 50 % 10 == 7).map(|row| row.1).collect();
        let (accuracy, macro_f1) = quality(&held_out, Language::En);
        assert!(macro_f1 > floor, "{name}: accuracy {accuracy:.3}, macro-F1 {macro_f1:.3}");
    }
}
