//! The page itself: what its root element says, titles, marks, clipboard, saving files.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use js_sys::{Array, Function, Object, Promise, Reflect, Uint8Array};
use layerscope_core::app_config::MAX_APP_CONFIG_BYTES;
use layerscope_core::port::Clock;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::convert::FromWasmAbi;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{
    Blob, BlobPropertyBag, Document, Element, FocusOptions, HtmlAnchorElement, HtmlElement,
    HtmlTextAreaElement, Response, Url, Window,
};

use super::error::BrowserError;
use super::{opfs, timer};

/// What `<meta name="layerscope-build">` says when the page was not built by `cargo xtask dist`.
pub const DEV_BUILD: &str = "dev";
/// How long a saved file's address and its copy in the private file system stay: the browser says
/// nowhere when it has copied the last byte, and a disk may write 20 MB a second.
const SAVE_GRACE: Duration = Duration::from_secs(10 * 60);
/// The type of what is saved: the one to whose name no browser adds the end that it thinks fit.
const SAVE_MIME: &str = "application/octet-stream";
/// The slot in sessionStorage that says that the page was reloaded for a new build.
const RELOADED_FOR: &str = "layerscope:reloaded-for";

/// The window. Only for code that runs in a page.
#[allow(clippy::missing_panics_doc)]
pub fn window() -> Window {
    web_sys::window().expect("code of the page runs in a page")
}

/// The document. Only for code that runs in a page.
#[allow(clippy::missing_panics_doc)]
pub fn document() -> Document {
    window().document().expect("a page has a document")
}

fn set_attribute(element: &Element, name: &str, value: &str) {
    // Fails only for names that are no attribute's; ours are constant.
    drop(element.set_attribute(name, value));
}

/// Sets an attribute of `<html>`.
pub fn set_root_attribute(name: &str, value: &str) {
    if let Some(root) = document().document_element() {
        set_attribute(&root, name, value);
    }
}

/// The slot in which `boot.js` leaves the request for `config.json`.
const EARLY_CONFIG: &str = "layerscopeConfig";
/// The header by which a file says that our proxy has sent it.
const SERVED_BY: &str = "x-layerscope-proxy";

/// What `config.json` holds, which `boot.js` has asked for, and whether our proxy has sent it.
/// Nothing if there is none.
pub async fn early_config() -> (Vec<u8>, bool) {
    let read = async {
        let promise: Promise = Reflect::get(&window(), &EARLY_CONFIG.into())?.dyn_into()?;
        let response: Response = JsFuture::from(promise).await?.dyn_into()?;
        let from_proxy = response.headers().has(SERVED_BY)?;
        if !response.ok() {
            return Ok((Vec::new(), from_proxy));
        }
        let buffer = JsFuture::from(response.clone()?.array_buffer()?).await?;
        let bytes = Uint8Array::new(&buffer);
        let fits = u64::from(bytes.length()) <= MAX_APP_CONFIG_BYTES;
        let bytes = if fits { bytes.to_vec() } else { Vec::new() };
        Ok::<_, JsValue>((bytes, from_proxy))
    };
    read.await.unwrap_or_default()
}

/// Sets `data-state` and `data-route` of `<html>`, the route first: whoever sees `ready` sees
/// what it is that is ready.
pub fn set_document_state(state: &str, route: &str) {
    set_root_attribute("data-route", route);
    set_root_attribute("data-state", state);
}

/// Gives the focus to the first of these that is there and takes it, if it is lost: what had it is
/// gone, or can no longer have it. The page does not scroll for it.
pub fn regain_focus<S: AsRef<str>>(selectors: &[S]) {
    let lost = document().active_element().is_none_or(|e| {
        e.tag_name().eq_ignore_ascii_case("body") || e.matches(":disabled").unwrap_or(false)
    });
    if lost {
        for selector in selectors {
            if focus(selector.as_ref()) {
                return;
            }
        }
    }
}

/// Gives the focus to what is named. True if it has it now.
pub fn focus(selector: &str) -> bool {
    let found = document().query_selector(selector).ok().flatten();
    let Some(element) = found.and_then(|e| e.dyn_into::<HtmlElement>().ok()) else {
        return false;
    };
    let options = FocusOptions::new();
    options.set_prevent_scroll(true);
    drop(element.focus_with_options(&options)); // throws for nothing that is in a page
    has_focus(selector)
}

