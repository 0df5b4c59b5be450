//! What the page knows. The only place that writes signals: everybody else reads them, and calls
//! the methods here to change something.

pub mod blob;
pub mod cache;
pub mod compare;
pub mod export;
pub mod file;
pub mod image;
pub mod later;
pub mod layer;
pub mod listing;
pub mod load;
pub mod local;
pub mod login;
pub mod offline;
pub mod repo;
pub mod root;
pub mod shell;
pub mod text;
pub mod viewer;
pub mod ways;

pub use load::Load;

/// All of it; a handle that is copied.
#[derive(Clone, Copy)]
pub struct State {
    /// Where we are, and what surrounds every page.
    pub shell: shell::Shell,
    /// The repository page.
    pub repo: repo::RepoState,
    /// The image page.
    pub image: image::ImageState,
    /// The layer that is open.
    pub layer: layer::LayerState,
    /// What is known of the root file system that is open, beside its listing.
    pub root: root::RootState,
    /// The file in it that is open.
    pub file: file::FileState,
    /// That file as what it is.
    pub viewer: viewer::ViewerState,
    /// An index of it that is given away.
    pub export: export::ExportState,
    /// Two images side by side.
    pub compare: compare::CompareState,
    /// A small blob.
    pub blob: blob::BlobState,
    /// What was opened from disk.
    pub local: local::LocalState,
    /// What works without a network.
    pub offline: offline::OfflineState,
    /// Sign-ins.
    pub login: login::LoginState,
    /// What this browser keeps.
    pub cache: cache::CacheState,
    /// Which way registries are asked.
    pub ways: ways::WayState,
}

impl State {
    /// Nothing is known yet.
    pub fn new() -> Self {
        State {
            shell: shell::Shell::new(),
            repo: repo::RepoState::new(),
            image: image::ImageState::new(),
            layer: layer::LayerState::new(),
            root: root::RootState::new(),
            file: file::FileState::new(),
            viewer: viewer::ViewerState::new(),
            export: export::ExportState::new(),
            compare: compare::CompareState::new(),
            blob: blob::BlobState::new(),
            local: local::LocalState::new(),
            offline: offline::OfflineState::new(),
            login: login::LoginState::new(),
            cache: cache::CacheState::new(),
            ways: ways::WayState::new(),
        }
    }
}

impl Default for State {
    fn default() -> Self {
        Self::new()
    }
}
