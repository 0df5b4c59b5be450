//! Where the bytes of an image or a layer are, and which of them are wasted.

use std::sync::Arc;

use layerscope_core::job::Phase;
use layerscope_core::path::{EntryPath, visible};
use layerscope_core::rootfs::ask::{LayerFacts, PackagesAnswer, Piece, SizesAnswer, WasteAnswer};
use layerscope_core::rootfs::watch::is_in_vain;
use layerscope_core::route::Route;
use layerscope_core::view::human;
use layerscope_core::view::problem::Problem;
use layerscope_core::view::treemap::squarify;
use leptos::prelude::*;

use super::app;
use super::widget::listing::hue;
use super::widget::live::{When, live};
use super::widget::problem::ProblemPanel;
use super::widget::progress::LayerProgress;
use super::widget::skeleton::Skeleton;
use crate::state::Load;

/// How much wider than high the map is; styles/root.css has the same.
const MAP_ASPECT: f64 = 2.4;
/// Rectangles of less than this share of the width have room for a name alone.
const NARROW: f64 = 0.12;
/// Rows of the table of a directory.
const TABLE_ROWS: usize = 40;
/// Rows of largest files.
const LARGEST_ROWS: usize = 40;
/// Rows of packages.
const PACKAGE_ROWS: usize = 500;
/// Rows of wasteful paths.
const WASTE_ROWS: usize = 60;

/// The page.
#[component]
pub fn Sizes() -> impl IntoView {
    let app = app();
    let route = app.route();
    let root = app.state.root;
    let progress = app.state.layer.progress();
    let problem = Memo::new(move |_| progress.with(|p| p.problem.clone()));
    let heading = move || {
        let path = route.with(|r| path_of(r).cloned().unwrap_or_default());
        match (path.is_root(), route.with(is_single)) {
            (false, _) => format!("Sizes in /{}", path.display()),
            (true, false) => "Sizes and waste".to_owned(),
            (true, true) => "Sizes of the layer".to_owned(),
        }
    };
    let top = Memo::new(move |_| {
        route.with(|r| path_of(r).is_some_and(EntryPath::is_root) && !is_single(r))
    });
    view! {
        <div class="stack sizes">
            <div class="stack tight">
                <h1><bdi>{live(heading)}</bdi></h1>
                <LayerProgress/>
            </div>
            {live(move || problem.get().map(|problem| view! {
                <ProblemPanel problem=problem note="What is counted below is of the layers before it."/>
            }))}
            {live(move || match root.sizes().get() {
                Some(sizes) if sizes.at.is_none() => view! { <NoDirectory/> }.into_any(),
                Some(sizes) => view! { <Directory sizes=sizes/> }.into_any(),
                None if problem.with(Option::is_some) => ().into_any(),
                None if progress.with(is_in_vain) => view! {
                    <p class="empty card">"It was cancelled before a layer was in: there is nothing to add up."</p>
                }
                .into_any(),
                None => view! { <Skeleton lines=12/> }.into_any(),
            })}
            <When when=move || top.get()>
                {live(move || {
                    let layers = root.layers().get();
                    (!layers.is_empty()).then(|| view! { <Layers layers=layers/> })
                })}
                <When when=move || progress.with(|p| p.phase == Phase::Done)>
                    <Packages/>
                </When>
                {live(move || root.waste().get().map(|waste| view! { <Waste waste=waste/> }))}
            </When>
        </div>
    }
}

fn path_of(route: &Route) -> Option<&EntryPath> {
    match route {
        Route::Size { path, .. } | Route::Sizes { path, .. } => Some(path),
        _ => None,
    }
}

fn is_single(route: &Route) -> bool {
    matches!(route, Route::Size { .. })
}

/// Where a name leads from here: sizes of a directory, or the file.
fn to(route: &Route, path: &EntryPath, dir: bool) -> Route {
    match route {
        Route::Size {
            repository, digest, ..
        } if dir => Route::Size {
            repository: repository.clone(),
            digest: digest.clone(),
            path: path.clone(),
        },
        Route::Size {
            repository, digest, ..
        } => Route::fs(repository.clone(), digest.clone(), path.clone()),
        Route::Sizes {
            repository, digest, ..
        } if dir => Route::Sizes {
            repository: repository.clone(),
            digest: digest.clone(),
            path: path.clone(),
        },
        Route::Sizes {
            repository, digest, ..
        } => Route::layers(repository.clone(), digest.clone(), path.clone()),
        _ => Route::Start,
    }
}

