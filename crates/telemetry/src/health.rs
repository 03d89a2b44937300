//! Liveness and readiness, set by the processors and read by the endpoints.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

/// Health of a process. Cheap to clone: clones share their state.
///
/// Live: no part has died. Ready: every part that was announced says it is ready.
#[derive(Clone, Default)]
pub struct Health {
    parts: Arc<Mutex<BTreeMap<String, State>>>,
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
        self.collect(|state| match state {
            State::Dead(why) => Some(why.clone()),
            _ => None,
        })
    }

    /// `Ok` when everything announced is ready, else what is not.
    ///
    /// # Errors
    /// One line per part that is not ready.
    pub fn is_ready(&self) -> Result<(), String> {
        self.collect(|state| match state {
            State::Ready => None,
            State::Starting => Some("starting".to_owned()),
            State::NotReady(why) | State::Dead(why) => Some(why.clone()),
        })
    }

    fn collect(&self, bad: impl Fn(&State) -> Option<String>) -> Result<(), String> {
        let lines: Vec<String> = self
            .parts
            .lock()
            .iter()
            .filter_map(|(part, state)| bad(state).map(|why| format!("{part}: {why}")))
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
}
