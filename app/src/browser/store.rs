//! The indices kept between visits, in IndexedDB, under a budget.
//!
//! Two object stores, written in one transaction: `index` has the bytes (those of a value that grows
//! in parts, under keys of their own), `about` what the settings page shows and eviction needs. The
//! space used is the sum over `about`, taken in the transaction that adds a record, so several tabs
//! and workers cannot count wrong together.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use js_sys::{Array, Uint8Array};
use layerscope_core::explore::cancel::Bell;
use layerscope_core::port::{Grown, IndexStore, StoreError, part_key};
use serde_json::{Value, json};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::spawn_local;
use web_sys::{IdbDatabase, IdbTransactionMode};

use super::error::BrowserError;
use super::idb::{self, Transaction, value};
use super::{early, timer};

/// How many bytes of indices are kept unless the user says otherwise: some hundreds of layers. One
/// of the choices in the settings.
pub const DEFAULT_BUDGET_BYTES: u64 = 250_000_000;
/// The database's name.
pub const DATABASE: &str = "layerscope";
/// Its version: a change of the object stores, not of the index format, which the bytes state.
const VERSION: u32 = 1;
const INDEX: &str = "index";
const ABOUT: &str = "about";
const SETTINGS: &str = "settings";
const STORES: &[&str] = &[INDEX, ABOUT, SETTINGS];
/// When it is written that an index was used: after the listing that it was read for.
pub const TOUCH_AFTER: Duration = Duration::from_secs(1);
const BUDGET: &str = "budget";

/// What is known of a stored index.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredLayer {
    /// Its key.
    pub key: String,
    /// Where the layer was opened from, for the user to read.
    pub label: String,
    /// Bytes stored.
    pub bytes: u64,
    /// Milliseconds since 1970-01-01 UTC.
    pub last_used_ms: u64,
}

/// The store; clones share one connection.
#[derive(Clone)]
pub struct Store {
    name: Rc<str>,
    connection: Rc<RefCell<Option<IdbDatabase>>>,
    opening: Rc<Opening>,
}

/// Only one connection is opened at a time; whoever else needs it waits for that one.
#[derive(Default)]
struct Opening {
    under_way: Cell<bool>,
    bell: Bell,
}

/// Says that opening has ended, also when it was given up.
struct OpeningEnds(Rc<Opening>);

impl Drop for OpeningEnds {
    fn drop(&mut self) {
        self.0.under_way.set(false);
        self.0.bell.ring();
    }
}

impl Store {
    /// Opens the store of this origin.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] where there is no database, the browser refuses it, or another
    /// tab blocks it.
    pub async fn open() -> Result<Self, StoreError> {
        Self::open_named(DATABASE).await
    }

