//! Builds `dist/`: the app as it is served.
//!
//! Trunk compiles and bundles with plain names; then, here: the page's module is split,
//! wasm-opt, content hashes in the names, the worker's loader, the build id in the page, a check of the page against the content
//! security policy, and a compressed copy beside each file.
//!
//! The build id is a hash of everything that goes into the build. Page and worker both carry it
//! (`<meta name="layerscope-build">`, and `self.layerscopeBuild` set by the worker's loader), so
//! that a page of one build never talks to a worker of another.

mod compress;
mod hosts;
mod html;
mod names;
mod source_hash;
mod split;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use walkdir::WalkDir;

use crate::shell;
use crate::tools::Tools;
use crate::workspace::Workspace;

pub use html::{inline_problems, style_attribute};

/// The page names its parts relatively: the folder works at any address.
pub const RELATIVE_URL: &str = "./";
/// The worker's loader with this build's names filled in.
const WORKER_LOADER: &str = include_str!("worker_loader.js");
/// wasm-opt's options for the worker: what it does is what a reader waits for.
pub const WORKER_OPTIMISATION: [&str; 3] = ["-O3", "--strip-debug", "--strip-producers"];
/// Those for the page: what it is made of is what a reader downloads.
const PAGE_OPTIMISATION: [&str; 3] = ["-Oz", "--strip-debug", "--strip-producers"];
/// How the page has the worker built: without the interface.
const WORKER_FEATURES: &str =
    "data-bin=\"worker\" data-type=\"worker\" data-cargo-no-default-features";
/// The page as Trunk reads it, beside the page itself while the app is built.
const SPLIT_PAGE: &str = "index.split.html";
/// What a finished folder was made from; lies beside `dist/` under the target folder.
const STAMP: &str = "xtask-dist.stamp";

/// How files begin that no visit needs.
const APART: [&str; 4] = ["callback.", "404.", "sw.", "layerscope-embed"];

/// What one may choose.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where the folder will be served.
    pub public_url: String,
    /// Go on without wasm-opt when it is not to be had.
    pub allow_unoptimised: bool,
}

impl Options {
    /// What is released: relative links, everything optimised.
    pub fn release() -> Self {
        Self {
            public_url: RELATIVE_URL.to_owned(),
            allow_unoptimised: false,
        }
    }
}

/// Builds `dist/` anew.
pub fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    build(workspace, options, &build_id(workspace, options)?)
}

/// Builds `dist/` if it was made from other sources than those that lie there now.
pub fn run_if_stale(workspace: &Workspace, options: &Options) -> Result<()> {
    let id = build_id(workspace, options)?;
    let built = fs::read_to_string(workspace.target.join(STAMP)).unwrap_or_default();
    let fresh = built == id || (options.allow_unoptimised && built == unoptimised(&id));
    if fresh && workspace.dist.join("index.html").is_file() {
        eprintln!("xtask: dist is up to date (build {id})");
        return Ok(());
    }
    build(workspace, options, &id)
}

/// The stamp of a build that wasm-opt has not seen; good enough to look at, not to publish.
fn unoptimised(id: &str) -> String {
    format!("{id} unoptimised")
}

fn build_id(workspace: &Workspace, options: &Options) -> Result<String> {
    source_hash::of(&workspace.root, &options.public_url)
}

fn build(workspace: &Workspace, options: &Options, id: &str) -> Result<()> {
    let tools = Tools::find()?;
    tools.wasm_target()?;
    let trunk = tools.trunk()?;
    let wasm_bindgen = tools.wasm_bindgen()?;
    let wasm_split = tools.wasm_split()?;
    let wasm_opt = match tools.wasm_opt() {
        Ok(program) => Some(program),
        Err(error) if options.allow_unoptimised => {
            eprintln!("xtask: going on without wasm-opt, so the download is larger: {error:#}");
            None
        }
        Err(error) => return Err(error),
    };

    let staging = workspace.target.join("xtask-dist");
    let page = SplitPage::write(workspace)?;
    shell::timed(&format!("building the app (build {id})"), || {
        empty(&staging)?;
        let mut command = Command::new(trunk.join("trunk"));
        command
            .args([
                "build",
                "--release",
                "--filehash",
                "false",
                "--features",
                "split",
                "--public-url",
                &options.public_url,
                "--dist",
            ])
            .arg(&staging)
            .arg(&page.0)
            .current_dir(&workspace.root)
            .env("PATH", shell::path_with(&[&wasm_bindgen])?)
            // Its errors say what failed; where in its own code it was is of no use.
            .env_remove("RUST_BACKTRACE")
            // Trunk takes NO_COLOR only as true or false, others set it to 1.
            .env_remove("NO_COLOR");
        shell::run(&mut command)?;
        let wasm_bindgen = wasm_bindgen.join("wasm-bindgen");
        for program in [&split::PAGE, &split::WORKER] {
            split::run(workspace, &wasm_split, &wasm_bindgen, &staging, program)?;
        }
        if let Some(wasm_opt) = &wasm_opt {
            optimise(wasm_opt, &staging)?;
        }
        finish_page(&staging, id)?;
        hosts::write_404(&staging, &options.public_url)?;
        hosts::write_service_worker(&staging, id)?;
        hosts::write_headers(&staging, &options.public_url)
    })?;
    shell::timed("compressing the app with brotli and gzip", || {
        compress::folder(&staging)
    })?;
    empty(&workspace.dist)?;
    copy_folder(&staging, &workspace.dist)?;
    fs::create_dir_all(&workspace.target)?;
    let stamp = if wasm_opt.is_some() {
        id.to_owned()
    } else {
        unoptimised(id)
    };
    fs::write(workspace.target.join(STAMP), stamp).context("writing the stamp of dist")?;
    report(&workspace.dist)
}

