//! Asking the brokers where partitions end, many at once.

use std::time::Duration;

use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::topic_partition_list::Offset;

/// The ends of these partitions, in the order asked for; `None` where the answer failed or did not come in time.
/// With `read_committed`, an end is where the last stable record ends.
pub(super) fn ends<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    partitions: &[(&str, i32)],
    deadline: Duration,
) -> Vec<Option<u64>> {
    let mut list = TopicPartitionList::with_capacity(partitions.len());
    for (topic, partition) in partitions {
        // asked for by time, -1 is the protocol's word for the end
        if list.add_partition_offset(topic, *partition, Offset::End).is_err() {
            return vec![None; partitions.len()];
        }
    }
    let answer = match consumer.offsets_for_times(list, deadline) {
        Ok(answer) => answer,
        Err(error) => {
            tracing::debug!(%error, "no answer about ends");
            return vec![None; partitions.len()];
        }
    };
    let found = partitions.iter().map(|(topic, partition)| {
        let element = answer.find_partition(topic, *partition)?;
        element.error().ok()?;
        match element.offset() {
            Offset::Offset(end) => u64::try_from(end).ok(),
            _ => None,
        }
    });
    found.collect()
}
