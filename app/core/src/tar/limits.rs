//! How much an archive may ask of the machine that reads it.

/// Bounds on what one archive may hold. Each is far above what images have and low enough that a
/// hostile archive cannot exhaust a browser tab.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Entries in one archive.
    pub entries: u32,
    /// Bytes in one name or link target.
    pub name_len: usize,
    /// Bytes in one local PAX header.
    pub pax_len: u64,
    /// Bytes in all global PAX records that hold at one time.
    pub global_pax_len: u64,
    /// Bytes of names, link targets and local PAX records in the whole archive.
    pub names_total: u64,
    /// Sparse runs in the whole archive.
    pub sparse_runs: u32,
    /// Bytes that a sparse file may pretend to have.
    pub sparse_size: u64,
}

impl Limits {
    /// Four times the million entries that must work; an entry takes about 100 bytes of memory.
    pub const ENTRIES: u32 = 4_000_000;
    /// Sixteen times Linux's PATH_MAX. Lengths are kept in 16 bits.
    pub const NAME_LEN: usize = u16::MAX as usize;
    /// Extended attributes are at most 64 KiB each on Linux, so a MiB holds a dozen of the largest;
    /// Go's reader has the same bound.
    pub const PAX_LEN: u64 = 1 << 20;
    /// Global records are carried by every entry after them. Real ones are a comment of 60 bytes.
    pub const GLOBAL_PAX_LEN: u64 = 16 << 10;
    /// A million names of 250 bytes; all of them are kept in memory.
    pub const NAMES_TOTAL: u64 = 256 << 20;
    /// 16 bytes each in memory: 16 MiB.
    pub const SPARSE_RUNS: u32 = 1 << 20;
    /// The largest file that ext4 can have: 16 TiB.
    pub const SPARSE_SIZE: u64 = 16 << 40;
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            entries: Self::ENTRIES,
            name_len: Self::NAME_LEN,
            pax_len: Self::PAX_LEN,
            global_pax_len: Self::GLOBAL_PAX_LEN,
            names_total: Self::NAMES_TOTAL,
            sparse_runs: Self::SPARSE_RUNS,
            sparse_size: Self::SPARSE_SIZE,
        }
    }
}
