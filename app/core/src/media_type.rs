//! Media types of manifests and of what they name, OCI's and Docker's.

use serde::{Deserialize, Serialize};

/// OCI image index.
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// OCI image manifest.
pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// OCI artifact manifest, withdrawn before 1.1 but still stored somewhere.
pub const OCI_ARTIFACT: &str = "application/vnd.oci.artifact.manifest.v1+json";
/// OCI image configuration.
pub const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// The empty descriptor's type (OCI image specification, "Guidance for an empty descriptor").
pub const OCI_EMPTY: &str = "application/vnd.oci.empty.v1+json";
/// Docker's manifest list.
pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
/// Docker's manifest, schema 2.
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// Docker's manifest, schema 1, unsigned.
pub const DOCKER_SCHEMA1: &str = "application/vnd.docker.distribution.manifest.v1+json";
/// Docker's manifest, schema 1, signed.
pub const DOCKER_SCHEMA1_SIGNED: &str = "application/vnd.docker.distribution.manifest.v1+prettyjws";
/// Docker's image configuration.
pub const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";

/// What is accepted as a manifest, the newest first.
pub const MANIFEST_TYPES: [&str; 7] = [
    OCI_INDEX,
    OCI_MANIFEST,
    DOCKER_LIST,
    DOCKER_MANIFEST,
    OCI_ARTIFACT,
    DOCKER_SCHEMA1_SIGNED,
    DOCKER_SCHEMA1,
];

/// How a layer's media type says that it is compressed; the blob's own first bytes win over it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LayerCompression {
    /// Plain tar.
    None,
    /// gzip.
    Gzip,
    /// Zstandard.
    Zstd,
}

/// What a media type stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MediaTypeKind {
    /// A list of manifests.
    Index,
    /// A manifest of one image or artifact.
    Manifest,
    /// Docker's manifest of before 2016.
    DockerSchema1,
    /// An image's configuration.
    Config,
    /// A layer of a file system.
    Layer {
        /// As its name says.
        compression: LayerCompression,
        /// Meant to be fetched from elsewhere, and so perhaps not in this registry.
        foreign: bool,
    },
    /// Anything else.
    Other,
}

/// The type without its parameters, trimmed and in lower case: `text/html; charset=utf-8` is
/// `text/html`.
pub fn essence(media_type: &str) -> String {
    let bare = media_type.split(';').next().unwrap_or_default();
    bare.trim().to_ascii_lowercase()
}

/// What a media type stands for.
pub fn kind(media_type: &str) -> MediaTypeKind {
    let essence = essence(media_type);
    match essence.as_str() {
        OCI_INDEX | DOCKER_LIST => MediaTypeKind::Index,
        OCI_MANIFEST | DOCKER_MANIFEST | OCI_ARTIFACT => MediaTypeKind::Manifest,
        DOCKER_SCHEMA1 | DOCKER_SCHEMA1_SIGNED => MediaTypeKind::DockerSchema1,
        OCI_CONFIG | DOCKER_CONFIG => MediaTypeKind::Config,
        other => layer(other).unwrap_or(MediaTypeKind::Other),
    }
}

fn layer(essence: &str) -> Option<MediaTypeKind> {
    const OCI: &str = "application/vnd.oci.image.layer.";
    const DOCKER: &str = "application/vnd.docker.image.rootfs.";
    let (rest, foreign) = if let Some(rest) = essence.strip_prefix(OCI) {
        match rest.strip_prefix("nondistributable.") {
            Some(rest) => (rest.strip_prefix("v1.tar")?, true),
            None => (rest.strip_prefix("v1.tar")?, false),
        }
    } else if let Some(rest) = essence.strip_prefix(DOCKER) {
        match rest.strip_prefix("foreign.") {
            Some(rest) => (rest.strip_prefix("diff.tar")?, true),
            None => (rest.strip_prefix("diff.tar")?, false),
        }
    } else {
        return plain_archive(essence);
    };
    let compression = match rest {
        "" => LayerCompression::None,
        "+gzip" | ".gzip" => LayerCompression::Gzip,
        // Docker's has never been specified and is in use all the same.
        "+zstd" | ".zstd" => LayerCompression::Zstd,
        _ => return None,
    };
    Some(MediaTypeKind::Layer {
        compression,
        foreign,
    })
}

/// Artifacts whose one blob is a tar: Helm charts, Flux bundles, plain ones.
fn plain_archive(essence: &str) -> Option<MediaTypeKind> {
    let compression = match essence {
        "application/x-tar" | "application/tar" => LayerCompression::None,
        "application/tar+gzip"
        | "application/x-tgz"
        | "application/gzip"
        | "application/x-gzip"
        | "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
        | "application/vnd.cncf.flux.content.v1.tar+gzip" => LayerCompression::Gzip,
        "application/tar+zstd" => LayerCompression::Zstd,
        _ => return None,
    };
    Some(MediaTypeKind::Layer {
        compression,
        foreign: false,
    })
}

