//! Planted against found.

use anyhow::Result;
use crumbtrail_world::Truths;
use serde::Deserialize;

use super::table::{grouped, share};
use super::{Asker, queries};

/// How far a found figure may lie from the planted one.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Within {
    /// So much of the planted value, 0 to 1.
    Part(f64),
    /// So many percentage points (0.01 is one), for shares.
    Points(f64),
}

/// One planted truth and what was found.
#[derive(Debug, PartialEq)]
pub(super) struct Check {
    what: String,
    planted: String,
    found: String,
    tolerance: String,
    /// Whether it was found.
    pub(super) is_found: bool,
}

/// What the views say where something was planted.
#[derive(Debug, Default)]
pub(super) struct Figures {
    sessions: u64,
    robot_sessions: u64,
    conversations: u64,
    joined: i64,
    reviews: Vec<(String, u64)>,
    /// Topics and the texts that speak badly of them, most first.
    disliked: Vec<(String, u64)>,
    abandoned: u64,
    bought: u64,
    /// By currency.
    values: Vec<(String, f64)>,
    leavers: u64,
    billing_share: Option<f64>,
    satisfied_share: Option<f64>,
    /// Device, step, sessions, stopped.
    steps: Vec<(String, String, u64, u64)>,
    /// Most visited first.
    shops: Vec<(String, u64)>,
    duplicates: u64,
    erased: u64,
    dead: u64,
}

impl Figures {
    /// Asks the views.
    ///
    /// # Errors
    /// ClickHouse cannot be asked or has no such view.
    pub(super) fn ask(asker: &Asker<'_>) -> Result<Figures> {
        #[derive(Deserialize)]
        struct Overview {
            sessions: u64,
            robot_sessions: u64,
            conversations: u64,
        }
        #[derive(Deserialize)]
        struct Joined {
            joined: i64,
        }
        #[derive(Deserialize)]
        struct Feeling {
            name: String,
            tongue: String,
            texts: u64,
        }
        #[derive(Deserialize)]
        struct Topic {
            name: String,
            dislikes: u64,
        }
        #[derive(Deserialize)]
        struct Carts {
            money: String,
            abandoned: u64,
            bought: u64,
            value: f64,
        }
        #[derive(Deserialize)]
        struct Reason {
            name: String,
            leavers: u64,
            all_leavers: u64,
        }
        #[derive(Deserialize)]
        struct Leavers {
            leavers: u64,
            asked: u64,
            satisfied: u64,
        }
        #[derive(Deserialize)]
        struct Step {
            device_class: String,
            step_name: String,
            sessions: u64,
            stopped: u64,
        }
        #[derive(Deserialize)]
        struct Shop {
            name: String,
            visits: u64,
        }
        #[derive(Deserialize)]
        struct Outcomes {
            duplicates: u64,
            erased: u64,
            dead: u64,
        }
        let mut figures = Figures::default();
        for row in asker.rows::<Overview>(queries::OVERVIEW)? {
            (figures.sessions, figures.robot_sessions) = (row.sessions, row.robot_sessions);
            figures.conversations = row.conversations;
        }
        for row in asker.rows::<Joined>(queries::JOINED)? {
            figures.joined = row.joined;
        }
        let feelings = asker.rows::<Feeling>(queries::FEELINGS)?.into_iter().filter(|row| row.name == "review");
        figures.reviews = feelings.map(|row| (row.tongue, row.texts)).collect();
        let topics = asker.rows::<Topic>(queries::TOPICS)?.into_iter();
        figures.disliked = topics.map(|row| (row.name, row.dislikes)).collect();
        for row in asker.rows::<Carts>(queries::CARTS)? {
            figures.abandoned += row.abandoned;
            figures.bought += row.bought;
            figures.values.push((row.money, row.value));
        }
        let reasons = asker.rows::<Reason>(queries::REASONS)?;
        figures.billing_share =
            reasons.iter().find(|row| row.name == "billing").and_then(|row| share(row.leavers, row.all_leavers));
        for row in asker.rows::<Leavers>(queries::LEAVERS)? {
            figures.leavers = row.leavers;
            figures.satisfied_share = share(row.satisfied, row.asked);
        }
        let steps = asker.rows::<Step>(queries::CHECKOUT)?.into_iter();
        figures.steps = steps.map(|row| (row.device_class, row.step_name, row.sessions, row.stopped)).collect();
        figures.shops = asker.rows::<Shop>(queries::STORES)?.into_iter().map(|row| (row.name, row.visits)).collect();
        for row in asker.rows::<Outcomes>(queries::OUTCOMES)? {
            (figures.duplicates, figures.erased, figures.dead) = (row.duplicates, row.erased, row.dead);
        }
        Ok(figures)
    }

