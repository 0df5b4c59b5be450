//! Bounds on rates, concurrency, sizes and times. Each is a number with a reason.

use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use governor::clock::{Clock, MonotonicClock};
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};
use serde::{Deserialize, Serialize};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::budget::{Budget, CLIENT_SHARE, Place};
use crate::error::ProxyError;

/// Manifests and indexes: registries take at most 4 MiB (distribution spec, "Pushing Manifests").
pub const MAX_MANIFEST_BYTES: usize = 4 << 20;
/// A page of tags, of the catalog, or of referrers: some registries answer all at once.
pub const MAX_LISTING_BYTES: usize = 8 << 20;
/// A token answer: real ones are under 10 KiB.
pub const MAX_TOKEN_BYTES: usize = 64 << 10;
/// A registry's error body: enough for its message, whatever it is.
pub const MAX_ERROR_BYTES: usize = 64 << 10;
/// A request's query: a cursor of 2 KiB, and names.
pub const MAX_QUERY_BYTES: usize = 8 << 10;
/// A request's JSON body on `token` and `login`.
pub const MAX_REQUEST_BYTES: usize = 16 << 10;
/// Header blocks, ours and a registry's: Hub tokens alone reach 8 KiB.
pub const MAX_HEADER_BYTES: usize = 64 << 10;
/// Redirects that are followed: registry.k8s.io needs several, nobody needs ten.
pub const MAX_HOPS: usize = 10;
/// Keys a rate limiter may hold before those at rest are dropped.
const MAX_RATE_KEYS: usize = 10_000;

/// No limit on a number is higher: it would be none.
const MAX_COUNT: u64 = 1_000_000_000;
/// A TiB: more than a machine has.
const MAX_ANSWERS_MIB: usize = 1 << 20;
/// Nothing waits longer than a day.
const MAX_SECONDS: u64 = 24 * 60 * 60;

/// The numbers an operator may change, in the file's `[limits]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Limits {
    /// Requests a second from one client, in the long run; a burst may be ten times that.
    /// High, because every file opened is a request, and search opens many.
    pub client_rate: u32,
    /// Requests a second to one registry from all clients, likewise.
    pub upstream_rate: u32,
    /// Blob streams at once, of all clients.
    pub streams: usize,
    /// Blob streams at once of one client: a browser opens six connections a host.
    pub client_streams: usize,
    /// Other requests at once, of all clients: until the last byte of the answer is taken.
    pub requests: usize,
    /// Other requests at once of one client.
    pub client_requests: usize,
    /// MiB of memory for the answers to those requests, as far as they are over 64 KiB. One client
    /// may have a quarter of it.
    pub answers_mib: usize,
    /// Open client connections.
    pub connections: usize,
    /// Open connections of one client: many tabs, or a household behind one address.
    pub client_connections: usize,
    /// Connections to registries and storage that are kept for a next request, in use or not.
    /// Others end with their answer.
    pub kept_connections: usize,
    /// Seconds for a name to resolve and one of its addresses to accept.
    pub connect_s: u64,
    /// Seconds for a manifest, listing or token, redirects and body included; and for a blob's
    /// answer to begin.
    pub total_s: u64,
    /// Seconds without a byte after which a stream is given up, on either side.
    pub idle_s: u64,
    /// Bytes a second that a registry must give while the client waits, over a minute.
    pub min_rate: u64,
    /// Seconds for a client to send its request's head, and again for a body; and that a connection
    /// may stand unused.
    pub head_s: u64,
    /// Seconds after the signal to stop in which `/readyz` says so while connections are still
    /// taken: what a load balancer needs to notice.
    pub stop_delay_s: u64,
    /// Seconds after that in which downloads may go on.
    pub drain_s: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            client_rate: 500,
            upstream_rate: 1000,
            streams: 512,
            client_streams: 64,
            requests: 512,
            client_requests: 64,
            answers_mib: 128,
            connections: 4096,
            client_connections: 512,
            kept_connections: 1024,
            connect_s: 10,
            total_s: 60,
            idle_s: 60,
            min_rate: 512,
            head_s: 30,
            stop_delay_s: 0,
            drain_s: 20,
        }
    }
}

impl Limits {
    /// How long connecting may take.
    pub fn connect(&self) -> Duration {
        Duration::from_secs(self.connect_s)
    }

    /// How long a request's head may take, or its body.
    pub fn head(&self) -> Duration {
        Duration::from_secs(self.head_s)
    }

    /// How long a small answer may take in all.
    pub fn total(&self) -> Duration {
        Duration::from_secs(self.total_s)
    }