/// Brings an element into view, if it is there.
pub fn scroll_to(selector: &str) {
    if let Ok(Some(element)) = document().query_selector(selector) {
        let options = web_sys::ScrollIntoViewOptions::new();
        options.set_block(web_sys::ScrollLogicalPosition::Nearest);
        element.scroll_into_view_with_scroll_into_view_options(&options);
    }
}

/// What is named has the focus.
pub fn has_focus(selector: &str) -> bool {
    let active = document().active_element();
    active.is_some_and(|e| e.matches(selector).unwrap_or(false))
}

/// Sets the title of the tab.
pub fn set_title(title: &str) {
    document().set_title(title);
}

/// Sets a performance mark.
pub fn mark(name: &str) {
    if let Some(performance) = window().performance() {
        // The latest alone is kept: a page that lives long would collect them.
        performance.clear_marks_with_mark_name(name);
        drop(performance.mark(name)); // fails only for names that the browser keeps for itself
    }
}

/// Milliseconds since the page began.
pub fn now_ms() -> f64 {
    timer::now_ms()
}

/// The page's clock, by which tokens are renewed before they run out.
pub struct PageClock;

impl Clock for PageClock {
    fn now_ms(&self) -> f64 {
        now_ms()
    }
}

/// How many threads the machine has, as far as the browser tells; at least one.
pub fn hardware_concurrency() -> usize {
    // A float, and absent or zero where the browser hides it.
    (window().navigator().hardware_concurrency() as usize).max(1)
}

/// The build that this page is of.
pub fn build_id() -> String {
    meta("layerscope-build").unwrap_or_else(|| DEV_BUILD.to_owned())
}

/// The content of `<meta name=…>`.
pub fn meta(name: &str) -> Option<String> {
    let selector = format!("meta[name=\"{name}\"]");
    let element = document().query_selector(&selector).ok().flatten()?;
    element.get_attribute("content").filter(|c| !c.is_empty())
}

/// The page is inside another page's frame (or cannot find out, which is the same to us).
pub fn is_framed() -> bool {
    match window().top() {
        Ok(Some(top)) => !js_sys::Object::is(&top, &window()),
        _ => true,
    }
}

/// The system asks for dark colours.
pub fn prefers_dark() -> bool {
    let query = window().match_media("(prefers-color-scheme: dark)");
    query.ok().flatten().is_some_and(|q| q.matches())
}

/// Reloads the page because its worker is of `other_build`, unless it was done already for that
/// build: a second time would not help. Returns whether it reloads.
pub fn reload_for_build(other_build: &str) -> bool {
    let Ok(Some(session)) = window().session_storage() else {
        return false; // nowhere to remember it, so it could go on for ever
    };
    let done = session.get_item(RELOADED_FOR).ok().flatten();
    if done.as_deref() == Some(other_build) || session.set_item(RELOADED_FOR, other_build).is_err()
    {
        return false;
    }
    window().location().reload().is_ok()
}

/// Copies text to the clipboard.
///
/// # Errors
/// When the browser refuses, as some do in a frame or without a click.
pub async fn copy_text(text: &str) -> Result<(), BrowserError> {
    let doing = "copying to the clipboard";
    if window().is_secure_context() {
        let written = JsFuture::from(window().navigator().clipboard().write_text(text)).await;
        if written.is_ok() {
            return Ok(());
        }
    }
    // On plain http there is no clipboard interface; the old command still works on a selection.
    copy_selection(text).map_err(BrowserError::of(doing))
}

fn copy_selection(text: &str) -> Result<(), wasm_bindgen::JsValue> {
    let document = document();
    let area: HtmlTextAreaElement = document.create_element("textarea")?.unchecked_into();
    area.set_value(text);
    area.set_attribute("readonly", "")?;
    area.set_class_name("visually-hidden");
    let body = document.body().ok_or("the page has no body")?;
    body.append_child(&area)?;
    area.select();
    // Only the untyped interface still has execCommand.
    let command = js_sys::Reflect::get(&document, &"execCommand".into())?;
    let copied = command
        .dyn_into::<js_sys::Function>()
        .and_then(|f| f.call1(&document, &"copy".into()));
    area.remove();
    match copied?.as_bool() {
        Some(true) => Ok(()),
        _ => Err("the browser refused".into()),
    }
}

