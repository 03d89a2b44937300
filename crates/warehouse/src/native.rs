//! Rows turned into columns: RowBinary, as the encoders make it, into one block of ClickHouse's Native format.
//!
//! Processors keep rows as bytes, one after the other: that is what a state can hold and a snapshot store. The server,
//! though, reads columns several times cheaper than rows, low-cardinality ones above all (it looks up each value of a
//! row by itself, those of a column at once; docs/decisions/0004-rows-become-columns.md has the figures). So rows are turned once, here.
//!
//! Format: <https://clickhouse.com/docs/interfaces/formats/Native>, revision 0: number of columns, number of rows, then
//! for each column its name, its type and its values. Low-cardinality strings are sent as the server keeps them
//! ([`crate::coded`]): it need not look any up.

use crate::coded::Coded;
use crate::error::WarehouseError;
use crate::rowbinary::Column;
use bytes::Bytes;
use crumbtrail_events::wire::{Reader, WireError, put_bytes, put_varint};

/// Rows after which the columns' sizes are guessed.
const SAMPLE: u64 = 1024;
/// Columns of at least so many bytes are sent from where they were filled, smaller ones are joined.
const LARGE: usize = 64 << 10;

/// Rows as columns.
#[derive(Debug)]
pub struct Block {
    /// The columns in it; the others have nothing but their default in every row.
    pub names: Vec<&'static str>,
    /// Its bytes, to be sent one after the other.
    pub bytes: Vec<Bytes>,
}

/// The block that holds the rows in `pieces` (RowBinary, `row_count` rows in all, every piece whole rows). Columns that say
/// nothing are left out, and the server fills them in for a fraction of the price: a batch without support entries has
/// thirty of them.
///
/// # Errors
/// Bytes that are not rows of these columns: torn, or of another number than said. Nothing was sent then.
pub fn block<'a>(
    columns: &[Column],
    pieces: impl IntoIterator<Item = &'a [u8]>,
    row_count: u64,
) -> Result<Block, WarehouseError> {
    let mut values = columns.iter().map(|column| Values::of(column.type_name)).collect::<Result<Vec<_>, _>>()?;
    let mut found = 0;
    for piece in pieces {
        let mut reader = Reader::new(piece);
        while !reader.is_empty() {
            for (column, values) in columns.iter().zip(&mut values) {
                values.take(&mut reader).map_err(|error| WarehouseError::Rows {
                    detail: format!("row {found}, column {}: {error}", column.name),
                })?;
            }
            found += 1;
            if found == SAMPLE && row_count > SAMPLE {
                values.iter_mut().for_each(|values| values.expect(row_count as f64 / SAMPLE as f64));
            }
        }
    }
    if found != row_count {
        return Err(WarehouseError::Rows { detail: format!("{found} rows in the bytes, {row_count} were told") });
    }
    let mut out = Joined::default();
    let mut sent: Vec<_> = columns.iter().zip(values).collect();
    // One stays, so that the block has rows at all.
    let first = columns.first().map(|column| column.name);
    sent.retain(|(column, values)| Some(column.name) == first || !values.say_nothing());
    put_varint(&mut out.small, sent.len() as u64);
    put_varint(&mut out.small, row_count);
    let names = sent.iter().map(|(column, _)| column.name).collect();
    for (column, values) in sent {
        put_bytes(&mut out.small, column.name.as_bytes());
        put_bytes(&mut out.small, column.type_name.as_bytes());
        values.put(&mut out);
    }
    Ok(Block { names, bytes: out.finish() })
}

/// Bytes to be sent: large buffers as they are, small ones joined.
#[derive(Default)]
struct Joined {
    done: Vec<Bytes>,
    small: Vec<u8>,
}

impl Joined {
    fn put(&mut self, bytes: Vec<u8>) {
        if bytes.len() < LARGE {
            self.small.extend_from_slice(&bytes);
            return;
        }
        self.done.extend([std::mem::take(&mut self.small).into(), bytes.into()]);
    }

    fn finish(mut self) -> Vec<Bytes> {
        self.done.push(self.small.into());
        self.done.retain(|bytes| !bytes.is_empty());
        self.done
    }
}

