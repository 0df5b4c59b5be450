//! Signing in at a provider by OAuth 2 authorization code with PKCE (RFC 6749, RFC 7636, RFC 9207,
//! OpenID Connect Core 1.0): what the browser asks the proxy, what it keeps while it is away, and
//! what it checks when it comes back.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

pub mod kept;

use super::client::Credentials;
use super::endpoint::proxy_url;
use super::sign_in::Kind;
use crate::path::{encode_bytes, visible};
use crate::port::HttpRequest;
use crate::reference::Registry;

/// Most bytes of an answer that are read; the proxy's bound for tokens, and its own words.
pub const MAX_LOGIN_BYTES: u64 = 128 << 10;
/// Bytes of each random value: 256 bits, the verifier's recommended length (RFC 7636, section 4.1).
pub const RANDOM_BYTES: usize = 32;
/// Seconds by which clocks may differ.
const LEEWAY_S: i64 = 600;
/// A sign-in takes a person some minutes; what is older was left alone, in seconds.
const MAX_AWAY_S: i64 = 3600;
/// Seconds within which a sign-in that was refused is not renewed a second time: another token of
/// the same person would be refused as well.
const YOUNG_S: f64 = 30.0;
/// Most characters of a provider's words that are shown.
const MAX_WORDS: usize = 200;

/// A provider at which one can sign in for a registry.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Offer {
    /// By which the proxy knows it.
    pub id: String,
    /// By which people know it.
    pub name: String,
}

/// How a sign-in begins: the proxy's word on a provider.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Beginning {
    id: String,
    name: String,
    authorization_endpoint: String,
    client_id: String,
    scope: String,
    #[serde(default)]
    parameters: BTreeMap<String, String>,
    issuer: Option<String>,
    #[serde(default)]
    names_itself: bool,
    #[serde(default)]
    response_mode: Option<String>,
}

/// Three values that nobody can guess.
#[derive(Clone)]
pub struct Randoms {
    state: String,
    nonce: String,
    verifier: String,
}

impl Randoms {
    /// From bytes of a generator that is fit for secrets.
    pub fn new(bytes: &[[u8; RANDOM_BYTES]; 3]) -> Randoms {
        let [state, nonce, verifier] = bytes.map(|b| URL_SAFE_NO_PAD.encode(b));
        Randoms {
            state,
            nonce,
            verifier,
        }
    }

    /// The name under which the rest is kept.
    pub fn state(&self) -> &str {
        &self.state
    }
}

/// Where one is when one goes away, and how one comes back.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The registry to sign in to.
    pub registry: String,
    /// The route, without `#`.
    pub fragment: String,
    /// The page's own query, without `?`.
    pub search: String,
    /// The address of `callback.html`.
    pub redirect_uri: String,
    /// The user wants it remembered.
    pub remember: bool,
    /// The proxy that is asked, empty for the page's own origin: no other gets the code.
    pub proxy: String,
}

/// What is kept under the state while the page is away. Not Debug: it can finish the sign-in.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Started {
    /// Where it began.
    pub place: Place,
    /// The provider.
    pub provider: String,
    /// The provider's name.
    pub name: String,
    nonce: String,
    verifier: String,
    issuer: Option<String>,
    names_itself: bool,
    client_id: String,
    openid: bool,
    /// When it began, in seconds since 1970.
    at_s: i64,
}

/// What the provider sent back by the address. Not Debug: there is a code in it.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Returned {
    /// The code.
    pub code: Option<String>,
    /// The issuer that it says it is.
    pub iss: Option<String>,
    /// Why there is no code.
    pub error: Option<String>,
    /// The provider's words on it.
    pub error_description: Option<String>,
}

/// How a sign-in is renewed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Renewal {
    /// The provider.
    pub provider: String,
    /// The provider's name.
    pub name: String,
    /// By which it is renewed; none if it cannot be.
    pub refresh_token: Option<String>,
}

/// What came of a sign-in or of its renewal. Not Debug: all of it is secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Tokens {
    /// For the registry.
    pub credentials: Credentials,
    /// For the next time; an old one stays good where none is given.
    pub refresh_token: Option<String>,
    /// Seconds for which they are good, if it is said.
    pub expires_s: Option<u64>,
    /// Of the first time: to check who answered to whom.
    pub id_token: Option<String>,
}

/// Why a sign-in came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoginError {
    /// The provider or the proxy sent something else than the protocol has.
    #[error("the answer cannot be used: {0}")]
    BadAnswer(&'static str),
    /// The user, or the provider, refused.
    #[error("{name} refused ({error}){words}")]
    Refused {
        /// The provider.
        name: String,
        /// Its code, such as `access_denied`.
        error: String,
        /// Its words, with a colon before them; empty if there are none.
        words: String,
    },
    /// Somebody else than the provider answered.
    #[error("the answer is not {0}'s")]
    Stranger(String),
    /// The ID token is not for this sign-in.
    #[error("the ID token of {name} does not fit: {why}")]
    IdToken {
        /// The provider.
        name: String,
        /// What does not fit.
        why: &'static str,
    },
    /// The page that came back asks another proxy than the one that it left by.
    #[error("the sign-in at {0} began by way of another proxy")]
    OtherProxy(String),
    /// It began long ago.
    #[error("the sign-in was begun more than an hour ago")]
    TooOld,
}

