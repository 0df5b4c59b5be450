//! Tokens (distribution's token specification) and the small cache of them.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::challenge::Challenge;
use super::client::Credentials;
use super::docker_config::IDENTITY_USER;
use crate::path::encode_bytes;
use crate::port::HttpRequest;
use crate::reference::{Registry, Repository};

/// Most bytes of a token answer that are read; the proxy's bound.
pub const MAX_TOKEN_BYTES: u64 = 64 << 10;

/// The client_id that token servers see.
const CLIENT_ID: &str = "layerscope";

/// Seconds that a token is good for when nothing is said (token specification: `expires_in`).
pub const DEFAULT_EXPIRES_S: u64 = 60;

/// A token is renewed when this share of its time is over …
const RENEW_AT: f64 = 0.8;
/// … or when less than this many milliseconds are left, whichever comes first.
const RENEW_BEFORE_MS: f64 = 10_000.0;

/// Most headers kept; the oldest goes. A page looks at a few repositories.
const MAX_CACHED: usize = 64;

/// A way in: what comes out of asking for a token.
#[derive(Clone, PartialEq, Eq)]
pub enum TokenAnswer {
    /// A Bearer token.
    Bearer {
        /// The token.
        token: String,
        /// Seconds it is good for.
        expires_s: u64,
    },
    /// User name and password with each request.
    Basic,
    /// Nothing is needed.
    None,
}

/// The token itself reaches no log.
impl std::fmt::Debug for TokenAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            TokenAnswer::Bearer { expires_s, .. } => write!(f, "Bearer(.., {expires_s} s)"),
            TokenAnswer::Basic => f.write_str("Basic"),
            TokenAnswer::None => f.write_str("None"),
        }
    }
}

/// Reads the answer of a token server: `token` or `access_token`, `expires_in`.
pub fn parse_token(bytes: &[u8]) -> Result<TokenAnswer, &'static str> {
    let value = parse_object(bytes)?;
    let text = |key: &str| {
        let text = value.get(key).and_then(Value::as_str)?;
        (!text.is_empty()).then_some(text)
    };
    let token = text("token").or_else(|| text("access_token"));
    let token = token.ok_or("the token server's answer has no token")?;
    bearer(token, &value)
}

/// Reads the answer of the proxy: `scheme`, and for Bearer `token` and `expires_in`.
pub fn parse_proxy_token(bytes: &[u8]) -> Result<TokenAnswer, &'static str> {
    let value = parse_object(bytes)?;
    match value.get("scheme").and_then(Value::as_str) {
        Some("bearer") => {
            let token = value.get("token").and_then(Value::as_str);
            bearer(token.ok_or("the proxy's answer has no token")?, &value)
        }
        Some("basic") => Ok(TokenAnswer::Basic),
        Some("none") => Ok(TokenAnswer::None),
        _ => Err("the proxy's answer names no scheme"),
    }
}

fn parse_object(bytes: &[u8]) -> Result<Value, &'static str> {
    let value = serde_json::from_slice::<Value>(bytes);
    let value = value.map_err(|_| "the answer to the token request is not JSON")?;
    match value.is_object() {
        true => Ok(value),
        false => Err("the answer to the token request is not a JSON object"),
    }
}

fn bearer(token: &str, answer: &Value) -> Result<TokenAnswer, &'static str> {
    // It goes into a header: nothing may end that header early.
    if !token.bytes().all(|b| b.is_ascii_graphic()) {
        return Err("the token has characters that no token has");
    }
    let expires = answer.get("expires_in").and_then(Value::as_f64);
    let expires_s = match expires {
        // `as` saturates, and a day is more than any token lives.
        Some(s) if s >= 1.0 => (s as u64).min(86_400),
        _ => DEFAULT_EXPIRES_S,
    };
    Ok(TokenAnswer::Bearer {
        token: token.to_owned(),
        expires_s,
    })
}

/// The header value for Basic sign-in.
pub fn basic_header(credentials: &Credentials) -> String {
    let pair = format!("{}:{}", credentials.username, credentials.password);
    format!("Basic {}", STANDARD.encode(pair))
}

/// What the proxy is asked. A type of its own: what writes any JSON is more for the worker to load.
#[derive(serde::Serialize)]
struct ProxyAsk<'a> {
    registry: &'a Registry,
    #[serde(skip_serializing_if = "Option::is_none")]
    repository: Option<&'a str>,
    scope: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<&'a str>,
}

