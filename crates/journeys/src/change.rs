//! Other rules from here on: what becomes of the journeys there are.
//!
//! What is still kept of a person's touchpoints (so that it can change hands) is folded anew under the new rules, and the rows
//! it makes are said anew or taken back. What is older was folded for good: of that the person keeps the stage they stand in,
//! by its name, and what rules of the same name have counted. Somebody in a stage that the new model lacks begins anew with
//! their next touchpoint.

use crumbtrail_events::EventTime;
use hashbrown::HashSet;

use crate::model::{NOWHERE, StageModel};
use crate::past::Past;
use crate::person::Person;
use crate::rows::Out;
use crate::rules::JourneyRules;
use crate::stage::Stage;
use crate::state::State;
use crate::step::{Journeys, owe};
use crate::told::AsOf;

impl Journeys {
    /// From here on other rules hold. Moves of a model that goes, or is called otherwise now, are taken back at once; the rest
    /// is said at ticks, as ever.
    pub fn change(&mut self, rules: JourneyRules, out: &mut impl Out) {
        let before = std::mem::replace(&mut self.rules, rules);
        if self.rules.folds_as(&before) {
            return;
        }
        self.now = State::new(&self.rules);
        self.with_names = self.rules.asks_for_names();
        let gone: Vec<usize> = (0..before.models.len())
            .filter(|n| self.rules.models.get(*n).is_none_or(|model| model.name != before.models[*n].name))
            .collect();
        let as_of = AsOf { rules: &before, strings: &self.strings, watermark: self.watermark };
        let vacant: HashSet<u32> = self.vacant.iter().copied().collect();
        let count = self.people.len() as u32;
        for number in 0..count {
            let person = self.people.get_mut(number);
            if vacant.contains(&number) {
                *person = Person::new(person.key, person.site, &self.rules);
                continue;
            }
            gone.iter().for_each(|model| self.teller.retract_moves(person, *model, as_of, out));
            person.folds_anew(&before, &self.rules);
            owe(person, number, &self.rules, &mut self.owed);
        }
    }
}

impl JourneyRules {
    /// Whether a person's touchpoints come to the same under these as under others. (How long they may still come does not
    /// matter, nor how often rows are said.)
    fn folds_as(&self, other: &JourneyRules) -> bool {
        let JourneyRules { horizon_ms, history_ms, throttle_ms, .. } = *other;
        JourneyRules { horizon_ms, history_ms, throttle_ms, ..self.clone() } == *other
    }
}

impl Person {
    /// What is not folded for good is to be folded anew.
    fn folds_anew(&mut self, before: &JourneyRules, now: &JourneyRules) {
        let carry = |state: &mut State| {
            let old = state.stages.iter().zip(&before.models).map(Some).chain(std::iter::repeat(None));
            let stage = |(old, model): (Option<(&Stage, &StageModel)>, &StageModel)| {
                old.map_or_else(|| Stage::new(model), |(stage, before)| stage.carried(before, model))
            };
            state.stages = old.zip(&now.models).map(stage).collect();
        };
        self.past.part(&self.base);
        if let Past::Own(past) = &mut self.past {
            carry(past);
        }
        match self.past.state() {
            Some(past) => self.base.copy_from(past),
            None => self.base = State::new(now),
        }
        self.settled = 0;
        self.advanced = EventTime::MIN;
        self.is_torn = true;
    }
}

impl Stage {
    /// The same place in another model: the stage of the same name, and what counting rules of the same name remember.
    fn carried(&self, before: &StageModel, now: &StageModel) -> Stage {
        if before == now {
            return self.clone();
        }
        let mut stage = Stage::new(now);
        let named = |name: &str| now.stages.iter().position(|stage| stage.name == name);
        if let Some(place) = named(before.stage_name(self.current)).filter(|_| self.current != NOWHERE) {
            (stage.current, stage.since) = (place as u8, self.since);
        }
        stage.moves = self.moves;
        // A silence as long as one that was over is over, too.
        let over = (self.asked as usize).checked_sub(1).and_then(|last| before.silences.get(last));
        stage.asked = over.map_or(0, |(longest, _)| now.silences.partition_point(|(ms, _)| ms <= longest) as u32);
        for rule in now.rules.iter().filter(|rule| rule.count > 1) {
            let same = before.rules.iter().find(|other| other.name == rule.name && other.count == rule.count);
            if let Some(same) = same {
                let held = rule.count as usize - 1;
                stage.times[rule.slot..rule.slot + held].copy_from_slice(&self.times[same.slot..same.slot + held]);
            }
        }
        stage
    }
}
