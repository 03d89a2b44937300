//! What a compiled writer's schema is made of: operations, in the writer's order.

use super::skip::Skip;
use crate::values::{Number, Str, Time, Word};

/// One field of the writer, in the writer's order.
#[derive(Clone, Debug)]
pub(super) enum Op {
    /// A string (or bytes) into a slot.
    Str(Str),
    /// `["null", string]`: the most common field of all. `value` is the index of the string's branch.
    OptionalStr { slot: Str, value: u8 },
    /// `["null", anything]`: without a value the next `over` operations, which read it, are passed over.
    Nullable { value: u8, over: usize },
    /// A symbol of the writer's enum, as a string.
    Symbol(Str, Box<[String]>),
    /// A time in units of which `per_ms` make a millisecond.
    Time(Time, i64),
    /// A number.
    Number(Number, Width),
    /// A symbol of the writer's enum as a word of ours; `None` is a symbol we don't know.
    Code(Word, Box<[Option<u8>]>),
    /// A string as a word of ours.
    Word(Word),
    /// The consent flag.
    Consent,
    /// JSON text of properties.
    Properties,
    /// Tags: an array of strings.
    Tags,
    /// Items: an array of records, each by these operations.
    Items(Box<[ItemOp]>),
    /// One of several ways, by the union's index.
    Union(Box<[Box<[Op]>]>),
    /// Something we have no use for.
    Skip(Skip),
}

/// One field of an item.
#[derive(Clone, Debug)]
pub(super) enum ItemOp {
    Product,
    Name,
    Category,
    Price(Width),
    Quantity(Width),
    Union(Box<[Box<[ItemOp]>]>),
    Skip(Skip),
}

/// How the writer wrote a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Width {
    Varint,
    Float,
    Double,
}
