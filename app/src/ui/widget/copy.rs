//! A button that copies.

use std::time::Duration;

use leptos::prelude::*;

use super::live::live;
use leptos::task::spawn_local;

use crate::browser::{page, timer};

/// How long it says that it has copied.
const SAID_FOR: Duration = Duration::from_millis(1500);

/// Copies a text. `what` names it for those who hear the page.
#[component]
pub fn CopyButton(
    /// The text.
    #[prop(into)]
    text: Signal<String>,
    /// What it is, for instance "digest".
    what: &'static str,
    /// What stands on the button.
    #[prop(optional)]
    label: Option<&'static str>,
    /// Its looks.
    #[prop(optional)]
    class: Option<&'static str>,
) -> impl IntoView {
    let said = RwSignal::new(None::<bool>); // tidy: local
    let copy = move |_| {
        let text = text.get_untracked();
        spawn_local(async move {
            let copied = page::copy_text(&text).await.is_ok();
            said.try_set(Some(copied));
            timer::sleep(SAID_FOR).await;
            said.try_set(None);
        });
    };
    let word = move || match said.get() {
        None => label.unwrap_or("Copy"),
        Some(true) => "Copied",
        Some(false) => "Refused",
    };
    view! {
        <button
            type="button"
            class=class.unwrap_or("btn quiet tiny")
            aria-label=move || match said.get() {
                // What stands on the button is part of its name.
                None => match label {
                    Some(label) => format!("{label}: {what}"),
                    None => format!("Copy {what}"),
                },
                Some(true) => "Copied".to_owned(),
                Some(false) => "The browser refused to copy".to_owned(),
            }
            on:click=copy
        >
            {live(word)}
        </button>
    }
}
