//! Blocks of ClickHouse's Native format as rows again, and tables as ReplacingMergeTree with FINAL shows them.

use std::collections::BTreeMap;

use bytes::Bytes;
use crumbtrail_warehouse::TableId;

/// A value of a column.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value<'a> {
    /// NULL.
    Null,
    /// A number, a boolean or a time; a float by its bits.
    Number(i128),
    /// A string, fixed or not.
    Text(&'a [u8]),
    /// A list; of tuples, one list per element.
    List(Vec<Value<'a>>),
}

impl<'a> Value<'a> {
    /// As a number; 0 if it is none.
    #[must_use]
    pub fn number(&self) -> i64 {
        match self {
            Value::Number(number) => *number as i64,
            _ => 0,
        }
    }

    /// As text; empty if it is none.
    #[must_use]
    pub fn text(&self) -> &'a str {
        match self {
            Value::Text(bytes) => std::str::from_utf8(bytes).unwrap_or_default(),
            _ => "",
        }
    }
}

/// A row: the values in the order of the table's columns.
pub type Row<'a> = Vec<Value<'a>>;

/// Where columns stand in their table.
///
/// # Panics
/// If there is none of a name.
#[must_use]
pub fn columns<const N: usize>(table: TableId, names: [&str; N]) -> [usize; N] {
    names.map(|name| {
        let at = table.columns().iter().position(|column| column.name == name);
        at.unwrap_or_else(|| panic!("invariant: {} has a column {name}", table.name()))
    })
}

/// Reads a block; columns that are not in it have their default.
///
/// # Errors
/// What is wrong with it.
pub fn read(table: TableId, block: &[u8]) -> Result<Vec<Row<'_>>, String> {
    let mut reader = Reader { bytes: block, at: 0 };
    let (columns, count) = (reader.varint()?, reader.varint()? as usize);
    let mut rows: Vec<Row<'_>> =
        vec![table.columns().iter().map(|column| default_of(column.type_name)).collect(); count];
    for _ in 0..columns {
        let (name, type_name) = (reader.text()?, reader.text()?);
        let at = table.columns().iter().position(|column| column.name.as_bytes() == name);
        let at = at.ok_or_else(|| format!("{} has no column {name:?}", table.name()))?;
        let type_name = std::str::from_utf8(type_name).map_err(|error| error.to_string())?;
        for (row, value) in rows.iter_mut().zip(reader.column(type_name, count)?) {
            row[at] = value;
        }
    }
    if reader.at == block.len() { Ok(rows) } else { Err(format!("{} bytes left over", block.len() - reader.at)) }
}

