//! A token server as distribution's `auth: token` wants it (distribution spec, "Token
//! Authentication"): a signed JWT whose certificate travels in `x5c`.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU64, Ordering},
};

use axum::{
    Json, Router,
    extract::{Request, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair},
};
use serde_json::{Value, json};

use crate::net::{Server, client};

/// Who signs; the registry's configuration names the same.
pub const ISSUER: &str = "layerscope-corpus";
/// For whom; the registry's configuration names the same.
pub const SERVICE: &str = "layerscope-registry";
/// The one user.
pub const USER: &str = "alice";
/// The user's password.
pub const PASSWORD: &str = "secret";
/// Before an access token that stands in a password's place.
const ACCESS_TOKEN_USER: &str = "oauth2accesstoken:";
/// Repositories below this are not for anonymous readers.
pub const PRIVATE_PREFIX: &str = "private/";

/// One question to the token server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRequest {
    /// Every `scope`, as they came.
    pub scopes: Vec<String>,
    /// The user whose password was right.
    pub user: Option<String>,
    /// The answer's status.
    pub status: u16,
}

struct Issuer {
    key: EcdsaKeyPair,
    certificate_der: Vec<u8>,
    ttl_seconds: AtomicU64,
    requests: Mutex<Vec<TokenRequest>>,
    /// Where a provider says whose an access token is.
    userinfo: Mutex<Option<String>>,
}

/// A running token server.
pub struct TokenServer {
    server: Server,
    issuer: Arc<Issuer>,
    certificate_pem: String,
}

