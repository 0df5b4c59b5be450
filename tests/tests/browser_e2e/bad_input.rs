//! Every bad input: a clear message in place, and the rest still works.

use std::time::Duration;

use layerscope_tests::{
    browser::Browser,
    corpus::{
        edge, gz,
        push::{NewLayer, digest, media},
    },
    double::{Double, Trouble},
    page::{Page, fs_route},
    proxy::Proxy,
};
use serde_json::json;

use crate::stage;

/// After whatever went wrong, the same page opens something else.
#[track_caller]
fn still_works(page: &Page<'_>) {
    page.go("#/image/sample.localhost/demo/hello");
    page.ready();
    page.browser.find("[data-layer]");
}

/// Opens a route that must fail, and checks what the alert says.
#[track_caller]
fn fails(page: &Page<'_>, route: &str, words: &[&str]) -> String {
    page.start_loading("#/help");
    assert_eq!(page.settled(), "ready");
    page.browser
        .run("location.hash = arguments[0]", &[json!(route)]);
    let alert = page.alert();
    // A layer's listing is ready before its digest turns out wrong.
    page.browser.until(
        "data-state=error",
        "return document.documentElement.dataset.state === 'error'",
        &[],
    );
    for word in words {
        assert!(alert.contains(word), "{word:?} in: {alert}");
    }
    assert!(alert.len() > 40, "cause and remedy: {alert}");
    alert
}

fn one_layer(double: &Double, repository: &str) -> (String, Vec<u8>) {
    let tar = edge::tree(21, 300);
    let blob = gz::member(&tar, 6);
    let layer = NewLayer {
        blob: blob.clone(),
        media_type: media::GZIP,
        diff_id: digest(&tar),
        created_by: "made by hand".into(),
    };
    let digests = double.image(repository, "latest", vec![layer]);
    (digests[0].clone(), blob)
}

fn double_stage() -> Option<(Double, Proxy, Browser)> {
    let browser = Browser::start()?;
    let double = Double::start().unwrap();
    let proxy = Proxy::for_hosts(&[double.host()]).unwrap();
    Some((double, proxy, browser))
}

#[test]
fn registries_that_refuse() {
    let Some((double, proxy, browser)) = double_stage() else {
        return;
    };
    let page = Page::new(&browser, &proxy);
    let host = double.host();
    one_layer(&double, "a/b");
    let route = format!("#/image/{host}/a/b");
    let strike = |trouble: Trouble| {
        double.behave();
        double.trouble("a/b/", trouble);
    };
    let answer = |status: u16, headers: Vec<(&'static str, String)>| {
        let body =
            json!({"errors": [{"code": "X", "message": "as the registry says"}]}).to_string();
        Trouble::Answer(status, headers, body)
    };
    strike(answer(404, vec![]));
    fails(&page, &route, &["a/b"]);
    strike(answer(403, vec![]));
    fails(&page, &route, &[&host]);
    strike(answer(
        401,
        vec![("www-authenticate", "Basic realm=\"x\"".into())],
    ));
    fails(&page, &route, &[&host]);
    strike(answer(429, vec![("retry-after", "17".into())]));
    fails(&page, &route, &["17"]);
    for status in [500, 502, 503] {
        strike(answer(status, vec![]));
        fails(&page, &route, &[&status.to_string()]);
    }
    strike(Trouble::Html);
    fails(&page, &route, &["login page"]);
    strike(Trouble::HugeJson(100 << 20));
    fails(&page, &route, &[]);
    strike(Trouble::Redirect("https://10.0.0.1/".into()));
    fails(&page, &route, &[]);
    double.behave();
    still_works(&page);
    page.go(&route);
    page.ready();
    assert_eq!(browser.violations(), [""; 0]);
    assert_eq!(browser.errors(), [""; 0]);
}

