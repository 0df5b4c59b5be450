//! Nothing is lost: connections that break, tabs that are reloaded, stopped, or opened twice.

use layerscope_tests::{
    corpus::{Corpus, Image, Layer},
    page::{Page, fs_route},
    recorder::Recorded,
};

use crate::stage;

/// Bytes a second at which there is time to act while a layer streams, and at which what is stored
/// every 16 MiB is stored soon.
const PACE: u64 = 8_000_000;
/// What a visit may have to fetch again: what came since it was stored last, the time for storing,
/// and what was on its way.
const DISTANCE: u64 = 40 << 20;

/// Bytes that sockets, the proxy and the browser may hold at once: it gives none of what it holds to a
/// page once the connection has broken.
const IN_FLIGHT: u64 = 2 << 20;

/// Requests for the layer after a mark.
fn of_layer(corpus: &Corpus, mark: usize, layer: &Layer) -> Vec<Recorded> {
    let mut list = corpus.anonymous.log().blobs_since(mark);
    list.retain(|request| request.path.ends_with(&layer.digest));
    list
}

/// First byte of a range that is open at its end.
fn start(request: &Recorded) -> u64 {
    let range = request.range.as_deref().unwrap_or("bytes=0-");
    let start = range.strip_prefix("bytes=").unwrap().strip_suffix('-');
    start.expect("it is open").parse().unwrap()
}

/// A layer large enough that its state is stored now and then.
fn large(corpus: &Corpus) -> Option<&Image> {
    let image = corpus.optional("debian/base")?;
    assert!(image.layers[0].size > 24 << 20, "{}", image.layers[0].size);
    Some(image)
}

/// Loads the layer and waits until it streams.
fn begin(page: &Page<'_>, route: &str) {
    page.load_ready(route);
    page.browser.until(
        "the bar of a stream with rows",
        "return document.querySelector('main [role=progressbar]') !== null
             && document.querySelector('[data-entry-path]') !== null",
        &[],
    );
}

#[test]
fn a_connection_that_breaks_at_every_tenth_is_a_line_and_no_more() {
    let Some((corpus, proxy, browser)) = stage() else {
        return;
    };
    let image = corpus.image("made/tree");
    let layer = &image.layers[0];
    let registry = &corpus.anonymous;
    let page = Page::new(&browser, &proxy);
    let route = fs_route(&registry.host(), &image.repository, &layer.digest, "");
    page.load_ready("#/help");

    // Once at each tenth in one stream.
    let mark = registry.log().mark();
    let places = |tenth: u64| layer.size * tenth / 10;
    registry.recorder().set_cuts((1..10).map(places));
    page.go(&route);
    let done = || {
        let verified = page.layer_done();
        assert_eq!(verified, "blob", "{}", browser.describe());
        assert!(!page.has_alert());
        assert_eq!(registry.recorder().cuts_left(), 0);
    };
    done();
    // One that brought nothing before it broke again is not told of once more.
    let line = page.interrupted();
    let times = line.strip_prefix("Connection lost ").unwrap_or_default();
    let (times, rest) = times.split_once(" times, last at ").unwrap_or_default();
    let times: u32 = times.parse().unwrap_or_default();
    assert!((2..=9).contains(&times), "{line:?}");
    assert!(rest.ends_with("nothing was lost"), "{line:?}");
    let requests = of_layer(&corpus, mark, layer);
    assert_eq!(requests.len(), 10, "{requests:?}");
    for pair in requests.windows(2) {
        let sent = start(&pair[0]) + pair[0].sent;
        // What was on its way to the browser when it broke may be sent again, and nothing else.
        let next = start(&pair[1]);
        assert!((start(&pair[0])..=sent).contains(&next), "{pair:?}");
        assert!(sent - next <= IN_FLIGHT, "{pair:?}");
    }

    // Each alone.
    for tenth in 1..10 {
        page.go("#/settings");
        browser.click("[data-action=clear]");
        browser.until(
            "an empty store",
            "return document.querySelector('[data-kept=\"0\"]') !== null",
            &[],
        );
        page.load_ready("#/help"); // the page's own copy goes too
        registry.recorder().set_cuts([places(tenth)]);
        let mark = registry.log().mark();
        page.go(&route);
        done();
        let line = page.interrupted();
        assert!(line.starts_with("Connection lost at "), "{line:?}");
        assert_eq!(of_layer(&corpus, mark, layer).len(), 2);
    }
    page.assert_clean();
}

#[test]
fn a_tab_reloaded_in_mid_stream_goes_on_by_range() {
    let Some((corpus, proxy, browser)) = stage() else {
        return;
    };
    let Some(image) = large(&corpus) else { return };
    let layer = &image.layers[0];
    let registry = &corpus.anonymous;
    let page = Page::new(&browser, &proxy);
    let route = fs_route(&registry.host(), &image.repository, &layer.digest, "");
    let mark = registry.log().mark();
    registry.recorder().set_pace(Some(PACE));
    begin(&page, &route);
    wait_stored(&page, &layer.digest);
    let sent = of_layer(&corpus, mark, layer)[0].sent;
    assert!(sent < layer.size, "too late: all of it came");
    let mark = registry.log().mark();
    registry.recorder().set_pace(None);
    browser.reload();
    page.ready();
    assert_eq!(page.layer_done(), "blob");
    let requests = of_layer(&corpus, mark, layer);
    let [one] = &requests[..] else {
        panic!("not one request: {requests:?}")
    };
    let from = start(one);
    assert_eq!((one.status, one.sent), (206, layer.size - from));
    assert!(from > 8 << 20 && from < sent, "{from} of {sent}");
    assert!(sent - from < DISTANCE, "{from} of {sent}");
    let line = page.interrupted();
    assert!(line.starts_with("Gone on at "), "{line:?}");
    println!(
        "reloaded after {sent} bytes, gone on from {from} of {}",
        layer.size
    );

    // The beginning is not kept beside the index; the next visit asks nobody.
    assert_eq!(stored_keys(&page), [format!("layer/{}", layer.digest)]);
    let mark = registry.log().mark();
    browser.reload();
    page.ready();
    assert_eq!(page.layer_done(), "blob");
    assert_eq!(of_layer(&corpus, mark, layer), []);
    page.assert_clean();
}

