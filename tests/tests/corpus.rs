//! The corpus itself: that the registries are up, ask for what they should, and hold what was
//! pushed. What other tests find broken is then not the corpus.

#![allow(clippy::unwrap_used)] // a test's panic is its message

use std::{io::Read, process::Command};

use layerscope_tests::{
    corpus::{Corpus, Image, edge, images, push},
    net::{client, wait},
    process, skipped, token_server,
};
use reqwest::{Response, StatusCode};
use serde_json::Value;

const ACCEPT: &str = "application/vnd.oci.image.index.v1+json, \
    application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.v2+json";

fn get(host: &str, path: &str, headers: &[(&str, &str)]) -> Response {
    let mut request = client()
        .get(format!("http://{host}/v2/{path}"))
        .header("accept", ACCEPT);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    wait(request.send()).unwrap()
}

fn body(response: Response) -> Vec<u8> {
    wait(response.bytes()).unwrap().to_vec()
}

fn header(response: &Response, name: &str) -> String {
    let value = response
        .headers()
        .get(name)
        .unwrap_or_else(|| panic!("no {name}"));
    value.to_str().unwrap().to_owned()
}

#[test]
fn every_manifest_and_blob_has_its_digest() {
    let Some(corpus) = Corpus::shared() else {
        return;
    };
    let host = corpus.anonymous.direct_host();
    let flat = |image: &Image| [vec![image.clone()], image.manifests.clone()].concat();
    for image in corpus.images().iter().flat_map(flat) {
        let answer = get(
            host,
            &format!("{}/manifests/{}", image.repository, image.tag),
            &[],
        );
        assert_eq!(answer.status(), StatusCode::OK, "{}", image.repository);
        assert_eq!(header(&answer, "docker-content-digest"), image.digest);
        assert_eq!(header(&answer, "content-type"), image.media_type);
        assert_eq!(push::digest(&body(answer)), image.digest);
        for layer in &image.layers {
            let blob = std::fs::read(corpus.blob_path(&layer.digest)).unwrap();
            assert_eq!(blob.len() as u64, layer.size);
            assert_eq!(push::digest(&blob), layer.digest, "{}", image.repository);
        }
    }
}

#[test]
fn debian_is_as_big_as_promised() {
    let Some(corpus) = Corpus::shared() else {
        return;
    };
    let Some(packages) = corpus.optional("debian/packages") else {
        return;
    };
    let [base, over] = &packages.layers[..] else {
        panic!("not two layers")
    };
    assert!(base.size > 60_000_000, "{} bytes", base.size);
    assert!(over.size > 20_000_000, "{} bytes", over.size);
    assert!(corpus.list(base).unwrap().len() > 3_000);
    assert!(!corpus.extract(base, "etc/passwd").unwrap().is_empty());
    assert!(
        !corpus
            .extract(over, "usr/lib/git-core/git-submodule")
            .unwrap()
            .is_empty()
    );
    assert!(
        corpus.extract(over, "etc/passwd").is_err(),
        "it is in the base, unchanged"
    );
    let multi = corpus.image("debian/multi");
    let platforms: Vec<&str> = multi
        .manifests
        .iter()
        .map(|image| &*image.platform)
        .collect();
    assert_eq!(platforms, ["linux/amd64", "linux/arm64"]);
}

