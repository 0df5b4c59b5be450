//! Signing in at a provider: what is discovered, what is exchanged, what is refused.

use serde_json::{Value, json};

use crate::support::*;

const VERIFIER: &str = "0123456789-0123456789.0123456789_0123456789~";

/// A provider that describes itself and gives tokens; `about` is merged into its description.
async fn provider(about: Value, tokens: Value) -> Double {
    Double::start(move |seen| {
        let own = format!("http://{}", seen.header("host").unwrap());
        if seen.path != "/op/.well-known/openid-configuration" {
            return answer(200, &[], tokens.to_string());
        }
        let mut document = json!({
            "issuer": format!("{own}/op"),
            "authorization_endpoint": format!("{own}/op/auth?x=y"),
            "token_endpoint": format!("{own}/op/token"),
        });
        let more = about.as_object().unwrap().clone();
        document.as_object_mut().unwrap().extend(more);
        answer(200, &[], document.to_string())
    })
    .await
}

fn tokens() -> Value {
    json!({"access_token": "the-access", "id_token": "a.b.c", "refresh_token": "again",
        "expires_in": 3600, "token_type": "Bearer"})
}

fn file(provider: &Double, more: &str) -> String {
    format!(
        "[[provider]]\nid = \"op\"\nname = \"The House\"\nregistry = [\"r.example\", \"*.pkg.example\"]\n\
         issuer = \"http://{}/op\"\nclient-id = \"us:1\"\nclient-secret = \"hush hush\"\n\
         scope = [\"openid\", \"read\"]\nparameter = {{ prompt = \"consent\" }}\n{more}\n",
        provider.address
    )
    .replace("hush hush", "hush%hush")
}

const BASIC: &str = "username = \"oauth2accesstoken\"";

fn app(provider: &Double, more: &str) -> axum::Router {
    proxy_with_file(&provider.flags(), &file(provider, more))
}

fn code() -> Value {
    json!({"provider": "op", "code": "the-code", "verifier": VERIFIER,
        "redirect_uri": "https://app.example/sub/callback.html"})
}

async fn post(app: &axum::Router, body: &Value) -> Reply {
    post_json(app, "/api/v1/login", body).await
}

#[tokio::test]
async fn who_is_offered_and_how_to_begin() {
    let house = provider(
        json!({"response_modes_supported": ["query", "fragment"],
            "authorization_response_iss_parameter_supported": true}),
        tokens(),
    )
    .await;
    let app = app(&house, BASIC);
    let offered = async |registry: &str| {
        let path = format!("/api/v1/login?registry={registry}");
        let reply = get(&app, &path).await;
        assert_eq!(reply.header("cache-control"), "no-store");
        reply.json()["providers"].clone()
    };
    let house_offered = json!([{"id": "op", "name": "The House"}]);
    assert_eq!(offered("r.example").await, house_offered);
    assert_eq!(offered("us.pkg.example").await, house_offered);
    assert_eq!(offered("other.example").await, json!([]));
    assert_eq!(house.seen().len(), 0);

    for both in [
        "provider=op&registry=r.example",
        "registry=r.example&provider=op",
    ] {
        get(&app, &format!("/api/v1/login?{both}"))
            .await
            .assert_error(400, "TARGET_INVALID");
    }

    let begin = get(&app, "/api/v1/login?provider=op").await.json();
    let own = format!("http://{}/op", house.address);
    let expect = json!({
        "id": "op", "name": "The House", "authorization_endpoint": format!("{own}/auth?x=y"),
        "client_id": "us:1", "scope": "openid read", "parameters": {"prompt": "consent"},
        "issuer": own, "names_itself": true, "response_mode": "fragment",
    });
    assert_eq!(begin, expect);
    get(&app, "/api/v1/login?provider=op").await;
    // The document is kept for a while.
    assert_eq!(house.paths(), ["/op/.well-known/openid-configuration"]);
    for (query, status, code) in [
        ("provider=other", 501, "LOGIN_NOT_CONFIGURED"),
        ("", 400, "TARGET_INVALID"),
        ("registry=a/b", 400, "TARGET_INVALID"),
    ] {
        let reply = get(&app, &format!("/api/v1/login?{query}")).await;
        reply.assert_error(status, code);
    }
    let info = get(&app, "/api/v1/info").await.text();
    assert!(!info.contains("hush"), "{info}");
}

#[tokio::test]
async fn a_code_and_a_refresh_token_become_tokens() {
    let house = provider(json!({}), tokens()).await;
    let app = app(&house, BASIC);
    let reply = post(&app, &code()).await;
    assert_eq!(
        reply.json(),
        json!({"present": "basic", "username": "oauth2accesstoken", "password": "the-access",
            "expires_in": 3600, "refresh_token": "again", "id_token": "a.b.c"})
    );
    assert_eq!(reply.header("cache-control"), "no-store");
    let seen = house.seen().remove(1);
    assert_eq!((seen.method.as_str(), &*seen.path), ("POST", "/op/token"));
    // us%3A1:hush%25hush, each form-encoded.
    let basic = "Basic dXMlM0ExOmh1c2glMjVodXNo";
    assert_eq!(seen.header("authorization"), Some(basic));
    assert_eq!(
        seen.body,
        format!(
            "grant_type=authorization_code&code=the-code&code_verifier={}&redirect_uri=https%3A%2F%2Fapp.example%2Fsub%2Fcallback.html",
            VERIFIER.replace('~', "%7E")
        )
    );
    let refreshed = post(&app, &json!({"provider": "op", "refresh_token": "old"})).await;
    assert_eq!(refreshed.json()["refresh_token"], "again");
    assert_eq!(refreshed.json()["id_token"], Value::Null);
    let seen = house.seen().remove(2);
    assert_eq!(seen.body, "grant_type=refresh_token&refresh_token=old");
    assert_eq!(seen.header("authorization"), Some(basic));
}