impl TokenServer {
    /// Starts one with a fresh key. Tokens live for `ttl_seconds`; distribution itself lets them
    /// live a minute longer.
    pub fn start(ttl_seconds: u64) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
        let mut params = rcgen::CertificateParams::new(vec![ISSUER.to_owned()])?;
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params
            .distinguished_name
            .push(rcgen::DnType::CommonName, ISSUER);
        let certificate = params.self_signed(&pair)?;
        let key = EcdsaKeyPair::from_pkcs8(
            &ECDSA_P256_SHA256_FIXED_SIGNING,
            &pair.serialize_der(),
            &SystemRandom::new(),
        )
        .map_err(|error| format!("the fresh key was refused: {error}"))?;
        let issuer = Arc::new(Issuer {
            key,
            certificate_der: certificate.der().to_vec(),
            ttl_seconds: AtomicU64::new(ttl_seconds),
            requests: Mutex::default(),
            userinfo: Mutex::default(),
        });
        let router = Router::new()
            .route("/token", get(token))
            .with_state(Arc::clone(&issuer));
        Ok(Self {
            server: Server::start(router)?,
            issuer,
            certificate_pem: certificate.pem(),
        })
    }

    /// The realm to name in a challenge.
    pub fn realm(&self) -> String {
        format!("http://{}/token", self.server.host())
    }

    /// `127.0.0.1:PORT`.
    pub fn host(&self) -> String {
        self.server.host()
    }

    /// The certificate that the registry must trust.
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// From now on an access token of this provider is as good as a password, with the user name
    /// that Google's registries have for that.
    pub fn trust_provider(&self, userinfo: &str) {
        *lock(&self.issuer.userinfo) = Some(userinfo.to_owned());
    }

    /// Changes how long tokens live from now on.
    pub fn set_ttl(&self, seconds: u64) {
        self.issuer.ttl_seconds.store(seconds, Ordering::Relaxed);
    }

    /// Every question so far.
    pub fn requests(&self) -> Vec<TokenRequest> {
        lock(&self.issuer.requests).clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// The user of a Basic header: none without one, an error with a wrong one.
async fn user_from_header(
    issuer: &Issuer,
    value: Option<&header::HeaderValue>,
) -> Result<Option<String>, ()> {
    let Some(value) = value else { return Ok(None) };
    let encoded = value
        .to_str()
        .map_err(|_| ())?
        .strip_prefix("Basic ")
        .ok_or(())?;
    let plain = STANDARD.decode(encoded).map_err(|_| ())?;
    let userinfo = lock(&issuer.userinfo).clone();
    let token = plain.strip_prefix(ACCESS_TOKEN_USER.as_bytes());
    if let Some((userinfo, token)) = userinfo.zip(token) {
        let token = std::str::from_utf8(token).map_err(|_| ())?;
        let asked = client().get(userinfo).bearer_auth(token).send().await;
        let answer = asked.map_err(|_| ())?;
        if answer.status() != 200 {
            return Err(()); // run out, or another's
        }
        let claims: Value = answer.json().await.map_err(|_| ())?;
        return Ok(Some(claims["sub"].as_str().ok_or(())?.to_owned()));
    }
    let right = format!("{USER}:{PASSWORD}");
    (plain == right.as_bytes())
        .then(|| Some(USER.to_owned()))
        .ok_or(())
}

/// What one scope grants, as a JWT `access` entry.
fn grant(scope: &str, user: Option<&str>) -> Option<Value> {
    let (kind, rest) = scope.split_once(':')?;
    let (name, actions) = rest.rsplit_once(':')?;
    let granted: Vec<&str> = actions
        .split(',')
        .filter(|action| match user {
            Some(_) => true,
            None => *action == "pull" && kind == "repository" && !name.starts_with(PRIVATE_PREFIX),
        })
        .collect();
    Some(json!({"type": kind, "name": name, "actions": granted}))
}

async fn token(State(issuer): State<Arc<Issuer>>, request: Request) -> Response {
    let query = request.uri().query().unwrap_or_default();
    let url = reqwest::Url::parse(&format!("http://token/?{query}"));
    let scopes: Vec<String> = url
        .iter()
        .flat_map(|url| url.query_pairs())
        .filter(|(name, _)| name == "scope")
        .flat_map(|(_, value)| value.split(' ').map(str::to_owned).collect::<Vec<_>>())
        .collect();
    let sent = request.headers().get(header::AUTHORIZATION);
    let user = user_from_header(&issuer, sent).await;
    let status = if user.is_ok() { 200 } else { 401 };
    lock(&issuer.requests).push(TokenRequest {
        scopes: scopes.clone(),
        user: user.clone().unwrap_or_default(),
        status,
    });
    let Ok(user) = user else {
        let body =
            json!({"errors": [{"code": "UNAUTHORIZED", "message": "wrong user or password"}]});
        return (StatusCode::UNAUTHORIZED, Json(body)).into_response();
    };
    let access: Vec<Value> = scopes
        .iter()
        .filter_map(|scope| grant(scope, user.as_deref()))
        .collect();
    match sign(&issuer, user.as_deref(), access) {
        Ok((token, ttl)) => Json(json!({"token": token, "expires_in": ttl})).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error).into_response(),
    }
}

fn sign(issuer: &Issuer, user: Option<&str>, access: Vec<Value>) -> Result<(String, u64), String> {
    let ttl = issuer.ttl_seconds.load(Ordering::Relaxed);
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_err(|error| error.to_string())?
        .as_secs();
    let header = json!({
        "typ": "JWT",
        "alg": "ES256",
        "x5c": [STANDARD.encode(&issuer.certificate_der)],
    });
    let claims = json!({
        "iss": ISSUER, "sub": user.unwrap_or_default(), "aud": SERVICE,
        "iat": now, "nbf": now - 10, "exp": now + ttl,
        "jti": format!("{now}-{:p}", &access), "access": access,
    });
    let signed = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header.to_string()),
        URL_SAFE_NO_PAD.encode(claims.to_string())
    );
    let signature = issuer
        .key
        .sign(&SystemRandom::new(), signed.as_bytes())
        .map_err(|error| error.to_string())?;
    Ok((
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)),
        ttl,
    ))
}
