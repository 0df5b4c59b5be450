//! `cargo xtask bench --scale`: layers of sizes at which things break, made for the run and removed
//! after it.

use anyhow::Result;

use super::Figures;
use crate::workspace::Workspace;
use crate::{dist, serve, shell, stage};

/// Measures and prints.
pub fn run(workspace: &Workspace) -> Result<()> {
    dist::run_if_stale(workspace, &dist::Options::release())?;
    serve::build_proxy(workspace)?;
    let mut figures = Figures::default();
    shell::timed("measuring huge layers in Chromium", || {
        let mut command = stage::program(workspace, "scale_bench")?;
        figures.take(&mut command)
    })?;
    figures.write(workspace, "summary-scale.json")
}
