//! A [`Toc`] as few bytes: one column a field, so that like stands beside like, then deflated.
//!
//! Names share the front of the name before them; positions are told as the gap to where the
//! entry before would let them be (nearly always 0); times as differences. What only few entries
//! have (devices, sparse maps, odd lengths) stands in lists of its own.

use layerscope_inflate::inflate_whole;

use super::varint::{Reader, put, put_bytes, put_signed};
use super::{EntryKind, MAX_BYTES, Parts, SparseRun, Toc};
use crate::tar::{BLOCK, Limits, check_runs};

/// What an inflated table of contents may take. The columns of four million entries with all names
/// that the limits allow stay below it.
const MAX_UNPACKED: usize = 768 << 20;

/// The usual trade of time and size; higher levels gain under 2 % here.
const DEFLATE_LEVEL: u8 = 6;

/// Why packed bytes are no table of contents.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PackError {
    /// They do not inflate, or to more than they say.
    #[error("the table of contents does not inflate")]
    Deflate,
    /// A column ends early, goes on too long or has a value that cannot be.
    #[error("the table of contents has a bad column: {0}")]
    Column(&'static str),
}

impl Toc {
    /// The packed form, read by [`Toc::unpack`] if every entry's place is known.
    pub fn pack(&self) -> Vec<u8> {
        let raw = self.columns();
        let mut out = Vec::new();
        put(&mut out, raw.len() as u64);
        out.extend(miniz_oxide::deflate::compress_to_vec(&raw, DEFLATE_LEVEL));
        out
    }

    pub(super) fn columns(&self) -> Vec<u8> {
        let mut columns: [Vec<u8>; COLUMNS] = Default::default();
        let [
            prefixes,
            suffix_lens,
            suffixes,
            kinds,
            sizes,
            modes,
            owners,
            times,
            nanos,
            gaps,
            data_gaps,
            link_lens,
            links,
            pax_ids,
            devices,
            sparse,
            stored,
        ] = &mut columns;
        let (mut path, mut before) = (Vec::new(), Vec::new());
        let (mut time, mut end) = (0i64, 0u64);
        let mut last = [0u32; 3];
        for (ordinal, record) in (0u32..).zip(&self.records) {
            self.path_into(ordinal, &mut path);
            let shared = path.iter().zip(&before).take_while(|(a, b)| a == b).count();
            put(prefixes, shared as u64);
            put(suffix_lens, (path.len() - shared) as u64);
            suffixes.extend_from_slice(&path[shared..]);
            std::mem::swap(&mut path, &mut before);

            kinds.push(byte_from_kind(record.kind));
            put(sizes, record.size);
            put(modes, u64::from(record.mode));
            put(owners, u64::from(record.owner));
            put_signed(times, record.mtime_s.wrapping_sub(time));
            time = record.mtime_s;
            put(nanos, u64::from(record.mtime_ns));
            put_signed(gaps, record.start.wrapping_sub(end) as i64);
            put(data_gaps, u64::from(record.data_gap));
            let stored_len = self.stored_len(ordinal);
            // Without a place it comes to nothing that is read again.
            let data = record.start.wrapping_add(u64::from(record.data_gap));
            end = end_of(data, stored_len);
            put(link_lens, u64::from(record.link_len));
            links.extend_from_slice(self.link(ordinal));
            put(pax_ids, u64::from(record.pax));

            let mut key = |out: &mut Vec<u8>, which: usize| {
                put(out, u64::from(ordinal - last[which]));
                last[which] = ordinal;
            };
            if let Some((major, minor)) = self.devices.get(&ordinal) {
                key(devices, 0);
                put(devices, u64::from(*major));
                put(devices, u64::from(*minor));
            }
            if let Some(map) = self.sparse.get(&ordinal) {
                key(sparse, 1);
                put(sparse, map.stored_len);
                put(sparse, map.runs.len() as u64);
                let mut end = 0;
                for run in &map.runs {
                    put(sparse, run.start - end); // runs are in order and apart
                    put(sparse, run.len);
                    end = run.start + run.len;
                }
            } else if let Some(len) = self.stored.get(&ordinal) {
                key(stored, 2);
                put(stored, *len);
            }
        }
        let mut raw = Vec::new();
        put(&mut raw, self.records.len() as u64);
        for dictionary in [&self.owners, &self.pax] {
            put(&mut raw, dictionary.len() as u64);
            for id in 0..dictionary.len() as u32 {
                put_bytes(&mut raw, dictionary.get(id).unwrap_or_default());
            }
        }
        for column in &columns {
            put_bytes(&mut raw, column);
        }
        raw
    }

