//! How long a command waits for a ClickHouse that is away.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crumbtrail_warehouse::WarehouseError;
use crumbtrail_warehouse::backoff::Backoff;

/// Asks again what failed because the server is away.
#[derive(Clone)]
pub struct Patience {
    backoff: Backoff,
    /// Spreads the waits of many processes.
    who: String,
    most: Option<Duration>,
    stop: Arc<AtomicBool>,
}

impl Patience {
    /// For as long as `most` (`None`: for ever), or until `stop` is set.
    #[must_use]
    pub fn new(who: String, most: Option<Duration>, stop: Arc<AtomicBool>) -> Patience {
        Patience { backoff: Backoff::default(), who, most, stop }
    }

    /// For how long it asks.
    #[must_use]
    pub fn most(&self) -> Option<Duration> {
        self.most
    }

    /// Asks until it is answered, or refused for a reason that waiting does not mend.
    ///
    /// # Errors
    /// The last error.
    pub async fn ask<T, F: Future<Output = Result<T, WarehouseError>>>(
        &self,
        what: &str,
        question: impl Fn() -> F,
    ) -> Result<T, WarehouseError> {
        let (begun, mut failures) = (Instant::now(), 0);
        loop {
            let error = match question().await {
                Err(error) if error.is_transient() => error,
                answered => return answered,
            };
            failures += 1;
            let wait = self.backoff.wait(failures, &self.who);
            if self.most.is_some_and(|most| begun.elapsed() + wait > most) {
                return Err(error);
            }
            tracing::warn!(%error, what, wait_ms = wait.as_millis() as u64, "ClickHouse is away, asking again");
            let until = Instant::now() + wait;
            while Instant::now() < until {
                if self.stop.load(Ordering::Relaxed) {
                    return Err(error);
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use super::*;

    fn asked(failures: u32, patience: &Patience) -> (Result<u32, WarehouseError>, u32) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let asked = AtomicU32::new(0);
        let answer = runtime.block_on(patience.ask("x", || {
            let n = asked.fetch_add(1, Ordering::Relaxed);
            async move { if n < failures { Err(WarehouseError::TimedOut { url: "u".to_owned() }) } else { Ok(n) } }
        }));
        (answer, asked.into_inner())
    }

    #[test]
    fn it_asks_again_until_it_is_answered_told_to_stop_or_out_of_patience() {
        let stop = Arc::new(AtomicBool::new(false));
        let patience = |most| Patience::new("a".to_owned(), most, stop.clone());
        assert_eq!(asked(3, &patience(None)).1, 4);
        assert!(asked(9, &patience(Some(Duration::from_millis(1)))).0.is_err());
        stop.store(true, Ordering::Relaxed);
        let (answer, times) = asked(9, &patience(None));
        assert!(answer.is_err() && times == 1);
    }
}
