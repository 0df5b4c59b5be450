//! JSON text to a tree of its own slices. serde_json has said that the text is valid before this
//! walks over it, but the walk trusts nothing: what it does not know is an error.

use super::{JsonError, MAX_JSON_BYTES, MAX_JSON_DEPTH};

/// A value; texts are slices of the document, quotes included.
pub(super) enum Node<'a> {
    String(&'a str),
    Number(&'a str),
    Bool(&'a str),
    Null,
    Array(Vec<Node<'a>>),
    Object(Vec<(&'a str, Node<'a>)>),
}

impl Node<'_> {
    /// Members of an object, items of an array.
    pub(super) fn len(&self) -> usize {
        match self {
            Node::Array(items) => items.len(),
            Node::Object(members) => members.len(),
            _ => 0,
        }
    }
}

fn not_json(detail: impl ToString) -> JsonError {
    JsonError::NotJson {
        detail: detail.to_string(),
    }
}

/// The document's text, once it is known to be JSON.
pub(super) fn validated(bytes: &[u8]) -> Result<&str, JsonError> {
    if bytes.len() > MAX_JSON_BYTES {
        return Err(JsonError::TooLarge);
    }
    let text = std::str::from_utf8(bytes).map_err(not_json)?;
    serde_json::from_str::<serde::de::IgnoredAny>(text).map_err(not_json)?;
    Ok(text)
}

pub(super) fn parse(text: &str) -> Result<Node<'_>, JsonError> {
    let mut walker = Walker { text, at: 0 };
    walker.value(0)
}

struct Walker<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Walker<'a> {
    /// The next byte that is no white space, not yet taken.
    fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = bytes.get(self.at) {
            self.at += 1;
        }
        bytes.get(self.at).copied()
    }

    fn expected<T>(&self, what: &str) -> Result<T, JsonError> {
        Err(not_json(format!("{what} is missing at byte {}", self.at)))
    }

    /// Takes bytes while they fit.
    fn take(&mut self, fits: impl Fn(u8) -> bool) -> &'a str {
        let bytes = &self.text.as_bytes()[self.at..];
        let len = bytes.iter().position(|b| !fits(*b));
        let end = self.at + len.unwrap_or(bytes.len());
        // Only ASCII fits, so the slice ends between characters.
        let slice = self.text.get(self.at..end).unwrap_or_default();
        self.at = end;
        slice
    }

    fn string(&mut self) -> Result<&'a str, JsonError> {
        let start = self.at;
        let bytes = self.text.as_bytes();
        let mut at = start + 1;
        loop {
            match bytes.get(at) {
                Some(b'"') => break,
                Some(b'\\') => at += 2,
                Some(_) => at += 1,
                None => return self.expected("a quote"),
            }
        }
        self.at = at + 1;
        match self.text.get(start..self.at) {
            Some(slice) => Ok(slice),
            None => self.expected("a character"),
        }
    }

    fn value(&mut self, depth: usize) -> Result<Node<'a>, JsonError> {
        if depth > MAX_JSON_DEPTH {
            return Err(JsonError::TooDeep);
        }
        match self.peek() {
            Some(b'"') => self.string().map(Node::String),
            Some(b'[') => {
                let mut items = Vec::new();
                self.members(b']', |walker| {
                    items.push(walker.value(depth + 1)?);
                    Ok(())
                })?;
                Ok(Node::Array(items))
            }
            Some(b'{') => {
                let mut members = Vec::new();
                self.members(b'}', |walker| {
                    let Some(b'"') = walker.peek() else {
                        return walker.expected("a name");
                    };
                    let key = walker.string()?;
                    let Some(b':') = walker.peek() else {
                        return walker.expected("a colon");
                    };
                    walker.at += 1;
                    members.push((key, walker.value(depth + 1)?));
                    Ok(())
                })?;
                Ok(Node::Object(members))
            }
            Some(b'a'..=b'z') => match self.take(|b| b.is_ascii_lowercase()) {
                "null" => Ok(Node::Null),
                word @ ("true" | "false") => Ok(Node::Bool(word)),
                _ => self.expected("a value"),
            },
            Some(b'-' | b'0'..=b'9') => {
                let number = |b: u8| b.is_ascii_digit() || b"+-.eE".contains(&b);
                Ok(Node::Number(self.take(number)))
            }
            _ => self.expected("a value"),
        }
    }

    /// The members between an opening bracket, not yet taken, and its closing one.
    fn members(
        &mut self,
        closing: u8,
        mut each: impl FnMut(&mut Self) -> Result<(), JsonError>,
    ) -> Result<(), JsonError> {
        self.at += 1;
        if self.peek() == Some(closing) {
            self.at += 1;
            return Ok(());
        }
        loop {
            each(self)?;
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b) if b == closing => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return self.expected("a comma or bracket"),
            }
        }
    }
}
