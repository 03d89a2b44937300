//! Conversations with and without an id: whatever the order, the rows are those of the entries taken in total order at once.

use crate::oracle::Row;
use crate::run::{GAP, MEMORY, SPAN, START, Step, TALK_GAP, arrange, cases, jitter, rules, run, steps};
use crumbtrail_events::ids::id_hash;
use crumbtrail_events::touchpoint::{Head, Touchpoint};
use crumbtrail_events::vocabulary::{Author, Channel, Says, Scale};
use crumbtrail_events::{EventTime, Key, Kind, Outcome};
use crumbtrail_sessions::{Hours, Policy, RuleBook, Rules, Zone};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// One support entry of the test's own making.
#[derive(Clone, Debug)]
struct Entry {
    at: i64,
    skew: i32,
    delay: i64,
    name: u32,
    kind: Kind,
    author: Author,
    channel: Channel,
    has_id: bool,
    agent: u8,
    rating: Option<u8>,
    score: Option<i8>,
    priority: u8,
}

impl Entry {
    fn rank(&self) -> (i64, i64, i32) {
        (self.at + self.delay, self.at, self.skew)
    }

    fn id(&self) -> String {
        format!("s{}", self.name)
    }

    fn bytes(&self) -> Vec<u8> {
        let id = self.id();
        let pick = |n: u8| ["", "a", "b", "c"][usize::from(n) % 4];
        let mut bytes = Vec::new();
        Touchpoint {
            head: Head {
                outcome: Outcome::Counted,
                kind: self.kind,
                key: if self.has_id { Key::conversation("shop", "case") } else { Key::customer("shop", "ann") },
                id: id_hash(&id),
                occurred_at: EventTime(self.at),
            },
            event_id: &id,
            site: "shop",
            customer: "ann",
            device_at: self.at + i64::from(self.skew),
            received_at: self.at + self.delay,
            conversation: if self.has_id { "case" } else { "" },
            author: self.author,
            channel: self.channel,
            agent: pick(self.agent),
            department: pick(self.agent / 4),
            language: pick(self.agent / 16),
            priority: pick(self.priority),
            rating: self.rating.map(f32::from),
            scale: if self.rating.is_some() { Scale::ALL[usize::from(self.agent) % 5] } else { Scale::None },
            text: if self.score.is_some() { "words" } else { "" },
            score: self.score.map(|score| f32::from(score) / 100.0),
            topics: u32::from(self.agent),
            friction: self.agent > 200,
            says: Says::ALL[usize::from(self.agent) % 6],
            likes: u32::from(self.agent & 0x15),
            dislikes: u32::from(self.agent & 0x2A),
            frictions: u32::from(self.agent >> 5),
            ..Touchpoint::default()
        }
        .encode(&mut bytes);
        bytes
    }
}

fn entry() -> impl Strategy<Value = Entry> {
    const KINDS: [Kind; 9] = [
        Kind::SupportMessage,
        Kind::SupportMessage,
        Kind::SupportMessage,
        Kind::SupportOpened,
        Kind::SupportAssigned,
        Kind::SupportResolved,
        Kind::SupportReopened,
        Kind::SupportRating,
        Kind::SupportMention,
    ];
    const AUTHORS: [Author; 4] = [Author::Customer, Author::Agent, Author::Bot, Author::System];
    const CHANNELS: [Channel; 3] = [Channel::Chat, Channel::Phone, Channel::Review];
    let what = (0usize..KINDS.len(), 0usize..AUTHORS.len(), 0usize..CHANNELS.len(), any::<bool>(), any::<u8>(), 0u8..4);
    let said = (proptest::option::of(1u8..6), proptest::option::of(-100i8..100));
    let when = (0..SPAN, -2i32..3, 0i64..3_000);
    (what, said, when).prop_map(
        |((kind, author, channel, has_id, agent, priority), (rating, score), (at, skew, delay))| Entry {
            at: START + if at % 3 == 0 { at / GAP * GAP } else { at },
            skew,
            delay,
            name: 0,
            kind: KINDS[kind],
            author: AUTHORS[author],
            channel: CHANNELS[channel],
            has_id,
            agent,
            rating,
            score,
            priority,
        },
    )
}

