//! Robots by what they do: more views in a minute than a person makes, or pages without the files a browser fetches
//! with them. A small state for one visitor or address, moved by event time alone.

use super::Indicators;

/// What was fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// A page.
    View,
    /// An image, script, style sheet or font.
    Asset,
}

/// Where a person ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Views within a minute that no person makes.
    pub views_a_minute: u16,
    /// Pages in a row without a single asset that no browser fetches; 0 where assets are not logged (a page's script
    /// logs views only).
    pub pages_without_assets: u16,
}

impl Default for Pace {
    /// 120 views a minute; assets not looked at.
    fn default() -> Pace {
        Pace { views_a_minute: 120, pages_without_assets: 0 }
    }
}

/// Length of the counters, ms.
const SLOT_MS: i64 = 10_000;
/// Counters that make up a minute.
const SLOTS: usize = 6;

/// The last minute of one visitor or address, and its pages without assets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Behaviour {
    /// Number of the newest counter since the epoch.
    newest: i64,
    views: [u16; SLOTS],
    without_assets: u16,
}

impl Behaviour {
    /// Counts what was seen at `at_ms` (event time, ms) and tells what it makes of it now. Times need not ascend:
    /// what is older than the minute kept counts for nothing.
    pub fn step(&mut self, at_ms: i64, seen: Seen, pace: Pace) -> Indicators {
        let slot = at_ms.div_euclid(SLOT_MS);
        if slot > self.newest {
            let passed = slot.saturating_sub(self.newest).min(SLOTS as i64);
            for step in 0..passed {
                self.views[(slot - step).rem_euclid(SLOTS as i64) as usize] = 0;
            }
            self.newest = slot;
        }
        match seen {
            Seen::View => {
                if self.newest.saturating_sub(slot) < SLOTS as i64 {
                    let count = &mut self.views[slot.rem_euclid(SLOTS as i64) as usize];
                    *count = count.saturating_add(1);
                }
                self.without_assets = self.without_assets.saturating_add(1);
            }
            Seen::Asset => self.without_assets = 0,
        }
        let minute: u32 = self.views.iter().map(|count| u32::from(*count)).sum();
        let mut said = Indicators::NONE;
        if minute > u32::from(pace.views_a_minute) {
            said = said.and(Indicators::RATE);
        }
        if pace.pages_without_assets > 0 && self.without_assets >= pace.pages_without_assets {
            said = said.and(Indicators::NO_ASSETS);
        }
        said
    }
}

/// Whether a path names a file that browsers fetch with a page.
#[must_use]
pub fn is_asset(path: &str) -> bool {
    const ENDINGS: [&str; 20] = [
        "css", "js", "mjs", "png", "jpg", "jpeg", "gif", "svg", "webp", "avif", "ico", "woff", "woff2", "ttf", "eot",
        "map", "mp4", "webm", "mp3", "json",
    ];
    let name = path.rsplit('/').next().unwrap_or_default();
    name.rsplit_once('.').is_some_and(|(_, ending)| ENDINGS.iter().any(|known| ending.eq_ignore_ascii_case(known)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The last answer after views at these times (s).
    fn after(times: impl IntoIterator<Item = i64>, pace: Pace) -> Indicators {
        let mut behaviour = Behaviour::default();
        times.into_iter().fold(Indicators::NONE, |_, at| behaviour.step(at * 1_000, Seen::View, pace))
    }

    #[test]
    fn more_views_in_a_minute_than_a_person_makes() {
        let pace = Pace { views_a_minute: 30, ..Pace::default() };
        let now = 1_700_000_000;
        assert_eq!(after((0..31).map(|n| now + n), pace), Indicators::RATE);
        assert_eq!(after((0..30).map(|n| now + n), pace), Indicators::NONE);
        // A view every two and a half seconds is 24 a minute, however long it goes on.
        assert_eq!(after((0..400).map(|n| now + n * 5 / 2), pace), Indicators::NONE);
        // The same bunch backwards counts the same; one from last year counts for nothing.
        assert_eq!(after((0..31).rev().map(|n| now + n), pace), Indicators::RATE);
        assert_eq!(after((0..30).map(|n| now + n).chain([now - 31_000_000]), pace), Indicators::NONE);
        // A minute later it is forgotten.
        assert_eq!(after((0..31).map(|n| now + n).chain([now + 100]), pace), Indicators::NONE);
        assert_eq!(after([i64::MIN / 1_000, i64::MAX / 1_000, 0], pace), Indicators::NONE);
    }

    #[test]
    fn pages_without_their_files() {
        let pace = Pace { views_a_minute: 1_000, pages_without_assets: 5 };
        let mut behaviour = Behaviour::default();
        for n in 0..4 {
            assert!(behaviour.step(n * 60_000, Seen::View, pace).is_empty());
        }
        assert!(behaviour.step(250_000, Seen::Asset, pace).is_empty());
        for n in 5..9 {
            assert!(behaviour.step(n * 60_000, Seen::View, pace).is_empty());
        }
        assert_eq!(behaviour.step(600_000, Seen::View, pace), Indicators::NO_ASSETS);
        assert!(after((0..100).map(|n| n * 60), Pace::default()).is_empty(), "off where assets are not logged");
    }

    #[test]
    fn files_of_pages_are_told_by_their_endings() {
        for path in ["/a/logo.PNG", "/style.css", "/favicon.ico", "/x.min.js"] {
            assert!(is_asset(path), "{path}");
        }
        for path in ["/", "/products.html", "/a.css/b", "/v1.2/page", "/report.pdf", ""] {
            assert!(!is_asset(path), "{path}");
        }
    }
}