#[tokio::test]
async fn the_secret_goes_where_the_provider_takes_it() {
    let about = json!({"token_endpoint_auth_methods_supported": ["client_secret_post"]});
    let house = provider(about, tokens()).await;
    let bearer = "present = \"bearer\"\ntoken = \"id\"";
    let reply = post(&app(&house, bearer), &code()).await.json();
    assert_eq!(
        (&reply["present"], &reply["username"], &reply["password"]),
        (&json!("bearer"), &json!(""), &json!("a.b.c"))
    );
    let seen = house.seen().remove(1);
    assert_eq!(seen.header("authorization"), None);
    assert!(
        seen.body
            .ends_with("&client_id=us%3A1&client_secret=hush%25hush"),
        "{}",
        seen.body
    );
    // The operator's word is above the provider's.
    let reply = post(
        &app(&house, &format!("{bearer}\nsecret-in = \"header\"")),
        &code(),
    )
    .await;
    assert_eq!(reply.status, 200);
    assert!(house.seen()[3].header("authorization").is_some());
}

#[tokio::test]
async fn endpoints_of_the_operator_s_need_no_document() {
    let house = provider(json!({}), tokens()).await;
    let own = format!("http://{}", house.address);
    let text = file(&house, BASIC).replace(
        &format!("issuer = \"{own}/op\""),
        &format!("authorization-endpoint = \"{own}/a\"\ntoken-endpoint = \"{own}/t\""),
    );
    let app = proxy_with_file(&house.flags(), &text);
    let begin = get(&app, "/api/v1/login?provider=op").await.json();
    assert_eq!(begin["issuer"], Value::Null);
    assert_eq!(begin["response_mode"], "query");
    assert_eq!(post(&app, &code()).await.json()["password"], "the-access");
    assert_eq!(house.paths(), ["/t"]);
}

/// Signing out ends the sign-in at the provider, where it has a way.
#[tokio::test]
async fn a_sign_in_is_ended() {
    let revoke = json!({"provider": "op", "revoke": "old"});
    let house = Double::start(|seen| {
        let own = format!("http://{}/op", seen.header("host").unwrap());
        match seen.path.as_str() {
            "/op/revoke" if seen.body.contains("token=old&") => answer(200, &[], ""),
            "/op/revoke" => answer(503, &[], ""),
            _ => {
                let end = |name: &str| format!("{own}/{name}");
                let text = json!({"issuer": own, "authorization_endpoint": end("auth"),
                    "token_endpoint": end("token"), "revocation_endpoint": end("revoke")});
                answer(200, &[], text.to_string())
            }
        }
    })
    .await;
    let with = app(&house, BASIC);
    assert_eq!(post(&with, &revoke).await.json(), json!({"revoked": true}));
    let seen = house.seen().remove(1);
    assert_eq!(seen.body, "token=old&token_type_hint=refresh_token");
    assert!(seen.header("authorization").is_some());
    let other = json!({"provider": "op", "revoke": "other"});
    let reply = post(&with, &other).await;
    reply.assert_error(502, "UPSTREAM_INVALID");
    // One that has none, or one that may not be asked: it can be signed in at all the same.
    for about in [
        json!({}),
        json!({"revocation_endpoint": "http://elsewhere.example/"}),
    ] {
        let house = provider(about, tokens()).await;
        let app = app(&house, BASIC);
        assert_eq!(post(&app, &revoke).await.json(), json!({"revoked": false}));
        assert_eq!(post(&app, &code()).await.status, 200);
    }
    // The operator's word.
    let own = format!("http://{}", house.address);
    let given = format!(
        "authorization-endpoint = \"{own}/a\"\ntoken-endpoint = \"{own}/t\"\nrevocation-endpoint = \"{own}/op/revoke\""
    );
    let text = file(&house, BASIC).replace(&format!("issuer = \"{own}/op\""), &given);
    let app = proxy_with_file(&house.flags(), &text);
    assert_eq!(post(&app, &revoke).await.json(), json!({"revoked": true}));
}

