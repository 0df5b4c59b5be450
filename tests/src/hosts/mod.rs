//! Registries and what stands behind them, by the names they have on the internet: one server
//! with TLS that answers by a table what each host is documented to answer, and writes down what
//! it was asked.
//!
//! A resolver leads the names here; the certificate is of an authority that the proxy is told of.

mod row;
mod tls;

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request as HttpRequest, State},
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::Response,
};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use serde_json::json;
use tokio::{net::TcpListener, task::JoinHandle};
use url::form_urlencoded;

pub use row::{Content, Row, When, get, row};
pub use tls::Error;

use crate::{
    corpus::{
        edge::Noise,
        push::{digest, media},
    },
    net::{runtime, wait},
};
use row::Request;
use tls::TlsListener;

/// Bytes of the layer: enough for a few ranges, cheap to hash.
const LAYER_LEN: usize = 200_000;
/// How long bytes may take from the server's buffer to the socket.
const FLUSH: Duration = Duration::from_millis(100);
/// The most of a form that is read.
const MAX_FORM: usize = 64 << 10;

/// The image that every registry here has.
pub struct Image {
    /// The manifest's bytes.
    pub manifest: Bytes,
    /// The configuration's bytes.
    pub config: Bytes,
    /// The layer's bytes: noise, which nobody here unpacks.
    pub layer: Bytes,
}

impl Image {
    fn new() -> Self {
        let layer = Bytes::from(Noise(7).bytes(LAYER_LEN));
        let config = json!({"architecture": "amd64", "os": "linux", "config": {},
            "rootfs": {"type": "layers", "diff_ids": [digest(&layer)]}});
        let config = Bytes::from(config.to_string());
        let manifest = json!({
            "schemaVersion": 2, "mediaType": media::MANIFEST,
            "config": {"mediaType": media::CONFIG, "digest": digest(&config), "size": config.len()},
            "layers": [{"mediaType": media::TAR, "digest": digest(&layer), "size": layer.len()}],
        });
        Self {
            manifest: Bytes::from(manifest.to_string()),
            config,
            layer,
        }
    }

    /// The tag under which what refers to the manifest is listed where there is no API.
    pub fn manifest_tag(&self) -> String {
        digest(&self.manifest).replace(':', "-")
    }

    /// Fills in digests and the request's host.
    fn fill(&self, text: &str, host: &str) -> String {
        text.replace("{manifest-tag}", &self.manifest_tag())
            .replace("{manifest}", &digest(&self.manifest))
            .replace("{config}", &digest(&self.config))
            .replace("{layer}", &digest(&self.layer))
            .replace("{host}", host)
    }
}

/// One request and its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// `GET host/path?query`, digests by their names in the table.
    pub line: String,
    /// The `Authorization` as it came.
    pub authorization: Option<String>,
    /// The `Range` as it came.
    pub range: Option<String>,
    /// The answer's status.
    pub status: u16,
    /// A row of the table was meant; nothing else should be asked.
    pub documented: bool,
}

struct Shared {
    image: Image,
    rows: Mutex<Vec<Row>>,
    asked: Mutex<Vec<Asked>>,
}

/// The running double.
pub struct Hosts {
    shared: Arc<Shared>,
    address: SocketAddr,
    authority: String,
    names: Vec<&'static str>,
    task: JoinHandle<()>,
}

