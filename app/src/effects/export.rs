//! Giving the open layer's index away, and taking one from a file.

use layerscope_core::job::{ExportFormat, Exported, LayerSource, ReadId, Request};
use layerscope_core::view::problem::Problem;
use leptos::task::spawn_local;

use super::{Effects, Inner, layer};
use crate::browser::page;
use crate::state::export::Export;

/// A larger file is no index of a layer that a browser would open.
const MAX_FILE_BYTES: u64 = 64 << 20;

/// A worker has made it.
pub(super) fn on_exported(inner: &Inner, read: ReadId, exported: Exported, bytes: &[u8]) {
    let state = inner.state.export;
    if state.going() != Some(read) {
        return;
    }
    state.set(Some(match page::save_bytes(&exported.name, bytes) {
        Ok(()) => Export::Done(exported),
        Err(error) => Export::Failed(Problem::new(
            "SAVE",
            "The download did not start",
            error.to_string(),
            "Try again.",
        )),
    }));
}

/// It goes on.
pub(super) fn on_exporting(inner: &Inner, read: ReadId, received: u64) {
    if inner.state.export.going() == Some(read) {
        inner.state.export.advance(received);
    }
}

/// It failed; false if the read was another's.
pub(super) fn on_failed(inner: &Inner, read: ReadId, problem: &Problem) -> bool {
    let ours = inner.state.export.going() == Some(read);
    if ours {
        inner
            .state
            .export
            .set(Some(Export::Failed(problem.clone())));
    }
    ours
}

impl Effects {
    /// Makes a file of the open layer's index and saves it.
    pub fn export_index(self, format: ExportFormat) {
        self.with(|inner| {
            if let Some(job) = inner.state.layer.job() {
                let read = inner.state.export.begin(format);
                inner.pool.post(Request::Export { job, read, format });
            }
        });
    }

    /// Gives it up.
    pub fn cancel_export(self) {
        self.with(|inner| {
            if let (Some(read), Some(job)) = (inner.state.export.going(), inner.state.layer.job()) {
                inner.pool.post(Request::CancelRead { job, read });
                inner.state.export.set(None);
            }
        });
    }

    /// Opens the open layer by the index file that was chosen in a field.
    pub fn use_index_file(self, chosen: page::ChosenFile) {
        let inner = self.with(Clone::clone);
        spawn_local(async move {
            match chosen.read(MAX_FILE_BYTES).await {
                Ok(bytes) => layer::reopen(&inner, |source| LayerSource {
                    given: Some(bytes),
                    whole: false,
                    again: false,
                    ..source
                }),
                Err(error) => inner.state.shell.notify(Problem::new(
                    "INDEX_FILE",
                    "The index file could not be read",
                    error.to_string(),
                    "Choose a file that ends with .lsx.",
                )),
            }
        });
    }
}
