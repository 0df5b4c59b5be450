//! Which way registries are asked, as the settings page shows it.

use layerscope_core::registry::way::{Surroundings, Ways};
use leptos::prelude::*;

/// The state of it.
#[derive(Clone, Copy)]
pub struct WayState {
    ways: RwSignal<Ways>,
    around: RwSignal<Surroundings>,
}

impl WayState {
    pub(super) fn new() -> Self {
        WayState {
            ways: RwSignal::default(),
            around: RwSignal::default(),
        }
    }

    /// What is known of each registry.
    pub fn ways(self) -> ReadSignal<Ways> {
        self.ways.read_only()
    }

    /// What there is beside the page.
    pub fn around(self) -> ReadSignal<Surroundings> {
        self.around.read_only()
    }

    /// Something was chosen, or found out.
    pub fn set(self, ways: Ways, around: Surroundings) {
        self.ways.set(ways);
        self.around.set(around);
    }
}
