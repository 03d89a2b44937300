//! One small world, stored in every format: clicks with a cart and an order, a conversation with a rating, a dead record.

use std::sync::{Arc, mpsc};

use crumbtrail_events::outcome::Counts;
use crumbtrail_events::touchpoint::{Head, Item, Items};
use crumbtrail_events::vocabulary::{Author, Channel, Device, Feeling, Says, Scale};
use crumbtrail_events::{EventTime, Key, Kind, Micros, Outcome, Touchpoint};
use crumbtrail_intake::dead_letter::DeadLetter;
use crumbtrail_log::control::{Control, GoBack};
use crumbtrail_log::frame::FrameView;
use crumbtrail_log::{Epoch, Generation, Inbox, Offset, OriginId, Outbox, PartitionId, Position};
use crumbtrail_runtime::cutter::CutRules;
use crumbtrail_runtime::owner::Start;
use crumbtrail_runtime::redrive::plan::Word;
use crumbtrail_runtime::snapshot::State;
use crumbtrail_runtime::{Owner, SnapshotStore, Step};
use crumbtrail_warehouse::ledger::{LedgerRow, ServerStart};
use crumbtrail_warehouse::{Processor, TableId, native, tables};
use object_store::ObjectStoreExt as _;
use object_store::memory::InMemory;

use super::formats::{NoState, SNAPSHOT_AT, snapshot_path};

/// 1 September 2025, 12:00 UTC.
const START: i64 = 1_756_728_000_000;
const MINUTE: i64 = 60_000;
const SOURCE: &str = "kafka:clicks/3";
const ONWARD: &str = "log:touchpoints-e1/2";
const EPOCH: Epoch = Epoch(1);
const GENERATION: Generation = Generation(3);

