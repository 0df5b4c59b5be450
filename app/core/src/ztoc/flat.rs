//! Flatbuffers from strangers: every position is checked before it is read.
//!
//! The library's verifier does the checking, and counts tables and bytes, so that a small buffer
//! whose parts point at each other does not become a large one. Texts are read as bytes: SOCI
//! writes the raw names of a tar archive, which need not be UTF-8.

use flatbuffers::{InvalidFlatbuffer, Verifier, VerifierOptions, field_index_to_field_offset};

use crate::tar::Limits;

/// Bytes of a position or of a vector's length.
const OFFSET_BYTES: usize = 4;

/// An entry is a table, and as many attributes again are far more than any layer has.
const MAX_TABLES: usize = 2 * Limits::ENTRIES as usize;

/// How many bytes are read for each that a buffer has, when everything is read where it is pointed
/// at. Entries are read twice, and share descriptions of their fields: a good one comes to two or
/// three. Without this, entries that share one name would make gigabytes of a megabyte.
const MAX_TIMES: usize = 8;
/// And some more, for small ones.
const MIN_APPARENT_BYTES: usize = 1 << 16;

/// What may be read of a buffer of this length.
pub(super) fn limits(len: usize) -> VerifierOptions {
    VerifierOptions {
        // Ztoc, TOC, FileMetadata, Xattr.
        max_depth: 8,
        max_tables: MAX_TABLES,
        max_apparent_size: len.saturating_mul(MAX_TIMES).max(MIN_APPARENT_BYTES),
        // Texts are not given to anything that would need it.
        ignore_missing_null_terminator: true,
    }
}

/// A field of a table: where its value is, if the table has it.
pub(super) type Field = Option<usize>;

/// A flatbuffer being read.
pub(super) struct Flat<'a> {
    bytes: &'a [u8],
    verifier: Verifier<'a, 'a>,
}

/// A vector of positions: of tables or of texts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Positions {
    start: usize,
    /// How many there are; all lie in the buffer.
    pub(super) len: usize,
}

impl Positions {
    /// The field-like place of one of them.
    pub(super) fn at(self, index: usize) -> Field {
        (index < self.len).then(|| self.start + index * OFFSET_BYTES)
    }
}

impl<'a> Flat<'a> {
    /// Reads `bytes` within their [`limits`].
    pub(super) fn new(bytes: &'a [u8], limits: &'a VerifierOptions) -> Self {
        Flat {
            bytes,
            verifier: Verifier::new(limits, bytes),
        }
    }

    /// The first `N` fields of the table that the buffer starts with.
    pub(super) fn root<const N: usize>(&mut self) -> Result<[Field; N], InvalidFlatbuffer> {
        self.table(Some(0))
    }

    /// The first `N` fields of the table that a field points at; none if there is no table.
    pub(super) fn table<const N: usize>(
        &mut self,
        field: Field,
    ) -> Result<[Field; N], InvalidFlatbuffer> {
        let mut fields = [None; N];
        let Some(at) = field else { return Ok(fields) };
        let at = self.target(at)?;
        let mut table = self.verifier.visit_table(at)?;
        for (slot, field) in (0u16..).zip(&mut fields) {
            *field = table.deref(field_index_to_field_offset(slot))?;
        }
        table.finish();
        Ok(fields)
    }

    /// A text or a vector of bytes; empty if there is none.
    pub(super) fn bytes(&mut self, field: Field) -> Result<&'a [u8], InvalidFlatbuffer> {
        let Some(at) = field else { return Ok(&[]) };
        let at = self.target(at)?;
        let len = self.verifier.get_uoffset(at)? as usize;
        let start = at.saturating_add(OFFSET_BYTES);
        self.verifier.range_in_buffer(start, len)?;
        Ok(self.bytes.get(start..start + len).unwrap_or_default())
    }

    /// A vector of tables or texts; empty if there is none.
    pub(super) fn positions(&mut self, field: Field) -> Result<Positions, InvalidFlatbuffer> {
        let Some(at) = field else {
            return Ok(Positions { start: 0, len: 0 });
        };
        let at = self.target(at)?;
        let len = self.verifier.get_uoffset(at)? as usize;
        let start = at.saturating_add(OFFSET_BYTES);
        let size = len.saturating_mul(OFFSET_BYTES);
        self.verifier.range_in_buffer(start, size)?;
        Ok(Positions { start, len })
    }

    /// A `long`; 0 if there is none.
    pub(super) fn long(&mut self, field: Field) -> Result<i64, InvalidFlatbuffer> {
        self.scalar(field).map(|b| b.map_or(0, i64::from_le_bytes))
    }

    /// An `int` or a `uint`; 0 if there is none.
    pub(super) fn int(&mut self, field: Field) -> Result<u32, InvalidFlatbuffer> {
        self.scalar(field).map(|b| b.map_or(0, u32::from_le_bytes))
    }

    /// A `byte`, none if there is none.
    pub(super) fn byte(&mut self, field: Field) -> Result<Option<u8>, InvalidFlatbuffer> {
        self.scalar(field).map(|b| b.map(|[byte]| byte))
    }

    fn scalar<const N: usize>(
        &mut self,
        field: Field,
    ) -> Result<Option<[u8; N]>, InvalidFlatbuffer> {
        let Some(at) = field else { return Ok(None) };
        self.verifier.range_in_buffer(at, N)?;
        Ok(self.bytes.get(at..).and_then(|b| b.first_chunk().copied()))
    }

    /// Where a position at `at` points.
    fn target(&mut self, at: usize) -> Result<usize, InvalidFlatbuffer> {
        let offset = self.verifier.get_uoffset(at)? as usize;
        Ok(at.saturating_add(offset))
    }
}
