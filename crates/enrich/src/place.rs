//! One record of a geo database as a place, in whichever of the common layouts it was written.
//!
//! MaxMind nests (`country.iso_code`, `city.names.en`, `location.latitude`); the free databases are flat
//! (`country_code`, `state1`, `city`, `latitude`, `timezone`). A record tells by its own fields which it is.

use std::fmt;

use crumbtrail_events::Touchpoint;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// A place. Unknown is empty or `None`, never a default.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Place<'a> {
    /// Country, ISO 3166-1 alpha-2.
    pub country: &'a str,
    /// First-level region, English name.
    pub region: &'a str,
    /// City, English name.
    pub city: &'a str,
    /// Latitude in degrees, in [−90, 90].
    pub latitude: Option<f32>,
    /// Longitude in degrees, in [−180, 180].
    pub longitude: Option<f32>,
    /// IANA time zone.
    pub time_zone: &'a str,
    /// Radius of the circle round the position in which the address probably is, km.
    pub accuracy_km: Option<u16>,
}

impl<'a> Place<'a> {
    /// Writes the place into a touchpoint.
    pub(crate) fn put(&self, out: &mut Touchpoint<'a>) {
        out.country = self.country;
        out.region = self.region;
        out.city = self.city;
        out.latitude = self.latitude;
        out.longitude = self.longitude;
        out.time_zone = self.time_zone;
    }

    /// Whether nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Place::default()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Place<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(PlaceVisitor).map(|found| found.checked())
    }
}

/// The fields as found, unchecked.
#[derive(Default)]
struct Found<'a> {
    country: &'a str,
    region: &'a str,
    city: &'a str,
    latitude: Option<f64>,
    longitude: Option<f64>,
    time_zone: &'a str,
    accuracy: Option<f64>,
}

impl<'a> Found<'a> {
    fn checked(self) -> Place<'a> {
        let degrees = |value: Option<f64>, limit: f64| value.filter(|v| v.abs() <= limit).map(|v| v as f32);
        let (latitude, longitude) = (degrees(self.latitude, 90.0), degrees(self.longitude, 180.0));
        // Half a position is none.
        let both = latitude.is_some() && longitude.is_some();
        let is_code = self.country.len() == 2 && self.country.bytes().all(|b| b.is_ascii_uppercase());
        Place {
            country: if is_code { self.country } else { "" },
            region: self.region,
            city: self.city,
            latitude: latitude.filter(|_| both),
            longitude: longitude.filter(|_| both),
            time_zone: self.time_zone,
            accuracy_km: self
                .accuracy
                .filter(|km| both && (0.0..=f64::from(u16::MAX)).contains(km))
                .map(|km| km.round() as u16),
        }
    }
}

struct PlaceVisitor;

impl<'de> Visitor<'de> for PlaceVisitor {
    type Value = Found<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a place record")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Found<'de>, A::Error> {
        let mut found = Found::default();
        while let Some(key) = map.next_key::<&str>()? {
            match key {
                "country_code" | "country" => {
                    let name: Name = map.next_value()?;
                    found.country = name.code_or_name();
                }
                "state1" | "region" | "stateprov" => found.region = map.next_value::<Name>()?.name,
                "subdivisions" => found.region = map.next_value::<First>()?.0.name,
                "city" => found.city = map.next_value::<Name>()?.name,
                "latitude" | "lat" => found.latitude = map.next_value::<Degrees>()?.0,
                "longitude" | "lng" | "lon" => found.longitude = map.next_value::<Degrees>()?.0,
                "timezone" | "time_zone" => found.time_zone = map.next_value::<Name>()?.name,
                "accuracy_radius" | "accuracy" => found.accuracy = map.next_value::<Degrees>()?.0,
                "location" => {
                    let location: Location = map.next_value()?;
                    found.latitude = location.latitude;
                    found.longitude = location.longitude;
                    found.time_zone = location.time_zone;
                    found.accuracy = location.accuracy;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(found)
    }
}

/// A plain string, or MaxMind's map with a code and names by language.
#[derive(Default)]
struct Name<'a> {
    code: &'a str,
    name: &'a str,
}

impl<'a> Name<'a> {
    fn code_or_name(&self) -> &'a str {
        if self.code.is_empty() { self.name } else { self.code }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Name<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NameVisitor)
    }
}

struct NameVisitor;

impl<'de> Visitor<'de> for NameVisitor {
    type Value = Name<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name or a map of names")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Name<'de>, E> {
        Ok(Name { code: "", name: text })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Name<'de>, A::Error> {
        let mut name = Name::default();
        while let Some(key) = map.next_key::<&str>()? {
            match key {
                "iso_code" => name.code = map.next_value()?,
                // A names map is read by this visitor too: its English entry.
                "names" => name.name = map.next_value::<Name>()?.name,
                "en" => name.name = map.next_value()?,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(name)
    }
}

/// The first name of a list: subdivisions go from large to small.
#[derive(Default)]
struct First<'a>(Name<'a>);

impl<'de: 'a, 'a> Deserialize<'de> for First<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FirstVisitor;
        impl<'de> Visitor<'de> for FirstVisitor {
            type Value = First<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of subdivisions")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<First<'de>, A::Error> {
                let first = list.next_element::<Name>()?.unwrap_or_default();
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(First(first))
            }
        }
        deserializer.deserialize_seq(FirstVisitor)
    }
}

#[derive(Default)]
struct Location<'a> {
    latitude: Option<f64>,
    longitude: Option<f64>,
    time_zone: &'a str,
    accuracy: Option<f64>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Location<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct LocationVisitor;
        impl<'de> Visitor<'de> for LocationVisitor {
            type Value = Location<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a location map")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Location<'de>, A::Error> {
                let mut location = Location::default();
                while let Some(key) = map.next_key::<&str>()? {
                    match key {
                        "latitude" => location.latitude = map.next_value::<Degrees>()?.0,
                        "longitude" => location.longitude = map.next_value::<Degrees>()?.0,
                        "time_zone" => location.time_zone = map.next_value()?,
                        "accuracy_radius" => location.accuracy = map.next_value::<Degrees>()?.0,
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(location)
            }
        }
        deserializer.deserialize_map(LocationVisitor)
    }
}

/// Degrees (or kilometres) as a number of any width, or as text.
struct Degrees(Option<f64>);

impl<'de> Deserialize<'de> for Degrees {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct DegreesVisitor;
        impl Visitor<'_> for DegreesVisitor {
            type Value = Degrees;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("degrees")
            }
            fn visit_f64<E>(self, value: f64) -> Result<Degrees, E> {
                Ok(Degrees(Some(value)))
            }
            fn visit_f32<E>(self, value: f32) -> Result<Degrees, E> {
                Ok(Degrees(Some(f64::from(value))))
            }
            fn visit_u64<E>(self, value: u64) -> Result<Degrees, E> {
                Ok(Degrees(Some(value as f64)))
            }
            fn visit_i64<E>(self, value: i64) -> Result<Degrees, E> {
                Ok(Degrees(Some(value as f64)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Degrees, E> {
                Ok(Degrees(text.trim().parse().ok()))
            }
        }
        deserializer.deserialize_any(DegreesVisitor)
    }
}
