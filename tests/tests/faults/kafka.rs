//! Faults on a real broker: members that sleep and wake, come and go, a broker that dies, a ClickHouse that is away, all
//! while an independent client produces.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crumbtrail_tests::clients::Producing;
use crumbtrail_tests::deployment::wait_until;
use crumbtrail_tests::proxy::{Fault, Proxy};
use crumbtrail_tests::{Broker, Deployment, Member, has_engine, python_client, tables};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::{is_long, seed, times};

/// A broker with records coming in, and an engine.
struct Flow {
    python: PathBuf,
    broker: Broker,
    host: Deployment,
    proxy: Proxy,
    shop: Deployment,
    count: i64,
    producing: Producing,
    begun: Instant,
}

impl Flow {
    /// Starts all of it: so many records, evenly over the time. `None` where a part cannot be had.
    fn start(test: &str, count: i64, seconds: u64) -> Option<Flow> {
        Flow::sending(test, count, &["steady", &count.to_string(), &seconds.to_string()])
    }

    /// The same with `count` records that the Python client sends as it is told to.
    fn sending(test: &str, count: i64, what: &[&str]) -> Option<Flow> {
        let python = python_client(test).filter(|_| has_engine(test))?;
        let broker = Broker::start(test)?;
        let begun = Instant::now();
        let _ = Producing::start(&python, &[&broker.address, "-", "topics"]).sent();
        let mut host = Deployment::new("");
        host.start_engine();
        let proxy = Proxy::start(&host.engine_access().0);
        let shop = Deployment::beside(&host, &proxy.url(), "shaken", &config(&broker, "shaken"));
        // Not left to members that start at the same moment.
        shop.ok("migrate", [""; 0]);
        let producing = Producing::start(&python, &[&[&broker.address, "-"], what].concat());
        Some(Flow { python, broker, host, proxy, shop, count, producing, begun })
    }

    fn counted(&self) -> i64 {
        let out = self.shop.run("sql", ["SELECT count() FROM touchpoints", "--format", "TSV"]);
        String::from_utf8_lossy(&out.stdout).trim().parse().unwrap_or(0)
    }

    /// Waits until the tables have so many records more.
    #[track_caller]
    fn wait_for_more(&self, records: i64) {
        self.wait_meanwhile(records, || ());
    }

    /// The same, and does something now and then.
    #[track_caller]
    fn wait_meanwhile(&self, records: i64, mut now_and_then: impl FnMut()) {
        let until = (self.counted() + records).min(self.count);
        wait_until(Duration::from_secs(120), || {
            now_and_then();
            self.counted() >= until
        });
    }

    /// Everything sent is processed, event time closed; then the same topics are read by an undisturbed deployment, and both
    /// say the same.
    #[track_caller]
    fn judge(self, what: &str) {
        let sent = self.producing.sent();
        self.shop.ok("run", ["all", "--until-idle"]);
        let calm = Deployment::beside(&self.host, &self.host.engine_access().0, "calm", &config(&self.broker, "calm"));
        calm.ok("run", ["all", "--until-idle"]);
        assert_eq!(sent["sessions"].as_i64(), Some(calm.number("SELECT count() FROM sessions")));
        let records = sent["outcomes"]["clicks-json"]["counted"].as_i64().expect("a number");
        assert!(calm.number("SELECT count() FROM touchpoints") >= records);
        tables::assert_equal(&calm, &self.shop);
        let took = self.begun.elapsed();
        eprintln!("faults: {what}: {records} records, every table equal, audit empty ({took:.1?})");
    }
}

fn config(broker: &Broker, prefix: &str) -> String {
    format!(
        "log:\n  home: kafka\n  partitions: 6\n  replication_factor: 1\n  topic_prefix: {prefix}\nkafka:\n  \
         bootstrap_servers: {}\n  client:\n    session.timeout.ms: \"6000\"\n    \
         topic.metadata.refresh.interval.ms: \"2000\"\nsources:\n  - topic: clicks-json\n    site: shop\npace:\n  \
         insert_interval_ms: 300\n  tick_ms: 100\nsnapshots:\n  interval_seconds: 1\n",
        broker.address
    )
}

