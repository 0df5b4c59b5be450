//! Which parts of the program are here, and fetching the others.

use std::rc::Rc;
use std::time::Duration;

use layerscope_core::view::problem::Problem;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::Inner;
use crate::browser::timer;
use crate::pages::{LayerPage, Needs, OtherPages};
use crate::state::Load;

/// How long after the start page the rest of the program is fetched: when that is painted, and
/// before anybody has typed a reference.
const PREFETCH_AFTER: Duration = Duration::from_millis(200);
/// The same after a link into a layer, whose listing is there by then if it is stored.
const PREFETCH_BEHIND_LAYER: Duration = Duration::from_secs(1);

/// Parts of the program that somebody has to fetch.
pub(super) struct Claimed {
    layer: bool,
    others: bool,
}

impl Inner {
    /// The part of the program that has a layer's page, if it is here.
    pub(super) fn layer_page(&self) -> Option<LayerPage> {
        let part = self.state.shell.layer_page();
        part.with_untracked(|part| part.ready().copied())
    }

    /// The part of the program that has the other pages, if it is here.
    pub(super) fn other_pages(&self) -> Option<OtherPages> {
        let part = self.state.shell.other_pages();
        part.with_untracked(|part| part.ready().copied())
    }

    /// Starts what the present route needs, unless a part of the program is still on its way: it will
    /// look for the route itself.
    pub(super) fn load_if_here(self: &Rc<Self>) {
        let route = self.state.shell.route_now();
        let Some(part) = self.layer_page() else {
            return;
        };
        if Needs::of(&route) < Needs::Others || self.other_pages().is_some() {
            part.load(self, &route);
        }
    }

    /// Which parts are needed and have to be fetched; they count as begun then.
    pub(super) fn claim(&self, needs: Needs) -> Claimed {
        let shell = self.state.shell;
        let claimed = Claimed {
            layer: needs >= Needs::Layer && shell.layer_page().with_untracked(is_missing),
            others: needs >= Needs::Others && shell.other_pages().with_untracked(is_missing),
        };
        if claimed.layer {
            shell.set_layer_page(Load::Loading);
        }
        if claimed.others {
            shell.set_other_pages(Load::Loading);
        }
        claimed
    }

    /// Fetches all parts once what the page shows is painted, unless they were needed before.
    pub(super) fn prefetch(self: &Rc<Self>, needs: Needs) {
        let after = match needs {
            Needs::First => PREFETCH_AFTER,
            Needs::Layer => PREFETCH_BEHIND_LAYER,
            Needs::Others => return,
        };
        if self.other_pages().is_some() {
            return;
        }
        let inner = self.clone();
        spawn_local(async move {
            timer::sleep(after).await;
            inner.fetch(inner.claim(Needs::Others));
        });
    }

    /// Fetches the parts that were claimed, side by side; then starts what the route of that moment
    /// needs.
    pub(super) fn fetch(self: &Rc<Self>, Claimed { layer, others }: Claimed) {
        let parts = self.parts;
        if layer {
            let inner = self.clone();
            spawn_local(async move {
                inner.set_layer_page((parts.layer)().await);
                inner.load_if_here();
            });
        }
        if others {
            let inner = self.clone();
            spawn_local(async move {
                let others = (parts.others)().await;
                // The other pages show parts of a layer's, and start its loads.
                let layer = (parts.layer)().await;
                inner.set_layer_page(layer.clone());
                let shell = inner.state.shell;
                let others = layer.and(others);
                shell.set_other_pages(came(others.clone()));
                if let Ok(others) = others {
                    others.begin(&inner);
                    if let Some(dropped) = inner.dropped.take() {
                        others.open_files(&inner, dropped);
                    }
                }
                let place = shell.place();
                // A layer's page does not wait for this, and is not to be asked for twice.
                if place.with_untracked(|place| Needs::of(&place.route) == Needs::Others) {
                    inner.load_if_here();
                }
            });
        }
    }

    /// Once: what shows it is built anew when it changes.
    fn set_layer_page(&self, part: Result<LayerPage, String>) {
        if self.layer_page().is_none() {
            self.state.shell.set_layer_page(came(part));
        }
    }
}

fn is_missing<T>(part: &Load<T>) -> bool {
    matches!(part, Load::Idle | Load::Failed(_))
}

fn came<T>(part: Result<T, String>) -> Load<T> {
    Load::of(part.map_err(|detail| {
        Problem::new(
            "APP_INCOMPLETE",
            "A part of Layerscope could not be loaded",
            format!("The page is here, but {detail}."),
            "Check the connection and try again. If Layerscope was updated meanwhile, load the page anew.",
        )
    }))
}
