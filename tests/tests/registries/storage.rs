//! Storage behind a registry: addresses that run out, and storage that breaks off, knows no Range
//! or wants no Authorization.

use layerscope_core::port::Body;
use layerscope_tests::hosts::{Content, Row, When, get};
use layerscope_tests::net::wait;

use crate::setup::Setup;

const HOST: &str = "registry.example";
const STORE: &str = "store.example";

const ROWS: &[Row] = &[
    get(HOST, "/v2/a/blobs/{layer}").answers(
        307,
        &[(
            "location",
            "https://store.example/x?X-Amz-Expires=1200&X-Amz-Signature=1",
        )],
    ),
    get(STORE, "/x")
        .when(&[When::Query("X-Amz-Signature", "1")])
        .body(Content::Layer),
];

/// A late comer is refused by the storage; the registry is asked for a new address, once.
#[test]
fn an_address_that_is_over() {
    let setup = Setup::new("registry.example/a", ROWS);
    setup.part(0..10);
    setup.asked();
    setup.hosts.change(&[
        get(STORE, "/x")
            .when(&[When::Query("X-Amz-Signature", "1")])
            .answers(403, &[])
            .text("<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"),
        get(STORE, "/x")
            .when(&[When::Query("X-Amz-Signature", "2")])
            .body(Content::Layer),
        get(HOST, "/v2/a/blobs/{layer}").answers(
            307,
            &[("location", "https://store.example/x?X-Amz-Signature=2")],
        ),
    ]);
    setup.part(10..20);
    let statuses: Vec<u16> = setup.asked().iter().map(|one| one.status).collect();
    assert_eq!(statuses, [403, 307, 206]);
}

/// An address that says that it lives for a second is forgotten in time.
#[test]
fn an_address_for_a_second() {
    let setup = Setup::new("registry.example/a", ROWS);
    setup
        .hosts
        .change(&[get(HOST, "/v2/a/blobs/{layer}").answers(
            307,
            &[(
                "location",
                "https://store.example/x?X-Amz-Expires=1&X-Amz-Signature=1",
            )],
        )]);
    setup.part(0..10);
    std::thread::sleep(std::time::Duration::from_millis(900));
    setup.part(10..20);
    assert_eq!(setup.asked().len(), 4);
}

/// A download that broke goes on where it stopped: the rest, by one more request.
#[test]
fn a_download_that_breaks_off_goes_on() {
    let setup = Setup::new("registry.example/a", ROWS);
    setup
        .hosts
        .change(&[get(STORE, "/x").body(Content::BreaksOff(70_000))]);
    let layer = setup.layer();
    let whole = &setup.hosts.image().layer;
    let mut got = Vec::new();
    let broke = wait(async {
        let stream = setup.client.blob_stream(setup.repository(), &layer, 0);
        let mut stream = stream.await.unwrap();
        assert_eq!(stream.expected, Some(whole.len() as u64));
        loop {
            match stream.body.next().await {
                Ok(Some(piece)) => got.extend(piece),
                end => break end,
            }
        }
    });
    assert!(broke.is_err() && !got.is_empty() && whole.starts_with(&got));
    setup.asked();
    setup.hosts.change(&[get(STORE, "/x").body(Content::Layer)]);
    wait(async {
        let from = got.len() as u64;
        let stream = setup.client.blob_stream(setup.repository(), &layer, from);
        let mut stream = stream.await.unwrap();
        assert!(stream.ranged);
        while let Some(piece) = stream.body.next().await.unwrap() {
            got.extend(piece);
        }
    });
    assert!(got == *whole);
    let asked = setup.asked();
    assert_eq!((asked.len(), asked[0].status), (1, 206));
}

/// Storage that does not know Range sends all of it; the part is cut out.
#[test]
fn storage_without_range() {
    let setup = Setup::new("registry.example/a", ROWS);
    setup
        .hosts
        .change(&[get(STORE, "/x").body(Content::WholeLayer)]);
    setup.part(150_000..150_100);
}
