//! Manifests: image index, image manifest, Docker's equivalents, schema 1 as far as it is read.
//!
//! Reading is forgiving where it can be: an entry that makes no sense is left out and told in
//! `problems`, so that one bad entry does not hide the rest. Sources: OCI image specification
//! 1.1.1 (descriptor.md, image-index.md, manifest.md); Docker manifest v2 schema 2 and schema 1.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::Value;

use crate::digest::Digest;
use crate::media_type::{self, MediaTypeKind};

pub mod descriptor;
pub mod platform;

pub use descriptor::Descriptor;
pub use platform::{Platform, PlatformError};

/// Largest manifest read, in bytes: what distribution accepts, and the proxy's bound.
pub const MAX_MANIFEST_BYTES: u64 = 4 << 20;

/// Annotations in the order they came in.
pub type Annotations = Vec<(String, String)>;

/// A manifest by its kind.
#[derive(Debug, Clone, PartialEq)]
#[allow(
    clippy::large_enum_variant,
    reason = "a page holds one of these; a box would cost every reader an indirection"
)]
pub enum Document {
    /// A list of manifests.
    Index(ImageIndex),
    /// One image or artifact.
    Manifest(ImageManifest),
    /// Docker schema 1.
    Schema1(Schema1),
    /// JSON that is none of these.
    Other,
}

/// An image index or Docker manifest list.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ImageIndex {
    /// Its own `mediaType`.
    pub media_type: Option<String>,
    /// `artifactType`.
    pub artifact_type: Option<String>,
    /// `manifests`, in order.
    pub manifests: Vec<Descriptor>,
    /// What it refers to.
    pub subject: Option<Descriptor>,
    /// `annotations`.
    pub annotations: Annotations,
    /// What could not be read.
    pub problems: Vec<String>,
}

/// An image manifest, or an artifact's.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ImageManifest {
    /// Its own `mediaType`.
    pub media_type: Option<String>,
    /// `artifactType`.
    pub artifact_type: Option<String>,
    /// `config`; the withdrawn artifact manifest has none.
    pub config: Option<Descriptor>,
    /// `layers` (`blobs` in the withdrawn artifact manifest), base first.
    pub layers: Vec<Descriptor>,
    /// What it refers to.
    pub subject: Option<Descriptor>,
    /// `annotations`.
    pub annotations: Annotations,
    /// What could not be read.
    pub problems: Vec<String>,
}

/// Docker manifest schema 1.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Schema1 {
    /// `name`.
    pub name: String,
    /// `tag`.
    pub tag: String,
    /// `architecture`.
    pub architecture: String,
    /// `fsLayers`, turned round: base first, like `layers` elsewhere.
    pub layers: Vec<Digest>,
    /// `history[].v1Compatibility`, JSON in a string; base first, beside `layers`.
    pub history: Vec<String>,
    /// What could not be read.
    pub problems: Vec<String>,
}

/// Why bytes are no manifest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// More bytes than a manifest may have.
    #[error("a manifest has at most {MAX_MANIFEST_BYTES} bytes, and this has {actual}")]
    TooLarge {
        /// Bytes there are.
        actual: u64,
    },
    /// Not JSON, or nested deeper than serde_json's bound of 128.
    #[error("not valid JSON: {detail}")]
    NotJson {
        /// What the parser says.
        detail: String,
    },
    /// JSON, but not an object.
    #[error("a manifest is a JSON object, and this is not")]
    NotAnObject,
}

impl Document {
    /// Reads a manifest. Its own `mediaType` says what it is; then its shape; then the content
    /// type it came with, which registries get wrong.
    pub fn parse(bytes: &[u8], content_type: Option<&str>) -> Result<Document, ManifestError> {
        if bytes.len() as u64 > MAX_MANIFEST_BYTES {
            return Err(ManifestError::TooLarge {
                actual: bytes.len() as u64,
            });
        }
        let value: Value = serde_json::from_slice(bytes).map_err(|e| ManifestError::NotJson {
            detail: e.to_string(),
        })?;
        if !value.is_object() {
            return Err(ManifestError::NotAnObject);
        }
        Ok(match document_kind(&value, content_type) {
            MediaTypeKind::Index => Document::Index(index(&value)),
            MediaTypeKind::Manifest => Document::Manifest(manifest(&value)),
            MediaTypeKind::DockerSchema1 => Document::Schema1(schema1(&value)),
            _ => Document::Other,
        })
    }

