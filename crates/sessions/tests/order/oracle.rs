//! The same sessions, computed from a pile of events without any state: sort, cut, add up.

use crate::run::Said;
use crate::sessions::{Made, SITES};
use crumbtrail_events::ids::id_hash;
use crumbtrail_events::vocabulary::Channel;
use crumbtrail_events::{Key, Kind, Touchpoint};
use crumbtrail_sessions::rows::SessionRow;
use crumbtrail_sessions::{Rules, session_id};
use std::collections::{BTreeMap, BTreeSet};

/// What a row says, as far as the oracle computes it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Row {
    pub(crate) span: (i64, i64),
    pub(crate) why: String,
    pub(crate) is_continuation: bool,
    pub(crate) is_engaged: bool,
    pub(crate) engaged_ms: i64,
    /// Events, views, purchases, texts, pings.
    pub(crate) counts: [u32; 5],
    pub(crate) groups: Vec<(String, u32)>,
    pub(crate) money: [i64; 2],
    /// Entry and exit page, campaign, country, customer, client session.
    pub(crate) words: [String; 6],
    pub(crate) score: Option<f32>,
    pub(crate) busiest: u32,
    /// Shop, entered, left, inside, dwelt, visits.
    pub(crate) stays: Vec<(String, i64, i64, i64, bool, u32)>,
    /// Bot indicator, and the signs of its own events.
    pub(crate) robot: (String, String),
}

impl Said for Row {
    fn of(row: &SessionRow<'_>) -> Row {
        Row {
            span: (row.started_at.0, row.ended_at.0),
            why: row.cut.as_str().to_owned(),
            is_continuation: row.is_continuation,
            is_engaged: row.is_engaged,
            engaged_ms: row.engaged_ms,
            counts: [row.event_count, row.view_count, row.purchase_count, row.text_count, row.ping_count],
            groups: row.page_groups.iter().map(|(group, count)| (group.to_owned(), count)).collect(),
            money: [row.revenue.0, row.cart_value.0],
            words: [row.entry_page, row.exit_page, row.campaign, row.country, row.customer, row.client_session]
                .map(str::to_owned),
            score: row.score,
            stays: row
                .stays
                .iter()
                .map(|stay| {
                    let left = stay.left_at.map_or(0, |at| at.0);
                    let (entered, inside) = (stay.entered_at.0, stay.inside_ms);
                    (stay.store.to_owned(), entered, left, inside, stay.is_dwell, stay.visit_count)
                })
                .collect(),
            busiest: row.busiest_minute_view_count,
            robot: (row.bot.to_owned(), row.bot_behaviour.to_owned()),
        }
    }
}

/// Why `event` cannot go on with `session`; empty if it can.
fn why_cut(session: &[&Made], event: &Made, rules: &Rules, midnight: i64) -> &'static str {
    let first = session[0];
    // What the visitor's own events say; messages sent to them say nothing.
    let own = || session.iter().filter(|event| !event.kind.is_marketing());
    let known = |of: &dyn Fn(&Made) -> String| own().map(|event| of(event)).find(|word| !word.is_empty());
    let differs = |of: &dyn Fn(&Made) -> String| {
        let word = of(event);
        !event.kind.is_marketing() && !word.is_empty() && known(of).is_some_and(|known| known != word)
    };
    let client = |event: &Made| if rules.limits.client_sessions { event.client().to_owned() } else { String::new() };
    // A message has no id of its own.
    let agrees = |known: String| event.kind.is_marketing() || known == client(event);
    let clients_agree = known(&client).is_some_and(agrees);
    let whence = own().find(|event| !matches!(event.touch().0, Channel::None | Channel::Direct));
    if event.at - session[session.len() - 1].at > rules.limits.gap_ms {
        "gap"
    } else if event.at - first.at > rules.longest_ms {
        "longest"
    } else if session.len() as u32 == rules.most_events {
        "most"
    } else if rules.cut_on_customer && differs(&|event| event.customer().to_owned()) {
        "customer"
    } else if differs(&client) && event.kind != Kind::PagePing {
        "client_session"
    } else if rules.midnight.is_some() && !clients_agree && first.at < midnight && event.at >= midnight {
        "midnight"
    } else if rules.cut_on_campaign
        && !clients_agree
        && !event.kind.is_marketing()
        && event.touch().0 == Channel::PaidSearch
        && whence.is_some_and(|whence| whence.touch() != event.touch())
    {
        "campaign"
    } else {
        ""
    }
}

