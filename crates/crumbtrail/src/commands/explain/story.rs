//! What is to be told of a session: which records are its own, which were left out and why, why it began and ended.

use std::collections::HashMap;

use crumbtrail_sessions::Rules;
use serde::{Deserialize, Serialize};

use crate::say::time_of;

/// A session as the table has it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Row {
    pub(super) site: String,
    pub(super) session_id: String,
    pub(super) visitor: String,
    pub(super) customer: String,
    pub(super) bot: String,
    /// Its events are robots' as intake found, and another chain: not so what only its behaviour tells.
    pub(super) is_robots: bool,
    pub(super) started_ms: i64,
    pub(super) ended_ms: i64,
    pub(super) end_reason: String,
    pub(super) is_continuation: bool,
    pub(super) is_final: bool,
    pub(super) event_count: u32,
    pub(super) ping_count: u32,
    pub(super) is_engaged: bool,
    pub(super) engaged_ms: i64,
    pub(super) channel: String,
    pub(super) source: String,
    pub(super) medium: String,
    pub(super) campaign: String,
    pub(super) client_session: String,
}

impl Row {
    /// Its records, heartbeats included.
    fn size(&self) -> usize {
        self.event_count as usize + self.ping_count as usize
    }
}

/// A record of its visitor.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) at_ms: i64,
    pub(super) received_ms: i64,
    pub(super) device_ms: i64,
    pub(super) event_id: String,
    pub(super) event_hash: String,
    pub(super) kind: String,
    pub(super) outcome: String,
    pub(super) page: String,
    pub(super) channel: String,
    pub(super) source: String,
    pub(super) medium: String,
    pub(super) campaign: String,
    pub(super) customer: String,
    pub(super) client_session: String,
    pub(super) bot: String,
}

impl Record {
    pub(super) fn is_message(&self) -> bool {
        self.kind.starts_with("message_")
    }

    fn is_known(&self) -> bool {
        matches!(self.outcome.as_str(), "counted" | "duplicate")
    }
}

/// Where a record stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "place", content = "why")]
pub(super) enum Standing {
    /// In the session.
    Inside,
    /// In another session of the visitor, or in none because nothing had begun.
    Elsewhere(String),
    /// Left out, and why.
    LeftOut(String),
}

/// A record and where it stands.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Told {
    #[serde(flatten)]
    pub(super) record: Record,
    #[serde(flatten)]
    pub(super) standing: Standing,
}

/// The whole.
#[derive(Debug, Serialize)]
pub(super) struct Story {
    pub(super) session: Row,
    /// Which rules it was cut by.
    pub(super) rules: String,
    pub(super) began: String,
    pub(super) ended: String,
    pub(super) records: Vec<Told>,
}

/// Tells the story of `session` by its visitor's sessions and the records around it, both in their order, and by rules; `which` says
/// which these are.
pub(super) fn tell(session: &Row, neighbours: &[Row], records: &[Record], rules: &Rules, which: &str) -> Story {
    let own = neighbours.iter().position(|row| row.session_id == session.session_id);
    let before = own.and_then(|own| neighbours[..own].last());
    let after = own.and_then(|own| neighbours.get(own + 1));
    let counting = counting(records);
    let is_akin = |&n: &usize| records[n].bot.is_empty() != session.is_robots;
    let mut effective: Vec<usize> = counting.values().copied().filter(is_akin).collect();
    effective.sort_unstable();
    let inside = inside(session, before, records, &effective);
    let counting_instead = |n: usize| {
        let other = counting.get(records[n].event_hash.as_str()).filter(|&&other| other != n && records[n].is_known());
        other.map(|&other| &records[other])
    };
    let standing = |n: usize| {
        let record = &records[n];
        if inside.binary_search(&n).is_ok() {
            Standing::Inside
        } else if let Some(why) = left_out(record, counting_instead(n), session, rules) {
            Standing::LeftOut(why)
        } else {
            Standing::Elsewhere(whose(record, neighbours))
        }
    };
    let first = inside.first().map(|&n| &records[n]);
    // A message ends nothing.
    let behind = |last| effective.iter().find(|&n| n > last && !records[*n].is_message());
    let next = inside.last().and_then(behind).map(|&n| &records[n]);
    Story {
        rules: which.to_owned(),
        began: began(session, before, first, rules),
        ended: ended(session, after, next, rules),
        records: (0..records.len()).map(|n| Told { record: records[n].clone(), standing: standing(n) }).collect(),
        session: session.clone(),
    }
}

/// The place of the record that counts of each event: the one received first, then the first in order.
fn counting(records: &[Record]) -> HashMap<&str, usize> {
    let rank = |n: usize| (records[n].received_ms, records[n].at_ms, records[n].device_ms, n);
    let mut counting = HashMap::new();
    for (n, record) in records.iter().enumerate().filter(|(_, record)| record.is_known()) {
        let held = counting.entry(record.event_hash.as_str()).or_insert(n);
        *held = if rank(n) < rank(*held) { n } else { *held };
    }
    counting
}

/// The session's records, by their places: as many as it has from its first on.
fn inside(session: &Row, before: Option<&Row>, records: &[Record], effective: &[usize]) -> Vec<usize> {
    let begins = |row: &Row, from: usize| {
        let may = |&n: &usize| records[n].at_ms >= row.started_ms && !records[n].is_message();
        effective.get(from..).and_then(|rest| rest.iter().position(may)).map_or(effective.len(), |at| from + at)
    };
    // Where the session before ends in the same millisecond, its size tells them apart.
    let from = before.filter(|row| row.ended_ms == session.started_ms).map_or(0, |row| begins(row, 0) + row.size());
    effective.iter().skip(begins(session, from)).take(session.size()).copied().collect()
}

