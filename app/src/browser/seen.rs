//! Answers that were seen, kept beside the indices and under the same budget, for when there is no
//! network: manifests, configurations, referrers, and the parts of layers that files were read from.
//!
//! What came is given out before it is kept, and what is kept is asked for only where a request got
//! no answer at all. Everybody above checks it by its digests, as if it had just come.

use std::cell::RefCell;
use std::rc::Rc;

use layerscope_core::local::SCHEME;
use layerscope_core::port::{Headers, HttpRequest, IndexStore, Method, SEEN};
use wasm_bindgen_futures::spawn_local;

use super::store::Store;

/// Longest body that is kept, in bytes: a part of a layer for a file that is read has some 64 KiB,
/// a manifest at most 4 MiB and seldom 100 KiB.
const MAX_BYTES: usize = 1 << 20;

thread_local! {
    static STORE: Store = Store::lazy();
    /// Told when an answer comes from here, and when one comes from a network.
    static TOLD: RefCell<Option<Rc<dyn Fn(bool)>>> = const { RefCell::new(None) };
}

/// Who is told with `true` when an answer comes from here, and with `false` when one came from a
/// network again.
pub fn tell(told: impl Fn(bool) + 'static) {
    TOLD.set(Some(Rc::new(told)));
}

fn say(from_here: bool) {
    let told = TOLD.with_borrow(Clone::clone);
    if let Some(told) = told {
        told(from_here);
    }
}

/// The key of what is worth keeping: content that is read, by whichever way a registry is reached.
fn key(request: &HttpRequest) -> Option<String> {
    let path = request.url.split('?').next().unwrap_or_default();
    let name = path.rsplit('/').next().unwrap_or_default();
    let through_proxy =
        path.contains("/api/v1/") && ["manifest", "blob", "referrers"].contains(&name);
    let direct = ["/manifests/", "/blobs/", "/referrers/"];
    let wanted = through_proxy || direct.iter().any(|part| path.contains(part));
    let range = request.header("range").unwrap_or_default();
    // What is on disk is there as it is.
    let wanted = wanted && !path.starts_with(SCHEME);
    (wanted && request.method == Method::Get).then(|| format!("{SEEN}{} {range}", request.url))
}

/// An answer that is being read, to be kept when it has ended.
pub struct Keeping {
    key: String,
    head: String,
    body: Vec<u8>,
}

impl Keeping {
    /// Begins, if the answer is worth it.
    pub(super) fn begin(request: &HttpRequest, status: u16, headers: &Headers) -> Option<Keeping> {
        let key = key(request)?;
        say(false);
        let said = |name: &str| headers.get(name).and_then(|v| v.parse::<usize>().ok());
        if !matches!(status, 200 | 206) || said("content-length").is_some_and(|l| l > MAX_BYTES) {
            return None;
        }
        let mut head = status.to_string();
        for (name, value) in headers.iter() {
            head.push_str(&format!("\n{name}: {value}"));
        }
        Some(Keeping {
            key,
            head,
            body: Vec::new(),
        })
    }

    /// Takes a piece; false if it has become too long.
    pub(super) fn push(&mut self, piece: &[u8]) -> bool {
        let fits = self.body.len() + piece.len() <= MAX_BYTES;
        if fits {
            self.body.extend_from_slice(piece);
        }
        fits
    }

    /// The answer has ended. Nobody waits for it to be kept, or is told that it could not be.
    pub(super) fn end(self) {
        let mut record = self.head.into_bytes();
        record.push(0);
        record.extend_from_slice(&self.body);
        let key = self.key;
        spawn_local(async move {
            let store = STORE.with(Clone::clone);
            drop(store.put(&key, &record, "").await);
        });
    }
}

/// What was seen in answer to such a request: status, headers and body.
pub(super) async fn find(request: &HttpRequest) -> Option<(u16, Headers, Vec<u8>)> {
    let key = key(request)?;
    let store = STORE.with(Clone::clone);
    let record = store.get(&key).await.ok()??;
    let end = record.iter().position(|b| *b == 0)?;
    let head = std::str::from_utf8(&record[..end]).ok()?;
    let (status, lines) = head.split_once('\n').unwrap_or((head, ""));
    let headers = lines.lines().filter_map(|line| line.split_once(": "));
    say(true);
    Some((
        status.parse().ok()?,
        headers.collect(),
        record[end + 1..].to_vec(),
    ))
}
