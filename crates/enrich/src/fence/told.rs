//! How accurate a device says its position is.

use serde::Deserialize;
use serde_json::Value;

/// The names under which apps send it.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Properties {
    accuracy_m: Value,
    accuracy: Value,
    horizontal_accuracy: Value,
    #[serde(rename = "horizontalAccuracy")]
    horizontal: Value,
}

/// The accuracy that an event's properties tell, a JSON object or nothing: metres, a number or a text that holds one; the
/// worst of several. `None` where none is told or it is no number.
pub(super) fn accuracy_m(properties: &str) -> Option<f64> {
    let found: Properties = serde_json::from_str(properties).ok()?;
    let told = [found.accuracy_m, found.accuracy, found.horizontal_accuracy, found.horizontal];
    told.iter().filter_map(metres).max_by(f64::total_cmp)
}

fn metres(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_names_are_known_and_anything_else_is_none() {
        for (properties, expected) in [
            (r#"{"accuracy_m":12.5}"#, Some(12.5)),
            (r#"{"x":[1],"accuracy":30}"#, Some(30.0)),
            (r#"{"horizontal_accuracy":"65"}"#, Some(65.0)),
            (r#"{"horizontalAccuracy":5}"#, Some(5.0)),
            (r#"{"accuracy_m":5,"accuracy":500}"#, Some(500.0)),
            (r#"{"accuracy":null}"#, None),
            (r#"{"accuracy":{}}"#, None),
            ("{}", None),
            ("", None),
            ("[", None),
        ] {
            assert_eq!(accuracy_m(properties), expected, "{properties}");
        }
    }
}
