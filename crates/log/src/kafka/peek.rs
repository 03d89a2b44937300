//! A look at single records, outside any group.

use std::time::{Duration, Instant};

use rdkafka::TopicPartitionList;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::topic_partition_list::Offset;

use super::consumer::Context;
use super::{KafkaSettings, broker_error, heals_itself};
use crate::error::LogError;

/// So long is waited for all of them.
const DEADLINE: Duration = Duration::from_secs(5);

/// Hands over the first record at or behind each place, with the place's number. A place from which none comes in time is passed over.
pub(super) fn peek(
    settings: &KafkaSettings,
    places: &[(&str, i32, u64)],
    sink: &mut dyn FnMut(usize, &BorrowedMessage<'_>),
) -> Result<(), LogError> {
    if places.is_empty() {
        return Ok(());
    }
    let what = || format!("look at single records of {}", places[0].0);
    let mut config = settings.consumer("crumbtrail-range-reader", "")?;
    // Of each partition one record is wanted, not a megabyte.
    config.set("fetch.wait.max.ms", "20").set("fetch.message.max.bytes", "16384").set("statistics.interval.ms", "0");
    let consumer: BaseConsumer<Context> = BaseConsumer::from_config_and_context(&config, Context::default())
        .map_err(|error| broker_error(what(), &error))?;
    let mut list = TopicPartitionList::with_capacity(places.len());
    for (topic, partition, offset) in places {
        list.add_partition_offset(topic, *partition, Offset::Offset(*offset as i64))
            .map_err(|error| broker_error(what(), &error))?;
    }
    consumer.assign(&list).map_err(|error| broker_error(what(), &error))?;
    let until = Instant::now() + DEADLINE;
    let mut seen = vec![false; places.len()];
    while seen.contains(&false) && Instant::now() < until {
        match consumer.poll(Duration::from_millis(100)) {
            Some(Ok(message)) => {
                let is = |(topic, partition, _): &(&str, i32, u64)| {
                    *topic == message.topic() && *partition == message.partition()
                };
                if let Some(at) = places.iter().position(is).filter(|at| !std::mem::replace(&mut seen[*at], true)) {
                    sink(at, &message);
                }
            }
            Some(Err(KafkaError::MessageConsumption(code))) if heals_itself(code) => {}
            Some(Err(KafkaError::PartitionEOF(_))) | None => {}
            Some(Err(error)) => return Err(broker_error(what(), &error)),
        }
    }
    Ok(())
}
