//! A part of a touchpoint copied as bytes: nothing is decoded that is only passed on.

use super::{FIXED, Head, Shape, Touchpoint};
use crate::ids::Key;
use crate::wire::{Reader, WireError, put_varint};

/// Bit of `session`.
const SESSION: u32 = 59;
/// Bit of `bot`.
const BOT: u32 = 28;

/// Who a touchpoint is of, read without the rest.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Ids<'a> {
    /// Site.
    pub site: &'a str,
    /// Visitor id.
    pub visitor: &'a str,
    /// Customer id.
    pub customer: &'a str,
    /// Hash of a contact.
    pub contact: &'a str,
    /// It is a robot's.
    pub is_bot: bool,
}

impl<'a> Ids<'a> {
    /// Reads them from a touchpoint's bytes.
    ///
    /// # Errors
    /// Bytes cut short, a field of a newer version.
    #[inline]
    pub fn peek(bytes: &'a [u8]) -> Result<Ids<'a>, WireError> {
        let (present, mut reader) = fields(bytes)?;
        let mut text = |bit: u32| if present & (1 << bit) == 0 { Ok("") } else { reader.str() };
        text(0)?;
        Ok(Ids {
            site: text(1)?,
            visitor: text(2)?,
            customer: text(3)?,
            contact: text(4)?,
            is_bot: present & (1 << BOT) != 0,
        })
    }
}

/// Appends a copy of an encoded touchpoint under another key, in a session, with the fields in `keep` (a bit each, none
/// above the session's).
///
/// # Errors
/// Bytes cut short, a newer version, an unknown code; something may have been appended then.
pub fn copy(bytes: &[u8], keep: u64, key: Key, session: u64, out: &mut Vec<u8>) -> Result<(), WireError> {
    debug_assert!(keep >> SESSION == 0, "invariant: the session is written last");
    let head = Head { key, ..Head::peek(bytes)? };
    let (present, mut reader) = fields(bytes)?;
    head.encode(out);
    let kept = present & keep | u64::from(session != 0) << SESSION;
    out.extend_from_slice(&kept.to_le_bytes());
    // Neighbours are copied together.
    let mut run = reader.rest();
    let mut left = present & (u64::MAX >> (64 - SESSION));
    while left != 0 {
        let bit = left.trailing_zeros();
        left &= left - 1;
        let before = reader.rest();
        match Touchpoint::SHAPES[bit as usize] {
            Shape::Bytes => drop(reader.bytes()?),
            Shape::Varint => drop(reader.varint()?),
            Shape::Fixed(size) => drop(reader.take(size)?),
        }
        if keep & (1 << bit) == 0 {
            out.extend_from_slice(&run[..run.len() - before.len()]);
            run = reader.rest();
        }
    }
    out.extend_from_slice(&run[..run.len() - reader.rest().len()]);
    if session != 0 {
        put_varint(out, session);
    }
    Ok(())
}

#[inline]
fn fields(bytes: &[u8]) -> Result<(u64, Reader<'_>), WireError> {
    let mut reader = Reader::new(bytes.get(FIXED..).ok_or(WireError::Truncated)?);
    let present = u64::from_le_bytes(reader.array()?);
    if present & !Touchpoint::KNOWN != 0 {
        return Err(WireError::Malformed("touchpoint carries fields of a newer version"));
    }
    Ok((present, reader))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Micros;
    use crate::touchpoint::Items;
    use crate::vocabulary::Channel;

    fn sample() -> Touchpoint<'static> {
        Touchpoint {
            event_id: "e-1",
            site: "shop",
            visitor: "v1",
            customer: "c1",
            contact: "h",
            device_at: -5,
            page: "/p",
            channel: Channel::from_code(3).unwrap(),
            latitude: Some(13.75),
            items: Items::from_buffer(&[0, 0, 0, 0, 0]),
            revenue: Micros(12_500_000),
            friction: true,
            topics: 1 << 30,
            offset: u64::MAX,
            session: 77,
            model: "m",
            ..Touchpoint::default()
        }
    }

    fn encoded(touchpoint: &Touchpoint<'_>) -> Vec<u8> {
        let mut bytes = Vec::new();
        touchpoint.encode(&mut bytes);
        bytes
    }

    #[test]
    fn what_is_kept_is_what_a_decoded_copy_would_hold() {
        let key = Key::customer("shop", "c1");
        let bytes = encoded(&sample());
        for session in [0, 5, u64::MAX] {
            let mut copied = Vec::new();
            copy(&bytes, !0 >> 5, key, session, &mut copied).unwrap();
            let mut all = Touchpoint { session, model: "", ..sample() };
            all.head.key = key;
            assert_eq!(copied, encoded(&all));
            // Every other field: what is left out lies between what is kept.
            copied.clear();
            copy(&bytes, 0x0555_5555_5555_5555, key, session, &mut copied).unwrap();
            let sparse = Touchpoint { site: "", customer: "", device_at: 0, page: "", friction: false, ..all };
            assert_eq!(Touchpoint::decode(&copied), Ok(sparse));
        }
    }

    #[test]
    fn ids_are_read_alone() {
        let bytes = encoded(&sample());
        let expected = Ids { site: "shop", visitor: "v1", customer: "c1", contact: "h", is_bot: false };
        assert_eq!(Ids::peek(&bytes), Ok(expected));
        let robot = Touchpoint { bot: "agent", event_id: "", customer: "", ..sample() };
        assert_eq!(Ids::peek(&encoded(&robot)), Ok(Ids { customer: "", is_bot: true, ..expected }));
    }

    #[test]
    fn cut_and_newer_bytes_are_refused() {
        let bytes = encoded(&Touchpoint { session: 0, model: "", ..sample() });
        for length in 0..bytes.len() {
            assert!(copy(&bytes[..length], !0 >> 5, Key::default(), 1, &mut Vec::new()).is_err(), "{length}");
        }
        let mut newer = bytes.clone();
        newer[FIXED + 7] |= 0x80;
        assert!(copy(&newer, 1, Key::default(), 0, &mut Vec::new()).is_err());
        assert!(Ids::peek(&newer).is_err());
    }
}
