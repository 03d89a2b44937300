//! A real step, and what a bug makes of what it is told.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use crumbtrail_events::touchpoint::{Head, Role, To};
use crumbtrail_events::wire::WireError;
use crumbtrail_events::{EventTime, Key, Outcome, Touchpoint};
use crumbtrail_runtime::step::{Effects, StepError, StepGauges};
use crumbtrail_runtime::{Clock, Context, Step};
use crumbtrail_scratch::{Block, Scratch};

use crate::mutation::{Mutation, current};
use crate::rules::Change;

/// Hands everything through to the real step, unless a bug that lives here is on.
pub struct Odd<S> {
    step: S,
    clock: Clock,
    count: Cell<u64>,
    /// Aliases in the order they came, under the bug that goes by it.
    aliases: BTreeMap<Key, Key>,
    /// Hears where this partition is told of other rules.
    change: Option<(Arc<Change>, u32)>,
}

impl<S: Step> Odd<S> {
    /// Round a real step.
    #[must_use]
    pub fn new(step: S, clock: Clock) -> Odd<S> {
        Odd { step, clock, count: Cell::new(0), aliases: BTreeMap::new(), change: None }
    }

    /// Says where this partition is told of other rules.
    #[must_use]
    pub fn noting(self, change: Arc<Change>, partition: u32) -> Odd<S> {
        Odd { change: Some((change, partition)), ..self }
    }

    /// Whether an alias is passed over because of others that came before it.
    fn comes_too_late(&mut self, payload: &[u8]) -> Result<bool, WireError> {
        let told = Touchpoint::decode(payload)?;
        if told.role != Role::Alias {
            return Ok(false);
        }
        let customer = Key::customer(told.site, told.customer);
        let mut way = std::iter::successors(Some(customer), |key| self.aliases.get(key).copied());
        let is_late =
            self.aliases.get(&told.head.key).is_some_and(|of| *of != customer) || way.any(|key| key == told.head.key);
        if !is_late {
            self.aliases.insert(told.head.key, customer);
        }
        Ok(is_late)
    }

    fn told(&self, context: Context, source: Option<u64>) -> Context {
        let version = match current() {
            Some(Mutation::VersionFromClock) => ((self.clock.now_ms() - crate::world::BEGIN_MS) as u64 / 60_000) << 16,
            Some(Mutation::VersionFromCounter) => {
                self.count.set(self.count.get() + 1);
                self.count.get() << 16
            }
            Some(Mutation::VersionFromSource) => {
                if let Some(source) = source {
                    self.count.set(source);
                }
                (self.count.get() << 16) | (context.version & 0xFFFF)
            }
            _ => return context,
        };
        Context { version: 1 << 56 | version, ..context }
    }
}

/// What changes hands under the bug that is on: each touchpoint is taken from one person and, next, given to another.
fn hand_over(effects: &mut Effects) -> Result<(), WireError> {
    let lives_here = |bug: &Mutation| {
        matches!(bug, Mutation::HandOverOnlyGives | Mutation::FirstToArriveWins | Mutation::CutKeepsTouchpoints)
    };
    let bug = current().filter(lives_here);
    let Some(bug) = bug else { return Ok(()) };
    let passed = std::mem::take(&mut effects.passed);
    let mut passed = passed.into_iter().peekable();
    while let Some((to, range)) = passed.next() {
        let told = Touchpoint::decode(&effects.passed_bytes[range.clone()])?;
        let given = passed.peek().filter(|_| told.role == Role::Taken);
        let given_to = given.map(|(to, _)| *to);
        let given = given.map(|(_, range)| Touchpoint::decode(&effects.passed_bytes[range.clone()])).transpose()?;
        match given {
            Some(_) if bug == Mutation::HandOverOnlyGives => {}
            Some(given) if bug == Mutation::CutKeepsTouchpoints => {
                if given_to == Some(To::Key(Key::visitor(given.site, given.visitor))) {
                    let _ = passed.next();
                } else {
                    effects.passed.push((to, range));
                }
            }
            Some(given) if given.customer.is_empty() && to != To::Key(Key::visitor(given.site, given.visitor)) => {
                let _ = passed.next();
            }
            _ => effects.passed.push((to, range)),
        }
    }
    Ok(())
}

/// What goes to the customer of whom another is an alias goes to that other one.
fn not_renamed(payload: &[u8], effects: &mut Effects) -> Result<(), WireError> {
    let touchpoint = Touchpoint::decode(payload)?;
    if current() != Some(Mutation::AliasAppliedOnce) || touchpoint.customer.is_empty() {
        return Ok(());
    }
    let own = Key::customer(touchpoint.site, touchpoint.customer);
    let passed = std::mem::take(&mut effects.passed);
    for (to, range) in passed {
        let told = Touchpoint::decode(&effects.passed_bytes[range.clone()])?;
        if told.role == Role::Whole && to != To::Key(own) {
            let head = Head { key: own, ..told.head };
            let mut bytes = Vec::new();
            Touchpoint { head, customer: touchpoint.customer, ..told }.encode(&mut bytes);
            effects.pass(own, |out| out.extend_from_slice(&bytes));
        } else {
            effects.passed.push((to, range));
        }
    }
    Ok(())
}

impl<S: Step> Step for Odd<S> {
    fn name(&self) -> &'static str {
        self.step.name()
    }

    fn tables(&self) -> usize {
        self.step.tables()
    }

    fn record(&mut self, payload: &[u8], context: Context, effects: &mut Effects) -> Result<(), StepError> {
        let context = match current() {
            Some(Mutation::VersionFromSource) => self.told(context, Some(Touchpoint::decode(payload)?.offset)),
            _ => self.told(context, None),
        };
        if current() == Some(Mutation::FirstAliasHolds) && self.comes_too_late(payload)? {
            effects.outcome(Outcome::Aside);
            return Ok(());
        }
        if let Some((change, partition)) = &self.change {
            change.note(*partition, payload, context.watermark)?;
        }
        self.step.record(payload, context, effects)?;
        not_renamed(payload, effects)?;
        Ok(hand_over(effects)?)
    }

    fn tick(&mut self, context: Context, effects: &mut Effects) -> Result<(), StepError> {
        let context = self.told(context, None);
        self.step.tick(context, effects)
    }

    fn save(&self, out: &mut Vec<u8>) {
        self.step.save(out);
    }

    fn begin_save(&mut self) {
        self.step.begin_save();
    }

    fn save_on(&mut self, most: usize) -> Option<Vec<Vec<u8>>> {
        self.step.save_on(most)
    }

    fn blocks(&self) -> Vec<(u64, Block)> {
        self.step.blocks()
    }

    fn spill(&mut self, scratch: &mut Scratch) -> io::Result<()> {
        self.step.spill(scratch)
    }

    fn load(&mut self, bytes: &[u8], blocks: &[Block]) -> Result<(), StepError> {
        self.step.load(bytes, blocks)?;
        if current() == Some(Mutation::SnapshotWithoutDirtyRows) {
            // What waited to be written is written nowhere.
            let mut nowhere = Effects::new(self.step.tables());
            let wall_ms = self.clock.now_ms();
            self.step.tick(Context { version: 0, watermark: EventTime::MIN, wall_ms }, &mut nowhere)?;
        }
        Ok(())
    }

    fn adopted(&mut self) -> Result<(), StepError> {
        self.step.adopted()
    }

    fn gauges(&self) -> StepGauges {
        self.step.gauges()
    }
}
