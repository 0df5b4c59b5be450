//! All layers of an image as one file system: who brought a file, who deleted it, where a link
//! leads, what is largest, what is wasted.

use std::collections::BTreeMap;

use layerscope_core::layer_index::{BuildOptions, IndexBuilder};
use layerscope_core::rootfs::waste::Waste;
use layerscope_core::toc::Toc;
use layerscope_tests::{
    browser::Browser,
    corpus::{
        Corpus, Image, Layer,
        push::{NewLayer, Pusher},
        rawtar::Tar,
        registry::{Auth, Registry, docker_registry},
    },
    net,
    page::{Page, css},
    process,
    proxy::Proxy,
};
use serde_json::json;
use tempfile::TempDir;

use crate::large::without_long_tasks;
use crate::{assert_text, count, narrow_stage, stage};

/// The root file system of an image, or a path in it.
fn layers_route(host: &str, image: &Image, path: &str) -> String {
    format!(
        "#/layers/{host}/{}@{}/{path}",
        image.repository, image.digest
    )
}

fn text_of(browser: &Browser, css: &str) -> String {
    browser.find(css);
    let text = browser.run(
        "return document.querySelector(arguments[0]).innerText",
        &[json!(css)],
    );
    text.as_str().unwrap().to_owned()
}

fn attribute(browser: &Browser, css: &str, name: &str) -> String {
    browser.find(css);
    let value = browser.run(
        "return document.querySelector(arguments[0]).getAttribute(arguments[1]) ?? ''",
        &[json!(css), json!(name)],
    );
    value.as_str().unwrap().to_owned()
}

fn paths(page: &Page<'_>) -> Vec<String> {
    page.rows().into_iter().map(|row| row.path).collect()
}

/// From the start page to the root file system of an image.
fn open_root(browser: &Browser, page: &Page<'_>, host: &str, repository: &str) {
    page.load_ready("#/");
    page.open_reference(&format!("{host}/{repository}"));
    page.ready();
    browser.click("[data-action=root]");
    browser.until(
        "the root file system",
        "return document.documentElement.dataset.route?.startsWith('/layers/')",
        &[],
    );
    page.ready();
    assert_eq!(page.layer_done(), "blob");
}

/// Chooses a value in a field.
fn choose(browser: &Browser, name: &str, value: &str) {
    browser.find(&format!("select[name={name}]"));
    browser.run(
        "const field = document.querySelector(`select[name=${arguments[0]}]`);
         field.value = arguments[1];
         field.dispatchEvent(new Event('change', { bubbles: true }));",
        &[json!(name), json!(value)],
    );
}

#[test]
fn which_layer_brought_it_and_who_deleted_it() {
    let Some((corpus, proxy, browser)) = stage() else {
        return;
    };
    let page = Page::new(&browser, &proxy);
    let image = corpus.image("edge/whiteouts");
    let host = corpus.anonymous.host();
    open_root(&browser, &page, &host, "edge/whiteouts");
    assert_eq!(
        paths(&page),
        ["a", "file2dir", "hl", "opq", "dir2file"],
        "what a runtime sees at the top"
    );
    browser.screenshot("root");
    page.click_entry("a");
    page.ready();
    assert_eq!(paths(&page), ["a/keep"]);
    browser.click("[data-action=show-hidden]");
    page.wait_row("a/gone");
    let row = "[data-entry-path='a/gone']";
    assert_eq!(
        attribute(&browser, row, "data-deleted"),
        "deleted by layer 2"
    );
    assert_eq!(
        attribute(&browser, row, "data-entry-layer"),
        image.layers[0].digest
    );
    browser.screenshot("root-hidden");
    page.click_entry("a/gone");
    page.ready();
    assert_text(&page.text(), b"gone\n");
    assert_eq!(page.content_verified(), "span");
    let from = text_of(&browser, "[data-from-layer]");
    assert_eq!(from, "From layer 1 of 2, deleted by layer 2");
    assert!(
        page.route()
            .contains(&format!("layer={}", image.layers[0].digest).replace(':', "%3A")),
        "{}",
        page.route()
    );
    // The address alone leads there again, and without the version too.
    browser.reload();
    page.ready();
    assert_text(&page.text(), b"gone\n");
    page.load_ready(&layers_route(&host, image, "a/gone"));
    assert_text(&page.text(), b"gone\n");
    // What was emptied, and what took another's place.
    page.load_ready(&layers_route(&host, image, "opq/one"));
    let from = text_of(&browser, "[data-from-layer]");
    assert_eq!(
        from,
        "From layer 1 of 2, its directory was emptied by layer 2"
    );
    page.load_ready(&layers_route(&host, image, "dir2file"));
    assert_text(&page.text(), b"now a file");
    assert_eq!(attribute(&browser, "[data-versions]", "data-versions"), "1");
    // A hard link to a file of the layer below reads that layer's bytes.
    page.load_ready(&layers_route(&host, image, "hl/link-to-lower"));
    assert_text(&page.text(), "orig".repeat(100).as_bytes());
    // From the file into the layer itself.
    browser.click("[data-from-layer] a");
    browser.until(
        "the layer",
        "return document.documentElement.dataset.route?.startsWith('/fs/')",
        &[],
    );
    page.ready();
    page.assert_clean();
}

