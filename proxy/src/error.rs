//! What the proxy itself refuses or fails, as one typed error with a stable code.
//!
//! A registry's own answers (401, 404, 429 …) are not errors here: they pass through.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde_json::json;

/// Names the code of an error that the proxy made, so that a client can tell it from a registry's.
pub static ERROR_HEADER: HeaderName = HeaderName::from_static("x-layerscope-error");

/// A refusal or failure of the proxy. The text says what was tried, what happened, what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProxyError {
    /// The request does not name a target in the accepted grammar.
    #[error("{0}")]
    TargetInvalid(String),
    /// The operator did not allow this registry.
    #[error("{0}")]
    RegistryNotServed(String),
    /// A name leads only to addresses that are not public.
    #[error("{0}")]
    AddressRefused(String),
    /// A token endpoint that may not be asked, or not with credentials.
    #[error("{0}")]
    RealmRefused(String),
    /// A page of an origin that is not allowed called.
    #[error("{0}")]
    OriginRefused(String),
    /// The host name could not be resolved.
    #[error("{0}")]
    DnsFailed(String),
    /// No address accepted a connection, or the connection broke before an answer.
    #[error("{0}")]
    ConnectFailed(String),
    /// The TLS handshake failed.
    #[error("{0}")]
    TlsFailed(String),
    /// The registry took longer than the limit.
    #[error("{0}")]
    UpstreamTimeout(String),
    /// The registry's answer breaks the protocol.
    #[error("{0}")]
    UpstreamInvalid(String),
    /// A redirect to somewhere that may not be followed.
    #[error("{0}")]
    RedirectRefused(String),
    /// More hops than the limit.
    #[error("{0}")]
    TooManyRedirects(String),
    /// A body over its bound.
    #[error("{0}")]
    BodyTooLarge(String),
    /// Too many requests; the duration is when to try again.
    #[error("{0}")]
    RateLimited(String, Duration),
    /// Too many requests at once.
    #[error("{0}")]
    Busy(String),
    /// A sign-in form that this proxy has no configuration for.
    #[error("{0}")]
    LoginNotConfigured(String),
    /// The token endpoint did not accept the credentials.
    #[error("{0}")]
    Unauthorized(String),
    /// The token endpoint accepted the credentials and refuses the scope.
    #[error("{0}")]
    Denied(String),
    /// There is nothing under this address.
    #[error("{0}")]
    NotFound(String),
    /// This address does not know the method.
    #[error("{0}")]
    MethodNotAllowed(String),
    /// A request body over its bound, or a header block over it.
    #[error("{0}")]
    RequestTooLarge(String),
    /// A request body that does not come.
    #[error("{0}")]
    RequestTimeout(String),
}

impl ProxyError {
    /// The stable code, as in `x-layerscope-error` and in the body.
    pub fn code(&self) -> &'static str {
        self.parts().0
    }

    /// The HTTP status of the answer.
    pub fn status(&self) -> StatusCode {
        self.parts().1
    }

    fn parts(&self) -> (&'static str, StatusCode) {
        match self {
            Self::TargetInvalid(_) => ("TARGET_INVALID", StatusCode::BAD_REQUEST),
            Self::RegistryNotServed(_) => ("REGISTRY_NOT_SERVED", StatusCode::FORBIDDEN),
            Self::AddressRefused(_) => ("ADDRESS_REFUSED", StatusCode::FORBIDDEN),
            Self::RealmRefused(_) => ("REALM_REFUSED", StatusCode::FORBIDDEN),
            Self::OriginRefused(_) => ("ORIGIN_REFUSED", StatusCode::FORBIDDEN),
            Self::DnsFailed(_) => ("DNS_FAILED", StatusCode::BAD_GATEWAY),
            Self::ConnectFailed(_) => ("CONNECT_FAILED", StatusCode::BAD_GATEWAY),
            Self::TlsFailed(_) => ("TLS_FAILED", StatusCode::BAD_GATEWAY),
            Self::UpstreamTimeout(_) => ("UPSTREAM_TIMEOUT", StatusCode::GATEWAY_TIMEOUT),
            Self::UpstreamInvalid(_) => ("UPSTREAM_INVALID", StatusCode::BAD_GATEWAY),
            Self::RedirectRefused(_) => ("REDIRECT_REFUSED", StatusCode::BAD_GATEWAY),
            Self::TooManyRedirects(_) => ("TOO_MANY_REDIRECTS", StatusCode::BAD_GATEWAY),
            Self::BodyTooLarge(_) => ("BODY_TOO_LARGE", StatusCode::BAD_GATEWAY),
            Self::RateLimited(..) => ("RATE_LIMITED", StatusCode::TOO_MANY_REQUESTS),
            Self::Busy(_) => ("BUSY", StatusCode::SERVICE_UNAVAILABLE),
            Self::LoginNotConfigured(_) => ("LOGIN_NOT_CONFIGURED", StatusCode::NOT_IMPLEMENTED),
            Self::Unauthorized(_) => ("UNAUTHORIZED", StatusCode::UNAUTHORIZED),
            Self::Denied(_) => ("DENIED", StatusCode::FORBIDDEN),
            Self::NotFound(_) => ("NOT_FOUND", StatusCode::NOT_FOUND),
            Self::MethodNotAllowed(_) => ("METHOD_NOT_ALLOWED", StatusCode::METHOD_NOT_ALLOWED),
            Self::RequestTooLarge(_) => ("REQUEST_TOO_LARGE", StatusCode::PAYLOAD_TOO_LARGE),
            Self::RequestTimeout(_) => ("REQUEST_TIMEOUT", StatusCode::REQUEST_TIMEOUT),
        }
    }

    /// When to try again, in whole seconds of at least one, where that is known.
    fn retry_after_s(&self) -> Option<u64> {
        match self {
            Self::RateLimited(_, wait) => Some(wait.as_secs().saturating_add(1)),
            Self::Busy(_) => Some(1),
            _ => None,
        }
    }
}

/// The body that both this proxy and registries use for errors (distribution spec, error codes).
pub fn error_body(code: &str, message: &str) -> String {
    json!({"errors": [{"code": code, "message": message}]}).to_string()
}

impl IntoResponse for ProxyError {
    fn into_response(self) -> Response {
        let mut headers = HeaderMap::new();
        let json = HeaderValue::from_static("application/json");
        headers.insert(header::CONTENT_TYPE, json);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(&ERROR_HEADER, HeaderValue::from_static(self.code()));
        if let Some(seconds) = self.retry_after_s() {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if matches!(self, Self::RequestTimeout(_)) {
            // Whatever still comes is no request.
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        let body = error_body(self.code(), &self.to_string());
        (self.status(), headers, body).into_response()
    }
}
