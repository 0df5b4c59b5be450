use super::*;
use proptest::prelude::*;

const D: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// A canonical fragment stays as it is.
#[track_caller]
fn check(fragment: &str) -> Route {
    let fragment = fragment.replace("{D}", D);
    let route = Route::parse(&fragment);
    assert!(!matches!(route, Route::Invalid { .. }), "{route:?}");
    assert_eq!(route.fragment(), fragment);
    assert_eq!(Route::parse(&route.href()), route);
    route
}

/// Another spelling of a canonical fragment.
#[track_caller]
fn check_same(text: &str, canonical: &str) {
    let route = Route::parse(&text.replace("{D}", D));
    assert_eq!(
        route.fragment(),
        canonical.replace("{D}", D),
        "{text}: {route:?}"
    );
}

#[track_caller]
fn check_invalid(text: &str, part: &str) {
    let text = text.replace("{D}", D);
    match Route::parse(&text) {
        Route::Invalid { fragment, why } => {
            assert!(why.contains(part), "{text}: {why}");
            assert_eq!(fragment, text);
        }
        other => panic!("{text}: {other:?}"),
    }
}

/// Also a route that cannot be read is written as it is read again.
#[test]
fn hashes_in_front_are_no_part_of_it() {
    for text in ["##/fs/nothing", "###", "#/no/such/page", "##/help"] {
        let once = Route::parse(text);
        assert_eq!(Route::parse(&once.fragment()), once, "{text}");
    }
}

#[test]
fn every_row() {
    check("/");
    check("/settings");
    check("/help");
    check("/repo/ghcr.io");
    check("/repo/localhost:5000/a/b");
    check("/repo/index.docker.io/library/debian");
    check("/image/index.docker.io/library/debian:12");
    check("/image/ghcr.io/a/b:c@{D}?platform=linux/arm64/v8&view=history");
    check("/image/[::1]:5000/a@{D}?view=waste");
    check("/image/a.b/c:d?platform=windows/amd64%3A10.0.1&view=packages");
    check("/blob/a.b/c@{D}");
    check("/blob/a.b/c@{D}?mt=application/vnd.oci.image.config.v1%2Bjson&render=hex&lines=3");
    check("/referrers/a.b/c@{D}");
    check("/referrers/a.b/c@{D}?artifactType=application/spdx%2Bjson");
    check("/fs/a.b/c@{D}/");
    check("/fs/a.b/c@{D}/usr/lib/os-release?render=text&lines=10-20");
    check("/fs/a.b/c@{D}/caf%E9/%0A%3Cscript%3E/..%2F".trim_end_matches("%2F"));
    check("/fs/a.b/c@{D}/x?entry=4294967295&mode=flat&q=a%20b%26c%2B%3D&sort=size&desc=1");
    check("/fs/a.b/c@{D}/a.jar!/b.zip!/");
    check("/fs/a.b/c@{D}/a%21/b");
    check("/layers/a.b/c@{D}/");
    check(
        "/layers/a.b/c@{D}/etc?layer={D}&q=x"
            .replace("{D}&", &format!("{}&", D.replace(':', "%3A")))
            .as_str(),
    );
    check("/size/a.b/c@{D}");
    check("/size/a.b/c@{D}/usr");
    check("/sizes/a.b/c@{D}");
    check("/compare/a.b/c:1,a.b/c:2");
    check("/compare/a.b/c:1@{D},[::1]/c:2?pa=linux/amd64&pb=linux/arm64/v8&path=etc/caf%E9");
    check("/compare/a.b/c:1,a.b/c:2?show=unread&q=lib%26c&sort=growth");
    check("/compare/a.b/c:1,a.b/c:2?path=a%26b&show=added");
    check("/search/a.b/c:1?q=");
    check("/search/a.b/c:1?platform=linux/amd64&q=lib%2A");
    check("/local/x1/");
    check(&format!("/local/x1/image/{D}?platform=linux/amd64"));
    check(&format!("/local/x1/fs/{D}/etc/passwd!/b?lines=3&q=%C3%A9"));
    check(&format!("/local/x1/blob/{D}?mt=a/b"));
    check(&format!("/local/x1/layers/{D}/etc"));
}

