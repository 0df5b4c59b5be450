//! The client: one registry API, whichever way the registry is reached.
//!
//! Nothing is tried twice but a request that was answered 401, once, with a token.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::rc::Rc;

use serde::{Deserialize, Serialize};

use super::challenge::{Challenge, challenges};
use super::endpoint::{Endpoint, host_of};
use super::error::{Attempt, RegistryError, Wanted};
use super::known::Known;
use super::read::{self, Whole, failure};
use super::token::{self, Cache, MAX_TOKEN_BYTES, TokenAnswer};
use crate::digest::{Algorithm, Digest};
use crate::manifest::{Document, MAX_MANIFEST_BYTES, ManifestError, schema1_payload};
use crate::media_type;
use crate::port::{Clock, Headers, Http, HttpError, HttpRequest, HttpResponse, Method};
use crate::reference::{ManifestRef, Registry, Repository};

mod endpoints;

pub use super::blob::{BlobStream, RangeAnswer};
pub use super::listing::Page;
pub use super::read::RateLimit;

/// User name and password (or an access token in its place) for one registry.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credentials {
    /// The user name.
    pub username: String,
    /// The password.
    pub password: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credentials { .. }") // secrets never reach a log
    }
}

/// A manifest whose bytes have the digest it says.
#[derive(Debug, Clone, PartialEq)]
pub struct Fetched {
    /// The bytes, exactly as they came.
    pub bytes: Vec<u8>,
    /// Their digest: computed, and compared with what was asked for and with the registry's word.
    pub digest: Digest,
    /// The document's own media type, else the answer's, else what its shape suggests.
    pub media_type: String,
    /// What it says.
    pub document: Document,
    /// The limit on pulls, if the registry tells.
    pub rate_limit: Option<RateLimit>,
}

/// Asks registries. One for a page or worker; what it knows of tokens is in it and nowhere else.
pub struct Client<H: Http> {
    http: H,
    endpoint: RefCell<Endpoint>,
    clock: Option<Rc<dyn Clock>>,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    credentials: HashMap<Registry, Credentials>,
    tokens: Cache,
    /// Registries that have challenged us: a token is fetched before the first request.
    challenged: HashMap<Registry, Challenge>,
    /// Registries whose sign-in is by Basic.
    basic: HashSet<Registry>,
    manifests: Known,
    /// Registries that are reached by a way of their own.
    endpoints: HashMap<Registry, Endpoint>,
}

/// Reads a token answer, the proxy's or a token server's.
type ParseToken = fn(&[u8]) -> Result<TokenAnswer, &'static str>;

/// What a request is for: decides its token.
pub(super) struct Purpose<'a> {
    pub(super) registry: &'a Registry,
    pub(super) repository: Option<&'a Repository>,
    pub(super) attempt: Attempt,
}

impl Purpose<'_> {
    fn scope(&self) -> String {
        match self.repository {
            Some(repository) => pull_scope(repository),
            None => "registry:catalog:*".into(),
        }
    }
}

fn pull_scope(repository: &Repository) -> String {
    format!("repository:{}:pull", repository.path())
}

impl<H: Http> Client<H> {
    /// A client that knows no tokens. Without a clock a token is used until it is refused.
    pub fn new(http: H, endpoint: Endpoint) -> Client<H> {
        Client {
            http,
            endpoint: RefCell::new(endpoint),
            clock: None,
            state: RefCell::default(),
        }
    }

    /// With a clock, tokens are renewed before they run out.
    #[must_use]
    pub fn with_clock(mut self, clock: Rc<dyn Clock>) -> Client<H> {
        self.clock = Some(clock);
        self
    }

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

    /// Whether a user name and password are held for a registry.
    pub fn has_credentials(&self, registry: &Registry) -> bool {
        self.state.borrow().credentials.contains_key(registry)
    }

    /// The user name and password held for a registry, to hand them to a worker.
    pub fn credentials(&self, registry: &Registry) -> Option<Credentials> {
        self.state.borrow().credentials.get(registry).cloned()
    }

