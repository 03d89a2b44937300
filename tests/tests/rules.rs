//! Rules that change within an epoch: refused until a record of the log says so, and then what is open is cut anew, whatever
//! is killed meanwhile and wherever a replay begins.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crumbtrail_tests::{Broker, Deployment, Member, has_engine, tables};

const START_MS: i64 = 1_760_000_000_000;
const MINUTE_MS: i64 = 60_000;

/// Clicks of some hundred visitors, some of them customers, from `from` to `to` hours on: twelve at a time, 5 to 29 minutes apart, so
/// that a gap of 30 joins them and one of 10 does not.
fn clicks(shop: &Deployment, name: &str, from: i64, to: i64) -> Vec<std::ffi::OsString> {
    let mut lines = Vec::new();
    for visitor in 0..300i64 {
        let mut at = START_MS + visitor * 1_000;
        let mut event = 0;
        while at < START_MS + to * 60 * MINUTE_MS {
            if at >= START_MS + from * 60 * MINUTE_MS {
                let kind = ["page_view", "product_view", "add_to_cart", "purchase"][(visitor * 7 + event) as usize % 4];
                let customer = if visitor % 3 == 0 { format!(",\"customer\":\"c{visitor}\"") } else { String::new() };
                lines.push((at, format!(
                    "{{\"event_id\":\"{visitor}.{event}\",\"visitor\":\"v{visitor}\"{customer},\"occurred_at\":{at},\"name\":\"{kind}\"}}\n"
                )));
            }
            event += 1;
            at += if event % 12 == 0 { 6 * 60 * MINUTE_MS } else { 0 };
            at += (5 + (visitor * 31 + event * 17) % 25) * MINUTE_MS;
        }
    }
    lines.sort();
    let file = shop.write(name, lines.into_iter().map(|(_, line)| line).collect::<String>());
    vec!["--format".into(), "native".into(), "--keep-open".into(), file.into()]
}

/// The rules of before and of afterwards.
fn configure(shop: &Deployment, gap_seconds: u32, cart_minutes: u32, model: &str) {
    let text = std::fs::read_to_string(shop.config()).unwrap();
    let kept: String = text.lines().filter(|line| !line.starts_with("rules:") && !line.starts_with("journeys:")).fold(
        String::new(),
        |mut kept, line| {
            kept.push_str(line);
            kept.push('\n');
            kept
        },
    );
    let journeys = format!("{{cart_abandoned_after_minutes: {cart_minutes}, model: {model}}}");
    std::fs::write(shop.config(), format!("{kept}rules: {{gap_seconds: {gap_seconds}}}\njourneys: {journeys}\n"))
        .unwrap();
}

/// A stage model of one's own.
fn model(shop: &Deployment) -> String {
    let retail = std::fs::read_to_string(crumbtrail_tests::root().join("crates/journeys/models/retail.yaml")).unwrap();
    let own = retail.replace("model: retail", "model: own").replace("count: 2, within: 90d", "count: 3, within: 90d");
    assert_ne!(own, retail);
    shop.write("own.yaml", own).display().to_string()
}

/// Kills a command over and over, each time a little later, until it ends by itself.
fn kill_often(shop: &Deployment, make: impl Fn() -> Command, mut lives: Duration) -> usize {
    let mut kills = 0;
    loop {
        let mut job = make().stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let until = Instant::now() + lives;
        while Instant::now() < until && job.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(2));
        }
        if let Some(ended) = job.try_wait().unwrap() {
            assert!(ended.success(), "{}", shop.folder().display());
            return kills;
        }
        job.kill().unwrap();
        job.wait().unwrap();
        kills += 1;
        lives = lives.mul_f64(1.6);
    }
}

fn rules(shop: &Deployment, what: &str) -> Command {
    let mut command = Command::new(crumbtrail_tests::binary());
    command.args(["rules", what, "--config"]).arg(shop.config());
    command
}

/// What a command of rules says, and whether it succeeded.
fn said(shop: &Deployment, what: &str) -> (bool, String) {
    let out = rules(shop, what).output().unwrap();
    (out.status.success(), String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned())
}

/// A member that was started under the rules of before, and reads our logs: the new ones come to it from there.
fn member_of_before(shop: &Deployment) -> Member {
    let now = std::fs::read_to_string(shop.config()).unwrap();
    configure(shop, 1_800, 60, "retail");
    let member = Member::start(shop, "member");
    // Until it has read its configuration and taken its partitions.
    std::thread::sleep(Duration::from_secs(3));
    std::fs::write(shop.config(), now).unwrap();
    member
}

