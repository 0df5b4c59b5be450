//! What Go writes into its programs: the compiler's version, the modules, the settings of the
//! build.

use object::read::{File, Object, ObjectSection};

use crate::model::{Block, Cell, Section, Table};
use crate::source::Source;

/// Where it begins.
const MAGIC: &[u8] = b"\xff Go buildinf:";
/// Texts follow the header, instead of places where they are; so since Go 1.18.
const INLINE: u8 = 2;
/// Bytes of the header.
const HEADER: usize = 32;
/// Bytes of a mark around the list of modules.
const MARK: usize = 16;
/// Most bytes of the section that are read: the largest lists have some 100 KB.
const MAX_INFO: u64 = 1 << 20;
/// Most lines read of it: a program of a thousand modules has as many.
const MAX_LINES: usize = 10_000;

/// The version and the list of modules, as they are.
fn read(data: &[u8]) -> Option<(String, String)> {
    let at = memchr::memmem::find(data, MAGIC)?;
    let data = data.get(at..)?;
    if data.get(MAGIC.len() + 1)? & INLINE == 0 {
        return None;
    }
    let (version, rest) = text(data.get(HEADER..)?)?;
    let (modules, _) = text(rest)?;
    let inner = modules
        .len()
        .checked_sub(MARK)
        .and_then(|end| modules.get(MARK..end));
    let words = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Some((words(version), words(inner.unwrap_or_default())))
}

/// A text behind its length, and what follows.
fn text(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut len = 0_u64;
    for (at, byte) in data.iter().take(9).enumerate() {
        len |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            let len = usize::try_from(len).ok()?;
            return data.get(at + 1..)?.split_at_checked(len);
        }
    }
    None
}

/// A page about a module's version.
fn page(path: &str, version: &str) -> Option<String> {
    let plain = |t: &str| {
        !t.is_empty()
            && t.bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-._~/+!".contains(&b))
    };
    let known = path
        .split('/')
        .next()
        .is_some_and(|host| host.contains('.'));
    (known && plain(path) && plain(version) && version != "(devel)")
        .then(|| format!("https://pkg.go.dev/{path}@{version}"))
}

/// What is to be seen of it; none if it was not made by Go.
pub(super) fn section<'d>(file: &File<'d, &'d Source>, source: &'d Source) -> Option<Section> {
    let found = [".go.buildinfo", "__go_buildinfo"]
        .iter()
        .find_map(|name| file.section_by_name(name));
    // In PE it has no section of its own, and stands first in the data.
    let found = found.or_else(|| match file {
        File::Pe32(_) | File::Pe64(_) => file.section_by_name(".data"),
        _ => None,
    });
    let (start, size) = found?.file_range()?;
    let data = source
        .get(start..start.checked_add(size.min(MAX_INFO))?)
        .ok()?;
    let (version, modules) = read(data)?;
    let mut facts = vec![("Compiler".into(), Cell::text(&version))];
    let mut settings = Vec::new();
    let mut table = Table::new("modules", &["Module", "Version", "Checksum"]);
    for line in modules.lines().take(MAX_LINES) {
        let mut parts = line.split('\t');
        match (parts.next(), parts.next()) {
            (Some("path"), Some(path)) => {
                facts.push(("Program".into(), Cell::mono(path)));
            }
            (Some(kind @ ("mod" | "dep" | "=>")), Some(path)) => {
                let version = parts.next().unwrap_or_default();
                let sum = parts.next().unwrap_or_default();
                let link = page(path, version);
                if kind == "mod" {
                    let module = Cell::mono(format!("{path} {version}"));
                    facts.push(("Main module".into(), module.link(link)));
                    continue;
                }
                let shown = match kind {
                    "=>" => format!("replaced by {path}"),
                    _ => path.to_owned(),
                };
                table.push(vec![
                    Cell::mono(shown).link(link),
                    Cell::mono(version),
                    Cell::mono(sum),
                ]);
            }
            (Some("build"), Some(setting)) => {
                let (name, value) = setting.split_once('=').unwrap_or((setting, ""));
                settings.push((name.trim_matches('"').to_owned(), Cell::mono(value)));
            }
            _ => {}
        }
    }
    facts.append(&mut settings);
    let mut blocks = vec![Block::Facts(facts)];
    if !table.rows.is_empty() {
        blocks.push(Block::Table(table));
    }
    Some(Section::new("Go", blocks))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_beyond_the_end_are_none() {
        assert_eq!(text(b"\x03abcd"), Some((&b"abc"[..], &b"d"[..])));
        assert_eq!(text(b"\x05abcd"), None);
        assert_eq!(text(&[0xff; 20]), None);
        assert_eq!(read(&[MAGIC, &[8, 2][..]].concat()), None);
    }

    #[test]
    fn only_plain_names_are_led_to() {
        assert!(page("golang.org/x/net", "v0.1.0").is_some());
        assert!(page("command-line-arguments", "v1").is_none());
        assert!(page("a.example/\"><script>", "v1").is_none());
    }
}
