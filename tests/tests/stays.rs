//! Stays in shops from a file to the view `store_stays`: positions laid on fences, jitter, holes, visits told, late ones.

use crumbtrail_tests::{Deployment, has_engine};

const START_MS: i64 = 1_760_000_000_000;
/// Degrees north and east.
type At = (f64, f64);

/// A circle of 50 m, and a square of 440 m round a yard of 220 m that is not part of it.
const FENCES: &str = r#"{"type":"FeatureCollection","features":[
  {"type":"Feature","properties":{"name":"Siam branch","store":"siam","radius_m":50},
   "geometry":{"type":"Point","coordinates":[100.5,13.75]}},
  {"type":"Feature","properties":{"name":"mall"},"geometry":{"type":"Polygon","coordinates":[
   [[100.5,13.76],[100.504,13.76],[100.504,13.764],[100.5,13.764],[100.5,13.76]],
   [[100.501,13.761],[100.503,13.761],[100.503,13.763],[100.501,13.763],[100.501,13.761]]]}}]}"#;
/// In the square, 55 m from every edge; in its yard, and there 11 m from the edge.
const MALL: At = (13.7605, 100.502);
const YARD: At = (13.762, 100.502);
const YARD_EDGE: At = (13.7611, 100.502);
const FAR: At = (13.9, 100.9);

/// So many metres north of the circle's middle: a degree of latitude is 111,195 m.
fn siam(metres: f64) -> At {
    (13.75 + metres / 111_195.0, 100.5)
}

/// One event of a visitor, received a second later.
fn line(visitor: &str, minute: f64, name: &str, more: &str) -> String {
    let at = START_MS + (minute * 60_000.0) as i64;
    let received = at + 1_000;
    format!(
        "{{\"event_id\":\"{visitor}.{minute}.{name}\",\"site\":\"shop\",\"visitor\":\"{visitor}\",\"occurred_at\":{at},\
         \"received_at\":{received},\"name\":\"{name}\"{more}}}\n"
    )
}

/// A view with the device's position, and further fields.
fn seen_with(visitor: &str, minute: f64, (latitude, longitude): At, accuracy_m: f64, more: &str) -> String {
    let position = format!(
        ",\"latitude\":{latitude:.6},\"longitude\":{longitude:.6},\"properties\":{{\"accuracy_m\":{accuracy_m}}}{more}"
    );
    line(visitor, minute, "page_view", &position)
}

fn seen(visitor: &str, minute: f64, at: At) -> String {
    seen_with(visitor, minute, at, 5.0, "")
}

/// A visit told by a beacon, till or check-in.
fn told(visitor: &str, minute: f64, store: &str) -> String {
    line(visitor, minute, "store_visit", &format!(",\"store\":\"{store}\""))
}

fn shop() -> Deployment {
    let mut shop = Deployment::new("");
    let fences = shop.write("shops.geojson", FENCES);
    let config = std::fs::read_to_string(shop.config()).expect("the configuration");
    std::fs::write(shop.config(), format!("{config}enrich: {{fences: {}}}\n", fences.display()))
        .expect("it is written");
    shop.start_engine();
    shop
}

/// Imports lines; event time is closed after them unless it is `kept_open`.
#[track_caller]
fn import(shop: &Deployment, name: &str, lines: &[String], kept_open: bool) -> String {
    let file = shop.write(name, lines.concat()).into_os_string();
    let open = kept_open.then(|| "--keep-open".into());
    shop.ok("import", ["--format".into(), "native".into(), file].into_iter().chain(open))
}