/// What happens while it is played.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Course {
    /// Nothing.
    Calm,
    /// Commands are killed.
    Shaken,
    /// Commands are killed, and so is a member of the processors' groups that runs while the rules come.
    ShakenBesideAMember,
}

/// Imports of what is final, and of what is still open, other rules, an import.
fn play(shop: &Deployment, course: Course) {
    configure(shop, 1_800, 60, "retail");
    let mut past = clicks(shop, "past.jsonl", 0, 6);
    past.retain(|argument| argument != "--keep-open");
    shop.ok("import", past);
    // Event time is closed a day and the lateness behind that.
    let (first, second) = (clicks(shop, "first.jsonl", 31, 45), clicks(shop, "second.jsonl", 45, 75));
    shop.ok("import", &first);
    let own = model(shop);
    configure(shop, 600, 5, &own);
    let said = shop.fails("import", &second);
    assert!(said.contains("rules.gap_seconds was 1800, is 600"), "{said}");
    assert!(
        said.contains("the stage model was retail 1, is own 1") && said.contains("crumbtrail rules apply"),
        "{said}"
    );
    let apply = || rules(shop, "apply");
    let import = || {
        let mut command = shop.command("import");
        command.args(&second);
        command
    };
    if course == Course::Calm {
        assert!(apply().status().unwrap().success());
        assert!(import().status().unwrap().success());
    } else {
        let member = (course == Course::ShakenBesideAMember).then(|| member_of_before(shop));
        let kills = kill_often(shop, apply, Duration::from_millis(60));
        if let Some(member) = member {
            member.kill();
            // Under the new rules it starts where the other was killed.
            let next = Member::start(shop, "member");
            std::thread::sleep(Duration::from_secs(3));
            next.kill();
        }
        // A replay from the beginning: no snapshots, and nothing of what was noted beside them.
        let snapshots = shop.data().join("snapshots");
        assert!(snapshots.join("e1/sessionize").exists() && snapshots.join("e1/epoch/rules").exists());
        std::fs::remove_dir_all(snapshots).unwrap();
        let more = kill_often(shop, import, Duration::from_millis(150));
        eprintln!("killed {kills} and {more} times");
        assert!(kills > 0 && more > 0);
    }
    // The end of time.
    let mut last = clicks(shop, "last.jsonl", 1_000, 1_001);
    last.retain(|argument| argument != "--keep-open");
    shop.ok("import", last);
}

#[test]
fn other_rules_hold_from_their_record_on_whatever_is_killed() {
    if !has_engine("other_rules_hold_from_their_record_on_whatever_is_killed") {
        return;
    }
    let (mut calm, mut shaken) = (Deployment::new(""), Deployment::new(""));
    play(&calm, Course::Calm);
    play(&shaken, Course::Shaken);
    calm.start_engine();
    shaken.start_engine();
    tables::assert_equal(&calm, &shaken);
    let longest = |from: i64, to: i64| {
        let hour = |hours: i64| START_MS + hours * 60 * MINUTE_MS;
        calm.number(&format!(
            "SELECT max(event_count) FROM sessions WHERE toUnixTimestamp64Milli(started_at) >= {} \
             AND toUnixTimestamp64Milli(started_at) < {}",
            hour(from),
            hour(to)
        ))
    };
    assert_eq!(longest(0, 20), 12, "what was final stays as it was cut");
    assert!((2..8).contains(&longest(31, 60)), "what came behind is cut by the shorter gap");
    assert_eq!(calm.number("SELECT uniqExact(model) FROM journeys"), 1);
    assert_eq!(calm.sql("SELECT DISTINCT model FROM stage_moves").trim(), "own", "all touchpoints were still kept");
    let (_, shown) = said(&calm, "show");
    assert!(shown.contains("rules.gap_seconds was 1800, is 600") && shown.contains("is the same"), "{shown}");
}

