//! The ports, kept in memory: a scripted network, a store with a switch to fail, and a way to
//! run a future with nothing to wait for. For tests of this crate and of those that use it.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use super::{
    Body, Clock, Grown, Headers, Http, HttpError, HttpRequest, HttpResponse, IndexStore,
    StoreError, part_key,
};

/// Runs a future to its end by polling it again and again.
pub fn run<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(value) => return value,
            Poll::Pending => std::thread::yield_now(),
        }
    }
}

/// An answer that [`MemoryHttp`] gives.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    status: u16,
    headers: Headers,
    body: Vec<u8>,
    chunk: usize,
    breaks_after: Option<usize>,
}

impl Answer {
    /// An answer with a status and no body.
    pub fn status(status: u16) -> Answer {
        Answer {
            status,
            chunk: usize::MAX,
            ..Answer::default()
        }
    }

    /// Status 200 with a body and its length.
    pub fn ok(body: impl Into<Vec<u8>>) -> Answer {
        let body = body.into();
        let len = body.len().to_string();
        Answer::status(200).body(body).header("Content-Length", len)
    }

    /// With a body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Answer {
        self.body = body.into();
        self
    }

    /// With one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Answer {
        self.headers.push(name, value);
        self
    }

    /// The body comes in pieces of this many bytes.
    #[must_use]
    pub fn chunked(mut self, bytes: usize) -> Answer {
        self.chunk = bytes.max(1);
        self
    }

    /// The connection breaks after this many bytes of the body.
    #[must_use]
    pub fn breaks_after(mut self, bytes: usize) -> Answer {
        self.breaks_after = Some(bytes);
        self
    }
}

type Handler = Box<dyn Fn(&HttpRequest) -> Result<Answer, HttpError>>;

/// A network that answers by a function or from a list, and remembers what it was asked.
/// Clones share everything.
#[derive(Clone)]
pub struct MemoryHttp {
    handler: Rc<Handler>,
    requests: Rc<RefCell<Vec<HttpRequest>>>,
}

impl MemoryHttp {
    /// Answers by a function.
    pub fn new(
        handler: impl Fn(&HttpRequest) -> Result<Answer, HttpError> + 'static,
    ) -> MemoryHttp {
        MemoryHttp {
            handler: Rc::new(Box::new(handler)),
            requests: Rc::default(),
        }
    }

    /// Gives these answers in turn, then a network error.
    pub fn script(answers: impl IntoIterator<Item = Answer>) -> MemoryHttp {
        let answers: RefCell<VecDeque<Answer>> = RefCell::new(answers.into_iter().collect());
        MemoryHttp::new(move |request| {
            let next = answers.borrow_mut().pop_front();
            next.ok_or_else(|| HttpError::Network {
                url_host: "memory".into(),
                detail: format!("nothing is scripted for {}", request.url),
            })
        })
    }

    /// What was asked so far.
    pub fn requests(&self) -> Vec<HttpRequest> {
        self.requests.borrow().clone()
    }
}

impl Http for MemoryHttp {
    type Body = MemoryBody;

    async fn send(&self, request: HttpRequest) -> Result<HttpResponse<MemoryBody>, HttpError> {
        self.requests.borrow_mut().push(request.clone());
        let answer = (self.handler)(&request)?;
        Ok(HttpResponse {
            status: answer.status,
            headers: answer.headers.clone(),
            body: MemoryBody { answer, at: 0 },
        })
    }
}

/// The body of a scripted answer.
#[derive(Debug)]
pub struct MemoryBody {
    answer: Answer,
    at: usize,
}

impl Body for MemoryBody {
    async fn next(&mut self) -> Result<Option<Vec<u8>>, HttpError> {
        let end = self.answer.breaks_after.unwrap_or(usize::MAX);
        let end = end.min(self.answer.body.len());
        if self.at < end {
            let next = end.min(self.at.saturating_add(self.answer.chunk));
            let piece = self.answer.body[self.at..next].to_vec();
            self.at = next;
            return Ok(Some(piece));
        }
        match self.answer.breaks_after {
            Some(_) => Err(HttpError::Network {
                url_host: "memory".into(),
                detail: "the connection was closed half-way".into(),
            }),
            None => Ok(None),
        }
    }
}

/// A store in memory. Clones share everything.
#[derive(Clone, Default)]
pub struct MemoryStore {
    values: Rc<RefCell<BTreeMap<String, Vec<u8>>>>,
    failure: Rc<RefCell<Option<StoreError>>>,
}

impl MemoryStore {
    /// From now on every call fails so, or works again.
    pub fn fail_with(&self, failure: Option<StoreError>) {
        *self.failure.borrow_mut() = failure;
    }

