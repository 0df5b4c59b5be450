//! `/api/v1/login`: signing in at a provider that the operator registered this proxy with, by
//! OAuth 2 authorization code with PKCE (RFC 6749, RFC 7636, OpenID Connect Core 1.0).
//!
//! The browser makes state, nonce and verifier, goes to the provider itself and keeps the tokens.
//! This proxy adds the client secret to the exchange of the code and to the renewal, and keeps
//! nothing: whoever answers the next request need not be who answered this one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Extension;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::{HeaderMap, HeaderValue, Method, header};
use hyper::body::Incoming;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;
use url::{Url, form_urlencoded};

use crate::Proxy;
use crate::budget::Place;
use crate::error::ProxyError;
use crate::limits::{ClientKey, MAX_TOKEN_BYTES};
use crate::params::Params;
use crate::provider::{Endpoints, Present, Provider, SecretIn, TokenKind};
use crate::target::{Registry, shown};
use crate::token::{answer, json_body};
use crate::upstream::{self, host_shown};

/// A discovery document: real ones have under 10 KiB.
const MAX_DISCOVERY_BYTES: usize = 64 << 10;
/// Providers announce changes of their endpoints long before.
const MAX_AGE: Duration = Duration::from_secs(10 * 60);
/// A redirect address: where the app is, and a file's name.
const MAX_REDIRECT_LEN: usize = 2048;
/// What ends an address that people are sent back to.
const CALLBACK: &str = "/callback.html";

/// What is known of a provider's endpoints.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Known {
    authorization: Url,
    token: Url,
    /// Where tokens are ended (RFC 7009).
    revocation: Option<Url>,
    issuer: Option<String>,
    /// It promises to name itself beside each code (RFC 9207).
    names_itself: bool,
    /// It can answer in the address's fragment, which no server's log sees.
    fragment: bool,
    secret_in: SecretIn,
}

/// Discovery documents that were read lately, by the provider's id.
#[derive(Default)]
pub struct Discoveries(Mutex<HashMap<String, (Arc<Known>, Instant)>>);

impl Discoveries {
    fn get(&self, id: &str) -> Option<Arc<Known>> {
        let map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (known, since) = map.get(id)?;
        (since.elapsed() < MAX_AGE).then(|| known.clone())
    }

    /// There are as many entries as providers at the most.
    fn put(&self, id: &str, known: Arc<Known>) {
        let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        map.insert(id.to_owned(), (known, Instant::now()));
    }
}

/// `GET`: who can be signed in at for `registry=`, or how to begin at `provider=`.
pub async fn offer(
    State(proxy): State<Arc<Proxy>>,
    Extension(client): Extension<ClientKey>,
    RawQuery(query): RawQuery,
) -> Result<Response, ProxyError> {
    let params = Params::from_query(query.as_deref())?;
    let provider = params.get("provider")?;
    if provider.is_some() && params.get("registry")?.is_some() {
        return Err(ProxyError::TargetInvalid(
            "Either registry or provider is wanted, not both.".into(),
        ));
    }
    let Some(id) = provider else {
        let registry: Registry = params.parsed("registry")?;
        proxy.check_served(&registry)?;
        let providers = proxy.config.providers.iter();
        let offered: Vec<Value> = providers
            .filter(|provider| provider.covers(&registry))
            .map(|provider| json!({"id": provider.id, "name": provider.name}))
            .collect();
        return Ok(answer(json!({"providers": offered}), None));
    };
    let provider = proxy.provider(id)?;
    let mut place = proxy.gate.request(client)?;
    let known = proxy.known(provider, &mut place);
    let known = proxy.in_time(provider, known).await?;
    let beginning = json!({
        "id": provider.id,
        "name": provider.name,
        "authorization_endpoint": known.authorization.as_str(),
        "client_id": provider.client_id,
        "scope": provider.scopes.join(" "),
        "parameters": provider.parameters,
        "issuer": known.issuer,
        "names_itself": known.names_itself,
        "response_mode": if known.fragment { "fragment" } else { "query" },
    });
    Ok(answer(beginning, Some(place)))
}

