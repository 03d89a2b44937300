//! Rows as the judge reads them: one for each key.

use std::collections::BTreeMap;

use crumbtrail_warehouse::TableId;

use crate::rows::{Row, Tables};

pub(crate) fn rows<'t, 'a>(tables: &'t Tables<'a>, table: TableId) -> impl Iterator<Item = &'t Row<'a>> {
    tables[&table].rows.values()
}

/// A map of rows; a second row of one key counts double, so that it cannot hide.
pub(crate) fn counted_once<K: Ord + Clone, V: Twice>(rows: impl Iterator<Item = (K, V)>) -> BTreeMap<K, V> {
    let mut map: BTreeMap<K, V> = BTreeMap::new();
    for (key, row) in rows {
        match map.get_mut(&key) {
            Some(known) => known.double(),
            None => {
                map.insert(key, row);
            }
        }
    }
    map
}

/// What can be told twice under one key.
pub(crate) trait Twice {
    fn double(&mut self);
}
