//! The sessionize step: touchpoints of one visitor partition to rows, and on to the people's log.

use crumbtrail_events::touchpoint::{self, Head, Ids};
use crumbtrail_events::{Key, Kind, Outcome, Touchpoint};
use crumbtrail_runtime::step::{Effects, StepError, StepGauges};
use crumbtrail_runtime::{Context, Step};
use crumbtrail_sessions::rows::{ConversationRow, SessionRow};
use crumbtrail_sessions::{Out, RuleBook, Sessions};
use crumbtrail_warehouse::{DeadLetterRow, RowVersion, TableId, TouchpointRow, tables};

/// The tables it writes, by the number the step gives them.
pub const TABLES: [TableId; 4] =
    [TableId::Touchpoints, TableId::Sessions, TableId::Conversations, TableId::DeadLetters];
const TOUCHPOINTS: usize = 0;
const SESSIONS: usize = 1;
const CONVERSATIONS: usize = 2;
const DEAD_LETTERS: usize = 3;

/// One partition's sessionize step.
pub struct Sessionize {
    rules: RuleBook,
    sessions: Sessions,
    /// Write the touchpoints table.
    touchpoints: bool,
    /// Partition of the log it reads, as the rows say it.
    partition: u32,
    /// Sessions closed for good since this step was made.
    closed: u64,
}

impl Sessionize {
    /// An empty step.
    #[must_use]
    pub fn new(rules: RuleBook, touchpoints: bool, partition: u32) -> Sessionize {
        Sessionize { sessions: Sessions::new(rules.clone()), rules, touchpoints, partition, closed: 0 }
    }

    /// Sessions closed for good since this step was made (not part of the state).
    #[must_use]
    pub fn closed_sessions(&self) -> u64 {
        self.closed
    }
}

/// Encodes rows as they come.
struct Rows<'a> {
    effects: &'a mut Effects,
    version: RowVersion,
    closed: &'a mut u64,
}

impl Out for Rows<'_> {
    fn session(&mut self, row: &SessionRow<'_>) {
        let version = self.version;
        *self.closed += u64::from(row.is_final && !row.deleted);
        self.effects.row(SESSIONS, |out| tables::sessions::encode(row, version, out));
    }

    fn conversation(&mut self, row: &ConversationRow<'_>) {
        let version = self.version;
        self.effects.row(CONVERSATIONS, |out| tables::conversations::encode(row, version, out));
    }
}

impl Step for Sessionize {
    fn name(&self) -> &'static str {
        "sessionize"
    }

    fn tables(&self) -> usize {
        TABLES.len()
    }

    fn record(&mut self, payload: &[u8], context: Context, effects: &mut Effects) -> Result<(), StepError> {
        let version = RowVersion(context.version);
        let Sessionize { sessions, closed, .. } = self;
        let judged = sessions.touchpoint(payload, context.watermark, &mut Rows { effects, version, closed })?;
        effects.outcome(judged.outcome);
        let log_partition = self.partition;
        if judged.outcome == Outcome::Dead {
            let touchpoint = Touchpoint::decode(payload)?;
            let row = DeadLetterRow { touchpoint: &touchpoint, log_partition };
            effects.row(DEAD_LETTERS, |out| tables::dead_letters::encode(&row, version, out));
            return Ok(());
        }
        let counted = judged.outcome == Outcome::Counted;
        if self.touchpoints {
            let touchpoint = Touchpoint::decode(payload)?;
            let row = TouchpointRow {
                touchpoint: &touchpoint,
                outcome: judged.outcome,
                session_id: judged.session,
                log_partition,
            };
            effects.row(TOUCHPOINTS, |out| tables::touchpoints::encode(&row, version, out));
        }
        if counted {
            pass_on(payload, judged.session, effects)?;
        }
        Ok(())
    }

    fn set_aside(&mut self, context: Context, effects: &mut Effects) {
        // What the record says is not looked at: that is where processes crashed.
        let head = Head { outcome: Outcome::Dead, kind: Kind::Custom, id: context.version, ..Head::default() };
        let topic = "log of touchpoints";
        let offset = (context.version >> 16) & 0xFF_FFFF_FFFF;
        let (reason, detail) = ("quarantined", "three processes crashed at it: set aside unread");
        let partition = self.partition;
        let touchpoint = Touchpoint { head, topic, partition, offset, reason, detail, ..Touchpoint::default() };
        let row = DeadLetterRow { touchpoint: &touchpoint, log_partition: partition };
        effects.outcome(Outcome::Dead);
        effects.row(DEAD_LETTERS, |out| tables::dead_letters::encode(&row, RowVersion(context.version), out));
    }

    fn tick(&mut self, context: Context, effects: &mut Effects) {
        let version = RowVersion(context.version);
        let Sessionize { sessions, closed, .. } = self;
        sessions.tick(context.watermark, context.wall_ms, &mut Rows { effects, version, closed });
    }

    fn save(&self, out: &mut Vec<u8>) {
        self.sessions.save(out);
    }

    fn load(&mut self, bytes: &[u8]) -> Result<(), StepError> {
        self.sessions = Sessions::load(self.rules.clone(), bytes)?;
        Ok(())
    }

    fn gauges(&self) -> StepGauges {
        StepGauges {
            open: self.sessions.open_sessions(),
            conversations: self.sessions.open_conversations(),
            resident_bytes: self.sessions.resident_bytes(),
        }
    }
}

