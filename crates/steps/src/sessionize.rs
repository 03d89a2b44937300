//! The sessionize step: touchpoints of one visitor partition to rows, and on to the people's log.

use crumbtrail_events::touchpoint::{self, Head};
use crumbtrail_events::wire::{Reader, WireError, put_bytes, put_varint};
use crumbtrail_events::{Key, Kind, Outcome, Touchpoint};
use crumbtrail_runtime::step::{Effects, StepError, StepGauges};
use crumbtrail_runtime::{Context, Step};
use crumbtrail_scratch::{Block, Scratch};
use crumbtrail_sessions::rows::{ConversationRow, SessionRow};
use crumbtrail_sessions::{Budget, Out, RuleBook, Sessions, SessionsError};
use crumbtrail_warehouse::{DeadLetterRow, RowVersion, TableId, TouchpointRow, place, tables};
use std::io;

use crate::rules::{Ruling, Told};
use crate::whose::{IDENTITY_LINKS, Place, Whose};

/// The tables it writes, by the number the step gives them.
pub const TABLES: [TableId; 5] =
    [TableId::Touchpoints, TableId::Sessions, TableId::Conversations, TableId::DeadLetters, TableId::IdentityLinks];
const TOUCHPOINTS: usize = 0;
const SESSIONS: usize = 1;
const CONVERSATIONS: usize = 2;
const DEAD_LETTERS: usize = 3;
const _: () = assert!(matches!(TABLES[IDENTITY_LINKS], TableId::IdentityLinks));

/// The format of the state this build writes and reads. Up to 2 it was the sessions' alone.
const VERSION: u8 = 10;

/// One partition's sessionize step.
pub struct Sessionize {
    rules: Ruling<RuleBook>,
    sessions: Sessions,
    /// Write the touchpoints table.
    touchpoints: bool,
    /// Partition of the log it reads, as the rows say it.
    partition: u32,
    /// Sessions closed for good since this step was made.
    closed: u64,
    whose: Whose,
    /// What of events stays in memory though there is room on disk.
    budget: Budget,
    /// Why a save cannot go on: told at the next tick.
    failed: Option<io::Error>,
    /// What a save under way begins with, and identity's part of it once that is whole.
    saving: Vec<u8>,
    saved_identity: Option<Vec<Vec<u8>>>,
}

impl Sessionize {
    /// An empty step.
    #[must_use]
    pub fn new(
        rules: Ruling<RuleBook>,
        identity: crumbtrail_identity::Rules,
        touchpoints: bool,
        place: Place,
    ) -> Sessionize {
        Sessionize {
            sessions: Sessions::new(rules.begun().clone()),
            rules,
            touchpoints,
            partition: place.partition,
            closed: 0,
            whose: Whose::new(identity, place),
            budget: Budget::of(usize::MAX),
            failed: None,
            saving: Vec::new(),
            saved_identity: None,
        }
    }

    /// Has no more than so many bytes of events stay in memory where there is room on disk.
    #[must_use]
    pub fn holding(self, most_resident: usize) -> Sessionize {
        Sessionize { budget: Budget::of(most_resident), ..self }
    }

    /// Takes a record that tells rules: by others, what is open is cut anew, and journeys hear of it.
    #[cold]
    fn hear(&mut self, payload: &[u8], context: Context, effects: &mut Effects) -> Result<(), StepError> {
        if let Some(rules) = self.rules.hear(payload)? {
            let version = RowVersion(context.version);
            let closed = &mut self.closed;
            self.sessions.change(rules, &mut Rows { effects, version, closed })?;
            effects.pass_to_all(payload);
        }
        Ok(())
    }

