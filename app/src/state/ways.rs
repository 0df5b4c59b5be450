//! Which way registries are asked, as the settings page shows it.

use layerscope_core::registry::way::Ways;
use leptos::prelude::*;

/// The state of it. It is in the first download with all other state, and so of types that have
/// signals there already: what is known of the registries is the text that is kept of it.
#[derive(Clone, Copy)]
pub struct WayState {
    ways: RwSignal<String>,
    proxy: RwSignal<Option<String>>,
}

impl WayState {
    pub(super) fn new() -> Self {
        WayState {
            ways: RwSignal::default(),
            proxy: RwSignal::default(),
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

    /// Something was chosen, or found out.
    pub fn set(self, ways: &Ways, proxy: Option<String>) {
        self.ways.set(ways.to_text());
        self.proxy.set(proxy);
    }
}
