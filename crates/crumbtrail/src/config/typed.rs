//! A value of another type than its key's: which key, in which line, what it takes and how that is written.

use serde_json::Value;
use serde_path_to_error::{Path, Segment};

use super::check::resolve;
use super::{Config, schema_json};

/// What is wrong with a configuration whose YAML is well and whose keys are known, but not every value; `tree` is what it holds.
pub(super) fn misfit(text: &str, tree: &Value) -> Option<String> {
    let (mut keys, mut line) = (Vec::new(), String::new());
    let _: Result<Config, serde_saphyr::Error> = serde_saphyr::with_deserializer_from_str(text, |deserializer| {
        serde_path_to_error::deserialize(deserializer).map_err(|error| {
            keys = segments(error.path());
            let error: serde_saphyr::Error = error.into_inner();
            line = error.location().map(|at| format!("line {}: ", at.line())).unwrap_or_default();
            error
        })
    });
    let last = keys.last()?;
    let root = schema_json();
    let schema = keys.iter().try_fold(&root, |schema, key| below(&root, schema, key))?;
    let value = keys.iter().try_fold(tree, child)?;
    let defaults = serde_json::to_value(Config::default()).unwrap_or_default();
    let default = keys.iter().try_fold(&defaults, child);
    Some(format!(
        "{line}`{}` is {}, and takes {}, such as `{}{}`",
        keys.join("."),
        said(last, value),
        taken(&root, schema),
        // The place in a list is no key.
        if last.parse::<usize>().is_ok() { "- ".to_owned() } else { format!("{last}: ") },
        example(&root, schema, default)
    ))
}

fn segments(path: &Path) -> Vec<String> {
    path.iter()
        .filter_map(|segment| match segment {
            Segment::Seq { index } => Some(index.to_string()),
            Segment::Map { key } => Some(key.clone()),
            Segment::Enum { .. } | Segment::Unknown => None,
        })
        .collect()
}

fn child<'a>(value: &'a Value, key: &String) -> Option<&'a Value> {
    match value {
        Value::Array(items) => items.get(key.parse::<usize>().ok()?),
        value => value.get(key),
    }
}

/// The schema of a key, or of an item, below one.
fn below<'a>(root: &'a Value, schema: &'a Value, key: &str) -> Option<&'a Value> {
    let schema = resolve(root, schema);
    let known = schema.get("properties").and_then(|properties| properties.get(key));
    known.or_else(|| schema.get("additionalProperties")).or_else(|| schema.get("items"))
}

/// What stands there; a secret is not repeated.
fn said(key: &str, value: &Value) -> String {
    match value {
        Value::Null => "empty".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a group of keys".to_owned(),
        Value::String(_) if key.contains("key") || key.contains("password") => "a text".to_owned(),
        scalar => scalar.to_string(),
    }
}

/// The words of an enumeration.
fn words(schema: &Value) -> Vec<&str> {
    let listed = |key: &str| schema.get(key).and_then(Value::as_array).into_iter().flatten();
    let single = listed("oneOf").filter_map(|one| one.get("const").and_then(Value::as_str));
    single.chain(listed("enum").filter_map(Value::as_str)).collect()
}

fn kind(schema: &Value) -> &str {
    let of = |name: &'static str| {
        let known = schema.get("type");
        known
            .is_some_and(|known| known == name || known.as_array().is_some_and(|all| all.iter().any(|one| one == name)))
    };
    ["integer", "number", "boolean", "array", "object"].into_iter().find(|name| of(name)).unwrap_or("string")
}

/// What a key takes, in words.
fn taken(root: &Value, schema: &Value) -> String {
    let schema = resolve(root, schema);
    let words = words(schema);
    if !words.is_empty() {
        return format!("one of {}", words.join(", "));
    }
    match kind(schema) {
        "integer" => match schema.get("maximum") {
            Some(most) => format!("a whole number of at most {most}"),
            None => "a whole number".to_owned(),
        },
        "number" => "a number".to_owned(),
        "boolean" => "true or false".to_owned(),
        "array" => "a list".to_owned(),
        "object" if schema.get("properties").is_some() => "a group of keys".to_owned(),
        "object" => "names with a value each".to_owned(),
        _ => "a text".to_owned(),
    }
}

/// A value as it is written: the default, or one of its kind where that is empty.
fn example(root: &Value, schema: &Value, default: Option<&Value>) -> String {
    let schema = resolve(root, schema);
    let scalar = default
        .filter(|value| value.is_number() || value.is_boolean() || value.as_str().is_some_and(|s| !s.is_empty()));
    if let Some(default) = scalar {
        return default.as_str().map_or_else(|| default.to_string(), str::to_owned);
    }
    if let Some(word) = words(schema).first() {
        return (*word).to_owned();
    }
    match kind(schema) {
        "integer" | "number" => "10".to_owned(),
        "boolean" => "true".to_owned(),
        "array" => format!("[{}]", example(root, schema.get("items").unwrap_or(&Value::Null), None)),
        "object" => {
            let first = schema.get("properties").and_then(Value::as_object).and_then(|known| known.iter().next());
            let (name, inner) = first
                .map_or(("name", schema.get("additionalProperties").unwrap_or(&Value::Null)), |(name, inner)| {
                    (name.as_str(), inner)
                });
            let default = default.and_then(|default| default.get(name));
            format!("{{{name}: {}}}", example(root, inner, default))
        }
        _ => "text".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::load::parse;

    #[test]
    fn a_wrong_type_names_key_line_what_it_takes_and_an_example() {
        for (yaml, says) in [
            (
                "pace: {tick_ms: \"abc\"}",
                "line 1: `pace.tick_ms` is \"abc\", and takes a whole number, such as `tick_ms: 1000`",
            ),
            (
                "log:\n  home: local\n  partitions: many\n",
                "line 3: `log.partitions` is \"many\", and takes a whole number, such as `partitions: 4`",
            ),
            (
                "log:\n  home: kafak\n",
                "line 2: `log.home` is \"kafak\", and takes one of local, kafka, such as `home: local`",
            ),
            ("epoch: 300", "`epoch` is 300, and takes a whole number of at most 255, such as `epoch: 1`"),
            ("sources: 7", "`sources` is 7, and takes a list, such as `sources: [{topic: text}]`"),
            (
                "sources:\n  - topic: a\n  - topic: [b]\n",
                "line 3: `sources.1.topic` is a list, and takes a text, such as `topic: text`",
            ),
            (
                "identity:\n  never_link: 7\n",
                "`identity.never_link` is 7, and takes a list, such as `never_link: [text]`",
            ),
            (
                "enrich:\n  drop_bots: perhaps\n",
                "`enrich.drop_bots` is \"perhaps\", and takes true or false, such as `drop_bots: false`",
            ),
            ("pace: fast", "`pace` is \"fast\", and takes a group of keys, such as `pace: {tick_ms: 1000}`"),
            (
                "kafka:\n  client: [a]\n",
                "`kafka.client` is a list, and takes names with a value each, such as `client: {name: text}`",
            ),
            (
                "sites:\n  shop:\n    gap_seconds: long\n",
                "line 3: `sites.shop.gap_seconds` is \"long\", and takes a whole number, such as `gap_seconds: 10`",
            ),
            ("privacy:\n  key: [very secret]\n", "`privacy.key` is a list, and takes a text"),
        ] {
            let said = parse("c.yaml", yaml).unwrap_err().to_string();
            assert!(said.starts_with("c.yaml: ") && said.contains(says) && said.lines().count() == 1, "{yaml}: {said}");
            assert!(!said.contains("secret"), "{said}");
        }
    }
}
