//! Listings that come in pages: tags, catalog. What refers to a manifest is in `referrers`.

use serde_json::Value;

use super::client::{Client, Purpose, bad_answer, not_json};
use super::endpoint::{Endpoint, query_value};
use super::error::{RegistryError, Wanted};
use super::link;
use crate::port::{Headers, Http, HttpRequest};
use crate::reference::{Registry, Repository};

/// Largest page of a listing, in bytes: some registries ignore `n` and send every tag at once,
/// and 16 MiB are some 300,000 of them.
pub const MAX_PAGE_BYTES: u64 = 16 << 20;

/// Most pages followed where a listing is fetched as a whole.
pub const MAX_PAGES: usize = 100;

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
        let (value, next, _) = self.page(purpose, request).await?;
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

    /// A page as JSON, the cursor of the next, and the answer's headers.
    pub(super) async fn page(
        &self,
        purpose: &Purpose<'_>,
        request: HttpRequest,
    ) -> Result<(Value, Option<String>, Headers), RegistryError> {
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
            next => Ok((value, next, headers)),
        }
    }
}
