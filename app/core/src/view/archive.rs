//! Whether a file is offered as a folder.

use crate::archive::is_marked;
use crate::layer_index::Compression;

/// What names of archives, and of compressed files, end with.
const SUFFIXES: [&str; 26] = [
    ".tar", ".tgz", ".txz", ".tbz", ".tbz2", ".tzst", ".gz", ".xz", ".bz2", ".zst", ".zip", ".jar",
    ".war", ".ear", ".aar", ".whl", ".egg", ".apk", ".nupkg", ".vsix", ".deb", ".udeb", ".ipk",
    ".a", ".cpio", ".gem",
];

/// It looks like an archive or a compressed file: by its first bytes if they are here, else by its
/// name. The answer of who opens it is the one that counts.
pub fn looks_like_one(name: &[u8], head: Option<&[u8]>) -> bool {
    let Some(head) = head else {
        let name = name.to_ascii_lowercase();
        return SUFFIXES.iter().any(|s| name.ends_with(s.as_bytes()));
    };
    is_marked(head)
        || Compression::detect(head) != Compression::None
        || head.get(257..262) == Some(b"ustar")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, head: Option<&[u8]>, expect: bool) {
        assert_eq!(looks_like_one(name.as_bytes(), head), expect, "{name}");
    }

    #[test]
    fn by_name_then_by_content() {
        check("a.JAR", None, true);
        check("notes.txt", None, false);
        check("notes.txt", Some(b"PK\x03\x04rest"), true);
        check("a.jar", Some(b"not a jar"), false);
        check("x", Some(b"\x1f\x8b\x08"), true);
        let mut tar = vec![0; 512];
        tar[257..262].copy_from_slice(b"ustar");
        check("x", Some(&tar), true);
        check("x", Some(b""), false);
    }
}
