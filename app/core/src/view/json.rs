//! JSON as a page shows it: lines of tokens, keys in their own order, numbers and strings as they
//! are spelled, with links where a value names something that can be opened, and JSON that stands
//! inside of a string (as it is, or as base64) opened below it.

use std::collections::BTreeSet;

use crate::digest::Digest;
use crate::reference::Repository;
use crate::route::Route;

mod filter;
mod links;
mod nested;
mod tree;

pub use filter::{Filter, FilterError, MAX_FILTER};
pub use nested::{MAX_NESTED, base64};

pub(super) use links::web_address;

use tree::Node;

/// Largest JSON shown as lines, in bytes: more is shown as text.
pub const MAX_JSON_BYTES: usize = 8 << 20;

/// Deepest nesting shown; serde_json's own bound is the same.
pub const MAX_JSON_DEPTH: usize = 128;

/// Most lines made. `[[],[],…` has a line for every three bytes.
pub const MAX_JSON_LINES: usize = 500_000;

/// Where a JSON document comes from: what its links are relative to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// The repository it is in.
    pub repository: Repository,
    /// The manifest of the image whose configuration it is, if it is one.
    pub image: Option<Digest>,
    /// The present, in seconds since 1970-01-01 UTC, for "3 days ago".
    pub now_s: Option<i64>,
}

/// A document in lines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JsonView {
    /// The lines, the first without indent.
    pub lines: Vec<Line>,
    /// What can be folded, in the order of their first lines.
    pub folds: Vec<Fold>,
    /// There is more than [`MAX_JSON_LINES`].
    pub cut: bool,
    /// Values that a filter found; one without a filter.
    pub found: usize,
}

impl JsonView {
    /// The lines that have a text in them, which is in lower case.
    pub fn lines_with(&self, text: &str) -> BTreeSet<usize> {
        let has = |line: &Line| {
            let all: String = line.tokens.iter().map(|t| t.text.as_str()).collect();
            all.to_lowercase().contains(text)
        };
        let lines = self.lines.iter().enumerate();
        lines.filter(|(_, l)| has(l)).map(|(i, _)| i).collect()
    }
}

/// A line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Line {
    /// How deep it is nested.
    pub indent: usize,
    /// What is on it.
    pub tokens: Vec<Token>,
    /// How many strings it is inside of: it is no line of the document itself, but of one in it.
    pub nested: usize,
}

/// An object or array of more than one line, or a string with a document in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fold {
    /// The line that opens it.
    pub start: usize,
    /// The line that closes it.
    pub end: usize,
    /// Members in it.
    pub len: usize,
    /// It is a document in a string, closed at first.
    pub inside: bool,
}

/// A piece of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: TokenKind,
    /// Its text as spelled in the document, with hidden characters made visible.
    pub text: String,
    /// What it leads to.
    pub link: Option<Link>,
    /// What is told about it: a size or time for people.
    pub title: Option<String>,
}

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TokenKind {
    /// A member's name.
    Key,
    /// A string.
    String,
    /// A number.
    Number,
    /// `true` or `false`.
    Bool,
    /// `null`.
    Null,
    /// A bracket, a colon, a comma.
    Punct,
    /// A word of ours.
    Note,
}

impl TokenKind {
    /// A name for a style.
    pub fn name(self) -> &'static str {
        match self {
            TokenKind::Key => "key",
            TokenKind::String => "string",
            TokenKind::Number => "number",
            TokenKind::Bool => "bool",
            TokenKind::Null => "null",
            TokenKind::Punct => "punct",
            TokenKind::Note => "note",
        }
    }
}

/// Where a token leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Link {
    /// To a page here.
    Route(Box<Route>),
    /// Elsewhere: `https:` or `http:`, nothing else.
    Url(String),
}

impl Link {
    /// The address for an anchor.
    pub fn href(&self) -> String {
        match self {
            Link::Route(route) => route.href(),
            Link::Url(url) => url.clone(),
        }
    }
}

/// Why bytes are not shown as JSON.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// More than [`MAX_JSON_BYTES`].
    #[error("it is larger than {MAX_JSON_BYTES} bytes")]
    TooLarge,
    /// Not JSON.
    #[error("it is not JSON: {detail}")]
    NotJson {
        /// What the parser says.
        detail: String,
    },
    /// Deeper than [`MAX_JSON_DEPTH`].
    #[error("it is nested more than {MAX_JSON_DEPTH} deep")]
    TooDeep,
}

/// Whether a document can be shown as JSON.
pub fn is_json(bytes: &[u8]) -> bool {
    tree::validated(bytes).and_then(tree::parse).is_ok()
}

/// Makes lines of a JSON document.
pub fn view(bytes: &[u8], context: &Context) -> Result<JsonView, JsonError> {
    filtered(bytes, context, &Filter::default())
}

