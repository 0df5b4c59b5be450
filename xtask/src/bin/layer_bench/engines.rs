//! Engines side by side: ours, those of other people in this program, and peers that are programs
//! of their own, in turns, so that what disturbs the machine disturbs all of them.
//!
//! Each is timed on the clock and by the CPU time that it took, which other work on the machine
//! hardly changes. SOCI's own indexer (C, around zlib) is in no package registry that this project
//! may use; indexed_gzip is the nearest to it: zran in C, around zlib, with the same spans.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use layerscope_core::layer_index::{BuildOptions, IndexBuilder};
use layerscope_inflate::{Engine, FastEngine, GzipIndexBuilder, GzipOptions, MinizEngine, Trade};
use serde_json::{Map, Value};

use super::{CHUNK, MEGABYTE};

/// Builds an index as SOCI does, with a checkpoint every 4 MiB; prints seconds on the clock, of CPU
/// time, and the index's bytes.
const INDEXED_GZIP: &str = "
import os, sys, tempfile, time, indexed_gzip
clock, cpu = time.perf_counter(), time.process_time()
file = indexed_gzip.IndexedGzipFile(sys.argv[1], spacing=4 << 20)
file.build_full_index()
print(time.perf_counter() - clock, time.process_time() - cpu)
with tempfile.NamedTemporaryFile() as index:
    file.export_index(index.name)
    print(os.path.getsize(index.name))
";

/// The same on one core, with the spans that it has by default.
const RAPIDGZIP: &str = "
import os, sys, tempfile, time, rapidgzip
clock, cpu = time.perf_counter(), time.process_time()
with rapidgzip.open(sys.argv[1], parallelization=1) as file:
    file.block_offsets()
    print(time.perf_counter() - clock, time.process_time() - cpu)
    with tempfile.NamedTemporaryFile() as index:
        file.export_index(index.name)
        print(os.path.getsize(index.name))
";

/// Seconds.
#[derive(Debug, Clone, Copy)]
struct Cost {
    clock: f64,
    cpu: f64,
    /// Bytes of the index, where one was made.
    index_bytes: Option<f64>,
}

/// One who takes part.
struct Racer<'a> {
    name: &'static str,
    /// What it does, for the table.
    does: &'static str,
    run: Box<dyn FnMut() -> Result<Cost> + 'a>,
    costs: Vec<Cost>,
}

/// Lets all of them take turns, prints a table, and adds the figures. Who is not here, or cannot
/// read this blob, is told and left out.
pub fn race(
    file: &str,
    blob: &[u8],
    out_len: u64,
    rounds: usize,
    python: Option<&Path>,
    figures: &mut Map<String, Value>,
) -> Result<()> {
    let megabytes = out_len as f64 / MEGABYTE;
    let mut racers = ours(blob, out_len);
    racers.extend(peers(file, python));
    for round in 1..=rounds {
        eprintln!("engines side by side, round {round} of {rounds}");
        racers.retain_mut(|racer| match (racer.run)() {
            Ok(cost) => {
                racer.costs.push(cost);
                true
            }
            Err(error) => {
                eprintln!("SKIPPED: {}: {error:#}", racer.name);
                false
            }
        });
    }
    eprintln!(
        "{:>20}  {:>8}  {:>8}  {:>6}  what",
        "", "MB/s", "by CPU", "noise"
    );
    for racer in &racers {
        let clock = speeds(racer, megabytes, |cost| cost.clock);
        let cpu = speeds(racer, megabytes, |cost| cost.cpu);
        eprintln!(
            "{:>20}  {:8.1}  {:8.1}  {:5.0} %  {}",
            racer.name,
            median(&clock),
            median(&cpu),
            spread(&cpu) * 100.0,
            racer.does
        );
        let mut add = |what: &str, value: f64| {
            figures.insert(format!("native_{}_{what}", racer.name), value.into());
        };
        add("mb_s", median(&clock));
        add("cpu_mb_s", median(&cpu));
        add("cpu_noise", spread(&cpu));
        if let Some(bytes) = racer.costs.iter().find_map(|cost| cost.index_bytes) {
            add("index_share", bytes / blob.len() as f64);
        }
    }
    let of = |name: &str| racers.iter().find(|racer| racer.name == name);
    if let (Some(ours), Some(theirs)) = (of("our_index"), of("indexed_gzip")) {
        let rounds = ours.costs.iter().zip(&theirs.costs);
        let ratios: Vec<f64> = rounds.map(|(ours, theirs)| theirs.cpu / ours.cpu).collect();
        let ratio = median(&ratios);
        eprintln!("our index takes a {ratio:.2}th of indexed_gzip's CPU time (goal: 2.5)");
        figures.insert("native_index_to_indexed_gzip".to_owned(), ratio.into());
    }
    Ok(())
}

fn speeds(racer: &Racer<'_>, megabytes: f64, of: fn(&Cost) -> f64) -> Vec<f64> {
    racer
        .costs
        .iter()
        .map(|cost| megabytes / of(cost))
        .collect()
}

/// Inflates a blob, and tells how many bytes came out.
type Inflate = fn(&[u8]) -> Result<u64>;

