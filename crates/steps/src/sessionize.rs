//! The sessionize step: touchpoints of one visitor partition to rows, and on to the people's log.

use crumbtrail_events::touchpoint::Head;
use crumbtrail_events::wire::{Reader, WireError, put_bytes};
use crumbtrail_events::{Kind, Outcome, Touchpoint};
use crumbtrail_runtime::step::{Effects, StepError, StepGauges};
use crumbtrail_runtime::{Context, Step};
use crumbtrail_scratch::{Block, Scratch};
use crumbtrail_sessions::rows::{ConversationRow, SessionRow};
use crumbtrail_sessions::{Out, RuleBook, Sessions};
use crumbtrail_warehouse::{DeadLetterRow, RowVersion, TableId, TouchpointRow, tables};
use std::io;

use crate::whose::{Place, Whose};

/// The tables it writes, by the number the step gives them.
pub const TABLES: [TableId; 5] =
    [TableId::Touchpoints, TableId::Sessions, TableId::Conversations, TableId::DeadLetters, TableId::IdentityLinks];
const TOUCHPOINTS: usize = 0;
const SESSIONS: usize = 1;
const CONVERSATIONS: usize = 2;
const DEAD_LETTERS: usize = 3;
pub(crate) const IDENTITY_LINKS: usize = 4;

/// The format of the state this build writes and reads. Up to 2 it was the sessions' alone.
const VERSION: u8 = 5;

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
    whose: Whose,
}

impl Sessionize {
    /// An empty step.
    #[must_use]
    pub fn new(rules: RuleBook, identity: crumbtrail_identity::Rules, touchpoints: bool, place: Place) -> Sessionize {
        Sessionize {
            sessions: Sessions::new(rules.clone()),
            rules,
            touchpoints,
            partition: place.partition,
            closed: 0,
            whose: Whose::new(identity, place),
        }
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
        if judged.outcome == Outcome::Aside {
            return self.whose.aside(payload, context, effects);
        }
        let log_partition = self.partition;
        if judged.outcome == Outcome::Dead {
            let touchpoint = Touchpoint::decode(payload)?;
            let row = DeadLetterRow { touchpoint: &touchpoint, log_partition };
            effects.row(DEAD_LETTERS, |out| tables::dead_letters::encode(&row, version, out));
            return Ok(());
        }
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
        self.whose.touchpoint(payload, judged, context, effects)
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
        self.whose.tick(context.watermark);
    }

    fn save(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        let mut identity = Vec::new();
        self.whose.save(&mut identity);
        put_bytes(out, &identity);
        self.sessions.save(out);
    }

    fn blocks(&self) -> Vec<(u64, Block)> {
        self.whose.blocks()
    }

    fn spill(&mut self, scratch: &mut Scratch) -> io::Result<()> {
        self.whose.spill(scratch)
    }

    fn load(&mut self, bytes: &[u8], blocks: &[Block]) -> Result<(), StepError> {
        let mut reader = Reader::new(bytes);
        if reader.u8()? != VERSION {
            return Err(WireError::Malformed("sessionize state of another format version").into());
        }
        self.whose.load(reader.bytes()?, blocks)?;
        self.sessions = Sessions::load(self.rules.clone(), reader.rest())?;
        Ok(())
    }

    fn gauges(&self) -> StepGauges {
        StepGauges {
            open: self.sessions.open_sessions(),
            conversations: self.sessions.open_conversations(),
            resident_bytes: self.sessions.resident_bytes() + self.whose.resident_bytes(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crumbtrail_events::EventTime;

    #[test]
    fn what_is_set_aside_is_dead_and_stands_where_it_can_be_looked_up() {
        let mut step = Sessionize::new(
            RuleBook::default(),
            crumbtrail_identity::Rules::default(),
            true,
            Place { partition: 3, of: 8 },
        );
        let mut effects = Effects::new(step.tables());
        let context = Context { version: (1 << 56) | (77 << 16) | 5, watermark: EventTime::MIN, wall_ms: 0 };
        step.set_aside(context, &mut effects);
        assert_eq!((effects.counts.of(Outcome::Dead), effects.counts.total()), (1, 1));
        let rows: Vec<u64> = effects.tables.iter().map(|table| table.rows).collect();
        assert_eq!(rows, [0, 0, 0, 1, 0]);
        let row = effects.tables[DEAD_LETTERS].pieces.concat();
        let mut reader = Reader::new(&row);
        assert_eq!(reader.str(), Ok("log of touchpoints"));
        let (partition, offset) = (reader.array::<4>().unwrap(), reader.array::<8>().unwrap());
        assert_eq!((u32::from_le_bytes(partition), u64::from_le_bytes(offset)), (3, 77));
    }
}
