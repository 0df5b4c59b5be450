//! Files: text, hex, pictures' source, downloads of any size.

use std::{io::Write, time::Duration};

use layerscope_tests::{
    browser::{Browser, PATIENCE},
    corpus::{edge, images},
    page::{Page, css, fs_route},
};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::stage;

/// A binary file of `made/tree`.
const BINARY: &str = "usr/share/d05/f00005.dat";

#[test]
fn a_binary_in_hex_and_saved() {
    let Some((corpus, proxy, browser)) = stage() else {
        return;
    };
    let page = Page::new(&browser, &proxy);
    let layer = &corpus.image("made/tree").layers[0];
    let content = corpus.extract(layer, BINARY).unwrap();
    page.load_ready(&fs_route(
        &corpus.anonymous.host(),
        "made/tree",
        &layer.digest,
        BINARY,
    ));
    let hex = browser.find("[data-content=hex]");
    let text = layerscope_tests::net::wait(hex.text()).unwrap();
    let first: Vec<String> = content[..8]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let first = first.join(" ");
    assert!(
        text.to_lowercase().contains(&first),
        "{first} at the start of {text}"
    );
    browser.screenshot("hex");

    browser.click(css::DOWNLOAD);
    let saved = browser.downloaded(PATIENCE);
    assert_eq!(saved.file_name().unwrap(), "f00005.dat");
    assert!(std::fs::read(saved).unwrap() == content);

    // Text can be looked at in hex, and lines can be linked.
    let needle = fs_route(
        &corpus.anonymous.host(),
        "made/tree",
        &layer.digest,
        edge::NEEDLE,
    );
    page.load_ready(&format!("{needle}?render=hex"));
    browser.find("[data-content=hex]");
    page.load_ready(&format!("{needle}?lines=10-20"));
    browser.find("[data-content=text]");
    page.assert_clean();
}

/// A name without an end gets none, whether the file comes from memory or from the disk.
#[test]
fn a_download_keeps_its_name() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let proxy = layerscope_tests::proxy::Proxy::start::<&str>(&[]).unwrap();
    let page = Page::new(&browser, &proxy);
    let (host, repository) = ("sample.localhost", "demo/hello");
    page.load_ready(&format!("#/image/{host}/{repository}"));
    let layers = browser.run(
        "return [...document.querySelectorAll('[data-layer]')].map((layer) => layer.dataset.layer)",
        &[],
    );
    let layers: Vec<String> = serde_json::from_value(layers).unwrap();
    for (path, name) in [
        ("usr/share/dict/numbers", "numbers"), // larger than what is read at first
        ("etc/os-release", "os-release"),
    ] {
        let found = layers
            .iter()
            .any(|digest| page.load(&fs_route(host, repository, digest, path)) == "ready");
        assert!(found, "{path}");
        page.layer_done();
        browser.click(css::DOWNLOAD);
        let saved = browser.downloaded(PATIENCE);
        assert_eq!(saved.file_name().unwrap(), name);
        std::fs::remove_file(saved).unwrap();
    }
    page.assert_clean();
}

/// Half a gigabyte is written to disk while page and worker stay small.
#[test]
fn a_download_of_any_size() {
    let Some((corpus, proxy, browser)) = stage() else {
        return;
    };
    let page = Page::new(&browser, &proxy);
    let layer = &corpus.image("made/large").layers[0];
    page.load_ready(&fs_route(
        &corpus.anonymous.host(),
        "made/large",
        &layer.digest,
        "large.txt",
    ));
    page.layer_done();
    browser.click(css::DOWNLOAD);
    let saved = browser.downloaded(Duration::from_secs(240));
    assert_eq!(std::fs::metadata(&saved).unwrap().len(), images::LARGE_FILE);
    let mut expect = Hashing::default();
    images::write_large(&mut expect).unwrap();
    let mut actual = Hashing::default();
    std::io::copy(&mut std::fs::File::open(&saved).unwrap(), &mut actual).unwrap();
    assert_eq!(actual.0.finalize(), expect.0.finalize());
    let heap = browser
        .run("return performance.memory?.usedJSHeapSize ?? 0", &[])
        .as_u64()
        .unwrap();
    assert!(heap < 100 << 20, "{heap} bytes of the page's heap");
    page.assert_clean();
}

/// What a download takes away is a name, not a path.
#[test]
fn download_names_are_names() {
    let Some((corpus, proxy, browser)) = stage() else {
        return;
    };
    let page = Page::new(&browser, &proxy);
    let layer = &corpus.image("edge/hostile").layers[0];
    for path in ["../up", "nl\nname", "<script>alert(1)</script>"] {
        page.load_ready(&fs_route(
            &corpus.anonymous.host(),
            "edge/hostile",
            &layer.digest,
            path,
        ));
        browser.click(css::DOWNLOAD);
        let saved = browser.downloaded(PATIENCE);
        let name = saved.file_name().unwrap().to_string_lossy().into_owned();
        assert!(
            !name.contains(['/', '\n', '<', '>']) && !name.starts_with('.'),
            "{name:?}"
        );
        std::fs::remove_file(saved).unwrap();
    }
    assert_eq!(
        browser.run("return document.title.includes('pwned')", &[]),
        json!(false)
    );
}

/// Hashes what is written into it.
#[derive(Default)]
struct Hashing(Sha256);

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
