//! The keys of the hashes, in the order of their times.

use crumbtrail_enrich::{Chosen, Hasher, Key, Keyring};
use crumbtrail_events::instant::rfc3339;

use super::{LaterKeyConfig, PrivacyConfig};

/// The keys that hash contacts: `first`, and those that take over later.
///
/// # Errors
/// A time that is none, a key that is too short, or keys out of order, named with how to mend it.
pub fn keyring(privacy: &PrivacyConfig, first: &[u8]) -> Result<Keyring, String> {
    let mut keys = vec![Key::new(first, i64::MIN)];
    for (number, LaterKeyConfig { from, key }) in privacy.later_keys.iter().enumerate() {
        let at = format!("privacy.later_keys.{number}");
        let Some(from_ms) = rfc3339(from) else {
            return Err(format!("{at}.from: {from:?} is no time; they are written as 2027-01-01T00:00:00Z"));
        };
        if key.len() < 16 {
            return Err(format!("{at}.key is shorter than 16 characters; `openssl rand -hex 32` makes a good one"));
        }
        if keys.last().is_some_and(|before| before.from_ms >= from_ms) {
            return Err(format!("{at}.from is no later than the key's before it: they stand oldest first"));
        }
        keys.push(Key::new(key.as_bytes(), from_ms));
    }
    Keyring::new(&keys, i64::from(privacy.overlap_days) * 86_400_000).map_err(|error| format!("privacy.key: {error}"))
}

/// What hashes the chosen fields, under the keys of [`keyring`]; `None` if none is chosen.
///
/// # Errors
/// A name that is no field's, and as [`keyring`].
pub fn hasher(privacy: &PrivacyConfig, first: &[u8]) -> Result<Option<Hasher>, String> {
    let chosen = chosen(privacy)?;
    if chosen.is_empty() {
        return Ok(None);
    }
    Ok(Some(Hasher::new(chosen, keyring(privacy, first)?)))
}

/// The fields chosen.
///
/// # Errors
/// A name that is no field's.
pub fn chosen(privacy: &PrivacyConfig) -> Result<Chosen, String> {
    Chosen::read(privacy.hash_fields.iter().map(String::as_str))
        .map_err(|error| format!("privacy.hash_fields: {error}"))
}

/// Later keys as the environment holds them: `TIME=KEY,TIME=KEY`.
pub(super) fn later_keys(text: &str) -> Vec<LaterKeyConfig> {
    let pairs = text.split(',').map(str::trim).filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (from, key) = pair.split_once('=').unwrap_or((pair, ""));
            LaterKeyConfig { from: from.to_owned(), key: key.to_owned() }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &[u8] = b"the first of the keys";

    fn ring(later: &str) -> Result<Keyring, String> {
        keyring(&PrivacyConfig { later_keys: later_keys(later), ..PrivacyConfig::default() }, FIRST)
    }

    #[test]
    fn each_key_counts_from_its_time_on() {
        let hash = |ring: &Keyring, at: &str| {
            ring.contact("a@b.co", "", rfc3339(at).unwrap(), &mut String::new(), &mut String::new()).to_owned()
        };
        let (old, new) = (ring("").unwrap(), ring("2027-01-01T00:00:00Z=another sixteen=x").unwrap());
        assert_eq!(hash(&new, "2026-12-31T23:59:59Z"), hash(&old, "2026-12-31T23:59:59Z"));
        assert_ne!(hash(&new, "2027-01-01T00:00:00Z"), hash(&old, "2027-01-01T00:00:00Z"));
    }

    #[test]
    fn what_cannot_work_is_named_with_its_key() {
        for (later, part) in [
            ("soon=0123456789abcdef", "later_keys.0.from"),
            ("2027-01-01T00:00:00Z=short", "later_keys.0.key"),
            ("2027-01-01T00:00:00Z", "later_keys.0.key"),
            ("2027-01-01T00:00:00Z=0123456789abcdef, 2026-01-01T00:00:00Z=0123456789abcdef", "later_keys.1.from"),
        ] {
            let error = ring(later).err().unwrap();
            assert!(error.contains(part), "{later}: {error}");
        }
        assert!(keyring(&PrivacyConfig::default(), b"short").err().unwrap().contains("privacy.key"));
    }
}
