//! The end of a schedule: nothing goes wrong any more, and everything has to come to rest.

use std::sync::atomic::Ordering;

use crumbtrail_log::OriginId;
use crumbtrail_log::control::GoBack;

use super::{HOUR_MS, Schedule, drive};
use crate::database::Troubles;
use crate::mishaps::Plan;
use crate::process::Process;
use crate::role::Role;
use crate::world::END_MS;

/// Rounds in which everything has to come to rest.
const ROUNDS: usize = 60;

impl Schedule<'_> {
    /// No more faults: zombies end, everything is read, healed, written. First in the time that is, then at the end of
    /// time, when nothing can change any more.
    pub(super) fn come_to_rest(&mut self) {
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
}
