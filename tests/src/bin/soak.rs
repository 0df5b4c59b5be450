//! Hours of use in short: `cargo xtask soak`.
//!
//! Readers without a browser ask the proxy for manifests, blobs, parts of blobs, and leave in the
//! middle of them; beside them a browser opens layers and files again and again. Every byte is
//! compared with what the registry has, and in the end neither the proxy nor the page may hold
//! more than it did after its warm-up.

use std::{
    fs,
    os::unix::fs::FileExt,
    process::ExitCode,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::{Duration, Instant},
};

use futures_util::StreamExt;
use layerscope_tests::{
    browser::Browser,
    corpus::{Corpus, edge, edge::Noise, push, push::Error},
    net::{client, runtime, wait},
    page::{Page, css, fs_route},
    proxy::Proxy,
};

/// Readers without a browser.
const READERS: u64 = 4;
/// Part of the time that passes before anything is measured.
const WARM_UP_SHARE: u32 = 4;
/// What the proxy may have grown by, in bytes: its allocator keeps some of what a burst took.
const MAX_GROWTH: u64 = 24 << 20;
/// What the page may have grown by, in bytes, after a collection.
const MAX_HEAP_GROWTH: u64 = 8 << 20;
/// Nodes or listeners that the page may hold beyond those after the warm-up: it stands elsewhere.
const MAX_NEW_NODES: u64 = 4_000;
/// Files and sockets that may still be open, beyond those after the warm-up.
const MAX_NEW_FILES: usize = 16;
/// Layers over this many bytes are read in parts only.
const MAX_WHOLE: u64 = 8 << 20;

#[derive(Default)]
struct Counts {
    manifests: AtomicU64,
    blobs: AtomicU64,
    parts: AtomicU64,
    left: AtomicU64,
    refused: AtomicU64,
    pages: AtomicU64,
}

fn main() -> ExitCode {
    let seconds = std::env::args().nth(1).and_then(|text| text.parse().ok());
    let Some(seconds) = seconds else {
        eprintln!("usage: soak SECONDS");
        return ExitCode::FAILURE;
    };
    match soak(Duration::from_secs(seconds)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("soak: {error}");
            ExitCode::FAILURE
        }
    }
}

fn soak(length: Duration) -> Result<(), Error> {
    let (Some(corpus), Some(browser)) = (Corpus::own(), Browser::start()) else {
        return Ok(()); // a line says why
    };
    let proxy = Proxy::for_hosts(&[corpus.anonymous.host()])?;
    let (counts, stop) = (Counts::default(), AtomicBool::new(false));
    let start = Instant::now();
    let outcome = std::thread::scope(|scope| {
        // Also when browsing panics: the scope waits for the readers.
        let stopping = Stopping(&stop);
        let readers: Vec<_> = (0..READERS)
            .map(|seed| {
                let (corpus, proxy, counts, stop) = (&corpus, &proxy, &counts, &stop);
                scope.spawn(move || wait(reader(corpus, proxy, counts, stop, seed)))
            })
            .collect();
        let outcome = browse(&corpus, &proxy, &browser, &counts, length);
        drop(stopping);
        for reader in readers {
            reader.join().map_err(|_| "a reader panicked")??;
        }
        outcome
    });
    let heaps = outcome?;
    let after = settled(&proxy);
    let count = |n: &AtomicU64| n.load(Ordering::Relaxed);
    println!(
        "{} s: {} manifests, {} blobs, {} parts, {} left half-way, {} refused, {} pages",
        start.elapsed().as_secs(),
        count(&counts.manifests),
        count(&counts.blobs),
        count(&counts.parts),
        count(&counts.left),
        count(&counts.refused),
        count(&counts.pages),
    );
    println!(
        "proxy: {} KiB and {} files after the warm-up, {} KiB and {} files at the end",
        heaps.warm.memory >> 10,
        heaps.warm.files,
        after.memory >> 10,
        after.files
    );
    for (when, held) in [("warm-up", heaps.page_warm), ("end", heaps.page_end)] {
        println!(
            "page after the {when}: {} KiB, {} nodes, {} listeners",
            held.heap >> 10,
            held.nodes,
            held.listeners
        );
    }
    if after.memory == 0 {
        return Err("the proxy is gone".into());
    }
    if after.memory > heaps.warm.memory + MAX_GROWTH {
        return Err("the proxy has grown".into());
    }
    if after.files > heaps.warm.files + MAX_NEW_FILES {
        return Err("the proxy keeps connections".into());
    }
    let (warm, end) = (heaps.page_warm, heaps.page_end);
    if end.heap > warm.heap + MAX_HEAP_GROWTH
        || end.nodes > warm.nodes + MAX_NEW_NODES
        || end.listeners > warm.listeners + MAX_NEW_NODES
    {
        return Err("the page has grown".into());
    }
    println!("soak: 1 passed, 0 failed");
    Ok(())
}

