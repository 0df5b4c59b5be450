//! Two windows that share what is remembered.

use std::time::Duration;

use fantoccini::wd::WindowHandle;
use layerscope_tests::{net::wait, page::Page};
use serde_json::json;

use super::{AS_GOOGLE, BUTTON, Stage};

/// Seconds that an access token lives.
const TTL_S: u64 = 4;

#[test]
fn windows_renew_one_after_the_other_and_sign_out_together() {
    let Some(stage) = Stage::new(AS_GOOGLE, &[], &[]) else {
        return;
    };
    // It gives each refresh token for one use, and ends the sign-in of one that comes twice.
    let Some(provider) = stage.provider(TTL_S, &[]) else {
        return;
    };
    let (browser, corpus) = (&stage.browser, &stage.corpus);
    let page = Page::new(browser, &stage.proxy);
    corpus.tokens.set_ttl(1);
    page.load(&stage.private());
    browser.click("[role=alert] input[name=remember]");
    browser.click(BUTTON);
    stage.log_in();
    page.ready();
    let first = wait(browser.client().window()).unwrap();
    let second = wait(browser.client().new_window(false)).unwrap().handle;
    let switch = |to: &WindowHandle| {
        wait(browser.client().switch_to_window(to.clone())).unwrap();
    };
    switch(&second);
    page.load_ready(&stage.private());

    // Both at the same moment, when what both have is over.
    let route = format!("#/repo/{}/private/tree", corpus.bearer.host());
    let listen = "addEventListener('storage', (event) => {
        if (event.key === 'now') location.hash = arguments_0;
    })";
    let listen = listen.replace("arguments_0", &json!(route).to_string());
    browser.run(&listen, &[]);
    std::thread::sleep(Duration::from_secs(TTL_S + 2));
    switch(&first);
    browser.run(
        "localStorage.setItem('now', '1'); location.hash = arguments[0]",
        &[json!(route)],
    );
    for window in [&first, &second] {
        switch(window);
        page.ready();
        assert!(!page.has_alert());
        let notices = browser.run("return document.querySelector('.notices').innerText", &[]);
        assert_eq!(notices, json!(""));
    }
    let grants = provider.grants();
    let renewals = grants.iter().filter(|(grant, _)| grant == "refresh_token");
    assert!(renewals.count() >= 1, "{grants:?}");
    assert!(grants.iter().all(|(_, good)| *good), "{grants:?}");
    assert_eq!(provider.revoked(), 0);

    // Signed out in one, the other has nothing either, and the provider knows.
    page.go("#/settings");
    page.ready();
    switch(&first);
    page.go("#/settings");
    page.ready();
    let signed_in = format!("[data-signed-in='{}']", corpus.bearer.host());
    browser.click(&format!("{signed_in} button"));
    switch(&second);
    browser.until(
        "nobody signed in",
        "return document.querySelector('[data-signed-in]') === null",
        &[],
    );
    std::thread::sleep(Duration::from_secs(TTL_S + 2));
    assert_eq!(page.go(&stage.private()), "error");
    browser.find(BUTTON);
    let stored = stage.stored();
    assert!(!stored.contains("sign-ins"), "{stored}");
    assert_eq!(provider.revoked(), 1);
    let after = provider.grants();
    assert!(after.iter().all(|(_, good)| *good), "{after:?}");
    // Nobody bears witness in a window that was opened later.
    switch(&first);
    page.assert_clean();
}
