//! The C interface of `libchdb`, and the only unsafe code of this crate.
//!
//! Every pointer the library hands out is wrapped here in a type that owns it and gives it back exactly once, so the
//! rest of the crate is safe code. The contracts (who frees what, which calls may block, which handle belongs to one
//! thread at a time) are those of the library's header `chdb.h`, version 26.7.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::path::Path;
use std::ptr::{self, NonNull};

/// A `chdb_connection`: what the pointer returned by `chdb_connect` points to.
type ConnectionRef = *mut c_void;
type ResultPtr = *mut c_void;
type InsertPtr = *mut c_void;

type QueryWithParams = unsafe extern "C" fn(
    ConnectionRef,
    *const c_char,
    usize,
    *const c_char,
    usize,
    *const *const c_char,
    *const usize,
    *const *const c_char,
    *const usize,
    usize,
) -> *mut c_void;
type Counter = unsafe extern "C" fn(ResultPtr) -> u64;

/// `chdb_query_analysis_v1`.
#[repr(C)]
struct AnalysisV1 {
    struct_size: u32,
    statement_count: u32,
    flags: u32,
    query_class: u32,
}

macro_rules! symbols {
    ($($field:ident: $type:ty = $name:literal,)*) => {
        struct Symbols { $($field: $type,)* }

        impl Symbols {
            fn load(library: &libloading::Library) -> Result<Self, String> {
                // SAFETY: the types are transcribed from the header of the version whose presence the names prove.
                unsafe {
                    Ok(Self { $($field: *library
                        .get::<$type>(concat!($name, "\0").as_bytes())
                        .map_err(|_| format!("symbol {} is missing", $name))?,)* })
                }
            }
        }
    };
}

symbols! {
    version: unsafe extern "C" fn() -> *const c_char = "chdb_version",
    set_signal_handlers_enabled: unsafe extern "C" fn(c_int) = "chdb_set_signal_handlers_enabled",
    connect: unsafe extern "C" fn(c_int, *mut *mut c_char) -> *mut ConnectionRef = "chdb_connect",
    close_conn: unsafe extern "C" fn(*mut ConnectionRef) = "chdb_close_conn",
    shutdown: unsafe extern "C" fn() -> c_int = "chdb_shutdown",
    classify_query_n: unsafe extern "C" fn(ConnectionRef, *const c_char, usize, *const c_char, usize, *mut AnalysisV1) -> c_int
        = "chdb_classify_query_n",
    query: QueryWithParams = "chdb_query_with_params_n",
    stream_query: QueryWithParams = "chdb_stream_query_with_params_n",
    stream_fetch_result: unsafe extern "C" fn(ConnectionRef, ResultPtr) -> ResultPtr = "chdb_stream_fetch_result",
    stream_cancel_query: unsafe extern "C" fn(ConnectionRef, ResultPtr) = "chdb_stream_cancel_query",
    stream_insert: QueryWithParams = "chdb_stream_insert_with_params_n",
    stream_append: unsafe extern "C" fn(InsertPtr, *const c_void, usize) -> c_int = "chdb_stream_append",
    stream_done: unsafe extern "C" fn(InsertPtr) -> ResultPtr = "chdb_stream_done",
    stream_cancel_insert: unsafe extern "C" fn(InsertPtr) = "chdb_stream_cancel_insert",
    stream_insert_error: unsafe extern "C" fn(InsertPtr) -> *const c_char = "chdb_stream_insert_error",
    destroy_insert_stream: unsafe extern "C" fn(InsertPtr) = "chdb_destroy_insert_stream",
    destroy_query_result: unsafe extern "C" fn(ResultPtr) = "chdb_destroy_query_result",
    result_buffer: unsafe extern "C" fn(ResultPtr) -> *mut c_char = "chdb_result_buffer",
    result_length: unsafe extern "C" fn(ResultPtr) -> usize = "chdb_result_length",
    result_error: unsafe extern "C" fn(ResultPtr) -> *const c_char = "chdb_result_error",
    result_elapsed: unsafe extern "C" fn(ResultPtr) -> f64 = "chdb_result_elapsed",
    result_rows_read: Counter = "chdb_result_rows_read",
    result_rows_written: Counter = "chdb_result_rows_written",
    result_bytes_written: Counter = "chdb_result_bytes_written",
    result_storage_rows_read: Counter = "chdb_result_storage_rows_read",
    result_storage_bytes_read: Counter = "chdb_result_storage_bytes_read",
}

