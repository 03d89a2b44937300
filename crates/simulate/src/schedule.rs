//! One schedule: a seed decides who does what when, and what goes wrong meanwhile; then everything is let come to rest and
//! judged.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crumbtrail_events::touchpoint::To;
use crumbtrail_log::control::GoBack;
use crumbtrail_log::{Epoch, Generation, OriginId};
use crumbtrail_runtime::decision;
use crumbtrail_warehouse::TableId;
use tokio::runtime::Runtime;

use crate::broker::{Client, Plan};
use crate::database::{Data, Troubles};
use crate::process::{Ended, Process, Role};
use crate::rows::merge_all;
use crate::scene::Scene;
use crate::world::{BEGIN_MS, DAY_MS, END_MS, SPAN_MS};
use crate::{audit, oracle, rules};

/// Steps of the scheduler before everything is let come to rest.
const STEPS: u64 = 700;
const HOUR_MS: i64 = 3_600_000;
/// Rounds in which everything has to come to rest.
const ROUNDS: usize = 60;
/// A backup put back is at most so old: half of what logs and snapshots reach back, less the day between snapshots kept.
const OLDEST_BACKUP_MS: i64 = DAY_MS;

/// What came of a schedule.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// What must not be; empty if all is right.
    pub violations: Vec<String>,
    /// A hash over every frame stored and every row applied.
    pub print: u64,
    /// What was done to it.
    pub done: Done,
}

/// Counts of what was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// Records in the sources.
    pub records: u64,
    /// Processes killed or crashed.
    pub kills: u64,
    /// Processes that went on though others had taken over.
    pub zombies: u64,
    /// Partitions and origins moved.
    pub moves: u64,
    /// Copies of the database put back.
    pub restores: u64,
    /// Frames lost after they were acknowledged.
    pub losses: u64,
    /// New configurations.
    pub generations: u64,
    /// Schedules in which the rules changed.
    pub changes: u64,
    /// Times a writer was asked to go back.
    pub asks: u64,
    /// Schedules in which a loss was noticed only after the log had forgotten what the lost records were made from.
    pub too_late: u64,
}

impl Done {
    /// Adds another count.
    pub fn add(&mut self, other: &Done) {
        self.records += other.records;
        self.kills += other.kills;
        self.zombies += other.zombies;
        self.moves += other.moves;
        self.restores += other.restores;
        self.losses += other.losses;
        self.generations += other.generations;
        self.changes += other.changes;
        self.asks += other.asks;
        self.too_late += other.too_late;
    }
}

/// Runs the schedule of a seed. `told` hears what happens, if somebody wants to read it.
#[must_use]
pub fn run(seed: u64, told: Option<&mut dyn FnMut(String)>) -> Report {
    let mut schedule = Schedule::new(Scene::new(seed), told);
    schedule.play();
    schedule.come_to_rest();
    schedule.judge()
}

/// Something that goes wrong at a step.
#[derive(Clone, Copy, Debug)]
enum Fault {
    Kill,
    Zombie,
    Freeze,
    Wake,
    Move,
    Join,
    Generation,
    ServerRestart,
    ServerAway,
    ServerBack,
    Backup,
    Restore,
    /// A copy is put back that was made a moment ago.
    Rollback,
    PowerCut,
    Damage,
    RegistryAway,
    RegistryBack,
    LongPause,
    /// Every processor that does not know of a restored copy starts again.
    KillOutdated,
    /// Nobody is left who decides under an older configuration.
    RollOutEnds,
    /// Other rules are given out.
    Rules,
}

struct Schedule<'a> {
    scene: Scene,
    told: Option<&'a mut dyn FnMut(String)>,
    processes: Vec<Process>,
    started: usize,
    /// Of killed processes: frames and snapshots that may still arrive.
    graves: Vec<(Vec<Arc<Client>>, Runtime)>,
    faults: Vec<(u64, Fault)>,
    backups: Vec<(i64, Data)>,
    generation: u32,
    losses: u64,
    violations: Vec<String>,
    done: Done,
}

