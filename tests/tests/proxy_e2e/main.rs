//! The release proxy before real registries and before one that misbehaves: what passes, what is
//! refused, and what reaches the registry.

#![allow(clippy::unwrap_used)] // a test's panic is its message

mod ask;
mod replicas;
mod signed;

use std::time::{Duration, Instant};

use layerscope_tests::{
    corpus::{Corpus, edge, push, push::media},
    double::{Double, Trouble},
    net::{client, wait},
    proxy::Proxy,
    token_server,
};
use reqwest::{Method, StatusCode};
use serde_json::json;

use ask::{Answer, Ask};

const ALICE: Option<(&str, &str)> = Some((token_server::USER, token_server::PASSWORD));

#[test]
fn anonymous_registry() {
    let Some(corpus) = Corpus::shared() else {
        return;
    };
    let host = corpus.anonymous.host();
    let proxy = Proxy::for_hosts(&[&host]).unwrap();
    let ask = Ask::new(&proxy, &host);
    let image = corpus.image("made/tree");
    let layer = &image.layers[0];

    let manifest = ask.manifest("made/tree", "latest", &[]);
    assert_eq!(manifest.status, StatusCode::OK);
    assert_eq!(push::digest(&manifest.body), image.digest);
    assert_eq!(
        manifest.header("docker-content-digest"),
        Some(&*image.digest)
    );
    assert_eq!(manifest.header("content-type"), Some(&*image.media_type));
    assert_eq!(manifest.header("set-cookie"), None);
    let by_digest = ask.manifest("made/tree", &image.digest, &[]);
    assert_eq!(by_digest.body, manifest.body);

    let blob = std::fs::read(corpus.blob_path(&layer.digest)).unwrap();
    let whole = ask.blob("made/tree", &layer.digest, &[]);
    assert_eq!(whole.status, StatusCode::OK);
    assert!(whole.body == blob);
    assert_eq!(
        whole.header("content-type"),
        Some("application/octet-stream")
    );
    assert_eq!(whole.header("x-content-type-options"), Some("nosniff"));
    assert!(
        whole
            .header("content-security-policy")
            .unwrap()
            .contains("sandbox")
    );
    assert_eq!(whole.header("content-encoding"), None);

    let mark = corpus.anonymous.log().mark();
    let part = ask.blob("made/tree", &layer.digest, &[("range", "bytes=1000-1999")]);
    assert_eq!(part.status, StatusCode::PARTIAL_CONTENT);
    assert_eq!(part.body, blob[1000..2000]);
    let expect = format!("bytes 1000-1999/{}", blob.len());
    assert_eq!(part.header("content-range"), Some(&*expect));
    let mut seen = corpus.anonymous.log().blobs_since(mark);
    seen.retain(|request| request.path.ends_with(&layer.digest) && request.range.is_some());
    let [request] = &seen[..] else {
        panic!("{seen:?}")
    };
    assert_eq!(request.range_bounds(), Some((1000, 1999)));
    assert_eq!((request.status, request.sent), (206, 1000));
    // A registry that compresses would make ranges mean something else.
    assert_eq!(request.accept_encoding.as_deref(), Some("identity"));

    let beyond = format!("bytes={}-", blob.len());
    let beyond = ask.blob("made/tree", &layer.digest, &[("range", &beyond)]);
    assert_eq!(beyond.status, StatusCode::RANGE_NOT_SATISFIABLE);

    let query = [("repository", "many/tags")];
    let tags = Answer::of(ask.send(Method::GET, "tags", &query, &[]));
    assert_eq!(tags.json()["tags"].as_array().unwrap().len(), 250);
    let catalog = Answer::of(ask.send(Method::GET, "catalog", &[("n", "500")], &[]));
    let repositories = catalog.json()["repositories"].to_string();
    assert!(repositories.contains("\"made/tree\""), "{repositories}");
}

