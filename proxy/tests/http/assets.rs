//! The app's files and their headers.

use std::fs;

use crate::support::*;

const WASM: &str = "/main-0123456789abcdef_bg.wasm";

fn dist() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
    write("index.html", "<!doctype html>");
    write(&WASM[1..], "plain");
    write(&format!("{}.br", &WASM[1..]), "brotli");
    write(&format!("{}.gz", &WASM[1..]), "gzipped");
    write("worker.js", "worker");
    write(".secret", "hidden");
    fs::create_dir(dir.path().join("sub")).unwrap();
    write("sub/page.html", "page");
    dir
}

#[tokio::test]
async fn files_and_their_headers() {
    let dir = dist();
    let app = proxy(&format!("--assets {}", dir.path().display()));
    let reply = get(&app, "/").await;
    assert_eq!(
        (reply.status.as_u16(), reply.text().as_str()),
        (200, "<!doctype html>")
    );
    assert_eq!(reply.header("content-type"), "text/html; charset=utf-8");
    assert_eq!(reply.header("cache-control"), "no-cache");
    assert_eq!(
        reply.header("content-security-policy"),
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; style-src 'self'; \
         img-src 'self' blob: data:; connect-src 'self'; frame-src 'self' blob:; manifest-src 'self'; \
         base-uri 'none'; object-src 'none'; form-action 'none'"
    );
    assert_eq!(reply.header("referrer-policy"), "no-referrer");
    assert_eq!(reply.header("x-content-type-options"), "nosniff");
    assert_eq!(
        reply.header("cross-origin-opener-policy"),
        "same-origin-allow-popups"
    );
    assert_eq!(get(&app, "/index.html").await.text(), "<!doctype html>");
    assert_eq!(get(&app, "/sub/page.html").await.text(), "page");
    let worker = get(&app, "/worker.js").await;
    assert_eq!(
        worker.header("content-type"),
        "text/javascript; charset=utf-8"
    );
    assert_eq!(worker.header("cache-control"), "no-cache");
    let wasm = get(&app, WASM).await;
    assert_eq!(wasm.header("content-type"), "application/wasm");
    assert_eq!(
        wasm.header("cache-control"),
        "public, max-age=31536000, immutable"
    );
    let head = send(&app, request("HEAD", WASM, &[])).await;
    assert_eq!((head.header("content-length"), head.body.len()), ("5", 0));
}

#[tokio::test]
async fn who_may_frame_the_app_is_told_and_allowed() {
    let dir = dist();
    let flags = format!("--assets {}", dir.path().display());
    let hosts = "https://a.example,https://b.example:8443";
    let app = proxy(&format!("{flags} --embed-origin {hosts}"));
    assert_eq!(
        get(&app, "/config.json").await.text(),
        r#"{"embed-origins":["https://a.example","https://b.example:8443"]}"#
    );
    let reply = get(&app, "/").await;
    let policy = reply.header("content-security-policy");
    let ancestors = "; frame-ancestors 'self' https://a.example https://b.example:8443";
    assert!(policy.ends_with(ancestors), "{policy}");
    // Without one anybody may frame it, who then is not heard.
    let reply = get(&proxy(&flags), "/").await;
    let policy = reply.header("content-security-policy");
    assert!(!policy.contains("frame-ancestors"), "{policy}");
}

#[tokio::test]
async fn an_index_source_is_told_and_allowed() {
    let dir = dist();
    let flags = format!("--assets {}", dir.path().display());
    let app = proxy(&format!("{flags} --index-source https://cdn.example/lsx/"));
    let reply = get(&app, "/config.json").await;
    assert_eq!(
        reply.text(),
        r#"{"index-source":"https://cdn.example/lsx/"}"#
    );
    assert_eq!(reply.header("content-type"), "application/json");
    for path in ["/", "/config.json", "/worker.js"] {
        let policy = get(&app, path).await;
        let policy = policy.header("content-security-policy");
        assert!(policy.contains("; connect-src 'self' https://cdn.example;"));
        assert!(policy.contains("script-src 'self' 'wasm-unsafe-eval';"));
    }
    // Without one the app's own file counts.
    let app = proxy(&flags);
    assert_eq!(get(&app, "/config.json").await.status.as_u16(), 404);
    fs::write(dir.path().join("config.json"), "{}").unwrap();
    assert_eq!(get(&app, "/config.json").await.text(), "{}");
}

#[tokio::test]
async fn compressed_forms_by_negotiation() {
    let dir = dist();
    let app = proxy(&format!("--assets {}", dir.path().display()));
    for (accept, encoding, body) in [
        ("gzip, deflate, br", "br", "brotli"),
        ("gzip", "gzip", "gzipped"),
        ("br;q=0, gzip", "gzip", "gzipped"),
        ("identity", "", "plain"),
    ] {
        let reply = send(&app, request("GET", WASM, &[("accept-encoding", accept)])).await;
        assert_eq!(
            (reply.header("content-encoding"), reply.text().as_str()),
            (encoding, body),
            "{accept}"
        );
        assert_eq!(reply.header("content-type"), "application/wasm");
        assert_eq!(reply.header("vary"), "Accept-Encoding");
    }
    assert_eq!(get(&app, &format!("{WASM}.br")).await.status, 404);
}

#[tokio::test]
async fn known_files_are_not_sent_again() {
    let dir = dist();
    let app = proxy(&format!("--assets {}", dir.path().display()));
    let etag = get(&app, "/").await.header("etag").to_owned();
    let reply = send(&app, request("GET", "/", &[("if-none-match", &etag)])).await;
    assert_eq!((reply.status.as_u16(), reply.body.len()), (304, 0));
    fs::write(dir.path().join("index.html"), "rebuilt").unwrap();
    let reply = send(&app, request("GET", "/", &[("if-none-match", &etag)])).await;
    assert_eq!(
        (reply.status.as_u16(), reply.text().as_str()),
        (200, "rebuilt")
    );
}

#[tokio::test]
async fn nothing_else_is_served() {
    let dir = dist();
    let app = proxy(&format!("--assets {}/sub", dir.path().display()));
    for path in [
        "/nope",
        "/a/b/c",
        "/../index.html",
        "/%2e%2e/index.html",
        "/..%2findex.html",
        "//index.html",
        "/page.html/",
    ] {
        let reply = get(&app, path).await;
        assert_eq!(reply.status, 404, "{path}");
        assert_eq!(reply.header("x-content-type-options"), "nosniff");
    }
    let app = proxy(&format!("--assets {}", dir.path().display()));
    assert_eq!(get(&app, "/.secret").await.status, 404);
    assert_eq!(send(&app, request("POST", "/", &[])).await.status, 405);
}

#[tokio::test]
async fn the_reference_systems_paths_become_fragments() {
    let app = proxy("");
    let reply = get(&app, "/fs/debian@sha256:ab/etc/passwd?render=hex").await;
    assert_eq!(reply.status, 302);
    assert_eq!(
        reply.header("location"),
        "/#/fs/debian@sha256:ab/etc/passwd?render=hex"
    );
    assert_eq!(
        get(&app, "/cache/a@b/c").await.header("location"),
        "/#/fs/a@b/c"
    );
}

#[tokio::test]
async fn without_assets() {
    let app = proxy("--no-assets");
    for path in ["/", "/index.html", "/fs/a/b"] {
        assert_eq!(get(&app, path).await.status, 404, "{path}");
    }
    assert_eq!(get(&app, "/api/v1/info").await.status, 200);
}
