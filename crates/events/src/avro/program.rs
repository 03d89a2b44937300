//! The compiled form of a writer's schema, and the loop that runs it over a body.

use super::cursor::{Cursor, malformed};
use super::op::{ItemOp, Op, Width};
use super::passing::Passing;
use super::skip::Skip;
use crate::json::cursor::Token;
use crate::json::{self, price, quantity};
use crate::reject::{Fault, Reason, Reject};
use crate::scratch::{Arena, Scratch};
use crate::touchpoint::{Item, Items};
use crate::values::{STRS, Str, TIMES, Values};

/// A compiled plan.
#[derive(Debug)]
pub(super) struct Program {
    ops: Box<[Op]>,
    passing: Passing,
    named: Box<[Skip]>,
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
    cursor: Cursor<'a>,
    text: &'a mut [u8],
    spans: [(u32, u32); STRS],
    /// One bit per slot that has a span.
    spanned: u32,
}

const _: () = assert!(STRS <= 32, "slots of strings fit a word");

impl Program {
    pub(super) fn new(ops: Vec<Op>, named: Vec<Skip>) -> Program {
        Program { passing: Passing::over(&ops), ops: ops.into(), named: named.into() }
    }

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
        let mut run = Run { program: self, cursor: Cursor::new(body), text, spans: [(0, 0); STRS], spanned: 0 };
        run.ops(&self.ops, values, &mut arena, items)?;
        if !run.cursor.is_at_end() {
            return Err(malformed("bytes are left over after the record"));
        }
        run.strings(values)?;
        values.items = Items::from_buffer(items);
        Ok(())
    }

    /// Reads the times alone of the body that `bytes` begin with, and tells how many bytes it takes.
    #[inline]
    pub(super) fn pass(&self, bytes: &[u8]) -> Result<([i64; TIMES], usize), Fault> {
        let mut cursor = Cursor::new(bytes);
        let times = self.passing.run(&mut cursor, &self.named)?;
        Ok((times, cursor.at()))
    }
}

impl<'a> Run<'a> {
    /// Checks the text and hands out the strings.
    #[inline]
    fn strings(self, values: &mut Values<'a>) -> Result<(), Fault> {
        let text = simdutf8::basic::from_utf8(self.text).map_err(|_| not_utf8())?;
        let mut spanned = self.spanned;
        while spanned != 0 {
            let slot = spanned.trailing_zeros() as usize;
            let (start, end) = self.spans[slot];
            values.strs[slot] = text.get(start as usize..end as usize).ok_or_else(not_utf8)?;
            spanned &= spanned - 1;
        }
        Ok(())
    }

    /// Blanks the text from `start` to here.
    fn blank_from(&mut self, start: usize) {
        if let Some(bytes) = self.text.get_mut(start..self.cursor.at()) {
            bytes.fill(0);
        }
    }

    #[inline]
    fn span(&mut self, slot: Str) -> Result<(), Fault> {
        let length = self.raw()?.len();
        let end = self.cursor.at();
        self.spans[slot as usize] = ((end - length) as u32, end as u32);
        self.spanned |= 1 << slot as u32;
        Ok(())
    }

    /// A length, an index or a small count takes one byte, which is ASCII; longer ones are blanked.
    #[inline]
    fn long(&mut self) -> Result<i64, Fault> {
        match self.cursor.short() {
            Some(value) => Ok(value),
            None => self.any_long(),
        }
    }

    #[inline(never)]
    fn any_long(&mut self) -> Result<i64, Fault> {
        let start = self.cursor.at();
        let value = self.cursor.long()?;
        self.blank_from(start);
        Ok(value)
    }

    #[inline]
    fn raw(&mut self) -> Result<&'a [u8], Fault> {
        let length = usize::try_from(self.long()?).map_err(|_| malformed("a negative length"))?;
        self.cursor.take(length)
    }

    fn bytes_of<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let start = self.cursor.at();
        let bytes = self.cursor.take(N)?;
        self.blank_from(start);
        bytes.try_into().map_err(|_| malformed("the body ends inside a value"))
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

    /// The number of elements of the next block; 0 at the end of the array.
    fn block(&mut self) -> Result<u64, Fault> {
        let start = self.cursor.at();
        let count = self.cursor.block()?;
        self.blank_from(start);
        Ok(count)
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
                    if self.cursor.has_value(*value)? {
                        self.span(*slot)?;
                    }
                }
                Op::Nullable { value, over } => {
                    if !self.cursor.has_value(*value)? {
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
                    values.consent = match self.cursor.u8()? {
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
                    let branch = self.cursor.branch(branches)?;
                    self.ops(branch, values, arena, items)?;
                }
                Op::Skip(skip) => self.skip(skip)?,
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
                    let branch = self.cursor.branch(branches)?;
                    self.item(branch, item)?;
                }
                ItemOp::Skip(skip) => self.skip(skip)?,
            }
        }
        Ok(())
    }

    fn skip(&mut self, skip: &Skip) -> Result<(), Fault> {
        let start = self.cursor.at();
        skip.pass(&mut self.cursor, &self.program.named, 0)?;
        self.blank_from(start);
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
        let mut cursor = json::cursor::Cursor::new(raw)?;
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
