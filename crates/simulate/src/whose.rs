//! The independent judge's part on identity: whose every record is, worked out at once from everything that was said.

use std::collections::{BTreeMap, BTreeSet};
use std::iter::successors;

use crumbtrail_events::Key;
use crumbtrail_events::ids::id_hash;
use crumbtrail_warehouse::TableId;

use crate::judge::key;
use crate::once::{Twice, counted_once, rows};
use crate::rows::{Row, Tables, columns};
use crate::world::{BEFORE_LOGIN_MS, DAY_MS, LOOK_BACK_MS, Placed, Record, SITE};

/// Whose each visitor is: of the customers that may have it the one named first on it, and when.
pub(crate) type Owners = BTreeMap<String, (String, i64)>;

/// How what was said of a visitor or an alias and a customer stands, and when it was said first.
pub(crate) type Standings = BTreeMap<(String, String), (String, i64)>;

/// Everybody's ids.
#[derive(Debug, Default)]
pub(crate) struct Whose<'a> {
    pub(crate) owners: Owners,
    pub(crate) standings: Standings,
    /// By visitor, when a click named whom on it, if their claim is not one too many.
    named: BTreeMap<&'a str, Vec<(i64, u64, &'a str)>>,
    /// Whose alias a customer's id is, and from when on what is done under it is theirs.
    aliases: BTreeMap<&'a str, (&'a str, i64)>,
}

