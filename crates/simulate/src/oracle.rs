//! The independent judge: what the tables must hold, computed in one go over the raw input. Shares nothing with the
//! processors but the names of columns.

use std::collections::{BTreeMap, BTreeSet};

use crumbtrail_events::vocabulary::Author;
use crumbtrail_events::{Key, Kind};
use crumbtrail_warehouse::TableId;

use crate::judge::{drops_bots, key};
use crate::once::{Twice, counted_once, rows};
use crate::rows::{Row, Tables, Value, columns};
use crate::scene::Scene;
use crate::whose::{Whose, shown_owners, shown_standings};
use crate::world::{GAP_MS, Placed, Record, TALK_GAP_MS, TALK_MEMORY_MS};

/// What is wrong, in words.
#[must_use]
pub fn judge(scene: &Scene, tables: &Tables<'_>) -> Vec<String> {
    let mut wrong = Vec::new();
    let counted = outcomes(scene, tables, &mut wrong);
    match sessions(scene, &counted) {
        Ok(sessions) => compare("sessions", &sessions, &shown_sessions(tables), &mut wrong),
        Err(why) => wrong.push(why),
    }
    compare("conversations", &conversations(&counted), &shown_conversations(tables), &mut wrong);
    let whose = Whose::of(&counted, scene.world.crowd, scene.touchpoints.partitions() as u32);
    compare("identity_links", &whose.owners, &shown_owners(tables), &mut wrong);
    compare("identity_links", &whose.standings, &shown_standings(tables), &mut wrong);
    compare("journeys", &journeys(&counted, &whose), &shown_journeys(tables), &mut wrong);
    compare("conversions", &conversions(&counted, &whose), &shown_conversions(tables), &mut wrong);
    compare("stage_moves", &names(&counted, &whose), &shown_names(tables), &mut wrong);
    ledger(scene, tables, &counted, &mut wrong);
    wrong
}

fn compare<K: Ord + std::fmt::Debug, V: PartialEq + std::fmt::Debug>(
    table: &str,
    expected: &BTreeMap<K, V>,
    found: &BTreeMap<K, V>,
    wrong: &mut Vec<String>,
) {
    for key in expected.keys().chain(found.keys()).collect::<BTreeSet<_>>() {
        let (expected, found) = (expected.get(key), found.get(key));
        if expected != found {
            wrong.push(format!("{table}: {key:?}: expected {expected:?}, found {found:?}"));
        }
    }
}

/// Every record has exactly one outcome, and one that it may have. Gives those that were counted.
fn outcomes<'a>(scene: &'a Scene, tables: &Tables<'_>, wrong: &mut Vec<String>) -> Vec<&'a Placed> {
    let [outcome, term, log_partition, partition, offset] =
        columns(TableId::Touchpoints, ["outcome", "term", "log_partition", "partition", "offset"]);
    type Said<'a> = (&'a str, &'a str, i64);
    let mut found: BTreeMap<(i64, i64), Vec<Said<'_>>> = BTreeMap::new();
    for row in rows(tables, TableId::Touchpoints) {
        let said = (row[outcome].text(), row[term].text(), row[log_partition].number());
        found.entry((row[partition].number(), row[offset].number())).or_default().push(said);
    }
    let [partition, offset] = columns(TableId::DeadLetters, ["partition", "offset"]);
    let letters: BTreeMap<(i64, i64), ()> =
        rows(tables, TableId::DeadLetters).map(|row| ((row[partition].number(), row[offset].number()), ())).collect();
    let dead = scene.world.records().filter(|placed| placed.record.is_dead);
    compare("dead_letters", &dead.map(|placed| (place(placed), ())).collect(), &letters, wrong);
    let mut counted = Vec::new();
    let mut copies: BTreeMap<&str, (u32, u32)> = BTreeMap::new();
    // A reader follows the highest configuration it has seen of an origin.
    let mut generations: BTreeMap<(usize, i64), u32> = BTreeMap::new();
    for placed in scene.world.records().filter(|placed| !placed.record.is_dead) {
        let said = found.remove(&place(placed)).unwrap_or_default();
        let [(outcome, term, partition)] = said[..] else {
            wrong.push(format!("touchpoints: {placed:?} has {said:?}"));
            continue;
        };
        let generation: u32 = term.trim_start_matches('g').parse().unwrap_or_default();
        let newest = generations.entry((placed.origin, partition)).or_default();
        if generation < *newest {
            wrong.push(format!("touchpoints: {placed:?} was decided under {generation}, after one under {newest}"));
        }
        *newest = generation.max(*newest);
        let record = &placed.record;
        let is_dropped = record.is_bot && drops_bots(generation);
        let is_right = match outcome {
            "bot" => is_dropped,
            "late" => record.may_be_late,
            "counted" | "duplicate" => !is_dropped,
            _ => false,
        };
        if !is_right {
            wrong.push(format!("touchpoints: {placed:?} ended {outcome} under {generation}"));
        }
        let (firsts, others) = copies.entry(&record.id).or_default();
        match outcome {
            "counted" => {
                *firsts += 1;
                counted.push(placed);
            }
            "duplicate" => *others += 1,
            _ => {}
        }
    }
    for (place, said) in found {
        wrong.push(format!("touchpoints: {place:?} is no record: {said:?}"));
    }
    for (id, (firsts, others)) in copies {
        if firsts > 1 || (firsts == 0 && others > 0) {
            wrong.push(format!("touchpoints: event {id} is counted {firsts} times, and {others} times a duplicate"));
        }
    }
    counted
}

