//! The JSON of a table of contents, which eStargz and zstd:chunked have nearly in common, read
//! entry by entry.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};

use super::table::{Chunk, Frame, TableBuilder};
use super::{ChunkTable, ForeignError};
use crate::toc::{Entry, EntryKind, Toc};
use crate::ztoc::time;

/// Permission bits with setuid, setgid and sticky: Go's `tar.Header.Mode` may have more.
const MODE_MASK: u32 = 0o7777;
/// The only version that there is.
const VERSION: u64 = 1;

/// An entry as it stands. `chunk` entries belong to the `reg` before them.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    name: Cow<'a, str>,
    #[serde(borrow, default)]
    link_name: Cow<'a, str>,
    #[serde(default)]
    mode: i64,
    #[serde(default)]
    size: u64,
    #[serde(default)]
    uid: u64,
    #[serde(default)]
    gid: u64,
    #[serde(borrow, default)]
    user_name: Cow<'a, str>,
    #[serde(borrow, default)]
    group_name: Cow<'a, str>,
    #[serde(borrow, default)]
    modtime: Cow<'a, str>,
    #[serde(default)]
    dev_major: u32,
    #[serde(default)]
    dev_minor: u32,
    #[serde(borrow, default)]
    xattrs: BTreeMap<Cow<'a, str>, Cow<'a, str>>,
    #[serde(borrow, default)]
    digest: Cow<'a, str>,
    #[serde(default)]
    offset: u64,
    #[serde(default)]
    end_offset: u64,
    #[serde(default)]
    inner_offset: u64,
    #[serde(default)]
    chunk_offset: u64,
    #[serde(default)]
    chunk_size: u64,
    #[serde(borrow, default)]
    chunk_digest: Cow<'a, str>,
    #[serde(borrow, default)]
    chunk_type: Cow<'a, str>,
}

/// Reads a table. `payload_end` is where the pieces of files end in the blob (compressed bytes);
/// `anchored` says that the manifest has a digest of the JSON.
pub(super) fn read(
    json: &[u8],
    frame: Frame,
    payload_end: u64,
    anchored: bool,
) -> Result<(Toc, ChunkTable), ForeignError> {
    let mut reader = Reader {
        toc: Toc::new(),
        table: TableBuilder::new(frame, payload_end, anchored),
        users: HashMap::new(),
        groups: HashMap::new(),
        open: None,
        number: 0,
        failed: None,
    };
    let mut json = serde_json::Deserializer::from_slice(json);
    let read = DocumentSeed(&mut reader).deserialize(&mut json);
    let read = read.and_then(|()| json.end());
    if let Some(error) = reader.failed {
        return Err(error);
    }
    read.map_err(|error| ForeignError::Json(error.to_string()))?;
    reader.close()?;
    Ok((reader.toc, reader.table.finish()?))
}

struct Reader {
    toc: Toc,
    table: TableBuilder,
    /// A name is told once for each number.
    users: HashMap<u64, Vec<u8>>,
    groups: HashMap<u64, Vec<u8>>,
    /// The file whose pieces may follow.
    open: Option<Open>,
    number: u64,
    failed: Option<ForeignError>,
}

struct Open {
    ordinal: u32,
    size: u64,
    /// Bytes of the file in its pieces so far.
    so_far: u64,
    end_offset: u64,
    digest: Option<[u8; 32]>,
}

impl Reader {
    fn bad(&self, what: &'static str) -> ForeignError {
        ForeignError::Entry {
            number: self.number,
            what,
        }
    }

    fn take(&mut self, raw: &Raw<'_>) -> Result<(), ForeignError> {
        if raw.kind == "chunk" {
            return self.chunk(raw);
        }
        self.close()?;
        let kind = match &*raw.kind {
            "reg" => EntryKind::File,
            "dir" => EntryKind::Dir,
            "symlink" => EntryKind::Symlink,
            "hardlink" => EntryKind::Hardlink,
            "char" => EntryKind::Char,
            "block" => EntryKind::Block,
            "fifo" => EntryKind::Fifo,
            _ => return Err(self.bad("type")),
        };
        let entry = self.entry(kind, raw)?;
        let ordinal = self.toc.len();
        if raw.name.contains('\0') || !self.toc.push(&entry) {
            return Err(self.bad("name"));
        }
        self.table.entry();
        if kind == EntryKind::File && entry.size > 0 {
            self.open = Some(Open {
                ordinal,
                size: entry.size,
                so_far: 0,
                end_offset: raw.end_offset,
                digest: self.digest(&raw.digest)?,
            });
            return self.chunk(raw);
        }
        Ok(())
    }

