//! WebAssembly: modules and components.

use wasmparser::{Encoding, ExternalKind, Imports, KnownCustom, Name, Parser, Payload, TypeRef};

use super::ViewError;
use crate::model::{Block, Cell, Section, Table, View};
use crate::source::{MAX_HELD, Source};

/// Most producers, and other small lists, that are shown.
const MAX_LINES: usize = 1_000;

/// What is found on the way through a module.
#[derive(Default)]
struct Found {
    facts: Vec<(String, Cell)>,
    imports: Option<Table>,
    exports: Option<Table>,
    sections: Vec<(String, u64, u64)>,
    producers: Vec<(String, Cell)>,
    customs: Vec<(String, u64, Option<String>)>,
    name: Option<String>,
}

/// A module or component.
pub(super) fn view(source: &Source) -> Result<View, ViewError> {
    if source.total() > MAX_HELD {
        return Err(ViewError::TooLarge);
    }
    let bytes = source.all(MAX_HELD)?;
    let mut found = Found::default();
    let mut component = false;
    let mut damage = None;
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = match payload {
            Ok(payload) => payload,
            Err(error) => {
                damage = Some(error.to_string());
                break;
            }
        };
        match &payload {
            Payload::Version { encoding, num, .. } => {
                if depth == 0 {
                    component = *encoding == Encoding::Component;
                    found
                        .facts
                        .push(("Version".into(), Cell::number(u64::from(*num))));
                }
                depth += 1;
            }
            Payload::End(_) => depth = depth.saturating_sub(1),
            // What is in a module of a component is that module's.
            _ if depth > 1 => {}
            payload => {
                if let Err(error) = one(payload, &mut found) {
                    damage.get_or_insert(error.to_string());
                }
            }
        }
    }
    if found.facts.is_empty() {
        return Err(ViewError::Malformed(damage.unwrap_or_default()));
    }
    Ok(made(found, component, damage))
}

fn one(payload: &Payload<'_>, found: &mut Found) -> wasmparser::Result<()> {
    let mut section = |name: &str, range: &std::ops::Range<u64>, count: u64| {
        let size = range.end.saturating_sub(range.start);
        found.sections.push((name.to_owned(), size, count));
    };
    match payload {
        Payload::TypeSection(r) => section("types", &r.range(), r.count().into()),
        Payload::FunctionSection(r) => section("functions", &r.range(), r.count().into()),
        Payload::TableSection(r) => section("tables", &r.range(), r.count().into()),
        Payload::MemorySection(r) => {
            section("memories", &r.range(), r.count().into());
            for memory in r.clone().into_iter().take(MAX_LINES) {
                let memory = memory?;
                let text = match memory.maximum {
                    Some(most) => format!("{} to {most} pages", memory.initial),
                    None => format!("{} pages and more", memory.initial),
                };
                found.facts.push(("Memory".into(), Cell::text(text)));
            }
        }
        Payload::GlobalSection(r) => section("globals", &r.range(), r.count().into()),
        Payload::ElementSection(r) => section("elements", &r.range(), r.count().into()),
        Payload::DataSection(r) => section("data", &r.range(), r.count().into()),
        Payload::TagSection(r) => section("tags", &r.range(), r.count().into()),
        Payload::CodeSectionStart { size, count, .. } => {
            section("code", &(0..u64::from(*size)), u64::from(*count));
        }
        Payload::StartSection { func, .. } => {
            let told = Cell::text(format!("function {func}"));
            found.facts.push(("Starts with".into(), told));
        }
        Payload::ImportSection(reader) => {
            section("imports", &reader.range(), reader.count().into());
            let mut table = Table::new("imports", &["Module", "Name", "Is"]);
            for group in reader.clone() {
                import(group?, &mut table)?;
            }
            found.imports = Some(table);
        }
        Payload::ExportSection(reader) => {
            section("exports", &reader.range(), reader.count().into());
            let mut table = Table::new("exports", &["Name", "Is", "#No."]);
            for export in reader.clone() {
                let export = export?;
                let row = vec![
                    Cell::mono(export.name),
                    Cell::text(external(export.kind)),
                    Cell::number(u64::from(export.index)),
                ];
                if !table.push(row) {
                    break;
                }
            }
            found.exports = Some(table);
        }
        Payload::ComponentImportSection(reader) => {
            let mut table = Table::new("imports", &["Name"]);
            for import in reader.clone() {
                if !table.push(vec![Cell::mono(import?.name.name)]) {
                    break;
                }
            }
            found.imports = Some(table);
        }
        Payload::ComponentExportSection(reader) => {
            let mut table = Table::new("exports", &["Name"]);
            for export in reader.clone() {
                if !table.push(vec![Cell::mono(export?.name.name)]) {
                    break;
                }
            }
            found.exports = Some(table);
        }
        Payload::CustomSection(custom) => {
            let mut told = None;
            match custom.as_known() {
                KnownCustom::Producers(reader) => producers(reader, found)?,
                KnownCustom::Name(reader) => {
                    for name in reader.into_iter().take(MAX_LINES) {
                        if let Ok(Name::Module { name, .. }) = name {
                            found.name = Some(name.to_owned());
                        }
                    }
                }
                _ => told = readable(custom.data()),
            }
            let size = custom.data().len() as u64;
            found.customs.push((custom.name().to_owned(), size, told));
        }
        _ => {}
    }
    Ok(())
}

