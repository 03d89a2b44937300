//! A load: a plain stream of clicks with a known number of sessions, for benchmarks.
//!
//! Sessions begin evenly over the span; visitors are drawn by Zipf's law, but never one whose last session ended less
//! than the gap and a minute ago, so the number of sessions is known. Events arrive up to five seconds out of order.
//! Memory is that of the sessions going on plus 8 bytes a visitor. A [rough](Load::rough) load is one that the world was
//! hard on: see `rough.rs`.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt::Write as _;

use crumbtrail_events::{ClickEvent, Kind};

use crate::catalogue::PRODUCTS;
use crate::devices::{self, AGENTS};
use crate::dice::{Dice, scramble};
use crate::places::CITIES;
use crate::plan::{DAY, MINUTE, SECOND};
use crate::rough::{self, Rough, Sent};
use crate::{SITE, START_MS};

/// Longest time between two events of a session, ms.
const LONGEST_PAUSE: i64 = 4 * MINUTE;
/// Shortest time between two sessions of a visitor, ms: the gap and a minute.
const APART: i64 = 31 * MINUTE;
/// How far out of order events arrive, ms.
const DISORDER: i64 = 5 * SECOND;
/// Visitors drawn before the next free one is taken.
const DRAWS: usize = 16;

/// The size of a load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoadShape {
    /// Events.
    pub events: u64,
    /// Visitors to draw from.
    pub visitors: u32,
    /// Sessions, at most one an event.
    pub sessions: u64,
    /// Days the sessions are spread over.
    pub days: u32,
}

impl Default for LoadShape {
    /// 2 M clicks of 90 k visitors in 210 k sessions of a week.
    fn default() -> LoadShape {
        LoadShape { events: 2_000_000, visitors: 90_000, sessions: 210_000, days: 7 }
    }
}

/// What a load holds, exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct LoadTruths {
    /// Seed.
    pub seed: u64,
    /// Events.
    pub events: u64,
    /// Visitors drawn from.
    pub visitors: u32,
    /// Sessions under a gap of 30 minutes; of a rough load, those it was made from.
    pub sessions: u64,
}

/// A seeded load.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    seed: u64,
    shape: LoadShape,
    is_rough: bool,
}

/// A session going on; ordered by its next event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Open {
    at: i64,
    number: u64,
    visitor: u32,
    left: u64,
    page: u16,
}

impl Load {
    /// The load of a seed. Sessions are cut down to one an event, and to twelve a visitor and day.
    #[must_use]
    pub fn new(seed: u64, shape: LoadShape) -> Load {
        let visitors = shape.visitors.max(1);
        let days = shape.days.max(1);
        let room = u64::from(visitors) * u64::from(days) * 12;
        let sessions = shape.sessions.min(shape.events).min(room).max(u64::from(shape.events > 0));
        Load { seed, shape: LoadShape { visitors, sessions, days, ..shape }, is_rough: false }
    }

    /// The same with disorder, repeats, late records, shared devices, robots, campaigns, carts and clocks that are off;
    /// its sessions are then no longer a known number.
    #[must_use]
    pub fn rough(self) -> Load {
        Load { is_rough: true, ..self }
    }

    /// What it holds.
    #[must_use]
    pub fn truths(&self) -> LoadTruths {
        let LoadShape { events, visitors, sessions, .. } = self.shape;
        LoadTruths { seed: self.seed, events, visitors, sessions }
    }

