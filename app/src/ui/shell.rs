//! What surrounds every page: header, trail, messages, footer.

use leptos::html;
use leptos::prelude::*;

use crate::ui::widget::live::{When, live};

use super::crumbs::Crumbs;
use super::widget::{refbox::RefBox, refocus};
use super::{Page, PageView, app};
use crate::browser::prefs::Theme;

/// The whole page.
#[component]
pub fn Shell() -> impl IntoView {
    let page = app().page();
    let main = NodeRef::<html::Main>::new();
    // A new page is a new place for whoever reads by ear or keyboard.
    Effect::new(move |before: Option<Page>| {
        let now = page.get();
        if before.is_some_and(|b| b != now)
            && let Some(main) = main.get_untracked()
        {
            drop(main.focus());
        }
        now
    });
    let skip = move |ev: leptos::ev::MouseEvent| {
        ev.prevent_default(); // the fragment is the route
        if let Some(main) = main.get_untracked() {
            drop(main.focus());
        }
    };
    view! {
        <a class="skip" href="#main" on:click=skip>"Skip to content"</a>
        <header class="top">
            <a class="brand" href="#/" aria-label="Layerscope, start page">
                <Logo/>
                <span class="hide-narrow">"Layerscope"</span>
            </a>
            <When when=move || page.get() != Page::Start>
                <RefBox big=false/>
            </When>
            <nav aria-label="Site">
                <ThemeSwitch/>
                <a class="btn quiet" href="#/settings">"Settings"</a>
                <a class="btn quiet" href="#/help">"Help"</a>
            </nav>
        </header>
        <Crumbs/>
        <main
            id="main"
            tabindex="-1"
            class:fill=move || page.get() == Page::Layer
            node_ref=main
        >
            <PageView/>
        </main>
        <footer class="foot">
            "Everything here is fetched, unpacked and verified in this browser. "
            <a href="#/help">"How it works"</a>
        </footer>
        <Notices/>
    }
}

#[component]
fn Logo() -> impl IntoView {
    view! {
        <svg viewBox="6 8 52 50" aria-hidden="true" stroke-width="4" stroke-linejoin="round">
            <path class="logo-a" d="M32 34 54 44 32 54 10 44Z"/>
            <path class="logo-b" d="M32 24 54 34 32 44 10 34Z"/>
            <path class="logo-c" d="M32 12 54 22 32 32 10 22Z"/>
        </svg>
    }
}

#[component]
fn ThemeSwitch() -> impl IntoView {
    let app = app();
    let theme = app.state.shell.theme();
    let next = move || match theme.get() {
        Theme::System => Theme::Light,
        Theme::Light => Theme::Dark,
        Theme::Dark => Theme::System,
    };
    let (sign, word) = (
        move || match theme.get() {
            Theme::System => "◐",
            Theme::Light => "☀",
            Theme::Dark => "☾",
        },
        move || match theme.get() {
            Theme::System => "Colours: as the system. Switch to light",
            Theme::Light => "Colours: light. Switch to dark",
            Theme::Dark => "Colours: dark. Switch to the system's",
        },
    );
    view! {
        <button
            type="button"
            class="btn quiet"
            title=word
            aria-label=word
            on:click=move |_| app.effects.set_theme(next())
        >
            <span aria-hidden="true">{live(sign)}</span>
        </button>
    }
}

/// Messages that do not stop the page.
#[component]
fn Notices() -> impl IntoView {
    let shell = app().state.shell;
    let busy = app().state.local.busy();
    let (offline, effects) = (app().state.offline, app().effects);
    view! {
        <div class="notices" role="status" aria-live="polite">
            <When when=move || offline.newer().get()>
                <div class="notice" data-offer="newer">
                    <div>
                        <strong>"A newer version of Layerscope is here"</strong>
                        <p>"The page is loaded anew, at the same place."</p>
                    </div>
                    <button type="button" class="btn tiny" on:click=move |_| effects.use_newer_version()>"Use it"</button>
                    <button type="button" class="btn quiet tiny" on:click=move |_| effects.keep_this_version()>"Later"</button>
                </div>
            </When>
            <When when=move || !offline.network().get()>
                <div class="notice" data-network="none"><p>"There is no network."</p></div>
            </When>
            <When when=move || offline.from_store().get()>
                <div class="notice" data-offline="yes">
                    <p>"What you see was kept by this browser on an earlier visit. It may be different by now."</p>
                    <button type="button" class="btn tiny" on:click=move |_| effects.retry()>"Load it anew"</button>
                </div>
            </When>
            {live(move || busy.get().map(|name| view! {
                <div class="notice" data-opening=""><p>"Opening "<bdi>{name}</bdi>" …"</p></div>
            }))}
            <For each=move || shell.notices().get() key=|(id, _)| *id let((id, problem))>
                <div class="notice">
                    <div>
                        <strong>{problem.title.clone()}</strong>
                        <p>{problem.cause.clone()}" "{problem.remedy.clone()}</p>
                    </div>
                    <button
                        type="button"
                        class="btn quiet tiny"
                        aria-label="Dismiss"
                        on:click=move |_| {
                            shell.dismiss(id);
                            refocus(vec![".notices button".to_owned(), "main".to_owned()]);
                        }
                    >
                        "×"
                    </button>
                </div>
            </For>
        </div>
    }
}
