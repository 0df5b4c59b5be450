//! A file as what it is. The viewers' worker says what is to be seen; this is where it goes.

use layerscope_core::job::Verified;
use layerscope_core::view::draw::REDRAW;
use leptos::ev;
use leptos::html;
use leptos::prelude::*;

use crate::browser::draw;
use crate::ui::app;

/// The view.
#[component]
pub fn Details(
    /// How far it is checked.
    #[prop(into)]
    verified: Signal<Verified>,
) -> impl IntoView {
    let app = app();
    let viewer = app.state.viewer;
    let place = NodeRef::<html::Div>::new();
    // Now, and when the file was looked at again with its bytes checked.
    Effect::new(move |_| {
        if viewer.name().is_some() {
            app.effects.act_on_view(REDRAW, String::new());
        }
    });
    Effect::new(move |_| {
        let Some(place) = place.get() else { return };
        viewer.patches(|patches| {
            for patch in patches {
                draw::apply(&place, patch);
            }
        });
    });
    let act = move |event: &ev::Event| {
        if let Some((act, value)) = draw::act_of(event) {
            app.effects.act_on_view(act, value);
        }
    };
    view! {
        <div class="content-scroll" tabindex="0" role="group" aria-label="Content">
            <div
                class="view pad stack"
                data-content="details"
                data-verified=move || verified.get().name()
                node_ref=place
                on:click=move |e| act(&e)
                on:input=move |e| act(&e)
            ></div>
        </div>
    }
}
