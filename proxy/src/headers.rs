//! Header allow-lists in both directions, and what every API answer carries.

use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue, StatusCode};

/// Manifest types that are asked for where the client names none: those of the OCI image spec and
/// Docker's, schema 1 last.
const MANIFEST_TYPES: &str = "application/vnd.oci.image.index.v1+json, \
application/vnd.oci.image.manifest.v1+json, \
application/vnd.docker.distribution.manifest.list.v2+json, \
application/vnd.docker.distribution.manifest.v2+json, \
application/vnd.oci.artifact.manifest.v1+json, \
application/vnd.docker.distribution.manifest.v1+prettyjws;q=0.5, \
application/vnd.docker.distribution.manifest.v1+json;q=0.5, \
application/json;q=0.2, */*;q=0.1";

/// What goes up for a manifest or a listing.
pub const SMALL_UP: &[HeaderName] = &[header::ACCEPT, header::IF_NONE_MATCH, header::AUTHORIZATION];
/// What goes up for a blob.
pub const BLOB_UP: &[HeaderName] = &[
    header::ACCEPT,
    header::IF_NONE_MATCH,
    header::AUTHORIZATION,
    header::RANGE,
    header::IF_RANGE,
];

/// What comes down. Never Set-Cookie, Location, or anything that acts on our own origin.
const DOWN: [HeaderName; 17] = [
    header::ACCEPT_RANGES,
    header::CONTENT_LENGTH,
    header::CONTENT_RANGE,
    header::ETAG,
    header::LAST_MODIFIED,
    header::RETRY_AFTER,
    header::WWW_AUTHENTICATE,
    HeaderName::from_static("docker-content-digest"),
    HeaderName::from_static("docker-distribution-api-version"),
    HeaderName::from_static("oci-filters-applied"),
    HeaderName::from_static("oci-subject"),
    HeaderName::from_static("ratelimit-limit"),
    HeaderName::from_static("ratelimit-remaining"),
    HeaderName::from_static("ratelimit-reset"),
    HeaderName::from_static("ratelimit-policy"),
    HeaderName::from_static("x-ratelimit-limit"),
    HeaderName::from_static("x-ratelimit-remaining"),
];

/// What a page of another origin may read.
pub const EXPOSED: &str = "Docker-Content-Digest, WWW-Authenticate, Link, Content-Range, \
Content-Length, Accept-Ranges, ETag, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, \
RateLimit-Policy, Retry-After, OCI-Filters-Applied, X-Layerscope-Error";

/// What an answer is, as far as caches are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// Named by digest: it cannot change.
    Content,
    /// A tag or a list.
    Changing,
}

/// Copies the allowed request headers.
pub fn up(from: &HeaderMap, allowed: &[HeaderName]) -> HeaderMap {
    let mut to = HeaderMap::new();
    for name in allowed {
        // The first counts: a second Authorization or Range is nothing a browser sends.
        if let Some(value) = from.get(name) {
            to.insert(name, value.clone());
        }
    }
    to
}

/// Names the manifest types where the client did not.
pub fn accept_manifests(headers: &mut HeaderMap) {
    let unspecific = |value: &HeaderValue| value.is_empty() || value.as_bytes() == b"*/*";
    if headers.get(header::ACCEPT).is_none_or(unspecific) {
        headers.insert(header::ACCEPT, HeaderValue::from_static(MANIFEST_TYPES));
    }
}

/// Copies the allowed answer headers, and says how the answer may be kept.
pub fn down(
    from: &HeaderMap,
    status: StatusCode,
    freshness: Freshness,
    private: bool,
) -> HeaderMap {
    let mut to = HeaderMap::new();
    for name in &DOWN {
        for value in from.get_all(name) {
            to.append(name, value.clone());
        }
    }
    let good = status.is_success() || status == StatusCode::NOT_MODIFIED;
    let cache = match (good, freshness, private) {
        (false, ..) => "no-store",
        (true, Freshness::Content, false) => "public, max-age=31536000, immutable",
        (true, ..) => "private, no-cache",
    };
    to.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    to
}

