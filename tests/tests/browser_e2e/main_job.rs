//! Type a reference, see the manifest, click a layer, walk to a file, read it, reload.

use std::time::{Duration, Instant};

use layerscope_tests::{
    browser::{Browser, PATIENCE},
    corpus::{Corpus, Image, Layer, edge, registry::Registry},
    page::{Page, css, fs_route},
    recorder::Recorded,
};

use crate::{assert_text, stage};

/// Requests for one blob.
fn of_blob(registry: &Registry, mark: usize, layer: &Layer) -> Vec<Recorded> {
    let mut list = registry.log().blobs_since(mark);
    list.retain(|request| request.path.ends_with(&layer.digest));
    list
}

/// How often the registry's own log has this blob with a status.
fn logged(registry: &Registry, layer: &Layer, status: u16) -> usize {
    let of_layer = |line: &&layerscope_tests::corpus::registry::AccessLine| {
        line.method == "GET" && line.target.contains(&layer.digest) && line.status == status
    };
    registry.access_log().iter().filter(of_layer).count()
}

/// Types the reference into the start page and walks to `path` in `layer`.
fn main_job(
    browser: &Browser,
    page: &Page<'_>,
    corpus: &Corpus,
    image: &Image,
    layer: &Layer,
    path: &str,
) {
    let registry = &corpus.anonymous;
    let start = registry.log().mark();
    let (whole_before, part_before) = (logged(registry, layer, 200), logged(registry, layer, 206));

    page.load_ready("#/");
    browser.screenshot("start");
    page.open_reference(&format!("{}/{}", registry.host(), image.repository));
    page.ready();
    let route = page.route();
    assert!(
        route.starts_with(&format!("#/image/{}/{}", registry.host(), image.repository)),
        "{route}"
    );
    browser.find("[data-content=json]");
    assert_eq!(page.content_verified(), "blob");
    browser.screenshot("image");

    page.open_layer(&layer.digest);
    assert_eq!(page.layer_done(), "blob");
    browser.screenshot("layer");
    let streamed = of_blob(registry, start, layer);
    let [one] = &streamed[..] else {
        panic!("the layer was asked for more than once: {streamed:?}")
    };
    assert_eq!(
        (one.range.as_deref(), one.status, one.sent),
        (None, 200, layer.size)
    );

    let (dir, _) = path.rsplit_once('/').unwrap();
    page.walk_to(dir);
    let before = registry.log().mark();
    page.click_entry(path);
    page.ready();
    let expect = corpus.extract(layer, path).unwrap();
    assert_text(&page.text(), &expect);
    assert_eq!(page.content_verified(), "span");
    browser.screenshot("file");

    let read = of_blob(registry, before, layer);
    let [one] = &read[..] else {
        panic!("not one request for the file: {read:?}")
    };
    let (first, last) = one.range_bounds().expect("a bounded range");
    assert_eq!((one.status, one.sent), (206, last - first + 1));
    // The reference system fetches 0.85 to 1.15 MB for a small file.
    assert!(
        one.sent < 800_000,
        "{} bytes for {} of content",
        one.sent,
        expect.len()
    );
    println!(
        "{path}: {} bytes by one request of {} bytes",
        expect.len(),
        one.sent
    );
    for name in ["route", "first-row", "index-done", "content"] {
        assert!(page.mark(name).is_some(), "no mark {name}");
    }
    page.assert_clean();

    // The listing after a reload: from the store.
    page.load_ready(&fs_route(
        &registry.host(),
        &image.repository,
        &layer.digest,
        dir,
    ));
    page.wait_row(path);
    let before = registry.log().mark();
    browser.reload();
    page.ready();
    page.wait_row(path);
    assert_eq!(page.layer_done(), "blob");
    assert_eq!(
        of_blob(registry, before, layer),
        [],
        "a listing that was stored asked the registry"
    );
    // The worker that the page's loader started is the one that listed it.
    let started = browser.run(
        "return [performance.getEntriesByType('resource').filter(e => /worker_loader/.test(e.name)).length, \
         typeof globalThis.layerscopeWorker]",
        &[],
    );
    assert_eq!(started, serde_json::json!([1, "undefined"]));

    // The registry's own log says the same as the recorder's.
    assert_eq!(logged(registry, layer, 200) - whole_before, 1);
    assert_eq!(logged(registry, layer, 206) - part_before, 1);
    page.assert_clean();
}

