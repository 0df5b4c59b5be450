//! Manifests and lists: what goes up, what comes down, what is refused.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use layerscope_proxy::connect::BoxFuture;

use crate::support::*;

fn manifest_path(double: &Double) -> String {
    format!(
        "/api/v1/manifest?registry={}&repository=a/b&reference=latest",
        double.address
    )
}

#[tokio::test]
async fn a_manifest_passes_with_the_listed_headers_only() {
    let kind = "application/vnd.oci.image.manifest.v1+json";
    let double = Double::start(move |_| {
        let headers = [
            ("content-type", kind),
            ("docker-content-digest", "sha256:x"),
            ("etag", "\"e\""),
            ("set-cookie", "a=b"),
            ("access-control-allow-origin", "*"),
            ("server", "s"),
            ("ratelimit-remaining", "99;w=21600"),
        ];
        answer(200, &headers, "{ \"schemaVersion\": 2 }")
    })
    .await;
    let app = proxy(&double.flags());
    let sent = [
        ("cookie", "secret=1"),
        ("x-forwarded-for", "1.2.3.4"),
        ("authorization", "Bearer t"),
    ];
    let reply = send(&app, request("GET", &manifest_path(&double), &sent)).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.text(), "{ \"schemaVersion\": 2 }");
    assert_eq!(reply.header("content-type"), kind);
    assert_eq!(reply.header("docker-content-digest"), "sha256:x");
    assert_eq!(reply.header("ratelimit-remaining"), "99;w=21600");
    assert_eq!(reply.header("cache-control"), "private, no-cache");
    assert_eq!(
        reply.header("content-security-policy"),
        "sandbox; default-src 'none'"
    );
    assert_eq!(reply.header("x-content-type-options"), "nosniff");
    for absent in ["set-cookie", "server", "access-control-allow-origin"] {
        assert_eq!(reply.header(absent), "", "{absent}");
    }
    let seen = &double.seen()[0];
    assert_eq!(seen.path, "/v2/a/b/manifests/latest");
    assert_eq!(seen.header("authorization"), Some("Bearer t"));
    assert_eq!(seen.header("accept-encoding"), Some("identity"));
    assert_eq!(
        (seen.header("cookie"), seen.header("x-forwarded-for")),
        (None, None)
    );
    let accept = seen.header("accept").unwrap();
    for kind in [
        "oci.image.index.v1+json",
        "oci.image.manifest.v1+json",
        "manifest.list.v2+json",
        "manifest.v2+json",
    ] {
        assert!(accept.contains(kind), "{accept}");
    }
}

#[tokio::test]
async fn a_clients_own_accept_is_kept() {
    let double = Double::start(|_| answer(200, &[], "{}")).await;
    let app = proxy(&double.flags());
    let sent = [("accept", "application/vnd.oci.image.index.v1+json")];
    send(&app, request("GET", &manifest_path(&double), &sent)).await;
    assert_eq!(double.seen()[0].header("accept"), Some(sent[0].1));
}

#[tokio::test]
async fn head_of_a_manifest_is_a_head() {
    let double = Double::start(|_| answer(200, &[("content-length", "1234")], Body::empty())).await;
    let app = proxy(&double.flags());
    let reply = send(&app, request("HEAD", &manifest_path(&double), &[])).await;
    assert_eq!(
        (reply.status.as_u16(), reply.header("content-length")),
        (200, "1234")
    );
    assert_eq!(double.seen()[0].method, "HEAD");
}

#[tokio::test]
async fn content_by_digest_may_be_kept_where_it_is_public() {
    let double = Double::start(|_| answer(200, &[], "{}")).await;
    let app = proxy(&double.flags());
    let digest = some_digest();
    let path = format!(
        "/api/v1/manifest?registry={}&repository=a&reference={digest}",
        double.address
    );
    let reply = get(&app, &path).await;
    assert_eq!(
        reply.header("cache-control"),
        "public, max-age=31536000, immutable"
    );
    let reply = send(
        &app,
        request("GET", &path, &[("authorization", "Basic eDp5")]),
    )
    .await;
    assert_eq!(reply.header("cache-control"), "private, no-cache");
}

