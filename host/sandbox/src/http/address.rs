//! What sort of address one is, and so whether a guest may be connected to it.
//! Does not resolve names, and knows no grants: `policy` puts both together.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What lies behind an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sort {
    /// Anybody can reach it.
    Public,
    /// Of this machine, or a network that is not public: only where the operator says so.
    Private(&'static str),
    /// Where a cloud tells a machine its credentials, and the links on which they do: only where the operator has written down the
    /// address itself.
    Metadata,
    /// Nothing that a request can go to.
    Unusable(&'static str),
}

/// Sorts an address. One that carries an IPv4 address in it is what that one is.
pub(crate) fn sort(address: IpAddr) -> Sort {
    match address {
        IpAddr::V4(address) => sort_v4(address),
        IpAddr::V6(address) => sort_v6(address),
    }
}

fn sort_v4(address: Ipv4Addr) -> Sort {
    match address.octets() {
        // All of the local link, and then Alibaba, Azure, Oracle.
        [169, 254, ..] | [100, 100, 100, 200] | [168, 63, 129, 16] | [192, 0, 0, 192] => Sort::Metadata,
        [127, ..] => Sort::Private("an address of this machine"),
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Sort::Private("a private address"),
        [100, 64..=127, ..] => Sort::Private("an address of a provider's inner network"),
        [198, 18..=19, ..] => Sort::Private("an address for measurements"),
        [0, ..] => Sort::Unusable("an unspecified address"),
        [192, 0, 0, _] | [192, 88, 99, _] => Sort::Unusable("a reserved address"),
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => Sort::Unusable("an address for documentation"),
        [224..=239, ..] => Sort::Unusable("a multicast address"),
        [240..=255, ..] => Sort::Unusable("a reserved address"),
        _ => Sort::Public,
    }
}

/// The address that one leads to: the IPv4 address in it, if it carries one, and itself otherwise.
pub(crate) fn leads_to(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    match v6.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => address,
        // Mapped, compatible, translated (SIIT), NAT64, 6to4: an IPv4 address in other clothes.
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..]
        // ISATAP has it at the end, behind any prefix.
        | [_, _, _, _, 0 | 0x200, 0x5efe, high, low] => v4(high, low).into(),
        _ => address,
    }
}

/// The IPv4 address that two groups spell.
fn v4(high: u16, low: u16) -> Ipv4Addr {
    let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
    Ipv4Addr::new(a, b, c, d)
}

fn sort_v6(address: Ipv6Addr) -> Sort {
    if let IpAddr::V4(address) = leads_to(address.into()) {
        return sort_v4(address);
    }
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => Sort::Unusable("an unspecified address"),
        [0, 0, 0, 0, 0, 0, 0, 1] => Sort::Private("an address of this machine"),
        // The local link, all of Amazon's, and Google.
        [0xfe80..=0xfebf, ..] | [0xfd00, 0xec2, ..] | [0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254] => Sort::Metadata,
        [0xfc00..=0xfdff, ..] => Sort::Private("a private address"),
        [0xfec0..=0xfeff, ..] => Sort::Private("a private address"),
        // RFC 6052: the prefixes of 48 and of 96 bits have the IPv4 address at different places.
        [0x64, 0xff9b, 1, first, second, third, high, low] => {
            let ([_, c], [d, _]) = (second.to_be_bytes(), third.to_be_bytes());
            let ([a, b], short) = (first.to_be_bytes(), v4(high, low));
            if [sort_v4(Ipv4Addr::new(a, b, c, d)), sort_v4(short)].contains(&Sort::Metadata) {
                Sort::Metadata
            } else {
                Sort::Private("an address of a network's own translation")
            }
        }
        [0xff00..=0xffff, ..] => Sort::Unusable("a multicast address"),
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => Sort::Unusable("an address for documentation"),
        // Teredo, ORCHID, benchmarking and others: none of them a server's.
        [0x2001, 0..=0x1ff, ..] => Sort::Unusable("a reserved address"),
        [0x2000..=0x3fff, ..] => Sort::Public,
        _ => Sort::Unusable("a reserved address"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Sort {
        sort(text.parse().unwrap())
    }

    #[test]
    fn addresses_of_servers_are_public() {
        for text in ["93.184.216.34", "1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700:4700::1111", "2a00:1450::1"] {
            assert_eq!(of(text), Sort::Public, "{text}");
        }
    }

    #[test]
    fn what_is_near_the_host_is_private_in_every_spelling() {
        for text in [
            "127.0.0.1",
            "127.255.255.254",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.0.1",
            "100.64.0.1",
            "198.18.0.1",
            "::1",
            "fc00::1",
            "fd12:3456::1",
            "fec0::1",
            "::ffff:127.0.0.1",
            "::127.0.0.1",
            "::ffff:0:10.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2002:a00:1::5",
            "2606:4700::5efe:10.0.0.1",
            "2606:4700::200:5efe:192.168.0.1",
        ] {
            assert!(matches!(of(text), Sort::Private(_)), "{text}: {:?}", of(text));
        }
    }

    #[test]
    fn where_a_cloud_keeps_credentials_is_a_sort_of_its_own() {
        for text in [
            "169.254.169.254",
            "169.254.170.2",
            "169.254.170.23",
            "169.254.0.23",
            "169.254.1.1",
            "100.100.100.200",
            "168.63.129.16",
            "192.0.0.192",
            "fd00:ec2::254",
            "fd00:ec2::23",
            "fd00:ec2:1::1",
            "fd20:ce::254",
            "fe80::1",
            "fe80::a9fe:a9fe",
            "::ffff:169.254.169.254",
            "::ffff:168.63.129.16",
            "::169.254.170.23",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b::a83f:8110",
            "64:ff9b:1:a9fe:a9:fe00::",
            "64:ff9b:1::a9fe:a9fe",
            "2002:a9fe:a9fe::",
            "2002:a83f:8110::",
            "2002:6464:64c8::",
        ] {
            assert_eq!(of(text), Sort::Metadata, "{text}");
        }
    }

    #[test]
    fn what_is_nobody_s_is_unusable() {
        for text in [
            "0.0.0.0",
            "0.1.2.3",
            "192.0.0.8",
            "192.0.2.1",
            "198.51.100.1",
            "203.0.113.1",
            "192.88.99.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "ff02::1",
            "2001:db8::1",
            "3fff::1",
            "2001::1",
            "2001:20::1",
            "100::1",
            "5f00::1",
            "4000::1",
            "::ffff:0.0.0.0",
        ] {
            assert!(matches!(of(text), Sort::Unusable(_)), "{text}: {:?}", of(text));
        }
    }
}
