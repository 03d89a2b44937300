//! What the HTTP facade takes from a request's line and headers: the first line is the query part of the URL, each other one a
//! header. Nobody writes without the password.
#![no_main]

use crumbtrail_embedded::exception;
use http::{HeaderMap, HeaderName, HeaderValue};

#[path = "../../crates/embedded/src/facade/auth.rs"]
#[allow(dead_code)]
mod auth;
#[path = "../../crates/embedded/src/facade/encode.rs"]
#[allow(dead_code)]
mod encode;
#[path = "../../crates/embedded/src/facade/native_block.rs"]
#[allow(dead_code)]
mod native_block;
#[path = "../../crates/embedded/src/facade/request.rs"]
#[allow(dead_code)]
mod request;

/// The owner's password; it stands nowhere in what is tried but by chance of four bytes.
const PASSWORD: &str = "cru!";

/// Headers that the facade looks at; their number stands for the name.
const NAMES: [&str; 6] = [
    "authorization",
    "x-clickhouse-user",
    "x-clickhouse-key",
    "x-clickhouse-database",
    "x-clickhouse-format",
    "accept-encoding",
];

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut lines = data.split(|byte| *byte == b'\n');
    let query = String::from_utf8_lossy(lines.next().unwrap_or_default()).into_owned();
    let mut headers = HeaderMap::new();
    for line in lines {
        let Some((number, value)) = line.split_first() else { continue };
        if let Ok(value) = HeaderValue::from_bytes(value) {
            headers.append(HeaderName::from_static(NAMES[usize::from(*number) % NAMES.len()]), value);
        }
    }
    let Ok(params) = request::Params::parse(&query, &headers, |name| name.starts_with("max_")) else { return };
    let _ = params.encoding(&headers).content_encoding();
    assert!(params.settings.iter().all(|(name, _)| name.starts_with("max_")));
    if let Ok(credentials) = auth::Credentials::of(&headers, params.user.as_deref(), params.password.as_deref())
        && let Ok(access) = credentials.access(PASSWORD)
    {
        let may_write = credentials.user == auth::OWNER && credentials.password == PASSWORD;
        assert_eq!(access == auth::Access::ReadWrite, may_write);
    }
});
