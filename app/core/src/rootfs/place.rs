//! Where an entry goes when a layer is unpacked over those below it.

use std::collections::HashSet;

use super::RootFs;
use crate::toc::EntryKind;
use crate::tree::{MAX_LINKS, NodeId, Tree};

/// Components walked for one name, all its links' targets included; more is taken for a circle.
const MAX_STEPS: u32 = 100_000;

/// Where an entry goes.
pub(super) struct Place {
    /// Its name, with no slash before or after it.
    pub(super) key: Vec<u8>,
    /// What is there at the moment.
    pub(super) node: Option<NodeId>,
}

impl RootFs {
    /// The place of a name as the layers stand now: `..` goes up, at most to the root; symbolic
    /// links in its directories are followed, the last component is not. None if the links go in a
    /// circle. Adds what it takes to `steps`.
    pub(super) fn place(&self, raw: &[u8], steps: &mut u64) -> Option<Place> {
        self.place_unless(raw, false, &HashSet::new(), steps)
    }

    /// The node of the directory in which a layer's marker stands. A directory that the layer itself
    /// puts where a link was (`own`) has nothing of lower layers in it, least of all what the link
    /// led to.
    pub(super) fn place_of_dir(
        &self,
        raw: &[u8],
        own: &HashSet<Vec<u8>>,
        steps: &mut u64,
    ) -> Option<NodeId> {
        self.place_unless(raw, true, own, steps)?.node
    }

    /// [`RootFs::place`], with the last component followed if `last` is set; none if a link is where
    /// one of `own` is to be.
    fn place_unless(
        &self,
        raw: &[u8],
        last: bool,
        own: &HashSet<Vec<u8>>,
        steps: &mut u64,
    ) -> Option<Place> {
        let mut todo = cleaned(raw);
        todo.reverse();
        let mut key = Vec::with_capacity(raw.len());
        // None where nothing is yet.
        let mut node = Some(Tree::ROOT);
        // For each component of the key, what it is in and how long the key was before it.
        let mut above: Vec<(Option<NodeId>, usize)> = Vec::new();
        let (mut links, mut walked) = (0, 0);
        while let Some(name) = todo.pop() {
            walked += 1;
            *steps += 1;
            if walked > MAX_STEPS {
                return None;
            }
            if name == b".." {
                // Of a link's target: the directory above the one that was reached.
                if let Some((dir, len)) = above.pop() {
                    node = dir;
                    key.truncate(len);
                }
                continue;
            }
            let child = node.and_then(|node| self.all.child(node, name));
            let child = child.filter(|child| self.is_there(*child));
            let link = child.filter(|_| last || !todo.is_empty());
            if let Some(target) = link.and_then(|node| self.symlink(node)) {
                if !own.is_empty() && own.contains(&below(&key, name)) {
                    return None;
                }
                links += 1;
                if links > MAX_LINKS || todo.len() + target.len() > MAX_STEPS as usize {
                    return None;
                }
                if target.first() == Some(&b'/') {
                    key.clear();
                    above.clear();
                    node = Some(Tree::ROOT);
                }
                todo.extend(names(target).rev());
                continue;
            }
            above.push((node, key.len()));
            if !key.is_empty() {
                key.push(b'/');
            }
            key.extend_from_slice(name);
            node = child;
        }
        Some(Place { key, node })
    }

    /// The target of a symbolic link that is there.
    fn symlink(&self, node: NodeId) -> Option<&[u8]> {
        if self.is(node) != super::lay::Live::Entry {
            return None;
        }
        let ordinal = self.all.ordinal(node)?;
        (self.toc.kind(ordinal) == Some(EntryKind::Symlink)).then(|| self.toc.link(ordinal))
    }
}

/// The name in a directory.
fn below(dir: &[u8], name: &[u8]) -> Vec<u8> {
    match dir {
        [] => name.to_vec(),
        dir => [dir, name].join(&b'/'),
    }
}

fn names(path: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    path.split(|b| *b == b'/')
        .filter(|name| !name.is_empty() && *name != b".")
}

/// The components of a name; `..` takes the one before it away, and is nothing at the root.
fn cleaned(path: &[u8]) -> Vec<&[u8]> {
    let mut out: Vec<&[u8]> = Vec::new();
    for name in names(path) {
        match name {
            b".." => drop(out.pop()),
            name => out.push(name),
        }
    }
    out
}