/// Keys in the store.
fn stored_keys(page: &Page<'_>) -> Vec<String> {
    let keys = page.browser.run_async(
        "const open = indexedDB.open('layerscope');
         await new Promise((done) => (open.onsuccess = done));
         const get = open.result.transaction('index').objectStore('index').getAllKeys();
         await new Promise((done) => (get.onsuccess = done));
         open.result.close();
         return get.result;",
        &[],
    );
    serde_json::from_value(keys).unwrap()
}

/// Waits until the state of the layer's stream is stored.
fn wait_stored(page: &Page<'_>, digest: &str) {
    let key = format!("partial/{digest}");
    for _ in 0..600 {
        if stored_keys(page).contains(&key) {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("nothing was stored");
}

#[test]
fn two_tabs_on_one_layer_make_one_stream_and_the_second_takes_over() {
    let Some((corpus, proxy, browser)) = stage() else {
        return;
    };
    let Some(image) = large(&corpus) else { return };
    let layer = &image.layers[0];
    let registry = &corpus.anonymous;
    let page = Page::new(&browser, &proxy);
    let route = fs_route(&registry.host(), &image.repository, &layer.digest, "");
    let first = browser.tab();
    let mark = registry.log().mark();
    registry.recorder().set_pace(Some(PACE));
    begin(&page, &route);
    let second = browser.new_tab();
    page.start_loading(&route);
    browser.until(
        "the second tab waits",
        "return document.querySelector('[data-interrupted]')?.innerText.startsWith('Another tab reads this layer')",
        &[],
    );
    assert_eq!(of_layer(&corpus, mark, layer).len(), 1);

    // The first is closed in the middle: the second goes on from what it has stored.
    wait_stored(&page, &layer.digest);
    browser.switch_to(&first);
    browser.close_tab();
    browser.switch_to(&second);
    registry.recorder().set_pace(None);
    assert_eq!(page.layer_done(), "blob");
    let requests = of_layer(&corpus, mark, layer);
    assert_eq!(requests.len(), 2, "{requests:?}");
    assert!(start(&requests[1]) > 8 << 20, "{requests:?}");

    // Both to the end: one stream, and both have the list.
    page.go("#/settings");
    browser.click("[data-action=clear]");
    browser.until(
        "an empty store",
        "return document.querySelector('[data-kept=\"0\"]') !== null",
        &[],
    );
    let mark = registry.log().mark();
    registry.recorder().set_pace(Some(2 * PACE));
    begin(&page, &route);
    let third = browser.new_tab();
    page.start_loading(&route);
    browser.until(
        "the third tab waits",
        "return document.querySelector('[data-interrupted]')?.innerText.startsWith('Another tab reads this layer')",
        &[],
    );
    registry.recorder().set_pace(None);
    assert_eq!(page.layer_done(), "blob");
    browser.switch_to(&second);
    assert_eq!(page.layer_done(), "blob");
    let requests = of_layer(&corpus, mark, layer);
    assert_eq!(requests.len(), 1, "{requests:?}");
    assert_eq!(requests[0].sent, layer.size);
    // (What a page must never do is watched for in a browser's first tab alone.)
    browser.switch_to(&third);
    assert_eq!(page.layer_done(), "blob");
}

#[test]
fn a_layer_that_was_cancelled_goes_on() {
    let Some((corpus, proxy, browser)) = stage() else {
        return;
    };
    let image = corpus.image("made/tree");
    let layer = &image.layers[0];
    let registry = &corpus.anonymous;
    let page = Page::new(&browser, &proxy);
    let route = fs_route(&registry.host(), &image.repository, &layer.digest, "");
    let mark = registry.log().mark();
    registry.recorder().set_pace(Some(400_000));
    begin(&page, &route);
    press(&page, "Cancel");
    press(&page, "Go on");
    registry.recorder().set_pace(None);
    assert_eq!(page.layer_done(), "blob");
    let requests = of_layer(&corpus, mark, layer);
    assert_eq!(requests.len(), 2, "{requests:?}");
    assert!(start(&requests[1]) > 0);
    page.assert_clean();
}

/// Presses a button beside the progress bar, as soon as it is there.
fn press(page: &Page<'_>, name: &str) {
    page.browser.until(
        name,
        "const buttons = [...document.querySelectorAll('.progress button')];
         const found = buttons.find((button) => button.innerText.trim() === arguments[0]);
         found?.click();
         return found !== undefined;",
        &[serde_json::json!(name)],
    );
}
