//! What came of a schedule, and what was done to it.

/// What came of a schedule.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// What must not be; empty if all is right.
    pub violations: Vec<String>,
    /// A hash over every frame stored and every row applied.
    pub print: u64,
    /// What was done to it.
    pub done: Done,
}

/// Counts of what was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// Records in the sources.
    pub records: u64,
    /// Processes killed or crashed.
    pub kills: u64,
    /// Processes that went on though others had taken over.
    pub zombies: u64,
    /// Partitions and origins moved.
    pub moves: u64,
    /// Copies of the database put back.
    pub restores: u64,
    /// Stores of snapshots lost.
    pub stores_lost: u64,
    /// Frames lost after they were acknowledged.
    pub losses: u64,
    /// New configurations.
    pub generations: u64,
    /// Schedules in which the rules changed.
    pub changes: u64,
    /// Times a writer was asked to go back.
    pub asks: u64,
    /// Schedules in which a loss was noticed only after the log had forgotten what the lost records were made from.
    pub too_late: u64,
}

impl Done {
    /// Adds another count.
    pub fn add(&mut self, other: &Done) {
        self.records += other.records;
        self.kills += other.kills;
        self.zombies += other.zombies;
        self.moves += other.moves;
        self.restores += other.restores;
        self.stores_lost += other.stores_lost;
        self.losses += other.losses;
        self.generations += other.generations;
        self.changes += other.changes;
        self.asks += other.asks;
        self.too_late += other.too_late;
    }
}
