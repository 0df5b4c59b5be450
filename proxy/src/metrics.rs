//! Counters for Prometheus. No label carries what a client sent.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// What a request is counted under.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: &'static str,
    status: u16,
}

/// What a refusal is counted under.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ErrorLabels {
    code: String,
}

/// The counters; cheap to clone.
#[derive(Clone)]
pub struct Metrics {
    registry: Arc<Registry>,
    requests: Family<RequestLabels, Counter>,
    errors: Family<ErrorLabels, Counter>,
    streamed_bytes: Counter<u64, AtomicU64>,
    open_streams: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("layerscope_proxy");
        let requests = Family::default();
        let errors = Family::default();
        let streamed_bytes = Counter::default();
        let open_streams = Gauge::default();
        registry.register("requests", "Requests answered", requests.clone());
        registry.register(
            "errors",
            "Requests the proxy itself refused or failed",
            errors.clone(),
        );
        registry.register(
            "blob_bytes",
            "Bytes of blobs passed through",
            streamed_bytes.clone(),
        );
        registry.register(
            "open_streams",
            "Blob streams now open",
            open_streams.clone(),
        );
        Self {
            registry: Arc::new(registry),
            requests,
            errors,
            streamed_bytes,
            open_streams,
        }
    }
}

impl Metrics {
    /// Counts an answered request. `route` is one of ours, never a path.
    pub fn answered(&self, route: &'static str, status: u16) {
        self.requests
            .get_or_create(&RequestLabels { route, status })
            .inc();
    }

    /// Counts an error of the proxy's own, by its code.
    pub fn failed(&self, code: &str) {
        self.errors
            .get_or_create(&ErrorLabels {
                code: code.to_owned(),
            })
            .inc();
    }

    /// Counts bytes of a blob.
    pub fn streamed(&self, len: u64) {
        self.streamed_bytes.inc_by(len);
    }

    /// A blob stream began.
    pub fn stream_started(&self) {
        self.open_streams.inc();
    }

    /// A blob stream is over, whole or not.
    pub fn stream_ended(&self) {
        self.open_streams.dec();
    }

    /// The text that Prometheus reads.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing into a String cannot fail.
        prometheus_client::encoding::text::encode(&mut text, &self.registry).ok();
        text
    }
}
