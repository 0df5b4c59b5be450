//! Sizes, and which layers are shared.

use layerscope_core::compare::layers::{self, Layer, Shared};
use layerscope_core::digest::Digest;
use layerscope_core::manifest::Document;
use layerscope_core::path::EntryPath;
use layerscope_core::reference::Repository;
use layerscope_core::route::Route;
use layerscope_core::view::human;
use leptos::prelude::*;

use super::documents::more;
use super::{MAX_ROWS, grown, growth};
use crate::state::compare::{Side, Which};
use crate::ui::app;
use crate::ui::widget::live::live;

/// The layers of one of the two, as far as its documents say.
fn of(side: &Side) -> Option<(Repository, Vec<Layer>)> {
    let repository = side.reference.as_ref()?.repository().clone();
    let config = side.config.ready().and_then(|c| c.image.clone());
    let diff_ids: Vec<Option<Digest>> = config.map(|c| c.diff_ids).unwrap_or_default();
    let layers = match &side.manifest.ready()?.document {
        Document::Manifest(manifest) => {
            // With another number of them nobody knows which is whose.
            let known = diff_ids.len() == manifest.layers.len();
            let layer = |(i, d): (usize, &layerscope_core::manifest::Descriptor)| Layer {
                digest: d.digest.clone(),
                diff_id: diff_ids.get(i).filter(|_| known).cloned().flatten(),
                size: d.size,
            };
            manifest.layers.iter().enumerate().map(layer).collect()
        }
        Document::Schema1(old) => {
            let layer = |digest: &Digest| Layer {
                digest: digest.clone(),
                diff_id: None,
                size: 0,
            };
            old.layers.iter().map(layer).collect()
        }
        _ => return None,
    };
    Some((repository, layers))
}

/// Both in numbers.
#[component]
pub fn Sizes() -> impl IntoView {
    let app = app();
    let state = app.state.compare;
    let (left, right) = (state.side(Which::Left), state.side(Which::Right));
    let body = move || {
        let a = left.with(of)?.1;
        let b = right.with(of)?.1;
        let total = |layers: &[Layer]| layers.iter().fold(0_u64, |n, l| n.saturating_add(l.size));
        let (x, y) = (total(&a), total(&b));
        let count = |n: u64| human::count(n);
        let mut rows = vec![(
            "compressed",
            "Compressed",
            human::size(x),
            human::size(y),
            growth(x, y),
        )];
        if let Some(sum) = state.files().with(|f| f.summary) {
            let (x, y) = (sum.left.bytes, sum.right.bytes);
            rows.push((
                "unpacked",
                "Unpacked, visible",
                human::size(x),
                human::size(y),
                growth(x, y),
            ));
            let (x, y) = (u64::from(sum.left.files), u64::from(sum.right.files));
            rows.push(("files", "Files", count(x), count(y), grown(x, y)));
        }
        let (x, y) = (a.len() as u64, b.len() as u64);
        rows.push(("layers", "Layers", count(x), count(y), grown(x, y)));
        let packages = |which| {
            let known = state.installed(which);
            known.with(|i| i.ready().map(|i| i.packages.len() as u64))
        };
        if let (Some(x), Some(y)) = (packages(Which::Left), packages(Which::Right))
            && x + y > 0
        {
            rows.push(("packages", "Packages", count(x), count(y), grown(x, y)));
        }
        let rows: Vec<_> = rows
            .into_iter()
            .map(|(name, label, a, b, change)| {
                view! {
                    <tr data-total=name>
                        <th scope="row">{label}</th>
                        <td class="right nowrap">{a}</td>
                        <td class="right nowrap">{b}</td>
                        <td class="right nowrap" data-change="total">{change}</td>
                    </tr>
                }
            })
            .collect();
        Some(view! {
            <section class="stack tight" aria-labelledby="totals" data-section="sizes">
                <h2 id="totals">"Sizes"</h2>
                <div class="card">
                    <table class="layer-table totals">
                        <thead>
                            <tr>
                                <th scope="col"><span class="visually-hidden">"What"</span></th>
                                <th scope="col" class="right">"A"</th>
                                <th scope="col" class="right">"B"</th>
                                <th scope="col" class="right">"Change"</th>
                            </tr>
                        </thead>
                        <tbody>{rows}</tbody>
                    </table>
                </div>
            </section>
        })
    };
    live(body)
}

/// The layers side by side.
#[component]
pub fn Layers() -> impl IntoView {
    let app = app();
    let state = app.state.compare;
    let (left, right) = (state.side(Which::Left), state.side(Which::Right));
    let body = move || {
        let (of_left, a) = left.with(of)?;
        let (of_right, b) = right.with(of)?;
        let found = layers::layers(&a, &b);
        let cell = |layer: Option<&Layer>, repository: &Repository| {
            layer.map(|layer| {
                let to = Route::fs(repository.clone(), layer.digest.clone(), EntryPath::ROOT);
                let size = (layer.size > 0).then(|| human::size(layer.size));
                view! {
                    <a class="digest" href=to.href() title=layer.digest.to_string()>{layer.digest.short()}</a>
                    " "<span class="muted small nowrap">{size}</span>
                }
            })
        };
        let rows: Vec<_> = found
            .rows
            .iter()
            .take(MAX_ROWS)
            .map(|row| {
                let (i, j) = (row.at.left(), row.at.right());
                let (word, words) = match (i, j, row.shared) {
                    (Some(_), Some(_), Some(Shared::Digest)) => ("shared", "shared"),
                    (Some(_), Some(_), _) => ("diff-id", "same content, compressed otherwise"),
                    (_, _, Some(_)) => ("elsewhere", "shared, at another place"),
                    (Some(_), None, None) => ("left", "A alone"),
                    _ => ("right", "B alone"),
                };
                let class = match word {
                    "left" => "gone-from",
                    "right" => "new-in",
                    _ => "",
                };
                view! {
                    <tr class=class data-shared=word>
                        <td class="place">{i.map(|i| i + 1)}</td>
                        <td class="break">{cell(i.and_then(|i| a.get(i)), &of_left)}</td>
                        <td class="place">{j.map(|j| j + 1)}</td>
                        <td class="break">{cell(j.and_then(|j| b.get(j)), &of_right)}</td>
                        <td>{words}</td>
                    </tr>
                }
            })
            .collect();
        let alone = found.left_bytes.saturating_add(found.right_bytes);
        Some(view! {
            <section class="stack tight" aria-labelledby="layers" data-section="layers">
                <div class="section-head">
                    <h2 id="layers">"Layers"</h2>
                    <span class="muted small" data-shared-layers=found.shared.to_string()>
                        {human::count(found.shared as u64)}" shared ("{human::size(found.shared_bytes)}"), "
                        {human::size(alone)}" of one alone"
                    </span>
                </div>
                <div class="card">
                    <table class="layer-table">
                        <thead>
                            <tr>
                                <th scope="col" colspan="2">"A"</th>
                                <th scope="col" colspan="2">"B"</th>
                                <th scope="col">"Shared"</th>
                            </tr>
                        </thead>
                        <tbody>{rows}</tbody>
                    </table>
                </div>
                {more(found.rows.len(), MAX_ROWS)}
                <p class="muted small">"Shared: one blob, by its digest. Same content, compressed otherwise: one diff ID, as both configurations say."</p>
            </section>
        })
    };
    live(body)
}
