//! What stands in a snapshot's file.
//!
//! ```text
//! magic, version · processor · partition · offset · state's length · state, zstd · blocks: number, hash u128 · XXH3
//! ```
//! Version 1 ends before the blocks.

use std::io::Read as _;

use crumbtrail_events::wire::{Reader, WireError, put_bytes, put_varint};
use crumbtrail_log::position::Offset;
use xxhash_rust::xxh3::xxh3_128;

use super::State;

/// The format this build writes; older ones it reads.
pub(super) const VERSION: u8 = 2;
/// First bytes of every snapshot; the format version follows.
const MAGIC: &[u8; 7] = b"CRUMBSN";

/// A block as a snapshot names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) number: u64,
    pub(super) hash: u128,
}

pub(super) fn seal(processor: &str, partition: u32, offset: Offset, state: &State) -> Vec<u8> {
    let body = zstd::bulk::compress(&state.bytes, 1).unwrap_or_default();
    let mut out = Vec::with_capacity(body.len() + 64 + 32 * state.blocks.len());
    out.extend_from_slice(MAGIC);
    out.push(VERSION);
    put_bytes(&mut out, processor.as_bytes());
    put_varint(&mut out, u64::from(partition));
    put_varint(&mut out, offset.0);
    put_varint(&mut out, state.bytes.len() as u64);
    put_bytes(&mut out, &body);
    put_varint(&mut out, state.blocks.len() as u64);
    for (number, block) in &state.blocks {
        put_varint(&mut out, *number);
        out.extend_from_slice(&block.hash().to_le_bytes());
    }
    let checksum = xxh3_128(&out);
    out.extend_from_slice(&checksum.to_le_bytes());
    out
}

/// Why a snapshot is not taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Newer(u8),
    Damaged(&'static str),
}

impl From<WireError> for Refusal {
    fn from(_: WireError) -> Refusal {
        Refusal::Damaged("cut short")
    }
}

/// The state's bytes, and the blocks they refer to.
pub(super) fn open(
    processor: &str,
    partition: u32,
    offset: Offset,
    bytes: &[u8],
) -> Result<(Vec<u8>, Vec<Named>), Refusal> {
    let (sealed, checksum) = bytes.split_last_chunk::<16>().ok_or(Refusal::Damaged("cut short"))?;
    if xxh3_128(sealed).to_le_bytes() != *checksum {
        return Err(Refusal::Damaged("checksum differs"));
    }
    let mut reader = Reader::new(sealed);
    let magic: [u8; 7] = reader.array()?;
    if magic != *MAGIC {
        return Err(Refusal::Damaged("not a snapshot"));
    }
    let version = reader.u8()?;
    if version > VERSION {
        return Err(Refusal::Newer(version));
    }
    let named = (reader.str()?, reader.varint()?, reader.varint()?);
    if named != (processor, u64::from(partition), offset.0) {
        return Err(Refusal::Damaged("name and content differ"));
    }
    let size = reader.varint()?;
    let state = decompress(reader.bytes()?, size)?;
    let mut blocks = Vec::new();
    for _ in 0..if version == 1 { 0 } else { reader.varint()? } {
        blocks.push(Named { number: reader.varint()?, hash: u128::from_le_bytes(reader.array()?) });
    }
    Ok((state, blocks))
}

/// A byte of a body stands for so many of a state, at most, where room for all of it is made at once.
const PACKED: u64 = 64;

/// A body of `size` bytes. A size that is a lie costs no more than the body is long, times [`PACKED`].
fn decompress(body: &[u8], size: u64) -> Result<Vec<u8>, Refusal> {
    let state = if size <= PACKED * body.len() as u64 {
        zstd::bulk::decompress(body, size as usize)
    } else {
        // Room is made as it is filled, which has a large state copied several times. One byte more, so that a body that is longer
        // is noticed.
        let (mut state, most) = (Vec::new(), size.saturating_add(1));
        let read = zstd::Decoder::with_buffer(body).and_then(|decoder| decoder.take(most).read_to_end(&mut state));
        read.map(|_| state)
    };
    let state = state.map_err(|_| Refusal::Damaged("body does not decompress to its size"))?;
    if state.len() as u64 == size { Ok(state) } else { Err(Refusal::Damaged("size")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crumbtrail_scratch::Block;

    /// A state that compresses a little: its file is some 800 bytes long.
    fn state() -> State {
        let chance = |n: u32| n.wrapping_mul(n).wrapping_mul(2_654_435_761) ^ n.rotate_left(13);
        let bytes = (0..1_500u32).map(|n| (chance(chance(n)) >> 28) as u8).collect();
        State { bytes, blocks: vec![(7, Block::new(&b"block"[..]))] }
    }

    #[test]
    fn no_truncation_and_no_flipped_bit_loads() {
        let state = state();
        let bytes = seal("sessionize", 0, Offset(7), &state);
        let (opened, named) = open("sessionize", 0, Offset(7), &bytes).unwrap();
        assert_eq!((opened, named), (state.bytes.clone(), vec![Named { number: 7, hash: state.blocks[0].1.hash() }]));
        assert!(open("journey", 0, Offset(7), &bytes).is_err());
        let mut tried = 0;
        for end in 0..bytes.len() {
            assert!(open("sessionize", 0, Offset(7), &bytes[..end]).is_err(), "{end} bytes");
            tried += 1;
        }
        let mut bad = bytes.clone();
        for i in 0..bytes.len() {
            for bit in 0..8 {
                bad[i] ^= 1 << bit;
                assert!(open("sessionize", 0, Offset(7), &bad).is_err(), "byte {i}, bit {bit}");
                bad[i] ^= 1 << bit;
                tried += 1;
            }
        }
        assert_eq!(bad, bytes);
        assert!(tried > 5_000, "{tried} damages");
    }

    #[test]
    fn a_size_that_is_a_lie_is_refused_and_costs_no_memory() {
        let body = zstd::bulk::compress(b"a state", 1).unwrap();
        assert_eq!(decompress(&body, 7).unwrap(), b"a state");
        for lie in [0, 6, 8, PACKED * body.len() as u64, PACKED * body.len() as u64 + 1, u64::MAX] {
            assert!(matches!(decompress(&body, lie), Err(Refusal::Damaged(_))), "{lie}");
        }
        let zeros = vec![0; 1 << 20];
        let body = zstd::bulk::compress(&zeros, 1).unwrap();
        assert!(PACKED * (body.len() as u64) < 1 << 20, "{}", body.len());
        assert!(decompress(&body, 1 << 20).unwrap() == zeros, "a state that is packed tighter");
    }
}