/// The sessions of `events`, none of which has the id of another, by the rules of each site. Robots and people stay apart.
pub(crate) fn oracle(events: &[Made], rules: &[Rules; 2], midnight: i64) -> BTreeMap<(i64, u64), Row> {
    let mut rows = BTreeMap::new();
    for (site, visitor, is_robot) in (0..12).map(|n| (n / 6, n / 2 % 3, n % 2 == 1)) {
        let rules = &rules[usize::from(site)];
        let is_theirs = |event: &&Made| (event.site, event.visitor, event.is_robot) == (site, visitor, is_robot);
        let mut mine: Vec<&Made> = events.iter().filter(is_theirs).collect();
        mine.sort_by_key(|event| (event.at, event.skew, id_hash(&event.id())));
        let mut sessions: Vec<(Vec<&Made>, &'static str, bool)> = Vec::new();
        for event in mine {
            let mut continues = false;
            if let Some((session, why, _)) = sessions.last_mut() {
                let cut = why_cut(session, event, rules, midnight);
                if cut.is_empty() {
                    session.push(event);
                    continue;
                }
                if !event.kind.is_marketing() {
                    (*why, continues) = (cut, ["longest", "most", "midnight"].contains(&cut));
                }
            }
            if !event.kind.is_marketing() {
                sessions.push((vec![event], "gap", continues));
            }
        }
        let key = Key::visitor(SITES[usize::from(site)], &format!("v{visitor}"));
        for (session, why, is_continuation) in sessions {
            let id = session_id(key, id_hash(&session[0].id()));
            rows.insert((session[0].at, id), said(&session, why, is_continuation, rules));
        }
    }
    rows
}

fn said(session: &[&Made], why: &str, is_continuation: bool, rules: &Rules) -> Row {
    let (start, end) = (session[0].at, session.last().unwrap().at);
    let first = |of: &dyn Fn(&Made) -> String| session.iter().map(|event| of(event)).find(|word| !word.is_empty());
    let own = |of: &dyn Fn(&Made) -> String| {
        first(&|event| if event.kind.is_marketing() { String::new() } else { of(event) }).unwrap_or_default()
    };
    let views: Vec<&str> = session.iter().filter(|event| event.kind.is_view()).map(|event| event.page()).collect();
    // In ten-thousandths, as stored.
    let scores: Vec<i64> = session.iter().filter_map(|e| e.score).map(|s| i64::from(s) * 100).collect();
    let count = |is: &dyn Fn(&Made) -> bool| session.iter().filter(|event| is(event)).count() as u32;
    let touches = || session.iter().filter(|e| !e.kind.is_marketing() && e.touch().0 != Channel::None);
    let touch = touches().find(|event| event.touch().0 != Channel::Direct).or(touches().next());
    let slots_of_views: Vec<i64> =
        session.iter().filter(|event| event.kind.is_view()).map(|event| event.at.div_euclid(10_000)).collect();
    let in_minute = |end: &i64| slots_of_views.iter().filter(|slot| (0..6).contains(&(end - **slot))).count() as u32;
    let busiest = slots_of_views.iter().map(in_minute).max().unwrap_or_default();
    let shown_at: Vec<i64> = session.iter().filter(|event| event.kind.is_view()).map(|event| event.at).collect();
    let early = shown_at.iter().filter(|at| **at - shown_at[0] <= rules.pace.alone_ms).count() as u32;
    let is_shown = |kind: Kind| kind.is_view() || matches!(kind, Kind::ListView | Kind::ProductView | Kind::CartView);
    let has_deeds = count(&|event| !is_shown(event.kind) && !event.kind.is_marketing()) > 0;
    let signs =
        [(busiest > rules.pace.views_a_minute, "rate"), (early >= rules.pace.views_alone && !has_deeds, "no_assets")];
    let signs: Vec<&str> = signs.iter().filter(|(is_so, _)| *is_so).map(|(_, name)| *name).collect();
    let mut groups: Vec<(String, u32)> = Vec::new();
    for page in &views {
        let group = page[1..].find('/').map_or(*page, |end| &page[..=end]);
        match groups.iter_mut().find(|(name, _)| name == group) {
            Some((_, count)) => *count += 1,
            None => groups.push((group.to_owned(), 1)),
        }
    }
    let mut slots = BTreeSet::new();
    let mut view = 0;
    let mut cart = 0;
    let is_trade = |event: &&Made| matches!(event.kind, Kind::AddToCart | Kind::RemoveFromCart | Kind::Purchase);
    let currency = session.iter().copied().filter(is_trade).map(Made::currency).find(|named| !named.is_empty());
    let worth = |event: &Made| if Some(event.currency()) == currency { event.revenue } else { 0 };
    for event in session {
        match event.kind {
            Kind::PageView | Kind::ScreenView => view += 1,
            Kind::PagePing => {
                _ = slots.insert((view, (event.at + i64::from(event.skew)).div_euclid(rules.heartbeat_ms)))
            }
            Kind::AddToCart => cart = (cart + worth(event)).max(0),
            Kind::RemoveFromCart => cart = (cart - worth(event)).max(0),
            Kind::Purchase => cart = 0,
            _ => {}
        }
    }
    let pinged = slots.iter().map(|(view, _)| *view).collect::<BTreeSet<i32>>().len() as i64;
    let purchases = count(&|e| e.kind == Kind::Purchase);
    let watched = count(&|e| matches!(e.kind, Kind::MediaWatched | Kind::MediaCompleted));
    let text = |of: &dyn for<'a> Fn(&Touchpoint<'a>) -> &'a str| {
        first(&|event| of(&Touchpoint::decode(&event.bytes()).unwrap()).to_owned()).unwrap_or_default()
    };
    Row {
        span: (start, end),
        why: why.to_owned(),
        is_continuation,
        is_engaged: end - start >= rules.engaged_ms || views.len() > 1 || purchases + watched > 0,
        engaged_ms: rules.heartbeat_ms * (slots.len() as i64 - pinged) + rules.minimum_visit_ms * pinged,
        counts: [
            count(&|e| e.kind != Kind::PagePing),
            views.len() as u32,
            purchases,
            scores.len() as u32,
            count(&|e| e.kind == Kind::PagePing),
        ],
        groups,
        money: [session.iter().filter(|e| e.kind == Kind::Purchase).map(|e| worth(e)).sum(), cart],
        words: [
            views.first().copied().unwrap_or_default().to_owned(),
            views.last().copied().unwrap_or_default().to_owned(),
            touch.map_or("", |event| event.touch().1).to_owned(),
            text(&|t| t.country),
            own(&|event| event.customer().to_owned()),
            if rules.limits.client_sessions { own(&|event| event.client().to_owned()) } else { String::new() },
        ],
        stays: stays(session, rules),
        busiest,
        robot: {
            let told = session[0].is_robot.then_some("list").or(signs.first().copied());
            (told.unwrap_or_default().to_owned(), signs.join(","))
        },
        score: (!scores.is_empty()).then(|| (scores.iter().sum::<i64>() as f64 / 1e4 / scores.len() as f64) as f32),
    }
}

