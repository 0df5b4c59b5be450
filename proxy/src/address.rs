//! Which IP addresses are public. Everything else is refused unless the operator lifted it.
//!
//! Source: the IANA special-purpose address registries (RFC 6890 and its updates).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Why an address is refused, or `None` for a public one.
pub fn refusal(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(v4) => refusal_v4(v4),
        IpAddr::V6(v6) => refusal_v6(v6),
    }
}

fn refusal_v4(address: Ipv4Addr) -> Option<&'static str> {
    // Azure's platform address is public by number, yet answers as metadata service inside Azure.
    if address == Ipv4Addr::new(168, 63, 129, 16) {
        return Some("cloud metadata");
    }
    let reason = match address.octets() {
        [0, ..] => "this network (0/8)",
        [10, ..] | [192, 168, ..] => "private",
        [172, b, ..] if b & 0xf0 == 16 => "private",
        [100, b, ..] if b & 0xc0 == 64 => "shared address space (100.64/10)",
        [127, ..] => "loopback",
        [169, 254, ..] => "link-local or cloud metadata",
        [192, 0, 0, _] => "protocol assignments",
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => "documentation",
        [192, 88, 99, _] => "6to4 relay",
        [198, b, ..] if b & 0xfe == 18 => "benchmarking",
        [a, ..] if a & 0xf0 == 224 => "multicast",
        [a, ..] if a & 0xf0 == 240 => "reserved",
        _ => return None,
    };
    Some(reason)
}

fn refusal_v6(address: Ipv6Addr) -> Option<&'static str> {
    let reason = match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => "unspecified",
        [0, 0, 0, 0, 0, 0, 0, 1] => "loopback",
        [0, 0, 0, 0, 0, 0xffff, ..] => "IPv4-mapped",
        // Translated addresses reach whatever IPv4 address they embed: RFC 6052, RFC 8215.
        [0x64, 0xff9b, ..] => "NAT64",
        [s, ..] if s & 0xfe00 == 0xfc00 => "unique local",
        [s, ..] if s & 0xffc0 == 0xfe80 => "link-local",
        [s, ..] if s & 0xff00 == 0xff00 => "multicast",
        // Global unicast is 2000::/3 and nothing else.
        [s, ..] if s & 0xe000 != 0x2000 => "reserved",
        [0x2001, s, ..] if s & 0xfe00 == 0 => "protocol assignments or Teredo",
        [0x2001, 0xdb8, ..] => "documentation",
        [0x2002, ..] => "6to4",
        [0x3fff, s, ..] if s & 0xf000 == 0 => "documentation",
        _ => return None,
    };
    Some(reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(address: &str, public: bool) {
        let parsed: IpAddr = address.parse().unwrap();
        assert_eq!(
            refusal(parsed).is_none(),
            public,
            "{address}: {:?}",
            refusal(parsed)
        );
    }

    #[test]
    fn private_and_special_v4() {
        for refused in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "10.255.255.255",
            "100.64.0.0",
            "100.127.255.255",
            "100.100.100.200",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.192",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.0.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.9",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "168.63.129.16",
        ] {
            check(refused, false);
        }
    }

    #[test]
    fn public_v4_beside_them() {
        for public in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.0.1",
            "128.0.0.1",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "168.63.129.15",
        ] {
            check(public, true);
        }
    }

    #[test]
    fn v6() {
        for refused in [
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b::808:808",
            "64:ff9b:1::1",
            "100::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "2002:808:808::1",
            "3fff::1",
            "5f00::1",
            "4000::1",
            "2001:20::1",
        ] {
            check(refused, false);
        }
        for public in [
            "2606:4700::1111",
            "2001:4860:4860::8888",
            "2a00:1450::1",
            "2001:200::1",
            "3ffe::1",
        ] {
            check(public, true);
        }
    }
}
