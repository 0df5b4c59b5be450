//! Finding SOCI's index of an image in its registry (awslabs/soci-snapshotter: soci/soci_index.go).
//!
//! An index is a manifest whose layers are ztocs, each annotated with the layer that it is of. It is
//! found from the image's manifest: version 2 by an annotation there, version 1 among the referrers.

use crate::digest::Digest;
use crate::manifest::{Annotations, Descriptor, ImageManifest};
use crate::ztoc::MAX_ZTOC_BYTES;

/// SOCI makes no ztoc of a smaller layer unless told so; in compressed bytes.
pub const MIN_LAYER_BYTES: u64 = 10 << 20;

/// On an image's manifest, and its descriptor: the digest of its index, version 2.
const INDEX_ANNOTATION: &str = "com.amazon.soci.index-digest";
/// On a ztoc: the digest of the layer that it is of.
const LAYER_ANNOTATION: &str = "com.amazon.soci.image-layer-digest";
/// What the artifact types of all versions begin with.
const INDEX_TYPES: &str = "application/vnd.amazon.soci.index.";
/// The media type of a ztoc. Lists of what to fetch early stand beside them with another.
const ZTOC_TYPE: &str = "application/octet-stream";

/// Whether an artifact type is that of an index.
pub fn is_index_type(artifact_type: &str) -> bool {
    artifact_type.starts_with(INDEX_TYPES)
}

/// The index that an image's manifest names itself.
pub fn index_of_manifest(annotations: &Annotations) -> Option<Digest> {
    let named = annotations.iter().find(|(key, _)| key == INDEX_ANNOTATION);
    named.and_then(|(_, digest)| digest.parse().ok())
}

/// The index among what refers to a manifest; of several the last, which was made last where
/// registries keep an order.
pub fn index_of_referrers(referrers: &[Descriptor]) -> Option<&Descriptor> {
    referrers.iter().rev().find(|d| d.is_soci_index())
}

/// The ztoc of a layer in an index. Its size is within what is read.
pub fn ztoc_of_layer<'a>(index: &'a ImageManifest, layer: &Digest) -> Option<&'a Descriptor> {
    if !index.kind_of_artifact().is_some_and(is_index_type) {
        return None;
    }
    let layer = layer.to_string();
    index.layers.iter().find(|d| {
        d.media_type == ZTOC_TYPE
            && d.size <= MAX_ZTOC_BYTES
            && d.annotation(LAYER_ANNOTATION) == Some(&layer)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Algorithm;
    use crate::manifest::Document;

    fn digest(text: &str) -> Digest {
        Digest::of(Algorithm::Sha256, text.as_bytes())
    }

    fn index(config_type: &str) -> ImageManifest {
        let layer = |kind: &str, of: &str, name: &str, size: u64| {
            format!(
                r#"{{"mediaType":"{kind}","digest":"{}","size":{size},
                    "annotations":{{"{LAYER_ANNOTATION}":"{}"}}}}"#,
                digest(name),
                digest(of)
            )
        };
        let layers = [
            layer(
                "application/vnd.amazon.soci.prefetch.v1+json",
                "a",
                "prefetch",
                9,
            ),
            layer(ZTOC_TYPE, "a", "ztoc of a", 100),
            layer(ZTOC_TYPE, "b", "ztoc of b", 200),
            layer(ZTOC_TYPE, "large", "too large", MAX_ZTOC_BYTES + 1),
        ];
        let text = format!(
            r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",
                "config":{{"mediaType":"{config_type}","digest":"{}","size":2}},
                "layers":[{}]}}"#,
            digest("{}"),
            layers.join(",")
        );
        match Document::parse(text.as_bytes(), None) {
            Ok(Document::Manifest(manifest)) => manifest,
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    fn check(config_type: &str, layer: &str, expect: Option<&str>) {
        let index = index(config_type);
        let found = ztoc_of_layer(&index, &digest(layer)).map(|d| d.digest.clone());
        assert_eq!(found, expect.map(digest));
    }

    #[test]
    fn a_layers_ztoc() {
        const V1: &str = "application/vnd.amazon.soci.index.v1+json";
        check(V1, "a", Some("ztoc of a"));
        check(V1, "b", Some("ztoc of b"));
        check(V1, "c", None);
        check(V1, "large", None);
        let v2 = "application/vnd.amazon.soci.index.v2+json";
        check(v2, "a", Some("ztoc of a"));
        check("application/vnd.oci.image.config.v1+json", "a", None);
    }

    #[test]
    fn an_images_index() {
        let named = |value: &str| index_of_manifest(&vec![(INDEX_ANNOTATION.into(), value.into())]);
        assert_eq!(named(&digest("x").to_string()), Some(digest("x")));
        assert_eq!(named("x"), None);
        assert_eq!(index_of_manifest(&Vec::new()), None);

        let referrer = |artifact_type: &str, name: &str| Descriptor {
            media_type: String::new(),
            digest: digest(name),
            size: 1,
            urls: Vec::new(),
            annotations: Vec::new(),
            data: None,
            artifact_type: Some(artifact_type.into()),
            platform: None,
        };
        let referrers = [
            referrer("application/vnd.amazon.soci.index.v1+json", "old"),
            referrer("application/vnd.amazon.soci.index.v1+json", "new"),
            referrer("application/spdx+json", "sbom"),
        ];
        let found = index_of_referrers(&referrers).map(|d| d.digest.clone());
        assert_eq!(found, Some(digest("new")));
        assert_eq!(index_of_referrers(&referrers[2..]), None);
    }
}
