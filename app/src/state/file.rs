//! The file that is open in a layer.

use std::collections::BTreeMap;
use std::sync::Arc;

use layerscope_core::job::{JobId, ReadId, Row, Target, Verified};
use layerscope_core::view::draw::DocId;
use layerscope_core::view::problem::Problem;
use leptos::prelude::*;

use super::Load;
use super::later::{Later, ReadLater};
use super::text::{Sniff, sniff};
use crate::browser::page::ObjectUrl;

/// Bytes of a file that are read to see what it is, and are the whole of most files.
pub const HEAD_BYTES: u64 = 256 * 1024;
/// Bytes of a text that are read and shown together.
pub const TEXT_BYTES: u64 = 1024 * 1024;
/// Bytes of a page of the hex view: some forty screens.
pub const HEX_PAGE: u64 = 32 * 1024;
/// Pages of the hex view that are kept.
const MAX_HEX_PAGES: usize = 64;
/// Largest picture that is shown, in bytes: it is held twice while it is.
pub const MAX_PICTURE: u64 = 24 * 1024 * 1024;

/// The entry that the route names.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenFile {
    /// The layer's job.
    pub job: JobId,
    /// Its row.
    pub row: Row,
    /// Other entries of the same name.
    pub others: Vec<Row>,
    /// Where it leads, if it is a link.
    pub target: Option<Target>,
}

/// The first bytes of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Head {
    /// The bytes.
    pub bytes: Arc<Vec<u8>>,
    /// The file's size in bytes.
    pub total: u64,
    /// How far they are checked.
    pub verified: Verified,
    /// Compressed bytes fetched for them.
    pub fetched: u64,
    /// What they look like.
    pub sniff: Sniff,
}

impl Head {
    /// They are all there is.
    pub fn is_whole(&self) -> bool {
        self.bytes.len() as u64 >= self.total
    }
}

/// How a download goes.
#[derive(Debug, Clone, PartialEq)]
pub enum Saving {
    /// Bytes written, of how many.
    Going {
        /// Its read.
        read: ReadId,
        /// Bytes written.
        written: u64,
        /// Bytes in all.
        total: u64,
    },
    /// Handed to the browser.
    Saved,
    /// It failed.
    Failed(Problem),
}

/// What a read is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The first bytes.
    Head,
    /// What follows them in a text.
    More,
    /// A page of the hex view.
    Page(u64),
    /// A whole picture.
    Picture,
    /// A download.
    Save,
    /// What the viewers want to read of it.
    View(DocId),
}

/// The file's state.
#[derive(Clone, Copy)]
pub struct FileState {
    entry: Later<Option<Arc<OpenFile>>>,
    head: Later<Load<Head>>,
    more: RwSignal<bool>,
    pages: Later<BTreeMap<u64, Arc<Vec<u8>>>>,
    picture: Later<Load<Arc<ObjectUrl>>>,
    saving: Later<Option<Saving>>,
    decoding: Later<Option<(u64, u64)>>,
    wrap: RwSignal<bool>,
    reads: StoredValue<(ReadId, BTreeMap<ReadId, Purpose>)>,
}

impl FileState {
    pub(super) fn new() -> Self {
        FileState {
            entry: Later::new(),
            head: Later::new(),
            more: RwSignal::default(),
            pages: Later::new(),
            picture: Later::new(),
            saving: Later::new(),
            decoding: Later::new(),
            wrap: RwSignal::default(),
            reads: StoredValue::new((0, BTreeMap::new())),
        }
    }

    /// The entry.
    pub fn entry(self) -> ReadLater<Option<Arc<OpenFile>>> {
        self.entry.read_only()
    }

    /// Its first bytes.
    pub fn head(self) -> ReadLater<Load<Head>> {
        self.head.read_only()
    }

    /// More of a text is on its way.
    pub fn more(self) -> ReadSignal<bool> {
        self.more.read_only()
    }

    /// Pages of the hex view, by their number.
    pub fn pages(self) -> ReadLater<BTreeMap<u64, Arc<Vec<u8>>>> {
        self.pages.read_only()
    }

    /// The picture.
    pub fn picture(self) -> ReadLater<Load<Arc<ObjectUrl>>> {
        self.picture.read_only()
    }

    /// The download.
    pub fn saving(self) -> ReadLater<Option<Saving>> {
        self.saving.read_only()
    }

    /// Uncompressed bytes decoded before what is wanted comes, and how many it takes; while a read
    /// goes on that needs many.
    pub fn decoding(self) -> ReadLater<Option<(u64, u64)>> {
        self.decoding.read_only()
    }

    /// A read goes on that needs many.
    pub fn set_decoding(self, read: ReadId, decoded: u64, total: u64) {
        if self.purpose(read).is_some() {
            self.decoding.set(Some((decoded, total)));
        }
    }

