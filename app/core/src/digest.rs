//! Content digests: `sha256:…` and `sha512:…` (OCI image specification, "Digests").
//!
//! A [`Digest`] is either computed here or parsed strictly, so that holding one means that its
//! text is well formed.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::Digest as _;

/// A hash algorithm that the image specification registers and that Layerscope checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Algorithm {
    /// SHA-256, the one in common use.
    Sha256,
    /// SHA-512, which a registry may offer too.
    Sha512,
}

impl Algorithm {
    /// The name in front of the colon.
    pub fn name(self) -> &'static str {
        match self {
            Algorithm::Sha256 => "sha256",
            Algorithm::Sha512 => "sha512",
        }
    }

    /// How many hex digits the encoded part has.
    pub fn encoded_len(self) -> usize {
        match self {
            Algorithm::Sha256 => 64,
            Algorithm::Sha512 => 128,
        }
    }
}

/// A digest whose text is known to be well formed.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest {
    algorithm: Algorithm,
    encoded: Box<str>,
}

impl Digest {
    /// The digest of `bytes`.
    pub fn of(algorithm: Algorithm, bytes: &[u8]) -> Digest {
        let mut hasher = Hasher::new(algorithm);
        hasher.update(bytes);
        hasher.finish()
    }

    /// The digest whose raw hash value is `raw`; none if the length is not the algorithm's.
    pub fn from_raw(algorithm: Algorithm, raw: &[u8]) -> Option<Digest> {
        (raw.len() * 2 == algorithm.encoded_len()).then(|| Digest {
            algorithm,
            encoded: hex(raw).into(),
        })
    }

    /// Its algorithm.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The lower-case hex digits after the colon.
    pub fn encoded(&self) -> &str {
        &self.encoded
    }

    /// The raw hash value: 32 or 64 bytes.
    pub fn raw(&self) -> Vec<u8> {
        let nibble = |c: u8| match c {
            b'0'..=b'9' => c - b'0',
            _ => c.wrapping_sub(b'a').wrapping_add(10),
        };
        self.encoded
            .as_bytes()
            .chunks_exact(2)
            .map(|pair| (nibble(pair[0]) << 4) | nibble(pair[1]))
            .collect()
    }

    /// `sha256:0123456789ab`: enough to tell two apart on a page, not to look one up.
    pub fn short(&self) -> String {
        format!(
            "{}:{}",
            self.algorithm.name(),
            self.encoded.get(..SHORT_LEN).unwrap_or(&self.encoded)
        )
    }

    /// Whether `bytes` have this digest.
    pub fn matches(&self, bytes: &[u8]) -> bool {
        *self == Digest::of(self.algorithm, bytes)
    }
}

/// Hex digits in [`Digest::short`]; the custom of the command line tools.
const SHORT_LEN: usize = 12;

fn hex(raw: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    raw.iter()
        .flat_map(|b| [b >> 4, b & 15])
        .map(|n| char::from(DIGITS[usize::from(n)]))
        .collect()
}

/// Why a text is no digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DigestError {
    /// No colon between algorithm and hex digits.
    #[error("a digest is written ALGORITHM:HEX, and this has no colon")]
    NoColon,
    /// An algorithm that cannot be checked here.
    #[error("the digest algorithm {name:?} is not known; sha256 and sha512 are")]
    UnknownAlgorithm {
        /// What stood in front of the colon, cut to a few characters.
        name: String,
    },
    /// Too few or too many hex digits.
    #[error("a {algorithm} digest has {expected} hex digits, and this has {actual}")]
    Length {
        /// The algorithm's name.
        algorithm: &'static str,
        /// Hex digits that it needs.
        expected: usize,
        /// Characters that were there.
        actual: usize,
    },
    /// A character that is no lower-case hex digit.
    #[error("a digest has lower-case hex digits only, and this has {found:?}")]
    NotHex {
        /// The first such character.
        found: char,
        /// Its place: bytes from the digest's first byte.
        position: usize,
    },
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Digest, DigestError> {
        let (name, encoded) = text.split_once(':').ok_or(DigestError::NoColon)?;
        let algorithm = match name {
            "sha256" => Algorithm::Sha256,
            "sha512" => Algorithm::Sha512,
            _ => {
                return Err(DigestError::UnknownAlgorithm {
                    name: name.chars().take(32).collect(),
                });
            }
        };
        let is_hex = |c: char| matches!(c, '0'..='9' | 'a'..='f');
        if let Some((at, found)) = encoded.char_indices().find(|&(_, c)| !is_hex(c)) {
            return Err(DigestError::NotHex {
                found,
                position: name.len() + 1 + at,
            });
        }
        if encoded.len() != algorithm.encoded_len() {
            return Err(DigestError::Length {
                algorithm: algorithm.name(),
                expected: algorithm.encoded_len(),
                actual: encoded.len(),
            });
        }
        Ok(Digest {
            algorithm,
            encoded: encoded.into(),
        })
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm.name(), self.encoded)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Digest, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Hashes bytes that come in pieces.
#[derive(Clone)]
pub struct Hasher(State);

