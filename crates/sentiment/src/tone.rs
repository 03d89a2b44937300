//! What idioms and marks out of ten say of a whole text, where its single words say otherwise or nothing: "can't fault it", "10/10".

/// What speaks for a feeling beside the tables, in hundredths of a log odds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tone {
    /// For the positive and against the negative class.
    side: i16,
    /// For the neutral class.
    neutral: i16,
}

/// The most that idioms together may say.
const MOST: i16 = 400;
/// What an idiom without feeling says for the neutral class.
const NO_FEELING: i16 = 400;
/// What a mark says.
const MARK: i16 = 250;

impl Tone {
    /// Of an idiom; 0 is one without feeling.
    pub(crate) fn add(&mut self, side: i16) {
        match side {
            0 => self.neutral = NO_FEELING,
            _ => self.side = (self.side + side).clamp(-MOST, MOST),
        }
    }

    /// Tears beside an idiom of joy are tears of joy.
    pub(crate) fn cry(&mut self) {
        if self.side > 0 {
            self.side = MOST;
        }
    }

    /// True if it says nothing.
    pub(crate) fn is_none(self) -> bool {
        self == Tone::default()
    }

    /// Probabilities of negative, neutral, positive with it.
    pub(crate) fn tilt(self, probabilities: [f32; 3]) -> [f32; 3] {
        if self.is_none() {
            return probabilities;
        }
        let (side, neutral) = (f32::from(self.side) / 100.0, f32::from(self.neutral) / 100.0);
        let tilted =
            [probabilities[0] * (-side).exp(), probabilities[1] * neutral.exp(), probabilities[2] * side.exp()];
        let sum: f32 = tilted.iter().sum();
        tilted.map(|share| share / sum)
    }

    /// Adds the mark that a text begins with: "10/10", "1/5 would not recommend". Elsewhere such figures are mostly dates.
    pub(crate) fn add_mark(&mut self, text: &str) {
        let Some((given, rest)) = number(text.trim_start()) else { return };
        let Some(rest) = rest.trim_start().strip_prefix('/') else { return };
        let Some((most, rest)) = number(rest.trim_start()) else { return };
        if !matches!(most, 5.0 | 10.0 | 100.0) || given > most || rest.starts_with(['/', '-', '.']) {
            return;
        }
        match given / most {
            share if share >= 0.75 => self.add(MARK),
            share if share <= 0.45 => self.add(-MARK),
            _ => {}
        }
    }
}

/// A number of up to three digits, maybe with one behind the point, and what follows it.
fn number(text: &str) -> Option<(f32, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let end = text[..end].trim_end_matches('.').len();
    if end > 4 {
        return None;
    }
    Some((text[..end].parse().ok()?, &text[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_takes_a_side_at_the_beginning_of_a_text() {
        let side = |text: &str| {
            let mut tone = Tone::default();
            tone.add_mark(text);
            tone.side.signum()
        };
        for (text, meant) in [
            ("10/10", 1),
            (" 9.5 / 10, lovely", 1),
            ("5/5!", 1),
            ("1/5 would not recommend", -1),
            ("0/10", -1),
            ("3/5", 0),
            ("10/10/2026", 0),
            ("20/10", 0),
            ("24/7", 0),
            ("on 5/5", 0),
            ("1234/10", 0),
            ("/5", 0),
            ("", 0),
        ] {
            assert_eq!(side(text), meant, "{text}");
        }
    }

    #[test]
    fn probabilities_stay_probabilities() {
        let mut tone = Tone::default();
        assert_eq!(tone.tilt([0.2, 0.5, 0.3]), [0.2, 0.5, 0.3]);
        tone.add(300);
        tone.add(300);
        let tilted = tone.tilt([0.7, 0.2, 0.1]);
        assert!((tilted.iter().sum::<f32>() - 1.0).abs() < 1e-6 && tilted[2] > 0.9, "{tilted:?}");
        let mut plain = Tone::default();
        plain.add(0);
        assert!(plain.tilt([0.8, 0.1, 0.1])[1] > 0.8);
    }
}
