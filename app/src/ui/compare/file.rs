//! One path of both images: what it is in each, and how the contents differ.

use std::sync::Arc;

use layerscope_core::compare::ask::FileAnswer;
use layerscope_core::compare::snapshot::Side;
use layerscope_core::compare::text::{Bytes, Compared, Line, Lines};
use layerscope_core::job::RowKind;
use layerscope_core::manifest::Document;
use layerscope_core::path::visible;
use layerscope_core::route::{Render, Route};
use layerscope_core::view::human;
use leptos::prelude::*;

use super::{at_path, in_root};
use crate::state::Load;
use crate::state::compare::{Outcome, Which};
use crate::state::text::hex_row;
use crate::ui::widget::live::live;
use crate::ui::widget::problem::ProblemPanel;
use crate::ui::widget::skeleton::Skeleton;
use crate::ui::{App, app};

/// The path that the route names.
#[component]
pub fn OneFile() -> impl IntoView {
    let app = app();
    let file = app.state.compare.file();
    let sides = Memo::new(move |_| file.with(|f| f.as_ref().map(|f| f.sides.clone())));
    let outcome =
        Memo::new(move |_| file.with(|f| f.as_ref().map_or(Load::Loading, |f| f.outcome.clone())));
    let all = move || at_path(app, None).href();
    view! {
        <section class="stack tight" data-section="file">
            <div class="row"><a class="btn tiny" data-action="all-differences" href=all>"All differences"</a></div>
            {live(move || match sides.get() {
                Some([Some(left), Some(right)]) => facts(app, &left, &right),
                _ => ().into_any(),
            })}
            {live(move || match outcome.get() {
                Load::Ready(outcome) => contents(app, outcome),
                Load::Failed(problem) => view! { <ProblemPanel problem=problem/> }.into_any(),
                Load::Idle | Load::Loading => view! { <Skeleton lines=8/> }.into_any(),
            })}
        </section>
    }
}

/// What it is in each.
fn facts(app: App, left: &Arc<FileAnswer>, right: &Arc<FileAnswer>) -> AnyView {
    let sides = [
        (Which::Left, left.side.clone()),
        (Which::Right, right.side.clone()),
    ];
    let fact = |name: &'static str, of: &dyn Fn(&Side) -> Option<String>| {
        let values = sides.each_ref().map(|(_, side)| side.as_ref().and_then(of));
        let some = values.iter().any(Option::is_some);
        let other = sides.iter().all(|(_, s)| s.is_some()) && values[0] != values[1];
        some.then(|| {
            let cells = values.map(|value| match value {
                Some(value) => view! { <td class="mono break"><bdi>{value}</bdi></td> }.into_any(),
                None => view! { <td class="muted">"—"</td> }.into_any(),
            });
            view! { <tr class:differs=other data-fact=name><th scope="row">{name}</th>{cells.into_iter().collect_view()}</tr> }
        })
    };
    let mode = |side: &Side| Some(human::permissions(u32::from(side.mode?)));
    let from = sides.each_ref().map(|(which, side)| {
        let layer = side.as_ref().filter(|s| s.mode.is_some())?.layer;
        let path = left.path.clone();
        app.state.compare.side(*which).with_untracked(|s| {
            let repository = s.reference.as_ref()?.repository().clone();
            let at = usize::from(layer);
            let digest = match &s.manifest.ready()?.document {
                Document::Manifest(m) => m.layers.get(at)?.digest.clone(),
                Document::Schema1(old) => old.layers.get(at)?.clone(),
                _ => return None,
            };
            let to = Route::fs(repository, digest, path.clone());
            Some(view! { <a href=to.href()>"Layer "{at + 1}</a> }.into_any())
        })
    });
    let open = sides.each_ref().map(|(which, side)| {
        let to = side.as_ref().and_then(|_| in_root(app, *which, left.path.clone()));
        match to {
            Some(to) => view! { <td><a class="btn tiny" data-open=which.letter() href=to.href()>"Open in "{which.letter()}</a></td> }.into_any(),
            None => view! { <td class="muted" data-missing=which.letter()>"not there"</td> }.into_any(),
        }
    });
    let from: Vec<_> = from
        .into_iter()
        .map(|link| view! { <td>{link}</td> })
        .collect();
    view! {
        <div class="card">
            <table class="layer-table pairs">
                <thead>
                    <tr><th scope="col"><span class="visually-hidden">"Fact"</span></th><th scope="col">"A"</th><th scope="col">"B"</th></tr>
                </thead>
                <tbody>
                    {fact("Type", &|s| Some(kind(s).to_owned()))}
                    {fact("Size", &|s| s.is_file().then(|| human::size(s.size)))}
                    {fact("Mode", &|s| mode(s).filter(|_| s.kind != RowKind::Symlink))}
                    {fact("Owner", &|s| s.mode.map(|_| format!("{}:{}", s.owner.0, s.owner.1)))}
                    {fact("Points to", &|s| (!s.link.is_empty()).then(|| visible(&s.link)))}
                    {fact("Device", &|s| s.device.map(|(a, b)| format!("{a}, {b}")))}
                    <tr><th scope="row">"From"</th>{from}</tr>
                    <tr><th scope="row"><span class="visually-hidden">"Open"</span></th>{open.into_iter().collect_view()}</tr>
                </tbody>
            </table>
        </div>
    }
    .into_any()
}

