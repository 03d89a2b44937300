//! Places by address, so that each is looked up once; the places themselves, of which many addresses share one, are kept
//! once.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use crumbtrail_events::touchpoint::{Section, Touchpoint};
use hashbrown::HashMap;
use xxhash_rust::xxh3::xxh3_64;

use crate::agent::Indicators;
use crate::asn::{System, Systems, is_data_centre};
use crate::cache::Cache;
use crate::geo::{Geo, Place};
use crate::ip::client_address;
use crate::network::{AddressList, Network};

/// Places, systems and networks kept before the tables are begun anew.
const MOST_PLACES: usize = 1 << 16;

/// The bytes of a touchpoint's section with the fields that `put` sets.
pub(crate) fn section<'a>(section: Section, put: impl FnOnce(&mut Touchpoint<'a>)) -> Box<[u8]> {
    let (mut touchpoint, mut bytes) = (Touchpoint::default(), Vec::new());
    put(&mut touchpoint);
    touchpoint.encode_section(section, &mut bytes);
    bytes.into()
}

fn edition(geo: Option<&Geo>) -> Box<str> {
    geo.map_or("", Geo::edition_name).into()
}

/// What an address says besides its place. The database is named only where it knew the place.
#[inline]
fn put_detail<'a>(accuracy_km: Option<u16>, system: System<'a>, edition: &'a str, out: &mut Touchpoint<'a>) {
    out.accuracy_km = accuracy_km.map_or(0, u32::from);
    (out.asn, out.network_owner) = (system.number, system.organisation);
    out.geo_edition = edition;
}

pub(crate) struct Places {
    geo: Option<Arc<Geo>>,
    /// Type and date of it.
    edition: Box<str>,
    systems: Option<Arc<Systems>>,
    robots: Option<Arc<AddressList>>,
    /// Whether there is anything to ask.
    asks: bool,
    by_address: Cache<u32>,
    /// Number 0 is nowhere.
    networks: Vec<KeptNetwork>,
    numbers: HashMap<KeptNetwork, u32>,
    by_record: HashMap<usize, u32>,
    /// Number 0 is the empty place.
    list: Vec<KeptPlace>,
    by_system: HashMap<u32, u32>,
    owners: Vec<(u32, Box<str>)>,
    /// Details by place and owner, of which many networks share one. Number 0 is nothing.
    by_origin: HashMap<(u32, u32), u32>,
    details: Vec<Box<[u8]>>,
    /// Look-ups that failed because a database is damaged.
    pub(crate) errors: u64,
    /// Addresses given while there is no geo database.
    pub(crate) unasked: u64,
    /// Addresses given that have no place: unreadable, private, or not in the database.
    pub(crate) unknown: u64,
}

/// What addresses of one network have in common.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct KeptNetwork {
    network: Option<(IpAddr, u8)>,
    place: u32,
    owner: u32,
    detail: u32,
    said: Indicators,
}

#[derive(Default)]
struct KeptPlace {
    country: Box<str>,
    region: Box<str>,
    city: Box<str>,
    latitude: Option<f32>,
    longitude: Option<f32>,
    time_zone: Box<str>,
    accuracy_km: Option<u16>,
    /// The same as a touchpoint's section.
    section: Box<[u8]>,
}

impl KeptPlace {
    #[inline]
    fn place(&self) -> Place<'_> {
        Place {
            country: &self.country,
            region: &self.region,
            city: &self.city,
            latitude: self.latitude,
            longitude: self.longitude,
            time_zone: &self.time_zone,
            accuracy_km: self.accuracy_km,
        }
    }
}

/// Everything an address says; read only as far as it is asked.
#[derive(Clone, Copy)]
pub struct Origin<'a> {
    places: &'a Places,
    kept: &'a KeptNetwork,
}

impl<'a> Origin<'a> {
    /// The place.
    #[inline]
    #[must_use]
    pub fn place(&self) -> Place<'a> {
        self.places.list[self.kept.place as usize].place()
    }

    /// Writes all of it that has a field into a touchpoint, with the sections that the fields make.
    #[inline]
    pub(crate) fn put(&self, out: &mut Touchpoint<'a>) {
        let Origin { places, kept } = *self;
        let place = &places.list[kept.place as usize];
        place.place().put(out);
        out.prepared.place = &place.section;
        if kept.detail != 0 {
            let edition = if kept.place == 0 { "" } else { &places.edition };
            put_detail(place.accuracy_km, self.system(), edition, out);
            out.prepared.network = &places.details[kept.detail as usize];
        }
    }

    /// The network of the geo database that the address lies in; of the ASN database where the first doesn't know it.
    #[must_use]
    pub fn network(&self) -> Option<Network> {
        self.kept.network.map(|(address, prefix)| Network { address, prefix })
    }

    /// Who runs the network.
    #[must_use]
    pub fn system(&self) -> System<'a> {
        let (number, organisation) = &self.places.owners[self.kept.owner as usize];
        System { number: *number, organisation }
    }

    /// What the address says about robots: address list, data centre.
    #[inline]
    #[must_use]
    pub fn said(&self) -> Indicators {
        self.kept.said
    }

    /// Type and date of the geo database that was asked, empty without one.
    #[must_use]
    pub fn edition(&self) -> &'a str {
        &self.places.edition
    }
}

