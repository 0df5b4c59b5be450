//! `POST /api/v1/token`: the client names registry, repository and scope; the proxy reads the
//! registry's own challenge and asks the realm that it names. The client never names a realm.
//!
//! Source: distribution's token authentication specification, by GET and, for a refresh token, by
//! OAuth2 POST. Nothing here is logged or kept.

use std::sync::Arc;

use axum::Extension;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use hyper::body::Incoming;
use serde::Deserialize;
use serde_json::{Value, json};
use url::{Url, form_urlencoded};

use crate::Proxy;
use crate::budget::Place;
use crate::error::ProxyError;
use crate::limits::{ClientKey, Limits, MAX_REQUEST_BYTES, MAX_TOKEN_BYTES};
use crate::realm::Scheme;
use crate::target::{Registry, Repository, shown};
use crate::upstream::{self, host_shown};

/// Scopes of one token: a copy between repositories needs two.
const MAX_SCOPES: usize = 8;
/// A scope names a repository of up to 255 bytes and a few actions.
const MAX_SCOPE_LEN: usize = 512;
/// Seconds that a token lives where the realm does not say (token specification).
const DEFAULT_EXPIRES_S: u64 = 60;
/// The client_id that realms see.
const CLIENT_ID: &str = "layerscope";

/// What the client asks. Not Debug: it can hold a password.
#[derive(Deserialize)]
struct TokenRequest {
    registry: String,
    repository: Option<String>,
    #[serde(default)]
    scope: Vec<String>,
    username: Option<String>,
    password: Option<String>,
}

/// The user name that says that the password is a refresh (identity) token: docker's own word.
const IDENTITY_USER: &str = "<token>";

/// The handler.
pub async fn token(
    State(proxy): State<Arc<Proxy>>,
    Extension(client): Extension<ClientKey>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ProxyError> {
    let limits = &proxy.config.limits;
    let request: TokenRequest = json_body(&headers, body, limits).await?;
    let registry: Registry = request.registry.parse()?;
    let repository: Option<Repository> =
        request.repository.as_deref().map(str::parse).transpose()?;
    let scopes = checked_scopes(&request.scope)?;
    let credentials = basic_header(request.username.as_deref(), request.password.as_deref())?;
    let refresh = match request.username.as_deref() {
        Some(IDENTITY_USER) => request.password.as_deref(),
        _ => None,
    };
    proxy.check_served(&registry)?;
    if registry.is_sample() {
        return Ok(answer(json!({"scheme": "none"}), None));
    }
    let mut place = proxy.gate.request(client)?;
    proxy.gate.upstream(&registry.to_string())?;
    let limit = limits.total();
    let work = async {
        match proxy.scheme(&registry, repository.as_ref()).await? {
            Scheme::None => Ok(json!({"scheme": "none"})),
            Scheme::Basic => Ok(json!({"scheme": "basic"})),
            Scheme::Bearer {
                realm,
                service,
                scope,
            } => {
                let scopes = if scopes.is_empty() {
                    scope.and_then(|s| read_scope(&s)).into_iter().collect()
                } else {
                    scopes
                };
                let realm = proxy.checked_realm(&registry, &realm, credentials.is_some())?;
                let service = service.as_deref();
                if let Some(refresh) = refresh {
                    let asked = (service, scopes.as_slice(), refresh);
                    let by_post = proxy.refresh(&realm, asked, &mut place).await?;
                    if let Some(answer) = by_post {
                        return Ok(answer);
                    }
                }
                let asked = (service, scopes.as_slice(), credentials);
                proxy.exchange(realm, asked, &mut place).await
            }
        }
    };
    let found = tokio::time::timeout(limit, work)
        .await
        .unwrap_or_else(|_| {
            let seconds = limit.as_secs();
            Err(ProxyError::UpstreamTimeout(format!(
                "No token for {registry} came within {seconds} seconds."
            )))
        })?;
    Ok(answer(found, Some(place)))
}

/// A JSON body of a request that can hold a secret. While it comes it takes up its connection and
/// no more: who sends it slowly keeps nobody from asking.
pub async fn json_body<T: serde::de::DeserializeOwned>(
    headers: &HeaderMap,
    body: Body,
    limits: &Limits,
) -> Result<T, ProxyError> {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let essence = kind
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default()
        .trim();
    // Only a preflighted request can carry this type from another origin.
    if !essence.eq_ignore_ascii_case("application/json") {
        return Err(ProxyError::TargetInvalid(
            "The body must be application/json.".into(),
        ));
    }
    let come = tokio::time::timeout(limits.head(), to_bytes(body, MAX_REQUEST_BYTES)).await;
    let come = come.map_err(|_| {
        let seconds = limits.head_s;
        ProxyError::RequestTimeout(format!("The body did not come within {seconds} seconds."))
    })?;
    let bytes = come.map_err(|_| {
        ProxyError::RequestTooLarge(format!(
            "The body is over {MAX_REQUEST_BYTES} bytes, or ended early."
        ))
    })?;
    // The parser's own message can quote the input, and the input can be a password.
    serde_json::from_slice(&bytes).map_err(|problem| {
        let (line, column) = (problem.line(), problem.column());
        ProxyError::TargetInvalid(format!(
            "The body is not the JSON that is expected (line {line}, column {column})."
        ))
    })
}

/// An answer that no cache keeps, and its place among the requests, if it has one.
pub fn answer(body: Value, place: Option<Place>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    let body = body.to_string().into_bytes();
    let body = match place {
        Some(place) => place.hold(body),
        None => body.into(),
    };
    (StatusCode::OK, headers, body).into_response()
}

/// `Basic …` of a user name and password (RFC 7617).
fn basic_header(
    user: Option<&str>,
    password: Option<&str>,
) -> Result<Option<HeaderValue>, ProxyError> {
    let invalid = |why: &str| Err(ProxyError::TargetInvalid(why.to_owned()));
    let (user, password) = match (user, password) {
        (None, None) => return Ok(None),
        (Some(user), Some(password)) => (user, password),
        _ => return invalid("username and password belong together."),
    };
    if user.contains(':') || user.chars().chain(password.chars()).any(char::is_control) {
        return invalid("The user name has a colon, or one of them a control character.");
    }
    let text = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
    match HeaderValue::from_str(&text) {
        Ok(mut value) => {
            value.set_sensitive(true);
            Ok(Some(value))
        }
        Err(_) => invalid("The credentials cannot be sent in a header."),
    }
}

fn checked_scopes(scopes: &[String]) -> Result<Vec<String>, ProxyError> {
    if scopes.len() > MAX_SCOPES {
        return Err(ProxyError::TargetInvalid(format!(
            "More than {MAX_SCOPES} scopes."
        )));
    }
    let all = scopes
        .iter()
        .flat_map(|scope| scope.split_ascii_whitespace());
    all.map(|scope| {
        read_scope(scope).ok_or_else(|| {
            ProxyError::TargetInvalid(format!(
                "{} is not a scope for reading, such as repository:library/debian:pull.",
                shown(scope)
            ))
        })
    })
    .collect()
}

/// `type:name:actions` without the actions that write; none if nothing is left. A word of its own
/// (public ECR's `aws`) names no action, so that nothing is asked by it but what everybody has.
fn read_scope(scope: &str) -> Option<String> {
    let word = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    if !scope.is_empty() && scope.len() <= MAX_SCOPE_LEN && scope.bytes().all(word) {
        return Some(scope.to_owned());
    }
    let (rest, actions) = scope.rsplit_once(':')?;
    let (kind, name) = rest.split_once(':')?;
    let class = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'(' | b')');
    let named = |b: u8| b.is_ascii_alphanumeric() || b"._-/:".contains(&b);
    let fits = scope.len() <= MAX_SCOPE_LEN
        && !kind.is_empty()
        && kind.bytes().all(class)
        && !name.is_empty()
        && name.bytes().all(named);
    if !fits {
        return None;
    }
    let reads = |action: &&str| {
        let plain = action.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        let all = *action == "*" && kind == "registry";
        all || (plain && !action.is_empty() && !matches!(*action, "push" | "delete"))
    };
    let actions: Vec<&str> = actions.split(',').filter(reads).collect();
    (!actions.is_empty()).then(|| format!("{kind}:{name}:{}", actions.join(",")))
}

