//! Images that people have on disk, opened in the page, as skopeo saves them. The app is a folder of static files behind nginx; there is no proxy.

use std::{fs, io, path::Path, process::Command};

use layerscope_tests::{
    browser::Browser,
    corpus::{Corpus, edge, gz},
    page::Page,
    process, skipped, skopeo,
    static_host::{self, StaticHost},
};
use serde_json::json;
use tempfile::TempDir;

use crate::assert_text;

/// The image that is saved: eleven layers' worth of directories, text and a binary.
const IMAGE: &str = "made/tree:latest";

/// A browser, the app behind nginx, and a folder for files; none where one cannot be had, after a
/// line that says so.
pub(crate) fn stage() -> Option<(Browser, StaticHost, TempDir)> {
    let browser = Browser::start()?;
    match StaticHost::start("/look/inside/", &[]) {
        Ok(host) => Some((browser, host, tempfile::tempdir().unwrap())),
        Err(error) => {
            skipped("local data", error);
            None
        }
    }
}

/// The image in these forms, by skopeo.
fn saved(dir: &Path, forms: &[&str]) -> Option<Corpus> {
    let corpus = Corpus::own()?;
    for form in forms {
        let file = dir.join(form.replace(':', "-") + ".tar");
        let file = match *form {
            "oci" => dir.join("layout"),
            _ => file,
        };
        let name = match *form {
            "docker-archive" => ":example/tree:1",
            _ => ":tree",
        };
        let to = format!("{form}:{}{name}", file.display());
        let copied = skopeo::copy(&corpus.anonymous.host(), IMAGE, &to, &[]);
        if let Err(error) = copied {
            skipped("images as skopeo saves them", error);
            return None;
        }
    }
    Some(corpus)
}

/// Nothing was asked for but the app's own files, and nobody else was asked at all.
#[track_caller]
pub(crate) fn assert_nothing_sent(browser: &Browser, host: &StaticHost) {
    let dist = static_host::dist().unwrap();
    for request in host.requests() {
        let mut words = request.split(' ');
        let (method, target) = (words.next(), words.next().unwrap_or_default());
        assert_eq!(method, Some("GET"), "{request}");
        // Whether its own server is a proxy too, which says nothing of what is opened.
        if target == "/api/v1/info" {
            continue;
        }
        let name = target.strip_prefix("/look/inside/").unwrap_or("nowhere");
        // Neither a query nor a reference to anything that was opened; whether there is a proxy says
        // nothing of it either.
        let is_own = name.is_empty() || dist.join(name).is_file();
        assert!(is_own || target == "/api/v1/info", "{request}");
    }
    let elsewhere = browser.run(
        "return performance.getEntriesByType('resource').map((entry) => entry.name)
             .filter((name) => !name.startsWith(arguments[0]) && !name.startsWith('blob:')
                 && name !== location.origin + '/api/v1/info')",
        &[json!(host.base())],
    );
    assert_eq!(elsewhere, json!([]), "other addresses were asked");
}

/// All layers of an image as one file system: a file in it, and what takes room.
#[track_caller]
fn together(page: &Page<'_>, image: &str, path: &str, content: &[u8], verified: &str) {
    let (image, _) = image.split_once('?').unwrap_or((image, ""));
    page.go(&format!("{}/{path}", image.replace("/image/", "/layers/")));
    page.ready();
    assert_eq!(page.layer_done(), verified);
    assert_text(&page.text(), content);
    page.go(&image.replace("/image/", "/sizes/"));
    page.ready();
    page.browser.find("[data-total]");
}

/// The saved image with its layers packed and called by numbers, so that nothing says what their
/// bytes have to be.
fn packed_layers(from: &Path, to: &Path) {
    let mut files = std::collections::BTreeMap::new();
    let mut archive = tar::Archive::new(fs::File::open(from).unwrap());
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().display().to_string();
        let mut bytes = Vec::new();
        io::Read::read_to_end(&mut entry, &mut bytes).unwrap();
        files.insert(name, bytes);
    }
    let mut manifest: serde_json::Value = serde_json::from_slice(&files["manifest.json"]).unwrap();
    let mut out = tar::Builder::new(fs::File::create(to).unwrap());
    let mut put = |name: &str, bytes: &[u8]| {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        out.append_data(&mut header, name, bytes).unwrap();
    };
    let config = manifest[0]["Config"].as_str().unwrap().to_owned();
    put(&config, &files[&config]);
    for (n, layer) in manifest[0]["Layers"]
        .as_array_mut()
        .unwrap()
        .iter_mut()
        .enumerate()
    {
        let name = format!("{n}.tar.gz");
        put(&name, &gz::member(&files[layer.as_str().unwrap()], 6));
        *layer = json!(name);
    }
    put("manifest.json", manifest.to_string().as_bytes());
    out.finish().unwrap();
}

/// Layers' digests on an image's page.
fn layers(browser: &Browser) -> Vec<String> {
    let found = browser.run(
        "return [...document.querySelectorAll('[data-layer]')].map((layer) => layer.dataset.layer)",
        &[],
    );
    serde_json::from_value(found).unwrap()
}