    /// What could not be read.
    pub fn problems(&self) -> &[String] {
        match self {
            Document::Index(i) => &i.problems,
            Document::Manifest(m) => &m.problems,
            Document::Schema1(s) => &s.problems,
            Document::Other => &[],
        }
    }

    /// The type that a document of this kind has when nothing else says one.
    pub fn default_media_type(&self) -> &'static str {
        match self {
            Document::Index(_) => media_type::OCI_INDEX,
            Document::Manifest(_) => media_type::OCI_MANIFEST,
            Document::Schema1(_) => media_type::DOCKER_SCHEMA1,
            Document::Other => "application/json",
        }
    }
}

fn document_kind(value: &Value, content_type: Option<&str>) -> MediaTypeKind {
    let is_document = |kind: &MediaTypeKind| {
        matches!(
            kind,
            MediaTypeKind::Index | MediaTypeKind::Manifest | MediaTypeKind::DockerSchema1
        )
    };
    let own = value.get("mediaType").and_then(Value::as_str);
    let has = |key: &str| value.get(key).is_some_and(Value::is_array);
    let by_shape = match value.get("schemaVersion").and_then(Value::as_u64) {
        Some(1) if has("fsLayers") => MediaTypeKind::DockerSchema1,
        _ if has("manifests") => MediaTypeKind::Index,
        _ if has("layers") || value.get("config").is_some_and(Value::is_object) => {
            MediaTypeKind::Manifest
        }
        _ => MediaTypeKind::Other,
    };
    own.map(media_type::kind)
        .filter(is_document)
        .or(Some(by_shape).filter(is_document))
        .or(content_type.map(media_type::kind).filter(is_document))
        .unwrap_or(MediaTypeKind::Other)
}

fn text(value: &Value, key: &str) -> Option<String> {
    value.get(key).and_then(Value::as_str).map(str::to_owned)
}

fn descriptors(value: &Value, key: &str, problems: &mut Vec<String>) -> Vec<Descriptor> {
    let list = match value.get(key) {
        Some(Value::Array(list)) => list.as_slice(),
        Some(Value::Null) => &[],
        None => {
            problems.push(format!("{key} is missing"));
            &[]
        }
        Some(_) => {
            problems.push(format!("{key} is not a list"));
            &[]
        }
    };
    let mut out = Vec::with_capacity(list.len());
    for (i, entry) in list.iter().enumerate() {
        match Descriptor::from_json(entry) {
            Ok(descriptor) => out.push(descriptor),
            Err(e) => problems.push(format!("{key}[{i}]: {e}")),
        }
    }
    out
}

fn descriptor(value: &Value, key: &str, problems: &mut Vec<String>) -> Option<Descriptor> {
    let entry = value.get(key).filter(|v| !v.is_null())?;
    Descriptor::from_json(entry)
        .map_err(|e| problems.push(format!("{key}: {e}")))
        .ok()
}

fn index(value: &Value) -> ImageIndex {
    let mut problems = Vec::new();
    ImageIndex {
        media_type: text(value, "mediaType"),
        artifact_type: text(value, "artifactType"),
        manifests: descriptors(value, "manifests", &mut problems),
        subject: descriptor(value, "subject", &mut problems),
        annotations: descriptor::annotations(value),
        problems,
    }
}

fn manifest(value: &Value) -> ImageManifest {
    let mut problems = Vec::new();
    let layers = match value.get("layers").is_none() && value.get("blobs").is_some() {
        true => "blobs",
        false => "layers",
    };
    ImageManifest {
        media_type: text(value, "mediaType"),
        artifact_type: text(value, "artifactType"),
        config: descriptor(value, "config", &mut problems),
        layers: descriptors(value, layers, &mut problems),
        subject: descriptor(value, "subject", &mut problems),
        annotations: descriptor::annotations(value),
        problems,
    }
}

