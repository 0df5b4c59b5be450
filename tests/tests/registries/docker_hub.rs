//! Docker Hub.
//!
//! Sources: docs.docker.com/docker-hub/usage/pulls (limits, headers, HEAD), the distribution
//! project's token specification, whose example is Hub, docs.docker.com/reference/api/hub
//! (listNamespaceRepositories, and "Rate limiting" with its X-RateLimit headers and 429).

use layerscope_core::registry::RegistryError;
use layerscope_tests::hosts::{Content, Row, When, get, row};
use layerscope_tests::net::wait;

use crate::setup::Setup;

const API: &str = "registry-1.docker.io";
const AUTH: &str = "auth.docker.io";
/// Where Hub keeps blobs; the address is signed for one method and a few minutes.
const R2: &str = "docker-images-prod.6aa30f8b08e16409b46e0173d6de2f56.r2.cloudflarestorage.com";

const CHALLENGE: (&str, &str) = (
    "www-authenticate",
    r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io""#,
);
const CHALLENGED: (&str, &str) = (
    "www-authenticate",
    r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/debian:pull""#,
);
const UNAUTHORIZED: &str =
    r#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required","detail":null}]}"#;
const LIMITS: &[(&str, &str)] = &[
    ("docker-content-digest", "{manifest}"),
    ("ratelimit-limit", "100;w=21600"),
    ("ratelimit-remaining", "76;w=21600"),
    ("docker-ratelimit-source", "192.0.2.1"),
];

