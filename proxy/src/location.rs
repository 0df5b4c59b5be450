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

/// Query parameters that say for how many seconds an address is signed, in lower case.
const LIFETIMES: [&str; 2] = ["x-amz-expires", "x-goog-expires"];

/// How long an address may be used: what it says of itself, less a fifth because it was signed a
/// while ago, and never over [`MAX_AGE`]. Where it says nothing that is read here, a refusal by
/// the storage shows that it is over.
fn lifetime(url: &Url) -> Duration {
    let said = url.query_pairs().find_map(|(name, value)| {
        let is_lifetime = LIFETIMES.contains(&name.to_ascii_lowercase().as_str());
        is_lifetime.then(|| value.parse().ok()).flatten()
    });
    said.map_or(MAX_AGE, |seconds: u32| {
        (Duration::from_secs(seconds.into()) * 4 / 5).min(MAX_AGE)
    })
}

/// The cache: an address, and when it is over.
#[derive(Default)]
pub struct Locations(Mutex<HashMap<LocationKey, (Url, Instant)>>);

impl Locations {
    /// The address, if it is known and still good.
    pub fn get(&self, key: &LocationKey) -> Option<Url> {
        let map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (url, over) = map.get(key)?;
        (Instant::now() < *over).then(|| url.clone())
    }

    /// Remembers an address; the one that is over first makes room.
    pub fn put(&self, key: LocationKey, url: Url) {
        let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if map.len() >= MAX_LOCATIONS && !map.contains_key(&key) {
            let first = map
                .iter()
                .min_by_key(|(_, (_, over))| *over)
                .map(|(key, _)| *key);
            if let Some(first) = first {
                map.remove(&first);
            }
        }
        let over = Instant::now() + lifetime(&url);
        map.insert(key, (url, over));
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

    #[track_caller]
    fn lives(query: &str, seconds: u64) {
        let url = Url::parse(&format!("https://cdn.example/x?{query}")).unwrap();
        assert_eq!(lifetime(&url), Duration::from_secs(seconds), "{query}");
    }

    #[test]
    fn an_address_says_how_long_it_lives() {
        lives("X-Amz-Date=20260101T000000Z&X-Amz-Expires=100", 80);
        lives("x-goog-expires=10", 8);
        lives("X-Amz-Expires=0", 0);
        lives("X-Amz-Expires=604800", 300);
        lives("X-Amz-Expires=-1", 300);
        lives("X-Amz-Expires=99999999999999999999", 300);
        lives("sig=1", 300);
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
