//! What can go wrong with ClickHouse, and what a retry may mend.

/// What a server of another start says.
pub(crate) const ANOTHER_START: &str = "crumbtrail: another start of the server took the rows";
/// FUNCTION_THROW_IF_VALUE_IS_NON_ZERO, the code it says it with.
const ANOTHER_START_CODE: u32 = 395;

/// Server codes after which the same request may succeed (name by name in ClickHouse's `ErrorCodes.cpp`).
const TRANSIENT_CODES: [u32; 15] = [
    159, // TIMEOUT_EXCEEDED
    202, // TOO_MANY_SIMULTANEOUS_QUERIES
    203, // NO_FREE_CONNECTION
    209, // SOCKET_TIMEOUT
    210, // NETWORK_ERROR
    225, // NO_ZOOKEEPER
    236, // ABORTED: the server is going down
    241, // MEMORY_LIMIT_EXCEEDED
    242, // TABLE_IS_READ_ONLY
    252, // TOO_MANY_PARTS
    285, // TOO_FEW_LIVE_REPLICAS
    286, // UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE
    319, // UNKNOWN_STATUS_OF_INSERT
    394, // QUERY_WAS_CANCELLED: the server is going down
    999, // KEEPER_EXCEPTION
];

const SYNTAX_ERROR: u32 = 62;
/// UNKNOWN_TABLE and UNKNOWN_DATABASE.
const UNKNOWN: [u32; 2] = [60, 81];

/// What to do about tables that somebody dropped.
pub const HOW_TO_BRING_BACK: &str = "put it back (`UNDROP TABLE` for some minutes, or from a copy of the database), or, while the logs reach \
     back to their begin, `crumbtrail migrate --anew` makes it empty and the next start fills it from them";

/// NOT_ENOUGH_SPACE, by which a server refuses before it writes; while it writes it says what the system said.
const NOT_ENOUGH_SPACE: u32 = 243;
const NO_SPACE: [&str; 2] = ["No space left on device", "Disk quota exceeded"];

/// An error of the warehouse.
#[derive(Clone, Debug, thiserror::Error)]
pub enum WarehouseError {
    /// No answer: refused, reset, TLS, name not found.
    #[error("clickhouse at {url} cannot be reached: {detail}; is it running, and are url and TLS right?")]
    Unreachable {
        /// URL asked.
        url: String,
        /// What the network said.
        detail: String,
    },
    /// No answer in time.
    #[error("clickhouse at {url} did not answer in time")]
    TimedOut {
        /// URL asked.
        url: String,
    },
    /// User or password are wrong (codes 193, 194, 516).
    #[error("clickhouse refuses the user or the password: {detail}")]
    Denied {
        /// What the server said.
        detail: String,
    },
    /// The server's disk (or quota) is full: a repetition succeeds once there is room.
    #[error(
        "clickhouse's disk is full: make room there; a processor goes on by itself, a command is to be given again, nothing is lost; it says: {detail}"
    )]
    DiskFull {
        /// What the server said.
        detail: String,
    },
    /// A table that was made, or its database, is not there any more.
    #[error("{what} is gone: somebody dropped it; nothing is lost from the logs: {HOW_TO_BRING_BACK}")]
    Dropped {
        /// Which.
        what: String,
    },
    /// The server answered with an error of its own.
    #[error("clickhouse says: {detail}")]
    Server {
        /// Error code; 0 if the answer carried none.
        code: u32,
        /// Whether a repetition may succeed.
        transient: bool,
        /// What the server said.
        detail: String,
    },
    /// An answer that is not of the form asked for.
    #[error("clickhouse's answer cannot be read: {detail}")]
    Answer {
        /// What was wrong.
        detail: String,
    },
    /// Bytes that are not rows of the table: an encoder's fault.
    #[error("rows cannot be sent: {detail}")]
    Rows {
        /// What is wrong.
        detail: String,
    },
    /// The configuration cannot be right.
    #[error("{detail}")]
    Config {
        /// What is wrong and how to mend it.
        detail: String,
    },
    /// A migration that was applied has another text now.
    #[error("migration {file} was changed after it was applied; restore its text and put the change into a new file")]
    MigrationChanged {
        /// File name.
        file: &'static str,
    },
    /// A migration failed.
    #[error("migration {file} failed: {source}")]
    Migration {
        /// File name.
        file: &'static str,
        /// Why.
        source: Box<WarehouseError>,
    },
}

