//! Geofences: circles and polygons round shops, found through an index, and the people who enter, dwell and leave.
//!
//! [`Fences`] is the table (thousands of fences), [`Track`] one visitor's memory. Positions, distances and events are
//! plain data; time comes with the positions.

mod geojson;
mod geometry;
mod told;
mod track;

pub use geojson::{DEFAULT_RADIUS_M, FencesError};
pub use geometry::Position;
pub use track::{FenceEvent, Fix, Stay, Track, TrackRules, What};

use crumbtrail_events::touchpoint::Fences as Seen;
use geometry::{Bounds, Polygon, distance_m};
use hashbrown::HashMap;
use std::iter;
use xxhash_rust::xxh3::xxh3_64;

/// A fence's stable id: a hash of its name, so that a new file may list the fences in another order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FenceId(pub u64);

impl FenceId {
    /// The id of the fence called `name`.
    #[must_use]
    pub fn of(name: &str) -> FenceId {
        FenceId(xxh3_64(name.as_bytes()))
    }
}

/// A fence.
#[derive(Clone, Debug, PartialEq)]
pub struct Fence {
    /// Its id.
    pub id: FenceId,
    /// Its name, unique in the table.
    pub name: String,
    /// The shop it stands for, as tills and beacons call it; the name where the file tells none.
    pub store: String,
    /// What shape it has.
    pub shape: Shape,
}

/// The shape of a fence.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// A circle on the ground.
    Circle {
        /// Its middle.
        middle: Position,
        /// Its radius, m.
        radius_m: f64,
    },
    /// One or more polygons, holes cut out.
    Polygons(Vec<Polygon>),
}

impl Fence {
    /// Metres from the fence's edge: negative inside.
    // Inline, its cosine would be computed for positions near no fence, too.
    #[inline(never)]
    #[must_use]
    pub fn distance_m(&self, at: Position) -> f64 {
        match &self.shape {
            Shape::Circle { middle, radius_m } => distance_m(*middle, at) - radius_m,
            Shape::Polygons(polygons) => {
                polygons.iter().map(|polygon| polygon.distance_m(at)).fold(f64::INFINITY, f64::min)
            }
        }
    }

    /// How large the ground is over which it stretches from south to north and west to east, m².
    fn extent_m2(&self) -> f64 {
        match &self.shape {
            Shape::Circle { radius_m, .. } => (2.0 * radius_m).powi(2),
            Shape::Polygons(polygons) => geometry::extent_m2(geometry::bounds(polygons, 0.0)),
        }
    }

    /// A position that stands for the fence: a circle's middle, a polygon's first corner.
    #[must_use]
    pub fn position(&self) -> Position {
        match &self.shape {
            Shape::Circle { middle, .. } => *middle,
            Shape::Polygons(polygons) => polygons.first().map_or(Position::default(), Polygon::corner),
        }
    }
}

/// Sizes of the index's cells, degrees: a fence lies in the smallest cells of which it covers few. Each divides 180, so
/// that no cell lies across the antimeridian.
const SIZES: [f64; 4] = [1.0 / 64.0, 0.5, 7.5, 90.0];
/// Most cells of one size that a fence may lie in.
const MOST_CELLS: usize = 64;

/// The table of fences with its index.
#[derive(Clone, Debug, Default)]
pub struct Fences {
    list: Vec<Fence>,
    /// Where each can be found: to pass over most of a cell's fences without measuring.
    bounds: Vec<Bounds>,
    by_cell: HashMap<(u8, i32, i32), Vec<u32>>,
    by_store: HashMap<String, u32>,
    by_id: HashMap<FenceId, u32>,
    /// Sizes in use: others need not be asked.
    sizes: [bool; SIZES.len()],
    /// How far round a fence it is found, m.
    reach_m: f64,
}

