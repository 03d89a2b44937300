//! Other rules that hold from a record of the log on: in some schedules the session gap changes once, shorter or longer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crumbtrail_events::EventTime;
use crumbtrail_events::wire::WireError;
use crumbtrail_journeys::JourneyRules;
use crumbtrail_sessions::RuleBook;
use crumbtrail_steps::{Ruling, Told};
use parking_lot::Mutex;

use crate::dice::Dice;
use crate::mutation::{Mutation, is_on};
use crate::world::{GAP_MS, LATENESS_MS};

/// Name of the decision.
pub const NAME: &str = "rules:1";
const GAPS: [i64; 3] = [GAP_MS / 2, GAP_MS - 1, GAP_MS + GAP_MS / 2];

/// The change of a schedule.
#[derive(Debug)]
pub struct Change {
    gap_ms: i64,
    is_given: AtomicBool,
    /// Watermarks at which a partition's sessionize took it, however often it did.
    taken_at: Mutex<BTreeMap<u32, BTreeSet<EventTime>>>,
}

impl Change {
    /// Not given out yet.
    #[must_use]
    pub fn new(dice: &Dice) -> Arc<Change> {
        Arc::new(Change { gap_ms: dice.pick(&GAPS), is_given: AtomicBool::new(false), taken_at: Mutex::default() })
    }

    /// The record that tells it: from here on it is given out.
    #[must_use]
    pub fn give_out(&self) -> Vec<u8> {
        self.is_given.store(true, Ordering::Relaxed);
        let mut payload = Vec::new();
        Told { since: (EventTime(1), 1), text: self.gap_ms.to_string() }.encode(NAME, &mut payload);
        payload
    }

    /// Notes it if this record, at this watermark, tells it.
    ///
    /// # Errors
    /// Bytes that are no touchpoint.
    pub fn note(&self, partition: u32, payload: &[u8], watermark: EventTime) -> Result<(), WireError> {
        if Told::is_in(payload)? {
            self.taken_at.lock().entry(partition).or_default().insert(watermark);
        }
        Ok(())
    }

    /// The gap behind the record.
    #[must_use]
    pub fn gap_ms(&self) -> i64 {
        self.gap_ms
    }

    /// Up to where a session of a partition must have ended to be final before the record; `None` if it was not told.
    ///
    /// # Errors
    /// A partition took it at different places.
    pub fn final_to(&self, partition: u32) -> Result<Option<i64>, String> {
        if !self.is_given.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let taken_at = self.taken_at.lock();
        match taken_at.get(&partition).map(|at| at.iter().collect::<Vec<_>>()).as_deref() {
            Some([at]) => Ok(Some(at.0.saturating_sub(GAP_MS + LATENESS_MS))),
            other => Err(format!("rules: partition {partition} took the change at {other:?}")),
        }
    }

    /// What sessionize computes by, in a process that starts now.
    #[must_use]
    pub fn of_sessions(&self, book: impl Fn(i64) -> RuleBook + Send + Sync + 'static, gap_ms: i64) -> Ruling<RuleBook> {
        if is_on(Mutation::RulesOncePerProcess) {
            let gap_ms = if self.is_given.load(Ordering::Relaxed) { self.gap_ms } else { gap_ms };
            return Ruling::new(book(gap_ms), Arc::new(move |_: &str| Ok(book(gap_ms))));
        }
        Ruling::new(book(gap_ms), Arc::new(move |text: &str| gap(text).map(&book)))
    }

    /// What journey computes by: carts are abandoned otherwise, and touchpoints come later.
    #[must_use]
    pub fn of_journeys(rules: JourneyRules) -> Ruling<JourneyRules> {
        let begun = rules.clone();
        let read = move |text: &str| {
            let longer_ms = gap(text)? - GAP_MS;
            Ok(JourneyRules {
                cart_abandoned_after_ms: rules.cart_abandoned_after_ms + longer_ms,
                horizon_ms: rules.horizon_ms + longer_ms,
                ..rules.clone()
            })
        };
        Ruling::new(begun, Arc::new(read))
    }
}

fn gap(text: &str) -> Result<i64, String> {
    text.parse().map_err(|_| format!("{text} is no gap"))
}
