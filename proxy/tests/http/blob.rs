//! Blobs: ranges, HEAD, bounds, and what happens when somebody stops.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http_body_util::BodyExt;
use layerscope_proxy::forwarder::Forwarders;
use tokio::sync::Notify;
use tower::ServiceExt;

use crate::support::*;

const CONTENT: &[u8] = b"0123456789";

fn path(double: &Double) -> String {
    format!(
        "/api/v1/blob?registry={}&repository=a&digest={}",
        double.address,
        some_digest()
    )
}

/// Storage that knows ranges.
fn ranged(seen: &Seen) -> Response {
    let Some(range) = seen
        .header("range")
        .and_then(|range| range.strip_prefix("bytes="))
    else {
        return answer(
            200,
            &[("content-type", "text/html"), ("accept-ranges", "bytes")],
            CONTENT,
        );
    };
    let (first, last) = range.split_once('-').unwrap();
    let first: usize = first.parse().unwrap();
    let last: usize = last
        .parse()
        .map_or(CONTENT.len() - 1, |last: usize| last.min(CONTENT.len() - 1));
    if first > last {
        return answer(416, &[("content-range", "bytes */10")], "");
    }
    let range = format!("bytes {first}-{last}/10");
    answer(
        206,
        &[("content-range", &range), ("etag", "\"e\"")],
        &CONTENT[first..=last],
    )
}

#[tokio::test]
async fn whole_and_in_part() {
    let double = Double::start(ranged).await;
    let app = proxy(&double.flags());
    let reply = get(&app, &path(&double)).await;
    assert_eq!((reply.status.as_u16(), &reply.body[..]), (200, CONTENT));
    assert_eq!(reply.header("content-type"), "application/octet-stream");
    assert_eq!(reply.header("content-length"), "10");
    assert_eq!(
        reply.header("cache-control"),
        "public, max-age=31536000, immutable"
    );
    assert_eq!(
        reply.header("content-security-policy"),
        "sandbox; default-src 'none'"
    );

    let sent = [("range", "bytes=2-4"), ("if-range", "\"e\"")];
    let reply = send(&app, request("GET", &path(&double), &sent)).await;
    assert_eq!(
        (reply.status.as_u16(), &reply.body[..]),
        (206, &CONTENT[2..=4])
    );
    assert_eq!(reply.header("content-range"), "bytes 2-4/10");
    assert_eq!(reply.header("etag"), "\"e\"");
    assert_eq!(double.seen()[1].header("if-range"), Some("\"e\""));

    let reply = send(
        &app,
        request("GET", &path(&double), &[("range", "bytes=10-")]),
    )
    .await;
    assert_eq!(
        (reply.status.as_u16(), reply.header("content-range")),
        (416, "bytes */10")
    );
}

#[tokio::test]
async fn head_is_a_get_of_the_first_byte() {
    let double = Double::start(ranged).await;
    let app = proxy(&double.flags());
    let sent = [("range", "bytes=5-6"), ("if-range", "x")];
    let reply = send(&app, request("HEAD", &path(&double), &sent)).await;
    assert_eq!(
        (reply.status.as_u16(), reply.header("content-length")),
        (200, "10")
    );
    assert_eq!(
        (reply.header("content-range"), reply.header("accept-ranges")),
        ("", "bytes")
    );
    assert_eq!(reply.body.len(), 0);
    let seen = &double.seen()[0];
    assert_eq!(
        (seen.method.as_str(), seen.header("range")),
        ("GET", Some("bytes=0-0"))
    );
    assert_eq!(seen.header("if-range"), None);
}

#[tokio::test]
async fn head_where_ranges_are_unknown_or_there_is_nothing() {
    let double = Double::start(|_| answer(200, &[], CONTENT)).await;
    let reply = send(
        &proxy(&double.flags()),
        request("HEAD", &path(&double), &[]),
    )
    .await;
    assert_eq!(
        (reply.status.as_u16(), reply.header("content-length")),
        (200, "10")
    );
    let empty = Double::start(|_| answer(416, &[("content-range", "bytes */0")], "no")).await;
    let reply = send(&proxy(&empty.flags()), request("HEAD", &path(&empty), &[])).await;
    assert_eq!(
        (reply.status.as_u16(), reply.header("content-length")),
        (200, "0")
    );
    let gone = Double::start(|_| answer(404, &[], "no")).await;
    let reply = send(&proxy(&gone.flags()), request("HEAD", &path(&gone), &[])).await;
    assert_eq!(reply.status, 404);
}

