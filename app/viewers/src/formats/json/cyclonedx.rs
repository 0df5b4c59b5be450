//! CycloneDX: which components are in something, and what is known to be wrong with them.

use serde_json::Value;

use super::{fact, items, purl, text};
use crate::model::{Block, Cell, Section, Table, View, web_address};

/// How deep components may have components of their own.
const MAX_DEPTH: usize = 32;

/// A document of CycloneDX.
pub(super) fn view(value: &Value) -> Option<View> {
    if text(value, "bomFormat") != Some("CycloneDX") {
        return None;
    }
    let version = text(value, "specVersion").unwrap_or_default();
    let mut facts = vec![(
        "Format".to_owned(),
        Cell::text(format!("CycloneDX {version}")),
    )];
    fact(&mut facts, "Serial number", value, "serialNumber");
    if let Some(about) = value.get("metadata") {
        fact(&mut facts, "Created", about, "timestamp");
        if let Some(component) = about.get("component") {
            facts.push(("Of".into(), Cell::text(named(component))));
        }
        let tools = about.get("tools");
        let listed = tools.and_then(Value::as_array).map(Vec::as_slice);
        let listed = listed.or_else(|| tools.map(|t| items(t, "components")));
        let names: Vec<String> = listed.unwrap_or_default().iter().map(named).collect();
        if !names.is_empty() {
            facts.push(("By".into(), Cell::text(names.join(", "))));
        }
    }
    let mut table = Table::new(
        "components",
        &["Component", "Version", "Type", "Licence", "Identifier"],
    );
    components(items(value, "components"), &mut table, 0);
    let mut sections = vec![Section::new("Document", vec![Block::Facts(facts)])];
    sections.extend(Section::table("Components", table));
    sections.extend(vulnerabilities(items(value, "vulnerabilities")));
    sections.extend(dependencies(items(value, "dependencies")));
    Some(View::new("CycloneDX", sections))
}

/// Name and version.
fn named(component: &Value) -> String {
    let name = text(component, "name").unwrap_or_default();
    let version = text(component, "version").unwrap_or_default();
    format!("{name} {version}").trim().to_owned()
}

fn components(all: &[Value], table: &mut Table, depth: usize) {
    if depth > MAX_DEPTH {
        return;
    }
    for component in all {
        let group = text(component, "group").filter(|g| !g.is_empty());
        let name = text(component, "name").unwrap_or_default();
        let name = group.map_or_else(|| name.to_owned(), |group| format!("{group}/{name}"));
        let row = vec![
            Cell::text(name),
            Cell::mono(text(component, "version").unwrap_or_default()),
            Cell::text(text(component, "type").unwrap_or_default()),
            Cell::text(licences(component)),
            purl(text(component, "purl").unwrap_or_default()),
        ];
        if !table.push(row) {
            return;
        }
        components(items(component, "components"), table, depth + 1);
    }
}

fn licences(component: &Value) -> String {
    let one = |choice: &Value| {
        let licence = choice.get("license");
        let named = licence.and_then(|l| text(l, "id").or_else(|| text(l, "name")));
        named
            .or_else(|| text(choice, "expression"))
            .map(str::to_owned)
    };
    let all: Vec<String> = items(component, "licenses")
        .iter()
        .filter_map(one)
        .collect();
    all.join(", ")
}

fn vulnerabilities(all: &[Value]) -> Option<Section> {
    let mut table = Table::new(
        "vulnerabilities",
        &["Vulnerability", "Severity", "State", "Affects", "Says"],
    );
    for one in all {
        let ratings = items(one, "ratings").iter();
        let severity = ratings.filter_map(|r| text(r, "severity")).next();
        let state = one.get("analysis").and_then(|a| text(a, "state"));
        let affects = items(one, "affects").iter();
        let affects: Vec<&str> = affects.filter_map(|a| text(a, "ref")).take(20).collect();
        let link = one.get("source").and_then(|s| text(s, "url"));
        let row = vec![
            Cell::mono(text(one, "id").unwrap_or_default()).link(link.and_then(web_address)),
            Cell::text(severity.unwrap_or_default()),
            Cell::text(state.unwrap_or_default()),
            Cell::mono(affects.join(" ")),
            Cell::text(text(one, "description").unwrap_or_default()),
        ];
        if !table.push(row) {
            break;
        }
    }
    Section::table("Vulnerabilities", table)
}

fn dependencies(all: &[Value]) -> Option<Section> {
    let mut table = Table::new("dependencies", &["Component", "#Needs", "Which"]);
    for one in all {
        let needs = items(one, "dependsOn");
        let names: Vec<&str> = needs.iter().filter_map(Value::as_str).take(100).collect();
        if names.is_empty() {
            continue;
        }
        let row = vec![
            Cell::mono(text(one, "ref").unwrap_or_default()),
            Cell::number(needs.len() as u64),
            Cell::mono(names.join(" ")),
        ];
        if !table.push(row) {
            break;
        }
    }
    Section::table("Dependencies", table).map(Section::folded)
}