/// Why a record is in no session of this visitor's chain; `other` is the one of the same event that counts instead.
fn left_out(record: &Record, other: Option<&Record>, session: &Row, rules: &Rules) -> Option<String> {
    let minutes = span(rules.limits.lateness_ms);
    Some(match record.outcome.as_str() {
        "late" if session.size() > rules.kept_events as usize && record.at_ms <= session.ended_ms => format!(
            "late: the session had more than {} events (kept_events) older than the lateness of {minutes}, and what it was to be \
             sorted in before was summed up by then; or its window had closed",
            rules.kept_events
        ),
        "late" => {
            format!("late: what it belongs to had ended more than the lateness of {minutes} before event time then")
        }
        "bot" => format!("a robot ({}), dropped by enrich.drop_bots", record.bot),
        "filtered" => "filtered by the site's rules".to_owned(),
        "erased" => "erased: consent was refused".to_owned(),
        _ if other.is_some() => {
            let received = other.map_or(0, |other| other.received_ms);
            format!("repeat: the record of the same event that was received first counts, {}", time_of(received))
        }
        _ if !session.is_robots && !record.bot.is_empty() => {
            format!("a robot ({}), kept apart from people", record.bot)
        }
        _ if session.is_robots && record.bot.is_empty() => "a person, kept apart from robots".to_owned(),
        _ => return None,
    })
}

fn whose(record: &Record, neighbours: &[Row]) -> String {
    let holds = |row: &&Row| (row.started_ms..=row.ended_ms).contains(&record.at_ms);
    match neighbours.iter().find(holds) {
        Some(row) => format!("session {}", row.session_id),
        None if record.is_message() => "in no session: a marketing message starts none".to_owned(),
        None => "in no session yet: its first row is not written".to_owned(),
    }
}

fn began(session: &Row, before: Option<&Row>, first: Option<&Record>, rules: &Rules) -> String {
    let Some(before) = before else { return "the first session of this visitor that the table has".to_owned() };
    let silence = session.started_ms - before.ended_ms;
    let from = format!("session {} ended", before.session_id);
    match before.end_reason.as_str() {
        "gap" => format!(
            "{} of silence since {}, more than the gap of {} (gap_seconds)",
            span(silence),
            before.session_id,
            span(rules.limits.gap_ms)
        ),
        "open" => format!("{from} {} before; its last row is not written yet", span(silence)),
        reason => format!("{from} here: {}", cut(reason, before, first, rules)),
    }
}

fn ended(session: &Row, after: Option<&Row>, next: Option<&Record>, rules: &Rules) -> String {
    let gap = span(rules.limits.gap_ms);
    match session.end_reason.as_str() {
        "open" => {
            let closes = session.ended_ms.saturating_add(rules.limits.gap_ms).saturating_add(rules.limits.lateness_ms);
            format!(
                "it has not: it is final once event time has passed {}, its last event and {gap} of silence and {} of lateness",
                time_of(closes),
                span(rules.limits.lateness_ms)
            )
        }
        "gap" => match after {
            Some(after) => format!(
                "gap: {} of silence until session {}, more than {gap} (gap_seconds)",
                span(after.started_ms - session.ended_ms),
                after.session_id
            ),
            None => {
                format!("gap: nothing that starts or extends one came within {gap} (gap_seconds), nor later so far")
            }
        },
        reason => cut(reason, session, next, rules),
    }
}

/// Why `session` was cut before the record that came next.
fn cut(reason: &str, session: &Row, next: Option<&Record>, rules: &Rules) -> String {
    let empty = Record::default();
    let next = next.unwrap_or(&empty);
    match reason {
        "longest" => format!(
            "longest: {} after its first event comes the next, more than {} (longest_seconds); rolled over",
            span(next.at_ms - session.started_ms),
            span(rules.longest_ms)
        ),
        "most" => format!("most: it had {} events (most_events); rolled over", rules.most_events),
        "customer" => {
            format!("customer: it is of {}, the next event of {} (cut_on_customer)", session.customer, next.customer)
        }
        "client_session" => format!(
            "client_session: the client's own id of it is {}, of the next event {} (client_sessions)",
            session.client_session, next.client_session
        ),
        "midnight" => "midnight: the site's day ended before the next event (cut_at_midnight)".to_owned(),
        "campaign" => format!(
            "campaign: it came by {}, the next event by {} (cut_on_campaign)",
            touch([&session.channel, &session.source, &session.medium, &session.campaign]),
            touch([&next.channel, &next.source, &next.medium, &next.campaign])
        ),
        other => other.to_owned(),
    }
}

/// A touch in a few words.
pub(super) fn touch(parts: [&str; 4]) -> String {
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" · ")
}

/// A length of time as a clock shows it: `0.250 s`, `31:00.000`, `26:00:00.000`.
pub(super) fn span(ms: i64) -> String {
    let (sign, ms) = (if ms < 0 { "-" } else { "" }, ms.unsigned_abs());
    let (seconds, thousandths) = (ms / 1_000 % 60, ms % 1_000);
    match (ms / 3_600_000, ms / 60_000 % 60) {
        (0, 0) => format!("{sign}{seconds}.{thousandths:03} s"),
        (0, minutes) => format!("{sign}{minutes}:{seconds:02}.{thousandths:03}"),
        (hours, minutes) => format!("{sign}{hours}:{minutes:02}:{seconds:02}.{thousandths:03}"),
    }
}

#[cfg(test)]
mod tests;
