//! The log, at its most talkative, after a run with a secret in every place that can have one.

use std::process::Stdio;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::Command;

use crate::support::*;

/// What every secret here has in it, and nothing else. Also as base64 begins with it: `hush` is
/// four characters long and begins each pair where the encoding begins.
const SECRET: &str = "hushhush";
const ENCODED: &str = "aHVzaGh1c2";

/// A registry that puts a secret wherever a registry can, and a storage.
fn registry_answer(seen: &Seen, own: &str) -> axum::response::Response {
    let path = seen.path.split('?').next().unwrap_or_default();
    let challenge = format!(r#"Bearer realm="http://{own}/token?x={SECRET}",service="{SECRET}""#);
    match path {
        "/v2/" => answer(401, &[("www-authenticate", &challenge)], ""),
        "/token" if seen.method == http::Method::POST => answer(404, &[], SECRET),
        "/token" => answer(
            200,
            &[],
            format!(r#"{{"token":"{SECRET}","expires_in":60}}"#),
        ),
        "/v2/a/tags/list" => answer(
            200,
            &[
                (
                    "link",
                    &format!("</v2/a/tags/list?last={SECRET}>; rel=next"),
                ),
                ("set-cookie", SECRET),
            ],
            r#"{"tags":[]}"#,
        ),
        "/v2/bad/manifests/latest" => answer(500, &[("x-secret", SECRET)], SECRET),
        "/v2/away/manifests/latest" => {
            let to = format!("ftp://{SECRET}:{SECRET}@{own}/{SECRET}?sig={SECRET}");
            answer(302, &[("location", &to)], "")
        }
        "/store" => answer(200, &[], "content"),
        "/.well-known/openid-configuration" => {
            let at = format!("http://{own}");
            let document = format!(
                r#"{{"issuer":"{at}","authorization_endpoint":"{at}/a?x={SECRET}","token_endpoint":"{at}/t?x={SECRET}"}}"#
            );
            answer(200, &[], document)
        }
        "/t" if seen.body.contains("refused") => answer(
            400,
            &[],
            format!(r#"{{"error":"{SECRET}","error_description":"{SECRET}"}}"#),
        ),
        "/t" => answer(
            200,
            &[],
            format!(
                r#"{{"access_token":"{SECRET}","refresh_token":"{SECRET}","id_token":"{SECRET}"}}"#
            ),
        ),
        _ => {
            let to = format!("http://{own}/store?X-Amz-Signature={SECRET}");
            answer(307, &[("location", &to)], SECRET)
        }
    }
}

#[tokio::test]
async fn no_secret_in_the_log() {
    let own = Arc::new(Mutex::new(String::new()));
    let state = own.clone();
    let registry =
        Double::start(move |seen| registry_answer(seen, &state.lock().unwrap().clone())).await;
    *own.lock().unwrap() = registry.address.to_string();
    let mut child = Command::new(env!("CARGO_BIN_EXE_layerscope-proxy"))
        .args(["--listen", "127.0.0.1:0"])
        .args(registry.flags().split_whitespace())
        .env(
            "LAYERSCOPE_PROVIDER",
            format!(
                r#"{{ id = "op", registry = ["{0}"], issuer = "http://{0}", client-id = "{SECRET}", client-secret = "{SECRET}", username = "u" }}"#,
                registry.address
            ),
        )
        .env("LAYERSCOPE_LOG", "trace")
        .env("LAYERSCOPE_LOG_FORMAT", "json")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    out.read_line(&mut line).await.unwrap();
    let (_, address) = line.trim_end().split_once("http://").unwrap();
    let mut err = child.stderr.take().unwrap();
    let log = tokio::spawn(async move {
        let mut text = String::new();
        err.read_to_string(&mut text).await.unwrap();
        text
    });

    let at = registry.address;
    let blob = format!("digest={}", some_digest());
    let ask = async |method: &str, path: &str, body: &str| {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\
             authorization: Bearer {SECRET}\r\ncookie: {SECRET}\r\nx-forwarded-for: {SECRET}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut all = Vec::new();
        stream.read_to_end(&mut all).await.unwrap();
        let text = String::from_utf8_lossy(&all).into_owned();
        text[9..12].parse::<u16>().unwrap()
    };
    let get = async |what: &str| {
        let path = format!("/api/v1/{what}&registry={at}");
        ask("GET", &path, "").await
    };
    assert_eq!(get(&format!("blob?repository=a&{blob}")).await, 200);
    assert_eq!(
        get(&format!("blob?repository=a&{blob}&x={SECRET}")).await,
        200
    );
    assert_eq!(get("tags?repository=a").await, 200);
    // The cursor is last=hushhush, which a page carries in its address.
    assert_eq!(
        get("tags?repository=a&cursor=bGFzdD1odXNoaHVzaA").await,
        200
    );
    assert_eq!(get("manifest?repository=bad&reference=latest").await, 500);
    assert_eq!(get("manifest?repository=away&reference=latest").await, 502);
    assert_eq!(
        get(&format!("manifest?repository={SECRET}%20&reference=a")).await,
        400
    );
    let named = format!("/api/v1/tags?registry={SECRET}:{SECRET}@{at}&repository=a");
    assert_eq!(ask("GET", &named, "").await, 400);
    for user in [SECRET, "<token>"] {
        let body = format!(
            r#"{{"registry":"{at}","repository":"a","username":"{user}","password":"{SECRET}"}}"#
        );
        assert_eq!(ask("POST", "/api/v1/token", &body).await, 200);
    }
    let callback = format!("https://app.example/{SECRET}/callback.html");
    let verifier = SECRET.repeat(6);
    let code = |code: &str| {
        format!(
            r#"{{"provider":"op","code":"{code}","verifier":"{verifier}","redirect_uri":"{callback}"}}"#
        )
    };
    let login = "/api/v1/login";
    assert_eq!(ask("GET", "/api/v1/login?provider=op", "").await, 200);
    assert_eq!(ask("POST", login, &code(SECRET)).await, 200);
    let refused = format!("refused{SECRET}");
    assert_eq!(ask("POST", login, &code(&refused)).await, 502);
    let refresh = format!(r#"{{"provider":"op","refresh_token":"{SECRET}"}}"#);
    assert_eq!(ask("POST", login, &refresh).await, 200);
    let odd = format!(r#"{{"provider":"{SECRET}","refresh_token":"{SECRET}"}}"#);
    assert_eq!(ask("POST", login, &odd).await, 501);
    // As a provider that answers in the query sends people back.
    let back = format!("/callback.html?code={SECRET}&state={SECRET}");
    ask("GET", &back, "").await;
    let broken = format!(r#"{{"password":"{SECRET}" "#);
    assert_eq!(ask("POST", "/api/v1/token", &broken).await, 400);
    assert_eq!(ask("GET", &format!("/{SECRET}?x={SECRET}"), "").await, 404);
    let seen = registry.seen();
    assert!(seen.iter().any(|one| one.method == http::Method::POST));
    let with = |scheme: &str| {
        let values = seen.iter().filter_map(|one| one.header("authorization"));
        values.filter(|value| value.starts_with(scheme)).count()
    };
    assert!(
        with("Basic ") == 5 && with("Bearer ") > 3,
        "the secrets were used"
    );

    let metrics = format!("GET /metrics HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(metrics.as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    assert!(text.contains("layerscope_proxy_requests_total"), "{text}");
    assert!(!text.contains(SECRET), "{text}");

    child.kill().await.unwrap();
    let log = log.await.unwrap();
    let lines = log.lines().map(|line| {
        let parsed: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(parsed["level"].is_string(), "{line}");
    });
    assert!(lines.count() > 15, "{log}");
    assert!(!log.contains(SECRET) && !log.contains(ENCODED), "{log}");
}