#[tokio::test]
async fn several_ranges_are_refused_and_ranges_must_be_named() {
    let double = Double::start(|_| answer(206, &[], "01")).await;
    let app = proxy(&double.flags());
    let reply = send(
        &app,
        request("GET", &path(&double), &[("range", "bytes=0-1,3-4")]),
    )
    .await;
    reply.assert_error(400, "TARGET_INVALID");
    let reply = send(
        &app,
        request("GET", &path(&double), &[("range", "bytes=0-1")]),
    )
    .await;
    reply.assert_error(502, "UPSTREAM_INVALID");
}

#[tokio::test]
async fn an_unasked_encoding_is_an_error() {
    let double = Double::start(|_| answer(200, &[("content-encoding", "gzip")], "x")).await;
    let reply = get(&proxy(&double.flags()), &path(&double)).await;
    reply.assert_error(502, "UPSTREAM_INVALID");
}

#[tokio::test]
async fn the_operators_bound() {
    let double = Double::start(ranged).await;
    let app = proxy(&format!("{} --max-blob-bytes 9", double.flags()));
    get(&app, &path(&double))
        .await
        .assert_error(502, "BODY_TOO_LARGE");
    let reply = send(
        &app,
        request("GET", &path(&double), &[("range", "bytes=0-8")]),
    )
    .await;
    assert_eq!(reply.body.len(), 9);

    // Without a length the stream is cut at the bound.
    let double = Double::start(|_| {
        let chunks = [Ok::<_, std::io::Error>(&CONTENT[..5]), Ok(&CONTENT[5..])];
        answer(
            200,
            &[],
            Body::from_stream(futures_util::stream::iter(chunks)),
        )
    })
    .await;
    let app = proxy(&format!("{} --max-blob-bytes 9", double.flags()));
    let response = app
        .oneshot(request("GET", &path(&double), &[]))
        .await
        .unwrap();
    assert!(response.into_body().collect().await.is_err());
}

/// A body without end that counts what was taken, and says when it is dropped.
struct Endless {
    taken: Arc<AtomicU64>,
    dropped: Arc<Notify>,
}

impl Drop for Endless {
    fn drop(&mut self) {
        self.dropped.notify_one();
    }
}

fn endless(taken: &Arc<AtomicU64>, dropped: &Arc<Notify>) -> Body {
    let state = Endless {
        taken: taken.clone(),
        dropped: dropped.clone(),
    };
    let stream = futures_util::stream::unfold(state, |state| async {
        let chunk = Bytes::from(vec![0; 1 << 16]);
        state.taken.fetch_add(chunk.len() as u64, Ordering::Relaxed);
        Some((Ok::<_, std::io::Error>(chunk), state))
    });
    Body::from_stream(stream)
}

#[tokio::test]
async fn a_client_that_leaves_stops_the_registry() {
    let (taken, dropped) = (Arc::new(AtomicU64::new(0)), Arc::new(Notify::new()));
    let state = (taken.clone(), dropped.clone());
    let double = Double::start(move |_| answer(200, &[], endless(&state.0, &state.1))).await;
    let app = proxy(&double.flags());
    let response = app
        .oneshot(request("GET", &path(&double), &[]))
        .await
        .unwrap();
    let mut body = response.into_body();
    assert!(body.frame().await.unwrap().is_ok());
    drop(body);
    tokio::time::timeout(Duration::from_secs(20), dropped.notified())
        .await
        .expect("upstream stops");
}

#[tokio::test]
async fn a_slow_client_slows_the_registry() {
    let (taken, dropped) = (Arc::new(AtomicU64::new(0)), Arc::new(Notify::new()));
    let state = (taken.clone(), dropped.clone());
    let double = Double::start(move |_| answer(200, &[], endless(&state.0, &state.1))).await;
    let app = proxy(&double.flags());
    let response = app
        .oneshot(request("GET", &path(&double), &[]))
        .await
        .unwrap();
    let mut body = response.into_body();
    assert!(body.frame().await.unwrap().is_ok());
    // What fits the buffers on the way is taken, and no more, however long nobody reads.
    let mut before = u64::MAX;
    loop {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let now = taken.load(Ordering::Relaxed);
        assert!(now < 256 << 20, "no back-pressure: {now} bytes taken");
        if now == before {
            break;
        }
        before = now;
    }
    drop(body);
}

