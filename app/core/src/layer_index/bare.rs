//! A blob that is no archive: one file, compressed or not, and what it is called.

use super::Compression;
use crate::toc::{Entry, EntryKind, Toc};

/// Bytes of a gzip header that are looked at for the file's name; real ones have a few dozen.
pub(crate) const GZIP_HEAD_BYTES: usize = 1024;
/// Longest name that is taken over, in bytes, as most file systems have it.
const MAX_NAME: usize = 255;
/// The file's name where nobody gave one.
const UNNAMED: &str = "content";

/// The name in a gzip member's header (RFC 1952 section 2.3.1, FNAME), without directories.
pub(crate) fn gzip_name(head: &[u8]) -> Option<Vec<u8>> {
    const EXTRA: u8 = 4;
    const NAME: u8 = 8;
    let flags = *head.get(3)?;
    if flags & NAME == 0 {
        return None;
    }
    let mut rest = head.get(10..)?;
    if flags & EXTRA != 0 {
        let len = u16::from_le_bytes([*rest.first()?, *rest.get(1)?]);
        rest = rest.get(2 + usize::from(len)..)?;
    }
    let end = rest.iter().position(|b| *b == 0)?;
    last_component(&rest[..end])
}

fn last_component(name: &[u8]) -> Option<Vec<u8>> {
    let name = name.rsplit(|b| matches!(b, b'/' | b'\\')).next()?;
    let good = !matches!(name, b"" | b"." | b"..") && name.len() <= MAX_NAME;
    good.then(|| name.to_vec())
}

impl Compression {
    /// What names of files so compressed end with.
    fn suffixes(self) -> &'static [&'static str] {
        match self {
            Compression::None => &[],
            Compression::Gzip => &[".gz", ".gzip"],
            Compression::Zstd => &[".zst", ".zstd"],
            Compression::Xz => &[".xz"],
            Compression::Bzip2 => &[".bz2"],
        }
    }
}

/// What the file is called: as its header says, else as whoever names the blob does, without the
/// compression's suffix.
pub fn file_name(stored: Option<&[u8]>, title: Option<&[u8]>, compression: Compression) -> Vec<u8> {
    if let Some(name) = stored.and_then(last_component) {
        return name;
    }
    let Some(title) = title.and_then(last_component) else {
        return UNNAMED.into();
    };
    let lower = title.to_ascii_lowercase();
    let suffixes = compression.suffixes().iter();
    let cut = suffixes
        .filter(|s| lower.ends_with(s.as_bytes()) && lower.len() > s.len())
        .map(|s| title.len() - s.len())
        .next();
    title[..cut.unwrap_or(title.len())].to_vec()
}

/// A table of contents with that one file in it, which is all of `out_len` uncompressed bytes.
pub fn listed(name: Vec<u8>, out_len: u64) -> Toc {
    let mut toc = Toc::new();
    let entry = Entry {
        path: name,
        kind: EntryKind::File,
        size: out_len,
        mode: 0,
        uid: 0,
        gid: 0,
        uname: Vec::new(),
        gname: Vec::new(),
        mtime_s: 0,
        mtime_ns: 0,
        linkname: Vec::new(),
        device: None,
        pax: Vec::new(),
        header_out_offset: Some(0),
        data_out_offset: Some(0),
        stored_len: out_len,
        sparse: None,
    };
    // The only entry, with a short name: it is within every limit.
    let _fits = toc.push(&entry);
    toc
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(stored: &str, title: &str, compression: Compression, expect: &str) {
        let given = |text: &str| (!text.is_empty()).then(|| text.as_bytes().to_vec());
        let name = file_name(
            given(stored).as_deref(),
            given(title).as_deref(),
            compression,
        );
        assert_eq!(String::from_utf8_lossy(&name), expect);
    }

    #[test]
    fn names() {
        use Compression::{Bzip2, Gzip, None, Xz, Zstd};
        check("", "", Gzip, "content");
        check("disk.img", "other.gz", Gzip, "disk.img");
        check("/tmp/disk.img", "", Gzip, "disk.img");
        check("..", "", Gzip, "content");
        check("", "models/weights.bin.xz", Xz, "weights.bin");
        check("", "a.ZST", Zstd, "a");
        check("", "a.bz2", Bzip2, "a");
        check("", ".gz", Gzip, ".gz");
        check("", "a.gz", Xz, "a.gz");
        check("", "a.json", None, "a.json");
        check(&"x".repeat(256), "", Gzip, "content");
    }

    #[test]
    fn names_in_headers() {
        let plain = b"\x1f\x8b\x08\x08\0\0\0\0\0\x03dir/name\0rest";
        assert_eq!(gzip_name(plain).as_deref(), Some(&b"name"[..]));
        let extra = b"\x1f\x8b\x08\x0c\0\0\0\0\0\x03\x03\0abcname\0";
        assert_eq!(gzip_name(extra).as_deref(), Some(&b"name"[..]));
        assert_eq!(gzip_name(b"\x1f\x8b\x08\0\0\0\0\0\0\x03name\0"), None);
        for len in 0..plain.len() - 5 {
            assert_eq!(gzip_name(&plain[..len]), None);
        }
    }
}
