//! Which way registries are asked, as the settings page shows it.

use layerscope_core::registry::way::{Surroundings, Ways};
use leptos::prelude::*;

/// The state of it. It is in the first download with all other state, and so of types that have
/// signals there already: what is known of the registries is the text that is kept of it.
#[derive(Clone, Copy)]
pub struct WayState {
    ways: RwSignal<String>,
    proxy: RwSignal<Option<String>>,
    closed: RwSignal<bool>,
    settled: RwSignal<bool>,
}

impl WayState {
    pub(super) fn new() -> Self {
        WayState {
            ways: RwSignal::default(),
            proxy: RwSignal::default(),
            closed: RwSignal::default(),
            settled: RwSignal::default(),
        }
    }

    /// What is known of each registry.
    pub fn ways(self) -> Memo<Ways> {
        Memo::new(move |_| self.ways.with(|text| Ways::parse(text)))
    }

    /// The proxy's address, empty for the page's own origin; none where there is none.
    pub fn proxy(self) -> ReadSignal<Option<String>> {
        self.proxy.read_only()
    }

    /// The page's own policy lets it ask nobody but the proxy.
    pub fn closed(self) -> ReadSignal<bool> {
        self.closed.read_only()
    }

    /// All of it is known; before that nothing can be chosen.
    pub fn settled(self) -> ReadSignal<bool> {
        self.settled.read_only()
    }

    /// Something was chosen, or found out.
    pub fn set(self, ways: &Ways, around: &Surroundings) {
        self.ways.set(ways.to_text());
        self.proxy.set(around.proxy.clone());
        self.closed.set(around.closed);
        self.settled.set(true);
    }
}
