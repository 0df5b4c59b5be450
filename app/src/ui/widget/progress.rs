//! How a layer stands: while it streams a bar, then a line.

use layerscope_core::job::{MadeBy, Phase, Progress, Verified};
use layerscope_core::view::human;
use leptos::prelude::*;

use super::live::{When, live};

use super::badge::VerifiedBadge;
use crate::effects::Effects;
use crate::ui::{App, app};

/// The bar and its line. Its height stays the same when the bar goes.
#[component]
pub fn LayerProgress() -> impl IntoView {
    let app = app();
    let progress = app.state.layer.progress();
    let opened = app.state.layer.opened();
    let running = Memo::new(move |_| progress.with(|p| p.phase.is_running()));
    let size = move || {
        let known = opened.with(|o| o.as_ref().and_then(|o| o.source.size));
        progress.with(|p| p.size).or(known)
    };
    let share = move || {
        let size = size().filter(|s| *s > 0)?;
        Some((progress.with(|p| p.received) as f64 / size as f64).min(1.0))
    };
    let percent = move || share().map(|s| human::decimal(s * 100.0, 0));
    let level = Signal::derive(move || progress.with(|p| p.verified));
    let by_publisher =
        Memo::new(move |_| progress.with(|p| p.phase == Phase::Done && p.made_by != MadeBy::Us));
    let vouched = Memo::new(move |_| progress.with(vouched));
    let interrupted = Memo::new(move |_| progress.with(interrupted));
    // Where it has failed, the problem says so, and how to go on.
    let can_go_on =
        Memo::new(move |_| progress.with(|p| p.can_go_on && p.phase == Phase::Cancelled));
    view! {
        <div class="progress" data-worker-memory=move || progress.with(|p| p.memory_bytes)>
            <When when=move || !running.get()>
                <div class="track idle"></div>
            </When>
            <When when=move || running.get()>
                <div
                    class="track"
                    role="progressbar"
                    aria-label="Reading the layer"
                    aria-valuemin="0"
                    aria-valuemax="100"
                    aria-valuenow=percent
                    aria-valuetext=move || progress.with(|p| streaming(p, size()))
                >
                    <div
                        class="fill"
                        class:unknown=move || share().is_none()
                        style:transform=move || format!("scaleX({})", human::decimal(share().unwrap_or(1.0), 4))
                    ></div>
                </div>
            </When>
            <div class="row">
                <When when=move || !running.get()>
                    <span>{live(move || progress.with(finished))}</span>
                    <VerifiedBadge level=level/>
                </When>
                <When when=move || by_publisher.get()>
                    {act(app, "Read the whole layer to verify it", Effects::read_whole_layer)}
                </When>
                <When when=move || running.get()>
                    <span>{live(move || progress.with(|p| streaming(p, size())))}</span>
                    {act(app, "Cancel", Effects::cancel_layer)}
                </When>
                <When when=move || progress.with(|p| p.waiting)>
                    {act(app, "Read it here", Effects::go_on_with_layer)}
                </When>
                <When when=move || can_go_on.get()>
                    {act(app, "Go on", Effects::go_on_with_layer)}
                </When>
            </div>
            {live(move || interrupted.get().map(|text| view! { <p class="muted" role="status" data-interrupted="true">{text}</p> }))}
            {live(move || vouched.get().map(|text| view! { <p class="muted">{text}</p> }))}
        </div>
    }
}

/// What is to be known of a layer that did not come in one piece.
fn interrupted(p: &Progress) -> Option<String> {
    let mut told = Vec::new();
    if p.waiting {
        told.push("Another tab reads this layer; its list is waited for".to_owned());
    }
    if p.kept > 0 {
        let at = human::size(p.kept);
        told.push(format!(
            "Gone on at {at}, where an earlier visit has stopped"
        ));
    }
    if let Some(lost) = p.lost {
        let times = match lost.times {
            0 | 1 => String::new(),
            times => format!("{times} times, last "),
        };
        let then = match p.phase {
            Phase::Done | Phase::Sealing => "; nothing was lost",
            Phase::Failed | Phase::Cancelled => "",
            Phase::Starting | Phase::Streaming => "; going on",
        };
        told.push(format!(
            "Connection lost {times}at {}{then}",
            human::size(lost.at)
        ));
    }
    (!told.is_empty()).then(|| told.join(". "))
}