impl WarehouseError {
    /// The stable name: a metric label.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            WarehouseError::Unreachable { .. } => "unreachable",
            WarehouseError::TimedOut { .. } => "timed_out",
            WarehouseError::Denied { .. } => "denied",
            WarehouseError::DiskFull { .. } => "disk_full",
            WarehouseError::Dropped { .. } => "dropped",
            WarehouseError::Server { transient: true, .. } => "server_busy",
            WarehouseError::Server { .. } => "server_refused",
            WarehouseError::Answer { .. } => "answer",
            WarehouseError::Rows { .. } => "rows",
            WarehouseError::Config { .. } => "config",
            WarehouseError::MigrationChanged { .. } => "migration_changed",
            WarehouseError::Migration { .. } => "migration",
        }
    }

    /// Whether the same request, byte for byte, may succeed later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            WarehouseError::Unreachable { .. }
                | WarehouseError::TimedOut { .. }
                | WarehouseError::DiskFull { .. }
                | WarehouseError::Server { transient: true, .. }
        ) || matches!(self, WarehouseError::Migration { source, .. } if source.is_transient())
    }

    /// Whether something before ClickHouse answered, and what ClickHouse said is not known.
    pub(crate) fn is_of_a_balancer(&self) -> bool {
        matches!(self, WarehouseError::Server { code: 0, .. })
    }

    /// Whether it is the answer of a server that did not take ledger rows because it is another start.
    pub(crate) fn is_another_start(&self) -> bool {
        matches!(self, WarehouseError::Server { code: ANOTHER_START_CODE, detail, .. } if detail.contains(ANOTHER_START))
    }

    /// Whether the table asked of, or its database, is not there.
    pub(crate) fn is_unknown(&self) -> bool {
        matches!(self, WarehouseError::Server { code, .. } if UNKNOWN.contains(code))
    }

    /// The same of a table that was there when it was asked for last: one that is unknown now was dropped.
    #[must_use]
    pub(crate) fn of_table(self, table: &str) -> WarehouseError {
        match self {
            error if error.is_unknown() => WarehouseError::Dropped { what: format!("the table {table}") },
            other => other,
        }
    }

    pub(crate) fn of(url: &str, error: clickhouse::error::Error) -> WarehouseError {
        use clickhouse::error::Error;
        let url = url.to_owned();
        match error {
            Error::Network(source) => WarehouseError::Unreachable { url, detail: chain(&*source) },
            Error::TimedOut => WarehouseError::TimedOut { url },
            Error::BadResponse(detail) => WarehouseError::answered(detail),
            Error::InvalidParams(source) => WarehouseError::Config { detail: format!("{url}: {}", chain(&*source)) },
            Error::Unsupported(detail) => WarehouseError::Config { detail },
            other => WarehouseError::Answer { detail: chain(&other) },
        }
    }

    /// The error in an answer's text: `Code: 60. DB::Exception: …`, or an HTTP status in words.
    fn answered(mut detail: String) -> WarehouseError {
        let code = detail.split("Code: ").nth(1).map_or(0, |rest| {
            rest.bytes()
                .take_while(u8::is_ascii_digit)
                .fold(0u32, |n, digit| n.saturating_mul(10).saturating_add(u32::from(digit - b'0')))
        });
        // After a mistake it names every word there is.
        if code == SYNTAX_ERROR
            && let Some(at) = detail.find(". Expected one of")
        {
            detail.truncate(at);
        }
        if matches!(code, 193 | 194 | 516) {
            return WarehouseError::Denied { detail };
        }
        if code == NOT_ENOUGH_SPACE || (code > 0 && NO_SPACE.iter().any(|words| detail.contains(words))) {
            return WarehouseError::DiskFull { detail };
        }
        // Without a code it was not ClickHouse that answered but something before it, in words of its own: unless they say
        // that the request is wrong (4xx), this passes.
        let busy = code == 0
            && match status(&detail) {
                Some(408 | 429) => true,
                Some(status) => status >= 500,
                None => !detail.is_empty(),
            };
        WarehouseError::Server { code, transient: busy || TRANSIENT_CODES.contains(&code), detail }
    }
}

/// The HTTP status that an answer of a balancer begins with, or its page is called after: `502 Bad Gateway`.
fn status(detail: &str) -> Option<u16> {
    ["<title>", "<h1>", ""].into_iter().find_map(|before| {
        let (_, words) = detail.split_once(before)?;
        words.get(..3)?.parse().ok()
    })
}

/// An error with its causes: the outermost words of a network error say nothing.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_deserves_a_retry_gets_one_and_nothing_else() {
        let cases = [
            ("Code: 252. DB::Exception: Too many parts. (TOO_MANY_PARTS)", "server_busy"),
            ("Code: 319. DB::Exception: Unknown status", "server_busy"),
            ("Code: 243. DB::Exception: Cannot reserve 1.00 MiB, not enough space. (NOT_ENOUGH_SPACE)", "disk_full"),
            (
                "Code: 75. DB::Exception: Cannot write to file, errno: 28, strerror: No space left on device",
                "disk_full",
            ),
            ("Code: 1001. DB::Exception: std::filesystem::filesystem_error: No space left on device", "disk_full"),
            ("502 Bad Gateway", "server_busy"),
            ("429 Too Many Requests", "server_busy"),
            ("Code: 16. DB::Exception: No such column x in table", "server_refused"),
            ("Code: 33. DB::Exception: Cannot read all data", "server_refused"),
            ("404 Not Found", "server_refused"),
            ("<html>\r\n<head><title>504 Gateway Time-out</title></head></html>", "server_busy"),
            ("<html><body><h1>503 Service Unavailable</h1></body></html>", "server_busy"),
            ("<html><head><title>413 Request Entity Too Large</title></head></html>", "server_refused"),
            ("upstream connect error or disconnect/reset before headers", "server_busy"),
            ("Code: 516. DB::Exception: default: Authentication failed", "denied"),
            ("Code: 395. DB::Exception: crumbtrail: another start of the server took the rows", "server_refused"),
            ("", "server_refused"),
        ];
        for (text, kind) in cases {
            let error = WarehouseError::answered(text.to_owned());
            assert_eq!(error.kind(), kind, "{text}");
            assert_eq!(error.is_transient(), ["server_busy", "disk_full"].contains(&kind), "{text}");
            assert_eq!(error.is_another_start(), text.contains("395"), "{text}");
            assert_eq!(error.is_of_a_balancer(), !text.contains("Code: "), "{text}");
        }
        let mistaken = WarehouseError::answered(
            "Code: 62. DB::Exception: failed at position 1 (SELEC). Expected one of: A, B".to_owned(),
        );
        assert_eq!(mistaken.to_string(), "clickhouse says: Code: 62. DB::Exception: failed at position 1 (SELEC)");
        let unknown = |code: u32| WarehouseError::answered(format!("Code: {code}. DB::Exception: no such thing"));
        assert_eq!(
            [60, 81, 16].map(|code| unknown(code).of_table("d.t").kind()),
            ["dropped", "dropped", "server_refused"]
        );
    }
}
