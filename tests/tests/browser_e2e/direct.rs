//! Without a proxy: the build on a plain web server, and registries that a page may read, or not.

use layerscope_tests::{
    browser::Browser,
    corpus::{Corpus, edge, registry::Auth},
    page::Page,
    proxy::Proxy,
    static_site::StaticSite,
};
use serde_json::json;

use crate::{assert_text, proxy};

fn static_stage(config: &str) -> Option<(Corpus, StaticSite, Browser)> {
    let corpus = Corpus::own()?;
    let site = StaticSite::start(config)?;
    Some((corpus, site, Browser::start()?))
}

/// The code of the problem that is shown.
fn problem(browser: &Browser) -> String {
    let code = browser.until(
        "a problem",
        "return document.querySelector('[role=alert][data-problem]')?.dataset.problem ?? null",
        &[],
    );
    code.as_str().unwrap_or_default().to_owned()
}

#[track_caller]
fn fails(page: &Page<'_>, host: &str, code: &str, words: &str) {
    assert_eq!(page.load(&format!("#/image/{host}/made/tree")), "error");
    let alert = page.alert();
    assert_eq!(problem(page.browser), code, "{alert}");
    assert!(alert.contains(words) && alert.contains(host), "{alert}");
    // What the user can do is there too.
    assert!(alert.len() > 200, "{alert}");
}

/// Everything by the browser and the registry alone: tags, manifest, layer, a file by Range.
#[test]
fn a_registry_that_lets_pages_read_needs_no_proxy() {
    let Some((corpus, site, browser)) = static_stage(r#"{"proxy": false}"#) else {
        return;
    };
    let registry = corpus.for_pages(site.base(), Auth::Anonymous).unwrap();
    let host = registry.host();
    let page = Page::at(&browser, site.base());
    let layer = &corpus.image("made/tree").layers[0];
    page.load_ready(&format!("#/repo/{host}/made/tree"));
    browser.find("[data-tag=latest]");
    page.load_ready(&format!("#/image/{host}/made/tree"));
    page.open_layer(&layer.digest);
    assert_eq!(page.layer_done(), "blob");
    page.walk_to(edge::NEEDLE);
    assert_text(&page.text(), &corpus.extract(layer, edge::NEEDLE).unwrap());
    browser.screenshot("direct");
    let asked = registry.access_log();
    let layer_asked = |line: &&_| {
        let line: &layerscope_tests::corpus::registry::AccessLine = line;
        line.method == "GET" && line.target.ends_with(&layer.digest)
    };
    assert!(asked.iter().filter(layer_asked).count() >= 1, "{asked:?}");

    // It has no referrers API, and says so without the headers: that looks as a broken connection
    // does, and so it is not said that nothing refers to it. (The browser writes of that answer to its
    // console, which is not looked at.)
    page.go(&format!("#/image/{host}/made/tree"));
    page.ready();
    browser.run("document.getElementById('referrers').scrollIntoView()", &[]);
    let told = browser.until(
        "the referrers",
        "const list = document.querySelector('[data-referrers-of]');
         return list && list.querySelector('[role=status]') === null ? list.innerText : null",
        &[],
    );
    assert!(
        told.as_str()
            .unwrap()
            .contains("The referrers API could not be read"),
        "{told}"
    );
    assert!(!told.as_str().unwrap().contains("Nothing refers"), "{told}");
    assert_eq!(browser.violations(), [""; 0]);
    assert_eq!(browser.errors(), [""; 0]);
}

/// Nobody has said anything of a proxy: the page finds out that there is none.
#[test]
fn a_plain_server_is_no_proxy() {
    let Some((corpus, site, browser)) = static_stage("{}") else {
        return;
    };
    let registry = corpus.for_pages(site.base(), Auth::Anonymous).unwrap();
    let page = Page::at(&browser, site.base());
    page.load_ready(&format!("#/image/{}/made/tree", registry.host()));
    page.go("#/settings");
    page.ready();
    let text = browser.describe();
    assert!(text.contains("this page has no proxy"), "{text}");
    assert!(!registry.log().all().is_empty());
    assert_eq!(browser.errors(), [""; 0]);
}

