//! Everything by the keyboard alone.

use layerscope_tests::{
    browser::Browser,
    net::wait,
    page::{Page, css, fs_route},
};
use serde_json::json;

use crate::stage;

const DOWN: &str = "\u{e015}";
const ENTER: &str = "\u{e007}";
const BACKSPACE: &str = "\u{e003}";
const END: &str = "\u{e010}";
const TAB: &str = "\u{e004}";

/// Waits until what is named has the focus.
#[track_caller]
fn wait_focus(browser: &Browser, css: &str) {
    browser.until(
        &format!("the focus on {css}"),
        "return document.activeElement?.matches(arguments[0])",
        &[json!(css)],
    );
}

/// Gives the focus to what is named, and presses Enter there.
#[track_caller]
fn enter_on(browser: &Browser, css: &str) {
    let element = browser.find(css);
    wait(element.send_keys(ENTER)).unwrap();
}

#[test]
fn walk_through_a_layer() {
    let Some((corpus, proxy, browser)) = stage() else {
        return;
    };
    let page = Page::new(&browser, &proxy);
    let layer = &corpus.image("made/tree").layers[0];
    page.load_ready(&fs_route(
        &corpus.anonymous.host(),
        "made/tree",
        &layer.digest,
        "",
    ));
    page.layer_done();
    // Tab gets to the list, from wherever the focus was.
    let mut tabs = 0;
    while browser.run(
        "return document.activeElement?.matches(arguments[0])",
        &[json!(css::LISTING)],
    ) != json!(true)
    {
        browser.press(TAB);
        tabs += 1;
        assert!(tabs < 60, "Tab does not reach the list");
    }
    let at = |path: &str| {
        browser.until(
            &format!("the route of {path}"),
            "const path = document.documentElement.dataset.route?.split('?')[0].split('@')[1]?.split('/').slice(1).join('/') ?? null;
             return path === arguments[0] && document.documentElement.dataset.state === 'ready'",
            &[json!(path)],
        );
    };
    // Directories first: usr, then early.txt.
    browser.press(DOWN);
    browser.press(ENTER);
    at("usr");
    browser.press(DOWN);
    browser.press(ENTER);
    at("usr/share");
    browser.press(BACKSPACE);
    at("usr");
    browser.press(BACKSPACE);
    at("");
    browser.press(END);
    browser.press(ENTER);
    at("early.txt");
    assert_eq!(page.text().trim_end(), "first file of tree 1");

    // `/` goes to the search.
    page.load_ready(&fs_route(
        &corpus.anonymous.host(),
        "made/tree",
        &layer.digest,
        "",
    ));
    browser.find(css::SEARCH);
    browser.press("/");
    wait_focus(&browser, css::SEARCH);
    browser.press("needle");
    page.wait_row("usr/share/deep/a/b/c/d/e/f/needle.txt");
    // What was found is closed to where it was found.
    page.click_entry("usr/share/deep/a/b/c/d/e/f/needle.txt");
    at("usr/share/deep/a/b/c/d/e/f/needle.txt");
    browser.click("[data-action='close-file']");
    browser.until(
        "the search again",
        "return document.documentElement.dataset.route.endsWith('?q=needle')",
        &[],
    );
    page.wait_row("usr/share/deep/a/b/c/d/e/f/needle.txt");
    page.assert_clean();
}

