//! Layerscope as its readers use it: the release build in a real browser, before real registries
//! and before one that misbehaves.
//!
//! Each test has a browser of its own; run with `--test-threads=2` on a small machine.

#![allow(clippy::unwrap_used)] // a test's panic is its message

mod bad_input;
#[path = "../registries/behind.rs"]
mod behind;
mod chunked;
mod compare;
mod direct;
mod documents;
mod edges;
mod embed;
mod embed_host;
mod files;
mod formats;
mod history;
mod indices;
mod keys;
mod large;
mod listings;
mod local;
mod login;
mod main_job;
mod offline;
mod packages;
mod pages;
mod referrers;
mod resume;
mod root;
mod round_trips;
mod sign_in;
mod static_host;
mod storage;
mod trade;
mod viewers;

use layerscope_tests::{
    browser::{Browser, Options},
    corpus::Corpus,
    proxy::Proxy,
};
use serde_json::json;

/// A browser, registries of its own (it counts their requests), and a proxy that may read from them; none where one of them cannot
/// be had, after a line that says so.
fn stage() -> Option<(Corpus, Proxy, Browser)> {
    let corpus = Corpus::own()?;
    let browser = Browser::start()?;
    let proxy = proxy(&corpus);
    Some((corpus, proxy, browser))
}

/// The same with a browser as narrow as a phone.
fn narrow_stage() -> Option<(Corpus, Proxy, Browser)> {
    let corpus = Corpus::own()?;
    let options = Options {
        window: Some((360, 740)),
        ..Options::default()
    };
    let browser = Browser::with(&options)?;
    browser.cdp(
        "Emulation.setDeviceMetricsOverride",
        json!({"width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": false}),
    );
    let proxy = proxy(&corpus);
    Some((corpus, proxy, browser))
}

/// How many elements a selector finds.
fn count(browser: &Browser, css: &str) -> u64 {
    let found = browser.run(
        "return document.querySelectorAll(arguments[0]).length",
        &[json!(css)],
    );
    found.as_u64().unwrap()
}

/// A proxy that may read from all three registries and ask the token server.
fn proxy(corpus: &Corpus) -> Proxy {
    Proxy::start(&flags(corpus)).unwrap()
}

/// The flags of such a proxy.
fn flags(corpus: &Corpus) -> Vec<String> {
    let hosts = [
        corpus.anonymous.host(),
        corpus.basic.host(),
        corpus.bearer.host(),
        corpus.tokens.host(),
    ];
    let mut flags: Vec<String> = hosts
        .iter()
        .flat_map(|host| ["--allow-private", host, "--plain-http", host])
        .map(str::to_owned)
        .collect();
    flags.push("--realm".into());
    flags.push(format!("{}={}", corpus.bearer.host(), corpus.tokens.host()));
    flags
}

/// The text of a file as the page shows it: lines, without the last line's end.
fn lines(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes).replace("\r\n", "\n");
    text.strip_suffix('\n').unwrap_or(&text).to_owned()
}

/// Compares a file's text on the page with the bytes that it has.
#[track_caller]
fn assert_text(shown: &str, bytes: &[u8]) {
    let (shown, expect) = (lines(shown.as_bytes()), lines(bytes));
    if shown != expect {
        let at = shown
            .bytes()
            .zip(expect.bytes())
            .take_while(|(a, b)| a == b)
            .count();
        let near = |text: &str| {
            text.get(at.saturating_sub(40)..(at + 40).min(text.len()))
                .map(str::to_owned)
        };
        panic!(
            "{} bytes shown, {} expected, different at {at}: {:?} and {:?}",
            shown.len(),
            expect.len(),
            near(&shown),
            near(&expect)
        );
    }
}
