use super::*;
use proptest::prelude::*;

const SHA: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const SHA512: &str = "sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f";

/// The full form that a text means.
#[track_caller]
fn check(text: &str, expect: &str) {
    match Reference::parse(text) {
        Ok(r) => {
            assert_eq!(r.to_string(), expect, "{text:?}");
            assert_eq!(Reference::parse(expect).unwrap(), r);
            assert_eq!(Reference::parse(&r.familiar()).unwrap(), r);
        }
        Err(e) => panic!("{text:?}: {e} at {}", e.position),
    }
}

/// What is wrong with a text, by a part of the message, and where.
#[track_caller]
fn check_wrong(text: &str, message: &str, position: usize) {
    match Reference::parse(text) {
        Ok(r) => panic!("{text:?} was taken for {r}"),
        Err(e) => {
            assert!(e.to_string().contains(message), "{text:?}: {e}");
            assert_eq!(e.position, position, "{text:?}: {e}");
        }
    }
}

#[test]
fn docker_defaults() {
    check("debian", "index.docker.io/library/debian:latest");
    check("  debian\n", "index.docker.io/library/debian:latest");
    check("debian:12-slim", "index.docker.io/library/debian:12-slim");
    check("grafana/grafana", "index.docker.io/grafana/grafana:latest");
    check("docker.io/debian", "index.docker.io/library/debian:latest");
    check(
        "index.docker.io/debian:a",
        "index.docker.io/library/debian:a",
    );
    check("registry-1.docker.io/a/b", "index.docker.io/a/b:latest");
    check("docker.io:443/a/b", "index.docker.io/a/b:latest");
    check("DOCKER.IO/a/b", "index.docker.io/a/b:latest");
    check(
        "docker.io/library/debian",
        "index.docker.io/library/debian:latest",
    );
    check("library/debian", "index.docker.io/library/debian:latest");
    check("a/b/c/d", "index.docker.io/a/b/c/d:latest");
    check("localhost:5000", "index.docker.io/library/localhost:5000");
    check("ghcr.io", "index.docker.io/library/ghcr.io:latest");
    check("foo_bar.com", "index.docker.io/library/foo_bar.com:latest");
}

#[test]
fn registries() {
    check("ghcr.io/a/b:v1", "ghcr.io/a/b:v1");
    check("GHCR.io/a/b:v1", "ghcr.io/a/b:v1");
    check("localhost/x", "localhost/x:latest");
    check("LocalHost/x", "localhost/x:latest");
    check("localhost:5000/x/y:z", "localhost:5000/x/y:z");
    check("reg:5000/x", "reg:5000/x:latest");
    check("reg:0500/x", "reg:500/x:latest");
    check("127.0.0.1:5000/x", "127.0.0.1:5000/x:latest");
    check("[::1]/x", "[::1]/x:latest");
    check("[::1]:5000/x:t", "[::1]:5000/x:t");
    check("[2001:DB8:0::1]:5000/x", "[2001:db8::1]:5000/x:latest");
    check("a.b.c-d.example:443/x", "a.b.c-d.example:443/x:latest");
    check(
        "gcr.io/distroless/static",
        "gcr.io/distroless/static:latest",
    );
    check("gcr.io/x", "gcr.io/x:latest");
    check(
        "xn--n3h.com/myimage:xn--n3h.com",
        "xn--n3h.com/myimage:xn--n3h.com",
    );
    check(
        "sample.localhost/demo/hello:v1.12",
        "sample.localhost/demo/hello:v1.12",
    );
    check("1.example/x", "1.example/x:latest");
}

