//! How often a registry is asked for one answer.

use serde_json::json;

use crate::support::*;

/// A registry that wants a token of its own realm, and has repositories `a` and `b`.
async fn registry() -> Double {
    let own = std::sync::Arc::new(std::sync::Mutex::new(String::new()));
    let state = own.clone();
    let double = Double::start(move |seen| {
        let own = state.lock().unwrap().clone();
        let path = seen.path.split('?').next().unwrap_or_default();
        let repository = path.split('/').nth(2).unwrap_or_default();
        let challenge =
            format!(r#"Bearer realm="http://{own}/token",scope="repository:{repository}:pull""#);
        match (path, seen.header("authorization")) {
            ("/token", _) => answer(200, &[], r#"{"token":"t","expires_in":60}"#),
            (_, None) => answer(401, &[("www-authenticate", &challenge)], ""),
            (_, Some(_)) => answer(200, &[], "{}"),
        }
    })
    .await;
    *own.lock().unwrap() = double.address.to_string();
    double
}

fn manifest(double: &Double, repository: &str, token: bool) -> axum::extract::Request {
    let path = format!(
        "/api/v1/manifest?registry={}&repository={repository}&reference=latest",
        double.address
    );
    let sent: &[(&str, &str)] = match token {
        true => &[("authorization", "Bearer t")],
        false => &[],
    };
    request("GET", &path, sent)
}

/// The reference system asks for `/v2/`, a token, and the manifest. Here the refusal of the
/// manifest has said what `/v2/` would have.
#[tokio::test]
async fn a_refusal_says_where_the_token_is() {
    let double = registry().await;
    let app = proxy(&double.flags());
    let token = |repository: &str| json!({"registry": double.address.to_string(), "repository": repository});
    assert_eq!(send(&app, manifest(&double, "a", false)).await.status, 401);
    let reply = post_json(&app, "/api/v1/token", &token("a")).await;
    assert_eq!(reply.json()["token"], "t");
    assert_eq!(send(&app, manifest(&double, "a", true)).await.status, 200);
    let scoped = "/token?scope=repository%3Aa%3Apull&client_id=layerscope";
    let at = "/v2/a/manifests/latest";
    assert_eq!(double.paths(), [at, scoped, at]);
    // Another repository's token, before it was refused: the realm is the registry's, the scope
    // is not that of `a`.
    post_json(&app, "/api/v1/token", &token("b")).await;
    assert_eq!(double.paths()[3..], ["/token?client_id=layerscope"]);
}

/// Tags and blobs teach as well; a refusal by whoever a redirect led to does not.
#[tokio::test]
async fn only_the_registry_speaks_for_itself() {
    for what in [
        "tags?".to_owned(),
        format!("blob?digest={}&", some_digest()),
    ] {
        let double = registry().await;
        let app = proxy(&double.flags());
        let registry = double.address;
        let path = format!("/api/v1/{what}registry={registry}&repository=a");
        assert_eq!(get(&app, &path).await.status, 401);
        let body = json!({"registry": registry.to_string(), "repository": "a"});
        post_json(&app, "/api/v1/token", &body).await;
        assert_eq!(double.seen().len(), 2, "{what}");
    }

    let other = Double::start(|_| {
        let challenge = r#"Bearer realm="https://evil.example/token""#;
        answer(401, &[("www-authenticate", challenge)], "")
    })
    .await;
    let to = format!("http://{}/x", other.address);
    let double = Double::start(move |seen| match seen.path.as_str() {
        "/v2/" => answer(401, &[("www-authenticate", "Basic")], ""),
        _ => answer(307, &[("location", to.as_str())], ""),
    })
    .await;
    let app = proxy(&(double.flags() + &other.flags()));
    assert_eq!(send(&app, manifest(&double, "a", false)).await.status, 401);
    let body = json!({"registry": double.address.to_string(), "repository": "a"});
    let reply = post_json(&app, "/api/v1/token", &body).await;
    assert_eq!(reply.json()["scheme"], "basic");
}
