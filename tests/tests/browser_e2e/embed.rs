//! Layerscope inside another site's page: the messages, who is heard, and an application that has it
//! as a tab.

use std::{env, fs, path::Path, process::Command};

use axum::{Router, response::IntoResponse};
use layerscope_tests::{
    browser::Browser,
    cache,
    net::{Server, free_port, wait},
    process::{self, Process},
    proxy::Proxy,
    skipped,
};
use serde_json::{Value, json};

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples");

/// The example page, at an origin of its own.
fn example() -> Server {
    let file = |uri: axum::http::Uri| async move {
        let name = uri.path().trim_start_matches('/');
        let name = if name.is_empty() { "index.html" } else { name };
        let kind = match name.rsplit('.').next() {
            Some("js") => "text/javascript",
            Some("css") => "text/css",
            _ => "text/html",
        };
        let known = ["index.html", "embed.js", "embed.css"].contains(&name);
        let bytes = known.then(|| fs::read(Path::new(EXAMPLES).join("embed").join(name)).unwrap());
        ([("content-type", kind)], bytes.unwrap_or_default()).into_response()
    };
    Server::start(Router::new().fallback(file)).unwrap()
}

/// Messages of a type that the host has been told.
fn told(browser: &Browser, kind: &str) -> Vec<Value> {
    let found = browser.run(
        "return [...document.querySelectorAll(`[data-message='${arguments[0]}']`)].map((item) => item.textContent)",
        &[json!(kind)],
    );
    let texts: Vec<String> = serde_json::from_value(found).unwrap();
    texts
        .iter()
        .map(|text| serde_json::from_str(text).unwrap())
        .collect()
}

#[track_caller]
fn until_told(browser: &Browser, kind: &str, part: &str) -> Value {
    let text = browser.until(
        &format!("{kind} with {part}"),
        "return [...document.querySelectorAll(`[data-message='${arguments[0]}']`)].map((item) => item.textContent)
             .findLast((text) => text.includes(arguments[1]))",
        &[json!(kind), json!(part)],
    );
    serde_json::from_str(text.as_str().unwrap()).unwrap()
}

/// The example page, open and heard by the proxy's app in its frame.
fn heard(browser: &Browser) -> (Server, Proxy) {
    let host = example();
    let origin = format!("http://localhost:{}", host.addr().port());
    let proxy = Proxy::start(&["--embed-origin", &origin]).unwrap();
    browser.goto(&format!("{origin}/?app={}/", proxy.base()));
    until_told(browser, "welcome", "build");
    (host, proxy)
}

#[test]
fn an_example_page_speaks_with_its_frame() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let _running = heard(&browser);
    // It goes where it is told, and says what is there.
    browser.click("#open button");
    let image = until_told(&browser, "selected", "\"image\"");
    assert_eq!(image["repository"], "sample.localhost/demo/hello");
    assert_eq!(image["version"], 1);
    assert!(image["digest"].as_str().unwrap().starts_with("sha256:"));
    until_told(&browser, "navigated", "demo/hello");
    assert!(until_told(&browser, "height", "px")["px"].as_u64().unwrap() > 0);
    // Inside: neither header nor settings; a layer and a file are opened by the reader.
    wait(browser.client().enter_frame(0)).unwrap();
    let hidden = browser.run(
        "return document.querySelector('header.top').offsetParent === null",
        &[],
    );
    assert_eq!(hidden, json!(true));
    browser.click("[data-layer] a");
    browser.find("[data-entry-path]");
    wait(browser.client().enter_parent_frame()).unwrap();
    let layer = until_told(&browser, "selected", "\"directory\"");
    browser.run(
        "document.querySelector('layer-scope').open({ route: arguments[0] + '/etc/os-release' })",
        &[json!(
            layer["route"].as_str().unwrap().trim_end_matches('/')
        )],
    );
    let file = until_told(&browser, "file", "os-release");
    assert_eq!(
        (&file["kind"], &file["path"]),
        (&json!("file"), &json!("etc/os-release"))
    );
    assert!(file["size"].as_u64().unwrap() > 0);
    browser.screenshot("embedded");
    // In all layers together, the layer that the file is from.
    let root = format!(
        "#/layers/sample.localhost/demo/hello@{}/etc/os-release",
        image["digest"].as_str().unwrap()
    );
    browser.run(
        "document.querySelector('layer-scope').open({ route: arguments[0] })",
        &[json!(root)],
    );
    let file = until_told(&browser, "file", "#/layers/");
    assert_eq!(file["path"], "etc/os-release");
    assert_ne!(file["digest"], image["digest"]);
    // Bytes are handed over, and what makes no sense is answered.
    let answers = browser.run_async(
        "const frame = document.querySelector('layer-scope');
         const bytes = new TextEncoder().encode('no archive at all').buffer;
         await frame.openContent(bytes, 'note.txt');
         const refused = await frame.open({ reference: 'Not A Reference' }).catch((error) => error.code);
         const settings = await frame.open({ route: '#/settings' }).catch((error) => error.code);
         return [bytes.byteLength, refused, settings];",
        &[],
    );
    assert_eq!(answers, json!([0, "EMBED_MESSAGE", "EMBED_MESSAGE"]));
    until_told(&browser, "navigated", "#/local/");
    assert_eq!(browser.violations(), [""; 0]);
}

