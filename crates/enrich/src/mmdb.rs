//! An MMDB file as it is opened, told apart from its successor, and opened again; what its records mean is the
//! business of [`crate::geo`] and [`crate::asn`].
//!
//! The file is memory-mapped: threads and restarts share its pages, and a database of 100 MB costs the memory of the
//! pages that visitors' addresses touch. Replace it as its publishers' tools do, by renaming a new file over it. A file
//! overwritten in place may kill the process when it gets shorter; bytes held in memory cannot.

use std::fmt::{self, Write as _};
use std::fs::{File, Metadata};
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use hashbrown::HashSet;
use maxminddb::{LookupResult, MaxMindDbError, Reader, WithinOptions};
use memmap2::Mmap;
use serde::Deserialize;

use crate::network::Network;

/// What a database is read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Places of addresses.
    Geo,
    /// Owners of networks.
    Asn,
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Purpose::Geo => "geo database",
            Purpose::Asn => "ASN database",
        })
    }
}

/// Why a database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum GeoError {
    /// The file cannot be opened or read.
    #[error("{purpose} {path:?} cannot be read: {source}")]
    Unreadable {
        /// What it was to be read for.
        purpose: Purpose,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not an MMDB, or a damaged one.
    #[error("{purpose} is damaged or not in MMDB format: {source}; fetch it again")]
    Damaged {
        /// What it was to be read for.
        purpose: Purpose,
        /// What the decoder said.
        source: MaxMindDbError,
    },
    /// A sound MMDB without places (an ASN database, say).
    #[error("geo database of type {kind:?} has no countries or cities in it; a city database is needed")]
    NoPlaces {
        /// The type it says it is.
        kind: String,
    },
    /// A sound MMDB without networks' owners (a city database, say).
    #[error("database of type {kind:?} has no autonomous systems in it; an ASN database is needed")]
    NoSystems {
        /// The type it says it is.
        kind: String,
    },
}

impl GeoError {
    /// Stable name, for metrics and checks.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            GeoError::Unreadable { purpose: Purpose::Geo, .. } => "geo_unreadable",
            GeoError::Unreadable { purpose: Purpose::Asn, .. } => "asn_unreadable",
            GeoError::Damaged { purpose: Purpose::Geo, .. } => "geo_damaged",
            GeoError::Damaged { purpose: Purpose::Asn, .. } => "asn_damaged",
            GeoError::NoPlaces { .. } => "geo_no_places",
            GeoError::NoSystems { .. } => "geo_no_systems",
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

/// An open MMDB.
#[derive(Debug)]
pub(crate) struct Mmdb {
    reader: Reader<Bytes>,
    /// File and state it had when it was opened; `None` for one that came as bytes.
    origin: Option<(PathBuf, Stamp)>,
    edition: String,
    purpose: Purpose,
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

/// A record found: its number (many networks share one), the network and what it decodes to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Hit<T> {
    pub(crate) record: usize,
    pub(crate) network: Network,
    pub(crate) value: T,
}

/// Refuses a database of which something cannot be read, or that holds nothing of what is asked of it.
pub(crate) type Judge = fn(&Mmdb) -> Result<(), GeoError>;

impl Mmdb {
    /// Opens a file of which `judge` has read all: there is nothing in it that a look-up cannot read.
    pub(crate) fn open(path: &Path, purpose: Purpose, judge: Judge) -> Result<Mmdb, GeoError> {
        let unreadable = |source| GeoError::Unreadable { purpose, path: path.to_path_buf(), source };
        let file = File::open(path).map_err(unreadable)?;
        let metadata = file.metadata().map_err(unreadable)?;
        if !metadata.is_file() {
            return Err(unreadable(std::io::Error::other("not a regular file")));
        }
        if metadata.len() == 0 {
            return Err(unreadable(std::io::Error::other("the file is empty")));
        }
        let mapped = || {
            let origin = Some((path.to_path_buf(), Stamp::from(&metadata)));
            Mmdb::from_source(Bytes::Mapped(map_file(&file).map_err(unreadable)?), origin, purpose)
        };
        // Judged by a mapping of its own, so that of the pages which reading all of it touches none is held on to.
        judge(&mapped()?)?;
        mapped()
    }

    pub(crate) fn from_bytes(bytes: Vec<u8>, purpose: Purpose, judge: Judge) -> Result<Mmdb, GeoError> {
        let mmdb = Mmdb::from_source(Bytes::Owned(bytes), None, purpose)?;
        judge(&mmdb)?;
        Ok(mmdb)
    }