#[tokio::test]
async fn a_registrys_own_refusals_pass() {
    for (status, name, value) in [
        (
            401,
            "www-authenticate",
            "Bearer realm=\"https://r.example/t\"",
        ),
        (403, "content-type", "application/json"),
        (404, "docker-distribution-api-version", "registry/2.0"),
        (429, "retry-after", "30"),
        (500, "content-type", "application/json"),
        (503, "retry-after", "5"),
    ] {
        let double =
            Double::start(move |_| answer(status, &[(name, value)], "{\"errors\":[]}")).await;
        let reply = get(&proxy(&double.flags()), &manifest_path(&double)).await;
        assert_eq!(reply.status, status);
        assert_eq!(reply.header(name), value);
        assert_eq!(reply.header("x-layerscope-error"), "");
        assert_eq!(reply.header("cache-control"), "no-store");
        assert_eq!(reply.text(), "{\"errors\":[]}");
    }
}

#[tokio::test]
async fn every_challenge_passes() {
    let double = Double::start(|_| {
        answer(
            401,
            &[
                ("www-authenticate", "Bearer realm=\"r\""),
                ("www-authenticate", "Basic"),
            ],
            "",
        )
    })
    .await;
    let reply = get(&proxy(&double.flags()), &manifest_path(&double)).await;
    assert_eq!(reply.headers.get_all("www-authenticate").iter().count(), 2);
}

#[tokio::test]
async fn html_is_never_html_here() {
    let double = Double::start(|_| answer(200, &[("content-type", "text/html")], "<script>")).await;
    let reply = get(&proxy(&double.flags()), &manifest_path(&double)).await;
    assert_eq!(reply.header("content-type"), "text/plain; charset=utf-8");
    assert_eq!(reply.text(), "<script>");
}

#[tokio::test]
async fn a_huge_manifest_is_cut() {
    let double = Double::start(|_| answer(200, &[], vec![b' '; (4 << 20) + 1])).await;
    let reply = get(&proxy(&double.flags()), &manifest_path(&double)).await;
    reply.assert_error(502, "BODY_TOO_LARGE");
    let endless = Double::start(|_| {
        let chunks = futures_util::stream::repeat_with(|| {
            Ok::<_, std::io::Error>(Bytes::from(vec![b' '; 1 << 16]))
        });
        answer(200, &[], Body::from_stream(chunks))
    })
    .await;
    let reply = get(&proxy(&endless.flags()), &manifest_path(&endless)).await;
    reply.assert_error(502, "BODY_TOO_LARGE");
}

#[tokio::test]
async fn an_unasked_encoding_is_an_error() {
    let double = Double::start(|_| answer(200, &[("content-encoding", "gzip")], "x")).await;
    let reply = get(&proxy(&double.flags()), &manifest_path(&double)).await;
    reply.assert_error(502, "UPSTREAM_INVALID");
}

#[tokio::test]
async fn a_slow_registry_is_given_up() {
    let double = Double::start(|_| {
        answer(
            200,
            &[],
            Body::from_stream(futures_util::stream::pending::<Result<Bytes, std::io::Error>>()),
        )
    })
    .await;
    let mut config = config(&double.flags());
    config.limits.total_s = 1;
    let app = proxy_of(config, Names::new(&[]));
    get(&app, &manifest_path(&double))
        .await
        .assert_error(504, "UPSTREAM_TIMEOUT");
}

#[tokio::test]
async fn nothing_listens_there() {
    let address = {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap()
    };
    let app = proxy(&format!("--allow-private {address} --plain-http {address}"));
    let reply = get(
        &app,
        &format!("/api/v1/tags?registry={address}&repository=a"),
    )
    .await;
    reply.assert_error(502, "CONNECT_FAILED");
}

#[tokio::test]
async fn something_else_listens_there() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let task = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            use tokio::io::AsyncWriteExt;
            stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n\r\n").await.ok();
        }
    });
    let app = proxy(&format!("--allow-private {address} --plain-http {address}"));
    let reply = get(
        &app,
        &format!("/api/v1/tags?registry={address}&repository=a"),
    )
    .await;
    reply.assert_error(502, "CONNECT_FAILED");
    task.abort();
}

