//! What stands before and behind every API handler: who calls, how often, what the answer
//! carries, what is counted and logged.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, Method, StatusCode, header};

use crate::Proxy;
use crate::cors;
use crate::error::{ERROR_HEADER, ProxyError};
use crate::headers;
use crate::limits::ClientKey;

/// The API's routes, as they are counted and logged: never what a client sent.
pub const ROUTES: [&str; 9] = [
    "manifest",
    "blob",
    "tags",
    "catalog",
    "referrers",
    "listing",
    "token",
    "login",
    "info",
];

/// What a route of the API allows, for `Allow` (RFC 9110 section 10.2.1).
fn methods(route: &str) -> &'static str {
    match route {
        "manifest" | "blob" => "GET, HEAD, OPTIONS",
        "token" => "POST, OPTIONS",
        "login" => "GET, POST, OPTIONS",
        _ => "GET, OPTIONS",
    }
}

/// The middleware around the API.
pub async fn guard(State(proxy): State<Arc<Proxy>>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let method = request.method().clone();
    let last = request.uri().path().rsplit('/').next().unwrap_or_default();
    let route = ROUTES
        .iter()
        .copied()
        .find(|route| *route == last)
        .unwrap_or("other");
    let peer = request
        .extensions()
        .get::<ConnectInfo<SocketAddr>>()
        .map(|info| info.0.ip());
    // Without a peer (a call inside the process) all share one key.
    let peer = peer.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    let forwarders = &proxy.config.forwarders;
    let client = ClientKey::from_address(forwarders.client(peer, request.headers()));

    let origin = proxy.cors.check(request.headers());
    let allowed = origin.as_ref().ok().cloned().flatten();
    let mut response = match admit(&proxy, &method, client, origin) {
        Err(refusal) => refusal.into_response(),
        Ok(()) if method == Method::OPTIONS => proxy
            .cors
            .preflight(request.headers(), methods(route))
            .unwrap_or_else(IntoResponse::into_response),
        Ok(()) => {
            request.extensions_mut().insert(client);
            next.run(request).await
        }
    };

    let refused = response.status() == StatusCode::METHOD_NOT_ALLOWED;
    let out = response.headers_mut();
    if refused {
        out.insert(header::ALLOW, HeaderValue::from_static(methods(route)));
    }
    headers::harden(out);
    out.append(header::VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = allowed {
        cors::allow(out, origin);
        // CORS decides here; the resource policy would be a second, narrower one.
        out.insert(
            "cross-origin-resource-policy",
            HeaderValue::from_static("cross-origin"),
        );
    }
    let code = out
        .get(&ERROR_HEADER)
        .and_then(|code| code.to_str().ok())
        .unwrap_or_default();
    if !code.is_empty() {
        proxy.metrics.failed(code);
    }
    let status = response.status().as_u16();
    let code = response
        .headers()
        .get(&ERROR_HEADER)
        .and_then(|code| code.to_str().ok());
    proxy.metrics.answered(route, status);
    let ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    tracing::info!(%method, route, status, code, ms, "answered");
    // For whoever sets up a reverse proxy: who connects is no business of the usual log.
    tracing::debug!(%peer, "asked by");
    response
}

fn admit(
    proxy: &Proxy,
    method: &Method,
    client: ClientKey,
    origin: Result<Option<HeaderValue>, ProxyError>,
) -> Result<(), ProxyError> {
    if !cors::is_known_method(method) {
        return Err(method_not_allowed_error());
    }
    origin?;
    proxy.gate.client(client)
}

fn method_not_allowed_error() -> ProxyError {
    ProxyError::MethodNotAllowed(
        "Only GET, HEAD and OPTIONS are known here, and POST on token and login.".into(),
    )
}

/// An API address with another method than its own.
pub async fn method_not_allowed() -> ProxyError {
    method_not_allowed_error()
}

/// An address under `/api/` that is none.
pub async fn not_found() -> ProxyError {
    ProxyError::NotFound(
        "There is no such API address; GET /api/v1/info says what this proxy can do.".into(),
    )
}
