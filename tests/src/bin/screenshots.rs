//! Pictures of what a reader sees, for looking at: `cargo xtask screenshots`.
//!
//! All of the sample registry, so that they need no network and look the same everywhere; light,
//! dark and on a phone, with long lists, errors and progress.

use std::{fs, path::Path, process::ExitCode};

use layerscope_tests::{
    browser::{Browser, Options},
    corpus::{
        Corpus, gz,
        push::{NewLayer, digest},
        rawtar::Tar,
    },
    double::Double,
    page::{Page, encode_path, fs_route},
    proxy::Proxy,
};
use serde_json::json;

const SAMPLE: &str = "sample.localhost/demo/hello";
/// Width and height in CSS pixels, and the end of the pictures' names.
const WINDOWS: [(&str, (u32, u32)); 3] = [
    ("wide", (1600, 1000)),
    ("laptop", (1280, 800)),
    ("phone", (390, 844)),
];
const SCHEMES: [&str; 2] = ["light", "dark"];

fn main() -> ExitCode {
    for (window, size) in WINDOWS {
        let options = Options {
            window: Some(size),
            ..Options::default()
        };
        for scheme in SCHEMES {
            let Some(browser) = Browser::with(&options) else {
                return ExitCode::FAILURE;
            };
            let media = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
            browser.cdp("Emulation.setEmulatedMedia", media);
            let proxy = Proxy::start::<&str>(&[]).expect("the proxy starts");
            let page = Page::new(&browser, &proxy);
            sample(&page, &format!("{window}-{scheme}"));
            views(&browser, &format!("{window}-{scheme}"));
            disk(&page, &format!("{window}-{scheme}"));
        }
    }
    let Some(corpus) = Corpus::own() else {
        eprintln!("screenshots: without registries there are no pictures of long lists");
        return ExitCode::SUCCESS;
    };
    for scheme in SCHEMES {
        let Some(browser) = Browser::start() else {
            return ExitCode::FAILURE;
        };
        let media = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        browser.cdp("Emulation.setEmulatedMedia", media);
        busy(&browser, &corpus, scheme);
    }
    ExitCode::SUCCESS
}

/// The pages of the sample image.
fn sample(page: &Page<'_>, end: &str) {
    let shot = |name: &str| page.browser.screenshot(&format!("{name}-{end}"));
    page.load_ready("#/");
    shot("start");
    page.load_ready("#/repo/sample.localhost");
    shot("catalog");
    page.load_ready(&format!("#/repo/{SAMPLE}"));
    shot("tags");
    page.load_ready(&format!("#/image/{SAMPLE}"));
    shot("image");
    page.load_ready(&format!("#/compare/{SAMPLE}:v1.1,{SAMPLE}:latest"));
    page.browser.find("[data-compared]");
    shot("compare");
    page.load_ready(&format!("#/image/{SAMPLE}?view=history"));
    shot("history");
    let layers = page.browser.run(
        "return [...document.querySelectorAll('[data-layer]')].map((layer) => layer.dataset.layer)",
        &[],
    );
    let layers: Vec<String> = serde_json::from_value(layers).expect("layers have digests");
    let (first, last) = (&layers[0], &layers[layers.len() - 1]);
    let route = |digest: &str, path: &str| fs_route("sample.localhost", "demo/hello", digest, path);
    page.load_ready(&route(first, ""));
    page.layer_done();
    shot("layer");
    page.load_ready(&format!("{}?mode=flat", route(first, "")));
    page.layer_done();
    shot("flat");
    page.load_ready(&format!("{}?q=*.txt", route(first, "")));
    page.layer_done();
    shot("search");
    page.load_ready(&route(last, ""));
    page.layer_done();
    shot("whiteouts");
    for (name, render) in [("text", ""), ("hex", "?render=hex")] {
        let file = some_file(page, first);
        page.load_ready(&format!("{}{render}", route(first, &file)));
        shot(name);
    }
    page.load_ready(&route(first, "usr/share/loops/this"));
    shot("circle");
    page.load_ready(&format!("#/image/{SAMPLE}"));
    for (action, name) in [("root", "root"), ("sizes", "sizes")] {
        let to = page.browser.run(
            "return document.querySelector(`[data-action=${arguments[0]}]`).getAttribute('href')",
            &[json!(action)],
        );
        let to = to.as_str().expect("an image has this link").to_owned();
        page.load_ready(&to);
        page.layer_settled();
        shot(name);
        if name == "root" {
            page.load_ready(&format!("{to}?hidden=1&mode=flat"));
            page.layer_settled();
            shot("root-hidden");
        }
        page.load_ready(&format!("#/image/{SAMPLE}"));
    }
    page.load("#/image/sample.localhost/demo/no-such-image");
    shot("error");
    page.load("#/image/no-such-host.invalid/a/b");
    shot("error-host");
    page.load_ready("#/settings");
    shot("settings");
    page.load_ready("#/help");
    shot("help");
}

/// Dispatches a drag of files over the page, or drops them.
fn drag(page: &Page<'_>, event: &str, files: &[(&str, Vec<u8>)]) {
    let files: Vec<_> = files
        .iter()
        .map(|(name, bytes)| json!([name, bytes]))
        .collect();
    page.browser.run(
        "const data = new DataTransfer();
         for (const [name, bytes] of arguments[1])
             data.items.add(new File([new Uint8Array(bytes)], name, { lastModified: 1 }));
         document.body.dispatchEvent(new DragEvent(
             arguments[0], { bubbles: true, cancelable: true, dataTransfer: data }));",
        &[json!(event), json!(files)],
    );
}

