//! Who came into a shop, stayed and left, by the positions of a session's events.
//!
//! Intake has laid each position on the fences: the place of such an event names the fence it is inside of and those near
//! enough that somebody inside may still be there (`crumbtrail_events::touchpoint::Fences`). So nothing here measures, and another file of fences changes
//! no stay of before.
//!
//! ```text
//!  inside ──► in ──(inside or near)──► in ──(beyond, twice in a row; or nothing for 30 min)──► left, at the first beyond
//!              └─(5 minutes after entering, still in)─► dwelt
//! ```
//!
//! A position that doesn't decide (inaccurate, or an address's) is as if there were none. A visit told by a beacon, till or
//! check-in counts as inside that shop, and says nothing of others. A stay ends with its session, when last seen inside.

use crate::attributes::fences;
use crate::intern::{Interner, Symbol};
use crate::stored::{Resolve, Stored, stored_fields};
use crumbtrail_events::EventTime;
use crumbtrail_events::wire::{Reader, WireError};
use smallvec::SmallVec;

/// When somebody has stayed and when they have left, at one site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StayRules {
    /// How long inside is dwelling, ms. Default 5 min.
    pub dwell_ms: i64,
    /// Not seen for this long somebody has left, ms. Default 30 min.
    pub lost_after_ms: i64,
    /// Positions beyond in a row that make an exit: one alone may be a jump. Default 2.
    pub exit_positions: u32,
}

impl Default for StayRules {
    fn default() -> StayRules {
        StayRules { dwell_ms: 300_000, lost_after_ms: 1_800_000, exit_positions: 2 }
    }
}

/// Somebody in a shop.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Stay {
    /// The place of an event inside: it names the shop.
    place: Symbol,
    entered_at: EventTime,
    /// When last seen inside, or near enough.
    inside_at: EventTime,
    /// Positions beyond since, and when the first of them was.
    beyond_count: u32,
    beyond_at: EventTime,
    has_left: bool,
    visit_count: u32,
}

stored_fields!(Stay { place, entered_at, inside_at, beyond_count, beyond_at, has_left, visit_count });

/// The stays of one session, in the order they began.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Stays(SmallVec<[Stay; 1]>);

impl Stays {
    /// Most stays of one session; further ones are not told.
    const MOST: usize = 256;

    /// Takes the place of the next event that says something of fences.
    pub(crate) fn step(&mut self, at: EventTime, place: Symbol, rules: &StayRules, interner: &Interner) {
        let seen = fences(place, interner);
        let mut is_known = false;
        for stay in self.0.iter_mut().filter(|stay| !stay.has_left) {
            let store = fences(stay.place, interner).inside();
            let last_seen = if stay.beyond_count > 0 { stay.beyond_at } else { stay.inside_at };
            if at.since(last_seen) >= rules.lost_after_ms {
                stay.has_left = true;
            } else if seen.inside() == store || seen.near().any(|near| near == store) {
                (stay.inside_at, stay.beyond_count) = (at, 0);
                if seen.inside() == store {
                    is_known = true;
                    stay.visit_count += u32::from(seen.is_told());
                }
            } else if !seen.is_told() {
                if stay.beyond_count == 0 {
                    stay.beyond_at = at;
                }
                stay.beyond_count += 1;
                stay.has_left = stay.beyond_count >= rules.exit_positions;
            }
        }
        if !is_known && !seen.inside().is_empty() && self.0.len() < Stays::MOST {
            let visit_count = u32::from(seen.is_told());
            self.0.push(Stay { place, entered_at: at, inside_at: at, visit_count, ..Stay::default() });
        }
    }

    /// The stays, for a row; `goes_on` while the session may still bring positions.
    pub(crate) fn told<'a>(&'a self, goes_on: bool, rules: &StayRules, interner: &'a Interner) -> StoreStays<'a> {
        StoreStays { stays: &self.0, interner: Some(interner), goes_on, dwell_ms: rules.dwell_ms }
    }

    /// Appends it to a snapshot.
    pub(crate) fn save(&self, out: &mut Vec<u8>, symbol: &mut dyn FnMut(Symbol) -> Symbol) {
        (self.0.len() as u32).save(out, symbol);
        self.0.iter().for_each(|stay| stay.save(out, symbol));
    }

    /// Reads it back.
    pub(crate) fn load(reader: &mut Reader<'_>, symbol: &Resolve<'_>) -> Result<Stays, WireError> {
        let mut stays = SmallVec::new();
        for _ in 0..u32::load(reader, symbol)? {
            stays.push(Stored::load(reader, symbol)?);
        }
        Ok(Stays(stays))
    }

    /// Marks the symbols it holds.
    pub(crate) fn mark(&self, interner: &mut Interner) {
        self.0.iter().for_each(|stay| stay.mark(interner));
    }
}

/// The stays in shops of a session, as a row has them.
#[derive(Clone, Copy, Default)]
pub struct StoreStays<'a> {
    stays: &'a [Stay],
    interner: Option<&'a Interner>,
    goes_on: bool,
    dwell_ms: i64,
}

/// One stay in a shop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreStay<'a> {
    /// The shop.
    pub store: &'a str,
    /// The first position inside, or visit told.
    pub entered_at: EventTime,
    /// The first position beyond, or the last inside where none followed; `None` while they may still be there.
    pub left_at: Option<EventTime>,
    /// From entering to when last seen inside, ms.
    pub inside_ms: i64,
    /// Inside for long enough to be no passer-by.
    pub is_dwell: bool,
    /// Visits told during it by beacons, tills and check-ins.
    pub visit_count: u32,
}

