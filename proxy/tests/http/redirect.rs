//! Redirects, and the memory of where they led.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::support::*;

fn path(double: &Double) -> String {
    format!(
        "/api/v1/blob?registry={}&repository=a&digest={}",
        double.address,
        some_digest()
    )
}

/// A registry that redirects to a fixed address.
async fn redirecting(to: String) -> Double {
    Double::start(move |_| answer(307, &[("location", to.as_str())], "elsewhere")).await
}

const AUTHORIZED: [(&str, &str); 1] = [("authorization", "Bearer secret")];

#[tokio::test]
async fn authorization_stays_with_its_host() {
    let storage = Double::start(|_| answer(200, &[], "content")).await;
    let registry = redirecting(format!("http://{}/x?sig=1", storage.address)).await;
    let app = proxy(&(registry.flags() + &storage.flags()));
    let reply = send(&app, request("GET", &path(&registry), &AUTHORIZED)).await;
    assert_eq!(reply.text(), "content");
    assert_eq!(
        registry.seen()[0].header("authorization"),
        Some("Bearer secret")
    );
    assert_eq!(storage.seen()[0].header("authorization"), None);
    assert_eq!(storage.paths(), ["/x?sig=1"]);
}

#[tokio::test]
async fn on_the_same_host_it_goes_on_unless_the_address_is_signed() {
    for (to, kept) in [
        ("/elsewhere", true),
        ("/elsewhere?X-Amz-Signature=abc", false),
    ] {
        let registry = Double::start(move |seen| match seen.path.starts_with("/v2/") {
            true => answer(302, &[("location", to)], ""),
            false => answer(200, &[], "content"),
        })
        .await;
        let app = proxy(&registry.flags());
        let reply = send(&app, request("GET", &path(&registry), &AUTHORIZED)).await;
        assert_eq!(reply.text(), "content");
        assert_eq!(
            registry.seen()[1].header("authorization").is_some(),
            kept,
            "{to}"
        );
    }
}

#[tokio::test]
async fn it_does_not_come_back() {
    let storage_to = Arc::new(std::sync::Mutex::new(String::new()));
    let to = storage_to.clone();
    let storage =
        Double::start(move |_| answer(302, &[("location", to.lock().unwrap().as_str())], "")).await;
    let at = storage.address;
    let registry = Double::start(move |seen| match seen.path.starts_with("/v2/") {
        true => answer(302, &[("location", format!("http://{at}/x").as_str())], ""),
        false => answer(200, &[], "content"),
    })
    .await;
    *storage_to.lock().unwrap() = format!("http://{}/back", registry.address);
    let app = proxy(&(registry.flags() + &storage.flags()));
    send(&app, request("GET", &path(&registry), &AUTHORIZED)).await;
    assert_eq!(registry.seen()[1].header("authorization"), None);
}

#[tokio::test]
async fn ten_hops_and_no_more() {
    for (hops, fine) in [(10, true), (11, false)] {
        let registry = Double::start(move |seen| {
            let at: usize = seen
                .path
                .strip_prefix("/hop")
                .map_or(0, |n| n.parse().unwrap());
            match at < hops {
                true => answer(307, &[("location", format!("/hop{}", at + 1).as_str())], ""),
                false => answer(200, &[], "content"),
            }
        })
        .await;
        let reply = get(&proxy(&registry.flags()), &path(&registry)).await;
        match fine {
            true => assert_eq!(reply.text(), "content"),
            false => reply.assert_error(502, "TOO_MANY_REDIRECTS"),
        }
    }
}

#[tokio::test]
async fn hops_that_are_not_taken() {
    let other = Double::start(|_| answer(200, &[], "content")).await;
    for (to, status, code) in [
        (
            format!("http://{}/x", other.address),
            502,
            "REDIRECT_REFUSED",
        ),
        (
            format!("https://{}/x", other.address),
            502,
            "REDIRECT_REFUSED",
        ),
        (
            "https://user:pw@cdn.example/x".into(),
            502,
            "REDIRECT_REFUSED",
        ),
        ("file:///etc/passwd".into(), 502, "REDIRECT_REFUSED"),
        ("https://127.0.0.1/x".into(), 403, "ADDRESS_REFUSED"),
        ("https://2130706433/x".into(), 403, "ADDRESS_REFUSED"),
        (
            "https://169.254.169.254/latest/meta-data/".into(),
            403,
            "ADDRESS_REFUSED",
        ),
        (
            "https://[::ffff:127.0.0.1]/x".into(),
            403,
            "ADDRESS_REFUSED",
        ),
        ("https://localhost/x".into(), 403, "ADDRESS_REFUSED"),
        ("https://sample.localhost/x".into(), 403, "ADDRESS_REFUSED"),
        ("https://inside.example/x".into(), 403, "ADDRESS_REFUSED"),
    ] {
        let registry = redirecting(to.clone()).await;
        let names = Names::new(&[("inside.example", &["192.168.1.1"])]);
        let reply = get(
            &proxy_of(config(&registry.flags()), names),
            &path(&registry),
        )
        .await;
        assert_eq!(reply.header("x-layerscope-error"), code, "{to}");
        reply.assert_error(status, code);
    }
    assert_eq!(other.seen().len(), 0);
}

