//! Listings that come in pages: tags, catalog. What refers to a manifest is in `referrers`.

use serde_json::Value;

use super::client::{Client, Purpose, bad_answer, not_json};
use super::endpoint::{Endpoint, query_value};
use super::error::{RegistryError, Wanted};
use super::link;
use super::read::failure;
use crate::digest::Digest;
use crate::port::{Headers, Http, HttpRequest};
use crate::reference::{Registry, Repository};
use crate::view::human;

/// Largest page of a listing, in bytes: some registries ignore `n` and send every tag at once,
/// and 16 MiB are some 300,000 of them.
pub const MAX_PAGE_BYTES: u64 = 16 << 20;

/// Most pages followed where a listing is fetched as a whole.
pub const MAX_PAGES: usize = 100;

/// Repositories asked for in one page of a Docker Hub namespace: its own most is 1000, and each
/// comes with its description and more, some two KiB.
pub const NAMESPACE_PAGE_LEN: u32 = 100;

/// A page of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// What is in it.
    pub items: Vec<T>,
    /// What the next page is asked by; none on the last.
    pub next: Option<String>,
    /// What the registry says of some of them beside their names.
    pub details: Vec<(T, Detail)>,
    /// Repositories below this one, by the last part of their names: Google's registries alone.
    pub children: Vec<String>,
    /// Manifests that no tag names: Google's registries alone.
    pub untagged: Vec<(Digest, Detail)>,
}

impl<T> Default for Page<T> {
    fn default() -> Self {
        Page {
            items: Vec::new(),
            next: None,
            details: Vec::new(),
            children: Vec::new(),
            untagged: Vec::new(),
        }
    }
}

