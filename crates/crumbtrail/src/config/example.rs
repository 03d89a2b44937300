//! The schema, the commented example and `docs/config.md`, all made from the comments of the structs.

use serde_json::Value;

use super::Config;

/// JSON Schema of the configuration.
#[must_use]
pub fn schema_json() -> Value {
    schemars::schema_for!(Config).to_value()
}

/// A YAML file with every key at its default and its comment above it.
#[must_use]
pub fn example() -> String {
    let mut out = String::from(
        "# Crumbtrail configuration: every key with its default. Check it with `crumbtrail check --config FILE`.\n",
    );
    let schema = schema_json();
    let defaults = serde_json::to_value(Config::default()).unwrap_or_default();
    write_object(&schema, &schema, &defaults, 0, &mut out);
    out
}

fn write_object(root: &Value, schema: &Value, defaults: &Value, depth: usize, out: &mut String) {
    let indent = "  ".repeat(depth);
    // The struct's own order, as serialised, reads better than the schema's.
    let Some(fields) = defaults.as_object() else { return };
    for (key, default) in fields {
        let property = &schema["properties"][key];
        let described = property["description"].as_str().or_else(|| resolve(root, property)["description"].as_str());
        if depth == 0 {
            out.push('\n');
        }
        for line in described.unwrap_or_default().lines() {
            out.push_str(&format!("{indent}# {line}\n"));
        }
        let inner = resolve(root, property);
        if default.as_object().is_some_and(|o| !o.is_empty()) && inner["properties"].is_object() {
            out.push_str(&format!("{indent}{key}:\n"));
            write_object(root, inner, default, depth + 1, out);
        } else {
            out.push_str(&format!("{indent}{key}: {default}\n"));
        }
    }
}

/// `docs/config.md`.
#[must_use]
pub fn markdown() -> String {
    let mut out = String::from(
        "# Configuration\n\nMade from the comments in `crates/crumbtrail/src/config` by `crumbtrail docs`; do not edit.\n\
         Unknown keys are refused with the nearest known one. `crumbtrail config example` prints a commented file.\n\n\
         Secrets may stand in the environment instead: `CRUMBTRAIL_CLICKHOUSE_PASSWORD`, `CRUMBTRAIL_REGISTRY_PASSWORD`,\n\
         `CRUMBTRAIL_PRIVACY_KEY`, `CRUMBTRAIL_PRIVACY_LATER_KEYS`,\n\
         `CRUMBTRAIL_KAFKA_SASL_USERNAME`, `CRUMBTRAIL_KAFKA_SASL_PASSWORD`,\n\
         `CRUMBTRAIL_KAFKA_SSL_KEY_PASSWORD`, `CRUMBTRAIL_KAFKA_SSL_KEYSTORE_PASSWORD`, `CRUMBTRAIL_KAFKA_INSTANCE`.\n\n\
         | key | default | meaning |\n|---|---|---|\n",
    );
    let schema = schema_json();
    let defaults = serde_json::to_value(Config::default()).unwrap_or_default();
    rows(&schema, &schema, &defaults, "", &mut out);
    out
}

fn rows(root: &Value, schema: &Value, defaults: &Value, at: &str, out: &mut String) {
    let Some(properties) = schema["properties"].as_object() else { return };
    let order: Vec<&String> = defaults.as_object().map_or_else(|| properties.keys().collect(), |o| o.keys().collect());
    for key in order {
        let property = &properties[key];
        let inner = resolve(root, property);
        let path = if at.is_empty() { key.clone() } else { format!("{at}.{key}") };
        let meaning = property["description"].as_str().or_else(|| inner["description"].as_str()).unwrap_or_default();
        let meaning = meaning.replace('\n', " ").replace('|', "\\|");
        let default = defaults.get(key).cloned().unwrap_or(Value::Null);
        if inner["properties"].is_object() {
            rows(root, inner, &default, &path, out);
            continue;
        }
        out.push_str(&format!("| `{path}` | `{default}` | {meaning} |\n"));
        let element = resolve(root, &inner["items"]);
        if element["properties"].is_object() {
            rows(root, element, &Value::Null, &format!("{path}.N"), out);
        }
        let value = resolve(root, &inner["additionalProperties"]);
        if value["properties"].is_object() {
            rows(root, value, &Value::Null, &format!("{path}.NAME"), out);
        }
    }
}

fn resolve<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let Some(reference) = schema.get("$ref").and_then(Value::as_str) else { return schema };
    reference.strip_prefix("#/").and_then(|path| root.pointer(&format!("/{path}"))).unwrap_or(schema)
}