    /// Opens a store of another name.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub async fn open_named(name: &str) -> Result<Self, StoreError> {
        let store = Self::lazy_named(name);
        store.connect().await?;
        Ok(store)
    }

    /// A store that connects when it is first used, and again after its connection was lost.
    pub fn lazy() -> Self {
        Self::lazy_named(DATABASE)
    }

    fn lazy_named(name: &str) -> Self {
        Store {
            name: name.into(),
            connection: Rc::default(),
            opening: Rc::default(),
        }
    }

    /// Connects ahead of the first use. What goes wrong shows at that use.
    pub fn connect_early(&self) {
        let store = self.clone();
        spawn_local(async move { drop(store.connect().await) });
    }

    async fn connect(&self) -> Result<IdbDatabase, StoreError> {
        while self.opening.under_way.get() {
            self.opening.bell.next().await;
        }
        if let Some(open) = self.connection.borrow().clone() {
            return Ok(open);
        }
        self.opening.under_way.set(true);
        let _ends = OpeningEnds(self.opening.clone());
        let database = idb::open(&self.name, VERSION, STORES)
            .await
            .map_err(unavailable)?;
        // A newer page wants to change the stores, the user clears the site's data, or the
        // database broke: let go at once, or others wait for us.
        let (shared, own) = (Rc::downgrade(&self.connection), database.clone());
        let let_go = Closure::<dyn Fn()>::new(move || {
            own.close();
            if let Some(connection) = shared.upgrade() {
                *connection.borrow_mut() = None;
            }
        })
        .into_js_value();
        database.set_onversionchange(Some(let_go.unchecked_ref()));
        database.set_onclose(Some(let_go.unchecked_ref()));
        *self.connection.borrow_mut() = Some(database.clone());
        Ok(database)
    }

    async fn transaction(
        &self,
        doing: &'static str,
        stores: &[&str],
        mode: IdbTransactionMode,
    ) -> Result<Transaction, StoreError> {
        let database = self.connect().await?;
        match Transaction::new(doing, &database, stores, mode) {
            // The connection was closed under us: once more with a new one.
            Err(error) if error.is("InvalidStateError") => {
                *self.connection.borrow_mut() = None;
                let database = self.connect().await?;
                Transaction::new(doing, &database, stores, mode).map_err(failed)
            }
            other => other.map_err(failed),
        }
    }

    /// What is stored, last used first.
    ///
    /// # Errors
    /// When the database is unavailable or fails.
    pub async fn list(&self) -> Result<Vec<StoredLayer>, StoreError> {
        let doing = "listing the stored indices";
        let transaction = self
            .transaction(doing, &[ABOUT], IdbTransactionMode::Readonly)
            .await?;
        let mut list = read_about(&transaction, doing).await.map_err(failed)?;
        list.sort_by_key(|stored| std::cmp::Reverse(stored.last_used_ms));
        Ok(list)
    }

    /// Bytes stored.
    ///
    /// # Errors
    /// When the database is unavailable or fails.
    pub async fn used(&self) -> Result<u64, StoreError> {
        Ok(self.list().await?.iter().map(|s| s.bytes).sum())
    }

    /// Bytes that may be stored.
    ///
    /// # Errors
    /// When the database is unavailable or fails.
    pub async fn budget(&self) -> Result<u64, StoreError> {
        let doing = "reading the budget";
        let transaction = self
            .transaction(doing, &[SETTINGS], IdbTransactionMode::Readonly)
            .await?;
        read_budget(&transaction, doing).await.map_err(failed)
    }

    /// Changes the budget and evicts what no longer fits.
    ///
    /// # Errors
    /// When the database is unavailable or fails.
    pub async fn set_budget(&self, bytes: u64) -> Result<(), StoreError> {
        let doing = "changing the budget";
        let transaction = self
            .transaction(doing, STORES, IdbTransactionMode::Readwrite)
            .await?;
        let work = async {
            let settings = transaction.store(SETTINGS)?;
            // Exact up to 2^53 bytes.
            let budget = JsValue::from_f64(bytes as f64);
            value(doing, settings.put_with_key(&budget, &BUDGET.into())).await?;
            make_room(&transaction, doing, bytes, None).await
        };
        work.await.map_err(failed)?;
        transaction.done().await.map_err(failed)
    }

    /// Removes everything stored; settings stay.
    ///
    /// # Errors
    /// When the database is unavailable or fails.
    pub async fn clear(&self) -> Result<(), StoreError> {
        let doing = "clearing the stored indices";
        let transaction = self
            .transaction(doing, &[INDEX, ABOUT], IdbTransactionMode::Readwrite)
            .await?;
        let work = async {
            value(doing, transaction.store(INDEX)?.clear()).await?;
            value(doing, transaction.store(ABOUT)?.clear()).await
        };
        work.await.map_err(failed)?;
        transaction.done().await.map_err(failed)
    }

    async fn read(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let doing = "reading a stored index";
        let transaction = self
            .transaction(doing, &[INDEX], IdbTransactionMode::Readonly)
            .await?;
        read_in(&transaction, doing, key).await.map_err(failed)
    }

    /// Writes the time of use, if the record is still there.
    async fn touch(&self, key: &str) -> Result<(), StoreError> {
        let doing = "noting that an index was used";
        let transaction = self
            .transaction(doing, &[ABOUT], IdbTransactionMode::Readwrite)
            .await?;
        let work = async {
            let about = transaction.store(ABOUT)?;
            let old = value(doing, about.get(&key.into())).await?;
            if let Some(mut stored) = parse_about(&old) {
                stored.last_used_ms = timer::wall_clock_ms() as u64;
                write_about(&transaction, doing, &stored).await?;
            }
            Ok(())
        };
        work.await.map_err(failed)?;
        transaction.done().await.map_err(failed)
    }

    /// One try at storing a record, together with a part of it that has a key of its own, if it has
    /// grown so. `share` of the budget (1 = all, 2 = half) may be in use afterwards.
    async fn try_put(
        &self,
        (key, bytes): (&str, &[u8]),
        grown: Option<Grown<'_>>,
        label: &str,
        share: u64,
    ) -> Result<(), StoreError> {
        let len = grown.map_or(bytes.len() as u64, |grown| grown.total);
        let doing = "storing an index";
        let transaction = self
            .transaction(doing, STORES, IdbTransactionMode::Readwrite)
            .await?;
        let budget = read_budget(&transaction, doing).await.map_err(failed)?;
        if len > budget {
            let detail = format!("an index of {len} bytes is over the budget of {budget} bytes");
            return Err(StoreError::Full { detail });
        }
        if let Some(grown) = grown {
            let stored = read_in(&transaction, doing, key).await.map_err(failed)?;
            if !grown.follows(stored.as_deref()) {
                return Err(StoreError::Changed);
            }
        }
        let part = grown.map(|grown| (part_key(key, grown.number), grown.part));
        let work = async {
            make_room(
                &transaction,
                doing,
                (budget / share).saturating_sub(len),
                Some(key),
            )
            .await?;
            let index = transaction.store(INDEX)?;
            let part = part.as_ref().map(|(key, bytes)| (key.as_str(), *bytes));
            for (key, bytes) in part.into_iter().chain([(key, bytes)]) {
                let bytes = Uint8Array::from(bytes);
                value(doing, index.put_with_key(&bytes, &key.into())).await?;
            }
            let stored = StoredLayer {
                key: key.to_owned(),
                label: label.to_owned(),
                bytes: len,
                last_used_ms: timer::wall_clock_ms() as u64,
            };
            write_about(&transaction, doing, &stored).await
        };
        work.await.map_err(failed)?;
        transaction.done().await.map_err(failed)
    }
}

