//! Passing over values: what a reader has no use for, and, for files whose bodies carry no length, whole bodies of which
//! only the times are read.

use super::cursor::{Cursor, malformed};
use super::program::{ItemOp, Op, Width};
use crate::reject::Fault;
use crate::values::TIMES;

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
    fn number(width: Width) -> Skip {
        match width {
            Width::Varint => Skip::Varint,
            Width::Float => Skip::Fixed(4),
            Width::Double => Skip::Fixed(8),
        }
    }

    fn item(op: &ItemOp) -> Skip {
        match op {
            ItemOp::Product | ItemOp::Name | ItemOp::Category => Skip::Bytes,
            ItemOp::Price(width) | ItemOp::Quantity(width) => Skip::number(*width),
            ItemOp::Union(branches) => Skip::Union(branches.iter().map(|branch| Skip::items(branch)).collect()),
            ItemOp::Skip(skip) => skip.clone(),
        }
    }

    fn items(ops: &[ItemOp]) -> Skip {
        Skip::Sequence(ops.iter().map(Skip::item).collect())
    }

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

/// One step over a body: neighbours of a kind are one.
#[derive(Clone, Debug)]
enum Step {
    /// So many strings.
    Texts(usize),
    /// So many unions of null and a string, whose branch has this index.
    Optionals { count: usize, value: u8 },
    /// A union of null and something.
    Nullable { value: u8, steps: Box<[Step]> },
    /// One of several.
    Union(Box<[Box<[Step]>]>),
    /// A time: its slot, and how many of its units make a millisecond.
    Time(usize, i64),
    /// Anything else.
    Skip(Skip),
}

/// The way over a body, times told.
#[derive(Debug)]
pub(super) struct Passing(Box<[Step]>);

impl Passing {
    /// The way over what `ops` read.
    pub(super) fn over(ops: &[Op]) -> Passing {
        Passing(steps(ops))
    }

    /// Reads the times of the body the cursor is at, and leaves it behind the body.
    #[inline]
    pub(super) fn run(&self, cursor: &mut Cursor<'_>, named: &[Skip]) -> Result<[i64; TIMES], Fault> {
        let mut times = [0; TIMES];
        pass(&self.0, cursor, named, &mut times)?;
        Ok(times)
    }
}

fn pass(steps: &[Step], cursor: &mut Cursor<'_>, named: &[Skip], times: &mut [i64; TIMES]) -> Result<(), Fault> {
    for step in steps {
        match step {
            Step::Texts(count) => {
                for _ in 0..*count {
                    cursor.raw()?;
                }
            }
            Step::Optionals { count, value } => cursor.optionals(*count, *value)?,
            Step::Nullable { value, steps } => {
                if cursor.has_value(*value)? {
                    pass(steps, cursor, named, times)?;
                }
            }
            Step::Union(branches) => pass(cursor.branch(branches)?, cursor, named, times)?,
            Step::Time(slot, per_ms) => {
                let time = cursor.long()?;
                times[*slot] = if *per_ms == 1 { time } else { time.div_euclid(*per_ms) };
            }
            Step::Skip(skip) => skip.pass(cursor, named, 0)?,
        }
    }
    Ok(())
}

fn steps(ops: &[Op]) -> Box<[Step]> {
    let mut found: Vec<Step> = Vec::new();
    let mut at = 0;
    while let Some(op) = ops.get(at) {
        at += 1;
        let step = match op {
            Op::Str(_) | Op::Word(_) | Op::Properties => Step::Texts(1),
            Op::OptionalStr { value, .. } => Step::Optionals { count: 1, value: *value },
            Op::Nullable { value, over } => {
                let of_value = steps(ops.get(at..at + over).unwrap_or_default());
                at += over;
                Step::Nullable { value: *value, steps: of_value }
            }
            Op::Union(branches) => Step::Union(branches.iter().map(|branch| steps(branch)).collect()),
            Op::Time(slot, per_ms) => Step::Time(*slot as usize, *per_ms),
            Op::Symbol(..) | Op::Code(..) => Step::Skip(Skip::Varint),
            Op::Number(_, width) => Step::Skip(Skip::number(*width)),
            Op::Consent => Step::Skip(Skip::Fixed(1)),
            Op::Tags => Step::Skip(Skip::Array(Box::new(Skip::Bytes))),
            Op::Items(of_item) => Step::Skip(Skip::Array(Box::new(Skip::items(of_item)))),
            Op::Skip(skip) => Step::Skip(skip.clone()),
        };
        match (found.last_mut(), &step) {
            (Some(Step::Texts(count)), Step::Texts(more)) => *count += more,
            (Some(Step::Optionals { count, value }), Step::Optionals { count: more, value: same }) if value == same => {
                *count += more;
            }
            _ => found.push(step),
        }
    }
    found.into()
}
