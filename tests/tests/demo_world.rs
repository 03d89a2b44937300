//! The demo world at full size: planted truths are found again, and nothing is lost.

use std::process::Command;

use crumbtrail_tests::{Deployment, binary, has_engine};

#[test]
fn planted_truths_are_found_again() {
    if !has_engine("planted_truths_are_found_again") {
        return;
    }
    let mut shop = Deployment::new("");
    shop.start_engine();
    let world = shop.path("world");
    let out = Command::new(binary()).args(["generate", "world", "--out"]).arg(&world).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let run = |arguments: &[&std::ffi::OsStr]| {
        let out = Command::new(binary()).args(arguments).output().unwrap();
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        assert!(out.status.success(), "{text}{}", String::from_utf8_lossy(&out.stderr));
        text
    };
    let (config, data) = (world.join("crumbtrail.yaml"), shop.data());
    let (clicks, support) = (world.join("clicks.jsonl"), world.join("support.jsonl"));
    let place = ["--config".as_ref(), config.as_os_str(), "--data".as_ref(), data.as_os_str()];
    let import = |files: &[&std::path::Path]| {
        let files = files.iter().map(|file| file.as_os_str());
        let format = ["--format", "native"].map(AsRef::as_ref);
        run(&["import".as_ref()].into_iter().chain(place).chain(format).chain(files).collect::<Vec<_>>())
    };
    let early = world.join("early.jsonl");
    // Messages sent: they begin no session, so the planted figures stand.
    let sent = |n: i64| {
        let at = 1_704_067_200_000 + n * 1_000;
        format!(
            "{{\"event_id\":\"early-{n}\",\"site\":\"elsewhere\",\"occurred_at\":{at},\"visitor\":\"early\",\"name\":\"message_sent\"}}\n"
        )
    };
    std::fs::write(&early, (0..1_000).map(sent).collect::<String>()).unwrap();
    assert!(import(&[&early]).contains("counted          1000"));
    let said = import(&[&clicks, &support]);
    assert!(said.contains("balance    read = counted"), "{said}");
    assert!(shop.number("SELECT count() FROM touchpoints WHERE conversation_id = ''") >= 300_000);
    // The early file again: it is known, whatever was imported since.
    let said = import(&[&early]);
    assert!(said.contains("known            1000") && said.contains("balance    read = counted"), "{said}");
    let truths = world.join("truths.json");
    let report: Vec<&std::ffi::OsStr> = ["report".as_ref()]
        .into_iter()
        .chain(place)
        .chain(["--truths".as_ref(), truths.as_os_str(), "--strict".as_ref()])
        .collect();
    let report = run(&report);
    assert!(report.lines().count() > 40, "{report}");
    assert_eq!(shop.sql("SELECT * FROM audit"), "");
}