    /// Hands every click to `see`, in order of arrival, until it fails.
    ///
    /// # Errors
    /// What `see` says.
    pub fn visit<E>(&self, mut see: impl FnMut(ClickEvent<'_>) -> Result<(), E>) -> Result<(), E> {
        let LoadShape { events, visitors, sessions, days } = self.shape;
        let mut dice = Dice::new(self.seed, 3);
        let mut busy_until = vec![i64::MIN; visitors as usize];
        let mut open: BinaryHeap<Reverse<Open>> = BinaryHeap::new();
        let mut waiting: BinaryHeap<Reverse<Sent>> = BinaryHeap::new();
        let mut spelling = Spelling::default();
        let spacing = i64::from(days) * DAY / sessions.max(1) as i64;
        let (mut begun, mut said, mut owed) = (0u64, 0u64, events);
        let mut not_before = START_MS;
        loop {
            let begins_at = not_before.max(START_MS + begun as i64 * spacing);
            let next_at = open.peek().map(|Reverse(open)| open.at);
            let is_due = begun < sessions && next_at.is_none_or(|at| begins_at <= at);
            let visitor = if is_due { self.draw(&mut dice, &busy_until, begins_at) } else { None };
            let now = if let Some(visitor) = visitor {
                let count = events_of(&mut dice, owed, sessions - begun);
                owed -= count;
                busy_until[visitor as usize] = i64::MAX;
                open.push(Reverse(Open { at: begins_at, number: begun, visitor, left: count, page: 0 }));
                begun += 1;
                begins_at
            } else if let Some(Reverse(mut session)) = open.pop() {
                let arrives = session.at + dice.below(DISORDER as u64) as i64;
                let Open { at, visitor, page, .. } = session;
                let sent = Sent { arrives, number: said, received: arrives, at, visitor, page };
                let sent = if self.is_rough { rough::arrivals(self.seed, sent) } else { [Some(sent), None] };
                waiting.extend(sent.into_iter().flatten().map(Reverse));
                said += 1;
                session.left -= 1;
                let now = session.at;
                if session.left == 0 {
                    busy_until[session.visitor as usize] = session.at + APART;
                } else {
                    session.at += dice.between(SECOND, 70 * SECOND).min(LONGEST_PAUSE);
                    session.page = dice.below(PRODUCTS.len() as u64 + 1) as u16;
                    open.push(Reverse(session));
                }
                now
            } else if is_due {
                // Everybody has just been here: wait for the first to be free again.
                not_before = busy_until.iter().copied().min().unwrap_or(begins_at);
                continue;
            } else {
                break;
            };
            while let Some(&Reverse(sent)) = waiting.peek() {
                if sent.arrives > now {
                    break;
                }
                waiting.pop();
                see(spelling.click(self, sent))?;
            }
        }
        while let Some(Reverse(sent)) = waiting.pop() {
            see(spelling.click(self, sent))?;
        }
        Ok(())
    }

    /// A visitor who is free at `at`: by Zipf's law, else the next free one, if there is one.
    fn draw(&self, dice: &mut Dice, busy_until: &[i64], at: i64) -> Option<u32> {
        let visitors = u64::from(self.shape.visitors);
        let mut drawn = 0;
        for _ in 0..DRAWS {
            drawn = zipf(dice, visitors);
            if busy_until[drawn as usize] <= at {
                return Some(drawn as u32);
            }
        }
        let next = (0..visitors).map(|n| (drawn + n) % visitors).find(|n| busy_until[*n as usize] <= at);
        next.map(|visitor| visitor as u32)
    }
}

/// How many of the `owed` events the next of `left` sessions gets: around the mean, the last one all that is left.
fn events_of(dice: &mut Dice, owed: u64, left: u64) -> u64 {
    if left <= 1 {
        return owed;
    }
    let mean_tenths = owed * 10 / left;
    let count = 1 + dice.geometric(mean_tenths.saturating_sub(10), mean_tenths);
    count.min(owed - (left - 1))
}

/// A number below `count`: the k-th as likely as 1/k, nearly. The octave is drawn first, then a place in it: within an
/// octave all are alike, and every octave weighs the same.
fn zipf(dice: &mut Dice, count: u64) -> u64 {
    let octaves = u64::from(64 - count.leading_zeros());
    let octave = dice.below(octaves);
    let (low, high) = (1u64 << octave, (1u64 << (octave + 1)).min(count + 1));
    low + dice.below(high - low) - 1
}

#[derive(Default)]
struct Spelling {
    id: String,
    visitor: String,
    url: String,
    referrer: String,
    ip: String,
    rough: Rough,
}

impl Spelling {
    fn click(&mut self, load: &Load, sent: Sent) -> ClickEvent<'_> {
        let seed = load.seed;
        let Sent { number, received, at, visitor, page, .. } = sent;
        let Spelling { id, visitor: name, url, referrer, ip, rough } = self;
        [&mut *id, &mut *name, &mut *url, &mut *referrer, &mut *ip].into_iter().for_each(String::clear);
        let who = scramble(seed, u64::from(visitor));
        let _ = write!(id, "{:016x}", scramble(seed ^ 5, number));
        let _ = write!(name, "v-{:012x}", who >> 16);
        let _ = write!(ip, "203.0.113.{}", who % 256);
        let host = "https://www.tamarind.example/en/";
        let (kind, title) = match page {
            0 => {
                url.push_str(host);
                referrer.push_str("https://www.google.com/");
                (Kind::PageView, "Tamarind")
            }
            product => {
                let _ = write!(url, "{host}product/P-{}", 1_000 + product);
                referrer.push_str(host);
                (
                    if product % 3 == 0 { Kind::ProductView } else { Kind::PageView },
                    PRODUCTS[usize::from(product - 1)].1,
                )
            }
        };
        let click = ClickEvent {
            event_id: id,
            site: SITE,
            occurred_at: at,
            received_at: received,
            visitor: name,
            kind,
            url,
            referrer,
            title,
            user_agent: AGENTS[(who % devices::PEOPLES as u64) as usize].2,
            ip,
            language: CITIES[0].browser_language,
            ..ClickEvent::default()
        };
        if load.is_rough { rough.change(seed, sent, click) } else { click }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{HashMap, HashSet};

