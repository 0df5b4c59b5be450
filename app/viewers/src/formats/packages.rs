//! The lists of installed packages of Debian's dpkg and Alpine's apk.

use crate::model::{Cell, Section, Table, View};
use crate::source::Source;

use super::ViewError;

/// Largest list that is read, in bytes: a desktop's has 5 MB.
const MAX_LIST: u64 = 32 << 20;

/// Whether it begins like a list of dpkg.
pub(super) fn is_dpkg(head: &[u8]) -> bool {
    head.starts_with(b"Package: ")
        && memchr::memmem::find(head, b"\nVersion: ").is_some()
        && memchr::memmem::find(head, b"\nArchitecture: ").is_some()
}

/// Whether it begins like a list of apk.
pub(super) fn is_apk(head: &[u8]) -> bool {
    head.starts_with(b"C:Q") && memchr::memmem::find(head, b"\nP:").is_some()
}

/// The fields of one package: lines of `name: value`, those that go on begin with a space.
struct Fields<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Fields<'a> {
    fn of(block: &'a str) -> Fields<'a> {
        let lines = block.lines().filter(|l| !l.starts_with([' ', '\t']));
        Fields(lines.filter_map(|l| l.split_once(':')).collect())
    }

    fn get(&self, name: &str) -> &'a str {
        let found = self.0.iter().find(|(n, _)| *n == name);
        found.map_or("", |(_, value)| value.trim())
    }
}

fn text(source: &Source) -> Result<String, ViewError> {
    if source.total() > MAX_LIST {
        return Err(ViewError::TooLarge);
    }
    let bytes = source.all(MAX_LIST)?;
    Ok(String::from_utf8_lossy(bytes).replace("\r\n", "\n"))
}

/// A list of dpkg: `status`, or one of `status.d`.
pub(super) fn dpkg(source: &Source) -> Result<View, ViewError> {
    let text = text(source)?;
    let mut table = Table::new(
        "packages",
        &[
            "Package",
            "Version",
            "Machine",
            "#Installed size",
            "Source",
            "State",
            "Says",
        ],
    );
    let blocks = text.split("\n\n").filter(|b| !b.trim().is_empty());
    for fields in blocks.map(Fields::of) {
        let size = fields.get("Installed-Size").parse::<u64>();
        let name = fields.get("Package");
        let made_of = match fields.get("Source") {
            "" => name,
            other => other,
        };
        let tracker = made_of.split(' ').next().filter(|_| is_debian(&fields));
        let page = tracker.map(|s| format!("https://tracker.debian.org/pkg/{s}"));
        let row = vec![
            Cell::mono(name),
            Cell::mono(fields.get("Version")),
            Cell::text(fields.get("Architecture")),
            // It is given in KiB.
            size.map_or_else(
                |_| Cell::default(),
                |kib| Cell::size(kib.saturating_mul(1024)),
            ),
            Cell::mono(made_of).link(page.as_deref().and_then(crate::model::web_address)),
            Cell::text(fields.get("Status").trim_start_matches("install ok ")),
            Cell::text(fields.get("Description")),
        ];
        if !table.push(row) {
            break;
        }
    }
    made("Packages of dpkg", table)
}

/// A package of Debian itself, and not of one of its children.
fn is_debian(fields: &Fields<'_>) -> bool {
    fields.get("Maintainer").contains("debian.org")
}

/// A list of apk.
pub(super) fn apk(source: &Source) -> Result<View, ViewError> {
    let text = text(source)?;
    let mut table = Table::new(
        "packages",
        &[
            "Package",
            "Version",
            "Machine",
            "#Installed size",
            "Licence",
            "Source",
            "Says",
        ],
    );
    let blocks = text.split("\n\n").filter(|b| !b.trim().is_empty());
    for fields in blocks.map(Fields::of) {
        let size = fields.get("I").parse::<u64>();
        let row = vec![
            Cell::mono(fields.get("P")).link(crate::model::web_address(fields.get("U"))),
            Cell::mono(fields.get("V")),
            Cell::text(fields.get("A")),
            size.map_or_else(|_| Cell::default(), Cell::size),
            Cell::text(fields.get("L")),
            Cell::mono(fields.get("o")),
            Cell::text(fields.get("T")),
        ];
        if !table.push(row) {
            break;
        }
    }
    made("Packages of apk", table)
}

fn made(kind: &str, table: Table) -> Result<View, ViewError> {
    let section = Section::table("Packages", table).ok_or(ViewError::Other)?;
    Ok(View::new(kind, vec![section]))
}
