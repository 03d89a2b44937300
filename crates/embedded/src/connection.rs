//! One connection, one statement: running a statement uses the connection up.
//!
//! After an error in the middle of a result the next statement on the same connection returns left-over output, so there
//! is no way to run two; only `use_database` may come first, and never before an insert.

use crate::analysis::{Analysis, Class};
use crate::exception::Exception;
use crate::ffi::{Counters, RawConnection, RawInsert, RawResult};

/// A fresh connection.
pub struct Connection {
    raw: RawConnection,
}

/// The whole result of a statement. Its bytes stay in the engine's memory until it is dropped.
pub struct Output {
    result: RawResult,
    _connection: Connection,
}

/// A result that arrives piece by piece.
pub struct ResultStream {
    // Field order is drop order: the stream goes before its connection.
    stream: RawResult,
    connection: Connection,
    counters: Counters,
    open: bool,
}

/// A piece of a streamed result, never empty.
pub struct Piece(RawResult);

/// An insert whose data is handed over piece by piece. Dropped without [`InsertStream::finish`], it is cancelled.
pub struct InsertStream {
    insert: RawInsert,
    _connection: Connection,
}

impl Connection {
    pub(crate) fn new(raw: RawConnection) -> Self {
        Self { raw }
    }

    /// Classifies without running.
    pub(crate) fn classify(&mut self, sql: &[u8]) -> Result<Analysis, Exception> {
        let (statements, class, _flags) = self
            .raw
            .classify(sql)
            .ok_or_else(|| Exception::new(1002, "UNKNOWN_EXCEPTION", "the engine could not classify the statement"))?;
        let class = match class {
            0 => Class::ReadOnly,
            1 => Class::Mutating,
            2 => Class::MutatingGlobal,
            3 => Class::Control,
            _ => Class::Unknown,
        };
        Ok(Analysis { statements, class })
    }

    /// Makes `database` the current one.
    ///
    /// # Errors
    /// A database that does not exist.
    pub fn use_database(&mut self, database: &str) -> Result<(), Exception> {
        let quoted = database.replace('\\', "\\\\").replace('`', "\\`");
        let result = self.raw.query(format!("USE `{quoted}`").as_bytes(), "Null", &[]);
        result.error().map_or(Ok(()), |text| Err(Exception::from_engine(&text)))
    }

    /// Runs a statement and keeps its whole result in memory. `format` is used when the statement names none.
    ///
    /// # Errors
    /// The engine's exception.
    pub fn query(mut self, sql: &[u8], format: &str, params: &[(String, String)]) -> Result<Output, Exception> {
        let result = self.raw.query(sql, format, params);
        match result.error() {
            Some(text) => Err(Exception::from_engine(&text)),
            None => Ok(Output { result, _connection: self }),
        }
    }

    /// Starts a SELECT and returns its result as a stream.
    ///
    /// # Errors
    /// The engine's exception, when the statement fails before its first piece.
    pub fn stream(mut self, sql: &[u8], format: &str, params: &[(String, String)]) -> Result<ResultStream, Exception> {
        let stream = self.raw.stream_query(sql, format, params);
        match stream.error() {
            Some(text) => Err(Exception::from_engine(&text)),
            None => Ok(ResultStream { stream, connection: self, counters: Counters::default(), open: true }),
        }
    }

    /// Opens an insert. `sql` is the statement without FORMAT clause and without data: data in the text of a statement
    /// ends at a blank line and the rest would run as SQL.
    ///
    /// # Errors
    /// The engine's exception, such as an unknown table.
    pub fn insert(mut self, sql: &[u8], format: &str, params: &[(String, String)]) -> Result<InsertStream, Exception> {
        let insert = self
            .raw
            .stream_insert(sql, format, params)
            .ok_or_else(|| Exception::new(1002, "UNKNOWN_EXCEPTION", "the engine did not open the insert"))?;
        match insert.error() {
            Some(text) => Err(Exception::from_engine(&text)),
            None => Ok(InsertStream { insert, _connection: self }),
        }
    }
}

impl Output {
    /// The formatted result.
    pub fn bytes(&self) -> &[u8] {
        self.result.bytes()
    }

    /// Rows and bytes touched.
    pub fn counters(&self) -> Counters {
        self.result.counters()
    }
}

impl AsRef<[u8]> for Output {
    fn as_ref(&self) -> &[u8] {
        self.bytes()
    }
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        self.0.bytes()
    }
}

impl ResultStream {
    /// The next piece, or `None` at the end. Blocks while the engine computes.
    ///
    /// # Errors
    /// The engine's exception; the stream is over then.
    pub fn next_piece(&mut self) -> Result<Option<Piece>, Exception> {
        if !self.open {
            return Ok(None);
        }
        let piece = self.connection.raw.fetch(&self.stream);
        if let Some(text) = piece.error() {
            self.open = false;
            return Err(Exception::from_engine(&text));
        }
        let counters = piece.counters();
        self.counters.result_rows += counters.result_rows;
        self.counters.read_rows += counters.read_rows;
        self.counters.read_bytes += counters.read_bytes;
        self.counters.elapsed_seconds += counters.elapsed_seconds;
        if piece.bytes().is_empty() {
            self.open = false;
            return Ok(None);
        }
        Ok(Some(Piece(piece)))
    }

    /// Rows and bytes touched so far.
    pub fn counters(&self) -> Counters {
        self.counters
    }
}

impl Drop for ResultStream {
    fn drop(&mut self) {
        if self.open {
            self.connection.raw.cancel(&self.stream);
        }
    }
}

impl InsertStream {
    /// Hands over data; blocks while the engine is busy with what it has.
    ///
    /// # Errors
    /// The engine's exception, such as data that does not parse.
    pub fn append(&mut self, data: &[u8]) -> Result<(), Exception> {
        if self.insert.append(data) { Ok(()) } else { Err(self.failure()) }
    }

    /// Commits and returns what was written.
    ///
    /// # Errors
    /// The engine's exception; blocks written before it stay visible.
    pub fn finish(mut self) -> Result<Counters, Exception> {
        let result = self.insert.done();
        match result.error() {
            Some(text) => Err(Exception::from_engine(&text)),
            None => Ok(result.counters()),
        }
    }

    /// Gives up; what was not yet written as a block is not.
    pub fn cancel(mut self) {
        self.insert.cancel();
    }

    fn failure(&self) -> Exception {
        match self.insert.error() {
            Some(text) => Exception::from_engine(&text),
            None => Exception::new(1002, "UNKNOWN_EXCEPTION", "the insert ended early"),
        }
    }
}
