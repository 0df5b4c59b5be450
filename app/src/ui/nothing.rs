//! Addresses that lead nowhere, or to pages that are not there yet: said plainly, with ways on.

use layerscope_core::route::Route;
use layerscope_core::view::problem::Problem;
use leptos::prelude::*;

use crate::ui::widget::live::live;

use super::app;

/// The page.
#[component]
pub fn Nothing() -> impl IntoView {
    let route = app().route();
    view! {
        <div class="stack prose">
            {live(move || {
                let route = route.get();
                let problem = explain(&route);
                view! {
                    <h1>{problem.title.clone()}</h1>
                    <section class="problem" role="alert" data-problem=problem.code>
                        <p>{problem.cause}</p>
                        <p>{problem.remedy}</p>
                    </section>
                    <ul>
                        {ways(&route)
                            .into_iter()
                            .map(|(words, route)| view! { <li><a href=route.href()>{words}</a></li> })
                            .collect_view()}
                        <li><a href="#/">"Go to the start page"</a></li>
                    </ul>
                }
            })}
        </div>
    }
}

fn explain(route: &Route) -> Problem {
    let not_yet = |what: &str| {
        Problem::new(
            "NOT_YET",
            "This page is not there yet",
            format!("{what} cannot be shown by this version of Layerscope"),
            "Below is what can be opened instead.",
        )
    };
    match route {
        Route::Invalid { why, .. } => Problem::new(
            "ADDRESS",
            "This address leads nowhere",
            why.clone(),
            "Check the part after # in the address, or type a reference above.",
        ),
        Route::Search { .. } => not_yet("A search over all layers"),
        _ => not_yet("This"),
    }
}

fn ways(route: &Route) -> Vec<(String, Route)> {
    match route {
        Route::Search { reference, .. } => vec![(
            format!("Open {}; each layer can be searched", reference.familiar()),
            Route::image(reference.clone()),
        )],
        _ => Vec::new(),
    }
}