impl IndexStore for Store {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let found = match early::take_record(key) {
            Some(early) => early.await,
            None => self.read(key).await?,
        };
        if found.is_some() {
            // Nobody waits for the time of use to be written, but for what was read; without it,
            // eviction is a bit wrong.
            let (store, key) = (self.clone(), key.to_owned());
            spawn_local(async move {
                timer::sleep(TOUCH_AFTER).await;
                drop(store.touch(&key).await);
            });
        }
        Ok(found)
    }

    async fn put(&self, key: &str, bytes: &[u8], label: &str) -> Result<(), StoreError> {
        let record = (key, bytes);
        match self.try_put(record, None, label, 1).await {
            // The origin's own quota is smaller than our budget: keep only half and try again.
            Err(StoreError::Full { .. }) => self.try_put(record, None, label, 2).await,
            other => other,
        }
    }

    async fn append(&self, key: &str, grown: Grown<'_>, label: &str) -> Result<(), StoreError> {
        // Nothing else is given up for it where the origin's own quota is small.
        self.try_put((key, grown.head), Some(grown), label, 1).await
    }

    async fn remove(&self, key: &str) -> Result<(), StoreError> {
        let doing = "removing a stored index";
        let transaction = self
            .transaction(doing, &[INDEX, ABOUT], IdbTransactionMode::Readwrite)
            .await?;
        let work = async { delete(&transaction, doing, key).await };
        work.await.map_err(failed)?;
        transaction.done().await.map_err(failed)
    }
}

