//! What happens when the place changes, the user acts, or a worker speaks. Loads start here, go
//! through the ports, and end in a method of the state.

mod blob;
mod compare;
mod embed;
mod export;
mod image;
mod layer;
pub mod local;
mod login;
mod offline;
mod parts;
mod repo;
mod root;
mod save;
mod settings;
mod status;
mod viewer;
mod way;

pub use login::SentTo;

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::mem::ManuallyDrop;
use std::rc::Rc;

use layerscope_core::digest::Digest;
use layerscope_core::embed::{Embed, Look};
use layerscope_core::explore::cancel::Cancel;
use layerscope_core::job::{Event, JobId};
use layerscope_core::layer_index::TradeChoice;
use layerscope_core::manifest::Platform;
use layerscope_core::path::EntryPath;
use layerscope_core::reference::{Reference, Registry, Repository};
use layerscope_core::registry::client::Client;
use layerscope_core::registry::endpoint::Endpoint;
use layerscope_core::registry::way::{Surroundings, Ways};
use layerscope_core::route::{Route, legacy};
use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::browser::drop::{self, Dropped};
use crate::browser::offline::Keeper;
use crate::browser::pool::LayerPool;
use crate::browser::prefs::{self, Theme};
use crate::browser::reach::PageHttp;
use crate::browser::store::Store;
use crate::browser::viewers::Viewers;
use crate::browser::{chosen, location, page};
use crate::pages::{Needs, Parts};
use crate::state::State;
use crate::state::layer::Opened;
use crate::state::shell::Origin;

/// What the page can be asked to do; a handle that is copied.
#[derive(Clone, Copy)]
pub struct Effects(StoredValue<Rc<Inner>, LocalStorage>);

/// What the loads of a page are about: while it stays the same, a new route loads only what
/// differs.
#[derive(Debug, Clone, PartialEq)]
enum Key {
    Nothing,
    Repo(Registry, Option<Repository>),
    Namespace(Registry, String),
    /// The image, and the artifact type of which alone its referrers are shown.
    Image(Reference, Option<String>),
    Layer(Repository, Digest),
    /// All layers of an image, or one layer as if it were all.
    Root(Repository, Digest, bool),
    Blob(Repository, Digest),
    /// Two images, and of an index the platform of each.
    Compare(Box<[(Reference, Option<Platform>); 2]>),
    Settings,
}

/// An event that is not for the page that hears first, and the bytes beside it.
type Unheard = Option<(Event, Option<Vec<u8>>)>;
/// Hears what workers say before the layer's page does.
type Listener = fn(&Rc<Inner>, Event, Option<Vec<u8>>) -> Unheard;

pub(crate) struct Inner {
    state: State,
    /// A parent window is listened to.
    listens: Cell<bool>,
    /// The app is being kept for use without a network.
    keeps: Cell<bool>,
    keeper: RefCell<Option<Keeper>>,
    /// The dealings with it.
    embed: RefCell<Option<Embed>>,
    /// The ids of what is open from disk, the oldest first.
    held: RefCell<VecDeque<String>>,
    /// What was dropped before the second part of the program was here.
    dropped: RefCell<Option<Dropped>>,
    parts: Parts,
    /// Never dropped, as the page's are: the first download need not know how.
    client: ManuallyDrop<Client<PageHttp>>,
    /// Where the proxy is, and which way each registry is asked; nothing before that is settled.
    around: RefCell<Surroundings>,
    ways: RefCell<Ways>,
    settling: Cell<bool>,
    settled: Cell<bool>,
    pool: LayerPool,
    store: Store,
    logins: login::Logins,
    /// Ends the loads of the present page.
    cancel: RefCell<Cancel>,
    key: RefCell<Key>,
    /// Where layers and blobs were come upon.
    origins: RefCell<HashMap<Digest, Origin>>,
    /// The layer that is open, also while an archive in it is shown.
    base: RefCell<Option<Opened>>,
    /// The archives that are open, one in the other, by the path of each in the one before.
    chain: RefCell<Vec<(EntryPath, JobId)>>,
    /// Layers that go on streaming though the page has left them.
    background: RefCell<VecDeque<JobId>>,
    /// The jobs of the present page that are not of a layer's.
    beside: RefCell<Vec<JobId>>,
    /// Hears what they say.
    listener: Cell<Option<Listener>>,
    /// Who shows files as what they are, once somebody was needed.
    viewers: RefCell<Option<Viewers>>,
}

