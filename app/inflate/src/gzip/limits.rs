//! How much a gzip stream may cost.

/// Bounds of a decode. Each has a reason; a stream over one ends with
/// [`crate::GzipError::LimitExceeded`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GzipLimits {
    /// Uncompressed bytes in all. A layer inflated beyond this is no image anybody runs.
    pub max_out: u64,
    /// Uncompressed bytes for a compressed byte, once `ratio_from` have come. Deflate ends at 1032,
    /// which only runs of one byte reach; real layers stay under 20, and one with an empty disk
    /// image comes near the end for the length of that image.
    pub max_ratio: u64,
    /// Uncompressed bytes from which `max_ratio` holds.
    pub ratio_from: u64,
    /// Members. bgzip writes one for 64 KiB; this allows 1 TiB of them.
    pub max_members: u64,
    /// Bytes of one member's header (name, comment and extra field are unbounded by RFC 1952).
    pub max_header_len: usize,
}

impl GzipLimits {
    /// For a reader, which stops after what was asked for.
    pub(crate) const NONE: GzipLimits = GzipLimits {
        max_out: u64::MAX,
        max_ratio: u64::MAX,
        ratio_from: u64::MAX,
        max_members: u64::MAX,
        max_header_len: usize::MAX,
    };
}

impl Default for GzipLimits {
    fn default() -> Self {
        GzipLimits {
            max_out: 1 << 40,
            max_ratio: 500,
            ratio_from: 2 << 30,
            max_members: 1 << 24,
            max_header_len: 1 << 17,
        }
    }
}
