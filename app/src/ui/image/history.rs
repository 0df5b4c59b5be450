//! How the image was made: its history as a Dockerfile, each step with its layer.

use std::sync::Arc;

use layerscope_core::digest::Digest;
use layerscope_core::path::visible;
use layerscope_core::reference::Repository;
use layerscope_core::route::Route;
use layerscope_core::view::history::{Step, dockerfile};
use layerscope_core::view::human;
use leptos::prelude::*;

use super::MAX_ROWS;
use super::layers::HUES;
use crate::ui::widget::copy::CopyButton;

/// The section.
#[component]
pub fn History(
    steps: Arc<[Step]>,
    /// The layers' digests, base first.
    layers: Arc<[Digest]>,
    repository: Repository,
) -> impl IntoView {
    let count = steps.len();
    let made = steps.iter().filter(|s| s.layer.is_some()).count();
    let text = dockerfile(&steps);
    let rows: Vec<_> = steps
        .iter()
        .take(MAX_ROWS)
        .map(|step| row(step, &layers, &repository))
        .collect();
    let hidden = count.saturating_sub(MAX_ROWS);
    let untold = made == 0 && !layers.is_empty();
    view! {
        <section class="stack tight" aria-labelledby="history">
            <div class="section-head">
                <h2 id="history">"History"</h2>
                <span class="muted small">{human::plural(count as u64, "step", "steps")}", the first one first"</span>
                <CopyButton text=Signal::stored(text) what="the history as a Dockerfile" label="Copy as Dockerfile"/>
            </div>
            {untold.then(|| view! {
                <p class="problem mild small">
                    "The steps that made a layer are not as many as the layers: which made which cannot be said."
                </p>
            })}
            <div class="card">
                <table class="layer-table">
                    <thead>
                        <tr>
                            <th scope="col">"Step"</th>
                            <th scope="col">"Layer"</th>
                            <th scope="col" class="right">"Size"</th>
                            <th scope="col" class="share-cell">"Share"</th>
                        </tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </table>
            </div>
            {(hidden > 0).then(|| view! {
                <p class="muted small">{human::count(hidden as u64)}" more are in the configuration below."</p>
            })}
        </section>
    }
}

fn row(step: &Step, layers: &[Digest], repository: &Repository) -> impl IntoView + use<> {
    let shown = |text: &str| visible_lines(text);
    let line = shown(&step.instruction.line());
    let args = step.instruction.args.iter();
    let args: Vec<String> = args
        .map(|(name, value)| visible(format!("{name}={value}").as_bytes()))
        .collect();
    let with = (!args.is_empty()).then(|| args.join(", "));
    let ran = step.instruction.ran.as_deref().map(shown);
    let said = [step.note.as_deref(), step.by.as_deref()];
    let said: Vec<String> = said
        .into_iter()
        .flatten()
        .map(|text| visible(text.as_bytes()))
        .collect();
    let raw = step.raw.as_deref().map(|raw| visible(raw.as_bytes()));
    let made = step.layer.and_then(|n| Some((n, layers.get(n)?)));
    let layer = match made {
        Some((n, digest)) => {
            let href = Route::fs(repository.clone(), digest.clone(), Default::default()).href();
            view! {
                <span class=format!("swatch hue-{}", n % HUES) aria-hidden="true"></span>
                <a href=href title=digest.to_string()>{n + 1}</a>
                {step.empty.then(|| view! { <span class="muted small">" empty"</span> })}
            }
            .into_any()
        }
        None if step.empty => view! { <span class="muted small">"none"</span> }.into_any(),
        None => view! { <span class="muted small">"?"</span> }.into_any(),
    };
    let share = step.share.map(|share| {
        let hue = step.layer.unwrap_or(0) % HUES;
        view! {
            <div class="share" role="img" aria-label=format!("{} % of the image", human::decimal(share * 100.0, 0))>
                <i class=format!("hue-{hue}") style:width=format!("{}%", human::decimal(share * 100.0, 1))></i>
            </div>
        }
    });
    let created = step.created.as_deref().and_then(human::parse_time);
    let created = created.map(human::time_exact);
    view! {
        <tr
            data-step=step.instruction.keyword.unwrap_or_default()
            data-step-layer=step.layer.map(|n| (n + 1).to_string())
            data-empty=step.empty.then_some("")
            title=created
        >
            <td>
                <pre class="step" title=raw>{line}</pre>
                {with.map(|with| view! { <p class="small muted break" data-args="">"with "<bdi>{with}</bdi></p> })}
                {ran.map(|ran| view! {
                    <details class="fold">
                        <summary>"With these put in"</summary>
                        <pre class="step" data-ran="">{ran}</pre>
                    </details>
                })}
                {(!said.is_empty()).then(|| view! { <p class="small muted break"><bdi>{said.join(" · ")}</bdi></p> })}
            </td>
            <td class="nowrap">{layer}</td>
            <td class="right nowrap">{step.size.map(human::size)}</td>
            <td class="share-cell">{share}</td>
        </tr>
    }
}

/// Text of several lines, each of them made harmless.
fn visible_lines(text: &str) -> String {
    let lines: Vec<String> = text
        .split('\n')
        .map(|line| visible(line.as_bytes()))
        .collect();
    lines.join("\n")
}