/// What a listing says of a tag or a repository.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Detail {
    /// Bytes of all its layers, compressed.
    pub size: Option<u64>,
    /// When it was pushed, in seconds since 1970.
    pub time_s: Option<i64>,
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
        let request = self
            .endpoint(repository.registry())
            .tags(repository, cursor);
        let (value, mut page) = self.strings(&purpose, request, "tags").await?;
        google(&value, &mut page);
        Ok(page)
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
        let request = self.endpoint(registry).catalog(registry, cursor);
        Ok(self.strings(&purpose, request, "repositories").await?.1)
    }

    /// A page of the repositories in one of Docker Hub's namespaces, which its registry does not
    /// list but its site does (docs.docker.com/reference/api/hub: listNamespaceRepositories).
    /// Nobody's sign-in is sent there.
    pub async fn namespace(
        &self,
        registry: &Registry,
        namespace: &str,
        cursor: Option<&str>,
    ) -> Result<Page<String>, RegistryError> {
        let what = format!("the repositories of {namespace}");
        let mut purpose = Purpose {
            registry,
            repository: None,
            attempt: self.attempt(registry, what),
        };
        purpose.attempt.wanted = Wanted::Namespace;
        let page = cursor.and_then(|c| c.parse::<u32>().ok()).unwrap_or(1);
        let request = self.endpoint(registry).namespace(registry, namespace, page);
        let response = self.dispatch(&purpose, &request, None).await?;
        if response.status != 200 {
            return Err(failure(purpose.attempt, response, false).await);
        }
        let content_type = response.headers.get("content-type").map(str::to_owned);
        let bytes = self.body(&purpose, response, MAX_PAGE_BYTES).await?;
        let value: Value = serde_json::from_slice(&bytes)
            .map_err(|e| not_json(&purpose, content_type.as_deref(), e.to_string()))?;
        let Some(Value::Array(results)) = value.get("results") else {
            return Err(bad_answer(&purpose, "it has no list of results"));
        };
        let mut out = Page::default();
        for result in results {
            let text = |key: &str| result.get(key).and_then(Value::as_str);
            let Some(name) = text("name") else {
                continue;
            };
            let name = format!("{}/{name}", text("namespace").unwrap_or(namespace));
            let time_s = text("last_updated").and_then(human::parse_time);
            if time_s.is_some() {
                out.details
                    .push((name.clone(), Detail { size: None, time_s }));
            }
            out.items.push(name);
        }
        let more = value.get("next").is_some_and(|next| next.is_string());
        out.next = (more && !out.items.is_empty()).then(|| page.saturating_add(1).to_string());
        Ok(out)
    }

    async fn strings(
        &self,
        purpose: &Purpose<'_>,
        request: HttpRequest,
        key: &str,
    ) -> Result<(Value, Page<String>), RegistryError> {
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
        let page = Page {
            items,
            next,
            ..Page::default()
        };
        Ok((value, page))
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
        let endpoint = self.endpoint(purpose.registry);
        // A page that names itself as the next would go on for ever.
        let next = match (next, &endpoint) {
            (Some(page), Endpoint::Proxy { .. }) => query_value(&page, "cursor"),
            (page, _) => page,
        };
        let again = |cursor: &String| match &endpoint {
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

/// What Google's registries say beside the tags: repositories below, and every manifest with its
/// tags, size and times, all numbers as text (go-containerregistry: pkg/v1/google/list.go).
fn google(value: &Value, page: &mut Page<String>) {
    let children = value.get("child").and_then(Value::as_array);
    let names = children.into_iter().flatten().filter_map(Value::as_str);
    page.children = names.map(str::to_owned).collect();
    let manifests = value.get("manifest").and_then(Value::as_object);
    for (digest, info) in manifests.into_iter().flatten() {
        let number = |key: &str| {
            let value = info.get(key)?;
            let text = value.as_str().and_then(|text| text.parse().ok());
            text.or_else(|| value.as_u64()).filter(|n| *n > 0)
        };
        let time_ms = number("timeUploadedMs").or_else(|| number("timeCreatedMs"));
        let detail = Detail {
            size: number("imageSizeBytes"),
            time_s: time_ms.and_then(|ms| i64::try_from(ms / 1000).ok()),
        };
        let tags = info.get("tag").and_then(Value::as_array);
        let tags = tags.into_iter().flatten().filter_map(Value::as_str);
        let before = page.details.len();
        page.details
            .extend(tags.map(|tag| (tag.to_owned(), detail)));
        if page.details.len() == before
            && let Ok(digest) = digest.parse()
        {
            page.untagged.push((digest, detail));
        }
    }
    // The newest first: there is no other order in a map.
    page.untagged
        .sort_by_key(|(_, detail)| std::cmp::Reverse(detail.time_s));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port::memory::{Answer, MemoryHttp, run};

    #[test]
    fn children_and_manifests() {
        let digest = |c: char| format!("sha256:{}", c.to_string().repeat(64));
        let text = format!(
            r#"{{"child":["x",1],"tags":["v1"],"manifest":{{
                "{}":{{"imageSizeBytes":"7","tag":["v1","v2"],"timeCreatedMs":"0","timeUploadedMs":"1000999"}},
                "{}":{{"imageSizeBytes":"8","tag":[],"timeUploadedMs":"5000"}},
                "{}":{{"imageSizeBytes":"-1","timeUploadedMs":"9000"}},
                "bad":{{}}}}}}"#,
            digest('a'),
            digest('b'),
            digest('c')
        );
        let http = MemoryHttp::script([Answer::ok(text)]);
        let client = Client::new(http, Endpoint::proxy("http://p"));
        let page = run(client.tags(&Repository::parse("gcr.io/p").unwrap(), None)).unwrap();
        assert_eq!(
            (page.items.len(), page.children.as_slice()),
            (1, &["x".to_owned()][..])
        );
        let detail = |size, time_s| Detail { size, time_s };
        let both = detail(Some(7), Some(1000));
        assert_eq!(page.details, [("v1".into(), both), ("v2".into(), both)]);
        let untagged = [
            (digest('c').parse().unwrap(), detail(None, Some(9))),
            (digest('b').parse().unwrap(), detail(Some(8), Some(5))),
        ];
        assert_eq!(page.untagged, untagged);
    }

    /// Whoever is signed in to the registry is not to the site.
    #[test]
    fn a_namespace_page_by_page() {
        let result = |name: &str| {
            format!(
                r#"{{"name":"{name}","namespace":"n","last_updated":"2026-01-02T03:04:05.6Z"}}"#
            )
        };
        let page = |names: &[&str], next: &str| {
            let results: Vec<String> = names.iter().map(|n| result(n)).collect();
            Answer::ok(format!(
                r#"{{"count":3,"next":{next},"results":[{}]}}"#,
                results.join(",")
            ))
        };
        let http = MemoryHttp::script([
            page(
                &["a", "b"],
                r#""https://hub.docker.com/v2/namespaces/n/repositories?page=2""#,
            ),
            page(&["c"], "null"),
            page(&[], r#""for ever""#),
            Answer::status(404),
            Answer::ok("{}"),
        ]);
        let client = Client::new(http.clone(), Endpoint::proxy("http://p"));
        let hub = Registry::docker_hub();
        let ask = |cursor: Option<&str>| run(client.namespace(&hub, "n", cursor));
        let first = ask(None).unwrap();
        assert_eq!(
            (first.items.as_slice(), first.next.as_deref()),
            (&["n/a".to_owned(), "n/b".into()][..], Some("2"))
        );
        assert_eq!(
            first.details[0].1.time_s,
            human::parse_time("2026-01-02T03:04:05Z")
        );
        let second = ask(Some("2")).unwrap();
        assert_eq!((second.items.len(), second.next), (1, None));
        assert_eq!(ask(Some("3")).unwrap().next, None);
        assert!(matches!(ask(None), Err(RegistryError::NotFound { .. })));
        assert!(matches!(ask(None), Err(RegistryError::BadAnswer { .. })));
        let asked = http.requests();
        let base = "http://p/api/v1/listing?registry=index.docker.io&namespace=n&n=100";
        assert_eq!(asked[0].url, format!("{base}&page=1"));
        assert_eq!(asked[1].url, format!("{base}&page=2"));
        assert!(asked.iter().all(|r| r.header("authorization").is_none()));
    }
}
