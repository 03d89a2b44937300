//! Why something is taken for a robot: every indicator that said so, as a set.

use std::fmt;
use std::sync::OnceLock;

/// A set of indicators.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Indicators(u16);

/// The indicators by their stable names, in the order in which the first of a set is told.
const NAMES: [&str; 9] =
    ["client_flag", "empty_agent", "list", "user_agent", "library", "address_list", "rate", "no_assets", "data_centre"];

impl Indicators {
    /// Nothing said so.
    pub const NONE: Indicators = Indicators(0);
    /// The page's own script said so (`webdriver`).
    pub const CLIENT_FLAG: Indicators = Indicators(1);
    /// No agent where there should be one.
    pub const EMPTY_AGENT: Indicators = Indicators(1 << 1);
    /// The agent is on the list of known crawlers, monitors, feed readers and scanners.
    pub const LIST: Indicators = Indicators(1 << 2);
    /// A word every robot may use stands in the agent: bot, crawler, spider, …
    pub const USER_AGENT: Indicators = Indicators(1 << 3);
    /// A programming library or command-line tool.
    pub const LIBRARY: Indicators = Indicators(1 << 4);
    /// The address is on a list of robots' addresses.
    pub const ADDRESS_LIST: Indicators = Indicators(1 << 5);
    /// More views in a minute than a person makes.
    pub const RATE: Indicators = Indicators(1 << 6);
    /// Pages without the images and scripts that a browser fetches with them.
    pub const NO_ASSETS: Indicators = Indicators(1 << 7);
    /// The address belongs to a data centre. A hint, no proof: people come by private networks too.
    pub const DATA_CENTRE: Indicators = Indicators(1 << 8);

    /// Those which make a robot by themselves: all but [`Indicators::DATA_CENTRE`].
    pub const DECISIVE: Indicators = Indicators((1 << 8) - 1);

    /// Both sets.
    #[must_use]
    pub const fn and(self, other: Indicators) -> Indicators {
        Indicators(self.0 | other.0)
    }

    /// What is in both.
    #[must_use]
    pub const fn among(self, other: Indicators) -> Indicators {
        Indicators(self.0 & other.0)
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The names, in order.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        NAMES.into_iter().enumerate().filter(move |(bit, _)| self.0 >> bit & 1 == 1).map(|(_, name)| name)
    }

    /// The name of the first, empty if there is none.
    #[must_use]
    pub const fn first(self) -> &'static str {
        if self.0 == 0 { "" } else { NAMES[self.0.trailing_zeros() as usize] }
    }

    /// The names, comma-separated.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        static SETS: OnceLock<Vec<String>> = OnceLock::new();
        if self.0 == 0 {
            return "";
        }
        let sets = SETS.get_or_init(|| {
            (0..1 << NAMES.len()).map(|set| Indicators(set).names().collect::<Vec<_>>().join(",")).collect()
        });
        sets.get(usize::from(self.0)).map_or("", String::as_str)
    }
}

impl fmt::Display for Indicators {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_indicator_that_said_so_is_told() {
        let all = Indicators::DATA_CENTRE.and(Indicators::LIST).and(Indicators::USER_AGENT);
        assert_eq!((all.to_string().as_str(), all.first()), ("list,user_agent,data_centre", "list"));
        assert_eq!((Indicators::NONE.to_string().as_str(), Indicators::NONE.first()), ("", ""));
        assert_eq!(all.among(Indicators::DECISIVE), Indicators::LIST.and(Indicators::USER_AGENT));
        assert!(Indicators::DATA_CENTRE.among(Indicators::DECISIVE).is_empty());
        assert_eq!(Indicators(u16::MAX).names().count(), NAMES.len());
    }
}
