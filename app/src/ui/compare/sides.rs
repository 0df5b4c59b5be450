//! Which two are compared: the boxes, and what is known of each.

use layerscope_core::job::{Phase, Progress};
use layerscope_core::manifest::{Document, Platform};
use layerscope_core::path::EntryPath;
use layerscope_core::reference::Reference;
use layerscope_core::reference::typed::Typed;
use layerscope_core::route::Route;
use layerscope_core::view::human;
use leptos::prelude::*;

use super::{MAX_ROWS, by_digest, in_root, with_route};
use crate::state::compare::Which;
use crate::state::image::platform_name;
use crate::ui::app;
use crate::ui::widget::live::{When, live};
use crate::ui::widget::problem::ProblemPanel;

/// Two references.
#[component]
pub fn Chooser() -> impl IntoView {
    let app = app();
    let route = app.route();
    let texts = [
        RwSignal::new(String::new()), // tidy: local
        RwSignal::new(String::new()), // tidy: local
    ];
    let error = RwSignal::new(None::<String>); // tidy: local
    let references = Memo::new(move |_| match route.get() {
        Route::Compare { left, right, .. } => Some([left, right]),
        _ => None,
    });
    Effect::new(move |_| {
        if let Some(pair) = references.get() {
            for (text, reference) in texts.iter().zip(pair) {
                text.set(reference.familiar()); // tidy: local
            }
            error.set(None); // tidy: local
        }
    });
    let go = move |typed: [String; 2]| {
        let read = |text: &str| match Typed::parse(text) {
            Ok(Typed::Image(reference)) => Ok(reference),
            Ok(Typed::Registry(_)) => {
                Err("A registry alone is no image: put a repository behind it.".to_owned())
            }
            Err(why) => Err(why.to_string()),
        };
        match (read(&typed[0]), read(&typed[1])) {
            (Ok(left), Ok(right)) => app.effects.go(&beside(&route.get_untracked(), left, right)),
            (Err(why), _) => error.set(Some(format!("A: {why}"))),
            (_, Err(why)) => error.set(Some(format!("B: {why}"))),
        }
    };
    let submit = move |ev: leptos::ev::SubmitEvent| {
        ev.prevent_default();
        go(texts.map(|text| text.get_untracked()));
    };
    let swap = move |_| app.effects.go(&with_route(app, swapped));
    let field = move |which: Which| {
        let text = texts[which.index()];
        let name = match which {
            Which::Left => "left",
            Which::Right => "right",
        };
        view! {
            <label>
                <span class="letter">{which.letter()}</span>
                <input
                    class="field"
                    name=name
                    aria-label=format!("Image {}", which.letter())
                    autocomplete="off"
                    autocapitalize="none"
                    spellcheck="false"
                    prop:value=text
                    on:input=move |ev| {
                        text.set(event_target_value(&ev));
                        error.set(None);
                    }
                />
            </label>
        }
    };
    view! {
        <form class="chooser" on:submit=submit>
            {field(Which::Left)}
            <button type="button" class="btn" data-action="swap" title="Exchange the two" on:click=swap>"⇄"<span class="visually-hidden">"Exchange the two"</span></button>
            {field(Which::Right)}
            <button type="submit" class="btn main">"Compare"</button>
        </form>
        <p class="field-error" aria-live="assertive" hidden=move || error.with(Option::is_none)>
            {live(move || error.get().unwrap_or_default())}
        </p>
    }
}

/// Two others, or the same with their platforms.
fn beside(route: &Route, new_left: Reference, new_right: Reference) -> Route {
    let mut to = route.clone();
    if let Route::Compare {
        left,
        right,
        left_platform,
        right_platform,
        path,
        ..
    } = &mut to
    {
        if (&*left, &*right) != (&new_left, &new_right) {
            *path = None;
        }
        if *left != new_left {
            *left_platform = None;
        }
        if *right != new_right {
            *right_platform = None;
        }
        (*left, *right) = (new_left, new_right);
    }
    to
}

fn swapped(route: &mut Route) {
    if let Route::Compare {
        left,
        right,
        left_platform,
        right_platform,
        ..
    } = route
    {
        std::mem::swap(left, right);
        std::mem::swap(left_platform, right_platform);
    }
}