/// A content type that is safe to pass on: JSON and vendor types as they are, any other text as
/// plain text, so that a login page shows as what it is and is never rendered.
pub fn safe_content_type(from: &HeaderMap) -> HeaderValue {
    let given = from.get(header::CONTENT_TYPE);
    let text = given
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let essence = text
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    let structured = essence == "application/json"
        || (essence.starts_with("application/")
            && ["+json", "+prettyjws", "+jws"]
                .iter()
                .any(|suffix| essence.ends_with(suffix)));
    match given {
        Some(value) if structured => value.clone(),
        _ if essence.starts_with("text/") => HeaderValue::from_static("text/plain; charset=utf-8"),
        _ => HeaderValue::from_static("application/octet-stream"),
    }
}

/// Puts on every API answer what keeps it from acting on our origin, however it is opened.
pub fn harden(headers: &mut HeaderMap) {
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (
            header::CONTENT_SECURITY_POLICY,
            "sandbox; default-src 'none'",
        ),
        (header::REFERRER_POLICY, "no-referrer"),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn content_type(given: &str, expect: &str) {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_str(given).unwrap());
        assert_eq!(safe_content_type(&headers), expect, "{given}");
    }

    #[test]
    fn content_types() {
        content_type(
            "application/json; charset=utf-8",
            "application/json; charset=utf-8",
        );
        let index = "application/vnd.oci.image.index.v1+json";
        content_type(index, index);
        let schema1 = "application/vnd.docker.distribution.manifest.v1+prettyjws";
        content_type(schema1, schema1);
        content_type("text/html", "text/plain; charset=utf-8");
        content_type("TEXT/HTML; charset=x", "text/plain; charset=utf-8");
        content_type("application/xhtml+xml", "application/octet-stream");
        content_type("image/svg+xml", "application/octet-stream");
        content_type("application/javascript", "application/octet-stream");
        content_type("", "application/octet-stream");
    }

    #[test]
    fn only_the_listed_headers_pass() {
        let mut from = HeaderMap::new();
        for name in [
            "cookie",
            "accept",
            "range",
            "x-forwarded-for",
            "authorization",
            "host",
        ] {
            from.insert(name, HeaderValue::from_static("x"));
        }
        let mut small: Vec<_> = up(&from, SMALL_UP)
            .keys()
            .map(ToString::to_string)
            .collect();
        small.sort();
        assert_eq!(small, ["accept", "authorization"]);

        let mut from = HeaderMap::new();
        for name in [
            "set-cookie",
            "location",
            "etag",
            "access-control-allow-origin",
            "server",
        ] {
            from.insert(name, HeaderValue::from_static("x"));
        }
        let passed = down(&from, StatusCode::OK, Freshness::Changing, false);
        let mut passed: Vec<_> = passed.keys().map(ToString::to_string).collect();
        passed.sort();
        assert_eq!(passed, ["cache-control", "etag"]);
    }

    #[test]
    fn what_may_be_kept() {
        let cache = |status, freshness, private| {
            down(&HeaderMap::new(), status, freshness, private)[header::CACHE_CONTROL].clone()
        };
        let immutable = "public, max-age=31536000, immutable";
        assert_eq!(cache(StatusCode::OK, Freshness::Content, false), immutable);
        assert_eq!(
            cache(StatusCode::PARTIAL_CONTENT, Freshness::Content, false),
            immutable
        );
        assert_eq!(
            cache(StatusCode::OK, Freshness::Content, true),
            "private, no-cache"
        );
        assert_eq!(
            cache(StatusCode::OK, Freshness::Changing, false),
            "private, no-cache"
        );
        assert_eq!(
            cache(StatusCode::NOT_FOUND, Freshness::Content, false),
            "no-store"
        );
    }
}