/// What `docker save` wrote once.
fn saved() -> Vec<u8> {
    let mut layer = Tar::new();
    layer.file("etc/motd", "hello\n");
    layer.file("usr/share/doc/hello/copyright", "Nobody's.\n");
    let layer = layer.finish();
    let config = json!({
        "architecture": "amd64", "os": "linux", "created": "2026-11-01T12:00:00Z",
        "config": {"Env": ["PATH=/usr/bin"], "Cmd": ["/bin/sh"]},
        "rootfs": {"type": "layers", "diff_ids": [digest(&layer)]},
        "history": [{"created": "2026-11-01T12:00:00Z", "created_by": "COPY . /"}],
    });
    let manifest = json!([{
        "Config": "config.json", "RepoTags": ["example/hello:1.0"], "Layers": ["a/layer.tar"],
    }]);
    let mut tar = Tar::new();
    tar.file("a/layer.tar", layer);
    tar.file("config.json", config.to_string());
    tar.file("manifest.json", manifest.to_string());
    tar.finish()
}

/// Files of one's own, and what is said where they cannot be opened.
fn disk(page: &Page<'_>, end: &str) {
    let browser = page.browser;
    let shot = |name: &str| browser.screenshot(&format!("disk-{name}-{end}"));
    let mut archive = Tar::new();
    archive.file("etc/motd", "hello\n");
    let archive = archive.finish();
    page.load_ready("#/");
    drag(page, "dragover", &[("hello.tar", archive.clone())]);
    shot("drag");
    drag(page, "drop", &[("hello.tar", saved())]);
    browser.find("[data-layer]");
    page.ready();
    shot("image");
    browser.click(".crumbs a");
    page.ready();
    shot("list");
    drag(
        page,
        "drop",
        &[
            ("one.tar", archive.clone()),
            ("two.tar.gz", gz::member(&archive, 6)),
        ],
    );
    browser.find("[data-local-archive]");
    page.ready();
    shot("archives");
    browser.click("[data-local-archive='two.tar.gz'] a");
    page.layer_done();
    shot("archive");
    page.load("#/local/0123456789abcdef/");
    shot("closed");
    page.load_ready("#/help");
    drag(page, "drop", &[("empty.tar", Vec::new())]);
    browser.find(".notices .notice");
    shot("refused");
    // As a frame has it.
    browser.goto(&format!("{}/?embed=1#/image/{SAMPLE}", page.base()));
    page.ready();
    shot("embedded");
    browser.goto(&format!(
        "{}/?embed=1&density=compact#/settings",
        page.base()
    ));
    page.ready();
    shot("embedded-compact");
}

/// Files as what they are.
fn views(browser: &Browser, end: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/viewers");
    let double = Double::start().expect("the double starts");
    let proxy = Proxy::for_hosts(&[double.host()]).expect("the proxy starts");
    let names = [
        "chain.pem",
        "server.pem",
        "private.pem",
        "hello-c",
        "cyclonedx.json",
        "bundle.json",
        "model.gguf",
    ];
    let mut tar = Tar::new();
    for name in names {
        tar.file(name, fs::read(folder.join(name)).expect("an input"));
    }
    tar.file("package.json", r#"{"name": "demo", "version": "1.0.0", "bugs": {"url": "https://a.example/bugs"}, "files": ["a", "b"], "inside": "{\"a\": [1, 2]}"}"#);
    let layer = NewLayer::gzip(&tar.finish());
    let digest = double.image("v/iew", "latest", vec![layer]).remove(0);
    let page = Page::new(browser, &proxy);
    for name in names.iter().chain(&["package.json"]) {
        page.load_ready(&fs_route(&double.host(), "v/iew", &digest, name));
        page.layer_done();
        let name = name.split('.').next().unwrap_or(name);
        browser.screenshot(&format!("view-{name}-{end}"));
    }
}

/// A text file of a layer, found as a reader would: by searching.
fn some_file(page: &Page<'_>, digest: &str) -> String {
    let route = fs_route("sample.localhost", "demo/hello", digest, "");
    page.load_ready(&format!("{route}?q={}", encode_path(b"os-release")));
    page.layer_done();
    page.rows()
        .into_iter()
        .find(|row| row.kind == "file")
        .map_or_else(|| "etc/os-release".to_owned(), |row| row.path)
}

/// Long lists, a layer that streams, a damaged one, a refused sign-in.
fn busy(browser: &Browser, corpus: &Corpus, scheme: &str) {
    let hosts = [
        corpus.anonymous.host(),
        corpus.basic.host(),
        corpus.bearer.host(),
        corpus.tokens.host(),
    ];
    let proxy = Proxy::for_hosts(&hosts).expect("the proxy starts");
    let page = Page::new(browser, &proxy);
    let shot = |name: &str| browser.screenshot(&format!("{name}-{scheme}"));
    let host = corpus.anonymous.host();
    let layer = |repository: &str| {
        let image = corpus.image(repository);
        fs_route(&host, repository, &image.layers[0].digest, "")
    };
    page.load_ready(&format!("#/repo/{host}/many/tags"));
    shot("many-tags");
    page.load_ready(&format!("{}/many", layer("edge/many")));
    page.layer_done();
    shot("many-entries");
    page.load_ready(&layer("edge/hostile"));
    page.layer_done();
    shot("hostile-names");
    page.load(&layer("edge/gz-corrupt"));
    page.alert();
    shot("damaged");
    page.load(&format!("#/image/{}/made/tree", corpus.basic.host()));
    page.alert();
    shot("sign-in");
    corpus.anonymous.recorder().set_pace(Some(300_000));
    page.load_ready(&layer("made/three"));
    page.wait_row("early.txt");
    std::thread::sleep(std::time::Duration::from_secs(2));
    shot("progress");
    corpus.anonymous.recorder().set_pace(None);
}