#[test]
fn a_hand_made_tree() {
    let Some((corpus, proxy, browser)) = stage() else {
        return;
    };
    let image = corpus.image("made/tree");
    let page = Page::new(&browser, &proxy);
    main_job(
        &browser,
        &page,
        &corpus,
        image,
        &image.layers[0],
        edge::NEEDLE,
    );
}

#[test]
fn a_debian_root_file_system() {
    let Some((corpus, proxy, browser)) = stage() else {
        return;
    };
    let Some(image) = corpus.optional("debian/packages") else {
        return;
    };
    let page = Page::new(&browser, &proxy);
    let path = "usr/share/perl5/Debconf/Db.pm";
    main_job(&browser, &page, &corpus, image, &image.layers[0], path);
    let path = "usr/lib/git-core/git-sh-setup";
    let over = &image.layers[1];
    page.load_ready(&fs_route(
        &corpus.anonymous.host(),
        &image.repository,
        &over.digest,
        path,
    ));
    assert_text(&page.text(), &corpus.extract(over, path).unwrap());
}

/// A link to a file deep inside a layer works on its own, and the list beside it shows the file.
#[test]
fn a_permanent_link() {
    let Some((corpus, proxy, browser)) = stage() else {
        return;
    };
    let image = corpus.image("made/tree");
    let layer = &image.layers[0];
    let page = Page::new(&browser, &proxy);
    page.load_ready(&fs_route(
        &corpus.anonymous.host(),
        "made/tree",
        &layer.digest,
        edge::NEEDLE,
    ));
    assert_text(&page.text(), &corpus.extract(layer, edge::NEEDLE).unwrap());
    page.wait_row(edge::NEEDLE);

    // Back and forward lead to the same places.
    let here = page.route();
    page.go("#/help");
    browser.back();
    page.ready();
    assert_eq!(page.route(), here);
    browser.find("[data-content=text]");

    // A path that is not there says so, and where one can go on.
    let missing = format!(
        "{}/no/such/file",
        fs_route(&corpus.anonymous.host(), "made/tree", &layer.digest, "usr")
    );
    assert_eq!(page.go(&missing), "error");
    assert!(page.alert().contains("no/such/file"));
    page.assert_clean();
}

#[test]
fn cancelling_keeps_the_rows() {
    let Some((corpus, proxy, browser)) = stage() else {
        return;
    };
    let image = corpus.image("made/three");
    let layer = &image.layers[0];
    let page = Page::new(&browser, &proxy);
    corpus.anonymous.recorder().set_pace(Some(400_000));
    page.load_ready(&fs_route(
        &corpus.anonymous.host(),
        "made/three",
        &layer.digest,
        "",
    ));
    page.wait_row("early.txt");
    let bar = browser.run(
        "const bar = document.querySelector('[role=progressbar]');
         return ['valuenow', 'valuemin', 'valuemax'].every((name) => bar?.getAttribute('aria-' + name))",
        &[],
    );
    assert_eq!(bar, true, "a progress bar with its values");
    assert_eq!(
        page.rows()[0].verified.as_deref(),
        Some("none"),
        "nothing is checked yet"
    );
    browser.run(
        "[...document.querySelectorAll('button')].find((button) => button.innerText.trim() === 'Cancel').click()",
        &[],
    );
    assert_eq!(page.layer_done(), "none");
    page.wait_row("early.txt");
    let sent = || {
        of_blob(&corpus.anonymous, 0, layer)
            .iter()
            .map(|request| request.sent)
            .sum::<u64>()
    };
    // What was on its way may still arrive; then nothing more does.
    let end = Instant::now() + PATIENCE;
    let mut before = u64::MAX;
    while sent() != before {
        assert!(Instant::now() < end, "the registry goes on sending");
        before = sent();
        std::thread::sleep(Duration::from_millis(1500));
    }
    assert!(before < layer.size, "it was sent to its end");
    corpus.anonymous.recorder().set_pace(None);
    browser.find(css::LISTING);
    page.assert_clean();
}
