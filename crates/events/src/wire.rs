//! Varints, zigzag and length-prefixed strings: the alphabet of our own binary formats.

/// Why bytes of our own format could not be read: they were cut short or damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// The input ended inside a value.
    #[error("bytes end inside a value")]
    Truncated,
    /// A value is out of range, a string is not UTF-8, or a format version is unknown.
    #[error("bytes are not of this format: {0}")]
    Malformed(&'static str),
}

/// Appends an unsigned LEB128 varint.
#[inline]
pub fn put_varint(out: &mut Vec<u8>, value: u64) {
    // Lengths, indexes and small counts: one byte.
    if value < 0x80 { out.push(value as u8) } else { put_long_varint(out, value) }
}

fn put_long_varint(out: &mut Vec<u8>, value: u64) {
    const MORE: u64 = 0x8080_8080_8080_8080;
    let length = (70 - value.leading_zeros() as usize) / 7;
    if length > 8 {
        return put_longest_varint(out, value);
    }
    // The way of `leb128` back: seven bits to a byte, pairwise, and the last byte without its mark.
    let word = (value & 0x00FF_FFFF_F000_0000) << 4 | (value & 0x0000_0000_0FFF_FFFF);
    let word = (word & 0x0FFF_C000_0FFF_C000) << 2 | (word & 0x0000_3FFF_0000_3FFF);
    let word = (word & 0x3F80_3F80_3F80_3F80) << 1 | (word & 0x007F_007F_007F_007F);
    let marks = MORE & ((1 << (8 * (length - 1))) - 1);
    // Eight bytes, whatever is kept of them: as many as are known beforehand take no call.
    let end = out.len() + length;
    out.extend_from_slice(&(word | marks).to_le_bytes());
    out.truncate(end);
}

/// Of nine or ten bytes.
#[cold]
fn put_longest_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value as u8) | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a signed value, zigzag coded.
#[inline]
pub fn put_signed(out: &mut Vec<u8>, value: i64) {
    put_varint(out, ((value << 1) ^ (value >> 63)) as u64);
}

/// Appends a length and bytes.
#[inline]
pub fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// The LEB128 varint that `bytes` begin with, and how many bytes it takes: 10 at most.
#[inline]
pub(crate) fn leb128(bytes: &[u8]) -> Result<(u64, usize), WireError> {
    const MORE: u64 = 0x8080_8080_8080_8080;
    if let Some(eight) = bytes.first_chunk() {
        let word = u64::from_le_bytes(*eight);
        let ends = !word & MORE;
        if ends != 0 {
            // Eight bytes or fewer: their seven bits are moved together pairwise.
            let bits = ends.trailing_zeros();
            let word = word & (u64::MAX >> (63 - bits)) & !MORE;
            let word = (word & 0x7F00_7F00_7F00_7F00) >> 1 | (word & 0x007F_007F_007F_007F);
            let word = (word & 0x3FFF_0000_3FFF_0000) >> 2 | (word & 0x0000_3FFF_0000_3FFF);
            let word = (word & 0x0FFF_FFFF_0000_0000) >> 4 | (word & 0x0000_0000_0FFF_FFFF);
            return Ok((word, bits as usize / 8 + 1));
        }
    }
    leb128_by_byte(bytes)
}

fn leb128_by_byte(bytes: &[u8]) -> Result<(u64, usize), WireError> {
    const LONGEST: usize = 10;
    let mut value = 0u64;
    for (i, &byte) in bytes.iter().take(LONGEST).enumerate() {
        if i == LONGEST - 1 && byte > 1 {
            break;
        }
        value |= u64::from(byte & 0x7F) << (7 * i);
        if byte < 0x80 {
            return Ok((value, i + 1));
        }
    }
    Err(if bytes.len() < LONGEST { WireError::Truncated } else { WireError::Malformed("varint too long") })
}