/// Starts those again that have ended, as whoever watches over them does: one that learns that it was given up ends. Says
/// how many.
fn watch(shop: &Deployment, members: &mut [(&'static str, Member)]) -> u32 {
    let mut ended = 0;
    for (name, member) in members {
        if member.has_ended() {
            *member = Member::start(shop, name);
            ended += 1;
        }
    }
    ended
}

/// Longer than the group's session timeout.
const OVER: Duration = Duration::from_secs(8);

/// What the Python client can send evenly, with the rest of it on the same two cores.
const SOAK_PER_SECOND: u64 = 3_000;

/// Names of members.
const NAMES: [&str; 5] = ["one", "two", "three", "four", "five"];

/// The short form of what befalls members and broker: one thing after the other in one flow.
#[test]
fn sleepers_a_dying_broker_and_members_that_come_and_go() {
    if is_long() {
        return;
    }
    let test = "sleepers_a_dying_broker_and_members_that_come_and_go";
    // More than is needed: it is ended when everything has happened.
    let Some(flow) = Flow::start(test, 120_000, 600) else { return };
    flow.proxy.strike(&Fault::QUICK, 4, 60);
    let mut members = Vec::from_iter(NAMES[..4].iter().map(|&name| (name, Member::start(&flow.shop, name))));
    flow.wait_for_more(500);
    let mut ended = 0;
    for (_, sleeper) in &members[1..] {
        sleeper.freeze();
    }
    std::thread::sleep(OVER);
    // One has taken over from three.
    flow.wait_meanwhile(500, || ended += watch(&flow.shop, &mut members[..1]));
    for sleeper in 1..members.len() {
        members[sleeper].1.thaw();
        // What it still does in its sleepwalk, and more.
        flow.wait_meanwhile(300, || ended += watch(&flow.shop, &mut members[..=sleeper]));
    }
    eprintln!("faults: 3 slept for {OVER:?} and woke, {ended} ended then ({:.1?})", flow.begun.elapsed());

    members.split_off(1).into_iter().for_each(|(_, member)| member.send_off());
    ended = 0;
    flow.broker.kill();
    std::thread::sleep(Duration::from_secs(1));
    flow.broker.restart();
    flow.wait_meanwhile(300, || ended += watch(&flow.shop, &mut members));
    flow.broker.freeze(true);
    std::thread::sleep(OVER);
    flow.broker.freeze(false);
    flow.wait_meanwhile(300, || ended += watch(&flow.shop, &mut members));
    flow.broker.stop();
    flow.broker.restart();
    flow.wait_meanwhile(300, || ended += watch(&flow.shop, &mut members));
    eprintln!(
        "faults: broker killed, stopped for {OVER:?}, restarted; the process ended {ended} times ({:.1?})",
        flow.begun.elapsed()
    );

    let seed = seed();
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let (mut kills, mut drains) = (0, 0);
    // From 1 to 5, to 1, to 3.
    for comes in [true, true, true, true, false, false, false, false, true, true] {
        watch(&flow.shop, &mut members);
        if comes {
            let name = NAMES.into_iter().find(|name| members.iter().all(|(taken, _)| taken != name));
            let name = name.expect("there are five names");
            members.push((name, Member::start(&flow.shop, name)));
        } else if random.random_bool(0.5) {
            members.swap_remove(random.random_range(0..members.len())).1.kill();
            kills += 1;
        } else {
            members.swap_remove(random.random_range(0..members.len())).1.send_off();
            drains += 1;
        }
        std::thread::sleep(Duration::from_millis(random.random_range(100..2_500)));
    }
    flow.wait_meanwhile(300, || {
        watch(&flow.shop, &mut members);
    });
    members.into_iter().for_each(|(_, member)| member.send_off());
    flow.producing.end();
    let struck = flow.proxy.struck();
    flow.proxy.strike(&[], 1, 0);
    flow.judge(&format!(
        "3 sleepers, a broker killed, stopped, restarted, members 1 ↔ 5 in 10 changes ({kills} killed, {drains} drained, \
         seed {seed}), {struck} requests struck"
    ));
}

#[test]
fn a_sleeper_wakes_after_others_have_taken_over() {
    if !is_long() {
        return;
    }
    let cycles = 8 * u64::from(times());
    let seconds = 20 * cycles;
    let test = "a_sleeper_wakes_after_others_have_taken_over";
    let Some(flow) = Flow::start(test, 400 * i64::try_from(seconds).unwrap(), seconds) else { return };
    let mut members = ["one", "other"].map(|name| (name, Member::start(&flow.shop, name)));
    flow.wait_for_more(500);
    let mut ended = 0;
    for cycle in 0..cycles {
        let sleeper = usize::try_from(cycle % 2).unwrap();
        members[sleeper].1.freeze();
        std::thread::sleep(OVER);
        // The other has taken over.
        flow.wait_meanwhile(500, || ended += watch(&flow.shop, &mut members));
        members[sleeper].1.thaw();
        // What it still does in its sleepwalk, and more.
        flow.wait_meanwhile(1_000, || ended += watch(&flow.shop, &mut members));
    }
    for (_, member) in members {
        member.send_off();
    }
    flow.judge(&format!(
        "{cycles} times asleep for {OVER:?} of a session timeout of 6 s, then awake; {ended} ended then"
    ));
}

#[test]
fn members_come_and_go() {
    if !is_long() {
        return;
    }
    let (count, seconds) = (90_000 * i64::from(times()), 150 * u64::from(times()));
    let Some(flow) = Flow::start("members_come_and_go", count, seconds) else { return };
    let seed = seed();
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut members = NAMES.map(|_| None::<Member>);
    let (mut kills, mut drains, mut most) = (0, 0, 0);
    while flow.counted() < count - 10_000 {
        // Some come, as many as they are to be; then some go, whichever.
        let wanted = random.random_range(1..=NAMES.len());
        for (member, name) in members.iter_mut().zip(NAMES).filter(|(member, _)| member.is_none()).take(wanted) {
            *member = Some(Member::start(&flow.shop, name));
        }
        most = most.max(members.iter().flatten().count());
        std::thread::sleep(Duration::from_millis(random.random_range(500..12_000)));
        for member in &mut members {
            match random.random_range(0..4) {
                0 if member.is_some() => {
                    member.take().expect("one is there").kill();
                    kills += 1;
                }
                1 if member.is_some() => {
                    member.take().expect("one is there").drain();
                    drains += 1;
                }
                _ => {}
            }
        }
    }
    members.into_iter().flatten().for_each(Member::drain);
    flow.judge(&format!("members 1 ↔ {most}: {kills} times killed, {drains} times drained (seed {seed})"));
}

#[test]
fn the_broker_dies_and_sleeps() {
    if !is_long() {
        return;
    }
    let times = 4 * times();
    let (count, seconds) = (15_000 * i64::from(times), 25 * u64::from(times));
    let Some(flow) = Flow::start("the_broker_dies_and_sleeps", count, seconds) else { return };
    let (mut members, mut ended) = ([("one", Member::start(&flow.shop, "one"))], 0);
    for _ in 0..times {
        flow.wait_meanwhile(3_000, || ended += watch(&flow.shop, &mut members));
        flow.broker.kill();
        std::thread::sleep(Duration::from_secs(3));
        flow.broker.restart();
        flow.wait_meanwhile(3_000, || ended += watch(&flow.shop, &mut members));
        flow.broker.freeze(true);
        std::thread::sleep(Duration::from_secs(10));
        flow.broker.freeze(false);
    }
    flow.wait_meanwhile(3_000, || ended += watch(&flow.shop, &mut members));
    members.into_iter().for_each(|(_, member)| member.send_off());
    flow.judge(&format!(
        "broker killed and started again {times} times, stopped for 10 s {times} times; the process ended {ended} times"
    ));
}

#[test]
fn clickhouse_is_away_and_struck_while_records_come_in() {
    if !is_long() {
        return;
    }
    let test = "clickhouse_is_away_and_struck_while_records_come_in";
    let away = std::env::var("CRUMBTRAIL_AWAY_MINUTES").map_or(1, |minutes| minutes.parse().expect("minutes"));
    let seconds = 60 * away + 150;
    let count = i64::try_from(seconds).unwrap() * 600;
    let Some(flow) = Flow::start(test, count, seconds) else { return };
    let mut one = Member::start(&flow.shop, "one");
    flow.proxy.strike(&Fault::QUICK, 4, 200);
    flow.wait_for_more(20_000);
    let before = one.resident_bytes();
    flow.proxy.shut(true);
    let mut most = before;
    for _ in 0..12 * away {
        std::thread::sleep(Duration::from_secs(5));
        assert!(!one.has_ended(), "it ended while ClickHouse was away");
        most = most.max(one.resident_bytes());
    }
    let after = one.resident_bytes();
    flow.proxy.shut(false);
    flow.wait_for_more(20_000);
    let (struck, seen) = (flow.proxy.struck(), flow.proxy.seen());
    flow.proxy.strike(&[], 1, 0);
    one.drain();
    let [before, most, after] = [before, most, after].map(|bytes| bytes >> 20);
    let memory = format!("{before} MiB resident before, {most} MiB at most, {after} MiB at its end");
    flow.judge(&format!("{struck} of {seen} requests struck, ClickHouse refused for {away} minutes ({memory})"));
    assert!(most * 10 <= before * 11, "an outage costs lag and not memory: {memory}");
}

/// Two minutes (`CRUMBTRAIL_SOAK_MINUTES`) in which a day passes every second, for 500 visitors who come once a day: what is
/// kept of them reaches its size within a quarter of the time, and then nothing grows.
#[test]
fn nothing_piles_up_in_a_soak() {
    let minutes: u64 = std::env::var("CRUMBTRAIL_SOAK_MINUTES").map_or(2, |minutes| minutes.parse().expect("minutes"));
    let (seconds, days) = (minutes * 60, (minutes * 60).to_string());
    let count = i64::try_from(seconds * SOAK_PER_SECOND).unwrap();
    let sent = ["months", &count.to_string(), &seconds.to_string(), &days];
    let Some(flow) = Flow::sending("nothing_piles_up_in_a_soak", count, &sent) else { return };
    let one = Member::start(&flow.shop, "one");
    let mut samples = Vec::new();
    flow.wait_for_more(count / 4);
    while flow.counted() < count {
        samples.push((one.resident_bytes() >> 20, one.descriptors()));
        std::thread::sleep(Duration::from_secs(1));
        let behind = flow.begun.elapsed().saturating_sub(Duration::from_secs(seconds));
        assert!(behind < Duration::from_secs(120), "it does not keep up: {} of {count}", flow.counted());
    }
    let behind = flow.begun.elapsed().saturating_sub(Duration::from_secs(seconds));
    one.drain();
    let most = |samples: &[(u64, usize)]| samples.iter().fold((0, 0), |most, at| (most.0.max(at.0), most.1.max(at.1)));
    let (early, late) = samples.split_at(samples.len() / 2);
    let ((mib_early, open_early), (mib_late, open_late)) = (most(early), most(late));
    let sent = flow.producing.sent();
    flow.shop.ok("run", ["all", "--until-idle"]);
    assert_eq!(sent["sessions"].as_i64(), Some(flow.shop.number("SELECT count() FROM sessions")));
    assert_eq!(flow.shop.number("SELECT count() FROM touchpoints WHERE outcome = 'counted'"), count);
    flow.shop.ok("audit", ["--log"]);
    eprintln!(
        "faults: {days} days in {minutes} minutes, {SOAK_PER_SECOND} records/s: at most {mib_early} MiB and {open_early} \
         descriptors in the first half, {mib_late} and {open_late} in the second; the last records in the tables {behind:.0?} \
         behind start and flow"
    );
    assert!(open_late <= open_early + 4, "descriptors pile up: {samples:?}");
    assert!(mib_late * 10 <= mib_early * 11, "memory piles up: {samples:?}");
}

#[test]
fn a_source_topic_gets_more_partitions() {
    if !is_long() {
        return;
    }
    let Some(mut flow) = Flow::start("a_source_topic_gets_more_partitions", 5_000, 10) else { return };
    let one = Member::start(&flow.shop, "one");
    flow.wait_for_more(1_000);
    let _ = Producing::start(&flow.python, &[&flow.broker.address, "-", "grow", "9"]).sent();
    // A producer that knows the new ones: the same visitors are on other partitions now.
    let more = Producing::start(&flow.python, &[&flow.broker.address, "-", "steady", "5000", "10", "5000"]);
    let _ = std::mem::replace(&mut flow.producing, more).sent();
    flow.count = 10_000;
    flow.wait_for_more(10_000);
    assert!(flow.shop.number("SELECT count() FROM touchpoints WHERE partition >= 6") > 0);
    one.drain();
    // An undisturbed run would read old and new partitions side by side, and a visitor's events in another order: what the
    // client sent decides.
    let Flow { shop, producing, begun, .. } = flow;
    let sent = producing.sent();
    shop.ok("run", ["all", "--until-idle"]);
    assert_eq!(sent["sessions"].as_i64(), Some(shop.number("SELECT count() FROM sessions")));
    assert_eq!(shop.number("SELECT sum(event_count) FROM sessions"), 10_000);
    assert_eq!(shop.number("SELECT count() FROM touchpoints WHERE outcome = 'counted'"), 10_000);
    assert_eq!(shop.sql("SELECT * FROM audit"), "");
    eprintln!("faults: source partitions 6 → 9 in full flow: all counted, audit empty ({:.1?})", begun.elapsed());
}

#[test]
fn of_two_with_the_same_name_the_older_ends() {
    if !is_long() {
        return;
    }
    let Some(flow) = Flow::start("of_two_with_the_same_name_the_older_ends", 12_000, 30) else { return };
    let mut older = Member::start(&flow.shop, "twin");
    flow.wait_for_more(1_000);
    let newer = Member::start(&flow.shop, "twin");
    wait_until(Duration::from_secs(60), || older.has_ended());
    flow.wait_for_more(1_000);
    newer.drain();
    flow.judge("two processes of one name: the older one ended");
}
