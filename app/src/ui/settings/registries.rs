//! Which way each registry is asked: a choice for each that is known, and a field for another.

use layerscope_core::reference::Registry;
use layerscope_core::registry::way::{Known, Way, Ways};
use layerscope_core::view::problem::Problem;
use leptos::html;
use leptos::prelude::*;

use crate::ui::app;
use crate::ui::widget::live::{When, live};
use crate::ui::widget::refocus;

/// The section.
#[component]
pub fn Registries() -> impl IntoView {
    let app = app();
    let (ways, proxy) = (app.state.ways.ways(), app.state.ways.proxy());
    let (closed, settled) = (app.state.ways.closed(), app.state.ways.settled());
    let proxied = Memo::new(move |_| proxy.with(Option::is_some));
    let field = NodeRef::<html::Input>::new();
    let wrong = RwSignal::new(None::<String>); // tidy: local
    let add = move |ev: leptos::ev::SubmitEvent| {
        ev.prevent_default();
        let Some(input) = field.get_untracked() else {
            return;
        };
        match Registry::parse(input.value().trim()) {
            Ok(registry) => {
                wrong.set(None);
                input.set_value("");
                app.effects.choose_way(&registry, Way::Direct);
            }
            Err(why) => wrong.set(Some(why.to_string())),
        }
    };
    let names = move || {
        ways.with(|w| {
            w.iter()
                .map(|(name, _)| name.to_owned())
                .collect::<Vec<String>>()
        })
    };
    view! {
        <section class="stack tight" aria-labelledby="ways">
            <h2 id="ways" tabindex="-1">"How registries are asked"</h2>
            <p class="muted prose">
                {live(move || match proxy.get() {
                    _ if !settled.get() => "Where this page's proxy is, is not known yet. ".to_owned(),
                    Some(base) if base.is_empty() => "Through the proxy that serves this page, unless chosen otherwise here. ".to_owned(),
                    Some(base) => format!("Through the proxy at {base}, unless chosen otherwise here. "),
                    None => "Directly: this page has no proxy. ".to_owned(),
                })}
                "A registry can be asked directly if it lets pages of other origins read its answers (CORS); most public ones do not. "
                "Automatic asks directly what the proxy does not serve, if that works, and remembers it; what the proxy does not reach, for this visit."
            </p>
            <When when=move || closed.get()>
                <p class="muted prose">
                    "This page itself comes from the proxy, with a policy (connect-src) that lets it ask nobody else: "
                    "what is to be asked directly fails here. From a plain web server the same page may ask whom it wants."
                </p>
            </When>
            <ul class="card list" hidden=move || names().is_empty()>
                <For each=names key=Clone::clone let(name)>
                    <Line name=name ways=ways proxied=proxied.into()/>
                </For>
            </ul>
            <form class="tools" on:submit=add>
                <label class="row">
                    <span class="muted">"Ask directly"</span>
                    <input
                        class="field"
                        name="registry"
                        placeholder="registry.example.com:5000"
                        autocomplete="off"
                        autocapitalize="none"
                        spellcheck="false"
                        aria-invalid=move || wrong.with(Option::is_some).to_string()
                        disabled=move || !settled.get()
                        node_ref=field
                    />
                </label>
                <button type="submit" class="btn" disabled=move || !settled.get()>"Add"</button>
            </form>
            <When when=move || wrong.with(Option::is_some)>
                <p class="field-error" role="status">{live(move || wrong.get().unwrap_or_default())}</p>
            </When>
        </section>
    }
}

/// One registry.
#[component]
fn Line(name: String, ways: Memo<Ways>, proxied: Signal<bool>) -> impl IntoView {
    let app = app();
    let Ok(registry) = Registry::parse(&name) else {
        return ().into_any();
    };
    let shown = registry.familiar().to_owned();
    let known = {
        let registry = registry.clone();
        Memo::new(move |_| ways.with(|w| w.known(&registry)))
    };
    let told = RwSignal::new(None::<Result<(), Problem>>); // tidy: local
    let busy = RwSignal::new(false); // tidy: local
    let choose = {
        let registry = registry.clone();
        move |ev| {
            told.set(None);
            if let Some(way) = Way::from_name(&event_target_value(&ev)) {
                app.effects.choose_way(&registry, way);
            }
        }
    };
    let test = {
        let registry = registry.clone();
        move |_| {
            busy.set(true);
            told.set(None);
            app.effects.try_directly(&registry, move |outcome| {
                busy.set(false);
                told.set(Some(outcome));
            });
        }
    };
    let forget = move |_| {
        app.effects.forget_way(&registry);
        refocus(vec!["#ways".to_owned()]);
    };
    let options = move || {
        Way::ALL
            .into_iter()
            .filter(|way| *way != Way::Proxy || proxied.get() || known.get().way == Way::Proxy)
            .map(|way| view! {
                <option value=way.name() prop:selected=move || known.get().way == way>{way.label()}</option>
            })
            .collect_view()
    };
    let found = move || match known.get() {
        Known {
            way: Way::Automatic,
            found_http: Some(_),
        } => Some("found to answer directly"),
        _ => None,
    };
    let outcome = move || {
        told.get().map(|outcome| match outcome {
            Ok(()) => view! { <span class="small" data-direct="yes">"It answers this page directly."</span> }.into_any(),
            Err(problem) => view! {
                <span class="small" data-direct=problem.code>{problem.title}". "{problem.cause}</span>
            }
            .into_any(),
        })
    };
    let (label, test_label, forget_label) = (
        format!("How {shown} is asked"),
        format!("Test whether {shown} answers directly"),
        format!("Forget {shown}"),
    );
    view! {
        <li data-way-of=name>
            <span class="mono break">{shown}</span>
            <select class="field" aria-label=label on:change=choose>{live(options)}</select>
            <button type="button" class="btn tiny" aria-label=test_label disabled=move || busy.get() on:click=test>
                "Test"
            </button>
            <button type="button" class="btn quiet tiny" aria-label=forget_label on:click=forget>"Forget"</button>
            <span class="small muted">{live(found)}</span>
            <span role="status">{live(outcome)}</span>
        </li>
    }
    .into_any()
}
