//! The table of contents of one layer: its entries in the archive's order.
//!
//! A layer can have a million entries, so they are not kept as a million [`Entry`] values: names
//! are split into directory and last component, everything that repeats is kept once, and an entry
//! is a record of 64 bytes. [`Toc::get`] puts an [`Entry`] together again, byte for byte.
//!
//! Entries are named by their *ordinal*, their place in the archive from 0.

mod entry;
mod interner;
mod pack;
pub(crate) mod varint;

use std::ops::Range;

use std::collections::HashMap;

pub use entry::{Entry, EntryKind, SparseRun};
pub(crate) use interner::Interner;
pub use pack::PackError;

use crate::tar::Limits;

/// Bytes of all names, owners and attributes together; positions among them have 32 bits. More than
/// the parser lets through: it counts names and PAX headers, but not the owners.
const MAX_BYTES: u64 = 2 * Limits::NAMES_TOTAL;

/// The entries of one layer. Grows while the layer is read.
#[derive(Debug, Clone)]
pub struct Toc {
    records: Vec<Record>,
    /// Last components of names, each followed by its entry's link target.
    names: Vec<u8>,
    dirs: Interner,
    owners: Interner,
    pax: Interner,
    devices: HashMap<u32, (u32, u32)>,
    sparse: HashMap<u32, Sparse>,
    /// How much data the archive has where it is not `size`: directories that state a size.
    stored: HashMap<u32, u64>,
}

#[derive(Debug, Clone)]
struct Sparse {
    stored_len: u64,
    runs: Box<[SparseRun]>,
}

#[derive(Debug, Clone, Copy)]
struct Record {
    /// Where its first block is; where its data is, if only that is known; else [`NOWHERE`].
    start: u64,
    size: u64,
    mtime_s: i64,
    /// From the entry's first block to its data: at least that block, so 0 says that only `start`
    /// is known.
    data_gap: u32,
    name_start: u32,
    name_len: u16,
    link_len: u16,
    dir: u32,
    owner: u32,
    pax: u32,
    mode: u32,
    mtime_ns: u32,
    kind: EntryKind,
}

/// For an entry whose place in the archive is not known; no real one comes near it.
const NOWHERE: u64 = u64::MAX;

/// What a record is made of.
struct Parts<'a> {
    path: &'a [u8],
    link: &'a [u8],
    kind: EntryKind,
    size: u64,
    mode: u32,
    owner: u32,
    pax: u32,
    mtime_s: i64,
    mtime_ns: u32,
    header_out_offset: Option<u64>,
    data_out_offset: Option<u64>,
    stored_len: u64,
    device: Option<(u32, u32)>,
    sparse: Option<Box<[SparseRun]>>,
}

impl Default for Toc {
    fn default() -> Self {
        Self::new()
    }
}

impl Toc {
    /// No entries.
    pub fn new() -> Self {
        Toc {
            records: Vec::new(),
            names: Vec::new(),
            dirs: Interner::new(),
            owners: Interner::new(),
            pax: Interner::new(),
            devices: HashMap::new(),
            sparse: HashMap::new(),
            stored: HashMap::new(),
        }
    }

    /// Adds the next entry; its ordinal is the length before. False, and nothing is added, if it is
    /// beyond what [`Limits`]' defaults allow; a [`crate::tar::TarParser`] with these never gives
    /// such an entry.
    #[must_use]
    pub fn push(&mut self, entry: &Entry) -> bool {
        let mut pax = Vec::new();
        for (key, value) in &entry.pax {
            varint::put_bytes(&mut pax, key);
            varint::put_bytes(&mut pax, value);
        }
        let mut owner = Vec::with_capacity(32);
        varint::put(&mut owner, entry.uid);
        varint::put(&mut owner, entry.gid);
        varint::put_bytes(&mut owner, &entry.uname);
        varint::put_bytes(&mut owner, &entry.gname);
        let held = self.names.len() + self.dirs.bytes_len() + self.pax.bytes_len();
        let grown = held + entry.path.len() + entry.linkname.len() + pax.len() + owner.len();
        if (grown + self.owners.bytes_len()) as u64 > MAX_BYTES {
            return false;
        }
        let parts = Parts {
            path: &entry.path,
            link: &entry.linkname,
            kind: entry.kind,
            size: entry.size,
            mode: entry.mode,
            owner: self.owners.intern(&owner),
            pax: self.pax.intern(&pax),
            mtime_s: entry.mtime_s,
            mtime_ns: entry.mtime_ns,
            header_out_offset: entry.header_out_offset,
            data_out_offset: entry.data_out_offset,
            stored_len: entry.stored_len,
            device: entry.device,
            sparse: entry.sparse.as_deref().map(Into::into),
        };
        self.push_parts(parts)
    }