    /// Reads what [`Toc::pack`] wrote. `out_len` is how many uncompressed bytes the archive has;
    /// `damaged` says that the last entry's data may go on after them.
    ///
    /// # Errors
    /// Whatever does not fit together; nothing in the bytes is believed.
    pub fn unpack(packed: &[u8], out_len: u64, damaged: bool) -> Result<Toc, PackError> {
        let mut reader = Reader::new(packed);
        let len = reader.small::<usize>().filter(|n| *n <= MAX_UNPACKED);
        let len = len.ok_or(PackError::Deflate)?;
        let deflated = reader.take(reader.len()).unwrap_or_default();
        // Deflate makes at most 1032 bytes of one.
        if len / 1032 > deflated.len() {
            return Err(PackError::Deflate);
        }
        let raw = inflate_whole(deflated, len).ok_or(PackError::Deflate)?;
        if raw.len() != len {
            return Err(PackError::Deflate);
        }
        Toc::from_columns(&raw, out_len, damaged).map_err(PackError::Column)
    }

    pub(super) fn from_columns(
        raw: &[u8],
        out_len: u64,
        damaged: bool,
    ) -> Result<Toc, &'static str> {
        let mut raw = Reader::new(raw);
        let mut toc = Toc::new();
        let count = raw
            .small::<u32>()
            .filter(|n| *n <= Limits::ENTRIES)
            .ok_or("count")?;
        let mut bytes = 0u64;
        for dictionary in [&mut toc.owners, &mut toc.pax] {
            let known = raw.small::<u32>().ok_or("dictionary")?;
            for id in 0..known {
                let string = raw.bytes().ok_or("dictionary")?;
                bytes += string.len() as u64;
                // Equal strings would have one number.
                if bytes > MAX_BYTES || dictionary.intern(string) != id {
                    return Err("dictionary");
                }
            }
        }
        check_owners(&toc)?;
        check_pax(&toc)?;
        let mut columns = Vec::with_capacity(COLUMNS);
        for _ in 0..COLUMNS {
            columns.push(Reader::new(raw.bytes().ok_or("length")?));
        }
        let Ok(mut columns) = <[Reader<'_>; COLUMNS]>::try_from(columns) else {
            return Err("length");
        };
        if !raw.is_empty() {
            return Err("length");
        }
        if columns[0].len() < count as usize {
            return Err("count"); // a byte an entry at least, before anything is reserved for them
        }
        toc.records.reserve_exact(count as usize);
        let [
            prefixes,
            suffix_lens,
            suffixes,
            kinds,
            sizes,
            modes,
            owners,
            times,
            nanos,
            gaps,
            data_gaps,
            link_lens,
            links,
            pax_ids,
            devices,
            sparse,
            stored,
        ] = &mut columns;
        let mut path = Vec::new();
        let (mut time, mut end) = (0i64, 0u64);
        let mut keys = [devices, sparse, stored].map(|reader| Sparsely { reader, next: None });
        for list in &mut keys {
            list.advance(0)?;
        }
        let mut runs_left = u64::from(Limits::SPARSE_RUNS);
        for ordinal in 0..count {
            let shared = prefixes
                .small::<usize>()
                .filter(|n| *n <= path.len())
                .ok_or("names")?;
            let suffix = suffix_lens
                .small()
                .and_then(|n| suffixes.take(n))
                .ok_or("names")?;
            path.truncate(shared);
            path.extend_from_slice(suffix);
            let link = link_lens
                .small()
                .and_then(|n| links.take(n))
                .ok_or("links")?;
            bytes += (path.len() + link.len()) as u64;
            if path.len().max(link.len()) > Limits::NAME_LEN || bytes > MAX_BYTES {
                return Err("names");
            }
            let kind = kinds
                .take(1)
                .and_then(|b| kind_from_byte(b[0]))
                .ok_or("kinds")?;
            if !link.is_empty() && !matches!(kind, EntryKind::Symlink | EntryKind::Hardlink) {
                return Err("links");
            }
            let size = sizes.number().ok_or("sizes")?;
            time = time.wrapping_add(times.signed().ok_or("times")?);
            // Gaps are signed only so that every difference has a form; below 0 is refused.
            let gap = gaps
                .signed()
                .and_then(|n| u64::try_from(n).ok())
                .ok_or("positions")?;
            let header_out_offset = end.checked_add(gap).ok_or("positions")?;
            let data_gap = data_gaps.small::<u32>().ok_or("positions")?;
            let data_out_offset = header_out_offset
                .checked_add(u64::from(data_gap))
                .ok_or("positions")?;
            if u64::from(data_gap) < BLOCK
                || header_out_offset % BLOCK + u64::from(data_gap) % BLOCK != 0
            {
                return Err("positions");
            }
            let device = match keys[0].take(ordinal)? {
                Some(values) => Some((
                    values.small().ok_or("devices")?,
                    values.small().ok_or("devices")?,
                )),
                None => None,
            };
            let mut stored_len = size;
            let runs = match keys[1].take(ordinal)? {
                Some(values) => {
                    stored_len = values.number().ok_or("sparse")?;
                    let count = values
                        .number()
                        .filter(|n| *n <= runs_left)
                        .ok_or("sparse")?;
                    runs_left -= count;
                    Some(runs(values, count, size, stored_len)?)
                }
                None => None,
            };
            if let Some(values) = keys[2].take(ordinal)? {
                if runs.is_some() {
                    return Err("lengths");
                }
                stored_len = values.number().filter(|n| *n != size).ok_or("lengths")?;
            }
            if !kind.has_data() && size != 0 {
                return Err("sizes");
            }
            let data_end = data_out_offset.checked_add(stored_len);
            let data_end = data_end
                .filter(|e| *e < i64::MAX as u64)
                .ok_or("positions")?;
            let last = ordinal + 1 == count;
            if data_out_offset > out_len || (data_end > out_len && !(damaged && last)) {
                return Err("positions");
            }
            for list in &mut keys {
                list.advance(ordinal)?;
            }
            end = end_of(data_out_offset, stored_len);
            let parts = Parts {
                path: &path,
                link,
                kind,
                size,
                mode: modes.small().ok_or("modes")?,
                owner: id(owners, toc.owners.len()).ok_or("owners")?,
                pax: id(pax_ids, toc.pax.len()).ok_or("attributes")?,
                mtime_s: time,
                mtime_ns: nanos
                    .small()
                    .filter(|n| *n < 1_000_000_000)
                    .ok_or("times")?,
                header_out_offset: Some(header_out_offset),
                data_out_offset: Some(data_out_offset),
                stored_len,
                device,
                sparse: runs,
            };
            if !toc.push_parts(parts) {
                return Err("names");
            }
        }
        let lists_done = keys.iter().all(|k| k.next.is_none() && k.reader.is_empty());
        if !lists_done || columns.iter().any(|c| !c.is_empty()) {
            return Err("length");
        }
        toc.names.shrink_to_fit();
        Ok(toc)
    }
}

