//! Layerscope's proxy: the read side of container registries for a browser, the app's static
//! files, and a sample registry. It keeps nothing that a request needs from an earlier one.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, any, get, on, post};
use axum::{Router, middleware};
use http::{StatusCode, header};
use serde_json::json;
use tower_http::catch_panic::CatchPanicLayer;

pub mod address;
pub mod assets;
pub mod blob;
pub mod budget;
pub mod challenge;
pub mod config;
pub mod connect;
pub mod cors;
pub mod error;
pub mod forward;
pub mod forwarder;
pub mod guard;
pub mod headers;
pub mod legacy;
pub mod limits;
pub mod link;
pub mod listing;
pub mod location;
pub mod login;
pub mod metrics;
pub mod params;
pub mod policy;
mod print;
pub mod provider;
pub mod range;
pub mod realm;
pub mod redirect;
pub mod room;
pub mod sample;
pub mod serve;
pub mod sip;
pub mod stream;
pub mod target;
pub mod token;
pub mod upstream;

pub use config::{Args, Config, ConfigError};
pub use connect::{Resolver, SystemResolver};

/// The version of the API under `/api/v1/`.
const API_VERSION: u32 = 1;

/// All that handlers share.
pub struct Proxy {
    config: Config,
    policy: Arc<policy::Policy>,
    upstream: upstream::Upstream,
    gate: limits::Gate,
    cors: cors::Cors,
    site: assets::Site,
    metrics: metrics::Metrics,
    locations: location::Locations,
    schemes: realm::Schemes,
    discoveries: login::Discoveries,
    sample: OnceLock<sample::Sample>,
    draining: Arc<AtomicBool>,
}

impl Proxy {
    /// The proxy of a configuration, with a resolver (tests bring their own).
    ///
    /// # Errors
    /// The file of TLS roots cannot be used.
    pub fn new(config: Config, resolver: Arc<dyn Resolver>) -> Result<Arc<Self>, ConfigError> {
        let policy = Arc::new(config.policy.clone());
        let upstream = upstream::Upstream::new(
            policy.clone(),
            resolver,
            config.limits.clone(),
            config.ca_file.as_deref(),
        )?;
        let loopback = config.listen.ip().is_loopback();
        Ok(Arc::new(Self {
            policy,
            upstream,
            gate: limits::Gate::new(&config.limits),
            cors: cors::Cors::new(config.origins.clone(), loopback),
            site: assets::Site::new(&config),
            metrics: metrics::Metrics::default(),
            locations: location::Locations::default(),
            schemes: realm::Schemes::default(),
            discoveries: login::Discoveries::default(),
            sample: OnceLock::new(),
            draining: Arc::default(),
            config,
        }))
    }

    /// Set while the proxy finishes what is under way.
    pub fn draining(&self) -> Arc<AtomicBool> {
        self.draining.clone()
    }

    /// The sample registry, made when first asked for.
    fn sample(&self) -> &sample::Sample {
        self.sample.get_or_init(sample::Sample::build)
    }
}

/// The whole proxy as a router, with the system's resolver.
///
/// # Errors
/// As [`Proxy::new`].
pub fn app(config: Config) -> Result<Router, ConfigError> {
    Ok(router(Proxy::new(config, Arc::new(SystemResolver))?))
}

/// The routes of a proxy.
pub fn router(proxy: Arc<Proxy>) -> Router {
    let read = MethodFilter::GET.or(MethodFilter::HEAD);
    // Without a handler of its own, HEAD would run the GET and ask the registry for all of it.
    macro_rules! list {
        ($handler:expr) => {
            get($handler).head(guard::method_not_allowed)
        };
    }
    let api = Router::new()
        .route("/v1/manifest", on(read, forward::manifest))
        .route("/v1/blob", on(read, blob::blob))
        .route("/v1/tags", list!(forward::tags))
        .route("/v1/catalog", list!(forward::catalog))
        .route("/v1/referrers", list!(forward::referrers))
        .route("/v1/listing", list!(listing::listing))
        .route("/v1/token", post(token::token))
        .route("/v1/login", list!(login::offer).post(login::exchange))
        .route("/v1/info", list!(info))
        .fallback(guard::not_found)
        .method_not_allowed_fallback(guard::method_not_allowed)
        .layer(middleware::from_fn_with_state(proxy.clone(), guard::guard));
    let beside = match proxy.config.metrics_listen {
        None => Router::new().route("/metrics", get(metrics_text)),
        Some(_) => Router::new(),
    };
    Router::new()
        .nest("/api", api)
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .merge(beside)
        .fallback(any(page))
        .layer(CatchPanicLayer::new())
        .with_state(proxy)
}

/// `/metrics` alone, for an address of its own.
pub fn metrics_router(proxy: Arc<Proxy>) -> Router {
    Router::new()
        .route("/metrics", get(metrics_text))
        .with_state(proxy)
}

async fn info(State(proxy): State<Arc<Proxy>>) -> Response {
    let policy = &proxy.policy;
    let listed = [
        &policy.registries,
        &policy.allow_private,
        &policy.plain_http,
    ];
    let mut names: Vec<String> = listed
        .into_iter()
        .flatten()
        .map(ToString::to_string)
        .collect();
    names.sort();
    names.dedup();
    let body = json!({
        "name": "layerscope-proxy",
        "version": env!("CARGO_PKG_VERSION"),
        "api": API_VERSION,
        "registries": if policy.any { None } else { Some(names) },
        "sample": proxy.config.sample,
        "capabilities": [
            "manifest", "blob", "tags", "catalog", "referrers", "listing", "token", "login",
        ],
    });
    (
        [(header::CONTENT_TYPE, "application/json")],
        body.to_string(),
    )
        .into_response()
}

async fn ready(State(proxy): State<Arc<Proxy>>) -> Response {
    if proxy.draining.load(Ordering::Relaxed) {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n").into_response();
    }
    "ready\n".into_response()
}

async fn metrics_text(State(proxy): State<Arc<Proxy>>) -> Response {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], proxy.metrics.text()).into_response()
}

/// Static files, and the reference system's path forms.
async fn page(State(proxy): State<Arc<Proxy>>, request: Request) -> Response {
    let path = request.uri().path();
    if path == "/api" || path.starts_with("/api/") {
        return guard::not_found().await.into_response();
    }
    if proxy.site.is_served()
        && let Some(redirect) = legacy::redirect(request.uri())
    {
        return redirect;
    }
    proxy
        .site
        .serve(request.method(), path, request.headers())
        .await
}
