//! A registry's double and the proxy before it, in this process: a resolver leads every name to the
//! double. The tests with a browser take this file too.

use std::{io, net::SocketAddr, sync::Arc};

use clap::Parser;
use layerscope_proxy::{
    Args, Config, Proxy, Resolver, connect::BoxFuture, forwarder::Forwarders, router, serve,
};
use layerscope_tests::{
    hosts::{Asked, Hosts, Row},
    net::{runtime, wait},
};
use tokio::net::TcpListener;

/// Leads every name to the double.
struct Here(SocketAddr);

impl Resolver for Here {
    fn resolve(&self, _: &str, _: u16) -> BoxFuture<io::Result<Vec<SocketAddr>>> {
        let address = self.0;
        Box::pin(async move { Ok(vec![address]) })
    }
}

/// Both.
pub(crate) struct Behind {
    pub(crate) hosts: Hosts,
    /// Where the proxy is: an origin.
    pub(crate) base: String,
    _authority: tempfile::NamedTempFile,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Behind {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Behind {
    /// Starts them, the proxy with these flags and those that lead it to the double.
    pub(crate) fn start(rows: &[Row], more: &[&str]) -> Self {
        let hosts = Hosts::start(rows).unwrap();
        let authority = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(authority.path(), hosts.authority()).unwrap();
        let mut flags = vec!["layerscope-proxy".to_owned()];
        flags.extend(more.iter().map(|&flag| flag.to_owned()));
        flags.extend([
            "--ca-file".into(),
            authority.path().to_str().unwrap().into(),
        ]);
        for name in hosts.names() {
            flags.extend(["--allow-private".into(), format!("{name}:443")]);
        }
        let config = Config::from_args(Args::try_parse_from(flags).unwrap()).unwrap();
        let limits = config.limits.clone();
        let proxy = Proxy::new(config, Arc::new(Here(hosts.address()))).unwrap();
        let listener = wait(TcpListener::bind("127.0.0.1:0")).unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let task = runtime().spawn(async move {
            let never = std::future::pending();
            let nobody = Forwarders::default();
            serve::serve(
                listener,
                router(proxy),
                &limits,
                &nobody,
                Arc::default(),
                never,
            )
            .await;
        });
        Self {
            hosts,
            base,
            _authority: authority,
            task,
        }
    }

    /// What was asked since the last call: nothing that the table does not name.
    #[track_caller]
    pub(crate) fn asked(&self) -> Vec<Asked> {
        let asked = self.hosts.take();
        let strange: Vec<&Asked> = asked.iter().filter(|one| !one.documented).collect();
        assert!(strange.is_empty(), "{strange:#?}");
        asked
    }
}