/// The loaded library. It is never unloaded: its threads outlive every connection.
#[derive(Clone, Copy)]
pub(crate) struct Library {
    symbols: &'static Symbols,
}

impl Library {
    /// Loads the shared library and turns its signal handlers off (rule 5: before any connection exists).
    pub(crate) fn load(path: &Path) -> Result<Self, String> {
        // SAFETY: loading runs the library's initialisers; the file is the one the operator or the set-up chose.
        let library = unsafe { libloading::Library::new(path) }.map_err(|error| error.to_string())?;
        let symbols: &'static Symbols = Box::leak(Box::new(Symbols::load(&library)?));
        std::mem::forget(library);
        // SAFETY: no connection has been made yet.
        unsafe { (symbols.set_signal_handlers_enabled)(0) };
        Ok(Self { symbols })
    }

    /// The library's own version, such as `26.7.3`.
    pub(crate) fn version(self) -> String {
        // SAFETY: returns a static NUL-terminated string.
        unsafe { text((self.symbols.version)()) }.unwrap_or_default()
    }

    /// Opens a connection; `arguments` are `--name=value`. `None`: the engine refused (bad value, path in use).
    pub(crate) fn connect(self, arguments: &[String]) -> Option<RawConnection> {
        let owned: Vec<CString> = std::iter::once("clickhouse")
            .chain(arguments.iter().map(String::as_str))
            .map(|argument| CString::new(argument).ok())
            .collect::<Option<_>>()?;
        let mut pointers: Vec<*mut c_char> = owned.iter().map(|argument| argument.as_ptr().cast_mut()).collect();
        let count = c_int::try_from(pointers.len()).ok()?;
        // SAFETY: `pointers` holds `count` NUL-terminated strings that outlive the call; the library copies them.
        let pointer = unsafe { (self.symbols.connect)(count, pointers.as_mut_ptr()) };
        // SAFETY: a non-null return points to a connection handle; a null handle inside is a refusal too.
        let usable = !pointer.is_null() && unsafe { !(*pointer).is_null() };
        usable.then(|| RawConnection { symbols: self.symbols, pointer })
    }

    /// Joins the engine's threads; false while a connection is still open. Nothing can be opened afterwards.
    pub(crate) fn shutdown(self) -> bool {
        // SAFETY: may be called from any thread at any time.
        unsafe { (self.symbols.shutdown)() == 0 }
    }
}

/// An open connection. One statement at a time; may move between threads.
pub(crate) struct RawConnection {
    symbols: &'static Symbols,
    pointer: *mut ConnectionRef,
}

// SAFETY: the library ties no state to the opening thread; `&mut self` on every call keeps calls one at a time.
unsafe impl Send for RawConnection {}

impl RawConnection {
    fn handle(&self) -> ConnectionRef {
        // SAFETY: `pointer` stays valid until `chdb_close_conn`, which only `drop` calls.
        unsafe { *self.pointer }
    }

    /// (executable statements, class, flags) as the engine's own parser sees the text.
    pub(crate) fn classify(&mut self, sql: &[u8]) -> Option<(u32, u32, u32)> {
        let mut analysis = AnalysisV1 {
            struct_size: u32::try_from(size_of::<AnalysisV1>()).unwrap_or(16),
            statement_count: 0,
            flags: 0,
            query_class: 4,
        };
        // SAFETY: pointer and length describe `sql`; a null target database is allowed; the struct carries its size.
        let state = unsafe {
            (self.symbols.classify_query_n)(
                self.handle(),
                sql.as_ptr().cast(),
                sql.len(),
                ptr::null(),
                0,
                &raw mut analysis,
            )
        };
        (state == 0).then_some((analysis.statement_count, analysis.query_class, analysis.flags))
    }

