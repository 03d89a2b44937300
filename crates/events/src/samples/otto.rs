//! OTTO recommender data (`otto_sample.jsonl`): one shopper a line, with the events of several weeks.
//!
//! | theirs | ours |
//! |---|---|
//! | `session` | `visitor` = `otto-<session>` (theirs is a shopper over weeks, not a session of ours) |
//! | `ts` | `occurred_at`, ms |
//! | `type` clicks, carts, orders | `name` product_viewed, product_added, purchase |
//! | `aid` | the product of one item, quantity 1 (prices are not in the data) |
//! | place in the list | `event_id` = `otto-<session>-<n>` from 0 |
//!
//! Orders of several products are several events of one time in the data: those share an `order_id`,
//! `otto-<session>-<ts>`, and are written as one purchase with all their items.

use serde::Deserialize;

use super::SampleError;
use crate::click::ClickEvent;
use crate::encode;
use crate::kind::Kind;
use crate::touchpoint::{Item, Items};

#[derive(Deserialize)]
struct Shopper {
    session: u64,
    events: Vec<Event>,
}

#[derive(Deserialize)]
struct Event {
    aid: u64,
    ts: i64,
    r#type: Type,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum Type {
    Clicks,
    Carts,
    Orders,
}

/// Appends the native click lines of one line of the data; gives their number.
///
/// # Errors
/// [`SampleError::Shape`] if the line is not one of this data set.
pub fn convert(line: &str, site: &str, out: &mut Vec<u8>) -> Result<usize, SampleError> {
    let shopper: Shopper = serde_json::from_str(line)?;
    let visitor = format!("otto-{}", shopper.session);
    let mut written = 0;
    let mut rest = shopper.events.as_slice();
    while let Some(event) = rest.first() {
        let taken = match event.r#type {
            Type::Orders => {
                rest.iter().take_while(|other| other.r#type == Type::Orders && other.ts == event.ts).count()
            }
            _ => 1,
        };
        let (lines, after) = rest.split_at(taken);
        let mut items = Vec::new();
        for line in lines {
            Items::push(&mut items, &Item { product: &line.aid.to_string(), quantity: 1, ..Item::default() });
        }
        let order_id = match event.r#type {
            Type::Orders => format!("{visitor}-{}", event.ts),
            _ => String::new(),
        };
        let click = ClickEvent {
            event_id: &format!("{visitor}-{}", shopper.events.len() - rest.len()),
            site,
            occurred_at: event.ts,
            visitor: &visitor,
            kind: match event.r#type {
                Type::Clicks => Kind::ProductView,
                Type::Carts => Kind::AddToCart,
                Type::Orders => Kind::Purchase,
            },
            items: Items::from_buffer(&items),
            order_id: &order_id,
            ..ClickEvent::default()
        };
        encode::json::click(&click, out);
        out.push(b'\n');
        written += 1;
        rest = after;
    }
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Scratch, json, validate};

    #[test]
    fn a_shopper_becomes_clicks() {
        let line = r#"{"session":7,"events":[{"aid":1,"ts":1659304800025,"type":"clicks"},
            {"aid":2,"ts":1659304904511,"type":"carts"},{"aid":2,"ts":1659304904999,"type":"orders"},
            {"aid":3,"ts":1659304904999,"type":"orders"}]}"#;
        let mut out = Vec::new();
        assert_eq!(convert(line, "otto", &mut out).unwrap(), 3);
        let lines: Vec<&[u8]> = out.trim_ascii().split(|byte| *byte == b'\n').collect();
        let mut scratch = Scratch::new();
        let order = json::click(lines[2], &mut scratch).unwrap();
        assert_eq!((order.kind, order.event_id, order.order_id), (Kind::Purchase, "otto-7-2", "otto-7-1659304904999"));
        assert_eq!(order.items.iter().map(|item| item.product).collect::<Vec<_>>(), ["2", "3"]);
        assert!(convert("{}", "otto", &mut out).is_err());
    }

    #[test]
    fn the_real_sample_is_valid() {
        let Some(data) = std::env::var_os("CRUMBTRAIL_DATA") else {
            eprintln!("not run: the_real_sample_is_valid: CRUMBTRAIL_DATA is not set");
            return;
        };
        let text = std::fs::read_to_string(std::path::Path::new(&data).join("commerce/otto_sample.jsonl")).unwrap();
        let mut out = Vec::new();
        let written: usize = text.lines().map(|line| convert(line, "otto", &mut out).unwrap()).sum();
        let mut scratch = Scratch::new();
        let (mut lines, mut items) = (0, 0);
        for line in out.trim_ascii().split(|byte| *byte == b'\n') {
            let click = json::click(line, &mut scratch).unwrap();
            validate::click(&click, 0).unwrap();
            items += click.items.iter().count();
            lines += 1;
        }
        // 862 events of 20 shoppers; products ordered together are one purchase.
        assert_eq!((lines, items), (written, 862));
    }
}
