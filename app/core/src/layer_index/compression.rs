//! Which compression a blob has, by its first bytes.

use serde::{Deserialize, Serialize};

/// How a blob is compressed. Its magic bytes say so; media types are often wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Compression {
    /// Not at all, or not in a way that is known here.
    None,
    /// gzip (RFC 1952).
    Gzip,
    /// Zstandard (RFC 8878).
    Zstd,
    /// xz.
    Xz,
    /// bzip2.
    Bzip2,
}

/// Bytes that [`Compression::detect`] wants to see: the longest magic.
pub const MAGIC_BYTES: usize = 6;

impl Compression {
    /// From a blob's first six bytes, or all of them if it is shorter.
    pub fn detect(head: &[u8]) -> Compression {
        match head {
            [0x1f, 0x8b, ..] => Compression::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Compression::Zstd,
            // A skippable frame (RFC 8878 section 3.1.2), as zstd:chunked may begin with.
            [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Compression::Zstd,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Compression::Xz,
            [b'B', b'Z', b'h', b'1'..=b'9', b'1', b'A', ..] => Compression::Bzip2,
            _ => Compression::None,
        }
    }

    /// It is read by one of the decoders of [`crate::decode`], which not every program has.
    pub fn needs_decoder(self) -> bool {
        match self {
            Compression::None | Compression::Gzip => false,
            Compression::Zstd | Compression::Xz | Compression::Bzip2 => true,
        }
    }

    /// Its name for people.
    pub fn name(self) -> &'static str {
        match self {
            Compression::None => "none",
            Compression::Gzip => "gzip",
            Compression::Zstd => "zstd",
            Compression::Xz => "xz",
            Compression::Bzip2 => "bzip2",
        }
    }
}

impl std::fmt::Display for Compression {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(head: &[u8], expect: Compression) {
        assert_eq!(Compression::detect(head), expect);
    }

    #[test]
    fn magic_bytes() {
        check(&[0x1f, 0x8b, 8, 0, 0, 0], Compression::Gzip);
        check(&[0x1f, 0x8b], Compression::Gzip);
        check(&[0x1f], Compression::None);
        check(b"", Compression::None);
        check(&[0x28, 0xb5, 0x2f, 0xfd], Compression::Zstd);
        check(&[0x50, 0x2a, 0x4d, 0x18, 0, 0], Compression::Zstd);
        check(b"\xfd7zXZ\0", Compression::Xz);
        check(b"BZh91AY", Compression::Bzip2);
        check(b"BZhang/", Compression::None);
        check(b"./\0\0\0\0", Compression::None);
    }
}
