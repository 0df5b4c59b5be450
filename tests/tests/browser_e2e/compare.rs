//! Two images side by side: what changed between two tags, two platforms, one file of both.

use layerscope_tests::{
    browser::{Browser, Options},
    corpus::{
        push::NewLayer,
        rawtar::{Header, Tar},
    },
    net,
    page::Page,
    proxy::Proxy,
};
use serde_json::json;

use crate::root::{OwnRegistry, own_registry, small_layer};
use crate::{assert_text, stage};

const STATUS: &str =
    "Package: base-files\nVersion: 12.4\nArchitecture: amd64\nStatus: install ok installed\n\n";

fn layer(tar: &Tar, by: &str) -> NewLayer {
    NewLayer {
        created_by: by.to_owned(),
        ..NewLayer::gzip(&tar.finish())
    }
}

fn base() -> NewLayer {
    let mut tar = Tar::new();
    tar.dir("etc").file("etc/os-release", "ID=layerscope\n");
    tar.dir("usr/bin").file("usr/bin/tool", "#!/bin/sh\n");
    layer(&tar, "ADD base")
}

/// The upper layer of a version. All its files are a second apart from the other version's.
fn version(number: i64) -> NewLayer {
    let second = number == 2;
    let mut tar = Tar::new();
    let mut file = |name: &str, mode: u32, bytes: &[u8]| {
        let header = Header {
            mode,
            mtime: 1_700_000_000 + number,
            ..Header::new(name, b'0')
        };
        tar.entry(&header, bytes);
    };
    let config: &[u8] = if second {
        b"one\nzwei\nthree\nfour\n"
    } else {
        b"one\ntwo\nthree\n"
    };
    file("app/config.txt", 0o644, config);
    file("app/same.txt", 0o644, b"the same in both\n");
    file(
        "app/run",
        if second { 0o755 } else { 0o644 },
        b"#!/bin/sh\n",
    );
    let mut blob = vec![0_u8; 3000];
    blob[2000] = number as u8;
    file("app/blob", 0o644, &blob);
    file(if second { "app/new" } else { "app/old" }, 0o644, b"here\n");
    let hostile = "app/<img src=x onerror=alert(1)>\u{202e}gpj";
    file(hostile, 0o644, number.to_string().as_bytes());
    let extra = if second {
        "Package: curl\nVersion: 8.1\nArchitecture: amd64\nStatus: install ok installed\n\nPackage: libc6\nVersion: 2.37\nArchitecture: amd64\nStatus: install ok installed\n"
    } else {
        "Package: libc6\nVersion: 2.36\nArchitecture: amd64\nStatus: install ok installed\n\nPackage: wget\nVersion: 1.21\nArchitecture: amd64\nStatus: install ok installed\n"
    };
    file(
        "var/lib/dpkg/status",
        0o644,
        format!("{STATUS}{extra}").as_bytes(),
    );
    tar.symlink("app/link", if second { "new" } else { "old" });
    layer(&tar, &format!("COPY version {number}"))
}

/// A registry with two versions that differ in known ways.
fn two_versions() -> Option<(OwnRegistry, Proxy)> {
    let (registry, pusher) = own_registry()?;
    for number in [1, 2] {
        let layers = vec![base(), version(number)];
        let tag = format!("v{number}");
        net::wait(pusher.image("made/pair", &tag, "amd64", layers)).unwrap();
    }
    let proxy = Proxy::for_hosts(&[registry.host()]).unwrap();
    Some((registry, proxy))
}

/// An attribute of the first element that has it.
fn data(browser: &Browser, name: &str) -> String {
    let css = format!("[data-{name}]");
    browser.find(&css);
    let value = browser.run(
        "return document.querySelector(arguments[0]).getAttribute('data-' + arguments[1])",
        &[json!(css), json!(name)],
    );
    value.as_str().unwrap().to_owned()
}

/// Waits until all contents are compared that are to be.
fn compared(browser: &Browser) {
    browser.until(
        "the comparison",
        "return document.querySelector('[data-compared]') !== null
             && document.querySelector('[data-section=files] [role=progressbar]') === null",
        &[],
    );
}

/// Rows of the list as `fate path facets`.
fn rows(browser: &Browser) -> Vec<String> {
    let rows = browser.run(
        "return [...document.querySelectorAll('[data-change-path]')].map((row) =>
             [row.dataset.change, row.dataset.changePath, row.dataset.facets].join(' ').trim())",
        &[],
    );
    serde_json::from_value(rows).unwrap()
}

fn until_rows(browser: &Browser, expect: &[&str]) {
    browser.until(
        &format!("rows {expect:?}"),
        "return JSON.stringify([...document.querySelectorAll('[data-change-path]')].map((row) =>
             [row.dataset.change, row.dataset.changePath, row.dataset.facets].join(' ').trim()))
             === JSON.stringify(arguments[0])",
        &[json!(expect)],
    );
}

const HOSTILE: &str = "app/%3Cimg%20src%3Dx%20onerror%3Dalert%281%29%3E%E2%80%AEgpj";