impl Effects {
    /// Starts: reads the address, listens to it, and to the workers.
    pub fn start(state: State, parts: Parts) -> Self {
        let inner = Rc::new_cyclic(|weak: &std::rc::Weak<Inner>| {
            let weak = weak.clone();
            let pool = LayerPool::new(&page::build_id(), move |event, bytes| {
                if let Some(inner) = weak.upgrade()
                    && let Some(part) = inner.layer_page()
                {
                    part.event(&inner, event, bytes);
                }
            });
            Inner {
                state,
                listens: Cell::default(),
                keeps: Cell::default(),
                keeper: RefCell::default(),
                embed: RefCell::default(),
                held: RefCell::default(),
                dropped: RefCell::default(),
                parts,
                client: ManuallyDrop::new(
                    Client::new(PageHttp, Endpoint::proxy("")).with_clock(Rc::new(page::PageClock)),
                ),
                around: RefCell::default(),
                ways: RefCell::default(),
                settling: Cell::new(false),
                settled: Cell::new(false),
                pool,
                store: Store::lazy(),
                logins: login::Logins::default(),
                cancel: RefCell::default(),
                key: RefCell::new(Key::Nothing),
                origins: RefCell::default(),
                base: RefCell::default(),
                chain: RefCell::default(),
                background: RefCell::default(),
                beside: RefCell::default(),
                listener: Cell::new(None),
                viewers: RefCell::default(),
            }
        });
        state.shell.set_recents(prefs::recents());
        state.shell.set_trade(prefs::trade());
        state.local.set_remembered(prefs::locals());
        let look = Look::parse(&location::query());
        let theme = look.theme.as_deref().and_then(Theme::named);
        let theme = theme.unwrap_or_else(prefs::theme);
        show_theme(theme);
        state.shell.set_theme(theme);
        if look.embed {
            page::set_root_attribute("data-embed", "yes");
        }
        if look.compact {
            page::set_root_attribute("data-density", "compact");
        }
        let measure = move || {
            let height = page::window().inner_height().ok().and_then(|h| h.as_f64());
            state.shell.set_height(height.unwrap_or(1000.0));
        };
        measure();
        page::on_resize(measure);
        status::follow(state);

        let first = match legacy::from_query(&location::query()) {
            Some(route) if location::fragment().is_empty() => {
                location::replace_query("", &route.fragment());
                route.fragment()
            }
            _ => location::fragment(),
        };
        let taking = Rc::downgrade(&inner);
        drop::on_drop(move |dropped| {
            if let Some(inner) = taking.upgrade() {
                inner.take_files(dropped);
            }
        });
        let listening = Rc::downgrade(&inner);
        location::on_change(move |fragment| {
            if let Some(inner) = listening.upgrade() {
                inner.enter(&fragment);
            }
        });
        if matches!(Route::parse(&first), Route::Fs { .. }) {
            inner.pool.warm(); // it loads beside the layer's page, where boot.js has not begun it
        }
        inner.enter(&first);
        Effects(StoredValue::new_local(inner))
    }

    fn with<T>(self, f: impl FnOnce(&Rc<Inner>) -> T) -> T {
        self.0.with_value(f)
    }

    /// Goes somewhere: the only way is the address.
    pub fn go(self, route: &Route) {
        location::navigate(&route.fragment());
    }

    /// Changes how the place is shown, without a step in the history.
    pub fn adjust(self, route: &Route) {
        let fragment = route.fragment();
        location::replace(&fragment);
        self.with(|inner| inner.enter(&fragment));
    }

    /// Tries the present page again.
    pub fn retry(self) {
        self.with(|inner| {
            *inner.key.borrow_mut() = Key::Nothing;
            inner.enter(&location::fragment());
        });
    }

    /// Chooses colours.
    pub fn set_theme(self, theme: Theme) {
        prefs::set_theme(theme);
        show_theme(theme);
        self.with(|inner| inner.state.shell.set_theme(theme));
    }

    /// Chooses what the indices keep that are made from now on.
    pub fn set_trade(self, trade: TradeChoice) {
        prefs::set_trade(trade);
        self.with(|inner| inner.state.shell.set_trade(trade));
    }

    /// Forgets what was opened lately.
    pub fn clear_recents(self) {
        prefs::clear_recents();
        chosen::forget_all();
        self.with(|inner| {
            inner.state.shell.set_recents(Vec::new());
            inner.state.local.set_remembered(Vec::new());
        });
    }
}

fn show_theme(theme: Theme) {
    page::set_root_attribute("data-theme", theme.name());
}

impl Inner {
    /// The address has changed, or the same place is tried again.
    fn enter(self: &Rc<Self>, fragment: &str) {
        let route = Route::parse(fragment);
        let canonical = route.fragment();
        let invalid = matches!(route, Route::Invalid { .. });
        if canonical != fragment && !invalid {
            location::replace(&canonical);
        }
        page::mark("layerscope:route");
        page::set_document_state("loading", &canonical);
        // The page around this one is dealt with by the other pages' part.
        let needs = match page::is_framed() {
            true => Needs::Others,
            false => Needs::of(&route),
        };
        // Before the place is known: nobody may take an earlier failure for one of this place.
        let claimed = self.claim(needs);
        self.state.shell.enter(route, canonical);
        self.load_if_here();
        self.fetch(claimed);
        self.prefetch(needs);
    }

