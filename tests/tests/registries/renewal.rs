//! Tokens that run out between two parts of a download, and one for each repository.

use layerscope_core::reference::{ManifestRef, Repository};
use layerscope_tests::hosts::{Content, Row, When, get};
use layerscope_tests::net::wait;

use crate::setup::Setup;

const HOST: &str = "registry.example";
const CHALLENGED: &[(&str, &str)] = &[(
    "www-authenticate",
    r#"Bearer realm="https://registry.example/token",service="s",error="invalid_token""#,
)];

/// A registry that keeps its blobs itself, so that each part needs a token that is good.
const ROWS: &[Row] = &[
    get(HOST, "/v2/").answers(401, CHALLENGED),
    get(HOST, "/token")
        .when(&[When::Query("scope", "repository:a:pull")])
        .text(r#"{"token":"a1","expires_in":60}"#),
    get(HOST, "/token")
        .when(&[When::Query("scope", "repository:b:pull")])
        .text(r#"{"token":"b1","expires_in":60}"#),
    get(HOST, "/v2/a/blobs/{layer}")
        .when(&[When::Authorization("Bearer a1")])
        .body(Content::Layer),
    get(HOST, "/v2/a/blobs/{layer}").answers(401, CHALLENGED),
    get(HOST, "/v2/b/manifests/latest")
        .when(&[When::Authorization("Bearer b1")])
        .body(Content::Manifest),
    get(HOST, "/v2/b/manifests/latest").answers(401, CHALLENGED),
];

#[test]
fn a_token_that_runs_out_between_two_parts() {
    let setup = Setup::new("registry.example/a", ROWS);
    setup.part(0..1000);
    setup.asked();
    setup.hosts.change(&[
        get(HOST, "/token").text(r#"{"token":"a2","expires_in":60}"#),
        get(HOST, "/v2/a/blobs/{layer}")
            .when(&[When::Authorization("Bearer a1")])
            .answers(401, CHALLENGED),
        get(HOST, "/v2/a/blobs/{layer}")
            .when(&[When::Authorization("Bearer a2")])
            .body(Content::Layer),
    ]);
    setup.part(1000..2000);
    let statuses: Vec<u16> = setup.asked().iter().map(|one| one.status).collect();
    assert_eq!(statuses, [401, 200, 206]);
    setup.part(2000..3000);
    assert_eq!(setup.asked().len(), 1);
}

/// The second repository's token is asked for before its first request: the registry is known to
/// want one.
#[test]
fn a_token_for_each_repository() {
    let setup = Setup::new("registry.example/a", ROWS);
    setup.part(0..1000);
    setup.asked();
    let other = Repository::parse("registry.example/b").unwrap();
    let by = ManifestRef::parse("latest").unwrap();
    wait(setup.client.manifest(&other, &by)).unwrap();
    assert_eq!(
        setup.lines(),
        [
            "GET registry.example/token",
            "GET registry.example/v2/b/manifests/latest",
        ]
    );
}