#[test]
fn tags_and_digests() {
    check(
        &format!("debian@{SHA}"),
        &format!("index.docker.io/library/debian@{SHA}"),
    );
    check(
        &format!("debian:12@{SHA}"),
        &format!("index.docker.io/library/debian:12@{SHA}"),
    );
    check(&format!("q.io/a@{SHA512}"), &format!("q.io/a@{SHA512}"));
    check("a:_x", "index.docker.io/library/a:_x");
    check(
        "a:UPPER.Case-1_2",
        "index.docker.io/library/a:UPPER.Case-1_2",
    );
    let longest = "t".repeat(128);
    check(
        &format!("a:{longest}"),
        &format!("index.docker.io/library/a:{longest}"),
    );
    let both = Reference::parse(&format!("debian:12@{SHA}")).unwrap();
    assert_eq!(both.manifest(), ManifestRef::Digest(SHA.parse().unwrap()));
    assert_eq!(both.tag().unwrap().as_str(), "12");
}

#[test]
fn names() {
    check("a.b/c", "a.b/c:latest");
    check("x/a__b", "index.docker.io/x/a__b:latest");
    check("x/a---b", "index.docker.io/x/a---b:latest");
    check("x/a.b_c-d", "index.docker.io/x/a.b_c-d:latest");
    check(
        "aa/asdf$^/aa".split('$').next().unwrap(),
        "index.docker.io/aa/asdf:latest",
    );
    check_wrong("aa/asdf$^/aa", "'$' cannot stand in a repository's name", 7);
    check_wrong("Debian", "try \"debian\"", 0);
    check_wrong("Uppercase/lower", "lower case", 0);
    check_wrong("ghcr.io/Owner/x", "try \"owner/x\"", 8);
    check_wrong("a//b", "on both sides of '/'", 2);
    check_wrong("/debian", "on both sides", 0);
    check_wrong("debian/", "on both sides", 6);
    check_wrong("x/-a", "on both sides of '-'", 2);
    check_wrong("x/a-", "on both sides of '-'", 3);
    check_wrong("x/a..b", "on both sides of '.'", 4);
    check_wrong("x/a___b", "on both sides of '_'", 5);
    check_wrong("x/a._b", "on both sides of '_'", 4);
    check_wrong("a/../b", "on both sides", 2);
    check_wrong("x/é", "'é' cannot stand", 2);
    check_wrong("x/a b", "' ' cannot stand", 3);
    check_wrong("x/<script>", "'<'", 2);
    check_wrong(
        &format!("ghcr.io/{}", "a".repeat(256)),
        "at most 255",
        8 + 255,
    );
    check_wrong(&"a".repeat(248), "at most 255", 247); // library/ is put in front
    check_wrong(&"a".repeat(2000), "at most 1024", 1024);
}

#[test]
fn wrong_tags_and_digests() {
    check_wrong("", "nothing to look up", 0);
    check_wrong("   ", "nothing to look up", 0);
    check_wrong("debian:", "tag is missing", 7);
    check_wrong(":tag", "missing", 0);
    check_wrong("debian:.x", "not with '.'", 7);
    check_wrong("debian:-x", "not with '-'", 7);
    check_wrong("debian:a+b", "'+' cannot stand in a tag", 8);
    check_wrong("debian:a:b", "':' cannot stand", 6);
    check_wrong(
        &format!("debian:{}", "t".repeat(129)),
        "at most 128",
        7 + 128,
    );
    check_wrong("debian@", "no colon", 7);
    check_wrong("debian@latest", "no colon", 7);
    check_wrong("debian@sha256:abc", "64 hex digits", 7);
    check_wrong("debian@sha1:abc", "not known", 7);
    check_wrong(&format!("debian@{}", SHA.to_uppercase()), "not known", 7);
    check_wrong(&format!("debian@{SHA}@{SHA}"), "'@'", 7);
    check_wrong(&format!("@{SHA}"), "digest alone", 0);
    check_wrong(SHA, "digest alone", 0);
    check_wrong(&SHA[7..], "digest alone", 0);
}