#[test]
fn basic_and_bearer_ask_who_is_there() {
    let Some(corpus) = Corpus::shared() else {
        return;
    };
    let manifest = "made/tree/manifests/latest";

    let asked = get(corpus.basic.direct_host(), manifest, &[]);
    assert_eq!(asked.status(), StatusCode::UNAUTHORIZED);
    assert!(header(&asked, "www-authenticate").starts_with("Basic realm="));
    // alice:secret
    let with = [("authorization", "Basic YWxpY2U6c2VjcmV0")];
    assert_eq!(
        get(corpus.basic.direct_host(), manifest, &with).status(),
        StatusCode::OK
    );

    let bearer = corpus.bearer.direct_host();
    let asked = get(bearer, manifest, &[]);
    assert_eq!(asked.status(), StatusCode::UNAUTHORIZED);
    let challenge = header(&asked, "www-authenticate");
    let expect = format!("Bearer realm=\"{}\",service=", corpus.tokens.realm());
    assert!(challenge.starts_with(&expect), "{challenge}");

    let token = |repository: &str, user: Option<&str>| -> (StatusCode, String) {
        let mut request = client().get(corpus.tokens.realm()).query(&[
            ("service", token_server::SERVICE),
            ("scope", &format!("repository:{repository}:pull")),
        ]);
        if let Some(password) = user {
            request = request.basic_auth(token_server::USER, Some(password));
        }
        let answer = wait(request.send()).unwrap();
        let status = answer.status();
        let json: Value = serde_json::from_slice(&body(answer)).unwrap();
        (
            status,
            format!("Bearer {}", json["token"].as_str().unwrap_or_default()),
        )
    };
    let status = |path: &str, token: &str| get(bearer, path, &[("authorization", token)]).status();
    let (_, anonymous) = token("made/tree", None);
    assert_eq!(status(manifest, &anonymous), StatusCode::OK);
    assert_eq!(
        status("edge/pax/manifests/latest", &anonymous),
        StatusCode::UNAUTHORIZED
    );

    let private = "private/tree/manifests/latest";
    let (_, anonymous) = token("private/tree", None);
    assert_eq!(status(private, &anonymous), StatusCode::UNAUTHORIZED);
    let (_, alice) = token("private/tree", Some(token_server::PASSWORD));
    assert_eq!(status(private, &alice), StatusCode::OK);
    assert_eq!(
        token("private/tree", Some("wrong")).0,
        StatusCode::UNAUTHORIZED
    );
}

