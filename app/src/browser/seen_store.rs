//! Where answers of registries are kept for when there is no network: beside the indices, in a
//! database of their own, so that many small records neither push out an index nor are counted
//! whenever one is written.
//!
//! Two halves: what comes is written to one; when that is full the other is emptied, and takes its
//! place. So what was used last stays, nothing is ever listed, and what is in use is two numbers.

use js_sys::Uint8Array;
use layerscope_core::seen::Full;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::IdbTransactionMode;

use super::error::BrowserError;
use super::idb::{self, Transaction, value};

/// The database's name.
pub const DATABASE: &str = "layerscope-seen";
const VERSION: u32 = 1;
const HALVES: [&str; 2] = ["0", "1"];
const ABOUT: &str = "about";
const STORES: &[&str] = &["0", "1", ABOUT];
/// Under which it is written how full the halves are.
const FULL: &str = "full";

async fn begin(doing: &'static str, mode: IdbTransactionMode) -> Result<Transaction, BrowserError> {
    // Opened for each: a connection that is held keeps other tabs from removing the database.
    let database = idb::open(DATABASE, VERSION, STORES).await?;
    let transaction = Transaction::new(doing, &database, STORES, mode);
    database.close(); // when the transaction has ended
    transaction
}

async fn full(doing: &'static str, transaction: &Transaction) -> Result<Full, BrowserError> {
    let text = value(doing, transaction.store(ABOUT)?.get(&FULL.into())).await?;
    let full = text.as_string().and_then(|text| Full::parse(&text));
    Ok(full.unwrap_or_default())
}

fn bytes(found: &JsValue) -> Option<&Uint8Array> {
    found.dyn_ref()
}

/// Keeps a record under its key, in place of one that was there.
///
/// # Errors
/// The browser's storage does not take it.
pub async fn put(key: &str, record: &[u8]) -> Result<(), BrowserError> {
    let doing = "keeping what was seen";
    let transaction = begin(doing, IdbTransactionMode::Readwrite).await?;
    let mut full = full(doing, &transaction).await?;
    let store = transaction.store(HALVES[full.current()])?;
    let old = value(doing, store.get(&key.into())).await?;
    let len = u32::try_from(record.len()).unwrap_or(u32::MAX);
    let changed = full.take(len, bytes(&old).map(Uint8Array::length));
    let store = transaction.store(HALVES[full.current()])?;
    if changed {
        value(doing, store.clear()).await?;
    }
    let record = Uint8Array::from(record);
    value(doing, store.put_with_key(&record, &key.into())).await?;
    let about = transaction.store(ABOUT)?;
    let text = JsValue::from_str(&full.text());
    value(doing, about.put_with_key(&text, &FULL.into())).await?;
    transaction.done().await
}

/// The record under a key.
///
/// # Errors
/// The browser's storage does not give it.
pub async fn get(key: &str) -> Result<Option<Vec<u8>>, BrowserError> {
    let doing = "looking for what was seen";
    let transaction = begin(doing, IdbTransactionMode::Readonly).await?;
    let current = full(doing, &transaction).await?.current();
    for half in [current, 1 - current] {
        let found = value(doing, transaction.store(HALVES[half])?.get(&key.into())).await?;
        if let Some(found) = bytes(&found) {
            return Ok(Some(found.to_vec()));
        }
    }
    Ok(None)
}

/// How much is kept.
///
/// # Errors
/// The browser's storage does not say.
pub async fn used() -> Result<Full, BrowserError> {
    let doing = "asking how much was kept";
    let transaction = begin(doing, IdbTransactionMode::Readonly).await?;
    full(doing, &transaction).await
}

/// Removes all of it.
///
/// # Errors
/// The browser's storage refuses.
pub async fn clear() -> Result<(), BrowserError> {
    let doing = "removing what was kept";
    let transaction = begin(doing, IdbTransactionMode::Readwrite).await?;
    for store in STORES {
        value(doing, transaction.store(store)?.clear()).await?;
    }
    transaction.done().await
}