#[test]
fn wrong_hosts() {
    check_wrong("ghcr.io/", "repository is missing", 8);
    check_wrong("[::1]:5000", "repository is missing", 10);
    check_wrong("[::g]/x", "IPv6", 0);
    check_wrong("[fe80::1%25eth0]/x", "IPv6", 0);
    check_wrong("[::1/x", "IPv6", 0);
    check_wrong("localhost:0/x", "1 to 65535", 10);
    check_wrong("localhost:65536/x", "1 to 65535", 10);
    check_wrong("localhost:+1/x", "1 to 65535", 10);
    check_wrong("localhost:/x", "1 to 65535", 10);
    check_wrong("a..b/x", "each part of a host", 2);
    check_wrong("-a.b/x", "each part", 0);
    check_wrong("a.b./x", "each part", 4);
    check_wrong("a_b.c/x", "'_' cannot stand in a registry's host", 1);
    check_wrong("127.1:5000/x", "four decimal", 0);
    check_wrong("0x7f.1/x", "four decimal", 0);
    check_wrong("0177.0.0.1/x", "four decimal", 0);
    check_wrong("1.2.3.4.5/x", "four decimal", 0);
    check_wrong("a.0x1/x", "four decimal", 0);
    check_wrong("user:pass@ghcr.io/x", "no place in a reference", 9);
    check_wrong("exämple.com/x", "'ä'", 2);
}

#[test]
fn registry_alone() {
    assert!(Registry::parse("reg").is_err());
    let e = Registry::parse("reg").unwrap_err();
    assert!(e.to_string().contains("reg:443"), "{e}");
    assert!(Registry::parse("a/b").is_err());
    assert!(Registry::parse("user@ghcr.io").is_err());
    assert!(Registry::parse("").is_err());
    let r = Registry::parse("[::1]:5000").unwrap();
    assert_eq!(
        (r.host(), r.port(), r.is_loopback()),
        ("[::1]", Some(5000), true)
    );
    let hub = Registry::parse("docker.io").unwrap();
    assert_eq!(
        (hub.dial(), hub.is_docker_hub()),
        ("registry-1.docker.io", true)
    );
    assert!(Registry::parse("sample.localhost").unwrap().is_loopback());
    assert!(!Registry::parse("localhost.example").unwrap().is_loopback());
}

#[test]
fn pasted_forms() {
    check("docker://ghcr.io/a/b:1", "ghcr.io/a/b:1");
    check("oci://debian", "index.docker.io/library/debian:latest");
    check("docker pull debian:12", "index.docker.io/library/debian:12");
    // A page behind a command, and Hub's pages taken for a registry.
    for text in [
        "docker pull https://hub.docker.com/r/grafana/grafana",
        "podman pull hub.docker.com/r/grafana/grafana",
        "docker://hub.docker.com/grafana/grafana",
    ] {
        check(text, "index.docker.io/grafana/grafana:latest");
    }
    check(
        "https://hub.docker.com/_/debian",
        "index.docker.io/library/debian:latest",
    );
    check(
        "Hub.Docker.com/_/debian",
        "index.docker.io/library/debian:latest",
    );
    check(
        "hub.docker.com/_/debian/tags",
        "index.docker.io/library/debian:latest",
    );
    check(
        "https://hub.docker.com/_/debian/tags?name=12",
        "index.docker.io/library/debian:12",
    );
    check(
        "https://hub.docker.com/r/grafana/grafana/",
        "index.docker.io/grafana/grafana:latest",
    );
    check(
        "https://hub.docker.com/layers/library/debian/12/images/sha256-0",
        "index.docker.io/library/debian:12",
    );
    check(
        "https://quay.io/repository/a/b?tab=tags&tag=v1",
        "quay.io/a/b:v1",
    );
    check(
        "https://gallery.ecr.aws/docker/library/x",
        "public.ecr.aws/docker/library/x:latest",
    );
    check(
        "https://github.com/Own/repo/pkgs/container/name",
        "ghcr.io/own/name:latest",
    );
    check("https://GHCR.io/a/b:v1", "ghcr.io/a/b:v1");
    check("http://localhost:5000/a", "localhost:5000/a:latest");
    check(
        "http://localhost:5000/v2/a/b/manifests/v1",
        "localhost:5000/a/b:v1",
    );
    check(
        "http://localhost:5000/v2/a/tags/list",
        "localhost:5000/a:latest",
    );
    check(
        &format!("https://x.io/v2/a/manifests/{SHA}"),
        &format!("x.io/a@{SHA}"),
    );
    check_wrong(
        "https://hub.docker.com/search?q=x",
        "does not name an image",
        0,
    );
    check_wrong(
        "hub.docker.com/r/hub.docker.com/r",
        "does not name an image",
        0,
    );
    check_wrong("https://github.com/a/b", "does not name an image", 0);
    check_wrong("docker://Debian", "lower case", 9);
    check_wrong("https://ghcr.io/", "repository is missing", 8);
}

