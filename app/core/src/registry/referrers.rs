//! What refers to a manifest, by every way in which that is kept: the referrers API, the fallback
//! tag (distribution specification, "Listing Referrers"), cosign's tags. Merged, each once, and
//! as a tree.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use serde_json::Value;

use super::client::{Client, bad_answer, digest_said};
use super::error::RegistryError;
use super::listing::MAX_PAGES;
use super::read::content_length;
use super::unreached::Unreached;
use crate::digest::Digest;
use crate::manifest::{Descriptor, Document};
use crate::media_type;
use crate::port::{Http, HttpError, Method};
use crate::reference::{ManifestRef, Repository, Tag};

mod tree;

pub use tree::{Below, Growth, MAX_DEPTH, MAX_GROWN, Row, Tree};

/// Most referrers of one manifest that are taken: more than anybody reads, and a list that a
/// registry makes up ends.
pub const MAX_REFERRERS: usize = 10_000;

/// What an answer names that has filtered by artifact type.
const FILTERS_APPLIED: &str = "oci-filters-applied";

/// The tags that cosign makes beside a manifest (sigstore/cosign: pkg/oci/remote/remote.go).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cosign {
    /// `.sig`
    Signature,
    /// `.att`
    Attestation,
    /// `.sbom`
    Sbom,
}

impl Cosign {
    /// All of them.
    pub const ALL: [Cosign; 3] = [Cosign::Signature, Cosign::Attestation, Cosign::Sbom];

    /// What the tag ends with.
    pub fn suffix(self) -> &'static str {
        match self {
            Cosign::Signature => "sig",
            Cosign::Attestation => "att",
            Cosign::Sbom => "sbom",
        }
    }

    fn word(self) -> &'static str {
        match self {
            Cosign::Signature => "cosign signature",
            Cosign::Attestation => "cosign attestation",
            Cosign::Sbom => "cosign SBOM",
        }
    }
}

/// How a referrer was come upon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// It stands in the image index beside its subject, annotated as buildkit does.
    Index,
    /// The registry's referrers API.
    Api,
    /// The tag that takes the API's place.
    FallbackTag,
    /// A tag of cosign's.
    Cosign(Cosign),
}

impl Source {
    /// In words, as the end of "found by …".
    pub fn words(self) -> &'static str {
        match self {
            Source::Index => "the image index",
            Source::Api => "the referrers API",
            Source::FallbackTag => "the fallback tag",
            Source::Cosign(_) => "cosign's tag",
        }
    }
}

/// One manifest that refers to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Referrer {
    /// The manifest.
    pub descriptor: Descriptor,
    /// Every way in which it was found, none twice.
    pub sources: Vec<Source>,
}

impl Referrer {
    /// What kind of thing it is, in a word: the artifact type where there is one.
    pub fn kind(&self) -> String {
        let descriptor = &self.descriptor;
        if let Some(kind) = descriptor
            .artifact_type
            .as_deref()
            .filter(|t| !t.is_empty())
        {
            return kind.to_owned();
        }
        let cosign = self.sources.iter().find_map(|s| match s {
            Source::Cosign(kind) => Some(kind.word()),
            _ => None,
        });
        match cosign {
            Some(word) => word.to_owned(),
            None if descriptor.attests().is_some() => "attestation".to_owned(),
            None => descriptor.media_type.clone(),
        }
    }
}

/// What refers to one manifest, and which ways failed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Attached {
    /// Each once; in the order of the ways, and in each in the registry's.
    pub list: Vec<Referrer>,
    /// What was tried and gave nothing that can be used. The rest stands.
    pub failures: Vec<(Source, RegistryError)>,
}

impl Attached {
    /// The descriptors alone.
    pub fn descriptors(&self) -> impl Iterator<Item = &Descriptor> {
        self.list.iter().map(|r| &r.descriptor)
    }

    /// Whether a way failed and nothing was found by the others.
    pub fn is_failure(&self) -> bool {
        self.list.is_empty() && !self.failures.is_empty()
    }
}

/// Puts what several ways have found into one list: what has the same digest is one referrer, and
/// what one way does not say of it another may. With an artifact type only those of that type.
pub fn merge(
    found: impl IntoIterator<Item = (Source, Vec<Descriptor>)>,
    artifact_type: Option<&str>,
) -> Vec<Referrer> {
    let mut out: Vec<Referrer> = Vec::new();
    let mut places = std::collections::HashMap::new();
    for (source, descriptors) in found {
        for descriptor in descriptors {
            let place = *places.entry(descriptor.digest.clone()).or_insert(out.len());
            let Some(known) = out.get_mut(place) else {
                out.push(Referrer {
                    descriptor,
                    sources: vec![source],
                });
                continue;
            };
            if !known.sources.contains(&source) {
                known.sources.push(source);
            }
            let have = &mut known.descriptor;
            if have.artifact_type.as_deref().unwrap_or_default().is_empty() {
                have.artifact_type = descriptor.artifact_type;
            }
            if have.annotations.is_empty() {
                have.annotations = descriptor.annotations;
            }
        }
    }
    if let Some(wanted) = artifact_type {
        out.retain(|r| r.kind() == wanted);
    }
    out.truncate(MAX_REFERRERS);
    out
}

