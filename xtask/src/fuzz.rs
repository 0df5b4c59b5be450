//! `cargo xtask fuzz`: the targets of tests/fuzz, each for a while.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::shell;
use crate::tools::Tools;
use crate::workspace::Workspace;

/// Long enough to reach past the seeds, short enough for every change.
pub const DEFAULT_SECONDS: u64 = 60;
/// Megabytes that one input may cost; the parsers promise far less.
const MEMORY_LIMIT_MB: u64 = 2048;
/// Seconds that one input may take.
const INPUT_TIMEOUT_SECONDS: u64 = 20;

/// What makes a run the same everywhere: the committed inputs alone to begin with, one order from
/// there, and one length. A faster machine does not go further than this one did, so a check of a
/// change speaks of that change and not of what nobody had found yet.
pub struct Repeatable {
    /// Where libFuzzer's random numbers begin.
    pub seed: u32,
    /// Inputs tried.
    pub inputs: u64,
}

/// Runs `targets`, or all there are, for `seconds` each at the most. The first finding ends the
/// run.
pub fn run(
    workspace: &Workspace,
    seconds: u64,
    targets: &[String],
    repeatable: Option<&Repeatable>,
) -> Result<()> {
    let folder = workspace.root.join("tests").join("fuzz");
    if !folder.join("Cargo.toml").is_file() {
        bail!(
            "{} has no Cargo.toml, so there is nothing to fuzz",
            folder.display()
        );
    }
    let programs = Tools::find()?.cargo_fuzz()?;
    let nightly = shell::probe("cargo", &["+nightly", "--version"]);
    match &nightly {
        Some(version) => eprintln!("xtask: fuzzing with {}", version.trim()),
        None => eprintln!("xtask: no nightly toolchain: fuzzing with RUSTC_BOOTSTRAP=1"),
    }
    // cargo-fuzz is asked by its own name: `cargo` would choose the pinned toolchain.
    let command = || -> Result<Command> {
        let mut command = Command::new(programs.join("cargo-fuzz"));
        command
            .current_dir(&folder)
            .env("PATH", shell::path_with(&[&programs])?)
            // This process's Cargo is that of the pinned toolchain.
            .env_remove("CARGO")
            .env_remove("RUSTUP_TOOLCHAIN");
        match nightly {
            Some(_) => command.env("RUSTUP_TOOLCHAIN", "nightly"),
            None => command.env("RUSTC_BOOTSTRAP", "1"),
        };
        Ok(command)
    };

    let known = command()?
        .args(["list", "--fuzz-dir", "."])
        .output()
        .context("asking cargo-fuzz for its targets")?;
    if !known.status.success() {
        bail!(
            "`cargo fuzz list` failed: {}",
            String::from_utf8_lossy(&known.stderr).trim()
        );
    }
    let known = String::from_utf8_lossy(&known.stdout).into_owned();
    let known: Vec<&str> = known
        .lines()
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .collect();
    let chosen: Vec<&str> = if targets.is_empty() {
        known.clone()
    } else {
        targets.iter().map(String::as_str).collect()
    };
    if let Some(unknown) = chosen.iter().find(|name| !known.contains(name)) {
        bail!(
            "there is no fuzz target {unknown:?}; there are {}",
            known.join(", ")
        );
    }
    for target in &chosen {
        let inputs = match repeatable {
            Some(_) => Some(committed_inputs(workspace, &folder, target)?),
            None => None,
        };
        shell::timed(&format!("fuzzing {target} for {seconds} s"), || {
            shell::run(
                command()?
                    .args(["run", "--fuzz-dir", ".", target])
                    .args(inputs)
                    .arg("--")
                    .args([
                        format!("-max_total_time={seconds}"),
                        format!("-rss_limit_mb={MEMORY_LIMIT_MB}"),
                        format!("-timeout={INPUT_TIMEOUT_SECONDS}"),
                        "-print_final_stats=1".to_owned(),
                    ])
                    .args(repeatable.iter().flat_map(|fixed| {
                        [
                            format!("-seed={}", fixed.seed),
                            format!("-runs={}", fixed.inputs),
                        ]
                    })),
            )
        })?;
    }
    println!(
        "{} targets fuzzed for up to {seconds} s each, nothing found",
        chosen.len()
    );
    Ok(())
}

/// A folder with the committed inputs of a target alone; what a run adds to it is not kept.
fn committed_inputs(workspace: &Workspace, fuzz: &Path, target: &str) -> Result<PathBuf> {
    let place = workspace.target.join("fuzz-inputs").join(target);
    if place.exists() {
        fs::remove_dir_all(&place)?;
    }
    fs::create_dir_all(&place)?;
    for entry in fs::read_dir(fuzz.join("corpus").join(target))? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with("seed-") {
            fs::copy(entry.path(), place.join(entry.file_name()))?;
        }
    }
    Ok(place)
}
