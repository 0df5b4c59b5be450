//! Where requests go: to our proxy, which asks the registry, or to the registry itself.

use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};

use super::listing::NAMESPACE_PAGE_LEN;
use crate::digest::Digest;
use crate::local;
use crate::media_type::MANIFEST_TYPES;
use crate::path::encode_bytes;
use crate::port::{HttpRequest, Method};
use crate::reference::{ManifestRef, Registry, Repository};

/// Entries asked for in one page of a listing. Some registries refuse more than 1000 (ECR), the
/// others give fewer if they like.
pub const PAGE_LEN: u32 = 1000;

/// Docker Hub's site, which knows what its registry does not list.
const HUB_API: &str = "https://hub.docker.com";

/// How a registry is reached.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Endpoint {
    /// Through a Layerscope proxy.
    Proxy {
        /// Its origin, such as `http://127.0.0.1:8080`; empty for the page's own origin.
        base: String,
    },
    /// Directly: for registries that allow it by CORS.
    Direct {
        /// `http` in place of `https`.
        plain_http: bool,
    },
}

impl Endpoint {
    /// A proxy at an origin; slashes at its end do not matter.
    pub fn proxy(base: &str) -> Endpoint {
        Endpoint::Proxy {
            base: base.trim_end_matches('/').to_owned(),
        }
    }

    /// Whether the registry itself is asked.
    pub fn is_direct(&self) -> bool {
        matches!(self, Endpoint::Direct { .. })
    }

