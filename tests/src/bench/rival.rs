//! The browser's own decompressor, and the parts of our pipeline, each in a worker on a page that
//! has nothing else to do.

use std::{path::PathBuf, sync::Arc};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::{Value, json};

use crate::{browser::Browser, net::Server};

/// `DecompressionStream` fed with 64 KiB chunks, its output discarded.
const NATIVE_WORKER: &str = r"
    onmessage = async ({ data: url }) => {
        try {
            const blob = new Uint8Array(await (await fetch(url)).arrayBuffer());
            const CHUNK = 64 * 1024;
            let at = 0;
            const source = new ReadableStream({
                pull(controller) {
                    if (at >= blob.length) return controller.close();
                    controller.enqueue(blob.subarray(at, at += CHUNK));
                },
            });
            const start = performance.now();
            const reader = source.pipeThrough(new DecompressionStream('gzip')).getReader();
            let bytes = 0;
            for (;;) {
                const { done, value } = await reader.read();
                if (done) break;
                bytes += value.length;
            }
            postMessage(JSON.stringify({ ms: performance.now() - start, inflated_bytes: bytes }));
        } catch (error) { postMessage(`error: ${error}`); }
    };
    postMessage('up');
";

/// fflate, fed with 64 KiB chunks, its output counted.
const FFLATE_WORKER: &str = r"
    importScripts('/npm/fflate/umd/index.js');
    onmessage = async ({ data: url }) => {
        try {
            const blob = new Uint8Array(await (await fetch(url)).arrayBuffer());
            const CHUNK = 64 * 1024;
            const start = performance.now();
            let bytes = 0;
            const gunzip = new fflate.Gunzip((chunk) => { bytes += chunk.length; });
            for (let at = 0; at < blob.length; at += CHUNK)
                gunzip.push(blob.subarray(at, at + CHUNK), at + CHUNK >= blob.length);
            postMessage(JSON.stringify({ ms: performance.now() - start, inflated_bytes: bytes }));
        } catch (error) { postMessage(`error: ${error}`); }
    };
    postMessage('up');
";

/// pako, likewise.
const PAKO_WORKER: &str = r"
    importScripts('/npm/pako/dist/browser/pako_inflate.umd.min.js');
    onmessage = async ({ data: url }) => {
        try {
            const blob = new Uint8Array(await (await fetch(url)).arrayBuffer());
            const CHUNK = 64 * 1024;
            const start = performance.now();
            let bytes = 0;
            const inflate = new pako.Inflate();
            inflate.onData = (chunk) => { bytes += chunk.length; };
            inflate.onEnd = () => {};
            for (let at = 0; at < blob.length && !inflate.ended; at += CHUNK)
                inflate.push(blob.subarray(at, at + CHUNK), at + CHUNK >= blob.length);
            if (inflate.err) throw new Error(inflate.msg);
            postMessage(JSON.stringify({ ms: performance.now() - start, inflated_bytes: bytes }));
        } catch (error) { postMessage(`error: ${error}`); }
    };
    postMessage('up');
";

/// What npm has, by name and worker.
pub const NPM: [(&str, &str); 2] = [("fflate", "/fflate.js"), ("pako", "/pako.js")];

/// Loads what wasm-bindgen made for `--target no-modules`.
const PARTS_WORKER: &str =
    "importScripts('/parts/bench.js'); wasm_bindgen('/parts/bench_bg.wasm');";

/// Starts the worker at `args[0]`, hands it the layer, and returns what it says.
const DRIVE: &str = r"
    const worker = new Worker(args[0]);
    const says = () => new Promise((done, fail) => {
        worker.onmessage = ({ data }) => done(data);
        worker.onerror = (event) => fail(new Error(event.message));
    });
    await says();
    worker.postMessage(location.origin + '/layer');
    const answer = await says();
    worker.terminate();
    if (answer.startsWith('error')) throw new Error(answer);
    return JSON.parse(answer);
";

