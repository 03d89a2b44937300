//! `generate`: the demo world or a load, to files or Kafka.

mod config_file;
mod sink;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use clap::{Args, ValueEnum};
use crumbtrail_world::{Load, LoadShape, Record, World};

use sink::{FileSink, KafkaSink, Sink};

/// What to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Subject {
    /// Three months of a shop in Bangkok, Jakarta and elsewhere, with planted truths.
    World,
    /// A plain stream of clicks with a known number of sessions.
    Load,
}

/// How records are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OutFormat {
    /// JSON lines with the field names of our schemas.
    Native,
    /// Segment messages for clicks, JSON lines; support entries stay native.
    Segment,
    /// Web server lines for clicks, as an access log would have kept them; support entries stay native. The address stands for the
    /// visitor.
    Combined,
    /// Avro: object container files; in Kafka, Confluent wire format, or single-object encoding without a registry.
    Avro,
}

/// `generate`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  crumbtrail generate world --out demo\n  \
    crumbtrail generate load --out load --format avro --events 2000000\n  \
    crumbtrail generate world --kafka 127.0.0.1:9092 --registry http://127.0.0.1:8081 --format avro\n\n\
    The same seed makes the same records. What was planted stands in truths.json: see `crumbtrail report --truths`.")]
pub struct GenerateArgs {
    /// The demo world, or a load.
    #[arg(value_enum)]
    pub what: Subject,
    /// Folder for the files; with --kafka for the configuration, the geo database and the truths alone.
    #[arg(long, value_name = "DIR", required_unless_present = "kafka")]
    pub out: Option<PathBuf>,
    /// How records are written.
    #[arg(long, value_enum, default_value = "native")]
    pub format: OutFormat,
    /// Seed.
    #[arg(long, default_value_t = 42)]
    pub seed: u64,
    /// Size of the world: 1 is about 345,000 events and 24,500 support entries.
    #[arg(long, default_value_t = 1.0)]
    pub scale: f64,
    /// Events of a load.
    #[arg(long, default_value_t = LoadShape::default().events)]
    pub events: u64,
    /// Visitors of a load.
    #[arg(long, default_value_t = LoadShape::default().visitors)]
    pub visitors: u32,
    /// Sessions of a load.
    #[arg(long, default_value_t = LoadShape::default().sessions)]
    pub sessions: u64,
    /// Days of a load.
    #[arg(long, default_value_t = LoadShape::default().days)]
    pub days: u32,
    /// A load that the world was hard on: disorder, repeats, late records, shared devices, robots, heartbeats, campaigns,
    /// carts, clocks that are off. Its sessions are no known number: docs/sql/sessions.sql computes them.
    #[arg(long)]
    pub rough: bool,
    /// Brokers to write to instead of files, `host:port`.
    #[arg(long, value_name = "HOST:PORT")]
    pub kafka: Option<String>,
    /// Schema registry, for Avro in Confluent wire format.
    #[arg(long, value_name = "URL", requires = "kafka")]
    pub registry: Option<String>,
    /// Topic of the clicks.
    #[arg(long, default_value = "clicks", requires = "kafka")]
    pub clicks_topic: String,
    /// Topic of the support entries.
    #[arg(long, default_value = "support", requires = "kafka")]
    pub support_topic: String,
    /// Partitions of the topics, if they have to be made.
    #[arg(long, default_value_t = 4, requires = "kafka", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub partitions: u32,
    /// Replicas of the topics, if they have to be made.
    #[arg(long, default_value_t = 1, requires = "kafka", value_parser = clap::value_parser!(u32).range(1..=9))]
    pub replication: u32,
}

pub fn generate(args: &GenerateArgs) -> Result<ExitCode> {
    if !args.scale.is_finite() || args.scale <= 0.0 || args.scale > 50.0 {
        bail!("--scale {} is not between 0 and 50", args.scale);
    }
    if let Some(out) = &args.out {
        std::fs::create_dir_all(out).with_context(|| format!("cannot make the folder {}", out.display()))?;
    }
    let mut sink: Box<dyn Sink> = match (&args.kafka, &args.out) {
        (Some(_), _) => Box::new(KafkaSink::open(args)?),
        (None, Some(out)) => Box::new(FileSink::create(out, args.format, args.what == Subject::World)?),
        (None, None) => bail!("say where to: --out DIR or --kafka HOST:PORT"),
    };
    let truths = match args.what {
        Subject::World => world(args, sink.as_mut())?,
        Subject::Load => load(args, sink.as_mut())?,
    };
    sink.finish()?;
    if let Some(out) = &args.out {
        config_file::write_beside(args, out, &truths)?;
    }
    sayln!("{}", config_file::next_step(args));
    Ok(ExitCode::SUCCESS)
}

/// Writes the world; gives its truths as JSON.
fn world(args: &GenerateArgs, sink: &mut dyn Sink) -> Result<String> {
    let world = World::new(args.seed, args.scale);
    world.visit(|record| match record {
        Record::Click(click) => sink.click(&click),
        Record::Support(entry) => sink.support(&entry),
        Record::Malformed(record) => sink.malformed(record),
    })?;
    let mut truths = world.truths();
    if !sink.carries_malformed() {
        truths.malformed = 0;
    }
    sayln!(
        "{} clicks and {} support entries of {} sessions and {} conversations ({} sent twice, {} broken), seed {}",
        truths.clicks,
        truths.support_entries,
        truths.sessions + truths.robot_sessions,
        truths.conversations,
        truths.duplicates,
        truths.malformed,
        truths.seed,
    );
    Ok(serde_json::to_string_pretty(&truths)? + "\n")
}

fn load(args: &GenerateArgs, sink: &mut dyn Sink) -> Result<String> {
    let shape = LoadShape { events: args.events, visitors: args.visitors, sessions: args.sessions, days: args.days };
    let load = Load::new(args.seed, shape);
    let load = if args.rough { load.rough() } else { load };
    load.visit(|click| sink.click(&click))?;
    let truths = load.truths();
    if args.rough {
        sayln!(
            "{} clicks, some of them twice, of {} visitors at most, seed {}",
            truths.events,
            truths.visitors,
            truths.seed
        );
        return Ok(serde_json::to_string_pretty(&truths)? + "\n");
    }
    sayln!(
        "{} clicks in {} sessions of {} visitors at most, seed {}",
        truths.events,
        truths.sessions,
        truths.visitors,
        truths.seed
    );
    Ok(serde_json::to_string_pretty(&truths)? + "\n")
}
