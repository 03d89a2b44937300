//! Topics of ours: made as they must be, and described for `check`.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::FromClientConfig;
use rdkafka::error::RDKafkaErrorCode;

use super::reader::RangeReader;
use super::{KafkaSettings, broker_error};
use crate::dealt::check_start;
use crate::error::LogError;
use crate::position::{Offset, PartitionId};

/// What a topic is like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicFacts {
    /// Number of partitions.
    pub partitions: u32,
    /// Replicas of the partition that has fewest.
    pub replication: u32,
    /// Age at which records expire; `None` is never, or not told.
    pub retention: Option<Duration>,
    /// `delete`, `compact` or both; empty if not told.
    pub cleanup_policy: String,
    /// Replicas that must hold a record before it is acknowledged; 0 if not told.
    pub min_insync_replicas: u32,
    /// Whether a replica that lacks records may become leader.
    pub unclean_leader_election: bool,
    /// Largest record batch in bytes; 0 if not told.
    pub max_message_bytes: u64,
}

impl TopicFacts {
    /// What of a topic of ours is not as it must be, each with how to mend it.
    #[must_use]
    pub fn complaints(&self, partitions: u32, retention: Duration) -> Vec<String> {
        let mut found = Vec::new();
        if self.partitions != partitions {
            let has = self.partitions;
            found.push(format!(
                "has {has} partitions, {partitions} are configured: if nothing is in it yet, set `log.partitions: {has}`; else it is to be \
                 what it was when its epoch began, and another number is the next epoch's, as is a topic that was given more \
                 (`crumbtrail rebuild`)"
            ));
        }
        if self.cleanup_policy.contains("compact") {
            found.push("is compacted, which loses frames: set cleanup.policy=delete".to_owned());
        }
        if self.retention.is_some_and(|has| has < retention) {
            let (has, wanted) = (self.retention.unwrap_or_default().as_millis(), retention.as_millis());
            found.push(format!("keeps records {has} ms, snapshots need {wanted}: raise retention.ms"));
        }
        if self.unclean_leader_election {
            found.push("allows unclean leader election, which loses acknowledged records: turn it off".to_owned());
        }
        if self.replication > 1 && self.min_insync_replicas == 1 {
            found.push("acknowledges records held by one replica: set min.insync.replicas to 2".to_owned());
        }
        if self.max_message_bytes > 0 && self.max_message_bytes < MAX_MESSAGE_BYTES {
            let has = self.max_message_bytes;
            found.push(format!("takes records of {has} bytes at most: set max.message.bytes to {MAX_MESSAGE_BYTES}"));
        }
        found
    }
}

/// Room for the largest frame.
const MAX_MESSAGE_BYTES: u64 = 4 << 20;

/// Id of the cluster.
///
/// # Errors
/// [`LogError::Broker`] when it does not answer, or has none.
pub fn cluster_id(settings: &KafkaSettings) -> Result<String, LogError> {
    let admin = admin(settings)?;
    let detail = "no answer in time, or none that has an id".to_owned();
    let id = admin.inner().fetch_cluster_id(settings.deadline());
    id.ok_or_else(|| LogError::Broker { what: "ask for the cluster's id".to_owned(), detail })
}

