//! A small push client (OCI distribution spec, "Push"), for the tests' registries alone.

use reqwest::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::gz;
use crate::net::client;

/// Media types that are pushed.
pub mod media {
    /// OCI image manifest.
    pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
    /// OCI image index.
    pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
    /// OCI image configuration.
    pub const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
    /// A layer, gzip.
    pub const GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
    /// A layer, not compressed.
    pub const TAR: &str = "application/vnd.oci.image.layer.v1.tar";
    /// Docker's manifest, schema 2.
    pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
    /// Docker's layer, gzip.
    pub const DOCKER_GZIP: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";
    /// Docker's image configuration.
    pub const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
}

/// What goes wrong in a push; only tests see it.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// `sha256:…` of some bytes.
pub fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

/// A layer to push.
#[derive(Debug, Clone)]
pub struct NewLayer {
    /// The compressed bytes.
    pub blob: Vec<u8>,
    /// What the manifest calls them.
    pub media_type: &'static str,
    /// Digest of the uncompressed bytes; of nothing sensible where there are none.
    pub diff_id: String,
    /// The history's command.
    pub created_by: String,
}

impl NewLayer {
    /// A layer of a tar, with gzip around it.
    pub fn gzip(tar: &[u8]) -> Self {
        NewLayer {
            blob: gz::member(tar, 6),
            media_type: media::GZIP,
            diff_id: digest(tar),
            created_by: "made by hand".to_owned(),
        }
    }
}

/// A layer as it is in the registry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layer {
    /// Digest of the blob.
    pub digest: String,
    /// Size of the blob in bytes.
    pub size: u64,
    /// As in the manifest.
    pub media_type: String,
    /// Digest of the uncompressed layer.
    pub diff_id: String,
}

/// An image (or an index of images) as it is in the registry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// Repository name.
    pub repository: String,
    /// Tag.
    pub tag: String,
    /// Digest of the manifest.
    pub digest: String,
    /// Size of the manifest in bytes.
    pub size: u64,
    /// Media type of the manifest.
    pub media_type: String,
    /// `os/architecture`.
    pub platform: String,
    /// Layers, lowest first; none for an index.
    pub layers: Vec<Layer>,
    /// The manifests of an index.
    pub manifests: Vec<Image>,
}

/// Pushes into one registry that asks for no credentials.
pub struct Pusher {
    host: String,
    client: reqwest::Client,
}

