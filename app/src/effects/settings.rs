//! What this browser keeps.

use std::rc::Rc;

use layerscope_core::port::{IndexStore, StoreError};
use layerscope_core::registry::docker_config;
use layerscope_core::view::human;
use leptos::task::spawn_local;

use super::{Effects, Inner};
use crate::browser::page::ChosenFile;
use crate::state::Load;
use crate::state::cache::Kept;

pub(super) fn load(inner: &Rc<Inner>) {
    let itself = inner.clone();
    inner.spawn(async move { read(&itself).await });
}

async fn read(inner: &Inner) {
    let store = &inner.store;
    let kept = async {
        Ok::<_, StoreError>(Kept {
            layers: store.list().await?,
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

    /// Signs in to every registry that a docker `config.json` has a password for, as long as the
    /// tab lives. `told` gets a sentence on what came of it.
    pub fn import_sign_ins(self, file: ChosenFile, told: impl FnOnce(String) + 'static) {
        self.with(|inner| {
            let inner = inner.clone();
            spawn_local(async move { told(import(&inner, file).await) });
        });
    }
}

async fn import(inner: &Inner, file: ChosenFile) -> String {
    let read = match file.read(docker_config::MAX_CONFIG_BYTES).await {
        Ok(bytes) => docker_config::parse(&bytes),
        Err(error) => return format!("The file could not be read: {error}."),
    };
    let sign_ins = match read {
        Ok(sign_ins) => sign_ins,
        Err(why) => return format!("This is no config.json of docker's: {why}."),
    };
    let (count, left_out) = (sign_ins.found.len() as u64, sign_ins.left_out as u64);
    for (registry, credentials) in sign_ins.found {
        inner.client.set_credentials(&registry, Some(credentials));
        inner.state.shell.set_signed_in(registry.as_str(), true);
    }
    let taken = human::plural(count, "registry", "registries");
    match left_out {
        0 => format!("Signed in to {taken}."),
        n => format!(
            "Signed in to {taken}; {} without a password in the file left out.",
            human::plural(n, "entry", "entries")
        ),
    }
}
