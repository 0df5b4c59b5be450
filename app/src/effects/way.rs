//! Which way registries are asked: what whoever runs the page has set, what the user has chosen,
//! what was found out.

use std::rc::Rc;

use layerscope_core::app_config::AppConfig;
use layerscope_core::job::Event;
use layerscope_core::port::{Body, Http, HttpRequest};
use layerscope_core::reference::Registry;
use layerscope_core::registry::RegistryError;
use layerscope_core::registry::endpoint::Endpoint;
use layerscope_core::registry::error::{Attempt, Wanted};
use layerscope_core::registry::way::{Surroundings, Way};
use layerscope_core::view::problem::{Problem, unreached};
use leptos::task::spawn_local;

use super::{Effects, Inner, layer};
use crate::browser::fetch::FetchHttp;
use crate::browser::{location, page, prefs, reach};

/// Where the proxy says what it is.
const INFO: &str = "api/v1/info";
/// Its name there.
const PROXY_NAME: &str = "layerscope-proxy";
/// Most bytes that it says.
const MAX_INFO_BYTES: usize = 64 << 10;

/// Finds out once where the proxy is; then tells the client the way to every known registry.
pub(super) async fn settle(inner: &Inner) {
    let around = surroundings(inner).await;
    let base = around.proxy.clone();
    inner.around.replace(around);
    inner
        .client
        .set_default_endpoint(Endpoint::proxy(base.as_deref().unwrap_or_default()));
    inner.ways.replace(prefs::ways());
    inner.settled.set(true);
    inner.tell_ways();
}

async fn surroundings(inner: &Inner) -> Surroundings {
    let (bytes, from_proxy) = page::early_config().await;
    let config = match AppConfig::parse(&bytes) {
        Ok(config) => config,
        Err(why) => {
            // A file that is not there is none; one that is wrong is told of.
            if bytes.first() == Some(&b'{') {
                inner.state.shell.notify(Problem::new(
                    "CONFIG_JSON",
                    "The settings of this page cannot be read",
                    format!("config.json is not used, because {why}"),
                    "All else works. Whoever runs this page can correct the file.",
                ));
            }
            AppConfig::default()
        }
    };
    let set = config.proxy.as_ref().map(|p| p.base().map(str::to_owned));
    // A link cannot undo what whoever runs the page has decided.
    let named = named_in_query().filter(|_| set.is_none());
    let by_link = named.is_some();
    let proxy = match set.or(named.map(Some)) {
        Some(decided) => decided,
        // The proxy's own files say so, and a page in development has one beside it.
        None if from_proxy || page::build_id() == page::DEV_BUILD => Some(String::new()),
        None => is_here().await.then(String::new),
    };
    Surroundings {
        proxy,
        by_link,
        direct: config.direct,
        closed: from_proxy,
    }
}

/// The proxy that `?proxy=` names.
fn named_in_query() -> Option<String> {
    let query = location::query();
    let named = query.split('&').find_map(|p| p.strip_prefix("proxy="))?;
    let decoded = layerscope_core::path::EntryPath::decode(named);
    let base = String::from_utf8(decoded.into_bytes()).ok()?;
    Some(base.trim_end_matches('/').to_owned())
}

/// Whether there is a proxy at the page's own origin.
async fn is_here() -> bool {
    let Ok(answer) = FetchHttp.send(HttpRequest::get(format!("/{INFO}"))).await else {
        return false;
    };
    let mut body = answer.body;
    let mut bytes = Vec::new();
    while let Ok(Some(piece)) = body.next().await {
        bytes.extend_from_slice(&piece);
        if bytes.len() > MAX_INFO_BYTES {
            return false;
        }
    }
    let value: Option<serde_json::Value> = serde_json::from_slice(&bytes).ok();
    let name = value.as_ref().and_then(|v| v.get("name")?.as_str());
    answer.status == 200 && name == Some(PROXY_NAME)
}

impl Inner {
    /// Tells the client the way to a registry, as it is known now.
    pub(super) fn tell_way(&self, registry: &Registry) {
        let endpoint = self.ways.borrow().endpoint(registry, &self.around.borrow());
        self.client.set_endpoint(registry, endpoint);
    }

