//! A registry's double, the proxy before it, and the page's own client before that.

use std::{io, net::SocketAddr, sync::Arc};

use clap::Parser;
use layerscope_core::{
    digest::Digest,
    reference::{ManifestRef, Registry, Repository},
    registry::{Client, Credentials, Endpoint, RegistryError, client::Fetched},
};
use layerscope_proxy::{
    Args, Config, Proxy, Resolver, connect::BoxFuture, forwarder::Forwarders, router, serve,
};
use layerscope_tests::{
    corpus::push,
    hosts::{Asked, Hosts, Row},
    net::{runtime, wait},
};
use tokio::net::TcpListener;

use crate::loopback::Loopback;

/// Leads every name to the double.
struct Here(SocketAddr);

impl Resolver for Here {
    fn resolve(&self, _: &str, _: u16) -> BoxFuture<io::Result<Vec<SocketAddr>>> {
        let address = self.0;
        Box::pin(async move { Ok(vec![address]) })
    }
}

/// All three.
pub(crate) struct Setup {
    pub(crate) hosts: Hosts,
    pub(crate) client: Client<Loopback>,
    pub(crate) base: String,
    repository: Repository,
    _authority: tempfile::NamedTempFile,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Setup {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Setup {
    /// Starts them; `repository` is as a reader types it.
    pub(crate) fn new(repository: &str, rows: &[Row]) -> Self {
        let hosts = Hosts::start(rows).unwrap();
        let authority = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(authority.path(), hosts.authority()).unwrap();
        let mut flags = vec!["layerscope-proxy".to_owned(), "--no-assets".into()];
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
            client: Client::new(Loopback::new(), Endpoint::proxy(&base)),
            base,
            repository: Repository::parse(repository).unwrap(),
            _authority: authority,
            task,
        }
    }

    pub(crate) fn repository(&self) -> &Repository {
        &self.repository
    }

    pub(crate) fn registry(&self) -> &Registry {
        self.repository.registry()
    }

    pub(crate) fn sign_in(&self, username: &str, password: &str) {
        let credentials = Credentials::typed(username, password);
        self.client
            .set_credentials(self.registry(), Some(credentials));
    }

    pub(crate) fn manifest(&self, reference: &str) -> Result<Fetched, RegistryError> {
        let by = ManifestRef::parse(reference).unwrap();
        wait(self.client.manifest(&self.repository, &by))
    }

    pub(crate) fn layer(&self) -> Digest {
        push::digest(&self.hosts.image().layer).parse().unwrap()
    }

    /// A part of the layer, checked.
    #[track_caller]
    pub(crate) fn part(&self, range: std::ops::Range<u64>) {
        let layer = self.layer();
        let asked = self
            .client
            .blob_range(&self.repository, &layer, range.clone());
        let bytes = wait(async { asked.await?.read_all(1 << 20).await });
        let whole = &self.hosts.image().layer;
        assert_eq!(
            bytes.unwrap(),
            whole[range.start as usize..range.end as usize]
        );
    }

    /// Opens the image as the page does: manifest by tag, the whole layer, then a file in it.
    #[track_caller]
    pub(crate) fn opens(&self) -> Fetched {
        let fetched = self.manifest("latest").unwrap();
        assert_eq!(fetched.bytes, self.hosts.image().manifest);
        let layer = wait(self.client.blob(&self.repository, &self.layer(), 1 << 20));
        assert_eq!(layer.unwrap(), self.hosts.image().layer);
        self.part(100_000..100_100);
        fetched
    }

    /// What was asked since the last call: nothing that the table does not name.
    #[track_caller]
    pub(crate) fn asked(&self) -> Vec<Asked> {
        let asked = self.hosts.take();
        let strange: Vec<&Asked> = asked.iter().filter(|one| !one.documented).collect();
        assert!(strange.is_empty(), "{strange:#?}");
        asked
    }

    /// The same as lines, without queries.
    #[track_caller]
    pub(crate) fn lines(&self) -> Vec<String> {
        let lines = self.asked().into_iter().map(|one| one.line);
        lines
            .map(|line| line.split('?').next().unwrap_or_default().to_owned())
            .collect()
    }
}