fn default_of(type_name: &str) -> Value<'static> {
    match type_name {
        "String" | "LowCardinality(String)" => Value::Text(b""),
        "FixedString(16)" => Value::Text(&[0; 16]),
        _ if type_name.starts_with("Nullable(") => Value::Null,
        _ if type_name.starts_with("Array(Tuple(") => {
            Value::List(type_name.split(", ").map(|_| Value::List(Vec::new())).collect())
        }
        _ if type_name.starts_with("Array(") => Value::List(Vec::new()),
        _ => Value::Number(0),
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

fn inside<'a>(type_name: &'a str, outer: &str) -> Option<&'a str> {
    type_name.strip_prefix(outer)?.strip_prefix('(')?.strip_suffix(')')
}

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], String> {
        if self.bytes.len() - self.at < len {
            return Err("cut short".to_owned());
        }
        self.at += len;
        Ok(&self.bytes[self.at - len..self.at])
    }

    fn varint(&mut self) -> Result<u64, String> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            value |= u64::from(byte & 0x7F) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err("number too long".to_owned())
    }

    fn text(&mut self) -> Result<&'a [u8], String> {
        let len = self.varint()? as usize;
        self.take(len)
    }

    fn column(&mut self, type_name: &str, count: usize) -> Result<Vec<Value<'a>>, String> {
        if let Some(inner) = inside(type_name, "Nullable") {
            let nulls = self.take(count)?;
            let values = self.column(inner, count)?;
            return Ok(nulls.iter().zip(values).map(|(null, v)| if *null == 0 { v } else { Value::Null }).collect());
        }
        if let Some(inner) = inside(type_name, "Array") {
            return self.lists(inner, count);
        }
        if type_name == "String" {
            return (0..count).map(|_| self.text().map(Value::Text)).collect();
        }
        if type_name == "LowCardinality(String)" {
            return self.coded(count);
        }
        if type_name == "FixedString(16)" {
            return (0..count).map(|_| self.take(16).map(Value::Text)).collect();
        }
        (0..count).map(|_| self.number(type_name)).collect()
    }

    fn number(&mut self, type_name: &str) -> Result<Value<'a>, String> {
        let number = match type_name {
            "Bool" | "UInt8" => i128::from(self.take(1)?[0]),
            "UInt32" | "Float32" => i128::from(u32::from_le_bytes(self.array()?)),
            "UInt64" => i128::from(u64::from_le_bytes(self.array()?)),
            "Int64" => i128::from(i64::from_le_bytes(self.array()?)),
            _ if type_name.starts_with("DateTime64(") => i128::from(i64::from_le_bytes(self.array()?)),
            _ => return Err(format!("columns of type {type_name} cannot be read")),
        };
        Ok(Value::Number(number))
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        self.take(N)?.try_into().map_err(|_| "cut short".to_owned())
    }

    /// A low-cardinality column: its distinct strings, and a number for every row.
    fn coded(&mut self, count: usize) -> Result<Vec<Value<'a>>, String> {
        if count == 0 {
            return Ok(Vec::new());
        }
        let mut word = || self.array().map(u64::from_le_bytes);
        let (version, flags, distinct) = (word()?, word()?, word()?);
        if version != 1 || flags & !3 != 0x600 {
            return Err(format!("low-cardinality column of version {version} with flags {flags:#x}"));
        }
        let keys: Vec<&[u8]> = (0..distinct).map(|_| self.text()).collect::<Result<_, _>>()?;
        let (rows, width) = (u64::from_le_bytes(self.array()?), 1 << (flags & 3));
        if rows != count as u64 {
            return Err(format!("low-cardinality column of {rows} rows in a block of {count}"));
        }
        let numbers = self.take(count * width)?.chunks(width);
        let number = |bytes: &[u8]| bytes.iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte));
        numbers
            .map(|bytes| keys.get(number(bytes)).map(|key| Value::Text(key)).ok_or_else(|| "no such key".to_owned()))
            .collect()
    }

    fn lists(&mut self, inner: &str, count: usize) -> Result<Vec<Value<'a>>, String> {
        let ends: Vec<usize> =
            (0..count).map(|_| Ok(u64::from_le_bytes(self.array()?) as usize)).collect::<Result<_, String>>()?;
        let total = ends.last().copied().unwrap_or_default();
        let fields: Vec<&str> = match inside(inner, "Tuple") {
            Some(fields) => fields.split(", ").map(|field| field.split_once(' ').map_or(field, |(_, of)| of)).collect(),
            None => vec![inner],
        };
        let is_tuple = inner.starts_with("Tuple(");
        let elements: Vec<Vec<Value<'a>>> = fields.iter().map(|of| self.column(of, total)).collect::<Result<_, _>>()?;
        let mut from = 0;
        Ok(ends
            .into_iter()
            .map(|end| {
                let mut lists: Vec<Value<'a>> =
                    elements.iter().map(|of| Value::List(of.get(from..end).unwrap_or_default().to_vec())).collect();
                from = end;
                if is_tuple { Value::List(lists) } else { lists.swap_remove(0) }
            })
            .collect())
    }
}

/// The columns of a table's sorting key, as its schema says; a function of a column counts as the column. A version in it keeps what
/// was so before; readers are shown the newest.
#[must_use]
pub fn key_columns(table: TableId) -> Vec<usize> {
    let sql = match table {
        TableId::Touchpoints => include_str!("../../../schemas/clickhouse/0013_touchpoints_origin.sql"),
        TableId::Sessions => include_str!("../../../schemas/clickhouse/0004_sessions.sql"),
        TableId::Conversations => include_str!("../../../schemas/clickhouse/0005_conversations.sql"),
        TableId::Journeys => include_str!("../../../schemas/clickhouse/0006_journeys.sql"),
        TableId::StageMoves => include_str!("../../../schemas/clickhouse/0007_stage_moves.sql"),
        TableId::Conversions => include_str!("../../../schemas/clickhouse/0008_conversions.sql"),
        TableId::Breadcrumbs => include_str!("../../../schemas/clickhouse/0009_breadcrumbs.sql"),
        TableId::DeadLetters => include_str!("../../../schemas/clickhouse/0014_dead_letters_origin.sql"),
        TableId::Batches => include_str!("../../../schemas/clickhouse/0011_batches.sql"),
        TableId::IdentityLinks => include_str!("../../../schemas/clickhouse/0012_identity_links.sql"),
    };
    let key = sql.lines().find_map(|line| line.split_once("ORDER BY (")).map_or("", |(_, key)| key);
    let names = key.trim_end_matches(')').split(", ");
    let plain = names.map(|name| name.trim_start_matches("toDate(").trim_end_matches(')'));
    let mut key: Vec<usize> = plain.filter(|name| *name != "version").flat_map(|name| columns(table, [name])).collect();
    key.dedup();
    key
}

