//! A place in a body, and Avro's primitives from there.

use crate::reject::{Fault, Reason, Reject};
use crate::wire::{WireError, leb128};

/// Most elements of arrays and maps in one record: elements may take no bytes at all, so bytes don't bound them.
const MAX_ELEMENTS: u64 = 1 << 20;

/// A body and how much of it is read.
#[derive(Clone, Debug)]
pub(super) struct Cursor<'a> {
    body: &'a [u8],
    at: usize,
    elements: u64,
}

#[cold]
#[inline(never)]
pub(super) fn malformed(detail: &str) -> Fault {
    Reject::fault(Reason::MalformedAvro, detail)
}

#[cold]
#[inline(never)]
fn ended() -> Fault {
    malformed("the body ends inside a value")
}

#[cold]
#[inline(never)]
fn damaged(error: WireError) -> Fault {
    match error {
        WireError::Truncated => ended(),
        WireError::Malformed(what) => malformed(what),
    }
}

impl<'a> Cursor<'a> {
    pub(super) fn new(body: &'a [u8]) -> Cursor<'a> {
        Cursor { body, at: 0, elements: 0 }
    }

    /// How much is read.
    #[inline]
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Whether all is read.
    #[inline]
    pub(super) fn is_at_end(&self) -> bool {
        self.at == self.body.len()
    }

    #[inline]
    pub(super) fn u8(&mut self) -> Result<u8, Fault> {
        let byte = *self.body.get(self.at).ok_or_else(ended)?;
        self.at += 1;
        Ok(byte)
    }

    /// A long of one byte; `None` (and nothing read) for a longer one or the end.
    #[inline]
    pub(super) fn short(&mut self) -> Option<i64> {
        let &byte = self.body.get(self.at).filter(|byte| **byte < 0x80)?;
        self.at += 1;
        Some(i64::from(byte >> 1) ^ -i64::from(byte & 1))
    }

    #[inline]
    pub(super) fn long(&mut self) -> Result<i64, Fault> {
        match self.short() {
            Some(value) => Ok(value),
            None => self.any_long(),
        }
    }

    #[inline]
    fn any_long(&mut self) -> Result<i64, Fault> {
        let (raw, length) = leb128(self.body.get(self.at..).unwrap_or_default()).map_err(damaged)?;
        self.at += length;
        Ok((raw >> 1) as i64 ^ -((raw & 1) as i64))
    }

    /// The next `count` bytes.
    #[inline]
    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], Fault> {
        let end = self.at.saturating_add(count);
        let bytes = self.body.get(self.at..end).ok_or_else(ended)?;
        self.at = end;
        Ok(bytes)
    }

    /// The next bytes or string, behind their length.
    #[inline]
    pub(super) fn raw(&mut self) -> Result<&'a [u8], Fault> {
        let length = self.long()?;
        self.take(usize::try_from(length).map_err(|_| malformed("a negative length"))?)
    }

    /// The index of a union of null and something: whether it is something.
    #[inline]
    pub(super) fn has_value(&mut self, value: u8) -> Result<bool, Fault> {
        match self.u8()? {
            index @ (0 | 2) => Ok(index == value << 1),
            _ => Err(malformed("a union index out of range")),
        }
    }

    /// Passes over `count` unions of null and a string, whose branch has the index `value`: most of a record, so every
    /// test that is not needed is left out.
    #[inline]
    pub(super) fn optionals(&mut self, count: usize, value: u8) -> Result<(), Fault> {
        for _ in 0..count {
            let index = *self.body.get(self.at).ok_or_else(ended)?;
            self.at += 1;
            if index == value << 1 {
                match self.body.get(self.at) {
                    // A length below 64; whether so many bytes are there shows at the next read.
                    Some(length) if length & 0x81 == 0 => self.at += 1 + usize::from(length >> 1),
                    _ => drop(self.raw()?),
                }
            } else if index & !2 != 0 {
                return Err(malformed("a union index out of range"));
            }
        }
        if self.at > self.body.len() { Err(ended()) } else { Ok(()) }
    }

    /// The branch that a union's index names. A union has fewer than 64, so the index takes one byte, which is ASCII.
    #[inline]
    pub(super) fn branch<'b, T>(&mut self, branches: &'b [T]) -> Result<&'b T, Fault> {
        let index = usize::try_from(self.long()?).ok();
        index.and_then(|index| branches.get(index)).ok_or_else(|| malformed("a union index out of range"))
    }

    /// The number of elements of the next block; 0 at the end of the array or map.
    pub(super) fn block(&mut self) -> Result<u64, Fault> {
        let count = self.long()?;
        if count < 0 {
            // A negative count is followed by the block's size in bytes, which we have no use for.
            self.long()?;
        }
        self.count(count.unsigned_abs())?;
        Ok(count.unsigned_abs())
    }

    /// Counts elements of arrays and maps.
    pub(super) fn count(&mut self, elements: u64) -> Result<(), Fault> {
        self.elements = self.elements.saturating_add(elements);
        if self.elements > MAX_ELEMENTS {
            return Err(malformed("more elements than a record may hold"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn longs_of_every_length() {
        for value in [0, -1, 63, -64, 64, 300, -300, 1 << 40, i64::MAX, i64::MIN] {
            let mut bytes = Vec::new();
            crate::wire::put_signed(&mut bytes, value);
            let mut cursor = Cursor::new(&bytes);
            assert_eq!(cursor.long().unwrap(), value);
            assert!(cursor.is_at_end());
            for end in 0..bytes.len() {
                assert!(Cursor::new(&bytes[..end]).long().is_err());
            }
        }
        assert_eq!(Cursor::new(&[0xFF; 11]).long().unwrap_err().detail, "varint too long");
    }

    #[test]
    fn bytes_end_where_they_say() {
        let mut cursor = Cursor::new(&[4, b'a', b'b', 3, 4, b'a']);
        assert_eq!(cursor.raw().unwrap(), b"ab");
        assert_eq!(cursor.at(), 3);
        assert_eq!(cursor.raw().unwrap_err().detail, "a negative length");
        assert!(cursor.raw().is_err());
    }
}
