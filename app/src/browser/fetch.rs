//! The network by `fetch`, in a page or a worker: no cookies, bodies as streams.

use std::time::Duration;

use js_sys::{Array, Promise, Reflect, Uint8Array};
use layerscope_core::explore::cancel::{Either, race};
use layerscope_core::port::{Body, Headers, Http, HttpError, HttpRequest, HttpResponse};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    AbortController, ReadableStreamDefaultReader, ReferrerPolicy, RequestCache, RequestCredentials,
    RequestInit, Response, Window, WorkerGlobalScope,
};

use super::error::BrowserError;
use super::{local, seen, timer};

/// How long a server may take to begin its answer; a proxy that waits for a registry included.
const HEADERS_LIMIT: Duration = Duration::from_secs(90);
/// How long a body may pause between two pieces before the connection counts as lost.
const PAUSE_LIMIT: Duration = Duration::from_secs(60);

/// Sends requests by `fetch`.
#[derive(Debug, Clone, Default)]
pub struct FetchHttp;

/// Ends the transfer when dropped.
pub struct Transfer {
    controller: AbortController,
    host: String,
}

impl Drop for Transfer {
    fn drop(&mut self) {
        self.controller.abort(); // does nothing once the body has ended
    }
}

impl Transfer {
    /// The error of a rejected promise. A browser tells a script nothing of the cause.
    fn error(&self, thrown: &JsValue) -> HttpError {
        let error = BrowserError::from_js("the request", thrown);
        if error.is("AbortError") {
            return HttpError::Aborted;
        }
        HttpError::Network {
            url_host: self.host.clone(),
            detail: error.to_string(),
        }
    }

    /// Awaits a promise of this transfer for at most `limit`.
    async fn wait(&self, promise: Promise, limit: Duration) -> Result<JsValue, HttpError> {
        match race(JsFuture::from(promise), timer::sleep(limit)).await {
            Either::Left(answer) => answer.map_err(|thrown| self.error(&thrown)),
            Either::Right(()) => Err(HttpError::TimedOut),
        }
    }
}

impl Http for FetchHttp {
    type Body = FetchBody;

    async fn send(&self, request: HttpRequest) -> Result<HttpResponse<FetchBody>, HttpError> {
        match ask(&request).await {
            Err(error @ HttpError::Network { .. }) => match seen::find(&request).await {
                Some((status, headers, bytes)) => Ok(HttpResponse {
                    status,
                    headers,
                    body: FetchBody::Seen(Some(bytes)),
                }),
                None => Err(error),
            },
            other => other,
        }
    }
}

async fn ask(request: &HttpRequest) -> Result<HttpResponse<FetchBody>, HttpError> {
    let local = local::response(request);
    let bad = |thrown: JsValue| HttpError::BadUrl {
        detail: BrowserError::from_js("preparing the request", &thrown).to_string(),
    };
    let transfer = Transfer {
        controller: AbortController::new().map_err(bad)?,
        host: host_of(&request.url),
    };
    let response: Response = match local {
        Some(answer) => answer.map_err(bad)?,
        None => {
            let init = init_from(request, &transfer).map_err(bad)?;
            let answer = fetch(&request.url, &init);
            transfer.wait(answer, HEADERS_LIMIT).await?.unchecked_into()
        }
    };
    let reader = match response.body() {
        Some(stream) => {
            Some(ReadableStreamDefaultReader::new(&stream).map_err(|e| transfer.error(&e))?)
        }
        None => None,
    };
    let (status, headers) = (response.status(), headers_of(&response));
    let keeping = seen::Keeping::begin(request, status, &headers);
    Ok(HttpResponse {
        status,
        headers,
        body: FetchBody::Coming {
            transfer,
            reader,
            keeping,
        },
    })
}

