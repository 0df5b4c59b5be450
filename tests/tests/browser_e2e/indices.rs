//! Layers that open by an index that was made beside them: SOCI's in the registry, and that of an
//! index source. And an index that is given away.

use axum::{Router, http::header, routing::get};
use layerscope_core::{
    digest::{Algorithm, Digest},
    layer_index::{BlobHasher, BuildOptions, IndexBuilder, LayerIndex, index_file_name},
    ztoc::ZtocBuilder,
};
use layerscope_tests::{
    browser::Browser,
    corpus::{
        gz,
        push::{Image, NewLayer, Pusher, digest, media},
    },
    net::{Server, wait},
    page::{Page, fs_route},
    proxy::Proxy,
};
use serde_json::json;

use crate::stage;

const FILE: &str = "etc/answer.txt";
const TEXT: &str = "found without the rest\n";

/// A tar of `len` bytes of noise with a small file at its end.
fn archive(len: usize) -> Vec<u8> {
    let mut state = 7u64;
    let mut noise = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) as u8
    };
    let mut builder = tar::Builder::new(Vec::new());
    let mut add = |name: &str, bytes: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, bytes).unwrap();
    };
    add("noise", &(0..len).map(|_| noise()).collect::<Vec<_>>());
    add(FILE, TEXT.as_bytes());
    builder.into_inner().unwrap()
}

/// Pushes an image with one layer; a second time it is the same.
fn push(pusher: &Pusher, repository: &str, blob: &[u8], tar: &[u8]) -> Image {
    let layer = NewLayer {
        blob: blob.to_vec(),
        media_type: media::GZIP,
        diff_id: digest(tar),
        created_by: "made by the test".into(),
    };
    wait(pusher.image(repository, "latest", "amd64", vec![layer])).unwrap()
}

/// What SOCI pushes beside an image, and the tag by which it is found in a registry without the
/// referrers API.
fn push_soci(pusher: &Pusher, image: &Image, blob: &[u8]) {
    let layer: Digest = image.layers[0].digest.parse().unwrap();
    let mut builder = ZtocBuilder::new(&layer);
    builder.push(blob).unwrap();
    let ztoc = builder.finish(&layer).unwrap().bytes;
    let repository = &image.repository;
    let size = ztoc.len();
    let ztoc = wait(pusher.blob(repository, ztoc)).unwrap();
    let config = wait(pusher.blob(repository, b"{}".to_vec())).unwrap();
    let index = json!({
        "schemaVersion": 2, "mediaType": media::MANIFEST,
        "config": {"mediaType": "application/vnd.amazon.soci.index.v1+json", "digest": config, "size": 2},
        "layers": [{
            "mediaType": "application/octet-stream", "digest": ztoc, "size": size,
            "annotations": {"com.amazon.soci.image-layer-digest": layer.to_string()},
        }],
        "subject": {"mediaType": image.media_type, "digest": image.digest, "size": image.size},
    });
    let (index, size) = wait(pusher.manifest(repository, "soci", media::MANIFEST, &index)).unwrap();
    let referrers = json!({
        "schemaVersion": 2, "mediaType": media::INDEX,
        "manifests": [{
            "mediaType": media::MANIFEST, "digest": index, "size": size,
            "artifactType": "application/vnd.amazon.soci.index.v1+json",
        }],
    });
    let tag = image.digest.replace(':', "-");
    wait(pusher.manifest(repository, &tag, media::INDEX, &referrers)).unwrap();
}

#[test]
fn socis_index_opens_a_layer_without_the_download() {
    let Some((corpus, proxy, browser)) = stage() else {
        return;
    };
    let tar = archive(12 << 20);
    let blob = gz::member(&tar, 1);
    let pusher = Pusher::new(corpus.anonymous.direct_host());
    let image = push(&pusher, "made/soci", &blob, &tar);
    push_soci(&pusher, &image, &blob);
    let host = corpus.anonymous.host();
    let layer = &image.layers[0].digest;
    let asked = corpus.anonymous.access_log().len();

    let page = Page::new(&browser, &proxy);
    page.load_ready(&format!("#/image/{host}/made/soci"));
    page.open_layer(layer);
    assert_eq!(page.layer_done(), "toc");
    browser.screenshot("soci");
    page.walk_to(FILE);
    assert_eq!(page.text(), TEXT.trim_end());
    assert_eq!(page.content_verified(), "toc");

    // The registry's own log, which tells what was sent.
    let log = corpus.anonymous.access_log().split_off(asked);
    let sent: Vec<_> = log
        .iter()
        .filter(|line| line.target.ends_with(layer))
        .collect();
    assert_eq!(sent.len(), 1, "{sent:?}");
    assert_eq!(sent[0].status, 206);
    assert!(
        sent[0].bytes < blob.len() as u64 * 2 / 3,
        "{} of {} bytes were sent",
        sent[0].bytes,
        blob.len()
    );

    // SOCI's is not given away as ours; a ztoc can be made of it again, and is the same.
    page.go(&fs_route(&host, "made/soci", layer, ""));
    page.ready();
    open_exchange(&browser);
    browser.click("[data-action=save-ztoc]");
    browser.until(
        "the lines that push it",
        "return document.querySelectorAll('[data-part=index] [data-command=oras]').length === 3",
        &[],
    );
    page.assert_clean();
}

