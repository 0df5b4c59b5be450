//! The address bar: the fragment is the only thing that navigation changes.

use std::cell::RefCell;

use js_sys::{Object, Reflect};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};

use super::page::window;

thread_local! {
    /// The fragment that listeners were last told of.
    static TOLD: RefCell<String> = const { RefCell::new(String::new()) };
}

/// The key in `history.state`.
const SCROLL: &str = "scroll";

/// The fragment as it stands in the address, still percent-encoded, without `#`.
pub fn fragment() -> String {
    // Not `location.hash`: older browsers decode it, and an empty fragment is as good as none.
    let href = window().location().href().unwrap_or_default();
    href.split_once('#')
        .map(|(_, fragment)| fragment.to_owned())
        .unwrap_or_default()
}

/// The real query, without `?`; read once at the start, kept by every navigation.
pub fn query() -> String {
    let search = window().location().search().unwrap_or_default();
    search.strip_prefix('?').unwrap_or(&search).to_owned()
}

/// Origin and path of the page, up to the query, with a slash at its end: what relative addresses
/// start from.
pub fn base() -> String {
    let location = window().location();
    let path = location.pathname().unwrap_or_default();
    let folder = path.rfind('/').map_or("", |at| &path[..at]);
    format!("{}{folder}/", location.origin().unwrap_or_default())
}

/// This very place, as it is where nobody frames it.
pub fn unframed() -> String {
    let query = query();
    let rest = query
        .split('&')
        .filter(|p| !p.is_empty() && p.split('=').next() != Some("embed"));
    let rest: Vec<&str> = rest.collect();
    let mark = if rest.is_empty() { "" } else { "?" };
    format!("{}{mark}{}#{}", base(), rest.join("&"), fragment())
}

/// Goes to a fragment and adds it to the history; listeners are told.
pub fn navigate(fragment: &str) {
    // Fails only for a fragment that is no valid address, which an encoded route never is.
    drop(window().location().set_hash(&format!("#{fragment}")));
}

/// Puts a fragment in the place of this one; the history does not grow and listeners are not told.
pub fn replace(fragment: &str) {
    TOLD.with(|told| fragment.clone_into(&mut told.borrow_mut()));
    rewrite(&scroll_state(restore_scroll()), &format!("#{fragment}"));
}

/// Drops the query from the address (after a legacy form was read) and goes to the fragment.
pub fn replace_query(query: &str, fragment: &str) {
    let path = window().location().pathname().unwrap_or_default();
    let query = if query.is_empty() {
        String::new()
    } else {
        format!("?{query}")
    };
    TOLD.with(|told| fragment.clone_into(&mut told.borrow_mut()));
    rewrite(&JsValue::NULL, &format!("{path}{query}#{fragment}"));
}

fn rewrite(state: &JsValue, address: &str) {
    if let Ok(history) = window().history() {
        // Throws only when called hundreds of times a minute; the address is then a little old.
        drop(history.replace_state_with_url(state, "", Some(address)));
    }
}

/// Calls back with the new fragment whenever it has changed: a link, back, forward, typing.
pub fn on_change(callback: impl Fn(String) + 'static) {
    TOLD.with(|told| *told.borrow_mut() = fragment());
    let listener = Closure::<dyn Fn()>::new(move || {
        let now = fragment();
        // Both events come for one step back; one call is enough.
        let changed = TOLD.with(|told| {
            let mut told = told.borrow_mut();
            let changed = *told != now;
            now.clone_into(&mut told);
            changed
        });
        if changed {
            callback(now);
        }
    });
    for event in ["hashchange", "popstate"] {
        drop(window().add_event_listener_with_callback(event, listener.as_ref().unchecked_ref()));
    }
    listener.forget(); // for the life of the page
}

/// Keeps how far the present entry of the history is scrolled, in CSS pixels or rows: the
/// caller's choice.
pub fn save_scroll(position: f64) {
    rewrite(&scroll_state(Some(position)), &format!("#{}", fragment()));
}

/// What [`save_scroll`] kept with the present entry of the history.
pub fn restore_scroll() -> Option<f64> {
    let state = window().history().ok()?.state().ok()?;
    if !state.is_object() {
        return None;
    }
    Reflect::get(&state, &SCROLL.into()).ok()?.as_f64()
}

fn scroll_state(position: Option<f64>) -> JsValue {
    let Some(position) = position else {
        return JsValue::NULL;
    };
    let state = Object::new();
    // Setting a property of a fresh object does not fail.
    drop(Reflect::set(&state, &SCROLL.into(), &position.into()));
    state.into()
}
