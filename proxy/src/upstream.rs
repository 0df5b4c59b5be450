//! One request to one host: the client, its TLS roots, its errors in our words, bounded bodies.

use std::error::Error as StdError;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Method, Request, Response, header};
use http_body::Body as _;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use url::Url;

use crate::budget::{Place, UNCOUNTED_BYTES};
use crate::config::ConfigError;
use crate::connect::{ConnectProblem, Connector, Resolver};
use crate::error::ProxyError;
use crate::limits::{Limits, MAX_HEADER_BYTES};
use crate::policy::Policy;
use crate::sip::Sipping;

/// Connections kept to one host while nobody uses them: as many as one client may have streams.
const MAX_IDLE_CONNECTIONS: usize = 64;

/// Room for an answer of unknown length at first.
const FIRST_BYTES: usize = 4 << 10;

/// How long such a connection is kept. The pages of a listing and the files of a layer come one
/// right after the other; what comes later can connect again.
const IDLE: Duration = Duration::from_secs(10);

/// How the proxy names itself to registries.
const USER_AGENT: &str = concat!("layerscope-proxy/", env!("CARGO_PKG_VERSION"));

/// The HTTP client behind every request that leaves this machine.
#[derive(Clone)]
pub struct Upstream {
    client: Client<Sipping<HttpsConnector<Connector>>, Full<Bytes>>,
    limits: Limits,
}

impl Upstream {
    /// A client with the built-in roots and those of `ca_file`. HTTP/1.1 alone: one connection
    /// a stream, so that a slow reader holds up nobody else's.
    pub fn new(
        policy: Arc<Policy>,
        resolver: Arc<dyn Resolver>,
        limits: Limits,
        ca_file: Option<&Path>,
    ) -> Result<Self, ConfigError> {
        let connector = Connector::new(policy, resolver, limits.connect());
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls_config(ca_file)?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_max_idle_per_host(MAX_IDLE_CONNECTIONS)
            .http1_max_buf_size(MAX_HEADER_BYTES)
            .pool_idle_timeout(IDLE)
            .build(Sipping::new(connector, limits.kept_connections));
        Ok(Self { client, limits })
    }

    /// Sends one request without following anything, and waits for the answer's head.
    ///
    /// # Errors
    /// Connecting failed or was refused, the head took too long, or it is no HTTP.
    pub async fn send(
        &self,
        method: &Method,
        url: &Url,
        headers: HeaderMap,
    ) -> Result<Response<Incoming>, ProxyError> {
        self.send_with(method, url, headers, Bytes::new()).await
    }

    /// Sends a form, likewise: only token servers get one.
    ///
    /// # Errors
    /// As [`Upstream::send`].
    pub async fn post_form(
        &self,
        url: &Url,
        mut headers: HeaderMap,
        form: String,
    ) -> Result<Response<Incoming>, ProxyError> {
        let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(header::CONTENT_TYPE, kind);
        self.send_with(&Method::POST, url, headers, form.into())
            .await
    }