fn place(placed: &Placed) -> (i64, i64) {
    (placed.origin as i64, placed.offset as i64)
}

/// Counted records by some key, each in the order of time.
pub(crate) fn by<'a, K: Ord>(
    counted: &[&'a Placed],
    of: impl Fn(&'a Placed) -> Option<K>,
) -> BTreeMap<K, Vec<&'a Placed>> {
    let mut lists: BTreeMap<K, Vec<&Placed>> = BTreeMap::new();
    for placed in counted {
        if let Some(key) = of(placed) {
            lists.entry(key).or_default().push(placed);
        }
    }
    lists.values_mut().for_each(|list| list.sort_by_key(|placed| placed.record.at_ms));
    lists
}

/// Visitor and begin.
type SessionKey = (String, i64);

#[derive(Debug, Default, PartialEq)]
struct Session {
    ended_ms: i64,
    events: i64,
    views: i64,
    purchases: i64,
    revenue: i64,
    is_final: bool,
}

fn sessions(scene: &Scene, counted: &[&Placed]) -> Result<BTreeMap<SessionKey, Session>, String> {
    let mut sessions = BTreeMap::new();
    let visitors = by(counted, |placed| (!placed.record.kind.is_support()).then_some(&placed.record.visitor));
    let mut final_to = BTreeMap::new();
    for partition in 0..scene.touchpoints.partitions() as u32 {
        final_to.insert(partition, scene.change.final_to(partition)?);
    }
    for (visitor, list) in visitors {
        // What the first gap connects and the watermark had passed when the rules changed is cut by the first.
        let final_to = list.first().and_then(|first| final_to[&key(first).partition(final_to.len() as u32)]);
        let is_near = |a: &&Placed, b: &&Placed| b.record.at_ms - a.record.at_ms <= GAP_MS;
        let is_final = |part: &&[&Placed]| final_to.is_none_or(|to| part[part.len() - 1].record.at_ms < to);
        let before = list.chunk_by(is_near).take_while(is_final).map(<[_]>::len).sum();
        cut(visitor, &list[..before], GAP_MS, &mut sessions);
        cut(visitor, &list[before..], scene.change.gap_ms(), &mut sessions);
    }
    Ok(sessions)
}

