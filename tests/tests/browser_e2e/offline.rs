//! What was seen opens again when there is no network at all, and the page says so.

use layerscope_tests::{
    browser::Browser,
    net::wait,
    page::{Page, css, fs_route},
    proxy::Proxy,
    static_host,
};
use serde_json::json;

use crate::{assert_text, stage};

/// Waits until the service worker has kept the app.
#[track_caller]
fn kept(browser: &Browser) {
    browser.until(
        "the app to be kept",
        "return navigator.serviceWorker.controller !== null",
        &[],
    );
}

#[test]
fn seen_yesterday() {
    let Some((corpus, proxy, browser)) = stage() else {
        return;
    };
    let page = Page::new(&browser, &proxy);
    let image = corpus.image("made/tree");
    let layer = &image.layers[0];
    let path = "usr/share/d05/f00004.txt";
    let content = corpus.extract(layer, path).unwrap();
    let route = format!("#/image/{}/made/tree:latest", corpus.anonymous.host());
    page.load_ready(&route);
    let file = fs_route(&corpus.anonymous.host(), "made/tree", &layer.digest, path);
    page.go(&file);
    page.ready();
    page.layer_done();
    // Read again by a part, as on any later visit.
    page.load_ready(&file);
    assert_text(&page.text(), &content);
    kept(&browser);
    let base = proxy.base().to_owned();
    let digest = layer.digest.clone();
    drop(proxy);
    drop(corpus);

    // Nobody answers any more.
    let page = Page::at(&browser, &base);
    page.load_ready("#/");
    page.load_ready(&route);
    browser.find("[data-offline]");
    browser.screenshot("offline");
    browser.find(&format!("[data-layer='{digest}']"));
    page.load_ready(&file);
    assert_text(&page.text(), &content);
    assert_eq!(page.content_verified(), "span");
    // What was not seen is not there, and why is said.
    assert_eq!(page.load("#/image/sample.localhost/demo/hello"), "error");
    assert!(!page.alert().is_empty());
    page.load_ready("#/settings");
    let said = browser.run(
        "return document.querySelector('[data-app-kept]').innerText",
        &[],
    );
    assert!(said.is_string());
}

/// A newer version is offered, and comes when it is wanted.
#[test]
fn a_newer_version_is_offered() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let Ok(dist) = static_host::dist() else {
        return layerscope_tests::skipped("a newer version", "the app is not built");
    };
    // A copy, which changes below its visitors.
    let dir = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(dist).unwrap() {
        let entry = entry.unwrap();
        if entry.path().is_file() {
            std::fs::copy(entry.path(), dir.path().join(entry.file_name())).unwrap();
        }
    }
    let assets = dir.path().display().to_string();
    let proxy = Proxy::start(&["--assets", &assets]).unwrap();
    let page = Page::new(&browser, &proxy);
    page.load_ready("#/help");
    kept(&browser);
    let build = "return document.querySelector('meta[name=layerscope-build]').content";
    let before = browser.run(build, &[]).as_str().unwrap().to_owned();
    let after = format!("{before}0");
    for name in std::fs::read_dir(dir.path()).unwrap() {
        let file = name.unwrap().path();
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        if name == "index.html" || name == "sw.js" {
            let text = std::fs::read_to_string(&file).unwrap();
            std::fs::write(&file, text.replace(&before, &after)).unwrap();
        } else if name.starts_with("index.html.") || name.starts_with("sw.js.") {
            std::fs::remove_file(&file).unwrap();
        }
    }
    // The next visit still has what it had, and is offered the new.
    page.load_ready("#/help");
    assert_eq!(browser.run(build, &[]), json!(before));
    browser.find("[data-offer=newer]");
    browser.screenshot("newer");
    browser.click("[data-offer=newer] button");
    browser.until(
        "the newer version",
        "return document.querySelector('meta[name=layerscope-build]')?.content === arguments[0]",
        &[json!(after)],
    );
    page.ready();
    assert_eq!(page.route(), "#/help");
}

/// It never answers for the API or for anybody else, and is not there in a frame.
#[test]
fn only_for_its_own_files() {
    let Some((corpus, proxy, browser)) = stage() else {
        return;
    };
    let page = Page::new(&browser, &proxy);
    page.load_ready("#/");
    kept(&browser);
    let asked = browser.run_async(
        "const answer = await fetch('./api/v1/info'); const again = await fetch('./nowhere');
         const names = await caches.keys();
         const files = await (await caches.open(names[0])).keys();
         return [answer.status, again.status, names.length, files.map((file) => new URL(file.url).pathname)];",
        &[],
    );
    assert_eq!(
        (&asked[0], &asked[1], &asked[2]),
        (&json!(200), &json!(404), &json!(1))
    );
    let files = asked[3].as_array().unwrap();
    assert!(
        files.iter().all(|f| !f.as_str().unwrap().contains("api")),
        "{files:?}"
    );
    assert!(files.len() > 8, "{files:?}");
    browser.run(
        "const frame = document.createElement('iframe'); frame.src = './?embed=1#/settings'; frame.id = 'inside';
         document.body.append(frame);",
        &[],
    );
    wait(browser.client().enter_frame(0)).unwrap();
    browser.until(
        "what it says in a frame",
        "return document.querySelector('[data-app-kept]')?.innerText.includes('inside another page')",
        &[],
    );
    assert!(
        browser
            .run(
                "return document.querySelector(arguments[0])?.offsetParent ?? null",
                &[json!(css::REFERENCE)]
            )
            .is_null()
    );
    drop(corpus);
}