#[test]
fn reads_into_parts() {
    let Route::Fs { path, inner, .. } = check("/fs/a.b/c@{D}/d/a.jar!/e/f%21") else {
        panic!()
    };
    assert_eq!(path, EntryPath::from("d/a.jar"));
    assert_eq!(inner, [EntryPath::from("e/f!")]);
    let Route::Image { platform, .. } = check("/image/a.b/c:d?platform=linux/arm/v7") else {
        panic!()
    };
    assert_eq!(platform.unwrap().variant.as_deref(), Some("v7"));
    let route = check("/repo/ghcr.io");
    assert!(matches!(
        &route,
        Route::Repo {
            repository: None,
            ..
        }
    ));
    assert_eq!(route.registry().unwrap().as_str(), "ghcr.io");
}

#[test]
fn namespaces() {
    let route = check("/repo/index.docker.io?namespace=grafana");
    assert_eq!(Some(route), Route::namespace("grafana"));
    check_same(
        "/repo/docker.io?namespace=a-b_c",
        "/repo/index.docker.io?namespace=a-b_c",
    );
    // Elsewhere there are none, and what is no name is left out.
    check_same("/repo/ghcr.io?namespace=a", "/repo/ghcr.io");
    check_same("/repo/docker.io?namespace=a%2Fb", "/repo/index.docker.io");
    assert_eq!(Route::namespace("UPPER"), None);
    assert_eq!(Route::namespace(""), None);
}

#[test]
fn other_spellings() {
    check_same("", "/");
    check_same("#", "/");
    check_same("#/", "/");
    check_same("#/?embed=1", "/");
    check_same("settings/", "/settings");
    check_same(
        "/image/debian",
        "/image/index.docker.io/library/debian:latest",
    );
    check_same(
        "/image/docker.io%2Fdebian%3A12",
        "/image/index.docker.io/library/debian:12",
    );
    check_same("/repo/debian", "/repo/index.docker.io/library/debian");
    check_same("/repo/docker.io", "/repo/index.docker.io");
    check_same("/repo/ghcr.io/", "/repo/ghcr.io");
    check_same("/fs/a.b/c@{D}", "/fs/a.b/c@{D}/");
    check_same("/fs/a.b/c%40{D}/x", "/fs/a.b/c@{D}/x");
    check_same(
        "/fs/debian@{D}/./usr//bin/",
        "/fs/index.docker.io/library/debian@{D}/usr/bin",
    );
    check_same("/fs/a.b/c@{D}/a b@c:d!", "/fs/a.b/c@{D}/a%20b%40c%3Ad%21");
    check_same("/fs/a.b/c@{D}/é%c3%a9", "/fs/a.b/c@{D}/%C3%A9%C3%A9");
    check_same("/size/a.b/c@{D}/", "/size/a.b/c@{D}");
    check_same("/local/x", "/local/x/");
    check_same(
        "/fs/a.b/c@{D}/x?lines=L20-L10",
        "/fs/a.b/c@{D}/x?lines=10-20",
    );
    check_same("/fs/a.b/c@{D}/x?lines=7-7", "/fs/a.b/c@{D}/x?lines=7");
}

#[test]
fn parameters_fail_alone() {
    check_same(
        "/image/a.b/c:d?platform=nonsense&view=waste",
        "/image/a.b/c:d?view=waste",
    );
    check_same("/image/a.b/c:d?view=manifest&x=y&&=", "/image/a.b/c:d");
    check_same("/fs/a.b/c@{D}/x?lines=0&q=y", "/fs/a.b/c@{D}/x?q=y");
    check_same(
        "/fs/a.b/c@{D}/x?lines=a-b&entry=-1&render=3d&sort=?",
        "/fs/a.b/c@{D}/x",
    );
    check_same(
        "/fs/a.b/c@{D}/x?q=%FF&mode=flat",
        "/fs/a.b/c@{D}/x?mode=flat",
    );
    check_same("/fs/a.b/c@{D}/x?q=a&q=b", "/fs/a.b/c@{D}/x?q=a");
    check_same("/layers/a.b/c@{D}/x?layer=latest", "/layers/a.b/c@{D}/x");
    check_same("/fs/a.b/c@{D}/x?entry=99999999999", "/fs/a.b/c@{D}/x");
}

