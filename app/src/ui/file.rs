//! A file in a layer: its facts, and its content in the form that fits.

use std::sync::Arc;

use layerscope_core::job::{Row, RowKind, Target, Verified};
use layerscope_core::path::{EntryPath, visible};
use layerscope_core::reference::Repository;
use layerscope_core::route::{Render, Route};
use layerscope_core::view::archive;
use layerscope_core::view::command;
use layerscope_core::view::compression;
use layerscope_core::view::human;
use leptos::prelude::*;

use crate::ui::widget::live::{When, live};

use super::layer::{bare, is_inside, is_of_root, tar_filter};
use super::widget::badge::VerifiedBadge;
use super::widget::command::Commands;
use super::widget::copy::CopyButton;
use super::widget::details::Details;
use super::widget::hex::{Bytes, HexView};
use super::widget::listing::{fate, hue, list_route, mode, owner, row_route};
use super::widget::problem::ProblemPanel;
use super::widget::skeleton::Skeleton;
use super::widget::text::TextView;
use super::{App, app};
use crate::state::Load;
use crate::state::file::{HEX_PAGE, Head, MAX_PICTURE, OpenFile, Saving};
use crate::state::text::{Sniff, TextDoc};

/// Text that is read on by itself until the lines that the route names are there, in bytes.
const MAX_AUTO_TEXT: u64 = 16 * 1024 * 1024;

/// The pane.
#[component]
pub fn FilePane() -> impl IntoView {
    let app = app();
    let entry = app.state.file.entry();
    view! {
        <div class="pane file-pane">
            {live(move || entry.get().map(|entry| view! { <File entry=entry/> }))}
        </div>
    }
}

#[component]
fn File(entry: Arc<OpenFile>) -> impl IntoView {
    let app = app();
    let route = app.state.shell.route_now();
    let row = entry.row.clone();
    let path = format!("/{}", row.path.display());
    let in_list = row.path.parent().is_some();
    let up = move || {
        let list = app.state.layer.list().with(|list| list.spec.clone());
        list_route(&route, &list).map(|route| route.href())
    };
    let name = row.path.file_name().unwrap_or_default().to_vec();
    let has_content = row.kind == RowKind::File
        || (row.kind == RowKind::Hardlink
            && entry.target.as_ref().is_some_and(|t| t.row().is_some()));
    let commands = {
        let path = row.path.clone();
        let of_layer = row.clone();
        Signal::derive(
            move || match app.state.shell.place().with(|p| p.route.clone()) {
                Route::Layers { repository, .. } if has_content && !is_inside(app.state) => {
                    from_layer(app, &repository, &of_layer, &path)
                }
                Route::Fs {
                    repository, digest, ..
                } if has_content && !is_inside(app.state) => match bare(app.state) {
                    Some(compression) => command::bare(&repository, &digest, compression, &path),
                    None => command::file(&repository, &digest, tar_filter(app.state), &path),
                },
                _ => Vec::new(),
            },
        )
    };
    let verified = Signal::derive(move || {
        let head = app.state.file.head().with(|h| match h {
            Load::Ready(head) => Some(head.verified),
            Load::Failed(_) => Some(Verified::None), // nothing of it is here
            Load::Idle | Load::Loading => None,
        });
        head.unwrap_or_else(|| app.state.layer.progress().with(|p| p.verified))
    });
    view! {
        <header class="file-head">
            <div class="stack tight">
                <p class="ls-line">
                    <bdi>{facts_line(&row)}</bdi>
                    " "
                    <VerifiedBadge level=verified/>
                </p>
                <div class="row">
                    {has_content.then(|| view! { <SaveButton/> })}
                    {live(move || as_folder(app, &name).map(|route| view! {
                        <a class="btn" data-action="open-as-folder" href=route.href()>"Open as folder"</a>
                    }))}
                    <CopyButton text=Signal::stored(path) what="the path" label="Copy path" class="btn"/>
                    {in_list.then(|| view! { <a class="btn quiet" data-action="close-file" href=up>"Close"</a> })}
                </div>
            </div>
            <Facts entry=entry.clone()/>
        </header>
        {if has_content {
            view! { <Content/> }.into_any()
        } else {
            view! { <NoContent entry=entry.clone()/> }.into_any()
        }}
        <Commands commands=commands/>
    }
}

