//! What may go wrong on the broker, and what has happened.

use std::sync::Arc;

use parking_lot::Mutex;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::dice::Dice;

/// What may go wrong, and what has happened: shared by all topics of a schedule.
pub struct Faults {
    pub(crate) dice: Dice,
    plan: Mutex<Plan>,
    print: Mutex<u64>,
    words: Mutex<Option<Vec<String>>>,
    asks: Mutex<u64>,
}

/// How often what goes wrong, of a thousand.
#[derive(Clone, Copy, Debug, Default)]
pub struct Plan {
    /// A flush times out after part of it, or all, was done.
    pub flush_fails: u64,
    /// A frame is stored twice.
    pub doubled: u64,
    /// A frame of a log that heals is acknowledged and lost; so many in all.
    pub lost: u64,
    /// Frames that may still be lost.
    pub losses_left: u64,
    /// Offsets are passed over.
    pub holes: u64,
}

impl Faults {
    /// None yet.
    #[must_use]
    pub fn new(dice: Dice) -> Arc<Faults> {
        Arc::new(Faults {
            dice,
            plan: Mutex::default(),
            print: Mutex::new(0),
            words: Mutex::default(),
            asks: Mutex::default(),
        })
    }

    /// From now on these.
    pub fn set(&self, plan: Plan) {
        *self.plan.lock() = plan;
    }

    /// Does something of which nothing is acknowledged and lost: nobody would send it again.
    pub fn without_losses<T>(&self, act: impl FnOnce() -> T) -> T {
        let losses_left = std::mem::take(&mut self.plan.lock().losses_left);
        let done = act();
        self.plan.lock().losses_left = losses_left;
        done
    }

    /// Losses that have not happened.
    #[must_use]
    pub fn losses_left(&self) -> u64 {
        self.plan.lock().losses_left
    }

    /// Whether a frame is lost though it was acknowledged; then one less is left.
    #[must_use]
    pub fn loses(&self) -> bool {
        let loses = self.losses_left() > 0 && self.happens(|plan| plan.lost);
        self.plan.lock().losses_left -= u64::from(loses);
        loses
    }

    /// Somebody is asked to go back.
    pub fn asked(&self) {
        *self.asks.lock() += 1;
    }

    /// Times somebody was asked to go back.
    #[must_use]
    pub fn asks(&self) -> u64 {
        *self.asks.lock()
    }

    /// A hash over everything that happened.
    #[must_use]
    pub fn print(&self) -> u64 {
        *self.print.lock()
    }

    /// From now on what happens is put into words.
    pub fn listen(&self) {
        *self.words.lock() = Some(Vec::new());
    }

    /// What has happened since it was last asked for, in words.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        self.words.lock().as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Puts what happens into words, if somebody listens.
    pub fn say(&self, what: impl FnOnce() -> String) {
        if let Some(words) = self.words.lock().as_mut() {
            words.push(what());
        }
    }

    /// Adds to that hash.
    pub fn note(&self, what: &[u8]) {
        let mut print = self.print.lock();
        *print = xxh3_64_with_seed(what, *print);
    }

    /// Whether it goes wrong this time.
    #[must_use]
    pub fn happens(&self, per_mille: impl Fn(&Plan) -> u64) -> bool {
        let per_mille = per_mille(&self.plan.lock());
        per_mille > 0 && self.dice.chance(per_mille)
    }
}
