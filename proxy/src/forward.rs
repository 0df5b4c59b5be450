//! The distribution API's read side, but for blobs: manifests, tags, catalog, referrers.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::Url;

use crate::Proxy;
use crate::error::ProxyError;
use crate::headers::{self, Freshness};
use crate::limits::{ClientKey, MAX_ERROR_BYTES, MAX_LISTING_BYTES, MAX_MANIFEST_BYTES};
use crate::link;
use crate::params::Params;
use crate::redirect;
use crate::target::{Digest, Reference, Registry, Repository, shown};
use crate::upstream;

/// Everything but unreserved characters (RFC 3986) is encoded in a query value.
const VALUE: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A media type's most bytes (RFC 6838: 127 for each of its two names).
const MAX_ARTIFACT_TYPE_LEN: usize = 255;

/// Percent-encodes a query value.
pub fn encoded(value: &str) -> String {
    utf8_percent_encode(value, VALUE).to_string()
}

/// An answer that was read as a whole.
pub struct Small {
    /// Status of the last hop.
    pub status: StatusCode,
    /// Headers of the last hop, unfiltered.
    pub headers: HeaderMap,
    /// The body; of an answer that is no success only the start.
    pub body: Bytes,
    /// The last hop's URL.
    pub url: Url,
}

impl Small {
    /// What a refusal is learned from.
    fn refusal(&self) -> (StatusCode, &HeaderMap, &Url) {
        (self.status, &self.headers, &self.url)
    }
}

impl Proxy {
    /// Checks that a registry may be asked, before anything is resolved.
    pub fn check_served(&self, registry: &Registry) -> Result<(), ProxyError> {
        if registry.is_sample() && self.config.sample {
            return Ok(());
        }
        self.policy.check_served(registry)
    }

    /// Asks a registry (or the sample) for something small, following redirects.
    ///
    /// # Errors
    /// As [`redirect::follow`]; the body is over `most` bytes; there is no room for one more of this
    /// client; all of it took too long.
    pub async fn small(
        &self,
        method: &Method,
        registry: &Registry,
        path: &str,
        request: &HeaderMap,
        (most, client): (usize, ClientKey),
    ) -> Result<Small, ProxyError> {
        self.check_served(registry)?;
        self.small_from(method, registry, path, request, (most, client))
            .await
    }

    /// The same for a host that was checked already, or stands for a registry that was.
    pub(crate) async fn small_from(
        &self,
        method: &Method,
        registry: &Registry,
        path: &str,
        request: &HeaderMap,
        (most, client): (usize, ClientKey),
    ) -> Result<Small, ProxyError> {
        if registry.is_sample() {
            let (parts, body) = self.sample().answer(path, request).into_parts();
            let url = self.policy.url(registry, path)?;
            return Ok(Small {
                status: parts.status,
                headers: parts.headers,
                body,
                url,
            });
        }
        let mut place = self.gate.request(client)?;
        self.gate.upstream(&registry.to_string())?;
        let start = self.policy.url(registry, path)?;
        let work = async {
            let found =
                redirect::follow(&self.upstream, &self.policy, method, start, request).await?;
            let (parts, body) = found.response.into_parts();
            let body = if parts.status.is_success() {
                let host = upstream::host_shown(&found.url);
                upstream::read_bounded(body, most, &host, &mut place).await?
            } else {
                upstream::read_start(body, MAX_ERROR_BYTES).await.into()
            };
            Ok(Small {
                status: parts.status,
                headers: parts.headers,
                body: place.hold(body),
                url: found.url,
            })
        };
        let limit = self.config.limits.total();
        tokio::time::timeout(limit, work).await.unwrap_or_else(|_| {
            Err(ProxyError::UpstreamTimeout(format!(
                "{registry} did not finish its answer within {} seconds.",
                limit.as_secs()
            )))
        })
    }
}

/// Makes the client's answer of a registry's. Content-Length is the body's own, but for HEAD.
pub(crate) fn answer(
    method: &Method,
    small: Small,
    freshness: Freshness,
    private: bool,
) -> Response {
    let mut headers = headers::down(&small.headers, small.status, freshness, private);
    headers.insert(
        header::CONTENT_TYPE,
        headers::safe_content_type(&small.headers),
    );
    if method != Method::HEAD {
        headers.remove(header::CONTENT_LENGTH);
    }
    let body = if method == Method::HEAD {
        Body::empty()
    } else {
        Body::from(small.body)
    };
    let mut response = Response::new(body);
    *response.status_mut() = small.status;
    *response.headers_mut() = headers;
    response
}

/// GET and HEAD of `/api/v1/manifest`.
pub async fn manifest(
    State(proxy): State<Arc<Proxy>>,
    Extension(client): Extension<ClientKey>,
    method: Method,
    RawQuery(query): RawQuery,
    request: HeaderMap,
) -> Result<Response, ProxyError> {
    let params = Params::from_query(query.as_deref())?;
    let registry: Registry = params.parsed("registry")?;
    let repository: Repository = params.parsed("repository")?;
    let reference: Reference = params.parsed("reference")?;
    let mut up = headers::up(&request, headers::SMALL_UP);
    headers::accept_manifests(&mut up);
    let private = up.contains_key(header::AUTHORIZATION);
    let path = format!("/v2/{repository}/manifests/{reference}");
    let small = proxy
        .small(&method, &registry, &path, &up, (MAX_MANIFEST_BYTES, client))
        .await?;
    proxy.learn(&registry, &repository, small.refusal());
    let freshness = match reference {
        Reference::Digest(_) => Freshness::Content,
        Reference::Tag(_) => Freshness::Changing,
    };
    let mut response = answer(&method, small, freshness, private);
    response
        .headers_mut()
        .append(header::VARY, HeaderValue::from_static("Accept"));
    Ok(response)
}

