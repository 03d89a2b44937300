//! Why a processor ends, and what to do about it.

use crumbtrail_log::LogError;

use crate::owner::OwnerError;
use crate::sink::SinkError;
use crate::snapshot::SnapshotError;

/// Why a processor ends before it is told to.
#[derive(Debug, thiserror::Error)]
pub enum ProcessorError {
    /// A log failed.
    #[error("log: {0}")]
    Log(#[from] LogError),
    /// A partition halts.
    #[error("{processor} partition {partition}: {source}")]
    Owner {
        /// Processor name.
        processor: &'static str,
        /// Partition.
        partition: u32,
        /// Why.
        source: OwnerError,
    },
    /// Rows cannot be delivered.
    #[error("{0}")]
    Sink(#[from] SinkError),
    /// Snapshots cannot be read.
    #[error("{0}")]
    Snapshot(#[from] SnapshotError),
    /// The next log was written under a newer configuration: its readers would drop all that we say.
    #[error(
        "{processor}: {log} was written under configuration generation {found}, this one is {ours}: raise `generation` to \
         {found} or more"
    )]
    Generation {
        /// Processor name.
        processor: &'static str,
        /// Name of the next log.
        log: String,
        /// Generation found.
        found: u32,
        /// Generation configured.
        ours: u32,
    },
    /// The log has forgotten its beginning, and no snapshot stands for it.
    #[error(
        "{processor} partition {partition}: {log} begins at offset {first}, and of the snapshots up to {limit}, which is \
         as far as the tables and the next log go, none reaches there: what was forgotten cannot be computed again; \
         put a later copy of the database back if it was lost or replaced, bring back the snapshots (snapshots.url), start a new epoch and read the sources again, or start once with \
         `run --accept-gap`, which writes down that the state of before is lost, and goes on"
    )]
    Forgotten {
        /// Processor name.
        processor: &'static str,
        /// Partition.
        partition: u32,
        /// Name of the log.
        log: String,
        /// First offset it still has.
        first: u64,
        /// Snapshots up to here were looked for.
        limit: u64,
    },
    /// The log ends before what the tables hold of it: new records would get the versions of old ones.
    #[error(
        "{processor} partition {partition}: the tables go to offset {claimed} of {log}, which ends at {end}: it was made anew, cut, \
         or an older copy of it was put back. Put the log back as it was; or, if it is lost, begin the next epoch: set `epoch` one \
         higher, run `crumbtrail migrate --show`, and read the sources again (the tables of before stay)"
    )]
    Shortened {
        /// Processor name.
        processor: &'static str,
        /// Partition.
        partition: u32,
        /// Name of the log.
        log: String,
        /// As far as the ledger's unbroken chain goes.
        claimed: u64,
        /// Where the log ends.
        end: u64,
    },
}
