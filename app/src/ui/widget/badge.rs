//! How far content was checked, in a word.

use layerscope_core::job::Verified;
use leptos::prelude::*;

use super::live::live;

/// The badge.
#[component]
pub fn VerifiedBadge(#[prop(into)] level: Signal<Verified>) -> impl IntoView {
    let word = move || match level.get() {
        Verified::None => "not verified yet",
        Verified::Toc => "by the publisher's list",
        Verified::Span => "✓ verified",
        Verified::Blob => "✓ verified",
    };
    let title = move || match level.get() {
        Verified::None => {
            "No digest covers these bytes so far: they are checked when the layer has come in whole."
        }
        Verified::Toc => {
            "Checked by the digests in the publisher's table of contents; the whole layer was not read."
        }
        Verified::Span => {
            "Each piece fetched matched a digest kept from a pass in which the whole layer matched its own."
        }
        Verified::Blob => "The whole matched its digest.",
    };
    view! {
        <span class="badge" data-level=move || level.get().name() title=title>
            {live(word)}
        </span>
    }
}
