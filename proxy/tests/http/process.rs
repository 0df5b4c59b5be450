//! The program itself: its line, its sockets, its end.

use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::support::*;

pub async fn start(flags: &str) -> (Child, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_layerscope-proxy"))
        .args(["--listen", "127.0.0.1:0"])
        .args(flags.split_whitespace())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .env("LAYERSCOPE_LOG", "trace")
        // Nothing listens there: if they were read, nothing would work.
        .envs(["HTTP_PROXY", "http_proxy", "ALL_PROXY"].map(|name| (name, "http://127.0.0.1:9")))
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .await
        .unwrap();
    let address = line
        .trim_end()
        .strip_prefix("layerscope-proxy listening on http://")
        .unwrap();
    (child, address.to_owned())
}

pub async fn open(address: &str, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

pub async fn rest(mut stream: TcpStream) -> String {
    let mut all = Vec::new();
    stream.read_to_end(&mut all).await.unwrap();
    String::from_utf8_lossy(&all).into_owned()
}

#[tokio::test]
async fn it_says_where_it_listens_and_serves() {
    let (mut child, address) = start("").await;
    let answer = rest(open(&address, "/healthz").await).await;
    assert!(
        answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("ok\n"),
        "{answer}"
    );
    let path = "/api/v1/manifest?registry=sample.localhost&repository=demo/hello&reference=latest";
    let answer = rest(open(&address, path).await).await;
    assert!(answer.contains("schemaVersion"), "{answer}");
    child.kill().await.unwrap();
}

#[tokio::test]
async fn a_download_under_way_is_finished_before_it_ends() {
    // The registry gives the second half only when it is told to.
    let gate = std::sync::Arc::new(tokio::sync::Notify::new());
    let waiting = gate.clone();
    let double = Double::start(move |_| {
        let waiting = waiting.clone();
        let halves = futures_util::stream::unfold(0, move |at| {
            let waiting = waiting.clone();
            async move {
                if at == 1 {
                    waiting.notified().await;
                }
                (at < 2).then_some((Ok::<_, std::io::Error>("half "), at + 1))
            }
        });
        answer(
            200,
            &[("content-length", "10")],
            axum::body::Body::from_stream(halves),
        )
    })
    .await;
    let (mut child, address) = start(&double.flags()).await;
    let path = format!(
        "/api/v1/blob?registry={}&repository=a&digest={}",
        double.address,
        some_digest()
    );
    let mut stream = open(&address, &path).await;
    let mut got = String::new();
    while !got.contains("half ") {
        let mut part = [0; 1024];
        let len = stream.read(&mut part).await.unwrap();
        got.push_str(std::str::from_utf8(&part[..len]).unwrap());
    }
    let pid = child.id().unwrap().to_string();
    assert!(
        Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .await
            .unwrap()
            .success()
    );
    // It takes no new connection, and is still there.
    while TcpStream::connect(&address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert_eq!(child.try_wait().unwrap(), None);
    gate.notify_one();
    got.push_str(&rest(stream).await);
    assert!(got.ends_with("half half "), "{got}");
    assert!(child.wait().await.unwrap().success());
}

#[tokio::test]
async fn a_bad_flag_is_an_error_in_words() {
    let output = Command::new(env!("CARGO_BIN_EXE_layerscope-proxy"))
        .args(["--registry", "https://host/"])
        .output()
        .await
        .unwrap();
    assert!(!output.status.success());
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(
        text.contains("--registry") && text.contains("https://host/"),
        "{text}"
    );
}

#[tokio::test]
async fn clients_behind_a_forwarder_are_several() {
    let config = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(config.path(), "[limits]\nclient-rate = 1\n").unwrap();
    let flags = format!("--config {}", config.path().display());
    // Ten at once are a client's burst; who asks is the header's last address, if it is believed.
    for (forwarder, statuses) in [("--forwarder 127.0.0.0/8", (429, 200)), ("", (429, 429))] {
        let (mut child, address) = start(&format!("{flags} {forwarder}")).await;
        let ask = async |client: &str| {
            let mut stream = TcpStream::connect(&address).await.unwrap();
            let head = format!(
                "GET /api/v1/info HTTP/1.1\r\nhost: {address}\r\nx-forwarded-for: {client}\r\nconnection: close\r\n\r\n"
            );
            stream.write_all(head.as_bytes()).await.unwrap();
            let answer = rest(stream).await;
            answer[9..12].parse::<u16>().unwrap()
        };
        let mut last = 0;
        for _ in 0..12 {
            last = ask("9.9.9.9, 192.0.2.1").await;
        }
        assert_eq!((last, ask("192.0.2.2").await), statuses, "{forwarder}");
        child.kill().await.unwrap();
    }
}

#[tokio::test]
async fn it_prints_what_it_was_told() {
    let output = Command::new(env!("CARGO_BIN_EXE_layerscope-proxy"))
        .args(["--print-config", "--registry", "ghcr.io"])
        .env("LAYERSCOPE_ORIGIN", "https://app.example")
        .output()
        .await
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success());
    assert!(text.contains("registry = [\"ghcr.io\"]"), "{text}");
    assert!(
        text.contains("origin = [\"https://app.example\"]"),
        "{text}"
    );
}

/// A client secret is told to nobody: not printed, not in the help, not in a complaint.
#[tokio::test]
async fn a_client_secret_stays_inside() {
    const SECRET: &str = "hushhush";
    const NUMBER: &str = "8675309";
    let entry = format!(
        r#"{{ id = "op", registry = ["gcr.io"], issuer = "https://op.example", client-id = "c", client-secret = "{SECRET}", username = "u" }}"#
    );
    let file = tempfile::NamedTempFile::new().unwrap();
    let said = async |arguments: &[&str], provider: &str, text: &str| {
        std::fs::write(file.path(), text).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_layerscope-proxy"))
            .args(arguments)
            .env("LAYERSCOPE_PROVIDER", provider)
            .env("LAYERSCOPE_CONFIG", file.path())
            .output()
            .await
            .unwrap();
        let both = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(both).unwrap())
    };
    let (ok, printed) = said(&["--print-config"], &entry, "").await;
    assert!(ok && printed.contains("id = \"op\""), "{printed}");
    assert!(
        printed.contains("# The client secret of op is not printed."),
        "{printed}"
    );
    let (_, help) = said(&["--help"], &entry, "").await;
    assert!(help.contains("LAYERSCOPE_PROVIDER"), "{help}");
    let broken = [
        entry.replace("gcr.io", "a b"),
        entry.replace("id =", "di ="),
        entry.replace('}', ""),
        entry.replace("client-secret =", "client-secrets ="),
        entry.replace(SECRET, &format!("{SECRET} {SECRET}")),
        // A secret in the wrong place, or of the wrong kind.
        entry.replace(&format!("\"{SECRET}\""), NUMBER),
        entry.replace(&format!("\"{SECRET}\""), SECRET),
        entry.replace(&format!("\"{SECRET}\""), &format!("'{SECRET}")),
        entry.replace("client-secret =", "secret-in ="),
        entry.replace("client-secret =", "token ="),
        entry.replace("client-secret =", "scope ="),
        entry.replace("client-secret =", "parameter ="),
    ];
    let mut all = vec![printed, help];
    for bad in &broken {
        let (ok, complaint) = said(&["--print-config"], bad, "").await;
        assert!(!ok && complaint.contains("--provider"), "{complaint}");
        all.push(complaint);
    }
    for bad in [
        format!("[[provider]]\nid = \"op\"\nclient-secret = \"{SECRET}"),
        format!("[[provider]]\nid = \"op\"\nclient-secrets = \"{SECRET}\""),
        format!("[[provider]]\nclient-secret = [\"{SECRET}\"]"),
        format!("[[provider]]\nclient-secret = {NUMBER}"),
        format!("[[provider]]\nclient-secret = {SECRET}"),
        format!("[[provider]]\nclient-secret = '{SECRET}\nid = 'op'"),
        format!("[[provider]]\nsecret-in = \"{SECRET}\""),
        format!("[[provider]]\nclient-secret = \"a\" \"{SECRET}\""),
        format!("[[provider]]\nclient-secret = \"\\{SECRET}\""),
        format!("provider = \"{SECRET}\""),
    ] {
        let (ok, complaint) = said(&["--print-config"], "{ id", &bad).await;
        assert!(!ok && complaint.contains("line "), "{complaint}");
        all.push(complaint);
    }
    for secret in [SECRET, NUMBER] {
        assert!(!all.concat().contains(secret), "{all:#?}");
    }
}

/// Metrics can have an address of their own, so that an ingress does not show them to everybody.
#[tokio::test]
async fn metrics_at_an_address_of_their_own() {
    let (mut child, address) = start("--metrics-listen 127.0.0.1:0").await;
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
    let own = loop {
        let line = log.next_line().await.unwrap().unwrap();
        if let Some((_, own)) = line.split_once("metrics address=") {
            break own.trim().to_owned();
        }
    };
    let answer = rest(open(&own, "/metrics").await).await;
    assert!(
        answer.contains("layerscope_proxy_open_streams 0"),
        "{answer}"
    );
    let answer = rest(open(&address, "/metrics").await).await;
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
    for path in ["/api/v1/info", "/readyz"] {
        let answer = rest(open(&own, path).await).await;
        assert!(answer.starts_with("HTTP/1.1 404"), "{path}: {answer}");
    }
    // Who connects is told at the level at which a reverse proxy is set up.
    drop(rest(open(&address, "/api/v1/info").await).await);
    loop {
        let line = log.next_line().await.unwrap().unwrap();
        if line.contains("asked by") {
            assert!(
                line.contains("DEBUG") && line.contains("127.0.0.1"),
                "{line}"
            );
            break;
        }
    }
    child.kill().await.unwrap();
}