    /// Takes over an `Authorization` value for a repository, from the page to a worker.
    pub fn set_authorization(&self, repository: &Repository, header: Option<String>) {
        let (registry, scope) = (repository.registry(), pull_scope(repository));
        let mut state = self.state.borrow_mut();
        match header {
            Some(header) => state.tokens.put(registry, &scope, header, None, None),
            None => state.tokens.remove(registry, &scope),
        }
    }

    /// The `Authorization` value in use for a repository.
    pub fn authorization(&self, repository: &Repository) -> Option<String> {
        let now = self.now_ms();
        let state = self.state.borrow();
        let scope = pull_scope(repository);
        state.tokens.get(repository.registry(), &scope, now)
    }

    /// Fetches a manifest and checks it against the digest asked for, or that the registry names.
    /// One that was fetched before is not fetched again, unless its tag has moved meanwhile.
    pub async fn manifest(
        &self,
        repository: &Repository,
        by: &ManifestRef,
    ) -> Result<Fetched, RegistryError> {
        let known = self.state.borrow().manifests.get(repository, by).cloned();
        if let Some(known) = known
            && let Some(known) = self.current(repository, by, known).await
        {
            return Ok(known);
        }
        let first = self.manifest_once(repository, by, false).await;
        match (&first, by) {
            // What has a digest for its address is cached for good, also where it came damaged.
            (
                Err(RegistryError::DigestMismatch { .. } | RegistryError::NotJson { .. }),
                ManifestRef::Digest(_),
            ) => self.manifest_once(repository, by, true).await,
            _ => first,
        }
    }

    /// A manifest again, if its tag still names it by the registry's word.
    async fn current(
        &self,
        repository: &Repository,
        by: &ManifestRef,
        mut known: Fetched,
    ) -> Option<Fetched> {
        if let ManifestRef::Tag(_) = by {
            let purpose = self.purpose(repository, String::new());
            let endpoint = self.endpoint(repository.registry());
            let request = endpoint.manifest(Method::Head, repository, by);
            // Whatever is wrong, the GET that follows says it.
            let answer = self.expect(&purpose, request, &[200]).await.ok()?;
            if digest_said(&answer.headers) != Some(known.digest.clone()) {
                return None;
            }
            known.rate_limit = read::rate_limit(&answer.headers);
        }
        Some(known)
    }

    async fn manifest_once(
        &self,
        repository: &Repository,
        by: &ManifestRef,
        fresh: bool,
    ) -> Result<Fetched, RegistryError> {
        let what = match by {
            ManifestRef::Tag(tag) => format!("the manifest {}:{tag}", repository.path()),
            ManifestRef::Digest(d) => format!("the manifest {}@{d}", repository.path()),
        };
        let purpose = self.purpose(repository, what);
        let endpoint = self.endpoint(repository.registry());
        let mut request = endpoint.manifest(Method::Get, repository, by);
        request.fresh = fresh;
        let response = self.expect(&purpose, request, &[200]).await?;
        let headers = response.headers.clone();
        let bytes = self.body(&purpose, response, MAX_MANIFEST_BYTES).await?;
        let content_type = headers.get("content-type");
        let document = Document::parse(&bytes, content_type).map_err(|e| match e {
            ManifestError::TooLarge { .. } => RegistryError::TooLarge {
                attempt: purpose.attempt.clone(),
                limit: MAX_MANIFEST_BYTES,
            },
            e => not_json(&purpose, content_type, e.to_string()),
        })?;
        let said = digest_said(&headers);
        let named = said.is_some();
        let expected = match by {
            ManifestRef::Digest(digest) => Some(digest.clone()),
            ManifestRef::Tag(_) => said,
        };
        let digest = check_manifest(&purpose, &bytes, &document, expected)?;
        let own = match &document {
            Document::Index(i) => i.media_type.clone(),
            Document::Manifest(m) => m.media_type.clone(),
            Document::Schema1(_) | Document::Other => None,
        };
        let media_type = own
            .filter(|t| !t.is_empty())
            .or_else(|| {
                let said = content_type.filter(|t| {
                    media_type::is_json(t) && media_type::essence(t) != "application/json"
                });
                said.map(media_type::essence)
            })
            .unwrap_or_else(|| document.default_media_type().to_owned());
        let fetched = Fetched {
            rate_limit: read::rate_limit(&headers),
            bytes,
            digest,
            media_type,
            document,
        };
        // A tag is asked for again by HEAD, which helps only where the answer names a digest.
        let key = match named {
            true => by.clone(),
            false => ManifestRef::Digest(fetched.digest.clone()),
        };
        let manifests = &mut self.state.borrow_mut().manifests;
        manifests.put(repository, &key, &fetched);
        Ok(fetched)
    }