#[test]
fn hosts_that_are_not_there() {
    let Some((_double, proxy, browser)) = double_stage() else {
        return;
    };
    let page = Page::new(&browser, &proxy);
    fails(&page, "#/image/registry.invalid/a/b", &["registry.invalid"]);
    browser.screenshot("problem");
    fails(&page, "#/image/10.0.0.1/a/b", &["10.0.0.1"]);
    fails(&page, "#/image/169.254.169.254/a/b", &["169.254.169.254"]);
    fails(&page, "#/image/localhost:1/a/b", &["localhost:1"]);
    still_works(&page);
    assert_eq!(browser.errors(), [""; 0]);
}

#[test]
fn a_manifest_that_is_not_what_was_asked_for() {
    let Some((double, proxy, browser)) = double_stage() else {
        return;
    };
    let page = Page::new(&browser, &proxy);
    let host = double.host();
    let manifest = json!({"schemaVersion": 2, "mediaType": media::INDEX, "manifests": []});
    let right = double.manifest("a/b", "latest", media::INDEX, &manifest);
    double.trouble("a/b/manifests/", Trouble::WrongByte);
    fails(&page, &format!("#/image/{host}/a/b@{right}"), &["digest"]);
    double.behave();
    page.try_again();
    browser.until(
        "the right manifest",
        "return document.documentElement.dataset.state === 'ready'",
        &[],
    );
    still_works(&page);
    page.assert_clean();
}

/// A layer's rows are shown while it streams; when its digest turns out wrong they are marked,
/// it is said, and nothing is stored.
#[test]
fn a_layer_with_a_wrong_digest() {
    let Some((double, proxy, browser)) = double_stage() else {
        return;
    };
    let page = Page::new(&browser, &proxy);
    let host = double.host();
    let (layer, _) = one_layer(&double, "a/b");
    // Another layer under its name: whole, readable, and not what was asked for.
    double.put_blob("a/b", &layer, gz::member(&edge::tree(22, 300), 6));
    let route = fs_route(&host, "a/b", &layer, "");
    fails(&page, &route, &["digest"]);
    page.wait_row("early.txt");
    assert!(
        page.rows()
            .iter()
            .all(|row| row.verified.as_deref() == Some("none"))
    );
    browser.screenshot("wrong-digest");
    page.go("#/settings");
    assert_eq!(
        browser.run(
            "return document.querySelectorAll('[data-stored]').length",
            &[]
        ),
        json!(0)
    );

    // One byte that is not the registry's.
    double.put_blob("a/b", &layer, gz::member(&edge::tree(21, 300), 6));
    double.trouble("a/b/blobs/", Trouble::WrongByte);
    fails(&page, &route, &[]);
    double.behave();
    page.load_ready(&route);
    assert_eq!(page.layer_done(), "blob");

    // Later reads are checked as well.
    double.trouble("a/b/blobs/", Trouble::WrongByte);
    fails(&page, &fs_route(&host, "a/b", &layer, edge::NEEDLE), &[]);
    assert_eq!(
        browser.run("return document.querySelector('[data-content=text]')", &[]),
        json!(null)
    );
    double.behave();
    page.load_ready(&fs_route(&host, "a/b", &layer, edge::NEEDLE));
    assert_eq!(page.content_verified(), "span");
    still_works(&page);
    page.assert_clean();
}

