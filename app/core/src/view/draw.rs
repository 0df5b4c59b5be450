//! What the viewers' worker and the page say to each other about one file.
//!
//! The worker reads the file's bytes and says what is to be seen, as elements of a fixed list, their
//! text and a few attributes; the page makes elements of that. So the page knows nothing about
//! formats, and what a file holds can only ever become text.

use serde::{Deserialize, Serialize};

use super::problem::Problem;

/// Names a file that is shown, among those of one page.
pub type DocId = u32;

/// What a click or an input asks for; the worker gave it its number. [`REDRAW`] is everybody's.
pub type Act = u32;

/// Asks for everything anew, as it stands.
pub const REDRAW: Act = 0;

/// Most elements and texts in one [`Patch`]: making them takes some ten milliseconds.
pub const MAX_OPS: usize = 20_000;

/// What the page tells the worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ask {
    /// Another file; its first bytes travel beside this. Whatever was shown before is forgotten.
    Open {
        /// The file.
        doc: DocId,
        /// Its name, raw; may be empty.
        name: Vec<u8>,
        /// Its size in bytes.
        total: u64,
        /// The present, in seconds since 1970-01-01 UTC: the worker has no clock.
        now_s: i64,
        /// JSON of no known kind is shown as well: nobody else shows it better.
        plain: bool,
    },
    /// More bytes of it, which travel beside this: the answer to [`Said::Need`].
    Bytes {
        /// The file.
        doc: DocId,
        /// Where they begin.
        start: u64,
    },
    /// The user did something.
    Act {
        /// The file.
        doc: DocId,
        /// What.
        act: Act,
        /// What is in the field, if it is one.
        value: String,
    },
}

/// What the worker says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Said {
    /// It is up. First in the list, with a text alone in it, as that of the layer worker.
    Ready {
        /// Its build id.
        build: String,
    },
    /// It cannot go on without these bytes.
    Need {
        /// The file.
        doc: DocId,
        /// Where they begin.
        start: u64,
        /// How many.
        len: u64,
    },
    /// It knows what the file is and can draw it.
    Found {
        /// The file.
        doc: DocId,
        /// What it is, in two or three words.
        kind: String,
    },
    /// It is nothing that has a view of its own.
    Nothing {
        /// The file.
        doc: DocId,
    },
    /// It looked like something that has a view, but cannot be read as that.
    Failed {
        /// The file.
        doc: DocId,
        /// Why.
        problem: Problem,
    },
    /// What is to be seen.
    Draw {
        /// The file.
        doc: DocId,
        /// In this order.
        patches: Vec<Patch>,
    },
}

impl Said {
    /// The file that this is about.
    pub fn doc(&self) -> Option<DocId> {
        match self {
            Said::Ready { .. } => None,
            Said::Need { doc, .. }
            | Said::Found { doc, .. }
            | Said::Nothing { doc }
            | Said::Failed { doc, .. }
            | Said::Draw { doc, .. } => Some(*doc),
        }
    }
}

/// Takes the place of what is in one part of the view.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Patch {
    /// The part's number, as [`Attr::Part`] names it; none for the whole view.
    pub part: Option<u32>,
    /// How it is made.
    pub ops: Vec<Op>,
}

/// A step in making elements.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Op {
    /// Begins an element in the one that is open.
    Open(Tag),
    /// Gives the open element an attribute.
    Attr(Attr, String),
    /// Adds text to the open element.
    Text(String),
    /// Ends the open element.
    Close,
}

macro_rules! names {
    ($(#[$doc:meta])* $type:ident { $($variant:ident = $name:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        #[allow(missing_docs, reason = "each is the element or attribute of that name")]
        pub enum $type { $($variant,)* }

        impl $type {
            /// Its name in a document.
            pub fn name(self) -> &'static str {
                match self { $($type::$variant => $name,)* }
            }
        }
    };
}

names! {
    /// The elements that there can be.
    Tag {
        A = "a",
        Bdi = "bdi",
        Button = "button",
        Code = "code",
        Dd = "dd",
        Details = "details",
        Div = "div",
        Dl = "dl",
        Dt = "dt",
        H2 = "h2",
        H3 = "h3",
        Input = "input",
        Label = "label",
        Li = "li",
        P = "p",
        Section = "section",
        Span = "span",
        Summary = "summary",
        Table = "table",
        Tbody = "tbody",
        Td = "td",
        Th = "th",
        Thead = "thead",
        Tr = "tr",
        Ul = "ul",
    }
}

names! {
    /// The attributes that they can have.
    Attr {
        // What a click, or an input into a field, asks for: an [`Act`].
        Act = "data-act",
        AriaExpanded = "aria-expanded",
        AriaLabel = "aria-label",
        AriaSort = "aria-sort",
        Class = "class",
        Colspan = "colspan",
        // For tests and styles: what a section shows.
        Kind = "data-kind",
        // Only where [`is_safe_href`] says so.
        Href = "href",
        Open = "open",
        // Its content can be replaced: see [`Patch::part`].
        Part = "data-part",
        Placeholder = "placeholder",
        Scope = "scope",
        Title = "title",
        Type = "type",
        Value = "value",
    }
}

/// An address that a view may lead to: a page here, or a web address. The page asks this of every
/// one, whoever made it.
pub fn is_safe_href(href: &str) -> bool {
    href.starts_with("#/") || href.starts_with("https://") || href.starts_with("http://")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_run_are_not_followed() {
        for good in ["#/image/a/b", "https://a.example/", "http://a.example/"] {
            assert!(is_safe_href(good), "{good}");
        }
        for bad in [
            "javascript:alert(1)",
            " https://a.example/",
            "data:text/html,x",
            "//a.example/",
            "#",
            "",
            "JavaScript:x",
            "blob:https://a.example/1",
        ] {
            assert!(!is_safe_href(bad), "{bad}");
        }
    }
}