/// Tells the readers to stop when it is dropped.
struct Stopping<'a>(&'a AtomicBool);

impl Drop for Stopping<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// What a process holds.
#[derive(Debug, Clone, Copy)]
struct Held {
    /// Resident bytes.
    memory: u64,
    /// Open files and sockets.
    files: usize,
}

struct Heaps {
    warm: Held,
    page_warm: PageHeld,
    page_end: PageHeld,
}

/// What the proxy holds, once nobody talks to it.
fn settled(proxy: &Proxy) -> Held {
    std::thread::sleep(Duration::from_secs(3));
    held(proxy)
}

fn held(proxy: &Proxy) -> Held {
    let id = proxy.process_id();
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let kilobytes = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| rest.trim().split(' ').next()?.parse::<u64>().ok());
    Held {
        memory: kilobytes.unwrap_or(0) << 10,
        files: fs::read_dir(format!("/proc/{id}/fd")).map_or(0, Iterator::count),
    }
}

/// What the page holds, after a collection.
#[derive(Debug, Clone, Copy)]
struct PageHeld {
    /// Bytes of JavaScript objects.
    heap: u64,
    /// Nodes of documents, those included that are no longer in one.
    nodes: u64,
    /// Event listeners.
    listeners: u64,
}

fn page_held(browser: &Browser) -> PageHeld {
    let ask = |what: &str| browser.cdp(what, serde_json::json!({}));
    ask("HeapProfiler.collectGarbage");
    let (used, counters) = (ask("Runtime.getHeapUsage"), ask("Memory.getDOMCounters"));
    let number = |value: &serde_json::Value| value.as_f64().unwrap_or(0.0) as u64;
    PageHeld {
        heap: number(&used["usedSize"]),
        nodes: number(&counters["nodes"]),
        listeners: number(&counters["jsEventListeners"]),
    }
}

/// A short file's text. By script: an element that the driver has handed out is never let go, nor
/// is all that it was part of.
fn text(browser: &Browser) -> String {
    let lines = browser.until(
        "the lines of the file",
        "const lines = [...document.querySelectorAll('[data-content=text] ' + arguments[0])];
         return lines.map((line) => line.textContent.replace(/\\n$/, '')).join('\\n');",
        &[serde_json::json!(css::LINE)],
    );
    lines.as_str().unwrap_or_default().to_owned()
}

/// Opens a layer, walks to a file, reads it, empties the store; again and again.
fn browse(
    corpus: &Corpus,
    proxy: &Proxy,
    browser: &Browser,
    counts: &Counts,
    length: Duration,
) -> Result<Heaps, Error> {
    let page = Page::new(browser, proxy);
    let host = corpus.anonymous.host();
    let trees = [
        ("made/tree", edge::NEEDLE),
        ("made/three", "early.txt"),
        ("edge/many", "many/000500"),
    ];
    let start = Instant::now();
    let mut warm = None;
    page.load_ready("#/");
    while start.elapsed() < length || warm.is_none() {
        for (repository, path) in trees {
            let layer = &corpus.image(repository).layers[0];
            page.go(&format!("#/image/{host}/{repository}"));
            page.go(&fs_route(&host, repository, &layer.digest, ""));
            if page.layer_done() != "blob" {
                return Err(format!("{repository} is not whole: {}", browser.describe()).into());
            }
            page.go(&fs_route(&host, repository, &layer.digest, path));
            let expect = corpus.extract(layer, path)?;
            if text(browser).trim_end().as_bytes() != expect.trim_ascii_end() {
                return Err(format!("{path} has another content").into());
            }
            counts.pages.fetch_add(3, Ordering::Relaxed);
        }
        page.go("#/settings");
        browser.run("document.querySelector('[data-action=clear]').click()", &[]);
        browser.until(
            "an empty store",
            "return document.querySelector('[data-kept=\"0\"]') !== null",
            &[],
        );
        if warm.is_none() && start.elapsed() >= length / WARM_UP_SHARE {
            warm = Some((held(proxy), page_held(browser)));
        }
    }
    page.assert_clean();
    let (warm, page_warm) = warm.ok_or("no warm-up")?;
    Ok(Heaps {
        warm,
        page_warm,
        page_end: page_held(browser),
    })
}

