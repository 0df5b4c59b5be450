//! Configurations and histories.

use layerscope_core::compare::config::{self, Field, Fields};
use layerscope_core::compare::history::{Step, steps};
use layerscope_core::config::{HistoryEntry, ImageConfig};
use layerscope_core::manifest::Document;
use layerscope_core::path::{EntryPath, visible};
use layerscope_core::route::Route;
use layerscope_core::view::human;
use leptos::prelude::*;

use super::MAX_ROWS;
use crate::state::compare::{Side, Which};
use crate::ui::app;
use crate::ui::widget::live::live;

/// Parts of a configuration that have sections of their own.
const ELSEWHERE: [&str; 2] = ["history", "rootfs"];
/// The same of a manifest.
const MANIFEST_ELSEWHERE: [&str; 3] = ["layers", "config", "fsLayers"];

/// The configurations, field by field, and what the manifests say beside their layers.
#[component]
pub fn Configurations() -> impl IntoView {
    let app = app();
    let state = app.state.compare;
    let (left, right) = (state.side(Which::Left), state.side(Which::Right));
    let found = Memo::new(move |_| left.with(|l| right.with(|r| fields(l, r))));
    let link = move |which: Which| {
        let href = state.side(which).with(|s| {
            let repository = s.reference.as_ref()?.repository().clone();
            let Document::Manifest(manifest) = &s.manifest.ready()?.document else {
                return None;
            };
            let d = manifest.config.as_ref()?;
            let to = Route::blob(repository, d.digest.clone(), Some(d.media_type.clone()));
            Some((to.href(), d.digest.short()))
        });
        href.map(|(href, name)| view! { " "<a class="digest" href=href>{name}</a> })
    };
    view! {
        <section class="stack tight" aria-labelledby="config" data-section="config">
            <div class="section-head">
                <h2 id="config">"Configuration"</h2>
                {live(move || found.get().map(|f| view! {
                    <span class="muted small" data-differ=f.differ.to_string()>
                        {differ(f.differ)}", "{human::count(f.same as u64)}" the same"
                    </span>
                }))}
            </div>
            {live(move || found.get().filter(|f| f.differ > 0).map(|f| view! {
                <div class="card">
                    <table class="layer-table pairs">
                        <thead>
                            <tr>
                                <th scope="col">"Field"</th>
                                <th scope="col">"A"{link(Which::Left)}</th>
                                <th scope="col">"B"{link(Which::Right)}</th>
                            </tr>
                        </thead>
                        <tbody>{f.fields.iter().take(MAX_ROWS).map(field_row).collect_view()}</tbody>
                    </table>
                </div>
                {more(f.differ, MAX_ROWS.min(f.fields.len()))}
            }))}
        </section>
    }
}

/// The differing fields, once both configurations are here, or are known not to come.
fn fields(left: &Side, right: &Side) -> Option<Fields> {
    let (a, b) = (left.manifest.ready()?, right.manifest.ready()?);
    if left.config.is_loading() || right.config.is_loading() {
        return None;
    }
    let bytes = |side: &Side| side.config.ready().map(|c| c.bytes.clone());
    let (x, y) = (bytes(left), bytes(right));
    let empty: &[u8] = b"{}";
    let mut found = config::fields(
        x.as_deref().unwrap_or(empty),
        y.as_deref().unwrap_or(empty),
        &ELSEWHERE,
    );
    let beside = config::fields(&a.bytes, &b.bytes, &MANIFEST_ELSEWHERE);
    found.differ += beside.differ;
    found.same += beside.same;
    found
        .fields
        .extend(beside.fields.into_iter().map(|mut field| {
            field.path.insert(0, "manifest".to_owned());
            field
        }));
    Some(found)
}

fn field_row(field: &Field) -> impl IntoView + use<> {
    let name = field.path.join(".");
    let value = |value: &Option<String>| match value {
        Some(text) => view! { <bdi>{visible(text.as_bytes())}</bdi> }.into_any(),
        None => view! { <span class="muted">"—"</span> }.into_any(),
    };
    view! {
        <tr data-field=name.clone()>
            <th scope="row" class="mono break">{visible(name.as_bytes())}</th>
            <td class="mono break" class:gone-from=field.right.is_none()>{value(&field.left)}</td>
            <td class="mono break" class:new-in=field.left.is_none()>{value(&field.right)}</td>
        </tr>
    }
}

pub(super) fn differ(n: usize) -> String {
    match n {
        0 => "nothing differs".to_owned(),
        n => format!("{} differ", human::count(n as u64)),
    }
}

