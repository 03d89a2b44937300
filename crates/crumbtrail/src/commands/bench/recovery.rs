//! `bench recovery`: how long after SIGKILL a service is back: its state restored, the log read to its end, a new tick processed.
//!
//! A real process of this program, as `run all` with the given configuration, on its log, its snapshots, its ClickHouse and its
//! sources. What it has come to is read from its `/metrics`.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};
use clap::Args;
use crumbtrail_events::{ClickEvent, Kind, encode};
use crumbtrail_log::kafka::{KafkaSettings, PlainProducer, admin};
use crumbtrail_runtime::Clock;

use super::say;
use crate::args::Place;
use crate::config::Config;
use crate::loaded::load;

/// `bench recovery`.
#[derive(Debug, Args)]
pub struct RecoveryArgs {
    /// The deployment. Its first source is a topic of native clicks that is not there yet: what opens the sessions is sent to it.
    #[command(flatten)]
    pub place: Place,
    /// Sessions that must be open before the first kill.
    #[arg(long, default_value_t = 1_000_000)]
    pub open: u64,
    /// Clicks of those visitors that come in all the while, a second: a partition to which nothing comes takes no snapshot for an
    /// hour.
    #[arg(long, default_value_t = 400)]
    pub flow: u64,
    /// Kills.
    #[arg(long, default_value_t = 5)]
    pub rounds: usize,
    /// How long the process is dead each time, seconds: what it finds in the log is older than any tick of its own then.
    #[arg(long, default_value_t = 5)]
    pub dead_seconds: u64,
}

/// How long opening so many sessions may take.
const MOST: Duration = Duration::from_secs(1_800);
/// How long a restart may take.
const MOST_AFTER_KILL: Duration = Duration::from_secs(120);
/// Of the topic that is filled.
const PARTITIONS: u32 = 4;
/// Between two looks.
const LOOK: Duration = Duration::from_millis(10);

/// Runs, kills and measures.
///
/// # Errors
/// The process ends by itself, or does not get there in time.
pub fn recovery(args: &RecoveryArgs) -> Result<()> {
    let config = load(&args.place)?;
    let address = config.telemetry.listen.clone();
    let partitions = config.log.partitions as usize;
    let mut clicks = Clicks::open(&config, args.open)?;
    let begun = Instant::now();
    clicks.send(2 * args.open)?;
    clicks.producer.flush(Duration::from_secs(60))?;
    say("clicks sent", format_args!("{} in {:.1} s", 2 * args.open, begun.elapsed().as_secs_f64()));
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let flow = scope.spawn(|| clicks.flow(args.flow, &stop));
        let killed = kills(args, &address, partitions);
        stop.store(true, Ordering::Relaxed);
        let flowed = flow.join().map_err(|_| anyhow!("the flow of clicks panicked"))?;
        killed.and(flowed)
    })
}

fn kills(args: &RecoveryArgs, address: &str, partitions: usize) -> Result<()> {
    let mut service = Service::start(args, address)?;
    // Killed sooner, it would have more to read again each time.
    let ready = |metrics: &str| {
        let open = sum(metrics, "crumbtrail_sessions_open", "") as u64;
        let saved = count(metrics, "crumbtrail_snapshot_size_bytes", "");
        open >= args.open && saved == 2 * partitions && sum(metrics, "crumbtrail_step_lag_frames", "") < 100.0
    };
    let (loaded, _) = service.wait_until(MOST, ready).context("opening the sessions")?;
    say("sessions opened in", format_args!("{:.1} s", loaded.as_secs_f64()));
    let mut times = Vec::new();
    for round in 1..=args.rounds {
        service.kill()?;
        std::thread::sleep(Duration::from_secs(args.dead_seconds));
        service = Service::start(args, address)?;
        // A tick found in the log is older than the process has been dead and alive together.
        let is_back = |metrics: &str| {
            let ages = values(metrics, "crumbtrail_step_lag_seconds", "processor=\"sessionize\"");
            ages.len() == partitions && ages.iter().all(|age| *age < args.dead_seconds as f64 / 2.0)
        };
        let (back, up) = service.wait_until(MOST_AFTER_KILL, is_back).context("coming back")?;
        let cpu = cpu_seconds(service.process.id());
        let reads = |metrics: &str| count(metrics, "crumbtrail_intake_lag_records", "") > 0;
        let (reads, _) = service.wait_until(MOST_AFTER_KILL, reads).context("reading the sources")?;
        service.wait_until(MOST, ready).context("with all sessions open, and its own snapshots taken")?;
        say(
            &format!("kill {round}"),
            format_args!(
                "a new tick in every partition after {:.2} s, {:.2} s of processor time (answers after {:.2} s, reads its sources after \
                 {:.2} s)",
                back.as_secs_f64(),
                cpu,
                up.as_secs_f64(),
                reads.as_secs_f64()
            ),
        );
        times.push((back.as_secs_f64(), cpu));
    }
    let metrics = service.metrics().context("its metrics")?;
    say("sessions open", sum(&metrics, "crumbtrail_sessions_open", ""));
    let bytes = sum(&metrics, "crumbtrail_state_resident_bytes", "sessionize");
    say("state of sessionize", format_args!("{:.0} MiB", bytes / f64::from(1 << 20)));
    service.kill()?;
    let (backs, cpus): (Vec<f64>, Vec<f64>) = times.into_iter().unzip();
    for (what, mut seconds) in [("back after SIGKILL", backs), ("processor time until then", cpus)] {
        seconds.sort_by(f64::total_cmp);
        if let (Some(least), Some(most)) = (seconds.first(), seconds.last()) {
            let median = seconds[seconds.len() / 2];
            say(what, format_args!("median {median:.2} s, {least:.2} to {most:.2} s"));
        }
    }
    Ok(())
}

