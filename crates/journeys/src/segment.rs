//! Touchpoints of one person as bytes, packed: what is settled is read rarely.
//!
//! ```text
//! segment := length of the rest u32 · checksum u32 (low half of XXH3, of what follows) · contexts · count varint · points
//! point   := time, after the one before, zigzag varint · id u64 · context varint << 1 | has detail · kind · channel · author
//!            · detail, its lines (if it has one)
//! ```
//! Strings are named by their numbers: whoever sweeps strings asks segments, too.

use std::ops::Range;

use crumbtrail_events::EventTime;
use crumbtrail_events::wire::{Reader, WireError, put_signed, put_varint};
use xxhash_rust::xxh3::xxh3_64;

use crate::pending::Pending;
use crate::point::{Context, Detail, Line, PLAIN, Point};
use crate::snapshot::Stored;

/// Bytes of a segment before what its checksum is of.
const HEAD: usize = 8;

/// Appends those in `range` of what is pending.
pub(crate) fn put(pending: &Pending, range: Range<usize>, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(&[0; HEAD]);
    let points = &pending.points[range];
    let mut contexts: Vec<u32> = points.iter().map(|point| point.context).collect();
    contexts.sort_unstable();
    contexts.dedup();
    put_varint(out, contexts.len() as u64);
    contexts.iter().for_each(|context| pending.contexts[*context as usize].put(out));
    put_varint(out, points.len() as u64);
    let mut before = 0;
    for point in points {
        put_signed(out, point.at.0.wrapping_sub(before));
        before = point.at.0;
        point.id.put(out);
        let context = contexts.binary_search(&point.context).unwrap_or_default() as u64;
        put_varint(out, context << 1 | u64::from(point.detail != PLAIN));
        point.kind.put(out);
        point.channel.put(out);
        point.author.put(out);
        if point.detail != PLAIN {
            let detail = pending.details[point.detail as usize];
            let lines = &pending.lines[detail.line_start as usize..][..detail.line_count as usize];
            Detail { line_start: 0, ..detail }.put(out);
            lines.iter().for_each(|line| line.put(out));
        }
    }
    let (head, body) = out[start..].split_at_mut(HEAD);
    let length = (body.len() as u32).to_le_bytes();
    head.copy_from_slice(&[length, checksum(body).to_le_bytes()].concat());
}

/// Appends a segment's touchpoints to `into`, whose own are older.
///
/// # Errors
/// Damaged bytes.
pub(crate) fn get(segment: &[u8], into: &mut Pending) -> Result<(), WireError> {
    let mut reader = Reader::new(segment);
    let (length, sum) = (u32::from_le_bytes(reader.array()?), u32::from_le_bytes(reader.array()?));
    let body = reader.rest();
    if length as usize != body.len() || sum != checksum(body) {
        return Err(WireError::Malformed("touchpoints that were packed away are damaged"));
    }
    let first = into.contexts.len() as u64;
    let contexts = reader.varint()?;
    for _ in 0..contexts {
        into.contexts.push(Context::get(&mut reader)?);
    }
    let mut at = 0i64;
    for _ in 0..reader.varint()? {
        at = at.wrapping_add(reader.signed()?);
        let id = u64::get(&mut reader)?;
        let word = reader.varint()?;
        if word >> 1 >= contexts {
            return Err(WireError::Malformed("a packed touchpoint without its context"));
        }
        let (kind, channel, author) = (Stored::get(&mut reader)?, Stored::get(&mut reader)?, Stored::get(&mut reader)?);
        let mut detail = PLAIN;
        if word & 1 == 1 {
            detail = into.details.len() as u32;
            let own = Detail::get(&mut reader)?;
            let line_start = if own.line_count == 0 { 0 } else { into.lines.len() as u32 };
            into.details.push(Detail { line_start, ..own });
            for _ in 0..own.line_count {
                into.lines.push(Line::get(&mut reader)?);
            }
        }
        let context = (first + (word >> 1)) as u32;
        into.points.push(Point { at: EventTime(at), id, context, detail, kind, channel, author });
    }
    if reader.is_empty() { Ok(()) } else { Err(WireError::Malformed("bytes after packed touchpoints")) }
}

/// Hands over the segments of a block, one after the other.
///
/// # Errors
/// Bytes cut short.
pub(crate) fn each(mut bytes: &[u8], mut visit: impl FnMut(&[u8]) -> Result<(), WireError>) -> Result<(), WireError> {
    while !bytes.is_empty() {
        let length = u32::from_le_bytes(Reader::new(bytes).array()?) as usize;
        let (segment, rest) = bytes.split_at_checked(HEAD + length).ok_or(WireError::Truncated)?;
        visit(segment)?;
        bytes = rest;
    }
    Ok(())
}

fn checksum(body: &[u8]) -> u32 {
    xxh3_64(body) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::strings::Strings;
    use crumbtrail_events::touchpoint::{Head, Item, Items};
    use crumbtrail_events::vocabulary::{Author, Channel};
    use crumbtrail_events::{Kind, Micros, Touchpoint};

    fn pending() -> Pending {
        let (mut strings, mut pending, mut items) = (Strings::new(), Pending::default(), Vec::new());
        for n in 0..40u64 {
            items.clear();
            for price in 0..n as i64 % 3 {
                let product = format!("p{price}");
                Items::push(
                    &mut items,
                    &Item { product: &product, price: Micros(price), quantity: 2, ..Item::default() },
                );
            }
            let kind = if n % 2 == 0 { Kind::AddToCart } else { Kind::PageView };
            let head = Head { kind, occurred_at: EventTime(n as i64 * 7_000), id: !n, ..Head::default() };
            let city = format!("city {}", n / 9);
            let (items, score) = (Items::from_buffer(&items), (n % 5 == 0).then_some(0.5));
            let (channel, author) = (Channel::PaidSearch, Author::Customer);
            let touchpoint = Touchpoint { head, city: &city, items, score, channel, author, ..Touchpoint::default() };
            pending.insert(&touchpoint, true, &mut strings);
        }
        pending
    }

    #[test]
    fn what_is_packed_in_pieces_reads_as_it_was() {
        let (pending, mut bytes, mut read) = (pending(), Vec::new(), Pending::default());
        for range in [0..13, 13..14, 14..40] {
            put(&pending, range, &mut bytes);
        }
        each(&bytes, |segment| get(segment, &mut read)).unwrap();
        assert!(read.len() == 40 && read.is_sound() && bytes.len() < 40 * 40);
        for i in 0..40 {
            let ((one, other), plain) =
                ((pending.seen(i), read.seen(i)), |detail: &Detail| Detail { line_start: 0, ..*detail });
            assert_eq!((one.context, one.lines, plain(one.detail)), (other.context, other.lines, plain(other.detail)));
            assert_eq!(Point { context: 0, detail: 0, ..*one.point }, Point { context: 0, detail: 0, ..*other.point });
        }
    }

    #[test]
    fn no_flipped_bit_and_no_cut_is_read() {
        let mut bytes = Vec::new();
        put(&pending(), 3..9, &mut bytes);
        for end in 0..bytes.len() {
            assert!(get(&bytes[..end], &mut Pending::default()).is_err());
        }
        for i in 0..bytes.len() * 8 {
            let mut bad = bytes.clone();
            bad[i / 8] ^= 1 << (i % 8);
            assert!(get(&bad, &mut Pending::default()).is_err(), "bit {i}");
        }
    }
}
