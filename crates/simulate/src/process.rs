//! One process: the real loop of intake, sessionize or journey, turned by the scheduler, with clients of its own.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crumbtrail_identity::Packing;
use crumbtrail_journeys::JourneyRules;
use crumbtrail_log::{Epoch, Event, Generation, Log, LogError, Member, PartitionId};
use crumbtrail_runtime::cutter::CutRules;
use crumbtrail_runtime::intake::{self, IntakeLoop, Writer};
use crumbtrail_runtime::processor::{ProcessorError, Running};
use crumbtrail_runtime::progress::Progress;
use crumbtrail_runtime::restores::Restores;
use crumbtrail_runtime::{Clock, Processor, Sink, SnapshotStore, Step};
use crumbtrail_sessions::{Limits, RuleBook, Rules};
use crumbtrail_steps::{Journey, Place, Sessionize};
use crumbtrail_telemetry::Beat;
use tokio::runtime::Runtime;

use crate::broker::{Client, PartitionMail};
use crate::inbox::Judging;
use crate::judge::WorldJudge;
use crate::mutation::{Mutation, is_on};
use crate::role::Role;
use crate::rules::Change;
use crate::scene::Scene;
use crate::sink::WorldSink;
use crate::source::{Mail, WorldSource};
use crate::step::Odd;
use crate::world::{DAY_MS, GAP_MS, LATENESS_MS, LOOK_BACK_MS, TALK_GAP_MS, TALK_MEMORY_MS};

const HOUR_MS: i64 = 3_600_000;
/// How often intake ticks.
const TICK: Duration = Duration::from_secs(2 * 3_600);

type Make<S> = Box<dyn Fn(PartitionId) -> Odd<S> + Send + Sync>;
type Turning<S> = Running<Arc<Processor<Make<S>>>, Odd<S>, Judging>;

enum Work {
    Intake(Box<intake::Running>),
    Sessionize(Box<Turning<Sessionize>>),
    Journey(Box<Turning<Journey>>),
}

/// A process.
pub struct Process {
    /// Its role.
    pub role: Role,
    /// Origins or partitions that the coordinator gave it.
    pub units: Vec<usize>,
    /// It does not know yet that others have what it had.
    pub is_zombie: bool,
    /// It stands still.
    pub is_frozen: bool,
    /// The database was put back to an older copy since it started.
    pub is_outdated: bool,
    /// Configuration it decides under.
    pub generation: u32,
    /// How far its partitions are.
    pub progress: Progress,
    /// Rows on their way.
    pub sink: Option<Arc<WorldSink>>,
    /// Clients of the logs it writes.
    pub clients: Vec<Arc<Client>>,
    /// Runs what publishes its snapshots.
    pub runtime: Runtime,
    work: Work,
    origins: Mail,
    partitions: PartitionMail,
    started_ms: i64,
    clock: Clock,
}

