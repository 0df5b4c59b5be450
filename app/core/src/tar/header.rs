//! One header block, field by field.

use super::error::TarProblem;
use super::number;
use crate::toc::SparseRun;

/// A block that was found to be a header: its checksum is right.
pub(super) struct Header<'a> {
    block: &'a [u8; 512],
    format: Format,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    V7,
    Ustar,
    Star,
    Gnu,
}

impl<'a> Header<'a> {
    /// `None` if the checksum is wrong both as POSIX has it (unsigned bytes) and as some old
    /// writers had it (signed bytes).
    pub(super) fn new(block: &'a [u8; 512]) -> Option<Self> {
        let stated = number::field(&block[148..156])?;
        let (mut unsigned, mut signed) = (0i64, 0i64);
        for (i, byte) in block.iter().enumerate() {
            let byte = if (148..156).contains(&i) { b' ' } else { *byte };
            unsigned += i64::from(byte);
            signed += i64::from(byte as i8);
        }
        if stated != unsigned && stated != signed {
            return None;
        }
        let format = match &block[257..265] {
            b"ustar  \0" => Format::Gnu,
            magic if magic.starts_with(b"ustar") && &block[508..512] == b"tar\0" => Format::Star,
            magic if magic.starts_with(b"ustar\0") || magic.starts_with(b"ustar00") => {
                Format::Ustar
            }
            _ => Format::V7,
        };
        Some(Header { block, format })
    }

    pub(super) fn typeflag(&self) -> u8 {
        self.block[156]
    }

    /// The stated size in bytes.
    pub(super) fn size(&self) -> Result<u64, TarProblem> {
        let size = self.number(124..136, "size")?;
        u64::try_from(size).map_err(|_| TarProblem::NegativeSize)
    }

    pub(super) fn mode(&self) -> Result<u32, TarProblem> {
        let mode = self.number(100..108, "mode")?;
        u32::try_from(mode).map_err(|_| TarProblem::Number { field: "mode" })
    }

    pub(super) fn uid(&self) -> Result<u64, TarProblem> {
        self.id(108..116, "uid")
    }

    pub(super) fn gid(&self) -> Result<u64, TarProblem> {
        self.id(116..124, "gid")
    }

    /// Seconds since 1970-01-01 UTC; base-256 allows times before it.
    pub(super) fn mtime(&self) -> Result<i64, TarProblem> {
        self.number(136..148, "mtime")
    }

    pub(super) fn linkname(&self) -> &'a [u8] {
        text(&self.block[157..257])
    }

    pub(super) fn uname(&self) -> &'a [u8] {
        match self.format {
            Format::V7 => b"",
            _ => text(&self.block[265..297]),
        }
    }

    pub(super) fn gname(&self) -> &'a [u8] {
        match self.format {
            Format::V7 => b"",
            _ => text(&self.block[297..329]),
        }
    }

    /// Major and minor number.
    pub(super) fn device(&self) -> Result<(u32, u32), TarProblem> {
        if self.format == Format::V7 {
            return Ok((0, 0));
        }
        let part = |range, field| {
            u32::try_from(self.number(range, field)?).map_err(|_| TarProblem::Number { field })
        };
        Ok((
            part(329..337, "device major")?,
            part(337..345, "device minor")?,
        ))
    }

    /// The name with its prefix, if the format has one.
    pub(super) fn name(&self) -> Vec<u8> {
        let name = text(&self.block[0..100]);
        let prefix = match self.format {
            Format::V7 => &b""[..],
            Format::Ustar => text(&self.block[345..500]),
            Format::Star => text(&self.block[345..476]),
            Format::Gnu => self.gnu_prefix(),
        };
        if prefix.is_empty() {
            return name.to_vec();
        }
        let mut path = Vec::with_capacity(prefix.len() + 1 + name.len());
        path.extend_from_slice(prefix);
        path.push(b'/');
        path.extend_from_slice(name);
        path
    }

    /// GNU has times where ustar has its prefix. Go before 1.8 wrote GNU headers with a prefix all
    /// the same, and old images are full of them: what is no time but ASCII text is a prefix.
    fn gnu_prefix(&self) -> &'a [u8] {
        let is_time = |range: std::ops::Range<usize>| {
            let bytes = &self.block[range];
            bytes[0] == 0 || number::field(bytes).is_some()
        };
        let prefix = text(&self.block[345..500]);
        if (is_time(345..357) && is_time(357..369)) || !prefix.is_ascii() {
            return b"";
        }
        prefix
    }

    /// Old GNU sparse: up to four runs, whether more blocks of them follow, and the real size.
    pub(super) fn gnu_sparse(&self) -> Result<(Vec<SparseRun>, bool, u64), TarProblem> {
        let runs = sparse_runs(&self.block[386..482])?;
        let real = u64::try_from(self.number(483..495, "real size")?)
            .map_err(|_| TarProblem::NegativeSize)?;
        Ok((runs, self.block[482] != 0, real))
    }

    fn id(&self, range: std::ops::Range<usize>, field: &'static str) -> Result<u64, TarProblem> {
        u64::try_from(self.number(range, field)?).map_err(|_| TarProblem::Number { field })
    }

    fn number(
        &self,
        range: std::ops::Range<usize>,
        field: &'static str,
    ) -> Result<i64, TarProblem> {
        number::field(&self.block[range]).ok_or(TarProblem::Number { field })
    }
}

/// A block of further runs: at most 21, and whether another block follows.
pub(super) fn gnu_sparse_extension(
    block: &[u8; 512],
) -> Result<(Vec<SparseRun>, bool), TarProblem> {
    Ok((sparse_runs(&block[..504])?, block[504] != 0))
}

/// Pairs of 12-byte numbers; the first empty pair ends them.
fn sparse_runs(bytes: &[u8]) -> Result<Vec<SparseRun>, TarProblem> {
    let mut runs = Vec::new();
    for pair in bytes.chunks_exact(24) {
        if pair[0] == 0 {
            break;
        }
        let part = |bytes: &[u8]| {
            let value = number::field(bytes).ok_or(TarProblem::Sparse {
                detail: "a run is not a number",
            })?;
            u64::try_from(value).map_err(|_| TarProblem::Sparse {
                detail: "a run is negative",
            })
        };
        runs.push(SparseRun {
            start: part(&pair[..12])?,
            len: part(&pair[12..])?,
        });
    }
    Ok(runs)
}

/// The bytes before the first NUL.
pub(super) fn text(bytes: &[u8]) -> &[u8] {
    bytes.split(|b| *b == 0).next().unwrap_or_default()
}
