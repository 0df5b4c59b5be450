//! Which way registries are asked: what whoever runs the page has set, what the user has chosen,
//! what was found out.

use std::rc::Rc;
use std::time::Duration;

use layerscope_core::app_config::AppConfig;
use layerscope_core::explore::cancel::{Either, race};
use layerscope_core::job::{Event, JobId, LayerSource, Phase};
use layerscope_core::port::{Body, Http, HttpRequest};
use layerscope_core::reference::Registry;
use layerscope_core::registry::RegistryError;
use layerscope_core::registry::endpoint::Endpoint;
use layerscope_core::registry::error::{Attempt, Wanted};
use layerscope_core::registry::way::{Surroundings, Turn, Way, Ways, is_proxy};
use layerscope_core::view::problem::{Problem, unreached};
use leptos::task::spawn_local;

use super::{Effects, Inner, layer};
use crate::browser::fetch::FetchHttp;
use crate::browser::{location, page, prefs, reach, timer};

/// Where the proxy says what it is.
const INFO: &str = "api/v1/info";
/// Most bytes that it says.
const MAX_INFO_BYTES: usize = 64 << 10;
/// How long either question may take; the page shows nothing before.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);

/// Finds out once where the proxy is; then tells the client the way to every known registry.
pub(super) async fn settle(inner: &Rc<Inner>) {
    let around = surroundings(inner).await;
    let base = around.proxy.clone();
    inner.around.replace(around);
    inner
        .client
        .set_default_endpoint(Endpoint::proxy(base.as_deref().unwrap_or_default()));
    inner.settled.set(true);
    inner.read_ways(|_| {});
    let weak = Rc::downgrade(inner);
    prefs::on_ways(move || {
        if let Some(inner) = weak.upgrade() {
            inner.read_ways(|_| {});
        }
    });
}

async fn surroundings(inner: &Inner) -> Surroundings {
    let config = race(page::early_config(), timer::sleep(ANSWER_LIMIT)).await;
    let (bytes, from_proxy) = match config {
        Either::Left(config) => config,
        Either::Right(()) => Default::default(),
    };
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
    let answer = async {
        let answer = FetchHttp.send(HttpRequest::get(format!("/{INFO}"))).await;
        let mut answer = answer.ok()?;
        let mut bytes = Vec::new();
        while bytes.len() <= MAX_INFO_BYTES
            && let Some(piece) = answer.body.next().await.ok()?
        {
            bytes.extend_from_slice(&piece);
        }
        bytes.truncate(MAX_INFO_BYTES);
        Some((answer.status, bytes))
    };
    let answer = match race(answer, timer::sleep(ANSWER_LIMIT)).await {
        Either::Left(answer) => answer,
        Either::Right(()) => None,
    };
    is_proxy(answer.as_ref().map(|(status, body)| (*status, &**body)))
}

impl Inner {
    /// Tells the client the way to a registry, as it is known now.
    pub(super) fn tell_way(&self, registry: &Registry) {
        let endpoint = self.ways.borrow().endpoint(registry, &self.around.borrow());
        self.client.set_endpoint(registry, endpoint);
    }

    /// Reads what is kept of the ways, with what this visit knows, and makes a change to it.
    fn read_ways(&self, change: impl FnOnce(&mut Ways)) -> Ways {
        let before = self.ways.take();
        let gone: Vec<String> = before.iter().map(|(name, _)| name.to_owned()).collect();
        let mut ways = prefs::ways().in_visit_of(before);
        change(&mut ways);
        self.ways.replace(ways.clone());
        let names = ways.iter().map(|(name, _)| name.to_owned());
        let listed = self.around.borrow().direct.clone();
        let all = names.chain(gone).chain(listed);
        for registry in all.filter_map(|n| Registry::parse(&n).ok()) {
            self.tell_way(&registry);
        }
        self.state.ways.set(&ways, &self.around.borrow());
        ways
    }

    /// Changes what is kept of the ways: as it is at this moment, because other tabs change it too.
    fn change_ways(&self, change: impl FnOnce(&mut Ways)) {
        prefs::set_ways(&self.read_ways(change));
    }

