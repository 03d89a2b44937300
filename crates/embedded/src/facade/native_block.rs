//! ClickHouse's own compressed blocks, as `compress=1` and `decompress=1` use them over HTTP:
//! checksum (16 bytes, CityHash 1.0.2 of what follows, halves swapped) · method · compressed size with this 9-byte header
//! (u32 LE) · uncompressed size (u32 LE) · data.

use std::io::{self, Read};

const CHECKSUM_BYTES: usize = 16;
const HEADER_BYTES: usize = 9;
const METHOD_NONE: u8 = 0x02;
const METHOD_LZ4: u8 = 0x82;
const METHOD_ZSTD: u8 = 0x90;
/// Beyond any block that a client sends (1 MiB is usual), below what could exhaust memory.
const LARGEST_BLOCK_BYTES: usize = 1 << 30;

fn checksum(bytes: &[u8]) -> [u8; CHECKSUM_BYTES] {
    cityhash_rs::cityhash_102_128(bytes).rotate_right(64).to_le_bytes()
}

/// Appends `data` to `out` as one LZ4 block.
pub(super) fn write_lz4_block(data: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    let compressed = lz4_flex::block::compress(data);
    let size = u32::try_from(compressed.len() + HEADER_BYTES).unwrap_or(u32::MAX);
    out.resize(start + CHECKSUM_BYTES, 0);
    out.push(METHOD_LZ4);
    out.extend_from_slice(&size.to_le_bytes());
    out.extend_from_slice(&u32::try_from(data.len()).unwrap_or(u32::MAX).to_le_bytes());
    out.extend_from_slice(&compressed);
    let sum = checksum(&out[start + CHECKSUM_BYTES..]);
    out[start..start + CHECKSUM_BYTES].copy_from_slice(&sum);
}

/// Reads a sequence of blocks as the bytes that were put into them.
pub(super) struct NativeBlockReader<R> {
    source: R,
    compressed: Vec<u8>,
    block: Vec<u8>,
    at: usize,
}

impl<R: Read> NativeBlockReader<R> {
    pub(super) fn new(source: R) -> Self {
        Self { source, compressed: Vec::new(), block: Vec::new(), at: 0 }
    }

    /// Reads the next block; false at the end of the source.
    fn next_block(&mut self) -> io::Result<bool> {
        let mut head = [0; CHECKSUM_BYTES + HEADER_BYTES];
        if !fill_or_end(&mut self.source, &mut head)? {
            return Ok(false);
        }
        let [method, sizes @ ..]: [u8; HEADER_BYTES] =
            head[CHECKSUM_BYTES..].try_into().map_err(|_| broken("short header"))?;
        let compressed_size = u32::from_le_bytes([sizes[0], sizes[1], sizes[2], sizes[3]]) as usize;
        let size = u32::from_le_bytes([sizes[4], sizes[5], sizes[6], sizes[7]]) as usize;
        if !(HEADER_BYTES..=LARGEST_BLOCK_BYTES).contains(&compressed_size) || size > LARGEST_BLOCK_BYTES {
            return Err(broken("a compressed block has an impossible size"));
        }
        self.compressed.clear();
        self.compressed.extend_from_slice(&head[CHECKSUM_BYTES..]);
        self.compressed.resize(compressed_size, 0);
        self.source.read_exact(&mut self.compressed[HEADER_BYTES..])?;
        if checksum(&self.compressed) != head[..CHECKSUM_BYTES] {
            return Err(broken("checksum of a compressed block does not match"));
        }
        let data = &self.compressed[HEADER_BYTES..];
        self.block.resize(size, 0);
        let written = match method {
            METHOD_LZ4 => {
                lz4_flex::block::decompress_into(data, &mut self.block).map_err(|error| broken(&error.to_string()))?
            }
            METHOD_ZSTD => zstd::bulk::decompress_to_buffer(data, &mut self.block)?,
            METHOD_NONE if data.len() == size => {
                self.block.copy_from_slice(data);
                size
            }
            _ => return Err(broken("a compressed block has an unknown method")),
        };
        if written != size {
            return Err(broken("a compressed block has another size than it says"));
        }
        self.at = 0;
        Ok(true)
    }
}

impl<R: Read> Read for NativeBlockReader<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.at == self.block.len() {
            if !self.next_block()? {
                return Ok(0);
            }
        }
        let length = into.len().min(self.block.len() - self.at);
        into[..length].copy_from_slice(&self.block[self.at..self.at + length]);
        self.at += length;
        Ok(length)
    }
}

fn broken(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

/// Fills `into`, or returns false when the source is at its end; an end in the middle is an error.
fn fill_or_end(source: &mut impl Read, into: &mut [u8]) -> io::Result<bool> {
    let mut filled = 0;
    while filled < into.len() {
        match source.read(&mut into[filled..]) {
            Ok(0) if filled == 0 => return Ok(false),
            Ok(0) => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "a compressed block is cut off")),
            Ok(length) => filled += length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read_all(bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        NativeBlockReader::new(bytes).read_to_end(&mut out)?;
        Ok(out)
    }

    proptest! {
        #[test]
        fn blocks_come_back(blocks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..500), 0..5)) {
            let mut wire = Vec::new();
            for block in &blocks {
                write_lz4_block(block, &mut wire);
            }
            prop_assert_eq!(read_all(&wire).unwrap(), blocks.concat());
        }

        #[test]
        fn a_flipped_byte_or_a_cut_is_noticed(data in proptest::collection::vec(any::<u8>(), 1..200), at in any::<prop::sample::Index>()) {
            let mut wire = Vec::new();
            write_lz4_block(&data, &mut wire);
            let at = at.index(wire.len());
            prop_assert!(at == 0 || read_all(&wire[..at]).is_err());
            wire[at] ^= 0x10;
            prop_assert!(read_all(&wire).is_err());
        }
    }
}
