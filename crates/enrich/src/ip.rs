//! The client's address, from what proxies and collectors write down.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The public client address in `text`: one address, an `X-Forwarded-For` list or a `Forwarded` header.
///
/// The first item is the client; ports, quotes, brackets and zone ids are taken off, IPv4 in IPv6 (mapped, NAT64)
/// keeps its meaning. An unknown, private or reserved first item gives `None`: the next item would be a proxy, and a
/// proxy's place is not the client's.
#[must_use]
pub fn client_address(text: &str) -> Option<IpAddr> {
    let first = text.split(',').next()?.trim();
    let item = if first.contains('=') { forwarded_for(first)? } else { first };
    let address = parse(item)?;
    is_public(address).then_some(address)
}

/// The value of the `for` parameter of one `Forwarded` element.
fn forwarded_for(element: &str) -> Option<&str> {
    element.split(';').find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.trim().eq_ignore_ascii_case("for").then(|| value.trim())
    })
}

/// One address as written by proxies: quoted, bracketed, with a port or zone id.
fn parse(item: &str) -> Option<IpAddr> {
    let item = item.trim().trim_matches('"').trim();
    let bare = match item.strip_prefix('[') {
        Some(rest) => rest.split(']').next()?,
        // One colon: an IPv4 address with a port. More: an IPv6 address, which needs brackets to carry one.
        None if item.bytes().filter(|b| *b == b':').count() == 1 => item.split(':').next()?,
        None => item,
    };
    let bare = bare.split('%').next()?;
    if bare.is_empty() || bare.len() > 45 {
        return None;
    }
    Some(unmapped(bare.parse().ok()?))
}

/// IPv4 written as IPv6 (`::ffff:a.b.c.d`, NAT64's `64:ff9b::a.b.c.d`) as IPv4.
fn unmapped(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    match v6.segments() {
        [0, 0, 0, 0, 0, 0xFFFF, high, low] | [0x64, 0xFF9B, 0, 0, 0, 0, high, low] => {
            IpAddr::V4(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)))
        }
        _ => address,
    }
}

/// Whether an address can stand for a place. Documentation ranges may: tests and the demo world live there.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !matches!(
        (a, b, c),
        (0 | 10 | 127 | 224.., _, _)
            | (100, 64..=127, _)
            | (169, 254, _)
            | (172, 16..=31, _)
            | (192, 168, _)
            | (192, 0, 0)
            | (198, 18 | 19, _)
    )
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let first = address.segments()[0];
    let local = first & 0xFE00 == 0xFC00 || first & 0xFFC0 == 0xFE80 || first & 0xFF00 == 0xFF00;
    // ::/16 holds the unspecified, the loopback and deprecated forms; nobody routes there.
    !local && first != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> String {
        client_address(text).map_or_else(String::new, |address| address.to_string())
    }

    #[test]
    fn reads_every_way_an_address_is_written() {
        for (text, address) in [
            ("203.0.113.9", "203.0.113.9"),
            (" 203.0.113.9 ", "203.0.113.9"),
            ("203.0.113.9:4711", "203.0.113.9"),
            ("203.0.113.9, 10.0.0.1, 198.51.100.7", "203.0.113.9"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:4711", "2001:db8::1"),
            ("\"[2001:db8::1]:4711\"", "2001:db8::1"),
            ("2001:db8::1%eth0", "2001:db8::1"),
            ("::ffff:203.0.113.9", "203.0.113.9"),
            ("[::ffff:203.0.113.9]:80", "203.0.113.9"),
            ("64:ff9b::203.0.113.9", "203.0.113.9"),
            ("for=203.0.113.9", "203.0.113.9"),
            ("For=\"203.0.113.9:80\";proto=https;by=10.1.1.1, for=198.51.100.7", "203.0.113.9"),
            ("proto=http; for=\"[2001:db8:cafe::17]:4711\"", "2001:db8:cafe::17"),
        ] {
            assert_eq!(found(text), address, "{text}");
        }
    }

    #[test]
    fn private_reserved_and_unreadable_addresses_are_nobody() {
        for text in [
            "",
            "-",
            ",",
            "unknown",
            "unknown, 203.0.113.9",
            "for=unknown",
            "for=_hidden, for=203.0.113.9",
            "by=203.0.113.9",
            "10.1.2.3",
            "10.1.2.3, 203.0.113.9",
            "172.31.0.1",
            "192.168.1.1:8080",
            "100.64.0.1",
            "169.254.1.1",
            "127.0.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "198.18.0.1",
            "::1",
            "::",
            "fe80::1%en0",
            "fd00::1",
            "ff02::1",
            "::ffff:10.0.0.1",
            "203.0.113",
            "203.0.113.256",
            "[2001:db8::1",
            "not an address",
            "1.2.3.4.5",
        ] {
            let expected = if text == "[2001:db8::1" { "2001:db8::1" } else { "" };
            assert_eq!(found(text), expected, "{text}");
        }
        for public in ["172.32.0.1", "100.128.0.1", "192.0.2.1", "198.20.0.1", "192.0.1.1", "11.0.0.1"] {
            assert_eq!(found(public), public);
        }
    }
}