#[test]
fn head_of_a_blob_is_asked_as_one_byte() {
    let Some(corpus) = Corpus::shared() else {
        return;
    };
    let host = corpus.anonymous.host();
    let proxy = Proxy::for_hosts(&[&host]).unwrap();
    let layer = &corpus.image("edge/gz-best").layers[0];
    let mark = corpus.anonymous.log().mark();
    let query = [("repository", "edge/gz-best"), ("digest", &*layer.digest)];
    let head = Ask::new(&proxy, &host).send(Method::HEAD, "blob", &query, &[]);
    assert_eq!(head.status(), StatusCode::OK);
    let len = head
        .headers()
        .get("content-length")
        .unwrap()
        .to_str()
        .unwrap();
    assert_eq!(len, layer.size.to_string());
    let mut seen = corpus.anonymous.log().blobs_since(mark);
    seen.retain(|request| request.path.ends_with(&layer.digest));
    assert!(
        seen.iter().all(|request| request.method == "GET"),
        "{seen:?}"
    );
    assert!(
        seen.iter()
            .all(|request| request.range.as_deref() == Some("bytes=0-0")),
        "{seen:?}"
    );
}

#[test]
fn errors_of_the_registry_pass_through() {
    let Some(corpus) = Corpus::shared() else {
        return;
    };
    let host = corpus.anonymous.host();
    let proxy = Proxy::for_hosts(&[&host]).unwrap();
    let ask = Ask::new(&proxy, &host);
    let missing = ask.manifest("made/tree", "no-such-tag", &[]);
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
    assert_eq!(missing.header("x-layerscope-error"), None);
    assert_eq!(missing.json()["errors"][0]["code"], "MANIFEST_UNKNOWN");
    let none = format!("sha256:{}", "0".repeat(64));
    assert_eq!(
        ask.blob("made/tree", &none, &[]).status,
        StatusCode::NOT_FOUND
    );
}

#[test]
fn basic_registry() {
    let Some(corpus) = Corpus::shared() else {
        return;
    };
    let host = corpus.basic.host();
    let proxy = Proxy::for_hosts(&[&host]).unwrap();
    let ask = Ask::new(&proxy, &host);
    let asked = ask.manifest("made/tree", "latest", &[]);
    assert_eq!(asked.status, StatusCode::UNAUTHORIZED);
    assert!(
        asked
            .header("www-authenticate")
            .unwrap()
            .starts_with("Basic")
    );
    let scheme = ask.token("made/tree", ALICE);
    assert_eq!(scheme.json()["scheme"], "basic");
    // alice:secret
    let with = [("authorization", "Basic YWxpY2U6c2VjcmV0")];
    assert_eq!(
        ask.manifest("made/tree", "latest", &with).status,
        StatusCode::OK
    );
    let wrong = [("authorization", "Basic YWxpY2U6d3Jvbmc=")];
    assert_eq!(
        ask.manifest("made/tree", "latest", &wrong).status,
        StatusCode::UNAUTHORIZED
    );
    assert!(!proxy.log().contains("YWxpY2U6"), "credentials in the log");
}

#[test]
fn bearer_registry() {
    let Some(corpus) = Corpus::shared() else {
        return;
    };
    let host = corpus.bearer.host();
    let tokens = corpus.tokens.host();
    let realm = format!("{host}={tokens}");
    let flags = [
        "--allow-private",
        &host,
        "--plain-http",
        &host,
        "--allow-private",
        &tokens,
        "--plain-http",
        &tokens,
        "--realm",
        &realm,
    ];
    let proxy = Proxy::start(&flags).unwrap();
    let ask = Ask::new(&proxy, &host);
    let asked = ask.manifest("made/tree", "latest", &[]);
    assert_eq!(asked.status, StatusCode::UNAUTHORIZED);

    let bearer = |answer: &Answer| {
        assert_eq!(
            answer.status,
            StatusCode::OK,
            "{}",
            String::from_utf8_lossy(&answer.body)
        );
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.json()["scheme"], "bearer");
        assert!(answer.json()["expires_in"].as_u64().unwrap() > 0);
        format!("Bearer {}", answer.json()["token"].as_str().unwrap())
    };
    let manifest = |repository: &str, token: &str| {
        ask.manifest(repository, "latest", &[("authorization", token)])
            .status
    };
    let anonymous = bearer(&ask.token("made/tree", None));
    assert_eq!(manifest("made/tree", &anonymous), StatusCode::OK);
    let layer = &corpus.image("made/tree").layers[0];
    let range = [("authorization", &*anonymous), ("range", "bytes=0-9")];
    assert_eq!(ask.blob("made/tree", &layer.digest, &range).body.len(), 10);

    let private = bearer(&ask.token("private/tree", None));
    assert_eq!(manifest("private/tree", &private), StatusCode::UNAUTHORIZED);
    let private = bearer(&ask.token("private/tree", ALICE));
    assert_eq!(manifest("private/tree", &private), StatusCode::OK);
    let wrong = ask.token("private/tree", Some((token_server::USER, "wrong")));
    assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    let asked = corpus.tokens.requests();
    assert!(
        asked
            .iter()
            .any(|ask| ask.user.is_some() && ask.scopes == ["repository:private/tree:pull"])
    );
    let secret = private.trim_start_matches("Bearer ");
    assert!(
        !proxy.log().contains(secret) && !proxy.log().contains("secret"),
        "a secret in the log"
    );
}

