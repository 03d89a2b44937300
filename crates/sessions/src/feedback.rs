//! What customers say of the service: ratings on their scales and how they moved, and the feeling of their texts.

use crate::stored::stored_fields;
use crumbtrail_events::vocabulary::Scale;

/// Ratings of one conversation, in total order.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Ratings {
    first: Option<(f32, u8)>,
    latest: Option<(f32, u8)>,
    /// The latest on the csat (or stars), nps and ces scale.
    pub(crate) csat: Option<f32>,
    pub(crate) nps: Option<f32>,
    pub(crate) ces: Option<f32>,
}

stored_fields!(Ratings { first, latest, csat, nps, ces });

impl Ratings {
    /// Takes in the customer's next rating, one of its scale.
    pub(crate) fn rate(&mut self, rating: f32, scale: Scale) {
        let rated = (rating, scale as u8);
        self.first = self.first.or(Some(rated));
        self.latest = Some(rated);
        match scale {
            Scale::Csat | Scale::Stars => self.csat = Some(rating),
            Scale::Nps => self.nps = Some(rating),
            Scale::Ces => self.ces = Some(rating),
            _ => {}
        }
    }

    /// The first rating and the latest.
    pub(crate) fn ends(&self) -> [Option<f32>; 2] {
        [self.first, self.latest].map(|rated| rated.map(|(rating, _)| rating))
    }

    /// The scale of the latest rating.
    pub(crate) fn scale(&self) -> Scale {
        self.latest.and_then(|(_, scale)| Scale::from_code(scale)).unwrap_or_default()
    }

    /// Latest less first rating; `None` without ratings, or if they are of different scales.
    pub(crate) fn movement(&self) -> Option<f32> {
        let ((first, one), (latest, other)) = (self.first?, self.latest?);
        (one == other).then_some(latest - first)
    }

    /// `good_to_bad`, `bad_to_good`, or empty: whether it crossed the line of satisfaction.
    pub(crate) fn turn(&self) -> &'static str {
        let good =
            |rated: Option<(f32, u8)>| rated.and_then(|(rating, scale)| is_good(rating, Scale::from_code(scale)?));
        match (good(self.first), good(self.latest)) {
            (Some(true), Some(false)) => "good_to_bad",
            (Some(false), Some(true)) => "bad_to_good",
            _ => "",
        }
    }
}

/// Whether a rating is a satisfied one: 4 or 5 of 5, 9 or 10 of 10 (promoters), 5 to 7 of 7. `None` without a scale.
fn is_good(rating: f32, scale: Scale) -> Option<bool> {
    match scale {
        Scale::Csat | Scale::Stars => Some(rating >= 4.0),
        Scale::Nps => Some(rating >= 9.0),
        Scale::Ces => Some(rating >= 5.0),
        _ => None,
    }
}

/// Scores of the customer's texts, in total order and in ten-thousandths.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Feelings {
    count: u32,
    start: i16,
    end: i16,
    worst: i16,
    sum: i64,
    /// Sum of score times number of the text, from 0.
    weighted: i64,
}

stored_fields!(Feelings { count, start, end, worst, sum, weighted });

impl Feelings {
    /// Takes in the score of the next text.
    pub(crate) fn feel(&mut self, score: i16) {
        if self.count == 0 {
            (self.start, self.worst) = (score, score);
        }
        self.end = score;
        self.worst = self.worst.min(score);
        self.sum += i64::from(score);
        self.weighted = self.weighted.saturating_add(i64::from(score) * i64::from(self.count));
        self.count += 1;
    }

    /// Score of the first, the last and the worst text, in [−1, 1].
    pub(crate) fn scores(&self) -> [Option<f32>; 3] {
        [self.start, self.end, self.worst].map(|score| (self.count > 0).then(|| f32::from(score) / 1e4))
    }

    /// How the feeling went: the slope of the least-squares line through the scores, per text; `None` below two.
    pub(crate) fn trend(&self) -> Option<f32> {
        let n = f64::from(self.count);
        // Σ(i − ī)² of 0..n is n(n² − 1)/12, and ī = (n − 1)/2.
        let spread = n * (n * n - 1.0) / 12.0;
        (self.count > 1).then(|| ((self.weighted as f64 - self.sum as f64 * (n - 1.0) / 2.0) / spread / 1e4) as f32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rated(ratings: &[(f32, Scale)]) -> Ratings {
        let mut all = Ratings::default();
        ratings.iter().for_each(|&(rating, scale)| all.rate(rating, scale));
        all
    }

    #[test]
    fn ratings_move_and_turn_on_their_scale() {
        let csat = rated(&[(5.0, Scale::Csat), (2.0, Scale::Csat), (3.0, Scale::Csat)]);
        assert_eq!((csat.ends(), csat.movement(), csat.turn()), ([Some(5.0), Some(3.0)], Some(-2.0), "good_to_bad"));
        let nps = rated(&[(8.0, Scale::Nps), (9.0, Scale::Nps)]);
        assert_eq!((nps.movement(), nps.turn(), nps.scale()), (Some(1.0), "bad_to_good", Scale::Nps));
        let mixed = rated(&[(1.0, Scale::Csat), (7.0, Scale::Ces), (9.0, Scale::Nps), (4.0, Scale::Ces)]);
        assert_eq!((mixed.csat, mixed.nps, mixed.ces, mixed.movement()), (Some(1.0), Some(9.0), Some(4.0), None));
        assert_eq!((rated(&[]).movement(), rated(&[]).turn()), (None, ""));
    }

    #[test]
    fn the_line_of_satisfaction_of_each_scale() {
        for (scale, line) in [(Scale::Csat, 4.0), (Scale::Stars, 4.0), (Scale::Nps, 9.0), (Scale::Ces, 5.0)] {
            assert_eq!((is_good(line, scale), is_good(line - 1.0, scale)), (Some(true), Some(false)));
        }
    }

    #[test]
    fn the_trend_is_the_slope_per_text() {
        let trend = |scores: &[i16]| {
            let mut feelings = Feelings::default();
            scores.iter().for_each(|&score| feelings.feel(score));
            (feelings.trend(), feelings.scores())
        };
        assert_eq!(trend(&[]), (None, [None; 3]));
        assert_eq!(trend(&[5_000]).0, None);
        assert_eq!(trend(&[-5_000, 0, 5_000]), (Some(0.5), [Some(-0.5), Some(0.5), Some(-0.5)]));
        assert_eq!(trend(&[1_000, -9_000, 1_000]), (Some(0.0), [Some(0.1), Some(0.1), Some(-0.9)]));
    }
}
