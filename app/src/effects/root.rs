//! The layers of an image as one file system: which they are, and what is asked about them.

use std::rc::Rc;
use std::sync::Arc;

use layerscope_core::digest::Digest;
use layerscope_core::job::{LayerSource, Progress, Request, SociIndex};
use layerscope_core::manifest::{Descriptor, Document};
use layerscope_core::media_type::{self, MediaTypeKind};
use layerscope_core::path::EntryPath;
use layerscope_core::reference::{ManifestRef, Repository};
use layerscope_core::rootfs::ask::{RootAnswer, RootAsk};
use layerscope_core::route::Route;
use layerscope_core::view::problem::Problem;
use leptos::prelude::*;

use super::{Effects, Inner, layer, local};
use crate::state::layer::ROOT_TYPE;

/// No read of a file has this id: those count up from 1.
const ASK: u32 = 0;

/// Opens the root file system of an image by its manifest's digest, or another path in the one that
/// is open. `single`: the digest is that of one layer.
pub(super) fn load(
    inner: &Rc<Inner>,
    repository: &Repository,
    digest: &Digest,
    single: bool,
    same: bool,
) {
    if same {
        if inner.state.layer.job().is_some() {
            show(inner, true);
        }
        return; // else its manifest is on its way, and the place is looked at when it is here
    }
    layer::leave(inner);
    inner.state.layer.wait();
    inner.state.root.clear();
    if single {
        inner.tell_origin(digest);
        let known = inner.state.shell.origin().get_untracked();
        let descriptor = known.as_ref().map_or_else(
            || Descriptor::of(digest.clone()),
            |origin| origin.descriptor.clone(),
        );
        let manifest = known.map(|origin| origin.manifest);
        begin(inner, repository, digest, manifest, vec![descriptor]);
        return;
    }
    let origins = inner.origins.borrow();
    let origin = origins.values().find(|o| o.manifest == *digest).cloned();
    drop(origins);
    inner.state.shell.set_origin(origin);
    let itself = inner.clone();
    let (repository, digest) = (repository.clone(), digest.clone());
    inner.spawn(async move {
        match layers_of(&itself, &repository, digest.clone()).await {
            Ok((manifest, layers)) => {
                begin(&itself, &repository, &digest, Some(manifest), layers);
            }
            Err(problem) => itself.state.layer.fail(problem),
        }
    });
}

/// The layers that a manifest names, and its digest; those of the platform that an index prefers.
async fn layers_of(
    inner: &Inner,
    repository: &Repository,
    digest: Digest,
) -> Result<(Digest, Vec<Descriptor>), Problem> {
    let fetch = async |digest: Digest| {
        let by = ManifestRef::Digest(digest);
        let ask = async || inner.client.manifest(repository, &by).await;
        inner.by_either_way(repository.registry(), ask).await
    };
    let mut fetched = fetch(digest).await.map_err(|e| Problem::from(&e))?;
    if let Document::Index(index) = &fetched.document
        && let Some(choice) = index.default_choice()
    {
        fetched = fetch(choice.digest.clone())
            .await
            .map_err(|e| Problem::from(&e))?;
    }
    let layers = layers_in(&fetched.document)?;
    Ok((fetched.digest, layers))
}

/// The layers of an image, the lowest first.
pub(super) fn layers_in(document: &Document) -> Result<Vec<Descriptor>, Problem> {
    let layers: Vec<Descriptor> = match document {
        Document::Manifest(manifest) if manifest.is_image() => manifest.layers.clone(),
        Document::Schema1(old) => old.layers.iter().cloned().map(Descriptor::of).collect(),
        _ => {
            return Err(Problem::new(
                "NO_IMAGE",
                "This is no image",
                "Its manifest names no layers that could be unpacked one over the other",
                "Open it as what it is: the way there is the trail above.",
            ));
        }
    };
    let is_layer = |d: &&Descriptor| {
        matches!(media_type::kind(&d.media_type), MediaTypeKind::Layer { .. })
            || d.media_type.is_empty()
    };
    match layers.iter().find(|d| !is_layer(d)) {
        None => Ok(layers),
        Some(odd) => Err(Problem::new(
            "ODD_LAYER",
            "Not all of this image can be unpacked",
            format!(
                "The layer {} has the media type {}, which is none of a layer",
                odd.digest.short(),
                layerscope_core::path::visible(odd.media_type.as_bytes())
            ),
            "Open the layers one by one, from the image's page.",
        )),
    }
}

