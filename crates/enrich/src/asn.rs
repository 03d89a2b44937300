//! Who runs the network an address lies in: its autonomous system, and which of those are data centres.
//!
//! Read from an ASN database in MMDB format: MaxMind's (`autonomous_system_number`, `autonomous_system_organization`)
//! or a flat one (`asn: "AS15169"`, `as_name`).

use std::fmt;
use std::fs::Metadata;
use std::net::IpAddr;
use std::path::Path;
use std::sync::OnceLock;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};

use crate::mmdb::{GeoError, Mmdb, Purpose};
use crate::network::Network;
use crate::text::lines;

/// An autonomous system. Unknown is 0 and empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct System<'a> {
    /// Its number.
    pub number: u32,
    /// Who runs it.
    pub organisation: &'a str,
}

/// An open ASN database; shared by threads through an `Arc`. The file is mapped as [`crate::Geo`]'s is.
#[derive(Debug)]
pub struct Systems(Mmdb);

fn holds_systems(mmdb: &Mmdb) -> Result<(), GeoError> {
    if mmdb.reads(|system: &System<'_>| system.number > 0)? {
        return Ok(());
    }
    Err(GeoError::NoSystems { kind: mmdb.kind().to_owned() })
}

impl Systems {
    /// Maps the database at `path`. Every record is read once.
    ///
    /// # Errors
    /// Unreadable, damaged, or without autonomous systems.
    pub fn open(path: impl AsRef<Path>) -> Result<Systems, GeoError> {
        Ok(Systems(Mmdb::open(path.as_ref(), Purpose::Asn, holds_systems)?))
    }

    /// A database held in memory.
    ///
    /// # Errors
    /// Damaged, or without autonomous systems.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Systems, GeoError> {
        Ok(Systems(Mmdb::from_bytes(bytes, Purpose::Asn, holds_systems)?))
    }

    /// The system of `address` and the network it announces; `None` when the database doesn't know it.
    ///
    /// # Errors
    /// The record is damaged.
    pub fn find(&self, address: IpAddr) -> Result<Option<(System<'_>, Network)>, GeoError> {
        Ok(self.0.find::<System<'_>>(address)?.map(|hit| (hit.value, hit.network)))
    }

    /// Type and date in one word for a column.
    #[must_use]
    pub fn edition_name(&self) -> &str {
        self.0.edition()
    }

    /// Whether the file is another one than the one opened.
    #[must_use]
    pub fn changed_since(&self, metadata: &Metadata) -> bool {
        self.0.changed_since(metadata)
    }

    /// The file, if there is one.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.0.path()
    }

    /// Opens the same file again; `None` for a database that came as bytes.
    ///
    /// # Errors
    /// As [`Systems::open`].
    pub fn reload(&self) -> Option<Result<Systems, GeoError>> {
        self.0.path().map(Systems::open)
    }
}

/// Whether a system is a data centre's by the shipped list: robots live there. Networks through which people surf
/// (relays, private networks) are not on it.
#[must_use]
pub fn is_data_centre(system: u32) -> bool {
    static NUMBERS: OnceLock<Vec<u32>> = OnceLock::new();
    let numbers = NUMBERS.get_or_init(|| {
        let mut numbers: Vec<u32> = lines(include_str!("../data/data-centres.txt"))
            .filter_map(|line| line.split(' ').next()?.parse().ok())
            .collect();
        numbers.sort_unstable();
        numbers
    });
    numbers.binary_search(&system).is_ok()
}

impl<'de: 'a, 'a> Deserialize<'de> for System<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SystemVisitor;
        impl<'de> Visitor<'de> for SystemVisitor {
            type Value = System<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an autonomous system's record")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<System<'de>, A::Error> {
                let mut system = System::default();
                while let Some(key) = map.next_key::<&str>()? {
                    match key {
                        "autonomous_system_number" | "asn" | "as_number" => {
                            system.number = map.next_value::<Number>()?.0;
                        }
                        "autonomous_system_organization" | "as_name" | "as_organization" | "name" => {
                            system.organisation = map.next_value()?;
                        }
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(system)
            }
        }
        deserializer.deserialize_map(SystemVisitor)
    }
}

/// A number of any width, or a text such as `AS15169`.
struct Number(u32);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NumberVisitor;
        impl Visitor<'_> for NumberVisitor {
            type Value = Number;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the number of an autonomous system")
            }
            fn visit_u64<E>(self, value: u64) -> Result<Number, E> {
                Ok(Number(u32::try_from(value).unwrap_or_default()))
            }
            fn visit_str<E>(self, text: &str) -> Result<Number, E> {
                let digits = text.trim().trim_start_matches(['A', 'S', 'a', 's']);
                Ok(Number(digits.parse().unwrap_or_default()))
            }
        }
        deserializer.deserialize_any(NumberVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_layouts_are_read() {
        let nested = r#"{"autonomous_system_number": 15169, "autonomous_system_organization": "GOOGLE"}"#;
        let flat = r#"{"asn": "AS15169", "as_domain": "google.com", "as_name": "GOOGLE"}"#;
        for record in [nested, flat] {
            let system: System<'_> = serde_json::from_str(record).unwrap();
            assert_eq!(system, System { number: 15_169, organisation: "GOOGLE" });
        }
        assert_eq!(serde_json::from_str::<System<'_>>(r#"{"asn": "none", "x": [1]}"#).unwrap(), System::default());
    }

    #[test]
    fn the_published_test_database_is_read() {
        let Some(data) = std::env::var_os("CRUMBTRAIL_DATA") else {
            eprintln!("not run: the_published_test_database_is_read: CRUMBTRAIL_DATA is not set");
            return;
        };
        let folder = Path::new(&data).join("geo");
        let systems = Systems::open(folder.join("GeoLite2-ASN-Test.mmdb")).unwrap();
        let find = |text: &str| systems.find(text.parse().unwrap()).unwrap();
        let (system, network) = find("1.128.0.1").unwrap();
        assert_eq!(system, System { number: 1221, organisation: "Telstra Pty Ltd" });
        assert_eq!(network.to_string(), "1.128.0.0/11");
        assert_eq!(find("10.0.0.1"), None);
        assert!(systems.edition_name().starts_with("GeoLite2-ASN 20"), "{}", systems.edition_name());
        let error = Systems::open(folder.join("GeoIP2-City-Test.mmdb")).unwrap_err();
        assert_eq!(error.kind(), "geo_no_systems");
    }

    #[test]
    fn a_damaged_database_is_called_what_it_was_to_be() {
        let error = Systems::from_bytes(b"no database".to_vec()).unwrap_err();
        assert_eq!(error.kind(), "asn_damaged");
        assert!(error.to_string().starts_with("ASN database is damaged"), "{error}");
        let error = Systems::open("/nowhere/asn.mmdb").unwrap_err();
        assert_eq!(error.kind(), "asn_unreadable");
        assert!(error.to_string().starts_with("ASN database \"/nowhere/asn.mmdb\""), "{error}");
    }

    #[test]
    fn data_centres_are_told_from_providers_of_people() {
        for number in [16_509, 14_061, 24_940, 16_276, 8_075] {
            assert!(is_data_centre(number), "AS{number}");
        }
        // Telstra, TRUE, Telkom; relays: Cloudflare, Akamai.
        for number in [0, 1_221, 7_470, 7_713, 13_335, 20_940] {
            assert!(!is_data_centre(number), "AS{number}");
        }
    }
}
