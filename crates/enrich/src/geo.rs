//! The geo database: an address to a place, through an MMDB file.

use std::fs::Metadata;
use std::net::IpAddr;
use std::path::Path;

use crate::mmdb::{Hit, Mmdb};
use crate::network::Network;

pub use crate::mmdb::{GeoError, Purpose, Stamp};
pub use crate::place::Place;

/// An open geo database; shared by threads through an `Arc`. How the file is held: [`Geo::open`] maps it, so replace it
/// by renaming a new file over it, never in place; [`Geo::from_bytes`] keeps a copy.
#[derive(Debug)]
pub struct Geo {
    main: Mmdb,
    /// The twin for IPv6, where publishers split a database in two.
    six: Option<Mmdb>,
}

/// Marks record numbers of the twin.
const OF_SIX: usize = 1 << (usize::BITS - 1);

/// A place with the network it is true of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Located<'a> {
    /// The place.
    pub place: Place<'a>,
    /// The network of the database that the address lies in.
    pub network: Network,
}

fn holds_places(mmdb: &Mmdb) -> Result<(), GeoError> {
    if mmdb.reads(|place: &Place<'_>| !place.is_empty())? {
        return Ok(());
    }
    Err(GeoError::NoPlaces { kind: mmdb.kind().to_owned() })
}

impl Geo {
    /// Maps the database at `path`. If it holds IPv4 only and its name says so (`…ipv4…`), its twin `…ipv6…` beside it
    /// answers for IPv6 addresses. Every record is read once: about a second for 100 MB.
    ///
    /// # Errors
    /// Unreadable, damaged anywhere a look-up could come to, or without places.
    pub fn open(path: impl AsRef<Path>) -> Result<Geo, GeoError> {
        let path = path.as_ref();
        let main = Mmdb::open(path, Purpose::Geo, holds_places)?;
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let twin = path.with_file_name(name.replace("ipv4", "ipv6"));
        let has_twin = !main.has_v6() && twin != path && twin.is_file();
        let six = has_twin.then(|| Mmdb::open(&twin, Purpose::Geo, holds_places)).transpose()?;
        Ok(Geo { main, six })
    }