#[tokio::test]
async fn pages_of_a_list_follow_by_cursor() {
    let double = Double::start(|seen| match seen.path.as_str() {
        "/v2/a/b/tags/list?n=2" => answer(
            200,
            &[
                ("content-type", "application/json"),
                ("link", "</v2/a/b/tags/list?n=2&last=v%2B2>; rel=\"next\""),
            ],
            r#"{"name":"a/b","tags":["v1","v+2"]}"#,
        ),
        "/v2/a/b/tags/list?n=2&last=v%2B2" => answer(200, &[], r#"{"name":"a/b","tags":["v3"]}"#),
        other => answer(500, &[], other.to_owned()),
    })
    .await;
    let app = proxy(&double.flags());
    let registry = double.address.to_string();
    let first = get(
        &app,
        &format!("/api/v1/tags?registry={registry}&repository=a/b&n=2"),
    )
    .await;
    assert_eq!(first.json()["tags"][1], "v+2");
    let link = first.header("link");
    let next = link
        .strip_prefix('<')
        .unwrap()
        .strip_suffix(">; rel=\"next\"")
        .unwrap();
    assert!(
        next.starts_with("/api/v1/tags?registry=127.0.0.1%3A"),
        "{next}"
    );
    let second = get(&app, next).await;
    assert_eq!(second.json()["tags"][0], "v3");
    assert_eq!(second.header("link"), "");
}

#[tokio::test]
async fn a_link_elsewhere_is_refused() {
    for link in [
        "<https://evil.example/v2/a/tags/list?n=2>; rel=next",
        "</v2/b/tags/list?n=2>; rel=next",
    ] {
        let double = Double::start(move |_| answer(200, &[("link", link)], "{}")).await;
        let app = proxy(&double.flags());
        let reply = get(
            &app,
            &format!("/api/v1/tags?registry={}&repository=a", double.address),
        )
        .await;
        reply.assert_error(502, "UPSTREAM_INVALID");
    }
}

#[tokio::test]
async fn catalog_and_referrers() {
    let double =
        Double::start(|_| answer(200, &[("oci-filters-applied", "artifactType")], "{}")).await;
    let app = proxy(&double.flags());
    let (registry, digest) = (double.address, some_digest());
    get(&app, &format!("/api/v1/catalog?registry={registry}&n=10")).await;
    let path = format!(
        "/api/v1/referrers?registry={registry}&repository=a&digest={digest}&artifactType=application/spdx%2Bjson"
    );
    let reply = get(&app, &path).await;
    assert_eq!(reply.header("oci-filters-applied"), "artifactType");
    let wanted = format!("/v2/a/referrers/{digest}?artifactType=application%2Fspdx%2Bjson");
    assert_eq!(double.paths(), ["/v2/_catalog?n=10".to_owned(), wanted]);
}

#[tokio::test]
async fn what_is_no_target_is_not_asked() {
    let double = Double::start(|_| answer(200, &[], "{}")).await;
    let app = proxy(&double.flags());
    let at = double.address;
    for query in [
        "manifest".to_owned(),
        format!("manifest?registry={at}&repository=a"),
        format!("manifest?registry={at}&repository=A&reference=b"),
        format!("manifest?registry={at}&repository=../a&reference=b"),
        format!("manifest?registry={at}&repository=a&reference=../b"),
        format!("manifest?registry={at}&repository=a&reference=b&reference=c"),
        format!("manifest?registry=http://{at}/&repository=a&reference=b"),
        format!("manifest?registry=user@{at}&repository=a&reference=b"),
        "manifest?registry=2130706433&repository=a&reference=b".to_owned(),
        "manifest?registry=0x7f.0.0.1&repository=a&reference=b".to_owned(),
        format!("blob?registry={at}&repository=a&digest=latest"),
        format!("tags?registry={at}&repository=a&n=0"),
        format!("tags?registry={at}&repository=a&n=many"),
        format!("tags?registry={at}&repository=a&cursor=***"),
        format!(
            "tags?registry={at}&repository=a&cursor={}",
            "QQ".repeat(2000)
        ),
        format!("referrers?registry={at}&repository=a&digest=b"),
        format!("tags?registry={at}&repository=a&x={}", "y".repeat(9000)),
    ] {
        get(&app, &format!("/api/v1/{query}"))
            .await
            .assert_error(400, "TARGET_INVALID");
    }
    assert_eq!(double.seen().len(), 0);
}

#[tokio::test]
async fn only_named_registries_are_served() {
    let app = proxy("--registry ghcr.io");
    let reply = get(&app, "/api/v1/tags?registry=quay.io&repository=a").await;
    reply.assert_error(403, "REGISTRY_NOT_SERVED");
    assert_eq!(
        get(&app, "/api/v1/info").await.json()["registries"][0],
        "ghcr.io"
    );
    let app = proxy("");
    assert!(get(&app, "/api/v1/info").await.json()["registries"].is_null());
    let reply = get(&app, "/api/v1/tags?registry=quay.io:5000&repository=a").await;
    reply.assert_error(403, "REGISTRY_NOT_SERVED");
}

#[tokio::test]
async fn private_addresses_are_refused_however_they_are_named() {
    let names = Names::new(&[
        ("inside.example", &["10.1.2.3"]),
        ("mapped.example", &["::ffff:127.0.0.1"]),
    ]);
    let app = proxy_of(config(""), names);
    for host in [
        "127.0.0.1",
        "[::1]",
        "[::ffff:7f00:1]",
        "10.0.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "[fd00:ec2::254]",
        "inside.example",
        "mapped.example",
        "localhost",
        "a.localhost",
    ] {
        let reply = get(&app, &format!("/api/v1/tags?registry={host}&repository=a")).await;
        reply.assert_error(403, "ADDRESS_REFUSED");
    }
    get(&app, "/api/v1/tags?registry=gone.example&repository=a")
        .await
        .assert_error(502, "DNS_FAILED");
}

#[tokio::test]
async fn what_was_resolved_is_what_is_dialled() {
    let double = Double::start(|_| answer(200, &[], "{}")).await;
    let port = double.address.port();
    let path = format!("/api/v1/tags?registry=rebind.example:{port}&repository=a");
    // One resolution a dial: a second one, after a check, would give an address where nothing is.
    let names = Names::new(&[("rebind.example", &["127.0.0.1", "127.0.0.99"])]);
    let flags = format!("--plain-http rebind.example:{port} ");
    let lifted = format!("{flags} --allow-private rebind.example:{port}");
    assert_eq!(
        get(&proxy_of(config(&lifted), names), &path).await.status,
        200
    );
    assert_eq!(double.seen().len(), 1);
    // And each dial filters anew what it resolved.
    let names = Names::new(&[("rebind.example", &["10.0.0.1", "127.0.0.1"])]);
    let app = proxy_of(config(&flags), names);
    for _ in 0..2 {
        get(&app, &path).await.assert_error(403, "ADDRESS_REFUSED");
    }
    assert_eq!(double.seen().len(), 1);
}

#[tokio::test]
async fn a_lifted_name_is_dialled() {
    let double = Double::start(|_| answer(200, &[], "{}")).await;
    let port = double.address.port();
    let names = Names::new(&[("inside.example", &["127.0.0.1"])]);
    let flags = format!("--allow-private inside.example:{port} --plain-http inside.example:{port}");
    let app = proxy_of(config(&flags), names);
    let reply = get(
        &app,
        &format!("/api/v1/tags?registry=inside.example:{port}&repository=a"),
    )
    .await;
    assert_eq!(reply.status, 200);
    assert_eq!(
        double.seen()[0].header("host").unwrap(),
        format!("inside.example:{port}")
    );
}

/// A resolver that never answers.
struct Hanging;

impl layerscope_proxy::Resolver for Hanging {
    fn resolve(&self, _: &str, _: u16) -> BoxFuture<std::io::Result<Vec<SocketAddr>>> {
        Box::pin(std::future::pending())
    }
}

#[tokio::test]
async fn a_name_that_never_resolves_is_given_up() {
    let mut config = config("");
    config.limits.connect_s = 1;
    let app = proxy_of(config, Arc::new(Hanging));
    let reply = get(&app, "/api/v1/tags?registry=slow.example&repository=a").await;
    reply.assert_error(504, "UPSTREAM_TIMEOUT");
}
