//! Bad input of every kind gets a dead letter with its reason, or one clear line; nothing good is lost.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;
use std::time::{SystemTime, UNIX_EPOCH};

use crumbtrail_tests::{Deployment, has_engine};
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;

fn click(id: &str, at: i64) -> String {
    format!(
        r#"{{"event_id":"{id}","site":"shop","visitor":"v1","occurred_at":{at},"name":"page_view","url":"https://shop.example/a"}}"#
    )
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(text).unwrap();
    packed.finish().unwrap()
}

#[test]
fn every_kind_of_bad_record_has_its_reason() {
    if !has_engine("every_kind_of_bad_record_has_its_reason") {
        return;
    }
    let mut shop = Deployment::new("");
    shop.start_engine();
    let now = 1_760_000_000_000i64;
    let mut lines: Vec<u8> = Vec::new();
    let mut push = |line: &[u8]| {
        lines.extend_from_slice(line);
        lines.push(b'\n');
    };
    push(click("good-1", now).as_bytes());
    push(b"{\"event_id\":"); // malformed_json
    push(b""); // empty
    push(br#"{"event_id":7,"site":"shop","visitor":"v1","occurred_at":1,"name":"x"}"#); // wrong_type
    push(br#"{"event_id":"e","site":"shop","occurred_at":1760000000000,"name":"page_view"}"#); // missing_field
    push(
        &[br#"{"event_id":"e","visitor":""#, &[0xFF, 0xFE][..], br#"","occurred_at":1760000000000,"name":"x"}"#]
            .concat(),
    ); // invalid_utf8
    push(format!(r#"{{"event_id":"e","visitor":"v","occurred_at":{},"name":"x"}}"#, -5_000_000_000_000i64).as_bytes()); // absurd_time
    push(format!(r#"{{"a":{}1{}}}"#, "[".repeat(10_000), "]".repeat(10_000)).as_bytes()); // too_deep
    push("x".repeat(2 << 20).as_bytes()); // oversize
    push(click("good-2", now + 1).as_bytes());
    let file = shop.write("clicks.jsonl", &lines);
    let said = shop.ok("import", ["--format".as_ref(), "native".as_ref(), file.as_os_str()]);
    assert!(said.contains("balance    read = counted"), "{said}");
    let reasons = shop.sql("SELECT reason, count() FROM dead_letters GROUP BY reason ORDER BY reason");
    let mut expected = String::new();
    for reason in [
        "absurd_time",
        "empty",
        "invalid_utf8",
        "malformed_json",
        "missing_field",
        "oversize",
        "too_deep",
        "wrong_type",
    ] {
        writeln!(expected, "{reason}\t1").unwrap();
    }
    assert_eq!(reasons, expected);
    assert_eq!(shop.number("SELECT count() FROM touchpoints WHERE outcome = 'counted'"), 2);
    assert_eq!(shop.sql("SELECT * FROM audit"), "");
}

#[test]
fn files_of_one_name_and_a_file_that_has_grown_are_told_apart() {
    if !has_engine("files_of_one_name_and_a_file_that_has_grown_are_told_apart") {
        return;
    }
    let mut shop = Deployment::new("");
    shop.start_engine();
    let (a, b, c) = (click("a", 1_760_000_000_000), click("b", 1_760_000_001_000), click("c", 1_760_000_002_000));
    let files = [("d1", format!("{{\n{a}\n")), ("d2", format!("[\n{b}\n")), ("d3", format!("{a}\n"))];
    let import = |shop: &Deployment, folder: &str, text: &str| {
        std::fs::create_dir_all(shop.data().join(folder)).unwrap();
        let file = shop.data().join(folder).join("clicks.jsonl");
        std::fs::write(&file, text).unwrap();
        shop.ok("import", ["--keep-open".as_ref(), "--format".as_ref(), "native".as_ref(), file.as_os_str()]);
    };
    files.iter().for_each(|(folder, text)| import(&shop, folder, text));
    assert_eq!(
        shop.sql("SELECT topic, offset, reason FROM dead_letters"),
        "clicks.jsonl\t0\tmalformed_json\n".repeat(2)
    );
    // The third file's first record is no fate of theirs.
    assert_eq!(shop.sql("SELECT became, event_id FROM dead_letter_fates"), "dead\t\n".repeat(2));
    assert_eq!(shop.sql("SELECT * FROM audit"), "");
    assert!(shop.ok("audit", [] as [&str; 0]).contains("the audit of epoch 1 is empty"));

    import(&shop, "d3", &format!("{a}\n{c}\n"));
    let outcomes = shop.sql("SELECT event_id, outcome FROM touchpoints ORDER BY ALL");
    assert_eq!(outcomes, "a\tcounted\na\tduplicate\na\tduplicate\nb\tcounted\nc\tcounted\n");
    assert_eq!(shop.sql("SELECT * FROM audit"), "");
}

/// Those of `avro_confluent` take the way of a topic, with a registry: `tests/tests/kafka.rs` sends the like of them.
#[test]
fn the_examples_beside_the_schemas_come_to_rows_and_dead_letters() {
    if !has_engine("the_examples_beside_the_schemas_come_to_rows_and_dead_letters") {
        return;
    }
    let mut shop = Deployment::new("");
    shop.start_engine();
    for (folder, format, kind) in
        [("click_event", "native", "click"), ("support_entry", "native", "support"), ("segment", "segment", "click")]
    {
        let (mut lines, mut expected) = (Vec::new(), String::new());
        for is_valid in [true, false] {
            let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas/avro/examples").join(folder);
            let examples = examples.join(if is_valid { "valid" } else { "invalid" });
            let mut paths: Vec<_> = std::fs::read_dir(examples).unwrap().map(|entry| entry.unwrap().path()).collect();
            paths.sort();
            for path in paths {
                let name = path.file_stem().unwrap().to_str().unwrap();
                // An example is a record, and a record a line.
                let text = std::fs::read(&path).unwrap();
                lines.extend(text.iter().map(|byte| if *byte == b'\n' { b' ' } else { *byte }));
                lines.push(b'\n');
                if !is_valid {
                    let offset = lines.iter().filter(|byte| **byte == b'\n').count() - 1;
                    writeln!(expected, "{offset}\t{}", name.split('.').next().unwrap()).unwrap();
                }
            }
        }
        let name = format!("{folder}.jsonl");
        let file = shop.write(&name, lines);
        let arguments = ["--format", format, "--kind", kind, "--keep-open"];
        // What is valid may end in another way than counted: without consent, of a robot, said twice. Dead it is not.
        let said = shop.ok("import", arguments.iter().map(AsRef::as_ref).chain([file.as_os_str()]));
        assert!(said.contains(&format!("dead {:>16}\n", expected.lines().count())), "{said}");
        assert!(said.contains("balance    read = counted") && !said.contains("counted             0"), "{said}");
        let letters = format!("SELECT offset, reason FROM dead_letters WHERE topic = '{name}' ORDER BY offset");
        assert_eq!(shop.sql(&letters), expected, "{folder}");
    }
    assert!(shop.number("SELECT count() FROM sessions") > 0 && shop.number("SELECT count() FROM conversations") > 0);
    assert_eq!(shop.sql("SELECT * FROM audit"), "");
}

#[test]
fn what_cannot_be_read_says_so_in_one_line() {
    let shop = Deployment::new("");
    let said = shop.fails("import", ["--format", "native", "/no/such/file"]);
    assert!(said.contains("cannot read /no/such/file"), "{said}");
    let said = shop.fails("import", ["--format", "native", "/"]);
    assert!(said.contains("is a directory: name the files in it, such as /*"), "{said}");
    // 10,000 lines of noise would be as many dead letters.
    let noise: Vec<u8> = (1..1u32 << 20).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    for (name, content, says) in [
        (
            "noise.jsonl.gz",
            &noise[..],
            "noise.jsonl.gz: it is not gzip, whatever its name says, and no text: it is damaged, fetch it again",
        ),
        ("noise.jsonl.zst", &noise, "noise.jsonl.zst: it is not zstd, whatever its name says"),
        ("text.jsonl.gz", b"{}\n", "but text: if it was unpacked already, rename it"),
        ("nothing.gz", b"", "nothing.gz: it is empty, and so no gzip file"),
        ("clicks.jsonl.bz2", b"BZh91AY&SY", "bzcat FILE | crumbtrail import"),
    ] {
        let file = shop.write(name, content);
        let said = shop.fails("import", ["--format".as_ref(), "native".as_ref(), file.as_os_str()]);
        assert!(said.contains(says) && said.contains(&*file.to_string_lossy()) && said.lines().count() == 1, "{said}");
    }
    let shop = Deployment::new("enrich:\n  drop_bot: true\n");
    let out = shop.run("migrate", [""; 0]);
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(out.status.code() == Some(3) && said.contains("did you mean `enrich.drop_bots`"), "{said}");
    for (file, content, key) in [
        ("model.yaml", "model: m\nversion: 1\nstages: [{name: a, stall: 3}]\nrules: []\n", "journeys:\n  model"),
        ("shops.geojson", "no fences", "enrich:\n  fences"),
        ("missing.txt", "", "enrich:\n  robots"),
        ("missing.yaml", "", "journeys:\n  model"),
    ] {
        let path = if content.is_empty() { shop.path(file) } else { shop.write(file, content) };
        let shop = Deployment::new(&format!("{key}: {}\n", path.display()));
        let clicks = shop.write("clicks.jsonl", "{}\n");
        let out = shop.run("import", ["--format".as_ref(), "native".as_ref(), clicks.as_os_str()]);
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        let is_told = said.contains(&*path.to_string_lossy()) && said.lines().count() == 1;
        assert!(out.status.code() == Some(3) && is_told, "{:?}: {said}", out.status);
    }
}

#[test]
fn a_mistyped_data_folder_is_told_and_not_made() {
    let shop = Deployment::new("");
    std::fs::create_dir_all(shop.data().join("engine")).unwrap();
    let wrong = shop.path("dtaa");
    for words in [
        &["sql", "SELECT 1"][..],
        &["report"],
        &["audit"],
        &["redrive", "--dry-run"],
        &["rebuild", "--dry-run"],
        &["explain", "session", "00c1f3a29be1d044"],
        &["identity", "show", "--customer", "C-1"],
        &["identity", "show", "--contact", "a@b.example"],
        &["rules", "show"],
    ] {
        let mut command = std::process::Command::new(crumbtrail_tests::binary());
        let out = command.args(words).arg("--config").arg(shop.config()).arg("--data").arg(&wrong).output().unwrap();
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        let hint = format!("dtaa does not exist; did you mean --data {}?", shop.data().display());
        assert!(!out.status.success() && said.contains(&hint) && said.lines().count() == 1, "{words:?}: {said}");
        assert!(!wrong.exists(), "{words:?}");
    }
    let out = std::process::Command::new(crumbtrail_tests::binary())
        .args(["sql", "SELECT 1", "--config"])
        .arg(shop.path("crumbtrial.yaml"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    let hint = format!("did you mean {}?", shop.config().display());
    assert!(out.status.code() == Some(3) && said.contains(&hint), "{said}");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let shop = Deployment::new("");
    let mut job = shop.command("config").arg("example").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(job.stdout.take());
    let example = job.wait_with_output().unwrap();
    let mut job = shop.command("check").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(job.stdout.take());
    let check = job.wait_with_output().unwrap();
    for out in [example, check] {
        let said = String::from_utf8_lossy(&out.stderr);
        assert!(!said.contains("panicked") && !said.contains("Broken pipe"), "{said}");
        assert_ne!(out.status.code(), Some(101));
    }
}

#[test]
fn a_cut_gzip_an_absent_engine_and_a_wrong_password_say_what_to_do() {
    if !has_engine("a_cut_gzip_an_absent_engine_and_a_wrong_password_say_what_to_do") {
        return;
    }
    let mut shop = Deployment::new("");
    let out = shop.command("migrate").env("CRUMBTRAIL_ENGINE", "/no/such/libchdb.so").output().unwrap();
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(!out.status.success() && said.contains("make setup"), "{said}");
    shop.start_engine();
    let import = |shop: &Deployment, file: &Path| {
        shop.run("import", ["--format".as_ref(), "native".as_ref(), "--keep-open".as_ref(), file.as_os_str()])
    };
    let text: String = (0..5_000).map(|i| click(&format!("e{i}"), 1_760_000_000_000 + i) + "\n").collect();
    for (name, whole) in
        [("cut.jsonl.gz", gzip(text.as_bytes())), ("cut.jsonl.zst", zstd::encode_all(text.as_bytes(), 1).unwrap())]
    {
        let file = shop.write(name, &whole[..whole.len() / 2]);
        let out = import(&shop, &file);
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(!out.status.success() && said.lines().count() == 1, "{said}");
        let (before, after) = said.split_once(&format!("{}: it ends in the middle, after ", file.display())).unwrap();
        assert!(
            before == "crumbtrail: " && after.contains("whole records: nothing of this import was taken"),
            "{said}"
        );
        assert!(after.split(' ').next().unwrap().parse::<u64>().is_ok_and(|n| (1..5_000).contains(&n)), "{said}");
    }
    assert_eq!(shop.number("SELECT count() FROM touchpoints"), 0, "nothing of a file that is not whole");
    let empty = import(&shop, &shop.write("nothing.jsonl", ""));
    let said = String::from_utf8_lossy(&empty.stdout).into_owned();
    assert!(empty.status.success() && said.contains("nothing.jsonl is empty: no record in it"), "{said}");
    let endpoint = std::fs::read_to_string(shop.data().join("engine/endpoint.json")).unwrap();
    let endpoint: serde_json::Value = serde_json::from_str(&endpoint).unwrap();
    let url = endpoint["url"].as_str().unwrap();
    let other = Deployment::new("");
    let config = format!("clickhouse:\n  url: {url}\n  user: crumbtrail\n  password: wrong\n");
    let config = other.write("remote.yaml", config);
    let out = std::process::Command::new(crumbtrail_tests::binary())
        .args(["migrate", "--config"])
        .arg(config)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(!out.status.success() && said.to_lowercase().contains("password"), "{said}");
    assert!(!said.contains("panicked"), "{said}");
}

#[test]
fn a_file_named_twice_is_read_once_and_one_of_the_far_future_leaves_time_open() {
    if !has_engine("a_file_named_twice_is_read_once_and_one_of_the_far_future_leaves_time_open") {
        return;
    }
    let mut shop = Deployment::new("");
    shop.start_engine();
    let now = 1_760_000_000_000i64;
    let import = |shop: &Deployment, files: &[&std::path::Path]| {
        let arguments = ["--format".as_ref(), "native".as_ref()].into_iter().chain(files.iter().map(|f| f.as_os_str()));
        shop.ok("import", arguments)
    };
    let far = shop.write("far.jsonl", click("far", now + 3_000 * 86_400_000) + "\n");
    let said = import(&shop, &[&far]);
    assert!(said.contains("event time stays open"), "{said}");

    let file = shop.write("a.jsonl", format!("{}\n{}\n", click("e1", now), click("e2", now + 1)));
    let copy = shop.write("b.jsonl", std::fs::read(&file).unwrap());
    let said = import(&shop, &[&file, &file, &copy]);
    assert!(said.contains("balance    read = counted") && said.contains("known               4"), "{said}");
    assert_eq!(shop.number("SELECT count() FROM touchpoints WHERE outcome = 'counted'"), 3, "none is late");
    assert_eq!(shop.sql("SELECT * FROM audit"), "");

    let said = shop.ok("import", ["--format".as_ref(), "combined".as_ref(), shop.write("c", "no log\n").as_os_str()]);
    assert!(said.contains("are --format and --kind right?"), "{said}");
    let out = shop.path("out.txt");
    let written = format!("SELECT 1 INTO OUTFILE '{}'", out.display());
    assert!(shop.fails("sql", [&written]).contains("READONLY"), "a question writes nothing");
    assert!(!out.exists());
}

/// How a record is spoilt: what becomes of a good line, and the reason it must get.
type Spoilt = (&'static str, fn(&str) -> Vec<u8>);

/// The good line with a part of it said otherwise.
fn swap(good: &str, part: &str, other: &str) -> Vec<u8> {
    assert!(good.contains(part), "{part} is in {good}");
    good.replacen(part, other, 1).into_bytes()
}

/// The good line with more fields.
fn with(good: &str, more: &str) -> Vec<u8> {
    format!("{},{more}}}", good.strip_suffix('}').unwrap()).into_bytes()
}

/// Thirty-two ways to be no good record.
const SPOILT: [Spoilt; 32] = [
    ("malformed_json", |good| good.as_bytes()[..good.len() / 2].to_vec()),
    ("malformed_json", |good| good.as_bytes()[..good.len() - 1].to_vec()),
    ("malformed_json", |good| [good, "}"].concat().into_bytes()),
    ("malformed_json", |good| [good, " ", good].concat().into_bytes()),
    ("malformed_json", |good| ["[", good, "]"].concat().into_bytes()),
    ("malformed_json", |_| b"nonsense".to_vec()),
    ("malformed_json", |_| b"42".to_vec()),
    ("malformed_json", |_| b"null".to_vec()),
    ("malformed_json", |good| with(good, r#""revenue":NaN"#)),
    ("malformed_json", |good| with(good, r#""title":"\q""#)),
    ("malformed_json", |good| swap(good, r#""site""#, "site")),
    ("malformed_json", |good| swap(good, r#""shop","#, r#""shop",,"#)),
    ("wrong_type", |good| with(good, r#""customer":7"#)),
    ("wrong_type", |good| with(good, r#""customer":{"id":1}"#)),
    ("wrong_type", |good| with(good, r#""sent_at":true"#)),
    ("wrong_type", |good| with(good, r#""sent_at":"yesterday""#)),
    ("wrong_type", |good| with(good, r#""items":7"#)),
    ("wrong_type", |good| with(good, r#""items":[{"price":1e300}]"#)),
    ("wrong_type", |good| with(good, r#""items":[{"quantity":-1}]"#)),
    ("wrong_type", |good| with(good, r#""properties":"none""#)),
    ("wrong_type", |good| with(good, r#""latitude":91,"longitude":0"#)),
    ("wrong_type", |good| swap(good, r#""visitor":""#, &format!(r#""visitor":"{}"#, "x".repeat(2_000)))),
    ("missing_field", |good| swap(good, "event_id", "eventid")),
    ("missing_field", |good| swap(good, "occurred_at", "occurred")),
    ("missing_field", |good| swap(good, r#""visitor":""#, r#""visitor":"undefined","was":""#)),
    ("missing_field", |good| swap(good, r#""name":"page_view""#, r#""name":"""#)),
    ("too_deep", |good| with(good, &format!(r#""properties":{}1{}"#, r#"{"a":"#.repeat(100), "}".repeat(100)))),
    ("invalid_utf8", |good| [&swap(good, "page_view\"", "page")[..], b"\xFF\""].concat()),
    ("absurd_time", |good| swap(good, r#""occurred_at":1"#, r#""occurred_at":-1"#)),
    ("absurd_time", |good| swap(good, r#""occurred_at":1"#, r#""occurred_at":91"#)),
    ("oversize", |good| with(good, &format!(r#""title":"{}""#, "x".repeat(1 << 20)))),
    ("empty", |_| Vec::new()),
];

/// One record of a hundred is spoilt, by each way in turn, at places of chance.
#[test]
fn of_a_hundred_thousand_records_the_spoilt_hundredth_are_dead_letters_and_no_others() {
    const RECORDS: usize = 100_000;
    if !has_engine("of_a_hundred_thousand_records_the_spoilt_hundredth_are_dead_letters_and_no_others") {
        return;
    }
    let seed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
    let places = rand::seq::index::sample(&mut ChaCha8Rng::seed_from_u64(seed), RECORDS, RECORDS / 100);
    let spoilt: HashMap<usize, Spoilt> = places.iter().zip(SPOILT.into_iter().cycle()).collect();
    let mut lines: Vec<u8> = Vec::new();
    let mut expected = Vec::new();
    for number in 0..RECORDS {
        let line = click(&format!("e{number}"), 1_760_000_000_000 + 20 * number as i64)
            .replace("\"v1\"", &format!("\"v{}\"", number % 700));
        match spoilt.get(&number) {
            Some((reason, spoil)) => {
                lines.extend(spoil(&line));
                expected.push(format!("{number}\t{reason}"));
            }
            None => lines.extend(line.into_bytes()),
        }
        lines.push(b'\n');
    }
    let mut shop = Deployment::new("");
    shop.start_engine();
    let file = shop.write("clicks.jsonl", &lines);
    shop.ok("import", ["--format".as_ref(), "native".as_ref(), file.as_os_str()]);
    let found = shop.sql("SELECT offset, reason FROM dead_letters ORDER BY offset");
    let found: Vec<&str> = found.lines().collect();
    let differ = expected.iter().zip(&found).find(|(expected, found)| expected != found);
    assert_eq!((differ, found.len()), (None, RECORDS / 100), "seed {seed}");
    let counted = "SELECT count() FROM touchpoints WHERE outcome = 'counted'";
    assert_eq!(shop.number(counted), RECORDS as i64 / 100 * 99, "seed {seed}");
    assert_eq!(shop.number("SELECT sum(event_count) FROM sessions"), RECORDS as i64 / 100 * 99);
    // Nothing was mended: redriven, each is what it was.
    shop.ok("redrive", [""; 0]);
    assert_eq!(shop.number("SELECT count() FROM dead_letters"), RECORDS as i64 / 100);
    assert_eq!(shop.number(counted), RECORDS as i64 / 100 * 99);
    assert_eq!(shop.sql("SELECT * FROM audit"), "");
}
