//! Asking for what refers to a manifest, by each way.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use serde_json::Value;

use super::{
    Attached, Cosign, MAX_REFERRERS, Source, Taken, cosign_tag, fallback_tag, is_unread, merge,
};
use crate::digest::Digest;
use crate::manifest::{Descriptor, Document};
use crate::media_type;
use crate::port::{Headers, Http, Method};
use crate::reference::{ManifestRef, Repository};
use crate::registry::client::{Client, Purpose, bad_answer, digest_said};
use crate::registry::error::RegistryError;
use crate::registry::listing::MAX_PAGES;
use crate::registry::read::content_length;

/// What an answer names that has filtered by artifact type.
const FILTERS_APPLIED: &str = "oci-filters-applied";

/// What the referrers API has said.
#[derive(Default)]
struct ByApi {
    taken: Taken,
    /// Why there is no more of it.
    failure: Option<RegistryError>,
}

impl<H: Http> Client<H> {
    /// The manifests that refer to one: by the referrers API, else by the fallback tag. What
    /// cosign tags is not looked for.
    pub async fn referrers(
        &self,
        repository: &Repository,
        digest: &Digest,
    ) -> Result<Vec<Descriptor>, RegistryError> {
        match self.referrers_by_api(repository, digest, None).await {
            Some(ByApi { taken, failure }) if !taken.list.is_empty() || failure.is_none() => {
                Ok(taken.list)
            }
            Some(ByApi {
                failure: Some(error),
                ..
            }) if !is_unread(Source::Api, &error) => Err(error),
            _ => Ok(self.referrers_by_tag(repository, digest).await?.list),
        }
    }

    /// Everything that refers to a manifest, by all ways at once. `artifact_type` is sent along
    /// and applied here too, because registries may ignore it.
    pub async fn attached(
        &self,
        repository: &Repository,
        digest: &Digest,
        artifact_type: Option<&str>,
    ) -> Attached {
        let api = self.referrers_by_api(repository, digest, artifact_type);
        let tag = self.referrers_by_tag(repository, digest);
        let cosign = Cosign::ALL.map(|kind| self.cosign(repository, digest, kind));
        let [sig, att, sbom] = cosign;
        let ((api, tag), (sig, (att, sbom))) =
            both(both(api, tag), both(sig, both(att, sbom))).await;
        let mut failures = Vec::new();
        let mut found = Vec::new();
        let mut cut = false;
        // What came before a page that failed stands.
        let ByApi { taken, failure } = api.unwrap_or_default();
        cut |= taken.cut;
        found.push((Source::Api, taken.list));
        failures.extend(failure.map(|error| (Source::Api, error)));
        match tag {
            Ok(taken) => {
                cut |= taken.cut;
                found.push((Source::FallbackTag, taken.list));
            }
            Err(error) => failures.push((Source::FallbackTag, error)),
        }
        for (kind, outcome) in Cosign::ALL.into_iter().zip([sig, att, sbom]) {
            match outcome {
                Ok(one) => found.push((Source::Cosign(kind), one.into_iter().collect())),
                Err(error) => failures.push((Source::Cosign(kind), error)),
            }
        }
        let mut list = merge(found, artifact_type);
        cut |= list.len() > MAX_REFERRERS;
        list.truncate(MAX_REFERRERS);
        Attached {
            list,
            cut,
            failures,
        }
    }

    /// None where there is no such API.
    async fn referrers_by_api(
        &self,
        repository: &Repository,
        digest: &Digest,
        artifact_type: Option<&str>,
    ) -> Option<ByApi> {
        let what = format!("what refers to {} in {}", digest.short(), repository.path());
        let purpose = self.purpose(repository, what);
        let mut out = ByApi::default();
        let mut cursor: Option<String> = None;
        for page in 0..MAX_PAGES {
            let asked = (repository, digest, artifact_type);
            let answer = self.referrers_page(&purpose, asked, cursor.as_deref());
            let (value, next, headers) = match answer.await {
                Ok(answer) => answer,
                Err(e) if page == 0 && means_no_api(&e) => return None,
                Err(e) => {
                    out.failure = Some(e);
                    return Some(out);
                }
            };
            // Only an image index counts; some servers answer 200 to anything.
            let entries = match value.get("manifests") {
                Some(Value::Array(entries)) => entries,
                _ if page == 0 => return None,
                _ => {
                    let error = bad_answer(&purpose, "a page of it is no image index");
                    out.failure = Some(error);
                    return Some(out);
                }
            };
            let applied = filter_applied(headers.get(FILTERS_APPLIED));
            let read = entries.iter().filter_map(|e| Descriptor::from_json(e).ok());
            for mut descriptor in read {
                // The registry has filtered by what it did not write down.
                if applied && descriptor.artifact_type.is_none() {
                    descriptor.artifact_type = artifact_type.map(str::to_owned);
                }
                if !out.taken.push(descriptor) {
                    return Some(out);
                }
            }
            cursor = match next {
                Some(next) => Some(next),
                None => return Some(out),
            };
        }
        out.taken.cut = true;
        Some(out)
    }

