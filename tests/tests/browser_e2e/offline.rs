//! What was seen opens again when there is no network at all, and the page says so.

use std::sync::{Arc, Mutex};

use axum::{Router, response::IntoResponse};
use layerscope_tests::{
    browser::Browser,
    corpus::{Corpus, edge, registry::Auth},
    net::{Server, wait},
    page::{Page, css, fs_route},
    proxy::Proxy,
    static_host,
    static_site::StaticSite,
    token_server::PASSWORD,
};
use serde_json::json;

use crate::{assert_text, count, sign_in::sign_in, stage};

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
    let path = edge::NEEDLE;
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
    // Nothing on the page is of an earlier visit only because the network has gone.
    let network = |offline: bool| {
        browser.cdp(
            "Network.emulateNetworkConditions",
            json!({"offline": offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}),
        );
        browser.until(
            "what is said of the network",
            "return (document.querySelector('[data-network=none]') !== null) === arguments[0]",
            &[json!(offline)],
        );
    };
    network(true);
    assert_eq!(count(&browser, "[data-offline]"), 0);
    network(false);
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
    // It was a worker that found it.
    browser.find("[data-offline]");
    // What was not seen is not there, and why is said.
    assert_eq!(page.load("#/image/sample.localhost/demo/hello"), "error");
    assert!(!page.alert().is_empty());
    page.load_ready("#/settings");
    assert_eq!(count(&browser, "[data-offline]"), 0);
    browser.until(
        "that the app is kept",
        "return document.querySelector('[data-app-kept]').innerText.includes('opens without a network')",
        &[],
    );
}

/// The addresses of all that was kept of registries.
fn seen(browser: &Browser) -> Vec<String> {
    let keys = browser.run_async(
        "const there = async () => (await indexedDB.databases()).some(({ name }) => name === 'layerscope-seen');
         while (!await there()) await new Promise((done) => setTimeout(done, 50));
         const open = indexedDB.open('layerscope-seen');
         const database = await new Promise((done) => { open.onsuccess = () => done(open.result); });
         const keys = await Promise.all(['0', '1'].map((half) => new Promise((done) => {
             const get = database.transaction(half).objectStore(half).getAllKeys();
             get.onsuccess = () => done(get.result);
         })));
         database.close();
         return keys.flat();",
        &[],
    );
    serde_json::from_value(keys).unwrap()
}