/// Asks for whatever chance says, until it is told to stop.
async fn reader(
    corpus: &Corpus,
    proxy: &Proxy,
    counts: &Counts,
    stop: &AtomicBool,
    seed: u64,
) -> Result<(), Error> {
    let _runtime = runtime().enter();
    let client = client();
    let registry = corpus.anonymous.host();
    let images: Vec<_> = corpus
        .images()
        .iter()
        .filter(|image| !image.layers.is_empty() && !image.repository.starts_with("private/"))
        .collect();
    let mut noise = Noise(seed + 1);
    let mut chance = |limit: u64| noise.next_u64() % limit;
    let ask = |what: &str, query: &[(&str, &str)]| {
        client
            .get(format!("{}/api/v1/{what}", proxy.base()))
            .query(&[("registry", registry.as_str())])
            .query(query)
    };
    while !stop.load(Ordering::Relaxed) {
        let image = images[chance(images.len() as u64) as usize];
        let layer = &image.layers[chance(image.layers.len() as u64) as usize];
        let blob = [
            ("repository", image.repository.as_str()),
            ("digest", layer.digest.as_str()),
        ];
        match chance(10) {
            0..3 => {
                let query = [
                    ("repository", image.repository.as_str()),
                    ("reference", image.digest.as_str()),
                ];
                let body = ask("manifest", &query).send().await?.bytes().await?;
                if push::digest(&body) != image.digest {
                    return Err(format!("{}: another manifest", image.repository).into());
                }
                counts.manifests.fetch_add(1, Ordering::Relaxed);
            }
            3..5 if layer.size <= MAX_WHOLE => {
                let body = ask("blob", &blob).send().await?.bytes().await?;
                if push::digest(&body) != layer.digest {
                    return Err(format!("{}: another blob", image.repository).into());
                }
                counts.blobs.fetch_add(1, Ordering::Relaxed);
            }
            3..8 if layer.size > 0 => {
                let start = chance(layer.size);
                let end = (start + 1 + chance(200_000)).min(layer.size);
                let range = format!("bytes={start}-{}", end - 1);
                let body = ask("blob", &blob).header("range", range).send().await?;
                let body = body.bytes().await?;
                let mut expect = vec![0; (end - start) as usize];
                fs::File::open(corpus.blob_path(&layer.digest))?
                    .read_exact_at(&mut expect, start)?;
                if body[..] != expect {
                    return Err(format!("{}: another part", image.repository).into());
                }
                counts.parts.fetch_add(1, Ordering::Relaxed);
            }
            8 => {
                let mut body = ask("blob", &blob).send().await?.bytes_stream();
                for _ in 0..=chance(4) {
                    body.next().await.transpose()?;
                }
                counts.left.fetch_add(1, Ordering::Relaxed);
            }
            _ => {
                let query = [("repository", "a/b"), ("reference", "latest")];
                let hostile = client
                    .get(format!("{}/api/v1/manifest", proxy.base()))
                    .query(&[("registry", "169.254.169.254")])
                    .query(&query);
                if hostile.send().await?.status().is_success() {
                    return Err("a private address was asked".into());
                }
                counts.refused.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
    Ok(())
}
