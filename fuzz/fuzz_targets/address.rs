//! Addresses as collectors and proxies write them.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Some(address) = crumbtrail_enrich::ip::client_address(text) {
        assert_eq!(crumbtrail_enrich::ip::client_address(&address.to_string()), Some(address));
    }
});
