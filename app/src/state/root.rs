//! What is known of the root file system that is open, beside its listing.

use std::sync::Arc;

use layerscope_core::job::Progress;
use layerscope_core::path::EntryPath;
use layerscope_core::rootfs::ask::{
    LayerFacts, PackagesAnswer, RootAnswer, RootAsk, SizesAnswer, WasteAnswer,
};
use layerscope_core::rootfs::watch::Watch;
use leptos::prelude::*;

use super::Load;

/// The state.
#[derive(Clone, Copy)]
pub struct RootState {
    sizes: RwSignal<Option<Arc<SizesAnswer>>>,
    waste: RwSignal<Option<Arc<WasteAnswer>>>,
    layers: RwSignal<Arc<Vec<LayerFacts>>>,
    packages: RwSignal<Load<Arc<PackagesAnswer>>>,
    watch: StoredValue<Watch>,
}

impl RootState {
    pub(super) fn new() -> Self {
        RootState {
            sizes: RwSignal::default(),
            waste: RwSignal::default(),
            layers: RwSignal::default(),
            packages: RwSignal::default(),
            watch: StoredValue::new(Watch::default()),
        }
    }

    /// Where the bytes are under the directory that is looked at.
    pub fn sizes(self) -> ReadSignal<Option<Arc<SizesAnswer>>> {
        self.sizes.read_only()
    }

    /// What is wasted.
    pub fn waste(self) -> ReadSignal<Option<Arc<WasteAnswer>>> {
        self.waste.read_only()
    }

    /// What each layer did.
    pub fn layers(self) -> ReadSignal<Arc<Vec<LayerFacts>>> {
        self.layers.read_only()
    }

    /// What is installed.
    pub fn packages(self) -> ReadSignal<Load<Arc<PackagesAnswer>>> {
        self.packages.read_only()
    }

    /// What is installed is asked for.
    pub fn begin_packages(self) {
        self.packages.set(Load::Loading);
    }

    /// Another root file system, or none.
    pub fn clear(self) {
        self.sizes.set(None);
        self.waste.set(None);
        self.layers.set(Arc::default());
        self.packages.set(Load::Idle);
        self.watch.set_value(Watch::default());
    }

    /// The sizes of a directory are looked at. Returns what to ask now.
    pub fn look_at(self, at: EntryPath) -> Vec<RootAsk> {
        self.sizes.set(None);
        self.watching(|watch| watch.look_at(at))
    }

    /// The layers have come further. Returns what to ask anew.
    pub fn follow(self, progress: &Progress) -> Vec<RootAsk> {
        self.watching(|watch| watch.follow(progress))
    }

    /// An answer came. Returns what to ask next.
    pub fn take(self, answer: RootAnswer) -> Vec<RootAsk> {
        let asks = self.watching(|watch| watch.answered(&answer));
        match answer {
            RootAnswer::Sizes(sizes) => self.sizes.set(Some(Arc::new(sizes))),
            RootAnswer::Waste(waste) => self.waste.set(Some(Arc::new(waste))),
            RootAnswer::Packages(packages) => self.packages.set(Load::Ready(Arc::new(packages))),
            RootAnswer::Layers(layers) => self.layers.set(Arc::new(layers)),
            RootAnswer::Compare(_) => {} // not about this one
        }
        asks
    }

    fn watching(self, ask: impl FnOnce(&mut Watch) -> Vec<RootAsk>) -> Vec<RootAsk> {
        self.watch.try_update_value(ask).unwrap_or_default()
    }
}