/// How an entry that comes again is corrected: by so much, or to the moment of another one, if that is near.
fn shift() -> impl Strategy<Value = Result<i64, prop::sample::Index>> {
    prop_oneof![(-4_500i64..4_500).prop_map(Ok), any::<prop::sample::Index>().prop_map(Err)]
}

/// Rules with opening hours that begin within the span, and a policy for some.
fn service() -> Rules {
    let zone = Zone::named("Asia/Bangkok").unwrap();
    let hours =
        Hours::parse(zone, ["00:00-24:00", "", "00:00-24:00", "", "00:00-24:00", "", "00:00-24:00"], []).unwrap();
    let policy =
        Policy { priority: "a".into(), first_reply_ms: Some(2_000), in_business_hours: true, ..Policy::default() };
    let any = Policy { channel: Some(Channel::Chat), resolution_ms: Some(5_000), ..Policy::default() };
    Rules { hours, policies: vec![policy, any], ..rules() }
}

/// Which rows there must be, without any state: entries in order, cut by silence.
fn keys(entries: &[Entry]) -> Vec<(String, i64)> {
    let mut threads: BTreeMap<Option<u8>, Vec<&Entry>> = BTreeMap::new();
    for entry in entries {
        threads.entry((!entry.has_id).then_some(entry.channel as u8)).or_default().push(entry);
    }
    let mut keys = Vec::new();
    for (made_of, mut thread) in threads {
        thread.sort_by_key(|entry| (entry.at, entry.skew, id_hash(&entry.id())));
        let silence = if made_of.is_some() { TALK_GAP } else { MEMORY };
        for talk in thread.chunk_by(|a, b| b.at - a.at <= silence) {
            let id = made_of.map_or("case".to_owned(), |channel| made_id(channel, talk[0]));
            keys.push((id, talk[0].at));
        }
    }
    keys.sort();
    keys
}

/// The id of a conversation without one: of person, channel and first entry.
fn made_id(channel: u8, first: &Entry) -> String {
    let mut bytes = Key::customer("shop", "ann").0.to_le_bytes().to_vec();
    bytes.extend(id_hash(&first.id()).to_le_bytes());
    bytes.push(channel);
    format!("~{:016x}", xxhash_rust::xxh3::xxh3_64(&bytes))
}

proptest! {
    #![proptest_config(cases(1))]

    #[test]
    fn final_conversations_depend_on_the_set_of_entries_alone(
        mut entries in proptest::collection::vec(entry(), 1..80),
        jitter in jitter(),
        steps in steps(),
        repeats in proptest::collection::vec((any::<prop::sample::Index>(), shift(), 3_000i64..3_999), 0..6),
    ) {
        for (n, entry) in entries.iter_mut().enumerate() {
            entry.name = n as u32;
        }
        // An entry that was edited comes again with another text, and is received later; or earlier, if the log was slow.
        let mut all = entries.clone();
        for (n, (index, shift, delay)) in repeats.iter().enumerate() {
            let held = index.get(&entries);
            let at = match shift {
                Ok(shift) => held.at + shift,
                Err(other) => other.get(&entries).at.clamp(held.at - 4_500, held.at + 4_500),
            };
            let at = at.clamp(START, START + SPAN - 1);
            let delay = if n % 2 == 0 { *delay } else { -*delay } + held.at - at;
            all.push(Entry { at, delay, score: Some(1), channel: Channel::Chat, ..held.clone() });
        }
        let mut counted: BTreeMap<u32, Entry> = BTreeMap::new();
        for entry in &all {
            let held = counted.entry(entry.name).or_insert_with(|| entry.clone());
            if entry.rank() < held.rank() {
                *held = entry.clone();
            }
        }
        let counted: Vec<Entry> = counted.into_values().collect();
        let book = RuleBook { default: Rules { kept_events: u32::MAX, ..service() }, ..RuleBook::default() };
        let of = |entry: &Entry| (entry.at, entry.name, entry.bytes());
        let at_once = run::<Row>(&book, &arrange(&counted, &[0], of), &[Step::Next]);
        let book = RuleBook { default: service(), ..RuleBook::default() };
        let however = run::<Row>(&book, &arrange(&all, &jitter, of), &steps);
        let truth = at_once.final_talks();
        prop_assert_eq!(truth.keys().cloned().collect::<Vec<_>>(), keys(&counted));
        prop_assert_eq!(however.final_talks(), truth);
    }
}