impl Pusher {
    /// To the registry at `host` (`127.0.0.1:PORT`).
    pub fn new(host: &str) -> Self {
        Self {
            host: host.to_owned(),
            client: client(),
        }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}/v2/{path}", self.host)
    }

    /// Pushes a blob, unless it is there, and returns its digest.
    pub async fn blob(&self, repository: &str, bytes: Vec<u8>) -> Result<String, Error> {
        let digest = digest(&bytes);
        let there = self
            .client
            .head(self.url(&format!("{repository}/blobs/{digest}")));
        if there.send().await?.status() == StatusCode::OK {
            return Ok(digest);
        }
        let start = self
            .client
            .post(self.url(&format!("{repository}/blobs/uploads/")));
        let answer = expect(start.send().await?, StatusCode::ACCEPTED).await?;
        let location = answer
            .headers()
            .get("location")
            .ok_or("an upload without a Location")?
            .to_str()?;
        let mut target = answer.url().join(location)?;
        target.query_pairs_mut().append_pair("digest", &digest);
        let put = self
            .client
            .put(target)
            .header("content-type", "application/octet-stream")
            .body(bytes);
        expect(put.send().await?, StatusCode::CREATED).await?;
        Ok(digest)
    }

    /// Pushes a manifest under a tag; returns digest and size.
    pub async fn manifest(
        &self,
        repository: &str,
        tag: &str,
        media_type: &str,
        manifest: &Value,
    ) -> Result<(String, u64), Error> {
        let bytes = serde_json::to_vec_pretty(manifest)?;
        let (digest, size) = (digest(&bytes), bytes.len() as u64);
        let put = self
            .client
            .put(self.url(&format!("{repository}/manifests/{tag}")))
            .header("content-type", media_type)
            .body(bytes);
        expect(put.send().await?, StatusCode::CREATED).await?;
        Ok((digest, size))
    }

    /// Pushes an image.
    pub async fn image(
        &self,
        repository: &str,
        tag: &str,
        architecture: &str,
        layers: Vec<NewLayer>,
    ) -> Result<Image, Error> {
        let docker = layers
            .iter()
            .any(|layer| layer.media_type == media::DOCKER_GZIP);
        let (manifest_type, config_type) = if docker {
            (media::DOCKER_MANIFEST, media::DOCKER_CONFIG)
        } else {
            (media::MANIFEST, media::CONFIG)
        };
        let config = serde_json::to_vec(&json!({
            "architecture": architecture, "os": "linux",
            "config": {"Env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"], "Cmd": ["sh"]},
            "rootfs": {"type": "layers", "diff_ids": layers.iter().map(|l| &l.diff_id).collect::<Vec<_>>()},
            "history": layers.iter().map(|l| json!({"created": "2023-11-14T22:13:20Z", "created_by": l.created_by})).collect::<Vec<_>>(),
        }))?;
        let config_size = config.len();
        let config = self.blob(repository, config).await?;
        let mut pushed = Vec::new();
        for layer in layers {
            pushed.push(Layer {
                size: layer.blob.len() as u64,
                media_type: layer.media_type.to_owned(),
                diff_id: layer.diff_id,
                digest: self.blob(repository, layer.blob).await?,
            });
        }
        let manifest = json!({
            "schemaVersion": 2, "mediaType": manifest_type,
            "config": {"mediaType": config_type, "digest": config, "size": config_size},
            "layers": pushed.iter().map(|layer| json!({
                "mediaType": layer.media_type, "digest": layer.digest, "size": layer.size,
            })).collect::<Vec<_>>(),
            "annotations": {"org.opencontainers.image.source": "https://example.com/source"},
        });
        let (digest, size) = self
            .manifest(repository, tag, manifest_type, &manifest)
            .await?;
        Ok(Image {
            repository: repository.to_owned(),
            tag: tag.to_owned(),
            digest,
            size,
            media_type: manifest_type.to_owned(),
            platform: format!("linux/{architecture}"),
            layers: pushed,
            manifests: Vec::new(),
        })
    }

    /// Pushes an index of images that are in the same repository.
    pub async fn index(
        &self,
        repository: &str,
        tag: &str,
        images: Vec<Image>,
    ) -> Result<Image, Error> {
        let manifests: Vec<Value> = images
            .iter()
            .map(|image| {
                let (os, architecture) = image.platform.split_once('/').unwrap_or_default();
                json!({
                    "mediaType": image.media_type, "digest": image.digest, "size": image.size,
                    "platform": {"os": os, "architecture": architecture},
                })
            })
            .collect();
        let index = json!({"schemaVersion": 2, "mediaType": media::INDEX, "manifests": manifests});
        let (digest, size) = self.manifest(repository, tag, media::INDEX, &index).await?;
        Ok(Image {
            repository: repository.to_owned(),
            tag: tag.to_owned(),
            digest,
            size,
            media_type: media::INDEX.to_owned(),
            platform: String::new(),
            layers: Vec::new(),
            manifests: images,
        })
    }
}

/// The answer if it has the status, else an error that quotes it.
async fn expect(answer: reqwest::Response, status: StatusCode) -> Result<reqwest::Response, Error> {
    if answer.status() == status {
        return Ok(answer);
    }
    let (url, got) = (answer.url().clone(), answer.status());
    Err(format!("{url} answered {got}: {}", answer.text().await?).into())
}