    fn push_parts(&mut self, parts: Parts<'_>) -> bool {
        let ordinal = self.records.len() as u32; // bounded by Limits::ENTRIES
        let (dir, name) = split(parts.path);
        let (start, gap) = match (parts.header_out_offset, parts.data_out_offset) {
            (Some(header), Some(data)) => (header, data.checked_sub(header)),
            (None, data) => (data.unwrap_or(NOWHERE), Some(0)),
            (Some(_), None) => return false,
        };
        let (Ok(name_len), Ok(link_len), Some(Ok(data_gap))) = (
            u16::try_from(name.len()),
            u16::try_from(parts.link.len()),
            gap.map(u32::try_from),
        ) else {
            return false;
        };
        if ordinal >= Limits::ENTRIES {
            return false;
        }
        let name_start = self.names.len() as u32; // below MAX_BYTES
        self.names.extend_from_slice(name);
        self.names.extend_from_slice(parts.link);
        if let Some(device) = parts.device {
            self.devices.insert(ordinal, device);
        }
        if let Some(runs) = parts.sparse {
            let stored_len = parts.stored_len;
            self.sparse.insert(ordinal, Sparse { stored_len, runs });
        } else if parts.stored_len != parts.size {
            self.stored.insert(ordinal, parts.stored_len);
        }
        self.records.push(Record {
            start,
            size: parts.size,
            mtime_s: parts.mtime_s,
            data_gap,
            name_start,
            name_len,
            link_len,
            dir: self.dirs.intern(dir),
            owner: parts.owner,
            pax: parts.pax,
            mode: parts.mode,
            mtime_ns: parts.mtime_ns,
            kind: parts.kind,
        });
        true
    }

    /// Leaves the entries before an ordinal alone.
    pub(crate) fn truncate(&mut self, ordinal: u32) {
        if let Some(record) = self.record(ordinal) {
            self.names.truncate(record.name_start as usize);
        }
        self.records.truncate(ordinal as usize);
        self.devices.retain(|n, _| *n < ordinal);
        self.sparse.retain(|n, _| *n < ordinal);
        self.stored.retain(|n, _| *n < ordinal);
    }

    /// The entries from an ordinal on, alone.
    pub(crate) fn since(&self, ordinal: u32) -> Toc {
        let mut new = Toc::new();
        for entry in (ordinal..self.len()).filter_map(|n| self.get(n)) {
            // Fits, since all of them do.
            let _pushed = new.push(&entry);
        }
        new
    }

    /// How many entries there are.
    pub fn len(&self) -> u32 {
        self.records.len() as u32 // bounded by Limits::ENTRIES
    }

    /// There are none (yet).
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// The entry with an ordinal, all of it.
    pub fn get(&self, ordinal: u32) -> Option<Entry> {
        let record = self.record(ordinal)?;
        let mut owner = varint::Reader::new(self.owners.get(record.owner).unwrap_or_default());
        let mut pax_bytes = varint::Reader::new(self.pax.get(record.pax).unwrap_or_default());
        let mut pax = Vec::new();
        while let (Some(key), Some(value)) = (pax_bytes.bytes(), pax_bytes.bytes()) {
            pax.push((key.to_vec(), value.to_vec()));
        }
        Some(Entry {
            path: self.path(ordinal)?,
            kind: record.kind,
            size: record.size,
            mode: record.mode,
            uid: owner.number().unwrap_or_default(),
            gid: owner.number().unwrap_or_default(),
            uname: owner.bytes().unwrap_or_default().to_vec(),
            gname: owner.bytes().unwrap_or_default().to_vec(),
            mtime_s: record.mtime_s,
            mtime_ns: record.mtime_ns,
            linkname: self.link(ordinal).to_vec(),
            device: self.devices.get(&ordinal).copied(),
            pax,
            header_out_offset: (record.data_gap > 0).then_some(record.start),
            data_out_offset: self.data_out_offset(ordinal),
            stored_len: self.stored_len(ordinal),
            sparse: self.sparse.get(&ordinal).map(|s| s.runs.to_vec()),
        })
    }

    /// The raw name of an entry.
    pub fn path(&self, ordinal: u32) -> Option<Vec<u8>> {
        let mut path = Vec::new();
        self.path_into(ordinal, &mut path);
        self.record(ordinal).map(|_| path)
    }

    /// Writes the raw name of an entry over `path`; nothing if there is no such entry.
    pub fn path_into(&self, ordinal: u32, path: &mut Vec<u8>) {
        path.clear();
        if let Some(record) = self.record(ordinal) {
            path.extend_from_slice(self.dirs.get(record.dir).unwrap_or_default());
            path.extend_from_slice(self.name(record));
        }
    }

    /// An entry's directory as a number, equal for entries whose raw names have the same text before
    /// the last component, and that component, with a slash if it ends with one.
    pub(crate) fn place(&self, ordinal: u32) -> Option<(u32, &[u8])> {
        self.record(ordinal).map(|r| (r.dir, self.name(r)))
    }

    /// The raw text of a directory's number, with its slash; empty if there is none of this number.
    pub(crate) fn dir(&self, number: u32) -> &[u8] {
        self.dirs.get(number).unwrap_or_default()
    }

    /// What an entry is.
    pub fn kind(&self, ordinal: u32) -> Option<EntryKind> {
        self.record(ordinal).map(|r| r.kind)
    }

