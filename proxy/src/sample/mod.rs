//! The embedded sample registry: read-only, made by our own code when first asked for, so that
//! the first start shows something real with no network. It speaks the distribution API's read
//! side over paths, and goes through the same handlers as any other registry.

mod chart;
mod content;
mod hello;
mod image;
mod programs;

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::error::error_body;
use image::Descriptor;

/// Entries of a page where the client asks for more, or for none in particular.
const MAX_PAGE: usize = 1000;

/// One repository.
#[derive(Default)]
struct Repo {
    tags: BTreeMap<String, String>,
    manifests: HashMap<String, (String, Bytes)>,
    blobs: HashMap<String, Bytes>,
    /// By the digest of the subject.
    referrers: BTreeMap<String, Vec<Descriptor>>,
}

/// All of the sample.
pub struct Sample {
    repos: BTreeMap<&'static str, Repo>,
}

impl Sample {
    /// Makes the images. The same code makes the same bytes.
    pub fn build() -> Self {
        Self {
            repos: BTreeMap::from([
                ("demo/chart", chart::build()),
                ("demo/hello", hello::build()),
            ]),
        }
    }

    /// Answers a GET of a path (with query) under `/v2/`.
    pub fn answer(&self, path: &str, request: &HeaderMap) -> Response<Bytes> {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let Some(path) = path.strip_prefix("/v2/") else {
            return trouble(StatusCode::NOT_FOUND, "UNSUPPORTED", "no such address");
        };
        match path {
            "" => return json_response(&json!({}), "application/json"),
            "_catalog" => {
                let names = self.repos.keys().map(|name| (*name).to_owned()).collect();
                return page("/v2/_catalog", "repositories", None, names, query);
            }
            _ => {}
        }
        let found = self.repos.iter().find_map(|(name, repo)| {
            let rest = path.strip_prefix(name)?.strip_prefix('/')?;
            Some((*name, repo, rest))
        });
        let Some((name, repo, rest)) = found else {
            return trouble(
                StatusCode::NOT_FOUND,
                "NAME_UNKNOWN",
                "the sample has no such repository",
            );
        };
        if rest == "tags/list" {
            let path = format!("/v2/{name}/tags/list");
            return page(
                &path,
                "tags",
                Some(name),
                repo.tags.keys().cloned().collect(),
                query,
            );
        }
        match rest.split_once('/') {
            Some(("manifests", reference)) => repo.manifest(reference, request),
            Some(("blobs", digest)) => repo.blob(digest, request),
            Some(("referrers", digest)) => repo.referrers(digest, query),
            _ => trouble(StatusCode::NOT_FOUND, "UNSUPPORTED", "no such address"),
        }
    }
}

impl Repo {
    fn manifest(&self, reference: &str, request: &HeaderMap) -> Response<Bytes> {
        let digest = self.tags.get(reference).map_or(reference, String::as_str);
        let Some((media_type, bytes)) = self.manifests.get(digest) else {
            return trouble(
                StatusCode::NOT_FOUND,
                "MANIFEST_UNKNOWN",
                "the sample has no such tag or manifest",
            );
        };
        content(digest, media_type, bytes, request)
    }

    fn blob(&self, digest: &str, request: &HeaderMap) -> Response<Bytes> {
        let Some(bytes) = self.blobs.get(digest) else {
            return trouble(
                StatusCode::NOT_FOUND,
                "BLOB_UNKNOWN",
                "the sample has no such blob",
            );
        };
        let mut response = content(digest, "application/octet-stream", bytes, request);
        if response.status() != StatusCode::OK {
            return response;
        }
        response
            .headers_mut()
            .insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        let range = request
            .get(header::RANGE)
            .and_then(|value| value.to_str().ok());
        let valid = match request.get(header::IF_RANGE) {
            None => true,
            Some(tag) => response.headers().get(header::ETAG) == Some(tag),
        };
        if let Some(range) = range.filter(|_| valid) {
            apply_range(&mut response, bytes, range);
        }
        response
    }

