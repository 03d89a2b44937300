//! Fits a language's probabilities to labels of one's own: a temperature and an offset for each class.
//!
//! Tables say how strongly a text leans; how many neutral texts there are, and how sure one may be, differs from source to
//! source. A few hundred labels mend that without touching the tables.

use crate::Label;

/// Fewer labels than this per language are refused: offsets would be noise.
pub const LEAST_LABELS: usize = 50;

/// What is done to a text's logits: divided by the temperature, then offset.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Calibration {
    /// Above 1: less sure than before.
    pub temperature: f32,
    /// Added to negative, neutral, positive; they sum to 0.
    pub offset: [f32; 3],
}

impl Default for Calibration {
    fn default() -> Self {
        Self { temperature: 1.0, offset: [0.0; 3] }
    }
}

impl Calibration {
    /// Fits probabilities to labels by gradient descent on the log loss, with a mild pull to no change. Deterministic.
    ///
    /// A class that has no label among `samples` keeps an offset near 0 less what the others gain.
    pub fn fit(samples: &[([f32; 3], Label)]) -> Self {
        const STEPS: usize = 600;
        const PULL: f64 = 2.0;
        let count = samples.len().max(1) as f64;
        // The inverse temperature is fitted through its logarithm, so that it stays positive.
        let (mut log_inverse, mut offset) = (0.0f64, [0.0f64; 3]);
        for step in 0..STEPS {
            let (mut slope_inverse, mut slope) = (0.0, [0.0f64; 3]);
            for (probabilities, label) in samples {
                let logits = logits(*probabilities);
                let now = apply(logits, log_inverse.exp(), offset);
                for class in 0..3 {
                    let error = now[class] - f64::from(u8::from(class == *label as usize));
                    slope[class] += error;
                    slope_inverse += error * logits[class] * log_inverse.exp();
                }
            }
            let rate = 0.5 / (1.0 + step as f64 / 200.0);
            log_inverse -= rate * 0.5 * (slope_inverse + PULL * log_inverse) / count;
            for class in 0..3 {
                offset[class] -= rate * 2.0 * (slope[class] + PULL * offset[class]) / count;
            }
        }
        let mean = offset.iter().sum::<f64>() / 3.0;
        Self {
            temperature: (-log_inverse).exp().clamp(0.25, 4.0) as f32,
            offset: offset.map(|value| (value - mean).clamp(-3.0, 3.0) as f32),
        }
    }

    /// Probabilities after calibration.
    pub fn apply(&self, probabilities: [f32; 3]) -> [f32; 3] {
        let logits = logits(probabilities);
        softmax(std::array::from_fn(|class| logits[class] as f32 / self.temperature + self.offset[class]))
    }
}

fn logits(probabilities: [f32; 3]) -> [f64; 3] {
    probabilities.map(|p| f64::from(p.max(1e-6)).ln())
}

fn apply(logits: [f64; 3], inverse: f64, offset: [f64; 3]) -> [f64; 3] {
    let shifted: [f64; 3] = std::array::from_fn(|class| logits[class] * inverse + offset[class]);
    let greatest = shifted.iter().copied().fold(f64::MIN, f64::max);
    let powers = shifted.map(|value| (value - greatest).exp());
    let total: f64 = powers.iter().sum();
    powers.map(|power| power / total)
}

/// Right answers and expected calibration error (ten bins) of probabilities against labels.
pub fn quality(samples: &[([f32; 3], Label)]) -> (f32, f32) {
    let (mut bins, mut right) = ([(0.0f32, 0.0f32); 10], 0.0);
    for (probabilities, label) in samples {
        let best = (0..3).fold(1, |best, class| if probabilities[class] > probabilities[best] { class } else { best });
        let hit = f32::from(u8::from(best == *label as usize));
        right += hit;
        let bin = &mut bins[((probabilities[best] * 10.0) as usize).min(9)];
        bin.0 += probabilities[best];
        bin.1 += hit;
    }
    let count = samples.len().max(1) as f32;
    (right / count, bins.iter().map(|(sure, right)| (sure - right).abs()).sum::<f32>() / count)
}

/// Softmax of three logits.
pub fn softmax(logits: [f32; 3]) -> [f32; 3] {
    let greatest = logits.iter().copied().fold(f32::MIN, f32::max);
    let powers = logits.map(|logit| (logit - greatest).exp());
    let total: f32 = powers.iter().sum();
    powers.map(|power| power / total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overconfidence_and_a_missing_class_are_mended() {
        // Says 0.9 and is right in two of three; never says neutral where a third is.
        let samples: Vec<_> = (0..300)
            .map(|at| {
                let label = [Label::Positive, Label::Positive, Label::Neutral][at % 3];
                ([0.02, 0.08, 0.9], label)
            })
            .collect();
        let fitted = Calibration::fit(&samples);
        let after: Vec<_> = samples.iter().map(|(p, label)| (fitted.apply(*p), *label)).collect();
        assert!(quality(&samples).1 > 0.2);
        assert!(quality(&after).1 < 0.05, "{:?}", quality(&after));
        assert_eq!(fitted, Calibration::fit(&samples));
    }

    #[test]
    fn good_probabilities_stay() {
        let p = [0.2, 0.2, 0.6];
        let labels = [Label::Negative, Label::Neutral, Label::Positive, Label::Positive, Label::Positive];
        let samples: Vec<_> = (0..500).map(|at| (p, labels[at % 5])).collect();
        let fitted = Calibration::fit(&samples);
        assert!(fitted.apply(p).iter().zip(p).all(|(a, b)| (a - b).abs() < 0.02), "{fitted:?}");
        assert_eq!(Calibration::default().apply(p).map(|p| (p * 100.0).round()), [20.0, 20.0, 60.0]);
    }
}
