//! Layers that their publisher's table of contents opens: nothing is downloaded whole.

use std::{fs, path::Path, process::Command};

use layerscope_tests::{
    browser::PATIENCE,
    corpus::{
        Corpus,
        push::{Pusher, digest, media},
    },
    net,
    page::{Page, css},
    process,
    recorder::Recorded,
};
use serde_json::{Value, json};

use crate::{assert_text, stage};

const REPOSITORY: &str = "made/chunked";

/// Name, digest and size of a layer.
struct Pushed {
    name: String,
    digest: String,
    size: u64,
}

fn data() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data/chunked")
}

/// Pushes an image of the layers in `data/chunked`, with what their writers told of them; `vouched`
/// says whether that is kept.
fn push(corpus: &Corpus, tag: &str, vouched: bool) -> Vec<Pushed> {
    let told = fs::read(data().join("annotations.json")).unwrap();
    let told: Value = serde_json::from_slice(&told).unwrap();
    let pusher = Pusher::new(corpus.anonymous.direct_host());
    let (mut layers, mut pushed) = (Vec::new(), Vec::new());
    for (name, told) in told.as_object().unwrap() {
        let blob = fs::read(data().join(name)).unwrap();
        let compression = if name.ends_with("gz") { "gzip" } else { "zstd" };
        let layer = Pushed {
            name: name.clone(),
            digest: digest(&blob),
            size: blob.len() as u64,
        };
        net::wait(pusher.blob(REPOSITORY, blob)).unwrap();
        let mut descriptor = json!({
            "mediaType": format!("{}+{compression}", media::TAR),
            "digest": layer.digest,
            "size": layer.size,
        });
        if vouched {
            descriptor["annotations"] = told["annotations"].clone();
        }
        layers.push(descriptor);
        pushed.push(layer);
    }
    let config = json!({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers"}});
    let config = serde_json::to_vec(&config).unwrap();
    let size = config.len();
    let config = net::wait(pusher.blob(REPOSITORY, config)).unwrap();
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": media::MANIFEST,
        "config": {"mediaType": media::CONFIG, "digest": config, "size": size},
        "layers": layers,
    });
    net::wait(pusher.manifest(REPOSITORY, tag, media::MANIFEST, &manifest)).unwrap();
    pushed
}

/// What `tar` extracts; every layer has the same files.
fn extract(path: &str) -> Vec<u8> {
    let layer = data().join("estargz.tar.gz");
    process::run(Command::new("tar").arg("-xOzf").arg(layer).arg(path)).unwrap()
}

fn of_layer(corpus: &Corpus, mark: usize, layer: &Pushed) -> Vec<Recorded> {
    let mut list = corpus.anonymous.log().blobs_since(mark);
    list.retain(|request| request.path.ends_with(&layer.digest));
    list
}

#[test]
fn a_file_is_read_with_no_full_download() {
    let Some((corpus, proxy, browser)) = stage() else {
        return;
    };
    let page = Page::new(&browser, &proxy);
    let image = format!("#/image/{}/{REPOSITORY}:vouched", corpus.anonymous.host());
    for layer in push(&corpus, "vouched", true) {
        let mark = corpus.anonymous.log().mark();
        page.load_ready(&image);
        page.open_layer(&layer.digest);
        assert_eq!(page.layer_done(), "toc", "{}", layer.name);
        let asked = of_layer(&corpus, mark, &layer);
        assert_eq!(asked.len(), 1, "{}: {asked:?}", layer.name);
        let told = browser.run(
            "return document.querySelector('.progress p')?.innerText ?? ''",
            &[],
        );
        assert!(
            told.as_str()
                .unwrap()
                .contains("A digest in the manifest covers it"),
            "{told}"
        );

        page.walk_to("usr/share/small-39");
        assert_text(&page.text(), &extract("usr/share/small-39"));
        assert_eq!(page.content_verified(), "toc", "{}", layer.name);
        let asked = of_layer(&corpus, mark, &layer);
        assert_eq!(asked.len(), 2, "{}: {asked:?}", layer.name);

        // A file of several pieces, some of them nothing but zeros.
        let here = page.route();
        page.go(&here.replace("usr/share/small-39", "var/disk.img"));
        browser.click(css::DOWNLOAD);
        let saved = browser.downloaded(PATIENCE);
        assert!(fs::read(&saved).unwrap() == extract("var/disk.img"));
        fs::remove_file(saved).unwrap();

        let asked = of_layer(&corpus, mark, &layer);
        for request in &asked {
            assert!(request.range.is_some(), "{}: {request:?}", layer.name);
        }
        let sent: u64 = asked.iter().map(|request| request.sent).sum();
        assert!(sent < layer.size / 2, "{}: {sent} bytes", layer.name);
        let whole = corpus.anonymous.access_log();
        let whole = whole
            .iter()
            .filter(|line| line.method == "GET" && line.status == 200)
            .any(|line| line.target.contains(&layer.digest));
        assert!(!whole, "{} was downloaded whole", layer.name);
    }
    browser.screenshot("chunked");
    page.assert_clean();
}

#[test]
fn the_whole_layer_is_read_where_that_is_wanted() {
    let Some((corpus, proxy, browser)) = stage() else {
        return;
    };
    let page = Page::new(&browser, &proxy);
    let image = format!("#/image/{}/{REPOSITORY}:vouched", corpus.anonymous.host());
    let layers = push(&corpus, "vouched", true);
    for name in ["estargz.tar.gz", "zstd-storage.tar.zst"] {
        let layer = layers.iter().find(|l| l.name == name).unwrap();
        page.load_ready(&image);
        page.open_layer(&layer.digest);
        page.walk_to("usr/share/small-39");
        assert_eq!(page.content_verified(), "toc");
        let mark = corpus.anonymous.log().mark();
        browser.click(".progress .btn");
        browser.until(
            "rows that are verified",
            "return document.querySelector('[data-entry-path][data-verified=blob]') !== null",
            &[],
        );
        assert_eq!(page.layer_done(), "blob");
        let asked = of_layer(&corpus, mark, layer);
        assert!(asked.iter().any(|r| r.range.is_none()), "{asked:?}");
        browser.until(
        "the file, verified",
        "return document.querySelector('[data-content]')?.closest('[data-verified]')?.dataset.verified === 'span'",
        &[],
    );
        assert_text(&page.text(), &extract("usr/share/small-39"));

        // From now on it is known.
        let mark = corpus.anonymous.log().mark();
        page.load_ready(&image);
        page.open_layer(&layer.digest);
        assert_eq!(page.layer_done(), "blob");
        assert!(of_layer(&corpus, mark, layer).is_empty());
    }
    page.assert_clean();
}

/// Without annotations a small layer is read as any other.
#[test]
fn nothing_is_looked_for_where_nobody_speaks_of_it() {
    let Some((corpus, proxy, browser)) = stage() else {
        return;
    };
    let page = Page::new(&browser, &proxy);
    let image = format!("#/image/{}/{REPOSITORY}:bare", corpus.anonymous.host());
    let layers = push(&corpus, "bare", false);
    let layer = layers.iter().find(|l| l.name == "estargz.tar.gz").unwrap();
    let mark = corpus.anonymous.log().mark();
    page.load_ready(&image);
    page.open_layer(&layer.digest);
    assert_eq!(page.layer_done(), "blob");
    let asked = of_layer(&corpus, mark, layer);
    let [request] = &asked[..] else {
        panic!("{asked:?}");
    };
    assert_eq!(request.range, None);
    page.assert_clean();
}
