//! What the double answers: what the spec says, and then the trouble laid over it.

use std::{io, time::Duration};

use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderName, HeaderValue, Method, StatusCode, header},
    response::Response,
};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use serde_json::json;

use super::{Shared, Shelf, Trouble};
use crate::{corpus::push::media, recorder::Recorded};

/// How long bytes may take from the server's buffer to the socket.
const FLUSH: Duration = Duration::from_millis(100);

/// The trouble for a path, if one strikes.
fn strike(shelf: &mut Shelf, whole: &str, path: &str) -> Option<Trouble> {
    let rule = shelf.rules.iter_mut().rev().find(|rule| {
        rule.left != Some(0) && (path.starts_with(&rule.path) || whole.starts_with(&rule.path))
    })?;
    if let Some(left) = &mut rule.left {
        *left -= 1;
    }
    Some(rule.trouble.clone())
}

pub(super) async fn answer(State(shared): State<Shared>, request: Request) -> Response {
    let recorded = Recorded::of(&request);
    let has_authorization = recorded.authorization.is_some();
    let range = recorded.range.clone();
    let number = shared.log.add(recorded);
    let whole = request.uri().path().to_owned();
    let path = whole.strip_prefix("/v2/").unwrap_or(&whole).to_owned();
    let trouble = shared.with(|shelf| strike(shelf, &whole, &path));
    let head = request.method() == Method::HEAD;
    let query = request.uri().query().map(str::to_owned);
    // A request cannot be borrowed across an await: its body is not Sync.
    drop(request);
    let range = match trouble {
        Some(Trouble::IgnoreRange) => None,
        _ => range,
    };
    let ranged = serve(&shared, &path, query.as_deref(), range.as_deref())
        .unwrap_or_else(|| error(404, "MANIFEST_UNKNOWN"));
    let response = match trouble {
        None | Some(Trouble::IgnoreRange) => ranged,
        Some(Trouble::Answer(status, headers, body)) => {
            let mut response = status_response(status, Body::from(body));
            for (name, value) in headers {
                if let Ok(value) = HeaderValue::from_str(&value) {
                    response
                        .headers_mut()
                        .append(HeaderName::from_static(name), value);
                }
            }
            response
        }
        Some(Trouble::Html) => typed(
            200,
            "text/html",
            "<!doctype html><title>Sign in</title><p>Sign in",
        ),
        Some(Trouble::DropAfter(len)) => {
            rebuild(ranged, |bytes| {
                let kept = bytes.slice(..bytes.len().min(len as usize));
                let broken = stream::once(async {
                    // Time for the kept bytes to leave: an error at once would take them along.
                    tokio::time::sleep(FLUSH).await;
                    Err(io::Error::other("dropped on request"))
                });
                let pieces = stream::iter([Ok(kept)]).chain(broken);
                (bytes.len(), Body::from_stream(pieces))
            })
            .await
        }
        Some(Trouble::WrongByte) => {
            rebuild(ranged, |bytes| {
                let mut bytes = bytes.to_vec();
                let middle = bytes.len() / 2;
                if let Some(byte) = bytes.get_mut(middle) {
                    *byte ^= 1;
                }
                (bytes.len(), Body::from(bytes))
            })
            .await
        }
        Some(Trouble::Cut(len)) => {
            rebuild(ranged, |bytes| {
                let kept = bytes.slice(..bytes.len().min(len as usize));
                (kept.len(), Body::from(kept))
            })
            .await
        }
        Some(Trouble::Slow(piece, pause)) => {
            rebuild(ranged, |bytes| {
                let pieces: Vec<Bytes> = (0..bytes.len())
                    .step_by(piece.max(1))
                    .map(|start| bytes.slice(start..bytes.len().min(start + piece.max(1))))
                    .collect();
                let slow = stream::iter(pieces).then(move |piece| async move {
                    tokio::time::sleep(pause).await;
                    Ok::<_, io::Error>(piece)
                });
                (bytes.len(), Body::from_stream(slow))
            })
            .await
        }
        Some(Trouble::Redirect(to)) => redirect(&to),
        Some(Trouble::RedirectHost(host)) => {
            redirect(&format!("http://{host}{whole}?X-Amz-Signature=0"))
        }
        Some(Trouble::HugeJson(len)) => huge(len),
        Some(Trouble::Storage) if has_authorization => error(400, "InvalidArgument"),
        Some(Trouble::Storage) if head => error(403, "SignatureDoesNotMatch"),
        Some(Trouble::Storage) => ranged,
        Some(Trouble::Silence) => std::future::pending().await,
        Some(Trouble::Encoded) => {
            let mut response = ranged;
            let encoding = HeaderValue::from_static("gzip");
            response
                .headers_mut()
                .insert(header::CONTENT_ENCODING, encoding);
            response
        }
    };
    shared.log.answered(number, response.status().as_u16());
    let log = shared.log.clone();
    let (parts, body) = response.into_parts();
    if head {
        return Response::from_parts(parts, Body::empty());
    }
    let counted = body.into_data_stream().inspect(move |piece| {
        if let Ok(piece) = piece {
            log.sent(number, piece.len() as u64);
        }
    });
    Response::from_parts(parts, Body::from_stream(counted))
}

