//! Bodies by `fetch`, from addresses that need no server.
#![cfg(target_arch = "wasm32")]
#![allow(clippy::unwrap_used)] // a test's panic is its message

use layerscope_app::browser::fetch::FetchHttp;
use layerscope_app::browser::page::object_url;
use layerscope_core::port::{Body, Http, HttpError, HttpRequest};
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

async fn read(request: HttpRequest) -> Result<(u16, Vec<u8>, usize), HttpError> {
    let mut response = FetchHttp.send(request).await?;
    let (mut bytes, mut pieces) = (Vec::new(), 0);
    while let Some(piece) = response.body.next().await? {
        bytes.extend_from_slice(&piece);
        pieces += 1;
    }
    assert_eq!(
        response.body.next().await?,
        None,
        "an ended body stays ended"
    );
    Ok((response.status, bytes, pieces))
}

#[wasm_bindgen_test]
async fn a_small_body_and_its_headers() {
    let request = HttpRequest::get("data:application/json,%7B%7D");
    let response = FetchHttp.send(request.clone()).await.unwrap();
    assert_eq!(
        response.headers.get("Content-Type"),
        Some("application/json")
    );
    assert_eq!(read(request).await.unwrap(), (200, b"{}".to_vec(), 1));
}

#[wasm_bindgen_test]
async fn a_body_of_several_megabytes_comes_in_pieces() {
    let bytes: Vec<u8> = (0..5_000_000u32)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    let url = object_url(&bytes, "application/octet-stream").unwrap();
    let (status, got, pieces) = read(HttpRequest::get(url.href())).await.unwrap();
    assert_eq!(status, 200);
    assert!(got == bytes, "{} of {} bytes", got.len(), bytes.len());
    assert!(pieces > 1);
}

#[wasm_bindgen_test]
async fn a_range_is_passed_on() {
    let url = object_url(b"0123456789", "text/plain").unwrap();
    let request = HttpRequest::get(url.href()).with_header("Range", "bytes=2-5");
    let (status, got, _) = read(request).await.unwrap();
    assert_eq!((status, got), (206, b"2345".to_vec()));
}

#[wasm_bindgen_test]
async fn an_empty_body() {
    assert_eq!(read(HttpRequest::get("data:,")).await.unwrap().1, b"");
}

#[wasm_bindgen_test]
async fn a_dead_address_is_a_network_error_that_names_its_host() {
    // Port 9 is on the browser's list of ports never asked.
    match read(HttpRequest::get("http://127.0.0.1:9/v2/")).await {
        Err(HttpError::Network { url_host, .. }) => assert_eq!(url_host, "127.0.0.1:9"),
        other => panic!("{other:?}"),
    }
}

#[wasm_bindgen_test]
async fn a_header_that_is_none_is_refused_before_anything_is_sent() {
    let request = HttpRequest::get("data:,").with_header("a b", "c");
    assert!(matches!(read(request).await, Err(HttpError::BadUrl { .. })));
}

#[wasm_bindgen_test]
async fn dropping_a_body_half_way_leaves_the_next_request_alone() {
    let url = object_url(&vec![1; 3_000_000], "text/plain").unwrap();
    for _ in 0..20 {
        let mut response = FetchHttp.send(HttpRequest::get(url.href())).await.unwrap();
        assert!(response.body.next().await.unwrap().is_some());
    }
    assert_eq!(
        read(HttpRequest::get(url.href())).await.unwrap().1.len(),
        3_000_000
    );
}
