//! Where the bytes are: what every directory holds, and what is largest.

use serde::{Deserialize, Serialize};

use crate::toc::{EntryKind, Toc};
use crate::tree::{NodeId, Tree};

/// What is under a name, itself included.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Total {
    /// Bytes, uncompressed. A file with several names counts once.
    pub bytes: u64,
    /// Entries that are no directories.
    pub files: u32,
}

/// The total of every node of a tree.
#[derive(Debug, Clone, Default)]
pub struct Sizes {
    totals: Vec<Total>,
}

impl Sizes {
    /// Adds everything up; `bytes` says what an entry takes.
    pub fn of(tree: &Tree, toc: &Toc, bytes: &dyn Fn(u32) -> u64) -> Sizes {
        let mut totals = vec![Total::default(); tree.node_count()];
        // What is in a directory was made after it.
        for index in (0..totals.len()).rev() {
            let node = NodeId::from_index(index);
            if let Some(ordinal) = tree.ordinal(node) {
                let own = &mut totals[index];
                if toc.kind(ordinal) != Some(EntryKind::Dir) {
                    own.files += 1;
                }
                own.bytes = own.bytes.saturating_add(bytes(ordinal));
            }
            if let Some(parent) = tree.parent(node) {
                let own = totals[index];
                let above = &mut totals[parent.index()];
                above.bytes = above.bytes.saturating_add(own.bytes);
                above.files = above.files.saturating_add(own.files);
            }
        }
        Sizes { totals }
    }

    /// What is under a node.
    pub fn total(&self, node: NodeId) -> Total {
        self.totals.get(node.index()).copied().unwrap_or_default()
    }

    /// The children of a directory, the largest first, at most so many; and the total of the others.
    pub fn children(&self, tree: &Tree, dir: NodeId, max: usize) -> (Vec<(NodeId, Total)>, Total) {
        let mut all: Vec<(NodeId, Total)> = tree
            .children(dir)
            .map(|node| (node, self.total(node)))
            .collect();
        all.sort_by(|(a, x), (b, y)| {
            let by_name = || tree.name(*a).cmp(tree.name(*b));
            y.bytes.cmp(&x.bytes).then_with(by_name)
        });
        let rest = all.split_off(all.len().min(max));
        let sum = rest.iter().fold(Total::default(), |sum, (_, t)| Total {
            bytes: sum.bytes.saturating_add(t.bytes),
            files: sum.files.saturating_add(t.files),
        });
        (all, sum)
    }

    /// The largest files under a directory, the largest first.
    pub fn largest(&self, tree: &Tree, toc: &Toc, dir: NodeId, max: usize) -> Vec<(NodeId, u64)> {
        let mut out: Vec<(NodeId, u64)> = Vec::new();
        let mut todo = vec![dir];
        let mut least = 0;
        while let Some(node) = todo.pop() {
            // Nothing in it can be larger than all of it.
            if out.len() >= max && self.total(node).bytes <= least {
                continue;
            }
            todo.extend(tree.children(node));
            let Some(ordinal) = tree.ordinal(node) else {
                continue;
            };
            let size = self.total(node).bytes; // nothing is in it, if it is a file
            if size > 0 && toc.kind(ordinal) != Some(EntryKind::Dir) {
                out.push((node, size));
            }
            if out.len() >= max.saturating_mul(2) {
                least = cut(&mut out, tree, max);
            }
        }
        cut(&mut out, tree, max);
        out
    }
}

/// Keeps the largest, sorted; returns the size of the smallest of them.
fn cut(list: &mut Vec<(NodeId, u64)>, tree: &Tree, max: usize) -> u64 {
    list.sort_by(|(a, x), (b, y)| y.cmp(x).then_with(|| tree.path(*a).cmp(&tree.path(*b))));
    list.truncate(max);
    list.last().map_or(0, |(_, size)| *size)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rootfs::tests::toc;

    #[test]
    fn directories_add_up_and_the_largest_are_found() {
        let toc = toc(&[
            "d 0 usr",
            "f 100 usr/lib/a",
            "f 300 usr/lib/deep/er/b",
            "h 0 usr/lib/c => usr/lib/a",
            "f 50 etc/x",
            "f 0 etc/empty",
        ]);
        let mut tree = Tree::new();
        tree.update(&toc);
        let sizes = Sizes::of(&tree, &toc, &|n| toc.size(n));
        let total = |path: &str| {
            let total = sizes.total(tree.find(path.as_bytes()).unwrap());
            (total.bytes, total.files)
        };
        assert_eq!(total(""), (450, 5));
        assert_eq!(total("usr/lib"), (400, 3));
        assert_eq!(total("usr/lib/deep"), (300, 1));
        assert_eq!(total("etc"), (50, 2));
        let names = |list: &[(NodeId, u64)]| {
            let name = |(n, s): &(NodeId, u64)| format!("{} {s}", tree.path(*n).escape_ascii());
            list.iter().map(name).collect::<Vec<_>>()
        };
        let largest = |max| names(&sizes.largest(&tree, &toc, Tree::ROOT, max));
        assert_eq!(largest(2), ["usr/lib/deep/er/b 300", "usr/lib/a 100"]);
        assert_eq!(largest(9).len(), 3);
        assert_eq!(largest(0), [""; 0]);
        let (first, rest) = sizes.children(&tree, Tree::ROOT, 1);
        assert_eq!(tree.name(first[0].0), b"usr");
        assert_eq!((rest.bytes, rest.files), (50, 2));
    }

    proptest::proptest! {
        #[test]
        fn as_sorting_them_all(sizes in proptest::collection::vec(0_u64..50, 0..60), max in 0_usize..9) {
            let lines: Vec<String> = sizes
                .iter()
                .enumerate()
                .map(|(i, size)| format!("f {size} d{}/e{}/f{i}", i % 3, i % 7))
                .collect();
            let toc = toc(&lines.iter().map(String::as_str).collect::<Vec<_>>());
            let mut tree = Tree::new();
            tree.update(&toc);
            let found = Sizes::of(&tree, &toc, &|n| toc.size(n)).largest(&tree, &toc, Tree::ROOT, max);
            let mut expect: Vec<u64> = sizes.into_iter().filter(|s| *s > 0).collect();
            expect.sort_unstable_by(|a, b| b.cmp(a));
            expect.truncate(max);
            assert_eq!(found.into_iter().map(|(_, s)| s).collect::<Vec<_>>(), expect);
        }
    }
}