    fn tell_ways(&self) {
        let ways = self.ways.borrow().clone();
        let names = ways.iter().map(|(name, _)| name.to_owned());
        let listed = self.around.borrow().direct.clone();
        for registry in names.chain(listed).filter_map(|n| Registry::parse(&n).ok()) {
            self.tell_way(&registry);
        }
        self.state
            .ways
            .set(&ways, self.around.borrow().proxy.clone());
    }

    fn keep_ways(&self) {
        prefs::set_ways(&self.ways.borrow());
        self.tell_ways();
    }

    /// After a failure through the proxy: whether the registry answers this page itself, which is
    /// remembered then; the request is to be made again.
    pub(super) async fn turns_direct(&self, registry: &Registry, error: &RegistryError) -> bool {
        let around = self.around.borrow().clone();
        if !self.ways.borrow().may_turn_direct(registry, &around, error) {
            return false;
        }
        // By http only what is on this machine: elsewhere nobody has asked for it.
        let http = registry.is_loopback();
        if self.client.answers_directly(registry, http).await.is_err() {
            return false;
        }
        self.ways.borrow_mut().found(registry, Some(http));
        self.keep_ways();
        true
    }
}

impl Effects {
    /// The user chooses the way to a registry.
    pub fn choose_way(self, registry: &Registry, way: Way) {
        self.with(|inner| {
            inner.ways.borrow_mut().choose(registry, way);
            inner.keep_ways();
        });
    }

    /// Forgets what is known of a registry.
    pub fn forget_way(self, registry: &Registry) {
        self.with(|inner| {
            inner.ways.borrow_mut().forget(registry);
            inner.keep_ways();
            inner.tell_way(registry);
        });
    }

    /// Asks a registry directly; `told` gets what came of it.
    pub fn try_directly(
        self,
        registry: &Registry,
        told: impl FnOnce(Result<(), Problem>) + 'static,
    ) {
        self.with(|inner| {
            let (inner, registry) = (inner.clone(), registry.clone());
            spawn_local(async move { told(try_directly(&inner, &registry).await) });
        });
    }
}

async fn try_directly(inner: &Rc<Inner>, registry: &Registry) -> Result<(), Problem> {
    let way = inner.ways.borrow().known(registry).way;
    let http = match way {
        Way::DirectHttp => true,
        Way::Direct => false,
        Way::Automatic | Way::Proxy => registry.is_loopback(),
    };
    let answer = inner.client.answers_directly(registry, http).await;
    let found = answer.is_ok().then_some(http);
    // What works without a proxy is not switched to by a test where the proxy does.
    let known = inner.ways.borrow().known(registry).found_http;
    if known.is_some() && found.is_none() {
        inner.ways.borrow_mut().found(registry, None);
        inner.keep_ways();
    }
    answer.map_err(|error| Problem::from(&error))
}

/// What a worker says of a registry that it asked directly and that did not answer.
const UNEXPLAINED: &str = "NETWORK_DIRECT";

/// An event tells of a failure without its cause.
pub(super) fn unexplained(event: &Event) -> bool {
    let problem = match event {
        Event::Progress { progress, .. } => progress.problem.as_ref(),
        Event::ReadFailed { problem, .. } => Some(problem),
        _ => None,
    };
    problem.is_some_and(|p| p.code == UNEXPLAINED)
}

/// Finds out the cause, then lets the event go on with it.
pub(super) fn explain(inner: &Rc<Inner>, mut event: Event, bytes: Option<Vec<u8>>) {
    let source = inner.base.borrow().as_ref().map(|b| b.source.clone());
    let Some(source) = source else {
        return layer::explained(inner, event, bytes);
    };
    let inner = inner.clone();
    spawn_local(async move {
        let repository = &source.repository;
        let mut request = source.endpoint.blob(repository, &source.digest, None);
        if let Some(header) = inner.client.authorization(repository) {
            request = request.with_header("authorization", header);
        }
        if let Some(why) = reach::cause_of(&request).await {
            let attempt = Attempt {
                registry: repository.registry().familiar().to_owned(),
                what: format!("the layer {}", source.digest.short()),
                wanted: Wanted::Content,
                direct: true,
            };
            let url_host = repository.registry().dial().to_owned();
            let error = unreached::error(url_host, why);
            let told = Problem::from(&RegistryError::Network { attempt, error });
            match &mut event {
                Event::Progress { progress, .. } => progress.problem = Some(told),
                Event::ReadFailed { problem, .. } => *problem = told,
                _ => {}
            }
        }
        layer::explained(&inner, event, bytes);
    });
}
