//! `rebuild --since`: a history in two parts. What lies wholly before a moment is taken over from the old tables as it is; what
//! reaches over it or lies behind it is computed anew.
//!
//! ```text
//!                           since
//! visitor a  ──[session]──    │   ──[session]──►    taken over │ computed anew
//! visitor b  ──[session]── [══│══session══]  ──►    taken over, and from the begin of the one that reaches over on, anew
//! ```
//!
//! Each touchpoint counts on one side. Who named whom before the moment is carried as a claim, so that identity knows it still.

use std::collections::HashMap;

use anyhow::{Context as _, Result, bail};
use crumbtrail_events::touchpoint::{Head, Ids, Role};
use crumbtrail_events::{Key, Outcome, Touchpoint};
use crumbtrail_log::{Log, Offset, PartitionId, frame};
use crumbtrail_runtime::Clock;
use crumbtrail_warehouse::{Client, TableId};
use serde::Deserialize;

use super::plan::{Old, Plan};
use super::taking::{BY_TIME, moment};
use crate::say::time_of;
use crate::wiring::Deployment;
use crate::wiring::tables::Clickhouse;

/// What is computed anew.
#[derive(Debug)]
pub struct Since {
    /// From this event time on, ms.
    at: i64,
    /// Begin of the session of a visitor that reaches over it, ms.
    sessions: HashMap<Key, i64>,
    /// Begin of the conversation of a key that reaches over it, ms; with its channel where the source gave it no id.
    conversations: HashMap<(Key, String), i64>,
}

/// What is carried of a record.
#[derive(Debug, PartialEq, Eq)]
pub enum Kept {
    /// All of it.
    Whole,
    /// That its customer claimed its visitor, as bytes that were appended.
    Claim,
    /// Nothing: its row is taken over.
    Nothing,
}

/// What the begin of the log has to do with a moment.
pub struct Forgotten {
    /// Touchpoints of sessions and conversations that reach over it which the log has forgotten.
    pub cut: u64,
}

impl Since {
    /// Asks the old tables what reaches over `at`.
    ///
    /// # Errors
    /// Unreachable, late, refused.
    pub async fn ask(client: &Client, epoch: u8, at: i64) -> Result<Since> {
        #[derive(Deserialize)]
        struct Session {
            site: String,
            visitor: String,
            begun: i64,
        }
        #[derive(Deserialize)]
        struct Conversation {
            site: String,
            conversation_id: String,
            customer: String,
            visitor: String,
            contact: String,
            channel: String,
            begun: i64,
        }
        let sql = format!(
            "SELECT site, visitor, toUnixTimestamp64Milli(min(started_at)) AS begun FROM {} WHERE {} GROUP BY site, visitor",
            table(client, TableId::Sessions, epoch),
            reaches_over("started_at", "ended_at", at),
        );
        let sessions = client.rows::<Session>(&sql).await?;
        let sql = format!(
            "SELECT site, conversation_id, customer, visitor, contact, channel, toUnixTimestamp64Milli(opened_at) AS begun \
             FROM {} WHERE {}",
            table(client, TableId::Conversations, epoch),
            reaches_over("opened_at", "last_at", at),
        );
        let conversations = client.rows::<Conversation>(&sql).await?;
        let of_conversation =
            |c: &Conversation| match (c.conversation_id.starts_with('~'), c.customer.as_str(), c.visitor.as_str()) {
                (false, ..) => (Key::conversation(&c.site, &c.conversation_id), String::new()),
                (true, "", "") => (Key::contact(&c.site, &c.contact), c.channel.clone()),
                (true, "", visitor) => (Key::visitor(&c.site[..], visitor), c.channel.clone()),
                (true, customer, _) => (Key::customer(&c.site[..], customer), c.channel.clone()),
            };
        Ok(Since {
            at,
            sessions: sessions.iter().map(|s| (Key::visitor(&s.site, &s.visitor), s.begun)).collect(),
            conversations: conversations.iter().map(|c| (of_conversation(c), c.begun)).collect(),
        })
    }