    /// How long a stream may stand still.
    pub fn idle(&self) -> Duration {
        Duration::from_secs(self.idle_s)
    }

    /// Names the first number that nothing could work with.
    ///
    /// # Errors
    /// Zero where one is the least, or more than can be counted or waited for.
    pub fn check(&self) -> Result<(), String> {
        let counts = [
            ("client-rate", u64::from(self.client_rate), MAX_COUNT),
            ("upstream-rate", u64::from(self.upstream_rate), MAX_COUNT),
            ("streams", self.streams as u64, MAX_COUNT),
            ("client-streams", self.client_streams as u64, MAX_COUNT),
            ("requests", self.requests as u64, MAX_COUNT),
            ("client-requests", self.client_requests as u64, MAX_COUNT),
            ("connections", self.connections as u64, MAX_COUNT),
            (
                "client-connections",
                self.client_connections as u64,
                MAX_COUNT,
            ),
            ("kept-connections", self.kept_connections as u64, MAX_COUNT),
            ("connect-s", self.connect_s, MAX_SECONDS),
            ("total-s", self.total_s, MAX_SECONDS),
            ("idle-s", self.idle_s, MAX_SECONDS),
            ("head-s", self.head_s, MAX_SECONDS),
        ];
        for (name, value, most) in counts {
            if !(1..=most).contains(&value) {
                return Err(format!(
                    "limits.{name} is {value}; 1 to {most} are possible"
                ));
            }
        }
        // A client's share holds one of the longest answers; and all of it can be counted.
        let least = (CLIENT_SHARE * MAX_LISTING_BYTES) >> 20;
        if !(least..=MAX_ANSWERS_MIB).contains(&self.answers_mib) {
            return Err(format!(
                "limits.answers-mib is {}; {least} to {MAX_ANSWERS_MIB} are possible",
                self.answers_mib
            ));
        }
        for (name, value) in [
            ("stop-delay-s", self.stop_delay_s),
            ("drain-s", self.drain_s),
        ] {
            if value > MAX_SECONDS {
                return Err(format!(
                    "limits.{name} is {value}; 0 to {MAX_SECONDS} are possible"
                ));
            }
        }
        Ok(())
    }
}

/// A client for counting: an IPv4 address, or an IPv6 /64, which is one household.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientKey(u64);

impl ClientKey {
    /// The key of a peer's address.
    pub fn from_address(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => Self(u64::from(v4.to_bits())),
            IpAddr::V6(v6) => Self((v6.to_bits() >> 64) as u64),
        }
    }
}

/// A rate limit by key, bounded in memory. The clock is the system's: governor's own asks the
/// processor about itself whenever one is made, which a virtual machine answers slowly.
struct Rate<K: std::hash::Hash + Eq + Clone>(
    RateLimiter<K, DashMapStateStore<K>, MonotonicClock, NoOpMiddleware<std::time::Instant>>,
);

impl<K: std::hash::Hash + Eq + Clone> Rate<K> {
    fn new(per_second: u32) -> Self {
        let rate = NonZeroU32::new(per_second).unwrap_or(NonZeroU32::MIN);
        let burst = rate.saturating_mul(NonZeroU32::new(10).unwrap_or(NonZeroU32::MIN));
        Self(RateLimiter::new(
            Quota::per_second(rate).allow_burst(burst),
            DashMapStateStore::default(),
            MonotonicClock,
        ))
    }

    fn check(&self, key: &K) -> Result<(), Duration> {
        if self.0.len() > MAX_RATE_KEYS {
            self.0.retain_recent();
            self.0.shrink_to_fit();
        }
        self.0
            .check_key(key)
            .map_err(|not_until| not_until.wait_time_from(MonotonicClock.now()))
    }
}

/// The counters behind the limits.
pub struct Gate {
    clients: Rate<ClientKey>,
    upstreams: Rate<String>,
    streams: Arc<Semaphore>,
    client_streams: Counts,
    budget: Budget,
}

/// How many of something each client has now.
#[derive(Clone)]
pub struct Counts {
    map: Arc<Mutex<HashMap<ClientKey, usize>>>,
    most: usize,
}

/// Some of a client's; given back on drop.
pub struct Counted {
    client: ClientKey,
    some: usize,
    counts: Counts,
}

impl Counts {
    /// Counters that go up to `most` for each client.
    pub fn new(most: usize) -> Self {
        Self {
            map: Arc::default(),
            most,
        }
    }