    /// After a failure that is a problem of this code: whether the registry is asked another way
    /// from now on; the request is to be made again then.
    pub(super) async fn turns(&self, registry: &Registry, code: &str) -> bool {
        let turn = self
            .ways
            .borrow()
            .turn(registry, &self.around.borrow(), code);
        match turn {
            None => return false,
            Some(Turn::Back) => self.ways.borrow_mut().turn_back(registry),
            Some(Turn::Direct { for_good }) => {
                // By http only what is on this machine: elsewhere nobody has asked for it.
                let http = registry.is_loopback();
                if self.client.answers_directly(registry, http).await.is_err() {
                    return false;
                }
                match for_good {
                    true => self.change_ways(|ways| ways.found(registry, Some(http))),
                    false => self.ways.borrow_mut().found_for_now(registry, http),
                }
            }
        }
        self.tell_way(registry);
        true
    }

    /// Asks a registry; once more, if its failure lets it be asked another way.
    pub(super) async fn by_either_way<T>(
        &self,
        registry: &Registry,
        ask: impl AsyncFn() -> Result<T, RegistryError>,
    ) -> Result<T, RegistryError> {
        match ask().await {
            Err(error) if self.turns(registry, &Problem::from(&error).code).await => ask().await,
            answer => answer,
        }
    }
}

impl Effects {
    /// The user chooses the way to a registry.
    pub fn choose_way(self, registry: &Registry, way: Way) {
        self.with(|inner| {
            inner.change_ways(|ways| ways.choose(registry, way));
        });
    }

    /// Forgets what is known of a registry.
    pub fn forget_way(self, registry: &Registry) {
        self.with(|inner| {
            inner.change_ways(|ways| ways.forget(registry));
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
        inner.change_ways(|ways| ways.found(registry, None));
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

/// The job that an event is of.
fn job_of(event: &Event) -> Option<JobId> {
    match event {
        Event::Progress { job, .. } | Event::ReadFailed { job, .. } => Some(*job),
        _ => None,
    }
}

/// Finds out the cause, then lets the event go on with it.
pub(super) fn explain(inner: &Rc<Inner>, mut event: Event, bytes: Option<Vec<u8>>) {
    let job = job_of(&event);
    let Some((job, source)) = job.and_then(|job| Some((job, inner.pool.source(job)?))) else {
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
        // It may have been closed, or gone on, meanwhile: then this is no longer how it stands.
        let now = inner.pool.progress(job).map(|progress| progress.phase);
        let late = match &event {
            Event::Progress { progress, .. } => now != Some(progress.phase),
            _ => now.is_none(),
        };
        if !late {
            turn_or_tell(&inner, event, bytes);
        }
    });
}

/// Where the open layer has failed in a way for which there is another one, opens it anew by that;
/// else tells the event.
pub(super) fn turn_or_tell(inner: &Rc<Inner>, event: Event, bytes: Option<Vec<u8>>) {
    let failed = match &event {
        Event::Progress { job, progress } if progress.phase == Phase::Failed => {
            let code = progress.problem.as_ref().map(|p| p.code.clone());
            let base = inner.base.borrow().clone().filter(|base| base.job == *job);
            base.zip(code)
        }
        _ => None,
    };
    let around = inner.around.borrow();
    let turns = failed.filter(|(base, code)| {
        let registry = base.source.repository.registry();
        inner.ways.borrow().turn(registry, &around, code).is_some()
    });
    drop(around);
    let Some((base, code)) = turns else {
        return layer::explained(inner, event, bytes);
    };
    let inner = inner.clone();
    spawn_local(async move {
        let turned = inner.turns(base.source.repository.registry(), &code).await;
        let open = inner.base.borrow().as_ref().map(|opened| opened.job);
        match turned && open == Some(base.job) {
            true => reopen(&inner),
            false => layer::explained(&inner, event, bytes),
        }
    });
}

/// Opens the open layer anew, by the way that its registry is asked now.
fn reopen(inner: &Rc<Inner>) {
    let failed = inner.base.borrow().as_ref().map(|opened| opened.job);
    layer::reopen(inner, |source| LayerSource {
        endpoint: inner.client.endpoint(source.repository.registry()),
        ..source
    });
    if let Some(failed) = failed {
        inner.pool.close(failed);
    }
    // With the archives that the place leads into.
    let route = inner.state.shell.route_now();
    inner.load(&route);
}