#[test]
fn credentials_go_to_no_realm_that_was_not_named() {
    let double = Double::start().unwrap();
    let thief = Double::start().unwrap();
    let challenge = format!(
        "Bearer realm=\"http://{}/token\",service=\"x\"",
        thief.host()
    );
    let header = vec![("www-authenticate", challenge)];
    double.trouble("/v2/", Trouble::Answer(401, header, "{}".into()));
    let proxy = Proxy::for_hosts(&[double.host(), thief.host()]).unwrap();
    let refused = Ask::new(&proxy, &double.host()).token("a/b", ALICE);
    assert_eq!(refused.refusal(), (403, "REALM_REFUSED".into()));
    assert!(
        thief
            .log()
            .all()
            .iter()
            .all(|request| request.authorization.is_none())
    );
}

#[test]
fn redirects_lose_the_authorization() {
    let (registry, storage) = (Double::start().unwrap(), Double::start().unwrap());
    let data = edge::Noise(5).bytes(50_000);
    let digest = registry.blob("a/b", data.clone());
    storage.blob("a/b", data.clone());
    registry.trouble("a/b/blobs/", Trouble::RedirectHost(storage.host()));
    storage.trouble("a/b/blobs/", Trouble::Storage);
    let proxy = Proxy::for_hosts(&[registry.host(), storage.host()]).unwrap();
    let ask = Ask::new(&proxy, &registry.host());
    let headers = [("authorization", "Bearer abc"), ("range", "bytes=100-199")];
    let part = ask.blob("a/b", &digest, &headers);
    assert_eq!(
        (part.status.as_u16(), &part.body[..]),
        (206, &data[100..200])
    );
    assert_eq!(part.header("location"), None);
    assert_eq!(
        registry.log().all()[0].authorization.as_deref(),
        Some("Bearer")
    );
    let hops = storage.log().all();
    assert_eq!(hops.len(), 1);
    assert_eq!(hops[0].authorization, None);
    assert_eq!(hops[0].range.as_deref(), Some("bytes=100-199"));

    // The address is remembered, and asked for anew when it has gone stale.
    let asked = registry.log().mark();
    assert_eq!(ask.blob("a/b", &digest, &headers).status.as_u16(), 206);
    assert_eq!(
        registry.log().since(asked).len(),
        0,
        "the address was not remembered"
    );
    storage.trouble_times(
        "a/b/blobs/",
        Trouble::Answer(403, vec![], "expired".into()),
        1,
    );
    let again = ask.blob("a/b", &digest, &headers);
    assert_eq!(
        (again.status.as_u16(), &again.body[..]),
        (206, &data[100..200])
    );
    assert_eq!(registry.log().since(asked).len(), 1);
    // Somebody else's credentials do not get the address that the first one was given.
    let other = [("authorization", "Bearer other"), ("range", "bytes=0-0")];
    assert_eq!(ask.blob("a/b", &digest, &other).status.as_u16(), 206);
    assert_eq!(registry.log().since(asked).len(), 2);
}