    /// Share of sessions that stopped at a step: on a device, or on all others.
    fn stopped(&self, step: &str, device: &str, elsewhere: bool) -> Option<f64> {
        let rows = self.steps.iter().filter(|(of, at, ..)| at == step && (of == device) != elsewhere);
        let (sessions, stopped) =
            rows.fold((0, 0), |(all, part), (_, _, sessions, stopped)| (all + sessions, part + stopped));
        share(stopped, sessions)
    }
}

/// Every planted truth against what was found.
pub(super) fn checks(truths: &Truths, found: &Figures) -> Vec<Check> {
    let exact = Within::Part(0.0);
    let mut checks = vec![
        number("sessions of people", truths.sessions, found.sessions, exact),
        number("sessions of robots", truths.robot_sessions, found.robot_sessions, exact),
        number("conversations", truths.conversations, found.conversations, exact),
        amount(
            "anonymous clicks in their customer's journey",
            truths.joined as f64,
            found.joined as f64,
            Within::Part(0.002),
        ),
    ];
    for (tongue, planted) in &truths.reviews {
        let told = found.reviews.iter().find(|(other, _)| other == tongue).map_or(0, |(_, texts)| *texts);
        checks.push(number(&format!("reviews in {tongue}"), *planted, told, Within::Part(0.01)));
    }
    // A reader of texts errs now and then: in a small world that is much.
    let complaints = truths.complaints.iter().filter(|(_, texts)| **texts >= 100);
    if let Some((topic, planted)) = complaints.max_by_key(|(_, texts)| **texts) {
        let most = found.disliked.first().cloned().unwrap_or_default();
        checks.push(leader(&format!("most disliked, {topic}"), topic, *planted, most, Within::Part(0.1)));
    }
    let abandoned = share(found.abandoned, found.abandoned + found.bought);
    checks.push(ratio("carts abandoned", truths.cart_abandonment_share, abandoned, 0.002));
    checks.push(number("carts abandoned", truths.carts_abandoned, found.abandoned, Within::Part(0.002)));
    for (currency, planted) in &truths.abandoned_value {
        let value = found.values.iter().find(|(other, _)| other == currency).map_or(0.0, |(_, value)| *value);
        checks.push(amount(&format!("value left in carts, {currency}"), *planted, value, Within::Part(0.005)));
    }
    checks.push(number("leavers", truths.leavers, found.leavers, exact));
    checks.push(ratio(
        "leavers with a billing problem in the 60 days before",
        truths.leavers_with_billing_share,
        found.billing_share,
        0.02,
    ));
    checks.push(ratio(
        "leavers satisfied in their last survey",
        truths.leavers_satisfied_share,
        found.satisfied_share,
        0.01,
    ));
    let broken = &truths.broken_step;
    let stopped = |elsewhere| found.stopped(&broken.step, &broken.device, elsewhere);
    let what = format!("stop at {}", broken.step);
    checks.push(ratio(&format!("{what} on {}", broken.device), broken.stopped_share, stopped(false), 0.01));
    checks.push(ratio(&format!("{what} elsewhere"), broken.stopped_share_elsewhere, stopped(true), 0.01));
    let drawing = &truths.drawing_store;
    let most = found.shops.first().cloned().unwrap_or_default();
    let what = format!("most visited shop, {}", drawing.store);
    checks.push(leader(&what, &drawing.store, drawing.visits, most, Within::Part(0.002)));
    checks.push(number("sent twice, counted once", truths.duplicates, found.duplicates, exact));
    checks.push(number("consent refused, erased", truths.erased, found.erased, exact));
    checks.push(number("broken records, dead letters", truths.malformed, found.dead, exact));
    checks
}

/// A figure that must be the greatest of its kind: `found` is the one that is.
fn leader(what: &str, name: &str, planted: u64, found: (String, u64), within: Within) -> Check {
    let mut check = number(what, planted, found.1, within);
    if found.0 != name {
        check.found = format!("{}: {}", found.0, check.found);
        check.is_found = false;
    }
    check
}

fn number(what: &str, planted: u64, found: u64, within: Within) -> Check {
    amount(what, planted as f64, found as f64, within)
}

fn amount(what: &str, planted: f64, found: f64, within: Within) -> Check {
    check(what, planted, Some(found), within, grouped)
}

fn ratio(what: &str, planted: f64, found: Option<f64>, points: f64) -> Check {
    check(what, planted, found, Within::Points(points), |share| format!("{:.1}%", share * 100.0))
}

