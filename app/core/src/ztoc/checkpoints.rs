//! The bytes of a ztoc's `checkpoints` for gzip: SOCI's records, little-endian and packed.

use layerscope_inflate::WINDOW_BYTES;

use super::error::ZtocError;

/// Two positions, the bits, the window.
pub(super) const RECORD_BYTES: usize = 8 + 8 + 1 + WINDOW_BYTES;

/// Where version 1 lets inflating start: behind a gzip header without optional fields.
const FIRST_IN_OFFSET: u64 = 10;

/// A checkpoint as SOCI has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record<'a> {
    /// The first whole compressed byte.
    pub(super) in_offset: u64,
    /// Uncompressed bytes before it.
    pub(super) out_offset: u64,
    /// How many top bits of the byte before `in_offset` belong to the block.
    pub(super) bits: u8,
    /// The 32 KiB before it, oldest first; nothing at the blob's start.
    pub(super) window: &'a [u8],
}

impl Record<'_> {
    /// The first compressed byte that has a bit of it.
    pub(super) fn span_start(&self) -> u64 {
        self.in_offset - u64::from(self.bits != 0)
    }
}

/// Reads them, of either version. They rise: compressed positions strictly, uncompressed ones not,
/// since blocks may be empty.
pub(super) fn parse(blob: &[u8]) -> Result<Vec<Record<'_>>, ZtocError> {
    let bad = ZtocError::Field("checkpoints");
    let (count, rest) = blob.split_first_chunk().ok_or(bad.clone())?;
    let count = usize::try_from(i32::from_le_bytes(*count)).map_err(|_| bad.clone())?;
    let (_span_size, rest) = rest.split_first_chunk::<8>().ok_or(bad.clone())?;
    let stored = rest.len() / RECORD_BYTES;
    let implied = match count.checked_sub(stored) {
        Some(implied @ (0 | 1)) if count > 0 && rest.len().is_multiple_of(RECORD_BYTES) => implied,
        _ => return Err(bad),
    };
    let mut records = Vec::with_capacity(count); // no more than the blob has
    if implied == 1 {
        records.push(Record {
            in_offset: FIRST_IN_OFFSET,
            out_offset: 0,
            bits: 0,
            window: &[],
        });
    }
    for bytes in rest.chunks_exact(RECORD_BYTES) {
        let (in_offset, bytes) = position(bytes).ok_or(bad.clone())?;
        let (out_offset, bytes) = position(bytes).ok_or(bad.clone())?;
        let (&bits, window) = bytes.split_first().ok_or(bad.clone())?;
        let before = records
            .last()
            .map_or((0, 0), |r: &Record<'_>| (r.in_offset, r.out_offset));
        let first = records.is_empty();
        if in_offset <= before.0 || out_offset < before.1 || bits > 7 || first && out_offset != 0 {
            return Err(bad);
        }
        records.push(Record {
            in_offset,
            out_offset,
            bits,
            window: if out_offset == 0 { &[] } else { window },
        });
    }
    Ok(records)
}

/// A position that is not negative.
fn position(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (value, rest) = bytes.split_first_chunk()?;
    Some((u64::try_from(i64::from_le_bytes(*value)).ok()?, rest))
}

/// Writes them while a blob is read.
pub(super) struct Writer {
    blob: Vec<u8>,
    count: i32,
}

impl Writer {
    pub(super) fn new(span_size: u64) -> Self {
        let mut blob = vec![0; 4];
        blob.extend_from_slice(&span_size.to_le_bytes());
        Writer { blob, count: 0 }
    }

    /// Adds one; the last [`WINDOW_BYTES`] of the window count, and missing ones are zeros.
    pub(super) fn add(&mut self, record: &Record<'_>) {
        self.count += 1;
        self.blob.extend_from_slice(&record.in_offset.to_le_bytes());
        self.blob
            .extend_from_slice(&record.out_offset.to_le_bytes());
        self.blob.push(record.bits);
        let window = &record.window[record.window.len().saturating_sub(WINDOW_BYTES)..];
        let filled = self.blob.len() + WINDOW_BYTES;
        self.blob.resize(filled - window.len(), 0);
        self.blob.extend_from_slice(window);
    }

    /// All of them, in version 2.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.blob[..4].copy_from_slice(&self.count.to_le_bytes());
        self.blob
    }
}