fn import(group: Imports<'_>, table: &mut Table) -> wasmparser::Result<()> {
    let mut push = |module: &str, name: &str, ty: &TypeRef| {
        table.push(vec![
            Cell::mono(module),
            Cell::mono(name),
            Cell::text(type_word(ty)),
        ])
    };
    match group {
        Imports::Single(_, import) => {
            push(import.module, import.name, &import.ty);
        }
        Imports::Compact1 { module, items } => {
            for item in items {
                let item = item?;
                if !push(module, item.name, &item.ty) {
                    break;
                }
            }
        }
        Imports::Compact2 { module, ty, names } => {
            for name in names {
                if !push(module, name?, &ty) {
                    break;
                }
            }
        }
    }
    Ok(())
}

fn type_word(ty: &TypeRef) -> &'static str {
    match ty {
        TypeRef::Func(_) | TypeRef::FuncExact(_) => "function",
        TypeRef::Table(_) => "table",
        TypeRef::Memory(_) => "memory",
        TypeRef::Global(_) => "global",
        TypeRef::Tag(_) => "tag",
    }
}

fn external(kind: ExternalKind) -> &'static str {
    match kind {
        ExternalKind::Func | ExternalKind::FuncExact => "function",
        ExternalKind::Table => "table",
        ExternalKind::Memory => "memory",
        ExternalKind::Global => "global",
        ExternalKind::Tag => "tag",
    }
}

fn producers(
    reader: wasmparser::ProducersSectionReader<'_>,
    found: &mut Found,
) -> wasmparser::Result<()> {
    for field in reader.into_iter().take(MAX_LINES) {
        let field = field?;
        for value in field.values.into_iter().take(MAX_LINES) {
            let value = value?;
            let text = format!("{} {}", value.name, value.version);
            found
                .producers
                .push((field.name.to_owned(), Cell::text(text.trim())));
        }
    }
    Ok(())
}

/// Short text, such as a list of features or an address, as it is.
fn readable(data: &[u8]) -> Option<String> {
    const MAX_SHOWN: usize = 4096;
    let text = std::str::from_utf8(data.get(..data.len().min(MAX_SHOWN))?).ok()?;
    let plain = text
        .chars()
        .all(|c| !c.is_control() || c == '\n' || c == '\t');
    (plain && !text.is_empty()).then(|| text.to_owned())
}

fn made(found: Found, component: bool, damage: Option<String>) -> View {
    let kind = match component {
        true => "WebAssembly component",
        false => "WebAssembly module",
    };
    let mut facts = Vec::new();
    if let Some(name) = found.name {
        facts.push(("Name".into(), Cell::mono(name)));
    }
    facts.extend(found.facts);
    facts.extend(found.producers.into_iter().take(MAX_LINES));
    let mut first = vec![Block::Facts(facts)];
    if let Some(damage) = damage {
        first.insert(0, Block::Warning(format!("It is damaged: {damage}")));
    }
    let mut sections = vec![Section::new("Header", first)];
    sections.extend(found.imports.and_then(|t| Section::table("Imports", t)));
    sections.extend(found.exports.and_then(|t| Section::table("Exports", t)));
    let mut table = Table::new("sections", &["Section", "#Items", "#Size"]);
    for (name, size, count) in found.sections {
        table.push(vec![
            Cell::text(name),
            Cell::number(count),
            Cell::size(size),
        ]);
    }
    sections.extend(Section::table("Sections", table));
    let mut table = Table::new("custom sections", &["Custom section", "#Size", "Says"]);
    for (name, size, told) in found.customs {
        table.push(vec![
            Cell::mono(name),
            Cell::size(size),
            Cell::mono(told.unwrap_or_default()),
        ]);
    }
    sections.extend(Section::table("Custom sections", table));
    View::new(kind, sections)
}
