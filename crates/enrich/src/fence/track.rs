//! Who is inside which fence: enter, dwell and exit from a visitor's positions, with hysteresis, so that a phone that
//! jumps about at the edge makes one visit and not twenty.
//!
//! ```text
//!   outside ──(at or inside the edge)──► inside ──(beyond edge + margin + accuracy, twice)──► outside
//!                                          └─(dwell_ms after entering)─► dwelt
//! ```

use super::{Fence, FenceId, Fences, Position};

/// A position told by a device.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fix {
    /// Event time, ms since the epoch.
    pub at_ms: i64,
    /// The position.
    pub position: Position,
    /// Radius in which the device probably is, m; 0 if it doesn't tell.
    pub accuracy_m: f64,
}

/// When somebody is inside.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrackRules {
    /// Positions less accurate than this decide nothing, m.
    pub worst_accuracy_m: f64,
    /// How far beyond the edge (and the position's own accuracy) somebody has left, m.
    pub exit_margin_m: f64,
    /// Positions in a row that far out which make an exit: one alone may be a jump.
    pub exit_fixes: u8,
    /// How long inside is dwelling, ms.
    pub dwell_ms: i64,
    /// Without a position for this long somebody has left, ms.
    pub lost_after_ms: i64,
}

impl Default for TrackRules {
    /// 100 m, 20 m, two positions, five minutes, thirty minutes.
    fn default() -> TrackRules {
        TrackRules {
            worst_accuracy_m: 100.0,
            exit_margin_m: 20.0,
            exit_fixes: 2,
            dwell_ms: 300_000,
            lost_after_ms: 1_800_000,
        }
    }
}

impl TrackRules {
    /// How far from a fence's edge a table must still find it for these rules to see an exit, m.
    #[must_use]
    pub fn reach_m(&self) -> f64 {
        self.exit_margin_m + self.worst_accuracy_m
    }
}

/// What happened at a fence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// Somebody came in.
    Enter,
    /// They stayed.
    Dwell,
    /// They left; the stay's length is the event's time minus the entry's.
    Exit,
    /// A beacon, till or check-in said they were in the shop.
    Visit,
}

impl What {
    /// The name, as it stands in rows.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            What::Enter => "enter",
            What::Dwell => "dwell",
            What::Exit => "exit",
            What::Visit => "visit",
        }
    }
}

/// An event at a fence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FenceEvent {
    /// The fence.
    pub fence: FenceId,
    /// What happened.
    pub what: What,
    /// When, ms since the epoch: an exit at the first position outside, or at the last inside if none followed.
    pub at_ms: i64,
    /// When they had entered, ms since the epoch.
    pub entered_ms: i64,
}

/// A fence somebody is inside of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stay {
    /// The fence.
    pub fence: FenceId,
    /// When they entered, ms since the epoch.
    pub entered_ms: i64,
    /// The last position inside, ms since the epoch.
    pub inside_ms: i64,
    /// Whether they have dwelt.
    pub dwelt: bool,
    /// Positions outside since, and when the first of them was (ms since the epoch).
    pub leaving: Option<(u8, i64)>,
}

/// One visitor's memory: the fences they are inside of. Plain data, to be kept with the visitor's state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Track {
    /// Where they are, in the order they entered.
    pub stays: Vec<Stay>,
    /// Time of the last position taken, ms since the epoch.
    pub last_ms: i64,
}

impl Track {
    /// Takes a position and appends what it makes happen to `out`. Positions older than the last taken and ones too
    /// inaccurate decide nothing (`false`); sort by event time before.
    pub fn step(&mut self, fences: &Fences, fix: Fix, rules: &TrackRules, out: &mut Vec<FenceEvent>) -> bool {
        // Not a number is no accuracy.
        if fix.at_ms < self.last_ms || !(0.0..=rules.worst_accuracy_m).contains(&fix.accuracy_m) {
            return false;
        }
        self.silence(fix.at_ms, rules, out);
        self.last_ms = fix.at_ms;
        let margin = rules.exit_margin_m + fix.accuracy_m;
        self.stays.retain_mut(|stay| {
            let distance = fences.get(stay.fence).map_or(f64::INFINITY, |fence| fence.distance_m(fix.position));
            stay.moved(distance, margin, fix.at_ms, rules, out)
        });
        for (fence, distance) in fences.near(fix.position) {
            if distance <= 0.0 {
                self.enter(fence, fix.at_ms, What::Enter, rules, out);
            }
        }
        true
    }

