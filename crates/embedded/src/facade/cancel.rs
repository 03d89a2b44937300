//! A client that goes away cancels its statement, by KILL QUERY on a connection of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::engine::Engine;

/// How often KILL QUERY is repeated: a statement may not yet be known to the engine when the first one comes.
const TRIES: u32 = 40;
const PAUSE: Duration = Duration::from_millis(250);

/// A running statement as worker and connection both see it.
#[derive(Clone)]
pub(super) struct Running {
    /// The statement's `log_comment`, unique in this process.
    pub(super) tag: String,
    done: Arc<AtomicBool>,
    cancelled: Arc<AtomicBool>,
}

impl Running {
    pub(super) fn new(number: u64) -> Self {
        Self { tag: format!("crumbtrail-{number}"), done: Arc::default(), cancelled: Arc::default() }
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Acquire)
    }

    /// The worker's last word.
    pub(super) fn finish(&self) {
        self.done.store(true, Ordering::Release);
    }

    pub(super) fn is_done(&self) -> bool {
        self.done.load(Ordering::Acquire)
    }
}

/// Lives as long as somebody waits for the answer.
pub(super) struct CancelGuard {
    pub(super) engine: Engine,
    pub(super) running: Running,
}

impl Drop for CancelGuard {
    fn drop(&mut self) {
        if self.running.is_done() {
            return;
        }
        self.running.cancelled.store(true, Ordering::Release);
        let (engine, running) = (self.engine.clone(), self.running.clone());
        // A thread of its own: the workers may all be busy with what is to be killed.
        std::thread::spawn(move || kill(&engine, &running));
    }
}

fn kill(engine: &Engine, running: &Running) {
    let sql = format!("KILL QUERY WHERE Settings['log_comment'] = '{}' ASYNC", running.tag);
    for _ in 0..TRIES {
        if running.is_done() {
            return;
        }
        if let Err(exception) = engine.connect(&[]).and_then(|connection| connection.query(sql.as_bytes(), "Null", &[]))
        {
            tracing::debug!(%exception, tag = running.tag, "could not cancel a statement");
            return;
        }
        std::thread::sleep(PAUSE);
    }
}