const COLUMNS: usize = 17;

/// A list of only some entries, by rising ordinals.
struct Sparsely<'r, 'a> {
    reader: &'r mut Reader<'a>,
    next: Option<u32>,
}

impl<'a> Sparsely<'_, 'a> {
    /// The values of this ordinal, if the list has it.
    fn take(&mut self, ordinal: u32) -> Result<Option<&mut Reader<'a>>, &'static str> {
        if self.next != Some(ordinal) {
            return Ok(None);
        }
        self.next = None;
        Ok(Some(self.reader))
    }

    /// Reads the key after `from`, unless one is waiting still.
    fn advance(&mut self, from: u32) -> Result<(), &'static str> {
        if self.next.is_none() && !self.reader.is_empty() {
            let step = self.reader.small::<u32>().ok_or("lists")?;
            let next = from.checked_add(step).filter(|n| *n < Limits::ENTRIES);
            self.next = Some(next.ok_or("lists")?);
        }
        Ok(())
    }
}

fn runs(
    values: &mut Reader<'_>,
    count: u64,
    size: u64,
    stored_len: u64,
) -> Result<Box<[SparseRun]>, &'static str> {
    let mut runs = Vec::new();
    let mut end = 0u64;
    for _ in 0..count {
        let gap = values.number().ok_or("sparse")?;
        let len = values.number().filter(|n| *n > 0).ok_or("sparse")?;
        let start = end.checked_add(gap).ok_or("sparse")?;
        end = start.checked_add(len).ok_or("sparse")?;
        runs.push(SparseRun { start, len });
    }
    let runs = check_runs(runs, size, stored_len).map_err(|_| "sparse")?;
    if size > Limits::SPARSE_SIZE {
        return Err("sparse");
    }
    Ok(runs.into())
}