/// What a sign-in lets in is kept for nobody: the next at this computer may be another.
#[test]
fn what_is_private_is_not_kept() {
    let Some((corpus, proxy, browser)) = stage() else {
        return;
    };
    let page = Page::new(&browser, &proxy);
    let path = edge::NEEDLE;
    let layer = &corpus.image("made/tree").layers[0].digest;
    let content = corpus
        .extract(&corpus.image("made/tree").layers[0], path)
        .unwrap();
    let (open, basic) = (corpus.anonymous.host(), corpus.basic.host());
    page.load_ready(&format!("#/image/{open}/made/tree"));
    page.load(&format!("#/image/{basic}/made/tree"));
    sign_in(&browser, PASSWORD);
    browser.until(
        "the image",
        "return document.documentElement.dataset.state === 'ready' && document.querySelector('[data-layer]') !== null",
        &[],
    );
    let file = fs_route(&basic, "made/tree", layer, path);
    page.go(&file);
    page.ready();
    page.layer_done();
    // By a part, and with its configuration.
    page.go(&format!("#/image/{basic}/made/tree"));
    page.ready();
    page.go(&file);
    page.ready();
    assert_text(&page.text(), &content);
    // Nobody waits for it to be kept: the last is kept last.
    let encoded = |host: &str| host.replace(':', "%3A");
    let mut kept = seen(&browser);
    for _ in 0..50 {
        if kept.iter().any(|key| key.contains(&encoded(&open))) {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
        kept = seen(&browser);
    }
    let of = |host: &str| {
        let encoded = encoded(host);
        kept.iter()
            .filter(|key| key.contains(host) || key.contains(&encoded))
            .count()
    };
    assert!(of(&open) > 0, "{kept:?}");
    assert_eq!(of(&basic), 0, "{kept:?}");
}

/// A registry that no longer answers this page is no lost network: the reason is told, and nothing
/// of yesterday is shown in its place.
#[test]
fn a_registry_that_is_down() {
    let (Some(corpus), Some(site), Some(browser)) = (
        Corpus::own(),
        StaticSite::start(r#"{"proxy": false}"#),
        Browser::start(),
    ) else {
        return;
    };
    let registry = corpus.for_pages(site.base(), Auth::Anonymous).unwrap();
    let base = site.base().to_owned();
    let page = Page::at(&browser, &base);
    let route = format!("#/image/{}/made/tree", registry.host());
    page.load_ready(&route);
    kept(&browser);
    drop(registry);
    assert_eq!(page.load(&route), "error");
    let alert = page.alert();
    assert!(alert.contains("Nothing answers"), "{alert}");
    assert_eq!(count(&browser, "[data-offline]"), 0);
    // Without any network it is shown.
    drop(site);
    page.load_ready(&route);
    browser.find("[data-offline]");
}

/// What whoever runs the app says of the page holds for one that was kept too.
#[test]
fn a_changed_policy_reaches_who_was_here() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let Ok(dist) = static_host::dist() else {
        return layerscope_tests::skipped("a changed policy", "the app is not built");
    };
    let policy = Arc::new(Mutex::new("connect-src 'self'".to_owned()));
    let said = policy.clone();
    let answer = move |uri: axum::http::Uri| {
        let name = uri.path().trim_start_matches('/').to_owned();
        let name = if name.is_empty() {
            "index.html".to_owned()
        } else {
            name
        };
        let kind = match name.rsplit('.').next() {
            Some("js") => "text/javascript",
            Some("css") => "text/css",
            Some("wasm") => "application/wasm",
            Some("json") => "application/json",
            _ => "text/html",
        };
        let policy = said.lock().unwrap().clone();
        let found = std::fs::read(dist.join(&name)).ok();
        async move {
            let headers = [
                ("content-type", kind.to_owned()),
                ("content-security-policy", policy),
            ];
            match found {
                Some(bytes) => (headers, bytes).into_response(),
                None => axum::http::StatusCode::NOT_FOUND.into_response(),
            }
        }
    };
    let server = Server::start(Router::new().fallback(answer)).unwrap();
    let base = format!("http://{}", server.host());
    let page = Page::at(&browser, &base);
    page.load_ready("#/help");
    kept(&browser);
    let allows = |address: &str| {
        let asked = browser.run_async(
            "const refused = new Promise((done) => document.addEventListener(
                 'securitypolicyviolation', () => done(false), { once: true }));
             const asked = fetch(arguments[0], { mode: 'no-cors' }).then(() => true, () => refused);
             return Promise.race([asked, refused]);",
            &[json!(address)],
        );
        asked == json!(true)
    };
    let other = Server::start(Router::new().fallback(|| async { "here" })).unwrap();
    let address = format!("http://{}/", other.host());
    // A server that takes long is not waited for: what it says then holds from the next visit on.
    let becomes = |allowed: bool| {
        for _ in 0..20 {
            page.load_ready("#/help");
            if allows(&address) == allowed {
                return;
            }
        }
        panic!("the page never {}", if allowed { "may" } else { "may not" });
    };
    becomes(false);
    *policy.lock().unwrap() = format!("connect-src 'self' {address}");
    becomes(true);
    *policy.lock().unwrap() = "connect-src 'self'".to_owned();
    becomes(false);
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
    // Its files have other names, and those of before are gone from the server.
    for name in std::fs::read_dir(dir.path()).unwrap() {
        let file = name.unwrap().path();
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        if !name.starts_with("worker_loader-") {
            continue;
        }
        if !name.ends_with(".js") {
            std::fs::remove_file(&file).unwrap();
            continue;
        }
        let renamed = name.replace("worker_loader-", "worker_loader_-");
        std::fs::rename(&file, dir.path().join(&renamed)).unwrap();
        for page in ["index.html", "sw.js"] {
            let page = dir.path().join(page);
            let text = std::fs::read_to_string(&page).unwrap();
            std::fs::write(&page, text.replace(&name, &renamed)).unwrap();
        }
    }
    // The next visit still has what it had, and is offered the new.
    let first = browser.tab();
    let second = browser.new_tab();
    browser.switch_to(&second);
    page.load_ready("#/help");
    browser.switch_to(&first);
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
    // Who is in the middle of something in another tab goes on with what it began with.
    browser.switch_to(&second);
    assert_eq!(browser.run(build, &[]), json!(before));
    browser.cdp("Network.clearBrowserCache", json!({}));
    page.go("#/image/sample.localhost/demo/hello");
    page.ready();
    browser.click("[data-layer] a");
    assert_eq!(page.layer_done(), "blob");
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
