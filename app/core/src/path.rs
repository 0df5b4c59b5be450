//! Paths in an archive: bytes, not text.
//!
//! A tar name may hold anything but NUL, so a path keeps the bytes it came with. In addresses
//! and attributes it is percent-encoded; on screen its control and bidirectional characters are
//! made visible.

use std::fmt;

use percent_encoding::percent_decode_str;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A path's raw bytes. From the archive's root, so with no leading or trailing slash once
/// [`normalised`](EntryPath::normalised); a link's target is held as it stands.
#[derive(Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EntryPath(Vec<u8>);

impl EntryPath {
    /// The archive's root: the empty path.
    pub const ROOT: EntryPath = EntryPath(Vec::new());

    /// Takes the bytes as they are.
    pub fn new(bytes: impl Into<Vec<u8>>) -> EntryPath {
        EntryPath(bytes.into())
    }

    /// The raw bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The raw bytes.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// True for the empty path, the root.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The same place in its shortest spelling: empty and `.` components are dropped, `..` is
    /// kept as a component, because a name in an archive is data and not a direction.
    pub fn normalised(&self) -> EntryPath {
        let mut out = Vec::with_capacity(self.0.len());
        for component in self.components() {
            if !out.is_empty() {
                out.push(b'/');
            }
            out.extend_from_slice(component);
        }
        EntryPath(out)
    }

    /// The components that mean something: neither empty nor `.`.
    pub fn components(&self) -> impl DoubleEndedIterator<Item = &[u8]> {
        self.0
            .split(|&b| b == b'/')
            .filter(|c| !c.is_empty() && *c != b".")
    }

    /// The last component; none for the root.
    pub fn file_name(&self) -> Option<&[u8]> {
        self.components().next_back()
    }

    /// The directory it lies in, normalised; none for the root.
    pub fn parent(&self) -> Option<EntryPath> {
        let mut path = self.normalised();
        if path.is_root() {
            return None;
        }
        let cut = path.0.iter().rposition(|&b| b == b'/').unwrap_or(0);
        path.0.truncate(cut);
        Some(path)
    }

    /// This path with one or more components added.
    pub fn join(&self, more: &[u8]) -> EntryPath {
        let mut out = self.0.clone();
        if !out.is_empty() && out.last() != Some(&b'/') {
            out.push(b'/');
        }
        out.extend_from_slice(more);
        EntryPath(out)
    }

    /// This path and the ones above it, from the first component down: for breadcrumbs.
    pub fn ancestors(&self) -> Vec<EntryPath> {
        let mut out: Vec<EntryPath> = Vec::new();
        for component in self.components() {
            let next = out.last().unwrap_or(&EntryPath::ROOT).join(component);
            out.push(next);
        }
        out
    }

    /// Percent-encoded: `A-Z a-z 0-9 - . _ ~ /` stay, every other byte is `%XX` in capitals.
    pub fn encode(&self) -> String {
        encode_bytes(&self.0, true)
    }

    /// The bytes that an encoded path stands for. Characters that need no escape for the
    /// decoder are taken as they are, and so is a `%` that no two hex digits follow.
    pub fn decode(text: &str) -> EntryPath {
        EntryPath(percent_decode_str(text).collect())
    }

    /// Text for the screen: UTF-8 where it is, `\xNN` where it is not, and a symbol or a
    /// `\u{NNNN}` for what would not be seen or would turn the line around.
    pub fn display(&self) -> String {
        visible(&self.0)
    }
}

/// Percent-encodes: unreserved characters of RFC 3986 stay, and `/` if `keep_slash`.
pub fn encode_bytes(bytes: &[u8], keep_slash: bool) -> String {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let mut out = String::with_capacity(bytes.len());
    for &b in bytes {
        let stays = b.is_ascii_alphanumeric() || b"-._~".contains(&b) || (b == b'/' && keep_slash);
        if stays {
            out.push(char::from(b));
        } else {
            out.push('%');
            out.push(char::from(DIGITS[usize::from(b >> 4)]));
            out.push(char::from(DIGITS[usize::from(b & 15)]));
        }
    }
    out
}

/// Makes bytes from a stranger fit to be shown in one line: see [`EntryPath::display`].
pub fn visible(bytes: &[u8]) -> String {
    use fmt::Write as _;
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                // The block "Control Pictures" has a sign for each C0 control and for DEL.
                '\0'..='\x1f' => out.push(char::from_u32(0x2400 + c as u32).unwrap_or('␀')),
                '\x7f' => out.push('␡'),
                c if is_hidden(c) => {
                    // Writing to a String cannot fail.
                    let _ = write!(out, "\\u{{{:x}}}", c as u32);
                }
                c => out.push(c),
            }
        }
        for b in chunk.invalid() {
            let _ = write!(out, "\\x{b:02x}");
        }
    }
    out
}

