//! What all processes of a schedule share: logs, database, snapshots, sources, time.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crumbtrail_runtime::Clock;
use crumbtrail_telemetry::Metrics;

use crate::broker::{Committed, Topic};
use crate::database::Database;
use crate::dice::Dice;
use crate::mishaps::Faults;
use crate::role::Role;
use crate::rules::Change;
use crate::shelf::Shelf;
use crate::world::{BEGIN_MS, DAY_MS, World};

/// The place where a schedule plays.
pub struct Scene {
    /// Draws everything random but the world.
    pub dice: Dice,
    /// The input.
    pub world: Arc<World>,
    /// Wall time.
    pub clock: Clock,
    /// What goes wrong on the broker.
    pub faults: Arc<Faults>,
    /// Intake to sessionize.
    pub touchpoints: Arc<Topic>,
    /// Sessionize to journey.
    pub people: Arc<Topic>,
    /// Dead letters.
    pub letters: Arc<Topic>,
    /// Asks to go back.
    pub control: Arc<Topic>,
    /// The tables.
    pub database: Arc<Database>,
    /// The snapshots.
    pub shelf: Arc<Shelf>,
    /// Source offsets reported.
    pub committed: Committed,
    /// Whether the registry is away.
    pub registry_away: Arc<AtomicBool>,
    /// Nothing is left to chance any more.
    pub is_calm: Arc<AtomicBool>,
    /// Nobody reads them here.
    pub metrics: Metrics,
    /// Other rules, if they are given out.
    pub change: Arc<Change>,
    /// How long logs keep what no snapshot needs; `None`: for ever.
    pub retention_ms: Option<i64>,
}

thread_local! {
    static METRICS: Metrics = Metrics::new();
}

impl Scene {
    /// The scene of a seed, before anything happened.
    #[must_use]
    pub fn new(seed: u64) -> Scene {
        let dice = Dice::new(seed, 1);
        let world = Arc::new(World::new(&Dice::new(seed, 2), 2 + dice.index(2)));
        let clock = Clock::manual(BEGIN_MS);
        let faults = Faults::new(dice.clone());
        let topic = |name, partitions| Topic::new(name, partitions, faults.clone());
        let window = dice.pick(&[0, 2, 20]);
        Scene {
            touchpoints: topic("touchpoints", 2 + dice.below(2) as u32),
            people: topic("people", 1 + dice.below(3) as u32),
            letters: topic("letters", 1),
            control: topic("control", 1),
            database: Database::new(dice.clone(), faults.clone(), window),
            change: Change::new(&dice.apart()),
            shelf: Shelf::new(clock.clone()),
            committed: Committed::default(),
            registry_away: Arc::default(),
            is_calm: Arc::default(),
            metrics: METRICS.with(Clone::clone),
            retention_ms: dice.chance(400).then_some(2 * DAY_MS),
            world,
            faults,
            clock,
            dice,
        }
    }

    /// How many units a role deals out: origins, or partitions of the log it reads.
    #[must_use]
    pub fn units(&self, role: Role) -> usize {
        match role {
            Role::Intake => self.world.origins.len(),
            Role::Sessionize => self.touchpoints.partitions(),
            Role::Journey => self.people.partitions(),
        }
    }
}
