//! The `Link` header of a paged answer (RFC 8288; distribution specification, "Pagination").
//!
//! A next page is taken only from the same scheme, host and path as the page before: a registry
//! must not be able to send us, or our token, anywhere else.

/// Longest cursor in bytes; the proxy's bound.
pub const MAX_CURSOR_LEN: usize = 2048;

/// Why there is no next page although the answer names one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// On another host, or by another scheme.
    #[error("the next page is said to be on another server")]
    OtherHost,
    /// On the same host, but another list.
    #[error("the next page is said to be of another list")]
    OtherPath,
    /// Longer than [`MAX_CURSOR_LEN`], or with characters that no address has.
    #[error("the address of the next page cannot be used")]
    Unusable,
}

/// The target of `rel="next"` in a header's text, as it stands.
pub fn next_target(header: &str) -> Option<&str> {
    let mut rest = header;
    while let Some(start) = rest.find('<') {
        let end = start + rest[start..].find('>')?;
        let target = &rest[start + 1..end];
        let params = &rest[end + 1..];
        let (own, after) = split_params(params);
        if own.iter().any(|p| is_rel_next(p)) {
            return Some(target);
        }
        rest = after;
    }
    None
}

/// The parameters up to the comma that ends this link, and what follows it. A comma or semicolon
/// in quotes ends nothing.
fn split_params(text: &str) -> (Vec<&str>, &str) {
    let mut out = Vec::new();
    let (mut start, mut quoted, mut escaped) = (0, false, false);
    for (at, b) in text.bytes().enumerate() {
        match b {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b';' if !quoted => {
                out.push(&text[start..at]);
                start = at + 1;
            }
            b',' if !quoted => {
                out.push(&text[start..at]);
                return (out, &text[at + 1..]);
            }
            _ => {}
        }
    }
    out.push(&text[start..]);
    (out, "")
}

fn is_rel_next(param: &str) -> bool {
    let Some((name, value)) = param.split_once('=') else {
        return false;
    };
    let value = value.trim().trim_matches('"');
    name.trim().eq_ignore_ascii_case("rel")
        && value.split(' ').any(|r| r.eq_ignore_ascii_case("next"))
}

/// The path and query of the next page, from the answer to a request of `url` (absolute, or from
/// the page's origin on). None if the answer names no next page.
pub fn next(url: &str, header: Option<&str>) -> Result<Option<String>, LinkError> {
    let Some(target) = header.and_then(next_target) else {
        return Ok(None);
    };
    let target = target.trim();
    let (origin, path_and_query) = split_origin(url);
    let path = path_and_query.split(['?', '#']).next().unwrap_or_default();
    let resolved = if let Some(rest) = target.strip_prefix("//") {
        let scheme = origin.split("//").next().unwrap_or_default();
        same_origin(&format!("{scheme}//{rest}"), origin)?
    } else if target.starts_with('/') {
        target.to_owned()
    } else if target.starts_with('?') {
        format!("{path}{target}")
    } else if has_scheme(target) {
        same_origin(target, origin)?
    } else {
        let folder = path.rfind('/').map_or("/", |at| &path[..=at]);
        format!("{folder}{target}")
    };
    let resolved = resolved.split('#').next().unwrap_or_default();
    // `\` and controls are read differently by different parsers of addresses.
    let usable = |b: u8| b.is_ascii_graphic() && !b"\\\"<>^`{|}".contains(&b);
    if resolved.len() > MAX_CURSOR_LEN || !resolved.bytes().all(usable) {
        return Err(LinkError::Unusable);
    }
    match resolved.split('?').next() == Some(path) {
        true => Ok(Some(resolved.to_owned())),
        false => Err(LinkError::OtherPath),
    }
}

fn has_scheme(target: &str) -> bool {
    let head = target.split(['/', '?']).next().unwrap_or_default();
    head.contains(':')
}

/// Origin (empty if the address has none) and the rest, which starts with `/`.
fn split_origin(url: &str) -> (&str, &str) {
    match url.find("://") {
        Some(at) if !url.starts_with('/') => {
            let host = at + 3;
            let end = url[host..].find(['/', '?', '#']);
            url.split_at(end.map_or(url.len(), |e| host + e))
        }
        _ => ("", url),
    }
}