/// What is to be known of an index that somebody else made, or of one that was not used.
fn vouched(p: &Progress) -> Option<String> {
    if let Some(note) = &p.note {
        return Some(format!(
            "An index that somebody else made is not used, so the layer is read whole: {note}."
        ));
    }
    let format = match p.made_by {
        MadeBy::Us => return None,
        MadeBy::EStargz => "eStargz",
        MadeBy::ZstdChunked => "zstd:chunked",
        MadeBy::Soci => {
            return Some(stated(
                "SOCI's index of the image, which its registry has beside it",
            ));
        }
        MadeBy::Source => return Some(stated("the index source of whoever runs this app")),
        MadeBy::File => return Some(stated("the index file that you chose")),
    };
    Some(match p.verified {
        Verified::Toc => format!(
            "Listed by the publisher's table of contents ({format}). A digest in the manifest covers it, and a digest in it each piece of a file that is read. Whether the whole layer unpacks to the same was not checked."
        ),
        _ => format!(
            "Listed by a table of contents in the layer ({format}) that no digest in the manifest covers: nothing says that it tells the truth."
        ),
    })
}

/// What holds for an index that was made beside the layer.
fn stated(by: &str) -> String {
    format!(
        "Listed by {by}. Each piece of the layer that is read is checked by a digest in it. Nothing but the index itself says that it tells the truth, until the whole layer was read."
    )
}

fn streaming(p: &Progress, size: Option<u64>) -> String {
    match p.phase {
        Phase::Starting => {
            return "Looking whether its list is stored, else asking the registry".to_owned();
        }
        Phase::Sealing => {
            return format!(
                "{} · comparing digests",
                human::plural(u64::from(p.entries), "entry", "entries")
            );
        }
        _ => {}
    }
    let mut parts = vec![match size {
        Some(size) => format!("{} of {}", human::size(p.received), human::size(size)),
        None => human::size(p.received),
    }];
    let came = p.received.saturating_sub(p.kept);
    parts.extend(human::speed(came, p.elapsed_ms));
    parts.extend(layers(p));
    parts.push(human::plural(u64::from(p.entries), "entry", "entries"));
    let left = size.map(|size| size.saturating_sub(p.received));
    // In the first moments the speed says little.
    if let Some(left) = left.filter(|_| p.elapsed_ms > 700.0 && came > 0) {
        let seconds = left as f64 * p.elapsed_ms / came as f64 / 1000.0;
        parts.push(format!("{} left", human::duration_s(seconds.ceil() as u64)));
    }
    parts.join(" · ")
}

/// Of a root file system, how many layers are in it.
fn layers(p: &Progress) -> Option<String> {
    let (here, of) = p.layers?;
    Some(match here == of {
        true => human::plural(u64::from(of), "layer", "layers"),
        false => format!("{here} of {of} layers"),
    })
}

fn finished(p: &Progress) -> String {
    let mut parts = vec![human::plural(u64::from(p.entries), "entry", "entries")];
    parts.extend(layers(p));
    if p.inflated > 0 {
        parts.push(format!("{} unpacked", human::size(p.inflated)));
    }
    match p.phase {
        Phase::Done if p.from_store => parts.push("list kept from an earlier visit".to_owned()),
        Phase::Done if p.elapsed_ms > 0.0 => {
            parts.push(format!("read in {}", human::duration_ms(p.elapsed_ms)));
        }
        Phase::Cancelled => parts.push("cancelled, so the list is not complete".to_owned()),
        Phase::Failed => parts.push("stopped before its end".to_owned()),
        _ => {}
    }
    parts.join(" · ")
}

/// A button for something that can be done with the layer.
fn act(app: App, label: &'static str, act: fn(Effects)) -> impl IntoView {
    view! {
        <button type="button" class="btn tiny" on:click=move |_| act(app.effects)>{label}</button>
    }
}
