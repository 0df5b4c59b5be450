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
    network: RwSignal<bool>,
}

impl OfflineState {
    pub(super) fn new() -> Self {
        OfflineState {
            app: RwSignal::default(),
            newer: RwSignal::default(),
            from_store: RwSignal::default(),
            network: RwSignal::new(true),
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

    /// Something on the present page was seen on an earlier visit and comes from this browser.
    pub fn from_store(self) -> ReadSignal<bool> {
        self.from_store.read_only()
    }

    /// It does; or another page is loaded, of which nothing does so far.
    pub fn set_from_store(self, from_store: bool) {
        set(self.from_store, from_store);
    }

    /// The browser says that there is a network.
    pub fn network(self) -> ReadSignal<bool> {
        self.network.read_only()
    }

    /// It says that there is one, or none.
    pub fn set_network(self, on: bool) {
        set(self.network, on);
    }
}

fn set(signal: RwSignal<bool>, value: bool) {
    if signal.get_untracked() != value {
        signal.set(value);
    }
}