/// Each cause by its name.
#[test]
fn what_is_in_the_way_is_named() {
    let Some((corpus, site, browser)) = static_stage(r#"{"proxy": false}"#) else {
        return;
    };
    let page = Page::at(&browser, site.base());
    // It answers, but not for this page.
    let anonymous = corpus.anonymous.direct_host();
    fails(&page, anonymous, "DIRECT_CORS", "CORS");
    browser.screenshot("direct-cors");
    // It allows pages, but answers the browser's question about headers with 401.
    let basic = corpus.for_pages(site.base(), Auth::Basic).unwrap();
    fails(&page, basic.direct_host(), "DIRECT_PREFLIGHT", "OPTIONS");
    // Nobody listens.
    fails(&page, "127.0.0.1:9", "DIRECT_NOWHERE", "DNS");
    // The browser itself is offline.
    browser.cdp("Network.enable", json!({}));
    let offline = |is: bool| {
        let limits =
            json!({"offline": is, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1});
        browser.cdp("Network.emulateNetworkConditions", limits);
    };
    page.load_ready("#/settings");
    offline(true);
    assert_eq!(page.go(&format!("#/repo/{anonymous}/made/tree")), "error");
    assert_eq!(problem(&browser), "OFFLINE");
    offline(false);

    // Asked by https, it speaks http.
    page.load_ready("#/settings");
    browser.type_into("input[name=registry]", anonymous);
    browser.click("form:has(input[name=registry]) button");
    browser.find(&format!("[data-way-of='{anonymous}'] select"));
    browser.click(&format!(
        "[data-way-of='{anonymous}'] button[aria-label^=Test]"
    ));
    let told = browser.until(
        "what the test came to",
        "return document.querySelector('[data-direct]')?.dataset.direct ?? null",
        &[],
    );
    assert_eq!(told, "DIRECT_TLS");
    fails(&page, anonymous, "DIRECT_TLS", "https");
    // The choice is kept, and can be changed: by http it is CORS again.
    page.load_ready("#/settings");
    browser.run(
        "const select = document.querySelector(`[data-way-of='${arguments[0]}'] select`);
         select.value = 'direct-http';
         select.dispatchEvent(new Event('change', { bubbles: true }))",
        &[json!(anonymous)],
    );
    fails(&page, anonymous, "DIRECT_CORS", "CORS");
}

/// A page that a proxy serves has a policy against other hosts: that is told as what it is.
#[test]
fn the_page_s_own_policy() {
    let Some(corpus) = Corpus::own() else {
        return;
    };
    let Some(browser) = Browser::start() else {
        return;
    };
    let proxy = proxy(&corpus);
    let page = Page::new(&browser, &proxy);
    let host = corpus.anonymous.host();
    page.load_ready("#/settings");
    browser.run(
        "localStorage.setItem('layerscope:ways', JSON.stringify({[arguments[0]]: {way: 'direct-http'}}))",
        &[json!(host)],
    );
    fails(&page, &host, "DIRECT_POLICY", "connect-src");
    // Back to the proxy.
    page.load_ready("#/settings");
    browser.run(
        "const select = document.querySelector(`[data-way-of='${arguments[0]}'] select`);
         select.value = 'automatic';
         select.dispatchEvent(new Event('change', { bubbles: true }))",
        &[json!(host)],
    );
    page.load_ready(&format!("#/image/{host}/made/tree"));
}