fn parse<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, LoginError> {
    // The parser's own words could quote a token.
    serde_json::from_slice(bytes).map_err(|_| LoginError::BadAnswer("it is not the JSON expected"))
}

/// Whether a sign-in was got, or its renewal tried, so short ago that a refusal is about something
/// else. `expires_s` is how long it is good.
pub fn is_young(age_s: f64, expires_s: Option<u64>) -> bool {
    // What is good for seconds runs out in seconds.
    let young = expires_s.map_or(YOUNG_S, |seconds| YOUNG_S.min(seconds as f64 / 2.0));
    (0.0..young).contains(&age_s)
}

/// Asks who can be signed in at for a registry.
pub fn offers_request(base: &str, registry: &Registry) -> HttpRequest {
    let query = [("registry", registry.as_str())];
    HttpRequest::get(proxy_url(base, "login", &query))
}

/// Reads the answer.
///
/// # Errors
/// It is none.
pub fn parse_offers(bytes: &[u8]) -> Result<Vec<Offer>, LoginError> {
    #[derive(Deserialize)]
    struct Offers {
        providers: Vec<Offer>,
    }
    parse::<Offers>(bytes).map(|all| all.providers)
}

/// Asks how to begin at a provider.
pub fn beginning_request(base: &str, provider: &str) -> HttpRequest {
    HttpRequest::get(proxy_url(base, "login", &[("provider", provider)]))
}

/// Reads the answer.
///
/// # Errors
/// It is none.
pub fn parse_beginning(bytes: &[u8]) -> Result<Beginning, LoginError> {
    parse(bytes)
}

impl Beginning {
    /// The address to go to, and what to keep meanwhile.
    ///
    /// # Errors
    /// The provider's address is none to go to.
    pub fn start(
        &self,
        place: Place,
        random: &Randoms,
        now_s: i64,
    ) -> Result<(String, Started), LoginError> {
        let at = &self.authorization_endpoint;
        let plain = at.bytes().all(|b| b.is_ascii_graphic()) && !at.contains('#');
        if !plain || !(at.starts_with("https://") || at.starts_with("http://")) {
            return Err(LoginError::BadAnswer("it leads nowhere"));
        }
        let openid = self.scope.split(' ').any(|word| word == "openid");
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(random.verifier.as_bytes()));
        let mut url = at.clone();
        let mut add = |name: &str, value: &str| {
            url.push(if url.contains('?') { '&' } else { '?' });
            url.push_str(&encode_bytes(name.as_bytes(), false));
            url.push('=');
            url.push_str(&encode_bytes(value.as_bytes(), false));
        };
        for (name, value) in &self.parameters {
            add(name, value);
        }
        add("response_type", "code");
        add("client_id", &self.client_id);
        add("redirect_uri", &place.redirect_uri);
        if !self.scope.is_empty() {
            add("scope", &self.scope);
        }
        add("state", &random.state);
        if openid {
            add("nonce", &random.nonce);
        }
        add("code_challenge", &challenge);
        add("code_challenge_method", "S256");
        // No server's log sees a fragment; the query is what is meant where nothing is said.
        if self.response_mode.as_deref() == Some("fragment") {
            add("response_mode", "fragment");
        }
        let started = Started {
            place,
            provider: self.id.clone(),
            name: self.name.clone(),
            nonce: random.nonce.clone(),
            verifier: random.verifier.clone(),
            issuer: self.issuer.clone(),
            names_itself: self.names_itself,
            client_id: self.client_id.clone(),
            openid,
            at_s: now_s,
        };
        Ok((url, started))
    }
}

impl Started {
    /// Asks for tokens by what the provider sent back, if that is what was waited for.
    ///
    /// # Errors
    /// The provider refused, or somebody else answered.
    pub fn code_request(
        &self,
        base: &str,
        returned: &Returned,
        now_s: i64,
    ) -> Result<HttpRequest, LoginError> {
        if self.place.proxy != base {
            return Err(LoginError::OtherProxy(self.name.clone()));
        }
        // Before anything else: also a refusal counts only from the provider itself.
        match (&returned.iss, &self.issuer) {
            (Some(iss), Some(issuer)) if iss != issuer => {
                return Err(LoginError::Stranger(self.name.clone()));
            }
            (None, _) if self.names_itself => {
                return Err(LoginError::Stranger(self.name.clone()));
            }
            _ => {}
        }
        if let Some(error) = &returned.error {
            let short = |text: &str| {
                let short: String = text.trim().chars().take(MAX_WORDS).collect();
                visible(short.as_bytes())
            };
            let words = returned.error_description.as_deref().map(short);
            return Err(LoginError::Refused {
                name: self.name.clone(),
                error: short(error),
                words: words.map_or(String::new(), |words| format!(": {words}")),
            });
        }
        if !(self.at_s - LEEWAY_S..=self.at_s + MAX_AWAY_S).contains(&now_s) {
            return Err(LoginError::TooOld);
        }
        let code = returned.code.as_deref();
        let code = code.ok_or(LoginError::BadAnswer("there is no code in it"))?;
        Ok(post(
            base,
            &serde_json::json!({
                "provider": self.provider,
                "code": code,
                "verifier": self.verifier,
                "redirect_uri": self.place.redirect_uri,
            }),
        ))
    }