impl Drop for Hosts {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Hosts {
    /// Starts a server for every host that the rows name.
    pub fn start(rows: &[Row]) -> Result<Self, Error> {
        let mut names: Vec<&'static str> = rows.iter().map(|row| row.host).collect();
        names.sort_unstable();
        names.dedup();
        let (acceptor, authority) = tls::certify(names.iter().map(ToString::to_string).collect())?;
        let shared = Arc::new(Shared {
            image: Image::new(),
            rows: Mutex::new(rows.to_vec()),
            asked: Mutex::default(),
        });
        let listener = wait(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
        let address = listener.local_addr()?;
        let router = Router::new().fallback(answer).with_state(shared.clone());
        let task = runtime().spawn(async move {
            let listener = TlsListener { listener, acceptor };
            // Ends only by the abort in `drop`.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self {
            shared,
            address,
            authority,
            names,
            task,
        })
    }

    /// Where every name leads.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The authority to trust, as PEM.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Every name.
    pub fn names(&self) -> &[&'static str] {
        &self.names
    }

    /// The image.
    pub fn image(&self) -> &Image {
        &self.shared.image
    }

    /// Puts rows before those that there are.
    pub fn change(&self, rows: &[Row]) {
        let mut all = self
            .shared
            .rows
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        all.splice(0..0, rows.iter().copied());
    }

    /// What was asked since the last call.
    pub fn take(&self) -> Vec<Asked> {
        let mut asked = self
            .shared
            .asked
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut asked)
    }
}

async fn answer(State(shared): State<Arc<Shared>>, request: HttpRequest) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, MAX_FORM).await.unwrap_or_default();
    let pairs = |bytes: &[u8]| form_urlencoded::parse(bytes).into_owned().collect();
    let text = |name: HeaderName| {
        let value = parts.headers.get(name)?;
        Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    let host = text(header::HOST).unwrap_or_default();
    let query = parts.uri.query().unwrap_or_default();
    let asked = Request {
        host: host.trim_end_matches(":443").to_owned(),
        method: parts.method.clone(),
        path: parts.uri.path().to_owned(),
        query: pairs(query.as_bytes()),
        form: pairs(&body),
        headers: parts.headers.clone(),
    };
    let rows = shared
        .rows
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    let image = &shared.image;
    let found = rows
        .iter()
        .find(|row| row.fits(&asked, &image.fill(row.path, &asked.host)));
    let response = match found {
        Some(row) => answer_from_row(image, row, &asked),
        None => Response::builder()
            .status(StatusCode::NOT_FOUND)
            .body(Body::from("404 page not found\n"))
            .unwrap_or_default(),
    };
    let mark = if query.is_empty() { "" } else { "?" };
    let mut line = format!("{} {}{}{mark}{query}", asked.method, asked.host, asked.path);
    for (name, bytes) in [
        ("{manifest}", &image.manifest),
        ("{config}", &image.config),
        ("{layer}", &image.layer),
    ] {
        line = line.replace(&digest(bytes), name);
    }
    line = line.replace(&image.manifest_tag(), "{manifest-tag}");
    let entry = Asked {
        line,
        authorization: text(header::AUTHORIZATION),
        range: text(header::RANGE),
        status: response.status().as_u16(),
        documented: found.is_some(),
    };
    shared
        .asked
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(entry);
    response
}

fn answer_from_row(image: &Image, row: &Row, asked: &Request) -> Response {
    let mut status = row.status;
    let mut more: Vec<(HeaderName, String)> = Vec::new();
    let body = match row.content {
        Content::Text(text) => Bytes::from(image.fill(text, &asked.host)),
        Content::Manifest => image.manifest.clone(),
        Content::Config => image.config.clone(),
        Content::WholeLayer => image.layer.clone(),
        Content::BreaksOff(len) => return broken_off(&image.layer, len),
        Content::Layer => match bounds(asked, image.layer.len()) {
            Some((first, last)) => {
                status = 206;
                let total = image.layer.len();
                more.push((
                    header::CONTENT_RANGE,
                    format!("bytes {first}-{last}/{total}"),
                ));
                image.layer.slice(first..=last)
            }
            None => image.layer.clone(),
        },
    };
    if let Content::Manifest = row.content {
        more.push((header::CONTENT_TYPE, media::MANIFEST.to_owned()));
    }
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::NOT_IMPLEMENTED);
    for (name, value) in more {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(name, value);
        }
    }
    for (name, value) in row.headers {
        let filled = HeaderValue::from_str(&image.fill(value, &asked.host));
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), filled) {
            response.headers_mut().append(name, value);
        }
    }
    response
}

/// The headers of the whole and only so many bytes.
fn broken_off(layer: &Bytes, len: usize) -> Response {
    let kept = layer.slice(..len.min(layer.len()));
    let broken = stream::once(async {
        // Time for the kept bytes to leave: an error at once would take them along.
        tokio::time::sleep(FLUSH).await;
        Err(io::Error::other("broken off on request"))
    });
    let body = Body::from_stream(stream::iter([Ok(kept)]).chain(broken));
    let mut response = Response::new(body);
    response
        .headers_mut()
        .insert(header::CONTENT_LENGTH, HeaderValue::from(layer.len()));
    response
}

/// First and last byte that `Range` asks for.
fn bounds(asked: &Request, total: usize) -> Option<(usize, usize)> {
    let range = asked.headers.get(header::RANGE)?.to_str().ok()?;
    let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    let first: usize = first.parse().ok()?;
    let last = last.parse().unwrap_or(usize::MAX).min(total - 1);
    (first <= last).then_some((first, last))
}
