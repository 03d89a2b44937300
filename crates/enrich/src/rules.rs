//! What a site tells the enrichment about itself: plain data, from the configuration.

use std::sync::Arc;

use crate::agent::Indicators;
use crate::channel::Book;
use crate::pii::Redaction;

pub use crate::site::SiteRules;

/// Rules of all sites. A site without its own gets `default`.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    /// For sites that have no rules of their own.
    pub default: SiteRules,
    /// Rules by site name.
    pub sites: Vec<(String, SiteRules)>,
    /// Whether an event without a user agent (`-`, as web server logs write it, is none) is a robot's. Off: servers and tills
    /// send none.
    pub empty_agent_is_bot: bool,
    /// Indicators each of which makes a robot; the others are kept as hints.
    pub decisive: Indicators,
    /// What is redacted besides the structured kinds: social handles, names after titles.
    pub redaction: Redaction,
    /// How a touch gets its channel, and from whom it came.
    pub channels: Arc<Book>,
}

impl Default for Rules {
    fn default() -> Rules {
        Rules {
            default: SiteRules::default(),
            sites: Vec::new(),
            empty_agent_is_bot: false,
            decisive: Indicators::DECISIVE,
            redaction: Redaction::default(),
            channels: Arc::new(Book::shipped().clone()),
        }
    }
}

impl Rules {
    /// The rules of `site` and their number (0: the default).
    #[inline]
    #[must_use]
    pub fn of(&self, site: &str) -> (usize, &SiteRules) {
        for (number, (name, rules)) in self.sites.iter().enumerate() {
            if name == site {
                return (number + 1, rules);
            }
        }
        (0, &self.default)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_gets_its_own_rules_or_the_default() {
        let own = SiteRules { own_hosts: vec!["shop.example".into()], ..SiteRules::default() };
        let rules = Rules { sites: vec![("shop".into(), own.clone())], ..Rules::default() };
        assert_eq!(rules.of("shop"), (1, &own));
        assert_eq!(rules.of("other"), (0, &SiteRules::default()));
    }
}
