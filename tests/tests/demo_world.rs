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
    let import: Vec<&std::ffi::OsStr> = ["import".as_ref()]
        .into_iter()
        .chain(place)
        .chain(["--format", "native"].map(AsRef::as_ref))
        .chain([clicks.as_os_str(), support.as_os_str()])
        .collect();
    let said = run(&import);
    assert!(said.contains("balance    read = counted"), "{said}");
    assert!(shop.number("SELECT count() FROM touchpoints WHERE conversation_id = ''") >= 300_000);
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
