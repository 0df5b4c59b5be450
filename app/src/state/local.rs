//! What was opened from disk, and what was opened so before.

use std::collections::BTreeMap;
use std::sync::Arc;

use layerscope_core::digest::Digest;
use layerscope_core::local::Opened;
use layerscope_core::view::problem::Problem;
use leptos::prelude::*;

/// How something from disk stands.
#[derive(Debug, Clone, PartialEq)]
pub enum Local {
    /// It is looked for, or looked into.
    Opening,
    /// It is here.
    Open(Arc<Opened>),
    /// The browser remembers it under this name, and wants to be asked before it reads it again.
    Ask(String),
    /// It is not here.
    Failed(Problem),
}

/// Something that was opened before and can be opened again: its id, and its name.
pub type Remembered = (String, String);

/// The state of what was opened from disk.
#[derive(Clone, Copy)]
pub struct LocalState {
    by_id: RwSignal<BTreeMap<String, Local>>,
    busy: RwSignal<Option<String>>,
    remembered: RwSignal<Vec<Remembered>>,
}

impl LocalState {
    pub(super) fn new() -> Self {
        LocalState {
            by_id: RwSignal::default(),
            busy: RwSignal::default(),
            remembered: RwSignal::default(),
        }
    }

    /// How it stands, by its id.
    pub fn get(self, id: &str) -> Option<Local> {
        self.by_id.with(|all| all.get(id).cloned())
    }

    /// It, if it is open.
    pub fn opened(self, id: &str) -> Option<Arc<Opened>> {
        self.by_id.with(|all| match all.get(id) {
            Some(Local::Open(opened)) => Some(opened.clone()),
            _ => None,
        })
    }

    /// The same, without subscribing.
    pub fn opened_untracked(self, id: &str) -> Option<Arc<Opened>> {
        untrack(|| self.opened(id))
    }

    /// It is open.
    pub fn is_open(self, id: &str) -> bool {
        self.by_id
            .with(|all| matches!(all.get(id), Some(Local::Open(_))))
    }

    /// What it is called, as far as that is known.
    pub fn name(self, id: &str) -> String {
        match self.get(id) {
            Some(Local::Open(opened)) => opened.name.clone(),
            Some(Local::Ask(name)) => name,
            _ => "Local file".to_owned(),
        }
    }

    /// What one of its images is called.
    pub fn image_name(self, id: &str, digest: Option<&Digest>) -> String {
        let opened = self.opened(id);
        let named = opened.iter().flat_map(|o| &o.images);
        let named = named.filter(|i| Some(&i.digest) == digest);
        let name = named.filter_map(|i| i.names.first()).next().cloned();
        name.or_else(|| digest.map(Digest::short))
            .unwrap_or_else(|| self.name(id))
    }

    /// A digest is only a name for bytes that have none.
    pub fn is_unnamed(self, id: &str, digest: &Digest) -> bool {
        self.opened(id).is_some_and(|o| o.is_unnamed(digest))
    }

    /// It stands otherwise.
    pub fn set(self, id: &str, local: Local) {
        self.by_id
            .update(|all| drop(all.insert(id.to_owned(), local)));
    }

    /// It is held no longer.
    pub fn remove(self, id: &str) {
        self.by_id.update(|all| drop(all.remove(id)));
    }

    /// What is being opened and has no id yet.
    pub fn busy(self) -> ReadSignal<Option<String>> {
        self.busy.read_only()
    }

    /// Something is being opened, or no longer.
    pub fn set_busy(self, name: Option<String>) {
        self.busy.set(name);
    }

    /// What can be opened again.
    pub fn remembered(self) -> ReadSignal<Vec<Remembered>> {
        self.remembered.read_only()
    }

    /// Replaces what can be opened again.
    pub fn set_remembered(self, list: Vec<Remembered>) {
        self.remembered.set(list);
    }
}
