//! The client: one registry API, whichever way the registry is reached.
//!
//! Nothing is tried twice but a request that was answered 401 (`sign_in.rs`).

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::rc::Rc;

use super::challenge::Challenge;
use super::endpoint::Endpoint;
use super::error::{Attempt, RegistryError, Wanted};
use super::known::Known;
use super::read::{self, Whole, failure};
use super::token::Cache;
use crate::digest::{Algorithm, Digest};
use crate::manifest::{Document, MAX_MANIFEST_BYTES, ManifestError, schema1_payload};
use crate::media_type;
use crate::port::{Clock, Headers, Http, HttpError, HttpRequest, HttpResponse, Method};
use crate::reference::{ManifestRef, Registry, Repository};

mod endpoints;

pub use super::blob::{BlobStream, RangeAnswer};
pub use super::listing::Page;
pub use super::read::RateLimit;
pub use super::sign_in::{Credentials, Kind, Renew};

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
    pub(super) http: H,
    endpoint: RefCell<Endpoint>,
    clock: Option<Rc<dyn Clock>>,
    pub(super) state: RefCell<State>,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) credentials: HashMap<Registry, Credentials>,
    pub(super) tokens: Cache,
    /// Registries that have challenged us: a token is fetched before the first request.
    pub(super) challenged: HashMap<Registry, Challenge>,
    /// Registries whose sign-in is by Basic.
    pub(super) basic: HashSet<Registry>,
    pub(super) manifests: Known,
    pub(super) renew: Option<Rc<dyn Renew>>,
    /// Registries that are reached by a way of their own.
    endpoints: HashMap<Registry, Endpoint>,
}

/// What a request is for: decides its token.
pub(super) struct Purpose<'a> {
    pub(super) registry: &'a Registry,
    pub(super) repository: Option<&'a Repository>,
    pub(super) attempt: Attempt,
}

impl Purpose<'_> {
    pub(super) fn scope(&self) -> String {
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

    /// Names somebody who renews sign-ins that have run out.
    pub fn set_renewal(&self, renew: Rc<dyn Renew>) {
        self.state.borrow_mut().renew = Some(renew);
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
        let with_credentials = self.usable(purpose.registry).is_some();
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

    pub(super) fn now_ms(&self) -> Option<f64> {
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