#[test]
fn images_as_skopeo_saves_them() {
    let Some((browser, host, dir)) = stage() else {
        return;
    };
    let Some(corpus) = saved(dir.path(), &["docker-archive", "oci-archive", "oci"]) else {
        return;
    };
    let base = host.base();
    let page = Page::at(&browser, &base);
    let image = corpus.image("made/tree");
    let path = edge::NEEDLE;
    let (layer, content) = image
        .layers
        .iter()
        .find_map(|layer| Some((layer, corpus.extract(layer, path).ok()?)))
        .unwrap();
    let nth = image.layers.iter().position(|l| l.digest == layer.digest);
    let nth = nth.unwrap();
    for file in ["docker-archive.tar", "oci-archive.tar", "layout"] {
        page.load_ready("#/");
        assert_eq!(page.open_local(&dir.path().join(file)), "ready", "{file}");
        let route = page.route();
        assert!(route.contains("/image/sha256:"), "{route}");
        let found = layers(&browser);
        assert_eq!(found.len(), image.layers.len(), "{file}");
        if file == "docker-archive.tar" {
            browser.screenshot("local-image");
            let name = browser.run("return document.querySelector('h1').innerText", &[]);
            assert_eq!(name, json!("docker.io/example/tree:1"));
        } else {
            // An OCI layout keeps the registry's own blobs.
            assert_eq!(found[nth], layer.digest);
        }
        page.open_layer(&found[nth]);
        assert_eq!(page.layer_done(), "blob", "{file}");
        page.walk_to(path);
        assert_text(&page.text(), &content);
        assert_ne!(page.content_verified(), "none");
        together(&page, &route, path, &content, "blob");
        page.go(&route);
        page.ready();
        // The way back leads to the file.
        browser.click(".crumbs a");
        page.ready();
        browser.find("[data-local-image]");
        assert_nothing_sent(&browser, &host);
    }
    browser.screenshot("local-list");
    // Nothing vouches for the bytes of these, and they open all the same.
    let packed = dir.path().join("packed.tar");
    packed_layers(&dir.path().join("docker-archive.tar"), &packed);
    page.load_ready("#/");
    assert_eq!(page.open_local(&packed), "ready");
    let route = page.route();
    together(&page, &route, path, &content, "none");
    assert_nothing_sent(&browser, &host);
    page.assert_clean();
    // Without anybody to ask. What the program consists of is here by now.
    drop(host);
    browser.click("header .brand");
    assert_eq!(
        page.open_local(&dir.path().join("docker-archive.tar")),
        "ready"
    );
    let other = layers(&browser);
    page.open_layer(&other[0]);
    page.layer_done();
    page.assert_clean();
}

pub(crate) fn output(program: &str, arguments: &[&str], dir: &Path) -> Vec<u8> {
    process::run(Command::new(program).args(arguments).current_dir(dir)).unwrap()
}

#[test]
fn what_cannot_be_opened_says_why() {
    let Some((browser, host, dir)) = stage() else {
        return;
    };
    let base = host.base();
    let page = Page::at(&browser, &base);
    let Some(_corpus) = saved(dir.path(), &["docker-archive"]) else {
        return;
    };
    let write = |name: &str, bytes: &[u8]| {
        let file = dir.path().join(name);
        fs::write(&file, bytes).unwrap();
        file
    };
    let whole = fs::read(dir.path().join("docker-archive.tar")).unwrap();
    let folder = dir.path().join("folder");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("a.txt"), "a").unwrap();
    for (file, expect) in [
        (write("empty.tar", b""), "is empty"),
        (
            write("cut.tar", &whole[..whole.len() / 2]),
            "in the middle of",
        ),
        (folder, "no image layout"),
    ] {
        page.load_ready("#/");
        page.choose(&file);
        let told = browser.until(
            "a message",
            "return document.querySelector('.notices .notice:not([data-opening])')?.innerText",
            &[],
        );
        assert!(told.as_str().unwrap().contains(expect), "{told}");
        assert_eq!(page.route(), "#/");
    }
    browser.screenshot("local-refused");
    // What was made to fill a disk is given up early.
    let mut bomb = fs::File::create(dir.path().join("bomb.tar")).unwrap();
    let mut header = tar::Header::new_ustar();
    header.set_size(300 << 20);
    header.set_path("manifest.json").unwrap();
    header.set_mode(0o644);
    header.set_cksum();
    io::Write::write_all(&mut bomb, header.as_bytes()).unwrap();
    bomb.set_len(512 + (300 << 20)).unwrap();
    let gzip = output("gzip", &["-1c", "bomb.tar"], dir.path());
    page.load_ready("#/");
    page.choose(&write("bomb.tar.gz", &gzip));
    let told = browser.until(
        "a message",
        "return document.querySelector('.notices .notice:not([data-opening])')?.innerText",
        &[],
    );
    assert!(
        told.as_str().unwrap().contains("unpacked it has more than"),
        "{told}"
    );
    // Nothing was chosen in the browser's dialog: nothing is said, also while it is open.
    page.load_ready("#/");
    let said = browser.run_async(
        "let close;
         window.showOpenFilePicker = () => new Promise((_, reject) => { close = reject; });
         document.querySelector('[data-action=choose-file]').click();
         const notices = () => document.querySelectorAll('.notices .notice').length;
         await new Promise((done) => setTimeout(done, 300));
         const open = notices();
         close(new DOMException('The user aborted a request.', 'AbortError'));
         await new Promise((done) => setTimeout(done, 300));
         return [typeof close, open, notices(), location.hash];",
        &[],
    );
    assert_eq!(said, json!(["function", 0, 0, "#/"]));
    // Bytes that are no archive are one file, which can be looked at.
    page.load_ready("#/");
    page.open_local(&write("garbage.bin", &[0xa5; 5000]));
    browser.find("[data-bare]");
    page.wait_row("garbage.bin");
    // An image that was packed as a whole is unpacked first.
    let packed = dir.path().join("saved.tar.gz");
    let gzip = output("gzip", &["-c", "docker-archive.tar"], dir.path());
    fs::write(&packed, gzip).unwrap();
    page.load_ready("#/");
    assert_eq!(page.open_local(&packed), "ready");
    assert!(page.route().contains("/image/"), "{}", page.route());
    assert_nothing_sent(&browser, &host);
    page.assert_clean();
}
