//! Why something from disk is not opened.

/// Why something from disk is not opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LocalError {
    /// Nothing was chosen, or an empty folder.
    #[error("there is no file in it")]
    Nothing,
    /// The file has no bytes.
    #[error("{name} is empty")]
    Empty {
        /// The file.
        name: String,
    },
    /// More files than are looked at.
    #[error("the folder has more than {limit} files")]
    TooMany {
        /// How many are looked at.
        limit: usize,
    },
    /// A folder that is no image.
    #[error("the folder has neither index.json nor manifest.json, so it is no image layout")]
    NoImage,
    /// The tar ends early, or is damaged.
    #[error("the archive is damaged: {detail}")]
    Damaged {
        /// What is wrong with it.
        detail: String,
    },
    /// A document in it says something that cannot be.
    #[error("its {document} cannot be used: {detail}")]
    Document {
        /// Which.
        document: String,
        /// What is wrong with it.
        detail: String,
    },
    /// A file that a document names is not there.
    #[error("{document} names {path}, which is not there")]
    Missing {
        /// The document.
        document: String,
        /// The file.
        path: String,
    },
    /// The browser does not give the bytes.
    #[error("{name} could not be read: {detail}")]
    Unreadable {
        /// The file.
        name: String,
        /// What the platform says.
        detail: String,
    },
}
