//! The index that a worker was started for, read and unpacked before the page asks for its layer.

use std::cell::RefCell;

use crate::digest::Digest;
use crate::layer_index::LayerIndex;
use crate::port::{IndexStore, index_key};
use crate::tree::Tree;

use super::cancel::Bell;

/// A stored index, unpacked.
pub(super) struct Stored {
    pub(super) index: LayerIndex,
    /// What its entries make, as far as that was done ahead.
    pub(super) tree: Tree,
    /// Bytes in the store.
    pub(super) stored_len: u64,
}

impl Stored {
    /// None for what is no index of this layer: a damaged one, one of another version.
    pub(super) fn read(bytes: &[u8], digest: &Digest) -> Option<Stored> {
        let index = LayerIndex::from_bytes(bytes).ok()?;
        if index.digest() != digest {
            return None;
        }
        Some(Stored {
            index,
            tree: Tree::new(),
            stored_len: bytes.len() as u64,
        })
    }
}

#[derive(Default)]
enum State {
    #[default]
    Nothing,
    UnderWay(Digest),
    /// The answer for this layer.
    Read(Digest, Option<Box<Stored>>),
}

/// At most one answer, until it is taken.
#[derive(Default)]
pub(super) struct Ahead {
    state: RefCell<State>,
    bell: Bell,
}

impl Ahead {
    /// Reads a layer's index from the store. What goes wrong shows when the layer is opened.
    pub(super) async fn read(&self, store: &impl IndexStore, digest: &Digest) {
        self.state.replace(State::UnderWay(digest.clone()));
        let found = store.get(&index_key(digest)).await;
        let next = match found.map(|bytes| bytes.map(|bytes| Stored::read(&bytes, digest))) {
            Ok(None) => State::Read(digest.clone(), None),
            Ok(Some(Some(mut stored))) => {
                // What is no archive is listed in another way.
                if !stored.index.is_bare() {
                    stored.tree.update(stored.index.toc());
                }
                State::Read(digest.clone(), Some(Box::new(stored)))
            }
            // Who opens the layer finds out too, and does what is to be done.
            Ok(Some(None)) | Err(_) => State::Nothing,
        };
        self.state.replace(next);
        self.bell.ring();
    }

    /// Takes what was found for this layer: its index, or that none is stored. None if nothing was
    /// looked for, or it has to be looked at again.
    pub(super) async fn take(&self, digest: &Digest) -> Option<Option<Box<Stored>>> {
        while matches!(&*self.state.borrow(), State::UnderWay(other) if other == digest) {
            self.bell.next().await;
        }
        match self.state.take() {
            State::Read(other, found) if other == *digest => Some(found),
            other => {
                self.state.replace(other);
                None
            }
        }
    }
}
