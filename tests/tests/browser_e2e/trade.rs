//! What an index keeps: chosen in the settings, used for the next layer, and told where the index
//! that is stored is another.

use layerscope_tests::{
    corpus::edge,
    page::{Page, fs_route},
};
use serde_json::json;

use crate::{assert_text, stage};

/// Waits until the open layer's page says by which choice its index was made.
fn made_by(page: &Page<'_>, choice: &str) {
    page.browser.until(
        "the index's trade",
        "return document.querySelector('[data-trade]')?.dataset.trade === arguments[0]",
        &[json!(choice)],
    );
}

#[test]
fn the_trade_is_chosen_kept_and_used() {
    let Some((corpus, proxy, browser)) = stage() else {
        return;
    };
    let page = Page::new(&browser, &proxy);
    let layer = &corpus.image("made/tree").layers[0];
    let route = fs_route(&corpus.anonymous.host(), "made/tree", &layer.digest, "");
    let asked = |mark| {
        let mut asked = corpus.anonymous.log().blobs_since(mark);
        asked.retain(|request| request.path.ends_with(&layer.digest));
        asked.len()
    };
    page.load_ready(&route);
    assert_eq!(page.layer_done(), "blob");
    made_by(&page, "balanced");

    page.load_ready("#/settings");
    browser.find("input[name=trade][value=balanced]:checked");
    browser.click("input[name=trade][value=fine]");
    page.load_ready("#/");
    browser.reload();
    page.load_ready("#/settings");
    browser.find("input[name=trade][value=fine]:checked");

    // What is stored is used as it is, and says so.
    let mark = corpus.anonymous.log().mark();
    page.load_ready(&route);
    assert_eq!(page.layer_done(), "blob");
    made_by(&page, "balanced");
    assert_eq!(asked(mark), 0);
    browser.click("[data-part=index] summary");
    let told = browser.run(
        "return document.querySelector('[data-trade]').textContent",
        &[],
    );
    let told = told.as_str().unwrap().to_owned();
    assert!(told.contains("“Balanced”, and is used as it is"), "{told}");

    browser.click("[data-action=remake-index]");
    made_by(&page, "fine");
    assert_eq!(page.layer_done(), "blob");
    assert_eq!(asked(mark), 1, "the layer is read once more");
    browser.until(
        "no button to make it again",
        "return document.querySelector('[data-action=remake-index]') === null",
        &[],
    );

    // That is what is stored now, and files are read by it.
    let mark = corpus.anonymous.log().mark();
    browser.reload();
    page.ready();
    made_by(&page, "fine");
    assert_eq!(asked(mark), 0);
    page.walk_to(edge::NEEDLE);
    assert_text(&page.text(), &corpus.extract(layer, edge::NEEDLE).unwrap());
    assert_eq!(page.content_verified(), "span");
    page.assert_clean();
}
