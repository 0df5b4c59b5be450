//! Signing in and out: by a form, by docker's file, at a provider; renewing, and remembering where
//! that is wanted.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::time::Duration;

use layerscope_core::explore::cancel::Bell;
use layerscope_core::job::{Access, JobId};
use layerscope_core::reference::Registry;
use layerscope_core::registry::client::{Credentials, Renew};
use layerscope_core::registry::docker_config::{self, IDENTITY_USER};
use layerscope_core::registry::login::{self, Offer, Place, Renewal, Returned, Started};
use layerscope_core::view::login::{failed, imported, not_remembered, not_started};
use layerscope_core::view::problem::Problem;
use leptos::prelude::*;
use leptos::task::spawn_local;
use serde::{Deserialize, Serialize};

use super::{Effects, Inner};
use crate::browser::error::BrowserError;
use crate::browser::page::{self, ChosenFile};
use crate::browser::{away, location, prefs, timer};
use crate::state::login::SignedIn;

/// The setting that remembered sign-ins are kept in.
const REMEMBERED: &str = "sign-ins";
/// A sign-in is renewed when this share of its time is over, if it is refused no earlier.
const RENEW_AT: f64 = 0.8;
/// And not more often than this: what is good for less is renewed when it is refused.
const RENEW_MIN: Duration = Duration::from_secs(30);
/// Nor is waited for longer: timers count to 24 days, and nobody promises more.
const RENEW_MAX: Duration = Duration::from_secs(24 * 3600);

/// What is known of sign-ins beside the credentials, which the client has.
#[derive(Default)]
pub(super) struct Logins {
    begun: Cell<bool>,
    /// An answer of a provider is being exchanged; loads wait for it.
    returning: Cell<bool>,
    held: RefCell<Vec<(Registry, Held)>>,
    renewing: RefCell<Vec<(Registry, Bell)>>,
}

#[derive(Clone, Serialize, Deserialize)]
struct Held {
    /// As whom, or at whom.
    how: String,
    renewal: Option<Renewal>,
    #[serde(skip)]
    remembered: bool,
}

/// What is kept of a sign-in in this browser.
#[derive(Serialize, Deserialize)]
struct Kept {
    credentials: Credentials,
    held: Held,
}

impl Logins {
    fn get(&self, registry: &Registry) -> Option<Held> {
        let held = self.held.borrow();
        let found = held.iter().find(|(of, _)| of == registry);
        found.map(|(_, held)| held.clone())
    }

    fn remove(&self, registry: &Registry) {
        self.held.borrow_mut().retain(|(of, _)| of != registry);
    }
}

/// Loads may begin. The first call takes over what is remembered; if the page has come back from a
/// provider, they begin when the sign-in is finished.
pub(super) fn is_here(inner: &Rc<Inner>) -> bool {
    if inner.logins.begun.replace(true) {
        return !inner.logins.returning.get();
    }
    let renews = PageRenews(Rc::downgrade(inner));
    inner.client.set_renewal(Rc::new(renews));
    if page::is_framed() {
        return true;
    }
    for (name, kept) in remembered() {
        if let Ok(registry) = Registry::parse(&name) {
            let held = Held {
                remembered: true,
                ..kept.held
            };
            hold(inner, &registry, kept.credentials, held);
        }
    }
    let Some((started, returned)) = away::take_answer() else {
        return true;
    };
    inner.logins.returning.set(true);
    let inner = inner.clone();
    spawn_local(async move {
        if let Err(problem) = finish(&inner, &started, &returned).await {
            inner.state.shell.notify(problem);
        }
        inner.logins.returning.set(false);
        let place = inner.state.shell.place();
        inner.load(&place.with_untracked(|place| place.route.clone()));
    });
    false
}

/// How a worker is let in.
pub(super) fn access(inner: &Inner, registry: &Registry) -> Access {
    Access {
        authorization: None,
        credentials: inner.client.credentials(registry),
    }
}

