//! Addresses of the reference system (oci.dag.dev), so that its links work when only the host is
//! changed: `/?image=…` by the page itself, `/fs/…` by a redirect of the proxy.

use percent_encoding::percent_decode_str;

use super::parse::{Params, RAW_ADDRESS, repo, split_digest};
use super::{Render, Route, Show};
use crate::path::EntryPath;
use crate::reference::Reference;

/// The route that the page's own query asks for (`?image=debian`, with or without `?`); none if
/// the query has none of these forms.
pub fn from_query(query: &str) -> Option<Route> {
    let query = query.strip_prefix('?').unwrap_or(query);
    let pairs: Vec<(&str, String)> = query.split('&').filter_map(form_pair).collect();
    let get = |name: &str| {
        let found = pairs.iter().find(|(n, _)| *n == name);
        found.map(|(_, v)| v.trim()).filter(|v| !v.is_empty())
    };
    let (form, value) = ["image", "repo", "blob", "referrers"]
        .into_iter()
        .find_map(|form| Some((form, get(form)?)))?;
    let route = match form {
        "image" => image(value).map(|mut route| {
            if let Route::Image { filter, .. } = &mut route {
                *filter = get("jq").map(str::to_owned);
            }
            route
        }),
        "repo" => repo(value.trim_end_matches('/')),
        _ => split_digest(value).map(|(repository, digest, _)| match form {
            "blob" => Route::Blob {
                repository,
                digest,
                media_type: get("mt").map(str::to_owned),
                render: get("render").and_then(render),
                lines: None,
                filter: get("jq").map(str::to_owned),
            },
            _ => Route::Referrers {
                repository,
                digest,
                artifact_type: get("artifactType").map(str::to_owned),
            },
        }),
    };
    Some(route.unwrap_or_else(|why| invalid(format!("?{query}"), why)))
}

/// The route for a path of the reference system with its query (`/fs/…?…`), percent-encoded as
/// it stands in the request; none if the path is none of its forms.
pub fn from_path(path_and_query: &str) -> Option<Route> {
    let (path, query) = path_and_query
        .split_once('?')
        .unwrap_or((path_and_query, ""));
    let (kind, rest) = path.strip_prefix('/')?.split_once('/')?;
    let params = Params(query);
    let text = || {
        let text = percent_decode_str(rest).decode_utf8();
        text.map_err(|_| "the address is not UTF-8 text".to_owned())
    };
    let route = match kind {
        "repo" => text().and_then(|t| repo(t.trim_end_matches('/'))),
        "image" => text().and_then(|t| image(t.trim_end_matches('/'))),
        "http" | "https" => Err(RAW_ADDRESS.to_owned()),
        "fs" | "cache" | "layers" | "size" | "sizes" | "blob" => place(kind, rest, &params),
        _ => return None,
    };
    Some(route.unwrap_or_else(|why| invalid(path.to_owned(), why)))
}

fn form_pair(pair: &str) -> Option<(&str, String)> {
    let (name, value) = pair.split_once('=')?;
    let value = value.replace('+', " ");
    let value = percent_decode_str(&value).decode_utf8().ok()?;
    Some((name, value.into_owned()))
}

fn image(text: &str) -> Result<Route, String> {
    let reference = Reference::parse(text).map_err(|e| e.to_string())?;
    Ok(Route::image(reference))
}

fn render(name: &str) -> Option<Render> {
    match name {
        "raw" | "text" => Some(Render::Text),
        "xxd" | "hex" => Some(Render::Hex),
        "json" => Some(Render::Json),
        _ => None,
    }
}

fn place(kind: &str, rest: &str, params: &Params<'_>) -> Result<Route, String> {
    let (repository, digest, path) = split_digest(rest)?;
    let path = EntryPath::decode(path).normalised();
    let show = Show {
        render: params.text("render").as_deref().and_then(render),
        query: params.text("search").map(|q| q.replace('+', " ")),
        ..Show::default()
    };
    Ok(match kind {
        "blob" => Route::Blob {
            repository,
            digest,
            media_type: params.text("mt").map(|t| t.replace(' ', "+")),
            render: show.render,
            lines: None,
            filter: params.text("jq").map(|f| f.replace('+', " ")),
        },
        "layers" => Route::Layers {
            repository,
            digest,
            path,
            inner: Vec::new(),
            layer: None,
            show,
        },
        "size" => Route::Size {
            repository,
            digest,
            path,
        },
        "sizes" => Route::Sizes {
            repository,
            digest,
            path,
        },
        _ => Route::Fs {
            repository,
            digest,
            path,
            inner: Vec::new(),
            entry: None,
            show,
        },
    })
}

fn invalid(fragment: String, why: String) -> Route {
    // It stands behind `#` from now on, and must read as the same again.
    let fragment = format!(
        "/{}",
        crate::path::encode_bytes(fragment.as_bytes(), true).trim_start_matches('/')
    );
    match Route::parse(&fragment) {
        // Its own words say more than "there is no such page".
        Route::Invalid { fragment, .. } => Route::Invalid { fragment, why },
        other => other,
    }
}
