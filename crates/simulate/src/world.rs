//! The raw input of a schedule: what a few people did in a few days, in the order in which the sources got it.
//!
//! Small on purpose, and mean on purpose: silences of exactly the gap and one ms more, disorder up to nearly the allowed
//! lateness, repeats over two origins, an origin that falls silent, records that cannot be read, records from a month ago,
//! customers who turn out to be one another, in chains and in circles, or to have more visitors than one may have.

use crumbtrail_events::Kind;
use crumbtrail_events::vocabulary::{Author, Channel};

use crate::dice::Dice;

/// When the world begins, ms since 1970.
pub const BEGIN_MS: i64 = 1_750_000_000_000;
/// How long things happen.
pub const SPAN_MS: i64 = 4 * DAY_MS;
/// The watermark everything ends with: later than every event by more than every gap, lateness and horizon.
pub const END_MS: i64 = BEGIN_MS + 16 * DAY_MS;
/// A day.
pub const DAY_MS: i64 = 86_400_000;
/// The gap of the session rules in force.
pub const GAP_MS: i64 = 30 * MINUTE_MS;
/// The allowed lateness.
pub const LATENESS_MS: i64 = 60 * MINUTE_MS;
/// The silence between two conversations of one customer on one channel.
pub const TALK_GAP_MS: i64 = DAY_MS;
/// The silence after which a conversation's id begins another.
pub const TALK_MEMORY_MS: i64 = 26 * 60 * MINUTE_MS;
/// How far before a claim anonymous touchpoints join.
pub const LOOK_BACK_MS: i64 = 30 * 60 * MINUTE_MS;
/// How far before it names somebody else a device is already theirs.
pub const BEFORE_LOGIN_MS: i64 = 30 * MINUTE_MS;
/// The site of every record.
pub const SITE: &str = "shop";

const MINUTE_MS: i64 = 60_000;

/// One record of a source.
#[derive(Clone, Debug)]
pub struct Record {
    /// When it appears in its source, ms.
    pub appears_ms: i64,
    /// When it happened, ms.
    pub at_ms: i64,
    /// Its event id; a repeat has the same.
    pub id: String,
    /// Visitor; of a support entry only if it was written on the site.
    pub visitor: String,
    /// Customer; may be empty.
    pub customer: String,
    /// Another id of the customer, told by it; may be empty.
    pub previous: String,
    /// What happened.
    pub kind: Kind,
    /// Of a robot.
    pub is_bot: bool,
    /// Cannot be read.
    pub is_dead: bool,
    /// From so long ago that it is late, unless nobody has looked at the clock yet.
    pub may_be_late: bool,
    /// Conversation id of a support entry; may be empty.
    pub conversation: String,
    /// Channel of a support entry.
    pub channel: Channel,
    /// Author of a support entry.
    pub author: Author,
    /// Revenue of a purchase, millionths.
    pub revenue: i64,
}

/// A record and where it stands.
#[derive(Clone, Debug)]
pub struct Placed {
    /// Its origin.
    pub origin: usize,
    /// Its offset there.
    pub offset: u64,
    /// The record.
    pub record: Record,
}

/// The input.
#[derive(Debug)]
pub struct World {
    /// Per origin, its records by offset.
    pub origins: Vec<Vec<Placed>>,
    /// Visitors one customer may have, and how many may become theirs in a day.
    pub crowd: (u32, u32),
}

const KINDS: [Kind; 12] = [
    Kind::PageView,
    Kind::PageView,
    Kind::PageView,
    Kind::ProductView,
    Kind::AddToCart,
    Kind::RemoveFromCart,
    Kind::CheckoutStarted,
    Kind::Purchase,
    Kind::Search,
    Kind::PagePing,
    Kind::Click,
    Kind::MessageOpened,
];

/// Canonical name of an origin.
#[must_use]
pub fn origin_name(index: usize) -> String {
    format!("kafka:clicks/{index}")
}

