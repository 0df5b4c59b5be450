//! Two proxies behind nginx, which sends each request to the other one: nothing that a request
//! needs is kept from an earlier one.

use layerscope_tests::{
    corpus::{Corpus, push},
    net::{client, wait},
    nginx::Nginx,
    proxy::Proxy,
    skipped,
};
use reqwest::Method;

use crate::{
    ALICE,
    ask::{Answer, Ask},
};

/// Requests that a proxy has answered on a route with a status.
fn answered(proxy: &Proxy, route: &str, status: u16) -> u64 {
    let asked = client().get(format!("{}/metrics", proxy.base())).send();
    let text = wait(async { asked.await.unwrap().text().await }).unwrap();
    let name = format!("layerscope_proxy_requests_total{{route=\"{route}\",status=\"{status}\"}} ");
    text.lines()
        .find_map(|line| line.strip_prefix(&*name)?.parse().ok())
        .unwrap_or(0)
}

#[test]
fn every_request_at_another_one() {
    let Some(corpus) = Corpus::shared() else {
        return;
    };
    let (host, tokens) = (corpus.bearer.host(), corpus.tokens.host());
    let realm = format!("{host}={tokens}");
    let mut flags = vec!["--forwarder", "127.0.0.1", "--realm", &realm];
    for one in [&host, &tokens] {
        flags.extend(["--allow-private", one, "--plain-http", one]);
    }
    let both = [Proxy::start(&flags).unwrap(), Proxy::start(&flags).unwrap()];
    let server = |proxy: &Proxy| format!("server {};", proxy.base().trim_start_matches("http://"));
    let nginx = Nginx::start(&format!(
        "upstream proxies {{ zone proxies 64k; {}{} }}\n\
         server {{ listen {{host}}; location / {{ proxy_pass http://proxies; \
         proxy_set_header Host $http_host; \
         proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; \
         proxy_buffering off; }} }}",
        server(&both[0]),
        server(&both[1])
    ));
    let nginx = match nginx {
        Ok(nginx) => nginx,
        Err(error) => return skipped("two proxies behind nginx", error),
    };
    let ask = Ask {
        base: format!("http://{}", nginx.host()),
        registry: host,
    };

    // Refused, a token with a sign-in, the manifest, parts of a layer, a whole one, its length.
    let (repository, image) = ("private/tree", corpus.image("private/tree"));
    let layer = &image.layers[0];
    let blob = std::fs::read(corpus.blob_path(&layer.digest)).unwrap();
    for _ in 0..3 {
        assert_eq!(ask.manifest(repository, "latest", &[]).status, 401);
        let token = ask.token(repository, ALICE);
        let token = format!("Bearer {}", token.json()["token"].as_str().unwrap());
        let signed_in = [("authorization", &*token)];
        for _ in 0..2 {
            let manifest = ask.manifest(repository, "latest", &signed_in);
            assert_eq!(push::digest(&manifest.body), image.digest);
        }
        for start in [0, 100, 200, 300] {
            let range = format!("bytes={start}-{}", start + 99);
            let with = [("authorization", &*token), ("range", &*range)];
            let part = ask.blob(repository, &layer.digest, &with);
            assert_eq!(
                (part.status.as_u16(), &*part.body),
                (206, &blob[start..start + 100])
            );
        }
        let whole = ask.blob(repository, &layer.digest, &signed_in);
        assert!(whole.body == blob);
        let query = [("repository", repository), ("digest", &*layer.digest)];
        let head = ask.send(Method::HEAD, "blob", &query, &signed_in);
        assert_eq!(head.headers()["content-length"], &*layer.size.to_string());
        let query = [("repository", repository)];
        let tags = Answer::of(ask.send(Method::GET, "tags", &query, &signed_in));
        assert_eq!(tags.json()["tags"][0], "latest");
    }
    for (route, status, all) in [
        ("manifest", 401, 3),
        ("manifest", 200, 6),
        ("token", 200, 3),
        ("blob", 206, 12),
        ("blob", 200, 6),
        ("tags", 200, 3),
    ] {
        let [one, other] = both.each_ref().map(|proxy| answered(proxy, route, status));
        assert_eq!(one + other, all, "{route} {status}");
        assert!(one > 0 && other > 0, "{route} {status}: {one} and {other}");
    }
    // nginx wrote the same.
    assert_eq!(nginx.access_log().lines().count(), 33);
    for proxy in &both {
        assert!(!proxy.log().contains("YWxpY2U6"), "credentials in the log");
    }
}
