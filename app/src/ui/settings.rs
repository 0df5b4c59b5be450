//! Colours, sign-ins, and what this browser keeps.

use layerscope_core::reference::Registry;
use layerscope_core::view::human;
use leptos::prelude::*;

use crate::ui::widget::live::{When, live};

use super::app;
use super::widget::problem::ProblemPanel;
use super::widget::skeleton::Skeleton;
use crate::browser::prefs::Theme;
use crate::browser::timer;
use crate::state::Load;
use crate::state::cache::Kept;

/// Budgets to choose from beside the present one, in bytes.
const BUDGETS: [u64; 4] = [50_000_000, 250_000_000, 1_000_000_000, 4_000_000_000];

/// The page.
#[component]
pub fn Settings() -> impl IntoView {
    let app = app();
    let kept = app.state.cache.kept();
    view! {
        <div class="stack">
            <h1>"Settings"</h1>
            <section class="stack tight" aria-labelledby="colours">
                <h2 id="colours">"Colours"</h2>
                <div class="row" role="group" aria-labelledby="colours">
                    {[(Theme::System, "As the system"), (Theme::Light, "Light"), (Theme::Dark, "Dark")]
                        .map(|(theme, name)| view! {
                            <button
                                type="button"
                                class="btn"
                                aria-pressed=move || (app.state.shell.theme().get() == theme).to_string()
                                on:click=move |_| app.effects.set_theme(theme)
                            >
                                {name}
                            </button>
                        })
                        .collect_view()}
                </div>
            </section>
            <SignedIn/>
            <section class="stack tight" aria-labelledby="kept">
                <h2 id="kept">"Kept in this browser"</h2>
                <p class="muted prose">
                    "The list of files of each layer that was read, so that it opens at once the next time. "
                    "No content of files is kept, and losing it costs only time."
                </p>
                {live(move || match kept.get() {
                    Load::Ready(kept) => view! { <KeptList kept=kept/> }.into_any(),
                    Load::Failed(problem) => view! { <ProblemPanel problem=problem/> }.into_any(),
                    Load::Idle | Load::Loading => view! { <Skeleton lines=4/> }.into_any(),
                })}
            </section>
        </div>
    }
}

#[component]
fn SignedIn() -> impl IntoView {
    let app = app();
    let list = app.state.shell.signed_in();
    view! {
        <section class="stack tight" aria-labelledby="signed-in">
            <h2 id="signed-in">"Signed in"</h2>
            <When when=move || list.with(Vec::is_empty)>
                <p class="muted">"Nowhere. When a registry asks for a sign-in, a form stands where the content would be."</p>
            </When>
            <When when=move || list.with(|l| !l.is_empty())>
                <ul class="card list">
                    <For each=move || list.get() key=Clone::clone let(name)>
                        <li>
                            <span class="mono">{familiar(&name)}</span>
                            <button
                                type="button"
                                class="btn tiny"
                                on:click=move |_| {
                                    if let Ok(registry) = Registry::parse(&name) {
                                        app.effects.sign_out(&registry);
                                    }
                                }
                            >
                                "Sign out"
                            </button>
                        </li>
                    </For>
                </ul>
            </When>
        </section>
    }
}

/// A registry's name as users know it.
fn familiar(registry: &str) -> String {
    Registry::parse(registry).map_or(registry.to_owned(), |r| r.familiar().to_owned())
}

#[component]
fn KeptList(kept: Kept) -> impl IntoView {
    let app = app();
    let share = (kept.used as f64 / kept.budget.max(1) as f64).min(1.0);
    let now = (timer::wall_clock_ms() / 1000.0) as i64;
    let budget = kept.budget;
    let none = kept.layers.is_empty();
    let mut budgets = BUDGETS.to_vec();
    if !budgets.contains(&budget) {
        budgets.push(budget);
        budgets.sort_unstable();
    }
    view! {
        <div class="stack tight" data-kept=kept.layers.len().to_string()>
            <p>{human::size(kept.used)}" of "{human::size(budget)}" used by "{human::plural(kept.layers.len() as u64, "layer", "layers")}</p>
            <div class="meter" aria-hidden="true"><i style:transform=format!("scaleX({})", human::decimal(share, 4))></i></div>
            <div class="row">
                <label class="row">
                    <span class="muted">"Use at most"</span>
                    <select
                        class="field"
                        on:change=move |ev| {
                            if let Ok(bytes) = event_target_value(&ev).parse() {
                                app.effects.set_budget(bytes);
                            }
                        }
                    >
                        {budgets
                            .into_iter()
                            .map(|bytes| view! {
                                <option value=bytes.to_string() selected=bytes == budget>{human::size(bytes)}</option>
                            })
                            .collect_view()}
                    </select>
                </label>
                <button
                    type="button"
                    class="btn"
                    data-action="clear"
                    disabled=none
                    on:click=move |_| app.effects.forget_stored(None)
                >
                    "Remove all"
                </button>
            </div>
        </div>
        <ul class="card list" hidden=none>
            {kept
                .layers
                .into_iter()
                .map(|layer| {
                    let key = layer.key.clone();
                    view! {
                        <li data-stored=layer.key data-stored-bytes=layer.bytes.to_string()>
                            <span class="mono small break">{layer.label}</span>
                            <span class="muted small">
                                {human::size(layer.bytes)}", used "
                                {human::ago((layer.last_used_ms / 1000) as i64, now)}
                            </span>
                            <button
                                type="button"
                                class="btn quiet tiny"
                                on:click=move |_| app.effects.forget_stored(Some(key.clone()))
                            >
                                "Remove"
                            </button>
                        </li>
                    }
                })
                .collect_view()}
        </ul>
    }
}
