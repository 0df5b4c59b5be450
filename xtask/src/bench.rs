//! `cargo xtask bench`: figures, in a table and as target/bench/summary.json.
//!
//! Every figure is measured in this run, from one release build and with the settings that it has
//! by default. The native part is in `bin/layer_bench.rs`, what needs a browser in
//! `tests/src/bin/browser_bench.rs`.

mod curve;
mod scale;

pub use curve::run as curve;
pub use scale::run as scale;

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value};

use crate::tools::{Peers, Tools};
use crate::workspace::Workspace;
use crate::{dist, serve, shell, stage};

/// Each timing is the best of this many: the others were disturbed.
const RUNS: usize = 3;
/// Of five, two may be disturbed.
pub const DEFAULT_ROUNDS: usize = 5;
const MEGABYTE: f64 = 1_000_000.0;
/// The three layers that claims about all layers are measured on, and the argument with which the
/// tests' program makes each.
const LAYERS: [(&str, &str); 3] = [
    ("base", "--make-small-layer"),
    ("packages", "--make-packages-layer"),
    ("big", "--make-large-layer"),
];

/// Figures in the order in which they were taken.
#[derive(Default)]
struct Figures(Map<String, Value>);

impl Figures {
    fn add(&mut self, name: &str, value: f64) {
        // Five digits after the point are more than any of these is good for.
        self.0.insert(
            name.to_owned(),
            Value::from((value * 100_000.0).round() / 100_000.0),
        );
    }

    /// Runs a program that prints figures as a flat JSON object.
    fn take(&mut self, command: &mut Command) -> Result<()> {
        let output = shell::output(command)?;
        let figures: Map<String, Value> = serde_json::from_slice(&output)
            .with_context(|| format!("reading the figures of `{}`", shell::show(command)))?;
        for (name, value) in figures {
            let value = value.as_f64();
            self.add(
                &name,
                value.with_context(|| format!("{name} is no number"))?,
            );
        }
        Ok(())
    }

    /// Prints them, and writes them into target/bench.
    fn write(&self, workspace: &Workspace, name: &str) -> Result<()> {
        let folder = workspace.target.join("bench");
        fs::create_dir_all(&folder)?;
        let summary = folder.join(name);
        print!("{}", self.table());
        fs::write(&summary, serde_json::to_string_pretty(&self.0)?)
            .with_context(|| format!("writing {}", summary.display()))?;
        eprintln!("xtask: written to {}", summary.display());
        Ok(())
    }

    fn table(&self) -> String {
        let width = self.0.keys().map(String::len).max().unwrap_or_default();
        self.0
            .iter()
            .map(|(name, value)| format!("{name:width$}  {value:>14}\n"))
            .collect()
    }
}

/// A layer to measure on.
#[derive(Debug, Clone, Copy)]
pub enum Layer<'a> {
    /// A gzip file.
    File(&'a Path),
    /// A large Debian root file system, made once.
    Large,
    /// One that the tests have anyway.
    Small,
}

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub struct Options<'a> {
    /// What is measured on.
    pub layer: Layer<'a>,
    /// How often each measurement in Chromium is repeated; the middle one counts.
    pub rounds: usize,
}

impl Options<'_> {
    /// Enough to see that every figure can be taken; they say little.
    pub fn small() -> Self {
        Self {
            layer: Layer::Small,
            rounds: 1,
        }
    }
}

/// Measures, prints and writes.
pub fn run(workspace: &Workspace, options: Options<'_>) -> Result<()> {
    let mut figures = Figures::default();
    dist::run_if_stale(workspace, &dist::Options::release())?;
    serve::build_proxy(workspace)?;
    let sizes = dist::sizes(&workspace.dist)?;
    figures.add("main_download_br_bytes", sizes.first as f64);
    figures.add("layer_page_download_br_bytes", sizes.layer as f64);
    figures.add("pages_download_br_bytes", sizes.pages as f64);
    figures.add("worker_download_br_bytes", sizes.worker as f64);
    figures.add("formats_download_br_bytes", sizes.formats as f64);

    let folder = workspace.target.join("bench");
    fs::create_dir_all(&folder)?;
    let plans = folder.join("plans.json");
    let layer = match options.layer {
        Layer::File(layer) => std::path::absolute(layer)?,
        Layer::Large => make_layer(workspace, "--make-large-layer")?,
        Layer::Small => make_layer(workspace, "--make-small-layer")?,
    };
    let peers = match options.layer {
        Layer::Small => Peers::default(), // nothing is installed for figures that say little
        Layer::File(_) | Layer::Large => Tools::find()?.peers(),
    };
    shell::timed("measuring natively", || {
        native(
            workspace,
            &mut figures,
            &layer,
            &plans,
            options.rounds,
            &peers,
        )
    })?;
    let parts = build_parts(workspace, &folder.join("parts"))?;
    shell::timed("measuring in Chromium", || {
        let mut command = stage::program(workspace, "browser_bench")?;
        command
            .arg(&layer)
            .args([&plans, &parts])
            .arg(options.rounds.to_string())
            .args(&peers.npm);
        figures.take(&mut command)
    })?;

    shell::timed("measuring the proxy beside nginx", || {
        let mut command = stage::program(workspace, "proxy_bench")?;
        figures.take(command.arg(options.rounds.to_string()))
    })?;

    let summary = match options.layer {
        Layer::Small => "summary-small.json", // says little, and must not stand for what says more
        Layer::File(_) | Layer::Large => "summary.json",
    };
    figures.write(workspace, summary)
}

