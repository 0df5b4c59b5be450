//! How a registry wants to be authenticated with: its own challenge, read by us and kept for a
//! while, and the check of the realm that it names.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::{HeaderMap, Method, StatusCode};
use tokio::time::Instant;
use url::Url;

use crate::Proxy;
use crate::challenge::{Challenge, challenges_from_headers};
use crate::error::ProxyError;
use crate::policy::same_host;
use crate::target::{Registry, Repository};
use crate::upstream::host_shown;

/// Challenges that are kept.
const MAX_SCHEMES: usize = 256;
/// Registries change their realm hardly ever; a wrong answer should not stay long.
const MAX_AGE: Duration = Duration::from_secs(5 * 60);
/// "No challenge" can be a passing fault.
const MAX_AGE_NONE: Duration = Duration::from_secs(30);
/// A realm's most bytes: a URL without the scopes.
const MAX_REALM_LEN: usize = 2048;

/// What a registry asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scheme {
    /// Nothing.
    None,
    /// User name and password with every request.
    Basic,
    /// A token from the realm.
    Bearer {
        /// The token endpoint, as the registry wrote it.
        realm: String,
        /// The service parameter.
        service: Option<String>,
        /// The scope of the request that was challenged.
        scope: Option<String>,
    },
}

impl Scheme {
    /// The same without what speaks of one repository.
    fn of_the_registry(&self) -> Self {
        let mut all = self.clone();
        if let Self::Bearer { scope, .. } = &mut all {
            scope.take_if(|scope| scope.contains(':'));
        }
        all
    }
}

/// The cache: by registry, and by repository where that has refused, or `/v2/` has no challenge.
#[derive(Default)]
pub struct Schemes(Mutex<HashMap<SchemeKey, (Scheme, Instant)>>);

/// A registry, and the repository whose challenge it is.
type SchemeKey = (Registry, Option<Repository>);

impl Schemes {
    fn get(&self, key: &SchemeKey) -> Option<Scheme> {
        let map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (scheme, since) = map.get(key)?;
        let most = if *scheme == Scheme::None {
            MAX_AGE_NONE
        } else {
            MAX_AGE
        };
        (since.elapsed() < most).then(|| scheme.clone())
    }

    fn put(&self, key: SchemeKey, scheme: &Scheme) {
        let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if map.len() >= MAX_SCHEMES && !map.contains_key(&key) {
            let oldest = map
                .iter()
                .min_by_key(|(_, (_, since))| *since)
                .map(|(key, _)| key.clone());
            if let Some(oldest) = oldest {
                map.remove(&oldest);
            }
        }
        map.insert(key, (scheme.clone(), Instant::now()));
    }
}

impl Proxy {
    /// What a registry asks for: of `/v2/`, or, where that is open, of the repository.
    pub async fn scheme(
        &self,
        registry: &Registry,
        repository: Option<&Repository>,
    ) -> Result<Scheme, ProxyError> {
        let own = repository.map(|repository| (registry.clone(), Some(repository.clone())));
        if let Some(known) = own.as_ref().and_then(|key| self.schemes.get(key)) {
            return Ok(known);
        }
        let base = (registry.clone(), None);
        let root = match self.schemes.get(&base) {
            Some(known) => known,
            None => {
                let asked = self.ask(&Method::GET, registry, "/v2/").await?;
                self.schemes.put(base, &asked);
                asked
            }
        };
        let (Some(repository), Some(key), Scheme::None) = (repository, own, &root) else {
            return Ok(root);
        };
        let tags = format!("/v2/{repository}/tags/list?n=1");
        let mut asked = self.ask(&Method::GET, registry, &tags).await?;
        if asked == Scheme::None {
            // HEAD: a GET of a manifest counts against Docker Hub's pull limit.
            let manifest = format!("/v2/{repository}/manifests/latest");
            asked = self.ask(&Method::HEAD, registry, &manifest).await?;
        }
        self.schemes.put(key, &asked);
        Ok(asked)
    }

