//! A certificate authority of the tests' own, and a listener that speaks TLS with a certificate
//! of it.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::serve::Listener;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig, crypto,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    },
    server::TlsStream,
};

/// How long a handshake may take; one that fails must not hold up the next connection for long.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(5);

/// What goes wrong while certificates are made.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// Makes an authority and a certificate of it for these names; gives the server's side, and the
/// authority as PEM.
pub fn certify(names: Vec<String>) -> Result<(TlsAcceptor, String), Error> {
    let root_key = KeyPair::generate()?;
    let mut root = CertificateParams::new(Vec::new())?;
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let pem = root.self_signed(&root_key)?.pem();
    let key = KeyPair::generate()?;
    let leaf =
        CertificateParams::new(names)?.signed_by(&key, &Issuer::from_params(&root, &root_key))?;
    let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(crypto::ring::default_provider());
    let server = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], private)?;
    Ok((TlsAcceptor::from(Arc::new(server)), pem))
}

/// Connections that have shaken hands.
pub(super) struct TlsListener {
    pub(super) listener: TcpListener,
    pub(super) acceptor: TlsAcceptor,
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        loop {
            let Ok((stream, peer)) = self.listener.accept().await else {
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            let shaking = tokio::time::timeout(HANDSHAKE_LIMIT, self.acceptor.accept(stream));
            // A client that does not trust the authority goes away; that is its answer.
            if let Ok(Ok(stream)) = shaking.await {
                return (stream, peer);
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}
