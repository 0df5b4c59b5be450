//! What the programs and tests of `tests/` need to find: the built app, the proxy, a browser.

use std::process::Command;

use anyhow::Result;

use crate::tools::Tools;
use crate::workspace::Workspace;
use crate::{dist, serve, shell};

/// The package of the end to end tests.
pub const PACKAGE: &str = "layerscope-tests";

/// A Cargo command that runs something of that package; the app and the proxy have to be built.
pub fn command(workspace: &Workspace, arguments: &[&str]) -> Result<Command> {
    let browser = Tools::find()?.browser()?;
    let mut command = workspace.cargo(arguments);
    command
        .args(["-p", PACKAGE, "--locked"])
        .env("LAYERSCOPE_PROXY", workspace.proxy_binary())
        .env("LAYERSCOPE_DIST", &workspace.dist)
        .env("CHROMEDRIVER", browser.chromedriver)
        .env("CHROMIUM", browser.chromium);
    Ok(command)
}

/// One of its programs, ready to be given arguments.
pub fn program(workspace: &Workspace, name: &str) -> Result<Command> {
    let mut command = command(workspace, &["run", "--quiet"])?;
    command.args(["--bin", name, "--"]);
    Ok(command)
}

/// Builds the app and the proxy if need be, and runs one of the programs with them.
pub fn run(workspace: &Workspace, name: &str, arguments: &[&str]) -> Result<()> {
    dist::run_if_stale(workspace, &dist::Options::release())?;
    serve::build_proxy(workspace)?;
    shell::run(program(workspace, name)?.args(arguments))
}
