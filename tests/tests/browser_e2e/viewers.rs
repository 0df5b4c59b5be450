//! Files as what they are: certificates, programs, and those that only look like it.

use layerscope_tests::{
    browser::Browser,
    corpus::{push::NewLayer, rawtar::Tar},
    double::Double,
    page::{Page, fs_route},
    proxy::Proxy,
};
use serde_json::json;

use crate::assert_text;

const CHAIN: &[u8] = include_bytes!("../../data/viewers/chain.pem");
const SERVER: &[u8] = include_bytes!("../../data/viewers/server.pem");
const KEY: &[u8] = include_bytes!("../../data/viewers/private.pem");
const PROGRAM: &[u8] = include_bytes!("../../data/viewers/hello-c");
const ENVELOPE: &[u8] = include_bytes!("../../data/viewers/envelope.json");
const ENVELOPE_KEY: &str = include_str!("../../data/viewers/envelope.pub");
const SBOM: &[u8] = include_bytes!("../../data/viewers/cyclonedx.json");
const WASM: &[u8] = include_bytes!("../../data/viewers/hello.wasm");

/// A program whose tables are far behind its first bytes.
fn large_program() -> Vec<u8> {
    let table = u64::from_le_bytes(PROGRAM[40..48].try_into().unwrap()) as usize;
    let mut large = PROGRAM[..table].to_vec();
    large.resize(3 << 20, 0x55);
    let moved = large.len() as u64;
    large.extend_from_slice(&PROGRAM[table..]);
    large[40..48].copy_from_slice(&moved.to_le_bytes());
    large
}

struct Stage {
    double: Double,
    proxy: Proxy,
    browser: Browser,
    digest: String,
}

fn stage() -> Option<Stage> {
    let browser = Browser::start()?;
    let double = Double::start().unwrap();
    let proxy = Proxy::for_hosts(&[double.host()]).unwrap();
    let mut tar = Tar::new();
    tar.dir("etc")
        .file("etc/chain.pem", CHAIN)
        .file("etc/server.crt", SERVER)
        .file("etc/private.key", KEY)
        .file("etc/envelope.json", ENVELOPE)
        .file("etc/sbom.json", SBOM)
        .dir("bin")
        .file("bin/hello", PROGRAM)
        .file("bin/large", large_program())
        .file("bin/hello.wasm", WASM)
        .file("bin/broken", &PROGRAM[..40])
        .file("bin/script", "#!/bin/sh\n# -----BEGIN CERTIFICATE-----\n");
    let layer = NewLayer::gzip(&tar.finish());
    let digest = double.image("v/iew", "latest", vec![layer]).remove(0);
    Some(Stage {
        double,
        proxy,
        browser,
        digest,
    })
}

impl Stage {
    fn open<'a>(&'a self, page: &Page<'a>, path: &str) {
        page.load_ready(&fs_route(&self.double.host(), "v/iew", &self.digest, path));
        page.layer_done();
    }

    /// What is to be read in the view, once these words are.
    #[track_caller]
    fn wait_words(&self, words: &[&str]) -> String {
        let said = self.browser.until(
            "the view's words",
            "const view = document.querySelector('[data-content=details]');
             return view && arguments[0].every((w) => view.textContent.includes(w)) ? view.textContent : null;",
            &[json!(words)],
        );
        said.as_str().unwrap_or_default().to_owned()
    }
}

#[test]
fn certificates_and_keys() {
    let Some(stage) = stage() else { return };
    let browser = &stage.browser;
    let page = Page::new(browser, &stage.proxy);
    stage.open(&page, "etc/chain.pem");
    stage.wait_words(&[
        "Test authority (no. 2)",
        "3 of their signatures were checked",
    ]);
    assert_eq!(page.content_verified(), "span");
    browser.screenshot("view-chain");
    // Each in full at a click, and gone at another.
    browser.click(".view button[aria-expanded=false]");
    stage.wait_words(&["Who signed, as Fulcio saw it", "Source repository URI"]);
    let links = browser.run(
        "return [...document.querySelectorAll('.view a')].map((a) => [a.getAttribute('href'), a.rel])",
        &[],
    );
    let expect = json!(["https://github.com/owner/name", "noopener noreferrer"]);
    assert!(links.as_array().unwrap().contains(&expect), "{links}");
    browser.screenshot("view-certificate");

    // Names that would be markup are text.
    stage.open(&page, "etc/server.crt");
    stage.wait_words(&["CN=<script>alert(1)</script>"]);
    let scripts = browser.run(
        "return document.querySelectorAll('main script').length",
        &[],
    );
    assert_eq!(scripts, json!(0));

    // A key is there only when it is asked for; its text is a tab away.
    let secret = String::from_utf8_lossy(KEY);
    let secret = secret.lines().nth(1).unwrap();
    stage.open(&page, "etc/private.key");
    let words = stage.wait_words(&["A private key that is not encrypted"]);
    assert!(!words.contains(secret));
    browser.click(".view button[aria-expanded=false]");
    stage.wait_words(&[secret]);
    page.assert_clean();
}

