//! Lists that are no part of the distribution API: Docker Hub's namespaces, and what Google's
//! registries say beside the tags. The doubles are those of the registries' own tests.

use layerscope_tests::{
    browser::Browser,
    hosts::{Content, Row, When, get, row},
    page::Page,
};
use serde_json::json;

use crate::behind::Behind;

/// A double, a proxy with the app, a browser; none where there is no build or no browser.
fn stage(rows: &[Row]) -> Option<(Behind, Browser)> {
    let Some(dist) = std::env::var_os("LAYERSCOPE_DIST") else {
        layerscope_tests::skipped("listings", "LAYERSCOPE_DIST is missing");
        return None;
    };
    let browser = Browser::start()?;
    let behind = Behind::start(rows, &["--assets", dist.to_str().unwrap()]);
    Some((behind, browser))
}

/// The names of the repositories that are listed.
fn repositories(browser: &Browser) -> Vec<String> {
    let names = browser.run(
        "return [...document.querySelectorAll('[data-repository]')].map(e => e.dataset.repository).sort()",
        &[],
    );
    serde_json::from_value(names).unwrap()
}

const SITE: &str = "hub.docker.com";
const HUB: &str = "registry-1.docker.io";

const NAMESPACES: &[Row] = &[
    get(SITE, "/v2/namespaces/library/repositories")
        .text(r#"{"count":1,"next":null,"results":[{"name":"debian","namespace":"library","last_updated":"2026-01-02T03:04:05.678901Z"}]}"#),
    get(SITE, "/v2/namespaces/grafana/repositories")
        .when(&[When::Query("page", "1")])
        .text(r#"{"count":2,"next":"https://hub.docker.com/v2/namespaces/grafana/repositories?page=2&page_size=100","results":[{"name":"grafana","namespace":"grafana"}]}"#),
    get(SITE, "/v2/namespaces/grafana/repositories")
        .when(&[When::Query("page", "2")])
        .text(r#"{"count":2,"next":null,"results":[{"name":"loki","namespace":"grafana"}]}"#),
    get(SITE, "/v2/namespaces/nobody/repositories")
        .answers(404, &[("content-type", "application/json")])
        .text(r#"{"message":"object not found","errinfo":{}}"#),
    get(HUB, "/v2/grafana/loki/tags/list").text(r#"{"name":"grafana/loki","tags":["3.0"]}"#),
];

/// From the registry's page to a namespace, to a repository in it, and back by its link.
#[test]
fn docker_hub_s_namespaces() {
    let Some((behind, browser)) = stage(NAMESPACES) else {
        return;
    };
    let page = Page::at(&browser, &behind.base);
    page.load_ready("#/repo/docker.io");
    assert_eq!(repositories(&browser), ["library/debian"]);
    let debian = browser.run(
        "return document.querySelector(\"[data-repository='library/debian']\").innerText",
        &[],
    );
    assert!(debian.as_str().unwrap().contains("2026-01-02"), "{debian}");

    // A name that cannot be one is said to be none, and nothing is asked.
    browser.type_into("input[name=namespace]", "Not A Name");
    browser.click("form:has(input[name=namespace]) button");
    browser.find(".field-error");
    browser.run(
        "document.querySelector('input[name=namespace]').value = ''",
        &[],
    );
    browser.type_into("input[name=namespace]", "grafana");
    browser.click("form:has(input[name=namespace]) button");
    browser.until(
        "both pages of the namespace",
        "return document.querySelectorAll('[data-repository]').length === 2 || null",
        &[],
    );
    assert_eq!(page.route(), "#/repo/index.docker.io?namespace=grafana");
    assert_eq!(repositories(&browser), ["grafana/grafana", "grafana/loki"]);
    browser.screenshot("namespace");

    browser.click("[data-repository='grafana/loki'] a");
    browser.find("[data-tag='3.0']");
    browser.click("[data-action=namespace]");
    browser.find("[data-repository='grafana/grafana']");
    assert_eq!(page.route(), "#/repo/index.docker.io?namespace=grafana");

    assert_eq!(page.go("#/repo/docker.io?namespace=nobody"), "error");
    let alert = page.alert();
    assert!(alert.contains("There is no such namespace"), "{alert}");
    let asked = behind.asked();
    let site = asked.iter().filter(|one| one.line.contains(SITE));
    assert!(site.clone().count() >= 4);
    assert!(site.clone().all(|one| one.authorization.is_none()));
    assert_eq!(browser.violations(), [""; 0]);
}

const GCR: &str = "gcr.io";
const UNTAGGED: &str = "sha256:1111111111111111111111111111111111111111111111111111111111111111";

const GOOGLE: &[Row] = &[
    get(GCR, "/v2/project/tags/list").text(
        r#"{"child":["image"],"manifest":{"{manifest}":{"imageSizeBytes":"200000","mediaType":"application/vnd.oci.image.manifest.v1+json","tag":["latest"],"timeCreatedMs":"0","timeUploadedMs":"1767225600000"},"sha256:1111111111111111111111111111111111111111111111111111111111111111":{"imageSizeBytes":"10","tag":[],"timeUploadedMs":2000}},"name":"project","tags":["latest"]}"#,
    ),
    get(GCR, "/v2/project/image/tags/list")
        .text(r#"{"child":[],"manifest":{},"name":"project/image","tags":["v1"]}"#),
    get(GCR, "/v2/project/manifests/latest").body(Content::Manifest),
    row(GCR, "HEAD", "/v2/project/manifests/latest"),
    get(GCR, "/v2/project/blobs/{config}").body(Content::Config),
];

/// What is below, sizes and times of tags, manifests without one.
#[test]
fn google_s_listing() {
    let Some((behind, browser)) = stage(GOOGLE) else {
        return;
    };
    let page = Page::at(&browser, &behind.base);
    page.load_ready("#/repo/gcr.io/project");
    browser.find("[data-tag=latest]");
    let text = |css: &str| {
        let text = browser.run(
            "return document.querySelector(arguments[0])?.innerText ?? ''",
            &[json!(css)],
        );
        text.as_str().unwrap().to_owned()
    };
    let tag = text("[data-tag=latest]");
    assert!(
        tag.contains("200.0 kB") && tag.contains("2026-01-01"),
        "{tag}"
    );
    let untagged = text(&format!("[data-untagged='{UNTAGGED}']"));
    assert!(untagged.contains("10 B"), "{untagged}");
    assert_eq!(repositories(&browser), ["project/image"]);
    browser.screenshot("google");
    browser.click("[data-repository='project/image'] a");
    browser.find("[data-tag=v1]");
    // What one repository has does not stay on the page of the next.
    assert_eq!(repositories(&browser), [""; 0]);
    assert_eq!(text("[data-untagged]"), "");
    assert_eq!(page.route(), "#/repo/gcr.io/project/image");
    behind.asked();
    page.assert_clean();
}
