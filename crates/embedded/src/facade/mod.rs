//! The HTTP interface of ClickHouse over the embedded engine: what the official Rust, Python and Node clients, `curl` and
//! BI tools use of it.
//!
//! Asynchronous code only moves bytes; the statement of a request runs on a blocking thread ([`execute`]).

mod auth;
mod body;
mod cancel;
mod encode;
mod execute;
mod format;
mod multipart;
mod native_block;
mod reply;
mod request;
mod session;
mod stream;
mod upload;

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use http_body_util::BodyExt;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::JoinHandle;

pub use auth::{OWNER, READER};

use crate::engine::Engine;
use crate::exception::Exception;
use auth::Credentials;
use body::{BodyReader, Source};
use cancel::{CancelGuard, Running};
use execute::Job;
use reply::{Head, error_head, response};
use request::Params;
use session::Sessions;

/// Pieces of a request's body that may wait for the engine.
const BODY_PIECES_IN_FLIGHT: usize = 8;
/// A body that nobody wants any more is still read up to this size, so that the client sees the answer.
const DRAINED_BYTES: usize = 64 << 20;
/// … and for this long.
const DRAIN_TIME: Duration = Duration::from_secs(10);
/// The longest multipart body.
const LONGEST_FORM_BYTES: usize = 16 << 20;

/// The interface over one engine.
pub struct Facade {
    engine: Engine,
    owner_password: String,
    hostname: HeaderValue,
    timezone: HeaderValue,
    settings: HashSet<String>,
    sessions: Sessions,
    statements: Arc<Semaphore>,
    next_number: AtomicU64,
    /// Random, new at every start: query ids and exception tags are made from it.
    salt: String,
}

impl Facade {
    /// `concurrent_statements` may run at a time; more wait. `salt` is at least 16 random hexadecimal digits.
    pub fn new(
        engine: Engine,
        owner_password: String,
        hostname: &str,
        salt: String,
        concurrent_statements: usize,
    ) -> Self {
        let text = |value: &str| HeaderValue::from_str(value).unwrap_or_else(|_| HeaderValue::from_static("unknown"));
        let about = engine.about();
        Self {
            hostname: text(hostname),
            timezone: text(&about.timezone),
            settings: about.settings.iter().cloned().collect(),
            engine,
            owner_password,
            sessions: Sessions::default(),
            statements: Arc::new(Semaphore::new(concurrent_statements)),
            next_number: AtomicU64::new(1),
            salt,
        }
    }

    /// The routes; every path is served.
    pub fn router(self: Arc<Self>) -> Router {
        Router::new().fallback(handle).with_state(self)
    }

    fn headers(&self, query_id: &str, tag: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let mut put = |name: &'static str, value: HeaderValue| headers.insert(HeaderName::from_static(name), value);
        put("x-clickhouse-server-display-name", self.hostname.clone());
        put("x-clickhouse-timezone", self.timezone.clone());
        put(
            "x-clickhouse-query-id",
            HeaderValue::from_str(query_id).unwrap_or_else(|_| HeaderValue::from_static("unprintable")),
        );
        put(
            "x-clickhouse-exception-tag",
            HeaderValue::from_str(tag).unwrap_or_else(|_| HeaderValue::from_static("exception")),
        );
        headers
    }

    async fn query(&self, request: Request) -> Response {
        let number = self.next_number.fetch_add(1, Ordering::Relaxed);
        let tag: String = self.salt.chars().take(16).collect();
        let mut query_id = format!("{}-{number}", self.salt);
        let (parts, body) = request.into_parts();
        let (body, pump) = pump(body);
        let running = Running::new(number);
        let guard = CancelGuard { engine: self.engine.clone(), running: running.clone() };
        let prepared = self.prepare(&parts, body, &running, &tag, &mut query_id).await;
        let headers = self.headers(&query_id, &tag);
        let answer = match prepared {
            Ok(mut job) => {
                job.headers = headers.clone();
                self.answer(job).await
            }
            Err(exception) => Err(exception),
        };
        let head = answer.unwrap_or_else(|exception| {
            running.finish();
            error_head(&exception, &self.engine.about().version, headers)
        });
        if head.status != StatusCode::OK {
            // A connection closed before the client has sent everything may lose the answer on its way.
            let _ = tokio::time::timeout(DRAIN_TIME, pump).await;
        }
        response(head, guard)
    }

