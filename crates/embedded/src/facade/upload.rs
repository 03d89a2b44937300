//! An INSERT's data on its way to the engine.

use std::io::Read;

use super::body::read_failure;
use super::execute::Job;
use crate::analysis::Class;
use crate::exception::Exception;
use crate::ffi::Counters;
use crate::statement::Insert;

/// Data of an insert is handed to the engine in pieces of this size.
const INSERT_PIECE_BYTES: usize = 1 << 20;
impl Job {
    /// Writes `data` and answers what was written. A request that breaks off writes nothing, unless it is so long that
    /// whole blocks (a million rows) went before.
    pub(super) fn insert(&mut self, insert: &Insert, mut data: impl Read) -> Result<Counters, Exception> {
        if self.only_reads() {
            return Err(self.read_only());
        }
        let classified = [&insert.statement[..], b" FORMAT ", insert.format.as_bytes()].concat();
        let analysis = self.engine.classify(&classified)?;
        if analysis.statements != 1
            || !matches!(analysis.class, Class::Mutating | Class::MutatingGlobal | Class::Control)
        {
            return Err(self.refusal(analysis, &classified));
        }
        let statement = match &self.params.database {
            Some(database) if database != "default" => insert.qualified(database),
            _ => insert.statement.clone(),
        };
        let connection = self.engine.connect(&self.settings())?;
        let mut stream = connection.insert(&statement, &insert.format, &self.params.query_params)?;
        let mut piece = Vec::with_capacity(INSERT_PIECE_BYTES);
        loop {
            piece.clear();
            let ended = match (&mut data).take(INSERT_PIECE_BYTES as u64).read_to_end(&mut piece) {
                Ok(length) => length < INSERT_PIECE_BYTES,
                Err(error) => {
                    // A request that broke off is not an insert: what was not yet written stays unwritten.
                    stream.cancel();
                    return Err(read_failure(&error));
                }
            };
            if self.running.is_cancelled() {
                stream.cancel();
                return Err(Exception::new(394, "QUERY_WAS_CANCELLED", "the client went away"));
            }
            if !piece.is_empty() {
                stream.append(&piece)?;
            }
            if ended {
                return stream.finish();
            }
        }
    }
}
