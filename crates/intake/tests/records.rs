//! From a record's bytes to the touchpoint in our log: what enrichment adds, what consent leaves.

use std::sync::Arc;

use crumbtrail_enrich::asn::{System, Systems};
use crumbtrail_enrich::fence::Fences;
use crumbtrail_enrich::mmdb_writer::{Layout, write_mmdb, write_systems};
use crumbtrail_enrich::network::AddressList;
use crumbtrail_enrich::page::PageRules;
use crumbtrail_enrich::{Chosen, Enricher, Geo, Hasher, Key, Keyring, Place, Rules};
use crumbtrail_events::avro::{CLICK_SCHEMA, Plan, Target, confluent};
use crumbtrail_events::touchpoint::{Asides, Role, To};
use crumbtrail_events::{ClickEvent, Kind, Outcome, Reject, Touchpoint, encode};
use crumbtrail_intake::decoder::NoRegistry;
use crumbtrail_intake::{Decided, Decoder, Hold, Input, Intake, Schemas, Settings, SourceShape, WithoutConsent};
use crumbtrail_sentiment::Scorer;

const PHONE: &str = "Mozilla/5.0 (Linux; Android 13; SM-S918B) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Mobile \
                     Safari/537.36";

fn intake(settings: Settings) -> Intake {
    let place = Place { country: "TH", city: "Bangkok", accuracy_km: Some(20), ..Place::default() };
    let place = Place { latitude: Some(13.75), longitude: Some(100.5), ..place };
    let places = [("203.0.113.0/24".parse().unwrap(), place)];
    let systems = [("203.0.113.0/25".parse().unwrap(), System { number: 16_509, organisation: "AMAZON-02" })];
    let geo = Geo::from_bytes(write_mmdb(&places, Layout::Nested, 1_700_000_000).unwrap()).unwrap();
    let mut rules = Rules::default();
    rules.default.pages = PageRules::read("/blog/** group=Blog type=article topic=running\n").unwrap();
    let contacts = Keyring::new(&[Key::new(*b"a key of this test", 0)], 0).unwrap();
    let mut enricher = Enricher::new(Arc::new(rules), Some(Arc::new(geo)), Some(contacts));
    let systems = Systems::from_bytes(write_systems(&systems, 0).unwrap()).unwrap();
    enricher.set_systems(Some(Arc::new(systems)));
    enricher.set_robots(Some(Arc::new(AddressList::read("203.0.113.66").unwrap())));
    let fence = r#"{"type":"FeatureCollection","features":[{"type":"Feature","properties":{"name":"Siam","store":"s1"},
        "geometry":{"type":"Point","coordinates":[100.5347,13.7466]}}]}"#;
    enricher.set_fences(Some(Arc::new(Fences::read(fence, 0.0).unwrap())));
    let decoder = Decoder::new(Box::new(NoRegistry), [0; 16]).unwrap();
    Intake::new(decoder, enricher, Arc::new(Scorer::when_needed()), settings)
}

