//! What the parts of indexing a layer cost in a browser's worker; started by `cargo xtask bench`.
//!
//! Answers its first message, the address of a layer, with one flat JSON object of numbers:
//! milliseconds for the whole layer, each part alone on this one thread. The layer lies in memory
//! and comes in chunks of a fixed size, so that no network is measured.

#[cfg(target_arch = "wasm32")]
mod measure {
    use js_sys::{ArrayBuffer, Promise, Reflect, Uint8Array};
    use layerscope_app::browser::{fetch::FetchHttp, scope, timer};
    use layerscope_core::digest::{Algorithm, Digest, Hasher};
    use layerscope_core::explore::ports::SaveEvery;
    use layerscope_core::layer_index::{
        BlobHasher, BuildOptions, IndexBuilder, LayerIndex, PartialIndex,
    };
    use layerscope_core::port::{Body, Http, HttpRequest};
    use layerscope_core::toc::EntryKind;
    use layerscope_inflate::{
        DefaultEngine, Engine, GzipIndexBuilder, GzipOptions, MinizEngine, Trade,
    };
    use serde_json::{Map, Value};
    use wasm_bindgen::{JsCast, JsValue};
    use wasm_bindgen_futures::{JsFuture, spawn_local};

    /// What a browser's stream typically gives at once, in bytes.
    const CHUNK: usize = 64 * 1024;

    /// Files that are read, one after the other, for what one read takes.
    const READS: u32 = 400;
    /// What the page asks for at once of a file, in bytes.
    const READ_BYTES: u64 = 256 * 1024;

    /// Waits for the address and answers.
    pub fn start() {
        scope::on_message(|received| {
            let Some(url) = received.as_string() else {
                return;
            };
            spawn_local(async move {
                let answer = match run(&url).await {
                    Ok(figures) => Value::Object(figures).to_string(),
                    Err(error) => format!("error: {error}"),
                };
                post(&answer);
            });
        });
        post("up");
    }

    fn post(text: &str) {
        let scope: web_sys::DedicatedWorkerGlobalScope = js_sys::global().unchecked_into();
        drop(scope.post_message(&JsValue::from_str(text)));
    }

    async fn run(url: &str) -> Result<Map<String, Value>, String> {
        let blob = download(url).await?;
        let mut figures = Map::new();
        let mut add = |name: &str, ms: f64| figures.insert(name.to_owned(), Value::from(ms));

        add(
            "inflate_miniz_ms",
            inflate::<MinizEngine>(&blob, Trade::NONE, false)?,
        );
        let ours = inflate::<DefaultEngine>;
        add("inflate_ms", ours(&blob, Trade::NONE, false)?);
        add("inflate_crc_ms", ours(&blob, Trade::NONE, true)?);
        for (name, run) in layerscope_peers::ENGINES {
            let start = timer::now_ms();
            // One that cannot read this blob is left out.
            if run(&blob, CHUNK).is_ok() {
                add(&format!("inflate_{name}_ms"), timer::now_ms() - start);
            }
        }
        add(
            "inflate_checkpoints_ms",
            ours(&blob, Trade::BALANCED, false)?,
        );

        let start = timer::now_ms();
        let mut options = BuildOptions::default();
        options.gzip.check_crc = false; // as in the app
        let mut builder = IndexBuilder::new(options);
        for chunk in blob.chunks(CHUNK) {
            builder.push(chunk).map_err(|e| e.to_string())?;
        }
        let built = builder.finish();
        add("index_ms", timer::now_ms() - start);

        add("index_put_aside_ms", put_aside(&blob, built.in_len)?);

        let start = timer::now_ms();
        let mut whole = Hasher::new(Algorithm::Sha256);
        blob.chunks(CHUNK).for_each(|chunk| whole.update(chunk));
        let digest = whole.finish();
        add("sha256_wasm_ms", timer::now_ms() - start);

        let start = timer::now_ms();
        let mut hasher = BlobHasher::new(Algorithm::Sha256);
        blob.chunks(CHUNK).for_each(|chunk| hasher.push(chunk));
        let digests = hasher.finish();
        add("sha256_and_units_wasm_ms", timer::now_ms() - start);
        if let Some(ms) = subtle(&blob).await? {
            add("sha256_browser_ms", ms);
        }

        let start = timer::now_ms();
        let index = LayerIndex::seal(built, digests, &digest).map_err(|e| e.to_string())?;
        let stored = index.to_bytes().unwrap_or_default();
        add("seal_ms", timer::now_ms() - start);
        let start = timer::now_ms();
        let index = LayerIndex::from_bytes(&stored).map_err(|e| e.to_string())?;
        add("load_index_ms", timer::now_ms() - start);
        let mut reads = reads(&index, &blob)?;
        reads.sort_by(f64::total_cmp);
        let at = |share: usize| reads.get(reads.len() * share / 100).copied();
        for (name, share) in [("read_p50_ms", 50), ("read_p95_ms", 95)] {
            if let Some(ms) = at(share) {
                add(name, ms);
            }
        }
        add("blob_bytes", blob.len() as f64);
        add("inflated_bytes", index.out_len() as f64);
        Ok(figures)
    }

