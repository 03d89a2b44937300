//! Ranges of addresses: one, a list of them, and what is left of an address once its last part is masked.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A range of addresses in CIDR notation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// An address in it.
    pub address: IpAddr,
    /// Leading bits that count: at most 32 for IPv4, 128 for IPv6.
    pub prefix: u8,
}

/// A text is not `address/prefix`, or its prefix is too long.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a network in CIDR notation: {0:?}")]
pub struct NotANetwork(pub String);

/// A line of a list is no address and no network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("addresses, line {line}: {what}")]
pub struct AddressListError {
    /// Number of the line, from 1.
    pub line: usize,
    /// What stands there.
    pub what: NotANetwork,
}

impl FromStr for Network {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<Network, NotANetwork> {
        let refused = || NotANetwork(text.to_owned());
        let (address, prefix) = text.split_once('/').ok_or_else(refused)?;
        let address: IpAddr = address.parse().map_err(|_| refused())?;
        let prefix: u8 = prefix.parse().map_err(|_| refused())?;
        if prefix > if address.is_ipv4() { 32 } else { 128 } {
            return Err(refused());
        }
        Ok(Network { address, prefix })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address_at(0), self.prefix)
    }
}

impl Network {
    /// The `index`-th address of the network, wrapping round within it.
    #[must_use]
    pub fn address_at(self, index: u128) -> IpAddr {
        let width = match self.address {
            IpAddr::V4(_) => 32 - u32::from(self.prefix.min(32)),
            IpAddr::V6(_) => 128 - u32::from(self.prefix.min(128)),
        };
        let hosts = if width == 128 { u128::MAX } else { (1u128 << width) - 1 };
        match self.address {
            IpAddr::V4(v4) => IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() & !(hosts as u32) | (index & hosts) as u32)),
            IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !hosts | index & hosts)),
        }
    }

    /// First and last address as numbers on one line: IPv4 as IPv4-mapped IPv6, so that both kinds can be compared.
    fn range(self) -> (u128, u128) {
        (number(self.address_at(0)), number(self.address_at(u128::MAX)))
    }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

/// What of an address may be kept once its place is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mask {
    /// Octets of an IPv4 address set to 0, from its end.
    pub octets: u8,
    /// Segments (16 bits) of an IPv6 address set to 0, from its end.
    pub segments: u8,
}

impl Default for Mask {
    /// One octet, five segments: the /24 and the /48 that providers give to one connection's neighbourhood.
    fn default() -> Mask {
        Mask { octets: 1, segments: 5 }
    }
}

impl Mask {
    /// `address` without its last part. IPv4 written as IPv6 is masked as IPv4.
    #[must_use]
    pub fn of(self, address: IpAddr) -> IpAddr {
        let prefix = match address.to_canonical() {
            IpAddr::V4(_) => 32 - 8 * self.octets.min(4),
            IpAddr::V6(_) => 128 - 16 * self.segments.min(8),
        };
        Network { address: address.to_canonical(), prefix }.address_at(0)
    }
}

/// A list of networks, looked up by halving: thousands cost a few dozen ns.
///
/// One network or address a line; what follows `#` is a comment.
#[derive(Clone, Debug, Default)]
pub struct AddressList {
    /// Disjoint ranges, ascending.
    ranges: Vec<(u128, u128)>,
}

impl AddressList {
    /// Reads a list.
    ///
    /// # Errors
    /// The first line that is no network.
    pub fn read(text: &str) -> Result<AddressList, AddressListError> {
        let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
        let mut ranges = Vec::new();
        for (number, line) in (1..).zip(lines).filter(|(_, line)| !line.is_empty()) {
            let network = match line.parse::<IpAddr>() {
                Ok(address) => Network { address, prefix: if address.is_ipv4() { 32 } else { 128 } },
                Err(_) => line.parse().map_err(|what| AddressListError { line: number, what })?,
            };
            ranges.push(network.range());
        }
        ranges.sort_unstable();
        let mut merged: Vec<(u128, u128)> = Vec::with_capacity(ranges.len());
        for (from, to) in ranges {
            match merged.last_mut() {
                Some(last) if from <= last.1.saturating_add(1) => last.1 = last.1.max(to),
                _ => merged.push((from, to)),
            }
        }
        Ok(AddressList { ranges: merged })
    }

