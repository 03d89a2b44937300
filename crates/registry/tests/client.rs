//! The client against the double: caching, unknown ids, outages, refusals.
#![allow(clippy::unwrap_used)] // In helpers of tests, a panic is the message.

use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

use crumbtrail_events::avro::{Target, confluent};
use crumbtrail_events::{ClickEvent, Kind, Reason, Scratch, encode};
use crumbtrail_registry::double::Double;
use crumbtrail_registry::{Registry, RegistryError, Settings};

fn pair() -> (Double, Registry) {
    let double = Double::start().unwrap();
    let registry = Registry::new(&Settings {
        url: double.url(),
        first_pause: Duration::from_millis(20),
        longest_pause: Duration::from_millis(80),
        unknown_for: Duration::from_millis(100),
        ..Settings::default()
    });
    (double, registry)
}

fn reason(registry: &Registry, id: u32, target: Target) -> Reason {
    match registry.plan(id, target) {
        Err(RegistryError::Reject(reject)) => reject.reason,
        other => panic!("expected a reject, got {other:?}"),
    }
}

#[test]
fn a_registered_schema_reads_its_records_and_is_asked_for_once() {
    let (double, registry) = pair();
    let id = registry.register("clicks-value", Target::Click.schema()).unwrap();
    assert_eq!(registry.register("clicks-value", Target::Click.schema()).unwrap(), id);
    let dense: String = Target::Click.schema().lines().map(str::trim).collect();
    assert_eq!(registry.register("clicks-value", &dense).unwrap(), id, "white space makes no other schema");
    let click =
        ClickEvent { event_id: "e", visitor: "v", occurred_at: 9, kind: Kind::PageView, ..ClickEvent::default() };
    let mut record = Vec::new();
    confluent::put_frame(&mut record, id);
    encode::avro::click(&click, &mut record);
    let before = double.requests();
    for _ in 0..10 {
        let (of, body) = confluent::split(&record).unwrap();
        assert_eq!(registry.plan(of, Target::Click).unwrap().click(body, &mut Scratch::new()).unwrap(), click);
    }
    assert_eq!(double.requests() - before, 1);
    assert_eq!(reason(&registry, id, Target::Support), Reason::IncompatibleSchema);
}

#[test]
fn an_unknown_id_is_a_reject_until_it_is_known() {
    let (double, registry) = pair();
    assert_eq!(reason(&registry, 1, Target::Click), Reason::UnknownSchema);
    let asked = double.requests();
    assert_eq!(reason(&registry, 1, Target::Click), Reason::UnknownSchema);
    assert_eq!(double.requests(), asked);
    assert_eq!(registry.register("a/b", Target::Click.schema()).unwrap(), 1);
    std::thread::sleep(Duration::from_millis(120));
    assert!(registry.plan(1, Target::Click).is_ok());
}

#[test]
fn an_outage_pauses_and_changes_no_outcome() {
    let (double, registry) = pair();
    let id = registry.register("clicks-value", Target::Click.schema()).unwrap();
    for status in [500, 503, 429, 401, 302] {
        double.fail_with(Some(status));
        let deadline = Instant::now() + Duration::from_millis(60);
        while Instant::now() < deadline {
            match registry.plan(id, Target::Click) {
                Err(RegistryError::Unavailable { retry_in, .. }) => {
                    std::thread::sleep(retry_in.min(Duration::from_millis(5)))
                }
                other => panic!("{status}: {other:?}"),
            }
        }
    }
    assert!(double.requests() < 40, "pauses hold requests back: {}", double.requests());
    double.fail_with(None);
    let deadline = Instant::now() + Duration::from_secs(5);
    while registry.plan(id, Target::Click).is_err() {
        assert!(Instant::now() < deadline, "the registry is back, the client is not");
        std::thread::sleep(Duration::from_millis(5));
    }
    let url = double.url();
    drop(double);
    // What is known stays known without a registry; what isn't, waits.
    assert!(registry.plan(id, Target::Click).is_ok());
    assert_eq!(registry.plan(77, Target::Click).unwrap_err().kind(), "registry_unavailable", "{url}");
}

/// Answers each request alike, with a page in the registry's place.
fn page(status: &'static str, body: &'static str) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 2048]);
            let head = format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
            let _ = stream.write_all([head.as_bytes(), body.as_bytes()].concat().as_slice());
        }
    });
    url
}

#[test]
fn a_page_in_the_registrys_place_makes_no_dead_letters() {
    let kind = |status, body| {
        let registry = Registry::new(&Settings { url: page(status, body), ..Settings::default() });
        registry.plan(1, Target::Click).unwrap_err().kind()
    };
    for (status, body) in [
        ("200 OK", "<html>log in</html>"),
        ("200 OK", r#"{"status":"maintenance"}"#),
        ("200 OK", r#"{"schema":null}"#),
        ("200 OK", "[]"),
        ("404 Not Found", "<html>no such page</html>"),
        ("404 Not Found", r#"{"error_code":404,"message":"HTTP 404 Not Found"}"#),
        ("404 Not Found", r#"{"message":"no Route matched with those values"}"#),
    ] {
        assert_eq!(kind(status, body), "registry_unavailable", "{status} {body}");
    }
    assert_eq!(kind("404 Not Found", r#"{"error_code":40403,"message":"Schema not found"}"#), "registry_reject");
    assert_eq!(kind("200 OK", r#"{"schema":"no Avro"}"#), "registry_reject");
}

#[test]
fn what_the_registry_refuses_is_said() {
    let (_double, registry) = pair();
    registry.register("clicks-value", Target::Click.schema()).unwrap();
    let error = registry.register("clicks-value", Target::Support.schema()).unwrap_err();
    assert_eq!(error.kind(), "registry_refused");
    let error = registry.register("other", "{").unwrap_err();
    assert!(error.to_string().contains("invalid Avro schema"), "{error}");
    let id = registry.register("plain", "\"string\"").unwrap();
    assert_eq!(reason(&registry, id, Target::Click), Reason::IncompatibleSchema);
}
