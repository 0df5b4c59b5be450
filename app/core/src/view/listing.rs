//! Listings: which rows a page shows, in which order, and what is in the rows that it asks for.
//!
//! A listing holds a number of four bytes for each of its rows; rows themselves are made only for
//! the part that is looked at, so that a million entries cost the page nothing. While a layer
//! streams in, [`Listing::refresh`] looks only at what is new: matches are kept, and a directory's
//! children are sorted again only when it has got more.

mod pattern;
mod row;

use std::cmp::Ordering;
use std::collections::HashMap;

use crate::job::{Found, Row, SortKey, Target, ViewInfo, ViewMode, ViewSpec};
use crate::path::EntryPath;
use crate::toc::{EntryKind, Toc};
use crate::tree::{NodeId, Resolved, Tree, natural, normalise_into, normalised};

pub(crate) use pattern::Pattern;
use row::{row_from_node, row_from_ordinal};

/// Rows made at one time: some screens. A page that wants more asks again.
pub const MAX_ROWS: u32 = 10_000;

/// Other entries of the same name that are told; an archive may have thousands, nobody reads them.
pub const MAX_OTHERS: usize = 100;

/// One listing over a tree.
#[derive(Debug)]
pub struct Listing {
    spec: ViewSpec,
    pattern: Option<Pattern>,
    /// What the spec's path is, once it is there.
    base: Option<NodeId>,
    /// The rows were made at least once for this base.
    made: bool,
    /// The base's children had this version.
    version: u32,
    /// Entries looked at.
    seen: u32,
    /// One bit an entry: it is under the base and matches.
    matched: Vec<u64>,
    sorted: HashMap<NodeId, Sorted>,
    rows: Vec<RowRef>,
    bytes: u64,
    generation: u32,
    /// The tree that the rows are of; see [`Listing::refresh_by`].
    stamp: u32,
}

/// Says whether an entry is listed: by its ordinal, and its path from the directory searched.
pub(crate) type Choose<'a> = dyn FnMut(u32, &[u8]) -> bool + 'a;

/// A directory's children by name, as they were at a version of it.
#[derive(Debug)]
struct Sorted {
    version: u32,
    children: Box<[NodeId]>,
}

/// An entry's ordinal, or the node of a directory that no entry states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RowRef {
    Entry(u32),
    Implied(NodeId),
}

impl Listing {
    /// A listing that has no rows yet.
    pub fn new(spec: ViewSpec) -> Self {
        let pattern = match &spec.mode {
            ViewMode::Dir => None,
            ViewMode::Flat => Some(Pattern::new("")),
            ViewMode::Search(text) => Some(Pattern::new(text)),
        };
        Listing {
            spec,
            pattern,
            base: None,
            made: false,
            version: 0,
            seen: 0,
            matched: Vec::new(),
            sorted: HashMap::new(),
            rows: Vec::new(),
            bytes: 0,
            generation: 0,
            stamp: 0,
        }
    }

    /// How it is made.
    pub fn spec(&self) -> &ViewSpec {
        &self.spec
    }

    /// Takes in what the tree has got since the last time. True if the listing may have changed;
    /// its generation has grown by one then. Must be called once before there are rows.
    pub fn refresh(&mut self, tree: &Tree, toc: &Toc) -> bool {
        let mut pattern = self.pattern.take();
        let changed = self.refresh_by(tree, toc, self.stamp, &mut |_, path| {
            pattern.as_mut().is_some_and(|p| p.matches(path))
        });
        self.pattern = pattern;
        changed
    }

    /// The same with another rule for what a search lists. A tree with another stamp than before is
    /// another tree.
    pub(crate) fn refresh_by(
        &mut self,
        tree: &Tree,
        toc: &Toc,
        stamp: u32,
        choose: &mut Choose<'_>,
    ) -> bool {
        if self.stamp != stamp {
            self.stamp = stamp;
            self.made = false;
        }
        let searches = self.spec.mode != ViewMode::Dir;
        let base = locate(tree, toc, self.spec.at.as_bytes());
        let same_base = self.made && base == self.base;
        let new_entries = self.seen != tree.len();
        if same_base && !new_entries {
            return false;
        }
        if !same_base {
            (self.base, self.seen) = (base, 0);
            self.matched.clear();
            self.sorted.clear();
        }
        let dir = base.filter(|node| tree.is_dir(*node, toc));
        // Where the path names a file or nothing, the answer can change with any entry: a
        // duplicate, a link's target, a longer part of the path.
        let changed = match (searches, dir) {
            (false, Some(dir)) => !same_base || tree.version(dir) != self.version,
            (false, None) | (true, _) => true,
        };
        self.version = dir.map_or(0, |dir| tree.version(dir));
        if changed {
            self.rows = match dir {
                None => Vec::new(),
                Some(dir) if !searches => self.children(dir, tree, toc),
                Some(dir) => self.entries_under(dir, tree, toc, choose),
            };
            let size = |row: &RowRef| match row {
                RowRef::Entry(ordinal) => toc.size(*ordinal),
                RowRef::Implied(_) => 0,
            };
            self.bytes = self
                .rows
                .iter()
                .fold(0, |sum, row| sum.saturating_add(size(row)));
            self.generation += 1;
        }
        self.seen = tree.len();
        self.made = true;
        changed
    }