impl World {
    /// The world of these dice, with so many origins.
    #[must_use]
    pub fn new(dice: &Dice, origins: usize) -> World {
        let mut records: Vec<(usize, Record)> = Vec::new();
        let visitors = 5 + dice.index(5);
        for visitor in 0..visitors {
            visits(dice, visitor, origins, &mut records);
        }
        for case in 0..1 + dice.index(4) {
            talk(dice, case, origins, &mut records);
        }
        // Of themselves, so that worlds are alike but for them; in two of three.
        let (told, has_aliases) = (dice.apart(), dice.apart().below(3) > 0);
        for (_, record) in records.iter_mut().filter(|(_, record)| !record.customer.is_empty()) {
            if has_aliases && !record.kind.is_support() && told.chance(120) {
                record.previous = format!("c{}", told.index(6));
            }
        }
        // So few in one of three that somebody has more.
        let told = dice.apart();
        told.roll();
        let few = told.below(3) == 0;
        let crowd = if few { (1 + told.below(3) as u32, 1 + told.below(4) as u32) } else { (1_000, 100) };
        let repeats: Vec<(usize, Record)> = records
            .iter()
            .filter(|_| dice.chance(40))
            .map(|(_, record)| {
                let appears_ms = record.appears_ms + dice.between(0, 10 * MINUTE_MS);
                (dice.index(origins), Record { appears_ms, ..record.clone() })
            })
            .collect();
        records.extend(repeats);
        for n in 0..dice.index(4) {
            let appears_ms = BEGIN_MS + dice.between(0, SPAN_MS);
            let ghost =
                Record { at_ms: appears_ms - 30 * DAY_MS, may_be_late: true, ..click(appears_ms, format!("ghost{n}")) };
            records.push((dice.index(origins), ghost));
        }
        for n in 0..dice.index(5) {
            let at = BEGIN_MS + dice.between(0, SPAN_MS);
            records.push((dice.index(origins), Record { is_dead: true, ..click(at, format!("dead{n}")) }));
        }
        let mut placed: Vec<Vec<Placed>> = vec![Vec::new(); origins];
        records.sort_by_key(|(_, record)| record.appears_ms);
        for (origin, record) in records {
            // Offsets have holes, as transactions leave them.
            let last = placed[origin].last().map_or(0, |last: &Placed| last.offset + 1);
            let offset = last + u64::from(dice.chance(30)) * (1 + dice.below(2));
            placed[origin].push(Placed { origin, offset, record });
        }
        World { origins: placed, crowd }
    }

    /// Every record.
    pub fn records(&self) -> impl Iterator<Item = &Placed> {
        self.origins.iter().flatten()
    }

    /// The record at an offset of an origin.
    #[must_use]
    pub fn at(&self, origin: usize, offset: u64) -> Option<&Placed> {
        let of = &self.origins[origin];
        of.binary_search_by_key(&offset, |placed| placed.offset).ok().map(|index| &of[index])
    }

    /// The offset behind the last record of an origin that had appeared by `now_ms`.
    #[must_use]
    pub fn end(&self, origin: usize, now_ms: i64) -> u64 {
        let of = &self.origins[origin];
        let seen = of.partition_point(|placed| placed.record.appears_ms <= now_ms);
        if seen == 0 { 0 } else { of[seen - 1].offset + 1 }
    }
}

fn click(at_ms: i64, id: String) -> Record {
    Record {
        appears_ms: at_ms,
        at_ms,
        visitor: id.clone(),
        id,
        customer: String::new(),
        previous: String::new(),
        kind: Kind::PageView,
        is_bot: false,
        is_dead: false,
        may_be_late: false,
        conversation: String::new(),
        channel: Channel::None,
        author: Author::default(),
        revenue: 0,
    }
}

/// How long after it happened a record appears: mostly at once, now and then nearly as late as allowed.
fn delay(dice: &Dice) -> i64 {
    match dice.below(10) {
        0 => dice.between(0, 45 * MINUTE_MS),
        1..=3 => dice.between(0, 5 * MINUTE_MS),
        _ => dice.between(0, 2_000),
    }
}

