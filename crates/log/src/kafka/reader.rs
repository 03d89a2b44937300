//! Range reads outside any group: read-back, tail scans, checks.

use std::time::{Duration, Instant};

use bytes::Bytes;
use rdkafka::TopicPartitionList;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::topic_partition_list::Offset as KafkaOffset;

use super::consumer::{Context, bounds};
use super::{KafkaSettings, broker_error, heals_itself};
use crate::dealt::check_start;
use crate::error::LogError;
use crate::position::{Offset, PartitionId};

/// A consumer that belongs to no group and is assigned what is to be read.
pub(super) struct RangeReader {
    consumer: BaseConsumer<Context>,
    topic: String,
    deadline: Duration,
}

impl RangeReader {
    pub(super) fn new(settings: &KafkaSettings, topic: &str) -> Result<RangeReader, LogError> {
        // the client wants a group's name even where no group is joined
        let mut config = settings.consumer("crumbtrail-range-reader", "")?;
        config.set("fetch.wait.max.ms", "20").set("statistics.interval.ms", "0");
        let consumer = BaseConsumer::from_config_and_context(&config, Context::default())
            .map_err(|error| broker_error(format!("read {topic}"), &error))?;
        Ok(RangeReader { consumer, topic: topic.to_owned(), deadline: settings.deadline() })
    }

    pub(super) fn partitions(&self) -> Result<Option<u32>, LogError> {
        let metadata = self
            .consumer
            .fetch_metadata(Some(&self.topic), self.deadline)
            .map_err(|error| broker_error(format!("ask about topic {}", self.topic), &error))?;
        let count = metadata
            .topics()
            .iter()
            .find(|topic| topic.name() == self.topic)
            .map_or(0, |topic| if topic.error().is_some() { 0 } else { topic.partitions().len() });
        Ok((count > 0).then_some(count as u32))
    }

    pub(super) fn bounds(&self, partition: PartitionId) -> Result<(Offset, Offset), LogError> {
        let (start, end) = bounds(&self.consumer, &self.topic, partition.0 as i32, self.deadline)?;
        Ok((Offset(start), Offset(end)))
    }

    pub(super) fn read(
        &self,
        partition: PartitionId,
        from: Offset,
        max_bytes: usize,
    ) -> Result<Vec<(Offset, Bytes)>, LogError> {
        let (start, end) = self.bounds(partition)?;
        check_start(&self.topic, partition, from, start, end)?;
        if from == end {
            return Ok(Vec::new());
        }
        let what = || format!("read {}/{} from {}", self.topic, partition.0, from.0);
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&self.topic, partition.0 as i32, KafkaOffset::Offset(from.0 as i64))
            .and_then(|()| self.consumer.assign(&list))
            .map_err(|error| broker_error(what(), &error))?;
        let frames = self.collect(end, max_bytes, what);
        self.consumer.unassign().map_err(|error| broker_error(what(), &error))?;
        frames
    }

    fn collect(
        &self,
        end: Offset,
        max_bytes: usize,
        what: impl Fn() -> String,
    ) -> Result<Vec<(Offset, Bytes)>, LogError> {
        let until = Instant::now() + self.deadline;
        let mut frames = Vec::new();
        let mut bytes = 0;
        loop {
            match self.consumer.poll(Duration::from_millis(100)) {
                Some(Ok(message)) => {
                    let offset = Offset(message.offset() as u64);
                    if offset >= end {
                        return Ok(frames);
                    }
                    let payload = message.payload().unwrap_or_default();
                    bytes += payload.len();
                    if bytes > max_bytes && !frames.is_empty() {
                        return Ok(frames);
                    }
                    frames.push((offset, Bytes::copy_from_slice(payload)));
                    if offset.0 + 1 >= end.0 {
                        return Ok(frames);
                    }
                }
                Some(Err(KafkaError::PartitionEOF(_))) => return Ok(frames),
                Some(Err(KafkaError::MessageConsumption(code))) if heals_itself(code) => {}
                Some(Err(error)) => return Err(broker_error(what(), &error)),
                None => {}
            }
            if Instant::now() >= until {
                return Err(LogError::TimedOut { what: what(), after: self.deadline });
            }
        }
    }
}