/// Makes lines of the values in a JSON document that a filter finds, one below the other.
pub fn filtered(bytes: &[u8], context: &Context, filter: &Filter) -> Result<JsonView, JsonError> {
    let text = tree::validated(bytes)?;
    let root = tree::parse(text)?;
    let mut writer = Writer {
        context,
        view: JsonView::default(),
        nested: 0,
        tail: 0,
    };
    filter.each(&root, &links::Place::root(), &mut |node, place| {
        if !writer.view.cut {
            writer.view.found += 1;
            writer.open(0);
            writer.node(node, 0, place);
        }
    });
    Ok(writer.view)
}

/// A string's value, from its spelling with quotes; none for one that is no text (a lone
/// surrogate).
fn value_of(raw: &str) -> Option<String> {
    serde_json::from_str(raw).ok()
}

struct Writer<'a> {
    context: &'a Context,
    view: JsonView,
    /// Strings that the present value is inside of.
    nested: usize,
    /// The line on which the last value of the present document ended: what is inside of a string
    /// stands below it.
    tail: usize,
}

impl Writer<'_> {
    fn open(&mut self, indent: usize) {
        if self.view.lines.len() >= MAX_JSON_LINES {
            self.view.cut = true;
            return;
        }
        self.view.lines.push(Line {
            indent,
            tokens: Vec::new(),
            nested: self.nested,
        });
    }

    fn last(&self) -> usize {
        self.view.lines.len().saturating_sub(1)
    }

    fn put(&mut self, kind: TokenKind, raw: &str, told: links::Told) {
        self.put_on(self.last(), kind, raw, told);
    }

    fn put_on(&mut self, line: usize, kind: TokenKind, raw: &str, told: links::Told) {
        if self.view.cut {
            return;
        }
        if let Some(line) = self.view.lines.get_mut(line) {
            line.tokens.push(Token {
                kind,
                text: crate::path::visible(raw.as_bytes()),
                link: told.link,
                title: told.title,
            });
        }
    }

    fn punct(&mut self, text: &str) {
        self.put(TokenKind::Punct, text, links::Told::default());
    }

    fn node(&mut self, node: &Node<'_>, indent: usize, place: &links::Place<'_, '_>) {
        match node {
            Node::String(raw) => {
                let told = links::of_string(raw, place, self.context);
                self.put(TokenKind::String, raw, told);
                let tail = self.last();
                self.inside(raw, indent);
                self.tail = tail;
                return;
            }
            Node::Number(raw) => {
                let told = links::of_number(raw, place);
                self.put(TokenKind::Number, raw, told);
            }
            Node::Bool(raw) => self.put(TokenKind::Bool, raw, links::Told::default()),
            Node::Null => self.put(TokenKind::Null, "null", links::Told::default()),
            Node::Array(items) => {
                let len = items.len();
                self.block(["[", "]"], len, indent, |writer, i| {
                    writer.node(&items[i], indent + 1, &place.item());
                });
            }
            Node::Object(members) => {
                let len = members.len();
                self.block(["{", "}"], len, indent, |writer, i| {
                    let (key, value) = &members[i];
                    writer.put(TokenKind::Key, key, links::Told::default());
                    writer.punct(": ");
                    let name = value_of(key).unwrap_or_default();
                    let member = place.member(&name, members);
                    writer.node(value, indent + 1, &member);
                });
            }
        }
        self.tail = self.last();
    }

    /// The document in a string, if there is one, as a fold of its own.
    fn inside(&mut self, raw: &str, indent: usize) {
        if self.nested >= MAX_NESTED || self.view.cut {
            return;
        }
        let Some(inside) = nested::find(raw) else {
            return;
        };
        let Ok(node) = tree::validated(&inside.bytes).and_then(tree::parse) else {
            return;
        };
        let start = self.view.lines.len().saturating_sub(1);
        let fold = self.view.folds.len();
        self.view.folds.push(Fold {
            start,
            end: start,
            len: node.len(),
            inside: true,
        });
        self.nested += 1;
        self.open(indent + 1);
        self.put(TokenKind::Note, inside.word, links::Told::default());
        self.node(&node, indent + 1, &links::Place::root());
        self.nested -= 1;
        if let Some(fold) = self.view.folds.get_mut(fold) {
            fold.end = self.view.lines.len().saturating_sub(1);
        }
    }

    fn block(
        &mut self,
        [opening, closing]: [&str; 2],
        len: usize,
        indent: usize,
        mut each: impl FnMut(&mut Self, usize),
    ) {
        if len == 0 {
            self.punct(&format!("{opening}{closing}"));
            return;
        }
        self.punct(opening);
        let start = self.view.lines.len().saturating_sub(1);
        let fold = self.view.folds.len();
        self.view.folds.push(Fold {
            start,
            end: start,
            len,
            inside: false,
        });
        for i in 0..len {
            if self.view.cut {
                break;
            }
            self.open(indent + 1);
            each(self, i);
            if i + 1 < len {
                self.put_on(self.tail, TokenKind::Punct, ",", links::Told::default());
            }
        }
        self.open(indent);
        self.punct(closing);
        if let Some(fold) = self.view.folds.get_mut(fold) {
            fold.end = self.view.lines.len().saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests;
