//! The independent judge's part on identity: whose every record is, worked out at once from everything that was said.

use std::collections::{BTreeMap, BTreeSet};
use std::iter::successors;

use crumbtrail_events::Key;
use crumbtrail_events::ids::id_hash;
use crumbtrail_warehouse::TableId;

use crate::judge::key;
use crate::oracle::{Twice, by, counted_once, rows};
use crate::rows::{Row, Tables, columns};
use crate::world::{LOOK_BACK_MS, Placed, Record, SITE};

/// Whose each visitor is: the customer named first on it, and when.
pub(crate) type Owners = BTreeMap<String, (String, i64)>;

/// How what was said of an alias and a customer stands, and when it was said first.
pub(crate) type Standings = BTreeMap<(String, String), (String, i64)>;

/// Everybody's ids.
#[derive(Debug, Default)]
pub(crate) struct Whose<'a> {
    pub(crate) owners: Owners,
    pub(crate) standings: Standings,
    /// Whose alias a customer's id is, and from when on what is done under it is theirs.
    aliases: BTreeMap<&'a str, (&'a str, i64)>,
}

impl<'a> Whose<'a> {
    pub(crate) fn of(counted: &[&'a Placed]) -> Whose<'a> {
        let mut whose = Whose { owners: owners(counted), ..Whose::default() };
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

    /// The customer in whose journey the record is; empty if it is in none's.
    pub(crate) fn customer<'b>(&'b self, record: &'b Record) -> &'b str {
        let held = self.owners.get(&record.visitor).filter(|(_, at_ms)| record.at_ms >= at_ms - LOOK_BACK_MS);
        let named = match (record.customer.as_str(), held) {
            ("", Some((customer, _))) => customer,
            (customer, _) => customer,
        };
        let onward = |id: &&'b str| {
            let alias = self.aliases.get(id).filter(|(_, from_ms)| record.at_ms >= *from_ms);
            alias.map(|(customer, _)| *customer)
        };
        successors(Some(named), onward).last().unwrap_or_default()
    }
}

fn owners(counted: &[&Placed]) -> Owners {
    let named = by(counted, |placed| {
        let record = &placed.record;
        (!record.is_bot && !record.customer.is_empty() && !record.visitor.is_empty()).then_some(&record.visitor)
    });
    let first = |list: Vec<&Placed>| {
        let first = list.into_iter().map(|placed| &placed.record).min_by_key(|r| (r.at_ms, id_hash(&r.id)));
        first.map(|record| (record.customer.clone(), record.at_ms)).unwrap_or_default()
    };
    named.into_iter().map(|(visitor, list)| (visitor.clone(), first(list))).collect()
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

/// The aliases of the table.
pub(crate) fn shown_standings(tables: &Tables<'_>) -> Standings {
    let [kind, alias, customer, at, standing] =
        columns(TableId::IdentityLinks, ["id_kind", "id", "customer", "claimed_at", "standing"]);
    let aliases = rows(tables, TableId::IdentityLinks).filter(|row| row[kind].text() == "customer");
    let pair = |row: &Row<'_>| (row[alias].text().to_owned(), row[customer].text().to_owned());
    counted_once(aliases.map(|row| (pair(row), (row[standing].text().to_owned(), row[at].number()))))
}

impl Twice for (String, i64) {
    fn double(&mut self) {
        self.1 += 1_000;
    }
}
