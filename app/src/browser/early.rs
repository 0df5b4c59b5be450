//! What the loaders began before the programs were there: `boot.js` a worker for the layer that the
//! address names, the worker's loader the reading of what is stored of that layer.

use std::future::Future;

use js_sys::{Object, Promise, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::Worker;

/// Where `boot.js` leaves the worker.
const WORKER: &str = "layerscopeWorker";
/// Where the worker's loader leaves `{ key, record }`, the record a promise of its bytes.
const STORED: &str = "layerscopeStored";

/// Takes a value from the global object; only once.
fn take(name: &str) -> Option<JsValue> {
    let global = js_sys::global();
    let value = Reflect::get(&global, &name.into()).ok()?;
    if value.is_undefined() {
        return None;
    }
    Reflect::delete_property(&global, &name.into()).ok()?;
    Some(value)
}

/// The worker that is loading already. What it said so far nobody heard.
pub fn take_worker() -> Option<Worker> {
    take(WORKER)?.dyn_into().ok()
}

/// The worker's loader is reading a record.
pub fn has_record() -> bool {
    Reflect::has(&js_sys::global(), &STORED.into()).unwrap_or(false)
}

/// The stored record of this key, if it is the one that is being read already. None in it if there
/// is no such record, or it could not be read: then it is as if it were not there.
pub fn take_record(key: &str) -> Option<impl Future<Output = Option<Vec<u8>>> + use<>> {
    let stored: Object = take(STORED)?.dyn_into().ok()?;
    let its_key = Reflect::get(&stored, &"key".into()).ok()?;
    if its_key.as_string().as_deref() != Some(key) {
        return None;
    }
    let record: Promise = Reflect::get(&stored, &"record".into())
        .ok()?
        .dyn_into()
        .ok()?;
    Some(async move {
        let record = JsFuture::from(record).await.ok()?;
        record.dyn_ref::<Uint8Array>().map(Uint8Array::to_vec)
    })
}
