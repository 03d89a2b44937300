//! Where people are. Addresses are from the ranges reserved for documentation, so they are nobody's.

use crumbtrail_enrich::Place;
use crumbtrail_enrich::mmdb_writer::{Layout, Network, WriteError, write_mmdb};

/// A language people write in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Tongue {
    English,
    Thai,
    Indonesian,
}

impl Tongue {
    pub(crate) const fn tag(self) -> &'static str {
        match self {
            Tongue::English => "en",
            Tongue::Thai => "th",
            Tongue::Indonesian => "id",
        }
    }
}

/// A city with the people of the shop in it.
#[derive(Debug)]
pub(crate) struct City {
    pub(crate) name: &'static str,
    pub(crate) country: &'static str,
    pub(crate) region: &'static str,
    pub(crate) position: (f32, f32),
    pub(crate) time_zone: &'static str,
    /// Minutes ahead of UTC in the months of the world.
    pub(crate) ahead_min: i64,
    pub(crate) tongue: Tongue,
    /// Language tag of its browsers.
    pub(crate) browser_language: &'static str,
    pub(crate) currency: usize,
    /// People of a thousand.
    pub(crate) share: u32,
    pub(crate) networks: [&'static str; 2],
}

/// Currencies: code, units to a dollar in thousandths, and the step prices are rounded to in thousandths.
pub(crate) const CURRENCIES: [(&str, i64, i64); 6] = [
    ("THB", 35_000, 10_000),
    ("IDR", 16_000_000, 1_000_000),
    ("SGD", 1_340, 100),
    ("GBP", 780, 50),
    ("AUD", 1_520, 100),
    ("USD", 1_000, 100),
];

macro_rules! city {
    ($name:literal $country:literal $region:literal ($lat:literal $lon:literal) $zone:literal $ahead:literal
     $tongue:ident $language:literal $currency:literal $share:literal $v4:literal $v6:literal) => {
        City {
            name: $name,
            country: $country,
            region: $region,
            position: ($lat, $lon),
            time_zone: $zone,
            ahead_min: $ahead,
            tongue: Tongue::$tongue,
            browser_language: $language,
            currency: $currency,
            share: $share,
            networks: [$v4, $v6],
        }
    };
}

/// The cities, largest first within a country. The last one is where robots live.
pub(crate) const CITIES: [City; 13] = [
    city!("Bangkok" "TH" "Bangkok" (13.7563 100.5018) "Asia/Bangkok" 420 Thai "th-TH" 0 340 "203.0.113.0/25" "2001:db8:66::/48"),
    city!("Chiang Mai" "TH" "Chiang Mai" (18.7883 98.9853) "Asia/Bangkok" 420 Thai "th-TH" 0 40 "198.51.100.0/27" "2001:db8:67::/48"),
    city!("Phuket" "TH" "Phuket" (7.8804 98.3923) "Asia/Bangkok" 420 Thai "th-TH" 0 25 "198.51.100.32/28" "2001:db8:68::/48"),
    city!("Jakarta" "ID" "Jakarta" (-6.2088 106.8456) "Asia/Jakarta" 420 Indonesian "id-ID" 1 260 "203.0.113.128/25" "2001:db8:62::/48"),
    city!("Surabaya" "ID" "East Java" (-7.2575 112.7521) "Asia/Jakarta" 420 Indonesian "id-ID" 1 45 "198.51.100.64/27" "2001:db8:63::/48"),
    city!("Bandung" "ID" "West Java" (-6.9175 107.6191) "Asia/Jakarta" 420 Indonesian "id-ID" 1 40 "198.51.100.96/27" "2001:db8:64::/48"),
    city!("Singapore" "SG" "Singapore" (1.3521 103.8198) "Asia/Singapore" 480 English "en-SG" 2 90 "198.51.100.128/27" "2001:db8:65::/48"),
    city!("London" "GB" "England" (51.5072 -0.1276) "Europe/London" 60 English "en-GB" 3 50 "198.51.100.160/27" "2001:db8:44::/48"),
    city!("Manchester" "GB" "England" (53.4808 -2.2426) "Europe/London" 60 English "en-GB" 3 15 "198.51.100.48/28" "2001:db8:45::/48"),
    city!("Sydney" "AU" "New South Wales" (-33.8688 151.2093) "Australia/Sydney" 600 English "en-AU" 4 40 "198.51.100.192/27" "2001:db8:61::/48"),
    city!("Melbourne" "AU" "Victoria" (-37.8136 144.9631) "Australia/Melbourne" 600 English "en-AU" 4 15 "198.51.100.240/28" "2001:db8:60::/48"),
    city!("New York" "US" "New York" (40.7128 -74.006) "America/New_York" -240 English "en-US" 5 40 "198.51.100.224/28" "2001:db8:1::/48"),
    city!("Ashburn" "US" "Virginia" (39.0438 -77.4874) "America/New_York" -240 English "en-US" 5 0 "192.0.2.0/24" "2001:db8:2::/48"),
];

/// The city of robots.
pub(crate) const ROBOTS: u8 = CITIES.len() as u8 - 1;

/// Networks and their places, as the world's people have them.
///
/// # Errors
/// None of the rows this build has: they are tested.
pub fn geo_rows() -> Result<Vec<(Network, Place<'static>)>, WriteError> {
    let mut rows = Vec::new();
    for city in &CITIES {
        let place = Place {
            country: city.country,
            region: city.region,
            city: city.name,
            latitude: Some(city.position.0),
            longitude: Some(city.position.1),
            time_zone: city.time_zone,
            ..Place::default()
        };
        for network in city.networks {
            rows.push((network.parse()?, place));
        }
    }
    Ok(rows)
}

/// The geo database of the world: an MMDB file in the flat layout of the free databases.
///
/// # Errors
/// As [`geo_rows`].
pub fn geo_database() -> Result<Vec<u8>, WriteError> {
    write_mmdb(&geo_rows()?, Layout::Flat, crate::START_MS as u64 / 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crumbtrail_enrich::Geo;
    use crumbtrail_enrich::ip::client_address;

    #[test]
    fn every_address_of_a_city_is_found_there() {
        let geo = Geo::from_bytes(geo_database().unwrap()).unwrap();
        for (network, place) in geo_rows().unwrap() {
            for index in [0, 1, 15, 255, 70_000] {
                let address = network.address_at(index).to_string();
                let found = client_address(&address).map(|address| geo.lookup(address).unwrap());
                assert_eq!(found, Some(place), "{address}");
            }
        }
    }

    #[test]
    fn shares_add_up() {
        assert_eq!(CITIES.iter().map(|city| city.share).sum::<u32>(), 1_000);
        assert!(CITIES.iter().all(|city| city.currency < CURRENCIES.len()));
    }
}
