//! How often the browser asks the proxy, and the proxy the registry: by the access logs of both.

use layerscope_tests::{
    corpus::{Corpus, edge},
    page::{Page, fs_route},
    proxy::Proxy,
};

use crate::stage;

/// What the proxy's own log says was answered so far, as `route status`.
fn answered(proxy: &Proxy) -> Vec<String> {
    let field = |line: &str, name: &str| {
        let (_, rest) = line.split_once(&format!("{name}="))?;
        Some(rest.split(' ').next()?.trim_matches('"').to_owned())
    };
    let log = proxy.log();
    let lines = log.lines().filter(|line| line.contains("answered"));
    lines
        .filter_map(|line| {
            Some(format!(
                "{} {}",
                field(line, "route")?,
                field(line, "status")?
            ))
        })
        .collect()
}

/// What docker-registry's own log says it was asked so far, as `METHOD path status`.
fn asked(corpus: &Corpus) -> Vec<String> {
    let lines = corpus.bearer.access_log().into_iter();
    lines
        .map(|line| {
            let path = line.target.split('?').next().unwrap_or_default().to_owned();
            format!("{} {path} {}", line.method, line.status)
        })
        .collect()
}

/// Both logs, when nothing has been added for a while: what a page asks for after it is ready is
/// part of it, and a log may be written after the answer.
fn quiet(corpus: &Corpus, proxy: &Proxy) -> (Vec<String>, Vec<String>) {
    let mut before = (vec![], vec![]);
    loop {
        std::thread::sleep(std::time::Duration::from_millis(700));
        let now = (asked(corpus), answered(proxy));
        if now == before {
            return now;
        }
        before = now;
    }
}

/// A page that nobody has opened before, of an image that needs a token; then once more; then two
/// files of its layer.
#[test]
fn of_a_cold_page_a_warm_one_and_a_second_file() {
    let Some((corpus, proxy, browser)) = stage() else {
        return;
    };
    let page = Page::new(&browser, &proxy);
    let (host, tree) = (corpus.bearer.host(), corpus.image("made/tree"));
    let manifest = "/v2/made/tree/manifests/latest";
    page.load_ready(&format!("#/image/{host}/made/tree"));

    // Cold: refused, a token, the manifest. No `/v2/` is asked: the refusal said as much.
    let (cold, seen) = quiet(&corpus, &proxy);
    assert_eq!(
        cold[..2],
        [format!("GET {manifest} 401"), format!("GET {manifest} 200")]
    );
    assert!(
        cold.iter().all(|line| !line.contains(" /v2/ ")),
        "{cold:#?}"
    );
    assert_eq!(corpus.tokens.requests().len(), 1);
    assert_eq!(seen[..3], ["manifest 401", "token 200", "manifest 200"]);

    // Warm: has the tag moved? One HEAD, with the token that is there. What may change or is not
    // kept (referrers, the configuration) is asked for again, by one request upstream each.
    let layer = &tree.layers[0];
    page.go(&fs_route(&host, "made/tree", &layer.digest, ""));
    assert_eq!(page.layer_done(), "blob");
    let (before, seen_before) = quiet(&corpus, &proxy);
    page.go(&format!("#/image/{host}/made/tree"));
    let (now, seen) = quiet(&corpus, &proxy);
    let (warm, seen) = (&now[before.len()..], &seen[seen_before.len()..]);
    assert_eq!(warm[0], format!("HEAD {manifest} 304"));
    assert_eq!(seen[0], "manifest 304");
    assert_eq!(warm.len(), seen.len(), "{warm:#?}");
    let again = format!("GET {manifest}");
    assert!(
        !warm.iter().any(|line| line.starts_with(&again)),
        "{warm:#?}"
    );

    // A file of a layer that is known: one request from the browser, one upstream; and the next.
    let path = format!("/v2/made/tree/blobs/{}", layer.digest);
    for file in ["early.txt", edge::NEEDLE] {
        let (before, seen_before) = quiet(&corpus, &proxy);
        page.go(&fs_route(&host, "made/tree", &layer.digest, file));
        page.text();
        let (now, seen) = quiet(&corpus, &proxy);
        assert_eq!(seen[seen_before.len()..], ["blob 206"], "{file}");
        assert_eq!(now[before.len()..], [format!("GET {path} 206")], "{file}");
    }
    assert_eq!(corpus.tokens.requests().len(), 1);
    page.assert_clean();
}
