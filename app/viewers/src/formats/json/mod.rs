//! JSON documents that have a view of their own: lists of packages, attestations, signatures.

use serde_json::Value;

use super::ViewError;
use std::cell::RefCell;

use layerscope_core::view::json::{Link, base64};

use crate::model::{Block, Cell, Section, View};
use crate::source::Source;

mod cyclonedx;
mod dsse;
mod intoto;
mod notation;
mod sigstore;
mod spdx;
pub(crate) mod tree;

/// Largest document that is read, in bytes: lists of packages of large images have 20 MB.
const MAX_JSON: u64 = 32 << 20;

/// What JSON of no known kind is called.
pub(crate) const PLAIN: &str = "JSON";

/// How often a document may hold another: an envelope in a bundle, with a statement that has a list
/// of packages, is four.
const MAX_NESTED: usize = 8;

/// It begins like an object or array.
pub(super) fn may_be_one(head: &[u8]) -> bool {
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let text = text.trim_ascii_start();
    text.starts_with(b"{") || text.starts_with(b"[")
}

/// A document of one of the kinds here.
pub(super) fn view(source: &Source, now_s: i64) -> Result<View, ViewError> {
    if source.total() > MAX_JSON {
        return Err(ViewError::Other);
    }
    let bytes = source.all(MAX_JSON)?;
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let value: Value = serde_json::from_slice(bytes).map_err(|_| ViewError::Other)?;
    let context = Context { now_s, depth: 0 };
    let known = of(&value, context);
    if !value.is_object() && !value.is_array() {
        return Err(ViewError::Other);
    }
    let tree = Block::Tree(RefCell::new(tree::Tree::new(value)));
    Ok(match known {
        None => View::new(PLAIN, vec![Section::new("", vec![tree])]),
        Some(mut view) => {
            let all = Section::new("All of it, as JSON", vec![tree]);
            view.sections.push(all.folded());
            View::new(view.kind, view.sections)
        }
    })
}

/// What is known around a document.
#[derive(Clone, Copy)]
pub(super) struct Context {
    /// The present, in seconds since 1970-01-01 UTC.
    pub(super) now_s: i64,
    depth: usize,
}

/// A view of a document of a known kind.
fn of(value: &Value, context: Context) -> Option<View> {
    if context.depth > MAX_NESTED || !value.is_object() {
        return None;
    }
    spdx::view(value)
        .or_else(|| cyclonedx::view(value))
        .or_else(|| intoto::view(value, context))
        .or_else(|| dsse::view(value, context))
        .or_else(|| sigstore::view(value, context))
        .or_else(|| notation::view(value, context))
}

/// A document in another one, as parts of it: as what it is, or as it stands.
fn nested(title: &str, value: &Value, context: Context) -> Section {
    let inner = Context {
        depth: context.depth + 1,
        ..context
    };
    match of(value, inner) {
        Some(view) => Section::new(
            format!("{title}: {}", view.kind),
            vec![Block::Sections(view.sections)],
        ),
        None => Section::new(title, vec![as_it_stands(value)]),
    }
}

/// The same for bytes: JSON, text, or their size.
fn nested_bytes(title: &str, bytes: &[u8], context: Context) -> Section {
    if let Ok(value) = serde_json::from_slice::<Value>(bytes) {
        return nested(title, &value, context);
    }
    let block = match std::str::from_utf8(bytes) {
        Ok(text) => Block::Code(shortened(text)),
        Err(_) => Block::Facts(vec![("Size".into(), Cell::size(bytes.len() as u64))]),
    };
    Section::new(title, vec![block])
}

/// JSON in lines.
fn as_it_stands(value: &Value) -> Block {
    Block::Code(shortened(
        &serde_json::to_string_pretty(value).unwrap_or_default(),
    ))
}

/// No more of a text than a page bears.
fn shortened(text: &str) -> String {
    const MAX_SHOWN: usize = 64 * 1024;
    match text.char_indices().find(|(at, _)| *at >= MAX_SHOWN) {
        Some((at, _)) => format!("{} …", &text[..at]),
        None => text.to_owned(),
    }
}

/// A string under a key.
fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key).and_then(Value::as_str)
}

/// The items under a key; none where it has no array.
fn items<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    let array = value.get(key).and_then(Value::as_array);
    array.map_or(&[], Vec::as_slice)
}

/// A fact where there is a string under a key; one that is a web address leads there.
fn fact(facts: &mut Vec<(String, Cell)>, name: &str, value: &Value, key: &str) {
    if let Some(text) = text(value, key).filter(|t| !t.is_empty()) {
        facts.push((name.to_owned(), Cell::address(text)));
    }
}

/// A package's purl, with a link to its page where that is known.
fn purl(purl: &str) -> Cell {
    Cell::mono(purl).link(purl_page(purl))
}

/// Where a package of this purl has a page elsewhere: a viewer knows of no page here.
fn purl_page(purl: &str) -> Option<String> {
    match layerscope_core::view::purl::link(purl)? {
        Link::Url(url) => Some(url),
        Link::Route(_) => None,
    }
}