    fn from_source(bytes: Bytes, origin: Option<(PathBuf, Stamp)>, purpose: Purpose) -> Result<Mmdb, GeoError> {
        let reader = Reader::from_source(bytes).map_err(|source| GeoError::Damaged { purpose, source })?;
        let metadata = reader.metadata();
        let mut edition = metadata.database_type.clone();
        if metadata.build_epoch > 0 {
            let (year, month, day) = civil(metadata.build_epoch / 86_400);
            let _ = write!(edition, " {year:04}-{month:02}-{day:02}");
        }
        Ok(Mmdb { reader, origin, edition, purpose })
    }

    /// Reads the whole tree and every record it leads to, so that no look-up meets a damaged one; tells whether `holds` says
    /// yes to one of them.
    pub(crate) fn reads<'a, T: Deserialize<'a>>(&'a self, holds: impl Fn(&T) -> bool) -> Result<bool, GeoError> {
        self.read(holds).map_err(|source| self.damaged(source))
    }

    fn read<'a, T: Deserialize<'a>>(&'a self, holds: impl Fn(&T) -> bool) -> Result<bool, MaxMindDbError> {
        let networks = self.reader.networks(WithinOptions::default().include_networks_without_data())?;
        // A tree of so many nodes has one network more; a damaged one may come back to itself again and again.
        let most = (self.reader.metadata().node_count as usize).saturating_mul(3);
        let (mut seen, mut found) = (HashSet::new(), false);
        for (number, network) in networks.enumerate() {
            if number > most {
                return Err(MaxMindDbError::invalid_database("the search tree leads back to itself"));
            }
            let network = network?;
            if network.offset().is_some_and(|record| seen.insert(record)) {
                let value = network.decode::<T>()?;
                found |= value.is_some_and(|value| holds(&value));
            }
        }
        Ok(found)
    }

    #[cold]
    fn damaged(&self, source: MaxMindDbError) -> GeoError {
        GeoError::Damaged { purpose: self.purpose, source }
    }

    /// The record of `address`; `None` when the database doesn't know it.
    pub(crate) fn find<'a, T: Deserialize<'a>>(&'a self, address: IpAddr) -> Result<Option<Hit<T>>, GeoError> {
        if address.is_ipv6() && !self.has_v6() {
            return Ok(None);
        }
        self.hit(address).map_err(|source| self.damaged(source))
    }

    #[inline]
    fn hit<'a, T: Deserialize<'a>>(&'a self, address: IpAddr) -> Result<Option<Hit<T>>, MaxMindDbError> {
        let found = self.reader.lookup(address)?;
        let Some(record) = found.offset() else { return Ok(None) };
        let network = network_of(&found)?;
        Ok(found.decode::<T>()?.map(|value| Hit { record, network, value }))
    }

    pub(crate) fn has_v6(&self) -> bool {
        self.reader.metadata().ip_version != 4
    }

    pub(crate) fn kind(&self) -> &str {
        &self.reader.metadata().database_type
    }

    pub(crate) fn built_at(&self) -> u64 {
        self.reader.metadata().build_epoch
    }

    pub(crate) fn edition(&self) -> &str {
        &self.edition
    }

    pub(crate) fn changed_since(&self, metadata: &Metadata) -> bool {
        self.origin.as_ref().is_some_and(|(_, stamp)| *stamp != Stamp::from(metadata))
    }

    pub(crate) fn path(&self) -> Option<&Path> {
        self.origin.as_ref().map(|(path, _)| path.as_path())
    }
}

fn network_of(found: &LookupResult<'_, Bytes>) -> Result<Network, MaxMindDbError> {
    let network = found.network()?;
    Ok(Network { address: network.ip(), prefix: network.prefix() })
}

/// Year, month and day of a day since 1970-01-01, in the proleptic Gregorian calendar.
fn civil(days: u64) -> (u64, u64, u64) {
    // Days since 0000-03-01, so that a leap day is the last of its year; dates beyond the year 9999 are nobody's.
    let days = days.min(2_932_896) + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let (month, day) = (if shifted < 10 { shifted + 3 } else { shifted - 9 }, of_year - (153 * shifted + 2) / 5 + 1);
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
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

    #[test]
    fn days_become_dates() {
        for (seconds, date) in [
            (0u64, (1970, 1, 1)),
            (951_782_400, (2000, 2, 29)),
            (1_709_164_800, (2024, 2, 29)),
            (1_709_251_200, (2024, 3, 1)),
            (1_735_603_200, (2024, 12, 31)),
            (4_107_542_400, (2100, 3, 1)),
        ] {
            assert_eq!(civil(seconds / 86_400), date, "{seconds}");
        }
        assert_eq!(civil(u64::MAX).0, 9999);
    }
}
