//! What the core needs from outside, as small traits: a network, a store, a hasher on another
//! thread, a clock, a place to send events to.
//!
//! The browser's versions are in `app/src/browser`; [`memory`] has those for tests. Futures need
//! not be `Send`: a page and a worker are one thread each.

use std::fmt;
use std::future::Future;

use crate::digest::Digest;
use crate::job::Event;
use crate::registry::unreached::Unreached;
use crate::view::problem::Problem;

pub mod memory;

/// A request method; reading needs no others, and POST is for tokens alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// Asks for a body.
    Get,
    /// Asks for headers only.
    Head,
    /// Sends a body.
    Post,
}

impl Method {
    /// Its name in HTTP.
    pub fn name(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Head => "HEAD",
            Method::Post => "POST",
        }
    }
}

/// A request, complete: whoever sends it adds no header of its own that matters.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpRequest {
    /// Its method.
    pub method: Method,
    /// Absolute, or from the page's origin on (`/api/v1/…`).
    pub url: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// What is sent.
    pub body: Option<Vec<u8>>,
    /// Not from a cache of the browser's, which may hold a wrong answer to this address.
    pub fresh: bool,
    /// Somebody's sign-in lets it in: what comes is kept nowhere.
    pub private: bool,
}

impl HttpRequest {
    /// A GET with no headers.
    pub fn get(url: impl Into<String>) -> HttpRequest {
        HttpRequest {
            method: Method::Get,
            url: url.into(),
            headers: Vec::new(),
            body: None,
            fresh: false,
            private: false,
        }
    }

    /// A POST of something that is for who is asked alone: what is posted here has secrets in it.
    pub fn post(url: impl Into<String>, media_type: &str, body: Vec<u8>) -> HttpRequest {
        HttpRequest {
            method: Method::Post,
            body: Some(body),
            private: true,
            ..HttpRequest::get(url)
        }
        .with_header("content-type", media_type)
    }

    /// The same with one more header.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: impl Into<String>) -> HttpRequest {
        self.headers.push((name.to_ascii_lowercase(), value.into()));
        self
    }

    /// The first value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, v)| v.as_str())
    }
}

/// Leaves out what must never reach a log: the Authorization header, the body, and the query of
/// a foreign address (a signature may be in it).
impl fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headers: Vec<(&str, &str)> = self
            .headers
            .iter()
            .map(|(n, v)| match n.eq_ignore_ascii_case("authorization") {
                true => (n.as_str(), "(hidden)"),
                false => (n.as_str(), v.as_str()),
            })
            .collect();
        f.debug_struct("HttpRequest")
            .field("method", &self.method)
            .field("url", &self.url)
            .field("headers", &headers)
            .field("body", &self.body.as_ref().map(|_| "(hidden)"))
            .finish()
    }
}

/// Response headers; names are compared without regard to ASCII case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers(Vec<(String, String)>);

impl Headers {
    /// No headers.
    pub fn new() -> Headers {
        Headers::default()
    }

    /// Adds a header; one of the same name stays beside it.
    pub fn push(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.0.push((name.into(), value.into()));
    }

    /// The first value.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.get_all(name).next()
    }

    /// Every value, in order.
    pub fn get_all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, v)| v.as_str())
    }

    /// All of them, as they came.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(n, v)| (n.as_str(), v.as_str()))
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Headers {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(iter: I) -> Headers {
        Headers(
            iter.into_iter()
                .map(|(n, v)| (n.into(), v.into()))
                .collect(),
        )
    }
}

/// A response whose headers are here and whose body is to come.
#[derive(Debug)]
pub struct HttpResponse<B> {
    /// The HTTP status.
    pub status: u16,
    /// The headers that may be read (a browser hides those that CORS does not expose).
    pub headers: Headers,
    /// The body.
    pub body: B,
}

/// Sends requests. Redirects are followed; cookies are neither sent nor kept.
pub trait Http {
    /// The body of an answer.
    type Body: Body;

    /// Sends a request and waits for the headers of the answer, whatever its status.
    fn send(
        &self,
        request: HttpRequest,
    ) -> impl Future<Output = Result<HttpResponse<Self::Body>, HttpError>>;
}

/// A body that comes in pieces. Dropping it ends the transfer.
pub trait Body {
    /// The next piece, of any size; none at the end.
    fn next(&mut self) -> impl Future<Output = Result<Option<Vec<u8>>, HttpError>>;
}

/// Why there is no answer, or no more of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// No connection, or it broke. A browser does not say why.
    #[error("no answer from {url_host}: {detail}")]
    Network {
        /// The host that was asked (the proxy's, if it goes through one).
        url_host: String,
        /// What the platform says.
        detail: String,
    },
    /// No answer from another origin, and what that is likely to mean.
    #[error("no answer from {url_host} ({why:?})")]
    Unreached {
        /// The host that was asked.
        url_host: String,
        /// What keeps its answer away.
        why: Unreached,
        /// The same for the user, as whoever asked the further questions puts it: a worker asks
        /// none, and need not carry the words.
        problem: Box<Problem>,
    },
    /// Given up by us.
    #[error("the transfer was cancelled")]
    Aborted,
    /// Took too long.
    #[error("the transfer took too long")]
    TimedOut,
    /// The address cannot be asked.
    #[error("the address cannot be used: {detail}")]
    BadUrl {
        /// What is wrong with it.
        detail: String,
    },
}