/// What the client sends. Not Debug: all of it is secret.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LoginRequest {
    provider: String,
    code: Option<String>,
    verifier: Option<String>,
    redirect_uri: Option<String>,
    refresh_token: Option<String>,
    revoke: Option<String>,
}

/// `POST`: a code, or a refresh token, for tokens; or a refresh token for nothing any more.
pub async fn exchange(
    State(proxy): State<Arc<Proxy>>,
    Extension(client): Extension<ClientKey>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ProxyError> {
    if proxy.config.providers.is_empty() {
        return Err(ProxyError::LoginNotConfigured(
            "This proxy has no sign-in page configured for any registry; use a user name and a token or password instead.".into(),
        ));
    }
    let request: LoginRequest = json_body(&headers, body, &proxy.config.limits).await?;
    let provider = proxy.provider(&request.provider)?;
    let form = form_from_request(&request)?;
    let mut place = proxy.gate.request(client)?;
    let revokes = request.revoke.is_some();
    let work = async {
        let known = proxy.known(provider, &mut place).await?;
        match revokes {
            true => proxy.revoke(provider, &known, form).await,
            false => {
                let tokens = proxy.ask_for_tokens(provider, &known, form, &mut place);
                tokens.await
            }
        }
    };
    let told = proxy.in_time(provider, work).await?;
    Ok(answer(told, Some(place)))
}

type Form = Vec<(&'static str, String)>;

fn form_from_request(request: &LoginRequest) -> Result<Form, ProxyError> {
    let invalid = |why: &str| ProxyError::TargetInvalid(why.to_owned());
    let visible = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
    match request {
        LoginRequest {
            code: Some(code),
            verifier: Some(verifier),
            redirect_uri: Some(redirect),
            refresh_token: None,
            revoke: None,
            ..
        } => {
            // RFC 7636, section 4.1.
            let unreserved = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
            if !(43..=128).contains(&verifier.len()) || !verifier.bytes().all(unreserved) {
                return Err(invalid("verifier has 43 to 128 unreserved characters."));
            }
            if !visible(code) {
                return Err(invalid("code has characters that no code has."));
            }
            let url = Url::parse(redirect).ok().filter(|url| {
                matches!(url.scheme(), "http" | "https")
                    && url.path().ends_with(CALLBACK)
                    && url.query().is_none()
                    && url.fragment().is_none()
                    && redirect.len() <= MAX_REDIRECT_LEN
            });
            if url.is_none() {
                return Err(invalid(
                    "redirect_uri is the address of an app's callback.html.",
                ));
            }
            Ok(vec![
                ("grant_type", "authorization_code".into()),
                ("code", code.clone()),
                ("code_verifier", verifier.clone()),
                ("redirect_uri", redirect.clone()),
            ])
        }
        LoginRequest {
            code: None,
            verifier: None,
            redirect_uri: None,
            refresh_token: Some(refresh),
            revoke: None,
            ..
        } => {
            if !visible(refresh) {
                return Err(invalid("refresh_token has characters that no token has."));
            }
            Ok(vec![
                ("grant_type", "refresh_token".into()),
                ("refresh_token", refresh.clone()),
            ])
        }
        LoginRequest {
            code: None,
            verifier: None,
            redirect_uri: None,
            refresh_token: None,
            revoke: Some(refresh),
            ..
        } => {
            if !visible(refresh) {
                return Err(invalid("revoke has characters that no token has."));
            }
            // RFC 7009, section 2.1.
            Ok(vec![
                ("token", refresh.clone()),
                ("token_type_hint", "refresh_token".into()),
            ])
        }
        _ => Err(invalid(
            "Either code, verifier and redirect_uri are wanted, or refresh_token, or revoke.",
        )),
    }
}

impl Proxy {
    fn provider(&self, id: &str) -> Result<&Provider, ProxyError> {
        let found = self.config.providers.iter().find(|p| p.id == id);
        found.ok_or_else(|| {
            ProxyError::LoginNotConfigured(format!(
                "This proxy has no provider {} configured.",
                shown(id)
            ))
        })
    }

    async fn in_time<T>(
        &self,
        provider: &Provider,
        work: impl Future<Output = Result<T, ProxyError>>,
    ) -> Result<T, ProxyError> {
        let limit = self.config.limits.total();
        tokio::time::timeout(limit, work).await.unwrap_or_else(|_| {
            let (name, seconds) = (&provider.name, limit.as_secs());
            Err(ProxyError::UpstreamTimeout(format!(
                "The sign-in at {name} took longer than {seconds} seconds."
            )))
        })
    }

    /// The endpoints of a provider, read from its discovery document when they are first needed.
    async fn known(
        &self,
        provider: &Provider,
        place: &mut Place,
    ) -> Result<Arc<Known>, ProxyError> {
        let issuer = match &provider.endpoints {
            Endpoints::Given {
                authorization,
                token,
                revocation,
                issuer,
            } => {
                let revocation = revocation.as_deref();
                for url in [authorization, token].into_iter().chain(revocation) {
                    self.check_endpoint(provider, url, url)?;
                }
                return Ok(Arc::new(Known {
                    authorization: authorization.clone(),
                    token: token.clone(),
                    revocation: revocation.cloned(),
                    issuer: issuer.clone(),
                    names_itself: false,
                    fragment: false,
                    secret_in: provider.secret_in.unwrap_or(SecretIn::Header),
                }));
            }
            Endpoints::Discovered { issuer } => issuer,
        };
        if let Some(known) = self.discoveries.get(&provider.id) {
            return Ok(known);
        }
        let text = format!(
            "{}/.well-known/openid-configuration",
            issuer.trim_end_matches('/')
        );
        let bad = |why: &str| {
            ProxyError::UpstreamInvalid(format!(
                "The sign-in at {} cannot be used: {why}.",
                provider.name
            ))
        };
        let url = Url::parse(&text).map_err(|_| bad("its issuer is no address"))?;
        self.check_endpoint(provider, &url, &url)?;
        let host = host_shown(&url);
        self.gate.upstream(&host)?;
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        let response = self.upstream.send(&Method::GET, &url, headers).await?;
        let status = response.status().as_u16();
        if status != 200 {
            return Err(bad(&format!(
                "{host} answers {status} when asked for its discovery document"
            )));
        }
        let body = response.into_body();
        let body = upstream::read_bounded(body, MAX_DISCOVERY_BYTES, &host, place).await?;
        let mut known =
            known_from_document(&body, issuer, provider.secret_in).map_err(|why| bad(&why))?;
        for endpoint in [&known.authorization, &known.token] {
            self.check_endpoint(provider, endpoint, &url)?;
        }
        // One can sign in without it.
        known
            .revocation
            .take_if(|at| self.check_endpoint(provider, at, &url).is_err());
        let known = Arc::new(known);
        self.discoveries.put(&provider.id, known.clone());
        Ok(known)
    }

    /// https to a public host, as for everything that this proxy asks or names.
    fn check_endpoint(
        &self,
        provider: &Provider,
        url: &Url,
        origin: &Url,
    ) -> Result<(), ProxyError> {
        self.policy.check_foreign(url, origin).map_err(|why| {
            ProxyError::RealmRefused(format!(
                "{} has an endpoint at {} that is not asked: {why}.",
                provider.name,
                host_shown(url)
            ))
        })
    }

    async fn ask_for_tokens(
        &self,
        provider: &Provider,
        known: &Known,
        form: Form,
        place: &mut Place,
    ) -> Result<Value, ProxyError> {
        let host = host_shown(&known.token);
        let refreshing = form.iter().any(|(name, _)| *name == "refresh_token");
        let response = self.post_as_client(provider, known, &known.token, form);
        let response = response.await?;
        let status = response.status().as_u16();
        let body = response.into_body();
        let body = upstream::read_bounded(body, MAX_TOKEN_BYTES, &host, place).await?;
        match status {
            200 => tokens_from_body(provider, &body, &host, refreshing),
            400 | 401 => Err(refusal(provider, &body, refreshing)),
            429 => Err(ProxyError::RateLimited(
                format!("{host} says that there were too many sign-ins."),
                Duration::from_secs(30),
            )),
            status => Err(ProxyError::UpstreamInvalid(format!(
                "{host} answers {status} when asked for tokens."
            ))),
        }
    }

    /// Ends a sign-in at a provider that can (RFC 7009); says whether it could.
    async fn revoke(
        &self,
        provider: &Provider,
        known: &Known,
        form: Form,
    ) -> Result<Value, ProxyError> {
        let Some(url) = &known.revocation else {
            return Ok(json!({"revoked": false}));
        };
        let response = self.post_as_client(provider, known, url, form).await?;
        match response.status().as_u16() {
            // Also for a token that was none any more.
            200 => Ok(json!({"revoked": true})),
            status => Err(ProxyError::UpstreamInvalid(format!(
                "{} answers {status} when a sign-in is to be ended.",
                host_shown(url)
            ))),
        }
    }

    /// Sends a form as the client that the provider knows.
    async fn post_as_client(
        &self,
        provider: &Provider,
        known: &Known,
        url: &Url,
        mut form: Form,
    ) -> Result<http::Response<Incoming>, ProxyError> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        match &provider.client_secret {
            Some(secret) if known.secret_in == SecretIn::Header => {
                // RFC 6749, section 2.3.1: both are form-encoded before they are joined.
                let encoded = |text: &str| {
                    form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>()
                };
                let pair = format!(
                    "{}:{}",
                    encoded(&provider.client_id),
                    encoded(secret.expose())
                );
                if let Ok(mut value) =
                    HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(pair)))
                {
                    value.set_sensitive(true);
                    headers.insert(header::AUTHORIZATION, value);
                }
            }
            secret => {
                form.push(("client_id", provider.client_id.clone()));
                if let Some(secret) = secret {
                    form.push(("client_secret", secret.expose().to_owned()));
                }
            }
        }
        self.gate.upstream(&host_shown(url))?;
        let text = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .finish();
        self.upstream.post_form(url, headers, text).await
    }
}