/// A table as a reader sees it.
pub struct Final<'a> {
    /// Rows by key, without those taken back.
    pub rows: BTreeMap<Row<'a>, Row<'a>>,
    /// Keys that have two different rows of one version: which one shows is chance.
    pub torn: Vec<Row<'a>>,
}

/// All tables as readers see them.
pub type Tables<'a> = BTreeMap<TableId, Final<'a>>;

/// What FINAL shows of all tables, given the blocks of each.
///
/// # Errors
/// A block cannot be read.
pub fn merge_all(blocks: &BTreeMap<TableId, Vec<Bytes>>) -> Result<Tables<'_>, String> {
    blocks.iter().map(|(table, blocks)| Ok((*table, merge(*table, blocks)?))).collect()
}

/// What FINAL shows of a table's blocks.
///
/// # Errors
/// A block cannot be read.
pub fn merge(table: TableId, blocks: &[Bytes]) -> Result<Final<'_>, String> {
    let key_columns = key_columns(table);
    let [version, deleted] = columns(table, ["version", "is_deleted"]);
    let mut rows: BTreeMap<Row<'_>, Row<'_>> = BTreeMap::new();
    let mut torn = Vec::new();
    for block in blocks {
        for row in read(table, block)? {
            let key: Row<'_> = key_columns.iter().map(|at| row[*at].clone()).collect();
            match rows.get_mut(&key) {
                Some(known) if known[version] > row[version] => {}
                Some(known) if known[version] == row[version] => {
                    if differs(table, known, &row) {
                        torn.push(key);
                    }
                }
                Some(known) => *known = row,
                None => {
                    rows.insert(key, row);
                }
            }
        }
    }
    rows.retain(|_, row| row[deleted] == Value::Number(0));
    Ok(Final { rows, torn })
}

/// Whether two rows say different things. A ledger row also says which start of the server acknowledged it.
fn differs(table: TableId, one: &Row<'_>, other: &Row<'_>) -> bool {
    let start = |at: usize| table == TableId::Batches && table.columns()[at].name == "server_start_id";
    one.iter().zip(other).enumerate().any(|(at, (one, other))| one != other && !start(at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crumbtrail_events::EventTime;
    use crumbtrail_events::outcome::Counts;
    use crumbtrail_warehouse::ledger::{LedgerRow, ServerStart};
    use crumbtrail_warehouse::{Processor, native, tables};

    #[test]
    fn every_table_has_a_key() {
        for table in TableId::ALL {
            assert!(!key_columns(table).is_empty(), "{}", table.name());
        }
    }

    #[test]
    fn the_highest_version_shows_and_two_of_one_version_are_told() {
        let row = |records, wall| LedgerRow {
            epoch: 1,
            processor: Processor::Journey,
            partition: 2,
            table: TableId::Journeys,
            from_offset: 3,
            to_offset: 4,
            content_hash: 0,
            position_checksum: 0,
            row_checksum: 0,
            row_count: 0,
            record_count: records,
            counts: Counts::default(),
            server_start: ServerStart(1),
            watermark_at: EventTime(5),
            written_at: EventTime(wall),
        };
        let block = |row: &LedgerRow| {
            let mut bytes = Vec::new();
            tables::batches::encode(row, &mut bytes);
            Bytes::from(native::block(TableId::Batches.columns(), [&bytes[..]], 1).unwrap().bytes.concat())
        };
        let [records] = columns(TableId::Batches, ["record_count"]);
        let shown = |rows: &[LedgerRow]| {
            let blocks: Vec<Bytes> = rows.iter().map(block).collect();
            let merged = merge(TableId::Batches, &blocks).unwrap();
            (merged.rows.values().map(|row| row[records].number()).collect::<Vec<_>>(), merged.torn.len())
        };
        assert_eq!(shown(&[row(7, 1), row(9, 1), row(8, 2)]), (vec![8], 1));
        assert_eq!(shown(&[row(7, 1), row(7, 1)]), (vec![7], 0));
    }
}
