//! The part of `cargo xtask bench` that needs a browser. Prints one flat JSON object of numbers.
//!
//! `browser_bench --make-large-layer` makes the layer that is measured by default, if need be, and
//! prints its path; `--make-small-layer` one that takes less time, `--make-packages-layer` what
//! Debian's packages add to that.
//! `browser_bench LAYER PLANS PARTS ROUNDS [NPM]` measures: PLANS is a JSON object of what reading
//! each file is planned to fetch, PARTS the folder of the worker that measures our parts alone, NPM
//! a folder `node_modules` with peers.

use std::{
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
};

use layerscope_tests::{
    bench::{
        Figures, MEGABYTE, MIB, app, layer, median,
        rival::{NPM, Rival},
        spread,
    },
    corpus::{big, images, push::Error, registry::docker_registry},
    page::Page,
    proxy::Proxy,
};

/// The file that `open_file_*` speaks of has about this size in bytes.
const SMALL_FILE: u64 = 12 * 1024;
/// How many files are opened in Chromium to see that plans are what goes over the wire.
const SAMPLES: usize = 12;
/// The page reads no more than this of a file at first, so larger ones are fetched in part.
const LARGEST_SAMPLE: u64 = 256 * 1024;
/// Bytes of the file that is saved; fewer where only one round is asked for.
const LARGE_DOWNLOAD: usize = 2 << 30;
const SMALL_DOWNLOAD: usize = 128 << 20;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments[..] {
        ["--make-large-layer"] => path_of(big::layer()),
        ["--make-small-layer"] => path_of(big::small_layer()),
        ["--make-packages-layer"] => path_of(big::packages_layer()),
        [layer, plans, parts, rounds, ref npm @ ..] => {
            measure(layer, plans, parts, rounds, npm.first().copied()).map(|figures| {
                println!("{}", serde_json::json!(figures));
            })
        }
        _ => Err("usage: browser_bench --make-large-layer | --make-small-layer | LAYER PLANS PARTS ROUNDS".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("browser_bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn path_of(layer: io::Result<PathBuf>) -> Result<(), Error> {
    println!("{}", layer?.display());
    Ok(())
}

fn measure(
    layer: &str,
    plans: &str,
    parts: &str,
    rounds: &str,
    npm: Option<&str>,
) -> Result<Figures, Error> {
    let rounds: usize = rounds.parse()?;
    if let Err(error) = docker_registry() {
        // As the tests do; what is measured without a registry is told all the same.
        eprintln!("SKIPPED: the figures of the app (Debian's docker-registry): {error}");
        return Ok(Figures::new());
    }
    let blob = fs::read(layer)?;
    let samples = layer::samples(Path::new(layer))?;
    let rival = Rival::start(blob.clone().into(), parts.into(), npm.map(Into::into))?;
    let bench = layer::Bench::start(blob)?;
    let (direct, recorded) = (
        bench.registry.direct_host().to_owned(),
        bench.registry.host(),
    );
    let proxy = Proxy::for_hosts(&[&direct, &recorded])?;
    let mut figures = Figures::new();

    // One after the other in each round: what disturbs the machine disturbs them alike.
    let (mut ours, mut theirs, mut first_rows, mut memory) = (vec![], vec![], vec![], 0_f64);
    let mut parts: HashMap<String, Vec<f64>> = HashMap::new();
    let mut inflated = 0.0;
    let peers = NPM.iter().filter(|_| npm.is_some());
    let mut peers: Vec<(&str, &str, Vec<f64>)> = peers
        .map(|(name, worker)| (*name, *worker, vec![]))
        .collect();
    for round in 1..=rounds {
        eprintln!("round {round} of {rounds}: DecompressionStream");
        let browser = app::browser();
        let (seconds, bytes) = rival.decompression_stream(&browser);
        inflated = bytes;
        theirs.push(bytes / MEGABYTE / seconds);
        for (name, worker, speeds) in &mut peers {
            eprintln!("round {round} of {rounds}: {name}");
            let (seconds, bytes) = rival.inflate(&browser, worker);
            if bytes != inflated {
                return Err(format!("{name} gave {bytes} bytes, not {inflated}").into());
            }
            speeds.push(bytes / MEGABYTE / seconds);
        }
        eprintln!("round {round} of {rounds}: the app, from the click to the stored index");
        let page = Page::new(&browser, &proxy);
        let indexed = app::index(&page, &bench, &direct);
        ours.push(bytes / MEGABYTE / indexed.seconds);
        memory = memory.max(indexed.worker_bytes);
        eprintln!("round {round} of {rounds}: each part alone");
        for (name, value) in rival.parts(&browser) {
            parts.entry(name).or_default().push(value);
        }
    }
    let mut add = |name: &str, value: f64| figures.insert(name.to_owned(), value);
    add("chromium_index_mb_s", median(&ours));
    add("chromium_decompression_stream_mb_s", median(&theirs));
    let ratios: Vec<f64> = ours.iter().zip(&theirs).map(|(a, b)| a / b).collect();
    add("chromium_ratio", median(&ratios));
    add("chromium_index_noise", spread(&ours));
    add("chromium_decompression_stream_noise", spread(&theirs));
    add("worker_peak_mib", memory / MIB);
    for (name, values) in &parts {
        if name.ends_with("_ms") {
            add(&format!("chromium_part_{name}"), median(values));
        }
    }
    add("inflated_bytes", inflated);
    let mut engines = vec![
        ("the app, all of it", ours.clone()),
        ("DecompressionStream", theirs.clone()),
    ];
    let alone = [
        ("our_engine", "inflate_ms"),
        ("miniz_oxide", "inflate_miniz_ms"),
        ("zlib_rs", "inflate_zlib_rs_ms"),
        ("fdeflate", "inflate_fdeflate_ms"),
    ];
    for (name, part) in alone {
        if let Some(ms) = parts.get(part) {
            let speeds: Vec<f64> = ms.iter().map(|ms| inflated / ms / 1000.0).collect();
            engines.push((name, speeds));
        }
    }
    engines.extend(peers.into_iter().map(|(name, _, speeds)| (name, speeds)));
    eprintln!("{:>20}  {:>8}  {:>6}", "in Chromium", "MB/s", "noise");
    for (n, (name, speeds)) in engines.iter().enumerate() {
        let (mb_s, noise) = (median(speeds), spread(speeds));
        eprintln!("{name:>20}  {mb_s:8.1}  {:5.0} %", noise * 100.0);
        // The first two have figures of their own.
        if n >= 2 {
            add(&format!("chromium_{name}_mb_s"), mb_s);
            add(&format!("chromium_{name}_noise"), noise);
        }
    }

    eprintln!("first row, reload, files");
    let mut reloads = vec![];
    for _ in 0..rounds {
        let browser = app::browser();
        let page = Page::new(&browser, &proxy);
        let indexed = app::index(&page, &bench, &recorded);
        first_rows.extend(indexed.first_row_ms);
        reloads.push(app::reload(&page, &bench, &recorded));
    }
    add("first_row_ms", median(&first_rows));
    add("reload_listing_ms", median(&reloads));

    let browser = app::browser();
    let page = Page::new(&browser, &proxy);
    app::index(&page, &bench, &recorded);
    let small = samples
        .iter()
        .min_by_key(|sample| sample.size.abs_diff(SMALL_FILE))
        .ok_or("the layer has no file")?;
    let mut times = vec![];
    let mut opened = app::open(&page, &bench, &recorded, small);
    for _ in 0..rounds {
        times.push(opened.ms);
        opened = app::open(&page, &bench, &recorded, small);
    }
    add("open_file_ms", median(&times));
    add("open_file_size_bytes", small.size as f64);
    add("open_file_requests", opened.requests.len() as f64);
    add("open_file_bytes", opened.bytes() as f64);

    // What was planned natively for a file is what Chromium fetches for it.
    let plans: HashMap<String, u64> = serde_json::from_slice(&fs::read(plans)?)?;
    let fit: Vec<_> = samples
        .iter()
        .filter(|sample| sample.size <= LARGEST_SAMPLE)
        .collect();
    for sample in fit.iter().step_by((fit.len() / SAMPLES).max(1)) {
        let opened = app::open(&page, &bench, &recorded, sample);
        let planned = plans.get(&sample.path).copied();
        if planned != Some(opened.bytes()) || opened.requests.len() != 1 {
            return Err(format!(
                "{}: {planned:?} bytes planned, {} fetched by {} requests",
                sample.path,
                opened.bytes(),
                opened.requests.len()
            )
            .into());
        }
    }
    app::stored_bytes(&page, &mut figures);

    eprintln!("a large download");
    let bytes = if rounds > 1 {
        LARGE_DOWNLOAD
    } else {
        SMALL_DOWNLOAD
    };
    app::download(bytes / images::LARGE_PIECE, &mut figures)?;
    Ok(figures)
}
