//! GitHub's ghcr.io.
//!
//! Sources: docs.github.com, "Working with the Container registry"; artifacthub/hub issue 4785
//! and rtvkiz/minimal issue 7 (referrers); containerd's and oras's traces of its challenge.

use layerscope_core::{digest::Digest, registry::RegistryError};
use layerscope_tests::{
    corpus::push,
    hosts::{Content, Row, When, get},
    net::wait,
};

use crate::setup::Setup;

const API: &str = "ghcr.io";
const AZURE: &str = "pkg-containers.githubusercontent.com";

const CHALLENGED: &[(&str, &str)] = &[(
    "www-authenticate",
    r#"Bearer realm="https://ghcr.io/token",service="ghcr.io",scope="repository:owner/image:pull""#,
)];
const UNAUTHORIZED: &str =
    r#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}"#;

const GHCR: &[Row] = &[
    // Also what is public wants a token.
    get(API, "/v2/")
        .when(&[When::Anonymous])
        .answers(
            401,
            &[(
                "www-authenticate",
                r#"Bearer realm="https://ghcr.io/token",service="ghcr.io",scope="repository:user/image:pull""#,
            )],
        )
        .text(UNAUTHORIZED),
    // No expires_in.
    get(API, "/token")
        .when(&[When::Query("scope", "repository:owner/image:pull")])
        .text(r#"{"token":"ghs"}"#),
    get(API, "/v2/owner/image/manifests/latest")
        .when(&[When::Anonymous])
        .answers(401, CHALLENGED)
        .text(UNAUTHORIZED),
    get(API, "/v2/owner/image/manifests/latest").body(Content::Manifest),
    get(API, "/v2/owner/image/blobs/{layer}")
        .when(&[When::Authorization("Bearer ghs")])
        .answers(
            307,
            &[(
                "location",
                "https://pkg-containers.githubusercontent.com/ghcr1/blobs/{layer}?se=2026-01-01T00%3A05%3A00Z&sig=0&sp=r&spr=https&sr=b&sv=2019-12-12",
            )],
        ),
    // Azure's storage takes one form of authentication.
    get(AZURE, "/ghcr1/blobs/{layer}")
        .when(&[When::Authorized])
        .answers(400, &[])
        .text("<Error><Code>InvalidAuthenticationInfo</Code></Error>"),
    get(AZURE, "/ghcr1/blobs/{layer}").body(Content::Layer),
    // No referrers API: a redirect to a page of the site, which soon answers 429.
    get(API, "/v2/owner/image/referrers/{manifest}").answers(
        303,
        &[(
            "location",
            "https://github.com/-/v2/packages/container/package/owner%2Fimage%2Freferrers%2Fsha256",
        )],
    ),
    get("github.com", "/-/v2/packages/container/package/owner%2Fimage%2Freferrers%2Fsha256")
        .answers(429, &[("retry-after", "60"), ("content-type", "text/html")])
        .text("<html>Too many requests"),
    get(API, "/v2/_catalog").answers(405, &[]).text("{}"),
];

#[test]
fn a_public_image_wants_a_token() {
    let setup = Setup::new("ghcr.io/owner/image", GHCR);
    setup.opens();
    assert_eq!(
        setup.lines()[..4],
        [
            "GET ghcr.io/v2/owner/image/manifests/latest",
            "GET ghcr.io/token",
            "GET ghcr.io/v2/owner/image/manifests/latest",
            "GET ghcr.io/v2/owner/image/blobs/{layer}",
        ]
    );
}

/// 303 is another page, not the list: the fallback tag is asked, and the site never.
#[test]
fn referrers_are_by_tag() {
    let setup = Setup::new("ghcr.io/owner/image", GHCR);
    setup.opens();
    let subject: Digest = push::digest(&setup.hosts.image().manifest).parse().unwrap();
    setup.asked();
    let none = wait(setup.client.referrers(setup.repository(), &subject));
    assert_eq!(none.unwrap(), []);
    let lines: Vec<String> = setup.hosts.take().into_iter().map(|one| one.line).collect();
    assert_eq!(
        lines,
        [
            "GET ghcr.io/v2/owner/image/referrers/{manifest}".to_owned(),
            "GET ghcr.io/v2/owner/image/manifests/{manifest-tag}".to_owned(),
        ]
    );
}

#[test]
fn there_is_no_catalog() {
    let setup = Setup::new("ghcr.io/owner/image", GHCR);
    let error = wait(setup.client.catalog(setup.registry(), None)).unwrap_err();
    assert!(
        matches!(error, RegistryError::Upstream { status: 405, .. }),
        "{error}"
    );
}