/// What the proxy does not serve but lets pages read is asked directly, and that is remembered.
#[test]
fn what_the_proxy_does_not_serve_is_asked_directly() {
    let Some((corpus, site, browser)) = static_stage("{}") else {
        return;
    };
    let registry = corpus.for_pages(site.base(), Auth::Anonymous).unwrap();
    let host = registry.host();
    let proxy = Proxy::start(&["--registry", "registry.example", "--origin", site.base()]).unwrap();
    site.configure(&json!({"proxy": proxy.base()}).to_string())
        .unwrap();
    let page = Page::at(&browser, site.base());
    page.load_ready(&format!("#/image/{host}/made/tree"));
    browser.find("[data-layer]");
    assert!(
        proxy.log().contains("REGISTRY_NOT_SERVED"),
        "{}",
        proxy.log()
    );
    let kept = browser.run(
        "return JSON.parse(localStorage.getItem('layerscope:ways'))",
        &[],
    );
    assert_eq!(
        kept,
        json!({&host: {"way": "automatic", "found_http": true}})
    );
    // From the first request on, the next time.
    let before = proxy.log().len();
    browser.reload();
    page.ready();
    assert!(
        !proxy.log()[before..].contains("manifest"),
        "{}",
        proxy.log()
    );
    // What neither serves says what the proxy said.
    assert_eq!(page.load("#/image/127.0.0.1:9/made/tree"), "error");
    assert_eq!(problem(&browser), "PROXY_REGISTRY_NOT_SERVED");
}

/// So is a layer to which a link leads at once.
#[test]
fn a_link_into_a_layer_that_the_proxy_does_not_serve() {
    let Some((corpus, site, browser)) = static_stage("{}") else {
        return;
    };
    let registry = corpus.for_pages(site.base(), Auth::Anonymous).unwrap();
    let host = registry.host();
    let proxy = Proxy::start(&["--registry", "registry.example", "--origin", site.base()]).unwrap();
    site.configure(&json!({"proxy": proxy.base()}).to_string())
        .unwrap();
    let page = Page::at(&browser, site.base());
    let layer = &corpus.image("made/tree").layers[0];
    let digest = &layer.digest;
    // Until the registry has answered, the page may say what the proxy said.
    page.load(&format!("#/fs/{host}/made/tree@{digest}/{}", edge::NEEDLE));
    browser.until(
        "the file",
        "return document.documentElement.dataset.state === 'ready'",
        &[],
    );
    assert_text(&page.text(), &corpus.extract(layer, edge::NEEDLE).unwrap());
    assert!(
        proxy.log().contains("REGISTRY_NOT_SERVED"),
        "{}",
        proxy.log()
    );
}

/// What another tab has chosen meanwhile is not written over.
#[test]
fn the_ways_of_other_tabs_stay() {
    let Some((_corpus, site, browser)) = static_stage(r#"{"proxy": false}"#) else {
        return;
    };
    let page = Page::at(&browser, site.base());
    page.load_ready("#/settings");
    // As another tab does it.
    browser.run(
        "localStorage.setItem('layerscope:ways', JSON.stringify({'a.example': {way: 'proxy'}}))",
        &[],
    );
    browser.type_into("input[name=registry]", "b.example");
    browser.click("form:has(input[name=registry]) button");
    browser.find("[data-way-of='b.example'] select");
    browser.find("[data-way-of='a.example'] select");
    let kept = "return JSON.parse(localStorage.getItem('layerscope:ways'))";
    assert_eq!(
        browser.run(kept, &[]),
        json!({"a.example": {"way": "proxy"}, "b.example": {"way": "direct"}})
    );
    // And what it changes is seen here.
    browser.run(
        "localStorage.setItem('layerscope:ways', JSON.stringify({'c.example': {way: 'direct'}}));
         dispatchEvent(new StorageEvent('storage', {key: 'layerscope:ways'}))",
        &[],
    );
    browser.find("[data-way-of='c.example'] select");
    browser.until(
        "what was forgotten to go",
        "return document.querySelector(`[data-way-of='a.example']`) === null",
        &[],
    );
}
