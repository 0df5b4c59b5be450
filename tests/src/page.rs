//! Layerscope's page as its users and embedding hosts know it: the one place that knows its
//! selectors. All but the few in [`css`] are promised by the page (ARCHITECTURE.md, "What the page
//! promises").

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    browser::{Browser, PATIENCE},
    net::wait,
    proxy::Proxy,
};

/// Selectors that the page does not promise.
pub mod css {
    /// The box in which a reference is typed; the start page has a big one.
    pub const REFERENCE: &str = "main input[name=reference], input[name=reference]";
    /// The fields in which a file, and a folder, of this computer is chosen.
    pub const FILE: &str = "main [data-action=choose-file]";
    /// See [`FILE`].
    pub const FOLDER: &str = "main [data-action=choose-folder]";
    /// The search over a listing.
    pub const SEARCH: &str = "input[type=search]";
    /// The button that saves a file.
    pub const DOWNLOAD: &str = "[data-action=download]";
    /// Leaves the file that is open beside the list.
    pub const CLOSE: &str = ".file-head a";
    /// Tries again what has failed.
    pub const AGAIN: &str = "[role=alert] .again";
    /// User name in the form that a refused sign-in shows.
    pub const USER: &str = "[role=alert] input[name=username]";
    /// Password there.
    pub const PASSWORD: &str = "[role=alert] input[name=password]";
    /// The listing, which takes the keys.
    pub const LISTING: &str = "[role=grid]";
    /// A line of a file's text.
    pub const LINE: &str = ".ln";
    /// What scrolls in it.
    pub const SCROLLER: &str = "[role=grid] .scroller";
}

/// A path as it stands in routes and in `data-entry-path`: bytes other than letters, digits and
/// `-._~/` are `%XX`.
pub fn encode_path(path: &[u8]) -> String {
    path.iter()
        .map(|byte| match byte {
            b'-' | b'.' | b'_' | b'~' | b'/' => char::from(*byte).to_string(),
            byte if byte.is_ascii_alphanumeric() => char::from(*byte).to_string(),
            byte => format!("%{byte:02X}"),
        })
        .collect()
}

/// The route of a layer, or of a path in it.
pub fn fs_route(registry: &str, repository: &str, digest: &str, path: &str) -> String {
    let path = encode_path(path.as_bytes());
    let slash = if path.is_empty() { "" } else { "/" };
    format!("#/fs/{registry}/{repository}@{digest}{slash}{path}")
}

/// A row of a listing.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Row {
    /// `data-entry-path`: percent-encoded bytes.
    pub path: String,
    /// `data-entry-type`.
    pub kind: String,
    /// `data-entry-size`.
    pub size: Option<String>,
    /// `data-entry-ordinal`.
    pub ordinal: Option<String>,
    /// `data-verified` on it or around it.
    pub verified: Option<String>,
    /// What a reader sees of it.
    pub text: String,
}

/// The page in a browser, served by a proxy.
pub struct Page<'a> {
    /// The browser.
    pub browser: &'a Browser,
    base: &'a str,
}

impl<'a> Page<'a> {
    /// The page that `proxy` serves.
    pub fn new(browser: &'a Browser, proxy: &'a Proxy) -> Self {
        Self {
            browser,
            base: proxy.base(),
        }
    }

    /// The page as another server has it, at an address without a slash at its end.
    pub fn at(browser: &'a Browser, base: &'a str) -> Self {
        Self { browser, base }
    }

    /// The page's address, without a slash at its end.
    pub fn base(&self) -> &str {
        self.base
    }

    /// Chooses a file or folder of this computer in the start page's field.
    #[track_caller]
    pub fn choose(&self, path: &std::path::Path) {
        let field = if path.is_dir() {
            css::FOLDER
        } else {
            css::FILE
        };
        let field = self.browser.find(field);
        let path = path.display().to_string();
        wait(field.send_keys(&path)).expect("a file can be chosen");
    }

    /// Chooses it, and waits until what it leads to is there; returns which state that has.
    #[track_caller]
    pub fn open_local(&self, path: &std::path::Path) -> String {
        self.choose(path);
        self.browser.until(
            "a route of local data",
            "return location.hash.startsWith('#/local/')",
            &[],
        );
        self.settled()
    }

    /// Loads the page anew at a route such as `#/image/debian`, and waits for its state.
    #[track_caller]
    pub fn load(&self, route: &str) -> String {
        self.browser.goto("about:blank");
        self.browser.goto(&format!("{}/{route}", self.base));
        self.settled()
    }

    /// Loads the page anew and does not wait.
    pub fn start_loading(&self, route: &str) {
        self.browser.goto("about:blank");
        self.browser.goto(&format!("{}/{route}", self.base));
    }

