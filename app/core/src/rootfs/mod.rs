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
mod lay;
mod links;
pub mod packages;
mod place;
pub mod query;
mod room;
pub mod sizes;
pub mod waste;
pub mod watch;
pub mod words;

use serde::{Deserialize, Serialize};

use crate::toc::Toc;
use crate::tree::Tree;

use lay::Laying;
pub use room::{Laid, MAX_LAYER_STEPS, NoRoom, Room};

/// Layers of one image. Runtimes stop at 128 or 500; positions in the table have 16 bits.
pub const MAX_LAYERS: usize = 4096;

/// The front of a whiteout's name.
pub(crate) const WHITEOUT: &[u8] = b".wh.";
/// The front of names that only a union file system gives a meaning to; `.wh..wh..opq` is the one
/// that layers use.
pub(crate) const WHITEOUT_META: &[u8] = b".wh..wh.";
pub(crate) const OPAQUE: &[u8] = b".wh..wh..opq";

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

/// The layers of an image as one file system.
#[derive(Debug, Clone, Default)]
pub struct RootFs {
    toc: Toc,
    versions: Vec<Version>,
    /// Every name that any layer has.
    all: Tree,
    /// By node of `all`.
    live: Vec<lay::Live>,
    /// What is visible; made when it is asked for.
    visible: Tree,
    /// `visible` is not what the layers make any more.
    stale: bool,
    layers: Vec<Changes>,
    links: links::Links,
    /// The layer that is being laid over the others.
    laying: Option<Laying>,
    /// One was left out: none goes over it.
    closed: bool,
    room: Room,
}

impl RootFs {
    /// Of no layer.
    pub fn new() -> Self {
        Self::default()
    }

    /// Of no layer, with other limits than the default ones.
    pub fn with_room(room: Room) -> Self {
        RootFs {
            room,
            ..Self::default()
        }
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

    /// There is a layer more than in [`RootFs::visible`].
    pub fn is_stale(&self) -> bool {
        self.stale && self.laying.is_none()
    }

    /// Makes the tree of what is visible anew if there is another layer. True if so.
    pub fn update(&mut self) -> bool {
        if !self.is_stale() {
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
        self.stale = false;
        self.find_carriers();
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

    /// Bytes of memory taken, about.
    pub fn memory(&self) -> usize {
        self.toc.memory()
            + self.versions.capacity() * size_of::<Version>()
            + self.all.memory()
            + self.visible.memory()
            + self.live.capacity()
            + self.links.memory()
    }
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

#[cfg(test)]
pub(crate) mod tests;
