//! Answers that were seen, kept beside the indices, for when there is no network: manifests,
//! configurations, referrers, and the parts of layers that files were read from.
//!
//! What came is given out before it is kept, and what is kept is given out only where there is no
//! network. Everybody above checks it by its digests, as if it had just come. What is kept, and what
//! never is, says [`layerscope_core::seen`]. Workers read what is kept, but have the page keep.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use js_sys::Reflect;
use layerscope_core::explore::cancel::{Either, race};
use layerscope_core::port::{Headers, HttpRequest};
use layerscope_core::seen::{self, MAX_BYTES};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{RequestCache, RequestCredentials, RequestInit};

use super::fetch::fetch;
use super::{seen_store, timer};

/// What is asked of the page's own server to learn whether there is a network. The service worker
/// leaves it alone, and whatever is answered is an answer.
const OWN: &str = "api/v1/info";
/// How long that may take; a server that is slower counts as not there.
const OWN_LIMIT: Duration = Duration::from_secs(5);

thread_local! {
    /// Told when an answer comes from here.
    static TOLD: RefCell<Option<Rc<dyn Fn()>>> = const { RefCell::new(None) };
    /// Keeps a record under its key. Without it nothing is kept.
    static KEEP: Cell<Option<Keep>> = const { Cell::new(None) };
}

/// Keeps a record under its key; nobody waits for it, or is told that it could not be.
pub type Keep = fn(String, Vec<u8>);

/// Who keeps.
pub fn keep_by(keep: Keep) {
    KEEP.set(Some(keep));
}

/// Keeps it in this browser's storage.
pub fn store(key: String, record: Vec<u8>) {
    spawn_local(async move { drop(seen_store::put(&key, &record).await) });
}

/// Who is told when an answer comes from here.
pub fn tell(told: impl Fn() + 'static) {
    TOLD.set(Some(Rc::new(told)));
}

/// An answer that is being read, to be kept when it has ended.
pub struct Keeping {
    key: String,
    record: Vec<u8>,
    room: usize,
    /// Bytes that are still to come, where that is known.
    left: Option<usize>,
}

/// How an answer stands.
pub(super) enum Kept {
    /// More of it is to come, or its end.
    Coming,
    /// All of it is here.
    Whole,
    /// It is longer than what is kept.
    TooLong,
}

impl Keeping {
    /// Begins, if the answer is worth it.
    pub(super) fn begin(request: &HttpRequest, status: u16, headers: &Headers) -> Option<Keeping> {
        let key = seen::key(request).filter(|_| seen::may_keep(status, headers))?;
        Some(Keeping {
            key,
            record: seen::head(status, headers),
            room: MAX_BYTES,
            left: seen::expected_len(request, status),
        })
    }

    /// Takes a piece.
    pub(super) fn push(&mut self, piece: &[u8]) -> Kept {
        let Some(room) = self.room.checked_sub(piece.len()) else {
            return Kept::TooLong;
        };
        self.room = room;
        self.record.extend_from_slice(piece);
        self.left = self.left.map(|left| left.saturating_sub(piece.len()));
        match self.left {
            Some(0) => Kept::Whole,
            _ => Kept::Coming,
        }
    }

    /// The answer has ended.
    pub(super) fn end(self) {
        if let Some(keep) = KEEP.get() {
            keep(self.key, self.record);
        }
    }
}

/// What was seen in answer to such a request, if there is no network: status, headers and body.
pub(super) async fn find(request: &HttpRequest) -> Option<(u16, Headers, Vec<u8>)> {
    let key = seen::key(request)?;
    let found = seen::read(&seen_store::get(&key).await.ok()??)?;
    // A registry that gives this page no answer, or is down, is not the same as no network.
    if has_network().await {
        return None;
    }
    let told = TOLD.with_borrow(Clone::clone);
    if let Some(told) = told {
        told();
    }
    Some(found)
}

/// Whether the browser says that there is a network, and the page's own server answers.
async fn has_network() -> bool {
    let navigator = Reflect::get(&js_sys::global(), &"navigator".into()).unwrap_or_default();
    if Reflect::get(&navigator, &"onLine".into()).is_ok_and(|on| on == false) {
        return false;
    }
    let init = RequestInit::new();
    init.set_credentials(RequestCredentials::Omit);
    init.set_cache(RequestCache::NoStore);
    let asked = JsFuture::from(fetch(OWN, &init));
    matches!(
        race(asked, timer::sleep(OWN_LIMIT)).await,
        Either::Left(Ok(_))
    )
}