    /// Goes to another route in the same page, and waits for its state.
    #[track_caller]
    pub fn go(&self, route: &str) -> String {
        self.browser
            .run("location.hash = arguments[0]", &[json!(route)]);
        self.settled()
    }

    /// Waits until the page speaks of the route in the address and is ready or in error; returns
    /// which.
    #[track_caller]
    pub fn settled(&self) -> String {
        let state = self.browser.until(
            "data-state=ready or error",
            // The page puts the canonical form of a route into the address before it speaks of it.
            "const h = document.documentElement.dataset;
             const here = location.hash === '' ? '#/' : location.hash;
             return '#' + h.route === here && (h.state === 'ready' || h.state === 'error') ? h.state : null;",
            &[],
        );
        state.as_str().unwrap_or_default().to_owned()
    }

    /// The same, for a page that must be ready.
    #[track_caller]
    pub fn ready(&self) {
        let state = self.settled();
        assert_eq!(state, "ready", "{}", self.browser.describe());
    }

    /// Loads a route that must be there.
    #[track_caller]
    pub fn load_ready(&self, route: &str) {
        self.start_loading(route);
        self.ready();
    }

    /// `data-route`, with `#` before it.
    pub fn route(&self) -> String {
        self.text_of(
            "return '#' + (document.documentElement.dataset.route ?? '')",
            &[],
        )
    }

