//! Signing in where a registry asks for it: a form, and the way to a provider.

use layerscope_core::reference::Registry;
use layerscope_core::registry::login::kept::Trust;
use leptos::html;
use leptos::prelude::*;

use super::problem::retries;
use crate::browser::{location, page};
use crate::effects::SentTo;
use crate::ui::app;

/// What has the focus if the sign-in fails.
const USERNAME: &str = ".signin input";

/// The form and the buttons; in the second part of the program.
pub(crate) fn sign_in_view(registry: Registry) -> AnyView {
    view! { <SignIn registry=registry/> }.into_any()
}

/// Asks for user name and password, or leads to a provider; never inside another page's frame.
#[component]
fn SignIn(registry: Registry) -> impl IntoView {
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
    match app.state.login.trust().get_untracked() {
        Trust::Given => {}
        Trust::Asked(host) => return view! { <Accept host=host/> }.into_any(),
        Trust::Never => {
            return view! {
                <p data-proxy="refused">
                    "One cannot sign in here: the link to this page names a proxy in a way that does not show who it is."
                </p>
            }
            .into_any();
        }
    }
    let name = NodeRef::<html::Input>::new();
    let password = NodeRef::<html::Input>::new();
    let remember = NodeRef::<html::Input>::new();
    let host = registry.familiar().to_owned();
    let sent = app.effects.sends_sign_in(&registry);
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
            {(sent == SentTo::InClear).then(|| view! {
                <label class="row small" data-in-clear="">
                    <input type="checkbox" name="in-clear" required/>
                    "Send it without encryption"
                </label>
            })}
            <button type="submit" class="btn main">"Sign in"</button>
        </form>
        <Remember field=remember/>
        <p class="small muted">
            {match sent {
                SentTo::Proxy => "It is sent to this registry's sign-in only, by way of this page's proxy.",
                SentTo::Registry => "It is sent to this registry and its sign-in only.",
                SentTo::InClear => "This registry is asked by http: everybody on the way to it can read user name and password, and use them.",
            }}
        </p>
    }
    .into_any()
}

/// Asks whether a proxy that a link has named may have sign-ins.
#[component]
fn Accept(host: String) -> impl IntoView {
    let app = app();
    let label = format!("Let {host} have what I sign in with");
    let name = host.clone();
    view! {
        <p data-proxy=name>
            "The link to this page has it ask by way of the proxy "
            <strong class="mono">{host}</strong>
            ", which would learn every password and token that is entered here. Nothing was sent to it but what is "
            "asked for. Allow it only if you know who runs it; this browser keeps your answer."
        </p>
        <div class="row">
            <button
                type="button"
                class="btn"
                data-action="accept-proxy"
                on:click=move |_| {
                    retries(app, USERNAME);
                    app.effects.accept_proxy();
                }
            >
                {label}
            </button>
        </div>
    }
}

/// Whether a sign-in is to be remembered, and what that means.
#[component]
pub fn Remember(
    /// The box.
    field: NodeRef<html::Input>,
) -> impl IntoView {
    let meaning = format!(
        "Without this it is kept in this tab's memory, until the tab is closed or loaded anew. With it, it is written \
         as it is, not encrypted, into this browser's storage for {} (localStorage), until you sign out on the \
         settings page: whoever uses this browser can read it then, and so can every other page of the same host.",
        location::base()
    );
    view! {
        <label class="row small">
            <input type="checkbox" name="remember" node_ref=field/>
            "Remember it in this browser"
        </label>
        <p class="small muted prose">{meaning}</p>
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