/// What is known of one of the two.
#[component]
pub fn SideCard(which: Which) -> impl IntoView {
    let app = app();
    let side = app.state.compare.side(which);
    let problem = Memo::new(move |_| side.with(|s| s.problem().cloned()));
    let name = move || {
        side.with(|s| {
            let reference = s.reference.clone()?;
            let platform = s.chosen.as_ref().and_then(|d| d.platform.clone());
            let shown = reference.familiar();
            let route = Route::image_for(reference, platform);
            Some(view! { <a href=route.href()><bdi>{shown}</bdi></a> })
        })
    };
    let digest = move || {
        side.track();
        by_digest(app, which).map(|reference| {
            let whole = reference.digest().map(|d| d.to_string());
            let short = reference.digest().map(|d| d.short());
            let title = whole.clone();
            view! {
                <dt>"Manifest"</dt>
                <dd><a class="digest" data-manifest=whole title=title href=Route::image(reference).href()>{short}</a></dd>
            }
        })
    };
    let created = move || {
        let time = side.with(|s| s.config.ready()?.image.as_ref()?.created.clone())?;
        let shown = human::parse_time(&time).map(human::time)?;
        Some(view! { <dt>"Created"</dt><dd>{shown}</dd> })
    };
    let layers = move || {
        let (count, size) = side.with(|s| match &s.manifest.ready()?.document {
            Document::Manifest(m) => Some((m.layers.len(), m.layers_size())),
            Document::Schema1(old) => Some((old.layers.len(), 0)),
            _ => None,
        })?;
        let size = (size > 0).then(|| format!(", {} compressed", human::size(size)));
        Some(view! {
            <dt>"Layers"</dt>
            <dd>{human::plural(count as u64, "layer", "layers")}{size}</dd>
        })
    };
    let browse = move || {
        side.with(|s| s.job)?;
        let to = in_root(app, which, EntryPath::ROOT)?;
        Some(view! { <a class="btn tiny" href=to.href()>"Browse"</a> })
    };
    view! {
        <section class="card pad stack tight side" data-side=which.letter() aria-label=format!("Image {}", which.letter())>
            <div class="section-head">
                <h2><span class="letter">{which.letter()}</span>" "{live(name)}</h2>
                {live(browse)}
            </div>
            {live(move || problem.get().map(|problem| {
                let registry = side.with_untracked(|s| s.reference.as_ref().map(|r| r.registry().clone()));
                view! { <ProblemPanel problem=problem registry=registry/> }
            }))}
            <dl class="facts">
                {live(digest)}
                <PlatformChoice which=which/>
                {live(created)}
                {live(layers)}
            </dl>
            <RootProgress which=which/>
        </section>
    }
}

/// The platform that is compared, of an index.
#[component]
fn PlatformChoice(which: Which) -> impl IntoView {
    let app = app();
    let side = app.state.compare.side(which);
    let choices = Memo::new(move |_| {
        side.with(|s| match &s.top.ready()?.document {
            Document::Index(index) => {
                let all = index.choices().take(MAX_ROWS);
                Some(
                    all.filter_map(|d| d.platform.clone())
                        .collect::<Vec<Platform>>(),
                )
            }
            _ => None,
        })
    });
    let chosen =
        Memo::new(move |_| side.with(|s| s.chosen.as_ref().and_then(|d| d.platform.clone())));
    let choose = move |ev: leptos::ev::Event| {
        let Ok(wanted) = event_target_value(&ev).parse::<Platform>() else {
            return;
        };
        app.effects.go(&with_route(app, |route| {
            if let Route::Compare {
                left_platform,
                right_platform,
                ..
            } = route
            {
                match which {
                    Which::Left => *left_platform = Some(wanted),
                    Which::Right => *right_platform = Some(wanted),
                }
            }
        }));
    };
    live(move || {
        let choices = choices.get()?;
        let options: Vec<_> = choices
            .into_iter()
            .map(|platform| {
                let name = platform_name(Some(&platform));
                let selected = move || chosen.with(|c| c.as_ref() == Some(&platform));
                view! { <option value=name.clone() prop:selected=selected>{name.clone()}</option> }
            })
            .collect();
        Some(view! {
            <dt>"Platform"</dt>
            <dd>
                <select
                    class="field"
                    name=format!("platform-{}", which.letter())
                    aria-label=format!("Platform of {}", which.letter())
                    on:change=choose
                >
                    {options}
                </select>
            </dd>
        })
    })
}

/// How its layers come in.
#[component]
fn RootProgress(which: Which) -> impl IntoView {
    let app = app();
    let state = app.state.compare;
    let progress = state.progress(which);
    let running = Memo::new(move |_| {
        let opened = state.side(which).with(|s| s.job.is_some());
        let going = progress.with(|p| p.phase.is_running());
        opened && going
    });
    let share = move || {
        progress.with(|p| {
            let size = p.size.filter(|s| *s > 0)?;
            Some((p.received as f64 / size as f64).min(1.0))
        })
    };
    let percent = move || share().map(|s| human::decimal(s * 100.0, 0));
    view! {
        <When when=move || running.get()>
            <div class="progress">
                <div
                    class="track"
                    role="progressbar"
                    aria-label=format!("Reading the layers of {}", which.letter())
                    aria-valuemin="0"
                    aria-valuemax="100"
                    aria-valuenow=percent
                >
                    <div
                        class="fill"
                        class:unknown=move || share().is_none()
                        style:transform=move || format!("scaleX({})", human::decimal(share().unwrap_or(1.0), 4))
                    ></div>
                </div>
                <div class="row">
                    <span>{live(move || progress.with(said))}</span>
                    <button type="button" class="btn tiny" on:click=move |_| app.effects.cancel_compare()>"Cancel"</button>
                </div>
            </div>
        </When>
        <When when=move || progress.with(|p| p.phase == Phase::Cancelled)>
            <p class="row small">
                "Cancelled, so files are not compared."
                <button type="button" class="btn tiny" on:click=move |_| app.effects.retry()>"Try again"</button>
            </p>
        </When>
    }
}

fn said(p: &Progress) -> String {
    let received = match p.size {
        Some(size) => format!("{} of {}", human::size(p.received), human::size(size)),
        None => human::size(p.received),
    };
    match p.layers {
        Some((here, of)) => format!("{received} · {here} of {of} layers"),
        None => received,
    }
}
