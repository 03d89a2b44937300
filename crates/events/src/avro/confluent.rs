//! Confluent wire format: a zero byte, the schema's id as four big-endian bytes, the body.

use crate::reject::{Reason, Reject};

/// Id and body of a framed record.
///
/// # Errors
/// `unknown_magic` if the first byte is not 0, `malformed_avro` if the frame is cut short.
#[inline]
pub fn split(bytes: &[u8]) -> Result<(u32, &[u8]), Reject> {
    match bytes {
        [0, id @ ..] => match id.split_first_chunk::<4>() {
            Some((id, body)) => Ok((u32::from_be_bytes(*id), body)),
            None => Err(Reject::new(Reason::MalformedAvro, "the frame ends inside the schema id")),
        },
        [first, ..] => Err(Reject::new(
            Reason::UnknownMagic,
            format!("the first byte is 0x{first:02x}; Confluent wire format starts with 0x00"),
        )),
        [] => Err(Reject::new(Reason::Empty, "a payload of 0 bytes")),
    }
}

/// The frame of a schema id.
#[inline]
#[must_use]
pub fn frame(id: u32) -> [u8; 5] {
    let [a, b, c, d] = id.to_be_bytes();
    [0, a, b, c, d]
}

/// Appends the frame of a schema id; the body follows.
pub fn put_frame(out: &mut Vec<u8>, id: u32) {
    out.extend_from_slice(&frame(id));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames() {
        let mut bytes = Vec::new();
        put_frame(&mut bytes, 0x0102_0304);
        bytes.push(9);
        assert_eq!(split(&bytes), Ok((0x0102_0304, &[9u8][..])));
        assert_eq!(split(b"{\"a\":1}").unwrap_err().reason, Reason::UnknownMagic);
        assert_eq!(split(&bytes[..4]).unwrap_err().reason, Reason::MalformedAvro);
    }
}
