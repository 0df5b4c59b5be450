//! Manifests that were fetched before: what a digest names cannot change, and what a tag names is
//! asked for by HEAD, which Docker Hub does not count as a pull.

use std::collections::VecDeque;

use super::client::Fetched;
use crate::reference::{ManifestRef, Repository};

/// Most manifests kept: an index, its platforms and what refers to them, for a few images.
const MAX_KEPT: usize = 32;
/// Most bytes of them: real ones have a few KiB, and the largest is 4 MiB.
const MAX_BYTES: usize = 4 << 20;

struct Entry {
    repository: Repository,
    by: ManifestRef,
    fetched: Fetched,
}

/// The last manifests, newest first.
#[derive(Default)]
pub(super) struct Known(VecDeque<Entry>);

impl Known {
    /// What was fetched by this tag or digest, or has this digest.
    pub(super) fn get(&self, repository: &Repository, by: &ManifestRef) -> Option<&Fetched> {
        let fits = |entry: &&Entry| {
            let same = match by {
                ManifestRef::Digest(digest) => entry.fetched.digest == *digest,
                ManifestRef::Tag(_) => entry.by == *by,
            };
            same && entry.repository == *repository
        };
        self.0.iter().find(fits).map(|entry| &entry.fetched)
    }

    pub(super) fn put(&mut self, repository: &Repository, by: &ManifestRef, fetched: &Fetched) {
        self.0
            .retain(|entry| entry.by != *by || entry.repository != *repository);
        self.0.push_front(Entry {
            repository: repository.clone(),
            by: by.clone(),
            fetched: fetched.clone(),
        });
        let mut bytes = 0;
        let fit = self.0.iter().take(MAX_KEPT).take_while(|entry| {
            bytes += entry.fetched.bytes.len();
            bytes <= MAX_BYTES
        });
        let fit = fit.count();
        self.0.truncate(fit);
    }

    /// Forgets what came from a registry: somebody signed in or out.
    pub(super) fn forget(&mut self, registry: &crate::reference::Registry) {
        self.0
            .retain(|entry| entry.repository.registry() != registry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::{Algorithm, Digest};
    use crate::manifest::Document;
    use crate::port::memory::{Answer, MemoryHttp, run};
    use crate::reference::Registry;
    use crate::registry::{Client, Endpoint, RegistryError};

    const INDEX: &str = r#"{"schemaVersion":2,"manifests":[]}"#;

    fn fetched(len: usize, seed: usize) -> Fetched {
        Fetched {
            bytes: vec![0; len],
            digest: Digest::of(Algorithm::Sha256, seed.to_string().as_bytes()),
            media_type: String::new(),
            document: Document::Other,
            rate_limit: None,
        }
    }

    fn tag(name: &str) -> ManifestRef {
        ManifestRef::parse(name).unwrap()
    }

    #[test]
    fn by_tag_and_by_digest() {
        let (a, b) = (
            Repository::parse("r.io/a").unwrap(),
            Repository::parse("r.io/b").unwrap(),
        );
        let mut known = Known::default();
        known.put(&a, &tag("v1"), &fetched(1, 1));
        let digest = ManifestRef::Digest(fetched(1, 1).digest);
        assert!(known.get(&a, &tag("v1")).is_some() && known.get(&a, &digest).is_some());
        assert!(known.get(&a, &tag("v2")).is_none() && known.get(&b, &digest).is_none());
        known.put(&a, &tag("v1"), &fetched(1, 2));
        assert_eq!(known.0.len(), 1, "a tag that moved");
        known.forget(&Registry::parse("r.io").unwrap());
        assert!(known.0.is_empty());
    }

    #[test]
    fn bounded_in_number_and_bytes() {
        let a = Repository::parse("r.io/a").unwrap();
        let mut known = Known::default();
        for n in 0..100 {
            known.put(&a, &tag(&format!("v{n}")), &fetched(1, n));
        }
        assert_eq!(known.0.len(), MAX_KEPT);
        assert!(known.get(&a, &tag("v99")).is_some());
        known.put(&a, &tag("large"), &fetched(MAX_BYTES, 1));
        assert_eq!(known.0.len(), 1);
        known.put(&a, &tag("larger"), &fetched(MAX_BYTES + 1, 1));
        assert!(known.0.is_empty());
    }

    /// The second time a tag is asked for by HEAD, and by GET only if it has moved; a digest not at all.
    #[test]
    fn what_is_known_is_not_fetched_again() {
        let repo = Repository::parse("r.io/a").unwrap();
        let sha = |body: &str| Digest::of(Algorithm::Sha256, body.as_bytes());
        let said =
            |body: &str| Answer::ok(body).header("Docker-Content-Digest", sha(body).to_string());
        let moved = r#"{"schemaVersion":2,"manifests":[],"annotations":{"a":"b"}}"#;
        let http = MemoryHttp::script([
            said(INDEX),
            said(INDEX).header("RateLimit-Remaining", "7"),
            said(moved),
            said(moved),
            Answer::status(404),
            Answer::status(404),
            Answer::ok(INDEX),
        ]);
        let client = Client::new(http.clone(), Endpoint::proxy("http://p"));
        let get = |by: &ManifestRef| run(client.manifest(&repo, by));
        let methods = || {
            let all = http.requests();
            all.iter().map(|r| r.method.name()).collect::<Vec<_>>()
        };
        assert_eq!(get(&tag("v1")).unwrap().rate_limit, None);
        assert_eq!(get(&tag("v1")).unwrap().rate_limit.unwrap().remaining, 7);
        get(&ManifestRef::Digest(sha(INDEX))).unwrap();
        assert_eq!(methods(), ["GET", "HEAD"]);
        assert_eq!(get(&tag("v1")).unwrap().digest, sha(moved));
        assert_eq!(methods()[2..], ["HEAD", "GET"]);
        let gone = get(&tag("v1")).unwrap_err();
        assert!(matches!(gone, RegistryError::NotFound { .. }), "{gone}");
        assert_eq!(methods()[4..], ["HEAD", "GET"]);
        // Whoever signs in may see something else.
        client.set_credentials(repo.registry(), None);
        get(&tag("v1")).unwrap();
        assert_eq!(methods()[6..], ["GET"]);
    }
}