/// On Kafka what is killed has its partitions for the session timeout, and other processes go on beside the command.
#[test]
fn on_kafka_members_take_other_rules_from_the_log_whatever_is_killed() {
    let test = "on_kafka_members_take_other_rules_from_the_log_whatever_is_killed";
    if !has_engine(test) {
        return;
    }
    let Some(broker) = Broker::start(test) else { return };
    let kafka = format!(
        "log:\n  home: kafka\n  replication_factor: 1\nkafka:\n  bootstrap_servers: {}\n  client:\n    \
         session.timeout.ms: \"6000\"\nsnapshots:\n  interval_seconds: 1\n",
        broker.address
    );
    let (mut calm, mut shaken) = (Deployment::new(""), Deployment::new(&kafka));
    play(&calm, Course::Calm);
    shaken.start_engine();
    play(&shaken, Course::ShakenBesideAMember);
    calm.start_engine();
    tables::assert_equal(&calm, &shaken);
    let (_, shown) = said(&shaken, "show");
    assert!(shown.contains("rules.gap_seconds was 1800, is 600") && shown.contains("is the same"), "{shown}");
}

#[test]
fn what_is_constant_within_an_epoch_is_refused_with_the_way_out() {
    if !has_engine("what_is_constant_within_an_epoch_is_refused_with_the_way_out") {
        return;
    }
    let mut shop = Deployment::new("rules: {gap_seconds: 1800}\n");
    shop.start_engine();
    let begun = clicks(&shop, "first.jsonl", 0, 2);
    shop.ok("import", &begun);
    let config = std::fs::read_to_string(shop.config()).unwrap();
    for other in ["lateness_seconds: 60", "lateness_seconds: 7200"] {
        std::fs::write(shop.config(), config.replace("gap_seconds: 1800", other)).unwrap();
        let said = shop.fails("import", &begun);
        assert!(said.contains("rules.lateness_seconds was 3600") && said.contains("crumbtrail rebuild"), "{said}");
        let (is_done, refused) = self::said(&shop, "apply");
        assert!(!is_done && refused.contains("crumbtrail rebuild"), "{refused}");
    }
    std::fs::write(shop.config(), config).unwrap();
    let (is_done, same) = said(&shop, "apply");
    assert!(is_done && same.contains("in force already"), "{same}");
    shop.ok("import", &begun);
}

#[test]
fn an_epoch_of_which_nothing_is_noted_any_more_is_not_gone_on_from() {
    if !has_engine("an_epoch_of_which_nothing_is_noted_any_more_is_not_gone_on_from") {
        return;
    }
    let mut shop = Deployment::new("rules: {gap_seconds: 600}\n");
    shop.start_engine();
    let begun = clicks(&shop, "first.jsonl", 0, 2);
    shop.ok("import", &begun);
    let before = tables::all(&shop);
    let (note, copy) = (shop.data().join("snapshots/e1/epoch/rules"), shop.data().join("log/notes-e1.json"));
    // The store alone is lost: put back, and other rules are refused as before.
    std::fs::remove_dir_all(shop.data().join("snapshots")).unwrap();
    let (_, shown) = said(&shop, "show");
    assert!(shown.contains("rules.gap_seconds was 1800, is 600") && !note.exists(), "{shown}");
    shop.with_config("gap_seconds: 600", "gap_seconds: 900");
    let refused = shop.fails("import", &begun);
    assert!(refused.contains("rules.gap_seconds was 600, is 900") && note.exists(), "{refused}");
    shop.with_config("gap_seconds: 900", "gap_seconds: 600");
    shop.ok("import", &begun);
    // The copy, too.
    std::fs::remove_dir_all(shop.data().join("snapshots")).unwrap();
    std::fs::remove_file(&copy).unwrap();
    for refused in [shop.fails("import", &begun), shop.fails("redrive", [""; 0])] {
        assert!(refused.contains("noted nowhere") && refused.contains("crumbtrail rules assume"), "{refused}");
    }
    let found = shop.run("check", [""; 0]);
    let told = String::from_utf8_lossy(&found.stdout).into_owned();
    assert!(found.status.code() == Some(4) && told.contains("crumbtrail rules assume"), "{told}");
    assert!(!note.exists() && !copy.exists(), "nothing is noted by a start that is refused");
    let (is_done, assumed) = said(&shop, "assume");
    assert!(is_done && note.exists() && copy.exists(), "{assumed}");
    let (is_done, again) = said(&shop, "assume");
    assert!(!is_done && again.contains("is noted"), "{again}");
    shop.ok("import", &begun);
    assert_eq!(shop.sql("SELECT * FROM audit"), "");
    tables::assert_says(&before, &shop);
}
