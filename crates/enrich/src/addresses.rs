//! URLs met before, so that host and page of each are read once: most clicks are on a few thousand pages, and come from there.

use memchr::{memchr, memchr2};
use xxhash_rust::xxh3::xxh3_64;

use crate::url;

/// Longest URL kept, in bytes: others are read anew.
const LONGEST: usize = 256;

/// The last URLs met, in sets of two; never growing, and allocating only to keep a longer one.
pub(crate) struct Addresses {
    known: Box<[Known]>,
    sets: usize,
    host: String,
    page: String,
}

/// A URL without its query, and what was read of it.
#[derive(Clone, Default)]
struct Known {
    hash: u64,
    /// The URL, its host and its page, one behind the other.
    text: String,
    url_len: u16,
    host_len: u16,
    /// Used after the other one of its set.
    is_latest: bool,
}

/// A URL that is known.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found<'u> {
    at: usize,
    /// Its query.
    pub(crate) query: &'u str,
}

impl Addresses {
    /// Room for twice `2^bits` URLs.
    pub(crate) fn new(bits: u32) -> Addresses {
        let sets = 1usize << bits;
        Addresses { known: vec![Known::default(); 2 * sets].into(), sets, host: String::new(), page: String::new() }
    }

    /// Finds `url` or reads it. What was found before the last one stays in its place, too. `None` of what is no web
    /// address or has a fragment: those have rules of their own ([`url::split`]).
    #[inline]
    pub(crate) fn find<'u>(&mut self, url: &'u str) -> Option<Found<'u>> {
        if !url.starts_with("https://") && !url.starts_with("http://") {
            return None;
        }
        let (address, query) = match memchr2(b'?', b'#', url.as_bytes()) {
            None => (url, ""),
            Some(at) if memchr(b'#', &url.as_bytes()[at..]).is_none() => (&url[..at], &url[at + 1..]),
            Some(_) => return None,
        };
        if address.len() > LONGEST {
            return None;
        }
        let hash = xxh3_64(address.as_bytes());
        let first = 2 * ((hash >> 32) as usize & (self.sets - 1));
        let is_it = |known: &Known| known.hash == hash && known.url() == address;
        let at = match (is_it(&self.known[first]), is_it(&self.known[first + 1])) {
            (true, _) => first,
            (_, true) => first + 1,
            _ => self.read(address, hash, first),
        };
        self.known[at].is_latest = true;
        self.known[at ^ 1].is_latest = false;
        Some(Found { at, query })
    }

    /// Keeps what is read of `address` in place of the one of its set that was used longer ago.
    #[cold]
    fn read(&mut self, address: &str, hash: u64, first: usize) -> usize {
        let parts = url::split(address);
        let host = url::host_name(parts.host, &mut self.host);
        let page = parts.page(&mut self.page);
        let at = first + usize::from(self.known[first].is_latest);
        let known = &mut self.known[at];
        known.text.clear();
        known.text.extend([address, host, page]);
        // Neither is longer than the address made readable, which bounds it.
        (known.hash, known.url_len, known.host_len) = (hash, address.len() as u16, host.len() as u16);
        at
    }

    /// Host and page, as [`url::host_name`] and [`url::Parts::page`] read them.
    #[inline]
    pub(crate) fn host_and_page(&self, found: Found<'_>) -> (&str, &str) {
        let known = &self.known[found.at];
        known.text[usize::from(known.url_len)..].split_at(usize::from(known.host_len))
    }
}

impl Known {
    #[inline]
    fn url(&self) -> &str {
        &self.text[..usize::from(self.url_len)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_found_is_what_reading_finds() {
        // One set: nearly everything is forgotten again.
        let mut addresses = Addresses::new(0);
        let urls = [
            "https://www.Shop.example/orders/100023?utm_source=x",
            "https://shop.example",
            "http://user@xn--bcher-kva.example:8080/a//b/?q=1",
            "https://shop.example/a%20b",
            "https://www.Shop.example/orders/100023",
            "https://",
        ];
        for (n, url) in urls.iter().cycle().take(50).enumerate() {
            let first = addresses.find(urls[n / 3 % urls.len()]).unwrap();
            let second = addresses.find(url).unwrap();
            for (found, url) in [(first, urls[n / 3 % urls.len()]), (second, url)] {
                let parts = url::split(url);
                let (mut host, mut page) = (String::new(), String::new());
                let read = (url::host_name(parts.host, &mut host), parts.page(&mut page));
                assert_eq!(addresses.host_and_page(found), read, "{url}");
                assert_eq!(found.query, parts.query);
            }
        }
    }

    #[test]
    fn the_odd_ones_are_left_alone() {
        let mut addresses = Addresses::new(0);
        let long = format!("https://shop.example/{}", "x".repeat(LONGEST));
        for url in ["", "/a", "//shop.example/", "https://s.example/#/cart", "https://s.example/?a#b", &long] {
            assert!(addresses.find(url).is_none(), "{url}");
        }
    }

    #[test]
    fn any_address_is_read_alike() {
        proptest::proptest!(|(url in "https?://[A-Za-z0-9.:@\\[\\]%-]{0,20}(/[a-z0-9%;=._@-]{0,20}){0,3}([?][!/a-z0-9%&=+?-]{0,20}){0,2}")| {
            let mut addresses = Addresses::new(0);
            let found = addresses.find(&url).unwrap();
            let parts = url::split(&url);
            let (mut host, mut page) = (String::new(), String::new());
            let read = (url::host_name(parts.host, &mut host), parts.page(&mut page));
            proptest::prop_assert_eq!((addresses.host_and_page(found), found.query), (read, parts.query));
        });
    }
}
