//! TLS: only roots that are known, or named by --ca-file.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

use crate::support::*;

/// A server of "inside.example" with a root of its own; gives its port and the root as PEM.
async fn tls_server() -> (u16, String) {
    let root_key = KeyPair::generate().unwrap();
    let mut root = CertificateParams::new(Vec::new()).unwrap();
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root_certificate = root.self_signed(&root_key).unwrap();
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec!["inside.example".to_owned()]).unwrap();
    let leaf = leaf
        .signed_by(&key, &Issuer::from_params(&root, &root_key))
        .unwrap();
    let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let server = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], private)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let acceptor = TlsAcceptor::from(Arc::new(server));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            let mut head = [0; 4096];
            if stream.read(&mut head).await.is_err() {
                continue;
            }
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";
            stream.write_all(answer).await.ok();
            stream.shutdown().await.ok();
        }
    });
    (port, root_certificate.pem())
}

#[tokio::test]
async fn a_root_of_ones_own() {
    let (port, pem) = tls_server().await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("roots.pem");
    std::fs::write(&file, pem).unwrap();
    let names = || {
        Names::new(&[
            ("inside.example", &["127.0.0.1"]),
            ("other.example", &["127.0.0.1"]),
        ])
    };
    let lifted =
        format!("--allow-private inside.example:{port} --allow-private other.example:{port}");
    let with_root = format!("{lifted} --ca-file {}", file.display());
    let path = |host: &str| format!("/api/v1/tags?registry={host}:{port}&repository=a");

    let app = proxy_of(config(&with_root), names());
    assert_eq!(get(&app, &path("inside.example")).await.text(), "{}");
    get(&app, &path("other.example"))
        .await
        .assert_error(502, "TLS_FAILED");
    let app = proxy_of(config(&lifted), names());
    get(&app, &path("inside.example"))
        .await
        .assert_error(502, "TLS_FAILED");
}

#[tokio::test]
async fn http_where_https_is_meant() {
    let double = Double::start(|_| answer(200, &[], "{}")).await;
    let app = proxy(&format!("--allow-private {}", double.address));
    let reply = get(
        &app,
        &format!("/api/v1/tags?registry={}&repository=a", double.address),
    )
    .await;
    reply.assert_error(502, "TLS_FAILED");
    assert!(reply.text().contains("--plain-http"), "{}", reply.text());
}

#[test]
fn a_file_without_certificates_is_refused_at_start() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("roots.pem");
    std::fs::write(&file, "nothing").unwrap();
    let flags = format!("--ca-file {}", file.display());
    assert!(layerscope_proxy::app(config(&flags)).is_err());
    assert!(layerscope_proxy::app(config("--ca-file /nowhere.pem")).is_err());
}
