//! Structured input: hosts, registries, repositories, tags, digests. Never a URL.
//!
//! Grammar: OCI distribution spec ("Pulling manifests"), OCI image spec (digests), RFC 1123 for
//! host names. Each type's only constructor validates.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use crate::error::ProxyError;

/// A DNS name's most bytes (RFC 1035).
const MAX_HOST_LEN: usize = 253;
/// A DNS label's most bytes (RFC 1035).
const MAX_LABEL_LEN: usize = 63;
/// The distribution spec advises clients to keep host and name within 255 bytes.
const MAX_REPOSITORY_LEN: usize = 255;
/// A tag's most bytes (distribution spec).
const MAX_TAG_LEN: usize = 128;
/// Longer than any registered algorithm's digest (sha512 needs 135).
const MAX_DIGEST_LEN: usize = 256;

fn invalid(text: impl Into<String>) -> ProxyError {
    ProxyError::TargetInvalid(text.into())
}

/// Shows untrusted input in a message: bounded, and control characters escaped.
pub fn shown(text: &str) -> String {
    let short: String = text.chars().take(100).collect();
    let dots = if short.len() < text.len() { "…" } else { "" };
    format!("\"{}{dots}\"", short.escape_debug())
}

/// A host name in lower case, or an IP literal.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Host {
    /// A DNS name: lower case, no trailing dot, not in a numeric form.
    Name(String),
    /// An address written as a canonical dotted quad or in brackets.
    Ip(IpAddr),
}

impl Host {
    /// The host as a resolver wants it: no brackets.
    pub fn bare(&self) -> String {
        match self {
            Self::Name(name) => name.clone(),
            Self::Ip(ip) => ip.to_string(),
        }
    }

    /// Names that mean this machine whatever a resolver says (RFC 6761).
    pub fn is_localhost_name(&self) -> bool {
        matches!(self, Self::Name(name) if name == "localhost" || name.ends_with(".localhost"))
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Ip(IpAddr::V4(v4)) => v4.fmt(f),
            Self::Ip(IpAddr::V6(v6)) => write!(f, "[{v6}]"),
        }
    }
}

impl FromStr for Host {
    type Err = ProxyError;

    fn from_str(text: &str) -> Result<Self, ProxyError> {
        let bad = |why: &str| invalid(format!("{} is not a host: {why}", shown(text)));
        if let Some(inner) = text.strip_prefix('[') {
            let inner = inner
                .strip_suffix(']')
                .ok_or_else(|| bad("no closing bracket"))?;
            let v6 = Ipv6Addr::from_str(inner).map_err(|_| bad("no IPv6 address in brackets"))?;
            return Ok(Self::Ip(v6.into()));
        }
        if text.is_empty() || text.len() > MAX_HOST_LEN {
            return Err(bad("1 to 253 characters are allowed"));
        }
        for label in text.split('.') {
            let inside = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
            if label.is_empty() || label.len() > MAX_LABEL_LEN {
                return Err(bad("each part between dots has 1 to 63 characters"));
            }
            if !label.bytes().all(inside) || label.starts_with('-') || label.ends_with('-') {
                return Err(bad("only letters, digits and inner hyphens are allowed"));
            }
        }
        // A last part that some resolver would read as a number makes the whole an address.
        let last = text.rsplit('.').next().unwrap_or_default();
        let hex = last.len() > 1 && (last.starts_with("0x") || last.starts_with("0X"));
        if last.bytes().all(|b| b.is_ascii_digit()) || hex {
            let v4 = Ipv4Addr::from_str(text)
                .map_err(|_| bad("of numeric forms only the dotted quad is allowed"))?;
            return Ok(Self::Ip(v4.into()));
        }
        Ok(Self::Name(text.to_ascii_lowercase()))
    }
}

/// HOST[:PORT], as in flags and in `registry=`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HostPort {
    /// The host.
    pub host: Host,
    /// The port, where one was named.
    pub port: Option<u16>,
}

impl HostPort {
    /// Whether a dial of this host and port is meant. Without a port the default ones are.
    pub fn covers(&self, host: &Host, port: u16) -> bool {
        let port_fits = self
            .port
            .map_or(matches!(port, 80 | 443), |own| own == port);
        self.host == *host && port_fits
    }
}

impl FromStr for HostPort {
    type Err = ProxyError;

    fn from_str(text: &str) -> Result<Self, ProxyError> {
        let colon = text.rfind(':').filter(|at| !text[*at..].contains(']'));
        let (host, port) = match colon {
            Some(at) => (&text[..at], Some(&text[at + 1..])),
            None => (text, None),
        };
        let port = port.map(|port| port_from_str(text, port)).transpose()?;
        Ok(Self {
            host: host.parse()?,
            port,
        })
    }
}

