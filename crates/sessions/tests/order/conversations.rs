//! Conversations with and without an id: whatever the order, the rows are those of the entries taken in total order at once.

use crate::oracle::Row;
use crate::run::{GAP, MEMORY, SPAN, START, Step, TALK_GAP, arrange, cases, jitter, rules, run, steps};
use crate::service::said_of;
use crumbtrail_events::ids::id_hash;
use crumbtrail_events::touchpoint::{Head, Touchpoint};
use crumbtrail_events::vocabulary::{Author, Channel, Says, Scale};
use crumbtrail_events::{EventTime, Key, Kind, Outcome};
use crumbtrail_sessions::{Hours, Policy, RuleBook, Rules, Zone};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// What makes a conversation of entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Whose {
    Case,
    Customer,
    Visitor,
    Contact,
}

impl Whose {
    fn key(self) -> Key {
        match self {
            Whose::Case => Key::conversation("shop", "case"),
            Whose::Customer => Key::customer("shop", "ann"),
            Whose::Visitor => Key::visitor("shop", "v"),
            Whose::Contact => Key::contact("shop", "hash"),
        }
    }
}

/// One support entry of the test's own making.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) at: i64,
    skew: i32,
    delay: i64,
    name: u32,
    pub(crate) kind: Kind,
    pub(crate) author: Author,
    pub(crate) channel: Channel,
    whose: Whose,
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

    pub(crate) fn has_text(&self) -> bool {
        self.score.is_some()
    }

    pub(crate) fn priority(&self) -> &'static str {
        pick(self.priority)
    }

    pub(crate) fn rating(&self) -> Option<(u8, Scale)> {
        self.rating.map(|rating| (rating, Scale::ALL[usize::from(self.agent) % 5]))
    }

    fn bytes(&self) -> Vec<u8> {
        let id = self.id();
        let of = |whose: Whose, name| if self.whose == whose { name } else { "" };
        let mut bytes = Vec::new();
        Touchpoint {
            head: Head {
                outcome: Outcome::Counted,
                kind: self.kind,
                key: self.whose.key(),
                id: id_hash(&id),
                occurred_at: EventTime(self.at),
            },
            event_id: &id,
            site: "shop",
            customer: if self.whose == Whose::Case { "ann" } else { of(Whose::Customer, "ann") },
            visitor: of(Whose::Visitor, "v"),
            contact: of(Whose::Contact, "hash"),
            device_at: self.at + i64::from(self.skew),
            received_at: self.at + self.delay,
            conversation: of(Whose::Case, "case"),
            author: self.author,
            channel: self.channel,
            agent: pick(self.agent),
            department: pick(self.agent / 4),
            language: pick(self.agent / 16),
            priority: self.priority(),
            rating: self.rating.map(f32::from),
            scale: self.rating().map_or(Scale::None, |(_, scale)| scale),
            text: if self.has_text() { "words" } else { "" },
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

fn pick(n: u8) -> &'static str {
    ["", "a", "b", "c"][usize::from(n) % 4]
}

fn entry() -> impl Strategy<Value = Entry> {
    const KINDS: [Kind; 10] = [
        Kind::SupportMessage,
        Kind::SupportMessage,
        Kind::SupportMessage,
        Kind::SupportOpened,
        Kind::SupportAssigned,
        Kind::SupportResolved,
        Kind::SupportReopened,
        Kind::SupportClosed,
        Kind::SupportRating,
        Kind::SupportMention,
    ];
    const AUTHORS: [Author; 4] = [Author::Customer, Author::Agent, Author::Bot, Author::System];
    // Few, and some of them often, so that conversations without an id are of more than an entry.
    const CHANNELS: [Channel; 9] = [
        Channel::Chat,
        Channel::Chat,
        Channel::Chat,
        Channel::Phone,
        Channel::Phone,
        Channel::SupportEmail,
        Channel::Review,
        Channel::Review,
        Channel::Survey,
    ];
    const WHOSE: [Whose; 6] = [Whose::Case, Whose::Case, Whose::Case, Whose::Customer, Whose::Visitor, Whose::Contact];
    let what = (0..KINDS.len(), 0..AUTHORS.len(), 0..CHANNELS.len(), 0..WHOSE.len(), any::<u8>(), 0u8..4);
    // Ratings beyond every scale, too.
    let said = (proptest::option::of(0u8..12), proptest::option::of(-100i8..100));
    let when = (0..SPAN, -2i32..3, 0i64..3_000);
    (what, said, when).prop_map(
        |((kind, author, channel, whose, agent, priority), (rating, score), (at, skew, delay))| Entry {
            at: START + if at % 3 == 0 { at / GAP * GAP } else { at },
            skew,
            delay,
            name: 0,
            kind: KINDS[kind],
            author: AUTHORS[author],
            channel: CHANNELS[channel],
            whose: WHOSE[whose],
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

/// Id and begin of each conversation there must be, and its entries, without any state: entries in order, cut by silence.
fn talks(entries: &[Entry]) -> BTreeMap<(String, i64), Vec<&Entry>> {
    let mut threads: BTreeMap<(Whose, Option<u8>), Vec<&Entry>> = BTreeMap::new();
    for entry in entries {
        let made_of = (entry.whose != Whose::Case).then_some(entry.channel as u8);
        threads.entry((entry.whose, made_of)).or_default().push(entry);
    }
    let mut talks = BTreeMap::new();
    for ((_, made_of), mut thread) in threads {
        thread.sort_by_key(|entry| (entry.at, entry.skew, id_hash(&entry.id())));
        let silence = if made_of.is_some() { TALK_GAP } else { MEMORY };
        for talk in thread.chunk_by(|a, b| b.at - a.at <= silence) {
            let id = made_of.map_or("case".to_owned(), |channel| made_id(channel, talk[0]));
            talks.insert((id, talk[0].at), talk.to_vec());
        }
    }
    talks
}

/// The id of a conversation without one: of person, channel and first entry.
fn made_id(channel: u8, first: &Entry) -> String {
    let mut bytes = first.whose.key().0.to_le_bytes().to_vec();
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
        let talks = talks(&counted);
        prop_assert_eq!(truth.keys().collect::<Vec<_>>(), talks.keys().collect::<Vec<_>>());
        for (key, talk) in &talks {
            for said in said_of(talk) {
                prop_assert!(truth[key].contains(&said), "not {said}\n{talk:#?}\n{}", truth[key]);
            }
        }
        prop_assert_eq!(however.final_talks(), truth);
    }
}