    /// Takes a visit that a beacon, till or check-in told: they are inside whatever their position says. `false`: the
    /// table has no such shop.
    pub fn visit(
        &mut self,
        fences: &Fences,
        store: &str,
        at_ms: i64,
        rules: &TrackRules,
        out: &mut Vec<FenceEvent>,
    ) -> bool {
        let Some(fence) = fences.of_store(store) else { return false };
        self.silence(at_ms, rules, out);
        self.last_ms = self.last_ms.max(at_ms);
        self.enter(fence, at_ms, What::Visit, rules, out);
        true
    }

    /// Says that time has come to `now_ms`: who was not seen for long has left, at their last position inside.
    pub fn silence(&mut self, now_ms: i64, rules: &TrackRules, out: &mut Vec<FenceEvent>) {
        self.stays.retain(|stay| {
            let seen = stay.leaving.map_or(stay.inside_ms, |(_, first)| first.max(stay.inside_ms));
            let lost = now_ms.saturating_sub(seen) >= rules.lost_after_ms;
            if lost {
                let at_ms = stay.leaving.map_or(stay.inside_ms, |(_, first)| first);
                out.push(stay.event(What::Exit, at_ms));
            }
            !lost
        });
    }

    fn enter(&mut self, fence: &Fence, at_ms: i64, what: What, rules: &TrackRules, out: &mut Vec<FenceEvent>) {
        let found = self.stays.iter_mut().find(|stay| stay.fence == fence.id);
        let fresh = Stay { fence: fence.id, entered_ms: at_ms, inside_ms: at_ms, dwelt: false, leaving: None };
        match found {
            Some(stay) if what == What::Visit => {
                out.push(FenceEvent { entered_ms: stay.entered_ms, ..fresh.event(What::Visit, at_ms) });
                stay.inside_ms = stay.inside_ms.max(at_ms);
                stay.leaving = None;
                stay.dwell(at_ms, rules, out);
            }
            Some(_) => {}
            None => {
                out.push(fresh.event(what, at_ms));
                self.stays.push(fresh);
            }
        }
    }
}

impl Stay {
    fn event(&self, what: What, at_ms: i64) -> FenceEvent {
        FenceEvent { fence: self.fence, what, at_ms, entered_ms: self.entered_ms }
    }

    /// Takes the distance of a position from the edge; whether they are still inside.
    fn moved(&mut self, distance: f64, margin: f64, at_ms: i64, rules: &TrackRules, out: &mut Vec<FenceEvent>) -> bool {
        if distance <= margin {
            // Near the edge counts as inside, for them who are.
            self.leaving = None;
            self.inside_ms = at_ms;
            self.dwell(at_ms, rules, out);
            return true;
        }
        let (before, first_ms) = self.leaving.unwrap_or((0, at_ms));
        let count = before.saturating_add(1);
        self.leaving = Some((count, first_ms));
        if count < rules.exit_fixes {
            return true;
        }
        out.push(self.event(What::Exit, first_ms));
        false
    }

