//! What can be wrong with an archive, and where.

/// A problem at a place. What was read before it is good.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem} at byte {out_offset} of the archive")]
pub struct TarError {
    /// What is wrong.
    pub problem: TarProblem,
    /// Where: uncompressed bytes from the archive's start to the block that is wrong.
    pub out_offset: u64,
}

/// What is wrong with an archive.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TarProblem {
    /// The first block is no tar header.
    #[error("this is no tar archive: its first block is not a header")]
    NotTar,
    /// A header's checksum is wrong, signed and unsigned.
    #[error("a header's checksum is wrong")]
    Checksum,
    /// A number in a header can not be read.
    #[error("a header's {field} is not a number that is allowed there")]
    Number {
        /// Which one.
        field: &'static str,
    },
    /// A size below zero, as base-256 numbers can state.
    #[error("a header states a negative size")]
    NegativeSize,
    /// A PAX record that breaks its grammar.
    #[error("an extended header is malformed: {detail}")]
    Pax {
        /// How.
        detail: &'static str,
    },
    /// A sparse map that contradicts itself or the file.
    #[error("a sparse map is malformed: {detail}")]
    Sparse {
        /// How.
        detail: &'static str,
    },
    /// One zero block, then something else: neither the archive's end nor its continuation.
    #[error("a single zero block is followed by something else")]
    LoneZeroBlock,
    /// The archive stops inside a header or inside data.
    #[error("the archive stops in the middle of {inside}")]
    Truncated {
        /// In the middle of what.
        inside: &'static str,
    },
    /// More than [`super::Limits`] allows.
    #[error("the archive has more {limit} than the {allowed} that are allowed")]
    TooMuch {
        /// Of what.
        limit: Limit,
        /// How much is allowed.
        allowed: u64,
    },
}

/// Which limit was hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// Entries.
    Entries,
    /// Bytes in one name or link target.
    NameLen,
    /// Bytes in one PAX header.
    PaxLen,
    /// Bytes in all global PAX records.
    GlobalPaxLen,
    /// Bytes in all names.
    NamesTotal,
    /// Sparse runs.
    SparseRuns,
    /// Bytes in a sparse file.
    SparseSize,
}

impl std::fmt::Display for Limit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Limit::Entries => "entries",
            Limit::NameLen => "bytes in a name",
            Limit::PaxLen => "bytes in an extended header",
            Limit::GlobalPaxLen => "bytes in global extended headers",
            Limit::NamesTotal => "bytes in names and attributes",
            Limit::SparseRuns => "sparse runs",
            Limit::SparseSize => "bytes in a sparse file",
        })
    }
}
