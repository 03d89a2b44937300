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
        /// Those that wait for their turn stand in line, so that who is behind them does not come first.
        const MOST: usize = 8;
        if self.gate.most == 1 { 1 } else { partitions.min(MOST) }
    }

    /// Waits for a turn, which ends when it is dropped.
    pub(crate) fn wait(&self) -> Turn<'_> {
        let mut line = self.gate.line.lock();
        let ours = (self.rank, line.came);
        line.came += 1;
        line.waiting.insert(ours);
        line.has_begun |= self.rank == 0;
        self.gate.moved.notify_all();
        while !line.has_begun && !self.gate.moved.wait_until(&mut line, self.gate.opened + HEAD_START).timed_out() {}
        while line.inside >= self.gate.most || line.waiting.first() != Some(&ours) {
            self.gate.moved.wait(&mut line);
        }
        line.waiting.remove(&ours);
        line.inside += 1;
        drop(line);
        // There may be room for the next one, too.
        self.gate.moved.notify_all();
        Turn { gate: &self.gate }
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
        let closed: Vec<_> = (0..most).map(|_| first.wait()).collect();
        let (told, inside) = (Mutex::new(Vec::new()), Mutex::new((0, 0)));
        let restore = &|restores: &Restores, rank: u32| {
            let _turn = restores.wait();
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
            for (restores, rank) in [(&second, 1), (&first, 0)] {
                for _ in 0..4 {
                    scope.spawn(move || restore(restores, rank));
                }
                while first.gate.line.lock().waiting.len() < if rank == 1 { 4 } else { 8 } {
                    thread::yield_now();
                }
            }
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
        let began = thread::scope(|scope| {
            let behind = scope.spawn(|| {
                let _turn = second.wait();
                Instant::now()
            });
            while first.gate.line.lock().waiting.is_empty() {
                thread::yield_now();
            }
            let turn = first.wait();
            let began = Instant::now();
            drop(turn);
            assert!(behind.join().unwrap() >= began);
            began
        });
        assert!(began.elapsed() < Duration::from_secs(60));
        let alone = Restores::new(1).behind();
        drop(alone.wait());
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