impl fmt::Debug for Origin<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Origin").field("place", &self.place()).field("system", &self.system()).finish_non_exhaustive()
    }
}

impl Places {
    pub(crate) fn new(geo: Option<Arc<Geo>>, systems: Option<Arc<Systems>>) -> Places {
        Places {
            asks: geo.is_some() || systems.is_some(),
            edition: edition(geo.as_deref()),
            geo,
            systems,
            robots: None,
            by_address: Cache::new(12),
            networks: vec![KeptNetwork::default()],
            numbers: HashMap::new(),
            by_record: HashMap::new(),
            list: vec![KeptPlace::default()],
            by_system: HashMap::new(),
            owners: vec![(0, Box::default())],
            by_origin: HashMap::new(),
            details: vec![Box::default()],
            errors: 0,
            unasked: 0,
            unknown: 0,
        }
    }

    pub(crate) fn set_geo(&mut self, geo: Option<Arc<Geo>>) {
        self.edition = edition(geo.as_deref());
        self.geo = geo;
        self.forget();
    }

    pub(crate) fn set_systems(&mut self, systems: Option<Arc<Systems>>) {
        self.systems = systems;
        self.forget();
    }

    pub(crate) fn set_robots(&mut self, robots: Option<Arc<AddressList>>) {
        self.robots = robots;
        self.forget();
    }

    /// Nothing of an old database is told after a new one came.
    fn forget(&mut self) {
        self.asks = self.geo.is_some() || self.systems.is_some() || self.robots.is_some();
        self.by_address.clear();
        self.networks.truncate(1);
        self.numbers.clear();
        self.by_record.clear();
        self.list.truncate(1);
        self.by_system.clear();
        self.owners.truncate(1);
        self.by_origin.clear();
        self.details.truncate(1);
    }

