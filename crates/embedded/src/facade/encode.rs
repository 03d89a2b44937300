//! Compression of responses.

use std::io::Write;

use super::native_block::write_lz4_block;

/// How a response is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Plain,
    Gzip,
    Deflate,
    Zstd,
    Lz4,
    /// ClickHouse's own blocks, asked for by `compress=1`; no `Content-Encoding`.
    NativeBlocks,
}

impl Encoding {
    /// The cheapest one that `Accept-Encoding` names (weights of 0 exclude one).
    pub(super) fn accepted(header: &str) -> Self {
        let names: Vec<&str> = header
            .split(',')
            .filter_map(|part| {
                let mut fields = part.split(';').map(str::trim);
                let name = fields.next()?;
                let refused = fields.any(|field| matches!(field, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"));
                (!refused).then_some(name)
            })
            .collect();
        [("lz4", Self::Lz4), ("zstd", Self::Zstd), ("gzip", Self::Gzip), ("deflate", Self::Deflate)]
            .into_iter()
            .find(|(name, _)| names.iter().any(|given| given.eq_ignore_ascii_case(name)))
            .map_or(Self::Plain, |(_, encoding)| encoding)
    }

    /// The value of `Content-Encoding`.
    pub(super) fn content_encoding(self) -> Option<&'static str> {
        match self {
            Self::Plain | Self::NativeBlocks => None,
            Self::Gzip => Some("gzip"),
            Self::Deflate => Some("deflate"),
            Self::Zstd => Some("zstd"),
            Self::Lz4 => Some("lz4"),
        }
    }
}

/// A compressor that gives out what is ready after each piece. Writing to memory cannot fail; should a compressor fail
/// all the same, the response is broken off.
pub(super) enum Encoder {
    Gzip(flate2::write::GzEncoder<Vec<u8>>),
    Deflate(flate2::write::ZlibEncoder<Vec<u8>>),
    Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>),
    Lz4(Box<lz4_flex::frame::FrameEncoder<Vec<u8>>>),
    NativeBlocks,
}

/// One native block holds at most this much, as a server's would.
const NATIVE_BLOCK_BYTES: usize = 1 << 20;

impl Encoder {
    /// `None` for [`Encoding::Plain`].
    pub(super) fn new(encoding: Encoding) -> std::io::Result<Option<Self>> {
        Ok(Some(match encoding {
            Encoding::Plain => return Ok(None),
            Encoding::Gzip => Self::Gzip(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast())),
            Encoding::Deflate => {
                Self::Deflate(flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast()))
            }
            Encoding::Zstd => Self::Zstd(zstd::stream::write::Encoder::new(Vec::new(), 1)?),
            Encoding::Lz4 => Self::Lz4(Box::new(lz4_flex::frame::FrameEncoder::new(Vec::new()))),
            Encoding::NativeBlocks => Self::NativeBlocks,
        }))
    }

    pub(super) fn push(&mut self, data: &[u8]) -> std::io::Result<Vec<u8>> {
        match self {
            Self::Gzip(encoder) => {
                encoder.write_all(data)?;
                encoder.flush()?;
                Ok(std::mem::take(encoder.get_mut()))
            }
            Self::Deflate(encoder) => {
                encoder.write_all(data)?;
                encoder.flush()?;
                Ok(std::mem::take(encoder.get_mut()))
            }
            Self::Zstd(encoder) => {
                encoder.write_all(data)?;
                encoder.flush()?;
                Ok(std::mem::take(encoder.get_mut()))
            }
            Self::Lz4(encoder) => {
                encoder.write_all(data)?;
                encoder.flush()?;
                Ok(std::mem::take(encoder.get_mut()))
            }
            Self::NativeBlocks => {
                let mut out = Vec::with_capacity(data.len() / 2);
                data.chunks(NATIVE_BLOCK_BYTES).for_each(|block| write_lz4_block(block, &mut out));
                Ok(out)
            }
        }
    }

    pub(super) fn finish(self) -> std::io::Result<Vec<u8>> {
        match self {
            Self::Gzip(encoder) => encoder.finish(),
            Self::Deflate(encoder) => encoder.finish(),
            Self::Zstd(encoder) => encoder.finish(),
            Self::Lz4(encoder) => encoder.finish().map_err(std::io::Error::other),
            Self::NativeBlocks => Ok(Vec::new()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn the_cheapest_accepted_encoding_wins() {
        for (header, encoding) in [
            ("gzip, deflate, br, zstd", Encoding::Zstd),
            ("lz4,zstd;q=0.5", Encoding::Lz4),
            ("lz4;q=0, gzip", Encoding::Gzip),
            ("br", Encoding::Plain),
            ("", Encoding::Plain),
        ] {
            assert_eq!(Encoding::accepted(header), encoding, "{header}");
        }
    }

    #[test]
    fn pieces_come_back_from_every_encoder() {
        for encoding in [Encoding::Gzip, Encoding::Deflate, Encoding::Zstd, Encoding::Lz4, Encoding::NativeBlocks] {
            let mut encoder = Encoder::new(encoding).unwrap().unwrap();
            let mut wire = Vec::new();
            for piece in [&b"one "[..], b"two ", &b"three".repeat(300_000)] {
                wire.extend(encoder.push(piece).unwrap());
            }
            wire.extend(encoder.finish().unwrap());
            let mut out = Vec::new();
            let mut reader: Box<dyn Read> = match encoding {
                Encoding::Gzip => Box::new(flate2::read::GzDecoder::new(&wire[..])),
                Encoding::Deflate => Box::new(flate2::read::ZlibDecoder::new(&wire[..])),
                Encoding::Zstd => Box::new(zstd::stream::read::Decoder::new(&wire[..]).unwrap()),
                Encoding::Lz4 => Box::new(lz4_flex::frame::FrameDecoder::new(&wire[..])),
                _ => Box::new(super::super::native_block::NativeBlockReader::new(&wire[..])),
            };
            reader.read_to_end(&mut out).unwrap();
            assert_eq!(out, [&b"one two "[..], &b"three".repeat(300_000)].concat(), "{encoding:?}");
        }
    }
}