/// What a registry without troubles answers.
fn serve(
    shared: &Shared,
    path: &str,
    query: Option<&str>,
    range: Option<&str>,
) -> Option<Response> {
    if path.is_empty() || path == "/v2" {
        return Some(typed(200, "application/json", "{}"));
    }
    if let Some(repository) = path.strip_suffix("/tags/list") {
        return shared.with(|shelf| tag_page(shelf, repository, query));
    }
    let stored = shared.with(|shelf| shelf.content.get(path).cloned())?;
    let total = stored.bytes.len() as u64;
    let bounds = range
        .filter(|_| path.contains("/blobs/"))
        .and_then(|range| range.strip_prefix("bytes=")?.split_once('-'))
        .and_then(|(first, last)| {
            let first: u64 = first.parse().ok()?;
            Some((
                first,
                last.parse()
                    .unwrap_or(u64::MAX)
                    .min(total.saturating_sub(1)),
            ))
        });
    let mut response = match bounds {
        Some((first, _)) if first >= total => error(416, "RANGE_INVALID"),
        Some((first, last)) => {
            let mut response = sized(206, stored.bytes.slice(first as usize..=last as usize));
            set(
                &mut response,
                header::CONTENT_RANGE,
                &format!("bytes {first}-{last}/{total}"),
            );
            response
        }
        None => sized(200, stored.bytes),
    };
    set(&mut response, header::CONTENT_TYPE, &stored.media_type);
    set(&mut response, header::ACCEPT_RANGES, "bytes");
    set(
        &mut response,
        HeaderName::from_static("docker-content-digest"),
        &stored.digest,
    );
    Some(response)
}

/// A page of tags with a `Link` to the next (distribution spec, "Listing Tags").
fn tag_page(shelf: &Shelf, repository: &str, query: Option<&str>) -> Option<Response> {
    let (tags, page) = shelf.tags.get(repository)?;
    let last = query
        .unwrap_or_default()
        .split('&')
        .find_map(|pair| pair.strip_prefix("last="));
    let start = match last {
        Some(last) => tags.iter().position(|tag| tag == last)? + 1,
        None => 0,
    };
    let end = tags.len().min(start + page);
    let body = json!({"name": repository, "tags": tags[start..end]}).to_string();
    let mut response = typed(200, "application/json", body);
    if end < tags.len() {
        let link = format!(
            "</v2/{repository}/tags/list?n={page}&last={}>; rel=\"next\"",
            tags[end - 1]
        );
        set(&mut response, header::LINK, &link);
    }
    Some(response)
}

fn set(response: &mut Response, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

fn status_response(status: u16, body: Body) -> Response {
    let mut response = Response::new(body);
    // A test that names no valid status gets what it deserves.
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::NOT_IMPLEMENTED);
    response
}

fn sized(status: u16, bytes: Bytes) -> Response {
    let len = bytes.len().to_string();
    let mut response = status_response(status, Body::from(bytes));
    set(&mut response, header::CONTENT_LENGTH, &len);
    response
}

fn typed(status: u16, content_type: &str, body: impl Into<Bytes>) -> Response {
    let mut response = sized(status, body.into());
    set(&mut response, header::CONTENT_TYPE, content_type);
    response
}

fn error(status: u16, code: &str) -> Response {
    let body = json!({"errors": [{"code": code, "message": "as the double was told"}]});
    typed(status, "application/json", body.to_string())
}

fn redirect(to: &str) -> Response {
    let mut response = status_response(307, Body::empty());
    set(&mut response, header::LOCATION, to);
    response
}

/// Takes an answer apart and puts it together with another body of a stated length.
async fn rebuild(response: Response, change: impl FnOnce(Bytes) -> (usize, Body)) -> Response {
    let (parts, body) = response.into_parts();
    // The bodies are the double's own, in memory.
    let bytes = axum::body::to_bytes(body, usize::MAX)
        .await
        .unwrap_or_default();
    let (len, body) = change(bytes);
    let mut response = Response::from_parts(parts, body);
    set(&mut response, header::CONTENT_LENGTH, &len.to_string());
    response
}

fn huge(len: u64) -> Response {
    const PIECE: &str = "\"0123456789abcdef0123456789abcdef0123456789abcdef\",\n";
    let repeat = PIECE.repeat(1000);
    let count = len / repeat.len() as u64;
    let piece = Bytes::from(repeat);
    let pieces = stream::iter(0..count).map(move |_| Ok::<_, io::Error>(piece.clone()));
    let start = Bytes::from_static(b"{\"schemaVersion\": 2, \"annotations\": [\n");
    let end = Bytes::from_static(b"\"\"]}");
    let body = stream::iter([Ok(start)])
        .chain(pieces)
        .chain(stream::iter([Ok(end)]));
    let mut response = status_response(200, Body::from_stream(body));
    set(&mut response, header::CONTENT_TYPE, media::MANIFEST);
    response
}
