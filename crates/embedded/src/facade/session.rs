//! HTTP sessions: settings and a current database that outlive a statement. Temporary tables do not, since every
//! statement has a connection of its own.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::auth::Access;
use crate::exception::Exception;
use crate::statement::SessionChange;

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);
const LONGEST_TIMEOUT: Duration = Duration::from_secs(3600);

/// What a session remembers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct SessionState {
    pub(super) database: Option<String>,
    pub(super) settings: Vec<(String, String)>,
}

impl SessionState {
    pub(super) fn apply(&mut self, change: SessionChange) {
        match change {
            SessionChange::Database(database) => self.database = Some(database),
            SessionChange::Settings(settings) => {
                for (name, value) in settings {
                    self.settings.retain(|(given, _)| *given != name);
                    self.settings.push((name, value));
                }
            }
        }
    }
}

type Key = (bool, String);

struct Entry {
    state: SessionState,
    busy: bool,
    last_used: Instant,
    timeout: Duration,
}

/// All sessions; a reader and the owner never share one.
#[derive(Clone, Default)]
pub(super) struct Sessions {
    entries: Arc<Mutex<HashMap<Key, Entry>>>,
}

/// A session held by one request; free again when this is dropped.
pub(super) struct HeldSession {
    sessions: Sessions,
    key: Key,
    pub(super) state: SessionState,
}

impl Sessions {
    /// Takes a session for one request.
    ///
    /// # Errors
    /// Another request holds it, or it must exist already and does not.
    pub(super) fn hold(
        &self,
        id: &str,
        access: Access,
        timeout_seconds: Option<u64>,
        must_exist: bool,
    ) -> Result<HeldSession, Exception> {
        let now = Instant::now();
        let key = (access == Access::ReadWrite, id.to_owned());
        let mut entries = self.entries.lock();
        entries.retain(|_, entry| entry.busy || now.duration_since(entry.last_used) < entry.timeout);
        if must_exist && !entries.contains_key(&key) {
            return Err(Exception::new(372, "SESSION_NOT_FOUND", format_args!("session {id} not found")));
        }
        let entry = entries.entry(key.clone()).or_insert_with(|| Entry {
            state: SessionState::default(),
            busy: false,
            last_used: now,
            timeout: DEFAULT_TIMEOUT,
        });
        if entry.busy {
            return Err(Exception::new(
                373,
                "SESSION_IS_LOCKED",
                format_args!("session {id} is locked by a concurrent client"),
            ));
        }
        entry.busy = true;
        if let Some(seconds) = timeout_seconds {
            entry.timeout = Duration::from_secs(seconds).min(LONGEST_TIMEOUT);
        }
        Ok(HeldSession { sessions: self.clone(), key, state: entry.state.clone() })
    }
}

impl Drop for HeldSession {
    fn drop(&mut self) {
        if let Some(entry) = self.sessions.entries.lock().get_mut(&self.key) {
            entry.state = std::mem::take(&mut self.state);
            entry.busy = false;
            entry.last_used = Instant::now();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_held_by_one_request_and_remembers() {
        let sessions = Sessions::default();
        let mut first = sessions.hold("a", Access::ReadOnly, None, false).unwrap();
        assert_eq!(sessions.hold("a", Access::ReadOnly, None, false).err().unwrap().code, 373);
        assert!(sessions.hold("a", Access::ReadWrite, None, false).is_ok(), "another user's session");
        first.state.apply(SessionChange::Database("d".into()));
        first.state.apply(SessionChange::Settings(vec![("x".into(), "1".into())]));
        first.state.apply(SessionChange::Settings(vec![("x".into(), "2".into())]));
        drop(first);
        let second = sessions.hold("a", Access::ReadOnly, None, true).unwrap();
        assert_eq!(second.state.database.as_deref(), Some("d"));
        assert_eq!(second.state.settings, [("x".to_owned(), "2".to_owned())]);
    }

    #[test]
    fn an_expired_or_unknown_session_is_not_found() {
        let sessions = Sessions::default();
        drop(sessions.hold("a", Access::ReadOnly, Some(0), false).unwrap());
        assert_eq!(sessions.hold("a", Access::ReadOnly, None, true).err().unwrap().code, 372);
    }
}
