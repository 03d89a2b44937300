//! Positions on a sphere: distances, polygons with holes, and the two seams of longitude and latitude: the antimeridian
//! and the poles.

/// Metres of the mean radius of the earth.
const EARTH_M: f64 = 6_371_008.8;
/// Metres of a degree of latitude.
const DEGREE_M: f64 = EARTH_M * std::f64::consts::PI / 180.0;

/// A position in degrees: latitude in [−90, 90], longitude in [−180, 180).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Position {
    latitude: f64,
    longitude: f64,
}

impl Position {
    /// A position; longitudes beyond ±180 go round, up to a full turn. `None` for anything that is nowhere.
    #[must_use]
    pub fn new(latitude: f64, longitude: f64) -> Option<Position> {
        (latitude.abs() <= 90.0 && longitude.abs() <= 540.0)
            .then(|| Position { latitude, longitude: wrapped(longitude) })
    }

    /// Degrees north.
    #[must_use]
    pub fn latitude(self) -> f64 {
        self.latitude
    }

    /// Degrees east.
    #[must_use]
    pub fn longitude(self) -> f64 {
        self.longitude
    }
}

/// A longitude brought into [−180, 180).
pub(super) fn wrapped(longitude: f64) -> f64 {
    if (-180.0..180.0).contains(&longitude) {
        return longitude;
    }
    let turned = (longitude + 180.0).rem_euclid(360.0) - 180.0;
    // rem_euclid may round up to 360 itself.
    if turned >= 180.0 { -180.0 } else { turned }
}

/// Metres between two positions, along a great circle.
#[must_use]
pub fn distance_m(a: Position, b: Position) -> f64 {
    let half = |degrees: f64| (degrees.to_radians() / 2.0).sin().powi(2);
    let (from, to) = (a.latitude.to_radians(), b.latitude.to_radians());
    let h = half(b.latitude - a.latitude) + from.cos() * to.cos() * half(b.longitude - a.longitude);
    2.0 * EARTH_M * h.sqrt().min(1.0).asin()
}

/// South, north, west and east; west may lie below −180, east above 180.
pub(super) type Bounds = (f64, f64, f64, f64);

/// Whether a position lies within bounds.
pub(super) fn is_within((south, north, west, east): Bounds, at: Position) -> bool {
    if !(south..=north).contains(&at.latitude) {
        return false;
    }
    // Its longitude on the turn of the earth that begins in the west.
    let mut longitude = at.longitude;
    while longitude < west {
        longitude += 360.0;
    }
    while longitude >= west + 360.0 {
        longitude -= 360.0;
    }
    // All round the earth ends that little before it begins again.
    longitude <= east + 1e-9
}

/// How large the ground within bounds is, m².
pub(super) fn extent_m2((south, north, west, east): Bounds) -> f64 {
    (north - south) * (east - west) * ((south + north) / 2.0).to_radians().cos() * DEGREE_M.powi(2)
}

/// The bounds of everything within `radius_m` of a position.
pub(super) fn around(middle: Position, radius_m: f64) -> Bounds {
    widened((middle.latitude, middle.latitude, middle.longitude, middle.longitude), radius_m)
}

/// The same for polygons.
pub(super) fn bounds(polygons: &[Polygon], reach_m: f64) -> Bounds {
    let each = polygons.iter().map(|polygon| polygon.bounds);
    let all = each.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1), a.2.min(b.2), a.3.max(b.3)));
    widened(all.unwrap_or_default(), reach_m)
}

fn widened((south, north, west, east): Bounds, by_m: f64) -> Bounds {
    // A little more than needed: rounding must not lose an edge.
    let degrees = by_m / DEGREE_M * 1.001 + 1e-9;
    let (south, north) = (south - degrees, north + degrees);
    if south <= -90.0 || north >= 90.0 {
        // Round a pole every longitude is near.
        return (south.max(-90.0), north.min(90.0), -180.0, 180.0 - 1e-9);
    }
    let widest = south.abs().max(north.abs()).to_radians();
    let turn = ((degrees.to_radians()).sin() / widest.cos()).min(1.0).asin().to_degrees();
    if east - west + 2.0 * turn >= 360.0 || !turn.is_finite() {
        return (south, north, -180.0, 180.0 - 1e-9);
    }
    (south, north, west - turn, east + turn)
}

