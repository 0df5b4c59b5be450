//! The app before a real registry: how fast it indexes, lists and opens.

use std::{
    fs,
    time::{Duration, Instant, SystemTime},
};

use serde_json::json;

use super::{
    Figures, MEGABYTE, MIB,
    layer::{Bench, Sample},
};
use crate::{
    browser::Browser,
    corpus::{images, push::Error},
    page::{Page, css, fs_route},
    proxy::Proxy,
    recorder::Recorded,
};

/// How long a download of gigabytes may take.
const DOWNLOAD_LIMIT: Duration = Duration::from_secs(600);

/// What one indexing of the layer took.
pub struct Indexed {
    /// Seconds from the click on the layer to the stored index: the worker's start, the request,
    /// and all of the pipeline.
    pub seconds: f64,
    /// The most memory that the layer's workers had at once, in bytes.
    pub worker_bytes: f64,
    /// Milliseconds from the layer's first byte to the first row in the document, if the registry
    /// was asked through its recorder.
    pub first_row_ms: Option<f64>,
}

/// The most memory that the open layer's workers had at once, in bytes.
///
/// # Panics
/// No layer is open.
pub fn worker_bytes(page: &Page<'_>) -> f64 {
    let memory = page.browser.run(
        "return Number(document.querySelector('[data-worker-memory]').dataset.workerMemory)",
        &[],
    );
    memory.as_f64().expect("a number")
}

fn milliseconds_since_1970(time: SystemTime) -> f64 {
    time.duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0.0, |since| since.as_secs_f64() * 1000.0)
}

/// The time of a mark on the wall clock, in milliseconds since 1970.
fn wall(page: &Page<'_>, mark: &str) -> f64 {
    let origin = page.browser.run("return performance.timeOrigin", &[]);
    let origin = origin.as_f64().expect("a page has a time origin");
    origin + page.mark(mark).unwrap_or_else(|| panic!("no mark {mark}"))
}

/// Opens the layer as a reader does, from its image's page, in a browser that has never seen it.
/// `host` is the registry, directly or through its recorder.
///
/// # Panics
/// The page does not do its work.
pub fn index(page: &Page<'_>, bench: &Bench, host: &str) -> Indexed {
    let digest = &bench.image.layers[0].digest;
    let log = bench.registry.log();
    let mark = log.mark();
    page.load_ready(&format!("#/image/{host}/{}", bench.image.repository));
    page.open_layer(digest);
    let verified = page.layer_done();
    assert_eq!(verified, "blob", "{}", page.browser.describe());
    let started = page.mark("route").expect("the route has a mark");
    let done = page.mark("index-done").expect("the index has a mark");
    let blob = log.blobs_since(mark).into_iter();
    let first_byte = blob
        .filter(|request| request.path.ends_with(digest))
        .find_map(|request| request.first_sent_at);
    Indexed {
        seconds: (done - started) / 1000.0,
        worker_bytes: worker_bytes(page),
        first_row_ms: first_byte.map(|at| wall(page, "first-row") - milliseconds_since_1970(at)),
    }
}

/// Milliseconds from the beginning of a reload to the first row, from the stored index; asks the
/// registry for nothing.
///
/// # Panics
/// It asks the registry, or never lists.
pub fn reload(page: &Page<'_>, bench: &Bench, host: &str) -> f64 {
    let digest = &bench.image.layers[0].digest;
    page.load_ready(&fs_route(host, &bench.image.repository, digest, ""));
    let mark = bench.registry.log().mark();
    page.browser.reload();
    page.ready();
    page.browser.until(
        "the first row",
        "return performance.getEntriesByName('layerscope:first-row').length > 0",
        &[],
    );
    assert_eq!(bench.registry.log().blobs_since(mark), [], "it asked again");
    page.mark("first-row").expect("just waited for")
}

