//! Google's gcr.io and pkg.dev, and registry.k8s.io, which stands before them.
//!
//! Sources: kubernetes/registry.k8s.io cmd/archeio/docs/request-handling.md, and its issue 77 (a
//! trace of gcr.io's redirect with its headers); ahmetb/serverless-registry-proxy issue 8 and
//! sonatype/nexus-public issue 1061 (Artifact Registry's redirect, relative and signed in its path);
//! the listing that go-containerregistry pkg/v1/google/list.go reads; the reference system's note on
//! Range.

use layerscope_tests::hosts::{Content, Row, When, get};
use layerscope_tests::net::wait;

use crate::setup::Setup;

const GCR: &str = "gcr.io";
const STORAGE: &str = "storage.googleapis.com";

/// What Google's front end answers to a Range that it cannot pass on.
const NO_RANGE: &[(&str, &str)] = &[("content-type", "text/html; charset=UTF-8")];

const CONTAINER_REGISTRY: &[Row] = &[
    get(GCR, "/v2/project/image/manifests/latest").body(Content::Manifest),
    get(GCR, "/v2/project/image/blobs/{layer}")
        .when(&[When::Ranged])
        .answers(416, NO_RANGE),
    get(GCR, "/v2/project/image/blobs/{layer}")
        .answers(
            302,
            &[
                ("cache-control", "private"),
                ("content-type", "application/json"),
                ("docker-distribution-api-version", "registry/2.0"),
                ("location", "https://storage.googleapis.com/artifacts.project.appspot.com/containers/images/{layer}"),
            ],
        )
        .text(r#"{"errors":[]}"#),
    get(STORAGE, "/artifacts.project.appspot.com/containers/images/{layer}").body(Content::Layer),
    get(GCR, "/v2/project/tags/list").text(
        r#"{"child":["image","other"],"manifest":{"{manifest}":{"imageSizeBytes":"200000","layerId":"","mediaType":"application/vnd.oci.image.manifest.v1+json","tag":["latest"],"timeCreatedMs":"0","timeUploadedMs":"1767225600000"}},"name":"project","tags":["latest"]}"#,
    ),
];

#[test]
fn no_range_before_the_redirect() {
    let setup = Setup::new("gcr.io/project/image", CONTAINER_REGISTRY);
    setup.opens();
    let ranged: Vec<(String, Option<String>)> = setup
        .asked()
        .into_iter()
        .map(|one| (one.line, one.range))
        .collect();
    let asked = |host: &'static str| ranged.iter().filter(move |(line, _)| line.contains(host));
    assert!(
        asked("GET gcr.io/").all(|(_, range)| range.is_none()),
        "{ranged:#?}"
    );
    assert_eq!(
        asked(STORAGE)
            .filter_map(|(_, range)| range.as_deref())
            .collect::<Vec<_>>(),
        ["bytes=100000-100099"]
    );
}

/// A fresh proxy, whose first question for the blob is a Range.
#[test]
fn the_first_question_may_be_a_range() {
    let setup = Setup::new("gcr.io/project/image", CONTAINER_REGISTRY);
    setup.part(5..25);
    let asked = setup.asked();
    assert_eq!((asked.len(), asked[0].range.as_deref()), (2, None));
    assert_eq!(asked[1].range.as_deref(), Some("bytes=5-24"));
}

const PKG: &str = "us-docker.pkg.dev";

/// Artifact Registry redirects to a download address on the same host.
const ARTIFACT_REGISTRY: &[Row] = &[
    get(PKG, "/v2/project/repo/image/manifests/latest").body(Content::Manifest),
    get(PKG, "/v2/project/repo/image/blobs/{layer}")
        .when(&[When::Ranged])
        .answers(400, NO_RANGE),
    get(PKG, "/v2/project/repo/image/blobs/{layer}").answers(
        302,
        &[(
            "location",
            "/artifacts-downloads/namespaces/project/repositories/repo/downloads/AAA",
        )],
    ),
    get(
        PKG,
        "/artifacts-downloads/namespaces/project/repositories/repo/downloads/AAA",
    )
    .body(Content::Layer),
];

#[test]
fn artifact_registry_redirects_to_itself() {
    let setup = Setup::new("us-docker.pkg.dev/project/repo/image", ARTIFACT_REGISTRY);
    setup.part(0..5);
    setup.opens();
    setup.asked();
}

#[test]
fn children_and_manifests_are_no_tags() {
    let setup = Setup::new("gcr.io/project", CONTAINER_REGISTRY);
    let page = wait(setup.client.tags(setup.repository(), None)).unwrap();
    assert_eq!(page.items, ["latest"]);
    assert_eq!(page.children, ["image", "other"]);
    let detail = page.details.iter().find(|(tag, _)| tag == "latest");
    let (_, detail) = detail.unwrap();
    assert_eq!(
        (detail.size, detail.time_s),
        (Some(200_000), Some(1_767_225_600))
    );
}

/// Artifact Registry lists the same, with manifests that no tag names and an empty list of children;
/// the time of the upload is a number here, and text at gcr.io (go-containerregistry's reader).
#[test]
fn manifests_without_a_tag() {
    const ROWS: &[Row] = &[get(PKG, "/v2/project/repo/image/tags/list").text(
        r#"{"child":[],"manifest":{"sha256:1111111111111111111111111111111111111111111111111111111111111111":{"imageSizeBytes":"10","mediaType":"application/vnd.oci.image.manifest.v1+json","tag":[],"timeCreatedMs":"1000","timeUploadedMs":2000},"sha256:2222222222222222222222222222222222222222222222222222222222222222":{"imageSizeBytes":"0","tag":["v1","v2"],"timeCreatedMs":"0","timeUploadedMs":3000}},"name":"project/repo/image","tags":["v1","v2"]}"#,
    )];
    let setup = Setup::new("us-docker.pkg.dev/project/repo/image", ROWS);
    let page = wait(setup.client.tags(setup.repository(), None)).unwrap();
    assert_eq!((page.items.len(), page.details.len()), (2, 2));
    let (digest, detail) = &page.untagged[0];
    assert_eq!(digest.encoded()[..2], *"11");
    assert_eq!((detail.size, detail.time_s), (Some(10), Some(2)));
    assert_eq!(page.details[0].1.size, None, "a size of nothing is none");
    setup.asked();
}

const K8S: &str = "registry.k8s.io";
const REGIONAL: &str = "us-west2-docker.pkg.dev";
const BUCKET: &str = "prod-registry-k8s-io-us-west-2.s3.dualstack.us-west-2.amazonaws.com";

/// Manifests lead to Artifact Registry, blobs to a bucket nearby, and from there possibly on.
const KUBERNETES: &[Row] = &[
    get(K8S, "/v2/pause/manifests/latest").answers(
        307,
        &[("location", "https://us-west2-docker.pkg.dev/v2/k8s-artifacts-prod/images/pause/manifests/latest")],
    ),
    get(REGIONAL, "/v2/k8s-artifacts-prod/images/pause/manifests/latest").body(Content::Manifest),
    get(K8S, "/v2/pause/blobs/{layer}").answers(
        307,
        &[("location", "https://us-west2-docker.pkg.dev/v2/k8s-artifacts-prod/images/pause/blobs/{layer}")],
    ),
    get(REGIONAL, "/v2/k8s-artifacts-prod/images/pause/blobs/{layer}")
        .when(&[When::Ranged])
        .answers(400, NO_RANGE),
    get(REGIONAL, "/v2/k8s-artifacts-prod/images/pause/blobs/{layer}").answers(
        302,
        &[("location", "https://prod-registry-k8s-io-us-west-2.s3.dualstack.us-west-2.amazonaws.com/containers/images/{layer}")],
    ),
    get(BUCKET, "/containers/images/{layer}").body(Content::Layer),
    get(K8S, "/v2/pause/tags/list").answers(
        307,
        &[("location", "https://us-west2-docker.pkg.dev/v2/k8s-artifacts-prod/images/pause/tags/list")],
    ),
    get(REGIONAL, "/v2/k8s-artifacts-prod/images/pause/tags/list")
        .text(r#"{"child":[],"manifest":{},"name":"k8s-artifacts-prod/images/pause","tags":["3.9","latest"]}"#),
];

#[test]
fn kubernetes_has_several_hops() {
    let setup = Setup::new("registry.k8s.io/pause", KUBERNETES);
    setup.part(7..9);
    assert_eq!(
        setup.lines(),
        [
            "GET registry.k8s.io/v2/pause/blobs/{layer}".to_owned(),
            format!("GET {REGIONAL}/v2/k8s-artifacts-prod/images/pause/blobs/{{layer}}"),
            format!("GET {BUCKET}/containers/images/{{layer}}"),
        ]
    );
    setup.opens();
    let page = wait(setup.client.tags(setup.repository(), None)).unwrap();
    assert_eq!(page.items, ["3.9", "latest"]);
    // The bucket is remembered: both reads of the layer above went there at once.
    let blobs = setup
        .lines()
        .into_iter()
        .filter(|line| line.contains("{layer}"));
    assert!(blobs.clone().count() == 2 && blobs.clone().all(|line| line.contains(BUCKET)));
}
