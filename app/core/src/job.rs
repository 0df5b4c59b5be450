//! The messages between the page and a layer worker, and the progress they add up to.
//!
//! A message travels in a serialised form; bulk bytes travel beside it as a transferred `ArrayBuffer`. Every
//! answer carries the ids of its question, so that a late one is harmless: whoever no longer
//! waits for the id drops it.

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::layer_index::{Compression, TradeChoice};
use crate::path::EntryPath;
use crate::reference::Repository;
use crate::registry::endpoint::Endpoint;
use crate::view::problem::Problem;

/// One opened layer in one worker; chosen by the page, never reused in a page's life.
pub type JobId = u32;
/// One listing that the page looks at.
pub type ViewId = u32;
/// One read of (part of) a file.
pub type ReadId = u32;

/// Rows of a listing that come unasked: about two screens.
pub const FIRST_ROWS: u32 = 64;

/// The layer to open, and how to reach its registry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerSource {
    /// Through the proxy, or directly.
    pub endpoint: Endpoint,
    /// Where the blob lives.
    pub repository: Repository,
    /// The blob's digest (of the compressed bytes).
    pub digest: Digest,
    /// Compressed size in bytes as its descriptor says, when a descriptor is known.
    pub size: Option<u64>,
    /// Media type as its descriptor says; the blob's magic bytes win over it.
    pub media_type: Option<String>,
    /// Annotations of its descriptor, when one is known.
    pub annotations: Vec<(String, String)>,
    /// The image's manifest by which it was come upon, if it was.
    pub manifest: Option<Digest>,
    /// Whether that image has SOCI's index.
    pub soci: SociIndex,
    /// An index file of this layer that the user has chosen.
    pub given: Option<Vec<u8>>,
    /// Read it whole, even where an index that somebody else made would do.
    pub whole: bool,
    /// Read it whole, even where an index of it is stored, which the new one then replaces.
    pub again: bool,
    /// What an index that is made now keeps, and for what.
    pub trade: TradeChoice,
    /// The digest is only a name that the page made for bytes from disk: nothing says what they
    /// have to be. Checksums in the file are all that is checked, and no index of it is kept.
    pub unnamed: bool,
}

impl LayerSource {
    /// It was opened from disk.
    pub fn is_local(&self) -> bool {
        self.repository.registry().is_local()
    }

    /// The name of a file, as an annotation of the descriptor has it.
    pub fn title(&self) -> Option<&str> {
        let key = "org.opencontainers.image.title";
        let found = self.annotations.iter().find(|(k, _)| k == key);
        found.map(|(_, value)| value.as_str())
    }
}

/// What is known of SOCI's index of an image.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum SociIndex {
    /// Nobody has looked.
    #[default]
    Unknown,
    /// There is none.
    None,
    /// The digest of its manifest.
    At(Digest),
}

/// A form in which an index is given away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExportFormat {
    /// Our own: what is stored.
    IndexFile,
    /// SOCI's, which takes another pass over the layer.
    Ztoc,
}

/// What was given away; its bytes are beside the message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exported {
    /// The form.
    pub format: ExportFormat,
    /// A name for the file.
    pub name: String,
    /// The digest of its bytes.
    pub digest: Digest,
    /// How many they are.
    pub len: u64,
}

/// What a worker needs to be let in. Kept in memory only.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    /// A ready `Authorization` header value, if the page has one.
    pub authorization: Option<String>,
    /// To renew a token during a long download.
    pub credentials: Option<crate::registry::client::Credentials>,
    /// They are the same person's as before: what was got by those stays good.
    pub renewed: bool,
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Access { .. }") // secrets never reach a log
    }
}

