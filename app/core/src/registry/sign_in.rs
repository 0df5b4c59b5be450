//! Being let in: credentials, the answer to a challenge, and the renewal of what has run out.

use std::future::Future;
use std::pin::Pin;

use serde::{Deserialize, Serialize};

use super::challenge::{Challenge, challenges};
use super::client::{Client, Purpose, bad_answer, network};
use super::docker_config::IDENTITY_USER;
use super::endpoint::{Endpoint, host_of};
use super::error::RegistryError;
use super::login::MAX_LOGIN_BYTES;
use super::read::failure;
use super::token::{self, MAX_TOKEN_BYTES, TokenAnswer};
use crate::port::{Http, HttpRequest, HttpResponse, Method};
use crate::reference::Registry;

/// How credentials were come by, and so how they are used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// Typed, or out of a file: good until somebody changes them.
    #[default]
    Typed,
    /// From a sign-in at a provider: used like those, and renewed when they are refused.
    Login,
    /// Likewise, but the registry takes the token as it is.
    Bearer,
}

/// User name and password (or an access token in its place) for one registry.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credentials {
    /// The user name; empty with [`Kind::Bearer`].
    pub username: String,
    /// The password.
    pub password: String,
    /// Where they are from.
    #[serde(default)]
    pub kind: Kind,
    /// Whoever gave them knows that they go to the registry unencrypted.
    #[serde(default)]
    pub in_clear: bool,
}

impl Credentials {
    /// As somebody typed them.
    pub fn typed(username: impl Into<String>, password: impl Into<String>) -> Self {
        Credentials {
            username: username.into(),
            password: password.into(),
            kind: Kind::Typed,
            in_clear: false,
        }
    }
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credentials { .. }") // secrets never reach a log
    }
}

/// Renews a sign-in: the page does it, a worker asks the page.
pub trait Renew {
    /// These credentials were refused. When it is done, the client that asked has others by
    /// [`Client::replace_credentials`], or the same if there are none to be had.
    fn renew<'a>(
        &'a self,
        registry: &'a Registry,
        refused: &'a Credentials,
    ) -> Pin<Box<dyn Future<Output = ()> + 'a>>;
}

/// Reads a token answer, the proxy's or a token server's.
type ParseToken = fn(&[u8]) -> Result<TokenAnswer, &'static str>;

impl<H: Http> Client<H> {
    /// Signs in to a registry from now on, or out of it; tokens got before are forgotten.
    pub fn set_credentials(&self, registry: &Registry, credentials: Option<Credentials>) {
        let mut state = self.state.borrow_mut();
        state.tokens.forget(registry);
        state.basic.remove(registry);
        state.manifests.forget(registry);
        match credentials {
            Some(c) => state.credentials.insert(registry.clone(), c),
            None => state.credentials.remove(registry),
        };
    }

    /// Puts credentials in the place of others of the same person; what was got by those stays good.
    pub fn replace_credentials(&self, registry: &Registry, credentials: Credentials) {
        let mut state = self.state.borrow_mut();
        state.credentials.insert(registry.clone(), credentials);
    }

    /// Whether a user name and password are held for a registry.
    pub fn has_credentials(&self, registry: &Registry) -> bool {
        self.state.borrow().credentials.contains_key(registry)
    }

    /// The user name and password held for a registry, to hand them to a worker.
    pub fn credentials(&self, registry: &Registry) -> Option<Credentials> {
        self.state.borrow().credentials.get(registry).cloned()
    }

    /// Whether what is sent to a registry can be read by everybody on the way: it is asked by http,
    /// and not on this machine.
    pub fn asks_in_clear(&self, registry: &Registry) -> bool {
        let plain = Endpoint::Direct { plain_http: true };
        self.endpoint(registry) == plain && !registry.is_loopback()
    }

    /// The credentials held for a registry that may be sent the way it is asked.
    pub(super) fn usable(&self, registry: &Registry) -> Option<Credentials> {
        let held = self.credentials(registry)?;
        (held.in_clear || !self.asks_in_clear(registry)).then_some(held)
    }

    /// Sends a part of a sign-in at a provider to the proxy, and reads the answer. `name` is the
    /// provider's, for messages.
    pub async fn login(
        &self,
        registry: &Registry,
        name: &str,
        request: HttpRequest,
    ) -> Result<Vec<u8>, RegistryError> {
        let mut purpose = Purpose {
            registry,
            repository: None,
            attempt: self.attempt(registry, format!("a sign-in at {name}")),
        };
        // Whichever way the registry itself is asked.
        purpose.attempt.direct = false;
        let response = self.dispatch(&purpose, &request, None).await?;
        match response.status {
            200 => self.body(&purpose, response, MAX_LOGIN_BYTES).await,
            _ => Err(failure(purpose.attempt, response, false).await),
        }
    }

