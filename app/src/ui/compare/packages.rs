//! Installed packages.

use layerscope_core::compare::installed::{Installed, packages};
use layerscope_core::path::visible;
use layerscope_core::view::human;
use leptos::prelude::*;

use super::MAX_ROWS;
use super::documents::more;
use crate::state::compare::Which;
use crate::ui::app;
use crate::ui::widget::live::live;

/// Packages with their versions.
#[component]
pub fn Packages() -> impl IntoView {
    let app = app();
    let state = app.state.compare;
    let (left, right) = (state.installed(Which::Left), state.installed(Which::Right));
    let done = Memo::new(move |_| app.state.compare.both_done());
    let body = move || {
        if !done.get() {
            return None;
        }
        let (Some(a), Some(b)) = (
            left.with(|l| l.ready().cloned()),
            right.with(|r| r.ready().cloned()),
        ) else {
            return Some(view! {
                <section class="stack tight"><h2>"Packages"</h2>
                <p class="muted" role="status">"Reading the databases of dpkg and apk …"</p></section>
            }
            .into_any());
        };
        let problem = a.problem.clone().or(b.problem.clone());
        let rpm = a.rpm || b.rpm;
        if a.packages.is_empty() && b.packages.is_empty() && problem.is_none() && !rpm {
            return None;
        }
        let found = packages(&a.packages, &b.packages);
        let version = |p: &Option<Installed>| match p {
            Some(p) => view! { <bdi>{visible(p.version.as_bytes())}</bdi> }.into_any(),
            None => view! { <span class="muted">"—"</span> }.into_any(),
        };
        let rows: Vec<_> = found
            .changed
            .iter()
            .take(MAX_ROWS)
            .map(|change| {
                let (fate, class) = match (&change.left, &change.right) {
                    (Some(_), Some(_)) => ("changed", ""),
                    (Some(_), None) => ("removed", "gone-from"),
                    _ => ("added", "new-in"),
                };
                view! {
                    <tr class=class data-package=change.name().to_owned() data-change=fate>
                        <td class="mono break"><bdi>{visible(change.name().as_bytes())}</bdi></td>
                        <td class="mono break small">{version(&change.left)}</td>
                        <td class="mono break small">{version(&change.right)}</td>
                    </tr>
                }
            })
            .collect();
        let count = |n: usize| human::count(n as u64);
        let told = rows.len();
        Some(view! {
            <section class="stack tight" aria-labelledby="packages" data-section="packages">
                <div class="section-head">
                    <h2 id="packages">"Packages"</h2>
                    <span
                        class="muted small"
                        data-packages-added=found.added.to_string()
                        data-packages-removed=found.removed.to_string()
                        data-packages-versions=found.versions.to_string()
                        data-packages-same=found.same.to_string()
                    >
                        {count(found.added)}" added, "{count(found.removed)}" removed, "
                        {count(found.versions)}" with another version, "{count(found.same)}" the same"
                    </span>
                </div>
                {problem.map(|why| view! { <p class="problem mild small">"Not all of it could be read: "{why}</p> })}
                {rpm.then(|| view! {
                    <p class="problem mild small">"There is a database of rpm, which is not read here."</p>
                })}
                {(told > 0).then(|| view! {
                    <div class="card">
                        <table class="layer-table pairs">
                            <thead>
                                <tr>
                                    <th scope="col">"Package"</th>
                                    <th scope="col">"A"</th>
                                    <th scope="col">"B"</th>
                                </tr>
                            </thead>
                            <tbody>{rows}</tbody>
                        </table>
                    </div>
                })}
                {more(found.changed.len(), told)}
            </section>
        }
        .into_any())
    };
    live(body)
}
