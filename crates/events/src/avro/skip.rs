//! Passing over values that a reader has no use for.

use super::cursor::{Cursor, malformed};
use crate::reject::Fault;

/// Deepest nesting of recursive types that is passed over.
const MAX_DEPTH: usize = 64;

/// How to pass over a value.
#[derive(Clone, Debug)]
pub(super) enum Skip {
    Varint,
    Bytes,
    Fixed(usize),
    Sequence(Box<[Skip]>),
    Array(Box<Skip>),
    Map(Box<Skip>),
    Union(Box<[Skip]>),
    /// A record that contains itself: index into the program's named records.
    Named(usize),
}

impl Skip {
    /// Passes over one value.
    pub(super) fn pass(&self, cursor: &mut Cursor<'_>, named: &[Skip], depth: usize) -> Result<(), Fault> {
        match self {
            Skip::Varint => drop(cursor.long()?),
            Skip::Bytes => drop(cursor.raw()?),
            Skip::Fixed(size) => drop(cursor.take(*size)?),
            Skip::Sequence(fields) => {
                for field in fields {
                    field.pass(cursor, named, depth)?;
                }
            }
            Skip::Array(element) => loop {
                let count = cursor.block()?;
                if count == 0 {
                    break;
                }
                for _ in 0..count {
                    element.pass(cursor, named, depth)?;
                }
            },
            Skip::Map(value) => loop {
                let count = cursor.block()?;
                if count == 0 {
                    break;
                }
                for _ in 0..count {
                    cursor.raw()?;
                    value.pass(cursor, named, depth)?;
                }
            },
            Skip::Union(branches) => cursor.branch(branches)?.pass(cursor, named, depth)?,
            Skip::Named(index) => {
                if depth >= MAX_DEPTH {
                    return Err(malformed("nested deeper than 64 levels"));
                }
                // Records without bytes that hold each other twice would double the work at every level.
                cursor.count(1)?;
                let record = named.get(*index).ok_or_else(|| malformed("an unknown named type"))?;
                record.pass(cursor, named, depth + 1)?;
            }
        }
        Ok(())
    }
}