/// Keeps indices across visits; may be absent, full, or fail at any time, and losing it changes
/// speed alone.
pub trait IndexStore {
    /// The value under a key, if there is one.
    fn get(&self, key: &str) -> impl Future<Output = Result<Option<Vec<u8>>, StoreError>>;
    /// Keeps a value; `label` tells the user what it is.
    fn put(
        &self,
        key: &str,
        value: &[u8],
        label: &str,
    ) -> impl Future<Output = Result<(), StoreError>>;
    /// Keeps the next part of a value that grows, under [`part_key`], and its new head under `key`:
    /// both or neither. [`StoreError::Changed`] if what it goes on from is not what is stored.
    fn append(
        &self,
        key: &str,
        grown: Grown<'_>,
        label: &str,
    ) -> impl Future<Output = Result<(), StoreError>>;
    /// Forgets a key and all parts of its value; one that is not there is no error.
    fn remove(&self, key: &str) -> impl Future<Output = Result<(), StoreError>>;
}

/// How a value has grown.
#[derive(Debug, Clone, Copy)]
pub struct Grown<'a> {
    /// What the head that is stored ends with, as a mark of it; none where nothing must be stored
    /// yet. So nothing is added to what another tab has replaced, or somebody has removed.
    pub after: Option<&'a [u8]>,
    /// The new head.
    pub head: &'a [u8],
    /// The new part's number, from 0.
    pub number: u32,
    /// The new part.
    pub part: &'a [u8],
    /// Bytes of the head and all parts.
    pub total: u64,
}

impl Grown<'_> {
    /// Whether it goes on from the head that is stored.
    pub fn follows(&self, stored: Option<&[u8]>) -> bool {
        match (self.after, stored) {
            (None, None) => true,
            (Some(mark), Some(head)) => head.ends_with(mark),
            _ => false,
        }
    }
}

/// Why the store did not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// There is none here (private window, blocked in a frame, no IndexedDB).
    #[error("the browser's storage is not available: {detail}")]
    Unavailable {
        /// What the platform says.
        detail: String,
    },
    /// No room.
    #[error("the browser's storage is full: {detail}")]
    Full {
        /// What the platform says.
        detail: String,
    },
    /// What a part was to be added to is not there (any more).
    #[error("what is stored has changed meanwhile")]
    Changed,
    /// Anything else.
    #[error("the browser's storage failed: {detail}")]
    Failed {
        /// What the platform says.
        detail: String,
    },
}

/// Milliseconds that only grow.
pub trait Clock {
    /// Milliseconds since some fixed moment.
    fn now_ms(&self) -> f64;
}

/// Where a layer's events go: the page, or a list in a test.
pub trait EventSink {
    /// Hands over an event and the bytes that travel beside it.
    fn send(&self, event: Event, bytes: Option<Vec<u8>>);
}

/// Hashes a layer's bytes beside the inflating: on another thread where there is one.
pub trait Hash {
    /// What comes out: the blob's digest and whatever else was made of its bytes.
    type Output;

    /// Takes the next bytes; waits while too many are under way.
    fn push(&mut self, bytes: &[u8]) -> impl Future<Output = Result<(), HashError>>;
    /// What was made so far of all bytes taken, but for the first `told` pieces of it: states of
    /// SHA-256, 32 bytes each. Bytes may be pushed while this is waited for.
    fn states(&mut self, told: usize)
    -> impl Future<Output = Result<Vec<u8>, HashError>> + 'static;
    /// The outcome over all bytes taken.
    fn finish(self) -> impl Future<Output = Result<Self::Output, HashError>>;
}

/// Hashing on the other thread stopped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the hashing worker stopped: {detail}")]
pub struct HashError {
    /// What the platform says.
    pub detail: String,
}

/// Names a stored index by its blob's digest. The version of what is stored stands in the bytes, so
/// that the worker's loader can ask for them before the program is there that knows its version.
pub fn index_key(digest: &Digest) -> String {
    format!("layer/{digest}")
}

/// Names the stored beginning of a blob's index, of which the rest is to be made.
pub fn partial_key(digest: &Digest) -> String {
    format!("partial/{digest}")
}

/// Names a part of the value under a key.
pub fn part_key(key: &str, number: u32) -> String {
    format!("{key}/{number}")
}

/// The blob's digest in a key made by [`index_key`] or [`partial_key`], and whether it is the
/// latter.
pub fn digest_of_key(key: &str) -> Option<(Digest, bool)> {
    let (kind, digest) = key.split_once('/')?;
    let partial = match kind {
        "layer" => false,
        "partial" => true,
        _ => return None,
    };
    Some((digest.parse().ok()?, partial))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Algorithm;

    #[test]
    fn a_key_tells_its_digest() {
        let digest = Digest::of(Algorithm::Sha256, b"");
        let partial = partial_key(&digest);
        assert_eq!(digest_of_key(&partial), Some((digest.clone(), true)));
        assert_eq!(digest_of_key(&part_key(&partial, 0)), None);
        assert_eq!(digest_of_key(&index_key(&digest)), Some((digest, false)));
        for other in ["", "layer", "layer/", "layer/sha256:0", "a"] {
            assert_eq!(digest_of_key(other), None, "{other}");
        }
    }
}