fn check(what: &str, planted: f64, found: Option<f64>, within: Within, show: impl Fn(f64) -> String) -> Check {
    let (allowed, tolerance) = match within {
        Within::Part(0.0) => (0.0, "exact".to_owned()),
        Within::Part(part) => (part * planted.abs(), format!("± {}%", part * 100.0)),
        Within::Points(points) => (points, format!("± {} points", points * 100.0)),
    };
    Check {
        what: what.to_owned(),
        planted: show(planted),
        found: found.map_or_else(|| "-".to_owned(), show),
        tolerance,
        // A hair for the sums of doubles.
        is_found: found.is_some_and(|found| (found - planted).abs() <= allowed + 1e-9),
    }
}

/// The checks as lines, with a verdict at the end.
pub(super) fn lines(checks: &[Check]) -> Vec<String> {
    let width = |cell: fn(&Check) -> &str, head: &str| {
        checks.iter().map(|check| cell(check).chars().count()).chain([head.chars().count()]).max().unwrap_or_default()
    };
    let what = width(|check| &check.what, "");
    let planted = width(|check| &check.planted, "planted");
    let found = width(|check| &check.found, "found");
    let mut lines = vec![
        String::new(),
        format!("Planted and found\n    {:what$}  {:>planted$}  {:>found$}  tolerance", "", "planted", "found"),
    ];
    for check in checks {
        let mark = if check.is_found { '✓' } else { '✗' };
        let Check { what: name, planted: is, found: was, tolerance, .. } = check;
        lines.push(format!("  {mark} {name:what$}  {is:>planted$}  {was:>found$}  {tolerance}"));
    }
    let missed = checks.iter().filter(|check| !check.is_found).count();
    lines.push(match missed {
        0 => format!("All {} planted truths were found.", checks.len()),
        missed => format!("{missed} of {} planted truths were NOT found.", checks.len()),
    });
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crumbtrail_world::World;

    /// What a perfect product would find.
    fn perfect(truths: &Truths) -> Figures {
        let broken = &truths.broken_step;
        let stopped = |share: f64, sessions: u64| (share * sessions as f64).round() as u64;
        Figures {
            sessions: truths.sessions,
            robot_sessions: truths.robot_sessions,
            conversations: truths.conversations,
            joined: truths.joined as i64,
            reviews: truths.reviews.clone().into_iter().collect(),
            disliked: {
                let mut topics: Vec<(String, u64)> = truths.complaints.clone().into_iter().collect();
                topics.sort_by_key(|(_, texts)| std::cmp::Reverse(*texts));
                topics
            },
            abandoned: truths.carts_abandoned,
            bought: truths.carts_bought,
            values: truths.abandoned_value.clone().into_iter().collect(),
            leavers: truths.leavers,
            billing_share: Some(truths.leavers_with_billing_share),
            satisfied_share: Some(truths.leavers_satisfied_share),
            steps: vec![
                (
                    "tablet".to_owned(),
                    "payment".to_owned(),
                    broken.sessions,
                    stopped(broken.stopped_share, broken.sessions),
                ),
                ("desktop".to_owned(), "payment".to_owned(), 100_000, stopped(broken.stopped_share_elsewhere, 100_000)),
            ],
            shops: vec![(truths.drawing_store.store.clone(), truths.drawing_store.visits)],
            duplicates: truths.duplicates,
            erased: truths.erased,
            dead: truths.malformed,
        }
    }

    #[test]
    fn a_perfect_product_finds_everything() {
        let truths = World::new(1, 0.2).truths();
        let checks = checks(&truths, &perfect(&truths));
        assert!(checks.iter().all(|check| check.is_found), "{checks:#?}");
        let lines = lines(&checks);
        assert!(lines.last().is_some_and(|line| line.starts_with("All")));
        assert!(lines.len() < 33, "{}", lines.len());
    }

    #[test]
    fn a_lost_session_another_shop_and_silence_are_not_found() {
        let truths = World::new(1, 0.2).truths();
        let mut found = perfect(&truths);
        found.sessions -= 1;
        found.shops[0].0 = "elsewhere".to_owned();
        found.disliked.swap(0, 1);
        found.billing_share = None;
        let checks = checks(&truths, &found);
        let missed: Vec<&str> =
            checks.iter().filter(|check| !check.is_found).map(|check| check.what.as_str()).collect();
        assert_eq!(missed.len(), 4, "{missed:?}");
        assert!(lines(&checks).last().is_some_and(|line| line.starts_with("4 of")));
    }

    #[test]
    fn tolerances_are_kept_to_the_edge() {
        let within = |found| ratio("x", 0.2, Some(found), 0.02).is_found;
        assert!(within(0.22) && within(0.18) && !within(0.221));
        let part = |found| number("x", 1_000, found, Within::Part(0.01)).is_found;
        assert!(part(1_010) && !part(1_011));
    }
}