/// An address of bytes in memory; revoked when dropped.
#[derive(Debug)]
pub struct ObjectUrl(String);

impl ObjectUrl {
    /// The address.
    pub fn href(&self) -> &str {
        &self.0
    }

    fn of_blob(blob: &Blob) -> Result<Self, BrowserError> {
        Url::create_object_url_with_blob(blob)
            .map(ObjectUrl)
            .map_err(BrowserError::of("making an address for bytes"))
    }
}

impl Drop for ObjectUrl {
    fn drop(&mut self) {
        drop(Url::revoke_object_url(&self.0)); // nothing to do about an address that is gone
    }
}

/// Gives bytes an address, for instance for an image.
///
/// # Errors
/// When the browser cannot hold them.
pub fn object_url(bytes: &[u8], mime: &str) -> Result<ObjectUrl, BrowserError> {
    let options = BlobPropertyBag::new();
    options.set_type(mime);
    let parts = Array::of1(&Uint8Array::from(bytes));
    let blob = Blob::new_with_u8_array_sequence_and_options(&parts, &options)
        .map_err(BrowserError::of("holding bytes"))?;
    ObjectUrl::of_blob(&blob)
}

/// Starts the browser's own download of an address.
fn save_url(url: &ObjectUrl, name: &str) -> Result<(), BrowserError> {
    let doing = "starting the download";
    let anchor: HtmlAnchorElement = document()
        .create_element("a")
        .map_err(BrowserError::of(doing))?
        .unchecked_into();
    anchor.set_href(url.href());
    anchor.set_download(name);
    let body = document()
        .body()
        .ok_or(BrowserError::Missing { what: "the body" })?;
    body.append_child(&anchor)
        .map_err(BrowserError::of(doing))?;
    anchor.click();
    anchor.remove();
    Ok(())
}

/// Saves bytes as a download named `name`.
///
/// # Errors
/// When the browser cannot hold them.
pub fn save_bytes(name: &str, bytes: &[u8]) -> Result<(), BrowserError> {
    let url = object_url(bytes, SAVE_MIME)?;
    save_url(&url, name)?;
    spawn_local(async move {
        timer::sleep(SAVE_GRACE).await;
        drop(url);
    });
    Ok(())
}

/// Saves what a worker wrote to the private file system as a download named `download_name`; the
/// file is removed some minutes later.
///
/// # Errors
/// When the file is not there.
pub async fn save_opfs(opfs_name: &str, download_name: &str) -> Result<(), BrowserError> {
    let file = opfs::file(opfs_name).await?;
    // The file's own type would be guessed; a slice is the same bytes, not copied.
    let typed = file
        .slice_with_f64_and_f64_and_content_type(0.0, file.size(), SAVE_MIME)
        .map_err(BrowserError::of("opening the finished download"))?;
    let url = ObjectUrl::of_blob(&typed)?;
    save_url(&url, download_name)?;
    let opfs_name = opfs_name.to_owned();
    spawn_local(async move {
        timer::sleep(SAVE_GRACE).await;
        drop(url);
        drop(opfs::remove(&opfs_name).await); // else the next visit's clean-up gets it
    });
    Ok(())
}

/// Finishes a download told of by `Event::Download` with `ready`: from the private file system,
/// or from the bytes beside the event where there was none.
///
/// # Errors
/// When the browser cannot hold it.
pub async fn save_download(
    ready: &str,
    bytes: Option<&[u8]>,
    download_name: &str,
) -> Result<(), BrowserError> {
    match bytes {
        Some(bytes) => save_bytes(download_name, bytes),
        None => save_opfs(ready, download_name).await,
    }
}

/// Calls back before the next frame is painted.
pub fn request_frame(callback: impl FnOnce() + 'static) {
    let callback = Closure::once_into_js(callback);
    drop(window().request_animation_frame(callback.unchecked_ref()));
}