#[tokio::test]
async fn signed_queries_are_in_no_message() {
    let registry = redirecting("https://127.0.0.1/x?X-Amz-Signature=topsecret".into()).await;
    let reply = get(&proxy(&registry.flags()), &path(&registry)).await;
    assert!(!reply.text().contains("topsecret"), "{}", reply.text());
}

#[tokio::test]
async fn manifests_follow_too() {
    let other = Double::start(|_| answer(200, &[], "{}")).await;
    let registry = redirecting(format!("http://{}/v2/b/manifests/latest", other.address)).await;
    let app = proxy(&(registry.flags() + &other.flags()));
    let path = format!(
        "/api/v1/manifest?registry={}&repository=a&reference=latest",
        registry.address
    );
    let reply = send(&app, request("GET", &path, &AUTHORIZED)).await;
    assert_eq!(reply.text(), "{}");
    assert_eq!(other.seen()[0].header("authorization"), None);
    assert!(
        other.seen()[0]
            .header("accept")
            .unwrap()
            .contains("oci.image.index")
    );
}

#[tokio::test]
async fn where_a_blob_was_is_remembered_for_whom_it_was_told() {
    let storage = Double::start(|_| answer(206, &[("content-range", "bytes 0-0/10")], "0")).await;
    let registry = redirecting(format!("http://{}/x?sig=1", storage.address)).await;
    let app = proxy(&(registry.flags() + &storage.flags()));
    let read = |authorization: &'static str| {
        let sent = [("range", "bytes=0-0"), ("authorization", authorization)];
        request("GET", &path(&registry), &sent)
    };
    for _ in 0..3 {
        assert_eq!(send(&app, read("Bearer a")).await.status, 206);
    }
    assert_eq!((registry.seen().len(), storage.seen().len()), (1, 3));
    assert!(
        storage
            .seen()
            .iter()
            .all(|seen| seen.header("authorization").is_none())
    );
    send(&app, read("Bearer b")).await;
    assert_eq!((registry.seen().len(), storage.seen().len()), (2, 4));
}

#[tokio::test]
async fn an_address_that_is_over_is_asked_for_again_once() {
    let over = Arc::new(AtomicBool::new(false));
    let state = over.clone();
    let storage =
        Double::start(
            move |seen| match state.load(Ordering::Relaxed) && seen.path == "/old" {
                true => answer(403, &[], "expired"),
                false => answer(200, &[], "content"),
            },
        )
        .await;
    let (at, state) = (storage.address, over.clone());
    let registry = Double::start(move |_| {
        let name = if state.load(Ordering::Relaxed) {
            "new"
        } else {
            "old"
        };
        answer(
            307,
            &[("location", format!("http://{at}/{name}").as_str())],
            "",
        )
    })
    .await;
    let app = proxy(&(registry.flags() + &storage.flags()));
    assert_eq!(get(&app, &path(&registry)).await.text(), "content");
    over.store(true, Ordering::Relaxed);
    assert_eq!(get(&app, &path(&registry)).await.text(), "content");
    assert_eq!(storage.paths(), ["/old", "/old", "/new"]);
    assert_eq!(registry.seen().len(), 2);
}

#[tokio::test]
async fn a_refusal_that_stays_is_passed_on() {
    let storage = Double::start(|_| answer(403, &[], "no")).await;
    let registry = redirecting(format!("http://{}/x", storage.address)).await;
    let app = proxy(&(registry.flags() + &storage.flags()));
    assert_eq!(get(&app, &path(&registry)).await.status, 403);
    assert_eq!((registry.seen().len(), storage.seen().len()), (1, 1));
}

#[tokio::test]
async fn googles_registries_see_no_range_before_their_storage() {
    let storage = Double::start(|seen| {
        assert_eq!(seen.header("range"), Some("bytes=2-4"));
        answer(206, &[("content-range", "bytes 2-4/10")], "234")
    })
    .await;
    let location = format!("http://{}/x?sig=1", storage.address);
    let registry = Double::start(move |seen| match seen.path.starts_with("/v2/direct/") {
        true => match seen.header("range") {
            None => answer(200, &[], "0123456789"),
            Some(_) => answer(206, &[("content-range", "bytes 2-4/10")], "234"),
        },
        false => answer(302, &[("location", location.as_str())], ""),
    })
    .await;
    let name = format!("gcr.io:{}", registry.address.port());
    let flags = format!(
        "--allow-private {name} --plain-http {name} {}",
        storage.flags()
    );
    let app = proxy_of(config(&flags), Names::new(&[("gcr.io", &["127.0.0.1"])]));
    for repository in ["a", "direct"] {
        let path = format!(
            "/api/v1/blob?registry={name}&repository={repository}&digest={}",
            some_digest()
        );
        let reply = send(&app, request("GET", &path, &[("range", "bytes=2-4")])).await;
        assert_eq!((reply.status.as_u16(), reply.text().as_str()), (206, "234"));
    }
    let ranges: Vec<bool> = registry
        .seen()
        .iter()
        .map(|seen| seen.header("range").is_some())
        .collect();
    assert_eq!(ranges, [false, false, true]);
}
