//! The little of IndexedDB that the store needs: opening with every way it can fail, and awaiting
//! a request inside a transaction.
//!
//! A transaction stays alive as long as each request is made in the task (microtasks included) in
//! which the last one ended. So nothing but requests of the same transaction is awaited in it.

use std::time::Duration;

use js_sys::{Array, Function, Promise, Reflect};
use layerscope_core::explore::cancel::{Either, race};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    IdbDatabase, IdbFactory, IdbObjectStore, IdbOpenDbRequest, IdbRequest, IdbTransaction,
    IdbTransactionMode,
};

use super::error::BrowserError;
use super::timer;

/// How long opening may take, another tab's old connection included.
const OPEN_LIMIT: Duration = Duration::from_secs(3);

/// The factory; missing where the browser has none or hides it from this origin.
pub(super) fn factory() -> Result<IdbFactory, BrowserError> {
    let missing = BrowserError::Missing { what: "IndexedDB" };
    Reflect::get(&js_sys::global(), &"indexedDB".into()) // throws on some opaque origins
        .ok()
        .and_then(|factory| factory.dyn_into().ok())
        .ok_or(missing)
}

/// Opens a database and makes the stores that a new one lacks. Blocked for long by another tab's
/// older connection, it fails; the connection is closed as soon as another asks for an upgrade.
pub(super) async fn open(
    name: &str,
    version: u32,
    stores: &'static [&'static str],
) -> Result<IdbDatabase, BrowserError> {
    let doing = "opening the browser's database";
    let request: IdbOpenDbRequest = factory()?
        .open_with_u32(name, version)
        .map_err(BrowserError::of(doing))?;
    let upgrading = request.clone();
    // Stays for as long as the request: one that is answered after we gave up must still make the
    // stores, or the database would be without them for ever.
    let on_upgrade = Closure::<dyn Fn()>::new(move || {
        let Some(database) = result_of::<IdbDatabase>(&upgrading) else {
            return;
        };
        let existing = database.object_store_names();
        for store in stores {
            if !existing.contains(store) {
                // If this throws, the upgrade is aborted and opening fails, which is reported.
                drop(database.create_object_store(store));
            }
        }
    })
    .into_js_value();
    request.set_onupgradeneeded(Some(on_upgrade.unchecked_ref()));
    let opened = race(wait(doing, &request), timer::sleep(OPEN_LIMIT)).await;
    match opened {
        Either::Left(opened) => opened?,
        Either::Right(()) => {
            // If it opens after all, nobody may be kept waiting by a connection that nobody uses.
            let late = request.clone();
            let close = Closure::once_into_js(move || {
                if let Some(database) = result_of::<IdbDatabase>(&late) {
                    database.close();
                }
            });
            request.set_onsuccess(Some(close.unchecked_ref()));
            return Err(BrowserError::TimedOut {
                doing,
                limit_ms: OPEN_LIMIT.as_millis() as u32,
            });
        }
    }
    let database = result_of::<IdbDatabase>(&request).ok_or(BrowserError::Missing {
        what: "the opened database",
    })?;
    Ok(database)
}

fn result_of<T: JsCast>(request: &IdbRequest) -> Option<T> {
    request.result().ok()?.dyn_into().ok()
}

/// Waits until a request has succeeded or failed.
pub(super) async fn wait(doing: &'static str, request: &IdbRequest) -> Result<(), BrowserError> {
    let ended = Promise::new(&mut |resolve, reject| {
        request.set_onsuccess(Some(&resolve));
        request.set_onerror(Some(&reject));
    });
    let ended = JsFuture::from(ended).await;
    request.set_onsuccess(None);
    request.set_onerror(None);
    if ended.is_ok() {
        return Ok(());
    }
    let cause = request.error().ok().flatten();
    Err(BrowserError::from_js(
        doing,
        &cause.map_or(JsValue::NULL, Into::into),
    ))
}

/// Waits for a request made just now and gives its result.
pub(super) async fn value(
    doing: &'static str,
    request: Result<IdbRequest, JsValue>,
) -> Result<JsValue, BrowserError> {
    let request = request.map_err(BrowserError::of(doing))?;
    wait(doing, &request).await?;
    request.result().map_err(BrowserError::of(doing))
}

/// All keys from `first` on that are less than `end`, for where a key is asked for.
pub(super) fn key_range(
    doing: &'static str,
    first: &str,
    end: &str,
) -> Result<JsValue, BrowserError> {
    let bound = || -> Result<JsValue, JsValue> {
        let range = Reflect::get(&js_sys::global(), &"IDBKeyRange".into())?;
        let bound: Function = Reflect::get(&range, &"bound".into())?.dyn_into()?;
        let open = (JsValue::FALSE, JsValue::TRUE);
        bound.call4(&range, &first.into(), &end.into(), &open.0, &open.1)
    };
    bound().map_err(BrowserError::of(doing))
}

/// A transaction that is aborted unless [`Transaction::done`] was awaited.
pub(super) struct Transaction {
    inner: IdbTransaction,
    doing: &'static str,
    done: bool,
}

impl Transaction {
    pub(super) fn new(
        doing: &'static str,
        database: &IdbDatabase,
        stores: &[&str],
        mode: IdbTransactionMode,
    ) -> Result<Self, BrowserError> {
        let names: Array = stores.iter().map(|s| JsValue::from_str(s)).collect();
        let inner = database
            .transaction_with_str_sequence_and_mode(&names, mode)
            .map_err(BrowserError::of(doing))?;
        Ok(Transaction {
            inner,
            doing,
            done: false,
        })
    }

    pub(super) fn store(&self, name: &str) -> Result<IdbObjectStore, BrowserError> {
        self.inner
            .object_store(name)
            .map_err(BrowserError::of(self.doing))
    }

    /// Waits until all of it is written. A full disk or quota shows here, not at a request.
    pub(super) async fn done(mut self) -> Result<(), BrowserError> {
        self.done = true;
        let ended = Promise::new(&mut |resolve, reject| {
            self.inner.set_oncomplete(Some(&resolve));
            self.inner.set_onabort(Some(&reject));
        });
        let ended = JsFuture::from(ended).await;
        self.inner.set_oncomplete(None);
        self.inner.set_onabort(None);
        if ended.is_ok() {
            return Ok(());
        }
        let cause = self.inner.error();
        Err(BrowserError::from_js(
            self.doing,
            &cause.map_or(JsValue::from_str("aborted"), Into::into),
        ))
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        if !self.done {
            drop(self.inner.abort()); // throws if it has ended by itself
        }
    }
}
