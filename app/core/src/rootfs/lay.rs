//! Laying a layer over those below it, a slice of work at a time.
//!
//! How much work a layer makes is up to whoever made it: links that lead through a thousand
//! directories, a directory with a million names that is replaced again and again. So all of it is
//! counted, and bounded; and a layer that does not fit, or is given up half-way, is taken back whole.

use std::collections::HashSet;

use super::{Changes, Fate, MAX_LAYERS, OPAQUE, RootFs, Version, WHITEOUT, WHITEOUT_META};
use super::{Laid, NoRoom, is_marker, split};
use crate::tar::Limits;
use crate::toc::{Entry, EntryKind, Toc};
use crate::tree::{NodeId, Tree};

/// What a name stands for at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Live {
    /// Nothing.
    Dead,
    /// A directory that no entry states.
    Implied,
    /// The last entry of the name.
    Entry,
}

/// What is done with each of a layer's entries, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pass {
    /// See whether there are whiteouts, and which directories it states itself.
    Look,
    /// Remove what the whiteouts say.
    Remove,
    /// Add the others.
    Add,
}

/// A layer that is being laid over the others.
#[derive(Debug, Clone)]
pub(super) struct Laying {
    layer: u16,
    /// Entries of the layers below it.
    from: u32,
    pass: Pass,
    /// The next entry of this pass.
    next: u32,
    marks: bool,
    /// The normalised names of the directories that it states.
    own: HashSet<Vec<u8>>,
    /// Directories that it has made opaque.
    cleared: HashSet<NodeId>,
    /// Names that it has hidden and not replaced, directories left out.
    hidden: Vec<u32>,
    steps: u64,
    /// Room for the name of an entry.
    path: Vec<u8>,
}

impl RootFs {
    /// Puts the next layer over those that are there; false if it was left out.
    pub fn add_layer(&mut self, toc: &Toc) -> bool {
        loop {
            match self.lay(toc, u64::MAX) {
                Laid::Part => {}
                Laid::Whole => return true,
                Laid::LeftOut(_) => return false,
            }
        }
    }

    /// The same, but no more than about so many steps at a time: to be called again with the same
    /// layer while there is more to do.
    pub fn lay(&mut self, toc: &Toc, slice: u64) -> Laid {
        let begun = match self.laying.take() {
            Some(laying) => Ok(laying),
            None => self.begin(),
        };
        let mut laying = match begun {
            Ok(laying) => laying,
            Err(why) => return Laid::LeftOut(why),
        };
        let end = laying.steps.saturating_add(slice);
        let outcome = loop {
            if laying.steps > self.room.steps {
                break Err(NoRoom::Steps(self.room.steps));
            }
            if laying.steps >= end {
                self.laying = Some(laying);
                return Laid::Part;
            }
            match self.step(&mut laying, toc) {
                Ok(true) => {}
                Ok(false) => break Ok(()),
                Err(why) => break Err(why),
            }
        };
        match outcome {
            Ok(()) => {
                self.finish(&laying);
                Laid::Whole
            }
            Err(why) => {
                self.laying = Some(laying);
                self.give_up();
                Laid::LeftOut(why)
            }
        }
    }

    /// All of a layer's entries are in.
    fn finish(&mut self, laying: &Laying) {
        self.link_from(laying.from);
        let lost = self.lost(&laying.hidden);
        let removed = &mut self.layers[usize::from(laying.layer)].removed;
        lost.into_iter().for_each(|bytes| removed.add(bytes));
        self.stale = true;
    }