#[test]
fn packages_and_signatures() {
    let Some(stage) = stage() else { return };
    let browser = &stage.browser;
    let page = Page::new(browser, &stage.proxy);
    stage.open(&page, "etc/sbom.json");
    stage.wait_words(&["Components (", "requests", "pkg:pypi/requests@2.32.3"]);
    browser.screenshot("view-sbom");
    let link = browser.run(
        "return [...document.querySelectorAll('.view td a')].some((a) =>
             a.href === 'https://pypi.org/project/requests/2.32.3')",
        &[],
    );
    assert_eq!(link, json!(true));
    // Its text is a click away.
    browser.click("a[href$='render=text']");
    assert_text(&page.text(), SBOM);

    stage.open(&page, "etc/envelope.json");
    stage.wait_words(&["Shown, not verified", "SLSA provenance", "github-hosted"]);
    let field = ".view input[placeholder^='-----BEGIN']";
    let paste = |text: &str| {
        browser.run(
            "const field = document.querySelector(arguments[0]);
             field.value = arguments[1];
             field.dispatchEvent(new InputEvent('input', { bubbles: true }));",
            &[json!(field), json!(text)],
        );
    };
    paste(ENVELOPE_KEY);
    stage.wait_words(&["Verified: the signature was made with this key"]);
    browser.screenshot("view-envelope");
    paste(include_str!("../../data/viewers/public.pem"));
    stage.wait_words(&["Not verified: the signature was not made with this key"]);
    page.assert_clean();
}

#[test]
fn programs() {
    let Some(stage) = stage() else { return };
    let browser = &stage.browser;
    let page = Page::new(browser, &stage.proxy);
    stage.open(&page, "bin/hello");
    stage.wait_words(&[
        "x86-64 (amd64)",
        "/lib64/ld-linux-x86-64.so.2",
        "libm.so.6",
        "Sections (",
    ]);
    browser.screenshot("view-program");
    // Tables are sorted and filtered where they stand, and the focus stays.
    let first = || {
        browser.run(
            "const table = [...document.querySelectorAll('.view section')]
                 .find((s) => s.querySelector('h2')?.textContent.startsWith('Sections ('));
             return table.querySelector('tbody td').textContent;",
            &[],
        )
    };
    let before = first();
    browser.run(
        "const table = [...document.querySelectorAll('.view section')]
             .find((s) => s.querySelector('h2')?.textContent.startsWith('Sections ('));
         const sort = [...table.querySelectorAll('th button')].find((b) => b.textContent === 'Size');
         sort.focus(); sort.click(); sort.dataset.old = 1;",
        &[],
    );
    browser.until(
        "the table sorted, the focus on its heading",
        "const at = document.activeElement;
         return at.textContent === 'Size' && !at.dataset.old
             && at.closest('th').getAttribute('aria-sort') === 'ascending' ? true : null;",
        &[],
    );
    assert_ne!(first(), before);
    browser.type_into(".view section > .tools > .field", ".rodata");
    browser.until(
        "one row",
        "const rows = [...document.querySelectorAll('section > .tools + .view-table tbody tr')];
         return rows.some((r) => r.textContent.startsWith('.rodata'))
             && !rows.some((r) => r.textContent.startsWith('.text')) ? true : null;",
        &[],
    );
    // The other forms are a click away, and the way back.
    browser.click("a[href$='render=hex']");
    browser.find("[data-content=hex]");
    browser.click("[data-action=details]");
    stage.wait_words(&["libm.so.6"]);

    // Of a large one, what it takes is fetched by Range.
    let before = stage.double.log().mark();
    stage.open(&page, "bin/large");
    stage.wait_words(&["libm.so.6", "Sections ("]);
    assert_eq!(page.content_verified(), "span");
    assert!(stage.double.log().since(before).len() < 12);

    stage.open(&page, "bin/hello.wasm");
    stage.wait_words(&["Imports (1)", "log", "target_features"]);
    page.assert_clean();
}

#[test]
fn what_only_looks_like_it_is_shown_as_before() {
    let Some(stage) = stage() else { return };
    let browser = &stage.browser;
    let page = Page::new(browser, &stage.proxy);
    stage.open(&page, "bin/broken");
    browser.find("[data-content=hex]");
    let words = browser.run("return document.querySelector('main').textContent", &[]);
    let words = words.as_str().unwrap_or_default().to_owned();
    assert!(words.contains("begins like a program"), "{words}");
    stage.open(&page, "bin/script");
    assert_text(&page.text(), b"#!/bin/sh\n# -----BEGIN CERTIFICATE-----\n");
    page.assert_clean();
}
