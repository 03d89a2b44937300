//! How good the shipped tables are on published test sets: the goals where they are reached, else floors a change may not
//! fall through (docs/sentiment.md, "Goals and what is reached"). Needs `CRUMBTRAIL_DATA`.
#![allow(clippy::unwrap_used, reason = "a test panics to fail")]

use crumbtrail_sentiment::calibrate;
use crumbtrail_sentiment::{Label, Language, Scorer, Scratch};
use std::io::Read;
use std::path::{Path, PathBuf};

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

fn lines(folder: &Path, name: &str) -> Vec<Line> {
    let file = std::fs::File::open(folder.join(format!("sentiment/{name}.jsonl.gz"))).unwrap();
    let mut text = String::new();
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The trainer's test blocks (blocks of 50, number 7 of ten), which no table was fitted on.
fn test_blocks(folder: &Path, name: &str) -> Vec<Line> {
    lines(folder, name).into_iter().enumerate().filter(|(at, _)| at / 50 % 10 == 7).map(|row| row.1).collect()
}

struct Quality {
    accuracy: f64,
    macro_f1: f64,
    calibration_error: f64,
}

impl Quality {
    /// Of a set's lines, the language given as a hint as a record would. A set without neutral texts asks which of the two
    /// others is likelier.
    fn of(lines: &[Line], hint: Language) -> Self {
        let scorer = Scorer::embedded().unwrap();
        let mut scratch = Scratch::new();
        let truth = |line: &Line| Label::from_name(&line.y).unwrap_or(Label::Neutral);
        let two_class = lines.iter().all(|line| truth(line) != Label::Neutral);
        let read: Vec<([f32; 3], Label)> = lines
            .iter()
            .map(|line| {
                let unread = [0.0, 1.0, 0.0];
                let [negative, neutral, positive] =
                    scorer.probabilities_of(&line.t, Some(hint), &mut scratch).map_or(unread, |read| read.1);
                let sides = negative + positive;
                let probabilities = match two_class {
                    true if sides > 0.0 => [negative / sides, 0.0, positive / sides],
                    true => [0.5, 0.0, 0.5],
                    false => [negative, neutral, positive],
                };
                (probabilities, truth(line))
            })
            .collect();
        let mut table = [[0.0f64; 3]; 3];
        for (probabilities, truth) in &read {
            let best =
                (0..3).fold(1, |best, class| if probabilities[class] > probabilities[best] { class } else { best });
            table[*truth as usize][best] += 1.0;
        }
        let of_class = |class: usize| {
            let sums = table[class].iter().sum::<f64>() + table.iter().map(|row| row[class]).sum::<f64>();
            (sums > 0.0).then(|| 2.0 * table[class][class] / sums)
        };
        let f1: Vec<f64> = (0..3).filter_map(of_class).collect();
        let (accuracy, calibration_error) = calibrate::quality(&read);
        Self {
            accuracy: f64::from(accuracy),
            macro_f1: f1.iter().sum::<f64>() / f1.len() as f64,
            calibration_error: f64::from(calibration_error),
        }
    }

    /// Fails below a macro-F1 or above a calibration error.
    fn holds(&self, set: &str, macro_f1: f64, calibration_error: f64) {
        let Self { accuracy, macro_f1: reached, calibration_error: error } = self;
        eprintln!("{set}: accuracy {accuracy:.3}, macro-F1 {reached:.3}, ECE {error:.3}");
        assert!(*reached >= macro_f1, "{set}: macro-F1 {reached:.3}, below {macro_f1}");
        assert!(*error <= calibration_error, "{set}: calibration error {error:.3}, above {calibration_error}");
    }
}

/// The goal of calibration in a table's own domain; across domains it is 0.10.
const CALIBRATED: f64 = 0.06;

#[test]
fn thai_reaches_its_goals() {
    let Some(folder) = data("thai_reaches_its_goals") else { return };
    Quality::of(&lines(&folder, "wisesight.test"), Language::Th).holds("wisesight.test", 0.67, CALIBRATED);
    // Of two classes; the goal is .87 on complaints, which are not at hand.
    Quality::of(&lines(&folder, "th_tcas61"), Language::Th).holds("th_tcas61", 0.87, CALIBRATED);
    Quality::of(&lines(&folder, "th_general_amy"), Language::Th).holds("th_general_amy", 0.80, 0.12);
}

#[test]
#[cfg(feature = "indonesian")]
fn indonesian_reaches_its_goals() {
    let Some(folder) = data("indonesian_reaches_its_goals") else { return };
    Quality::of(&lines(&folder, "smsa.test"), Language::Id).holds("smsa.test", 0.81, CALIBRATED);
    Quality::of(&test_blocks(&folder, "prdect"), Language::Id).holds("prdect", 0.78, CALIBRATED);
}

/// Customers' sentences that no table was fitted on nor chosen by, put into English (`translated/README.md`): the must across
/// domains. They are of the repository, so that this runs without `CRUMBTRAIL_DATA`.
#[test]
fn english_reaches_its_goal_on_translated_customers() {
    let lines = |file: &str| -> Vec<Line> {
        let columns = file.lines().map(|line| line.splitn(3, '\t').skip(1));
        columns
            .map(|mut line| Line { y: line.next().unwrap().to_owned(), t: line.next().unwrap().to_owned() })
            .collect()
    };
    for (set, file) in [
        ("translated, chosen on", include_str!("translated/choose-en.tsv")),
        ("translated, looked at by no choice", include_str!("translated/report-en.tsv")),
    ] {
        Quality::of(&lines(file), Language::En).holds(set, 0.75, 0.10);
    }
}

/// The goal on support tweets (.56) is of a set that is not at hand: these floors are what held when they were written, less
/// the half width of an interval.
#[test]
fn english_beats_the_lexicon_on_held_out_tweets_and_reviews() {
    let Some(folder) = data("english_beats_the_lexicon_on_held_out_tweets_and_reviews") else { return };
    for (name, macro_f1, calibration_error) in [
        ("vader_tweets", 0.68, CALIBRATED),
        ("vader_movie", 0.51, CALIBRATED),
        ("vader_nyt", 0.54, CALIBRATED),
        // This one misses the goal of calibration: .061 when this was written.
        ("vader_amazon", 0.65, 0.07),
    ] {
        Quality::of(&test_blocks(&folder, name), Language::En).holds(name, macro_f1, calibration_error);
    }
}

/// Short texts of sets no table was fitted on are read in their language, in all and in each language; Thai ones by four
/// characters a word.
#[test]
fn languages_of_short_texts_are_told() {
    let Some(folder) = data("languages_of_short_texts_are_told") else { return };
    let whole = |name| lines(&folder, name);
    let blocks = |name| test_blocks(&folder, name);
    let mut sets = vec![
        (
            Language::En,
            vec![
                whole("banking77.test"),
                whole("clinc.test"),
                whole("vader_movie"),
                blocks("vader_tweets"),
                blocks("vader_nyt"),
                blocks("vader_amazon"),
            ],
        ),
        (
            Language::Th,
            vec![whole("wisesight.test"), whole("tv_dest.test"), whole("th_general_amy"), whole("th_tcas61")],
        ),
    ];
    if cfg!(feature = "indonesian") {
        sets.push((Language::Id, vec![whole("smsa.valid"), whole("smsa.test"), blocks("prdect")]));
    }
    let scorer = Scorer::embedded().unwrap();
    let mut scratch = Scratch::new();
    let (mut all, mut right) = (0.0, 0.0);
    for (language, lines) in &sets {
        let (mut of_set, mut right_of_set) = (0.0, 0.0);
        for line in lines.iter().flatten() {
            let words = match language {
                Language::Th => line.t.chars().filter(|c| !c.is_whitespace()).count().div_ceil(4),
                _ => line.t.split_whitespace().count(),
            };
            if words <= 8 {
                of_set += 1.0;
                let read = scorer.read(&line.t, None, &mut scratch).language;
                right_of_set += f64::from(u8::from(read == *language));
            }
        }
        let share: f64 = right_of_set / of_set;
        eprintln!("{}: {share:.4} of {of_set}", language.as_str());
        assert!(share >= 0.98, "{}: {share:.4} of {of_set}", language.as_str());
        all += of_set;
        right += right_of_set;
    }
    assert!(right / all >= 0.99, "{:.4} of {all}", right / all);
}