/// Whether bodies of this type are JSON.
pub fn is_json(media_type: &str) -> bool {
    let essence = essence(media_type);
    essence == "application/json"
        || essence == "text/json"
        || essence.ends_with("+json")
        || essence == DOCKER_SCHEMA1_SIGNED
}

/// Where a type is specified, for a link.
pub fn specification(media_type: &str) -> Option<&'static str> {
    let essence = essence(media_type);
    match essence.as_str() {
        OCI_INDEX => {
            Some("https://github.com/opencontainers/image-spec/blob/v1.1.1/image-index.md")
        }
        OCI_MANIFEST => {
            Some("https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md")
        }
        OCI_CONFIG => Some("https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md"),
        OCI_EMPTY => Some(
            "https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md#guidance-for-an-empty-descriptor",
        ),
        DOCKER_LIST | DOCKER_MANIFEST | DOCKER_CONFIG => {
            Some("https://distribution.github.io/distribution/spec/manifest-v2-2/")
        }
        DOCKER_SCHEMA1 | DOCKER_SCHEMA1_SIGNED => {
            Some("https://distribution.github.io/distribution/spec/deprecated-schema-v1/")
        }
        "application/vnd.in-toto+json" => {
            Some("https://github.com/in-toto/attestation/blob/main/spec/README.md")
        }
        "application/spdx+json" => Some("https://spdx.dev/use/specifications/"),
        "application/vnd.cyclonedx+json" => Some("https://cyclonedx.org/specification/overview/"),
        other => match layer(other) {
            Some(_) if other.starts_with("application/vnd.oci.") => {
                Some("https://github.com/opencontainers/image-spec/blob/v1.1.1/layer.md")
            }
            Some(_) if other.starts_with("application/vnd.docker.") => {
                Some("https://distribution.github.io/distribution/spec/manifest-v2-2/")
            }
            Some(_) if other.starts_with("application/vnd.cncf.helm.") => {
                Some("https://helm.sh/docs/topics/registries/")
            }
            _ => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(media_type: &str, expect: MediaTypeKind) {
        assert_eq!(kind(media_type), expect, "{media_type}");
    }

    fn layer_of(compression: LayerCompression, foreign: bool) -> MediaTypeKind {
        MediaTypeKind::Layer {
            compression,
            foreign,
        }
    }

    #[test]
    fn kinds() {
        use LayerCompression::{Gzip, None, Zstd};
        for t in [OCI_INDEX, DOCKER_LIST] {
            check(t, MediaTypeKind::Index);
        }
        for t in [OCI_MANIFEST, DOCKER_MANIFEST, OCI_ARTIFACT] {
            check(t, MediaTypeKind::Manifest);
        }
        check(DOCKER_SCHEMA1_SIGNED, MediaTypeKind::DockerSchema1);
        check(DOCKER_CONFIG, MediaTypeKind::Config);
        check(
            "Application/vnd.oci.image.index.v1+JSON; charset=utf-8",
            MediaTypeKind::Index,
        );
        let oci = "application/vnd.oci.image.layer";
        check(&format!("{oci}.v1.tar"), layer_of(None, false));
        check(&format!("{oci}.v1.tar+gzip"), layer_of(Gzip, false));
        check(&format!("{oci}.v1.tar+zstd"), layer_of(Zstd, false));
        check(
            &format!("{oci}.nondistributable.v1.tar+gzip"),
            layer_of(Gzip, true),
        );
        check(&format!("{oci}.v1.tar+lz4"), MediaTypeKind::Other);
        let docker = "application/vnd.docker.image.rootfs";
        check(&format!("{docker}.diff.tar"), layer_of(None, false));
        check(&format!("{docker}.diff.tar.gzip"), layer_of(Gzip, false));
        check(&format!("{docker}.diff.tar.zstd"), layer_of(Zstd, false));
        check(
            &format!("{docker}.foreign.diff.tar.gzip"),
            layer_of(Gzip, true),
        );
        check(
            "application/vnd.cncf.helm.chart.content.v1.tar+gzip",
            layer_of(Gzip, false),
        );
        check("", MediaTypeKind::Other);
        check("application/json", MediaTypeKind::Other);
    }

    #[test]
    fn json() {
        for t in [
            OCI_INDEX,
            "application/json; charset=utf-8",
            DOCKER_SCHEMA1_SIGNED,
            "A/B+JSON",
        ] {
            assert!(is_json(t), "{t}");
        }
        for t in [
            "",
            "text/html",
            "application/octet-stream",
            "application/jsonx",
        ] {
            assert!(!is_json(t), "{t}");
        }
    }

    #[test]
    fn specifications_are_https() {
        for t in MANIFEST_TYPES.iter().filter(|t| **t != OCI_ARTIFACT) {
            assert!(
                specification(t).is_some_and(|u| u.starts_with("https://")),
                "{t}"
            );
        }
        assert_eq!(specification("text/plain"), None);
    }
}
