//! Passing over values that a reader has no use for.

use super::body::{Body, Elements, malformed};
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
    /// Passes over the value at `at`; gives the place behind it.
    pub(super) fn pass(
        &self,
        body: Body<'_>,
        mut at: usize,
        named: &[Skip],
        elements: &mut Elements,
        depth: usize,
    ) -> Result<usize, Fault> {
        match self {
            Skip::Varint => drop(body.long(&mut at)?),
            Skip::Bytes => at = body.behind_raw(at)?,
            Skip::Fixed(size) => drop(body.take(&mut at, *size)?),
            Skip::Sequence(fields) => {
                for field in fields {
                    at = field.pass(body, at, named, elements, depth)?;
                }
            }
            Skip::Array(element) => loop {
                let count = body.block(&mut at, elements)?;
                if count == 0 {
                    break;
                }
                for _ in 0..count {
                    at = element.pass(body, at, named, elements, depth)?;
                }
            },
            Skip::Map(value) => loop {
                let count = body.block(&mut at, elements)?;
                if count == 0 {
                    break;
                }
                for _ in 0..count {
                    at = body.behind_raw(at)?;
                    at = value.pass(body, at, named, elements, depth)?;
                }
            },
            Skip::Union(branches) => {
                return body.branch(&mut at, branches)?.pass(body, at, named, elements, depth);
            }
            Skip::Named(index) => {
                if depth >= MAX_DEPTH {
                    return Err(malformed("nested deeper than 64 levels"));
                }
                // Records without bytes that hold each other twice would double the work at every level.
                elements.count(1)?;
                let record = named.get(*index).ok_or_else(|| malformed("an unknown named type"))?;
                return record.pass(body, at, named, elements, depth + 1);
            }
        }
        Ok(at)
    }
}
