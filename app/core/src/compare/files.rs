//! Two root file systems, path by path.
//!
//! Contents are the same where both are the same entry of the same layer, by its digest; they differ
//! where their sizes do. All else is [`Content::Unread`] until both have been read.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use super::snapshot::{Side, Snapshot, by_path};
use crate::digest::Digest;
use crate::job::RowKind;

/// In what a path differs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Facets(u8);

impl Facets {
    /// Another type.
    pub const KIND: Facets = Facets(1);
    /// Another size, and so another content.
    pub const SIZE: Facets = Facets(2);
    /// Another content of the same size.
    pub const CONTENT: Facets = Facets(4);
    /// Other permissions.
    pub const MODE: Facets = Facets(8);
    /// Another owner or group.
    pub const OWNER: Facets = Facets(16);
    /// A link to somewhere else.
    pub const LINK: Facets = Facets(32);
    /// Another device.
    pub const DEVICE: Facets = Facets(64);
    /// Other extended attributes.
    pub const XATTRS: Facets = Facets(128);

    /// All of them with the words for a reader.
    const WORDS: [(Facets, &'static str); 8] = [
        (Facets::KIND, "type"),
        (Facets::SIZE, "size"),
        (Facets::CONTENT, "content"),
        (Facets::MODE, "mode"),
        (Facets::OWNER, "owner"),
        (Facets::LINK, "link target"),
        (Facets::DEVICE, "device"),
        (Facets::XATTRS, "attributes"),
    ];

    /// These as well.
    pub fn add(&mut self, more: Facets) {
        self.0 |= more.0;
    }

    /// One of these is among them.
    pub fn has(self, any: Facets) -> bool {
        self.0 & any.0 != 0
    }

    /// Nothing differs.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// In words.
    pub fn words(self) -> Vec<&'static str> {
        let all = Facets::WORDS.iter();
        all.filter(|(facet, _)| self.has(*facet))
            .map(|(_, word)| *word)
            .collect()
    }
}

/// What is known of the contents of a path that both have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Content {
    /// There is none to compare, or the sizes say that it differs.
    Settled,
    /// The same entry of the same layer.
    SameEntry,
    /// Both were read, and are the same.
    SameBytes,
    /// Both were read, and differ.
    Differs,
    /// Of the same size; neither was read.
    Unread,
    /// One of them could not be read.
    Failed,
}

/// A path that is not known to be the same in both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// From the root.
    pub path: Vec<u8>,
    /// What it is in the first image.
    pub left: Option<Side>,
    /// What it is in the second.
    pub right: Option<Side>,
    /// In what it differs.
    pub facets: Facets,
    /// What is known of the contents.
    pub content: Content,
}

/// What became of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Fate {
    /// In the second image alone.
    Added,
    /// In the first image alone.
    Removed,
    /// In both, and not the same.
    Changed,
    /// In both, the same in all but the contents, which were not compared.
    Unread,
    /// The same in both.
    Same,
}

impl Fate {
    /// The name used in attributes.
    pub fn name(self) -> &'static str {
        match self {
            Fate::Added => "added",
            Fate::Removed => "removed",
            Fate::Changed => "changed",
            Fate::Unread => "unread",
            Fate::Same => "same",
        }
    }
}

impl Change {
    /// What became of it.
    pub fn fate(&self) -> Fate {
        match (&self.left, &self.right) {
            (None, _) => Fate::Added,
            (_, None) => Fate::Removed,
            _ if !self.facets.is_empty() => Fate::Changed,
            _ if matches!(self.content, Content::Unread | Content::Failed) => Fate::Unread,
            _ => Fate::Same,
        }
    }

    /// Bytes in the second image less those in the first.
    pub fn growth(&self) -> i64 {
        let takes = |side: &Option<Side>| {
            let takes = side.as_ref().map_or(0, Side::takes);
            i64::try_from(takes).unwrap_or(i64::MAX)
        };
        takes(&self.right).saturating_sub(takes(&self.left))
    }
}

/// How two things of one path differ, and what is known of their contents. The layers are those of
/// both images.
pub fn facets(left: &Side, right: &Side, layers: (&[Digest], &[Digest])) -> (Facets, Content) {
    let mut facets = Facets::default();
    if left.kind != right.kind {
        facets.add(Facets::KIND);
        return (facets, Content::Settled);
    }
    // A link's own mode means nothing, and what is only implied has none.
    let modes = left.mode.zip(right.mode);
    if left.kind != RowKind::Symlink && modes.is_some_and(|(a, b)| a != b) {
        facets.add(Facets::MODE);
    }
    if modes.is_some() && left.owner != right.owner {
        facets.add(Facets::OWNER);
    }
    if modes.is_some() && left.xattrs != right.xattrs {
        facets.add(Facets::XATTRS);
    }
    if left.link != right.link {
        facets.add(Facets::LINK);
    }
    if left.device != right.device {
        facets.add(Facets::DEVICE);
    }
    if !left.is_file() {
        return (facets, Content::Settled);
    }
    if left.size != right.size {
        facets.add(Facets::SIZE);
        return (facets, Content::Settled);
    }
    let from = |side: &Side, layers: &[Digest]| layers.get(usize::from(side.layer)).cloned();
    let (a, b) = (from(left, layers.0), from(right, layers.1));
    let content = match left.size {
        0 => Content::Settled,
        _ if a.is_some() && a == b && left.place == right.place => Content::SameEntry,
        _ => Content::Unread,
    };
    (facets, content)
}

/// Names and their bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Everything but directories.
    pub files: u32,
    /// Directories.
    pub dirs: u32,
    /// Bytes of the files.
    pub bytes: u64,
}