/// OpenID Connect Discovery 1.0, section 3.
fn known_from_document(
    body: &[u8],
    issuer: &str,
    secret_in: Option<SecretIn>,
) -> Result<Known, String> {
    let value: Value =
        serde_json::from_slice(body).map_err(|_| "its discovery document is not JSON")?;
    let text = |name: &str| value.get(name).and_then(Value::as_str);
    // Section 4.3: else one host could speak for another.
    if text("issuer") != Some(issuer) {
        return Err("its discovery document names another issuer".into());
    }
    let url = |name: &str| {
        let url = text(name).and_then(|text| Url::parse(text).ok());
        url.ok_or_else(|| format!("its discovery document has no {name}"))
    };
    let lists = |name: &str, word: &str| {
        let list = value.get(name).and_then(Value::as_array);
        list.map(|list| list.iter().any(|one| one == word))
    };
    if lists("code_challenge_methods_supported", "S256") == Some(false) {
        return Err("it does not support PKCE with S256".into());
    }
    let methods = |word| lists("token_endpoint_auth_methods_supported", word);
    // Where nothing is said it is the header.
    let in_header = methods("client_secret_basic").unwrap_or(true);
    let in_body = methods("client_secret_post").unwrap_or(false);
    Ok(Known {
        authorization: url("authorization_endpoint")?,
        token: url("token_endpoint")?,
        revocation: url("revocation_endpoint").ok(),
        issuer: Some(issuer.to_owned()),
        names_itself: value.get("authorization_response_iss_parameter_supported")
            == Some(&Value::Bool(true)),
        fragment: lists("response_modes_supported", "fragment") == Some(true),
        secret_in: secret_in.unwrap_or(match (in_header, in_body) {
            (false, true) => SecretIn::Body,
            _ => SecretIn::Header,
        }),
    })
}

