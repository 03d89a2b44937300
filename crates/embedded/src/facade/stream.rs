//! A SELECT's result on its way to the client: whole when it is small, else piece by piece.

use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;

use super::encode::Encoder;
use super::execute::Job;
use super::format::Joining;
use super::reply::{BrokenOff, Content, Head, HeadSender, error_trailer};
use crate::connection::{Connection, ResultStream};
use crate::exception::Exception;
use crate::statement::{has_word, is_select};

/// A result up to this size is answered whole, with its length, its counters and, if it fails late, its error.
const WHOLE_RESULT_BYTES: usize = 1 << 20;
/// Pieces of a result that may wait for a slow client.
const PIECES_IN_FLIGHT: usize = 4;

/// How often to look whether a trailer has left the queue, and how long it may take to the client from there.
const TRAILER_POLL: Duration = Duration::from_millis(5);
const TRAILER_TIME: Duration = Duration::from_millis(200);

impl Job {
    /// Whether the pieces of this statement's result make up its whole result.
    pub(super) fn can_stream(&self, text: &[u8], format: &str) -> bool {
        let changed = ["extremes", "output_format_json_array_of_rows"];
        Joining::of(format) != Joining::Impossible
            && is_select(text)
            && !has_word(text, "TOTALS")
            && !changed
                .iter()
                .any(|name| has_word(text, name) || self.params.settings.iter().any(|(given, _)| given == name))
    }

    /// Runs a SELECT. `None`: the answer has been sent as a stream.
    pub(super) fn stream(
        &mut self,
        connection: Connection,
        text: &[u8],
        format: &str,
        reply: &mut Option<HeadSender>,
    ) -> Result<Option<Head>, Exception> {
        let mut pieces = Pieces {
            stream: connection.stream(text, format, &self.params.query_params)?,
            joining: Joining::of(format),
            header: None,
        };
        let mut first = Vec::new();
        let limit = if self.params.wait_end_of_query { usize::MAX } else { WHOLE_RESULT_BYTES };
        while first.len() < limit {
            match pieces.next()? {
                Some(piece) if first.is_empty() => first = piece.to_vec(),
                Some(piece) => first.extend_from_slice(&piece),
                None => return self.whole(first.into(), format, pieces.stream.counters()).map(Some),
            }
        }
        let (sender, receiver) = mpsc::channel(PIECES_IN_FLIGHT);
        let mut encoder = self.encoder()?;
        let head = self.head(format, pieces.stream.counters(), Content::Pieces(receiver));
        if reply.take().is_none_or(|reply| reply.send(head).is_err()) {
            return Ok(None);
        }
        let outcome = self.send_pieces(first.into(), &mut pieces, encoder.as_mut(), &sender);
        let ending = match outcome {
            Ok(()) => encoder.map_or(Ok(Vec::new()), Encoder::finish).map_err(|error| BrokenOff(error.to_string())),
            Err(Some(exception)) => {
                let trailer = error_trailer(&exception, &self.engine.about().version, &self.exception_tag).into_bytes();
                let trailer = match encoder.as_mut() {
                    Some(encoder) => encoder.push(&trailer).unwrap_or_default(),
                    None => trailer,
                };
                let _ = sender.blocking_send(Ok(trailer.into()));
                // The trailer has to be on its way before the connection is broken off.
                while sender.capacity() < PIECES_IN_FLIGHT && !sender.is_closed() {
                    std::thread::sleep(TRAILER_POLL);
                }
                std::thread::sleep(TRAILER_TIME);
                Err(BrokenOff(exception.to_string()))
            }
            Err(None) => return Ok(None),
        };
        self.running.finish();
        self.session = None;
        let _ = match ending {
            Ok(bytes) if bytes.is_empty() => Ok(()),
            Ok(bytes) => sender.blocking_send(Ok(bytes.into())),
            Err(broken) => sender.blocking_send(Err(broken)),
        };
        Ok(None)
    }

    /// `Err(None)`: the client is gone.
    fn send_pieces(
        &self,
        first: Bytes,
        pieces: &mut Pieces,
        mut encoder: Option<&mut Encoder>,
        sender: &mpsc::Sender<Result<Bytes, BrokenOff>>,
    ) -> Result<(), Option<Exception>> {
        let mut next = Some(first);
        while let Some(piece) = next {
            let encoded = match encoder.as_deref_mut() {
                Some(encoder) => {
                    encoder.push(&piece).map_err(|error| Some(Exception::new(432, "UNKNOWN_CODEC", error)))?.into()
                }
                None => piece,
            };
            if self.running.is_cancelled() || sender.blocking_send(Ok(encoded)).is_err() {
                return Err(None);
            }
            next = pieces.next().map_err(Some)?;
        }
        Ok(())
    }
}

/// A stream whose pieces can be put behind each other.
struct Pieces {
    stream: ResultStream,
    joining: Joining,
    header: Option<Vec<u8>>,
}

impl Pieces {
    fn next(&mut self) -> Result<Option<Bytes>, Exception> {
        loop {
            let Some(piece) = self.stream.next_piece()? else { return Ok(None) };
            let bytes = Bytes::from_owner(piece);
            let Some(header) = &self.header else {
                let length = self.joining.header_length(&bytes).unwrap_or(bytes.len());
                self.header = Some(bytes[..length].to_vec());
                return Ok(Some(bytes));
            };
            if !bytes.starts_with(header) {
                return Err(Exception::new(
                    49,
                    "LOGICAL_ERROR",
                    "a piece of the result lacks the header of the first one",
                ));
            }
            let rest = bytes.slice(header.len()..);
            if !rest.is_empty() {
                return Ok(Some(rest));
            }
        }
    }
}
