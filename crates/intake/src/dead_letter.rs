//! The record of the dead-letter log: the bytes as they came, with their reason, for few eyes and for redriving.

use crumbtrail_events::wire::{Reader, WireError, put_bytes, put_varint};

/// Format version.
const VERSION: u8 = 1;
/// Beyond this the position alone is kept.
pub const MAX_KEPT: usize = 1 << 20;

/// A dead letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeadLetter<'a> {
    /// Source topic or file.
    pub topic: &'a str,
    /// Source partition.
    pub partition: u32,
    /// Source offset.
    pub offset: u64,
    /// Stable reason.
    pub reason: &'a str,
    /// Detail.
    pub detail: &'a str,
    /// The bytes; empty for a tombstone or beyond [`MAX_KEPT`].
    pub payload: &'a [u8],
}

impl<'a> DeadLetter<'a> {
    /// Appends the encoded dead letter.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        put_bytes(out, self.topic.as_bytes());
        put_varint(out, u64::from(self.partition));
        put_varint(out, self.offset);
        put_bytes(out, self.reason.as_bytes());
        put_bytes(out, self.detail.as_bytes());
        put_bytes(out, if self.payload.len() > MAX_KEPT { &[] } else { self.payload });
    }

    /// Reads a dead letter.
    ///
    /// # Errors
    /// Bytes cut short or of a newer version.
    pub fn decode(bytes: &'a [u8]) -> Result<DeadLetter<'a>, WireError> {
        let mut reader = Reader::new(bytes);
        if reader.u8()? != VERSION {
            return Err(WireError::Malformed("dead letter of another format version"));
        }
        Ok(DeadLetter {
            topic: reader.str()?,
            partition: u32::try_from(reader.varint()?).map_err(|_| WireError::Malformed("partition"))?,
            offset: reader.varint()?,
            reason: reader.str()?,
            detail: reader.str()?,
            payload: reader.bytes()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn survives_its_bytes_and_keeps_no_oversize() {
        let letter =
            DeadLetter { topic: "clicks", partition: 3, offset: 9, reason: "empty", detail: "d", payload: b"{" };
        let mut bytes = Vec::new();
        letter.encode(&mut bytes);
        assert_eq!(DeadLetter::decode(&bytes), Ok(letter));
        for end in 0..bytes.len() {
            assert!(DeadLetter::decode(&bytes[..end]).is_err());
        }
        let big = vec![b'x'; MAX_KEPT + 1];
        bytes.clear();
        DeadLetter { payload: &big, ..letter }.encode(&mut bytes);
        assert!(DeadLetter::decode(&bytes).unwrap().payload.is_empty());
    }
}
