//! The one runtime that every server and client of the tests runs on, and loopback servers on it.

use std::{
    future::Future,
    net::{Ipv4Addr, SocketAddr},
    sync::OnceLock,
};

use axum::Router;
use tokio::{net::TcpListener, runtime::Runtime, task::JoinHandle};

/// The runtime; it lives as long as the test process, so that a server may outlive the test that
/// started it when another test shares it.
pub fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime needs only threads")
    })
}

/// Runs a future to its end on this thread, with the shared runtime behind it.
pub fn wait<F: Future>(future: F) -> F::Output {
    runtime().block_on(future)
}

/// A client that never follows a redirect and never asks a proxy of the environment: what a test
/// sees is what the server said.
pub fn client() -> reqwest::Client {
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .expect("a client without TLS has nothing to fail on")
}

/// A server on a loopback port of the system's choice; stops accepting on drop.
pub struct Server {
    addr: SocketAddr,
    task: JoinHandle<()>,
}

impl Server {
    /// Serves `router` on 127.0.0.1.
    pub fn start(router: Router) -> std::io::Result<Self> {
        let listener = wait(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
        let addr = listener.local_addr()?;
        let task = runtime().spawn(async move {
            // Ends only by the abort in `drop`.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { addr, task })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// `127.0.0.1:PORT`, the form in references and proxy flags.
    pub fn host(&self) -> String {
        self.addr.to_string()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A loopback port that was free a moment ago, for programs that cannot choose one themselves.
pub fn free_port() -> std::io::Result<u16> {
    Ok(std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
        .local_addr()?
        .port())
}
