//! The rules a step computes by: those its epoch began with, until a record of the log tells others.
//!
//! They come from the log, never from the configuration a process was started with: so a replay, a restart in the middle and
//! a restored snapshot all come to the same rows. What a text of rules means is the business of whoever makes the step.

use std::sync::Arc;

use crumbtrail_events::touchpoint::{Head, Role};
use crumbtrail_events::wire::{Reader, WireError, put_bytes, put_signed};
use crumbtrail_events::{EventTime, Key, Kind, Outcome, Touchpoint};
use crumbtrail_runtime::step::StepError;

/// Reads a text of rules; the error says what cannot be read.
pub type Read<R> = Arc<dyn Fn(&str) -> Result<R, String> + Send + Sync>;

/// Rules that a record tells. Of several the last by time and id holds, in whatever order they are heard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// When they were given out, and by which decision.
    pub since: (EventTime, u64),
    /// What they are.
    pub text: String,
}

impl Told {
    /// The record that tells them, for every partition; `name` is the decision's own.
    pub fn encode(&self, name: &str, out: &mut Vec<u8>) {
        let (occurred_at, id) = self.since;
        let head = Head { outcome: Outcome::Aside, kind: Kind::Custom, key: Key(0), id, occurred_at };
        let properties = &self.text;
        Touchpoint { head, event_id: name, role: Role::Rules, properties, ..Touchpoint::default() }.encode(out);
    }

    /// Whether a record tells rules. Of the others hardly one is looked at beyond its fixed part.
    ///
    /// # Errors
    /// Bytes that are no touchpoint.
    pub fn is_in(payload: &[u8]) -> Result<bool, WireError> {
        let head = Head::peek(payload)?;
        let may_be = head.outcome == Outcome::Aside && head.kind == Kind::Custom;
        Ok(may_be && Touchpoint::decode(payload)?.role == Role::Rules)
    }

    fn decode(payload: &[u8]) -> Result<Told, WireError> {
        let Touchpoint { head, properties, .. } = Touchpoint::decode(payload)?;
        Ok(Told { since: (head.occurred_at, head.id), text: properties.to_owned() })
    }
}

/// The rules of a step.
#[derive(Clone)]
pub struct Ruling<R> {
    begun: R,
    read: Read<R>,
    last_known: Option<Told>,
    told: Option<Told>,
}

impl<R: Clone> Ruling<R> {
    /// Begins with these rules; others are read by `read`.
    #[must_use]
    pub fn new(begun: R, read: Read<R>) -> Ruling<R> {
        Ruling { begun, read, last_known: None, told: None }
    }

    /// These rules, whatever the log says: it must not say any.
    #[must_use]
    pub fn fixed(rules: R) -> Ruling<R> {
        Ruling::new(rules, Arc::new(|_: &str| Err("no others are expected here".to_owned())))
    }

    /// What is known to have been told, for a log that has forgotten its begin.
    #[must_use]
    pub fn last_known(mut self, told: Option<Told>) -> Ruling<R> {
        self.last_known = told;
        self
    }

    /// The rules the epoch began with.
    #[must_use]
    pub fn begun(&self) -> &R {
        &self.begun
    }

    /// Takes a record that tells rules: gives them, if they are newer than those in force.
    pub(crate) fn hear(&mut self, payload: &[u8]) -> Result<Option<R>, StepError> {
        self.take(Told::decode(payload)?)
    }

    /// What was told before the log's begin was lost.
    pub(crate) fn adopt(&mut self) -> Result<Option<R>, StepError> {
        self.last_known.take().map_or(Ok(None), |told| self.take(told))
    }

    fn take(&mut self, told: Told) -> Result<Option<R>, StepError> {
        if self.told.as_ref().is_some_and(|held| held.since >= told.since) {
            return Ok(None);
        }
        let rules = (self.read)(&told.text).map_err(StepError::Rules)?;
        self.told = Some(told);
        Ok(Some(rules))
    }

    /// Appends what is in force: nothing while it is what the epoch began with.
    pub(crate) fn save(&self, out: &mut Vec<u8>) {
        let mut bytes = Vec::new();
        if let Some(Told { since: (at, id), text }) = &self.told {
            put_signed(&mut bytes, at.0);
            bytes.extend_from_slice(&id.to_le_bytes());
            bytes.extend_from_slice(text.as_bytes());
        }
        put_bytes(out, &bytes);
    }

    /// The rules in force when [`Ruling::save`] wrote this.
    pub(crate) fn load(&mut self, bytes: &[u8]) -> Result<R, StepError> {
        self.told = None;
        if bytes.is_empty() {
            return Ok(self.begun.clone());
        }
        let mut reader = Reader::new(bytes);
        let at = EventTime(reader.signed()?);
        let id = u64::from_le_bytes(reader.array()?);
        let text = std::str::from_utf8(reader.rest()).map_err(|_| WireError::Malformed("rules are not UTF-8"))?;
        let told = Told { since: (at, id), text: text.to_owned() };
        Ok(self.take(told)?.unwrap_or_else(|| self.begun.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ruling() -> Ruling<u32> {
        Ruling::new(1, Arc::new(|text: &str| text.parse().map_err(|_| format!("{text} is no number"))))
    }

    fn told(at: i64, id: u64, text: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        Told { since: (EventTime(at), id), text: text.to_owned() }.encode("rules", &mut bytes);
        bytes
    }

    #[test]
    fn the_last_by_time_and_id_holds_in_whatever_order_they_are_heard() {
        let mut ruling = ruling();
        assert_eq!(ruling.hear(&told(5, 2, "7")).unwrap(), Some(7));
        assert_eq!(ruling.hear(&told(5, 2, "7")).unwrap(), None, "a repeat");
        assert_eq!(ruling.hear(&told(5, 1, "8")).unwrap(), None, "an older one, heard later");
        assert_eq!(ruling.hear(&told(6, 1, "9")).unwrap(), Some(9));
    }

    #[test]
    fn what_is_in_force_is_restored_and_what_cannot_be_read_is_an_error() {
        let mut heard = ruling();
        let mut saved = Vec::new();
        heard.save(&mut saved);
        assert_eq!(heard.load(Reader::new(&saved).bytes().unwrap()).unwrap(), 1);
        heard.hear(&told(5, 2, "7")).unwrap();
        saved.clear();
        heard.save(&mut saved);
        let mut restored = ruling();
        assert_eq!(restored.load(Reader::new(&saved).bytes().unwrap()).unwrap(), 7);
        assert_eq!(restored.hear(&told(5, 2, "7")).unwrap(), None);
        assert!(matches!(restored.hear(&told(9, 1, "x")), Err(StepError::Rules(why)) if why == "x is no number"));
        assert!(Ruling::fixed(1).hear(&told(1, 1, "2")).is_err());
    }

    #[test]
    fn a_log_without_its_begin_goes_on_by_what_is_known() {
        let known = Told { since: (EventTime(5), 2), text: "7".to_owned() };
        let mut ruling = ruling().last_known(Some(known));
        assert_eq!(ruling.adopt().unwrap(), Some(7));
        assert_eq!(ruling.hear(&told(5, 2, "7")).unwrap(), None);
    }
}
