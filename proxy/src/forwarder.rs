//! Who a client is behind a reverse proxy: `X-Forwarded-For`, believed only of addresses that the
//! operator named with `--forwarder`.

use std::net::IpAddr;
use std::str::FromStr;

use http::HeaderMap;

/// The header; each forwarder appends the address that it was called from.
const FORWARDED_FOR: &str = "x-forwarded-for";
/// Entries that are looked at, from the last: real chains have two or three.
const MAX_ENTRIES: usize = 16;

/// A range of addresses, `10.0.0.0/8` or one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

impl Network {
    fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.bits)).unwrap_or(0);
                (own.to_bits() ^ other.to_bits()) & mask == 0
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let mask = u128::MAX
                    .checked_shl(128 - u32::from(self.bits))
                    .unwrap_or(0);
                (own.to_bits() ^ other.to_bits()) & mask == 0
            }
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address
            .parse()
            .map_err(|_| "an address is wanted, or a range such as 10.0.0.0/8")?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits.map(str::parse) {
            None => most,
            Some(Ok(bits)) if bits <= most => bits,
            Some(_) => return Err(format!("the bits are a number from 0 to {most}")),
        };
        Ok(Self { address, bits })
    }
}

impl std::fmt::Display for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

/// The forwarders that are believed.
#[derive(Debug, Clone, Default)]
pub struct Forwarders(pub Vec<Network>);

impl Forwarders {
    /// Whether this is the address of one of them.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address))
    }

    /// The client of a request that came from `peer`: the last address in the header that is no
    /// forwarder's. What stands before it anybody can have written.
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        if !self.contains(peer) {
            return peer;
        }
        let values = headers.get_all(FORWARDED_FOR).iter().rev();
        let entries = values
            .filter_map(|value| value.to_str().ok())
            .flat_map(|text| text.rsplit(','))
            .take(MAX_ENTRIES);
        let mut client = peer;
        for entry in entries {
            // A forwarder that writes something else has said no more than its own address.
            let Ok(address) = entry.trim().parse::<IpAddr>() else {
                break;
            };
            client = address;
            if !self.contains(address) {
                break;
            }
        }
        client
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[track_caller]
    fn check(forwarders: &[&str], peer: &str, headers: &[&'static str], expect: &str) {
        let forwarders = forwarders.iter().map(|one| one.parse().unwrap()).collect();
        let mut map = HeaderMap::new();
        for value in headers {
            map.append(FORWARDED_FOR, HeaderValue::from_static(value));
        }
        let got = Forwarders(forwarders).client(peer.parse().unwrap(), &map);
        assert_eq!(got.to_string(), expect, "{peer} {headers:?}");
    }

    #[test]
    fn whom_to_believe() {
        // Nobody, where none is named.
        check(&[], "10.0.0.1", &["1.1.1.1"], "10.0.0.1");
        check(&["10.0.0.0/8"], "192.0.2.1", &["1.1.1.1"], "192.0.2.1");
        check(&["10.0.0.0/8"], "10.0.0.1", &["1.1.1.1"], "1.1.1.1");
        check(&["10.0.0.0/8"], "10.0.0.1", &[], "10.0.0.1");
        // The client may have sent a header of its own.
        check(
            &["10.0.0.0/8"],
            "10.0.0.1",
            &["9.9.9.9, 1.1.1.1"],
            "1.1.1.1",
        );
        check(
            &["10.0.0.0/8"],
            "10.0.0.1",
            &["9.9.9.9", "1.1.1.1"],
            "1.1.1.1",
        );
        // Through two of them.
        check(
            &["10.0.0.0/8"],
            "10.0.0.1",
            &["1.1.1.1,10.0.0.2"],
            "1.1.1.1",
        );
        check(
            &["10.0.0.0/8"],
            "10.0.0.1",
            &["10.0.0.3,10.0.0.2"],
            "10.0.0.3",
        );
        check(
            &["10.0.0.0/8"],
            "10.0.0.1",
            &["1.1.1.1, unknown"],
            "10.0.0.1",
        );
        check(
            &["10.0.0.0/8"],
            "::ffff:10.0.0.1",
            &["2001:db8::1"],
            "2001:db8::1",
        );
        check(&["::1"], "::1", &["1.1.1.1"], "1.1.1.1");
        check(&["0.0.0.0/0"], "10.0.0.1", &["1.1.1.1"], "1.1.1.1");
    }

    #[test]
    fn networks() {
        for (text, expect) in [
            ("10.0.0.1", Some("10.0.0.1/32")),
            ("fd00::/8", Some("fd00::/8")),
            ("10.0.0.0/33", None),
            ("10.0.0.0/", None),
            ("fd00::/129", None),
            ("proxy.example", None),
            ("", None),
        ] {
            let got = text.parse::<Network>().ok().map(|one| one.to_string());
            assert_eq!(got.as_deref(), expect, "{text}");
        }
    }
}
