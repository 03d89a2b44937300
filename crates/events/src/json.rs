//! Native JSON: one object with the field names of the Avro schemas, read in one pass.
//!
//! Strings without escapes borrow from the payload; the rest from the [`Scratch`]. Unknown fields are checked and
//! passed over; `properties` keeps its raw text. Times are whole milliseconds or RFC 3339 text. `null` is absent. Of a
//! field given twice the last counts.

pub(crate) mod cursor;
pub(crate) mod number;
mod text;

use crate::click::ClickEvent;
use crate::clock::Times;
use crate::fields::{self, Fields};
use crate::instant;
use crate::money::Micros;
use crate::reject::{Fault, Reason, Reject};
use crate::scratch::{Arena, Scratch};
use crate::support::SupportEntry;
use crate::touchpoint::{Item, Items};
use crate::values::{self, Slot, Str, TIMES, Time, Values, Word};
use cursor::{Cursor, Token};
use memchr::memmem::Finder;
use memchr::{memchr, memchr2};
use std::sync::LazyLock;

/// Reads a click.
///
/// # Errors
/// `malformed_json`, `too_deep`, `invalid_utf8`, or `wrong_type` with the field's name. That required fields are there
/// is [`crate::validate`]'s to judge.
pub fn click<'a>(bytes: &'a [u8], scratch: &'a mut Scratch) -> Result<ClickEvent<'a>, Reject> {
    click_to(bytes, scratch, |click| click)
}

/// As [`click`], handed to `take`: events are large, so that one is built where `take` puts it.
///
/// # Errors
/// As [`click`].
#[inline]
pub fn click_to<'a, T>(
    bytes: &'a [u8],
    scratch: &'a mut Scratch,
    take: impl FnOnce(ClickEvent<'a>) -> T,
) -> Result<T, Reject> {
    let mut values = Values::new();
    record(bytes, scratch, &fields::CLICK, &mut values)?;
    values.check_numbers()?;
    Ok(take(values.click()))
}

/// Reads a support entry.
///
/// # Errors
/// As [`click`], and `missing_field` for channel and kind.
pub fn support<'a>(bytes: &'a [u8], scratch: &'a mut Scratch) -> Result<SupportEntry<'a>, Reject> {
    let mut values = Values::new();
    record(bytes, scratch, &fields::SUPPORT, &mut values)?;
    values.check_numbers()?;
    values.check_words()?;
    Ok(values.support())
}

/// Reads the times of a click alone and passes over the rest: what [`click`] refuses for another reason is told, too.
///
/// # Errors
/// `malformed_json`, `too_deep`, `invalid_utf8`, or `wrong_type` of a time.
pub fn click_times(bytes: &[u8], scratch: &mut Scratch) -> Result<Times, Reject> {
    Ok(record_times(bytes, scratch, &fields::CLICK)?)
}

/// Reads the times of a support entry, as [`click_times`].
///
/// # Errors
/// As [`click_times`].
pub fn support_times(bytes: &[u8], scratch: &mut Scratch) -> Result<Times, Reject> {
    Ok(record_times(bytes, scratch, &fields::SUPPORT)?)
}

fn record_times(bytes: &[u8], scratch: &mut Scratch, fields: &Fields) -> Result<Times, Fault> {
    if let Some(times) = flat_times(bytes, fields) {
        return Ok(times);
    }
    let (mut arena, ..) = scratch.open(bytes.len());
    let mut cursor = Cursor::new(bytes)?;
    let mut times = [0; TIMES];
    cursor.open_object()?;
    let mut first = true;
    while let Some(key) = cursor.key(&mut first, &mut arena)? {
        let token = cursor.peek()?;
        if key.ends_with("_at")
            && let Some(Slot::Time(slot)) = fields.slot(key)
        {
            times[slot as usize] = time(&mut cursor, token, &mut arena, key)?;
        } else {
            cursor.pass(token)?;
        }
    }
    cursor.end()?;
    Ok(values::times(times))
}