#[test]
fn where_a_link_really_points() {
    let Some((corpus, proxy, browser)) = stage() else {
        return;
    };
    let Some(image) = corpus.optional("debian/packages") else {
        return;
    };
    let page = Page::new(&browser, &proxy);
    let host = corpus.anonymous.host();
    open_root(&browser, &page, &host, "debian/packages");
    page.walk_to("usr/bin");
    page.click_entry("usr/bin/python3");
    page.ready();
    let target = attribute(&browser, "[data-link-target]", "data-link-target");
    assert_eq!(target, "usr/bin/python3.11");
    assert_eq!(
        attribute(&browser, "[data-from-layer]", "data-from-layer"),
        "2"
    );
    browser.click("[data-link-target] a");
    browser.until(
        "the program",
        "return document.documentElement.dataset.route?.endsWith('/usr/bin/python3.11')",
        &[],
    );
    page.ready();
    // As what it is, and as it stands.
    browser.find("[data-content=details]");
    assert_eq!(page.content_verified(), "span");
    browser.screenshot("root-file");
    // By a directory that is a link itself, as the reference system's links have it.
    let legacy = format!(
        "{}/layers/{host}/debian/packages@{}/bin/python3",
        proxy.base(),
        image.digest
    );
    browser.goto("about:blank");
    browser.goto(&legacy);
    page.ready();
    assert!(page.route().starts_with("#/layers/"), "{}", page.route());
    assert_eq!(
        attribute(&browser, "[data-link-target]", "data-link-target"),
        "usr/bin/python3.11"
    );
    // A configuration of the base, read from the layer that has it.
    page.load_ready(&layers_route(&host, image, "etc/debian_version"));
    let expect = corpus
        .extract(&image.layers[0], "etc/debian_version")
        .unwrap();
    assert_text(&page.text(), &expect);
    page.assert_clean();
}

