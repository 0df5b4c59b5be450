//! Everything by the keyboard alone.

use layerscope_tests::page::{Page, css, fs_route};
use serde_json::json;

use crate::stage;

const DOWN: &str = "\u{e015}";
const ENTER: &str = "\u{e007}";
const BACKSPACE: &str = "\u{e003}";
const END: &str = "\u{e010}";
const TAB: &str = "\u{e004}";

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
    browser.until(
        "the focus in the search",
        "return document.activeElement?.matches(arguments[0])",
        &[json!(css::SEARCH)],
    );
    browser.press("needle");
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
