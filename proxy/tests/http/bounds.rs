//! Bounds: on what is done at once, on sizes, on time; and what happens at the end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use layerscope_proxy::forwarder::Forwarders;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tower::ServiceExt;

use crate::process;
use crate::support::*;

/// A body that begins and never goes on.
fn stalled() -> Body {
    use futures_util::StreamExt;
    let first = futures_util::stream::iter([Ok::<_, std::io::Error>("{")]);
    Body::from_stream(first.chain(futures_util::stream::pending()))
}

pub fn tags(registry: SocketAddr) -> String {
    format!("/api/v1/tags?registry={registry}&repository=a")
}

fn blob(registry: SocketAddr) -> String {
    let digest = some_digest();
    format!("/api/v1/blob?registry={registry}&repository=a&digest={digest}")
}

/// Serves a configuration on a socket of its own.
pub async fn serve(config: layerscope_proxy::Config) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let limits = config.limits.clone();
    let app = proxy_of(config, Names::new(&[]));
    tokio::spawn(async move {
        let (nobody, never) = (Forwarders::default(), std::future::pending());
        let draining = Arc::default();
        layerscope_proxy::serve::serve(listener, app, &limits, &nobody, draining, never).await;
    });
    address
}

/// What comes back for these bytes, until the proxy closes.
pub async fn exchange(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // The proxy may have said no before all of it is written.
    stream.write_all(bytes).await.ok();
    let mut all = Vec::new();
    stream.read_to_end(&mut all).await.ok();
    String::from_utf8_lossy(&all).into_owned()
}

#[tokio::test]
async fn requests_at_once() {
    let double = Double::start(|_| answer(200, &[], stalled())).await;
    let mut config = config(&double.flags());
    config.limits.requests = 1;
    let app = proxy_of(config, Names::new(&[]));
    let waiting = {
        let (app, path) = (app.clone(), tags(double.address));
        tokio::spawn(async move { get(&app, &path).await })
    };
    while double.seen().is_empty() {
        tokio::task::yield_now().await;
    }
    get(&app, &tags(double.address))
        .await
        .assert_error(503, "BUSY");
    // Whoever leaves makes room.
    waiting.abort();
    assert!(waiting.await.unwrap_err().is_cancelled());
    let free = async {
        let request = request("GET", &tags(double.address), &[]);
        app.clone().oneshot(request).await.unwrap()
    };
    let second = tokio::time::timeout(Duration::from_millis(200), free).await;
    assert!(
        second.is_err(),
        "it waits for the registry, as the first did"
    );
    assert_eq!(double.seen().len(), 2);
}

#[tokio::test]
async fn streams_at_once_of_all_clients() {
    let double = Double::start(|_| answer(200, &[], stalled())).await;
    let mut config = config(&double.flags());
    config.limits.streams = 1;
    let app = proxy_of(config, Names::new(&[]));
    let open = || {
        app.clone()
            .oneshot(request("GET", &blob(double.address), &[]))
    };
    let first = open().await.unwrap();
    assert_eq!(first.status(), 200);
    get(&app, &blob(double.address))
        .await
        .assert_error(503, "BUSY");
    drop(first);
    assert_eq!(open().await.unwrap().status(), 200);
}

/// A connection on which a request was answered, and which stays open.
async fn answered(address: SocketAddr) -> TcpStream {
    let ask = format!("GET /healthz HTTP/1.1\r\nhost: {address}\r\n\r\n");
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(ask.as_bytes()).await.unwrap();
    let mut some = [0; 12];
    stream.read_exact(&mut some).await.unwrap();
    assert_eq!(&some, b"HTTP/1.1 200");
    stream
}

#[tokio::test]
async fn connections_of_one_client() {
    let mut config = config("");
    config.limits.client_connections = 1;
    let address = serve(config).await;
    let _first = answered(address).await;
    let ask = format!("GET /healthz HTTP/1.1\r\nhost: {address}\r\n\r\n");
    assert_eq!(exchange(address, ask.as_bytes()).await, "");
}

#[tokio::test]
async fn connections_of_all_clients() {
    let mut config = config("");
    config.limits.connections = 1;
    let address = serve(config).await;
    let first = answered(address).await;
    // The second connects (the kernel has a queue), and waits for the first to go.
    let close = format!("GET /healthz HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    let mut second = std::pin::pin!(exchange(address, close.as_bytes()));
    let early = tokio::time::timeout(Duration::from_millis(300), second.as_mut()).await;
    assert!(early.is_err(), "{early:?}");
    drop(first);
    let said = second.await;
    assert!(said.starts_with("HTTP/1.1 200"), "{said}");
}

#[tokio::test]
async fn a_head_that_never_ends() {
    let mut config = config("");
    config.limits.head_s = 1;
    let address = serve(config).await;
    let said = exchange(address, b"GET / HTTP/1.1\r\nhost: a\r\nx-slow: ").await;
    assert!(!said.contains("200"), "{said}");
}

#[tokio::test]
async fn heads_that_are_too_long() {
    let address = serve(config("")).await;
    // hyper looks at the limit after a read, which may bring as much again.
    let long = "x".repeat(200_000);
    let said = exchange(
        address,
        format!("GET / HTTP/1.1\r\nhost: {address}\r\nx-long: {long}\r\n\r\n").as_bytes(),
    )
    .await;
    assert!(said.starts_with("HTTP/1.1 431"), "{said}");

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let registry = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = [0; 4096];
            if stream.read(&mut head).await.is_err() {
                continue;
            }
            let answer =
                format!("HTTP/1.1 200 OK\r\nx-long: {long}\r\ncontent-length: 2\r\n\r\n{{}}");
            stream.write_all(answer.as_bytes()).await.ok();
        }
    });
    let app = proxy(&format!(
        "--allow-private {registry} --plain-http {registry}"
    ));
    get(&app, &tags(registry))
        .await
        .assert_error(502, "CONNECT_FAILED");
}