    /// What a state begins with.
    fn save_rules(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        self.rules.save(out);
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

    fn look_ahead(&self, payloads: &mut dyn Iterator<Item = &[u8]>) {
        let mut keys = [Key::default(); Sessions::AHEAD];
        let found = payloads.filter_map(|payload| payload.get(touchpoint::KEY)?.try_into().ok());
        let count = keys.iter_mut().zip(found).map(|(key, bytes)| *key = Key(u128::from_le_bytes(bytes))).count();
        self.sessions.look_ahead(keys[..count].iter().copied());
        self.whose.look_ahead(&keys[..count]);
    }

    fn record(&mut self, payload: &[u8], context: Context, effects: &mut Effects) -> Result<(), StepError> {
        let version = RowVersion(context.version);
        let Sessionize { sessions, closed, .. } = self;
        let judged = sessions.touchpoint(payload, context.watermark, &mut Rows { effects, version, closed });
        let judged = judged.map_err(|error| match error {
            SessionsError::Record(error) => StepError::from(error),
            SessionsError::Scratch(error) => StepError::from(error),
        })?;
        effects.outcome(judged.outcome);
        if judged.outcome == Outcome::Aside {
            return if Told::is_in(payload)? {
                self.hear(payload, context, effects)
            } else {
                self.whose.aside(payload, context, effects)
            };
        }
        let log_partition = self.partition;
        if judged.outcome == Outcome::Dead {
            let touchpoint = Touchpoint::decode(payload)?;
            let row = DeadLetterRow { touchpoint: &touchpoint, log_partition };
            effects.row_of_record(DEAD_LETTERS, place::hash(&touchpoint), |out| {
                tables::dead_letters::encode(&row, version, out)
            });
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
            effects.row_of_record(TOUCHPOINTS, place::hash(&touchpoint), |out| {
                tables::touchpoints::encode(&row, version, out)
            });
        }
        self.whose.touchpoint(payload, judged, &self.sessions, context, effects)
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
        effects.row_of_record(DEAD_LETTERS, place::hash(&touchpoint), |out| {
            tables::dead_letters::encode(&row, RowVersion(context.version), out)
        });
    }

    fn tick(&mut self, context: Context, effects: &mut Effects) -> Result<(), StepError> {
        if let Some(error) = self.failed.take() {
            return Err(error.into());
        }
        let version = RowVersion(context.version);
        let Sessionize { sessions, closed, .. } = self;
        sessions.tick(context.watermark, context.wall_ms, &mut Rows { effects, version, closed })?;
        self.whose.tick(context.watermark);
        Ok(())
    }

    fn save(&self, out: &mut Vec<u8>) {
        self.save_rules(out);
        let mut identity = Vec::new();
        self.whose.save(&mut identity);
        put_bytes(out, &identity);
        // Where events lie on disk, a state is saved in parts.
        self.sessions.save(out).expect("what is saved whole lies in memory");
    }

    fn begin_save(&mut self) {
        let mut begin = Vec::new();
        self.save_rules(&mut begin);
        self.whose.begin_save();
        self.sessions.begin_save();
        (self.saving, self.saved_identity) = (begin, None);
    }

    fn save_on(&mut self, most: usize) -> Option<Vec<Vec<u8>>> {
        if self.saved_identity.is_none() {
            self.saved_identity = Some(self.whose.save_on(most)?);
        }
        if self.failed.is_some() {
            return None;
        }
        let sessions = self.sessions.save_on(most).unwrap_or_else(|error| {
            self.failed = Some(error);
            None
        })?;
        let identity = self.saved_identity.take()?;
        let mut begin = std::mem::take(&mut self.saving);
        put_varint(&mut begin, identity.iter().map(Vec::len).sum::<usize>() as u64);
        let mut pieces = vec![begin];
        pieces.extend(identity.into_iter().chain(sessions));
        Some(pieces)
    }

    fn blocks(&self) -> Vec<(u64, Block)> {
        self.whose.blocks()
    }

    fn spill(&mut self, scratch: &mut Scratch) -> io::Result<()> {
        let spilled = self.sessions.spill(scratch, self.budget);
        self.whose.spill(scratch).and(spilled)
    }

    fn load(&mut self, bytes: &[u8], blocks: &[Block]) -> Result<(), StepError> {
        let mut reader = Reader::new(bytes);
        if reader.u8()? != VERSION {
            return Err(WireError::Malformed("sessionize state of another format version").into());
        }
        let rules = self.rules.load(reader.bytes()?)?;
        self.whose.load(reader.bytes()?, blocks)?;
        self.sessions = Sessions::load(rules, reader.rest())?;
        Ok(())
    }

    fn adopted(&mut self) -> Result<(), StepError> {
        if let Some(rules) = self.rules.adopt()? {
            self.sessions = Sessions::new(rules);
        }
        Ok(())
    }

    fn gauges(&self) -> StepGauges {
        StepGauges {
            open: self.sessions.open_sessions(),
            conversations: self.sessions.open_conversations(),
            resident_bytes: self.sessions.resident_bytes() + self.whose.resident_bytes(),
            bytes_on_disk: self.sessions.bytes_on_disk() + self.whose.bytes_on_disk(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crumbtrail_events::EventTime;
    use crumbtrail_events::touchpoint::To;
    use std::sync::Arc;

    const MINUTE: i64 = 60_000;

    /// A step that is told its gap, in minutes; 30 to begin with.
    fn step() -> Sessionize {
        let book = |minutes: i64| {
            let mut book = RuleBook::default();
            book.default.limits.gap_ms = minutes * MINUTE;
            book
        };
        let read = move |text: &str| text.parse().map(book).map_err(|_| format!("{text} is no number"));
        let rules = Ruling::new(book(30), Arc::new(read));
        Sessionize::new(rules, crumbtrail_identity::Rules::default(), true, Place { partition: 0, of: 1 })
    }

    fn context(index: u64) -> Context {
        Context { version: (1 << 56) | (index << 16), watermark: EventTime::MIN, wall_ms: 0 }
    }

    fn gap(minutes: &str, at: i64) -> Vec<u8> {
        let mut payload = Vec::new();
        Told { since: (EventTime(at), 7), text: minutes.to_owned() }.encode("rules:1", &mut payload);
        payload
    }

    fn click(at: i64) -> Vec<u8> {
        let key = Key::visitor("shop", "v");
        let head = Head {
            outcome: Outcome::Counted,
            kind: Kind::PageView,
            key,
            id: at as u64 + 1,
            occurred_at: EventTime(at),
        };
        let mut payload = Vec::new();
        Touchpoint { head, site: "shop", visitor: "v", ..Touchpoint::default() }.encode(&mut payload);
        payload
    }

    /// Sessions that were said of what the step is told, then of its end; restored from its snapshot before the record
    /// of a number, if one is given.
    fn said(records: &[Vec<u8>], restored_before: usize) -> (u64, usize) {
        let mut effects = Effects::new(TABLES.len());
        let mut own = step();
        for (n, record) in records.iter().enumerate() {
            if n == restored_before {
                let mut bytes = Vec::new();
                own.save(&mut bytes);
                own = step();
                own.load(&bytes, &[]).unwrap();
            }
            own.record(record, context(n as u64), &mut effects).unwrap();
        }
        own.tick(Context { wall_ms: 9_000, ..context(99) }, &mut effects).unwrap();
        let to_all = effects.passed.iter().filter(|(to, _)| *to == To::All).count();
        (effects.tables[SESSIONS].rows, to_all)
    }

    #[test]
    fn behind_the_record_another_gap_cuts_to_the_millisecond() {
        for (distance, sessions) in [(10 * MINUTE - 1, 1), (10 * MINUTE, 1), (10 * MINUTE + 1, 2)] {
            // Rules that are told again, or were given out before those in force, change nothing and go no further.
            let behind = [click(0), gap("10", 5), gap("10", 5), gap("20", 4), click(distance)];
            let before = [click(0), click(distance), gap("10", 5)];
            for restored_before in 0..=5 {
                assert_eq!(
                    said(&behind, restored_before),
                    (sessions, 1),
                    "{distance}, restored before {restored_before}"
                );
                assert_eq!(said(&before, restored_before), (sessions, 1), "what is open is cut anew");
            }
            assert_eq!(said(&[click(0), click(distance)], 9), (1, 0));
        }
    }

    /// docs/sessions.md, "Late, repeated, corrected": why the two differ.
    #[test]
    fn of_two_records_of_an_event_a_session_has_the_one_received_first_and_a_journey_the_one_that_came_first() {
        let bought = |at: i64, received_at: i64, micros: i64| {
            let head = Head {
                outcome: Outcome::Counted,
                kind: Kind::Purchase,
                key: Key::visitor("shop", "v"),
                id: 7,
                occurred_at: EventTime(at),
            };
            let revenue = crumbtrail_events::Micros(micros);
            let mut payload = Vec::new();
            Touchpoint {
                head,
                site: "shop",
                visitor: "v",
                customer: "c",
                received_at,
                revenue,
                ..Touchpoint::default()
            }
            .encode(&mut payload);
            payload
        };
        let (came_first, received_first) = (bought(1_000, 5_000, 1), bought(900, 4_000, 2));
        let run = |records: &[&[u8]]| {
            let mut effects = Effects::new(TABLES.len());
            let mut own = step();
            for (n, record) in records.iter().enumerate() {
                own.record(record, context(n as u64), &mut effects).unwrap();
            }
            own.tick(Context { wall_ms: 9_000, ..context(99) }, &mut effects).unwrap();
            effects
        };
        let rows = |effects: &Effects| effects.tables[SESSIONS].pieces.concat();
        let both = run(&[&came_first, &received_first]);
        assert_eq!(rows(&both), rows(&run(&[&received_first])), "as if the other had never come");
        assert_ne!(rows(&both), rows(&run(&[&came_first])));
        assert_eq!((both.counts.of(Outcome::Counted), both.counts.of(Outcome::Duplicate)), (1, 1));
        let [(to, range)] = &both.passed[..] else { panic!("nothing is taken back from a journey: {:?}", both.passed) };
        assert_eq!(*to, To::Key(Key::customer("shop", "c")));
        let passed = Touchpoint::decode(&both.passed_bytes[range.clone()]).unwrap();
        assert_eq!((passed.head.occurred_at, passed.revenue.0), (EventTime(1_000), 1));
    }

    #[test]
    fn rules_that_cannot_be_read_halt_the_step() {
        let mut effects = Effects::new(TABLES.len());
        let told = step().record(&gap("ten", 5), context(1), &mut effects);
        assert!(matches!(told, Err(StepError::Rules(why)) if why == "ten is no number"));
    }

    #[test]
    fn what_is_set_aside_is_dead_and_stands_where_it_can_be_looked_up() {
        let mut step = Sessionize::new(
            Ruling::fixed(RuleBook::default()),
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