fn kind(side: &Side) -> &'static str {
    match side.kind {
        RowKind::Dir => "directory",
        RowKind::Symlink => "symbolic link",
        RowKind::Char => "character device",
        RowKind::Block => "block device",
        RowKind::Fifo => "pipe",
        _ if side.linked => "file, by a hard link",
        _ => "file",
    }
}

fn contents(app: App, outcome: Outcome) -> AnyView {
    let said = |name: &'static str, text: String| {
        view! { <p class="small" data-outcome=name role="status">{text}</p> }.into_any()
    };
    match outcome {
        Outcome::Nothing => said("nothing", "There are no contents to compare.".to_owned()),
        Outcome::Same => said(
            "same",
            "The contents are the same: both were read and compared.".to_owned(),
        ),
        Outcome::Large => said(
            "large",
            "The contents differ. They are too large to be shown beside each other.".to_owned(),
        ),
        Outcome::TooLarge => said(
            "too-large",
            "The contents were not compared: both have the same size, and are too large to be read for this. The command line above does it.".to_owned(),
        ),
        Outcome::Failed(why) => said("failed", format!("The contents were not compared: {why}.")),
        Outcome::Differ(compared) => match &*compared {
            Compared::Lines(lines) => text(lines),
            Compared::Bytes(bytes) => binary(app, bytes),
        },
    }
}

/// Lines that differ.
fn text(lines: &Lines) -> AnyView {
    let hunks: Vec<_> = lines
        .hunks
        .iter()
        .map(|hunk| {
            let rows: Vec<_> = hunk.lines.iter().map(line_view).collect();
            view! { <div class="hunk">{rows}</div> }
        })
        .collect();
    let (added, removed) = (u64::from(lines.added), u64::from(lines.removed));
    let more = u64::from(lines.more);
    view! {
        <p class="small" data-outcome="lines" data-lines-added=added.to_string() data-lines-removed=removed.to_string() role="status">
            {human::plural(added, "line", "lines")}" added, "{human::plural(removed, "line", "lines")}" removed."
            {lines.coarse.then_some(" Too many lines differ to find the fewest; some of these may stand in both.")}
            {lines.lossy.then_some(" Bytes that are not UTF-8 are written as \\x and two digits.")}
        </p>
        <div class="card diff" data-content="diff" tabindex="0" role="group" aria-label="Differing lines">
            {hunks}
            {(more > 0).then(|| view! { <p class="empty">{human::count(more)}" more differing lines are not shown."</p> })}
        </div>
    }
    .into_any()
}

fn line_view(line: &Line) -> AnyView {
    let (class, mark, name) = match (line.left, line.right) {
        (Some(_), Some(_)) => ("dl", " ", None),
        (Some(_), None) => ("dl gone-from", "−", Some("removed")),
        _ => ("dl new-in", "+", Some("added")),
    };
    let number = |n: Option<u32>| n.map(|n| n.to_string());
    view! {
        <div class=class data-line=name>
            <span class="no" data-n=number(line.left)></span>
            <span class="no" data-n=number(line.right)></span>
            <span class="sign" aria-hidden="true">{mark}</span>
            {name.map(|name| view! { <span class="visually-hidden">{name}": "</span> })}
            <span class="tx">{line.text.clone()}</span>
            {line.open.then(|| view! { <span class="muted small">" (no line end)"</span> })}
        </div>
    }
    .into_any()
}

/// Where the bytes differ of what is no text.
fn binary(app: App, bytes: &Bytes) -> AnyView {
    let at = bytes.first.unwrap_or(0);
    let rows = |which: Which, part: &[u8]| {
        let rows: Vec<_> = part
            .chunks(16)
            .zip(0_u64..)
            .map(|(row, n)| {
                let (pairs, chars) = hex_row(row);
                let start = bytes.start + n * 16;
                let here = (start..start + 16).contains(&at);
                view! {
                    <div class="hex-row" class:differs=here>
                        <span class="at">{format!("{start:08x}")}</span>
                        <span>{pairs}</span>
                        <span class="chars">{chars}</span>
                    </div>
                }
            })
            .collect();
        let path = app
            .state
            .compare
            .file()
            .with_untracked(|f| f.as_ref().map(|f| f.path.clone()));
        let to = path
            .and_then(|path| in_root(app, which, path))
            .map(|mut to| {
                if let Some(show) = to.show_mut() {
                    show.render = Some(Render::Hex);
                }
                to.href()
            });
        view! {
            <div class="stack tight">
                <h3><a href=to>"All of "{which.letter()}" in hex"</a></h3>
                <div class="card hex diff" tabindex="0" role="group" aria-label=format!("Bytes of {}", which.letter())>{rows}</div>
            </div>
        }
    };
    view! {
        <p class="small" data-outcome="bytes" data-first=at.to_string() role="status">
            "The contents differ, first at byte "{human::count(at)}". They are no text."
        </p>
        <div class="stack tight" data-content="bytes">
            {rows(Which::Left, &bytes.left)}
            {rows(Which::Right, &bytes.right)}
        </div>
    }
    .into_any()
}