    async fn send_with(
        &self,
        method: &Method,
        url: &Url,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Response<Incoming>, ProxyError> {
        let host = host_shown(url);
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method.clone();
        *request.uri_mut() = url.as_str().parse().map_err(|problem| {
            ProxyError::UpstreamInvalid(format!(
                "{host} has no address that can be asked: {problem}"
            ))
        })?;
        *request.headers_mut() = headers;
        let fixed = request.headers_mut();
        fixed.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
        fixed.insert(
            header::ACCEPT_ENCODING,
            HeaderValue::from_static("identity"),
        );
        let started = std::time::Instant::now();
        let answer = tokio::time::timeout(self.limits.total(), self.client.request(request)).await;
        let answer = answer.map_err(|_| {
            let limit = self.limits.total_s;
            ProxyError::UpstreamTimeout(format!("{host} did not answer within {limit} seconds."))
        })?;
        let response = answer.map_err(|error| explain(&host, &error))?;
        let (status, ms) = (response.status().as_u16(), started.elapsed().as_millis());
        tracing::debug!(%method, host, status, ms, "asked");
        check_encoding(&host, response.headers())?;
        Ok(response)
    }
}

fn tls_config(ca_file: Option<&Path>) -> Result<ClientConfig, ConfigError> {
    let mut roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    if let Some(path) = ca_file {
        let bad = |problem: String| ConfigError::File {
            path: path.to_owned(),
            problem,
        };
        let before = roots.len();
        for found in CertificateDer::pem_file_iter(path).map_err(|e| bad(e.to_string()))? {
            let certificate = found.map_err(|e| bad(e.to_string()))?;
            roots.add(certificate).map_err(|e| bad(e.to_string()))?;
        }
        if roots.len() == before {
            return Err(bad("there is no certificate in it".into()));
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| ConfigError::Value {
            flag: "--ca-file",
            value: String::new(),
            problem: error.to_string(),
        })?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
}

/// An answer whose bytes are not the content's would fail every digest: refuse it by name.
fn check_encoding(host: &str, headers: &HeaderMap) -> Result<(), ProxyError> {
    let identity = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"identity");
    if headers
        .get_all(header::CONTENT_ENCODING)
        .iter()
        .all(identity)
    {
        return Ok(());
    }
    Err(ProxyError::UpstreamInvalid(format!(
        "{host} sent a Content-Encoding although none was asked for: its bytes are not the content's."
    )))
}

/// Host and port of a URL, for messages and logs: never path or query.
pub fn host_shown(url: &Url) -> String {
    let host = url.host_str().unwrap_or("?");
    url.port()
        .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// Finds what went wrong in the layers of a client error.
fn explain(host: &str, error: &(dyn StdError + 'static)) -> ProxyError {
    let mut at = Some(error);
    let mut last = error.to_string();
    while let Some(current) = at {
        if let Some(problem) = current.downcast_ref::<ConnectProblem>() {
            return error_from_connect(problem);
        }
        if let Some(tls) = current.downcast_ref::<rustls::Error>() {
            return ProxyError::TlsFailed(format!(
                "The TLS handshake with {host} failed: {tls}. A registry with a certificate of its own needs --ca-file; one without TLS needs --plain-http."
            ));
        }
        last = current.to_string();
        // An io::Error hides what it wraps from source().
        let inner = current
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::get_ref);
        at = match inner {
            Some(inner) => Some(inner as &(dyn StdError + 'static)),
            None => current.source(),
        };
    }
    ProxyError::ConnectFailed(format!(
        "The connection to {host} broke before it answered: {last}."
    ))
}

fn error_from_connect(problem: &ConnectProblem) -> ProxyError {
    let text = format!("The registry or its storage cannot be reached: {problem}.");
    match problem {
        ConnectProblem::NotAHost(_) => ProxyError::TargetInvalid(text),
        ConnectProblem::Refused { .. } => ProxyError::AddressRefused(text),
        ConnectProblem::Dns { .. } => ProxyError::DnsFailed(text),
        ConnectProblem::Connect { .. } => ProxyError::ConnectFailed(text),
        ConnectProblem::Timeout { .. } => ProxyError::UpstreamTimeout(text),
    }
}

/// Reads a whole body of at most `most` bytes into a place that is counted.
///
/// # Errors
/// It is longer, there is no room for it, or the connection broke.
pub async fn read_bounded(
    mut body: Incoming,
    most: usize,
    host: &str,
    place: &mut Place,
) -> Result<Vec<u8>, ProxyError> {
    // What a registry promises is believed only as far as it is not counted.
    let promised = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    let mut all = Vec::with_capacity(promised.clamp(FIRST_BYTES, UNCOUNTED_BYTES).min(most));
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            ProxyError::ConnectFailed(format!(
                "The connection to {host} broke inside its answer: {error}."
            ))
        })?;
        let Some(data) = frame.data_ref() else {
            continue;
        };
        let len = all.len() + data.len();
        if len > most {
            return Err(ProxyError::BodyTooLarge(format!(
                "{host} sent more than the {most} bytes that this kind of answer may have."
            )));
        }
        if len > all.capacity() {
            // Doubled, as a Vec does by itself, but counted before it is taken.
            let capacity = (all.capacity() * 2).clamp(len, most);
            place.grow(capacity)?;
            all.reserve_exact(capacity - all.len());
        }
        all.extend_from_slice(data);
    }
    Ok(all)
}

/// Reads the start of a body that only explains an error: what does not fit or arrive is left.
pub async fn read_start(body: Incoming, most: usize) -> Bytes {
    let mut body = body;
    let mut all = BytesMut::new();
    while let Some(Ok(frame)) = body.frame().await {
        if let Some(data) = frame.data_ref() {
            all.extend_from_slice(&data[..data.len().min(most - all.len())]);
        }
        if all.len() == most {
            break;
        }
    }
    all.freeze()
}