impl Fences {
    /// A table of `list`. A fence is found by positions up to `reach_m` metres from its edge: at least what
    /// [`TrackRules`] need to see somebody leave.
    #[must_use]
    pub fn new(list: Vec<Fence>, reach_m: f64) -> Fences {
        let mut fences = Fences { reach_m: reach_m.max(0.0), ..Fences::default() };
        for fence in list {
            let number = fences.list.len() as u32;
            let bounds = match &fence.shape {
                Shape::Circle { middle, radius_m } => geometry::around(*middle, radius_m + fences.reach_m),
                Shape::Polygons(polygons) => geometry::bounds(polygons, fences.reach_m),
            };
            let (size, cells) = cells_of(bounds);
            fences.bounds.push(bounds);
            fences.sizes[usize::from(size)] = true;
            for (row, column) in cells {
                fences.by_cell.entry((size, row, column)).or_default().push(number);
            }
            fences.by_store.insert(fence.store.clone(), number);
            fences.by_id.insert(fence.id, number);
            fences.list.push(fence);
        }
        fences
    }

    /// Reads a GeoJSON file: a feature a fence, points with a radius or polygons with holes. Properties: `name` (or the
    /// feature's `id`), `store`, and for points `radius_m` or `radius_yards` ([`DEFAULT_RADIUS_M`] without one).
    ///
    /// # Errors
    /// Not GeoJSON, or a fence that cannot be one; the message names it.
    pub fn read(geojson: &str, reach_m: f64) -> Result<Fences, FencesError> {
        Ok(Fences::new(geojson::read(geojson)?, reach_m))
    }

    /// The fences within reach of a position, with the distance from their edge in m (negative inside).
    pub fn near(&self, at: Position) -> impl Iterator<Item = (&Fence, f64)> {
        let sizes = (0..SIZES.len()).filter(|size| self.sizes[*size]);
        sizes
            .filter_map(move |size| {
                let (row, column) = cell(at, SIZES[size]);
                self.by_cell.get(&(size as u8, row, column))
            })
            .flatten()
            .filter(move |number| geometry::is_within(self.bounds[**number as usize], at))
            .map(move |number| {
                let fence = &self.list[*number as usize];
                (fence, fence.distance_m(at))
            })
            .filter(|(_, distance)| *distance <= self.reach_m)
    }

    /// What a position that a device tells, degrees, says of the fences, written over `out`: the shop somebody is in, of fences one in
    /// another the inner one, and those to whose edge it is no further than [`TrackRules`] leave room, so that who was inside has
    /// not left. Nothing if the event's properties (a JSON object, or nothing) tell an accuracy worse than these rules
    /// trust. One event at a time: who comes, stays and goes is for [`Track`] to say, or for a session.
    pub fn look(&self, latitude: f32, longitude: f32, properties: &str, out: &mut String) {
        out.clear();
        let Some(at) = Position::new(f64::from(latitude), f64::from(longitude)) else { return };
        let rules = TrackRules::default();
        let accuracy_m = told::accuracy_m(properties).unwrap_or_default();
        if !(0.0..=rules.worst_accuracy_m).contains(&accuracy_m) {
            return;
        }
        let room = rules.exit_margin_m + accuracy_m;
        let stores = || self.near(at).filter(|(fence, distance)| *distance <= room && Seen::can_name(&fence.store));
        let (mut count, mut last, mut inside) = (0, None, None);
        stores().for_each(|(fence, distance)| {
            (count, last) = (count + 1, Some(fence.store.as_str()));
            // Of one in another the inner counts, which is the smaller; of two alike, whose edge is farther.
            let is_closer =
                |(best, deepest): (&Fence, f64)| (fence.extent_m2(), distance) <= (best.extent_m2(), deepest);
            if distance <= 0.0 && inside.is_none_or(is_closer) {
                inside = Some((fence, distance));
            }
        });
        match (count, inside) {
            // Mostly there is none or one: nothing to look at again.
            (0 | 1, Some((fence, _))) => Seen::write(&fence.store, iter::empty(), out),
            (0 | 1, None) => Seen::write("", last.into_iter(), out),
            (_, inside) => {
                let inside = inside.map_or("", |(fence, _)| &fence.store);
                let near = stores().map(|(fence, _)| fence.store.as_str()).filter(|store| *store != inside);
                Seen::write(inside, near, out);
            }
        }
    }

    /// The fence of a shop: where a beacon, a till or a check-in says somebody is.
    #[must_use]
    pub fn of_store(&self, store: &str) -> Option<&Fence> {
        self.by_store.get(store).map(|number| &self.list[*number as usize])
    }