/// A layer that the tests' own program makes, unless it is there.
fn make_layer(workspace: &Workspace, which: &str) -> Result<PathBuf> {
    let mut command = stage::program(workspace, "browser_bench")?;
    command.arg(which);
    let output = shell::output(&mut command)
        .context("the default layer needs Debian and root; name one with --layer FILE.tar.gz")?;
    let path = String::from_utf8(output)?;
    Ok(PathBuf::from(path.trim_end()))
}

/// Compiles the worker that measures our parts alone, as the release's worker is compiled.
fn build_parts(workspace: &Workspace, folder: &Path) -> Result<PathBuf> {
    let tools = Tools::find()?;
    let wasm_bindgen = tools.wasm_bindgen()?.join("wasm-bindgen");
    let wasm_opt = tools.wasm_opt()?;
    shell::timed("building the worker that measures parts", || {
        let arguments = [
            "build",
            "--locked",
            "--profile",
            "wasm-release",
            "--target",
            "wasm32-unknown-unknown",
            "-p",
            "layerscope-app",
            "--bin",
            "bench",
            "--no-default-features",
            "--features",
            "layerscope-app/bench",
        ];
        shell::run(&mut workspace.cargo(&arguments))?;
        let module = workspace.wasm_module("bench");
        shell::run(
            Command::new(&wasm_bindgen)
                .args(["--target", "no-modules", "--no-typescript", "--out-dir"])
                .args([folder, &module]),
        )?;
        let module = folder.join("bench_bg.wasm");
        shell::run(
            Command::new(&wasm_opt)
                .args(dist::WORKER_OPTIMISATION)
                .args([&module, Path::new("-o"), &module]),
        )
    })?;
    Ok(folder.to_path_buf())
}

fn native(
    workspace: &Workspace,
    figures: &mut Figures,
    layer: &Path,
    plans: &Path,
    rounds: usize,
    peers: &Peers,
) -> Result<()> {
    let blob_len = fs::metadata(layer)
        .with_context(|| format!("reading {}", layer.display()))?
        .len();
    let out_len = inflated_len(layer)?;
    figures.add("layer_bytes", blob_len as f64);
    figures.add("layer_inflated_bytes", out_len as f64);
    let seconds = best_seconds(|| {
        shell::run(
            Command::new("gzip")
                .arg("-dc")
                .arg(layer)
                .stdout(Stdio::null()),
        )
    })?;
    figures.add("native_gzip_dc_mb_s", out_len as f64 / MEGABYTE / seconds);

    let mut command = layer_bench(workspace);
    command
        .arg("figures")
        .args([layer, plans])
        .arg(rounds.to_string())
        .args(&peers.python);
    figures.take(&mut command)
}

/// The native program, ready to be given arguments.
fn layer_bench(workspace: &Workspace) -> Command {
    let mut command = workspace.cargo(&["run", "--quiet", "--release", "--locked"]);
    command.args([
        "-p",
        "xtask",
        "--features",
        "bench",
        "--bin",
        "layer_bench",
        "--",
    ]);
    command
}

/// The layer's length in bytes after inflating, by gzip itself (a member's trailer has it modulo
/// 2^32 only).
fn inflated_len(layer: &Path) -> Result<u64> {
    File::open(layer).with_context(|| format!("reading {}", layer.display()))?;
    let mut child = Command::new("gzip")
        .arg("-dc")
        .arg(layer)
        .stdout(Stdio::piped())
        .spawn()
        .context("gzip could not be started")?;
    let mut stdout = child.stdout.take().context("gzip's output was not piped")?;
    let mut buffer = vec![0; 1 << 20];
    let mut len = 0;
    loop {
        match stdout.read(&mut buffer)? {
            0 => break,
            n => len += n as u64,
        }
    }
    if !child.wait()?.success() {
        bail!("{} is not whole gzip: `gzip -dc` failed", layer.display());
    }
    Ok(len)
}

fn best_seconds(mut action: impl FnMut() -> Result<()>) -> Result<f64> {
    let mut best = f64::INFINITY;
    for _ in 0..RUNS {
        let start = Instant::now();
        action()?;
        best = best.min(start.elapsed().as_secs_f64());
    }
    Ok(best)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_is_one_flat_object_of_numbers() {
        let mut figures = Figures::default();
        figures.add("a_mb_s", 123.456_789);
        figures.add("b_bytes", 80_000.0);
        assert_eq!(
            serde_json::to_string(&figures.0).unwrap(),
            "{\"a_mb_s\":123.45679,\"b_bytes\":80000.0}"
        );
        assert_eq!(figures.table().lines().count(), 2);
    }
}
