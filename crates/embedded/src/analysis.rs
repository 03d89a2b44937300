//! What the engine's parser says of a statement.

/// What a statement does, as the engine's own parser says (`chdb_query_class`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// SELECT, SHOW, DESCRIBE, EXPLAIN, EXISTS, CHECK.
    ReadOnly,
    /// INSERT, CREATE, ALTER, DROP and the like.
    Mutating,
    /// Changes beside the databases: functions, named collections, the `system` database.
    MutatingGlobal,
    /// SET, USE, SYSTEM, KILL, BACKUP, INTO OUTFILE, INSERT INTO FUNCTION.
    Control,
    /// Does not parse.
    Unknown,
}

/// What the engine's parser says about a text, without running it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Analysis {
    /// How many statements would run.
    pub statements: u32,
    /// The most far-reaching class among them.
    pub class: Class,
}
