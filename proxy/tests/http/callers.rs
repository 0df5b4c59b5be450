//! Who may call, how, and how often.

use crate::support::*;

const INFO: &str = "/api/v1/info";
const APP: &str = "https://app.example";

#[tokio::test]
async fn a_named_origin_may_read() {
    let app = proxy(&format!("--origin {APP}"));
    let reply = send(&app, request("GET", INFO, &[("origin", APP)])).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("access-control-allow-origin"), APP);
    assert_eq!(reply.header("access-control-allow-credentials"), "");
    assert_eq!(reply.header("vary"), "Origin");
    let exposed = reply.header("access-control-expose-headers");
    for name in [
        "Docker-Content-Digest",
        "WWW-Authenticate",
        "Link",
        "Content-Range",
        "Content-Length",
        "Accept-Ranges",
        "ETag",
        "RateLimit-Remaining",
        "Retry-After",
        "OCI-Filters-Applied",
    ] {
        assert!(exposed.contains(name), "{name}");
    }
    // The proxy's refusals can be read as well.
    let reply = send(&app, request("GET", "/api/v1/tags", &[("origin", APP)])).await;
    reply.assert_error(400, "TARGET_INVALID");
    assert_eq!(reply.header("access-control-allow-origin"), APP);
}

#[tokio::test]
async fn others_may_not() {
    let app = proxy(&format!("--origin {APP}"));
    for origin in [
        "https://evil.example",
        "null",
        "http://app.example",
        "https://app.example:8443",
    ] {
        for (method, path) in [("GET", INFO), ("OPTIONS", INFO), ("POST", "/api/v1/token")] {
            let reply = send(&app, request(method, path, &[("origin", origin)])).await;
            reply.assert_error(403, "ORIGIN_REFUSED");
            assert_eq!(reply.header("access-control-allow-origin"), "");
            assert_eq!(reply.header("vary"), "Origin");
        }
    }
}

#[tokio::test]
async fn our_own_pages_may() {
    let app = proxy("");
    let own = [
        ("host", "127.0.0.1:8080"),
        ("origin", "http://127.0.0.1:8080"),
    ];
    assert_eq!(send(&app, request("GET", INFO, &own)).await.status, 200);
    let rebound = [
        ("host", "evil.example:8080"),
        ("origin", "http://evil.example:8080"),
    ];
    send(&app, request("GET", INFO, &rebound))
        .await
        .assert_error(403, "ORIGIN_REFUSED");
}

#[tokio::test]
async fn a_preflight_names_what_is_allowed() {
    let app = proxy(&format!("--origin {APP}"));
    let sent = [
        ("origin", APP),
        ("access-control-request-method", "GET"),
        ("access-control-request-headers", "authorization,range"),
    ];
    let reply = send(&app, request("OPTIONS", "/api/v1/blob", &sent)).await;
    assert_eq!((reply.status.as_u16(), reply.body.len()), (204, 0));
    assert_eq!(reply.header("access-control-allow-origin"), APP);
    assert_eq!(
        reply.header("access-control-allow-methods"),
        "GET, HEAD, POST"
    );
    let headers = reply.header("access-control-allow-headers");
    for name in [
        "Accept",
        "Authorization",
        "If-None-Match",
        "If-Range",
        "Range",
    ] {
        assert!(headers.contains(name), "{name}");
    }
}

#[tokio::test]
async fn methods() {
    let app = proxy("");
    for (method, path, allowed) in [
        ("PUT", "/api/v1/manifest", "GET, HEAD, OPTIONS"),
        ("POST", "/api/v1/manifest", "GET, HEAD, OPTIONS"),
        ("DELETE", "/api/v1/blob", "GET, HEAD, OPTIONS"),
        ("HEAD", "/api/v1/tags", "GET, OPTIONS"),
        ("HEAD", "/api/v1/catalog", "GET, OPTIONS"),
        ("POST", "/api/v1/referrers", "GET, OPTIONS"),
        ("PATCH", "/api/v1/token", "POST, OPTIONS"),
        ("GET", "/api/v1/token", "POST, OPTIONS"),
        ("HEAD", "/api/v1/login", "GET, POST, OPTIONS"),
        ("POST", "/api/v1/info", "GET, OPTIONS"),
        ("TRACE", "/api/v1/info", "GET, OPTIONS"),
    ] {
        let reply = send(&app, request(method, path, &[])).await;
        assert_eq!(
            (reply.status.as_u16(), reply.header("x-layerscope-error")),
            (405, "METHOD_NOT_ALLOWED"),
            "{method} {path}"
        );
        // Whoever asks what is allowed, is told the same.
        assert_eq!(reply.header("allow"), allowed, "{method} {path}");
        let asked = send(&app, request("OPTIONS", path, &[])).await;
        assert_eq!(
            (asked.status.as_u16(), asked.header("allow")),
            (204, allowed)
        );
    }
    get(&app, "/api/v1/nothing")
        .await
        .assert_error(404, "NOT_FOUND");
    get(&app, "/api/").await.assert_error(404, "NOT_FOUND");
    assert_eq!(get(&app, "/v2/").await.status, 404);
}

#[tokio::test]
async fn rate_limits_by_client_and_by_registry() {
    let mut by_client = config("");
    by_client.limits.client_rate = 1;
    let app = proxy_of(by_client, Names::new(&[]));
    for _ in 0..10 {
        assert_eq!(get(&app, INFO).await.status, 200);
    }
    let reply = get(&app, INFO).await;
    reply.assert_error(429, "RATE_LIMITED");
    assert!(reply.header("retry-after").parse::<u64>().unwrap() >= 1);
    assert_eq!(get(&app, "/healthz").await.status, 200);

    let double = Double::start(|_| answer(200, &[], "{}")).await;
    let mut by_registry = config(&double.flags());
    by_registry.limits.upstream_rate = 1;
    let app = proxy_of(by_registry, Names::new(&[]));
    let path = format!("/api/v1/tags?registry={}&repository=a", double.address);
    for _ in 0..10 {
        assert_eq!(get(&app, &path).await.status, 200);
    }
    get(&app, &path).await.assert_error(429, "RATE_LIMITED");
    assert_eq!(double.seen().len(), 10);
}

#[tokio::test]
async fn health_and_metrics() {
    let app = proxy("");
    assert_eq!(get(&app, "/healthz").await.text(), "ok\n");
    assert_eq!(get(&app, "/readyz").await.text(), "ready\n");
    get(
        &app,
        "/api/v1/tags?registry=secret-name.example:5000&repository=a",
    )
    .await;
    let text = get(&app, "/metrics").await.text();
    assert!(
        text.contains("layerscope_proxy_requests_total{route=\"tags\",status=\"403\"} 1"),
        "{text}"
    );
    assert!(
        text.contains("layerscope_proxy_errors_total{code=\"REGISTRY_NOT_SERVED\"} 1"),
        "{text}"
    );
    assert!(!text.contains("secret-name"));
}
