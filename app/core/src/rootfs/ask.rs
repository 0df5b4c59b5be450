//! What a page asks about a root file system beside its listings, and the answers.

use serde::{Deserialize, Serialize};

use super::packages::{self, Packages, RPM};
use super::sizes::{Sizes, Total};
use super::waste::Waste;
use super::{Changes, Count, Fate, RootFs};
use crate::compare::ask::{CompareAnswer, CompareAsk};
use crate::path::EntryPath;
use crate::toc::EntryKind;
use crate::tree::{NodeId, Resolved, Tree};

/// Children of a directory that are told one by one: more would be too small to be seen.
pub const MAX_CHILDREN: usize = 200;
/// Rectangles of a map: smaller ones could not be read.
pub const MAX_MAP: usize = 80;
/// A directory is opened in the map if it is more than one of so many parts of all.
const MAP_SHARE: u64 = 25;
/// Directories opened for one map; each makes it finer, but for those that have one child alone.
const MAX_UNFOLDED: usize = 500;
/// Largest files that are told.
pub const MAX_LARGEST: usize = 100;
/// Wasteful paths that are told.
pub const MAX_WASTE: usize = 200;

/// Packages that are told.
pub const MAX_PACKAGES_TOLD: usize = 2000;

/// A question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum RootAsk {
    /// What each layer did.
    Layers,
    /// Where the bytes are under a directory.
    Sizes {
        /// The directory.
        at: EntryPath,
    },
    /// What is wasted, by dive's rules.
    Waste,
    /// What is installed, by the databases of dpkg and apk, which are read for it.
    Packages,
    /// Something about it beside another.
    Compare(CompareAsk),
}

/// Its answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum RootAnswer {
    /// The layers, the lowest first.
    Layers(Vec<LayerFacts>),
    /// The sizes.
    Sizes(SizesAnswer),
    /// The waste.
    Waste(WasteAnswer),
    /// The packages.
    Packages(PackagesAnswer),
    /// What comparing wants to know.
    Compare(CompareAnswer),
}

/// What a layer is to the whole.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerFacts {
    /// What it did to those below it.
    pub changes: Changes,
    /// All files that it brought.
    pub brought: Count,
    /// Those of them that are visible in the end.
    pub visible: Count,
}

/// Where the bytes are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SizesAnswer {
    /// What was asked for.
    pub asked: EntryPath,
    /// The directory, links followed; none if there is no such directory.
    pub at: Option<EntryPath>,
    /// All under it.
    pub total: Total,
    /// What is in it, the largest first.
    pub children: Vec<Piece>,
    /// The same with what is large opened again and again, for a map.
    pub map: Vec<Piece>,
    /// The largest files under it.
    pub largest: Vec<Piece>,
    /// What each layer has under it, the lowest first.
    pub layers: Vec<Total>,
}

/// A name and what it takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    /// From the root.
    pub path: EntryPath,
    /// It is a directory.
    pub dir: bool,
    /// It, and all under it.
    pub total: Total,
    /// The layer that a file is from.
    pub layer: Option<u16>,
}

/// What is wasted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WasteAnswer {
    /// From 0 to 1.
    pub efficiency: f64,
    /// Bytes.
    pub wasted: u64,
    /// Its share of all layers but the lowest.
    pub user_share: f64,
    /// Bytes of all entries of all layers.
    pub bytes: u64,
    /// The most wasteful paths: how often each is there, and its bytes.
    pub paths: Vec<(EntryPath, u32, u64)>,
    /// How many such paths there are in all.
    pub path_count: u32,
    /// Whiteouts of what is in no layer.
    pub pointless: u32,
}

/// What is installed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackagesAnswer {
    /// The most that is told, the largest first.
    pub packages: Vec<PackageFacts>,
    /// How many there are.
    pub count: u32,
    /// What belongs to one of them.
    pub owned: Total,
    /// All that is visible.
    pub total: Total,
    /// There is rpm's database too, which is not read.
    pub rpm: bool,
    /// Why not all of it could be read.
    pub problem: Option<String>,
}

/// A package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackageFacts {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its architecture.
    pub architecture: String,
    /// Bytes that it takes by its own word.
    pub stated: Option<u64>,
    /// What is there of it.
    pub total: Total,
}