    fn referrers(&self, digest: &str, query: &str) -> Response<Bytes> {
        let wanted = form_urlencoded::parse(query.as_bytes())
            .find(|(key, _)| key == "artifactType")
            .map(|(_, value)| value.into_owned());
        let all = self
            .referrers
            .get(digest)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let fits = |d: &&Descriptor| wanted.is_none() || d.artifact_type == wanted;
        let manifests: Vec<&Descriptor> = all.iter().filter(fits).collect();
        let media_type = "application/vnd.oci.image.index.v1+json";
        let body = json!({"schemaVersion": 2, "mediaType": media_type, "manifests": manifests});
        let mut response = json_response(&body, media_type);
        if wanted.is_some() {
            let filter = HeaderValue::from_static("artifactType");
            response.headers_mut().insert("oci-filters-applied", filter);
        }
        response
    }
}

fn content(digest: &str, media_type: &str, bytes: &Bytes, request: &HeaderMap) -> Response<Bytes> {
    let etag = format!("\"{digest}\"");
    let known = request
        .get(header::IF_NONE_MATCH)
        .is_some_and(|known| known.as_bytes() == etag.as_bytes());
    let mut response = Response::new(if known { Bytes::new() } else { bytes.clone() });
    let headers = response.headers_mut();
    for (name, value) in [
        ("docker-content-digest", digest),
        ("etag", &etag),
        ("content-type", media_type),
    ] {
        // Digests and media types are our own constants.
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
    if known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    } else {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
    }
    response
}

/// Cuts a body to one range of bytes (RFC 9110 section 14.2); what is no such range is ignored.
fn apply_range(response: &mut Response<Bytes>, bytes: &Bytes, range: &str) {
    let Some((first, last)) = range
        .strip_prefix("bytes=")
        .and_then(|range| range.split_once('-'))
    else {
        return;
    };
    let total = bytes.len();
    let bounds = match (first.parse::<usize>().ok(), last.parse::<usize>().ok()) {
        (Some(first), last) => (
            first,
            last.map_or(total, |last| last.saturating_add(1)).min(total),
        ),
        (None, Some(suffix)) => (total.saturating_sub(suffix), total),
        (None, None) => return,
    };
    let (start, end) = bounds;
    let headers = response.headers_mut();
    if start >= end {
        headers.remove(header::CONTENT_LENGTH);
        if let Ok(value) = HeaderValue::from_str(&format!("bytes */{total}")) {
            headers.insert(header::CONTENT_RANGE, value);
        }
        *response.status_mut() = StatusCode::RANGE_NOT_SATISFIABLE;
        *response.body_mut() = Bytes::new();
        return;
    }
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(end - start));
    if let Ok(value) = HeaderValue::from_str(&format!("bytes {start}-{}/{total}", end - 1)) {
        headers.insert(header::CONTENT_RANGE, value);
    }
    *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    *response.body_mut() = bytes.slice(start..end);
}

/// One page of a sorted list, with a Link to the next.
fn page(
    path: &str,
    key: &str,
    name: Option<&str>,
    all: Vec<String>,
    query: &str,
) -> Response<Bytes> {
    let param = |wanted: &str| {
        form_urlencoded::parse(query.as_bytes())
            .find(|(key, _)| key == wanted)
            .map(|(_, value)| value.into_owned())
    };
    let len = param("n")
        .and_then(|n| n.parse().ok())
        .unwrap_or(MAX_PAGE)
        .clamp(1, MAX_PAGE);
    let last = param("last").unwrap_or_default();
    let rest: Vec<String> = all.into_iter().filter(|entry| *entry > last).collect();
    let more = rest.len() > len;
    let entries: Vec<String> = rest.into_iter().take(len).collect();
    let mut body = json!({});
    if let Some(name) = name {
        body["name"] = Value::from(name);
    }
    let link = entries
        .last()
        .filter(|_| more)
        .map(|last| format!("<{path}?last={last}&n={len}>; rel=\"next\""));
    body[key] = Value::from(entries);
    let mut response = json_response(&body, "application/json");
    if let Some(value) = link.and_then(|link| HeaderValue::from_str(&link).ok()) {
        response.headers_mut().insert(header::LINK, value);
    }
    response
}

fn json_response(body: &Value, media_type: &'static str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body.to_string()));
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

fn trouble(status: StatusCode, code: &str, message: &str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(error_body(code, message)));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}
