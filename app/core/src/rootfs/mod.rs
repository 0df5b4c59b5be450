//! The root file system of an image: what a runtime makes of all its layers, with what they hide
//! still at hand.
//!
//! Layers are added from the lowest one up. All their entries but the whiteouts stand in one table,
//! one layer behind the other, each under the name that it gets in the root file system: symbolic
//! links in its directories are followed, and `..` ends at the root, as when layers are unpacked.
//! An entry is visible or knows which layer hid it, and how.
//!
//! Rules: OCI image specification, "Whiteouts". What a layer removes, it removes from the layers
//! below it alone, wherever in its archive the whiteout stands.

pub mod ask;
pub mod packages;
mod place;
pub mod query;
pub mod sizes;
pub mod waste;
pub mod words;

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::toc::{Entry, EntryKind, Toc};
use crate::tree::{NodeId, Tree};

/// Layers of one image. Runtimes stop at 128 or 500; positions in the table have 16 bits.
pub const MAX_LAYERS: usize = 4096;

/// The front of a whiteout's name.
pub(crate) const WHITEOUT: &[u8] = b".wh.";
/// The front of names that only a union file system gives a meaning to; `.wh..wh..opq` is the one
/// that layers use.
pub(crate) const WHITEOUT_META: &[u8] = b".wh..wh.";
const OPAQUE: &[u8] = b".wh..wh..opq";

/// What became of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Fate {
    /// It is what the name stands for.
    Visible,
    /// Another entry of its name came later.
    Replaced,
    /// A whiteout of its name, or of a directory that it is in.
    Deleted,
    /// A directory that it is in was made opaque.
    Cleared,
    /// A directory that it is in was replaced by something else.
    Buried,
    /// It has no place: its directory is a circle of links.
    Unplaced,
}

impl Fate {
    /// The name used in messages and attributes.
    pub fn name(self) -> &'static str {
        match self {
            Fate::Visible => "visible",
            Fate::Replaced => "replaced",
            Fate::Deleted => "deleted",
            Fate::Cleared => "cleared",
            Fate::Buried => "buried",
            Fate::Unplaced => "unplaced",
        }
    }
}

/// Where an entry is from, and what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Version {
    /// The layer that brought it, from 0.
    pub layer: u16,
    /// Its ordinal there.
    pub ordinal: u32,
    /// What became of it.
    pub fate: Fate,
    /// The layer that hid it; its own if it is visible.
    pub by: u16,
}

/// What a layer did to those below it. Directories are not counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changes {
    /// Names that were not there.
    pub added: Count,
    /// Names that were there and are now something else: by kind, size, mode, owner, time or link
    /// target, since no layer tells the contents' digests.
    pub modified: Count,
    /// Entries that repeat what was there.
    pub repeated: Count,
    /// What was visible and is hidden, but for what is modified; with the bytes that it had.
    pub removed: Count,
}

/// Files and their bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// How many.
    pub files: u32,
    /// Their bytes, uncompressed.
    pub bytes: u64,
}

impl Count {
    fn add(&mut self, bytes: u64) {
        self.files = self.files.saturating_add(1);
        self.bytes = self.bytes.saturating_add(bytes);
    }
}

/// What a name stands for at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Live {
    /// Nothing.
    Dead,
    /// A directory that no entry states.
    Implied,
    /// The last entry of the name.
    Entry,
}

/// The layers of an image as one file system.
#[derive(Debug, Clone, Default)]
pub struct RootFs {
    toc: Toc,
    versions: Vec<Version>,
    /// Every name that any layer has.
    all: Tree,
    /// By node of `all`.
    live: Vec<Live>,
    /// What is visible; made when it is asked for.
    visible: Tree,
    /// Entries that `visible` was made of.
    seen: usize,
    layers: Vec<Changes>,
    full: bool,
}

impl RootFs {
    /// Of no layer.
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts the next layer over those that are there. False, and the rest is left out, if that is
    /// more than fits (see [`MAX_LAYERS`] and [`crate::tar::Limits`]).
    pub fn add_layer(&mut self, toc: &Toc) -> bool {
        if self.layers.len() >= MAX_LAYERS {
            self.full = true;
            return false;
        }
        let layer = self.layers.len() as u16; // below MAX_LAYERS
        self.layers.push(Changes::default());
        self.live_at(Tree::ROOT); // it is always there
        self.remove(layer, toc);
        let mut path = Vec::new();
        for ordinal in 0..toc.len() {
            toc.path_into(ordinal, &mut path);
            if is_marker(&path) {
                continue;
            }
            let Some(entry) = toc.get(ordinal) else {
                break;
            };
            if !self.add(layer, ordinal, entry) {
                self.full = true;
                break;
            }
        }
        self.seen = usize::MAX;
        !self.full
    }

