//! Geo databases that somebody damaged.
#![no_main]

use std::net::IpAddr;

use crumbtrail_enrich::Geo;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok(geo) = Geo::from_bytes(data.to_vec()) {
        for address in ["0.0.0.0", "81.2.69.142", "255.255.255.255", "2001:218::1"] {
            let _ = geo.lookup(address.parse::<IpAddr>().expect("an address"));
        }
    }
});
