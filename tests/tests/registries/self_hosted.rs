//! What people run themselves: distribution 2.8 and 3, Harbor, zot.
//!
//! Sources: distribution.github.io (API, token authentication) and distribution/distribution issue
//! 4667 (headers of a part; the whole where a cache is empty); goharbor.io, robot accounts, and
//! goharbor/harbor issues 12192, 10241 (challenge, token, cookies), 18413 (filtered referrers), 23875
//! (a cache that is empty); zotregistry.dev; opencontainers/distribution-spec for referrers and Link.

use std::sync::Arc;

use layerscope_core::digest::Digest;
use layerscope_core::registry::referrers::{Cosign, Referrer, Source};
use layerscope_tests::hosts::{Content, Row, When, get, row};
use layerscope_tests::{corpus::push, net::wait};

use crate::setup::Setup;

const HOST: &str = "registry.example";

const DISTRIBUTION: &[Row] = &[
    get(HOST, "/v2/a/b/manifests/latest")
        .answers(
            200,
            &[
                ("docker-content-digest", "{manifest}"),
                ("docker-distribution-api-version", "registry/2.0"),
            ],
        )
        .body(Content::Manifest),
    get(HOST, "/v2/a/b/blobs/{layer}")
        .answers(
            200,
            &[
                ("accept-ranges", "bytes"),
                ("cache-control", "max-age=31536000"),
                ("docker-content-digest", "{layer}"),
                ("docker-distribution-api-version", "registry/2.0"),
                ("etag", r#""{layer}""#),
            ],
        )
        .body(Content::Layer),
    // A relative Link. The last tag needs escaping.
    get(HOST, "/v2/a/b/tags/list")
        .when(&[When::NoQuery("last")])
        .answers(
            200,
            &[(
                "link",
                r#"</v2/a/b/tags/list?last=v1%2Bx&n=1000>; rel="next""#,
            )],
        )
        .text(r#"{"name":"a/b","tags":["v1"]}"#),
    get(HOST, "/v2/a/b/tags/list")
        .when(&[When::Query("last", "v1+x")])
        .text(r#"{"name":"a/b","tags":null}"#),
    // No referrers API, in 3 neither: the router's own answer.
    get(HOST, "/v2/a/b/referrers/{manifest}")
        .answers(404, &[("content-type", "text/plain; charset=utf-8")])
        .text("404 page not found\n"),
];

fn subject(setup: &Setup) -> Digest {
    push::digest(&setup.hosts.image().manifest).parse().unwrap()
}

/// Digests of what refers to the image, as far as the first twelve digits.
#[track_caller]
fn referrers(setup: &Setup) -> Vec<String> {
    let all = wait(setup.client.referrers(setup.repository(), &subject(setup))).unwrap();
    all.iter()
        .map(|one| one.digest.encoded()[..2].to_owned())
        .collect()
}

const REFERRER_1: &str = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:1111111111111111111111111111111111111111111111111111111111111111","size":7,"artifactType":"application/x"}]}"#;
const REFERRER_2: &str = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:2222222222222222222222222222222222222222222222222222222222222222","size":7,"artifactType":"application/y"}]}"#;

#[test]
fn distribution_pages_by_relative_links() {
    let setup = Setup::new("registry.example/a/b", DISTRIBUTION);
    setup.opens();
    let first = wait(setup.client.tags(setup.repository(), None)).unwrap();
    let second = wait(setup.client.tags(setup.repository(), first.next.as_deref())).unwrap();
    assert_eq!((first.items.len(), second.items.len()), (1, 0));
    setup.asked();
}

/// Every way in which registries say that they have no referrers API.
#[test]
fn without_a_referrers_api_the_tag_counts() {
    let other: [&[Row]; 5] = [
        &[], // distribution's own 404
        &[get(HOST, "/v2/a/b/referrers/{manifest}")
            .answers(400, &[])
            .text(r#"{"errors":[]}"#)],
        &[get(HOST, "/v2/a/b/referrers/{manifest}").answers(405, &[])],
        // A login page.
        &[get(HOST, "/v2/a/b/referrers/{manifest}")
            .answers(200, &[("content-type", "text/html")])
            .text("<!doctype html><title>Sign in</title>")],
        // 200, and no image index.
        &[get(HOST, "/v2/a/b/referrers/{manifest}")
            .answers(200, &[("content-type", "application/json")])
            .text(r#"{"ok":true}"#)],
    ];
    for rows in other {
        let setup = Setup::new("registry.example/a/b", DISTRIBUTION);
        setup.hosts.change(rows);
        setup
            .hosts
            .change(&[get(HOST, "/v2/a/b/manifests/{manifest-tag}")
                .answers(
                    200,
                    &[("content-type", "application/vnd.oci.image.index.v1+json")],
                )
                .text(REFERRER_1)]);
        assert_eq!(referrers(&setup), ["11"], "{rows:?}");
        assert_eq!(setup.asked().len(), 2);
    }
}

const HARBOR: &str = "harbor.example";
const HARBOR_CHALLENGED: &[(&str, &str)] = &[
    ("set-cookie", "sid=0; Path=/; Secure; HttpOnly"),
    ("x-request-id", "0"),
    (
        "www-authenticate",
        r#"Bearer realm="https://harbor.example/service/token",service="harbor-registry",scope="repository:proj/app:pull""#,
    ),
];

const HARBOR_ROWS: &[Row] = &[
    get(HARBOR, "/v2/").answers(
        401,
        &[("www-authenticate", r#"Bearer realm="https://harbor.example/service/token",service="harbor-registry""#)],
    ),
    // robot$ci:pw
    get(HARBOR, "/service/token")
        .when(&[
            When::Authorization("Basic cm9ib3QkY2k6cHc="),
            When::Query("service", "harbor-registry"),
            When::Query("scope", "repository:proj/app:pull"),
        ])
        .text(r#"{"token":"h","access_token":"","expires_in":1800,"issued_at":"2026-01-01T00:00:00Z"}"#),
    get(HARBOR, "/v2/proj/app/manifests/latest")
        .when(&[When::Anonymous])
        .answers(401, HARBOR_CHALLENGED)
        .text(r#"{"errors":[{"code":"UNAUTHORIZED","message":"unauthorized to access repository: proj/app, action: pull: unauthorized to access repository: proj/app, action: pull"}]}"#),
    get(HARBOR, "/v2/proj/app/manifests/latest").body(Content::Manifest),
    get(HARBOR, "/v2/proj/app/blobs/{layer}").when(&[When::Authorized]).body(Content::Layer),
    // Referrers come in pages.
    get(HARBOR, "/v2/proj/app/referrers/{manifest}")
        .when(&[When::Authorized, When::NoQuery("page")])
        .answers(
            200,
            &[
                ("content-type", "application/vnd.oci.image.index.v1+json"),
                ("link", r#"</v2/proj/app/referrers/{manifest}?page=2&page_size=1>; rel="next""#),
            ],
        )
        .text(REFERRER_1),
    get(HARBOR, "/v2/proj/app/referrers/{manifest}")
        .when(&[When::Query("page", "2")])
        .answers(200, &[("content-type", "application/vnd.oci.image.index.v1+json")])
        .text(REFERRER_2),
];

#[test]
fn harbor_has_robots_and_pages_of_referrers() {
    let setup = Setup::new("harbor.example/proj/app", HARBOR_ROWS);
    setup.sign_in("robot$ci", "pw");
    setup.opens();
    assert_eq!(referrers(&setup), ["11", "22"]);
    setup.asked();
}

/// A pull-through cache sends the whole blob as long as it has none of it (distribution, and a proxy
/// project of Harbor's).
#[test]
fn a_cache_that_knows_no_range_the_first_time() {
    let setup = Setup::new("registry.example/a/b", DISTRIBUTION);
    setup
        .hosts
        .change(&[get(HOST, "/v2/a/b/blobs/{layer}").body(Content::WholeLayer)]);
    setup.part(199_990..200_000);
    setup.part(0..10);
}

/// The header that names the digest may be missing: what came is hashed.
#[test]
fn no_word_about_the_digest() {
    let setup = Setup::new("registry.example/a/b", DISTRIBUTION);
    setup
        .hosts
        .change(&[get(HOST, "/v2/a/b/manifests/latest").body(Content::Manifest)]);
    assert_eq!(setup.opens().digest, subject(&setup));
}

/// Two challenges in one answer, the scheme in capitals: the token is taken.
#[test]
fn several_challenges() {
    const BOTH: &[(&str, &str)] = &[
        ("www-authenticate", r#"Basic realm="Registry""#),
        (
            "www-authenticate",
            r#"BEARER Realm="https://registry.example/token",Service="s""#,
        ),
    ];
    const ROWS: &[Row] = &[
        get(HOST, "/v2/").answers(401, BOTH),
        get(HOST, "/v2/a/b/manifests/latest")
            .when(&[When::Anonymous])
            .answers(401, BOTH),
        get(HOST, "/token")
            .when(&[
                When::Query("service", "s"),
                When::Query("scope", "repository:a/b:pull"),
            ])
            .text(r#"{"token":"","access_token":"t"}"#),
    ];
    let setup = Setup::new("registry.example/a/b", DISTRIBUTION);
    setup.hosts.change(ROWS);
    setup.opens();
    let asked = setup.asked();
    assert!(
        asked
            .iter()
            .any(|one| one.authorization.as_deref() == Some("Bearer t"))
    );
    // Also with a password, which then is the token server's alone.
    let setup = Setup::new("registry.example/a/b", DISTRIBUTION);
    setup.hosts.change(ROWS);
    setup.sign_in("me", "pw");
    setup.opens();
    let asked = setup.asked();
    let basic = asked.iter().filter(|one| {
        let scheme = one.authorization.as_deref().unwrap_or_default();
        scheme.starts_with("Basic ")
    });
    let basic: Vec<&str> = basic.map(|one| &*one.line).collect();
    assert!(basic.len() == 1 && basic[0].starts_with("GET registry.example/token?"));
}

const ZOT: &str = "zot.example";
const INDEX: (&str, &str) = ("content-type", "application/vnd.oci.image.index.v1+json");

/// zot filters by artifact type, names the filter as distribution-spec 1.1 asks (zotregistry.dev
/// "Referrers API", zot pkg/api/routes.go: GetReferrers), and lists repositories by `n` and `last`.
const ZOT_ROWS: &[Row] = &[
    get(ZOT, "/v2/app/manifests/latest")
        .answers(200, &[("docker-content-digest", "{manifest}")])
        .body(Content::Manifest),
    get(ZOT, "/v2/app/blobs/{layer}").body(Content::Layer),
    get(ZOT, "/v2/app/referrers/{manifest}")
        .when(&[When::Query("artifactType", "application/y")])
        .answers(200, &[INDEX, ("oci-filters-applied", "artifactType")])
        .text(REFERRER_2),
    get(ZOT, "/v2/app/referrers/{manifest}")
        .answers(200, &[INDEX])
        .text(BOTH_REFERRERS),
    get(ZOT, "/v2/app/manifests/{manifest-tag}").answers(404, &[]),
    row(ZOT, "HEAD", "/v2/app/manifests/{manifest-tag}.sig").answers(
        200,
        &[
            (
                "docker-content-digest",
                "sha256:1111111111111111111111111111111111111111111111111111111111111111",
            ),
            ("content-type", "application/vnd.oci.image.manifest.v1+json"),
            ("content-length", "7"),
        ],
    ),
    row(ZOT, "HEAD", "/v2/app/manifests/{manifest-tag}.att").answers(404, &[]),
    row(ZOT, "HEAD", "/v2/app/manifests/{manifest-tag}.sbom").answers(404, &[]),
    get(ZOT, "/v2/_catalog")
        .when(&[When::NoQuery("last")])
        .answers(
            200,
            &[("link", r#"</v2/_catalog?n=1000&last=app>; rel="next""#)],
        )
        .text(r#"{"repositories":["app"]}"#),
    get(ZOT, "/v2/_catalog")
        .when(&[When::Query("last", "app")])
        .text(r#"{"repositories":["b/c"]}"#),
];

const BOTH_REFERRERS: &str = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:1111111111111111111111111111111111111111111111111111111111111111","size":7,"artifactType":"application/x"},{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:2222222222222222222222222222222222222222222222222222222222222222","size":7,"artifactType":"application/y"}]}"#;

#[test]
fn zot_lists_referrers_and_repositories() {
    let setup = Setup::new("zot.example/app", ZOT_ROWS);
    setup.opens();
    assert_eq!(referrers(&setup), ["11", "22"]);
    assert_eq!(catalog(&setup), ["app", "b/c"]);
    setup.asked();
}

/// Every page of the catalog.
#[track_caller]
fn catalog(setup: &Setup) -> Vec<String> {
    let mut all = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let page = wait(setup.client.catalog(setup.registry(), cursor.as_deref())).unwrap();
        all.extend(page.items);
        cursor = page.next;
        if cursor.is_none() {
            return all;
        }
    }
}

/// One signature by API and cosign's tag is one; a filter goes up, and comes back applied.
#[test]
fn zot_filters_and_cosign_tags_merge() {
    let setup = Setup::new("zot.example/app", ZOT_ROWS);
    let attached = |kind| {
        let all = wait(
            setup
                .client
                .attached(setup.repository(), &subject(&setup), kind),
        );
        assert_eq!(all.failures, []);
        let one = |r: &Arc<Referrer>| {
            (
                r.descriptor.digest.encoded()[..2].to_owned(),
                r.sources.clone(),
            )
        };
        all.list.iter().map(one).collect::<Vec<_>>()
    };
    let by_tag = Source::Cosign(Cosign::Signature);
    let first = ("11".to_owned(), vec![Source::Api, by_tag]);
    let second = ("22".to_owned(), vec![Source::Api]);
    assert_eq!(attached(None), [first, second.clone()]);
    assert_eq!(attached(Some("application/y")), [second]);
    let asked = setup.asked();
    let filtered = asked
        .iter()
        .filter(|one| one.line.contains("artifactType=application%2Fy"));
    assert_eq!(filtered.count(), 1, "{asked:#?}");
}

/// The header alone says that a list is filtered (distribution-spec, "Listing Referrers"): what it
/// names without a type is of the one that was asked for.
#[test]
fn a_filtered_list_need_not_repeat_the_type() {
    const FILTERED: &[Row] = &[get(ZOT, "/v2/app/referrers/{manifest}")
        .when(&[When::Query("artifactType", "application/y")])
        .answers(200, &[INDEX, ("oci-filters-applied", "artifactType")])
        .text(r#"{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:3333333333333333333333333333333333333333333333333333333333333333","size":9}]}"#)];
    let rows: Vec<Row> = FILTERED.iter().chain(ZOT_ROWS).copied().collect();
    let setup = Setup::new("zot.example/app", &rows);
    let (of, kind) = (subject(&setup), Some("application/y"));
    let all = wait(setup.client.attached(setup.repository(), &of, kind));
    let kinds: Vec<&str> = all.list.iter().map(|r| r.kind()).collect();
    assert_eq!(kinds, ["application/y"]);
    setup.asked();
}

/// distribution (from 2.0 on) and Harbor page their catalogs by a relative Link as they do tags;
/// distribution's own limit (`catalog.maxentries`, 3.0 on) makes pages shorter than asked.
#[test]
fn catalogs_come_in_pages() {
    const ROWS: &[Row] = &[
        get(HOST, "/v2/_catalog")
            .when(&[When::Query("n", "1000"), When::NoQuery("last")])
            .answers(
                200,
                &[("link", r#"</v2/_catalog?last=a%2Fb&n=100>; rel="next""#)],
            )
            .text(r#"{"repositories":["a/a","a/b"]}"#),
        get(HOST, "/v2/_catalog")
            .when(&[When::Query("last", "a/b"), When::Query("n", "100")])
            .text(r#"{"repositories":["z"]}"#),
    ];
    let setup = Setup::new("registry.example/a/b", ROWS);
    assert_eq!(catalog(&setup), ["a/a", "a/b", "z"]);
    setup.asked();
}

/// Harbor gives its catalog to those who may see it: a token for `registry:catalog:*`.
#[test]
fn harbor_s_catalog_is_for_those_signed_in() {
    const ROWS: &[Row] = &[
        get(HARBOR, "/v2/_catalog").when(&[When::Anonymous]).answers(
            401,
            &[("www-authenticate", r#"Bearer realm="https://harbor.example/service/token",service="harbor-registry",scope="registry:catalog:*""#)],
        ),
        get(HARBOR, "/service/token")
            .when(&[
                When::Authorization("Basic cm9ib3QkY2k6cHc="),
                When::Query("scope", "registry:catalog:*"),
            ])
            .text(r#"{"token":"c","expires_in":1800}"#),
        get(HARBOR, "/v2/_catalog")
            .when(&[When::Authorization("Bearer c"), When::NoQuery("last")])
            .answers(200, &[("link", r#"</v2/_catalog?last=proj%2Fapp&n=1000>; rel="next""#)])
            .text(r#"{"repositories":["proj/app"]}"#),
        get(HARBOR, "/v2/_catalog")
            .when(&[When::Authorization("Bearer c"), When::Query("last", "proj/app")])
            .text(r#"{"repositories":["proj/b"]}"#),
    ];
    let setup = Setup::new("harbor.example/proj/app", HARBOR_ROWS);
    setup.hosts.change(ROWS);
    setup.sign_in("robot$ci", "pw");
    assert_eq!(catalog(&setup), ["proj/app", "proj/b"]);
    setup.asked();
}

/// What registries answer where nobody asked for it encoded: told, and never shown as the blob.
#[test]
fn bytes_that_come_encoded() {
    let setup = Setup::new("registry.example/a/b", DISTRIBUTION);
    setup.hosts.change(&[get(HOST, "/v2/a/b/blobs/{layer}")
        .answers(200, &[("content-encoding", "gzip")])
        .body(Content::WholeLayer)]);
    let layer = setup.layer();
    let blob = setup.client.blob(setup.repository(), &layer, 1 << 20);
    let error = wait(blob).unwrap_err();
    assert!(format!("{error:?}").contains("Content-Encoding"), "{error}");
}
