//! Records that cannot be read, one of each kind and again: what a real topic holds, and where it should end.

use crumbtrail_events::Reason;

use crate::SITE;
use crate::dice::Dice;

/// A record that becomes a dead letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// Its bytes; without line breaks.
    pub bytes: Vec<u8>,
    /// It stands among the support entries.
    pub is_support: bool,
    /// Why it cannot be read, as native JSON.
    pub reason: Reason,
}

/// A few dozen of them at scale 1, at least one of each kind.
pub(crate) fn make(dice: &mut Dice, scale: f64) -> Vec<Malformed> {
    let rounds = ((scale * 5.0).round() as usize).clamp(1, 50);
    (0..rounds).flat_map(|_| round(dice)).collect()
}

fn round(dice: &mut Dice) -> Vec<Malformed> {
    let id = dice.bits();
    let at = crate::START_MS + dice.below(80 * 86_400_000) as i64;
    let malformed = |reason, is_support, text: String| Malformed { bytes: text.into_bytes(), is_support, reason };
    let click = |reason, text| malformed(reason, false, text);
    let mut not_utf8 = format!(
        r#"{{"event_id":"b{id:x}","site":"{SITE}","occurred_at":{at},"visitor":"v-1","name":"page_view","title":"caf"#
    )
    .into_bytes();
    not_utf8.extend_from_slice(b"\xE9\"}");
    let deep = 200;
    vec![
        click(Reason::MalformedJson, format!(r#"{{"event_id":"b{id:x}","site":"{SITE}","occurred_at":{at},"visi"#)),
        click(Reason::MalformedJson, format!("{at} GET /product/P-1003 200")),
        click(
            Reason::MissingField,
            format!(r#"{{"event_id":"b{id:x}","site":"{SITE}","occurred_at":{at},"name":"page_view"}}"#),
        ),
        click(
            Reason::MissingField,
            format!(r#"{{"site":"{SITE}","occurred_at":{at},"visitor":"v-1","name":"page_view"}}"#),
        ),
        click(
            Reason::WrongType,
            format!(
                r#"{{"event_id":"b{id:x}","site":"{SITE}","occurred_at":"yesterday","visitor":"v-1","name":"page_view"}}"#
            ),
        ),
        click(
            Reason::AbsurdTime,
            format!(r#"{{"event_id":"b{id:x}","site":"{SITE}","occurred_at":12,"visitor":"v-1","name":"page_view"}}"#),
        ),
        click(
            Reason::TooDeep,
            format!(
                r#"{{"event_id":"b{id:x}","site":"{SITE}","occurred_at":{at},"visitor":"v-1","name":"page_view","properties":{{"a":{}{}}}}}"#,
                "[".repeat(deep),
                "]".repeat(deep)
            ),
        ),
        Malformed { bytes: not_utf8, is_support: false, reason: Reason::InvalidUtf8 },
        malformed(
            Reason::MissingField,
            true,
            format!(
                r#"{{"entry_id":"b{id:x}","site":"{SITE}","occurred_at":{at},"channel":"chat","author":"customer","kind":"message"}}"#
            ),
        ),
        malformed(
            Reason::WrongType,
            true,
            format!(
                r#"{{"entry_id":"b{id:x}","site":"{SITE}","occurred_at":{at},"customer":"C-1","channel":"pigeon","author":"customer","kind":"message"}}"#
            ),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crumbtrail_events::{Scratch, json, validate};

    #[test]
    fn each_is_rejected_for_its_reason() {
        for Malformed { bytes, is_support, reason } in make(&mut Dice::new(1, 1), 1.0) {
            let mut scratch = Scratch::new();
            let found = if is_support {
                json::support(&bytes, &mut scratch).and_then(|entry| validate::support(&entry, 0))
            } else {
                json::click(&bytes, &mut scratch).and_then(|click| validate::click(&click, 0))
            };
            let text = String::from_utf8_lossy(&bytes);
            assert_eq!(found.map_err(|reject| reject.reason), Err(reason), "{text}");
            assert!(!bytes.contains(&b'\n'));
        }
    }
}
