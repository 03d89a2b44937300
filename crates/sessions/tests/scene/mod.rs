//! One visitor before a partition, and a table of what it says.
#![allow(dead_code, reason = "each test binary uses a part")]

use crumbtrail_events::ids::id_hash;
use crumbtrail_events::touchpoint::{Head, Touchpoint};
use crumbtrail_events::{EventTime, Key, Kind, Outcome};
use crumbtrail_sessions::rows::{ConversationRow, SessionRow};
use crumbtrail_sessions::{Out, RuleBook, Sessions};
use std::collections::BTreeMap;

pub(crate) struct Scene {
    pub(crate) book: RuleBook,
    pub(crate) state: Sessions,
    pub(crate) watermark: EventTime,
    /// Rows said so far.
    pub(crate) rows: usize,
    /// Id of the session told with the last touchpoint.
    pub(crate) last_session: u64,
    wall: i64,
    table: Table,
}

/// Start, end and event count of a session.
type Said = (i64, i64, u32);

#[derive(Default)]
struct Table {
    sessions: BTreeMap<(i64, u64), (bool, bool, Said)>,
    retracted: Vec<i64>,
    talks: BTreeMap<(String, i64), (bool, bool, Talk)>,
    service: BTreeMap<String, Service>,
    rows: usize,
}

/// What a conversation's row says of the service, owned. Times in ms.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Service {
    /// To the first reply, the first resolution and the one that holds, in business time.
    pub(crate) business: [Option<i64>; 3],
    pub(crate) awaiting: (&'static str, Option<i64>),
    /// Of the requester, in business time, of the agent.
    pub(crate) waits: [i64; 3],
    /// First reply and resolution.
    pub(crate) due: [Option<i64>; 2],
    pub(crate) breached: [Option<bool>; 2],
    pub(crate) touch_class: &'static str,
    /// Agents, departments, channels.
    pub(crate) changes: [u32; 3],
    pub(crate) department_count: u32,
    pub(crate) rating: (Option<f32>, &'static str),
    /// CSAT, NPS, CES.
    pub(crate) surveys: [Option<f32>; 3],
    pub(crate) score_trend: Option<f32>,
}

/// A conversation's row, owned.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Talk {
    pub(crate) span: (i64, i64),
    pub(crate) first_reply: Option<i64>,
    pub(crate) first_resolved: Option<i64>,
    pub(crate) resolved: Option<i64>,
    pub(crate) reopen_count: u32,
    /// Of customer, agents, automata.
    pub(crate) messages: [u32; 3],
    pub(crate) agent_count: u32,
    pub(crate) ratings: [Option<f32>; 2],
    /// Start, end, worst.
    pub(crate) scores: [Option<f32>; 3],
    /// Topics, likes, dislikes, kinds of friction.
    pub(crate) sets: [u32; 4],
    /// Texts with friction; questions, complaints, suggestions, praise.
    pub(crate) counts: [u32; 5],
    pub(crate) status: &'static str,
    pub(crate) person: Key,
    pub(crate) department: String,
}

impl Out for Table {
    fn session(&mut self, row: &SessionRow<'_>) {
        self.rows += 1;
        if row.deleted {
            self.retracted.push(row.started_at.0);
        }
        let said = (row.started_at.0, row.ended_at.0, row.event_count);
        self.sessions.insert((row.started_at.0, row.session_id), (row.deleted, row.is_final, said));
    }

    fn conversation(&mut self, row: &ConversationRow<'_>) {
        self.rows += 1;
        let time = |at: Option<EventTime>| at.map(|at| at.0);
        let talk = Talk {
            span: (row.opened_at.0, row.last_at.0),
            first_reply: time(row.first_reply_at),
            first_resolved: time(row.first_resolved_at),
            resolved: time(row.resolved_at),
            reopen_count: row.reopen_count,
            messages: [row.customer_message_count, row.agent_message_count, row.bot_message_count],
            agent_count: row.agent_count,
            ratings: [row.rating_first, row.rating_latest],
            scores: [row.score_start, row.score_end, row.score_worst],
            sets: [row.topics, row.likes, row.dislikes, row.frictions],
            counts: [
                row.friction_count,
                row.question_count,
                row.complaint_count,
                row.suggestion_count,
                row.praise_count,
            ],
            status: row.status,
            person: row.person,
            department: row.department.to_owned(),
        };
        let service = Service {
            business: [row.first_reply_business_ms, row.first_resolution_business_ms, row.resolution_business_ms],
            awaiting: (row.awaiting, time(row.waiting_since)),
            waits: [row.requester_wait_ms, row.requester_wait_business_ms, row.agent_wait_ms],
            due: [time(row.first_reply_due_at), time(row.resolution_due_at)],
            breached: [row.is_first_reply_breached, row.is_resolution_breached],
            touch_class: row.touch_class,
            changes: [row.handover_count, row.department_change_count, row.channel_change_count],
            department_count: row.department_count,
            rating: (row.rating_move, row.rating_turn),
            surveys: [row.csat, row.nps, row.ces],
            score_trend: row.score_trend,
        };
        self.service.insert(row.conversation_id.to_owned(), service);
        let key = (row.conversation_id.to_owned(), row.opened_at.0);
        self.talks.insert(key, (row.deleted, row.is_final, talk));
    }
}