impl Process {
    /// Starts one.
    ///
    /// # Errors
    /// It cannot start.
    pub fn start(scene: &Scene, role: Role, number: usize, generation: u32) -> Result<Process, String> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(|error| error.to_string())?;
        let (origins, partitions) = (Mail::default(), PartitionMail::default());
        let client = |topic| Client::new(topic, scene.dice.clone(), partitions.clone(), scene.committed.clone());
        let [touchpoints, people, letters, control] =
            [&scene.touchpoints, &scene.people, &scene.letters, &scene.control].map(client);
        let progress = Progress::default();
        let mut sink = None;
        let mut clients = vec![control.clone()];
        let mut parts = || {
            let sink = sink.insert(WorldSink::new(&scene.database, scene.dice.clone())).clone();
            let snapshots = SnapshotStore::new(scene.shelf.clone(), "e1", runtime.handle().clone(), 2);
            // As in production: one a day is kept, so that to reach back for so long takes a day more.
            let reach = Duration::from_millis((scene.retention_ms.unwrap_or(30 * DAY_MS) + DAY_MS) as u64);
            (sink as Arc<dyn Sink>, snapshots.reaching_back(reach), control.clone() as Arc<dyn Log>, progress.clone())
        };
        let work = match role {
            Role::Intake => {
                clients.extend([touchpoints.clone(), letters.clone()]);
                let name = touchpoints.name().to_owned();
                let world = scene.world.clone();
                let judge = WorldJudge { world, generation, is_away: scene.registry_away.clone() };
                let source = WorldSource::new(scene, origins.clone());
                let intake = IntakeLoop {
                    source: Box::new(source),
                    writer: Writer::new(touchpoints, letters, Epoch(1), Generation(generation)),
                    judge: Box::new(judge),
                    control: control.clone(),
                    log_name: name,
                    tick: TICK,
                    clock: scene.clock.clone(),
                    metrics: scene.metrics.clone(),
                    stop: Arc::new(AtomicBool::new(false)),
                    beat: Beat::default(),
                    closes: false,
                    progress: Arc::default(),
                };
                Work::Intake(Box::new(intake.begin().map_err(|error| error.to_string())?))
            }
            Role::Sessionize => {
                clients.push(people.clone());
                let is_other = is_on(Mutation::RulesFromEnvironment) && number % 2 == 1;
                let rules = scene.change.of_sessions(session_rules, if is_other { GAP_MS / 2 } else { GAP_MS });
                let change = scene.change.clone();
                let clock = scene.clock.clone();
                let of = scene.touchpoints.partitions() as u32;
                let dealt_wrong = if is_on(Mutation::BoundNotDealt) { of } else { 1 };
                let (most_ids, most_ids_a_day) = scene.world.crowd;
                let (most_ids, most_ids_a_day) = (most_ids * dealt_wrong, most_ids_a_day * dealt_wrong);
                let identity = crumbtrail_identity::Rules { most_ids, most_ids_a_day, ..identity_rules() };
                let make = move |PartitionId(partition): PartitionId| {
                    let place = Place { partition, of };
                    let step = Sessionize::new(rules.clone(), identity, true, place).holding(0);
                    Odd::new(step, clock.clone()).noting(change.clone(), partition)
                };
                let processor =
                    processor(scene, touchpoints, Some(people), parts(), Box::new(make), (number, generation));
                Work::Sessionize(Box::new(join(processor)?))
            }
            Role::Journey => {
                let clock = scene.clock.clone();
                let rules = Change::of_journeys(journey_rules());
                let make = move |_: PartitionId| Odd::new(Journey::new(rules.clone()).in_blocks_of(400), clock.clone());
                let processor = processor(scene, people, None, parts(), Box::new(make), (number, generation));
                Work::Journey(Box::new(join(processor)?))
            }
        };
        Ok(Process {
            role,
            units: Vec::new(),
            is_zombie: false,
            is_frozen: false,
            is_outdated: false,
            generation,
            progress,
            sink,
            clients,
            runtime,
            work,
            origins,
            partitions,
            started_ms: scene.clock.now_ms(),
            clock: scene.clock.clone(),
        })
    }

    /// Tells it that a unit is its own, or no longer.
    pub fn tell(&self, unit: usize, is_ours: bool) {
        let partition = PartitionId(unit as u32);
        match self.role {
            Role::Intake => self.origins.lock().push_back((unit, is_ours)),
            _ if is_ours => self.partitions.lock().push_back(Event::Assigned(partition)),
            _ => self.partitions.lock().push_back(Event::Revoked(partition)),
        }
    }

    /// One turn of its loop.
    ///
    /// # Errors
    /// Why it ends.
    pub fn turn(&mut self) -> Result<(), Ended> {
        let since = Duration::from_millis((self.clock.now_ms() - self.started_ms).max(0) as u64);
        match &mut self.work {
            Work::Intake(running) => running.turn(Duration::ZERO, || since).map_err(|error| match error {
                intake::IntakeError::Generation { .. } => Ended::Outdated,
                intake::IntakeError::Log(error) if error.is_retriable() => Ended::Crashed,
                error => Ended::Halted(error.to_string()),
            }),
            Work::Sessionize(running) => running.turn(Duration::ZERO, || since).map_err(Ended::of),
            Work::Journey(running) => running.turn(Duration::ZERO, || since).map_err(Ended::of),
        }
    }
}