#[test]
fn a_connection_that_breaks() {
    let Some((double, proxy, browser)) = double_stage() else {
        return;
    };
    let page = Page::new(&browser, &proxy);
    let host = double.host();
    let (layer, blob) = one_layer(&double, "a/b");
    let route = fs_route(&host, "a/b", &layer, "");
    // A connection that breaks now and then costs nothing but a further request from there on.
    let half = blob.len() as u64 / 2;
    double.trouble_times("a/b/blobs/", Trouble::DropAfter(half), 1);
    page.load_ready(&route);
    assert_eq!(page.layer_done(), "blob");
    let asked = double.log().blobs_since(0);
    let layers: Vec<_> = asked
        .iter()
        .filter(|request| request.path.ends_with(&layer))
        .collect();
    assert_eq!(layers.len(), 2, "{layers:?}");
    assert!(
        layers[1]
            .range
            .as_deref()
            .is_some_and(|range| range.starts_with("bytes=")),
        "{layers:?}"
    );

    // One that never holds is told, and the rows stay.
    page.load_ready("#/settings");
    browser.click("[data-action=clear]");
    double.trouble("a/b/blobs/", Trouble::DropAfter(0));
    double.trouble_times("a/b/blobs/", Trouble::DropAfter(half), 1);
    page.start_loading(&route);
    let alert = page.alert_within(Duration::from_secs(120));
    assert!(alert.len() > 40, "{alert}");
    page.wait_row("early.txt");
    assert_eq!(page.rows()[0].verified.as_deref(), Some("none"));
    // Short, with a Content-Length that agrees: only the digest tells.
    double.behave();
    double.trouble("a/b/blobs/", Trouble::Cut(blob.len() as u64 / 2));
    fails(&page, &route, &[]);
    double.behave();
    page.load_ready(&route);
    assert_eq!(page.layer_done(), "blob");
    assert_eq!(browser.errors(), [""; 0]);
}

#[test]
fn registries_without_ranges_and_with_storage_elsewhere() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let (double, storage) = (Double::start().unwrap(), Double::start().unwrap());
    let proxy = Proxy::for_hosts(&[double.host(), storage.host()]).unwrap();
    let page = Page::new(&browser, &proxy);
    let host = double.host();
    let (layer, blob) = one_layer(&double, "a/b");
    let needle = fs_route(&host, "a/b", &layer, edge::NEEDLE);

    double.trouble("a/b/blobs/", Trouble::IgnoreRange);
    page.load_ready(&needle);
    assert!(page.text().contains("needle: ünïcödé"));
    assert_eq!(page.layer_done(), "blob");

    double.behave();
    storage.put_blob("a/b", &layer, blob);
    storage.trouble("a/b/blobs/", Trouble::Storage);
    double.trouble("a/b/blobs/", Trouble::RedirectHost(storage.host()));
    page.load_ready("#/settings");
    browser.click("[data-action=clear]");
    page.load_ready(&needle);
    assert!(page.text().contains("needle: ünïcödé"));
    assert!(
        storage
            .log()
            .all()
            .iter()
            .all(|request| request.authorization.is_none())
    );
    page.assert_clean();
}

#[test]
fn damaged_layers() {
    let Some((corpus, proxy, browser)) = stage() else {
        return;
    };
    let page = Page::new(&browser, &proxy);
    let host = corpus.anonymous.host();
    let route = |repository: &str| {
        let layer = &corpus.image(repository).layers[0];
        fs_route(&host, repository, &layer.digest, "")
    };
    // What was read before the damage stays.
    for repository in ["edge/gz-truncated", "edge/gz-corrupt", "edge/tar-truncated"] {
        page.start_loading(&route(repository));
        assert!(page.alert().len() > 40, "{repository}");
        page.wait_row("early.txt");
    }
    browser.screenshot("damaged");
    // What is no archive is one file, and read as it is; one note says what its manifest has wrong.
    for repository in ["edge/garbage", "edge/not-gzip"] {
        page.load_ready(&route(repository));
        page.wait_row("content");
    }
    page.start_loading(&route("edge/no-bytes"));
    if page.settled() == "error" {
        assert!(page.alert().len() > 40);
    }
    still_works(&page);
    page.assert_clean();
}

/// Eight gigabytes of zeros in eight megabytes: told long before its end, and what came before it
/// stays.
#[test]
fn a_bomb() {
    let Some((corpus, proxy, browser)) = stage() else {
        return;
    };
    let page = Page::new(&browser, &proxy);
    let layer = &corpus.image("edge/bomb").layers[0];
    let route = fs_route(&corpus.anonymous.host(), "edge/bomb", &layer.digest, "");
    page.start_loading(&route);
    let alert = page.alert_within(Duration::from_secs(120));
    assert!(alert.contains("500"), "{alert}");
    page.wait_row("first.txt");
    browser.screenshot("bomb");
    still_works(&page);
    page.assert_clean();
}
