//! What a blob's last bytes say of a table of contents in it.

use std::ops::Range;

use super::claim::Position;
use super::{ForeignError, MAX_TOC_IN_BYTES};

/// A gzip member's header that has an extra field and nothing else: ID1, ID2, CM, FLG.
const GZIP: [u8; 4] = [0x1f, 0x8b, 8, 4];
const GZIP_HEADER: usize = 10;
/// An empty deflate stream and a gzip trailer, of an eStargz footer.
const GZIP_REST: usize = 5 + 8;
const STARGZ: &[u8] = b"STARGZ";
const EXTERNAL: &[u8] = b"STARGZEXTERNALTOC";
const SUBFIELD: [u8; 2] = *b"SG";

const SKIPPABLE: [u8; 4] = [0x50, 0x2a, 0x4d, 0x18];
const ZSTD_MAGICS: [&[u8; 8]; 2] = [b"GNUlInUx", b"GnUlInUx"];
/// Since containers/storage 1.50; before 1.47 and by stargz-snapshotter; between.
const ZSTD_PAYLOADS: [usize; 3] = [64, 40, 56];

/// A footer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Footer {
    /// Of eStargz, and of stargz before it.
    EStargz {
        /// The gzip member that holds the table: compressed bytes from the blob's start.
        toc: Range<u64>,
    },
    /// Of zstd:chunked. No digest binds it to anything.
    ZstdChunked(Position),
}

/// Whether a blob that ends so may have a table of contents: small enough to be asked of every
/// layer. [`Footer::read`] looks closer.
pub fn looks_indexed(tail: &[u8]) -> bool {
    let before = |text: &[u8], after: usize| {
        let end = tail.len().checked_sub(after);
        end.is_some_and(|end| tail[..end].ends_with(text))
    };
    before(STARGZ, GZIP_REST)
        || ZSTD_MAGICS
            .iter()
            .any(|magic| before(*magic, 0) || before(*magic, 16))
}

impl Footer {
    /// From the last bytes of a blob, 80 at least if it has them; none if it ends as other blobs
    /// do.
    ///
    /// # Errors
    /// It is a footer, but says what cannot be or cannot be used.
    pub fn read(tail: &[u8], blob_len: u64) -> Result<Option<Footer>, ForeignError> {
        if let Some(extra) = extra_field(tail) {
            return match extra {
                Extra::Offset(start) => {
                    let end = blob_len.saturating_sub(footer_len(tail) as u64);
                    if start >= end {
                        return Err(ForeignError::Place {
                            what: "table of contents",
                            start,
                            end,
                            blob_len,
                        });
                    }
                    if end - start > MAX_TOC_IN_BYTES {
                        let limit = MAX_TOC_IN_BYTES;
                        return Err(ForeignError::TooLarge { limit });
                    }
                    Ok(Some(Footer::EStargz { toc: start..end }))
                }
                Extra::External => Err(ForeignError::External),
            };
        }
        let Some(payload) = skippable_payload(tail) else {
            return Ok(None);
        };
        let (numbers, _) = payload.as_chunks::<8>();
        let number = |i: usize| numbers.get(i).map_or(0, |n| u64::from_le_bytes(*n));
        let four = [number(0), number(1), number(2), number(3)];
        let position = Position::new(four, blob_len)?;
        Ok(Some(Footer::ZstdChunked(position)))
    }
}

enum Extra {
    Offset(u64),
    External,
}

/// How long the gzip footer is in which a blob ends, by its extra field's length.
fn footer_len(tail: &[u8]) -> usize {
    // Legacy first: its length cannot be taken for the other's, whose extra field begins earlier.
    let lens = [22usize, 26, 21];
    let fits = |extra: &usize| {
        let len = GZIP_HEADER + 2 + extra + GZIP_REST;
        let footer = tail.len().checked_sub(len).map(|at| &tail[at..]);
        footer.is_some_and(|f| f.starts_with(&GZIP) && f[10..12] == [*extra as u8, 0])
    };
    let extra = lens.into_iter().find(fits);
    extra.map_or(0, |extra| GZIP_HEADER + 2 + extra + GZIP_REST)
}

fn extra_field(tail: &[u8]) -> Option<Extra> {
    let footer = &tail[tail.len() - footer_len(tail)..];
    let extra = footer.get(GZIP_HEADER + 2..footer.len().checked_sub(GZIP_REST)?)?;
    let text = match extra {
        [a, b, len, 0, text @ ..] if [*a, *b] == SUBFIELD && usize::from(*len) == text.len() => {
            text
        }
        legacy => legacy,
    };
    if text == EXTERNAL {
        return Some(Extra::External);
    }
    let digits = text.strip_suffix(STARGZ).filter(|d| d.len() == 16)?;
    if !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let digits = std::str::from_utf8(digits).ok()?;
    u64::from_str_radix(digits, 16).ok().map(Extra::Offset)
}

/// The payload of the skippable frame in which a zstd:chunked blob ends.
fn skippable_payload(tail: &[u8]) -> Option<&[u8]> {
    ZSTD_PAYLOADS.into_iter().find_map(|len| {
        let at = tail.len().checked_sub(len)?;
        let (before, payload) = tail.split_at(at);
        let header = before.last_chunk::<8>()?;
        let frame = header[..4] == SKIPPABLE && header[4..] == (len as u32).to_le_bytes();
        let magic = match len {
            56 => payload.get(32..40)?,
            _ => payload.last_chunk::<8>()?,
        };
        (frame && ZSTD_MAGICS.iter().any(|m| *m == magic)).then_some(payload)
    })
}
