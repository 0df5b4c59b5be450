//! Real registries with real images.
//!
//! [`Corpus::shared`] gives three registries over one store: anonymous, Basic, and Bearer with a
//! token server. The store is filled once and kept in the cache under a name that depends on the
//! sources which made it; a later run only starts the registries, in a fraction of a second.

pub mod big;
pub mod debian;
pub mod edge;
pub mod gz;
pub mod images;
pub mod push;
pub mod rawtar;
pub mod registry;
pub mod s3;

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex, Weak},
    time::{Duration, SystemTime},
};

use serde::{Deserialize, Serialize};
use tempfile::TempDir;

pub use push::{Image, Layer};
use registry::{Auth, Registry, docker_registry};

use crate::{cache, net, process, skipped, token_server::TokenServer};

/// Lifetime of tokens unless a test changes it, in seconds.
const TOKEN_TTL_SECONDS: u64 = 60;
/// A store that no run has used for so long is removed.
const STALE: Duration = Duration::from_secs(7 * 24 * 3600);

/// What is in the store, kept beside it.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Contents {
    /// Images of each finished part.
    parts: BTreeMap<String, Vec<Image>>,
}

/// The registries and their images; everything stops on drop.
pub struct Corpus {
    /// Asks nobody who they are.
    pub anonymous: Registry,
    /// `Basic`.
    pub basic: Registry,
    /// `Bearer`; repositories below `private/` only for the user.
    pub bearer: Registry,
    /// Where [`Corpus::bearer`] sends its readers.
    pub tokens: TokenServer,
    store: PathBuf,
    images: Vec<Image>,
    _state: TempDir,
}

impl Corpus {
    /// The corpus that the running tests share; the last one to let go stops it. None, after a
    /// line that says why, where docker-registry cannot be had.
    pub fn shared() -> Option<Arc<Self>> {
        static SHARED: Mutex<Weak<Corpus>> = Mutex::new(Weak::new());
        let mut shared = SHARED
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(corpus) = shared.upgrade() {
            return Some(corpus);
        }
        let corpus = Arc::new(Self::own()?);
        *shared = Arc::downgrade(&corpus);
        Some(corpus)
    }

    /// Registries of one's own, for a test that counts requests or slows answers down. None, after
    /// a line that says why, where docker-registry cannot be had.
    pub fn own() -> Option<Self> {
        let binary = match docker_registry() {
            Ok(binary) => binary,
            Err(error) => {
                skipped("registries (Debian's docker-registry)", error);
                return None;
            }
        };
        // Everything after this point works on every machine that has the program.
        Some(Self::start(&binary).expect("docker-registry starts and takes images"))
    }

    fn start(binary: &Path) -> Result<Self, push::Error> {
        let dir = cache::corpus_dir(&format!("store-{}", source_version()))?;
        let store = dir.join("registry");
        let images = fill(binary, &dir, &store)?;
        remove_stale_stores(&dir)?;
        let state = tempfile::Builder::new()
            .prefix("layerscope-corpus-")
            .tempdir()?;
        let tokens = TokenServer::start(TOKEN_TTL_SECONDS)?;
        let start =
            |name: &str, auth: Auth<'_>| Registry::start(binary, &store, state.path(), name, auth);
        Ok(Self {
            anonymous: start("anonymous", Auth::Anonymous)?,
            basic: start("basic", Auth::Basic)?,
            bearer: start("bearer", Auth::Bearer(&tokens))?,
            tokens,
            store,
            images,
            _state: state,
        })
    }

    /// A further registry over the same images, which lets pages of an origin read its answers.
    pub fn for_pages(&self, origin: &str, auth: Auth<'_>) -> Result<Registry, push::Error> {
        let binary = docker_registry()?;
        let state = self._state.path();
        Registry::start_for(&binary, &self.store, state, "pages", auth, Some(origin))
    }

    /// Where the images are, as the registries keep them.
    pub fn store(&self) -> &Path {
        &self.store
    }

    /// Every image.
    pub fn images(&self) -> &[Image] {
        &self.images
    }

    /// An image that every corpus has.
    #[track_caller]
    pub fn image(&self, repository: &str) -> &Image {
        self.find(repository)
            .unwrap_or_else(|| panic!("the corpus has no image {repository}"))
    }

