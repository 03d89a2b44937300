//! `sentiment`: what the scorer says of a text, and which words made it so; of many texts as JSON lines; and labels of one's
//! own turned into a calibration.

mod labels;
mod lines;
mod recalibrate;
mod show;
mod voice;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand};
use crumbtrail_sentiment::{Language, Scorer, Scratch};

use self::voice::Voice;
use crate::say::print;

/// `sentiment`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct SentimentArgs {
    /// What else to do.
    #[command(subcommand)]
    what: Option<What>,
    /// The text to read.
    #[arg(required_unless_present = "jsonl", conflicts_with = "jsonl")]
    text: Option<String>,
    /// What the record says about its language (a tag like `th` or `en-GB`); decides only where the text does not.
    #[arg(long, value_name = "TAG")]
    language: Option<String>,
    /// Read lines {"text": …, "language": …?} from standard input; write one JSON result a line, in order.
    #[arg(long)]
    jsonl: bool,
    /// A calibration that `recalibrate` wrote.
    #[arg(long, value_name = "FILE")]
    calibration: Option<PathBuf>,
    /// A configuration whose plugged-in model (`sentiment.plugin`) reads the texts, whatever their channel.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Fit probabilities to labels of your own
    #[command(after_help = "Examples:\n  crumbtrail sentiment recalibrate labels.csv --out calibration.json\n\n\
        labels.csv has a header with the columns `text` and `label` (negative, neutral, positive, or neg, neu, pos) and may have \
        `language`.")]
    Recalibrate(RecalibrateArgs),
}

/// `sentiment recalibrate`.
#[derive(Debug, Args)]
struct RecalibrateArgs {
    /// CSV with a header: text, label, language (optional).
    labels: PathBuf,
    /// Where the calibration goes.
    #[arg(long, value_name = "FILE", default_value = "calibration.json")]
    out: PathBuf,
}

/// Runs the command.
///
/// # Errors
/// If standard input or output, the labels or the calibration cannot be read or written.
pub fn sentiment(args: &SentimentArgs) -> Result<ExitCode> {
    if let Some(What::Recalibrate(args)) = &args.what {
        return print(&recalibrate::recalibrate(&args.labels, &args.out)?);
    }
    let scorer = scorer(args.calibration.as_deref())?;
    let hint = args.language.as_deref().and_then(Language::from_tag);
    let mut voice = match &args.config {
        None => Voice::of_tables(scorer),
        Some(config) => Voice::with_plugin(scorer, config)?,
    };
    if args.jsonl {
        lines::run(&mut voice, hint, std::io::stdin().lock(), std::io::stdout().lock())?;
        return Ok(ExitCode::SUCCESS);
    }
    let text = args.text.as_deref().unwrap_or_default();
    let mut explanation = voice.scorer.explain(text, hint, &mut Scratch::new());
    let before = explanation.reading;
    let spoke = voice.feel(text, &mut explanation.reading);
    print(&show::page(text, &explanation, &voice.tell(&spoke, &before)))
}

fn scorer(calibration: Option<&Path>) -> Result<Scorer> {
    let scorer = Scorer::embedded()?;
    let Some(path) = calibration else { return Ok(scorer) };
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let stored: recalibrate::Stored =
        serde_json::from_str(&text).with_context(|| format!("{} is no calibration", path.display()))?;
    if stored.model != scorer.model_version() {
        bail!(
            "{} was fitted to model {}, this is {}: fit it again",
            path.display(),
            stored.model,
            scorer.model_version()
        );
    }
    Ok(stored.languages.iter().fold(scorer, |scorer, (tag, fitted)| match Language::from_tag(tag) {
        Some(language) => scorer.recalibrated(language, &fitted.calibration()),
        None => scorer,
    }))
}
