//! Quay, GitLab and Chainguard: other operators' services.
//!
//! What each is documented to answer, and where, stands beside its table. Chainguard's is after
//! edu.chainguard.dev.

use layerscope_tests::hosts::{Content, Row, When, get};
use layerscope_tests::net::wait;

use crate::setup::Setup;

const QUAY: &str = "quay.io";
const CDN: &str = "cdn03.quay.io";
const QUAY_CHALLENGED: &[(&str, &str)] = &[(
    "www-authenticate",
    r#"Bearer realm="https://quay.io/v2/auth",service="quay.io",scope="repository:org/app:pull""#,
)];

/// Sources: rpardini/docker-registry-proxy issue 26 (a blob's redirect with all of its headers),
/// oras-project/rust-oci-client issue 226 (its body, the CDN of today, how long it is signed for),
/// deitch/docker_registry2 issue 106 (the Link of tags).
const RED_HAT: &[Row] = &[
    get(QUAY, "/v2/")
        .answers(401, &[("www-authenticate", r#"Bearer realm="https://quay.io/v2/auth",service="quay.io""#)])
        .text("true"),
    get(QUAY, "/v2/auth")
        .when(&[When::Query("scope", "repository:org/app:pull"), When::Query("service", "quay.io")])
        .text(r#"{"token":"q"}"#),
    get(QUAY, "/v2/org/app/manifests/latest").when(&[When::Anonymous]).answers(401, QUAY_CHALLENGED),
    get(QUAY, "/v2/org/app/manifests/latest").body(Content::Manifest),
    get(QUAY, "/v2/org/app/blobs/{layer}").when(&[When::Authorized]).answers(
        302,
        &[
            ("content-type", "text/html; charset=utf-8"),
            ("location", "https://cdn03.quay.io/quayio-production-s3/sha256/00/{layer}?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Expires=600&X-Amz-SignedHeaders=host&X-Amz-Signature=0&cf_sign=0&cf_expiry=1&region=us-east-1&namespace=org&repo_name=app"),
            ("accept-ranges", "bytes"),
            ("docker-content-digest", "{layer}"),
            ("cache-control", "max-age=31536000"),
        ],
    )
    .text("<!doctype html><title>Redirecting...</title>"),
    get(CDN, "/quayio-production-s3/sha256/00/{layer}").when(&[When::Authorized]).answers(400, &[]),
    get(CDN, "/quayio-production-s3/sha256/00/{layer}").body(Content::Layer),
    // However many are asked for, 100 come at most.
    get(QUAY, "/v2/org/app/tags/list")
        .when(&[When::Authorized, When::NoQuery("last"), When::NoQuery("next_page")])
        .answers(200, &[("link", r#"</v2/org/app/tags/list?n=100&last=a>; rel="next""#)])
        .text(r#"{"name":"org/app","tags":["b","a"]}"#),
    get(QUAY, "/v2/org/app/tags/list")
        .when(&[When::Authorized, When::Query("last", "a"), When::Query("n", "100")])
        .text(r#"{"name":"org/app","tags":["c"]}"#),
];

#[track_caller]
fn two_pages(setup: &Setup) {
    let first = wait(setup.client.tags(setup.repository(), None)).unwrap();
    let second = wait(setup.client.tags(setup.repository(), first.next.as_deref())).unwrap();
    assert_eq!(first.items, ["b", "a"]);
    assert_eq!((second.items, second.next), (vec!["c".to_owned()], None));
    setup.asked();
}

#[test]
fn quay_gives_a_hundred_at_most() {
    let setup = Setup::new("quay.io/org/app", RED_HAT);
    setup.opens();
    two_pages(&setup);
}

/// Older ones, which people still run themselves, name the next page by a word of their own that
/// means nothing to others (deitch/docker_registry2 issue 56, ivanilves/lstags issue 185).
#[test]
fn an_older_quay_names_its_next_page_itself() {
    const OLDER: &[Row] = &[
        get(QUAY, "/v2/org/app/tags/list")
            .when(&[When::Authorized, When::NoQuery("next_page")])
            .answers(
                200,
                &[(
                    "link",
                    r#"</v2/org/app/tags/list?next_page=gAAAAA-_fQ%3D%3D&n=50>; rel="next""#,
                )],
            )
            .text(r#"{"name":"org/app","tags":["b","a"]}"#),
        get(QUAY, "/v2/org/app/tags/list")
            .when(&[
                When::Authorized,
                When::Query("next_page", "gAAAAA-_fQ=="),
                When::Query("n", "50"),
            ])
            .text(r#"{"name":"org/app","tags":["c"]}"#),
    ];
    let setup = Setup::new("quay.io/org/app", RED_HAT);
    setup.hosts.change(OLDER);
    setup.opens();
    two_pages(&setup);
}

/// A Quay whose storage is not reachable from everywhere passes it on itself: the signed address is
/// on its own host, and no Authorization belongs beside a signature (quay/quay
/// storage/downloadproxy.py; kubewarden/verify-image-signatures issue 19).
#[test]
fn an_own_quay_signs_for_its_own_host() {
    const OWN: &[Row] = &[
        get(QUAY, "/v2/org/app/blobs/{layer}").when(&[When::Authorized]).answers(
            302,
            &[("location", "https://quay.io/_storage_proxy/ZXlK/https/eu.s3.example/registry/sha256/00/{layer}?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Expires=600&X-Amz-Signature=0")],
        ),
        get(QUAY, "/_storage_proxy/ZXlK/https/eu.s3.example/registry/sha256/00/{layer}")
            .when(&[When::Anonymous])
            .body(Content::Layer),
    ];
    let setup = Setup::new("quay.io/org/app", RED_HAT);
    setup.hosts.change(OWN);
    setup.opens();
    setup.asked();
}

const GITLAB: &str = "registry.gitlab.com";
const GITLAB_CDN: &str = "cdn.registry.gitlab-static.net";
const GITLAB_CHALLENGED: &[(&str, &str)] = &[(
    "www-authenticate",
    r#"Bearer realm="https://gitlab.com/jwt/auth",service="container_registry",scope="repository:group/app:pull",error="invalid_token""#,
)];

/// Sources: portainer/portainer issue 2956 and docker/sbx-releases issue 535 (the challenge, and a
/// token host that is another), containers/image issue 1265 (a token that names no lifetime),
/// moby/moby issue 50065 (storage on another domain, signed for GET alone).
const GITLAB_ROWS: &[Row] = &[
    get(GITLAB, "/v2/").answers(
        401,
        &[("www-authenticate", r#"Bearer realm="https://gitlab.com/jwt/auth",service="container_registry""#)],
    ),
    // deploy:pw
    get("gitlab.com", "/jwt/auth")
        .when(&[
            When::Query("service", "container_registry"),
            When::Query("scope", "repository:group/app:pull"),
            When::Authorization("Basic ZGVwbG95OnB3"),
        ])
        .text(r#"{"token":"jwt"}"#),
    get(GITLAB, "/v2/group/app/manifests/latest").when(&[When::Anonymous]).answers(401, GITLAB_CHALLENGED),
    get(GITLAB, "/v2/group/app/manifests/latest").body(Content::Manifest),
    get(GITLAB, "/v2/group/app/blobs/{layer}").when(&[When::Authorized]).answers(
        307,
        &[("location", "https://cdn.registry.gitlab-static.net/gitlab/docker/{layer}?Expires=1&KeyName=k&Signature=0")],
    ),
    get(GITLAB_CDN, "/gitlab/docker/{layer}").when(&[When::Authorized]).answers(400, &[]),
    get(GITLAB_CDN, "/gitlab/docker/{layer}").body(Content::Layer),
];

/// The token server is the site itself: another host, to which the sign-in belongs.
#[test]
fn gitlab_s_token_host_is_gitlab() {
    let setup = Setup::new("registry.gitlab.com/group/app", GITLAB_ROWS);
    setup.sign_in("deploy", "pw");
    setup.opens();
    setup.asked();
}

const CGR: &str = "cgr.dev";
const CGR_R2: &str = "9236a389bd48b984df91adc1bc924620.r2.cloudflarestorage.com";
const CGR_CHALLENGED: &[(&str, &str)] = &[(
    "www-authenticate",
    r#"Bearer realm="https://cgr.dev/token",service="cgr.dev",scope="repository:chainguard/static:pull""#,
)];

const CHAINGUARD: &[Row] = &[
    get(CGR, "/v2/").answers(
        401,
        &[("www-authenticate", r#"Bearer realm="https://cgr.dev/token",service="cgr.dev""#)],
    ),
    get(CGR, "/token")
        .when(&[When::Query("scope", "repository:chainguard/static:pull")])
        .text(r#"{"token":"c","expires_in":3600}"#),
    get(CGR, "/v2/chainguard/static/manifests/latest").when(&[When::Anonymous]).answers(401, CGR_CHALLENGED),
    get(CGR, "/v2/chainguard/static/manifests/latest").body(Content::Manifest),
    get(CGR, "/v2/chainguard/static/blobs/{layer}").when(&[When::Authorized]).answers(
        302,
        &[("location", "https://9236a389bd48b984df91adc1bc924620.r2.cloudflarestorage.com/b/{layer}?X-Amz-Expires=600&X-Amz-Signature=0")],
    ),
    get(CGR_R2, "/b/{layer}").when(&[When::Authorized]).answers(400, &[]),
    get(CGR_R2, "/b/{layer}").body(Content::Layer),
];

#[test]
fn chainguard_keeps_blobs_in_r2() {
    let setup = Setup::new("cgr.dev/chainguard/static", CHAINGUARD);
    setup.opens();
    setup.asked();
}