/// What the page asks of a worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(
    clippy::large_enum_variant,
    reason = "a message is made, serialised and gone; boxes would only cost"
)]
pub enum Request {
    /// First message; answered by [`Event::Ready`]. First in the list too, with a text alone in it:
    /// so it reads the same in every build.
    Hello {
        /// The page's build id; a worker of another build says so and does nothing else.
        build: String,
    },
    /// Opens a layer: from the store if its index is there, else by streaming it.
    Open {
        /// The job's id.
        job: JobId,
        /// What to open.
        source: LayerSource,
        /// How to be let in.
        access: Access,
    },
    /// Opens a file of an open job as the archive that it is, from the bytes that the worker has or
    /// fetches as for any read. The new job is asked like a layer's.
    OpenInner {
        /// The new job's id.
        job: JobId,
        /// The job in which the file is.
        outer: JobId,
        /// The file.
        path: EntryPath,
    },
    /// Stops streaming; the rows read so far stay.
    Cancel {
        /// The job's id.
        job: JobId,
    },
    /// Goes on streaming where it was stopped ([`Progress::can_go_on`]), or without waiting for the tab
    /// that reads the layer ([`Progress::waiting`]).
    GoOn {
        /// The job's id.
        job: JobId,
    },
    /// Forgets the job.
    Close {
        /// The job's id.
        job: JobId,
    },
    /// Opens or changes a listing; answered by [`Event::View`] now and whenever its rows change.
    View {
        /// The job's id.
        job: JobId,
        /// The listing's id.
        view: ViewId,
        /// What it shows.
        spec: ViewSpec,
    },
    /// Asks for rows `start..end` of a listing; answered by [`Event::Rows`].
    Rows {
        /// The job's id.
        job: JobId,
        /// The listing's id.
        view: ViewId,
        /// First row.
        start: u32,
        /// One past the last row.
        end: u32,
    },
    /// Reads part of a file; answered by [`Event::Content`] with the bytes beside it.
    Read {
        /// The job's id.
        job: JobId,
        /// The read's id.
        read: ReadId,
        /// Which entry.
        ordinal: u32,
        /// First byte in the file (uncompressed).
        start: u64,
        /// At most this many bytes.
        len: u64,
    },
    /// Writes a whole file into the origin's private file system; answered by
    /// [`Event::Download`] as it goes on.
    Download {
        /// The job's id.
        job: JobId,
        /// The read's id.
        read: ReadId,
        /// Which entry.
        ordinal: u32,
    },
    /// Makes a file of the layer's index; answered by [`Event::Exporting`] as it goes on, and by
    /// [`Event::Exported`] with the bytes beside it, or by [`Event::ReadFailed`].
    Export {
        /// The job's id.
        job: JobId,
        /// The read's id.
        read: ReadId,
        /// Which.
        format: ExportFormat,
    },
    /// Gives up a read, a download or an export.
    CancelRead {
        /// The job's id.
        job: JobId,
        /// The read's id.
        read: ReadId,
    },
    /// Asks which row of a listing an entry has; answered by [`Event::Place`].
    Find {
        /// The job's id.
        job: JobId,
        /// The listing's id.
        view: ViewId,
        /// The entry's path.
        path: EntryPath,
    },
    /// Other credentials for an open job: the answer to [`Event::Renew`], or the user has signed
    /// in or out meanwhile.
    Access {
        /// The job's id.
        job: JobId,
        /// How to be let in from now on.
        access: Access,
    },
    /// Opens the layers of an image, the lowest first, as the file system that they make together.
    /// The job is asked like a layer's.
    OpenRoot {
        /// The job's id.
        job: JobId,
        /// What they are together, for messages: its digest is the manifest's.
        source: LayerSource,
        /// The layers: a list of [`LayerSource`]s, packed, as in [`Request::Root`].
        layers: Vec<u8>,
        /// How to be let in.
        access: Access,
    },
    /// Asks what only such a job knows; answered by [`Event::Root`].
    Root {
        /// The job's id.
        job: JobId,
        /// The question's id.
        read: ReadId,
        /// A [`crate::rootfs::ask::RootAsk`], packed: what reads it is not in every worker's program.
        ask: Vec<u8>,
    },
}

/// How a listing is made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViewSpec {
    /// The directory shown, or the file that the route names.
    pub at: EntryPath,
    /// Which entries.
    pub mode: ViewMode,
    /// In which order.
    pub sort: SortKey,
    /// Largest, newest or last first.
    pub descending: bool,
    /// Also what is hidden by later layers; means nothing in one layer.
    pub hidden: bool,
}

