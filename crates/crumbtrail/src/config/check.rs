//! What types alone don't catch: unknown keys with their nearest neighbour, and values that cannot work.

use serde_json::Value;

use super::{Config, LogHome, schema_json};

/// The first key of `tree` that the schema does not know, dotted, with a hint.
pub(super) fn unknown_key(tree: &Value) -> Option<(String, String)> {
    let schema = schema_json();
    walk(&schema, &schema, tree, String::new())
}

fn walk(root: &Value, schema: &Value, tree: &Value, at: String) -> Option<(String, String)> {
    let schema = resolve(root, schema);
    match tree {
        Value::Object(fields) => fields.iter().find_map(|(key, value)| {
            let here = if at.is_empty() { key.clone() } else { format!("{at}.{key}") };
            let properties = schema.get("properties").and_then(Value::as_object);
            if let Some(known) = properties.and_then(|p| p.get(key)) {
                return walk(root, known, value, here);
            }
            match schema.get("additionalProperties") {
                Some(inner @ Value::Object(_)) => walk(root, inner, value, here),
                _ => {
                    let properties = properties?;
                    let nearest = properties
                        .keys()
                        .map(|known| (strsim::damerau_levenshtein(known, key), known))
                        .min()
                        .filter(|(distance, known)| *distance <= 1 + known.len() / 3);
                    let hint = match nearest {
                        Some((_, known)) if at.is_empty() => format!("; did you mean `{known}`?"),
                        Some((_, known)) => format!("; did you mean `{at}.{known}`?"),
                        None => format!("; known are {}", properties.keys().cloned().collect::<Vec<_>>().join(", ")),
                    };
                    Some((here, hint))
                }
            }
        }),
        Value::Array(items) => {
            let inner = schema.get("items")?;
            items.iter().enumerate().find_map(|(i, item)| walk(root, inner, item, format!("{at}.{i}")))
        }
        _ => None,
    }
}

/// A schema, or the one that it refers to; of one that may be absent, what it is if it is there.
pub(super) fn resolve<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let optional = schema.get("anyOf").and_then(Value::as_array);
    let schema = optional.and_then(|any| any.iter().find(|one| one["type"] != "null")).unwrap_or(schema);
    let Some(reference) = schema.get("$ref").and_then(Value::as_str) else { return schema };
    reference.strip_prefix("#/").and_then(|path| root.pointer(&format!("/{path}"))).unwrap_or(schema)
}

/// Whether it is a host and a port.
fn is_address(listen: &str) -> bool {
    listen.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
}

/// Values that cannot work, each with what to do.
pub(super) fn values(config: &Config) -> Result<(), String> {
    let fail = |message: &str| Err(message.to_owned());
    if config.epoch.0 == 0 {
        return fail("epoch must be 1 to 255");
    }
    if config.log.ttl_hours == 0 {
        return fail("log.ttl_hours must be 1 or more");
    }
    if !(1..=1024).contains(&config.log.partitions) {
        return fail("log.partitions must be 1 to 1024");
    }
    super::session_rules(config)?;
    config.sentiment.plugin.check()?;
    if config.pace.tick_ms < 10 || config.pace.threads == 0 {
        return fail("pace.tick_ms must be at least 10 and pace.threads at least 1");
    }
    if config.pace.insert_queue_mib == 0 || config.pace.shutdown_deadline_seconds == 0 {
        return fail("pace.insert_queue_mib and pace.shutdown_deadline_seconds must be at least 1");
    }
    for (key, listen) in
        [("clickhouse.listen", &config.clickhouse.listen), ("telemetry.listen", &config.telemetry.listen)]
    {
        if !listen.is_empty() && !is_address(listen) {
            return Err(format!("{key} is {listen:?}, no address with a port such as 127.0.0.1:8123 or [::]:9464"));
        }
    }
    if !config.privacy.key.is_empty() && config.privacy.key.len() < 16 {
        return fail("privacy.key is shorter than 16 characters; `openssl rand -hex 32` makes a good one");
    }
    // An absent first key is made later: the others are judged beside a stand-in.
    let first = if config.privacy.key.is_empty() { &[0; 16] } else { config.privacy.key.as_bytes() };
    super::keyring(&config.privacy, first)?;
    super::chosen(&config.privacy)?;
    if config.log.home == LogHome::Kafka && config.privacy.key.is_empty() {
        return fail(
            "privacy.key is empty: with log.home: kafka every process needs the same key; set CRUMBTRAIL_PRIVACY_KEY",
        );
    }
    if !config.clickhouse.database.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        || config.clickhouse.database.is_empty()
    {
        return fail("clickhouse.database must be letters, digits and underscores");
    }
    for (i, source) in config.sources.iter().enumerate() {
        if source.topic.is_empty() {
            return Err(format!("sources.{i}.topic is empty"));
        }
        if let Some(first) = config.sources[..i].iter().position(|other| other.topic == source.topic) {
            return Err(format!(
                "sources.{i}: topic {:?} is that of sources.{first}, too: a topic is read once, in one format",
                source.topic
            ));
        }
        let clicks_only = matches!(source.format, super::SourceFormat::Segment | super::SourceFormat::Combined);
        if clicks_only && source.kind == super::SourceKind::Support {
            return Err(format!("sources.{i}: this format carries clicks; support entries come as native or avro"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::load::parse;
    use super::*;

    #[test]
    fn what_cannot_work_is_refused_by_name() {
        let refused = |yaml: &str| values(&parse("c.yaml", yaml).unwrap()).err().unwrap_or_default();
        let twice = "sources: [{topic: a, kind: click, format: native, site: s}, {topic: a, kind: click, format: avro, site: s}]";
        for (yaml, named) in [
            ("pace: {insert_queue_mib: 0}", "pace.insert_queue_mib"),
            ("pace: {shutdown_deadline_seconds: 0}", "pace.shutdown_deadline_seconds"),
            ("clickhouse: {listen: nonsense}", "clickhouse.listen is \"nonsense\""),
            ("telemetry: {listen: ':9464'}", "telemetry.listen"),
            ("privacy: {hash_fields: [customer, mail]}", "privacy.hash_fields: \"mail\" is none of visitor, customer,"),
            (twice, "sources.1: topic \"a\" is that of sources.0"),
        ] {
            assert!(refused(yaml).contains(named), "{yaml}: {}", refused(yaml));
        }
        for yaml in
            ["clickhouse: {listen: 'localhost:8123'}", "telemetry: {listen: '[::]:9464'}", "telemetry: {listen: ''}"]
        {
            assert_eq!(refused(yaml), "", "{yaml}");
        }
    }
}