/// From the start page to two tags beside each other, by clicks and keys.
fn open_pair(browser: &Browser, page: &Page<'_>, host: &str) {
    page.load_ready("#/");
    page.open_reference(&format!("{host}/made/pair:v1"));
    page.ready();
    browser.click("[data-action=compare]");
    browser.until(
        "the comparison with itself",
        "return document.querySelector('[data-identical]') !== null",
        &[],
    );
    page.ready();
    browser.type_into("input[name=right]", &format!("{host}/made/pair:v2"));
    browser.click(".chooser button[type=submit]");
    browser.until(
        "the two tags",
        "return document.documentElement.dataset.route?.endsWith('made/pair:v2')",
        &[],
    );
    page.ready();
    compared(browser);
}

#[test]
fn what_changed_between_two_tags() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let Some((registry, proxy)) = two_versions() else {
        return;
    };
    let page = Page::new(&browser, &proxy);
    open_pair(&browser, &page, &registry.host());
    let changed = format!("changed {HOSTILE} content");
    until_rows(
        &browser,
        &[
            changed.as_str(),
            "changed app/blob content",
            "changed app/config.txt size",
            "changed app/link link target",
            "added app/new",
            "removed app/old",
            "changed app/run mode",
            "changed var/lib/dpkg/status size",
        ],
    );
    browser.screenshot("compare");
    assert_eq!(
        (data(&browser, "added"), data(&browser, "removed")),
        ("1".into(), "1".into())
    );
    assert_eq!(
        (data(&browser, "changed"), data(&browser, "unread")),
        ("6".into(), "0".into())
    );
    // The base by its layer; same.txt, run, blob and the odd one were read.
    assert_eq!(data(&browser, "by-layer"), "2");
    assert_eq!(data(&browser, "by-content"), "4");
    assert_eq!(data(&browser, "by-size"), "2");
    assert_eq!(data(&browser, "shared-layers"), "1");
    let packages = ["added", "removed", "versions", "same"]
        .map(|name| data(&browser, &format!("packages-{name}")));
    assert_eq!(packages, ["1", "1", "1", "1"]);
    let steps = browser.run(
        "return [...document.querySelectorAll('[data-step]')].map((row) => row.dataset.step)",
        &[],
    );
    assert_eq!(steps, json!(["in both", "in A alone", "in B alone"]));
    // Filtered, which the address keeps.
    browser.click("[data-only=Added]");
    until_rows(&browser, &["added app/new"]);
    browser.click("[data-only=All]");
    browser.type_into("[data-section=files] input[type=search]", "config");
    until_rows(&browser, &["changed app/config.txt size"]);
    browser.reload();
    page.ready();
    compared(&browser);
    until_rows(&browser, &["changed app/config.txt size"]);
    // Into the text, and there again by the address alone.
    browser.click("[data-change-path='app/config.txt'] a");
    for _ in 0..2 {
        page.ready();
        assert_eq!(data(&browser, "lines-added"), "2");
        assert_eq!(data(&browser, "lines-removed"), "1");
        let lines = browser.run(
            "return [...document.querySelectorAll('.dl')].map((line) =>
                 line.querySelector('.sign').textContent + line.querySelector('.tx').textContent)",
            &[],
        );
        assert_eq!(lines, json!([" one", "−two", "+zwei", " three", "+four"]));
        browser.screenshot("compare-text");
        browser.reload();
    }
    page.ready();
    browser.click("[data-open=B]");
    browser.until(
        "the file in the second image",
        "return document.documentElement.dataset.route?.startsWith('/layers/')",
        &[],
    );
    page.ready();
    assert_text(&page.text(), b"one\nzwei\nthree\nfour\n");
    page.assert_clean();
}

#[test]
fn one_path_of_every_kind() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let Some((registry, proxy)) = two_versions() else {
        return;
    };
    let page = Page::new(&browser, &proxy);
    let host = registry.host();
    let pair = format!("#/compare/{host}/made/pair:v1,{host}/made/pair:v2?path=");
    let outcome = |path: &str| {
        page.load_ready(&format!("{pair}{path}"));
        data(&browser, "outcome")
    };
    assert_eq!(outcome("app/same.txt"), "same");
    assert_eq!(outcome("app/blob"), "bytes");
    assert_eq!(data(&browser, "first"), "2000");
    browser.screenshot("compare-bytes");
    assert_eq!(outcome("app/link"), "nothing");
    let differs = browser.run(
        "return [...document.querySelectorAll('tr.differs')].map((row) => row.dataset.fact)",
        &[],
    );
    assert_eq!(differs, json!(["Points to"]));
    assert_eq!(outcome("app/new"), "lines");
    assert_eq!(data(&browser, "missing"), "A");
    assert_eq!(outcome("app/nowhere"), "nothing");
    assert_eq!(outcome(HOSTILE), "lines");
    page.assert_clean();
}