/// A worker's sign-in has run out.
pub(super) fn renew_for(inner: &Rc<Inner>, job: JobId, refused: Credentials) {
    let Some(registry) = inner.pool.registry(job) else {
        return;
    };
    let inner = inner.clone();
    spawn_local(async move {
        renewed(&inner, &registry, &refused).await;
        // Also if there is nothing new: it waits.
        let access = access(&inner, &registry);
        inner.pool.set_access(&registry, &access);
    });
}

/// Renews the page's own.
struct PageRenews(Weak<Inner>);

impl Renew for PageRenews {
    fn renew<'a>(
        &'a self,
        registry: &'a Registry,
        refused: &'a Credentials,
    ) -> Pin<Box<dyn Future<Output = ()> + 'a>> {
        Box::pin(async move {
            if let Some(inner) = self.0.upgrade() {
                renewed(&inner, registry, refused).await;
            }
        })
    }
}

/// Ends when these credentials were renewed, or cannot be.
async fn renewed(inner: &Rc<Inner>, registry: &Registry, refused: &Credentials) {
    if inner.client.credentials(registry).as_ref() != Some(refused) {
        return; // somebody else has seen to it
    }
    let under_way = {
        let all = inner.logins.renewing.borrow();
        let found = all.iter().find(|(of, _)| of == registry);
        found.map(|(_, bell)| bell.next())
    };
    if let Some(done) = under_way {
        return done.await;
    }
    let bell = Bell::default();
    let done = bell.next();
    {
        let mut all = inner.logins.renewing.borrow_mut();
        all.push((registry.clone(), bell.clone()));
    }
    // On its own: who asked may leave, and others wait.
    let (itself, of) = (inner.clone(), registry.clone());
    spawn_local(async move {
        if let Err(problem) = renew(&itself, &of).await {
            itself.state.shell.notify(problem);
        }
        let mut all = itself.logins.renewing.borrow_mut();
        all.retain(|(other, _)| *other != of);
        drop(all);
        bell.ring();
    });
    done.await;
}

async fn renew(inner: &Rc<Inner>, registry: &Registry) -> Result<(), Problem> {
    let Some(mut held) = inner.logins.get(registry) else {
        return Ok(());
    };
    let before = inner.client.credentials(registry);
    if held.remembered
        && let Some(kept) = remembered().remove(registry.as_str())
        && before.as_ref() != Some(&kept.credentials)
    {
        // Another tab was first; its refresh token is the one that is still good.
        held.renewal = kept.held.renewal;
        replace(inner, registry, kept.credentials, held);
        return Ok(());
    }
    let Some(renewal) = held.renewal.clone() else {
        return Ok(());
    };
    let Some(request) = renewal.request(&base(inner)) else {
        return Ok(());
    };
    let name = renewal.name.clone();
    let answer = inner.client.login(registry, &name, request).await;
    let answer = answer.map_err(|error| failed(&name, &error))?;
    let tokens = login::parse_tokens(&answer).map_err(|error| Problem::from(&error))?;
    if inner.client.credentials(registry) != before {
        return Ok(()); // signed out, or in anew, meanwhile
    }
    held.renewal = Some(Renewal {
        refresh_token: tokens.refresh_token.or(renewal.refresh_token),
        ..renewal
    });
    replace(inner, registry, tokens.credentials, held);
    renew_later(inner, registry, tokens.expires_s);
    Ok(())
}

/// Renews before it is refused, so that nobody waits.
fn renew_later(inner: &Rc<Inner>, registry: &Registry, expires_s: Option<u64>) {
    let renewal = inner.logins.get(registry).and_then(|held| held.renewal);
    let possible = renewal.is_some_and(|renewal| renewal.refresh_token.is_some());
    let Some(seconds) = expires_s.filter(|_| possible) else {
        return;
    };
    let wait = Duration::from_secs(seconds).mul_f64(RENEW_AT);
    if wait < RENEW_MIN {
        return;
    }
    let (weak, registry) = (Rc::downgrade(inner), registry.clone());
    let credentials = inner.client.credentials(&registry);
    spawn_local(async move {
        timer::sleep(wait.min(RENEW_MAX)).await;
        if let Some((inner, credentials)) = weak.upgrade().zip(credentials) {
            renewed(&inner, &registry, &credentials).await;
        }
    });
}