    /// What is carried of a record of the old log. A claim is appended to `claim`.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn of(&self, head: &Head, payload: &[u8], claim: &mut Vec<u8>) -> Result<Kept> {
        let occurred_at = head.occurred_at.0;
        if occurred_at >= self.at {
            return Ok(Kept::Whole);
        }
        if head.outcome == Outcome::Aside {
            let is_said_of_ids = Touchpoint::decode(payload)?.role != Role::Share;
            return Ok(if is_said_of_ids { Kept::Whole } else { Kept::Nothing });
        }
        if head.kind.is_support() {
            let begun = |channel: &str| self.conversations.get(&(head.key, channel.to_owned()));
            let reaches_over = !self.conversations.is_empty()
                && begun("")
                    .or(begun(Touchpoint::decode(payload)?.channel.as_str()))
                    .is_some_and(|begun| occurred_at >= *begun);
            return Ok(if reaches_over { Kept::Whole } else { Kept::Nothing });
        }
        if self.sessions.get(&head.key).is_some_and(|begun| occurred_at >= *begun) {
            return Ok(Kept::Whole);
        }
        let ids = Ids::peek(payload)?;
        if head.outcome != Outcome::Counted || ids.is_bot || ids.customer.is_empty() {
            return Ok(Kept::Nothing);
        }
        let Touchpoint { event_id, site, visitor, customer, .. } = Touchpoint::decode(payload)?;
        let head = Head { outcome: Outcome::Aside, ..*head };
        Touchpoint { head, event_id, site, visitor, customer, role: Role::Claim, ..Touchpoint::default() }
            .encode(claim);
        Ok(Kept::Claim)
    }
}

/// The latest rows of a table.
fn table(client: &Client, table: TableId, epoch: u8) -> String {
    format!("{}.{} FINAL", client.database(), table.in_epoch(epoch))
}

fn reaches_over(begin: &str, end: &str, at: i64) -> String {
    format!("{begin} < {0} AND {end} >= {0}", moment(at))
}

/// Makes sure that the log has all that happened since.
///
/// # Errors
/// It has forgotten some of it; says from when on it has all. Unreachable, late, refused.
pub fn check(deployment: &Deployment, clickhouse: &Clickhouse, log: &dyn Log, epoch: u8, at: i64) -> Result<Forgotten> {
    // What an earlier rebuild has taken over was never in this log.
    let (mut below, mut tick_ms) = (vec![taken_over(epoch)], None);
    for partition in (0..log.partitions()).map(PartitionId) {
        let (first, _) = log.bounds(partition)?;
        if first > Offset(0) {
            below.push(format!(
                "(log_partition = {} AND bitAnd(bitShiftRight(version, 16), 0xFFFFFFFFFF) < {})",
                partition.0, first.0
            ));
            tick_ms = tick_ms.max(first_tick_ms(log, partition, first)?);
        }
    }
    let settings = &deployment.config.clickhouse;
    deployment.runtime.block_on(check_taken_over(&clickhouse.client, epoch, at))?;
    let ttl_ms = Some(settings.touchpoints_ttl_days).filter(|days| *days > 0).map(|days| i64::from(days) * 86_400_000);
    let is_told = settings.touchpoints && ttl_ms.is_none_or(|ttl_ms| at > Clock::System.now_ms() - ttl_ms);
    if !is_told {
        // No table tells what was forgotten: what happened after the oldest tick cannot have been written before it.
        if let Some(tick_ms) = tick_ms.filter(|tick_ms| at < *tick_ms) {
            bail!("{} has forgotten its begin: the earliest is --since {}", log.name(), time_of(tick_ms));
        }
        return Ok(Forgotten { cut: 0 });
    }
    #[derive(Deserialize)]
    struct Row {
        missing: u64,
        latest: i64,
        cut: u64,
    }
    let client = &clickhouse.client;
    let sql = format!(
        "SELECT countIf(occurred_at >= {at}) AS missing, toUnixTimestamp64Milli(max(occurred_at)) AS latest, \
         countIf(occurred_at < {at} AND (session_id IN (SELECT session_id FROM {sessions} WHERE {session_over}) \
         OR (site, conversation_id) IN (SELECT site, conversation_id FROM {conversations} WHERE {conversation_over}))) AS cut \
         FROM {touchpoints} WHERE {below}",
        at = moment(at),
        sessions = table(client, TableId::Sessions, epoch),
        session_over = reaches_over("started_at", "ended_at", at),
        conversations = table(client, TableId::Conversations, epoch),
        conversation_over = reaches_over("opened_at", "last_at", at),
        touchpoints = table(client, TableId::Touchpoints, epoch),
        below = below.join(" OR "),
    );
    let rows = deployment.runtime.block_on(client.rows::<Row>(&sql))?;
    let row = rows.into_iter().next().context("the tables do not say what the log has forgotten")?;
    if row.missing > 0 {
        bail!(
            "{} touchpoints since then are in {} no more (log.ttl_hours): the earliest is --since {}",
            row.missing,
            log.name(),
            time_of(row.latest.saturating_add(1))
        );
    }
    Ok(Forgotten { cut: row.cut })
}