    /// The keys kept.
    pub fn keys(&self) -> Vec<String> {
        self.values.borrow().keys().cloned().collect()
    }

    /// Changes a stored value in place: for tests of corrupt entries.
    pub fn tamper(&self, key: &str, change: impl FnOnce(&mut Vec<u8>)) {
        if let Some(value) = self.values.borrow_mut().get_mut(key) {
            change(value);
        }
    }

    fn check(&self) -> Result<(), StoreError> {
        self.failure.borrow().clone().map_or(Ok(()), Err)
    }
}

impl IndexStore for MemoryStore {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.check()?;
        Ok(self.values.borrow().get(key).cloned())
    }

    async fn put(&self, key: &str, value: &[u8], _label: &str) -> Result<(), StoreError> {
        self.check()?;
        self.values.borrow_mut().insert(key.into(), value.to_vec());
        Ok(())
    }

    async fn append(&self, key: &str, grown: Grown<'_>, label: &str) -> Result<(), StoreError> {
        let stored = self.get(key).await?;
        if !grown.follows(stored.as_deref()) {
            return Err(StoreError::Changed);
        }
        self.put(&part_key(key, grown.number), grown.part, label)
            .await?;
        self.put(key, grown.head, label).await
    }

    async fn remove(&self, key: &str) -> Result<(), StoreError> {
        self.check()?;
        let parts = format!("{key}/");
        let mut values = self.values.borrow_mut();
        values.retain(|other, _| other != key && !other.starts_with(&parts));
        Ok(())
    }
}

/// A clock that stands still until it is set. Clones share the time.
#[derive(Clone, Default)]
pub struct MemoryClock(Rc<Cell<f64>>);

impl MemoryClock {
    /// Sets the time in milliseconds.
    pub fn set(&self, now_ms: f64) {
        self.0.set(now_ms);
    }
}

impl Clock for MemoryClock {
    fn now_ms(&self) -> f64 {
        self.0.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_comes_in_pieces_and_may_break() {
        let http = MemoryHttp::script([
            Answer::ok("abcde").chunked(2),
            Answer::ok("abcde").chunked(2).breaks_after(3),
        ]);
        run(async {
            let read = |n| {
                let http = http.clone();
                async move {
                    let mut body = http.send(HttpRequest::get(format!("/{n}"))).await?.body;
                    let mut got = Vec::new();
                    while let Some(piece) = body.next().await? {
                        got.push(piece);
                    }
                    Ok::<_, HttpError>(got)
                }
            };
            let pieces = read(1).await.unwrap();
            assert_eq!(pieces, [b"ab".to_vec(), b"cd".to_vec(), b"e".to_vec()]);
            assert!(matches!(read(2).await, Err(HttpError::Network { .. })));
            assert!(matches!(read(3).await, Err(HttpError::Network { .. })));
        });
        assert_eq!(http.requests().len(), 3);
    }

    #[test]
    fn secrets_are_not_in_the_debug_text() {
        let request = HttpRequest {
            body: Some(b"password".to_vec()),
            fresh: false,
            ..HttpRequest::get("/x").with_header("Authorization", "Basic c2VjcmV0")
        };
        let text = format!("{request:?}");
        assert!(
            !text.contains("c2VjcmV0") && !text.contains("112, 97"),
            "{text}"
        );
    }

    #[test]
    fn a_store_keeps_and_fails() {
        let store = MemoryStore::default();
        run(async {
            store.put("a", b"1", "one").await.unwrap();
            assert_eq!(store.get("a").await.unwrap(), Some(b"1".to_vec()));
            store.fail_with(Some(StoreError::Full {
                detail: "5 MB".into(),
            }));
            assert!(store.get("a").await.is_err());
            store.fail_with(None);
            store.remove("a").await.unwrap();
            let part = |number, after: Option<&'static [u8]>| Grown {
                after,
                head: b"a head",
                number,
                part: b"x",
                total: 7,
            };
            store.append("a", part(0, None), "").await.unwrap();
            store.put("ab", b"3", "").await.unwrap();
            assert_eq!(store.get("a/0").await.unwrap(), Some(b"x".to_vec()));
            store.append("a", part(1, Some(b"ad")), "").await.unwrap();
            for other in [None, Some(b"ax".as_slice())] {
                let refused = store.append("a", part(2, other), "").await;
                assert_eq!(refused, Err(StoreError::Changed));
            }
            store.remove("a").await.unwrap();
            assert_eq!(store.get("a").await.unwrap(), None);
            let refused = store.append("a", part(2, Some(b"ad")), "").await;
            assert_eq!(refused, Err(StoreError::Changed));
            assert_eq!(store.keys(), ["ab"]);
        });
    }
}
