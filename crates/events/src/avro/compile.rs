//! From a writer's schema to a program.

use std::collections::HashMap;

use apache_avro::Schema;
use apache_avro::schema::{EnumSchema, Name, RecordSchema, UuidSchema};

use super::Target;
use super::op::{ItemOp, Op, Width};
use super::program::Program;
use super::skip::Skip;
use crate::fields::{self, Fields};
use crate::reject::{Reason, Reject};
use crate::values::{Slot, Str, Word};

/// Most fields, branches and types of a schema: a bound on what a registry can make us build.
const MAX_NODES: usize = 20_000;
/// Deepest nesting of a schema.
const MAX_DEPTH: usize = 64;

/// Reader's fields without a default: a writer that lacks one cannot be read.
const REQUIRED: [(Target, [&str; 4]); 2] = [
    (Target::Click, ["event_id", "occurred_at", "visitor", "name"]),
    (Target::Support, ["entry_id", "occurred_at", "channel", "kind"]),
];

pub(super) fn incompatible(detail: impl Into<String>) -> Reject {
    Reject::new(Reason::IncompatibleSchema, detail)
}

pub(super) fn compile(writer_schema: &str, target: Target) -> Result<Program, Reject> {
    let schema =
        Schema::parse_str(writer_schema).map_err(|error| incompatible(format!("not an Avro schema: {error}")))?;
    let mut compiler = Compiler { names: HashMap::new(), skips: HashMap::new(), named: Vec::new(), nodes: 0 };
    compiler.collect(&schema, 0)?;
    let Schema::Record(record) = &schema else {
        return Err(incompatible("the schema is not a record"));
    };
    let lookup = match target {
        Target::Click => &fields::CLICK,
        Target::Support => &fields::SUPPORT,
    };
    for (_, required) in REQUIRED.iter().filter(|(of, _)| *of == target) {
        // Writers' own aliases are not consulted: the specification lets the reader rename, and ours has none yet.
        if let Some(name) = required.iter().find(|name| record.fields.iter().all(|field| field.name != **name)) {
            return Err(incompatible(format!("{name}: the writer has no such field and there is no default")));
        }
    }
    let ops = compiler.record(record, lookup, "", 0)?;
    let mut named = Vec::with_capacity(compiler.named.len());
    for skip in compiler.named {
        named.push(skip.ok_or_else(|| incompatible("a named type is not defined"))?);
    }
    Ok(Program::new(ops, named))
}

struct Compiler<'s> {
    names: HashMap<Name, &'s Schema>,
    /// Named records already met while compiling skips, by their index in `named`.
    skips: HashMap<Name, usize>,
    named: Vec<Option<Skip>>,
    nodes: usize,
}

impl<'s> Compiler<'s> {
    fn node(&mut self, depth: usize) -> Result<(), Reject> {
        self.nodes += 1;
        if self.nodes > MAX_NODES || depth > MAX_DEPTH {
            return Err(incompatible("the schema is larger or deeper than we read"));
        }
        Ok(())
    }

    fn collect(&mut self, schema: &'s Schema, depth: usize) -> Result<(), Reject> {
        self.node(depth)?;
        if let Some(name) = schema.name()
            && !matches!(schema, Schema::Ref { .. })
        {
            self.names.insert(name.clone(), schema);
        }
        match schema {
            Schema::Array(array) => self.collect(&array.items, depth + 1),
            Schema::Map(map) => self.collect(&map.types, depth + 1),
            Schema::Union(union) => union.variants().iter().try_for_each(|branch| self.collect(branch, depth + 1)),
            Schema::Record(record) => record.fields.iter().try_for_each(|field| self.collect(&field.schema, depth + 1)),
            _ => Ok(()),
        }
    }

