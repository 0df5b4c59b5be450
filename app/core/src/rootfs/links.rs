//! Files with several names: whose bytes they are, and when they are gone.
//!
//! A file takes its bytes once, and as long as one of its names is there. Where its first name is
//! gone, or has become another file, the next one that is visible carries them.

use std::collections::{HashMap, HashSet};

use super::RootFs;
use crate::toc::EntryKind;
use crate::tree::MAX_LINKS;

/// Which hard link is another name of which file.
#[derive(Debug, Clone, Default)]
pub(super) struct Links {
    /// The link's ordinal and the file's, by the link's.
    files: Vec<(u32, u32)>,
    /// Of those visible links whose file is not, the first of each file.
    carriers: HashMap<u32, u32>,
}

impl Links {
    /// Forgets the entries from an ordinal on.
    pub(super) fn truncate(&mut self, ordinal: u32) {
        let at = self.files.partition_point(|(link, _)| *link < ordinal);
        self.files.truncate(at);
    }

    /// The file of a hard link.
    fn file(&self, link: u32) -> Option<u32> {
        let at = self.files.binary_search_by_key(&link, |(link, _)| *link);
        at.ok().and_then(|at| Some(self.files.get(at)?.1))
    }

    pub(super) fn memory(&self) -> usize {
        self.files.capacity() * size_of::<(u32, u32)>() + self.carriers.capacity() * 9
    }
}

impl RootFs {
    /// Finds the files of the hard links from an ordinal on.
    pub(super) fn link_from(&mut self, ordinal: u32) {
        for link in ordinal..self.toc.len() {
            if self.toc.kind(link) == Some(EntryKind::Hardlink)
                && let Some(file) = self.linked(link)
            {
                self.links.files.push((link, file));
            }
        }
    }

    /// As [`crate::toc::Toc::hardlink_target`], by the tree of all names.
    fn linked(&self, link: u32) -> Option<u32> {
        let mut at = link;
        for _ in 0..MAX_LINKS {
            let node = self.all.find(self.toc.link(at))?;
            let (earlier, last) = (self.all.earlier(node), self.all.ordinal(node)?);
            let after = earlier.partition_point(|n| *n < at);
            let before = match last < at {
                true => Some(last),
                false => after.checked_sub(1).and_then(|n| earlier.get(n).copied()),
            };
            let mut later = earlier.iter().copied().chain([last]).skip(after);
            at = before.or_else(|| later.find(|n| *n > at))?;
            if self.toc.kind(at) != Some(EntryKind::Hardlink) {
                return Some(at);
            }
        }
        None
    }

    /// The entry that has a file's bytes: its own, or that of the file that it is another name of.
    pub(super) fn file_of(&self, ordinal: u32) -> u32 {
        self.links.file(ordinal).unwrap_or(ordinal)
    }

    /// Finds the visible names that carry the bytes of a file whose first name is hidden.
    pub(super) fn find_carriers(&mut self) {
        let mut carried = HashSet::new();
        let mut carriers = HashMap::new();
        for (link, file) in &self.links.files {
            if self.is_visible(*link) && !self.is_visible(*file) && carried.insert(*file) {
                carriers.insert(*link, *file);
            }
        }
        self.links.carriers = carriers;
    }

    /// Bytes that a visible entry takes, uncompressed: with them it is counted wherever sizes are
    /// added up.
    pub fn bytes(&self, ordinal: u32) -> u64 {
        self.toc.size(self.carried(ordinal))
    }

    /// The layer that those bytes are from.
    pub fn bytes_from(&self, ordinal: u32) -> Option<u16> {
        self.version(self.carried(ordinal)).map(|v| v.layer)
    }

    fn carried(&self, ordinal: u32) -> u32 {
        let carriers = &self.links.carriers;
        carriers.get(&ordinal).copied().unwrap_or(ordinal)
    }