/// A polygon with holes. Edges are straight in degrees, as GeoJSON's are, and go the shorter way round the earth: one from
/// 179° to −179° crosses the antimeridian.
#[derive(Clone, Debug, PartialEq)]
pub struct Polygon {
    outer: Ring,
    holes: Vec<Ring>,
    bounds: Bounds,
}

/// Corners as latitude and longitude, the longitudes continuous (beyond ±180 where the ring goes on), the first corner
/// again at the end. A ring round a pole is closed along the pole.
#[derive(Clone, Debug, PartialEq)]
struct Ring {
    corners: Vec<(f64, f64)>,
    /// Its westernmost and easternmost longitude, which may lie beyond ±180.
    columns: (f64, f64),
}

impl Ring {
    fn new(corners: &[Position]) -> Option<Ring> {
        let first = corners.first()?;
        let mut ring = vec![(first.latitude, first.longitude)];
        for corner in &corners[1..] {
            let last = ring.last().map_or(0.0, |(_, longitude)| *longitude);
            ring.push((corner.latitude, last + wrapped(corner.longitude - last)));
        }
        if ring.len() < 3 {
            return None;
        }
        let last = ring[ring.len() - 1];
        let closing = (first.latitude, last.1 + wrapped(first.longitude - last.1));
        if closing != last {
            ring.push(closing);
        }
        let turned = closing.1 - first.longitude;
        if turned.abs() > 180.0 {
            // Once round the earth: the nearer pole is inside.
            let mean = ring.iter().map(|(latitude, _)| latitude).sum::<f64>() / ring.len() as f64;
            let pole = if mean >= 0.0 { 90.0 } else { -90.0 };
            ring.extend([(pole, closing.1), (pole, first.longitude), (first.latitude, first.longitude)]);
        }
        let columns = ring
            .iter()
            .fold((f64::MAX, f64::MIN), |(west, east), (_, longitude)| (west.min(*longitude), east.max(*longitude)));
        (ring.len() >= 4).then_some(Ring { corners: ring, columns })
    }

    /// Whether a position is inside: edges crossed on the way to the east.
    fn holds(&self, at: Position) -> bool {
        let (west, east) = self.columns;
        // The very pole is as good as a millimetre beside it, and has crossings.
        let latitude = at.latitude.clamp(-90.0 + 1e-8, 90.0 - 1e-8);
        // The position's longitude on each turn of the earth that the ring may lie on.
        (-2..=2).map(|turn| at.longitude + 360.0 * f64::from(turn)).filter(|x| (west..=east).contains(x)).any(|x| {
            let mut inside = false;
            for pair in self.corners.windows(2) {
                let ((y1, x1), (y2, x2)) = (pair[0], pair[1]);
                if (y1 > latitude) != (y2 > latitude) && x < (x2 - x1) * (latitude - y1) / (y2 - y1) + x1 {
                    inside = !inside;
                }
            }
            inside
        })
    }

    /// Metres from the nearest edge.
    fn distance_m(&self, at: Position) -> f64 {
        let scale = at.latitude.to_radians().cos().max(1e-9);
        let feet = self.corners.windows(2).filter_map(|edge| foot(at, scale, edge[0], edge[1]));
        if at.latitude.abs() < FLAT_UP_TO {
            let nearest = feet.min_by(|(one, _), (other, _)| one.total_cmp(other));
            nearest.map_or(f64::INFINITY, |(_, foot)| distance_m(at, foot))
        } else {
            feet.map(|(_, foot)| distance_m(at, foot)).fold(f64::INFINITY, f64::min)
        }
    }
}

/// Up to this latitude, degrees, edges can be told apart on a flat map: where the difference counts, within some hundred metres, it is
/// right to some centimetres.
const FLAT_UP_TO: f64 = 85.0;

/// The point of an edge that is nearest to a position, and the square of its distance on a flat map, in degrees of latitude, of which
/// a degree of longitude is `scale`. `None`: a ring's closing line along the pole, which is no edge.
fn foot(at: Position, scale: f64, (y1, x1): (f64, f64), (y2, x2): (f64, f64)) -> Option<(f64, Position)> {
    if y1.abs() == 90.0 && y2.abs() == 90.0 {
        return None;
    }
    let (dx, dy) = ((x2 - x1) * scale, y2 - y1);
    let (px, py) = (wrapped(at.longitude - x1) * scale, at.latitude - y1);
    let len = dx * dx + dy * dy;
    let part = if len > 0.0 { ((px * dx + py * dy) / len).clamp(0.0, 1.0) } else { 0.0 };
    let (x, y) = (part * dx - px, part * dy - py);
    let foot = Position { latitude: y1 + part * dy, longitude: wrapped(x1 + part * (x2 - x1)) };
    Some((x * x + y * y, foot))
}

