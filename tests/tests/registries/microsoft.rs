//! Microsoft's MCR and ACR.
//!
//! Sources, MCR: microsoft/containerregistry docs/mcr-endpoints-guidance.md (the data endpoints of
//! each region), issues 19 and 84 (blobs, the address that a redirect leads to).
//! ACR: azure.github.io/acr/Token-BasicAuth.html (challenge, GET) and AAD-OAuth.html (refresh token
//! by POST); Azure/acr issues 217 (storage refuses the token), 676 (tags want another scope).

use layerscope_tests::hosts::{Content, Row, When, get, row};
use layerscope_tests::net::wait;

use crate::setup::Setup;

const MCR: &str = "mcr.microsoft.com";
const DATA: &str = "eastus.data.mcr.microsoft.com";

const MICROSOFT: &[Row] = &[
    // No token, and no challenge that could be answered with one.
    get(MCR, "/v2/").text("{}"),
    get(MCR, "/v2/dotnet/runtime/manifests/latest").body(Content::Manifest),
    get(MCR, "/v2/dotnet/runtime/blobs/{layer}").answers(
        307,
        &[("location", "https://eastus.data.mcr.microsoft.com/x//docker/registry/v2/blobs/{layer}/data?P1=1&P2=1&P3=2&P4=sig")],
    ),
    get(DATA, "/x//docker/registry/v2/blobs/{layer}/data").body(Content::Layer),
    get(MCR, "/v2/_catalog").text(r#"{"repositories":["dotnet/runtime"]}"#),
];

#[test]
fn the_public_registry_needs_no_token() {
    let setup = Setup::new("mcr.microsoft.com/dotnet/runtime", MICROSOFT);
    setup.opens();
    let page = wait(setup.client.catalog(setup.registry(), None)).unwrap();
    assert_eq!(page.items, ["dotnet/runtime"]);
    let asked = setup.asked();
    assert!(asked.iter().all(|one| one.authorization.is_none()));
    assert_eq!(asked.len(), 5);
}

const ACR: &str = "corp.azurecr.io";
const BLOBS: &str = "eusmanaged12.blob.core.windows.net";
const CHALLENGED: &[(&str, &str)] = &[
    ("access-control-expose-headers", "WWW-Authenticate"),
    (
        "www-authenticate",
        r#"Bearer realm="https://corp.azurecr.io/oauth2/token",service="corp.azurecr.io",scope="repository:app:pull""#,
    ),
];
const UNAUTHORIZED: &str = r#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required","detail":[{"Type":"repository","Name":"app","Action":"pull"}]}]}"#;

const AZURE: &[Row] = &[
    get(ACR, "/v2/").answers(401, CHALLENGED).text(UNAUTHORIZED),
    // A refresh token: POST, its parameters in a form. The answer names no lifetime.
    row(ACR, "POST", "/oauth2/token")
        .when(&[
            When::Form("grant_type", "refresh_token"),
            When::Form("service", "corp.azurecr.io"),
            When::Form("scope", "repository:app:pull"),
            When::Form("refresh_token", "refresh me"),
            When::Form("client_id", "layerscope"),
            When::Anonymous,
        ])
        .text(r#"{"access_token":"by-refresh"}"#),
    // A password: GET, Basic.
    get(ACR, "/oauth2/token")
        .when(&[When::Authorization("Basic bWU6cHc="), When::Query("scope", "repository:app:pull")])
        .text(r#"{"access_token":"by-password"}"#),
    get(ACR, "/v2/app/manifests/latest")
        .when(&[When::Anonymous])
        .answers(401, CHALLENGED)
        .text(UNAUTHORIZED),
    get(ACR, "/v2/app/manifests/latest").body(Content::Manifest),
    get(ACR, "/v2/app/blobs/{layer}").when(&[When::Authorized]).answers(
        307,
        &[("location", "https://eusmanaged12.blob.core.windows.net/c/d/{layer}?se=2026-01-01T00%3A20%3A00Z&sig=0&sv=2018-03-28")],
    ),
    get(BLOBS, "/c/d/{layer}")
        .when(&[When::Authorized])
        .answers(400, &[])
        .text("<Error><Code>InvalidAuthenticationInfo</Code><Message>Authentication information is not given in the correct format.</Message></Error>"),
    get(BLOBS, "/c/d/{layer}").body(Content::Layer),
    // Tags are metadata: a token for pulling does not do.
    get(ACR, "/v2/app/tags/list")
        .when(&[When::Authorization("Bearer by-password")])
        .answers(401, TAGS_CHALLENGED)
        .text(r#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required, visit https://aka.ms/acr/authorization for more information.","detail":[{"Type":"repository","Name":"app","Action":"metadata_read"}]}]}"#),
    get(ACR, "/oauth2/token")
        .when(&[When::Authorization("Basic bWU6cHc="), When::Query("scope", "repository:app:metadata_read")])
        .text(r#"{"access_token":"for-tags"}"#),
    get(ACR, "/v2/app/tags/list")
        .when(&[When::Authorization("Bearer for-tags")])
        .text(r#"{"name":"app","tags":["latest"]}"#),
];

const TAGS_CHALLENGED: &[(&str, &str)] = &[(
    "www-authenticate",
    r#"Bearer realm="https://corp.azurecr.io/oauth2/token",service="corp.azurecr.io",scope="repository:app:metadata_read",error="insufficient_scope""#,
)];

/// The scope that is asked for is the one that the refusal names.
#[test]
fn tags_want_a_scope_of_their_own() {
    let setup = Setup::new("corp.azurecr.io/app", AZURE);
    setup.sign_in("me", "pw");
    setup.opens();
    let page = wait(setup.client.tags(setup.repository(), None)).unwrap();
    assert_eq!(page.items, ["latest"]);
    setup.asked();
}

#[test]
fn a_password_by_get() {
    let setup = Setup::new("corp.azurecr.io/app", AZURE);
    setup.sign_in("me", "pw");
    setup.opens();
    let asked = setup.asked();
    assert!(
        asked
            .iter()
            .any(|one| one.authorization.as_deref() == Some("Bearer by-password"))
    );
}

/// `<token>` is docker's own name for "the password is an identity token".
#[test]
fn a_refresh_token_by_post() {
    let setup = Setup::new("corp.azurecr.io/app", AZURE);
    setup.sign_in("<token>", "refresh me");
    setup.opens();
    let asked = setup.asked();
    assert!(
        asked
            .iter()
            .any(|one| one.authorization.as_deref() == Some("Bearer by-refresh"))
    );
    assert!(
        asked
            .iter()
            .all(|one| one.line != "GET corp.azurecr.io/oauth2/token")
    );
}

/// Token servers without the POST answer 404 or 405: then as with any password.
#[test]
fn a_refresh_token_where_post_is_unknown() {
    for status in [404, 405] {
        let setup = Setup::new("corp.azurecr.io/app", AZURE);
        let post = row(ACR, "POST", "/oauth2/token");
        setup.hosts.change(&[
            post.answers(status, &[]),
            // <token>:refresh me
            get(ACR, "/oauth2/token")
                .when(&[When::Authorization("Basic PHRva2VuPjpyZWZyZXNoIG1l")])
                .text(r#"{"access_token":"by-fallback"}"#),
        ]);
        setup.sign_in("<token>", "refresh me");
        setup.opens();
        let asked = setup.asked();
        assert!(
            asked
                .iter()
                .any(|one| one.authorization.as_deref() == Some("Bearer by-fallback"))
        );
    }
}
