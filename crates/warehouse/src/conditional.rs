//! Ledger rows in one request that the server itself judges: it takes them only if it is still the start that took the rows.
//!
//! ```text
//! INSERT INTO batches_e1 (…) SETTINGS … SELECT … FROM (SELECT arrayJoin(CAST(      ◄ in the URL, as of every insert
//! '[(…),…]', 'Array(Tuple(…))')) AS r) WHERE throwIf(<its start> != N, …) = 0      ◄ in the body
//! ```
//!
//! The start is read while the statement is prepared, on the server that runs it, and the rows are written by that same
//! process: a restart in between ends the statement. Start ids never return, so nothing can be taken under another one.
//! A server under another start answers with an error of its own instead of taking no rows in silence: taken is what was
//! answered with success, and nothing needs to be asked afterwards. It also leaves no token.
//!
//! A plain SELECT of a literal, not `input()` or `format()`: those ask for the right to make temporary tables, which nobody
//! has who may only use this database, and the embedded engine does not serve the first one.

use crate::error::{ANOTHER_START, WarehouseError};
use crate::ledger::{START_ID_SQL, ServerStart};
use crate::literal::literal;
use crate::rowbinary::Column;

/// Beside the settings of every insert: one block, judged here and now.
const SETTINGS: &str = "max_insert_threads = 1, use_query_cache = 0";

/// The statement, in two parts with a line end between them.
#[derive(Debug)]
pub(crate) struct Statement {
    /// What any insert begins with, and the columns.
    pub(crate) head: String,
    /// The rows and the condition.
    pub(crate) body: String,
}

/// The statement that inserts `rows` (RowBinary) under the start `started`. `insert` is its text up to and with the settings.
/// Rows are sorted so that every version of the server knows a repetition by its token.
///
/// # Errors
/// Bytes that are not rows of these columns.
pub(crate) fn statement(
    insert: &str,
    columns: &[Column],
    rows: &[u8],
    started: ServerStart,
) -> Result<Statement, WarehouseError> {
    let literal = literal(columns, rows)?;
    Ok(Statement {
        head: format!("{insert}, {SETTINGS} SELECT {} FROM (SELECT arrayJoin(CAST(", literal.columns.join(", ")),
        body: format!(
            "{}, '{}')) AS r) WHERE throwIf(ifNull(xxh3(({START_ID_SQL})), 0) != {}, '{ANOTHER_START}') = 0 ORDER BY ALL",
            literal.rows, literal.type_name, started.0
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_condition_stands_in_the_statement_that_inserts() {
        const COLUMNS: &[Column] = &[Column { name: "n", type_name: "UInt8" }];
        let Statement { head, body } =
            statement("INSERT INTO t SETTINGS a = 1", COLUMNS, &[4, 5], ServerStart(17)).unwrap();
        assert!(head.starts_with("INSERT INTO t SETTINGS a = 1, max_insert_threads = 1, "), "{head}");
        assert!(head.ends_with(" SELECT r.1 FROM (SELECT arrayJoin(CAST("), "{head}");
        assert!(body.starts_with("'[(4),(5)]', 'Array(Tuple(UInt8))')) AS r) WHERE throwIf("), "{body}");
        assert!(body.contains(START_ID_SQL) && body.contains(" != 17, "), "{body}");
    }
}
