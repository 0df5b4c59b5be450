//! Messages between this page and the one that frames it.

use js_sys::{Array, ArrayBuffer, JSON};
use layerscope_core::embed::{FIELDS, Fields, Heard, MAX_TEXT};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Blob, BlobPropertyBag, Element, Event, MessageEvent, Window};

use super::error::BrowserError;
use super::object;
use super::page::{self, document, window};

/// Bytes or a file that came with a message, not looked at yet.
pub struct Content {
    file: JsValue,
    bytes: JsValue,
}

impl Content {
    fn is_there(&self) -> bool {
        self.file.is_instance_of::<Blob>()
            || self.bytes.is_instance_of::<ArrayBuffer>()
            || ArrayBuffer::is_view(&self.bytes)
    }

    /// It as a blob; bytes are copied.
    pub(super) fn blob(self) -> Result<Blob, BrowserError> {
        if let Ok(file) = self.file.dyn_into::<Blob>() {
            return Ok(file);
        }
        let parts = Array::of1(&self.bytes);
        let options = BlobPropertyBag::new();
        Blob::new_with_buffer_source_sequence_and_options(&parts, &options)
            .map_err(BrowserError::of("taking the bytes"))
    }
}

/// The window that frames this one.
fn parent() -> Option<Window> {
    let parent = window().parent().ok().flatten()?;
    (JsValue::from(&parent) != JsValue::from(window())).then_some(parent)
}

/// The app's own origin.
pub fn own_origin() -> String {
    window().location().origin().unwrap_or_default()
}

/// Says something to the parent, if it is of this origin.
pub fn tell(origin: &str, json: &str) {
    if let (Some(parent), Ok(message)) = (parent(), JSON::parse(json)) {
        // Throws only for an origin that is none.
        drop(parent.post_message(&message, origin));
    }
}

/// Links that lead away open in a tab of their own, for the life of the page: the frame stays where
/// it is.
pub fn keep_links_inside() {
    page::listen("click", move |event: Event| {
        let target = event.target().and_then(|t| t.dyn_into::<Element>().ok());
        let link = target.and_then(|t| t.closest("a[href]").ok().flatten());
        if let Some(link) = link
            && !link
                .get_attribute("href")
                .is_some_and(|h| h.starts_with('#'))
        {
            drop(link.set_attribute("target", "_blank"));
            drop(link.set_attribute("rel", "noopener noreferrer"));
        }
    });
}

/// Calls back with every message that may be a host's, and with the bytes or file in it.
pub fn listen(callback: impl Fn(Heard, Content) + 'static) {
    page::listen("message", move |event: MessageEvent| {
        let data = event.data();
        if !data.is_object() {
            return;
        }
        let get = |name: &str| object::get(&data, name);
        let from_parent = parent().is_some_and(|parent| {
            event
                .source()
                .is_some_and(|source| JsValue::from(source) == JsValue::from(parent))
        });
        // Nothing that anybody else sends is copied.
        if !from_parent {
            return;
        }
        let mut fields = Fields::default();
        let fits = FIELDS.iter().all(|name| {
            let value = get(name);
            let Some(text) = value.dyn_ref::<js_sys::JsString>() else {
                return true; // what is no text is not there
            };
            text.length() as usize <= MAX_TEXT && fields.put(name, String::from(text))
        });
        let content = Content {
            file: get("file"),
            bytes: get("bytes"),
        };
        let heard = Heard {
            origin: event.origin(),
            from_parent,
            version: get("version").as_f64().map(|v| v as u32),
            fields: fits.then_some(fields),
            has_content: content.is_there(),
        };
        callback(heard, content);
    });
}

/// Height that the page's content has, in CSS pixels. Of a page that fills whatever it is given (a
/// listing, a file) it is what it was given.
pub fn height() -> u32 {
    let body = document().body();
    body.map_or(0, |body| u32::try_from(body.offset_height()).unwrap_or(0))
}
