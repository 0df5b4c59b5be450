//! Real packages from disk, and files that are dropped: each compared with what its own tool takes out
//! of it.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use layerscope_tests::{
    apt,
    browser::PATIENCE,
    page::{Page, css},
    skipped, skopeo,
};
use serde_json::json;

use crate::{
    assert_text,
    local::{assert_nothing_sent, output, stage},
};

/// A file of a package in Debian, taken out by other tools.
fn from_debian(dir: &Path, package: &str) -> io::Result<PathBuf> {
    apt::get(&["download", package], dir)?;
    let found = skopeo::packages(dir)?;
    let name = format!("{package}_");
    found
        .into_iter()
        .find(|path| {
            path.file_name()
                .is_some_and(|n| n.to_string_lossy().starts_with(&name))
        })
        .ok_or_else(|| io::Error::other("apt-get download left no package"))
}

fn first(dir: &Path, end: &str) -> PathBuf {
    let mut left = vec![dir.to_owned()];
    while let Some(at) = left.pop() {
        for entry in fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                left.push(path);
            } else if path.to_string_lossy().ends_with(end) {
                return path;
            }
        }
    }
    panic!("no {end} under {}", dir.display())
}

/// Real packages, each compared with what its own tool takes out of it.
#[test]
fn packages_as_they_are_published() {
    let Some((browser, host, dir)) = stage() else {
        return;
    };
    let dir = dir.path();
    let packages = from_debian(dir, "hello").and_then(|hello| {
        // Debian ships a wheel and jars inside packages.
        for package in ["python3-pip-whl", "libhamcrest-java"] {
            skopeo::unpack(&from_debian(dir, package)?, &dir.join("unpacked"))?;
        }
        Ok(hello)
    });
    let hello = match packages {
        Ok(hello) => hello,
        Err(error) => return skipped("real packages", error),
    };
    let base = host.base();
    let page = Page::at(&browser, &base);

    page.load_ready("#/");
    assert_eq!(page.open_local(&hello), "ready");
    let top = page.route();
    assert!(top.ends_with(".deb!/"), "{top}");
    let parts: Vec<String> = page.rows().into_iter().map(|row| row.path).collect();
    assert!(parts.iter().any(|p| p == "debian-binary"), "{parts:?}");
    browser.screenshot("local-deb");
    let data = parts.iter().find(|p| p.starts_with("data.tar")).unwrap();
    page.go(&format!("{top}{data}!/usr/share/doc/hello/copyright"));
    page.ready();
    let tar = dir.join("data.tar");
    let hello_name = hello.display().to_string();
    fs::write(
        &tar,
        output("dpkg-deb", &["--fsys-tarfile", &hello_name], dir),
    )
    .unwrap();
    let content = output(
        "tar",
        &["-xOf", "data.tar", "./usr/share/doc/hello/copyright"],
        dir,
    );
    assert_text(&page.text(), &content);

    for (end, inside) in [
        (".whl", ".dist-info/METADATA"),
        (".jar", "META-INF/MANIFEST.MF"),
    ] {
        let file = first(&dir.join("unpacked"), end);
        let name = file.display().to_string();
        let list = String::from_utf8(output("unzip", &["-Z1", &name], dir)).unwrap();
        let member = list.lines().find(|line| line.ends_with(inside)).unwrap();
        let content = output("unzip", &["-p", &name, member], dir);
        page.load_ready("#/");
        assert_eq!(page.open_local(&file), "ready");
        let top = page.route();
        page.go(&format!("{top}{member}"));
        page.ready();
        // Its lines end as on Windows, the empty ones too.
        let plain = |text: &str| text.replace('\r', "").trim_end().to_owned();
        let content = String::from_utf8(content).unwrap();
        assert_eq!(plain(&page.text()), plain(&content));
        // A file from disk has nobody who says what it has to be.
        assert_eq!(page.content_verified(), "none");
    }

    // A crate is a gzipped tar, and so is a layer.
    let home = std::env::var_os("CARGO_HOME").map_or_else(
        || PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cargo"),
        PathBuf::from,
    );
    let file = first(&home.join("registry/cache"), ".crate");
    let stem = file.file_stem().unwrap().to_string_lossy().into_owned();
    let member = format!("{stem}/Cargo.toml");
    let content = output("tar", &["-xzOf", &file.display().to_string(), &member], dir);
    page.load_ready("#/");
    assert_eq!(page.open_local(&file), "ready");
    page.layer_done();
    page.walk_to(&member);
    assert_text(&page.text(), &content);
    let route = page.route();
    browser.click(css::DOWNLOAD);
    assert!(fs::read(browser.downloaded(PATIENCE)).unwrap() == content);
    browser.screenshot("local-file");
    // Its index was not kept: nothing vouches for what it is of.
    let badge = browser.run("return document.querySelector('.badge').innerText", &[]);
    assert_eq!(badge, json!("no digest to compare with"));

    // One bit of its checksum is wrong.
    let mut broken = fs::read(&file).unwrap();
    let crc = broken.len() - 8;
    broken[crc] ^= 1;
    let file = dir.join("broken.crate");
    fs::write(&file, broken).unwrap();
    page.load_ready("#/");
    page.open_local(&file);
    assert!(page.alert().contains("CRC-32"), "{}", page.alert());
    assert_ne!(page.route(), route);
    assert_nothing_sent(&browser, &host);
    page.assert_clean();
}

