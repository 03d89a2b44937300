//! A group member whose start positions are ours: partitions arrive paused, and wait for their owner's word.

use std::collections::VecDeque;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rdkafka::config::{ClientConfig, FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::statistics::Statistics;
use rdkafka::topic_partition_list::Offset;
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{ClientContext, TopicPartitionList};

use super::{broker_error, heals_itself};
use crate::error::LogError;

/// What the group decided, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Assigned(Vec<(String, i32)>),
    Revoked(Vec<(String, i32)>),
}

/// Callbacks; all run on the thread that polls.
#[derive(Default)]
pub(super) struct Context {
    changes: Mutex<VecDeque<Change>>,
    /// Ends as the client's statistics last had them.
    ends: Mutex<Vec<(String, i32, i64)>>,
}

/// Client log lines and errors, as ours.
pub(super) fn forward(level: RDKafkaLogLevel, facility: &str, message: &str) {
    let level = match facility {
        // consumers and producers share one set of settings, and each grumbles about the other's at every start
        "CONFWARN" => RDKafkaLogLevel::Debug,
        // a commit is a report that the next one makes good; in a rebalance the group takes none
        "COMMITFAIL" => RDKafkaLogLevel::Debug,
        _ => level,
    };
    match level {
        RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
            tracing::error!(target: "librdkafka", facility, "{message}");
        }
        // brokers come and go; what matters surfaces as an error of a call
        RDKafkaLogLevel::Error | RDKafkaLogLevel::Warning => {
            tracing::warn!(target: "librdkafka", facility, "{message}");
        }
        RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info | RDKafkaLogLevel::Debug => {
            tracing::debug!(target: "librdkafka", facility, "{message}");
        }
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        forward(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        // the client says so at every end of every partition: good news, and no error
        if error.rdkafka_error_code() != Some(RDKafkaErrorCode::PartitionEOF) {
            tracing::warn!(target: "librdkafka", %error, "{reason}");
        }
    }

    fn stats(&self, statistics: Statistics) {
        let mut ends = self.ends.lock();
        ends.clear();
        for topic in statistics.topics.into_values() {
            let known = topic.partitions.iter().filter(|(partition, facts)| **partition >= 0 && facts.hi_offset >= 0);
            ends.extend(known.map(|(partition, facts)| (topic.topic.clone(), *partition, facts.hi_offset)));
        }
    }
}

impl ConsumerContext for Context {
    fn rebalance(&self, consumer: &BaseConsumer<Context>, err: RDKafkaRespErr, list: &mut TopicPartitionList) {
        let partitions: Vec<_> =
            list.elements().iter().map(|element| (element.topic().to_owned(), element.partition())).collect();
        let done = if err == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            self.changes.lock().push_back(Change::Assigned(partitions));
            assign_paused(consumer, list)
        } else {
            self.changes.lock().push_back(Change::Revoked(partitions));
            consumer.incremental_unassign(list)
        };
        if let Err(error) = done {
            tracing::warn!(%error, "the group's decision could not be carried out");
        }
    }
}

/// Takes partitions without reading from them. Paused before and after; a fetch may slip out between all the same, so it is
/// at an offset that is there: from one that retention has removed it would stop the partition for good, and at the end,
/// which the client has to ask for, the answer could undo a seek. What such a fetch brings is passed over.
fn assign_paused(consumer: &BaseConsumer<Context>, list: &TopicPartitionList) -> KafkaResult<()> {
    let mut first = TopicPartitionList::with_capacity(list.count());
    let mut answers = true;
    for element in list.elements() {
        let (topic, partition) = (element.topic(), element.partition());
        let asked = if answers { consumer.fetch_watermarks(topic, partition, BEGIN_DEADLINE).ok() } else { None };
        // A broker that does not answer is not asked for every partition.
        answers = asked.is_some();
        first.add_partition_offset(topic, partition, Offset::Offset(asked.map_or(0, |(begin, _)| begin.max(0))))?;
    }
    consumer.pause(&first)?;
    consumer.incremental_assign(&first)?;
    consumer.pause(&first)
}

/// How long a broker may take to say where a partition begins, while the group waits for us.
const BEGIN_DEADLINE: Duration = Duration::from_secs(2);

/// A consumer in a group.
pub(super) struct GroupConsumer {
    /// Always there until dropped.
    consumer: Option<BaseConsumer<Context>>,
    deadline: Duration,
    joined: Instant,
    /// Started, and not fetched from yet.
    waiting: Vec<(String, i32)>,
}

impl GroupConsumer {
    pub(super) fn join(config: &ClientConfig, topics: &[&str], deadline: Duration) -> Result<GroupConsumer, LogError> {
        let what = || format!("subscribe to {}", topics.join(", "));
        let consumer = BaseConsumer::from_config_and_context(config, Context::default())
            .map_err(|error| broker_error(what(), &error))?;
        consumer.subscribe(topics).map_err(|error| broker_error(what(), &error))?;
        Ok(GroupConsumer { consumer: Some(consumer), deadline, joined: Instant::now(), waiting: Vec::new() })
    }

    pub(super) fn get(&self) -> &BaseConsumer<Context> {
        self.consumer.as_ref().expect("invariant: a consumer lives until it is dropped")
    }

    /// Whether there is nothing to do about what a poll said but go on.
    pub(super) fn may_pass(&self, error: &KafkaError) -> bool {
        !matches!(error, KafkaError::MessageConsumptionFatal(_)) && may_pass(error, self.joined.elapsed())
    }

    /// Whether a broker may not have heard yet of what it was asked for.
    pub(super) fn is_new(&self) -> bool {
        self.joined.elapsed() < NEWS
    }