/// Path and query of an absolute address whose origin must be `origin`.
fn same_origin(target: &str, origin: &str) -> Result<String, LinkError> {
    let (theirs, rest) = split_origin(target);
    let canonical = |o: &str| {
        let o = o.to_ascii_lowercase();
        match o.split_once("://") {
            Some(("https", host)) => format!("https://{}", host.trim_end_matches(":443")),
            Some(("http", host)) => format!("http://{}", host.trim_end_matches(":80")),
            _ => o,
        }
    };
    match !origin.is_empty() && canonical(theirs) == canonical(origin) {
        true => Ok(rest.to_owned()),
        false => Err(LinkError::OtherHost),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LIST: &str = "https://r.example/v2/a/b/tags/list?n=2";

    #[track_caller]
    fn check(header: &str, expect: Result<Option<&str>, LinkError>) {
        let got = next(LIST, Some(header));
        assert_eq!(got, expect.map(|o| o.map(str::to_owned)), "{header}");
    }

    #[test]
    fn follows() {
        let page = Ok(Some("/v2/a/b/tags/list?last=x&n=2"));
        check(
            r#"</v2/a/b/tags/list?last=x&n=2>; rel="next""#,
            page.clone(),
        );
        check("</v2/a/b/tags/list?last=x&n=2>; rel=next", page.clone());
        check(
            "</v2/a/b/tags/list?last=x&n=2>;REL=\"prev Next\"",
            page.clone(),
        );
        check(
            r#"<https://r.example/v2/a/b/tags/list?last=x&n=2>; rel="next""#,
            page.clone(),
        );
        check(
            r#"<HTTPS://R.example:443/v2/a/b/tags/list?last=x&n=2>; rel="next""#,
            page.clone(),
        );
        check(
            r#"<//r.example/v2/a/b/tags/list?last=x&n=2>; rel="next""#,
            page.clone(),
        );
        check(r#"<?last=x&n=2>; rel="next""#, page.clone());
        check(r#"<list?last=x&n=2>; rel="next""#, page.clone());
        check(
            r#"</other>; rel="prev"; title="a,<b>;", <list?last=x&n=2>; rel="next""#,
            page.clone(),
        );
        check(r#"<list?last=x&n=2#frag>; title="\"" ; rel="next""#, page);
        check(r#"</x>; rel="last""#, Ok(None));
        check("", Ok(None));
        check("<unclosed", Ok(None));
        check("</x>", Ok(None));
        assert_eq!(next(LIST, None), Ok(None));
    }

    #[test]
    fn stays_where_it_is() {
        check(
            r#"<https://evil.example/v2/a/b/tags/list>; rel="next""#,
            Err(LinkError::OtherHost),
        );
        check(
            r#"<http://r.example/v2/a/b/tags/list>; rel="next""#,
            Err(LinkError::OtherHost),
        );
        check(
            r#"<https://r.example:444/v2/a/b/tags/list>; rel="next""#,
            Err(LinkError::OtherHost),
        );
        check(
            r#"<https://r.example@evil.example/v2/a/b/tags/list>; rel="next""#,
            Err(LinkError::OtherHost),
        );
        check(
            r#"<//evil.example/v2/a/b/tags/list>; rel="next""#,
            Err(LinkError::OtherHost),
        );
        check(
            r#"<javascript:alert(1)>; rel="next""#,
            Err(LinkError::OtherHost),
        );
        check(
            r#"</v2/other/tags/list>; rel="next""#,
            Err(LinkError::OtherPath),
        );
        check(
            r#"</v2/a/b/tags/../../c/tags/list>; rel="next""#,
            Err(LinkError::OtherPath),
        );
        check(
            "</v2/a/b/tags/list?a b>; rel=next",
            Err(LinkError::Unusable),
        );
        check(
            "</v2/a/b/tags/list?a\\b>; rel=next",
            Err(LinkError::Unusable),
        );
        let long = format!("</v2/a/b/tags/list?last={}>; rel=next", "x".repeat(3000));
        check(&long, Err(LinkError::Unusable));
    }

    #[test]
    fn from_the_page_s_own_origin() {
        let url = "/api/v1/tags?registry=r&n=2";
        let same = next(url, Some("</api/v1/tags?cursor=c>; rel=next"));
        assert_eq!(same, Ok(Some("/api/v1/tags?cursor=c".into())));
        let other = next(url, Some("<https://x/api/v1/tags?cursor=c>; rel=next"));
        assert_eq!(other, Err(LinkError::OtherHost));
    }

    proptest! {
        #[test]
        fn never_panics_and_never_leaves(header in "[<>;,=\"\\\\ a-z/:?.é]{0,60}") {
            if let Ok(Some(page)) = next(LIST, Some(&header)) {
                prop_assert!(page == "/v2/a/b/tags/list" || page.starts_with("/v2/a/b/tags/list?"));
            }
        }
    }
}
