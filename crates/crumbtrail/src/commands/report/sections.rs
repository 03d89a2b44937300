//! The sections of the report, from rows to lines.

use anyhow::Result;
use serde::Deserialize;

use super::table::{Table, beside, count, grouped, percent, share, span};
use super::{Asker, queries};

#[derive(Debug, Deserialize)]
pub(super) struct Overview {
    since: String,
    until: String,
    sessions: u64,
    robot_sessions: u64,
    visitors: u64,
    people: u64,
    customers: u64,
    conversations: u64,
}

#[derive(Debug, Deserialize)]
pub(super) struct Arrivals {
    name: String,
    sessions: u64,
    engaged: Option<f64>,
    buying: Option<f64>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Stage {
    stage_name: String,
    people: u64,
    stalled: u64,
    waiting_ms: Option<f64>,
    stay_ms: Option<f64>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Feeling {
    name: String,
    tongue: String,
    texts: u64,
    negative: u64,
    positive: u64,
}

#[derive(Debug, Deserialize)]
pub(super) struct Topic {
    name: String,
    texts: u64,
    likes: u64,
    dislikes: u64,
}

#[derive(Debug, Deserialize)]
pub(super) struct Carts {
    money: String,
    abandoned: u64,
    bought: u64,
    in_checkout: u64,
    value: f64,
}

#[derive(Debug, Deserialize)]
pub(super) struct Reason {
    name: String,
    leavers: u64,
    all_leavers: u64,
    lift_max: Option<f64>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Step {
    device_class: String,
    step_name: String,
    sessions: u64,
    stopped: u64,
}

#[derive(Debug, Deserialize)]
pub(super) struct Shop {
    name: String,
    visits: u64,
}

/// What the views said.
#[derive(Debug)]
pub(super) struct Found {
    overview: Vec<Overview>,
    channels: Vec<Arrivals>,
    places: Vec<Arrivals>,
    stages: Vec<Stage>,
    feelings: Vec<Feeling>,
    topics: Vec<Topic>,
    carts: Vec<Carts>,
    reasons: Vec<Reason>,
    steps: Vec<Step>,
    shops: Vec<Shop>,
}

impl Found {
    /// Asks everything.
    ///
    /// # Errors
    /// ClickHouse cannot be asked or has no such view.
    pub(super) fn ask(asker: &Asker<'_>) -> Result<Found> {
        Ok(Found {
            overview: asker.rows(queries::OVERVIEW)?,
            channels: asker.rows(queries::CHANNELS)?,
            places: asker.rows(queries::PLACES)?,
            stages: asker.rows(queries::STAGES)?,
            feelings: asker.rows(queries::FEELINGS)?,
            topics: asker.rows(queries::TOPICS)?,
            carts: asker.rows(queries::CARTS)?,
            reasons: asker.rows(queries::REASONS)?,
            steps: asker.rows(queries::CHECKOUT)?,
            shops: asker.rows(queries::STORES)?,
        })
    }
}

/// All sections.
pub(super) fn all(found: &Found) -> Vec<String> {
    let mut lines = overview(&found.overview);
    let mut section = |more: Vec<String>| {
        lines.push(String::new());
        lines.extend(more);
    };
    section(beside(&arrivals("Sessions by channel", &found.channels), &arrivals("Sessions by place", &found.places)));
    section(beside(&stages(&found.stages), &feelings(&found.feelings)));
    section(beside(
        &opinions("What they dislike most", "dislike it", &found.topics, |topic| topic.dislikes),
        &opinions("What they like most", "like it", &found.topics, |topic| topic.likes),
    ));
    section(beside(&carts(&found.carts), &reasons(&found.reasons)));
    section(beside(&checkout(&found.steps), &shops(&found.shops)));
    lines
}

fn overview(rows: &[Overview]) -> Vec<String> {
    let Some(row) = rows.first().filter(|row| row.sessions + row.conversations > 0) else {
        return vec!["The tables are empty: import something, or wait for the first rows.".to_owned()];
    };
    vec![
        format!("{} to {}", row.since, row.until),
        format!(
            "{} sessions of {} visitors (and {} of robots), {} conversations, {} people's journeys ({} known customers)",
            count(row.sessions),
            count(row.visitors),
            count(row.robot_sessions),
            count(row.conversations),
            count(row.people),
            count(row.customers),
        ),
    ]
}

fn arrivals(title: &str, rows: &[Arrivals]) -> Table {
    let mut table = Table::new(title, &["", "sessions", "engaged", "buying"]);
    for row in rows {
        table.row(vec![row.name.clone(), count(row.sessions), percent(row.engaged), percent(row.buying)]);
    }
    table
}

fn stages(rows: &[Stage]) -> Table {
    let mut table =
        Table::new("Journey: where people stand, and stall", &["", "people", "stalled", "waiting", "others stayed"]);
    for row in rows {
        table.row(vec![
            row.stage_name.clone(),
            count(row.people),
            percent(share(row.stalled, row.people)),
            span(row.waiting_ms),
            span(row.stay_ms),
        ]);
    }
    table
}

fn feelings(rows: &[Feeling]) -> Table {
    let heads = ["", "texts", "en -/+", "th -/+", "id -/+"];
    let mut table = Table::new("Feeling by channel and language: % negative / % positive", &heads);
    let mut names: Vec<&str> = rows.iter().map(|row| row.name.as_str()).collect();
    names.dedup();
    for name in names {
        let of = |tongue: &str| {
            let row = rows.iter().find(|row| row.name == name && row.tongue == tongue && row.texts > 0);
            row.map_or_else(
                || "-".to_owned(),
                |row| {
                    let of_texts = |part: u64| part as f64 * 100.0 / row.texts as f64;
                    format!("{:.0}/{:.0}", of_texts(row.negative), of_texts(row.positive))
                },
            )
        };
        let texts: u64 = rows.iter().filter(|row| row.name == name).map(|row| row.texts).sum();
        let shown = if name.is_empty() { "(on the site)" } else { name };
        table.row(vec![shown.to_owned(), count(texts), of("en"), of("th"), of("id")]);
    }
    table
}

/// The topics that most texts speak well or badly of, as `side` counts them.
fn opinions(title: &str, head: &'static str, rows: &[Topic], side: impl Fn(&Topic) -> u64) -> Table {
    let mut table = Table::new(title, &["", "texts", head, "share"]);
    let mut rows: Vec<&Topic> = rows.iter().filter(|row| side(row) > 0).collect();
    rows.sort_by_key(|row| (std::cmp::Reverse(side(row)), row.name.as_str()));
    for row in rows.iter().take(5) {
        let name = row.name.replace('_', " ");
        table.row(vec![name, count(row.texts), count(side(row)), percent(share(side(row), row.texts))]);
    }
    table
}

fn carts(rows: &[Carts]) -> Table {
    let (abandoned, bought) = rows.iter().fold((0, 0), |(a, b), row| (a + row.abandoned, b + row.bought));
    let all = percent(share(abandoned, abandoned + bought));
    let heads = ["", "abandoned", "share", "in checkout", "value left"];
    let mut table = Table::new(format!("Carts: {all} abandoned"), &heads);
    for row in rows {
        table.row(vec![
            if row.money.is_empty() { "(no price)".to_owned() } else { row.money.clone() },
            count(row.abandoned),
            percent(share(row.abandoned, row.abandoned + row.bought)),
            count(row.in_checkout),
            grouped(row.value),
        ]);
    }
    table
}

fn reasons(rows: &[Reason]) -> Table {
    let title = "Why customers stop buying: complaints in the 60 days before";
    let mut table = Table::new(title, &["", "leavers", "share", "lift"]);
    for row in rows.iter().take(8) {
        table.row(vec![
            row.name.replace('_', " "),
            count(row.leavers),
            percent(share(row.leavers, row.all_leavers)),
            row.lift_max.map_or_else(|| "-".to_owned(), |lift| format!("{lift:.1}x")),
        ]);
    }
    table
}

/// Steps in the order in which fewer and fewer sessions reach them.
fn checkout(rows: &[Step]) -> Table {
    const STEPS: [(&str, &str); 4] =
        [("checkout_started", "started"), ("address", "address"), ("delivery", "delivery"), ("payment", "payment")];
    let heads = ["", STEPS[0].1, STEPS[1].1, STEPS[2].1, STEPS[3].1];
    let mut table = Table::new("Checkout: who stops at which step, by device", &heads);
    let mut devices: Vec<&str> = rows.iter().map(|row| row.device_class.as_str()).collect();
    devices.dedup();
    for device in devices {
        let mut cells = vec![device.to_owned()];
        for (step, _) in STEPS {
            let row = rows.iter().find(|row| row.device_class == device && row.step_name == step);
            cells.push(percent(row.and_then(|row| share(row.stopped, row.sessions))));
        }
        table.row(cells);
    }
    table
}

fn shops(rows: &[Shop]) -> Table {
    let mut table = Table::new("Visits to shops", &["", "visits"]);
    for row in rows.iter().take(6) {
        table.row(vec![row.name.clone(), count(row.visits)]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nothing() -> Found {
        Found {
            overview: Vec::new(),
            channels: Vec::new(),
            places: Vec::new(),
            stages: Vec::new(),
            feelings: Vec::new(),
            topics: Vec::new(),
            carts: Vec::new(),
            reasons: Vec::new(),
            steps: Vec::new(),
            shops: Vec::new(),
        }
    }

    #[test]
    fn empty_tables_say_so() {
        let lines = all(&nothing());
        assert!(lines[0].contains("empty"));
        assert!(lines.iter().any(|line| line.contains("(nothing yet)")));
    }

    #[test]
    fn devices_and_steps_make_a_grid() {
        let step = |device: &str, step: &str, sessions, stopped| Step {
            device_class: device.to_owned(),
            step_name: step.to_owned(),
            sessions,
            stopped,
        };
        let rows =
            [step("desktop", "payment", 10, 2), step("tablet", "payment", 10, 9), step("tablet", "address", 20, 1)];
        let lines = checkout(&rows).lines();
        assert_eq!(lines.len(), 4);
        assert!(lines[2].contains("20.0%") && lines[3].contains("90.0%") && lines[3].contains("5.0%"));
    }

    #[test]
    fn feelings_are_pivoted_by_language() {
        let row = |name: &str, tongue: &str, negative| Feeling {
            name: name.to_owned(),
            tongue: tongue.to_owned(),
            texts: 10,
            negative,
            positive: 1,
        };
        let lines = feelings(&[row("", "th", 1), row("chat", "en", 2), row("chat", "id", 3)]).lines();
        assert!(lines[2].contains("(on the site)") && lines[2].contains("10/10"));
        assert!(lines[3].contains("20/10") && lines[3].contains("30/10") && lines[3].contains('-'));
    }

    #[test]
    fn topics_are_ranked_by_each_side_of_their_own() {
        let topic = |name: &str, texts, likes, dislikes| Topic { name: name.to_owned(), texts, likes, dislikes };
        let rows = [topic("price", 9, 0, 8), topic("delivery", 20, 2, 9), topic("product_quality", 4, 3, 1)];
        let bad = opinions("bad", "dislike it", &rows, |topic| topic.dislikes).lines();
        let names = |lines: &[String]| lines[2..].iter().map(|line| line.trim().to_owned()).collect::<Vec<_>>();
        assert!(names(&bad)[0].starts_with("delivery ") && bad[2].contains("45.0%"), "{bad:#?}");
        assert!(names(&bad)[2].starts_with("product quality"), "{bad:#?}");
        let good = opinions("good", "like it", &rows, |topic| topic.likes).lines();
        assert_eq!(good.len(), 4, "what nobody likes is not among the liked: {good:#?}");
        assert!(names(&good)[0].starts_with("product quality") && good[2].contains("75.0%"), "{good:#?}");
    }

    #[test]
    fn the_whole_stays_short() {
        let mut found = nothing();
        for n in 0..10 {
            let arrivals = || Arrivals { name: n.to_string(), sessions: 1, engaged: None, buying: Some(0.1) };
            found.channels.push(arrivals());
            found.places.push(arrivals());
            found.carts.push(Carts { money: n.to_string(), abandoned: 1, bought: 1, in_checkout: 0, value: 1.0 });
            found.shops.push(Shop { name: n.to_string(), visits: 1 });
            found.topics.push(Topic { name: n.to_string(), texts: 2, likes: 1, dislikes: 1 });
            found.feelings.push(Feeling {
                name: n.to_string(),
                tongue: "en".to_owned(),
                texts: 1,
                negative: 0,
                positive: 0,
            });
        }
        assert!(all(&found).len() <= 62, "{}", all(&found).len());
    }
}
