//! The service worker that keeps the app's own files (public/sw.js): whether there is one, and when
//! a newer version waits.

use std::cell::Cell;
use std::rc::Rc;

use js_sys::{Promise, Reflect};
use wasm_bindgen::JsValue;
use wasm_bindgen::closure::Closure;
use wasm_bindgen_futures::JsFuture;
use web_sys::Event;

use super::object::{get, method};
use super::page;

/// Its file, beside the page.
const FILE: &str = "./sw.js";
/// What public/sw.js waits to hear.
const TAKE_OVER: &str = "layerscope:take-over";

/// Why the app is not kept for use without a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotKept {
    /// It was not built by `cargo xtask dist`.
    Development,
    /// Another page has it in a frame.
    Framed,
    /// This browser, or this address, has no service workers: they need https or localhost.
    Missing,
    /// The browser refused it, as it does where it may store nothing.
    Refused,
}

/// A registered service worker.
#[derive(Clone)]
pub struct Keeper {
    registration: JsValue,
    container: JsValue,
}

fn set_handler(object: &JsValue, name: &str, handler: impl Fn() + 'static) {
    let handler = Closure::<dyn Fn()>::new(handler).into_js_value();
    // Fails for frozen objects alone.
    drop(Reflect::set(object, &name.into(), &handler));
}

/// Calls back, for the life of the page, when the browser finds that it has a network, or none; at
/// once if it has none now.
pub fn on_network(callback: impl Fn(bool) + Clone + 'static) {
    if get(&page::window().navigator(), "onLine") == false {
        callback(false);
    }
    for (name, on) in [("online", true), ("offline", false)] {
        let callback = callback.clone();
        page::listen(name, move |_: Event| callback(on));
    }
}

fn call(object: &JsValue, name: &str, argument: &JsValue) -> Option<JsValue> {
    method(object, name)?.call1(object, argument).ok()
}

/// Registers it. `on_newer` is called when a newer version of the app is here and waits.
///
/// # Errors
/// See [`NotKept`].
pub async fn register(on_newer: impl Fn() + Clone + 'static) -> Result<Keeper, NotKept> {
    if page::build_id() == page::DEV_BUILD {
        return Err(NotKept::Development);
    }
    if page::is_framed() {
        return Err(NotKept::Framed);
    }
    let container = get(&page::window().navigator(), "serviceWorker");
    if !container.is_object() {
        return Err(NotKept::Missing);
    }
    let promise = call(&container, "register", &FILE.into()).ok_or(NotKept::Refused)?;
    let registration = JsFuture::from(Promise::resolve(&promise)).await;
    let registration = registration.map_err(|_| NotKept::Refused)?;
    let keeper = Keeper {
        registration,
        container,
    };
    if keeper.waits() {
        on_newer();
    }
    let found = keeper.clone();
    set_handler(&keeper.registration, "onupdatefound", move || {
        let (installing, keeper) = (get(&found.registration, "installing"), found.clone());
        let on_newer = on_newer.clone();
        let changed = installing.clone();
        set_handler(&installing, "onstatechange", move || {
            if get(&changed, "state") == "installed" && keeper.waits() {
                on_newer();
            }
        });
    });
    Ok(keeper)
}

impl Keeper {
    /// A newer version is here and waits. (The very first has nobody to wait for.)
    fn waits(&self) -> bool {
        get(&self.registration, "waiting").is_object()
            && get(&self.container, "controller").is_object()
    }

    /// Changes to the newer version: the page is loaded anew.
    pub fn take_over(&self) {
        let reloaded = Rc::new(Cell::new(false));
        set_handler(&self.container, "oncontrollerchange", move || {
            if !reloaded.replace(true) {
                // Refused only where the page is gone.
                drop(page::window().location().reload());
            }
        });
        let waiting = get(&self.registration, "waiting");
        if !waiting.is_object() {
            // Another tab has let it take over already.
            drop(page::window().location().reload());
        }
        drop(call(&waiting, "postMessage", &TAKE_OVER.into()));
    }
}
