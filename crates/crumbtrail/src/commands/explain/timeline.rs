//! A session drawn: one line a record, what the session holds inside the bracket, what was left out beside it.
//!
//! ```text
//! ┌ 2026-03-01T10:00:00.000Z  ●  page_view    /en              organic_search · google
//! │ 2026-03-01T10:00:20.000Z  ◌  page_view    /en              left out: repeat …
//! └ 2026-03-01T10:01:00.000Z  ○  page_ping    /en
//! ```

use std::fmt::Write as _;

use super::story::{Standing, Story, Told, span, touch};
use crate::say::time_of;

/// Records drawn at each end of a long session, and left-out ones around it.
const ENDS: usize = 20;
/// Records of other sessions drawn on either side.
const OTHERS: usize = 3;

/// Draws a story; the middle of a long session only if `all` is asked for.
pub(super) fn draw(story: &Story, all: bool) -> String {
    let mut text = String::new();
    let session = &story.session;
    let customer = if session.customer.is_empty() { "nobody known" } else { &session.customer };
    let _ = writeln!(text, "session  {} of site {}", session.session_id, session.site);
    let _ = writeln!(text, "who      visitor {}, customer {customer}", session.visitor);
    if !session.bot.is_empty() {
        let _ = writeln!(text, "robot    {}", session.bot);
    }
    let how = touch([&session.channel, &session.source, &session.medium, &session.campaign]);
    let _ = writeln!(text, "how      {}", if how.is_empty() { "nothing tells" } else { &how });
    let engaged = if session.is_engaged { "engaged" } else { "a bounce" };
    let _ = writeln!(
        text,
        "what     {} and {} in {}, {engaged}{}",
        count(session.event_count, "event"),
        count(session.ping_count, "heartbeat"),
        span(session.ended_ms - session.started_ms),
        if session.is_final { "" } else { ", not final yet" },
    );
    let _ = writeln!(text, "rules    {}", story.rules);
    let _ = writeln!(text, "began    {}\nended    {}\n", story.began, story.ended);
    timeline(&mut text, &story.records, all);
    text.push_str("\n● event   ○ heartbeat   m marketing message   ◌ left out   times are UTC\n");
    text
}

fn timeline(text: &mut String, records: &[Told], all: bool) {
    let is_inside = |told: &Told| told.standing == Standing::Inside;
    let (Some(first), Some(last)) = (records.iter().position(is_inside), records.iter().rposition(is_inside)) else {
        text.push_str("  (its records are not in touchpoints any more, or were never written)\n");
        return;
    };
    let is_elided = |n: usize| {
        let is_beyond = |most: usize| n + most < first || n > last + most;
        let is_middle = n >= first + ENDS && n + ENDS <= last;
        !all && match records[n].standing {
            Standing::Inside => is_middle,
            Standing::Elsewhere(_) => is_middle || is_beyond(OTHERS),
            Standing::LeftOut(_) => is_beyond(ENDS),
        }
    };
    let mut elided = 0;
    for (n, told) in records.iter().enumerate() {
        if is_elided(n) {
            elided += 1;
            if !records.get(n + 1).is_some_and(|_| is_elided(n + 1)) {
                let _ = writeln!(
                    text,
                    "{} … {elided} more (--all draws them)",
                    if n > first && n < last { "│" } else { " " }
                );
                elided = 0;
            }
            continue;
        }
        let edge = match n {
            _ if n == first && first == last => '─',
            _ if n == first => '┌',
            _ if n == last => '└',
            _ if n > first && n < last => '│',
            _ => ' ',
        };
        line(text, edge, told);
    }
}

fn line(text: &mut String, edge: char, told: &Told) {
    let record = &told.record;
    let mark = match &told.standing {
        Standing::LeftOut(_) => '◌',
        _ if record.kind == "page_ping" => '○',
        _ if record.is_message() => 'm',
        _ => '●',
    };
    let says = match &told.standing {
        Standing::Inside => {
            let customer =
                if record.customer.is_empty() { String::new() } else { format!("customer {}", record.customer) };
            let how = touch([&record.channel, &record.source, &record.medium, &record.campaign]);
            touch([&how, &customer, "", ""])
        }
        Standing::Elsewhere(whose) => whose.clone(),
        Standing::LeftOut(why) => format!("left out: {why}"),
    };
    let line = format!("{edge} {}  {mark}  {:<20} {:<28} {says}", time_of(record.at_ms), record.kind, record.page);
    let _ = writeln!(text, "{}", line.trim_end());
}

fn count(n: u32, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_shown_to_the_millisecond() {
        for (ms, text) in [(0, "0.000 s"), (59_999, "59.999 s"), (1_800_001, "30:00.001"), (93_600_000, "26:00:00.000")]
        {
            assert_eq!(span(ms), text);
        }
        assert_eq!(span(-61_000), "-1:01.000");
        assert_eq!(time_of(1_760_000_000_007), "2025-10-09T08:53:20.007Z");
    }
}
