//! A classification model of one's own, in ONNX, that reads the feeling of a few texts: tickets, say.
//!
//! A transformer is ten thousand times dearer than [`crumbtrail_sentiment`], so it works on a thread of its own, behind a
//! queue that is bounded in length and in time. Whoever asks gets probabilities, or the reason why there are none, and never
//! waits longer than the limit.
//!
//! | question | where |
//! |---|---|
//! | how does a text become numbers? | `tokens.rs` |
//! | what does the model take and give? | `model.rs` |
//! | where is ONNX Runtime found? | `library.rs` |
//! | what if it is late, full, or fails? | `queue.rs` |
//!
//! ONNX Runtime is a shared library that is loaded when a model is opened, once a process: who plugs in none needs none.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::unwrap_used))]

mod error;
mod library;
mod model;
mod queue;
mod tokens;

pub use error::{Fallback, OnnxError};
pub use library::{LIBRARY_FILE, LIBRARY_VARIABLE, find_library};
pub use model::{Classifier, Files, Settings};
pub use queue::{Classify, Queue, Ticket};
pub use tokens::Tokens;