/// Clicks of so many visitors in turn, each just now: by the shipped rules every session stays open for an hour and a half.
struct Clicks {
    producer: PlainProducer,
    topic: String,
    visitors: u64,
    sent: u64,
    body: Vec<u8>,
}

impl Clicks {
    fn open(config: &Config, visitors: u64) -> Result<Clicks> {
        let source = config.sources.first().context("no source is configured")?;
        let settings = KafkaSettings::new(config.kafka.bootstrap_servers.clone());
        if !admin::ensure_topic(&settings, &source.topic, PARTITIONS, 1, None)? {
            bail!("the topic {} is there already: name one that can be made and filled", source.topic);
        }
        let (producer, topic) = (PlainProducer::new(&settings)?, source.topic.clone());
        Ok(Clicks { producer, topic, visitors, sent: 0, body: Vec::new() })
    }

    fn send(&mut self, count: u64) -> Result<()> {
        for number in self.sent..self.sent + count {
            let of = number % self.visitors;
            let (visitor, id) = (format!("v-{of:012}"), format!("e{number}"));
            let click = ClickEvent {
                event_id: &id,
                site: "shop",
                occurred_at: Clock::System.now_ms(),
                visitor: &visitor,
                kind: Kind::PageView,
                url: "https://shop.example/en/product/1",
                ..ClickEvent::default()
            };
            self.body.clear();
            encode::json::click(&click, &mut self.body);
            let partition = (of % u64::from(PARTITIONS)) as u32;
            self.producer.send(&self.topic, partition, visitor.as_bytes(), Some(&self.body))?;
        }
        self.sent += count;
        Ok(())
    }

    /// So many a second, until told to stop.
    fn flow(&mut self, a_second: u64, stop: &AtomicBool) -> Result<()> {
        while !stop.load(Ordering::Relaxed) {
            self.send(a_second.div_ceil(10))?;
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    }
}

/// A process of this program that serves.
struct Service {
    process: Child,
    started: Instant,
    address: String,
}

impl Service {
    fn start(args: &RecoveryArgs, address: &str) -> Result<Service> {
        let program = std::env::current_exe().context("cannot find this program's own path")?;
        let mut command = Command::new(program);
        command.args(["run", "all"]).stdout(Stdio::null());
        for (flag, path) in [("--config", &args.place.config), ("--data", &args.place.data)] {
            if let Some(path) = path {
                command.arg(flag).arg(path);
            }
        }
        let started = Instant::now();
        let process = command.spawn().context("cannot start the service")?;
        Ok(Service { process, started, address: address.to_owned() })
    }

    /// Waits until its metrics say so: how long since its start, and when it answered first.
    fn wait_until(&mut self, most: Duration, is_so: impl Fn(&str) -> bool) -> Result<(Duration, Duration)> {
        let (until, mut up) = (Instant::now() + most, None);
        loop {
            if let Some(metrics) = self.metrics() {
                let up = *up.get_or_insert_with(|| self.started.elapsed());
                if is_so(&metrics) {
                    return Ok((self.started.elapsed(), up));
                }
            }
            if let Some(ended) = self.process.try_wait()? {
                bail!("the service ended by itself: {ended}");
            }
            if Instant::now() >= until {
                bail!("not within {} s", most.as_secs());
            }
            std::thread::sleep(LOOK);
        }
    }

    /// What `/metrics` says; nothing while it does not answer.
    fn metrics(&self) -> Option<String> {
        let mut stream = TcpStream::connect(&self.address).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
        write!(stream, "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        answer.starts_with("HTTP/1.1 200").then_some(answer)
    }

    fn kill(mut self) -> Result<()> {
        self.end()
    }

    fn end(&mut self) -> Result<()> {
        self.process.kill().context("it ended by itself")?;
        self.process.wait()?;
        Ok(())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.end();
    }
}

/// Processor time of a process so far, its own and the system's for it; 0 where there is no `/proc`.
fn cpu_seconds(process: u32) -> f64 {
    /// Of such a second, as `/proc` counts on every machine.
    const PARTS: f64 = 100.0;
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // Behind the program's name, which may hold anything.
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields).split_whitespace();
    fields.skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum::<f64>() / PARTS
}

/// The values of a metric whose labels contain a text.
fn values(metrics: &str, name: &str, label: &str) -> Vec<f64> {
    let of = |line: &str| {
        let (series, value) = line.rsplit_once(' ')?;
        let labels = series.strip_prefix(name)?;
        (labels.is_empty() || labels.starts_with('{')).then_some(())?;
        labels.contains(label).then(|| value.parse().ok())?
    };
    metrics.lines().filter_map(of).collect()
}

fn sum(metrics: &str, name: &str, label: &str) -> f64 {
    values(metrics, name, label).iter().sum()
}

fn count(metrics: &str, name: &str, label: &str) -> usize {
    values(metrics, name, label).len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_told_apart_by_name_and_label() {
        let text = "# HELP x y\nx{processor=\"sessionize\",partition=\"0\"} 2\nx{processor=\"journey\",partition=\"0\"} 5\nx_more 7\ny 3\n";
        assert_eq!((sum(text, "x", ""), sum(text, "x", "sessionize"), count(text, "x", "")), (7.0, 2.0, 2));
        assert_eq!((values(text, "y", ""), count(text, "z", "")), (vec![3.0], 0));
    }

    #[test]
    fn processor_time_is_read() {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(60) && cpu_seconds(std::process::id()) < 0.05 {}
        let used = cpu_seconds(std::process::id());
        assert!((0.05..3_600.0).contains(&used), "{used}");
    }
}
