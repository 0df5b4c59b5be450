//! A worker's own global scope: its role, its build, what it hears and says.

use js_sys::Reflect;
use layerscope_core::digest::Digest;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{DedicatedWorkerGlobalScope, MessageEvent};

use super::message::Packed;
use super::page::DEV_BUILD;

/// The name of a worker that hashes.
pub const HASH_ROLE: &str = "hash";

/// What a worker is for; one program has both roles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It reads layers.
    Layer,
    /// It hashes what a layer worker streams.
    Hash,
}

/// The global scope, where this runs in a dedicated worker.
fn scope() -> Option<DedicatedWorkerGlobalScope> {
    js_sys::global().dyn_into().ok()
}

/// What this worker is for, by its name.
pub fn role() -> Role {
    match scope() {
        Some(scope) if scope.name() == HASH_ROLE => Role::Hash,
        _ => Role::Layer,
    }
}

/// The layer that the page will ask this worker for, by its name: `boot.js` started it beside the
/// page's program.
pub fn expected_layer() -> Option<Digest> {
    scope()?.name().split_once(' ')?.1.parse().ok()
}

/// The build that this worker is of, as its loader says.
pub fn build_id() -> String {
    Reflect::get(&js_sys::global(), &"layerscopeBuild".into())
        .ok()
        .and_then(|build| build.as_string())
        .unwrap_or_else(|| DEV_BUILD.to_owned())
}

/// The address of this worker's own program.
pub fn own_url() -> Option<String> {
    scope().map(|scope| scope.location().href())
}

/// Says something to whoever started this worker.
pub fn post(packed: &Packed) {
    if let Some(scope) = scope() {
        // Throws only for what cannot be cloned; a text and a buffer can.
        drop(scope.post_message_with_transfer(&packed.message, &packed.transfer));
    }
}

/// Calls back with every message, for the life of this worker.
pub fn on_message(callback: impl Fn(JsValue) + 'static) {
    let Some(scope) = scope() else { return };
    let listener = Closure::<dyn Fn(MessageEvent)>::new(move |event: MessageEvent| {
        callback(event.data());
    });
    scope.set_onmessage(Some(listener.as_ref().unchecked_ref()));
    listener.forget();
}

/// Bytes of memory that this program has taken from the browser; it never gives any back.
pub fn memory_bytes() -> u64 {
    const PAGE: u64 = 64 * 1024;
    core::arch::wasm32::memory_size(0) as u64 * PAGE
}
