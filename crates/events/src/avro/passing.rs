//! Passing over whole bodies of files, which carry no length; only the times in them are read.

use super::cursor::Cursor;
use super::op::{ItemOp, Op, Width};
use super::skip::Skip;
use crate::reject::Fault;
use crate::values::TIMES;

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
        ItemOp::Price(width) | ItemOp::Quantity(width) => number(*width),
        ItemOp::Union(branches) => Skip::Union(branches.iter().map(|branch| items(branch)).collect()),
        ItemOp::Skip(skip) => skip.clone(),
    }
}

fn items(ops: &[ItemOp]) -> Skip {
    Skip::Sequence(ops.iter().map(item).collect())
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
            Op::Number(_, width) => Step::Skip(number(*width)),
            Op::Consent => Step::Skip(Skip::Fixed(1)),
            Op::Tags => Step::Skip(Skip::Array(Box::new(Skip::Bytes))),
            Op::Items(of_item) => Step::Skip(Skip::Array(Box::new(items(of_item)))),
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