#[test]
fn says_why_it_is_invalid() {
    check_invalid("/image/", "nothing to look up");
    check_invalid("/image/Debian", "lower case");
    check_invalid("/image/%FF", "UTF-8");
    check_invalid("/nowhere", "no page \"nowhere\"");
    check_invalid("/settings/x", "no page");
    check_invalid("/fs/{D}/etc", "digest alone");
    check_invalid("/fs/@{D}/etc", "digest alone");
    check_invalid("/fs/a.b/c/etc", "digest is missing");
    check_invalid("/fs/a.b/c@sha256:12/etc", "64 hex digits");
    check_invalid("/fs/a.b/c:tag@{D}/etc", "without tag");
    check_invalid("/blob/a.b/c@{D}/etc", "nothing follows");
    check_invalid("/compare/a.b/c", "comma");
    check_invalid("/compare/a.b/c,", "nothing to look up");
    check_invalid("/local/", "letters and digits");
    check_invalid("/local/../x", "letters and digits");
    check_invalid("/local/x/settings/", "no such page");
    check_invalid("/local/x/fs/etc", "digest");
    check_invalid("/https/evil.example/x", "raw addresses");
    check_invalid(&"x".repeat(40_000), "at most 32768");
}

#[track_caller]
fn check_legacy(got: Option<Route>, fragment: &str) {
    assert_eq!(got.map(|r| r.fragment()), Some(fragment.replace("{D}", D)));
}

#[test]
fn queries_of_the_reference_system() {
    let query = |q: &str| legacy::from_query(&q.replace("{D}", D));
    check_legacy(
        query("?image=debian"),
        "/image/index.docker.io/library/debian:latest",
    );
    check_legacy(
        query("image=ghcr.io%2Fa%2Fb%3Ac&render=raw"),
        "/image/ghcr.io/a/b:c",
    );
    check_legacy(query("?repo=ghcr.io"), "/repo/ghcr.io");
    check_legacy(
        query("?repo=debian"),
        "/repo/index.docker.io/library/debian",
    );
    check_legacy(
        query("?blob=a.b/c@{D}&mt=application%2Fx%2Bjson&size=3&render=xxd"),
        "/blob/a.b/c@{D}?mt=application/x%2Bjson&render=hex",
    );
    check_legacy(query("?referrers=a.b%2Fc%40{D}"), "/referrers/a.b/c@{D}");
    assert_eq!(query("?embed=1&theme=dark"), None);
    assert_eq!(query(""), None);
    assert_eq!(query("?image="), None);
    let bad = query("?image=De+bian").unwrap();
    assert!(
        matches!(&bad, Route::Invalid { why, .. } if why.contains("lower case")),
        "{bad:?}"
    );
}

#[test]
fn paths_of_the_reference_system() {
    let path = |p: &str| legacy::from_path(&p.replace("{D}", D));
    check_legacy(
        path("/fs/a.b/c@{D}/usr/caf%E9/?mt=x&size=3"),
        "/fs/a.b/c@{D}/usr/caf%E9",
    );
    check_legacy(
        path("/cache/a.b/c@{D}/usr?search=lib"),
        "/fs/a.b/c@{D}/usr?q=lib",
    );
    check_legacy(path("/layers/a.b/c@{D}/"), "/layers/a.b/c@{D}/");
    check_legacy(path("/size/a.b/c@{D}?mt=x"), "/size/a.b/c@{D}");
    check_legacy(path("/sizes/a.b/c@{D}/usr"), "/sizes/a.b/c@{D}/usr");
    check_legacy(
        path("/blob/a.b/c@{D}?mt=a/b%2Bjson"),
        "/blob/a.b/c@{D}?mt=a/b%2Bjson",
    );
    check_legacy(path("/repo/debian"), "/repo/index.docker.io/library/debian");
    check_legacy(path("/image/a.b/c:d"), "/image/a.b/c:d");
    for (bad, part) in [
        ("/fs/{D}/etc", "digest alone"),
        ("/https/x/y", "raw addresses"),
        ("/http/169.254.169.254/", "raw addresses"),
        ("/image/%FF", "UTF-8"),
    ] {
        let route = path(bad).unwrap();
        assert!(
            matches!(&route, Route::Invalid { why, .. } if why.contains(part)),
            "{route:?}"
        );
        let again = Route::parse(&route.href());
        assert!(matches!(again, Route::Invalid { .. }), "{again:?}");
        assert_eq!(again.fragment(), route.fragment());
    }
    assert_eq!(path("/"), None);
    assert_eq!(path("/assets/app.js"), None);
    assert_eq!(path("fs/x"), None);
}

