//! One file of both images: the lines that differ, or where its bytes do.
//!
//! The work is bounded by the bytes that are taken and by a budget of comparisons ([`super::lines`]):
//! no clock is needed.

use serde::{Deserialize, Serialize};

use super::lines::places;
use crate::path::visible;

/// Bytes of a file that are compared line by line, and sent between page and workers for it. Above
/// any text that one reads; both together take some hundred milliseconds at worst.
pub const MAX_TEXT: u64 = 2 << 20;
/// Lines that stay around a difference.
const CONTEXT: u32 = 3;
/// Lines that are told; a reader looks at fewer.
const MAX_LINES: usize = 1200;
/// Characters of a line that are told.
const MAX_LINE: usize = 2000;
/// Bytes told of each file around the first difference of two that are no text.
const BYTES: usize = 64;

/// How the contents of two files differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Compared {
    /// They are texts.
    Lines(Lines),
    /// They are not, or not both.
    Bytes(Bytes),
}

/// Lines that differ.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lines {
    /// The places where they do, with some lines around.
    pub hunks: Vec<Hunk>,
    /// Lines of the second file alone.
    pub added: u32,
    /// Lines of the first file alone.
    pub removed: u32,
    /// Differing lines that are not told.
    pub more: u32,
    /// Some bytes are not UTF-8.
    pub lossy: bool,
    /// Some places may be larger than they need be: to find out was too much work.
    pub coarse: bool,
}

/// A place where lines differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hunk {
    /// The lines.
    pub lines: Vec<Line>,
}

/// A line of a difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Its number in the first file, from 1; none if it is not there.
    pub left: Option<u32>,
    /// Its number in the second file.
    pub right: Option<u32>,
    /// Without its end; what would not be seen is written out.
    pub text: String,
    /// It is the last, and no line end follows.
    pub open: bool,
}

/// Where two files differ that are no texts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bytes {
    /// The place of the first byte that differs; none if one is not known so far.
    pub first: Option<u64>,
    /// Where the bytes below are from.
    pub start: u64,
    /// Those of the first file.
    pub left: Vec<u8>,
    /// Those of the second.
    pub right: Vec<u8>,
}

/// Compares two files. One that is not there is empty.
pub fn compare(left: &[u8], right: &[u8]) -> Compared {
    match is_text(left) && is_text(right) {
        true => Compared::Lines(lines(left, right)),
        false => Compared::Bytes(bytes(left, right)),
    }
}

/// Bytes that look like text: no NUL, and no controls but those that texts have.
pub fn is_text(bytes: &[u8]) -> bool {
    bytes
        .iter()
        .all(|b| *b >= 0x20 || b"\t\n\r\x0c\x1b\x08".contains(b))
}

fn lines(left: &[u8], right: &[u8]) -> Lines {
    let (before, after) = (split(left), split(right));
    let (places, fine) = places(&before, &after);
    let mut out = Lines {
        coarse: !fine,
        lossy: std::str::from_utf8(left).is_err() || std::str::from_utf8(right).is_err(),
        ..Lines::default()
    };
    let mut told = 0;
    let mut hunks: Vec<Vec<Line>> = Vec::new();
    // The first lines of both files that no hunk has told yet.
    let mut end = None::<(u32, u32)>;
    for (a, b) in places {
        out.removed += a.end - a.start;
        out.added += b.end - b.start;
        let size = a.len() + b.len();
        if told + size > MAX_LINES && told > 0 {
            // Nothing behind it is told either.
            close(&mut hunks, end.take(), (a.start, b.start), &before);
            told = usize::MAX / 2;
            out.more = out.more.saturating_add(size as u32);
            continue;
        }
        let gap = end.map(|(i, _)| a.start - i);
        let lead = match gap.filter(|gap| *gap <= 2 * CONTEXT) {
            Some(gap) => gap,
            None => {
                close(&mut hunks, end, (u32::MAX, u32::MAX), &before);
                hunks.push(Vec::new());
                a.start.min(b.start).min(CONTEXT)
            }
        };
        let Some(lines) = hunks.last_mut() else {
            break;
        };
        for back in (1..=lead).rev() {
            let (i, j) = (a.start - back, b.start - back);
            lines.extend(line(Some(i), Some(j), &before));
        }
        let room = MAX_LINES.saturating_sub(told);
        lines.extend(
            a.clone()
                .take(room)
                .filter_map(|i| line(Some(i), None, &before)),
        );
        lines.extend(
            b.clone()
                .take(room)
                .filter_map(|j| line(None, Some(j), &after)),
        );
        let cut = a.len().saturating_sub(room) + b.len().saturating_sub(room);
        out.more = out.more.saturating_add(cut as u32);
        told += size;
        end = Some((a.end, b.end));
    }
    close(&mut hunks, end, (u32::MAX, after.len() as u32), &before);
    out.hunks = hunks.into_iter().map(|lines| Hunk { lines }).collect();
    out
}

/// The lines of a text, each with its end.
fn split(text: &[u8]) -> Vec<&[u8]> {
    text.split_inclusive(|b| *b == b'\n').collect()
}

/// Adds what stays below the last hunk, up to these lines.
fn close(hunks: &mut [Vec<Line>], end: Option<(u32, u32)>, to: (u32, u32), before: &[&[u8]]) {
    if let (Some(lines), Some((i, j))) = (hunks.last_mut(), end) {
        let rest = to.0.saturating_sub(i).min(to.1.saturating_sub(j));
        let below = (0..rest.min(CONTEXT)).map(|more| (Some(i + more), Some(j + more)));
        lines.extend(below.filter_map(|(i, j)| line(i, j, before)));
    }
}

/// A line from its places in both files, from 0; `text` has the first place that is told.
fn line(left: Option<u32>, right: Option<u32>, text: &[&[u8]]) -> Option<Line> {
    let bytes = *text.get(left.or(right)? as usize)?;
    let open = !bytes.ends_with(b"\n");
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    // A tab is the one control that one sees as it is.
    let parts: Vec<String> = bytes.split(|b| *b == b'\t').map(visible).collect();
    let mut text = parts.join("\t");
    if let Some((at, _)) = text.char_indices().nth(MAX_LINE) {
        text.truncate(at);
        text.push('…');
    }
    Some(Line {
        left: left.map(|n| n + 1),
        right: right.map(|n| n + 1),
        text,
        open,
    })
}

fn bytes(left: &[u8], right: &[u8]) -> Bytes {
    let same = left.iter().zip(right).take_while(|(a, b)| a == b).count();
    if same == left.len() && same == right.len() {
        return Bytes::default();
    }
    // A row of sixteen before the one that differs.
    let start = (same / 16).saturating_sub(1) * 16;
    let part = |bytes: &[u8]| {
        let end = bytes.len().min(start + BYTES);
        bytes.get(start..end).unwrap_or_default().to_vec()
    };
    Bytes {
        first: Some(same as u64),
        start: start as u64,
        left: part(left),
        right: part(right),
    }
}
