//! What a page asks two workers that have a root file system each, and their answers.
//!
//! The page carries what one says to the other. Everything of the comparison is kept by the first
//! image's worker.

use std::fmt;

use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::files::Summary;
use super::installed::Installed;
use super::list::{ChangeRow, ListSpec};
use super::snapshot::Side;
use super::text::Compared;
use crate::path::EntryPath;

/// A file's SHA-256; none if it could not be read.
pub type Hashed = Option<[u8; 32]>;

/// Many bytes, which travel as they are rather than number by number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Raw(pub Vec<u8>);

impl Serialize for Raw {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Raw, D::Error> {
        struct Bytes;
        impl Visitor<'_> for Bytes {
            type Value = Raw;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }

            fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<Raw, E> {
                Ok(Raw(bytes.to_vec()))
            }
        }
        deserializer.deserialize_bytes(Bytes)
    }
}

/// A question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum CompareAsk {
    /// What is visible.
    Snapshot,
    /// Compares what is visible here with what another worker told: its packed snapshot.
    With(Raw),
    /// Rows of the list of what differs.
    Rows {
        /// Which list.
        spec: ListSpec,
        /// First row.
        start: u32,
        /// One past the last row.
        end: u32,
    },
    /// The next files to read in both images, from a place among the changes on.
    Unread {
        /// The place.
        from: u32,
    },
    /// Reads files and hashes them: each with the page's number for it, and its entry.
    Hash(Vec<(u32, u32)>),
    /// Takes the digests of files of both images, by the places of the changes.
    Settle(Vec<(u32, Hashed, Hashed)>),
    /// What is installed, without what belongs to it.
    Installed,
    /// One path, and its content if that is not too much.
    File(EntryPath),
    /// Compares the contents of two files.
    Contents {
        /// The first image's; none if it has none.
        left: Raw,
        /// The second's.
        right: Raw,
    },
}

/// Its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum CompareAnswer {
    /// What is visible, packed.
    Snapshot(Raw),
    /// How the two differ, in numbers.
    Summary(Summary),
    /// Rows of a list.
    Rows {
        /// Which list.
        spec: ListSpec,
        /// How many rows it has.
        total: u32,
        /// The place of the first row.
        start: u32,
        /// The rows.
        rows: Vec<ChangeRow>,
    },
    /// Files to read: the change's place, and the entries in the first and in the second image.
    Unread(Vec<(u32, u32, u32)>),
    /// Digests by the page's numbers.
    Hashes(Vec<(u32, Hashed)>),
    /// What is installed.
    Installed(InstalledAnswer),
    /// One path.
    File(FileAnswer),
    /// How two contents differ.
    Contents(Compared),
}

/// What is installed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstalledAnswer {
    /// Every package of dpkg's and apk's databases.
    pub packages: Vec<Installed>,
    /// There is rpm's database too, which is not read.
    pub rpm: bool,
    /// Why not all of it could be read.
    pub problem: Option<String>,
}

/// One path in one of the images.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileAnswer {
    /// The path.
    pub path: EntryPath,
    /// What it is; none if it is not there.
    pub side: Option<Side>,
    /// Its content.
    pub content: FileContent,
}

/// What is known of a file's content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileContent {
    /// It is no file, or not there.
    None,
    /// All of it.
    Whole(Raw),
    /// It is too large to be told; its digest can be asked for.
    Large,
    /// It could not be read.
    Failed(String),
}