impl<'a> StoreStays<'a> {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.stays.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.stays.is_empty()
    }

    /// The stays in the order they began.
    pub fn iter(&self) -> impl Iterator<Item = StoreStay<'a>> + use<'a> {
        let StoreStays { stays, interner, goes_on, dwell_ms } = *self;
        stays.iter().map(move |stay| {
            let inside_ms = stay.inside_at.since(stay.entered_at);
            let ended_at = if stay.beyond_count > 0 { stay.beyond_at } else { stay.inside_at };
            StoreStay {
                store: interner.map_or("", |interner| fences(stay.place, interner).inside()),
                entered_at: stay.entered_at,
                left_at: (stay.has_left || !goes_on).then_some(ended_at),
                inside_ms,
                is_dwell: inside_ms >= dwell_ms,
                visit_count: stay.visit_count,
            }
        })
    }
}

impl std::fmt::Debug for StoreStays<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl PartialEq for StoreStays<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000;

    /// A place with these fences, as a touchpoint has it.
    fn place(fences: &str, interner: &mut Interner) -> Symbol {
        let mut bytes = (1u16 << 6).to_le_bytes().to_vec();
        crumbtrail_events::wire::put_bytes(&mut bytes, fences.as_bytes());
        interner.value(&bytes, 0)
    }

    /// The stays of a walk of (minute, fences), as `store entered–left(minutes inside)` with `!` for dwelling and a `+` for each visit.
    fn walk(steps: &[(i64, &str)], goes_on: bool) -> Vec<String> {
        let (mut interner, rules, mut stays) = (Interner::new(), StayRules::default(), Stays::default());
        for (minute, fences) in steps {
            let place = place(fences, &mut interner);
            stays.step(EventTime(minute * MINUTE), place, &rules, &interner);
        }
        let told = |stay: StoreStay<'_>| {
            let left = stay.left_at.map_or("…".to_owned(), |at| (at.0 / MINUTE).to_string());
            let (entered, inside) = (stay.entered_at.0 / MINUTE, stay.inside_ms / MINUTE);
            let marks = "!".repeat(usize::from(stay.is_dwell)) + &"+".repeat(stay.visit_count as usize);
            format!("{} {entered}–{left}({inside}){marks}", stay.store)
        };
        stays.told(goes_on, &rules, &interner).iter().map(told).collect()
    }

    #[test]
    fn a_shop_is_entered_dwelt_in_and_left_at_the_first_position_beyond() {
        assert_eq!(walk(&[(0, "\n"), (1, "s1\n"), (3, "s1\n"), (7, "\n"), (8, "\n")], true), ["s1 1–7(2)"]);
        assert_eq!(walk(&[(1, "s1\n"), (6, "s1\n"), (7, "\n"), (8, "\n")], true), ["s1 1–7(5)!"]);
        assert_eq!(walk(&[(1, "s1\n"), (6, "s1\n")], true), ["s1 1–…(5)!"]);
        assert_eq!(walk(&[(1, "s1\n"), (6, "s1\n")], false), ["s1 1–6(5)!"], "it ends with its session");
    }

    #[test]
    fn a_phone_that_jumps_about_at_the_edge_makes_one_stay() {
        let steps: Vec<(i64, &str)> = (0..20).map(|n| (n, if n % 2 == 0 { "s1\n" } else { "\ns1" })).collect();
        assert_eq!(walk(&steps, true), ["s1 0–…(19)!"]);
        assert_eq!(walk(&[(0, "\ns1"), (1, "\ns1")], true), [""; 0], "near alone is not in");
        // One jump far away and back is no exit; two positions in a row are.
        assert_eq!(walk(&[(0, "s1\n"), (1, "\n"), (2, "s1\n")], true), ["s1 0–…(2)"]);
        assert_eq!(walk(&[(0, "s1\n"), (1, "\n"), (2, "\n"), (3, "s1\n")], true), ["s1 0–1(0)", "s1 3–…(0)"]);
    }

    #[test]
    fn who_is_not_seen_for_half_an_hour_has_left_when_last_seen() {
        assert_eq!(walk(&[(0, "s1\n"), (3, "s1\n"), (33, "s1\n")], true), ["s1 0–3(3)", "s1 33–…(0)"]);
        assert_eq!(walk(&[(0, "s1\n"), (3, "\n"), (32, "s1\n")], true), ["s1 0–…(32)!"]);
        assert_eq!(walk(&[(0, "s1\n"), (3, "\n"), (33, "s1\n")], true), ["s1 0–3(0)", "s1 33–…(0)"]);
    }

    #[test]
    fn a_visit_told_counts_and_says_nothing_of_other_shops() {
        assert_eq!(walk(&[(0, "s1"), (8, "s1")], true), ["s1 0–…(8)!++"]);
        assert_eq!(walk(&[(0, "s1\n"), (1, "s2"), (2, "s2"), (3, "s1\n")], true), ["s1 0–…(3)", "s2 1–…(1)++"]);
    }

    #[test]
    fn a_shop_in_a_mall_is_a_stay_of_its_own_and_the_mall_goes_on_round_it() {
        let steps =
            [(0, "mall\n"), (4, "shop\nmall"), (9, "shop\nmall"), (12, "mall\n"), (13, "mall\n"), (20, "mall\n")];
        assert_eq!(walk(&steps, false), ["mall 0–20(20)!", "shop 4–12(5)!"]);
    }

    #[test]
    fn a_session_tells_no_more_than_its_share() {
        let steps: Vec<(i64, &str)> = (0..1_000).map(|n| (n * 31, "s1\n")).collect();
        assert_eq!(walk(&steps, true).len(), Stays::MOST);
    }
}