#[test]
fn searches_over_all_layers() {
    let Some((corpus, proxy, browser)) = stage() else {
        return;
    };
    if corpus.optional("debian/packages").is_none() {
        return;
    }
    let page = Page::new(&browser, &proxy);
    open_root(&browser, &page, &corpus.anonymous.host(), "debian/packages");
    let search = |text: &str| {
        browser.type_into(css::SEARCH, text);
        browser.until(
            &format!("what is found by {text}"),
            "const tally = document.querySelector('.tally')?.innerText ?? '';
             const query = decodeURIComponent(location.hash.split('q=')[1]?.split('&')[0] ?? '');
             return query === arguments[0] && document.documentElement.dataset.state === 'ready'
                 && document.querySelector('[data-entry-path], .empty') !== null && tally !== '';",
            &[json!(text)],
        );
    };
    let only = |what: &str, script: &str| {
        browser.until(
            what,
            &format!(
                "const rows = [...document.querySelectorAll('[data-entry-path]')];
                 return rows.length > 0 && rows.every((row) => {script});"
            ),
            &[],
        );
    };
    search("python3.11");
    only("names", "row.dataset.entryPath.includes('python3.11')");
    search("*.crt");
    only("a glob", "row.dataset.entryPath.endsWith('.crt')");
    search("re:^usr/bin/(perl|git)$");
    browser.until(
        "an expression",
        "const rows = [...document.querySelectorAll('[data-entry-path]')].map((row) => row.dataset.entryPath);
         return rows.join() === 'usr/bin/git,usr/bin/perl';",
        &[],
    );
    browser.run(
        "const field = document.querySelector(arguments[0]);
         field.value = '';
         field.dispatchEvent(new Event('input', { bubbles: true }));",
        &[json!(css::SEARCH)],
    );
    browser.until("no search", "return !location.hash.includes('q=')", &[]);
    choose(&browser, "mode", "setuid");
    only("setuid files", "row.innerText.includes('rws')");
    page.wait_row("usr/bin/su");
    choose(&browser, "layer", "2");
    browser.until(
        "none in the second layer",
        "return document.querySelector('.empty')?.innerText === 'Nothing matches.'",
        &[],
    );
    choose(&browser, "mode", "");
    choose(&browser, "type", "symlink");
    only(
        "links of the second layer",
        "row.dataset.entryType === 'symlink' && row.querySelector('.layer').innerText.trim() === '2'",
    );
    assert!(page.route().contains("type%3Asymlink"), "{}", page.route());
    browser.screenshot("root-search");
    page.assert_clean();
}

fn toc(corpus: &Corpus, layer: &Layer) -> Toc {
    let bytes = std::fs::read(corpus.blob_path(&layer.digest)).unwrap();
    let mut builder = IndexBuilder::new(BuildOptions::default());
    for chunk in bytes.chunks(1 << 20) {
        builder.push(chunk).unwrap();
    }
    builder.finish().toc
}

/// The sizes of a layer's regular files, as GNU tar lists them.
fn tar_sizes(corpus: &Corpus, layer: &Layer) -> BTreeMap<String, u64> {
    let mut command = std::process::Command::new("tar");
    command
        .args(["-tvz", "--full-time", "-f"])
        .arg(corpus.blob_path(&layer.digest));
    let out = process::run(&mut command).unwrap();
    let text = String::from_utf8_lossy(&out).into_owned();
    let file = |line: &str| {
        let mut words = line.split_whitespace();
        let (mode, _, size) = (words.next()?, words.next()?, words.next()?);
        let name = words.nth(2)?;
        mode.starts_with('-').then(|| {
            (
                name.trim_start_matches("./").to_owned(),
                size.parse().unwrap(),
            )
        })
    };
    text.lines().filter_map(file).collect()
}