    fn shape() -> LoadShape {
        LoadShape { events: 40_000, visitors: 1_500, sessions: 4_200, days: 3 }
    }

    #[test]
    fn sessions_are_as_many_as_it_says() {
        let load = Load::new(11, shape());
        let mut times: HashMap<String, Vec<i64>> = HashMap::new();
        let (mut latest, mut worst, mut count) = (0, 0, 0u64);
        let mut ids = HashSet::new();
        let done: Result<(), std::convert::Infallible> = load.visit(|click| {
            times.entry(click.visitor.to_owned()).or_default().push(click.occurred_at);
            worst = worst.max(latest - click.occurred_at);
            latest = latest.max(click.occurred_at);
            count += 1;
            ids.insert(click.event_id.to_owned());
            Ok(())
        });
        assert!(done.is_ok());
        let mut sessions = 0;
        for list in times.values_mut() {
            list.sort_unstable();
            sessions += 1 + list.windows(2).filter(|pair| pair[1] - pair[0] > 30 * MINUTE).count() as u64;
        }
        let LoadTruths { events, sessions: planted, .. } = load.truths();
        assert_eq!((count, sessions, ids.len() as u64), (events, planted, events));
        assert!(worst > SECOND && worst <= DISORDER, "{worst}");
        // Zipf: a few come often.
        let most = times.values().map(Vec::len).max().unwrap_or_default();
        assert!(most > 5 * 40_000 / 1_500, "{most}");
    }

    #[test]
    fn a_rough_load_has_every_hardship() {
        let mut by_id: HashMap<String, Vec<(i64, i64)>> = HashMap::new();
        let (mut kinds, mut people) = (HashSet::new(), HashMap::<String, HashSet<String>>::new());
        let (mut latest, mut worst, mut disordered, mut robots) = (0, 0, 0, 0);
        let done: Result<(), std::convert::Infallible> = Load::new(11, shape()).rough().visit(|click| {
            by_id.entry(click.event_id.to_owned()).or_default().push((click.received_at, click.occurred_at));
            kinds.insert(click.kind);
            if !click.customer.is_empty() {
                people.entry(click.visitor.to_owned()).or_default().insert(click.customer.to_owned());
            }
            worst = worst.max(latest - click.occurred_at);
            disordered += u64::from(latest - click.occurred_at > MINUTE);
            latest = latest.max(click.occurred_at);
            robots += u64::from(click.user_agent == AGENTS[AGENTS.len() - 1].2);
            Ok(())
        });
        assert!(done.is_ok());
        let twice: Vec<_> = by_id.values().filter(|sent| sent.len() == 2).collect();
        assert!(by_id.len() == 40_000 && twice.len() > 500, "{}", twice.len());
        assert!(twice.iter().any(|sent| sent[1].0 < sent[0].0), "received before what arrived first");
        assert!(twice.iter().any(|sent| sent[1].1 != sent[0].1), "of another time");
        assert!(people.values().any(|customers| customers.len() == 2), "a shared device");
        assert!(
            kinds.contains(&Kind::PagePing) && kinds.contains(&Kind::MessageSent) && kinds.contains(&Kind::Purchase)
        );
        assert!(worst > 180 * MINUTE && disordered > 500 && robots > 100, "{worst} {disordered} {robots}");
    }

    #[test]
    fn odd_sizes_end() {
        for (events, visitors, sessions) in [(0, 0, 0), (1, 1, 9), (10, 3, 10), (500, 1, 500), (7, 100, 1)] {
            let load = Load::new(1, LoadShape { events, visitors, sessions, days: 1 });
            let mut count = 0;
            let done: Result<(), ()> = load.visit(|_| {
                count += 1;
                Ok(())
            });
            assert_eq!((done, count), (Ok(()), events));
        }
    }
}
