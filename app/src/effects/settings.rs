//! What this browser keeps.

use std::rc::Rc;

use layerscope_core::port::{IndexStore, SEEN, StoreError};
use leptos::task::spawn_local;

use super::{Effects, Inner};
use crate::browser::store::StoredLayer;
use crate::state::Load;
use crate::state::cache::Kept;

pub(super) fn load(inner: &Rc<Inner>) {
    let itself = inner.clone();
    inner.spawn(async move { read(&itself).await });
}

async fn read(inner: &Inner) {
    let store = &inner.store;
    let kept = async {
        let (layers, seen) = store
            .list()
            .await?
            .into_iter()
            .partition(|stored| !stored.key.starts_with(SEEN));
        let seen: Vec<StoredLayer> = seen;
        Ok::<_, StoreError>(Kept {
            layers,
            seen: seen.len() as u64,
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
            None => inner.store.clear().await,
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
