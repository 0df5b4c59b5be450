//! What this browser keeps.

use std::rc::Rc;

use layerscope_core::port::{IndexStore, StoreError};
use leptos::task::spawn_local;

use super::{Effects, Inner};
use crate::browser::seen_store;
use crate::state::Load;
use crate::state::cache::Kept;

pub(super) fn load(inner: &Rc<Inner>) {
    let itself = inner.clone();
    inner.spawn(async move { read(&itself).await });
}

async fn read(inner: &Inner) {
    let store = &inner.store;
    let kept = async {
        // Storage that is refused holds nothing, which the indices' own question tells.
        let seen = seen_store::used().await.unwrap_or_default();
        Ok::<_, StoreError>(Kept {
            layers: store.list().await?,
            seen: seen.records(),
            seen_bytes: seen.bytes(),
            used: store.used().await?,
            budget: store.budget().await?,
        })
    };
    inner.state.cache.set(Load::of(kept.await));
}

impl Effects {
    /// Removes one stored layer, or all of them.
    pub fn forget_stored(self, key: Option<String>) {
        self.change(async move |inner| match key {
            Some(key) => inner.store.remove(&key).await,
            None => {
                drop(seen_store::clear().await); // likewise
                inner.store.clear().await
            }
        });
    }

    /// Changes how many bytes may be stored.
    pub fn set_budget(self, bytes: u64) {
        self.change(async move |inner| inner.store.set_budget(bytes).await);
    }

    /// Runs to its end even if the page is left.
    fn change(self, work: impl AsyncFnOnce(&Inner) -> Result<(), StoreError> + 'static) {
        self.with(|inner| {
            let inner = inner.clone();
            spawn_local(async move {
                if let Err(error) = work(&inner).await {
                    inner.state.shell.notify(error.into());
                }
                read(&inner).await;
            });
        });
    }
}