/// The page as Trunk is to read it for a split worker. Lies beside the page, because what it names is
/// named from there; removed when this is dropped.
struct SplitPage(PathBuf);

impl SplitPage {
    /// A link's own list of features takes the place of the one in Trunk's command line.
    fn write(workspace: &Workspace) -> Result<Self> {
        let file = workspace.root.join("app/index.html");
        let page = fs::read_to_string(&file).context("reading the page")?;
        if !page.contains(WORKER_FEATURES) {
            bail!("app/index.html does not build the worker with {WORKER_FEATURES}");
        }
        let split = format!("{WORKER_FEATURES} data-cargo-features=\"split\"");
        let copy = file.with_file_name(SPLIT_PAGE);
        fs::write(&copy, page.replace(WORKER_FEATURES, &split)).context("writing the page")?;
        Ok(SplitPage(copy))
    }
}

impl Drop for SplitPage {
    fn drop(&mut self) {
        // Left behind it is in nobody's way; git ignores it.
        drop(fs::remove_file(&self.0));
    }
}

/// Runs wasm-opt over each module: the page's and the viewers' for size, the worker's for speed.
fn optimise(wasm_opt: &Path, folder: &Path) -> Result<()> {
    let mut modules = vec![
        ("app_bg.wasm".to_owned(), &PAGE_OPTIMISATION[..]),
        ("worker_bg.wasm".to_owned(), &WORKER_OPTIMISATION[..]),
        ("viewers_bg.wasm".to_owned(), &PAGE_OPTIMISATION[..]),
    ];
    for (program, options) in [
        (&split::PAGE, &PAGE_OPTIMISATION[..]),
        (&split::WORKER, &WORKER_OPTIMISATION[..]),
    ] {
        modules.extend(program.modules(folder)?.into_iter().map(|m| (m, options)));
    }
    for (module, options) in modules {
        let file = folder.join(&module);
        let optimised = folder.join(format!("{module}.optimised"));
        shell::run(
            Command::new(wasm_opt)
                .args(options)
                .arg(&file)
                .arg("-o")
                .arg(&optimised),
        )?;
        fs::rename(&optimised, &file)?;
    }
    Ok(())
}

/// Hashes names, writes the workers' loaders, fills the page in and checks it.
fn finish_page(folder: &Path, id: &str) -> Result<()> {
    let page_file = folder.join("index.html");
    let mut page = fs::read_to_string(&page_file).context("Trunk left no index.html")?;

    for name in names::hashable(folder)? {
        let hashed = names::rename_hashed(folder, &name)?;
        page = html::renamed(&page, &name, &hashed);
    }
    let split = split::rename(folder, &split::PAGE)?;
    page = html::renamed(&page, split::PAGE.first, &split.first);
    // What a script imports is only known when it is here, unless the page says so before.
    page = html::with_preload_beside(&page, &split.first, &split.link)?;
    for (meta, module) in [
        ("layerscope-layer", split::LAYER),
        ("layerscope-pages", split::PAGES),
    ] {
        page = html::with_meta(&page, meta, |old| {
            let place = old.strip_suffix(module).unwrap_or(RELATIVE_URL);
            let needed = split.needed_by(module);
            let needed = needed.iter().map(|name| format!("{place}{name}"));
            needed.collect::<Vec<_>>().join(" ")
        })?;
    }
    let worker = split::rename(folder, &split::WORKER)?.first;
    let viewers = names::find(folder, "viewers-", ".js")?;
    for (program, script) in [("worker", worker), ("viewers", viewers)] {
        let module = names::find(folder, &format!("{program}-"), "_bg.wasm")?;
        let loader = WORKER_LOADER
            .replace("__BUILD__", id)
            .replace("__SCRIPT__", &script)
            .replace("__MODULE__", &module);
        let name = format!("{program}_loader.js");
        fs::write(folder.join(&name), loader)?;
        let hashed = names::rename_hashed(folder, &name)?;
        page = html::with_meta(&page, &format!("layerscope-{program}"), |old| {
            old.replace(&name, &hashed)
        })?;
    }
    page = html::with_meta(&page, "layerscope-build", |_| id.to_owned())?;
    page = html::with_policy(&page)?;

    check_page(folder, "index.html", &page)?;
    fs::write(page_file, page)?;
    for name in ["callback.html", "404.html"] {
        let page = fs::read_to_string(folder.join(name)).with_context(|| format!("no {name}"))?;
        check_page(folder, name, &page)?;
    }
    Ok(())
}