/// A cursor over borrowed bytes.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// A cursor at the start of `bytes`.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { rest: bytes }
    }

    /// What has not been read yet.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Whether everything has been read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next `n` bytes.
    #[inline]
    pub fn take(&mut self, n: usize) -> Result<&'a [u8], WireError> {
        if n > self.rest.len() {
            return Err(WireError::Truncated);
        }
        let (head, rest) = self.rest.split_at(n);
        self.rest = rest;
        Ok(head)
    }

    /// The next byte.
    #[inline]
    pub fn u8(&mut self) -> Result<u8, WireError> {
        let (&first, rest) = self.rest.split_first().ok_or(WireError::Truncated)?;
        self.rest = rest;
        Ok(first)
    }

    /// The next `N` bytes as an array.
    #[inline]
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let (head, rest) = self.rest.split_first_chunk::<N>().ok_or(WireError::Truncated)?;
        self.rest = rest;
        Ok(*head)
    }

    /// The next unsigned varint.
    #[inline]
    pub fn varint(&mut self) -> Result<u64, WireError> {
        // Lengths, indexes and small counts: one byte.
        if let Some((&first, rest)) = self.rest.split_first()
            && first < 0x80
        {
            self.rest = rest;
            return Ok(u64::from(first));
        }
        self.long_varint()
    }

    fn long_varint(&mut self) -> Result<u64, WireError> {
        let (value, length) = leb128(self.rest)?;
        self.rest = &self.rest[length..];
        Ok(value)
    }

    /// The next unsigned varint, at most [`u32::MAX`].
    #[inline]
    pub fn varint_u32(&mut self) -> Result<u32, WireError> {
        u32::try_from(self.varint()?).map_err(|_| WireError::Malformed("number too large"))
    }

    /// The next signed (zigzag) varint.
    #[inline]
    pub fn signed(&mut self) -> Result<i64, WireError> {
        let raw = self.varint()?;
        Ok(((raw >> 1) as i64) ^ -((raw & 1) as i64))
    }

    /// The next length-prefixed bytes.
    #[inline]
    pub fn bytes(&mut self) -> Result<&'a [u8], WireError> {
        let len = usize::try_from(self.varint()?).map_err(|_| WireError::Truncated)?;
        self.take(len)
    }

    /// The next length-prefixed string.
    #[inline]
    pub fn str(&mut self) -> Result<&'a str, WireError> {
        std::str::from_utf8(self.bytes()?).map_err(|_| WireError::Malformed("string is not UTF-8"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_round_trip() {
        for value in [0, 1, -1, 63, -64, 300, i64::MAX, i64::MIN] {
            let mut out = Vec::new();
            put_signed(&mut out, value);
            put_varint(&mut out, value as u64);
            let mut reader = Reader::new(&out);
            assert_eq!(reader.signed(), Ok(value));
            assert_eq!(reader.varint(), Ok(value as u64));
            assert!(reader.is_empty());
        }
    }

    #[test]
    fn varints_read_at_once_are_those_read_by_the_byte() {
        for shift in 0..64 {
            for value in [1u64 << shift, (1 << shift) - 1, u64::MAX >> shift, 0x5A5A_5A5A_5A5A_5A5A >> shift] {
                let mut bytes = Vec::new();
                put_varint(&mut bytes, value);
                let length = bytes.len();
                assert_eq!(leb128(&bytes), Ok((value, length)));
                bytes.extend_from_slice(&[0xFF; 8]);
                assert_eq!(leb128(&bytes), Ok((value, length)));
                assert_eq!(leb128_by_byte(&bytes), Ok((value, length)));
            }
        }
    }

    #[test]
    fn varints_are_those_of_leb128() {
        let by_byte = |value: u64| {
            let mut out = Vec::new();
            put_longest_varint(&mut out, value);
            out
        };
        for shift in 0..64 {
            for value in [1u64 << shift, (1 << shift) - 1, u64::MAX >> shift, 0x5A5A_5A5A_5A5A_5A5A >> shift] {
                let mut out = Vec::new();
                put_varint(&mut out, value);
                assert_eq!(out, by_byte(value), "{value:#x}");
            }
        }
    }

    #[test]
    fn damaged_bytes_are_refused() {
        assert_eq!(Reader::new(&[0x80]).varint(), Err(WireError::Truncated));
        assert!(Reader::new(&[0xFF; 11]).varint().is_err());
        assert_eq!(Reader::new(&[5, b'a']).str(), Err(WireError::Truncated));
        assert!(Reader::new(&[1, 0xFF]).str().is_err());
    }
}
