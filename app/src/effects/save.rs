//! Downloading the open file.

use std::rc::Rc;

use layerscope_core::job::{ReadId, Request};
use leptos::task::spawn_local;

use super::layer::{browser_problem, entry_path_name, read};
use super::{Effects, Inner};
use crate::browser::page;
use crate::state::file::{Purpose, Saving};
use crate::state::text::download_name;

/// A download goes on, or its bytes are whole.
pub(super) fn on_download(
    inner: &Rc<Inner>,
    read: ReadId,
    written: u64,
    total: u64,
    ready: Option<String>,
    bytes: Option<Vec<u8>>,
) {
    let file = inner.state.file;
    if file.purpose(read) != Some(Purpose::Save) {
        return;
    }
    let Some(ready) = ready else {
        file.set_saving(Some(Saving::Going {
            read,
            written,
            total,
        }));
        return;
    };
    file.end_read(read);
    let name = entry_name(inner);
    spawn_local(async move {
        let saved = page::save_download(&ready, bytes.as_deref(), &name).await;
        file.set_saving(Some(match saved {
            Ok(()) => Saving::Saved,
            Err(error) => Saving::Failed(browser_problem(
                "SAVE",
                "The download did not start",
                &error,
            )),
        }));
    });
}

fn entry_name(inner: &Inner) -> String {
    download_name(Some(&entry_path_name(inner)))
}

impl Effects {
    /// Downloads the open file.
    pub fn save_file(self) {
        self.with(|inner| {
            let file = inner.state.file;
            let head = file.head().with_untracked(|h| h.ready().cloned());
            match head {
                Some(head) if head.is_whole() => {
                    let name = entry_name(inner);
                    let saved = page::save_bytes(&name, &head.bytes);
                    file.set_saving(Some(match saved {
                        Ok(()) => Saving::Saved,
                        Err(e) => Saving::Failed(browser_problem(
                            "SAVE",
                            "The download did not start",
                            &e,
                        )),
                    }));
                }
                _ => read(inner, Purpose::Save, 0, u64::MAX),
            }
        });
    }

    /// Gives up the download.
    pub fn cancel_save(self) {
        self.with(|inner| {
            let file = inner.state.file;
            let going = file.saving().get_untracked();
            if let (Some(Saving::Going { read, .. }), Some(job)) = (going, inner.state.layer.job())
            {
                file.end_read(read);
                inner.pool.post(Request::CancelRead { job, read });
                file.set_saving(None);
            }
        });
    }
}
