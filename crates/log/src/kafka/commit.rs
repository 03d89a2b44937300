//! The one place offsets are committed.
//!
//! A committed offset is a report for the eyes of others (lag tools, operators). Nothing is ever started from it, so a
//! lost, late or lower commit costs nothing; the log's ticks say where a writer goes on.

use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext};
use rdkafka::topic_partition_list::Offset;

use super::broker_error;
use crate::error::LogError;

/// Reports next offsets to be read, without waiting for the answer. The caller has seen the ticks behind them
/// acknowledged.
pub(super) fn report<'a, C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    offsets: impl Iterator<Item = (&'a str, i32, u64)>,
) -> Result<(), LogError> {
    let mut list = TopicPartitionList::new();
    for (topic, partition, offset) in offsets {
        list.add_partition_offset(topic, partition, Offset::Offset(offset as i64))
            .map_err(|error| broker_error("commit", &error))?;
    }
    if list.count() == 0 {
        return Ok(());
    }
    #[expect(clippy::disallowed_methods, reason = "the one place an offset is committed")]
    consumer.commit(&list, CommitMode::Async).map_err(|error| broker_error("commit", &error))
}