    /// Takes back what is there of a layer that is not all in; true if there is one. None is put over
    /// it any more.
    pub fn give_up(&mut self) -> bool {
        let Some(laying) = self.laying.take() else {
            return false;
        };
        self.toc.truncate(laying.from);
        self.versions.truncate(laying.from as usize);
        for version in &mut self.versions {
            // Only what was visible is hidden.
            if version.by == laying.layer && version.fate != Fate::Visible {
                version.fate = Fate::Visible;
                version.by = version.layer;
            }
        }
        self.layers.truncate(usize::from(laying.layer));
        self.links.truncate(laying.from);
        let (versions, toc) = (&self.versions, &self.toc);
        let named = |n: u32| {
            let version = versions.get(n as usize);
            version.is_some_and(|v| v.fate != Fate::Unplaced)
                || toc.path(n).is_some_and(|p| !p.is_empty())
        };
        self.all = Tree::new();
        self.all.update_with(toc, named);
        self.live = Vec::new();
        self.closed = true;
        true
    }

    fn begin(&mut self) -> Result<Laying, NoRoom> {
        if self.closed {
            return Err(NoRoom::Closed);
        }
        if self.layers.len() >= self.room.layers.min(MAX_LAYERS) {
            self.closed = true;
            return Err(NoRoom::Layers(self.room.layers));
        }
        let layer = self.layers.len() as u16; // below MAX_LAYERS
        self.layers.push(Changes::default());
        self.live_at(Tree::ROOT); // it is always there
        Ok(Laying {
            layer,
            from: self.toc.len(),
            pass: Pass::Look,
            next: 0,
            marks: false,
            own: HashSet::new(),
            cleared: HashSet::new(),
            hidden: Vec::new(),
            steps: 0,
            path: Vec::new(),
        })
    }

    /// Does what is next; false if that was all.
    fn step(&mut self, laying: &mut Laying, toc: &Toc) -> Result<bool, NoRoom> {
        let ordinal = laying.next;
        if ordinal >= toc.len() {
            laying.next = 0;
            laying.pass = match laying.pass {
                Pass::Look if laying.marks => Pass::Remove,
                Pass::Look | Pass::Remove => Pass::Add,
                Pass::Add => return Ok(false),
            };
            return Ok(true);
        }
        laying.next += 1;
        laying.steps += 1;
        let mut path = std::mem::take(&mut laying.path);
        toc.path_into(ordinal, &mut path);
        match laying.pass {
            Pass::Look => {
                if toc.kind(ordinal) == Some(EntryKind::Dir) {
                    laying.own.insert(crate::tree::normalised(&path));
                }
                laying.marks |= is_marker(&path);
            }
            Pass::Remove => self.remove(laying, &path),
            Pass::Add => {
                if !is_marker(&path)
                    && let Some(entry) = toc.get(ordinal)
                {
                    self.add(laying, ordinal, entry)?;
                }
            }
        }
        laying.path = path;
        Ok(true)
    }

    /// Does what an entry says, if it is a whiteout.
    fn remove(&mut self, laying: &mut Laying, path: &[u8]) {
        let (dir, name) = split(path);
        let Some(hidden) = name.strip_prefix(WHITEOUT) else {
            return;
        };
        let opaque = name == OPAQUE;
        if !opaque && (name.starts_with(WHITEOUT_META) || matches!(hidden, b"" | b"." | b"..")) {
            return;
        }
        let Some(at) = self.place_of_dir(dir, &laying.own, &mut laying.steps) else {
            return;
        };
        if !opaque {
            if let Some(at) = self.all.child(at, hidden) {
                self.hide_tree(at, laying, Fate::Deleted);
            }
        } else if laying.cleared.insert(at) {
            // Once a layer: what stands in it afterwards is the layer's own.
            self.hide_children(at, laying, Fate::Cleared);
        }
    }

