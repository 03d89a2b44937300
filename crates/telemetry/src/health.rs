//! Liveness and readiness, set by the processors and read by the endpoints.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::beat::{Beat, Pulse};
use crate::{Metrics, catalogue};

/// A loop that makes no turn for so long is not ready. It makes fifty a second, but while a broker is away one may wait for it.
const READY_WITHIN: Duration = Duration::from_secs(30);
/// For so long nothing waits that could still come to an end (a flush waits a minute): the process is better started again.
const LIVE_WITHIN: Duration = Duration::from_secs(600);

/// Health of a process. Cheap to clone: clones share their state.
///
/// Live: no part has died, and no loop has stood still for ten minutes. Ready: every part that was announced says it is ready, and no
/// loop stands still.
#[derive(Clone, Default)]
pub struct Health {
    parts: Arc<Mutex<BTreeMap<String, State>>>,
    loops: Arc<Mutex<BTreeMap<String, Arc<Pulse>>>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Starting,
    Ready,
    NotReady(String),
    Dead(String),
}

impl Health {
    /// Announces a part that must become ready.
    pub fn announce(&self, part: &str) {
        self.parts.lock().insert(part.to_owned(), State::Starting);
    }

    /// Announces a loop as a part: from now on turns are expected of it, until what is returned is dropped.
    #[must_use]
    pub fn watch(&self, part: &str) -> Beat {
        self.announce(part);
        let beat = Beat::default();
        self.loops.lock().insert(part.to_owned(), beat.pulse());
        beat
    }

    /// The part works.
    pub fn ready(&self, part: &str) {
        self.parts.lock().insert(part.to_owned(), State::Ready);
    }

    /// The part lives but cannot work now (disk full, ClickHouse away), with the reason.
    pub fn not_ready(&self, part: &str, why: impl Into<String>) {
        self.parts.lock().insert(part.to_owned(), State::NotReady(why.into()));
    }

    /// The part has ended with an error and will not come back without a restart.
    pub fn dead(&self, part: &str, why: impl Into<String>) {
        self.parts.lock().insert(part.to_owned(), State::Dead(why.into()));
    }

    /// `Ok` when nothing is dead, else what is.
    ///
    /// # Errors
    /// One line per dead part.
    pub fn live(&self) -> Result<(), String> {
        self.live_at(Instant::now())
    }

    fn live_at(&self, now: Instant) -> Result<(), String> {
        self.collect(now, LIVE_WITHIN, |state| match state {
            State::Dead(why) => Some(why.clone()),
            _ => None,
        })
    }

    /// `Ok` when everything announced is ready, else what is not.
    ///
    /// # Errors
    /// One line per part that is not ready.
    pub fn is_ready(&self) -> Result<(), String> {
        self.is_ready_at(Instant::now())
    }

    fn is_ready_at(&self, now: Instant) -> Result<(), String> {
        self.collect(now, READY_WITHIN, |state| match state {
            State::Ready => None,
            State::Starting => Some("starting".to_owned()),
            State::NotReady(why) | State::Dead(why) => Some(why.clone()),
        })
    }

    /// For how long each loop has made no turn, where one is expected.
    #[must_use]
    pub fn silences(&self) -> Vec<(String, Duration)> {
        let now = Instant::now();
        self.loops.lock().iter().map(|(part, pulse)| (part.clone(), pulse.silence(now))).collect()
    }

    /// Has the metrics tell of each loop how long it has made no turn.
    pub fn measure(&self, metrics: &Metrics) {
        for (part, silence) in self.silences() {
            metrics.set(&catalogue::LOOP_SILENCE, &[&part], silence.as_secs_f64());
        }
    }

    fn collect(&self, now: Instant, most: Duration, bad: impl Fn(&State) -> Option<String>) -> Result<(), String> {
        let loops = self.loops.lock();
        let stands = |part: &String| {
            let silence = loops.get(part)?.silence(now);
            let seconds = silence.as_secs();
            (silence > most).then(|| format!("its loop has made no turn for {seconds} s: a thread hangs"))
        };
        let lines: Vec<String> = self
            .parts
            .lock()
            .iter()
            .filter_map(|(part, state)| bad(state).or_else(|| stands(part)).map(|why| format!("{part}: {why}")))
            .collect();
        if lines.is_empty() { Ok(()) } else { Err(lines.join("\n")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_needs_every_part_and_live_needs_no_dead_one() {
        let health = Health::default();
        health.announce("sessionize");
        assert_eq!(health.is_ready(), Err("sessionize: starting".to_owned()));
        assert_eq!(health.live(), Ok(()));
        health.ready("sessionize");
        assert_eq!(health.is_ready(), Ok(()));
        health.not_ready("sessionize", "disk full");
        assert!(health.is_ready().is_err() && health.live().is_ok());
        health.dead("sessionize", "snapshot of a newer version");
        assert!(health.live().is_err());
    }

    #[test]
    fn a_loop_that_makes_no_turn_is_not_ready_and_much_later_not_alive() {
        let (health, metrics) = (Health::default(), Metrics::new());
        let (hangs, works) = (health.watch("intake-0"), health.watch("journey-0"));
        health.ready("intake-0");
        health.ready("journey-0");
        let later = |seconds| Instant::now() + Duration::from_secs(seconds);
        assert_eq!((health.is_ready_at(later(29)), health.live_at(later(590))), (Ok(()), Ok(())));
        let restoring = works.at_work();
        let unready = health.is_ready_at(later(40)).unwrap_err();
        assert!(unready.starts_with("intake-0: its loop has made no turn for 40 s") && !unready.contains("journey"));
        assert!(health.live_at(later(590)).is_ok());
        assert!(health.live_at(later(610)).unwrap_err().starts_with("intake-0: "));
        drop(restoring);
        assert_eq!(health.is_ready_at(later(40)).unwrap_err().lines().count(), 2);
        health.measure(&metrics);
        assert!(metrics.render().contains("crumbtrail_loop_silence_seconds{loop=\"intake-0\"} 0"));
        // What has ended is expected nothing of.
        drop((hangs, works));
        assert_eq!((health.is_ready_at(later(4_000)), health.live_at(later(4_000))), (Ok(()), Ok(())));
    }
}