    /// One more for a client, unless it has as many as it may.
    pub fn take(&self, client: ClientKey) -> Option<Counted> {
        self.take_many(client, 1)
    }

    /// Some more for a client, unless that is over what it may have.
    pub fn take_many(&self, client: ClientKey, some: usize) -> Option<Counted> {
        let mut map = self.map.lock().unwrap_or_else(PoisonError::into_inner);
        let count = map.get(&client).copied().unwrap_or(0);
        let count = count.checked_add(some).filter(|n| *n <= self.most)?;
        map.insert(client, count);
        drop(map);
        Some(Counted {
            client,
            some,
            counts: self.clone(),
        })
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut map = self
            .counts
            .map
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match map.get_mut(&self.client) {
            Some(count) if *count > self.some => *count -= self.some,
            _ => drop(map.remove(&self.client)),
        }
    }
}

/// Held while a blob streams.
pub struct StreamPermit {
    _all: OwnedSemaphorePermit,
    _client: Counted,
}

impl Gate {
    /// Counters for these limits.
    pub fn new(limits: &Limits) -> Self {
        Self {
            clients: Rate::new(limits.client_rate),
            upstreams: Rate::new(limits.upstream_rate),
            streams: Arc::new(Semaphore::new(limits.streams)),
            client_streams: Counts::new(limits.client_streams),
            budget: Budget::new(limits),
        }
    }

    /// Counts a client's request.
    pub fn client(&self, key: ClientKey) -> Result<(), ProxyError> {
        self.clients.check(&key).map_err(|wait| {
            ProxyError::RateLimited(
                "Too many requests from your address to this proxy; wait a moment.".into(),
                wait,
            )
        })
    }

    /// Counts a request to a registry.
    pub fn upstream(&self, host: &str) -> Result<(), ProxyError> {
        self.upstreams.check(&host.to_owned()).map_err(|wait| {
            ProxyError::RateLimited(
                format!("Too many requests to {host} through this proxy; wait a moment."),
                wait,
            )
        })
    }

    /// Room for a client's request that is answered as a whole.
    pub fn request(&self, client: ClientKey) -> Result<Place, ProxyError> {
        self.budget.request(client)
    }

    /// Room for a blob stream of this client.
    pub fn stream(&self, client: ClientKey) -> Result<StreamPermit, ProxyError> {
        let all = self
            .streams
            .clone()
            .try_acquire_owned()
            .map_err(|_| busy("downloads at once"))?;
        let taken = self.client_streams.take(client);
        let client = taken.ok_or_else(|| busy("downloads at once from your address"))?;
        Ok(StreamPermit {
            _all: all,
            _client: client,
        })
    }
}

/// There is no room for one more of something.
pub fn busy(what: &str) -> ProxyError {
    ProxyError::Busy(format!(
        "This proxy has as many {what} as it allows; try again shortly."
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> ClientKey {
        ClientKey::from_address(text.parse().unwrap())
    }

    #[test]
    fn a_burst_then_a_wait_and_other_clients_are_free() {
        let gate = Gate::new(&Limits {
            client_rate: 1,
            ..Limits::default()
        });
        for _ in 0..10 {
            gate.client(key("1.2.3.4")).unwrap();
        }
        let refused = gate.client(key("1.2.3.4")).unwrap_err();
        assert_eq!(refused.code(), "RATE_LIMITED");
        gate.client(key("1.2.3.5")).unwrap();
    }

    #[test]
    fn a_household_is_one_client() {
        assert_eq!(key("2001:db8:1:2::1"), key("2001:db8:1:2:ffff::9"));
        assert_ne!(key("2001:db8:1:2::1"), key("2001:db8:1:3::1"));
        assert_eq!(key("::ffff:1.2.3.4"), key("1.2.3.4"));
    }

    #[test]
    fn streams_are_counted_by_client_and_given_back() {
        let gate = Gate::new(&Limits {
            client_streams: 1,
            streams: 2,
            ..Limits::default()
        });
        let first = gate.stream(key("1.1.1.1")).unwrap();
        assert_eq!(
            gate.stream(key("1.1.1.1")).err().map(|e| e.code()),
            Some("BUSY")
        );
        let second = gate.stream(key("2.2.2.2")).unwrap();
        assert_eq!(
            gate.stream(key("3.3.3.3")).err().map(|e| e.code()),
            Some("BUSY")
        );
        drop(first);
        assert!(gate.stream(key("1.1.1.1")).is_ok());
        drop(second);
        assert!(gate.client_streams.map.lock().unwrap().is_empty());
    }
}