    fn dwell(&mut self, at_ms: i64, rules: &TrackRules, out: &mut Vec<FenceEvent>) {
        if !self.dwelt && at_ms.saturating_sub(self.entered_ms) >= rules.dwell_ms {
            self.dwelt = true;
            out.push(self.event(What::Dwell, at_ms));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fence::Shape;

    const MINUTE: i64 = 60_000;

    fn fences() -> Fences {
        let middle = Position::new(13.7466, 100.5347).unwrap();
        let siam = Fence {
            id: FenceId::of("siam"),
            name: "siam".into(),
            store: "s1".into(),
            shape: Shape::Circle { middle, radius_m: 45.72 },
        };
        Fences::new(vec![siam], TrackRules::default().reach_m())
    }

    /// A position so many metres east of the fence's middle.
    fn east(metres: f64) -> Position {
        Position::new(13.7466, 100.5347 + metres / (111_195.0 * 13.7466f64.to_radians().cos())).unwrap()
    }

    /// What happens on a walk of (minute, metres east, accuracy), as `what@minute`.
    fn walk(steps: &[(i64, f64, f64)]) -> Vec<String> {
        let (fences, rules) = (fences(), TrackRules::default());
        let (mut track, mut out) = (Track::default(), Vec::new());
        for (minute, metres, accuracy_m) in steps {
            let fix = Fix { at_ms: minute * MINUTE, position: east(*metres), accuracy_m: *accuracy_m };
            track.step(&fences, fix, &rules, &mut out);
        }
        out.iter().map(|event| format!("{}@{}", event.what.as_str(), event.at_ms / MINUTE)).collect()
    }

    #[test]
    fn a_visit_is_entered_dwelt_and_left() {
        // outside   in   in    in     out  out
        let walked =
            walk(&[(0, 300.0, 5.0), (1, 30.0, 5.0), (4, 10.0, 5.0), (7, 20.0, 5.0), (9, 150.0, 5.0), (10, 300.0, 5.0)]);
        assert_eq!(walked, ["enter@1", "dwell@7", "exit@9"]);
    }

    #[test]
    fn jitter_at_the_edge_is_one_visit() {
        let steps: Vec<_> = (0..40).map(|n| (n, if n % 2 == 0 { 40.0 } else { 60.0 }, 10.0)).collect();
        assert_eq!(walk(&steps), ["enter@0", "dwell@5"]);
        // One jump far away and back is no exit either.
        assert_eq!(walk(&[(0, 10.0, 5.0), (1, 900.0, 5.0), (2, 10.0, 5.0)]), ["enter@0"]);
        // A position whose circle reaches back to the edge is no exit.
        assert_eq!(walk(&[(0, 10.0, 5.0), (1, 130.0, 80.0), (2, 130.0, 80.0)]), ["enter@0"]);
    }

    #[test]
    fn inaccurate_and_old_positions_decide_nothing() {
        assert_eq!(walk(&[(0, 10.0, 150.0), (1, 10.0, f64::NAN), (2, 10.0, -1.0)]), [""; 0]);
        assert_eq!(walk(&[(5, 10.0, 5.0), (1, 900.0, 5.0), (2, 900.0, 5.0)]), ["enter@5"]);
    }

    #[test]
    fn who_is_not_seen_for_long_has_left_when_last_seen() {
        assert_eq!(walk(&[(0, 10.0, 5.0), (3, 10.0, 5.0), (60, 10.0, 5.0)]), ["enter@0", "exit@3", "enter@60"]);
        assert_eq!(walk(&[(0, 10.0, 5.0), (3, 500.0, 5.0), (60, 500.0, 5.0)]), ["enter@0", "exit@3"]);
        let (fences, rules) = (fences(), TrackRules::default());
        let (mut track, mut out) = (Track::default(), Vec::new());
        track.step(&fences, Fix { at_ms: 0, position: east(0.0), accuracy_m: 0.0 }, &rules, &mut out);
        track.silence(29 * MINUTE, &rules, &mut out);
        assert_eq!(out.len(), 1);
        track.silence(30 * MINUTE, &rules, &mut out);
        assert_eq!((out[1].what, out[1].at_ms, track.stays.len()), (What::Exit, 0, 0));
    }

    #[test]
    fn a_check_in_counts_whatever_the_position_says() {
        let (fences, rules) = (fences(), TrackRules::default());
        let (mut track, mut out) = (Track::default(), Vec::new());
        assert!(track.visit(&fences, "s1", MINUTE, &rules, &mut out));
        assert!(!track.visit(&fences, "unknown", MINUTE, &rules, &mut out));
        track.step(&fences, Fix { at_ms: 2 * MINUTE, position: east(10.0), accuracy_m: 5.0 }, &rules, &mut out);
        assert!(track.visit(&fences, "s1", 8 * MINUTE, &rules, &mut out));
        let told: Vec<_> =
            out.iter().map(|event| (event.what, event.at_ms / MINUTE, event.entered_ms / MINUTE)).collect();
        assert_eq!(told, [(What::Visit, 1, 1), (What::Visit, 8, 1), (What::Dwell, 8, 1)]);
    }

    #[test]
    fn a_fence_that_is_gone_from_the_table_is_left() {
        let rules = TrackRules::default();
        let (mut track, mut out) = (Track::default(), Vec::new());
        track.step(&fences(), Fix { at_ms: 0, position: east(0.0), accuracy_m: 0.0 }, &rules, &mut out);
        for minute in 1..=2 {
            let fix = Fix { at_ms: minute * MINUTE, position: east(0.0), accuracy_m: 0.0 };
            track.step(&Fences::default(), fix, &rules, &mut out);
        }
        assert_eq!(out.last().map(|event| (event.what, event.at_ms / MINUTE)), Some((What::Exit, 1)));
    }
}