    /// As `index_ms`, put aside every 16 MiB as the app does, but for the states of the hash and the
    /// store, which it does not wait for.
    fn put_aside(blob: &[u8], len: u64) -> Result<f64, String> {
        let start = timer::now_ms();
        let mut options = BuildOptions::default();
        options.gzip.check_crc = false; // as in the app
        let every = SaveEvery::default().bytes;
        let mut builder = IndexBuilder::new(options);
        let mut partial = PartialIndex::new(Digest::of(Algorithm::Sha256, b""));
        let mut due = every;
        for mut chunk in blob.chunks(CHUNK) {
            while builder.in_len() >= due
                && let Some(left) = builder.push_to_stop(chunk).map_err(|e| e.to_string())?
            {
                chunk = left;
                if let Some(aside) = partial.put_aside(&builder) {
                    let states = vec![0; aside.states.len() * 32];
                    partial.complete(aside, &states).ok_or("it does not fit")?;
                    due = builder.in_len() + every;
                }
            }
            if builder.in_len() < due {
                builder.push(chunk).map_err(|e| e.to_string())?;
            }
        }
        let built = builder.finish();
        let ms = timer::now_ms() - start;
        (built.in_len == len)
            .then_some(ms)
            .ok_or("bytes were lost".to_owned())
    }

    /// Milliseconds from the fetched bytes of a file to its plain ones: restoring the window,
    /// checking units, inflating what is before the file and the file.
    fn reads(index: &LayerIndex, blob: &[u8]) -> Result<Vec<f64>, String> {
        let toc = index.toc();
        let file = |n: &u32| toc.kind(*n) == Some(EntryKind::File) && toc.size(*n) > 0;
        let step = (toc.len() / READS).max(1);
        let mut all = Vec::new();
        for ordinal in (0..toc.len()).filter(file).step_by(step as usize) {
            let start = timer::now_ms();
            let plan = index
                .plan_read(ordinal, 0..READ_BYTES)
                .map_err(|e| e.to_string())?;
            let (range, wanted) = (plan.in_range.clone(), plan.range.clone());
            let fetched = &blob[range.start as usize..range.end as usize]; // a plan is inside
            let mut reader = index.reader(plan).map_err(|e| e.to_string())?;
            let mut out = Vec::new();
            let mut take = |bytes: &[u8]| out.extend_from_slice(bytes);
            reader.push(fetched, &mut take).map_err(|e| e.to_string())?;
            reader.finish(&mut take).map_err(|e| e.to_string())?;
            all.push(timer::now_ms() - start);
            if out.len() as u64 != wanted.end - wanted.start {
                return Err(format!("entry {ordinal} was not read whole"));
            }
        }
        Ok(all)
    }

    async fn download(url: &str) -> Result<Vec<u8>, String> {
        let answer = FetchHttp.send(HttpRequest::get(url)).await;
        let mut answer = answer.map_err(|e| e.to_string())?;
        let mut blob = Vec::new();
        while let Some(piece) = answer.body.next().await.map_err(|e| e.to_string())? {
            blob.extend_from_slice(&piece);
        }
        Ok(blob)
    }

    fn inflate<E: Engine>(blob: &[u8], trade: Trade, check_crc: bool) -> Result<f64, String> {
        let start = timer::now_ms();
        let mut builder: GzipIndexBuilder<E> = GzipIndexBuilder::new(GzipOptions {
            trade,
            check_crc,
            ..GzipOptions::default()
        });
        for chunk in blob.chunks(CHUNK) {
            builder
                .push(chunk, &mut |_| {})
                .map_err(|e| e.to_string())?;
        }
        match builder.finish() {
            (_, None) => Ok(timer::now_ms() - start),
            (_, Some(problem)) => Err(problem.to_string()),
        }
    }

    /// The browser's own SHA-256 over the whole; `None` where it is absent (plain http).
    async fn subtle(blob: &[u8]) -> Result<Option<f64>, String> {
        let text = |e: JsValue| format!("{e:?}");
        let crypto = Reflect::get(&js_sys::global(), &"crypto".into()).map_err(text)?;
        let Ok(crypto) = crypto.dyn_into::<web_sys::Crypto>() else {
            return Ok(None);
        };
        let bytes = Uint8Array::from(blob);
        let start = timer::now_ms();
        let promise: Promise = crypto
            .subtle()
            .digest_with_str_and_js_u8_array("SHA-256", &bytes)
            .map_err(text)?;
        let theirs = JsFuture::from(promise).await.map_err(text)?;
        let ms = timer::now_ms() - start;
        let theirs = Uint8Array::new(theirs.unchecked_ref::<ArrayBuffer>()).to_vec();
        let ours = Digest::of(Algorithm::Sha256, blob).raw();
        if theirs != ours.as_slice() {
            return Err("the browser's digest is another".to_owned());
        }
        Ok(Some(ms))
    }
}

#[cfg(target_arch = "wasm32")]
fn main() {
    console_error_panic_hook::set_once();
    measure::start();
}

/// The client runs in a browser only.
#[cfg(not(target_arch = "wasm32"))]
fn main() {}
