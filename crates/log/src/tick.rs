//! A tick: what a writer says about its origins, to one partition, beside the records.

use crate::position::{Generation, OriginId, Position};
use crate::wire::{Malformed, Reader, put_varint};

/// The watermark of an origin about whose event time nothing is known yet.
pub const NO_WATERMARK: i64 = i64::MIN;

/// What a writer says about one origin, to one partition. True for ever, whoever repeats it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OriginTick {
    /// Whose statement this is.
    pub origin: OriginId,
    /// Next source offset to be decided: everything below it has been read and decided.
    pub frontier: u64,
    /// Last position sent to this partition; what `previous` of the next record would be.
    pub last: Position,
    /// Event time in ms below which the origin's records at or beyond the frontier are not expected;
    /// [`NO_WATERMARK`] if unknown.
    pub watermark: i64,
    /// Configuration under which it was decided.
    pub generation: Generation,
}

/// The statements of one writer at one moment, for one destination partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tick {
    /// Wall time of the writer in ms since 1970; for people and metrics, never for event time.
    pub wall_ms: i64,
    /// The writer ends here for now, and wants everything that waits for wall time (cuts, throttled rows) done.
    pub closing: bool,
    /// One statement per origin this writer works on.
    pub origins: Vec<OriginTick>,
    /// All origins this log's writers know, with their canonical names: the partition's watermark is the minimum over
    /// them, heard from or not. An origin whose records are never late is not listed.
    pub declared: Vec<(OriginId, String)>,
}

impl Tick {
    pub(crate) fn decode(bytes: &[u8]) -> Result<Tick, Malformed> {
        let mut reader = Reader::new(bytes);
        let wall_ms = reader.i64()?;
        let closing = match reader.u8()? {
            0 => false,
            1 => true,
            _ => return Err(Malformed),
        };
        let count = reader.count(23)?;
        let mut origins = Vec::with_capacity(count);
        for _ in 0..count {
            origins.push(OriginTick {
                origin: OriginId(reader.u64()?),
                frontier: reader.varint()?,
                last: Position { offset: reader.varint()?, seq: reader.varint_u32()? },
                watermark: reader.i64()?,
                generation: Generation(reader.u32()?),
            });
        }
        let count = reader.count(9)?;
        let mut declared = Vec::with_capacity(count);
        for _ in 0..count {
            let origin = OriginId(reader.u64()?);
            let len = reader.count(1)?;
            let name = std::str::from_utf8(reader.bytes(len)?).map_err(|_| Malformed)?;
            declared.push((origin, name.to_owned()));
        }
        if !reader.is_empty() {
            return Err(Malformed);
        }
        Ok(Tick { wall_ms, closing, origins, declared })
    }
}

/// Writes a tick without building one.
pub(crate) fn encode(
    out: &mut Vec<u8>,
    (wall_ms, closing): (i64, bool),
    count: usize,
    origins: impl Iterator<Item = OriginTick>,
    declared: &[(OriginId, String)],
) {
    out.extend_from_slice(&wall_ms.to_le_bytes());
    out.push(u8::from(closing));
    put_varint(out, count as u64);
    for origin in origins {
        out.extend_from_slice(&origin.origin.0.to_le_bytes());
        put_varint(out, origin.frontier);
        put_varint(out, origin.last.offset);
        put_varint(out, u64::from(origin.last.seq));
        out.extend_from_slice(&origin.watermark.to_le_bytes());
        out.extend_from_slice(&origin.generation.0.to_le_bytes());
    }
    put_varint(out, declared.len() as u64);
    for (origin, name) in declared {
        out.extend_from_slice(&origin.0.to_le_bytes());
        put_varint(out, name.len() as u64);
        out.extend_from_slice(name.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn ticks_round_trip_and_no_prefix_is_a_tick(
            wall_ms: i64,
            closing: bool,
            origins in prop::collection::vec(any::<(u64, u64, u64, u32, i64, u32)>(), 0..5),
            declared in prop::collection::vec((any::<u64>(), "\\PC{0,12}"), 0..4),
        ) {
            let tick = Tick {
                wall_ms,
                closing,
                origins: origins
                    .into_iter()
                    .map(|(origin, frontier, offset, seq, watermark, generation)| OriginTick {
                        origin: OriginId(origin),
                        frontier,
                        last: Position { offset, seq },
                        watermark,
                        generation: Generation(generation),
                    })
                    .collect(),
                declared: declared.into_iter().map(|(id, name)| (OriginId(id), name)).collect(),
            };
            let mut bytes = Vec::new();
            let said = tick.origins.iter().copied();
            encode(&mut bytes, (tick.wall_ms, tick.closing), tick.origins.len(), said, &tick.declared);
            prop_assert_eq!(Tick::decode(&bytes), Ok(tick));
            for len in 0..bytes.len() {
                prop_assert_eq!(Tick::decode(&bytes[..len]), Err(Malformed));
            }
        }
    }
}