/// What the browser keeps: how the token is presented, and how it is renewed.
fn tokens_from_body(
    provider: &Provider,
    body: &[u8],
    host: &str,
    refreshing: bool,
) -> Result<Value, ProxyError> {
    let invalid =
        |why: &str| ProxyError::UpstreamInvalid(format!("The token answer of {host} {why}."));
    let value: Value = serde_json::from_slice(body).map_err(|_| invalid("is not JSON"))?;
    let text = |name: &str| {
        let text = value.get(name).and_then(Value::as_str);
        text.filter(|text| !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic()))
    };
    let expires = value
        .get("expires_in")
        .and_then(|v| v.as_u64().or_else(|| v.as_str()?.parse().ok()));
    let (token, expires) = match provider.token {
        TokenKind::Access => (text("access_token"), expires),
        TokenKind::Id => {
            let token = text("id_token");
            (token, token.and_then(seconds_left).or(expires))
        }
    };
    let token = token.ok_or_else(|| invalid("has no token that the registry takes"))?;
    let mut out = json!({
        "present": match provider.present {
            Present::Basic => "basic",
            Present::Bearer => "bearer",
        },
        "username": provider.username,
        "password": token,
        "expires_in": expires,
        "refresh_token": text("refresh_token"),
    });
    if !refreshing {
        // For its nonce, which the browser alone knows.
        out["id_token"] = text("id_token").into();
    }
    Ok(out)
}

