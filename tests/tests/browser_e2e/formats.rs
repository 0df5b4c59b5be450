//! Layers and files of other formats than gzip and tar: zstd layers, a blob that is one file, and
//! archives in a layer's files.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use layerscope_tests::{
    browser::Browser,
    corpus::{
        edge, gz,
        push::{NewLayer, digest, media},
        rawtar::Tar,
    },
    double::Double,
    page::{Page, fs_route},
    proxy::Proxy,
};

use crate::assert_text;

/// What a command makes of these bytes; none, after a line that says so, if it is not installed.
fn packed(command: &[&str], bytes: &[u8]) -> Option<Vec<u8>> {
    let spawned = Command::new(command[0])
        .args(&command[1..])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let Ok(mut child) = spawned else {
        eprintln!("skipped: {} is not installed", command[0]);
        return None;
    };
    let (mut stdin, bytes) = (child.stdin.take().unwrap(), bytes.to_vec());
    let writer = std::thread::spawn(move || stdin.write_all(&bytes));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    Some(output.stdout)
}

fn stage() -> Option<(Double, Proxy, Browser)> {
    let browser = Browser::start()?;
    let double = Double::start().unwrap();
    let proxy = Proxy::for_hosts(&[double.host()]).unwrap();
    Some((double, proxy, browser))
}

fn layer(blob: Vec<u8>, media_type: &'static str) -> NewLayer {
    NewLayer {
        diff_id: digest(&blob),
        blob,
        media_type,
        created_by: "made by hand".into(),
    }
}

/// Docker's, which was never specified.
const DOCKER_ZSTD: &str = "application/vnd.docker.image.rootfs.diff.tar.zstd";

#[test]
fn a_zstd_layer_is_listed_and_its_files_are_read() {
    let Some((double, proxy, browser)) = stage() else {
        return;
    };
    let text = edge::Noise(5).words(40_000);
    let mut tar = Tar::new();
    tar.dir("etc")
        .file("etc/motd", &text)
        .file("etc/last", "the end\n");
    let tar = tar.finish();
    let Some(zstd) = packed(&["zstd", "-c", "-19"], &tar) else {
        return;
    };
    let layers = vec![
        layer(zstd, DOCKER_ZSTD),
        // The manifest is wrong about this one.
        layer(gz::member(&tar, 6), DOCKER_ZSTD),
    ];
    let digests = double.image("z/std", "latest", layers);
    let page = Page::new(&browser, &proxy);
    for (at, said) in [(0, false), (1, true)] {
        page.load_ready(&format!("#/image/{}/z/std", double.host()));
        page.open_layer(&digests[at]);
        page.ready();
        assert_eq!(page.layer_done(), "blob");
        page.click_entry("etc");
        page.ready();
        page.click_entry("etc/motd");
        page.ready();
        assert_text(&page.text(), &text);
        assert_eq!(page.content_verified(), "span");
        let words = browser.run("return document.querySelector('main').textContent", &[]);
        let words = words.as_str().unwrap_or_default();
        assert_eq!(words.contains("the bytes are gzip"), said);
        assert!(!page.has_alert());
    }
    // From the store, with nothing kept in memory.
    let route = fs_route(&double.host(), "z/std", &digests[0], "etc/last");
    page.load_ready(&route);
    assert_text(&page.text(), b"the end\n");
    page.assert_clean();
}

#[test]
fn a_bare_xz_blob_is_one_file() {
    let Some((double, proxy, browser)) = stage() else {
        return;
    };
    let text = edge::Noise(6).words(30_000);
    let Some(xz) = packed(&["xz", "-c"], &text) else {
        return;
    };
    let digests = double.image("b/are", "latest", vec![layer(xz, "application/x-xz")]);
    let page = Page::new(&browser, &proxy);
    page.load_ready(&fs_route(&double.host(), "b/are", &digests[0], ""));
    assert_eq!(page.layer_done(), "blob");
    browser.find("[data-bare=xz]");
    page.click_entry("content");
    page.ready();
    assert_text(&page.text(), &text);
    assert_eq!(page.content_verified(), "span");
    assert!(!page.has_alert());
    page.assert_clean();
}

#[test]
fn a_deb_and_a_zip_in_a_layer_are_folders() {
    const DEB: &[u8] = include_bytes!("../../data/archives/demo.deb");
    const ZIP: &[u8] = include_bytes!("../../data/archives/plain.zip");
    let Some((double, proxy, browser)) = stage() else {
        return;
    };
    let mut tar = Tar::new();
    tar.dir("opt")
        .file("opt/demo.deb", DEB)
        .file("opt/app.jar", ZIP);
    let blob = layer(gz::member(&tar.finish(), 6), media::GZIP);
    let digests = double.image("n/ested", "latest", vec![blob]);
    let page = Page::new(&browser, &proxy);
    let numbers: String = (1..=4000).map(|n| format!("{n}\n")).collect();

    let open = |file: &str| {
        page.load_ready(&fs_route(&double.host(), "n/ested", &digests[0], file));
        page.layer_done();
        browser.click("[data-action=open-as-folder]");
        page.ready();
    };
    open("opt/app.jar");
    assert!(page.route().ends_with("/opt/app.jar!/"));
    page.click_entry("dir");
    page.ready();
    let before = double.log().mark();
    page.click_entry("dir/numbers.txt");
    page.ready();
    assert_text(&page.text(), numbers.as_bytes());
    assert_eq!(page.content_verified(), "span");
    assert!(
        double.log().since(before).is_empty(),
        "nothing more is fetched"
    );
    let inside = page.route();

    open("opt/demo.deb");
    page.click_entry("data.tar.xz");
    page.ready();
    browser.click("[data-action=open-as-folder]");
    page.ready();
    let route = page.route();
    assert!(route.ends_with("/opt/demo.deb!/data.tar.xz!/"), "{route}");
    page.walk_to("usr/share/demo/hello.txt");
    assert_text(&page.text(), b"hello\n");

    // The trail leads out again; a link leads in at once.
    browser.click(".crumbs a[href$='/opt']");
    page.ready();
    page.wait_row("opt/app.jar");
    page.load_ready(&inside);
    assert_text(&page.text(), numbers.as_bytes());
    page.assert_clean();

    // What is no archive says so, and the way back is there.
    page.load(&format!(
        "{}!/",
        fs_route(&double.host(), "n/ested", &digests[0], "opt/none")
    ));
    let alert = page.alert();
    assert!(alert.contains("no file of this name"), "{alert}");
}
