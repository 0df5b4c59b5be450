//! cpio in its text forms: newc (`070701`, `070702` with sums) and odc (`070707`). Archives one
//! after the other, with zeros between, are read as the kernel reads an initramfs.

use std::collections::HashMap;

use super::number::padded;
use crate::tar::Limits;
use crate::toc::{Entry, EntryKind};

/// The name that ends an archive.
const TRAILER: &[u8] = b"TRAILER!!!";

pub(super) fn is_cpio(head: &[u8]) -> bool {
    matches!(head.get(..6), Some(b"070701" | b"070702" | b"070707"))
}

struct Header {
    ino: (u64, u64),
    mode: u64,
    uid: u64,
    gid: u64,
    nlink: u64,
    mtime: u64,
    size: usize,
    rdev: (u32, u32),
    /// Bytes of the header, of the name with its NUL, and what both are padded to.
    header_len: usize,
    name_len: usize,
    align: usize,
}

/// What came of it.
pub(super) struct Read {
    /// The entries, in order.
    pub(super) entries: Vec<Entry>,
    /// Where something other than cpio follows the archives, if it does.
    pub(super) rest: Option<usize>,
    /// What cannot be, and where.
    pub(super) problem: Option<(usize, &'static str)>,
}

/// Reads all archives from byte `at` on.
pub(super) fn read(bytes: &[u8], mut at: usize) -> Read {
    let mut out = Read {
        entries: Vec::new(),
        rest: None,
        problem: None,
    };
    let mut links: HashMap<(u64, u64), Vec<usize>> = HashMap::new();
    loop {
        // Padding between archives.
        at += bytes[at.min(bytes.len())..]
            .iter()
            .take_while(|b| **b == 0)
            .count();
        if at >= bytes.len() {
            break;
        }
        if !is_cpio(&bytes[at..]) {
            out.rest = Some(at);
            break;
        }
        match archive(bytes, &mut at, &mut out.entries, &mut links) {
            Ok(()) => links.clear(),
            Err(problem) => {
                out.problem = Some(problem);
                break;
            }
        }
    }
    out
}

fn archive(
    bytes: &[u8],
    at: &mut usize,
    entries: &mut Vec<Entry>,
    links: &mut HashMap<(u64, u64), Vec<usize>>,
) -> Result<(), (usize, &'static str)> {
    loop {
        let start = *at;
        let header =
            header(bytes.get(start..).unwrap_or_default()).map_err(|what| (start, what))?;
        let name_at = start + header.header_len;
        let name = name_at
            .checked_add(header.name_len)
            .and_then(|end| bytes.get(name_at..end))
            .ok_or((start, "a name is cut short"))?;
        let name = name
            .strip_suffix(b"\0")
            .ok_or((start, "a name has no end"))?;
        let data_at = padded_to(name_at + header.name_len - start, header.align) + start;
        if name == TRAILER {
            *at = data_at.min(bytes.len());
            return Ok(());
        }
        let data_end = data_at
            .checked_add(header.size)
            .filter(|end| *end <= bytes.len())
            .ok_or((start, "a file's data is cut short"))?;
        *at = (padded_to(data_end - start, header.align) + start).min(bytes.len());
        if entries.len() >= Limits::ENTRIES as usize {
            return Err((start, "the table of contents is larger than allowed"));
        }
        entries.push(entry(
            &header,
            name,
            &bytes[data_at..data_end],
            start,
            data_at,
        ));
        hard_links(&header, entries, links);
    }
}

/// Of several names of one file, newc gives the data to the last: the others are links to it.
fn hard_links(header: &Header, entries: &mut [Entry], links: &mut HashMap<(u64, u64), Vec<usize>>) {
    let here = entries.len() - 1;
    if header.nlink < 2 || entries[here].kind != EntryKind::File {
        return;
    }
    let names = links.entry(header.ino).or_default();
    if header.size == 0 {
        names.push(here);
        return;
    }
    let path = entries[here].path.clone();
    for other in names.drain(..) {
        entries[other].kind = EntryKind::Hardlink;
        entries[other].linkname = path.clone();
    }
}

fn entry(header: &Header, name: &[u8], data: &[u8], start: usize, data_at: usize) -> Entry {
    let kind = match header.mode & 0o170_000 {
        0o040_000 => EntryKind::Dir,
        0o120_000 => EntryKind::Symlink,
        0o020_000 => EntryKind::Char,
        0o060_000 => EntryKind::Block,
        0o010_000 => EntryKind::Fifo,
        _ => EntryKind::File,
    };
    let is_link = kind == EntryKind::Symlink;
    let size = if kind.has_data() {
        data.len() as u64
    } else {
        0
    };
    Entry {
        path: name.to_vec(),
        kind,
        size,
        mode: (header.mode & 0o7777) as u32,
        uid: header.uid,
        gid: header.gid,
        uname: Vec::new(),
        gname: Vec::new(),
        mtime_s: i64::try_from(header.mtime).unwrap_or(i64::MAX),
        mtime_ns: 0,
        linkname: if is_link { data.to_vec() } else { Vec::new() },
        device: matches!(kind, EntryKind::Char | EntryKind::Block).then_some(header.rdev),
        pax: Vec::new(),
        header_out_offset: Some(start as u64),
        data_out_offset: Some(data_at as u64),
        stored_len: size,
        sparse: None,
    }
}

fn header(bytes: &[u8]) -> Result<Header, &'static str> {
    const NEWC: usize = 110;
    const ODC: usize = 76;
    match bytes.get(..6) {
        Some(b"070701" | b"070702") => {
            let text = bytes.get(6..NEWC).ok_or("a header is cut short")?;
            let field = |n: usize| {
                padded(&text[n * 8..n * 8 + 8], 16).ok_or("a header's field is no number")
            };
            Ok(Header {
                ino: (field(7)? << 32 | field(8)?, field(0)?),
                mode: field(1)?,
                uid: field(2)?,
                gid: field(3)?,
                nlink: field(4)?,
                mtime: field(5)?,
                size: field(6)? as usize, // eight hex digits
                rdev: (field(9)? as u32, field(10)? as u32),
                header_len: NEWC,
                name_len: field(11)? as usize,
                align: 4,
            })
        }
        Some(b"070707") => {
            let text = bytes.get(..ODC).ok_or("a header is cut short")?;
            let field = |from: usize, to: usize| {
                padded(&text[from..to], 8).ok_or("a header's field is no number")
            };
            let rdev = field(42, 48)? as u32;
            let size = field(65, 76)?;
            Ok(Header {
                ino: (field(6, 12)?, field(12, 18)?),
                mode: field(18, 24)?,
                uid: field(24, 30)?,
                gid: field(30, 36)?,
                nlink: field(36, 42)?,
                mtime: field(48, 59)?,
                size: usize::try_from(size).map_err(|_| "a file's size is too large")?,
                rdev: (rdev >> 8, rdev & 0xff),
                header_len: ODC,
                name_len: field(59, 65)? as usize,
                align: 1,
            })
        }
        _ => Err("an entry does not begin with cpio's magic"),
    }
}

fn padded_to(len: usize, align: usize) -> usize {
    len.div_ceil(align) * align
}
