//! Ways from an image to it beside another.

use layerscope_core::manifest::{Document, Platform};
use layerscope_core::route::Route;
use leptos::prelude::*;

use crate::ui::app;
use crate::ui::widget::live::live;

/// To this image beside another, and to two platforms of an index.
#[component]
pub fn CompareLinks() -> impl IntoView {
    let app = app();
    let state = app.state.image;
    let links = move || {
        let reference = state.reference().get()?;
        let platforms: Vec<Platform> = state.top().with(|t| match &t.ready()?.document {
            Document::Index(index) => {
                Some(index.choices().filter_map(|d| d.platform.clone()).collect())
            }
            Document::Manifest(m) if !m.is_image() => None,
            _ => Some(Vec::new()),
        })?;
        let chosen = state
            .chosen()
            .with(|c| c.as_ref().and_then(|d| d.platform.clone()));
        let with = |left: Option<Platform>, right: Option<Platform>| {
            let mut route = Route::compare(reference.clone(), reference.clone());
            if let Route::Compare {
                left_platform,
                right_platform,
                ..
            } = &mut route
            {
                (*left_platform, *right_platform) = (left, right);
            }
            route.href()
        };
        let other = platforms.iter().find(|p| Some(*p) != chosen.as_ref());
        let two = other.map(|other| with(chosen.clone(), Some(other.clone())));
        Some(view! {
            <p class="row">
                <a class="btn" data-action="compare" href=with(chosen.clone(), chosen.clone())>"Compare with…"</a>
                {two.map(|href| view! { <a class="btn" data-action="compare-platforms" href=href>"Compare platforms"</a> })}
            </p>
        })
    };
    live(links)
}