/// Calls back at every event of a name that reaches the window, for the life of the page.
pub(super) fn listen<E: FromWasmAbi + 'static>(name: &str, callback: impl Fn(E) + 'static) {
    let callback = Closure::<dyn Fn(E)>::new(callback);
    drop(window().add_event_listener_with_callback(name, callback.as_ref().unchecked_ref()));
    callback.forget();
}

/// Calls back whenever the window's size has changed, for the life of the page.
pub fn on_resize(callback: impl Fn() + 'static) {
    listen("resize", move |_: web_sys::Event| callback());
}

/// Calls back once, when an element comes into view or close to it; at once where the browser
/// cannot tell.
pub fn when_seen(element: &Element, callback: impl FnOnce() + 'static) {
    /// How far below the window still counts, so that it is there when it is reached.
    const MARGIN: &str = "200px";
    fn call(callback: &Cell<Option<Box<dyn FnOnce()>>>) {
        if let Some(callback) = callback.take() {
            callback();
        }
    }
    let callback: Box<dyn FnOnce()> = Box::new(callback);
    let callback = Rc::new(Cell::new(Some(callback)));
    let watched = callback.clone();
    let listener =
        Closure::<dyn Fn(Array, JsValue)>::new(move |entries: Array, watcher: JsValue| {
            let seen = |entry: JsValue| {
                Reflect::get(&entry, &"isIntersecting".into()).is_ok_and(|is| is.is_truthy())
            };
            if entries.iter().any(seen) {
                drop(call_method(&watcher, "disconnect", &Array::new()));
                call(&watched);
            }
        });
    let begin = || {
        let maker: Function =
            Reflect::get(&window(), &"IntersectionObserver".into())?.dyn_into()?;
        let options = Object::new();
        Reflect::set(&options, &"rootMargin".into(), &MARGIN.into())?;
        let arguments = Array::of2(listener.as_ref(), &options);
        let watcher = Reflect::construct(&maker, &arguments)?;
        call_method(&watcher, "observe", &Array::of1(element))
    };
    match begin() {
        // A few hundred bytes for each page that has such a place.
        Ok(_) => listener.forget(),
        Err(_) => call(&callback),
    }
}

fn call_method(object: &JsValue, name: &str, arguments: &Array) -> Result<JsValue, JsValue> {
    let method: Function = Reflect::get(object, &name.into())?.dyn_into()?;
    Reflect::apply(&method, object, arguments)
}

/// Calls back whenever the height of the page's content has changed, for the life of the page;
/// never where the browser has no `ResizeObserver`.
pub fn on_height(callback: impl Fn() + 'static) {
    let callback = Closure::<dyn Fn()>::new(callback).into_js_value();
    let observe = || {
        let class = Reflect::get(&window(), &"ResizeObserver".into()).ok()?;
        let class: Function = class.dyn_into().ok()?;
        let observer = Reflect::construct(&class, &Array::of1(&callback)).ok()?;
        let body = document().body()?;
        call_method(&observer, "observe", &Array::of1(&body)).ok()
    };
    // Without it nobody is told.
    drop(observe());
}

/// A file that the user chose in a field.
pub struct ChosenFile(web_sys::File);

impl ChosenFile {
    /// From the event of a field of type `file`. The field is emptied, so that the same file can be
    /// chosen again.
    pub fn of(event: &web_sys::Event) -> Option<Self> {
        let field: web_sys::HtmlInputElement = event.target()?.dyn_into().ok()?;
        let file = field.files()?.get(0);
        field.set_value("");
        file.map(ChosenFile)
    }

    /// Its bytes.
    ///
    /// # Errors
    /// It has more than `limit` bytes, or cannot be read.
    pub async fn read(&self, limit: u64) -> Result<Vec<u8>, BrowserError> {
        if self.0.size() > limit as f64 {
            return Err(BrowserError::TooLarge { limit });
        }
        let buffer = JsFuture::from(self.0.array_buffer())
            .await
            .map_err(BrowserError::of("reading the file"))?;
        Ok(Uint8Array::new(&buffer).to_vec())
    }
}
