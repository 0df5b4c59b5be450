//! Grey bars where something is about to be, so that nothing jumps when it comes.

use leptos::prelude::*;

/// Some bars.
#[component]
pub fn Skeleton(lines: usize) -> impl IntoView {
    view! {
        <div class="skeleton pad" role="status" aria-label="Loading">
            {(0..lines).map(|_| view! { <span></span> }).collect_view()}
        </div>
    }
}
