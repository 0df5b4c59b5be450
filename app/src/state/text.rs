//! Bytes as lines of text, and what bytes look like.

use std::ops::Range;

use layerscope_core::path::visible;

/// Bytes looked at to tell text from something else.
const SNIFF: usize = 32 * 1024;

/// What a file's first bytes look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sniff {
    /// No bytes.
    Empty,
    /// Text in UTF-8.
    Text,
    /// A picture that browsers show, by its media type.
    Picture(&'static str),
    /// Anything else.
    Binary,
}

/// What bytes look like. SVG is text here: it could hold a program.
pub fn sniff(head: &[u8]) -> Sniff {
    if head.is_empty() {
        return Sniff::Empty;
    }
    let starts = |magic: &[u8]| head.starts_with(magic);
    let brand = head.get(4..12);
    let picture = if starts(b"\x89PNG\r\n\x1a\n") {
        Some("image/png")
    } else if starts(b"\xff\xd8\xff") {
        Some("image/jpeg")
    } else if starts(b"GIF87a") || starts(b"GIF89a") {
        Some("image/gif")
    } else if starts(b"RIFF") && head.get(8..12) == Some(b"WEBP") {
        Some("image/webp")
    } else if brand == Some(b"ftypavif") {
        Some("image/avif")
    } else if starts(b"\0\0\x01\0") && head.len() > 22 {
        Some("image/x-icon")
    } else if starts(b"BM") && head.get(6..10) == Some(&[0; 4]) {
        Some("image/bmp")
    } else {
        None
    };
    if let Some(mime) = picture {
        return Sniff::Picture(mime);
    }
    let part = &head[..head.len().min(SNIFF)];
    let control = |b: &&u8| **b < 0x20 && !b"\t\n\r\x0c\x1b\x08".contains(b);
    let is_utf8 = match std::str::from_utf8(part) {
        Ok(_) => true,
        // Cut off inside its last character.
        Err(e) => e.error_len().is_none() && part.len() - e.valid_up_to() < 4,
    };
    match is_utf8 && part.iter().filter(control).count() == 0 {
        true => Sniff::Text,
        false => Sniff::Binary,
    }
}

/// A text cut into its lines.
#[derive(Debug, Clone, PartialEq)]
pub struct TextDoc {
    text: String,
    ends: Vec<usize>,
    /// Some bytes are not UTF-8 and are shown by a sign.
    pub lossy: bool,
    /// It has characters that are not seen or that turn a line around.
    pub hidden: bool,
}

impl TextDoc {
    /// Reads the first bytes of a file. When they are not the whole, what stands behind the last
    /// line's end is left out, so that no character and no line is torn.
    pub fn new(bytes: &[u8], whole: bool) -> Self {
        let end = match whole {
            true => bytes.len(),
            false => bytes
                .iter()
                .rposition(|b| *b == b'\n')
                .map_or(bytes.len(), |at| at + 1),
        };
        let bytes = &bytes[..end];
        let text = String::from_utf8_lossy(bytes).into_owned();
        let mut ends: Vec<usize> = text.match_indices('\n').map(|(at, _)| at + 1).collect();
        if ends.last().copied().unwrap_or(0) < text.len() {
            ends.push(text.len());
        }
        TextDoc {
            lossy: std::str::from_utf8(bytes).is_err(),
            hidden: text.chars().any(turns_lines),
            text,
            ends,
        }
    }

    /// How many lines.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// No lines.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// A line with its end, counted from 0.
    pub fn line(&self, index: usize) -> &str {
        let end = self.ends.get(index).copied().unwrap_or(self.text.len());
        let start = match index {
            0 => 0,
            n => self.ends.get(n - 1).copied().unwrap_or(self.text.len()),
        };
        self.text.get(start..end).unwrap_or_default()
    }

    /// Lines in blocks of `len`.
    pub fn blocks(&self, len: usize) -> impl Iterator<Item = Range<usize>> {
        let total = self.len();
        (0..total.div_ceil(len)).map(move |b| b * len..((b + 1) * len).min(total))
    }
}

/// Bidirectional controls: they can make code read as something else than it is.
fn turns_lines(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Sixteen bytes as hex pairs and as characters, both of fixed width.
pub fn hex_row(bytes: &[u8]) -> (String, String) {
    use std::fmt::Write as _;
    let mut pairs = String::with_capacity(49);
    let mut chars = String::with_capacity(16);
    for i in 0..16 {
        if i == 8 {
            pairs.push(' ');
        }
        match bytes.get(i) {
            Some(&b) => {
                // Writing to a String cannot fail.
                let _ = write!(pairs, "{b:02x} ");
                chars.push(if (0x20..0x7f).contains(&b) {
                    char::from(b)
                } else {
                    '·'
                });
            }
            None => pairs.push_str("   "),
        }
    }
    (pairs, chars)
}

/// A file's name for the disk: the last component, without what some systems do not take.
pub fn download_name(name: Option<&[u8]>) -> String {
    let shown = visible(name.unwrap_or_default());
    let clean: String = shown
        .chars()
        .map(|c| if "/\\:*?\"<>|".contains(c) { '_' } else { c })
        .take(200)
        .collect();
    match clean.trim_matches(['.', ' ']) {
        "" => "file".to_owned(),
        _ => clean.trim_end_matches(['.', ' ']).to_owned(),
    }
}
