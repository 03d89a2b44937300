//! The geo database: an address to a place, through an MMDB file.
//!
//! The file is memory-mapped: threads and restarts share its pages, and a database of 100 MB costs the memory of the
//! pages that visitors' addresses touch. Replace it as its publishers' tools do, by renaming a new file over it. A file
//! overwritten in place may kill the process when it gets shorter; [`Geo::from_bytes`] keeps a copy instead.

use std::fs::{File, Metadata};
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use maxminddb::{MaxMindDbError, Reader, WithinOptions};
use memmap2::Mmap;

pub use crate::place::Place;

/// Networks looked at when a database is opened, to find out whether it holds places at all.
const SAMPLE: usize = 512;

/// Why a geo database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum GeoError {
    /// The file cannot be opened or read.
    #[error("geo database {path:?} cannot be read: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not an MMDB, or a damaged one.
    #[error("geo database is damaged or not in MMDB format: {0}; fetch it again")]
    Damaged(#[from] MaxMindDbError),
    /// A sound MMDB without places (an ASN database, say).
    #[error("geo database of type {kind:?} has no countries or cities in it; a city database is needed")]
    NoPlaces {
        /// The type it says it is.
        kind: String,
    },
}

impl GeoError {
    /// Stable name, for metrics and checks.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            GeoError::Unreadable { .. } => "geo_unreadable",
            GeoError::Damaged(_) => "geo_damaged",
            GeoError::NoPlaces { .. } => "geo_no_places",
        }
    }
}

/// What tells one state of a file from another: modification time, length, inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    modified: Option<SystemTime>,
    len: u64,
    inode: u64,
}

impl From<&Metadata> for Stamp {
    fn from(metadata: &Metadata) -> Stamp {
        Stamp { modified: metadata.modified().ok(), len: metadata.len(), inode: metadata.ino() }
    }
}

/// An open geo database; shared by threads through an `Arc`.
#[derive(Debug)]
pub struct Geo {
    reader: Reader<Bytes>,
    /// File and state it had when it was opened; `None` for one that came as bytes.
    origin: Option<(PathBuf, Stamp)>,
}

#[derive(Debug)]
enum Bytes {
    Mapped(Mmap),
    Owned(Vec<u8>),
}

impl AsRef<[u8]> for Bytes {
    #[inline]
    fn as_ref(&self) -> &[u8] {
        match self {
            Bytes::Mapped(map) => map,
            Bytes::Owned(bytes) => bytes,
        }
    }
}

impl Geo {
    /// Maps the database at `path`.
    ///
    /// # Errors
    /// Unreadable, damaged, or without places. Damage deep inside may show only at a look-up (see [`Geo::verify`]).
    pub fn open(path: impl AsRef<Path>) -> Result<Geo, GeoError> {
        let path = path.as_ref();
        let unreadable = |source| GeoError::Unreadable { path: path.to_path_buf(), source };
        let file = File::open(path).map_err(unreadable)?;
        let metadata = file.metadata().map_err(unreadable)?;
        if !metadata.is_file() {
            return Err(unreadable(std::io::Error::other("not a regular file")));
        }
        if metadata.len() == 0 {
            return Err(unreadable(std::io::Error::other("the file is empty")));
        }
        let map = map_file(&file).map_err(unreadable)?;
        Geo::from_source(Bytes::Mapped(map), Some((path.to_path_buf(), Stamp::from(&metadata))))
    }

