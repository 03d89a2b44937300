//! The Kafka home against the client's own mock of a cluster: how the parts fit, no evidence about a broker.

use std::time::{Duration, Instant};

use bytes::Bytes;
use crumbtrail_log::kafka::{KafkaLog, KafkaSettings, KafkaSource};
use crumbtrail_log::{
    Event, FrameView, Generation, Log, Member, Offset, OriginId, Outbox, PartitionId, Position, Source, SourceEvent,
};
use rdkafka::mocking::MockCluster;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

const PATIENCE: Duration = Duration::from_secs(60);
const STEP: Duration = Duration::from_millis(100);

fn outbox(from: u64) -> Outbox {
    let mut outbox = Outbox::new(crumbtrail_log::Epoch(1), Generation(1), 2);
    outbox.start(OriginId(7), "seven", Position::before(from));
    outbox
}

fn append(log: &KafkaLog, outbox: &mut Outbox) {
    for (partition, frame) in outbox.drain() {
        log.append(partition, frame).expect("room for a few frames");
    }
}

#[test]
fn frames_are_produced_flushed_read_back_and_delivered() {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("touchpoints-e1", 2, 1).unwrap();
    let settings = KafkaSettings::new(cluster.bootstrap_servers());
    assert_eq!(KafkaLog::open(settings.clone(), "touchpoints-e1", 3).err().unwrap().kind(), "partitions_differ");
    let log = KafkaLog::open(settings, "touchpoints-e1", 2).unwrap();
    let (p0, p1) = (PartitionId(0), PartitionId(1));
    assert_eq!(log.read_back(p0, OriginId(7)).unwrap(), None);

    let mut outbox = outbox(0);
    for offset in 1..=100 {
        outbox.push(OriginId(7), Position { offset, seq: 1 }, PartitionId(offset as u32 % 2), b"payload");
        if offset % 10 == 0 {
            outbox.cut_all();
        }
    }
    outbox.decided(OriginId(7), 101, 5_000);
    outbox.tick(1, &[(OriginId(7), "seven".to_owned())]);
    append(&log, &mut outbox);
    log.flush(PATIENCE).unwrap();

    let (start, end) = log.bounds(p0).unwrap();
    assert_eq!((start, end), (Offset(0), Offset(11)));
    let back = log.read_back(p0, OriginId(7)).unwrap().unwrap();
    assert_eq!((back.frontier, back.last, back.generation), (101, Position { offset: 100, seq: 1 }, Generation(1)));
    assert_eq!(log.read(p1, Offset(4), usize::MAX).unwrap().len(), 7);
    assert_eq!(log.read(p1, Offset(11), usize::MAX).unwrap(), []);
    assert_eq!(log.read(p1, Offset(12), 1).unwrap_err().kind(), "regressed");

    let member = Member { group: "sessionize", index: 0, count: 1, instance: "pod-0".to_owned() };
    let mut subscription = log.subscribe(member).unwrap();
    let mut records = 0;
    let mut ends = 0;
    let until = Instant::now() + PATIENCE;
    while ends < 2 && Instant::now() < until {
        match subscription.next(STEP).unwrap() {
            Event::Assigned(partition) => {
                assert_eq!(subscription.start(partition, Offset(12)).unwrap_err().kind(), "regressed");
                // one from its beginning, the other from its sixth frame
                let from = if partition == p0 { Offset(0) } else { Offset(6) };
                subscription.start(partition, from).unwrap();
            }
            Event::Frame { partition, offset, bytes } => {
                assert!(partition == p0 || offset >= Offset(6), "starts are ours, not the group's");
                let mut scratch = Vec::new();
                records += FrameView::parse(&bytes, &mut scratch).unwrap().len();
            }
            Event::AtEnd { partition, end } => {
                assert_eq!(end, Offset(11));
                subscription.report(partition, end).unwrap();
                ends += 1;
            }
            Event::Revoked(_) | Event::Idle => {}
        }
    }
    assert_eq!((ends, records), (2, 50 + 20));
    assert_eq!(subscription.lag(p0), Some(0));

    // a jump back, and a pause
    subscription.start(p0, Offset(10)).unwrap();
    subscription.pause(p1).unwrap();
    log.append(p1, Vec::from(*b"later")).unwrap();
    log.flush(PATIENCE).unwrap();
    let mut seen = Vec::new();
    let until = Instant::now() + Duration::from_secs(2);
    while Instant::now() < until {
        if let Event::Frame { partition, offset, .. } = subscription.next(STEP).unwrap() {
            seen.push((partition, offset));
        }
    }
    assert_eq!(seen, [(p0, Offset(10))]);
    subscription.resume(p1).unwrap();
    let until = Instant::now() + PATIENCE;
    loop {
        assert!(Instant::now() < until, "a resumed partition delivers");
        if let Event::Frame { partition, offset, bytes } = subscription.next(STEP).unwrap() {
            assert_eq!((partition, offset, bytes), (p1, Offset(11), Bytes::from_static(b"later")));
            break;
        }
    }
}

