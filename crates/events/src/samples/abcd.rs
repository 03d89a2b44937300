//! ABCD customer-service dialogues (`abcd_sample.json`, or the whole set unpacked) as support entries.
//!
//! | theirs | ours |
//! |---|---|
//! | `convo_id` | `conversation` = `abcd-<id>`; entries are `abcd-<id>-<n>` |
//! | speaker customer, agent | `author` customer, agent; `kind` message |
//! | speaker action | `author` system; `kind` message |
//! | `scenario.personal.email`, else `username` | `contact` |
//! | `scenario.flow`, `subflow` | `tags` |
//! | `scenario.order.order_id` | in the properties |
//! | `scenario.personal.member_level` | in the properties |
//!
//! Two entries are added: `opened` before the first turn and `closed` after the last.
//!
//! **The times are made up**: the data has none. Conversation `n` of the input starts at the given time plus `n` × 2 h;
//! a turn follows the one before after 4 s and 250 ms per character of what is written, for the speakers type; an action
//! takes 2 s. So order and rough durations mean something, dates don't.

use serde::Deserialize;

use super::SampleError;
use crate::encode;
use crate::kind::Kind;
use crate::support::SupportEntry;
use crate::vocabulary::{Author, Channel};

/// Between the starts of two conversations, ms.
const BETWEEN: i64 = 2 * 3_600_000;
/// Before anybody types, ms.
const PAUSE: i64 = 4_000;
/// Per character typed, ms.
const PER_CHARACTER: i64 = 250;
/// For an action of the agent's desk, ms.
const ACTION: i64 = 2_000;

#[derive(Deserialize)]
struct Dialogue {
    convo_id: u64,
    #[serde(default)]
    scenario: Scenario,
    original: Vec<(String, String)>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Scenario {
    personal: Personal,
    order: Order,
    flow: String,
    subflow: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Personal {
    email: String,
    username: String,
    member_level: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Order {
    order_id: String,
}

/// Appends the native support lines of a file (a JSON array of dialogues); gives their number.
///
/// `started_at`: start of the first conversation, ms since the epoch.
///
/// # Errors
/// [`SampleError::Shape`] if the text is not of this data set.
pub fn convert(text: &str, site: &str, started_at: i64, out: &mut Vec<u8>) -> Result<usize, SampleError> {
    let dialogues: Vec<Dialogue> = serde_json::from_str(text)?;
    let mut written = 0;
    for (number, dialogue) in dialogues.iter().enumerate() {
        written += one(dialogue, site, started_at + number as i64 * BETWEEN, out);
    }
    Ok(written)
}

fn one(dialogue: &Dialogue, site: &str, started_at: i64, out: &mut Vec<u8>) -> usize {
    let Scenario { personal, order, flow, subflow } = &dialogue.scenario;
    let conversation = format!("abcd-{}", dialogue.convo_id);
    let tags =
        [flow.as_str(), subflow.as_str()].into_iter().filter(|tag| !tag.is_empty()).collect::<Vec<_>>().join(",");
    let mut told = serde_json::Map::new();
    for (key, value) in [("order_id", &order.order_id), ("member_level", &personal.member_level)] {
        if !value.is_empty() {
            told.insert(key.to_owned(), value.as_str().into());
        }
    }
    let properties = if told.is_empty() { String::new() } else { serde_json::Value::Object(told).to_string() };
    let base = SupportEntry {
        site,
        contact: if personal.email.is_empty() { &personal.username } else { &personal.email },
        conversation: &conversation,
        channel: Channel::Chat,
        author: Author::System,
        language: "en",
        tags: &tags,
        properties: &properties,
        ..SupportEntry::default()
    };
    let mut at = started_at;
    let mut written = 0;
    let mut write = |entry: SupportEntry<'_>, at: i64| {
        let entry = SupportEntry { entry_id: &format!("{conversation}-{written}"), occurred_at: at, ..entry };
        encode::json::support(&entry, out);
        out.push(b'\n');
        written += 1;
    };
    write(SupportEntry { kind: Kind::SupportOpened, ..base }, at);
    for (speaker, said) in &dialogue.original {
        let author = match speaker.as_str() {
            "customer" => Author::Customer,
            "agent" => Author::Agent,
            _ => Author::System,
        };
        at += match author {
            Author::System => ACTION,
            _ => PAUSE + PER_CHARACTER * said.chars().count() as i64,
        };
        write(SupportEntry { kind: Kind::SupportMessage, author, text: said, ..base }, at);
    }
    write(SupportEntry { kind: Kind::SupportClosed, ..base }, at + ACTION);
    written
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Scratch, json, validate};

    const START: i64 = 1_772_331_300_000;

    #[test]
    fn a_dialogue_becomes_entries() {
        let text = r#"[{"convo_id":5,"scenario":{"personal":{"email":"a@b.c"},"flow":"refund","subflow":"status"},
            "original":[["agent","Hi!"],["customer","Where is it?"],["action","Looked up."]]}]"#;
        let mut out = Vec::new();
        assert_eq!(convert(text, "shop", START, &mut out).unwrap(), 5);
        let lines: Vec<&[u8]> = out.trim_ascii().split(|byte| *byte == b'\n').collect();
        let mut scratch = Scratch::new();
        let entry = json::support(lines[2], &mut scratch).unwrap();
        assert_eq!((entry.entry_id, entry.author, entry.text), ("abcd-5-2", Author::Customer, "Where is it?"));
        assert_eq!((entry.tags, entry.contact), ("refund,status", "a@b.c"));
        assert_eq!(entry.occurred_at, START + 2 * PAUSE + PER_CHARACTER * 15);
        let mut scratch = Scratch::new();
        assert_eq!(json::support(lines[4], &mut scratch).unwrap().kind, Kind::SupportClosed);
    }

    #[test]
    fn the_real_sample_is_valid() {
        let Some(data) = std::env::var_os("CRUMBTRAIL_DATA") else {
            eprintln!("not run: the_real_sample_is_valid: CRUMBTRAIL_DATA is not set");
            return;
        };
        let text = std::fs::read_to_string(std::path::Path::new(&data).join("support/abcd_sample.json")).unwrap();
        let mut out = Vec::new();
        let written = convert(&text, "shop", START, &mut out).unwrap();
        let mut scratch = Scratch::new();
        let mut lines = 0;
        for line in out.trim_ascii().split(|byte| *byte == b'\n') {
            validate::support(&json::support(line, &mut scratch).unwrap(), 0).unwrap();
            lines += 1;
        }
        assert!(lines == written && lines > 50, "{lines} entries");
    }
}