fn percent(part: u64, whole: u64) -> f64 {
    part as f64 * 100.0 / whole.max(1) as f64
}

#[component]
fn NoDirectory() -> impl IntoView {
    let problem = Problem::new(
        "PATH_MISSING",
        "There is no such directory",
        "What the address names is not a directory here",
        "Go up by the trail above.",
    );
    view! { <ProblemPanel problem=problem/> }
}

/// The path from a directory on.
fn below(piece: &Piece, base: &EntryPath) -> String {
    let path = piece.path.as_bytes();
    let below = path.strip_prefix(base.as_bytes()).unwrap_or(path);
    let slash = if piece.dir { "/" } else { "" };
    format!(
        "{}{slash}",
        visible(below.strip_prefix(b"/").unwrap_or(below))
    )
}

fn name(piece: &Piece) -> String {
    let slash = if piece.dir { "/" } else { "" };
    let name = visible(piece.path.file_name().unwrap_or_default());
    format!("{name}{slash}")
}

#[component]
fn Directory(sizes: Arc<SizesAnswer>) -> impl IntoView {
    let route = app().state.shell.route_now();
    let total = sizes.total;
    let browse = sizes.at.clone().map(|at| match &route {
        Route::Size {
            repository, digest, ..
        } => Route::fs(repository.clone(), digest.clone(), at),
        other => to(other, &at, false),
    });
    view! {
        <section class="stack tight" aria-labelledby="by-size">
            <div class="section-head">
                <h2 id="by-size">"By size"</h2>
                <span class="muted small" data-total=total.bytes.to_string()>
                    {human::size(total.bytes)}" unpacked, in "{human::plural(u64::from(total.files), "file", "files")}
                </span>
                {browse.map(|to| view! { <a class="btn tiny" href=to.href()>"Browse"</a> })}
            </div>
            <Map sizes=sizes.clone()/>
            <div class="two">
                <Table sizes=sizes.clone()/>
                <Largest sizes=sizes/>
            </div>
        </section>
    }
}

/// The treemap.
#[component]
fn Map(sizes: Arc<SizesAnswer>) -> impl IntoView {
    let route = app().state.shell.route_now();
    let shown: Vec<&Piece> = sizes.map.iter().collect();
    let base = sizes.at.clone().unwrap_or_default();
    let told: u64 = shown.iter().map(|p| p.total.bytes).sum();
    let rest = sizes.total.bytes.saturating_sub(told);
    let mut areas: Vec<u64> = shown.iter().map(|p| p.total.bytes).collect();
    // The rest is the last whatever its size: it has no name to be found by.
    areas.push(rest);
    let total = sizes.total.bytes;
    let rects = squarify(&areas, MAP_ASPECT);
    let part = |share: f64| format!("{}%", human::decimal(share * 100.0, 3));
    let cells = shown
        .into_iter()
        .zip(&rects)
        .enumerate()
        .map(|(i, (piece, rect))| {
            let whole = below(piece, &base);
            let label = match rect.w < NARROW {
                true => name(piece),
                false => whole.clone(),
            };
            let title = format!(
                "{whole} {}, {} %",
                human::size(piece.total.bytes),
                human::decimal(percent(piece.total.bytes, total), 1)
            );
            view! {
                <a
                    class=format!("cell {}", hue(i))
                    class:file=!piece.dir
                    href=to(&route, &piece.path, piece.dir).href()
                    title=title
                    tabindex="-1"
                    style:left=part(rect.x)
                    style:top=part(rect.y)
                    style:width=part(rect.w)
                    style:height=part(rect.h)
                >
                    <bdi>{label}</bdi>
                    <small>{human::size(piece.total.bytes)}</small>
                </a>
            }
        })
        .collect_view();
    // The table below says the same to those who do not see it.
    view! { <div class="treemap" aria-hidden="true">{cells}</div> }
}