/// Asks the proxy for a token. Credentials are in the body, never in an address.
pub fn proxy_request(
    base: &str,
    registry: &Registry,
    repository: Option<&Repository>,
    scopes: &[String],
    credentials: Option<&Credentials>,
) -> HttpRequest {
    let body = ProxyAsk {
        registry,
        repository: repository.map(Repository::path),
        scope: scopes,
        username: credentials.map(|c| c.username.as_str()),
        password: credentials.map(|c| c.password.as_str()),
    };
    let url = super::endpoint::proxy_url(base, "token", &[]);
    // Texts alone can always be written.
    let body = serde_json::to_vec(&body).unwrap_or_default();
    HttpRequest::post(url, "application/json", body)
}

/// Why a challenge's realm is not asked, in direct mode.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RealmError {
    /// None given, or none that can be asked.
    #[error("the registry's challenge names no usable token server")]
    Unusable,
    /// Not https.
    #[error("the registry's token server {host} has no https")]
    NotHttps {
        /// Its host.
        host: String,
    },
    /// A stranger that would be sent the password.
    #[error(
        "the token server {host} is not known to belong to this registry, so the sign-in is not sent to it"
    )]
    Stranger {
        /// Its host.
        host: String,
    },
}

/// Token hosts that belong to a registry of another name: registry, token host.
const KNOWN_REALMS: [(&str, &str); 4] = [
    (crate::reference::DOCKER_HUB, "auth.docker.io"),
    ("registry.gitlab.com", "gitlab.com"),
    ("public.ecr.aws", "public.ecr.aws"),
    ("nvcr.io", "authn.nvidia.com"),
];

/// Asks a challenge's own token server, in direct mode. Credentials go to the registry's own host
/// and to those known to belong to it, to no one else. Where there are two requests, the second is
/// for a server that does not know the first.
pub fn direct_requests(
    registry: &Registry,
    plain_http: bool,
    challenge: &Challenge,
    scopes: &[String],
    credentials: Option<&Credentials>,
) -> Result<Vec<HttpRequest>, RealmError> {
    let realm = challenge.param("realm").ok_or(RealmError::Unusable)?;
    let (scheme, rest) = realm.split_once("://").ok_or(RealmError::Unusable)?;
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = host.to_ascii_lowercase();
    // The parser of hosts is strict: no user name, no odd spelling of an address.
    let host = Registry::parse(&host)
        .or_else(|_| Registry::parse(&format!("{host}:443")))
        .map_err(|_| RealmError::Unusable)?;
    let own = host == *registry || host.as_str() == registry.dial();
    match scheme.to_ascii_lowercase().as_str() {
        "https" => {}
        "http" if plain_http && (own || host.is_loopback()) => {}
        "http" => {
            let host = host.to_string();
            return Err(RealmError::NotHttps { host });
        }
        _ => return Err(RealmError::Unusable),
    }
    let known = KNOWN_REALMS
        .iter()
        .any(|(r, realm)| *r == registry.as_str() && *realm == host.as_str());
    let same_machine = host.is_loopback() && registry.is_loopback();
    if credentials.is_some() && !(own || known || same_machine) {
        let host = host.to_string();
        return Err(RealmError::Stranger { host });
    }
    let usable = |b: u8| b.is_ascii_graphic() && !b"\\\"<>^`{|}#".contains(&b);
    if !realm.bytes().all(usable) {
        return Err(RealmError::Unusable);
    }
    let mut url = realm.to_owned();
    let mut add = |name: &str, value: &str| {
        url.push(if url.contains('?') { '&' } else { '?' });
        url.push_str(name);
        url.push('=');
        url.push_str(&encode_bytes(value.as_bytes(), false));
    };
    if let Some(service) = challenge.param("service") {
        add("service", service);
    }
    for scope in scopes {
        add("scope", scope);
    }
    let get = HttpRequest::get(url);
    Ok(match credentials {
        Some(c) if c.username == IDENTITY_USER => {
            let post = refresh_request(realm, challenge, scopes, &c.password);
            vec![post, get.with_header("authorization", basic_header(c))]
        }
        Some(c) => vec![get.with_header("authorization", basic_header(c))],
        None => vec![get],
    })
}

/// OAuth2 by POST with a refresh (identity) token; the scopes are one word for word.
fn refresh_request(
    realm: &str,
    challenge: &Challenge,
    scopes: &[String],
    refresh: &str,
) -> HttpRequest {
    let scope = scopes.join(" ");
    let form: Vec<String> = [
        ("grant_type", "refresh_token"),
        ("service", challenge.param("service").unwrap_or_default()),
        ("client_id", CLIENT_ID),
        ("scope", &scope),
        ("refresh_token", refresh),
    ]
    .iter()
    .map(|(name, value)| format!("{name}={}", encode_bytes(value.as_bytes(), false)))
    .collect();
    let body = form.join("&").into_bytes();
    HttpRequest::post(realm, "application/x-www-form-urlencoded", body)
}

