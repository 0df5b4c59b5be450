//! Unpacking images that were compressed as a whole: nothing in them could be got at by its place.

use js_sys::{Array, Function, Reflect, Uint8Array};
use layerscope_core::local::{looks_packed, unpacked_limit};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{Blob, ReadableStreamDefaultReader};

use super::chosen::slice;
use super::error::BrowserError;
use super::object::{get, method};

/// Compressed bytes by which it is told what a compressed file holds.
const PACKED_HEAD: f64 = 65_536.0;
/// Plain bytes that are gathered in memory before the browser takes them as a blob, which it keeps
/// on disk if it is large.
const GATHERED: u64 = 16 << 20;
/// What fails.
const DOING: &str = "unpacking the file";

/// The plain bytes of an image's tar, in a blob that the browser keeps on disk if it is large; none
/// of anything else.
pub(super) async fn image(blob: &Blob) -> Result<Option<Blob>, BrowserError> {
    let head = slice(blob, 0.0, PACKED_HEAD).map_err(BrowserError::of(DOING))?;
    if !begins_image(&head).await {
        return Ok(None);
    }
    let stream = inflating(blob).ok_or(BrowserError::Missing {
        what: "gzip for files",
    })?;
    let packed = blob.size() as u64; // a whole number that a double holds
    gathered(&stream, unpacked_limit(packed)).await.map(Some)
}

/// The plain bytes of a gzip file, as a stream; none where the browser has no such.
fn inflating(blob: &Blob) -> Option<JsValue> {
    let class: Function = get(&js_sys::global(), "DecompressionStream")
        .dyn_into()
        .ok()?;
    let inflate = Reflect::construct(&class, &Array::of1(&"gzip".into())).ok()?;
    let stream = blob.stream();
    method(&stream, "pipeThrough")?
        .call1(&stream, &inflate)
        .ok()
}

/// All bytes of a stream as a blob, if there are no more than so many.
async fn gathered(stream: &JsValue, limit: u64) -> Result<Blob, BrowserError> {
    let thrown = BrowserError::of(DOING);
    let reader = ReadableStreamDefaultReader::new(stream.unchecked_ref()).map_err(&thrown)?;
    let (pieces, blobs) = (Array::new(), Array::new());
    let (mut total, mut waiting) = (0, 0);
    let flush = || {
        let blob = Blob::new_with_blob_sequence(&pieces)?;
        blobs.push(&blob);
        pieces.set_length(0);
        Ok::<_, JsValue>(())
    };
    loop {
        let next = JsFuture::from(reader.read()).await.map_err(&thrown)?;
        let Ok(piece) = get(&next, "value").dyn_into::<Uint8Array>() else {
            break; // the end
        };
        let len = u64::from(piece.length());
        (total, waiting) = (total + len, waiting + len);
        if total > limit {
            let cancelled = JsFuture::from(reader.cancel());
            spawn_local(async move { drop(cancelled.await) });
            return Err(BrowserError::Unpacked { limit });
        }
        pieces.push(&piece);
        if waiting >= GATHERED {
            flush().map_err(&thrown)?;
            waiting = 0;
        }
    }
    flush().map_err(&thrown)?;
    Blob::new_with_blob_sequence(&blobs).map_err(thrown)
}

/// Whether the beginning of a gzip file is that of an image's tar.
async fn begins_image(head: &Blob) -> bool {
    let first = async {
        let magic = JsFuture::from(slice(head, 0.0, 2.0).ok()?.array_buffer())
            .await
            .ok()?;
        if Uint8Array::new(&magic).to_vec() != [0x1f, 0x8b] {
            return None;
        }
        let stream = inflating(head)?;
        let reader = ReadableStreamDefaultReader::new(stream.unchecked_ref()).ok()?;
        let first = JsFuture::from(reader.read()).await.ok()?;
        // The rest would end in an error, since the file goes on.
        let cancelled = JsFuture::from(reader.cancel());
        spawn_local(async move { drop(cancelled.await) });
        Some(get(&first, "value").dyn_into::<Uint8Array>().ok()?.to_vec())
    };
    first.await.is_some_and(|plain| looks_packed(&plain))
}
