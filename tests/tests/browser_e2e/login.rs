//! Signing in at a real OpenID provider, redirect and all.

mod stranger;
mod tabs;

use std::time::Duration;

use axum::{
    Router,
    extract::{Request, State},
    http::{StatusCode, header},
    response::{Html, IntoResponse, Response},
    routing::get,
};
use fantoccini::Locator;
use layerscope_tests::{
    browser::Browser,
    corpus::{Corpus, edge},
    net::{Server, client, free_port, wait},
    oidc::{self, Provider},
    page::{Page, css, fs_route},
    proxy::Proxy,
    token_server::{PASSWORD, USER},
};
use serde_json::{Value, json};

use crate::{assert_text, flags};

/// A path that the small tree of `private/tree` has.
const SMALL_FILE: &str = "usr/share/d01/f00001.dat";
/// How the registry of the corpus takes an access token: as Google's do.
const AS_GOOGLE: &str = "username = \"oauth2accesstoken\"";
/// Access tokens that outlive a test.
const LONG_S: u64 = 600;
/// The button.
const BUTTON: &str = "[role=alert] [data-provider=house]";
/// A verifier of a test's own, and its hash (RFC 7636, appendix B).
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// Registries, a browser, and a proxy that knows a provider, which is not started yet.
struct Stage {
    corpus: Corpus,
    browser: Browser,
    proxy: Proxy,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Stage {
    /// `more` are lines on the provider; `registries` take its tokens beside the corpus's own.
    fn new(more: &str, registries: &[String], more_flags: &[String]) -> Option<Self> {
        let corpus = Corpus::own()?;
        let browser = Browser::start()?;
        let port = free_port().unwrap();
        let mut all = vec![corpus.bearer.host()];
        all.extend_from_slice(registries);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("proxy.toml");
        std::fs::write(&file, oidc::configuration(port, &all, more)).unwrap();
        let mut flags = flags(&corpus);
        let provider = format!("127.0.0.1:{port}");
        for host in std::iter::once(&provider).chain(registries) {
            flags.extend(["--allow-private", host, "--plain-http", host].map(str::to_owned));
        }
        flags.extend(["--config".to_owned(), file.display().to_string()]);
        flags.extend_from_slice(more_flags);
        let proxy = Proxy::start(&flags).unwrap();
        Some(Stage {
            corpus,
            browser,
            proxy,
            port,
            _folder: folder,
        })
    }

    fn provider(&self, ttl_s: u64, also: &[String]) -> Option<Provider> {
        let mut back = vec![self.callback()];
        back.extend_from_slice(also);
        let provider = Provider::start(self.port, &back, ttl_s)?;
        self.corpus.tokens.trust_provider(&provider.userinfo());
        Some(provider)
    }

    fn callback(&self) -> String {
        format!("{}/callback.html", self.proxy.base())
    }

    fn private(&self) -> String {
        format!("#/image/{}/private/tree:latest", self.corpus.bearer.host())
    }

    /// The provider's own page, where a user name and a password are asked for.
    fn at_the_provider(&self) {
        self.browser.find("input[name=login]");
        let here = self.browser.url();
        assert!(
            here.starts_with(&format!("http://127.0.0.1:{}/", self.port)),
            "{here}"
        );
    }

    /// Logs in there and allows what is asked for.
    fn log_in(&self) {
        self.at_the_provider();
        self.browser.type_into("input[name=login]", USER);
        self.browser.type_into("input[name=password]", "whatever");
        self.browser.click("button[type=submit]");
        self.browser.until(
            "the question",
            "return document.querySelector('input[name=prompt][value=consent]') !== null",
            &[],
        );
        self.browser.click("button[type=submit]");
    }

    fn notice(&self, words: &str) {
        self.browser.until(
            words,
            "return document.querySelector('.notices')?.innerText.includes(arguments[0])",
            &[json!(words)],
        );
    }

    /// All that this tab and this browser keep for the app's origin.
    fn stored(&self) -> String {
        let script = "return JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie, location.href, document.referrer])";
        self.browser.run(script, &[]).as_str().unwrap().to_owned()
    }

    /// Goes by the provider's authorization endpoint to `back`, as somebody who has logged in.
    fn authorize(&self, back: &str, state: &str) {
        let mut url = reqwest::Url::parse(&format!("http://127.0.0.1:{}/auth", self.port)).unwrap();
        url.query_pairs_mut().extend_pairs([
            ("client_id", oidc::CLIENT_ID),
            ("response_type", "code"),
            ("scope", "openid"),
            ("redirect_uri", back),
            ("state", state),
            ("nonce", "the-nonce"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ]);
        self.browser.goto(url.as_str());
    }

    /// What the page would have kept before it left.
    fn started(&self, back: &str, fragment: &str) -> Value {
        let issuer = format!("http://127.0.0.1:{}", self.port);
        json!({
            "place": {"registry": self.corpus.bearer.host(), "fragment": fragment, "search": "",
                "redirect_uri": back, "remember": false, "proxy": ""},
            "provider": "house", "name": "The House", "nonce": "the-nonce", "verifier": VERIFIER,
            "issuer": issuer, "names_itself": true, "client_id": oidc::CLIENT_ID, "openid": true,
            "at_s": std::time::UNIX_EPOCH.elapsed().unwrap().as_secs(),
        })
    }

    fn keep(&self, state: &str, started: &Value) {
        let slot = format!("layerscope:login:{state}");
        self.browser.run(
            "sessionStorage.setItem(arguments[0], JSON.stringify(arguments[1]))",
            &[json!(slot), started.clone()],
        );
    }
}

/// From a 401 to the provider and back onto the very route, which then opens.
#[test]
fn back_on_the_very_route() {
    let Some(stage) = Stage::new(AS_GOOGLE, &[], &[]) else {
        return;
    };
    let Some(provider) = stage.provider(LONG_S, &[]) else {
        return;
    };
    let (browser, corpus) = (&stage.browser, &stage.corpus);
    let page = Page::new(browser, &stage.proxy);
    page.load(&stage.private());
    assert!(page.alert().contains("sign in"), "{}", page.alert());
    browser.find(BUTTON);
    browser.screenshot("provider-offered");
    browser.click(BUTTON);
    stage.at_the_provider();
    // Nobody is told where one comes from.
    assert_eq!(browser.run("return document.referrer", &[]), json!(""));
    stage.log_in();
    browser.until(
        "the image",
        "return document.documentElement.dataset.state === 'ready' && document.querySelector('[data-layer]') !== null",
        &[],
    );
    assert_eq!(
        browser.url(),
        format!("{}/{}", stage.proxy.base(), stage.private())
    );
    assert_eq!(provider.grants(), [("authorization_code".to_owned(), true)]);
    let windows = wait(browser.client().windows()).unwrap();
    assert_eq!(windows.len(), 1, "no popup");
    let layer = &corpus.image("private/tree").layers[0];
    page.open_layer(&layer.digest);
    page.layer_done();
    page.walk_to(SMALL_FILE);
    assert_text(&page.text(), &corpus.extract(layer, SMALL_FILE).unwrap());
    assert!(
        corpus
            .tokens
            .requests()
            .iter()
            .any(|r| r.user.as_deref() == Some(USER))
    );
    // Nothing of the sign-in is left anywhere but in memory.
    let stored = stage.stored();
    for left in ["login:", "returned", "sign-ins", "code", "token"] {
        assert!(!stored.contains(left), "{left}: {stored}");
    }
    let log = stage.proxy.log();
    assert!(
        !log.contains("code=") && !log.contains(oidc::CLIENT_SECRET),
        "{log}"
    );

    // The settings page knows, and ends it.
    page.go("#/settings");
    page.ready();
    let one = format!("[data-signed-in='{}']", corpus.bearer.host());
    let text = browser.run(
        "return document.querySelector(arguments[0]).innerText",
        &[json!(one)],
    );
    let text = text.as_str().unwrap();
    assert!(
        text.contains("at The House") && text.contains("memory"),
        "{text}"
    );
    browser.screenshot("signed-in-at-a-provider");
    browser.click(&format!("{one} button"));
    assert_eq!(page.go(&stage.private()), "error");
    page.assert_clean();
}

/// An access token that runs out is renewed: for the page and for the worker, and nobody notices.
#[test]
fn what_runs_out_is_renewed() {
    let Some(stage) = Stage::new(AS_GOOGLE, &[], &[]) else {
        return;
    };
    let Some(provider) = stage.provider(4, &[]) else {
        return;
    };
    let (browser, corpus) = (&stage.browser, &stage.corpus);
    let page = Page::new(browser, &stage.proxy);
    // So short that each read asks the token server again, with the access token.
    corpus.tokens.set_ttl(1);
    page.load(&stage.private());
    // Remembered, so that the page can be loaded anew and the worker has nothing in memory.
    browser.click("[role=alert] input[name=remember]");
    browser.click(BUTTON);
    stage.log_in();
    page.ready();
    let layer = &corpus.image("private/tree").layers[0];
    page.open_layer(&layer.digest);
    page.layer_done();
    let refreshed = || {
        let grants = provider.grants();
        assert!(grants.iter().all(|(_, good)| *good), "{grants:?}");
        grants
            .iter()
            .filter(|(grant, _)| grant == "refresh_token")
            .count()
    };
    let before = refreshed();
    std::thread::sleep(Duration::from_secs(6));
    let host = corpus.bearer.host();
    page.load_ready(&fs_route(&host, "private/tree", &layer.digest, SMALL_FILE));
    assert_text(&page.text(), &corpus.extract(layer, SMALL_FILE).unwrap());
    let after_read = refreshed();
    assert!(after_read > before, "the worker read with an old token");
    std::thread::sleep(Duration::from_secs(6));
    page.go(&format!("#/repo/{}/private/tree", corpus.bearer.host()));
    page.ready();
    assert!(refreshed() > after_read, "the page read with an old token");
    let refused = corpus
        .tokens
        .requests()
        .iter()
        .filter(|r| r.status == 401)
        .count();
    assert!(refused > 0, "no token had run out");
    assert!(!page.has_alert());
    let notices = browser.run("return document.querySelector('.notices').innerText", &[]);
    assert_eq!(notices, json!(""));
    page.assert_clean();
}

/// The user does not want to.
#[test]
fn whoever_refuses_is_back_where_they_were() {
    let Some(stage) = Stage::new(AS_GOOGLE, &[], &[]) else {
        return;
    };
    let Some(provider) = stage.provider(LONG_S, &[]) else {
        return;
    };
    let page = Page::new(&stage.browser, &stage.proxy);
    page.load(&stage.private());
    stage.browser.click(BUTTON);
    stage.at_the_provider();
    stage.browser.click("a[href$='/abort']");
    stage.notice("The House refused (access_denied)");
    assert_eq!(page.settled(), "error");
    assert_eq!(
        stage.browser.url(),
        format!("{}/{}", stage.proxy.base(), stage.private())
    );
    stage.browser.find(BUTTON);
    assert!(provider.grants().is_empty());
    stage.browser.screenshot("provider-refused");
    page.assert_clean();
}

/// Answers that nobody here waits for, and answers that were used.
#[test]
fn strange_answers_and_old_ones() {
    let collector = Server::start(Router::new().route(
        "/callback.html",
        get(|| async { Html("<!doctype html><title>c</title>") }),
    ))
    .unwrap();
    let elsewhere = format!("http://{}/callback.html", collector.host());
    let Some(stage) = Stage::new(AS_GOOGLE, &[], &[]) else {
        return;
    };
    let Some(provider) = stage.provider(LONG_S, std::slice::from_ref(&elsewhere)) else {
        return;
    };
    let browser = &stage.browser;
    let page = Page::new(browser, &stage.proxy);
    page.load(&stage.private());
    browser.click(BUTTON);
    stage.log_in();
    page.ready();
    let good = provider.grants();

    // A state that nobody here began: a real code, and it is thrown away unseen.
    stage.authorize(&stage.callback(), "somebody-else-s");
    let alert = page.alert();
    assert!(alert.contains("not begun here"), "{alert}");
    assert_eq!(
        browser.url(),
        stage.callback(),
        "the code is gone from the address"
    );
    browser.screenshot("callback-refused");
    assert_eq!(provider.grants(), good);

    // The same code twice, each time as if the sign-in had begun here.
    stage.authorize(&elsewhere, "mine");
    let here = reqwest::Url::parse(&browser.url()).unwrap();
    let sent = |name: &str| {
        let pair = here.query_pairs().find(|(key, _)| key == name);
        pair.map(|(_, value)| value.into_owned()).unwrap()
    };
    let (code, iss) = (sent("code"), sent("iss"));
    let come_back = |code: &str, iss: &str, fragment: &str| {
        page.load_ready("#/help");
        stage.keep("mine", &stage.started(&elsewhere, fragment));
        let mut url = reqwest::Url::parse(&stage.callback()).unwrap();
        url.query_pairs_mut()
            .extend_pairs([("code", code), ("state", "mine"), ("iss", iss)]);
        browser.goto(url.as_str());
    };
    let route = stage.private();
    // From another issuer first: that costs the code nothing.
    come_back(&code, "https://evil.example", &route[1..]);
    stage.notice("Somebody answered, but not The House");
    assert_eq!(provider.grants(), good);
    come_back(&code, &iss, &route[1..]);
    page.ready();
    assert_eq!(provider.grants().len(), good.len() + 1);
    // A route is a fragment, whatever it says.
    come_back(&code, &iss, "//evil.example/");
    stage.notice("does not accept the code (invalid_grant)");
    assert_eq!(
        provider.grants().last().unwrap(),
        &("authorization_code".to_owned(), false)
    );
    assert!(
        browser
            .url()
            .starts_with(&format!("{}/#", stage.proxy.base())),
        "{}",
        browser.url()
    );

    // And with the provider gone.
    drop(provider);
    come_back(&code, &iss, &route[1..]);
    stage.notice("The sign-in at The House did not work");
    assert_eq!(page.settled(), "error");
    page.assert_clean();
}

/// The provider cannot be reached when one wants to go there.
#[test]
fn a_provider_that_is_down() {
    let Some(stage) = Stage::new(AS_GOOGLE, &[], &[]) else {
        return;
    };
    let page = Page::new(&stage.browser, &stage.proxy);
    page.load(&stage.private());
    stage.browser.click(BUTTON);
    stage.notice("The sign-in at The House did not work");
    stage.notice("cannot be reached");
    assert_eq!(page.settled(), "error");
    assert_eq!(
        stage.browser.url(),
        format!("{}/{}", stage.proxy.base(), stage.private())
    );
    stage.browser.find(&format!("{BUTTON}:not([disabled])"));
    page.assert_clean();
}

/// Where a registry is that takes the provider's tokens as they are.
#[derive(Clone)]
struct Gate {
    registry: String,
    userinfo: String,
}

async fn guarded(State(gate): State<Gate>, request: Request) -> Response {
    let sent = request.headers().get(header::AUTHORIZATION);
    let sent = sent
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let token = sent.strip_prefix("Bearer ").unwrap_or_default();
    let asked = client().get(&gate.userinfo).bearer_auth(token).send().await;
    if !asked.is_ok_and(|answer| answer.status() == 200) {
        let challenge = [(header::WWW_AUTHENTICATE, "Basic realm=\"tokens\"")];
        return (StatusCode::UNAUTHORIZED, challenge).into_response();
    }
    let url = format!("http://{}{}", gate.registry, request.uri());
    let mut forward = client().request(request.method().clone(), url);
    for name in [header::RANGE, header::ACCEPT] {
        if let Some(value) = request.headers().get(&name) {
            forward = forward.header(name, value);
        }
    }
    let answer = forward.send().await.unwrap();
    let mut response = Response::builder().status(answer.status());
    *response.headers_mut().unwrap() = answer.headers().clone();
    response.body(answer.bytes().await.unwrap().into()).unwrap()
}

/// The app of `LAYERSCOPE_DIST` as a host of static files has it, below `/sub/`.
async fn static_file(request: Request) -> Response {
    let dist = std::env::var("LAYERSCOPE_DIST").unwrap_or_default();
    let name = request.uri().path().strip_prefix("/sub/").unwrap_or("?");
    let name = if name.is_empty() { "index.html" } else { name };
    let kind = match name.rsplit('.').next() {
        Some("html") => "text/html",
        Some("js") => "text/javascript",
        Some("css") => "text/css",
        Some("wasm") => "application/wasm",
        _ => "application/octet-stream",
    };
    match std::fs::read(std::path::Path::new(&dist).join(name)) {
        Ok(bytes) if !name.contains("..") => {
            ([(header::CONTENT_TYPE, kind)], bytes).into_response()
        }
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

/// Below a path of a host of static files, the proxy elsewhere, and a registry that takes the token
/// as it is.
#[test]
fn below_a_path_with_a_bearer_token() {
    let app = Server::start(Router::new().fallback(static_file)).unwrap();
    let (gate_port, origin) = (free_port().unwrap(), format!("http://{}", app.host()));
    let gate = format!("127.0.0.1:{gate_port}");
    let flags = ["--origin".to_owned(), origin.clone()];
    let more = "present = \"bearer\"";
    let Some(stage) = Stage::new(more, std::slice::from_ref(&gate), &flags) else {
        return;
    };
    let back = format!("{origin}/sub/callback.html");
    let Some(provider) = stage.provider(4, std::slice::from_ref(&back)) else {
        return;
    };
    let state = Gate {
        registry: stage.corpus.anonymous.direct_host().to_owned(),
        userinfo: provider.userinfo(),
    };
    let router = Router::new().fallback(guarded).with_state(state);
    let listener = wait(tokio::net::TcpListener::bind(&gate)).unwrap();
    let served = layerscope_tests::net::runtime().spawn(async move {
        axum::serve(listener, router).await.unwrap();
    });
    let (browser, corpus) = (&stage.browser, &stage.corpus);
    let page = Page::new(browser, &stage.proxy);
    let place = format!(
        "{origin}/sub/?proxy={}#/image/{gate}/made/tree:latest",
        stage.proxy.base()
    );
    browser.goto(&place);
    assert_eq!(page.settled(), "error");
    // The link names the proxy: the user has to know whose it is.
    browser.click("[data-action=accept-proxy]");
    browser.click(BUTTON);
    stage.log_in();
    page.ready();
    assert_eq!(browser.url(), place);
    let layer = &corpus.image("made/tree").layers[0];
    page.open_layer(&layer.digest);
    page.layer_done();
    std::thread::sleep(Duration::from_secs(6));
    page.go(&fs_route(&gate, "made/tree", &layer.digest, edge::NEEDLE));
    page.ready();
    assert_text(&page.text(), &corpus.extract(layer, edge::NEEDLE).unwrap());
    page.go(&format!("#/repo/{gate}/made/tree"));
    page.ready();
    let grants = provider.grants();
    assert!(
        grants.iter().any(|(grant, _)| grant == "refresh_token"),
        "{grants:?}"
    );
    assert!(grants.iter().all(|(_, good)| *good), "{grants:?}");
    assert!(!page.has_alert());
    page.assert_clean();
    served.abort();
}

/// Inside another site's page nothing is asked; a link leads out.
#[test]
fn never_inside_another_page() {
    let Some(stage) = Stage::new(AS_GOOGLE, &[], &[]) else {
        return;
    };
    let inside = format!("{}/?embed=1{}", stage.proxy.base(), stage.private());
    let callback = format!("{}?code=x&state=y", stage.callback());
    let text = format!(
        "<!doctype html><iframe src=\"{inside}\"></iframe><iframe src=\"{callback}\"></iframe>"
    );
    let host = Server::start(Router::new().fallback(move || {
        let text = text.clone();
        async move { Html(text) }
    }))
    .unwrap();
    let browser = &stage.browser;
    browser.goto(&format!("http://localhost:{}/", host.addr().port()));
    wait(browser.client().enter_frame(0)).unwrap();
    let link = browser.find("[role=alert] [data-action=own-tab]");
    let href = wait(link.attr("href")).unwrap().unwrap();
    assert_eq!(href, format!("{}/{}", stage.proxy.base(), stage.private()));
    for absent in [BUTTON, css::USER, css::PASSWORD] {
        let found = wait(browser.client().find_all(Locator::Css(absent))).unwrap();
        assert!(found.is_empty(), "{absent}");
    }
    wait(browser.client().enter_parent_frame()).unwrap();
    wait(browser.client().enter_frame(1)).unwrap();
    let alert = Page::new(browser, &stage.proxy).alert();
    assert!(alert.contains("inside another page"), "{alert}");
    // The link leads to where one can sign in.
    wait(browser.client().enter_parent_frame()).unwrap();
    let page = Page::new(browser, &stage.proxy);
    browser.goto(&href);
    page.settled();
    browser.find(BUTTON);
}

/// Remembered only where that is wanted; gone when one signs out.
#[test]
fn remembered_by_choice() {
    let Some(stage) = Stage::new(AS_GOOGLE, &[], &[]) else {
        return;
    };
    let Some(_provider) = stage.provider(LONG_S, &[]) else {
        return;
    };
    let (browser, corpus) = (&stage.browser, &stage.corpus);
    let page = Page::new(browser, &stage.proxy);
    let basic = format!("#/image/{}/made/tree:latest", corpus.basic.host());
    page.load(&basic);
    browser.type_into(css::USER, USER);
    browser.type_into(css::PASSWORD, PASSWORD);
    browser.click("[role=alert] input[name=remember]");
    browser.screenshot("remember");
    browser.click("[role=alert] .signin button[type=submit]");
    page.ready();
    assert!(stage.stored().contains(PASSWORD));
    // And one at the provider.
    page.go(&stage.private());
    browser.click("[role=alert] input[name=remember]");
    browser.click(BUTTON);
    stage.log_in();
    page.ready();
    for route in [&stage.private(), &basic] {
        page.load_ready(route);
    }
    page.load_ready("#/settings");
    for host in [corpus.bearer.host(), corpus.basic.host()] {
        let one = format!("[data-signed-in='{host}']");
        let text = browser.run(
            "return document.querySelector(arguments[0]).innerText",
            &[json!(one)],
        );
        assert!(text.as_str().unwrap().contains("remembered"), "{text}");
        browser.click(&format!("{one} button"));
    }
    browser.until(
        "nobody signed in",
        "return document.querySelector('[data-signed-in]') === null",
        &[],
    );
    let stored = stage.stored();
    assert!(
        !stored.contains("sign-ins") && !stored.contains(PASSWORD),
        "{stored}"
    );
    for route in [&stage.private(), &basic] {
        assert_eq!(page.load(route), "error");
    }
    page.assert_clean();
}