#[derive(Clone)]
struct Files {
    layer: Bytes,
    /// Where `bench.js` and `bench_bg.wasm` are.
    parts: Arc<PathBuf>,
    /// A folder `node_modules`, if there is one.
    npm: Option<Arc<PathBuf>>,
}

/// Serves the layer and the workers.
pub struct Rival {
    server: Server,
}

impl Rival {
    /// Starts it on a loopback port.
    ///
    /// # Errors
    /// No port is to be had.
    pub fn start(layer: Bytes, parts: PathBuf, npm: Option<PathBuf>) -> std::io::Result<Self> {
        let files = Files {
            layer,
            parts: Arc::new(parts),
            npm: npm.map(Arc::new),
        };
        let script = |text: &'static str| {
            move || async move { ([(header::CONTENT_TYPE, "text/javascript")], text) }
        };
        let router = Router::new()
            .route("/", get(|| async { page() }))
            .route("/native.js", get(script(NATIVE_WORKER)))
            .route("/parts.js", get(script(PARTS_WORKER)))
            .route("/fflate.js", get(script(FFLATE_WORKER)))
            .route("/pako.js", get(script(PAKO_WORKER)))
            .route("/npm/{*path}", get(npm_file))
            .route("/layer", get(layer_bytes))
            .route("/parts/{name}", get(part))
            .with_state(files);
        Ok(Self {
            server: Server::start(router)?,
        })
    }

    /// One run of the browser's own decompressor: seconds, and bytes that came out.
    ///
    /// # Panics
    /// It fails.
    pub fn decompression_stream(&self, browser: &Browser) -> (f64, f64) {
        self.inflate(browser, "/native.js")
    }

    /// One run of an inflater in a worker at this address: seconds, and bytes that came out.
    ///
    /// # Panics
    /// It fails.
    pub fn inflate(&self, browser: &Browser, worker: &str) -> (f64, f64) {
        let answer = self.drive(browser, worker);
        let number = |name: &str| answer[name].as_f64().expect("a number");
        (number("ms") / 1000.0, number("inflated_bytes"))
    }

    /// One run of each part of ours: milliseconds and bytes by name.
    ///
    /// # Panics
    /// It fails.
    pub fn parts(&self, browser: &Browser) -> Vec<(String, f64)> {
        let answer = self.drive(browser, "/parts.js");
        let figures = answer.as_object().expect("an object");
        figures
            .iter()
            .map(|(name, value)| (name.clone(), value.as_f64().expect("a number")))
            .collect()
    }

    fn drive(&self, browser: &Browser, worker: &str) -> Value {
        browser.goto(&format!("http://{}/", self.server.host()));
        browser.run_async(DRIVE, &[json!(worker)])
    }
}

fn page() -> Response {
    let html = "<!doctype html><title>bench</title>";
    ([(header::CONTENT_TYPE, "text/html")], html).into_response()
}

async fn layer_bytes(State(files): State<Files>) -> Response {
    Response::new(Body::from(files.layer))
}

/// A script of npm's; only names of files that are asked for here come so far.
async fn npm_file(
    State(files): State<Files>,
    axum::extract::Path(path): axum::extract::Path<String>,
) -> Response {
    let Some(folder) = files.npm.filter(|_| !path.contains("..")) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    match std::fs::read(folder.join(&path)) {
        Ok(bytes) => ([(header::CONTENT_TYPE, "text/javascript")], bytes).into_response(),
        Err(error) => (StatusCode::NOT_FOUND, error.to_string()).into_response(),
    }
}

async fn part(
    State(files): State<Files>,
    axum::extract::Path(name): axum::extract::Path<String>,
) -> Response {
    let kind = match name.as_str() {
        "bench.js" => "text/javascript",
        "bench_bg.wasm" => "application/wasm",
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    match std::fs::read(files.parts.join(&name)) {
        Ok(bytes) => ([(header::CONTENT_TYPE, kind)], bytes).into_response(),
        Err(error) => (StatusCode::NOT_FOUND, error.to_string()).into_response(),
    }
}
