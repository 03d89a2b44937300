//! Running one request's statement, on a thread that may block.

use std::io::Read;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::auth::Access;
use super::body::{Source, read_up_to};
use super::cancel::Running;
use super::encode::{Encoder, Encoding};
use super::format::content_type;
use super::reply::{Content, Head, HeadSender, error_head, summary};
use super::request::Params;
use super::session::{HeldSession, SessionState, Sessions};
use crate::analysis::{Analysis, Class};
use crate::engine::Engine;
use crate::exception::Exception;
use crate::ffi::Counters;
use crate::statement::{Split, named_format, session_change, split_insert};

/// Enough for any INSERT up to its data.
const INSERT_HEAD_BYTES: usize = 256 << 10;
/// The longest statement that is not data.
const LONGEST_STATEMENT_BYTES: usize = 16 << 20;

const DEFAULT_FORMAT: &str = "TabSeparated";

/// One request, ready to run.
pub(super) struct Job {
    pub(super) engine: Engine,
    pub(super) sessions: Sessions,
    pub(super) params: Params,
    pub(super) access: Access,
    /// GET and HEAD never change anything.
    pub(super) safe_method: bool,
    pub(super) source: Source,
    pub(super) encoding: Encoding,
    pub(super) running: Running,
    /// Held while the statement runs; given back before the answer's end, when the client may send its next one.
    pub(super) session: Option<HeldSession>,
    /// Headers that every answer carries.
    pub(super) headers: HeaderMap,
    /// The word that marks an error in the middle of a body.
    pub(super) exception_tag: String,
}

/// Runs the job and sends its answer.
pub(super) fn run(mut job: Job, reply: HeadSender) {
    let mut reply = Some(reply);
    let outcome = job.execute(&mut reply);
    job.running.finish();
    job.session = None;
    let head = match outcome {
        Ok(Some(head)) => head,
        Ok(None) => return,
        Err(exception) => {
            let exception = exception.with_place(job.engine.folder());
            error_head(&exception, &job.engine.about().version, std::mem::take(&mut job.headers))
        }
    };
    if let Some(reply) = reply {
        // An error means that the client is gone.
        let _ = reply.send(head);
    }
}

impl Job {
    /// `None`: the answer has been sent as a stream.
    fn execute(&mut self, reply: &mut Option<HeadSender>) -> Result<Option<Head>, Exception> {
        if let Some(id) = &self.params.session_id {
            let session =
                self.sessions.hold(id, self.access, self.params.session_timeout, self.params.session_check)?;
            self.inherit(&session.state);
            self.session = Some(session);
        }
        let mut body = std::mem::replace(&mut self.source, Source::Nothing).decoded()?;
        let mut text = std::mem::take(&mut self.params.query).into_bytes();
        let mut split = split_insert(&text, true);
        let mut complete = false;
        // Between a query in the URL and the body there is a line end, as on a server.
        let mut between: &[u8] = b"\n";
        if !matches!(split, Split::Insert(_)) {
            between = b"";
            if !text.is_empty() {
                text.push(b'\n');
            }
            for limit in [INSERT_HEAD_BYTES, LONGEST_STATEMENT_BYTES] {
                complete = complete || read_up_to(&mut body, &mut text, limit)?;
                split = split_insert(&text, complete);
                if complete || matches!(split, Split::Insert(_)) {
                    break;
                }
            }
        }
        match split {
            Split::Insert(insert) => {
                let leading = text.split_off(insert.data_start);
                if leading.is_empty() {
                    between = b"";
                }
                let counters = self.insert(&insert, leading.chain(between).chain(body))?;
                self.whole(Bytes::new(), DEFAULT_FORMAT, counters).map(Some)
            }
            Split::Unsupported(what) => {
                Err(Exception::new(48, "NOT_IMPLEMENTED", format_args!("{what} is not served here")))
            }
            _ if !complete => Err(Exception::new(
                229,
                "QUERY_IS_TOO_LARGE",
                format_args!("the statement is longer than {LONGEST_STATEMENT_BYTES} bytes"),
            )),
            Split::Whole | Split::NeedsMore => self.statement(&text, reply),
        }
    }

    fn inherit(&mut self, session: &SessionState) {
        if self.params.database.is_none() {
            self.params.database.clone_from(&session.database);
        }
        for (name, value) in &session.settings {
            if self.params.settings.iter().all(|(given, _)| given != name) {
                self.params.settings.push((name.clone(), value.clone()));
            }
        }
    }

    /// Whether the user, the method or the request's own `readonly` says that nothing is changed. The engine's `readonly` does not
    /// keep from INTO OUTFILE and KILL, so the class of the statement decides.
    pub(super) fn only_reads(&self) -> bool {
        let asked = self.params.settings.iter().find(|(name, _)| name == "readonly");
        self.access == Access::ReadOnly || self.safe_method || asked.is_some_and(|(_, value)| value != "0")
    }

