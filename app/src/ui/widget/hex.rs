//! Bytes in hex: of a file of any size only the rows in view are on the page, and only their
//! bytes are fetched.

use std::ops::Range;

use layerscope_core::job::Verified;
use leptos::html;
use leptos::prelude::*;

use super::live::live;

use super::window::{HEX_ROW_PX, Scrolled, px};
use crate::state::text::hex_row;
use crate::ui::app;

/// Bytes to a row.
const ROW: u64 = 16;

/// Where bytes come from: given is the first byte and how many; none if they are not here yet.
pub type Bytes = std::sync::Arc<dyn Fn(u64, usize) -> Option<Vec<u8>> + Send + Sync>;

/// The view. `look` is told which bytes are in view.
#[component]
pub fn HexView(
    /// The file's size in bytes.
    #[prop(into)]
    total: Signal<u64>,
    /// The bytes; subscribes to what they depend on.
    bytes: Bytes,
    /// How far they are checked.
    #[prop(into)]
    verified: Signal<Verified>,
    /// Told which bytes are in view.
    look: Callback<Range<u64>>,
) -> impl IntoView {
    let app = app();
    let scroller = NodeRef::<html::Div>::new();
    let top = RwSignal::new(0.0_f64); // tidy: local
    let page_height = app.state.shell.height();
    let scrolled = move || Scrolled {
        rows: total.get().div_ceil(ROW),
        row_px: HEX_ROW_PX,
        top: top.get(),
        seen: scroller.get().map_or(0.0, |s| f64::from(s.client_height())),
        cover: page_height.get(),
    };
    let range = Memo::new(move |_| scrolled().range());
    Effect::new(move |_| {
        let range = range.get();
        look.run(range.start * ROW..(range.end * ROW).min(total.get()));
    });
    let on_scroll = move |_| {
        if let Some(s) = scroller.get_untracked() {
            top.set(f64::from(s.scroll_top()));
        }
    };
    let width = move || {
        if total.get() > u64::from(u32::MAX) {
            12
        } else {
            8
        }
    };
    let rows = move || {
        let width = width();
        range
            .get()
            .map(|row| {
                let at = row * ROW;
                let len = (total.get() - at.min(total.get())).min(ROW) as usize;
                let (pairs, chars) = match bytes(at, len) {
                    Some(bytes) => hex_row(&bytes),
                    None => ("…".to_owned(), String::new()),
                };
                view! {
                    <div class="hex-row">
                        <span class="at">{format!("{at:0width$x}")}</span>
                        <span>{pairs}</span>
                        <span class="chars">{chars}</span>
                    </div>
                }
            })
            .collect_view()
    };
    view! {
        <div class="hex-box">
            <div
                class="scroller hex"
                tabindex="0"
                role="group"
                aria-label="Bytes in hex"
                data-content="hex"
                data-verified=move || verified.get().name()
                node_ref=scroller
                on:scroll=on_scroll
            >
                <div class="spacer" style:height=move || px(scrolled().height())>
                    <div
                        class="window"
                        style:transform=move || format!("translateY({})", px(scrolled().start()))
                    >
                        {live(rows)}
                    </div>
                </div>
            </div>
        </div>
    }
}