    /// What the listing has. `complete` says that no entries will be added to the layer.
    pub fn info(&self, tree: &Tree, toc: &Toc, complete: bool) -> ViewInfo {
        ViewInfo {
            generation: self.generation,
            total: self.rows.len() as u32, // as many as entries and nodes at most
            found: self.found(tree, toc),
            complete,
            bytes: self.bytes,
            problem: None,
        }
    }

    /// Rows `start..end`, cut to what there is and to [`MAX_ROWS`].
    pub fn rows(&self, tree: &Tree, toc: &Toc, start: u32, end: u32) -> Vec<Row> {
        let end = end
            .min(start.saturating_add(MAX_ROWS))
            .min(self.rows.len() as u32);
        let asked = self
            .rows
            .get(start as usize..end as usize)
            .unwrap_or_default();
        let row = |row: &RowRef| match row {
            RowRef::Entry(ordinal) => row_from_ordinal(tree, toc, *ordinal),
            RowRef::Implied(node) => Some(row_from_node(tree, toc, *node)),
        };
        asked.iter().filter_map(row).collect()
    }

    /// Which row an entry has, by its path; none if it is not among them.
    pub fn position(&self, tree: &Tree, toc: &Toc, path: &[u8]) -> Option<u32> {
        let node = locate(tree, toc, path)?;
        let wanted = tree
            .ordinal(node)
            .map_or(RowRef::Implied(node), RowRef::Entry);
        let at = self.rows.iter().position(|row| *row == wanted)?;
        Some(at as u32) // as many as entries and nodes at most
    }

    /// Generation of the rows; grows whenever they may have changed.
    pub fn generation(&self) -> u32 {
        self.generation
    }

    fn found(&self, tree: &Tree, toc: &Toc) -> Found {
        let Some(node) = self.base else {
            let nearest = tree.nearest(self.spec.at.as_bytes());
            return Found::Missing {
                nearest: EntryPath::new(tree.path(nearest)),
            };
        };
        let row = || row_from_node(tree, toc, node);
        if tree.is_dir(node, toc) || node == Tree::ROOT {
            return Found::Directory {
                row: tree.ordinal(node).map(|_| row()),
            };
        }
        let earlier = tree.earlier(node).iter().take(MAX_OTHERS);
        Found::Entry {
            row: row(),
            others: earlier
                .filter_map(|o| row_from_ordinal(tree, toc, *o))
                .collect(),
            target: tree.ordinal(node).and_then(|o| target(tree, toc, node, o)),
        }
    }

    /// A directory's children, one row a name.
    fn children(&mut self, dir: NodeId, tree: &Tree, toc: &Toc) -> Vec<RowRef> {
        let mut nodes: Vec<NodeId> = tree.children(dir).collect();
        let by_name = |a: &NodeId, b: &NodeId| natural(tree.name(*a), tree.name(*b));
        let ordinal = |node: &NodeId| tree.ordinal(*node);
        let descending = self.spec.descending;
        order(&mut nodes, &mut |a, b| {
            let order = match self.spec.sort {
                SortKey::Name => by_name(a, b),
                SortKey::Size => {
                    let size = |n| ordinal(n).map_or(0, |o| toc.size(o));
                    size(a).cmp(&size(b))
                }
                SortKey::Time => {
                    let time = |n| ordinal(n).map_or((i64::MIN, 0), |o| toc.mtime(o));
                    time(a).cmp(&time(b))
                }
                // Implied directories stand where their first entry would: before it.
                SortKey::Archive => ordinal(a).unwrap_or(0).cmp(&ordinal(b).unwrap_or(0)),
            };
            let order = if descending { order.reverse() } else { order };
            order.then_with(|| by_name(a, b))
        });
        if self.spec.sort == SortKey::Name {
            let rank = |node: &NodeId| !tree.is_dir(*node, toc);
            order(&mut nodes, &mut |a, b| rank(a).cmp(&rank(b)));
        }
        let row = |node: NodeId| {
            tree.ordinal(node)
                .map_or(RowRef::Implied(node), RowRef::Entry)
        };
        nodes.into_iter().map(row).collect()
    }

