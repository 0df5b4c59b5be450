//! A small blob.

use std::rc::Rc;

use layerscope_core::digest::Digest;
use layerscope_core::job::Verified;
use layerscope_core::media_type::{self, MediaTypeKind};
use layerscope_core::reference::Repository;

use super::{Inner, viewer};
use crate::state::Load;

/// Largest blob shown whole, in bytes. Larger ones are layers, or are left to the command line.
pub const MAX_BLOB: u64 = 8 * 1024 * 1024;

pub(super) fn load(
    inner: &Rc<Inner>,
    repository: &Repository,
    digest: &Digest,
    media_type: Option<&str>,
) {
    let state = inner.state.blob;
    inner.state.viewer.close();
    // What has a page of its own, and is opened most, has no other view.
    let is_config = media_type.is_some_and(|t| media_type::kind(t) == MediaTypeKind::Config);
    state.begin(digest.clone());
    inner.tell_origin(digest);
    let itself = inner.clone();
    let (repository, digest) = (repository.clone(), digest.clone());
    inner.spawn(async move {
        let ask = async || itself.client.blob(&repository, &digest, MAX_BLOB).await;
        let bytes = itself.by_either_way(repository.registry(), ask).await;
        state.set(match bytes {
            Ok(bytes) => {
                if !is_config {
                    let total = bytes.len() as u64;
                    viewer::open(&itself, None, total, &bytes, Verified::Blob);
                }
                Load::Ready(bytes.into())
            }
            Err(error) => Load::Failed((&error).into()),
        });
    });
}