fn cut(visitor: &str, list: &[&Placed], gap_ms: i64, sessions: &mut BTreeMap<SessionKey, Session>) {
    let mut open: Option<(SessionKey, Session)> = None;
    let mut known = "";
    for record in list.iter().map(|placed| &placed.record) {
        // A message sent to somebody is not that somebody's coming.
        let customer = if is_marketing(record.kind) { "" } else { &record.customer };
        let is_another = !known.is_empty() && !customer.is_empty() && known != customer;
        let ends = |session: &Session| record.at_ms - session.ended_ms > gap_ms || is_another;
        if let Some((key, session)) = open.take_if(|(_, session)| ends(session)) {
            sessions.insert(key, session);
            known = "";
        }
        if known.is_empty() {
            known = customer;
        }
        if open.is_none() && is_marketing(record.kind) {
            continue;
        }
        let (_, session) = open.get_or_insert_with(|| {
            ((visitor.to_owned(), record.at_ms), Session { is_final: true, ..Session::default() })
        });
        session.ended_ms = record.at_ms;
        session.events += i64::from(record.kind != Kind::PagePing);
        session.views += i64::from(matches!(record.kind, Kind::PageView | Kind::ScreenView));
        session.purchases += i64::from(record.kind == Kind::Purchase);
        session.revenue += record.revenue;
    }
    sessions.extend(open);
}

fn is_marketing(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::MessageSent
            | Kind::MessageDelivered
            | Kind::MessageOpened
            | Kind::MessageClicked
            | Kind::MessageUnsubscribed
    )
}

fn shown_sessions(tables: &Tables<'_>) -> BTreeMap<SessionKey, Session> {
    let [visitor, start, end, events, views, purchases, revenue, is_final] = columns(
        TableId::Sessions,
        [
            "visitor",
            "started_at",
            "ended_at",
            "event_count",
            "view_count",
            "purchase_count",
            "revenue_micros",
            "is_final",
        ],
    );
    let session = |row: &Row<'_>| Session {
        ended_ms: row[end].number(),
        events: row[events].number(),
        views: row[views].number(),
        purchases: row[purchases].number(),
        revenue: row[revenue].number(),
        is_final: row[is_final].number() == 1,
    };
    let key = |row: &Row<'_>| (row[visitor].text().to_owned(), row[start].number());
    counted_once(rows(tables, TableId::Sessions).map(|row| (key(row), session(row))))
}

impl Twice for Session {
    fn double(&mut self) {
        self.events += 1_000;
    }
}

/// Conversation id, or customer of one without, and its begin.
type TalkKey = (String, i64);

#[derive(Debug, Default, PartialEq)]
struct Talk {
    opened_ms: i64,
    last_ms: i64,
    /// Of customer, agents, automata.
    messages: [i64; 3],
    reopened: i64,
    is_final: bool,
}

impl Twice for Talk {
    fn double(&mut self) {
        self.reopened += 1_000;
    }
}

fn talk(list: &[&Placed]) -> Talk {
    let mut talk = Talk { is_final: true, opened_ms: list[0].record.at_ms, ..Talk::default() };
    let mut is_over = false;
    for record in list.iter().map(|placed| &placed.record) {
        talk.last_ms = record.at_ms;
        is_over = match record.kind {
            Kind::SupportResolved | Kind::SupportClosed => true,
            Kind::SupportOpened | Kind::SupportReopened => {
                talk.reopened += i64::from(is_over);
                false
            }
            _ => is_over,
        };
        // Every entry has a text.
        let speaks = match record.kind {
            Kind::SupportMessage | Kind::SupportOpened => true,
            Kind::SupportResolved | Kind::SupportClosed => record.author == Author::Agent,
            _ => false,
        };
        if speaks {
            let author = match record.author {
                Author::Customer => 0,
                Author::Agent => 1,
                _ => 2,
            };
            talk.messages[author] += 1;
        }
    }
    talk
}

