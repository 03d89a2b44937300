//! A value that changes each time a ClickHouse server starts.

/// SQL that any client may run, on the embedded engine and on a server alike; one row, one String.
///
/// The value is `<server uuid>/<uuid of the database INFORMATION_SCHEMA>/<uuid of system.one>`. On a server the tables of
/// `system` are attached at start under fresh random ids (`attachSystemTablesImpl.h`: "UUIDs are not persistent"); on the
/// embedded engine, whose system tables have none, the in-memory database INFORMATION_SCHEMA gets a fresh one
/// (test: `the_start_id_changes_with_every_start`). The server's own id tells the replicas of a cluster apart. `uptime()`
/// would not do: it has whole seconds, and the engine restarts in a fifth of one.
pub const START_ID_SQL: &str = "SELECT concat(toString(serverUUID()), '/', \
     (SELECT toString(any(uuid)) FROM system.databases WHERE name = 'INFORMATION_SCHEMA'), '/', \
     (SELECT toString(any(uuid)) FROM system.tables WHERE database = 'system' AND name = 'one'))";