    /// Does what the layer's whiteouts say.
    fn remove(&mut self, layer: u16, toc: &Toc) {
        let mut path = Vec::new();
        let mut cleared = HashSet::new();
        let own = own_directories(toc);
        for ordinal in 0..toc.len() {
            toc.path_into(ordinal, &mut path);
            let (dir, name) = split(&path);
            let Some(hidden) = name.strip_prefix(WHITEOUT) else {
                continue;
            };
            if name == OPAQUE {
                let at = self.place_of_dir(dir, &own);
                // Once a layer: what stands in it afterwards is the layer's own.
                if let Some(at) = at.filter(|at| cleared.insert(*at)) {
                    let children: Vec<NodeId> = self.all.children(at).collect();
                    for child in children {
                        self.hide_tree(child, layer, Fate::Cleared);
                    }
                }
            } else if !name.starts_with(WHITEOUT_META) && !matches!(hidden, b"" | b"." | b"..") {
                let at = self.place_of_dir(dir, &own);
                if let Some(at) = at.and_then(|dir| self.all.child(dir, hidden)) {
                    self.hide_tree(at, layer, Fate::Deleted);
                }
            }
        }
    }

    /// Adds one entry; false if there is no room.
    fn add(&mut self, layer: u16, ordinal: u32, mut entry: Entry) -> bool {
        let merged = self.toc.len();
        let place = self.place(&entry.path, false);
        if entry.kind == EntryKind::Hardlink
            && let Some(target) = self.place(&entry.linkname, false)
        {
            entry.linkname = target;
        }
        let mut version = Version {
            layer,
            ordinal,
            fate: Fate::Visible,
            by: layer,
        };
        // Nothing but a directory can be the root.
        let place = place.filter(|key| !key.is_empty() || entry.kind == EntryKind::Dir);
        let Some(key) = place else {
            version.fate = Fate::Unplaced;
            entry.path = crate::tree::normalised(&entry.path);
            if self.toc.push(&entry) {
                self.versions.push(version);
                return true;
            }
            return false;
        };
        entry.path = key;
        if !self.toc.push(&entry) {
            return false;
        }
        self.versions.push(version);
        let is_dir = entry.kind == EntryKind::Dir;
        let before = self.all.find(&entry.path);
        let before = before.and_then(|node| Some((self.all.ordinal(node)?, self.is(node))));
        let Some(node) = self.all.insert(&self.toc, merged) else {
            return false;
        };
        self.make_room(node, layer);
        let was = self.live_at(node);
        if let (Some((old, Live::Entry)), Live::Entry) = (before, was) {
            self.hide(old, layer, Fate::Replaced);
        }
        if !is_dir && was != Live::Dead {
            let children: Vec<NodeId> = self.all.children(node).collect();
            for child in children {
                self.hide_tree(child, layer, Fate::Buried);
            }
        }
        let old = before.filter(|(_, live)| *live == Live::Entry);
        self.count(layer, merged, old.map(|(old, _)| old));
        self.live[node.index()] = Live::Entry;
        true
    }

    /// Makes all directories above a node be directories.
    fn make_room(&mut self, node: NodeId, layer: u16) {
        let mut at = node;
        while let Some(dir) = self.all.parent(at) {
            let ordinal = self.all.ordinal(dir);
            match (self.live_at(dir), ordinal) {
                (Live::Dead, _) => self.live[dir.index()] = Live::Implied,
                (Live::Entry, Some(ordinal)) if self.toc.kind(ordinal) != Some(EntryKind::Dir) => {
                    // No runtime gets this far; the later layer wins, as it does everywhere.
                    self.hide(ordinal, layer, Fate::Replaced);
                    self.live[dir.index()] = Live::Implied;
                }
                _ => return, // and so are those above it
            }
            at = dir;
        }
    }

    /// What a node stands for.
    fn is(&self, node: NodeId) -> Live {
        self.live.get(node.index()).copied().unwrap_or(Live::Dead)
    }

    /// The same, with a place for it.
    fn live_at(&mut self, node: NodeId) -> Live {
        if self.live.len() < self.all.node_count() {
            self.live.resize(self.all.node_count(), Live::Dead);
        }
        if node == Tree::ROOT && self.live[0] == Live::Dead {
            self.live[0] = Live::Implied;
        }
        self.live[node.index()]
    }

    /// Hides a name and everything under it.
    fn hide_tree(&mut self, node: NodeId, layer: u16, fate: Fate) {
        let mut todo = vec![node];
        while let Some(node) = todo.pop() {
            let was = self.is(node);
            if was == Live::Dead {
                continue; // and so is all under it
            }
            self.live[node.index()] = Live::Dead;
            if let (Live::Entry, Some(ordinal)) = (was, self.all.ordinal(node)) {
                self.hide(ordinal, layer, fate);
                if self.toc.kind(ordinal) != Some(EntryKind::Dir) {
                    let bytes = self.toc.size(ordinal);
                    self.layers[usize::from(layer)].removed.add(bytes);
                }
            }
            todo.extend(self.all.children(node));
        }
    }