    /// Runs a statement and materialises its whole result.
    pub(crate) fn query(&mut self, sql: &[u8], format: &str, params: &[(String, String)]) -> RawResult {
        self.result(self.call(self.symbols.query, sql, format, params))
    }

    /// Starts a SELECT whose result is fetched piece by piece.
    pub(crate) fn stream_query(&mut self, sql: &[u8], format: &str, params: &[(String, String)]) -> RawResult {
        self.result(self.call(self.symbols.stream_query, sql, format, params))
    }

    /// The next piece of a streamed result; an empty one is its end.
    pub(crate) fn fetch(&mut self, stream: &RawResult) -> RawResult {
        // SAFETY: `stream` came from this connection's `stream_query`, and `&mut self` serialises the calls.
        self.result(unsafe { (self.symbols.stream_fetch_result)(self.handle(), stream.raw()) })
    }

    /// Ends a streamed result early.
    pub(crate) fn cancel(&mut self, stream: &RawResult) {
        // SAFETY: as in `fetch`.
        unsafe { (self.symbols.stream_cancel_query)(self.handle(), stream.raw()) }
    }

    /// Opens an insert whose data follows by `RawInsert::append`. `sql` has neither FORMAT clause nor data.
    pub(crate) fn stream_insert(&mut self, sql: &[u8], format: &str, params: &[(String, String)]) -> Option<RawInsert> {
        let pointer = NonNull::new(self.call(self.symbols.stream_insert, sql, format, params))?;
        Some(RawInsert { symbols: self.symbols, pointer })
    }

    fn call(&self, function: QueryWithParams, sql: &[u8], format: &str, params: &[(String, String)]) -> *mut c_void {
        let names: Vec<*const c_char> = params.iter().map(|(name, _)| name.as_ptr().cast()).collect();
        let name_lengths: Vec<usize> = params.iter().map(|(name, _)| name.len()).collect();
        let values: Vec<*const c_char> = params.iter().map(|(_, value)| value.as_ptr().cast()).collect();
        let value_lengths: Vec<usize> = params.iter().map(|(_, value)| value.len()).collect();
        // SAFETY: every pointer is paired with its length and outlives the call; the library copies what it keeps.
        unsafe {
            function(
                self.handle(),
                sql.as_ptr().cast(),
                sql.len(),
                format.as_ptr().cast(),
                format.len(),
                names.as_ptr(),
                name_lengths.as_ptr(),
                values.as_ptr(),
                value_lengths.as_ptr(),
                params.len(),
            )
        }
    }

    fn result(&self, pointer: ResultPtr) -> RawResult {
        RawResult { symbols: self.symbols, pointer: NonNull::new(pointer) }
    }
}

impl Drop for RawConnection {
    fn drop(&mut self) {
        // SAFETY: closed once, after every result and insert of it (their owners hold the connection as well).
        unsafe { (self.symbols.close_conn)(self.pointer) }
    }
}

/// A result or one piece of it; its bytes live as long as it does.
pub(crate) struct RawResult {
    symbols: &'static Symbols,
    pointer: Option<NonNull<c_void>>,
}

// SAFETY: a materialised result is plain memory owned by the handle.
unsafe impl Send for RawResult {}

/// Rows and bytes that a statement touched, and how long it took.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Counters {
    /// Rows of the result.
    pub result_rows: u64,
    /// Rows read from tables.
    pub read_rows: u64,
    /// Bytes read from tables, uncompressed.
    pub read_bytes: u64,
    /// Rows written, materialised views included.
    pub written_rows: u64,
    /// Bytes written, materialised views included.
    pub written_bytes: u64,
    /// Time spent by the engine, in seconds.
    pub elapsed_seconds: f64,
}

impl RawResult {
    fn raw(&self) -> ResultPtr {
        self.pointer.map_or(ptr::null_mut(), NonNull::as_ptr)
    }