    /// Fetches a whole blob of at most `max` bytes and checks it against its digest.
    pub async fn blob(
        &self,
        repository: &Repository,
        digest: &Digest,
        max: u64,
    ) -> Result<Vec<u8>, RegistryError> {
        let purpose = self.blob_purpose(repository, digest);
        let endpoint = self.endpoint(repository.registry());
        let request = endpoint.blob(repository, digest, None);
        let response = self.expect(&purpose, request, &[200]).await?;
        let bytes = self.body(&purpose, response, max).await?;
        let actual = Digest::of(digest.algorithm(), &bytes);
        match actual == *digest {
            true => Ok(bytes),
            false => Err(RegistryError::DigestMismatch {
                attempt: purpose.attempt,
                expected: digest.clone(),
                actual,
            }),
        }
    }

    /// Streams a blob from a byte on (compressed bytes from the blob's first). Nothing is checked
    /// here but that the answer is the part asked for.
    pub async fn blob_stream(
        &self,
        repository: &Repository,
        digest: &Digest,
        from: u64,
    ) -> Result<BlobStream<H::Body>, RegistryError> {
        let purpose = self.blob_purpose(repository, digest);
        let range = (from > 0).then_some((from, None));
        let endpoint = self.endpoint(repository.registry());
        let request = endpoint.blob(repository, digest, range);
        let response = self.expect(&purpose, request, &[200, 206]).await?;
        BlobStream::new(&purpose, response, from)
    }

    /// Asks for a part of a blob (compressed bytes from the blob's first). A registry may answer
    /// with the whole.
    pub async fn blob_range(
        &self,
        repository: &Repository,
        digest: &Digest,
        range: Range<u64>,
    ) -> Result<RangeAnswer<H::Body>, RegistryError> {
        let purpose = self.blob_purpose(repository, digest);
        if range.is_empty() {
            return Err(bad_answer(&purpose, "an empty part was asked for"));
        }
        let asked = Some((range.start, Some(range.end)));
        let endpoint = self.endpoint(repository.registry());
        let request = endpoint.blob(repository, digest, asked);
        let response = self.expect(&purpose, request, &[200, 206]).await?;
        RangeAnswer::new(&purpose, response, range)
    }

