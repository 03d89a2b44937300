//! Every input record ends in exactly one of these.

/// What became of a record. The names are metric labels, ledger keys and words of the `audit` view.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Outcome {
    /// Taken into sessions, conversations and journeys.
    #[default]
    Counted = 0,
    /// Behind watermark minus allowed lateness, judged against the merged window.
    Late = 1,
    /// The same event id was counted before, within the lateness.
    Duplicate = 2,
    /// From a robot, and the configuration drops robots.
    Bot = 3,
    /// Removed by a configured filter.
    Filtered = 4,
    /// Its person asked to be erased, or did not consent.
    Erased = 5,
    /// Could not be read; it stands in the dead letters with its reason.
    Dead = 6,
    /// No outcome of a record of its own: it goes with another one of the same position and says whose that one is (see
    /// [`crate::touchpoint::Role`]). Counted nowhere.
    Aside = 7,
}

impl Outcome {
    /// All outcomes a record can have, by code.
    pub const ALL: [Outcome; 7] = [
        Outcome::Counted,
        Outcome::Late,
        Outcome::Duplicate,
        Outcome::Bot,
        Outcome::Filtered,
        Outcome::Erased,
        Outcome::Dead,
    ];

    /// The stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Outcome::Counted => "counted",
            Outcome::Late => "late",
            Outcome::Duplicate => "duplicate",
            Outcome::Bot => "bot",
            Outcome::Filtered => "filtered",
            Outcome::Erased => "erased",
            Outcome::Dead => "dead",
            Outcome::Aside => "aside",
        }
    }

    /// The outcome with this code.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Outcome> {
        if code == Outcome::Aside as u8 { Some(Outcome::Aside) } else { Outcome::ALL.get(usize::from(code)).copied() }
    }
}

/// How many records ended in each outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts(pub [u64; Outcome::ALL.len()]);

impl Counts {
    /// Counts one record; an aside is none.
    pub fn add(&mut self, outcome: Outcome) {
        if let Some(count) = self.0.get_mut(outcome as usize) {
            *count += 1;
        }
    }

    /// Adds what others counted.
    pub fn join(&mut self, others: &Counts) {
        self.0.iter_mut().zip(others.0).for_each(|(sum, count)| *sum += count);
    }

    /// How many ended in `outcome`.
    #[must_use]
    pub fn of(&self, outcome: Outcome) -> u64 {
        self.0.get(outcome as usize).copied().unwrap_or_default()
    }

    /// How many records there were in all.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_names_round_trip() {
        for (code, outcome) in Outcome::ALL.into_iter().enumerate() {
            assert_eq!(outcome as usize, code);
            assert_eq!(Outcome::from_code(code as u8), Some(outcome));
        }
        assert_eq!(Outcome::from_code(7), Some(Outcome::Aside));
        assert_eq!(Outcome::from_code(8), None);
    }

    #[test]
    fn asides_are_not_counted() {
        let mut counts = Counts::default();
        counts.add(Outcome::Aside);
        counts.add(Outcome::Late);
        assert_eq!((counts.total(), counts.of(Outcome::Late)), (1, 1));
    }
}
