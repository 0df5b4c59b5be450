//! The token exchange: whose realm is asked, with what, and what comes back.

use serde_json::{Value, json};

use crate::support::*;

/// A registry that challenges with Bearer of a realm.
async fn challenging(realm: String) -> Double {
    Double::start(move |_| {
        let challenge = format!(
            "Bearer realm=\"{realm}\",service=\"the registry\",scope=\"repository:a:pull\""
        );
        answer(
            401,
            &[
                ("www-authenticate", "Basic realm=\"b\""),
                ("www-authenticate", &challenge),
            ],
            "",
        )
    })
    .await
}

async fn granting() -> Double {
    Double::start(|_| answer(200, &[], r#"{"access_token":"the-token","expires_in":300}"#)).await
}

async fn ask(app: &axum::Router, registry: &Double, more: Value) -> Reply {
    let mut body = json!({"registry": registry.address.to_string()});
    body.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    post_json(app, "/api/v1/token", &body).await
}

#[tokio::test]
async fn an_anonymous_token() {
    let realm = granting().await;
    let registry = challenging(format!("http://{}/token?a=b", realm.address)).await;
    let app = proxy(&(registry.flags() + &realm.flags()));
    let scope =
        json!({"repository": "a", "scope": ["repository:a:pull,push", "repository:b/c:pull"]});
    let reply = ask(&app, &registry, scope.clone()).await;
    assert_eq!(
        reply.json(),
        json!({"scheme": "bearer", "token": "the-token", "expires_in": 300})
    );
    assert_eq!(
        (reply.status.as_u16(), reply.header("cache-control")),
        (200, "no-store")
    );
    let seen = &realm.seen()[0];
    assert_eq!(
        seen.path,
        "/token?a=b&service=the+registry&scope=repository%3Aa%3Apull&scope=repository%3Ab%2Fc%3Apull&client_id=layerscope"
    );
    assert_eq!(seen.header("authorization"), None);
    // The challenge is kept.
    ask(&app, &registry, scope).await;
    assert_eq!(registry.paths(), ["/v2/"]);
    assert_eq!(realm.seen().len(), 2);
}

#[tokio::test]
async fn credentials_go_only_where_they_belong() {
    let realm = granting().await;
    let registry = challenging(format!("http://{}/token", realm.address)).await;
    let secret = json!({"username": "alice", "password": "secret", "scope": ["repository:a:pull"]});
    let app = proxy(&(registry.flags() + &realm.flags()));
    let reply = ask(&app, &registry, secret.clone()).await;
    reply.assert_error(403, "REALM_REFUSED");
    assert!(
        !reply.text().contains("secret") && reply.text().contains("--realm"),
        "{}",
        reply.text()
    );
    assert_eq!(realm.seen().len(), 0);

    let named = format!("--realm {}={}", registry.address, realm.address);
    let app = proxy(&(registry.flags() + &realm.flags() + &named));
    let reply = ask(&app, &registry, secret).await;
    assert_eq!(reply.json()["token"], "the-token");
    assert_eq!(
        realm.seen()[0].header("authorization"),
        Some("Basic YWxpY2U6c2VjcmV0")
    );
}

#[tokio::test]
async fn a_registry_that_is_its_own_realm_gets_credentials() {
    let registry = Double::start(|seen| match seen.path.as_str() {
        "/v2/" => {
            let realm = format!(
                "Bearer realm=\"http://{}/token\"",
                seen.header("host").unwrap()
            );
            answer(401, &[("www-authenticate", realm.as_str())], "")
        }
        _ => answer(200, &[], r#"{"token":"own"}"#),
    })
    .await;
    let app = proxy(&registry.flags());
    let reply = ask(&app, &registry, json!({"username": "a", "password": "b"})).await;
    assert_eq!(
        reply.json(),
        json!({"scheme": "bearer", "token": "own", "expires_in": 60})
    );
    assert_eq!(registry.seen()[0].header("authorization"), None);
    assert_eq!(
        registry.seen()[1].header("authorization"),
        Some("Basic YTpi")
    );
}

#[tokio::test]
async fn realms_that_are_not_asked() {
    let elsewhere = granting().await;
    for (realm, status, code) in [
        (
            format!("http://{}/token", elsewhere.address),
            403,
            "REALM_REFUSED",
        ),
        (
            format!("https://{}/token", elsewhere.address),
            403,
            "REALM_REFUSED",
        ),
        (
            "https://user:pw@realm.example/".into(),
            403,
            "REALM_REFUSED",
        ),
        ("/token".into(), 403, "REALM_REFUSED"),
        ("file:///etc/passwd".into(), 403, "REALM_REFUSED"),
        (
            format!("https://realm.example/{}", "x".repeat(3000)),
            403,
            "REALM_REFUSED",
        ),
        (
            "https://169.254.169.254/token".into(),
            403,
            "ADDRESS_REFUSED",
        ),
        ("https://[::1]/token".into(), 403, "ADDRESS_REFUSED"),
    ] {
        let registry = challenging(realm.clone()).await;
        let reply = ask(&proxy(&registry.flags()), &registry, json!({})).await;
        assert_eq!(reply.header("x-layerscope-error"), code, "{realm}");
        reply.assert_error(status, code);
    }
    assert_eq!(elsewhere.seen().len(), 0);
}

#[track_caller]
fn refused(reply: &Reply, status: u16, code: &str) {
    reply.assert_error(status, code);
    assert!(!reply.text().contains("secret"));
    assert_eq!(reply.header("www-authenticate"), "");
}

#[tokio::test]
async fn what_realms_answer() {
    for (status, body, expect) in [
        (401, "", (401, "UNAUTHORIZED")),
        (403, "", (403, "DENIED")),
        (429, "", (429, "RATE_LIMITED")),
        (302, "", (502, "UPSTREAM_INVALID")),
        (500, "", (502, "UPSTREAM_INVALID")),
        (200, "<html>", (502, "UPSTREAM_INVALID")),
        (200, "{\"token\":\"a b\"}", (502, "UPSTREAM_INVALID")),
    ] {
        let target = granting().await;
        let location = format!("http://{}/", target.address);
        let realm =
            Double::start(move |_| answer(status, &[("location", location.as_str())], body)).await;
        let registry = challenging(format!("http://{}/token", realm.address)).await;
        let named = format!("--realm {}={}", registry.address, realm.address);
        let app = proxy(&(registry.flags() + &realm.flags() + &target.flags() + &named));
        let reply = ask(
            &app,
            &registry,
            json!({"username": "a", "password": "secret"}),
        )
        .await;
        refused(&reply, expect.0, expect.1);
        assert_eq!(target.seen().len(), 0);
    }
    let realm = Double::start(|_| answer(200, &[], vec![b' '; 70 << 10])).await;
    let registry = challenging(format!("http://{}/token", realm.address)).await;
    let reply = ask(
        &proxy(&(registry.flags() + &realm.flags())),
        &registry,
        json!({}),
    )
    .await;
    reply.assert_error(502, "BODY_TOO_LARGE");
}

#[tokio::test]
async fn basic_none_and_unknown() {
    let basic =
        Double::start(|_| answer(401, &[("www-authenticate", "Basic realm=\"x\"")], "")).await;
    let reply = ask(&proxy(&basic.flags()), &basic, json!({})).await;
    assert_eq!(reply.json(), json!({"scheme": "basic"}));
    let none = Double::start(|_| answer(200, &[], "{}")).await;
    let reply = ask(&proxy(&none.flags()), &none, json!({"repository": "a"})).await;
    assert_eq!(reply.json(), json!({"scheme": "none"}));
    let odd = Double::start(|_| answer(401, &[("www-authenticate", "Negotiate")], "")).await;
    ask(&proxy(&odd.flags()), &odd, json!({}))
        .await
        .assert_error(502, "UPSTREAM_INVALID");
}

#[tokio::test]
async fn a_registry_whose_root_is_open_challenges_at_the_repository() {
    for at in ["/v2/a/tags/list?n=1", "/v2/a/manifests/latest"] {
        let realm = granting().await;
        let url = format!("Bearer realm=\"http://{}/token\"", realm.address);
        let registry = Double::start(move |seen| match seen.path == at {
            true => answer(401, &[("www-authenticate", url.as_str())], ""),
            false => answer(200, &[], "{}"),
        })
        .await;
        let app = proxy(&(registry.flags() + &realm.flags()));
        let reply = ask(&app, &registry, json!({"repository": "a"})).await;
        assert_eq!(reply.json()["token"], "the-token", "{at}");
    }
}

#[tokio::test]
async fn requests_that_are_none() {
    let registry = Double::start(|_| answer(200, &[], "{}")).await;
    let app = proxy(&registry.flags());
    for (more, status, code) in [
        (json!({"registry": "user@host"}), 400, "TARGET_INVALID"),
        (json!({"repository": "../x"}), 400, "TARGET_INVALID"),
        (
            json!({"scope": ["repository:a:push"]}),
            400,
            "TARGET_INVALID",
        ),
        (json!({"scope": ["x&y=z"]}), 400, "TARGET_INVALID"),
        (json!({"username": "a"}), 400, "TARGET_INVALID"),
        (
            json!({"username": "a:b", "password": "secret"}),
            400,
            "TARGET_INVALID",
        ),
        (json!({"password": ["secret"]}), 400, "TARGET_INVALID"),
        (
            json!({"padding": "x".repeat(17 << 10)}),
            413,
            "REQUEST_TOO_LARGE",
        ),
        (json!({"registry": "127.0.0.1"}), 403, "ADDRESS_REFUSED"),
    ] {
        let reply = ask(&app, &registry, more).await;
        refused(&reply, status, code);
    }
    let plain = request("POST", "/api/v1/token", &[("content-type", "text/plain")]);
    send(&app, plain).await.assert_error(400, "TARGET_INVALID");
    get(&app, "/api/v1/token")
        .await
        .assert_error(405, "METHOD_NOT_ALLOWED");
    assert_eq!(registry.seen().len(), 0);
}

#[tokio::test]
async fn the_sample_needs_no_token() {
    let app = proxy("");
    let reply = post_json(
        &app,
        "/api/v1/token",
        &json!({"registry": "sample.localhost"}),
    )
    .await;
    assert_eq!(reply.json(), json!({"scheme": "none"}));
}
