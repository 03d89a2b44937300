//! A log that is a Kafka topic: one frame, one Kafka record.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;

use super::KafkaSettings;
use super::producer::FrameProducer;
use super::reader::RangeReader;
use super::subscription::KafkaSubscription;
use crate::error::LogError;
use crate::log::{Log, Member, Subscription};
use crate::position::{Offset, PartitionId};

/// A topic of ours; its clones share one producer.
#[derive(Clone)]
pub struct KafkaLog {
    shared: Arc<Shared>,
}

struct Shared {
    settings: KafkaSettings,
    topic: String,
    partitions: u32,
    producer: FrameProducer,
    reader: Mutex<RangeReader>,
}

impl KafkaLog {
    /// Opens a topic that exists; see [`super::admin::ensure_topic`].
    ///
    /// # Errors
    /// [`LogError::Topic`] when there is no such topic, [`LogError::PartitionsDiffer`], [`LogError::Setting`], and
    /// [`LogError::Broker`] when the cluster does not answer in time.
    pub fn open(settings: KafkaSettings, topic: &str, partitions: u32) -> Result<KafkaLog, LogError> {
        KafkaLog::open_with(settings, topic, partitions, |found| found == partitions)
    }

    /// As [`KafkaLog::open`], of a topic that may have been given more partitions than the first so many, which are ours: to read
    /// what it has.
    ///
    /// # Errors
    /// As there.
    pub fn open_first(settings: KafkaSettings, topic: &str, partitions: u32) -> Result<KafkaLog, LogError> {
        KafkaLog::open_with(settings, topic, partitions, |found| found >= partitions)
    }

    fn open_with(
        settings: KafkaSettings,
        topic: &str,
        partitions: u32,
        fits: impl Fn(u32) -> bool,
    ) -> Result<KafkaLog, LogError> {
        let reader = RangeReader::new(&settings, topic)?;
        match reader.partitions()? {
            Some(found) if fits(found) => {}
            Some(found) => return Err(LogError::PartitionsDiffer { log: topic.to_owned(), found, wanted: partitions }),
            None => {
                let detail = "does not exist: create it, or let `crumbtrail migrate` do it".to_owned();
                return Err(LogError::Topic { topic: topic.to_owned(), detail });
            }
        }
        let producer = FrameProducer::new(&settings, topic, partitions)?;
        let reader = Mutex::new(reader);
        Ok(KafkaLog { shared: Arc::new(Shared { settings, topic: topic.to_owned(), partitions, producer, reader }) })
    }

    fn check(&self, partition: PartitionId) -> Result<(), LogError> {
        let Shared { topic, partitions, .. } = &*self.shared;
        if partition.0 >= *partitions {
            return Err(LogError::NoPartition { log: topic.clone(), partition, partitions: *partitions });
        }
        Ok(())
    }
}

impl Log for KafkaLog {
    fn name(&self) -> &str {
        &self.shared.topic
    }

    fn partitions(&self) -> u32 {
        self.shared.partitions
    }

    fn append(&self, partition: PartitionId, frame: Vec<u8>) -> Result<(), LogError> {
        self.check(partition)?;
        self.shared.producer.append(partition, &frame)
    }

    fn flush(&self, deadline: Duration) -> Result<(), LogError> {
        self.shared.producer.flush(deadline)
    }

    fn bounds(&self, partition: PartitionId) -> Result<(Offset, Offset), LogError> {
        self.check(partition)?;
        self.shared.reader.lock().bounds(partition)
    }

    fn read(&self, partition: PartitionId, from: Offset, max_bytes: usize) -> Result<Vec<(Offset, Bytes)>, LogError> {
        self.check(partition)?;
        self.shared.reader.lock().read(partition, from, max_bytes)
    }

    /// Does nothing but check: the topic's own retention forgets, and it is as long as what a caller would keep.
    fn trim(&self, partition: PartitionId, _before: Offset) -> Result<(), LogError> {
        self.check(partition)
    }

    fn subscribe(&self, member: Member<'_>) -> Result<Box<dyn Subscription>, LogError> {
        let Shared { settings, topic, partitions, .. } = &*self.shared;
        Ok(Box::new(KafkaSubscription::new(settings, topic, *partitions, member.group, &member.instance)?))
    }
}