    /// The bytes that are gone with each of these names, which were visible before the last layer:
    /// those of a file with its first name in the list, if it has none left elsewhere.
    pub(super) fn lost(&self, hidden: &[u32]) -> Vec<u64> {
        let mut there = HashSet::new();
        if !hidden.is_empty() {
            let visible = |(link, _): &&(u32, u32)| self.is_visible(*link);
            let links = self.links.files.iter().filter(visible);
            there.extend(links.map(|(_, file)| *file));
        }
        let bytes = |ordinal: &u32| {
            let file = self.file_of(*ordinal);
            match self.is_visible(file) || !there.insert(file) {
                true => 0,
                false => self.toc.size(file),
            }
        };
        hidden.iter().map(bytes).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::EntryPath;
    use crate::rootfs::tests::toc;
    use crate::toc::Toc;

    fn merged(layers: &[&[&str]]) -> RootFs {
        let mut root = RootFs::new();
        for lines in layers {
            assert!(root.add_layer(&toc(lines)));
        }
        root.update();
        root
    }

    /// Bytes in all and of the largest file; by layer what is visible, under the root and by what
    /// each brought; what each removed.
    #[track_caller]
    fn check(
        layers: &[&[&str]],
        total: u64,
        largest: &[(&str, u64)],
        visible: &[u64],
        removed: &[u64],
    ) {
        let root = merged(layers);
        let sizes = root.sizes(&EntryPath::ROOT);
        assert_eq!(sizes.total.bytes, total);
        let found: Vec<(String, u64)> = sizes
            .largest
            .iter()
            .map(|p| (p.path.display(), p.total.bytes))
            .collect();
        let expect: Vec<(String, u64)> =
            largest.iter().map(|(n, b)| ((*n).to_owned(), *b)).collect();
        assert_eq!(found, expect);
        let by_layer: Vec<u64> = sizes.layers.iter().map(|t| t.bytes).collect();
        assert_eq!(by_layer, visible);
        let facts = root.layer_facts();
        let shown: Vec<u64> = facts.iter().map(|f| f.visible.bytes).collect();
        assert_eq!(shown, visible);
        let gone: Vec<u64> = facts.iter().map(|f| f.changes.removed.bytes).collect();
        assert_eq!(gone, removed);
        assert!(facts.iter().all(|f| f.visible.bytes <= f.brought.bytes));
    }

    #[test]
    fn bytes_stay_with_a_name_that_is_left() {
        let both: &[&str] = &["f 100 a", "h 0 b => a"];
        check(&[both], 100, &[("a", 100)], &[100], &[0]);
        // The first name goes.
        check(
            &[both, &["f 0 .wh.a"]],
            100,
            &[("b", 100)],
            &[100, 0],
            &[0, 0],
        );
        // Another file takes it.
        check(
            &[both, &["f 30 a"]],
            130,
            &[("b", 100), ("a", 30)],
            &[100, 30],
            &[0, 0],
        );
        // The other name goes.
        check(
            &[both, &["f 0 .wh.b"]],
            100,
            &[("a", 100)],
            &[100, 0],
            &[0, 0],
        );
        // Both, at once and one after the other.
        let all: &[&str] = &["f 0 .wh.b", "f 0 .wh.a"];
        check(&[both, all], 0, &[], &[0, 0], &[0, 100]);
        let (one, two): (&[&str], &[&str]) = (&["f 0 .wh.a"], &["f 0 .wh.b"]);
        check(&[both, one, two], 0, &[], &[0, 0, 0], &[0, 0, 100]);
    }

    #[test]
    fn bytes_count_once_and_for_the_layer_that_brought_them() {
        // Three names, two left; one of them is of a later layer.
        let layers: &[&[&str]] = &[
            &["d 0 x", "f 100 x/a", "h 0 x/b => x/a"],
            &["h 0 c => x/b"],
            &["f 0 x/.wh.a"],
        ];
        check(layers, 100, &[("x/b", 100)], &[100, 0, 0], &[0, 0, 0]);
        let mut more = layers.to_vec();
        more.push(&["f 0 .wh.x"]);
        check(&more, 100, &[("c", 100)], &[100, 0, 0, 0], &[0; 4]);
        more.push(&["f 0 .wh.c"]);
        check(&more, 0, &[], &[0; 5], &[0, 0, 0, 0, 100]);
        let root = merged(&more[..4]);
        let facts = root.layer_facts();
        assert_eq!((facts[0].visible.files, facts[1].visible.files), (0, 1));
        assert_eq!(
            facts[3].changes.removed.files, 1,
            "a name is gone all the same"
        );
        // A name that comes again in one layer.
        check(
            &[&["f 100 a", "h 0 b => a", "f 7 a"]],
            107,
            &[("b", 100), ("a", 7)],
            &[107],
            &[0],
        );
    }

    proptest::proptest! {
        #[test]
        fn links_lead_where_the_list_says(
            names in proptest::collection::vec((0_u8..5, 0_u8..5, 0_u8..3), 0..25)
        ) {
            let lines: Vec<String> = names
                .iter()
                .map(|(name, target, what)| match what {
                    0 => format!("f {target} n{name}"),
                    _ => format!("h 0 n{name} => n{target}"),
                })
                .collect();
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            let root = merged(&[&lines]);
            let toc: &Toc = root.toc();
            for n in 0..toc.len() {
                let expect = toc.hardlink_target(n).unwrap_or(n);
                proptest::prop_assert_eq!(root.file_of(n), expect);
            }
        }
    }
}