#[test]
fn two_platforms_and_a_base() {
    let Some((corpus, proxy, browser)) = stage() else {
        return;
    };
    let page = Page::new(&browser, &proxy);
    // Two versions of the sample: nothing but the file that says which, of the same size in both.
    page.load_ready("#/compare/sample.localhost/demo/hello:v1.1,sample.localhost/demo/hello:v1.2");
    until_rows(&browser, &["changed etc/hello/version content"]);
    compared(&browser);
    assert_eq!(data(&browser, "unread"), "0");
    browser.screenshot("compare-sample");
    // Its two machines differ in their base alone.
    page.load_ready("#/image/sample.localhost/demo/hello");
    browser.click("[data-action=compare-platforms]");
    browser.until(
        "two platforms",
        "return document.documentElement.dataset.route?.includes('pa=')",
        &[],
    );
    page.ready();
    compared(&browser);
    assert_eq!(data(&browser, "shared-layers"), "3");
    assert!(!rows(&browser).is_empty());
    browser.screenshot("compare-platforms");
    browser.until(
        "both platforms in the address",
        "return location.hash.includes('pa=linux/amd64') && location.hash.includes('pb=linux/arm64')",
        &[],
    );
    // Debian with packages beside Debian: the base is one layer of both.
    if corpus.optional("debian/packages").is_none() {
        return;
    }
    let host = corpus.anonymous.host();
    let asked = corpus.anonymous.access_log().len();
    page.load_ready(&format!(
        "#/compare/{host}/debian/base,{host}/debian/packages"
    ));
    compared(&browser);
    assert_eq!(data(&browser, "shared-layers"), "1");
    assert_eq!(data(&browser, "packages-removed"), "0");
    assert!(data(&browser, "packages-added").parse::<u32>().unwrap() > 5);
    assert!(data(&browser, "by-layer").parse::<u32>().unwrap() > 1000);
    println!(
        "debian: {} requests",
        corpus.anonymous.access_log().len() - asked
    );
    browser.click("[data-action=by-growth]");
    browser.until(
        "the largest first",
        "return location.hash.includes('sort=growth')",
        &[],
    );
    browser.screenshot("compare-debian");
    page.assert_clean();
}

/// The page stays smooth while two workers compare what they have.
#[test]
fn a_hundred_thousand_names() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let Some((registry, pusher)) = own_registry() else {
        return;
    };
    for (tag, layers) in [("nine", 0..9), ("ten", 1..10)] {
        let layers = layers.map(|n| small_layer(n, 10_000)).collect();
        net::wait(pusher.image("made/many", tag, "amd64", layers)).unwrap();
    }
    let proxy = Proxy::for_hosts(&[registry.host()]).unwrap();
    let page = Page::new(&browser, &proxy);
    let host = registry.host();
    page.load_ready("#/help");
    let since = browser.now();
    page.go(&format!(
        "#/compare/{host}/made/many:nine,{host}/made/many:ten"
    ));
    compared(&browser);
    // Each layer has 9,000 names that the one before it has not, and 1,000 that it has: those of the
    // last layer are other files.
    assert_eq!(data(&browser, "by-layer"), "72000");
    assert_eq!(
        (data(&browser, "by-content"), data(&browser, "changed")),
        ("1000".into(), "1000".into())
    );
    let removed: u32 = data(&browser, "removed").parse().unwrap();
    assert!(removed >= 9_000, "{removed}");
    browser.run(
        "const box = document.querySelector('.changes .scroller'); box.scrollTop = box.scrollHeight",
        &[],
    );
    browser.until(
        "the last rows",
        "return [...document.querySelectorAll('[data-change-path]')].some((row) =>
             row.dataset.changePath.endsWith('file-090999'))",
        &[],
    );
    let long = browser.long_tasks(since);
    println!("two times 82,000 names: tasks over 50 ms {long:?}");
    page.assert_clean();
}

/// Nothing sticks out on a phone; pictures by day and by night.
#[test]
fn narrow_and_dark() {
    let options = Options {
        window: Some((360, 740)),
        ..Options::default()
    };
    let Some(browser) = Browser::with(&options) else {
        return;
    };
    browser.cdp(
        "Emulation.setDeviceMetricsOverride",
        json!({"width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": false}),
    );
    let Some((registry, proxy)) = two_versions() else {
        return;
    };
    let page = Page::new(&browser, &proxy);
    let host = registry.host();
    let pair = format!("#/compare/{host}/made/pair:v1,{host}/made/pair:v2");
    for scheme in ["light", "dark"] {
        let media = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        browser.cdp("Emulation.setEmulatedMedia", media);
        for (name, path) in [
            ("all", ""),
            ("text", "?path=app/config.txt"),
            ("bytes", "?path=app/blob"),
        ] {
            page.load_ready(&format!("{pair}{path}"));
            if path.is_empty() {
                compared(&browser);
            }
            browser.screenshot(&format!("narrow-compare-{name}-{scheme}"));
            let wide = browser.run(
                "return document.documentElement.scrollWidth - innerWidth",
                &[],
            );
            assert!(
                wide.as_f64().unwrap() <= 0.0,
                "{name} is {wide} pixels too wide"
            );
        }
    }
    page.assert_clean();
}