/// Judges a record: a page view with these members besides the required ones.
fn judge(intake: &mut Intake, members: &str, check: impl FnOnce(Decided, Touchpoint<'_>)) {
    judge_named(intake, "page_view", members, check);
}

/// Judges a record: a click of this name with these members besides the required ones.
fn judge_named(intake: &mut Intake, name: &str, members: &str, check: impl FnOnce(Decided, Touchpoint<'_>)) {
    let json = format!(r#"{{"event_id":"e1","occurred_at":1700000000000,"visitor":"v1","name":"{name}",{members}}}"#);
    let mut out = Vec::new();
    let decided = intake.judge(&input_of(SourceShape::ClickJson, &json), &mut out, &mut Asides::default()).unwrap();
    check(decided, Touchpoint::decode(&out).unwrap());
}

fn input_of(shape: SourceShape, json: &str) -> Input<'_> {
    Input {
        shape,
        site: "shop",
        topic: "clicks",
        partition: 0,
        offset: 7,
        origin: 5,
        file: "clicks",
        payload: Some(json.as_bytes()),
        arrived_at: 1_700_000_000_500,
        filed_at: 1_700_000_000_500,
    }
}

#[test]
fn what_address_agent_and_page_say_is_in_the_log() {
    let mut intake = intake(Settings::default());
    let members =
        |ip: &str| format!(r#""ip":"{ip}","user_agent":"{PHONE}","url":"https://shop.example/blog/how-to-run""#);
    for _ in 0..2 {
        judge(&mut intake, &members("203.0.113.7"), |decided, t| {
            assert_eq!((decided.outcome, t.country, t.city, t.accuracy_km), (Outcome::Counted, "TH", "Bangkok", 20));
            assert_eq!((t.asn, t.network_owner, t.geo_edition), (16_509, "AMAZON-02", "Crumbtrail-City 2023-11-14"));
            assert_eq!((t.brand, t.browser, t.browser_version, t.os_version), ("Samsung", "Chrome", "126.0", "13"));
            assert_eq!((t.bot, t.bot_indicators), ("", "data_centre"));
            assert_eq!((t.page_group, t.content_type, t.content_topic), ("Blog", "article", "running"));
        });
    }
    judge(&mut intake, &members("203.0.113.66"), |_, t| {
        assert_eq!((t.bot, t.bot_indicators), ("address_list", "address_list,data_centre"));
    });
    judge(&mut intake, r#""ip":"198.51.100.1","url":"https://shop.example/other""#, |_, t| {
        let texts = [t.network_owner, t.geo_edition, t.brand, t.bot_indicators, t.page_group];
        assert_eq!((texts, t.accuracy_km, t.asn), ([""; 5], 0, 0), "unknown stays empty");
    });
}

#[test]
fn a_dead_letter_tells_how_many_bytes_it_had() {
    let mut letter = Vec::new();
    let input = input_of(SourceShape::ClickJson, "{broken");
    let decided = intake(Settings::default()).judge(&input, &mut letter, &mut Asides::default()).unwrap();
    let told = Touchpoint::decode(&letter).unwrap();
    assert_eq!((decided.outcome, told.characters, told.text), (Outcome::Dead, 7, "{broken"));
}

#[test]
fn a_media_event_is_of_the_kind_of_how_far_it_got() {
    let mut intake = intake(Settings::default());
    for (name, properties, kind, kept) in [
        ("Video Playback Started", r#"{"position":0,"total_length":90}"#, Kind::MediaPlayed, "Video Playback Started"),
        ("video_progress", r#"{"video_percent":25}"#, Kind::MediaWatched, "video_progress"),
        ("media_played", r#"{"percent":50}"#, Kind::MediaWatched, ""),
        ("VideoEnd", "{}", Kind::MediaCompleted, "VideoEnd"),
        ("Coupon Denied", r#"{"percent":50}"#, Kind::Custom, "Coupon Denied"),
    ] {
        judge_named(&mut intake, name, &format!(r#""properties":{properties}"#), |_, t| {
            assert_eq!((t.head.kind, t.name), (kind, kept), "{name}");
        });
    }
}

#[test]
fn a_currency_in_small_letters_is_the_same_one() {
    let mut intake = intake(Settings::default());
    for (told, kept) in [("thb", "THB"), ("THB", "THB"), ("points", "points")] {
        judge_named(&mut intake, "purchase", &format!(r#""revenue":5,"currency":"{told}""#), |_, t| {
            assert_eq!(t.currency, kept);
        });
    }
}

#[test]
fn a_device_in_a_shop_and_a_check_in_name_the_shop() {
    let mut intake = intake(Settings::default());
    let here = r#""latitude":13.7466,"longitude":100.5347"#;
    for (members, store) in [
        (here.to_owned(), "s1"),
        (format!(r#"{here},"properties":{{"accuracy":35}}"#), "s1"),
        (format!(r#"{here},"properties":{{"accuracy":3500}}"#), ""),
        (format!(r#"{here},"store":"s2""#), "s2"),
        (r#""latitude":13.7566,"longitude":100.5347"#.to_owned(), ""),
        (r#""store":"s3""#.to_owned(), "s3"),
    ] {
        judge(&mut intake, &members, |_, t| assert_eq!(t.store, store, "{members}"));
    }
}

#[test]
fn without_consent_nobody_is_kept() {
    let page = r#""ip":"203.0.113.7","url":"https://shop.example/blog/how-to-run?gcs=G100","customer":"c1","contact":"a@b.co""#;
    let told = r#""consent":false,"url":"https://shop.example/blog/how-to-run","customer":"c1","text":"this is great""#;
    for members in [page, told] {
        judge(&mut intake(Settings::default()), members, |decided, t| {
            assert_eq!((decided.outcome, t.head.outcome), (Outcome::Erased, Outcome::Erased));
            assert_eq!((t.site, t.visitor, t.customer, t.contact, t.page), ("shop", "", "", "", ""));
            assert_ne!(t.head.key, crumbtrail_events::Key::visitor("shop", "v1"), "the log can't tell who it was");
        });
        let counts = Settings { without_consent: WithoutConsent::Counts, ..Settings::default() };
        judge(&mut intake(counts), members, |decided, t| {
            assert_eq!((decided.outcome, decided.key), (Outcome::Erased, t.head.key));
            assert_eq!((t.page, t.page_group, t.offset), ("/blog/how-to-run", "Blog", 7));
            let person = [t.event_id, t.visitor, t.customer, t.contact, t.city, t.text, t.network_owner, t.geo_edition];
            assert_eq!((person, t.latitude, t.score), ([""; 8], None, None));
            assert_ne!(t.head.key, crumbtrail_events::Key::visitor("shop", "v1"), "the log can't tell who it was");
        });
    }
}

#[test]
fn silence_means_what_the_settings_say() {
    for (must_consent, members, expected) in [
        (false, r#""title":"x""#, Outcome::Counted),
        (true, r#""title":"x""#, Outcome::Erased),
        (true, r#""consent":true"#, Outcome::Counted),
        (true, r#""url":"https://shop.example/?gcs=G111""#, Outcome::Counted),
    ] {
        let settings = Settings { must_consent, ..Settings::default() };
        judge(&mut intake(settings), members, |decided, _| assert_eq!(decided.outcome, expected, "{members}"));
    }
}

/// Knows our own schema by every id.
struct Ours(Arc<Plan>);

impl Schemas for Ours {
    fn plan(&mut self, _: u32, _: Target) -> Result<Result<Arc<Plan>, Reject>, Hold> {
        Ok(Ok(self.0.clone()))
    }
}

#[test]
fn a_record_judged_ahead_of_its_end_is_judged_alike_and_a_bad_one_is_not_told() {
    let plan = Arc::new(Plan::compile(CLICK_SCHEMA, Target::Click).unwrap());
    let intake = || {
        let decoder = Decoder::new(Box::new(Ours(plan.clone())), [0; 16]).unwrap();
        let enricher = Enricher::new(Arc::new(Rules::default()), None, None);
        Intake::new(decoder, enricher, Arc::new(Scorer::when_needed()), Settings::default())
    };
    let click = ClickEvent {
        event_id: "e1",
        visitor: "v1",
        occurred_at: 1_700_000_000_000,
        kind: Kind::PageView,
        url: "https://shop.example/a?utm_source=x",
        user_agent: PHONE,
        ..ClickEvent::default()
    };
    let cases =
        [(click, true), (ClickEvent { event_id: "", ..click }, false), (ClickEvent { occurred_at: 1, ..click }, false)];
    for (click, is_told) in cases {
        let mut record = confluent::frame(7).to_vec();
        encode::avro::click(&click, &mut record);
        let more = [&record[..], &[0x80; 40]].concat();
        let input = |payload| Input {
            shape: SourceShape::ClickAvro,
            site: "shop",
            topic: "clicks",
            partition: 0,
            offset: 7,
            origin: 5,
            file: "clicks",
            payload: Some(payload),
            arrived_at: 0,
            filed_at: 0,
        };
        let (mut alone, mut ahead) = (Vec::new(), Vec::new());
        let decided = intake().judge(&input(&record), &mut alone, &mut Asides::default()).unwrap();
        let told = intake().judge_first(&input(&more), &mut ahead, &mut Asides::default()).unwrap();
        assert_eq!(told, is_told.then_some((decided, record.len())));
        assert_eq!(ahead, if is_told { alone } else { Vec::new() });
        // Other formats are asked for one record at a time.
        let lines = Input { shape: SourceShape::ClickJson, ..input(&more) };
        assert_eq!(intake().judge_first(&lines, &mut ahead, &mut Asides::default()).unwrap(), None);
    }
}

/// An intake that hashes these fields under a key that takes over right after the time of the tests' records.
fn hashing(names: &[&str]) -> Intake {
    const DAY: i64 = 86_400_000;
    let keys = [Key::new(*b"a key of this test", 0), Key::new(*b"the next of its keys", 1_700_000_000_000 + DAY)];
    let ring = Keyring::new(&keys, 2 * DAY).unwrap();
    let settings = Settings { never_link: vec!["TILL".to_owned()], ..Settings::default() };
    intake(settings).with_hasher(Hasher::new(Chosen::read(names.iter().copied()).unwrap(), ring))
}

#[test]
fn chosen_fields_leave_intake_as_hashes_only() {
    let names = ["visitor", "customer", "conversation", "order_id", "client_session", "agent", "properties.mail"];
    let mut intake = hashing(&names);
    let plain = ["vis-1", "cus-1", "cus-0", "ord-1", "ses-1", "con-1", "age-1", "ann@example.com"];
    let click = r#"{"event_id":"e1","occurred_at":1700000000000,"visitor":"vis-1","customer":"cus-1","name":"identify",
        "previous_customer":"cus-0","order_id":"ord-1","client_session":"ses-1","properties":{"mail":"ann@example.com"}}"#;
    let entry = r#"{"entry_id":"e2","occurred_at":1700000000000,"visitor":"vis-1","customer":"cus-1","channel":"chat",
        "kind":"message","conversation":"con-1","agent":"age-1","properties":{"mail":"ann@example.com"}}"#;
    let broken = &click[..click.len() - 1];
    let mut customers = Vec::new();
    for (shape, json) in
        [(SourceShape::ClickJson, click), (SourceShape::SupportJson, entry), (SourceShape::ClickJson, broken)]
    {
        let (mut out, mut asides) = (Vec::new(), Asides::default());
        intake.judge(&input_of(shape, json), &mut out, &mut asides).unwrap();
        let all = [&out[..]].into_iter().chain(asides.iter().map(|(_, bytes)| bytes)).collect::<Vec<_>>().concat();
        for id in plain {
            assert!(!all.windows(id.len()).any(|window| window == id.as_bytes()), "{id} of {json}");
        }
        let touchpoint = Touchpoint::decode(&out).unwrap();
        if touchpoint.head.outcome == Outcome::Counted {
            customers.push(touchpoint.customer.to_owned());
            // The key of tomorrow names the same customer.
            let aliases = asides.iter().filter(|(to, bytes)| {
                let aside = Touchpoint::decode(bytes).unwrap();
                *to == To::All && aside.role == Role::Alias && aside.visitor == touchpoint.customer
            });
            assert_eq!(aliases.count(), 1, "{json}");
        }
    }
    assert_eq!(customers.len(), 2);
    assert_eq!(customers[0], customers[1], "one customer in every topic");
}

#[test]
fn blanks_around_a_customers_id_are_not_of_it() {
    let settings = || Settings { never_link: vec!["TILL".to_owned()], ..Settings::default() };
    for (customer, expected) in [(" cus-1\\t", "cus-1"), ("cus 1", "cus 1"), ("TILL ", ""), ("  ", "")] {
        let click = format!(
            r#"{{"event_id":"e1","occurred_at":1700000000000,"visitor":"v","customer":"{customer}","name":"page_view"}}"#
        );
        let entry = format!(
            r#"{{"entry_id":"e2","occurred_at":1700000000000,"visitor":"v","customer":"{customer}","channel":"chat","kind":"message"}}"#
        );
        for (shape, json) in [(SourceShape::ClickJson, click), (SourceShape::SupportJson, entry)] {
            let mut out = Vec::new();
            intake(settings()).judge(&input_of(shape, &json), &mut out, &mut Asides::default()).unwrap();
            assert_eq!(Touchpoint::decode(&out).unwrap().customer, expected, "{json}");
        }
    }
}

#[test]
fn nobodys_ids_are_nobodys_before_they_are_hashed() {
    for customer in ["null", "TILL"] {
        let members = format!(r#""customer":"{customer}""#);
        judge(&mut hashing(&["customer"]), &members, |_, t| assert_eq!(t.customer, "", "{customer}"));
    }
}