    /// A database held in memory.
    ///
    /// # Errors
    /// Damaged, or without places.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Geo, GeoError> {
        Geo::from_source(Bytes::Owned(bytes), None)
    }

    fn from_source(bytes: Bytes, origin: Option<(PathBuf, Stamp)>) -> Result<Geo, GeoError> {
        let geo = Geo { reader: Reader::from_source(bytes)?, origin };
        geo.has_places()?;
        Ok(geo)
    }

    /// Refuses a database whose first networks can't be read or hold no place.
    fn has_places(&self) -> Result<(), GeoError> {
        for network in self.reader.networks(WithinOptions::default())?.take(SAMPLE) {
            if network?.decode::<Place>()?.is_some_and(|place| !place.is_empty()) {
                return Ok(());
            }
        }
        Err(GeoError::NoPlaces { kind: self.reader.metadata().database_type.clone() })
    }

    /// The place of `address`; empty when the database doesn't know it.
    ///
    /// # Errors
    /// The record is damaged.
    pub fn lookup(&self, address: IpAddr) -> Result<Place<'_>, GeoError> {
        Ok(self.find(address)?.map_or_else(Place::default, |(_, place)| place))
    }

    /// The place of `address` with the number of its record: many networks share one.
    pub(crate) fn find(&self, address: IpAddr) -> Result<Option<(usize, Place<'_>)>, GeoError> {
        if address.is_ipv6() && self.reader.metadata().ip_version == 4 {
            return Ok(None);
        }
        let found = self.reader.lookup(address)?;
        let Some(record) = found.offset() else { return Ok(None) };
        Ok(found.decode::<Place>()?.map(|place| (record, place)))
    }

    /// Reads the whole database. Takes seconds for a large one: meant for `crumbtrail check`.
    ///
    /// # Errors
    /// Damaged.
    pub fn verify(&self) -> Result<(), GeoError> {
        Ok(self.reader.verify()?)
    }

    /// The type the database says it is, and when it was built (s since the epoch, UTC).
    #[must_use]
    pub fn edition(&self) -> (&str, u64) {
        let metadata = self.reader.metadata();
        (&metadata.database_type, metadata.build_epoch)
    }

    /// Whether the file is another one than the one opened. Always false for a database that came as bytes.
    #[must_use]
    pub fn changed_since(&self, metadata: &Metadata) -> bool {
        self.origin.as_ref().is_some_and(|(_, stamp)| *stamp != Stamp::from(metadata))
    }

    /// The file, if there is one.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.origin.as_ref().map(|(path, _)| path.as_path())
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

#[expect(
    unsafe_code,
    reason = "memory-mapping is unsafe by nature: another process could write to the file. \
    Publishers replace databases by renaming; every byte read is checked by the MMDB decoder, text for UTF-8"
)]
fn map_file(file: &File) -> std::io::Result<Mmap> {
    // SAFETY: the map is read-only; the module's documentation demands replacement by renaming, never in place.
    unsafe { Mmap::map(file) }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        geo.verify().unwrap();
        let table = std::fs::read(folder.join("GeoIP2-City-Test.json")).unwrap();
        let table: Vec<serde_json::Map<String, serde_json::Value>> = serde_json::from_slice(&table).unwrap();
        let rows: Vec<_> = table.iter().flatten().collect();
        // A wider row that begins as a narrower one does is judged by its last address.
        let mut compared = 0;
        for (number, (network, record)) in rows.iter().enumerate() {
            let mut address = first(network);
            if rows[number + 1..].iter().any(|(later, _)| first(later) == address) {
                address = network.parse::<crate::mmdb_writer::Network>().unwrap().address_at(u128::MAX);
            }
            let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
            let degrees = |name: &str| record["location"][name].as_f64().map(|v| v as f32);
            let place = geo.lookup(address).unwrap();
            assert_eq!(place.country, text(&record["country"]["iso_code"]), "{network}");
            assert_eq!(place.region, text(&record["subdivisions"][0]["names"]["en"]), "{network}");
            assert_eq!(place.city, text(&record["city"]["names"]["en"]), "{network}");
            assert_eq!(place.time_zone, text(&record["location"]["time_zone"]), "{network}");
            assert_eq!((place.latitude, place.longitude), (degrees("latitude"), degrees("longitude")), "{network}");
            compared += 1;
        }
        assert_eq!((compared, compared > 200), (rows.len(), true));
    }

    #[test]
    fn damaged_databases_are_refused_or_survived() {
        let Some(folder) = folder("damaged_databases_are_refused_or_survived") else { return };
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
                Ok(geo) => {
                    let checked = geo.verify();
                    let mut failed = 0;
                    for a in 0..=255u8 {
                        for b in (0..=255u8).step_by(3) {
                            failed += u32::from(geo.lookup(IpAddr::from([a, b, 1, 1])).is_err());
                            failed += u32::from(
                                geo.lookup(IpAddr::from([0x2001 + u16::from(a), u16::from(b), 0, 0, 0, 0, 0, 1]))
                                    .is_err(),
                            );
                        }
                    }
                    assert_eq!(sound, checked.is_ok() && failed == 0, "{}", path.display());
                    eprintln!("{}: opened, check {checked:?}, {failed} look-ups failed", path.display());
                }
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
            if let Ok(geo) = Geo::from_bytes(bytes) {
                let _ = geo.lookup(IpAddr::from([81, 2, 69, 142]));
                let _ = geo.lookup(IpAddr::from([0x2001, 0x218, 0, 0, 0, 0, 0, 1]));
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
}