/// Nothing inline, and nothing that is not there.
fn check_page(folder: &Path, name: &str, page: &str) -> Result<()> {
    let problems = inline_problems(page);
    if !problems.is_empty() {
        bail!(
            "dist/{name} breaks its content security policy: {}",
            problems.join("; ")
        );
    }
    for file in html::local_files(page) {
        if !folder.join(&file).is_file() {
            bail!("dist/{name} names {file}, which is not there");
        }
    }
    Ok(())
}

fn report(dist: &Path) -> Result<()> {
    let kib = |bytes: u64| bytes as f64 / 1024.0;
    for (name, len) in downloads(dist)? {
        eprintln!("xtask:   {name}: {:.1} KiB with brotli", kib(len));
    }
    let sizes = sizes(dist)?;
    eprintln!(
        "xtask: {}: first download {:.1} KiB, a layer's page {:.1} KiB, the other pages {:.1} KiB, worker {:.1} KiB, its further formats {:.1} KiB, viewers {:.1} KiB (brotli)",
        dist.display(),
        kib(sizes.first),
        kib(sizes.layer),
        kib(sizes.pages),
        kib(sizes.worker),
        kib(sizes.formats),
        kib(sizes.viewers)
    );
    Ok(())
}

/// Bytes as they are sent.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sizes {
    /// What the start page needs: HTML, CSS, JavaScript, main module.
    pub first: u64,
    /// The modules of a layer's page, with what it shares with the other pages.
    pub layer: u64,
    /// The module of the other pages, beside those.
    pub pages: u64,
    /// The worker, for gzip and plain tar.
    pub worker: u64,
    /// The worker's module for everything else.
    pub formats: u64,
    /// The viewers' worker.
    pub viewers: u64,
}

/// Adds up what a visit loads.
pub fn sizes(dist: &Path) -> Result<Sizes> {
    let mut sizes = Sizes::default();
    for (name, len) in downloads(dist)? {
        let place = if name.starts_with("worker") {
            &mut sizes.worker
        } else if name.starts_with("split_formats") {
            &mut sizes.formats
        } else if name.starts_with("viewers") {
            &mut sizes.viewers
        } else if name.starts_with("split_layer") || name.starts_with("chunk_") {
            &mut sizes.layer
        } else if name.starts_with("split_") {
            &mut sizes.pages
        } else {
            &mut sizes.first
        };
        *place += len;
    }
    Ok(sizes)
}

/// What a first visit loads: each HTML, CSS, JavaScript and wasm file with its length in bytes as
/// it is sent (under brotli where that is shorter), in order of name.
fn downloads(dist: &Path) -> Result<Vec<(String, u64)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dist).with_context(|| format!("reading {}", dist.display()))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        // Where providers of sign-ins send people back to, and what is for hosts: no part of a visit.
        let apart = APART.iter().any(|begin| name.starts_with(begin));
        let is_loaded = [".html", ".css", ".js", ".wasm"]
            .iter()
            .any(|end| name.ends_with(end));
        if is_loaded && !apart {
            let packed = dist.join(format!("{name}.br"));
            let sent = if packed.is_file() {
                packed
            } else {
                entry.path()
            };
            files.push((name, fs::metadata(sent)?.len()));
        }
    }
    files.sort();
    Ok(files)
}

pub(crate) fn empty(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("emptying {}", folder.display()))?;
    }
    fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    for entry in WalkDir::new(from).min_depth(1).sort_by_file_name() {
        let entry = entry?;
        let place: PathBuf = to.join(entry.path().strip_prefix(from)?);
        if entry.file_type().is_dir() {
            fs::create_dir_all(&place)?;
        } else {
            fs::copy(entry.path(), &place)
                .with_context(|| format!("writing {}", place.display()))?;
        }
    }
    Ok(())
}
