//! How many partitions are restored at once, and who is next: the processors of a process share its cores, and the memory that
//! snapshots take while they are unpacked.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

/// Who is behind gives the first processor so long to line up, when the process starts.
const HEAD_START: Duration = Duration::from_millis(100);

/// Turns at restoring. Clones, and those [behind](Restores::behind) them, share them.
#[derive(Clone)]
pub struct Restores {
    gate: Arc<Gate>,
    rank: u32,
}

struct Gate {
    most: usize,
    opened: Instant,
    line: Mutex<Line>,
    moved: Condvar,
}

#[derive(Default)]
struct Line {
    inside: usize,
    /// By rank, then as they came.
    waiting: BTreeSet<(u32, u64)>,
    came: u64,
    /// One of the first processor's came.
    has_begun: bool,
}

impl Restores {
    /// Turns for so many at once. With one, nobody needs a thread for it.
    #[must_use]
    pub fn new(most: usize) -> Restores {
        let (most, opened) = (most.max(1), Instant::now());
        let gate = Gate { most, opened, line: Mutex::default(), moved: Condvar::new() };
        Restores { gate: Arc::new(gate), rank: 0 }
    }

    /// For a processor whose partitions are restored once none of this one's wait: it reads what this one writes.
    #[must_use]
    pub fn behind(&self) -> Restores {
        Restores { gate: self.gate.clone(), rank: self.rank + 1 }
    }

    /// Threads for as many partitions.
    pub(crate) fn threads(&self, partitions: usize) -> usize {
        self.gate.most.min(partitions)
    }

    /// Lines up for so many turns, all at once: who is behind gets none in between.
    pub(crate) fn line_up(&self, turns: usize) -> Vec<Place<'_>> {
        let mut line = self.gate.line.lock();
        line.has_begun |= self.rank == 0;
        let places = (0..turns).map(|_| {
            let place = (self.rank, line.came);
            line.came += 1;
            line.waiting.insert(place);
            Place { gate: &self.gate, place }
        });
        let places = places.collect();
        self.gate.moved.notify_all();
        places
    }
}

/// A place in the line, which is left when it is dropped.
pub(crate) struct Place<'a> {
    gate: &'a Gate,
    place: (u32, u64),
}

impl<'a> Place<'a> {
    /// Waits for the turn, which ends when it is dropped.
    pub(crate) fn wait(self) -> Turn<'a> {
        let gate = self.gate;
        let mut line = gate.line.lock();
        while !line.has_begun && !gate.moved.wait_until(&mut line, gate.opened + HEAD_START).timed_out() {}
        while line.inside >= gate.most || line.waiting.first() != Some(&self.place) {
            gate.moved.wait(&mut line);
        }
        line.inside += 1;
        Turn { gate }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.gate.line.lock().waiting.remove(&self.place);
        // There may be room for the next one, too.
        self.gate.moved.notify_all();
    }
}

/// A turn at restoring.
pub(crate) struct Turn<'a> {
    gate: &'a Gate,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.gate.line.lock().inside -= 1;
        self.gate.moved.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    /// Four of each processor, of which the second stands in line first: who had their turn, in order, and how many at once.
    fn turns(most: usize) -> (Vec<u32>, usize) {
        let first = Restores::new(most);
        let second = first.behind();
        let closed: Vec<_> = first.line_up(most).into_iter().map(Place::wait).collect();
        let (told, inside) = (Mutex::new(Vec::new()), Mutex::new((0, 0)));
        let restore = &|place: Place<'_>| {
            let rank = place.place.0;
            let _turn = place.wait();
            told.lock().push(rank);
            let count = |change: isize| {
                let mut inside = inside.lock();
                inside.0 += change;
                inside.1 = inside.1.max(inside.0);
            };
            count(1);
            thread::yield_now();
            count(-1);
        };
        thread::scope(|scope| {
            let line = second.line_up(4).into_iter().chain(first.line_up(4));
            line.for_each(|place| drop(scope.spawn(move || restore(place))));
            assert!(told.lock().is_empty());
            drop(closed);
        });
        (told.into_inner(), inside.into_inner().1 as usize)
    }

    #[test]
    fn the_first_processor_goes_first() {
        assert_eq!(turns(1), (vec![0, 0, 0, 0, 1, 1, 1, 1], 1));
    }

    #[test]
    fn who_is_behind_waits_for_the_first_to_come_but_not_for_long() {
        let first = Restores::new(1);
        let second = first.behind();
        thread::scope(|scope| {
            let behind = scope.spawn(|| {
                let place = second.line_up(1).remove(0);
                let _turn = place.wait();
                Instant::now()
            });
            while first.gate.line.lock().waiting.is_empty() {
                thread::yield_now();
            }
            let turn = first.line_up(1).remove(0).wait();
            let began = Instant::now();
            drop(turn);
            let is_too_slow = began.duration_since(first.gate.opened) >= HEAD_START;
            assert!(is_too_slow || behind.join().unwrap() >= began);
        });
        let alone = Restores::new(1).behind();
        drop(alone.line_up(1).remove(0).wait());
        assert!(alone.gate.opened.elapsed() >= HEAD_START);
    }

    #[test]
    fn no_more_than_so_many_at_once() {
        for most in [2, 3] {
            let (told, at_once) = turns(most);
            assert!(told.len() == 8 && at_once <= most, "{told:?}, {at_once}");
        }
    }
}