    /// The settings of the statement's connection; `readonly` comes last.
    pub(super) fn settings(&self) -> Vec<(String, String)> {
        let mut settings: Vec<(String, String)> = self
            .params
            .settings
            .iter()
            .filter(|(name, _)| name != "readonly" && name != "log_comment")
            .cloned()
            .collect();
        settings.push(("log_comment".to_owned(), self.running.tag.clone()));
        let given = self.params.settings.iter().find(|(name, _)| name == "readonly").map(|(_, value)| value.clone());
        match (self.access, given) {
            (Access::ReadOnly, _) => settings.push(("readonly".to_owned(), "1".to_owned())),
            (Access::ReadWrite, Some(value)) => settings.push(("readonly".to_owned(), value)),
            (Access::ReadWrite, None) => {}
        }
        settings
    }

    fn statement(&mut self, text: &[u8], reply: &mut Option<HeadSender>) -> Result<Option<Head>, Exception> {
        let analysis = self.engine.classify(text)?;
        if analysis.statements != 1 || analysis.class == Class::Unknown {
            return Err(self.refusal(analysis, text));
        }
        if let Some(change) = session_change(text).filter(|_| analysis.class == Class::Control) {
            // Run for its errors' sake; what it changes goes into the session.
            self.engine.connect(&[])?.query(text, "Null", &[])?;
            if let Some(session) = &mut self.session {
                session.state.apply(change);
            }
            return self.whole(Bytes::new(), DEFAULT_FORMAT, Counters::default()).map(Some);
        }
        if analysis.class != Class::ReadOnly && self.only_reads() {
            return Err(self.read_only());
        }
        let mut connection = self.engine.connect(&self.settings())?;
        if let Some(database) =
            self.params.database.as_deref().filter(|database| !database.is_empty() && *database != "default")
        {
            connection.use_database(database)?;
        }
        let format = named_format(text)
            .or_else(|| self.params.default_format.clone().filter(|format| !format.is_empty()))
            .unwrap_or_else(|| DEFAULT_FORMAT.to_owned());
        if analysis.class == Class::ReadOnly && self.can_stream(text, &format) {
            return self.stream(connection, text, &format, reply);
        }
        let output = connection.query(text, &format, &self.params.query_params)?;
        let counters = output.counters();
        self.whole(Bytes::from_owner(output), &format, counters).map(Some)
    }

    pub(super) fn encoder(&self) -> Result<Option<Encoder>, Exception> {
        Encoder::new(self.encoding).map_err(|error| Exception::new(432, "UNKNOWN_CODEC", error))
    }

    pub(super) fn head(&mut self, format: &str, counters: Counters, body: Content) -> Head {
        let mut headers = std::mem::take(&mut self.headers);
        headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static(content_type(format)));
        headers.insert(HeaderName::from_static("x-clickhouse-summary"), summary(counters));
        if let Ok(format) = HeaderValue::from_str(format) {
            headers.insert(HeaderName::from_static("x-clickhouse-format"), format);
        }
        if let Some(encoding) = self.encoding.content_encoding() {
            headers.insert(http::header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        Head { status: StatusCode::OK, headers, body }
    }

    pub(super) fn whole(&mut self, bytes: Bytes, format: &str, counters: Counters) -> Result<Head, Exception> {
        if bytes.is_empty() {
            self.encoding = Encoding::Plain;
        }
        let body = match self.encoder()? {
            None => bytes,
            Some(mut encoder) => {
                let failed = |error: std::io::Error| Exception::new(432, "UNKNOWN_CODEC", error);
                let mut encoded = encoder.push(&bytes).map_err(failed)?;
                encoded.extend(encoder.finish().map_err(failed)?);
                encoded.into()
            }
        };
        Ok(self.head(format, counters, Content::Whole(body)))
    }

    pub(super) fn read_only(&self) -> Exception {
        let why = if self.access == Access::ReadOnly {
            "Cannot execute query in readonly mode: this user may only read; the user crumbtrail of the data folder's engine/endpoint.json may write"
        } else if !self.safe_method {
            "Cannot execute query in readonly mode: it was asked with readonly"
        } else {
            "Cannot execute query in readonly mode. For queries over HTTP, method GET implies readonly. You should use method POST for modifying queries"
        };
        Exception::new(164, "READONLY", why)
    }

    /// Why a text that is not exactly one known statement is not run, in the engine's own words where it has some.
    pub(super) fn refusal(&self, analysis: Analysis, text: &[u8]) -> Exception {
        if analysis.statements > 1 {
            return Exception::new(
                62,
                "SYNTAX_ERROR",
                "Syntax error (Multi-statements are not allowed): send one statement at a time",
            );
        }
        if text.trim_ascii().is_empty() {
            return Exception::new(62, "SYNTAX_ERROR", "Syntax error: Empty query");
        }
        // Read-only, because the parser that just refused the text is not to be trusted with running it.
        let readonly = [("readonly".to_owned(), "1".to_owned())];
        match self.engine.connect(&readonly).and_then(|connection| connection.query(text, "Null", &[])) {
            Err(exception) => exception,
            Ok(_) => Exception::new(62, "SYNTAX_ERROR", "Syntax error: this is not a statement that can be run here"),
        }
    }
}
