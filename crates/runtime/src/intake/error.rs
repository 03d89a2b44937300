//! Why intake ends, and what to do about it.

use crumbtrail_log::LogError;

/// Why intake ends before it is told to.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// A log or source failed.
    #[error("intake: {0}")]
    Log(LogError),
    /// The source's retention outran us.
    #[error(
        "intake: {topic}/{partition} begins at offset {start}, and we stood at {stood}: the records between are gone; look \
         for them elsewhere, or start once with `run --accept-gap`, which writes into the log that they are lost, and goes on"
    )]
    Gap {
        /// Source topic.
        topic: String,
        /// Its partition.
        partition: u32,
        /// First offset it still has.
        start: u64,
        /// Where we were to read on.
        stood: u64,
    },
    /// The source ends before where we stood.
    #[error(
        "intake: {topic}/{partition} ends at offset {end}, and we stood at {stood}: the topic was made anew, or lost its end; \
         if it was made anew, raise its `incarnation` (sources) by one, and it is read from its beginning as new records"
    )]
    Recreated {
        /// Source topic.
        topic: String,
        /// Its partition.
        partition: u32,
        /// Its end.
        end: u64,
        /// Where we were to read on.
        stood: u64,
    },
    /// Another record stands in the source than was read there.
    #[error(
        "intake: at offset {offset} of {topic}/{partition} stands another record than was read there: the topic was made anew; raise \
         its `incarnation` (sources) by one, and it is read from its beginning as new records"
    )]
    Other {
        /// Source topic.
        topic: String,
        /// Its partition.
        partition: u32,
        /// Where it stands.
        offset: u64,
    },
    /// The log was written under a newer configuration.
    #[error(
        "the log was written under configuration generation {found}, this one is {ours}: raise `generation` to {found} or more"
    )]
    Generation {
        /// Generation found.
        found: u32,
        /// Generation configured.
        ours: u32,
    },
}

impl From<LogError> for IntakeError {
    fn from(error: LogError) -> IntakeError {
        match error {
            LogError::Trimmed { log: topic, partition, start, asked } => {
                IntakeError::Gap { topic, partition: partition.0, start: start.0, stood: asked.0 }
            }
            LogError::Regressed { log: topic, partition, end, reached } => {
                IntakeError::Recreated { topic, partition: partition.0, end: end.0, stood: reached.0 }
            }
            error => IntakeError::Log(error),
        }
    }
}