    fn text_of(&self, script: &str, args: &[Value]) -> String {
        self.browser
            .run(script, args)
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    /// Types a reference into the box and presses Enter.
    #[track_caller]
    pub fn open_reference(&self, reference: &str) {
        self.browser.type_into(css::REFERENCE, reference);
        let focus = self.browser.find(css::REFERENCE);
        wait(focus.send_keys("\u{e007}")).expect("Enter can be pressed");
    }

    /// Clicks a layer by its digest, and waits for its listing.
    #[track_caller]
    pub fn open_layer(&self, digest: &str) {
        self.browser.click(&format!("[data-layer='{digest}'] a"));
        self.browser.until(
            "the layer's route",
            "return document.documentElement.dataset.route?.includes('/fs/')",
            &[],
        );
        self.ready();
    }

    /// The rows that are in the document now.
    pub fn rows(&self) -> Vec<Row> {
        let rows = self.browser.run(
            "return [...document.querySelectorAll('[data-entry-path]')].map((row) => ({
                path: row.dataset.entryPath, kind: row.dataset.entryType,
                size: row.dataset.entrySize ?? null, ordinal: row.dataset.entryOrdinal ?? null,
                verified: row.closest('[data-verified]')?.dataset.verified ?? null,
                text: row.innerText,
            }))",
            &[],
        );
        serde_json::from_value(rows).expect("rows have the promised attributes")
    }

    /// Waits until a row with this (encoded) path is there, scrolling through the list as a reader
    /// would: only what is in view is in the document.
    #[track_caller]
    pub fn wait_row(&self, path: &str) {
        self.browser.until(
            &format!("the row {path}"),
            "const [path, css] = arguments;
             if ([...document.querySelectorAll('[data-entry-path]')].some((row) => row.dataset.entryPath === path)) return true;
             const box = document.querySelector(css);
             if (!box) return false;
             const end = box.scrollTop + box.clientHeight >= box.scrollHeight - 1;
             box.scrollTop = end ? 0 : box.scrollTop + box.clientHeight * 0.8;
             return false;",
            &[json!(path), json!(css::SCROLLER)],
        );
    }

    /// Clicks the row with this (encoded) path.
    #[track_caller]
    pub fn click_entry(&self, path: &str) {
        self.wait_row(path);
        // The driver aims before it clicks: the list must not move in between, as it does in the
        // frames after it was scrolled.
        self.browser.run_async(
            "const rows = [...document.querySelectorAll('[data-entry-path]')];
             rows.find((row) => row.dataset.entryPath === args[0])?.scrollIntoView({ block: 'nearest' });
             const frame = () => new Promise(requestAnimationFrame);
             await frame(); await frame();
             await new Promise((done) => setTimeout(done, 50));
             await frame();",
            &[json!(path)],
        );
        let quoted = path.replace('\\', "\\\\").replace('\'', "\\'");
        self.browser
            .click(&format!("[data-entry-path='{quoted}'] a"));
    }

    /// Walks from the top directory to `path`, a click for each part.
    #[track_caller]
    pub fn walk_to(&self, path: &str) {
        let mut here = String::new();
        for part in path.split('/') {
            here = if here.is_empty() {
                part.to_owned()
            } else {
                format!("{here}/{part}")
            };
            self.click_entry(&here);
            self.browser.until(
                &format!("the route of {here}"),
                "return document.documentElement.dataset.route?.split('?')[0].endsWith('/' + arguments[0])",
                &[json!(here)],
            );
            self.ready();
        }
    }

    /// Waits until the whole layer has come in and its digest was compared: no progress bar is
    /// left. Returns `data-verified` of the rows, nothing if there are none.
    #[track_caller]
    pub fn layer_done(&self) -> String {
        let verified = self.browser.until(
            "the end of the stream",
            // In one look: rows come and go between two. A layer that has not begun has no bar, and
            // says that there is nothing yet.
            "if (document.querySelector('main [role=progressbar]') !== null) return null;
             const row = document.querySelector('[data-entry-path][data-verified]');
             if (row !== null) return row.dataset.verified;
             const empty = document.querySelector('.empty');
             const ended = document.querySelector('[role=alert]') !== null
                 || (empty !== null && !empty.innerText.startsWith('Nothing here yet'));
             return ended ? 'no rows' : null;",
            &[],
        );
        let verified = verified.as_str().unwrap_or_default();
        if verified == "no rows" {
            return String::new();
        }
        verified.to_owned()
    }

    /// Waits until nothing streams in any more.
    #[track_caller]
    pub fn layer_settled(&self) {
        self.browser.until(
            "the end of the stream",
            "return document.querySelector('main [role=progressbar]') === null",
            &[],
        );
    }

    /// The text shown of a file, its lines joined.
    #[track_caller]
    pub fn text(&self) -> String {
        self.browser.find("[data-content=text]");
        // Up to 20,000 lines, those out of view follow a block a frame.
        self.browser.until(
            "all lines",
            "const blocks = [...document.querySelectorAll('[data-content=text] .block')];
             return blocks.length > 500 || blocks.every((block) => block.querySelector(arguments[0]) !== null);",
            &[json!(css::LINE)],
        );
        let script = "
            const text = document.querySelector('[data-content=text]');
            const lines = [...text.querySelectorAll(arguments[0])];
            return lines.length > 0
                ? lines.map((line) => line.textContent.replace(/\\r?\\n$/, '')).join('\\n')
                : text.textContent;";
        self.text_of(script, &[json!(css::LINE)])
    }

    /// `data-verified` of the content shown.
    #[track_caller]
    pub fn content_verified(&self) -> String {
        self.text_of(
            "return document.querySelector('[data-content]')?.closest('[data-verified]')?.dataset.verified ?? ''",
            &[],
        )
    }

    /// The line about a layer that did not come in one piece, if there is one.
    pub fn interrupted(&self) -> String {
        self.text_of(
            "return document.querySelector('[data-interrupted]')?.innerText ?? ''",
            &[],
        )
    }

    /// What the alert says, waiting for one.
    #[track_caller]
    pub fn alert(&self) -> String {
        self.alert_within(PATIENCE)
    }

    /// The same with another limit.
    #[track_caller]
    pub fn alert_within(&self, limit: Duration) -> String {
        let text = self.browser.until_within(
            limit,
            "an alert",
            "return [...document.querySelectorAll('[role=alert]')].map((alert) => alert.innerText.trim()).filter(Boolean).join('\\n')",
            &[],
        );
        text.as_str().unwrap_or_default().to_owned()
    }

    /// Presses "Try again" in the alert.
    #[track_caller]
    pub fn try_again(&self) {
        let pressed = self.browser.run(
            "const buttons = [...document.querySelectorAll('[role=alert] button')];
             const again = buttons.find((button) => button.innerText.trim() === 'Try again');
             again?.click();
             return again !== undefined;",
            &[],
        );
        assert_eq!(pressed, json!(true), "no button to try again");
    }

    /// Whether an alert is shown now.
    pub fn has_alert(&self) -> bool {
        let found = self.browser.run(
            "return [...document.querySelectorAll('[role=alert]')].some((alert) => alert.innerText.trim())",
            &[],
        );
        found == json!(true)
    }

    /// The time of the latest `performance.mark` of a name, in milliseconds since the page began.
    pub fn mark(&self, name: &str) -> Option<f64> {
        let script = "return performance.getEntriesByName(arguments[0]).at(-1)?.startTime ?? null";
        self.browser
            .run(script, &[json!(format!("layerscope:{name}"))])
            .as_f64()
    }

    /// Nothing that the page must never do has been seen: no violation of its policy, no uncaught
    /// error, no dialog.
    #[track_caller]
    pub fn assert_clean(&self) {
        assert_eq!(self.browser.violations(), [""; 0], "policy violations");
        assert_eq!(self.browser.errors(), [""; 0], "uncaught errors");
        let mut console = self.browser.console();
        console.retain(|line| {
            line.starts_with("SEVERE") && !line.contains("the server responded with a status of")
        });
        assert_eq!(console, [""; 0], "the console");
    }
}