/// What keys of times end with, and what they begin with.
const TIME_KEY_END: &[u8] = b"_at\"";
static TIME_KEY: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(TIME_KEY_END));
const TIME_KEYS: [(Time, &[u8]); TIMES] =
    [(Time::Occurred, b"\"occurred"), (Time::Sent, b"\"sent"), (Time::Received, b"\"received")];

/// The times of an object without escapes and without objects in it, searched for instead of parsed: there a quoted word
/// before a colon is a key of the object. `None` if it is not so simple. Bytes that are no JSON may be given times, too.
fn flat_times(bytes: &[u8], fields: &Fields) -> Option<Times> {
    let open = memchr(b'{', bytes)?;
    if memchr2(b'{', b'\\', &bytes[open + 1..]).is_some() {
        return None;
    }
    let mut times = [0; TIMES];
    let (mut at, finder) = (0, &*TIME_KEY);
    while let Some(found) = finder.find(&bytes[at..]) {
        let (key, rest) = bytes.split_at(at + found);
        at += found + TIME_KEY_END.len();
        let Some(value) = rest[TIME_KEY_END.len()..].trim_ascii_start().strip_prefix(b":") else { continue };
        let Some((slot, _)) = TIME_KEYS.iter().find(|(_, begin)| key.ends_with(begin)) else { continue };
        let value = value.trim_ascii_start();
        let (mut time, mut digits) = (0i64, 0);
        while let Some(digit) = value.get(digits).map(|byte| byte.wrapping_sub(b'0')).filter(|digit| *digit < 10) {
            time = time.wrapping_mul(10).wrapping_add(i64::from(digit));
            digits += 1;
        }
        if !matches!(value.get(digits), Some(b',' | b'}')) || !(1..=18).contains(&digits) || value[0] == b'0' {
            return None;
        }
        times[*slot as usize] = time;
    }
    if times[Time::Sent as usize] != 0 && fields.slot("sent_at").is_none() {
        times[Time::Sent as usize] = 0;
    }
    Some(values::times(times))
}

#[inline(always)]
fn record<'a>(
    bytes: &'a [u8],
    scratch: &'a mut Scratch,
    fields: &Fields,
    values: &mut Values<'a>,
) -> Result<(), Fault> {
    let (mut arena, items, follow) = scratch.open(bytes.len());
    let mut cursor = Cursor::new(bytes)?;
    cursor.open_object()?;
    let mut first = true;
    // A producer writes its fields in one order: the key that followed this one last time is tried before any is read.
    let mut before = fields.0.len();
    loop {
        let guess = usize::from(follow[before]);
        let index = match fields.0.get(guess) {
            Some((key, _)) if cursor.is_key(&mut first, key.as_bytes()) => guess,
            _ => {
                let Some(name) = cursor.key(&mut first, &mut arena)? else { break };
                let Some(index) = fields.index(name) else {
                    cursor.peek()?;
                    cursor.raw_value(1)?;
                    continue;
                };
                follow[before] = index as u8;
                index
            }
        };
        before = index;
        let (key, slot) = fields.0[index];
        let key = Fields::name(key);
        let token = cursor.peek()?;
        match slot {
            Slot::Str(slot) => values.strs[slot as usize] = string(&mut cursor, token, &mut arena, key)?,
            Slot::Time(slot) => values.times[slot as usize] = time(&mut cursor, token, &mut arena, key)?,
            Slot::Number(slot) => values.numbers[slot as usize] = float(&mut cursor, token, key)?,
            Slot::Word(slot) => values.words[slot as usize] = word(&mut cursor, token, &mut arena, slot, key)?,
            Slot::Consent => values.consent = flag(&mut cursor, token, key)?,
            Slot::Items => read_items(&mut cursor, token, &mut arena, items)?,
            Slot::Campaign => campaign(&mut cursor, token, &mut arena, values)?,
            Slot::Tags => values.strs[Str::Tags as usize] = tags(&mut cursor, token, &mut arena)?,
            Slot::Properties => values.strs[Str::Properties as usize] = raw_object(&mut cursor, token, key)?,
        }
    }
    cursor.end()?;
    values.items = Items::from_buffer(items);
    Ok(())
}

