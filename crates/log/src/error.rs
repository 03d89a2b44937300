//! What can go wrong with a log.

use std::time::Duration;

use crate::frame::FrameError;
use crate::position::{Offset, PartitionId};

/// Why a log or a source could not do what was asked. Messages say what to do where a person has to do something.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The log has no such partition.
    #[error("log {log} has no partition {}: it has {partitions}", partition.0)]
    NoPartition {
        /// Name of the log.
        log: String,
        /// Partition asked for.
        partition: PartitionId,
        /// Partitions it has.
        partitions: u32,
    },
    /// The store was made with other settings than asked for.
    #[error(
        "log {log} was made with {found} partitions, the configuration says {wanted}: a different number is a new epoch"
    )]
    PartitionsDiffer {
        /// Name of the log.
        log: String,
        /// Partitions it has.
        found: u32,
        /// Partitions asked for.
        wanted: u32,
    },
    /// The start asked for has been trimmed or expired.
    #[error("{log}/{} starts at {}, {} was asked for: what lies between is gone", partition.0, start.0, asked.0)]
    Trimmed {
        /// Name of the log or topic.
        log: String,
        /// Its partition.
        partition: PartitionId,
        /// First offset it still has.
        start: Offset,
        /// Offset asked for.
        asked: Offset,
    },
    /// The log ends before what was read from it earlier: it was recreated, or lost its end.
    #[error(
        "{log}/{} ends at {}, but {} was reached before: the topic was recreated or lost its end; \
         check it, then accept the gap or start a new epoch", partition.0, end.0, reached.0
    )]
    Regressed {
        /// Name of the log or topic.
        log: String,
        /// Its partition.
        partition: PartitionId,
        /// Where it ends now.
        end: Offset,
        /// Where it had been.
        reached: Offset,
    },
    /// Another process has the store open.
    #[error("{path} is in use by {holder}: stop that process, or ask it to do the work; nothing was changed")]
    Locked {
        /// The store's file.
        path: String,
        /// Who holds it, as far as it left word.
        holder: String,
    },
    /// The disk (or quota) is full. Nothing was written in part; what was queued is still queued.
    #[error("no space left for {path}: free some, then go on; nothing was written in part")]
    DiskFull {
        /// The store's file.
        path: String,
    },
    /// The store's file failed in another way.
    #[error("{path}: {detail}")]
    Store {
        /// The store's file.
        path: String,
        /// What the store said.
        detail: String,
    },
    /// It did not happen in time. What was queued is still queued; asking again is safe.
    #[error("{what} did not finish within {} ms", after.as_millis())]
    TimedOut {
        /// What was waited for.
        what: String,
        /// How long.
        after: Duration,
    },
    /// The broker or its client refused.
    #[error("{what}: {detail}")]
    Broker {
        /// What was tried, on which topic.
        what: String,
        /// What the client said.
        detail: String,
    },
    /// The writer stopped for good: something appended earlier was not delivered, so nothing later may be.
    #[error("writing to {log} stopped: {detail}; restart the processor, it goes on where the log's ticks say")]
    Halted {
        /// Name of the log.
        log: String,
        /// The first failure.
        detail: String,
    },
    /// The group has given this member's name to another process.
    #[error(
        "{topics}: the group has given this member's name away: another process runs under it, or this one was not heard of for \
         longer than session.timeout.ms; nothing is lost: start it again, under a name of its own (kafka.instance)"
    )]
    Fenced {
        /// What it read.
        topics: String,
    },
    /// A frame cannot be read.
    #[error("{log}/{} at {}: {source}", partition.0, offset.0)]
    Frame {
        /// Name of the log.
        log: String,
        /// Its partition.
        partition: PartitionId,
        /// Offset of the frame.
        offset: Offset,
        /// What is wrong with it.
        source: FrameError,
    },
    /// The subscription was asked about a partition it was not dealt.
    #[error("{log}/{} is not assigned to this subscription", partition.0)]
    NotAssigned {
        /// Name of the log or topic.
        log: String,
        /// Its partition.
        partition: PartitionId,
    },
    /// A topic does not exist or is not as it must be.
    #[error("topic {topic}: {detail}")]
    Topic {
        /// The topic.
        topic: String,
        /// What is wrong and how to mend it.
        detail: String,
    },
    /// A client setting cannot be used.
    #[error("client setting {setting} {detail}")]
    Setting {
        /// Its name.
        setting: String,
        /// Why, and what to do.
        detail: String,
    },
}

impl LogError {
    /// Stable label for metrics.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            LogError::NoPartition { .. } => "no_partition",
            LogError::PartitionsDiffer { .. } => "partitions_differ",
            LogError::Trimmed { .. } => "trimmed",
            LogError::Regressed { .. } => "regressed",
            LogError::Locked { .. } => "locked",
            LogError::DiskFull { .. } => "disk_full",
            LogError::Store { .. } => "store",
            LogError::TimedOut { .. } => "timed_out",
            LogError::Broker { .. } => "broker",
            LogError::Halted { .. } => "halted",
            LogError::Fenced { .. } => "fenced",
            LogError::Frame { .. } => "frame",
            LogError::NotAssigned { .. } => "not_assigned",
            LogError::Topic { .. } => "topic",
            LogError::Setting { .. } => "setting",
        }
    }

    /// Whether asking again later, unchanged, can succeed.
    #[must_use]
    pub fn is_retriable(&self) -> bool {
        matches!(self, LogError::TimedOut { .. } | LogError::DiskFull { .. } | LogError::Broker { .. })
    }
}