/// How to get a file of a root file system: out of the layer that it is from.
fn from_layer(
    app: App,
    repository: &Repository,
    row: &Row,
    path: &EntryPath,
) -> Vec<command::Command> {
    let opened = app.state.layer.opened();
    let layer = opened.with(|o| {
        let layer = usize::from(row.version?.layer);
        o.as_ref()?.layers.get(layer).cloned()
    });
    layer.map_or(Vec::new(), |layer| {
        let filter = compression::tar_filter(Some(&layer.media_type), None);
        command::file(repository, &layer.digest, filter, path)
    })
}

/// Into the file, if it looks like an archive: by its name, or by its first bytes once they are
/// here.
fn as_folder(app: App, name: &[u8]) -> Option<Route> {
    let route = app.state.shell.place().with(|p| p.route.clone());
    let head = app.state.file.head();
    let looks = head.with(|h| archive::looks_like_one(name, h.ready().map(|h| &h.bytes[..])));
    looks.then(|| route.into_archive())
}

/// The whole of `ls -l`, exact.
fn facts_line(row: &Row) -> String {
    let mut parts = vec![mode(row)];
    if row.has_attributes() {
        let ids = match (row.uname.is_empty(), row.gname.is_empty()) {
            (true, true) => String::new(),
            _ => format!(" ({}:{})", row.uid, row.gid),
        };
        parts.push(format!("{}{ids}", owner(row)));
    }
    if let Some((major, minor)) = row.device {
        parts.push(format!("device {major}, {minor}"));
    }
    if row.kind == RowKind::File {
        parts.push(human::plural(row.size, "byte", "bytes"));
    }
    if row.has_attributes() {
        parts.push(human::time_exact(row.mtime));
    }
    parts.join("  ")
}

/// Attributes beyond `ls -l`, and other entries of the same name.
#[component]
fn Facts(entry: Arc<OpenFile>) -> impl IntoView {
    let route = app().state.shell.route_now();
    let extra = entry.row.extra.clone();
    let app = app();
    let origin = from(app, &route, &entry.row);
    let versions = entry.row.version.is_some();
    let others: Vec<(String, String)> = entry
        .others
        .iter()
        .map(|row| {
            let place = match row.version {
                Some(v) => {
                    let what = fate(v).unwrap_or_else(|| "what counts".to_owned());
                    format!("layer {}, {what}: ", u32::from(v.layer) + 1)
                }
                None => row
                    .ordinal
                    .map_or(String::new(), |o| format!("entry {o}: ")),
            };
            (
                row_route(app, &route, row).href(),
                format!("{place}{}", facts_line(row)),
            )
        })
        .collect();
    let count = others.len();
    let word = match versions {
        true => "Other versions of it",
        false => "This name is in the archive more than once",
    };
    view! {
        {origin}
        {(!extra.is_empty()).then(|| view! {
            <details class="fold">
                <summary>{human::plural(extra.len() as u64, "further attribute", "further attributes")}</summary>
                <dl class="facts">
                    {extra
                        .into_iter()
                        .map(|(name, value)| view! {
                            <dt><bdi>{visible(name.as_bytes())}</bdi></dt>
                            <dd class="mono"><bdi>{visible(value.as_bytes())}</bdi></dd>
                        })
                        .collect_view()}
                </dl>
            </details>
        })}
        {(!others.is_empty()).then(|| view! {
            <details class="fold" open=versions>
                <summary>{word}</summary>
                <ul class="stack tight" data-versions=count.to_string()>
                    {others
                        .into_iter()
                        .map(|(href, text)| view! { <li class="mono small"><a href=href>{text}</a></li> })
                        .collect_view()}
                </ul>
            </details>
        })}
    }
}