/// The rejection of a field for its type.
#[cold]
#[inline(never)]
pub(crate) fn wrong(field: &str, expected: &str, found: Token) -> Fault {
    Reject::fault(Reason::WrongType, format!("{field}: expected {expected}, found {}", found.article()))
}

/// A string, or empty for null.
#[inline]
pub(crate) fn string<'a>(
    cursor: &mut Cursor<'a>,
    token: Token,
    arena: &mut Arena<'a>,
    field: &str,
) -> Result<&'a str, Fault> {
    match token {
        Token::String => cursor.string(arena),
        Token::Null => cursor.null().map(|()| ""),
        found => Err(wrong(field, "a string", found)),
    }
}

/// A time in ms, or 0 for null.
#[inline]
pub(crate) fn time<'a>(
    cursor: &mut Cursor<'a>,
    token: Token,
    arena: &mut Arena<'a>,
    field: &str,
) -> Result<i64, Fault> {
    const EXPECTED: &str = "milliseconds since 1970 or an RFC 3339 time";
    let told = |ms: i64| if ms == 0 && field == "occurred_at" { values::told(Time::Occurred as usize, ms) } else { ms };
    match token {
        Token::Number => match cursor.plain_whole() {
            Some(whole) => Ok(told(whole)),
            None => number::whole(cursor.raw_number()?).map(told).ok_or_else(|| wrong(field, EXPECTED, token)),
        },
        Token::String => {
            let text = cursor.string(arena)?;
            if text.is_empty() {
                return Ok(0);
            }
            instant::rfc3339(text).map(told).ok_or_else(|| wrong(field, EXPECTED, token))
        }
        Token::Null => cursor.null().map(|()| 0),
        found => Err(wrong(field, EXPECTED, found)),
    }
}

/// A number, or `None` for null.
#[inline]
pub(crate) fn float(cursor: &mut Cursor<'_>, token: Token, field: &str) -> Result<Option<f64>, Fault> {
    match token {
        Token::Number => {
            number::float(cursor.raw_number()?).map(Some).ok_or_else(|| wrong(field, "a number in range", token))
        }
        Token::Null => cursor.null().map(|()| None),
        found => Err(wrong(field, "a number", found)),
    }
}

/// A boolean, or `None` for null.
pub(crate) fn flag(cursor: &mut Cursor<'_>, token: Token, field: &str) -> Result<Option<bool>, Fault> {
    match token {
        Token::Bool => cursor.bool().map(Some),
        Token::Null => cursor.null().map(|()| None),
        found => Err(wrong(field, "a boolean", found)),
    }
}

/// The raw text of an object; empty for null and for an object without members.
pub(crate) fn raw_object<'a>(cursor: &mut Cursor<'a>, token: Token, field: &str) -> Result<&'a str, Fault> {
    match token {
        Token::Object => {
            let raw = cursor.raw_value(1)?;
            Ok(if raw[1..raw.len() - 1].trim().is_empty() { "" } else { raw })
        }
        Token::Null => cursor.null().map(|()| ""),
        found => Err(wrong(field, "an object", found)),
    }
}

fn word<'a>(
    cursor: &mut Cursor<'a>,
    token: Token,
    arena: &mut Arena<'a>,
    slot: Word,
    field: &str,
) -> Result<Option<u8>, Fault> {
    let text = string(cursor, token, arena, field)?;
    if text.is_empty() {
        return Ok(None);
    }
    slot.code(text)
        .map(Some)
        .ok_or_else(|| Reject::fault(Reason::WrongType, format!("{field}: a word outside its set")))
}

fn campaign<'a>(
    cursor: &mut Cursor<'a>,
    token: Token,
    arena: &mut Arena<'a>,
    values: &mut Values<'a>,
) -> Result<(), Fault> {
    match token {
        Token::Object => cursor.open_object()?,
        Token::Null => return cursor.null(),
        found => return Err(wrong("campaign", "an object", found)),
    }
    let mut first = true;
    while let Some(key) = cursor.key(&mut first, arena)? {
        let token = cursor.peek()?;
        match fields::CAMPAIGN.slot(key) {
            Some(Slot::Str(slot)) => {
                values.strs[slot as usize] = match token {
                    Token::String | Token::Null => string(cursor, token, arena, key)?,
                    found => return Err(wrong(&format!("campaign.{key}"), "a string", found)),
                }
            }
            _ => drop(cursor.raw_value(2)?),
        }
    }
    Ok(())
}

