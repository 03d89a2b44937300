//! How far something is that takes long: a bar on a terminal, a line now and then elsewhere.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// So often it is told how far it is where nobody watches a bar.
const TELL: Duration = Duration::from_secs(10);
/// Steps of the bar.
const STEPS: u64 = 1_000;

/// Tells it.
pub struct Telling {
    bar: ProgressBar,
    what: String,
    told: Instant,
}

impl Telling {
    pub fn new(what: String) -> Telling {
        let bar = if std::io::stderr().is_terminal() { ProgressBar::new(STEPS) } else { ProgressBar::hidden() };
        if let Ok(style) = ProgressStyle::with_template("{prefix} {bar:30} {percent} %, {msg}") {
            bar.set_style(style);
        }
        bar.set_prefix(what.clone());
        Telling { bar, what, told: Instant::now() }
    }

    /// The share that is done, if it is known, and more in words.
    pub fn tell(&mut self, share: Option<f64>, words: &str) {
        if let Some(share) = share {
            self.bar.set_position((share * STEPS as f64) as u64);
        }
        self.bar.set_message(words.to_owned());
        if self.bar.is_hidden() && self.told.elapsed() >= TELL {
            self.told = Instant::now();
            let percent = share.map(|share| format!("{:.0} %, ", share * 100.0)).unwrap_or_default();
            eprintln!("{}: {percent}{words}", self.what);
        }
    }

    /// A line of its own, whatever the bar shows.
    pub fn say(&self, words: &str) {
        self.bar.suspend(|| eprintln!("{}: {words}", self.what));
    }

    /// Takes the bar away.
    pub fn end(&self) {
        self.bar.finish_and_clear();
    }
}

/// Time left where `done` took `elapsed` and `share` is to do.
pub fn left(elapsed: Duration, done: f64, share: f64) -> Option<Duration> {
    (done > 0.005).then(|| elapsed.mul_f64((share / done).clamp(0.0, 1e6)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_left_is_told_once_there_is_a_pace() {
        let seconds = Duration::from_secs;
        assert_eq!(left(seconds(3), 0.0, 1.0), None);
        assert_eq!(left(seconds(30), 0.25, 0.75), Some(seconds(90)));
    }
}
