//! Other people's topics, as a source.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::topic_partition_list::Offset as KafkaOffset;

use super::consumer::{Change, GroupConsumer};
use super::ends::ends;
use super::peek::peek;
use super::{KafkaSettings, broker_error, commit, read_error};
use crate::dealt::check_start;
use crate::error::LogError;
use crate::position::{Offset, OriginId, PartitionId};
use crate::source::{Source, SourceEvent, SourcePartition, SourceRecord};

/// Records handed over by one poll at most.
const BATCH: usize = 2_048;
/// How often the ends of quiet partitions are asked for, unless told otherwise.
const ASK_EVERY: Duration = Duration::from_millis(500);
/// How long such a question may take; it holds the thread.
const ASK_DEADLINE: Duration = Duration::from_secs(2);
/// How long a list of partitions is believed.
const DECLARED_FOR: Duration = Duration::from_secs(30);

/// A group member that reads source topics.
pub struct KafkaSource {
    consumer: GroupConsumer,
    topics: Vec<Topic>,
    places: Vec<Place>,
    /// Index of the place the last record belonged to.
    current: usize,
    events: VecDeque<SourceEvent>,
    now_ms: Box<dyn Fn() -> i64 + Send>,
    ask_every: Duration,
    asked: Instant,
    declared: Option<(Instant, Vec<(OriginId, String)>)>,
    settings: KafkaSettings,
    deadline: Duration,
    paused: bool,
    /// Whether it was asked, behind the start, if the topics are there.
    has_looked: bool,
}

/// A topic that is read.
struct Topic {
    name: String,
    /// The so-and-so-manieth topic of this name, from 1.
    incarnation: u32,
}

/// An assigned partition.
struct Place {
    origin: OriginId,
    topic: String,
    partition: i32,
    /// Next offset to be delivered; `None` until started.
    next: Option<u64>,
    /// No record came since the last question.
    quiet: bool,
}

/// Canonical name of a topic's partition as an origin. A topic made anew is another origin: its offsets begin again.
#[must_use]
pub fn origin_name(topic: &str, incarnation: u32, partition: u32) -> String {
    name(topic, incarnation, partition as i32)
}

fn name(topic: &str, incarnation: u32, partition: i32) -> String {
    match incarnation {
        1 => format!("kafka:{topic}/{partition}"),
        later => format!("kafka:{topic}@{later}/{partition}"),
    }
}

impl KafkaSource {
    /// Joins a group on these topics. `now_ms` tells the wall time, for the moment a question about an end is sent.
    ///
    /// # Errors
    /// [`LogError::Setting`], or [`LogError::Broker`] when the client refuses.
    pub fn open(
        settings: &KafkaSettings,
        topics: &[&str],
        group: &str,
        instance: &str,
        now_ms: impl Fn() -> i64 + Send + 'static,
    ) -> Result<KafkaSource, LogError> {
        let consumer = GroupConsumer::join(&settings.consumer(group, instance)?, topics, settings.deadline())?;
        Ok(KafkaSource {
            consumer,
            topics: topics.iter().map(|&topic| Topic { name: topic.to_owned(), incarnation: 1 }).collect(),
            places: Vec::new(),
            current: 0,
            events: VecDeque::new(),
            now_ms: Box::new(now_ms),
            ask_every: ASK_EVERY,
            asked: Instant::now(),
            declared: None,
            settings: settings.clone(),
            deadline: settings.deadline(),
            paused: false,
            has_looked: false,
        })
    }

    /// Asks for the ends of quiet partitions this often instead.
    #[must_use]
    pub fn with_ask_every(mut self, ask_every: Duration) -> KafkaSource {
        self.ask_every = ask_every;
        self
    }

    /// Reads a topic as the so-and-so-manieth of its name: from 2 on, one that was deleted and made anew.
    #[must_use]
    pub fn with_incarnation(mut self, topic: &str, incarnation: u32) -> KafkaSource {
        self.topics.iter_mut().filter(|known| known.name == topic).for_each(|known| known.incarnation = incarnation);
        self
    }

