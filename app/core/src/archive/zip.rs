//! zip by its central directory, which `rawzip` reads.

use std::collections::HashMap;

use rawzip::{CompressionMethod, ZipArchive};

use super::read::inflate_all;
use super::{ArchiveError, Method, Packed};
use crate::toc::{Entry, EntryKind, Toc};

/// Longest target of a symbolic link that is read, in bytes.
const MAX_LINK: u64 = 4096;

pub(super) fn is_zip(head: &[u8]) -> bool {
    // An empty one has nothing but its end.
    head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06")
}

/// The entries, and those of them that do not lie in the archive as they are.
pub(super) fn read(bytes: &[u8]) -> Result<(Toc, HashMap<u32, Packed>), ArchiveError> {
    let bad = |error: rawzip::Error| ArchiveError::Zip(error.to_string());
    let archive = ZipArchive::from_slice(bytes).map_err(bad)?;
    let mut entries = archive.entries();
    let mut toc = Toc::new();
    let mut packed = HashMap::new();
    while let Some(record) = entries.next_entry().map_err(bad)? {
        let found = archive.get_entry(record.wayfinder()).map_err(bad)?;
        let (start, end) = found.compressed_data_range();
        let place = usize::try_from(start).ok().zip(usize::try_from(end).ok());
        let place = place.map(|(start, end)| start..end);
        let Some((place, data)) = place.and_then(|p| Some((p.clone(), bytes.get(p)?))) else {
            return Err(ArchiveError::Zip("an entry lies outside of it".into()));
        };
        let mode = record.mode().value();
        let kind = match mode & 0o170_000 {
            _ if record.is_dir() => EntryKind::Dir,
            0o120_000 => EntryKind::Symlink,
            _ => EntryKind::File,
        };
        let method = method(&record);
        let size = found.claim_verifier().uncompressed_size;
        let member = Packed {
            place,
            method: method
                .clone()
                .unwrap_or_else(|| Method::Unreadable("its two sizes do not agree".to_owned())),
            crc: record.crc32(),
        };
        let stored = method.is_none() && data.len() as u64 == size;
        let linkname = match kind {
            EntryKind::Symlink if stored && size <= MAX_LINK => data.to_vec(),
            EntryKind::Symlink if size <= MAX_LINK && member.method == Method::Deflate => {
                inflate_all(data, MAX_LINK).unwrap_or_default()
            }
            _ => Vec::new(),
        };
        let size = if kind.has_data() { size } else { 0 };
        let entry = Entry {
            path: record.file_path().as_bytes().to_vec(),
            kind,
            size,
            mode: mode & 0o7777,
            uid: 0,
            gid: 0,
            uname: Vec::new(),
            gname: Vec::new(),
            mtime_s: seconds(&record.last_modified()),
            mtime_ns: 0,
            linkname,
            device: None,
            pax: Vec::new(),
            header_out_offset: Some(record.local_header_offset().min(start)),
            data_out_offset: Some(start),
            stored_len: if kind.has_data() {
                data.len() as u64
            } else {
                0
            },
            sparse: None,
        };
        let ordinal = toc.len();
        if !toc.push(&entry) {
            let what = "the table of contents is larger than allowed";
            return Err(ArchiveError::Zip(what.into()));
        }
        if kind.has_data() && !stored {
            packed.insert(ordinal, member);
        }
    }
    Ok((toc, packed))
}

/// How a member is packed; none if it is not.
fn method(record: &rawzip::ZipFileHeaderRecord<'_>) -> Option<Method> {
    if record.flags().is_encrypted() {
        return Some(Method::Unreadable("it is encrypted".to_owned()));
    }
    match record.compression_method() {
        CompressionMethod::STORE => None,
        CompressionMethod::DEFLATE => Some(Method::Deflate),
        other => Some(Method::Unreadable(format!(
            "it is compressed with {other}, which is not read in a zip here"
        ))),
    }
}

/// Seconds since 1970. Zip's own times have no zone; they are taken for UTC.
fn seconds(time: &rawzip::time::ZipDateTimeKind) -> i64 {
    let (year, month, day) = (
        i64::from(time.year()),
        i64::from(time.month()),
        i64::from(time.day()),
    );
    // Days from civil, counted from March so that leap days come last in a year.
    let year = if month <= 2 { year - 1 } else { year };
    let month = (month + 9) % 12;
    let of_year = (153 * month + 2) / 5 + day - 1;
    let era = year.div_euclid(400);
    let year = year.rem_euclid(400);
    let days = era * 146_097 + year * 365 + year / 4 - year / 100 + of_year - 719_468;
    let of_day = i64::from(time.hour()) * 3600 + i64::from(time.minute()) * 60;
    days * 86_400 + of_day + i64::from(time.second())
}