fn port_from_str(whole: &str, port: &str) -> Result<u16, ProxyError> {
    let bad = || invalid(format!("{} has no valid port", shown(whole)));
    if port.is_empty() || port.starts_with('0') || !port.bytes().all(|b| b.is_ascii_digit()) {
        return Err(bad());
    }
    port.parse().map_err(|_| bad())
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.host.fmt(f)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

/// Docker Hub's name in references.
pub const HUB_NAME: &str = "index.docker.io";
/// Docker Hub's other names, all one registry.
const HUB_ALIASES: [&str; 3] = [
    "docker.io",
    "registry-1.docker.io",
    "registry.hub.docker.com",
];
/// Where Docker Hub's API is.
const HUB_DIALLED: &str = "registry-1.docker.io";
/// The embedded sample registry: answered before any resolution.
pub const SAMPLE_NAME: &str = "sample.localhost";

/// A registry: its canonical name, and what is dialled for it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Registry {
    name: HostPort,
    dialled: HostPort,
}

impl Registry {
    /// The canonical name: Docker Hub's aliases are one.
    pub fn name(&self) -> &HostPort {
        &self.name
    }

    /// The host that is dialled.
    pub fn dialled(&self) -> &HostPort {
        &self.dialled
    }

    /// Whether the embedded sample is meant.
    pub fn is_sample(&self) -> bool {
        self.name.port.is_none()
            && matches!(&self.name.host, Host::Name(name) if name == SAMPLE_NAME)
    }
}

impl FromStr for Registry {
    type Err = ProxyError;

    fn from_str(text: &str) -> Result<Self, ProxyError> {
        let parsed: HostPort = text.parse()?;
        let is_hub = |name: &str| name == HUB_NAME || HUB_ALIASES.contains(&name);
        match &parsed.host {
            Host::Name(name) if is_hub(name) && matches!(parsed.port, None | Some(443)) => {
                let named = |name: &str| HostPort {
                    host: Host::Name(name.into()),
                    port: None,
                };
                Ok(Self {
                    name: named(HUB_NAME),
                    dialled: named(HUB_DIALLED),
                })
            }
            _ => Ok(Self {
                name: parsed.clone(),
                dialled: parsed,
            }),
        }
    }
}

impl fmt::Display for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name.fmt(f)
    }
}

/// A repository's name: `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*` in parts between slashes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Repository(String);

impl FromStr for Repository {
    type Err = ProxyError;

    fn from_str(text: &str) -> Result<Self, ProxyError> {
        let fits = text.len() <= MAX_REPOSITORY_LEN && text.split('/').all(is_path_component);
        if fits {
            return Ok(Self(text.to_owned()));
        }
        Err(invalid(format!(
            "{} is not a repository: parts of lower-case letters and digits, joined by . _ __ or -, between slashes",
            shown(text)
        )))
    }
}

