//! One entry of a layer.

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EntryKind {
    /// A regular file, also a contiguous or a sparse one.
    File,
    /// A directory.
    Dir,
    /// A symbolic link.
    Symlink,
    /// Another name of an earlier file.
    Hardlink,
    /// A character device.
    Char,
    /// A block device.
    Block,
    /// A named pipe.
    Fifo,
    /// A typeflag that has no meaning here, kept as it is.
    Other(u8),
}

impl EntryKind {
    /// Entries of this kind may have data in the archive. The others have none whatever their
    /// header's size says, as Go's and GNU's readers see it.
    pub fn has_data(self) -> bool {
        matches!(self, EntryKind::File | EntryKind::Other(_))
    }
}

/// A part of a sparse file that is in the archive; the rest of the file is zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SparseRun {
    /// Bytes from the file's start.
    pub start: u64,
    /// Bytes.
    pub len: u64,
}

/// One entry of a layer, as its archive states it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The name, raw: with `./`, a leading or trailing `/`, `..`, anything but NUL.
    pub path: Vec<u8>,
    /// What it is.
    pub kind: EntryKind,
    /// The file's size in bytes, holes included; 0 for kinds without data.
    pub size: u64,
    /// The mode field as it is; permissions are its low twelve bits.
    pub mode: u32,
    /// Owner's number.
    pub uid: u64,
    /// Group's number.
    pub gid: u64,
    /// Owner's name, raw, perhaps empty.
    pub uname: Vec<u8>,
    /// Group's name, raw, perhaps empty.
    pub gname: Vec<u8>,
    /// Seconds since 1970-01-01 UTC, rounded down.
    pub mtime_s: i64,
    /// Nanoseconds after that, below 1,000,000,000.
    pub mtime_ns: u32,
    /// Where a link points, raw; empty for other kinds.
    pub linkname: Vec<u8>,
    /// Major and minor number of a device.
    pub device: Option<(u32, u32)>,
    /// PAX records that no other field tells, extended attributes (`SCHILY.xattr.*`) above all.
    pub pax: Vec<(Vec<u8>, Vec<u8>)>,
    /// Where the entry's first block is, extended headers included: uncompressed bytes from the
    /// archive's start. Always known of what a parser read; other people's tables of contents do
    /// not tell.
    pub header_out_offset: Option<u64>,
    /// Where its data is: uncompressed bytes from the archive's start, if that is known.
    pub data_out_offset: Option<u64>,
    /// Bytes of data in the archive, without padding: less than `size` for sparse files.
    pub stored_len: u64,
    /// The parts that are in the archive, if the file is sparse: in order, apart, none empty.
    pub sparse: Option<Vec<SparseRun>>,
}
