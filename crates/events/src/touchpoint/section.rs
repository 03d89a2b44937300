//! Sections: runs of fields that are read, copied or passed over together.
//!
//! ```text
//! number u8 · length u8 (255: a u32 follows) · mask u16, a bit per field · present fields in bit order
//! ```
//!
//! The length counts mask and fields. A touchpoint's sections stand in the order of their numbers.

use crate::wire::{Reader, WireError};

/// What a section is about. The numbers are stored in logs: append only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Section {
    /// Whose and which.
    Ids = 0,
    /// Where.
    Place = 1,
    /// On what.
    Device = 2,
    /// By which channel it came.
    Touch = 3,
    /// What was done.
    Deed = 4,
    /// What was said.
    Talk = 5,
    /// By-person log: what sessionize adds. Everything before is what a journey needs.
    Passed = 6,
    /// The record as it was, for the tables.
    Record = 7,
    /// Rarely asked for. Full: a further field of its kind begins a section.
    Rest = 8,
    /// What else the address says. Apart from the place: it changes on the way, and neither sessions nor journeys ask.
    Network = 9,
    /// What else the agent says, apart from the device for the same reason.
    Agent = 10,
}

/// Bytes before a section's mask, if it is short.
const SHORT: usize = 2;
/// The length that says that a longer one follows.
const LONG: u8 = u8::MAX;

/// One section of a touchpoint's bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Part<'a> {
    /// Number, known to this build or not.
    pub number: u8,
    /// Which fields are present.
    pub mask: u16,
    /// Their bytes.
    pub fields: &'a [u8],
}

/// Appends a section whose fields `write` appends, telling their mask; nothing without fields. Returns how many were
/// appended.
#[inline]
pub(super) fn put(section: Section, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>) -> u16) -> u8 {
    let start = begin(section, out);
    let mask = write(out);
    end(start, mask, out)
}

/// Not inlined, nor is what writes a field (`codec.rs`): for every section and field anew it is so much code that the
/// processor's first cache, 32 KB, does not hold what intake does with a record, and each record fetches all of it again.
#[inline(never)]
fn begin(section: Section, out: &mut Vec<u8>) -> usize {
    let start = out.len();
    out.extend_from_slice(&[section as u8, 0, 0, 0]);
    start
}

#[inline(never)]
fn end(start: usize, mask: u16, out: &mut Vec<u8>) -> u8 {
    if mask == 0 {
        out.truncate(start);
        return 0;
    }
    let begin = start + SHORT;
    out[begin..begin + 2].copy_from_slice(&mask.to_le_bytes());
    match u8::try_from(out.len() - begin) {
        Ok(length) if length < LONG => out[start + 1] = length,
        _ => lengthen(start, out),
    }
    1
}

/// Makes room for the length of a section that is too long for a byte.
#[cold]
fn lengthen(start: usize, out: &mut Vec<u8>) {
    let begin = start + SHORT;
    // Records are bounded by a megabyte, and so is what is made of them.
    let length = (out.len() - begin) as u32;
    out[start + 1] = LONG;
    let end = out.len();
    out.extend_from_slice(&[0; 4]);
    out.copy_within(begin..end, begin + 4);
    out[begin..begin + 4].copy_from_slice(&length.to_le_bytes());
}

/// The next section.
///
/// # Errors
/// Bytes cut short.
#[inline]
pub(super) fn next<'a>(reader: &mut Reader<'a>) -> Result<Part<'a>, WireError> {
    let [number, length] = reader.array()?;
    let length = if length == LONG { u32::from_le_bytes(reader.array()?) as usize } else { usize::from(length) };
    let (mask, fields) = reader.take(length)?.split_first_chunk().ok_or(WireError::Truncated)?;
    Ok(Part { number, mask: u16::from_le_bytes(*mask), fields })
}

/// Bytes of the section that `bytes` begin with; `None` if they are cut short.
#[inline]
pub(super) fn length(bytes: &[u8]) -> Option<usize> {
    let length = match *bytes {
        [_, LONG, a, b, c, d, ..] => SHORT + 4 + u32::from_le_bytes([a, b, c, d]) as usize,
        [_, length, ..] if length != LONG => SHORT + usize::from(length),
        _ => return None,
    };
    (length <= bytes.len()).then_some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_long_sections_come_back() {
        let mut out = Vec::new();
        for length in [1, 252, 253, 254, 70_000] {
            out.clear();
            let write = |out: &mut Vec<u8>| {
                out.resize(out.len() + length, 7);
                0x8001
            };
            assert_eq!(put(Section::Deed, &mut out, write), 1);
            assert_eq!(put(Section::Talk, &mut out, |_| 0), 0);
            assert_eq!(super::length(&[&out[..], &[1, 2]].concat()), Some(out.len()));
            let mut reader = Reader::new(&out);
            let part = next(&mut reader).unwrap();
            assert_eq!((part.number, part.mask, part.fields), (4, 0x8001, &vec![7; length][..]));
            assert!(reader.is_empty());
            for end in 0..out.len() {
                assert_eq!(next(&mut Reader::new(&out[..end])), Err(WireError::Truncated), "{length} cut at {end}");
                assert_eq!(super::length(&out[..end]), None, "{length} cut at {end}");
            }
        }
    }
}
