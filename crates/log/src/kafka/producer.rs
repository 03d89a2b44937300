//! The producer: idempotent, in order, and halted for good by the first frame that cannot be delivered.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use rdkafka::ClientContext;
use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Message};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};

use super::consumer::forward;
use super::{KafkaSettings, broker_error};
use crate::error::LogError;
use crate::position::PartitionId;

/// How long an append sleeps before it looks again whether the queue has room.
const RETRY: Duration = Duration::from_millis(5);
/// How long one poll for acknowledgements waits: its last millisecond is spun away, and a producer outlives its owner by
/// so much at most.
const POLL: Duration = Duration::from_millis(500);

/// What the brokers acknowledged, per partition; acknowledgements of a partition come in order.
#[derive(Default)]
struct Acks {
    counts: Vec<u64>,
    offsets: Vec<i64>,
    failed: Option<String>,
}

struct Context {
    acks: Mutex<Acks>,
    changed: Condvar,
}

impl Context {
    fn halt(&self, detail: String) {
        let mut acks = self.acks.lock();
        if acks.failed.is_none() {
            tracing::error!(detail, "a frame was not delivered; writing stops");
            acks.failed = Some(detail);
        }
        drop(acks);
        self.changed.notify_all();
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        forward(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::Fatal) {
            self.halt(reason.to_owned());
        } else {
            tracing::warn!(target: "librdkafka", %error, "{reason}");
        }
    }
}

impl ProducerContext for Context {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let message = match result {
            Ok(message) => message,
            Err((error, message)) => {
                return self.halt(format!("partition {}: {error}", message.partition()));
            }
        };
        let (partition, offset) = (message.partition() as usize, message.offset());
        let mut acks = self.acks.lock();
        let last = acks.offsets[partition];
        if offset >= 0 && offset <= last {
            drop(acks);
            return self.halt(format!("partition {partition} went back from offset {last} to {offset}: recreated?"));
        }
        acks.offsets[partition] = offset;
        acks.counts[partition] += 1;
        drop(acks);
        self.changed.notify_all();
    }
}

/// Hands acknowledgements out until the owner is gone.
fn serve(producer: &Weak<BaseProducer<Context>>) {
    while let Some(producer) = producer.upgrade() {
        producer.poll(POLL);
    }
}

/// Writes frames to one topic.
pub(super) struct FrameProducer {
    producer: Arc<BaseProducer<Context>>,
    topic: String,
    appended: Mutex<Vec<u64>>,
    deadline: Duration,
}

impl FrameProducer {
    pub(super) fn new(settings: &KafkaSettings, topic: &str, partitions: u32) -> Result<FrameProducer, LogError> {
        let count = partitions as usize;
        let acks = Acks { counts: vec![0; count], offsets: vec![-1; count], failed: None };
        let context = Context { acks: Mutex::new(acks), changed: Condvar::new() };
        let producer = BaseProducer::from_config_and_context(&settings.producer()?, context)
            .map_err(|error| broker_error(format!("produce to {topic}"), &error))?;
        let producer = Arc::new(producer);
        let weak = Arc::downgrade(&producer);
        std::thread::Builder::new()
            .name("producer".to_owned())
            .spawn(move || serve(&weak))
            .map_err(|error| LogError::Halted { log: topic.to_owned(), detail: format!("no thread: {error}") })?;
        let appended = Mutex::new(vec![0; count]);
        Ok(FrameProducer { producer, topic: topic.to_owned(), appended, deadline: settings.deadline() })
    }

    fn context(&self) -> &Context {
        self.producer.client().context()
    }

    fn check(&self) -> Result<(), LogError> {
        match &self.context().acks.lock().failed {
            Some(detail) => Err(LogError::Halted { log: self.topic.clone(), detail: detail.clone() }),
            None => Ok(()),
        }
    }

    /// Queues a frame; waits for room up to the deadline.
    pub(super) fn append(&self, partition: PartitionId, frame: &[u8]) -> Result<(), LogError> {
        let started = Instant::now();
        loop {
            self.check()?;
            // counted before the acknowledgement can come, and under one lock with the send, so that counts and queue
            // agree on the order
            let mut appended = self.appended.lock();
            let record = BaseRecord::<(), [u8]>::to(&self.topic).partition(partition.0 as i32).payload(frame);
            match self.producer.send(record) {
                Ok(()) => {
                    appended[partition.0 as usize] += 1;
                    return Ok(());
                }
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => {
                    drop(appended);
                    if started.elapsed() >= self.deadline {
                        let what = format!("append to {}: the producer's queue is full, it", self.topic);
                        return Err(LogError::TimedOut { what, after: self.deadline });
                    }
                    std::thread::sleep(RETRY);
                }
                Err((error, _)) => return Err(broker_error(format!("append to {}", self.topic), &error)),
            }
        }
    }

    /// Waits until all that was appended before is acknowledged; what others append meanwhile is not waited for.
    pub(super) fn flush(&self, deadline: Duration) -> Result<(), LogError> {
        let wanted = self.appended.lock().clone();
        let until = Instant::now() + deadline;
        let context = self.context();
        let mut acks = context.acks.lock();
        loop {
            if let Some(detail) = &acks.failed {
                return Err(LogError::Halted { log: self.topic.clone(), detail: detail.clone() });
            }
            if acks.counts.iter().zip(&wanted).all(|(acked, wanted)| acked >= wanted) {
                return Ok(());
            }
            if context.changed.wait_until(&mut acks, until).timed_out() {
                let what = format!("flush of {}", self.topic);
                return Err(LogError::TimedOut { what, after: deadline });
            }
        }
    }
}