#[tokio::test]
async fn a_registry_that_stalls_is_given_up() {
    let double = Double::start(|_| {
        use futures_util::StreamExt;
        let first = futures_util::stream::iter([Ok::<_, std::io::Error>(CONTENT)]);
        answer(
            200,
            &[],
            Body::from_stream(first.chain(futures_util::stream::pending())),
        )
    })
    .await;
    let mut config = config(&double.flags());
    config.limits.idle_s = 1;
    let app = proxy_of(config, Names::new(&[]));
    let response = app
        .oneshot(request("GET", &path(&double), &[]))
        .await
        .unwrap();
    let mut body = response.into_body();
    assert_eq!(
        body.frame().await.unwrap().unwrap().into_data().unwrap(),
        CONTENT
    );
    let problem = body.frame().await.unwrap().unwrap_err();
    assert!(problem.to_string().contains("no byte came"), "{problem}");
    assert!(body.frame().await.is_none());
}

#[tokio::test]
async fn streams_of_one_client_are_bounded() {
    let (taken, dropped) = (Arc::new(AtomicU64::new(0)), Arc::new(Notify::new()));
    let double = Double::start(move |_| answer(200, &[], endless(&taken, &dropped))).await;
    let mut config = config(&double.flags());
    config.limits.client_streams = 1;
    let app = proxy_of(config, Names::new(&[]));
    let first = app
        .clone()
        .oneshot(request("GET", &path(&double), &[]))
        .await
        .unwrap();
    assert_eq!(first.status(), 200);
    let second = get(&app, &path(&double)).await;
    second.assert_error(503, "BUSY");
    assert_eq!(second.header("retry-after"), "1");
    drop(first);
    let third = app
        .oneshot(request("GET", &path(&double), &[]))
        .await
        .unwrap();
    assert_eq!(third.status(), 200);
}

#[tokio::test]
async fn a_connection_that_breaks_half_way_breaks_here_too() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let task = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = [0; 4096];
            if stream.read(&mut head).await.is_ok() {
                stream
                    .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n01234")
                    .await
                    .ok();
            }
        }
    });
    let app = proxy(&format!("--allow-private {address} --plain-http {address}"));
    let path = format!(
        "/api/v1/blob?registry={address}&repository=a&digest={}",
        some_digest()
    );
    let response = app.oneshot(request("GET", &path, &[])).await.unwrap();
    assert_eq!(response.headers()["content-length"], "10");
    let mut body = response.into_body();
    assert_eq!(
        body.frame().await.unwrap().unwrap().into_data().unwrap(),
        CONTENT[..5]
    );
    assert!(body.frame().await.unwrap().is_err());
    task.abort();
}

/// Serves a router on a socket of its own; gives its address.
async fn serve(config: layerscope_proxy::Config) -> std::net::SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let limits = config.limits.clone();
    let app = proxy_of(config, Names::new(&[]));
    tokio::spawn(async move {
        let never = std::future::pending();
        layerscope_proxy::serve::serve(
            listener,
            app,
            &limits,
            &Forwarders::default(),
            Arc::default(),
            never,
        )
        .await;
    });
    address
}

#[tokio::test]
async fn over_a_socket_a_client_that_leaves_or_reads_nothing_stops_the_registry() {
    for leaves in [true, false] {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let (taken, dropped) = (Arc::new(AtomicU64::new(0)), Arc::new(Notify::new()));
        let state = (taken.clone(), dropped.clone());
        let double = Double::start(move |_| answer(200, &[], endless(&state.0, &state.1))).await;
        let mut config = config(&double.flags());
        if !leaves {
            config.limits.idle_s = 1;
        }
        let address = serve(config).await;
        let mut client = tokio::net::TcpStream::connect(address).await.unwrap();
        let head = format!("GET {} HTTP/1.1\r\nhost: {address}\r\n\r\n", path(&double));
        client.write_all(head.as_bytes()).await.unwrap();
        let mut some = [0; 100];
        client.read_exact(&mut some).await.unwrap();
        assert!(some.starts_with(b"HTTP/1.1 200 OK"));
        let open = (!leaves).then_some(client);
        let stopped = tokio::time::timeout(Duration::from_secs(30), dropped.notified()).await;
        stopped.expect("upstream stops");
        drop(open);
    }
}