/// One of the three lists, its upstream path, and the parameters that name it on our side.
struct List {
    registry: Registry,
    repository: Option<Repository>,
    path: String,
    own: String,
    query: Vec<(&'static str, String)>,
}

/// GET of `/api/v1/tags`.
pub async fn tags(
    State(proxy): State<Arc<Proxy>>,
    Extension(client): Extension<ClientKey>,
    RawQuery(query): RawQuery,
    request: HeaderMap,
) -> Result<Response, ProxyError> {
    let params = Params::from_query(query.as_deref())?;
    let registry: Registry = params.parsed("registry")?;
    let repository: Repository = params.parsed("repository")?;
    let mut query = page_query(&params)?;
    if let Some(last) = params.get("last")? {
        // A tag, but some registries list what is none; it is only ever a query value.
        query.push(("last", last.chars().take(MAX_ARTIFACT_TYPE_LEN).collect()));
    }
    let list = List {
        path: format!("/v2/{repository}/tags/list"),
        own: format!(
            "/api/v1/tags?registry={}&repository={}",
            encoded(&registry.to_string()),
            encoded(&repository.to_string())
        ),
        registry,
        repository: Some(repository),
        query,
    };
    proxy.list(&params, list, &request, client).await
}

/// GET of `/api/v1/catalog`.
pub async fn catalog(
    State(proxy): State<Arc<Proxy>>,
    Extension(client): Extension<ClientKey>,
    RawQuery(query): RawQuery,
    request: HeaderMap,
) -> Result<Response, ProxyError> {
    let params = Params::from_query(query.as_deref())?;
    let registry: Registry = params.parsed("registry")?;
    let list = List {
        path: "/v2/_catalog".into(),
        own: format!(
            "/api/v1/catalog?registry={}",
            encoded(&registry.to_string())
        ),
        registry,
        repository: None,
        query: page_query(&params)?,
    };
    proxy.list(&params, list, &request, client).await
}

/// GET of `/api/v1/referrers`.
pub async fn referrers(
    State(proxy): State<Arc<Proxy>>,
    Extension(client): Extension<ClientKey>,
    RawQuery(query): RawQuery,
    request: HeaderMap,
) -> Result<Response, ProxyError> {
    let params = Params::from_query(query.as_deref())?;
    let registry: Registry = params.parsed("registry")?;
    let repository: Repository = params.parsed("repository")?;
    let digest: Digest = params.parsed("digest")?;
    let mut own = format!(
        "/api/v1/referrers?registry={}&repository={}&digest={}",
        encoded(&registry.to_string()),
        encoded(&repository.to_string()),
        encoded(&digest.to_string())
    );
    let mut query = page_query(&params)?;
    if let Some(kind) = params.get("artifactType")? {
        if kind.len() > MAX_ARTIFACT_TYPE_LEN || !kind.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(ProxyError::TargetInvalid(format!(
                "artifactType={} is not a media type.",
                shown(kind)
            )));
        }
        own.push_str(&format!("&artifactType={}", encoded(kind)));
        query.push(("artifactType", kind.to_owned()));
    }
    let list = List {
        path: format!("/v2/{repository}/referrers/{digest}"),
        own,
        registry,
        repository: Some(repository),
        query,
    };
    proxy.list(&params, list, &request, client).await
}

fn page_query(params: &Params) -> Result<Vec<(&'static str, String)>, ProxyError> {
    Ok(params
        .page_len()?
        .map(|n| ("n", n.to_string()))
        .into_iter()
        .collect())
}

impl Proxy {
    async fn list(
        &self,
        params: &Params,
        list: List,
        request: &HeaderMap,
        client: ClientKey,
    ) -> Result<Response, ProxyError> {
        let query = match params.get("cursor")? {
            Some(cursor) => link::query_from_cursor(cursor)?,
            None => {
                let pairs = list
                    .query
                    .iter()
                    .map(|(key, value)| format!("{key}={}", encoded(value)));
                pairs.collect::<Vec<_>>().join("&")
            }
        };
        let path = match query.as_str() {
            "" => list.path,
            query => format!("{}?{query}", list.path),
        };
        let mut up = headers::up(request, headers::SMALL_UP);
        if list.own.starts_with("/api/v1/referrers") {
            // A list of referrers is an image index; some registries insist on its name.
            let accept = "application/vnd.oci.image.index.v1+json, application/json;q=0.5";
            up.insert(header::ACCEPT, HeaderValue::from_static(accept));
        }
        let private = up.contains_key(header::AUTHORIZATION);
        let mut small = self
            .small(
                &Method::GET,
                &list.registry,
                &path,
                &up,
                (MAX_LISTING_BYTES, client),
            )
            .await?;
        if let Some(repository) = &list.repository {
            self.learn(&list.registry, repository, small.refusal());
        }
        if small.status == StatusCode::SEE_OTHER {
            // Not followed for referrers: the list itself is not there.
            small.status = StatusCode::NOT_FOUND;
        }
        let cursor = match small.status.is_success() {
            true => link::next_cursor(&small.headers, &small.url)?,
            false => None,
        };
        let mut response = answer(&Method::GET, small, Freshness::Changing, private);
        if let Some(cursor) = cursor {
            // base64url and percent-encoded parts: always a valid header value.
            let link = format!("<{}&cursor={cursor}>; rel=\"next\"", list.own);
            if let Ok(value) = HeaderValue::from_str(&link) {
                response.headers_mut().insert(header::LINK, value);
            }
        }
        Ok(response)
    }
}
