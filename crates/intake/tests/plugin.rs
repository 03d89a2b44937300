//! A plug-in's part in a record: which texts it is asked for, and what of its answer stands in the touchpoint.

use std::sync::{Arc, Mutex};

use crumbtrail_enrich::{Enricher, Rules};
use crumbtrail_events::Touchpoint;
use crumbtrail_events::touchpoint::Asides;
use crumbtrail_events::vocabulary::{Channel, Feeling};
use crumbtrail_intake::decoder::NoRegistry;
use crumbtrail_intake::{Decoder, Input, Intake, Plugin, Settings, SourceShape};
use crumbtrail_sentiment::{Language, Scorer};

/// Reads tickets in any language but Thai: each as `answer` says. Notes what it is told.
struct Double {
    answer: Option<[f32; 3]>,
    told: Arc<Mutex<Vec<String>>>,
}

impl Plugin for Double {
    fn reads(&self, channel: Channel, language: Language) -> bool {
        channel == Channel::Ticket && language != Language::Th
    }
    fn ahead(&mut self, text: &str) {
        self.told.lock().unwrap().push(format!("ahead {text}"));
    }
    fn forget(&mut self) {}
    fn read(&mut self, text: &str) -> Option<[f32; 3]> {
        self.told.lock().unwrap().push(format!("read {text}"));
        self.answer
    }
    fn model_version(&self) -> &str {
        "onnx-double"
    }
}

fn entry(channel: &str, author: &str, text: &str) -> String {
    format!(
        r#"{{"entry_id":"e1","site":"shop","occurred_at":1700000000000,"conversation":"c1","channel":"{channel}","author":"{author}","kind":"message","text":"{text}"}}"#
    )
}

/// Judges an entry of support, told ahead of its turn; what came of it, and what the plug-in was told.
fn judge<T>(answer: Option<[f32; 3]>, json: &str, check: impl FnOnce(&Touchpoint<'_>) -> T) -> (T, Vec<String>) {
    let told = Arc::new(Mutex::new(Vec::new()));
    let decoder = Decoder::new(Box::new(NoRegistry), [0; 16]).unwrap();
    let enricher = Enricher::new(Arc::new(Rules::default()), None, None);
    let mut intake = Intake::new(decoder, enricher, Arc::new(Scorer::when_needed()), Settings::default())
        .with_plugin(Box::new(Double { answer, told: told.clone() }));
    let input = Input {
        shape: SourceShape::SupportJson,
        site: "shop",
        topic: "support",
        partition: 0,
        offset: 7,
        origin: 5,
        file: "support",
        payload: Some(json.as_bytes()),
        arrived_at: 1_700_000_000_500,
        filed_at: 1_700_000_000_500,
    };
    intake.ahead(&input);
    let mut out = Vec::new();
    intake.judge(&input, &mut out, &mut Asides::default()).unwrap();
    let checked = check(&Touchpoint::decode(&out).unwrap());
    let told = told.lock().unwrap().clone();
    (checked, told)
}

#[test]
fn feeling_and_version_are_the_plug_ins_the_rest_is_the_tables() {
    let text = "my refund never arrived";
    let (_, told) = judge(Some([0.1, 0.2, 0.7]), &entry("ticket", "customer", text), |t| {
        assert_eq!((t.feeling, t.model, t.confidence), (Feeling::Positive, "onnx-double", Some(0.7)));
        assert!((t.score.unwrap() - 0.6).abs() < 1e-6);
        assert!(t.friction && t.topics != 0);
        assert_eq!((t.language, t.characters), ("en", 23));
    });
    assert_eq!(told, ["ahead my refund never arrived", "read my refund never arrived"]);
}

#[test]
fn where_it_says_nothing_the_tables_reading_stands() {
    let json = entry("ticket", "customer", "this is awful");
    let (alone, _) = judge(None, &json.replace("ticket", "chat"), |t| (t.feeling, t.score, t.confidence));
    let (fallen_back, told) = judge(None, &json, |t| {
        assert!(t.model.starts_with("linear-"), "{}", t.model);
        (t.feeling, t.score, t.confidence)
    });
    assert_eq!((fallen_back, fallen_back.0, told.len()), (alone, Feeling::Negative, 2));
}

#[test]
fn it_is_not_asked_for_other_channels_languages_and_authors() {
    let of = |channel, author, text| {
        judge(Some([0.0, 0.0, 1.0]), &entry(channel, author, text), |t| t.model.starts_with("onnx")).1
    };
    assert_eq!(of("chat", "customer", "this is awful"), Vec::<String>::new());
    assert_eq!(of("email", "customer", "this is awful"), Vec::<String>::new());
    assert_eq!(of("ticket", "agent", "this is awful"), Vec::<String>::new());
    assert_eq!(of("ticket", "customer", "ส่งช้ามาก แย่มาก"), Vec::<String>::new());
    assert_eq!(of("ticket", "customer", "  "), Vec::<String>::new());
    assert_eq!(of("ticket", "customer", "awful"), ["ahead awful", "read awful"]);
}
