//! A plain producer into other people's topics: for generated worlds and loads, never for our own logs.

use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rdkafka::ClientContext;
use rdkafka::config::FromClientConfigAndContext as _;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseRecord, Producer as _, ProducerContext, ThreadedProducer};

use super::{KafkaSettings, broker_error};
use crate::error::LogError;

#[derive(Default)]
struct Context {
    failed: Mutex<Option<String>>,
}

impl ClientContext for Context {}

impl ProducerContext for Context {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, _)) = result {
            self.failed.lock().get_or_insert_with(|| error.to_string());
        }
    }
}

/// Sends records to topics, in order per partition.
pub struct PlainProducer {
    producer: ThreadedProducer<Context>,
}

impl PlainProducer {
    /// A producer to the cluster of `settings`.
    ///
    /// # Errors
    /// The settings are refused.
    pub fn new(settings: &KafkaSettings) -> Result<PlainProducer, LogError> {
        let config = settings.producer()?;
        let producer = ThreadedProducer::from_config_and_context(&config, Context::default())
            .map_err(|error| broker_error("make a producer", &error))?;
        Ok(PlainProducer { producer })
    }

    /// Queues one record; waits while the queue is full. `payload` of `None` is a tombstone.
    ///
    /// # Errors
    /// The client refuses, or an earlier record was not delivered.
    pub fn send(&self, topic: &str, partition: u32, key: &[u8], payload: Option<&[u8]>) -> Result<(), LogError> {
        let what = || format!("produce to {topic}");
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            if let Some(detail) = self.producer.context().failed.lock().clone() {
                return Err(LogError::Broker { what: what(), detail });
            }
            let mut record = BaseRecord::<[u8], [u8]>::to(topic).partition(partition as i32).key(key);
            if let Some(payload) = payload {
                record = record.payload(payload);
            }
            match self.producer.send(record) {
                Ok(()) => return Ok(()),
                Err((error, _)) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull) => {
                    if Instant::now() >= until {
                        return Err(broker_error(what(), &error));
                    }
                    std::thread::sleep(Duration::from_millis(5));
                }
                Err((error, _)) => return Err(broker_error(what(), &error)),
            }
        }
    }

    /// Waits until everything is delivered.
    ///
    /// # Errors
    /// Something was not, or not in time.
    pub fn flush(&self, deadline: Duration) -> Result<(), LogError> {
        self.producer.flush(deadline).map_err(|error| broker_error("flush", &error))?;
        match self.producer.context().failed.lock().clone() {
            Some(detail) => Err(LogError::Broker { what: "produce".to_owned(), detail }),
            None => Ok(()),
        }
    }
}
