//! `Link: <…>; rel="next"` of listings (RFC 8288): checked, and made into an opaque cursor.
//!
//! The cursor is the next page's query, base64url. It is data from outside on its way back too,
//! and is only ever put behind the same list's path.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, header};
use url::Url;

use crate::error::ProxyError;
use crate::policy::host_from_url;
use crate::upstream::host_shown;

/// A cursor's most characters: the contract with the client.
const MAX_CURSOR_LEN: usize = 2048;

/// The cursor of the next page, if an answer from `url` names one.
///
/// # Errors
/// The link leads to another host or another list, or is too long to carry.
pub fn next_cursor(headers: &HeaderMap, url: &Url) -> Result<Option<String>, ProxyError> {
    let bad = |why: &str| {
        ProxyError::UpstreamInvalid(format!(
            "{} names a next page that is not followed: {why}.",
            host_shown(url)
        ))
    };
    let Some(target) = next_target(headers) else {
        return Ok(None);
    };
    let next = url
        .join(&target)
        .map_err(|problem| bad(&problem.to_string()))?;
    // Registries behind a TLS terminator name themselves by http or without their port; only
    // the query is used, so that the host alone must be the same.
    if !matches!(next.scheme(), "http" | "https") || host_from_url(&next) != host_from_url(url) {
        return Err(bad("it is on another host"));
    }
    if !next.username().is_empty() || next.password().is_some() || next.path() != url.path() {
        return Err(bad("it is not a page of the same list"));
    }
    let query = next.query().unwrap_or_default();
    let cursor = URL_SAFE_NO_PAD.encode(query);
    if query.is_empty() || cursor.len() > MAX_CURSOR_LEN {
        return Err(bad("its query is empty or too long"));
    }
    Ok(Some(cursor))
}

/// The query that a cursor stands for.
///
/// # Errors
/// It is not one that this proxy could have made.
pub fn query_from_cursor(cursor: &str) -> Result<String, ProxyError> {
    let bad = || {
        ProxyError::TargetInvalid(
            "The cursor is not one that this proxy gave; start the list again.".into(),
        )
    };
    if cursor.len() > MAX_CURSOR_LEN {
        return Err(bad());
    }
    let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| bad())?;
    let query = String::from_utf8(bytes).map_err(|_| bad())?;
    let fits = |b: u8| b.is_ascii_graphic() && !matches!(b, b'#' | b'"' | b'<' | b'>' | b'\\');
    if query.is_empty() || !query.bytes().all(fits) {
        return Err(bad());
    }
    Ok(query)
}

/// The target of the first link whose relation is `next`.
fn next_target(headers: &HeaderMap) -> Option<String> {
    headers
        .get_all(header::LINK)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .find_map(next_target_from_str)
}

fn next_target_from_str(text: &str) -> Option<String> {
    let mut rest = text;
    while let Some((_, from)) = rest.split_once('<') {
        let (target, after) = from.split_once('>')?;
        let (params, next) = split_params(after);
        if params.split(';').any(is_rel_next) {
            return Some(target.trim().to_owned());
        }
        rest = next;
    }
    None
}

/// Parameters up to the comma that ends the link, quoted commas aside.
fn split_params(text: &str) -> (&str, &str) {
    let mut quoted = false;
    for (at, char) in text.char_indices() {
        match char {
            '"' => quoted = !quoted,
            ',' if !quoted => return (&text[..at], &text[at + 1..]),
            _ => {}
        }
    }
    (text, "")
}

fn is_rel_next(param: &str) -> bool {
    let Some((name, value)) = param.split_once('=') else {
        return false;
    };
    name.trim().eq_ignore_ascii_case("rel")
        && value
            .trim()
            .trim_matches('"')
            .split_ascii_whitespace()
            .any(|rel| rel.eq_ignore_ascii_case("next"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    const AT: &str = "https://reg.example/v2/a/b/tags/list?n=2";

    #[track_caller]
    fn check(link: &str, expect: Result<Option<&str>, ()>) {
        let mut headers = HeaderMap::new();
        headers.insert(header::LINK, HeaderValue::from_str(link).unwrap());
        let got = next_cursor(&headers, &Url::parse(AT).unwrap()).map_err(|_| ());
        let query = got.map(|cursor| cursor.map(|cursor| query_from_cursor(&cursor).unwrap()));
        assert_eq!(
            query,
            expect.map(|query| query.map(str::to_owned)),
            "{link}"
        );
    }

    #[test]
    fn links() {
        check(
            r#"</v2/a/b/tags/list?last=x&n=2>; rel="next""#,
            Ok(Some("last=x&n=2")),
        );
        check(
            r#"<https://reg.example/v2/a/b/tags/list?last=x>; rel=next"#,
            Ok(Some("last=x")),
        );
        check(
            r#"<http://reg.example/v2/a/b/tags/list?last=x>; REL="Next""#,
            Ok(Some("last=x")),
        );
        check(
            r#"<https://reg.example:5000/v2/a/b/tags/list?a>; rel="prev next""#,
            Ok(Some("a")),
        );
        check(
            r#"<list?last=%22x>; title="a, b"; rel="next""#,
            Ok(Some("last=%22x")),
        );
        check(
            r#"</x>; rel="prev", </v2/a/b/tags/list?last=y>; rel="next""#,
            Ok(Some("last=y")),
        );
        check(r#"?last=x"#, Ok(None));
        check(r#"</v2/a/b/tags/list?last=x>; rel="prev""#, Ok(None));
        check(r#"</v2/a/b/tags/list?last=x"#, Ok(None));
        check(
            r#"<https://evil.example/v2/a/b/tags/list?last=x>; rel="next""#,
            Err(()),
        );
        check(
            r#"<//evil.example/v2/a/b/tags/list?last=x>; rel="next""#,
            Err(()),
        );
        check(
            r#"<https://u@reg.example/v2/a/b/tags/list?last=x>; rel="next""#,
            Err(()),
        );
        check(
            r#"<ftp://reg.example/v2/a/b/tags/list?last=x>; rel="next""#,
            Err(()),
        );
        check(r#"</v2/a/c/tags/list?last=x>; rel="next""#, Err(()));
        check(
            r#"</v2/a/b/tags/list/../../../c/tags/list?last=x>; rel="next""#,
            Err(()),
        );
        check(r#"</v2/a/b/tags/list>; rel="next""#, Err(()));
        check(
            &format!("</v2/a/b/tags/list?last={}>; rel=next", "x".repeat(2000)),
            Err(()),
        );
    }

    #[track_caller]
    fn refused(query: &[u8]) {
        assert!(
            query_from_cursor(&URL_SAFE_NO_PAD.encode(query)).is_err(),
            "{query:?}"
        );
    }

    #[test]
    fn cursors_are_checked_on_the_way_in() {
        for bad in [
            &b""[..],
            b"a b",
            b"a\r\nHost: x",
            b"a#b",
            b"\xff",
            "é".as_bytes(),
            b"a\0",
        ] {
            refused(bad);
        }
        assert!(query_from_cursor("not base64!").is_err());
        assert!(query_from_cursor(&"YQ".repeat(2000)).is_err());
        assert_eq!(
            query_from_cursor(&URL_SAFE_NO_PAD.encode("last=x&n=2")).unwrap(),
            "last=x&n=2"
        );
    }
}