    /// Sends a request. Where a sign-in has run out it is renewed, and the request sent once more.
    pub(super) async fn send(
        &self,
        purpose: &Purpose<'_>,
        request: HttpRequest,
    ) -> Result<HttpResponse<H::Body>, RegistryError> {
        let used = self.credentials(purpose.registry);
        let answer = self.send_signed(purpose, &request).await;
        let refused = match &answer {
            Ok(response) => {
                response.status == 401 && response.headers.get("x-layerscope-error").is_none()
            }
            Err(RegistryError::Unauthorized { .. }) => true,
            Err(_) => false,
        };
        let renew = self.state.borrow().renew.clone().filter(|_| refused);
        if let Some((renew, used)) = renew.zip(used.filter(|c| c.kind != Kind::Typed)) {
            renew.renew(purpose.registry, &used).await;
            if self
                .credentials(purpose.registry)
                .is_some_and(|now| now != used)
            {
                return self.send_signed(purpose, &request).await;
            }
        }
        answer
    }

    /// Sends a request; on 401 gets a token, and sends it once more.
    async fn send_signed(
        &self,
        purpose: &Purpose<'_>,
        request: &HttpRequest,
    ) -> Result<HttpResponse<H::Body>, RegistryError> {
        let scope = purpose.scope();
        let kept = self.cached(purpose.registry, &scope);
        let header = match kept.is_some() {
            true => kept.clone(),
            false => self.renewed(purpose, &scope).await?,
        };
        let sent = header.clone();
        let first = self.dispatch_noted(purpose, request, header).await?;
        // An error of the proxy itself would be about the proxy, and no token helps.
        let own = first.headers.get("x-layerscope-error").is_some();
        if first.status == 400 && kept.is_some() && !own {
            // Public ECR says "bad request" to a token that has run out.
            self.forget_token(purpose.registry, &scope);
            return match self.renewed(purpose, &scope).await? {
                None => Ok(first),
                header => self.dispatch_noted(purpose, request, header).await,
            };
        }
        if first.status != 401 || own || self.is_bearer(purpose.registry) {
            return Ok(first);
        }
        self.forget_token(purpose.registry, &scope);
        let all = challenges(&first.headers);
        let Some(challenge) = self.choose(purpose.registry, &all) else {
            return Ok(first);
        };
        let wanted: Vec<&str> = challenge.scopes().collect();
        let wanted = match wanted.is_empty() {
            true => scope.clone(),
            false => wanted.join(" "),
        };
        let header = self.authorize(purpose, &challenge, &scope, &wanted).await?;
        if header.is_none() || header == sent {
            return Ok(first);
        }
        let answer = self.dispatch_noted(purpose, request, header).await?;
        if challenge.is_basic() && answer.status == 401 {
            return Ok(answer);
        }
        let mut general = challenge;
        // The scope of this repository is not the next one's; a word of its own is for all.
        general
            .params
            .retain(|(name, v)| name != "error" && (name != "scope" || !v.contains(':')));
        let registry = purpose.registry.clone();
        self.state.borrow_mut().challenged.insert(registry, general);
        Ok(answer)
    }

    /// Sends a request, and notes whether the registry takes user name and password as they are:
    /// only while it does are they sent with every request.
    async fn dispatch_noted(
        &self,
        purpose: &Purpose<'_>,
        request: &HttpRequest,
        header: Option<String>,
    ) -> Result<HttpResponse<H::Body>, RegistryError> {
        let basic = header.as_ref().is_some_and(|h| h.starts_with("Basic "));
        let answer = self.dispatch(purpose, request, header).await?;
        if basic {
            let state = &mut *self.state.borrow_mut();
            let registry = purpose.registry;
            if answer.status == 401 {
                state.basic.remove(registry);
                state.challenged.remove(registry);
            } else {
                state.basic.insert(registry.clone());
            }
        }
        Ok(answer)
    }

    /// A token fetched by the challenge of an earlier answer: saves the request that would be
    /// refused. None where the registry has not challenged us.
    async fn renewed(
        &self,
        purpose: &Purpose<'_>,
        scope: &str,
    ) -> Result<Option<String>, RegistryError> {
        let known = {
            let state = self.state.borrow();
            state.challenged.get(purpose.registry).cloned()
        };
        match known {
            Some(challenge) => {
                let wanted = challenge.param("scope").unwrap_or(scope);
                self.authorize(purpose, &challenge, scope, wanted).await
            }
            None => Ok(None),
        }
    }

    fn forget_token(&self, registry: &Registry, scope: &str) {
        self.state.borrow_mut().tokens.remove(registry, scope);
    }

    pub(super) async fn dispatch(
        &self,
        purpose: &Purpose<'_>,
        request: &HttpRequest,
        header: Option<String>,
    ) -> Result<HttpResponse<H::Body>, RegistryError> {
        let mut request = request.clone();
        if let Some(header) = header {
            request = request.with_header("authorization", header);
            // A token that was got without credentials, anybody gets.
            request.private = self.has_credentials(purpose.registry);
        }
        let sent = self.http.send(request).await;
        sent.map_err(|error| network(purpose, error))
    }

