//! Small parts that pages are made of.

pub mod badge;
pub mod choose;
pub mod command;
pub mod copy;
pub mod details;
pub mod document;
pub mod exchange;
pub mod hex;
pub mod json;
pub mod listing;
pub mod live;
pub mod problem;
pub mod progress;
pub mod refbox;
pub mod sign_in;
pub mod skeleton;
pub mod text;
pub mod window;

use leptos::task::spawn_local;

use crate::browser::{page, timer};

/// What had the focus may be gone with what was just changed: then the first of these gets it.
pub(super) fn refocus(selectors: Vec<String>) {
    later(move || page::regain_focus(&selectors));
}

/// Runs after what was just changed has been put on the page.
fn later(work: impl FnOnce() + 'static) {
    spawn_local(async move {
        timer::yield_now().await;
        work();
    });
}
