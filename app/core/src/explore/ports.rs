//! What a layer session needs from outside, and the part of it that needs no browser.

use std::future::Future;
use std::pin::Pin;

use super::formats::{Formats, FormatsError};
use crate::digest::Algorithm;
use crate::layer_index::BlobDigests;
use crate::port::{Clock, EventSink, Hash, Http, IndexStore};

/// How large a file may be that is downloaded where there is no private file system: it is held in
/// the worker's memory and once more in the page's.
pub const MEMORY_FILE_LIMIT: u64 = 256 * 1024 * 1024;

/// Something that runs by itself, on this thread.
pub type Task = Pin<Box<dyn Future<Output = ()>>>;

/// How often the state of an index build is stored: when so many bytes have come since the last
/// time, or long after it. What came since then is lost when the tab is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SaveEvery {
    /// Compressed bytes. A smaller layer is read again as quickly.
    pub bytes: u64,
    /// Milliseconds between two times at least: a fast connection does not make it more frequent.
    pub ms: u32,
    /// Milliseconds after which it is stored whatever came: of a slow connection every byte counts.
    pub slow_ms: u32,
}

impl Default for SaveEvery {
    fn default() -> Self {
        SaveEvery {
            bytes: 16 << 20,
            ms: 2_000,
            slow_ms: 20_000,
        }
    }
}

/// All ports of a session, under one name.
pub trait Ports: Clock + EventSink + 'static {
    /// The network.
    type Http: Http + Clone + 'static;
    /// Where indices are kept.
    type Store: IndexStore + 'static;
    /// Hashes a layer's bytes.
    type Hash: Hash<Output = BlobDigests> + 'static;
    /// A download being written.
    type File: FileSink + 'static;
    /// What others are kept from while it is held.
    type Lock: 'static;

    /// The network; clones share everything.
    fn http(&self) -> Self::Http;
    /// The store.
    fn store(&self) -> &Self::Store;
    /// A hasher for one blob; `states` are those of one that has hashed its beginning
    /// ([`Hash::states`]), none for its start.
    fn hash(&self, algorithm: Algorithm, states: Vec<u8>) -> Self::Hash;
    /// Keeps everybody else in this browser, other tabs included, from what has this name, until
    /// it is dropped. None if somebody else has it and `wait` is false; where there are no such
    /// locks, everybody has it.
    fn lock(&self, name: &str, wait: bool) -> impl Future<Output = Option<Self::Lock>>;
    /// Runs a task beside all others.
    fn spawn(&self, task: Task);
    /// How often the state of a build is stored.
    fn save_every(&self) -> SaveEvery {
        SaveEvery::default()
    }
    /// An empty file under a name that is unique in this origin.
    fn file(&self, name: &str) -> impl Future<Output = Result<Self::File, FileError>>;
    /// Lets other messages be handled, if they have waited long enough to be worth it.
    fn yield_now(&self) -> impl Future<Output = ()>;
    /// Waits.
    fn sleep_ms(&self, ms: u32) -> impl Future<Output = ()>;
    /// What only some layers need, which a program may have in a second download.
    fn formats(&self) -> impl Future<Output = Result<Formats<Self>, FormatsError>>
    where
        Self: Sized;
    /// The bytes of `config.json` beside the page, asked for once; none if there is no such file.
    fn app_config(&self) -> impl Future<Output = Option<Vec<u8>>>;
    /// Bytes of memory that the program has.
    fn memory_bytes(&self) -> u64;
}

/// A file that grows. Dropping it before [`FileSink::finish`] removes it.
pub trait FileSink {
    /// Appends bytes.
    ///
    /// # Errors
    /// See [`FileError`].
    fn write(&mut self, bytes: &[u8]) -> Result<(), FileError>;

    /// Closes the file.
    ///
    /// # Errors
    /// See [`FileError`].
    fn finish(self) -> Result<FinishedFile, FileError>;
}

/// A file that is whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FinishedFile {
    /// Its name in the origin's private file system.
    pub name: String,
    /// Its bytes, if it is not in the file system but in memory.
    pub bytes: Option<Vec<u8>>,
}

/// Why a download could not be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// No room.
    #[error("there is no room for the file: {detail}")]
    Full {
        /// What the platform says.
        detail: String,
    },
    /// There is no private file system, and the file is too large to be held in memory.
    #[error("this browser has no place for a file of more than {limit} bytes")]
    NeedsFileSystem {
        /// Bytes that can be held.
        limit: u64,
    },
    /// Anything else.
    #[error("the file could not be written: {detail}")]
    Failed {
        /// What the platform says.
        detail: String,
    },
}

/// A file held in memory, up to a limit.
#[derive(Debug)]
pub struct MemoryFile {
    name: String,
    bytes: Vec<u8>,
    limit: u64,
}

impl MemoryFile {
    /// An empty file that may grow to `limit` bytes.
    pub fn new(name: &str, limit: u64) -> Self {
        MemoryFile {
            name: name.to_owned(),
            bytes: Vec::new(),
            limit,
        }
    }
}

impl FileSink for MemoryFile {
    fn write(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        let limit = self.limit;
        if (self.bytes.len() + bytes.len()) as u64 > limit {
            return Err(FileError::NeedsFileSystem { limit });
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn finish(self) -> Result<FinishedFile, FileError> {
        Ok(FinishedFile {
            name: self.name,
            bytes: Some(self.bytes),
        })
    }
}
