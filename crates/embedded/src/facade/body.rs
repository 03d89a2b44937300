//! The request's body as a blocking reader, decompressed.

use std::io::{self, Read};

use bytes::{Buf, Bytes};
use tokio::sync::mpsc;

use super::native_block::NativeBlockReader;
use crate::exception::Exception;

/// Pieces of the body as they arrive; an error when the client went away in the middle.
pub(super) struct BodyReader {
    pieces: mpsc::Receiver<Result<Bytes, String>>,
    current: Bytes,
}

impl BodyReader {
    pub(super) fn new(pieces: mpsc::Receiver<Result<Bytes, String>>) -> Self {
        Self { pieces, current: Bytes::new() }
    }

    /// The whole body without blocking; `None` when it is longer than `limit` bytes or broke off.
    pub(super) async fn collect(mut self, limit: usize) -> Option<Vec<u8>> {
        let mut whole = Vec::new();
        while let Some(piece) = self.pieces.recv().await {
            whole.extend_from_slice(&piece.ok()?);
            if whole.len() > limit {
                return None;
            }
        }
        Some(whole)
    }
}

impl Read for BodyReader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() {
            match self.pieces.blocking_recv() {
                Some(Ok(piece)) => self.current = piece,
                Some(Err(reason)) => return Err(io::Error::new(io::ErrorKind::ConnectionAborted, reason)),
                None => return Ok(0),
            }
        }
        let length = self.current.len().min(into.len());
        self.current.copy_to_slice(&mut into[..length]);
        Ok(length)
    }
}

/// Where a request's data comes from.
pub(super) enum Source {
    /// It has no body, or one that was read already.
    Nothing,
    /// Its body.
    Body {
        /// As it arrives.
        body: BodyReader,
        /// Its `Content-Encoding`.
        content_encoding: Option<String>,
        /// `decompress=1`: ClickHouse's own blocks, inside the content encoding.
        native_blocks: bool,
    },
}

impl Source {
    /// The data, decompressed. Blocks (some decoders read their header at once): for worker threads only.
    ///
    /// # Errors
    /// An encoding that is not known.
    pub(super) fn decoded(self) -> Result<Box<dyn Read + Send>, Exception> {
        let Self::Body { body, content_encoding, native_blocks } = self else { return Ok(Box::new(std::io::empty())) };
        let plain: Box<dyn Read + Send> = match content_encoding.as_deref().map(str::trim).unwrap_or_default() {
            "" | "identity" => Box::new(body),
            "gzip" | "x-gzip" => Box::new(flate2::read::MultiGzDecoder::new(body)),
            "deflate" => Box::new(flate2::read::ZlibDecoder::new(body)),
            "zstd" => Box::new(zstd::stream::read::Decoder::new(body).map_err(|error| read_failure(&error))?),
            "lz4" => Box::new(lz4_flex::frame::FrameDecoder::new(body)),
            other => {
                let detail = format_args!("content encoding {other} is not known here; use gzip, deflate, zstd or lz4");
                return Err(Exception::new(89, "UNKNOWN_COMPRESSION_METHOD", detail));
            }
        };
        Ok(if native_blocks { Box::new(NativeBlockReader::new(plain)) } else { plain })
    }
}

/// What a failed read of the body means for the client.
pub(super) fn read_failure(error: &io::Error) -> Exception {
    match error.kind() {
        io::ErrorKind::ConnectionAborted => {
            Exception::new(210, "NETWORK_ERROR", format_args!("the request broke off: {error}"))
        }
        io::ErrorKind::UnexpectedEof => {
            Exception::new(33, "CANNOT_READ_ALL_DATA", format_args!("the request's body ends too early: {error}"))
        }
        _ if error.to_string().contains("checksum") => Exception::new(40, "CHECKSUM_DOESNT_MATCH", error),
        _ => {
            Exception::new(271, "CANNOT_DECOMPRESS", format_args!("the request's body cannot be decompressed: {error}"))
        }
    }
}

/// Reads until `limit` bytes are there or the body ends; the flag says that it ended.
pub(super) fn read_up_to(body: &mut dyn Read, into: &mut Vec<u8>, limit: usize) -> Result<bool, Exception> {
    let wanted = limit.saturating_sub(into.len());
    let read = body.take(wanted as u64).read_to_end(into).map_err(|error| read_failure(&error))?;
    Ok(read < wanted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn source(pieces: Vec<Result<Bytes, String>>, encoding: Option<&str>) -> Source {
        let (sender, receiver) = mpsc::channel(16);
        for piece in pieces {
            sender.try_send(piece).unwrap();
        }
        let content_encoding = encoding.map(str::to_owned);
        Source::Body { body: BodyReader::new(receiver), content_encoding, native_blocks: false }
    }

    fn read(encoding: &str, bytes: Vec<u8>) -> Vec<u8> {
        let halves = bytes.split_at(bytes.len() / 2);
        let pieces = vec![Ok(Bytes::copy_from_slice(halves.0)), Ok(Bytes::copy_from_slice(halves.1))];
        let mut out = Vec::new();
        source(pieces, Some(encoding)).decoded().unwrap().read_to_end(&mut out).unwrap();
        out
    }

    #[test]
    fn every_encoding_is_undone() {
        let text = b"some text, some text, some text".repeat(100);
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&text).unwrap();
        assert_eq!(read("gzip", gzip.finish().unwrap()), text);
        let mut deflate = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        deflate.write_all(&text).unwrap();
        assert_eq!(read("deflate", deflate.finish().unwrap()), text);
        assert_eq!(read("zstd", zstd::encode_all(&text[..], 1).unwrap()), text);
        let mut lz4 = lz4_flex::frame::FrameEncoder::new(Vec::new());
        lz4.write_all(&text).unwrap();
        assert_eq!(read("lz4", lz4.finish().unwrap()), text);
        assert_eq!(read("identity", text.clone()), text);
    }

    #[test]
    fn a_broken_request_is_a_network_error_and_an_unknown_encoding_is_named() {
        let mut out = Vec::new();
        let pieces = vec![Ok(Bytes::from_static(b"abc")), Err("reset".to_owned())];
        let error = source(pieces, None).decoded().unwrap().read_to_end(&mut out).unwrap_err();
        assert_eq!(read_failure(&error).code, 210);
        let Err(error) = source(Vec::new(), Some("br")).decoded() else { panic!("accepted") };
        assert!(error.to_string().contains("br"), "{error}");
    }
}