/// Passes a counted touchpoint on to its person's log, with what a journey needs of it. Robots have no journey.
fn pass_on(payload: &[u8], session: u64, effects: &mut Effects) -> Result<(), StepError> {
    let ids = Ids::peek(payload)?;
    if ids.is_bot {
        return Ok(());
    }
    let key = person(&Head::peek(payload)?, &ids);
    let mut copied = Ok(());
    effects.pass(key, |out| copied = touchpoint::pass_on(payload, key, session, out));
    Ok(copied?)
}

/// Whom a touchpoint's journey belongs to: the customer if known, else the visitor, else the contact, else the
/// conversation it was routed by.
fn person(head: &Head, ids: &Ids<'_>) -> Key {
    if !ids.customer.is_empty() {
        Key::customer(ids.site, ids.customer)
    } else if !ids.visitor.is_empty() {
        // A click was routed by its visitor: the hash is made already.
        if head.kind.is_support() { Key::visitor(ids.site, ids.visitor) } else { head.key }
    } else if !ids.contact.is_empty() {
        Key::contact(ids.site, ids.contact)
    } else {
        head.key
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crumbtrail_events::touchpoint::{Item, Items};
    use crumbtrail_events::vocabulary::{Author, Channel, Device, Feeling, Scale};
    use crumbtrail_events::{EventTime, Micros};

    /// What a journey needs of a touchpoint, under the person's key.
    fn compact<'a>(touchpoint: &Touchpoint<'a>, key: Key, session: u64) -> Touchpoint<'a> {
        Touchpoint {
            head: Head { key, ..touchpoint.head },
            event_id: touchpoint.event_id,
            site: touchpoint.site,
            visitor: touchpoint.visitor,
            customer: touchpoint.customer,
            contact: touchpoint.contact,
            name: touchpoint.name,
            page: touchpoint.page,
            referrer: touchpoint.referrer,
            channel: touchpoint.channel,
            source: touchpoint.source,
            medium: touchpoint.medium,
            campaign: touchpoint.campaign,
            term: touchpoint.term,
            content: touchpoint.content,
            click_id: touchpoint.click_id,
            country: touchpoint.country,
            region: touchpoint.region,
            city: touchpoint.city,
            latitude: touchpoint.latitude,
            longitude: touchpoint.longitude,
            time_zone: touchpoint.time_zone,
            device: touchpoint.device,
            browser: touchpoint.browser,
            os: touchpoint.os,
            language: touchpoint.language,
            items: touchpoint.items,
            order_id: touchpoint.order_id,
            revenue: touchpoint.revenue,
            currency: touchpoint.currency,
            step: touchpoint.step,
            store: touchpoint.store,
            conversation: touchpoint.conversation,
            author: touchpoint.author,
            rating: touchpoint.rating,
            scale: touchpoint.scale,
            feeling: touchpoint.feeling,
            score: touchpoint.score,
            topics: touchpoint.topics,
            friction: touchpoint.friction,
            session,
            ..Touchpoint::default()
        }
    }

    /// Every field set, but who it is of.
    fn full(items: &[u8]) -> Touchpoint<'_> {
        Touchpoint {
            event_id: "e",
            site: "s",
            device_at: 1,
            received_at: 2,
            name: "n",
            host: "h",
            page: "/p",
            title: "t",
            referrer: "r",
            channel: Channel::from_code(2).unwrap(),
            source: "so",
            medium: "me",
            campaign: "ca",
            term: "te",
            content: "co",
            click_id: "ci",
            country: "TH",
            region: "re",
            city: "ci",
            latitude: Some(1.0),
            longitude: Some(2.0),
            time_zone: "tz",
            device: Device::from_code(1).unwrap(),
            browser: "b",
            os: "o",
            language: "l",
            items: Items::from_buffer(items),
            order_id: "oi",
            revenue: Micros(7),
            currency: "THB",
            search: "se",
            step: "st",
            client_session: "cs",
            properties: "{}",
            store: "sto",
            conversation: "con",
            author: Author::from_code(1).unwrap(),
            agent: "ag",
            department: "de",
            rating: Some(3.0),
            scale: Scale::from_code(1).unwrap(),
            priority: "pr",
            tags: "ta",
            text: "tx",
            characters: 3,
            feeling: Feeling::from_code(1).unwrap(),
            score: Some(0.5),
            confidence: Some(0.6),
            topics: 5,
            friction: true,
            reason: "rs",
            detail: "dt",
            topic: "tp",
            partition: 4,
            offset: 9,
            model: "m",
            ..Touchpoint::default()
        }
    }

    #[test]
    fn what_is_passed_on_is_what_a_journey_needs_and_no_more() {
        let mut items = Vec::new();
        Items::push(&mut items, &Item { product: "p", quantity: 2, ..Item::default() });
        let whose = [("c", "v", "h"), ("", "v", "h"), ("", "", "h"), ("", "", "")];
        for kind in [Kind::Purchase, Kind::SupportMessage] {
            for (customer, visitor, contact) in whose {
                if visitor.is_empty() && !kind.is_support() {
                    continue; // a click has a visitor
                }
                let routed = if kind.is_support() { Key::conversation("s", "con") } else { Key::visitor("s", visitor) };
                let head = Head { kind, key: routed, id: 3, occurred_at: EventTime(4), outcome: Outcome::Counted };
                let touchpoint = Touchpoint { head, customer, visitor, contact, ..full(&items) };
                let mut payload = Vec::new();
                touchpoint.encode(&mut payload);
                let mut effects = Effects::new(0);
                pass_on(&payload, 11, &mut effects).unwrap();
                let key = match (customer, visitor, contact) {
                    ("", "", "") => routed,
                    ("", "", contact) => Key::contact("s", contact),
                    ("", visitor, _) => Key::visitor("s", visitor),
                    (customer, ..) => Key::customer("s", customer),
                };
                let mut expected = Vec::new();
                compact(&touchpoint, key, 11).encode(&mut expected);
                assert_eq!(effects.passed_bytes, expected);
                assert_eq!(effects.passed, [(key, 0..expected.len())]);
            }
        }
    }

    #[test]
    fn robots_are_not_passed_on() {
        let mut payload = Vec::new();
        Touchpoint { bot: "agent", visitor: "v", ..Touchpoint::default() }.encode(&mut payload);
        let mut effects = Effects::new(0);
        pass_on(&payload, 0, &mut effects).unwrap();
        assert!(effects.passed.is_empty());
    }
}
