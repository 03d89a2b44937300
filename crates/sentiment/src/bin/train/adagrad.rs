//! Multinomial logistic regression over hashed features: AdaGrad, averaged, class weights, features seen at least twice.

use super::data::Sample;
use crumbtrail_sentiment::calibrate::softmax;
use crumbtrail_sentiment::features::extract;
use crumbtrail_sentiment::lexicon::Lexicon;
use crumbtrail_sentiment::table::{Table, length_norm};
use crumbtrail_sentiment::{Scratch, TopicRules};

/// What may be tuned, on validation texts only.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    /// log2 of the buckets.
    pub(crate) bits: u32,
    /// Passes over the texts.
    pub(crate) epochs: usize,
    /// Step size.
    pub(crate) rate: f32,
    /// Pull towards zero.
    pub(crate) decay: f32,
    /// First value of the sums of squares: the larger, the less a rare feature may say.
    pub(crate) start: f32,
    /// Power of a class's weight (N / 3n): 0 leaves the classes as they are, 1 makes them even.
    pub(crate) balance: f32,
    /// Orders of the texts whose weights are averaged.
    pub(crate) orders: u64,
    /// The first of them.
    pub(crate) seed: u64,
}

/// What the features of a language are made with.
#[derive(Clone, Copy)]
pub(crate) struct Features<'a> {
    /// Phrases; the Thai ones of feeling are features.
    pub(crate) rules: &'a TopicRules,
    /// Words of feeling.
    pub(crate) lexicon: &'a Lexicon,
    /// False for a table that knows no Thai.
    pub(crate) with_thai: bool,
}

/// One text as buckets.
pub(crate) struct Vector {
    /// Bucket and the feature's weight.
    buckets: Vec<(u32, f32)>,
    norm: f32,
    target: [f32; 3],
    weight: f32,
}

/// Splitmix64: the order of texts is a function of the seed.
struct Shuffle(u64);

