//! The front door: the formats we speak, and the checks that come before any of them.

use crate::reject::{Reason, Reject};

/// The largest payload decoded, in bytes: 1 MiB. Of larger ones the position alone is kept.
pub const MAX_PAYLOAD: usize = 1 << 20;

/// How the records of a topic or file are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// JSON with the field names of the Avro schemas ([`crate::json`]).
    Native,
    /// The Segment spec ([`crate::segment`]).
    Segment,
    /// Avro in Confluent wire format, with a schema registry ([`crate::avro::confluent`]).
    AvroConfluent,
    /// Avro single-object encoding ([`crate::avro::single_object`]).
    AvroSingleObject,
    /// Web server lines in combined log format ([`crate::combined`]).
    Combined,
}

impl Format {
    /// Every format.
    pub const ALL: [Format; 5] =
        [Format::Native, Format::Segment, Format::AvroConfluent, Format::AvroSingleObject, Format::Combined];

    /// The name in configurations and command lines.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Format::Native => "native",
            Format::Segment => "segment",
            Format::AvroConfluent => "avro_confluent",
            Format::AvroSingleObject => "avro_single_object",
            Format::Combined => "combined",
        }
    }

    /// The format with this name; `avro` is short for `avro_confluent`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Format> {
        if name == "avro" {
            return Some(Format::AvroConfluent);
        }
        Format::ALL.into_iter().find(|format| format.as_str() == name)
    }
}

/// The payload, if it is there, not empty and of a size we decode.
///
/// # Errors
/// `tombstone`, `empty` or `oversize`.
#[inline]
pub fn check_size(payload: Option<&[u8]>) -> Result<&[u8], Reject> {
    match payload {
        None => Err(Reject::new(Reason::Tombstone, "no payload")),
        Some([]) => Err(Reject::new(Reason::Empty, "a payload of 0 bytes")),
        Some(bytes) if bytes.len() > MAX_PAYLOAD => {
            Err(Reject::new(Reason::Oversize, format!("{} bytes, more than {MAX_PAYLOAD}", bytes.len())))
        }
        Some(bytes) => Ok(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        let reason = |payload| check_size(payload).map_err(|reject| reject.reason);
        assert_eq!(reason(None), Err(Reason::Tombstone));
        assert_eq!(reason(Some(b"")), Err(Reason::Empty));
        let big = vec![0; MAX_PAYLOAD + 1];
        assert_eq!(reason(Some(&big)), Err(Reason::Oversize));
        assert_eq!(reason(Some(&big[1..])), Ok(&big[1..]));
    }

    #[test]
    fn names_round_trip() {
        for format in Format::ALL {
            assert_eq!(Format::from_name(format.as_str()), Some(format));
        }
    }
}
