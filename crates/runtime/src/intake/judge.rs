//! Who decides what becomes of a record, and what it decided.

use crumbtrail_events::touchpoint::Asides;
use crumbtrail_events::{EventTime, Key, Outcome};
use crumbtrail_log::SourceRecord;

/// What a judge decided about one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// `Counted` means accepted so far.
    pub outcome: Outcome,
    /// Routing key.
    pub key: Key,
    /// Event time, unless the record is dead.
    pub occurred_at: Option<EventTime>,
    /// Stable reason, when it is dead.
    pub reason: Option<&'static str>,
}

/// Decides records: decoding, validation and enrichment. Pure but for a registry that may be away.
pub trait Judge: Send {
    /// Appends the touchpoint or stub of a record to `touchpoint`, what goes with it to `asides`, and, if it is dead, its
    /// dead letter to `letter`.
    ///
    /// # Errors
    /// Why it cannot be decided now; intake pauses and asks again.
    fn judge(
        &mut self,
        record: &SourceRecord<'_>,
        touchpoint: &mut Vec<u8>,
        asides: &mut Asides,
        letter: &mut Vec<u8>,
    ) -> Result<Judgement, String>;

    /// Appends the dead letter of a record that is set aside unjudged. A judge that keeps no bytes has none.
    fn letter(&mut self, _record: &SourceRecord<'_>, _reason: &'static str, _detail: &str, _letter: &mut Vec<u8>) {}

    /// As [`Judge::judge`], where the payload begins with the record and goes on beyond it: tells how many bytes the
    /// record took, too. `None`, and nothing was appended, where that cannot be told: it is to be judged alone.
    ///
    /// # Errors
    /// As [`Judge::judge`].
    fn judge_first(
        &mut self,
        _record: &SourceRecord<'_>,
        _touchpoint: &mut Vec<u8>,
        _asides: &mut Asides,
    ) -> Result<Option<(Judgement, usize)>, String> {
        Ok(None)
    }

    /// A poll begins. True: it wants to be told of each of its records by [`Judge::ahead`] before the first is judged, since
    /// some take long. What it was told of before and has not judged is passed over, or comes again.
    fn looks_ahead(&mut self) -> bool {
        false
    }

    /// A record that is to be judged soon. Decides nothing.
    fn ahead(&mut self, _record: &SourceRecord<'_>) {}

    /// The records of a poll, or of an import, are judged: time to count what is counted by the batch.
    fn judged(&mut self) {}

    /// Called once a second: reload what changed on disk.
    fn refresh(&mut self) {}
}
