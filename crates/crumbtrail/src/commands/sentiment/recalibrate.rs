//! Fits each language's probabilities to labels and says, by five-fold cross-validation, what that is worth.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use crumbtrail_sentiment::calibrate::{LEAST_LABELS, quality};
use crumbtrail_sentiment::{Calibration, Label, Language, Scorer, Scratch};
use serde::{Deserialize, Serialize};

use super::labels::{self, Labelled};

/// The calibration file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Stored {
    /// The model it was fitted to; it fits no other.
    pub(super) model: String,
    /// By language tag.
    pub(super) languages: BTreeMap<String, Fitted>,
}

/// One language's part of it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Fitted {
    /// Labels it was fitted to.
    labels: usize,
    temperature: f32,
    offset: [f32; 3],
}

impl Fitted {
    pub(super) fn calibration(&self) -> Calibration {
        Calibration { temperature: self.temperature, offset: self.offset }
    }
}

/// Folds of the cross-validation.
const FOLDS: usize = 5;

/// Reads labels, writes the calibration, returns a page that says what it does.
pub(super) fn recalibrate(labels: &Path, out: &Path) -> Result<String> {
    let csv = std::fs::read_to_string(labels).with_context(|| format!("cannot read {}", labels.display()))?;
    let labelled = labels::read(&csv).with_context(|| format!("cannot use {}", labels.display()))?;
    let (stored, mut page) = fit(&Scorer::embedded()?, &labelled)?;
    let json = serde_json::to_string_pretty(&stored)? + "\n";
    std::fs::write(out, json).with_context(|| format!("cannot write {}", out.display()))?;
    let _ = writeln!(page, "\nwritten to {0}; use it with: crumbtrail sentiment --calibration {0} …", out.display());
    Ok(page)
}

fn fit(scorer: &Scorer, labelled: &[Labelled]) -> Result<(Stored, String)> {
    let mut scratch = Scratch::new();
    let mut samples: BTreeMap<&'static str, Vec<([f32; 3], Label)>> = BTreeMap::new();
    let mut unread = 0;
    for row in labelled {
        match scorer.probabilities_of(&row.text, row.language, &mut scratch) {
            Some((language, probabilities)) if language != Language::Und => {
                samples.entry(language.as_str()).or_default().push((probabilities, row.label));
            }
            _ => unread += 1,
        }
    }
    let mut languages = BTreeMap::new();
    let mut unhelped = 0;
    let mut page =
        "language  labels  right before → after   ECE before → after   (after: 5-fold cross-validated)\n".to_owned();
    for (language, samples) in &samples {
        if samples.len() < LEAST_LABELS {
            let _ =
                writeln!(page, "{language:<8} {:>7}  too few, {LEAST_LABELS} are needed: left as it is", samples.len());
            continue;
        }
        let (before, after) = (Worth::of(samples), Worth::of(&cross_validated(samples)));
        let helps = after.is_better_than(&before);
        let _ = writeln!(
            page,
            "{language:<8} {:>7}        {:.3} → {:.3}        {:.3} → {:.3}{}",
            samples.len(),
            before.right,
            after.right,
            before.calibration_error,
            after.calibration_error,
            if helps { "" } else { "   WORSE: not written, left as it is" }
        );
        if !helps {
            unhelped += 1;
            continue;
        }
        let calibration = Calibration::fit(samples);
        let fitted = Fitted { labels: samples.len(), temperature: calibration.temperature, offset: calibration.offset };
        languages.insert((*language).to_owned(), fitted);
    }
    if unread > 0 {
        let _ = writeln!(page, "{unread} texts are in no language that is scored and were left out");
    }
    if languages.is_empty() && unhelped > 0 {
        bail!(
            "no language would be read better, nothing is written: more labels, or labels of more kinds, may help\n{page}"
        );
    }
    if languages.is_empty() {
        bail!("no language has {LEAST_LABELS} labelled texts\n{page}");
    }
    Ok((Stored { model: scorer.model_version().to_owned(), languages }, page))
}

/// How well probabilities fit labels.
struct Worth {
    right: f32,
    calibration_error: f32,
    /// Mean log loss, which a calibration is fitted to.
    loss: f32,
}

impl Worth {
    /// Either figure may fall by so much when the other gains.
    const GIVE: f32 = 0.01;

