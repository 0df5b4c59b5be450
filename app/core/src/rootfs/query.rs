//! What a search over a root file system asks for: a name, and what the entry is.
//!
//! Words of the form `type:file`, `size:>1M`, `mode:setuid`, `owner:0`, `group:tty`, `layer:3` say what an entry
//! has to be, and `path:/usr/bin:/bin` that it is in one of these directories, as a shell looks for
//! programs; all of them have to hold. What is left is the name: as in a layer's search, or after
//! `re:` a regular expression, which is looked for anywhere in the path. A word that makes no sense as
//! one of these is taken for a part of the name.

use std::cell::OnceCell;

use regex_lite::{Regex, RegexBuilder};

use super::RootFs;
use crate::toc::{EntryKind, Toc};
use crate::tree::{Resolved, normalised};
use crate::view::listing::Pattern;

/// Bytes of a regular expression; nobody types more, and it takes memory by its length.
const MAX_REGEX: usize = 1024;
/// Bytes of its compiled form.
const MAX_REGEX_SIZE: usize = 1 << 20;

/// Directories of one filter; a `PATH` has some ten.
const MAX_DIRS: usize = 100;

/// A search, ready to be tried on many entries.
#[derive(Debug)]
pub struct Query {
    filters: Vec<Filter>,
    name: Name,
}

#[derive(Debug)]
enum Name {
    Any,
    Pattern(Pattern),
    Regex(Regex),
    /// It is no regular expression.
    Nothing(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Filter {
    Kind(Kind),
    Size {
        min: u64,
        max: u64,
    },
    /// One of these bits is set.
    Mode(u32),
    /// Permission bits are these.
    ExactMode(u32),
    Owner(Vec<u8>),
    Group(Vec<u8>),
    Layer(u16),
    /// It is in one of these directories.
    In(Dirs),
}

/// Directories in the form of a variable such as `PATH`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Dirs {
    /// As they stand.
    stated: Vec<Vec<u8>>,
    /// Where they are, links followed, once that was looked for.
    places: OnceCell<Vec<Vec<u8>>>,
}

impl Dirs {
    fn new(list: &str) -> Dirs {
        let dirs = list.split(':').filter(|dir| !dir.is_empty());
        Dirs {
            stated: dirs
                .take(MAX_DIRS)
                .map(|d| normalised(d.as_bytes()))
                .collect(),
            places: OnceCell::new(),
        }
    }

    fn have(&self, root: &RootFs, ordinal: u32) -> bool {
        let places = self.places.get_or_init(|| {
            let tree = root.visible();
            let place = |dir: &Vec<u8>| match tree.resolve(dir, true, root.toc()) {
                Resolved::Node(node) => tree.path(node),
                _ => dir.clone(),
            };
            self.stated.iter().map(place).collect()
        });
        let path = root.toc().path(ordinal).unwrap_or_default();
        let (dir, name) = super::split(&path);
        !name.is_empty() && places.iter().any(|place| place == dir)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    One(EntryKind),
    Device,
}

/// Names of `type:`.
const KINDS: [(&str, Kind); 9] = [
    ("file", Kind::One(EntryKind::File)),
    ("dir", Kind::One(EntryKind::Dir)),
    ("symlink", Kind::One(EntryKind::Symlink)),
    ("hardlink", Kind::One(EntryKind::Hardlink)),
    ("char", Kind::One(EntryKind::Char)),
    ("block", Kind::One(EntryKind::Block)),
    ("fifo", Kind::One(EntryKind::Fifo)),
    ("device", Kind::Device),
    ("link", Kind::One(EntryKind::Symlink)),
];

/// Names of `mode:`, with the bits of which one has to be set.
const MODES: [(&str, u32); 6] = [
    ("setuid", 0o4000),
    ("setgid", 0o2000),
    ("setid", 0o6000),
    ("sticky", 0o1000),
    ("world-writable", 0o002),
    ("executable", 0o111),
];

impl Query {
    /// Reads a search text.
    pub fn new(text: &str) -> Query {
        if let Some((front, regex)) = split_regex(text) {
            let (filters, rest) = words(front);
            let name = match rest.is_empty() {
                true => compile(regex),
                false => Name::Nothing("what stands before re: is no filter".to_owned()),
            };
            return Query { filters, name };
        }
        let (filters, rest) = words(text);
        let name = match rest.as_str() {
            "" => Name::Any,
            rest => Name::Pattern(Pattern::new(rest)),
        };
        Query { filters, name }
    }

    /// Why it finds nothing, if it cannot be read.
    pub fn problem(&self) -> Option<&str> {
        match &self.name {
            Name::Nothing(why) => Some(why),
            _ => None,
        }
    }