    fn entry(&mut self, kind: EntryKind, raw: &Raw<'_>) -> Result<Entry, ForeignError> {
        let (mtime_s, mtime_ns) = match &*raw.modtime {
            "" => (0, 0),
            text => time::parse(text.as_bytes()).ok_or_else(|| self.bad("time"))?,
        };
        let is_link = matches!(kind, EntryKind::Symlink | EntryKind::Hardlink);
        let is_device = matches!(kind, EntryKind::Char | EntryKind::Block);
        let size = if kind == EntryKind::File { raw.size } else { 0 };
        if size > i64::MAX as u64 {
            return Err(self.bad("size"));
        }
        let mut pax = Vec::with_capacity(raw.xattrs.len());
        for (name, value) in &raw.xattrs {
            let value = STANDARD.decode(value.as_bytes());
            let value = value.map_err(|_| self.bad("extended attribute"))?;
            pax.push((format!("SCHILY.xattr.{name}").into_bytes(), value));
        }
        Ok(Entry {
            path: raw.name.as_bytes().to_vec(),
            kind,
            size,
            mode: raw.mode as u32 & MODE_MASK,
            uid: raw.uid,
            gid: raw.gid,
            uname: known(&mut self.users, raw.uid, &raw.user_name),
            gname: known(&mut self.groups, raw.gid, &raw.group_name),
            mtime_s,
            mtime_ns,
            linkname: match is_link {
                true => raw.link_name.as_bytes().to_vec(),
                false => Vec::new(),
            },
            device: is_device.then_some((raw.dev_major, raw.dev_minor)),
            pax,
            header_out_offset: None,
            data_out_offset: None,
            stored_len: size,
            sparse: None,
        })
    }

    /// A piece of the open file.
    fn chunk(&mut self, raw: &Raw<'_>) -> Result<(), ForeignError> {
        let digest = self.digest(&raw.chunk_digest)?;
        let Some(mut open) = self.open.take() else {
            return Err(self.bad("piece: it belongs to no file"));
        };
        let left = open.size - open.so_far; // pieces never go beyond it
        // No size: to the file's end.
        let out_len = if raw.chunk_size == 0 {
            left
        } else {
            raw.chunk_size
        };
        if raw.chunk_offset != open.so_far || out_len == 0 || out_len > left {
            return Err(self.bad("piece: it does not follow the one before"));
        }
        let zeros = match &*raw.chunk_type {
            "" => false,
            "zeros" => true,
            _ => return Err(self.bad("piece: it is of an unknown type")),
        };
        let chunk = Chunk {
            in_start: raw.offset,
            in_end: 0,
            skip: raw.inner_offset,
            out_start: open.so_far,
            out_len,
            zeros,
            digest,
        };
        open.so_far += out_len;
        self.open = Some(open);
        self.table.chunk(chunk).map_err(|what| self.bad(what))
    }

    /// The open file has no more pieces.
    fn close(&mut self) -> Result<(), ForeignError> {
        let Some(open) = self.open.take() else {
            return Ok(());
        };
        if open.so_far != open.size {
            return Err(self.bad("piece: the file before it is not whole"));
        }
        let closed = self.table.file(open.ordinal, open.end_offset, open.digest);
        closed.map_err(|what| self.bad(what))
    }

    /// A SHA-256 digest; none if there is none, or one by another algorithm.
    fn digest(&self, text: &str) -> Result<Option<[u8; 32]>, ForeignError> {
        let hex = match text.split_once(':') {
            Some(("sha256", hex)) => hex,
            Some(_) => return Ok(None),
            None if text.is_empty() => return Ok(None),
            None => text,
        };
        let bytes = hex.as_bytes();
        let mut digest = [0; 32];
        if bytes.len() != 64 {
            return Err(self.bad("digest"));
        }
        for (byte, pair) in digest.iter_mut().zip(bytes.as_chunks::<2>().0) {
            let value = |c: u8| (c as char).to_digit(16);
            let (high, low) = (value(pair[0]), value(pair[1]));
            let (high, low) = high.zip(low).ok_or_else(|| self.bad("digest"))?;
            *byte = (high * 16 + low) as u8; // below 256
        }
        Ok(Some(digest))
    }
}

/// The name that belongs to a number: this one, or the last one that was told.
fn known(names: &mut HashMap<u64, Vec<u8>>, id: u64, name: &str) -> Vec<u8> {
    if !name.is_empty() {
        names.insert(id, name.as_bytes().to_vec());
    }
    names.get(&id).cloned().unwrap_or_default()
}

struct DocumentSeed<'r>(&'r mut Reader);

impl<'de> DeserializeSeed<'de> for DocumentSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for DocumentSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table of contents")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let (mut version, mut entries) = (0, false);
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            match &*key {
                "version" => version = map.next_value()?,
                "entries" if !entries => {
                    entries = true;
                    map.next_value_seed(EntriesSeed(&mut *self.0))?;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        if version != VERSION {
            return Err(A::Error::custom(format!("it is of version {version}")));
        }
        Ok(())
    }
}

struct EntriesSeed<'r>(&'r mut Reader);

impl<'de> DeserializeSeed<'de> for EntriesSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for EntriesSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of entries")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(raw) = list.next_element::<Raw<'de>>()? {
            if let Err(error) = self.0.take(&raw) {
                self.0.failed = Some(error);
                return Err(A::Error::custom("an entry is refused"));
            }
            self.0.number += 1;
        }
        Ok(())
    }
}
