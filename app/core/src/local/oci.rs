//! An OCI image layout (image specification 1.1.1, image-layout.md).

use serde_json::Value;

use super::names::Names;
use super::{Content, Files, Image, LocalError, Opened};
use crate::digest::Digest;
use crate::manifest::{Descriptor, Document, MAX_MANIFEST_BYTES};
use crate::media_type::{self, MediaTypeKind};

const INDEX: &str = "index.json";
/// Manifests that are read to learn what they refer to: a layout with all that is attached to an
/// image has dozens.
const MAX_READ: usize = 1000;

/// Reads the layout; false if there is none.
pub(super) async fn read(
    opened: &mut Opened,
    files: &impl Files,
    names: &Names,
) -> Result<bool, LocalError> {
    let Some(bytes) = names.document(files, INDEX, MAX_MANIFEST_BYTES).await? else {
        return Ok(false);
    };
    let bad = |detail: String| LocalError::Document {
        document: INDEX.to_owned(),
        detail,
    };
    let index: Value = serde_json::from_slice(&bytes).map_err(|e| bad(e.to_string()))?;
    let entries = index.get("manifests").and_then(Value::as_array);
    let entries = entries.ok_or_else(|| bad("it has no list of manifests".to_owned()))?;
    for (digest, piece) in names.blobs() {
        opened.contents.insert(digest, Content::Piece(piece));
    }
    for (nth, entry) in entries.iter().enumerate() {
        let descriptor = Descriptor::from_json(entry).map_err(|e| bad(e.to_string()))?;
        let subject = match nth < MAX_READ {
            true => subject_of(files, names, &descriptor).await?,
            false => None,
        };
        if let Some((subject, artifact_type)) = subject {
            let mut entry = entry.clone();
            if let (Some(object), Some(kind)) = (entry.as_object_mut(), artifact_type) {
                object.entry("artifactType").or_insert(kind.into());
            }
            opened.referrers.entry(subject).or_default().push(entry);
            continue;
        }
        let names: Vec<String> = [
            "io.containerd.image.name",
            "org.opencontainers.image.ref.name",
        ]
        .iter()
        .find_map(|key| descriptor.annotation(key))
        .map(str::to_owned)
        .into_iter()
        .collect();
        // The same image under several names is one.
        let known = opened.images.iter_mut();
        if let Some(known) = known.into_iter().find(|i| i.digest == descriptor.digest) {
            known.names.extend(names);
            continue;
        }
        opened.images.push(Image {
            names,
            digest: descriptor.digest,
            len: descriptor.size,
            media_type: descriptor.media_type,
            platform: descriptor.platform,
            made: false,
        });
    }
    Ok(true)
}

/// What a manifest refers to, and what it says of itself.
async fn subject_of(
    files: &impl Files,
    names: &Names,
    descriptor: &Descriptor,
) -> Result<Option<(Digest, Option<String>)>, LocalError> {
    if media_type::kind(&descriptor.media_type) != MediaTypeKind::Manifest
        || descriptor.size > MAX_MANIFEST_BYTES
    {
        return Ok(None);
    }
    let digest = &descriptor.digest;
    let path = format!("blobs/{}/{}", digest.algorithm().name(), digest.encoded());
    // A layout may lack what its index names: whoever opens it is told then.
    let bytes = names.document(files, &path, MAX_MANIFEST_BYTES).await?;
    let bytes = bytes.filter(|bytes| digest.matches(bytes));
    let document = bytes.and_then(|b| Document::parse(&b, Some(&descriptor.media_type)).ok());
    Ok(match document {
        Some(Document::Manifest(manifest)) => manifest.subject.map(|subject| {
            let config = manifest.config.map(|c| c.media_type);
            (subject.digest, manifest.artifact_type.or(config))
        }),
        _ => None,
    })
}
