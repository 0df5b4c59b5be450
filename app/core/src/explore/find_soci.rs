//! SOCI's index of the image, if it has one: at most three small requests and the ztoc.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::digest::Digest;
use crate::job::{MadeBy, SociIndex};
use crate::layer_index::LayerIndex;
use crate::manifest::{Document, ImageManifest};
use crate::reference::ManifestRef;
use crate::soci;
use crate::ztoc::Ztoc;

use super::cancel::Bell;
use super::find_index::{Outcome, Stop};
use super::job_state::Job;
use super::ports::Ports;

/// SOCI's index of an image, which is looked for once for all of its layers.
#[derive(Default)]
pub(super) struct Shared {
    /// None while nobody has an answer.
    known: RefCell<Option<Option<Rc<ImageManifest>>>>,
    asking: Cell<bool>,
    answered: Bell,
}

/// Opens the layer by its ztoc; none if the image has no index, or the index not this layer.
pub(super) async fn open<P: Ports>(job: &Job<P>) -> Outcome {
    let (source, client) = (&job.source, &job.client);
    let Some(index) = shared_index(job).await? else {
        return Ok(None);
    };
    let Some(descriptor) = soci::ztoc_of_layer(&index, &source.digest) else {
        return Ok(None);
    };
    let blob = client.blob(&source.repository, &descriptor.digest, descriptor.size);
    let bytes = job.stop.guard(blob).await??;
    let ztoc = Ztoc::parse(&bytes, source.size)?;
    let index = LayerIndex::from_ztoc(source.digest.clone(), ztoc);
    Ok(Some((index, MadeBy::Soci)))
}

/// The index. What goes wrong is told of the layer that asked; for the others there is none.
async fn shared_index<P: Ports>(job: &Job<P>) -> Result<Option<Rc<ImageManifest>>, Stop> {
    let shared = &job.soci;
    loop {
        let answered = shared.answered.next();
        if let Some(known) = &*shared.known.borrow() {
            return Ok(known.clone());
        }
        if !shared.asking.replace(true) {
            break;
        }
        job.stop.guard(answered).await?;
    }
    let found = index(job).await;
    let known = found.as_ref().ok().cloned().flatten();
    shared.known.replace(Some(known));
    shared.answered.ring();
    found
}

async fn index<P: Ports>(job: &Job<P>) -> Result<Option<Rc<ImageManifest>>, Stop> {
    let Some(digest) = index_digest(job).await? else {
        return Ok(None);
    };
    let by = ManifestRef::Digest(digest);
    let manifest = job.client.manifest(&job.source.repository, &by);
    match job.stop.guard(manifest).await??.document {
        Document::Manifest(index) => Ok(Some(Rc::new(index))),
        _ => Err(Stop::NoSociIndex),
    }
}

/// Which manifest is the index.
async fn index_digest<P: Ports>(job: &Job<P>) -> Result<Option<Digest>, Stop> {
    let source = &job.source;
    let manifest = match (&source.soci, &source.manifest) {
        (SociIndex::At(digest), _) => return Ok(Some(digest.clone())),
        (SociIndex::Unknown, Some(manifest)) => manifest,
        (SociIndex::Unknown | SociIndex::None, _) => return Ok(None),
    };
    let referrers = job.client.referrers(&source.repository, manifest);
    // Nobody promised anything: what goes wrong here is not told.
    let found = job.stop.guard(referrers).await?.unwrap_or_default();
    Ok(soci::index_of_referrers(&found).map(|d| d.digest.clone()))
}
