//! What was planted, counted while planting.

use std::collections::BTreeMap;

use crate::catalogue::STORES;
use crate::places::CURRENCIES;
use crate::texts::Topic;

/// Counts of what was planted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) sessions: u64,
    pub(crate) robot_sessions: u64,
    pub(crate) sessions_by_city: BTreeMap<&'static str, u64>,
    pub(crate) conversations: u64,
    pub(crate) reviews: BTreeMap<&'static str, u64>,
    /// First texts of conversations, and reviews, that complain of something: by what.
    pub(crate) complaints: BTreeMap<&'static str, u64>,
    pub(crate) abandoned: u64,
    pub(crate) bought: u64,
    /// Millionths of each currency's unit.
    pub(crate) abandoned_micros: [i64; CURRENCIES.len()],
    pub(crate) leavers: u64,
    pub(crate) leavers_billing: u64,
    pub(crate) leavers_satisfied: u64,
    /// Sessions that reached the payment step and those that stopped there: on tablets, elsewhere.
    pub(crate) payment: [[u64; 2]; 2],
    pub(crate) store_visits: [u64; STORES.len()],
}

/// A truth that was planted, with the value to be found.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Truths {
    /// Seed of the world.
    pub seed: u64,
    /// Its size; 1 is three months of about 345,000 events and 24,500 support entries.
    pub scale: f64,
    /// Site of all records.
    pub site: String,
    /// First moment, ms since the epoch, UTC.
    pub from_at: i64,
    /// Last moment, ms since the epoch, UTC, exclusive but for conversations still going on.
    pub to_at: i64,
    /// Clicks without repeats, those of robots and of people who refused included.
    pub clicks: u64,
    /// Support entries without repeats.
    pub support_entries: u64,
    /// Records sent a second time with the same event id; of people who refused, see `erased`.
    pub duplicates: u64,
    /// Clicks of people who refused consent, as often as they were sent: they end as `erased`.
    pub erased: u64,
    /// Records that cannot be read; only in formats that can carry them.
    pub malformed: u64,
    /// Sessions of people under a gap of 30 minutes, visits to shops included.
    pub sessions: u64,
    /// Sessions of robots.
    pub robot_sessions: u64,
    /// Sessions of people by city.
    pub sessions_by_city: BTreeMap<String, u64>,
    /// Clicks that name no customer and are one's all the same, heartbeats and repeats left out: from 30 days before the first
    /// click on the same device that names one.
    pub joined: u64,
    /// Conversations.
    pub conversations: u64,
    /// Reviews by language.
    pub reviews: BTreeMap<String, u64>,
    /// First texts of conversations, and reviews, that were written as complaints of a topic, by its name.
    pub complaints: BTreeMap<String, u64>,
    /// Carts left or emptied without a purchase within 60 minutes.
    pub carts_abandoned: u64,
    /// Carts that led to a purchase.
    pub carts_bought: u64,
    /// `carts_abandoned` of both, 0 to 1.
    pub cart_abandonment_share: f64,
    /// Value of the abandoned carts at the end by currency, in its units.
    pub abandoned_value: BTreeMap<String, f64>,
    /// Customers who cancelled.
    pub leavers: u64,
    /// Share of them that complained of billing within the 60 days before, 0 to 1.
    pub leavers_with_billing_share: f64,
    /// Share of them whose last survey before leaving said 4 or 5 of 5, 0 to 1.
    pub leavers_satisfied_share: f64,
    /// The step of the checkout that is broken on one device class.
    pub broken_step: BrokenStep,
    /// The shop whose district draws visits.
    pub drawing_store: DrawingStore,
}

/// A step of the checkout broken on one device class.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct BrokenStep {
    /// The step.
    pub step: String,
    /// The device class.
    pub device: String,
    /// Sessions that reached the step there.
    pub sessions: u64,
    /// Share of them that stopped there without buying, 0 to 1.
    pub stopped_share: f64,
    /// The same on other devices.
    pub stopped_share_elsewhere: f64,
}

/// A shop that draws visits.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct DrawingStore {
    /// Its id.
    pub store: String,
    /// Visits to it.
    pub visits: u64,
    /// Visits to the shop that comes next.
    pub next_visits: u64,
}

/// `part` of `whole`, 0 when there is none.
pub(crate) fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

impl Tally {
    /// Counts a text on a topic.
    pub(crate) fn text(&mut self, topic: Topic) {
        if let Some(aspect) = topic.aspect() {
            *self.complaints.entry(aspect).or_default() += 1;
        }
    }

    pub(crate) fn broken_step(&self) -> BrokenStep {
        let [[sessions, stopped], [others, others_stopped]] = self.payment;
        BrokenStep {
            step: "payment".to_owned(),
            device: "tablet".to_owned(),
            sessions,
            stopped_share: share(stopped, sessions),
            stopped_share_elsewhere: share(others_stopped, others),
        }
    }

    pub(crate) fn drawing_store(&self) -> DrawingStore {
        let mut order: Vec<usize> = (0..STORES.len()).collect();
        order.sort_by_key(|store| std::cmp::Reverse(self.store_visits[*store]));
        DrawingStore {
            store: STORES[order[0]].id.to_owned(),
            visits: self.store_visits[order[0]],
            next_visits: self.store_visits[order[1]],
        }
    }

    pub(crate) fn abandoned_value(&self) -> BTreeMap<String, f64> {
        let values = CURRENCIES.iter().zip(self.abandoned_micros);
        values
            .filter(|(_, micros)| *micros > 0)
            .map(|((code, ..), micros)| (code.to_string(), micros as f64 / 1e6))
            .collect()
    }
}