    /// `https` or `http`, as the registry is asked directly.
    pub fn scheme(&self) -> &'static str {
        match self {
            Endpoint::Direct { plain_http: true } => "http",
            _ => "https",
        }
    }

    /// Asks for a manifest (distribution specification, "Pulling manifests").
    pub fn manifest(
        &self,
        method: Method,
        repository: &Repository,
        by: &ManifestRef,
    ) -> HttpRequest {
        if repository.registry().is_local() {
            return HttpRequest::get(local::url(repository, "manifests", &by.to_string()));
        }
        let mut request = match self {
            // The proxy names all manifest types itself: a long Accept would cost a preflight.
            Endpoint::Proxy { base } => {
                let reference = by.to_string();
                let query = [
                    ("registry", repository.registry().as_str()),
                    ("repository", repository.path()),
                    ("reference", &reference),
                ];
                HttpRequest::get(proxy_url(base, "manifest", &query))
            }
            Endpoint::Direct { .. } => {
                HttpRequest::get(self.v2(repository, &format!("manifests/{by}")))
                    .with_header("accept", MANIFEST_TYPES.join(", "))
            }
        };
        request.method = method;
        request
    }

    /// Asks for a blob, whole or from `start` up to `end` (exclusive; none for its end). Bytes are
    /// counted from the blob's first, compressed as it is.
    pub fn blob(
        &self,
        repository: &Repository,
        digest: &Digest,
        range: Option<(u64, Option<u64>)>,
    ) -> HttpRequest {
        let request = HttpRequest::get(self.blob_url(repository, digest));
        match range {
            // Always first-last or first-: a suffix range is never CORS-safelisted.
            Some((start, Some(end))) => {
                let last = end.saturating_sub(1);
                request.with_header("range", format!("bytes={start}-{last}"))
            }
            Some((start, None)) => request.with_header("range", format!("bytes={start}-")),
            None => request,
        }
    }

    /// The address of a blob.
    pub fn blob_url(&self, repository: &Repository, digest: &Digest) -> String {
        let digest = digest.to_string();
        if repository.registry().is_local() {
            return local::url(repository, "blobs", &digest);
        }
        match self {
            Endpoint::Proxy { base } => {
                let query = [
                    ("registry", repository.registry().as_str()),
                    ("repository", repository.path()),
                    ("digest", &digest),
                ];
                proxy_url(base, "blob", &query)
            }
            Endpoint::Direct { .. } => self.v2(repository, &format!("blobs/{digest}")),
        }
    }

    /// Asks for a page of a repository's tags.
    pub fn tags(&self, repository: &Repository, cursor: Option<&str>) -> HttpRequest {
        let query = [
            ("registry", repository.registry().as_str()),
            ("repository", repository.path()),
        ];
        let path = format!("/v2/{}/tags/list", repository.path());
        self.listing("tags", &query, repository.registry(), &path, cursor)
    }

    /// Asks for a page of a registry's repositories.
    pub fn catalog(&self, registry: &Registry, cursor: Option<&str>) -> HttpRequest {
        let query = [("registry", registry.as_str())];
        self.listing("catalog", &query, registry, "/v2/_catalog", cursor)
    }

    /// Asks Docker Hub's site for a page, from 1 on, of the repositories in a namespace.
    pub fn namespace(&self, registry: &Registry, namespace: &str, page: u32) -> HttpRequest {
        let (n, page) = (NAMESPACE_PAGE_LEN.to_string(), page.to_string());
        match self {
            Endpoint::Proxy { base } => {
                let query = [
                    ("registry", registry.as_str()),
                    ("namespace", namespace),
                    ("n", &n),
                    ("page", &page),
                ];
                HttpRequest::get(proxy_url(base, "listing", &query))
            }
            Endpoint::Direct { .. } => {
                let name = encode_bytes(namespace.as_bytes(), false);
                let query = format!("page_size={n}&page={page}");
                HttpRequest::get(format!(
                    "{HUB_API}/v2/namespaces/{name}/repositories?{query}"
                ))
            }
        }
    }

    /// Asks for a page of the manifests that refer to one; with an artifact type only for those,
    /// as far as the registry knows that filter. A cursor has it already.
    pub fn referrers(
        &self,
        repository: &Repository,
        digest: &Digest,
        artifact_type: Option<&str>,
        cursor: Option<&str>,
    ) -> HttpRequest {
        let text = digest.to_string();
        let registry = repository.registry();
        if registry.is_local() {
            return HttpRequest::get(local::url(repository, "referrers", &text));
        }
        match (self, cursor) {
            (Endpoint::Proxy { base }, _) => {
                let mut query = vec![
                    ("registry", registry.as_str()),
                    ("repository", repository.path()),
                    ("digest", &text),
                ];
                query.extend(artifact_type.map(|t| ("artifactType", t)));
                query.extend(cursor.map(|c| ("cursor", c)));
                HttpRequest::get(proxy_url(base, "referrers", &query))
            }
            (Endpoint::Direct { .. }, Some(cursor)) => self.continued(registry, cursor),
            (Endpoint::Direct { .. }, None) => {
                let filter = artifact_type.map_or(String::new(), |t| {
                    format!("?artifactType={}", encode_bytes(t.as_bytes(), false))
                });
                HttpRequest::get(self.v2(repository, &format!("referrers/{text}{filter}")))
            }
        }
    }

    /// Asks for the API's root, with the headers that a manifest is asked for with.
    pub(super) fn ping(&self, registry: &Registry) -> HttpRequest {
        HttpRequest::get(format!("{}/v2/", self.base_url(registry)))
            .with_header("accept", MANIFEST_TYPES.join(", "))
    }

    /// The registry's own origin.
    pub(super) fn base_url(&self, registry: &Registry) -> String {
        format!("{}://{}", self.scheme(), registry.dial())
    }

    fn listing(
        &self,
        api: &str,
        query: &[(&str, &str)],
        registry: &Registry,
        path: &str,
        cursor: Option<&str>,
    ) -> HttpRequest {
        match self {
            Endpoint::Proxy { base } => {
                let n = PAGE_LEN.to_string();
                let mut query = query.to_vec();
                query.push(match cursor {
                    Some(cursor) => ("cursor", cursor),
                    None => ("n", &n),
                });
                HttpRequest::get(proxy_url(base, api, &query))
            }
            Endpoint::Direct { .. } => match cursor {
                Some(cursor) => self.continued(registry, cursor),
                None => {
                    let base = self.base_url(registry);
                    HttpRequest::get(format!("{base}{path}?n={PAGE_LEN}"))
                }
            },
        }
    }

    /// The next page in direct mode: the cursor is the path and query of a Link that
    /// [`super::link::next`] has checked.
    fn continued(&self, registry: &Registry, cursor: &str) -> HttpRequest {
        HttpRequest::get(format!("{}{cursor}", self.base_url(registry)))
    }

    fn v2(&self, repository: &Repository, rest: &str) -> String {
        let base = self.base_url(repository.registry());
        format!("{base}/v2/{}/{rest}", repository.path())
    }
}

/// An address on the proxy with its query.
pub(super) fn proxy_url(base: &str, api: &str, query: &[(&str, &str)]) -> String {
    let mut url = format!("{base}/api/v1/{api}");
    for (i, (name, value)) in query.iter().enumerate() {
        url.push(if i == 0 { '?' } else { '&' });
        url.push_str(name);
        url.push('=');
        url.push_str(&encode_bytes(value.as_bytes(), false));
    }
    url
}

/// A parameter of an address or of a query alone.
pub(super) fn query_value(url: &str, name: &str) -> Option<String> {
    let query = url.split_once('?').map_or(url, |(_, q)| q);
    let query = query.split('#').next().unwrap_or_default();
    query.split('&').find_map(|pair| {
        let (n, v) = pair.split_once('=')?;
        let value = percent_decode_str(v).decode_utf8().ok()?;
        (n == name).then(|| value.into_owned())
    })
}

