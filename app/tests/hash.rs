//! A layer is hashed with a second worker or without.
#![cfg(target_arch = "wasm32")]
#![allow(clippy::unwrap_used)] // a test's panic is its message

use layerscope_app::browser::hash::BrowserHash;
use layerscope_app::browser::page::object_url;
use layerscope_core::digest::Algorithm;
use layerscope_core::layer_index::{BlobDigests, BlobHasher};
use layerscope_core::port::{Hash, HashError};
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

const CHUNK: usize = 1 << 20;
/// More than may wait for a worker that loads, or for one that hashes.
const CHUNKS: usize = 6;

/// A second worker's reports as a script makes them: the number of their kind, and what it says.
const SAYS: &str = "
    const UP = [0], HASHED = [1, 0x80, 0x80, 0x40, 0], DONE = [2], FINISH = 1;
    const buffer = (bytes) => new Uint8Array(bytes).buffer;
    const say = (report, beside) =>
        postMessage([report, beside].filter(Boolean).map(buffer));";

async fn hash_with(worker: Option<&str>) -> Result<BlobDigests, HashError> {
    let url = worker.map(|text| object_url(text.as_bytes(), "text/javascript").unwrap());
    let url = url.as_ref().map(|url| url.href());
    let mut hash = BrowserHash::start_at(url, Algorithm::Sha256, Vec::new());
    for i in 0..CHUNKS {
        hash.push(&vec![i as u8; CHUNK]).await?;
    }
    hash.finish().await
}

fn expected() -> BlobDigests {
    let mut ours = BlobHasher::new(Algorithm::Sha256);
    for i in 0..CHUNKS {
        ours.push(&vec![i as u8; CHUNK]);
    }
    ours.finish()
}

#[wasm_bindgen_test]
async fn without_a_second_worker_it_is_done_here() {
    assert_eq!(hash_with(None).await, Ok(expected()));
}

#[wasm_bindgen_test]
async fn it_goes_on_from_states_that_were_told() {
    let mut first = BrowserHash::start_at(None, Algorithm::Sha256, Vec::new());
    first.push(&vec![0; CHUNK]).await.unwrap();
    let mut states = first.states(0).await.unwrap();
    assert_eq!(first.states(5).await.unwrap(), &states[160..]);
    states.truncate(32 * 100);
    let mut second = BrowserHash::start_at(None, Algorithm::Sha256, states);
    second.push(&vec![0; CHUNK - 100 * 4096]).await.unwrap();
    for i in 1..CHUNKS {
        second.push(&vec![i as u8; CHUNK]).await.unwrap();
    }
    assert_eq!(second.finish().await, Ok(expected()));
}

#[wasm_bindgen_test]
async fn a_second_worker_that_does_not_load_is_replaced() {
    assert_eq!(
        hash_with(Some("throw new Error('no')")).await,
        Ok(expected())
    );
}

#[wasm_bindgen_test]
async fn a_second_worker_that_dies_half_way_is_told() {
    // It hashes two pieces and then runs out of memory.
    let dies = format!(
        "{SAYS} let seen = 0;
        say(UP);
        onmessage = (message) => {{
            if (!(message.data instanceof ArrayBuffer)) return;
            if (++seen > 2) setTimeout(() => {{ throw new Error('out of memory'); }});
            else say(HASHED);
        }};"
    );
    let error = hash_with(Some(&dies)).await.unwrap_err();
    assert!(error.detail.contains("out of memory"), "{error}");
}

#[wasm_bindgen_test]
async fn an_answer_that_makes_no_sense_is_no_answer() {
    let lies = format!(
        "{SAYS} say(UP);
        onmessage = (message) => {{
            if (message.data instanceof ArrayBuffer) say(HASHED);
            else if (new Uint8Array(message.data[0])[0] === FINISH) say(DONE, [1, 2, 3]);
        }};"
    );
    assert!(hash_with(Some(&lies)).await.is_err());
}
