//! The directory tree of one layer, built while its entries come in.
//!
//! A node is a name in a directory. Entries of one name share a node: the last one wins, as it does
//! when an archive is unpacked, and the others stay reachable by their ordinals. Directories that
//! no entry states are implied. Names are data: `..` is a component like any other, and nothing
//! here ever leads out of the tree.

mod order;
mod resolve;

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;

use crate::toc::{EntryKind, Toc};

pub use order::natural;
pub use resolve::Resolved;

/// How many links are followed from one name before it is taken for a circle; Linux has 40 too.
pub const MAX_LINKS: u32 = 40;

/// Nodes in one tree: the entries that [`crate::tar::Limits`] allows and as many directories that
/// only deep names imply. A node takes about 30 bytes.
pub const MAX_NODES: u32 = 8_000_000;

/// A name in a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(u32);

impl NodeId {
    /// Its place among the nodes of its tree, in the order in which they were made.
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }

    /// The node at a place; below [`Tree::node_count`], or it is no node.
    pub(crate) fn from_index(index: usize) -> NodeId {
        NodeId(index as u32) // below MAX_NODES
    }
}

/// The directory tree of one layer.
#[derive(Debug, Clone)]
pub struct Tree {
    nodes: Vec<Node>,
    names: Vec<u8>,
    dirs: Vec<Dir>,
    /// Hashes with nodes: growing looks at no node, and finding at few.
    by_name: HashTable<(u32, u32)>,
    hasher: RandomState,
    /// Earlier entries of a node, in archive order.
    earlier: HashMap<u32, Vec<u32>>,
    inserted: u32,
    full: bool,
    /// The nodes of the table of contents' directories, by its numbers of them; [`NONE`] where none
    /// was asked for yet. An entry in a known directory is found by its last component alone.
    places: Vec<u32>,
}

#[derive(Debug, Clone, Copy)]
struct Node {
    parent: u32,
    name_start: u32,
    name_len: u32,
    /// The last entry of this name.
    ordinal: u32,
    /// The child of the same directory that came before this one.
    sibling: u32,
    /// In `dirs`, once it has a child or an entry that says it is a directory.
    dir: u32,
}

#[derive(Debug, Clone, Copy)]
struct Dir {
    last_child: u32,
    children: u32,
    /// Grows whenever a child comes or gets another entry.
    version: u32,
}

/// No entry, no sibling, no directory.
const NONE: u32 = u32::MAX;

impl Default for Tree {
    fn default() -> Self {
        Self::new()
    }
}

impl Tree {
    /// The root of every tree.
    pub const ROOT: NodeId = NodeId(0);

    /// Nothing but a root.
    pub fn new() -> Self {
        let root = Node {
            parent: NONE,
            name_start: 0,
            name_len: 0,
            ordinal: NONE,
            sibling: NONE,
            dir: 0,
        };
        Tree {
            nodes: vec![root],
            names: Vec::new(),
            dirs: vec![Dir {
                last_child: NONE,
                children: 0,
                version: 0,
            }],
            by_name: HashTable::new(),
            hasher: RandomState::new(),
            earlier: HashMap::new(),
            inserted: 0,
            full: false,
            places: Vec::new(),
        }
    }

    /// Adds the entries that the table of contents has got since the last call. True if there were
    /// any.
    pub fn update(&mut self, toc: &Toc) -> bool {
        let before = self.inserted;
        let new = toc.len().saturating_sub(before) as usize;
        self.nodes.reserve(new);
        self.by_name
            .reserve(new, |(hash, _): &(u32, u32)| spread(*hash));
        while self.inserted < toc.len() {
            self.add(toc, self.inserted);
            self.inserted += 1;
        }
        self.inserted != before
    }

    /// [`Tree::update`] for those that are wanted; the others count as added.
    pub(crate) fn update_with(&mut self, toc: &Toc, wanted: impl Fn(u32) -> bool) {
        for ordinal in (self.inserted..toc.len()).filter(|ordinal| wanted(*ordinal)) {
            self.add(toc, ordinal);
        }
        self.inserted = self.inserted.max(toc.len());
    }

    /// Adds one entry, those before it or not; none if the tree is full.
    pub(crate) fn insert(&mut self, toc: &Toc, ordinal: u32) -> Option<NodeId> {
        self.inserted = ordinal + 1; // bounded by Limits::ENTRIES
        self.add(toc, ordinal)
    }