    /// A page of the API's list. What gives nothing to read may be a connection that broke: it is
    /// asked for once more.
    async fn referrers_page(
        &self,
        purpose: &Purpose<'_>,
        (repository, digest, artifact_type): (&Repository, &Digest, Option<&str>),
        cursor: Option<&str>,
    ) -> Result<(Value, Option<String>, Headers), RegistryError> {
        let endpoint = self.endpoint(repository.registry());
        let request = endpoint.referrers(repository, digest, artifact_type, cursor);
        match self.page(purpose, request.clone()).await {
            Err(error) if is_unread(Source::Api, &error) => self.page(purpose, request).await,
            answer => answer,
        }
    }

    async fn referrers_by_tag(
        &self,
        repository: &Repository,
        digest: &Digest,
    ) -> Result<Taken, RegistryError> {
        let tag = fallback_tag(digest);
        let mut taken = Taken::default();
        match self.manifest(repository, &ManifestRef::Tag(tag)).await {
            Ok(fetched) => {
                if let Document::Index(index) = fetched.document {
                    index.manifests.into_iter().all(|d| taken.push(d));
                }
                Ok(taken)
            }
            Err(RegistryError::NotFound { .. }) => Ok(taken),
            Err(e) => Err(e),
        }
    }

    /// What stands under a tag of cosign's, asked for by HEAD, which is no pull.
    async fn cosign(
        &self,
        repository: &Repository,
        digest: &Digest,
        kind: Cosign,
    ) -> Result<Option<Descriptor>, RegistryError> {
        let tag = cosign_tag(digest, kind);
        let what = format!("the manifest {}:{tag}", repository.path());
        let purpose = self.purpose(repository, what);
        let by = ManifestRef::Tag(tag);
        let endpoint = self.endpoint(repository.registry());
        let request = endpoint.manifest(Method::Head, repository, &by);
        let headers = match self.expect(&purpose, request, &[200]).await {
            Ok(answer) => answer.headers,
            Err(RegistryError::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let said = headers.get("content-type").map(media_type::essence);
        if let (Some(digest), Some(size)) = (digest_said(&headers), content_length(&headers)) {
            let media_type = said.unwrap_or_default().to_owned();
            return Ok(Some(described(media_type, digest, size)));
        }
        // The answer says too little: the manifest itself tells.
        let fetched = self.manifest(repository, &by).await?;
        let size = fetched.bytes.len() as u64;
        Ok(Some(described(fetched.media_type, fetched.digest, size)))
    }
}

pub(super) fn described(media_type: String, digest: Digest, size: u64) -> Descriptor {
    Descriptor {
        media_type,
        digest,
        size,
        urls: Vec::new(),
        annotations: Vec::new(),
        data: None,
        artifact_type: None,
        platform: None,
    }
}

/// `OCI-Filters-Applied` names the filters, separated by commas.
fn filter_applied(header: Option<&str>) -> bool {
    let names = header.unwrap_or_default().split(',');
    names.map(str::trim).any(|n| n == "artifactType")
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

/// Runs two futures at once.
async fn both<A: Future, B: Future>(a: A, b: B) -> (A::Output, B::Output) {
    let (mut a, mut b) = (pin!(a), pin!(b));
    let (mut first, mut second) = (None, None);
    poll_fn(move |context| {
        if first.is_none()
            && let Poll::Ready(output) = a.as_mut().poll(context)
        {
            first = Some(output);
        }
        if second.is_none()
            && let Poll::Ready(output) = b.as_mut().poll(context)
        {
            second = Some(output);
        }
        match (first.take(), second.take()) {
            (Some(one), Some(other)) => Poll::Ready((one, other)),
            (one, other) => {
                (first, second) = (one, other);
                Poll::Pending
            }
        }
    })
    .await
}
