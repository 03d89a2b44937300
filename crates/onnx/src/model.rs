//! One ONNX sequence classifier: ids in, probabilities of the three labels out.

use std::borrow::Cow;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use crumbtrail_sentiment::Label;
use ort::session::Session;
use ort::value::{Tensor, TensorElementType, ValueType};
use xxhash_rust::xxh3::Xxh3;

use crate::error::{Fallback, OnnxError, first_line};
use crate::library;
use crate::queue::Classify;
use crate::tokens::Tokens;

/// The files of a model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files {
    /// ONNX Runtime's library; `None`: see [`library::find_library`].
    pub runtime: Option<PathBuf>,
    /// The classifier, as exported for `sequence classification`.
    pub model: PathBuf,
    /// Its `tokenizer.json`.
    pub tokenizer: PathBuf,
}

/// How a model is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// What each of its outputs means; several may mean the same.
    pub labels: Vec<Label>,
    /// Texts with more tokens are not read.
    pub most_tokens: usize,
    /// Processor cores it may use for a text.
    pub threads: usize,
}

/// What the model takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Input {
    Ids,
    Mask,
    Types,
}

impl Input {
    const ALL: [(&'static str, Input); 3] =
        [("input_ids", Input::Ids), ("attention_mask", Input::Mask), ("token_type_ids", Input::Types)];
}

/// A model that was opened, and has read a text.
pub struct Classifier {
    session: Session,
    tokens: Tokens,
    settings: Settings,
    inputs: Vec<(&'static str, Input)>,
    output: String,
    version: String,
}

/// What it reads when it is opened.
const PROBE: &str = "Is this a text classifier?";

impl Classifier {
    /// Opens a model and has it read a text.
    ///
    /// # Errors
    /// A file is missing or not what it should be, the model takes or gives something else, or it has not as many outputs as
    /// there are labels.
    pub fn open(files: &Files, settings: Settings) -> Result<Classifier, OnnxError> {
        library::load(&library::find_library(files.runtime.as_deref())?)?;
        let tokenizer = |detail| OnnxError::Tokenizer { path: files.tokenizer.clone(), detail };
        let json = std::fs::read(&files.tokenizer).map_err(|error| tokenizer(error.to_string()))?;
        let tokens = Tokens::from_json(&json).map_err(|detail| tokenizer(first_line(detail)))?;
        let broken = |detail| OnnxError::Model { path: files.model.clone(), detail };
        let version = version(&files.model, &json, &settings.labels).map_err(|error| broken(error.to_string()))?;
        let session = session(&files.model, settings.threads).map_err(|error| broken(first_line(error)))?;
        let shape = |detail| OnnxError::Shape { path: files.model.clone(), detail };
        let inputs = inputs(&session).map_err(shape)?;
        let output = output(&session).map_err(shape)?;
        let mut model = Classifier { session, tokens, settings, inputs, output, version };
        let ids = model.tokens.encode(PROBE).map_err(tokenizer)?;
        let outputs = model.run(ids).map_err(|detail| shape(format!("it cannot read a text: {detail}")))?.len();
        if outputs != model.settings.labels.len() {
            let labels = model.settings.labels.len();
            return Err(shape(format!("it has {outputs} outputs a text, and sentiment.plugin.labels names {labels}")));
        }
        Ok(model)
    }

    /// Names the model: `onnx-` and a checksum of its file, its tokenizer and the order of its labels.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The names of its inputs and of its output, for people.
    #[must_use]
    pub fn describe(&self) -> String {
        let inputs: Vec<&str> = self.inputs.iter().map(|(name, _)| *name).collect();
        let labels: Vec<&str> = self.settings.labels.iter().map(|label| label.as_str()).collect();
        format!("{}: {} → {} ({})", self.version, inputs.join(", "), self.output, labels.join(", "))
    }

    /// The outputs for one text.
    fn run(&mut self, ids: Vec<i64>) -> Result<Vec<f32>, String> {
        let length = ids.len();
        let mut ids = Some(ids);
        let mut values = Vec::with_capacity(self.inputs.len());
        for (name, input) in &self.inputs {
            let data = match input {
                Input::Ids => ids.take().unwrap_or_default(),
                Input::Mask => vec![1; length],
                Input::Types => vec![0; length],
            };
            let tensor = Tensor::from_array(([1, length], data)).map_err(first_line)?;
            values.push((Cow::Borrowed(*name), ort::session::SessionInputValue::from(tensor)));
        }
        let outputs = self.session.run(values).map_err(first_line)?;
        let (shape, logits) = outputs[self.output.as_str()].try_extract_tensor::<f32>().map_err(first_line)?;
        if shape.len() != 2 || shape[0] != 1 {
            return Err(format!("{} has the shape {shape:?}, not [texts, labels]", self.output));
        }
        Ok(logits.to_vec())
    }
}

impl Classify for Classifier {
    fn classify(&mut self, text: &str) -> Result<[f32; 3], Fallback> {
        // No token has fewer bytes than one, and few have more than 16: what cannot fit is not cut into tokens first.
        if text.len() > self.settings.most_tokens.saturating_mul(64) {
            return Err(Fallback::TooLong);
        }
        let ids = self.tokens.encode(text).map_err(Fallback::Failed)?;
        if ids.len() > self.settings.most_tokens {
            return Err(Fallback::TooLong);
        }
        let logits = self.run(ids).map_err(Fallback::Failed)?;
        probabilities(&logits, &self.settings.labels)
            .ok_or_else(|| Fallback::Failed(format!("its outputs are no numbers: {logits:?}")))
    }
}

/// Softmax over the outputs, summed by label; `None` if an output is no number or one is missing.
fn probabilities(logits: &[f32], labels: &[Label]) -> Option<[f32; 3]> {
    if logits.len() != labels.len() || logits.iter().any(|logit| !logit.is_finite()) {
        return None;
    }
    let greatest = logits.iter().copied().fold(f32::MIN, f32::max);
    let mut sums = [0.0; 3];
    for (logit, label) in logits.iter().zip(labels) {
        sums[*label as usize] += (logit - greatest).exp();
    }
    let total: f32 = sums.iter().sum();
    Some(sums.map(|sum| sum / total))
}

fn version(model: &Path, tokenizer: &[u8], labels: &[Label]) -> std::io::Result<String> {
    let mut hash = Xxh3::new();
    let mut file = std::fs::File::open(model)?;
    let mut piece = vec![0; 1 << 20];
    loop {
        match file.read(&mut piece)? {
            0 => break,
            length => hash.update(&piece[..length]),
        }
    }
    hash.update(tokenizer);
    labels.iter().for_each(|label| hash.update(label.as_str().as_bytes()));
    Ok(format!("onnx-{:08x}", hash.digest() as u32))
}

fn session(model: &Path, threads: usize) -> Result<Session, String> {
    let builder = Session::builder().map_err(first_line)?;
    // Cores are intake's: a thread with nothing to do sleeps.
    let builder = builder.with_intra_threads(threads).map_err(first_line)?;
    let builder = builder.with_intra_op_spinning(false).map_err(first_line)?;
    let mut builder = builder.with_log_level(ort::logging::LogLevel::Error).map_err(first_line)?;
    builder.commit_from_file(model).map_err(first_line)
}

fn inputs(session: &Session) -> Result<Vec<(&'static str, Input)>, String> {
    let mut found = Vec::new();
    for outlet in session.inputs() {
        let known = Input::ALL.into_iter().find(|(name, _)| *name == outlet.name());
        let known = known.ok_or_else(|| {
            format!("it takes {:?}; known are input_ids, attention_mask and token_type_ids", outlet.name())
        })?;
        if !matches!(outlet.dtype(), ValueType::Tensor { ty: TensorElementType::Int64, .. }) {
            return Err(format!("its {} is {}, not a tensor of int64", known.0, outlet.dtype()));
        }
        found.push(known);
    }
    if found.iter().any(|(_, input)| *input == Input::Ids) {
        Ok(found)
    } else {
        Err("it takes no input_ids".to_owned())
    }
}

fn output(session: &Session) -> Result<String, String> {
    let names: Vec<&str> = session.outputs().iter().map(|outlet| outlet.name()).collect();
    match names.iter().find(|name| **name == "logits") {
        Some(name) => Ok((*name).to_owned()),
        None => Err(format!("it gives {}, and no logits: export it for sequence classification", names.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_become_three_probabilities() {
        use Label::{Negative, Neutral, Positive};
        let stars = [Negative, Negative, Neutral, Positive, Positive];
        let sums = probabilities(&[0.0; 5], &stars).unwrap();
        assert!(sums.iter().zip([0.4, 0.2, 0.4]).all(|(sum, wanted)| (sum - wanted).abs() < 1e-6), "{sums:?}");
        let [negative, neutral, positive] = probabilities(&[1_000.0, 0.0], &[Positive, Negative]).unwrap();
        assert_eq!((negative, neutral, positive), (0.0, 0.0, 1.0));
        assert_eq!(probabilities(&[f32::NAN, 0.0], &[Positive, Negative]), None);
        assert_eq!(probabilities(&[0.0], &[Positive, Negative]), None);
    }
}
