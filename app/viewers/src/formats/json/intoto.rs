//! In-toto statements: something is said of artifacts that are named by digest; SLSA's say how they
//! were built.

use serde_json::Value;

use super::{Context, as_it_stands, fact, items, nested, text};
use crate::model::{Block, Cell, Section, Table, View, web_address};

/// A statement.
pub(super) fn view(value: &Value, context: Context) -> Option<View> {
    let statement = text(value, "_type")?;
    if !statement.starts_with("https://in-toto.io/Statement/") {
        return None;
    }
    let kind = text(value, "predicateType").unwrap_or_default();
    let facts = vec![
        ("Statement".to_owned(), Cell::address(statement)),
        ("Says".to_owned(), Cell::address(kind)),
    ];
    let mut sections = vec![Section::new("Statement", vec![Block::Facts(facts)])];
    sections.extend(artifacts("Subjects", "subjects", items(value, "subject")));
    if let Some(predicate) = value.get("predicate") {
        if kind.starts_with("https://slsa.dev/provenance/") {
            sections.extend(provenance(predicate));
        } else {
            sections.push(nested("Predicate", predicate, context));
        }
    }
    let name = match kind {
        kind if kind.starts_with("https://slsa.dev/provenance/") => "SLSA provenance",
        kind if kind.starts_with("https://slsa.dev/verification_summary/") => {
            "SLSA verification summary"
        }
        _ => "In-toto statement",
    };
    Some(View::new(name, sections))
}

/// Digests, strongest last as they mostly stand: `sha256:…`.
fn digests(value: Option<&Value>) -> String {
    let all = value.and_then(Value::as_object).into_iter().flatten();
    let all: Vec<String> = all
        .filter_map(|(name, value)| Some(format!("{name}:{}", value.as_str()?)))
        .take(8)
        .collect();
    all.join(" ")
}

/// Artifacts by name, address and digest.
fn artifacts(title: &str, what: &str, all: &[Value]) -> Option<Section> {
    let mut table = Table::new(what, &["Name", "Digest"]);
    for one in all {
        let uri = text(one, "uri").or_else(|| text(one, "downloadLocation"));
        let name = text(one, "name").filter(|n| !n.is_empty()).or(uri);
        let name = name.unwrap_or_default();
        let link = web_address(uri.unwrap_or(name)).or_else(|| source_page(name));
        let row = vec![
            Cell::mono(name).link(link.or_else(|| super::purl_page(name))),
            Cell::mono(digests(one.get("digest"))),
        ];
        if !table.push(row) {
            break;
        }
    }
    Section::table(title, table)
}

/// `git+https://…@refs/heads/main`: the repository's page.
fn source_page(uri: &str) -> Option<String> {
    let address = uri.strip_prefix("git+")?;
    let address = match address.rsplit_once('@') {
        Some((before, _)) if before.len() > "https://".len() => before,
        _ => address,
    };
    web_address(address.trim_end_matches(".git"))
}

/// How something was built: versions 0.1, 0.2 and 1 of SLSA's provenance.
fn provenance(value: &Value) -> Vec<Section> {
    let definition = value.get("buildDefinition");
    let details = value.get("runDetails");
    let run = details.and_then(|r| r.get("metadata"));
    let old = value.get("metadata");
    let mut facts = Vec::new();
    let builder = details
        .and_then(|r| r.get("builder"))
        .or_else(|| value.get("builder"));
    if let Some(builder) = builder {
        fact(&mut facts, "Built by", builder, "id");
    }
    let kind = definition.unwrap_or(value);
    fact(&mut facts, "Kind of build", kind, "buildType");
    for (name, new_key, old_key) in [
        ("Run", "invocationId", "buildInvocationId"),
        ("Started", "startedOn", "buildStartedOn"),
        ("Finished", "finishedOn", "buildFinishedOn"),
    ] {
        if let Some(run) = run {
            fact(&mut facts, name, run, new_key);
        }
        if let Some(old) = old {
            fact(&mut facts, name, old, old_key);
        }
    }
    let invocation = value.get("invocation");
    if let Some(source) = invocation.and_then(|i| i.get("configSource")) {
        if let Some(uri) = text(source, "uri") {
            let link = web_address(uri).or_else(|| source_page(uri));
            facts.push(("Source".into(), Cell::mono(uri).link(link)));
        }
        let commit = digests(source.get("digest"));
        if !commit.is_empty() {
            facts.push(("Source digest".into(), Cell::mono(commit)));
        }
        fact(&mut facts, "Entry point", source, "entryPoint");
    }
    let mut sections = vec![Section::new("Build", vec![Block::Facts(facts)])];
    let materials = definition.map_or_else(
        || items(value, "materials"),
        |d| items(d, "resolvedDependencies"),
    );
    sections.extend(artifacts("Made of", "materials", materials));
    let parameters = definition
        .and_then(|d| d.get("externalParameters"))
        .or_else(|| invocation.and_then(|i| i.get("parameters")));
    if let Some(parameters) = parameters.filter(|p| !p.is_null()) {
        let block = as_it_stands(parameters);
        sections.push(Section::new("Parameters", vec![block]).folded());
    }
    let environment = definition
        .and_then(|d| d.get("internalParameters"))
        .or_else(|| invocation.and_then(|i| i.get("environment")));
    if let Some(environment) = environment.filter(|p| !p.is_null()) {
        let block = as_it_stands(environment);
        sections.push(Section::new("Environment", vec![block]).folded());
    }
    sections
}
