//! Programs of other people that `cargo xtask bench` compares with: installed where they are to be
//! had, left out with a word where they are not.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use super::{Tools, npm_install};
use crate::shell;

/// From PyPI.
const PYTHON: [&str; 2] = ["indexed_gzip==1.10.3", "rapidgzip==0.16.2"];
/// From npm.
const NPM: [&str; 2] = ["fflate@0.8.3", "pako@3.0.3"];
/// From Debian: the program, and its package.
const DEBIAN: [(&str, &str); 2] = [("pigz", "pigz"), ("libdeflate-gunzip", "libdeflate-tools")];

/// Where they are; what is not there could not be had.
#[derive(Debug, Default)]
pub struct Peers {
    /// A folder for PYTHONPATH.
    pub python: Option<PathBuf>,
    /// A folder `node_modules`.
    pub npm: Option<PathBuf>,
}

impl Tools {
    /// Finds or installs all of them.
    pub fn peers(&self) -> Peers {
        if let Err(error) = debian() {
            eprintln!("SKIPPED: {error:#}");
        }
        let told = |found: Result<PathBuf>| {
            found
                .inspect_err(|error| eprintln!("SKIPPED: {error:#}"))
                .ok()
        };
        Peers {
            python: told(self.python_peers()),
            npm: told(self.npm_peers()),
        }
    }

    fn python_peers(&self) -> Result<PathBuf> {
        let place = self
            .root
            .join(format!("peers-{}", PYTHON.join("-").replace("==", "-")));
        if place.is_dir() {
            return Ok(place);
        }
        let by_hand = format!(
            "python3 -m pip install --target {} {}",
            place.display(),
            PYTHON.join(" ")
        );
        let what = PYTHON.join(" and ");
        self.install(&place, &what, &by_hand, |partial| {
            shell::run(
                Command::new("python3")
                    .args([
                        "-m",
                        "pip",
                        "install",
                        "--quiet",
                        "--no-deps",
                        "--only-binary=:all:",
                    ])
                    .arg("--target")
                    .arg(partial)
                    .args(PYTHON),
            )
        })?;
        Ok(place)
    }

    fn npm_peers(&self) -> Result<PathBuf> {
        let place = self
            .root
            .join(format!("peers-{}", NPM.join("-").replace('@', "-")));
        let modules = place.join("node_modules");
        if modules.is_dir() {
            return Ok(modules);
        }
        let npm = shell::on_path("npm").context("fflate and pako need npm, which is not here")?;
        let what = NPM.join(" and ");
        let by_hand = format!(
            "npm install --no-save --prefix {} {}",
            place.display(),
            NPM.join(" ")
        );
        self.install(&place, &what, &by_hand, |partial| {
            npm_install(&npm, partial, &NPM)
        })?;
        Ok(modules)
    }
}

/// Debian's programs are installed where that is this user's to do.
fn debian() -> Result<()> {
    let missing: Vec<&str> = DEBIAN
        .into_iter()
        .filter(|(program, _)| shell::on_path(program).is_none())
        .map(|(_, package)| package)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let install = || {
        shell::run(
            Command::new("apt-get")
                .args(["install", "-y", "-q", "--no-install-recommends"])
                .args(&missing)
                .env("DEBIAN_FRONTEND", "noninteractive"),
        )
    };
    install()
        .or_else(|_| {
            shell::run(Command::new("apt-get").args(["update", "-q"]))?;
            install()
        })
        .with_context(|| format!("{} could not be installed", missing.join(" and ")))
}
