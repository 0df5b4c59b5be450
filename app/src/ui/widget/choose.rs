//! A field in which a file or folder of this computer is chosen.

use leptos::prelude::*;

use crate::browser::drop::{self, Dropped};
use crate::ui::app;

/// The field, which looks like a button.
#[component]
pub fn Choose(
    /// A folder in place of a file.
    folder: bool,
) -> impl IntoView {
    let app = app();
    // The browser's own dialog gives what can be opened again on another day.
    let pick = move |ev: leptos::ev::MouseEvent| {
        if let Some(picked) = drop::pick(folder) {
            ev.prevent_default();
            app.effects.open_files(picked);
        }
    };
    let change = move |ev: leptos::ev::Event| app.effects.open_files(Dropped::of_field(&ev));
    let name = if folder {
        "choose-folder"
    } else {
        "choose-file"
    };
    view! {
        <label class="btn choose">
            {if folder { "Choose a folder" } else { "Choose a file" }}
            <input
                type="file"
                class="visually-hidden"
                data-action=name
                prop:webkitdirectory=folder
                on:click=pick
                on:change=change
            />
        </label>
    }
}
