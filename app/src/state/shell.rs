//! Where we are, and what surrounds every page.

use layerscope_core::digest::Digest;
use layerscope_core::job::SociIndex;
use layerscope_core::layer_index::TradeChoice;
use layerscope_core::manifest::Descriptor;
use layerscope_core::reference::Reference;
use layerscope_core::route::Route;
use layerscope_core::view::problem::Problem;
use leptos::prelude::*;

use super::Load;
use crate::browser::prefs::Theme;
use crate::pages::{LayerPage, OtherPages};

/// Messages shown at once; older ones give way.
const MAX_NOTICES: usize = 3;

/// Where we are.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    /// The page.
    pub route: Route,
    /// Its canonical fragment.
    pub fragment: String,
    /// Grows by one with every navigation and every new try; what was asked for an earlier epoch
    /// is late.
    pub epoch: u64,
}

/// Where a layer or blob was come upon, for the way back.
#[derive(Debug, Clone, PartialEq)]
pub struct Origin {
    /// The image.
    pub reference: Reference,
    /// The platform chosen, as in the route.
    pub route: Route,
    /// The image's own manifest.
    pub manifest: Digest,
    /// Its bytes.
    pub manifest_len: u64,
    /// Its media type.
    pub manifest_type: String,
    /// Whether the image has SOCI's index.
    pub soci: SociIndex,
    /// The descriptor by which it is named there.
    pub descriptor: Descriptor,
    /// Its place among the layers, from 0, if it is one.
    pub layer: Option<usize>,
    /// How many layers there are.
    pub layers: usize,
}

/// The shell's state.
#[derive(Clone, Copy)]
pub struct Shell {
    place: RwSignal<Place>,
    theme: RwSignal<Theme>,
    trade: RwSignal<TradeChoice>,
    recents: RwSignal<Vec<String>>,
    notices: RwSignal<Vec<(u64, Problem)>>,
    origin: RwSignal<Option<Origin>>,
    height: RwSignal<f64>,
    layer_page: RwSignal<Load<LayerPage>>,
    other_pages: RwSignal<Load<OtherPages>>,
    retry: StoredValue<Option<&'static str>>,
}

impl Shell {
    pub(super) fn new() -> Self {
        Shell {
            place: RwSignal::new(Place {
                route: Route::Start,
                fragment: String::new(),
                epoch: 0,
            }),
            theme: RwSignal::new(Theme::System),
            trade: RwSignal::default(),
            recents: RwSignal::default(),
            notices: RwSignal::default(),
            origin: RwSignal::default(),
            height: RwSignal::new(0.0),
            layer_page: RwSignal::new(Load::Idle),
            other_pages: RwSignal::new(Load::Idle),
            retry: StoredValue::new(None),
        }
    }

    /// The user tries again. If that fails too, this part of the problem's panel is to have the
    /// focus: a selector.
    pub fn begin_retry(self, part: &'static str) {
        self.retry.set_value(Some(part));
    }

    /// A new try has failed: the part of the panel that is to have the focus, once.
    pub fn end_retry(self) -> Option<&'static str> {
        self.retry.try_update_value(Option::take).flatten()
    }

    /// The part of the program that has a layer's page.
    pub fn layer_page(self) -> ReadSignal<Load<LayerPage>> {
        self.layer_page.read_only()
    }

    /// It is asked for, here, or not to be had.
    pub fn set_layer_page(self, part: Load<LayerPage>) {
        self.layer_page.set(part);
    }

    /// The part of the program that has the other pages; never here without a layer's.
    pub fn other_pages(self) -> ReadSignal<Load<OtherPages>> {
        self.other_pages.read_only()
    }

    /// It is asked for, here, or not to be had.
    pub fn set_other_pages(self, part: Load<OtherPages>) {
        self.other_pages.set(part);
    }

    /// The window's height in CSS pixels.
    pub fn height(self) -> ReadSignal<f64> {
        self.height.read_only()
    }

    /// The window has another height.
    pub fn set_height(self, px: f64) {
        self.height.set(px);
    }

    /// Where we are.
    pub fn place(self) -> ReadSignal<Place> {
        self.place.read_only()
    }

    /// The route of this moment, without subscribing.
    pub fn route_now(self) -> Route {
        self.place.with_untracked(|p| p.route.clone())
    }

    /// The present epoch, without subscribing.
    pub fn epoch(self) -> u64 {
        self.place.with_untracked(|p| p.epoch)
    }

    /// Goes to a place. Returns its epoch.
    pub fn enter(self, route: Route, fragment: String) -> u64 {
        let epoch = self.epoch() + 1;
        if self.place.with_untracked(|p| p.fragment != fragment) {
            self.retry.set_value(None);
        }
        self.place.set(Place {
            route,
            fragment,
            epoch,
        });
        epoch
    }

    /// The colours chosen.
    pub fn theme(self) -> ReadSignal<Theme> {
        self.theme.read_only()
    }

    /// Chooses colours.
    pub fn set_theme(self, theme: Theme) {
        self.theme.set(theme);
    }

    /// What the indices keep that are made from now on.
    pub fn trade(self) -> ReadSignal<TradeChoice> {
        self.trade.read_only()
    }

    /// Chooses what they keep.
    pub fn set_trade(self, trade: TradeChoice) {
        self.trade.set(trade);
    }

    /// What was opened lately, newest first.
    pub fn recents(self) -> ReadSignal<Vec<String>> {
        self.recents.read_only()
    }

    /// Replaces what was opened lately.
    pub fn set_recents(self, list: Vec<String>) {
        self.recents.set(list);
    }

    /// Messages to the user, each with a number of its own.
    pub fn notices(self) -> ReadSignal<Vec<(u64, Problem)>> {
        self.notices.read_only()
    }

    /// Tells the user something that does not stop the page.
    pub fn notify(self, problem: Problem) {
        self.notices.update(|list| {
            if list.iter().any(|(_, p)| *p == problem) {
                return;
            }
            let id = list.last().map_or(0, |(id, _)| id + 1);
            list.push((id, problem));
            let surplus = list.len().saturating_sub(MAX_NOTICES);
            list.drain(..surplus);
        });
    }

    /// Takes a message away.
    pub fn dismiss(self, id: u64) {
        self.notices.update(|list| list.retain(|(n, _)| *n != id));
    }

    /// Where the open layer or blob was come upon, if it was.
    pub fn origin(self) -> ReadSignal<Option<Origin>> {
        self.origin.read_only()
    }

    /// Says where the open layer or blob was come upon.
    pub fn set_origin(self, origin: Option<Origin>) {
        self.origin.set(origin);
    }
}