fn conversations(counted: &[&Placed]) -> BTreeMap<TalkKey, Talk> {
    let with_id = by(counted, |placed| (!placed.record.conversation.is_empty()).then_some(&placed.record.conversation));
    let mut talks = BTreeMap::new();
    let mut tell = |name: &str, list: &[&Placed], silence_ms: i64| {
        for part in list.chunk_by(|a, b| b.record.at_ms - a.record.at_ms <= silence_ms) {
            talks.insert((name.to_owned(), part[0].record.at_ms), talk(part));
        }
    };
    with_id.into_iter().for_each(|(id, list)| tell(id, &list, TALK_MEMORY_MS));
    let without = by(counted, |placed| {
        let record = &placed.record;
        (record.kind.is_support() && record.conversation.is_empty()).then_some((&record.customer, record.channel as u8))
    });
    without.into_iter().for_each(|((customer, _), list)| tell(customer, &list, TALK_GAP_MS));
    talks
}

fn shown_conversations(tables: &Tables<'_>) -> BTreeMap<TalkKey, Talk> {
    let [id, customer, opened, last, reopened, is_final] = columns(
        TableId::Conversations,
        ["conversation_id", "customer", "opened_at", "last_at", "reopen_count", "is_final"],
    );
    let messages =
        columns(TableId::Conversations, ["customer_message_count", "agent_message_count", "bot_message_count"]);
    let talk = |row: &Row<'_>| Talk {
        opened_ms: row[opened].number(),
        last_ms: row[last].number(),
        messages: messages.map(|of| row[of].number()),
        reopened: row[reopened].number(),
        is_final: row[is_final].number() == 1,
    };
    let key = |row: &Row<'_>| {
        let name = match row[id].text() {
            made if made.starts_with('~') => row[customer].text(),
            id => id,
        };
        (name.to_owned(), row[opened].number())
    };
    counted_once(rows(tables, TableId::Conversations).map(|row| (key(row), talk(row))))
}

#[derive(Debug, Default, PartialEq)]
struct Journey {
    first_ms: i64,
    last_ms: i64,
    touchpoints: i64,
    clicks: i64,
    support: i64,
    purchases: i64,
    revenue: i64,
    customer: String,
}

impl Twice for Journey {
    fn double(&mut self) {
        self.touchpoints += 1_000;
    }
}

fn journeys(counted: &[&Placed], whose: &Whose<'_>) -> BTreeMap<Vec<u8>, Journey> {
    let journey = |list: Vec<&Placed>| {
        let sum = |of: &dyn Fn(&Placed) -> i64| list.iter().map(|placed| of(placed)).sum::<i64>();
        // Heartbeats extend, they do not count.
        let pings = sum(&|placed| i64::from(placed.record.kind == Kind::PagePing));
        Journey {
            first_ms: list[0].record.at_ms,
            last_ms: list[list.len() - 1].record.at_ms,
            touchpoints: list.len() as i64 - pings,
            clicks: sum(&|placed| i64::from(!placed.record.kind.is_support())) - pings,
            support: sum(&|placed| i64::from(placed.record.kind.is_support())),
            purchases: sum(&|placed| i64::from(placed.record.kind == Kind::Purchase)),
            revenue: sum(&|placed| placed.record.revenue),
            // Under the one id, whatever ids they used, and if nothing that is theirs tells any.
            customer: whose.customer(&list[0].record).to_owned(),
        }
    };
    by(counted, |placed| whose.person(placed)).into_iter().map(|(person, list)| (person, journey(list))).collect()
}

fn bytes(value: &Value<'_>) -> Vec<u8> {
    if let Value::Text(bytes) = value { bytes.to_vec() } else { Vec::new() }
}

fn shown_journeys(tables: &Tables<'_>) -> BTreeMap<Vec<u8>, Journey> {
    let [person, first, last, touchpoints, clicks, support, purchases, revenue, customer] = columns(
        TableId::Journeys,
        [
            "person",
            "first_at",
            "last_at",
            "touchpoint_count",
            "click_count",
            "support_count",
            "purchase_count",
            "revenue_micros",
            "customer",
        ],
    );
    let journey = |row: &Row<'_>| Journey {
        first_ms: row[first].number(),
        last_ms: row[last].number(),
        touchpoints: row[touchpoints].number(),
        clicks: row[clicks].number(),
        support: row[support].number(),
        purchases: row[purchases].number(),
        revenue: row[revenue].number(),
        customer: row[customer].text().to_owned(),
    };
    counted_once(rows(tables, TableId::Journeys).map(|row| (bytes(&row[person]), journey(row))))
}

