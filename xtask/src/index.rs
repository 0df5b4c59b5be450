//! `cargo xtask index`: the program is `bin/index_layers`, compiled for release when it is asked for.

use anyhow::Result;

use crate::shell;
use crate::workspace::Workspace;

/// Runs it with its own flags, in the folder where we were called.
pub fn run(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let build = ["build", "--quiet", "--release", "--locked", "-p", "xtask"];
    let program = ["--features", "index", "--bin", "index_layers"];
    shell::timed("building the indexer", || {
        shell::run(workspace.cargo(&build).args(program))
    })?;
    let name = format!("index_layers{}", std::env::consts::EXE_SUFFIX);
    let built = workspace.target.join("release").join(name);
    shell::run(std::process::Command::new(built).args(arguments))
}
