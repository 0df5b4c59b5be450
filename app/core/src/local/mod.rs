//! What people open from disk: an image that `docker save` wrote, an OCI layout as a tar or a
//! folder, or any archive that is read inside layers.
//!
//! Nothing is copied: [`open`] reads headers and small documents through the port [`Files`], and
//! [`Opened::find`] says in which part of which file a manifest or blob lies. Requests for
//! [`Registry::local`](crate::reference::Registry::local) are answered from there by whoever holds
//! the files, so that everything above sees one more registry.

mod docker;
mod error;
mod names;
mod oci;
mod open;
#[cfg(test)]
mod tests;
mod walk;

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::ops::Range;

use crate::digest::{Algorithm, Digest};
use crate::manifest::Platform;
use crate::reference::{Registry, Repository};

pub use error::LocalError;
pub use open::{looks_packed, open, unpacked_limit};

/// What every address of local data begins with. No network is ever asked for one.
pub const SCHEME: &str = "local:";

/// The address of something local: `api` is `manifests`, `blobs` or `referrers`.
pub fn url(repository: &Repository, api: &str, what: &str) -> String {
    format!("{SCHEME}{}/{api}/{what}", repository.path())
}

/// The files that were chosen, read in parts.
pub trait Files {
    /// Each with its path from the folder that was chosen, or its name, and its length in bytes.
    fn list(&self) -> &[Named];
    /// A name by chance, in hexadecimal digits, where somebody has handed the bytes over: nobody can
    /// open those again, and others may have their name and length. None for what was chosen on disk.
    fn handed_over(&self) -> Option<&str> {
        None
    }
    /// Bytes of a file, by its place in the list; as many as the range has. The error is what the
    /// platform says.
    fn read(&self, file: usize, range: Range<u64>)
    -> impl Future<Output = Result<Vec<u8>, String>>;
}

/// A chosen file.
#[derive(Debug, Clone, PartialEq)]
pub struct Named {
    /// Its path from the chosen folder on, or its name.
    pub path: String,
    /// Bytes.
    pub len: u64,
    /// When it was changed last, in milliseconds since 1970-01-01 UTC, as the browser says.
    pub modified_ms: f64,
}

/// Part of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// Its place in [`Files::list`].
    pub file: usize,
    /// First byte.
    pub start: u64,
    /// Bytes.
    pub len: u64,
}

/// What a manifest or blob consists of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Made here, from what the archive says.
    Made(Vec<u8>),
    /// Part of a file.
    Piece(Piece),
}

/// What was opened.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Opened {
    /// Names it in routes, and is the same when the same files of a disk are opened again.
    pub id: String,
    /// The file's or folder's name.
    pub name: String,
    /// Bytes of all files.
    pub len: u64,
    /// What it is.
    pub form: Form,
    /// The images in it.
    pub images: Vec<Image>,
    /// Archives that are no image.
    pub archives: Vec<Archive>,
    /// By digest: the manifests, which are also blobs.
    contents: BTreeMap<Digest, Content>,
    /// Descriptors of what refers to a manifest.
    referrers: BTreeMap<Digest, Vec<serde_json::Value>>,
    /// Digests that are names made here: nothing vouches for those bytes.
    unnamed: BTreeSet<Digest>,
}

/// What was opened, by how it is laid out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Form {
    /// An OCI image layout.
    #[default]
    OciLayout,
    /// What `docker save` writes (`manifest.json`).
    DockerSave,
    /// One archive, or several.
    Archives,
}

/// An image in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Image {
    /// The names it was saved under.
    pub names: Vec<String>,
    /// Its manifest or index.
    pub digest: Digest,
    /// Bytes of that.
    pub len: u64,
    /// Its media type.
    pub media_type: String,
    /// What it is for, if that is said.
    pub platform: Option<Platform>,
    /// The manifest is not in the archive: it was put together here.
    pub made: bool,
}

/// An archive that is no image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archive {
    /// The file's name.
    pub name: String,
    /// The name by which it is asked for; no digest of its bytes.
    pub digest: Digest,
    /// Bytes.
    pub len: u64,
    /// It cannot be read as a layer, but as a file that is opened as a folder.
    pub folder: bool,
}

impl Opened {
    /// The repository that stands for it.
    pub fn repository(&self) -> Option<Repository> {
        Repository::new(Registry::local(), &self.id).ok()
    }

    /// What an address made by [`url`] leads to.
    pub fn find(&self, url: &str) -> Option<Content> {
        let rest = url.strip_prefix(SCHEME)?.strip_prefix(&self.id)?;
        let (api, digest) = rest.strip_prefix('/')?.split_once('/')?;
        let digest: Digest = digest.parse().ok()?;
        match api {
            "manifests" | "blobs" => self.contents.get(&digest).cloned(),
            "referrers" => Some(Content::Made(self.referrers_of(&digest))),
            _ => None,
        }
    }

    /// Where a blob's bytes lie, if they were not made here.
    pub fn piece(&self, digest: &Digest) -> Option<Piece> {
        match self.contents.get(digest)? {
            Content::Piece(piece) => Some(*piece),
            Content::Made(_) => None,
        }
    }

    /// The digest is only a name: there is nothing to compare the bytes with.
    pub fn is_unnamed(&self, digest: &Digest) -> bool {
        self.unnamed.contains(digest)
    }

    fn referrers_of(&self, digest: &Digest) -> Vec<u8> {
        let empty = Vec::new();
        let manifests = self.referrers.get(digest).unwrap_or(&empty);
        let index = serde_json::json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": manifests,
        });
        index.to_string().into_bytes()
    }

    /// A name for bytes that have no digest, from what they are called.
    fn name_for(&mut self, what: &str) -> Digest {
        let digest = Digest::of(
            Algorithm::Sha256,
            format!("layerscope\0{}\0{what}", self.id).as_bytes(),
        );
        self.unnamed.insert(digest.clone());
        digest
    }
}

/// An id from what the files are called, how large they are and when they were changed.
fn id_of(files: &[Named]) -> String {
    let mut text = String::new();
    for file in files {
        let Named {
            path,
            len,
            modified_ms,
        } = file;
        text.push_str(&format!("{path}\0{len}\0{modified_ms}\0"));
    }
    Digest::of(Algorithm::Sha256, text.as_bytes()).encoded()[..ID_LEN].to_owned()
}

/// Hexadecimal digits of an id: enough that two files are not taken for each other.
const ID_LEN: usize = 16;
