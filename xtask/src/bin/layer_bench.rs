//! The native part of `cargo xtask bench --layer`: compiled for release and started by it.
//!
//! Prints one flat JSON object of numbers. The blob lies in memory and comes in chunks of a fixed
//! size, so that no disk or network is measured.

use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use layerscope_core::digest::{Algorithm, Digest};
use layerscope_core::layer_index::{BlobHasher, BuildOptions, Built, IndexBuilder, LayerIndex};
use layerscope_core::toc::EntryKind;
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
    let file = std::env::args_os()
        .nth(1)
        .context("usage: layer_bench FILE.tar.gz")?;
    let blob = std::fs::read(&file).with_context(|| format!("reading {}", file.display()))?;
    let expected = Digest::of(Algorithm::Sha256, &blob);

    let (built, index_seconds) = best(|| build(&blob))?;
    if let Some(damage) = &built.damage {
        bail!("{} is damaged: {}", file.display(), damage.detail);
    }
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
        let stored = index.to_bytes();
        Ok((index, stored))
    })?;
    let (index, stored) = index;
    let (_, load_seconds) = best(|| Ok(LayerIndex::from_bytes(&stored)?))?;

    let mut figures = Map::new();
    let mut add = |name: &str, value: f64| figures.insert(name.to_owned(), Value::from(value));
    add("native_index_mb_s", out_megabytes / index_seconds);
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
    let (files, bytes) = cold_reads(&index)?;
    if files > 0 {
        add("files", files as f64);
        add("planned_mean_fetch_bytes", bytes as f64 / files as f64);
    }
    Ok(figures)
}

fn build(blob: &[u8]) -> Result<Built> {
    let mut builder = IndexBuilder::new(BuildOptions::default());
    for chunk in blob.chunks(CHUNK) {
        builder.push(chunk)?;
    }
    Ok(builder.finish())
}

fn hash(blob: &[u8]) -> u64 {
    let mut hasher = BlobHasher::new(Algorithm::Sha256);
    for chunk in blob.chunks(CHUNK) {
        hasher.push(chunk);
    }
    hasher.finish().len()
}

/// How many non-empty regular files there are, and the sum of the bytes that reading each whole,
/// verified, with nothing kept from another, fetches.
fn cold_reads(index: &LayerIndex) -> Result<(u64, u64)> {
    let (mut files, mut bytes) = (0, 0);
    let toc = index.toc();
    for ordinal in 0..toc.len() {
        let size = toc.size(ordinal);
        if toc.kind(ordinal) != Some(EntryKind::File) || size == 0 {
            continue;
        }
        let mut at = 0;
        while at < size {
            let plan = index.plan_read(ordinal, at..size)?;
            if plan.range.end <= at {
                bail!("the plan for entry {ordinal} from {at} gives nothing");
            }
            bytes += plan.in_range.end - plan.in_range.start;
            at = plan.range.end;
        }
        files += 1;
    }
    Ok((files, bytes))
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
