//! What each fault does.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crumbtrail_events::touchpoint::To;
use crumbtrail_log::{Epoch, Generation};
use crumbtrail_runtime::decision;

use super::{HOUR_MS, Schedule};
use crate::broker::Client;
use crate::fault::Fault;
use crate::role::Role;
use crate::rules;
use crate::world::DAY_MS;

/// A backup put back is at most so old: half of what logs and snapshots reach back, less the day between snapshots kept.
const OLDEST_BACKUP_MS: i64 = DAY_MS;

impl Schedule<'_> {
    pub(super) fn fault(&mut self, step: u64, fault: Fault) {
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
            Fault::StoreLost => {
                if let Some(process) = self.processes.first() {
                    self.scene.shelf.lose(&process.runtime);
                    self.done.stores_lost += 1;
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
}