/// Of a root file system: which layer brought it, and which hid it.
fn from(app: App, route: &Route, row: &Row) -> Option<AnyView> {
    let version = row.version?;
    let Route::Layers { repository, .. } = route else {
        return None;
    };
    let digest = app.state.layer.layer_of(row)?;
    let layer = usize::from(version.layer);
    let count = app
        .state
        .layer
        .opened()
        .with_untracked(|o| o.as_ref().map_or(0, |o| o.layers.len()));
    let href = Route::fs(repository.clone(), digest.clone(), row.path.clone()).href();
    let gone = fate(version);
    Some(
        view! {
            <p class="small" data-from-layer=layer + 1>
                <span class=format!("swatch {}", hue(layer)) aria-hidden="true"></span>
                "From "<a href=href title=digest.to_string()>"layer "{layer + 1}" of "{count}</a>
                {gone.map(|gone| view! { ", "<strong class="gone">{gone}</strong> })}
            </p>
        }
        .into_any(),
    )
}

/// What is said of an entry that has no bytes of its own.
#[component]
fn NoContent(entry: Arc<OpenFile>) -> impl IntoView {
    let app = app();
    let route = app.state.shell.route_now();
    let row = &entry.row;
    let body = match row.kind {
        RowKind::Symlink | RowKind::Hardlink => {
            let kind = if row.kind == RowKind::Symlink {
                "Symbolic"
            } else {
                "Hard"
            };
            let stated = row.link.display();
            let leads = entry
                .target
                .as_ref()
                .map(|target| leads(app, &route, row, target));
            view! {
                <p>{kind}" link to "<bdi class="mono">{stated}</bdi></p>
                {leads}
            }
            .into_any()
        }
        RowKind::Whiteout => {
            let name = row.path.file_name().unwrap_or_default();
            let text = match name {
                b".wh..wh..opq" => {
                    "Opaque whiteout: hides everything that lower layers have in this directory."
                        .to_owned()
                }
                name => {
                    let hidden = name.strip_prefix(b".wh.").unwrap_or(name);
                    format!(
                        "Whiteout: deletes “{}” of the lower layers.",
                        visible(hidden)
                    )
                }
            };
            view! { <p>{text}</p> }.into_any()
        }
        RowKind::Char => {
            view! { <p>"A character device. It has no content in an archive."</p> }.into_any()
        }
        RowKind::Block => {
            view! { <p>"A block device. It has no content in an archive."</p> }.into_any()
        }
        RowKind::Fifo => {
            view! { <p>"A named pipe. It has no content in an archive."</p> }.into_any()
        }
        RowKind::Dir | RowKind::File => view! { <p>"Nothing to show."</p> }.into_any(),
    };
    view! { <div class="card pad stack tight">{body}</div> }
}

/// Where a link leads, in a sentence.
fn leads(app: App, route: &Route, link: &Row, target: &Target) -> AnyView {
    let (here, has_nothing) = match is_of_root(route) {
        true => ("In this image that is ", "This image has nothing at "),
        false => ("In this layer that is ", "This layer has nothing at "),
    };
    let at = |path: &EntryPath| {
        let path = format!("/{}", path.display());
        view! { <bdi class="mono">{path}</bdi> }
    };
    match target {
        Target::Entry(row) => {
            let href = row_route(app, route, row).href();
            view! { <p data-link-target=row.path.encode()>{here}<a href=href>{at(&row.path)}</a>"."</p> }.into_any()
        }
        Target::Nothing { path } => view! {
            <p>
                {has_nothing}{at(path)}
                {match is_of_root(route) {
                    true => ". It may come to be only in a container that runs.",
                    false => ". It may be in another layer of the image, or come to be only in a container that runs.",
                }}
            </p>
        }
        .into_any(),
        Target::Outside { path } => view! {
            <p>
                "The link leads out, above the top of the layer. In a container that ends at "{at(path)}
                ", where there is nothing."
            </p>
        }
        .into_any(),
        Target::Circle { path } if *path == link.path => {
            view! { <p>"The link goes in a circle: it leads to itself."</p> }.into_any()
        }
        Target::Circle { path } => view! {
            <p>"The links go in a circle: following "{at(path)}" never ends."</p>
        }
        .into_any(),
    }
}

