//! Documents inside of strings: `v1Compatibility` of Docker's schema 1, payloads of DSSE envelopes,
//! bundles in annotations, BuildKit's build information, the `data` of a descriptor.

use base64::Engine;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::value_of;

/// How often a document may hold another: an envelope in a bundle in an annotation, with a statement
/// that holds one, is four.
pub const MAX_NESTED: usize = 4;

/// Shortest string looked into, in bytes: `{"a":1}` and what is longer.
const MIN_BYTES: usize = 7;

/// A document found in a string.
pub(super) struct Inside {
    /// Its text.
    pub(super) bytes: Vec<u8>,
    /// How it stands there.
    pub(super) word: &'static str,
}

/// The object or array in a string, from its spelling with quotes. Whether it is JSON throughout is
/// not known yet.
pub(super) fn find(raw: &str) -> Option<Inside> {
    if raw.len() < MIN_BYTES + 2 {
        return None;
    }
    // Of a long text that is neither, only the beginning is looked at.
    let begins_so = |text: &str| text.trim_start().starts_with(['{', '[']);
    if begins_so(&raw[1..]) {
        let text = value_of(raw)?;
        return Some(Inside {
            bytes: text.into_bytes(),
            word: "JSON in this string: ",
        });
    }
    // `{` or `[` in base64, white space before it included, is one of these; JSON's `\/` too.
    let is_base64 = |b: u8| b.is_ascii_alphanumeric() || b"+/=-_\\".contains(&b);
    let inner = &raw[1..raw.len() - 1];
    let begins = ["ey", "ew", "e3", "W1", "Ww", "W3", "Wy"].iter();
    if !begins.clone().any(|b| inner.starts_with(b)) || !inner.bytes().all(is_base64) {
        return None;
    }
    let text = value_of(raw)?;
    let bytes = base64(&text)?;
    let first = bytes.iter().find(|b| !b.is_ascii_whitespace());
    matches!(first, Some(b'{' | b'[')).then_some(Inside {
        bytes,
        word: "JSON in this string\u{2019}s base64: ",
    })
}

/// What base64 stands for, in either alphabet, with padding or without, white space in it or not.
pub fn base64(text: &str) -> Option<Vec<u8>> {
    const CONFIG: GeneralPurposeConfig =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let plain: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    let alphabet = match plain.contains(['-', '_']) {
        true => &URL_SAFE,
        false => &STANDARD,
    };
    GeneralPurpose::new(alphabet, CONFIG).decode(plain).ok()
}
