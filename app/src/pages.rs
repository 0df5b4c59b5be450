//! The part of the program that comes in a second download: every page but the first, the loads
//! that they start, and what the workers say to them.
//!
//! [`Pages::here`] names that part. In a release only the function in `bin/app.rs` that arrives
//! with the second module calls it, and the splitter moves along whatever nothing else reaches;
//! in other builds it is called directly.

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

/// Entries into the second part.
#[derive(Clone, Copy)]
pub struct Pages {
    view: fn(Page) -> AnyView,
    sign_in: fn(Registry) -> AnyView,
    load: fn(&Rc<Inner>, &Route),
    open_files: fn(&Rc<Inner>, Dropped),
    event: fn(&Rc<Inner>, Event, Option<Vec<u8>>),
}

/// Fetches the second part; a failure is told as text and may be tried again.
pub type LoadPages = fn() -> Pin<Box<dyn Future<Output = Result<Pages, String>>>>;

impl Pages {
    /// All of it, linked to where this is called.
    pub fn here() -> Self {
        Pages {
            view: ui::page_view,
            sign_in: ui::sign_in_view,
            load: effects::load,
            open_files: effects::local::open,
            event: effects::on_event,
        }
    }

    /// Builds a page.
    pub(crate) fn view(self, page: Page) -> AnyView {
        (self.view)(page)
    }

    /// Builds what asks for a sign-in to a registry.
    pub(crate) fn sign_in(self, registry: Registry) -> AnyView {
        (self.sign_in)(registry)
    }

    /// Starts what a route needs.
    pub(crate) fn load(self, inner: &Rc<Inner>, route: &Route) {
        (self.load)(inner, route);
    }

    /// Opens what was dropped or chosen.
    pub(crate) fn open_files(self, inner: &Rc<Inner>, dropped: Dropped) {
        (self.open_files)(inner, dropped);
    }

    /// A worker says something.
    pub(crate) fn event(self, inner: &Rc<Inner>, event: Event, bytes: Option<Vec<u8>>) {
        (self.event)(inner, event, bytes);
    }
}
