//! The compiled form of a writer's schema, and the loop that runs it over a body.

use crate::json::cursor::{Cursor, Token};
use crate::json::{price, quantity};
use crate::reject::{Fault, Reason, Reject};
use crate::scratch::{Arena, Scratch};
use crate::touchpoint::{Item, Items};
use crate::values::{Number, STRS, Str, TIMES, Time, Values, Word};
use crate::wire::{Reader, WireError};

/// Deepest nesting of recursive types that is skipped.
const MAX_DEPTH: usize = 64;
/// Most elements of arrays and maps in one record: elements may take no bytes at all, so bytes don't bound them.
const MAX_ELEMENTS: u64 = 1 << 20;

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
    /// A record that contains itself: index into [`Program::named`].
    Named(usize),
}

/// A compiled plan.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) ops: Box<[Op]>,
    pub(super) named: Box<[Skip]>,
}

#[cold]
fn malformed(detail: &str) -> Fault {
    Reject::fault(Reason::MalformedAvro, detail)
}

#[cold]
fn damaged(error: WireError) -> Fault {
    malformed(match error {
        WireError::Truncated => "the body ends inside a value",
        WireError::Malformed(what) => what,
    })
}

#[cold]
fn not_utf8() -> Fault {
    Reject::fault(Reason::InvalidUtf8, "a string is not UTF-8")
}

/// One run over one body.
///
/// Checking each short string's UTF-8 by itself costs more than all the rest. So strings are noted as spans of `text`, a
/// copy of the body in which whatever is neither string nor ASCII is blanked, and the copy is checked once at the end.
struct Run<'a> {
    program: &'a Program,
    reader: Reader<'a>,
    length: usize,
    text: &'a mut [u8],
    spans: [(u32, u32); STRS],
    /// One bit per slot that has a span.
    spanned: u32,
    elements: u64,
}

const _: () = assert!(STRS <= 32, "slots of strings fit a word");

impl Program {
    #[inline]
    pub(super) fn run<'a>(
        &'a self,
        body: &'a [u8],
        scratch: &'a mut Scratch,
        values: &mut Values<'a>,
    ) -> Result<(), Fault> {
        let (mut arena, items, _) = scratch.open(2 * body.len());
        let text = arena.take(body.len())?;
        text.copy_from_slice(body);
        let mut run = Run {
            program: self,
            reader: Reader::new(body),
            length: body.len(),
            text,
            spans: [(0, 0); STRS],
            spanned: 0,
            elements: 0,
        };
        run.ops(&self.ops, values, &mut arena, items)?;
        if !run.reader.is_empty() {
            return Err(malformed("bytes are left over after the record"));
        }
        run.strings(values)?;
        values.items = Items::from_buffer(items);
        Ok(())
    }

    /// Reads the times alone of the body that `bytes` begin with, and tells how many bytes it takes.
    pub(super) fn pass(&self, bytes: &[u8]) -> Result<([i64; TIMES], usize), Fault> {
        let mut run = Run {
            program: self,
            reader: Reader::new(bytes),
            length: bytes.len(),
            // Nothing is read from the text, so there is none.
            text: &mut [],
            spans: [(0, 0); STRS],
            spanned: 0,
            elements: 0,
        };
        let mut times = [0; TIMES];
        run.pass(&self.ops, &mut times)?;
        Ok((times, run.at()))
    }
}

impl<'a> Run<'a> {
    /// Checks the text and hands out the strings.
    #[inline]
    fn strings(self, values: &mut Values<'a>) -> Result<(), Fault> {
        let text = std::str::from_utf8(self.text).map_err(|_| not_utf8())?;
        let mut spanned = self.spanned;
        while spanned != 0 {
            let slot = spanned.trailing_zeros() as usize;
            let (start, end) = self.spans[slot];
            values.strs[slot] = text.get(start as usize..end as usize).ok_or_else(not_utf8)?;
            spanned &= spanned - 1;
        }
        Ok(())
    }

    #[inline]
    fn at(&self) -> usize {
        self.length - self.reader.rest().len()
    }

    /// Blanks the text from `start` to here.
    fn blank_from(&mut self, start: usize) {
        let end = self.at();
        if let Some(bytes) = self.text.get_mut(start..end) {
            bytes.fill(0);
        }
    }

    #[inline]
    fn span(&mut self, slot: Str) -> Result<(), Fault> {
        let length = self.raw()?.len();
        let end = self.at();
        self.spans[slot as usize] = ((end - length) as u32, end as u32);
        self.spanned |= 1 << slot as u32;
        Ok(())
    }

    /// A length, an index or a small count takes one byte, which is ASCII; longer ones are blanked.
    #[inline]
    fn long(&mut self) -> Result<i64, Fault> {
        match self.reader.short_signed() {
            Some(value) => Ok(value),
            None => self.any_long(),
        }
    }

    #[inline(never)]
    fn any_long(&mut self) -> Result<i64, Fault> {
        let start = self.at();
        let value = self.reader.signed().map_err(damaged)?;
        self.blank_from(start);
        Ok(value)
    }