    /// Starts what the route needs and does not have; ends what it no longer needs.
    fn load(self: &Rc<Self>, route: &Route) {
        let key = key_of(route);
        let same = *self.key.borrow() == key;
        if !same {
            self.cancel.replace(Cancel::default()).cancel();
            self.key.replace(key.clone());
            self.state.offline.set_from_store(false);
            self.listener.set(None);
            for job in self.beside.take() {
                layer::let_go(self, job);
            }
            if !matches!(key, Key::Layer(..) | Key::Root(..)) {
                layer::leave(self);
            }
        }
        // What is on disk is read by the other pages' part.
        let is_local = route.local_id().is_some();
        if is_local && !self.other_pages().is_some_and(|p| p.is_here(self, route)) {
            return;
        }
        if let Some(registry) = route.registry().filter(|r| !r.is_local()) {
            self.tell_way(registry);
        }
        match (route, self.other_pages()) {
            (
                Route::Fs {
                    repository,
                    digest,
                    path,
                    inner,
                    show,
                    ..
                },
                _,
            ) => layer::load(self, (repository, digest), path, inner, show, same),
            (Route::Start, _) => self.state.shell.set_recents(prefs::recents()),
            (route, Some(others)) => others.load(self, route, same),
            (_, None) => {}
        }
    }

    /// Runs a load of the present page; it is dropped when the page is left.
    fn spawn(&self, work: impl Future<Output = ()> + 'static) {
        let cancel = self.cancel.borrow().clone();
        spawn_local(async move {
            // Given up is no outcome: the state has gone on to something else.
            let _ = cancel.guard(work).await;
        });
    }

    /// Says where a layer or blob was come upon.
    fn tell_origin(&self, digest: &Digest) {
        let origin = self.origins.borrow().get(digest).cloned();
        self.state.shell.set_origin(origin);
    }
}

/// Starts what a route needs; in the part of the program with a layer's page.
pub(crate) fn load(inner: &Rc<Inner>, route: &Route) {
    if inner.settled.get() {
        if login::is_here(inner) {
            inner.load(route);
        }
    } else if !inner.settling.replace(true) {
        // Until it is known where the proxy is there is nobody to ask.
        let inner = inner.clone();
        spawn_local(async move {
            way::settle(&inner).await;
            inner.load_if_here();
        });
    }
}

/// Starts what goes on beside all pages; in the part of the program with the other pages.
pub(crate) fn begin(inner: &Rc<Inner>) {
    embed::begin(inner);
    offline::begin(inner);
}

/// Starts what any page but the first and a layer's needs; in their part of the program.
pub(crate) fn load_other(inner: &Rc<Inner>, route: &Route, same: bool) {
    match route {
        Route::Repo { .. } | Route::Namespace { .. } if !same => repo::load(inner),
        Route::Image {
            reference,
            platform,
            ..
        } => image::load(inner, reference, platform.as_ref(), same),
        Route::Referrers {
            repository, digest, ..
        } if !same => {
            let by = layerscope_core::reference::ManifestRef::Digest(digest.clone());
            image::load(inner, &repository.reference(by), None, false);
        }
        Route::Layers {
            repository, digest, ..
        }
        | Route::Sizes {
            repository, digest, ..
        } => root::load(inner, repository, digest, false, same),
        Route::Size {
            repository, digest, ..
        } => root::load(inner, repository, digest, true, same),
        Route::Blob {
            repository,
            digest,
            media_type,
            ..
        } if !same => blob::load(inner, repository, digest, media_type.as_deref()),
        Route::Compare { .. } => compare::load(inner, route, same),
        Route::Settings => settings::load(inner),
        _ => {}
    }
}

/// A worker says something; in the part of the program with a layer's page.
pub(crate) fn on_event(inner: &Rc<Inner>, event: Event, bytes: Option<Vec<u8>>) {
    let unheard = match inner.listener.get() {
        Some(hear) => hear(inner, event, bytes),
        None => Some((event, bytes)),
    };
    if let Some((event, bytes)) = unheard {
        layer::on_event(inner, event, bytes);
    }
}

fn key_of(route: &Route) -> Key {
    match route {
        Route::Repo {
            registry,
            repository,
        } => Key::Repo(registry.clone(), repository.clone()),
        Route::Namespace {
            registry,
            namespace,
        } => Key::Namespace(registry.clone(), namespace.clone()),
        Route::Image { reference, .. } => Key::Image(reference.clone(), None),
        Route::Referrers {
            repository,
            digest,
            artifact_type,
        } => {
            let by = layerscope_core::reference::ManifestRef::Digest(digest.clone());
            Key::Image(repository.reference(by), artifact_type.clone())
        }
        Route::Fs {
            repository, digest, ..
        } => Key::Layer(repository.clone(), digest.clone()),
        Route::Layers {
            repository, digest, ..
        }
        | Route::Sizes {
            repository, digest, ..
        } => Key::Root(repository.clone(), digest.clone(), false),
        Route::Size {
            repository, digest, ..
        } => Key::Root(repository.clone(), digest.clone(), true),
        Route::Blob {
            repository, digest, ..
        } => Key::Blob(repository.clone(), digest.clone()),
        Route::Compare {
            left,
            right,
            left_platform,
            right_platform,
            ..
        } => Key::Compare(Box::new([
            (left.clone(), left_platform.clone()),
            (right.clone(), right_platform.clone()),
        ])),
        Route::Settings => Key::Settings,
        _ => Key::Nothing,
    }
}
