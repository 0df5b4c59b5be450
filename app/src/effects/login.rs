//! Signing in and out: by a form, by docker's file, at a provider; renewing, and remembering where
//! that is wanted.

mod renew;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use layerscope_core::explore::cancel::Bell;
use layerscope_core::job::Access;
use layerscope_core::reference::Registry;
use layerscope_core::registry::client::Credentials;
use layerscope_core::registry::docker_config::{self, IDENTITY_USER};
use layerscope_core::registry::endpoint::Endpoint;
use layerscope_core::registry::login::kept::{self, AllKept, Kept, Trust};
use layerscope_core::registry::login::{self, Offer, Place, Renewal, Returned, Started};
use layerscope_core::view::login::{failed, imported, not_remembered, not_revoked, not_started};
use layerscope_core::view::problem::Problem;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::{Effects, Inner};
use crate::browser::error::BrowserError;
use crate::browser::page::{self, ChosenFile};
use crate::browser::{away, location, prefs, timer};
use crate::state::login::SignedIn;
pub(super) use renew::renew_for;
use renew::{PageRenews, renew_later};

/// The setting that remembered sign-ins are kept in.
const REMEMBERED: &str = "sign-ins";

/// What is known of sign-ins beside the credentials, which the client has.
#[derive(Default)]
pub(super) struct Logins {
    begun: Cell<bool>,
    /// An answer of a provider is being exchanged; loads wait for it.
    returning: Cell<bool>,
    held: RefCell<Vec<(Registry, Held)>>,
    renewing: RefCell<Vec<(Registry, Bell)>>,
}

/// Which way user name and password go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SentTo {
    /// To the page's proxy, which hands them on.
    Proxy,
    /// To the registry itself, and the sign-in that it names.
    Registry,
    /// Likewise, not encrypted.
    InClear,
}

#[derive(Clone)]
struct Held {
    /// As whom, or at whom.
    how: String,
    renewal: Option<Renewal>,
    remembered: bool,
    /// When it was got, or its renewal tried last, by the wall clock; long ago if that is not known.
    tried_ms: f64,
    /// Seconds for which it is good from then on, if it is said.
    expires_s: Option<u64>,
}

impl Logins {
    fn get(&self, registry: &Registry) -> Option<Held> {
        let held = self.held.borrow();
        let found = held.iter().find(|(of, _)| of == registry);
        found.map(|(_, held)| held.clone())
    }

    fn put(&self, registry: &Registry, held: Held) {
        self.remove(registry);
        self.held.borrow_mut().push((registry.clone(), held));
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
    take_remembered(inner);
    let weak = Rc::downgrade(inner);
    prefs::on_change(REMEMBERED, move || {
        if let Some(inner) = weak.upgrade() {
            catch_up_all(&inner);
        }
    });
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
        renewed: false,
    }
}

/// Whether this page's proxy may have sign-ins.
fn trust(inner: &Inner) -> Trust {
    let base = base(inner);
    let set = (!inner.around.borrow().by_link).then_some(base.as_str());
    kept::trust(&base, set, &prefs::accepted())
}

/// Takes over what is remembered, if it may go to this page's proxy. What was given to another
/// stays there.
fn take_remembered(inner: &Inner) {
    let trust = trust(inner);
    let given = trust == Trust::Given;
    inner.state.login.set_trust(trust, prefs::accepted());
    let all = remembered();
    for (registry, kept) in all.of(&base(inner)).filter(|_| given) {
        note(
            inner,
            &registry,
            kept.credentials.clone(),
            from_kept(kept),
            false,
        );
    }
}

fn from_kept(kept: &Kept) -> Held {
    Held {
        how: kept.how.clone(),
        renewal: kept.renewal.clone(),
        remembered: true,
        tried_ms: 0.0,
        expires_s: kept.expires_s,
    }
}

/// Other tabs have changed what all share.
fn catch_up_all(inner: &Inner) {
    let held = inner.logins.held.borrow();
    let shared = held.iter().filter(|(_, held)| held.remembered);
    let shared: Vec<Registry> = shared.map(|(registry, _)| registry.clone()).collect();
    drop(held);
    for registry in shared {
        catch_up(inner, &registry);
    }
}

