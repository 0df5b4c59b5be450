//! The origin's private file system: where a download grows that must not be held in memory.
//!
//! A worker writes `downloads/<name>` through a synchronous handle; the page then hands the file
//! to the browser's own download, and removes it some time later.

use js_sys::{AsyncIterator, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{
    File, FileSystemDirectoryHandle, FileSystemFileHandle, FileSystemGetDirectoryOptions,
    FileSystemGetFileOptions, FileSystemReadWriteOptions, FileSystemSyncAccessHandle,
    StorageManager, Window, WorkerGlobalScope,
};

use super::error::BrowserError;
use super::timer;

const FOLDER: &str = "downloads";
/// A file older than this belongs to a tab that was closed before it could remove it.
const STALE_AFTER_MS: f64 = 6.0 * 60.0 * 60.0 * 1000.0;

/// Awaits a promise whose value is a `T`.
async fn get<T: JsCast>(doing: &'static str, promise: js_sys::Promise) -> Result<T, BrowserError> {
    let value = JsFuture::from(promise)
        .await
        .map_err(BrowserError::of(doing))?;
    value
        .dyn_into()
        .map_err(|value| BrowserError::from_js(doing, &value))
}

fn storage() -> Result<StorageManager, BrowserError> {
    let missing = BrowserError::Missing {
        what: "the private file system",
    };
    let global = js_sys::global();
    let navigator: JsValue = match global.dyn_ref::<Window>() {
        Some(window) => window.navigator().into(),
        None => global
            .dyn_ref::<WorkerGlobalScope>()
            .ok_or_else(|| missing.clone())?
            .navigator()
            .into(),
    };
    // On a plain-http host other than localhost there is no `navigator.storage`.
    Reflect::get(&navigator, &"storage".into())
        .ok()
        .and_then(|storage| storage.dyn_into().ok())
        .filter(|storage: &StorageManager| {
            Reflect::has(storage, &"getDirectory".into()).unwrap_or(false)
        })
        .ok_or(missing)
}

async fn folder() -> Result<FileSystemDirectoryHandle, BrowserError> {
    let doing = "opening the private file system";
    let root: FileSystemDirectoryHandle = get(doing, storage()?.get_directory()).await?;
    let options = FileSystemGetDirectoryOptions::new();
    options.set_create(true);
    get(
        doing,
        root.get_directory_handle_with_options(FOLDER, &options),
    )
    .await
}

/// A file being written, in a worker.
pub struct OpfsFile {
    name: String,
    handle: FileSystemSyncAccessHandle,
    written: u64,
    whole: bool,
}

impl OpfsFile {
    /// Starts an empty file; `name` has no slash.
    ///
    /// # Errors
    /// When the file system is missing or refused (private windows, opaque origins), or when the
    /// file is being written by somebody else.
    pub async fn create(name: &str) -> Result<Self, BrowserError> {
        let doing = "creating a file for the download";
        let options = FileSystemGetFileOptions::new();
        options.set_create(true);
        let file: FileSystemFileHandle = get(
            doing,
            folder().await?.get_file_handle_with_options(name, &options),
        )
        .await?;
        if !Reflect::has(&file, &"createSyncAccessHandle".into()).unwrap_or(false) {
            return Err(BrowserError::Missing {
                what: "writing to the private file system",
            });
        }
        let handle: FileSystemSyncAccessHandle =
            get(doing, file.create_sync_access_handle()).await?;
        handle
            .truncate_with_u32(0)
            .map_err(BrowserError::of(doing))?;
        Ok(OpfsFile {
            name: name.to_owned(),
            handle,
            written: 0,
            whole: false,
        })
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// When the disk or the origin's quota is full.
    pub fn write(&mut self, mut bytes: &[u8]) -> Result<(), BrowserError> {
        let doing = "writing the download";
        while !bytes.is_empty() {
            let at = FileSystemReadWriteOptions::new();
            // Exact up to 2^53 bytes.
            at.set_at(self.written as f64);
            let taken = self
                .handle
                .write_with_u8_array_and_options(bytes, &at)
                .map_err(BrowserError::of(doing))? as usize;
            if taken == 0 || taken > bytes.len() {
                return Err(BrowserError::Thrown {
                    doing,
                    name: "QuotaExceededError".to_owned(),
                    message: "nothing more could be written".to_owned(),
                });
            }
            self.written += taken as u64;
            bytes = &bytes[taken..];
        }
        Ok(())
    }

    /// Closes the file and gives its name for [`file`].
    ///
    /// # Errors
    /// When the last bytes could not be written.
    pub fn finish(mut self) -> Result<String, BrowserError> {
        self.handle
            .flush()
            .map_err(BrowserError::of("writing the download"))?;
        self.whole = true;
        Ok(self.name.clone()) // dropping closes it
    }
}

/// Closes the file, and removes it if it was not finished.
impl Drop for OpfsFile {
    fn drop(&mut self) {
        self.handle.close();
        if !self.whole {
            let name = std::mem::take(&mut self.name);
            // If this fails, the clean-up of a later visit gets it.
            spawn_local(async move { drop(remove(&name).await) });
        }
    }
}

/// A written file, without reading it.
///
/// # Errors
/// When it is not there.
pub async fn file(name: &str) -> Result<File, BrowserError> {
    let doing = "opening the finished download";
    let handle: FileSystemFileHandle = get(doing, folder().await?.get_file_handle(name)).await?;
    get(doing, handle.get_file()).await
}

/// Removes a file.
///
/// # Errors
/// When it is not there or still being written.
pub async fn remove(name: &str) -> Result<(), BrowserError> {
    JsFuture::from(folder().await?.remove_entry(name))
        .await
        .map(drop)
        .map_err(BrowserError::of("removing a download"))
}

/// Removes what closed tabs left behind; returns how many files went.
///
/// # Errors
/// When the file system is missing.
pub async fn remove_stale() -> Result<usize, BrowserError> {
    let doing = "looking for old downloads";
    let folder = folder().await?;
    let names: AsyncIterator = folder.keys();
    let mut old = Vec::new();
    loop {
        let next = names.next().map_err(BrowserError::of(doing))?;
        let next = JsFuture::from(next)
            .await
            .map_err(BrowserError::of(doing))?
            .unchecked_into::<js_sys::IteratorNext>();
        if next.done() {
            break;
        }
        if let Some(name) = next.value().as_string() {
            let last_written = file(&name).await.map(|f| f.last_modified());
            if last_written.is_ok_and(|at| timer::wall_clock_ms() - at > STALE_AFTER_MS) {
                old.push(name);
            }
        }
    }
    let mut removed = 0;
    for name in old {
        removed += usize::from(remove(&name).await.is_ok());
    }
    Ok(removed)
}
