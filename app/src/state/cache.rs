//! What this browser keeps: for the settings page.

use super::Load;
use super::later::{Later, ReadLater};
use crate::browser::store::StoredLayer;

/// What is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    /// Layers, last used first.
    pub layers: Vec<StoredLayer>,
    /// Answers of registries, for when there is no network.
    pub seen: u32,
    /// Bytes of those.
    pub seen_bytes: u32,
    /// Bytes of layers stored.
    pub used: u64,
    /// Bytes that may be stored.
    pub budget: u64,
}

/// The settings page's state.
#[derive(Clone, Copy)]
pub struct CacheState {
    kept: Later<Load<Kept>>,
}

impl CacheState {
    pub(super) fn new() -> Self {
        CacheState { kept: Later::new() }
    }

    /// What is kept.
    pub fn kept(self) -> ReadLater<Load<Kept>> {
        self.kept.read_only()
    }

    /// It was read, or not.
    pub fn set(self, kept: Load<Kept>) {
        self.kept.set(kept);
    }
}
