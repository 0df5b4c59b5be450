//! SOCI's index of the image, if it has one: at most three small requests and the ztoc.

use crate::digest::Digest;
use crate::job::{MadeBy, SociIndex};
use crate::layer_index::LayerIndex;
use crate::manifest::Document;
use crate::reference::ManifestRef;
use crate::soci;
use crate::ztoc::Ztoc;

use super::find_index::{Outcome, Stop};
use super::job_state::Job;
use super::ports::Ports;

/// Opens the layer by its ztoc; none if the image has no index, or the index not this layer.
pub(super) async fn open<P: Ports>(job: &Job<P>) -> Outcome {
    let (source, client) = (&job.source, &job.client);
    let repository = &source.repository;
    let Some(digest) = index_digest(job).await? else {
        return Ok(None);
    };
    let by = ManifestRef::Digest(digest);
    let fetched = job.stop.guard(client.manifest(repository, &by)).await??;
    let Document::Manifest(index) = &fetched.document else {
        return Err(Stop::NoSociIndex);
    };
    let Some(descriptor) = soci::ztoc_of_layer(index, &source.digest) else {
        return Ok(None);
    };
    let blob = client.blob(repository, &descriptor.digest, descriptor.size);
    let bytes = job.stop.guard(blob).await??;
    let ztoc = Ztoc::parse(&bytes, source.size)?;
    let index = LayerIndex::from_ztoc(source.digest.clone(), ztoc);
    Ok(Some((index, MadeBy::Soci)))
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