    #[inline]
    fn raw(&mut self) -> Result<&'a [u8], Fault> {
        let length = usize::try_from(self.long()?).map_err(|_| malformed("a negative length"))?;
        self.reader.take(length).map_err(damaged)
    }

    fn bytes_of<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let start = self.at();
        let bytes = self.reader.array().map_err(damaged)?;
        self.blank_from(start);
        Ok(bytes)
    }

    #[inline]
    fn str(&mut self) -> Result<&'a str, Fault> {
        std::str::from_utf8(self.raw()?).map_err(|_| not_utf8())
    }

    #[inline]
    fn index(&mut self) -> Result<usize, Fault> {
        usize::try_from(self.long()?).map_err(|_| malformed("a negative index"))
    }

    #[inline]
    fn number(&mut self, width: Width) -> Result<f64, Fault> {
        let value = match width {
            Width::Varint => self.long()? as f64,
            Width::Float => f64::from(f32::from_le_bytes(self.bytes_of()?)),
            Width::Double => f64::from_le_bytes(self.bytes_of()?),
        };
        if value.is_finite() { Ok(value) } else { Err(Reject::fault(Reason::WrongType, "a number that is not finite")) }
    }

    /// The index of a union of null and something: whether it is something.
    #[inline]
    fn has_value(&mut self, value: u8) -> Result<bool, Fault> {
        match self.reader.u8().map_err(damaged)? {
            index @ (0 | 2) => Ok(index == value << 1),
            _ => Err(malformed("a union index out of range")),
        }
    }

    /// The number of elements of the next block; 0 at the end of the array or map.
    fn block(&mut self) -> Result<u64, Fault> {
        let count = self.long()?;
        if count < 0 {
            // A negative count is followed by the block's size in bytes, which we have no use for.
            self.long()?;
        }
        self.count(count.unsigned_abs())?;
        Ok(count.unsigned_abs())
    }

    fn count(&mut self, elements: u64) -> Result<(), Fault> {
        self.elements = self.elements.saturating_add(elements);
        if self.elements > MAX_ELEMENTS {
            return Err(malformed("more elements than a record may hold"));
        }
        Ok(())
    }

    fn ops(
        &mut self,
        ops: &'a [Op],
        values: &mut Values<'a>,
        arena: &mut Arena<'a>,
        items: &mut Vec<u8>,
    ) -> Result<(), Fault> {
        let mut ops = ops.iter();
        while let Some(op) = ops.next() {
            match op {
                Op::Str(slot) => self.span(*slot)?,
                Op::OptionalStr { slot, value } => {
                    if self.has_value(*value)? {
                        self.span(*slot)?;
                    }
                }
                Op::Nullable { value, over } => {
                    if !self.has_value(*value)? {
                        ops = ops.as_slice().get(*over..).unwrap_or_default().iter();
                    }
                }
                Op::Symbol(slot, symbols) => {
                    let symbol = symbols.get(self.index()?).ok_or_else(|| malformed("an enum index out of range"))?;
                    values.strs[*slot as usize] = symbol;
                }
                Op::Time(slot, per_ms) => {
                    let time = self.long()?;
                    // Dividing by a variable costs as much as reading two fields; nearly everybody writes milliseconds.
                    values.times[*slot as usize] = if *per_ms == 1 { time } else { time.div_euclid(*per_ms) };
                }
                Op::Number(slot, width) => values.numbers[*slot as usize] = Some(self.number(*width)?),
                Op::Code(word, codes) => {
                    let code = codes.get(self.index()?).ok_or_else(|| malformed("an enum index out of range"))?;
                    values.words[*word as usize] = Some(code.ok_or_else(unknown_word)?);
                }
                Op::Word(word) => {
                    let name = self.str()?;
                    if !name.is_empty() {
                        values.words[*word as usize] = Some(word.code(name).ok_or_else(unknown_word)?);
                    }
                }
                Op::Consent => {
                    values.consent = match self.reader.u8().map_err(damaged)? {
                        0 => Some(false),
                        1 => Some(true),
                        _ => return Err(malformed("a boolean other than 0 and 1")),
                    }
                }
                Op::Properties => values.strs[Str::Properties as usize] = properties(self.raw()?)?,
                Op::Tags => {
                    values.strs[Str::Tags as usize] = arena.build(|joined| {
                        loop {
                            let count = self.block()?;
                            if count == 0 {
                                return Ok(());
                            }
                            for _ in 0..count {
                                if !joined.is_empty() {
                                    joined.push(b",")?;
                                }
                                joined.push(self.str()?.as_bytes())?;
                            }
                        }
                    })?;
                }
                Op::Items(item_ops) => loop {
                    let count = self.block()?;
                    if count == 0 {
                        break;
                    }
                    for _ in 0..count {
                        let mut item = Item { quantity: 1, ..Item::default() };
                        self.item(item_ops, &mut item)?;
                        Items::push(items, &item);
                    }
                },
                Op::Union(branches) => {
                    let branch = branches.get(self.index()?).ok_or_else(|| malformed("a union index out of range"))?;
                    self.ops(branch, values, arena, items)?;
                }
                Op::Skip(skip) => self.skip(skip, 0)?,
            }
        }
        Ok(())
    }

    /// As [`Run::ops`], for the times alone: whatever lies between them is passed over unchecked.
    fn pass(&mut self, ops: &'a [Op], times: &mut [i64; TIMES]) -> Result<(), Fault> {
        let mut ops = ops.iter();
        while let Some(op) = ops.next() {
            match op {
                Op::Str(_) | Op::Word(_) | Op::Properties => drop(self.raw()?),
                Op::OptionalStr { value, .. } => {
                    if self.has_value(*value)? {
                        self.raw()?;
                    }
                }
                Op::Nullable { value, over } => {
                    if !self.has_value(*value)? {
                        ops = ops.as_slice().get(*over..).unwrap_or_default().iter();
                    }
                }
                Op::Symbol(..) | Op::Code(..) => drop(self.long()?),
                Op::Time(slot, per_ms) => times[*slot as usize] = self.long()?.div_euclid(*per_ms),
                Op::Number(_, width) => drop(self.number(*width)?),
                Op::Consent => drop(self.reader.u8().map_err(damaged)?),
                Op::Tags => loop {
                    let count = self.block()?;
                    if count == 0 {
                        break;
                    }
                    for _ in 0..count {
                        self.raw()?;
                    }
                },
                Op::Items(item_ops) => loop {
                    let count = self.block()?;
                    if count == 0 {
                        break;
                    }
                    for _ in 0..count {
                        self.item(item_ops, &mut Item::default())?;
                    }
                },
                Op::Union(branches) => {
                    let branch = branches.get(self.index()?).ok_or_else(|| malformed("a union index out of range"))?;
                    self.pass(branch, times)?;
                }
                Op::Skip(skip) => self.skip(skip, 0)?,
            }
        }
        Ok(())
    }

    fn item(&mut self, ops: &'a [ItemOp], item: &mut Item<'a>) -> Result<(), Fault> {
        for op in ops {
            match op {
                ItemOp::Product => item.product = self.str()?,
                ItemOp::Name => item.name = self.str()?,
                ItemOp::Category => item.category = self.str()?,
                ItemOp::Price(width) => item.price = price(Some(self.number(*width)?))?,
                ItemOp::Quantity(width) => item.quantity = quantity(Some(self.number(*width)?))?,
                ItemOp::Union(branches) => {
                    let branch = branches.get(self.index()?).ok_or_else(|| malformed("a union index out of range"))?;
                    self.item(branch, item)?;
                }
                ItemOp::Skip(skip) => self.skip(skip, 0)?,
            }
        }
        Ok(())
    }

    fn skip(&mut self, skip: &'a Skip, depth: usize) -> Result<(), Fault> {
        match skip {
            Skip::Varint => drop(self.long()?),
            Skip::Bytes => {
                let start = self.at();
                self.raw()?;
                self.blank_from(start);
            }
            Skip::Fixed(size) => {
                let start = self.at();
                self.reader.take(*size).map_err(damaged)?;
                self.blank_from(start);
            }
            Skip::Sequence(fields) => {
                for field in fields {
                    self.skip(field, depth)?;
                }
            }
            Skip::Array(element) => loop {
                let count = self.block()?;
                if count == 0 {
                    break;
                }
                for _ in 0..count {
                    self.skip(element, depth)?;
                }
            },
            Skip::Map(value) => loop {
                let count = self.block()?;
                if count == 0 {
                    break;
                }
                for _ in 0..count {
                    self.skip(&Skip::Bytes, depth)?;
                    self.skip(value, depth)?;
                }
            },
            Skip::Union(branches) => {
                let branch = branches.get(self.index()?).ok_or_else(|| malformed("a union index out of range"))?;
                self.skip(branch, depth)?;
            }
            Skip::Named(index) => {
                if depth >= MAX_DEPTH {
                    return Err(malformed("nested deeper than 64 levels"));
                }
                // Records without bytes that hold each other twice would double the work at every level.
                self.count(1)?;
                let named = self.program.named.get(*index).ok_or_else(|| malformed("an unknown named type"))?;
                self.skip(named, depth + 1)?;
            }
        }
        Ok(())
    }
}

/// A word outside its set: the record is whole, the value is not ours.
#[cold]
fn unknown_word() -> Fault {
    Reject::fault(Reason::WrongType, "an enum symbol or word outside its set")
}

/// The text of properties, checked to be a JSON object (they are stored as JSON).
fn properties(raw: &[u8]) -> Result<&str, Fault> {
    if raw.is_empty() {
        return Ok("");
    }
    let check = || {
        let mut cursor = Cursor::new(raw)?;
        if cursor.peek()? != Token::Object {
            return Err(Reject::fault(Reason::WrongType, ""));
        }
        let text = cursor.raw_value(0)?;
        cursor.end()?;
        Ok(if text == "{}" { "" } else { text })
    };
    check().map_err(|reject: Fault| match reject.reason {
        Reason::InvalidUtf8 | Reason::TooDeep => reject,
        _ => Reject::fault(Reason::WrongType, "properties: expected the text of a JSON object"),
    })
}