fn schema1(value: &Value) -> Schema1 {
    let list = |key: &str| value.get(key).and_then(Value::as_array).into_iter();
    let mut out = Schema1 {
        name: text(value, "name").unwrap_or_default(),
        tag: text(value, "tag").unwrap_or_default(),
        architecture: text(value, "architecture").unwrap_or_default(),
        ..Schema1::default()
    };
    for (i, layer) in list("fsLayers").flatten().enumerate() {
        match text(layer, "blobSum").unwrap_or_default().parse() {
            Ok(digest) => out.layers.push(digest),
            Err(e) => out.problems.push(format!("fsLayers[{i}]: {e}")),
        }
    }
    for entry in list("history").flatten() {
        out.history
            .push(text(entry, "v1Compatibility").unwrap_or_default());
    }
    out.layers.reverse();
    out.history.reverse();
    out
}

/// The bytes of a signed schema 1 manifest that its digest covers: those that were signed, with
/// the signatures taken out again. None if it is not signed, or not signed so.
pub fn schema1_payload(bytes: &[u8]) -> Option<Vec<u8>> {
    let value: Value = serde_json::from_slice(bytes).ok()?;
    let signature = value.get("signatures")?.as_array()?.first()?;
    let protected = URL_SAFE_NO_PAD
        .decode(signature.get("protected")?.as_str()?)
        .ok()?;
    let protected: Value = serde_json::from_slice(&protected).ok()?;
    let len = usize::try_from(protected.get("formatLength")?.as_u64()?).ok()?;
    let tail = URL_SAFE_NO_PAD
        .decode(protected.get("formatTail")?.as_str()?)
        .ok()?;
    let mut payload = bytes.get(..len)?.to_vec();
    payload.extend_from_slice(&tail);
    Some(payload)
}

/// Decodes the base64 of a descriptor's `data`.
pub(crate) fn decode_base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

impl ImageIndex {
    /// The entries that a user chooses from: neither attestations nor indices of lazy pulling.
    pub fn choices(&self) -> impl Iterator<Item = &Descriptor> {
        self.manifests
            .iter()
            .filter(|d| d.attests().is_none() && !d.is_unknown_platform() && !d.is_soci_index())
    }

    /// The attestation manifests that say which manifest they speak of (buildkit's way).
    pub fn attestations_of(&self, digest: &Digest) -> impl Iterator<Item = &Descriptor> {
        self.manifests
            .iter()
            .filter(move |d| d.attests().as_ref() == Some(digest))
    }

    /// The entry for a platform; of several that fit, the first.
    pub fn choose(&self, wanted: &Platform) -> Option<&Descriptor> {
        self.choices()
            .find(|d| d.platform.as_ref().is_some_and(|p| p.satisfies(wanted)))
    }

    /// The entry shown when nobody chose: linux/amd64, else the first.
    pub fn default_choice(&self) -> Option<&Descriptor> {
        self.choose(&Platform::new("linux", "amd64"))
            .or_else(|| self.choices().next())
    }
}

impl ImageManifest {
    /// What kind of artifact it is: `artifactType`, else the config's media type (OCI image
    /// specification, "Guidelines for Artifact Usage").
    pub fn kind_of_artifact(&self) -> Option<&str> {
        self.artifact_type
            .as_deref()
            .filter(|t| !t.is_empty())
            .or(self.config.as_ref().map(|c| c.media_type.as_str()))
    }

    /// Whether it is an image with a configuration, and not another artifact.
    pub fn is_image(&self) -> bool {
        self.config
            .as_ref()
            .is_some_and(|c| media_type::kind(&c.media_type) == MediaTypeKind::Config)
    }

    /// Sum of the layers' compressed sizes in bytes.
    pub fn layers_size(&self) -> u64 {
        self.layers
            .iter()
            .fold(0u64, |sum, d| sum.saturating_add(d.size))
    }
}

#[cfg(test)]
mod tests;
