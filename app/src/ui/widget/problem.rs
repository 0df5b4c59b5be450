//! A problem in place: what happened, why, what to do, and the means to do it.

use layerscope_core::reference::Registry;
use layerscope_core::route::Route;
use layerscope_core::view::problem::Problem;
use leptos::html;
use leptos::prelude::*;

use crate::browser::{location, page};
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

/// Asks for user name and password, or leads to a provider; never inside another page's frame.
#[component]
pub fn SignIn(registry: Registry) -> impl IntoView {
    if page::is_framed() {
        return view! {
            <p>
                "To sign in, open this page in a tab of its own: passwords are not taken inside another page. "
                <a href=location::unframed() target="_blank" rel="noopener noreferrer" data-action="own-tab">
                    "Open it in a tab of its own"
                </a>
            </p>
        }
        .into_any();
    }
    let app = app();
    let name = NodeRef::<html::Input>::new();
    let password = NodeRef::<html::Input>::new();
    let remember = NodeRef::<html::Input>::new();
    let host = registry.familiar().to_owned();
    let wanted = move || {
        remember
            .get_untracked()
            .is_some_and(|field| field.checked())
    };
    let of = registry.clone();
    let submit = move |ev: leptos::ev::SubmitEvent| {
        ev.prevent_default();
        if let (Some(name), Some(password)) = (name.get_untracked(), password.get_untracked()) {
            retries(app, USERNAME);
            app.effects
                .sign_in(&of, name.value(), password.value(), wanted());
        }
    };
    view! {
        <Providers registry=registry wanted=Callback::new(move |()| wanted())/>
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
        <Remember field=remember/>
        <p class="small muted">"It is sent to this registry's sign-in only, by way of this page's proxy."</p>
    }
    .into_any()
}

/// Whether a sign-in is to be remembered, and what that means.
#[component]
pub fn Remember(
    /// The box.
    field: NodeRef<html::Input>,
) -> impl IntoView {
    let place = location::base();
    view! {
        <label class="row small">
            <input type="checkbox" name="remember" node_ref=field/>
            "Remember it in this browser"
        </label>
        <p class="small muted prose">
            "Without this it is kept in this tab's memory, until the tab is closed or loaded anew. With it, it is written "
            "as it is, not encrypted, into this browser's storage for "<span class="mono">{place}</span>
            " (localStorage), until you sign out on the settings page: whoever uses this browser can read it then, "
            "and so can every other page of the same host."
        </p>
    }
}

/// A button for each provider that the proxy has for a registry.
#[component]
fn Providers(registry: Registry, wanted: Callback<(), bool>) -> impl IntoView {
    let app = app();
    let login = app.state.login;
    app.effects.ask_offers(&registry);
    let of = registry.clone();
    let offers = move || {
        login.offers().with(|known| match known {
            Some((registry, offers)) if *registry == of => offers.clone(),
            _ => Vec::new(),
        })
    };
    view! {
        <div class="row">
            <For each=offers key=|offer| offer.id.clone() let(offer)>
                {
                    let registry = registry.clone();
                    let label = format!("Sign in with {}", offer.name);
                    let id = offer.id.clone();
                    view! {
                        <button
                            type="button"
                            class="btn main"
                            data-provider=id
                            disabled=move || login.leaving().get()
                            on:click=move |_| {
                                app.effects.log_in(&registry, offer.clone(), wanted.run(()));
                            }
                        >
                            {label}
                        </button>
                    }
                }
            </For>
        </div>
    }
}