fn is_path_component(part: &str) -> bool {
    let alphanumeric = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = part.as_bytes();
    if !bytes.first().is_some_and(alphanumeric) || !bytes.last().is_some_and(alphanumeric) {
        return false;
    }
    // What stands between two runs of letters and digits is one separator.
    bytes
        .split(|b| alphanumeric(b))
        .filter(|between| !between.is_empty())
        .all(|between| matches!(between, b"." | b"_" | b"__") || between.iter().all(|b| *b == b'-'))
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A digest: algorithm, colon, encoded part; sha256 and sha512 with their exact lengths.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Digest(String);

impl FromStr for Digest {
    type Err = ProxyError;

    fn from_str(text: &str) -> Result<Self, ProxyError> {
        if text.len() <= MAX_DIGEST_LEN && is_digest(text) {
            return Ok(Self(text.to_owned()));
        }
        Err(invalid(format!(
            "{} is not a digest such as sha256: and 64 lower-case hex digits",
            shown(text)
        )))
    }
}

fn is_digest(text: &str) -> bool {
    let Some((algorithm, encoded)) = text.split_once(':') else {
        return false;
    };
    let lower = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let algorithm_fits = algorithm
        .split(['+', '.', '_', '-'])
        .all(|part| !part.is_empty() && part.bytes().all(lower));
    let hex = |len: usize| {
        encoded.len() == len
            && encoded
                .bytes()
                .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    algorithm_fits
        && match algorithm {
            "sha256" => hex(64),
            "sha512" => hex(128),
            _ => {
                let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'=' | b'_' | b'-');
                !encoded.is_empty() && encoded.bytes().all(fits)
            }
        }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A tag or a digest.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Reference {
    /// A tag: `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`.
    Tag(String),
    /// A digest.
    Digest(Digest),
}

impl FromStr for Reference {
    type Err = ProxyError;

    fn from_str(text: &str) -> Result<Self, ProxyError> {
        if text.contains(':') {
            return text.parse().map(Self::Digest);
        }
        let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        let starts = !text.starts_with(['.', '-']);
        if !text.is_empty() && text.len() <= MAX_TAG_LEN && starts && text.bytes().all(fits) {
            return Ok(Self::Tag(text.to_owned()));
        }
        Err(invalid(format!(
            "{} is neither a tag (letters, digits, _ . -, up to 128) nor a digest",
            shown(text)
        )))
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => f.write_str(tag),
            Self::Digest(digest) => digest.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn host(text: &str, expect: Option<&str>) {
        let got = text
            .parse::<HostPort>()
            .ok()
            .map(|parsed| parsed.to_string());
        assert_eq!(got.as_deref(), expect, "{text}");
    }

    #[test]
    fn hosts() {
        host("ghcr.io", Some("ghcr.io"));
        host("GHCR.io:443", Some("ghcr.io:443"));
        host("localhost:5000", Some("localhost:5000"));
        host("a-b.example", Some("a-b.example"));
        host("1.2.3.4", Some("1.2.3.4"));
        host("1.2.3.4:5000", Some("1.2.3.4:5000"));
        host("[::1]:5000", Some("[::1]:5000"));
        host("[2606:4700::1]", Some("[2606:4700::1]"));
        host("3com.example", Some("3com.example"));
        host("1.2.3.example", Some("1.2.3.example"));
        for bad in [
            "",
            ".",
            "a..b",
            "a.",
            ".a",
            "-a.b",
            "a-.b",
            "a_b.c",
            "a b",
            "user@host",
            "user:pw@host",
            "host/path",
            "host?x",
            "host#x",
            "host\\x",
            "hóst",
            "host%2e",
            "::1",
            "[::1",
            "[::1]x",
            "[fe80::1%25eth0]",
            "[1.2.3.4]",
            "2130706433",
            "0x7f000001",
            "0x7f.1",
            "0177.0.0.1",
            "127.1",
            "1.2.3",
            "1.2.3.4.5",
            "1.2.3.256",
            "1.2.3.04",
            "1.2.3.0x4",
            "foo.0x7f",
            "0x",
            "host:",
            "host:0",
            "host:080",
            "host:65536",
            "host:+80",
            "host:8o",
            "host:80:80",
            "https://host",
            "host\n",
            "\u{ff11}.1.1.1",
        ] {
            host(bad, None);
        }
        host(&format!("{}.example", "a".repeat(64)), None);
        host(&"a.".repeat(126).trim_end_matches('.').repeat(2), None);
    }

    #[test]
    fn hub_has_one_name() {
        for alias in [
            "docker.io",
            "index.docker.io",
            "registry-1.docker.io",
            "Docker.IO:443",
        ] {
            let hub: Registry = alias.parse().unwrap();
            assert_eq!(hub.to_string(), HUB_NAME);
            assert_eq!(hub.dialled().to_string(), "registry-1.docker.io");
        }
        let other: Registry = "docker.io:5000".parse().unwrap();
        assert_eq!(other.to_string(), "docker.io:5000");
        assert!("sample.localhost".parse::<Registry>().unwrap().is_sample());
        assert!(
            !"sample.localhost:80"
                .parse::<Registry>()
                .unwrap()
                .is_sample()
        );
    }

    #[track_caller]
    fn repository(text: &str, fits: bool) {
        assert_eq!(text.parse::<Repository>().is_ok(), fits, "{text}");
    }

    #[test]
    fn repositories() {
        for good in [
            "a",
            "library/debian",
            "a/b/c",
            "a.b",
            "a_b",
            "a__b",
            "a-b",
            "a---b",
            "0/1",
        ] {
            repository(good, true);
        }
        for bad in [
            "", "/", "/a", "a/", "a//b", "A", "a..b", "a___b", "a._b", "-a", "a-", ".", "..",
            "../a", "a/../b", "a%2fb", "a b", "a?b", "a#b", "a\\b", "a:b", "a@b", "é",
        ] {
            repository(bad, false);
        }
        repository(&"a".repeat(255), true);
        repository(&"a".repeat(256), false);
    }

    #[track_caller]
    fn reference(text: &str, fits: bool) {
        assert_eq!(text.parse::<Reference>().is_ok(), fits, "{text}");
    }

    #[test]
    fn references() {
        let (hex64, hex128) = ("a1".repeat(32), "b2".repeat(64));
        for good in ["latest", "v1.0", "_x", "A.b-c_d", "1"] {
            reference(good, true);
        }
        reference(&format!("sha256:{hex64}"), true);
        reference(&format!("sha512:{hex128}"), true);
        reference(
            "multihash+base58:QmRZxt2b1FVZPNqd8hsiykDL3TdBDeTSPX9Kv46HmX4Gx8",
            true,
        );
        reference(&"a".repeat(128), true);
        reference(&"a".repeat(129), false);
        for bad in [
            "",
            ".a",
            "-a",
            "a/b",
            "a b",
            "..",
            "a?b",
            "sha256:",
            ":abc",
            "sha256:abc",
        ] {
            reference(bad, false);
        }
        reference(&format!("sha256:{}", hex64.to_uppercase()), false);
        reference(&format!("sha256:{hex64}0"), false);
        reference(&format!("sha512:{hex64}"), false);
        reference(&format!("sha256:{}/x", &hex64[..62]), false);
        reference("SHA256:abc", false);
        reference("a--b:abc", false);
    }
}
