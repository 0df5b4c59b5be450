//! Much at once: 50,000 entries, three layers that stream, a page that stays quick.

use std::time::Duration;

use layerscope_tests::{
    browser::Browser,
    corpus::edge,
    page::{Page, css, fs_route},
};
use serde_json::json;

use crate::stage;

/// A machine that does other things as well makes any task long now and then. One quiet run in
/// so many shows that the page itself has no long task.
const RUNS: usize = 4;

/// A task of the page that takes as long as this is a defect on any machine.
const HANG_MS: f64 = 400.0;

/// Runs `act` until the page had no task over 50 ms meanwhile; says so if it never did.
#[track_caller]
pub(crate) fn without_long_tasks(browser: &Browser, what: &str, mut act: impl FnMut()) {
    let mut seen = Vec::new();
    for _ in 0..RUNS {
        let start = browser.now();
        act();
        let tasks = browser.long_tasks(start);
        if tasks.is_empty() {
            return;
        }
        seen.push(tasks);
    }
    // The goal is none; a busy machine stretches every task, so only what no machine excuses fails.
    println!("{what}: tasks over 50 ms (start, duration) in each of {RUNS} runs: {seen:?}");
    let worst = seen.iter().flatten().map(|task| task.1).fold(0.0, f64::max);
    assert!(
        worst < HANG_MS,
        "{what}: the page stood still for {worst} ms"
    );
}

/// Scrolls a listing from its top to its end in steps, a frame each; returns the most rows that
/// were in the document, and the last row's path.
fn scroll_through(browser: &Browser) -> (u64, String) {
    let script = "
        const box = document.querySelector(args[0]);
        let most = 0;
        const frame = () => new Promise(requestAnimationFrame);
        box.scrollTop = 0;
        const steps = 60, height = box.scrollHeight - box.clientHeight;
        for (let i = 1; i <= steps; i++) {
            box.scrollTop = (height * i) / steps;
            await frame(); await frame();
            most = Math.max(most, document.querySelectorAll('[data-entry-path]').length);
        }
        for (let i = 0; i < 300; i++) {
            const rows = [...document.querySelectorAll('[data-entry-path]')];
            if (rows.at(-1)?.dataset.entryPath === args[1]) break;
            await new Promise((done) => setTimeout(done, 20));
        }
        return [most, [...document.querySelectorAll('[data-entry-path]')].at(-1)?.dataset.entryPath ?? ''];";
    let last = format!("many/{:06}", edge::MANY - 1);
    let answer = browser.run_async(script, &[json!(css::SCROLLER), json!(last)]);
    (
        answer[0].as_u64().unwrap(),
        answer[1].as_str().unwrap().to_owned(),
    )
}

#[test]
fn fifty_thousand_entries() {
    let Some((corpus, proxy, browser)) = stage() else {
        return;
    };
    let layer = &corpus.image("edge/many").layers[0];
    let page = Page::new(&browser, &proxy);
    let host = corpus.anonymous.host();
    let last = format!("many/{:06}", edge::MANY - 1);
    page.load_ready("#/help");
    // While it streams in, and while it is scrolled.
    page.go(&fs_route(&host, "edge/many", &layer.digest, "many"));
    assert_eq!(page.layer_done(), "blob");
    without_long_tasks(&browser, "scrolling 50,000 entries", || {
        let (most, end) = scroll_through(&browser);
        assert_eq!(end, last);
        assert!(
            (10..400).contains(&most),
            "{most} rows in the document at once"
        );
    });
    browser.screenshot("many");

    // A search looks at all of them.
    page.load_ready(&format!(
        "{}?q=0499",
        fs_route(&host, "edge/many", &layer.digest, "")
    ));
    page.wait_row("many/049900");
    assert!(page.rows().iter().all(|row| row.path.contains("0499")));
    // A listing goes to the entry that the route names.
    page.load_ready(&fs_route(&host, "edge/many", &layer.digest, &last));
    browser.until(
        "the row of the route, without scrolling",
        "return document.querySelector(`[data-entry-path='${arguments[0]}']`) !== null",
        &[json!(last)],
    );
    page.assert_clean();
}

#[test]
fn streaming_leaves_the_page_quick() {
    let Some((corpus, proxy, browser)) = stage() else {
        return;
    };
    let image = corpus
        .optional("debian/base")
        .unwrap_or_else(|| corpus.image("made/tree"));
    let layer = &image.layers[0];
    let host = corpus.anonymous.host();
    let page = Page::new(&browser, &proxy);
    page.load_ready("#/settings");
    without_long_tasks(&browser, "streaming a layer", || {
        page.go(&fs_route(&host, &image.repository, &layer.digest, ""));
        assert_eq!(page.layer_done(), "blob");
        // The next run streams again.
        page.go("#/settings");
        browser.click("[data-action=clear]");
        browser.until(
            "an empty cache",
            "return document.querySelector('[data-kept=\"0\"]') !== null",
            &[],
        );
    });
    page.assert_clean();
}

#[test]
fn a_file_does_not_wait_for_three_layers() {
    let Some((corpus, proxy, browser)) = stage() else {
        return;
    };
    let image = corpus.image("made/three");
    let host = corpus.anonymous.host();
    let page = Page::new(&browser, &proxy);
    let mark = corpus.anonymous.log().mark();
    // Slow enough that none ends before the file is open: some ten seconds and more.
    corpus.anonymous.recorder().set_pace(Some(250_000));
    page.load_ready("#/help");
    let route =
        |layer: usize, path: &str| fs_route(&host, "made/three", &image.layers[layer].digest, path);
    page.go(&route(0, ""));
    page.wait_row("early.txt");
    page.browser
        .run("location.hash = arguments[0]", &[json!(route(1, ""))]);
    std::thread::sleep(Duration::from_millis(300));
    page.browser
        .run("location.hash = arguments[0]", &[json!(route(2, ""))]);
    std::thread::sleep(Duration::from_millis(300));
    let before = browser.now();
    page.go(&route(0, "early.txt"));
    page.ready();
    assert_eq!(page.text().trim_end(), "first file of tree 11");
    println!(
        "content {:.0} ms after its route, while layers stream",
        page.mark("content").unwrap_or(before) - before
    );
    let streams: Vec<_> = corpus
        .anonymous
        .log()
        .blobs_since(mark)
        .into_iter()
        .filter(|request| request.range.is_none() && request.path.contains("made/three"))
        .collect();
    assert!(streams.len() >= 2, "not several at once: {streams:?}");
    for stream in &streams {
        let layer = image
            .layers
            .iter()
            .find(|layer| stream.path.ends_with(&layer.digest));
        if let Some(layer) = layer {
            assert!(
                stream.sent < layer.size,
                "a layer ended before the file was open: {stream:?}"
            );
        }
    }
    corpus.anonymous.recorder().set_pace(None);
    page.assert_clean();
}
