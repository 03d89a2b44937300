//! Reads the data folder, removes repeats between splits, cuts validation and test blocks.

use crumbtrail_sentiment::Label;
use std::collections::HashSet;
use std::io::Read;
use std::path::Path;

/// A result whose error is a sentence for the person at the terminal.
pub(crate) type Outcome<T> = Result<T, String>;

/// One labelled text.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    /// The text as given.
    pub(crate) text: String,
    /// Its class.
    pub(crate) label: Label,
    /// What training aims at: the label, or a teacher's probabilities.
    pub(crate) target: [f32; 3],
    /// Weight in training.
    pub(crate) weight: f32,
    /// The mean of its raters, where the source has them.
    pub(crate) rated: Option<f32>,
}

impl Sample {
    /// A sample.
    pub(crate) fn new(text: String, label: Label, weight: f32) -> Self {
        let target = Label::ALL.map(|other| if other == label { 1.0 } else { 0.0 });
        Self { text, label, target, weight, rated: None }
    }

    /// A text without a label of its own, with a teacher's probabilities.
    pub(crate) fn taught(text: String, target: [f32; 3], weight: f32) -> Self {
        let best = (0..3).fold(1, |best, class| if target[class] > target[best] { class } else { best });
        Self { text, label: Label::ALL[best], target, weight, rated: None }
    }

    /// The same, that many times as heavy in training.
    pub(crate) fn times(mut self, weight: f32) -> Self {
        self.weight *= weight;
        self
    }

    /// What two texts share when they are the same but for case, spaces and punctuation.
    pub(crate) fn key(&self) -> String {
        key(&self.text)
    }
}

/// Letters and digits only, lower-case.
pub(crate) fn key(text: &str) -> String {
    text.chars()
        .filter(|c| c.is_alphanumeric() || ('\u{e00}'..='\u{e7f}').contains(c))
        .flat_map(char::to_lowercase)
        .collect()
}

#[derive(serde::Deserialize)]
struct Line {
    t: String,
    y: String,
    v: Option<serde_json::Value>,
}

/// Texts and raw labels of one gzipped JSON-lines file.
pub(crate) fn raw(folder: &Path, name: &str) -> Outcome<Vec<(String, String)>> {
    Ok(rated(folder, name)?.into_iter().map(|line| (line.t, line.y)).collect())
}

/// The lines of one gzipped JSON-lines file.
fn rated(folder: &Path, name: &str) -> Outcome<Vec<Line>> {
    let path = folder.join("sentiment").join(format!("{name}.jsonl.gz"));
    let file = std::fs::File::open(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut text = String::new();
    flate2::read::GzDecoder::new(file)
        .read_to_string(&mut text)
        .map_err(|error| format!("{}: {error}", path.display()))?;
    text.lines()
        .map(|line| serde_json::from_str(line).map_err(|error| format!("{}: {error}", path.display())))
        .collect()
}

/// A sentiment file; `q` (a question) is neutral.
pub(crate) fn load(folder: &Path, name: &str) -> Outcome<Vec<Sample>> {
    rated(folder, name)?
        .into_iter()
        .map(|Line { t: text, y: label, v: rated }| {
            let rated = rated.and_then(|mean| mean.as_f64()).map(|mean| mean as f32);
            let label = match label.as_str() {
                "neg" => Label::Negative,
                "pos" => Label::Positive,
                "neu" | "q" => Label::Neutral,
                other => return Err(format!("{name}: unknown label {other:?}")),
            };
            Ok(Sample { rated, ..Sample::new(text, label, 1.0) })
        })
        .collect()
}

/// Texts of SmSA put into English: never fitted on (`tests/translated/README.md`).
pub(crate) fn translated(part: &str) -> Outcome<Vec<Sample>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/translated/{part}-en.tsv"));
    let lines = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let sample = |line: &str| {
        let mut columns = line.splitn(3, '\t').skip(1);
        let label = Label::from_name(columns.next()?)?;
        Some(Sample::new(columns.next()?.to_owned(), label, 1.0))
    };
    let samples: Option<Vec<Sample>> = lines.lines().map(sample).collect();
    samples.ok_or_else(|| format!("{}: a line is not number, label and text", path.display()))
}

/// Training, validation and test texts of one language or domain.
#[derive(Debug, Clone, Default)]
pub(crate) struct Split {
    /// Fitted on.
    pub(crate) train: Vec<Sample>,
    /// Temperature and every choice of the trainer are fitted on this.
    pub(crate) valid: Vec<Sample>,
    /// Looked at by the report only.
    pub(crate) test: Vec<Sample>,
}

impl Split {
    /// Cuts blocks of 50 neighbouring texts into 80/10/10, so that sentences of one article stay together.
    pub(crate) fn by_blocks(samples: Vec<Sample>) -> Self {
        let mut split = Self::default();
        for (block, texts) in samples.chunks(50).enumerate() {
            let part = match block % 10 {
                3 => &mut split.valid,
                7 => &mut split.test,
                _ => &mut split.train,
            };
            part.extend_from_slice(texts);
        }
        split
    }

    /// Takes out of training what stands in validation or test, and out of validation what stands in test; then repeats
    /// within training. Returns how many texts went.
    pub(crate) fn remove_leaks(&mut self) -> usize {
        let before = self.train.len() + self.valid.len();
        let test: HashSet<String> = self.test.iter().map(Sample::key).collect();
        self.valid.retain(|sample| !test.contains(&sample.key()));
        let valid: HashSet<String> = self.valid.iter().map(Sample::key).collect();
        let mut seen = HashSet::new();
        self.train.retain(|sample| {
            let key = sample.key();
            !test.contains(&key) && !valid.contains(&key) && seen.insert(key)
        });
        before - self.train.len() - self.valid.len()
    }

    /// Adds another split's parts.
    pub(crate) fn extend(&mut self, other: &Split) {
        self.train.extend_from_slice(&other.train);
        self.valid.extend_from_slice(&other.valid);
        self.test.extend_from_slice(&other.test);
    }
}
