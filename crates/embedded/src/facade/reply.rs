//! Answers: headers, bodies that arrive piece by piece, errors.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, HttpBody};
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use http_body::Frame;
use tokio::sync::{mpsc, oneshot};

use super::cancel::CancelGuard;
use crate::exception::Exception;
use crate::ffi::Counters;

/// A response broken off on purpose, so that the client notices that it is not whole.
#[derive(Debug, thiserror::Error)]
#[error("the result broke off: {0}")]
pub(super) struct BrokenOff(pub(super) String);

/// What a worker hands to the connection first.
pub(super) struct Head {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Content,
}

/// The body of an answer.
pub(super) enum Content {
    Whole(Bytes),
    Pieces(mpsc::Receiver<Result<Bytes, BrokenOff>>),
}

/// The worker's end.
pub(super) type HeadSender = oneshot::Sender<Head>;

/// Makes the response. The guard lives as long as the body: a client that goes away cancels its statement.
pub(super) fn response(head: Head, guard: CancelGuard) -> Response {
    let body = match head.body {
        Content::Whole(bytes) => Body::from(bytes),
        Content::Pieces(pieces) => Body::new(PieceBody { pieces, _guard: guard }),
    };
    let mut response = Response::new(body);
    *response.status_mut() = head.status;
    *response.headers_mut() = head.headers;
    response
}

struct PieceBody {
    pieces: mpsc::Receiver<Result<Bytes, BrokenOff>>,
    _guard: CancelGuard,
}

impl HttpBody for PieceBody {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        self.pieces.poll_recv(context).map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }
}

/// An exception as the whole answer.
pub(super) fn error_head(exception: &Exception, version: &str, mut headers: HeaderMap) -> Head {
    headers.remove(http::header::CONTENT_ENCODING);
    headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=UTF-8"));
    headers.insert(HeaderName::from_static("x-clickhouse-exception-code"), exception.code.into());
    let status = StatusCode::from_u16(exception.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    Head { status, headers, body: Content::Whole(Bytes::from(error_line(exception, version))) }
}

fn error_line(exception: &Exception, version: &str) -> String {
    format!("{exception} (version {version} (embedded))\n")
}

/// An exception in the middle of a body, in the tagged form that clients look for since server version 25.11.
pub(super) fn error_trailer(exception: &Exception, version: &str, tag: &str) -> String {
    let line = error_line(exception, version);
    let length = line.len();
    format!("\r\n__exception__\r\n{tag}\r\n{line}{length} {tag}\r\n__exception__\r\n")
}

/// The value of `X-ClickHouse-Summary`.
pub(super) fn summary(counters: Counters) -> HeaderValue {
    let Counters { result_rows, read_rows, read_bytes, written_rows, written_bytes, elapsed_seconds } = counters;
    let elapsed_ns = (elapsed_seconds * 1e9).max(0.0) as u64;
    let text = format!(
        "{{\"read_rows\":\"{read_rows}\",\"read_bytes\":\"{read_bytes}\",\"written_rows\":\"{written_rows}\",\
         \"written_bytes\":\"{written_bytes}\",\"total_rows_to_read\":\"0\",\"result_rows\":\"{result_rows}\",\
         \"result_bytes\":\"0\",\"elapsed_ns\":\"{elapsed_ns}\"}}"
    );
    HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static("{}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trailer_says_its_own_length() {
        let trailer = error_trailer(&Exception::new(159, "TIMEOUT_EXCEEDED", "slow"), "26.7.2.1", "abcdefghijklmnop");
        let line = "Code: 159. DB::Exception: slow (TIMEOUT_EXCEEDED) (version 26.7.2.1 (embedded))\n";
        assert_eq!(
            trailer,
            format!(
                "\r\n__exception__\r\nabcdefghijklmnop\r\n{line}{} abcdefghijklmnop\r\n__exception__\r\n",
                line.len()
            )
        );
    }

    #[test]
    fn a_summary_is_json() {
        let value = summary(Counters { read_rows: 3, elapsed_seconds: 0.5, ..Counters::default() });
        let parsed: serde_json::Value = serde_json::from_slice(value.as_bytes()).unwrap();
        assert_eq!(parsed["read_rows"], "3");
        assert_eq!(parsed["elapsed_ns"], "500000000");
    }
}
