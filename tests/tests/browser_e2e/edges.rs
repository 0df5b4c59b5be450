//! What archives can hold: hostile names, links, devices, holes, duplicates; and every shape of
//! gzip.

use layerscope_tests::{
    browser::Browser,
    corpus::{Corpus, Image, edge},
    page::{Page, Row, encode_path, fs_route},
};
use serde_json::json;

use crate::{assert_text, stage};

/// Every row of the layer, by the flat view.
fn flat(page: &Page<'_>, corpus: &Corpus, image: &Image, layer: usize) -> Vec<Row> {
    let digest = &image.layers[layer].digest;
    page.load_ready(&format!(
        "{}?mode=flat",
        fs_route(&corpus.anonymous.host(), &image.repository, digest, "")
    ));
    page.layer_done();
    page.rows()
}

/// Opens a file of the image's only layer.
#[track_caller]
fn open(page: &Page<'_>, corpus: &Corpus, repository: &str, path: &str) -> String {
    let layer = &corpus.image(repository).layers[0];
    page.load_ready(&fs_route(
        &corpus.anonymous.host(),
        repository,
        &layer.digest,
        path,
    ));
    page.text()
}

/// A name as the tree has it: no leading slash, no empty part; `..` stays.
fn normal(name: &[u8]) -> Vec<u8> {
    let parts: Vec<&[u8]> = name
        .split(|byte| *byte == b'/')
        .filter(|part| !part.is_empty() && *part != b".")
        .collect();
    parts.join(&b'/')
}

/// Nothing of a hostile layer has become part of the page.
#[track_caller]
fn assert_harmless(browser: &Browser) {
    // A file's own bytes are shown as they are; names and all else are made visible.
    let found = browser.run(
        "const main = document.querySelector('main').cloneNode(true);
         main.querySelectorAll('[data-content]').forEach((content) => content.remove());
         return [document.title.includes('pwned'),
                 document.querySelectorAll('main script, main img[onerror], main [onload]').length,
                 /[\\u202a-\\u202e\\u2066-\\u2069\\u0000-\\u0008\\u000b\\u000c\\u000e-\\u001f]/.test(main.textContent)]",
        &[],
    );
    assert_eq!(found, json!([false, 0, false]));
}

#[test]
fn hostile_names() {
    let Some((corpus, proxy, browser)) = stage() else {
        return;
    };
    let page = Page::new(&browser, &proxy);
    let image = corpus.image("edge/hostile");
    let rows = flat(&page, &corpus, image, 0);
    assert_harmless(&browser);
    browser.screenshot("hostile");
    for name in edge::HOSTILE {
        let expect = encode_path(&normal(name));
        assert!(
            rows.iter().any(|row| row.path == expect),
            "{expect} in {rows:?}"
        );
    }
    // Each can be opened by its row, and holds its own name.
    for name in edge::HOSTILE {
        flat(&page, &corpus, image, 0);
        page.click_entry(&encode_path(&normal(name)));
        page.ready();
        assert_harmless(&browser);
        if let Ok(text) = std::str::from_utf8(name)
            && !text.contains(['\x1b', '\n', '\u{202e}'])
        {
            assert_text(&page.text(), name);
        }
        // The same by its address alone.
        browser.reload();
        page.ready();
    }
    for file in ["harmless.html", "picture.svg"] {
        let text = open(&page, &corpus, "edge/hostile", file);
        assert!(
            text.contains("<script>"),
            "{file} is shown as source: {text}"
        );
        assert_harmless(&browser);
    }
    page.assert_clean();
}

#[test]
fn links_devices_and_duplicates() {
    let Some((corpus, proxy, browser)) = stage() else {
        return;
    };
    let page = Page::new(&browser, &proxy);
    let rows = flat(&page, &corpus, corpus.image("edge/special"), 0);
    let kind = |path: &str| {
        let found: Vec<_> = rows
            .iter()
            .filter(|row| row.path == path)
            .map(|row| &*row.kind)
            .collect();
        found.first().copied().unwrap_or("missing").to_owned()
    };
    for (path, expect) in [
        ("dev/null", "char"),
        ("dev/sda", "block"),
        ("run/fifo", "fifo"),
        ("bin/setuid", "file"),
        ("tmp", "dir"),
        ("abs-link", "symlink"),
        ("hard", "hardlink"),
        ("implied/parent/missing/file", "file"),
        ("dotslash", "file"),
        ("empty", "file"),
    ] {
        assert_eq!(kind(path), expect, "{path}");
    }
    let setuid = rows.iter().find(|row| row.path == "bin/setuid").unwrap();
    assert!(setuid.text.contains("rws"), "{}", setuid.text);
    assert_eq!(setuid.size.as_deref(), Some("10"));

    assert_text(
        &open(&page, &corpus, "edge/special", "hard"),
        b"#!/bin/sh\n",
    );
    assert_text(
        &open(&page, &corpus, "edge/special", "dup"),
        b"second, longer",
    );
    let dup = rows
        .iter()
        .filter(|row| row.path == "dup")
        .filter_map(|row| row.ordinal.clone());
    let mut ordinals: Vec<String> = dup.collect();
    assert!(!ordinals.is_empty(), "duplicates carry their place");
    ordinals.sort();
    // The last one wins; an earlier one is reached by its place in the archive.
    let layer = &corpus.image("edge/special").layers[0];
    let last: u32 = ordinals.last().unwrap().parse().unwrap();
    let route = fs_route(
        &corpus.anonymous.host(),
        "edge/special",
        &layer.digest,
        "dup",
    );
    page.load_ready(&format!("{route}?entry={}", last - 1));
    assert_text(&page.text(), b"first");

    // Links in a circle and out of the layer end, and it is said how.
    for (path, told) in [
        ("abs-link", "that is /bin/setuid"),
        ("loop-a", "in a circle: following /loop-b never ends"),
        ("out", "leads out"),
        ("dangling", "nothing at /nowhere"),
        ("hard-to-nothing", "This layer has nothing at"),
        ("dev/null", "character device"),
        ("run/fifo", "named pipe"),
    ] {
        page.load_ready(&fs_route(
            &corpus.anonymous.host(),
            "edge/special",
            &layer.digest,
            path,
        ));
        let text = browser.run("return document.querySelector('main').innerText", &[]);
        let text = text.as_str().unwrap();
        assert!(text.contains(told), "{path}: {text}");
    }
    page.assert_clean();
}