/// The stays: visitor, shop, entered, left and inside for so many minutes, dwelt, visits told, customer.
#[track_caller]
fn stays(shop: &Deployment) -> Vec<String> {
    let minute = |column: &str| format!("(toUnixTimestamp64Milli({column}) - {START_MS}) / 60000");
    let rows = shop.sql(&format!(
        "SELECT concat(visitor, ' ', store, ' ', toString({}), '–', ifNull(toString({}), '…'), ' (', toString(inside_ms / 60000), ')',
             if(is_dwell, '!', ''), repeat('+', visit_count), if(customer = '', '', concat(' ', customer)))
         FROM store_stays WHERE site = 'shop' ORDER BY visitor, entered_at, store",
        minute("entered_at"),
        minute("left_at"),
    ));
    rows.lines().map(str::to_owned).collect()
}

/// All that the tables hold of it.
fn everything(shop: &Deployment) -> [String; 3] {
    ["sessions", "store_stays", "touchpoints"].map(|table| shop.sql(&format!("SELECT * FROM {table} ORDER BY ALL")))
}

#[test]
fn who_enters_stays_and_leaves_is_told_to_the_millisecond() {
    if !has_engine("who_enters_stays_and_leaves_is_told_to_the_millisecond") {
        return;
    }
    let shop = shop();
    let robot = ",\"user_agent\":\"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)\"";
    let mut lines = vec![
        // Jitter at the edge, a jump, a position too inaccurate to decide; then really away.
        seen("edge", 0.0, siam(400.0)),
        seen("edge", 1.0, siam(45.0)),
        seen("edge", 2.0, siam(60.0)),
        seen("edge", 2.5, siam(45.0)),
        seen_with("edge", 3.0, siam(90.0), 30.0, ""),
        seen("edge", 4.0, siam(500.0)),
        seen("edge", 5.0, siam(65.0)),
        seen("edge", 6.25, siam(40.0)),
        seen_with("edge", 7.0, FAR, 300.0, ""),
        seen("edge", 8.0, siam(80.0)),
        seen("edge", 9.0, siam(65.0)),
        seen("edge", 10.0, siam(80.0)),
        seen("edge", 11.0, siam(80.0)),
        // Past a shop, and later into it until nothing more is known.
        seen("passer", 0.0, siam(10.0)),
        seen("passer", 2.0, siam(-10.0)),
        seen("passer", 3.0, FAR),
        seen("passer", 4.0, FAR),
        seen("passer", 6.0, siam(0.0)),
        seen("passer", 8.0, siam(0.0)),
        // The yard is no part of the mall; who is in the mall may step to its edge.
        seen("yard", 0.0, YARD),
        seen("yard", 1.0, YARD_EDGE),
        seen("yard", 2.0, MALL),
        seen("yard", 8.0, MALL),
        seen("yard", 9.0, YARD_EDGE),
        seen("yard", 10.0, YARD),
        seen("yard", 11.0, YARD),
        seen("outside", 0.0, YARD),
        seen("outside", 5.0, YARD_EDGE),
        seen("outside", 6.0, siam(60.0)),
        // A till of a shop without a fence, and one that says more than the position.
        line("till", 0.0, "page_view", ""),
        told("till", 1.0, "kiosk"),
        told("till", 4.0, "kiosk"),
        seen("till", 5.0, siam(0.0)),
        seen("till", 6.0, siam(0.0)),
        told("till", 7.0, "siam"),
        // Another customer, and silence longer than the gap: other sessions, and other stays.
        seen_with("shared", 0.0, siam(0.0), 5.0, ",\"customer\":\"ann\""),
        seen("shared", 3.0, siam(0.0)),
        seen_with("shared", 4.0, siam(0.0), 5.0, ",\"customer\":\"bob\""),
        seen("shared", 10.0, siam(0.0)),
        seen("shared", 50.0, siam(0.0)),
        // Robots go to no shop, and an address's place is none.
        seen_with("robot", 0.0, siam(0.0), 5.0, robot),
        line("nowhere", 0.0, "page_view", ""),
    ];
    // Backwards, and a third of them again: no event of one import is late.
    lines.reverse();
    let again: Vec<String> = lines.iter().step_by(3).cloned().collect();
    let count = lines.len() as i64;
    lines.extend(again.iter().cloned());
    import(&shop, "walks.jsonl", &lines, false);

    let expected = [
        "edge siam 1–10 (8)!",
        "passer siam 0–3 (2)",
        "passer siam 6–8 (2)",
        "shared siam 0–3 (3) ann",
        "shared siam 4–10 (6)! bob",
        "shared siam 50–50 (0)",
        "till kiosk 1–5 (3)++",
        "till siam 5–7 (2)+",
        "yard mall 2–10 (7)!",
    ];
    assert_eq!(stays(&shop), expected);
    let outcomes = "SELECT outcome, count() FROM touchpoints GROUP BY outcome ORDER BY outcome";
    assert_eq!(shop.sql(outcomes), format!("counted\t{count}\nduplicate\t{}\n", again.len()));
    assert_eq!(
        shop.sql("SELECT visitor, arrayMap(stay -> stay.store, stays) FROM sessions ORDER BY visitor, started_at"),
        "edge\t['siam']\nnowhere\t[]\noutside\t[]\npasser\t['siam','siam']\nrobot\t['siam']\nshared\t['siam']\n\
         shared\t['siam']\nshared\t['siam']\ntill\t['kiosk','siam']\nyard\t['mall']\n"
    );
    assert_eq!(shop.number("SELECT uniqExact(session_id) FROM store_stays WHERE visitor = 'shared'"), 3);
    assert_eq!(
        shop.sql(
            "SELECT store, fences FROM touchpoints WHERE visitor = 'yard' AND outcome = 'counted' ORDER BY occurred_at"
        ),
        "\t['']\n\t['','mall']\nmall\t['mall']\nmall\t['mall']\n\t['','mall']\n\t['']\n\t['']\n"
    );

    let before = everything(&shop);
    let said = import(&shop, "walks.jsonl", &lines, false);
    assert!(said.contains(&format!("{} imported before", lines.len())), "{said}");
    assert_eq!(everything(&shop), before, "the same file again changes nothing");
    assert_eq!(shop.sql("SELECT * FROM audit"), "");
}