/// By person, under which names they are told.
type Names = BTreeMap<Vec<u8>, BTreeSet<String>>;

/// Everybody moves into a first stage.
fn names(counted: &[&Placed], whose: &Whose<'_>) -> Names {
    let journeys = journeys(counted, whose).into_iter();
    journeys.map(|(person, journey)| (person, BTreeSet::from([journey.customer]))).collect()
}

fn shown_names(tables: &Tables<'_>) -> Names {
    let [person, customer] = columns(TableId::StageMoves, ["person", "customer"]);
    let mut names = Names::new();
    for row in rows(tables, TableId::StageMoves) {
        names.entry(bytes(&row[person])).or_default().insert(row[customer].text().to_owned());
    }
    names
}

/// Person and time of a purchase.
type ConversionKey = (Vec<u8>, i64, String);

/// Whose a conversion is by name, and its revenue.
type Converted = (String, i64);

fn conversions(counted: &[&Placed], whose: &Whose<'_>) -> BTreeMap<ConversionKey, Converted> {
    let purchases = counted.iter().filter(|placed| placed.record.kind == Kind::Purchase);
    purchases
        .filter_map(|placed| {
            let Record { at_ms, id, revenue, .. } = &placed.record;
            let customer = whose.customer(&placed.record).to_owned();
            Some(((whose.person(placed)?, *at_ms, id.clone()), (customer, *revenue)))
        })
        .collect()
}

fn shown_conversions(tables: &Tables<'_>) -> BTreeMap<ConversionKey, Converted> {
    let [person, at, order, customer, revenue] =
        columns(TableId::Conversions, ["person", "converted_at", "order_id", "customer", "revenue_micros"]);
    let key = |row: &Row<'_>| (bytes(&row[person]), row[at].number(), row[order].text().to_owned());
    let converted = |row: &Row<'_>| (row[customer].text().to_owned(), row[revenue].number());
    rows(tables, TableId::Conversions).map(|row| (key(row), converted(row))).collect()
}

/// The ledger accepted each record once: as many as were routed to a partition, and as many as were passed on. By which
/// person's partition a record went that changed hands later is nobody's business, so journey's are added up.
fn ledger(scene: &Scene, tables: &Tables<'_>, counted: &[&Placed], wrong: &mut Vec<String>) {
    let mut expected: BTreeMap<(String, i64), i64> = BTreeMap::new();
    let mut add = |processor: &str, key: Key, partitions: usize| {
        let partition = i64::from(key.partition(partitions as u32));
        *expected.entry((processor.to_owned(), partition)).or_default() += 1;
    };
    scene.world.records().for_each(|placed| add("sessionize", key(placed), scene.touchpoints.partitions()));
    let is_shared = |record: &Record| {
        record.kind.is_support() && record.customer.is_empty() && !record.visitor.is_empty() && !record.is_dead
    };
    for _ in counted.iter().filter(|placed| !placed.record.is_bot && !is_shared(&placed.record)) {
        add("journey", Key(0), 1);
    }
    // What a visitor's partition is told goes on as it comes, repeats and all; the journey counts an id once.
    for _ in scene.world.records().filter(|placed| is_shared(&placed.record)) {
        add("journey", Key(0), 1);
    }
    let [processor, partition, table, records] =
        columns(TableId::Batches, ["processor", "partition", "table_name", "record_count"]);
    let mut found: BTreeMap<(String, i64), i64> = BTreeMap::new();
    for row in rows(tables, TableId::Batches) {
        if matches!(row[table].text(), "touchpoints" | "journeys") {
            let is_journey = row[table].text() == "journeys";
            let key = (row[processor].text().to_owned(), if is_journey { 0 } else { row[partition].number() });
            *found.entry(key).or_default() += row[records].number();
        }
    }
    found.retain(|_, records| *records > 0);
    compare("batches", &expected, &found, wrong);
}
