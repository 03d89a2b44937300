//! A bounded queue before a model that is slow. Texts are handed over, and asked after at their turn.
//!
//! ```text
//! hand over  a b c d e      at most `bound` wait; more: full
//!            └──────┬─────► one thread reads them, in order
//! wait       a b c ·│·      each until `limit` after it was handed over; then: late
//! ```
//! Texts that were handed over together are due together, so that waiting for all of them takes `limit` at most.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded};

use crate::error::{Fallback, OnnxError};

/// Reads texts, slowly.
pub trait Classify: Send {
    /// Probabilities of negative, neutral, positive.
    ///
    /// # Errors
    /// Why this text was not read.
    fn classify(&mut self, text: &str) -> Result<[f32; 3], Fallback>;
}

type Answer = Result<[f32; 3], Fallback>;

struct Job {
    text: String,
    due: Instant,
    answer: Sender<Answer>,
}

/// The queue and its thread, which ends with it. Shared by whoever asks.
pub struct Queue {
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
    limit: Duration,
}

impl Queue {
    /// Starts the thread. At most `bound` texts wait, each for `limit` at most.
    ///
    /// # Errors
    /// [`OnnxError::Thread`].
    pub fn start(model: impl Classify + 'static, bound: usize, limit: Duration) -> Result<Queue, OnnxError> {
        let (jobs, waiting) = bounded(bound);
        let thread = std::thread::Builder::new()
            .name("sentiment-plugin".to_owned())
            .spawn(move || work(model, &waiting))
            .map_err(OnnxError::Thread)?;
        Ok(Queue { jobs: Some(jobs), thread: Some(thread), limit })
    }

    /// Hands a text over. Never waits.
    ///
    /// # Errors
    /// [`Fallback::Full`], or [`Fallback::Failed`] if the thread is gone.
    pub fn hand_over(&self, text: &str) -> Result<Ticket, Fallback> {
        let due = Instant::now() + self.limit;
        let (answer, answered) = bounded(1);
        let job = Job { text: text.to_owned(), due, answer };
        match self.jobs.as_ref().map(|jobs| jobs.try_send(job)) {
            Some(Ok(())) => Ok(Ticket { answered, due }),
            Some(Err(TrySendError::Full(_))) => Err(Fallback::Full),
            Some(Err(TrySendError::Disconnected(_))) | None => Err(gone()),
        }
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        self.jobs = None;
        // The library must not be taken down under a text that is being read.
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A text that was handed over.
#[derive(Debug)]
pub struct Ticket {
    answered: Receiver<Answer>,
    due: Instant,
}

impl Ticket {
    /// What the model says, waiting for it until it is due.
    ///
    /// # Errors
    /// Why it says nothing.
    pub fn wait(self) -> Answer {
        match self.answered.recv_deadline(self.due) {
            Ok(answer) => answer,
            Err(RecvTimeoutError::Timeout) => Err(Fallback::Late),
            Err(RecvTimeoutError::Disconnected) => Err(gone()),
        }
    }
}

fn gone() -> Fallback {
    Fallback::Failed("the plug-in's thread has ended".to_owned())
}

fn work(mut model: impl Classify, jobs: &Receiver<Job>) {
    let mut is_told = false;
    for Job { text, due, answer } in jobs {
        let read = if Instant::now() >= due {
            // Nobody waits for it any more.
            Err(Fallback::Late)
        } else {
            catch_unwind(AssertUnwindSafe(|| model.classify(&text)))
                .unwrap_or_else(|_| Err(Fallback::Failed("it panicked".to_owned())))
        };
        if let Err(Fallback::Failed(why)) = &read
            && !is_told
        {
            is_told = true;
            tracing::warn!(why, "the plugged-in model failed at a text; further failures are only counted");
        }
        // Who asked may have gone.
        let _ = answer.send(read);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a text as its length once it may; fails at "fail", panics at "panic".
    struct Slow(Receiver<()>);

    impl Classify for Slow {
        fn classify(&mut self, text: &str) -> Answer {
            let _ = self.0.recv();
            match text {
                "fail" => Err(Fallback::Failed("it says so".to_owned())),
                "panic" => panic!("a panic of this test"),
                text => Ok([text.len() as f32, 0.0, 0.0]),
            }
        }
    }

    const LONG: Duration = Duration::from_secs(60);

    fn queue(bound: usize, limit: Duration) -> (Queue, Sender<()>) {
        let (may, gate) = bounded(100);
        (Queue::start(Slow(gate), bound, limit).unwrap(), may)
    }

    #[test]
    fn texts_are_read_in_order_and_failures_are_only_theirs() {
        let (queue, may) = queue(8, LONG);
        let tickets = ["a", "fail", "panic", "four"].map(|text| queue.hand_over(text).unwrap());
        (0..4).for_each(|_| may.send(()).unwrap());
        let answers = tickets.map(Ticket::wait);
        assert_eq!(answers[0], Ok([1.0, 0.0, 0.0]));
        assert_eq!(answers[1].as_ref().map_err(Fallback::kind), Err("failed"));
        assert_eq!(answers[2].as_ref().map_err(Fallback::kind), Err("failed"));
        assert_eq!(answers[3], Ok([4.0, 0.0, 0.0]));
    }

    #[test]
    fn no_more_wait_than_may() {
        let (queue, may) = queue(2, LONG);
        // One is being read, or still waits: then the third is one too many.
        let mut tickets = Vec::new();
        let full = loop {
            match queue.hand_over("x") {
                Ok(ticket) => tickets.push(ticket),
                Err(why) => break why,
            }
        };
        assert_eq!(full, Fallback::Full);
        assert!((2..=3).contains(&tickets.len()), "{}", tickets.len());
        tickets.iter().for_each(|_| may.send(()).unwrap());
        assert!(tickets.into_iter().all(|ticket| ticket.wait().is_ok()));
        assert!(queue.hand_over("x").is_ok(), "there is room again");
        may.send(()).unwrap();
    }

    #[test]
    fn all_that_was_handed_over_together_is_waited_for_together() {
        let limit = Duration::from_millis(50);
        let (queue, may) = queue(100, limit);
        let begun = Instant::now();
        let tickets: Vec<Ticket> = (0..50).map(|_| queue.hand_over("x").unwrap()).collect();
        assert!(tickets.into_iter().all(|ticket| ticket.wait() == Err(Fallback::Late)));
        assert!(begun.elapsed() < limit * 20, "{:?}: not each for its own time", begun.elapsed());
        // What nobody waits for is passed over: one permission is enough for the one that was being read.
        may.send(()).unwrap();
        may.send(()).unwrap();
        let again = queue.hand_over("ab").unwrap();
        assert_eq!(again.wait(), Ok([2.0, 0.0, 0.0]));
    }
}
