//! JSON documents: a path in the address, a search, what is inside of strings, the document raw.

use layerscope_tests::{
    corpus::push::{Pusher, media},
    net::wait,
    page::Page,
};
use serde_json::json;

use crate::{count, stage};

const REPOSITORY: &str = "made/documents";

/// A manifest with a statement about another image in an annotation, and that one's digest in it.
fn push(pusher: &Pusher, about: &str) {
    let config = wait(pusher.blob(REPOSITORY, b"{}".to_vec())).unwrap();
    let statement = json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "pkg:docker/debian@12", "digest": {"sha256": about}}],
    });
    let manifest = json!({
        "schemaVersion": 2, "mediaType": media::MANIFEST, "artifactType": "application/x",
        "config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest": config, "size": 2},
        "layers": [{"mediaType": "application/vnd.oci.empty.v1+json", "digest": config, "size": 2}],
        "annotations": {"a": statement.to_string(), "b": "Needle", "c": "haystack, needle"},
    });
    wait(pusher.manifest(REPOSITORY, "latest", media::MANIFEST, &manifest)).unwrap();
}

#[test]
fn documents_are_filtered_searched_and_opened_inside() {
    let Some((corpus, proxy, browser)) = stage() else {
        return;
    };
    let about = "ab".repeat(32);
    push(&Pusher::new(corpus.anonymous.direct_host()), &about);
    let page = Page::new(&browser, &proxy);
    let image = format!("#/image/{}/{REPOSITORY}:latest", corpus.anonymous.host());
    page.load_ready(&image);
    let lines = || {
        let text = "return [...document.querySelectorAll('[data-content=json] .json-line')].map((l) => l.textContent.trim())";
        serde_json::from_value::<Vec<String>>(browser.run(text, &[])).unwrap()
    };
    let whole = lines();
    // What is in the string is folded at first; its links work once it is open.
    let link = format!("[data-content=json] a[href$='library/debian@sha256:{about}']");
    assert_eq!(count(&browser, &link), 0);
    browser.click("button[aria-label='The document in this string']");
    browser.find(&link);
    assert!(lines().len() > whole.len());

    browser.type_into("[data-action=filter-json]", ".annotations.b");
    browser.until(
        "the one value",
        "return document.querySelectorAll('[data-content=json] .json-line').length === 1",
        &[],
    );
    assert_eq!(lines(), ["\"Needle\""]);
    assert!(
        page.route().contains("jq=.annotations.b"),
        "{}",
        page.route()
    );
    let command = "return document.querySelector('[aria-labelledby=documents] [data-command=crane] code').textContent";
    let command = browser.run(command, &[]);
    assert!(
        command.as_str().unwrap().ends_with("| jq .annotations.b"),
        "{command}"
    );
    // It is part of the address.
    browser.reload();
    page.ready();
    assert_eq!(lines(), ["\"Needle\""]);
    page.load_ready(&format!("{image}?jq=.annotations%5B"));
    browser.until(
        "the complaint",
        "return document.querySelector('.json-tools').textContent.includes('at character 14')",
        &[],
    );
    assert_eq!(lines(), whole);

    page.load_ready(&image);
    browser.type_into("[data-action=find-json]", "NEEDLE");
    let now = "return document.querySelector('.json-line[data-hit=now]')?.textContent.includes(arguments[0])";
    browser.until("the first", now, &[json!("\"b\"")]);
    assert_eq!(count(&browser, ".json-line[data-hit]"), 2);
    browser.press("\u{e007}");
    browser.until("the second", now, &[json!("\"c\"")]);
    // Also in what is folded: it is opened.
    browser.type_into("[data-action=find-json]", "Statement/v1");
    browser.until("the string", now, &[json!("\"a\"")]);
    browser.press("\u{e007}");
    browser.until("what is inside", now, &[json!("\"_type\"")]);
    browser.screenshot("document-search");

    browser.click(".json-tools button[aria-pressed=false]");
    browser.until(
        "the raw document",
        "return document.querySelector('[aria-labelledby=documents] .blob-content')?.textContent.includes('\\\\\"_type')",
        &[],
    );
    page.assert_clean();
}