/// What opening one file took.
pub struct Opened {
    /// Milliseconds from the route to the content.
    pub ms: f64,
    /// Requests for the blob that it took.
    pub requests: Vec<Recorded>,
}

impl Opened {
    /// Body bytes that came over the wire for it.
    pub fn bytes(&self) -> u64 {
        self.requests.iter().map(|request| request.sent).sum()
    }
}

/// Opens a file of the layer from its directory, with nothing in memory but the stored index.
///
/// # Panics
/// It cannot be opened.
pub fn open(page: &Page<'_>, bench: &Bench, host: &str, file: &Sample) -> Opened {
    open_at(page, bench, host, &file.path)
}

/// The same by the file's path.
///
/// # Panics
/// As [`open`].
pub fn open_at(page: &Page<'_>, bench: &Bench, host: &str, path: &str) -> Opened {
    let digest = &bench.image.layers[0].digest;
    let dir = path.rsplit_once('/').map_or("", |(dir, _)| dir);
    let route = |path: &str| fs_route(host, &bench.image.repository, digest, path);
    page.load_ready(&route(dir));
    let mark = bench.registry.log().mark();
    page.browser
        .run("location.hash = arguments[0]", &[json!(route(path))]);
    page.ready();
    page.browser.until(
        "the content",
        "return performance.getEntriesByName('layerscope:content').length > 0",
        &[],
    );
    let route_mark = page.mark("route").expect("the route has a mark");
    let content = page.mark("content").expect("just waited for");
    Opened {
        ms: content - route_mark,
        requests: bench.registry.log().blobs_since(mark),
    }
}

/// Saves a file of `pieces` times [`images::LARGE_PIECE`] bytes to disk, and adds what that took.
///
/// # Errors
/// The registry cannot be had.
///
/// # Panics
/// The file is not saved whole.
pub fn download(pieces: usize, figures: &mut Figures) -> Result<(), Error> {
    let bench = Bench::of(images::large(pieces))?;
    let host = bench.registry.host();
    let proxy = Proxy::for_hosts(&[&host])?;
    let browser = browser();
    let page = Page::new(&browser, &proxy);
    let digest = &bench.image.layers[0].digest;
    page.load_ready(&fs_route(
        &host,
        &bench.image.repository,
        digest,
        "large.txt",
    ));
    page.layer_done();
    let size = (pieces * images::LARGE_PIECE) as u64;
    let start = Instant::now();
    browser.click(css::DOWNLOAD);
    let saved = browser.downloaded(DOWNLOAD_LIMIT);
    let seconds = start.elapsed().as_secs_f64();
    assert_eq!(fs::metadata(&saved)?.len(), size, "the file is whole");
    let heap = browser.cdp("Runtime.getHeapUsage", json!({}));
    let held = |name: &str| heap[name].as_f64().unwrap_or(0.0);
    let page_bytes = held("usedSize") + held("backingStorageSize");
    let mut add = |name: &str, value: f64| figures.insert(name.to_owned(), value);
    add("download_bytes", size as f64);
    add("download_mb_s", size as f64 / MEGABYTE / seconds);
    add("download_page_mib", page_bytes / MIB);
    add("download_worker_mib", worker_bytes(&page) / MIB);
    Ok(())
}

/// A browser that has seen nothing yet.
///
/// # Panics
/// There is none to be had.
pub fn browser() -> Browser {
    Browser::start().expect("cargo xtask bench needs Chromium and its driver")
}

/// Adds what the settings page says of the stored index.
///
/// # Panics
/// Nothing is stored.
pub fn stored_bytes(page: &Page<'_>, figures: &mut Figures) {
    page.load_ready("#/settings");
    let bytes = page.browser.until(
        "the stored layer",
        "return Number(document.querySelector('[data-stored-bytes]')?.dataset.storedBytes ?? 0)",
        &[],
    );
    figures.insert(
        "chromium_stored_bytes".to_owned(),
        bytes.as_f64().expect("a number"),
    );
}