/// How long an ID token is still good, by its own word and this machine's clock.
fn seconds_left(token: &str) -> Option<u64> {
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: Value = serde_json::from_slice(&payload).ok()?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs();
    Some(claims.get("exp")?.as_u64()?.saturating_sub(now))
}

/// RFC 6749, section 5.2. The provider's prose is left out: the code says what happened.
fn refusal(provider: &Provider, body: &[u8], refreshing: bool) -> ProxyError {
    let value: Value = serde_json::from_slice(body).unwrap_or_default();
    let code = value.get("error").and_then(Value::as_str).unwrap_or("?");
    let name = &provider.name;
    match code {
        "invalid_grant" if refreshing => ProxyError::Unauthorized(format!(
            "{name} does not renew this sign-in (invalid_grant): it has run out or was ended."
        )),
        "invalid_grant" => ProxyError::Unauthorized(format!(
            "{name} does not accept the code (invalid_grant): it was used before, or is too old."
        )),
        _ => ProxyError::UpstreamInvalid(format!(
            "{name} refuses the exchange ({}): this proxy's client id, secret or redirect address may not be the registered ones; its operator has to look.",
            shown(code)
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = r#"{"issuer":"https://a.io","authorization_endpoint":"https://a.io/auth",
        "token_endpoint":"https://b.io/token","response_modes_supported":["query","fragment"],
        "authorization_response_iss_parameter_supported":true}"#;

    #[track_caller]
    fn document(from: &str, to: &str, expect: Result<(SecretIn, bool), &str>) {
        let text = DOCUMENT.replacen(from, to, 1);
        let got = known_from_document(text.as_bytes(), "https://a.io", None);
        let got = got.map(|known| (known.secret_in, known.fragment));
        assert_eq!(got, expect.map_err(str::to_owned), "{to}");
    }

    #[test]
    fn documents() {
        document("", "", Ok((SecretIn::Header, true)));
        document("_modes", "_moods", Ok((SecretIn::Header, false)));
        let methods = |list: &str| format!("{{\"token_endpoint_auth_methods_supported\":[{list}],");
        document(
            "{",
            &methods("\"client_secret_post\""),
            Ok((SecretIn::Body, true)),
        );
        let both = methods("\"client_secret_post\",\"client_secret_basic\"");
        document("{", &both, Ok((SecretIn::Header, true)));
        let other = Err("its discovery document names another issuer");
        document("https://a.io", "https://a.io/", other);
        let none = Err("its discovery document has no token_endpoint");
        document("https://b.io", "b.io", none);
        let pkce = "{\"code_challenge_methods_supported\":[\"plain\"],";
        document("{", pkce, Err("it does not support PKCE with S256"));
        document("{", "[", Err("its discovery document is not JSON"));
    }

    #[test]
    fn an_id_token_says_how_long_it_is_good() {
        let token = |claims: &str| format!("h.{}.s", URL_SAFE_NO_PAD.encode(claims));
        assert_eq!(seconds_left(&token(r#"{"exp":1}"#)), Some(0));
        let later = seconds_left(&token(r#"{"exp":99999999999}"#));
        assert!(later > Some(1_000_000));
        for bad in ["", "a.b", &token("{}"), &token("x")] {
            assert_eq!(seconds_left(bad), None, "{bad}");
        }
    }
}