#[component]
fn SaveButton() -> impl IntoView {
    let app = app();
    let saving = app.state.file.saving();
    let word = move || match saving.get() {
        None => "Download".to_owned(),
        Some(Saving::Going { written, total, .. }) => match total {
            0 => "Fetching …".to_owned(),
            total => format!(
                "{} % · stop",
                human::decimal(written as f64 * 100.0 / total as f64, 0)
            ),
        },
        Some(Saving::Saved) => "Downloaded".to_owned(),
        Some(Saving::Failed(_)) => "Download again".to_owned(),
    };
    let click = move |_| match saving.get_untracked() {
        Some(Saving::Going { .. }) => app.effects.cancel_save(),
        _ => app.effects.save_file(),
    };
    let problem = move || match saving.get() {
        Some(Saving::Failed(problem)) => Some(problem),
        _ => None,
    };
    Effect::new(move |_| {
        if let Some(problem) = problem() {
            app.state.shell.notify(problem);
        }
    });
    view! {
        <button type="button" class="btn main" data-action="download" on:click=click>
            {live(word)}
        </button>
    }
}

/// How content is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Waiting,
    Failed,
    Empty,
    Text,
    Hex,
    Picture,
    Details,
}

fn form(app: App) -> Form {
    let place = app.state.shell.place();
    let wanted = place.with(|p| p.route.show().and_then(|show| show.render));
    // As what it is, unless something else is wanted; for a moment nobody knows what that is.
    let details = match wanted {
        None | Some(Render::Details) => app.state.viewer.kind(|kind| match kind {
            Load::Ready(Some(_)) => Some(Form::Details),
            Load::Loading => Some(Form::Waiting),
            _ => None,
        }),
        _ => None,
    };
    app.state.file.head().with(|head| match head {
        Load::Idle | Load::Loading => Form::Waiting,
        Load::Failed(_) => Form::Failed,
        Load::Ready(Head {
            sniff: Sniff::Text | Sniff::Binary,
            ..
        }) if details.is_some() => details.unwrap_or(Form::Waiting),
        Load::Ready(head) => match (wanted, head.sniff) {
            (_, Sniff::Empty) => Form::Empty,
            (Some(Render::Hex), _) => Form::Hex,
            (Some(Render::Text | Render::Json), _) => Form::Text,
            (_, Sniff::Picture(_)) if head.total <= MAX_PICTURE => Form::Picture,
            (_, Sniff::Text) => Form::Text,
            (_, Sniff::Picture(_) | Sniff::Binary) => Form::Hex,
        },
    })
}