    /// The challenge to meet: Bearer before Basic; Basic only with something to send.
    fn choose(&self, registry: &Registry, all: &[Challenge]) -> Option<Challenge> {
        let bearer = all.iter().find(|c| c.is_bearer());
        let basic = all.iter().find(|c| c.is_basic());
        let basic = basic.filter(|_| self.usable(registry).is_some());
        if let Some(found) = bearer.or(basic) {
            return Some(found.clone());
        }
        // CORS may hide the header from us, but the proxy has read it and can be asked.
        match (all.is_empty(), self.endpoint(registry).is_direct()) {
            (true, false) => Some(Challenge::default()),
            // Nobody has read it; what was typed is for this registry, and Basic needs no more. Other
            // secrets are for a token server alone, which is not known.
            (true, true) => {
                let held = self.usable(registry)?;
                let typed = held.kind == Kind::Typed && held.username != IDENTITY_USER;
                typed.then(Challenge::basic)
            }
            _ => None,
        }
    }

    fn cached(&self, registry: &Registry, scope: &str) -> Option<String> {
        let now = self.now_ms();
        let held = self.usable(registry);
        if let Some(held) = held.as_ref().filter(|c| c.kind == Kind::Bearer) {
            return Some(format!("Bearer {}", held.password));
        }
        let state = self.state.borrow();
        if state.basic.contains(registry) {
            return held.as_ref().map(token::basic_header);
        }
        state.tokens.get(registry, scope, now)
    }

    /// Gets the header that a challenge asks for and keeps it; none if there is no way.
    async fn authorize(
        &self,
        purpose: &Purpose<'_>,
        challenge: &Challenge,
        scope: &str,
        wanted: &str,
    ) -> Result<Option<String>, RegistryError> {
        let registry = purpose.registry;
        let credentials = self.usable(registry);
        if challenge.is_basic() {
            return Ok(credentials.as_ref().map(token::basic_header));
        }
        let scopes: Vec<String> = wanted.split(' ').map(str::to_owned).collect();
        let (requests, parse): (Vec<HttpRequest>, ParseToken) = match &self.endpoint(registry) {
            Endpoint::Proxy { base } => {
                let asked = purpose.repository;
                let held = credentials.as_ref();
                let request = token::proxy_request(base, registry, asked, &scopes, held);
                (vec![request], token::parse_proxy_token)
            }
            Endpoint::Direct { plain_http } => (
                token::direct_requests(
                    registry,
                    *plain_http,
                    challenge,
                    &scopes,
                    credentials.as_ref(),
                )
                .map_err(|e| bad_answer(purpose, &e.to_string()))?,
                token::parse_token,
            ),
        };
        let mut response = None;
        let mut asked = None;
        for request in requests {
            let host = host_of(&request.url);
            let purpose = asked.insert(Purpose {
                attempt: self.attempt(registry, format!("a token for {scope} (asked {host})")),
                registry,
                repository: purpose.repository,
            });
            let answer = self.dispatch(purpose, &request, None).await?;
            // Not every token server knows the POST (token specification, "oauth").
            let unknown = request.method == Method::Post && matches!(answer.status, 404 | 405);
            response = Some(answer);
            if !unknown {
                break;
            }
        }
        let Some((asked, response)) = asked.zip(response) else {
            return Ok(None);
        };
        if response.status != 200 {
            let with = credentials.is_some();
            // The user asked for the manifest, not for the token: errors speak of that.
            let mut error = failure(purpose.attempt.clone(), response, with).await;
            if let RegistryError::Unauthorized { schemes, .. } = &mut error
                && !challenge.scheme.is_empty()
            {
                // Not those of the token server: that the registry's was read is what counts.
                *schemes = vec![challenge.scheme.clone()];
            }
            return Err(error);
        }
        let bytes = self.body(&asked, response, MAX_TOKEN_BYTES).await?;
        let answer = parse(&bytes).map_err(|why| bad_answer(purpose, why))?;
        Ok(match answer {
            TokenAnswer::None => None,
            TokenAnswer::Basic => credentials.as_ref().map(token::basic_header),
            TokenAnswer::Bearer { token, expires_s } => {
                let header = format!("Bearer {token}");
                let now = self.now_ms();
                let mut state = self.state.borrow_mut();
                let kept = header.clone();
                state
                    .tokens
                    .put(registry, scope, kept, Some(expires_s), now);
                Some(header)
            }
        })
    }

    fn is_bearer(&self, registry: &Registry) -> bool {
        let held = self.usable(registry);
        held.is_some_and(|c| c.kind == Kind::Bearer)
    }
}

#[cfg(test)]
mod tests;
