//! How an image was made and how it is run, as its page tells.

use layerscope_tests::{
    browser::Browser,
    corpus::{
        gz,
        push::{digest, media},
        rawtar::Tar,
    },
    net,
    page::Page,
    proxy::Proxy,
};
use serde_json::{Value, json};

use crate::root::own_registry;

/// All that an element's attribute or text says, for each that a selector finds.
fn told(browser: &Browser, css: &str) -> Vec<String> {
    let script =
        "return [...document.querySelectorAll(arguments[0])].map((e) => e.textContent.trim())";
    let value = browser.run(script, &[json!(css)]);
    serde_json::from_value(value).unwrap()
}

/// The history is a Dockerfile, each step beside its layer; `PATH` leads to what is in its
/// directories, and the working directory to itself.
#[test]
fn a_history_and_where_the_environment_leads() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let Some((registry, pusher)) = own_registry() else {
        return;
    };
    let base = Tar::new()
        .dir("usr/")
        .dir("usr/bin/")
        .symlink("bin", "usr/bin")
        .file("usr/bin/sh", "#!")
        .file("usr/share-me", "not a program")
        .finish();
    let upper = Tar::new()
        .dir("srv/")
        .file("srv/app.txt", "the app\n")
        .file("bin/tool", "#!")
        .finish();
    let layers: Vec<(String, Vec<u8>)> = [base, upper]
        .into_iter()
        .map(|tar| (digest(&tar), gz::member(&tar, 6)))
        .collect();
    let repository = "made/told";
    let config = json!({
        "os": "linux", "architecture": "amd64",
        "config": {
            "User": "nobody", "WorkingDir": "/srv", "StopSignal": "SIGQUIT",
            "Env": ["PATH=/usr/local/bin:/bin", "LANG=C.UTF-8"],
            "Labels": {"who": "somebody"},
            "Healthcheck": {"Test": ["CMD-SHELL", "true || exit 1"], "Interval": 5_000_000_000_u64},
        },
        "rootfs": {"type": "layers", "diff_ids": [layers[0].0, layers[1].0]},
        "history": [
            {"created_by": "/bin/sh -c #(nop) ADD file:b4987bca8c4c4c640d6b71dcccfd7172b44771e0f851a47d05c00c2bda68c6a9 in / "},
            {"created_by": "/bin/sh -c #(nop)  CMD [\"sh\" \"-c\"]", "empty_layer": true},
            {"created_by": "RUN |1 WHO=<b>me</b> /bin/sh -c echo $WHO && \tmake # buildkit", "comment": "buildkit.dockerfile.v0"},
        ],
    });
    let push = async {
        let mut descriptors: Vec<Value> = Vec::new();
        for (_, blob) in layers {
            let size = blob.len();
            let digest = pusher.blob(repository, blob).await?;
            descriptors.push(json!({"mediaType": media::GZIP, "digest": digest, "size": size}));
        }
        let config = config.to_string().into_bytes();
        let size = config.len();
        let digest = pusher.blob(repository, config).await?;
        let manifest = json!({
            "schemaVersion": 2, "mediaType": media::MANIFEST,
            "config": {"mediaType": media::CONFIG, "digest": digest, "size": size},
            "layers": descriptors,
        });
        pusher
            .manifest(repository, "latest", media::MANIFEST, &manifest)
            .await
    };
    net::wait(push).unwrap();
    let proxy = Proxy::for_hosts(&[registry.host()]).unwrap();
    let page = Page::new(&browser, &proxy);
    page.load_ready(&format!(
        "#/image/{}/{repository}?view=history",
        registry.host()
    ));
    browser.until(
        "the history",
        "return document.querySelectorAll('[data-step]').length === 3",
        &[],
    );
    assert_eq!(
        told(&browser, "[data-step] td:first-child > .step"),
        [
            "ADD file:b4987bca8c4c /",
            "CMD [\"sh\", \"-c\"]",
            "RUN echo $WHO && \\\n    make",
        ]
    );
    assert_eq!(
        told(&browser, "[data-step] td:nth-child(2)"),
        ["1", "none", "2"]
    );
    assert_eq!(
        told(&browser, "[data-step=RUN] [data-args]"),
        ["with WHO=<b>me</b>"]
    );
    assert_eq!(
        told(&browser, "[data-ran]"),
        ["echo <b>me</b> && \\\n    make"]
    );
    assert_eq!(told(&browser, "[data-empty]").len(), 1);
    assert_eq!(told(&browser, "[data-fact='Stop signal']"), ["SIGQUIT"]);
    assert_eq!(
        told(&browser, "[data-fact='Health check']"),
        ["true || exit 1 (every 5 s)"]
    );
    assert_eq!(told(&browser, "[data-value=who]"), ["somebody"]);
    browser.screenshot("history");
    browser.click("[data-value=PATH] a");
    page.ready();
    page.wait_row("usr/bin/tool");
    let mut rows: Vec<String> = page.rows().into_iter().map(|row| row.path).collect();
    rows.sort();
    assert_eq!(rows, ["usr/bin/sh", "usr/bin/tool"]);
    // The variable is the filter that is chosen, and can be taken away.
    let chosen = "const of = document.querySelector('select[name=path]');
         return of.selectedOptions[0].textContent";
    assert_eq!(browser.run(chosen, &[]), json!("PATH"));
    browser.screenshot("root-path");
    browser.back();
    page.ready();
    browser.click("[data-fact=Directory] a");
    page.ready();
    page.wait_row("srv/app.txt");
    page.assert_clean();
}