    /// Checks that the ID token is this sign-in's (OpenID Connect Core 1.0, section 3.1.3.7). Its
    /// signature is not looked at: it came from the token endpoint itself, by TLS.
    ///
    /// # Errors
    /// It is another's, or there is none where there has to be.
    pub fn check_id_token(&self, id_token: Option<&str>, now_s: i64) -> Result<(), LoginError> {
        if !self.openid {
            return Ok(());
        }
        let bad = |why| {
            Err(LoginError::IdToken {
                name: self.name.clone(),
                why,
            })
        };
        let Some(token) = id_token else {
            return bad("there is none");
        };
        let payload = token.split('.').nth(1);
        let payload = payload.and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
        let claims: Option<Value> = payload.and_then(|json| serde_json::from_slice(&json).ok());
        let Some(claims) = claims else {
            return bad("it cannot be read");
        };
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        if text("nonce") != Some(&self.nonce) {
            return bad("it answers another sign-in");
        }
        if let Some(issuer) = &self.issuer
            && text("iss") != Some(issuer)
        {
            return bad("it is of another issuer");
        }
        let aud = claims.get("aud");
        let named = |one: &Value| one.as_str() == Some(&self.client_id);
        let several = |all: &Vec<Value>| all.iter().any(named);
        if !aud.is_some_and(|aud| named(aud) || aud.as_array().is_some_and(several)) {
            return bad("it is for another application");
        }
        if text("azp").is_some_and(|azp| azp != self.client_id) {
            return bad("it was given to another application");
        }
        match claims.get("exp").and_then(Value::as_f64) {
            Some(exp) if exp + LEEWAY_S as f64 >= now_s as f64 => Ok(()),
            _ => bad("it has run out, or this machine's clock is wrong"),
        }
    }

    /// How it is renewed, with what came of it.
    pub fn renewal(&self, tokens: &Tokens) -> Renewal {
        Renewal {
            provider: self.provider.clone(),
            name: self.name.clone(),
            refresh_token: tokens.refresh_token.clone(),
        }
    }
}

impl Renewal {
    /// Asks the provider to end what can be renewed (RFC 7009); none if that is nothing.
    pub fn revocation(&self, base: &str) -> Option<HttpRequest> {
        let refresh = self.refresh_token.as_deref()?;
        let body = serde_json::json!({ "provider": self.provider, "revoke": refresh });
        Some(post(base, &body))
    }

    /// Asks for tokens anew; none if that is not possible.
    pub fn request(&self, base: &str) -> Option<HttpRequest> {
        let refresh = self.refresh_token.as_deref()?;
        let body = serde_json::json!({ "provider": self.provider, "refresh_token": refresh });
        Some(post(base, &body))
    }
}

fn post(base: &str, body: &Value) -> HttpRequest {
    let url = proxy_url(base, "login", &[]);
    HttpRequest::post(url, "application/json", body.to_string().into_bytes())
}

/// Reads the proxy's answer to a code or a refresh token.
///
/// # Errors
/// It is none.
pub fn parse_tokens(bytes: &[u8]) -> Result<Tokens, LoginError> {
    #[derive(Deserialize)]
    struct Answer {
        present: String,
        username: String,
        password: String,
        expires_in: Option<u64>,
        refresh_token: Option<String>,
        #[serde(default)]
        id_token: Option<String>,
    }
    let answer: Answer = parse(bytes)?;
    let kind = match answer.present.as_str() {
        "basic" => Kind::Login,
        "bearer" => Kind::Bearer,
        _ => {
            return Err(LoginError::BadAnswer(
                "it presents the token in no known way",
            ));
        }
    };
    // It goes into a header: nothing may end that header early.
    if answer.password.is_empty() || !answer.password.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(LoginError::BadAnswer(
            "its token has characters that no token has",
        ));
    }
    Ok(Tokens {
        credentials: Credentials {
            username: answer.username,
            password: answer.password,
            kind,
            in_clear: false,
        },
        refresh_token: answer.refresh_token.filter(|token| !token.is_empty()),
        expires_s: answer.expires_in,
        id_token: answer.id_token,
    })
}

#[cfg(test)]
mod tests;
