//! What can go wrong between a registry and a listing.

use crate::archive::ArchiveError;
use crate::digest::Digest;
use crate::layer_index::{BuildError, Damage, DamageKind, ReadError, SealError};
use crate::port::HashError;
use crate::registry::RegistryError;
use crate::view::human;
use crate::view::problem::Problem;
use crate::ztoc::ZtocBuildError;

use super::formats::FormatsError;
use super::ports::FileError;

/// Why a layer could not be opened, or a file in it not be read.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ExploreError {
    /// The registry refused, or gave a bad answer.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The bytes cannot be unpacked at all.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The file cannot be read from what is known of the layer.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A part of the program is missing.
    #[error(transparent)]
    Formats(#[from] FormatsError),
    /// The file does not open as an archive.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The index and the digests do not belong together.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The hashing worker stopped.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The download cannot be written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The index is not one that can be given away.
    #[error("only an index made here, in a pass over the whole layer, is given away")]
    NoIndex,
    /// SOCI's index cannot be made.
    #[error(transparent)]
    Ztoc(#[from] ZtocBuildError),
    /// The connection was lost and could not be had again.
    #[error("the connection was lost after {received} bytes: {cause}")]
    ConnectionLost {
        /// Compressed bytes received.
        received: u64,
        /// Compressed bytes in all, when known.
        size: Option<u64>,
        /// What the last try said.
        cause: String,
    },
    /// The blob is longer than its descriptor says.
    #[error("the blob is longer than the {size} bytes that its manifest states")]
    TooLong {
        /// Bytes that the descriptor states.
        size: u64,
    },
    /// The blob is not what its digest says.
    #[error("expected {expected}, received {actual}")]
    WrongDigest {
        /// The digest asked for.
        expected: Digest,
        /// The digest of what came.
        actual: Digest,
        /// Compressed bytes received.
        received: u64,
        /// Compressed bytes that the descriptor states.
        size: Option<u64>,
    },
}

fn problem(code: &str, title: &str, cause: impl Into<String>, remedy: &str) -> Problem {
    Problem::new(code, title, cause.into(), remedy)
}

const NO_DECODER: &str =
    "Load the page again. If it stays so, use the command line shown on this page to unpack it.";

const ROWS_STAY: &str = "What is listed was read before and is not verified. Try again";

impl From<&ExploreError> for Problem {
    fn from(error: &ExploreError) -> Problem {
        match error {
            ExploreError::Registry(error) => Problem::from(error),
            ExploreError::Build(error) => Problem::from(error),
            ExploreError::Read(error) => Problem::from(error),
            ExploreError::Formats(error) => problem(
                "PROGRAM_MISSING",
                "A part of Layerscope could not be loaded",
                error.to_string(),
                "Check the connection, then try again.",
            ),
            ExploreError::Archive(error) => Problem::from(error),
            ExploreError::Seal(error) => problem(
                "SEAL_FAILED",
                "The layer could not be verified",
                error.to_string(),
                "Try again. Nothing was stored.",
            ),
            ExploreError::Hash(error) => Problem::from(error.clone()),
            ExploreError::File(error) => problem_from_file(error),
            ExploreError::NoIndex => problem(
                "NO_INDEX",
                "There is no index to save",
                error.to_string(),
                "Read the whole layer first.",
            ),
            ExploreError::Ztoc(cause) => problem(
                "NO_ZTOC",
                "SOCI's index cannot be made of this layer",
                cause.to_string(),
                "The layer can be explored here all the same.",
            ),
            ExploreError::ConnectionLost {
                received,
                size,
                cause,
            } => {
                let of = size.map_or(String::new(), |size| format!(" of {}", human::size(size)));
                problem(
                    "CONNECTION_LOST",
                    "The connection was lost",
                    format!("After {}{of}: {cause}", human::size(*received)),
                    &format!("{ROWS_STAY} once the connection is back."),
                )
            }
            ExploreError::TooLong { size } => problem(
                "BLOB_TOO_LONG",
                "The layer is not what its manifest says",
                format!("Its manifest states {size} bytes, and the registry sent more."),
                "Do not trust what is listed. The registry's copy is wrong; tell whoever runs it.",
            ),
            ExploreError::WrongDigest {
                expected,
                actual,
                received,
                size,
            } => {
                let length = match size {
                    Some(size) if size != received => {
                        format!(" It has {received} bytes, its manifest states {size}.")
                    }
                    _ => String::new(),
                };
                problem(
                    "DIGEST_MISMATCH",
                    "The layer is not what its digest says",
                    format!("Asked for {expected}, received bytes with {actual}.{length}"),
                    "Do not trust what is listed: it was changed or cut off on the way, or the registry's copy is damaged. Nothing was stored. Try again, or pull it from another registry.",
                )
            }
        }
    }
}

fn problem_from_file(error: &FileError) -> Problem {
    let (code, remedy) = match error {
        FileError::Full { .. } => (
            "DISK_FULL",
            "Free some space, or clear this site's stored layers in the settings, then try again.",
        ),
        FileError::NeedsFileSystem { .. } => (
            "FILE_TOO_LARGE",
            "Use the command line shown on this page, or a browser with a private file system (not in a private window).",
        ),
        FileError::Failed { .. } => ("FILE_FAILED", "Try again."),
    };
    problem(
        code,
        "The download could not be written",
        error.to_string(),
        remedy,
    )
}

impl From<&ArchiveError> for Problem {
    fn from(error: &ArchiveError) -> Problem {
        let (code, remedy) = match error {
            ArchiveError::NoSuchFile => ("PATH_MISSING", "Go back and choose a file."),
            ArchiveError::NotAnArchive => (
                "NOT_AN_ARCHIVE",
                "Go back and look at it as text or in hex.",
            ),
            ArchiveError::TooLarge { .. } | ArchiveError::TooDeep { .. } => (
                "ARCHIVE_TOO_LARGE",
                "Download it, and unpack it with its own tool.",
            ),
            ArchiveError::NoDecoder(_) => ("COMPRESSION", NO_DECODER),
            ArchiveError::Zip(_) | ArchiveError::Gzip(_) | ArchiveError::Decode(_) => (
                "ARCHIVE_DAMAGED",
                "Its bytes are those of the layer: it was damaged when it was put there. Download it, and try its own tool.",
            ),
        };
        problem(
            code,
            "The file does not open as a folder",
            error.to_string(),
            remedy,
        )
    }
}

impl From<&BuildError> for Problem {
    fn from(error: &BuildError) -> Problem {
        let BuildError::NoDecoder { .. } = error;
        problem(
            "COMPRESSION",
            "This layer cannot be unpacked",
            error.to_string(),
            NO_DECODER,
        )
    }
}

impl From<&Damage> for Problem {
    fn from(damage: &Damage) -> Problem {
        let (code, title, remedy) = match damage.kind {
            DamageKind::NotTar => (
                "NOT_TAR",
                "This blob is not a file system",
                "Its bytes are exactly those that its digest names. Look at it as a blob instead.",
            ),
            DamageKind::Tar => (
                "TAR_DAMAGED",
                "The archive is damaged",
                "What is listed comes before the damage and can be read. The registry's copy is exactly what was pushed: it has to be built and pushed again.",
            ),
            DamageKind::Limit => (
                "LIMIT",
                "The layer is larger than is read here",
                "What is listed comes before the limit and can be read. Use the command line shown on this page for the rest.",
            ),
            DamageKind::Compressed => (
                "STREAM_DAMAGED",
                "The compressed layer is damaged",
                "What is listed comes before the damage. If the layer's digest is right, it has to be built and pushed again; else try again.",
            ),
            DamageKind::Unreadable => ("COMPRESSION", "This layer cannot be unpacked", NO_DECODER),
        };
        problem(code, title, damage.detail.clone(), remedy)
    }
}

impl From<&ReadError> for Problem {
    fn from(error: &ReadError) -> Problem {
        let (code, remedy) = match error {
            ReadError::NoSuchEntry { .. } | ReadError::NotAFile { .. } => {
                ("NO_FILE", "Go back to the listing and choose a file.")
            }
            ReadError::LinkTarget { .. } => (
                "LINK_TARGET",
                "Look for the file in a layer below this one.",
            ),
            ReadError::NotAvailable { .. } => (
                "NOT_AVAILABLE",
                "The layer was not read that far, or is damaged there. Open it again.",
            ),
            ReadError::UnitMismatch { .. } | ReadError::Chunk { .. } | ReadError::FileMismatch => (
                "DIGEST_MISMATCH",
                "Nothing of it is shown. Try again; if it stays so, the bytes are changed on their way, or the registry's copy is damaged.",
            ),
            ReadError::Gzip(_) | ReadError::Decode(_) | ReadError::Truncated { .. } => {
                ("READ_FAILED", "Try again.")
            }
            ReadError::Member { .. } => (
                "MEMBER",
                "Download the archive itself, and unpack it with its own tool.",
            ),
            ReadError::NoDecoder { .. } => ("COMPRESSION", NO_DECODER),
            ReadError::OtherIndex => ("READ_FAILED", "Load the page again."),
        };
        problem(
            code,
            "The file could not be read",
            error.to_string(),
            remedy,
        )
    }
}
