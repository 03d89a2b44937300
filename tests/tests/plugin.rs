//! A model of one's own, plugged in for tickets: whose feeling stands in the tables, and what is said of one that cannot be used.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crumbtrail_tests::{Deployment, has_engine, not_run};

/// The folder of library and model; `None` (and a word of it) where they could not be had. Fails where `CI` is set.
fn folder(test: &str) -> Option<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.setup/onnx");
    if here.join("version").is_file() {
        return Some(here);
    }
    not_run(test, "no ONNX Runtime (scripts/fetch-onnx.sh)");
    None
}

fn plugin(folder: &Path, model: &Path, more: &str) -> String {
    format!(
        "sentiment:\n  plugin:\n    model: {}\n    tokenizer: {}\n    runtime: {}\n    limit_ms: 60000\n{more}",
        model.display(),
        folder.join("tokenizer.json").display(),
        folder.join("libonnxruntime.so").display()
    )
}

/// Texts of tickets and chats in turns; one of ten tickets is longer than the model may read.
fn entries(count: usize) -> String {
    let texts = ["Wonderful service, thank you!", "This is awful, I am so angry.", "How do I change my address?"];
    let mut lines = String::new();
    for i in 0..count {
        let channel = if i % 2 == 0 { "ticket" } else { "chat" };
        let text = if i % 20 == 4 { "late ".repeat(60) } else { texts[i % 3].to_owned() };
        let at = 1_760_000_000_000i64 + i as i64 * 1_000;
        writeln!(
            lines,
            r#"{{"entry_id":"e{i}","site":"shop","occurred_at":{at},"conversation":"c{}","customer":"u{}","channel":"{channel}","author":"customer","kind":"message","text":"{text}"}}"#,
            i / 5,
            i / 5
        )
        .unwrap();
    }
    lines
}

#[test]
fn tickets_are_read_by_the_plug_in_and_chats_by_the_tables() {
    let test = "tickets_are_read_by_the_plug_in_and_chats_by_the_tables";
    let Some(folder) = folder(test) else { return };
    if !has_engine(test) {
        return;
    }
    let mut shop = Deployment::new(&plugin(&folder, &folder.join("classifier.onnx"), "    most_tokens: 50\n"));
    shop.start_engine();
    let file = shop.write("support.jsonl", entries(200).as_bytes());
    let said = shop.ok("import", ["--format".as_ref(), "native".as_ref(), file.as_os_str()]);
    assert!(said.contains("balance    read = counted"), "{said}");
    assert!(said.contains("90 texts read by the plugged-in model; left to the tables: 10 too_long"), "{said}");
    let models = shop.sql(
        "SELECT channel, substring(model, 1, 5) AS who, count(), uniqExact(model) FROM touchpoints GROUP BY channel, who \
         ORDER BY channel, who",
    );
    assert_eq!(models, "chat\tlinea\t100\t1\nticket\tlinea\t10\t1\nticket\tonnx-\t90\t1\n");
    let feelings = shop.sql(
        "SELECT text, any(feeling), uniqExact(feeling, score) FROM touchpoints WHERE model LIKE 'onnx-%' GROUP BY text \
         ORDER BY text",
    );
    assert_eq!(
        feelings,
        "How do I change my address?\tneutral\t1\nThis is awful, I am so angry.\tnegative\t1\n\
         Wonderful service, thank you!\tpositive\t1\n"
    );
    assert_eq!(shop.sql("SELECT * FROM audit"), "");
    // What was read is in the log: the same file again asks nobody.
    let again = shop.ok("import", ["--format".as_ref(), "native".as_ref(), file.as_os_str()]);
    assert!(again.contains("200 imported before, unchanged") && !again.contains("plug-in"), "{again}");
}

#[test]
fn the_commands_say_which_model_spoke_and_what_is_wrong_with_one() {
    let test = "the_commands_say_which_model_spoke_and_what_is_wrong_with_one";
    let Some(folder) = folder(test) else { return };
    let shop = Deployment::new(&plugin(&folder, &folder.join("classifier.onnx"), ""));
    let shown = shop.ok("sentiment", ["Wonderful service, thank you!"]);
    assert!(shown.contains("model     onnx-") && shown.contains("the tables linear-"), "{shown}");
    assert!(shown.starts_with("feeling   positive"), "{shown}");

    let own = shop.path("cut.onnx");
    let bytes = std::fs::read(folder.join("classifier.onnx")).unwrap();
    std::fs::write(&own, &bytes[..1 << 20]).unwrap();
    for (model, part) in [
        (own, "no ONNX model that can be run"),
        (PathBuf::from("/nowhere/model.onnx"), "no ONNX model that can be run"),
        (folder.join("model.onnx"), "no text classifier: it gives last_hidden_state"),
    ] {
        let broken = Deployment::new(&plugin(&folder, &model, ""));
        let said = broken.fails("sentiment", ["x"]);
        assert!(said.contains(part) && said.contains(&model.display().to_string()), "{said}");
        assert_eq!(said.trim().lines().count(), 1, "{said}");
    }
}
