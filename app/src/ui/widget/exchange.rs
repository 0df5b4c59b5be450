//! The index of the open layer: saved for others, or taken from a file.

use layerscope_core::job::{ExportFormat, Exported, MadeBy, Phase, Verified};
use layerscope_core::layer_index::{Compression, TradeChoice};
use layerscope_core::view::command::{self, Command, PushedZtoc};
use layerscope_core::view::{human, trade};
use leptos::prelude::*;

use super::command::Commands;
use super::live::{When, live};
use super::problem::ProblemPanel;
use crate::browser::page::ChosenFile;
use crate::state::State;
use crate::state::export::Export;
use crate::ui::app;

/// Buttons for both forms, a field for a file, and what became of it.
#[component]
pub fn IndexExchange() -> impl IntoView {
    let app = app();
    let state = app.state;
    let progress = state.layer.progress();
    let export = state.export.export();
    let ours = Memo::new(move |_| {
        progress.with(|p| p.verified == Verified::Blob && p.made_by == MadeBy::Us)
    });
    let done = Memo::new(move |_| progress.with(|p| p.phase == Phase::Done));
    let has_ztoc = Memo::new(move |_| {
        let kinds = [Compression::Gzip, Compression::None];
        done.get() && progress.with(|p| !p.bare && p.compression.is_none_or(|c| kinds.contains(&c)))
    });
    let setting = state.shell.trade();
    let trade = Memo::new(move |_| progress.with(|p| p.trade.filter(|_| p.phase == Phase::Done)));
    let made_by = Memo::new(move |_| Some(trade::made_by(trade.get()?, setting.get())));
    let other = Memo::new(move |_| trade.get().is_some_and(|made| made != setting.get()));
    let going = Memo::new(move |_| export.with(|e| matches!(e, Some(Export::Going { .. }))));
    let problem = Memo::new(move |_| {
        export.with(|e| match e {
            Some(Export::Failed(problem)) => Some(problem.clone()),
            _ => None,
        })
    });
    let commands = Signal::derive(move || {
        export.with(|e| match e {
            Some(Export::Done(exported)) if exported.format == ExportFormat::Ztoc => {
                push_commands(state, exported)
            }
            _ => Vec::new(),
        })
    });
    let pushes = Memo::new(move |_| commands.with(|c| !c.is_empty()));
    view! {
        <details class="fold" data-part="index">
            <summary>"Index of this layer"</summary>
            <div class="row">
                <When when=move || ours.get() && !going.get()>
                    <button
                        type="button"
                        class="btn tiny"
                        data-action="save-index"
                        on:click=move |_| app.effects.export_index(ExportFormat::IndexFile)
                    >
                        "Save as index file"
                    </button>
                </When>
                <When when=move || has_ztoc.get() && !going.get()>
                    <button
                        type="button"
                        class="btn tiny"
                        data-action="save-ztoc"
                        title="Reads the whole layer once more"
                        on:click=move |_| app.effects.export_index(ExportFormat::Ztoc)
                    >
                        "Export as SOCI ztoc"
                    </button>
                </When>
                <When when=move || going.get()>
                    <button
                        type="button"
                        class="btn tiny"
                        on:click=move |_| app.effects.cancel_export()
                    >
                        "Cancel"
                    </button>
                </When>
                <When when=move || !ours.get()>
                    <label class="small">
                        "Open by an index file: "
                        <input
                            type="file"
                            accept=".lsx"
                            data-action="use-index"
                            on:change=move |ev| {
                                if let Some(file) = ChosenFile::of(&ev) {
                                    app.effects.use_index_file(file);
                                }
                            }
                        />
                    </label>
                </When>
            </div>
            <When when=move || made_by.get().is_some()>
                <p class="small" data-trade=move || progress.with(|p| p.trade.map(TradeChoice::name))>
                    {live(move || made_by.get().unwrap_or_default())}
                    " "
                    <When when=move || other.get() && !going.get()>
                        <button
                            type="button"
                            class="btn tiny"
                            data-action="remake-index"
                            title="Reads the whole layer once more"
                            on:click=move |_| app.effects.remake_index()
                        >
                            "Make it again"
                        </button>
                    </When>
                </p>
            </When>
            <p class="muted small" role="status">{live(move || export.with(words))}</p>
            {live(move || problem.get().map(|problem| view! { <ProblemPanel problem=problem note=""/> }))}
            <When when=move || pushes.get()>
                <Commands commands=commands/>
            </When>
        </details>
    }
}

fn words(export: &Option<Export>) -> String {
    match export {
        Some(Export::Going { received, .. }) => format!("{} read", human::size(*received)),
        Some(Export::Done(exported)) => format!(
            "Saved as {}: {}, {}",
            exported.name,
            human::size(exported.len),
            exported.digest
        ),
        Some(Export::Failed(_)) => String::new(),
        None => "An index file opens this layer elsewhere without reading it whole. SOCI's lets a snapshotter start a container before the image is pulled.".to_owned(),
    }
}

/// What puts a ztoc beside its image, if it is known which that is.
fn push_commands(state: State, exported: &Exported) -> Vec<Command> {
    let origin = state.shell.origin().get_untracked();
    let opened = state.layer.opened().get_untracked();
    let (Some(origin), Some(opened)) = (origin, opened) else {
        return Vec::new();
    };
    command::push_ztoc(
        origin.reference.repository(),
        &PushedZtoc {
            file: &exported.name,
            digest: &exported.digest,
            len: exported.len,
            layer: &opened.source.digest,
            layer_type: &origin.descriptor.media_type,
            image: &origin.manifest,
            image_len: origin.manifest_len,
            image_type: &origin.manifest_type,
        },
    )
}
