//! The parts of the program that come in further downloads: a layer's page with what its workers
//! say, and every other page but the first.
//!
//! [`LayerPage::here`] and [`OtherPages::here`] name them. In a release only the functions in
//! `bin/app.rs` that arrive with those modules call these, and the splitter moves along whatever
//! nothing else reaches; in other builds they are called directly. What both reach is a module of its own.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use layerscope_core::job::Event;
use layerscope_core::reference::Registry;
use layerscope_core::route::Route;
use leptos::prelude::AnyView;

use crate::browser::drop::Dropped;
use crate::effects::{self, Inner};
use crate::ui::{self, Page};

/// A part that is on its way; a failure is told as text, and it may be asked for again.
pub type Coming<T> = Pin<Box<dyn Future<Output = Result<T, String>>>>;

/// Fetches the parts, each once.
#[derive(Clone, Copy)]
pub struct Parts {
    /// A layer's page: a link to a file waits for it.
    pub layer: fn() -> Coming<LayerPage>,
    /// All other pages.
    pub others: fn() -> Coming<OtherPages>,
}

/// How much of the program a route needs; each needs what is before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Needs {
    First,
    Layer,
    Others,
}

impl Needs {
    pub(crate) fn of(route: &Route) -> Self {
        match route {
            Route::Start => Needs::First,
            Route::Fs { .. } if route.local_id().is_none() => Needs::Layer,
            _ => Needs::Others,
        }
    }
}

/// Entries into the part of a layer's page.
#[derive(Clone, Copy)]
pub struct LayerPage {
    view: fn() -> AnyView,
    sign_in: fn(Registry) -> AnyView,
    load: fn(&Rc<Inner>, &Route),
    event: fn(&Rc<Inner>, Event, Option<Vec<u8>>),
}

impl LayerPage {
    /// All of it, linked to where this is called.
    pub fn here() -> Self {
        LayerPage {
            view: ui::layer_view,
            sign_in: ui::sign_in_view,
            load: effects::load,
            event: effects::on_event,
        }
    }

    /// Builds a layer's page.
    pub(crate) fn view(self) -> AnyView {
        (self.view)()
    }

    /// Builds what asks for a sign-in to a registry.
    pub(crate) fn sign_in(self, registry: Registry) -> AnyView {
        (self.sign_in)(registry)
    }

    /// Starts what a route needs.
    pub(crate) fn load(self, inner: &Rc<Inner>, route: &Route) {
        (self.load)(inner, route);
    }

    /// A worker says something.
    pub(crate) fn event(self, inner: &Rc<Inner>, event: Event, bytes: Option<Vec<u8>>) {
        (self.event)(inner, event, bytes);
    }
}

/// Entries into the part of the other pages.
#[derive(Clone, Copy)]
pub struct OtherPages {
    view: fn(Page) -> AnyView,
    begin: fn(&Rc<Inner>),
    is_here: fn(&Rc<Inner>, &Route) -> bool,
    load: fn(&Rc<Inner>, &Route, bool),
    open_files: fn(&Rc<Inner>, Dropped),
}

impl OtherPages {
    /// All of it, linked to where this is called.
    pub fn here() -> Self {
        OtherPages {
            view: ui::page_view,
            begin: effects::begin,
            is_here: effects::local::is_here,
            load: effects::load_other,
            open_files: effects::local::open,
        }
    }

    /// Builds a page.
    pub(crate) fn view(self, page: Page) -> AnyView {
        (self.view)(page)
    }

    /// Starts what a route needs; `same` if the page has loaded it before.
    pub(crate) fn load(self, inner: &Rc<Inner>, route: &Route, same: bool) {
        (self.load)(inner, route, same);
    }

    /// Starts what goes on beside all pages, once.
    pub(crate) fn begin(self, inner: &Rc<Inner>) {
        (self.begin)(inner);
    }

    /// Whether what a route names on disk is open; if not, it is opened as far as nobody need be asked.
    pub(crate) fn is_here(self, inner: &Rc<Inner>, route: &Route) -> bool {
        (self.is_here)(inner, route)
    }

    /// Opens what was dropped or chosen.
    pub(crate) fn open_files(self, inner: &Rc<Inner>, dropped: Dropped) {
        (self.open_files)(inner, dropped);
    }
}