    /// Adds one entry.
    fn add(&mut self, laying: &mut Laying, ordinal: u32, mut entry: Entry) -> Result<(), NoRoom> {
        let layer = laying.layer;
        let merged = self.toc.len();
        if merged >= self.room.entries.min(Limits::ENTRIES) {
            return Err(NoRoom::Entries(self.room.entries));
        }
        let place = self.place(&entry.path, &mut laying.steps);
        if entry.kind == EntryKind::Hardlink
            && let Some(target) = self.place(&entry.linkname, &mut laying.steps)
        {
            entry.linkname = target.key;
        }
        let mut version = Version {
            layer,
            ordinal,
            fate: Fate::Visible,
            by: layer,
        };
        let is_dir = entry.kind == EntryKind::Dir;
        // Nothing but a directory can be the root.
        let Some(place) = place.filter(|place| is_dir || !place.key.is_empty()) else {
            version.fate = Fate::Unplaced;
            entry.path = crate::tree::normalised(&entry.path);
            self.push(&entry, version)?;
            // By its raw name it is listed with what is hidden. Nothing that is there has that name:
            // a link is on its way.
            if !entry.path.is_empty() {
                self.all.insert(&self.toc, merged).ok_or(NoRoom::Names)?;
            }
            return Ok(());
        };
        entry.path = place.key;
        self.push(&entry, version)?;
        let stated = |node: &NodeId| self.is(*node) == Live::Entry;
        let old = place.node.filter(stated);
        let old = old.and_then(|node| self.all.ordinal(node));
        let node = self.all.insert(&self.toc, merged).ok_or(NoRoom::Names)?;
        self.make_room(node, laying);
        let was = self.live_at(node);
        if let (Some(old), Live::Entry) = (old, was) {
            self.hide(old, layer, Fate::Replaced);
        }
        // Nothing that is there is in anything but a directory.
        let was_dir = match (was, old) {
            (Live::Dead, _) => false,
            (_, Some(old)) => self.toc.kind(old) == Some(EntryKind::Dir),
            (_, None) => true,
        };
        if !is_dir && was_dir {
            self.hide_children(node, laying, Fate::Buried);
        }
        self.count(layer, merged, old);
        self.live[node.index()] = Live::Entry;
        Ok(())
    }

    fn push(&mut self, entry: &Entry, version: Version) -> Result<(), NoRoom> {
        if !self.toc.push(entry) {
            return Err(NoRoom::Names);
        }
        self.versions.push(version);
        Ok(())
    }

    /// Makes all directories above a node be directories.
    fn make_room(&mut self, node: NodeId, laying: &mut Laying) {
        let mut at = node;
        while let Some(dir) = self.all.parent(at) {
            laying.steps += 1;
            let ordinal = self.all.ordinal(dir);
            match (self.live_at(dir), ordinal) {
                (Live::Dead, _) => self.live[dir.index()] = Live::Implied,
                (Live::Entry, Some(ordinal)) if self.toc.kind(ordinal) != Some(EntryKind::Dir) => {
                    // No runtime gets this far; the later layer wins, as it does everywhere.
                    self.hide(ordinal, laying.layer, Fate::Replaced);
                    self.live[dir.index()] = Live::Implied;
                }
                _ => return, // and so are those above it
            }
            at = dir;
        }
    }

    /// What a node stands for.
    pub(super) fn is(&self, node: NodeId) -> Live {
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

    /// A node of [`RootFs::all`] is there at the moment: by an entry or because of what is in it.
    pub(super) fn is_there(&self, node: NodeId) -> bool {
        self.is(node) != Live::Dead
    }

    fn hide_children(&mut self, dir: NodeId, laying: &mut Laying, fate: Fate) {
        let children: Vec<NodeId> = self.all.children(dir).collect();
        for child in children {
            self.hide_tree(child, laying, fate);
        }
    }

    /// Hides a name and everything under it.
    fn hide_tree(&mut self, node: NodeId, laying: &mut Laying, fate: Fate) {
        let mut todo = vec![node];
        while let Some(node) = todo.pop() {
            laying.steps += 1;
            let was = self.is(node);
            if was == Live::Dead {
                continue; // and so is all under it
            }
            self.live[node.index()] = Live::Dead;
            if let (Live::Entry, Some(ordinal)) = (was, self.all.ordinal(node)) {
                self.hide(ordinal, laying.layer, fate);
                if self.toc.kind(ordinal) != Some(EntryKind::Dir) {
                    laying.hidden.push(ordinal);
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
mod tests;
