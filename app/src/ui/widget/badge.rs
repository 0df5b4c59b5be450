//! How far content was checked, in a word.

use layerscope_core::job::Verified;
use leptos::prelude::*;

use super::live::live;
use crate::ui::app;

/// The badge.
#[component]
pub fn VerifiedBadge(#[prop(into)] level: Signal<Verified>) -> impl IntoView {
    let opened = app().state.layer.opened();
    // Also where no layer is open: then nothing is at this level.
    let unnamed = move || opened.with(|o| o.as_ref().is_some_and(|o| o.source.unnamed));
    let word = move || match level.get() {
        Verified::None if unnamed() => "no digest to compare with",
        Verified::None => "not verified yet",
        Verified::Toc => "by the publisher's list",
        Verified::Span => "✓ verified",
        Verified::Blob => "✓ verified",
    };
    let title = move || match level.get() {
        Verified::None if unnamed() => {
            "Nobody says what the bytes of this file have to be. Checksums inside it are checked when it is read whole."
        }
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
