//! SPDX, versions 2 and 3: which packages are in something.

use serde_json::Value;

use super::{fact, items, purl, text};
use crate::model::{Block, Cell, Section, Table, View, web_address};

/// A document of SPDX.
pub(super) fn view(value: &Value) -> Option<View> {
    if let Some(version) = text(value, "spdxVersion") {
        return Some(two(value, version));
    }
    let context = text(value, "@context")?;
    (context.contains("spdx.org/rdf/3") && value.get("@graph").is_some()).then(|| three(value))
}

fn two(value: &Value, version: &str) -> View {
    let mut facts = vec![("Format".to_owned(), Cell::text(version))];
    fact(&mut facts, "Name", value, "name");
    fact(&mut facts, "Namespace", value, "documentNamespace");
    if let Some(info) = value.get("creationInfo") {
        fact(&mut facts, "Created", info, "created");
        let creators: Vec<&str> = items(info, "creators")
            .iter()
            .filter_map(Value::as_str)
            .collect();
        if !creators.is_empty() {
            facts.push(("By".into(), Cell::text(creators.join(", "))));
        }
    }
    let mut table = Table::new(
        "packages",
        &["Package", "Version", "Licence", "From", "Identifier"],
    );
    for package in items(value, "packages") {
        let reference = |kind: &str| {
            items(package, "externalRefs")
                .iter()
                .find(|r| text(r, "referenceType") == Some(kind))
                .and_then(|r| text(r, "referenceLocator"))
        };
        let identifier = match (reference("purl"), reference("cpe23Type")) {
            (Some(found), _) => purl(found),
            (None, other) => Cell::mono(other.unwrap_or_default()),
        };
        let row = vec![
            Cell::text(text(package, "name").unwrap_or_default()),
            Cell::mono(text(package, "versionInfo").unwrap_or_default()),
            Cell::text(licence(package)),
            source(package),
            identifier,
        ];
        if !table.push(row) {
            break;
        }
    }
    let mut sections = vec![Section::new("Document", vec![Block::Facts(facts)])];
    sections.extend(Section::table("Packages", table));
    sections.extend(files(items(value, "files")));
    sections.extend(relations(value));
    View::new("SPDX", sections)
}

/// What somebody concluded, or else what the package declares.
fn licence(package: &Value) -> &str {
    let said = |key| text(package, key).filter(|l| !matches!(*l, "NOASSERTION" | "NONE" | ""));
    said("licenseConcluded")
        .or_else(|| said("licenseDeclared"))
        .unwrap_or_default()
}

fn source(package: &Value) -> Cell {
    let known = |key| text(package, key).filter(|l| !matches!(*l, "NOASSERTION" | "NONE" | ""));
    let shown = known("supplier").or_else(|| known("downloadLocation"));
    let link = known("homepage").or_else(|| known("downloadLocation"));
    Cell::text(shown.unwrap_or_default()).link(link.and_then(web_address))
}

fn files(files: &[Value]) -> Option<Section> {
    let mut table = Table::new("files", &["File", "Checksum"]);
    for file in files {
        let sums = items(file, "checksums").iter();
        let sum = sums
            .filter_map(|c| Some((text(c, "algorithm")?, text(c, "checksumValue")?)))
            .max_by_key(|(_, value)| value.len());
        let row = vec![
            Cell::mono(text(file, "fileName").unwrap_or_default()),
            Cell::mono(sum.map_or(String::new(), |(a, v)| format!("{a}:{v}"))),
        ];
        if !table.push(row) {
            break;
        }
    }
    Section::table("Files", table).map(Section::folded)
}

fn relations(value: &Value) -> Option<Section> {
    let mut table = Table::new("relations", &["What", "Relation", "To"]);
    for relation in items(value, "relationships") {
        let row = vec![
            Cell::mono(text(relation, "spdxElementId").unwrap_or_default()),
            Cell::text(text(relation, "relationshipType").unwrap_or_default()),
            Cell::mono(text(relation, "relatedSpdxElement").unwrap_or_default()),
        ];
        if !table.push(row) {
            break;
        }
    }
    Section::table("Relations", table).map(Section::folded)
}

/// Version 3 is a list of elements of all kinds.
fn three(value: &Value) -> View {
    let mut table = Table::new("packages", &["Package", "Version", "Identifier"]);
    let mut facts = vec![("Format".to_owned(), Cell::text("SPDX 3"))];
    let kind = |e: &Value| {
        text(e, "type")
            .or_else(|| text(e, "@type"))
            .map(str::to_owned)
    };
    for element in items(value, "@graph") {
        match kind(element).as_deref() {
            Some("SpdxDocument") => fact(&mut facts, "Name", element, "name"),
            Some("CreationInfo") => fact(&mut facts, "Created", element, "created"),
            Some("software_Package") => {
                let url = text(element, "software_packageUrl");
                table.push(vec![
                    Cell::text(text(element, "name").unwrap_or_default()),
                    Cell::mono(text(element, "software_packageVersion").unwrap_or_default()),
                    purl(url.unwrap_or_default()),
                ]);
            }
            _ => {}
        }
    }
    let mut sections = vec![Section::new("Document", vec![Block::Facts(facts)])];
    sections.extend(Section::table("Packages", table));
    View::new("SPDX", sections)
}