/// Which entries a listing has.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ViewMode {
    /// The children of `at`.
    #[default]
    Dir,
    /// Every entry under `at`.
    Flat,
    /// Every entry under `at` whose path contains the text, or matches it if it has `*` or `?`;
    /// ASCII case is ignored unless the text has a capital.
    Search(String),
}

/// The order of a listing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum SortKey {
    /// Directories first, then by name with numbers in their order.
    #[default]
    Name,
    /// By size.
    Size,
    /// By modification time.
    Time,
    /// As they stand in the archive.
    Archive,
}

/// What a worker tells the page.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(
    clippy::large_enum_variant,
    reason = "a message is made, serialised and gone; boxes would only cost (on wasm32 it is not large)"
)]
pub enum Event {
    /// The worker is up. First in the list, with a text alone in it, as [`Request::Hello`].
    Ready {
        /// Its build id.
        build: String,
    },
    /// How a job stands; at most some ten a second while it streams.
    Progress {
        /// The job's id.
        job: JobId,
        /// How it stands.
        progress: Progress,
    },
    /// A listing was made or has changed.
    View {
        /// The job's id.
        job: JobId,
        /// The listing's id.
        view: ViewId,
        /// What it has now.
        info: ViewInfo,
        /// Its first rows, at most [`FIRST_ROWS`], the first time that it has any: nobody has to
        /// ask for what is looked at next.
        rows: Vec<Row>,
    },
    /// Rows of a listing.
    Rows {
        /// The job's id.
        job: JobId,
        /// The listing's id.
        view: ViewId,
        /// The index of the first row.
        start: u32,
        /// The listing's generation that they belong to.
        generation: u32,
        /// The rows.
        rows: Vec<Row>,
    },
    /// Part of a file; its bytes travel beside the message.
    Content {
        /// The job's id.
        job: JobId,
        /// The read's id.
        read: ReadId,
        /// First byte in the file.
        start: u64,
        /// The file's size in bytes.
        total: u64,
        /// How far the bytes were checked.
        verified: Verified,
        /// Compressed bytes fetched for it.
        fetched: u64,
    },
    /// A read goes on that has to decode much before what it wants.
    Decoding {
        /// The job's id.
        job: JobId,
        /// The read's id.
        read: ReadId,
        /// Uncompressed bytes decoded.
        decoded: u64,
        /// Of how many.
        total: u64,
    },
    /// A download goes on, or is done.
    Download {
        /// The job's id.
        job: JobId,
        /// The read's id.
        read: ReadId,
        /// Bytes written.
        written: u64,
        /// The file's size in bytes.
        total: u64,
        /// Its name in the origin's private file system once it is whole.
        ready: Option<String>,
    },
    /// An export goes on.
    Exporting {
        /// The job's id.
        job: JobId,
        /// The read's id.
        read: ReadId,
        /// Compressed bytes of the layer read for it.
        received: u64,
    },
    /// An export is done.
    Exported {
        /// The job's id.
        job: JobId,
        /// The read's id.
        read: ReadId,
        /// What it is.
        exported: Exported,
    },
    /// A read, a download or an export failed; the job goes on.
    ReadFailed {
        /// The job's id.
        job: JobId,
        /// The read's id.
        read: ReadId,
        /// Why.
        problem: Problem,
    },
    /// Where an entry stands in a listing.
    Place {
        /// The job's id.
        job: JobId,
        /// The listing's id.
        view: ViewId,
        /// The entry's path, as it was asked.
        path: EntryPath,
        /// The generation of its rows.
        generation: u32,
        /// The row; none if it is not among them (yet, while the listing is not complete).
        index: Option<u32>,
    },
    /// Something the user is told once (for instance that nothing can be stored).
    Notice {
        /// What.
        problem: Problem,
    },
    /// A sign-in at a provider was refused: it has run out. The job waits for [`Request::Access`].
    Renew {
        /// The job's id.
        job: JobId,
        /// What was refused.
        refused: crate::registry::client::Credentials,
    },
    /// What was asked by [`Request::Root`]: a [`crate::rootfs::ask::RootAnswer`], packed, is beside
    /// the message.
    Root {
        /// The job's id.
        job: JobId,
        /// The question's id.
        read: ReadId,
    },
    /// Bytes that were read just now are from an earlier visit: there is no network.
    Seen,
    /// A record for when there is no network is beside the message; the page keeps it.
    Keep {
        /// Its key ([`crate::seen::key`]).
        key: String,
    },
}

