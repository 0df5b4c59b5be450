//! The browser's versions of the core's ports, for a layer worker.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use layerscope_core::app_config::{APP_CONFIG, MAX_APP_CONFIG_BYTES};
use layerscope_core::digest::Algorithm;
use layerscope_core::explore::ports::{
    FileError, FileSink, FinishedFile, MEMORY_FILE_LIMIT, MemoryFile, Ports, Task,
};
use layerscope_core::explore::{Formats, FormatsError};
use layerscope_core::job::Event;
use layerscope_core::port::{Body, Clock, EventSink, Http, HttpRequest};
use wasm_bindgen_futures::spawn_local;

use super::early;
use super::error::BrowserError;
use super::fetch::FetchHttp;
use super::hash::{self, BrowserHash};
use super::lock::Lock;
use super::opfs::{self, OpfsFile};
use super::store::Store;
use super::{message, scope, timer};

/// How long a worker goes on before it looks at other messages: a frame, so that whoever waits for rows
/// sees no difference. Each look costs it half a millisecond and more in which it does nothing.
const LOOK_EVERY_MS: f64 = 16.0;

/// Fetches the second part of the worker's program.
pub type LoadFormats =
    fn() -> Pin<Box<dyn Future<Output = Result<Formats<BrowserPorts>, FormatsError>>>>;

/// All of them.
pub struct BrowserPorts {
    store: Store,
    /// What `config.json` holds, once it was asked for.
    app_config: RefCell<Option<Option<Vec<u8>>>>,
    load_formats: LoadFormats,
    /// When other messages were let in last.
    looked_ms: Cell<f64>,
}

impl BrowserPorts {
    /// Those of a worker whose program's second part comes this way.
    pub fn new(load_formats: LoadFormats) -> Self {
        let store = Store::lazy();
        // Where the record is coming already, nothing else of the store is needed soon.
        if !early::has_record() {
            store.connect_early();
        }
        BrowserPorts {
            store,
            app_config: RefCell::default(),
            load_formats,
            looked_ms: Cell::new(0.0),
        }
    }
}

impl Clock for BrowserPorts {
    fn now_ms(&self) -> f64 {
        timer::now_ms()
    }
}

impl EventSink for BrowserPorts {
    fn send(&self, event: Event, bytes: Option<Vec<u8>>) {
        if let Some(packed) = message::pack(&event, bytes.as_deref()) {
            scope::post(&packed);
        }
    }
}

impl Ports for BrowserPorts {
    type Http = FetchHttp;
    type Store = Store;
    type Hash = BrowserHash;
    type File = BrowserFile;
    type Lock = Lock;

    fn http(&self) -> FetchHttp {
        FetchHttp
    }

    fn store(&self) -> &Store {
        &self.store
    }

    fn hash(&self, algorithm: Algorithm, states: Vec<u8>) -> BrowserHash {
        BrowserHash::start(algorithm, states)
    }

    async fn lock(&self, name: &str, wait: bool) -> Option<Lock> {
        Lock::request(name, wait).await
    }

    fn spawn(&self, task: Task) {
        spawn_local(task);
    }

    async fn file(&self, name: &str) -> Result<BrowserFile, FileError> {
        // Tabs that were closed in a download could not clean up. Nobody waits for this.
        spawn_local(async { drop(opfs::remove_stale().await) });
        match OpfsFile::create(name).await {
            Ok(file) => Ok(BrowserFile::Opfs(file)),
            Err(error) if error.is("QuotaExceededError") => Err(file_error(error)),
            // No private file system here: a small file still fits into memory.
            Err(_) => Ok(BrowserFile::Memory(MemoryFile::new(
                name,
                MEMORY_FILE_LIMIT,
            ))),
        }
    }

    async fn yield_now(&self) {
        if timer::now_ms() - self.looked_ms.get() >= LOOK_EVERY_MS {
            timer::yield_now().await;
            self.looked_ms.set(timer::now_ms());
        }
    }

    async fn sleep_ms(&self, ms: u32) {
        timer::sleep(Duration::from_millis(ms.into())).await;
    }

    async fn formats(&self) -> Result<Formats<BrowserPorts>, FormatsError> {
        (self.load_formats)().await
    }

    async fn app_config(&self) -> Option<Vec<u8>> {
        if let Some(known) = self.app_config.borrow().clone() {
            return known;
        }
        let config = read_app_config().await;
        self.app_config.replace(Some(config.clone()));
        config
    }

    fn memory_bytes(&self) -> u64 {
        scope::memory_bytes() + hash::peak_bytes()
    }
}

/// The program of a worker lies beside the page, and so its addresses begin there too.
async fn read_app_config() -> Option<Vec<u8>> {
    let answer = FetchHttp.send(HttpRequest::get(APP_CONFIG)).await.ok()?;
    let mut body = answer.body;
    let mut bytes = Vec::new();
    while let Some(chunk) = body.next().await.ok()? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() as u64 > MAX_APP_CONFIG_BYTES {
            return None;
        }
    }
    (answer.status == 200).then_some(bytes)
}

/// A download being written.
pub enum BrowserFile {
    /// In the origin's private file system.
    Opfs(OpfsFile),
    /// In memory, where there is none.
    Memory(MemoryFile),
}

impl FileSink for BrowserFile {
    fn write(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        match self {
            BrowserFile::Opfs(file) => file.write(bytes).map_err(file_error),
            BrowserFile::Memory(file) => file.write(bytes),
        }
    }

    fn finish(self) -> Result<FinishedFile, FileError> {
        match self {
            BrowserFile::Opfs(file) => {
                let name = file.finish().map_err(file_error)?;
                Ok(FinishedFile { name, bytes: None })
            }
            BrowserFile::Memory(file) => file.finish(),
        }
    }
}

fn file_error(error: BrowserError) -> FileError {
    let detail = error.to_string();
    if error.is("QuotaExceededError") {
        FileError::Full { detail }
    } else {
        FileError::Failed { detail }
    }
}