impl Proxy {
    async fn exchange(
        &self,
        mut realm: Url,
        (service, scopes, credentials): (Option<&str>, &[String], Option<HeaderValue>),
        place: &mut Place,
    ) -> Result<Value, ProxyError> {
        {
            let mut query = realm.query_pairs_mut();
            if let Some(service) = service {
                query.append_pair("service", service);
            }
            for scope in scopes {
                query.append_pair("scope", scope);
            }
            query.append_pair("client_id", CLIENT_ID);
        }
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        let signed_in = credentials.is_some();
        if let Some(credentials) = credentials {
            headers.insert(header::AUTHORIZATION, credentials);
        }
        let response = self.upstream.send(&Method::GET, &realm, headers).await?;
        let from = (&*host_shown(&realm), signed_in);
        token_answer(response, from, place).await
    }

    /// OAuth2 by POST with a refresh token; none where the realm does not know the POST.
    async fn refresh(
        &self,
        realm: &Url,
        (service, scopes, refresh): (Option<&str>, &[String], &str),
        place: &mut Place,
    ) -> Result<Option<Value>, ProxyError> {
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "refresh_token")
            .append_pair("service", service.unwrap_or_default())
            .append_pair("client_id", CLIENT_ID)
            .append_pair("scope", &scopes.join(" "))
            .append_pair("refresh_token", refresh)
            .finish();
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        let response = self.upstream.post_form(realm, headers, form);
        let response = response.await?;
        if matches!(response.status().as_u16(), 404 | 405) {
            return Ok(None);
        }
        let from = (&*host_shown(realm), true);
        token_answer(response, from, place).await.map(Some)
    }
}