/// Does what another tab has done with a sign-in that is remembered: it was renewed there, or one
/// signed out. Returns whether anything was done.
fn catch_up(inner: &Inner, registry: &Registry) -> bool {
    let all = remembered();
    let Some(kept) = all.get(&base(inner), registry) else {
        forget(inner, registry);
        return true;
    };
    let held = inner.logins.get(registry);
    if inner.client.credentials(registry).as_ref() == Some(&kept.credentials) {
        if let Some(held) = held.filter(|held| held.renewal != kept.renewal) {
            let renewal = kept.renewal.clone();
            inner.logins.put(registry, Held { renewal, ..held });
        }
        return false;
    }
    let same = held.is_some_and(|held| held.how == kept.how);
    let held = Held {
        tried_ms: timer::wall_clock_ms(),
        ..from_kept(kept)
    };
    note(inner, registry, kept.credentials.clone(), held, same);
    true
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
        tried_ms: timer::wall_clock_ms(),
        expires_s: tokens.expires_s,
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

/// Signs in, and remembers it if that is wanted; what others got before is forgotten.
fn hold(inner: &Inner, registry: &Registry, credentials: Credentials, held: Held) {
    let held = keep(inner, registry, &credentials, held);
    note(inner, registry, credentials, held, false);
}

/// Notes credentials everywhere in this tab. Those of the same person leave what was got before.
fn note(inner: &Inner, registry: &Registry, credentials: Credentials, held: Held, same: bool) {
    match same {
        true => inner.client.replace_credentials(registry, credentials),
        false => inner.client.set_credentials(registry, Some(credentials)),
    }
    inner.state.login.add(SignedIn {
        registry: registry.clone(),
        how: held.how.clone(),
        remembered: held.remembered,
    });
    inner.logins.put(registry, held);
    let access = Access {
        renewed: same,
        ..access(inner, registry)
    };
    inner.pool.set_access(registry, &access);
}

/// Keeps a sign-in in this browser, or no longer. Returns it as it is then.
fn keep(inner: &Inner, registry: &Registry, credentials: &Credentials, mut held: Held) -> Held {
    let mut all = remembered();
    let proxy = base(inner);
    // What was remembered before goes also where this is not to be.
    let mut changed = all.remove(&proxy, registry);
    if held.remembered {
        let kept = Kept {
            credentials: credentials.clone(),
            how: held.how.clone(),
            renewal: held.renewal.clone(),
            expires_s: held.expires_s,
        };
        all.put(&proxy, registry, kept);
        changed = true;
    }
    let done = !changed || remember(&all);
    if held.remembered && !done {
        held.remembered = false;
        inner.state.shell.notify(not_remembered());
    }
    held
}

/// Signs out in this tab.
fn forget(inner: &Inner, registry: &Registry) {
    inner.client.set_credentials(registry, None);
    inner.logins.remove(registry);
    inner.state.login.remove(registry);
    inner.pool.set_access(registry, &Access::default());
}

fn remembered() -> AllKept {
    AllKept::parse(&prefs::get(REMEMBERED).unwrap_or_default())
}

/// False if it will be forgotten with this tab.
fn remember(all: &AllKept) -> bool {
    match all.to_text() {
        Some(text) => prefs::set(REMEMBERED, &text),
        None => {
            prefs::remove(REMEMBERED);
            true
        }
    }
}

impl Effects {
    /// Signs in to a registry, for as long as the tab lives or until one signs out, and tries again.
    pub fn sign_in(self, registry: &Registry, username: String, password: String, remember: bool) {
        let held = typed(&username, remember);
        let credentials = Credentials::typed(username, password);
        self.with(|inner| {
            if trust(inner) == Trust::Given {
                let credentials = Credentials {
                    // The form has said so.
                    in_clear: inner.client.asks_in_clear(registry),
                    ..credentials
                };
                hold(inner, registry, credentials, held);
            }
        });
        self.retry();
    }

    /// Whom a sign-in to a registry is sent to, and whether everybody on the way can read it.
    pub fn sends_sign_in(self, registry: &Registry) -> SentTo {
        self.with(|inner| match inner.client.endpoint(registry) {
            Endpoint::Proxy { .. } => SentTo::Proxy,
            Endpoint::Direct { .. } if inner.client.asks_in_clear(registry) => SentTo::InClear,
            Endpoint::Direct { .. } => SentTo::Registry,
        })
    }

    /// Signs out of a registry, here, in what is remembered, and at the provider.
    pub fn sign_out(self, registry: &Registry) {
        self.with(|inner| {
            let renewal = inner.logins.get(registry).and_then(|held| held.renewal);
            forget(inner, registry);
            let mut all = remembered();
            if all.remove(&base(inner), registry) {
                remember(&all);
            }
            let request = renewal.as_ref().and_then(|r| r.revocation(&base(inner)));
            if let Some((renewal, request)) = renewal.zip(request) {
                let (inner, registry) = (inner.clone(), registry.clone());
                spawn_local(async move {
                    let told = inner.client.login(&registry, &renewal.name, request).await;
                    if let Err(error) = told {
                        let problem = not_revoked(&renewal.name, &error);
                        inner.state.shell.notify(problem);
                    }
                });
            }
        });
    }

    /// The user lets this page's proxy, which a link has named, have sign-ins from now on.
    pub fn accept_proxy(self) {
        self.with(|inner| {
            if let Trust::Asked(_) = trust(inner) {
                prefs::set_accepted(&kept::accept(prefs::accepted(), &base(inner)));
                take_remembered(inner);
            }
        });
        self.retry();
    }

    /// A proxy that a link has named shall have no sign-ins any more, and those made by way of it
    /// are forgotten.
    pub fn refuse_proxy(self, proxy: &str) {
        self.with(|inner| {
            let mut accepted = prefs::accepted();
            accepted.retain(|one| one != proxy);
            prefs::set_accepted(&accepted);
            let mut all = remembered();
            all.remove_all(proxy);
            remember(&all);
            if base(inner) == proxy {
                let held = inner.logins.held.borrow().clone();
                for (registry, _) in held {
                    forget(inner, &registry);
                }
            }
            inner.state.login.set_trust(trust(inner), accepted);
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
                match offers.filter(|_| state.knows(&registry)) {
                    Some(offers) => state.set_offers(registry, offers),
                    // Asked again with the next try: the proxy may have been busy, or not there.
                    None => state.forget_offers(&registry),
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
            if trust(inner) != Trust::Given {
                return; // nor here
            }
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
        proxy: base(inner),
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
        tried_ms: timer::wall_clock_ms(),
        expires_s: None,
    }
}

async fn import(inner: &Inner, file: ChosenFile, remember: bool) -> String {
    if trust(inner) != Trust::Given {
        return "Not through this page's proxy, which a link has named.".to_owned();
    }
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
