//! A problem in place: what happened, why, what to do, and the means to do it.

use layerscope_core::reference::Registry;
use layerscope_core::route::Route;
use layerscope_core::view::problem::Problem;
use leptos::html;
use leptos::prelude::*;

use crate::browser::page;
use crate::ui::{App, app};

/// Where the focus is while it is tried again.
const MAIN: &str = "main";
/// Where it goes when that fails too.
const AGAIN: &str = ".problem .again";
/// The same after a sign-in.
const USERNAME: &str = ".signin input";

/// The panel is about to go, and the focus with it: it waits in the page.
fn retries(app: App, part: &'static str) {
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
) -> impl IntoView {
    let app = app();
    let route = app.route();
    let registry = route.with_untracked(|r| r.registry().cloned());
    let wants_sign_in = matches!(
        problem.code.as_str(),
        "UNAUTHORIZED"
            | "CREDENTIALS_REFUSED"
            | "FORBIDDEN"
            | "RATE_LIMITED"
            | "REPOSITORY_MISSING"
    );
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
            {registry.filter(|_| wants_sign_in).map(|registry| view! { <SignIn registry=registry/> })}
            <div class="row">
                <button type="button" class="btn again" on:click=try_again>"Try again"</button>
            </div>
        </section>
    }
}

/// Asks for user name and password; never inside another page's frame.
#[component]
pub fn SignIn(registry: Registry) -> impl IntoView {
    if page::is_framed() {
        return view! {
            <p>"To sign in, open this page in a tab of its own: passwords are not taken inside another page."</p>
        }
        .into_any();
    }
    let app = app();
    let name = NodeRef::<html::Input>::new();
    let password = NodeRef::<html::Input>::new();
    let host = registry.familiar().to_owned();
    let submit = move |ev: leptos::ev::SubmitEvent| {
        ev.prevent_default();
        if let (Some(name), Some(password)) = (name.get_untracked(), password.get_untracked()) {
            retries(app, USERNAME);
            app.effects
                .sign_in(&registry, name.value(), password.value());
        }
    };
    view! {
        <form class="signin" on:submit=submit aria-label=format!("Sign in to {host}")>
            <label>
                {format!("User name at {host}")}
                <input class="field" name="username" autocomplete="username" required node_ref=name/>
            </label>
            <label>
                "Password or token"
                <input
                    class="field"
                    name="password"
                    type="password"
                    autocomplete="current-password"
                    required
                    node_ref=password
                />
            </label>
            <button type="submit" class="btn main">"Sign in"</button>
        </form>
        <p class="small muted">
            "Kept in this tab's memory until it is closed, and sent to this registry's sign-in only."
        </p>
    }
    .into_any()
}