/// The provider has sent us back.
async fn finish(inner: &Rc<Inner>, started: &Started, returned: &Returned) -> Result<(), Problem> {
    let now_s = now_s();
    let request = started.code_request(&base(inner), returned, now_s);
    let request = request.map_err(|error| Problem::from(&error))?;
    let registry = Registry::parse(&started.place.registry).map_err(Problem::from)?;
    let answer = inner.client.login(&registry, &started.name, request).await;
    let answer = answer.map_err(|error| failed(&started.name, &error))?;
    let tokens = login::parse_tokens(&answer).map_err(|error| Problem::from(&error))?;
    let fits = started.check_id_token(tokens.id_token.as_deref(), now_s);
    fits.map_err(|error| Problem::from(&error))?;
    let held = Held {
        how: format!("at {}", started.name),
        renewal: Some(started.renewal(&tokens)),
        remembered: started.place.remember,
    };
    hold(inner, &registry, tokens.credentials, held);
    renew_later(inner, &registry, tokens.expires_s);
    Ok(())
}

fn now_s() -> i64 {
    (timer::wall_clock_ms() / 1000.0) as i64
}

/// The proxy's address: sign-ins at providers are its business, also for registries that are asked
/// directly. Without a proxy nobody is offered one.
fn base(inner: &Inner) -> String {
    inner.around.borrow().proxy.clone().unwrap_or_default()
}

/// Signs in; what others got before is forgotten.
fn hold(inner: &Inner, registry: &Registry, credentials: Credentials, held: Held) {
    inner
        .client
        .set_credentials(registry, Some(credentials.clone()));
    replace(inner, registry, credentials, held);
}

/// Notes other credentials of a sign-in, everywhere.
fn replace(inner: &Inner, registry: &Registry, credentials: Credentials, mut held: Held) {
    inner
        .client
        .replace_credentials(registry, credentials.clone());
    let mut all = remembered();
    let before = all.remove(registry.as_str());
    if held.remembered {
        let kept = Kept {
            credentials,
            held: held.clone(),
        };
        all.insert(registry.to_string(), kept);
    }
    // What was remembered before goes also where this is not to be.
    let changed = held.remembered || before.is_some();
    let kept = !changed || remember(&all);
    if held.remembered && !kept {
        held.remembered = false;
        inner.state.shell.notify(not_remembered());
    }
    inner.state.login.add(SignedIn {
        registry: registry.clone(),
        how: held.how.clone(),
        remembered: held.remembered,
    });
    inner.logins.remove(registry);
    inner
        .logins
        .held
        .borrow_mut()
        .push((registry.clone(), held));
    let access = access(inner, registry);
    inner.pool.set_access(registry, &access);
}

fn remembered() -> BTreeMap<String, Kept> {
    let text = prefs::get(REMEMBERED).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}

/// False if it will be forgotten with this tab.
fn remember(all: &BTreeMap<String, Kept>) -> bool {
    if all.is_empty() {
        prefs::remove(REMEMBERED);
        return true;
    }
    serde_json::to_string(all).is_ok_and(|text| prefs::set(REMEMBERED, &text))
}

impl Effects {
    /// Signs in to a registry, for as long as the tab lives or until one signs out, and tries again.
    pub fn sign_in(self, registry: &Registry, username: String, password: String, remember: bool) {
        let held = typed(&username, remember);
        let credentials = Credentials::typed(username, password);
        self.with(|inner| hold(inner, registry, credentials, held));
        self.retry();
    }

    /// Signs out of a registry, here and in what is remembered.
    pub fn sign_out(self, registry: &Registry) {
        self.with(|inner| {
            inner.client.set_credentials(registry, None);
            inner.logins.remove(registry);
            inner.state.login.remove(registry);
            inner.pool.set_access(registry, &Access::default());
            let mut all = remembered();
            if all.remove(registry.as_str()).is_some() {
                remember(&all);
            }
        });
    }