/// Makes a topic of ours if there is none: retained by time (`None`: for ever), not compacted, without unclean
/// election, acknowledged by two where there are three. Says whether it made it.
///
/// # Errors
/// [`LogError::Topic`] when there is one that is not as it must be or the cluster refuses to make it;
/// [`LogError::Broker`] when it does not answer.
pub fn ensure_topic(
    settings: &KafkaSettings,
    topic: &str,
    partitions: u32,
    replication: u32,
    retention: Option<Duration>,
) -> Result<bool, LogError> {
    let admin = admin(settings)?;
    let retention_ms = retention.map_or("-1".to_owned(), |retention| retention.as_millis().to_string());
    let min_insync = if replication >= 3 { "2" } else { "1" };
    let max_bytes = MAX_MESSAGE_BYTES.to_string();
    let wanted = NewTopic::new(topic, partitions as i32, TopicReplication::Fixed(replication as i32))
        .set("cleanup.policy", "delete")
        .set("retention.ms", &retention_ms)
        .set("retention.bytes", "-1")
        .set("min.insync.replicas", min_insync)
        .set("unclean.leader.election.enable", "false")
        .set("max.message.bytes", &max_bytes);
    let what = || format!("create topic {topic}");
    let answer = block_on(admin.create_topics([&wanted], &options(settings)), settings.deadline(), what)?
        .map_err(|error| broker_error(what(), &error))?;
    match answer.into_iter().next() {
        Some(Ok(_)) => {
            await_topic(&admin, settings, topic, Some(partitions))?;
            Ok(true)
        }
        Some(Err((_, RDKafkaErrorCode::TopicAlreadyExists))) => {
            // Another member may have made it this very moment.
            await_topic(&admin, settings, topic, None)?;
            let facts = describe(settings, topic)?;
            let complaints = facts.map(|facts| facts.complaints(partitions, retention.unwrap_or_default()));
            match complaints.unwrap_or_default() {
                found if found.is_empty() => Ok(false),
                found => Err(LogError::Topic { topic: topic.to_owned(), detail: found.join("; ") }),
            }
        }
        Some(Err((_, code))) => {
            Err(LogError::Topic { topic: topic.to_owned(), detail: format!("not created: {code}") })
        }
        None => Err(LogError::Topic { topic: topic.to_owned(), detail: "not created: no answer".to_owned() }),
    }
}

