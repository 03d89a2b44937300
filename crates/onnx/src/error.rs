//! Why a model cannot be opened, and why a text was not read.

use std::path::PathBuf;

/// Why a model cannot be used. Each is one line.
#[derive(Debug, thiserror::Error)]
pub enum OnnxError {
    /// ONNX Runtime is nowhere.
    #[error(
        "ONNX Runtime is not found (looked at {looked}): take libonnxruntime from the Python package onnxruntime, and name it in \
         sentiment.plugin.runtime or CRUMBTRAIL_ONNXRUNTIME"
    )]
    LibraryMissing {
        /// Places looked at.
        looked: String,
    },
    /// What was found is not it, or too old.
    #[error("{}: no ONNX Runtime 1.22 or newer: {detail}", path.display())]
    Library {
        /// The file.
        path: PathBuf,
        /// What the loader says.
        detail: String,
    },
    /// The tokenizer's file cannot be used.
    #[error("{}: no tokenizer.json of Hugging Face's tokenizers: {detail}", path.display())]
    Tokenizer {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// The model's file cannot be used.
    #[error("{}: no ONNX model that can be run: {detail}", path.display())]
    Model {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// It takes or gives something else than a text classifier does.
    #[error("{}: no text classifier: {detail}", path.display())]
    Shape {
        /// The file.
        path: PathBuf,
        /// What it takes or gives.
        detail: String,
    },
    /// The thread of the queue cannot be started.
    #[error("cannot start the plug-in's thread: {0}")]
    Thread(std::io::Error),
}

/// Why a text was not read by the model. The default tables' reading stands then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fallback {
    /// As many texts wait as may.
    Full,
    /// It was not read within its time.
    Late,
    /// It has more tokens than the model takes.
    TooLong,
    /// The model, or its tokenizer, failed at it.
    Failed(String),
}

impl Fallback {
    /// Stable name, for metric labels.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Fallback::Full => "full",
            Fallback::Late => "late",
            Fallback::TooLong => "too_long",
            Fallback::Failed(_) => "failed",
        }
    }
}

/// The first line of what somebody else's library says.
pub(crate) fn first_line(error: impl std::fmt::Display) -> String {
    let text = error.to_string();
    text.lines().next().unwrap_or_default().trim().to_owned()
}
