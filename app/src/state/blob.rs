//! A small blob, shown whole.

use std::sync::Arc;

use layerscope_core::digest::Digest;
use leptos::prelude::*;

use super::Load;

/// The blob page's state.
#[derive(Clone, Copy)]
pub struct BlobState {
    digest: RwSignal<Option<Digest>>,
    bytes: RwSignal<Load<Arc<[u8]>>>,
}

impl BlobState {
    pub(super) fn new() -> Self {
        BlobState {
            digest: RwSignal::default(),
            bytes: RwSignal::default(),
        }
    }

    /// Which blob it is.
    pub fn digest(self) -> ReadSignal<Option<Digest>> {
        self.digest.read_only()
    }

    /// Its verified bytes.
    pub fn bytes(self) -> ReadSignal<Load<Arc<[u8]>>> {
        self.bytes.read_only()
    }

    /// Another blob is on its way.
    pub fn begin(self, digest: Digest) {
        self.digest.set(Some(digest));
        self.bytes.set(Load::Loading);
    }

    /// It came, or not.
    pub fn set(self, bytes: Load<Arc<[u8]>>) {
        self.bytes.set(bytes);
    }
}
