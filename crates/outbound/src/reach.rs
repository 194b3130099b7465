//! From where an address can be reached: everywhere, this machine alone, or some network of its own.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Who can reach an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Everybody on the internet.
    Public,
    /// This machine alone.
    Loopback,
    /// A network of its own, a group of machines, or nobody: private, link-local, metadata, multicast, reserved.
    Private,
}

/// Azure's platform address: it looks public and answers only the machine itself.
const AZURE_PLATFORM: Ipv4Addr = Ipv4Addr::new(168, 63, 129, 16);

impl Reach {
    /// Of an address; IPv6 addresses that carry an IPv4 address are judged by that [RFC 6890].
    pub fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::of_v4(address),
            IpAddr::V6(address) => Self::of_v6(address),
        }
    }

    fn of_v4(address: Ipv4Addr) -> Self {
        let [a, b, c, _] = address.octets();
        if address.is_loopback() {
            return Self::Loopback;
        }
        let special = address.is_private()
            || address.is_link_local()
            || address.is_multicast()
            || address.is_documentation()
            || a == 0
            || a >= 240
            // Shared by the customers of a carrier; also the metadata address of Alibaba.
            || (a == 100 && (64..128).contains(&b))
            // Protocol assignments, the 6to4 relay, benchmarks.
            || (a == 192 && b == 0 && c == 0)
            || (a == 192 && b == 88 && c == 99)
            || (a == 198 && (b == 18 || b == 19))
            || address == AZURE_PLATFORM;
        if special { Self::Private } else { Self::Public }
    }

    fn of_v6(address: Ipv6Addr) -> Self {
        if address.is_loopback() {
            return Self::Loopback;
        }
        let carried = |high: u16, low: u16| {
            let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
            Self::of_v4(Ipv4Addr::new(a, b, c, d))
        };
        match address.segments() {
            // Mapped, then compatible (which holds `::` too), then translated, then 6to4.
            [0, 0, 0, 0, 0, 0xffff | 0, high, low]
            | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
            | [0x2002, high, low, ..] => carried(high, low),
            // Protocol assignments (Teredo, ORCHID, benchmarks) and documentation.
            [0x2001, 0..0x200 | 0xdb8, ..] | [0x3fff, 0..0x1000, ..] => Self::Private,
            // All that is given out for global use; the rest is local, multicast or reserved.
            [0x2000..0x4000, ..] => Self::Public,
            _ => Self::Private,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Reach {
        Reach::of(text.parse().unwrap())
    }

    #[test]
    fn addresses_of_the_internet_are_public() {
        for text in [
            "1.1.1.1",
            "93.184.216.34",
            "172.15.0.1",
            "172.32.0.1",
            "100.63.0.1",
            "100.128.0.1",
            "192.0.1.1",
        ] {
            assert_eq!(of(text), Reach::Public, "{text}");
        }
        for text in [
            "2606:4700::1111",
            "2a00:1450::1",
            "2001:4860::8888",
            "::ffff:1.1.1.1",
            "64:ff9b::1.1.1.1",
            "2002:101:101::1",
        ] {
            assert_eq!(of(text), Reach::Public, "{text}");
        }
    }

    #[test]
    fn this_machine_is_loopback_however_it_is_written() {
        for text in [
            "127.0.0.1",
            "127.255.0.3",
            "::1",
            "::ffff:127.0.0.1",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
        ] {
            assert_eq!(of(text), Reach::Loopback, "{text}");
        }
    }

    #[test]
    fn private_metadata_and_reserved_addresses_are_private() {
        for text in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "100.100.100.200",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "198.18.0.1",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.250",
            "240.0.0.1",
            "255.255.255.255",
            "168.63.129.16",
        ] {
            assert_eq!(of(text), Reach::Private, "{text}");
        }
        for text in [
            "::",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "::10.0.0.1",
            "fe80::1",
            "fec0::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "2001:db8::1",
            "2001::1",
            "2001:10::1",
            "3fff::1",
            "64:ff9b::a00:1",
            "64:ff9b:1::1",
            "2002:a00:1::1",
            "100::1",
            "5f00::1",
            "4000::1",
        ] {
            assert_eq!(of(text), Reach::Private, "{text}");
        }
    }
}
