//! Clients that send or take as little as they can: they hold up nobody but themselves.

use std::net::SocketAddr;

use axum::body::Body;
use http_body_util::BodyExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::bounds::{exchange, serve, tags};
use crate::support::*;

const MIB: usize = 1 << 20;
/// The longest listing: more than what the kernel keeps for a socket that is not read.
const LISTING: usize = 8 * MIB;

async fn lister() -> Double {
    Double::start(|seen| match seen.path.contains("/manifests/") {
        true => answer(200, &[], "{}"),
        false => answer(200, &[], vec![b' '; LISTING]),
    })
    .await
}

#[tokio::test]
async fn bodies_that_do_not_come() {
    let house = "[[provider]]\nid = \"op\"\nregistry = [\"r.example\"]\nissuer = \"https://a.example\"\n\
        client-id = \"c\"\nusername = \"u\"\n[limits]\nhead-s = 1\nrequests = 1\n";
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), house).unwrap();
    let config = config(&format!("--config {}", file.path().display()));
    let address = serve(config).await;
    for route in ["token", "login"] {
        let stalled = async |body: &str| {
            let head = format!(
                "POST /api/v1/{route} HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\r\n{body}"
            );
            exchange(address, head.as_bytes()).await
        };
        // Several at once: who sends slowly takes nobody's place among the requests.
        let said = tokio::join!(stalled(""), stalled("{"));
        for said in [said.0, said.1] {
            assert!(said.starts_with("HTTP/1.1 408"), "{route}: {said}");
            assert!(said.contains("\"REQUEST_TIMEOUT\""), "{said}");
            assert!(said.contains("connection: close\r\n"), "{said}");
        }
    }
}

/// Asks and reads the head of the answer alone.
async fn begin(address: SocketAddr, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut status = [0; 12];
    stream.read_exact(&mut status).await.unwrap();
    assert_eq!(&status, b"HTTP/1.1 200");
    stream
}

/// A listing that nobody takes is a request that is not over.
#[tokio::test]
async fn listings_that_are_not_taken_are_counted() {
    let double = lister().await;
    let path = tags(double.address);
    let mut config = config(&double.flags());
    config.limits.requests = 2;
    let address = serve(config).await;
    let ask = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    let mut waiting = [begin(address, &path).await, begin(address, &path).await];
    let said = exchange(address, ask.as_bytes()).await;
    assert!(said.starts_with("HTTP/1.1 503"), "{}", said.len());
    for stream in &mut waiting {
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.unwrap();
        assert!(rest.len() > LISTING);
    }
    let said = exchange(address, ask.as_bytes()).await;
    assert!(said.starts_with("HTTP/1.1 200"), "{}", said.len());
}

/// One client's listings leave memory for those of others.
#[tokio::test]
async fn long_answers_are_counted_in_bytes() {
    let double = lister().await;
    let mut config = config(&double.flags());
    config.limits.answers_mib = 32;
    let app = proxy_of(config, Names::new(&[]));
    let path = tags(double.address);
    let mut body = get_body(&app, &path).await;
    let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(first.len(), LISTING);
    drop(body);
    get(&app, &path).await.assert_error(503, "BUSY");
    // What is short needs none of it.
    let short = format!(
        "/api/v1/manifest?registry={}&repository=a&reference=b",
        double.address
    );
    assert_eq!(get(&app, &short).await.text(), "{}");
    drop(first);
    assert_eq!(get(&app, &path).await.body.len(), LISTING);
}

async fn get_body(app: &axum::Router, path: &str) -> Body {
    use tower::ServiceExt;
    let asked = app.clone().oneshot(request("GET", path, &[]));
    let response = asked.await.unwrap();
    assert_eq!(response.status(), 200);
    response.into_body()
}

/// A registry that answers each connection's requests with an empty list, and says when one ends.
async fn connections() -> (SocketAddr, tokio::sync::mpsc::UnboundedReceiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (ended, ends) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let ended = ended.clone();
            tokio::spawn(async move {
                let mut head = [0; 4096];
                while stream.read(&mut head).await.is_ok_and(|len| len > 0) {
                    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
                    stream.write_all(answer).await.unwrap();
                }
                ended.send(()).ok();
            });
        }
    });
    (address, ends)
}

/// However many hosts somebody asks for, so many connections are kept, and each for a while.
#[tokio::test]
async fn connections_that_are_kept() {
    let (first, mut first_ends) = connections().await;
    let (second, mut second_ends) = connections().await;
    let flags = [first, second].map(|at| format!("--allow-private {at} --plain-http {at}"));
    let mut config = config(&flags.join(" "));
    config.limits.kept_connections = 1;
    let app = proxy_of(config, Names::new(&[]));
    for at in [first, second, second] {
        assert_eq!(get(&app, &tags(at)).await.status, 200);
    }
    // One for each answer of the second; the first's is still there, until its time is over.
    second_ends.recv().await.unwrap();
    second_ends.recv().await.unwrap();
    assert_eq!(get(&app, &tags(first)).await.status, 200);
    assert!(first_ends.try_recv().is_err());
    tokio::time::pause();
    first_ends.recv().await.unwrap();
    tokio::time::resume();
    // Now there is room for another.
    assert_eq!(get(&app, &tags(second)).await.status, 200);
    assert_eq!(get(&app, &tags(second)).await.status, 200);
    assert!(second_ends.try_recv().is_err());
}
