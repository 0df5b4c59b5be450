//! The same by the command line, to copy.

use layerscope_core::route::Route;
use layerscope_core::view::command::Command;
use layerscope_core::view::local;
use leptos::prelude::*;

use super::live::live;

use super::copy::CopyButton;
use crate::ui::app;

/// The registry that the proxy has inside: no other program reaches it.
const SAMPLE: &str = "sample.localhost";

/// Lines that do what the page shows: the first at sight, the others on demand.
#[component]
pub fn Commands(#[prop(into)] commands: Signal<Vec<Command>>) -> impl IntoView {
    let app = app();
    let route = app.route();
    // What is on disk no registry has: other lines do the same.
    let on_disk = Memo::new(move |_| {
        route.with(|route| {
            let opened = app.state.local.opened(route.local_id()?)?;
            Some(match route {
                Route::Fs { digest, .. } => local::layer_commands(&opened, digest),
                Route::Blob { .. } => Vec::new(),
                _ => local::commands(&opened),
            })
        })
    });
    let commands = move || on_disk.get().unwrap_or_else(|| commands.get());
    let commands = Signal::derive(commands);
    let first = move || commands.with(|c| c.first().cloned());
    let rest = move || commands.with(|c| c.iter().skip(1).cloned().collect::<Vec<_>>());
    let of_sample = move || {
        route.with(|r| {
            r.registry()
                .is_some_and(|registry| registry.as_str() == SAMPLE)
        })
    };
    view! {
        <div class="commands">
            {live(move || first().map(line))}
            {live(move || (of_sample() && first().is_some()).then(|| view! {
                <p class="muted small">"The sample is inside Layerscope; with any other registry this line works as it is."</p>
            }))}
            {live(move || {
                let rest = rest();
                (!rest.is_empty()).then(|| {
                    view! {
                        <details class="fold">
                            <summary>"The same with other tools"</summary>
                            <ul class="commands">
                                {rest.into_iter().map(|c| view! { <li>{line(c)}</li> }).collect_view()}
                            </ul>
                        </details>
                    }
                })
            })}
        </div>
    }
}

fn line(command: Command) -> impl IntoView {
    let text = command.line.clone();
    view! {
        <div class="cmd" data-command=command.tool>
            <code tabindex="0" role="group" aria-label="Command line">{command.line}</code>
            <CopyButton text=Signal::derive(move || text.clone()) what="the command" class="btn"/>
        </div>
    }
}