#[test]
fn landmarks_and_focus() {
    let Some((corpus, proxy, browser)) = stage() else {
        return;
    };
    let page = Page::new(&browser, &proxy);
    let host = corpus.anonymous.host();
    let layer = &corpus.image("made/tree").layers[0];
    for route in [
        "#/".to_owned(),
        format!("#/repo/{host}/many/tags"),
        format!("#/image/{host}/made/multi"),
        fs_route(&host, "made/tree", &layer.digest, ""),
        fs_route(&host, "made/tree", &layer.digest, "early.txt"),
        "#/settings".to_owned(),
        "#/help".to_owned(),
    ] {
        page.load_ready(&route);
        let found = browser.run(
            "const main = document.querySelectorAll('main');
             const unnamed = [...document.querySelectorAll('button, a[href], input, select')].filter((e) =>
                 e.checkVisibility() && !(e.innerText.trim() || e.ariaLabel || e.title || e.labels?.length || e.getAttribute('aria-labelledby')));
             return [main.length, main[0]?.querySelectorAll('h1').length, document.documentElement.lang !== '',
                     unnamed.map((e) => e.outerHTML.slice(0, 120)), document.title !== '']",
            &[],
        );
        assert_eq!(found, json!([1, 1, true, [], true]), "{route}");
    }
    page.assert_clean();
}

/// What has the focus goes away: the focus goes on to what is in its place.
#[test]
fn the_focus_is_not_lost() {
    let Some((corpus, proxy, browser)) = stage() else {
        return;
    };
    let page = Page::new(&browser, &proxy);
    let host = corpus.anonymous.host();
    let layers = &corpus.image("made/multi").manifests;
    // From a file back to its row, which need not be in view at first.
    let layer = &corpus.image("made/tree").layers[0];
    let file = "usr/share/d05/f00005.dat";
    page.load_ready(&fs_route(&host, "made/tree", &layer.digest, file));
    page.layer_done();
    enter_on(&browser, css::CLOSE);
    wait_focus(&browser, css::LISTING);
    browser.until(
        "the cursor on the file's row",
        "const list = document.activeElement;
         const row = document.getElementById(list.getAttribute('aria-activedescendant'));
         return row?.dataset.entryPath === arguments[0]",
        &[json!(file)],
    );
    // The same on the way up from a directory.
    browser.press(BACKSPACE);
    browser.until(
        "the cursor on the directory's row",
        "return document.querySelector('[aria-selected=true]')?.dataset.entryPath === 'usr/share/d05'",
        &[],
    );

    // Removed layers: the next one, then the sum.
    for manifest in layers {
        page.load_ready(&fs_route(
            &host,
            "made/multi",
            &manifest.layers[0].digest,
            "",
        ));
        page.layer_done();
    }
    page.load_ready("#/settings");
    let stored = browser.run(
        "return [...document.querySelectorAll('[data-stored]')].map((layer) => layer.innerText)",
        &[],
    );
    let stored: Vec<String> = serde_json::from_value(stored).unwrap();
    assert_eq!(stored.len(), 3, "{stored:?}");
    for layer in layers.iter().map(|m| &m.layers[0]) {
        let short = &layer.digest[..19];
        assert!(
            stored.iter().any(|s| s.contains(short)),
            "{short} in {stored:?}"
        );
    }
    browser.screenshot("settings-three");
    enter_on(&browser, "[data-stored]:nth-child(2) button");
    browser.until(
        "two layers",
        "return document.querySelectorAll('[data-stored]').length === 2",
        &[],
    );
    wait_focus(&browser, "[data-stored]:nth-child(2) button");
    enter_on(&browser, "[data-action=clear]");
    wait_focus(&browser, "#kept-sum");

    // A problem that stays, and one that does not.
    let tags = format!("#/repo/{host}/no/such");
    assert_eq!(page.load(&tags), "error");
    let told = page.alert();
    assert!(
        told.contains("spelling") && !told.contains("open the repository"),
        "{told}"
    );
    browser.find(&format!("[role=alert] a[href='#/repo/{host}']"));
    browser.screenshot("missing-repository");
    enter_on(&browser, css::AGAIN);
    wait_focus(&browser, css::AGAIN);
    browser.cdp("Network.enable", json!({}));
    let block = |urls: &[&str]| browser.cdp("Network.setBlockedURLs", json!({"urls": urls}));
    block(&["*/api/v1/*"]);
    assert_eq!(page.go(&format!("#/repo/{host}/many/tags")), "error");
    block(&[]);
    enter_on(&browser, css::AGAIN);
    page.ready();
    wait_focus(&browser, "main");
}