#[test]
fn the_biggest_thing_in_an_image() {
    let Some((corpus, proxy, browser)) = stage() else {
        return;
    };
    let Some(image) = corpus.optional("debian/packages") else {
        return;
    };
    let mut expect = BTreeMap::new();
    for layer in &image.layers {
        expect.extend(tar_sizes(&corpus, layer));
    }
    let (largest, size) = expect.iter().max_by_key(|(_, size)| **size).unwrap();
    let tocs: Vec<Toc> = image
        .layers
        .iter()
        .map(|layer| toc(&corpus, layer))
        .collect();
    let waste = Waste::of(&tocs, 10);

    let page = Page::new(&browser, &proxy);
    let host = corpus.anonymous.host();
    page.load_ready("#/");
    page.open_reference(&format!("{host}/debian/packages"));
    page.ready();
    browser.click("[data-action=sizes]");
    browser.until(
        "all of it",
        "return document.documentElement.dataset.route?.startsWith('/sizes/')
             && document.querySelector('main [role=progressbar]') === null
             && document.querySelector('[data-efficiency]') !== null
             && document.querySelectorAll('[data-added]').length === 2",
        &[],
    );
    page.ready();
    assert_eq!(
        &attribute(&browser, "[data-largest]", "data-largest"),
        largest
    );
    assert_eq!(
        attribute(&browser, "[data-largest]", "data-size"),
        size.to_string()
    );
    assert_eq!(
        attribute(&browser, "[data-efficiency]", "data-efficiency"),
        waste.efficiency.to_string()
    );
    assert_eq!(
        attribute(&browser, "[data-wasted]", "data-wasted"),
        waste.wasted.to_string()
    );
    assert!(waste.wasted > 0 && waste.efficiency < 1.0);
    let worst = attribute(&browser, "[data-waste-path]", "data-waste-path");
    assert_eq!(worst.as_bytes(), waste.paths[0].path);
    assert!(count(&browser, ".treemap .cell") > 3);
    browser.screenshot("sizes");
    // What is installed, by dpkg's own word.
    browser.click("[data-action=packages]");
    browser.until(
        "the packages",
        "return document.querySelectorAll('[data-package]').length > 50",
        &[],
    );
    browser.find("[data-package=python3]");
    let status = corpus
        .extract(&image.layers[1], "var/lib/dpkg/status")
        .unwrap();
    let status = String::from_utf8_lossy(&status).into_owned();
    let installed = status.matches("\nStatus: install ok installed\n").count();
    assert_eq!(
        attribute(&browser, "[data-packages]", "data-packages"),
        installed.to_string()
    );
    // Down into a directory, and to the file itself.
    browser.click("[data-size-path='usr'] a");
    browser.until(
        "what is in usr",
        "return document.querySelector(\"[data-size-path='usr/lib']\") !== null",
        &[],
    );
    page.ready();
    let first = attribute(&browser, "[data-largest]", "data-largest");
    assert_eq!(&first, largest, "it is in usr");
    browser.click("[data-largest] a");
    browser.until(
        "the file",
        "return document.documentElement.dataset.route?.startsWith('/layers/')",
        &[],
    );
    page.ready();
    browser.find("[data-content]");
    page.assert_clean();
}

/// A layer's sizes alone, and dive's own unit case by its image.
#[test]
fn sizes_of_one_layer() {
    let Some((corpus, proxy, browser)) = stage() else {
        return;
    };
    let page = Page::new(&browser, &proxy);
    let layer = &corpus.image("edge/special").layers[0];
    let host = corpus.anonymous.host();
    page.load_ready(&format!("#/size/{host}/edge/special@{}", layer.digest));
    assert!(count(&browser, "[data-size-path]") > 0);
    assert_eq!(count(&browser, "[data-efficiency]"), 0);
    let state = page.load(&format!("#/size/{host}/edge/special@{}/none", layer.digest));
    assert_eq!(state, "ready");
    assert!(page.alert().contains("no such directory"));
    page.assert_clean();
}

/// A layer that cannot be had is named, and what is below it stays.
#[test]
fn a_layer_is_missing() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let Some((registry, pusher)) = own_registry() else {
        return;
    };
    let layers = (0..3).map(|n| small_layer(n, 10)).collect();
    let image = net::wait(pusher.image("made/three", "latest", "amd64", layers)).unwrap();
    let hex = image.layers[1].digest.trim_start_matches("sha256:");
    let store = registry.state.path().join("store/docker/registry/v2");
    std::fs::remove_dir_all(store.join("blobs/sha256").join(&hex[..2]).join(hex)).unwrap();
    let link = store.join("repositories/made/three/_layers/sha256");
    std::fs::remove_dir_all(link.join(hex)).unwrap();
    let proxy = Proxy::for_hosts(&[registry.host()]).unwrap();
    let page = Page::new(&browser, &proxy);
    page.start_loading(&layers_route(&registry.host(), &image, ""));
    let alert = page.alert();
    assert!(alert.contains("Layer 2 of 3"), "{alert}");
    assert!(!page.rows().is_empty());
    assert_eq!(browser.violations(), [""; 0]);
}