    /// Long lines are wrapped.
    pub fn wrap(self) -> ReadSignal<bool> {
        self.wrap.read_only()
    }

    /// Wraps long lines, or no longer.
    pub fn toggle_wrap(self) {
        self.wrap.update(|w| *w = !*w);
    }

    /// Another entry. Returns the reads that nobody waits for any more.
    pub fn open(self, entry: Option<OpenFile>) -> Vec<ReadId> {
        let given_up = self
            .reads
            .try_update_value(|(_, waiting)| std::mem::take(waiting))
            .unwrap_or_default();
        self.head.set(Load::Idle);
        self.more.set(false);
        self.pages.set(BTreeMap::new());
        self.picture.set(Load::Idle);
        self.saving.set(None);
        self.decoding.set(None);
        self.entry.set(entry.map(Arc::new));
        given_up.into_keys().collect()
    }

    /// The same entry is told anew, with a size or target that is now known.
    pub fn refresh(self, entry: OpenFile) {
        self.entry.set(Some(Arc::new(entry)));
    }

    /// A read is about to be asked for.
    pub fn begin_read(self, purpose: Purpose) -> ReadId {
        match purpose {
            Purpose::Head => {
                // While it is read again, the bytes of before stay.
                if self.head.with_untracked(|h| h.ready().is_none()) {
                    self.head.set(Load::Loading);
                }
            }
            Purpose::More => self.more.set(true),
            Purpose::Picture => self.picture.set(Load::Loading),
            Purpose::Page(_) | Purpose::Save | Purpose::View(_) => {}
        }
        let mut id = 0;
        self.reads.update_value(|(last, waiting)| {
            *last += 1;
            id = *last;
            waiting.insert(id, purpose);
        });
        if purpose == Purpose::Save {
            self.saving.set(Some(Saving::Going {
                read: id,
                written: 0,
                total: 0,
            }));
        }
        id
    }

    /// A read with this purpose is under way.
    pub fn is_reading(self, purpose: Purpose) -> bool {
        self.reads
            .with_value(|(_, waiting)| waiting.values().any(|p| *p == purpose))
    }

    /// What a read was for; it is over with this.
    pub fn end_read(self, read: ReadId) -> Option<Purpose> {
        if self.decoding.with_untracked(Option::is_some) {
            self.decoding.set(None);
        }
        self.reads
            .try_update_value(|(_, waiting)| waiting.remove(&read))
            .flatten()
    }

    /// What a read is for, while it goes on.
    pub fn purpose(self, read: ReadId) -> Option<Purpose> {
        self.reads.with_value(|(_, w)| w.get(&read).copied())
    }

    /// The first bytes came.
    pub fn set_head(self, bytes: Vec<u8>, total: u64, verified: Verified, fetched: u64) {
        self.head.set(Load::Ready(Head {
            sniff: sniff(&bytes),
            bytes: Arc::new(bytes),
            total,
            verified,
            fetched,
        }));
    }

    /// More of a text came, from byte `start` on.
    pub fn add_text(self, start: u64, bytes: &[u8], verified: Verified, fetched: u64) {
        self.more.set(false);
        self.head.update(|head| {
            if let Load::Ready(head) = head
                && head.bytes.len() as u64 == start
            {
                let mut all = Vec::with_capacity(head.bytes.len() + bytes.len());
                all.extend_from_slice(&head.bytes);
                all.extend_from_slice(bytes);
                head.bytes = Arc::new(all);
                head.verified = head.verified.min(verified);
                head.fetched += fetched;
            }
        });
    }

    /// A page of the hex view came.
    pub fn add_page(self, number: u64, bytes: Vec<u8>) {
        self.pages.update(|pages| {
            pages.insert(number, Arc::new(bytes));
            while pages.len() > MAX_HEX_PAGES {
                let first = pages.first_key_value().map_or(number, |(n, _)| *n);
                let last = pages.last_key_value().map_or(number, |(n, _)| *n);
                let far = if number - first > last - number {
                    first
                } else {
                    last
                };
                pages.remove(&far);
            }
        });
    }

    /// A picture came, or not.
    pub fn set_picture(self, picture: Load<Arc<ObjectUrl>>) {
        self.picture.set(picture);
    }

    /// A download goes on.
    pub fn set_saving(self, saving: Option<Saving>) {
        self.saving.set(saving);
    }

    /// A read failed.
    pub fn fail(self, purpose: Purpose, problem: Problem) {
        match purpose {
            Purpose::Picture => self.picture.set(Load::Failed(problem)),
            Purpose::Save => self.saving.set(Some(Saving::Failed(problem))),
            Purpose::More => {
                self.more.set(false);
                self.head.set(Load::Failed(problem));
            }
            Purpose::View(_) => {} // the viewer's state tells of it
            Purpose::Head | Purpose::Page(_) => self.head.set(Load::Failed(problem)),
        }
    }
}