    /// A database held in memory.
    ///
    /// # Errors
    /// Damaged, or without places.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Geo, GeoError> {
        Ok(Geo { main: Mmdb::from_bytes(bytes, Purpose::Geo, holds_places)?, six: None })
    }

    /// The place of `address`; empty when the database doesn't know it.
    ///
    /// # Errors
    /// The record is damaged.
    pub fn lookup(&self, address: IpAddr) -> Result<Place<'_>, GeoError> {
        Ok(self.find(address)?.map_or_else(Place::default, |hit| hit.value))
    }

    /// The place of `address` and the network it is true of; `None` when the database doesn't know it.
    ///
    /// # Errors
    /// The record is damaged.
    pub fn locate(&self, address: IpAddr) -> Result<Option<Located<'_>>, GeoError> {
        Ok(self.find(address)?.map(|hit| Located { place: hit.value, network: hit.network }))
    }

    /// The place of `address` with the number of its record: many networks share one.
    pub(crate) fn find(&self, address: IpAddr) -> Result<Option<Hit<Place<'_>>>, GeoError> {
        match &self.six {
            Some(six) if address.is_ipv6() => {
                Ok(six.find(address)?.map(|hit| Hit { record: hit.record | OF_SIX, ..hit }))
            }
            _ => self.main.find(address),
        }
    }

    /// The type the database says it is, and when it was built (s since the epoch, UTC).
    #[must_use]
    pub fn edition(&self) -> (&str, u64) {
        (self.main.kind(), self.main.built_at())
    }

    /// Type and date in one word for a column: `GeoIP2-City 2024-05-28`.
    #[must_use]
    pub fn edition_name(&self) -> &str {
        self.main.edition()
    }

    /// Whether the file is another one than the one opened. Always false for a database that came as bytes.
    #[must_use]
    pub fn changed_since(&self, metadata: &Metadata) -> bool {
        self.main.changed_since(metadata)
    }

    /// The file, if there is one.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.main.path()
    }

    /// Opens the same file again; `None` for a database that came as bytes. The old one stays usable, so that a
    /// damaged new file changes nothing.
    ///
    /// # Errors
    /// As [`Geo::open`].
    pub fn reload(&self) -> Option<Result<Geo, GeoError>> {
        self.path().map(Geo::open)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn folder(test: &str) -> Option<PathBuf> {
        let data = std::env::var_os("CRUMBTRAIL_DATA");
        if data.is_none() {
            eprintln!("not run: {test}: CRUMBTRAIL_DATA is not set");
        }
        data.map(|data| PathBuf::from(data).join("geo"))
    }

    /// First address of a network in CIDR notation.
    fn first(network: &str) -> IpAddr {
        network.split('/').next().unwrap().parse().unwrap()
    }

    #[test]
    fn every_row_of_the_published_table_is_found() {
        let Some(folder) = folder("every_row_of_the_published_table_is_found") else { return };
        let geo = Geo::open(folder.join("GeoIP2-City-Test.mmdb")).unwrap();
        let table = std::fs::read(folder.join("GeoIP2-City-Test.json")).unwrap();
        let table: Vec<serde_json::Map<String, serde_json::Value>> = serde_json::from_slice(&table).unwrap();
        let rows: Vec<_> = table.iter().flatten().collect();
        // A wider row that begins as a narrower one does is judged by its last address.
        let mut compared = 0;
        for (number, (network, record)) in rows.iter().enumerate() {
            let mut address = first(network);
            if rows[number + 1..].iter().any(|(later, _)| first(later) == address) {
                address = network.parse::<Network>().unwrap().address_at(u128::MAX);
            }
            let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
            let degrees = |name: &str| record["location"][name].as_f64().map(|v| v as f32);
            let place = geo.lookup(address).unwrap();
            assert_eq!(place.country, text(&record["country"]["iso_code"]), "{network}");
            assert_eq!(place.region, text(&record["subdivisions"][0]["names"]["en"]), "{network}");
            assert_eq!(place.city, text(&record["city"]["names"]["en"]), "{network}");
            assert_eq!(place.time_zone, text(&record["location"]["time_zone"]), "{network}");
            assert_eq!((place.latitude, place.longitude), (degrees("latitude"), degrees("longitude")), "{network}");
            let accuracy = record["location"]["accuracy_radius"].as_u64().map(|km| km as u16);
            assert_eq!(place.accuracy_km, accuracy, "{network}");
            assert_eq!(geo.locate(address).unwrap().unwrap().network.address_at(0), first(network), "{network}");
            compared += 1;
        }
        assert_eq!((compared, compared > 200), (rows.len(), true));
    }

    #[test]
    fn damaged_databases_are_refused() {
        let Some(folder) = folder("damaged_databases_are_refused") else { return };
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|extension| extension != "mmdb") {
                continue;
            }
            let sound = path.ends_with("GeoIP2-City-Test.mmdb");
            match Geo::open(&path) {
                Err(error) => {
                    assert!(!sound, "{error}");
                    eprintln!("{}: {} ({error})", path.display(), error.kind());
                }
                Ok(_) => assert!(sound, "{} was opened", path.display()),
            }
        }
    }

    #[test]
    fn a_database_cut_anywhere_never_panics() {
        let Some(folder) = folder("a_database_cut_anywhere_never_panics") else { return };
        let whole = std::fs::read(folder.join("GeoIP2-City-Test.mmdb")).unwrap();
        for end in (0..whole.len()).step_by(97) {
            if let Ok(geo) = Geo::from_bytes(whole[..end].to_vec()) {
                let _ = geo.lookup(IpAddr::from([81, 2, 69, 142]));
            }
        }
        for at in (0..whole.len()).step_by(31) {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x5A;
            // What was let in can be read wherever a look-up comes to.
            if let Ok(geo) = Geo::from_bytes(bytes) {
                geo.lookup(IpAddr::from([81, 2, 69, 142])).unwrap();
                geo.lookup(IpAddr::from([0x2001, 0x218, 0, 0, 0, 0, 0, 1])).unwrap();
            }
        }
    }

    #[test]
    fn a_missing_file_a_folder_and_an_empty_file_say_what_is_wrong() {
        let folder = std::env::temp_dir().join(format!("crumbtrail-geo-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let empty = folder.join("empty.mmdb");
        std::fs::write(&empty, b"").unwrap();
        for path in [folder.join("missing.mmdb"), folder.clone(), empty] {
            let error = Geo::open(&path).unwrap_err();
            assert_eq!(error.kind(), "geo_unreadable");
            assert!(error.to_string().contains("cannot be read"), "{error}");
        }
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_damaged_successor_is_refused_and_the_old_database_stays() {
        let Some(data) = folder("a_damaged_successor_is_refused_and_the_old_database_stays") else { return };
        let folder = std::env::temp_dir().join(format!("crumbtrail-geo-reload-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("city.mmdb");
        let replace = |name: &str| {
            let new = folder.join("new");
            std::fs::copy(data.join(name), &new).unwrap();
            std::fs::rename(new, &path).unwrap();
        };
        replace("GeoIP2-City-Test.mmdb");
        let geo = Geo::open(&path).unwrap();
        let london = "81.2.69.142".parse().unwrap();
        assert!(!geo.changed_since(&std::fs::metadata(&path).unwrap()));
        for (name, kind) in [
            ("MaxMind-DB-test-broken-search-tree-24.mmdb", "geo_damaged"),
            ("MaxMind-DB-test-broken-pointers-24.mmdb", "geo_damaged"),
            ("GeoIP2-City-Test-Broken-Double-Format.mmdb", "geo_damaged"),
            ("GeoIP2-City-Test-Invalid-Node-Count.mmdb", "geo_damaged"),
            ("GeoLite2-ASN-Test.mmdb", "geo_no_places"),
        ] {
            replace(name);
            assert!(geo.changed_since(&std::fs::metadata(&path).unwrap()), "{name}");
            let error = geo.reload().unwrap().unwrap_err();
            assert_eq!(error.kind(), kind, "{name}: {error}");
            assert_eq!(geo.lookup(london).unwrap().city, "London");
        }
        replace("GeoIP2-City-Test.mmdb");
        assert_eq!(geo.reload().unwrap().unwrap().lookup(london).unwrap().city, "London");
        assert!(geo.edition_name().starts_with("GeoIP2-City 20"), "{}", geo.edition_name());
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_database_split_in_two_answers_for_both_kinds_of_address() {
        use crate::mmdb_writer::{Layout, write_mmdb};
        let folder = std::env::temp_dir().join(format!("crumbtrail-geo-twins-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let write = |name: &str, network: &str, city| {
            let rows = [(network.parse().unwrap(), Place { city, ..Place::default() })];
            let mut bytes = write_mmdb(&rows, Layout::Flat, 0).unwrap();
            // The writer makes IPv6 trees; the first file of a pair says it is of version 4.
            let version = b"ip_version\xA1\x06";
            let at = memchr::memmem::find(&bytes, version).unwrap() + version.len() - 1;
            if name.contains("ipv4") {
                bytes[at] = 4;
            }
            std::fs::write(folder.join(name), bytes).unwrap();
        };
        // As an IPv4 tree 20.0.0.0/8 stands where ::/96 begins in an IPv6 one: its rows are written as 1400::/8.
        write("city-ipv4.mmdb", "1400::/8", "Four");
        write("city-ipv6.mmdb", "2001:db8::/32", "Six");
        let geo = Geo::open(folder.join("city-ipv4.mmdb")).unwrap();
        assert_eq!(geo.lookup("20.1.2.3".parse().unwrap()).unwrap().city, "Four");
        assert_eq!(geo.lookup("2001:db8::1".parse().unwrap()).unwrap().city, "Six");
        std::fs::remove_file(folder.join("city-ipv6.mmdb")).unwrap();
        let geo = geo.reload().unwrap().unwrap();
        assert!(geo.lookup("2001:db8::1".parse().unwrap()).unwrap().is_empty());
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
