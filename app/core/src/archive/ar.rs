//! ar, as Debian's packages are (deb(5)) and static libraries: headers of 60 bytes, data padded to
//! two. Long names: GNU's table `//` and BSD's `#1/`.

use super::number::padded;
use crate::toc::{Entry, EntryKind};

pub(super) const MAGIC: &[u8; 8] = b"!<arch>\n";
const HEADER: usize = 60;

/// Tells each member. Stops with words at what cannot be, and where.
pub(super) fn members(
    bytes: &[u8],
    member: &mut dyn FnMut(Entry) -> bool,
) -> Result<(), (usize, &'static str)> {
    let mut at = MAGIC.len();
    let mut names: &[u8] = &[];
    while at < bytes.len() {
        // One newline too many at the end is padding.
        if bytes.len() - at == 1 && bytes[at] == b'\n' {
            return Ok(());
        }
        let header = bytes
            .get(at..at + HEADER)
            .ok_or((at, "a member's header is cut short"))?;
        if &header[58..] != b"`\n" {
            return Err((at, "a member's header does not end as one"));
        }
        let number = |range: std::ops::Range<usize>, base, what| {
            padded(&header[range], base).ok_or((at, what))
        };
        let mtime = number(16..28, 10, "a member's time is no number")?;
        let uid = number(28..34, 10, "a member's owner is no number")?;
        let gid = number(34..40, 10, "a member's group is no number")?;
        let mode = number(40..48, 8, "a member's mode is no number")?;
        let size = number(48..58, 10, "a member's size is no number")?;
        let start = at + HEADER;
        let data = usize::try_from(size)
            .ok()
            .and_then(|size| bytes.get(start..start.checked_add(size)?))
            .ok_or((at, "a member's data is cut short"))?;
        let field = &header[..16];
        let (name, skip) = name(field, names, data).ok_or((at, "a member's name is not there"))?;
        match name {
            Name::Table => names = data,
            Name::Symbols => {}
            Name::Member(path) => {
                let len = (data.len() - skip) as u64;
                let entry = Entry {
                    path,
                    kind: EntryKind::File,
                    size: len,
                    mode: mode as u32 & 0o7777,
                    uid,
                    gid,
                    uname: Vec::new(),
                    gname: Vec::new(),
                    mtime_s: i64::try_from(mtime).unwrap_or(i64::MAX),
                    mtime_ns: 0,
                    linkname: Vec::new(),
                    device: None,
                    pax: Vec::new(),
                    header_out_offset: Some(at as u64),
                    data_out_offset: Some((start + skip) as u64),
                    stored_len: len,
                    sparse: None,
                };
                if !member(entry) {
                    return Err((at, "the table of contents is larger than allowed"));
                }
            }
        }
        at = start + data.len() + data.len() % 2;
    }
    Ok(())
}

enum Name {
    Member(Vec<u8>),
    /// GNU's table of long names.
    Table,
    /// An index of symbols, which is no member.
    Symbols,
}

/// What a name field says, and how many bytes of the data are the name.
fn name(field: &[u8], names: &[u8], data: &[u8]) -> Option<(Name, usize)> {
    let end = field
        .iter()
        .rposition(|b| *b != b' ')
        .map_or(0, |at| at + 1);
    let field = &field[..end];
    match field {
        b"//" => return Some((Name::Table, 0)),
        b"/" | b"/SYM64/" | b"__.SYMDEF" | b"__.SYMDEF SORTED" => {
            return Some((Name::Symbols, 0));
        }
        _ => {}
    }
    if let Some(len) = field.strip_prefix(b"#1/") {
        let len = usize::try_from(padded(len, 10)?).ok()?;
        let name = data.get(..len)?;
        let end = name.iter().position(|b| *b == 0).unwrap_or(len);
        return match &name[..end] {
            b"__.SYMDEF" | b"__.SYMDEF SORTED" | b"__.SYMDEF_64" => Some((Name::Symbols, len)),
            name => Some((Name::Member(name.to_vec()), len)),
        };
    }
    if let Some(at) = field.strip_prefix(b"/") {
        let at = usize::try_from(padded(at, 10)?).ok()?;
        let rest = names.get(at..)?;
        let end = rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len());
        let name = &rest[..end];
        return Some((Name::Member(without_slash(name)), 0));
    }
    Some((Name::Member(without_slash(field)), 0))
}

/// GNU ends names with a slash.
fn without_slash(name: &[u8]) -> Vec<u8> {
    name.strip_suffix(b"/").unwrap_or(name).to_vec()
}
