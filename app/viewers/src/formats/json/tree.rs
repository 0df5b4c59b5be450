//! JSON as a tree: keys in their own order, members opened and closed, JSON and base64 in texts opened
//! in place, values found by a search, each with its path as jq writes it.

use std::collections::BTreeMap;

use layerscope_core::view::human;
use serde_json::Value;

use super::base64;
use crate::model::{Cell, web_address};

/// Values of a document that is open as a whole at first; of a larger one, its first level.
const SMALL: usize = 250;
/// Members of one object or array that are drawn; the search finds the others.
const MAX_MEMBERS: usize = 500;
/// Shortest text that is looked at as base64: shorter ones are words.
const MIN_BASE64: usize = 24;
/// Longest text that is looked at for something in it.
const MAX_TEXT: usize = 8 << 20;
/// Values that a search finds.
const MAX_FOUND: usize = 200;
/// Values that a search looks at.
const MAX_SEARCHED: usize = 2_000_000;
/// How deep things in texts are opened: JSON in base64 in JSON is two.
const MAX_INSIDE: usize = 8;

/// Where a value is: which member, of which member; [`INSIDE`] is what is in a text.
pub(crate) type Path = Vec<usize>;
/// Not a member of a text, but what is in it.
pub(crate) const INSIDE: usize = usize::MAX;

/// A document, and which parts of it are open.
#[derive(Debug, Clone, PartialEq)]
pub struct Tree {
    /// Its number in the view.
    pub(crate) id: u32,
    root: Value,
    /// What was found in texts, by where they are.
    inside: BTreeMap<Path, Inside>,
    open_all: bool,
    /// Those that are not as they were at first.
    turned: BTreeMap<Path, bool>,
    /// The parts that were drawn, by their numbers.
    pub(crate) drawn: Vec<Path>,
}

/// What is in a text.
#[derive(Debug, Clone, PartialEq)]
struct Inside {
    /// What it is: `JSON`, `base64`.
    how: &'static str,
    value: Value,
}

/// A member to be drawn.
pub(crate) struct Member {
    pub(crate) path: Path,
    /// Its name, or its number in an array.
    pub(crate) name: String,
    /// The value in a line.
    pub(crate) cell: Cell,
    /// How a style names it.
    pub(crate) class: &'static str,
    /// It has members, or something in it: what is told of these.
    pub(crate) more: Option<String>,
}

impl Tree {
    /// A document.
    pub(crate) fn new(root: Value) -> Tree {
        let open_all = count(&root, SMALL + 1) <= SMALL;
        Tree {
            id: 0,
            root,
            inside: BTreeMap::new(),
            open_all,
            turned: BTreeMap::new(),
            drawn: Vec::new(),
        }
    }

    /// Opens what is closed, and closes what is open.
    pub(crate) fn turn(&mut self, path: &Path) {
        let open = self.is_open(path);
        self.turned.insert(path.clone(), !open);
    }

    /// Whether a part is open.
    pub(crate) fn is_open(&self, path: &Path) -> bool {
        // What is in a text is opened on demand.
        let first = self.open_all && !matches!(self.at(path), Some(Value::String(_)));
        self.turned.get(path).copied().unwrap_or(first)
    }

    fn at(&self, path: &[usize]) -> Option<&Value> {
        let mut value = &self.root;
        for (depth, step) in path.iter().enumerate() {
            value = match (value, *step) {
                (Value::String(_), INSIDE) => &self.inside.get(&path[..depth])?.value,
                (Value::Array(items), n) => items.get(n)?,
                (Value::Object(members), n) => members.values().nth(n)?,
                _ => return None,
            };
        }
        Some(value)
    }

    /// The members of a part, and how many there are beyond those.
    pub(crate) fn members(&mut self, path: &Path) -> (Vec<Member>, usize) {
        let mut path = path.clone();
        if let Some(Value::String(text)) = self.at(&path) {
            // A text does not change: what is in it is looked for once.
            if !self.inside.contains_key(&path) {
                let Some(found) = inside(text) else {
                    return (Vec::new(), 0);
                };
                self.inside.insert(path.clone(), found);
            }
            path.push(INSIDE);
        }
        let Some(value) = self.at(&path) else {
            return (Vec::new(), 0);
        };
        let named: Vec<(String, &Value)> = match value {
            Value::Array(items) => items
                .iter()
                .take(MAX_MEMBERS)
                .enumerate()
                .map(|(n, v)| (n.to_string(), v))
                .collect(),
            Value::Object(members) => members
                .iter()
                .take(MAX_MEMBERS)
                .map(|(name, v)| (Cell::text(name).text, v))
                .collect(),
            other => vec![(String::new(), other)],
        };
        let total = match value {
            Value::Array(items) => items.len(),
            Value::Object(members) => members.len(),
            _ => 1,
        };
        let is_scalar = !value.is_array() && !value.is_object();
        let depth = path.iter().filter(|s| **s == INSIDE).count();
        let members = named.into_iter().enumerate().map(|(n, (name, value))| {
            let mut at = path.clone();
            if !is_scalar {
                at.push(n);
            }
            let (cell, class) = told(&name, value);
            let more = match value {
                Value::Array(items) if !items.is_empty() => {
                    Some(human::plural(items.len() as u64, "item", "items"))
                }
                Value::Object(members) if !members.is_empty() => {
                    Some(human::plural(members.len() as u64, "member", "members"))
                }
                Value::String(text) if !is_scalar && depth < MAX_INSIDE => {
                    inside(text).map(|found| format!("{} inside", found.how))
                }
                _ => None,
            };
            Member {
                path: at,
                name,
                cell,
                class,
                more,
            }
        });
        let members: Vec<Member> = members.collect();
        let left = total.saturating_sub(members.len());
        (members, left)
    }

