//! Small parts that pages are made of.

pub mod badge;
pub mod command;
pub mod copy;
pub mod hex;
pub mod json;
pub mod listing;
pub mod live;
pub mod problem;
pub mod progress;
pub mod refbox;
pub mod skeleton;
pub mod text;
pub mod window;

use leptos::task::spawn_local;

use crate::browser::timer;

/// Runs after what was just changed has been put on the page.
fn later(work: impl FnOnce() + 'static) {
    spawn_local(async move {
        timer::yield_now().await;
        work();
    });
}
