//! How a message crosses between page and worker: an array of one `ArrayBuffer` with the value in
//! postcard's form and, where bytes go with it, a second one that is transferred instead of copied.

use js_sys::{Array, ArrayBuffer, Uint8Array};
use serde::Serialize;
use serde::de::DeserializeOwned;
use wasm_bindgen::{JsCast, JsValue};

/// A message ready to be posted, and what is to be transferred with it.
pub struct Packed {
    /// The first argument of `postMessage`.
    pub message: JsValue,
    /// The second.
    pub transfer: Array,
}

/// Packs a message. `None` only if the value has no such form, which none of ours lacks.
pub fn pack<T: Serialize>(value: &T, bytes: Option<&[u8]>) -> Option<Packed> {
    let value = postcard::to_allocvec(value).ok()?;
    let message = Array::of1(&Uint8Array::from(value.as_slice()).buffer());
    let transfer = Array::new();
    if let Some(bytes) = bytes {
        let buffer = Uint8Array::from(bytes).buffer();
        message.push(&buffer);
        transfer.push(&buffer);
    }
    Some(Packed {
        message: message.into(),
        transfer,
    })
}

/// Unpacks a message; `None` if it is not one of ours, which is harmless: other scripts (an
/// extension's, for instance) may post to the same place.
pub fn unpack<T: DeserializeOwned>(message: &JsValue) -> Option<(T, Option<Vec<u8>>)> {
    let parts = message.dyn_ref::<Array>()?;
    let part = |at| {
        parts
            .get(at)
            .dyn_ref::<ArrayBuffer>()
            .map(|buffer| Uint8Array::new(buffer).to_vec())
    };
    // All of it, or it is something else.
    let value = part(0)?;
    let (value, rest) = postcard::take_from_bytes(&value).ok()?;
    rest.is_empty().then_some((value, part(1)))
}
