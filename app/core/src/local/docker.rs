//! What `docker save` writes where it writes no OCI layout: `manifest.json`, configurations, layers.
//!
//! It has no manifests; one is put together for each image. A plain layer's digest is its diff ID,
//! which the configuration has. A compressed one has a digest only where its file is called by it.

use serde::Deserialize;
use serde_json::json;

use super::names::{Names, digest_in_name, read as read_piece};
use super::{Content, Files, Image, LocalError, Opened};
use crate::config::{ImageConfig, MAX_CONFIG_BYTES};
use crate::digest::{Algorithm, Digest};
use crate::layer_index::Compression;
use crate::manifest::MAX_MANIFEST_BYTES;

const MANIFEST: &str = "manifest.json";
const MEDIA_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Saved {
    config: String,
    repo_tags: Option<Vec<String>>,
    #[serde(default)]
    layers: Vec<String>,
}

/// Reads the archive; false if it is none.
pub(super) async fn read(
    opened: &mut Opened,
    files: &impl Files,
    names: &Names,
) -> Result<bool, LocalError> {
    let Some(bytes) = names.document(files, MANIFEST, MAX_MANIFEST_BYTES).await? else {
        return Ok(false);
    };
    let saved: Vec<Saved> = serde_json::from_slice(&bytes).map_err(|e| LocalError::Document {
        document: MANIFEST.to_owned(),
        detail: e.to_string(),
    })?;
    for saved in saved {
        let image = one(opened, files, names, saved).await?;
        opened.images.push(image);
    }
    Ok(true)
}

async fn one(
    opened: &mut Opened,
    files: &impl Files,
    names: &Names,
    saved: Saved,
) -> Result<Image, LocalError> {
    let missing = |path: &str| LocalError::Missing {
        document: MANIFEST.to_owned(),
        path: path.to_owned(),
    };
    let config = names.document(files, &saved.config, MAX_CONFIG_BYTES);
    let config = config.await?.ok_or_else(|| missing(&saved.config))?;
    let parsed = ImageConfig::parse(&config).map_err(|e| LocalError::Document {
        document: saved.config.clone(),
        detail: e.to_string(),
    })?;
    let mut layers = Vec::new();
    for (nth, path) in saved.layers.iter().enumerate() {
        let piece = names.find(path).ok_or_else(|| missing(path))?;
        let head = read_piece(files, piece, 0..512).await?;
        let compression = Compression::detect(&head);
        let plain = compression == Compression::None;
        let known = match plain {
            true => parsed.diff_ids.get(nth).cloned().flatten(),
            // Of the name nothing else is said: it is believed, and the bytes are compared with it.
            false => digest_in_name(path).filter(|_| path.ends_with(".tar.gz")),
        };
        let digest = known.unwrap_or_else(|| opened.name_for(path));
        let suffix = match compression {
            Compression::Gzip => "+gzip",
            Compression::Zstd => "+zstd",
            _ => "",
        };
        layers.push(json!({
            "mediaType": format!("application/vnd.oci.image.layer.v1.tar{suffix}"),
            "digest": digest.to_string(),
            "size": piece.len,
        }));
        opened.contents.insert(digest, Content::Piece(piece));
    }
    let config_digest = Digest::of(Algorithm::Sha256, &config);
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MEDIA_TYPE,
        "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            "digest": config_digest.to_string(),
            "size": config.len(),
        },
        "layers": layers,
    });
    let manifest = manifest.to_string().into_bytes();
    let digest = Digest::of(Algorithm::Sha256, &manifest);
    let len = manifest.len() as u64;
    let mut put = |digest: &Digest, bytes| {
        opened.contents.insert(digest.clone(), Content::Made(bytes));
    };
    put(&config_digest, config);
    put(&digest, manifest);
    Ok(Image {
        names: saved.repo_tags.unwrap_or_default(),
        digest,
        len,
        media_type: MEDIA_TYPE.to_owned(),
        platform: parsed.platform,
        made: true,
    })
}