impl PackagesAnswer {
    /// Of what was read.
    pub fn of(packages: &Packages, root: &RootFs) -> PackagesAnswer {
        let mut facts: Vec<PackageFacts> = packages
            .packages()
            .iter()
            .map(|p| PackageFacts {
                name: p.name.clone(),
                version: p.version.clone(),
                architecture: p.architecture.clone(),
                stated: p.stated,
                total: p.total,
            })
            .collect();
        let count = facts.len() as u32; // below MAX_PACKAGES
        facts.sort_by(|a, b| {
            let by_name = || a.name.cmp(&b.name);
            b.total.bytes.cmp(&a.total.bytes).then_with(by_name)
        });
        facts.truncate(MAX_PACKAGES_TOLD);
        let sizes = Sizes::of(&root.visible, &root.toc, &|n| root.bytes(n));
        PackagesAnswer {
            packages: facts,
            count,
            owned: packages.owned(),
            total: sizes.total(Tree::ROOT),
            rpm: RPM
                .iter()
                .any(|path| packages::file_at(root, path).is_some()),
            problem: None,
        }
    }
}

impl From<Waste> for WasteAnswer {
    fn from(waste: Waste) -> Self {
        WasteAnswer {
            efficiency: waste.efficiency,
            wasted: waste.wasted,
            user_share: waste.user_share(),
            bytes: waste.bytes,
            paths: waste
                .paths
                .into_iter()
                .map(|p| (EntryPath::new(p.path), p.count, p.bytes))
                .collect(),
            path_count: waste.path_count,
            pointless: waste.pointless,
        }
    }
}

impl RootFs {
    /// What each layer is to the whole.
    pub fn layer_facts(&self) -> Vec<LayerFacts> {
        let mut facts: Vec<LayerFacts> = self
            .layers
            .iter()
            .map(|changes| LayerFacts {
                changes: *changes,
                ..LayerFacts::default()
            })
            .collect();
        for (ordinal, version) in (0..self.toc.len()).zip(&self.versions) {
            if self.toc.kind(ordinal) == Some(EntryKind::Dir) {
                continue;
            }
            let visible = version.fate == Fate::Visible;
            if let Some(layer) = facts.get_mut(usize::from(version.layer)) {
                layer.brought.add(self.toc.size(ordinal));
                layer.visible.files += u32::from(visible);
            }
            let from = self.bytes_from(ordinal).filter(|_| visible);
            if let Some(layer) = from.and_then(|n| facts.get_mut(usize::from(n))) {
                let bytes = &mut layer.visible.bytes;
                *bytes = bytes.saturating_add(self.bytes(ordinal));
            }
        }
        facts
    }

    /// Where the bytes are under a directory.
    pub fn sizes(&self, at: &EntryPath) -> SizesAnswer {
        let (tree, toc) = (&self.visible, &self.toc);
        let Resolved::Node(dir) = tree.resolve(at.as_bytes(), true, toc) else {
            return SizesAnswer {
                asked: at.clone(),
                ..SizesAnswer::default()
            };
        };
        let sizes = Sizes::of(tree, toc, &|n| self.bytes(n));
        let sized = |node: NodeId| {
            let dir = tree.is_dir(node, toc);
            let layer = tree.ordinal(node).and_then(|o| self.version(o));
            Piece {
                path: EntryPath::new(tree.path(node)),
                dir,
                total: sizes.total(node),
                layer: layer.filter(|_| !dir).map(|v| v.layer),
            }
        };
        let (children, _) = sizes.children(tree, dir, MAX_CHILDREN);
        let map = self.unfolded(&sizes, dir);
        let largest = sizes.largest(tree, toc, dir, MAX_LARGEST);
        SizesAnswer {
            asked: at.clone(),
            at: (tree.is_dir(dir, toc) || dir == Tree::ROOT)
                .then(|| EntryPath::new(tree.path(dir))),
            total: sizes.total(dir),
            children: children.into_iter().map(|(node, _)| sized(node)).collect(),
            map: map.into_iter().map(sized).collect(),
            largest: largest.into_iter().map(|(node, _)| sized(node)).collect(),
            layers: self.sizes_by_layer(dir),
        }
    }