    async fn answer(&self, job: Job) -> Result<Head, Exception> {
        let stopping = |_| Exception::new(236, "ABORTED", "the server is stopping");
        let permit = Arc::clone(&self.statements).acquire_owned().await.map_err(stopping)?;
        let (sender, receiver) = oneshot::channel();
        tokio::task::spawn_blocking(move || {
            let _permit = permit;
            execute::run(job, sender);
        });
        // No answer: the worker panicked, and the panic has been printed.
        let lost = |_| Exception::new(49, "LOGICAL_ERROR", "the statement's worker ended without an answer");
        receiver.await.map_err(lost)
    }

    /// Everything up to the point where a thread may block.
    async fn prepare(
        &self,
        parts: &Parts,
        body: BodyReader,
        running: &Running,
        tag: &str,
        query_id: &mut String,
    ) -> Result<Job, Exception> {
        let is_setting = |name: &str| self.settings.contains(name);
        let mut params = Params::parse(parts.uri.query().unwrap_or_default(), &parts.headers, is_setting)?;
        if let Some(id) = &params.query_id {
            query_id.clone_from(id);
        }
        let credentials = Credentials::of(&parts.headers, params.user.as_deref(), params.password.as_deref())?;
        let access = credentials.access(&self.owner_password)?;
        let header = |name: HeaderName| parts.headers.get(name).and_then(|value| value.to_str().ok());
        let body = match header(http::header::CONTENT_TYPE).and_then(multipart::boundary) {
            Some(boundary) => {
                for (name, value) in form(body, &boundary).await? {
                    params.set(&name, value, is_setting)?;
                }
                Source::Nothing
            }
            None => Source::Body {
                body,
                content_encoding: header(http::header::CONTENT_ENCODING).map(str::to_owned),
                native_blocks: params.native_request,
            },
        };
        Ok(Job {
            engine: self.engine.clone(),
            sessions: self.sessions.clone(),
            encoding: params.encoding(&parts.headers),
            params,
            access,
            safe_method: matches!(parts.method, Method::GET | Method::HEAD),
            source: body,
            running: running.clone(),
            session: None,
            headers: HeaderMap::new(),
            exception_tag: tag.to_owned(),
        })
    }
}

async fn handle(State(facade): State<Arc<Facade>>, request: Request) -> Response {
    let nothing_asked = request.uri().query().is_none_or(str::is_empty);
    match (request.method(), request.uri().path()) {
        (_, "/ping" | "/replicas_status") => plain(StatusCode::OK, "Ok.\n"),
        (&Method::GET | &Method::HEAD, "/") if nothing_asked => plain(StatusCode::OK, "Ok.\n"),
        (&Method::GET | &Method::HEAD | &Method::POST | &Method::PUT, "/" | "/query") => facade.query(request).await,
        (_, "/" | "/query") => plain(StatusCode::METHOD_NOT_ALLOWED, "use GET to read and POST to write\n"),
        (_, path) => plain(
            StatusCode::NOT_FOUND,
            format!(
                "There is no handle {path}\n\nUse / or /ping for health checks, and /?query=… or a POST to / for queries.\n"
            ),
        ),
    }
}

fn plain(status: StatusCode, text: impl Into<Body>) -> Response {
    let mut response = Response::new(text.into());
    *response.status_mut() = status;
    response.headers_mut().insert(http::header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=UTF-8"));
    response
}

async fn form(body: BodyReader, boundary: &str) -> Result<Vec<(String, String)>, Exception> {
    let malformed =
        || Exception::new(36, "BAD_ARGUMENTS", "the multipart body is malformed, too long, or has a file in it");
    let body = body.collect(LONGEST_FORM_BYTES).await.ok_or_else(malformed)?;
    multipart::fields(&body, boundary).ok_or_else(malformed)
}

/// Moves the body to whoever reads it, piece by piece; what nobody reads is thrown away.
fn pump(mut body: Body) -> (BodyReader, JoinHandle<()>) {
    let (sender, receiver) = mpsc::channel::<Result<Bytes, String>>(BODY_PIECES_IN_FLIGHT);
    let pump = tokio::spawn(async move {
        let mut unwanted = 0;
        while let Some(frame) = body.frame().await {
            let piece = match frame {
                Ok(frame) => frame.into_data().unwrap_or_default(),
                Err(error) => {
                    let _ = sender.send(Err(error.to_string())).await;
                    return;
                }
            };
            let length = piece.len();
            if unwanted > 0 || sender.send(Ok(piece)).await.is_err() {
                unwanted += length.max(1);
                if unwanted > DRAINED_BYTES {
                    return;
                }
            }
        }
    });
    (BodyReader::new(receiver), pump)
}