/// What is in the directory.
#[component]
fn Table(sizes: Arc<SizesAnswer>) -> impl IntoView {
    let route = app().state.shell.route_now();
    let total = sizes.total.bytes;
    let rows: Vec<_> = sizes
        .children
        .iter()
        .take(TABLE_ROWS)
        .map(|piece| {
            let share = percent(piece.total.bytes, total);
            view! {
                <tr data-size-path=piece.path.encode() data-size=piece.total.bytes.to_string()>
                    <td class="mono break"><a href=to(&route, &piece.path, piece.dir).href()><bdi>{name(piece)}</bdi></a></td>
                    <td class="right nowrap">{human::size(piece.total.bytes)}</td>
                    <td class="share-cell"><Share percent=share/></td>
                </tr>
            }
        })
        .collect();
    let told: u64 = sizes
        .children
        .iter()
        .take(TABLE_ROWS)
        .map(|p| p.total.bytes)
        .sum();
    let left = sizes.children.len().saturating_sub(TABLE_ROWS);
    let rest = total.saturating_sub(told);
    view! {
        <div class="card">
            <table class="layer-table">
                <thead>
                    <tr>
                        <th scope="col">"Name"</th>
                        <th scope="col" class="right">"Size"</th>
                        <th scope="col" class="share-cell">"Share"</th>
                    </tr>
                </thead>
                <tbody>
                    {rows}
                    {(left > 0).then(|| view! {
                        <tr><td class="muted">"all others"</td><td class="right nowrap muted">{human::size(rest)}</td><td></td></tr>
                    })}
                </tbody>
            </table>
        </div>
    }
}

#[component]
fn Share(percent: f64) -> impl IntoView {
    let text = human::decimal(percent, 1);
    view! {
        <div class="share" role="img" aria-label=format!("{text} %")>
            <i class="hue-0" style:width=format!("{text}%")></i>
        </div>
    }
}