    /// Values, or their names, that have a text in them: each with its path.
    pub(crate) fn search(&self, wanted: &str) -> Vec<(String, Cell)> {
        let mut search = Search {
            wanted: wanted.to_lowercase(),
            found: Vec::new(),
            left: MAX_SEARCHED,
        };
        search.walk(&self.root, &mut String::new(), "");
        search.found
    }
}

struct Search {
    wanted: String,
    found: Vec<(String, Cell)>,
    left: usize,
}

impl Search {
    fn walk(&mut self, value: &Value, path: &mut String, name: &str) {
        if self.left == 0 || self.found.len() >= MAX_FOUND {
            return;
        }
        self.left -= 1;
        let len = path.len();
        match value {
            Value::Array(items) => {
                for (n, item) in items.iter().enumerate() {
                    path.push_str(&format!("[{n}]"));
                    self.walk(item, path, "");
                    path.truncate(len);
                }
            }
            Value::Object(members) => {
                for (name, member) in members {
                    path.push_str(&step(name));
                    self.walk(member, path, name);
                    path.truncate(len);
                }
            }
            leaf => {
                let text = match leaf {
                    Value::String(text) => text.clone(),
                    other => other.to_string(),
                };
                let hit = text.to_lowercase().contains(&self.wanted)
                    || name.to_lowercase().contains(&self.wanted);
                if hit {
                    let (cell, _) = told(name, leaf);
                    self.found.push((path.clone(), cell));
                }
            }
        }
    }
}

/// A member's name in a path of jq.
fn step(name: &str) -> String {
    let plain = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    match plain {
        true => format!(".{name}"),
        // As JSON spells it.
        false => format!(".[{}]", Value::from(name)),
    }
}

/// A value in a line, and the name of its style.
fn told(name: &str, value: &Value) -> (Cell, &'static str) {
    match value {
        Value::Null => (Cell::mono("null"), "tok-null"),
        Value::Bool(b) => (Cell::mono(b.to_string()), "tok-bool"),
        Value::Number(n) => {
            let is_size = matches!(name, "size" | "Size" | "length");
            let title = n.as_u64().filter(|n| is_size && *n >= 1000);
            let cell = Cell {
                title: title.map(human::size),
                ..Cell::mono(n.to_string())
            };
            (cell, "tok-number")
        }
        Value::String(text) => {
            let link = web_address(text).or_else(|| super::purl_page(text));
            // As JSON spells it, with its quotes; not all of a very long one.
            let shown: String = text.chars().take(crate::model::MAX_CELL).collect();
            let mut cell = Cell::mono(Value::from(shown.as_str()).to_string()).link(link);
            if shown.len() < text.len() {
                cell.text.push_str(" …");
            }
            (cell, "tok-string")
        }
        Value::Array(items) if items.is_empty() => (Cell::mono("[]"), "tok-punct"),
        Value::Object(members) if members.is_empty() => (Cell::mono("{}"), "tok-punct"),
        Value::Array(_) | Value::Object(_) => (Cell::default(), "tok-punct"),
    }
}

/// What is in a text: JSON, or base64 of JSON or of text.
fn inside(text: &str) -> Option<Inside> {
    if text.len() > MAX_TEXT {
        return None;
    }
    let json = |text: &str| {
        let text = text.trim_start();
        text.starts_with(['{', '['])
            .then(|| serde_json::from_str::<Value>(text).ok())
            .flatten()
    };
    if let Some(value) = json(text) {
        return Some(Inside { how: "JSON", value });
    }
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"+/-_=\n".contains(&b);
    let hex = text.bytes().all(|b| b.is_ascii_hexdigit());
    if text.len() < MIN_BASE64 || hex || !text.bytes().all(plain) {
        return None;
    }
    let bytes = base64(text)?;
    let words = String::from_utf8(bytes).ok()?;
    let readable = words
        .chars()
        .all(|c| !c.is_control() || "\n\r\t".contains(c));
    let value = json(&words).or_else(|| readable.then_some(Value::String(words)))?;
    Some(Inside {
        how: "base64",
        value,
    })
}

/// How many values there are, as far as `limit`.
fn count(value: &Value, limit: usize) -> usize {
    let mut sum = 1;
    let members: Vec<&Value> = match value {
        Value::Array(items) => items.iter().take(limit).collect(),
        Value::Object(members) => members.values().take(limit).collect(),
        _ => Vec::new(),
    };
    for member in members {
        if sum >= limit {
            break;
        }
        sum += count(member, limit - sum);
    }
    sum
}