/// How far shown bytes were checked. The attribute `data-verified` has its name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Verified {
    /// Not (yet).
    #[default]
    None,
    /// Only by the publisher's table of contents.
    Toc,
    /// By the digest of each unit, from a pass whose blob digest matched.
    Span,
    /// The whole blob matched its digest.
    Blob,
}

impl Verified {
    /// The name used in `data-verified`.
    pub fn name(self) -> &'static str {
        match self {
            Verified::None => "none",
            Verified::Toc => "toc",
            Verified::Span => "span",
            Verified::Blob => "blob",
        }
    }
}

/// How a job stands.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Where it is.
    pub phase: Phase,
    /// Compressed bytes received.
    pub received: u64,
    /// Compressed bytes in all, when known.
    pub size: Option<u64>,
    /// Uncompressed bytes so far.
    pub inflated: u64,
    /// Of the bytes received, those that came before: in an earlier visit, whose state was stored.
    pub kept: u64,
    /// The connection was lost and taken up again.
    pub lost: Option<Lost>,
    /// Another tab reads this layer: it is waited for.
    pub waiting: bool,
    /// It has stopped, and what came is still here: [`Request::GoOn`] goes on from there.
    pub can_go_on: bool,
    /// Entries so far.
    pub entries: u32,
    /// Milliseconds since the first body byte.
    pub elapsed_ms: f64,
    /// How far the rows are checked.
    pub verified: Verified,
    /// The index came from the store.
    pub from_store: bool,
    /// Who made the index.
    pub made_by: MadeBy,
    /// Why an index that somebody else made was not used, if there is one.
    pub note: Option<String>,
    /// How the blob is compressed, by its first bytes, once they are here.
    pub compression: Option<Compression>,
    /// It is no archive but one file, which is listed when all of it has been seen.
    pub bare: bool,
    /// The trade by which the index was made, if it is known and matters.
    pub trade: Option<TradeChoice>,
    /// Of a root file system: layers that are in it, and how many there are.
    pub layers: Option<(u32, u32)>,
    /// Bytes that the stored index takes, once it is known.
    pub index_bytes: Option<u64>,
    /// What went wrong, if something did; rows read before stay.
    pub problem: Option<Problem>,
    /// No more than this, in bytes, was held by the workers of this layer: the memory of the first,
    /// which never shrinks, and the most that hashing has held beside it.
    pub memory_bytes: u64,
}

/// Connections lost while a layer streamed in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    /// How many.
    pub times: u32,
    /// Compressed bytes before the place where the last one was lost.
    pub at: u64,
}

/// Who made the index of a layer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum MadeBy {
    /// This program, in a pass over the whole layer.
    #[default]
    Us,
    /// The layer's publisher, as eStargz has it.
    EStargz,
    /// The layer's publisher, as zstd:chunked has it.
    ZstdChunked,
    /// Whoever pushed SOCI's index of the image.
    Soci,
    /// Whoever runs this app, who names an index source.
    Source,
    /// Whoever made the index file that the user chose.
    File,
}

/// Where a job is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// Looking in the store, connecting.
    #[default]
    Starting,
    /// The layer streams in.
    Streaming,
    /// All is here; digests are compared and the index is stored.
    Sealing,
    /// Done.
    Done,
    /// Stopped by the user.
    Cancelled,
    /// Stopped by a problem.
    Failed,
}

impl Phase {
    /// It has neither come to its end nor been stopped.
    pub fn is_running(self) -> bool {
        matches!(self, Phase::Starting | Phase::Streaming | Phase::Sealing)
    }
}

/// A listing's shape.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ViewInfo {
    /// Grows by one whenever rows may have changed.
    pub generation: u32,
    /// How many rows.
    pub total: u32,
    /// What the path in the spec is.
    pub found: Found,
    /// All entries are known: nothing will be added.
    pub complete: bool,
    /// Sum of the sizes of the files listed, in bytes.
    pub bytes: u64,
    /// Why the search finds nothing, if it cannot be read.
    pub problem: Option<String>,
}

