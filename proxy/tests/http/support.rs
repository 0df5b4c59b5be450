//! A registry double that records what it is asked, and a client for the proxy's router.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use clap::Parser;
use http::{HeaderMap, Method, StatusCode, header};
use layerscope_proxy::connect::BoxFuture;
use layerscope_proxy::{Args, Config, Proxy, Resolver, SystemResolver, router};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tower::ServiceExt;

/// What the double was asked.
#[derive(Debug, Clone)]
pub struct Seen {
    pub method: Method,
    /// Path and query.
    pub path: String,
    pub headers: HeaderMap,
    pub body: String,
}

impl Seen {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

/// A registry (or storage, or token server) that answers by a function.
pub struct Double {
    pub address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    task: JoinHandle<()>,
}

impl Drop for Double {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Double {
    pub async fn start(answer: impl Fn(&Seen) -> Response + Clone + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = seen.clone();
        let app = Router::new().fallback(move |request: Request| {
            let (log, answer) = (log.clone(), answer.clone());
            async move {
                let (parts, body) = request.into_parts();
                let body = to_bytes(body, 1 << 20).await.unwrap();
                let one = Seen {
                    method: parts.method,
                    path: parts.uri.to_string(),
                    headers: parts.headers,
                    body: String::from_utf8(body.to_vec()).unwrap(),
                };
                log.lock().unwrap().push(one.clone());
                answer(&one)
            }
        });
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self {
            address,
            seen,
            task,
        }
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub fn paths(&self) -> Vec<String> {
        self.seen().into_iter().map(|seen| seen.path).collect()
    }

    /// The flags with which the proxy may ask this double.
    pub fn flags(&self) -> String {
        format!("--allow-private {0} --plain-http {0} ", self.address)
    }
}

/// An answer of the double.
pub fn answer(status: u16, headers: &[(&str, &str)], body: impl Into<Body>) -> Response {
    let mut builder = Response::builder().status(status);
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    builder.body(body.into()).unwrap()
}

pub fn config(flags: &str) -> Config {
    let line = ["layerscope-proxy", "--listen", "127.0.0.1:0"];
    let line = line.into_iter().chain(flags.split_whitespace());
    Config::from_args(Args::try_parse_from(line).unwrap()).unwrap()
}

/// A proxy with a configuration file beside its flags.
pub fn proxy_with_file(flags: &str, file: &str) -> Router {
    let place = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(place.path(), file).unwrap();
    proxy(&format!("{flags} --config {}", place.path().display()))
}

pub fn proxy(flags: &str) -> Router {
    proxy_of(config(flags), Arc::new(SystemResolver))
}

pub fn proxy_of(config: Config, resolver: Arc<dyn Resolver>) -> Router {
    router(Proxy::new(config, resolver).unwrap())
}

/// A whole answer of the proxy.
#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Reply {
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.body.to_vec()).unwrap()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The proxy's own error: code and status belong together, the body says the same.
    #[track_caller]
    pub fn assert_error(&self, status: u16, code: &str) {
        assert_eq!(
            (self.status.as_u16(), self.header("x-layerscope-error")),
            (status, code),
            "{self:?}"
        );
        assert_eq!(self.json()["errors"][0]["code"], code);
        assert_eq!(self.header("cache-control"), "no-store");
    }
}

pub fn request(method: &str, path: &str, headers: &[(&str, &str)]) -> Request {
    let mut builder = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    builder.body(Body::empty()).unwrap()
}

pub async fn send(app: &Router, request: Request) -> Reply {
    let (parts, body) = app.clone().oneshot(request).await.unwrap().into_parts();
    let body = to_bytes(body, 64 << 20).await.unwrap();
    Reply {
        status: parts.status,
        headers: parts.headers,
        body,
    }
}

pub async fn get(app: &Router, path: &str) -> Reply {
    send(app, request("GET", path, &[])).await
}

pub async fn post_json(app: &Router, path: &str, body: &serde_json::Value) -> Reply {
    let request = Request::builder()
        .method("POST")
        .uri(path)
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(body.to_string()))
        .unwrap();
    send(app, request).await
}

/// A resolver that gives each name its addresses, one list after another.
#[derive(Default)]
pub struct Names(Mutex<HashMap<String, Vec<Vec<IpAddr>>>>);

impl Names {
    pub fn new(names: &[(&str, &[&str])]) -> Arc<Self> {
        let this = Self::default();
        for (name, turns) in names {
            let turns = turns
                .iter()
                .map(|ips| ips.split(',').map(|ip| ip.parse().unwrap()).collect());
            this.0
                .lock()
                .unwrap()
                .insert((*name).into(), turns.collect());
        }
        Arc::new(this)
    }
}

impl Resolver for Names {
    fn resolve(&self, name: &str, port: u16) -> BoxFuture<io::Result<Vec<SocketAddr>>> {
        let mut map = self.0.lock().unwrap();
        let found = map.get_mut(name).map(|turns| match turns.len() {
            1 => turns[0].clone(),
            _ => turns.remove(0),
        });
        let found = found.map(|ips| ips.iter().map(|ip| SocketAddr::new(*ip, port)).collect());
        Box::pin(async move { found.ok_or_else(|| io::Error::other("no such name")) })
    }
}

/// A digest for addresses whose content does not matter.
pub fn some_digest() -> String {
    format!("sha256:{}", "0123456789abcdef".repeat(4))
}
