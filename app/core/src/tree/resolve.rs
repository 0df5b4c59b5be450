//! Following links inside the tree, never out of it.

use super::{MAX_LINKS, NodeId, Tree, components};
use crate::toc::{EntryKind, Toc};

/// Components walked for one name, all its links' targets included. Linux bounds a path to 4,096
/// bytes; 40 links of that length have no more than this.
const MAX_STEPS: u32 = 100_000;

/// Where a path leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolved {
    /// To a node.
    Node(NodeId),
    /// Nowhere in this layer: the path that it would have, and the last node on the way.
    Missing {
        /// From the root, without links.
        path: Vec<u8>,
        /// The deepest node that exists.
        nearest: NodeId,
        /// A `..` on the way went above the root (and so stayed there).
        above: bool,
    },
    /// Through more links than [`MAX_LINKS`], a circle for instance.
    Loop,
}

impl Tree {
    /// Follows a path from the root through symbolic links. Those on the way always, the last
    /// component's only if `last` is set. In link targets `..` goes up, at most to the root; in
    /// `path` it is a name if the tree has that name there.
    pub fn resolve(&self, path: &[u8], last: bool, toc: &Toc) -> Resolved {
        self.walk(Self::ROOT, path, last, toc)
    }

    /// Where a symlink or hard link leads in the end; a node that is no link leads to itself.
    pub fn resolve_link(&self, node: NodeId, toc: &Toc) -> Resolved {
        let Some(ordinal) = self.ordinal(node) else {
            return Resolved::Node(node);
        };
        self.resolve_entry_link(node, ordinal, toc)
    }

    /// The same for one of several entries of a name.
    pub fn resolve_entry_link(&self, node: NodeId, ordinal: u32, toc: &Toc) -> Resolved {
        let link = toc.link(ordinal);
        match toc.kind(ordinal) {
            Some(EntryKind::Symlink) => self.walk(self.link_base(node, link), link, true, toc),
            Some(EntryKind::Hardlink) => match self.find(link) {
                Some(target) => Resolved::Node(target),
                // Its name is taken literally, as an entry's is.
                None => Resolved::Missing {
                    path: super::normalised(link),
                    nearest: self.nearest(link),
                    above: climbs(link),
                },
            },
            _ => Resolved::Node(node),
        }
    }

    /// The path that a symlink itself names, from the root: links in its directories are followed,
    /// one at its end is not.
    pub fn named_by_symlink(&self, node: NodeId, link: &[u8], toc: &Toc) -> Vec<u8> {
        let from = self.link_base(node, link);
        match self.walk(from, link, false, toc) {
            Resolved::Node(node) => self.path(node),
            Resolved::Missing { path, .. } => path,
            // A directory on the way is in the circle.
            Resolved::Loop => {
                let mut path = self.path(from);
                for name in components(link) {
                    push(&mut path, name);
                }
                path
            }
        }
    }

    /// The directory in which a symlink's text begins.
    fn link_base(&self, node: NodeId, link: &[u8]) -> NodeId {
        match (link.first(), self.parent(node)) {
            (Some(b'/'), _) | (_, None) => Self::ROOT,
            (_, Some(parent)) => parent,
        }
    }

    /// The deepest node on a path, taken literally.
    pub fn nearest(&self, path: &[u8]) -> NodeId {
        let mut node = Self::ROOT;
        for name in components(path) {
            match self.child(node, name) {
                Some(child) => node = child,
                None => break,
            }
        }
        node
    }

    fn walk(&self, from: NodeId, path: &[u8], last: bool, toc: &Toc) -> Resolved {
        let mut node = from;
        let (mut links, mut steps, mut above) = (0, 0, false);
        // What is left to walk, next component last.
        let mut todo: Vec<&[u8]> = components(path).rev().collect();
        while let Some(name) = todo.pop() {
            steps += 1;
            if steps > MAX_STEPS {
                return Resolved::Loop;
            }
            let Some(child) = self.child(node, name) else {
                if name == b".." {
                    above |= node == Self::ROOT;
                    node = self.parent(node).unwrap_or(Self::ROOT);
                    continue;
                }
                return self.missing(node, name, &todo, above);
            };
            let target = self.ordinal(child).filter(|o| {
                toc.kind(*o) == Some(EntryKind::Symlink)
                    && self.child_count(child) == 0
                    && (last || !todo.is_empty())
            });
            let Some(ordinal) = target else {
                node = child;
                continue;
            };
            links += 1;
            let link = toc.link(ordinal);
            if links > MAX_LINKS || todo.len() + link.len() > MAX_STEPS as usize {
                return Resolved::Loop;
            }
            if link.first() == Some(&b'/') {
                node = Self::ROOT;
            }
            todo.extend(components(link).rev());
        }
        Resolved::Node(node)
    }

    fn missing(&self, nearest: NodeId, name: &[u8], todo: &[&[u8]], mut above: bool) -> Resolved {
        let mut path = self.path(nearest);
        for name in std::iter::once(&name).chain(todo.iter().rev()) {
            above |= !push(&mut path, name);
        }
        Resolved::Missing {
            path,
            nearest,
            above,
        }
    }
}

/// Goes a component further, or up for `..`; false if that is above the root.
fn push(path: &mut Vec<u8>, name: &[u8]) -> bool {
    if name == b".." {
        let inside = !path.is_empty();
        let cut = path.iter().rposition(|b| *b == b'/').unwrap_or(0);
        path.truncate(cut);
        return inside;
    }
    if !path.is_empty() {
        path.push(b'/');
    }
    path.extend_from_slice(name);
    true
}

/// A path from the root that goes above it.
fn climbs(path: &[u8]) -> bool {
    let mut here = Vec::new();
    components(path).any(|name| !push(&mut here, name))
}
