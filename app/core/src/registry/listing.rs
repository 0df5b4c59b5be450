//! Listings that come in pages: tags, catalog, referrers.

use serde_json::Value;

use super::client::{Client, Purpose, bad_answer, not_json};
use super::endpoint::{Endpoint, query_value};
use super::error::{RegistryError, Wanted};
use super::link;
use crate::digest::Digest;
use crate::manifest::{Descriptor, Document};
use crate::port::{Http, HttpRequest};
use crate::reference::{ManifestRef, Registry, Repository, Tag};

/// Largest page of a listing, in bytes: some registries ignore `n` and send every tag at once,
/// and 16 MiB are some 300,000 of them.
pub const MAX_PAGE_BYTES: u64 = 16 << 20;

/// Most pages followed where a listing is fetched as a whole.
pub const MAX_PAGES: usize = 100;

/// Most referrers taken.
pub const MAX_REFERRERS: usize = 10_000;

/// A page of a listing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page<T> {
    /// What is in it.
    pub items: Vec<T>,
    /// What the next page is asked by; none on the last.
    pub next: Option<String>,
}

impl<H: Http> Client<H> {
    /// A page of a repository's tags, in the registry's order.
    pub async fn tags(
        &self,
        repository: &Repository,
        cursor: Option<&str>,
    ) -> Result<Page<String>, RegistryError> {
        let mut purpose = self.purpose(repository, format!("the tags of {}", repository.path()));
        purpose.attempt.wanted = Wanted::Tags;
        let request = self.endpoint().tags(repository, cursor);
        self.strings(&purpose, request, "tags").await
    }

    /// A page of a registry's repositories. Many registries do not give it to everybody.
    pub async fn catalog(
        &self,
        registry: &Registry,
        cursor: Option<&str>,
    ) -> Result<Page<String>, RegistryError> {
        let mut purpose = Purpose {
            registry,
            repository: None,
            attempt: self.attempt(registry, "its list of repositories".into()),
        };
        purpose.attempt.wanted = Wanted::Catalog;
        let request = self.endpoint().catalog(registry, cursor);
        self.strings(&purpose, request, "repositories").await
    }

    async fn strings(
        &self,
        purpose: &Purpose<'_>,
        request: HttpRequest,
        key: &str,
    ) -> Result<Page<String>, RegistryError> {
        let (value, next) = self.page(purpose, request).await?;
        let items = match value.get(key) {
            Some(Value::Array(list)) => list
                .iter()
                .filter_map(|v| v.as_str().map(str::to_owned))
                .collect(),
            // distribution says null for a repository whose tags were all deleted.
            Some(Value::Null) => Vec::new(),
            _ => return Err(bad_answer(purpose, &format!("it has no list of {key}"))),
        };
        Ok(Page { items, next })
    }

    /// A page as JSON and the cursor of the next.
    async fn page(
        &self,
        purpose: &Purpose<'_>,
        request: HttpRequest,
    ) -> Result<(Value, Option<String>), RegistryError> {
        let url = request.url.clone();
        let response = self.expect(purpose, request, &[200]).await?;
        let headers = response.headers.clone();
        let bytes = self.body(purpose, response, MAX_PAGE_BYTES).await?;
        let content_type = headers.get("content-type");
        let value: Value = serde_json::from_slice(&bytes)
            .map_err(|e| not_json(purpose, content_type, e.to_string()))?;
        let next = link::next(&url, headers.get("link"))
            .map_err(|e| bad_answer(purpose, &e.to_string()))?;
        // A page that names itself as the next would go on for ever.
        let next = match (next, self.endpoint()) {
            (Some(page), Endpoint::Proxy { .. }) => query_value(&page, "cursor"),
            (page, _) => page,
        };
        let again = |cursor: &String| match self.endpoint() {
            Endpoint::Proxy { .. } => query_value(&url, "cursor").as_ref() == Some(cursor),
            Endpoint::Direct { .. } => url.ends_with(cursor.as_str()),
        };
        match next.filter(|c| !c.is_empty()) {
            Some(cursor) if again(&cursor) => Err(bad_answer(
                purpose,
                "the next page is said to be the same page",
            )),
            next => Ok((value, next)),
        }
    }

    /// The manifests that refer to one: by the referrers API, else by the fallback tag
    /// (distribution specification, "Listing Referrers"). An artifact type is for the caller to
    /// filter by, because registries may ignore a filter.
    pub async fn referrers(
        &self,
        repository: &Repository,
        digest: &Digest,
    ) -> Result<Vec<Descriptor>, RegistryError> {
        let what = format!("what refers to {} in {}", digest.short(), repository.path());
        let purpose = self.purpose(repository, what);
        let mut all: Vec<Descriptor> = Vec::new();
        let mut cursor: Option<String> = None;
        for page in 0..MAX_PAGES {
            let request = self
                .endpoint()
                .referrers(repository, digest, cursor.as_deref());
            let (value, next) = match self.page(&purpose, request).await {
                Ok(answer) => answer,
                Err(e) if page == 0 && means_no_api(&e) => {
                    return self.referrers_by_tag(repository, digest).await;
                }
                Err(e) => return Err(e),
            };
            // Only an image index counts; some servers answer 200 to anything.
            let entries = match value.get("manifests") {
                Some(Value::Array(entries)) => entries,
                _ if page == 0 => return self.referrers_by_tag(repository, digest).await,
                _ => return Err(bad_answer(&purpose, "a page of it is no image index")),
            };
            all.extend(entries.iter().filter_map(|e| Descriptor::from_json(e).ok()));
            all.truncate(MAX_REFERRERS);
            match next {
                Some(next) if all.len() < MAX_REFERRERS => cursor = Some(next),
                _ => break,
            }
        }
        Ok(all)
    }

    async fn referrers_by_tag(
        &self,
        repository: &Repository,
        digest: &Digest,
    ) -> Result<Vec<Descriptor>, RegistryError> {
        let tag = fallback_tag(digest);
        match self.manifest(repository, &ManifestRef::Tag(tag)).await {
            Ok(fetched) => Ok(match fetched.document {
                Document::Index(index) => index.manifests,
                _ => Vec::new(),
            }),
            Err(RegistryError::NotFound { .. }) => Ok(Vec::new()),
            Err(e) => Err(e),
        }
    }
}

/// A registry without the referrers API answers 404 by the specification, and in the field also
/// 400, 405, 501 or a page of HTML.
fn means_no_api(error: &RegistryError) -> bool {
    match error {
        RegistryError::NotFound { .. } | RegistryError::NotJson { .. } => true,
        RegistryError::Upstream { status, .. } => matches!(status, 400 | 405 | 501),
        _ => false,
    }
}

/// The tag under which referrers are listed where there is no API: at most 32 characters of the
/// algorithm, a dash, at most 64 of the hex digits.
pub fn fallback_tag(digest: &Digest) -> Tag {
    let encoded = digest.encoded();
    let cut = encoded.get(..64).unwrap_or(encoded);
    Tag::parse(&format!("{}-{cut}", digest.algorithm().name()))
        .expect("an algorithm's name, a dash and hex digits make a tag")
}