fn any_path() -> impl Strategy<Value = EntryPath> {
    let bytes = proptest::collection::vec(any::<u8>(), 0..12);
    let text = "[a-z!/@:?#%&=.~é ]{0,12}".prop_map(String::into_bytes);
    prop_oneof![bytes, text].prop_map(|b| EntryPath::new(b).normalised())
}

fn any_show() -> impl Strategy<Value = Show> {
    let lines = prop::option::of((1u64.., 1u64..).prop_map(|(a, b)| Lines::new(a, b).unwrap()));
    let query = prop::option::of("[ -~é\n]{1,12}");
    (
        lines,
        any::<bool>(),
        query,
        0usize..4,
        0usize..5,
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(
            |(lines, flat, query, sort, render, descending, hidden)| Show {
                render: format::RENDERS.get(render).map(|r| r.1),
                lines,
                mode: if flat { ListMode::Flat } else { ListMode::Dir },
                query,
                sort: format::SORTS[sort].1,
                descending,
                hidden,
            },
        )
}

proptest! {
    #[test]
    fn a_route_survives_its_address(
        path in any_path(),
        inner in proptest::collection::vec(any_path(), 0..3),
        entry: Option<u32>,
        show in any_show(),
    ) {
        let repository = Repository::parse("a.b/c").unwrap();
        let digest: Digest = D.parse().unwrap();
        let route = Route::Fs { repository, digest, path, inner, entry, show };
        let fragment = route.fragment();
        prop_assert!(fragment.bytes().all(|b| b.is_ascii_graphic() && b != b'#'));
        prop_assert_eq!(Route::parse(&fragment), route);
    }

    #[test]
    fn any_text_has_one_canonical_form(
        text in prop_oneof![
            "\\PC{0,60}",
            "#?/(fs|layers|size|blob|image|repo|compare|search|local)/[a-z.:/]{0,9}(@D)?/?[a-z!/%0-9?=&.,]{0,20}",
        ]
    ) {
        let route = Route::parse(&text.replace("@D", &format!("@{D}")));
        let fragment = route.fragment();
        prop_assert_eq!(Route::parse(&fragment).fragment(), fragment.clone());
        prop_assert_eq!(Route::parse(&format!("#{fragment}")).fragment(), fragment);
    }

    #[test]
    fn old_addresses_never_panic(text in "\\PC{0,60}") {
        let _ = legacy::from_query(&text);
        let _ = legacy::from_path(&text);
        let _ = legacy::from_path(&format!("/fs/{text}"));
    }
}

#[test]
fn archives_in_archives_have_addresses() {
    let digest = format!("sha256:{}", "a".repeat(64));
    let base = format!("/fs/index.docker.io/library/a@{digest}");
    let check = |route: &Route, expect: &str| {
        assert_eq!(route.fragment(), format!("{base}/{expect}"));
        assert_eq!(&Route::parse(&route.fragment()), route);
    };
    let mut route = Route::parse(&format!("{base}/opt/a.war?lines=3"));
    route = route.into_archive();
    check(&route, "opt/a.war!/");
    route.set_shown_path(EntryPath::from("lib/b.jar"));
    check(&route, "opt/a.war!/lib/b.jar");
    route = route.into_archive();
    route.set_shown_path(EntryPath::from("odd!/name"));
    check(&route, "opt/a.war!/lib/b.jar!/odd%21/name");
    assert_eq!(route.shown_path(), Some(&EntryPath::from("odd!/name")));
}
