//! Amazon's ECR, private and public.
//!
//! Sources: docs.aws.amazon.com/AmazonECR, "Private registry authentication" (Basic, user AWS);
//! aws/containers-roadmap issues 2671 (HEAD of a public blob is 401) and 2835 (an expired token
//! is 400 without a challenge); helm/helm issue 12491 (the public challenge, scope "aws").

use layerscope_core::registry::RegistryError;
use layerscope_tests::hosts::{Content, Row, When, get, row};
use layerscope_tests::net::{client, wait};

use crate::setup::Setup;

const PRIVATE: &str = "123456789012.dkr.ecr.us-east-1.amazonaws.com";
const S3: &str = "prod-us-east-1-starport-layer-bucket.s3.us-east-1.amazonaws.com";
/// AWS:pw
const BASIC: When = When::Authorization("Basic QVdTOnB3");

const ECR: &[Row] = &[
    get(PRIVATE, "/v2/app/manifests/latest").when(&[BASIC]).body(Content::Manifest),
    get(PRIVATE, "/v2/app/manifests/latest")
        .answers(
            401,
            &[(
                "www-authenticate",
                r#"Basic realm="https://123456789012.dkr.ecr.us-east-1.amazonaws.com/",service="ecr.amazonaws.com""#,
            )],
        )
        .text("Not Authorized\n"),
    get(PRIVATE, "/v2/app/blobs/{layer}").when(&[BASIC]).answers(
        307,
        &[(
            "location",
            "https://prod-us-east-1-starport-layer-bucket.s3.us-east-1.amazonaws.com/a/b?X-Amz-Expires=3600&X-Amz-Security-Token=0&X-Amz-Signature=0",
        )],
    ),
    get(S3, "/a/b")
        .when(&[When::Authorized])
        .answers(400, &[])
        .text("<Error><Code>InvalidArgument</Code><Message>Only one auth mechanism allowed</Message></Error>"),
    get(S3, "/a/b").body(Content::Layer),
    // At most 1000 on a page; more is no valid question.
    get(PRIVATE, "/v2/app/tags/list")
        .when(&[BASIC, When::Query("n", "1000"), When::NoQuery("last")])
        .answers(
            200,
            &[("link", r#"<https://{host}/v2/app/tags/list?last=bmV4dA%3D%3D&n=1000>; rel="next""#)],
        )
        .text(r#"{"name":"app","tags":["a"]}"#),
    get(PRIVATE, "/v2/app/tags/list")
        .when(&[BASIC, When::Query("last", "bmV4dA==")])
        .text(r#"{"name":"app","tags":["b"]}"#),
];

#[test]
fn the_private_registry_is_basic() {
    let setup = Setup::new(&format!("{PRIVATE}/app"), ECR);
    let error = setup.manifest("latest").unwrap_err();
    let RegistryError::Unauthorized { schemes, .. } = error else {
        panic!("{error}")
    };
    assert_eq!(schemes, ["basic"]);
    setup.sign_in("AWS", "pw");
    setup.opens();
    let first = wait(setup.client.tags(setup.repository(), None)).unwrap();
    let second = wait(setup.client.tags(setup.repository(), first.next.as_deref())).unwrap();
    assert_eq!(
        (first.items, second.items),
        (vec!["a".to_owned()], vec!["b".to_owned()])
    );
    setup.asked();
}

const PUBLIC: &str = "public.ecr.aws";
const CLOUDFRONT: &str = "d2glxqk2uabbnd.cloudfront.net";
const CHALLENGED: &[(&str, &str)] = &[(
    "www-authenticate",
    r#"Bearer realm="https://public.ecr.aws/token/",service="public.ecr.aws",scope="aws""#,
)];
const UNAUTHORIZED: &str = r#"{"errors":[{"code":"DENIED","message":"Not Authorized"}]}"#;

const ECR_PUBLIC: &[Row] = &[
    get(PUBLIC, "/v2/")
        .answers(401, CHALLENGED)
        .text(UNAUTHORIZED),
    // The scope is a word of its own.
    get(PUBLIC, "/token/")
        .when(&[
            When::Query("scope", "aws"),
            When::Query("service", "public.ecr.aws"),
        ])
        .text(r#"{"token":"one"}"#),
    get(PUBLIC, "/v2/docker/app/manifests/latest")
        .when(&[When::Anonymous])
        .answers(401, CHALLENGED)
        .text(UNAUTHORIZED),
    get(PUBLIC, "/v2/docker/app/manifests/latest").body(Content::Manifest),
    row(PUBLIC, "HEAD", "/v2/docker/app/blobs/{layer}").answers(401, CHALLENGED),
    get(PUBLIC, "/v2/docker/app/blobs/{layer}")
        .when(&[When::Authorization("Bearer one")])
        .answers(
            307,
            &[(
                "location",
                "https://d2glxqk2uabbnd.cloudfront.net/x?Expires=1&Signature=0&Key-Pair-Id=K",
            )],
        ),
    get(CLOUDFRONT, "/x")
        .when(&[When::Authorized])
        .answers(400, &[]),
    get(CLOUDFRONT, "/x").body(Content::Layer),
];

#[test]
fn the_public_registry_s_scope_is_a_word() {
    let setup = Setup::new("public.ecr.aws/docker/app", ECR_PUBLIC);
    setup.opens();
    setup.asked();
}

#[test]
fn head_of_a_public_blob_is_a_get_of_a_byte() {
    let setup = Setup::new("public.ecr.aws/docker/app", ECR_PUBLIC);
    let query = [
        ("registry", PUBLIC),
        ("repository", "docker/app"),
        ("digest", &setup.layer().to_string()),
    ];
    let head = client()
        .head(format!("{}/api/v1/blob", setup.base))
        .query(&query)
        .header("authorization", "Bearer one");
    let answer = wait(head.send()).unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-length"], "200000");
    let asked = setup.asked();
    assert!(
        asked
            .iter()
            .all(|one| one.line.starts_with("GET ") && one.range.as_deref() == Some("bytes=0-0"))
    );
}

/// An expired token is answered 400, and nothing says that it was the token.
#[test]
fn an_expired_token_is_a_bad_request() {
    let setup = Setup::new("public.ecr.aws/docker/app", ECR_PUBLIC);
    setup.opens();
    setup.asked();
    setup.hosts.change(&[
        get(PUBLIC, "/token/")
            .when(&[When::Query("scope", "aws")])
            .text(r#"{"token":"two"}"#),
        get(PUBLIC, "/v2/docker/app/manifests/latest")
            .when(&[When::Authorization("Bearer one")])
            .answers(400, &[])
            .text(r#"{"errors":[{"code":"DENIED","message":"Your authorization token has expired."}]}"#),
    ]);
    setup.manifest("latest").unwrap();
    assert_eq!(
        setup.lines(),
        [
            "GET public.ecr.aws/v2/docker/app/manifests/latest",
            "GET public.ecr.aws/token/",
            "GET public.ecr.aws/v2/docker/app/manifests/latest",
        ]
    );
    // What is a bad request with a fresh token too is asked twice and no more.
    setup
        .hosts
        .change(&[get(PUBLIC, "/v2/docker/app/manifests/latest").answers(400, &[])]);
    let error = setup.manifest("latest").unwrap_err();
    assert!(
        matches!(error, RegistryError::Upstream { status: 400, .. }),
        "{error}"
    );
    assert_eq!(setup.asked().len(), 3);
}