    /// Every entry under a directory that matches.
    fn entries_under(
        &mut self,
        dir: NodeId,
        tree: &Tree,
        toc: &Toc,
        choose: &mut Choose<'_>,
    ) -> Vec<RowRef> {
        self.match_new(dir, tree, toc, choose);
        let is_matched = |ordinal: &u32| {
            let word = self
                .matched
                .get(*ordinal as usize / 64)
                .copied()
                .unwrap_or(0);
            word >> (ordinal % 64) & 1 == 1
        };
        let mut ordinals: Vec<u32> = match self.spec.sort {
            SortKey::Name => {
                let mut ordinals = Vec::new();
                let mut cache = std::mem::take(&mut self.sorted);
                let mut todo = vec![dir];
                while let Some(node) = todo.pop() {
                    let all = tree.earlier(node).iter().copied().chain(tree.ordinal(node));
                    ordinals.extend(all.filter(is_matched));
                    if tree.child_count(node) > 0 {
                        todo.extend(sorted(&mut cache, tree, node).iter().rev());
                    }
                }
                self.sorted = cache;
                ordinals
            }
            _ => (0..tree.len()).filter(is_matched).collect(),
        };
        match self.spec.sort {
            SortKey::Name | SortKey::Archive => {}
            SortKey::Size => order(&mut ordinals, &mut |a, b| toc.size(*a).cmp(&toc.size(*b))),
            SortKey::Time => order(&mut ordinals, &mut |a, b| toc.mtime(*a).cmp(&toc.mtime(*b))),
        }
        if self.spec.descending {
            ordinals.reverse();
        }
        ordinals.into_iter().map(RowRef::Entry).collect()
    }

    /// Tries the entries that were not looked at yet.
    fn match_new(&mut self, dir: NodeId, tree: &Tree, toc: &Toc, choose: &mut Choose<'_>) {
        let base = tree.path(dir);
        self.matched.resize(tree.len().div_ceil(64) as usize, 0);
        let (mut raw, mut path) = (Vec::new(), Vec::new());
        for ordinal in self.seen..tree.len() {
            toc.path_into(ordinal, &mut raw);
            normalise_into(&raw, &mut path);
            let below = match base.as_slice() {
                [] => Some(path.as_slice()),
                base => path.strip_prefix(base).and_then(|p| p.strip_prefix(b"/")),
            };
            if below.is_some_and(|below| !below.is_empty() && choose(ordinal, below)) {
                self.matched[ordinal as usize / 64] |= 1 << (ordinal % 64);
            }
        }
    }
}

/// Sorts, stably.
fn order<T: Copy>(list: &mut [T], compare: &mut dyn FnMut(&T, &T) -> Ordering) {
    let before = list.to_vec();
    let mut places: Vec<usize> = (0..before.len()).collect();
    order_places(&mut places, &mut |a, b| compare(&before[a], &before[b]));
    for (item, place) in list.iter_mut().zip(places) {
        *item = before[place];
    }
}

/// One sort for all kinds of things: one for each would each be two KiB of the worker's program.
#[inline(never)]
fn order_places(places: &mut [usize], compare: &mut dyn FnMut(usize, usize) -> Ordering) {
    places.sort_by(|a, b| compare(*a, *b));
}

/// The children of a directory by name, sorted again only if it has changed.
fn sorted<'c>(cache: &'c mut HashMap<NodeId, Sorted>, tree: &Tree, node: NodeId) -> &'c [NodeId] {
    let version = tree.version(node);
    let sort = || {
        let mut children: Vec<NodeId> = tree.children(node).collect();
        order(&mut children, &mut |a, b| {
            natural(tree.name(*a), tree.name(*b))
        });
        Sorted {
            version,
            children: children.into(),
        }
    };
    let cached = cache.entry(node).or_insert_with(sort);
    if cached.version != version {
        *cached = sort();
    }
    &cached.children
}

/// The node that a path names: literally, or else through the symbolic links on its way. The last
/// component is not followed, so that a link can be looked at.
pub fn locate(tree: &Tree, toc: &Toc, path: &[u8]) -> Option<NodeId> {
    tree.find(path)
        .or_else(|| match tree.resolve(path, false, toc) {
            Resolved::Node(node) => Some(node),
            Resolved::Missing { .. } | Resolved::Loop => None,
        })
}

/// Where one entry of a name leads, if it is a link.
pub fn target(tree: &Tree, toc: &Toc, node: NodeId, ordinal: u32) -> Option<Target> {
    let kind = toc.kind(ordinal)?;
    if kind == EntryKind::Hardlink
        && let Some(file) = toc.hardlink_target(ordinal)
    {
        return row_from_ordinal(tree, toc, file).map(Target::Entry);
    }
    if !matches!(kind, EntryKind::Symlink | EntryKind::Hardlink) {
        return None;
    }
    let link = toc.link(ordinal);
    Some(match tree.resolve_entry_link(node, ordinal, toc) {
        Resolved::Node(node) if kind == EntryKind::Symlink => {
            Target::Entry(row_from_node(tree, toc, node))
        }
        Resolved::Missing { path, above, .. } => {
            let path = EntryPath::new(path);
            match above {
                true => Target::Outside { path },
                false => Target::Nothing { path },
            }
        }
        Resolved::Loop => Target::Circle {
            path: EntryPath::new(tree.named_by_symlink(node, link, toc)),
        },
        // A hard link to its own name, or one in a circle of them.
        Resolved::Node(_) => Target::Circle {
            path: EntryPath::new(normalised(link)),
        },
    })
}

/// The row of one entry, by its ordinal; for the page of a file or of a duplicate.
pub fn row(tree: &Tree, toc: &Toc, ordinal: u32) -> Option<Row> {
    row_from_ordinal(tree, toc, ordinal)
}

#[cfg(test)]
mod tests;
