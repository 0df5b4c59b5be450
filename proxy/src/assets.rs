//! The app's static files: embedded or from a folder, precompressed, with their headers.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use sha2::{Digest as _, Sha256};

use crate::config::{Assets, Config};

mod embedded {
    include!(concat!(env!("OUT_DIR"), "/embedded.rs"));
}

/// The app's whole policy. Everything it loads is its own; what it fetches goes through us.
pub const POLICY: &str = include_str!("../../app/policy.txt").trim_ascii_end();

/// The app's settings.
const CONFIG: &str = "/config.json";

/// How the names of files begin that other sites' pages load: a script module is only given to them
/// with leave.
const FOR_HOSTS: &str = "layerscope-embed.";

/// Hex digits that make a file's name that of its content (Trunk writes 16).
const MIN_HASH_LEN: usize = 16;

/// The page that is there when the app is not.
const NOT_BUILT: &str = "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>Layerscope</title>\n\
<main>\n<h1>The app is not built into this proxy</h1>\n<p>Run <code>cargo xtask serve</code>, which builds both, or \
<code>cargo xtask dist</code> and then <code>layerscope-proxy --assets dist</code>.</p>\n\
<p>The API is at <a href=\"/api/v1/info\">/api/v1/info</a>.</p>\n</main>\n</html>\n";

/// A file and its entity tag.
#[derive(Clone)]
struct File {
    bytes: Bytes,
    etag: String,
}

impl File {
    fn new(bytes: Bytes) -> Self {
        let etag = format!("\"{}\"", hex::encode(&Sha256::digest(&bytes)[..16]));
        Self { bytes, etag }
    }
}

/// The app's files, and what is said of them beside.
pub struct Site {
    store: Store,
    policy: HeaderValue,
    /// `config.json`, where it is not the app's own.
    config: Option<File>,
}

impl Site {
    /// Opens what the configuration names. With an index source the app is told of it, and may
    /// fetch from there; with origins that embed the app, they may frame it and talk to it.
    pub fn new(config: &Config) -> Self {
        let mut policy = POLICY.to_owned();
        let mut told = serde_json::Map::new();
        if let Some(source) = &config.index_source {
            let allowed = format!("connect-src 'self' {}", source.origin);
            policy = policy.replace("connect-src 'self'", &allowed);
            told.insert("index-source".into(), source.url.as_str().into());
        }
        let hosts = config.embed_origins.as_slice();
        if !hosts.is_empty() {
            policy = format!("{policy}; frame-ancestors 'self' {}", hosts.join(" "));
            told.insert("embed-origins".into(), hosts.into());
        }
        let told = (!told.is_empty()).then(|| serde_json::Value::from(told).to_string());
        Site {
            store: Store::new(&config.assets),
            // Origins are ASCII: nothing in it is refused.
            policy: HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static(POLICY)),
            config: told.map(|text| File::new(text.into_bytes().into())),
        }
    }

    /// The app is served.
    pub fn is_served(&self) -> bool {
        !matches!(self.store, Store::None)
    }

    /// Answers a request for a static file.
    pub async fn serve(&self, method: &Method, path: &str, request: &HeaderMap) -> Response {
        let known = matches!(*method, Method::GET | Method::HEAD);
        let mut response = match &self.config {
            Some(config) if known && self.is_served() && path == CONFIG => {
                file_response(&CONFIG[1..], config.clone(), None, request)
            }
            _ => self.store.serve(method, path, request).await,
        };
        let out = response.headers_mut();
        out.insert("content-security-policy", self.policy.clone());
        for (name, value) in [
            ("referrer-policy", "no-referrer"),
            ("x-content-type-options", "nosniff"),
            // So that the page need not ask whether its own origin has a proxy.
            ("x-layerscope-proxy", "1"),
            // A sign-in window must be able to answer its opener.
            ("cross-origin-opener-policy", "same-origin-allow-popups"),
        ] {
            out.insert(name, HeaderValue::from_static(value));
        }
        response
    }
}

/// The files that are served.
enum Store {
    /// In the binary.
    Embedded(HashMap<&'static str, FileOf>),
    /// In a folder, read at each request, so that a rebuilt app is seen.
    Dir(PathBuf),
    /// None.
    None,
}

/// An embedded file.
struct FileOf(File);

impl Store {
    fn new(assets: &Assets) -> Self {
        match assets {
            Assets::None => Self::None,
            Assets::Dir(dir) => Self::Dir(dir.clone()),
            Assets::Embedded => {
                let file = |bytes| FileOf(File::new(Bytes::from_static(bytes)));
                Self::Embedded(
                    embedded::FILES
                        .iter()
                        .map(|(name, bytes)| (*name, file(bytes)))
                        .collect(),
                )
            }
        }
    }

    async fn get(&self, name: &str) -> Option<File> {
        match self {
            Self::None => None,
            Self::Embedded(files) => files.get(name).map(|file| file.0.clone()),
            Self::Dir(dir) => tokio::fs::read(dir.join(name))
                .await
                .ok()
                .map(|b| File::new(b.into())),
        }
    }

    fn is_empty(&self) -> bool {
        matches!(self, Self::Embedded(files) if files.is_empty())
    }

