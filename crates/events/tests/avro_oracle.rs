//! Compiled plans against `apache-avro`, the reference: random records of today's, an older and a later writer.
//!
//! The reference resolves a record to our schema; what it says is turned into native JSON, and the JSON decoder must
//! say the same as the plan. Damaged bodies must never panic nor ask for much memory.
#![allow(deprecated)] // The short functions of the reference are replaced by builders; here short is what matters.
#![allow(clippy::unwrap_used)] // In helpers of tests, a panic is the message.

use apache_avro::types::Value;
use apache_avro::{Schema, from_avro_datum, to_avro_datum};
use crumbtrail_events::avro::{Plan, Target};
use crumbtrail_events::{Scratch, json};
use proptest::prelude::*;

const CLICK_V0: &str = include_str!("fixtures/click_event.v0.avsc");
const CLICK_NARROW: &str = include_str!("fixtures/click_event.narrow.avsc");
const CLICK_NEXT: &str = include_str!("fixtures/click_event.next.avsc");
const SUPPORT_V0: &str = include_str!("fixtures/support_entry.v0.avsc");

/// A small deterministic source of choices (SplitMix64).
struct Choices(u64);

impl Choices {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % bound
    }

    fn text(&mut self) -> String {
        const PIECES: [&str; 8] = ["a", "Bangkok ", "ผัดไทย", "\"q\"\\", "\n\t\u{1}", "😀", "0", "https://x/y?z=1"];
        (0..self.below(5)).map(|_| PIECES[self.below(8) as usize]).collect()
    }
}

/// A random value of `schema`; fields that mean something to us stay within what they may mean.
fn value(schema: &Schema, field: &str, names: &[(String, Schema)], choices: &mut Choices, depth: usize) -> Value {
    match schema {
        Schema::Null => Value::Null,
        Schema::Boolean => Value::Boolean(choices.below(2) == 1),
        Schema::Int if field == "quantity" || field == "price" => Value::Int(choices.below(1000) as i32),
        Schema::Int if field == "latitude" => Value::Int(choices.below(181) as i32 - 90),
        Schema::Int => Value::Int(choices.below(u64::MAX) as i32),
        Schema::Long => Value::Long(choices.below(u64::MAX) as i64),
        Schema::TimestampMillis => Value::TimestampMillis(choices.below(1 << 45) as i64),
        Schema::Float => Value::Float(choices.below(1 << 20) as f32 / 64.0),
        Schema::Double if field == "latitude" => Value::Double(choices.below(180) as f64 / 2.0),
        Schema::Double => Value::Double(choices.below(1 << 20) as f64 / 128.0 - 100.0),
        Schema::String if field == "properties" => {
            let texts = ["{}", "{\"a\":1}", "{\"a\":{\"b\":[null,true,\"x\"]}}"];
            Value::String(texts[choices.below(3) as usize].into())
        }
        Schema::String => Value::String(choices.text()),
        Schema::Bytes => Value::Bytes((0..choices.below(9)).map(|byte| byte as u8).collect()),
        Schema::Fixed(fixed) => Value::Fixed(fixed.size, vec![choices.below(256) as u8; fixed.size]),
        Schema::Enum(symbols) => {
            let index = choices.below(symbols.symbols.len() as u64);
            Value::Enum(index as u32, symbols.symbols[index as usize].clone())
        }
        Schema::Array(array) => {
            let count = if depth > 6 { 0 } else { choices.below(4) };
            Value::Array((0..count).map(|_| value(&array.items, field, names, choices, depth + 1)).collect())
        }
        Schema::Map(map) => Value::Map(
            (0..choices.below(3))
                .map(|key| (format!("k{key}"), value(&map.types, field, names, choices, depth + 1)))
                .collect(),
        ),
        Schema::Union(union) => {
            let index = choices.below(union.variants().len() as u64) as usize;
            Value::Union(index as u32, Box::new(value(&union.variants()[index], field, names, choices, depth + 1)))
        }
        Schema::Record(record) => Value::Record(
            record
                .fields
                .iter()
                .map(|f| (f.name.clone(), value(&f.schema, &f.name, names, choices, depth + 1)))
                .collect(),
        ),
        Schema::Ref { name } => {
            let (_, target) = names.iter().find(|(known, _)| known == name.name()).expect("the name is defined");
            value(&target.clone(), field, names, choices, depth + 1)
        }
        other => panic!("the fixtures use no {other:?}"),
    }
}

fn named(schema: &Schema, names: &mut Vec<(String, Schema)>) {
    if let Some(name) = schema.name()
        && !matches!(schema, Schema::Ref { .. })
    {
        names.push((name.name().to_owned(), schema.clone()));
    }
    match schema {
        Schema::Record(record) => record.fields.iter().for_each(|field| named(&field.schema, names)),
        Schema::Array(array) => named(&array.items, names),
        Schema::Map(map) => named(&map.types, names),
        Schema::Union(union) => union.variants().iter().for_each(|branch| named(branch, names)),
        _ => {}
    }
}