    fn name(&self, topic: &str, partition: i32) -> String {
        let known = self.topics.iter().find(|known| known.name == topic);
        name(topic, known.map_or(1, |known| known.incarnation), partition)
    }

    fn topic_names(&self) -> String {
        let names: Vec<&str> = self.topics.iter().map(|topic| topic.name.as_str()).collect();
        names.join(", ")
    }

    fn place(&self, origin: OriginId) -> Result<usize, LogError> {
        let found = self.places.iter().position(|place| place.origin == origin);
        found.ok_or_else(|| LogError::NotAssigned {
            log: format!("origin {:016x}", origin.0),
            partition: PartitionId::default(),
        })
    }

    fn take_changes(&mut self) -> Result<(), LogError> {
        while let Some(change) = self.consumer.next_change() {
            match change {
                Change::Assigned(partitions) => {
                    let mut assigned = Vec::with_capacity(partitions.len());
                    for (topic, partition) in partitions {
                        let (start, end) = self.consumer.bounds(&topic, partition)?;
                        let name = self.name(&topic, partition);
                        let origin = OriginId::of(&name);
                        self.places.retain(|place| place.origin != origin);
                        self.places.push(Place { origin, topic: topic.clone(), partition, next: None, quiet: true });
                        let partition = partition as u32;
                        assigned.push(SourcePartition { origin, name, topic, partition, start, end });
                    }
                    self.events.push_back(SourceEvent::Assigned(assigned));
                }
                Change::Revoked(partitions) => {
                    let origins =
                        partitions.iter().map(|(topic, partition)| OriginId::of(&self.name(topic, *partition)));
                    let revoked: Vec<OriginId> = origins.collect();
                    self.places.retain(|place| !revoked.contains(&place.origin));
                    self.events.push_back(SourceEvent::Revoked(revoked));
                }
            }
        }
        Ok(())
    }

