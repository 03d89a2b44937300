//! Fences from GeoJSON (RFC 7946): a feature a fence. Properties: `name` (or the feature's `id`), `store` (the shop's id
//! where it is another), `radius_m` or `radius_yards` of a point (50 yards without one).

use serde::Deserialize;
use serde_json::value::RawValue;

use super::geometry::{Polygon, Position};
use super::{Fence, FenceId, Shape};

/// Radius of a point without one: 50 yards, m.
pub const DEFAULT_RADIUS_M: f64 = 45.72;
const YARD_M: f64 = 0.9144;

/// Why fences cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FencesError {
    /// Not JSON, or not a feature collection.
    #[error("fences are a GeoJSON FeatureCollection: {0}")]
    Format(#[from] serde_json::Error),
    /// A feature that is none of a point, a polygon or several.
    #[error("fences, line {line}: {what}")]
    Feature {
        /// Number of the line, from 1.
        line: usize,
        /// What is wrong.
        what: String,
    },
    /// A feature that is no fence.
    #[error("fences, line {line}, fence {name:?}: {what}")]
    Fence {
        /// Number of the line it begins in, from 1.
        line: usize,
        /// Its name, or its number from 1.
        name: String,
        /// What is wrong.
        what: &'static str,
    },
}

#[derive(Deserialize)]
struct Collection<'a> {
    #[serde(borrow)]
    features: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Feature {
    id: Option<serde_json::Value>,
    properties: Option<Properties>,
    geometry: Geometry,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Properties {
    name: Option<serde_json::Value>,
    store: Option<serde_json::Value>,
    radius_m: Option<f64>,
    radius_yards: Option<f64>,
}

type Corners = Vec<Vec<f64>>;

#[derive(Deserialize)]
#[serde(tag = "type", content = "coordinates")]
enum Geometry {
    Point(Vec<f64>),
    Polygon(Vec<Corners>),
    MultiPolygon(Vec<Vec<Corners>>),
}

pub(super) fn read(text: &str) -> Result<Vec<Fence>, FencesError> {
    let collection: Collection<'_> = serde_json::from_str(text)?;
    let line_of = |raw: &RawValue| {
        let at = raw.get().as_ptr().addr() - text.as_ptr().addr();
        1 + text.bytes().take(at).filter(|b| *b == b'\n').count()
    };
    let mut names = hashbrown::HashSet::new();
    let mut fences = Vec::with_capacity(collection.features.len());
    for (number, raw) in collection.features.into_iter().enumerate() {
        let feature: Feature = serde_json::from_str(raw.get()).map_err(|error| FencesError::Feature {
            line: line_of(raw) + error.line().saturating_sub(1),
            what: error
                .to_string()
                .rsplit_once(" at line ")
                .map_or_else(|| error.to_string(), |(what, _)| what.to_owned()),
        })?;
        let properties = feature.properties.unwrap_or_default();
        let told = properties.name.as_ref().and_then(word).or_else(|| feature.id.as_ref().and_then(word));
        let name = told.unwrap_or_else(|| (number + 1).to_string());
        let wrong = |what| FencesError::Fence { line: line_of(raw), name: name.clone(), what };
        if !names.insert(name.clone()) {
            return Err(wrong("another fence has the same name"));
        }
        let shape = shape(&feature.geometry, &properties).map_err(wrong)?;
        let store = properties.store.as_ref().and_then(word).unwrap_or_else(|| name.clone());
        if store.contains('\n') {
            return Err(wrong("the name of its store has a line break"));
        }
        fences.push(Fence { id: FenceId::of(&name), name, store, shape });
    }
    Ok(fences)
}

/// A name may be a text or a number.
fn word(value: &serde_json::Value) -> Option<String> {
    match value {
        serde_json::Value::String(text) if !text.is_empty() => Some(text.clone()),
        serde_json::Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn shape(geometry: &Geometry, properties: &Properties) -> Result<Shape, &'static str> {
    match geometry {
        Geometry::Point(point) => {
            let told = properties.radius_m.or_else(|| properties.radius_yards.map(|yards| yards * YARD_M));
            let radius_m = told.unwrap_or(DEFAULT_RADIUS_M);
            if !(radius_m > 0.0 && radius_m <= 5_000_000.0) {
                return Err("a radius is above 0 and at most 5,000 km");
            }
            Ok(Shape::Circle { middle: position(point)?, radius_m })
        }
        Geometry::Polygon(rings) => Ok(Shape::Polygons(vec![polygon(rings)?])),
        Geometry::MultiPolygon(polygons) if polygons.is_empty() => Err("it has no polygon"),
        Geometry::MultiPolygon(polygons) => {
            Ok(Shape::Polygons(polygons.iter().map(|rings| polygon(rings)).collect::<Result<_, _>>()?))
        }
    }
}

fn polygon(rings: &[Corners]) -> Result<Polygon, &'static str> {
    let ring = |corners: &Corners| corners.iter().map(|corner| position(corner)).collect::<Result<Vec<_>, _>>();
    let (outer, holes) = rings.split_first().ok_or("it has no ring")?;
    let holes = holes.iter().map(ring).collect::<Result<Vec<_>, _>>()?;
    Polygon::new(&ring(outer)?, &holes).ok_or("a ring has at least three corners")
}

/// Longitude first, as GeoJSON has it.
fn position(point: &[f64]) -> Result<Position, &'static str> {
    let [longitude, latitude, ..] = point else { return Err("a position is [longitude, latitude]") };
    Position::new(*latitude, *longitude)
        .ok_or("a position is [longitude, latitude] in degrees: is it the other way round?")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(geometry: &str, properties: &str) -> String {
        format!(
            r#"{{"type":"FeatureCollection","features":[{{"type":"Feature","properties":{properties},"geometry":{geometry}}}]}}"#
        )
    }

    #[test]
    fn points_and_polygons_are_read() {
        let point = r#"{"type":"Point","coordinates":[100.5347,13.7466,4]}"#;
        for (properties, name, store, radius) in [
            (r#"{"name":"Siam"}"#, "Siam", "Siam", 45.72),
            (r#"{"name":"Siam","store":7,"radius_m":100}"#, "Siam", "7", 100.0),
            (r#"{"radius_yards":100}"#, "1", "1", 91.44),
            ("null", "1", "1", 45.72),
        ] {
            let fences = read(&file(point, properties)).unwrap();
            assert_eq!((fences[0].name.as_str(), fences[0].store.as_str()), (name, store));
            let Shape::Circle { middle, radius_m } = fences[0].shape else { panic!("no circle") };
            assert!((radius_m - radius).abs() < 1e-9 && middle.latitude() == 13.7466);
        }
        let polygon = r#"{"type":"MultiPolygon","coordinates":[[[[0,0],[1,0],[1,1],[0,1],[0,0]],[[0.4,0.4],[0.6,0.4],[0.6,0.6]]],[[[5,5],[6,5],[6,6]]]]}"#;
        let fences = read(&file(polygon, "{}")).unwrap();
        let inside = |latitude, longitude| fences[0].distance_m(Position::new(latitude, longitude).unwrap()) < 0.0;
        assert!(inside(0.2, 0.2) && !inside(0.5, 0.5) && inside(5.2, 5.8) && !inside(3.0, 3.0));
    }

    #[test]
    fn what_is_no_fence_is_named() {
        for (geometry, properties, part) in [
            (r#"{"type":"Point","coordinates":[13.7466,100.5347]}"#, r#"{"name":"Siam"}"#, "other way round"),
            (r#"{"type":"Point","coordinates":[13.7466]}"#, r#"{"name":"Siam"}"#, "[longitude, latitude]"),
            (r#"{"type":"Point","coordinates":[1,1]}"#, r#"{"name":"Siam","radius_m":0}"#, "radius"),
            (r#"{"type":"Polygon","coordinates":[]}"#, r#"{"name":"Siam"}"#, "no ring"),
            (r#"{"type":"Polygon","coordinates":[[[0,0],[1,1]]]}"#, r#"{"name":"Siam"}"#, "three corners"),
        ] {
            let error = read(&file(geometry, properties)).unwrap_err().to_string();
            assert!(error.contains(part) && error.contains("Siam"), "{error}");
        }
        assert!(matches!(read("[]"), Err(FencesError::Format(_))));
        let line_string = read(&file(r#"{"type":"LineString","coordinates":[]}"#, "{}")).unwrap_err().to_string();
        assert!(line_string.starts_with("fences, line 1: ") && line_string.contains("LineString"), "{line_string}");
        let feature = r#"{"type":"Feature","id":"a","geometry":{"type":"Point","coordinates":[1,1]}}"#;
        let twice = format!(r#"{{"features":[{feature},{feature}]}}"#);
        assert!(read(&twice).unwrap_err().to_string().contains("same name"));
    }

    #[test]
    fn the_line_is_told_in_which_the_mistake_is() {
        let good = r#"{"type":"Feature","properties":{"name":"a"},"geometry":{"type":"Point","coordinates":[1,1]}}"#;
        for (bad, line) in [
            (r#"{"properties":{"name":"b"},"geometry":{"type":"Point","coordinates":[13.7,100.5]}}"#, 4),
            ("{\"properties\":{},\n\"geometry\":{\"type\":\"Line\",\n\"coordinates\":[]}}", 5),
            ("{\"properties\":{},\n\"geometry\":\nnull}", 6),
            ("{\"properties\":{}\n\"geometry\":null}", 5),
        ] {
            let file = format!("{{\"type\":\"FeatureCollection\",\n\"features\":[\n{good},\n{bad}\n]}}");
            let error = read(&file).unwrap_err().to_string();
            assert!(error.contains(&format!("line {line}")), "{line}: {error}");
        }
    }
}
