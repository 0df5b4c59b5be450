//! The files of an image, by their paths: in a tar or in a folder.

use std::collections::BTreeMap;

use super::{Files, LocalError, Piece};
use crate::digest::{Algorithm, Digest};

/// Links that are followed, one to the next. Docker writes one where a layer is there twice.
const MAX_LINKS: usize = 8;

/// Something at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum At {
    Piece(Piece),
    /// Another path.
    Link(String),
}

/// Paths without `./` and slashes at their ends.
#[derive(Debug, Default)]
pub(super) struct Names(BTreeMap<String, At>);

/// A path as it is looked up: without empty and `.` parts; `..` goes up, and no further than the top.
pub(super) fn plain(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

impl Names {
    /// The last of a name counts, as it does when a tar is unpacked.
    pub(super) fn insert(&mut self, path: &str, at: At) {
        self.0.insert(plain(path), at);
    }

    pub(super) fn find(&self, path: &str) -> Option<Piece> {
        let mut path = plain(path);
        for _ in 0..=MAX_LINKS {
            match self.0.get(&path)? {
                At::Piece(piece) => return Some(*piece),
                At::Link(to) => path = plain(to),
            }
        }
        None
    }

    /// Every file under `blobs/<algorithm>/` that is named as a digest.
    pub(super) fn blobs(&self) -> impl Iterator<Item = (Digest, Piece)> {
        self.0.keys().filter_map(|path| {
            let (algorithm, encoded) = path.strip_prefix("blobs/")?.split_once('/')?;
            let digest = format!("{algorithm}:{encoded}").parse().ok()?;
            Some((digest, self.find(path)?))
        })
    }

    /// A small document, whole; none if it is not there.
    pub(super) async fn document(
        &self,
        files: &impl Files,
        path: &str,
        limit: u64,
    ) -> Result<Option<Vec<u8>>, LocalError> {
        let Some(piece) = self.find(path) else {
            return Ok(None);
        };
        if piece.len > limit {
            return Err(LocalError::Document {
                document: path.to_owned(),
                detail: format!("it has more than {limit} bytes"),
            });
        }
        read(files, piece, 0..piece.len).await.map(Some)
    }
}

/// Bytes of a piece, from its first on.
pub(super) async fn read(
    files: &impl Files,
    piece: Piece,
    range: std::ops::Range<u64>,
) -> Result<Vec<u8>, LocalError> {
    let (start, end) = (range.start.min(piece.len), range.end.min(piece.len));
    let within = piece.start + start..piece.start + end;
    let bytes = files.read(piece.file, within.clone()).await;
    let unreadable = |detail: String| LocalError::Unreadable {
        name: files
            .list()
            .get(piece.file)
            .map_or(String::new(), |f| f.path.clone()),
        detail,
    };
    let bytes = bytes.map_err(unreadable)?;
    match bytes.len() as u64 == within.end - within.start {
        true => Ok(bytes),
        false => Err(unreadable(format!(
            "{} bytes came instead of {}; it may have been changed meanwhile",
            bytes.len(),
            within.end - within.start
        ))),
    }
}

/// The SHA-256 that a file is called by: `<hex>.json`, `sha256:<hex>`, `blobs/sha256/<hex>`,
/// `<hex>.tar.gz`.
pub(super) fn digest_in_name(path: &str) -> Option<Digest> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let name = name.strip_prefix("sha256:").unwrap_or(name);
    let hex = name.split('.').next().unwrap_or(name);
    (hex.len() == Algorithm::Sha256.encoded_len())
        .then(|| format!("sha256:{hex}").parse().ok())
        .flatten()
}