    /// The partitions a topic has, in order.
    fn numbers(&self, topic: &str) -> Result<Vec<i32>, LogError> {
        let metadata = self
            .consumer
            .get()
            .fetch_metadata(Some(topic), self.deadline)
            .map_err(|error| broker_error(format!("ask about topic {topic}"), &error))?;
        let found = metadata.topics().iter().find(|found| found.name() == topic && found.error().is_none());
        let Some(found) = found.filter(|found| !found.partitions().is_empty()) else {
            let detail = "does not exist: create it, or take it out of `sources`; one that was deleted and is made anew is read from its \
                          beginning with its `incarnation` raised by one"
                .to_owned();
            return Err(LogError::Topic { topic: topic.to_owned(), detail });
        };
        let mut numbers: Vec<i32> = found.partitions().iter().map(|partition| partition.id()).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// The client says once that a topic is not there, and that is passed over while a broker may not have heard of it yet: so it is
    /// asked once more.
    fn look(&mut self) -> Result<(), LogError> {
        if self.has_looked || self.consumer.is_new() {
            return Ok(());
        }
        self.has_looked = true;
        self.gone().map_or(Ok(()), Err)
    }

    /// What to say of a topic that is not there.
    fn gone(&self) -> Option<LogError> {
        let of = |topic: &Topic| self.numbers(&topic.name).err();
        self.topics.iter().filter_map(of).find(|error| matches!(error, LogError::Topic { .. }))
    }

    /// Asks where quiet partitions end, and confirms those that end where we stand.
    fn ask(&mut self) {
        if self.paused || self.asked.elapsed() < self.ask_every {
            return;
        }
        self.asked = Instant::now();
        let quiet: Vec<usize> =
            (0..self.places.len()).filter(|&at| self.places[at].quiet && self.places[at].next.is_some()).collect();
        for place in &mut self.places {
            place.quiet = true;
        }
        if quiet.is_empty() {
            return;
        }
        let questions: Vec<(&str, i32)> =
            quiet.iter().map(|&at| (self.places[at].topic.as_str(), self.places[at].partition)).collect();
        let at_wall_ms = (self.now_ms)();
        let answers = ends(self.consumer.get(), &questions, ASK_DEADLINE);
        // the client's position, not ours: it has also passed what is no record, such as a transaction's marker
        let Ok(positions) = self.consumer.get().position() else { return };
        for (&at, end) in quiet.iter().zip(answers) {
            let place = &self.places[at];
            let passed = positions.find_partition(&place.topic, place.partition).map(|element| element.offset());
            let stands = match passed {
                Some(KafkaOffset::Offset(passed)) => place.next.max(u64::try_from(passed).ok()),
                _ => place.next,
            };
            if let (Some(end), Some(stands)) = (end, stands)
                && end == stands
            {
                self.events.push_back(SourceEvent::EndConfirmed { origin: place.origin, at_wall_ms, end });
            }
        }
    }

    /// Why a partition cannot be read where we stand: finds the one that fell out of its bounds.
    fn out_of_bounds(&self, error: &KafkaError) -> LogError {
        for place in &self.places {
            let Some(next) = place.next else { continue };
            let partition = PartitionId(place.partition as u32);
            let checked = self.consumer.bounds(&place.topic, place.partition).and_then(|(start, end)| {
                check_start(&place.topic, partition, Offset(next), Offset(start), Offset(end))
            });
            if let Err(error) = checked {
                return error;
            }
        }
        broker_error(format!("read {}", self.topic_names()), error)
    }

    /// The place a record belongs to; records of a partition come in runs.
    fn find(places: &[Place], current: usize, topic: &str, partition: i32) -> Option<usize> {
        let is = |place: &Place| place.partition == partition && place.topic == topic;
        if places.get(current).is_some_and(is) {
            return Some(current);
        }
        places.iter().position(is)
    }
}

impl Source for KafkaSource {
    fn poll(&mut self, wait: Duration, sink: &mut dyn FnMut(SourceRecord<'_>)) -> Result<SourceEvent, LogError> {
        self.take_changes()?;
        self.look()?;
        if !self.paused {
            self.consumer.go_on()?;
        }
        self.ask();
        if let Some(event) = self.events.pop_front() {
            return Ok(event);
        }
        let mut count = 0;
        let mut wait = wait.min(self.ask_every);
        let mut failed = None;
        while count < BATCH {
            let polled = self.consumer.get().poll(wait);
            wait = Duration::ZERO;
            match polled {
                None => break,
                Some(Ok(message)) => {
                    let (topic, partition) = (message.topic(), message.partition());
                    let Some(at) = Self::find(&self.places, self.current, topic, partition) else { continue };
                    self.current = at;
                    let place = &mut self.places[at];
                    let offset = message.offset() as u64;
                    // what was fetched before a jump may still come
                    if place.next.is_none_or(|next| offset < next) {
                        continue;
                    }
                    place.next = Some(offset + 1);
                    place.quiet = false;
                    sink(SourceRecord {
                        origin: place.origin,
                        topic,
                        partition: partition as u32,
                        offset,
                        payload: message.payload(),
                        key: message.key(),
                        timestamp_ms: message.timestamp().to_millis().unwrap_or(0),
                    });
                    count += 1;
                }
                Some(Err(KafkaError::PartitionEOF(_))) => {}
                Some(Err(error)) if self.consumer.may_pass(&error) => tracing::debug!(%error, "the broker is away"),
                Some(Err(error)) => {
                    failed = Some(error);
                    break;
                }
            }
        }
        if let Some(error) = failed {
            return Err(match error.rdkafka_error_code() {
                Some(RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange) => {
                    self.out_of_bounds(&error)
                }
                Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => {
                    self.gone().unwrap_or_else(|| read_error(&self.topic_names(), &error))
                }
                _ => read_error(&self.topic_names(), &error),
            });
        }
        Ok(SourceEvent::Polled(count))
    }

    fn start(&mut self, origin: OriginId, from: Option<u64>) -> Result<u64, LogError> {
        let at = self.place(origin)?;
        let (topic, partition) = (self.places[at].topic.clone(), self.places[at].partition);
        let (start, end) = self.consumer.bounds(&topic, partition)?;
        let from = from.unwrap_or(start);
        check_start(&topic, PartitionId(partition as u32), Offset(from), Offset(start), Offset(end))?;
        self.consumer.start(&topic, partition, from)?;
        self.places[at].next = Some(from);
        self.places[at].quiet = false;
        // said of where we stood before
        self.events.retain(|event| !matches!(event, SourceEvent::EndConfirmed { origin: of, .. } if *of == origin));
        Ok(from)
    }

    fn pause_all(&mut self) -> Result<(), LogError> {
        self.paused = true;
        self.consumer.pause(self.places.iter().map(|place| (place.topic.as_str(), place.partition)))
    }

    fn resume_all(&mut self) -> Result<(), LogError> {
        self.paused = false;
        let started = self.places.iter().filter(|place| place.next.is_some());
        self.consumer.resume(started.map(|place| (place.topic.as_str(), place.partition)))
    }

    fn commit(&mut self, offsets: &[(OriginId, u64)]) -> Result<(), LogError> {
        let places = &self.places;
        let ours = offsets.iter().filter_map(|(origin, offset)| {
            let place = places.iter().find(|place| place.origin == *origin)?;
            Some((place.topic.as_str(), place.partition, *offset))
        });
        commit::report(self.consumer.get(), ours)
    }

    fn origins_declared(&mut self) -> Result<Vec<(OriginId, String)>, LogError> {
        if let Some((asked, declared)) = &self.declared
            && asked.elapsed() < DECLARED_FOR
        {
            return Ok(declared.clone());
        }
        let mut declared = Vec::new();
        for Topic { name: topic, incarnation } in &self.topics {
            let numbers = self.numbers(topic)?;
            declared.extend(numbers.into_iter().map(|partition| {
                let name = name(topic, *incarnation, partition);
                (OriginId::of(&name), name)
            }));
        }
        self.declared = Some((Instant::now(), declared.clone()));
        Ok(declared)
    }

    fn ended(&mut self) -> Result<Vec<(OriginId, String)>, LogError> {
        let mut ended = Vec::new();
        for Topic { name: topic, incarnation } in self.topics.iter().filter(|topic| topic.incarnation > 1) {
            let numbers = self.numbers(topic)?;
            let before = (1..*incarnation).flat_map(|earlier| numbers.iter().map(move |number| (earlier, *number)));
            ended.extend(before.map(|(earlier, number)| {
                let name = name(topic, earlier, number);
                (OriginId::of(&name), name)
            }));
        }
        Ok(ended)
    }

    fn peek(&mut self, of: &[(OriginId, u64)], sink: &mut dyn FnMut(SourceRecord<'_>)) -> Result<(), LogError> {
        let mut asked = Vec::with_capacity(of.len());
        for (origin, offset) in of {
            let place = &self.places[self.place(*origin)?];
            asked.push((place.topic.as_str(), place.partition, *offset));
        }
        peek(&self.settings, &asked, &mut |at, message| {
            sink(SourceRecord {
                origin: of[at].0,
                topic: asked[at].0,
                partition: asked[at].1 as u32,
                offset: message.offset() as u64,
                payload: message.payload(),
                key: message.key(),
                timestamp_ms: message.timestamp().to_millis().unwrap_or(0),
            });
        })
    }

    fn end(&self, origin: OriginId) -> Option<u64> {
        let place = self.places.iter().find(|place| place.origin == origin)?;
        self.consumer.end(&place.topic, place.partition)
    }
}