/// A new topic takes a moment until every broker has heard of it. Waits for so many partitions, or for any.
fn await_topic(
    admin: &AdminClient<DefaultClientContext>,
    settings: &KafkaSettings,
    topic: &str,
    partitions: Option<u32>,
) -> Result<(), LogError> {
    let until = Instant::now() + settings.deadline();
    loop {
        let known = partitions_of(admin, settings, topic)?;
        if known.is_some_and(|(count, _)| partitions.is_none_or(|partitions| count == partitions)) {
            return Ok(());
        }
        if Instant::now() >= until {
            let what = format!("creation of topic {topic}");
            return Err(LogError::TimedOut { what, after: settings.deadline() });
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// What a topic is like; `None` if there is none.
///
/// # Errors
/// [`LogError::Broker`] when the cluster does not answer.
pub fn describe(settings: &KafkaSettings, topic: &str) -> Result<Option<TopicFacts>, LogError> {
    let admin = admin(settings)?;
    let Some((partitions, replication)) = partitions_of(&admin, settings, topic)? else { return Ok(None) };
    let what = || format!("describe topic {topic}");
    let asked = [ResourceSpecifier::Topic(topic)];
    let answer = block_on(admin.describe_configs(&asked, &options(settings)), settings.deadline(), what)?
        .map_err(|error| broker_error(what(), &error))?;
    let config = answer.into_iter().next().and_then(Result::ok);
    let get = |name: &str| config.as_ref().and_then(|config| config.get(name)?.value.clone()).unwrap_or_default();
    Ok(Some(TopicFacts {
        partitions,
        replication,
        retention: get("retention.ms").parse().ok().map(Duration::from_millis),
        cleanup_policy: get("cleanup.policy"),
        min_insync_replicas: get("min.insync.replicas").parse().unwrap_or_default(),
        unclean_leader_election: get("unclean.leader.election.enable") == "true",
        max_message_bytes: get("max.message.bytes").parse().unwrap_or_default(),
    }))
}

/// Names of a consumer group's members: static ones by their instance, which Kafka puts before an id of its own.
///
/// # Errors
/// [`LogError::Broker`] when the cluster does not answer.
pub fn members(settings: &KafkaSettings, group: &str) -> Result<Vec<String>, LogError> {
    let listed = admin(settings)?.inner().fetch_group_list(Some(group), settings.deadline());
    let listed = listed.map_err(|error| broker_error(format!("ask for the members of {group}"), &error))?;
    let members = listed.groups().iter().flat_map(|group| group.members());
    Ok(members.map(|member| without_id(member.id()).to_owned()).collect())
}

/// A member's id without the UUID at its end.
fn without_id(member: &str) -> &str {
    const UUID: usize = 36;
    let at = member.len().saturating_sub(UUID);
    member.get(..at).and_then(|name| name.strip_suffix('-')).unwrap_or(member)
}

/// Whether partitions of a topic that exists have what is to be read of them next; of those that have not, why.
///
/// # Errors
/// [`LogError::Broker`] when the cluster does not answer.
pub fn out_of_bounds(
    settings: &KafkaSettings,
    topic: &str,
    next: &[(PartitionId, Offset)],
) -> Result<Vec<LogError>, LogError> {
    let reader = RangeReader::new(settings, topic)?;
    let mut found = Vec::new();
    for (partition, next) in next {
        let (start, end) = reader.bounds(*partition)?;
        found.extend(check_start(topic, *partition, *next, start, end).err());
    }
    Ok(found)
}

fn admin(settings: &KafkaSettings) -> Result<AdminClient<DefaultClientContext>, LogError> {
    AdminClient::from_config(&settings.admin()?).map_err(|error| broker_error("manage topics", &error))
}

fn options(settings: &KafkaSettings) -> AdminOptions {
    AdminOptions::new().request_timeout(Some(settings.deadline())).operation_timeout(Some(settings.deadline()))
}

/// Number of partitions and least number of replicas. All topics are asked for: a broker that makes topics of which it is asked
/// (`auto.create.topics.enable`, which is on unless turned off) would make this one by the question for it.
fn partitions_of(
    admin: &AdminClient<DefaultClientContext>,
    settings: &KafkaSettings,
    topic: &str,
) -> Result<Option<(u32, u32)>, LogError> {
    let metadata = admin
        .inner()
        .fetch_metadata(None, settings.deadline())
        .map_err(|error| broker_error(format!("ask about topic {topic}"), &error))?;
    let found = metadata.topics().iter().find(|found| found.name() == topic && found.error().is_none());
    Ok(found.filter(|found| !found.partitions().is_empty()).map(|found| {
        let replicas = found.partitions().iter().map(|partition| partition.replicas().len()).min();
        (found.partitions().len() as u32, replicas.unwrap_or_default() as u32)
    }))
}

/// Wakes the thread that waits.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits for one of the client's futures; a thread of the client's own drives it.
fn block_on<T>(future: impl Future<Output = T>, deadline: Duration, what: impl Fn() -> String) -> Result<T, LogError> {
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    // the client has the same deadline; ours only catches a client that hangs
    let until = Instant::now() + deadline + Duration::from_secs(5);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return Ok(value);
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(LogError::TimedOut { what: what(), after: deadline });
        }
        std::thread::park_timeout(left);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_static_member_is_told_by_its_instance() {
        assert_eq!(without_id("pod-0-sessionize-1-0b7d6c2e-5a43-4c1f-9d7e-3f1f5a0c9b21"), "pod-0-sessionize-1");
        assert_eq!((without_id("rdkafka"), without_id("")), ("rdkafka", ""));
    }

    #[test]
    fn complaints_say_how_to_mend() {
        let day = Duration::from_secs(86_400);
        let good = TopicFacts {
            partitions: 4,
            replication: 3,
            retention: Some(7 * day),
            cleanup_policy: "delete".to_owned(),
            min_insync_replicas: 2,
            unclean_leader_election: false,
            max_message_bytes: 4 << 20,
        };
        assert_eq!(good.complaints(4, day), Vec::<String>::new());
        let bad = TopicFacts {
            partitions: 3,
            retention: Some(day / 2),
            cleanup_policy: "compact,delete".to_owned(),
            min_insync_replicas: 1,
            unclean_leader_election: true,
            max_message_bytes: 1_048_588,
            ..good
        };
        assert_eq!(bad.complaints(4, day).len(), 6);
    }
}
