//! What fences add to the price of a click with a position, by how many there are and where the position is.

use std::hint::black_box;
use std::sync::Arc;

use crumbtrail_enrich::Enricher;
use crumbtrail_enrich::fence::{Fences, FencesError, Fix, Position, Track, TrackRules};
use crumbtrail_events::{ClickEvent, Kind};

use crate::{EVENTS, best, click};

/// Shops lie in cities, and so do the people: in squares of a third of a degree (37 km), so many of them.
const CITIES: usize = 20;
/// Half the length of a shop, m, as a circle or as a polygon.
const SHOP_M: f64 = 45.72;
/// Metres of a degree of latitude.
const DEGREE_M: f64 = 111_195.0;

/// xorshift in [0, 1).
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Somewhere in a city.
    fn in_city(&mut self) -> (f64, f64) {
        let city = (self.roll() * CITIES as f64).floor();
        (6.0 + city * 0.7 + self.roll() / 3.0, 98.0 + (city * 7.0) % 9.0 + self.roll() / 3.0)
    }
}

/// A position so many metres from another in a direction.
fn off((latitude, longitude): (f64, f64), metres: f64, turn: f64) -> (f64, f64) {
    let (north, east) = (turn * std::f64::consts::TAU).sin_cos();
    let degrees = metres / DEGREE_M;
    (latitude + degrees * north, longitude + degrees * east / latitude.to_radians().cos())
}

/// A ring of corners round a middle, GeoJSON.
fn ring(middle: (f64, f64), metres: f64, corners: u32) -> String {
    let corner = |n| {
        let (latitude, longitude) =
            off(middle, metres * (1.0 + 0.2 * f64::from(n % 2)), f64::from(n % corners) / f64::from(corners));
        format!("[{longitude},{latitude}]")
    };
    format!("[{}]", (0..=corners).map(corner).collect::<Vec<_>>().join(","))
}

/// So many shops, and where they are: circles, or polygons of twelve corners, every fourth with a yard that is none of it.
fn shops(count: usize, are_polygons: bool) -> Result<(Fences, Vec<(f64, f64)>), FencesError> {
    let mut dice = Dice(0x2545_F491_4F6C_DD1D);
    let middles: Vec<(f64, f64)> = (0..count).map(|_| dice.in_city()).collect();
    let feature = |(number, middle): (usize, &(f64, f64))| {
        let yard = if number % 4 == 0 { format!(",{}", ring(*middle, SHOP_M / 4.0, 4)) } else { String::new() };
        let geometry = match are_polygons {
            true => format!(r#""Polygon","coordinates":[{}{yard}]"#, ring(*middle, SHOP_M, 12)),
            false => format!(r#""Point","coordinates":[{},{}]"#, middle.1, middle.0),
        };
        format!(r#"{{"properties":{{"name":"shop-{number}"}},"geometry":{{"type":{geometry}}}}}"#)
    };
    let features = middles.iter().enumerate().map(feature).collect::<Vec<_>>().join(",");
    let fences = Fences::read(&format!(r#"{{"features":[{features}]}}"#), TrackRules::default().reach_m())?;
    Ok((fences, middles))
}

/// Where people are: inside of shops, within 20 m of their edge, elsewhere in the cities, out in the country; and as real
/// traffic has them, 10, 10, 60 and 20 of a hundred.
const WHERE: [&str; 5] = ["inside", "at the edge", "elsewhere in town", "in the country", "as traffic has them"];

fn positions(place: usize, middles: &[(f64, f64)]) -> Vec<(f32, f32)> {
    let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
    let position = |n: usize| {
        let place = if place == WHERE.len() - 1 { [0, 1, 2, 2, 2, 2, 2, 2, 3, 3][n % 10] } else { place };
        let shop = middles[(dice.roll() * middles.len() as f64) as usize];
        let (latitude, longitude) = match place {
            0 => off(shop, 0.7 * SHOP_M * dice.roll(), dice.roll()),
            1 => off(shop, SHOP_M - 20.0 + 40.0 * dice.roll(), dice.roll()),
            2 => dice.in_city(),
            _ => (20.0 + 10.0 * dice.roll(), 98.0 + 9.0 * dice.roll()),
        };
        (latitude as f32, longitude as f32)
    };
    (0..EVENTS).map(position).collect()
}

/// What a click costs with these positions and these properties, caches warm.
fn price(enricher: &mut Enricher, positions: &[(f32, f32)], properties: &str) -> f64 {
    best(positions.len(), || {
        for (latitude, longitude) in positions {
            let (latitude, longitude) = (Some(*latitude), Some(*longitude));
            let event = ClickEvent { kind: Kind::Click, latitude, longitude, properties, ..ClickEvent::default() };
            click(enricher, &event);
        }
    })
}

/// What each table adds to a click with a position, and what the library's own memory of a visitor costs. The enricher has no
/// fences afterwards.
pub(crate) fn prices(enricher: &mut Enricher) -> Result<(), FencesError> {
    let told = r#"{"accuracy_m":12.5,"app_version":"5.2.1"}"#;
    enricher.set_fences(None);
    let anywhere = [(13.75, 100.5); EVENTS];
    let none = ["", told].map(|properties| price(enricher, &anywhere, properties));
    println!("a click with a position, no fences: {:.0} ns, {:.0} with properties", none[0], none[1]);
    for (name, count, are_polygons) in
        [("1,000 points", 1_000, false), ("10,000 points", 10_000, false), ("1,000 polygons", 1_000, true)]
    {
        let (fences, middles) = shops(count, are_polygons)?;
        enricher.set_fences(Some(Arc::new(fences)));
        for (place, where_they_are) in WHERE.iter().enumerate() {
            let cost = price(enricher, &positions(place, &middles), "") - none[0];
            println!("  + {name}, position {where_they_are}: {cost:.0} ns");
        }
        let cost = price(enricher, &positions(WHERE.len() - 1, &middles), told) - none[1];
        println!("  + {name}, the same, accuracy told: {cost:.0} ns");
    }
    enricher.set_fences(None);

    let (fences, middles) = shops(10_000, false)?;
    let positions = positions(WHERE.len() - 1, &middles);
    let (mut track, mut events, mut at_ms) = (Track::default(), Vec::new(), 0);
    let steps = best(EVENTS, || {
        for (latitude, longitude) in &positions {
            at_ms += 30_000;
            let position = Position::new(f64::from(*latitude), f64::from(*longitude)).unwrap_or_default();
            track.step(&fences, Fix { at_ms, position, accuracy_m: 10.0 }, &TrackRules::default(), &mut events);
            black_box(&events);
            events.clear();
        }
    });
    println!("a visitor's `Track` among 10,000 points: {steps:.0} ns");
    Ok(())
}