const HUB: &[Row] = &[
    get(API, "/v2/").answers(401, &[CHALLENGE]).text(UNAUTHORIZED),
    get(AUTH, "/token")
        .when(&[
            When::Query("service", "registry.docker.io"),
            When::Query("scope", "repository:library/debian:pull"),
            When::Anonymous,
        ])
        .text(r#"{"token":"anon","access_token":"anon","expires_in":300,"issued_at":"2026-01-01T00:00:00Z"}"#),
    // me:pw
    get(AUTH, "/token")
        .when(&[
            When::Query("scope", "repository:library/debian:pull"),
            When::Authorization("Basic bWU6cHc="),
        ])
        .text(r#"{"token":"mine","access_token":"mine","expires_in":300}"#),
    get(API, "/v2/library/debian/manifests/latest")
        .when(&[When::Anonymous])
        .answers(401, &[CHALLENGED])
        .text(UNAUTHORIZED),
    get(API, "/v2/library/debian/manifests/latest")
        .answers(200, LIMITS)
        .body(Content::Manifest),
    // HEAD is not counted against the limit on pulls; GET is.
    row(API, "HEAD", "/v2/library/debian/manifests/latest")
        .when(&[When::Authorized])
        .answers(200, LIMITS),
    get(API, "/v2/library/debian/blobs/{layer}")
        .when(&[When::Anonymous])
        .answers(401, &[CHALLENGED])
        .text(UNAUTHORIZED),
    get(API, "/v2/library/debian/blobs/{layer}").answers(
        307,
        &[(
            "location",
            "https://docker-images-prod.6aa30f8b08e16409b46e0173d6de2f56.r2.cloudflarestorage.com/registry-v2/docker/registry/v2/blobs/data?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Expires=1200&X-Amz-Signature=0",
        )],
    ),
    // R2, as S3: two forms of authentication are one too many.
    get(R2, "/registry-v2/docker/registry/v2/blobs/data")
        .when(&[When::Authorized])
        .answers(400, &[])
        .text("<Error><Code>InvalidArgument</Code></Error>"),
    get(R2, "/registry-v2/docker/registry/v2/blobs/data").body(Content::Layer),
    row(R2, "HEAD", "/registry-v2/docker/registry/v2/blobs/data").answers(403, &[]),
    get(API, "/v2/_catalog")
        .answers(
            401,
            &[(
                "www-authenticate",
                r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="registry:catalog:*",error="insufficient_scope""#,
            )],
        )
        .text(UNAUTHORIZED),
    get(AUTH, "/token")
        .when(&[When::Query("scope", "registry:catalog:*")])
        .text(r#"{"token":"nothing","expires_in":300}"#),
];

/// `debian` is `library/debian` at registry-1.docker.io, with a token of auth.docker.io.
#[test]
fn a_short_name_a_token_and_signed_storage() {
    let setup = Setup::new("debian", HUB);
    setup.opens();
    assert_eq!(
        setup.lines(),
        [
            "GET registry-1.docker.io/v2/library/debian/manifests/latest",
            "GET auth.docker.io/token",
            "GET registry-1.docker.io/v2/library/debian/manifests/latest",
            "GET registry-1.docker.io/v2/library/debian/blobs/{layer}",
            &format!("GET {R2}/registry-v2/docker/registry/v2/blobs/data"),
            // The second read of a known layer: one request here, one there.
            &format!("GET {R2}/registry-v2/docker/registry/v2/blobs/data"),
        ]
    );
}

/// The limit on pulls is shown.
#[test]
fn what_is_left_of_the_limit() {
    let limit = Setup::new("debian", HUB).opens().rate_limit.unwrap();
    assert_eq!(
        (limit.limit, limit.remaining, limit.window_s),
        (Some(100), 76, Some(21_600))
    );
}

/// Coming back to an image is no pull.
#[test]
fn the_second_look_is_a_head() {
    let setup = Setup::new("debian", HUB);
    setup.opens();
    setup.asked();
    let again = setup.manifest("latest").unwrap();
    assert_eq!(again.rate_limit.unwrap().remaining, 76);
    assert_eq!(
        setup.lines(),
        ["HEAD registry-1.docker.io/v2/library/debian/manifests/latest"]
    );
}

/// auth.docker.io is another host, and yet the password is for it.
#[test]
fn a_sign_in_goes_to_the_token_host() {
    let setup = Setup::new("docker.io/library/debian", HUB);
    setup.sign_in("me", "pw");
    setup.opens();
    let asked = setup.asked();
    let with = |value: &str| {
        asked
            .iter()
            .any(|one| one.authorization.as_deref() == Some(value))
    };
    assert!(with("Basic bWU6cHc=") && with("Bearer mine"), "{asked:#?}");
    assert!(!with("Bearer anon"));
}

/// "You have reached your pull rate limit": 429, and when to come back.
#[test]
fn over_the_limit() {
    let setup = Setup::new("debian", HUB);
    setup.hosts.change(&[get(API, "/v2/library/debian/manifests/latest")
        .when(&[When::Authorized])
        .answers(429, &[("retry-after", "17")])
        .text(r#"{"errors":[{"code":"TOOMANYREQUESTS","message":"You have reached your pull rate limit."}]}"#)]);
    let error = setup.manifest("latest").unwrap_err();
    let RegistryError::RateLimited {
        retry_after,
        message,
        ..
    } = error
    else {
        panic!("{error}")
    };
    assert_eq!(retry_after, Some(17));
    assert_eq!(
        message.as_deref(),
        Some("You have reached your pull rate limit.")
    );
}

/// The catalog is nobody's: one attempt with a token, and an error that says so.
#[test]
fn a_closed_catalog() {
    let setup = Setup::new("debian", HUB);
    let error = wait(setup.client.catalog(setup.registry(), None)).unwrap_err();
    assert!(
        matches!(error, RegistryError::Unauthorized { .. }),
        "{error}"
    );
    assert_eq!(setup.asked().len(), 4);
}

const SITE: &str = "hub.docker.com";

const NAMESPACE: &[Row] = &[
    get(SITE, "/v2/namespaces/library/repositories")
        .when(&[When::Anonymous, When::Query("page_size", "100"), When::Query("page", "1")])
        .answers(200, &[("x-ratelimit-limit", "180"), ("x-ratelimit-remaining", "179")])
        .text(r#"{"count":3,"next":"https://hub.docker.com/v2/namespaces/library/repositories?page=2&page_size=100","previous":null,"results":[{"name":"debian","namespace":"library","repository_type":"image","status":1,"last_updated":"2026-01-02T03:04:05.678901Z","pull_count":1},{"name":"alpine","namespace":"library"}]}"#),
    get(SITE, "/v2/namespaces/library/repositories")
        .when(&[When::Anonymous, When::Query("page", "2")])
        .text(r#"{"count":3,"next":null,"previous":null,"results":[{"name":"busybox","namespace":"library"}]}"#),
    get(SITE, "/v2/namespaces/nobody/repositories")
        .answers(404, &[])
        .text(r#"{"message":"object not found","errinfo":{}}"#),
    get(SITE, "/v2/namespaces/closed/repositories")
        .answers(401, &[("www-authenticate", "Bearer realm=\"https://hub.docker.com/token\"")])
        .text(r#"{"message":"authentication required"}"#),
    get(SITE, "/v2/namespaces/busy/repositories")
        .answers(429, &[("x-ratelimit-remaining", "0"), ("retry-after", "30")])
        .text(r#"{"detail":"Rate limit exceeded","error":false}"#),
];

/// The site lists what the registry does not, page by page, and never gets the registry's token.
#[test]
fn a_namespace_is_listed_by_the_site() {
    let with_site: Vec<Row> = HUB.iter().chain(NAMESPACE).copied().collect();
    let setup = Setup::new("debian", &with_site);
    setup.sign_in("me", "pw");
    setup.opens();
    setup.asked();
    let list = |name: &str, cursor: Option<&str>| {
        wait(setup.client.namespace(setup.registry(), name, cursor))
    };
    let first = list("library", None).unwrap();
    assert_eq!(first.items, ["library/debian", "library/alpine"]);
    assert_eq!(first.details.len(), 1);
    let second = list("library", first.next.as_deref()).unwrap();
    assert_eq!((second.items.len(), second.next), (1, None));
    let missing = list("nobody", None).unwrap_err();
    assert!(
        matches!(missing, RegistryError::NotFound { .. }),
        "{missing}"
    );
    // Signing in to the registry would not help there: nobody is asked to.
    let closed = list("closed", None).unwrap_err();
    assert!(
        matches!(closed, RegistryError::Forbidden { .. }),
        "{closed}"
    );
    let busy = list("busy", None).unwrap_err();
    assert!(
        matches!(
            busy,
            RegistryError::RateLimited {
                retry_after: Some(30),
                ..
            }
        ),
        "{busy}"
    );
    let asked = setup.asked();
    assert!(
        asked
            .iter()
            .all(|one| one.authorization.is_none() && one.line.contains(SITE)),
        "{asked:#?}"
    );
}