#[derive(Clone)]
enum State {
    Sha256(sha2::Sha256),
    Sha512(sha2::Sha512),
}

impl Hasher {
    /// A hasher that has seen nothing.
    pub fn new(algorithm: Algorithm) -> Hasher {
        Hasher(match algorithm {
            Algorithm::Sha256 => State::Sha256(sha2::Sha256::new()),
            Algorithm::Sha512 => State::Sha512(sha2::Sha512::new()),
        })
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            State::Sha256(h) => h.update(bytes),
            State::Sha512(h) => h.update(bytes),
        }
    }

    /// The digest of all bytes taken.
    pub fn finish(self) -> Digest {
        match self.0 {
            State::Sha256(h) => Digest {
                algorithm: Algorithm::Sha256,
                encoded: hex(&h.finalize()).into(),
            },
            State::Sha512(h) => Digest {
                algorithm: Algorithm::Sha512,
                encoded: hex(&h.finalize()).into(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    const ABC_512: &str = "sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f";

    #[track_caller]
    fn check(text: &str, expect: Result<(), DigestError>) {
        match (text.parse::<Digest>(), expect) {
            (Ok(d), Ok(())) => assert_eq!(d.to_string(), text),
            (Err(e), Err(x)) => assert_eq!(e, x),
            (got, want) => panic!("{text}: got {got:?}, want {want:?}"),
        }
    }

    #[test]
    fn parses_strictly() {
        check(EMPTY, Ok(()));
        check(ABC_512, Ok(()));
        check("", Err(DigestError::NoColon));
        check("e3b0c442", Err(DigestError::NoColon));
        let unknown = |name: &str| Err(DigestError::UnknownAlgorithm { name: name.into() });
        check("md5:d41d8cd98f00b204e9800998ecf8427e", unknown("md5"));
        check(&EMPTY.replace("sha256", "SHA256"), unknown("SHA256"));
        check(&EMPTY.replace("sha256", ""), unknown(""));
        check("sha256:", short("sha256", 64, 0));
        check(&EMPTY[..EMPTY.len() - 1], short("sha256", 64, 63));
        check(&format!("{EMPTY}0"), short("sha256", 64, 65));
        check(&EMPTY.replace("sha256", "sha512"), short("sha512", 128, 64));
        check(&EMPTY.to_uppercase().replace("SHA", "sha"), not_hex('E', 7));
        check("sha256:0/..", not_hex('/', 8));
        check("sha256:é", not_hex('é', 7));
    }

    fn short(algorithm: &'static str, expected: usize, actual: usize) -> Result<(), DigestError> {
        Err(DigestError::Length {
            algorithm,
            expected,
            actual,
        })
    }

    fn not_hex(found: char, position: usize) -> Result<(), DigestError> {
        Err(DigestError::NotHex { found, position })
    }

    #[test]
    fn hashes_in_pieces_as_in_one() {
        assert_eq!(Digest::of(Algorithm::Sha256, b"").to_string(), EMPTY);
        let mut h = Hasher::new(Algorithm::Sha512);
        h.update(b"a");
        h.update(b"");
        h.update(b"bc");
        let d = h.finish();
        assert_eq!(d.to_string(), ABC_512);
        assert!(d.matches(b"abc") && !d.matches(b"abd"));
        assert_eq!(d.short(), "sha512:ddaf35a19361");
        assert_eq!(Digest::from_raw(Algorithm::Sha512, &d.raw()), Some(d));
        assert_eq!(Digest::from_raw(Algorithm::Sha256, &[0; 31]), None);
    }

    #[test]
    fn travels_as_a_string() {
        let d: Digest = EMPTY.parse().unwrap();
        let json = serde_json::to_string(&d).unwrap();
        assert_eq!(json, format!("{EMPTY:?}"));
        assert_eq!(serde_json::from_str::<Digest>(&json).unwrap(), d);
        assert!(serde_json::from_str::<Digest>("\"sha256:zz\"").is_err());
    }
}