/// The stays of a session: for each shop by itself, runs of events that show somebody in it.
fn stays(session: &[&Made], rules: &Rules) -> Vec<(String, i64, i64, i64, bool, u32)> {
    let mut stays = Vec::new();
    for store in ["s1", "s2"] {
        // What each event says of this shop alone. A visit to the other one says nothing.
        let said: Vec<(usize, i64, &str)> = session
            .iter()
            .enumerate()
            .filter(|(_, event)| !event.fences().is_empty())
            .filter_map(|(n, event)| {
                let (told, lines) = (!event.fences().contains('\n'), event.fences().split('\n').collect::<Vec<_>>());
                let what = match lines.iter().position(|line| *line == store) {
                    Some(0) if told => "told",
                    Some(0) => "in",
                    Some(_) => "near",
                    None if told => return None,
                    None => "beyond",
                };
                Some((n, event.at, what))
            })
            .collect();
        let mut from = 0;
        while let Some(start) = (from..said.len()).find(|n| ["in", "told"].contains(&said[*n].2)) {
            let mut inside = start;
            let mut left = None;
            for next in start + 1..said.len() {
                let last_seen = said[if next == inside + 1 { inside } else { inside + 1 }].1;
                if said[next].1 - last_seen >= rules.stays.lost_after_ms {
                    left = Some((last_seen, next));
                } else if said[next].2 != "beyond" {
                    inside = next;
                } else if next - inside == rules.stays.exit_positions as usize {
                    left = Some((said[inside + 1].1, next));
                }
                if left.is_some() {
                    break;
                }
            }
            let last = said.get(inside + 1).unwrap_or(&said[inside]).1;
            let (left, until) = left.unwrap_or((last, said.len()));
            let length = said[inside].1 - said[start].1;
            let visits = said[start..=inside].iter().filter(|(_, _, what)| *what == "told").count() as u32;
            let is_dwell = length >= rules.stays.dwell_ms;
            stays.push((said[start].0, (store.to_owned(), said[start].1, left, length, is_dwell, visits)));
            from = until;
        }
    }
    stays.sort_by_key(|(n, _)| *n);
    stays.into_iter().map(|(_, stay)| stay).collect()
}
