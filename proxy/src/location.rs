//! Where a blob was found last: a small cache of the final address behind a registry's redirects.
//!
//! It saves a hop for each Range read. A signed address is a credential: it is only given to whom
//! the registry gave it (the key has the Authorization's hash), kept in memory, and never logged.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::HeaderValue;
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;
use url::Url;

use crate::target::{Digest, Registry, Repository};

/// Addresses that are kept: layers open at one time by a few dozen people.
const MAX_LOCATIONS: usize = 512;
/// Registries sign for about 5 to 20 minutes; a token may be withdrawn meanwhile.
const MAX_AGE: Duration = Duration::from_secs(5 * 60);

/// Which blob, for whom: a hash, so that no credential stays in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LocationKey([u8; 32]);

impl LocationKey {
    /// The key of a blob for the holder of a credential.
    pub fn new(
        registry: &Registry,
        repository: &Repository,
        digest: &Digest,
        credential: Option<&HeaderValue>,
    ) -> Self {
        let mut hash = Sha256::new();
        // None of the first three can have a line feed in it.
        hash.update(format!("{registry}\n{repository}\n{digest}\n"));
        if let Some(credential) = credential {
            hash.update(b"+");
            hash.update(credential.as_bytes());
        }
        Self(hash.finalize().into())
    }
}

/// The cache.
#[derive(Default)]
pub struct Locations(Mutex<HashMap<LocationKey, (Url, Instant)>>);

impl Locations {
    /// The address, if it is known and young.
    pub fn get(&self, key: &LocationKey) -> Option<Url> {
        let map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (url, since) = map.get(key)?;
        (since.elapsed() < MAX_AGE).then(|| url.clone())
    }

    /// Remembers an address; the oldest makes room.
    pub fn put(&self, key: LocationKey, url: Url) {
        let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if map.len() >= MAX_LOCATIONS && !map.contains_key(&key) {
            let oldest = map
                .iter()
                .min_by_key(|(_, (_, since))| *since)
                .map(|(key, _)| *key);
            if let Some(oldest) = oldest {
                map.remove(&oldest);
            }
        }
        map.insert(key, (url, Instant::now()));
    }

    /// Forgets an address that no longer works.
    pub fn remove(&self, key: &LocationKey) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(repository: &str, credential: Option<&'static str>) -> LocationKey {
        let digest = format!("sha256:{}", "0".repeat(64));
        LocationKey::new(
            &"a.example".parse().unwrap(),
            &repository.parse().unwrap(),
            &digest.parse().unwrap(),
            credential.map(HeaderValue::from_static).as_ref(),
        )
    }

    #[tokio::test]
    async fn an_address_is_for_one_credential() {
        let locations = Locations::default();
        let url = Url::parse("https://cdn.example/x").unwrap();
        locations.put(key("a", Some("Bearer x")), url.clone());
        assert_eq!(locations.get(&key("a", Some("Bearer x"))), Some(url));
        assert_eq!(locations.get(&key("a", Some("Bearer y"))), None);
        assert_eq!(locations.get(&key("a", Some(""))), None);
        assert_eq!(locations.get(&key("a", None)), None);
        assert_eq!(locations.get(&key("b", Some("Bearer x"))), None);
    }

    #[tokio::test(start_paused = true)]
    async fn bounded_in_number_and_age() {
        let locations = Locations::default();
        let url = Url::parse("https://cdn.example/x").unwrap();
        for n in 0..=MAX_LOCATIONS {
            locations.put(key(&format!("r{n}"), None), url.clone());
            tokio::time::advance(Duration::from_millis(1)).await;
        }
        assert_eq!(locations.get(&key("r0", None)), None);
        assert!(locations.get(&key("r1", None)).is_some());
        tokio::time::advance(MAX_AGE).await;
        assert_eq!(locations.get(&key("r1", None)), None);
    }
}
