//! What can be wrong with a gzip stream or with an index of one.

/// Why decoding ended early. Offsets count from the blob's first byte.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GzipError {
    /// The first bytes are not gzip's.
    #[error("not gzip: the first bytes are not 1f 8b 08")]
    NotGzip,
    /// A member's header breaks RFC 1952 section 2.3.
    #[error("damaged gzip header near compressed byte {in_offset}: {what}")]
    BadHeader {
        /// Compressed bytes read so far.
        in_offset: u64,
        /// What is wrong.
        what: &'static str,
    },
    /// The deflate data is damaged.
    #[error("damaged deflate data near compressed byte {in_offset} (uncompressed {out_offset})")]
    BadDeflate {
        /// Compressed bytes read so far.
        in_offset: u64,
        /// Uncompressed bytes written so far.
        out_offset: u64,
    },
    /// A member's CRC-32 does not match.
    #[error(
        "gzip member ending at compressed byte {in_offset}: CRC-32 is {actual:08x}, its trailer says {stated:08x}"
    )]
    CrcMismatch {
        /// Where the member ends.
        in_offset: u64,
        /// Over what was inflated.
        actual: u32,
        /// In the trailer.
        stated: u32,
    },
    /// A member's length modulo 2^32 does not match.
    #[error(
        "gzip member ending at compressed byte {in_offset}: length is {actual}, its trailer says {stated}"
    )]
    LengthMismatch {
        /// Where the member ends.
        in_offset: u64,
        /// Bytes inflated, modulo 2^32.
        actual: u32,
        /// In the trailer.
        stated: u32,
    },
    /// The stream ended inside a member.
    #[error("the gzip stream ends in the middle of a member, after {in_offset} compressed bytes")]
    Truncated {
        /// Compressed bytes read.
        in_offset: u64,
        /// Uncompressed bytes written.
        out_offset: u64,
    },
    /// A limit was reached.
    #[error("the gzip stream exceeds the limit of {limit} {which}")]
    LimitExceeded {
        /// Which limit.
        which: &'static str,
        /// Its value.
        limit: u64,
    },
    /// A checkpoint's stored window cannot be unpacked.
    #[error("a checkpoint's window is damaged")]
    BadWindow,
}

/// Why an index is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IndexProblem {
    /// It ends too soon or has bytes left over.
    #[error("the gzip index is cut short or has bytes left over")]
    Length,
    /// There is no checkpoint at the first byte.
    #[error("the gzip index has no checkpoint at its start")]
    NoStart,
    /// Positions do not rise, or lie outside the blob.
    #[error("the gzip index has positions out of order or out of bounds")]
    Order,
    /// A checkpoint is of an unknown kind, or is not what its kind says.
    #[error("the gzip index has a checkpoint of an unknown or wrong kind")]
    Kind,
}
