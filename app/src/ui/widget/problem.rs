//! A problem in place: what happened, why, what to do, and the means to do it.

use layerscope_core::reference::Registry;
use layerscope_core::route::Route;
use layerscope_core::view::problem::Problem;
use leptos::prelude::*;

use crate::browser::page;
use crate::ui::{App, app};

/// Where the focus is while it is tried again.
const MAIN: &str = "main";
/// Where it goes when that fails too.
const AGAIN: &str = ".problem .again";

/// The panel is about to go, and the focus with it: it waits in the page.
pub(super) fn retries(app: App, part: &'static str) {
    app.state.shell.begin_retry(part);
    page::focus(MAIN);
}

/// The panel. Without `again` the whole page is tried again.
#[component]
pub fn ProblemPanel(
    /// What happened.
    problem: Problem,
    /// What "Try again" does.
    #[prop(optional)]
    again: Option<Callback<()>>,
    /// A sentence more.
    #[prop(optional)]
    note: &'static str,
    /// The registry that it is of, where that is not the route's.
    #[prop(optional_no_strip)]
    registry: Option<Registry>,
) -> impl IntoView {
    let app = app();
    let route = app.route();
    let registry = registry.or_else(|| route.with_untracked(|r| r.registry().cloned()));
    let wants_sign_in = matches!(
        problem.code.as_str(),
        "UNAUTHORIZED"
            | "CREDENTIALS_REFUSED"
            | "FORBIDDEN"
            | "RATE_LIMITED"
            | "REPOSITORY_MISSING"
    );
    let pages = app.state.shell.layer_page();
    let pages = pages.with_untracked(|pages| pages.ready().copied());
    let list = registry
        .clone()
        .filter(|_| problem.code == "REPOSITORY_MISSING");
    let try_again = move |_| {
        retries(app, AGAIN);
        match again {
            Some(again) => again.run(()),
            None => app.effects.retry(),
        }
    };
    if let Some(part) = app.state.shell.end_retry() {
        super::later(move || {
            if page::has_focus(MAIN) {
                page::focus(part);
            }
        });
    }
    view! {
        <section class="problem" role="alert" data-problem=problem.code.clone()>
            <h2>{problem.title.clone()}</h2>
            <p>{problem.cause.clone()}</p>
            <p>{problem.remedy.clone()}</p>
            {(!note.is_empty()).then(|| view! { <p>{note}</p> })}
            {list.map(|registry| {
                let label = format!("Repositories of {}", registry.familiar());
                let list = Route::Repo { registry, repository: None };
                view! { <p><a href=list.href()>{label}</a></p> }
            })}
            // In the second part of the program, which alone has problems that a sign-in helps.
            {pages.zip(registry.filter(|_| wants_sign_in)).map(|(pages, registry)| pages.sign_in(registry))}
            <div class="row">
                <button type="button" class="btn again" on:click=try_again>"Try again"</button>
            </div>
        </section>
    }
}
