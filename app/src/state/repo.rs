//! The repository page: tags, or a registry's repositories, as they come in page by page.

use std::collections::HashMap;
use std::sync::Arc;

use layerscope_core::digest::Digest;
use layerscope_core::registry::client::Page;
use layerscope_core::registry::listing::Detail;
use layerscope_core::view::problem::Problem;
use layerscope_core::view::tags::TagOrder;
use leptos::prelude::*;

use super::later::{Later, ReadLater};

/// Names shown at first, and more at each click: a list of 50,000 must not stall the page.
pub const SHOWN_STEP: usize = 240;

/// So many come without a click.
pub const SHOWN_UNASKED: usize = 10 * SHOWN_STEP;

/// A list of names that comes in pages.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Names {
    /// What came, in the registry's order.
    pub items: Arc<Vec<String>>,
    /// What the next page is asked by.
    pub next: Option<String>,
    /// A page is on its way.
    pub busy: bool,
    /// Pages that came.
    pub pages: usize,
    /// Why the last page did not come; the names before stay.
    pub problem: Option<Problem>,
}

/// What some registries say beside the names.
#[derive(Debug, Default)]
pub struct Beside {
    /// Of some of the names.
    pub details: HashMap<String, Detail>,
    /// Repositories below this one, by the last part of their names.
    pub children: Arc<Vec<String>>,
    /// Manifests that no tag names.
    pub untagged: Arc<Vec<(Digest, Detail)>>,
}

/// The repository page's state.
#[derive(Clone, Copy)]
pub struct RepoState {
    names: RwSignal<Names>,
    beside: Later<Beside>,
    filter: RwSignal<String>,
    order: RwSignal<TagOrder>,
    shown: RwSignal<usize>,
}

impl RepoState {
    pub(super) fn new() -> Self {
        RepoState {
            names: RwSignal::default(),
            beside: Later::new(),
            filter: RwSignal::default(),
            order: RwSignal::default(),
            shown: RwSignal::new(SHOWN_STEP),
        }
    }

    /// The names so far.
    pub fn names(self) -> ReadSignal<Names> {
        self.names.read_only()
    }

    /// What the registry says beside them.
    pub fn beside(self) -> ReadLater<Beside> {
        self.beside.read_only()
    }

    /// The filter's text.
    pub fn filter(self) -> ReadSignal<String> {
        self.filter.read_only()
    }

    /// The order.
    pub fn order(self) -> ReadSignal<TagOrder> {
        self.order.read_only()
    }

    /// How many names are shown at most.
    pub fn shown(self) -> ReadSignal<usize> {
        self.shown.read_only()
    }

    /// Forgets everything: another repository.
    pub fn clear(self) {
        self.names.set(Names::default());
        self.beside.set(Beside::default());
        self.filter.set(String::new());
        self.shown.set(SHOWN_STEP);
    }

    /// A page is being asked for.
    pub fn begin_page(self) {
        self.names.update(|n| {
            n.busy = true;
            n.problem = None;
        });
    }

    /// A page came.
    pub fn add_page(self, page: Page<String>) {
        // Before the names, which are shown with it.
        self.beside.update(|b| {
            b.details.extend(page.details);
            if !page.children.is_empty() {
                Arc::make_mut(&mut b.children).extend(page.children);
            }
            if !page.untagged.is_empty() {
                Arc::make_mut(&mut b.untagged).extend(page.untagged);
            }
        });
        self.names.update(|n| {
            Arc::make_mut(&mut n.items).extend(page.items);
            n.next = page.next;
            n.busy = false;
            n.pages += 1;
        });
    }

    /// A page did not come.
    pub fn fail_page(self, problem: Problem) {
        self.names.update(|n| {
            n.busy = false;
            n.problem = Some(problem);
        });
    }

    /// Filters.
    pub fn set_filter(self, text: String) {
        self.filter.set(text);
        self.shown.set(SHOWN_STEP);
    }

    /// Orders.
    pub fn set_order(self, order: TagOrder) {
        self.order.set(order);
    }

    /// Shows more of what is here already.
    pub fn show_more(self) {
        self.shown.update(|n| *n += SHOWN_STEP);
    }
}
