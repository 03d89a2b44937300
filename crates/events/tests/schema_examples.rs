//! Every example beside the schemas: the valid ones decode, the invalid ones give the reason in their file name
//! (`<reason>.<field or note>.json`); where the reason concerns a field, the detail starts with its name.
#![allow(clippy::unwrap_used)] // In helpers of tests, a panic is the message.

use std::path::{Path, PathBuf};

use crumbtrail_events::avro::{Plan, Target, confluent};
use crumbtrail_events::decode::check_size;
use crumbtrail_events::{Reject, Scratch, encode, json, segment, validate};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas/avro/examples").join(name)
}

/// Decodes and judges one example the way intake does.
fn judge(format: &str, bytes: &[u8]) -> Result<(), Reject> {
    let mut scratch = Scratch::new();
    let bytes = check_size(Some(bytes))?;
    match format {
        "click_event" => {
            let click = json::click(bytes, &mut scratch)?;
            validate::click(&click, 0)?;
            through_avro(
                Target::Click,
                |out| encode::avro::click(&click, out),
                |plan, body, scratch| {
                    assert_eq!(plan.click(body, scratch), Ok(click));
                },
            );
        }
        "support_entry" => {
            let entry = json::support(bytes, &mut scratch)?;
            validate::support(&entry, 0)?;
            through_avro(
                Target::Support,
                |out| encode::avro::support(&entry, out),
                |plan, body, scratch| {
                    assert_eq!(plan.support(body, scratch), Ok(entry));
                },
            );
        }
        "segment" => {
            let click = segment::click(bytes, &mut scratch)?;
            validate::click(&click, 0)?;
        }
        "avro_confluent" => {
            let (id, body) = confluent::split(bytes)?;
            if id != 1 {
                return Err(Reject::new(crumbtrail_events::Reason::UnknownSchema, ""));
            }
            let plan = Plan::compile(&written_before(Target::Click.schema(), "previous_customer"), Target::Click)?;
            validate::click(&plan.click(body, &mut scratch)?, 0)?;
        }
        other => panic!("no decoder for {other}"),
    }
    Ok(())
}

/// The schema as it was before its field `name` and those after it: the examples are bodies that others wrote then.
fn written_before(schema: &str, name: &str) -> String {
    let at = schema.find(&format!(r#""name": "{name}""#)).unwrap();
    let before = schema[..at].rfind(',').unwrap();
    format!("{}]}}", &schema[..before])
}

/// What a valid JSON example says must say the same as Avro.
fn through_avro(target: Target, write: impl FnOnce(&mut Vec<u8>), check: impl FnOnce(&Plan, &[u8], &mut Scratch)) {
    let mut body = Vec::new();
    write(&mut body);
    check(&Plan::compile(target.schema(), target).unwrap(), &body, &mut Scratch::new());
}

fn payload(path: &Path) -> Vec<u8> {
    let bytes = std::fs::read(path).unwrap();
    if path.extension().is_some_and(|ending| ending == "hex") {
        let text = std::str::from_utf8(&bytes).unwrap().trim();
        return (0..text.len() / 2).map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap()).collect();
    }
    bytes
}

fn each(format: &str, kind: &str, mut check: impl FnMut(&str, Result<(), Reject>)) -> usize {
    let mut count = 0;
    for entry in std::fs::read_dir(folder(format).join(kind)).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        check(name, judge(format, &payload(&path)));
        count += 1;
    }
    count
}

#[test]
fn every_schema_and_format_has_examples_and_they_behave() {
    for format in ["click_event", "support_entry", "segment", "avro_confluent"] {
        let valid = each(format, "valid", |name, result| assert_eq!(result, Ok(()), "{format}/{name}"));
        let invalid = each(format, "invalid", |name, result| {
            let (reason, what) = name.split_once('.').unwrap();
            let reject = result.expect_err(&format!("{format}/{name}"));
            assert_eq!(reject.reason.as_str(), reason, "{format}/{name}: {reject}");
            if matches!(reason, "missing_field" | "wrong_type" | "absurd_time") {
                let field = reject.detail.split(':').next().unwrap();
                assert!(what.starts_with(field), "{format}/{name}: {reject}");
            }
        });
        assert!(valid >= 1 && invalid >= 5, "{format}: {valid} valid, {invalid} invalid");
    }
}
