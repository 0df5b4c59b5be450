//! Registries that ask who is there.

use layerscope_tests::{
    browser::Browser,
    corpus::edge,
    net::wait,
    page::{Page, css, fs_route},
    token_server::{PASSWORD, USER},
};

use crate::{assert_text, stage};

/// A path that the small trees of `made/multi` and `private/tree` have.
const SMALL_FILE: &str = "usr/share/d01/f00001.dat";

#[track_caller]
pub(crate) fn sign_in(browser: &Browser, password: &str) {
    browser.type_into(css::USER, USER);
    browser.type_into(css::PASSWORD, password);
    let field = browser.find(css::PASSWORD);
    wait(field.send_keys("\u{e007}")).unwrap();
}

/// Opens a reference that asks for a password: first with a wrong one, then with the right one.
fn opens_after_sign_in(browser: &Browser, page: &Page<'_>, reference: &str) {
    page.load_ready("#/");
    page.open_reference(reference);
    assert_eq!(page.settled(), "error");
    let alert = page.alert();
    let (host, _) = reference.split_once('/').unwrap();
    assert!(alert.contains(host), "{alert}");
    sign_in(browser, "wrong");
    browser.until(
        "the refusal",
        "return document.querySelector('[data-problem=CREDENTIALS_REFUSED]') !== null",
        &[],
    );
    browser.screenshot("sign-in");
    sign_in(browser, PASSWORD);
    browser.until(
        "the image",
        "return document.documentElement.dataset.state === 'ready' && document.querySelector('[data-layer]') !== null",
        &[],
    );
    let stored = browser.run("return JSON.stringify([{...localStorage}, {...sessionStorage}, location.href, document.cookie])", &[]);
    assert!(!stored.as_str().unwrap().contains(PASSWORD), "{stored}");
}

#[test]
fn basic() {
    let Some((corpus, proxy, browser)) = stage() else {
        return;
    };
    let page = Page::new(&browser, &proxy);
    opens_after_sign_in(
        &browser,
        &page,
        &format!("{}/made/tree", corpus.basic.host()),
    );
    let layer = &corpus.image("made/tree").layers[0];
    page.open_layer(&layer.digest);
    assert_eq!(page.layer_done(), "blob");
    page.walk_to(edge::NEEDLE);
    assert_text(&page.text(), &corpus.extract(layer, edge::NEEDLE).unwrap());
    let asked = corpus.basic.log().all();
    assert!(
        asked
            .iter()
            .any(|request| request.authorization.as_deref() == Some("Basic"))
    );
    assert!(!proxy.log().contains(PASSWORD));
    page.assert_clean();
}

#[test]
fn bearer_for_anybody() {
    let Some((corpus, proxy, browser)) = stage() else {
        return;
    };
    let page = Page::new(&browser, &proxy);
    // So short that each read needs a new token.
    corpus.tokens.set_ttl(1);
    let layer = &corpus.image("made/tree").layers[0];
    page.load_ready("#/");
    page.open_reference(&format!("{}/made/tree", corpus.bearer.host()));
    page.ready();
    page.open_layer(&layer.digest);
    assert_eq!(page.layer_done(), "blob");
    let before = corpus.tokens.requests().len();
    std::thread::sleep(std::time::Duration::from_secs(2));
    page.load_ready(&fs_route(
        &corpus.bearer.host(),
        "made/tree",
        &layer.digest,
        edge::NEEDLE,
    ));
    assert_text(&page.text(), &corpus.extract(layer, edge::NEEDLE).unwrap());
    assert!(
        corpus.tokens.requests().len() > before,
        "an old token was used"
    );
    corpus.tokens.set_ttl(60);
    assert!(!page.has_alert());
    page.assert_clean();
}

#[test]
fn bearer_for_the_user() {
    let Some((corpus, proxy, browser)) = stage() else {
        return;
    };
    let page = Page::new(&browser, &proxy);
    opens_after_sign_in(
        &browser,
        &page,
        &format!("{}/private/tree", corpus.bearer.host()),
    );
    let layer = &corpus.image("private/tree").layers[0];
    page.open_layer(&layer.digest);
    page.layer_done();
    page.walk_to(SMALL_FILE);
    assert_text(&page.text(), &corpus.extract(layer, SMALL_FILE).unwrap());

    // Gone with the tab: credentials are kept nowhere.
    browser.reload();
    page.settled();
    page.load("#/");
    page.open_reference(&format!("{}/private/tree", corpus.bearer.host()));
    assert_eq!(page.settled(), "error");
    page.assert_clean();
}

#[test]
fn out_of_docker_s_file() {
    let Some((corpus, proxy, browser)) = stage() else {
        return;
    };
    let page = Page::new(&browser, &proxy);
    let host = corpus.basic.host();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.json");
    // alice:secret
    let auths = serde_json::json!({
        "auths": {&host: {"auth": "YWxpY2U6c2VjcmV0"}, "ghcr.io": {}},
        "credsStore": "desktop",
    });
    std::fs::write(&file, auths.to_string()).unwrap();
    page.load_ready("#/settings");
    let choose = |file: &std::path::Path| {
        let input = browser.find("[data-action=import]");
        wait(input.send_keys(file.to_str().unwrap())).unwrap();
        let told = "return document.querySelector('[data-imported]').textContent || null";
        browser.until("what came of it", told, &[])
    };
    let told = choose(&file);
    assert_eq!(
        told,
        "Signed in to 1 registry; 1 entry without a password in the file left out. \
         Passwords that docker keeps by a program of this machine (desktop) are not in the file, and a page cannot ask for them."
    );
    browser.screenshot("sign-ins");
    page.go(&format!("#/image/{host}/made/tree:latest"));
    page.ready();
    let stored = browser.run("return JSON.stringify([{...localStorage}, {...sessionStorage}, location.href, document.cookie])", &[]);
    assert!(!stored.as_str().unwrap().contains(PASSWORD), "{stored}");

    page.load_ready("#/settings");
    std::fs::write(&file, "not JSON").unwrap();
    let told = choose(&file);
    assert_eq!(told, "This is no config.json of docker's: it is not JSON.");
    page.assert_clean();
}