impl Shuffle {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

/// Turns texts into vectors with the sentiment features, dropping those seen in fewer than two texts.
pub(crate) fn vectors(samples: &[Sample], features: Features<'_>, bits: u32) -> Vec<Vector> {
    let rows = samples.iter().map(|sample| (sample.text.as_str(), sample.target, sample.weight));
    build(rows, bits, 2, |text, out| {
        features.rules.read(text);
        extract(text, Some(features.lexicon), features.with_thai, |hash, times| out.push((hash, times)));
    })
}

/// Turns texts with a target into vectors of any features.
pub(crate) fn build<'a>(
    rows: impl Iterator<Item = (&'a str, [f32; 3], f32)>,
    bits: u32,
    least_count: u8,
    extract: impl Fn(&mut Scratch, &mut Vec<(u64, u32)>),
) -> Vec<Vector> {
    const COUNTER_BITS: u32 = 25;
    let mut scratch = Scratch::new();
    let mut counts = vec![0u8; 1 << COUNTER_BITS];
    let mut hashed = Vec::new();
    for (text, target, weight) in rows {
        scratch.normalise(text);
        let mut hashes = Vec::new();
        extract(&mut scratch, &mut hashes);
        let mut unique: Vec<u64> = hashes.iter().map(|feature| feature.0).collect();
        unique.sort_unstable();
        unique.dedup();
        for hash in unique {
            let counter = &mut counts[(hash >> (64 - COUNTER_BITS)) as usize];
            *counter = counter.saturating_add(1);
        }
        hashed.push((hashes, target, weight));
    }
    hashed
        .into_iter()
        .map(|(hashes, target, weight)| Vector {
            norm: length_norm(hashes.len() as u32),
            buckets: hashes
                .iter()
                .filter(|(hash, _)| counts[(hash >> (64 - COUNTER_BITS)) as usize] >= least_count)
                .map(|&(hash, times)| ((hash >> (64 - bits)) as u32, times as f32))
                .collect(),
            target,
            weight,
        })
        .collect()
}

/// Fits a table: the average over all orders of the texts, which is steadier than what the last texts of one left behind.
pub(crate) fn fit(vectors: &[Vector], settings: Settings) -> Table {
    let (mut weights, mut bias) = (vec![0.0f32; 3 << settings.bits], [0.0f32; 3]);
    let share = 1.0 / settings.orders.max(1) as f32;
    for order in 0..settings.orders.max(1) {
        let (more, more_bias) = fit_in_order(vectors, Settings { seed: settings.seed + order, ..settings });
        weights.iter_mut().zip(&more).for_each(|(sum, weight)| *sum += weight * share);
        bias.iter_mut().zip(&more_bias).for_each(|(sum, weight)| *sum += weight * share);
    }
    Table::quantise(settings.bits, &weights, bias)
}

/// Weights by bucket and class, and the bias, averaged over all steps.
#[expect(clippy::needless_range_loop, reason = "three parallel arrays by class read best by index")]
fn fit_in_order(vectors: &[Vector], settings: Settings) -> (Vec<f32>, [f32; 3]) {
    let size = 3usize << settings.bits;
    let (mut weights, mut squares) = (vec![0.0f32; size], vec![settings.start; size]);
    // The average of w over steps is w − (Σ step·Δw) / steps.
    let mut drift = vec![0.0f32; size];
    let (mut bias, mut bias_squares, mut bias_drift) = ([0.0f32; 3], [1e-6f32; 3], [0.0f32; 3]);
    let mut class_weight = [0.0f32; 3];
    for vector in vectors {
        for class in 0..3 {
            class_weight[class] += vector.target[class] * vector.weight;
        }
    }
    let total: f32 = class_weight.iter().sum();
    for weight in &mut class_weight {
        *weight = if *weight > 0.0 { (total / (3.0 * *weight)).powf(settings.balance) } else { 0.0 };
    }
    let mut order: Vec<usize> = (0..vectors.len()).collect();
    let mut shuffle = Shuffle(settings.seed);
    let steps = (settings.epochs * vectors.len()).max(1) as f32;
    let mut step = 0.0f32;
    for _ in 0..settings.epochs {
        for at in (1..order.len()).rev() {
            order.swap(at, (shuffle.next() % (at as u64 + 1)) as usize);
        }
        for &at in &order {
            let vector = &vectors[at];
            let done = step / steps;
            step += 1.0;
            let mut logits = [0.0f32; 3];
            for &(bucket, times) in &vector.buckets {
                let row = &weights[bucket as usize * 3..bucket as usize * 3 + 3];
                for class in 0..3 {
                    logits[class] += row[class] * times;
                }
            }
            for class in 0..3 {
                logits[class] = logits[class] * vector.norm + bias[class];
            }
            let probabilities = softmax(logits);
            let importance =
                vector.weight * (0..3).map(|class| vector.target[class] * class_weight[class]).sum::<f32>();
            let mut slope = [0.0f32; 3];
            for class in 0..3 {
                slope[class] = (probabilities[class] - vector.target[class]) * importance;
                bias_squares[class] += slope[class] * slope[class];
                let change = -settings.rate * slope[class] / bias_squares[class].sqrt();
                bias[class] += change;
                bias_drift[class] += done * change;
            }
            for &(bucket, times) in &vector.buckets {
                for class in 0..3 {
                    let at = bucket as usize * 3 + class;
                    let gradient = slope[class] * vector.norm * times + settings.decay * weights[at];
                    squares[at] += gradient * gradient;
                    let change = -settings.rate * gradient / squares[at].sqrt();
                    weights[at] += change;
                    drift[at] += done * change;
                }
            }
        }
    }
    for (weight, drift) in weights.iter_mut().zip(&drift) {
        *weight -= drift;
    }
    for class in 0..3 {
        bias[class] -= bias_drift[class];
    }
    (weights, bias)
}