impl<'a> Whose<'a> {
    pub(crate) fn of(counted: &[&'a Placed], crowd: (u32, u32), partitions: u32) -> Whose<'a> {
        let (owners, standings) = visitors(counted, crowd, partitions);
        let mut whose = Whose { owners, standings, ..Whose::default() };
        for Record { visitor, customer, at_ms, id, kind, is_bot, .. } in counted.iter().map(|placed| &placed.record) {
            let is_named = !is_bot && !kind.is_support() && !kind.is_marketing() && !customer.is_empty();
            let stands = whose.standings.get(&(visitor.clone(), customer.clone()));
            if is_named && stands.is_some_and(|(standing, _)| matches!(&**standing, "linked" | "rival")) {
                whose.named.entry(visitor.as_str()).or_default().push((*at_ms, id_hash(id), customer));
            }
        }
        let mut said: BTreeMap<(&str, &str), (i64, u64)> = BTreeMap::new();
        for Record { previous, customer, at_ms, id, .. } in counted.iter().map(|placed| &placed.record) {
            if !previous.is_empty() && previous != customer {
                let first = said.entry((previous, customer)).or_insert((i64::MAX, 0));
                *first = (*at_ms, id_hash(id)).min(*first);
            }
        }
        // The least first; one in whose way others stand is passed over.
        let said: BTreeSet<_> = said.into_iter().map(|(pair, first)| (first, pair)).collect();
        for ((at_ms, _), (alias, customer)) in said {
            let mut way = successors(Some(customer), |id| whose.aliases.get(id).map(|(next, _)| *next));
            let standing = if whose.aliases.contains_key(alias) {
                "rival"
            } else if way.any(|id| id == alias) {
                "circle"
            } else {
                whose.aliases.insert(alias, (customer, at_ms - LOOK_BACK_MS));
                "linked"
            };
            whose.standings.insert((alias.to_owned(), customer.to_owned()), (standing.to_owned(), at_ms));
        }
        whose
    }

    /// Whose journey the record is in: the customer's named, else of whom the visitor is, or whose alias that one is; else the
    /// visitor's. Robots have none.
    pub(crate) fn person(&self, placed: &Placed) -> Option<Vec<u8>> {
        let record = &placed.record;
        let key = match (record.is_bot, self.customer(record), record.visitor.as_str()) {
            (true, ..) => return None,
            (_, "", "") => key(placed),
            (_, "", visitor) => Key::visitor(SITE, visitor),
            (_, customer, _) => Key::customer(SITE, customer),
        };
        Some(key.0.to_be_bytes().to_vec())
    }

    /// Whom the visitor's clicks name last before the record, or a little after it and long after that.
    fn turn(&self, record: &Record) -> Option<&str> {
        let named = self.named.get(record.visitor.as_str())?;
        let last = named.iter().filter(|(at_ms, ..)| *at_ms <= record.at_ms).max();
        let next = named.iter().filter(|(at_ms, ..)| *at_ms > record.at_ms).min();
        let next = next.filter(|(at_ms, ..)| at_ms - record.at_ms <= BEFORE_LOGIN_MS);
        let is_left = last.is_none_or(|(at_ms, ..)| record.at_ms - at_ms > BEFORE_LOGIN_MS);
        next.filter(|_| is_left).or(last).map(|(.., customer)| *customer)
    }

    /// The customer in whose journey the record is; empty if it is in none's.
    pub(crate) fn customer<'b>(&'b self, record: &'b Record) -> &'b str {
        let held = self.owners.get(&record.visitor).filter(|(_, at_ms)| record.at_ms >= at_ms - LOOK_BACK_MS);
        let held = held.map(|(customer, _)| customer.as_str());
        let named = match record.customer.as_str() {
            "" => self.turn(record).or(held).unwrap_or_default(),
            customer => customer,
        };
        let onward = |id: &&'b str| {
            let alias = self.aliases.get(id).filter(|(_, from_ms)| record.at_ms >= *from_ms);
            alias.map(|(customer, _)| *customer)
        };
        successors(Some(named), onward).last().unwrap_or_default()
    }
}

/// Whose the visitors are, and how each claim of a customer stands: one is passed over if too many come before it, or from a
/// day on at which too many came. Each partition may have its share.
fn visitors(counted: &[&Placed], (most, most_a_day): (u32, u32), partitions: u32) -> (Owners, Standings) {
    let place = |visitor: &str| Key::visitor(SITE, visitor).partition(partitions);
    let mut claims: BTreeMap<(&str, &str), (i64, u64)> = BTreeMap::new();
    for Record { visitor, customer, at_ms, id, is_bot, .. } in counted.iter().map(|placed| &placed.record) {
        if !is_bot && !visitor.is_empty() && !customer.is_empty() {
            let first = claims.entry((visitor, customer)).or_insert((i64::MAX, 0));
            *first = (*at_ms, id_hash(id)).min(*first);
        }
    }
    let why_not = |visitor: &str, customer: &str, claim: (i64, u64)| {
        let beside = || {
            let of = claims.iter().filter(|((v, c), _)| *c == customer && place(v) == place(visitor));
            of.map(|((v, _), (at_ms, id))| (*at_ms, *id, Key::visitor(SITE, v)))
        };
        let day = |at_ms: i64| at_ms.div_euclid(DAY_MS);
        let share = |most: u32| (most / partitions).max(most.min(4)) as usize;
        let is_busy = |on: i64| beside().filter(|(at_ms, ..)| day(*at_ms) == on).count() > share(most_a_day);
        let own = (claim.0, claim.1, Key::visitor(SITE, visitor));
        if beside().any(|(at_ms, ..)| day(at_ms) <= day(claim.0) && is_busy(day(at_ms))) {
            Some("shared")
        } else {
            (beside().filter(|other| *other < own).count() >= share(most)).then_some("over_limit")
        }
    };
    let mut owners: BTreeMap<&str, (i64, u64, &str)> = BTreeMap::new();
    for ((visitor, customer), claim) in &claims {
        if why_not(visitor, customer, *claim).is_none() {
            let (at_ms, id) = *claim;
            let first = owners.entry(visitor).or_insert((at_ms, id, customer));
            *first = (at_ms, id, *customer).min(*first);
        }
    }
    let stands = |((visitor, customer), claim): (&(&str, &str), &(i64, u64))| {
        let is_held = owners.get(visitor).is_some_and(|(.., held)| held == customer);
        let plain = if is_held { "linked" } else { "rival" };
        let standing = why_not(visitor, customer, *claim).unwrap_or(plain);
        (((*visitor).to_owned(), (*customer).to_owned()), (standing.to_owned(), claim.0))
    };
    let standings = claims.iter().map(stands).collect();
    let owner =
        |(visitor, (at_ms, _, customer)): (&str, (i64, u64, &str))| (visitor.to_owned(), (customer.to_owned(), at_ms));
    (owners.into_iter().map(owner).collect(), standings)
}

/// The links of the table that hold.
pub(crate) fn shown_owners(tables: &Tables<'_>) -> Owners {
    let [kind, visitor, customer, at, standing] =
        columns(TableId::IdentityLinks, ["id_kind", "id", "customer", "claimed_at", "standing"]);
    let is_held = |row: &&Row<'_>| row[kind].text() == "visitor" && row[standing].text() == "linked";
    let owner = |row: &Row<'_>| (row[customer].text().to_owned(), row[at].number());
    let held = rows(tables, TableId::IdentityLinks).filter(is_held);
    counted_once(held.map(|row| (row[visitor].text().to_owned(), owner(row))))
}

/// The visitors and aliases of the table.
pub(crate) fn shown_standings(tables: &Tables<'_>) -> Standings {
    let [kind, id, customer, at, standing] =
        columns(TableId::IdentityLinks, ["id_kind", "id", "customer", "claimed_at", "standing"]);
    let told = rows(tables, TableId::IdentityLinks).filter(|row| row[kind].text() != "contact");
    let pair = |row: &Row<'_>| (row[id].text().to_owned(), row[customer].text().to_owned());
    counted_once(told.map(|row| (pair(row), (row[standing].text().to_owned(), row[at].number()))))
}

impl Twice for (String, i64) {
    fn double(&mut self) {
        self.1 += 1_000;
    }
}