#[test]
fn ranges_are_recorded_and_both_logs_agree() {
    let Some(corpus) = Corpus::shared() else {
        return;
    };
    let layer = &corpus.image("edge/plain").layers[0];
    let path = format!("edge/plain/blobs/{}", layer.digest);
    let log = corpus.anonymous.log();
    // Other tests of this process may use the same registry.
    let mark = log.mark();
    let answer = get(
        &corpus.anonymous.host(),
        &path,
        &[("range", "bytes=1000-2999")],
    );
    assert_eq!(answer.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(
        header(&answer, "content-range"),
        format!("bytes 1000-2999/{}", layer.size)
    );
    let blob = std::fs::read(corpus.blob_path(&layer.digest)).unwrap();
    assert_eq!(body(answer), blob[1000..3000]);
    let mut seen = log.blobs_since(mark);
    seen.retain(|request| request.path.ends_with(&path));
    let [request] = &seen[..] else {
        panic!("{seen:?}")
    };
    assert_eq!(request.range_bounds(), Some((1000, 2999)));
    assert_eq!((request.status, request.sent), (206, 2000));
    let lines = corpus.anonymous.access_log();
    let line = lines
        .iter()
        .rev()
        .find(|line| line.target.ends_with(&path))
        .unwrap();
    assert_eq!((line.status, line.bytes), (206, 2000));
}

#[test]
fn all_tags_are_listed() {
    let Some(corpus) = Corpus::shared() else {
        return;
    };
    // Version 2.8 knows no pages: it answers with all of them whatever `n` is.
    let answer = get(
        corpus.anonymous.direct_host(),
        "many/tags/tags/list?n=100",
        &[],
    );
    let json: Value = serde_json::from_slice(&body(answer)).unwrap();
    let tags = json["tags"].as_array().unwrap();
    assert!(tags.contains(&"v0.7.0".into()));
    assert_eq!(tags.len(), images::TAGS as usize);
}

/// Debian's `tar` reads every edge layer that is whole, and finds in it what was meant.
#[test]
fn tar_reads_the_edge_layers() {
    let Some(corpus) = Corpus::shared() else {
        return;
    };
    if process::find("tar").is_none() {
        return skipped("edge layers by tar", "no tar on PATH");
    }
    let layer = |repository: &str| corpus.image(repository).layers[0].clone();
    let extract = |repository: &str, path: &str| corpus.extract(&layer(repository), path).unwrap();
    assert_eq!(extract("edge/pax", &edge::long_name()), b"1");
    assert_eq!(
        extract("edge/pax", &format!("{}f", edge::long_path())),
        b"2"
    );
    assert_eq!(extract("edge/gnu", &edge::long_name()), b"1");
    assert_eq!(
        extract("edge/gnu", &format!("{}f", edge::long_path())),
        b"2"
    );
    let prefixed = format!("{}/{}", "p".repeat(90), "q".repeat(90));
    assert_eq!(extract("edge/ustar", &prefixed), b"prefix field");
    assert_eq!(extract("edge/ustar", "v7"), b"version 7");
    assert_eq!(extract("edge/sparse", "after"), b"still in step\n");
    for form in ["old-gnu", "pax-0.1", "pax-1.0"] {
        assert!(
            extract("edge/sparse", form) == edge::sparse_content(),
            "{form}"
        );
    }
    assert_eq!(extract("edge/no-trailer", "two"), b"22");
    assert_eq!(
        corpus.list(&layer("edge/many")).unwrap().len(),
        edge::MANY as usize + 1
    );
    assert_eq!(corpus.list(&layer("edge/empty")).unwrap().len(), 0);
    let needle = extract("made/tree", edge::NEEDLE);
    assert!(needle.ends_with("needle: ünïcödé, the end\n".as_bytes()));
    for same in ["edge/gz-multi", "edge/gz-stored", "edge/gz-best"] {
        assert_eq!(
            corpus.list(&layer(same)).unwrap(),
            corpus.list(&layer("edge/gz-best")).unwrap()
        );
    }
    for damaged in [
        "edge/gz-truncated",
        "edge/gz-corrupt",
        "edge/garbage",
        "edge/not-gzip",
    ] {
        assert!(corpus.list(&layer(damaged)).is_err(), "{damaged}");
    }
    // GNU tar's own words for what it saw.
    let listing = Command::new("tar")
        .arg("-tvzf")
        .arg(corpus.blob_path(&layer("edge/special").digest))
        .output()
        .unwrap();
    let listing = String::from_utf8(listing.stdout).unwrap();
    let words: Vec<&str> = listing.split_whitespace().collect();
    let listing = words.join(" ");
    for part in [
        "crw-rw-rw- root/root 1,3",
        "brw-rw---- root/root 8,0",
        "prw-r--r-- root/root",
        "-rwsr-xr-x root/root",
        "drwxrwxrwt root/root",
    ] {
        assert!(listing.contains(part), "{part} in {listing}");
    }
}

#[test]
fn the_bomb_and_the_large_file_are_what_they_say() {
    let Some(corpus) = Corpus::shared() else {
        return;
    };
    let bomb = &corpus.image("edge/bomb").layers[0];
    assert!(bomb.size < 10 << 20, "{} bytes", bomb.size);
    let head = |path| {
        let file = std::fs::File::open(path).unwrap();
        let mut head = vec![0; 4096];
        flate2::read::GzDecoder::new(file)
            .read_exact(&mut head)
            .unwrap();
        head
    };
    assert!(head(corpus.blob_path(&bomb.digest)).starts_with(b"first.txt\0"));
    let large = &corpus.image("made/large").layers[0];
    assert!(large.size > 1 << 20, "{} bytes", large.size);
    assert_eq!(
        corpus.list(large).unwrap(),
        ["before.txt", "large.txt", "after.txt"]
    );
}

#[test]
fn nothing_remains() {
    let Some(corpus) = Corpus::shared() else {
        return;
    };
    let id = corpus.anonymous.process_id();
    let alive = || std::path::Path::new(&format!("/proc/{id}")).exists();
    if !std::path::Path::new("/proc/self").exists() {
        return skipped("whether processes end", "no /proc here");
    }
    assert!(alive());
    drop(corpus);
    // Other tests may still hold it; the last one's drop is the one that stops it.
    if let Some(again) = Corpus::shared() {
        assert_eq!(again.anonymous.process_id() == id, alive());
    }
}
