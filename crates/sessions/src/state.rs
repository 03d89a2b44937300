//! The state of one partition.

use crate::rows::{ConversationRow, SessionRow};
use crate::rules::RuleBook;
use crumbtrail_events::touchpoint::Head;
use crumbtrail_events::wire::WireError;
use crumbtrail_events::{EventTime, Outcome};

/// Where rows go.
pub trait Out {
    /// One version of a session.
    fn session(&mut self, row: &SessionRow<'_>);
    /// One version of a conversation.
    fn conversation(&mut self, row: &ConversationRow<'_>);
}

/// What became of one touchpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judged {
    /// Its outcome.
    pub outcome: Outcome,
    /// Id of the session it belongs to as far as known now; 0 if none (support entries, touchpoints not counted).
    pub session: u64,
}

/// The state of one partition.
#[derive(Debug)]
pub struct Sessions {
    rules: RuleBook,
}

impl Sessions {
    /// An empty state.
    #[must_use]
    pub fn new(rules: RuleBook) -> Sessions {
        Sessions { rules }
    }

    /// Takes one touchpoint, bytes as in the log; `watermark` is that of the last tick.
    ///
    /// # Errors
    /// Bytes that are no touchpoint.
    pub fn touchpoint(
        &mut self,
        bytes: &[u8],
        _watermark: EventTime,
        _out: &mut impl Out,
    ) -> Result<Judged, WireError> {
        Ok(Judged { outcome: Head::peek(bytes)?.outcome, session: 0 })
    }

    /// A tick: the watermark and the wall time (ms since the epoch) it carries.
    pub fn tick(&mut self, _watermark: EventTime, _wall_ms: i64, _out: &mut impl Out) {}

    /// Appends the whole state to `out`; equal states give equal bytes.
    pub fn save(&self, out: &mut Vec<u8>) {
        out.push(1);
    }

    /// Reads what [`Sessions::save`] wrote.
    ///
    /// # Errors
    /// Damaged bytes or another format version.
    pub fn load(rules: RuleBook, bytes: &[u8]) -> Result<Sessions, WireError> {
        if bytes != [1] {
            return Err(WireError::Malformed("state of another format version"));
        }
        Ok(Sessions { rules })
    }

    /// Sessions that can still change.
    #[must_use]
    pub fn open_sessions(&self) -> usize {
        0
    }

    /// Conversations that can still change.
    #[must_use]
    pub fn open_conversations(&self) -> usize {
        0
    }

    /// Bytes of memory the state holds, by capacity.
    #[must_use]
    pub fn resident_bytes(&self) -> usize {
        0
    }
}
