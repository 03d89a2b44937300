//! The compiled form of a writer's schema, and the loop that runs it over a body.

use super::body::{Body, Elements, malformed};
use super::op::{ItemOp, Op, Width};
use super::passing::Passing;
use super::skip::Skip;
use crate::json::cursor::Token;
use crate::json::{self, price, quantity};
use crate::reject::{Fault, Reason, Reject};
use crate::scratch::{Arena, Builder, Scratch};
use crate::touchpoint::{Item, Items};
use crate::values::{self, STRS, Str, TIMES, Values};

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

/// One run over one body, but for the place in it, which goes from hand to hand.
///
/// Checking each short string's UTF-8 by itself costs more than all the rest. So strings are noted as spans, and the body is
/// checked in long runs: what stands between strings (lengths, indexes) is mostly ASCII, and a run ends where it is not.
struct Run<'r, 'a> {
    program: &'a Program,
    body: Body<'a>,
    elements: Elements,
    /// Where the run begins.
    run: usize,
    /// Every run so far was UTF-8.
    is_text: bool,
    spans: [(u32, u32); STRS],
    /// One bit per slot that has a span in this run.
    spanned: u32,
    values: &'r mut Values<'a>,
}

const _: () = assert!(STRS <= 32, "slots of strings fit a word");

impl Program {
    pub(super) fn new(ops: Vec<Op>, named: Vec<Skip>) -> Program {
        Program { passing: Passing::over(&ops), ops: ops.into(), named: named.into() }
    }

    /// Reads the record that `bytes` begin with, and tells how many bytes it takes: all of them, if it `is_whole`.
    #[inline]
    pub(super) fn run<'a>(
        &'a self,
        bytes: &'a [u8],
        is_whole: bool,
        scratch: &'a mut Scratch,
        values: &mut Values<'a>,
    ) -> Result<usize, Fault> {
        let (mut arena, items, _) = scratch.open(bytes.len());
        let mut run = Run {
            program: self,
            body: Body(bytes),
            elements: Elements::default(),
            run: 0,
            is_text: true,
            spans: [(0, 0); STRS],
            spanned: 0,
            values,
        };
        let end = run.ops(&self.ops, 0, &mut arena, items)?;
        if is_whole && end != bytes.len() {
            return Err(malformed("bytes are left over after the record"));
        }
        run.end_run(end, end);
        if !run.is_text {
            return Err(not_utf8());
        }
        run.values.items = Items::from_buffer(items);
        Ok(end)
    }

    /// Reads the times alone of the body that `bytes` begin with, and tells how many bytes it takes.
    #[inline]
    pub(super) fn pass(&self, bytes: &[u8]) -> Result<([i64; TIMES], usize), Fault> {
        self.passing.run(Body(bytes), &self.named)
    }
}