/// What a path names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(
    clippy::large_enum_variant,
    reason = "a message is made, serialised and gone; boxes would only cost (on wasm32 it is not large)"
)]
pub enum Found {
    /// A directory (its own row when it has an entry).
    Directory {
        /// Its row.
        row: Option<Row>,
    },
    /// Anything else: a file, a link, a device.
    Entry {
        /// Its row.
        row: Row,
        /// Rows of the other entries of the same name, in archive order.
        others: Vec<Row>,
        /// Where it leads, if it is a symlink or hard link.
        target: Option<Target>,
    },
    /// Nothing (or nothing yet, while the listing is not complete).
    Missing {
        /// The longest part of the path that exists.
        nearest: EntryPath,
    },
}

/// Where a link leads in its layer, when all links on the way are followed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(
    clippy::large_enum_variant,
    reason = "a message is made, serialised and gone; boxes would only cost (on wasm32 it is not large)"
)]
pub enum Target {
    /// To what has this row.
    Entry(Row),
    /// To a path at which this layer has nothing.
    Nothing {
        /// The path, from the root, without links.
        path: EntryPath,
    },
    /// Above the layer's root, and to nothing in the layer.
    Outside {
        /// The path at which it ends where a `..` stays at the root, as in a container.
        path: EntryPath,
    },
    /// In a circle, or through more links than a system follows.
    Circle {
        /// The path that the link itself names, from the root.
        path: EntryPath,
    },
}

impl Target {
    /// What is there, if something is.
    pub fn row(&self) -> Option<&Row> {
        match self {
            Target::Entry(row) => Some(row),
            Target::Nothing { .. } | Target::Outside { .. } | Target::Circle { .. } => None,
        }
    }
}

/// A row of a listing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Path from the archive's root, raw bytes.
    pub path: EntryPath,
    /// What it is.
    pub kind: RowKind,
    /// Bytes, uncompressed.
    pub size: u64,
    /// Permission bits with setuid, setgid, sticky.
    pub mode: u32,
    /// Owner's number.
    pub uid: u64,
    /// Group's number.
    pub gid: u64,
    /// Owner's name, empty if none is given.
    pub uname: String,
    /// Group's name, empty if none is given.
    pub gname: String,
    /// Seconds since 1970-01-01 UTC.
    pub mtime: i64,
    /// Where a symlink or hard link points, raw; empty otherwise.
    pub link: EntryPath,
    /// The entry's place in the archive; none for a directory that only others imply.
    pub ordinal: Option<u32>,
    /// Another entry of the same name follows or precedes.
    pub duplicate: bool,
    /// Extended attributes' names and other PAX records worth telling, for display.
    pub extra: Vec<(String, String)>,
    /// Device numbers.
    pub device: Option<(u32, u32)>,
    /// In a root file system, the layer that it is from, and what became of it.
    pub version: Option<crate::rootfs::Version>,
}

impl Row {
    /// There are mode, owner and time to show: a directory that others imply has none, and neither
    /// has a file that is all of a blob.
    pub fn has_attributes(&self) -> bool {
        let nothing = self.mode == 0
            && self.mtime == 0
            && (self.uid, self.gid) == (0, 0)
            && self.uname.is_empty();
        self.ordinal.is_some() && !nothing
    }
}

/// A row's kind. The attribute `data-entry-type` has its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RowKind {
    /// A regular file.
    File,
    /// A directory.
    Dir,
    /// A symbolic link.
    Symlink,
    /// A hard link.
    Hardlink,
    /// A character device.
    Char,
    /// A block device.
    Block,
    /// A named pipe.
    Fifo,
    /// A whiteout: deletes a name of a lower layer.
    Whiteout,
}

impl RowKind {
    /// The name used in `data-entry-type`.
    pub fn name(self) -> &'static str {
        match self {
            RowKind::File => "file",
            RowKind::Dir => "dir",
            RowKind::Symlink => "symlink",
            RowKind::Hardlink => "hardlink",
            RowKind::Char => "char",
            RowKind::Block => "block",
            RowKind::Fifo => "fifo",
            RowKind::Whiteout => "whiteout",
        }
    }
}
