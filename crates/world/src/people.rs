//! Who there is, and on which days they do what.

use crumbtrail_events::Kind;

use crate::catalogue::STORES;
use crate::devices;
use crate::dice::Dice;
use crate::places::{CITIES, ROBOTS, Tongue};
use crate::plan::{DAY, MINUTE, NOBODY, Page, Person, Plan, SECOND, Step, Visit, Visitor, What, moment};
use crate::shopping::{Purpose, Stay};
use crate::support;
use crate::texts::Texts;
use crate::{DAYS, START_MS};

/// Customers of a world of scale 1.
const CUSTOMERS: f64 = 4_000.0;
/// People who stay strangers, in a world of scale 1.
const STRANGERS: f64 = 8_600.0;
/// Stays of robots in a world of scale 1.
const ROBOT_STAYS: f64 = 200.0;
/// Every so many customers one leaves.
const LEAVER_EVERY: u32 = 8;

/// Fills a plan with everybody.
pub(crate) fn populate(plan: &mut Plan, seed: u64, scale: f64, texts: &Texts) {
    let count = |of: f64, least: u32| ((of * scale).round() as u32).max(least);
    let customers = count(CUSTOMERS, 40);
    for number in 0..customers {
        let mut dice = Dice::new(seed, 1_000 + u64::from(number));
        let person = person(&mut dice, number, true);
        if number % LEAVER_EVERY == 3 {
            leaver(plan, &mut dice, person, number / LEAVER_EVERY, texts);
        } else {
            customer(plan, &mut dice, person, texts);
        }
    }
    for number in customers..customers + count(STRANGERS, 40) {
        let mut dice = Dice::new(seed, 1_000 + u64::from(number));
        let person = person(&mut dice, number, false);
        stranger(plan, &mut dice, person, texts);
    }
    let mut dice = Dice::new(seed, 1);
    for number in 0..count(ROBOT_STAYS, 3) {
        robot(plan, &mut dice, number);
    }
}

fn person(dice: &mut Dice, number: u32, is_customer: bool) -> Person {
    let city = dice.weighted(CITIES.iter().map(|city| city.share)) as u8;
    let first = devices::any(dice);
    let second = if is_customer && dice.chance(350) { devices::any(dice) } else { first };
    let home = CITIES[usize::from(city)].tongue;
    // Some in Bangkok and Jakarta write English.
    let tongue = if dice.chance(60) { Tongue::English } else { home };
    Person { number, is_customer, city, tongue, agents: [first, second] }
}

/// `count` different days of `from..to`, in order: one stay a day keeps sessions and carts of a person apart.
fn days(dice: &mut Dice, count: u64, from: i64, to: i64) -> Vec<i64> {
    let mut days: Vec<i64> = Vec::new();
    for _ in 0..count.min((to - from).max(0) as u64) {
        let mut day = dice.between(from, to - 1);
        while days.contains(&day) {
            day = if day + 1 == to { from } else { day + 1 };
        }
        days.push(day);
    }
    days.sort_unstable();
    days
}

/// Days of the first stay start at 1, so that no local clock falls before the world's beginning.
const FIRST_DAY: i64 = 1;

fn customer(plan: &mut Plan, dice: &mut Dice, person: Person, texts: &Texts) {
    let count = 1 + dice.geometric(30, 30);
    let has_two = person.agents[0] != person.agents[1];
    let is_old = dice.chance(550);
    let mut knows = [is_old, is_old && dice.chance(500)];
    let mut is_new = !is_old;
    for day in days(dice, count, FIRST_DAY, DAYS - 1) {
        let device = u8::from(has_two && dice.chance(350));
        let at = moment(dice, person.city, day, (7, 22));
        let known = knows[usize::from(device)];
        let purpose = if !known && dice.chance(650) {
            Purpose::SignIn(is_new)
        } else {
            Purpose::Browse { is_known: known, may_comment: true }
        };
        let is_known = Stay::begin(plan, dice, person, device, at).go(purpose, texts);
        knows[usize::from(device)] = is_known;
        is_new &= !is_known;
    }
    visit_stores(plan, dice, person, DAYS - 1, texts, true);
    if dice.chance(500) {
        messages(plan, dice, person, DAYS - 1);
    }
    support::of_customer(plan, dice, person, texts);
}

fn stranger(plan: &mut Plan, dice: &mut Dice, person: Person, texts: &Texts) {
    let count = 1 + dice.geometric(5, 12);
    for day in days(dice, count, FIRST_DAY, DAYS - 1) {
        let at = moment(dice, person.city, day, (7, 22));
        let purpose = Purpose::Browse { is_known: false, may_comment: false };
        Stay::begin(plan, dice, person, 0, at).go(purpose, texts);
    }
    support::of_stranger(plan, dice, person, texts);
}

