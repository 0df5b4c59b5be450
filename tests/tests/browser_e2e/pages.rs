//! The other pages: tags, platforms, blobs, routes that cannot be read, narrow screens.

use layerscope_tests::{
    browser::Browser,
    corpus::images,
    page::{Page, fs_route},
};
use serde_json::json;

use crate::{count, narrow_stage, stage};

#[test]
fn tags_are_sorted_by_their_numbers() {
    let Some((corpus, proxy, browser)) = stage() else {
        return;
    };
    let page = Page::new(&browser, &proxy);
    page.load_ready(&format!("#/repo/{}/many/tags", corpus.anonymous.host()));
    browser.until(
        "all tags",
        "return document.querySelectorAll('[data-tag]').length === arguments[0]",
        &[json!(images::TAGS)],
    );
    let tags = browser.run(
        "return [...document.querySelectorAll('[data-tag]')].map((tag) => tag.dataset.tag)",
        &[],
    );
    let tags: Vec<String> = serde_json::from_value(tags).unwrap();
    let number = |tag: &String| tag.split('.').nth(1).unwrap().parse::<u32>().unwrap();
    let mut numbers: Vec<u32> = tags.iter().map(number).collect();
    if numbers[0] != 0 {
        numbers.reverse();
    }
    assert!(numbers.is_sorted(), "{tags:?}");
    browser.screenshot("tags");
    browser.type_into("main input:not([name=reference])", "v0.24");
    browser.until(
        "the filtered tags",
        "return document.querySelectorAll('[data-tag]').length === 11",
        &[],
    );
    browser.click("[data-tag='v0.24.0'] a");
    browser.until(
        "the image",
        "return document.documentElement.dataset.route?.startsWith('/image/')",
        &[],
    );
    page.ready();
    page.assert_clean();
}

#[test]
fn an_index_gives_a_choice() {
    let Some((corpus, proxy, browser)) = stage() else {
        return;
    };
    let page = Page::new(&browser, &proxy);
    let image = corpus.image("made/multi");
    page.load_ready(&format!("#/image/{}/made/multi", corpus.anonymous.host()));
    assert_eq!(count(&browser, "[data-platform]"), 2);
    let layers = |architecture: &str| {
        let manifest = image
            .manifests
            .iter()
            .find(|m| m.platform.ends_with(architecture))
            .unwrap();
        manifest.layers[0].digest.clone()
    };
    browser.click("[data-platform='linux/arm64']");
    browser.until(
        "the layers of arm64",
        "return document.querySelector(`[data-layer='${arguments[0]}']`) !== null",
        &[json!(layers("arm64"))],
    );
    assert_eq!(
        count(&browser, &format!("[data-layer='{}']", layers("amd64"))),
        0
    );
    assert!(page.route().contains("platform=linux"), "{}", page.route());
    // The choice is part of the address.
    browser.reload();
    page.ready();
    browser.find(&format!("[data-layer='{}']", layers("arm64")));
    page.assert_clean();
}

/// A part of the program does not come: that is said in place, and can be tried again.
#[test]
fn a_part_of_the_program_is_missing() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let proxy = layerscope_tests::proxy::Proxy::start::<&str>(&[]).unwrap();
    let page = Page::new(&browser, &proxy);
    browser.cdp("Network.enable", json!({}));
    let block = |urls: &[&str]| browser.cdp("Network.setBlockedURLs", json!({"urls": urls}));
    block(&["*split_pages*"]);
    assert_eq!(page.load("#/image/sample.localhost/demo/hello"), "error");
    assert!(page.alert().contains("could not be loaded"));
    // The start page needs nothing of it.
    page.load_ready("#/");
    browser.find(layerscope_tests::page::css::REFERENCE);
    assert_eq!(page.go("#/help"), "error");
    block(&[]);
    page.try_again();
    browser.until(
        "the page",
        "return document.documentElement.dataset.state === 'ready'",
        &[],
    );
    browser.until(
        "no alert",
        "return ![...document.querySelectorAll('[role=alert]')].some((alert) => alert.innerText.trim())",
        &[],
    );
    // The console has the blocked requests, and may get them late: it is not looked at here.
    assert_eq!(browser.violations(), [""; 0]);
}

