//! By what contents were compared, and what is left to read.

use layerscope_core::view::human;
use leptos::prelude::*;

use crate::ui::app;
use crate::ui::widget::live::live;

/// By what contents were compared, and what is left to read.
#[component]
pub fn HowCompared() -> impl IntoView {
    let app = app();
    let files = app.state.compare.files();
    let summary = Memo::new(move |_| files.with(|f| f.summary.unwrap_or_default()));
    let reading = Memo::new(move |_| files.with(|f| f.reading.as_ref().map(|r| (r.done, r.of))));
    let left = Memo::new(move |_| summary.with(|s| (s.unread.files, s.unread.bytes)));
    let told = move || {
        let sum = summary.get();
        let plural = |n: u32| human::plural(u64::from(n), "file", "files");
        let mut parts = Vec::new();
        if sum.by_layer > 0 {
            parts.push(format!(
                "{} the same entry of a shared layer",
                plural(sum.by_layer)
            ));
        }
        if sum.by_content > 0 {
            parts.push(format!(
                "{} read in both and compared by SHA-256",
                plural(sum.by_content)
            ));
        }
        if sum.by_size > 0 {
            parts.push(format!(
                "{} told apart by their size alone",
                plural(sum.by_size)
            ));
        }
        if sum.failed.files > 0 {
            parts.push(format!("{} not readable", plural(sum.failed.files)));
        }
        match parts.is_empty() {
            true => String::new(),
            false => format!("Contents: {}. Times are not looked at.", parts.join("; ")),
        }
    };
    view! {
        <p
            class="small muted"
            data-by-layer=move || summary.with(|s| s.by_layer)
            data-by-content=move || summary.with(|s| s.by_content)
            data-by-size=move || summary.with(|s| s.by_size)
        >
            {live(told)}
        </p>
        {live(move || match (reading.get(), left.get()) {
            (Some((done, of)), _) => Some(view! {
                <div class="progress">
                    <div
                        class="track"
                        role="progressbar"
                        aria-label="Comparing contents"
                        aria-valuemin="0"
                        aria-valuemax=of
                        aria-valuenow=done
                    >
                        <div
                            class="fill"
                            style:transform=format!("scaleX({})", human::decimal(f64::from(done) / f64::from(of.max(1)), 4))
                        ></div>
                    </div>
                    <div class="row">
                        <span>{human::count(u64::from(done))}" of "{human::plural(u64::from(of), "file", "files")}" compared"</span>
                        <button type="button" class="btn tiny" data-action="stop-reading" on:click=move |_| app.effects.stop_reading_contents()>"Stop"</button>
                    </div>
                </div>
            }
            .into_any()),
            (None, (files, bytes)) if files > 0 => Some(view! {
                <p class="row">
                    <button type="button" class="btn" data-action="read-contents" on:click=move |_| app.effects.read_contents()>
                        "Compare "{human::plural(u64::from(files), "more file", "more files")}" by content"
                    </button>
                    <span class="small muted">"of the same size in both; reads "{human::size(bytes)}" unpacked of each"</span>
                </p>
            }
            .into_any()),
            _ => None,
        })}
    }
}