#[tokio::test]
async fn lists_and_tokens_that_are_too_long() {
    let double = Double::start(|seen| match seen.path.starts_with("/token") {
        true => answer(200, &[], format!(r#"{{"token":"{}"}}"#, "t".repeat(70_000))),
        false if seen.path == "/v2/" => {
            let own = seen.header("host").unwrap();
            let realm = format!(r#"Bearer realm="http://{own}/token""#);
            answer(401, &[("www-authenticate", &realm)], "")
        }
        false => answer(200, &[], " ".repeat((8 << 20) + 1)),
    })
    .await;
    let app = proxy(&double.flags());
    let digest = some_digest();
    let at = double.address;
    for path in [
        tags(at),
        format!("/api/v1/catalog?registry={at}"),
        format!("/api/v1/referrers?registry={at}&repository=a&digest={digest}"),
    ] {
        get(&app, &path).await.assert_error(502, "BODY_TOO_LARGE");
    }
    let token = serde_json::json!({"registry": at.to_string(), "repository": "a"});
    post_json(&app, "/api/v1/token", &token)
        .await
        .assert_error(502, "BODY_TOO_LARGE");
}

/// Nobody's credentials are the proxy's own: what has none goes up without.
#[tokio::test]
async fn it_has_no_credentials_of_its_own() {
    let double = Double::start(|seen| {
        let none = [("www-authenticate", "Basic")];
        match seen.header("authorization") {
            None => answer(401, &none, "{}"),
            Some(_) => answer(200, &[], "{}"),
        }
    })
    .await;
    let app = proxy(&double.flags());
    let with = [("authorization", "Basic bWU6cHc=")];
    for (sent, status) in [(&[][..], 401), (&with[..], 200), (&[][..], 401)] {
        let reply = send(&app, request("GET", &tags(double.address), sent)).await;
        assert_eq!(reply.status, status);
    }
    let sent: Vec<bool> = double
        .seen()
        .iter()
        .map(|seen| seen.header("authorization").is_some())
        .collect();
    assert_eq!(sent, [false, true, false]);
}

/// A client that takes little is no client that takes nothing.
#[tokio::test]
async fn a_slow_client_is_served() {
    const PIECE: usize = 1 << 20;
    let double = Double::start(|_| answer(200, &[], vec![7; 24 * PIECE])).await;
    let mut config = config(&double.flags());
    config.limits.idle_s = 1;
    let address = serve(config).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "GET {} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n",
        blob(double.address)
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut all = 0;
    let mut piece = vec![0; PIECE];
    // Over three times as long as it may stand still.
    for _ in 0..8 {
        tokio::time::sleep(Duration::from_millis(400)).await;
        stream.read_exact(&mut piece).await.unwrap();
        all += piece.len();
    }
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.unwrap();
    all += rest.len();
    assert!(all > 24 * PIECE, "{all} bytes, the head included");
}

/// Behind a redirect as before one: what is slow is waited for, what stands still is given up.
#[tokio::test]
async fn storage_that_is_slow_or_stalls() {
    let storage = Double::start(|seen| {
        let pieces = match seen.path.as_str() {
            "/slow" => 8,
            _ => 2,
        };
        let body = futures_util::stream::unfold(0, move |at| async move {
            // A third of the time that it may stand still.
            tokio::time::sleep(Duration::from_millis(330)).await;
            if at == 2 && pieces == 2 {
                std::future::pending::<()>().await;
            }
            (at < pieces).then_some((Ok::<_, std::io::Error>("piece "), at + 1))
        });
        answer(200, &[("content-length", "48")], Body::from_stream(body))
    })
    .await;
    for (path, whole) in [("slow", true), ("stalled", false)] {
        let to = format!("http://{}/{path}", storage.address);
        let registry = Double::start(move |_| answer(307, &[("location", &to)], "")).await;
        let mut config = config(&(registry.flags() + &storage.flags()));
        config.limits.idle_s = 1;
        let app = proxy_of(config, Names::new(&[]));
        let asked = request("GET", &blob(registry.address), &[]);
        let response = app.oneshot(asked).await.unwrap();
        let got = axum::body::to_bytes(response.into_body(), 100).await;
        assert_eq!(
            got.ok().map(|bytes| bytes.len()),
            whole.then_some(48),
            "{path}"
        );
    }
}

/// Whoever balances the load is told before the first connection is refused.
#[cfg(unix)]
#[tokio::test]
async fn it_says_that_it_stops_before_it_does() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "[limits]\nstop-delay-s = 3\n").unwrap();
    let (mut child, address) = process::start(&format!("--config {}", file.path().display())).await;
    let ask = async || process::rest(process::open(&address, "/readyz").await).await;
    assert!(ask().await.ends_with("ready\n"));
    let pid = child.id().unwrap().to_string();
    let mut kill = tokio::process::Command::new("kill");
    assert!(kill.args(["-TERM", &pid]).status().await.unwrap().success());
    let mut said = ask().await;
    while said.ends_with("ready\n") {
        said = ask().await;
    }
    assert!(
        said.starts_with("HTTP/1.1 503") && said.ends_with("stopping\n"),
        "{said}"
    );
    assert!(child.wait().await.unwrap().success());
}
