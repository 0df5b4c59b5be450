//! Path forms of the reference system (oci.dag.dev), so that its links work with our host: each
//! becomes a fragment. Never index.html at depth, or its relative assets would break.

use http::{HeaderValue, StatusCode, Uri, header};

use axum::response::{IntoResponse, Response};

/// First parts of such paths, and the first part of the fragment.
pub const FORMS: [(&str, &str); 10] = [
    ("fs", "fs"),
    ("cache", "fs"),
    ("layers", "layers"),
    ("size", "size"),
    ("sizes", "sizes"),
    ("blob", "blob"),
    ("repo", "repo"),
    ("image", "image"),
    // Raw addresses: the app says why they are not fetched.
    ("http", "http"),
    ("https", "https"),
];

/// The fragment's address for a path form.
pub fn location(uri: &Uri) -> Option<String> {
    let (first, rest) = uri.path().strip_prefix('/')?.split_once('/')?;
    let (_, route) = FORMS.iter().find(|(form, _)| *form == first)?;
    let query = uri
        .query()
        .map(|query| format!("?{query}"))
        .unwrap_or_default();
    Some(format!("/#/{route}/{rest}{query}"))
}

/// The redirect, if a path is one of these forms.
pub fn redirect(uri: &Uri) -> Option<Response> {
    let location = HeaderValue::from_str(&location(uri)?).ok()?;
    Some((StatusCode::FOUND, [(header::LOCATION, location)]).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, expect: Option<&str>) {
        assert_eq!(
            location(&path.parse().unwrap()).as_deref(),
            expect,
            "{path}"
        );
    }

    #[test]
    fn forms() {
        check(
            "/fs/debian@sha256:ab/etc/passwd?render=x",
            Some("/#/fs/debian@sha256:ab/etc/passwd?render=x"),
        );
        check("/cache/debian@sha256:ab/", Some("/#/fs/debian@sha256:ab/"));
        check(
            "/layers/debian@sha256:ab/etc%20x",
            Some("/#/layers/debian@sha256:ab/etc%20x"),
        );
        check("/size/a", Some("/#/size/a"));
        check("/sizes/a", Some("/#/sizes/a"));
        check("/blob/a@sha256:ab", Some("/#/blob/a@sha256:ab"));
        check("/repo/ghcr.io/x", Some("/#/repo/ghcr.io/x"));
        check("/image/debian:12", Some("/#/image/debian:12"));
        check("/https/evil.example/x", Some("/#/https/evil.example/x"));
        check("/http/evil.example/x", Some("/#/http/evil.example/x"));
        check("/", None);
        check("/fs", None);
        check("/other/x", None);
        check("//evil.example/x", None);
    }
}
