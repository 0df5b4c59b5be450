//! A blob's digests with the browser's own SHA-256 where it helps.
//!
//! `crypto.subtle` is some four times as fast as ours, but hashes only whole buffers. So the blob's
//! own digest is ours, and those of its units are the browser's, made beside it on its threads.
//! Pages from plain http have no `crypto.subtle`; there all of it is ours.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use js_sys::{ArrayBuffer, Reflect, Uint8Array};
use layerscope_core::digest::{Algorithm, Digest, Hasher};
use layerscope_core::explore::cancel::Bell;
use layerscope_core::layer_index::{BlobDigests, BlobHasher, UNIT_BYTES};
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{Crypto, SubtleCrypto};

/// Hashes one blob; chunks of any size give the same.
pub struct FastHasher(Inner);

enum Inner {
    Ours(Box<BlobHasher>),
    Shared(Box<Shared>),
}

/// The blob is hashed by us, its units by the browser.
struct Shared {
    subtle: SubtleCrypto,
    whole: Hasher,
    len: u64,
    /// The beginning of the next unit.
    unit: Vec<u8>,
    units: Rc<Units>,
}

#[derive(Default)]
struct Units {
    digests: RefCell<Vec<[u8; 32]>>,
    waiting: Cell<usize>,
    bell: Bell,
}

fn subtle() -> Option<SubtleCrypto> {
    let crypto = Reflect::get(&js_sys::global(), &"crypto".into()).ok()?;
    let crypto: Crypto = crypto.dyn_into().ok()?;
    Reflect::get(&crypto, &"subtle".into())
        .ok()?
        .dyn_into()
        .ok()
}

impl FastHasher {
    /// A hasher at a blob's start.
    pub fn new(algorithm: Algorithm) -> Self {
        FastHasher(match subtle() {
            Some(subtle) => Inner::Shared(Box::new(Shared {
                subtle,
                whole: Hasher::new(algorithm),
                len: 0,
                unit: Vec::with_capacity(UNIT_BYTES as usize),
                units: Rc::default(),
            })),
            None => Inner::Ours(Box::new(BlobHasher::new(algorithm))),
        })
    }

    /// Takes the blob's next (compressed) bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            Inner::Ours(hasher) => hasher.push(bytes),
            Inner::Shared(shared) => shared.push(bytes),
        }
    }

    /// The blob has ended. `None` never happens: there are as many digests as units.
    pub async fn finish(self) -> Option<BlobDigests> {
        match self.0 {
            Inner::Ours(hasher) => Some(hasher.finish()),
            Inner::Shared(shared) => shared.finish().await,
        }
    }
}

impl Shared {
    fn push(&mut self, mut bytes: &[u8]) {
        self.whole.update(bytes);
        self.len += bytes.len() as u64;
        while !bytes.is_empty() {
            let room = UNIT_BYTES as usize - self.unit.len();
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.unit.extend_from_slice(now);
            if now.len() == room {
                self.end_unit();
            }
            bytes = later;
        }
    }

    fn end_unit(&mut self) {
        let bytes = Uint8Array::from(self.unit.as_slice());
        self.unit.clear();
        let (units, subtle) = (self.units.clone(), self.subtle.clone());
        let place = {
            let mut digests = units.digests.borrow_mut();
            digests.push([0; 32]);
            digests.len() - 1
        };
        units.waiting.set(units.waiting.get() + 1);
        // Begun before this returns: the browser copies the bytes and hashes on another thread.
        let begun = subtle.digest_with_str_and_js_u8_array("SHA-256", &bytes);
        spawn_local(async move {
            let theirs = match begun {
                Ok(promise) => JsFuture::from(promise).await.ok().and_then(raw),
                Err(_) => None,
            };
            let digest = theirs.unwrap_or_else(|| raw_of(&bytes.to_vec()));
            units.digests.borrow_mut()[place] = digest;
            units.waiting.set(units.waiting.get() - 1);
            units.bell.ring();
        });
    }

    async fn finish(mut self) -> Option<BlobDigests> {
        if !self.unit.is_empty() {
            self.end_unit();
        }
        while self.units.waiting.get() > 0 {
            self.units.bell.next().await;
        }
        let digests = self.units.digests.borrow();
        BlobDigests::from_parts(self.whole.finish(), self.len, &digests)
    }
}

/// The 32 bytes in an `ArrayBuffer`.
fn raw(buffer: wasm_bindgen::JsValue) -> Option<[u8; 32]> {
    let buffer: ArrayBuffer = buffer.dyn_into().ok()?;
    Uint8Array::new(&buffer).to_vec().try_into().ok()
}

/// Our own SHA-256, for when the browser's fails.
fn raw_of(bytes: &[u8]) -> [u8; 32] {
    let digest = Digest::of(Algorithm::Sha256, bytes).raw();
    let mut raw = [0; 32];
    raw.copy_from_slice(&digest); // SHA-256 has 32 bytes
    raw
}
