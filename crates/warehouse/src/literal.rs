//! Rows turned into a literal: RowBinary, as the encoders make it, into text that a statement can carry.
//!
//! For the few rows of the ledger, which go with a condition ([`crate::conditional`]): a block of columns can only follow an
//! INSERT without one. Tables have no say here but numbers, times and names; whatever else is refused.

use std::fmt::Write as _;

use crate::error::WarehouseError;
use crate::rowbinary::Column;
use crumbtrail_events::wire::{Reader, WireError};

/// Rows as one SQL string literal, and how it is read.
#[derive(Debug)]
pub(crate) struct Literal {
    /// `'[(1,\'x\'),…]'`, in quotes.
    pub(crate) rows: String,
    /// The type to cast it to: `Array(Tuple(…))`.
    pub(crate) type_name: String,
    /// One expression a column, of a tuple called `r`.
    pub(crate) columns: Vec<String>,
}

/// How a column's value stands in the text.
#[derive(Clone, Copy)]
enum Form {
    Number {
        width: usize,
    },
    /// A DateTime64(3): its milliseconds.
    Millis,
    Name,
}

impl Form {
    fn of(type_name: &str) -> Option<Form> {
        match type_name {
            "UInt8" => Some(Form::Number { width: 1 }),
            "UInt32" => Some(Form::Number { width: 4 }),
            "UInt64" => Some(Form::Number { width: 8 }),
            "DateTime64(3, 'UTC')" => Some(Form::Millis),
            "LowCardinality(String)" => Some(Form::Name),
            _ => None,
        }
    }

    fn type_name(self, column: &Column) -> &'static str {
        match self {
            Form::Number { .. } => column.type_name,
            Form::Millis => "Int64",
            Form::Name => "String",
        }
    }

    fn put(self, reader: &mut Reader<'_>, out: &mut String) -> Result<(), WireError> {
        match self {
            Form::Number { width } => {
                let mut bytes = [0; 8];
                bytes[..width].copy_from_slice(reader.take(width)?);
                let _ = write!(out, "{}", u64::from_le_bytes(bytes));
            }
            Form::Millis => {
                let mut bytes = [0; 8];
                bytes.copy_from_slice(reader.take(8)?);
                let _ = write!(out, "{}", i64::from_le_bytes(bytes));
            }
            Form::Name => {
                let name = reader.bytes()?;
                if !name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_') {
                    return Err(WireError::Malformed("name"));
                }
                out.push_str("\\'");
                out.extend(name.iter().map(|byte| char::from(*byte)));
                out.push_str("\\'");
            }
        }
        Ok(())
    }
}

/// The literal of the rows in `bytes` (RowBinary).
///
/// # Errors
/// Bytes that are not rows of these columns, a column of a type that has no place in a literal, a name that is none.
pub(crate) fn literal(columns: &[Column], bytes: &[u8]) -> Result<Literal, WarehouseError> {
    let wrong = |column: &Column, detail: &dyn std::fmt::Display| WarehouseError::Rows {
        detail: format!("column {} in a literal: {detail}", column.name),
    };
    let forms = columns
        .iter()
        .map(|column| Form::of(column.type_name).ok_or_else(|| wrong(column, &column.type_name)))
        .collect::<Result<Vec<_>, _>>()?;
    let mut rows = String::with_capacity(bytes.len() * 2);
    rows.push_str("'[");
    let mut reader = Reader::new(bytes);
    let mut before = "(";
    while !reader.is_empty() {
        for (form, column) in forms.iter().zip(columns) {
            rows.push_str(before);
            form.put(&mut reader, &mut rows).map_err(|error| wrong(column, &error))?;
            before = ",";
        }
        rows.push(')');
        before = ",(";
    }
    rows.push_str("]'");
    let types: Vec<_> = forms.iter().zip(columns).map(|(form, column)| form.type_name(column)).collect();
    let column = |(index, form): (usize, &Form)| match form {
        Form::Millis => format!("fromUnixTimestamp64Milli(r.{}, 'UTC')", index + 1),
        Form::Number { .. } | Form::Name => format!("r.{}", index + 1),
    };
    Ok(Literal {
        rows,
        type_name: format!("Array(Tuple({}))", types.join(", ")),
        columns: forms.iter().enumerate().map(column).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::TableId;

    const COLUMNS: &[Column] = &[
        Column { name: "n", type_name: "UInt8" },
        Column { name: "s", type_name: "LowCardinality(String)" },
        Column { name: "at", type_name: "DateTime64(3, 'UTC')" },
    ];

    fn row(name: &[u8], at: i64) -> Vec<u8> {
        [&[7, name.len() as u8], name, &at.to_le_bytes()[..]].concat()
    }

    #[test]
    fn rows_become_text_with_its_type() {
        let literal = literal(COLUMNS, &[row(b"dead_letters", -5), row(b"x", 6)].concat()).unwrap();
        assert_eq!(literal.rows, r"'[(7,\'dead_letters\',-5),(7,\'x\',6)]'");
        assert_eq!(literal.type_name, "Array(Tuple(UInt8, String, Int64))");
        assert_eq!(literal.columns, ["r.1", "r.2", "fromUnixTimestamp64Milli(r.3, 'UTC')"]);
    }

    #[test]
    fn what_could_end_the_literal_or_is_no_row_is_refused() {
        assert!(literal(COLUMNS, &row(b"x", 0)).is_ok());
        for name in [&b"'"[..], b"\\", b"a b", b"\xff"] {
            assert_eq!(literal(COLUMNS, &row(name, 0)).unwrap_err().kind(), "rows", "{}", name.escape_ascii());
        }
        assert_eq!(literal(COLUMNS, &row(b"x", 0)[..5]).unwrap_err().kind(), "rows");
        assert_eq!(literal(TableId::Touchpoints.columns(), &[]).unwrap_err().kind(), "rows");
    }
}
