//! The image page: an index and the platform chosen in it, or a manifest; its configuration; what
//! refers to it.

use std::sync::Arc;

use layerscope_core::config::ImageConfig;
use layerscope_core::manifest::{Descriptor, Platform};
use layerscope_core::reference::{Reference, Repository};
use layerscope_core::registry::client::Fetched;
use layerscope_core::view::problem::Problem;
use leptos::prelude::*;

use super::Load;

/// A configuration, as bytes and as far as it is understood.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The verified bytes.
    pub bytes: Arc<[u8]>,
    /// What they say, if they are an image's configuration.
    pub image: Option<ImageConfig>,
}

/// The image page's state.
#[derive(Clone, Copy)]
pub struct ImageState {
    reference: RwSignal<Option<Reference>>,
    top: RwSignal<Load<Arc<Fetched>>>,
    chosen: RwSignal<Option<Descriptor>>,
    manifest: RwSignal<Load<Arc<Fetched>>>,
    config: RwSignal<Load<Arc<Config>>>,
    referrers: RwSignal<Load<Arc<Vec<Descriptor>>>>,
}

impl ImageState {
    pub(super) fn new() -> Self {
        ImageState {
            reference: RwSignal::default(),
            top: RwSignal::default(),
            chosen: RwSignal::default(),
            manifest: RwSignal::default(),
            config: RwSignal::default(),
            referrers: RwSignal::default(),
        }
    }

    /// What the page is about.
    pub fn reference(self) -> ReadSignal<Option<Reference>> {
        self.reference.read_only()
    }

    /// Its repository, without subscribing.
    pub fn repository(self) -> Option<Repository> {
        self.reference
            .with_untracked(|r| r.as_ref().map(|r| r.repository().clone()))
    }

    /// What the reference names: an index, or a manifest.
    pub fn top(self) -> ReadSignal<Load<Arc<Fetched>>> {
        self.top.read_only()
    }

    /// The index's entry that is shown.
    pub fn chosen(self) -> ReadSignal<Option<Descriptor>> {
        self.chosen.read_only()
    }

    /// The manifest shown: of the chosen platform, or the reference's own.
    pub fn manifest(self) -> ReadSignal<Load<Arc<Fetched>>> {
        self.manifest.read_only()
    }

    /// Its configuration.
    pub fn config(self) -> ReadSignal<Load<Arc<Config>>> {
        self.config.read_only()
    }

    /// What refers to it.
    pub fn referrers(self) -> ReadSignal<Load<Arc<Vec<Descriptor>>>> {
        self.referrers.read_only()
    }

    /// Another reference: everything is on its way.
    pub fn begin(self, reference: Reference) {
        self.reference.set(Some(reference));
        self.top.set(Load::Loading);
        self.begin_manifest(None);
    }

    /// Another platform: its manifest is on its way.
    pub fn begin_manifest(self, chosen: Option<Descriptor>) {
        self.chosen.set(chosen);
        self.manifest.set(Load::Loading);
        self.config.set(Load::Idle);
        self.referrers.set(Load::Idle);
    }

    /// The reference's own manifest or index came.
    pub fn set_top(self, top: Load<Arc<Fetched>>) {
        self.top.set(top);
    }

    /// The manifest to show came.
    pub fn set_manifest(self, manifest: Load<Arc<Fetched>>) {
        self.manifest.set(manifest);
    }

    /// The configuration.
    pub fn set_config(self, config: Load<Arc<Config>>) {
        self.config.set(config);
    }

    /// The referrers.
    pub fn set_referrers(self, referrers: Load<Arc<Vec<Descriptor>>>) {
        self.referrers.set(referrers);
    }

    /// Nothing came of it.
    pub fn fail(self, problem: Problem) {
        self.top.set(Load::Failed(problem));
        self.manifest.set(Load::Idle);
    }
}

/// A platform's name, or a word for none.
pub fn platform_name(platform: Option<&Platform>) -> String {
    platform.map_or_else(|| "no platform".to_owned(), ToString::to_string)
}
