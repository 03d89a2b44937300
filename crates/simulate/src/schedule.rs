//! One schedule: a seed decides who does what when, and what goes wrong meanwhile; then everything is let come to rest and
//! judged.

mod rest;
mod strike;

use std::sync::Arc;

use crumbtrail_warehouse::TableId;
use tokio::runtime::Runtime;

use crate::broker::Client;
use crate::database::{Data, Troubles};
use crate::fault::{Fault, STEPS, faults};
use crate::mishaps::Plan;
use crate::process::{Ended, Process};
use crate::report::{Done, Report};
use crate::role::Role;
use crate::rows::merge_all;
use crate::scene::Scene;
use crate::world::{BEGIN_MS, SPAN_MS};
use crate::{audit, oracle, positions};

const HOUR_MS: i64 = 3_600_000;

/// Runs the schedule of a seed. `told` hears what happens, if somebody wants to read it.
#[must_use]
pub fn run(seed: u64, told: Option<&mut dyn FnMut(String)>) -> Report {
    let mut schedule = Schedule::new(Scene::new(seed), told);
    schedule.play();
    schedule.come_to_rest();
    schedule.judge()
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
                    self.violations.extend(positions::find(&self.scene, &tables));
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
