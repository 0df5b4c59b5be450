//! The box in which a reference is typed.

use layerscope_core::reference::typed::Typed;
use layerscope_core::route::Route;
use leptos::prelude::*;

use super::live::live;

use crate::ui::app;

/// Where what was typed leads.
pub fn route_of(typed: &Typed) -> Route {
    match typed {
        Typed::Image(reference) => Route::image(reference.clone()),
        Typed::Registry(registry) => Route::Repo {
            registry: registry.clone(),
            repository: None,
        },
    }
}

/// The box; `big` on the start page.
#[component]
pub fn RefBox(big: bool) -> impl IntoView {
    let app = app();
    let route = app.route();
    let text = RwSignal::new(String::new()); // tidy: local
    let error = RwSignal::new(None::<String>); // tidy: local
    // What the page is about stands in the box.
    Effect::new(move |_| {
        let inside = || route.with(repository_of);
        if let Some(shown) = route.with(text_of) {
            text.set(shown);
            error.set(None);
        } else if text.with_untracked(String::is_empty)
            && let Some(repository) = inside()
        {
            text.set(repository);
        }
    });
    let submit = move |ev: leptos::ev::SubmitEvent| {
        ev.prevent_default();
        let typed = text.get_untracked();
        match Typed::parse(&typed) {
            Ok(typed) => {
                error.set(None);
                let wanted = route_of(&typed);
                match route.with_untracked(|r| *r == wanted) {
                    true => app.effects.retry(),
                    false => app.effects.go(&wanted),
                }
            }
            Err(why) => error.set(Some(why.to_string())),
        }
    };
    let id = if big {
        "reference-error-big"
    } else {
        "reference-error"
    };
    view! {
        <div class="refbox" class:big=big role="search">
            <form on:submit=submit>
                <input
                    class="field"
                    name="reference"
                    aria-label="Image reference"
                    placeholder="debian:bookworm, ghcr.io/owner/name, registry.example.com"
                    autocomplete="off"
                    autocapitalize="none"
                    spellcheck="false"
                    enterkeyhint="go"
                    autofocus=big
                    prop:value=text
                    aria-invalid=move || error.with(Option::is_some).to_string()
                    aria-describedby=id
                    on:input=move |ev| {
                        text.set(event_target_value(&ev));
                        error.set(None);
                    }
                />
                <button type="submit" class="btn main">"Open"</button>
            </form>
            <p
                id=id
                class="field-error"
                aria-live="assertive"
                hidden=move || error.with(Option::is_none)
            >
                {live(move || error.get().unwrap_or_default())}
            </p>
        </div>
    }
}

fn text_of(route: &Route) -> Option<String> {
    match route {
        _ if route.local_id().is_some() => Some(String::new()),
        Route::Image { reference, .. } | Route::Search { reference, .. } => {
            Some(reference.familiar())
        }
        Route::Repo {
            registry,
            repository,
        } => Some(match repository {
            Some(r) => r.familiar(),
            None => registry.familiar().to_owned(),
        }),
        Route::Start => Some(String::new()),
        _ => None,
    }
}

/// For a link straight into an image: nobody typed anything, but its repository is known.
fn repository_of(route: &Route) -> Option<String> {
    match route {
        Route::Fs { repository, .. }
        | Route::Layers { repository, .. }
        | Route::Size { repository, .. }
        | Route::Sizes { repository, .. }
        | Route::Blob { repository, .. } => Some(repository.familiar()),
        _ => None,
    }
}
