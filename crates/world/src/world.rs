//! The world put in order: records as they arrive, some twice, some broken.

use std::collections::BTreeMap;

use crumbtrail_events::{ClickEvent, Kind, SupportEntry};

use crate::dice::Dice;
use crate::malformed::{self, Malformed};
use crate::people;
use crate::plan::{DAY, MINUTE, Plan, SECOND, Step, Visitor, What};
use crate::render::Renderer;
use crate::tally::{Truths, share};
use crate::texts::Texts;
use crate::{DAYS, SITE, START_MS};

/// One record of the world.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "one at a time, on the stack; a box would allocate for every click")]
pub enum Record<'a> {
    /// A click.
    Click(ClickEvent<'a>),
    /// A support entry.
    Support(SupportEntry<'a>),
    /// Bytes that cannot be read, for formats that can carry them.
    Malformed(&'a Malformed),
}

/// Which record comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Which {
    Step(u32),
    Entry(u32),
    Malformed(u32),
}

/// A seeded world.
#[derive(Debug)]
pub struct World {
    seed: u64,
    scale: f64,
    plan: Plan,
    texts: Texts,
    malformed: Vec<Malformed>,
    order: Vec<(i64, Which)>,
    duplicates: u64,
}

impl World {
    /// The world of a seed. `scale` 1 is three months of about 345,000 events and 24,500 support entries; it is clamped
    /// to 0.001–50 (one scale needs about 50 MB).
    #[must_use]
    pub fn new(seed: u64, scale: f64) -> World {
        let scale = if scale.is_finite() { scale.clamp(0.001, 50.0) } else { 1.0 };
        let texts = Texts::load();
        let mut plan = Plan::default();
        people::populate(&mut plan, seed, scale, &texts);
        let mut dice = Dice::new(seed, 2);
        let malformed = malformed::make(&mut dice, scale);
        let mut world = World { seed, scale, plan, texts, malformed, order: Vec::new(), duplicates: 0 };
        world.put_in_order(&mut dice);
        world
    }

    /// Orders records by arrival: nearly by time, with repeats and broken ones in between.
    fn put_in_order(&mut self, dice: &mut Dice) {
        let Plan { steps, entries, visits, .. } = &self.plan;
        let mut order = Vec::with_capacity(steps.len() + entries.len() + steps.len() / 200);
        for (number, step) in steps.iter().enumerate() {
            let which = Which::Step(number as u32);
            // The last hop adds up to two seconds, whoever was received first.
            let at = step.received_at() + dice.below(2_000) as i64;
            order.push((at, which));
            if dice.chance(3) {
                order.push((at + dice.between(SECOND, 4 * MINUTE), which));
                // What was refused is refused again, not found to be a repeat.
                self.duplicates += u64::from(!visits[step.visit as usize].has_refused);
            }
        }
        for (number, entry) in entries.iter().enumerate() {
            let which = Which::Entry(number as u32);
            let at = entry.at + i64::from(entry.travel_ms) + dice.below(2_000) as i64;
            order.push((at, which));
            if dice.chance(2) {
                order.push((at + dice.between(SECOND, 4 * MINUTE), which));
                self.duplicates += 1;
            }
        }
        for number in 0..self.malformed.len() {
            let at = START_MS + DAY + dice.below((DAYS - 2) as u64 * DAY as u64) as i64;
            order.push((at, Which::Malformed(number as u32)));
        }
        order.sort_unstable();
        self.order = order;
    }

    /// Hands every record to `see`, in order of arrival, until it fails.
    ///
    /// # Errors
    /// What `see` says.
    pub fn visit<E>(&self, mut see: impl FnMut(Record<'_>) -> Result<(), E>) -> Result<(), E> {
        let mut renderer = Renderer::new(self.seed, &self.plan, &self.texts);
        for (_, which) in &self.order {
            match *which {
                Which::Step(number) => see(Record::Click(renderer.click(number)))?,
                Which::Entry(number) => see(Record::Support(renderer.support(number)))?,
                Which::Malformed(number) => see(Record::Malformed(&self.malformed[number as usize]))?,
            }
        }
        Ok(())
    }

    /// How many records [`World::visit`] hands over.
    #[must_use]
    pub fn record_count(&self) -> usize {
        self.order.len()
    }

    /// See [`Truths::joined`].
    fn joined(&self) -> u64 {
        let device = |step: &Step| match self.plan.visits[step.visit as usize].visitor {
            Visitor::Device(person, number) => Some((person, number)),
            Visitor::Card(_) | Visitor::Robot(_) => None,
        };
        let mut named = BTreeMap::new();
        for step in self.plan.steps.iter().filter(|step| step.is_known) {
            if let Some(device) = device(step) {
                let first = named.entry(device).or_insert(step.at);
                *first = step.at.min(*first);
            }
        }
        let joins = |step: &&Step| {
            let first = device(step).and_then(|device| named.get(&device));
            let counts = !matches!(step.what, What::Plain(Kind::PagePing)) && !step.is_known;
            counts
                && !self.plan.visits[step.visit as usize].has_refused
                && first.is_some_and(|first| step.at >= first - 30 * DAY)
        };
        self.plan.steps.iter().filter(joins).count() as u64
    }

    /// What was planted.
    #[must_use]
    pub fn truths(&self) -> Truths {
        let tally = &self.plan.tally;
        let refused = |visit: u32| self.plan.visits[visit as usize].has_refused;
        let erased = self.order.iter().filter(|(_, which)| match which {
            Which::Step(number) => refused(self.plan.steps[*number as usize].visit),
            _ => false,
        });
        let erased = erased.count() as u64;
        let named = |(name, count): (&&str, &u64)| (name.to_string(), *count);
        Truths {
            seed: self.seed,
            scale: self.scale,
            site: SITE.to_owned(),
            from_at: START_MS,
            to_at: START_MS + DAYS * DAY,
            clicks: self.plan.steps.len() as u64,
            support_entries: self.plan.entries.len() as u64,
            duplicates: self.duplicates,
            erased,
            malformed: self.malformed.len() as u64,
            sessions: tally.sessions,
            robot_sessions: tally.robot_sessions,
            sessions_by_city: tally.sessions_by_city.iter().map(named).collect(),
            joined: self.joined(),
            conversations: tally.conversations,
            reviews: tally.reviews.iter().map(named).collect(),
            complaints: tally.complaints.iter().map(named).collect(),
            carts_abandoned: tally.abandoned,
            carts_bought: tally.bought,
            cart_abandonment_share: share(tally.abandoned, tally.abandoned + tally.bought),
            abandoned_value: tally.abandoned_value(),
            leavers: tally.leavers,
            leavers_with_billing_share: share(tally.leavers_billing, tally.leavers),
            leavers_satisfied_share: share(tally.leavers_satisfied, tally.leavers),
            broken_step: tally.broken_step(),
            drawing_store: tally.drawing_store(),
        }
    }
}
