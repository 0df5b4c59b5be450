//! Members of objects that not every browser has, or that web-sys has no names for.

use js_sys::{Function, Reflect};
use wasm_bindgen::{JsCast, JsValue};

/// A member; undefined where there is none.
pub(super) fn get(object: &JsValue, name: &str) -> JsValue {
    Reflect::get(object, &name.into()).unwrap_or(JsValue::UNDEFINED)
}

/// A method, if there is one.
pub(super) fn method(object: &JsValue, name: &str) -> Option<Function> {
    get(object, name).dyn_into().ok()
}
