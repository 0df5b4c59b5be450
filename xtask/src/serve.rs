//! `cargo xtask serve`: the app and its proxy on this machine.

use std::process::Command;

use anyhow::Result;

use crate::workspace::Workspace;
use crate::{dist, shell};

/// Builds what is stale, then becomes the proxy.
pub fn run(workspace: &Workspace, proxy_flags: &[String]) -> Result<()> {
    let options = dist::Options {
        public_url: dist::RELATIVE_URL.to_owned(),
        // Somebody who only wants to look should not need npm.
        allow_unoptimised: true,
    };
    dist::run_if_stale(workspace, &options)?;
    build_proxy(workspace)?;
    let mut command = Command::new(workspace.proxy_binary());
    command.args(proxy_flags).current_dir(&workspace.root);
    eprintln!("xtask: starting the proxy; Ctrl-C stops it");
    become_program(&mut command)
}

/// Builds the proxy for release with the app of `dist/` inside.
pub fn build_proxy(workspace: &Workspace) -> Result<()> {
    shell::timed("building the proxy with the app inside", || {
        shell::run(
            workspace
                .cargo(&["build", "--release", "--locked", "-p", "layerscope-proxy"])
                .env("LAYERSCOPE_DIST", &workspace.dist),
        )
    })
}

/// On Unix this process becomes the proxy, so that signals reach it and nothing stays behind.
#[cfg(unix)]
fn become_program(command: &mut Command) -> Result<()> {
    use std::os::unix::process::CommandExt;
    let error = command.exec();
    Err(anyhow::Error::new(error)
        .context(format!("`{}` could not be started", shell::show(command))))
}

#[cfg(not(unix))]
fn become_program(command: &mut Command) -> Result<()> {
    shell::run(command)
}