    /// Tries an entry of a root file system; `path` is its name from the directory that is searched.
    pub fn matches(&mut self, root: &RootFs, ordinal: u32, path: &[u8]) -> bool {
        let named = match &mut self.name {
            Name::Any => true,
            Name::Pattern(pattern) => pattern.matches(path),
            Name::Regex(regex) => match std::str::from_utf8(path) {
                Ok(path) => regex.is_match(path),
                // Expressions are text; a byte that is none matches `.` and its like.
                Err(_) => regex.is_match(&String::from_utf8_lossy(path)),
            },
            Name::Nothing(_) => false,
        };
        named && self.filters.iter().all(|f| f.holds(root, ordinal))
    }
}

/// The text before `re:` and the expression after it, which goes to the end: it may have blanks.
fn split_regex(text: &str) -> Option<(&str, &str)> {
    match text.strip_prefix("re:") {
        Some(regex) => Some(("", regex)),
        None => text.split_once(" re:"),
    }
}

/// The filters among the words of a text, and the other words.
fn words(text: &str) -> (Vec<Filter>, String) {
    let mut filters = Vec::new();
    let mut rest: Vec<&str> = Vec::new();
    for word in text.split(' ') {
        match filter(word) {
            Some(filter) => filters.push(filter),
            None => rest.push(word),
        }
    }
    // Blanks in a name stay; those around filters do not count.
    (filters, rest.join(" ").trim().to_owned())
}

fn filter(word: &str) -> Option<Filter> {
    let (name, value) = word.split_once(':')?;
    if value.is_empty() {
        return None;
    }
    Some(match name {
        "type" => Filter::Kind(KINDS.iter().find(|(n, _)| *n == value)?.1),
        "size" => size(value)?,
        "mode" => match MODES.iter().find(|(n, _)| *n == value) {
            Some((_, bits)) => Filter::Mode(*bits),
            None => Filter::ExactMode(
                u32::from_str_radix(value, 8)
                    .ok()
                    .filter(|m| *m <= 0o7777)?,
            ),
        },
        "owner" => Filter::Owner(value.as_bytes().to_vec()),
        "group" => Filter::Group(value.as_bytes().to_vec()),
        "path" => Filter::In(Dirs::new(value)),
        "layer" => Filter::Layer(value.parse::<u16>().ok()?.checked_sub(1)?),
        _ => return None,
    })
}

/// `>1M`, `<10k`, `0`; k, M and G are powers of 1,000, as sizes are shown; KiB and its like of 1,024.
fn size(value: &str) -> Option<Filter> {
    let (sign, number) = match value.strip_prefix(['>', '<']) {
        Some(number) => (value.chars().next(), number),
        None => (None, value),
    };
    let (digits, unit) = match number.char_indices().find(|(_, c)| c.is_ascii_alphabetic()) {
        Some((at, _)) => number.split_at(at),
        None => (number, ""),
    };
    let unit = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" => 1_000,
        "m" | "mb" => 1_000_000,
        "g" | "gb" => 1_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        _ => return None,
    };
    let bytes = digits.parse::<u64>().ok()?.checked_mul(unit)?;
    Some(match sign {
        Some('>') => Filter::Size {
            min: bytes.saturating_add(1),
            max: u64::MAX,
        },
        Some(_) => Filter::Size {
            min: 0,
            max: bytes.checked_sub(1)?,
        },
        None => Filter::Size {
            min: bytes,
            max: bytes,
        },
    })
}

fn compile(text: &str) -> Name {
    if text.len() > MAX_REGEX {
        return Name::Nothing(format!(
            "a regular expression has at most {MAX_REGEX} bytes"
        ));
    }
    let built = RegexBuilder::new(text)
        .case_insensitive(!text.bytes().any(|b| b.is_ascii_uppercase()))
        .size_limit(MAX_REGEX_SIZE)
        .build();
    match built {
        Ok(regex) => Name::Regex(regex),
        Err(error) => Name::Nothing(error.to_string()),
    }
}

impl Filter {
    fn holds(&self, root: &RootFs, ordinal: u32) -> bool {
        let toc = root.toc();
        let kind = toc.kind(ordinal);
        match self {
            Filter::Kind(Kind::One(wanted)) => match kind {
                Some(EntryKind::Other(_)) => *wanted == EntryKind::File,
                kind => kind == Some(*wanted),
            },
            Filter::Kind(Kind::Device) => {
                matches!(kind, Some(EntryKind::Char | EntryKind::Block))
            }
            Filter::Size { min, max } => {
                kind.is_some_and(EntryKind::has_data) && (*min..=*max).contains(&toc.size(ordinal))
            }
            // The bits of a symbolic link mean nothing, and those of a hard link are its file's.
            Filter::Mode(_) | Filter::ExactMode(_)
                if matches!(kind, Some(EntryKind::Symlink | EntryKind::Hardlink)) =>
            {
                false
            }
            // All of /tmp may be written to by everybody, and anybody may enter a directory.
            Filter::Mode(bits) => {
                toc.mode(ordinal) & bits != 0 && (*bits != 0o111 || kind != Some(EntryKind::Dir))
            }
            Filter::ExactMode(mode) => toc.mode(ordinal) & 0o7777 == *mode,
            Filter::Owner(name) => owned(toc, ordinal, name, true),
            Filter::Group(name) => owned(toc, ordinal, name, false),
            Filter::In(dirs) => dirs.have(root, ordinal),
            Filter::Layer(layer) => root.version(ordinal).is_some_and(|v| v.layer == *layer),
        }
    }
}

/// By name or number.
fn owned(toc: &Toc, ordinal: u32, name: &[u8], user: bool) -> bool {
    toc.get(ordinal).is_some_and(|entry| {
        let (id, text) = match user {
            true => (entry.uid, entry.uname),
            false => (entry.gid, entry.gname),
        };
        text == name || id.to_string().as_bytes() == name
    })
}

#[cfg(test)]
mod tests;
