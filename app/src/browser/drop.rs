//! Files that are dropped on the page or chosen in a field: what has to be taken while the event
//! lasts. What is in them is looked at later ([`super::chosen`]).

use js_sys::{Array, Promise};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Event, File, HtmlInputElement};

use super::error::BrowserError;
use super::object::{get, method};
use super::page;

/// One thing that was dropped or chosen.
pub struct Item {
    /// The file, unless it is a folder.
    pub(super) file: Option<File>,
    /// Its entry (`webkitGetAsEntry`), which folders have in every browser.
    pub(super) entry: JsValue,
    /// A handle, several, or a promise of such, where the browser has them: they can be kept for
    /// later visits.
    pub(super) handle: JsValue,
}

/// All of them.
pub struct Dropped(pub(super) Vec<Item>);

/// Calls a method that not every browser has.
fn call(object: &JsValue, name: &str) -> JsValue {
    let result = method(object, name).and_then(|method| method.call0(object).ok());
    result.unwrap_or(JsValue::UNDEFINED)
}

impl Dropped {
    fn of_drop(event: &JsValue) -> Dropped {
        let items = Array::from(&get(&get(event, "dataTransfer"), "items"));
        let files = items.iter().filter(|item| get(item, "kind") == "file");
        Dropped(
            files
                .map(|item| Item {
                    file: call(&item, "getAsFile").dyn_into().ok(),
                    entry: call(&item, "webkitGetAsEntry"),
                    handle: call(&item, "getAsFileSystemHandle"),
                })
                .collect(),
        )
    }

    /// From the event of a field of type `file`. The field is emptied, so that the same file can be
    /// chosen again.
    pub fn of_field(event: &Event) -> Dropped {
        let field = event
            .target()
            .and_then(|t| t.dyn_into::<HtmlInputElement>().ok());
        let Some(field) = field else {
            return Dropped(Vec::new());
        };
        let files = Array::from(&field.files().map_or(JsValue::UNDEFINED, Into::into));
        let items = files.iter().map(|file| Item {
            file: file.dyn_into().ok(),
            entry: JsValue::UNDEFINED,
            handle: JsValue::UNDEFINED,
        });
        let items = items.collect();
        field.set_value("");
        Dropped(items)
    }

    /// Waits for the browser's handles, and so for whoever chooses in its dialog.
    ///
    /// # Errors
    /// The dialog was refused, or closed without a choice ([`BrowserError::is_abort`]).
    pub async fn settled(mut self) -> Result<Dropped, BrowserError> {
        for item in &mut self.0 {
            // What is no promise is its own value.
            let handle = Promise::resolve(&item.handle);
            let asked = item.file.is_none() && item.entry.is_undefined();
            item.handle = match JsFuture::from(handle).await {
                Ok(handle) => handle,
                Err(thrown) if asked => {
                    return Err(BrowserError::from_js("choosing a file", &thrown));
                }
                // Some things that are dropped have none, and say so late.
                Err(_) => JsValue::NULL,
            };
        }
        Ok(self)
    }

    /// Nothing was chosen.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What it is called, as far as that is known at once.
    pub fn name(&self) -> String {
        let first = self.0.first();
        let name = first.map_or(JsValue::UNDEFINED, |item| {
            match (&item.file, item.entry.is_undefined()) {
                (Some(file), _) => file.name().into(),
                (None, false) => get(&item.entry, "name"),
                // The dialog for files gives an array.
                (None, true) if Array::is_array(&item.handle) => {
                    get(&Array::from(&item.handle).get(0), "name")
                }
                (None, true) => get(&item.handle, "name"),
            }
        });
        name.as_string().unwrap_or_default()
    }
}

/// Asks for a file, or a folder, by the browser's own dialog; none where there is no such dialog.
pub fn pick(folder: bool) -> Option<Dropped> {
    let name = if folder {
        "showDirectoryPicker"
    } else {
        "showOpenFilePicker"
    };
    // In a frame of another origin it is refused.
    if page::is_framed() {
        return None;
    }
    let handle = call(&page::window(), name);
    handle.is_object().then(|| {
        Dropped(vec![Item {
            file: None,
            entry: JsValue::UNDEFINED,
            handle,
        }])
    })
}

/// Calls back with whatever is dropped anywhere on the page, for the life of the page. While
/// something is dragged over it, `<html data-dragging>` says so.
pub fn on_drop(callback: impl Fn(Dropped) + 'static) {
    let dragging =
        |on: bool| page::set_root_attribute("data-dragging", if on { "yes" } else { "no" });
    let has_files = |event: &Event| {
        let types = get(&get(event, "dataTransfer"), "types");
        Array::from(&types).includes(&"Files".into(), 0)
    };
    page::listen("dragover", move |event: Event| {
        if has_files(&event) {
            event.prevent_default();
            dragging(true);
        }
    });
    page::listen("dragleave", move |event: Event| {
        // Only when the window is left, not one element for another.
        if get(&event, "relatedTarget").is_null() {
            dragging(false);
        }
    });
    page::listen("drop", move |event: Event| {
        dragging(false);
        if has_files(&event) {
            event.prevent_default();
            callback(Dropped::of_drop(&event));
        }
    });
}
