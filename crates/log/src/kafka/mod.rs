//! The Kafka home. Nothing outside this folder knows the client.
//!
//! Groups give liveness only: who reads a partition is decided by them, where to start never is. One thread owns a
//! consumer, and rebalances happen inside its `poll`.

pub mod admin;
mod commit;
mod consumer;
mod ends;
mod log;
mod peek;
mod plain;
mod producer;
mod reader;
mod settings;
mod source;
mod subscription;

pub use log::KafkaLog;
pub use plain::PlainProducer;
pub use settings::KafkaSettings;
pub use source::{KafkaSource, origin_name};

use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::error::LogError;

/// Names what was tried when the client said no.
fn broker_error(what: impl Into<String>, error: &KafkaError) -> LogError {
    LogError::Broker { what: what.into(), detail: error.to_string() }
}

/// Why a group member cannot read on.
fn read_error(topics: &str, error: &KafkaError) -> LogError {
    match error.rdkafka_error_code() {
        Some(RDKafkaErrorCode::FencedInstanceId) => LogError::Fenced { topics: topics.to_owned() },
        _ => broker_error(format!("read {topics}"), error),
    }
}

/// Whether the client mends this by itself, so that there is nothing to do but wait.
fn heals_itself(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        code,
        Code::BrokerTransportFailure
            | Code::AllBrokersDown
            | Code::Resolve
            | Code::OperationTimedOut
            | Code::RequestTimedOut
            | Code::MessageTimedOut
            | Code::TimedOutQueue
            | Code::WaitingForCoordinator
            | Code::CoordinatorNotAvailable
            | Code::CoordinatorLoadInProgress
            | Code::NotCoordinator
            | Code::NotLeaderForPartition
            | Code::LeaderNotAvailable
            | Code::NetworkException
            | Code::RebalanceInProgress
            | Code::IllegalGeneration
            | Code::UnknownMemberId
            | Code::PollExceeded
            | Code::FencedLeaderEpoch
            | Code::UnknownLeaderEpoch
            | Code::OffsetNotAvailable
            | Code::ReplicaNotAvailable
            | Code::KafkaStorageError
    )
}