#[component]
fn Content() -> impl IntoView {
    let app = app();
    let form = Memo::new(move |_| form(app));
    let not_viewed = move || {
        let viewer = app.state.viewer;
        viewer.kind(|k| k.problem().map(|p| format!("{} {}", p.cause, p.remedy)))
    };
    let problem = move || app.state.file.head().with(|h| h.problem().cloned());
    let verified = move || {
        let head = app.state.file.head();
        head.with(|h| h.ready().map_or("none", |h| h.verified.name()))
    };
    view! {
        <div class="content">
            <ContentTools form=form/>
            {live(move || app.state.file.decoding().get().map(|d| view! { <Decoding decoded=d/> }))}
            {live(move || not_viewed().map(|told| view! { <p class="problem mild small">{told}</p> }))}
            {live(move || match form.get() {
                Form::Waiting => view! { <Skeleton lines=10/> }.into_any(),
                Form::Failed => problem().map(|p| view! { <ProblemPanel problem=p/> }).into_any(),
                Form::Empty => view! { <p class="empty" data-content="text" data-verified=verified>"The file is empty."</p> }.into_any(),
                Form::Text => view! { <Text/> }.into_any(),
                Form::Hex => view! { <Hex/> }.into_any(),
                Form::Picture => view! { <Picture/> }.into_any(),
                Form::Details => view! { <Details verified=details_verified(app)/> }.into_any(),
            })}
        </div>
    }
}

/// How far the bytes are checked that the view is made of: its first, and those that were read for it.
fn details_verified(app: App) -> Signal<Verified> {
    let head = head_verified(app);
    Signal::derive(move || head.get().min(app.state.viewer.verified()))
}

/// Why it takes so long, and how long still.
#[component]
fn Decoding(decoded: (u64, u64)) -> impl IntoView {
    let (done, total) = decoded;
    let percent = human::decimal(done as f64 * 100.0 / total.max(1) as f64, 0);
    let kind = app()
        .state
        .layer
        .progress()
        .with_untracked(|p| p.compression.map_or("compressed", |c| c.name()));
    let words = format!(
        "{kind} cannot be entered in the middle: {} before the end of this part are unpacked first, {percent} % done.",
        human::size(total)
    );
    view! { <p class="problem mild small" role="status" data-decoding=done>{words}</p> }
}

#[component]
fn ContentTools(form: Memo<Form>) -> impl IntoView {
    let app = app();
    let head = app.state.file.head();
    let route = app.route();
    let to = move |render: Render| {
        let mut route = route.get();
        if let Some(show) = route.show_mut() {
            show.render = Some(render);
            show.lines = None;
        }
        route.href()
    };
    let is_picture = move || {
        head.with(|h| {
            h.ready()
                .is_some_and(|h| matches!(h.sniff, Sniff::Picture(_)))
        })
    };
    let current = move |wanted: Form| (form.get() == wanted).then_some("true");
    let about = move || {
        head.with(|h| {
            h.ready().map(|h| {
                let have = h.bytes.len() as u64;
                let shown = match h.is_whole() || form.get() != Form::Text {
                    true => human::size(h.total),
                    false => format!("first {} of {}", human::size(have), human::size(h.total)),
                };
                match h.fetched {
                    0 => shown,
                    n => format!("{shown} · {} fetched for it", human::size(n)),
                }
            })
        })
    };
    view! {
        <div class="content-tools">
            <span>{live(about)}</span>
            <span class="end">
                <When when=move || form.get() == Form::Text>
                    <button
                        type="button"
                        class="btn quiet tiny"
                        aria-pressed=move || app.state.file.wrap().get().to_string()
                        on:click=move |_| app.state.file.toggle_wrap()
                    >
                        "Wrap"
                    </button>
                </When>
                {live(move || app.state.viewer.name().map(|kind| view! {
                    <a class="btn quiet tiny" data-action="details" href=move || to(Render::Details) aria-current=move || current(Form::Details)>{kind}</a>
                }))}
                <When when=is_picture>
                    <a class="btn quiet tiny" href=move || to(Render::Image) aria-current=move || current(Form::Picture)>"Image"</a>
                </When>
                <a class="btn quiet tiny" href=move || to(Render::Text) aria-current=move || current(Form::Text)>"Text"</a>
                <a class="btn quiet tiny" href=move || to(Render::Hex) aria-current=move || current(Form::Hex)>"Hex"</a>
            </span>
        </div>
    }
}

fn head_verified(app: App) -> Signal<Verified> {
    Signal::derive(move || {
        let head = app.state.file.head();
        head.with(|h| h.ready().map_or(Verified::None, |h| h.verified))
    })
}