    pub(super) fn next_change(&mut self) -> Option<Change> {
        let change = self.get().context().changes.lock().pop_front()?;
        let (Change::Assigned(of) | Change::Revoked(of)) = &change;
        self.waiting.retain(|waiting| !of.contains(waiting));
        Some(change)
    }

    /// A partition's end as last heard of.
    pub(super) fn end(&self, topic: &str, partition: i32) -> Option<u64> {
        let ends = self.get().context().ends.lock();
        let found = ends.iter().find(|(known, number, _)| *number == partition && known == topic)?;
        u64::try_from(found.2).ok()
    }

    /// First offset and end of a partition, asked of its leader.
    pub(super) fn bounds(&self, topic: &str, partition: i32) -> Result<(u64, u64), LogError> {
        bounds(self.get(), topic, partition, self.deadline)
    }

    /// Has an assigned partition be read from an offset on, once its owner [goes on](GroupConsumer::go_on).
    pub(super) fn start(&mut self, topic: &str, partition: i32, offset: u64) -> Result<(), LogError> {
        self.pause([(topic, partition)].into_iter())?;
        self.seek(topic, partition, offset)?;
        self.waiting.push((topic.to_owned(), partition));
        Ok(())
    }

    /// Has what was started be fetched, all of it together: a broker answers in order, so that each question asked while something is
    /// fetched waits until a record comes or the broker gives up.
    pub(super) fn go_on(&mut self) -> Result<(), LogError> {
        if !self.waiting.is_empty() {
            self.resume(self.waiting.iter().map(|(topic, partition)| (topic.as_str(), *partition)))?;
            self.waiting.clear();
        }
        Ok(())
    }

    /// Moves an assigned partition to an offset; it stays paused if it was.
    fn seek(&self, topic: &str, partition: i32, offset: u64) -> Result<(), LogError> {
        let deadline = Instant::now() + self.deadline;
        loop {
            let what = || format!("start {topic}/{partition} at {offset}");
            let mut list = TopicPartitionList::new();
            list.add_partition_offset(topic, partition, Offset::Offset(offset as i64))
                .map_err(|error| broker_error(what(), &error))?;
            let answer = self
                .get()
                .seek_partitions(list, Duration::from_secs(5))
                .and_then(|list| list.elements().iter().try_for_each(|element| element.error()));
            match answer {
                Ok(()) => return Ok(()),
                // an assignment takes a moment to reach the fetcher
                Err(error) if Instant::now() < deadline => {
                    tracing::debug!(topic, partition, offset, %error, "cannot seek yet");
                    std::thread::sleep(Duration::from_millis(10));
                }
                Err(error) => return Err(broker_error(what(), &error)),
            }
        }
    }

    pub(super) fn pause<'a>(&mut self, partitions: impl Iterator<Item = (&'a str, i32)>) -> Result<(), LogError> {
        let list = listed(partitions);
        self.waiting.retain(|(topic, partition)| list.find_partition(topic, *partition).is_none());
        if list.count() == 0 {
            return Ok(());
        }
        self.get().pause(&list).map_err(|error| broker_error("pause", &error))
    }

    pub(super) fn resume<'a>(&self, partitions: impl Iterator<Item = (&'a str, i32)>) -> Result<(), LogError> {
        let list = listed(partitions);
        if list.count() == 0 {
            return Ok(());
        }
        self.get().resume(&list).map_err(|error| broker_error("resume", &error))
    }
}

fn listed<'a>(partitions: impl Iterator<Item = (&'a str, i32)>) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    for (topic, partition) in partitions {
        list.add_partition(topic, partition);
    }
    list
}

/// First offset and end of a partition, asked of its leader.
pub(super) fn bounds<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    topic: &str,
    partition: i32,
    deadline: Duration,
) -> Result<(u64, u64), LogError> {
    let asked = Instant::now();
    loop {
        match consumer.fetch_watermarks(topic, partition, deadline.saturating_sub(asked.elapsed())) {
            Ok((start, end)) => return Ok((start.max(0) as u64, end.max(0) as u64)),
            Err(error) if may_pass(&error, asked.elapsed()) && asked.elapsed() + AGAIN < deadline => {
                tracing::debug!(topic, partition, %error, "no answer about the end yet");
                std::thread::sleep(AGAIN);
            }
            Err(error) => return Err(broker_error(format!("ask for the end of {topic}/{partition}"), &error)),
        }
    }
}

/// Pause before a question is asked again.
const AGAIN: Duration = Duration::from_millis(50);
/// How long a broker may not know of a partition that was made just now, or has a new leader.
const NEWS: Duration = Duration::from_secs(5);

/// Whether what failed is worth another try, so long behind the first.
fn may_pass(error: &KafkaError, since: Duration) -> bool {
    error.rdkafka_error_code().is_some_and(|code| match code {
        RDKafkaErrorCode::UnknownTopicOrPartition
        | RDKafkaErrorCode::UnknownTopic
        | RDKafkaErrorCode::UnknownPartition => since < NEWS,
        code => heals_itself(code),
    })
}

/// Leaving a group can hang in the client. Nothing rests on leaving well, so it gets a thread and a deadline.
impl Drop for GroupConsumer {
    fn drop(&mut self) {
        let consumer = self.consumer.take();
        let (done, left) = mpsc::channel();
        std::thread::spawn(move || {
            drop(consumer);
            let _ = done.send(());
        });
        if left.recv_timeout(Duration::from_secs(5)).is_err() {
            tracing::warn!("the group was not left in time; it will notice by itself");
        }
    }
}