pub(super) fn more(all: usize, told: usize) -> Option<AnyView> {
    let more = all.saturating_sub(told) as u64;
    (more > 0).then(|| view! { <p class="small muted">{human::count(more)}" more."</p> }.into_any())
}

/// The histories, step by step.
#[component]
pub fn Histories() -> impl IntoView {
    let app = app();
    let state = app.state.compare;
    let (left, right) = (state.side(Which::Left), state.side(Which::Right));
    let found = Memo::new(move |_| left.with(|l| right.with(|r| histories(l, r))));
    let body = move || {
        let (a, b, steps) = found.get()?;
        let differ_count = steps.iter().filter(|s| !is_both(s)).count();
        let rows: Vec<_> = steps
            .iter()
            .take(MAX_ROWS)
            .map(|step| step_row(step, &a, &b))
            .collect();
        let total = steps.len();
        Some(view! {
            <section class="stack tight" aria-labelledby="history" data-section="history">
                <div class="section-head">
                    <h2 id="history">"History"</h2>
                    <span class="muted small" data-differ=differ_count.to_string()>
                        {differ(differ_count)}", "{human::plural(total as u64, "step", "steps")}" in all"
                    </span>
                </div>
                <div class="card">
                    <table class="layer-table steps">
                        <thead>
                            <tr>
                                <th scope="col"><span class="visually-hidden">"In which"</span></th>
                                <th scope="col">"Step"</th>
                                <th scope="col">"Layer of A"</th>
                                <th scope="col">"Layer of B"</th>
                            </tr>
                        </thead>
                        <tbody>{rows}</tbody>
                    </table>
                </div>
                {more(total, MAX_ROWS)}
            </section>
        })
    };
    live(body)
}

fn is_both(step: &Step) -> bool {
    step.at.left().is_some() && step.at.right().is_some()
}

type Histories2 = (Vec<HistoryEntry>, Vec<HistoryEntry>, Vec<Step>);

fn histories(left: &Side, right: &Side) -> Option<Histories2> {
    let empty = ImageConfig::default();
    let of = |side: &Side| {
        let config = side.config.ready()?.image.clone()?;
        let layers = match &side.manifest.ready()?.document {
            Document::Manifest(manifest) => manifest.layers.len(),
            _ => 0,
        };
        Some((config, layers))
    };
    let (a, b) = (of(left), of(right));
    if a.is_none() && b.is_none() {
        return None;
    }
    let (a, n) = a.unwrap_or((empty.clone(), 0));
    let (b, m) = b.unwrap_or((empty, 0));
    let found = steps(&a, &b, (n, m));
    (!found.is_empty()).then_some((a.history, b.history, found))
}

fn step_row(step: &Step, left: &[HistoryEntry], right: &[HistoryEntry]) -> impl IntoView + use<> {
    let app = app();
    let entry = step
        .at
        .left()
        .and_then(|i| left.get(i))
        .or_else(|| step.at.right().and_then(|j| right.get(j)));
    let text = entry.map_or(String::new(), |e| {
        let text = e.created_by.as_deref().or(e.comment.as_deref());
        let text = text.unwrap_or("(no command)");
        let text = text
            .trim_start_matches("/bin/sh -c ")
            .trim_start_matches("#(nop) ");
        visible(
            text.trim()
                .chars()
                .take(2000)
                .collect::<String>()
                .as_bytes(),
        )
    });
    let (mark, class, title) = match (step.at.left(), step.at.right()) {
        (Some(_), Some(_)) => ("", "", "in both"),
        (Some(_), None) => ("−", "gone-from", "in A alone"),
        _ => ("+", "new-in", "in B alone"),
    };
    let layer = move |which: Which, at: Option<usize>| {
        let to = at.and_then(|at| {
            app.state.compare.side(which).with_untracked(|s| {
                let repository = s.reference.as_ref()?.repository().clone();
                let Document::Manifest(manifest) = &s.manifest.ready()?.document else {
                    return None;
                };
                let digest = manifest.layers.get(at)?.digest.clone();
                Some((at, Route::fs(repository, digest, EntryPath::ROOT)))
            })
        });
        to.map(|(at, route)| view! { <a href=route.href()>{at + 1}</a> })
    };
    view! {
        <tr class=class data-step=title>
            <td class="mark" title=title>{mark}<span class="visually-hidden">{title}</span></td>
            <td class="mono break small">{text}</td>
            <td class="nowrap">{layer(Which::Left, step.left_layer)}</td>
            <td class="nowrap">{layer(Which::Right, step.right_layer)}</td>
        </tr>
    }
}