impl<'a> Run<'_, 'a> {
    /// Checks the run that ends at `end`, and hands out its strings. The next begins at `begin`.
    fn end_run(&mut self, end: usize, begin: usize) {
        if self.spanned == 0 {
            self.run = begin;
            return;
        }
        let Some(Ok(text)) = self.body.0.get(self.run..end).map(simdutf8::basic::from_utf8) else {
            self.is_text = false;
            return;
        };
        while self.spanned != 0 {
            let slot = self.spanned.trailing_zeros() as usize;
            let (from, to) = self.spans[slot];
            match text.get(from as usize - self.run..to as usize - self.run) {
                Some(string) => self.values.strs[slot] = string,
                None => self.is_text = false,
            }
            self.spanned &= self.spanned - 1;
        }
        self.run = begin;
    }

    /// Notes the string at `at`; gives the place behind it.
    #[inline(always)]
    fn span(&mut self, body: Body<'a>, at: usize, slot: Str) -> Result<usize, Fault> {
        // Even and below 128: a length of one byte, and the string is there.
        let (begin, end) = match body.0.get(at) {
            Some(&length) if length & 0x81 == 0 && at + usize::from(length >> 1) < body.0.len() => {
                (at + 1, at + 1 + usize::from(length >> 1))
            }
            _ => self.long_span(at)?,
        };
        self.spans[slot as usize] = (begin as u32, end as u32);
        self.spanned |= 1 << slot as u32;
        Ok(end)
    }

    /// Where the string at `at` begins and ends.
    #[inline(never)]
    fn long_span(&mut self, mut at: usize) -> Result<(usize, usize), Fault> {
        let length = self.raw(&mut at)?.len();
        Ok((at - length, at))
    }

    /// A length, an index or a small count takes one byte, which is ASCII; longer ones end the run.
    #[inline(always)]
    fn long(&mut self, at: &mut usize) -> Result<i64, Fault> {
        match self.body.short(at) {
            Some(value) => Ok(value),
            None => {
                let start = *at;
                let value = self.body.long(at)?;
                self.end_run(start, *at);
                Ok(value)
            }
        }
    }

    #[inline(always)]
    fn raw(&mut self, at: &mut usize) -> Result<&'a [u8], Fault> {
        // Even and below 128: a length of one byte.
        let length = match self.body.0.get(*at) {
            Some(&length) if length & 0x81 == 0 => {
                *at += 1;
                usize::from(length >> 1)
            }
            _ => usize::try_from(self.long(at)?).map_err(|_| malformed("a negative length"))?,
        };
        self.body.take(at, length)
    }

    #[inline]
    fn bytes_of<const N: usize>(&mut self, at: &mut usize) -> Result<[u8; N], Fault> {
        let start = *at;
        let bytes = self.body.take(at, N)?;
        self.end_run(start, *at);
        bytes.try_into().map_err(|_| malformed("the body ends inside a value"))
    }

    #[inline]
    fn str(&mut self, at: &mut usize) -> Result<&'a str, Fault> {
        std::str::from_utf8(self.raw(at)?).map_err(|_| not_utf8())
    }

    #[inline(always)]
    fn index(&mut self, at: &mut usize) -> Result<usize, Fault> {
        usize::try_from(self.long(at)?).map_err(|_| malformed("a negative index"))
    }

    #[inline]
    fn number(&mut self, at: &mut usize, width: Width) -> Result<f64, Fault> {
        let value = match width {
            Width::Varint => self.long(at)? as f64,
            Width::Float => f64::from(f32::from_le_bytes(self.bytes_of(at)?)),
            Width::Double => f64::from_le_bytes(self.bytes_of(at)?),
        };
        if value.is_finite() { Ok(value) } else { Err(Reject::fault(Reason::WrongType, "a number that is not finite")) }
    }

    /// The number of elements of the next block; 0 at the end of the array.
    #[inline]
    fn block(&mut self, at: &mut usize) -> Result<u64, Fault> {
        if self.body.0.get(*at) == Some(&0) {
            *at += 1;
            return Ok(0);
        }
        let start = *at;
        let count = self.body.block(at, &mut self.elements)?;
        self.end_run(start, *at);
        Ok(count)
    }

    /// Reads what `ops` say at `at`; gives the place behind it. What most bodies are made of is read here, where place and
    /// body stay in registers.
    fn ops(
        &mut self,
        ops: &'a [Op],
        mut at: usize,
        arena: &mut Arena<'a>,
        items: &mut Vec<u8>,
    ) -> Result<usize, Fault> {
        let body = self.body;
        let mut next = 0;
        while let Some(op) = ops.get(next) {
            next += 1;
            match op {
                Op::Str(slot) => at = self.span(body, at, *slot)?,
                Op::OptionalStr { slot, value } => {
                    if body.has_value(&mut at, *value)? {
                        at = self.span(body, at, *slot)?;
                    }
                }
                Op::Nullable { value, over } => {
                    if !body.has_value(&mut at, *value)? {
                        next += over;
                    }
                }
                Op::Items(_) if body.0.get(at) == Some(&0) => at += 1,
                rarer => at = self.op(rarer, at, arena, items)?,
            }
        }
        Ok(at)
    }

    /// Reads what one operation says at `at`; gives the place behind it.
    #[inline(never)]
    fn op(&mut self, op: &'a Op, mut at: usize, arena: &mut Arena<'a>, items: &mut Vec<u8>) -> Result<usize, Fault> {
        match op {
            Op::Str(_) | Op::OptionalStr { .. } | Op::Nullable { .. } => {
                return self.ops(std::slice::from_ref(op), at, arena, items);
            }
            Op::Symbol(slot, symbols) => {
                let index = self.index(&mut at)?;
                let symbol = symbols.get(index).ok_or_else(|| malformed("an enum index out of range"))?;
                self.values.strs[*slot as usize] = symbol;
            }
            Op::Time(slot, per_ms) => {
                let time = self.long(&mut at)?;
                // Dividing by a variable costs as much as reading two fields; nearly everybody writes milliseconds.
                let ms = if *per_ms == 1 { time } else { time.div_euclid(*per_ms) };
                self.values.times[*slot as usize] = values::told(*slot as usize, ms);
            }
            Op::Number(slot, width) => self.values.numbers[*slot as usize] = Some(self.number(&mut at, *width)?),
            Op::Code(word, codes) => {
                let index = self.index(&mut at)?;
                let code = codes.get(index).ok_or_else(|| malformed("an enum index out of range"))?;
                self.values.words[*word as usize] = Some(code.ok_or_else(unknown_word)?);
            }
            Op::Word(word) => {
                let name = self.str(&mut at)?;
                if !name.is_empty() {
                    self.values.words[*word as usize] = Some(word.code(name).ok_or_else(unknown_word)?);
                }
            }
            Op::Consent => {
                self.values.consent = match self.body.u8(&mut at)? {
                    0 => Some(false),
                    1 => Some(true),
                    _ => return Err(malformed("a boolean other than 0 and 1")),
                }
            }
            Op::Properties => self.values.strs[Str::Properties as usize] = properties(self.raw(&mut at)?)?,
            Op::Tags => {
                self.values.strs[Str::Tags as usize] =
                    arena.build(|joined| self.tags(at, joined).map(|end| at = end))?;
            }
            Op::Items(item_ops) => at = self.items(item_ops, at, items)?,
            Op::Union(branches) => {
                let branch = self.body.branch(&mut at, branches)?;
                at = self.ops(branch, at, arena, items)?;
            }
            Op::Skip(skip) => at = self.skip(skip, at)?,
        }
        Ok(at)
    }

    #[inline(never)]
    fn tags(&mut self, mut at: usize, joined: &mut Builder<'_>) -> Result<usize, Fault> {
        loop {
            let count = self.block(&mut at)?;
            if count == 0 {
                return Ok(at);
            }
            for _ in 0..count {
                if !joined.is_empty() {
                    joined.push(b",")?;
                }
                joined.push(self.str(&mut at)?.as_bytes())?;
            }
        }
    }

    #[inline(never)]
    fn items(&mut self, ops: &'a [ItemOp], mut at: usize, items: &mut Vec<u8>) -> Result<usize, Fault> {
        loop {
            let count = self.block(&mut at)?;
            if count == 0 {
                return Ok(at);
            }
            for _ in 0..count {
                let mut item = Item { quantity: 1, ..Item::default() };
                at = self.item(ops, at, &mut item)?;
                Items::push(items, &item);
            }
        }
    }

    fn item(&mut self, ops: &'a [ItemOp], mut at: usize, item: &mut Item<'a>) -> Result<usize, Fault> {
        for op in ops {
            match op {
                ItemOp::Product => item.product = self.str(&mut at)?,
                ItemOp::Name => item.name = self.str(&mut at)?,
                ItemOp::Category => item.category = self.str(&mut at)?,
                ItemOp::Price(width) => item.price = price(Some(self.number(&mut at, *width)?))?,
                ItemOp::Quantity(width) => item.quantity = quantity(Some(self.number(&mut at, *width)?))?,
                ItemOp::Union(branches) => {
                    let branch = self.body.branch(&mut at, branches)?;
                    at = self.item(branch, at, item)?;
                }
                ItemOp::Skip(skip) => at = self.skip(skip, at)?,
            }
        }
        Ok(at)
    }

    fn skip(&mut self, skip: &Skip, at: usize) -> Result<usize, Fault> {
        let end = skip.pass(self.body, at, &self.program.named, &mut self.elements, 0)?;
        self.end_run(at, end);
        Ok(end)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::avro::{CLICK_SCHEMA, Plan, Target};
    use crate::{ClickEvent, Kind, encode};

    /// Strings short and long, of one and of several bytes a character, with and without numbers between them.
    fn click() -> ClickEvent<'static> {
        ClickEvent {
            event_id: "é-1",
            site: "ร้าน",
            occurred_at: 1_700_000_000_000,
            received_at: 1_700_000_000_500,
            visitor: "v",
            kind: Kind::PageView,
            url: "https://shop.example/ที่รัก/แปดสิบสี่ไบต์/และ/อีก",
            title: "ü",
            user_agent: "an agent whose name is of more than sixty-three bytes, so that its length takes two",
            latitude: Some(13.5),
            longitude: Some(100.5),
            language: "th",
            ..ClickEvent::default()
        }
    }

    fn body(click: &ClickEvent<'_>) -> Vec<u8> {
        let mut body = Vec::new();
        encode::avro::click(click, &mut body);
        body
    }

    #[test]
    fn the_first_of_several_records_is_the_one_alone() {
        let plan = Plan::compile(CLICK_SCHEMA, Target::Click).unwrap();
        let (mut scratch, mut other) = (Scratch::new(), Scratch::new());
        let body = body(&click());
        let alone = plan.click(&body, &mut scratch).unwrap();
        assert_eq!(alone, click());
        let more = [&body[..], &body, &[0xFF; 9]].concat();
        assert_eq!(plan.first_click(&more, &mut other, |click, length| (click, length)).unwrap(), (alone, body.len()));
        assert_eq!(plan.click(&more, &mut other).unwrap_err().reason, Reason::MalformedAvro);
        for end in 0..body.len() {
            assert!(plan.first_click(&body[..end], &mut other, |_, _| ()).is_err(), "cut at {end}");
        }
    }

    #[test]
    fn no_string_that_is_not_utf8_goes_through() {
        let plan = Plan::compile(CLICK_SCHEMA, Target::Click).unwrap();
        let mut scratch = Scratch::new();
        let good = body(&click());
        let texts = [click().event_id, click().site, click().url, click().title, click().user_agent, click().language];
        for text in texts {
            let at = good.windows(text.len()).position(|bytes| bytes == text.as_bytes()).unwrap();
            for broken in [at, at + text.len() - 1] {
                let mut bad = good.clone();
                bad[broken] = 0xFF;
                assert_eq!(plan.click(&bad, &mut scratch).unwrap_err().reason, Reason::InvalidUtf8, "{text}");
            }
        }
    }

    #[test]
    fn a_damaged_record_ends_where_passing_over_it_does_or_is_refused() {
        let plan = Plan::compile(CLICK_SCHEMA, Target::Click).unwrap();
        let (mut scratch, mut other) = (Scratch::new(), Scratch::new());
        let body = body(&click());
        let mut read = 0;
        for at in 0..body.len() {
            for value in [0, 1, 2, 4, 0x7E, 0x80, 0xFE] {
                let mut bytes = [&body[..], &[0; 300]].concat();
                bytes[at] = value;
                if let Ok((click, length)) = plan.first_click(&bytes, &mut scratch, |click, length| (click, length)) {
                    read += 1;
                    assert_eq!(plan.times(&bytes).map(|(_, walked)| walked), Ok(length), "{value} at {at}");
                    assert_eq!(plan.click(&bytes[..length], &mut other), Ok(click), "{value} at {at}");
                }
            }
        }
        assert!(read > 100, "{read}");
    }
}