    /// Whether `address` is in one of the networks.
    #[must_use]
    pub fn holds(&self, address: IpAddr) -> bool {
        let number = number(address);
        let after = self.ranges.partition_point(|(from, _)| *from <= number);
        after > 0 && number <= self.ranges[after - 1].1
    }

    /// Ranges after overlapping and adjacent ones were joined.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ranges.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn networks_are_parsed_counted_through_and_written() {
        let network: Network = "203.0.113.130/25".parse().unwrap();
        assert_eq!(network.address_at(3).to_string(), "203.0.113.131");
        assert_eq!(network.address_at(128 + 3).to_string(), "203.0.113.131");
        assert_eq!(network.to_string(), "203.0.113.128/25");
        let network: Network = "2001:db8::/32".parse().unwrap();
        assert_eq!(network.address_at(5).to_string(), "2001:db8::5");
        for wrong in ["203.0.113.0", "203.0.113.0/33", "::/129", "x/8", "1.2.3.4/x"] {
            assert_eq!(wrong.parse::<Network>(), Err(NotANetwork(wrong.into())));
        }
    }

    #[test]
    fn a_mask_takes_the_last_part_off() {
        for (text, octets, segments, masked) in [
            ("203.0.113.77", 1, 5, "203.0.113.0"),
            ("203.0.113.77", 2, 5, "203.0.0.0"),
            ("203.0.113.77", 0, 0, "203.0.113.77"),
            ("203.0.113.77", 9, 9, "0.0.0.0"),
            ("2001:db8:1:2:3:4:5:6", 1, 5, "2001:db8:1::"),
            ("2001:db8:1:2:3:4:5:6", 1, 1, "2001:db8:1:2:3:4:5:0"),
            ("2001:db8::1", 1, 9, "::"),
            ("::ffff:203.0.113.77", 1, 5, "203.0.113.0"),
        ] {
            assert_eq!(Mask { octets, segments }.of(address(text)).to_string(), masked, "{text}");
        }
        assert_eq!(Mask::default().of(address("203.0.113.77")), address("203.0.113.0"));
    }

    #[test]
    fn a_list_holds_what_its_networks_hold() {
        let list = AddressList::read(
            "# scanners\n203.0.113.0/25 # one\n203.0.113.128/25\n198.51.100.7\n2001:db8::/32\n203.0.113.9/32\n\n",
        )
        .unwrap();
        assert_eq!(list.len(), 3, "adjacent and contained networks are joined");
        for inside in ["203.0.113.0", "203.0.113.255", "198.51.100.7", "2001:db8:ffff::1"] {
            assert!(list.holds(address(inside)), "{inside}");
        }
        for outside in ["203.0.112.255", "203.0.114.0", "198.51.100.6", "198.51.100.8", "2001:db7::1", "::", "0.0.0.0"]
        {
            assert!(!list.holds(address(outside)), "{outside}");
        }
        let wrong = AddressList::read("# scanners\n\n1.2.3.4/40 # one\n").unwrap_err().to_string();
        assert_eq!(wrong, "addresses, line 3: not a network in CIDR notation: \"1.2.3.4/40\"");
        assert!(!AddressList::default().holds(address("1.2.3.4")));
    }

    #[test]
    fn a_list_agrees_with_looking_at_every_network() {
        proptest::proptest!(|(rows in proptest::collection::vec((0u32..4096, 20u8..=32), 0..40), probe in 0u32..4096)| {
            let networks: Vec<Network> = rows
                .iter()
                .map(|(at, prefix)| Network { address: Ipv4Addr::from_bits(at << 4).into(), prefix: *prefix })
                .collect();
            let text: String = networks.iter().map(|network| format!("{network}\n")).collect();
            let probe = IpAddr::from(Ipv4Addr::from_bits(probe << 4));
            let naive = networks.iter().any(|network| {
                network.address_at(0) <= probe && probe <= network.address_at(u128::MAX)
            });
            proptest::prop_assert_eq!(AddressList::read(&text).unwrap().holds(probe), naive);
        });
    }
}