impl Scene {
    pub(crate) fn new(book: RuleBook) -> Scene {
        let state = Sessions::new(book.clone());
        Scene { book, state, watermark: EventTime::MIN, rows: 0, last_session: 0, wall: 0, table: Table::default() }
    }

    /// A click at `at`; its id is its time.
    pub(crate) fn click(&mut self, at: i64) -> Outcome {
        self.send(at, |_| {})
    }

    /// A click of another visitor.
    pub(crate) fn visit(&mut self, visitor: &str, at: i64) -> Outcome {
        let key = Key::visitor("shop", visitor);
        let mut touchpoint = Touchpoint { site: "shop", visitor, ..Touchpoint::default() };
        touchpoint.head.key = key;
        self.touch(at, touchpoint)
    }

    /// A touchpoint at `at`, changed by `change`.
    pub(crate) fn send<'a>(&mut self, at: i64, change: impl FnOnce(&mut Touchpoint<'a>)) -> Outcome {
        let mut touchpoint = Touchpoint {
            head: Head { kind: Kind::Click, key: Key::visitor("shop", "v"), ..Head::default() },
            site: "shop",
            visitor: "v",
            ..Touchpoint::default()
        };
        change(&mut touchpoint);
        self.touch(at, touchpoint)
    }

    /// The same with an id of its own.
    pub(crate) fn send_as<'a>(&mut self, at: i64, id: u64, change: impl FnOnce(&mut Touchpoint<'a>)) -> Outcome {
        self.send(at, |t| {
            t.head.id = id;
            change(t);
        })
    }

    fn touch(&mut self, at: i64, mut touchpoint: Touchpoint<'_>) -> Outcome {
        touchpoint.head.occurred_at = EventTime(at);
        if touchpoint.head.id == 0 {
            touchpoint.head.id = id_hash(&format!("{at} {}", touchpoint.event_id));
        }
        let mut bytes = Vec::new();
        touchpoint.encode(&mut bytes);
        let judged = self.state.touchpoint(&bytes, self.watermark, &mut self.table).expect("own touchpoint");
        self.last_session = judged.session;
        judged.outcome
    }

    /// A tick long after the one before, so that nothing is held back.
    pub(crate) fn tick(&mut self, watermark: i64) {
        let wall = self.wall + 60_000;
        self.tick_at(watermark, wall);
    }

    pub(crate) fn tick_at(&mut self, watermark: i64, wall: i64) {
        self.wall = wall;
        self.watermark = EventTime(watermark);
        self.state.tick(self.watermark, wall, &mut self.table).unwrap();
        self.rows = self.table.rows;
    }

    /// From here on the rules are changed ones.
    pub(crate) fn change(&mut self, change: impl FnOnce(&mut RuleBook)) {
        change(&mut self.book);
        self.state.change(self.book.clone(), &mut self.table).unwrap();
        self.rows = self.table.rows;
    }

    fn rows_that(&self, are_final: bool) -> Vec<Said> {
        let rows = self.table.sessions.values();
        rows.filter(|(deleted, is_final, _)| !deleted && *is_final == are_final).map(|(_, _, said)| *said).collect()
    }

    /// Start, end and event count of the sessions that are not final.
    pub(crate) fn open_rows(&self) -> Vec<Said> {
        self.rows_that(false)
    }

    /// The same of the final ones.
    pub(crate) fn final_rows(&self) -> Vec<Said> {
        self.rows_that(true)
    }

    /// Starts of the sessions taken back.
    pub(crate) fn retracted(&self) -> Vec<i64> {
        self.table.retracted.clone()
    }

    /// Ids of all sessions said.
    pub(crate) fn ids(&self) -> Vec<u64> {
        self.table.sessions.keys().map(|(_, id)| *id).collect()
    }

    /// What is said now of the service in a conversation.
    pub(crate) fn service(&self, id: &str) -> Service {
        self.table.service.get(id).cloned().unwrap_or_default()
    }

    /// Conversations that are said now, the last one of each id: whether final, and what.
    pub(crate) fn talks(&self) -> BTreeMap<String, (bool, Talk)> {
        let talks = self.table.talks.iter().filter(|(_, (deleted, ..))| !deleted);
        talks.map(|((id, _), (_, is_final, talk))| (id.clone(), (*is_final, talk.clone()))).collect()
    }

    /// Begin and end of all that are said now, in order, and whether they are final.
    pub(crate) fn spans(&self) -> Vec<(i64, i64, bool)> {
        let talks = self.table.talks.values().filter(|(deleted, ..)| !deleted);
        let mut spans: Vec<_> = talks.map(|(_, is_final, talk)| (talk.span.0, talk.span.1, *is_final)).collect();
        spans.sort_unstable();
        spans
    }
}
