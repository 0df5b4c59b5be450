//! Redirects, followed by ourselves: every hop is checked and goes through the filter, and
//! Authorization stays with the host that it was meant for.

use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use hyper::body::Incoming;
use url::Url;

use crate::error::ProxyError;
use crate::limits::MAX_HOPS;
use crate::policy::{Policy, same_host};
use crate::upstream::{Upstream, host_shown};

/// Query parameters that sign a storage address, in lower case. An Authorization beside them is
/// refused by such storage (two forms of authentication), and says more than it should.
const SIGNATURES: [&str; 9] = [
    "x-amz-signature",
    "x-goog-signature",
    "x-oss-signature",
    "signature",
    "sig",
    "se",
    "x-amz-security-token",
    "hdnts",
    "verify",
];

/// An answer, and where it came from.
pub struct Answer {
    /// The answer's head, its body unread.
    pub response: Response<Incoming>,
    /// The last hop's URL.
    pub url: Url,
    /// Redirects that were followed.
    pub hops: usize,
    /// Whether the last hop was still sent the Authorization.
    pub authorized: bool,
}

/// Sends a request and follows its redirects.
///
/// # Errors
/// As [`Upstream::send`]; a hop that may not be followed; more than [`MAX_HOPS`].
pub async fn follow(
    upstream: &Upstream,
    policy: &Policy,
    method: &Method,
    start: Url,
    headers: &HeaderMap,
) -> Result<Answer, ProxyError> {
    let mut url = start;
    let mut headers = headers.clone();
    for hops in 0..=MAX_HOPS {
        let response = send_hop(upstream, method, &url, &headers).await?;
        if !is_redirect(response.status(), &url) {
            let authorized = headers.contains_key(header::AUTHORIZATION);
            return Ok(Answer {
                response,
                url,
                hops,
                authorized,
            });
        }
        let next = next_url(policy, &url, response.headers().get(header::LOCATION))?;
        if !keeps_authorization(&url, &next) {
            headers.remove(header::AUTHORIZATION);
        }
        url = next;
    }
    Err(ProxyError::TooManyRedirects(format!(
        "{} and those after it redirected more than {MAX_HOPS} times.",
        host_shown(&url)
    )))
}

/// Google's registries want no Range before they redirect to their storage. Where one of them
/// serves a blob itself, it is asked again with the Range.
async fn send_hop(
    upstream: &Upstream,
    method: &Method,
    url: &Url,
    headers: &HeaderMap,
) -> Result<Response<Incoming>, ProxyError> {
    if headers.contains_key(header::RANGE) && is_google_registry(url) {
        let mut bare = headers.clone();
        bare.remove(header::RANGE);
        bare.remove(header::IF_RANGE);
        let response = upstream.send(method, url, bare).await?;
        if response.status() != StatusCode::OK {
            return Ok(response);
        }
    }
    upstream.send(method, url, headers.clone()).await
}

fn is_google_registry(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    host == "gcr.io" || host.ends_with(".gcr.io") || host.ends_with(".pkg.dev")
}

/// 303 names another resource (RFC 9110 section 15.4.4): ghcr, which has no list of referrers,
/// answers so with a page of GitHub's site.
fn is_redirect(status: StatusCode, url: &Url) -> bool {
    match status.as_u16() {
        303 => !url.path().contains("/referrers/"),
        status => matches!(status, 301 | 302 | 307 | 308),
    }
}

fn next_url(
    policy: &Policy,
    from: &Url,
    location: Option<&HeaderValue>,
) -> Result<Url, ProxyError> {
    let host = host_shown(from);
    let refused = |why: &str| {
        ProxyError::RedirectRefused(format!(
            "{host} redirects to an address that is not followed: {why}."
        ))
    };
    let location = location.ok_or_else(|| refused("it names none"))?;
    let text = location
        .to_str()
        .map_err(|_| refused("it is not plain text"))?;
    let mut next = from
        .join(text)
        .map_err(|problem| refused(&problem.to_string()))?;
    next.set_fragment(None);
    policy
        .check_foreign(&next, from)
        .map_err(|why| refused(&why))?;
    Ok(next)
}

/// Only the same scheme, host and port keep it, and only where the URL is not itself signed.
fn keeps_authorization(from: &Url, to: &Url) -> bool {
    from.scheme() == to.scheme() && same_host(from, to) && !is_signed(to)
}

fn is_signed(url: &Url) -> bool {
    url.query_pairs()
        .any(|(key, _)| SIGNATURES.contains(&key.to_ascii_lowercase().as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn keeps(from: &str, to: &str, expect: bool) {
        let (from, to) = (Url::parse(from).unwrap(), Url::parse(to).unwrap());
        assert_eq!(keeps_authorization(&from, &to), expect, "{from} -> {to}");
    }

    #[test]
    fn where_authorization_goes() {
        keeps("https://a.example/v2/", "https://a.example/x", true);
        keeps(
            "https://a.example/v2/",
            "https://a.example:443/x?page=2",
            true,
        );
        keeps("https://a.example/v2/", "https://b.example/x", false);
        keeps("https://a.example/v2/", "https://a.example:8443/x", false);
        keeps("https://a.example/v2/", "https://sub.a.example/x", false);
        keeps("https://a.example:80/v2/", "http://a.example:80/x", false);
        keeps(
            "https://a.example/v2/",
            "https://a.example/x?X-Amz-Signature=1",
            false,
        );
        keeps(
            "https://a.example/v2/",
            "https://a.example/x?sv=1&sig=1",
            false,
        );
        keeps(
            "https://a.example/v2/",
            "https://a.example/x?X-Goog-Signature=1",
            false,
        );
    }

    #[track_caller]
    fn next(location: &str, expect: Option<&str>) {
        let from = Url::parse("https://a.example/v2/r/blobs/d").unwrap();
        let value = HeaderValue::from_str(location).unwrap();
        let got = next_url(&Policy::default(), &from, Some(&value));
        assert_eq!(got.ok().as_ref().map(Url::as_str), expect, "{location}");
    }

    #[test]
    fn locations() {
        next("/x?y=%2f%2F", Some("https://a.example/x?y=%2f%2F"));
        next("//b.example/x", Some("https://b.example/x"));
        next("https://b.example/x#part", Some("https://b.example/x"));
        next("other", Some("https://a.example/v2/r/blobs/other"));
        next("http://b.example/x", None);
        next("https://b.example:22/x", None);
        next("https://user:pw@b.example/x", None);
        next("gopher://b.example/x", None);
        next("https://", None);
    }
}
