//! A registry's double, the proxy before it, and the page's own client before that.

use std::ops::Deref;

use layerscope_core::{
    digest::Digest,
    reference::{ManifestRef, Registry, Repository},
    registry::{Client, Credentials, Endpoint, RegistryError, client::Fetched},
};
use layerscope_tests::{corpus::push, hosts::Row, net::wait};

use crate::behind::Behind;
use crate::loopback::Loopback;

/// All three.
pub(crate) struct Setup {
    behind: Behind,
    pub(crate) client: Client<Loopback>,
    repository: Repository,
}

impl Deref for Setup {
    type Target = Behind;

    fn deref(&self) -> &Behind {
        &self.behind
    }
}

impl Setup {
    /// Starts them; `repository` is as a reader types it.
    pub(crate) fn new(repository: &str, rows: &[Row]) -> Self {
        let behind = Behind::start(rows, &["--no-assets"]);
        Self {
            client: Client::new(Loopback::new(), Endpoint::proxy(&behind.base)),
            behind,
            repository: Repository::parse(repository).unwrap(),
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

    /// What was asked since the last call as lines, without queries.
    #[track_caller]
    pub(crate) fn lines(&self) -> Vec<String> {
        let lines = self.asked().into_iter().map(|one| one.line);
        lines
            .map(|line| line.split('?').next().unwrap_or_default().to_owned())
            .collect()
    }
}
