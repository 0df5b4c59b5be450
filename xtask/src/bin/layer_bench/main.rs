//! The native part of `cargo xtask bench`: compiled for release and started by it.
//!
//! `layer_bench figures FILE PLANS ROUNDS [PYTHON_PACKAGES]` prints one flat JSON object of numbers,
//! and writes to PLANS what reading each regular file whole is planned to fetch, a JSON object by
//! path. The blob lies in memory and comes in chunks of a fixed size, so that no disk or network is
//! measured. `layer_bench curve SVG NAME=FILE…` draws what an index takes against what files take.

mod curve;
mod engines;
mod reads;

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use layerscope_core::digest::{Algorithm, Digest};
use layerscope_core::explore::ports::SaveEvery;
use layerscope_core::layer_index::{
    BlobHasher, BuildOptions, Built, IndexBuilder, LayerIndex, PartialIndex,
};
use serde_json::{Map, Value};

/// Each timing is the best of this many: the others were disturbed.
const RUNS: usize = 3;
/// What a browser's stream typically gives at once, in bytes.
const CHUNK: usize = 64 * 1024;
const MEGABYTE: f64 = 1_000_000.0;

fn main() -> ExitCode {
    match run() {
        Ok(figures) => {
            println!("{}", Value::Object(figures));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("layer_bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<Map<String, Value>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["figures", file, plans, rounds] => figures(file, plans, rounds.parse()?, None),
        ["figures", file, plans, rounds, python] => {
            figures(file, plans, rounds.parse()?, Some(Path::new(python)))
        }
        ["curve", svg, ref layers @ ..] => curve::draw(Path::new(svg), layers),
        _ => bail!(
            "usage: layer_bench figures FILE PLANS ROUNDS [PYTHON_PACKAGES] | curve SVG NAME=FILE…"
        ),
    }
}

fn figures(
    file: &str,
    plans_file: &str,
    rounds: usize,
    python: Option<&Path>,
) -> Result<Map<String, Value>> {
    let blob = std::fs::read(file).with_context(|| format!("reading {file}"))?;
    let expected = Digest::of(Algorithm::Sha256, &blob);

    let (built, index_seconds) = best(|| build(&blob))?;
    if let Some(damage) = &built.damage {
        bail!("{file} is damaged: {}", damage.detail);
    }
    let (put_aside, put_aside_seconds) = best(|| build_put_aside(&blob))?;
    let out_megabytes = built.out_len as f64 / MEGABYTE;
    let (_, hash_seconds) = best(|| Ok(hash(&blob)))?;
    let (index, whole_seconds) = best(|| {
        let mut builder = IndexBuilder::new(BuildOptions::default());
        let mut hasher = BlobHasher::new(Algorithm::Sha256);
        for chunk in blob.chunks(CHUNK) {
            builder.push(chunk)?;
            hasher.push(chunk);
        }
        let index = LayerIndex::seal(builder.finish(), hasher.finish(), &expected)?;
        let stored = index.to_bytes().context("the index is not stored")?;
        Ok((index, stored))
    })?;
    let (index, stored) = index;
    let (_, load_seconds) = best(|| Ok(LayerIndex::from_bytes(&stored)?))?;

    let mut figures = Map::new();
    let mut add = |name: &str, value: f64| figures.insert(name.to_owned(), Value::from(value));
    add("native_index_mb_s", out_megabytes / index_seconds);
    // The same, put aside every 16 MiB as the app does it (but for the states of the hash).
    add(
        "native_index_put_aside_mb_s",
        out_megabytes / put_aside_seconds,
    );
    add("put_aside_times", put_aside.0 as f64);
    add("put_aside_bytes", put_aside.1 as f64);
    add(
        "native_index_with_digests_mb_s",
        out_megabytes / whole_seconds,
    );
    add(
        "native_digests_mb_s",
        blob.len() as f64 / MEGABYTE / hash_seconds,
    );
    add("native_load_index_ms", load_seconds * 1000.0);
    add("entries", f64::from(index.toc().len()));
    add("index_bytes", stored.len() as f64);
    add("index_share", stored.len() as f64 / blob.len() as f64);
    let without_toc = stored.len() - index.toc().pack().len();
    add(
        "index_share_without_toc",
        without_toc as f64 / blob.len() as f64,
    );
    let toc_bytes = index.toc().pack().len() as f64;
    add(
        "toc_bytes_per_entry",
        toc_bytes / f64::from(index.toc().len().max(1)),
    );
    let plans = reads::cold(&index)?;
    if !plans.is_empty() {
        let bytes: u64 = plans.iter().map(|(_, bytes)| bytes).sum();
        add("files", plans.len() as f64);
        add("mean_fetch_bytes", bytes as f64 / plans.len() as f64);
    }
    let by_path: Map<String, Value> = plans
        .into_iter()
        .filter_map(|(path, bytes)| Some((String::from_utf8(path).ok()?, bytes.into())))
        .collect();
    std::fs::write(plans_file, serde_json::to_vec(&by_path)?)
        .with_context(|| format!("writing {plans_file}"))?;
    engines::race(file, &blob, built.out_len, rounds, python, &mut figures)?;
    Ok(figures)
}

fn build(blob: &[u8]) -> Result<Built> {
    let mut builder = IndexBuilder::new(BuildOptions::default());
    for chunk in blob.chunks(CHUNK) {
        builder.push(chunk)?;
    }
    Ok(builder.finish())
}

/// How often, and how many bytes in all would have been stored.
fn build_put_aside(blob: &[u8]) -> Result<(usize, usize)> {
    let every = SaveEvery::default().bytes;
    let mut builder = IndexBuilder::new(BuildOptions::default());
    let mut partial = PartialIndex::new(Digest::of(Algorithm::Sha256, b""));
    let (mut due, mut times, mut bytes) = (every, 0, 0);
    for mut chunk in blob.chunks(CHUNK) {
        while builder.in_len() >= due
            && let Some(left) = builder.push_to_stop(chunk)?
        {
            chunk = left;
            if let Some(aside) = partial.put_aside(&builder) {
                let states = vec![0; aside.states.len() * 32];
                let stored = partial.complete(aside, &states).context("too few states")?;
                bytes += stored.head.len() + stored.part.len();
                times += 1;
                due = builder.in_len() + every;
            }
        }
        if builder.in_len() < due {
            builder.push(chunk)?;
        }
    }
    let built = builder.finish();
    if built.in_len != blob.len() as u64 {
        bail!("bytes were lost while it was put aside");
    }
    Ok((times, bytes))
}

fn hash(blob: &[u8]) -> u64 {
    let mut hasher = BlobHasher::new(Algorithm::Sha256);
    for chunk in blob.chunks(CHUNK) {
        hasher.push(chunk);
    }
    hasher.finish().len()
}

/// The last result and the best time in seconds.
fn best<T>(mut action: impl FnMut() -> Result<T>) -> Result<(T, f64)> {
    let mut seconds = f64::INFINITY;
    let mut result = None;
    for _ in 0..RUNS {
        let start = Instant::now();
        result = Some(action()?);
        seconds = seconds.min(start.elapsed().as_secs_f64());
    }
    Ok((result.context("nothing was run")?, seconds))
}
