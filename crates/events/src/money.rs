//! Money as whole millionths of its currency's unit: sums are exact and order does not matter.

/// Millionths of a currency unit (1 THB = 1 000 000).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Micros(pub i64);

impl Micros {
    /// The nearest millionth to `amount`; out-of-range and non-finite amounts give `None`.
    #[must_use]
    pub fn from_f64(amount: f64) -> Option<Micros> {
        let micros = (amount * 1e6).round();
        (micros.is_finite() && micros.abs() < 9.2e18).then_some(Micros(micros as i64))
    }

    /// The amount in units, for display.
    #[must_use]
    pub fn to_f64(self) -> f64 {
        self.0 as f64 / 1e6
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_to_the_nearest_millionth_and_refuses_the_absurd() {
        assert_eq!(Micros::from_f64(12.34), Some(Micros(12_340_000)));
        assert_eq!(Micros::from_f64(f64::NAN), None);
        assert_eq!(Micros::from_f64(1e300), None);
    }
}