/// The host that a request goes to, for messages.
pub(super) fn host_of(url: &str) -> &str {
    let rest = match url.split_once("://") {
        Some((_, rest)) => rest,
        None => return "this page's own server",
    };
    rest.split(['/', '?', '#']).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHA: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[track_caller]
    fn check(request: HttpRequest, url: &str) {
        assert_eq!(request.url, url);
    }

    #[test]
    fn through_the_proxy() {
        let e = Endpoint::proxy("http://127.0.0.1:8080/");
        let repo = Repository::parse("debian").unwrap();
        let base = "http://127.0.0.1:8080/api/v1";
        let who = "registry=index.docker.io&repository=library%2Fdebian";
        let digest: Digest = SHA.parse().unwrap();
        let sha = SHA.replace(':', "%3A");
        let tag = ManifestRef::parse("12").unwrap();
        check(
            e.manifest(Method::Get, &repo, &tag),
            &format!("{base}/manifest?{who}&reference=12"),
        );
        assert_eq!(e.manifest(Method::Head, &repo, &tag).method, Method::Head);
        assert_eq!(e.manifest(Method::Get, &repo, &tag).header("accept"), None);
        let blob = e.blob(&repo, &digest, Some((10, Some(20))));
        assert_eq!(blob.header("Range"), Some("bytes=10-19"));
        check(blob, &format!("{base}/blob?{who}&digest={sha}"));
        check(e.tags(&repo, None), &format!("{base}/tags?{who}&n=1000"));
        check(
            e.tags(&repo, Some("a&b")),
            &format!("{base}/tags?{who}&cursor=a%26b"),
        );
        check(
            e.catalog(repo.registry(), None),
            &format!("{base}/catalog?registry=index.docker.io&n=1000"),
        );
        check(
            e.referrers(&repo, &digest, None, Some("c")),
            &format!("{base}/referrers?{who}&digest={sha}&cursor=c"),
        );
        check(
            e.referrers(&repo, &digest, Some("a/b+c"), None),
            &format!("{base}/referrers?{who}&digest={sha}&artifactType=a%2Fb%2Bc"),
        );
        let own = Endpoint::proxy("");
        check(own.tags(&repo, None), &format!("/api/v1/tags?{who}&n=1000"));
    }

    #[test]
    fn directly() {
        let e = Endpoint::Direct { plain_http: false };
        let repo = Repository::parse("debian").unwrap();
        let base = "https://registry-1.docker.io/v2";
        let digest: Digest = SHA.parse().unwrap();
        let manifest = e.manifest(Method::Get, &repo, &ManifestRef::Digest(digest.clone()));
        assert!(
            manifest
                .header("accept")
                .unwrap()
                .contains("oci.image.index.v1+json")
        );
        check(manifest, &format!("{base}/library/debian/manifests/{SHA}"));
        let tail = e.blob(&repo, &digest, Some((5, None)));
        assert_eq!(tail.header("range"), Some("bytes=5-"));
        check(tail, &format!("{base}/library/debian/blobs/{SHA}"));
        check(
            e.tags(&repo, None),
            &format!("{base}/library/debian/tags/list?n=1000"),
        );
        check(
            e.tags(&repo, Some("/v2/library/debian/tags/list?last=x")),
            &format!("{base}/library/debian/tags/list?last=x"),
        );
        check(
            e.referrers(&repo, &digest, None, None),
            &format!("{base}/library/debian/referrers/{SHA}"),
        );
        check(
            e.referrers(&repo, &digest, Some("a/b"), None),
            &format!("{base}/library/debian/referrers/{SHA}?artifactType=a%2Fb"),
        );
        let local = Endpoint::Direct { plain_http: true };
        let registry = Registry::parse("localhost:5000").unwrap();
        check(
            local.catalog(&registry, None),
            "http://localhost:5000/v2/_catalog?n=1000",
        );
    }

    #[test]
    fn travels() {
        for e in [Endpoint::proxy(""), Endpoint::Direct { plain_http: true }] {
            let json = serde_json::to_string(&e).unwrap();
            assert_eq!(serde_json::from_str::<Endpoint>(&json).unwrap(), e);
        }
    }

    #[test]
    fn reads_queries() {
        let value = |u: &str, n: &str| query_value(u, n);
        assert_eq!(value("/a?x=1&cursor=a%26b#f", "cursor"), Some("a&b".into()));
        assert_eq!(value("/a?cursor2=1", "cursor"), None);
        assert_eq!(value("/a?cursor=%FF", "cursor"), None);
        assert_eq!(host_of("https://a:1/b"), "a:1");
        assert_eq!(host_of("/api"), "this page's own server");
    }
}