/// Authorization headers by registry and scope, in memory.
#[derive(Default)]
pub struct Cache {
    entries: HashMap<(String, String), Entry>,
    next: u64,
}

struct Entry {
    header: String,
    /// When to renew it, in the clock's milliseconds; none if it is good until refused.
    renew_ms: Option<f64>,
    order: u64,
}

impl Cache {
    /// The header, unless it is to be renewed by now.
    pub fn get(&self, registry: &Registry, scope: &str, now_ms: Option<f64>) -> Option<String> {
        let entry = self.entries.get(&key(registry, scope))?;
        match (entry.renew_ms, now_ms) {
            (Some(renew), Some(now)) if now >= renew => None,
            _ => Some(entry.header.clone()),
        }
    }

    /// Keeps a header; `expires_s` counts from `now_ms`.
    pub fn put(
        &mut self,
        registry: &Registry,
        scope: &str,
        header: String,
        expires_s: Option<u64>,
        now_ms: Option<f64>,
    ) {
        let renew_ms = expires_s.zip(now_ms).map(|(seconds, now)| {
            let life = seconds as f64 * 1000.0;
            now + (life * RENEW_AT).min(life - RENEW_BEFORE_MS).max(0.0)
        });
        self.next += 1;
        let entry = Entry {
            header,
            renew_ms,
            order: self.next,
        };
        self.entries.insert(key(registry, scope), entry);
        if self.entries.len() > MAX_CACHED {
            let oldest = self.entries.iter().min_by_key(|(_, e)| e.order);
            if let Some(oldest) = oldest.map(|(k, _)| k.clone()) {
                self.entries.remove(&oldest);
            }
        }
    }

    /// Forgets a header.
    pub fn remove(&mut self, registry: &Registry, scope: &str) {
        self.entries.remove(&key(registry, scope));
    }

    /// Forgets all of a registry: its credentials have changed.
    pub fn forget(&mut self, registry: &Registry) {
        self.entries.retain(|(r, _), _| r != registry.as_str());
    }
}