#[test]
fn private_addresses_are_refused() {
    let double = Double::start().unwrap();
    let digest = double.blob("a/b", "x");
    let public = Proxy::start(&["--any-registry"]).unwrap();
    for host in [
        "127.0.0.1",
        "10.0.0.1",
        "169.254.169.254",
        "[::1]",
        "100.64.0.1",
        "localhost",
    ] {
        let answer = Ask::new(&public, host).manifest("a/b", "latest", &[]);
        assert_eq!(answer.refusal(), (403, "ADDRESS_REFUSED".into()), "{host}");
    }
    let named = Ask::new(&public, &double.host()).manifest("a/b", "latest", &[]);
    assert_eq!(named.refusal().0, 403);

    let secret = Double::start().unwrap();
    let proxy = Proxy::for_hosts(&[double.host()]).unwrap();
    let ask = Ask::new(&proxy, &double.host());
    for target in [
        format!("http://{}/v2/a/b/blobs/{digest}", secret.host()),
        format!("https://{}/", secret.host()),
        "https://10.0.0.1/".into(),
        "https://169.254.169.254/latest/meta-data/".into(),
        "https://[::ffff:127.0.0.1]/".into(),
        "file:///etc/passwd".into(),
    ] {
        double.behave();
        double.trouble("a/b/blobs/", Trouble::Redirect(target.clone()));
        let (status, code) = ask.blob("a/b", &digest, &[]).refusal();
        assert!(
            matches!(&*code, "ADDRESS_REFUSED" | "REDIRECT_REFUSED"),
            "{target}: {status} {code}"
        );
    }
    assert_eq!(secret.log().all(), []);
    let closed = Proxy::start(&["--registry", "registry.example"]).unwrap();
    let answer = Ask::new(&closed, "other.example").manifest("a/b", "latest", &[]);
    assert_eq!(answer.refusal(), (403, "REGISTRY_NOT_SERVED".into()));
}

#[test]
fn redirects_end() {
    let double = Double::start().unwrap();
    let digest = double.blob("a/b", "x");
    double.trouble("a/b/blobs/", Trouble::RedirectHost(double.host()));
    let proxy = Proxy::for_hosts(&[double.host()]).unwrap();
    let answer = Ask::new(&proxy, &double.host()).blob("a/b", &digest, &[]);
    assert_eq!(answer.refusal(), (502, "TOO_MANY_REDIRECTS".into()));
    assert!(double.log().all().len() < 20);
}

#[test]
fn a_hundred_megabytes_of_manifest_are_not_read() {
    let double = Double::start().unwrap();
    double.trouble("a/b/manifests/", Trouble::HugeJson(100 << 20));
    let proxy = Proxy::for_hosts(&[double.host()]).unwrap();
    let answer = Ask::new(&proxy, &double.host()).manifest("a/b", "latest", &[]);
    assert_eq!(answer.refusal(), (502, "BODY_TOO_LARGE".into()));
    let sent = double.log().all()[0].sent;
    assert!(sent < 20 << 20, "{sent} bytes were read");
}

#[test]
fn rate_limits_and_failures_pass_through() {
    let double = Double::start().unwrap();
    let proxy = Proxy::for_hosts(&[double.host()]).unwrap();
    let ask = Ask::new(&proxy, &double.host());
    let strike = |status, headers| {
        double.behave();
        double.trouble(
            "a/b/manifests/",
            Trouble::Answer(status, headers, "{\"errors\":[]}".into()),
        );
        ask.manifest("a/b", "latest", &[])
    };
    let limited = strike(
        429,
        vec![("retry-after", "17".into()), ("set-cookie", "a=b".into())],
    );
    assert_eq!(limited.status.as_u16(), 429);
    assert_eq!(limited.header("retry-after"), Some("17"));
    assert_eq!(limited.header("set-cookie"), None);
    assert_eq!(limited.header("x-layerscope-error"), None);
    for status in [403, 500, 503] {
        assert_eq!(strike(status, vec![]).status.as_u16(), status);
    }
    double.behave();
    double.trouble("a/b/blobs/", Trouble::Encoded);
    let digest = double.blob("a/b", "x");
    assert_eq!(
        ask.blob("a/b", &digest, &[]).refusal(),
        (502, "UPSTREAM_INVALID".into())
    );
}

