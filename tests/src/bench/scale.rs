//! Layers of sizes at which things break, and how the page bears them.

use std::{
    fs::File,
    io::{self, BufReader, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use flate2::{Compression, bufread::MultiGzDecoder, write::GzEncoder};
use serde_json::json;

use super::{Figures, MIB, app, layer::Bench};
use crate::{
    corpus::{big, push::Error},
    page::{Page, css, fs_route},
    proxy::Proxy,
};

/// Uncompressed bytes of the first layer, at least.
const HUGE_BYTES: u64 = 2 << 30;
/// Entries of the second one, in directories of a thousand.
const MANY_ENTRIES: u32 = 1_000_000;
const PER_DIRECTORY: u32 = 1_000;
/// How long anything may take: the point is to see how long it does.
const PATIENCE: Duration = Duration::from_secs(1_200);
/// Frames of scrolling that are watched.
const FRAMES: u32 = 120;

/// Scrolls the listing a screen a frame and gives the milliseconds between frames.
const SCROLL: &str = "
    const scroller = document.querySelector(args[0]);
    const gaps = [];
    const step = (scroller.scrollHeight - scroller.clientHeight) / args[1];
    let before = await new Promise(requestAnimationFrame);
    for (let frame = 0; frame < args[1]; frame += 1) {
        scroller.scrollTop += step;
        const now = await new Promise(requestAnimationFrame);
        gaps.push(now - before);
        before = now;
    }
    return gaps;
";

/// Measures both layers; each is made for it and removed after it.
///
/// # Errors
/// A layer cannot be made, or docker-registry cannot be had.
pub fn measure() -> Result<Figures, Error> {
    let mut figures = Figures::new();
    eprintln!("making a layer of {HUGE_BYTES} bytes");
    let folder = tempfile::Builder::new()
        .prefix("layerscope-scale-")
        .tempdir()?;
    let (blob, sample) = huge(&big::layer()?, folder.path())?;
    one("huge", &blob, &sample, &mut figures)?;
    std::fs::remove_file(blob)?;
    eprintln!("making a layer of {MANY_ENTRIES} entries");
    let (blob, sample) = many(folder.path())?;
    one("many", &blob, &sample, &mut figures)?;
    Ok(figures)
}

/// A tar that is compressed while it is written.
fn archive(path: &Path) -> io::Result<tar::Builder<GzEncoder<File>>> {
    // The level is of no matter here, but the time is.
    Ok(tar::Builder::new(GzEncoder::new(
        File::create(path)?,
        Compression::fast(),
    )))
}

/// A real layer's files again and again, each time in a directory of its own; with the name of the
/// last one.
fn huge(layer: &Path, folder: &Path) -> io::Result<(PathBuf, String)> {
    let path = folder.join("huge.tar.gz");
    let mut builder = archive(&path)?;
    let (mut bytes, mut copies, mut last) = (0, 0, String::new());
    while bytes < HUGE_BYTES {
        let gzip = MultiGzDecoder::new(BufReader::with_capacity(1 << 20, File::open(layer)?));
        for entry in tar::Archive::new(gzip).entries()? {
            let entry = entry?;
            let mut header = entry.header().clone();
            let name = entry.path()?.into_owned();
            let name =
                Path::new(&format!("copy-{copies}")).join(name.strip_prefix("./").unwrap_or(&name));
            let kind = header.entry_type();
            if let Some(target) = entry.link_name()?.filter(|_| kind.is_symlink()) {
                builder.append_link(&mut header, &name, target)?;
            } else if kind.is_dir() || kind.is_file() {
                bytes += 512 + entry.size().next_multiple_of(512);
                if kind.is_file() && entry.size() > 0 {
                    last = name.to_string_lossy().into_owned();
                }
                builder.append_data(&mut header, &name, entry)?;
            }
        }
        copies += 1;
    }
    builder.into_inner()?.finish()?.flush()?;
    Ok((path, last))
}

/// A million small files; with the name of the last one.
fn many(folder: &Path) -> io::Result<(PathBuf, String)> {
    let path = folder.join("many.tar.gz");
    let mut builder = archive(&path)?;
    let mut last = String::new();
    for n in 0..MANY_ENTRIES {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        header.set_mtime(1_600_000_000 + u64::from(n % 100_000));
        if n % PER_DIRECTORY == 0 {
            header.set_entry_type(tar::EntryType::Directory);
            header.set_size(0);
            let name = format!("dir-{:03}/", n / PER_DIRECTORY);
            builder.append_data(&mut header, name, io::empty())?;
            continue;
        }
        last = format!("dir-{:03}/file-{n:06}.txt", n / PER_DIRECTORY);
        let text = format!("{n} {:x}\n", n.wrapping_mul(2_654_435_761)).repeat(1 + n as usize % 9);
        header.set_size(text.len() as u64);
        builder.append_data(&mut header, &last, text.as_bytes())?;
    }
    builder.into_inner()?.finish()?.flush()?;
    Ok((path, last))
}

/// Opens, scrolls, searches, reads and reloads one layer.
fn one(name: &str, blob: &Path, sample: &str, figures: &mut Figures) -> Result<(), Error> {
    let blob = std::fs::read(blob)?;
    let blob_len = blob.len();
    let bench = Bench::start(blob)?;
    let host = bench.registry.direct_host().to_owned();
    let proxy = Proxy::for_hosts(&[&host])?;
    let browser = app::browser();
    let page = Page::new(&browser, &proxy);
    let mut add = |what: &str, value: f64| {
        eprintln!("{name}: {what} {value:.1}");
        figures.insert(format!("scale_{name}_{what}"), value);
    };
    add("blob_bytes", blob_len as f64);

    let digest = &bench.image.layers[0].digest;
    page.load_ready(&format!("#/image/{host}/{}", bench.image.repository));
    let since = browser.now();
    page.open_layer(digest);
    browser.until_within(
        PATIENCE,
        "the whole layer",
        "return performance.getEntriesByName('layerscope:index-done').length > 0",
        &[],
    );
    let verified = page.layer_done();
    if verified != "blob" {
        return Err(format!("{name}: {}", browser.describe()).into());
    }
    let mark = |mark: &str| page.mark(mark).unwrap_or(f64::NAN);
    add("index_s", (mark("index-done") - mark("route")) / 1000.0);
    add("worker_mib", app::worker_bytes(&page) / MIB);
    let long = browser.long_tasks(since);
    add("long_tasks", long.len() as f64);
    let longest = long.iter().map(|(_, ms)| *ms).fold(0.0, f64::max);
    add("longest_task_ms", longest);

    // Every entry in one list.
    let flat = fs_route(&host, &bench.image.repository, digest, "") + "?mode=flat";
    page.load_ready(&flat);
    let since = browser.now();
    let gaps = browser.run_async(SCROLL, &[json!(css::SCROLLER), json!(FRAMES)]);
    let gaps: Vec<f64> = gaps
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(serde_json::Value::as_f64)
        .collect();
    add("scroll_frame_ms", super::median(&gaps));
    add(
        "scroll_worst_frame_ms",
        gaps.iter().copied().fold(0.0, f64::max),
    );
    add("scroll_long_tasks", browser.long_tasks(since).len() as f64);
    let file = sample.rsplit('/').next().unwrap_or(sample);
    let search = format!(
        "{}?q={file}",
        fs_route(&host, &bench.image.repository, digest, "")
    );
    let start = browser.now();
    page.load_ready(&search);
    page.wait_row(sample);
    add("search_ms", browser.now() - start);

    let opened = app::open_at(&page, &bench, &host, sample);
    add("open_file_ms", opened.ms);
    add("open_file_requests", opened.requests.len() as f64);
    add("reload_ms", app::reload(&page, &bench, &host));
    let heap = browser.cdp("Runtime.getHeapUsage", json!({}));
    add(
        "page_heap_mib",
        heap["usedSize"].as_f64().unwrap_or(f64::NAN) / MIB,
    );
    Ok(())
}