/// The values of one column so far.
enum Values {
    /// So many bytes each.
    Fixed { width: usize, bytes: Vec<u8> },
    /// A length and bytes each.
    Text(Vec<u8>),
    /// A number each, of strings that stand once.
    Coded(Coded),
    /// A byte each that says NULL, and values that are zero there.
    Nullable { nulls: Vec<u8>, width: usize, bytes: Vec<u8> },
    /// Ends of the lists, and the elements of all lists; several columns of elements for tuples.
    List { count: u64, ends: Vec<u8>, elements: Vec<Values> },
}

impl Values {
    fn of(type_name: &str) -> Result<Values, WarehouseError> {
        if let Some(inner) = inside(type_name, "Nullable") {
            let width = width(inner).ok_or_else(|| unknown(type_name))?;
            return Ok(Values::Nullable { nulls: Vec::new(), width, bytes: Vec::new() });
        }
        if let Some(inner) = inside(type_name, "Array") {
            let elements = match inside(inner, "Tuple") {
                // Elements are `name Type`.
                Some(fields) => parts(fields)
                    .map(|field| Values::of(field.split_once(' ').map_or(field, |(_, type_name)| type_name)))
                    .collect::<Result<Vec<_>, _>>()?,
                None => vec![Values::of(inner)?],
            };
            return Ok(Values::List { count: 0, ends: Vec::new(), elements });
        }
        match type_name {
            "String" => return Ok(Values::Text(Vec::new())),
            "LowCardinality(String)" => return Ok(Values::Coded(Coded::default())),
            _ => {}
        }
        let width = width(type_name).ok_or_else(|| unknown(type_name))?;
        Ok(Values::Fixed { width, bytes: Vec::new() })
    }

    #[inline]
    fn take(&mut self, reader: &mut Reader<'_>) -> Result<(), WireError> {
        match self {
            Values::Fixed { width, bytes } => bytes.extend_from_slice(reader.take(*width)?),
            Values::Text(bytes) => put_bytes(bytes, reader.bytes()?),
            Values::Coded(coded) => coded.push(reader.bytes()?),
            Values::Nullable { nulls, width, bytes } => {
                let null = reader.u8()?;
                nulls.push(null);
                match null {
                    0 => bytes.extend_from_slice(reader.take(*width)?),
                    _ => bytes.resize(bytes.len() + *width, 0),
                }
            }
            Values::List { count, ends, elements } => {
                let length = reader.varint()?;
                for _ in 0..length {
                    for element in elements.iter_mut() {
                        element.take(reader)?;
                    }
                }
                *count += length;
                ends.extend_from_slice(&count.to_le_bytes());
            }
        }
        Ok(())
    }

    /// Makes room for `times` as many values as there are, so that buffers seldom grow.
    fn expect(&mut self, times: f64) {
        let more = |bytes: &mut Vec<u8>| bytes.reserve((bytes.len() as f64 * (times * 1.05 - 1.0)).max(0.0) as usize);
        match self {
            Values::Fixed { bytes, .. } | Values::Text(bytes) => more(bytes),
            Values::Coded(coded) => coded.reserve((coded.len() as f64 * (times - 1.0)).max(0.0) as usize),
            Values::Nullable { nulls, bytes, .. } => {
                more(nulls);
                more(bytes);
            }
            Values::List { ends, elements, .. } => {
                more(ends);
                elements.iter_mut().for_each(|element| element.expect(times));
            }
        }
    }

    /// Whether every value is the default of its type.
    fn say_nothing(&self) -> bool {
        match self {
            Values::Fixed { bytes, .. } | Values::Text(bytes) => bytes.iter().all(|byte| *byte == 0),
            Values::Coded(coded) => coded.says_nothing(),
            Values::Nullable { nulls, .. } => nulls.iter().all(|null| *null != 0),
            Values::List { count, .. } => *count == 0,
        }
    }

    fn put(self, out: &mut Joined) {
        match self {
            Values::Fixed { bytes, .. } | Values::Text(bytes) => out.put(bytes),
            Values::Coded(coded) => out.put(coded.finish()),
            Values::Nullable { nulls, bytes, .. } => {
                out.put(nulls);
                out.put(bytes);
            }
            Values::List { ends, elements, .. } => {
                out.put(ends);
                elements.into_iter().for_each(|element| element.put(out));
            }
        }
    }
}

/// `X` of `Outer(X)`.
fn inside<'a>(type_name: &'a str, outer: &str) -> Option<&'a str> {
    type_name.strip_prefix(outer)?.strip_prefix('(')?.strip_suffix(')')
}

