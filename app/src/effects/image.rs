//! Manifests, configuration, referrers.

use std::rc::Rc;
use std::sync::Arc;

use layerscope_core::config::{ImageConfig, MAX_CONFIG_BYTES};
use layerscope_core::digest::Digest;
use layerscope_core::job::SociIndex;
use layerscope_core::manifest::{Descriptor, Document, Platform};
use layerscope_core::media_type::{self, MediaTypeKind};
use layerscope_core::reference::{ManifestRef, Reference, Repository};
use layerscope_core::registry::client::Fetched;
use layerscope_core::route::Route;
use layerscope_core::soci;
use layerscope_core::view::problem::Problem;

use super::{Effects, Inner, Key};
use crate::browser::prefs;
use crate::state::Load;
use crate::state::image::Config;
use crate::state::shell::Origin;

/// Layers and blobs whose origin is remembered.
const MAX_ORIGINS: usize = 4096;

/// Loads an image; with the same reference only the platform.
pub(super) fn load(
    inner: &Rc<Inner>,
    reference: &Reference,
    platform: Option<&Platform>,
    same: bool,
) {
    let state = inner.state.image;
    let top = state.top().with_untracked(|t| t.ready().cloned());
    let itself = inner.clone();
    let (reference, platform) = (reference.clone(), platform.cloned());
    if same {
        if let Some(top) = top {
            let shown = state.chosen().get_untracked();
            let wanted = choose(&top.document, platform.as_ref());
            if matches!(&wanted, Ok(w) if *w == shown)
                && state.manifest().with_untracked(|m| m.ready().is_some())
            {
                return;
            }
            inner.spawn(async move { show(&itself, &reference, &top, platform).await });
        }
        return;
    }
    state.begin(reference.clone());
    inner.spawn(async move {
        let repository = reference.repository();
        let by = reference.manifest();
        let ask = async || itself.client.manifest(repository, &by).await;
        match itself.by_either_way(repository.registry(), ask).await {
            Ok(top) => {
                let top = Arc::new(top);
                if !reference.registry().is_local() {
                    prefs::add_recent(&reference.familiar());
                }
                state.set_top(Load::Ready(top.clone()));
                show(&itself, &reference, &top, platform).await;
            }
            Err(error) => state.fail((&error).into()),
        }
    });
}

/// The index's entry to show: none where the document is a manifest itself.
pub(super) fn choose(
    document: &Document,
    platform: Option<&Platform>,
) -> Result<Option<Descriptor>, Problem> {
    let Document::Index(index) = document else {
        return Ok(None);
    };
    let Some(wanted) = platform else {
        return Ok(index.default_choice().cloned());
    };
    // An exact match first: `linux/arm` must not show `linux/arm/v6` where both are there.
    let exact = index
        .choices()
        .find(|d| d.platform.as_ref() == Some(wanted));
    let found = exact.or_else(|| index.choose(wanted)).cloned();
    found.map(Some).ok_or_else(|| {
        Problem::new(
            "PLATFORM_MISSING",
            "This image is not there for that platform",
            format!("The index has no manifest for {wanted}"),
            "Choose one of the platforms above.",
        )
    })
}

async fn show(
    inner: &Rc<Inner>,
    reference: &Reference,
    top: &Arc<Fetched>,
    platform: Option<Platform>,
) {
    let state = inner.state.image;
    let repository = reference.repository();
    let chosen = match choose(&top.document, platform.as_ref()) {
        Ok(chosen) => chosen,
        Err(problem) => {
            state.begin_manifest(None);
            return state.set_manifest(Load::Failed(problem));
        }
    };
    state.begin_manifest(chosen.clone());
    let fetched = match (&chosen, &top.document) {
        (Some(descriptor), _) => {
            let by = ManifestRef::Digest(descriptor.digest.clone());
            match inner.client.manifest(repository, &by).await {
                Ok(fetched) => Arc::new(fetched),
                Err(error) => return state.set_manifest(Load::Failed((&error).into())),
            }
        }
        (None, Document::Index(_)) => return state.set_manifest(Load::Idle),
        (None, _) => top.clone(),
    };
    remember(inner, reference, platform, &fetched);
    state.set_manifest(Load::Ready(fetched.clone()));
    config(inner, repository, &fetched).await;
    // A layer is what is opened next: its worker takes a tenth of a second to load.
    inner.pool.warm();
}

impl Effects {
    /// Asks what refers to a manifest of the present image's repository, once; again where that
    /// failed.
    pub fn find_referrers(self, of: &Digest) {
        self.with(|inner| find_referrers(inner, of));
    }
}