#[test]
fn a_dropped_connection_is_not_a_whole_blob() {
    let double = Double::start().unwrap();
    let digest = double.blob("a/b", edge::Noise(6).bytes(300_000));
    double.trouble("a/b/blobs/", Trouble::DropAfter(100_000));
    let proxy = Proxy::for_hosts(&[double.host()]).unwrap();
    let response = Ask::new(&proxy, &double.host()).blob_response("a/b", &digest, &[]);
    assert_eq!(response.status(), StatusCode::OK);
    assert!(wait(response.bytes()).is_err());
}

/// A client that goes away stops the download from the registry.
#[test]
fn upstream_stops_with_the_client() {
    let double = Double::start().unwrap();
    let digest = double.blob("a/b", vec![7; 8 << 20]);
    double.trouble(
        "a/b/blobs/",
        Trouble::Slow(64 << 10, Duration::from_millis(20)),
    );
    let proxy = Proxy::for_hosts(&[double.host()]).unwrap();
    let mut response = Ask::new(&proxy, &double.host()).blob_response("a/b", &digest, &[]);
    assert!(wait(response.chunk()).unwrap().is_some());
    drop(response);
    let sent = || double.log().all()[0].sent;
    let end = Instant::now() + Duration::from_secs(20);
    let (mut before, mut still) = (sent(), 0);
    while still < 5 {
        assert!(Instant::now() < end, "still sending");
        std::thread::sleep(Duration::from_millis(100));
        still = if sent() == before { still + 1 } else { 0 };
        before = sent();
    }
    assert!(before < 8 << 20, "it was sent to the end");
}

#[test]
fn tag_pages_are_linked_through_the_proxy() {
    let double = Double::start().unwrap();
    let names: Vec<String> = (0..7).map(|i| format!("v{i}")).collect();
    double.tags("a/b", names.clone(), 3);
    let proxy = Proxy::for_hosts(&[double.host()]).unwrap();
    let ask = Ask::new(&proxy, &double.host());
    let mut seen = Vec::new();
    let mut answer = Answer::of(ask.send(Method::GET, "tags", &[("repository", "a/b")], &[]));
    loop {
        let page = answer.json();
        seen.extend(
            page["tags"]
                .as_array()
                .unwrap()
                .iter()
                .map(|tag| tag.as_str().unwrap().to_owned()),
        );
        let Some(link) = answer.header("link") else {
            break;
        };
        let (target, rest) = link.trim_start_matches('<').split_once('>').unwrap();
        assert!(
            target.starts_with("/api/v1/tags?") && rest.contains("next"),
            "{link}"
        );
        answer =
            Answer::of(wait(client().get(format!("{}{target}", proxy.base())).send()).unwrap());
    }
    assert_eq!(seen, names);

    // A Link to another host is not followed and not shown.
    let elsewhere = vec![(
        "link",
        "<https://evil.example/v2/a/b/tags/list?last=x>; rel=\"next\"".to_owned(),
    )];
    double.trouble(
        "a/b/tags/",
        Trouble::Answer(
            200,
            elsewhere,
            "{\"name\":\"a/b\",\"tags\":[\"v0\"]}".into(),
        ),
    );
    let answer = Answer::of(ask.send(Method::GET, "tags", &[("repository", "a/b")], &[]));
    assert!(
        answer
            .header("link")
            .is_none_or(|link| !link.contains("evil"))
    );
}

#[test]
fn hostile_targets_are_refused() {
    let proxy = Proxy::start::<&str>(&[]).unwrap();
    #[track_caller]
    fn check(proxy: &Proxy, registry: &str, repository: &str, reference: &str) {
        let answer = Ask::new(proxy, registry).manifest(repository, reference, &[]);
        assert_eq!(answer.refusal(), (400, "TARGET_INVALID".into()));
    }
    check(&proxy, "user@registry.example", "a/b", "latest");
    check(&proxy, "registry.example/x", "a/b", "latest");
    check(&proxy, "2130706433", "a/b", "latest");
    check(&proxy, "0x7f.1", "a/b", "latest");
    check(&proxy, "registry.example", "../etc", "latest");
    check(&proxy, "registry.example", "A/B", "latest");
    check(&proxy, "registry.example", "a/b", "late st");
    check(&proxy, "registry.example", "a/b", "sha256:abc");
    check(&proxy, "", "a/b", "latest");
}