/// Every format's name and the bytes this build writes.
pub fn samples() -> Vec<(&'static str, Vec<u8>)> {
    let touchpoints = touchpoints();
    // A frame does not care what it carries, nor an owner what its step holds: so that these change on their own only.
    let texts: Vec<_> = touchpoints.iter().map(|(position, _)| (*position, b"some record".to_vec())).collect();
    let plain = frame(&texts);
    let owner = owned(&plain);
    let (sessions, people) = sessionize(&frame(&touchpoints));
    let letters = (1..4).map(|n| Position { offset: n * n * 100, seq: n as u32 }).collect();
    let plan = Word::Plan { reading: r#"{"format":"native"}"#.to_owned(), letters };
    vec![
        ("touchpoint", touchpoints[2].1.clone()),
        ("dead-letter", letter()),
        ("control", control()),
        ("redrive", plan.encode()),
        ("inbox", inbox(&plain)),
        ("journeys", journeys(&people)),
        ("snapshot", sealed(b"some state")),
        ("ledger", ledger()),
        ("frame", plain),
        ("owner", owner),
        ("sessionize", sessions),
    ]
}

/// Touchpoints of one partition, with their positions.
fn touchpoints() -> Vec<(Position, Vec<u8>)> {
    let mut items = Vec::new();
    Items::push(
        &mut items,
        &Item { product: "p1", name: "Lamp", category: "home/light", price: Micros(59_000_000), quantity: 2 },
    );
    let items = Items::from_buffer(&items);
    let click = |n: u64, minute: i64, kind: Kind| Touchpoint {
        head: Head {
            outcome: Outcome::Counted,
            kind,
            key: Key::visitor("shop", "v1"),
            id: 100 + n,
            occurred_at: EventTime(START + minute * MINUTE),
        },
        event_id: "e",
        site: "shop",
        visitor: "v1",
        country: "TH",
        region: "Bangkok",
        city: "Bangkok",
        latitude: Some(13.75),
        longitude: Some(100.5),
        time_zone: "Asia/Bangkok",
        device: Device::from_code(1).expect("a device"),
        browser: "Firefox",
        os: "Linux",
        referrer: "news.example",
        channel: Channel::from_code(2).expect("a channel"),
        source: "news",
        medium: "email",
        campaign: "autumn",
        page: "/lamps/:id",
        language: "th",
        topic: "clicks",
        partition: 3,
        offset: n,
        received_at: START + minute * MINUTE + 40,
        ..Touchpoint::default()
    };
    let entry = |n: u64, minute: i64, author: u8| Touchpoint {
        head: Head { key: Key::conversation("shop", "c1"), ..click(n, minute, Kind::SupportMessage).head },
        visitor: "",
        customer: "ann",
        conversation: "c1",
        author: Author::from_code(author).expect("an author"),
        agent: "kim",
        text: "still waiting",
        characters: 13,
        feeling: Feeling::from_code(1).expect("a feeling"),
        score: Some(-0.5),
        confidence: Some(0.75),
        topics: 5,
        friction: true,
        says: Says::from_code(3).expect("what a text does"),
        frictions: 2,
        likes: 1,
        dislikes: 4,
        ..click(n, minute, Kind::SupportMessage)
    };
    let head = Head { outcome: Outcome::Dead, kind: Kind::Custom, ..click(9, 0, Kind::Custom).head };
    let made = [
        click(1, 0, Kind::PageView),
        Touchpoint { items, ..click(2, 1, Kind::ProductView) },
        Touchpoint {
            items,
            customer: "ann",
            revenue: Micros(118_000_000),
            currency: "THB",
            ..click(3, 2, Kind::AddToCart)
        },
        Touchpoint {
            items,
            customer: "ann",
            order_id: "o1",
            revenue: Micros(118_000_000),
            currency: "THB",
            ..click(4, 3, Kind::Purchase)
        },
        entry(5, 10, 1),
        entry(6, 12, 2),
        Touchpoint { rating: Some(2.0), scale: Scale::from_code(1).expect("a scale"), ..entry(7, 14, 1) },
        click(8, 200, Kind::PageView),
        Touchpoint { head, site: "shop", reason: "malformed_json", detail: "at byte 7", ..Touchpoint::default() },
    ];
    let encoded = made.into_iter().zip(1..).map(|(touchpoint, offset)| {
        let mut bytes = Vec::new();
        touchpoint.encode(&mut bytes);
        (Position { offset, seq: 1 }, bytes)
    });
    encoded.collect()
}

fn frame(touchpoints: &[(Position, Vec<u8>)]) -> Vec<u8> {
    let mut outbox = Outbox::new(EPOCH, GENERATION, 1);
    let origin = OriginId::of(SOURCE);
    outbox.start(origin, SOURCE, Position::before(0));
    for (position, payload) in touchpoints {
        outbox.push(origin, *position, PartitionId(0), payload);
    }
    outbox.decided(origin, touchpoints.len() as u64 + 1, START + 150 * MINUTE);
    outbox.closing_tick(START + 300 * MINUTE, &[(origin, SOURCE.to_owned())]);
    let frame = outbox.drain().next();
    frame.expect("one frame").1
}

fn inbox(frame: &[u8]) -> Vec<u8> {
    let (mut inbox, mut scratch) = (Inbox::new(), Vec::new());
    let view = FrameView::parse(frame, &mut scratch).expect("a frame");
    for record in view.records() {
        inbox.judge(view.generation(), record.origin, record.position, record.previous);
    }
    inbox.tick(&view.tick().expect("whole").expect("a tick"));
    let mut bytes = Vec::new();
    inbox.encode(&mut bytes);
    bytes
}

/// An owner's state after the frame.
fn owned(frame: &[u8]) -> Vec<u8> {
    let partition = PartitionId(SNAPSHOT_AT.0);
    let start = Start::Empty(Offset(0));
    let mut owner = Owner::new(NoState, EPOCH, partition, start, CutRules::default(), None).expect("an empty owner");
    let report = owner.frame(Offset(SNAPSHOT_AT.1.0 - 1), frame, |_, _| ()).expect("it can be read");
    assert!(report.snapshot_is_due, "a closing tick brings a snapshot");
    owner.begin_save();
    let (_, saved) = owner.save_on(usize::MAX).expect("all of it at once");
    State::from(saved).bytes
}

/// Sessionize's state after the frame, and the frames it passed on.
fn sessionize(frame: &[u8]) -> (Vec<u8>, Vec<Vec<u8>>) {
    let step = crate::formats::sessionize();
    let onward = Some((Outbox::new(EPOCH, GENERATION, 1), ONWARD.to_owned()));
    let partition = PartitionId(SNAPSHOT_AT.0);
    let mut owner = Owner::new(step, EPOCH, partition, Start::Empty(Offset(0)), CutRules::default(), onward)
        .expect("an empty owner");
    let mut people = Vec::new();
    let report = owner.frame(Offset(0), frame, |_, frame| people.push(frame)).expect("it can be read");
    assert_eq!(report.gaps, 0);
    let mut step = Vec::new();
    owner.step().save(&mut step);
    (step, people)
}

fn journeys(people: &[Vec<u8>]) -> Vec<u8> {
    let step = crate::formats::journey();
    let start = Start::Empty(Offset(0));
    let mut owner = Owner::new(step, EPOCH, PartitionId(0), start, CutRules::default(), None).expect("an empty owner");
    for (frame, offset) in people.iter().zip(0..) {
        let report = owner.frame(Offset(offset), frame, |_, _| ()).expect("it can be read");
        assert_eq!(report.gaps, 0);
    }
    let mut state = Vec::new();
    owner.step().save(&mut state);
    state
}

fn sealed(state: &[u8]) -> Vec<u8> {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let memory = Arc::new(InMemory::new());
    let store = SnapshotStore::new(memory.clone(), "e1", runtime.handle().clone(), 1);
    let (sender, done) = mpsc::channel();
    let (partition, offset) = SNAPSHOT_AT;
    store.publish("sessionize", partition, offset, state.to_vec(), offset, move |result| {
        sender.send(result.is_ok()).expect("we wait");
    });
    assert!(done.recv().expect("it says"));
    let read = async { memory.get(&snapshot_path()).await.expect("it is there").bytes().await };
    runtime.block_on(read).expect("it can be read").to_vec()
}

fn letter() -> Vec<u8> {
    let mut bytes = Vec::new();
    let letter = DeadLetter {
        topic: "clicks",
        partition: 3,
        offset: 9,
        reason: "malformed_json",
        detail: "at byte 7",
        payload: b"{\"name\":",
    };
    letter.encode(&mut bytes);
    bytes
}

fn control() -> Vec<u8> {
    let position = Position { offset: 1 << 33, seq: 7 };
    let log = "touchpoints-e1".to_owned();
    Control::GoBack(GoBack { log, partition: PartitionId(2), origin: OriginId::of(SOURCE), position }).encode()
}

fn ledger() -> Vec<u8> {
    let mut counts = Counts::default();
    Outcome::ALL.into_iter().for_each(|outcome| counts.add(outcome));
    let row = LedgerRow {
        epoch: 1,
        processor: Processor::Sessionize,
        partition: 2,
        table: TableId::Sessions,
        from_offset: 5,
        to_offset: 7,
        content_hash: 11,
        position_checksum: 13,
        row_checksum: 9_876_543_210,
        row_count: 4,
        record_count: 7,
        counts,
        server_start: ServerStart(17),
        watermark_at: EventTime(START),
        written_at: EventTime(START + MINUTE),
    };
    let mut bytes = Vec::new();
    tables::batches::encode(&row, &mut bytes);
    native::block(TableId::Batches.columns(), [&bytes[..]], 1).expect("a block").bytes.concat()
}
