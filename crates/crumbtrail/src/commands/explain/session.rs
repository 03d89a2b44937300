//! `explain session`: the events of a session, why it began, why it ended, and what was left out nearby.

use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use clap::{Args, ValueEnum};
use crumbtrail_sessions::Rules;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::story::{self, Record, Row};
use super::timeline;
use crate::args::Place;
use crate::loaded::load_to_read;
use crate::say::{print, time_of};
use crate::wiring::Deployment;
use crate::wiring::computing::Noted;

/// How the answer is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum StoryFormat {
    /// A drawing for people.
    #[default]
    Text,
    /// One JSON document.
    Json,
}

/// `explain session`.
#[derive(Debug, Args)]
pub struct SessionArgs {
    /// Its id, 16 hexadecimal digits: column `session_id` of `sessions`, `touchpoints` or `visits`.
    #[arg(value_name = "ID", value_parser = id)]
    pub session_id: String,
    /// Draw every event; without it the middle of a long session is left out.
    #[arg(long)]
    pub all: bool,
    /// How the answer is written.
    #[arg(long, value_enum, default_value = "text")]
    pub format: StoryFormat,
    /// Where.
    #[command(flatten)]
    pub place: Place,
}

fn id(text: &str) -> Result<String, String> {
    let is_id = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_id { Ok(text.to_ascii_lowercase()) } else { Err("a session's id is 16 hexadecimal digits".to_owned()) }
}

pub fn session(args: &SessionArgs) -> Result<ExitCode> {
    let deployment = Deployment::new(load_to_read(&args.place)?)?;
    let clickhouse = deployment.clickhouse()?;
    let ask = Tables { deployment: &deployment, client: &clickhouse.client };
    let Some(session) = ask.session(&args.session_id)? else { bail!(ask.whereabouts(&args.session_id)?) };
    let (rules, whose) = rules_of(&deployment, &session)?;
    let (neighbours, records) = (ask.neighbours(&session, &rules)?, ask.records(&session, &rules)?);
    let story = story::tell(&session, &neighbours, &records, &rules, &whose);
    print(&match args.format {
        StoryFormat::Text => timeline::draw(&story, args.all),
        StoryFormat::Json => serde_json::to_string_pretty(&story)? + "\n",
    })
}

/// The rules a session was cut by, and which they are: those noted of its epoch, whatever the configuration says by now.
fn rules_of(deployment: &Deployment, session: &Row) -> Result<(Rules, String)> {
    let epoch = deployment.epoch().0;
    let Some(noted) = Noted::read(&deployment.noted(epoch)?)? else {
        let book = crate::wiring::rules::session_rules(&deployment.config)?;
        let whose = format!("those of the configuration: none are noted of epoch {epoch}");
        return Ok((book.of(&session.site).clone(), whose));
    };
    let (rules, since) = noted.over(&session.site, session.ended_ms)?;
    let whose = match since {
        None => format!("those epoch {epoch} began with"),
        Some(at_ms) => format!("those in force since {} (crumbtrail rules apply)", time_of(at_ms)),
    };
    Ok((rules, whose))
}

/// How far around a session is looked: what the rules could have joined to it.
fn reach_ms(rules: &Rules) -> i64 {
    rules.limits.gap_ms.saturating_add(rules.limits.lateness_ms)
}

struct Tables<'a> {
    deployment: &'a Deployment,
    client: &'a crumbtrail_warehouse::Client,
}