/// Somebody who cancels. The shares of leavers with a billing problem and of satisfied ones are exact by construction.
fn leaver(plan: &mut Plan, dice: &mut Dice, person: Person, index: u32, texts: &Texts) {
    let has_billing = index.is_multiple_of(5);
    let is_satisfied = !(index / 5 + index).is_multiple_of(5);
    let last = dice.between(46, DAYS - 3);
    let count = 2 + dice.geometric(25, 20);
    for day in days(dice, count, FIRST_DAY, last) {
        let at = moment(dice, person.city, day, (7, 22));
        let purpose = Purpose::Browse { is_known: true, may_comment: false };
        Stay::begin(plan, dice, person, 0, at).go(purpose, texts);
    }
    visit_stores(plan, dice, person, last - 1, texts, false);
    support::of_leaver(plan, dice, person, last, has_billing, is_satisfied, texts);
    let at = moment(dice, person.city, last, (9, 21));
    Stay::begin(plan, dice, person, 0, at).go(Purpose::Leave, texts);
    plan.tally.leavers += 1;
    plan.tally.leavers_billing += u64::from(has_billing);
    plan.tally.leavers_satisfied += u64::from(is_satisfied);
}

fn visit_stores(plan: &mut Plan, dice: &mut Dice, person: Person, before: i64, texts: &Texts, may_tell: bool) {
    let near = || STORES.iter().map(|store| if store.city == person.city { store.draw } else { 0 });
    if near().sum::<u32>() == 0 || !dice.chance(380) {
        return;
    }
    let count = 1 + dice.geometric(9, 8);
    for (nth, day) in days(dice, count, FIRST_DAY, before).into_iter().enumerate() {
        let store = dice.weighted(near()) as u8;
        let at = moment(dice, person.city, day, (11, 19));
        let visit = plan.open(Visit {
            visitor: Visitor::Card(person.number),
            person: person.number,
            agent: u8::MAX,
            city: person.city,
            arrival: 0,
            tongue: person.tongue,
            address: u32::from(store) * 2,
            skew_ms: 0,
            has_refused: false,
        });
        plan.tally.sessions += 1;
        *plan.tally.sessions_by_city.entry(CITIES[usize::from(person.city)].name).or_default() += 1;
        plan.tally.store_visits[usize::from(store)] += 1;
        step(plan, dice, visit, at, true, What::StoreVisit(store));
        if nth == 0 && may_tell && dice.chance(120) {
            let later = at + dice.between(30, 400) * MINUTE;
            support::at_store(plan, dice, person, store, later, texts);
        }
    }
}

/// An event without page.
fn step(plan: &mut Plan, dice: &mut Dice, visit: u32, at: i64, is_known: bool, what: What) {
    let step = Step {
        at,
        queued_ms: 0,
        travel_ms: 0,
        is_known,
        line_count: 0,
        line_start: 0,
        visit,
        page: Page::Nowhere,
        from: Page::Nowhere,
        what,
    };
    plan.push(dice, step);
}

fn messages(plan: &mut Plan, dice: &mut Dice, person: Person, before: i64) {
    let visit = plan.open(Visit {
        visitor: Visitor::Device(person.number, 0),
        person: person.number,
        agent: person.agents[0],
        city: person.city,
        arrival: 0,
        tongue: person.tongue,
        address: 2 * person.number,
        skew_ms: 0,
        has_refused: false,
    });
    let count = 1 + dice.geometric(25, 12);
    for day in days(dice, count, FIRST_DAY, before) {
        let campaign = dice.index(crate::arrivals::CAMPAIGNS.len()) as u8;
        let mut at = moment(dice, person.city, day, (8, 18));
        let mut say = |dice: &mut Dice, at, kind| step(plan, dice, visit, at, true, What::Message(kind, campaign));
        say(dice, at, Kind::MessageSent);
        at += dice.between(1, 40) * SECOND;
        say(dice, at, Kind::MessageDelivered);
        if dice.chance(380) {
            at += dice.between(1, 200) * MINUTE;
            say(dice, at, Kind::MessageOpened);
            if dice.chance(120) {
                at += dice.between(3, 40) * SECOND;
                say(dice, at, Kind::MessageClicked);
            } else if dice.chance(15) {
                at += dice.between(3, 40) * SECOND;
                say(dice, at, Kind::MessageUnsubscribed);
                return;
            }
        }
    }
}

fn robot(plan: &mut Plan, dice: &mut Dice, number: u32) {
    let visit = plan.open(Visit {
        visitor: Visitor::Robot(number),
        person: NOBODY,
        agent: devices::robot(dice),
        city: ROBOTS,
        arrival: 0,
        tongue: Tongue::English,
        address: dice.bits() as u32,
        skew_ms: 0,
        has_refused: false,
    });
    plan.tally.robot_sessions += 1;
    let mut at = START_MS + DAY + dice.below((DAYS - 2) as u64 * DAY as u64) as i64;
    for _ in 0..4 + dice.geometric(160, 200) {
        let page = match dice.below(4) {
            0 => Page::Category(dice.index(crate::catalogue::CATEGORIES.len()) as u8),
            _ => Page::Product(dice.index(crate::catalogue::PRODUCTS.len()) as u16),
        };
        let step = Step {
            at,
            queued_ms: 0,
            travel_ms: 0,
            is_known: false,
            line_count: 0,
            line_start: 0,
            visit,
            page,
            from: Page::Nowhere,
            what: What::Plain(Kind::PageView),
        };
        plan.push(dice, step);
        at += dice.between(900, 7_000);
    }
}