    /// Adds an entry of the table of contents.
    fn add(&mut self, toc: &Toc, ordinal: u32) -> Option<NodeId> {
        let Some(node) = self.node_of(toc, ordinal) else {
            self.full = true;
            return None;
        };
        if toc.kind(ordinal) == Some(EntryKind::Dir) {
            self.make_dir(node);
        }
        let before = std::mem::replace(&mut self.nodes[node.0 as usize].ordinal, ordinal);
        if before != NONE {
            self.earlier.entry(node.0).or_default().push(before);
        }
        if let Some(parent) = self.parent(node) {
            self.touch(parent);
        }
        Some(node)
    }

    /// The node of an entry's name, made with all above it if it is not there. `None` if full.
    fn node_of(&mut self, toc: &Toc, ordinal: u32) -> Option<NodeId> {
        let (dir, name) = toc.place(ordinal).unwrap_or_default();
        let name = name.strip_suffix(b"/").unwrap_or(name);
        if name.is_empty() || name == b"." {
            return self.node_at(&toc.path(ordinal).unwrap_or_default());
        }
        let place = dir as usize;
        let known = self.places.get(place).copied().unwrap_or(NONE);
        let parent = if known == NONE {
            let parent = self.node_at(toc.dir(dir))?;
            if self.places.len() <= place {
                self.places.resize(place + 1, NONE);
            }
            self.places[place] = parent.0;
            parent
        } else {
            NodeId(known)
        };
        self.child_or_new(parent, name)
    }

    /// The node of a raw path, made with all above it if it is not there. `None` if full.
    pub(crate) fn node_at(&mut self, path: &[u8]) -> Option<NodeId> {
        components(path).try_fold(Self::ROOT, |node, name| self.child_or_new(node, name))
    }

    fn child_or_new(&mut self, parent: NodeId, name: &[u8]) -> Option<NodeId> {
        let hash = self.hash(parent, name);
        if let Some(node) = self.child_by_hash(hash, parent, name) {
            return Some(node);
        }
        if self.nodes.len() >= MAX_NODES as usize {
            return None;
        }
        let id = self.nodes.len() as u32;
        if self.child_count(parent) == 0
            && let Some(above) = self.parent(parent)
        {
            self.touch(above); // it is a directory from now on
        }
        let dir = self.make_dir(parent) as usize;
        self.nodes.push(Node {
            parent: parent.0,
            name_start: self.names.len() as u32, // bounded by Limits::NAMES_TOTAL
            name_len: name.len() as u32,
            ordinal: NONE,
            sibling: self.dirs[dir].last_child,
            dir: NONE,
        });
        self.names.extend_from_slice(name);
        self.dirs[dir].last_child = id;
        self.dirs[dir].children += 1;
        self.touch(parent);
        self.by_name
            .insert_unique(spread(hash), (hash, id), |(hash, _)| spread(*hash));
        Some(NodeId(id))
    }

    fn hash(&self, parent: NodeId, name: &[u8]) -> u32 {
        self.hasher.hash_one((parent.0, name)) as u32
    }

    fn child_by_hash(&self, hash: u32, parent: NodeId, name: &[u8]) -> Option<NodeId> {
        let same = |(other, id): &(u32, u32)| {
            let node = &self.nodes[*id as usize];
            *other == hash && node.parent == parent.0 && name_of(&self.names, node) == name
        };
        self.by_name
            .find(spread(hash), same)
            .map(|(_, id)| NodeId(*id))
    }

    /// The node's place in `dirs`, made if it has none.
    fn make_dir(&mut self, node: NodeId) -> u32 {
        let node = &mut self.nodes[node.0 as usize];
        if node.dir == NONE {
            node.dir = self.dirs.len() as u32;
            self.dirs.push(Dir {
                last_child: NONE,
                children: 0,
                version: 0,
            });
        }
        node.dir
    }

    fn touch(&mut self, node: NodeId) {
        if let Some(dir) = self.dirs.get_mut(self.nodes[node.0 as usize].dir as usize) {
            dir.version = dir.version.wrapping_add(1);
        }
    }

    /// The child with a name.
    pub fn child(&self, parent: NodeId, name: &[u8]) -> Option<NodeId> {
        self.child_by_hash(self.hash(parent, name), parent, name)
    }

    /// The node at a path, taken literally: no links are followed.
    pub fn find(&self, path: &[u8]) -> Option<NodeId> {
        let key = normalised(path);
        components(&key).try_fold(Self::ROOT, |node, name| self.child(node, name))
    }

    /// The directory that a node is in; none for the root.
    pub fn parent(&self, node: NodeId) -> Option<NodeId> {
        let parent = self.nodes[node.0 as usize].parent;
        (parent != NONE).then_some(NodeId(parent))
    }

