//! Who may call: pages of our own origin, and of the origins that the operator named.

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};

use axum::body::Body;
use axum::response::Response;

use crate::error::ProxyError;
use crate::headers::EXPOSED;
use crate::target::{Host, HostPort};

/// Seconds for which a browser may keep a preflight's answer.
const PREFLIGHT_MAX_AGE: &str = "600";

/// The rules.
#[derive(Debug, Clone)]
pub struct Cors {
    origins: Vec<String>,
    loopback: bool,
}

impl Cors {
    /// `loopback`: the proxy listens on a loopback address only.
    pub fn new(origins: Vec<String>, loopback: bool) -> Self {
        Self { origins, loopback }
    }

    /// Checks a request; gives the foreign origin that may read the answer, if one asks.
    ///
    /// # Errors
    /// The page that asks is neither ours nor of a named origin.
    pub fn check(&self, headers: &HeaderMap) -> Result<Option<HeaderValue>, ProxyError> {
        self.check_host(headers)?;
        let Some(origin) = headers.get(header::ORIGIN) else {
            return Ok(None);
        };
        let text = origin.to_str().unwrap_or_default();
        if self.origins.iter().any(|known| known == text) {
            return Ok(Some(origin.clone()));
        }
        // Only a browser can set this one; with some referrer policies Origin itself says "null".
        let fetch_site = headers.get(HeaderName::from_static("sec-fetch-site"));
        if is_own(text, headers) || fetch_site.is_some_and(|site| site == "same-origin") {
            return Ok(None);
        }
        Err(ProxyError::OriginRefused(format!(
            "Pages of {} may not use this proxy; its operator can allow it by --origin.",
            crate::target::shown(text)
        )))
    }

    /// On loopback, a name that a stranger pointed at this machine is not ours (DNS rebinding).
    fn check_host(&self, headers: &HeaderMap) -> Result<(), ProxyError> {
        let Some(host) = headers.get(header::HOST).filter(|_| self.loopback) else {
            return Ok(());
        };
        let text = host.to_str().unwrap_or_default();
        let named = |origin: &String| {
            origin
                .split_once("://")
                .is_some_and(|(_, host)| host == text)
        };
        let local = text.parse::<HostPort>().is_ok_and(|parsed| {
            parsed.host.is_localhost_name() || matches!(parsed.host, Host::Ip(_))
        });
        if local || self.origins.iter().any(named) {
            return Ok(());
        }
        Err(ProxyError::OriginRefused(format!(
            "This proxy listens on this machine only and is not known as {}; its operator can allow it by --origin.",
            crate::target::shown(text)
        )))
    }

    /// The answer to a preflight, or to whoever asks what the route allows.
    pub fn preflight(
        &self,
        headers: &HeaderMap,
        methods: &'static str,
    ) -> Result<Response, ProxyError> {
        let allowed = self.check(headers)?;
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        let out = response.headers_mut();
        for (name, value) in [
            (header::ALLOW, methods),
            (header::CACHE_CONTROL, "no-store"),
        ] {
            out.insert(name, HeaderValue::from_static(value));
        }
        if let Some(origin) = allowed {
            for (name, value) in [
                (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD, POST"),
                (
                    header::ACCESS_CONTROL_ALLOW_HEADERS,
                    "Accept, Authorization, Content-Type, If-None-Match, If-Range, Range",
                ),
                (header::ACCESS_CONTROL_MAX_AGE, PREFLIGHT_MAX_AGE),
            ] {
                out.insert(name, HeaderValue::from_static(value));
            }
            allow(out, origin);
        }
        Ok(response)
    }
}

/// Lets an origin read an answer. Never with credentials of the browser's own.
pub fn allow(headers: &mut HeaderMap, origin: HeaderValue) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static(EXPOSED),
    );
}

/// Whether a method is one that the API knows.
pub fn is_known_method(method: &Method) -> bool {
    matches!(
        *method,
        Method::GET | Method::HEAD | Method::POST | Method::OPTIONS
    )
}

fn is_own(origin: &str, headers: &HeaderMap) -> bool {
    let host = headers
        .get(header::HOST)
        .and_then(|value| value.to_str().ok());
    let authority = origin
        .strip_prefix("http://")
        .or_else(|| origin.strip_prefix("https://"));
    matches!((host, authority), (Some(host), Some(authority)) if host.eq_ignore_ascii_case(authority))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(host: &'static str, origin: Option<&'static str>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_static(host));
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, HeaderValue::from_static(origin));
        }
        headers
    }

    #[track_caller]
    fn check(
        loopback: bool,
        host: &'static str,
        origin: Option<&'static str>,
        expect: Option<bool>,
    ) {
        let cors = Cors::new(vec!["https://app.example".into()], loopback);
        let got = cors
            .check(&request(host, origin))
            .ok()
            .map(|allowed| allowed.is_some());
        assert_eq!(got, expect, "{host} {origin:?}");
    }

    #[test]
    fn who_may_call() {
        check(false, "proxy.example", None, Some(false));
        check(
            false,
            "proxy.example",
            Some("https://proxy.example"),
            Some(false),
        );
        check(
            false,
            "proxy.example",
            Some("https://app.example"),
            Some(true),
        );
        check(false, "proxy.example", Some("https://evil.example"), None);
        check(
            false,
            "proxy.example",
            Some("https://app.example.evil.example"),
            None,
        );
        check(false, "proxy.example", Some("http://app.example"), None);
        check(false, "proxy.example", Some("null"), None);
        check(
            false,
            "proxy.example",
            Some("https://proxy.example:8443"),
            None,
        );
        check(
            true,
            "127.0.0.1:8080",
            Some("http://127.0.0.1:8080"),
            Some(false),
        );
        check(true, "localhost:8080", Some("http://127.0.0.1:8080"), None);
        check(true, "[::1]:8080", None, Some(false));
        check(true, "evil.example:8080", None, None);
        check(
            true,
            "evil.example:8080",
            Some("http://evil.example:8080"),
            None,
        );
        check(true, "app.example", None, Some(false));
    }

    #[test]
    fn a_null_origin_of_our_own_page() {
        let cors = Cors::new(Vec::new(), true);
        let mut headers = request("127.0.0.1:8080", Some("null"));
        assert!(cors.check(&headers).is_err());
        headers.insert("sec-fetch-site", HeaderValue::from_static("same-origin"));
        assert_eq!(cors.check(&headers).unwrap(), None);
        headers.insert("sec-fetch-site", HeaderValue::from_static("cross-site"));
        assert!(cors.check(&headers).is_err());
    }
}
