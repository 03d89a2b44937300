//! The world as a source: origins dealt to members, records that appear as time passes, ends confirmed as of the moment
//! of the question.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crumbtrail_log::{LogError, OriginId, PartitionId, Source, SourceEvent, SourcePartition, SourceRecord};
use crumbtrail_runtime::Clock;
use parking_lot::Mutex;

use crate::broker::Committed;
use crate::dice::Dice;
use crate::mutation::{Mutation, is_on};
use crate::scene::Scene;
use crate::world::{END_MS, World, origin_name};

/// What the coordinator tells a member: an origin is its own, or no longer.
pub type Mail = Arc<Mutex<VecDeque<(usize, bool)>>>;

/// One member's view of the world.
pub struct WorldSource {
    world: Arc<World>,
    clock: Clock,
    dice: Dice,
    mail: Mail,
    committed: Committed,
    places: Vec<Place>,
    paused: bool,
    /// Nothing is left to chance any more.
    is_calm: Arc<AtomicBool>,
    turn: usize,
}

#[derive(Clone, Debug, Default)]
struct Place {
    is_ours: bool,
    next: Option<u64>,
    /// When the broker was asked for the end, and what it will answer.
    question: Option<(i64, u64)>,
    /// The end that was confirmed, and when that was asked.
    confirmed_at_ms: i64,
}

impl WorldSource {
    /// A member that owns nothing yet.
    #[must_use]
    pub fn new(scene: &Scene, mail: Mail) -> WorldSource {
        WorldSource {
            world: scene.world.clone(),
            clock: scene.clock.clone(),
            dice: scene.dice.clone(),
            mail,
            committed: scene.committed.clone(),
            places: vec![Place::default(); scene.world.origins.len()],
            paused: false,
            is_calm: scene.is_calm.clone(),
            turn: 0,
        }
    }

    fn index(&self, origin: OriginId) -> Result<usize, LogError> {
        (0..self.places.len())
            .find(|index| self.places[*index].is_ours && OriginId::of(&origin_name(*index)) == origin)
            .ok_or_else(|| LogError::NotAssigned { log: "clicks".to_owned(), partition: PartitionId(0) })
    }

    fn letter(&mut self) -> Option<SourceEvent> {
        let (index, is_ours) = self.mail.lock().pop_front()?;
        self.places[index] = Place { is_ours, ..Place::default() };
        if !is_ours {
            return Some(SourceEvent::Revoked(vec![OriginId::of(&origin_name(index))]));
        }
        let end = self.world.end(index, self.clock.now_ms());
        let name = origin_name(index);
        let (origin, topic, partition) = (OriginId::of(&name), "clicks".to_owned(), index as u32);
        Some(SourceEvent::Assigned(vec![SourcePartition { origin, name, topic, partition, start: 0, end }]))
    }
}

impl Source for WorldSource {
    fn poll(&mut self, _: Duration, sink: &mut dyn FnMut(SourceRecord<'_>)) -> Result<SourceEvent, LogError> {
        if let Some(event) = self.letter() {
            return Ok(event);
        }
        let now_ms = self.clock.now_ms();
        let started: Vec<usize> = (0..self.places.len()).filter(|index| self.places[*index].next.is_some()).collect();
        if self.paused || started.is_empty() {
            return Ok(SourceEvent::Polled(0));
        }
        let is_calm = self.is_calm.load(Ordering::Relaxed);
        self.turn += 1;
        let index = if is_calm { started[self.turn % started.len()] } else { self.dice.pick(&started) };
        let (place, origin) = (&mut self.places[index], OriginId::of(&origin_name(index)));
        let next = place.next.unwrap_or_default();
        let end = self.world.end(index, now_ms);
        if let Some((at_ms, asked_end)) = place.question
            && next >= asked_end
        {
            place.question = None;
            let at_ms = if is_on(Mutation::StaleEndStampedNow) { now_ms } else { at_ms };
            if at_ms > place.confirmed_at_ms {
                place.confirmed_at_ms = at_ms;
                return Ok(SourceEvent::EndConfirmed { origin, at_wall_ms: at_ms.min(END_MS), end: asked_end });
            }
        }
        if place.question.is_none() && (is_calm || self.dice.chance(500)) {
            place.question = Some((now_ms, end));
        }
        let most = 1 + self.dice.index(8);
        let records = &self.world.origins[index];
        let from = records.partition_point(|placed| placed.offset < next);
        let mut count = 0;
        for placed in records[from..].iter().take(most).take_while(|placed| placed.offset < end) {
            sink(SourceRecord {
                origin,
                topic: "clicks",
                partition: index as u32,
                offset: placed.offset,
                payload: Some(b"{}"),
                key: None,
                timestamp_ms: 0,
            });
            place.next = Some(placed.offset + 1);
            count += 1;
        }
        Ok(SourceEvent::Polled(count))
    }

    fn start(&mut self, origin: OriginId, from: Option<u64>) -> Result<u64, LogError> {
        let index = self.index(origin)?;
        let from = from.unwrap_or(0);
        self.places[index].next = Some(from);
        self.places[index].question = None;
        self.places[index].confirmed_at_ms = 0;
        Ok(from)
    }

    fn pause_all(&mut self) -> Result<(), LogError> {
        self.paused = true;
        Ok(())
    }

    fn resume_all(&mut self) -> Result<(), LogError> {
        self.paused = false;
        Ok(())
    }

    fn commit(&mut self, offsets: &[(OriginId, u64)]) -> Result<(), LogError> {
        self.committed.lock().extend(offsets.iter().copied());
        Ok(())
    }

    fn origins_declared(&mut self) -> Result<Vec<(OriginId, String)>, LogError> {
        Ok((0..self.places.len()).map(origin_name).map(|name| (OriginId::of(&name), name)).collect())
    }
}