async fn read_in(
    transaction: &Transaction,
    doing: &'static str,
    key: &str,
) -> Result<Option<Vec<u8>>, BrowserError> {
    let found = value(doing, transaction.store(INDEX)?.get(&key.into())).await?;
    Ok(found.dyn_ref::<Uint8Array>().map(Uint8Array::to_vec))
}

async fn delete(
    transaction: &Transaction,
    doing: &'static str,
    key: &str,
) -> Result<(), BrowserError> {
    let index = transaction.store(INDEX)?;
    value(doing, index.delete(&key.into())).await?;
    // Its parts, of which `about` has nothing: from the slash to before the next character, "0".
    let parts = idb::key_range(doing, &format!("{key}/"), &format!("{key}0"))?;
    value(doing, index.delete(&parts)).await?;
    value(doing, transaction.store(ABOUT)?.delete(&key.into())).await?;
    Ok(())
}

/// Evicts the least recently used records until at most `allowed` bytes are in use, not counting
/// the record of `coming`, which is about to be replaced.
async fn make_room(
    transaction: &Transaction,
    doing: &'static str,
    allowed: u64,
    coming: Option<&str>,
) -> Result<(), BrowserError> {
    let mut list = read_about(transaction, doing).await?;
    list.retain(|stored| Some(stored.key.as_str()) != coming);
    let mut used: u64 = list.iter().map(|s| s.bytes).sum();
    while used > allowed {
        let places = 0..list.len();
        let Some(oldest) = places.min_by_key(|at| list[*at].last_used_ms) else {
            break;
        };
        let stored = list.swap_remove(oldest);
        delete(transaction, doing, &stored.key).await?;
        used = used.saturating_sub(stored.bytes);
    }
    Ok(())
}

async fn read_about(
    transaction: &Transaction,
    doing: &'static str,
) -> Result<Vec<StoredLayer>, BrowserError> {
    let all = value(doing, transaction.store(ABOUT)?.get_all()).await?;
    let all: Array = all.unchecked_into();
    Ok(all
        .iter()
        .filter_map(|record| parse_about(&record))
        .collect())
}

async fn write_about(
    transaction: &Transaction,
    doing: &'static str,
    stored: &StoredLayer,
) -> Result<(), BrowserError> {
    // A record is one JSON text.
    let text = json!({
        "key": stored.key,
        "label": stored.label,
        "bytes": stored.bytes,
        "last_used_ms": stored.last_used_ms,
    });
    let text = text.to_string();
    let about = transaction.store(ABOUT)?;
    let key = JsValue::from_str(&stored.key);
    value(doing, about.put_with_key(&text.into(), &key)).await?;
    Ok(())
}

fn parse_about(record: &JsValue) -> Option<StoredLayer> {
    // By hand and as bytes, because the worker reads other JSON so: what a derived reader brings, or
    // another one of texts, is larger.
    let value: Value = serde_json::from_slice(record.as_string()?.as_bytes()).ok()?;
    let text = |name: &str| value[name].as_str().map(str::to_owned);
    Some(StoredLayer {
        key: text("key")?,
        label: text("label")?,
        bytes: value["bytes"].as_u64()?,
        last_used_ms: value["last_used_ms"].as_u64()?,
    })
}

async fn read_budget(transaction: &Transaction, doing: &'static str) -> Result<u64, BrowserError> {
    let kept = value(doing, transaction.store(SETTINGS)?.get(&BUDGET.into())).await?;
    Ok(kept.as_f64().map_or(DEFAULT_BUDGET_BYTES, |b| b as u64))
}

fn unavailable(error: BrowserError) -> StoreError {
    StoreError::Unavailable {
        detail: error.to_string(),
    }
}

fn failed(error: BrowserError) -> StoreError {
    let detail = error.to_string();
    if error.is("QuotaExceededError") {
        StoreError::Full { detail }
    } else {
        StoreError::Failed { detail }
    }
}