    /// Asks the proxy who can be signed in at for a registry, unless that is known.
    pub fn ask_offers(self, registry: &Registry) {
        self.with(|inner| {
            let alone = inner.around.borrow().proxy.is_none();
            if alone || inner.state.login.knows(registry) {
                return;
            }
            let state = inner.state.login;
            state.set_offers(registry.clone(), Vec::new());
            let (inner, registry) = (inner.clone(), registry.clone());
            spawn_local(async move {
                let request = login::offers_request(&base(&inner), &registry);
                let answer = inner.client.login(&registry, "", request).await;
                // A proxy that does not know of providers says so in its own way.
                let offers = answer
                    .ok()
                    .and_then(|bytes| login::parse_offers(&bytes).ok());
                if let Some(offers) = offers.filter(|_| state.knows(&registry)) {
                    state.set_offers(registry, offers);
                }
            });
        });
    }

    /// Goes to a provider, to come back to the present place.
    pub fn log_in(self, registry: &Registry, offer: Offer, remember: bool) {
        if page::is_framed() {
            return; // nothing offers it there
        }
        self.with(|inner| {
            let (inner, registry) = (inner.clone(), registry.clone());
            inner.state.login.set_leaving(true);
            spawn_local(async move {
                if let Err(problem) = leave(&inner, &registry, &offer, remember).await {
                    inner.state.shell.notify(problem);
                }
                // Also if we go: the browser may bring this very page back.
                inner.state.login.set_leaving(false);
            });
        });
    }

    /// Signs in to every registry that a docker `config.json` has a password for. `told` gets a
    /// sentence on what came of it.
    pub fn import_sign_ins(
        self,
        file: ChosenFile,
        remember: bool,
        told: impl FnOnce(String) + 'static,
    ) {
        self.with(|inner| {
            let inner = inner.clone();
            spawn_local(async move { told(import(&inner, file, remember).await) });
        });
    }
}

async fn leave(
    inner: &Inner,
    registry: &Registry,
    offer: &Offer,
    remember: bool,
) -> Result<(), Problem> {
    let request = login::beginning_request(&base(inner), &offer.id);
    let answer = inner.client.login(registry, &offer.name, request).await;
    let answer = answer.map_err(|error| failed(&offer.name, &error))?;
    let beginning = login::parse_beginning(&answer).map_err(|error| Problem::from(&error))?;
    let place = Place {
        registry: registry.to_string(),
        fragment: location::fragment(),
        search: location::query(),
        redirect_uri: format!("{}callback.html", location::base()),
        remember,
    };
    let thrown = |error: BrowserError| not_started(&offer.name, &error.to_string());
    let random = away::randoms().map_err(thrown)?;
    let started = beginning.start(place, &random, now_s());
    let (address, started) = started.map_err(|error| Problem::from(&error))?;
    away::leave(random.state(), &started, &address).map_err(thrown)
}

fn typed(username: &str, remembered: bool) -> Held {
    Held {
        how: match username {
            IDENTITY_USER => "by an identity token".to_owned(),
            name => format!("as {name}"),
        },
        renewal: None,
        remembered,
    }
}

async fn import(inner: &Inner, file: ChosenFile, remember: bool) -> String {
    let read = match file.read(docker_config::MAX_CONFIG_BYTES).await {
        Ok(bytes) => docker_config::parse(&bytes),
        Err(error) => return format!("The file could not be read: {error}."),
    };
    let sign_ins = match read {
        Ok(sign_ins) => sign_ins,
        Err(why) => return format!("This is no config.json of docker's: {why}."),
    };
    let told = imported(&sign_ins);
    for (registry, credentials) in sign_ins.found {
        let held = typed(&credentials.username, remember);
        hold(inner, &registry, credentials, held);
    }
    told
}