fn id(column: &mut Reader<'_>, known: usize) -> Option<u32> {
    column.small::<u32>().filter(|id| (*id as usize) < known)
}

fn check_owners(toc: &Toc) -> Result<(), &'static str> {
    // Number 0 is the empty string that every interner knows.
    for id in 1..toc.owners.len() as u32 {
        let mut owner = Reader::new(toc.owners.get(id).unwrap_or_default());
        let whole = (owner.number(), owner.number(), owner.bytes(), owner.bytes());
        if !matches!(whole, (Some(_), Some(_), Some(_), Some(_))) || !owner.is_empty() {
            return Err("owners");
        }
    }
    Ok(())
}

fn check_pax(toc: &Toc) -> Result<(), &'static str> {
    for id in 1..toc.pax.len() as u32 {
        let mut records = Reader::new(toc.pax.get(id).unwrap_or_default());
        while !records.is_empty() {
            records
                .bytes()
                .and_then(|_| records.bytes())
                .ok_or("attributes")?;
        }
    }
    Ok(())
}

/// Where the block after an entry's data starts.
fn end_of(data_out_offset: u64, stored_len: u64) -> u64 {
    let end = data_out_offset.saturating_add(stored_len);
    end.div_ceil(BLOCK).saturating_mul(BLOCK)
}

/// Typeflags are ASCII in practice; the known kinds take their own flag, `Other` a byte that the
/// known ones leave free.
fn byte_from_kind(kind: EntryKind) -> u8 {
    match kind {
        EntryKind::File => b'0',
        EntryKind::Hardlink => b'1',
        EntryKind::Symlink => b'2',
        EntryKind::Char => b'3',
        EntryKind::Block => b'4',
        EntryKind::Dir => b'5',
        EntryKind::Fifo => b'6',
        EntryKind::Other(flag) => flag,
    }
}

/// The parser gives `Other` for no flag of a known kind or of an extended header.
fn kind_from_byte(byte: u8) -> Option<EntryKind> {
    Some(match byte {
        b'0' => EntryKind::File,
        b'1' => EntryKind::Hardlink,
        b'2' => EntryKind::Symlink,
        b'3' => EntryKind::Char,
        b'4' => EntryKind::Block,
        b'5' => EntryKind::Dir,
        b'6' => EntryKind::Fifo,
        0 | b'7' | b'S' | b'x' | b'X' | b'g' | b'L' | b'K' => return None,
        flag => EntryKind::Other(flag),
    })
}