    fn resolve(&self, schema: &'s Schema) -> Result<&'s Schema, Reject> {
        match schema {
            Schema::Ref { name } => {
                self.names.get(name).copied().ok_or_else(|| incompatible("a named type is not defined"))
            }
            other => Ok(other),
        }
    }

    fn record(
        &mut self,
        record: &'s RecordSchema,
        lookup: &Fields,
        prefix: &str,
        depth: usize,
    ) -> Result<Vec<Op>, Reject> {
        let mut ops = Vec::with_capacity(record.fields.len());
        for field in &record.fields {
            match lookup.slot(&field.name) {
                Some(slot) => {
                    self.field(&field.schema, slot, &format!("{prefix}{}", field.name), depth + 1, &mut ops)?
                }
                None => ops.push(Op::Skip(self.skip(&field.schema, depth + 1)?)),
            }
        }
        Ok(ops)
    }

    /// Appends the operations that read one field into its slot.
    fn field(
        &mut self,
        schema: &'s Schema,
        slot: Slot,
        path: &str,
        depth: usize,
        ops: &mut Vec<Op>,
    ) -> Result<(), Reject> {
        self.node(depth)?;
        let schema = self.resolve(schema)?;
        let wrong =
            |expected: &str| Err(incompatible(format!("{path}: the writer's type cannot be read as {expected}")));
        if let Schema::Union(union) = schema {
            let variants = union.variants();
            if let (Slot::Str(slot), [one, two]) = (slot, variants) {
                let value = match (one, two) {
                    (Schema::Null, Schema::String) => Some(1),
                    (Schema::String, Schema::Null) => Some(0),
                    _ => None,
                };
                if let Some(value) = value {
                    ops.push(Op::OptionalStr { slot, value });
                    return Ok(());
                }
            }
            let value = match variants {
                [Schema::Null, _] => Some(1),
                [_, Schema::Null] => Some(0),
                _ => None,
            };
            if let Some(value) = value {
                let at = ops.len();
                ops.push(Op::Nullable { value, over: 0 });
                self.field(&variants[usize::from(value)], slot, path, depth + 1, ops)?;
                ops[at] = Op::Nullable { value, over: ops.len() - at - 1 };
                return Ok(());
            }
            let mut branches = Vec::with_capacity(variants.len());
            for branch in variants {
                let mut of_branch = Vec::new();
                if !matches!(branch, Schema::Null) {
                    self.field(branch, slot, path, depth + 1, &mut of_branch)?;
                }
                branches.push(of_branch.into_boxed_slice());
            }
            ops.push(Op::Union(branches.into()));
            return Ok(());
        }
        let op = match slot {
            Slot::Str(slot) => match schema {
                text if is_text(text) => Op::Str(slot),
                Schema::Enum(symbols) => Op::Symbol(slot, symbols.symbols.clone().into()),
                _ => return wrong("a string"),
            },
            Slot::Time(slot) => match schema {
                Schema::Int | Schema::Long | Schema::TimestampMillis | Schema::LocalTimestampMillis => {
                    Op::Time(slot, 1)
                }
                Schema::TimestampMicros | Schema::LocalTimestampMicros => Op::Time(slot, 1_000),
                Schema::TimestampNanos | Schema::LocalTimestampNanos => Op::Time(slot, 1_000_000),
                _ => return wrong("a time"),
            },
            Slot::Number(slot) => match width(schema) {
                Some(width) => Op::Number(slot, width),
                None => return wrong("a number"),
            },
            Slot::Word(word) => match schema {
                Schema::Enum(symbols) => Op::Code(word, codes(word, symbols)),
                text if is_text(text) => Op::Word(word),
                _ => return wrong("an enum"),
            },
            Slot::Consent => match schema {
                Schema::Boolean => Op::Consent,
                _ => return wrong("a boolean"),
            },
            Slot::Properties => match schema {
                text if is_text(text) => Op::Properties,
                _ => return wrong("a string of JSON"),
            },
            Slot::Tags => match schema {
                Schema::Array(array) if is_text(self.resolve(&array.items)?) => Op::Tags,
                text if is_text(text) => Op::Str(Str::Tags),
                _ => return wrong("an array of strings"),
            },
            Slot::Campaign => match schema {
                // A nested record is nothing but its fields, one after another.
                Schema::Record(record) => {
                    let nested = self.record(record, &fields::CAMPAIGN, "campaign.", depth + 1)?;
                    ops.extend(nested);
                    return Ok(());
                }
                _ => return wrong("a record"),
            },
            Slot::Items => match schema {
                Schema::Array(array) => match self.resolve(&array.items)? {
                    Schema::Record(record) => Op::Items(self.item(record, depth + 1)?.into()),
                    _ => return wrong("an array of records"),
                },
                _ => return wrong("an array of records"),
            },
        };
        ops.push(op);
        Ok(())
    }

    fn item(&mut self, record: &'s RecordSchema, depth: usize) -> Result<Vec<ItemOp>, Reject> {
        let mut ops = Vec::with_capacity(record.fields.len());
        for field in &record.fields {
            ops.push(self.item_field(&field.name, &field.schema, depth + 1)?);
        }
        Ok(ops)
    }

    fn item_field(&mut self, name: &str, schema: &'s Schema, depth: usize) -> Result<ItemOp, Reject> {
        self.node(depth)?;
        let schema = self.resolve(schema)?;
        if !matches!(name, "product" | "name" | "category" | "price" | "quantity") {
            return Ok(ItemOp::Skip(self.skip(schema, depth)?));
        }
        if let Schema::Union(union) = schema {
            let mut branches = Vec::with_capacity(union.variants().len());
            for branch in union.variants() {
                branches.push(match branch {
                    Schema::Null => Box::default(),
                    branch => Box::from([self.item_field(name, branch, depth + 1)?]),
                });
            }
            return Ok(ItemOp::Union(branches.into()));
        }
        let text = is_text(schema);
        match (name, width(schema)) {
            ("product", _) if text => Ok(ItemOp::Product),
            ("name", _) if text => Ok(ItemOp::Name),
            ("category", _) if text => Ok(ItemOp::Category),
            ("price", Some(width)) => Ok(ItemOp::Price(width)),
            ("quantity", Some(width)) => Ok(ItemOp::Quantity(width)),
            _ => Err(incompatible(format!("items.{name}: the writer's type cannot be read as ours"))),
        }
    }

    fn skip(&mut self, schema: &'s Schema, depth: usize) -> Result<Skip, Reject> {
        self.node(depth)?;
        Ok(match self.resolve(schema)? {
            Schema::Null => Skip::Fixed(0),
            Schema::Boolean => Skip::Fixed(1),
            Schema::Int
            | Schema::Long
            | Schema::Enum(_)
            | Schema::Date
            | Schema::TimeMillis
            | Schema::TimeMicros
            | Schema::TimestampMillis
            | Schema::TimestampMicros
            | Schema::TimestampNanos
            | Schema::LocalTimestampMillis
            | Schema::LocalTimestampMicros
            | Schema::LocalTimestampNanos => Skip::Varint,
            Schema::Float => Skip::Fixed(4),
            Schema::Double => Skip::Fixed(8),
            Schema::Bytes | Schema::String | Schema::BigDecimal => Skip::Bytes,
            Schema::Fixed(fixed) | Schema::Duration(fixed) => Skip::Fixed(fixed.size),
            Schema::Uuid(UuidSchema::Fixed(fixed)) => Skip::Fixed(fixed.size),
            Schema::Uuid(UuidSchema::Bytes | UuidSchema::String) => Skip::Bytes,
            Schema::Decimal(decimal) => match &decimal.inner {
                apache_avro::schema::InnerDecimalSchema::Bytes => Skip::Bytes,
                apache_avro::schema::InnerDecimalSchema::Fixed(fixed) => Skip::Fixed(fixed.size),
            },
            Schema::Array(array) => Skip::Array(Box::new(self.skip(&array.items, depth + 1)?)),
            Schema::Map(map) => Skip::Map(Box::new(self.skip(&map.types, depth + 1)?)),
            Schema::Union(union) => {
                let mut branches = Vec::with_capacity(union.variants().len());
                for branch in union.variants() {
                    branches.push(self.skip(branch, depth + 1)?);
                }
                Skip::Union(branches.into())
            }
            Schema::Record(record) => {
                if let Some(&index) = self.skips.get(&record.name) {
                    return Ok(Skip::Named(index));
                }
                let index = self.named.len();
                self.skips.insert(record.name.clone(), index);
                self.named.push(None);
                let mut sequence = Vec::with_capacity(record.fields.len());
                for field in &record.fields {
                    sequence.push(self.skip(&field.schema, depth + 1)?);
                }
                self.named[index] = Some(Skip::Sequence(sequence.into()));
                Skip::Named(index)
            }
            Schema::Ref { .. } => return Err(incompatible("a named type refers to a name")),
        })
    }
}

fn is_text(schema: &Schema) -> bool {
    matches!(schema, Schema::String | Schema::Bytes | Schema::Uuid(UuidSchema::String))
}

fn width(schema: &Schema) -> Option<Width> {
    match schema {
        Schema::Int | Schema::Long => Some(Width::Varint),
        Schema::Float => Some(Width::Float),
        Schema::Double => Some(Width::Double),
        _ => None,
    }
}

/// Our code of each of the writer's symbols. Authors we don't know are the system's: the reader's enum says so.
fn codes(word: Word, symbols: &EnumSchema) -> Box<[Option<u8>]> {
    let fallback = (word == Word::Author).then(|| word.code("system")).flatten();
    symbols.symbols.iter().map(|symbol| word.code(symbol).or(fallback)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detail(schema: &str) -> String {
        let reject = compile(schema, Target::Click).unwrap_err();
        assert_eq!(reject.reason, Reason::IncompatibleSchema);
        reject.detail
    }

    #[test]
    fn our_own_schemas_compile() {
        for target in [Target::Click, Target::Support] {
            compile(target.schema(), target).unwrap();
        }
    }

    #[test]
    fn what_cannot_be_read_names_the_field() {
        assert!(detail("{").starts_with("not an Avro schema"));
        assert_eq!(detail("\"string\""), "the schema is not a record");
        let record = |fields: &str| format!(r#"{{"type":"record","name":"R","fields":[{fields}]}}"#);
        assert!(detail(&record("")).starts_with("event_id:"));
        let base =
            r#"{"name":"event_id","type":"string"},{"name":"visitor","type":"string"},{"name":"name","type":"string"}"#;
        assert!(detail(&record(base)).starts_with("occurred_at:"));
        let bad = format!(r#"{base},{{"name":"occurred_at","type":"boolean"}}"#);
        assert!(detail(&record(&bad)).starts_with("occurred_at:"));
        let bad = format!(r#"{base},{{"name":"occurred_at","type":"long"}},{{"name":"revenue","type":"string"}}"#);
        assert!(detail(&record(&bad)).starts_with("revenue:"));
    }

    #[test]
    fn recursive_types_are_skipped() {
        let schema = r#"{"type":"record","name":"R","fields":[
            {"name":"event_id","type":"string"},{"name":"visitor","type":"string"},{"name":"name","type":"string"},
            {"name":"tree","type":{"type":"record","name":"Node","fields":[
                {"name":"label","type":"string"},{"name":"kids","type":{"type":"array","items":"Node"}}]}},
            {"name":"occurred_at","type":"long"}]}"#;
        let program = compile(schema, Target::Click).unwrap();
        let mut scratch = crate::Scratch::new();
        // Strings "a", "v", "n"; a node "x" with one kid "y" without kids; time 1.
        let body = [2, b'a', 2, b'v', 2, b'n', 2, b'x', 2, 2, b'y', 0, 0, 2];
        let mut values = crate::values::Values::new();
        program.run(&body, true, &mut scratch, &mut values).unwrap();
        let click = values.click();
        assert_eq!((click.event_id, click.occurred_at), ("a", 1));
        let mut deep = vec![2, b'a', 2, b'v', 2, b'n'];
        deep.extend([2, b'x', 2].repeat(10_000));
        let mut scratch = crate::Scratch::new();
        let reject = program.run(&deep, true, &mut scratch, &mut values).unwrap_err();
        assert_eq!(reject.reason, Reason::MalformedAvro);
    }
}
