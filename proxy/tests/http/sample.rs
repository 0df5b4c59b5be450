//! The sample registry, read through the same API as any other, and checked to the last byte.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::support::*;

fn hex(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

fn manifest_path(repository: &str, reference: &str) -> String {
    format!(
        "/api/v1/manifest?registry=sample.localhost&repository={repository}&reference={reference}"
    )
}

fn blob_path(repository: &str, digest: &str) -> String {
    format!("/api/v1/blob?registry=sample.localhost&repository={repository}&digest={digest}")
}

async fn tags(app: &axum::Router, repository: &str) -> Vec<String> {
    let mut next = format!("/api/v1/tags?registry=sample.localhost&repository={repository}&n=4");
    let mut all = Vec::new();
    loop {
        let reply = get(app, &next).await;
        assert_eq!(reply.status, 200);
        let page = reply.json();
        let page = page["tags"].as_array().unwrap();
        assert!(page.len() <= 4);
        all.extend(page.iter().map(|tag| tag.as_str().unwrap().to_owned()));
        match reply.header("link").split_once('>') {
            Some((link, _)) => next = link.trim_start_matches('<').to_owned(),
            None => return all,
        }
    }
}

#[tokio::test]
async fn every_manifest_and_blob_is_what_its_digest_says() {
    let app = proxy("");
    let catalog = get(&app, "/api/v1/catalog?registry=sample.localhost")
        .await
        .json();
    assert_eq!(
        catalog["repositories"],
        serde_json::json!(["demo/chart", "demo/hello"])
    );
    let mut blobs = BTreeSet::new();
    for repository in ["demo/chart", "demo/hello"] {
        let mut open: Vec<String> = tags(&app, repository).await;
        let mut seen = BTreeSet::new();
        while let Some(reference) = open.pop() {
            if !seen.insert(reference.clone()) {
                continue;
            }
            let reply = get(&app, &manifest_path(repository, &reference)).await;
            assert_eq!(reply.status, 200, "{reference}");
            let digest = hex(&reply.body);
            assert_eq!(reply.header("docker-content-digest"), digest);
            if reference.starts_with("sha256:") {
                assert_eq!(reference, digest);
            }
            let manifest = reply.json();
            assert_eq!(
                manifest["mediaType"].as_str().unwrap(),
                reply.header("content-type")
            );
            for child in manifest["manifests"].as_array().into_iter().flatten() {
                open.push(child["digest"].as_str().unwrap().to_owned());
            }
            let layers = manifest["layers"].as_array().into_iter().flatten();
            for blob in layers.chain(manifest.get("config")) {
                let (digest, size) = (
                    blob["digest"].as_str().unwrap(),
                    blob["size"].as_u64().unwrap(),
                );
                let reply = get(&app, &blob_path(repository, digest)).await;
                assert_eq!(
                    (hex(&reply.body).as_str(), reply.body.len() as u64),
                    (digest, size)
                );
                blobs.insert(digest.to_owned());
            }
        }
    }
    assert!(blobs.len() > 20, "{}", blobs.len());
}

#[tokio::test]
async fn tags_are_such_that_a_plain_sort_gets_them_wrong() {
    let all = tags(&proxy(""), "demo/hello").await;
    for wanted in ["latest", "amd64", "arm64", "v1.0", "v1.2", "v1.10", "v1.12"] {
        assert!(all.iter().any(|tag| tag == wanted), "{wanted}");
    }
    assert!(all.is_sorted());
}

/// The platform manifest of a tag, and its repository's config.
async fn image(app: &axum::Router, tag: &str) -> (Value, Value) {
    let manifest = get(app, &manifest_path("demo/hello", tag)).await.json();
    let config = get(
        app,
        &blob_path("demo/hello", manifest["config"]["digest"].as_str().unwrap()),
    )
    .await;
    (manifest, config.json())
}

#[tokio::test]
async fn layers_config_and_history_belong_together() {
    let app = proxy("");
    for tag in ["amd64", "arm64", "v1.0"] {
        let (manifest, config) = image(&app, tag).await;
        let layers = manifest["layers"].as_array().unwrap();
        let diff_ids = config["rootfs"]["diff_ids"].as_array().unwrap();
        let history = config["history"].as_array().unwrap();
        let with_layer = history
            .iter()
            .filter(|step| step["empty_layer"] != true)
            .count();
        assert_eq!((layers.len(), with_layer), (diff_ids.len(), diff_ids.len()));
        assert!(history.len() > with_layer);
        assert_eq!(
            config["architecture"],
            if tag == "arm64" { "arm64" } else { "amd64" }
        );
        let mut entries: BTreeMap<String, tar::EntryType> = BTreeMap::new();
        for (layer, diff_id) in layers.iter().zip(diff_ids) {
            let gzip = get(
                &app,
                &blob_path("demo/hello", layer["digest"].as_str().unwrap()),
            )
            .await
            .body;
            let mut plain = Vec::new();
            flate2::read::GzDecoder::new(&gzip[..])
                .read_to_end(&mut plain)
                .unwrap();
            assert_eq!(hex(&plain), diff_id.as_str().unwrap());
            for entry in tar::Archive::new(&plain[..]).entries().unwrap() {
                let entry = entry.unwrap();
                let path = String::from_utf8(entry.path_bytes().to_vec()).unwrap();
                entries.insert(path, entry.header().entry_type());
            }
        }
        assert!(entries.len() > 250, "{}", entries.len());
        use tar::EntryType::{Char, Fifo, Link, Symlink};
        for (path, kind) in [
            ("bin", Symlink),
            ("usr/bin/hallo", Link),
            ("dev/null", Char),
            ("dev/initctl", Fifo),
        ] {
            assert_eq!(entries.get(path), Some(&kind), "{path}");
        }
        for path in [
            "etc/.wh.motd",
            "var/cache/old/.wh..wh..opq",
            "srv/names/日本語/こんにちは.txt",
            "usr/share/dict/numbers",
        ] {
            assert!(entries.contains_key(path), "{path}");
        }
    }
}

#[tokio::test]
async fn the_index_has_platforms_and_their_attestations() {
    let app = proxy("");
    let index = get(&app, &manifest_path("demo/hello", "latest"))
        .await
        .json();
    let manifests = index["manifests"].as_array().unwrap();
    let platforms: Vec<&str> = manifests
        .iter()
        .map(|m| m["platform"]["architecture"].as_str().unwrap())
        .collect();
    assert_eq!(platforms, ["amd64", "arm64", "unknown", "unknown"]);
    for (image, attestation) in [(0, 2), (1, 3)] {
        let annotations = &manifests[attestation]["annotations"];
        assert_eq!(
            annotations["vnd.docker.reference.type"],
            "attestation-manifest"
        );
        assert_eq!(
            annotations["vnd.docker.reference.digest"],
            manifests[image]["digest"]
        );
    }
}

#[tokio::test]
async fn the_amd64_manifest_has_a_referrer() {
    let app = proxy("");
    let digest = hex(&get(&app, &manifest_path("demo/hello", "amd64")).await.body);
    let path = format!(
        "/api/v1/referrers?registry=sample.localhost&repository=demo/hello&digest={digest}"
    );
    let all = get(&app, &path).await.json();
    let referrer = &all["manifests"][0];
    assert_eq!(referrer["artifactType"], "application/spdx+json");
    let manifest = get(
        &app,
        &manifest_path("demo/hello", referrer["digest"].as_str().unwrap()),
    )
    .await
    .json();
    assert_eq!(
        manifest["subject"]["digest"].as_str(),
        Some(digest.as_str())
    );
    let reply = get(&app, &format!("{path}&artifactType=other/type")).await;
    assert_eq!(reply.json()["manifests"], serde_json::json!([]));
    assert_eq!(reply.header("oci-filters-applied"), "artifactType");
}

#[tokio::test]
async fn ranges_and_conditions() {
    let app = proxy("");
    let (manifest, _) = image(&app, "amd64").await;
    let digest = manifest["layers"][1]["digest"].as_str().unwrap().to_owned();
    let path = blob_path("demo/hello", &digest);
    let whole = get(&app, &path).await.body;
    let total = whole.len();
    for (range, start, end) in [
        ("bytes=0-0".to_owned(), 0, 1),
        ("bytes=100-199".to_owned(), 100, 200),
        (format!("bytes={}-", total - 5), total - 5, total),
        ("bytes=-7".to_owned(), total - 7, total),
        (format!("bytes=5-{}", total * 2), 5, total),
    ] {
        let reply = send(&app, request("GET", &path, &[("range", &range)])).await;
        assert_eq!(
            (reply.status.as_u16(), &reply.body[..]),
            (206, &whole[start..end]),
            "{range}"
        );
        assert_eq!(
            reply.header("content-range"),
            format!("bytes {start}-{}/{total}", end - 1)
        );
    }
    let range = format!("bytes={total}-");
    let reply = send(&app, request("GET", &path, &[("range", &range)])).await;
    assert_eq!(
        (reply.status.as_u16(), reply.header("content-range")),
        (416, format!("bytes */{total}").as_str())
    );
    let reply = send(&app, request("HEAD", &path, &[])).await;
    assert_eq!(
        (reply.status.as_u16(), reply.header("content-length")),
        (200, total.to_string().as_str())
    );
    let tag = format!("\"{digest}\"");
    let reply = send(&app, request("GET", &path, &[("if-none-match", &tag)])).await;
    assert_eq!(reply.status, 304);
    let reply = send(
        &app,
        request(
            "GET",
            &path,
            &[("range", "bytes=0-0"), ("if-range", "\"x\"")],
        ),
    )
    .await;
    assert_eq!(reply.body.len(), total);
}

#[tokio::test]
async fn it_is_there_beside_a_list_and_can_be_left_out() {
    let app = proxy("--registry ghcr.io");
    assert_eq!(
        get(&app, &manifest_path("demo/hello", "latest"))
            .await
            .status,
        200
    );
    let app = proxy("--no-sample");
    get(&app, &manifest_path("demo/hello", "latest"))
        .await
        .assert_error(403, "REGISTRY_NOT_SERVED");
    assert_eq!(get(&app, "/api/v1/info").await.json()["sample"], false);
}

#[tokio::test]
async fn what_is_not_there() {
    let app = proxy("");
    for (path, code) in [
        (manifest_path("demo/hello", "nope"), "MANIFEST_UNKNOWN"),
        (manifest_path("demo/nope", "latest"), "NAME_UNKNOWN"),
        (blob_path("demo/hello", &some_digest()), "BLOB_UNKNOWN"),
    ] {
        let reply = get(&app, &path).await;
        assert_eq!(
            (reply.status.as_u16(), reply.header("x-layerscope-error")),
            (404, "")
        );
        assert_eq!(reply.json()["errors"][0]["code"], code);
    }
}