    /// An image that only some corpora have: those of Debian. None comes with a `SKIPPED` line.
    pub fn optional(&self, repository: &str) -> Option<&Image> {
        let found = self.find(repository);
        if found.is_none() {
            skipped(repository, "the corpus was built without it, see above");
        }
        found
    }

    fn find(&self, repository: &str) -> Option<&Image> {
        self.images
            .iter()
            .find(|image| image.repository == repository)
    }

    /// The file that holds a blob (distribution's storage layout).
    pub fn blob_path(&self, digest: &str) -> PathBuf {
        let hex = digest.trim_start_matches("sha256:");
        self.store
            .join("docker/registry/v2/blobs/sha256")
            .join(&hex[..2])
            .join(hex)
            .join("data")
    }

    /// What `tar` extracts for one path of a layer: the content to compare with.
    pub fn extract(&self, layer: &Layer, path: &str) -> io::Result<Vec<u8>> {
        let blob = self.blob_path(&layer.digest);
        let one = |path: &str| {
            process::run(
                Command::new("tar")
                    .arg("-xOf")
                    .arg(&blob)
                    .arg("-z")
                    .arg("--")
                    .arg(path),
            )
        };
        // mmdebstrap writes names with a leading `./`.
        one(path).or_else(|_| one(&format!("./{path}")))
    }

    /// What `tar` lists of a layer.
    pub fn list(&self, layer: &Layer) -> io::Result<Vec<String>> {
        let blob = self.blob_path(&layer.digest);
        let out = process::run(Command::new("tar").arg("-tzf").arg(&blob))?;
        Ok(String::from_utf8_lossy(&out)
            .lines()
            .map(str::to_owned)
            .collect())
    }
}

/// Names the sources that decide what is pushed, so that a change of them makes a new store.
fn source_version() -> String {
    let sources = [
        include_str!("edge.rs"),
        include_str!("gz.rs"),
        include_str!("images.rs"),
        include_str!("push.rs"),
        include_str!("rawtar.rs"),
        include_str!("debian.rs"),
    ];
    push::digest(sources.concat().as_bytes())[7..23].to_owned()
}

/// Pushes what the store has not yet.
fn fill(binary: &Path, dir: &Path, store: &Path) -> Result<Vec<Image>, push::Error> {
    let _lock = cache::Lock::exclusive(dir)?;
    let list = dir.join("images.json");
    let mut contents: Contents = match fs::read(&list) {
        Ok(bytes) => serde_json::from_slice(&bytes)?,
        Err(_) => Contents::default(),
    };
    let missing = |contents: &Contents, part: &str| !contents.parts.contains_key(part);
    let debian = match missing(&contents, "debian").then(debian::Debian::get) {
        Some(Ok(debian)) => Some(debian),
        Some(Err(error)) => {
            skipped("Debian images", error);
            None
        }
        None => None,
    };
    if missing(&contents, "made") || debian.is_some() {
        fs::create_dir_all(store)?;
        let state = tempfile::tempdir()?;
        let registry = Registry::start(binary, store, state.path(), "fill", Auth::Anonymous)?;
        let pusher = push::Pusher::new(registry.direct_host());
        if missing(&contents, "made") {
            println!("pushing the hand-made images into {} (once)", dir.display());
            contents
                .parts
                .insert("made".to_owned(), net::wait(images::push_made(&pusher))?);
        }
        if let Some(debian) = debian {
            let images = net::wait(images::push_debian(&pusher, &debian))?;
            contents.parts.insert("debian".to_owned(), images);
        }
    }
    // Written each time: its age says when the store was last used.
    fs::write(&list, serde_json::to_vec_pretty(&contents)?)?;
    Ok(contents.parts.into_values().flatten().collect())
}

fn remove_stale_stores(current: &Path) -> io::Result<()> {
    let Some(parent) = current.parent() else {
        return Ok(());
    };
    for entry in fs::read_dir(parent)?.filter_map(Result::ok) {
        let path = entry.path();
        let is_store = entry.file_name().to_string_lossy().starts_with("store-");
        let used = fs::metadata(path.join("images.json")).and_then(|meta| meta.modified());
        let age = used.map(|used| SystemTime::now().duration_since(used).unwrap_or_default());
        if is_store && path != current && age.is_ok_and(|age| age > STALE) {
            fs::remove_dir_all(path)?;
        }
    }
    Ok(())
}
