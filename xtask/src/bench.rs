//! `cargo xtask bench`: figures, in a table and as target/bench/summary.json.
//!
//! Every figure is measured in this run, from one release build. A figure that could not be
//! measured is left out, never guessed.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value};

use crate::workspace::Workspace;
use crate::{dist, shell};

/// Each timing is the best of this many: the others were disturbed.
const RUNS: usize = 3;
const MEGABYTE: f64 = 1_000_000.0;

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

    fn table(&self) -> String {
        let width = self.0.keys().map(String::len).max().unwrap_or_default();
        self.0
            .iter()
            .map(|(name, value)| format!("{name:width$}  {value:>14}\n"))
            .collect()
    }
}

/// Measures, prints and writes.
pub fn run(workspace: &Workspace, layer: Option<&Path>) -> Result<()> {
    let mut figures = Figures::default();
    let options = dist::Options {
        public_url: dist::RELATIVE_URL.to_owned(),
        allow_unoptimised: false,
    };
    dist::run_if_stale(workspace, &options)?;
    let (mut page, mut worker) = (0, 0);
    for (name, len) in dist::downloads(&workspace.dist)? {
        if dist::is_worker(&name) {
            worker += len
        } else {
            page += len
        }
    }
    figures.add("main_download_br_bytes", page as f64);
    figures.add("worker_download_br_bytes", worker as f64);
    match layer {
        Some(layer) => measure_layer(workspace, &mut figures, layer)?,
        None => eprintln!("xtask: no --layer given: the layer part is left out"),
    }

    let folder = workspace.target.join("bench");
    fs::create_dir_all(&folder)?;
    let summary = folder.join("summary.json");
    print!("{}", figures.table());
    fs::write(&summary, serde_json::to_string_pretty(&figures.0)?)
        .with_context(|| format!("writing {}", summary.display()))?;
    eprintln!("xtask: written to {}", summary.display());
    Ok(())
}

fn measure_layer(workspace: &Workspace, figures: &mut Figures, layer: &Path) -> Result<()> {
    let layer = &std::path::absolute(layer)?;
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

    let mut command = workspace.cargo(&["run", "--quiet", "--release", "--locked"]);
    command
        .args([
            "-p",
            "xtask",
            "--features",
            "bench",
            "--bin",
            "layer_bench",
            "--",
        ])
        .arg(layer)
        .stderr(Stdio::inherit());
    let output = command
        .output()
        .context("layer_bench could not be started")?;
    if !output.status.success() {
        bail!("`{}` failed", shell::show(&command));
    }
    let native: Map<String, Value> =
        serde_json::from_slice(&output.stdout).context("reading layer_bench's figures")?;
    for (name, value) in native {
        figures.add(
            &name,
            value
                .as_f64()
                .with_context(|| format!("{name} is no number"))?,
        );
    }
    Ok(())
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
