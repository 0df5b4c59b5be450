//! Blobs: streamed, by Range where asked, from wherever the registry's redirects lead.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

use crate::Proxy;
use crate::error::ProxyError;
use crate::headers::{self, Freshness};
use crate::limits::{ClientKey, MAX_ERROR_BYTES};
use crate::location::LocationKey;
use crate::params::Params;
use crate::range;
use crate::redirect::{self, Answer};
use crate::room::Room;
use crate::serve::Streamed;
use crate::sip::Thirst;
use crate::stream::WatchedBody;
use crate::target::{Digest, Registry, Repository};
use crate::upstream::{self, host_shown};

/// GET and HEAD of `/api/v1/blob`.
///
/// A registry's storage signs addresses for one method: HEAD is asked as a GET of the first byte.
pub async fn blob(
    State(proxy): State<Arc<Proxy>>,
    Extension(client): Extension<ClientKey>,
    room: Option<Extension<Room>>,
    method: Method,
    RawQuery(query): RawQuery,
    request: HeaderMap,
) -> Result<Response, ProxyError> {
    let params = Params::from_query(query.as_deref())?;
    let registry: Registry = params.parsed("registry")?;
    let repository: Repository = params.parsed("repository")?;
    let digest: Digest = params.parsed("digest")?;
    proxy.check_served(&registry)?;

    let mut up = headers::up(&request, headers::BLOB_UP);
    if method == Method::HEAD {
        up.remove(header::IF_RANGE);
        up.insert(header::RANGE, HeaderValue::from_static("bytes=0-0"));
    } else if let Some(value) = up.get(header::RANGE) {
        range::check_range(value)?;
    }
    let private = up.contains_key(header::AUTHORIZATION);
    let path = format!("/v2/{repository}/blobs/{digest}");

    if registry.is_sample() {
        let (parts, body) = proxy.sample().answer(&path, &up).into_parts();
        let down = headers::down(&parts.headers, parts.status, Freshness::Content, private);
        return finish(
            &method,
            parts.status,
            down,
            Body::from(body),
            "the sample registry",
        );
    }

    let permit = proxy.gate.stream(client)?;
    proxy.gate.upstream(&registry.to_string())?;
    let limit = proxy.config.limits.total();
    let opened = proxy.open(&registry, &repository, &digest, &path, &up);
    let found = tokio::time::timeout(limit, opened).await.map_err(|_| {
        let seconds = limit.as_secs();
        ProxyError::UpstreamTimeout(format!(
            "{registry} did not begin the blob within {seconds} seconds."
        ))
    })??;

    let host = host_shown(&found.url);
    let answer = &found.response;
    proxy.learn(
        &registry,
        &repository,
        (answer.status(), answer.headers(), &found.url),
    );
    let (parts, body) = found.response.into_parts();
    let thirst = parts.extensions.get::<Thirst>().cloned();
    let mut down = headers::down(&parts.headers, parts.status, Freshness::Content, private);
    if !parts.status.is_success() {
        let start = upstream::read_start(body, MAX_ERROR_BYTES);
        let start = tokio::time::timeout(limit, start).await.unwrap_or_default();
        down.insert(
            header::CONTENT_TYPE,
            headers::safe_content_type(&parts.headers),
        );
        down.remove(header::CONTENT_LENGTH);
        return finish(&method, parts.status, down, Body::from(start), &host);
    }
    let most = proxy.config.max_blob_bytes;
    check_len(&down, most, &host)?;
    let body = match method {
        Method::HEAD => Body::empty(),
        _ => {
            let (limits, metrics) = (&proxy.config.limits, proxy.metrics.clone());
            Body::new(WatchedBody::new(
                body,
                limits,
                most,
                host.clone(),
                metrics,
                // A call inside the process has no socket.
                (
                    room.map(|Extension(room)| room).unwrap_or_default(),
                    thirst.unwrap_or_default(),
                ),
                permit,
            ))
        }
    };
    let mut response = finish(&method, parts.status, down, body, &host)?;
    response.extensions_mut().insert(Streamed);
    Ok(response)
}

fn check_len(headers: &HeaderMap, most: Option<u64>, host: &str) -> Result<(), ProxyError> {
    let len = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|v| v.to_str().ok()?.parse::<u64>().ok());
    match (len, most) {
        (Some(len), Some(most)) if len > most => Err(ProxyError::BodyTooLarge(format!(
            "{host} would send {len} bytes; this proxy passes at most {most} (--max-blob-bytes). Ask for a range."
        ))),
        _ => Ok(()),
    }
}

/// Gives a registry's answer the client's form.
fn finish(
    method: &Method,
    status: StatusCode,
    mut headers: HeaderMap,
    body: Body,
    host: &str,
) -> Result<Response, ProxyError> {
    let range = range::content_range(&headers);
    if status == StatusCode::PARTIAL_CONTENT && range.and_then(|range| range.bytes).is_none() {
        return Err(ProxyError::UpstreamInvalid(format!(
            "{host} answers 206 without a valid Content-Range, so nobody can tell which bytes these are."
        )));
    }
    if status.is_success() {
        let opaque = HeaderValue::from_static("application/octet-stream");
        headers.insert(header::CONTENT_TYPE, opaque);
    }
    let mut response = Response::new(body);
    *response.status_mut() = status;
    if *method == Method::HEAD {
        *response.body_mut() = Body::empty();
        let total = range.and_then(|range| range.total);
        // An empty blob has no byte 0: that answer is 416 and still names the length.
        let whole = matches!(status.as_u16(), 206) || (status.as_u16() == 416 && total == Some(0));
        if whole {
            *response.status_mut() = StatusCode::OK;
            headers.remove(header::CONTENT_RANGE);
            headers.remove(header::CONTENT_LENGTH);
            headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
            let opaque = HeaderValue::from_static("application/octet-stream");
            headers.insert(header::CONTENT_TYPE, opaque);
            if let Some(total) = total {
                headers.insert(header::CONTENT_LENGTH, HeaderValue::from(total));
            }
        }
    }
    *response.headers_mut() = headers;
    Ok(response)
}

impl Proxy {
    /// Opens a blob where it was last found, or from the registry on.
    async fn open(
        &self,
        registry: &Registry,
        repository: &Repository,
        digest: &Digest,
        path: &str,
        up: &HeaderMap,
    ) -> Result<Answer, ProxyError> {
        let credential = up.get(header::AUTHORIZATION);
        let key = LocationKey::new(registry, repository, digest, credential);
        if let Some(url) = self.locations.get(&key) {
            let mut up = up.clone();
            up.remove(header::AUTHORIZATION);
            let found =
                redirect::follow(&self.upstream, &self.policy, &Method::GET, url, &up).await;
            match found {
                Ok(found) if !is_stale(found.response.status()) => return Ok(found),
                _ => self.locations.remove(&key),
            }
        }
        let start = self.policy.url(registry, path)?;
        let found = redirect::follow(&self.upstream, &self.policy, &Method::GET, start, up).await?;
        if found.hops > 0 && !found.authorized && found.response.status().is_success() {
            self.locations.put(key, found.url.clone());
        }
        Ok(found)
    }
}

/// How storage says that a signed address is over: mostly 403; S3 also says 400 of a session.
fn is_stale(status: StatusCode) -> bool {
    matches!(status.as_u16(), 400 | 401 | 403 | 404 | 410)
}