/// Tags: an array of strings (or one string already joined), joined by commas.
fn tags<'a>(cursor: &mut Cursor<'a>, token: Token, arena: &mut Arena<'a>) -> Result<&'a str, Fault> {
    match token {
        Token::String => return cursor.string(arena),
        Token::Null => return cursor.null().map(|()| ""),
        Token::Array => cursor.open_array()?,
        found => return Err(wrong("tags", "an array of strings", found)),
    }
    arena.build(|joined| {
        let mut first = true;
        while cursor.element(&mut first)? {
            match cursor.peek()? {
                Token::String => {}
                found => return Err(wrong("tags", "an array of strings", found)),
            }
            if !joined.is_empty() {
                joined.push(b",")?;
            }
            cursor.string_into(joined)?;
        }
        Ok(())
    })
}

fn read_items<'a>(
    cursor: &mut Cursor<'a>,
    token: Token,
    arena: &mut Arena<'a>,
    items: &mut Vec<u8>,
) -> Result<(), Fault> {
    items.clear();
    match token {
        Token::Array => cursor.open_array()?,
        Token::Null => return cursor.null(),
        found => return Err(wrong("items", "an array", found)),
    }
    let mut first = true;
    while cursor.element(&mut first)? {
        match cursor.peek()? {
            Token::Object => cursor.open_object()?,
            found => return Err(wrong("items", "an array of objects", found)),
        }
        let mut item = Item { quantity: 1, ..Item::default() };
        let mut first = true;
        while let Some(key) = cursor.key(&mut first, arena)? {
            let token = cursor.peek()?;
            match key.as_bytes() {
                b"product" => item.product = string(cursor, token, arena, "items.product")?,
                b"name" => item.name = string(cursor, token, arena, "items.name")?,
                b"category" => item.category = string(cursor, token, arena, "items.category")?,
                b"price" => item.price = price(float(cursor, token, "items.price")?)?,
                b"quantity" => item.quantity = quantity(float(cursor, token, "items.quantity")?)?,
                _ => drop(cursor.raw_value(3)?),
            }
        }
        Items::push(items, &item);
    }
    Ok(())
}

/// The price of an item from a number; absent is 0.
pub(crate) fn price(value: Option<f64>) -> Result<Micros, Fault> {
    Micros::from_f64(value.unwrap_or(0.0))
        .ok_or_else(|| Reject::fault(Reason::WrongType, "items.price: a number beyond the range of money"))
}

