//! Passing over whole bodies of files, which carry no length; only the times in them are read.

use super::body::{Body, Elements};
use super::op::{ItemOp, Op, Width};
use super::skip::Skip;
use crate::reject::Fault;
use crate::values::{self, TIMES};

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

    /// Reads the times of a body, and tells where it ends.
    #[inline]
    pub(super) fn run(&self, body: Body<'_>, named: &[Skip]) -> Result<([i64; TIMES], usize), Fault> {
        let mut times = [0; TIMES];
        let end = pass(&self.0, body, 0, named, &mut Elements::default(), &mut times)?;
        Ok((times, end))
    }
}

/// Passes over what is at `at`; gives the place behind it.
fn pass(
    steps: &[Step],
    body: Body<'_>,
    mut at: usize,
    named: &[Skip],
    elements: &mut Elements,
    times: &mut [i64; TIMES],
) -> Result<usize, Fault> {
    for step in steps {
        match step {
            Step::Texts(count) => {
                for _ in 0..*count {
                    at = body.behind_raw(at)?;
                }
            }
            Step::Optionals { count, value } => {
                for _ in 0..*count {
                    if body.has_value(&mut at, *value)? {
                        at = body.behind_raw(at)?;
                    }
                }
            }
            Step::Nullable { value, steps } => {
                if body.has_value(&mut at, *value)? {
                    at = pass(steps, body, at, named, elements, times)?;
                }
            }
            Step::Union(branches) => {
                let branch = body.branch(&mut at, branches)?;
                at = pass(branch, body, at, named, elements, times)?;
            }
            Step::Time(slot, per_ms) => {
                let time = body.long(&mut at)?;
                times[*slot] = values::told(*slot, if *per_ms == 1 { time } else { time.div_euclid(*per_ms) });
            }
            Step::Skip(skip) => at = skip.pass(body, at, named, elements, 0)?,
        }
    }
    Ok(at)
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
