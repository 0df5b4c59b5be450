//! A small blob, shown whole.

use std::sync::Arc;

use layerscope_core::digest::Digest;

use super::Load;
use super::later::{Later, ReadLater};

/// The blob page's state.
#[derive(Clone, Copy)]
pub struct BlobState {
    digest: Later<Option<Digest>>,
    bytes: Later<Load<Arc<[u8]>>>,
}

impl BlobState {
    pub(super) fn new() -> Self {
        BlobState {
            digest: Later::new(),
            bytes: Later::new(),
        }
    }

    /// Which blob it is.
    pub fn digest(self) -> ReadLater<Option<Digest>> {
        self.digest.read_only()
    }

    /// Its verified bytes.
    pub fn bytes(self) -> ReadLater<Load<Arc<[u8]>>> {
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