/// A registry over a store of its own.
pub(crate) struct OwnRegistry {
    // Stopped before its store goes.
    registry: Registry,
    state: TempDir,
}

impl OwnRegistry {
    /// Its host with the port.
    pub(crate) fn host(&self) -> String {
        self.registry.host()
    }
}

/// A registry over a store of its own, and what pushes into it.
pub(crate) fn own_registry() -> Option<(OwnRegistry, Pusher)> {
    let Ok(binary) = docker_registry() else {
        layerscope_tests::skipped("a registry of one's own", "no docker-registry");
        return None;
    };
    let state = tempfile::tempdir().unwrap();
    let store = state.path().join("store");
    std::fs::create_dir(&store).unwrap();
    let registry = Registry::start(&binary, &store, state.path(), "own", Auth::Anonymous).unwrap();
    let pusher = Pusher::new(registry.direct_host());
    Some((OwnRegistry { registry, state }, pusher))
}

/// A layer of so many files, a tenth of which the next one has anew.
pub(crate) fn small_layer(number: usize, files: usize) -> NewLayer {
    let mut tar = Tar::new();
    let first = number * (files - files / 10);
    for i in first..first + files {
        tar.file(
            format!("usr/share/d{:03}/file-{i:06}", i / 100),
            format!("{number}"),
        );
    }
    NewLayer::gzip(&tar.finish())
}

/// The page stays smooth, and says how much memory it took.
#[test]
fn a_hundred_thousand_entries_of_ten_layers() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let Some((registry, pusher)) = own_registry() else {
        return;
    };
    let layers = (0..10).map(|n| small_layer(n, 10_000)).collect();
    let image = net::wait(pusher.image("made/ten", "latest", "amd64", layers)).unwrap();
    let proxy = Proxy::for_hosts(&[registry.host()]).unwrap();
    let page = Page::new(&browser, &proxy);
    // What is compiled and loaded once is not what is looked at here.
    without_long_tasks(&browser, "100,000 entries of ten layers", || {
        page.load_ready("#/help");
        page.go(&layers_route(&registry.host(), &image, "usr/share"));
        assert_eq!(page.layer_done(), "blob");
        browser.type_into(css::SEARCH, "99");
        page.wait_row("usr/share/d099/file-009900");
        browser.run(
            "const box = document.querySelector(arguments[0]); box.scrollTop = box.scrollHeight / 2",
            &[json!(css::SCROLLER)],
        );
        page.ready();
    });
    let memory = attribute(&browser, "[data-worker-memory]", "data-worker-memory");
    println!("100,000 entries of 10 layers: worker memory {memory} bytes");
    assert!(memory.parse::<u64>().unwrap() > 1 << 20);
    browser.type_into(css::SEARCH, "type:file");
    browser.until(
        "all files",
        "return document.querySelector('.tally')?.innerText.startsWith('91,000 entries')",
        &[],
    );
    page.assert_clean();
}

/// Nothing sticks out on a phone.
#[test]
fn narrow() {
    let Some((corpus, proxy, browser)) = narrow_stage() else {
        return;
    };
    let page = Page::new(&browser, &proxy);
    let host = corpus.anonymous.host();
    let image = corpus.image("edge/whiteouts");
    let sizes = format!("#/sizes/{host}/{}@{}", image.repository, image.digest);
    for (name, route) in [
        ("root", layers_route(&host, image, "")),
        (
            "root-hidden",
            format!("{}?hidden=1", layers_route(&host, image, "a")),
        ),
        ("root-file", layers_route(&host, image, "a/gone")),
        ("sizes", sizes),
    ] {
        page.load_ready(&route);
        browser.screenshot(&format!("narrow-{name}"));
        let wide = browser.run(
            "return document.documentElement.scrollWidth - innerWidth",
            &[],
        );
        assert!(
            wide.as_f64().unwrap() <= 0.0,
            "{name} is {wide} pixels too wide"
        );
    }
    page.assert_clean();
}