#[test]
fn a_late_position_corrects_a_stay_and_one_that_is_too_late_does_not() {
    if !has_engine("a_late_position_corrects_a_stay_and_one_that_is_too_late_does_not") {
        return;
    }
    let shop = shop();
    let first = [
        seen("late", 0.0, siam(0.0)),
        seen("late", 10.0, FAR),
        seen("late", 11.0, FAR),
        seen("here", 10.0, siam(0.0)),
        seen("here", 16.0, siam(0.0)),
        // Others bring the watermark on: what is told so far gets its rows.
        line("other", 40.0, "page_view", ""),
    ];
    import(&shop, "first.jsonl", &first, true);
    assert_eq!(stays(&shop), ["here siam 10–… (6)!", "late siam 0–10 (0)"]);

    // 34 minutes behind the latest, within the hour that is allowed.
    let second = [seen("late", 6.0, siam(0.0)), seen("late", 6.0, siam(0.0)), line("other", 41.0, "page_view", "")];
    import(&shop, "second.jsonl", &second, true);
    assert_eq!(stays(&shop), ["here siam 10–… (6)!", "late siam 0–10 (6)!"]);

    let third = [line("other", 300.0, "page_view", "")];
    import(&shop, "third.jsonl", &third, false);
    let closed = ["here siam 10–16 (6)!", "late siam 0–10 (6)!"];
    assert_eq!(stays(&shop), closed);
    let fourth = [seen("late", 9.0, siam(0.0)), seen("late", 12.0, siam(0.0))];
    import(&shop, "fourth.jsonl", &fourth, false);
    assert_eq!(stays(&shop), closed);
    let outcomes = "SELECT outcome, count() FROM touchpoints WHERE visitor = 'late' GROUP BY outcome ORDER BY outcome";
    assert_eq!(shop.sql(outcomes), "counted\t4\nduplicate\t1\nlate\t2\n");
    assert_eq!(shop.sql("SELECT * FROM audit"), "");
}
