//! The layers of an image, or the blobs of an artifact: sizes, shares, what made them.

use layerscope_core::digest::Digest;
use layerscope_core::manifest::{Descriptor, ImageManifest};
use layerscope_core::media_type::{self, MediaTypeKind};
use layerscope_core::path::{EntryPath, visible};
use layerscope_core::reference::Repository;
use layerscope_core::route::Route;
use layerscope_core::view::history::steps;
use layerscope_core::view::human;
use leptos::prelude::*;

use crate::ui::widget::live::live;

use super::MAX_ROWS;
use crate::state::image::Config;
use crate::ui::app;

/// Hues for layers; styles/main.css has as many.
pub(super) const HUES: usize = 8;

/// Characters of a step that are shown beside its layer; all of it is in the history.
const MAX_MADE: usize = 2000;

/// The layers with what made them.
#[component]
pub fn Layers(
    manifest: ImageManifest,
    /// The manifest's.
    digest: Digest,
    repository: Repository,
) -> impl IntoView {
    let state = app().state.image;
    let config = state.config();
    let total = manifest.layers_size().max(1);
    let count = manifest.layers.len();
    let made = Memo::new(move |_| {
        config.with(|c| c.ready().map(|c| made_by(c, count)).unwrap_or_default())
    });
    let bars: Vec<_> = manifest
        .layers
        .iter()
        .enumerate()
        .take(MAX_ROWS)
        .map(|(i, d)| {
            let label = format!("Layer {}: {}", i + 1, human::size(d.size));
            view! {
                <a
                    class=format!("hue-{}", i % HUES)
                    href=layer_href(&repository, d)
                    title=label.clone()
                    aria-label=label
                    tabindex="-1"
                    style:flex-grow=human::decimal(d.size as f64 / total as f64, 4)
                ></a>
            }
        })
        .collect();
    let rows: Vec<_> = manifest
        .layers
        .iter()
        .enumerate()
        .take(MAX_ROWS)
        .map(|(i, d)| layer_row(i, d, &repository, total, made))
        .collect();
    let hidden = count.saturating_sub(MAX_ROWS);
    let title = if manifest.is_image() {
        "Layers"
    } else {
        "Blobs"
    };
    let hue_count = count;
    let together = manifest.is_image().then(|| {
        (
            Route::layers(repository.clone(), digest.clone(), EntryPath::ROOT),
            Route::Sizes {
                repository: repository.clone(),
                digest: digest.clone(),
                path: EntryPath::ROOT,
            },
        )
    });
    view! {
        <section class="stack tight" aria-labelledby="layers">
            <div class="section-head">
                <h2 id="layers">{title}</h2>
                <span class="muted small">
                    {human::plural(hue_count as u64, "blob", "blobs")}", "{human::size(manifest.layers_size())}" compressed"
                </span>
            </div>
            {together.map(|(files, sizes)| view! {
                <p class="row">
                    <a class="btn main" data-action="root" href=files.href()>"Browse all layers as one file system"</a>
                    <a class="btn" data-action="sizes" href=sizes.href()>"Sizes and waste"</a>
                </p>
            })}
            {(count > 0).then(|| view! { <div class="bars" aria-hidden="true">{bars}</div> })}
            <div class="card">
                <table class="layer-table">
                    <thead>
                        <tr>
                            <th scope="col">"Layer"</th>
                            <th scope="col" class="right">"Size"</th>
                            <th scope="col" class="share-cell">"Share"</th>
                            <th scope="col" class="kind">"Type"</th>
                            <th scope="col" class="made">"Made by"</th>
                        </tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </table>
            </div>
            {(hidden > 0).then(|| view! {
                <p class="muted small">{human::count(hidden as u64)}" more are in the document below."</p>
            })}
        </section>
    }
}

fn layer_href(repository: &Repository, d: &Descriptor) -> String {
    match media_type::kind(&d.media_type) {
        MediaTypeKind::Layer { .. } => {
            Route::fs(repository.clone(), d.digest.clone(), Default::default())
        }
        _ => Route::blob(
            repository.clone(),
            d.digest.clone(),
            Some(d.media_type.clone()),
        ),
    }
    .href()
}

fn layer_row(
    i: usize,
    d: &Descriptor,
    repository: &Repository,
    total: u64,
    made: Memo<Vec<Option<String>>>,
) -> impl IntoView + use<> {
    let hue = i % HUES;
    let share = d.size as f64 / total as f64;
    let title = d
        .annotation("org.opencontainers.image.title")
        .map(|t| visible(t.as_bytes()));
    let made = move || made.with(|m| m.get(i).cloned().flatten());
    let shown = title.unwrap_or_else(|| d.digest.short());
    view! {
        <tr data-layer=d.digest.to_string()>
            <td class="nowrap">
                <span class=format!("swatch hue-{hue}") aria-hidden="true"></span>
                <a class="mono" href=layer_href(repository, d) title=d.digest.to_string()><bdi>{shown}</bdi></a>
            </td>
            <td class="right nowrap" title=human::plural(d.size, "byte", "bytes")>{human::size(d.size)}</td>
            <td class="share-cell">
                <div class="share" role="img" aria-label=format!("{} % of the image", human::decimal(share * 100.0, 0))>
                    <i class=format!("hue-{hue}") style:width=format!("{}%", human::decimal(share * 100.0, 1))></i>
                </div>
            </td>
            <td class="kind small muted nowrap" title=visible(d.media_type.as_bytes())>{short_type(&d.media_type)}</td>
            <td class="made"><span title=made>{live(made)}</span></td>
        </tr>
    }
}

fn short_type(media_type: &str) -> String {
    use layerscope_core::media_type::LayerCompression::{Gzip, None, Zstd};
    match media_type::kind(media_type) {
        MediaTypeKind::Layer {
            compression,
            foreign,
        } => {
            let kind = match compression {
                None => "tar",
                Gzip => "tar, gzip",
                Zstd => "tar, zstd",
            };
            if foreign {
                format!("{kind}, foreign")
            } else {
                kind.to_owned()
            }
        }
        _ => {
            let shown = visible(media_type.as_bytes());
            let tail = shown.strip_prefix("application/").unwrap_or(&shown);
            tail.chars().take(40).collect()
        }
    }
}

/// What made each layer, by the configuration's history.
fn made_by(config: &Config, layers: usize) -> Vec<Option<String>> {
    let mut out = vec![None; layers];
    if let Some(image) = &config.image {
        for step in steps(image, &vec![None; layers]) {
            if let Some(slot) = step.layer.and_then(|l| out.get_mut(l)) {
                let line = step.instruction.line().replace('\n', " ");
                let line: String = line.chars().take(MAX_MADE).collect();
                *slot = Some(visible(line.as_bytes()));
            }
        }
    }
    out
}
