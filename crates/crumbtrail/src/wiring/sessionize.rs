//! The sessionize step: touchpoints of one visitor partition to rows, and on to the people's log.

use crumbtrail_events::touchpoint::Head;
use crumbtrail_events::{Key, Outcome, Touchpoint};
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
        if !self.touchpoints && !counted {
            return Ok(());
        }
        let touchpoint = Touchpoint::decode(payload)?;
        if self.touchpoints {
            let row = TouchpointRow {
                touchpoint: &touchpoint,
                outcome: judged.outcome,
                session_id: judged.session,
                log_partition,
            };
            effects.row(TOUCHPOINTS, |out| tables::touchpoints::encode(&row, version, out));
        }
        // Robots have no journey.
        if counted && touchpoint.bot.is_empty() {
            let key = person(&touchpoint);
            let passed = compact(&touchpoint, key, judged.session);
            effects.pass(key, |out| passed.encode(out));
        }
        Ok(())
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

/// Whom a touchpoint's journey belongs to: the customer if known, else the visitor, else the contact, else the
/// conversation it was routed by.
fn person(touchpoint: &Touchpoint<'_>) -> Key {
    let site = touchpoint.site;
    if !touchpoint.customer.is_empty() {
        Key::customer(site, touchpoint.customer)
    } else if !touchpoint.visitor.is_empty() {
        Key::visitor(site, touchpoint.visitor)
    } else if !touchpoint.contact.is_empty() {
        Key::contact(site, touchpoint.contact)
    } else {
        touchpoint.head.key
    }
}

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
        channel: touchpoint.channel,
        source: touchpoint.source,
        medium: touchpoint.medium,
        campaign: touchpoint.campaign,
        country: touchpoint.country,
        region: touchpoint.region,
        city: touchpoint.city,
        device: touchpoint.device,
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