/// Makes sure that nothing which an earlier rebuild has taken over, and no log has any more, reaches over the moment.
async fn check_taken_over(client: &Client, epoch: u8, at: i64) -> Result<()> {
    #[derive(Deserialize)]
    struct Row {
        missing: u64,
        latest: i64,
    }
    for (of, time) in BY_TIME {
        let sql = format!(
            "SELECT count() AS missing, toUnixTimestamp64Milli(max({time})) AS latest FROM {} WHERE {} AND {time} >= {}",
            table(client, of, epoch),
            taken_over(epoch),
            moment(at)
        );
        if let Some(row) = client.rows::<Row>(&sql).await?.first().filter(|row| row.missing > 0) {
            bail!(
                "{} rows of {} since then were taken over by an earlier rebuild, and are in no log any more: the earliest is --since {}",
                row.missing,
                of.name(),
                time_of(row.latest.saturating_add(1))
            );
        }
    }
    Ok(())
}

/// The condition of rows that an earlier epoch's log made.
fn taken_over(epoch: u8) -> String {
    format!("bitShiftRight(version, 56) < {epoch}")
}

/// Whether an earlier rebuild has taken over rows, so that the log alone is not all of the history.
///
/// # Errors
/// Unreachable, late, refused.
pub async fn has_taken_over(client: &Client, epoch: u8) -> Result<bool> {
    #[derive(Deserialize)]
    struct Row {
        rows: u64,
    }
    let tables = BY_TIME.into_iter().map(|(of, _)| of).chain([TableId::DeadLetters]);
    let count = |of| format!("(SELECT count() FROM {} WHERE {})", table(client, of, epoch), taken_over(epoch));
    let sql = format!("SELECT {} AS rows", tables.map(count).collect::<Vec<_>>().join(" + "));
    Ok(client.rows::<Row>(&sql).await?.first().is_some_and(|row| row.rows > 0))
}

/// What of the history is computed anew, where it is not all; tells what is cut off for that.
///
/// # Errors
/// It must be said, or the tables of before forbid it, or they cannot be asked.
pub fn planned(plan: &Plan, deployment: &Deployment, clickhouse: &Clickhouse, old: &Old) -> Result<Option<Since>> {
    let Some(at) = plan.since else {
        if deployment.runtime.block_on(has_taken_over(&clickhouse.client, plan.from))? {
            bail!(
                "the log of epoch {} has forgotten its begin, which an earlier rebuild has taken over: give --since TIME here, too",
                plan.from
            );
        }
        return Ok(None);
    };
    let forgotten = check(deployment, clickhouse, old.touchpoints.as_ref(), plan.from, at)?;
    if forgotten.cut > 0 {
        sayln!(
            "{:<12} {:>12} touchpoints of sessions and conversations that reach over it are forgotten: these begin later now",
            "cut off",
            forgotten.cut
        );
    }
    Ok(Some(deployment.runtime.block_on(Since::ask(&clickhouse.client, plan.from, at))?))
}