/// Put elsewhere in its document, a frame is loaded anew: what is asked then is answered.
#[test]
fn an_element_that_is_moved_goes_on() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let _running = heard(&browser);
    let answers = browser.run_async(
        "const frame = document.querySelector('layer-scope');
         await frame.ready;
         const lost = frame.open({ route: '#/help' }).catch((error) => error.code);
         const place = document.createElement('section');
         document.body.append(place);
         place.append(frame);
         const after = await frame.open({ route: '#/help' }).then(() => 'done', (error) => error.code);
         const failed = new Promise((done) => frame.addEventListener('failed', ({ detail }) => done(detail.problem.code)));
         frame.setAttribute('reference', 'Not A Reference');
         return [['GONE', undefined].includes(await lost), after, await failed];",
        &[],
    );
    assert_eq!(answers, json!([true, "done", "EMBED_MESSAGE"]));
}

/// An origin that is not listed learns that, and nothing else.
#[test]
fn strangers_are_told_nothing() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let host = example();
    let origin = format!("http://localhost:{}", host.addr().port());
    // Without a list anybody may frame the app, but nobody is heard.
    let proxy = Proxy::start::<&str>(&[]).unwrap();
    browser.goto(&format!("{origin}/?app={}/", proxy.base()));
    let denied = until_told(&browser, "denied", "denied");
    assert_eq!(denied, json!({"version": 1, "denied": true}));
    let refused = browser.run_async(
        "return document.querySelector('layer-scope').open({ reference: 'debian' }).catch((error) => error.code)",
        &[],
    );
    assert_eq!(refused, json!("DENIED"));
    for kind in ["welcome", "navigated", "selected", "height"] {
        assert!(told(&browser, kind).is_empty(), "{kind}");
    }
    // With a list the browser does not even frame it for others.
    let proxy = Proxy::start(&["--embed-origin", "https://somebody.example"]).unwrap();
    browser.goto(&format!("{origin}/?app={}/", proxy.base()));
    wait(browser.client().enter_frame(0)).unwrap();
    browser.until(
        "the browser's own error page",
        "return document.querySelector('[data-state]') === null && document.readyState === 'complete'",
        &[],
    );
}

/// The example in Flask: a tab of an application, whose user tags what is looked at.
#[test]
fn a_tab_of_an_application_in_flask() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let python = match flask() {
        Ok(python) => python,
        Err(error) => return skipped("the example in Flask", error),
    };
    let port = free_port().unwrap();
    let origin = format!("http://127.0.0.1:{port}");
    let proxy = Proxy::start(&["--embed-origin", &origin]).unwrap();
    let state = tempfile::tempdir().unwrap();
    let mut command = process::guarded(&python);
    command
        .args(["-m", "flask", "--app", "app", "run", "--host", "127.0.0.1"])
        .args(["--port", &port.to_string()])
        .current_dir(Path::new(EXAMPLES).join("flask"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("LAYERSCOPE", format!("{}/", proxy.base()))
        .env("TAGS", state.path().join("tags.sqlite3"));
    let _flask = Process::start(command, state.path(), "flask").unwrap();
    browser.until_serves(&origin);
    browser.goto(&origin);
    browser.until(
        "a selection",
        "return document.getElementById('where').textContent.includes('demo/hello')",
        &[],
    );
    browser.type_into("#add input", "to be checked");
    browser.click("#add button");
    browser.until(
        "the tag",
        "return document.querySelector('#tags li')?.textContent === 'to be checked'",
        &[],
    );
    browser.screenshot("flask");
    // It is still there for whoever comes later.
    browser.reload();
    browser.until(
        "the tag again",
        "return document.querySelector('#tags li')?.textContent === 'to be checked'",
        &[],
    );
    assert_eq!(browser.violations(), [""; 0]);
}

/// A Python that has Flask: the system's, or one of an environment in the cache.
fn flask() -> std::io::Result<std::path::PathBuf> {
    let has = |python: &Path| {
        let import = process::run(Command::new(python).args(["-c", "import flask"]));
        import.is_ok()
    };
    let system = process::find("python3").ok_or_else(|| std::io::Error::other("no python3"))?;
    if has(&system) {
        return Ok(system);
    }
    let dir = cache::root().join("tools/flask");
    let python = dir.join("bin/python");
    if !has(&python) {
        fs::create_dir_all(&dir)?;
        let _lock = cache::Lock::exclusive(&dir)?;
        process::run(Command::new(&system).args(["-m", "venv"]).arg(&dir))?;
        process::run(Command::new(&python).args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "flask==3.1.*",
        ]))?;
    }
    Ok(python)
}
