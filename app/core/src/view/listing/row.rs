//! A row from an entry.

use crate::job::{Row, RowKind};
use crate::path::{EntryPath, visible};
use crate::toc::{EntryKind, Toc};
use crate::tree::{NodeId, Tree, normalised};

/// Characters shown of one attribute's value; a page's row is no place for more.
const MAX_VALUE: usize = 256;

/// Attributes shown for one entry.
const MAX_EXTRA: usize = 64;

/// The row of one entry; none if there is no such entry.
pub(super) fn row_from_ordinal(tree: &Tree, toc: &Toc, ordinal: u32) -> Option<Row> {
    let entry = toc.get(ordinal)?;
    let path = normalised(&entry.path);
    let name = path.rsplit(|b| *b == b'/').next().unwrap_or_default();
    let kind = match entry.kind {
        EntryKind::Dir => RowKind::Dir,
        // OCI image specification, "Whiteouts"; `.wh..wh..opq` is the opaque one.
        _ if name.starts_with(b".wh.") => RowKind::Whiteout,
        EntryKind::File | EntryKind::Other(_) => RowKind::File,
        EntryKind::Symlink => RowKind::Symlink,
        EntryKind::Hardlink => RowKind::Hardlink,
        EntryKind::Char => RowKind::Char,
        EntryKind::Block => RowKind::Block,
        EntryKind::Fifo => RowKind::Fifo,
    };
    let mut extra: Vec<(String, String)> = Vec::new();
    if let EntryKind::Other(flag) = entry.kind {
        extra.push(("typeflag".to_owned(), flag.escape_ascii().to_string()));
    }
    if entry.sparse.is_some() {
        extra.push((
            "sparse".to_owned(),
            format!("{} bytes stored", entry.stored_len),
        ));
    }
    let room = MAX_EXTRA - extra.len();
    extra.extend(entry.pax.iter().take(room).map(|(key, value)| {
        let key = key.strip_prefix(b"SCHILY.xattr.").unwrap_or(key);
        (shown(key), shown(value))
    }));
    let node = tree.find(&path);
    Some(Row {
        kind,
        size: entry.size,
        mode: entry.mode & 0o7777,
        uid: entry.uid,
        gid: entry.gid,
        uname: shown(&entry.uname),
        gname: shown(&entry.gname),
        mtime: entry.mtime_s,
        link: EntryPath::new(entry.linkname),
        ordinal: Some(ordinal),
        duplicate: node.is_some_and(|node| !tree.earlier(node).is_empty()),
        extra,
        device: entry.device,
        version: None,
        path: EntryPath::new(path),
    })
}

/// The row of a name: of its last entry, or of a directory that others imply.
pub(super) fn row_from_node(tree: &Tree, toc: &Toc, node: NodeId) -> Row {
    let stated = tree
        .ordinal(node)
        .and_then(|o| row_from_ordinal(tree, toc, o));
    stated.unwrap_or_else(|| Row {
        path: EntryPath::new(tree.path(node)),
        kind: RowKind::Dir,
        size: 0,
        mode: 0o755, // what unpacking makes of it
        uid: 0,
        gid: 0,
        uname: String::new(),
        gname: String::new(),
        mtime: 0,
        link: EntryPath::default(),
        ordinal: None,
        duplicate: false,
        extra: Vec::new(),
        device: None,
        version: None,
    })
}

/// Text as it is with what is invisible made visible; other bytes as hex. Cut to a row's measure.
fn shown(value: &[u8]) -> String {
    let cut = |text: String| match text.char_indices().nth(MAX_VALUE) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    };
    match std::str::from_utf8(value) {
        Ok(_) => cut(visible(value)),
        Err(_) => {
            let bytes = value.iter().take(MAX_VALUE / 2 + 1);
            cut(bytes.fold("0x".to_owned(), |text, b| text + &format!("{b:02x}")))
        }
    }
}
