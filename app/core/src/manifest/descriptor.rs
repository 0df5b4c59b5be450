//! Descriptors (OCI image specification, descriptor.md).

use serde_json::Value;

use super::{Annotations, Platform};
use crate::digest::{Digest, DigestError};

/// What names a blob or manifest: type, digest, size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Descriptor {
    /// `mediaType`; empty where a sloppy builder left it out.
    pub media_type: String,
    /// `digest`.
    pub digest: Digest,
    /// `size` in bytes, as stored (compressed).
    pub size: u64,
    /// `urls`: other places to fetch it from. Shown, never fetched.
    pub urls: Vec<String>,
    /// `annotations`.
    pub annotations: Annotations,
    /// `data`: the content itself in base64.
    pub data: Option<String>,
    /// `artifactType`.
    pub artifact_type: Option<String>,
    /// `platform`, in an index.
    pub platform: Option<Platform>,
}

/// Why JSON is no descriptor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DescriptorError {
    /// Not an object.
    #[error("not an object")]
    NotAnObject,
    /// No digest.
    #[error("it has no digest")]
    NoDigest,
    /// A digest that is none.
    #[error("{0}")]
    Digest(#[from] DigestError),
    /// No size, or none that a blob can have.
    #[error("its size is not a number from 0 on")]
    Size,
}

impl Descriptor {
    /// Reads a descriptor.
    pub fn from_json(value: &Value) -> Result<Descriptor, DescriptorError> {
        if !value.is_object() {
            return Err(DescriptorError::NotAnObject);
        }
        let text = |key: &str| value.get(key).and_then(Value::as_str);
        let digest = text("digest").ok_or(DescriptorError::NoDigest)?.parse()?;
        let size = value.get("size").and_then(Value::as_u64);
        let urls = value.get("urls").and_then(Value::as_array);
        Ok(Descriptor {
            media_type: text("mediaType").unwrap_or_default().to_owned(),
            digest,
            size: size.ok_or(DescriptorError::Size)?,
            urls: urls
                .into_iter()
                .flatten()
                .filter_map(|u| u.as_str().map(str::to_owned))
                .collect(),
            annotations: annotations(value),
            data: text("data").map(str::to_owned),
            artifact_type: text("artifactType").map(str::to_owned),
            platform: value.get("platform").and_then(Platform::from_json),
        })
    }

    /// Of a blob of which nothing but the digest is known.
    pub fn of(digest: Digest) -> Descriptor {
        Descriptor {
            media_type: String::new(),
            digest,
            size: 0,
            urls: Vec::new(),
            annotations: Annotations::default(),
            data: None,
            artifact_type: None,
            platform: None,
        }
    }

    /// The value of an annotation.
    pub fn annotation(&self, key: &str) -> Option<&str> {
        let found = self.annotations.iter().find(|(k, _)| k == key);
        found.map(|(_, v)| v.as_str())
    }

    /// The content held in the descriptor itself, if it is there and has the right size and
    /// digest.
    pub fn embedded(&self) -> Option<Vec<u8>> {
        let bytes = super::decode_base64(self.data.as_deref()?)?;
        (bytes.len() as u64 == self.size && self.digest.matches(&bytes)).then_some(bytes)
    }

    /// The manifest that this one attests, by the annotations that buildkit sets in an index.
    pub fn attests(&self) -> Option<Digest> {
        match self.annotation("vnd.docker.reference.type") {
            Some("attestation-manifest") => self
                .annotation("vnd.docker.reference.digest")
                .and_then(|d| d.parse().ok()),
            _ => None,
        }
    }

    /// Whether its platform is `unknown/unknown`: it is no image to run.
    pub fn is_unknown_platform(&self) -> bool {
        self.platform
            .as_ref()
            .is_some_and(|p| p.os == "unknown" && p.architecture == "unknown")
    }

    /// Whether it is a SOCI index that stands beside the images in an index.
    pub fn is_soci_index(&self) -> bool {
        self.artifact_type
            .as_deref()
            .is_some_and(crate::soci::is_index_type)
    }
}

/// The `annotations` of an object; values that are not text are left out.
pub(super) fn annotations(value: &Value) -> Annotations {
    let object = value.get("annotations").and_then(Value::as_object);
    object
        .into_iter()
        .flatten()
        .filter_map(|(k, v)| Some((k.clone(), v.as_str()?.to_owned())))
        .collect()
}