    fn of(samples: &[([f32; 3], Label)]) -> Self {
        let (right, calibration_error) = quality(samples);
        let losses = samples.iter().map(|(probabilities, label)| -probabilities[*label as usize].max(1e-6).ln());
        Self { right, calibration_error, loss: losses.sum::<f32>() / samples.len().max(1) as f32 }
    }

    /// The loss falls, neither figure gets clearly worse, and not both get worse at all.
    fn is_better_than(&self, before: &Self) -> bool {
        let (less_right, less_calibrated) =
            (before.right - self.right, self.calibration_error - before.calibration_error);
        self.loss < before.loss
            && less_right.max(less_calibrated) <= Self::GIVE
            && less_right.min(less_calibrated) <= 0.0
    }
}

/// Each sample as calibrated by the other folds.
fn cross_validated(samples: &[([f32; 3], Label)]) -> Vec<([f32; 3], Label)> {
    let mut after = Vec::with_capacity(samples.len());
    for fold in 0..FOLDS {
        let inside = |at: &usize| at % FOLDS == fold;
        let rest: Vec<_> = (0..samples.len()).filter(|at| !inside(at)).map(|at| samples[at]).collect();
        let fitted = Calibration::fit(&rest);
        after.extend((0..samples.len()).filter(inside).map(|at| (fitted.apply(samples[at].0), samples[at].1)));
    }
    after
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A source in which what reads as positive is meant as plain notice.
    fn odd_source(count: usize) -> Vec<Labelled> {
        let texts =
            [("the parcel has arrived, thank you", Label::Neutral), ("terrible, it is broken", Label::Negative)];
        (0..count)
            .map(|at| {
                let (text, label) = texts[at % 2];
                Labelled { text: text.to_owned(), label, language: None }
            })
            .collect()
    }

    #[test]
    fn labels_of_ones_own_change_the_reading_and_the_version() {
        let scorer = Scorer::embedded().unwrap();
        let (stored, page) = fit(&scorer, &odd_source(200)).unwrap();
        assert!(page.contains("en           200"), "{page}");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("calibration.json");
        std::fs::write(&path, serde_json::to_string(&stored).unwrap()).unwrap();
        let changed = super::super::scorer(Some(&path)).unwrap();
        assert_ne!(changed.model_version(), scorer.model_version());
        let read = |scorer: &Scorer| scorer.read("the parcel has arrived, thank you", None, &mut Scratch::new()).label;
        assert_eq!((read(&scorer), read(&changed)), (Label::Positive, Label::Neutral));
    }

    /// Labels that have nothing to do with the texts: what one fold teaches, the next refutes.
    #[test]
    fn a_calibration_that_makes_it_worse_is_not_written() {
        let scorer = Scorer::embedded().unwrap();
        let texts = ["terrible, it is broken", "the parcel has arrived, thank you", "what time do you open?"];
        let well_read = |at: usize| {
            let reading = scorer.read(texts[at % 3], None, &mut Scratch::new());
            Labelled { text: texts[at % 3].to_owned(), label: reading.label, language: None }
        };
        // Each fold of a fifth has one label more often than the rest, so that it is the rarest outside of it.
        let odd = |at: usize| Labelled { label: Label::ALL[at % 5 % 3], ..well_read(at / 5) };
        let labelled: Vec<Labelled> = (0..60).map(odd).collect();
        let refused = fit(&scorer, &labelled).unwrap_err().to_string();
        assert!(refused.contains("nothing is written") && refused.contains("WORSE"), "{refused}");
        // Another language's labels are of use, and are written alone.
        let thai =
            (0..60).map(|_| Labelled { text: "ของพัง".to_owned(), label: Label::Negative, language: None });
        let (stored, page) = fit(&scorer, &labelled.into_iter().chain(thai).collect::<Vec<_>>()).unwrap();
        assert_eq!(stored.languages.keys().collect::<Vec<_>>(), ["th"], "{page}");
    }

    #[test]
    fn too_few_labels_and_another_model_are_refused() {
        let scorer = Scorer::embedded().unwrap();
        assert!(fit(&scorer, &odd_source(20)).unwrap_err().to_string().contains("too few"));
        let (mut stored, _) = fit(&scorer, &odd_source(100)).unwrap();
        stored.model = "linear-0".to_owned();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("calibration.json");
        std::fs::write(&path, serde_json::to_string(&stored).unwrap()).unwrap();
        assert!(super::super::scorer(Some(&path)).unwrap_err().to_string().contains("fit it again"));
    }
}