#[component]
fn Text() -> impl IntoView {
    let app = app();
    let head = app.state.file.head();
    let doc = Memo::new(move |_| {
        head.with(|h| match h.ready() {
            Some(h) => Arc::new(TextDoc::new(&h.bytes, h.is_whole())),
            None => Arc::new(TextDoc::new(&[], true)),
        })
    });
    let more = move || head.with(|h| h.ready().is_some_and(|h| !h.is_whole()));
    let busy = app.state.file.more();
    // The lines that the route names may be further on.
    Effect::new(move |_| {
        let place = app.state.shell.place();
        let lines = place.with(|p| p.route.show().and_then(|show| show.lines));
        let wanted = lines.map_or(0, |l| l.first);
        let have = head.with(|h| h.ready().map_or(0, |h| h.bytes.len() as u64));
        if more() && wanted > doc.with(|d| d.len() as u64) && have < MAX_AUTO_TEXT {
            app.effects.more_text();
        }
    });
    let warning = move || {
        doc.with(|d| match (d.hidden, d.lossy) {
            (true, _) => Some("This text has characters that change the order in which it is read. Look at it in hex before you trust it."),
            (_, true) => Some("Some bytes are not UTF-8; they are shown as �."),
            _ => None,
        })
    };
    view! {
        {live(move || warning().map(|w| view! { <p class="problem mild small">{w}</p> }))}
        <TextView doc=doc verified=head_verified(app) wrap=app.state.file.wrap()>
            <When when=more>
                <p class="pad">
                    <button
                        type="button"
                        class="btn"
                        disabled=move || busy.get()
                        on:click=move |_| app.effects.more_text()
                    >
                        {live(move || if busy.get() { "Loading …" } else { "Load more" })}
                    </button>
                </p>
            </When>
        </TextView>
    }
}

#[component]
fn Hex() -> impl IntoView {
    let app = app();
    let (head, pages) = (app.state.file.head(), app.state.file.pages());
    let total = Signal::derive(move || head.with(|h| h.ready().map_or(0, |h| h.total)));
    let bytes: Bytes = Arc::new(move |at, len| {
        let here = |h: &Head| {
            h.bytes
                .get(at as usize..at as usize + len)
                .map(<[u8]>::to_vec)
        };
        if let Some(bytes) = head.with(|h| h.ready().and_then(here)) {
            return Some(bytes);
        }
        // A row never crosses pages: both are powers of two.
        let start = (at % HEX_PAGE) as usize;
        pages.with(|p| {
            p.get(&(at / HEX_PAGE))
                .and_then(|b| b.get(start..start + len).map(<[u8]>::to_vec))
        })
    });
    view! {
        <HexView
            total=total
            bytes=bytes
            verified=head_verified(app)
            look=Callback::new(move |range| app.effects.look_at_bytes(range))
        />
    }
}

#[component]
fn Picture() -> impl IntoView {
    let app = app();
    let picture = app.state.file.picture();
    let verified = head_verified(app);
    let entry = app.state.file.entry();
    let name = move || {
        entry.with(|e| {
            e.as_ref().map_or(String::new(), |e| {
                visible(e.row.path.file_name().unwrap_or_default())
            })
        })
    };
    view! {
        <div class="content-scroll">
            {live(move || match picture.get() {
                Load::Ready(url) => {
                    // The address lives as long as the state holds it.
                    let href = url.href().to_owned();
                    view! {
                        <div class="picture" data-content="image" data-verified=move || verified.get().name()>
                            <img src=href alt=name/>
                        </div>
                    }
                    .into_any()
                }
                Load::Failed(problem) => view! { <ProblemPanel problem=problem/> }.into_any(),
                Load::Idle | Load::Loading => view! { <Skeleton lines=6/> }.into_any(),
            })}
        </div>
    }
}
