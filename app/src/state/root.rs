//! What is known of the root file system that is open, beside its listing.

use std::sync::Arc;

use layerscope_core::path::EntryPath;
use layerscope_core::rootfs::ask::{
    LayerFacts, PackagesAnswer, RootAnswer, RootAsk, SizesAnswer, WasteAnswer,
};
use leptos::prelude::*;

use super::Load;

/// The state.
#[derive(Clone, Copy)]
pub struct RootState {
    sizes: RwSignal<Option<Arc<SizesAnswer>>>,
    waste: RwSignal<Option<Arc<WasteAnswer>>>,
    layers: RwSignal<Arc<Vec<LayerFacts>>>,
    packages: RwSignal<Load<Arc<PackagesAnswer>>>,
    /// The directory whose sizes are wanted; none if nobody looks at them.
    at: StoredValue<Option<EntryPath>>,
    /// Layers that the answers are of.
    seen: StoredValue<Option<(u32, u32)>>,
}

impl RootState {
    pub(super) fn new() -> Self {
        RootState {
            sizes: RwSignal::default(),
            waste: RwSignal::default(),
            layers: RwSignal::default(),
            packages: RwSignal::default(),
            at: StoredValue::new(None),
            seen: StoredValue::new(None),
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
        self.at.set_value(None);
        self.seen.set_value(None);
    }

    /// The sizes of a directory are looked at. Returns what to ask now.
    pub fn look_at(self, at: EntryPath) -> Vec<RootAsk> {
        self.at.set_value(Some(at));
        self.sizes.set(None);
        match self.seen.get_value() {
            None | Some((0, _)) => Vec::new(),
            Some(_) => self.asks(),
        }
    }

    /// Another layer is in. Returns what to ask anew.
    pub fn set_seen(self, layers: Option<(u32, u32)>) -> Vec<RootAsk> {
        if layers == self.seen.get_value() {
            return Vec::new();
        }
        self.seen.set_value(layers);
        match layers {
            // All of an image without layers is known at once.
            Some((n, of)) if n > 0 || of == 0 => self.asks(),
            _ => Vec::new(),
        }
    }

    fn asks(self) -> Vec<RootAsk> {
        match self.at.get_value() {
            None => Vec::new(),
            Some(at) => vec![RootAsk::Sizes { at }, RootAsk::Layers, RootAsk::Waste],
        }
    }

    /// An answer came.
    pub fn take(self, answer: RootAnswer) {
        match answer {
            RootAnswer::Sizes(sizes) => self.sizes.set(Some(Arc::new(sizes))),
            RootAnswer::Waste(waste) => self.waste.set(Some(Arc::new(waste))),
            RootAnswer::Packages(packages) => self.packages.set(Load::Ready(Arc::new(packages))),
            RootAnswer::Layers(layers) => self.layers.set(Arc::new(layers)),
            RootAnswer::Compare(_) => {} // not about this one
        }
    }
}