impl Polygon {
    /// A polygon of its outer ring and holes, closed or not. `None`: a ring of fewer than three corners.
    #[must_use]
    pub fn new(outer: &[Position], holes: &[Vec<Position>]) -> Option<Polygon> {
        let outer = Ring::new(outer)?;
        let holes = holes.iter().map(|hole| Ring::new(hole)).collect::<Option<Vec<_>>>()?;
        let (west, east) = outer.columns;
        let (south, north) = outer
            .corners
            .iter()
            .fold((f64::MAX, f64::MIN), |(south, north), (latitude, _)| (south.min(*latitude), north.max(*latitude)));
        Some(Polygon { outer, holes, bounds: (south, north, west, east) })
    }

    /// Whether a position is inside and in no hole.
    #[must_use]
    pub fn holds(&self, at: Position) -> bool {
        self.outer.holds(at) && !self.holes.iter().any(|hole| hole.holds(at))
    }

    /// Metres from the edge (a hole's edge is one): negative inside.
    #[must_use]
    pub fn distance_m(&self, at: Position) -> f64 {
        let edge = self.holes.iter().map(|hole| hole.distance_m(at)).fold(self.outer.distance_m(at), f64::min);
        if self.holds(at) { -edge } else { edge }
    }

    pub(super) fn corner(&self) -> Position {
        self.outer.corners.first().map_or(Position::default(), |(latitude, longitude)| Position {
            latitude: *latitude,
            longitude: wrapped(*longitude),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(latitude: f64, longitude: f64) -> Position {
        Position::new(latitude, longitude).unwrap()
    }

    fn ring(corners: &[(f64, f64)]) -> Vec<Position> {
        corners.iter().map(|(latitude, longitude)| at(*latitude, *longitude)).collect()
    }

    #[test]
    fn distances_are_those_of_a_sphere() {
        for (a, b, metres) in [
            ((0.0, 0.0), (0.0, 1.0), DEGREE_M),
            ((13.7563, 100.5018), (-6.2088, 106.8456), 2_327_800.0),
            ((0.0, 179.5), (0.0, -179.5), DEGREE_M),
            ((89.5, 0.0), (89.5, 180.0), DEGREE_M),
            ((90.0, 12.0), (90.0, -170.0), 0.0),
            ((0.0, 0.0), (0.0, -180.0), 180.0 * DEGREE_M),
        ] {
            let found = distance_m(at(a.0, a.1), at(b.0, b.1));
            assert!((found - metres).abs() <= 0.002 * metres + 0.01, "{a:?} {b:?}: {found}");
        }
    }

    #[test]
    fn nowhere_is_no_position() {
        for (latitude, longitude) in [(90.1, 0.0), (f64::NAN, 0.0), (0.0, f64::NAN), (0.0, 541.0), (f64::INFINITY, 0.0)]
        {
            assert_eq!(Position::new(latitude, longitude), None);
        }
        assert_eq!(at(0.0, 190.0).longitude(), -170.0);
        assert_eq!(at(0.0, 180.0).longitude(), -180.0);
    }

    #[test]
    fn holes_are_outside() {
        let square = ring(&[(0.0, 0.0), (0.0, 1.0), (1.0, 1.0), (1.0, 0.0), (0.0, 0.0)]);
        let hole = ring(&[(0.4, 0.4), (0.4, 0.6), (0.6, 0.6), (0.6, 0.4), (0.4, 0.4)]);
        let polygon = Polygon::new(&square, &[hole]).unwrap();
        assert!(polygon.holds(at(0.2, 0.2)) && !polygon.holds(at(0.5, 0.5)) && !polygon.holds(at(1.5, 0.5)));
        // In the middle of the hole its edge is the nearest; positive, because the hole is outside.
        let distance = polygon.distance_m(at(0.5, 0.5));
        assert!((distance - 0.1 * DEGREE_M).abs() < 10.0, "{distance}");
        let distance = polygon.distance_m(at(0.1, 0.5));
        assert!((distance + 0.1 * DEGREE_M).abs() < 10.0, "{distance}");
        // Open or closed, either way round: the same polygon.
        let mut open = square[..4].to_vec();
        open.reverse();
        assert!(Polygon::new(&open, &[]).unwrap().holds(at(0.2, 0.2)));
        assert_eq!(Polygon::new(&square[..2], &[]), None);
    }

    #[test]
    fn the_edge_that_is_nearest_on_the_flat_map_is_the_nearest() {
        let mut checked = 0;
        for latitude in [-84.9, -60.0, -0.01, 13.75, 45.0, 70.0, 84.9] {
            for (longitude, size) in [(100.5, 0.0005), (-179.9999, 0.0005), (179.98, 0.05), (0.0, 2.0)] {
                // A star, so that edges lie at every angle, as wide on the ground as it is high.
                let scale = f64::cos(f64::to_radians(latitude));
                let corner = |n: u32| {
                    let (north, east) = (f64::from(n) / 9.0 * std::f64::consts::TAU).sin_cos();
                    let far = size * (1.0 + 0.6 * f64::from(n % 3));
                    let latitude = (latitude + far * north).clamp(-84.9, 84.9);
                    at(latitude, wrapped(longitude + far * east / scale))
                };
                let ring = Ring::new(&(0..9).map(corner).collect::<Vec<_>>()).unwrap();
                for n in 0..9 {
                    for off in [-0.002, -0.0003, 0.0, 0.0003, 0.002] {
                        let probe = corner(n);
                        let probe = at((probe.latitude + off).clamp(-84.99, 84.99), wrapped(probe.longitude + off));
                        let scale = probe.latitude.to_radians().cos();
                        let feet = ring.corners.windows(2).filter_map(|edge| foot(probe, scale, edge[0], edge[1]));
                        let nearest = feet.map(|(_, foot)| distance_m(probe, foot)).fold(f64::INFINITY, f64::min);
                        let found = ring.distance_m(probe);
                        assert!((found - nearest).abs() <= 0.1, "{probe:?}: {found}, {nearest}");
                        checked += 1;
                    }
                }
            }
        }
        assert_eq!(checked, 7 * 4 * 9 * 5);
    }

    #[test]
    fn a_polygon_across_the_antimeridian_is_one_piece() {
        for corners in [
            [(-18.0, 179.0), (-18.0, -179.0), (-16.0, -179.0), (-16.0, 179.0)],
            [(-18.0, 179.0), (-18.0, 181.0), (-16.0, 181.0), (-16.0, 179.0)],
            [(-18.0, -181.0), (-18.0, -179.0), (-16.0, -179.0), (-16.0, -181.0)],
        ] {
            let polygon = Polygon::new(&ring(&corners), &[]).unwrap();
            for (longitude, inside) in
                [(179.5, true), (-179.5, true), (180.0, true), (178.9, false), (-178.9, false), (0.0, false)]
            {
                assert_eq!(polygon.holds(at(-17.0, longitude)), inside, "{longitude}");
            }
            let distance = polygon.distance_m(at(-17.0, -178.99));
            assert!((distance - 0.01 * DEGREE_M * 0.956).abs() < 20.0, "{distance}");
        }
    }

    #[test]
    fn a_ring_round_a_pole_holds_the_pole() {
        let arctic = ring(&[(80.0, 0.0), (80.0, 90.0), (80.0, 180.0), (80.0, -90.0), (80.0, 0.0)]);
        let polygon = Polygon::new(&arctic, &[]).unwrap();
        for (latitude, longitude, inside) in
            [(90.0, 0.0, true), (89.0, 123.0, true), (85.0, -123.0, true), (79.0, 45.0, false), (-85.0, 0.0, false)]
        {
            assert_eq!(polygon.holds(at(latitude, longitude)), inside, "{latitude} {longitude}");
        }
        let distance = polygon.distance_m(at(85.0, -123.0));
        assert!((distance + 5.0 * DEGREE_M).abs() < 100.0, "{distance}");
        let antarctic = ring(&[(-80.0, 0.0), (-80.0, 90.0), (-80.0, 180.0), (-80.0, -90.0), (-80.0, 0.0)]);
        let polygon = Polygon::new(&antarctic, &[]).unwrap();
        assert!(polygon.holds(at(-90.0, 0.0)) && polygon.holds(at(-81.0, 179.0)) && !polygon.holds(at(81.0, 0.0)));
    }
}