/// What commas separate outside of parentheses.
fn parts(fields: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0;
    let is_end = move |symbol: char| {
        depth += i32::from(symbol == '(') - i32::from(symbol == ')');
        symbol == ',' && depth == 0
    };
    fields.split(is_end).map(str::trim_start)
}

fn width(type_name: &str) -> Option<usize> {
    Some(match type_name {
        "Bool" | "UInt8" => 1,
        "UInt32" | "Float32" => 4,
        "UInt64" | "Int64" => 8,
        "FixedString(16)" => 16,
        _ if type_name.starts_with("DateTime64(") => 8,
        _ => return None,
    })
}

fn unknown(type_name: &str) -> WarehouseError {
    WarehouseError::Rows { detail: format!("columns of type {type_name} cannot be sent") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::TableId;

    const COLUMNS: &[Column] = &[
        Column { name: "a", type_name: "UInt8" },
        Column { name: "s", type_name: "LowCardinality(String)" },
        Column { name: "n", type_name: "Nullable(Float32)" },
        Column { name: "l", type_name: "Array(Tuple(p String, q UInt8))" },
    ];

    #[test]
    fn commas_within_a_type_part_no_fields() {
        let fields = "s String, at DateTime64(3, 'UTC'), left Nullable(DateTime64(3, 'UTC')), n UInt8";
        let expected = ["s String", "at DateTime64(3, 'UTC')", "left Nullable(DateTime64(3, 'UTC'))", "n UInt8"];
        assert_eq!(parts(fields).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn rows_become_columns() {
        let first = [1, 2, b'x', b'y', 0, 9, 9, 9, 9, 1, 1, b'p', 7];
        let second = [2, 0, 1, 2, 1, b'q', 8, 0, 9];
        let block = block(COLUMNS, [&first[..], &second[..]], 2).unwrap();
        let mut expected = vec![4, 2];
        expected.extend(b"\x01a\x05UInt8\x01\x02");
        expected.extend(b"\x01s\x16LowCardinality(String)");
        expected.extend([1u64, 0x600, 2].map(u64::to_le_bytes).concat());
        expected.extend(b"\x02xy\x00");
        expected.extend(2u64.to_le_bytes());
        expected.extend([0, 1]);
        expected.extend(b"\x01n\x11Nullable(Float32)\x00\x01\x09\x09\x09\x09\x00\x00\x00\x00");
        expected.extend(b"\x01l\x1fArray(Tuple(p String, q UInt8))");
        expected.extend([1, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0]);
        expected.extend(b"\x01p\x01q\x00\x07\x08\x09");
        assert_eq!(block.bytes.concat(), expected);
        assert_eq!(block.names, ["a", "s", "n", "l"]);
    }

    #[test]
    fn large_columns_are_sent_as_they_are_and_in_order() {
        const TEXT: &[Column] = &[
            Column { name: "a", type_name: "UInt8" },
            Column { name: "t", type_name: "String" },
            Column { name: "s", type_name: "LowCardinality(String)" },
        ];
        let row = |n: u32| [&[1, 40][..], &[b'a' + (n % 26) as u8; 40], &[0]].concat();
        let rows: Vec<u8> = (0..3_000).flat_map(row).collect();
        let sent = block(TEXT, [&rows[..]], 3_000).unwrap().bytes;
        assert_eq!(sent.len(), 2, "what says nothing is not sent");
        assert_eq!(sent[1].len(), 3_000 * 41);
        assert_eq!(sent[1][41 * 27..][..2], [40, b'b']);
    }

    #[test]
    fn columns_that_say_nothing_are_left_out() {
        let rows = [0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let block = block(COLUMNS, [&rows[..]], 2).unwrap();
        assert_eq!(block.names, ["a", "n"], "0 is not NULL");
        assert_eq!(block.bytes.concat()[..2], [2, 2]);
    }

    #[test]
    fn torn_rows_and_wrong_counts_are_refused_before_anything_is_sent() {
        let row = [1, 0, 1, 0];
        assert!(block(COLUMNS, [&row[..]], 1).is_ok());
        assert_eq!(block(COLUMNS, [&row[..3]], 1).unwrap_err().kind(), "rows");
        assert_eq!(block(COLUMNS, [&row[..]], 2).unwrap_err().kind(), "rows");
    }

    #[test]
    fn every_column_of_every_table_can_be_sent() {
        for table in TableId::ALL {
            assert!(block(table.columns(), [], 0).is_ok(), "{}", table.name());
        }
    }
}