/// Wall time of the first tick from an offset on.
pub fn first_tick_ms(log: &dyn Log, partition: PartitionId, first: Offset) -> Result<Option<i64>> {
    let frames = log.read(partition, first, 1 << 20)?;
    let ticks = frames.iter().filter_map(|(_, bytes)| frame::parse_tick(bytes).ok().flatten());
    Ok(ticks.map(|tick| tick.wall_ms).next())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crumbtrail_events::vocabulary::Channel;
    use crumbtrail_events::{EventTime, Kind};

    fn since() -> Since {
        let chat = (Key::customer("s", "c"), Channel::Chat.as_str().to_owned());
        let ticket = (Key::conversation("s", "t1"), String::new());
        Since {
            at: 1_000,
            sessions: HashMap::from([(Key::visitor("s", "over"), 900)]),
            conversations: HashMap::from([(chat, 800), (ticket, 700)]),
        }
    }

    fn kept(key: Key, kind: Kind, at: i64, touchpoint: Touchpoint<'_>) -> Kept {
        let outcome = if touchpoint.role == Role::Whole { Outcome::Counted } else { Outcome::Aside };
        let head = Head { outcome, kind, key, id: 7, occurred_at: EventTime(at) };
        let (mut payload, mut claim) = (Vec::new(), Vec::new());
        Touchpoint { head, ..touchpoint }.encode(&mut payload);
        let kept = since().of(&head, &payload, &mut claim).unwrap();
        assert_eq!(claim.is_empty(), kept != Kept::Claim);
        if kept == Kept::Claim {
            let claim = Touchpoint::decode(&claim).unwrap();
            assert_eq!((claim.customer, claim.visitor, claim.head.occurred_at.0), ("c", "v", at));
        }
        kept
    }

    #[test]
    fn what_reaches_over_is_carried_from_its_begin_and_claims_always() {
        let click = |visitor, at| kept(Key::visitor("s", visitor), Kind::PageView, at, Touchpoint::default());
        assert_eq!([click("v", 1_000), click("v", 999)], [Kept::Whole, Kept::Nothing]);
        assert_eq!([click("over", 900), click("over", 899)], [Kept::Whole, Kept::Nothing]);
        let login = Touchpoint { site: "s", visitor: "v", customer: "c", ..Touchpoint::default() };
        assert_eq!(kept(Key::visitor("s", "v"), Kind::Login, 5, login), Kept::Claim);
        assert_eq!(kept(Key::visitor("s", "v"), Kind::Login, 5, Touchpoint { bot: "list", ..login }), Kept::Nothing);
        let aside = |role| kept(Key::visitor("s", "v"), Kind::SupportMessage, 5, Touchpoint { role, ..login });
        assert_eq!(
            [Role::Claim, Role::Linked, Role::Unlinked, Role::Share].map(aside),
            [Kept::Whole, Kept::Whole, Kept::Whole, Kept::Nothing]
        );
        let entry =
            |key, channel, at| kept(key, Kind::SupportMessage, at, Touchpoint { channel, ..Touchpoint::default() });
        let customer = Key::customer("s", "c");
        assert_eq!(entry(customer, Channel::Chat, 800), Kept::Whole);
        assert_eq!(entry(customer, Channel::Chat, 799), Kept::Nothing);
        assert_eq!(entry(customer, Channel::Email, 900), Kept::Nothing);
        assert_eq!(entry(Key::conversation("s", "t1"), Channel::Email, 700), Kept::Whole);
    }
}