#[test]
fn names_and_attributes_of_every_dialect() {
    let Some((corpus, proxy, browser)) = stage() else {
        return;
    };
    let page = Page::new(&browser, &proxy);
    let long = edge::long_name();
    let deep = format!("{}f", edge::long_path());
    for repository in ["edge/pax", "edge/gnu"] {
        assert_text(&open(&page, &corpus, repository, &long), b"1");
        assert_text(&open(&page, &corpus, repository, &deep), b"2");
    }
    assert_text(
        &open(&page, &corpus, "edge/pax", "unicode-é-日本語-🎉.txt"),
        b"u",
    );
    let prefixed = format!("{}/{}", "p".repeat(90), "q".repeat(90));
    assert_text(
        &open(&page, &corpus, "edge/ustar", &prefixed),
        b"prefix field",
    );
    assert_text(&open(&page, &corpus, "edge/ustar", "v7"), b"version 7");
    assert_text(&open(&page, &corpus, "edge/no-trailer", "two"), b"22");

    let rows = flat(&page, &corpus, corpus.image("edge/whiteouts"), 1);
    let whiteouts: Vec<&str> = rows
        .iter()
        .filter(|row| row.kind == "whiteout")
        .map(|row| &*row.path)
        .collect();
    for path in ["a/.wh.gone", "opq/.wh..wh..opq", ".wh.whdir"] {
        assert!(whiteouts.contains(&path), "{path} in {whiteouts:?}");
    }
    page.assert_clean();
}

#[test]
fn sparse_files_are_whole() {
    let Some((corpus, proxy, browser)) = stage() else {
        return;
    };
    let page = Page::new(&browser, &proxy);
    let layer = &corpus.image("edge/sparse").layers[0];
    let content = edge::sparse_content();
    for form in ["old-gnu", "pax-0.1", "pax-1.0"] {
        page.load_ready(&fs_route(
            &corpus.anonymous.host(),
            "edge/sparse",
            &layer.digest,
            form,
        ));
        browser.click(layerscope_tests::page::css::DOWNLOAD);
        let saved = browser.downloaded(layerscope_tests::browser::PATIENCE);
        assert!(std::fs::read(&saved).unwrap() == content, "{form}");
        std::fs::remove_file(saved).unwrap();
    }
    assert_text(
        &open(&page, &corpus, "edge/sparse", "after"),
        b"still in step\n",
    );
    page.assert_clean();
}

#[test]
fn every_shape_of_gzip() {
    let Some((corpus, proxy, browser)) = stage() else {
        return;
    };
    let page = Page::new(&browser, &proxy);
    let path = "usr/share/d07/f00407.dat";
    let expect = corpus
        .extract(&corpus.image("edge/gz-best").layers[0], path)
        .unwrap();
    for repository in [
        "edge/gz-multi",
        "edge/gz-stored",
        "edge/gz-best",
        "edge/gz-trailing",
        "edge/plain",
    ] {
        let text = open(&page, &corpus, repository, path);
        assert_text(&text, &expect);
        assert_eq!(page.layer_done(), "blob", "{repository}");
    }
    page.assert_clean();
}

#[test]
fn layers_with_nothing_in_them() {
    let Some((corpus, proxy, browser)) = stage() else {
        return;
    };
    let page = Page::new(&browser, &proxy);
    let host = corpus.anonymous.host();
    let empty = &corpus.image("edge/empty").layers[0];
    page.load_ready(&fs_route(&host, "edge/empty", &empty.digest, ""));
    assert_eq!(page.rows(), []);
    page.load_ready(&format!("#/image/{host}/edge/no-layers"));
    page.assert_clean();
}
