//! The app as a folder of static files, at a path of its own, under a strict policy.

use layerscope_tests::{
    browser::Browser,
    net::{client, wait},
    page::Page,
    skipped,
    static_host::{self, StaticHost},
};
use serde_json::json;

#[test]
fn below_a_path_behind_nginx() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let host = match StaticHost::start("/tools/look/", &[]) {
        Ok(host) => host,
        Err(error) => return skipped("a static host", error),
    };
    let base = host.base();
    let get = |path: &str, encoding: &str| {
        let asked = client().get(format!("{base}{path}"));
        wait(asked.header("accept-encoding", encoding).send()).unwrap()
    };
    // Without our proxy the app asks registries itself.
    let policy = include_str!("../../../app/policy.txt").trim_end();
    let policy = policy.replace("connect-src 'self'", "connect-src 'self' https: http:");
    for path in ["/", "/config.json", "/sw.js"] {
        let answer = get(path, "identity");
        assert_eq!(answer.status().as_u16(), 200, "{path}");
        assert_eq!(answer.headers()["content-security-policy"], policy);
        assert_eq!(answer.headers()["cache-control"], "no-cache", "{path}");
    }
    let missing = get("/nowhere/at/all", "identity");
    assert_eq!(missing.status().as_u16(), 404);
    let text = wait(missing.text()).unwrap();
    assert!(text.contains("nothing at this address"), "{text}");
    // Every file that the page names is there, compressed, and kept for ever.
    let index = wait(get("/", "identity").text()).unwrap();
    let dist = static_host::dist().unwrap();
    let mut seen = 0;
    for entry in std::fs::read_dir(dist).unwrap() {
        let name = entry.unwrap().file_name().to_string_lossy().into_owned();
        let hashed = index.contains(&name) && name.contains('-');
        if !hashed || !name.ends_with(".wasm") && !name.ends_with(".js") {
            continue;
        }
        seen += 1;
        let answer = get(&format!("/{name}"), "gzip");
        assert_eq!(answer.headers()["content-encoding"], "gzip", "{name}");
        let kept = answer.headers()["cache-control"]
            .to_str()
            .unwrap()
            .to_owned();
        assert!(kept.contains("immutable"), "{name}: {kept}");
        let kind = answer.headers()["content-type"]
            .to_str()
            .unwrap()
            .to_owned();
        let expect = if name.ends_with(".wasm") {
            "application/wasm"
        } else {
            "text/javascript"
        };
        assert!(kind.starts_with(expect), "{name}: {kind}");
    }
    assert!(seen >= 4, "{seen} files in {index}");

    let page = Page::at(&browser, &base);
    page.load_ready("#/");
    page.load_ready("#/help");
    // There is no proxy: that is said, and the page stays.
    assert_eq!(page.load("#/image/registry.invalid/a/b:1"), "error");
    assert!(!page.alert().is_empty());
    page.load_ready("#/settings");
    let elsewhere = browser.run(
        "return performance.getEntriesByType('resource').map((entry) => entry.name)
             .filter((name) => !name.startsWith(arguments[0]) && name !== location.origin + '/api/v1/info')",
        &[json!(base)],
    );
    // But for the question whether there is a proxy beside the files.
    assert_eq!(elsewhere, json!([]));
    assert_eq!(browser.violations(), [""; 0]);
    assert_eq!(browser.errors(), [""; 0]);
}
