//! Room for requests that are answered as a whole, and the memory that their answers take: counted
//! while they are read from a registry, and until the client has taken the last byte.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::ProxyError;
use crate::limits::{ClientKey, Counted, Counts, Limits, busy};

/// What an answer may take without being counted in bytes: manifests and tokens are smaller, and
/// `requests` bounds how many there are.
pub const UNCOUNTED_BYTES: usize = 64 << 10;
/// The part of all memory for answers that one client may have. At the least it holds the longest
/// listing.
pub const CLIENT_SHARE: usize = 4;
/// The unit of counting.
const KIB: usize = 1 << 10;

/// The counters.
pub struct Budget {
    requests: Arc<Semaphore>,
    client_requests: Counts,
    kib: Arc<Semaphore>,
    client_kib: Counts,
}

impl Budget {
    /// Counters for these limits.
    pub fn new(limits: &Limits) -> Self {
        let kib = limits.answers_mib * KIB;
        Self {
            requests: Arc::new(Semaphore::new(limits.requests)),
            client_requests: Counts::new(limits.client_requests),
            kib: Arc::new(Semaphore::new(kib)),
            client_kib: Counts::new(kib / CLIENT_SHARE),
        }
    }

    /// Room for one more request of a client.
    ///
    /// # Errors
    /// There is none.
    pub fn request(&self, client: ClientKey) -> Result<Place, ProxyError> {
        let all = self.requests.clone().try_acquire_owned();
        let all = all.map_err(|_| busy("requests at once"))?;
        let own = self.client_requests.take(client);
        let own = own.ok_or_else(|| busy("requests at once from your address"))?;
        Ok(Place {
            client,
            kib: self.kib.clone(),
            client_kib: self.client_kib.clone(),
            counted: 0,
            bytes: Vec::new(),
            _request: (all, own),
        })
    }
}

/// One request's, given back on drop.
pub struct Place {
    client: ClientKey,
    kib: Arc<Semaphore>,
    client_kib: Counts,
    /// Bytes that are counted so far, in whole units.
    counted: usize,
    bytes: Vec<(OwnedSemaphorePermit, Counted)>,
    _request: (OwnedSemaphorePermit, Counted),
}

impl Place {
    /// Room for an answer of so many bytes in all.
    ///
    /// # Errors
    /// All or one client's is taken.
    pub fn grow(&mut self, len: usize) -> Result<(), ProxyError> {
        let over = len.saturating_sub(UNCOUNTED_BYTES + self.counted);
        if over == 0 {
            return Ok(());
        }
        let units = over.div_ceil(KIB);
        let few = u32::try_from(units).unwrap_or(u32::MAX);
        let all = self.kib.clone().try_acquire_many_owned(few);
        let all = all.map_err(|_| busy("long answers at once"))?;
        let own = self.client_kib.take_many(self.client, units);
        let own = own.ok_or_else(|| busy("long answers at once from your address"))?;
        self.counted += units * KIB;
        self.bytes.push((all, own));
        Ok(())
    }

    /// The answer, which keeps this room for as long as any of it is there: also in the buffers of
    /// whoever writes it to the client.
    pub fn hold(self, answer: Vec<u8>) -> Bytes {
        struct Held {
            answer: Vec<u8>,
            _place: Place,
        }
        impl AsRef<[u8]> for Held {
            fn as_ref(&self) -> &[u8] {
                &self.answer
            }
        }
        Bytes::from_owner(Held {
            answer,
            _place: self,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> ClientKey {
        ClientKey::from_address(text.parse().unwrap())
    }

    #[track_caller]
    fn refused<T>(got: Result<T, ProxyError>) {
        assert_eq!(got.err().map(|error| error.code()), Some("BUSY"));
    }

    #[test]
    fn bytes_are_counted_by_client_and_given_back_with_the_last_of_them() {
        let budget = Budget::new(&Limits {
            answers_mib: 4,
            ..Limits::default()
        });
        let mut first = budget.request(key("1.1.1.1")).unwrap();
        first.grow(UNCOUNTED_BYTES).unwrap();
        assert_eq!(first.counted, 0);
        first.grow((1 << 20) + UNCOUNTED_BYTES).unwrap();
        first.grow(1 << 20).unwrap();
        refused(first.grow((1 << 20) + UNCOUNTED_BYTES + 1));
        let mut again = budget.request(key("1.1.1.1")).unwrap();
        again.grow(UNCOUNTED_BYTES).unwrap();
        refused(again.grow(UNCOUNTED_BYTES + 1));
        let others: Vec<Place> = ["2.2.2.2", "3.3.3.3", "4.4.4.4"]
            .map(|client| {
                let mut place = budget.request(key(client)).unwrap();
                place.grow((1 << 20) + UNCOUNTED_BYTES).unwrap();
                place
            })
            .into();
        let mut late = budget.request(key("5.5.5.5")).unwrap();
        refused(late.grow(UNCOUNTED_BYTES + 1));
        let held = first.hold(vec![7; 100]);
        let part = held.slice(99..);
        drop(held);
        refused(again.grow(UNCOUNTED_BYTES + 1));
        drop(part);
        again.grow(UNCOUNTED_BYTES + 1).unwrap();
        drop((again, others, late));
        assert_eq!(budget.kib.available_permits(), 4 << 10);
        assert_eq!(
            budget.requests.available_permits(),
            Limits::default().requests
        );
    }

    #[test]
    fn one_client_does_not_take_all_requests() {
        let budget = Budget::new(&Limits {
            requests: 2,
            client_requests: 1,
            ..Limits::default()
        });
        let first = budget.request(key("1.1.1.1")).unwrap();
        refused(budget.request(key("1.1.1.1")));
        let second = budget.request(key("2.2.2.2")).unwrap();
        refused(budget.request(key("3.3.3.3")));
        drop((first, second));
        assert!(budget.request(key("3.3.3.3")).is_ok());
    }
}
