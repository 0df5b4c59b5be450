//! A path into a document, as jq spells it: `.`, `.layers[0].digest`, `.history[].created_by`,
//! `.annotations["org.opencontainers.image.source"]`, `.layers[-1]`.
//!
//! Nothing more of jq: no pipes, no functions. What it means is what jq makes of the same text, but that
//! a member that is not there, or stands in something else, is left out and not `null`.

use super::links::Place;
use super::tree::Node;
use super::value_of;

/// Longest filter read, in bytes: it stands in an address.
pub const MAX_FILTER: usize = 1024;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Member(String),
    /// From the end where it is negative.
    Item(i64),
    All,
}

/// A path into a document; the default is the document itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    steps: Vec<Step>,
}

/// A filter that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("at character {at}: {expected}")]
pub struct FilterError {
    /// Which character, the first being 1.
    pub at: usize,
    /// What would make sense there.
    pub expected: &'static str,
}

impl std::str::FromStr for Filter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Filter, FilterError> {
        let text = text.trim();
        let mut reader = Reader { text, at: 0 };
        if text.len() > MAX_FILTER {
            return reader.expected("a path of this length is not read");
        }
        let mut steps = Vec::new();
        if text.is_empty() {
            return Ok(Filter::default());
        }
        if !text.starts_with('.') {
            return reader.expected("a path begins with a dot, as in .layers[0]");
        }
        if text == "." {
            return Ok(Filter::default());
        }
        while reader.at < text.len() {
            steps.push(reader.step(steps.is_empty())?);
        }
        Ok(Filter { steps })
    }
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Reader<'t> {
    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn expected<T>(&self, expected: &'static str) -> Result<T, FilterError> {
        let before = self.text.get(..self.at).unwrap_or(self.text);
        Err(FilterError {
            at: before.chars().count() + 1,
            expected,
        })
    }

    fn step(&mut self, first: bool) -> Result<Step, FilterError> {
        let rest = self.rest();
        if let Some(after) = rest.strip_prefix('.') {
            self.at += 1;
            // `.["a"]` and `.[0]`: the dot is the document itself.
            if first && after.starts_with('[') {
                return self.step(false);
            }
            if after.starts_with('"') {
                return self.quoted().map(Step::Member);
            }
            let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
            let len = after.find(|c| !is_name(c)).unwrap_or(after.len());
            if len == 0 || after.starts_with(|c: char| c.is_ascii_digit()) {
                return self.expected(
                    "a name follows a dot; other names stand in quotes, as in .[\"a.b\"]",
                );
            }
            self.at += len;
            return Ok(Step::Member(after[..len].to_owned()));
        }
        if !rest.starts_with('[') {
            return self.expected("a dot or a bracket");
        }
        self.at += 1;
        let step = match self.rest().as_bytes().first() {
            Some(b']') => Step::All,
            Some(b'"') => Step::Member(self.quoted()?),
            _ => {
                let end = self.rest().find(']').unwrap_or(self.rest().len());
                let Ok(number) = self.rest()[..end].trim().parse() else {
                    return self.expected("a number, a name in quotes, or nothing for all");
                };
                self.at += end;
                Step::Item(number)
            }
        };
        if !self.rest().starts_with(']') {
            return self.expected("a closing bracket");
        }
        self.at += 1;
        Ok(step)
    }

    /// A string as JSON spells it.
    fn quoted(&mut self) -> Result<String, FilterError> {
        let rest = self.rest();
        let mut escaped = false;
        let end = rest.char_indices().skip(1).find(|(_, c)| {
            let ends = *c == '"' && !escaped;
            escaped = *c == '\\' && !escaped;
            ends
        });
        let name = end.and_then(|(end, _)| Some((end, value_of(rest.get(..=end)?)?)));
        let Some((end, name)) = name else {
            return self.expected("a name in quotes");
        };
        self.at += end + 1;
        Ok(name)
    }
}

impl Filter {
    /// Whether it is the document itself.
    pub fn is_whole(&self) -> bool {
        self.steps.is_empty()
    }

    /// Calls `each` with every value that it finds, in the document's order, and where that stands.
    pub(super) fn each<'t>(
        &self,
        root: &Node<'t>,
        place: &Place<'_, 't>,
        each: &mut dyn FnMut(&Node<'t>, &Place<'_, 't>),
    ) {
        walk(&self.steps, root, place, each);
    }
}

fn walk<'t>(
    steps: &[Step],
    node: &Node<'t>,
    place: &Place<'_, 't>,
    each: &mut dyn FnMut(&Node<'t>, &Place<'_, 't>),
) {
    let Some((step, rest)) = steps.split_first() else {
        return each(node, place);
    };
    match (step, node) {
        (Step::Member(name), Node::Object(members)) => {
            // Of members of one name the last counts, as for every reader.
            let found = members.iter().rev();
            let found = found.map(|(key, value)| (value_of(key), value));
            let mut found = found.filter(|(key, _)| key.as_deref() == Some(name));
            if let Some((_, value)) = found.next() {
                walk(rest, value, &place.member(name, members), each);
            }
        }
        (Step::Item(at), Node::Array(items)) => {
            let at = match *at {
                at if at < 0 => i64::try_from(items.len()).map_or(-1, |len| len + at),
                at => at,
            };
            if let Some(item) = usize::try_from(at).ok().and_then(|at| items.get(at)) {
                walk(rest, item, &place.item(), each);
            }
        }
        (Step::All, Node::Array(items)) => {
            for item in items {
                walk(rest, item, &place.item(), each);
            }
        }
        (Step::All, Node::Object(members)) => {
            for (key, value) in members {
                let key = value_of(key).unwrap_or_default();
                walk(rest, value, &place.member(&key, members), each);
            }
        }
        _ => {}
    }
}