fn find_referrers(inner: &Rc<Inner>, of: &Digest) {
    let state = inner.state.image;
    let Some(repository) = state.repository() else {
        return;
    };
    let Key::Image(_, kind) = inner.key.borrow().clone() else {
        return; // left already
    };
    if !state.begin_referrers(of) {
        return;
    }
    let (itself, of) = (inner.clone(), of.clone());
    inner.spawn(async move {
        let client = &itself.client;
        // All of it, whatever is shown: what is wanted may hang below something else.
        let mut attached = client.attached(&repository, &of, None).await;
        if attached.cut && kind.is_some() {
            // What is wanted may be in the rest.
            attached = client.attached(&repository, &of, kind.as_deref()).await;
            attached.cut = true;
        } else if attached.failures.is_empty() && !attached.cut {
            let found: Vec<Descriptor> = attached.descriptors().cloned().collect();
            remember_soci(&itself, &of, &found);
        }
        state.set_referrers(of, Arc::new(attached));
    });
}

async fn config(inner: &Inner, repository: &Repository, fetched: &Fetched) {
    let state = inner.state.image;
    if config_descriptor(fetched).is_some() {
        state.set_config(Load::Loading);
    }
    if let Some(config) = config_of(inner, repository, fetched).await {
        state.set_config(config);
    }
}

/// The configuration that a manifest names, if it can be looked at.
fn config_descriptor(fetched: &Fetched) -> Option<&Descriptor> {
    let Document::Manifest(manifest) = &fetched.document else {
        return None;
    };
    manifest.config.as_ref().filter(|d| {
        let kind = media_type::kind(&d.media_type);
        kind == MediaTypeKind::Config || media_type::is_json(&d.media_type)
    })
}

/// Fetches the configuration of a manifest; none if it has none that can be looked at.
pub(super) async fn config_of(
    inner: &Inner,
    repository: &Repository,
    fetched: &Fetched,
) -> Option<Load<Arc<Config>>> {
    let descriptor = config_descriptor(fetched)?;
    let bytes = match descriptor.embedded() {
        Some(bytes) => Ok(bytes),
        None => {
            let blob = inner
                .client
                .blob(repository, &descriptor.digest, MAX_CONFIG_BYTES);
            blob.await
        }
    };
    let is_image = media_type::kind(&descriptor.media_type) == MediaTypeKind::Config;
    Some(match bytes {
        Ok(bytes) => Load::Ready(Arc::new(Config {
            image: is_image.then(|| ImageConfig::parse(&bytes).ok()).flatten(),
            bytes: bytes.into(),
        })),
        Err(error) => Load::Failed((&error).into()),
    })
}

/// Notes by which image its layers and its configuration were come upon.
fn remember(inner: &Inner, reference: &Reference, platform: Option<Platform>, fetched: &Fetched) {
    let Document::Manifest(manifest) = &fetched.document else {
        return;
    };
    let route = Route::image_for(reference.clone(), platform);
    let named = soci::index_of_manifest(&manifest.annotations);
    let soci = named.map_or(SociIndex::Unknown, SociIndex::At);
    let mut origins = inner.origins.borrow_mut();
    if origins.len() > MAX_ORIGINS {
        origins.clear();
    }
    let layers = manifest.layers.iter().enumerate();
    let layers = layers.map(|(i, d)| (Some(i), d));
    for (layer, descriptor) in layers.chain(manifest.config.iter().map(|d| (None, d))) {
        let origin = Origin {
            reference: reference.clone(),
            route: route.clone(),
            manifest: fetched.digest.clone(),
            manifest_len: fetched.bytes.len() as u64,
            manifest_type: fetched.media_type.clone(),
            soci: soci.clone(),
            descriptor: descriptor.clone(),
            layer,
            layers: manifest.layers.len(),
        };
        origins.insert(descriptor.digest.clone(), origin);
    }
}

/// Notes whether there is SOCI's index among what refers to a manifest, so that its layers need not
/// ask again.
fn remember_soci(inner: &Inner, manifest: &Digest, referrers: &[Descriptor]) {
    let found = soci::index_of_referrers(referrers);
    let found = found.map_or(SociIndex::None, |d| SociIndex::At(d.digest.clone()));
    let mut origins = inner.origins.borrow_mut();
    let unknown = |o: &&mut Origin| o.manifest == *manifest && o.soci == SociIndex::Unknown;
    for origin in origins.values_mut().filter(unknown) {
        origin.soci = found.clone();
    }
}
