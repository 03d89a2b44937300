//! Avro's primitives, read from a body at a place.

use crate::reject::{Fault, Reason, Reject};
use crate::wire::{WireError, leb128};

/// Most elements of arrays and maps in one record: elements may take no bytes at all, so bytes don't bound them.
const MAX_ELEMENTS: u64 = 1 << 20;

/// A body. Places in it are plain numbers that readers move: a loop over fields keeps its own in a register.
#[derive(Clone, Copy, Debug)]
pub(super) struct Body<'a>(pub(super) &'a [u8]);

/// Elements of arrays and maps met so far.
#[derive(Debug, Default)]
pub(super) struct Elements(u64);

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

impl<'a> Body<'a> {
    #[inline(always)]
    pub(super) fn u8(self, at: &mut usize) -> Result<u8, Fault> {
        let byte = *self.0.get(*at).ok_or_else(ended)?;
        *at += 1;
        Ok(byte)
    }

    /// A long of one byte; `None` (and nothing read) for a longer one or the end.
    #[inline(always)]
    pub(super) fn short(self, at: &mut usize) -> Option<i64> {
        let &byte = self.0.get(*at).filter(|byte| **byte < 0x80)?;
        *at += 1;
        Some(i64::from(byte >> 1) ^ -i64::from(byte & 1))
    }

    #[inline]
    pub(super) fn long(self, at: &mut usize) -> Result<i64, Fault> {
        if let Some(value) = self.short(at) {
            return Ok(value);
        }
        let (raw, length) = leb128(self.0.get(*at..).unwrap_or_default()).map_err(damaged)?;
        *at += length;
        Ok((raw >> 1) as i64 ^ -((raw & 1) as i64))
    }

    /// The next `count` bytes.
    #[inline(always)]
    pub(super) fn take(self, at: &mut usize, count: usize) -> Result<&'a [u8], Fault> {
        let end = at.saturating_add(count);
        let bytes = self.0.get(*at..end).ok_or_else(ended)?;
        *at = end;
        Ok(bytes)
    }

    /// The place behind the bytes or string at `at`.
    #[inline(always)]
    pub(super) fn behind_raw(self, at: usize) -> Result<usize, Fault> {
        match self.0.get(at) {
            // Even and below 128: a length of one byte.
            Some(&length) if length & 0x81 == 0 => {
                let end = at + 1 + usize::from(length >> 1);
                if end <= self.0.len() { Ok(end) } else { Err(ended()) }
            }
            _ => self.behind_long_raw(at),
        }
    }

    #[inline(never)]
    fn behind_long_raw(self, mut at: usize) -> Result<usize, Fault> {
        let length = self.long(&mut at)?;
        self.take(&mut at, usize::try_from(length).map_err(|_| malformed("a negative length"))?)?;
        Ok(at)
    }

    /// The index of a union of null and something: whether it is something.
    #[inline(always)]
    pub(super) fn has_value(self, at: &mut usize, value: u8) -> Result<bool, Fault> {
        match self.u8(at)? {
            index @ (0 | 2) => Ok(index == value << 1),
            _ => Err(malformed("a union index out of range")),
        }
    }

    /// The branch that a union's index names. A union has fewer than 64, so the index takes one byte, which is ASCII.
    #[inline]
    pub(super) fn branch<'b, T>(self, at: &mut usize, branches: &'b [T]) -> Result<&'b T, Fault> {
        let index = usize::try_from(self.long(at)?).ok();
        index.and_then(|index| branches.get(index)).ok_or_else(|| malformed("a union index out of range"))
    }

    /// The number of elements of the next block; 0 at the end of the array or map.
    #[inline]
    pub(super) fn block(self, at: &mut usize, elements: &mut Elements) -> Result<u64, Fault> {
        let count = self.long(at)?;
        if count < 0 {
            // A negative count is followed by the block's size in bytes, which we have no use for.
            self.long(at)?;
        }
        elements.count(count.unsigned_abs())?;
        Ok(count.unsigned_abs())
    }
}

impl Elements {
    /// Counts elements of arrays and maps.
    pub(super) fn count(&mut self, elements: u64) -> Result<(), Fault> {
        self.0 = self.0.saturating_add(elements);
        if self.0 > MAX_ELEMENTS {
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
            let mut at = 0;
            assert_eq!(Body(&bytes).long(&mut at).unwrap(), value);
            assert_eq!(at, bytes.len());
            for end in 0..bytes.len() {
                assert!(Body(&bytes[..end]).long(&mut 0).is_err());
            }
        }
        assert_eq!(Body(&[0xFF; 11]).long(&mut 0).unwrap_err().detail, "varint too long");
    }

    #[test]
    fn bytes_end_where_they_say() {
        let body = Body(&[4, b'a', b'b', 3, 4, b'a']);
        assert_eq!(body.behind_raw(0).unwrap(), 3);
        assert_eq!(body.behind_raw(3).unwrap_err().detail, "a negative length");
        assert!(body.behind_raw(4).is_err());
        let long = [&[0x80, 1][..], &[b'x'; 64]].concat();
        assert_eq!(Body(&long).behind_raw(0).unwrap(), 66);
        assert!(Body(&long[..65]).behind_raw(0).is_err());
    }
}
