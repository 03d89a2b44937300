//! What a decoded record must have to become a touchpoint.

use crate::click::ClickEvent;
use crate::clock::{self, Times};
use crate::kind::Kind;
use crate::reject::{Reason, Reject};
use crate::support::SupportEntry;

/// The longest id taken, in bytes. Longer ones are a mistake at the source (a page or a token put into an id field).
pub const MAX_ID: usize = 1024;

/// Checks a click: ids, name and times.
///
/// `arrived_at`: when the record reached the log (ms since the epoch), used where the record does not say when it was
/// received; 0 if unknown, as in imports.
///
/// # Errors
/// `missing_field`, `wrong_type` (an id of more than [`MAX_ID`] bytes) or `absurd_time`, each naming the field.
pub fn click(click: &ClickEvent<'_>, arrived_at: i64) -> Result<(), Reject> {
    id("event_id", click.event_id)?;
    id("visitor", click.visitor)?;
    if click.kind == Kind::Custom && click.name.is_empty() {
        return Err(missing("name"));
    }
    short("customer", click.customer)?;
    short("previous_customer", click.previous_customer)?;
    short("site", click.site)?;
    let (occurred, sent, received) = (click.occurred_at, click.sent_at, click.received_at);
    times(Times { occurred, sent, received }, arrived_at)
}

/// Checks a support entry: its id, somebody or something it belongs to, and times.
///
/// # Errors
/// As [`click`]; `missing_field` names `conversation` when there is neither conversation, customer, visitor nor contact.
pub fn support(entry: &SupportEntry<'_>, arrived_at: i64) -> Result<(), Reject> {
    id("entry_id", entry.entry_id)?;
    let keys = [entry.conversation, entry.customer, entry.visitor, entry.contact];
    if keys.iter().all(|key| blank(key)) {
        return Err(Reject::new(
            Reason::MissingField,
            "conversation: one of conversation, customer, visitor and contact is required",
        ));
    }
    for (name, key) in ["conversation", "customer", "visitor", "contact"].into_iter().zip(keys) {
        short(name, key)?;
    }
    times(Times { occurred: entry.occurred_at, sent: 0, received: entry.received_at }, arrived_at)
}

/// Checks times alone. `arrived` as in [`click`].
///
/// # Errors
/// `missing_field` or `absurd_time`.
pub fn times(times: Times, arrived: i64) -> Result<(), Reject> {
    let Times { occurred, sent, received } = times;
    if occurred == 0 {
        return Err(missing("occurred_at"));
    }
    let known = if received == 0 { arrived } else { received };
    if received != 0 && !clock::plausible(received, arrived) {
        return Err(Reject::new(Reason::AbsurdTime, "received_at: before 1990 or more than ten years ahead"));
    }
    // A device without a clock says 1970 and is right about the distance to `sent`: that one can be mended.
    if clock::plausible(occurred, known) || clock::mendable(occurred, sent, received) {
        Ok(())
    } else {
        Err(Reject::new(Reason::AbsurdTime, "occurred_at: before 1990 or more than ten years ahead"))
    }
}

fn id(name: &str, value: &str) -> Result<(), Reject> {
    if blank(value) { Err(missing(name)) } else { short(name, value) }
}

#[inline]
fn short(name: &str, value: &str) -> Result<(), Reject> {
    if value.len() > MAX_ID {
        return Err(Reject::new(Reason::WrongType, format!("{name}: longer than {MAX_ID} bytes")));
    }
    Ok(())
}

#[inline]
fn blank(value: &str) -> bool {
    value.bytes().all(|byte| byte.is_ascii_whitespace())
}

#[cold]
fn missing(name: &str) -> Reject {
    Reject::new(Reason::MissingField, format!("{name}: required"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_772_331_300_000;

    fn good() -> ClickEvent<'static> {
        ClickEvent { event_id: "e", visitor: "v", occurred_at: NOW, kind: Kind::PageView, ..ClickEvent::default() }
    }

    fn detail(click_event: ClickEvent<'_>) -> (Reason, String) {
        let reject = click(&click_event, NOW).unwrap_err();
        (reject.reason, reject.detail)
    }

    #[test]
    fn required_fields() {
        assert_eq!(click(&good(), NOW), Ok(()));
        for (field, event) in [
            ("event_id", ClickEvent { event_id: " ", ..good() }),
            ("visitor", ClickEvent { visitor: "", ..good() }),
            ("name", ClickEvent { kind: Kind::Custom, ..good() }),
            ("occurred_at", ClickEvent { occurred_at: 0, ..good() }),
        ] {
            let (reason, detail) = detail(event);
            assert_eq!(reason, Reason::MissingField);
            assert!(detail.starts_with(field), "{detail}");
        }
        let long = "x".repeat(MAX_ID + 1);
        assert_eq!(detail(ClickEvent { visitor: &long, ..good() }).0, Reason::WrongType);
    }

    #[test]
    fn absurd_times_are_refused_unless_the_sent_time_mends_them() {
        let year = 365 * 86_400_000;
        for occurred_at in [1, -5, clock::EARLIEST - 1, NOW + 11 * year, i64::MAX, i64::MIN] {
            assert_eq!(detail(ClickEvent { occurred_at, ..good() }).0, Reason::AbsurdTime, "{occurred_at}");
        }
        let no_clock = ClickEvent { occurred_at: 60_000, sent_at: 61_000, received_at: NOW, ..good() };
        assert_eq!(click(&no_clock, NOW), Ok(()));
        assert_eq!(detail(ClickEvent { received_at: 5, ..good() }).0, Reason::AbsurdTime);
        // An import knows no arrival: only the lower bound and the format's own limit hold.
        assert_eq!(click(&good(), 0), Ok(()));
        assert_eq!(click(&ClickEvent { occurred_at: i64::MAX, ..good() }, 0).unwrap_err().reason, Reason::AbsurdTime);
    }

    #[test]
    fn a_support_entry_belongs_to_somebody() {
        let entry = SupportEntry { entry_id: "s", occurred_at: NOW, contact: "a@b.c", ..SupportEntry::default() };
        assert_eq!(support(&entry, NOW), Ok(()));
        let reject = support(&SupportEntry { contact: "", ..entry }, NOW).unwrap_err();
        assert!(reject.detail.starts_with("conversation"));
    }
}
