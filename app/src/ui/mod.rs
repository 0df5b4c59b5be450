//! Markup: one file a page, small parts in `widget/`. Nothing here fetches or decides: it reads
//! the state, asks the core for view models, and calls effects when the user acts.

mod blob;
mod compare;
mod crumbs;
mod file;
mod help;
mod image;
mod layer;
mod local;
mod nothing;
mod repo;
mod settings;
mod shell;
mod sizes;
mod start;
mod widget;

use layerscope_core::route::Route;
use leptos::prelude::*;

use crate::effects::Effects;
use crate::pages::Parts;
use crate::state::{Load, State};
use widget::problem::ProblemPanel;
use widget::skeleton::Skeleton;

/// What every part of the page needs; a handle that is copied.
#[derive(Clone, Copy)]
pub struct App {
    /// What is known.
    pub state: State,
    /// What can be done.
    pub effects: Effects,
}

impl App {
    /// The page to show: what was opened from disk is asked for where it is not open.
    fn page(self) -> Memo<Page> {
        let (route, local) = (self.route(), self.state.local);
        Memo::new(move |_| {
            route.with(|route| match route.local_id() {
                Some(id) if !local.is_open(id) => Page::Local,
                _ => page_of(route),
            })
        })
    }

    /// Where we are.
    pub fn route(self) -> Memo<Route> {
        let place = self.state.shell.place();
        Memo::new(move |_| place.with(|p| p.route.clone()))
    }
}

/// The app that a part belongs to.
fn app() -> App {
    expect_context::<App>()
}

/// Builds the page and starts everything; `parts` fetches what is not needed at once.
pub fn start(parts: Parts) {
    leptos::mount::mount_to_body(move || {
        let state = State::new();
        let effects = Effects::start(state, parts);
        provide_context(App { state, effects });
        view! { <shell::Shell/> }
    });
}

/// The pages. While a page stays the same, its parts follow the state; another page is built anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Page {
    Start,
    Repo,
    Image,
    Layer,
    Sizes,
    Blob,
    Compare,
    Settings,
    Help,
    Local,
    Nothing,
}

fn page_of(route: &Route) -> Page {
    match route {
        Route::Start => Page::Start,
        Route::Repo { .. } | Route::Namespace { .. } => Page::Repo,
        Route::Image { .. } | Route::Referrers { .. } => Page::Image,
        Route::Fs { .. } | Route::Layers { .. } => Page::Layer,
        Route::Size { .. } | Route::Sizes { .. } => Page::Sizes,
        Route::Blob { .. } => Page::Blob,
        Route::Compare { .. } => Page::Compare,
        Route::Settings => Page::Settings,
        Route::Help => Page::Help,
        Route::Local { .. } => Page::Local,
        _ => Page::Nothing,
    }
}

pub(crate) use widget::sign_in::sign_in_view;

/// Builds a layer's page; in its own part of the program.
pub(crate) fn layer_view() -> AnyView {
    view! { <layer::Layer/> }.into_any()
}

/// Builds any page but the first and a layer's; in their part of the program.
pub(crate) fn page_view(page: Page) -> AnyView {
    match page {
        Page::Repo => view! { <repo::Repo/> }.into_any(),
        Page::Image => view! { <image::Image/> }.into_any(),
        Page::Sizes => view! { <sizes::Sizes/> }.into_any(),
        Page::Blob => view! { <blob::Blob/> }.into_any(),
        Page::Compare => view! { <compare::Compare/> }.into_any(),
        Page::Settings => view! { <settings::Settings/> }.into_any(),
        Page::Help => view! { <help::Help/> }.into_any(),
        Page::Local => view! { <local::Local/> }.into_any(),
        // The first two are never asked for here.
        Page::Start | Page::Layer | Page::Nothing => view! { <nothing::Nothing/> }.into_any(),
    }
}

/// The page that the route names, once the part of the program that has it is here.
#[component]
fn PageView() -> impl IntoView {
    let page = app().page();
    let shell = app().state.shell;
    // Each follows its own part alone: what is open or being typed there must stay when another comes.
    move || match page.get() {
        Page::Start => view! { <start::Start/> }.into_any(),
        Page::Layer => part_view(shell.layer_page().get(), |part| part.view()),
        page => part_view(shell.other_pages().get(), |part| part.view(page)),
    }
}

fn part_view<T>(part: Load<T>, view: impl FnOnce(T) -> AnyView) -> AnyView {
    match part {
        Load::Ready(part) => view(part),
        Load::Failed(problem) => view! { <ProblemPanel problem=problem/> }.into_any(),
        Load::Idle | Load::Loading => view! { <Skeleton lines=6/> }.into_any(),
    }
}