/// The quantity of an item from a number; absent is 1. Fractions (weights) are rounded, never down to none.
pub(crate) fn quantity(value: Option<f64>) -> Result<u32, Fault> {
    let value = value.unwrap_or(1.0);
    if !(0.0..=f64::from(u32::MAX)).contains(&value) {
        return Err(Reject::fault(Reason::WrongType, "items.quantity: expected a count from 0 to 4294967295"));
    }
    Ok(if value > 0.0 { value.round().max(1.0) as u32 } else { 0 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kind::Kind;
    use crate::vocabulary::{Author, Channel, Scale};

    fn reject(json: &str) -> (Reason, String) {
        let reject = click(json.as_bytes(), &mut Scratch::new()).unwrap_err();
        (reject.reason, reject.detail)
    }

    #[test]
    fn a_full_click() {
        let json = r#" {"event_id":"e1","site":"shop","occurred_at":"2026-03-01T02:15:00.123Z","sent_at":1772331300500,
            "received_at":null,"visitor":"v-1","name":"Product Added","title":"Caf\u00e9 \"x\"","latitude":13.75,
            "items":[{"product":"p1","name":"Kit","price":12.5,"quantity":2,"extra":[1,{}]},{"product":"p2"}],
            "campaign":{"source":"news","medium":"email","x":{}},"properties": {"a" : [1, 2]} ,"consent":false,
            "revenue":25.0,"unknown":{"deep":[{}]},"occurred\u005fat":1772331300123} "#;
        let mut scratch = Scratch::new();
        let click = click(json.as_bytes(), &mut scratch).unwrap();
        assert_eq!((click.event_id, click.visitor, click.site), ("e1", "v-1", "shop"));
        assert_eq!((click.occurred_at, click.sent_at, click.received_at), (1_772_331_300_123, 1_772_331_300_500, 0));
        assert_eq!((click.kind, click.name, click.title), (Kind::AddToCart, "Product Added", "Café \"x\""));
        assert_eq!((click.campaign.source, click.campaign.medium), ("news", "email"));
        assert_eq!((click.properties, click.consent, click.revenue), (r#"{"a" : [1, 2]}"#, Some(false), Some(25.0)));
        let items: Vec<_> = click.items.iter().collect();
        assert_eq!((items[0].product, items[0].price, items[0].quantity), ("p1", Micros(12_500_000), 2));
        assert_eq!((items[1].product, items[1].quantity), ("p2", 1));
    }

    #[test]
    fn times_alone_are_those_of_the_whole() {
        let mut scratch = Scratch::new();
        let json = r#"{"properties":{"occurred_at":1},"occurred_at":"2026-03-01T02:15:00.123Z","visitor":12,"name":"a\"b",
            "sent_at":1772331300500,"received_at":null,"updated_at":[{}],"sent_at":1772331300501}"#;
        let times = Times { occurred: 1_772_331_300_123, sent: 1_772_331_300_501, received: 0 };
        assert_eq!(click_times(json.as_bytes(), &mut scratch), Ok(times));
        assert_eq!(support_times(json.as_bytes(), &mut scratch), Ok(Times { sent: 0, ..times }));
        for bad in ["", "[]", "{\"a\":\"b}", "{\"a\":1,}", "{} x", "{\"occurred_at\":true}"] {
            let times = click_times(bad.as_bytes(), &mut scratch);
            assert!(times.is_err() || times == Ok(Times::default()), "{bad}");
        }
    }

    #[test]
    fn the_first_moment_of_1970_is_a_time_that_is_told() {
        let mut scratch = Scratch::new();
        let mut occurred = |told: &str| {
            let json =
                format!(r#"{{"event_id":"e","visitor":"v","name":"page_view","occurred_at":{told},"sent_at":0}}"#);
            let times = click_times(json.as_bytes(), &mut scratch).unwrap();
            let click = click(json.as_bytes(), &mut scratch).unwrap();
            assert_eq!((click.occurred_at, click.sent_at), (times.occurred, times.sent));
            assert_eq!(times.sent, 0, "no time");
            (times.occurred, crate::validate::click(&click, 0).unwrap_err().reason)
        };
        for told in ["0", "\"1970-01-01T00:00:00Z\"", "\"1970-01-01T07:00:00+07:00\""] {
            assert_eq!(occurred(told), (1, crate::reject::Reason::AbsurdTime), "{told}");
        }
        for absent in ["null", "\"\""] {
            assert_eq!(occurred(absent), (0, crate::reject::Reason::MissingField), "{absent}");
        }
    }

    #[test]
    fn times_of_flat_objects_are_found_without_reading_them() {
        let flat = |json: &str| flat_times(json.as_bytes(), &fields::CLICK).map(|t| (t.occurred, t.sent, t.received));
        let json = r#"{"name":"sent_at", "occurred_at" : 1772331300123 ,"received_at":7,"title":"สวัสดี"}"#;
        assert_eq!(flat(json), None, "a space after a number is left to the parser");
        assert_eq!(flat(&json.replace(" ,", ",")), Some((1_772_331_300_123, 0, 7)));
        assert_eq!(flat(r#"{"sent_at":1,"sent_at":2,"occurred_at":3}"#), Some((3, 2, 0)));
        for other in [
            r#"{"occurred_at":"2026-03-01T02:15:00Z"}"#,
            r#"{"occurred_at":1.5}"#,
            r#"{"occurred_at":-1}"#,
            r#"{"occurred_at":null}"#,
            r#"{"occurred_at":1,"properties":{"sent_at":2}}"#,
            r#"{"occurred_at":1,"sent\u005fat":2}"#,
            r#"{"occurred_at":1"#,
        ] {
            assert_eq!(flat(other), None, "{other}");
        }
        let support = support_times(br#"{"occurred_at":3,"sent_at":2}"#, &mut Scratch::new());
        assert_eq!(support, Ok(Times { occurred: 3, sent: 0, received: 0 }));
    }

    #[test]
    fn keys_are_read_in_any_order_whatever_came_before() {
        let mut scratch = Scratch::new();
        let orders = [
            r#"{"event_id":"e","visitor":"v","name":"n","site":"s"}"#,
            r#"{"site":"s","name":"n","visitor":"v","event_id":"e"}"#,
            r#" { "event_id" : "e", "x":1,"visitor":"v","y":[{}], "name":"n","site":"s"}"#,
            r#"{"event_id":"e","visitor":"v","visitor":"v","name":"n","site":"s","z":null}"#,
        ];
        for json in orders.iter().chain(orders.iter().rev()).chain(&orders) {
            let click = click(json.as_bytes(), &mut scratch).unwrap();
            assert_eq!((click.event_id, click.visitor, click.name, click.site), ("e", "v", "n", "s"), "{json}");
        }
        for bad in [r#"{"event_id":"e""visitor":"v"}"#, r#"{,"event_id":"e"}"#, r#"{"event_id":"e",}"#] {
            assert_eq!(click(bad.as_bytes(), &mut scratch).unwrap_err().reason, Reason::MalformedJson, "{bad}");
        }
    }

    #[test]
    fn a_full_support_entry() {
        let json = r#"{"entry_id":"s1","occurred_at":1772331300123,"channel":"email","author":"agent","kind":"rating",
            "rating":4,"scale":"csat","tags":["billing","a\"b"],"text":"สวัสดี","conversation":"c1","properties":{}}"#;
        let mut scratch = Scratch::new();
        let entry = support(json.as_bytes(), &mut scratch).unwrap();
        assert_eq!(
            (entry.channel, entry.author, entry.kind),
            (Channel::SupportEmail, Author::Agent, Kind::SupportRating)
        );
        assert_eq!((entry.tags, entry.rating, entry.scale), ("billing,a\"b", Some(4.0), Scale::Csat));
        assert_eq!((entry.text, entry.properties), ("สวัสดี", ""));
    }

    #[test]
    fn wrong_types_name_the_field() {
        let wrong = |json: &str, start: &str| {
            let (reason, detail) = reject(json);
            assert_eq!(reason, Reason::WrongType, "{json}");
            assert!(detail.starts_with(start), "{detail}");
        };
        wrong(r#"{"visitor":12}"#, "visitor:");
        wrong(r#"{"revenue":"12"}"#, "revenue:");
        wrong(r#"{"occurred_at":"1772331300123"}"#, "occurred_at:");
        wrong(r#"{"items":[{"price":"1"}]}"#, "items.price:");
        wrong(r#"{"items":[{"quantity":-1}]}"#, "items.quantity:");
        wrong(r#"{"campaign":{"source":[]}}"#, "campaign.source:");
        wrong(r#"{"properties":"x"}"#, "properties:");
        wrong(r#"{"consent":"yes"}"#, "consent:");
        wrong(r#"{"latitude":91}"#, "latitude:");
    }

    #[test]
    fn bad_json_is_refused() {
        for bad in
            ["", " ", "[]", "null", "{", "{}x", "{\"a\" 1}", "{\"a\":1,}", "{,}", "{\"visitor\":\"a}", "{\"a\":nul}"]
        {
            assert_eq!(reject(bad).0, Reason::MalformedJson, "{bad}");
        }
        let deep = format!("{{\"properties\":{}{}}}", "{\"a\":".repeat(10_000), "}".repeat(10_000));
        assert_eq!(reject(&deep).0, Reason::TooDeep);
        let bytes = b"{\"visitor\":\"\xff\"}";
        assert_eq!(click(bytes, &mut Scratch::new()).unwrap_err().reason, Reason::InvalidUtf8);
    }
}
