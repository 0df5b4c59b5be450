//! Waste by dive's rules, so that its users find the same numbers.
//!
//! dive looks at a layer's leaves alone, does not know opaque directories, and takes a removed
//! directory for a file of the size of all that was in it. (wagoodman/dive:
//! dive/filetree/efficiency.go, file_tree.go, dive/image/analysis.go.) It stops looking at a layer
//! where a whiteout has no target; here only that whiteout is left out. Of names that stand twice in a
//! layer it adds up both, and it takes `..` in a name for the way up; here the last entry counts, and
//! `..` is a name.

use crate::toc::{EntryKind, Toc};
use crate::tree::{NodeId, Tree, normalised};

use super::{WHITEOUT, WHITEOUT_META};

/// What an image wastes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Waste {
    /// The least that its paths could take, by what they take: from 0 to 1.
    pub efficiency: f64,
    /// Bytes of paths that are in two layers or more, those that survive included.
    pub wasted: u64,
    /// Bytes of all entries.
    pub bytes: u64,
    /// Of those, bytes in all layers but the lowest one.
    pub user_bytes: u64,
    /// Paths that are in two layers or more, the most wasteful first.
    pub paths: Vec<Path>,
    /// How many there are of them in all.
    pub path_count: u32,
    /// Whiteouts of what is in no layer.
    pub pointless: u32,
}

/// A path that takes space more than once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    /// From the root.
    pub path: Vec<u8>,
    /// How often it is there, whiteouts included.
    pub count: u32,
    /// Bytes of all of these.
    pub bytes: u64,
}

impl Waste {
    /// The share of all but the lowest layer that is wasted; 0 where there is nothing.
    pub fn user_share(&self) -> f64 {
        match self.user_bytes {
            0 => 0.0,
            bytes => self.wasted as f64 / bytes as f64,
        }
    }

    /// Of an image's layers, the lowest first; with at most `max_paths` paths.
    pub fn of<'a>(layers: impl IntoIterator<Item = &'a Toc>, max_paths: usize) -> Waste {
        let mut stack = Stack::default();
        let mut waste = Waste::default();
        for (index, toc) in layers.into_iter().enumerate() {
            let bytes = stack.add(toc, &mut waste.pointless);
            waste.bytes = waste.bytes.saturating_add(bytes);
            if index > 0 {
                waste.user_bytes = waste.user_bytes.saturating_add(bytes);
            }
        }
        let (mut least, mut all) = (0_u64, 0_u64);
        let mut paths = Vec::new();
        for (index, data) in stack.data.iter().enumerate() {
            least = least.saturating_add(data.min);
            all = all.saturating_add(data.total);
            if data.count >= 2 {
                waste.wasted = waste.wasted.saturating_add(data.total);
                waste.path_count += 1;
                paths.push((index, *data));
            }
        }
        waste.efficiency = if all == 0 {
            1.0
        } else {
            least as f64 / all as f64
        };
        paths.sort_by(|(i, a), (j, b)| b.total.cmp(&a.total).then(i.cmp(j)));
        paths.truncate(max_paths);
        waste.paths = paths
            .into_iter()
            .map(|(index, data)| Path {
                path: stack.tree.path(NodeId::from_index(index)),
                count: data.count,
                bytes: data.total,
            })
            .collect();
        waste
    }
}

/// What is known of a path of any layer.
#[derive(Debug, Clone, Copy, Default)]
struct Data {
    total: u64,
    min: u64,
    count: u32,
    /// In the layers so far, laid one over the other as dive does.
    there: bool,
    is_dir: bool,
    size: u64,
}

/// The layers so far.
#[derive(Debug, Default)]
struct Stack {
    tree: Tree,
    /// By node.
    data: Vec<Data>,
}