    fn blob_purpose<'a>(&self, repository: &'a Repository, digest: &Digest) -> Purpose<'a> {
        let what = format!("the blob {} of {}", digest.short(), repository.path());
        self.purpose(repository, what)
    }

    pub(super) fn purpose<'a>(&self, repository: &'a Repository, what: String) -> Purpose<'a> {
        Purpose {
            registry: repository.registry(),
            repository: Some(repository),
            attempt: self.attempt(repository.registry(), what),
        }
    }

    pub(super) fn attempt(&self, registry: &Registry, what: String) -> Attempt {
        Attempt {
            registry: registry.familiar().to_owned(),
            what,
            wanted: Wanted::Content,
            direct: self.endpoint(registry).is_direct(),
        }
    }

    /// Sends a request with its token; any status but those named is an error.
    pub(super) async fn expect(
        &self,
        purpose: &Purpose<'_>,
        request: HttpRequest,
        statuses: &[u16],
    ) -> Result<HttpResponse<H::Body>, RegistryError> {
        let response = self.send(purpose, request).await?;
        if statuses.contains(&response.status) {
            if let Some(encoding) = response.headers.get("content-encoding")
                && !encoding.trim().eq_ignore_ascii_case("identity")
            {
                let detail = format!("the bytes are encoded as {encoding:?}, which was not asked");
                return Err(bad_answer(purpose, &detail));
            }
            return Ok(response);
        }
        let with_credentials = self.has_credentials(purpose.registry);
        Err(failure(purpose.attempt.clone(), response, with_credentials).await)
    }

    /// Reads a whole body of at most `limit` bytes.
    pub(super) async fn body(
        &self,
        purpose: &Purpose<'_>,
        response: HttpResponse<H::Body>,
        limit: u64,
    ) -> Result<Vec<u8>, RegistryError> {
        let said = read::content_length(&response.headers);
        match read::whole(&response.headers, response.body, limit).await {
            Ok(Whole::Bytes(bytes)) => match said {
                Some(len) if len != bytes.len() as u64 => Err(network(
                    purpose,
                    HttpError::Network {
                        url_host: purpose.attempt.registry.clone(),
                        detail: format!("{} of {len} bytes came", bytes.len()),
                    },
                )),
                _ => Ok(bytes),
            },
            Ok(Whole::TooLarge) => Err(RegistryError::TooLarge {
                attempt: purpose.attempt.clone(),
                limit,
            }),
            Err(error) => Err(network(purpose, error)),
        }
    }

    /// Sends a request; on 401 gets a token, and sends it once more.
    async fn send(
        &self,
        purpose: &Purpose<'_>,
        request: HttpRequest,
    ) -> Result<HttpResponse<H::Body>, RegistryError> {
        let scope = purpose.scope();
        let kept = self.cached(purpose.registry, &scope);
        let header = match kept.is_some() {
            true => kept.clone(),
            false => self.renewed(purpose, &scope).await?,
        };
        let first = self.dispatch(purpose, &request, header).await?;
        // An error of the proxy itself would be about the proxy, and no token helps.
        let own = first.headers.get("x-layerscope-error").is_some();
        if first.status == 400 && kept.is_some() && !own {
            // Public ECR says "bad request" to a token that has run out.
            self.forget_token(purpose.registry, &scope);
            return match self.renewed(purpose, &scope).await? {
                None => Ok(first),
                header => self.dispatch(purpose, &request, header).await,
            };
        }
        if first.status != 401 || own {
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
        let Some(header) = self.authorize(purpose, &challenge, &scope, &wanted).await? else {
            return Ok(first);
        };
        let mut general = challenge;
        // The scope of this repository is not the next one's; a word of its own is for all.
        general
            .params
            .retain(|(name, v)| name != "error" && (name != "scope" || !v.contains(':')));
        let registry = purpose.registry.clone();
        self.state.borrow_mut().challenged.insert(registry, general);
        self.dispatch(purpose, &request, Some(header)).await
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
        }
        let sent = self.http.send(request).await;
        sent.map_err(|error| network(purpose, error))
    }

    /// The challenge to meet: Bearer before Basic; Basic only with something to send.
    fn choose(&self, registry: &Registry, all: &[Challenge]) -> Option<Challenge> {
        let bearer = all.iter().find(|c| c.is_bearer());
        let basic = all.iter().find(|c| c.is_basic());
        let basic = basic.filter(|_| self.has_credentials(registry));
        if let Some(found) = bearer.or(basic) {
            return Some(found.clone());
        }
        // CORS may hide the header from us, but the proxy has read it and can be asked.
        match (all.is_empty(), self.endpoint(registry).is_direct()) {
            (true, false) => Some(Challenge::default()),
            // Nobody has read it; what was typed is for this registry, and Basic needs no more.
            (true, true) if self.has_credentials(registry) => Some(Challenge::basic()),
            _ => None,
        }
    }

    fn cached(&self, registry: &Registry, scope: &str) -> Option<String> {
        let now = self.now_ms();
        let state = self.state.borrow();
        if state.basic.contains(registry) {
            return state.credentials.get(registry).map(token::basic_header);
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
        let credentials = self.credentials(registry);
        if challenge.is_basic() {
            return Ok(credentials.map(|c| self.use_basic(registry, &c)));
        }
        let scopes: Vec<String> = wanted.split(' ').map(str::to_owned).collect();
        let (request, parse): (HttpRequest, ParseToken) = match &self.endpoint(registry) {
            Endpoint::Proxy { base } => (
                token::proxy_request(
                    base,
                    registry,
                    purpose.repository,
                    &scopes,
                    credentials.as_ref(),
                ),
                token::parse_proxy_token,
            ),
            Endpoint::Direct { plain_http } => (
                token::direct_request(
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
        let host = host_of(&request.url).to_owned();
        let asked = Purpose {
            attempt: self.attempt(registry, format!("a token for {scope} (asked {host})")),
            registry,
            repository: purpose.repository,
        };
        let response = self.dispatch(&asked, &request, None).await?;
        if response.status != 200 {
            let with = credentials.is_some();
            // The user asked for the manifest, not for the token: errors speak of that.
            return Err(failure(purpose.attempt.clone(), response, with).await);
        }
        let bytes = self.body(&asked, response, MAX_TOKEN_BYTES).await?;
        let answer = parse(&bytes).map_err(|why| bad_answer(purpose, why))?;
        Ok(match answer {
            TokenAnswer::None => None,
            TokenAnswer::Basic => credentials.map(|c| self.use_basic(registry, &c)),
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

    fn use_basic(&self, registry: &Registry, credentials: &Credentials) -> String {
        self.state.borrow_mut().basic.insert(registry.clone());
        token::basic_header(credentials)
    }

    fn now_ms(&self) -> Option<f64> {
        self.clock.as_ref().map(|c| c.now_ms())
    }
}

/// The digest that an answer says its content has.
pub(super) fn digest_said(headers: &Headers) -> Option<Digest> {
    headers.get("docker-content-digest")?.trim().parse().ok()
}

fn check_manifest(
    purpose: &Purpose<'_>,
    bytes: &[u8],
    document: &Document,
    expected: Option<Digest>,
) -> Result<Digest, RegistryError> {
    let algorithm = expected
        .as_ref()
        .map_or(Algorithm::Sha256, Digest::algorithm);
    let mut actual = Digest::of(algorithm, bytes);
    // The digest of a signed schema 1 manifest leaves the signatures out.
    if expected.as_ref() != Some(&actual)
        && matches!(document, Document::Schema1(_))
        && let Some(payload) = schema1_payload(bytes)
    {
        actual = Digest::of(algorithm, &payload);
    }
    match expected {
        Some(expected) if expected != actual => Err(RegistryError::DigestMismatch {
            attempt: purpose.attempt.clone(),
            expected,
            actual,
        }),
        _ => Ok(actual),
    }
}

pub(super) fn network(purpose: &Purpose<'_>, error: HttpError) -> RegistryError {
    RegistryError::Network {
        attempt: purpose.attempt.clone(),
        error,
    }
}

pub(super) fn bad_answer(purpose: &Purpose<'_>, detail: &str) -> RegistryError {
    RegistryError::BadAnswer {
        attempt: purpose.attempt.clone(),
        detail: detail.to_owned(),
    }
}

pub(super) fn not_json(
    purpose: &Purpose<'_>,
    content_type: Option<&str>,
    detail: String,
) -> RegistryError {
    RegistryError::NotJson {
        attempt: purpose.attempt.clone(),
        content_type: content_type.map(str::to_owned),
        detail,
    }
}
