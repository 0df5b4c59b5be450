//! How much there may be of an image's layers together, and of the work that one of them makes.

use super::MAX_LAYERS;
use crate::tar::Limits;

/// Steps that one layer may take: components of names walked, links' targets included, and names
/// hidden. As many entries as a layer may have, with ten components each and one link on the way,
/// take a fifth of it; at some tens of nanoseconds a step it is some ten seconds.
pub const MAX_LAYER_STEPS: u64 = 400_000_000;

/// What fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Layers.
    pub layers: usize,
    /// Entries of all layers, but the whiteouts.
    pub entries: u32,
    /// Steps that one layer may take.
    pub steps: u64,
}

impl Default for Room {
    fn default() -> Self {
        Room {
            layers: MAX_LAYERS,
            entries: Limits::ENTRIES,
            steps: MAX_LAYER_STEPS,
        }
    }
}

/// How far a layer has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Laid {
    /// There is more to do.
    Part,
    /// All of it is in.
    Whole,
    /// Nothing of it is in, and nothing of any layer above it will be.
    LeftOut(NoRoom),
}

/// Why a layer is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoRoom {
    /// There are more layers than [`Room::layers`].
    #[error("with it there are more layers than the {0} that are laid one over the other")]
    Layers(usize),
    /// There are more entries than [`Room::entries`].
    #[error("with it there are more entries than the {0} that are kept of all layers together")]
    Entries(u32),
    /// Names and link targets take more than is kept of them.
    #[error("with it the names of all layers together are longer than what is kept of them")]
    Names,
    /// It takes more than [`Room::steps`].
    #[error("to find where its entries go takes more than {0} steps: its links lead on and on")]
    Steps(u64),
    /// A layer below it was left out.
    #[error("a layer below it was left out")]
    Closed,
}