/// What runs in this program.
fn ours(blob: &[u8], out_len: u64) -> Vec<Racer<'_>> {
    let mut racers = vec![Racer {
        name: "our_index",
        does: "checkpoints, placement, tar, CRC; digests apart",
        run: timed(
            move || {
                let mut builder = IndexBuilder::new(BuildOptions::default());
                for chunk in blob.chunks(CHUNK) {
                    builder.push(chunk)?;
                }
                Ok(builder.finish().out_len)
            },
            out_len,
        ),
        costs: Vec::new(),
    }];
    let engines: [(_, Inflate); 2] = [
        ("our_engine", inflate::<FastEngine>),
        ("miniz_oxide", inflate::<MinizEngine>),
    ];
    for (name, run) in engines {
        racers.push(Racer {
            name,
            does: "inflating alone, by the same frame as ours",
            run: timed(move || run(blob), out_len),
            costs: Vec::new(),
        });
    }
    for (name, run) in layerscope_peers::ENGINES {
        racers.push(Racer {
            name,
            does: "inflating alone",
            run: timed(
                move || run(blob, CHUNK).map_err(anyhow::Error::msg),
                out_len,
            ),
            costs: Vec::new(),
        });
    }
    racers
}

fn inflate<E: Engine>(blob: &[u8]) -> Result<u64> {
    let mut builder: GzipIndexBuilder<E> = GzipIndexBuilder::new(GzipOptions {
        trade: Trade::NONE,
        check_crc: false,
        ..GzipOptions::default()
    });
    for chunk in blob.chunks(CHUNK) {
        builder.push(chunk, &mut |_| {})?;
    }
    match builder.finish() {
        (index, None) => Ok(index.out_len),
        (_, Some(problem)) => Err(problem.into()),
    }
}

/// Runs it, and sees that all came out.
fn timed<'a>(
    mut run: impl FnMut() -> Result<u64> + 'a,
    out_len: u64,
) -> Box<dyn FnMut() -> Result<Cost> + 'a> {
    Box::new(move || {
        let (clock, cpu) = (Instant::now(), own_cpu_s());
        let len = run()?;
        let clock = clock.elapsed().as_secs_f64();
        if len != out_len {
            bail!("{len} bytes came out, not {out_len}");
        }
        Ok(Cost {
            clock,
            cpu: own_cpu_s()
                .zip(cpu)
                .map_or(clock, |(after, before)| after - before),
            index_bytes: None,
        })
    })
}

/// Seconds of CPU time that this process has taken, where Linux tells it.
fn own_cpu_s() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/self/schedstat").ok()?;
    let nanoseconds: f64 = text.split(' ').next()?.parse().ok()?;
    Some(nanoseconds / 1e9)
}

/// The same of its children that have ended (proc_pid_stat(5), fields 16 and 17), in steps of a
/// hundredth of a second.
fn children_cpu_s() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/self/stat").ok()?;
    let mut fields = text.rsplit_once(')')?.1.split_whitespace().skip(13);
    let mut ticks = || fields.next()?.parse::<f64>().ok();
    Some((ticks()? + ticks()?) / 100.0)
}

/// What runs by itself.
fn peers<'a>(file: &'a str, python: Option<&'a Path>) -> Vec<Racer<'a>> {
    let programs: [(_, _, &[&str]); 3] = [
        ("gzip", "gzip -dc", &["gzip", "-dc"]),
        ("pigz", "pigz -dc, more than one thread", &["pigz", "-dc"]),
        (
            "libdeflate",
            "libdeflate-gunzip -c, the whole at once",
            &["libdeflate-gunzip", "-c"],
        ),
    ];
    let mut racers = Vec::new();
    for (name, does, command) in programs {
        racers.push(Racer {
            name,
            does,
            run: Box::new(move || inflated_by(command, file)),
            costs: Vec::new(),
        });
    }
    let Some(python) = python else {
        eprintln!("SKIPPED: indexed_gzip and rapidgzip are not here");
        return racers;
    };
    for (name, does, script) in [
        (
            "indexed_gzip",
            "an index with spans of 4 MiB, by zran",
            INDEXED_GZIP,
        ),
        ("rapidgzip", "an index, on one core", RAPIDGZIP),
    ] {
        racers.push(Racer {
            name,
            does,
            run: Box::new(move || indexed_by(script, python, file)),
            costs: Vec::new(),
        });
    }
    racers
}

fn inflated_by(command: &[&str], file: &str) -> Result<Cost> {
    let (clock, cpu) = (Instant::now(), children_cpu_s());
    let done = Command::new(command[0])
        .args(&command[1..])
        .arg(file)
        .stdout(Stdio::null())
        .status()
        .with_context(|| format!("{} could not be started", command[0]))?;
    if !done.success() {
        bail!("{} failed", command[0]);
    }
    let clock = clock.elapsed().as_secs_f64();
    Ok(Cost {
        clock,
        cpu: children_cpu_s()
            .zip(cpu)
            .map_or(clock, |(after, before)| after - before),
        index_bytes: None,
    })
}

fn indexed_by(script: &str, python: &Path, file: &str) -> Result<Cost> {
    let output = Command::new("python3")
        .args(["-c", script, file])
        .env("PYTHONPATH", python)
        .stderr(Stdio::inherit())
        .output()
        .context("python3 could not be started")?;
    if !output.status.success() {
        bail!("its script failed");
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let mut numbers = text.split_whitespace().map(str::parse::<f64>);
    let mut next = || {
        numbers
            .next()
            .context("a number is missing")?
            .context("no number")
    };
    Ok(Cost {
        clock: next()?,
        cpu: next()?,
        index_bytes: Some(next()?),
    })
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
        .get(sorted.len().saturating_sub(1) / 2)
        .copied()
        .unwrap_or(f64::NAN)
}

fn spread(values: &[f64]) -> f64 {
    let max = values.iter().copied().fold(f64::MIN, f64::max);
    let min = values.iter().copied().fold(f64::MAX, f64::min);
    (max - min) / median(values)
}