#[tokio::test]
async fn what_is_no_exchange() {
    let house = provider(json!({}), tokens()).await;
    let with = app(&house, BASIC);
    let change = |name: &str, value: Value| {
        let mut body = code();
        body[name] = value;
        body
    };
    for body in [
        json!({}),
        json!({"provider": "op"}),
        json!({"provider": "op", "code": "c"}),
        json!({"provider": "op", "refresh_token": "a b"}),
        json!({"provider": "op", "revoke": "a b"}),
        json!({"provider": "op", "revoke": "a", "refresh_token": "b"}),
        change("revoke", "x".into()),
        change("refresh_token", "x".into()),
        change("verifier", "short".into()),
        change("verifier", format!("{VERIFIER}/").into()),
        change("code", "".into()),
        change("redirect_uri", "javascript:1/callback.html".into()),
        change("redirect_uri", "https://app.example/".into()),
        change("redirect_uri", "https://app.example/callback.html?x".into()),
        change("unknown", 1.into()),
    ] {
        let reply = post(&with, &body).await;
        reply.assert_error(400, "TARGET_INVALID");
    }
    post(&with, &change("provider", "x".into()))
        .await
        .assert_error(501, "LOGIN_NOT_CONFIGURED");
    post(&proxy(""), &json!({}))
        .await
        .assert_error(501, "LOGIN_NOT_CONFIGURED");
    // A page of somebody else's can neither send this type without asking nor read the answer.
    let plain = request("POST", "/api/v1/login", &[("content-type", "text/plain")]);
    send(&with, plain).await.assert_error(400, "TARGET_INVALID");
    let foreign = request(
        "POST",
        "/api/v1/login",
        &[("origin", "https://evil.example")],
    );
    send(&with, foreign)
        .await
        .assert_error(403, "ORIGIN_REFUSED");
    assert_eq!(house.seen().len(), 0);
}

#[tokio::test]
async fn what_providers_answer() {
    for (status, body, expect) in [
        (
            400,
            r#"{"error":"invalid_grant","error_description":"hush%hush"}"#,
            (401, "UNAUTHORIZED"),
        ),
        (
            401,
            r#"{"error":"invalid_client"}"#,
            (502, "UPSTREAM_INVALID"),
        ),
        (400, "<html>", (502, "UPSTREAM_INVALID")),
        (302, "", (502, "UPSTREAM_INVALID")),
        (500, "", (502, "UPSTREAM_INVALID")),
        (429, "", (429, "RATE_LIMITED")),
        (200, "{}", (502, "UPSTREAM_INVALID")),
        (200, r#"{"access_token":"a b"}"#, (502, "UPSTREAM_INVALID")),
        (200, "[", (502, "UPSTREAM_INVALID")),
    ] {
        let house = Double::start(move |seen| match seen.method == http::Method::POST {
            true => answer(status, &[("location", "/elsewhere")], body),
            false => {
                let own = format!("http://{}/op", seen.header("host").unwrap());
                let text =
                    json!({"issuer": own, "authorization_endpoint": own, "token_endpoint": own});
                answer(200, &[], text.to_string())
            }
        })
        .await;
        let reply = post(&app(&house, BASIC), &code()).await;
        reply.assert_error(expect.0, expect.1);
        let text = reply.text();
        assert!(
            !text.contains("hush") && !text.contains("the-code"),
            "{text}"
        );
        assert_eq!(house.seen().len(), 2);
    }
}

/// A description that leads elsewhere is not followed to where nothing may be asked.
#[tokio::test]
async fn endpoints_that_are_not_asked() {
    let elsewhere = provider(json!({}), tokens()).await;
    let there = format!("http://{}/t", elsewhere.address);
    for (about, status, code_of_it) in [
        (
            json!({"issuer": "https://accounts.example"}),
            502,
            "UPSTREAM_INVALID",
        ),
        (json!({"token_endpoint": there}), 403, "REALM_REFUSED"),
        (
            json!({"authorization_endpoint": "javascript:alert(1)"}),
            403,
            "REALM_REFUSED",
        ),
        (
            json!({"authorization_endpoint": "http://a.example/"}),
            403,
            "REALM_REFUSED",
        ),
        (
            json!({"token_endpoint": "https://u:p@a.example/"}),
            403,
            "REALM_REFUSED",
        ),
        (
            json!({"token_endpoint": "https://169.254.169.254/"}),
            403,
            "ADDRESS_REFUSED",
        ),
        (
            json!({"padding": "x".repeat(70 << 10)}),
            502,
            "BODY_TOO_LARGE",
        ),
    ] {
        let house = provider(about.clone(), tokens()).await;
        let reply = post(&app(&house, BASIC), &code()).await;
        assert_eq!(reply.header("x-layerscope-error"), code_of_it, "{about}");
        reply.assert_error(status, code_of_it);
    }
    assert_eq!(elsewhere.seen().len(), 0);
    // An issuer inside the operator's network needs the operator's word, as a registry does.
    let house = provider(json!({}), tokens()).await;
    let app = proxy_with_file("", &file(&house, BASIC));
    get(&app, "/api/v1/login?provider=op")
        .await
        .assert_error(403, "REALM_REFUSED");
    // And one that is not there is said to be down.
    let flags = house.flags();
    let text = file(&house, BASIC);
    drop(house);
    let app = proxy_with_file(&flags, &text);
    get(&app, "/api/v1/login?provider=op")
        .await
        .assert_error(502, "CONNECT_FAILED");
}