impl Stack {
    /// Adds a layer; returns the bytes of its entries.
    fn add(&mut self, toc: &Toc, pointless: &mut u32) -> u64 {
        let layer = layer_tree(toc);
        let order = children_first(&layer);
        let mut bytes = 0_u64;
        // Each is measured by what was there before this layer.
        for node in &order {
            if layer.child_count(*node) > 0 {
                continue;
            }
            let path = layer.path(*node);
            let (size, key) = match whiteout(layer.name(*node)) {
                None => (size(&layer, toc, *node), path),
                Some(_) => {
                    let key = stripped(&path);
                    match self.find(&key) {
                        None => {
                            *pointless += 1;
                            continue;
                        }
                        Some(at) => (self.removed(at), key),
                    }
                }
            };
            let Some(data) = self.at(&key) else {
                continue; // more names than a tree holds
            };
            data.total = data.total.saturating_add(size);
            data.min = match data.count {
                0 => size,
                _ => data.min.min(size),
            };
            data.count += 1;
        }
        for node in order {
            let path = layer.path(node);
            if whiteout(layer.name(node)).is_some() {
                if let Some(at) = self.find(&stripped(&path)) {
                    self.remove(at);
                }
                continue;
            }
            let own = size(&layer, toc, node);
            bytes = bytes.saturating_add(own);
            let ordinal = layer.ordinal(node);
            let is_dir = ordinal.is_some_and(|o| toc.kind(o) == Some(EntryKind::Dir));
            if let Some(data) = self.at(&path) {
                (data.there, data.is_dir, data.size) = (true, is_dir, own);
            }
            let mut above = path.as_slice();
            while let Some(cut) = above.iter().rposition(|b| *b == b'/') {
                above = &above[..cut];
                match self.at(above) {
                    Some(data) if !data.there => {
                        (data.there, data.is_dir, data.size) = (true, false, 0);
                    }
                    _ => break,
                }
            }
        }
        bytes
    }

    /// What is known of a path, with a place for it.
    fn at(&mut self, path: &[u8]) -> Option<&mut Data> {
        let node = self.tree.node_at(path)?;
        if self.data.len() < self.tree.node_count() {
            self.data.resize(self.tree.node_count(), Data::default());
        }
        self.data.get_mut(node.index())
    }

    fn find(&self, path: &[u8]) -> Option<NodeId> {
        let node = self.tree.find(path)?;
        self.is_there(node).then_some(node)
    }

    fn is_there(&self, node: NodeId) -> bool {
        self.data.get(node.index()).is_some_and(|d| d.there)
    }

    /// What a whiteout of this counts: all under a directory, else nothing.
    fn removed(&self, node: NodeId) -> u64 {
        if !self.data.get(node.index()).is_some_and(|d| d.is_dir) {
            return 0;
        }
        let mut sum = 0_u64;
        let mut todo = vec![node];
        while let Some(node) = todo.pop() {
            sum = sum.saturating_add(self.data.get(node.index()).map_or(0, |d| d.size));
            todo.extend(self.tree.children(node).filter(|n| self.is_there(*n)));
        }
        sum
    }

    fn remove(&mut self, node: NodeId) {
        let mut todo = vec![node];
        while let Some(node) = todo.pop() {
            if let Some(data) = self.data.get_mut(node.index()).filter(|d| d.there) {
                data.there = false;
                todo.extend(self.tree.children(node));
            }
        }
    }
}

/// A layer's names as dive has them: without those of union file systems.
fn layer_tree(toc: &Toc) -> Tree {
    let mut tree = Tree::new();
    let mut path = Vec::new();
    for ordinal in 0..toc.len() {
        toc.path_into(ordinal, &mut path);
        let key = normalised(&path);
        let meta = key
            .split(|b| *b == b'/')
            .any(|name| name.starts_with(WHITEOUT_META));
        if !meta && !key.is_empty() {
            tree.insert(toc, ordinal);
        }
    }
    tree
}

/// All nodes but the root, those of a directory before it, names in bytewise order.
fn children_first(tree: &Tree) -> Vec<NodeId> {
    let mut out = Vec::with_capacity(tree.node_count());
    let mut todo = vec![Tree::ROOT];
    // Each before what is in it, in the opposite order: the whole list is turned around at the end.
    while let Some(node) = todo.pop() {
        if node != Tree::ROOT {
            out.push(node);
        }
        let from = todo.len();
        todo.extend(tree.children(node));
        if let Some(children) = todo.get_mut(from..) {
            children.sort_by(|a, b| tree.name(*a).cmp(tree.name(*b)));
        }
    }
    out.reverse();
    out
}

fn size(tree: &Tree, toc: &Toc, node: NodeId) -> u64 {
    tree.ordinal(node).map_or(0, |ordinal| toc.size(ordinal))
}

fn whiteout(name: &[u8]) -> Option<&[u8]> {
    name.strip_prefix(WHITEOUT)
}

/// The path that a whiteout speaks of.
fn stripped(path: &[u8]) -> Vec<u8> {
    let (dir, name) = super::split(path);
    let name = whiteout(name).unwrap_or(name);
    match dir {
        [] => name.to_vec(),
        dir => [dir, b"/", name].concat(),
    }
}

#[cfg(test)]
mod tests;
