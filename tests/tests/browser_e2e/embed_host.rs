//! A host that speaks to its frame by hand: what it is told when, and what it hands over.

use axum::{Router, response::IntoResponse};
use layerscope_tests::{
    browser::Browser,
    net::{Server, wait},
    proxy::Proxy,
};
use serde_json::json;

/// A page that frames the app itself, and the app behind a proxy that hears it.
fn bare_host(browser: &Browser) -> (Server, Proxy) {
    let page = || async {
        let kind = [("content-type", "text/html")];
        (kind, "<!doctype html><title>host</title>").into_response()
    };
    let host = Server::start(Router::new().fallback(page)).unwrap();
    let origin = format!("http://localhost:{}", host.addr().port());
    let proxy = Proxy::start(&["--embed-origin", &origin]).unwrap();
    browser.goto(&origin);
    browser.run(
        "window.told = [];
         window.frame = document.createElement('iframe');
         window.say = (message) => frame.contentWindow.postMessage({ version: 1, ...message }, arguments[0]);
         addEventListener('message', (event) => told.push(event.data));
         frame.style = 'width: 900px; height: 600px';",
        &[json!(proxy.base())],
    );
    (host, proxy)
}

/// What was told so far, by type.
fn types(browser: &Browser) -> Vec<String> {
    let types = browser.run("return told.map((one) => one.type)", &[]);
    serde_json::from_value(types).unwrap()
}

/// Whoever greets when all has happened is told all of it, also that it failed.
#[test]
fn a_late_greeting_misses_nothing() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let (_host, proxy) = bare_host(&browser);
    let frame = |route: &str| {
        browser.run(
            "told.length = 0; frame.remove(); frame.src = arguments[0]; document.body.append(frame);",
            &[json!(format!("{}/?embed=1{route}", proxy.base()))],
        );
        wait(browser.client().enter_frame(0)).unwrap();
        browser.until(
            "the page in the frame",
            "return ['ready', 'error'].includes(document.documentElement.dataset.state)",
            &[],
        );
        wait(browser.client().enter_parent_frame()).unwrap();
        assert!(types(&browser).is_empty());
        browser.run("say({ type: 'hello' })", &[]);
        browser.until(
            "the height",
            "return told.some((one) => one.type === 'height')",
            &[],
        );
    };
    frame("#/image/sample.localhost/demo/hello");
    let found = types(&browser);
    assert_eq!(
        found[..3],
        ["welcome", "navigated", "selected"],
        "{found:?}"
    );
    frame("#/image/Not%20A%20Reference");
    let found = types(&browser);
    assert_eq!(found[..2], ["welcome", "error"], "{found:?}");
    assert!(!found.contains(&"navigated".to_owned()), "{found:?}");
}

/// Tars are padded, and hosts call them all "file": two are two all the same. Of many the first are
/// given up.
#[test]
fn contents_of_one_name_and_length_are_kept_apart() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let (_host, proxy) = bare_host(&browser);
    browser.run(
        "frame.src = arguments[0]; document.body.append(frame);
         window.ask = (message) => new Promise((resolve) => {
             const id = String(Math.random());
             addEventListener('message', ({ data }) => { if (data.id === id) resolve(data.type); });
             say({ ...message, id });
         });
         window.greeting = setInterval(() => say({ type: 'hello' }), 100);",
        &[json!(format!("{}/?embed=1", proxy.base()))],
    );
    browser.until(
        "the welcome",
        "return told.some((one) => one.type === 'welcome')",
        &[],
    );
    browser.run("clearInterval(greeting)", &[]);
    let tar = |text: &str| {
        let mut tar = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_ustar();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        tar.append_data(&mut header, "a", text.as_bytes()).unwrap();
        tar.into_inner().unwrap()
    };
    let open = |text: &str| {
        let answer = browser.run_async(
            "return ask({ type: 'content', name: 'file', bytes: new Uint8Array(arguments[0]).buffer })",
            &[json!(tar(text))],
        );
        assert_eq!(answer, json!("done"));
        let route = browser.until(
            "the archive",
            "return told.findLast((one) => one.type === 'selected' && one.route.includes('/fs/'))?.route",
            &[],
        );
        route.as_str().unwrap().trim_end_matches('/').to_owned()
    };
    let mut routes: Vec<String> = Vec::new();
    for text in ["one", "two"] {
        browser.run("told.length = 0", &[]);
        let route = open(text);
        assert!(!routes.contains(&route), "{route}");
        browser.run_async(
            "return ask({ type: 'open', route: arguments[0] + '/a' })",
            &[json!(route)],
        );
        wait(browser.client().enter_frame(0)).unwrap();
        browser.until(
            "the file's own text",
            "return document.querySelector('.code')?.innerText.includes(arguments[0]) ?? false",
            &[json!(text)],
        );
        wait(browser.client().enter_parent_frame()).unwrap();
        routes.push(route);
    }
    for n in 0..8 {
        browser.run("told.length = 0", &[]);
        open(&format!("more {n}"));
    }
    browser.run("told.length = 0", &[]);
    browser.run_async(
        "return ask({ type: 'open', route: arguments[0] })",
        &[json!(routes[0])],
    );
    let gone = browser.until(
        "that it is gone",
        "return told.find((one) => one.type === 'error')?.problem.code",
        &[],
    );
    assert_eq!(gone, json!("LOCAL_CLOSED"));
}

/// The height is that of the content: it becomes less again, whatever the frame was given.
#[test]
fn the_height_follows_the_content() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let (_host, proxy) = bare_host(&browser);
    browser.run(
        "addEventListener('message', ({ data }) => {
             if (data.type === 'height') frame.style.height = data.px + 'px';
         });
         frame.src = arguments[0]; document.body.append(frame);
         window.greeting = setInterval(() => say({ type: 'hello' }), 100);",
        &[json!(format!(
            "{}/?embed=1#/image/sample.localhost/demo/hello",
            proxy.base()
        ))],
    );
    browser.until(
        "the image",
        "return told.some((one) => one.type === 'selected')",
        &[],
    );
    browser.run("clearInterval(greeting)", &[]);
    // What it settles at: some messages may still be on their way.
    let settled = || {
        let mut last = None;
        loop {
            std::thread::sleep(std::time::Duration::from_millis(500));
            let now = browser.run(
                "return told.findLast((one) => one.type === 'height')?.px ?? null",
                &[],
            );
            if now.is_u64() && last.as_ref() == Some(&now) {
                return now.as_u64().unwrap();
            }
            last = Some(now);
        }
    };
    let image = settled();
    browser.run(
        "say({ type: 'open', route: '#/local/0123456789abcdef/' })",
        &[],
    );
    browser.until(
        "the short page",
        "return told.some((one) => one.type === 'error')",
        &[],
    );
    let short = settled();
    assert!(short < image, "{short} and {image}");
}
