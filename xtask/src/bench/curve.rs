//! `cargo xtask bench --curve`: what an index takes against what a file takes, on three real
//! layers, drawn into docs/.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use super::{Figures, LAYERS, layer_bench, make_layer};
use crate::shell;
use crate::workspace::Workspace;

/// Measures, draws and prints.
pub fn run(workspace: &Workspace) -> Result<()> {
    let picture = workspace.root.join("docs").join("trade.svg");
    let mut layers = Vec::new();
    for (name, which) in LAYERS {
        layers.push((name, make_layer(workspace, which)?));
    }
    let mut figures = Figures::default();
    shell::timed("measuring trades", || {
        figures.take(&mut command(workspace, &picture, &layers))
    })?;
    figures.write(workspace, "summary-curve.json")?;
    eprintln!("xtask: drawn into {}", picture.display());
    Ok(())
}

fn command(workspace: &Workspace, picture: &PathBuf, layers: &[(&str, PathBuf)]) -> Command {
    let mut command = layer_bench(workspace);
    command.arg("curve").arg(picture);
    for (name, file) in layers {
        command.arg(format!("{name}={}", file.display()));
    }
    command
}