/// One of the layers of a root file system.
fn layer_of(root: &LayerSource, d: &Descriptor) -> LayerSource {
    LayerSource {
        digest: d.digest.clone(),
        // Nothing is known of one that is named by its digest alone.
        size: (d.size > 0).then_some(d.size),
        media_type: Some(d.media_type.clone()).filter(|t| !t.is_empty()),
        annotations: d.annotations.clone(),
        ..root.clone()
    }
}

/// What is told of each of the layers that are opened together.
pub(super) fn sources_of(
    inner: &Inner,
    root: &LayerSource,
    layers: &[Descriptor],
) -> Vec<LayerSource> {
    let described = layers.iter().map(|d| {
        let mut source = layer_of(root, d);
        local::describe(inner, &mut source);
        source
    });
    described.collect()
}

/// What the layers of a root file system have in common. `manifest`: that of the image whose layers
/// they are, if it is known.
pub(super) fn source_of(
    inner: &Inner,
    repository: &Repository,
    digest: &Digest,
    manifest: Option<Digest>,
    layers: &[Descriptor],
) -> LayerSource {
    // What its page has found out of it.
    let soci = inner
        .origins
        .borrow()
        .values()
        .find(|origin| Some(&origin.manifest) == manifest.as_ref())
        .map_or(SociIndex::Unknown, |origin| origin.soci.clone());
    let size = layers
        .iter()
        .fold(0_u64, |sum, d| d.size.saturating_add(sum));
    LayerSource {
        endpoint: inner.client.endpoint(repository.registry()),
        repository: repository.clone(),
        digest: digest.clone(),
        size: (size > 0).then_some(size),
        media_type: Some(ROOT_TYPE.to_owned()),
        annotations: Vec::new(),
        manifest,
        soci,
        given: None,
        whole: false,
        again: false,
        trade: inner.state.shell.trade().get_untracked(),
        unnamed: false,
    }
}

fn begin(
    inner: &Rc<Inner>,
    repository: &Repository,
    digest: &Digest,
    manifest: Option<Digest>,
    layers: Vec<Descriptor>,
) {
    let source = source_of(inner, repository, digest, manifest, &layers);
    layer::begin(inner, source, Arc::from(layers));
    show(inner, false);
}

/// Shows what the route of this moment names.
fn show(inner: &Rc<Inner>, same: bool) {
    match inner.state.shell.route_now() {
        Route::Layers {
            path,
            inner: archives,
            show,
            ..
        } => layer::look_at(inner, &path, &archives, &show, same),
        Route::Size { path, .. } | Route::Sizes { path, .. } => {
            let asks = inner.state.root.look_at(path);
            ask(inner, asks);
            let job = inner.state.layer.job();
            if let Some(progress) = job.and_then(|job| inner.pool.progress(job)) {
                on_progress(inner, &progress);
            }
        }
        _ => {}
    }
}

fn ask(inner: &Inner, asks: Vec<RootAsk>) {
    let Some(job) = inner.state.layer.job() else {
        return;
    };
    for ask in asks {
        // Each of its parts can be packed.
        if let Ok(ask) = postcard::to_allocvec(&ask) {
            inner.pool.post(Request::Root {
                job,
                read: ASK,
                ask,
            });
        }
    }
}

/// The layers have come further.
pub(super) fn on_progress(inner: &Inner, progress: &Progress) {
    let asks = inner.state.root.follow(progress);
    ask(inner, asks);
}

/// A worker answers.
pub(super) fn on_answer(inner: &Inner, bytes: Option<&[u8]>) {
    let answer = bytes.and_then(|b| postcard::from_bytes::<RootAnswer>(b).ok());
    if let Some(answer) = answer {
        // One about a directory that was left meanwhile is as late as any.
        let at = inner
            .state
            .shell
            .place()
            .with_untracked(|p| match &p.route {
                Route::Size { path, .. } | Route::Sizes { path, .. } => Some(path.clone()),
                _ => None,
            });
        let late =
            matches!(&answer, RootAnswer::Sizes(s) if s.asked != at.unwrap_or(EntryPath::ROOT));
        if !late {
            let asks = inner.state.root.take(answer);
            ask(inner, asks);
        }
    }
}

impl Effects {
    /// Reads what is installed in the image that is open.
    pub fn read_packages(self) {
        self.with(|inner| {
            inner.state.root.begin_packages();
            ask(inner, vec![RootAsk::Packages]);
        });
    }
}
