//! What refers to a manifest, by every way in which that is kept: the referrers API, the fallback
//! tag (distribution specification, "Listing Referrers"), cosign's tags. Merged, each once, and
//! as a tree.

use std::collections::HashMap;
use std::sync::Arc;

use super::error::RegistryError;
use super::unreached::Unreached;
use crate::digest::Digest;
use crate::manifest::Descriptor;
use crate::port::HttpError;
use crate::reference::Tag;

mod ask;
mod tree;

pub use tree::{Below, Growth, Lack, MAX_DEPTH, MAX_GROWN, MAX_KINDS, Row, Shown, Tree};

/// Most referrers of one manifest that are taken: more than anybody reads, and a list that a
/// registry makes up ends.
pub const MAX_REFERRERS: usize = 10_000;

/// Bytes of text in all descriptors of one way: ten thousand as they are in the field have fewer.
const MAX_LIST_BYTES: usize = 8 << 20;

/// Bytes of annotations that are kept of one descriptor. Nothing is read from them here but short words.
const MAX_ANNOTATION_BYTES: usize = 2 << 10;

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
    pub fn kind(&self) -> &str {
        let descriptor = &self.descriptor;
        let stated = descriptor.artifact_type.as_deref();
        if let Some(kind) = stated.filter(|t| !t.is_empty()) {
            return kind;
        }
        let cosign = self.sources.iter().find_map(|s| match s {
            Source::Cosign(kind) => Some(kind.word()),
            _ => None,
        });
        match cosign {
            Some(word) => word,
            None if descriptor.attests().is_some() => "attestation",
            None => &descriptor.media_type,
        }
    }
}

/// What refers to one manifest, and which ways failed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Attached {
    /// Each once; in the order of the ways, and in each in the registry's.
    pub list: Vec<Arc<Referrer>>,
    /// There are more than are taken.
    pub cut: bool,
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
        let failed = |(source, error): &(Source, RegistryError)| !is_unread(*source, error);
        self.list.is_empty() && self.failures.iter().any(failed)
    }
}

/// Whether the registry may have the referrers API or not: a page that asks directly got nothing to
/// read. distribution, which has none, gives none of its CORS headers with the answer of its router
/// to an address that it does not know; but a connection that breaks looks the same.
pub fn is_unread(source: Source, error: &RegistryError) -> bool {
    match error {
        RegistryError::Network { attempt, error } if attempt.direct && source == Source::Api => {
            match error {
                HttpError::Unreached { why, .. } => *why == Unreached::Beyond,
                error => matches!(error, HttpError::Network { .. }),
            }
        }
        _ => false,
    }
}

/// Puts what several ways have found into one list: what has the same digest is one referrer, and
/// what one way does not say of it another may. With an artifact type only those of that type.
pub fn merge(
    found: impl IntoIterator<Item = (Source, Vec<Descriptor>)>,
    artifact_type: Option<&str>,
) -> Vec<Arc<Referrer>> {
    let mut out: Vec<Referrer> = Vec::new();
    let mut places = HashMap::new();
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
    out.into_iter().map(Arc::new).collect()
}

/// What is taken of one list.
#[derive(Debug, Default)]
struct Taken {
    list: Vec<Descriptor>,
    bytes: usize,
    /// There was more.
    cut: bool,
}

impl Taken {
    /// Takes a descriptor, without what is not needed of it; false if there is no room.
    fn push(&mut self, mut descriptor: Descriptor) -> bool {
        (descriptor.data, descriptor.urls) = (None, Vec::new());
        let mut bytes = 0;
        descriptor.annotations.retain(|(key, value)| {
            bytes += key.len() + value.len();
            bytes <= MAX_ANNOTATION_BYTES
        });
        bytes = bytes.min(MAX_ANNOTATION_BYTES) + descriptor.media_type.len();
        bytes += descriptor.artifact_type.as_ref().map_or(0, String::len);
        let room = MAX_LIST_BYTES - self.bytes;
        self.cut |= self.list.len() >= MAX_REFERRERS || bytes > room;
        if !self.cut {
            self.bytes += bytes;
            self.list.push(descriptor);
        }
        !self.cut
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

#[cfg(test)]
mod tests;