    /// What an address says, as a collector wrote it (see [`client_address`]).
    #[inline]
    pub(crate) fn of(&mut self, text: &str) -> Origin<'_> {
        let number = if text.is_empty() {
            0
        } else if !self.asks {
            self.unasked += 1;
            0
        } else {
            let hash = xxh3_64(text.as_bytes());
            let number = match self.by_address.get(hash) {
                Some(number) => number,
                None => self.meet(text, hash),
            };
            let (has_place, is_asked) = (self.networks[number as usize].place != 0, self.geo.is_some());
            self.unasked += u64::from(!is_asked);
            self.unknown += u64::from(is_asked && !has_place);
            number
        };
        Origin { places: self, kept: &self.networks[number as usize] }
    }

    #[cold]
    fn meet(&mut self, text: &str, hash: u64) -> u32 {
        let number = client_address(text).map_or(0, |address| self.find(address));
        self.by_address.put(hash, number);
        number
    }

    fn find(&mut self, address: IpAddr) -> u32 {
        let most = self.networks.len().max(self.list.len()).max(self.owners.len()).max(self.details.len());
        if most >= MOST_PLACES {
            self.forget();
        }
        let mut kept = KeptNetwork::default();
        if let Some((place, network)) = self.find_place(address) {
            (kept.place, kept.network) = (place, Some(network));
        }
        if let Some((owner, network)) = self.find_owner(address) {
            kept.owner = owner;
            kept.network = kept.network.or(Some(network));
            if is_data_centre(self.owners[owner as usize].0) {
                kept.said = kept.said.and(Indicators::DATA_CENTRE);
            }
        }
        if self.robots.as_ref().is_some_and(|robots| robots.holds(address)) {
            kept.said = kept.said.and(Indicators::ADDRESS_LIST);
        }
        kept.detail = self.detail(kept.place, kept.owner);
        *self.numbers.entry(kept).or_insert_with(|| {
            self.networks.push(kept);
            (self.networks.len() - 1) as u32
        })
    }

    fn detail(&mut self, place: u32, owner: u32) -> u32 {
        if (place, owner) == (0, 0) {
            return 0;
        }
        let Places { by_origin, details, list, owners, edition, .. } = self;
        *by_origin.entry((place, owner)).or_insert_with(|| {
            let (number, organisation) = &owners[owner as usize];
            let system = System { number: *number, organisation };
            let edition = if place == 0 { "" } else { &**edition };
            let accuracy = list[place as usize].accuracy_km;
            details.push(section(Section::Network, |touchpoint| put_detail(accuracy, system, edition, touchpoint)));
            (details.len() - 1) as u32
        })
    }

    fn find_place(&mut self, address: IpAddr) -> Option<(u32, (IpAddr, u8))> {
        let hit = match self.geo.as_ref()?.find(address) {
            Ok(hit) => hit?,
            Err(_) => {
                self.errors += 1;
                return None;
            }
        };
        let number = *self.by_record.entry(hit.record).or_insert_with(|| {
            let place = hit.value;
            self.list.push(KeptPlace {
                country: place.country.into(),
                region: place.region.into(),
                city: place.city.into(),
                latitude: place.latitude,
                longitude: place.longitude,
                time_zone: place.time_zone.into(),
                accuracy_km: place.accuracy_km,
                section: section(Section::Place, |touchpoint| place.put(touchpoint)),
            });
            (self.list.len() - 1) as u32
        });
        Some((number, (hit.network.address_at(0), hit.network.prefix)))
    }

    fn find_owner(&mut self, address: IpAddr) -> Option<(u32, (IpAddr, u8))> {
        let (system, network) = match self.systems.as_ref()?.find(address) {
            Ok(found) => found?,
            Err(_) => {
                self.errors += 1;
                return None;
            }
        };
        let number = *self.by_system.entry(system.number).or_insert_with(|| {
            self.owners.push((system.number, system.organisation.into()));
            (self.owners.len() - 1) as u32
        });
        Some((number, (network.address_at(0), network.prefix)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mmdb_writer::{Layout, write_mmdb};

    fn data(test: &str) -> Option<std::path::PathBuf> {
        let data = std::env::var_os("CRUMBTRAIL_DATA");
        if data.is_none() {
            eprintln!("not run: {test}: CRUMBTRAIL_DATA is not set");
        }
        data.map(|data| std::path::PathBuf::from(data).join("geo"))
    }

    #[test]
    fn an_address_says_place_network_system_and_edition() {
        let Some(data) = data("an_address_says_place_network_system_and_edition") else { return };
        let geo = Arc::new(Geo::open(data.join("GeoIP2-City-Test.mmdb")).unwrap());
        let systems = Arc::new(Systems::open(data.join("GeoLite2-ASN-Test.mmdb")).unwrap());
        let mut places = Places::new(Some(geo), Some(systems));
        places.set_robots(Some(Arc::new(AddressList::read("81.2.69.142").unwrap())));
        for _ in 0..2 {
            let origin = places.of("81.2.69.142");
            assert_eq!((origin.place().city, origin.place().accuracy_km), ("London", Some(10)));
            assert_eq!(origin.network().map(|network| network.to_string()).as_deref(), Some("81.2.69.142/31"));
            assert!(origin.edition().starts_with("GeoIP2-City 20"), "{}", origin.edition());
            assert_eq!(origin.said(), Indicators::ADDRESS_LIST);
            let origin = places.of("1.128.0.1");
            assert_eq!((origin.system().number, origin.system().organisation), (1221, "Telstra Pty Ltd"));
            assert_eq!(origin.network().map(|network| network.to_string()).as_deref(), Some("1.128.0.0/11"));
            assert!(origin.place().is_empty());
        }
        assert_eq!((places.errors, places.unknown), (0, 2));
        places.set_geo(None);
        assert_eq!(places.of("81.2.69.142").place(), Place::default());
    }

    #[test]
    fn more_places_than_are_kept_stay_right() {
        let names: Vec<String> = (0..70_000).map(|n| format!("{n}")).collect();
        let network = |n: usize| Network {
            address: IpAddr::from([20 + (n >> 16) as u8, (n >> 8) as u8, n as u8, 0]),
            prefix: 24,
        };
        let rows: Vec<_> =
            names.iter().enumerate().map(|(n, name)| (network(n), Place { city: name, ..Place::default() })).collect();
        let geo = Geo::from_bytes(write_mmdb(&rows, Layout::Flat, 0).unwrap()).unwrap();
        let mut places = Places::new(Some(Arc::new(geo)), None);
        for n in (0..70_000).chain(0..10) {
            let address = network(n).address_at(9).to_string();
            assert_eq!(places.of(&address).place().city, names[n]);
        }
        assert!(places.list.len() <= MOST_PLACES && places.networks.len() <= MOST_PLACES);
    }
}
