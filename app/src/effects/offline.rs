//! Keeping the app for use without a network, and offering a newer version. In the second part of
//! the program.

use std::rc::Rc;
use std::time::Duration;

use leptos::task::spawn_local;

use super::{Effects, Inner};
use crate::browser::{offline, seen, timer};
use crate::state::offline::AppKept;

/// How long after the first page its files are kept: nobody who waits for something is to wait for
/// that too.
const KEEP_AFTER: Duration = Duration::from_secs(3);

/// Registers the service worker; only the first call does something.
pub(super) fn begin(inner: &Rc<Inner>) {
    if inner.keeps.replace(true) {
        return;
    }
    let state = inner.state.offline;
    seen::tell(move || state.set_from_store(true));
    seen::keep_by(seen::store);
    offline::on_network(move |on| state.set_network(on));
    let inner = inner.clone();
    spawn_local(async move {
        timer::sleep(KEEP_AFTER).await;
        match offline::register(move || state.offer(true)).await {
            Ok(keeper) => {
                inner.keeper.replace(Some(keeper));
                state.set(AppKept::Kept);
            }
            Err(why) => state.set(AppKept::Not(why)),
        }
    });
}

impl Effects {
    /// Changes to the newer version of the app that is here.
    pub fn use_newer_version(self) {
        self.with(|inner| {
            inner.state.offline.offer(false);
            if let Some(keeper) = inner.keeper.borrow().as_ref() {
                keeper.take_over();
            }
        });
    }

    /// Stays with this version until all its pages are closed.
    pub fn keep_this_version(self) {
        self.with(|inner| inner.state.offline.offer(false));
    }
}
