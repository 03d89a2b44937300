//! A real step, and what a bug makes of what it is told.

use std::cell::Cell;
use std::io;

use crumbtrail_events::touchpoint::Role;
use crumbtrail_events::wire::WireError;
use crumbtrail_events::{EventTime, Key, Touchpoint};
use crumbtrail_runtime::step::{Effects, StepError, StepGauges};
use crumbtrail_runtime::{Clock, Context, Step};
use crumbtrail_scratch::{Block, Scratch};

use crate::mutation::{Mutation, current};

/// Hands everything through to the real step, unless a bug that lives here is on.
pub struct Odd<S> {
    step: S,
    clock: Clock,
    count: Cell<u64>,
}

impl<S: Step> Odd<S> {
    /// Round a real step.
    #[must_use]
    pub fn new(step: S, clock: Clock) -> Odd<S> {
        Odd { step, clock, count: Cell::new(0) }
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
    let bug = current().filter(|bug| matches!(bug, Mutation::HandOverOnlyGives | Mutation::FirstToArriveWins));
    let Some(bug) = bug else { return Ok(()) };
    let passed = std::mem::take(&mut effects.passed);
    let mut passed = passed.into_iter().peekable();
    while let Some((key, range)) = passed.next() {
        let told = Touchpoint::decode(&effects.passed_bytes[range.clone()])?;
        let given = passed.peek().filter(|_| told.role == Role::Taken);
        let given = given.map(|(_, range)| Touchpoint::decode(&effects.passed_bytes[range.clone()])).transpose()?;
        match given {
            Some(_) if bug == Mutation::HandOverOnlyGives => {}
            Some(given) if key != Key::visitor(given.site, given.visitor) => drop(passed.next()),
            _ => effects.passed.push((key, range)),
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
        self.step.record(payload, context, effects)?;
        Ok(hand_over(effects)?)
    }

    fn tick(&mut self, context: Context, effects: &mut Effects) {
        let context = self.told(context, None);
        self.step.tick(context, effects);
    }

    fn save(&self, out: &mut Vec<u8>) {
        self.step.save(out);
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
            self.step.tick(Context { version: 0, watermark: EventTime::MIN, wall_ms }, &mut nowhere);
        }
        Ok(())
    }

    fn gauges(&self) -> StepGauges {
        self.step.gauges()
    }
}