impl<'a> Schedule<'a> {
    fn new(scene: Scene, told: Option<&'a mut dyn FnMut(String)>) -> Schedule<'a> {
        let dice = &scene.dice;
        // Some schedules are calm but for one thing: what mixes too much can hide.
        let per_mille = |most| if dice.chance(700) { dice.below(most) } else { 0 };
        let losses = if dice.chance(600) { 1 + dice.below(3) } else { 0 };
        scene.faults.set(Plan {
            flush_fails: per_mille(60),
            doubled: per_mille(40),
            lost: per_mille(30),
            losses_left: losses,
            holes: per_mille(30),
        });
        scene.database.trouble(Troubles {
            refused: per_mille(150),
            applied_then_failed: per_mille(150),
            applied_twice: per_mille(100),
        });
        if told.is_some() {
            scene.faults.listen();
        }
        let faults = faults(&scene);
        Schedule {
            told,
            processes: Vec::new(),
            started: 0,
            graves: Vec::new(),
            faults,
            backups: Vec::new(),
            generation: 1 + dice.below(2) as u32,
            losses,
            violations: Vec::new(),
            done: Done { records: scene.world.records().count() as u64, ..Done::default() },
            scene,
        }
    }

    fn tell(&mut self, what: impl FnOnce() -> String) {
        if let Some(told) = &mut self.told {
            let hours = (self.scene.clock.now_ms() - BEGIN_MS) as f64 / HOUR_MS as f64;
            let before = self.scene.faults.words();
            before.into_iter().chain([what()]).for_each(|what| told(format!("{hours:8.2} h  {what}")));
        }
    }

    fn play(&mut self) {
        let mean = SPAN_MS / STEPS as i64;
        for step in 0..STEPS {
            self.scene.clock.advance(self.scene.dice.between(0, 2 * mean));
            while let Some(at) = self.faults.iter().position(|(when, _)| *when <= step) {
                let (_, fault) = self.faults.swap_remove(at);
                self.fault(step, fault);
            }
            if self.scene.dice.chance(300) {
                self.supervise();
            }
            match self.scene.dice.below(100) {
                0..22 => self.turn(Role::Intake, 3),
                22..48 => self.turn(Role::Sessionize, 14),
                48..72 => self.turn(Role::Journey, 20),
                72..86 => self.load(),
                86..93 => self.deliver(),
                93..97 => self.publish(),
                _ => self.scene.database.settle_one(),
            }
        }
    }

    /// A process of a role that does not stand still.
    fn any(&self, role: Role) -> Option<usize> {
        let able = |at: &usize| self.processes[*at].role == role && !self.processes[*at].is_frozen;
        let able: Vec<usize> = (0..self.processes.len()).filter(able).collect();
        (!able.is_empty()).then(|| self.scene.dice.pick(&able))
    }

    fn turn(&mut self, role: Role, most: u64) {
        let Some(at) = self.any(role) else { return };
        for _ in 0..=self.scene.dice.below(most) {
            if !self.turn_one(at) {
                return;
            }
        }
    }

    /// One turn of a process; false if it ended.
    fn turn_one(&mut self, at: usize) -> bool {
        match self.processes[at].turn() {
            Ok(()) => true,
            Err(ended) => {
                if let Ended::Halted(why) = &ended {
                    self.violations.push(format!("halted: {why}"));
                }
                let process = &self.processes[at];
                let who = format!("{:?} {:?} zombie {}", process.role, process.units, process.is_zombie);
                self.tell(|| format!("{who} ended: {ended:?}"));
                self.kill(at);
                false
            }
        }
    }

    fn load(&mut self) {
        let with_sink: Vec<usize> = (0..self.processes.len())
            .filter(|at| self.processes[*at].sink.is_some() && !self.processes[*at].is_frozen)
            .collect();
        if with_sink.is_empty() {
            return;
        }
        let at = self.scene.dice.pick(&with_sink);
        for _ in 0..=self.scene.dice.below(10) {
            if !self.load_one(at) {
                return;
            }
        }
    }

    /// Moves a process's rows on; false if there is nothing to move.
    fn load_one(&mut self, at: usize) -> bool {
        match self.processes[at].sink.as_ref().map(|sink| sink.poll()) {
            Some(Ok(more)) => more,
            Some(Err(why)) => {
                self.violations.push(format!("loading stopped: {why}"));
                false
            }
            None => false,
        }
    }

    /// Frames on their way arrive, or those of a dead process never do.
    fn deliver(&mut self) {
        let dice = &self.scene.dice;
        let at = dice.index(self.processes.len() + self.graves.len());
        if let Some(process) = self.processes.get(at) {
            process.clients.iter().for_each(|client| client.deliver_some());
        } else if let Some((clients, _)) = self.graves.get(at - self.processes.len()) {
            for client in clients {
                if dice.chance(300) {
                    client.lose_all();
                } else {
                    client.deliver_some();
                }
            }
        }
    }

    /// Snapshots on their way are published, those of dead processes too.
    fn publish(&mut self) {
        let at = self.scene.dice.index(self.processes.len() + self.graves.len());
        if let Some(process) = self.processes.get(at) {
            drive(&process.runtime);
        } else if let Some((_, runtime)) = self.graves.get(at - self.processes.len()) {
            drive(runtime);
        }
    }

    /// Gives what nobody has to somebody.
    fn supervise(&mut self) {
        for role in Role::ALL {
            for unit in 0..self.scene.units(role) {
                let is_owned = self.processes.iter().any(|p| p.role == role && !p.is_zombie && p.units.contains(&unit));
                if !is_owned {
                    let heir = self.heir(role, None);
                    self.give(heir, unit);
                }
            }
        }
    }

    /// Somebody of a role who may be given something: one there is, or a new one.
    fn heir(&mut self, role: Role, but: Option<usize>) -> Option<usize> {
        let able = |at: &usize| {
            let process = &self.processes[*at];
            process.role == role && !process.is_zombie && Some(*at) != but
        };
        let able: Vec<usize> = (0..self.processes.len()).filter(able).collect();
        if !able.is_empty() && self.scene.dice.chance(500) {
            return Some(self.scene.dice.pick(&able));
        }
        match Process::start(&self.scene, role, self.started, self.generation) {
            Ok(process) => {
                self.started += 1;
                self.processes.push(process);
                Some(self.processes.len() - 1)
            }
            Err(why) => {
                self.violations.push(format!("cannot start: {why}"));
                None
            }
        }
    }

    fn give(&mut self, to: Option<usize>, unit: usize) {
        if let Some(process) = to.and_then(|to| self.processes.get_mut(to)) {
            process.units.push(unit);
            process.tell(unit, true);
        }
    }

    /// Ends a process where it is. What it had sent may still arrive.
    fn kill(&mut self, at: usize) {
        let Process { clients, runtime, .. } = self.processes.swap_remove(at);
        self.done.kills += 1;
        if self.scene.dice.chance(500) {
            drive(&runtime);
        }
        self.graves.push((clients, runtime));
    }

    fn any_process(&self, able: impl Fn(&Process) -> bool) -> Option<usize> {
        let able: Vec<usize> = (0..self.processes.len()).filter(|at| able(&self.processes[*at])).collect();
        (!able.is_empty()).then(|| self.scene.dice.pick(&able))
    }

    fn fault(&mut self, step: u64, fault: Fault) {
        self.tell(|| format!("{fault:?}"));
        match fault {
            Fault::Kill => {
                if let Some(at) = self.any_process(|_| true) {
                    self.kill(at);
                }
            }
            Fault::KillOutdated => {
                while let Some(at) = self.processes.iter().position(|process| process.is_outdated) {
                    self.kill(at);
                }
            }
            Fault::Zombie => {
                let Some(at) = self.any_process(|process| !process.is_zombie && !process.units.is_empty()) else {
                    return;
                };
                self.done.zombies += 1;
                self.processes[at].is_zombie = true;
                self.processes[at].is_frozen = self.scene.dice.chance(500);
                let role = self.processes[at].role;
                for unit in self.processes[at].units.clone() {
                    let heir = self.heir(role, None);
                    self.give(heir, unit);
                }
            }
            Fault::Freeze => {
                if let Some(at) = self.any_process(|process| !process.is_frozen) {
                    self.processes[at].is_frozen = true;
                }
            }
            Fault::Wake => {
                self.processes.iter_mut().for_each(|process| process.is_frozen = false);
                // One of them learns what it missed.
                if let Some(at) = self.any_process(|process| process.is_zombie) {
                    let zombie = &mut self.processes[at];
                    zombie.is_zombie = false;
                    for unit in std::mem::take(&mut zombie.units) {
                        zombie.tell(unit, false);
                    }
                }
            }
            Fault::Move | Fault::Join => {
                let Some(from) = self.any_process(|process| !process.is_zombie && !process.units.is_empty()) else {
                    return;
                };
                let role = self.processes[from].role;
                let Some(to) = self.heir(role, Some(from)) else { return };
                self.done.moves += 1;
                let at = self.scene.dice.index(self.processes[from].units.len());
                let unit = self.processes[from].units.swap_remove(at);
                self.processes[from].tell(unit, false);
                self.give(Some(to), unit);
            }
            Fault::Generation => {
                self.generation += 1;
                self.done.generations += 1;
                self.faults.push((step, Fault::Join));
                if self.scene.dice.chance(500) {
                    self.faults.push((step, Fault::Zombie));
                }
                self.faults.push((step + 40 + self.scene.dice.below(120), Fault::RollOutEnds));
            }
            Fault::RollOutEnds => {
                let generation = self.generation;
                while let Some(at) = self.processes.iter().position(|process| process.generation < generation) {
                    self.kill(at);
                }
            }
            Fault::Rules => self.give_out_rules(),
            Fault::ServerRestart => self.scene.database.restart(),
            Fault::ServerAway => self.scene.database.set_away(true),
            Fault::ServerBack => self.scene.database.set_away(false),
            Fault::Backup => self.backups.push((self.scene.clock.now_ms(), self.scene.database.backup())),
            Fault::Restore => {
                let now_ms = self.scene.clock.now_ms();
                self.backups.retain(|(at_ms, _)| now_ms - at_ms <= OLDEST_BACKUP_MS);
                if self.backups.is_empty() {
                    return;
                }
                let at = self.scene.dice.index(self.backups.len());
                self.scene.database.restore(self.backups[at].1.clone());
                self.done.restores += 1;
                self.processes.iter_mut().for_each(|process| process.is_outdated = process.role != Role::Intake);
                self.faults.push((step + self.scene.dice.below(100), Fault::KillOutdated));
            }
            Fault::Rollback => {
                let copy = self.scene.database.backup();
                self.load();
                self.scene.database.restore(copy);
                self.done.restores += 1;
                self.processes.iter_mut().for_each(|process| process.is_outdated = process.role != Role::Intake);
                self.faults.push((step + self.scene.dice.below(100), Fault::KillOutdated));
            }
            Fault::PowerCut => {
                self.scene.database.power_cut();
                self.processes.iter_mut().for_each(|process| process.is_outdated = process.role != Role::Intake);
            }
            Fault::Damage => {
                if let Some(process) = self.processes.first() {
                    self.scene.shelf.damage(&process.runtime, &self.scene.dice);
                }
            }
            Fault::RegistryAway => self.scene.registry_away.store(true, Ordering::Relaxed),
            Fault::RegistryBack => self.scene.registry_away.store(false, Ordering::Relaxed),
            Fault::LongPause => self.scene.clock.advance(self.scene.dice.between(HOUR_MS, 8 * HOUR_MS)),
        }
    }

    /// An operator writes other rules into the log, and says it again until it is done.
    fn give_out_rules(&mut self) {
        self.done.changes += 1;
        let payload = self.scene.change.give_out();
        let log =
            Client::new(&self.scene.touchpoints, self.scene.dice.apart(), Arc::default(), self.scene.committed.clone());
        let versions = (Epoch(1), Generation(self.generation));
        let say = || decision::decide(log.as_ref(), versions, rules::NAME, To::All, &payload);
        self.scene.faults.without_losses(|| while say().is_err() {});
    }

    /// No more faults: zombies end, everything is read, healed, written. First in the time that is, then at the end of
    /// time, when nothing can change any more.
    fn come_to_rest(&mut self) {
        let left = self.losses - self.scene.faults.losses_left();
        self.done.losses = left;
        self.scene.is_calm.store(true, Ordering::Relaxed);
        self.scene.faults.set(Plan::default());
        self.scene.database.trouble(Troubles::default());
        self.scene.database.set_away(false);
        self.scene.registry_away.store(false, Ordering::Relaxed);
        // A roll-out ends too: nobody decides under an older configuration any more.
        let generation = self.generation;
        let is_gone = |p: &Process| p.is_zombie || p.is_outdated || p.generation < generation;
        while let Some(at) = self.processes.iter().position(is_gone) {
            self.kill(at);
        }
        self.processes.iter_mut().for_each(|process| process.is_frozen = false);
        while self.scene.database.is_underway() && !self.processes.iter().any(|process| process.sink.is_some()) {
            self.scene.database.settle_one();
        }
        for (clients, runtime) in std::mem::take(&mut self.graves) {
            for client in clients {
                if self.scene.dice.chance(500) {
                    client.deliver_all();
                }
            }
            drive(&runtime);
        }
        self.tell(|| "nothing goes wrong any more".to_owned());
        self.rest();
        self.tell(|| "the end of time".to_owned());
        self.scene.clock.advance((END_MS - self.scene.clock.now_ms()).max(0));
        self.rest();
    }

    /// Rounds until nothing moves.
    fn rest(&mut self) {
        let mut quiet = 0;
        for _ in 0..ROUNDS {
            self.scene.clock.advance(4 * HOUR_MS);
            self.supervise();
            self.round(Role::Intake);
            self.round(Role::Sessionize);
            self.round(Role::Journey);
            while self.scene.database.is_underway() {
                if !(0..self.processes.len()).fold(false, |moved, at| self.load_one(at) | moved) {
                    self.scene.database.settle_one();
                }
            }
            self.processes.iter().for_each(|process| drive(&process.runtime));
            quiet = if self.is_at_rest() { quiet + 1 } else { 0 };
            if quiet >= 3 || !self.violations.is_empty() {
                return;
            }
        }
        if self.is_too_late() {
            self.tell(|| "a loss was noticed too late: its log has forgotten what to send again".to_owned());
            self.done.too_late = 1;
        } else {
            self.violations.push(format!("does not come to rest: {}", self.unrest()));
        }
    }

    /// Whether all that is open is journeys' holes that sessionize cannot fill any more, because its own log has forgotten
    /// what was there: written longer ago than logs are kept, and missed only now.
    fn is_too_late(&self) -> bool {
        let asks: Vec<GoBack> = self.scene.control.asks();
        let journeys = self.processes.iter().filter(|process| process.role == Role::Journey);
        let mut open =
            journeys.flat_map(|process| process.progress.owned()).filter(|(_, at)| at.waiting || at.gaps > 0);
        let is_forgotten = |partition: u32| {
            let last = asks.iter().rfind(|ask| ask.log == "people" && ask.partition.0 == partition);
            last.is_some_and(|ask| {
                let writer = (0..self.scene.touchpoints.partitions())
                    .find(|from| OriginId::of(&format!("log:touchpoints/{from}")) == ask.origin);
                writer.is_some_and(|from| ask.position.offset < self.scene.touchpoints.start(from))
            })
        };
        let is_rest_quiet = self
            .processes
            .iter()
            .filter(|process| process.role == Role::Sessionize)
            .all(|process| process.progress.owned().iter().all(|(_, at)| !at.waiting && at.gaps == 0));
        self.losses > self.scene.faults.losses_left()
            && self.scene.retention_ms.is_some()
            && is_rest_quiet
            && open.all(|(partition, at)| !at.waiting && is_forgotten(partition))
    }

    fn round(&mut self, role: Role) {
        let mut at = 0;
        while at < self.processes.len() {
            if self.processes[at].role != role {
                at += 1;
                continue;
            }
            let mut turns = 0;
            let mut alive = true;
            // Enough turns to ask every source for its end and hear the answer.
            while alive && (turns < 36 || self.is_behind(at)) && turns < 10_000 {
                alive = self.turn_one(at);
                turns += 1;
                while alive && self.load_one(at) {}
            }
            if alive {
                self.processes[at].clients.iter().for_each(|client| client.deliver_all());
                at += 1;
            }
        }
    }

    /// Whether there is something a process could read now.
    fn is_behind(&self, at: usize) -> bool {
        let process = &self.processes[at];
        let topic = match process.role {
            Role::Intake => return false,
            Role::Sessionize => &self.scene.touchpoints,
            Role::Journey => &self.scene.people,
        };
        process.units.iter().any(|unit| {
            process.progress.of(*unit as u32).is_none_or(|progress| progress.processed.0 < topic.last(*unit))
        })
    }

    fn is_at_rest(&self) -> bool {
        self.unrest().is_empty()
    }

    /// What is not at rest, in words.
    fn unrest(&self) -> String {
        let mut words = String::new();
        for process in self.processes.iter().filter(|process| process.role != Role::Intake) {
            for (partition, progress) in process.progress.owned() {
                if progress.waiting || progress.gaps > 0 {
                    words.push_str(&format!("{:?} {partition}: {progress:?}; ", process.role));
                }
            }
        }
        words
    }

    fn judge(mut self) -> Report {
        self.tell(|| "judgement".to_owned());
        self.done.asks = self.scene.faults.asks();
        if self.done.asks > 0 && self.done.losses == 0 && self.done.generations == 0 {
            self.violations.push(format!("asked to go back {} times, though nothing was lost", self.done.asks));
        }
        if self.violations.is_empty() {
            let blocks = TableId::ALL.into_iter().map(|table| (table, self.scene.database.blocks(table))).collect();
            match merge_all(&blocks) {
                Ok(tables) => {
                    self.violations.extend(audit::find(&tables));
                    if self.done.too_late == 0 {
                        self.violations.extend(oracle::judge(&self.scene, &tables));
                    }
                }
                Err(why) => self.violations.push(format!("tables cannot be read: {why}")),
            }
        }
        Report { violations: self.violations, print: self.scene.faults.print(), done: self.done }
    }
}

/// Lets what a process published in the background happen.
fn drive(runtime: &Runtime) {
    runtime.block_on(async {
        for _ in 0..4 {
            tokio::task::yield_now().await;
        }
    });
}

fn faults(scene: &Scene) -> Vec<(u64, Fault)> {
    let dice = &scene.dice;
    let mut faults = Vec::new();
    let mut often = |fault, per_mille: u64, most: u64| {
        if dice.chance(per_mille) {
            for _ in 0..=dice.below(most) {
                faults.push((dice.below(STEPS), fault));
            }
        }
    };
    // Apart, so that schedules are alike but for it; in one of three.
    let apart = dice.apart();
    let rules = apart.chance(333).then(|| (apart.below(STEPS), Fault::Rules));
    often(Fault::Kill, 850, 10);
    often(Fault::Zombie, 700, 5);
    often(Fault::Freeze, 300, 3);
    often(Fault::Wake, 700, 6);
    often(Fault::Move, 500, 5);
    often(Fault::Join, 300, 3);
    often(Fault::Generation, 400, 2);
    often(Fault::ServerRestart, 400, 4);
    often(Fault::LongPause, 300, 2);
    // What reaches further back than logs and snapshots are kept is not mixed with their being shortened.
    if scene.retention_ms.is_none() {
        often(Fault::Backup, 500, 3);
        often(Fault::Restore, 500, 2);
        often(Fault::Rollback, 200, 3);
        often(Fault::PowerCut, 150, 1);
        often(Fault::Damage, 300, 3);
    }
    for (away, back, per_mille) in
        [(Fault::ServerAway, Fault::ServerBack, 300), (Fault::RegistryAway, Fault::RegistryBack, 150)]
    {
        if dice.chance(per_mille) {
            let from = dice.below(STEPS);
            faults.push((from, away));
            faults.push((from + dice.below(60), back));
        }
    }
    faults.extend(rules);
    faults
}
