//! A real model through the real runtime (`scripts/fetch-onnx.sh`): what it reads, and what is said of one that cannot.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crumbtrail_onnx::{Classifier, Classify as _, Fallback, Files, Queue, Settings, find_library};
use crumbtrail_sentiment::Label;

/// The folder of library and models; `None` (and a word of it) where they could not be had. Fails where `CI` is set.
fn folder(test: &str) -> Option<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.setup/onnx");
    if here.join("version").is_file() && find_library(None).is_ok() {
        return Some(here);
    }
    eprintln!("not run: {test}: no ONNX Runtime (scripts/fetch-onnx.sh)");
    assert!(std::env::var_os("CI").is_none(), "{test} must run where CI is set");
    None
}

fn files(folder: &Path) -> Files {
    Files { runtime: None, model: folder.join("classifier.onnx"), tokenizer: folder.join("tokenizer.json") }
}

fn settings() -> Settings {
    Settings { labels: Label::ALL.to_vec(), most_tokens: 128, threads: 1 }
}

fn label([negative, neutral, positive]: [f32; 3]) -> Label {
    assert!((negative + neutral + positive - 1.0).abs() < 1e-5);
    match (negative > neutral, positive > neutral.max(negative)) {
        (_, true) => Label::Positive,
        (true, _) => Label::Negative,
        _ => Label::Neutral,
    }
}

#[test]
fn a_real_classifier_reads_texts() {
    let Some(folder) = folder("a_real_classifier_reads_texts") else { return };
    let mut model = Classifier::open(&files(&folder), settings()).unwrap();
    let mut read = |text: &str| model.classify(text).unwrap();
    assert_eq!(label(read("Marked delivered, but it never arrived. This is awful.")), Label::Negative);
    assert_eq!(label(read("How do I change my address?")), Label::Neutral);
    assert_eq!(label(read("Wonderful service, thank you!")), Label::Positive);
    // As Python's onnxruntime and tokenizers say: softmax of 2.9022, 4.0324, −6.9346.
    let [negative, neutral, positive] = read("How do I change my address?");
    assert!(
        (negative - 0.2441).abs() < 0.02 && (neutral - 0.7559).abs() < 0.02 && positive < 0.001,
        "{negative} {neutral}"
    );
    assert_eq!(read("thank you"), read("thank you"));
    assert!(read("").iter().all(|p| p.is_finite()));
    assert!(model.classify(&"late ".repeat(126)).is_ok());
    assert_eq!(model.classify(&"late ".repeat(127)), Err(Fallback::TooLong));
    assert_eq!(model.classify(&"x".repeat(1 << 20)), Err(Fallback::TooLong));
}

#[test]
fn the_order_of_the_labels_counts_and_is_in_the_version() {
    let Some(folder) = folder("the_order_of_the_labels_counts_and_is_in_the_version") else { return };
    let turned = Settings { labels: vec![Label::Positive, Label::Neutral, Label::Negative], ..settings() };
    let mut model = Classifier::open(&files(&folder), settings()).unwrap();
    let mut other = Classifier::open(&files(&folder), turned).unwrap();
    let text = "Wonderful service, thank you!";
    let ([a, b, c], [x, y, z]) = (model.classify(text).unwrap(), other.classify(text).unwrap());
    assert_eq!([a, b, c], [z, y, x]);
    assert!(model.version().starts_with("onnx-") && model.version() != other.version());
    assert_eq!(model.version(), Classifier::open(&files(&folder), settings()).unwrap().version());
}

#[test]
fn what_cannot_be_used_is_one_line_that_names_the_file() {
    let Some(folder) = folder("what_cannot_be_used_is_one_line_that_names_the_file") else { return };
    let own = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = own.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let good = files(&folder);
    let bytes = std::fs::read(&good.model).unwrap();
    let complaint = |files: Files, settings: Settings| {
        let message = Classifier::open(&files, settings).map(|_| ()).unwrap_err().to_string();
        assert_eq!(message.lines().count(), 1, "{message}");
        message
    };
    let with = |model: PathBuf| Files { model, ..good.clone() };
    let cases = [
        (with(PathBuf::from("/nowhere/model.onnx")), "/nowhere/model.onnx: no ONNX model"),
        (with(write("cut.onnx", &bytes[..bytes.len() / 2])), "cut.onnx: no ONNX model"),
        (with(write("text.onnx", b"no model")), "text.onnx: no ONNX model"),
        (with(folder.join("model.onnx")), "it gives last_hidden_state, and no logits"),
        (Files { tokenizer: write("cut.json", b"{\"model\":"), ..good.clone() }, "cut.json: no tokenizer.json"),
        (Files { tokenizer: PathBuf::from("/nowhere/t.json"), ..good.clone() }, "/nowhere/t.json: no tokenizer.json"),
        (Files { runtime: Some(PathBuf::from("/nowhere/lib.so")), ..good.clone() }, "/nowhere/lib.so"),
    ];
    for (files, part) in cases {
        let message = complaint(files, settings());
        assert!(message.contains(part), "{message}");
    }
    let message = complaint(good.clone(), Settings { labels: vec![Label::Negative, Label::Positive], ..settings() });
    assert!(message.contains("3 outputs") && message.contains("names 2"), "{message}");
}

#[test]
fn the_queue_reads_with_the_real_model() {
    let Some(folder) = folder("the_queue_reads_with_the_real_model") else { return };
    let mut alone = Classifier::open(&files(&folder), settings()).unwrap();
    let model = Classifier::open(&files(&folder), settings()).unwrap();
    let queue = Queue::start(model, 64, Duration::from_secs(60)).unwrap();
    let texts: Vec<String> = (0..20).map(|i| format!("parcel {i} never arrived")).collect();
    let tickets: Vec<_> = texts.iter().map(|text| queue.hand_over(text).unwrap()).collect();
    for (text, ticket) in texts.iter().zip(tickets) {
        assert_eq!(ticket.wait(), alone.classify(text), "{text}");
    }
}