    /// The last component of a node's path; empty for the root.
    pub fn name(&self, node: NodeId) -> &[u8] {
        name_of(&self.names, &self.nodes[node.0 as usize])
    }

    /// A node's path from the root, with no slash before or after it.
    pub fn path(&self, node: NodeId) -> Vec<u8> {
        let mut names = Vec::new();
        let mut at = node;
        while let Some(parent) = self.parent(at) {
            names.push(self.name(at));
            at = parent;
        }
        names.reverse();
        names.join(&b'/')
    }

    /// The last entry of a node's name; none for implied directories (and a root without entry).
    pub fn ordinal(&self, node: NodeId) -> Option<u32> {
        let ordinal = self.nodes[node.0 as usize].ordinal;
        (ordinal != NONE).then_some(ordinal)
    }

    /// The earlier entries of a node's name, in archive order.
    pub fn earlier(&self, node: NodeId) -> &[u32] {
        self.earlier.get(&node.0).map_or(&[], Vec::as_slice)
    }

    /// The node has children, or its last entry is a directory, or it has no entry at all. (A file
    /// that has children is one that a broken archive puts names under: both views are given.)
    pub fn is_dir(&self, node: NodeId, toc: &Toc) -> bool {
        let inner = &self.nodes[node.0 as usize];
        match self.dirs.get(inner.dir as usize) {
            None => false,
            Some(dir) if dir.children > 0 => true,
            Some(_) => self
                .ordinal(node)
                .is_none_or(|o| toc.kind(o) == Some(EntryKind::Dir)),
        }
    }

    /// How many children a node has.
    pub fn child_count(&self, node: NodeId) -> u32 {
        let dir = self.nodes[node.0 as usize].dir;
        self.dirs.get(dir as usize).map_or(0, |d| d.children)
    }

    /// A number that changes whenever a node's children do.
    pub fn version(&self, node: NodeId) -> u32 {
        let dir = self.nodes[node.0 as usize].dir;
        self.dirs.get(dir as usize).map_or(0, |d| d.version)
    }

    /// A node's children, last come first.
    pub fn children(&self, node: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        let dir = self.dirs.get(self.nodes[node.0 as usize].dir as usize);
        let first = dir.map_or(NONE, |d| d.last_child);
        let next = |id: &u32| self.nodes.get(*id as usize).map(|node| node.sibling);
        std::iter::successors(Some(first), next)
            .take_while(|id| *id != NONE)
            .map(NodeId)
    }

    /// How many nodes there are, the root among them.
    pub(crate) fn node_count(&self) -> usize {
        self.nodes.len()
    }

    /// How many entries have been added.
    pub fn len(&self) -> u32 {
        self.inserted
    }

    /// No entries have been added.
    pub fn is_empty(&self) -> bool {
        self.inserted == 0
    }

    /// More than [`MAX_NODES`] names: later ones have no place in the tree.
    pub fn is_full(&self) -> bool {
        self.full
    }

    /// Bytes of memory taken, about.
    pub fn memory(&self) -> usize {
        self.nodes.capacity() * size_of::<Node>()
            + self.names.capacity()
            + self.dirs.capacity() * size_of::<Dir>()
            + self.by_name.capacity() * 9
            + self.places.capacity() * 4
            + self
                .earlier
                .values()
                .map(|v| v.capacity() * 4 + 40)
                .sum::<usize>()
    }
}

/// The table takes places from a hash's low bits and tags from its high ones.
fn spread(hash: u32) -> u64 {
    u64::from(hash) << 32 | u64::from(hash)
}

fn name_of<'a>(names: &'a [u8], node: &Node) -> &'a [u8] {
    let start = node.name_start as usize;
    &names[start..start + node.name_len as usize]
}

/// A raw name as the path that it means in the tree: no leading, trailing or double slashes, no
/// `.` components. `..` stays, since names are data.
pub fn normalised(path: &[u8]) -> Vec<u8> {
    let mut key = Vec::with_capacity(path.len());
    normalise_into(path, &mut key);
    key
}

/// [`normalised`], written over `key`.
pub(crate) fn normalise_into(path: &[u8], key: &mut Vec<u8>) {
    key.clear();
    for name in components(path) {
        if !key.is_empty() {
            key.push(b'/');
        }
        key.extend_from_slice(name);
    }
}

/// The components of a path without the empty ones and `.`.
fn components(path: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    path.split(|b| *b == b'/')
        .filter(|name| !name.is_empty() && *name != b".")
}

#[cfg(test)]
pub(crate) mod tests;