/// Why a process ended.
#[derive(Debug)]
pub enum Ended {
    /// A log did not answer in time: it starts again.
    Crashed,
    /// Somebody started under a newer configuration.
    Outdated,
    /// It cannot go on, and will not be able to after a restart.
    Halted(String),
}

impl Ended {
    fn of(error: ProcessorError) -> Ended {
        match error {
            // What it was about to read is forgotten: whoever took over is further, and so is a restart.
            ProcessorError::Log(LogError::Trimmed { .. }) => Ended::Crashed,
            ProcessorError::Log(error) if error.is_retriable() => Ended::Crashed,
            ProcessorError::Generation { .. } => Ended::Outdated,
            error => Ended::Halted(error.to_string()),
        }
    }
}

type Parts = (Arc<dyn Sink>, SnapshotStore, Arc<dyn Log>, Progress);

fn processor<S: Step>(
    scene: &Scene,
    log: Arc<Client>,
    onward: Option<Arc<Client>>,
    (sink, snapshots, control, progress): Parts,
    make: Make<S>,
    (number, generation): (usize, u32),
) -> Arc<Processor<Make<S>>> {
    let cut_ms = if is_on(Mutation::CutByProcess) { 2 + number as i64 % 5 } else { 2 } * HOUR_MS;
    let rules = CutRules {
        interval_ms: cut_ms,
        snapshot_interval_ms: 8 * HOUR_MS,
        quiet_ms: 12 * HOUR_MS,
        // A page, and the end at the next frame: what happens in between must not be in it.
        save_at_once: 1,
        ..CutRules::default()
    };
    Arc::new(Processor {
        log,
        onward: onward.map(|log| log as Arc<dyn Log>),
        control: Some(control),
        sink,
        snapshots: Some(snapshots),
        make,
        rules,
        epoch: Epoch(1),
        generation: Generation(generation),
        clock: scene.clock.clone(),
        metrics: scene.metrics.clone(),
        progress,
        stop: Arc::new(AtomicBool::new(false)),
        beat: Beat::default(),
        accepts_gaps: false,
        // One thread, turn by turn: a run is the same each time.
        restores: Restores::new(1),
        flush_interval: Duration::from_secs(3_600),
        retention: scene.retention_ms.map(|ms| Duration::from_millis(ms as u64)),
    })
}

fn join<S: Step>(processor: Arc<Processor<Make<S>>>) -> Result<Turning<S>, String> {
    let member = Member { group: "simulated", index: 0, count: 1, instance: String::new() };
    Running::join(processor, member).map_err(|error| error.to_string())
}

/// The stage model is read once.
fn journey_rules() -> JourneyRules {
    static RULES: OnceLock<JourneyRules> = OnceLock::new();
    let history_ms = identity_rules().kept_ms();
    RULES.get_or_init(|| JourneyRules { throttle_ms: 3 * HOUR_MS, history_ms, ..JourneyRules::default() }).clone()
}

fn identity_rules() -> crumbtrail_identity::Rules {
    // Blocks of a few touchpoints, so that snapshots have some.
    let packing = Packing { chunk_bytes: 400, block_chunks: 2, maps: 3 };
    crumbtrail_identity::Rules { look_back_ms: LOOK_BACK_MS, lateness_ms: LATENESS_MS, packing, ..Default::default() }
}

fn session_rules(gap_ms: i64) -> RuleBook {
    let (conversation_gap_ms, conversation_memory_ms) = (TALK_GAP_MS, TALK_MEMORY_MS);
    let limits =
        Limits { gap_ms, lateness_ms: LATENESS_MS, conversation_gap_ms, conversation_memory_ms, ..Limits::default() };
    let rules = Rules { limits, ..Rules::default() };
    RuleBook { default: rules, correction_ms: 3 * HOUR_MS, ..RuleBook::default() }
}