    pub(crate) fn error(&self) -> Option<String> {
        let Some(pointer) = self.pointer else {
            return Some("Code: 1002. DB::Exception: the engine returned no result (UNKNOWN_EXCEPTION)".to_owned());
        };
        // SAFETY: a live result; the string, if any, lives as long as it.
        unsafe { text((self.symbols.result_error)(pointer.as_ptr())) }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        let Some(pointer) = self.pointer else { return &[] };
        // SAFETY: buffer and length belong to the live result and are not changed after it was made.
        unsafe {
            let buffer = (self.symbols.result_buffer)(pointer.as_ptr());
            let length = (self.symbols.result_length)(pointer.as_ptr());
            if buffer.is_null() || length == 0 { &[] } else { std::slice::from_raw_parts(buffer.cast(), length) }
        }
    }

    pub(crate) fn counters(&self) -> Counters {
        let Some(pointer) = self.pointer else { return Counters::default() };
        let raw = pointer.as_ptr();
        // SAFETY: plain reads of a live result.
        unsafe {
            Counters {
                result_rows: (self.symbols.result_rows_read)(raw),
                read_rows: (self.symbols.result_storage_rows_read)(raw),
                read_bytes: (self.symbols.result_storage_bytes_read)(raw),
                written_rows: (self.symbols.result_rows_written)(raw),
                written_bytes: (self.symbols.result_bytes_written)(raw),
                elapsed_seconds: (self.symbols.result_elapsed)(raw),
            }
        }
    }
}

impl AsRef<[u8]> for RawResult {
    fn as_ref(&self) -> &[u8] {
        self.bytes()
    }
}

impl Drop for RawResult {
    fn drop(&mut self) {
        if let Some(pointer) = self.pointer {
            // SAFETY: destroyed once.
            unsafe { (self.symbols.destroy_query_result)(pointer.as_ptr()) }
        }
    }
}

/// An open insert. Dropping it without `done` cancels it.
pub(crate) struct RawInsert {
    symbols: &'static Symbols,
    pointer: NonNull<c_void>,
}

// SAFETY: as for `RawConnection`: no thread affinity, calls serialised by `&mut self`.
unsafe impl Send for RawInsert {}

impl RawInsert {
    pub(crate) fn error(&self) -> Option<String> {
        // SAFETY: a live handle; the string lives as long as it.
        unsafe { text((self.symbols.stream_insert_error)(self.pointer.as_ptr())) }
    }

    /// Hands over a piece of data (copied); may block for back-pressure. False: the insert has failed.
    pub(crate) fn append(&mut self, data: &[u8]) -> bool {
        // SAFETY: pointer and length describe `data`, which the library copies.
        unsafe { (self.symbols.stream_append)(self.pointer.as_ptr(), data.as_ptr().cast(), data.len()) == 0 }
    }

    /// Commits.
    pub(crate) fn done(&mut self) -> RawResult {
        // SAFETY: a live handle; the result is destroyed by its owner.
        RawResult {
            symbols: self.symbols,
            pointer: NonNull::new(unsafe { (self.symbols.stream_done)(self.pointer.as_ptr()) }),
        }
    }

    /// Gives up without committing what has not been flushed.
    pub(crate) fn cancel(&mut self) {
        // SAFETY: a live handle.
        unsafe { (self.symbols.stream_cancel_insert)(self.pointer.as_ptr()) }
    }
}

impl Drop for RawInsert {
    fn drop(&mut self) {
        // SAFETY: destroyed once, required on every path.
        unsafe { (self.symbols.destroy_insert_stream)(self.pointer.as_ptr()) }
    }
}

/// A NUL-terminated string, or `None` when it is null or empty.
///
/// # Safety
/// `pointer` is null or points to a NUL-terminated string that lives during the call.
unsafe fn text(pointer: *const c_char) -> Option<String> {
    if pointer.is_null() {
        return None;
    }
    // SAFETY: promised by the caller.
    let bytes = unsafe { CStr::from_ptr(pointer) }.to_bytes();
    (!bytes.is_empty()).then(|| String::from_utf8_lossy(bytes).into_owned())
}
