//! The image page: an index and the platform chosen in it, or a manifest; its configuration; what
//! refers to it.

use std::sync::Arc;

use layerscope_core::config::ImageConfig;
use layerscope_core::digest::Digest;
use layerscope_core::manifest::{Descriptor, Platform};
use layerscope_core::reference::{Reference, Repository};
use layerscope_core::registry::client::Fetched;
use layerscope_core::registry::referrers::{Attached, Tree};
use layerscope_core::view::problem::Problem;

use super::Load;
use super::later::{Later, ReadLater};

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
    reference: Later<Option<Reference>>,
    top: Later<Load<Arc<Fetched>>>,
    chosen: Later<Option<Descriptor>>,
    manifest: Later<Load<Arc<Fetched>>>,
    config: Later<Load<Arc<Config>>>,
    referrers: Later<Tree>,
}

impl ImageState {
    pub(super) fn new() -> Self {
        ImageState {
            reference: Later::new(),
            top: Later::new(),
            chosen: Later::new(),
            manifest: Later::new(),
            config: Later::new(),
            referrers: Later::new(),
        }
    }

    /// What the page is about.
    pub fn reference(self) -> ReadLater<Option<Reference>> {
        self.reference.read_only()
    }

    /// Its repository, without subscribing.
    pub fn repository(self) -> Option<Repository> {
        self.reference
            .with_untracked(|r| r.as_ref().map(|r| r.repository().clone()))
    }

    /// What the reference names: an index, or a manifest.
    pub fn top(self) -> ReadLater<Load<Arc<Fetched>>> {
        self.top.read_only()
    }

    /// The index's entry that is shown.
    pub fn chosen(self) -> ReadLater<Option<Descriptor>> {
        self.chosen.read_only()
    }

    /// The manifest shown: of the chosen platform, or the reference's own.
    pub fn manifest(self) -> ReadLater<Load<Arc<Fetched>>> {
        self.manifest.read_only()
    }

    /// Its configuration.
    pub fn config(self) -> ReadLater<Load<Arc<Config>>> {
        self.config.read_only()
    }

    /// What refers to it, to the index, and to what refers to them, as far as it was asked for.
    pub fn referrers(self) -> ReadLater<Tree> {
        self.referrers.read_only()
    }

    /// Another reference: everything is on its way.
    pub fn begin(self, reference: Reference) {
        self.reference.set(Some(reference));
        self.top.set(Load::Loading);
        self.referrers.set(Tree::default());
        self.begin_manifest(None);
    }

    /// Another platform: its manifest is on its way.
    pub fn begin_manifest(self, chosen: Option<Descriptor>) {
        self.chosen.set(chosen);
        self.manifest.set(Load::Loading);
        self.config.set(Load::Idle);
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

    /// What refers to a manifest is to be asked for. False if it was before, and has not failed.
    pub fn begin_referrers(self, of: &Digest) -> bool {
        let failed = |t: &Tree| t.grown(of).is_some_and(|a| !a.failures.is_empty());
        if self.referrers.with_untracked(failed) {
            self.referrers.update(|t| t.forget(of));
        }
        // Told to nobody where nothing changes.
        let new = self.referrers.with_untracked(|t| t.get(of).is_none());
        if new {
            self.referrers.update(|t| t.begin(of));
        }
        new
    }

    /// What refers to a manifest.
    pub fn set_referrers(self, of: Digest, attached: Arc<Attached>) {
        self.referrers.update(|t| t.put(of, attached));
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
