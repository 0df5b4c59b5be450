//! What works without a network.

use leptos::prelude::*;

use crate::browser::offline::NotKept;

/// Whether the app itself is kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AppKept {
    /// Not known yet.
    #[default]
    Unknown,
    /// Its files are kept.
    Kept,
    /// They are not.
    Not(NotKept),
}

/// The state.
#[derive(Clone, Copy)]
pub struct OfflineState {
    app: RwSignal<AppKept>,
    newer: RwSignal<bool>,
    from_store: RwSignal<bool>,
}

impl OfflineState {
    pub(super) fn new() -> Self {
        OfflineState {
            app: RwSignal::default(),
            newer: RwSignal::default(),
            from_store: RwSignal::default(),
        }
    }

    /// Whether the app itself is kept.
    pub fn app(self) -> ReadSignal<AppKept> {
        self.app.read_only()
    }

    /// It is, or is not.
    pub fn set(self, kept: AppKept) {
        self.app.set(kept);
    }

    /// A newer version of the app is offered.
    pub fn newer(self) -> ReadSignal<bool> {
        self.newer.read_only()
    }

    /// Offers it, or no longer.
    pub fn offer(self, newer: bool) {
        self.newer.set(newer);
    }

    /// Something on the page was seen before and comes from this browser: there is no network.
    pub fn from_store(self) -> ReadSignal<bool> {
        self.from_store.read_only()
    }

    /// It does, or no longer.
    pub fn set_from_store(self, from_store: bool) {
        if self.from_store.get_untracked() != from_store {
            self.from_store.set(from_store);
        }
    }
}