/// Native JSON of a resolved value.
fn native(value: &Value, field: &str) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Boolean(flag) => (*flag).into(),
        Value::Int(number) => (*number).into(),
        Value::Long(number) | Value::TimestampMillis(number) => (*number).into(),
        Value::Float(number) => f64::from(*number).into(),
        Value::Double(number) => (*number).into(),
        Value::String(text) if field == "properties" => serde_json::from_str(text).unwrap(),
        Value::String(text) => text.clone().into(),
        Value::Enum(_, symbol) => symbol.clone().into(),
        Value::Union(_, inner) => native(inner, field),
        Value::Array(elements) => elements.iter().map(|element| native(element, field)).collect(),
        Value::Record(fields) => {
            serde_json::Value::Object(fields.iter().map(|(name, value)| (name.clone(), native(value, name))).collect())
        }
        other => panic!("our schemas have no {other:?}"),
    }
}

struct Case {
    writer: Schema,
    names: Vec<(String, Schema)>,
    reader: Schema,
    plan: Plan,
}

impl Case {
    fn new(writer: &str, target: Target) -> Case {
        let parsed = Schema::parse_str(writer).unwrap();
        let mut names = Vec::new();
        named(&parsed, &mut names);
        Case {
            writer: parsed,
            names,
            reader: Schema::parse_str(target.schema()).unwrap(),
            plan: Plan::compile(writer, target).unwrap(),
        }
    }

    fn body(&self, seed: u64) -> Vec<u8> {
        let record = value(&self.writer, "", &self.names, &mut Choices(seed), 0);
        to_avro_datum(&self.writer, record).unwrap()
    }

    fn check(&self, seed: u64) {
        let body = self.body(seed);
        let resolved = from_avro_datum(&self.writer, &mut &body[..], Some(&self.reader)).unwrap();
        let text = serde_json::to_vec(&native(&resolved, "")).unwrap();
        let (mut one, mut two) = (Scratch::new(), Scratch::new());
        match self.plan.target() {
            Target::Click => assert_eq!(self.plan.click(&body, &mut one), json::click(&text, &mut two)),
            Target::Support => assert_eq!(self.plan.support(&body, &mut one), json::support(&text, &mut two)),
        }
    }

    /// Decodes whatever; says whether it was refused.
    fn refused(&self, body: &[u8], scratch: &mut Scratch) -> bool {
        match self.plan.target() {
            Target::Click => self.plan.click(body, scratch).is_err(),
            Target::Support => self.plan.support(body, scratch).is_err(),
        }
    }
}

fn cases() -> Vec<Case> {
    vec![
        Case::new(Target::Click.schema(), Target::Click),
        Case::new(CLICK_V0, Target::Click),
        Case::new(CLICK_NARROW, Target::Click),
        Case::new(CLICK_NEXT, Target::Click),
        Case::new(Target::Support.schema(), Target::Support),
        Case::new(SUPPORT_V0, Target::Support),
    ]
}

#[test]
fn plans_resolve_like_the_reference() {
    let cases = cases();
    for seed in 0..150 {
        cases.iter().for_each(|case| case.check(seed));
    }
}

#[test]
fn other_versions_read_what_we_write() {
    let case = Case::new(Target::Click.schema(), Target::Click);
    for other in [CLICK_V0, CLICK_NEXT] {
        let other = Schema::parse_str(other).unwrap();
        for seed in 0..50 {
            from_avro_datum(&case.writer, &mut &case.body(seed)[..], Some(&other)).unwrap();
        }
    }
}

#[test]
fn every_truncation_is_refused() {
    let mut scratch = Scratch::new();
    for case in cases() {
        for seed in 0..5 {
            let body = case.body(seed);
            for end in 0..body.len() {
                assert!(case.refused(&body[..end], &mut scratch), "seed {seed} cut at {end}");
            }
        }
    }
}

#[test]
fn bit_flips_never_panic() {
    let mut scratch = Scratch::new();
    for case in cases() {
        for seed in 0..5 {
            let mut body = case.body(seed);
            for bit in 0..body.len() * 8 {
                body[bit / 8] ^= 1 << (bit % 8);
                case.refused(&body, &mut scratch);
                body[bit / 8] ^= 1 << (bit % 8);
            }
        }
    }
}

#[test]
fn noise_never_panics() {
    let cases = cases();
    let scratch = std::cell::RefCell::new(Scratch::new());
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let noise = proptest::collection::vec(any::<u8>(), 0..200);
    let run = runner.run(&noise, |noise| {
        for case in &cases {
            case.refused(&noise, &mut scratch.borrow_mut());
        }
        Ok(())
    });
    run.unwrap();
}