#[test]
fn short_forms() {
    let familiar = |t: &str| Reference::parse(t).unwrap().familiar();
    assert_eq!(familiar("debian"), "debian:latest");
    assert_eq!(familiar("docker.io/grafana/grafana:1"), "grafana/grafana:1");
    assert_eq!(familiar("ghcr.io/a/b:1"), "ghcr.io/a/b:1");
    assert_eq!(familiar("docker.io/a.b/c:1"), "docker.io/a.b/c:1");
    assert_eq!(familiar("library/a/b:1"), "library/a/b:1");
    let qualified = |t: &str| Reference::parse(t).unwrap().qualified();
    assert_eq!(qualified("debian"), "docker.io/library/debian:latest");
    assert_eq!(qualified("ghcr.io/a/b:1"), "ghcr.io/a/b:1");
    assert_eq!(Registry::docker_hub().familiar(), "docker.io");
}

#[test]
fn the_box() {
    let registry = |t: &str, expect: &str| match Typed::parse(t) {
        Ok(Typed::Registry(r)) => assert_eq!(r.as_str(), expect),
        other => panic!("{t}: {other:?}"),
    };
    registry("ghcr.io", "ghcr.io");
    registry("ghcr.io/", "ghcr.io");
    registry("https://ghcr.io/", "ghcr.io");
    registry("localhost:5000", "localhost:5000");
    registry("[::1]:5000", "[::1]:5000");
    for image in ["debian", "debian:12", "ghcr.io/a", "library/x", "node:22.1"] {
        assert!(
            matches!(Typed::parse(image), Ok(Typed::Image(_))),
            "{image}"
        );
    }
    assert!(Typed::parse("").is_err());
}

#[test]
fn travels_as_text() {
    let r = Reference::parse("debian:12").unwrap();
    let json = serde_json::to_string(&r).unwrap();
    assert_eq!(json, "\"index.docker.io/library/debian:12\"");
    assert_eq!(serde_json::from_str::<Reference>(&json).unwrap(), r);
    assert!(serde_json::from_str::<Repository>("\"debian:12\"").is_err());
    let m: ManifestRef = serde_json::from_str(&format!("{SHA:?}")).unwrap();
    assert!(matches!(m, ManifestRef::Digest(_)));
}

proptest! {
    #[test]
    fn never_panics(text in "\\PC{0,80}") {
        let _ = Typed::parse(&text);
        let _ = Reference::parse(&text);
        let _ = Registry::parse(&text);
    }

    #[test]
    fn what_parses_is_safe_and_stable(
        text in "([a-zA-Z0-9.-]{1,12}(:[0-9]{1,5})?/)?[a-z0-9._/-]{1,20}(:[A-Za-z0-9_.-]{1,10})?"
    ) {
        if let Ok(r) = Reference::parse(&text) {
            let full = r.to_string();
            prop_assert!(full.bytes().all(|b| b.is_ascii_graphic() && !b"?#%<>\"'&\\".contains(&b)));
            prop_assert!(!full.contains("/../") && !full.contains("//"));
            prop_assert_eq!(&Reference::parse(&full).unwrap(), &r);
            prop_assert_eq!(&Reference::parse(&r.familiar()).unwrap(), &r);
            prop_assert_eq!(&Reference::parse(&r.qualified()).unwrap(), &r);
            prop_assert_eq!(&Registry::parse(r.registry().familiar()).unwrap(), r.registry());
            let registry = Registry::parse(r.registry().as_str()).unwrap();
            prop_assert_eq!(&registry, r.registry());
        }
    }
}