/// Asks for an address; in a worker too it begins at the page's folder.
pub(super) fn fetch(url: &str, init: &RequestInit) -> Promise {
    let global = js_sys::global();
    match global.dyn_ref::<Window>() {
        Some(window) => window.fetch_with_str_and_init(url, init),
        None => global
            .unchecked_into::<WorkerGlobalScope>()
            .fetch_with_str_and_init(url, init),
    }
}

fn init_from(request: &HttpRequest, transfer: &Transfer) -> Result<RequestInit, JsValue> {
    let init = RequestInit::new();
    init.set_method(request.method.name());
    // Without cookies, and without the browser's own password dialog at a 401.
    init.set_credentials(RequestCredentials::Omit);
    init.set_referrer_policy(ReferrerPolicy::NoReferrer);
    init.set_signal(Some(&transfer.controller.signal()));
    if is_blob(&request.url) {
        // One writer an address: a range of a blob that streams would wait for its cache entry,
        // and layers would flood the cache. Ours is the index store.
        init.set_cache(RequestCache::NoStore);
    } else if request.fresh {
        init.set_cache(RequestCache::Reload);
    }
    let headers = web_sys::Headers::new()?;
    for (name, value) in &request.headers {
        headers.append(name, value)?;
    }
    init.set_headers_headers(&headers);
    if let Some(body) = &request.body {
        init.set_body(&Uint8Array::from(body.as_slice()));
    }
    Ok(init)
}

/// A blob's content, at the proxy or directly at a registry.
fn is_blob(url: &str) -> bool {
    let path = url.split(['?', '#']).next().unwrap_or(url);
    path.ends_with("/api/v1/blob") || path.contains("/blobs/")
}

/// Host and port, for messages; a relative address is answered by the page's own host.
fn host_of(url: &str) -> String {
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if host.is_empty() {
        "this page's own server".to_owned()
    } else {
        host.to_owned()
    }
}

fn headers_of(response: &Response) -> Headers {
    let mut headers = Headers::new();
    for pair in response.headers().entries().into_iter().flatten() {
        let pair: Array = pair.unchecked_into();
        if let (Some(name), Some(value)) = (pair.get(0).as_string(), pair.get(1).as_string()) {
            headers.push(name, value);
        }
    }
    headers
}

/// A body that streams in. Dropping it ends the transfer.
pub enum FetchBody {
    /// From a network, or a file.
    Coming {
        /// Ends it.
        transfer: Transfer,
        /// None once the body has ended, and for answers without one.
        reader: Option<ReadableStreamDefaultReader>,
        /// It is kept when it has ended.
        keeping: Option<seen::Keeping>,
    },
    /// From what was seen before, until it is given out.
    Seen(Option<Vec<u8>>),
}

impl Body for FetchBody {
    async fn next(&mut self) -> Result<Option<Vec<u8>>, HttpError> {
        let (transfer, reader, keeping) = match self {
            FetchBody::Seen(bytes) => return Ok(bytes.take().filter(|b| !b.is_empty())),
            FetchBody::Coming {
                transfer,
                reader,
                keeping,
            } => (transfer, reader, keeping),
        };
        let Some(coming) = reader else {
            return Ok(None);
        };
        let piece = transfer.wait(coming.read(), PAUSE_LIMIT).await?;
        let field = |name: &str| Reflect::get(&piece, &name.into()).map_err(|e| transfer.error(&e));
        if field("done")?.is_truthy() {
            *reader = None;
            if let Some(whole) = keeping.take() {
                whole.end();
            }
            return Ok(None);
        }
        let piece = field("value")?.unchecked_into::<Uint8Array>().to_vec();
        match keeping.as_mut().map(|keeping| keeping.push(&piece)) {
            None | Some(seen::Kept::Coming) => {}
            Some(seen::Kept::TooLong) => *keeping = None,
            Some(seen::Kept::Whole) => {
                if let Some(whole) = keeping.take() {
                    whole.end();
                }
            }
        }
        Ok(Some(piece))
    }
}