    /// The fence with this id.
    #[must_use]
    pub fn get(&self, id: FenceId) -> Option<&Fence> {
        self.by_id.get(&id).map(|number| &self.list[*number as usize])
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}

fn cell(at: Position, size: f64) -> (i32, i32) {
    ((at.latitude() / size).floor() as i32, (at.longitude() / size).floor() as i32)
}

/// The cells that bounds lie in, and their size.
fn cells_of((south, north, west, east): Bounds) -> (u8, Vec<(i32, i32)>) {
    for (size, degrees) in SIZES.iter().enumerate() {
        let rows = (south / degrees).floor() as i64..=(north / degrees).floor() as i64;
        let columns = (west / degrees).floor() as i64..=(east / degrees).floor() as i64;
        let count = (rows.end() - rows.start() + 1) * (columns.end() - columns.start() + 1);
        if count <= MOST_CELLS as i64 || size + 1 == SIZES.len() {
            let mut cells: Vec<(i32, i32)> = rows
                .flat_map(|row| columns.clone().map(move |column| (row, column)))
                .map(|(row, column)| {
                    // A column's middle, brought back into [−180, 180).
                    let middle = (column as f64 + 0.5) * degrees;
                    (row as i32, (geometry::wrapped(middle) / degrees).floor() as i32)
                })
                .collect();
            cells.sort_unstable();
            cells.dedup();
            return (size as u8, cells);
        }
    }
    (0, Vec::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(latitude: f64, longitude: f64) -> Position {
        Position::new(latitude, longitude).unwrap()
    }

    #[test]
    fn of_shops_side_by_side_the_one_whose_middle_is_nearer_counts_and_of_one_in_another_the_inner() {
        let (a, b) = (at(13.7466, 100.5347), at(13.7466, 100.5351));
        let list = vec![
            circle("a", a, DEFAULT_RADIUS_M),
            circle("b", b, DEFAULT_RADIUS_M),
            circle("mall", a, 500.0),
            circle("kiosk", at(13.7466, 100.5348), 5.0),
        ];
        let reversed: Vec<Fence> = list.iter().rev().cloned().collect();
        for (position, expected) in
            [(a, "a"), (b, "b"), (at(13.7466, 100.5348), "kiosk"), (at(13.7490, 100.5347), "mall")]
        {
            for list in [&list, &reversed] {
                let (mut out, fences) = (String::new(), Fences::new(list.clone(), 100.0));
                fences.look(position.latitude() as f32, position.longitude() as f32, "", &mut out);
                assert_eq!(Seen(&out).inside(), expected, "{out}");
            }
        }
    }

    fn circle(name: &str, middle: Position, radius_m: f64) -> Fence {
        Fence {
            id: FenceId::of(name),
            name: name.to_owned(),
            store: name.to_owned(),
            shape: Shape::Circle { middle, radius_m },
        }
    }

    /// xorshift in [0, 1).
    fn dice(state: &mut u64) -> f64 {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        (*state >> 11) as f64 / (1u64 << 53) as f64
    }

    #[test]
    fn the_index_finds_what_looking_at_every_fence_finds() {
        let mut state = 0x2545_F491_4F6C_DD1D;
        let mut list = Vec::new();
        for n in 0..5_000 {
            let latitude = match n % 10 {
                0 => 89.9 + 0.1 * dice(&mut state),
                1 => -90.0 + 0.1 * dice(&mut state),
                _ => 180.0 * dice(&mut state) - 90.0,
            };
            let longitude = if n % 7 == 0 { 179.95 + 0.1 * dice(&mut state) } else { 360.0 * dice(&mut state) - 180.0 };
            let middle = at(latitude, geometry::wrapped(longitude));
            let radius = [45.72, 500.0, 20_000.0, 900_000.0][n % 4];
            let mut fence = circle(&n.to_string(), middle, radius);
            if n % 3 == 0 && radius < 900_000.0 && latitude.abs() < 89.0 {
                let (south, north, west, east) = geometry::around(middle, radius);
                let corners = [at(south, west), at(south, east), at(north, east), at(north, west)];
                fence.shape = Shape::Polygons(vec![Polygon::new(&corners, &[]).unwrap()]);
            }
            list.push(fence);
        }
        let fences = Fences::new(list.clone(), 200.0);
        let mut found = 0;
        for n in 0..1_500 {
            let middle = list[n * 5_000 / 1_500].position();
            let spread = [0.0, 0.0005, 0.05, 5.0][n % 4];
            let latitude = (middle.latitude() + spread * (dice(&mut state) - 0.5)).clamp(-90.0, 90.0);
            let probe = at(latitude, geometry::wrapped(middle.longitude() + spread * (dice(&mut state) - 0.5)));
            let mut near: Vec<FenceId> = fences.near(probe).map(|(fence, _)| fence.id).collect();
            let mut naive: Vec<FenceId> =
                list.iter().filter(|fence| fence.distance_m(probe) <= 200.0).map(|fence| fence.id).collect();
            near.sort_unstable();
            naive.sort_unstable();
            assert_eq!(near, naive, "{probe:?}");
            found += near.len();
        }
        assert!(found > 1_500, "{found}");
        // Small fences are not looked at one by one.
        let small: Vec<Fence> =
            (0..5_000).map(|n| circle(&n.to_string(), at(f64::from(n) * 0.01, 100.0), 45.72)).collect();
        let fences = Fences::new(small, 100.0);
        let (row, column) = cell(at(13.75, 100.0), SIZES[0]);
        assert!(fences.by_cell[&(0, row, column)].len() <= 4);
    }

    #[test]
    fn fences_are_found_by_shop_and_by_id() {
        let fences = Fences::new(vec![circle("siam", at(13.7466, 100.5347), 45.72)], 100.0);
        assert_eq!(fences.of_store("siam").map(|fence| fence.id), Some(FenceId::of("siam")));
        assert_eq!(fences.get(FenceId::of("siam")).map(|fence| fence.name.as_str()), Some("siam"));
        assert_eq!(fences.of_store("elsewhere"), None);
        assert_eq!(
            fences.near(at(13.7466, 100.5347)).map(|(_, distance)| distance.round()).collect::<Vec<_>>(),
            [-46.0]
        );
        assert_eq!(fences.near(at(13.7566, 100.5347)).count(), 0);
    }

    #[test]
    fn of_fences_one_in_another_the_inner_is_the_shop() {
        let middle = at(13.7466, 100.5347);
        for list in [["mall", "shop"], ["shop", "mall"]] {
            let radius = |name: &str| if name == "mall" { 300.0 } else { 20.0 };
            let fences = Fences::new(
                list.map(|name| circle(name, middle, radius(name))).to_vec(),
                TrackRules::default().reach_m(),
            );
            let look = |latitude: f32, properties: &str| {
                let mut out = "old".to_owned();
                fences.look(latitude, 100.5347, properties, &mut out);
                out
            };
            assert_eq!(look(13.7466, ""), "shop\nmall");
            assert_eq!(look(13.7476, "{}"), "mall\n", "111 m north");
            assert_eq!(look(13.7566, ""), "\n");
            assert_eq!(look(13.7466, r#"{"accuracy":"250.5"}"#), "", "it decides nothing");
            assert_eq!(look(f32::NAN, ""), "");
        }
    }

    #[test]
    fn near_enough_to_be_in_still_is_the_margin_and_the_accuracy_from_the_edge() {
        let fences = Fences::new(vec![circle("s1", at(0.0, 100.0), 50.0)], TrackRules::default().reach_m());
        // A degree of latitude is 111,195 m.
        let look = |metres: f32, properties: &str| {
            let mut out = String::new();
            fences.look(metres / 111_195.0, 100.0, properties, &mut out);
            out
        };
        for (metres, properties, expected) in [
            (49.0, "", "s1\n"),
            (51.0, "", "\ns1"),
            (69.0, "", "\ns1"),
            (71.0, "", "\n"),
            (71.0, r#"{"accuracy_m":30}"#, "\ns1"),
            (101.0, r#"{"accuracy_m":30}"#, "\n"),
        ] {
            assert_eq!(look(metres, properties), expected, "{metres} m {properties}");
        }
    }
}