async fn token_answer(
    response: http::Response<Incoming>,
    (host, signed_in): (&str, bool),
    place: &mut Place,
) -> Result<Value, ProxyError> {
    let (parts, body) = response.into_parts();
    match parts.status.as_u16() {
        200 => {
            let body = upstream::read_bounded(body, MAX_TOKEN_BYTES, host, place).await?;
            token_from_body(&body, host)
        }
        401 if signed_in => Err(ProxyError::Unauthorized(format!(
            "{host} does not accept this user name and password."
        ))),
        401 => Err(ProxyError::Unauthorized(format!(
            "{host} gives no token without a sign-in."
        ))),
        403 => Err(ProxyError::Denied(format!(
            "{host} refuses a token for this repository."
        ))),
        429 => {
            let seconds = parts
                .headers
                .get(header::RETRY_AFTER)
                .and_then(|v| v.to_str().ok()?.parse().ok());
            let wait = std::time::Duration::from_secs(seconds.unwrap_or(30));
            Err(ProxyError::RateLimited(
                format!("{host} says that too many tokens were asked for."),
                wait,
            ))
        }
        status @ 300..=399 => Err(ProxyError::UpstreamInvalid(format!(
            "{host} answers the request for a token with a redirect ({status}), which is not followed."
        ))),
        status => Err(ProxyError::UpstreamInvalid(format!(
            "{host} answers the request for a token with status {status}."
        ))),
    }
}

fn token_from_body(body: &[u8], host: &str) -> Result<Value, ProxyError> {
    let invalid =
        |why: &str| ProxyError::UpstreamInvalid(format!("The token answer of {host} {why}."));
    let value: Value = serde_json::from_slice(body).map_err(|_| invalid("is not JSON"))?;
    let named = |name: &str| {
        value
            .get(name)
            .and_then(Value::as_str)
            .filter(|t| !t.is_empty())
    };
    let token = named("token")
        .or_else(|| named("access_token"))
        .ok_or_else(|| invalid("has no token"))?;
    if !token.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(invalid("has a token that cannot be sent in a header"));
    }
    let expires = value
        .get("expires_in")
        .and_then(|v| v.as_u64().or_else(|| v.as_str()?.parse().ok()));
    let expires = expires
        .filter(|seconds| *seconds > 0)
        .unwrap_or(DEFAULT_EXPIRES_S);
    Ok(json!({"scheme": "bearer", "token": token, "expires_in": expires}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn scope(text: &str, expect: Option<&str>) {
        assert_eq!(read_scope(text).as_deref(), expect, "{text}");
    }

    #[test]
    fn scopes_read_only() {
        scope(
            "repository:library/debian:pull",
            Some("repository:library/debian:pull"),
        );
        scope("repository:a:pull,push", Some("repository:a:pull"));
        scope(
            "repository:a:metadata_read,pull",
            Some("repository:a:metadata_read,pull"),
        );
        scope(
            "repository(plugin):a/b:pull",
            Some("repository(plugin):a/b:pull"),
        );
        scope("registry:catalog:*", Some("registry:catalog:*"));
        scope(
            "repository:host:5000/a:pull",
            Some("repository:host:5000/a:pull"),
        );
        scope("aws", Some("aws"));
        for bad in [
            "",
            "a b",
            "a:b",
            "repository:a:push",
            "repository:a:*",
            "repository:a:",
            "repository::pull",
            ":a:pull",
            "repository:a b:pull",
            "repository:a&x=1:pull",
            "repository:a\n:pull",
        ] {
            scope(bad, None);
        }
        scope(&format!("repository:{}:pull", "a".repeat(600)), None);
    }

    #[track_caller]
    fn parsed(body: &str, expect: Option<(&str, u64)>) {
        let got = token_from_body(body.as_bytes(), "h").ok();
        let want =
            expect.map(|(token, s)| json!({"scheme": "bearer", "token": token, "expires_in": s}));
        assert_eq!(got, want, "{body}");
    }

    #[test]
    fn token_answers() {
        parsed(r#"{"token":"t","expires_in":300}"#, Some(("t", 300)));
        parsed(r#"{"access_token":"a"}"#, Some(("a", 60)));
        parsed(
            r#"{"token":"","access_token":"a","expires_in":0}"#,
            Some(("a", 60)),
        );
        parsed(
            r#"{"token":"t","access_token":"a","expires_in":"90"}"#,
            Some(("t", 90)),
        );
        parsed(r#"{"token":"t","expires_in":-1}"#, Some(("t", 60)));
        parsed(r#"{"token":"t\r\nx: y"}"#, None);
        parsed(r#"{"token":1}"#, None);
        parsed("{}", None);
        parsed("[]", None);
        parsed("<html>", None);
    }

    #[test]
    fn credentials() {
        let header = basic_header(Some("alice"), Some("sécret"))
            .unwrap()
            .unwrap();
        assert_eq!(header, format!("Basic {}", STANDARD.encode("alice:sécret")));
        assert!(header.is_sensitive());
        assert!(basic_header(None, None).unwrap().is_none());
        for (user, password) in [
            (Some("a"), None),
            (None, Some("b")),
            (Some("a:b"), Some("c")),
            (Some("a"), Some("b\n")),
        ] {
            assert!(basic_header(user, password).is_err());
        }
    }
}