#[test]
fn other_origins_get_nothing_that_was_not_allowed() {
    let double = Double::start().unwrap();
    let manifest = json!({"schemaVersion": 2, "mediaType": media::INDEX, "manifests": []});
    double.manifest("a/b", "latest", media::INDEX, &manifest);
    let host = double.host();
    let flags = [
        "--allow-private",
        &host,
        "--plain-http",
        &host,
        "--origin",
        "https://apps.example",
    ];
    let proxy = Proxy::start(&flags).unwrap();
    let ask = Ask::new(&proxy, &host);
    let allowed = ask.manifest("a/b", "latest", &[("origin", "https://apps.example")]);
    assert_eq!(
        allowed.header("access-control-allow-origin"),
        Some("https://apps.example")
    );
    let vary: Vec<_> = allowed.headers.get_all("vary").iter().collect();
    let vary = format!("{vary:?}").to_lowercase();
    assert!(vary.contains("origin"), "{vary}");
    let other = ask.manifest("a/b", "latest", &[("origin", "https://evil.example")]);
    assert_eq!(other.header("access-control-allow-origin"), None);
    let post = client()
        .post(format!("{}/api/v1/token", proxy.base()))
        .header("origin", "https://evil.example")
        .json(&json!({"registry": host, "scope": []}));
    assert_eq!(
        Answer::of(wait(post.send()).unwrap()).refusal(),
        (403, "ORIGIN_REFUSED".into())
    );
}

#[test]
fn the_sample_registry_needs_no_network() {
    let proxy = Proxy::start::<&str>(&[]).unwrap();
    let ask = Ask::new(&proxy, "sample.localhost");
    let index = ask.manifest("demo/hello", "latest", &[]);
    assert_eq!(index.status, StatusCode::OK);
    let manifests = index.json()["manifests"].as_array().unwrap().clone();
    assert!(manifests.len() >= 3, "two platforms and an attestation");
    for entry in manifests {
        let digest = entry["digest"].as_str().unwrap();
        let manifest = ask.manifest("demo/hello", digest, &[]);
        assert_eq!(push::digest(&manifest.body), digest);
        for layer in manifest.json()["layers"].as_array().unwrap() {
            let digest = layer["digest"].as_str().unwrap();
            let blob = ask.blob("demo/hello", digest, &[]);
            assert_eq!(push::digest(&blob.body), digest);
            assert_eq!(blob.body.len() as u64, layer["size"].as_u64().unwrap());
        }
    }
}

#[test]
fn only_what_is_promised_answers() {
    let proxy = Proxy::start::<&str>(&[]).unwrap();
    let status = |method: Method, path: &str| {
        wait(
            client()
                .request(method, format!("{}{path}", proxy.base()))
                .send(),
        )
        .unwrap()
        .status()
        .as_u16()
    };
    assert_eq!(status(Method::GET, "/healthz"), 200);
    assert_eq!(status(Method::GET, "/readyz"), 200);
    assert_eq!(status(Method::GET, "/metrics"), 200);
    assert_eq!(status(Method::GET, "/v2/"), 404);
    assert_eq!(status(Method::GET, "/no/such/page"), 404);
    assert_eq!(status(Method::POST, "/api/v1/manifest"), 405);
    assert_eq!(status(Method::DELETE, "/api/v1/blob"), 405);
    let info = wait(client().get(format!("{}/api/v1/info", proxy.base())).send()).unwrap();
    let info = Answer::of(info).json();
    assert_eq!(info["api"], 1);
    assert_eq!(info["sample"], true);

    let legacy = wait(
        client()
            .get(format!("{}/image/debian", proxy.base()))
            .send(),
    )
    .unwrap();
    assert_eq!(legacy.status(), StatusCode::FOUND);
    let location = legacy.headers().get("location").unwrap().to_str().unwrap();
    assert!(location.starts_with("/#"), "{location}");
}