/// The largest files.
#[component]
fn Largest(sizes: Arc<SizesAnswer>) -> impl IntoView {
    let route = app().state.shell.route_now();
    let single = is_single(&route);
    let rows: Vec<_> = sizes
        .largest
        .iter()
        .take(LARGEST_ROWS)
        .map(|piece| {
            let layer = piece.layer.filter(|_| !single).map(usize::from);
            view! {
                <tr data-largest=piece.path.encode() data-size=piece.total.bytes.to_string()>
                    <td class="mono break"><a href=to(&route, &piece.path, false).href()><bdi>{piece.path.display()}</bdi></a></td>
                    <td class="right nowrap">{human::size(piece.total.bytes)}</td>
                    <td class="nowrap">
                        {layer.map(|n| view! {
                            <span class=format!("swatch {}", hue(n)) aria-hidden="true"></span>
                            {n + 1}
                        })}
                    </td>
                </tr>
            }
        })
        .collect();
    view! {
        <div class="card">
            <table class="layer-table">
                <thead>
                    <tr>
                        <th scope="col">"Largest files"</th>
                        <th scope="col" class="right">"Size"</th>
                        <th scope="col">{(!single).then_some("Layer")}</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
}

/// What each layer did.
#[component]
fn Layers(layers: Arc<Vec<LayerFacts>>) -> impl IntoView {
    let app = app();
    let route = app.state.shell.route_now();
    let most = layers.iter().map(|l| l.brought.bytes).max().unwrap_or(0);
    let rows: Vec<_> = layers
        .iter()
        .enumerate()
        .map(|(i, facts)| {
            let opened = app.state.layer.opened();
            let digest = opened.with_untracked(|o| {
                let layer = o.as_ref()?.layers.get(i)?;
                Some(layer.digest.clone())
            });
            let href = match (&route, digest.clone()) {
                (Route::Sizes { repository, .. }, Some(digest)) => Route::Size {
                    repository: repository.clone(),
                    digest,
                    path: EntryPath::ROOT,
                }
                .href(),
                _ => String::new(),
            };
            let hidden = facts.brought.bytes.saturating_sub(facts.visible.bytes);
            let width = |bytes: u64| format!("{}%", human::decimal(percent(bytes, most), 1));
            let count = |n: u32| human::count(u64::from(n));
            let label = format!(
                "{} visible, {} hidden by later layers",
                human::size(facts.visible.bytes),
                human::size(hidden)
            );
            view! {
                <tr data-layer=digest.map(|d| d.to_string())>
                    <td class="nowrap">
                        <span class=format!("swatch {}", hue(i)) aria-hidden="true"></span>
                        <a href=href>"Layer "{i + 1}</a>
                    </td>
                    <td class="right nowrap">{human::size(facts.brought.bytes)}</td>
                    <td class="bar-cell">
                        <div class="layer-bar" role="img" aria-label=label.clone() title=label>
                            <i class=hue(i) style:width=width(facts.visible.bytes)></i>
                            <i class="lost" style:width=width(hidden)></i>
                        </div>
                    </td>
                    <td class="right" data-added=facts.changes.added.files.to_string()>{count(facts.changes.added.files)}</td>
                    <td class="right" data-modified=facts.changes.modified.files.to_string()>{count(facts.changes.modified.files)}</td>
                    <td class="right" data-removed=facts.changes.removed.files.to_string()>{count(facts.changes.removed.files)}</td>
                    <td class="right hide-narrow" data-repeated=facts.changes.repeated.files.to_string()>{count(facts.changes.repeated.files)}</td>
                </tr>
            }
        })
        .collect();
    view! {
        <section class="stack tight" aria-labelledby="by-layer">
            <div class="section-head">
                <h2 id="by-layer">"By layer"</h2>
                <span class="muted small">"unpacked; files, without directories"</span>
            </div>
            <div class="card">
                <table class="layer-table">
                    <thead>
                        <tr>
                            <th scope="col">"Layer"</th>
                            <th scope="col" class="right">"Brings"</th>
                            <th scope="col" class="bar-cell">"Visible, hidden later"</th>
                            <th scope="col" class="right">"Added"</th>
                            <th scope="col" class="right">"Modified"</th>
                            <th scope="col" class="right">"Removed"</th>
                            <th scope="col" class="right hide-narrow">"Repeated"</th>
                        </tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </table>
            </div>
            <p class="muted small">
                "Modified: what differs in type, size, mode, owner, time or link target from what the layers below have. \
                 Layers tell no digests of their files, so a file that was put again with all of these the same counts as repeated, whatever is in it."
            </p>
        </section>
    }
}

/// What is installed; read when it is asked for, since it takes requests.
#[component]
fn Packages() -> impl IntoView {
    let app = app();
    let packages = app.state.root.packages();
    let body = move || {
        match packages.get() {
        Load::Ready(answer) => view! { <PackageTable answer=answer/> }.into_any(),
        Load::Loading => view! {
            <p class="muted" role="status">"Reading the databases of dpkg and apk …"</p>
        }
        .into_any(),
        Load::Idle | Load::Failed(_) => view! {
            <p class="row">
                <button
                    type="button"
                    class="btn"
                    data-action="packages"
                    on:click=move |_| app.effects.read_packages()
                >
                    "Read what is installed"
                </button>
                <span class="muted small">"from the databases of dpkg and apk in the image, by some requests"</span>
            </p>
        }
        .into_any(),
    }
    };
    view! {
        <section class="stack tight" aria-labelledby="by-package">
            <h2 id="by-package">"By package"</h2>
            {live(body)}
        </section>
    }
}

#[component]
fn PackageTable(answer: Arc<PackagesAnswer>) -> impl IntoView {
    let rows: Vec<_> = answer
        .packages
        .iter()
        .take(PACKAGE_ROWS)
        .map(|p| {
            view! {
                <tr data-package=p.name.clone() data-size=p.total.bytes.to_string()>
                    <td class="mono break"><bdi>{p.name.clone()}</bdi></td>
                    <td class="mono break small">{p.version.clone()}</td>
                    <td class="right">{human::count(u64::from(p.total.files))}</td>
                    <td class="right nowrap">{human::size(p.total.bytes)}</td>
                    <td class="right nowrap muted hide-narrow">{p.stated.map(human::size)}</td>
                </tr>
            }
        })
        .collect();
    let more = u64::from(answer.count).saturating_sub(rows.len() as u64);
    let loose = answer.total.bytes.saturating_sub(answer.owned.bytes);
    let problem = answer.problem.clone();
    view! {
        {problem.map(|why| view! { <p class="problem mild small">"Not all of it could be read: "{why}</p> })}
        {answer.rpm.then(|| view! {
            <p class="problem mild small">"There is a database of rpm as well, which is not read here."</p>
        })}
        <p class="small" data-packages=answer.count.to_string()>
            {human::plural(u64::from(answer.count), "package", "packages")}
            {(answer.count > 0).then(|| format!(
                ", {} in their files; {} belong to none",
                human::size(answer.owned.bytes),
                human::size(loose)
            ))}
        </p>
        {(!rows.is_empty()).then(|| view! {
            <div class="card">
                <table class="layer-table">
                    <thead>
                        <tr>
                            <th scope="col">"Package"</th>
                            <th scope="col">"Version"</th>
                            <th scope="col" class="right">"Files"</th>
                            <th scope="col" class="right">"Here"</th>
                            <th scope="col" class="right hide-narrow">"By its own word"</th>
                        </tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </table>
            </div>
        })}
        {(more > 0).then(|| view! { <p class="muted small">{human::count(more)}" smaller ones."</p> })}
    }
}

/// What is wasted, by dive's rules.
#[component]
fn Waste(waste: Arc<WasteAnswer>) -> impl IntoView {
    let route = app().state.shell.route_now();
    let rows: Vec<_> = waste
        .paths
        .iter()
        .take(WASTE_ROWS)
        .map(|(path, count, bytes)| {
            view! {
                <tr data-waste-path=path.encode() data-count=count.to_string() data-size=bytes.to_string()>
                    <td class="mono break"><a href=to(&route, path, false).href()><bdi>{path.display()}</bdi></a></td>
                    <td class="right nowrap">{human::count(u64::from(*count))}</td>
                    <td class="right nowrap">{human::size(*bytes)}</td>
                </tr>
            }
        })
        .collect();
    let more = u64::from(waste.path_count).saturating_sub(rows.len() as u64);
    let exact = format!("{}", waste.efficiency);
    let pointless = u64::from(waste.pointless);
    view! {
        <section class="stack tight" aria-labelledby="waste">
            <h2 id="waste">"Waste"</h2>
            <dl class="facts card pad" data-efficiency=exact data-wasted=waste.wasted.to_string()>
                <dt>"Efficiency"</dt>
                <dd>{human::decimal(waste.efficiency * 100.0, 2)}" %"</dd>
                <dt>"Wasted"</dt>
                <dd title=human::plural(waste.wasted, "byte", "bytes")>
                    {human::size(waste.wasted)}", "
                    {human::decimal(waste.user_share * 100.0, 2)}" % of all layers but the lowest"
                </dd>
            </dl>
            {(!rows.is_empty()).then(|| view! {
                <div class="card">
                    <table class="layer-table">
                        <thead>
                            <tr>
                                <th scope="col">"In more than one layer"</th>
                                <th scope="col" class="right">"Times"</th>
                                <th scope="col" class="right">"Bytes in all"</th>
                            </tr>
                        </thead>
                        <tbody>{rows}</tbody>
                    </table>
                </div>
            })}
            {(more > 0).then(|| view! { <p class="muted small">{human::count(more)}" more paths."</p> })}
            <p class="muted small">
                "The numbers are those of dive, by its rules: a path that several layers have is waste with all its bytes, \
                 the copy that survives included; a deleted directory counts with all that was in it, a deleted file with nothing; \
                 opaque directories are not seen. Ours differ in three things: a whiteout of something that no layer has is left out, \
                 where dive looks no further at that layer; a name that stands twice in one layer counts once, \
                 where dive adds both up; and .. in a name is a name, where dive takes it for the way up. "
                {match pointless {
                    0 => "This image has none.".to_owned(),
                    n => format!("This image has {}.", human::count(n)),
                }}
            </p>
        </section>
    }
}
