//! Messages of the control log: they move writers, never state.

use crate::position::{OriginId, PartitionId, Position};
use crate::wire::{Malformed, Reader, put_varint};

const VERSION: u8 = 1;
const GO_BACK: u8 = 1;

/// A request to whoever writes a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Control {
    /// A reader met a gap at its log's end and asks the origin's writer to go back.
    GoBack(GoBack),
}

/// "Of this origin, this partition holds everything up to `position`: send again what follows."
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoBack {
    /// Name of the log in which the gap was met.
    pub log: String,
    /// The partition that misses records.
    pub partition: PartitionId,
    /// Whose records are missing.
    pub origin: OriginId,
    /// Last position that partition holds; the default position asks for everything the source still has.
    pub position: Position,
}

/// A control message that this version cannot read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("control message is malformed or of a later version")]
pub struct ControlError;

impl From<Malformed> for ControlError {
    fn from(_: Malformed) -> ControlError {
        ControlError
    }
}

impl Control {
    /// The message as bytes: one record of the control log.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let Control::GoBack(ask) = self;
        let mut out = vec![VERSION, GO_BACK];
        put_varint(&mut out, ask.log.len() as u64);
        out.extend_from_slice(ask.log.as_bytes());
        put_varint(&mut out, u64::from(ask.partition.0));
        out.extend_from_slice(&ask.origin.0.to_le_bytes());
        put_varint(&mut out, ask.position.offset);
        put_varint(&mut out, u64::from(ask.position.seq));
        out
    }

    /// Reads what [`Control::encode`] made.
    ///
    /// # Errors
    /// When the bytes are not a control message of a known version.
    pub fn decode(bytes: &[u8]) -> Result<Control, ControlError> {
        let mut reader = Reader::new(bytes);
        if (reader.u8()?, reader.u8()?) != (VERSION, GO_BACK) {
            return Err(ControlError);
        }
        let len = reader.count(1)?;
        let log = std::str::from_utf8(reader.bytes(len)?).map_err(|_| ControlError)?.to_owned();
        let partition = PartitionId(reader.varint_u32()?);
        let origin = OriginId(reader.u64()?);
        let position = Position { offset: reader.varint()?, seq: reader.varint_u32()? };
        if !reader.is_empty() {
            return Err(ControlError);
        }
        Ok(Control::GoBack(GoBack { log, partition, origin, position }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_back_round_trips_and_no_prefix_is_read() {
        let ask = Control::GoBack(GoBack {
            log: "touchpoints-e1".to_owned(),
            partition: PartitionId(300),
            origin: OriginId::of("kafka:clicks/3"),
            position: Position { offset: 1 << 33, seq: 7 },
        });
        let bytes = ask.encode();
        assert_eq!(Control::decode(&bytes), Ok(ask));
        for len in 0..bytes.len() {
            assert_eq!(Control::decode(&bytes[..len]), Err(ControlError));
        }
    }

    #[test]
    fn bytes_of_version_1_stay_readable() {
        let bytes = [1, 1, 1, b'x', 2, 9, 0, 0, 0, 0, 0, 0, 0, 5, 1];
        let ask = GoBack {
            log: "x".to_owned(),
            partition: PartitionId(2),
            origin: OriginId(9),
            position: Position { offset: 5, seq: 1 },
        };
        assert_eq!(Control::decode(&bytes), Ok(Control::GoBack(ask)));
    }
}