    /// What is in a directory, with directories that are a large part of it replaced by what is in
    /// them; the largest first.
    fn unfolded(&self, sizes: &Sizes, dir: NodeId) -> Vec<NodeId> {
        let tree = &self.visible;
        let mut pieces = vec![dir];
        for _ in 0..MAX_UNFOLDED {
            let share = |node: &NodeId| sizes.total(*node).bytes.saturating_mul(MAP_SHARE);
            let large = |node: &NodeId| {
                *node == dir
                    || (tree.child_count(*node) > 0 && share(node) > sizes.total(dir).bytes)
            };
            let found = pieces
                .iter()
                .enumerate()
                .filter(|(_, node)| large(node))
                .max_by_key(|(_, node)| sizes.total(**node).bytes);
            let Some((at, _)) = found.filter(|_| pieces.len() < MAX_MAP) else {
                break;
            };
            let node = pieces.swap_remove(at);
            let (inside, _) = sizes.children(tree, node, MAX_MAP);
            let inside = inside.into_iter().filter(|(_, total)| total.bytes > 0);
            pieces.extend(inside.map(|(node, _)| node));
        }
        pieces.retain(|node| *node != dir);
        pieces.sort_by(|a, b| {
            let by_path = || tree.path(*a).cmp(&tree.path(*b));
            let bytes = |node: &NodeId| sizes.total(*node).bytes;
            bytes(b).cmp(&bytes(a)).then_with(by_path)
        });
        pieces.truncate(MAX_MAP);
        pieces
    }

    fn sizes_by_layer(&self, dir: NodeId) -> Vec<Total> {
        let mut layers = vec![Total::default(); self.layers.len()];
        let mut todo = vec![dir];
        while let Some(node) = todo.pop() {
            todo.extend(self.visible.children(node));
            let Some(ordinal) = self.visible.ordinal(node) else {
                continue;
            };
            if self.toc.kind(ordinal) == Some(EntryKind::Dir) {
                continue;
            }
            let version = self.version(ordinal);
            if let Some(total) = version.and_then(|v| layers.get_mut(usize::from(v.layer))) {
                total.files += 1;
            }
            let from = self.bytes_from(ordinal);
            if let Some(total) = from.and_then(|n| layers.get_mut(usize::from(n))) {
                total.bytes = total.bytes.saturating_add(self.bytes(ordinal));
            }
        }
        layers
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rootfs::tests::toc;

    #[test]
    fn sizes_and_layers_of_the_whole() {
        let mut root = RootFs::new();
        root.add_layer(&toc(&[
            "d 0 usr",
            "s 0 lib -> usr",
            "f 100 usr/a",
            "f 50 usr/b",
        ]));
        root.add_layer(&toc(&["f 70 usr/b", "f 5 etc/c", "f 0 usr/.wh.a"]));
        root.update();
        let answer = root.sizes(&EntryPath::new("lib"));
        assert_eq!(answer.at, Some(EntryPath::new("usr")));
        assert_eq!((answer.total.bytes, answer.total.files), (70, 1));
        assert_eq!(answer.largest[0].layer, Some(1));
        let layers: Vec<u64> = answer.layers.iter().map(|t| t.bytes).collect();
        assert_eq!(layers, [0, 70]);
        let top = root.sizes(&EntryPath::ROOT);
        let names: Vec<String> = top.children.iter().map(|c| c.path.display()).collect();
        assert_eq!(names, ["usr", "etc", "lib"]);
        let map: Vec<String> = top.map.iter().map(|c| c.path.display()).collect();
        assert_eq!(map, ["usr/b", "etc/c"], "both are large parts of it");
        assert_eq!(root.sizes(&EntryPath::new("none")).at, None);
        assert_eq!(root.sizes(&EntryPath::new("etc/c")).at, None);
        let facts = root.layer_facts();
        assert_eq!((facts[0].brought.bytes, facts[0].visible.bytes), (150, 0));
        assert_eq!((facts[1].brought.bytes, facts[1].visible.bytes), (75, 75));
        assert_eq!(facts[1].changes.removed.bytes, 100);
    }
}