#[test]
fn a_flush_that_cannot_be_acknowledged_times_out_and_succeeds_later() {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("x", 2, 1).unwrap();
    let log = KafkaLog::open(KafkaSettings::new(cluster.bootstrap_servers()), "x", 2).unwrap();
    let mut outbox = outbox(0);
    outbox.tick(1, &[]);
    append(&log, &mut outbox);
    log.flush(PATIENCE).unwrap();
    cluster.broker_down(1).unwrap();
    outbox.tick(2, &[]);
    append(&log, &mut outbox);
    let error = log.flush(Duration::from_millis(300)).unwrap_err();
    assert_eq!((error.kind(), error.is_retriable()), ("timed_out", true));
    cluster.broker_up(1).unwrap();
    log.flush(PATIENCE).unwrap();
    assert_eq!(log.bounds(PartitionId(1)).unwrap().1, Offset(2));
}

#[test]
fn a_source_starts_where_told_and_confirms_its_end() {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("clicks", 2, 1).unwrap();
    let settings = KafkaSettings::new(cluster.bootstrap_servers());
    // any bytes do as source records
    let writer = KafkaLog::open(settings.clone(), "clicks", 2).unwrap();
    for n in 0..10_u8 {
        writer.append(PartitionId(0), vec![n]).unwrap();
    }
    writer.flush(PATIENCE).unwrap();

    let mut source = KafkaSource::open(&settings, &["clicks"], "intake", "pod-0", || 1_234_567).unwrap();
    let declared = source.origins_declared().unwrap();
    let (a, b) = (OriginId::of("kafka:clicks/0"), OriginId::of("kafka:clicks/1"));
    assert_eq!(declared, [(a, "kafka:clicks/0".to_owned()), (b, "kafka:clicks/1".to_owned())]);

    let mut records = Vec::new();
    let mut confirmed = Vec::new();
    let until = Instant::now() + PATIENCE;
    while confirmed.len() < 4 && Instant::now() < until {
        let event = source.poll(STEP, &mut |record| {
            assert_eq!((record.topic, record.partition, record.origin), ("clicks", 0, a));
            records.push((record.offset, record.payload.unwrap()[0]));
        });
        match event.unwrap() {
            SourceEvent::Assigned(partitions) => {
                for partition in partitions {
                    let end = if partition.origin == a { 10 } else { 0 };
                    assert_eq!((partition.start, partition.end), (0, end));
                    assert_eq!(source.start(partition.origin, Some(end + 1)).unwrap_err().kind(), "regressed");
                    let from = if partition.origin == a { Some(4) } else { None };
                    assert_eq!(source.start(partition.origin, from).unwrap(), from.unwrap_or(0));
                }
            }
            SourceEvent::EndConfirmed { origin, at_wall_ms, end } => {
                assert_eq!(at_wall_ms, 1_234_567);
                assert!(origin == b || records.len() == 6, "an end is confirmed only behind the records before it");
                confirmed.push((origin, end));
            }
            SourceEvent::Revoked(_) | SourceEvent::Polled(_) => {}
        }
    }
    let expected: Vec<_> = (4..10).map(|n| (n, n as u8)).collect();
    assert_eq!(records, expected);
    assert!(confirmed.contains(&(a, 10)) && confirmed.contains(&(b, 0)), "{confirmed:?}");
    source.commit(&[(a, 10)]).unwrap();

    // paused, nothing comes; resumed, nothing is missing
    source.pause_all().unwrap();
    writer.append(PartitionId(0), vec![10]).unwrap();
    writer.flush(PATIENCE).unwrap();
    let mut later = Vec::new();
    for _ in 0..10 {
        source.poll(STEP, &mut |record| later.push(record.offset)).unwrap();
    }
    assert_eq!(later, [0; 0]);
    source.resume_all().unwrap();
    let until = Instant::now() + PATIENCE;
    while later.is_empty() && Instant::now() < until {
        source.poll(STEP, &mut |record| later.push(record.offset)).unwrap();
    }
    assert_eq!(later, [10]);
}

#[test]
fn a_member_whose_name_was_given_away_ends_with_a_clear_word() {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("x", 1, 1).unwrap();
    let mut settings = KafkaSettings::new(cluster.bootstrap_servers());
    settings.client.insert("heartbeat.interval.ms".to_owned(), "100".to_owned());
    let log = KafkaLog::open(settings, "x", 1).unwrap();
    let member = Member { group: "g", index: 0, count: 1, instance: "pod-0".to_owned() };
    let mut subscription = log.subscribe(member).unwrap();
    let until = Instant::now() + PATIENCE;
    while !matches!(subscription.next(STEP), Ok(Event::Assigned(_))) {
        assert!(Instant::now() < until, "a partition is dealt");
    }
    subscription.start(PartitionId(0), Offset(0)).unwrap();
    let fenced = RDKafkaRespErr::RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID;
    cluster.request_errors(RDKafkaApiKey::Heartbeat, &[fenced; 20]);
    let ended = loop {
        assert!(Instant::now() < until, "it learns that it is fenced");
        if let Err(error) = subscription.next(STEP) {
            break error;
        }
    };
    assert_eq!(ended.kind(), "fenced");
    assert!(ended.to_string().contains("start it again"), "{ended}");
}

#[test]
fn a_partition_that_a_broker_does_not_know_yet_is_asked_for_again() {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("x", 1, 1).unwrap();
    let log = KafkaLog::open(KafkaSettings::new(cluster.bootstrap_servers()), "x", 1).unwrap();
    let unknown = RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    let moved = RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION;
    cluster.request_errors(RDKafkaApiKey::ListOffsets, &[unknown, unknown, unknown, unknown, moved, moved]);
    assert_eq!(log.bounds(PartitionId(0)).unwrap(), (Offset(0), Offset(0)));
}