/// Characters that are not seen, or that change how their neighbours are seen: C1 controls,
/// line separators, zero-width characters, bidirectional marks (Unicode TR 9), tags.
fn is_hidden(c: char) -> bool {
    matches!(c,
        '\u{80}'..='\u{9f}' | '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}')
}

impl fmt::Display for EntryPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.display())
    }
}

impl fmt::Debug for EntryPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.encode())
    }
}

impl From<&str> for EntryPath {
    fn from(text: &str) -> EntryPath {
        EntryPath(text.as_bytes().to_vec())
    }
}

impl From<Vec<u8>> for EntryPath {
    fn from(bytes: Vec<u8>) -> EntryPath {
        EntryPath(bytes)
    }
}

impl From<&[u8]> for EntryPath {
    fn from(bytes: &[u8]) -> EntryPath {
        EntryPath(bytes.to_vec())
    }
}

/// Travels percent-encoded, so that JSON can carry bytes that are not UTF-8.
impl Serialize for EntryPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.encode())
    }
}

impl<'de> Deserialize<'de> for EntryPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<EntryPath, D::Error> {
        Ok(EntryPath::decode(&String::deserialize(deserializer)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check_encode(raw: &[u8], expect: &str) {
        assert_eq!(EntryPath::new(raw).encode(), expect);
        assert_eq!(EntryPath::decode(expect).as_bytes(), raw);
    }

    #[test]
    fn encodes_bytes() {
        check_encode(b"", "");
        check_encode(b"usr/lib/os-release", "usr/lib/os-release");
        check_encode(b"a b", "a%20b");
        check_encode(b"a@b:c!/d?e#f%g", "a%40b%3Ac%21/d%3Fe%23f%25g");
        check_encode(b"\xff\xfe", "%FF%FE");
        check_encode("é".as_bytes(), "%C3%A9");
        check_encode(b"~_.-", "~_.-");
        check_encode(b"a\nb\0", "a%0Ab%00");
        check_encode(b"a+b", "a%2Bb");
    }

    #[test]
    fn decodes_what_others_wrote() {
        assert_eq!(EntryPath::decode("a%2fb%zz%4").as_bytes(), b"a/b%zz%4");
        assert_eq!(EntryPath::decode("é+ ").as_bytes(), "é+ ".as_bytes());
    }

    #[track_caller]
    fn check_normal(raw: &str, expect: &str) {
        assert_eq!(EntryPath::from(raw).normalised(), EntryPath::from(expect));
    }

    #[test]
    fn normalises() {
        check_normal("./usr//bin/", "usr/bin");
        check_normal("/", "");
        check_normal("././.", "");
        check_normal("../etc/../x", "../etc/../x");
        check_normal("...", "...");
    }

    #[test]
    fn walks_components() {
        let p = EntryPath::from("usr/share/doc");
        assert_eq!(p.file_name(), Some(b"doc".as_slice()));
        assert_eq!(p.parent(), Some(EntryPath::from("usr/share")));
        assert_eq!(EntryPath::from("usr").parent(), Some(EntryPath::ROOT));
        assert_eq!(EntryPath::ROOT.parent(), None);
        assert_eq!(
            EntryPath::ROOT.join(b"a").join(b"b"),
            EntryPath::from("a/b")
        );
        let names: Vec<String> = p.ancestors().iter().map(EntryPath::encode).collect();
        assert_eq!(names, ["usr", "usr/share", "usr/share/doc"]);
    }

    #[track_caller]
    fn check_visible(raw: &[u8], expect: &str) {
        assert_eq!(visible(raw), expect);
    }

    #[test]
    fn shows_what_hides() {
        check_visible(b"a\nb\x1b[31m\x7f", "a␊b␛[31m␡");
        check_visible("exe\u{202e}gpj.x".as_bytes(), "exe\\u{202e}gpj.x");
        check_visible("a\u{200b}\u{feff}".as_bytes(), "a\\u{200b}\\u{feff}");
        check_visible(b"caf\xe9", "caf\\xe9");
        check_visible("<script>é✓".as_bytes(), "<script>é✓");
    }

    proptest! {
        #[test]
        fn any_bytes_survive(raw: Vec<u8>) {
            let path = EntryPath::new(raw);
            prop_assert_eq!(&EntryPath::decode(&path.encode()), &path);
            let json = serde_json::to_string(&path).unwrap();
            prop_assert_eq!(&serde_json::from_str::<EntryPath>(&json).unwrap(), &path);
            let normal = path.normalised();
            prop_assert_eq!(&normal.normalised(), &normal);
            prop_assert!(path.display().chars().all(|c| !c.is_control() && !is_hidden(c)));
        }
    }
}