    /// An entry's size in bytes, holes included; 0 if there is no such entry.
    pub fn size(&self, ordinal: u32) -> u64 {
        self.record(ordinal).map_or(0, |r| r.size)
    }

    /// An entry's mode field as it is; 0 if there is no such entry.
    pub fn mode(&self, ordinal: u32) -> u32 {
        self.record(ordinal).map_or(0, |r| r.mode)
    }

    /// An entry's modification time in seconds since 1970 and nanoseconds.
    pub fn mtime(&self, ordinal: u32) -> (i64, u32) {
        self.record(ordinal)
            .map_or((0, 0), |r| (r.mtime_s, r.mtime_ns))
    }

    /// Where a link points, raw; empty for other kinds.
    pub fn link(&self, ordinal: u32) -> &[u8] {
        self.record(ordinal).map_or(&[], |r| {
            let start = r.name_start as usize + usize::from(r.name_len);
            &self.names[start..start + usize::from(r.link_len)]
        })
    }

    /// Where an entry's data is: uncompressed bytes from the archive's start, as long as
    /// [`Toc::stored_len`] says. None where that is not known.
    pub fn data_out_offset(&self, ordinal: u32) -> Option<u64> {
        let record = self.record(ordinal).filter(|r| r.start != NOWHERE)?;
        Some(record.start + u64::from(record.data_gap))
    }

    /// Bytes of an entry's data in the archive.
    pub fn stored_len(&self, ordinal: u32) -> u64 {
        if let Some(sparse) = self.sparse.get(&ordinal) {
            return sparse.stored_len;
        }
        let stated = self.stored.get(&ordinal).copied();
        stated.unwrap_or_else(|| self.size(ordinal))
    }

    /// Where an entry's data is in the archive; none if it has no bytes there.
    pub fn data_range(&self, ordinal: u32) -> Option<Range<u64>> {
        let has_data = self.kind(ordinal)?.has_data();
        let len = self.stored_len(ordinal);
        let start = self.data_out_offset(ordinal)?;
        (has_data && len > 0).then(|| start..start.saturating_add(len))
    }

    /// The parts of a sparse file that are in the archive.
    pub fn sparse(&self, ordinal: u32) -> Option<&[SparseRun]> {
        self.sparse.get(&ordinal).map(|s| &*s.runs)
    }

    /// The entry that a hard link names: the nearest one before it with that name, or if there is
    /// none the first after it; links to links are followed. `None` if there is no such entry or
    /// the links go in a circle. An entry of another kind is its own answer.
    pub fn hardlink_target(&self, ordinal: u32) -> Option<u32> {
        let mut at = ordinal;
        for _ in 0..crate::tree::MAX_LINKS {
            let record = self.record(at)?;
            if record.kind != EntryKind::Hardlink {
                return Some(at);
            }
            let key = crate::tree::normalised(self.link(at));
            let matches = |other: &u32| *other != at && self.is_named(*other, &key);
            at = (0..at)
                .rev()
                .find(matches)
                .or_else(|| (at + 1..self.len()).find(matches))?;
        }
        None
    }

    /// Where the first entry after all these may start: uncompressed bytes.
    #[cfg(test)]
    pub(crate) fn end_out_offset(&self) -> u64 {
        let Some(last) = self.len().checked_sub(1) else {
            return 0;
        };
        let end = self.data_out_offset(last).unwrap_or(0) + self.stored_len(last);
        end.div_ceil(crate::tar::BLOCK) * crate::tar::BLOCK
    }

    /// Bytes of memory taken, about.
    pub fn memory(&self) -> usize {
        self.records.capacity() * size_of::<Record>()
            + self.names.capacity()
            + self.dirs.memory()
            + self.owners.memory()
            + self.pax.memory()
            + self
                .sparse
                .values()
                .map(|s| s.runs.len() * 16 + 48)
                .sum::<usize>()
    }

    fn record(&self, ordinal: u32) -> Option<&Record> {
        self.records.get(ordinal as usize)
    }

    fn name(&self, record: &Record) -> &[u8] {
        let start = record.name_start as usize;
        &self.names[start..start + usize::from(record.name_len)]
    }

    /// The entry's normalised name is `key`. Most names differ in their last bytes, so that the
    /// whole name is seldom put together.
    fn is_named(&self, ordinal: u32, key: &[u8]) -> bool {
        let Some(record) = self.record(ordinal) else {
            return false;
        };
        let name = self.name(record);
        // Only a name with nothing to normalise in its last component can be told apart early.
        if !name.ends_with(b"/") && name != b"." && !key.ends_with(name) {
            return false;
        }
        let mut path = Vec::new();
        self.path_into(ordinal, &mut path);
        crate::tree::normalised(&path) == key
    }
}

/// A name's directory with its slash, and the last component with a slash if it ends with one.
fn split(path: &[u8]) -> (&[u8], &[u8]) {
    let end = path.len().saturating_sub(1);
    let at = path[..end]
        .iter()
        .rposition(|b| *b == b'/')
        .map_or(0, |i| i + 1);
    path.split_at(at)
}

#[cfg(test)]
mod tests;