fn key(registry: &Registry, scope: &str) -> (String, String) {
    (registry.to_string(), scope.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(json: &str) -> Result<TokenAnswer, &'static str> {
        parse_token(json.as_bytes())
    }

    fn bearer_of(token: &str, expires_s: u64) -> Result<TokenAnswer, &'static str> {
        Ok(TokenAnswer::Bearer {
            token: token.into(),
            expires_s,
        })
    }

    #[test]
    fn answers() {
        assert_eq!(
            token(r#"{"token":"a","expires_in":300}"#),
            bearer_of("a", 300)
        );
        assert_eq!(token(r#"{"access_token":"b"}"#), bearer_of("b", 60));
        assert_eq!(
            token(r#"{"token":"","access_token":"b","expires_in":0}"#),
            bearer_of("b", 60)
        );
        assert_eq!(
            token(r#"{"token":"a","expires_in":-5}"#),
            bearer_of("a", 60)
        );
        assert_eq!(
            token(r#"{"token":"a","expires_in":1e99}"#),
            bearer_of("a", 86_400)
        );
        for bad in [
            "",
            "<html>",
            "[]",
            "{}",
            r#"{"token":7}"#,
            "{\"token\":\"a\\r\\nX: y\"}",
            "{\"token\":\"a b\"}",
        ] {
            assert!(token(bad).is_err(), "{bad}");
        }
        let proxy = |json: &str| parse_proxy_token(json.as_bytes());
        assert_eq!(
            proxy(r#"{"scheme":"bearer","token":"t","expires_in":9}"#),
            bearer_of("t", 9)
        );
        assert_eq!(proxy(r#"{"scheme":"basic"}"#), Ok(TokenAnswer::Basic));
        assert_eq!(proxy(r#"{"scheme":"none"}"#), Ok(TokenAnswer::None));
        assert!(
            proxy(r#"{"scheme":"digest"}"#).is_err() && proxy(r#"{"scheme":"bearer"}"#).is_err()
        );
    }

    fn me() -> Credentials {
        Credentials::typed("me", "pä:ss")
    }

    #[test]
    fn asks_the_proxy_by_its_body() {
        let repo = Repository::parse("debian").unwrap();
        let scope = ["repository:library/debian:pull".to_owned()];
        let r = proxy_request(
            "http://p",
            repo.registry(),
            Some(&repo),
            &scope,
            Some(&me()),
        );
        assert_eq!(
            (r.method, r.url.as_str()),
            (crate::port::Method::Post, "http://p/api/v1/token")
        );
        let body: Value = serde_json::from_slice(&r.body.unwrap()).unwrap();
        assert_eq!(body["registry"], "index.docker.io");
        assert_eq!(body["repository"], "library/debian");
        assert_eq!(body["scope"][0], scope[0]);
        assert_eq!(body["password"], "pä:ss");
        assert_eq!(basic_header(&me()), "Basic bWU6cMOkOnNz");
    }

    #[track_caller]
    fn check_realm(registry: &str, realm: &str, with: bool, expect: Result<&str, RealmError>) {
        let registry = Registry::parse(registry).unwrap();
        let challenge = Challenge {
            scheme: "bearer".into(),
            params: vec![
                ("realm".into(), realm.into()),
                ("service".into(), "a b".into()),
            ],
        };
        let me = me();
        let plain = registry.is_loopback();
        let got = direct_requests(
            &registry,
            plain,
            &challenge,
            &["r:x:pull".into()],
            with.then_some(&me),
        );
        let got = got.map(|mut all| all.remove(0));
        if let Ok(r) = &got {
            assert_eq!(r.header("authorization").is_some(), with);
        }
        assert_eq!(got.map(|r| r.url), expect.map(str::to_owned), "{realm}");
    }

    #[test]
    fn keeps_credentials_at_home() {
        let tail = "service=a%20b&scope=r%3Ax%3Apull";
        let own = format!("https://r.io/token?{tail}");
        check_realm("r.io", "https://r.io/token", true, Ok(&own));
        let query = format!("https://r.io/token?a=b&{tail}");
        check_realm("r.io", "https://r.io/token?a=b", false, Ok(&query));
        let hub = format!("https://auth.docker.io/token?{tail}");
        check_realm("docker.io", "https://auth.docker.io/token", true, Ok(&hub));
        let other = format!("https://auth.x.io/t?{tail}");
        check_realm("r.io", "https://auth.x.io/t", false, Ok(&other));
        let stranger = |host: &str| Err(RealmError::Stranger { host: host.into() });
        check_realm("r.io", "https://auth.x.io/t", true, stranger("auth.x.io"));
        check_realm(
            "r.io",
            "https://auth.docker.io/t",
            true,
            stranger("auth.docker.io"),
        );
        check_realm("r.io", "https://r.io:444/t", true, stranger("r.io:444"));
        let plain = |host: &str| Err(RealmError::NotHttps { host: host.into() });
        check_realm("r.io", "http://r.io/token", false, plain("r.io"));
        let local = format!("http://127.0.0.1:5001/t?{tail}");
        check_realm(
            "localhost:5000",
            "http://127.0.0.1:5001/t",
            true,
            Ok(&local),
        );
        check_realm("localhost:5000", "http://x.io/t", true, plain("x.io"));
        for bad in [
            "",
            "r.io/token",
            "ftp://r.io",
            "https://me@r.io/",
            "https://r.io/a b",
            "https:///x",
        ] {
            check_realm("r.io", bad, false, Err(RealmError::Unusable));
        }
    }

    #[test]
    fn renews_early_and_stays_small() {
        let registry = Registry::parse("r.io").unwrap();
        let mut cache = Cache::default();
        let get = |c: &Cache, now: f64| c.get(&registry, "s", Some(now)).is_some();
        cache.put(&registry, "s", "h".into(), Some(300), Some(1000.0));
        assert!(get(&cache, 1000.0 + 239_999.0) && !get(&cache, 1000.0 + 240_000.0));
        cache.put(&registry, "s", "h".into(), Some(20), Some(0.0));
        assert!(get(&cache, 9_999.0) && !get(&cache, 10_000.0));
        cache.put(&registry, "s", "h".into(), Some(5), Some(0.0));
        assert!(!get(&cache, 0.0));
        assert_eq!(cache.get(&registry, "s", None).as_deref(), Some("h"));
        for i in 0..200 {
            cache.put(&registry, &format!("s{i}"), "h".into(), None, None);
        }
        assert_eq!(cache.entries.len(), MAX_CACHED);
        assert!(cache.get(&registry, "s199", Some(1e18)).is_some());
        assert!(cache.get(&registry, "s0", None).is_none());
        cache.forget(&registry);
        assert!(cache.entries.is_empty());
    }
}
