//! Accuracy, macro-F1, calibration error, each with n and a 95 % interval.

use super::adagrad::Features;
use super::data::Sample;
use crumbtrail_sentiment::table::Table;
use crumbtrail_sentiment::{Label, Scratch};

/// One line of the report.
#[derive(Debug, Clone)]
pub(crate) struct Score {
    /// Texts.
    pub(crate) count: usize,
    /// Share of right labels.
    pub(crate) accuracy: f64,
    /// Half width of its 95 % interval.
    pub(crate) accuracy_half: f64,
    /// Mean F1 of the classes that occur in the test.
    pub(crate) macro_f1: f64,
    /// Half width of its 95 % interval, by 200 seeded bootstrap samples.
    pub(crate) macro_f1_half: f64,
    /// Expected calibration error over ten bins; `None` for a baseline without probabilities.
    pub(crate) calibration_error: Option<f64>,
}

impl std::fmt::Display for Score {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} | {:.3} ± {:.3} | {:.3} ± {:.3} | ",
            self.count, self.accuracy, self.accuracy_half, self.macro_f1, self.macro_f1_half
        )?;
        match self.calibration_error {
            Some(error) => write!(f, "{error:.3}"),
            None => write!(f, "–"),
        }
    }
}

/// Probabilities of every sample.
pub(crate) fn predict(table: &Table, features: Features<'_>, samples: &[Sample]) -> Vec<[f32; 3]> {
    let mut scratch = Scratch::new();
    samples
        .iter()
        .map(|sample| {
            scratch.normalise(&sample.text);
            features.rules.read(&mut scratch);
            scratch.tilt(table.probabilities(&scratch, features.lexicon, features.with_thai))
        })
        .collect()
}

/// The class with the greatest probability; where a test has no neutral class, the likelier of the two others.
fn decide(probabilities: &[f32; 3], two_class: bool) -> usize {
    if two_class {
        return if probabilities[2] >= probabilities[0] { 2 } else { 0 };
    }
    (0..3).fold(1, |best, class| if probabilities[class] > probabilities[best] { class } else { best })
}

/// Scores probabilities against the samples' labels.
pub(crate) fn score(samples: &[Sample], probabilities: &[[f32; 3]]) -> Score {
    let truth: Vec<usize> = samples.iter().map(|sample| sample.label as usize).collect();
    let two_class = !truth.contains(&(Label::Neutral as usize));
    let guess: Vec<usize> = probabilities.iter().map(|p| decide(p, two_class)).collect();
    let mut result = labels(&truth, &guess);
    let (mut bins, mut error) = ([(0.0f64, 0.0f64, 0.0f64); 10], 0.0);
    for ((p, &guess), &truth) in probabilities.iter().zip(&guess).zip(&truth) {
        let confidence = f64::from(if two_class { p[guess] / (p[0] + p[2]) } else { p[guess] });
        let bin = &mut bins[((confidence * 10.0) as usize).min(9)];
        bin.0 += 1.0;
        bin.1 += confidence;
        bin.2 += f64::from(u8::from(guess == truth));
    }
    for (_, confidence, right) in bins {
        error += (confidence - right).abs() / truth.len() as f64;
    }
    result.calibration_error = Some(error);
    result
}

/// Scores plain labels.
pub(crate) fn labels(truth: &[usize], guess: &[usize]) -> Score {
    let n = truth.len() as f64;
    let accuracy = truth.iter().zip(guess).filter(|(a, b)| a == b).count() as f64 / n;
    let mut state = 17u64;
    let mut resampled: Vec<f64> = (0..200)
        .map(|_| {
            let picks = (0..truth.len()).map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                ((state >> 33) as usize) % truth.len()
            });
            macro_f1(picks.map(|at| (truth[at], guess[at])))
        })
        .collect();
    resampled.sort_unstable_by(f64::total_cmp);
    Score {
        count: truth.len(),
        accuracy,
        accuracy_half: 1.96 * (accuracy * (1.0 - accuracy) / n).sqrt(),
        macro_f1: macro_f1(truth.iter().copied().zip(guess.iter().copied())),
        macro_f1_half: (resampled[194] - resampled[5]) / 2.0,
        calibration_error: None,
    }
}

fn macro_f1(pairs: impl Iterator<Item = (usize, usize)>) -> f64 {
    let mut table = [[0.0f64; 3]; 3];
    for (truth, guess) in pairs {
        table[truth][guess] += 1.0;
    }
    let (mut sum, mut classes) = (0.0, 0.0);
    for class in 0..3 {
        let actual: f64 = table[class].iter().sum();
        let guessed: f64 = table.iter().map(|row| row[class]).sum();
        if actual > 0.0 {
            classes += 1.0;
            sum += 2.0 * table[class][class] / (actual + guessed);
        }
    }
    sum / classes
}

/// The temperature with the least log loss on validation texts.
pub(crate) fn fit_temperature(table: &Table, features: Features<'_>, samples: &[Sample]) -> f32 {
    let loss = |temperature: f32| -> f64 {
        let table = table.clone().with_temperature(temperature);
        predict(&table, features, samples)
            .iter()
            .zip(samples)
            .map(|(p, sample)| -f64::from(p[sample.label as usize].max(1e-6).ln()))
            .sum()
    };
    least((0..24).map(|step| 0.4 * 1.12f32.powi(step)), loss)
}

/// The temperature with the least calibration error, in the mean over kinds of text.
pub(crate) fn even_temperature(table: &Table, features: Features<'_>, kinds: &[Vec<Sample>]) -> f32 {
    let error = |temperature: f32| -> f64 {
        let table = table.clone().with_temperature(temperature);
        kinds.iter().filter_map(|kind| score(kind, &predict(&table, features, kind)).calibration_error).sum()
    };
    // The error is one of bins and jumps from one temperature to the next: each is held to the mean with its neighbours.
    let tried: Vec<(f32, f64)> =
        (0..20).map(|step| 0.8 + 0.05 * step as f32).map(|temperature| (temperature, error(temperature))).collect();
    let evened = tried.windows(3).map(|near| (near[1].0, near.iter().map(|(_, error)| error).sum()));
    of_least(evened)
}

fn least(temperatures: impl Iterator<Item = f32>, cost: impl Fn(f32) -> f64) -> f32 {
    of_least(temperatures.map(|temperature| (temperature, cost(temperature))))
}

fn of_least(costs: impl Iterator<Item = (f32, f64)>) -> f32 {
    costs.min_by(|a, b| a.1.total_cmp(&b.1)).map_or(1.0, |best| best.0)
}