impl<H: Http> Client<H> {
    /// The manifests that refer to one: by the referrers API, else by the fallback tag. What
    /// cosign tags is not looked for.
    pub async fn referrers(
        &self,
        repository: &Repository,
        digest: &Digest,
    ) -> Result<Vec<Descriptor>, RegistryError> {
        match self.referrers_by_api(repository, digest, None).await? {
            Some(list) => Ok(list),
            None => self.referrers_by_tag(repository, digest).await,
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
        let mut take = |source, outcome: Result<Vec<Descriptor>, RegistryError>| match outcome {
            Ok(list) => found.push((source, list)),
            Err(error) => failures.push((source, error)),
        };
        take(Source::Api, api.map(Option::unwrap_or_default));
        take(Source::FallbackTag, tag);
        for (kind, outcome) in Cosign::ALL.into_iter().zip([sig, att, sbom]) {
            let one = outcome.map(|d| d.into_iter().collect());
            take(Source::Cosign(kind), one);
        }
        Attached {
            list: merge(found, artifact_type),
            failures,
        }
    }

    /// None where there is no such API.
    async fn referrers_by_api(
        &self,
        repository: &Repository,
        digest: &Digest,
        artifact_type: Option<&str>,
    ) -> Result<Option<Vec<Descriptor>>, RegistryError> {
        let what = format!("what refers to {} in {}", digest.short(), repository.path());
        let purpose = self.purpose(repository, what);
        let mut all: Vec<Descriptor> = Vec::new();
        let mut cursor: Option<String> = None;
        for page in 0..MAX_PAGES {
            let endpoint = self.endpoint(repository.registry());
            let from = cursor.as_deref();
            let request = endpoint.referrers(repository, digest, artifact_type, from);
            let (value, next, headers) = match self.page(&purpose, request).await {
                Ok(answer) => answer,
                Err(e) if page == 0 && means_no_api(&e) => return Ok(None),
                Err(e) => return Err(e),
            };
            // Only an image index counts; some servers answer 200 to anything.
            let entries = match value.get("manifests") {
                Some(Value::Array(entries)) => entries,
                _ if page == 0 => return Ok(None),
                _ => return Err(bad_answer(&purpose, "a page of it is no image index")),
            };
            let applied = filter_applied(headers.get(FILTERS_APPLIED));
            let read = entries.iter().filter_map(|e| Descriptor::from_json(e).ok());
            all.extend(read.map(|mut d| {
                // The registry has filtered by what it did not write down.
                if applied && d.artifact_type.is_none() {
                    d.artifact_type = artifact_type.map(str::to_owned);
                }
                d
            }));
            all.truncate(MAX_REFERRERS);
            match next {
                Some(next) if all.len() < MAX_REFERRERS => cursor = Some(next),
                _ => break,
            }
        }
        Ok(Some(all))
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

fn described(media_type: String, digest: Digest, size: u64) -> Descriptor {
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
/// 400, 405, 501 or a page of HTML. distribution gives none of its CORS headers with the answer of
/// its router to an address that it does not know: a page that asks directly gets nothing to read.
/// If nothing can be reached at all, the question after this one says so.
fn means_no_api(error: &RegistryError) -> bool {
    match error {
        RegistryError::NotFound { .. } | RegistryError::NotJson { .. } => true,
        RegistryError::Upstream { status, .. } => matches!(status, 400 | 405 | 501),
        RegistryError::Network { attempt, error } if attempt.direct => match error {
            HttpError::Unreached { why, .. } => *why == Unreached::Beyond,
            error => matches!(error, HttpError::Network { .. }),
        },
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

/// The tag under which cosign keeps something of a manifest: the whole digest, its colon a dash,
/// and an ending. Of a longer digest than SHA-256's it is cut so that a tag has room.
pub fn cosign_tag(digest: &Digest, kind: Cosign) -> Tag {
    let encoded = digest.encoded();
    let cut = encoded.get(..110).unwrap_or(encoded);
    let name = digest.algorithm().name();
    Tag::parse(&format!("{name}-{cut}.{}", kind.suffix()))
        .expect("an algorithm's name, a dash, hex digits and an ending make a tag")
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

#[cfg(test)]
mod tests;
