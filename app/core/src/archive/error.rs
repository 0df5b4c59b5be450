//! Why a file does not open as an archive.

use layerscope_inflate::GzipError;

use crate::decode::DecodeError;
use crate::layer_index::Compression;

/// Why a file does not open as an archive.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArchiveError {
    /// It does not look like one.
    #[error("this file is no archive and not compressed, as far as is known here")]
    NotAnArchive,
    /// There is no such file to open.
    #[error("there is no file of this name")]
    NoSuchFile,
    /// More than is held.
    #[error("unpacked it has more than the {limit} bytes that are held of archives at once")]
    TooLarge {
        /// Bytes that are allowed.
        limit: u64,
    },
    /// Archives inside of archives, too many.
    #[error("it is inside of more than {limit} archives")]
    TooDeep {
        /// How many are allowed.
        limit: usize,
    },
    /// The zip's directory cannot be read.
    #[error("the zip's directory cannot be read: {0}")]
    Zip(String),
    /// Nothing decodes it here.
    #[error("there is no decoder for {0} here")]
    NoDecoder(Compression),
    /// It cannot be unpacked.
    #[error("it cannot be unpacked: {0}")]
    Gzip(#[from] GzipError),
    /// It cannot be unpacked.
    #[error("it cannot be unpacked: {0}")]
    Decode(#[from] DecodeError),
}