    async fn serve(&self, method: &Method, path: &str, request: &HeaderMap) -> Response {
        if !matches!(*method, Method::GET | Method::HEAD) {
            return (
                StatusCode::METHOD_NOT_ALLOWED,
                [(header::ALLOW, "GET, HEAD")],
            )
                .into_response();
        }
        let name = match path.strip_prefix('/') {
            Some("") => Some("index.html"),
            Some(name) if is_file_name(name) => Some(name),
            _ => None,
        };
        let found = match name {
            Some(name) => self.choose(name, request).await.map(|found| (name, found)),
            None => None,
        };
        match found {
            Some((name, (file, encoding))) => file_response(name, file, encoding, request),
            None if name == Some("index.html") && self.is_empty() => {
                let headers = [
                    (header::CONTENT_TYPE, "text/html; charset=utf-8"),
                    (header::CACHE_CONTROL, "no-store"),
                ];
                (StatusCode::OK, headers, NOT_BUILT).into_response()
            }
            None => (
                StatusCode::NOT_FOUND,
                [(header::CACHE_CONTROL, "no-store")],
                "Nothing is here.\n",
            )
                .into_response(),
        }
    }

    async fn choose(
        &self,
        name: &str,
        request: &HeaderMap,
    ) -> Option<(File, Option<&'static str>)> {
        // The compressed forms are answers to negotiation, not files of their own.
        let base = name
            .strip_suffix(".br")
            .or_else(|| name.strip_suffix(".gz"));
        if let Some(base) = base
            && self.get(base).await.is_some()
        {
            return None;
        }
        let plain = self.get(name).await?;
        for (encoding, suffix) in [("br", ".br"), ("gzip", ".gz")] {
            if accepts(request, encoding)
                && let Some(file) = self.get(&format!("{name}{suffix}")).await
            {
                return Some((file, Some(encoding)));
            }
        }
        Some((plain, None))
    }
}

fn file_response(
    name: &str,
    file: File,
    encoding: Option<&'static str>,
    request: &HeaderMap,
) -> Response {
    let cache = if is_hashed(name) {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    let mut headers = HeaderMap::new();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(content_type(name)),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    if name.starts_with(FOR_HOSTS) {
        let everybody = HeaderValue::from_static("*");
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, everybody);
    }
    if let Some(encoding) = encoding {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    if let Ok(etag) = HeaderValue::from_str(&file.etag) {
        headers.insert(header::ETAG, etag);
    }
    let known = request
        .get(header::IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok());
    let same = known.is_some_and(|known| {
        known
            .split(',')
            .any(|tag| tag.trim().trim_start_matches("W/") == file.etag)
    });
    if same {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(file.bytes.len()));
    (headers, file.bytes).into_response()
}

/// Relative, of plain parts, none hidden: no way out of the folder.
fn is_file_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    name.split('/')
        .all(|part| !part.is_empty() && !part.starts_with('.') && part.bytes().all(plain))
}

/// Whether a name carries its content's hash: `main-0123456789abcdef_bg.wasm`.
fn is_hashed(name: &str) -> bool {
    let file = name.rsplit('/').next().unwrap_or_default();
    file.split(['-', '_', '.']).skip(1).any(|part| {
        part.len() >= MIN_HASH_LEN && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    })
}

fn content_type(name: &str) -> &'static str {
    match Path::new(name)
        .extension()
        .and_then(|extension| extension.to_str())
    {
        Some("html") => "text/html; charset=utf-8",
        Some("js" | "mjs" | "ts") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("wasm") => "application/wasm",
        Some("json" | "map") => "application/json",
        Some("webmanifest") => "application/manifest+json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        Some("woff2") => "font/woff2",
        Some("txt" | "md") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

/// Whether Accept-Encoding has a coding with a weight above zero (RFC 9110 section 12.5.3).
fn accepts(request: &HeaderMap, coding: &str) -> bool {
    let Some(text) = request
        .get(header::ACCEPT_ENCODING)
        .and_then(|value| value.to_str().ok())
    else {
        return false;
    };
    let weight = |wanted: &str| {
        text.split(',').find_map(|item| {
            let (name, params) = item.split_once(';').unwrap_or((item, ""));
            name.trim().eq_ignore_ascii_case(wanted).then(|| {
                let q = params
                    .trim()
                    .strip_prefix("q=")
                    .map(|q| q.trim().parse::<f32>());
                q.and_then(Result::ok).unwrap_or(1.0)
            })
        })
    };
    weight(coding)
        .or_else(|| weight("*"))
        .is_some_and(|q| q > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for good in ["index.html", "a/b.js", "main-0123456789abcdef_bg.wasm"] {
            assert!(is_file_name(good), "{good}");
        }
        for bad in [
            "",
            "/etc/passwd",
            "../x",
            "a/../b",
            ".git/config",
            "a//b",
            "a%2e",
            "a\\b",
            "a/",
            "é",
        ] {
            assert!(!is_file_name(bad), "{bad}");
        }
    }

    #[test]
    fn hashed_names() {
        for hashed in [
            "main-0123456789abcdef.js",
            "main-0123456789abcdef_bg.wasm",
            "a/worker-00112233445566778899.js",
        ] {
            assert!(is_hashed(hashed), "{hashed}");
        }
        for plain in [
            "index.html",
            "worker.js",
            "worker_bg.wasm",
            "boot.js",
            "0123456789abcdef.js",
            "a-short1.js",
            "main-0123456789abcdeg.js",
        ] {
            assert!(!is_hashed(plain), "{plain}");
        }
    }

    #[track_caller]
    fn accept(value: &'static str, br: bool, gzip: bool) {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(value));
        assert_eq!(
            (accepts(&headers, "br"), accepts(&headers, "gzip")),
            (br, gzip),
            "{value}"
        );
    }

    #[test]
    fn encodings() {
        accept("gzip, deflate, br, zstd", true, true);
        accept("br;q=0, gzip;q=0.5", false, true);
        accept("*", true, true);
        accept("*, br;q=0", false, true);
        accept("identity", false, false);
        accept("", false, false);
        assert!(!accepts(&HeaderMap::new(), "br"));
    }
}