impl Tally {
    fn add(&mut self, side: &Side) {
        match side.kind {
            RowKind::Dir => self.dirs = self.dirs.saturating_add(1),
            _ => self.files = self.files.saturating_add(1),
        }
        self.bytes = self.bytes.saturating_add(side.takes());
    }

    /// All names.
    pub fn names(self) -> u64 {
        u64::from(self.files) + u64::from(self.dirs)
    }
}

/// How two root file systems differ, in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// All that the first image has.
    pub left: Tally,
    /// All that the second image has.
    pub right: Tally,
    /// Only in the second.
    pub added: Tally,
    /// Only in the first.
    pub removed: Tally,
    /// In both, and not the same; the bytes are those of the second.
    pub changed: Tally,
    /// In both, of the same size and not compared; also of what has changed otherwise.
    pub unread: Tally,
    /// In both, of the same size, and one could not be read.
    pub failed: Tally,
    /// Names that are the same in both.
    pub same: Tally,
    /// Of the files that are in both, those known to be the same by their layer.
    pub by_layer: u32,
    /// Those of which both were read.
    pub by_content: u32,
    /// Those known to differ by their size.
    pub by_size: u32,
}

/// Two root file systems compared.
#[derive(Debug, Clone, Default)]
pub struct Comparison {
    /// What is not known to be the same.
    changes: Vec<Change>,
    /// Of what is in no list: the same, without having been read.
    same: Summary,
}

impl Comparison {
    /// Compares two root file systems.
    pub fn of(left: &Snapshot, right: &Snapshot) -> Comparison {
        let mut out = Comparison::default();
        let layers = (left.layers.as_slice(), right.layers.as_slice());
        let (mut i, mut j) = (0, 0);
        loop {
            let (a, b) = (left.names.get(i), right.names.get(j));
            let order = match (a, b) {
                (None, None) => break,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some((a, _)), Some((b, _))) => by_path(a, b),
            };
            let (a, b) = (
                a.filter(|_| order != Ordering::Greater),
                b.filter(|_| order != Ordering::Less),
            );
            i += usize::from(a.is_some());
            j += usize::from(b.is_some());
            for (side, tally) in [(a, &mut out.same.left), (b, &mut out.same.right)] {
                if let Some((_, side)) = side {
                    tally.add(side);
                }
            }
            let (facets, content) = match (a, b) {
                (Some((_, a)), Some((_, b))) => facets(a, b, layers),
                _ => (Facets::default(), Content::Settled),
            };
            let Some((path, _)) = a.or(b) else {
                break;
            };
            let change = Change {
                path: path.clone(),
                left: a.map(|(_, side)| side.clone()),
                right: b.map(|(_, side)| side.clone()),
                facets,
                content,
            };
            match change.fate() {
                Fate::Same => out.count_same(&change),
                _ => out.changes.push(change),
            }
        }
        out
    }

    fn count_same(&mut self, change: &Change) {
        if let Some(side) = &change.right {
            self.same.same.add(side);
        }
        self.same.by_layer += u32::from(change.content == Content::SameEntry);
    }

    /// What is not the same, and what was found to be the same by reading it; by path.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// In numbers.
    pub fn summary(&self) -> Summary {
        let mut sum = self.same;
        for change in &self.changes {
            let tally = match change.fate() {
                Fate::Added => Some(&mut sum.added),
                Fate::Removed => Some(&mut sum.removed),
                Fate::Changed => Some(&mut sum.changed),
                Fate::Same => Some(&mut sum.same),
                Fate::Unread => None,
            };
            if let (Some(tally), Some(side)) =
                (tally, change.right.as_ref().or(change.left.as_ref()))
            {
                tally.add(side);
            }
            let both = change.left.is_some() && change.right.is_some();
            match (change.content, &change.right) {
                (Content::Unread, Some(side)) => sum.unread.add(side),
                (Content::Failed, Some(side)) => sum.failed.add(side),
                (Content::SameEntry, _) => sum.by_layer += 1,
                (Content::SameBytes | Content::Differs, _) => sum.by_content += 1,
                _ if both && change.facets.has(Facets::SIZE) => sum.by_size += 1,
                _ => {}
            }
        }
        sum
    }

    /// The next files to be read in both, from a place among all changes on: at least one, then up
    /// to so many files and bytes. Each with its place, and its entries in the first and the second.
    pub fn unread(&self, from: u32, max_files: usize, max_bytes: u64) -> Vec<(u32, u32, u32)> {
        let mut out = Vec::new();
        let mut bytes = 0_u64;
        for (at, change) in (0_u32..).zip(&self.changes).skip(from as usize) {
            let (Content::Unread, Some(left), Some(right)) =
                (change.content, &change.left, &change.right)
            else {
                continue;
            };
            bytes = bytes.saturating_add(left.size);
            if !out.is_empty() && (out.len() >= max_files || bytes > max_bytes) {
                break;
            }
            out.push((at, left.ordinal, right.ordinal));
        }
        out
    }

    /// Takes the digests of the two files of a change; none of what could not be read.
    pub fn settle(&mut self, at: u32, left: Option<[u8; 32]>, right: Option<[u8; 32]>) {
        let Some(change) = self.changes.get_mut(at as usize) else {
            return;
        };
        if !matches!(change.content, Content::Unread | Content::Failed) {
            return;
        }
        change.content = match left.zip(right) {
            None => Content::Failed,
            Some((a, b)) if a == b => Content::SameBytes,
            Some(_) => {
                change.facets.add(Facets::CONTENT);
                Content::Differs
            }
        };
    }
}
