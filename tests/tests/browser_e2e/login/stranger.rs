//! A proxy that a link names, and that has no business with what one signs in with.

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    body::to_bytes,
    extract::{Request, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use layerscope_tests::{
    net::Server,
    page::{Page, css},
    token_server::{PASSWORD, USER},
};
use serde_json::json;

use super::{AS_GOOGLE, BUTTON, LONG_S, Stage, VERIFIER, static_file};

/// All that arrived, as text.
type Seen = Arc<Mutex<String>>;

/// Takes requests of any page, asks for a token, and keeps what it gets.
async fn greedy(State(seen): State<Seen>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 1 << 20).await.unwrap();
    let told = format!(
        "{} {} {:?} {}\n",
        parts.method,
        parts.uri,
        parts.headers,
        String::from_utf8_lossy(&body)
    );
    seen.lock().unwrap().push_str(&told);
    let host = parts.headers[header::HOST].to_str().unwrap().to_owned();
    let challenge = format!("Bearer realm=\"http://{host}/token\",service=\"all\"");
    let allowed = [
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*".to_owned()),
        (
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            "authorization, content-type".to_owned(),
        ),
        (header::ACCESS_CONTROL_EXPOSE_HEADERS, "*".to_owned()),
        (header::WWW_AUTHENTICATE, challenge),
    ];
    let status = match parts.method.as_str() {
        "OPTIONS" => StatusCode::NO_CONTENT,
        _ => StatusCode::UNAUTHORIZED,
    };
    (status, allowed, "{}").into_response()
}

#[test]
fn another_proxy_learns_nothing() {
    let seen = Seen::default();
    let router = Router::new().fallback(greedy).with_state(seen.clone());
    let stranger = Server::start(router).unwrap();
    let app = Server::start(Router::new().fallback(static_file)).unwrap();
    let origin = format!("http://{}", app.host());
    let flags = ["--origin".to_owned(), origin.clone()];
    let Some(stage) = Stage::new(AS_GOOGLE, &[], &flags) else {
        return;
    };
    let back = format!("{origin}/sub/callback.html");
    let Some(provider) = stage.provider(LONG_S, std::slice::from_ref(&back)) else {
        return;
    };
    let (browser, corpus) = (&stage.browser, &stage.corpus);
    let page = Page::new(browser, &stage.proxy);
    let typed = format!("#/image/{}/made/tree:latest", corpus.basic.host());
    let at = |proxy: &str, route: &str| {
        browser.goto("about:blank");
        browser.goto(&format!("{origin}/sub/?proxy={proxy}{route}"));
        page.settled()
    };

    // A proxy that nobody has named but the link: no sign-in before the user says yes to its host.
    let ours = stage.proxy.base().to_owned();
    assert_eq!(at(&ours, &typed), "error");
    let host = ours.strip_prefix("http://").unwrap();
    browser.find(&format!("[role=alert] [data-proxy='{host}']"));
    assert!(!page.alert().contains("Password"), "{}", page.alert());
    browser.screenshot("proxy-named-by-a-link");
    browser.click("[data-action=accept-proxy]");
    browser.type_into(css::USER, USER);
    browser.type_into(css::PASSWORD, PASSWORD);
    browser.click("[role=alert] input[name=remember]");
    browser.click("[role=alert] .signin button[type=submit]");
    page.ready();
    page.go(&stage.private());
    browser.click("[role=alert] input[name=remember]");
    browser.click(BUTTON);
    stage.log_in();
    page.ready();
    // It is remembered, the answer too.
    for route in [&typed, &stage.private()] {
        assert_eq!(at(&ours, route), "ready");
    }

    // The same page, by way of a stranger.
    let theirs = format!("http://{}", stranger.host());
    for route in [&typed, &stage.private()] {
        assert_eq!(at(&theirs, route), "error");
        browser.find(&format!("[role=alert] [data-proxy='{}']", stranger.host()));
    }
    // An answer of the provider, which belongs to another proxy: on a link of the stranger's too.
    browser.goto(&format!("{origin}/sub/icon.svg"));
    let mut started = stage.started(&back, &stage.private()[1..]);
    started["place"]["proxy"] = json!(ours);
    started["place"]["search"] = json!(format!("proxy={theirs}"));
    stage.keep("mine", &started);
    let issuer = format!("http://127.0.0.1:{}", stage.port);
    browser.goto(&format!("{back}?code=the-code&state=mine&iss={issuer}"));
    stage.notice("began by way of another proxy");
    assert_eq!(page.settled(), "error");
    assert!(browser.url().contains(&theirs), "{}", browser.url());

    let seen = seen.lock().unwrap().clone();
    assert!(seen.contains("/api/v1/manifest"), "{seen}");
    for secret in [
        PASSWORD,
        "the-code",
        VERIFIER,
        "\"authorization\":",
        "refresh",
    ] {
        assert!(!seen.contains(secret), "{secret}: {seen}");
    }
    let stored = stage.stored();
    assert!(stored.contains(PASSWORD) && stored.contains("refresh_token"));
    let tokens = provider.grants();
    assert_eq!(tokens, [("authorization_code".to_owned(), true)]);

    // The answer is taken back on the settings page, and the sign-ins go with it.
    assert_eq!(at(&ours, "#/settings"), "ready");
    browser.click(&format!("[data-accepted='{ours}'] button"));
    browser.until(
        "nobody signed in",
        "return document.querySelector('[data-signed-in], [data-accepted]') === null",
        &[],
    );
    assert!(!stage.stored().contains(PASSWORD));
    assert_eq!(at(&ours, &typed), "error");
    browser.find("[data-action=accept-proxy]");

    // Nor one whose name does not say who it is.
    let hidden = format!("http://{host}@{}", stranger.host());
    assert_eq!(at(&hidden, &typed), "error");
    assert!(!seen.contains("login"), "{seen}");
}
