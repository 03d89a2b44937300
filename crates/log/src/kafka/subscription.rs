//! One member's view of a topic of ours.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;

use super::consumer::{Change, GroupConsumer};
use super::{KafkaSettings, broker_error, commit, read_error};
use crate::dealt::check_start;
use crate::error::LogError;
use crate::log::{Event, Subscription};
use crate::position::{Offset, PartitionId};

pub(super) struct KafkaSubscription {
    consumer: GroupConsumer,
    topic: String,
    /// That are ours.
    partitions: u32,
    places: Vec<Place>,
    events: VecDeque<Event>,
}

/// An assigned partition.
struct Place {
    partition: PartitionId,
    /// Next offset to be delivered; `None` until started.
    next: Option<u64>,
    end: Option<u64>,
}

impl KafkaSubscription {
    pub(super) fn new(
        settings: &KafkaSettings,
        topic: &str,
        partitions: u32,
        group: &str,
        instance: &str,
    ) -> Result<KafkaSubscription, LogError> {
        let config = settings.consumer(group, instance)?;
        let consumer = GroupConsumer::join(&config, &[topic], settings.deadline())?;
        let topic = topic.to_owned();
        Ok(KafkaSubscription { consumer, topic, partitions, places: Vec::new(), events: VecDeque::new() })
    }

    fn place(&mut self, partition: PartitionId) -> Result<&mut Place, LogError> {
        let place = self.places.iter_mut().find(|place| place.partition == partition);
        place.ok_or_else(|| LogError::NotAssigned { log: self.topic.clone(), partition })
    }

    /// Turns what the group decided into events.
    fn take_changes(&mut self) -> Result<(), LogError> {
        while let Some(change) = self.consumer.next_change() {
            match change {
                Change::Assigned(partitions) => {
                    for (_, partition) in partitions {
                        let partition = PartitionId(partition as u32);
                        if partition.0 >= self.partitions {
                            return Err(self.has_grown());
                        }
                        self.places.retain(|place| place.partition != partition);
                        self.places.push(Place { partition, next: None, end: None });
                        self.events.push_back(Event::Assigned(partition));
                    }
                }
                Change::Revoked(partitions) => {
                    for (_, partition) in partitions {
                        let partition = PartitionId(partition as u32);
                        self.places.retain(|place| place.partition != partition);
                        self.events.push_back(Event::Revoked(partition));
                    }
                }
            }
        }
        Ok(())
    }

    /// Somebody has given the topic partitions under our hands.
    fn has_grown(&self) -> LogError {
        let detail = format!(
            "partitions were added to it while it is in use: {0} of them are ours, and keys are dealt out among these. Stop the \
             processors, leave `log.partitions: {0}` as it is, and run `crumbtrail rebuild`, which makes the next epoch of them",
            self.partitions
        );
        LogError::Topic { topic: self.topic.clone(), detail }
    }

    /// Why a partition cannot be read where we stand: finds the one that fell out of its bounds.
    fn out_of_bounds(&self, error: &KafkaError) -> LogError {
        for place in &self.places {
            let Some(next) = place.next else { continue };
            match self.consumer.bounds(&self.topic, place.partition.0 as i32) {
                Ok((start, end)) => {
                    let checked = check_start(&self.topic, place.partition, Offset(next), Offset(start), Offset(end));
                    if let Err(error) = checked {
                        return error;
                    }
                }
                Err(error) => return error,
            }
        }
        broker_error(format!("read {}", self.topic), error)
    }
}

impl Subscription for KafkaSubscription {
    fn next(&mut self, wait: Duration) -> Result<Event, LogError> {
        self.take_changes()?;
        if let Some(event) = self.events.pop_front() {
            return Ok(event);
        }
        self.consumer.go_on()?;
        let polled = self.consumer.get().poll(wait).map(|polled| {
            polled.map(|message| {
                let partition = PartitionId(message.partition() as u32);
                (partition, message.offset() as u64, message.payload().map(Bytes::copy_from_slice))
            })
        });
        match polled {
            None => self.take_changes()?,
            Some(Ok((partition, offset, payload))) => {
                self.take_changes()?;
                let place = self.places.iter_mut().find(|place| place.partition == partition);
                let Some(place) = place else { return Ok(Event::Idle) };
                // what was fetched before a jump may still come
                if place.next.is_none_or(|next| offset < next) {
                    return Ok(Event::Idle);
                }
                place.next = Some(offset + 1);
                let Some(bytes) = payload else { return Ok(Event::Idle) };
                if self.events.is_empty() {
                    return Ok(Event::Frame { partition, offset: Offset(offset), bytes });
                }
                self.events.push_back(Event::Frame { partition, offset: Offset(offset), bytes });
            }
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                self.take_changes()?;
                let partition = PartitionId(partition as u32);
                let place = self.places.iter_mut().find(|place| place.partition == partition);
                if let Some(place) = place
                    && let Some(next) = place.next
                {
                    place.end = Some(next);
                    self.events.push_back(Event::AtEnd { partition, end: Offset(next) });
                }
            }
            Some(Err(error)) => match error.rdkafka_error_code() {
                Some(RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange) => {
                    return Err(self.out_of_bounds(&error));
                }
                _ if self.consumer.may_pass(&error) => {
                    tracing::debug!(topic = self.topic, %error, "the broker is away");
                }
                _ => return Err(read_error(&self.topic, &error)),
            },
        }
        Ok(self.events.pop_front().unwrap_or(Event::Idle))
    }

    fn start(&mut self, partition: PartitionId, from: Offset) -> Result<(), LogError> {
        self.place(partition)?;
        let number = partition.0 as i32;
        let (start, end) = self.consumer.bounds(&self.topic, number)?;
        check_start(&self.topic, partition, from, Offset(start), Offset(end))?;
        self.consumer.start(&self.topic, number, from.0)?;
        let place = self.place(partition)?;
        place.next = Some(from.0);
        place.end = Some(end);
        // read where we stood before
        self.events.retain(|event| match event {
            Event::Frame { partition: of, .. } | Event::AtEnd { partition: of, .. } => *of != partition,
            Event::Assigned(_) | Event::Revoked(_) | Event::Idle => true,
        });
        Ok(())
    }

    fn pause(&mut self, partition: PartitionId) -> Result<(), LogError> {
        self.place(partition)?;
        self.consumer.pause([(self.topic.as_str(), partition.0 as i32)].into_iter())
    }

    fn resume(&mut self, partition: PartitionId) -> Result<(), LogError> {
        if self.place(partition)?.next.is_none() {
            return Ok(());
        }
        self.consumer.resume([(self.topic.as_str(), partition.0 as i32)].into_iter())
    }

    fn report(&mut self, partition: PartitionId, processed: Offset) -> Result<(), LogError> {
        self.place(partition)?;
        let offsets = [(self.topic.as_str(), partition.0 as i32, processed.0)];
        commit::report(self.consumer.get(), offsets.into_iter())
    }

    fn deals_another(&self) -> bool {
        matches!(self.events.front(), Some(Event::Assigned(_)))
    }

    fn lag(&self, partition: PartitionId) -> Option<u64> {
        let place = self.places.iter().find(|place| place.partition == partition)?;
        let end = place.end.max(self.consumer.end(&self.topic, partition.0 as i32))?;
        Some(end.saturating_sub(place.next?))
    }
}
