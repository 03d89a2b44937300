//! Writes small databases of places and systems: for the demo world, whose places are known, and for tests.
//!
//! The format is MaxMind DB 2.0: a binary tree over address bits, a data section, metadata. IPv4 networks lie at
//! `::/96` of one IPv6 tree. Deterministic: the same rows give the same bytes.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::asn::System;
pub use crate::network::Network;
use crate::network::NotANetwork;
use crate::place::Place;

/// How records are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// As MaxMind's city databases: `country.iso_code`, `city.names.en`, `location.latitude`.
    Nested,
    /// As the free databases: `country_code`, `state1`, `city`, `latitude`, `timezone`.
    Flat,
}

/// Why rows cannot become a database.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// Not a network.
    #[error(transparent)]
    Network(#[from] NotANetwork),
    /// More nodes and data than records of 32 bits address.
    #[error("too many rows for one database")]
    TooLarge,
}

impl WriteError {
    /// Stable name.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            WriteError::Network(_) => "geo_network",
            WriteError::TooLarge => "geo_too_large",
        }
    }
}

/// The bits of a network in the IPv6 tree and how many count.
fn bits(network: Network) -> (u128, u8) {
    match network.address {
        IpAddr::V4(v4) => (u128::from(v4.to_bits()), 96 + network.prefix.min(32)),
        IpAddr::V6(v6) => (v6.to_bits(), network.prefix.min(128)),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Slot {
    Empty,
    Node(u32),
    Data(u32),
}

/// The database of `rows` as bytes. Where networks overlap the narrower wins; of equal ones the later row.
///
/// `built_at`: seconds since the epoch, written to the metadata.
///
/// # Errors
/// Too many rows.
pub fn write_mmdb(rows: &[(Network, Place<'_>)], layout: Layout, built_at: u64) -> Result<Vec<u8>, WriteError> {
    let kind = if layout == Layout::Nested { "Crumbtrail-City" } else { "Crumbtrail-City-Flat" };
    write(rows, kind, built_at, |record, place| put_place(record, place, layout))
}

/// A database of autonomous systems, as [`write_mmdb`] writes one of places.
///
/// # Errors
/// Too many rows.
pub fn write_systems(rows: &[(Network, System<'_>)], built_at: u64) -> Result<Vec<u8>, WriteError> {
    write(rows, "Crumbtrail-ASN", built_at, |record, system| {
        let mut map = Map::begin(record);
        put_number(map.key(record, "autonomous_system_number"), UINT32, u64::from(system.number));
        map.text(record, "autonomous_system_organization", system.organisation);
    })
}

fn write<T>(
    rows: &[(Network, T)],
    kind: &str,
    built_at: u64,
    put: impl Fn(&mut Vec<u8>, &T),
) -> Result<Vec<u8>, WriteError> {
    let mut data = Vec::new();
    let mut known: BTreeMap<Vec<u8>, u32> = BTreeMap::new();
    let mut order: Vec<usize> = (0..rows.len()).collect();
    // Wider first, so that narrower ones cut into them.
    order.sort_by_key(|row| bits(rows[*row].0).1);
    let mut nodes: Vec<[Slot; 2]> = vec![[Slot::Empty; 2]];
    for row in order {
        let (network, value) = &rows[row];
        let mut record = Vec::new();
        put(&mut record, value);
        let offset = u32::try_from(data.len()).map_err(|_| WriteError::TooLarge)?;
        let offset = *known.entry(record).or_insert_with_key(|record| {
            data.extend_from_slice(record);
            offset
        });
        insert(&mut nodes, bits(*network), offset)?;
    }
    let count = u32::try_from(nodes.len()).map_err(|_| WriteError::TooLarge)?;
    let mut out = Vec::with_capacity(nodes.len() * 8 + data.len() + 512);
    for slot in nodes.iter().flatten() {
        let value = match slot {
            Slot::Empty => count,
            Slot::Node(node) => *node,
            // The 16 zero bytes between tree and data count as data.
            Slot::Data(offset) => {
                count.checked_add(16).and_then(|v| v.checked_add(*offset)).ok_or(WriteError::TooLarge)?
            }
        };
        out.extend_from_slice(&value.to_be_bytes());
    }
    out.extend_from_slice(&[0; 16]);
    out.extend_from_slice(&data);
    put_metadata(&mut out, count, kind, built_at);
    Ok(out)
}

fn insert(nodes: &mut Vec<[Slot; 2]>, (bits, prefix): (u128, u8), offset: u32) -> Result<(), WriteError> {
    if prefix == 0 {
        nodes[0] = [Slot::Data(offset); 2];
        return Ok(());
    }
    let mut node = 0usize;
    for depth in 0..prefix {
        let side = (bits >> (127 - depth) & 1) as usize;
        if depth + 1 == prefix {
            nodes[node][side] = Slot::Data(offset);
            return Ok(());
        }
        node = match nodes[node][side] {
            Slot::Node(next) => next as usize,
            // What was known of the wider network stays true for both halves.
            known => {
                let next = u32::try_from(nodes.len()).map_err(|_| WriteError::TooLarge)?;
                nodes.push([known; 2]);
                nodes[node][side] = Slot::Node(next);
                next as usize
            }
        };
    }
    Ok(())
}

// Type numbers of the format.
const STRING: u8 = 2;
const DOUBLE: u8 = 3;
const UINT16: u8 = 5;
const UINT32: u8 = 6;
const MAP: u8 = 7;
const UINT64: u8 = 9;
const ARRAY: u8 = 11;

/// The control byte(s) of a value of `size` bytes, entries or elements.
fn put_control(out: &mut Vec<u8>, kind: u8, size: usize) {
    let small = match size {
        0..29 => size,
        29..285 => 29,
        285..65_821 => 30,
        _ => 31,
    };
    // Types above 7 are "extended": type 0 and a second byte.
    out.push(if kind <= 7 { kind << 5 } else { 0 } | small as u8);
    if kind > 7 {
        out.push(kind - 7);
    }
    match small {
        29 => out.push((size - 29) as u8),
        30 => out.extend_from_slice(&((size - 285) as u16).to_be_bytes()),
        31 => out.extend_from_slice(&((size - 65_821) as u32).to_be_bytes()[1..]),
        _ => {}
    }
}

fn put_str(out: &mut Vec<u8>, text: &str) {
    put_control(out, STRING, text.len());
    out.extend_from_slice(text.as_bytes());
}

fn put_number(out: &mut Vec<u8>, kind: u8, value: u64) {
    let bytes = value.to_be_bytes();
    let skip = bytes.iter().take_while(|b| **b == 0).count();
    put_control(out, kind, 8 - skip);
    out.extend_from_slice(&bytes[skip..]);
}

fn put_double(out: &mut Vec<u8>, value: f32) {
    put_control(out, DOUBLE, 8);
    out.extend_from_slice(&f64::from(value).to_be_bytes());
}

/// A map written entry by entry; its size is known only at the end and stays below 29.
struct Map {
    at: usize,
    entries: u8,
}

impl Map {
    fn begin(out: &mut Vec<u8>) -> Map {
        out.push(MAP << 5);
        Map { at: out.len() - 1, entries: 0 }
    }

    fn key<'a>(&mut self, out: &'a mut Vec<u8>, key: &str) -> &'a mut Vec<u8> {
        self.entries += 1;
        out[self.at] = MAP << 5 | self.entries;
        put_str(out, key);
        out
    }

    fn text(&mut self, out: &mut Vec<u8>, key: &str, value: &str) {
        if !value.is_empty() {
            put_str(self.key(out, key), value);
        }
    }

    fn kilometres(&mut self, out: &mut Vec<u8>, key: &str, value: Option<u16>) {
        if let Some(value) = value {
            put_number(self.key(out, key), UINT16, u64::from(value));
        }
    }

    fn degrees(&mut self, out: &mut Vec<u8>, key: &str, value: Option<f32>) {
        if let Some(value) = value {
            put_double(self.key(out, key), value);
        }
    }
}

fn put_place(out: &mut Vec<u8>, place: &Place<'_>, layout: Layout) {
    let mut map = Map::begin(out);
    match layout {
        Layout::Flat => {
            map.text(out, "country_code", place.country);
            map.text(out, "state1", place.region);
            map.text(out, "city", place.city);
            map.degrees(out, "latitude", place.latitude);
            map.degrees(out, "longitude", place.longitude);
            map.text(out, "timezone", place.time_zone);
            map.kilometres(out, "accuracy_radius", place.accuracy_km);
        }
        Layout::Nested => {
            if !place.country.is_empty() {
                let mut country = Map::begin(map.key(out, "country"));
                country.text(out, "iso_code", place.country);
            }
            if !place.region.is_empty() {
                put_control(map.key(out, "subdivisions"), ARRAY, 1);
                put_names(out, place.region);
            }
            if !place.city.is_empty() {
                put_names(map.key(out, "city"), place.city);
            }
            if place.latitude.is_some() || place.longitude.is_some() || !place.time_zone.is_empty() {
                let mut location = Map::begin(map.key(out, "location"));
                location.degrees(out, "latitude", place.latitude);
                location.degrees(out, "longitude", place.longitude);
                location.text(out, "time_zone", place.time_zone);
                location.kilometres(out, "accuracy_radius", place.accuracy_km);
            }
        }
    }
}

fn put_names(out: &mut Vec<u8>, name: &str) {
    let mut entity = Map::begin(out);
    let mut names = Map::begin(entity.key(out, "names"));
    names.text(out, "en", name);
}

fn put_metadata(out: &mut Vec<u8>, nodes: u32, kind: &str, built_at: u64) {
    out.extend_from_slice(b"\xAB\xCD\xEFMaxMind.com");
    let mut map = Map::begin(out);
    put_number(map.key(out, "binary_format_major_version"), UINT16, 2);
    put_number(map.key(out, "binary_format_minor_version"), UINT16, 0);
    put_number(map.key(out, "build_epoch"), UINT64, built_at);
    map.text(out, "database_type", kind);
    let mut description = Map::begin(map.key(out, "description"));
    description.text(out, "en", "a made-up world");
    put_number(map.key(out, "ip_version"), UINT16, 6);
    put_control(map.key(out, "languages"), ARRAY, 1);
    put_str(out, "en");
    put_number(map.key(out, "node_count"), UINT32, u64::from(nodes));
    put_number(map.key(out, "record_size"), UINT16, 32);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geo::Geo;

    const BANGKOK: Place<'static> = Place {
        country: "TH",
        region: "Bangkok",
        city: "Bangkok",
        latitude: Some(13.75),
        longitude: Some(100.5),
        time_zone: "Asia/Bangkok",
        accuracy_km: Some(20),
    };
    const JAKARTA: Place<'static> = Place {
        country: "ID",
        region: "Jakarta",
        city: "Jakarta",
        latitude: Some(-6.2),
        longitude: Some(106.8),
        time_zone: "Asia/Jakarta",
        accuracy_km: None,
    };
    const SOMEWHERE: Place<'static> = Place {
        country: "TH",
        region: "",
        city: "",
        latitude: None,
        longitude: None,
        time_zone: "",
        accuracy_km: None,
    };

    #[test]
    fn both_layouts_are_read_back() {
        let rows = [
            ("203.0.113.0/25".parse().unwrap(), BANGKOK),
            ("203.0.113.128/25".parse().unwrap(), JAKARTA),
            ("203.0.112.0/20".parse().unwrap(), SOMEWHERE),
            ("2001:db8:66::/48".parse().unwrap(), BANGKOK),
            ("2001:db8:62::1/128".parse().unwrap(), JAKARTA),
        ];
        for layout in [Layout::Nested, Layout::Flat] {
            let bytes = write_mmdb(&rows, layout, 1_700_000_000).unwrap();
            assert_eq!(bytes, write_mmdb(&rows, layout, 1_700_000_000).unwrap());
            let geo = Geo::from_bytes(bytes).unwrap();
            for (address, place) in [
                ("203.0.113.7", BANGKOK),
                ("203.0.113.127", BANGKOK),
                ("203.0.113.128", JAKARTA),
                ("203.0.112.9", SOMEWHERE),
                ("203.0.127.255", SOMEWHERE),
                ("203.0.128.0", Place::default()),
                ("8.8.8.8", Place::default()),
                ("2001:db8:66::9", BANGKOK),
                ("2001:db8:62::1", JAKARTA),
                ("2001:db8:62::2", Place::default()),
            ] {
                assert_eq!(geo.lookup(address.parse().unwrap()).unwrap(), place, "{layout:?} {address}");
            }
            assert_eq!(geo.edition().1, 1_700_000_000);
        }
    }

    #[test]
    fn long_names_and_many_places_are_read_back() {
        let long = "x".repeat(300);
        let place = Place { city: &long, ..BANGKOK };
        let names: Vec<String> = (0..500).map(|n| format!("city {n}")).collect();
        let mut rows = vec![("198.51.100.0/24".parse().unwrap(), place)];
        for (n, name) in names.iter().enumerate() {
            let network = Network { address: IpAddr::from([20, (n / 256) as u8, (n % 256) as u8, 0]), prefix: 24 };
            rows.push((network, Place { city: name, ..JAKARTA }));
        }
        let geo = Geo::from_bytes(write_mmdb(&rows, Layout::Flat, 0).unwrap()).unwrap();
        assert_eq!(geo.lookup(IpAddr::from([198, 51, 100, 1])).unwrap().city, long);
        assert_eq!(geo.lookup(IpAddr::from([20, 1, 7, 99])).unwrap().city, "city 263");
    }
}
