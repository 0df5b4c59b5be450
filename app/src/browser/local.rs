//! What was opened from disk, in the page and in its workers: addresses of local data are answered
//! from files, and never by a network.

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::{Array, Function, Object, Reflect};
use layerscope_core::job::{LayerSource, Request};
use layerscope_core::local;
use layerscope_core::port::HttpRequest;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Blob, Headers, Response};

/// Finds what an address leads to.
type Find = Rc<dyn Fn(&str) -> Option<Blob>>;

/// Where in a message they are: behind the value and its bytes ([`super::message`]).
const BESIDE: u32 = 2;

thread_local! {
    /// By the beginning of the addresses that each answers; newest first.
    static SOURCES: RefCell<Vec<(String, Find)>> = const { RefCell::new(Vec::new()) };
    /// The addresses of the layers of each root file system that was opened, by its own.
    static ROOTS: RefCell<Vec<(String, Vec<String>)>> = const { RefCell::new(Vec::new()) };
}

/// Answers addresses that begin so, in place of whoever did before.
pub fn answer(prefix: String, find: impl Fn(&str) -> Option<Blob> + 'static) {
    SOURCES.with(|sources| {
        let mut sources = sources.borrow_mut();
        sources.retain(|(known, _)| *known != prefix);
        sources.insert(0, (prefix, Rc::new(find)));
    });
}

/// Answers such addresses no longer.
pub fn forget(prefix: &str) {
    SOURCES.with(|sources| sources.borrow_mut().retain(|(known, _)| known != prefix));
    ROOTS.with_borrow_mut(|roots| roots.retain(|(root, _)| !root.starts_with(prefix)));
}

fn blob(url: &str) -> Option<Blob> {
    let find = SOURCES.with(|sources| {
        let sources = sources.borrow();
        let mut fits = sources.iter().filter(|(prefix, _)| url.starts_with(prefix));
        fits.next().map(|(_, find)| find.clone())
    });
    find?(url)
}

/// The answer to a request, as a registry would give it; none if it is for a network.
pub(super) fn response(request: &HttpRequest) -> Option<Result<Response, JsValue>> {
    let url = &request.url;
    url.starts_with(local::SCHEME).then(|| match blob(url) {
        Some(blob) => part(&blob, request.header("range")),
        None => made(&JsValue::NULL, 404, &Headers::new()?),
    })
}

/// A part, or all of it.
fn part(blob: &Blob, range: Option<&str>) -> Result<Response, JsValue> {
    // Whole numbers that a double holds; what writes and reads doubles as text is 20 KB of program.
    let size = blob.size() as u64;
    let parts = range.and_then(|r| r.strip_prefix("bytes=")?.split_once('-'));
    let headers = Headers::new()?;
    let Some((start, last)) = parts else {
        headers.set("content-length", &size.to_string())?;
        return made(blob, 200, &headers);
    };
    let start: u64 = start.parse().unwrap_or(0);
    let end = last
        .parse()
        .map_or(size, |last: u64| size.min(last.saturating_add(1)));
    let place = format!("bytes {start}-{}/{size}", end.saturating_sub(1));
    headers.set("content-range", &place)?;
    let part = blob.slice_with_f64_and_f64(start as f64, end as f64)?;
    made(&part, 206, &headers)
}

fn made(body: &JsValue, status: u16, headers: &Headers) -> Result<Response, JsValue> {
    let init = Object::new();
    Reflect::set(&init, &"status".into(), &status.into())?;
    Reflect::set(&init, &"headers".into(), headers)?;
    let class: Function = Reflect::get(&js_sys::global(), &"Response".into())?.dyn_into()?;
    Reflect::construct(&class, &Array::of2(body, &init))?.dyn_into()
}

fn layer_url(source: &LayerSource) -> String {
    local::url(&source.repository, "blobs", &source.digest.to_string())
}

/// Notes which layers an image's root file system is of, for when a worker is asked to open it. The
/// request has them packed, and what unpacks them would be in every visitor's first download.
pub(super) fn note_layers(source: &LayerSource, layers: &[LayerSource]) {
    if source.is_local() {
        let (root, urls) = (layer_url(source), layers.iter().map(layer_url).collect());
        ROOTS.with_borrow_mut(|roots| {
            roots.retain(|(known, _)| *known != root);
            roots.push((root, urls));
        });
    }
}

/// Puts the files' bytes beside a request to open layers that are on disk: not the bytes
/// themselves, but the right to read them.
pub(super) fn attach(request: &Request, message: &JsValue) {
    let urls = match request {
        Request::Open { source, .. } if source.is_local() => vec![layer_url(source)],
        Request::OpenRoot { source, .. } if source.is_local() => {
            let root = layer_url(source);
            ROOTS.with_borrow(|roots| {
                let noted = roots.iter().find(|(known, _)| *known == root);
                noted.map_or(Vec::new(), |(_, urls)| urls.clone())
            })
        }
        _ => return,
    };
    let parts: &Array = message.unchecked_ref();
    for (n, url) in urls.iter().enumerate() {
        if let Some(blob) = blob(url) {
            let at = BESIDE + 2 * n as u32; // an image has some dozen layers
            parts.set(at, blob.into());
            parts.set(at + 1, url.into());
        }
    }
}

/// Takes what [`attach`] put there, in the worker.
pub fn take(message: &JsValue) {
    let Some(parts) = message.dyn_ref::<Array>() else {
        return;
    };
    for at in (BESIDE..parts.length()).step_by(2) {
        let (blob, url) = (parts.get(at), parts.get(at + 1));
        if let (Ok(blob), Some(url)) = (blob.dyn_into::<Blob>(), url.as_string()) {
            answer(url, move |_| Some(blob.clone()));
        }
    }
}