impl Tables<'_> {
    fn rows<T: DeserializeOwned>(&self, sql: &str) -> Result<Vec<T>> {
        let sql = sql.replace("{db}", self.client.database());
        let asked = self.deployment.runtime.block_on(self.client.rows(&sql));
        asked.context("cannot ask the tables: are they made (`crumbtrail migrate`)?")
    }

    fn session(&self, id: &str) -> Result<Option<Row>> {
        let sql = format!("SELECT {ROW}, {IS_ROBOTS} AS is_robots FROM {{db}}.sessions WHERE session_id = '{id}'");
        let found: Vec<Row> = self.rows(&sql)?;
        Ok(found.into_iter().next())
    }

    /// What became of a session that the table does not have.
    fn whereabouts(&self, id: &str) -> Result<String> {
        #[derive(Deserialize)]
        struct Now {
            session_id: String,
            events: u64,
        }
        let now: Vec<Now> = self.rows(&format!(
            "SELECT sessions.session_id AS session_id, count() AS events
             FROM {{db}}.touchpoints AS was
             INNER JOIN {{db}}.sessions AS sessions ON sessions.site = was.site AND sessions.visitor = was.visitor
             WHERE was.session_id = '{id}' AND was.occurred_at BETWEEN sessions.started_at AND sessions.ended_at
             GROUP BY session_id ORDER BY events DESC, session_id"
        ))?;
        if now.is_empty() {
            return Ok(format!(
                "no session {id}, and no event was ever counted in one: see column session_id of `sessions`"
            ));
        }
        let whither: Vec<String> =
            now.iter().map(|now| format!("{} ({} events)", now.session_id, now.events)).collect();
        Ok(format!(
            "no session {id} any more: an earlier event came, or two sessions became one, and it was taken back. Its events \
             are now in {}",
            whither.join(", ")
        ))
    }

    /// The sessions of its visitor, those of intake's robots apart, that it could have met, and the nearest before and after.
    fn neighbours(&self, session: &Row, rules: &Rules) -> Result<Vec<Row>> {
        let Row { session_id, started_ms, ended_ms, .. } = session;
        let reach = reach_ms(rules);
        self.rows(&format!(
            "WITH own AS (SELECT * FROM {{db}}.sessions WHERE (site, visitor, {IS_ROBOTS}) IN
                 (SELECT site, visitor, {IS_ROBOTS} FROM {{db}}.sessions WHERE session_id = '{session_id}')),
             {started_ms} AS from_ms, {ended_ms} AS to_ms
             SELECT {ROW}, {IS_ROBOTS} AS is_robots FROM own
             WHERE (to_ms + {reach} >= started_ms AND from_ms - {reach} <= ended_ms)
                 OR started_at = (SELECT max(started_at) FROM own WHERE toUnixTimestamp64Milli(started_at) < from_ms)
                 OR started_at = (SELECT min(started_at) FROM own WHERE toUnixTimestamp64Milli(started_at) > from_ms)
             ORDER BY started_at, ended_at, session_id"
        ))
    }

    /// The records of its visitor around it, in total order, whatever their outcome.
    fn records(&self, session: &Row, rules: &Rules) -> Result<Vec<Record>> {
        let Row { session_id, started_ms, ended_ms, .. } = session;
        let reach = reach_ms(rules);
        let (from, to) = (started_ms.saturating_sub(reach), ended_ms.saturating_add(reach));
        self.rows(&format!(
            "SELECT
                 toUnixTimestamp64Milli(occurred_at) AS at_ms,
                 toUnixTimestamp64Milli(ifNull(received_at, occurred_at)) AS received_ms,
                 toUnixTimestamp64Milli(ifNull(device_at, occurred_at)) AS device_ms,
                 event_id, event_hash, kind, outcome, page, channel, source, medium, campaign, customer, client_session, bot
             FROM {{db}}.touchpoints
             WHERE (site, visitor) IN (SELECT site, visitor FROM {{db}}.sessions WHERE session_id = '{session_id}')
                 AND occurred_at BETWEEN fromUnixTimestamp64Milli({from}) AND fromUnixTimestamp64Milli({to})
                 AND author = '' AND conversation_id = ''
             ORDER BY at_ms, device_ms, event_hash, received_ms"
        ))
    }
}

/// Whether a session's events are robots' as intake found. What its behaviour alone tells has its first sign in `bot`.
const IS_ROBOTS: &str = "toBool(bot != '' AND bot != splitByChar(',', bot_behaviour)[1])";

/// The columns of [`Row`], but for [`IS_ROBOTS`].
const ROW: &str = "site, session_id, visitor, customer, bot, toUnixTimestamp64Milli(started_at) AS started_ms, \
    toUnixTimestamp64Milli(ended_at) AS ended_ms, end_reason, is_continuation, is_final, event_count, ping_count, \
    is_engaged, engaged_ms, channel, source, medium, campaign, client_session";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_sixteen_digits() {
        assert_eq!(id("00AB00ab00ab00ab"), Ok("00ab00ab00ab00ab".to_owned()));
        for wrong in ["", "ab", "00ab00ab00ab00ax", "00ab00ab00ab00ab00", "' OR 1=1 --   "] {
            assert!(id(wrong).is_err(), "{wrong}");
        }
    }
}