/// The sample registry: a first start that shows something with no network at all.
#[test]
fn the_sample() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let proxy = layerscope_tests::proxy::Proxy::start::<&str>(&[]).unwrap();
    let page = Page::new(&browser, &proxy);
    page.load_ready("#/");
    page.open_reference("sample.localhost/demo/hello");
    page.ready();
    // An attestation is tied to its subject and is no platform.
    assert_eq!(count(&browser, "[data-platform]"), 2);
    assert!(!browser.describe().contains("unknown/unknown\n"));
    let layer = browser.run(
        "return document.querySelector('[data-layer]').dataset.layer",
        &[],
    );
    page.open_layer(layer.as_str().unwrap());
    assert_eq!(page.layer_done(), "blob");
    assert!(!page.rows().is_empty());
    page.assert_clean();
}

#[test]
fn what_cannot_be_read_says_so() {
    let Some((_corpus, proxy, browser)) = stage() else {
        return;
    };
    let page = Page::new(&browser, &proxy);
    for route in [
        "#/no-such-page",
        "#/fs/nothing",
        "#/image/UPPER/case",
        "#/http/example.com/",
        "#/fs/a.example/b@sha256:12/x",
    ] {
        assert_eq!(page.load(route), "error", "{route}");
        assert!(page.alert().len() > 20, "{route}");
    }
    // A wrong reference is told in place, before anything is asked.
    page.load_ready("#/");
    page.open_reference("Not A Reference");
    browser.until(
        "the error in the box",
        "return document.querySelector('input[name=reference][aria-invalid=true]') !== null",
        &[],
    );
    page.load_ready("#/help");
    page.assert_clean();
}

/// What fits does not scroll.
#[test]
fn small_pages_do_not_scroll() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let proxy = layerscope_tests::proxy::Proxy::start::<&str>(&[]).unwrap();
    let page = Page::new(&browser, &proxy);
    browser.cdp(
        "Emulation.setDeviceMetricsOverride",
        json!({"width": 1280, "height": 800, "deviceScaleFactor": 1, "mobile": false}),
    );
    for route in ["#/", "#/repo/sample.localhost"] {
        page.load_ready(route);
        let surplus = browser.run(
            "return document.documentElement.scrollHeight - innerHeight",
            &[],
        );
        assert_eq!(surplus, json!(0), "{route}");
    }
    page.assert_clean();
}

/// Docker Hub has one name for readers, whatever a link calls it.
#[test]
fn docker_hub_has_one_name() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let proxy = layerscope_tests::proxy::Proxy::start::<&str>(&[]).unwrap();
    let page = Page::new(&browser, &proxy);
    browser.cdp("Network.enable", json!({}));
    // Nobody is asked.
    browser.cdp("Network.setBlockedURLs", json!({"urls": ["*/api/v1/*"]}));
    for route in ["#/repo/index.docker.io", "#/repo/docker.io/a/b"] {
        page.load(route);
        let text = browser.run(
            "return document.body.innerText + document.title
                 + [...document.querySelectorAll('input')].map((input) => input.value).join()",
            &[],
        );
        let text = text.as_str().unwrap();
        assert!(text.contains("docker.io"), "{text}");
        assert!(!text.contains("index.docker.io"), "{text}");
    }
}

/// The page's narrow form has nothing that sticks out.
#[test]
fn narrow_screens() {
    let Some((corpus, proxy, browser)) = narrow_stage() else {
        return;
    };
    let page = Page::new(&browser, &proxy);
    let host = corpus.anonymous.host();
    let layer = &corpus.image("edge/special").layers[0];
    for (name, route) in [
        ("start", "#/".to_owned()),
        ("image", format!("#/image/{host}/made/multi")),
        ("layer", fs_route(&host, "edge/special", &layer.digest, "")),
        (
            "file",
            fs_route(&host, "edge/special", &layer.digest, "bin/setuid"),
        ),
        ("settings", "#/settings".to_owned()),
    ] {
        page.load_ready(&route);
        browser.screenshot(&format!("narrow-{name}"));
        let wide = browser.run(
            "return document.documentElement.scrollWidth - innerWidth",
            &[],
        );
        assert!(
            wide.as_f64().unwrap() <= 0.0,
            "{name} is {wide} pixels too wide"
        );
    }
    page.assert_clean();
}
