//! Two JSON documents, field by field: configurations, and what a manifest says beside its layers.

use serde_json::Value;

/// Differences told of two documents; beyond, only their number. Labels are the most there are of
/// in real ones, some dozens.
pub const MAX_FIELDS: usize = 1000;
/// Levels that are taken apart; what is deeper is compared as a whole.
const MAX_DEPTH: usize = 6;
/// Characters of a value that are told.
const MAX_VALUE: usize = 4000;

/// A field that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// The names on the way to it: `config`, `Env`, `PATH`.
    pub path: Vec<String>,
    /// What the first document has there.
    pub left: Option<String>,
    /// What the second has.
    pub right: Option<String>,
}

/// How two documents differ.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fields {
    /// The fields that differ, in the first document's order; those of the second alone behind.
    pub fields: Vec<Field>,
    /// How many there are; more than are told, perhaps.
    pub differ: usize,
    /// Fields that are the same in both.
    pub same: usize,
}

/// Compares two documents. `skip` are names at the top that are compared elsewhere. Bytes that are no
/// JSON count as a document with nothing in it.
pub fn fields(left: &[u8], right: &[u8], skip: &[&str]) -> Fields {
    let (left, right) = (leaves(left, skip), leaves(right, skip));
    let mut out = Fields::default();
    let mut rest: std::collections::HashMap<&[String], &String> =
        right.iter().map(|(path, v)| (path.as_slice(), v)).collect();
    for (path, value) in &left {
        match rest.remove(path.as_slice()) {
            Some(other) if other == value => out.same += 1,
            other => out.push(path, Some(value), other),
        }
    }
    for (path, value) in &right {
        if rest.contains_key(path.as_slice()) {
            out.push(path, None, Some(value));
        }
    }
    out
}

impl Fields {
    fn push(&mut self, path: &[String], left: Option<&String>, right: Option<&String>) {
        self.differ += 1;
        if self.fields.len() < MAX_FIELDS {
            self.fields.push(Field {
                path: path.to_vec(),
                left: left.map(|v| cut(v)),
                right: right.map(|v| cut(v)),
            });
        }
    }
}

fn cut(value: &str) -> String {
    match value.char_indices().nth(MAX_VALUE) {
        Some((at, _)) => format!("{} …", &value[..at]),
        None => value.to_owned(),
    }
}

/// All values of a document by the names that lead to them; each path once.
fn leaves(bytes: &[u8], skip: &[&str]) -> Vec<(Vec<String>, String)> {
    let mut out = Vec::new();
    let Ok(Value::Object(top)) = serde_json::from_slice::<Value>(bytes) else {
        return out;
    };
    let mut path = Vec::new();
    for (name, value) in &top {
        if !skip.contains(&name.as_str()) {
            path.push(name.clone());
            walk(value, &mut path, &mut out);
            path.pop();
        }
    }
    let mut known = std::collections::HashSet::new();
    out.retain(|(path, _)| known.insert(path.clone()));
    out
}

fn walk(value: &Value, path: &mut Vec<String>, out: &mut Vec<(Vec<String>, String)>) {
    match value {
        // The same as if the field were not there.
        Value::Null => {}
        Value::Object(object) if !object.is_empty() && path.len() < MAX_DEPTH => {
            for (name, value) in object {
                path.push(name.clone());
                walk(value, path, out);
                path.pop();
            }
        }
        Value::Array(list) if path.last().is_some_and(|name| name == "Env") => {
            // The last one set counts.
            for variable in list.iter().rev() {
                let text = shown(variable);
                let (name, value) = text.split_once('=').unwrap_or((&text, ""));
                let at = [&path[..], &[name.to_owned()]].concat();
                out.push((at, value.to_owned()));
            }
        }
        value => out.push((path.clone(), shown(value))),
    }
}

/// A value as one reads it: texts without quotes, all else as JSON.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