    /// Remembers what a registry's own refusal asks for, so that the token that comes next needs
    /// no question of its own. `answered` is where the refusal came from: only the registry speaks
    /// for itself.
    pub fn learn(
        &self,
        registry: &Registry,
        repository: &Repository,
        (status, headers, answered): (StatusCode, &HeaderMap, &Url),
    ) {
        let own = |url: Url| same_host(&url, answered) && url.scheme() == answered.scheme();
        if status != StatusCode::UNAUTHORIZED || !self.policy.url(registry, "/v2/").is_ok_and(own) {
            return;
        }
        let Some(scheme) = scheme_from_challenges(&challenges_from_headers(headers)) else {
            return;
        };
        let base = (registry.clone(), None);
        if self.schemes.get(&base).is_none() {
            self.schemes.put(base, &scheme.of_the_registry());
        }
        self.schemes
            .put((registry.clone(), Some(repository.clone())), &scheme);
    }

    async fn ask(
        &self,
        method: &Method,
        registry: &Registry,
        path: &str,
    ) -> Result<Scheme, ProxyError> {
        let url = self.policy.url(registry, path)?;
        let response = self.upstream.send(method, &url, HeaderMap::new()).await?;
        if !matches!(response.status().as_u16(), 401 | 403) {
            return Ok(Scheme::None);
        }
        let challenges = challenges_from_headers(response.headers());
        scheme_from_challenges(&challenges).ok_or_else(|| {
            ProxyError::UpstreamInvalid(format!(
                "{registry} refuses access without naming a way to sign in that is known here (Basic or Bearer)."
            ))
        })
    }

    /// The realm as a URL that may be asked, with credentials if there are any.
    pub fn checked_realm(
        &self,
        registry: &Registry,
        realm: &str,
        credentials: bool,
    ) -> Result<Url, ProxyError> {
        let refused = |why: &str| {
            ProxyError::RealmRefused(format!(
                "{registry} names a token endpoint that is not asked: {why}."
            ))
        };
        if realm.len() > MAX_REALM_LEN {
            return Err(refused("its address is too long"));
        }
        let mut url = Url::parse(realm).map_err(|problem| refused(&problem.to_string()))?;
        url.set_fragment(None);
        let registry_url = self.policy.url(registry, "/v2/")?;
        self.policy
            .check_foreign(&url, &registry_url)
            .map_err(|why| refused(&why))?;
        if credentials
            && !self
                .policy
                .may_have_credentials(&url, registry, &registry_url)
        {
            let host = host_shown(&url);
            return Err(ProxyError::RealmRefused(format!(
                "{registry} wants your password sent to {host}, which is not known to belong to it. If it does, the proxy's operator can allow it by --realm {registry}={host}."
            )));
        }
        Ok(url)
    }
}

/// Bearer before Basic, whatever their order; the first of each that is complete.
fn scheme_from_challenges(challenges: &[Challenge]) -> Option<Scheme> {
    let bearer = challenges
        .iter()
        .filter(|challenge| challenge.scheme == "bearer")
        .find_map(|challenge| {
            let realm = challenge.param("realm").filter(|realm| !realm.is_empty())?;
            let owned = |name| {
                challenge
                    .param(name)
                    .filter(|v| !v.is_empty())
                    .map(str::to_owned)
            };
            Some(Scheme::Bearer {
                realm: realm.to_owned(),
                service: owned("service"),
                scope: owned("scope"),
            })
        });
    let basic = || {
        challenges
            .iter()
            .any(|c| c.scheme == "basic")
            .then_some(Scheme::Basic)
    };
    bearer.or_else(basic)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(schemes: &[(&str, Option<&str>)], expect: Option<&str>) {
        let challenges: Vec<Challenge> = schemes
            .iter()
            .map(|(scheme, realm)| Challenge {
                scheme: (*scheme).into(),
                params: realm
                    .iter()
                    .map(|r| ("realm".into(), (*r).into()))
                    .collect(),
            })
            .collect();
        let got = scheme_from_challenges(&challenges).map(|scheme| match scheme {
            Scheme::None => "none".into(),
            Scheme::Basic => "basic".into(),
            Scheme::Bearer { realm, .. } => realm,
        });
        assert_eq!(got.as_deref(), expect, "{schemes:?}");
    }

    #[test]
    fn which_challenge_counts() {
        check(&[("bearer", Some("r"))], Some("r"));
        check(&[("basic", None), ("bearer", Some("r"))], Some("r"));
        check(&[("bearer", None), ("basic", None)], Some("basic"));
        check(&[("bearer", Some("")), ("bearer", Some("s"))], Some("s"));
        check(&[("negotiate", None)], None);
        check(&[], None);
    }
}