fn visits(dice: &Dice, visitor: usize, origins: usize, out: &mut Vec<(usize, Record)>) {
    let is_bot = visitor == 0;
    // The last origin has only the first day's records of few: it falls silent.
    let home = dice.index(origins);
    let is_early = home + 1 == origins;
    let customer = if dice.chance(500) { format!("c{}", dice.index(visitor + 1)) } else { String::new() };
    let known_from = BEGIN_MS + dice.between(0, SPAN_MS);
    // Somebody else uses the device too.
    let other = if dice.chance(300) { format!("c{}", dice.index(6)) } else { String::new() };
    for visit in 0..1 + dice.index(4) {
        let mut at = BEGIN_MS + dice.between(0, if is_early { DAY_MS / 2 } else { SPAN_MS });
        for event in 0..1 + dice.index(8) {
            at += match dice.below(8) {
                0 => GAP_MS,
                1 => GAP_MS + 1,
                2 => dice.between(GAP_MS - 5 * MINUTE_MS, GAP_MS + 20 * MINUTE_MS),
                _ => dice.between(1, 10 * MINUTE_MS),
            };
            let kind = dice.pick(&KINDS);
            let record = Record {
                appears_ms: at + delay(dice),
                visitor: format!("v{visitor}"),
                customer: match (is_bot, at >= known_from) {
                    (false, true) if dice.chance(300) => other.clone(),
                    (false, true) => customer.clone(),
                    _ => String::new(),
                },
                kind,
                is_bot,
                revenue: if kind == Kind::Purchase { dice.between(1, 90) * 1_000_000 } else { 0 },
                ..click(at, format!("e{visitor}.{visit}.{event}"))
            };
            let stray = !is_early && dice.chance(150);
            out.push((if stray { dice.index(origins.max(2) - 1) } else { home }, record));
        }
    }
}

fn talk(dice: &Dice, case: usize, origins: usize, out: &mut Vec<(usize, Record)>) {
    let conversation = if dice.chance(600) { format!("t{case}") } else { String::new() };
    // Without an id it is the customer who makes the conversation: one who does nothing else.
    let customer = if conversation.is_empty() { format!("s{case}") } else { format!("c{}", dice.index(6)) };
    // Written from a device that also looked at the site: by somebody who said who they are, or not.
    let visitor =
        if !conversation.is_empty() && dice.chance(500) { format!("v{}", 1 + dice.index(4)) } else { String::new() };
    let customer = if !visitor.is_empty() && dice.chance(600) { String::new() } else { customer };
    let channel = dice.pick(&[Channel::Chat, Channel::SupportEmail]);
    let mut at = BEGIN_MS + dice.between(0, SPAN_MS - DAY_MS);
    for entry in 0..2 + dice.index(6) {
        let kind = match entry {
            0 => Kind::SupportOpened,
            _ => dice.pick(&[Kind::SupportMessage, Kind::SupportMessage, Kind::SupportResolved, Kind::SupportReopened]),
        };
        let record = Record {
            appears_ms: at + delay(dice),
            visitor: visitor.clone(),
            customer: customer.clone(),
            kind,
            conversation: conversation.clone(),
            channel,
            author: dice.pick(&[Author::Customer, Author::Agent, Author::Bot]),
            ..click(at, format!("t{case}.{entry}"))
        };
        out.push((dice.index(origins), record));
        at += match dice.below(6) {
            0 => dice.pick(&[TALK_GAP_MS, TALK_GAP_MS + 1, TALK_MEMORY_MS, TALK_MEMORY_MS + 1]),
            _ => dice.between(1, 3 * 60 * MINUTE_MS),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_found_where_they_stand_and_only_once_they_have_appeared() {
        for seed in 0..50 {
            let world = World::new(&Dice::new(seed, 0), 3);
            for placed in world.records() {
                assert_eq!(world.at(placed.origin, placed.offset).unwrap().record.id, placed.record.id);
                assert!(world.end(placed.origin, placed.record.appears_ms) > placed.offset);
                assert!(world.end(placed.origin, placed.record.appears_ms - 1) <= placed.offset);
            }
        }
    }

    #[test]
    fn nothing_but_ghosts_comes_later_than_allowed() {
        for seed in 0..500 {
            for Placed { record, .. } in World::new(&Dice::new(seed, 0), 3).records() {
                let behind = record.appears_ms - record.at_ms;
                assert!(behind >= 0 && (behind < LATENESS_MS || record.may_be_late), "{record:?}");
                assert!(record.appears_ms < END_MS - 3 * DAY_MS);
            }
        }
    }
}