    fn hide(&mut self, ordinal: u32, by: u16, fate: Fate) {
        if let Some(version) = self.versions.get_mut(ordinal as usize) {
            version.fate = fate;
            version.by = by;
        }
    }

    /// Counts what an entry does to its name.
    fn count(&mut self, layer: u16, new: u32, old: Option<u32>) {
        if self.toc.kind(new) == Some(EntryKind::Dir) {
            return;
        }
        let bytes = self.toc.size(new);
        let changes = &mut self.layers[usize::from(layer)];
        match old {
            None => changes.added.add(bytes),
            Some(old) if same(&self.toc, old, new) => changes.repeated.add(bytes),
            Some(_) => changes.modified.add(bytes),
        }
    }

    /// A node of [`RootFs::all`] is there at the moment: by an entry or because of what is in it.
    fn is_there(&self, node: NodeId) -> bool {
        self.is(node) != Live::Dead
    }

    /// Every entry of every layer but the whiteouts, under its name in the root file system.
    pub fn toc(&self) -> &Toc {
        &self.toc
    }

    /// Every name that any layer has; each stands for its last entry, visible or not.
    pub fn all(&self) -> &Tree {
        &self.all
    }

    /// What is visible. Call [`RootFs::update`] after the last layer.
    pub fn visible(&self) -> &Tree {
        &self.visible
    }

    /// Makes the tree of what is visible anew if there is another layer. True if so.
    pub fn update(&mut self) -> bool {
        if self.seen == self.versions.len() {
            return false;
        }
        let versions = &self.versions;
        let mut tree = Tree::new();
        tree.update_with(&self.toc, |ordinal| {
            versions
                .get(ordinal as usize)
                .is_some_and(|v| v.fate == Fate::Visible)
        });
        self.visible = tree;
        self.seen = self.versions.len();
        true
    }

    /// Where an entry is from, by its ordinal in [`RootFs::toc`].
    pub fn version(&self, ordinal: u32) -> Option<Version> {
        self.versions.get(ordinal as usize).copied()
    }

    /// An entry is what its name stands for.
    pub fn is_visible(&self, ordinal: u32) -> bool {
        self.version(ordinal)
            .is_some_and(|v| v.fate == Fate::Visible)
    }

    /// What each layer did, from the lowest one up.
    pub fn layers(&self) -> &[Changes] {
        &self.layers
    }

    /// Not all of it fitted.
    pub fn is_full(&self) -> bool {
        self.full || self.all.is_full()
    }

    /// Bytes of memory taken, about.
    pub fn memory(&self) -> usize {
        self.toc.memory()
            + self.versions.capacity() * size_of::<Version>()
            + self.all.memory()
            + self.visible.memory()
            + self.live.capacity()
    }
}

/// The normalised names of the directories that a layer with markers states itself.
fn own_directories(toc: &Toc) -> HashSet<Vec<u8>> {
    let mut path = Vec::new();
    let mut marks = false;
    let mut own = HashSet::new();
    for ordinal in 0..toc.len() {
        toc.path_into(ordinal, &mut path);
        if toc.kind(ordinal) == Some(EntryKind::Dir) {
            own.insert(crate::tree::normalised(&path));
        }
        marks |= is_marker(&path);
    }
    if marks { own } else { HashSet::new() }
}

/// A name that says what to remove, or that only a union file system has a use for.
pub(crate) fn is_marker(path: &[u8]) -> bool {
    let mut names = path.split(|b| *b == b'/').filter(|n| !n.is_empty());
    let meta = names.clone().any(|name| name.starts_with(WHITEOUT_META));
    meta || names
        .next_back()
        .is_some_and(|name| name.starts_with(WHITEOUT))
}

/// The directory of a name, and its last component.
pub(crate) fn split(path: &[u8]) -> (&[u8], &[u8]) {
    let end = path.iter().rposition(|b| *b != b'/').map_or(0, |at| at + 1);
    let path = &path[..end];
    match path.iter().rposition(|b| *b == b'/') {
        Some(at) => (&path[..at], &path[at + 1..]),
        None => (&[], path),
    }
}

/// Two entries say the same.
fn same(toc: &Toc, old: u32, new: u32) -> bool {
    let facts = |ordinal: u32| {
        let entry = toc.get(ordinal)?;
        Some((
            entry.kind,
            entry.size,
            entry.mode & 0o7777,
            (entry.uid, entry.gid),
            entry.mtime_s,
            entry.linkname,
        ))
    };
    facts(old) == facts(new)
}

#[cfg(test)]
pub(crate) mod tests;