/// The index file of a layer.
fn index_file(blob: &[u8]) -> (String, Vec<u8>) {
    let digest = Digest::of(Algorithm::Sha256, blob);
    let mut builder = IndexBuilder::new(BuildOptions::default());
    builder.push(blob).unwrap();
    let mut hasher = BlobHasher::new(Algorithm::Sha256);
    hasher.push(blob);
    let index = LayerIndex::seal(builder.finish(), hasher.finish(), &digest).unwrap();
    (index_file_name(&digest), index.to_bytes().unwrap())
}

#[test]
fn an_index_source_opens_a_layer_without_the_download() {
    let Some((corpus, _, browser)) = stage() else {
        return;
    };
    let tar = archive(3 << 20);
    let blob = gz::member(&tar, 6);
    let pusher = Pusher::new(corpus.anonymous.direct_host());
    let image = push(&pusher, "made/indexed", &blob, &tar);
    let host = corpus.anonymous.host();
    let layer = &image.layers[0].digest;
    // A host of its own, as a CDN would be.
    let (name, file) = index_file(&blob);
    let answer = ([(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*")], file);
    let router = Router::new().route(
        &format!("/lsx/{name}"),
        get(move || std::future::ready(answer.clone())),
    );
    let source = Server::start(router).unwrap();
    let url = format!("http://{}/lsx/", source.host());
    let flags = [
        "--allow-private",
        &host,
        "--plain-http",
        &host,
        "--index-source",
        &url,
    ];
    let proxy = Proxy::start(&flags).unwrap();

    let mark = corpus.anonymous.log().mark();
    let page = Page::new(&browser, &proxy);
    let route = fs_route(&host, "made/indexed", layer, FILE);
    page.load_ready(&route);
    assert_eq!(page.layer_done(), "toc");
    assert_eq!(page.text(), TEXT.trim_end());
    assert_eq!(page.content_verified(), "toc");
    let asked = corpus.anonymous.log().blobs_since(mark);
    assert_eq!(asked.len(), 1, "{asked:?}");
    let (start, end) = asked[0].range_bounds().expect("a part of it");
    assert!(end - start < blob.len() as u64 / 2, "{start} to {end}");

    // A full pass confirms it, and is what is kept.
    page.go(&fs_route(&host, "made/indexed", layer, ""));
    browser.click("main .progress button");
    browser.until(
        "the whole layer",
        "return document.querySelector('[data-entry-path][data-verified=blob]') !== null",
        &[],
    );
    open_exchange(&browser);
    browser.click("[data-action=save-index]");
    browser.until(
        "the saved index",
        "return document.querySelector('[data-part=index] [role=status]').textContent.includes(arguments[0])",
        &[json!(name)],
    );
    page.assert_clean();
}

fn open_exchange(browser: &Browser) {
    browser.find("[data-part=index]");
    let open = "document.querySelector('[data-part=index]').open = true";
    browser.run(open, &[]);
}

#[test]
fn an_index_file_is_chosen_while_the_layer_streams() {
    let Some((corpus, proxy, browser)) = stage() else {
        return;
    };
    let tar = archive(3 << 20);
    let blob = gz::member(&tar, 6);
    let pusher = Pusher::new(corpus.anonymous.direct_host());
    let image = push(&pusher, "made/indexed", &blob, &tar);
    let layer = &image.layers[0].digest;
    let (name, file) = index_file(&blob);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, file).unwrap();

    // It would take half a minute.
    corpus.anonymous.recorder().set_pace(Some(100_000));
    let page = Page::new(&browser, &proxy);
    let host = corpus.anonymous.host();
    page.load(&fs_route(&host, "made/indexed", layer, ""));
    page.wait_row("noise");
    open_exchange(&browser);
    let field = browser.find("[data-action=use-index]");
    wait(field.send_keys(path.to_str().unwrap())).unwrap();
    browser.until(
        "the rows of the file",
        "return document.querySelector('[data-entry-path][data-verified=toc]') !== null",
        &[],
    );
    corpus.anonymous.recorder().set_pace(None);
    page.walk_to(FILE);
    assert_eq!(page.text(), TEXT.trim_end());
    assert_eq!(page.content_verified(), "toc");
    page.assert_clean();
}