/// Dropped as by a hand, with the browser's own objects.
#[test]
fn files_are_dropped() {
    let Some((browser, host, dir)) = stage() else {
        return;
    };
    let base = host.base();
    let page = Page::at(&browser, &base);
    let tar = |name: &str, text: &str| {
        let mut tar = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_ustar();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        tar.append_data(&mut header, name, text.as_bytes()).unwrap();
        tar.into_inner().unwrap()
    };
    let drop_files = |files: &[(&str, Vec<u8>)]| {
        let files: Vec<_> = files
            .iter()
            .map(|(name, bytes)| json!([name, bytes]))
            .collect();
        browser.run(
            "const data = new DataTransfer();
             for (const [name, bytes] of arguments[0])
                 data.items.add(new File([new Uint8Array(bytes)], name, { lastModified: 1 }));
             const fire = (type) => document.body.dispatchEvent(
                 new DragEvent(type, { bubbles: true, cancelable: true, dataTransfer: data }));
             fire('dragover');
             const shown = document.documentElement.dataset.dragging;
             fire('drop');
             return shown;",
            &[json!(files)],
        )
    };
    // On any page, also before the rest of the program is here.
    page.load_ready("#/help");
    assert_eq!(
        drop_files(&[("one.tar", tar("etc/motd", "hello\n"))]),
        json!("yes")
    );
    browser.until("its route", "return location.hash.includes('/fs/')", &[]);
    page.ready();
    page.walk_to("etc/motd");
    assert_text(&page.text(), b"hello\n");
    // Another of that name, length and time: what was given last is shown.
    drop_files(&[("one.tar", tar("etc/motd", "other\n"))]);
    browser.until(
        "its text",
        "return document.querySelector('.code')?.innerText.includes('other') ?? false",
        &[],
    );
    // Two at once are a list.
    drop_files(&[
        ("one.tar", tar("etc/motd", "hello\n")),
        ("two.tar", tar("etc/issue", "there\n")),
    ]);
    browser.until(
        "the list",
        "return /local\\/[^/]*\\/$/.test(location.hash)",
        &[],
    );
    page.ready();
    browser.click("[data-local-archive='two.tar'] a");
    page.ready();
    page.walk_to("etc/issue");
    assert_text(&page.text(), b"there\n");
    page.assert_clean();

    // By the browser's own way of a real file: it can be opened again after a reload.
    let file = dir.path().join("kept.tar");
    fs::write(&file, tar("etc/kept", "still here\n")).unwrap();
    page.load_ready("#/");
    for kind in ["dragEnter", "dragOver", "drop"] {
        browser.cdp(
            "Input.dispatchDragEvent",
            json!({"type": kind, "x": 200, "y": 300, "data": {
                "items": [], "files": [file.display().to_string()], "dragOperationsMask": 1}}),
        );
    }
    browser.until("its route", "return location.hash.includes('/fs/')", &[]);
    page.ready();
    page.walk_to("etc/kept");
    let route = page.route();
    page.load(&route);
    if browser.run(
        "return document.querySelector('[data-action=open-again]') !== null",
        &[],
    ) == json!(true)
    {
        browser.screenshot("local-again");
        browser.click("[data-action=open-again]");
        browser.until(
            "an answer",
            "return document.documentElement.dataset.state !== 'loading'",
            &[],
        );
    }
    let asked = browser.run_async(
        "const open = indexedDB.open('layerscope-local');
         const database = await new Promise((done) => { open.onsuccess = () => done(open.result); });
         const get = database.transaction('handles').objectStore('handles').getAll();
         const [handles] = await new Promise((done) => { get.onsuccess = () => done(get.result); });
         database.close();
         return handles[0].queryPermission({ mode: 'read' });",
        &[],
    );
    let settled = page.settled();
    if settled == "ready" || asked == json!("granted") {
        assert_eq!(settled, "ready");
        assert_text(&page.text(), b"still here\n");
    } else {
        skipped(
            "opening a remembered file",
            "this browser asks somebody who is not there",
        );
    }
    page.load_ready("#/");
    browser.find(".drop-zone .chip");
    // What was never here is asked for.
    page.load("#/local/0123456789abcdef/");
    assert!(page.alert().contains("not open"), "{}", page.alert());
    browser.find(css::FILE);
    page.assert_clean();
}
